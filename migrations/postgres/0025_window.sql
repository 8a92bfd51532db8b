-- The time that the evidence of an assessment must be of. Two empty days are no such time.

create table assessment_window (
  assessment_id text not null primary key references assessment (id),
  from_on text,
  to_on text,
  changed_by text not null references person (id),
  changed_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index assessment_window_changed_by on assessment_window (changed_by);
create index assessment_window_last_audit on assessment_window (last_audit_id);

create trigger assessment_window_audit_update before update on assessment_window for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger assessment_window_audit_delete before delete on assessment_window for each row execute function audit_refuse();
create trigger assessment_window_audit_truncate before truncate on assessment_window for each statement execute function audit_refuse();
