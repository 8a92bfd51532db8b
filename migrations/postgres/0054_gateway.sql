-- Which gateway messages leave by: the rules, a row each time they are set, and what was decided of each gateway.

create table routing (
  id text not null primary key,
  rules text not null,
  author_id text not null references person (id),
  made_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index routing_author on routing (author_id);
create index routing_last_audit on routing (last_audit_id);

create table gateway (
  name text not null primary key,
  stopped_at bigint,
  secret_sealed bytea,
  secret_at bigint,
  version bigint not null,
  changed_at bigint not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
);
create index gateway_last_audit on gateway (last_audit_id);

-- The gateways a message may leave by, in order, when there are several; and which of them its turn is at.
alter table message add column route text;
alter table job add column lane text not null default '';
update job set lane = coalesce((select m.gateway from message m where m.id = job.subject), '') where kind = 'message.attempt' and done_at is null;
create index message_gateway_ended on message (gateway, ended_at) where ended_at is not null;
create index job_lane on job (lane, due_at) where done_at is null;

create trigger routing_audit_update before update on routing for each row execute function audit_refuse();
create trigger routing_audit_delete before delete on routing for each row execute function audit_refuse();
create trigger routing_audit_truncate before truncate on routing for each statement execute function audit_refuse();
create trigger gateway_audit_update before update on gateway for each row
when (new.last_audit_id is not distinct from old.last_audit_id) execute function audit_refuse();
create trigger gateway_audit_delete before delete on gateway for each row execute function audit_refuse();
create trigger gateway_audit_truncate before truncate on gateway for each statement execute function audit_refuse();
