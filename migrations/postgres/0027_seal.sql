-- Sealed assessments: one point in time, kept whole. A seal is never changed nor deleted; what it names is kept until its date.

create table seal (
  id text not null primary key,
  assessment_id text not null references assessment (id),
  status_date text not null,
  digest text not null,
  log_digest text not null,
  files bigint not null,
  bytes bigint not null,
  verified bigint,
  projected bigint,
  body bytea not null,
  sealed_by text not null references person (id),
  made_at bigint not null,
  retain_until bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index seal_assessment on seal (assessment_id, id desc);
create index seal_sealed_by on seal (sealed_by);
create index seal_last_audit on seal (last_audit_id);

create trigger seal_audit_change before update or delete on seal for each row execute function audit_refuse();
create trigger seal_audit_truncate before truncate on seal for each statement execute function audit_refuse();

create table seal_artifact (
  seal_id text not null references seal (id),
  place bigint not null,
  evidence_id text not null references evidence (id),
  file text not null,
  sha256 text not null,
  size bigint not null,
  retain_until bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (seal_id, place)
);
create index seal_artifact_evidence on seal_artifact (evidence_id, retain_until);
create index seal_artifact_sha256 on seal_artifact (sha256, retain_until);
create index seal_artifact_last_audit on seal_artifact (last_audit_id);

create trigger seal_artifact_audit_change before update or delete on seal_artifact for each row execute function audit_refuse();
create trigger seal_artifact_audit_truncate before truncate on seal_artifact for each statement execute function audit_refuse();

create table seal_grant (
  id text not null primary key,
  seal_id text not null references seal (id),
  person_id text not null references person (id),
  ends_at bigint not null,
  made_by text not null references person (id),
  made_at bigint not null,
  revoked_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index seal_grant_seal on seal_grant (seal_id, id desc);
create index seal_grant_person on seal_grant (person_id, ends_at);
create index seal_grant_made_by on seal_grant (made_by);
create index seal_grant_last_audit on seal_grant (last_audit_id);

create trigger seal_grant_audit_update before update on seal_grant for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger seal_grant_audit_delete before delete on seal_grant for each row execute function audit_refuse();
create trigger seal_grant_audit_truncate before truncate on seal_grant for each statement execute function audit_refuse();
