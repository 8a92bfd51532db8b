//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

/// An item with the name of its owner, as `Evidence` reads it.
macro_rules! item {
    ($rest:literal) => {
        concat!(
            "select e.id, e.owner_id, p.display_name as owner, e.name, e.kind, e.size, e.sha256, e.made_at, e.deleted_at, e.deleted_because, ",
            "a.line_id, a.number, a.tags, a.expires_on, a.submitted_at, a.approved_at, a.superseded_at ",
            "from evidence e join artifact a on a.evidence_id = e.id join person p on p.id = e.owner_id ",
            $rest
        )
    };
}

pub const BY_ID: &str = item!("where e.id = $1");
pub const PAGE_OLDER: &str =
    item!("where e.deleted_at is null and (e.name_fold like $1 escape '\\' or e.sha256 like $2 or a.tags like $5) and e.id < $3 order by e.id desc limit $4");
pub const PAGE_NEWER: &str =
    item!("where e.deleted_at is null and (e.name_fold like $1 escape '\\' or e.sha256 like $2 or a.tags like $5) and e.id > $3 order by e.id limit $4");
pub const USAGE: &str = "select cast(coalesce(sum(u.size), 0) as bigint) as bytes, count(*) as files from (select size from evidence where owner_id = $1 and deleted_at is null limit 1000000) u";
/// Two uploads wait for each other here, so that they cannot both pass the same quota.
pub const LOCK_QUOTA: &str = "insert into fixed (name, value) values ('quota_lock', '') on conflict (name) do update set value = excluded.value";
pub const INSERT: &str =
    "insert into evidence (id, owner_id, name, name_fold, kind, size, sha256, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $1)";
pub const DELETE: &str = "update evidence set deleted_at = $4, deleted_because = $5, last_audit_id = $1 where id = $2 and owner_id = $3 and deleted_at is null and not exists (select 1 from seal_artifact s where s.evidence_id = $2 and s.retain_until > $4)";
/// Who deletes evidence and who seals an assessment wait for each other here.
pub const LOCK_SEAL: &str = "insert into fixed (name, value) values ('seal_lock', '') on conflict (name) do update set value = excluded.value";
/// The seal that keeps an item longest, and until when.
pub const SEALED: &str =
    "select seal_id, retain_until from seal_artifact where evidence_id = $1 and retain_until > $2 order by retain_until desc, seal_id limit 1";
/// Is a file named by a live item, or by a seal whose time is not over?
pub const NAMED: &str = "select (select count(*) from (select id from evidence where sha256 = $1 and deleted_at is null limit 1) e) + (select count(*) from (select place from seal_artifact where sha256 = $1 and retain_until > $2 limit 1) s) + (select count(*) from (select id from intake_file where sha256 = $1 limit 1) f)";
pub const UPLOAD_SEQ: &str = "select c.seq from audit_event e join audit_chain c on c.event_id = e.id where e.object_id = $1 and e.action = 'evidence.upload' and e.outcome = 'ok' and c.log = $2 order by e.id limit 1";

/// A version with the names of those who had to do with it, as `Artifact` reads it.
macro_rules! artifact {
    ($rest:literal) => {
        concat!(
            "select a.evidence_id, a.line_id, a.number, e.owner_id, p.display_name as owner, e.name, e.sha256, e.size, e.made_at, e.deleted_at, ",
            "a.method, a.collector, a.obtained, a.period_from, a.period_to, a.expires_on, a.expires_days, a.tags, ",
            "a.file_author, a.file_created, a.file_modified, a.submitted_at, a.approved_at, a.approved_by, y.display_name as approver, ",
            "a.rejected_at, r.display_name as rejecter, a.rejected_because, a.superseded_at, a.altered_at, a.revision ",
            "from artifact a join evidence e on e.id = a.evidence_id join person p on p.id = e.owner_id ",
            "left join person y on y.id = a.approved_by left join person r on r.id = a.rejected_by ",
            $rest
        )
    };
}

