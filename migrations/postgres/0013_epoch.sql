-- The epochs of each log: the entry that ended the one before, and the verifier key of the next. An epoch is never changed nor
-- deleted, and a log has each once. The keys themselves lie with the signer.

create table epoch (
  vkey text not null primary key,
  log bigint not null,
  n bigint not null,
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create unique index epoch_number on epoch (log, n);
create index epoch_last_audit on epoch (last_audit_id);

create trigger epoch_audit_change before update or delete on epoch for each row execute function audit_refuse();
create trigger epoch_audit_truncate before truncate on epoch for each statement execute function audit_refuse();
