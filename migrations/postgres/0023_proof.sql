-- What an objective rests on: links to evidence, interviews and tests recorded without a file; and what people say about it.
-- A link that was taken away, and a record that was withdrawn, keep their rows. A comment is never changed.

create table objective_link (
  assessment_id text not null references assessment (id),
  objective text not null,
  evidence_id text not null references evidence (id),
  method text not null,
  made_by text not null references person (id),
  made_at bigint not null,
  removed_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (assessment_id, objective, evidence_id)
);
create index objective_link_evidence on objective_link (evidence_id);
create index objective_link_made_by on objective_link (made_by);
create index objective_link_last_audit on objective_link (last_audit_id);

create trigger objective_link_audit_update before update on objective_link for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger objective_link_audit_delete before delete on objective_link for each row execute function audit_refuse();
create trigger objective_link_audit_truncate before truncate on objective_link for each statement execute function audit_refuse();

create table objective_record (
  id text not null primary key,
  assessment_id text not null references assessment (id),
  objective text not null,
  method text not null,
  with_whom text not null,
  said text not null,
  held_on text not null,
  made_by text not null references person (id),
  made_at bigint not null,
  withdrawn_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index objective_record_objective on objective_record (assessment_id, objective);
create index objective_record_made_by on objective_record (made_by);
create index objective_record_last_audit on objective_record (last_audit_id);

create trigger objective_record_audit_update before update on objective_record for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger objective_record_audit_delete before delete on objective_record for each row execute function audit_refuse();
create trigger objective_record_audit_truncate before truncate on objective_record for each statement execute function audit_refuse();

create table objective_comment (
  id text not null primary key,
  assessment_id text not null references assessment (id),
  objective text not null,
  text text not null,
  made_by text not null references person (id),
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index objective_comment_objective on objective_comment (assessment_id, objective);
create index objective_comment_made_by on objective_comment (made_by);
create index objective_comment_last_audit on objective_comment (last_audit_id);

create trigger objective_comment_audit_change before update or delete on objective_comment for each row execute function audit_refuse();
create trigger objective_comment_audit_truncate before truncate on objective_comment for each statement execute function audit_refuse();
