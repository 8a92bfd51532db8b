-- What is known of a piece of evidence beside its file: which version of what it is, how and for when it was come by, how long
-- it holds, who approved it. A line of versions bears the id of its first one. What was uploaded before this came is a draft.

create table tag (
  code text not null primary key,
  title text not null,
  made_by text not null references person (id),
  made_at integer not null,
  retired_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index tag_made_by on tag (made_by);
create index tag_last_audit on tag (last_audit_id);

create trigger tag_audit_insert before insert on tag
when exists (select 1 from tag where code = new.code) begin select raise(abort, 'a tag may not be replaced'); end;
create trigger tag_audit_update before update on tag
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a tag changed without an audit entry'); end;
create trigger tag_audit_delete before delete on tag begin select raise(abort, 'a tag is never deleted'); end;

create table artifact (
  evidence_id text not null primary key references evidence (id),
  line_id text not null references evidence (id),
  number integer not null,
  method text,
  collector text not null,
  obtained text not null,
  period_from text,
  period_to text,
  expires_on text,
  expires_days integer,
  tags text not null,
  file_author text,
  file_created text,
  file_modified text,
  submitted_at integer,
  approved_at integer,
  approved_by text references person (id),
  rejected_at integer,
  rejected_by text references person (id),
  rejected_because text,
  superseded_at integer,
  altered_at integer,
  reminded_days integer,
  revision integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create unique index artifact_line on artifact (line_id, number);
create index artifact_approved_by on artifact (approved_by);
create index artifact_rejected_by on artifact (rejected_by);
create index artifact_expires on artifact (expires_on) where approved_at is not null and superseded_at is null;
create index artifact_submitted on artifact (submitted_at) where approved_at is null and superseded_at is null;
create index artifact_altered on artifact (altered_at) where altered_at is not null;
create index artifact_last_audit on artifact (last_audit_id);

create trigger artifact_audit_insert before insert on artifact
when exists (select 1 from artifact where evidence_id = new.evidence_id or (line_id = new.line_id and number = new.number)) begin select raise(abort, 'an artifact may not be replaced'); end;
create trigger artifact_audit_update before update on artifact
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'an artifact changed without an audit entry'); end;
create trigger artifact_audit_delete before delete on artifact begin select raise(abort, 'an artifact is never deleted'); end;

insert into artifact (evidence_id, line_id, number, collector, obtained, tags, revision, last_audit_id)
select id, id, 1, '', '', ' ', 1, last_audit_id from evidence;
