//! Sweeps data keys that sealed nothing, a page of them at a time.
//! Must stay true: a key is an orphan only when neither the trail nor a table names its subject.

use crate::core::fault::{Context as _, Fault};
use crate::db::Db;

/// Entries, people, messages, contacts, stops and intakes that `$1` has sealed values in; at most one of each is looked for.
const NAMED: &str = "select (select count(*) from (select event_id from audit_payload where subject = $1 limit 1) a) + (select count(*) from person where id = $1) + (select count(*) from (select id from message where number_ix = substr($1, 5) limit 1) m) + (select count(*) from (select id from contact where number_ix = substr($1, 5) limit 1) c) + (select count(*) from (select id from number_stop where number_ix = substr($1, 5) limit 1) s) + (select count(*) from (select id from inbound_event where number_ix = substr($1, 5) limit 1) i) + (select count(*) from intake_record where id = $1 and erased_at is null)";
/// Every statement of this file, for the test that prepares them all.
pub const ALL: &[&str] = &[NAMED];

/// Where the sweep stands.
#[derive(Debug, Default)]
pub struct Sweep {
    last: String,
}

impl Sweep {
    /// Looks at one page of keys, and removes what was marked for long enough. Gives how many went.
    ///
    /// # Errors
    /// When a database fails.
    pub async fn step(&mut self, db: &Db) -> Result<u64, Fault> {
        let vault = db.vault();
        let mut removed = 0;
        for key in vault.marked_keys().await? {
            if is_named(db, &key.subject).await? {
                vault.keep_key(&key).await?;
            } else if vault.remove_orphan(&key).await? {
                removed += 1;
            }
        }
        let page = vault.settled_keys(&self.last).await?;
        // After the last page the first comes again.
        self.last = page.last().map(|key| key.id.to_string()).unwrap_or_default();
        for key in page.iter().filter(|key| key.orphan_since.is_none()) {
            if !is_named(db, &key.subject).await? {
                vault.mark_orphan(key).await?;
            }
        }
        Ok(removed)
    }
}

async fn is_named(db: &Db, subject: &str) -> Result<bool, Fault> {
    // The program's own, and each month's for strangers, are few and stay.
    if ["console", "system"].contains(&subject) || subject.starts_with("strangers/") {
        return Ok(true);
    }
    let named: i64 = db.query(NAMED).bind(subject).scalar().await.context("look for what a data key sealed")?;
    Ok(named > 0)
}
