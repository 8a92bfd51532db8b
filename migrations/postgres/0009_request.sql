-- The request an event came by, so that everything one request did is found together. The body said it all along; the events
-- already there are read once, with the guard lifted inside this transaction alone.
alter table audit_event add column request_id text;
drop trigger audit_event_change on audit_event;
update audit_event set request_id = cast(convert_from(body, 'UTF8') as json) ->> 'request_id';
create trigger audit_event_change before update or delete on audit_event for each row execute function audit_refuse();
create index audit_event_request on audit_event (request_id, id desc) where request_id is not null;
