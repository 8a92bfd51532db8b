-- Who is told outside of what becomes of messages, and what waits to be told: written beside the act it tells of.

create table webhook (
  id text not null primary key,
  name text not null,
  url text not null,
  events text not null,
  text_since bigint,
  secret_sealed bytea not null,
  before_sealed bytea,
  before_until bigint,
  author_id text not null references person (id),
  made_at bigint not null,
  stopped_at bigint,
  stopped_why text,
  version bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index webhook_author on webhook (author_id);
create index webhook_last_audit on webhook (last_audit_id);

create table webhook_delivery (
  webhook_id text not null references webhook (id),
  event_id text not null,
  kind text not null,
  object_id text not null,
  body text not null,
  at bigint not null,
  due_at bigint not null,
  attempts bigint not null,
  lease_until bigint not null,
  done_at bigint,
  failed text,
  primary key (webhook_id, event_id)
);
create index webhook_delivery_due on webhook_delivery (webhook_id, due_at) where done_at is null;
create index webhook_delivery_done on webhook_delivery (done_at);

create trigger webhook_audit_update before update on webhook for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger webhook_audit_delete before delete on webhook for each row execute function audit_refuse();
create trigger webhook_audit_truncate before truncate on webhook for each statement execute function audit_refuse();
