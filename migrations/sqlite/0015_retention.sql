-- How long entries of the trail are kept, and how far older ones were pruned. What is pruned keeps its id, its place and its
-- hashes; the entry `log.pruned` must be there first.

create table retention (
  id text not null primary key,
  log integer not null,
  days integer not null,
  before_days integer not null,
  sealed blob not null,
  person_id text not null references person (id),
  made_at integer not null,
  approved_by text references person (id),
  approved_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index retention_log on retention (log, id desc);
create index retention_person on retention (person_id);
create index retention_approved on retention (approved_by);
create index retention_last_audit on retention (last_audit_id);

create table audit_prune (
  id text not null primary key,
  log integer not null,
  min_seq integer not null,
  days integer not null,
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create unique index audit_prune_log on audit_prune (log, min_seq);
create index audit_prune_last_audit on audit_prune (last_audit_id);

-- How far the work behind the newest `log.pruned` has come. Written by a chore.
create table prune_progress (
  log integer not null primary key,
  done_seq integer not null,
  at integer not null
) strict;

create trigger retention_audit_insert before insert on retention
when exists (select 1 from retention where id = new.id) begin select raise(abort, 'a retention may not be replaced'); end;
create trigger retention_audit_update before update on retention
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a retention changed without an audit entry'); end;
create trigger retention_audit_delete before delete on retention begin select raise(abort, 'a retention is never deleted'); end;

create trigger audit_prune_audit_insert before insert on audit_prune
when exists (select 1 from audit_prune where id = new.id) begin select raise(abort, 'a pruning may not be replaced'); end;
create trigger audit_prune_audit_update before update on audit_prune begin select raise(abort, 'a pruning is never changed'); end;
create trigger audit_prune_audit_delete before delete on audit_prune begin select raise(abort, 'a pruning is never deleted'); end;

-- Of an event below the pruned minimum nothing but its id and its instant may stay; any other change is refused.
drop trigger audit_event_update;
create trigger audit_event_update before update on audit_event
when not (
  new.id = old.id and new.at = old.at and length(new.body) = 0 and new.actor_kind = '' and new.actor_id is null and new.action = ''
  and new.category = '' and new.object_kind = '' and new.object_id is null and new.outcome = '' and new.address_ix is null
  and new.subject is null and new.request_id is null
  and exists (select 1 from audit_chain c join audit_prune p on p.log = c.log where c.event_id = old.id and c.seq < p.min_seq)
) begin select raise(abort, 'an audit event is never changed'); end;

-- A sealed value stays as it is until whom it is about was erased, or its entry was pruned.
create trigger audit_payload_replace before insert on audit_payload
when exists (select 1 from audit_payload where event_id = new.event_id and part = new.part)
begin select raise(abort, 'a sealed value may not be replaced'); end;
create trigger audit_payload_update before update on audit_payload begin select raise(abort, 'a sealed value is never changed'); end;
create trigger audit_payload_delete before delete on audit_payload
when not exists (select 1 from erasure where subject = old.subject)
 and not exists (select 1 from audit_chain c join audit_prune p on p.log = c.log where c.event_id = old.event_id and c.seq < p.min_seq)
begin select raise(abort, 'a sealed value is deleted after an erasure or below the pruned minimum alone'); end;
