-- People, their roles, factors, sessions, links and tokens. Times say when something became true; absent means it is not.

create table person (
  id text not null primary key,
  username text not null unique,
  display_name text not null,
  name_fold text not null,
  email text,
  time_zone text not null,
  password_hash text,
  password_at integer,
  totp_sealed blob,
  totp_at integer,
  totp_step integer not null,
  created_at integer not null,
  disabled_at integer,
  deleted_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index person_name on person (name_fold, id);

create table person_role (
  person_id text not null references person (id),
  role text not null,
  granted_at integer not null,
  revoked_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (person_id, role)
) strict;
create index person_role_role on person_role (role, revoked_at);

create table recovery_code (
  person_id text not null references person (id),
  code_hash text not null,
  made_at integer not null,
  used_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (person_id, code_hash)
) strict;

create table link (
  id text not null primary key,
  purpose text not null,
  token_hash text not null unique,
  person_id text references person (id),
  made_at integer not null,
  expires_at integer not null,
  used_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index link_person on link (person_id, purpose);

create table session (
  id text not null primary key,
  secret_hash text not null unique,
  person_id text not null references person (id),
  stage text not null,
  next text,
  made_at integer not null,
  auth_at integer not null,
  expires_at integer not null,
  ended_at integer,
  client_sealed blob,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index session_person on session (person_id, ended_at);

create table api_token (
  id text not null primary key,
  person_id text not null references person (id),
  name text not null,
  secret_hash text not null unique,
  scopes text not null,
  made_at integer not null,
  expires_at integer not null,
  revoked_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index api_token_person on api_token (person_id, made_at);

-- Written by chores alone, so unguarded.
create table session_seen (
  session_id text not null primary key references session (id),
  seen_at integer not null
) strict;

create table token_seen (
  token_id text not null primary key references api_token (id),
  seen_at integer not null,
  reads integer not null,
  client_sealed blob
) strict;

create table throttle (
  key text not null primary key,
  failures integer not null,
  first_at integer not null,
  last_at integer not null,
  until integer not null
) strict;
create index throttle_last on throttle (last_at);

create table known_device (
  secret_hash text not null primary key,
  person_id text not null references person (id),
  made_at integer not null,
  expires_at integer not null
) strict;

create trigger person_audit_insert before insert on person
when exists (select 1 from person where id = new.id) begin select raise(abort, 'person may not be replaced'); end;
create trigger person_audit_update before update on person
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'person changed without an audit entry'); end;
create trigger person_audit_delete before delete on person
begin select raise(abort, 'person is never deleted'); end;

create trigger person_role_audit_insert before insert on person_role
when exists (select 1 from person_role where person_id = new.person_id and role = new.role) begin select raise(abort, 'person_role may not be replaced'); end;
create trigger person_role_audit_update before update on person_role
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'person_role changed without an audit entry'); end;
create trigger person_role_audit_delete before delete on person_role
begin select raise(abort, 'person_role is never deleted'); end;

create trigger recovery_code_audit_insert before insert on recovery_code
when exists (select 1 from recovery_code where person_id = new.person_id and code_hash = new.code_hash) begin select raise(abort, 'recovery_code may not be replaced'); end;
create trigger recovery_code_audit_update before update on recovery_code
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'recovery_code changed without an audit entry'); end;
create trigger recovery_code_audit_delete before delete on recovery_code
begin select raise(abort, 'recovery_code is never deleted'); end;

create trigger link_audit_insert before insert on link
when exists (select 1 from link where id = new.id) begin select raise(abort, 'link may not be replaced'); end;
create trigger link_audit_update before update on link
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'link changed without an audit entry'); end;
create trigger link_audit_delete before delete on link
begin select raise(abort, 'link is never deleted'); end;

create trigger session_audit_insert before insert on session
when exists (select 1 from session where id = new.id) begin select raise(abort, 'session may not be replaced'); end;
create trigger session_audit_update before update on session
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'session changed without an audit entry'); end;
create trigger session_audit_delete before delete on session
begin select raise(abort, 'session is never deleted'); end;

create trigger api_token_audit_insert before insert on api_token
when exists (select 1 from api_token where id = new.id) begin select raise(abort, 'api_token may not be replaced'); end;
create trigger api_token_audit_update before update on api_token
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'api_token changed without an audit entry'); end;
create trigger api_token_audit_delete before delete on api_token
begin select raise(abort, 'api_token is never deleted'); end;
