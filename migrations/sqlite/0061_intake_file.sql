-- What was sent with a record: an image or a document, sealed piece by piece under the record's key in a stored file. Its name,
-- size and hash lie sealed here.
create table intake_file (
  id text not null primary key,
  record_id text not null references intake_record (id),
  kind text not null,
  meta_sealed blob,
  sha256 text,
  person_id text references person (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index intake_file_record on intake_file (record_id, id desc);
create index intake_file_stored on intake_file (sha256);
create index intake_file_person on intake_file (person_id);
create index intake_file_last_audit on intake_file (last_audit_id);

create trigger intake_file_audit_insert before insert on intake_file
when exists (select 1 from intake_file where id = new.id) begin select raise(abort, 'intake_file may not be replaced'); end;
create trigger intake_file_audit_update before update on intake_file
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'intake_file changed without an audit entry'); end;
create trigger intake_file_audit_delete before delete on intake_file begin select raise(abort, 'intake_file is never deleted'); end;
