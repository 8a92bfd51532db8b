-- Who is told outside of what becomes of messages, and what waits to be told: written beside the act it tells of.

create table webhook (
  id text not null primary key,
  name text not null,
  url text not null,
  events text not null,
  text_since integer,
  secret_sealed blob not null,
  before_sealed blob,
  before_until integer,
  author_id text not null references person (id),
  made_at integer not null,
  stopped_at integer,
  stopped_why text,
  version integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index webhook_author on webhook (author_id);
create index webhook_last_audit on webhook (last_audit_id);

create table webhook_delivery (
  webhook_id text not null references webhook (id),
  event_id text not null,
  kind text not null,
  object_id text not null,
  body text not null,
  at integer not null,
  due_at integer not null,
  attempts integer not null,
  lease_until integer not null,
  done_at integer,
  failed text,
  primary key (webhook_id, event_id)
) strict;
create index webhook_delivery_due on webhook_delivery (webhook_id, due_at) where done_at is null;
create index webhook_delivery_done on webhook_delivery (done_at);

create trigger webhook_audit_insert before insert on webhook
when exists (select 1 from webhook where id = new.id) begin select raise(abort, 'a webhook may not be replaced'); end;
create trigger webhook_audit_update before update on webhook
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a webhook changed without an audit entry'); end;
create trigger webhook_audit_delete before delete on webhook begin select raise(abort, 'a webhook is never deleted'); end;
