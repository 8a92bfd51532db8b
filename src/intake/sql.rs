//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

/// A record as `Record` reads it.
macro_rules! record {
    ($rest:literal) => {
        concat!(
            "select id, flow, flow_version, language, channel, state, number_sealed, talk_sealed, brief_sealed, consent_version, consent_at, version, made_at, changed_at, expires_at, ended_at, listens_until, reason, erased_at, merged_into, merged_at from intake_record ",
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
pub const OLDEST_OPEN: &str = record!(
    "where flow = $1 and state = 'open' and not exists (select 1 from legal_hold h where h.released_at is null and (h.subject is null or h.subject = intake_record.id)) order by id limit 1"
);
/// Others that may be of the same person.
pub const ALIKE: &str = record!(
    "where id <> $1 and flow = $2 and (number_ix = $3 or person_ix = $4) and state in ('complete', 'handover') and erased_at is null order by id desc limit 20"
);
pub const MERGED: &str = record!("where merged_into = $1 order by id limit 20");
/// What is over and not held, itself or by the record it went into; those that are held wait for the end of the hold.
pub const DUE: &str = record!(
    "where erased_at is null and expires_at <= $1 and not exists (select 1 from legal_hold h where h.released_at is null and (h.subject is null or h.subject = intake_record.id or h.subject = intake_record.merged_into)) order by expires_at limit 100"
);

pub const COUNT_OPEN: &str = "select count(*) from (select id from intake_record where flow = $1 and state = 'open' limit $2) x";
pub const BEGUN: &str = "select starts from intake_start where sender_ix = $1";
pub const BEGIN_ONE: &str = "insert into intake_start (sender_ix, day_at, starts) values ($1, $2, 1) on conflict (sender_ix) do update set starts = intake_start.starts + 1 where intake_start.starts < $3";
/// What was begun on days that are over says nothing any more.
pub const FORGET_STARTS: &str = "delete from intake_start where sender_ix in (select sender_ix from intake_start where day_at < $1 limit 500)";
pub const INDEXES: &str = "select number_ix, person_ix from intake_record where id = $1";
pub const COUNT_BETWEEN: &str = "select count(*) from (select id from intake_record where id >= $1 and id < $2 limit $3) x";
pub const IS_ERASED: &str = "select count(*) from intake_record where id = $1 and erased_at is not null";
pub const IS_HELD: &str = "select count(*) from (select id from legal_hold where released_at is null and (subject is null or subject = $1 or subject = (select merged_into from intake_record where id = $1)) limit 1) h";

pub const INSERT: &str = "insert into intake_record (id, flow, flow_version, language, channel, state, number_ix, link_ix, number_sealed, talk_sealed, brief_sealed, version, made_at, changed_at, expires_at, last_audit_id) values ($2, $3, $4, $5, $6, 'open', $7, $8, $9, $10, $11, 1, $12, $12, $13, $1)";
pub const RELINK: &str = "update intake_record set link_ix = $4, expires_at = $5, changed_at = $6, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and state = 'open'";
pub const STEP: &str = "update intake_record set state = $4, talk_sealed = $5, brief_sealed = $6, person_ix = coalesce($7, person_ix), consent_version = coalesce($8, consent_version), consent_at = coalesce($9, consent_at), changed_at = $10, expires_at = $11, ended_at = coalesce(ended_at, $12), listens_until = $13, link_ix = null, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and erased_at is null";
pub const CORRECT: &str = "update intake_record set brief_sealed = $4, person_ix = coalesce($5, person_ix), changed_at = $6, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and erased_at is null and merged_into is null";
/// A conversation that a hold keeps, and that nobody went on with: a person takes over, and its number may begin another.
pub const SET_ASIDE: &str = "update intake_record set state = 'handover', ended_at = $4, link_ix = null, changed_at = $4, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and state = 'open'";
pub const TOUCH: &str = "update intake_record set changed_at = $4, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and erased_at is null and merged_into is null";
pub const MERGE_KEPT: &str = "update intake_record set brief_sealed = $4, person_ix = coalesce($5, person_ix), expires_at = $6, changed_at = $7, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and erased_at is null and state in ('complete', 'handover')";
pub const MERGE_OTHER: &str = "update intake_record set state = 'merged', merged_into = $4, merged_at = $6, listens_until = null, expires_at = $5, changed_at = $6, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and erased_at is null and state in ('complete', 'handover') and not exists (select 1 from intake_record m where m.merged_into = $2)";
pub const INSERT_VALUE: &str =
    "insert into intake_value (record_id, field, version, sealed, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $1)";
pub const LATEST_VALUE: &str = "select version, sealed from intake_value where record_id = $1 and field = $2 order by version desc limit 1";
pub const TEXTS_OF: &str = "select version, sealed, made_at from intake_value where record_id = $1 and field = 'texts' order by version limit 200";
pub const COUNT_TEXTS: &str = "select count(*) from intake_value where record_id = $1 and field = 'texts'";
pub const VALUES: &str = "select v.field, v.version, v.sealed, p.display_name as person, v.made_at from intake_value v left join person p on p.id = v.person_id where v.record_id = $1 order by v.version desc limit 400";

/// Locked by every act that a legal hold stands against, and by those that place one.
pub const LOCK_HOLDS: &str = "update fixed set value = value where name = 'hold_lock'";
pub const ERASE: &str = "update intake_record set state = $4, reason = $5, number_ix = null, person_ix = null, link_ix = null, number_sealed = null, talk_sealed = null, brief_sealed = null, listens_until = null, changed_at = $6, erased_at = $6, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and erased_at is null and not exists (select 1 from legal_hold h where h.released_at is null and (h.subject is null or h.subject = $2 or h.subject = intake_record.merged_into))";
/// Those that went into it go with it, unless they are held themselves.
pub const ERASE_MERGED: &str = "update intake_record set reason = $3, number_ix = null, person_ix = null, link_ix = null, number_sealed = null, talk_sealed = null, brief_sealed = null, listens_until = null, changed_at = $4, erased_at = $4, version = version + 1, last_audit_id = $1 where merged_into = $2 and erased_at is null and not exists (select 1 from legal_hold h where h.released_at is null and (h.subject is null or h.subject = intake_record.id))";
/// Of a record, and of those that went into it and were just shredded too.
pub const EMPTY_VALUES: &str = "update intake_value set sealed = null, last_audit_id = $1 where sealed is not null and (record_id = $2 or record_id in (select id from intake_record where merged_into = $2 and erased_at is not null))";
pub const EMPTY_NOTES: &str = "update intake_note set sealed = null, last_audit_id = $1 where sealed is not null and (record_id = $2 or record_id in (select id from intake_record where merged_into = $2 and erased_at is not null))";
pub const EMPTY_FILES: &str = "update intake_file set meta_sealed = null, sha256 = null, last_audit_id = $1 where meta_sealed is not null and (record_id = $2 or record_id in (select id from intake_record where merged_into = $2 and erased_at is not null))";

pub const INSERT_NOTE: &str = "insert into intake_note (id, record_id, sealed, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $1)";
pub const NOTES: &str = "select n.id, n.sealed, p.display_name as person, n.made_at from intake_note n join person p on p.id = n.person_id where n.record_id = $1 order by n.id desc limit 100";
/// A note of a record that was just shredded would outlive it.
pub const IS_THERE: &str =
    "update intake_record set version = version + 1, changed_at = $3, last_audit_id = $1 where id = $2 and erased_at is null and merged_into is null";

/// The same, for who holds its link, while that link opens it.
pub const IS_OPEN: &str = "update intake_record set version = version + 1, changed_at = $3, last_audit_id = $1 where id = $2 and state = 'open' and link_ix = $4 and expires_at > $5 and erased_at is null";

pub const INSERT_DISCLOSURE: &str =
    "insert into intake_disclosure (id, record_id, kind, fields, purpose, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $1)";
pub const DISCLOSURES: &str = "select d.kind, d.fields, d.purpose, p.display_name as person, d.made_at, c.log as entry_log, c.seq as entry_seq from intake_disclosure d join person p on p.id = d.person_id left join audit_chain c on c.event_id = d.last_audit_id where d.record_id = $1 order by d.id desc limit 200";
pub const EXPORTS_OF: &str = "select x.format as kind, x.fields, x.purpose, p.display_name as person, x.made_at, c.log as entry_log, c.seq as entry_seq from intake_export x join person p on p.id = x.person_id left join audit_chain c on c.event_id = x.last_audit_id where x.made_at >= $1 and x.from_at <= $1 and x.to_at > $1 and (x.flow is null or x.flow = $2) and x.made_at < $3 order by x.made_at desc limit 200";

pub const INSERT_EXPORT: &str = "insert into intake_export (id, flow, from_at, to_at, fields, purpose, format, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $1)";
pub const FINISH_EXPORT: &str =
    "update intake_export set row_count = $3, sha256 = $4, finished_at = $5, last_audit_id = $1 where id = $2 and finished_at is null";
/// A record that went into another before the export began is in that one.
pub const EXPORT_PAGE: &str = "select id, ended_at, number_sealed from intake_record where flow = $1 and (ended_at, id) > ($2, $3) and ended_at < $4 and erased_at is null and (merged_at is null or merged_at > $6) order by ended_at, id limit $5";
/// How many records an export would hold, at most the last parameter.
pub const COUNT_EXPORT: &str = "select count(*) from (select id from intake_record where flow = $1 and ended_at >= $2 and ended_at < $3 and erased_at is null and (merged_at is null or merged_at > $4) limit $5) x";
/// Only of records that the page can hold: rows of what was shredded or merged before it began stay, and are many.
pub const EXPORT_VALUES: &str = "select v.record_id, v.field, v.version, v.sealed from intake_record r join intake_value v on v.record_id = r.id where r.flow = $1 and (r.ended_at, r.id) > ($2, $3) and (r.ended_at, r.id) <= ($4, $5) and v.field <> 'texts' and not exists (select 1 from intake_value n where n.record_id = v.record_id and n.field = v.field and n.version > v.version) and (r.erased_at is null or r.erased_at > $7) and (r.merged_at is null or r.merged_at > $7) limit $6";

pub const INSERT_FILE: &str =
    "insert into intake_file (id, record_id, kind, meta_sealed, sha256, person_id, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $1)";
pub const COUNT_FILES: &str = "select count(*) from (select id from intake_file where record_id = $1 limit $2) f";
/// Of a record and of those that went into it.
pub const FILES: &str = "select f.id, f.record_id, f.kind, f.meta_sealed, f.sha256, p.display_name as person, f.made_at from intake_file f left join person p on p.id = f.person_id where f.record_id = $1 or f.record_id in (select id from intake_record where merged_into = $1) order by f.id desc limit 200";
pub const FILE_BY_ID: &str = "select f.id, f.record_id, f.kind, f.meta_sealed, f.sha256, p.display_name as person, f.made_at from intake_file f left join person p on p.id = f.person_id where f.id = $1";

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
    BEGUN,
    BEGIN_ONE,
    FORGET_STARTS,
    INDEXES,
    ALIKE,
    MERGED,
    SET_ASIDE,
    TOUCH,
    MERGE_KEPT,
    MERGE_OTHER,
    TEXTS_OF,
    COUNT_TEXTS,
    ERASE_MERGED,
    EMPTY_FILES,
    INSERT_FILE,
    COUNT_FILES,
    FILES,
    FILE_BY_ID,
    COUNT_BETWEEN,
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
    IS_OPEN,
    INSERT_DISCLOSURE,
    DISCLOSURES,
    EXPORTS_OF,
    INSERT_EXPORT,
    FINISH_EXPORT,
    EXPORT_PAGE,
    COUNT_EXPORT,
    EXPORT_VALUES,
];
