-- The request an event came by, so that everything one request did is found together. The body said it all along; the events
-- already there are read once, with the guard lifted inside this transaction alone.
alter table audit_event add column request_id text;
drop trigger audit_event_update;
update audit_event set request_id = json_extract(cast(body as text), '$.request_id') where json_valid(cast(body as text));
create trigger audit_event_update before update on audit_event begin select raise(abort, 'an audit event is never changed'); end;
create index audit_event_request on audit_event (request_id, id desc) where request_id is not null;
