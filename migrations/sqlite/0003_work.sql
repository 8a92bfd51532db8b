-- Work that is due, notices that wait to be told, and settings fixed at first start. Written by chores, or beside an act.

create table job (
  id text not null primary key,
  kind text not null,
  subject text not null,
  due_at integer not null,
  attempts integer not null,
  lease_until integer not null,
  done_at integer,
  failed text
) strict;
create index job_due on job (done_at, due_at);
create index job_subject on job (kind, subject);

create table notice (
  id text not null primary key,
  channel text not null,
  person_id text references person (id),
  template text not null,
  sealed blob not null,
  made_at integer not null,
  due_at integer not null,
  attempts integer not null,
  done_at integer,
  failed text
) strict;
create index notice_due on notice (done_at, due_at);
create index notice_person on notice (person_id, channel, done_at);

create table fixed (
  name text not null primary key,
  value text not null
) strict;

-- Locked by every act that could leave no administrator, so that two of them cannot both pass.
insert into fixed (name, value) values ('admin_lock', '');

create table idempotency (
  key_hash text not null primary key,
  body_hash text not null,
  answer text not null,
  made_at integer not null
) strict;
create index idempotency_made on idempotency (made_at);
