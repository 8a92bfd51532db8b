//! The statements of this slice. In a write to a guarded table `$1` is the event's id.

macro_rules! webhook {
    ($rest:literal) => {
        concat!(
            "select w.id, w.name, w.url, w.events, w.text_since, w.secret_sealed, w.before_sealed, w.before_until, w.author_id, p.display_name as author, w.made_at, w.stopped_at, w.stopped_why, w.version from webhook w join person p on p.id = w.author_id ",
            $rest
        )
    };
}
pub const ALL_OF_THEM: &str = webhook!("order by w.id desc limit 100");
pub const BY_ID: &str = webhook!("where w.id = $1");
pub const INSERT: &str = "insert into webhook (id, name, url, events, text_since, secret_sealed, author_id, made_at, version, last_audit_id) values ($2, $3, $4, $5, $6, $7, $8, $9, 1, $1)";
pub const LOCK: &str = "insert into fixed (name, value) values ('webhook_lock', '') on conflict (name) do update set value = excluded.value";
pub const COUNT: &str = "select count(*) from webhook";
pub const ROTATE: &str =
    "update webhook set before_sealed = $4, before_until = $5, secret_sealed = $6, version = version + 1, last_audit_id = $1 where id = $2 and version = $3";
pub const SWITCH: &str = "update webhook set stopped_at = $4, stopped_why = $5, version = version + 1, last_audit_id = $1 where id = $2 and version = $3";

/// A row for everybody who wants to hear of this.
pub const TELL: &str = "insert into webhook_delivery (webhook_id, event_id, kind, object_id, body, at, due_at, attempts, lease_until) select w.id, $1, $2, $3, $4, $5, $5, 0, 0 from webhook w where w.stopped_at is null and w.events like $6";
pub const OPEN: &str = "select id from webhook where stopped_at is null order by id limit 100";
pub const DUE: &str = "select webhook_id, event_id, kind, object_id, body, at, attempts from webhook_delivery where webhook_id = $2 and done_at is null and due_at <= $1 and lease_until <= $1 order by due_at, event_id limit 16";
/// What waits for an address that just took nothing waits as long.
pub const PUSH: &str = "update webhook_delivery set due_at = $2 where webhook_id = $1 and done_at is null and due_at < $2";
pub const TEXTS: &str = "update webhook set text_since = $4, version = version + 1, last_audit_id = $1 where id = $2 and version = $3 and text_since is null";
pub const CLAIM: &str = "update webhook_delivery set lease_until = $4 where webhook_id = $1 and event_id = $2 and done_at is null and lease_until <= $3";
pub const DONE: &str =
    "update webhook_delivery set done_at = $3, failed = null, attempts = attempts + 1 where webhook_id = $1 and event_id = $2 and done_at is null";
pub const LATER: &str = "update webhook_delivery set due_at = $3, lease_until = 0, failed = $4, attempts = attempts + 1 where webhook_id = $1 and event_id = $2 and done_at is null";
/// Not tried: what came before it to the same address was not taken.
pub const BACK: &str = "update webhook_delivery set due_at = $3, lease_until = 0 where webhook_id = $1 and event_id = $2 and done_at is null";
pub const NEVER: &str =
    "update webhook_delivery set done_at = $3, failed = $4, attempts = attempts + 1 where webhook_id = $1 and event_id = $2 and done_at is null";
pub const ANY_DONE_SINCE: &str =
    "select count(*) from (select event_id from webhook_delivery where webhook_id = $1 and done_at >= $2 and failed is null limit 1) d";
pub const RECENT: &str = "select kind, object_id, at, attempts, done_at, failed from webhook_delivery where webhook_id = $1 order by event_id desc limit 20";
pub const SWEEP: &str = "delete from webhook_delivery where done_at < $1 or (done_at is null and at < $1)";

/// Every statement of this slice, for the test that prepares them all.
pub const ALL: &[&str] =
    &[ALL_OF_THEM, BY_ID, INSERT, LOCK, COUNT, ROTATE, SWITCH, TELL, OPEN, DUE, PUSH, TEXTS, CLAIM, DONE, LATER, BACK, NEVER, ANY_DONE_SINCE, RECENT, SWEEP];
