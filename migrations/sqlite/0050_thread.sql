-- Conversations: one for each other side and address here. Who is with whom lies sealed under the number's own key. Notes beside
-- them, texts that are kept ready, and what is answered by itself to STOP, START and HELP.

create table thread (
  id text not null primary key,
  channel text not null,
  gateway text not null,
  number_ix text not null,
  own_ix text not null,
  sealed blob not null,
  masked text not null,
  state text not null,
  assigned_to text references person (id),
  newest_at integer not null,
  inbound_at integer,
  heard_at integer not null,
  unread_at integer,
  read_at integer,
  read_by text references person (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create unique index thread_ends on thread (number_ix, own_ix);
create index thread_state on thread (state, newest_at desc, id desc);
create index thread_assigned on thread (assigned_to, state, newest_at desc, id desc);
create index thread_unread on thread (newest_at desc, id desc) where unread_at is not null;
create index thread_read_by on thread (read_by);
create index thread_last_audit on thread (last_audit_id);

create table thread_note (
  id text not null primary key,
  thread_id text not null references thread (id),
  person_id text not null references person (id),
  sealed blob not null,
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index thread_note_thread on thread_note (thread_id, id desc);
create index thread_note_person on thread_note (person_id);
create index thread_note_last_audit on thread_note (last_audit_id);

create table canned_reply (
  id text not null primary key,
  name text not null,
  name_fold text,
  text text not null,
  person_id text not null references person (id),
  version integer not null,
  changed_at integer not null,
  removed_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create unique index canned_reply_name on canned_reply (name_fold) where name_fold is not null;
create index canned_reply_person on canned_reply (person_id);
create index canned_reply_last_audit on canned_reply (last_audit_id);

-- An empty text answers nothing.
create table auto_answer (
  kind text not null primary key,
  text text not null,
  person_id text not null references person (id),
  changed_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index auto_answer_person on auto_answer (person_id);
create index auto_answer_last_audit on auto_answer (last_audit_id);

-- The conversation a message is part of, what it answers by itself, and the stop it confirms: once for each.
alter table inbound_event add column thread_id text;
create index inbound_event_thread on inbound_event (thread_id, id desc) where thread_id is not null;
alter table message add column thread_id text;
alter table message add column answers text;
alter table message add column confirms text;
create unique index message_confirms on message (confirms) where confirms is not null;

create trigger thread_audit_insert before insert on thread
when exists (select 1 from thread where id = new.id) begin select raise(abort, 'thread may not be replaced'); end;
create trigger thread_audit_update before update on thread
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'thread changed without an audit entry'); end;
create trigger thread_audit_delete before delete on thread begin select raise(abort, 'thread is never deleted'); end;
create trigger thread_note_audit_insert before insert on thread_note
when exists (select 1 from thread_note where id = new.id) begin select raise(abort, 'thread_note may not be replaced'); end;
create trigger thread_note_audit_update before update on thread_note begin select raise(abort, 'thread_note is never changed'); end;
create trigger thread_note_audit_delete before delete on thread_note begin select raise(abort, 'thread_note is never deleted'); end;
create trigger canned_reply_audit_insert before insert on canned_reply
when exists (select 1 from canned_reply where id = new.id) begin select raise(abort, 'canned_reply may not be replaced'); end;
create trigger canned_reply_audit_update before update on canned_reply
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'canned_reply changed without an audit entry'); end;
create trigger canned_reply_audit_delete before delete on canned_reply begin select raise(abort, 'canned_reply is never deleted'); end;
create trigger auto_answer_audit_insert before insert on auto_answer
when exists (select 1 from auto_answer where kind = new.kind) begin select raise(abort, 'auto_answer may not be replaced'); end;
create trigger auto_answer_audit_update before update on auto_answer
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'auto_answer changed without an audit entry'); end;
create trigger auto_answer_audit_delete before delete on auto_answer begin select raise(abort, 'auto_answer is never deleted'); end;
