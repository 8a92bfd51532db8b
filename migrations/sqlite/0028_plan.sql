-- Plans of action and milestones by requirement of an assessment, the clock of a conditional status, and operational plans of
-- action of a system: two different things.

create table plan_item (
  id text not null primary key,
  assessment_id text not null references assessment (id),
  requirement text not null,
  weakness text not null,
  risk text not null,
  remediation text not null,
  milestones text not null,
  owner_id text references person (id),
  due_on text,
  version integer not null,
  made_by text not null references person (id),
  made_at integer not null,
  changed_at integer not null,
  removed_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create unique index plan_item_live on plan_item (assessment_id, requirement) where removed_at is null;
create index plan_item_assessment on plan_item (assessment_id);
create index plan_item_owner on plan_item (owner_id);
create index plan_item_made_by on plan_item (made_by);
create index plan_item_last_audit on plan_item (last_audit_id);

create trigger plan_item_audit_insert before insert on plan_item
when exists (select 1 from plan_item where id = new.id) begin select raise(abort, 'an item of a plan may not be replaced'); end;
create trigger plan_item_audit_update before update on plan_item
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'an item of a plan changed without an audit entry'); end;
create trigger plan_item_audit_delete before delete on plan_item begin select raise(abort, 'an item of a plan is never deleted'); end;

create table plan_clock (
  assessment_id text not null primary key references assessment (id),
  conditional_on text not null,
  closed_out_on text,
  set_by text not null references person (id),
  set_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index plan_clock_set_by on plan_clock (set_by);
create index plan_clock_last_audit on plan_clock (last_audit_id);

create trigger plan_clock_audit_insert before insert on plan_clock
when exists (select 1 from plan_clock where assessment_id = new.assessment_id) begin select raise(abort, 'a clock may not be replaced'); end;
create trigger plan_clock_audit_update before update on plan_clock
when new.last_audit_id is old.last_audit_id or old.closed_out_on is not null
begin select raise(abort, 'a clock changed without an audit entry, or after the close-out'); end;
create trigger plan_clock_audit_delete before delete on plan_clock begin select raise(abort, 'a clock is never deleted'); end;

create table operational_plan (
  id text not null primary key,
  system_id text not null references system (id),
  requirement text not null,
  deficiency text not null,
  remediation text not null,
  owner_id text references person (id),
  opened_on text not null,
  resolution text not null,
  resolved_at integer,
  version integer not null,
  made_by text not null references person (id),
  made_at integer not null,
  changed_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index operational_plan_system on operational_plan (system_id, id);
create index operational_plan_owner on operational_plan (owner_id);
create index operational_plan_made_by on operational_plan (made_by);
create index operational_plan_last_audit on operational_plan (last_audit_id);

create trigger operational_plan_audit_insert before insert on operational_plan
when exists (select 1 from operational_plan where id = new.id) begin select raise(abort, 'an operational plan may not be replaced'); end;
create trigger operational_plan_audit_update before update on operational_plan
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'an operational plan changed without an audit entry'); end;
create trigger operational_plan_audit_delete before delete on operational_plan
begin select raise(abort, 'an operational plan is never deleted'); end;
