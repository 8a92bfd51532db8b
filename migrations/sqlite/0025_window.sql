-- The time that the evidence of an assessment must be of. Two empty days are no such time.

create table assessment_window (
  assessment_id text not null primary key references assessment (id),
  from_on text,
  to_on text,
  changed_by text not null references person (id),
  changed_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index assessment_window_changed_by on assessment_window (changed_by);
create index assessment_window_last_audit on assessment_window (last_audit_id);

create trigger assessment_window_audit_insert before insert on assessment_window
when exists (select 1 from assessment_window where assessment_id = new.assessment_id) begin select raise(abort, 'a window may not be replaced'); end;
create trigger assessment_window_audit_update before update on assessment_window
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a window changed without an audit entry'); end;
create trigger assessment_window_audit_delete before delete on assessment_window begin select raise(abort, 'a window is never deleted'); end;
