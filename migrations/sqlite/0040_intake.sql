-- Intakes: one row for each conversation or form and the record that comes of it. What a person said lies in intake_value, where
-- the conversation stands and what a list shows lie here, all sealed under the record's own key. When that key is destroyed the
-- sealed columns are emptied too; what is left says when and why, and nothing of anybody.

create table intake_record (
  id text not null primary key,
  flow text not null,
  flow_version integer not null,
  language text not null,
  channel text not null,
  state text not null,
  number_ix text,
  sender_ix text,
  person_ix text,
  link_ix text,
  number_sealed blob,
  talk_sealed blob,
  brief_sealed blob,
  consent_version text,
  consent_at integer,
  version integer not null,
  made_at integer not null,
  changed_at integer not null,
  expires_at integer not null,
  ended_at integer,
  listens_until integer,
  reason text,
  erased_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create unique index intake_record_open on intake_record (number_ix, channel) where state = 'open';
create unique index intake_record_link on intake_record (link_ix);
create index intake_record_number on intake_record (number_ix, channel, id desc);
create index intake_record_sender on intake_record (sender_ix);
create index intake_record_person on intake_record (person_ix, id desc);
create index intake_record_state on intake_record (state, id desc);
create index intake_record_oldest on intake_record (flow, state, id);
create index intake_record_ended on intake_record (flow, ended_at, id);
create index intake_record_expires on intake_record (expires_at) where erased_at is null;
create index intake_record_last_audit on intake_record (last_audit_id);

-- One row for each version of an answer: what was corrected stays readable until the record goes.
create table intake_value (
  record_id text not null references intake_record (id),
  field text not null,
  version integer not null,
  sealed blob,
  person_id text references person (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (record_id, field, version)
) strict;
create index intake_value_person on intake_value (person_id);
create index intake_value_last_audit on intake_value (last_audit_id);

create table intake_note (
  id text not null primary key,
  record_id text not null references intake_record (id),
  sealed blob,
  person_id text not null references person (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index intake_note_record on intake_note (record_id, id desc);
create index intake_note_person on intake_note (person_id);
create index intake_note_last_audit on intake_note (last_audit_id);

-- Who read what of whom, and what for: kept when the record is gone.
create table intake_disclosure (
  id text not null primary key,
  record_id text not null references intake_record (id),
  kind text not null,
  fields text not null,
  purpose text not null,
  person_id text not null references person (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index intake_disclosure_record on intake_disclosure (record_id, id desc);
create index intake_disclosure_person on intake_disclosure (person_id);
create index intake_disclosure_last_audit on intake_disclosure (last_audit_id);

-- An export holds the records of its flow that ended between two instants and were not erased when it began.
create table intake_export (
  id text not null primary key,
  flow text,
  from_at integer not null,
  to_at integer not null,
  fields text not null,
  purpose text not null,
  format text not null,
  person_id text not null references person (id),
  made_at integer not null,
  row_count integer,
  sha256 text,
  finished_at integer,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index intake_export_made on intake_export (made_at desc);
create index intake_export_person on intake_export (person_id);
create index intake_export_last_audit on intake_export (last_audit_id);

create trigger intake_record_audit_insert before insert on intake_record
when exists (select 1 from intake_record where id = new.id) begin select raise(abort, 'intake_record may not be replaced'); end;
create trigger intake_record_audit_update before update on intake_record
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'intake_record changed without an audit entry'); end;
create trigger intake_record_audit_delete before delete on intake_record begin select raise(abort, 'intake_record is never deleted'); end;
create trigger intake_value_audit_insert before insert on intake_value
when exists (select 1 from intake_value where record_id = new.record_id and field = new.field and version = new.version) begin select raise(abort, 'intake_value may not be replaced'); end;
create trigger intake_value_audit_update before update on intake_value
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'intake_value changed without an audit entry'); end;
create trigger intake_value_audit_delete before delete on intake_value begin select raise(abort, 'intake_value is never deleted'); end;
create trigger intake_note_audit_insert before insert on intake_note
when exists (select 1 from intake_note where id = new.id) begin select raise(abort, 'intake_note may not be replaced'); end;
create trigger intake_note_audit_update before update on intake_note
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'intake_note changed without an audit entry'); end;
create trigger intake_note_audit_delete before delete on intake_note begin select raise(abort, 'intake_note is never deleted'); end;
create trigger intake_disclosure_audit_insert before insert on intake_disclosure
when exists (select 1 from intake_disclosure where id = new.id) begin select raise(abort, 'intake_disclosure may not be replaced'); end;
create trigger intake_disclosure_audit_update before update on intake_disclosure begin select raise(abort, 'intake_disclosure is never changed'); end;
create trigger intake_disclosure_audit_delete before delete on intake_disclosure begin select raise(abort, 'intake_disclosure is never deleted'); end;
create trigger intake_export_audit_insert before insert on intake_export
when exists (select 1 from intake_export where id = new.id) begin select raise(abort, 'intake_export may not be replaced'); end;
create trigger intake_export_audit_update before update on intake_export
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'intake_export changed without an audit entry'); end;
create trigger intake_export_audit_delete before delete on intake_export begin select raise(abort, 'intake_export is never deleted'); end;
