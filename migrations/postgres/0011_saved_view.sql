-- Filters of the trail that somebody keeps under a name. Name and filter lie sealed under their key; deleting empties the row.

create table saved_view (
  id text not null primary key,
  person_id text not null references person (id),
  sealed bytea,
  made_at bigint not null,
  deleted_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index saved_view_person on saved_view (person_id, deleted_at);
create index saved_view_last_audit on saved_view (last_audit_id);

create trigger saved_view_audit_update before update on saved_view for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger saved_view_audit_delete before delete on saved_view for each row execute function audit_refuse();
create trigger saved_view_audit_truncate before truncate on saved_view for each statement execute function audit_refuse();
