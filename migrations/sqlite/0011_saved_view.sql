-- Filters of the trail that somebody keeps under a name. Name and filter lie sealed under their key; deleting empties the row.

create table saved_view (
  id text not null primary key,
  person_id text not null references person (id),
  sealed blob,
  made_at integer not null,
  deleted_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index saved_view_person on saved_view (person_id, deleted_at);
create index saved_view_last_audit on saved_view (last_audit_id);

create trigger saved_view_audit_insert before insert on saved_view
when exists (select 1 from saved_view where id = new.id) begin select raise(abort, 'a saved view may not be replaced'); end;
create trigger saved_view_audit_update before update on saved_view
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a saved view changed without an audit entry'); end;
create trigger saved_view_audit_delete before delete on saved_view begin select raise(abort, 'a saved view is never deleted'); end;