pub const ARTIFACT: &str = artifact!("where a.evidence_id = $1");
pub const NEWEST: &str = artifact!("where a.line_id = $1 order by a.number desc limit 1");
pub const VERSIONS: &str = artifact!("where a.line_id = $1 order by a.number desc limit $2");
pub const INSERT_ARTIFACT: &str = "insert into artifact (evidence_id, line_id, number, method, collector, obtained, tags, file_author, file_created, file_modified, revision, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $1)";
/// Live files with the same content.
pub const DUPLICATES: &str = "select id, name from evidence where sha256 = $1 and id <> $2 and deleted_at is null order by id desc limit 10";
/// Only what its owner has as a live draft.
pub const DESCRIBE: &str = "update artifact set method = $4, collector = $5, obtained = $6, period_from = $7, period_to = $8, expires_on = $9, expires_days = $10, tags = $11, revision = revision + 1, last_audit_id = $1 where evidence_id = $2 and revision = $3 and submitted_at is null and approved_at is null and superseded_at is null and exists (select 1 from evidence e where e.id = artifact.evidence_id and e.owner_id = $12 and e.deleted_at is null)";
pub const SUBMIT: &str = "update artifact set submitted_at = $4, rejected_at = null, rejected_by = null, rejected_because = null, revision = revision + 1, last_audit_id = $1 where evidence_id = $2 and submitted_at is null and approved_at is null and superseded_at is null and exists (select 1 from evidence e where e.id = artifact.evidence_id and e.owner_id = $3 and e.deleted_at is null)";
/// Whoever decides about versions of one line waits here for whoever does so, too.
pub const LOCK_LINE: &str = "insert into fixed (name, value) values ('artifact_lock', '') on conflict (name) do update set value = excluded.value";
pub const OLDER: &str = "select evidence_id from artifact where line_id = $1 and number < $2 and superseded_at is null order by number limit 200";
/// Never by whoever uploaded it, and only as it was seen.
pub const APPROVE: &str = "update artifact set approved_at = $4, approved_by = $3, revision = revision + 1, last_audit_id = $1 where evidence_id = $2 and revision = $5 and submitted_at is not null and approved_at is null and superseded_at is null and altered_at is null and exists (select 1 from evidence e where e.id = artifact.evidence_id and e.owner_id <> $3 and e.deleted_at is null)";
pub const SUPERSEDE: &str =
    "update artifact set superseded_at = $4, revision = revision + 1, last_audit_id = $1 where line_id = $2 and number < $3 and superseded_at is null";
pub const REJECT: &str = "update artifact set submitted_at = null, rejected_at = $4, rejected_by = $3, rejected_because = $5, revision = revision + 1, last_audit_id = $1 where evidence_id = $2 and submitted_at is not null and approved_at is null and superseded_at is null and exists (select 1 from evidence e where e.id = artifact.evidence_id and e.owner_id <> $3)";

/// What is in force and expires by a day, and whose owner was not told so near to it.
pub const EXPIRING: &str = artifact!(
    "where a.expires_on <= $1 and (a.reminded_days is null or a.reminded_days > $2) and a.approved_at is not null and a.superseded_at is null and e.deleted_at is null order by a.expires_on, a.evidence_id limit 200"
);
pub const REMINDED: &str = "update artifact set reminded_days = $3, last_audit_id = $1 where evidence_id = $2 and (reminded_days is null or reminded_days > $3) and approved_at is not null and superseded_at is null";

pub const SCRUB_AT: &str = "select value from fixed where name = $1";
pub const SCRUB_KEEP: &str = "insert into fixed (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value";
pub const SCRUB_NEXT: &str =
    "select e.sha256, max(e.size) as size from evidence e where e.deleted_at is null and e.sha256 > $1 group by e.sha256 order by e.sha256 limit 32";
/// Hashes of files that are marked as altered.
pub const ALTERED: &str =
    "select distinct e.sha256 from artifact a join evidence e on e.id = a.evidence_id where a.altered_at is not null order by e.sha256 limit 10000";
pub const UNMARKED: &str = "select a.evidence_id from artifact a join evidence e on e.id = a.evidence_id where e.sha256 = $1 and e.deleted_at is null and a.altered_at is null order by a.evidence_id limit 500";
pub const MARKED: &str = "select a.evidence_id from artifact a join evidence e on e.id = a.evidence_id where e.sha256 = $1 and a.altered_at is not null order by a.evidence_id limit 500";
pub const MARK: &str = "update artifact set altered_at = $3, last_audit_id = $1 where evidence_id = $2 and altered_at is null";
pub const UNMARK: &str = "update artifact set altered_at = null, last_audit_id = $1 where evidence_id = $2 and altered_at is not null";

pub const TAGS: &str = "select code, title, retired_at from tag order by code limit 200";
pub const INSERT_TAG: &str = "insert into tag (code, title, made_by, made_at, last_audit_id) values ($2, $3, $4, $5, $1)";
pub const REVIVE_TAG: &str =
    "update tag set title = $3, made_by = $4, made_at = $5, retired_at = null, last_audit_id = $1 where code = $2 and retired_at is not null";
pub const RETIRE_TAG: &str = "update tag set retired_at = $3, last_audit_id = $1 where code = $2 and retired_at is null";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[
    BY_ID,
    PAGE_OLDER,
    PAGE_NEWER,
    USAGE,
    LOCK_QUOTA,
    INSERT,
    DELETE,
    LOCK_SEAL,
    SEALED,
    NAMED,
    UPLOAD_SEQ,
    ARTIFACT,
    NEWEST,
    VERSIONS,
    INSERT_ARTIFACT,
    DUPLICATES,
    DESCRIBE,
    SUBMIT,
    LOCK_LINE,
    OLDER,
    APPROVE,
    SUPERSEDE,
    REJECT,
    EXPIRING,
    REMINDED,
    SCRUB_AT,
    SCRUB_KEEP,
    SCRUB_NEXT,
    ALTERED,
    UNMARKED,
    MARKED,
    MARK,
    UNMARK,
    TAGS,
    INSERT_TAG,
    REVIVE_TAG,
    RETIRE_TAG,
];
