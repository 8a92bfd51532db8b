-- Erasures of what the trail holds sealed about somebody, and legal holds that stand against them. An erasure is never changed
-- nor taken back. What is done for it, the key destroyed and the sealed values deleted, a chore writes down.

create table erasure (
  subject text not null primary key,
  basis text not null,
  requester text not null,
  entries integer not null,
  person_id text not null references person (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index erasure_person on erasure (person_id);
create index erasure_made on erasure (made_at desc, subject);
create index erasure_last_audit on erasure (last_audit_id);

create table erasure_done (
  subject text not null primary key,
  destroyed_at integer not null,
  cleared_at integer
) strict;

-- A hold without a subject is on the whole trail.
create table legal_hold (
  id text not null primary key,
  subject text,
  sealed blob not null,
  person_id text not null references person (id),
  made_at integer not null,
  released_by text references person (id),
  released_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index legal_hold_person on legal_hold (person_id);
create index legal_hold_released on legal_hold (released_by);
create index legal_hold_subject on legal_hold (subject, released_at);
create index legal_hold_last_audit on legal_hold (last_audit_id);

-- Locked by every act that places a hold and by every act that a hold stands against, so that no two of them both pass.
insert into fixed (name, value) values ('hold_lock', '');

create trigger erasure_audit_insert before insert on erasure
when exists (select 1 from erasure where subject = new.subject) begin select raise(abort, 'an erasure may not be replaced'); end;
create trigger erasure_audit_update before update on erasure begin select raise(abort, 'an erasure is never changed'); end;
create trigger erasure_audit_delete before delete on erasure begin select raise(abort, 'an erasure is never deleted'); end;

create trigger legal_hold_audit_insert before insert on legal_hold
when exists (select 1 from legal_hold where id = new.id) begin select raise(abort, 'a hold may not be replaced'); end;
create trigger legal_hold_audit_update before update on legal_hold
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a hold changed without an audit entry'); end;
create trigger legal_hold_audit_delete before delete on legal_hold begin select raise(abort, 'a hold is never deleted'); end;
