-- Ids sort by time: nothing looks for events by their instant.
drop index audit_event_at;

-- SQLite looks for rows that wait for an event each time one is inserted: without these it would read every guarded table
-- from end to end. PostgreSQL looks from the other side and needs none.
create index person_last_audit on person (last_audit_id);
create index person_role_last_audit on person_role (last_audit_id);
create index recovery_code_last_audit on recovery_code (last_audit_id);
create index link_last_audit on link (last_audit_id);
create index session_last_audit on session (last_audit_id);
create index api_token_last_audit on api_token (last_audit_id);
create index evidence_last_audit on evidence (last_audit_id);
create index message_last_audit on message (last_audit_id);
create index known_device_person on known_device (person_id);
