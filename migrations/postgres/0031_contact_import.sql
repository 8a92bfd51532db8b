-- Files of contacts on their way in. The name of a file lies sealed; the rows done are committed with the rows themselves.

create table contact_import (
  id text not null primary key,
  person_id text references person (id),
  state text not null,
  list_id text references contact_list (id),
  name_sealed bytea not null,
  layout text not null,
  region text,
  voip bigint not null,
  sha256 text not null,
  bytes bigint not null,
  rows_done bigint not null,
  created bigint not null,
  known bigint not null,
  duplicates bigint not null,
  refused bigint not null,
  reasons text not null,
  error_bytes bigint not null,
  bytes_done bigint not null,
  error text,
  made_at bigint not null,
  begun_at bigint,
  ended_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index contact_import_person on contact_import (person_id);
create index contact_import_list on contact_import (list_id);
create index contact_import_state on contact_import (state, id);
create index contact_import_ended on contact_import (ended_at);
create index contact_import_last_audit on contact_import (last_audit_id);

create trigger contact_import_audit_update before update on contact_import for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger contact_import_audit_delete before delete on contact_import for each row execute function audit_refuse();
create trigger contact_import_audit_truncate before truncate on contact_import for each statement execute function audit_refuse();
