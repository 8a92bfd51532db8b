-- What was found of each objective, and how far the work on it is: two things kept apart. A row comes with the first change;
-- `version` counts them, so that two people who edit one objective notice each other. A requirement has a row of its own where
-- the regulation knows a part.

create table objective_state (
  assessment_id text not null references assessment (id),
  objective text not null,
  stage text not null,
  finding text,
  because text not null,
  notes text not null,
  owner_id text references person (id),
  due_on text,
  version bigint not null,
  changed_by text not null references person (id),
  changed_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (assessment_id, objective)
);
create index objective_state_owner on objective_state (owner_id);
create index objective_state_changed_by on objective_state (changed_by);
create index objective_state_last_audit on objective_state (last_audit_id);

create trigger objective_state_audit_update before update on objective_state for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger objective_state_audit_delete before delete on objective_state for each row execute function audit_refuse();
create trigger objective_state_audit_truncate before truncate on objective_state for each statement execute function audit_refuse();

create table requirement_state (
  assessment_id text not null references assessment (id),
  requirement text not null,
  partial_at bigint,
  because text not null,
  changed_by text not null references person (id),
  changed_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (assessment_id, requirement)
);
create index requirement_state_changed_by on requirement_state (changed_by);
create index requirement_state_last_audit on requirement_state (last_audit_id);

create trigger requirement_state_audit_update before update on requirement_state for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger requirement_state_audit_delete before delete on requirement_state for each row execute function audit_refuse();
create trigger requirement_state_audit_truncate before truncate on requirement_state for each statement execute function audit_refuse();
