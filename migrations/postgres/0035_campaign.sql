-- Campaigns: one text to many, approved by somebody else as it stands, and their recipients as they were when it was put up for review.

create table campaign (
  id text not null primary key,
  name text not null,
  author_id text not null references person (id),
  template_id text not null references template (id),
  template_version bigint not null,
  lists text not null,
  gateway text not null,
  scheduled_at bigint,
  per_minute bigint not null,
  needs_consent bigint not null,
  state text not null,
  reason text,
  version bigint not null,
  round bigint not null,
  gathered text not null,
  recipients bigint not null,
  refused bigint not null,
  segments bigint not null,
  reasons text not null,
  audience_sha256 text not null,
  hash text,
  approved_hash text,
  approved_by text references person (id),
  approved_at bigint,
  approval_id text,
  begun_at bigint,
  resumed_at bigint,
  ended_at bigint,
  made_at bigint not null,
  changed_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index campaign_author on campaign (author_id);
create index campaign_template on campaign (template_id);
create index campaign_approved_by on campaign (approved_by);
create index campaign_state on campaign (state, id);
create index campaign_last_audit on campaign (last_audit_id);

create table campaign_recipient (
  id text not null primary key,
  campaign_id text not null references campaign (id),
  round bigint not null,
  number_ix text not null,
  contact_id text not null references contact (id),
  contact_version bigint not null,
  masked text not null,
  zones text not null,
  segments bigint not null,
  state text not null,
  reason text,
  message_id text references message (id),
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create unique index campaign_recipient_once on campaign_recipient (campaign_id, round, number_ix);
create index campaign_recipient_state on campaign_recipient (campaign_id, round, state, zones, id);
create index campaign_recipient_order on campaign_recipient (campaign_id, round, id);
create index campaign_recipient_contact on campaign_recipient (contact_id);
create index campaign_recipient_message on campaign_recipient (message_id);
create index campaign_recipient_last_audit on campaign_recipient (last_audit_id);

create trigger campaign_audit_update before update on campaign for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger campaign_audit_delete before delete on campaign for each row execute function audit_refuse();
create trigger campaign_audit_truncate before truncate on campaign for each statement execute function audit_refuse();
create trigger campaign_recipient_audit_update before update on campaign_recipient for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger campaign_recipient_audit_delete before delete on campaign_recipient for each row execute function audit_refuse();
create trigger campaign_recipient_audit_truncate before truncate on campaign_recipient for each statement execute function audit_refuse();
