-- Which gateway messages leave by: the rules, a row each time they are set, and what was decided of each gateway.

create table routing (
  id text not null primary key,
  rules text not null,
  author_id text not null references person (id),
  made_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index routing_author on routing (author_id);
create index routing_last_audit on routing (last_audit_id);

create table gateway (
  name text not null primary key,
  stopped_at integer,
  secret_sealed blob,
  secret_at integer,
  version integer not null,
  changed_at integer not null,
  last_audit_id text not null references audit_event (id) deferrable initially deferred
) strict;
create index gateway_last_audit on gateway (last_audit_id);

-- The gateways a message may leave by, in order, when there are several; and which of them its turn is at.
alter table message add column route text;
alter table job add column lane text not null default '';
update job set lane = coalesce((select m.gateway from message m where m.id = job.subject), '') where kind = 'message.attempt' and done_at is null;
create index message_gateway_ended on message (gateway, ended_at) where ended_at is not null;
create index job_lane on job (lane, due_at) where done_at is null;

create trigger routing_audit_insert before insert on routing
when exists (select 1 from routing where id = new.id) begin select raise(abort, 'rules may not be replaced'); end;
create trigger routing_audit_update before update on routing begin select raise(abort, 'rules are never changed'); end;
create trigger routing_audit_delete before delete on routing begin select raise(abort, 'rules are never deleted'); end;
create trigger gateway_audit_insert before insert on gateway
when exists (select 1 from gateway where name = new.name) begin select raise(abort, 'a gateway may not be replaced'); end;
create trigger gateway_audit_update before update on gateway
when new.last_audit_id is old.last_audit_id begin select raise(abort, 'a gateway changed without an audit entry'); end;
create trigger gateway_audit_delete before delete on gateway begin select raise(abort, 'a gateway is never deleted'); end;
