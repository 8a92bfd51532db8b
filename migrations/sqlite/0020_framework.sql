-- Frameworks that were imported: the official wording of a catalogue. Another import of one replaces it and keeps the old row.

create table framework (
  id text not null primary key,
  key text not null,
  title text not null,
  version text,
  sha256 text not null,
  body text not null,
  made_at integer not null,
  replaced_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create unique index framework_live on framework (key) where replaced_at is null;
create index framework_last_audit on framework (last_audit_id);

create trigger framework_audit_insert before insert on framework
when exists (select 1 from framework where id = new.id or (key = new.key and replaced_at is null)) begin select raise(abort, 'a framework may not be replaced'); end;
create trigger framework_audit_update before update on framework
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a framework changed without an audit entry'); end;
create trigger framework_audit_delete before delete on framework begin select raise(abort, 'a framework is never deleted'); end;
