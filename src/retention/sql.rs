//! The statements of this slice. In a write to a guarded table `$1` is the event's id.
//!
//! `LOCK` comes first in every act here, and the gate after it: the lock makes them follow each other, and a gate lets an act
//! pass only with an id above those it follows, so that the log has them in the order in which they were decided.

pub const LOCK: &str = "update fixed set value = value where name = 'hold_lock'";

pub const GATE_TERM: &str = "update fixed set value = value where name = 'hold_lock' and not exists (select 1 from retention where last_audit_id > $1) and not exists (select 1 from audit_prune where last_audit_id > $1)";
pub const GATE_HOLD: &str = "update fixed set value = value where name = 'hold_lock' and not exists (select 1 from erasure where last_audit_id > $1 or subject = $2) and not exists (select 1 from audit_prune where last_audit_id > $1)";
pub const GATE_ERASE: &str = "update fixed set value = value where name = 'hold_lock' and not exists (select 1 from legal_hold where last_audit_id > $1 or (released_at is null and (subject is null or subject = $2))) and not exists (select 1 from erasure where subject = $2)";
pub const GATE_PRUNE: &str = "update fixed set value = value where name = 'hold_lock' and not exists (select 1 from legal_hold where last_audit_id > $1 or released_at is null) and not exists (select 1 from retention where last_audit_id > $1) and not exists (select 1 from audit_prune where log = $2 and (last_audit_id > $1 or min_seq >= $3))";
pub const GATE_WORK: &str = "update fixed set value = value where name = 'hold_lock' and not exists (select 1 from legal_hold where released_at is null)";

/// The retention in force in a log, and the newest one there, which waits for an approval if it has none.
pub const IN_FORCE: &str = "select id, days from retention where log = $1 and approved_at is not null order by id desc limit 1";
pub const IN_FORCE_BEFORE: &str = "select id, days from retention where log < $1 and approved_at is not null order by id desc limit 1";
pub const PROPOSE: &str =
    "insert into retention (id, log, days, before_days, sealed, person_id, made_at, approved_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $1)";
pub const APPROVE: &str = "update retention set approved_by = $3, approved_at = $4, last_audit_id = $1 where id = $2 and approved_at is null and person_id <> $3 and last_audit_id < $1 and not exists (select 1 from retention n where n.log = retention.log and n.id > $2)";
pub const TERM: &str = "select r.id, r.log, r.days, r.before_days, r.sealed, r.person_id, p.display_name as proposer, r.made_at, a.display_name as approver, r.approved_at, c.log as entry_log, c.seq as entry_seq from retention r join person p on p.id = r.person_id left join person a on a.id = r.approved_by left join audit_chain c on c.event_id = r.last_audit_id where r.id = $1";
pub const TERMS: &str = "select r.id, r.log, r.days, r.before_days, r.sealed, r.person_id, p.display_name as proposer, r.made_at, a.display_name as approver, r.approved_at, c.log as entry_log, c.seq as entry_seq from retention r join person p on p.id = r.person_id left join person a on a.id = r.approved_by left join audit_chain c on c.event_id = r.last_audit_id order by r.id desc limit 50";

pub const PLACE: &str = "insert into legal_hold (id, subject, sealed, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $1)";
pub const RELEASE: &str = "update legal_hold set released_by = $3, released_at = $4, last_audit_id = $1 where id = $2 and released_at is null and person_id <> $3 and last_audit_id < $1";
pub const HOLD: &str = "select h.id, h.subject, h.sealed, h.person_id, p.display_name as placer, h.made_at, r.display_name as releaser, h.released_at, c.log as entry_log, c.seq as entry_seq from legal_hold h join person p on p.id = h.person_id left join person r on r.id = h.released_by left join audit_chain c on c.event_id = h.last_audit_id where h.id = $1";
pub const HOLDS: &str = "select h.id, h.subject, h.sealed, h.person_id, p.display_name as placer, h.made_at, r.display_name as releaser, h.released_at, c.log as entry_log, c.seq as entry_seq from legal_hold h join person p on p.id = h.person_id left join person r on r.id = h.released_by left join audit_chain c on c.event_id = h.last_audit_id order by (case when h.released_at is null then 0 else 1 end), h.id desc limit 100";
pub const IS_HELD: &str = "select count(*) from (select id from legal_hold where released_at is null and (subject is null or subject = $1) limit 1) h";
pub const IS_ANY_HELD: &str = "select count(*) from (select id from legal_hold where released_at is null limit 1) h";

