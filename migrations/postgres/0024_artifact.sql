-- What is known of a piece of evidence beside its file: which version of what it is, how and for when it was come by, how long
-- it holds, who approved it. A line of versions bears the id of its first one. What was uploaded before this came is a draft.

create table tag (
  code text not null primary key,
  title text not null,
  made_by text not null references person (id),
  made_at bigint not null,
  retired_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index tag_made_by on tag (made_by);
create index tag_last_audit on tag (last_audit_id);

create trigger tag_audit_update before update on tag for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger tag_audit_delete before delete on tag for each row execute function audit_refuse();
create trigger tag_audit_truncate before truncate on tag for each statement execute function audit_refuse();

create table artifact (
  evidence_id text not null primary key references evidence (id),
  line_id text not null references evidence (id),
  number bigint not null,
  method text,
  collector text not null,
  obtained text not null,
  period_from text,
  period_to text,
  expires_on text,
  expires_days bigint,
  tags text not null,
  file_author text,
  file_created text,
  file_modified text,
  submitted_at bigint,
  approved_at bigint,
  approved_by text references person (id),
  rejected_at bigint,
  rejected_by text references person (id),
  rejected_because text,
  superseded_at bigint,
  altered_at bigint,
  reminded_days bigint,
  revision bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create unique index artifact_line on artifact (line_id, number);
create index artifact_approved_by on artifact (approved_by);
create index artifact_rejected_by on artifact (rejected_by);
create index artifact_expires on artifact (expires_on) where approved_at is not null and superseded_at is null;
create index artifact_submitted on artifact (submitted_at) where approved_at is null and superseded_at is null;
create index artifact_altered on artifact (altered_at) where altered_at is not null;
create index artifact_last_audit on artifact (last_audit_id);

create trigger artifact_audit_update before update on artifact for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger artifact_audit_delete before delete on artifact for each row execute function audit_refuse();
create trigger artifact_audit_truncate before truncate on artifact for each statement execute function audit_refuse();

insert into artifact (evidence_id, line_id, number, collector, obtained, tags, revision, last_audit_id)
select id, id, 1, '', '', ' ', 1, last_audit_id from evidence;
