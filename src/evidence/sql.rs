//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

/// An item with the name of its owner, as `Evidence` reads it.
macro_rules! item {
    ($rest:literal) => {
        concat!(
            "select e.id, e.owner_id, p.display_name as owner, e.name, e.kind, e.size, e.sha256, e.made_at, e.deleted_at, e.deleted_because ",
            "from evidence e join person p on p.id = e.owner_id ",
            $rest
        )
    };
}

pub const BY_ID: &str = item!("where e.id = $1");
pub const PAGE_OLDER: &str =
    item!("where e.deleted_at is null and (e.name_fold like $1 escape '\\' or e.sha256 like $2) and e.id < $3 order by e.id desc limit $4");
pub const PAGE_NEWER: &str = item!("where e.deleted_at is null and (e.name_fold like $1 escape '\\' or e.sha256 like $2) and e.id > $3 order by e.id limit $4");
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
pub const NAMED: &str = "select (select count(*) from (select id from evidence where sha256 = $1 and deleted_at is null limit 1) e) + (select count(*) from (select place from seal_artifact where sha256 = $1 and retain_until > $2 limit 1) s)";
pub const UPLOAD_SEQ: &str = "select c.seq from audit_event e join audit_chain c on c.event_id = e.id where e.object_id = $1 and e.action = 'evidence.upload' and e.outcome = 'ok' and c.log = $2 order by e.id limit 1";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[BY_ID, PAGE_OLDER, PAGE_NEWER, USAGE, LOCK_QUOTA, INSERT, DELETE, LOCK_SEAL, SEALED, NAMED, UPLOAD_SEQ];
