-- Conversations: one for each other side and address here. Who is with whom lies sealed under the number's own key. Notes beside
-- them, texts that are kept ready, and what is answered by itself to STOP, START and HELP.

create table thread (
  id text not null primary key,
  channel text not null,
  gateway text not null,
  number_ix text not null,
  own_ix text not null,
  sealed bytea not null,
  masked text not null,
  state text not null,
  assigned_to text references person (id),
  newest_at bigint not null,
  inbound_at bigint,
  heard_at bigint not null,
  unread_at bigint,
  read_at bigint,
  read_by text references person (id),
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
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
  sealed bytea not null,
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index thread_note_thread on thread_note (thread_id, id desc);
create index thread_note_person on thread_note (person_id);
create index thread_note_last_audit on thread_note (last_audit_id);

create table canned_reply (
  id text not null primary key,
  name text not null,
  name_fold text,
  text text not null,
  person_id text not null references person (id),
  version bigint not null,
  changed_at bigint not null,
  removed_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create unique index canned_reply_name on canned_reply (name_fold) where name_fold is not null;
create index canned_reply_person on canned_reply (person_id);
create index canned_reply_last_audit on canned_reply (last_audit_id);

-- An empty text answers nothing.
create table auto_answer (
  kind text not null primary key,
  text text not null,
  person_id text not null references person (id),
  changed_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index auto_answer_person on auto_answer (person_id);
create index auto_answer_last_audit on auto_answer (last_audit_id);

-- The conversation a message is part of, what it answers by itself, and the stop it confirms: once for each.
alter table inbound_event add column thread_id text;
create index inbound_event_thread on inbound_event (thread_id, id desc) where thread_id is not null;
alter table message add column thread_id text;
alter table message add column answers text;
alter table message add column confirms text;
create unique index message_confirms on message (confirms) where confirms is not null;

create trigger thread_audit_update before update on thread for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger thread_audit_delete before delete on thread for each row execute function audit_refuse();
create trigger thread_audit_truncate before truncate on thread for each statement execute function audit_refuse();
create trigger thread_note_audit_update before update on thread_note for each row execute function audit_refuse();
create trigger thread_note_audit_delete before delete on thread_note for each row execute function audit_refuse();
create trigger thread_note_audit_truncate before truncate on thread_note for each statement execute function audit_refuse();
create trigger canned_reply_audit_update before update on canned_reply for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger canned_reply_audit_delete before delete on canned_reply for each row execute function audit_refuse();
create trigger canned_reply_audit_truncate before truncate on canned_reply for each statement execute function audit_refuse();
create trigger auto_answer_audit_update before update on auto_answer for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger auto_answer_audit_delete before delete on auto_answer for each row execute function audit_refuse();
create trigger auto_answer_audit_truncate before truncate on auto_answer for each statement execute function audit_refuse();
