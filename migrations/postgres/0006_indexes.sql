-- Ids sort by time: nothing looks for events by their instant. (The other indexes of SQLite's file of this name are for its way
-- of checking deferred keys; PostgreSQL checks them from the row that has them.)
drop index audit_event_at;
