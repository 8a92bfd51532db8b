-- The trail comes first: every other table points into it.
-- audit_event: one row per act, inserted in the act's own transaction. audit_chain: where the sequencer put it.

create table audit_event (
  id text not null primary key,
  at bigint not null,
  body bytea not null,
  actor_kind text not null,
  actor_id text,
  action text not null,
  category text not null,
  object_kind text not null,
  object_id text,
  outcome text not null,
  address_ix text,
  subject text
);
create index audit_event_actor on audit_event (actor_id, id desc);
create index audit_event_action on audit_event (action, id desc);
create index audit_event_object on audit_event (object_id, id desc);
create index audit_event_outcome on audit_event (outcome, id desc);
create index audit_event_address on audit_event (address_ix, id desc);
create index audit_event_at on audit_event (at desc);

-- Events that no sequencer has linked yet. Empty on SQLite, where an act and its link are one COMMIT.
create table audit_pending (
  event_id text not null primary key
);

create table audit_chain (
  log bigint not null,
  seq bigint not null,
  event_id text not null unique references audit_event (id),
  prev bytea not null,
  leaf_hash bytea not null,
  primary key (log, seq),
  unique (log, prev)
);

-- Personal values of an entry, sealed under the subject's key; deleting one keeps every proof valid.
create table audit_payload (
  event_id text not null references audit_event (id),
  part text not null,
  subject text not null,
  sealed bytea not null,
  primary key (event_id, part)
);
create index audit_payload_subject on audit_payload (subject);

-- Full tiles of level 0 and the growing tiles above it: 32 bytes a hash.
create table audit_tile (
  log bigint not null,
  level bigint not null,
  n bigint not null,
  hashes bytea not null,
  primary key (log, level, n)
);

create table audit_head (
  log bigint not null primary key,
  origin text not null unique,
  size bigint not null,
  last_leaf bytea not null,
  frontier bytea not null,
  at bigint not null,
  fence bigint not null
);

create table audit_checkpoint (
  log bigint not null,
  size bigint not null,
  note text not null,
  at bigint not null,
  primary key (log, size)
);

create function audit_refuse() returns trigger language plpgsql as $$
begin raise exception '% of % without an audit entry', lower(tg_op), tg_table_name; end $$;
create trigger audit_event_change before update or delete on audit_event for each row execute function audit_refuse();
create trigger audit_event_truncate before truncate on audit_event for each statement execute function audit_refuse();
create trigger audit_chain_change before update or delete on audit_chain for each row execute function audit_refuse();
create trigger audit_chain_truncate before truncate on audit_chain for each statement execute function audit_refuse();
create trigger audit_checkpoint_change before update or delete on audit_checkpoint for each row execute function audit_refuse();
create trigger audit_checkpoint_truncate before truncate on audit_checkpoint for each statement execute function audit_refuse();
