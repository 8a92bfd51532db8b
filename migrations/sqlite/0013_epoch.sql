-- The epochs of each log: the entry that ended the one before, and the verifier key of the next. An epoch is never changed nor
-- deleted, and a log has each once. The keys themselves lie with the signer.

create table epoch (
  vkey text not null primary key,
  log integer not null,
  n integer not null,
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create unique index epoch_number on epoch (log, n);
create index epoch_last_audit on epoch (last_audit_id);

create trigger epoch_audit_insert before insert on epoch
when exists (select 1 from epoch where vkey = new.vkey or (log = new.log and n = new.n)) begin select raise(abort, 'an epoch may not be replaced'); end;
create trigger epoch_audit_update before update on epoch begin select raise(abort, 'an epoch is never changed'); end;
create trigger epoch_audit_delete before delete on epoch begin select raise(abort, 'an epoch is never deleted'); end;
