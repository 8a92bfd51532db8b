-- People, their roles, factors, sessions, links and tokens. Times say when something became true; absent means it is not.

create table person (
  id text not null primary key,
  username text not null unique,
  display_name text not null,
  name_fold text not null,
  email text,
  time_zone text not null,
  password_hash text,
  password_at bigint,
  totp_sealed bytea,
  totp_at bigint,
  totp_step bigint not null,
  created_at bigint not null,
  disabled_at bigint,
  deleted_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index person_name on person (name_fold, id);

create table person_role (
  person_id text not null references person (id),
  role text not null,
  granted_at bigint not null,
  revoked_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (person_id, role)
);
create index person_role_role on person_role (role, revoked_at);

create table recovery_code (
  person_id text not null references person (id),
  code_hash text not null,
  made_at bigint not null,
  used_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (person_id, code_hash)
);

create table link (
  id text not null primary key,
  purpose text not null,
  token_hash text not null unique,
  person_id text references person (id),
  made_at bigint not null,
  expires_at bigint not null,
  used_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index link_person on link (person_id, purpose);

create table session (
  id text not null primary key,
  secret_hash text not null unique,
  person_id text not null references person (id),
  stage text not null,
  next text,
  made_at bigint not null,
  auth_at bigint not null,
  expires_at bigint not null,
  ended_at bigint,
  client_sealed bytea,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index session_person on session (person_id, ended_at);

create table api_token (
  id text not null primary key,
  person_id text not null references person (id),
  name text not null,
  secret_hash text not null unique,
  scopes text not null,
  made_at bigint not null,
  expires_at bigint not null,
  revoked_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index api_token_person on api_token (person_id, made_at);

-- Written by chores alone, so unguarded.
create table session_seen (
  session_id text not null primary key references session (id),
  seen_at bigint not null
);

create table token_seen (
  token_id text not null primary key references api_token (id),
  seen_at bigint not null,
  reads bigint not null,
  client_sealed bytea
);

create table throttle (
  key text not null primary key,
  failures bigint not null,
  first_at bigint not null,
  last_at bigint not null,
  until bigint not null
);
create index throttle_last on throttle (last_at);

create table known_device (
  secret_hash text not null primary key,
  person_id text not null references person (id),
  made_at bigint not null,
  expires_at bigint not null
);

create trigger person_audit_update before update on person for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger person_audit_delete before delete on person for each row execute function audit_refuse();
create trigger person_audit_truncate before truncate on person for each statement execute function audit_refuse();

create trigger person_role_audit_update before update on person_role for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger person_role_audit_delete before delete on person_role for each row execute function audit_refuse();
create trigger person_role_audit_truncate before truncate on person_role for each statement execute function audit_refuse();

create trigger recovery_code_audit_update before update on recovery_code for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger recovery_code_audit_delete before delete on recovery_code for each row execute function audit_refuse();
create trigger recovery_code_audit_truncate before truncate on recovery_code for each statement execute function audit_refuse();

create trigger link_audit_update before update on link for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger link_audit_delete before delete on link for each row execute function audit_refuse();
create trigger link_audit_truncate before truncate on link for each statement execute function audit_refuse();

create trigger session_audit_update before update on session for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger session_audit_delete before delete on session for each row execute function audit_refuse();
create trigger session_audit_truncate before truncate on session for each statement execute function audit_refuse();

create trigger api_token_audit_update before update on api_token for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger api_token_audit_delete before delete on api_token for each row execute function audit_refuse();
create trigger api_token_audit_truncate before truncate on api_token for each statement execute function audit_refuse();
