-- Frameworks that were imported: the official wording of a catalogue. Another import of one replaces it and keeps the old row.

create table framework (
  id text not null primary key,
  key text not null,
  title text not null,
  version text,
  sha256 text not null,
  body text not null,
  made_at bigint not null,
  replaced_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create unique index framework_live on framework (key) where replaced_at is null;
create index framework_last_audit on framework (last_audit_id);

create trigger framework_audit_update before update on framework for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger framework_audit_delete before delete on framework for each row execute function audit_refuse();
create trigger framework_audit_truncate before truncate on framework for each statement execute function audit_refuse();
