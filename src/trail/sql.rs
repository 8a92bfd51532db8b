//! The statements of this slice. The list's statement is put together from the fragments below, one for each filter in use.
//! `cross join` keeps SQLite from reading the chain first: the event's own index must serve the order and the limit.

/// Rows of the trail with their sealed values; the filters follow.
pub const ROWS: &str = "select e.id, e.at, c.seq, c.prev, c.leaf_hash, e.body, e.actor_kind, e.actor_id, e.action, e.category, e.object_kind, e.object_id, e.outcome, e.address_ix, e.subject, e.request_id, pa.sealed as actor_sealed, ps.sealed as subject_sealed from audit_event e cross join audit_chain c left join audit_payload pa on pa.event_id = e.id and pa.part = 'actor' left join audit_payload ps on ps.event_id = e.id and ps.part = 'subject' where c.event_id = e.id";
/// The same in the order of the chain, for few places.
pub const ROWS_BY_PLACE: &str = "select e.id, e.at, c.seq, c.prev, c.leaf_hash, e.body, e.actor_kind, e.actor_id, e.action, e.category, e.object_kind, e.object_id, e.outcome, e.address_ix, e.subject, e.request_id, pa.sealed as actor_sealed, ps.sealed as subject_sealed from audit_chain c cross join audit_event e left join audit_payload pa on pa.event_id = e.id and pa.part = 'actor' left join audit_payload ps on ps.event_id = e.id and ps.part = 'subject' where e.id = c.event_id";
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
pub const PLACE_ABOVE: &str = " and c.seq > ";
pub const PLACE_BELOW: &str = " and c.seq < ";
pub const ID_ABOVE: &str = " and e.id > ";
pub const ID_BELOW: &str = " and e.id < ";
pub const NEWEST_FIRST: &str = " order by e.id desc limit ";
pub const OLDEST_FIRST: &str = " order by e.id limit ";
pub const LAST_PLACE_FIRST: &str = " order by c.seq desc limit ";
pub const FIRST_PLACE_FIRST: &str = " order by c.seq limit ";

/// One entry by its place, reached through the chain.
pub const ENTRY: &str = "select e.id, e.at, c.seq, c.prev, c.leaf_hash, e.body, e.actor_kind, e.actor_id, e.action, e.category, e.object_kind, e.object_id, e.outcome, e.address_ix, e.subject, e.request_id, pa.sealed as actor_sealed, ps.sealed as subject_sealed from audit_chain c join audit_event e on e.id = c.event_id left join audit_payload pa on pa.event_id = e.id and pa.part = 'actor' left join audit_payload ps on ps.event_id = e.id and ps.part = 'subject' where c.log = $1 and c.seq = $2";
/// The place of an event.
pub const PLACE_OF: &str = "select seq from audit_chain where log = $1 and event_id = $2";
/// The event at a place.
pub const AT_PLACE: &str = "select event_id from audit_chain where log = $1 and seq = $2";
pub const LINKS: &str = "select c.seq, c.prev, c.leaf_hash, e.body from audit_chain c join audit_event e on e.id = c.event_id where c.log = $1 and c.seq >= $2 and c.seq < $3 order by c.seq limit 501";
/// Entries below the pruned minimum that say how long entries are kept; found by their act, and few.
pub const RETAINED: &str = "select c.seq, c.prev, c.leaf_hash, e.body from audit_event e cross join audit_chain c where c.event_id = e.id and c.log = $1 and c.seq < $2 and e.action in ('retention.propose', 'retention.approve', 'epoch.rotate') order by c.seq limit 1000000";
pub const LOGS: &str = "select log, origin from audit_head order by log desc limit 20";
pub const ORIGIN: &str = "select origin from audit_head where log = $1";
pub const COUNT_PENDING: &str = "select count(*) from (select event_id from audit_pending limit 100000) p";
pub const PENDING: &str =
    "select p.event_id, e.body from audit_pending p join audit_event e on e.id = p.event_id where p.event_id > $1 order by p.event_id limit 500";
pub const DROP_PENDING: &str = "delete from audit_pending";

/// A range with everything that is held against the leaves, read from the chain on.
pub const IN_RANGE: &str = "select c.seq, e.body, e.id, e.at, e.actor_kind, e.actor_id, e.action, e.category, e.object_kind, e.object_id, e.outcome, e.address_ix, e.subject, e.request_id from audit_chain c cross join audit_event e where e.id = c.event_id and c.log = $1 and c.seq >= $2 and c.seq <= $3 order by c.seq";

/// A review with the name of who signed and the place of its entry, as `Signed` reads it.
macro_rules! review {
    ($rest:literal) => {
        concat!(
            "select r.id, r.log, r.from_seq, r.to_seq, r.whole, r.matched, r.root, r.finding, r.method, r.seed, r.drawn, r.sealed, r.person_id, ",
            "p.display_name as reviewer, r.corrects, (select n.id from review n where n.corrects = r.id) as corrected_by, r.made_at, ",
            "c.log as entry_log, c.seq as entry_seq ",
            "from review r join person p on p.id = r.person_id left join audit_chain c on c.event_id = r.last_audit_id ",
            $rest
        )
    };
}

