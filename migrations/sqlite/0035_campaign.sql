-- Campaigns: one text to many, approved by somebody else as it stands, and their recipients as they were when it was put up for review.

create table campaign (
  id text not null primary key,
  name text not null,
  author_id text not null references person (id),
  template_id text not null references template (id),
  template_version integer not null,
  lists text not null,
  gateway text not null,
  scheduled_at integer,
  per_minute integer not null,
  needs_consent integer not null,
  state text not null,
  reason text,
  version integer not null,
  round integer not null,
  gathered text not null,
  recipients integer not null,
  refused integer not null,
  segments integer not null,
  reasons text not null,
  audience_sha256 text not null,
  hash text,
  approved_hash text,
  approved_by text references person (id),
  approved_at integer,
  approval_id text,
  begun_at integer,
  resumed_at integer,
  ended_at integer,
  made_at integer not null,
  changed_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index campaign_author on campaign (author_id);
create index campaign_template on campaign (template_id);
create index campaign_approved_by on campaign (approved_by);
create index campaign_state on campaign (state, id);
create index campaign_last_audit on campaign (last_audit_id);

create table campaign_recipient (
  id text not null primary key,
  campaign_id text not null references campaign (id),
  round integer not null,
  number_ix text not null,
  contact_id text not null references contact (id),
  contact_version integer not null,
  masked text not null,
  zones text not null,
  segments integer not null,
  state text not null,
  reason text,
  message_id text references message (id),
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create unique index campaign_recipient_once on campaign_recipient (campaign_id, round, number_ix);
create index campaign_recipient_state on campaign_recipient (campaign_id, round, state, zones, id);
create index campaign_recipient_order on campaign_recipient (campaign_id, round, id);
create index campaign_recipient_contact on campaign_recipient (contact_id);
create index campaign_recipient_message on campaign_recipient (message_id);
create index campaign_recipient_last_audit on campaign_recipient (last_audit_id);

create trigger campaign_audit_insert before insert on campaign
when exists (select 1 from campaign where id = new.id) begin select raise(abort, 'a campaign may not be replaced'); end;
create trigger campaign_audit_update before update on campaign
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a campaign changed without an audit entry'); end;
create trigger campaign_audit_delete before delete on campaign begin select raise(abort, 'a campaign is never deleted'); end;
create trigger campaign_recipient_audit_insert before insert on campaign_recipient
when exists (select 1 from campaign_recipient where id = new.id) begin select raise(abort, 'a recipient may not be replaced'); end;
create trigger campaign_recipient_audit_update before update on campaign_recipient
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a recipient changed without an audit entry'); end;
create trigger campaign_recipient_audit_delete before delete on campaign_recipient begin select raise(abort, 'a recipient is never deleted'); end;
