-- Uploaded evidence. The bytes lie in the blob store under their SHA-256; a deleted item keeps its row and its hash.

create table evidence (
  id text not null primary key,
  owner_id text not null references person (id),
  name text not null,
  name_fold text not null,
  kind text not null,
  size bigint not null,
  sha256 text not null,
  made_at bigint not null,
  deleted_at bigint,
  deleted_because text,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index evidence_owner on evidence (owner_id, deleted_at);
create index evidence_sha256 on evidence (sha256);
create index evidence_live on evidence (deleted_at, id desc);

create trigger evidence_audit_update before update on evidence for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger evidence_audit_delete before delete on evidence for each row execute function audit_refuse();
create trigger evidence_audit_truncate before truncate on evidence for each statement execute function audit_refuse();
