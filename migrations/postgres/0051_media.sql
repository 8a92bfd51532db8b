-- What came with messages: fetched from the provider alone, judged by its bytes, kept in sealed pieces.

create table inbound_media (
  id text not null primary key,
  inbound_id text not null references inbound_event (id),
  thread_id text not null references thread (id),
  number_ix text not null,
  claimed text not null,
  url_sealed bytea not null,
  state text not null,
  kind text,
  bytes bigint,
  sha256_sealed bytea,
  reason text,
  made_at bigint not null,
  ended_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index inbound_media_inbound on inbound_media (inbound_id);
create index inbound_media_thread on inbound_media (thread_id, inbound_id);
create index inbound_media_last_audit on inbound_media (last_audit_id);

create table media_chunk (
  media_id text not null references inbound_media (id),
  n bigint not null,
  sealed bytea not null,
  primary key (media_id, n)
);

create trigger inbound_media_audit_update before update on inbound_media for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger inbound_media_audit_delete before delete on inbound_media for each row execute function audit_refuse();
create trigger inbound_media_audit_truncate before truncate on inbound_media for each statement execute function audit_refuse();
