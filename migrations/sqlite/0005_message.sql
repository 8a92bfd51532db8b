-- Messages, one row each: intent first, result after. The number and the text are sealed.

create table message (
  id text not null primary key,
  author_id text not null references person (id),
  gateway text not null,
  number_sealed blob not null,
  text_sealed blob not null,
  number_ix text not null,
  masked text not null,
  state text not null,
  reason text,
  made_at integer not null,
  attempted_at integer,
  ended_at integer,
  provider_id text,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index message_author on message (author_id, id desc);
create index message_state on message (state, id desc);
create index message_number on message (number_ix, id desc);

-- What the built-in sandbox gateway "delivered", for its demonstration page.
create table sandbox_delivery (
  provider_id text not null primary key,
  message_id text not null,
  sealed blob not null,
  at integer not null
) strict;
create index sandbox_delivery_at on sandbox_delivery (at desc);

create trigger message_audit_insert before insert on message
when exists (select 1 from message where id = new.id) begin select raise(abort, 'message may not be replaced'); end;
create trigger message_audit_update before update on message
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'message changed without an audit entry'); end;
create trigger message_audit_delete before delete on message
begin select raise(abort, 'message is never deleted'); end;
