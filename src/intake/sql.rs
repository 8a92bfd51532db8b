//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

/// A record as `Record` reads it.
macro_rules! record {
    ($rest:literal) => {
        concat!(
            "select id, flow, flow_version, language, channel, state, number_sealed, talk_sealed, brief_sealed, consent_version, consent_at, version, made_at, changed_at, expires_at, ended_at, listens_until, reason, erased_at from intake_record ",
            $rest
        )
    };
}
pub const BY_ID: &str = record!("where id = $1");
pub const NEWEST_OF_NUMBER: &str = record!("where number_ix = $1 and channel = $2 and erased_at is null order by id desc limit 1");
pub const OF_NUMBER: &str = record!("where number_ix = $1 and erased_at is null and id < $2 order by id desc limit $3");
pub const OF_PERSON: &str = record!("where person_ix = $1 and erased_at is null and id < $2 order by id desc limit $3");
pub const OF_LINK: &str = record!("where link_ix = $1 and expires_at > $2 and state = 'open'");
pub const PAGE: &str = record!("where id < $1 order by id desc limit $2");
pub const PAGE_OF_STATE: &str = record!("where state = $3 and id < $1 order by id desc limit $2");
pub const OLDEST_OPEN: &str = record!("where flow = $1 and state = 'open' order by id limit 1");
/// What is over and not held; those that are held wait for the end of the hold.
pub const DUE: &str = record!(
    "where erased_at is null and expires_at <= $1 and not exists (select 1 from legal_hold h where h.released_at is null and (h.subject is null or h.subject = intake_record.id)) order by expires_at limit 100"
);

pub const COUNT_OPEN: &str = "select count(*) from (select id from intake_record where flow = $1 and state = 'open' limit $2) x";
pub const COUNT_BEGUN: &str = "select count(*) from (select id from intake_record where sender_ix = $1 limit $2) x";
pub const IS_ERASED: &str = "select count(*) from intake_record where id = $1 and erased_at is not null";
pub const IS_HELD: &str = "select count(*) from (select id from legal_hold where released_at is null and (subject is null or subject = $1) limit 1) h";

pub const INSERT: &str = "insert into intake_record (id, flow, flow_version, language, channel, state, number_ix, sender_ix, link_ix, number_sealed, talk_sealed, brief_sealed, version, made_at, changed_at, expires_at, last_audit_id) values ($2, $3, $4, $5, $6, 'open', $7, $8, $9, $10, $11, $12, 1, $13, $13, $14, $1)";
pub const RELINK: &str = "update intake_record set link_ix = $4, expires_at = $5, changed_at = $6, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and state = 'open'";
pub const STEP: &str = "update intake_record set state = $4, talk_sealed = $5, brief_sealed = $6, person_ix = coalesce($7, person_ix), consent_version = coalesce($8, consent_version), consent_at = coalesce($9, consent_at), changed_at = $10, expires_at = $11, ended_at = coalesce(ended_at, $12), listens_until = $13, link_ix = null, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and erased_at is null";
pub const CORRECT: &str = "update intake_record set brief_sealed = $4, person_ix = coalesce($5, person_ix), changed_at = $6, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and erased_at is null";
pub const INSERT_VALUE: &str =
    "insert into intake_value (record_id, field, version, sealed, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $1)";
pub const LATEST_VALUE: &str = "select version, sealed from intake_value where record_id = $1 and field = $2 order by version desc limit 1";
pub const VALUES: &str = "select v.field, v.version, v.sealed, p.display_name as person, v.made_at from intake_value v left join person p on p.id = v.person_id where v.record_id = $1 order by v.version desc limit 200";

/// Locked by every act that a legal hold stands against, and by those that place one.
pub const LOCK_HOLDS: &str = "update fixed set value = value where name = 'hold_lock'";
pub const ERASE: &str = "update intake_record set state = $4, reason = $5, number_ix = null, person_ix = null, link_ix = null, number_sealed = null, talk_sealed = null, brief_sealed = null, listens_until = null, changed_at = $6, erased_at = $6, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and erased_at is null and not exists (select 1 from legal_hold h where h.released_at is null and (h.subject is null or h.subject = $2))";
pub const EMPTY_VALUES: &str = "update intake_value set sealed = null, last_audit_id = $1 where record_id = $2 and sealed is not null";
pub const EMPTY_NOTES: &str = "update intake_note set sealed = null, last_audit_id = $1 where record_id = $2 and sealed is not null";

pub const INSERT_NOTE: &str = "insert into intake_note (id, record_id, sealed, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $1)";
pub const NOTES: &str = "select n.id, n.sealed, p.display_name as person, n.made_at from intake_note n join person p on p.id = n.person_id where n.record_id = $1 order by n.id desc limit 100";
/// A note of a record that was just shredded would outlive it.
pub const IS_THERE: &str = "update intake_record set version = version + 1, changed_at = $3, last_audit_id = $1 where id = $2 and erased_at is null";

pub const INSERT_DISCLOSURE: &str =
    "insert into intake_disclosure (id, record_id, kind, fields, purpose, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $1)";
pub const DISCLOSURES: &str = "select d.kind, d.fields, d.purpose, p.display_name as person, d.made_at, c.log as entry_log, c.seq as entry_seq from intake_disclosure d join person p on p.id = d.person_id left join audit_chain c on c.event_id = d.last_audit_id where d.record_id = $1 order by d.id desc limit 200";
pub const EXPORTS_OF: &str = "select x.format as kind, x.fields, x.purpose, p.display_name as person, x.made_at, c.log as entry_log, c.seq as entry_seq from intake_export x join person p on p.id = x.person_id left join audit_chain c on c.event_id = x.last_audit_id where x.made_at >= $1 and x.from_at <= $1 and x.to_at > $1 and (x.flow is null or x.flow = $2) and x.made_at < $3 order by x.made_at desc limit 200";

pub const INSERT_EXPORT: &str = "insert into intake_export (id, flow, from_at, to_at, fields, purpose, format, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $1)";
pub const FINISH_EXPORT: &str =
    "update intake_export set row_count = $3, sha256 = $4, finished_at = $5, last_audit_id = $1 where id = $2 and finished_at is null";
pub const EXPORT_PAGE: &str = record!("where flow = $1 and (ended_at, id) > ($2, $3) and ended_at < $4 and erased_at is null order by ended_at, id limit $5");

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[
    BY_ID,
    NEWEST_OF_NUMBER,
    OF_NUMBER,
    OF_PERSON,
    OF_LINK,
    PAGE,
    PAGE_OF_STATE,
    OLDEST_OPEN,
    DUE,
    COUNT_OPEN,
    COUNT_BEGUN,
    IS_ERASED,
    IS_HELD,
    INSERT,
    RELINK,
    STEP,
    CORRECT,
    INSERT_VALUE,
    LATEST_VALUE,
    VALUES,
    LOCK_HOLDS,
    ERASE,
    EMPTY_VALUES,
    EMPTY_NOTES,
    INSERT_NOTE,
    NOTES,
    IS_THERE,
    INSERT_DISCLOSURE,
    DISCLOSURES,
    EXPORTS_OF,
    INSERT_EXPORT,
    FINISH_EXPORT,
    EXPORT_PAGE,
];
