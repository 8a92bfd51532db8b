-- What gateways tell by themselves, each event once: messages that came in, sealed, and what became of those that went out.

create table inbound_event (
  id text not null primary key,
  gateway text not null,
  event_key text not null,
  kind text not null,
  number_ix text,
  sealed bytea,
  provider_id text not null,
  status text,
  received_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create unique index inbound_event_once on inbound_event (gateway, event_key);
create index inbound_event_number on inbound_event (number_ix, id desc);
create index inbound_event_last_audit on inbound_event (last_audit_id);

create trigger inbound_event_audit_update before update on inbound_event for each row execute function audit_refuse();
create trigger inbound_event_audit_delete before delete on inbound_event for each row execute function audit_refuse();
create trigger inbound_event_audit_truncate before truncate on inbound_event for each statement execute function audit_refuse();
