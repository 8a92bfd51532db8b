-- What an objective rests on: links to evidence, interviews and tests recorded without a file; and what people say about it.
-- A link that was taken away, and a record that was withdrawn, keep their rows. A comment is never changed.

create table objective_link (
  assessment_id text not null references assessment (id),
  objective text not null,
  evidence_id text not null references evidence (id),
  method text not null,
  made_by text not null references person (id),
  made_at integer not null,
  removed_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (assessment_id, objective, evidence_id)
) strict;
create index objective_link_evidence on objective_link (evidence_id);
create index objective_link_made_by on objective_link (made_by);
create index objective_link_last_audit on objective_link (last_audit_id);

create trigger objective_link_audit_insert before insert on objective_link
when exists (select 1 from objective_link where assessment_id = new.assessment_id and objective = new.objective and evidence_id = new.evidence_id) begin select raise(abort, 'a link may not be replaced'); end;
create trigger objective_link_audit_update before update on objective_link
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a link changed without an audit entry'); end;
create trigger objective_link_audit_delete before delete on objective_link begin select raise(abort, 'a link is never deleted'); end;

create table objective_record (
  id text not null primary key,
  assessment_id text not null references assessment (id),
  objective text not null,
  method text not null,
  with_whom text not null,
  said text not null,
  held_on text not null,
  made_by text not null references person (id),
  made_at integer not null,
  withdrawn_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index objective_record_objective on objective_record (assessment_id, objective);
create index objective_record_made_by on objective_record (made_by);
create index objective_record_last_audit on objective_record (last_audit_id);

create trigger objective_record_audit_insert before insert on objective_record
when exists (select 1 from objective_record where id = new.id) begin select raise(abort, 'a record may not be replaced'); end;
create trigger objective_record_audit_update before update on objective_record
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a record changed without an audit entry'); end;
create trigger objective_record_audit_delete before delete on objective_record begin select raise(abort, 'a record is never deleted'); end;

create table objective_comment (
  id text not null primary key,
  assessment_id text not null references assessment (id),
  objective text not null,
  text text not null,
  made_by text not null references person (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index objective_comment_objective on objective_comment (assessment_id, objective);
create index objective_comment_made_by on objective_comment (made_by);
create index objective_comment_last_audit on objective_comment (last_audit_id);

create trigger objective_comment_audit_insert before insert on objective_comment
when exists (select 1 from objective_comment where id = new.id) begin select raise(abort, 'a comment may not be replaced'); end;
create trigger objective_comment_audit_update before update on objective_comment begin select raise(abort, 'a comment is never changed'); end;
create trigger objective_comment_audit_delete before delete on objective_comment begin select raise(abort, 'a comment is never deleted'); end;
