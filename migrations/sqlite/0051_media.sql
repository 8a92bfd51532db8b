-- What came with messages: fetched from the provider alone, judged by its bytes, kept in sealed pieces.

create table inbound_media (
  id text not null primary key,
  inbound_id text not null references inbound_event (id),
  thread_id text not null references thread (id),
  number_ix text not null,
  claimed text not null,
  url_sealed blob not null,
  state text not null,
  kind text,
  bytes integer,
  sha256_sealed blob,
  reason text,
  made_at integer not null,
  ended_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index inbound_media_inbound on inbound_media (inbound_id);
create index inbound_media_thread on inbound_media (thread_id, inbound_id);
create index inbound_media_last_audit on inbound_media (last_audit_id);

create table media_chunk (
  media_id text not null references inbound_media (id),
  n integer not null,
  sealed blob not null,
  primary key (media_id, n)
) strict;

create trigger inbound_media_audit_insert before insert on inbound_media
when exists (select 1 from inbound_media where id = new.id) begin select raise(abort, 'inbound_media may not be replaced'); end;
create trigger inbound_media_audit_update before update on inbound_media
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'inbound_media changed without an audit entry'); end;
create trigger inbound_media_audit_delete before delete on inbound_media begin select raise(abort, 'inbound_media is never deleted'); end;
