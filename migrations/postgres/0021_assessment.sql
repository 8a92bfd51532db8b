-- Systems under assessment, and their assessments, each by one framework.

create table system (
  id text not null primary key,
  name text not null,
  scope text not null,
  boundary text not null,
  cage_codes text not null,
  version bigint not null,
  made_by text not null references person (id),
  made_at bigint not null,
  changed_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index system_made_by on system (made_by);
create index system_last_audit on system (last_audit_id);

create trigger system_audit_update before update on system for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger system_audit_delete before delete on system for each row execute function audit_refuse();
create trigger system_audit_truncate before truncate on system for each statement execute function audit_refuse();

create table assessment (
  id text not null primary key,
  system_id text not null references system (id),
  framework text not null,
  name text not null,
  made_by text not null references person (id),
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index assessment_system on assessment (system_id);
create index assessment_made_by on assessment (made_by);
create index assessment_last_audit on assessment (last_audit_id);

create trigger assessment_audit_update before update on assessment for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger assessment_audit_delete before delete on assessment for each row execute function audit_refuse();
create trigger assessment_audit_truncate before truncate on assessment for each statement execute function audit_refuse();