pub const REVIEW: &str = review!("where r.id = $1");
pub const REVIEWS: &str = review!("where r.id < $1 order by r.id desc limit $2");
pub const INSERT_REVIEW: &str = "insert into review (id, log, from_seq, to_seq, whole, matched, root, finding, method, seed, drawn, sealed, person_id, corrects, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $1)";
pub const CORRECTION_OF: &str = "select id from review where corrects = $1";
pub const COVERED: &str = "select r.from_seq, r.to_seq from review r where r.log = $1 and (r.whole + 0) = 1 and not exists (select 1 from review n where n.corrects = r.id) order by r.to_seq desc limit $2";
pub const LAST_REMINDER: &str = "select at from audit_event where action = 'trail.remind' order by id desc limit 1";

pub const LOCK_VIEWS: &str = "insert into fixed (name, value) values ('view_lock', '') on conflict (name) do update set value = excluded.value";
pub const COUNT_VIEWS: &str = "select count(*) from saved_view where person_id = $1 and deleted_at is null";
pub const INSERT_VIEW: &str = "insert into saved_view (id, person_id, sealed, made_at, last_audit_id) values ($2, $3, $4, $5, $1)";
pub const DELETE_VIEW: &str =
    "update saved_view set deleted_at = $4, sealed = null, last_audit_id = $1 where id = $2 and person_id = $3 and deleted_at is null";
pub const VIEWS: &str = "select id, sealed from saved_view where person_id = $1 and deleted_at is null order by id desc limit 50";
pub const VIEW: &str = "select id, sealed from saved_view where id = $1 and person_id = $2 and deleted_at is null";

/// For each of 24 ids the place of the first entry that does not sort before it: log and place in one number.
pub const PLACES_AT: &str = "select cast(b.column1 as bigint) as n, cast((select c.log * 1000000000000000 + c.seq from audit_event e cross join audit_chain c where c.event_id = e.id and e.id >= b.column2 order by e.id limit 1) as bigint) as place from (values (0, cast($1 as text)), (1, cast($2 as text)), (2, cast($3 as text)), (3, cast($4 as text)), (4, cast($5 as text)), (5, cast($6 as text)), (6, cast($7 as text)), (7, cast($8 as text)), (8, cast($9 as text)), (9, cast($10 as text)), (10, cast($11 as text)), (11, cast($12 as text)), (12, cast($13 as text)), (13, cast($14 as text)), (14, cast($15 as text)), (15, cast($16 as text)), (16, cast($17 as text)), (17, cast($18 as text)), (18, cast($19 as text)), (19, cast($20 as text)), (20, cast($21 as text)), (21, cast($22 as text)), (22, cast($23 as text)), (23, cast($24 as text))) b";
pub const RECENT_OF_ACTION: &str = "select c.seq, e.body, e.id, e.at, e.actor_kind, e.actor_id, e.action, e.category, e.object_kind, e.object_id, e.outcome, e.address_ix, e.subject, e.request_id from audit_event e cross join audit_chain c where c.event_id = e.id and c.log = $1 and e.action = $2 and e.id > $3 order by e.id desc limit $4";
pub const RECENT_OF_OUTCOME: &str = "select c.seq, e.body, e.id, e.at, e.actor_kind, e.actor_id, e.action, e.category, e.object_kind, e.object_id, e.outcome, e.address_ix, e.subject, e.request_id from audit_event e cross join audit_chain c where c.event_id = e.id and c.log = $1 and e.outcome = $2 and e.id > $3 order by e.id desc limit $4";
pub const SIGN_INS_OF: &str = "select e.id, c.seq, e.at, e.address_ix from audit_event e cross join audit_chain c where c.event_id = e.id and c.log = $1 and e.object_id = $2 and e.id > $3 and (e.action || '') = 'session.totp' and (e.outcome || '') = 'ok' and e.address_ix is not null order by e.id desc limit $4";
/// Earlier sign-ins of somebody among the last thousand entries about them, and those from one address.
pub const EARLIER_SIGN_INS: &str = "select count(*), cast(coalesce(sum(case when s.address_ix = $3 then 1 else 0 end), 0) as bigint) from (select e.address_ix, e.action, e.outcome from audit_event e where e.object_id = $1 and e.id < $2 order by e.id desc limit 1000) s where s.action = 'session.totp' and s.outcome = 'ok' and s.address_ix is not null";

/// Every whole statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[
    ROWS,
    ROWS_BY_PLACE,
    ENTRY,
    PLACE_OF,
    AT_PLACE,
    LINKS,
    RETAINED,
    LOGS,
    ORIGIN,
    COUNT_PENDING,
    PENDING,
    DROP_PENDING,
    IN_RANGE,
    REVIEW,
    REVIEWS,
    INSERT_REVIEW,
    CORRECTION_OF,
    COVERED,
    LAST_REMINDER,
    LOCK_VIEWS,
    COUNT_VIEWS,
    INSERT_VIEW,
    DELETE_VIEW,
    VIEWS,
    VIEW,
    PLACES_AT,
    RECENT_OF_ACTION,
    RECENT_OF_OUTCOME,
    SIGN_INS_OF,
    EARLIER_SIGN_INS,
];
