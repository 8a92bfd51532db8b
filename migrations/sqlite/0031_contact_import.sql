-- Files of contacts on their way in. The name of a file lies sealed; the rows done are committed with the rows themselves.

create table contact_import (
  id text not null primary key,
  person_id text references person (id),
  state text not null,
  list_id text references contact_list (id),
  name_sealed blob not null,
  layout text not null,
  region text,
  voip integer not null,
  sha256 text not null,
  bytes integer not null,
  rows_done integer not null,
  created integer not null,
  known integer not null,
  duplicates integer not null,
  refused integer not null,
  reasons text not null,
  error_bytes integer not null,
  bytes_done integer not null,
  error text,
  made_at integer not null,
  begun_at integer,
  ended_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index contact_import_person on contact_import (person_id);
create index contact_import_list on contact_import (list_id);
create index contact_import_state on contact_import (state, id);
create index contact_import_ended on contact_import (ended_at);
create index contact_import_last_audit on contact_import (last_audit_id);

create trigger contact_import_audit_insert before insert on contact_import
when exists (select 1 from contact_import where id = new.id) begin select raise(abort, 'an import may not be replaced'); end;
create trigger contact_import_audit_update before update on contact_import
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'an import changed without an audit entry'); end;
create trigger contact_import_audit_delete before delete on contact_import begin select raise(abort, 'an import is never deleted'); end;
