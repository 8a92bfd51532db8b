//! The statements of this slice. The list's statement is put together from the fragments below, one for each filter in use.
//! `cross join` keeps SQLite from reading the chain first: the event's own index must serve the order and the limit.

/// Rows of the trail with their sealed values; the filters follow.
pub const ROWS: &str = "select e.id, e.at, c.seq, c.prev, c.leaf_hash, e.body, e.actor_kind, e.actor_id, e.action, e.category, e.object_kind, e.object_id, e.outcome, e.address_ix, e.subject, e.request_id, pa.sealed as actor_sealed, ps.sealed as subject_sealed from audit_event e cross join audit_chain c left join audit_payload pa on pa.event_id = e.id and pa.part = 'actor' left join audit_payload ps on ps.event_id = e.id and ps.part = 'subject' where c.event_id = e.id";
pub const OF_LOG: &str = " and c.log = ";
pub const BY_ACTOR: &str = " and e.actor_id = ";
pub const BY_KIND: &str = " and e.actor_id is null and e.actor_kind = ";
pub const BY_ACTION: &str = " and e.action = ";
pub const BY_REQUEST: &str = " and e.request_id = ";
pub const ON_OBJECT: &str = " and e.object_id = ";
pub const ENDED: &str = " and e.outcome = ";
pub const FROM_ADDRESS: &str = " and e.address_ix = ";
// The same without an index, for all but the most selective filter: without statistics SQLite could pick the wrong one.
pub const ALSO_BY_ACTOR: &str = " and (e.actor_id || '') = ";
pub const ALSO_BY_KIND: &str = " and (e.actor_id || '') is null and e.actor_kind = ";
pub const ALSO_BY_ACTION: &str = " and (e.action || '') = ";
pub const ALSO_ON_OBJECT: &str = " and (e.object_id || '') = ";
pub const ALSO_ENDED: &str = " and (e.outcome || '') = ";
pub const ALSO_FROM_ADDRESS: &str = " and (e.address_ix || '') = ";
pub const SINCE: &str = " and (e.at + 0) >= ";
pub const UNTIL: &str = " and (e.at + 0) < ";
pub const FROM_PLACE: &str = " and c.seq >= ";
pub const TO_PLACE: &str = " and c.seq <= ";
pub const ID_ABOVE: &str = " and e.id > ";
pub const ID_BELOW: &str = " and e.id < ";
pub const NEWEST_FIRST: &str = " order by e.id desc limit ";
pub const OLDEST_FIRST: &str = " order by e.id limit ";

/// One entry by its place, reached through the chain.
pub const ENTRY: &str = "select e.id, e.at, c.seq, c.prev, c.leaf_hash, e.body, e.actor_kind, e.actor_id, e.action, e.category, e.object_kind, e.object_id, e.outcome, e.address_ix, e.subject, e.request_id, pa.sealed as actor_sealed, ps.sealed as subject_sealed from audit_chain c join audit_event e on e.id = c.event_id left join audit_payload pa on pa.event_id = e.id and pa.part = 'actor' left join audit_payload ps on ps.event_id = e.id and ps.part = 'subject' where c.log = $1 and c.seq = $2";
/// The event at a place.
pub const AT_PLACE: &str = "select event_id from audit_chain where log = $1 and seq = $2";
pub const LINKS: &str = "select c.seq, c.prev, c.leaf_hash, e.body from audit_chain c join audit_event e on e.id = c.event_id where c.log = $1 and c.seq >= $2 and c.seq < $3 order by c.seq limit 501";
pub const LOGS: &str = "select log, origin from audit_head order by log desc limit 20";
pub const ORIGIN: &str = "select origin from audit_head where log = $1";
pub const COUNT_PENDING: &str = "select count(*) from (select event_id from audit_pending limit 100000) p";
pub const DROP_PENDING: &str = "delete from audit_pending";

/// Every whole statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[ROWS, ENTRY, AT_PLACE, LINKS, LOGS, ORIGIN, COUNT_PENDING, DROP_PENDING];
