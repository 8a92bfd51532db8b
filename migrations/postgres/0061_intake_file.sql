-- What was sent with a record: an image or a document, sealed piece by piece under the record's key in a stored file. Its name,
-- size and hash lie sealed here.
create table intake_file (
  id text not null primary key,
  record_id text not null references intake_record (id),
  kind text not null,
  meta_sealed bytea,
  sha256 text,
  person_id text references person (id),
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index intake_file_record on intake_file (record_id, id desc);
create index intake_file_stored on intake_file (sha256);
create index intake_file_person on intake_file (person_id);
create index intake_file_last_audit on intake_file (last_audit_id);

create trigger intake_file_audit_update before update on intake_file for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger intake_file_audit_delete before delete on intake_file for each row execute function audit_refuse();
create trigger intake_file_audit_truncate before truncate on intake_file for each statement execute function audit_refuse();
