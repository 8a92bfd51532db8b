-- Uploaded evidence. The bytes lie in the blob store under their SHA-256; a deleted item keeps its row and its hash.

create table evidence (
  id text not null primary key,
  owner_id text not null references person (id),
  name text not null,
  name_fold text not null,
  kind text not null,
  size integer not null,
  sha256 text not null,
  made_at integer not null,
  deleted_at integer,
  deleted_because text,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index evidence_owner on evidence (owner_id, deleted_at);
create index evidence_sha256 on evidence (sha256);
create index evidence_live on evidence (deleted_at, id desc);

create trigger evidence_audit_insert before insert on evidence
when exists (select 1 from evidence where id = new.id) begin select raise(abort, 'evidence may not be replaced'); end;
create trigger evidence_audit_update before update on evidence
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'evidence changed without an audit entry'); end;
create trigger evidence_audit_delete before delete on evidence
begin select raise(abort, 'evidence is never deleted'); end;
