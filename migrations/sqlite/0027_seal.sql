-- Sealed assessments: one point in time, kept whole. A seal is never changed nor deleted; what it names is kept until its date.

create table seal (
  id text not null primary key,
  assessment_id text not null references assessment (id),
  status_date text not null,
  digest text not null,
  log_digest text not null,
  files integer not null,
  bytes integer not null,
  verified integer,
  projected integer,
  body blob not null,
  sealed_by text not null references person (id),
  made_at integer not null,
  retain_until integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index seal_assessment on seal (assessment_id, id desc);
create index seal_sealed_by on seal (sealed_by);
create index seal_last_audit on seal (last_audit_id);

create trigger seal_audit_insert before insert on seal
when exists (select 1 from seal where id = new.id) begin select raise(abort, 'a seal may not be replaced'); end;
create trigger seal_audit_update before update on seal begin select raise(abort, 'a seal is never changed'); end;
create trigger seal_audit_delete before delete on seal begin select raise(abort, 'a seal is never deleted'); end;

create table seal_artifact (
  seal_id text not null references seal (id),
  place integer not null,
  evidence_id text not null references evidence (id),
  file text not null,
  sha256 text not null,
  size integer not null,
  retain_until integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (seal_id, place)
) strict;
create index seal_artifact_evidence on seal_artifact (evidence_id, retain_until);
create index seal_artifact_sha256 on seal_artifact (sha256, retain_until);
create index seal_artifact_last_audit on seal_artifact (last_audit_id);

create trigger seal_artifact_audit_insert before insert on seal_artifact
when exists (select 1 from seal_artifact where seal_id = new.seal_id and place = new.place)
begin select raise(abort, 'an artifact of a seal may not be replaced'); end;
create trigger seal_artifact_audit_update before update on seal_artifact begin select raise(abort, 'an artifact of a seal is never changed'); end;
create trigger seal_artifact_audit_delete before delete on seal_artifact begin select raise(abort, 'an artifact of a seal is never deleted'); end;

create table seal_grant (
  id text not null primary key,
  seal_id text not null references seal (id),
  person_id text not null references person (id),
  ends_at integer not null,
  made_by text not null references person (id),
  made_at integer not null,
  revoked_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index seal_grant_seal on seal_grant (seal_id, id desc);
create index seal_grant_person on seal_grant (person_id, ends_at);
create index seal_grant_made_by on seal_grant (made_by);
create index seal_grant_last_audit on seal_grant (last_audit_id);

create trigger seal_grant_audit_insert before insert on seal_grant
when exists (select 1 from seal_grant where id = new.id) begin select raise(abort, 'a view of a seal may not be replaced'); end;
create trigger seal_grant_audit_update before update on seal_grant
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a view of a seal changed without an audit entry'); end;
create trigger seal_grant_audit_delete before delete on seal_grant begin select raise(abort, 'a view of a seal is never deleted'); end;
