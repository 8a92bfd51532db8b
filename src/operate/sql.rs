//! The statements of this slice: reads, each over a bounded subselect, and the row of an epoch.

/// `|| ''` keeps the other indexes out: the object's own serves the order and the limit.
pub const SIGN_INS: &str = "select e.id, e.at, p.sealed from audit_event e left join audit_payload p on p.event_id = e.id and p.part = 'actor' where e.object_id = $1 and (e.action || '') in ('session.totp', 'session.enrol') and (e.outcome || '') = 'ok' order by e.id desc limit 5";
pub const OWN: &str = "select (select count(*) from recovery_code where person_id = $1 and used_at is null) as codes, (select count(*) from (select id from notice where person_id = $1 and channel = 'page' and done_at is null limit 10) n) as notices";
pub const PEOPLE: &str = "select cast(coalesce(sum(case when p.password_hash is null then 0 else 1 end), 0) as bigint) as active, cast(coalesce(sum(case when p.password_hash is null then 1 else 0 end), 0) as bigint) as invited, (select count(*) from (select failures from throttle where key >= 'account:' and key < 'account;' limit 10000) a where a.failures >= $1) + (select count(*) from (select failures from throttle where key >= 'totp:' and key < 'totp;' limit 10000) t where t.failures >= $2) as locked, (select count(*) from fixed where name = 'keys_exported_at') as exported from (select password_hash from person where deleted_at is null and disabled_at is null limit 10000) p";
pub const EVIDENCE: &str = "select count(*) as files, cast(coalesce(sum(e.size), 0) as bigint) as bytes from (select size from evidence where owner_id = $1 and deleted_at is null limit 10000) e";
pub const MESSAGES: &str = "select (select count(*) from (select state from message where author_id = $1 and id >= $2 order by id desc limit 10000) a where a.state in ('accepted', 'delivered')) as accepted, (select count(*) from (select state from message where author_id = $1 order by id desc limit 1000) u where u.state = 'unknown') as unknown";
/// `$1` is when a week is over.
pub const INTAKES: &str = "select (select count(*) from (select id from intake_record where state = 'complete' limit 10000) c) as complete, (select count(*) from (select id from intake_record where state = 'open' limit 10000) o) as unfinished, (select count(*) from (select id from intake_record where state = 'handover' limit 10000) h) as handover, (select count(*) from (select id from intake_record where erased_at is null and expires_at < $1 and ended_at is not null limit 10000) e) as expiring, (select count(*) from (select id from legal_hold where released_at is null and subject >= 'itk_' and subject < 'itk_g' limit 10000) l) as held";
/// What waits for a compliance officer, and what was refused since `$2`.
pub const OFFICER: &str = "select (select count(*) from (select id from audit_event where outcome = 'denied' and id >= $2 limit 10000) d) + (select count(*) from (select id from audit_event where outcome = 'failed' and id >= $2 limit 10000) f) as denied, (select count(*) from (select a.evidence_id from artifact a join evidence e on e.id = a.evidence_id where a.submitted_at is not null and a.approved_at is null and a.superseded_at is null and e.deleted_at is null and e.owner_id <> $1 limit 1000) w) as files, (select count(*) from (select id from objective_record where confirmed_at is null and withdrawn_at is null and made_by <> $1 limit 1000) r) as records";
/// What somebody's own files and objectives ask of them; `$2` is the last day that counts as soon.
pub const OWNER: &str = "select (select count(*) from (select a.evidence_id from artifact a join evidence e on e.id = a.evidence_id where a.rejected_at is not null and a.submitted_at is null and a.approved_at is null and a.superseded_at is null and e.deleted_at is null and e.owner_id = $1 and not exists (select 1 from artifact n where n.line_id = a.line_id and n.number > a.number) limit 1000) b) as given_back, (select count(*) from (select objective from objective_state where owner_id = $1 and due_on is not null and due_on <= $2 and stage <> 'complete' limit 1000) o) as due";
pub const CAMPAIGNS: &str = "select count(*) from (select id from campaign where state = 'review' and author_id <> $1 limit 1000) c";

/// The oldest of what waits, a page of each.
pub const WAITING_FILES: &str = "select e.id, e.name, p.display_name as by_whom, a.submitted_at as at from artifact a join evidence e on e.id = a.evidence_id join person p on p.id = e.owner_id where a.submitted_at is not null and a.approved_at is null and a.superseded_at is null and e.deleted_at is null and e.owner_id <> $1 order by a.submitted_at, a.evidence_id limit 101";
pub const WAITING_RECORDS: &str = "select r.assessment_id, a.name as assessment, r.objective, r.with_whom, p.display_name as by_whom, r.made_at as at from objective_record r join assessment a on a.id = r.assessment_id join person p on p.id = r.made_by where r.confirmed_at is null and r.withdrawn_at is null and r.made_by <> $1 order by r.made_at, r.id limit 101";
pub const WAITING_CAMPAIGNS: &str = "select c.id, c.name, p.display_name as by_whom, c.changed_at as at from campaign c join person p on p.id = c.author_id where c.state = 'review' and c.author_id <> $1 order by c.id limit 101";
pub const GIVEN_BACK: &str = "select e.id, e.name, p.display_name as by_whom, a.rejected_at as at from artifact a join evidence e on e.id = a.evidence_id join person p on p.id = a.rejected_by where a.rejected_at is not null and a.submitted_at is null and a.approved_at is null and a.superseded_at is null and e.deleted_at is null and e.owner_id = $1 and not exists (select 1 from artifact n where n.line_id = a.line_id and n.number > a.number) order by a.rejected_at, a.evidence_id limit 101";
pub const DUE: &str = "select s.assessment_id, a.name as assessment, s.objective, s.due_on from objective_state s join assessment a on a.id = s.assessment_id where s.owner_id = $1 and s.due_on is not null and s.due_on <= $2 and s.stage <> 'complete' order by s.due_on, s.assessment_id, s.objective limit 101";
pub const KEYS_EXPORTED: &str = "select count(*) from (select name from fixed where name = 'keys_exported_at' limit 1) f";
pub const UNSIGNED_SINCE: &str = "select e.at from audit_chain c join audit_event e on e.id = c.event_id where c.log = $1 and c.seq = $2";
pub const BEGIN_EPOCH: &str = "insert into epoch (last_audit_id, vkey, log, n, made_at) values ($1, $2, $3, $4, $5)";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[
    SIGN_INS,
    OWN,
    PEOPLE,
    EVIDENCE,
    MESSAGES,
    INTAKES,
    OFFICER,
    OWNER,
    CAMPAIGNS,
    WAITING_FILES,
    WAITING_RECORDS,
    WAITING_CAMPAIGNS,
    GIVEN_BACK,
    DUE,
    KEYS_EXPORTED,
    UNSIGNED_SINCE,
    BEGIN_EPOCH,
    super::KEYS_EXPORTED,
];
