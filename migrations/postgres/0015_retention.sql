-- How long entries of the trail are kept, and how far older ones were pruned. What is pruned keeps its id, its place and its
-- hashes; the entry `log.pruned` must be there first.

create table retention (
  id text not null primary key,
  log bigint not null,
  days bigint not null,
  before_days bigint not null,
  sealed bytea not null,
  person_id text not null references person (id),
  made_at bigint not null,
  approved_by text references person (id),
  approved_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index retention_log on retention (log, id desc);
create index retention_person on retention (person_id);
create index retention_approved on retention (approved_by);
create index retention_last_audit on retention (last_audit_id);

create table audit_prune (
  id text not null primary key,
  log bigint not null,
  min_seq bigint not null,
  days bigint not null,
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create unique index audit_prune_log on audit_prune (log, min_seq);
create index audit_prune_last_audit on audit_prune (last_audit_id);

-- How far the work behind the newest `log.pruned` has come. Written by a chore.
create table prune_progress (
  log bigint not null primary key,
  done_seq bigint not null,
  at bigint not null
);

create trigger retention_audit_update before update on retention for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger retention_audit_delete before delete on retention for each row execute function audit_refuse();
create trigger retention_audit_truncate before truncate on retention for each statement execute function audit_refuse();
create trigger audit_prune_audit_change before update or delete on audit_prune for each row execute function audit_refuse();
create trigger audit_prune_audit_truncate before truncate on audit_prune for each statement execute function audit_refuse();

create function audit_is_pruned(event text) returns boolean language sql stable as $$
select exists (select 1 from audit_chain c join audit_prune p on p.log = c.log where c.event_id = event and c.seq < p.min_seq) $$;

-- Of an event below the pruned minimum nothing but its id and its instant may stay; any other change is refused.
create function audit_refuse_unpruned() returns trigger language plpgsql as $$
begin
  if new.id = old.id and new.at = old.at and length(new.body) = 0 and new.actor_kind = '' and new.actor_id is null and new.action = ''
    and new.category = '' and new.object_kind = '' and new.object_id is null and new.outcome = '' and new.address_ix is null
    and new.subject is null and new.request_id is null and audit_is_pruned(old.id) then
    return new;
  end if;
  raise exception '% of % without an audit entry', lower(tg_op), tg_table_name;
end $$;
drop trigger audit_event_change on audit_event;
create trigger audit_event_change before update on audit_event for each row execute function audit_refuse_unpruned();
create trigger audit_event_delete before delete on audit_event for each row execute function audit_refuse();

-- What a role that may only add to the trail calls to prune: it may not update events itself.
create function audit_blank(of_log bigint, first_seq bigint, end_seq bigint) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare blanked bigint;
begin
  update audit_event set body = '', actor_kind = '', actor_id = null, action = '', category = '', object_kind = '', object_id = null,
    outcome = '', address_ix = null, subject = null, request_id = null
  where id in (select c.event_id from audit_chain c where c.log = of_log and c.seq >= first_seq and c.seq < end_seq)
    and length(body) > 0 and action not in ('retention.propose', 'retention.approve', 'epoch.rotate');
  get diagnostics blanked = row_count;
  return blanked;
end $$;

-- A sealed value stays as it is until whom it is about was erased, or its entry was pruned.
create function audit_refuse_payload() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and (exists (select 1 from erasure where subject = old.subject) or audit_is_pruned(old.event_id)) then
    return old;
  end if;
  raise exception '% of % without an audit entry', lower(tg_op), tg_table_name;
end $$;
create trigger audit_payload_change before update or delete on audit_payload for each row execute function audit_refuse_payload();
create trigger audit_payload_truncate before truncate on audit_payload for each statement execute function audit_refuse();
