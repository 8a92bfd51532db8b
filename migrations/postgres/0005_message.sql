-- Messages, one row each: intent first, result after. The number and the text are sealed.

create table message (
  id text not null primary key,
  author_id text not null references person (id),
  gateway text not null,
  number_sealed bytea not null,
  text_sealed bytea not null,
  number_ix text not null,
  masked text not null,
  state text not null,
  reason text,
  made_at bigint not null,
  attempted_at bigint,
  ended_at bigint,
  provider_id text,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index message_author on message (author_id, id desc);
create index message_state on message (state, id desc);
create index message_number on message (number_ix, id desc);

-- What the built-in sandbox gateway "delivered", for its demonstration page.
create table sandbox_delivery (
  provider_id text not null primary key,
  message_id text not null,
  sealed bytea not null,
  at bigint not null
);
create index sandbox_delivery_at on sandbox_delivery (at desc);

create trigger message_audit_update before update on message for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger message_audit_delete before delete on message for each row execute function audit_refuse();
create trigger message_audit_truncate before truncate on message for each statement execute function audit_refuse();
