-- Erasures of what the trail holds sealed about somebody, and legal holds that stand against them. An erasure is never changed
-- nor taken back. What is done for it, the key destroyed and the sealed values deleted, a chore writes down.

create table erasure (
  subject text not null primary key,
  basis text not null,
  requester text not null,
  entries bigint not null,
  person_id text not null references person (id),
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index erasure_person on erasure (person_id);
create index erasure_made on erasure (made_at desc, subject);
create index erasure_last_audit on erasure (last_audit_id);

create table erasure_done (
  subject text not null primary key,
  destroyed_at bigint not null,
  cleared_at bigint
);

-- A hold without a subject is on the whole trail.
create table legal_hold (
  id text not null primary key,
  subject text,
  sealed bytea not null,
  person_id text not null references person (id),
  made_at bigint not null,
  released_by text references person (id),
  released_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index legal_hold_person on legal_hold (person_id);
create index legal_hold_released on legal_hold (released_by);
create index legal_hold_subject on legal_hold (subject, released_at);
create index legal_hold_last_audit on legal_hold (last_audit_id);

-- Locked by every act that places a hold and by every act that a hold stands against, so that no two of them both pass.
insert into fixed (name, value) values ('hold_lock', '');

create trigger erasure_audit_change before update or delete on erasure for each row execute function audit_refuse();
create trigger erasure_audit_truncate before truncate on erasure for each statement execute function audit_refuse();
create trigger legal_hold_audit_update before update on legal_hold for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger legal_hold_audit_delete before delete on legal_hold for each row execute function audit_refuse();
create trigger legal_hold_audit_truncate before truncate on legal_hold for each statement execute function audit_refuse();
