-- Trackers that were brought in: what was seen, and whether it was taken over.

create table tracker_import (
  id text not null primary key,
  assessment_id text not null references assessment (id),
  person_id text not null references person (id),
  sheet_name text,
  sheet_sha256 text,
  archive_name text,
  archive_sha256 text,
  plan text not null,
  made_at integer not null,
  applied_at integer,
  ended_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index tracker_import_assessment on tracker_import (assessment_id, id);
create index tracker_import_person on tracker_import (person_id);
create index tracker_import_waiting on tracker_import (made_at) where applied_at is null and ended_at is null;
create index tracker_import_last_audit on tracker_import (last_audit_id);

create trigger tracker_import_audit_insert before insert on tracker_import
when exists (select 1 from tracker_import where id = new.id) begin select raise(abort, 'an import may not be replaced'); end;
create trigger tracker_import_audit_update before update on tracker_import
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'an import changed without an audit entry'); end;
create trigger tracker_import_audit_delete before delete on tracker_import begin select raise(abort, 'an import is never deleted'); end;
