//! The statements of this slice: reads, each over a bounded subselect, and the row of an epoch.

/// `|| ''` keeps the other indexes out: the object's own serves the order and the limit.
pub const SIGN_INS: &str = "select e.id, e.at, p.sealed from audit_event e left join audit_payload p on p.event_id = e.id and p.part = 'actor' where e.object_id = $1 and (e.action || '') in ('session.totp', 'session.enrol') and (e.outcome || '') = 'ok' order by e.id desc limit 5";
pub const OWN: &str = "select (select count(*) from recovery_code where person_id = $1 and used_at is null) as codes, (select count(*) from (select id from notice where person_id = $1 and channel = 'page' and done_at is null limit 10) n) as notices";
pub const PEOPLE: &str = "select cast(coalesce(sum(case when p.password_hash is null then 0 else 1 end), 0) as bigint) as active, cast(coalesce(sum(case when p.password_hash is null then 1 else 0 end), 0) as bigint) as invited, (select count(*) from (select failures from throttle where key >= 'account:' and key < 'account;' limit 10000) a where a.failures >= $1) + (select count(*) from (select failures from throttle where key >= 'totp:' and key < 'totp;' limit 10000) t where t.failures >= $2) as locked, (select count(*) from fixed where name = 'keys_exported_at') as exported from (select password_hash from person where deleted_at is null and disabled_at is null limit 10000) p";
pub const EVIDENCE: &str = "select count(*) as files, cast(coalesce(sum(e.size), 0) as bigint) as bytes from (select size from evidence where owner_id = $1 and deleted_at is null limit 10000) e";
pub const MESSAGES: &str = "select (select count(*) from (select state from message where author_id = $1 and id >= $2 order by id desc limit 10000) a where a.state in ('accepted', 'delivered')) as accepted, (select count(*) from (select state from message where author_id = $1 order by id desc limit 1000) u where u.state = 'unknown') as unknown";
pub const DENIED: &str = "select (select count(*) from (select id from audit_event where outcome = 'denied' and id >= $1 limit 10000) d) + (select count(*) from (select id from audit_event where outcome = 'failed' and id >= $1 limit 10000) f) as n";
pub const KEYS_EXPORTED: &str = "select count(*) from (select name from fixed where name = 'keys_exported_at' limit 1) f";
pub const UNSIGNED_SINCE: &str = "select e.at from audit_chain c join audit_event e on e.id = c.event_id where c.log = $1 and c.seq = $2";
pub const BEGIN_EPOCH: &str = "insert into epoch (last_audit_id, vkey, log, n, made_at) values ($1, $2, $3, $4, $5)";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[SIGN_INS, OWN, PEOPLE, EVIDENCE, MESSAGES, DENIED, KEYS_EXPORTED, UNSIGNED_SINCE, BEGIN_EPOCH, super::KEYS_EXPORTED];
