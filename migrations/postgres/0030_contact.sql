-- Contacts: number, name and the rest lie sealed under the number's own key; `number_ix` is its blind index. Tags lie beside
-- them only so that they are found. A contact is never removed; merging retires it.

create table contact (
  id text not null primary key,
  import_id text,
  number_ix text not null unique,
  name_ix text,
  masked text not null,
  region text not null,
  zone text,
  sealed bytea not null,
  version bigint not null,
  made_at bigint not null,
  changed_at bigint not null,
  merged_into text references contact (id),
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index contact_name on contact (name_ix, id desc);
create index contact_merged_into on contact (merged_into);
create index contact_last_audit on contact (last_audit_id);

create table contact_tag (
  tag text not null,
  contact_id text not null,
  primary key (tag, contact_id)
);
create index contact_tag_contact on contact_tag (contact_id);

create table contact_list (
  id text not null primary key,
  name text not null,
  name_fold text not null unique,
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index contact_list_last_audit on contact_list (last_audit_id);

create table list_member (
  list_id text not null references contact_list (id),
  contact_id text not null references contact (id),
  import_id text,
  added_at bigint not null,
  removed_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred,
  primary key (list_id, contact_id)
);
create index list_member_contact on list_member (contact_id);
create index list_member_last_audit on list_member (last_audit_id);

create table consent (
  id text not null primary key,
  contact_id text not null references contact (id),
  kind text not null,
  source text not null,
  wording text not null,
  evidence_sha256 text,
  given_at bigint not null,
  person_id text not null references person (id),
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index consent_contact on consent (contact_id, id desc);
create index consent_person on consent (person_id);
create index consent_last_audit on consent (last_audit_id);

-- Numbers that nothing is sent to. It hangs on the number alone, so that whatever becomes of contacts does not lift it.
create table number_stop (
  id text not null primary key,
  number_ix text not null,
  kind text not null,
  source text not null,
  masked text not null,
  sealed bytea not null,
  made_at bigint not null,
  lifted_at bigint,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create unique index number_stop_in_force on number_stop (number_ix, kind) where lifted_at is null;
create index number_stop_newest on number_stop (id desc) where lifted_at is null;
create index number_stop_last_audit on number_stop (last_audit_id);

-- Whoever sends to a number and whoever stops it take this row first, so that one waits for the other.
create table number_lock (
  number_ix text not null primary key
);

create trigger contact_audit_update before update on contact for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger contact_audit_delete before delete on contact for each row execute function audit_refuse();
create trigger contact_audit_truncate before truncate on contact for each statement execute function audit_refuse();
create trigger contact_list_audit_update before update on contact_list for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger contact_list_audit_delete before delete on contact_list for each row execute function audit_refuse();
create trigger contact_list_audit_truncate before truncate on contact_list for each statement execute function audit_refuse();
create trigger list_member_audit_update before update on list_member for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger list_member_audit_delete before delete on list_member for each row execute function audit_refuse();
create trigger list_member_audit_truncate before truncate on list_member for each statement execute function audit_refuse();
create trigger number_stop_audit_update before update on number_stop for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger number_stop_audit_delete before delete on number_stop for each row execute function audit_refuse();
create trigger number_stop_audit_truncate before truncate on number_stop for each statement execute function audit_refuse();
create trigger consent_audit_update before update on consent for each row execute function audit_refuse();
create trigger consent_audit_delete before delete on consent for each row execute function audit_refuse();
create trigger consent_audit_truncate before truncate on consent for each statement execute function audit_refuse();