pub const ERASE: &str = "insert into erasure (subject, basis, requester, entries, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $1)";
pub const COUNT_SEALED: &str = "select count(*) from (select event_id from audit_payload where subject = $1 limit $2) p";
pub const ERASURES: &str = "select x.subject, x.basis, x.requester, x.entries, p.display_name as eraser, x.made_at, d.destroyed_at, c.log as entry_log, c.seq as entry_seq from erasure x join person p on p.id = x.person_id left join erasure_done d on d.subject = x.subject left join audit_chain c on c.event_id = x.last_audit_id order by x.made_at desc, x.subject limit 50";
pub const UNFINISHED: &str = "select x.subject from erasure x left join erasure_done d on d.subject = x.subject where x.subject > $1 and d.cleared_at is null order by x.subject limit 200";
pub const ERASED_ROWS: &str = "select x.subject from erasure x where x.subject > $1 order by x.subject limit 200";
pub const ERASED_ENTRIES: &str =
    "select e.id, e.body from audit_event e where e.action = 'subject.erased' and e.outcome = 'ok' and e.id > $1 order by e.id limit 200";
pub const WAS_DESTROYED: &str = "select destroyed_at from erasure_done where subject = $1";
pub const DESTROYED: &str = "insert into erasure_done (subject, destroyed_at) values ($1, $2) on conflict (subject) do nothing";
pub const CLEARED: &str = "update erasure_done set cleared_at = $2 where subject = $1 and cleared_at is null";
pub const CLEAR: &str = "delete from audit_payload where subject = $1 and event_id in (select event_id from audit_payload where subject = $1 limit 500)";

pub const AT: &str = "select e.body from audit_chain c join audit_event e on e.id = c.event_id where c.log = $1 and c.seq = $2";
pub const PRUNE: &str = "insert into audit_prune (id, log, min_seq, days, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $1)";
pub const LAST_PRUNE: &str = "select p.min_seq, c.seq from audit_prune p left join audit_chain c on c.event_id = p.last_audit_id and c.log = p.log where p.log = $1 order by p.min_seq desc limit 1";
pub const PRUNES: &str = "select p.min_seq, p.days, p.made_at, c.log as entry_log, c.seq as entry_seq from audit_prune p left join audit_chain c on c.event_id = p.last_audit_id order by p.id desc limit 50";
pub const PRUNE_PAYLOADS: &str =
    "delete from audit_payload where event_id in (select c.event_id from audit_chain c where c.log = $1 and c.seq >= $2 and c.seq < $3)";
pub const BLANK: &str = "update audit_event set body = x'', actor_kind = '', actor_id = null, action = '', category = '', object_kind = '', object_id = null, outcome = '', address_ix = null, subject = null, request_id = null where id in (select c.event_id from audit_chain c where c.log = $1 and c.seq >= $2 and c.seq < $3) and length(body) > 0 and action not in ('retention.propose', 'retention.approve', 'epoch.rotate')";
/// PostgreSQL only: the same, for a role that may not update events itself.
pub const BLANK_AS_OWNER: &str = "select audit_blank($1, $2, $3)";
pub const PROGRESS: &str =
    "insert into prune_progress (log, done_seq, at) values ($1, $2, $3) on conflict (log) do update set done_seq = excluded.done_seq, at = excluded.at";

/// Every statement that both databases run, for the test that prepares them all.
pub const ALL: &[&str] = &[
    LOCK,
    GATE_TERM,
    GATE_HOLD,
    GATE_ERASE,
    GATE_PRUNE,
    GATE_WORK,
    IN_FORCE,
    IN_FORCE_BEFORE,
    PROPOSE,
    APPROVE,
    TERM,
    TERMS,
    PLACE,
    RELEASE,
    HOLD,
    HOLDS,
    IS_HELD,
    IS_ANY_HELD,
    ERASE,
    COUNT_SEALED,
    ERASURES,
    UNFINISHED,
    ERASED_ROWS,
    ERASED_ENTRIES,
    WAS_DESTROYED,
    DESTROYED,
    CLEARED,
    CLEAR,
    AT,
    PRUNE,
    LAST_PRUNE,
    PRUNES,
    PRUNE_PAYLOADS,
    PROGRESS,
];
