-- The trail comes first: every other table points into it.
-- audit_event: one row per act, inserted in the act's own transaction. audit_chain: where the sequencer put it.

create table audit_event (
  id text not null primary key,
  at integer not null,
  body blob not null,
  actor_kind text not null,
  actor_id text,
  action text not null,
  category text not null,
  object_kind text not null,
  object_id text,
  outcome text not null,
  address_ix text,
  subject text
) strict;
create index audit_event_actor on audit_event (actor_id, id desc);
create index audit_event_action on audit_event (action, id desc);
create index audit_event_object on audit_event (object_id, id desc);
create index audit_event_outcome on audit_event (outcome, id desc);
create index audit_event_address on audit_event (address_ix, id desc);
create index audit_event_at on audit_event (at desc);

-- Events that no sequencer has linked yet. Empty on SQLite, where an act and its link are one COMMIT.
create table audit_pending (
  event_id text not null primary key
) strict;

create table audit_chain (
  log integer not null,
  seq integer not null,
  event_id text not null unique references audit_event (id),
  prev blob not null,
  leaf_hash blob not null,
  primary key (log, seq),
  unique (log, prev)
) strict;

-- Personal values of an entry, sealed under the subject's key; deleting one keeps every proof valid.
create table audit_payload (
  event_id text not null references audit_event (id),
  part text not null,
  subject text not null,
  sealed blob not null,
  primary key (event_id, part)
) strict;
create index audit_payload_subject on audit_payload (subject);

-- Full tiles of level 0 and the growing tiles above it: 32 bytes a hash.
create table audit_tile (
  log integer not null,
  level integer not null,
  n integer not null,
  hashes blob not null,
  primary key (log, level, n)
) strict;

create table audit_head (
  log integer not null primary key,
  origin text not null unique,
  size integer not null,
  last_leaf blob not null,
  frontier blob not null,
  at integer not null,
  fence integer not null
) strict;

create table audit_checkpoint (
  log integer not null,
  size integer not null,
  note text not null,
  at integer not null,
  primary key (log, size)
) strict;

create trigger audit_event_replace before insert on audit_event
when exists (select 1 from audit_event where id = new.id) begin select raise(abort, 'an audit event may not be replaced'); end;
create trigger audit_event_update before update on audit_event begin select raise(abort, 'an audit event is never changed'); end;
create trigger audit_event_delete before delete on audit_event begin select raise(abort, 'an audit event is never deleted'); end;
create trigger audit_chain_replace before insert on audit_chain
when exists (select 1 from audit_chain where (log = new.log and seq = new.seq) or event_id = new.event_id)
begin select raise(abort, 'a link of the chain may not be replaced'); end;
create trigger audit_chain_update before update on audit_chain begin select raise(abort, 'a link of the chain is never changed'); end;
create trigger audit_chain_delete before delete on audit_chain begin select raise(abort, 'a link of the chain is never deleted'); end;
create trigger audit_checkpoint_update before update on audit_checkpoint begin select raise(abort, 'a checkpoint is never changed'); end;
create trigger audit_checkpoint_delete before delete on audit_checkpoint begin select raise(abort, 'a checkpoint is never deleted'); end;
