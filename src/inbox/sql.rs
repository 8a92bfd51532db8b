//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

/// Only what was seen is taken as read: `$5` is `heard_at` as the reader saw it.
pub const READ: &str =
    "update thread set unread_at = null, read_at = $3, read_by = $4, last_audit_id = $1 where id = $2 and unread_at is not null and heard_at <= $5";
pub const CLOSE: &str =
    "update thread set state = 'closed', unread_at = null, read_at = $3, read_by = $4, last_audit_id = $1 where id = $2 and state = 'open' and heard_at <= $5";
pub const REOPEN: &str = "update thread set state = 'open', last_audit_id = $1 where id = $2 and state = 'closed'";
pub const ASSIGN: &str = "update thread set assigned_to = $3, last_audit_id = $1 where id = $2 and coalesce(assigned_to, '') = $4";
pub const REPLIED: &str = "update thread set newest_at = $3, state = 'open', unread_at = case when heard_at <= $5 then null else unread_at end, read_at = $3, read_by = $4, last_audit_id = $1 where id = $2";
pub const HOLDS: &str = "select count(*) from person_role r join person p on p.id = r.person_id where p.id = $1 and r.role = 'messaging' and r.revoked_at is null and p.disabled_at is null and p.deleted_at is null";
pub const PEOPLE: &str = "select p.id, p.display_name as name from person_role r join person p on p.id = r.person_id where r.role = 'messaging' and r.revoked_at is null and p.password_hash is not null and p.disabled_at is null and p.deleted_at is null order by p.display_name, p.id limit 200";

pub const INSERT_NOTE: &str = "insert into thread_note (id, thread_id, person_id, sealed, made_at, last_audit_id) values ($2, $3, $4, $5, $6, $1)";
pub const NOTES: &str = "select n.id, n.sealed, n.made_at, p.display_name as author from thread_note n join person p on p.id = n.person_id where n.thread_id = $1 and n.id < $2 order by n.id desc limit $3";

pub const LOCK_CANNED: &str = "insert into fixed (name, value) values ('canned_lock', '') on conflict (name) do update set value = excluded.value";
pub const COUNT_CANNED: &str = "select count(*) from canned_reply where name_fold is not null";
pub const INSERT_CANNED: &str =
    "insert into canned_reply (id, name, name_fold, text, person_id, version, changed_at, last_audit_id) values ($2, $3, $4, $5, $6, 1, $7, $1)";
pub const EDIT_CANNED: &str = "update canned_reply set name = $4, name_fold = $5, text = $6, person_id = $7, version = version + 1, changed_at = $8, last_audit_id = $1 where id = $2 and version = $3 and removed_at is null";
pub const REMOVE_CANNED: &str = "update canned_reply set name_fold = null, removed_at = $3, last_audit_id = $1 where id = $2 and removed_at is null";
pub const CANNED: &str = "select c.id, c.name, c.text, c.version, c.changed_at, p.display_name as author from canned_reply c join person p on p.id = c.person_id where c.name_fold is not null order by c.name_fold limit 200";
pub const CANNED_ONE: &str = "select c.id, c.name, c.text, c.version, c.changed_at, p.display_name as author from canned_reply c join person p on p.id = c.person_id where c.id = $1 and c.removed_at is null";

pub const ANSWERS: &str =
    "select a.kind, a.text, a.changed_at, p.display_name as author from auto_answer a join person p on p.id = a.person_id order by a.kind limit 10";
pub const SET_ANSWER: &str = "update auto_answer set text = $3, person_id = $4, changed_at = $5, last_audit_id = $1 where kind = $2";
pub const INSERT_ANSWER: &str = "insert into auto_answer (kind, text, person_id, changed_at, last_audit_id) values ($2, $3, $4, $5, $1)";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] = &[
    READ,
    CLOSE,
    REOPEN,
    ASSIGN,
    REPLIED,
    HOLDS,
    PEOPLE,
    INSERT_NOTE,
    NOTES,
    LOCK_CANNED,
    COUNT_CANNED,
    INSERT_CANNED,
    EDIT_CANNED,
    REMOVE_CANNED,
    CANNED,
    CANNED_ONE,
    ANSWERS,
    SET_ANSWER,
    INSERT_ANSWER,
];
