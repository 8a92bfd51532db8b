-- Systems under assessment, and their assessments, each by one framework.

create table system (
  id text not null primary key,
  name text not null,
  scope text not null,
  boundary text not null,
  cage_codes text not null,
  version integer not null,
  made_by text not null references person (id),
  made_at integer not null,
  changed_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index system_made_by on system (made_by);
create index system_last_audit on system (last_audit_id);

create trigger system_audit_insert before insert on system
when exists (select 1 from system where id = new.id) begin select raise(abort, 'a system may not be replaced'); end;
create trigger system_audit_update before update on system
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a system changed without an audit entry'); end;
create trigger system_audit_delete before delete on system begin select raise(abort, 'a system is never deleted'); end;

create table assessment (
  id text not null primary key,
  system_id text not null references system (id),
  framework text not null,
  name text not null,
  made_by text not null references person (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index assessment_system on assessment (system_id);
create index assessment_made_by on assessment (made_by);
create index assessment_last_audit on assessment (last_audit_id);

create trigger assessment_audit_insert before insert on assessment
when exists (select 1 from assessment where id = new.id) begin select raise(abort, 'an assessment may not be replaced'); end;
create trigger assessment_audit_update before update on assessment
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'an assessment changed without an audit entry'); end;
create trigger assessment_audit_delete before delete on assessment begin select raise(abort, 'an assessment is never deleted'); end;
