//! Taking over a new origin, when the parts of the trail truly disagree: the old log stays as it is, and a new one begins
//! whose first entry names what was last known of the old.
//!
//! The caller is the command line with the server stopped. It opens the database and the trail as `serve` does, compares,
//! and does NOT latch the fault it found, since a latched database takes no entries. This verb sets the sequencer itself.
//! A crash on the way leaves an empty newest log: calling again goes on from there.

use super::{Error, NewOrigin, read, sql};
use crate::core::fault::{Context as _, Fault};
use crate::db::checkpoint::Keeper;
use crate::db::integrity::{self, Disagreement};
use crate::db::{Chore, Db, Detail, Offline};
use crate::policy::Permit;

/// What was last known of the log that was left.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Left {
    log: i64,
    origin: String,
    /// Entries its head counts.
    head: i64,
    /// The newest checkpoint by anybody's memory: size and root.
    signed: Option<(u64, [u8; 32])>,
}

impl Left {
    /// Entries beyond the checkpoint (positive), or missing from what it covers (negative).
    fn gap(&self) -> i64 {
        self.head - self.signed.map_or(0, |(size, _)| i64::try_from(size).unwrap_or(i64::MAX))
    }
}

/// Begins log n + 1 after a fault that `found` describes, says so in its first entry, and has that signed. Gives the new
/// origin. `why` is the operator's own sentence.
///
/// # Errors
/// [`Error::NoFault`] when nothing disagrees, or when the database fails.
pub async fn new_origin(db: &Db, permit: Permit<NewOrigin>, keeper: &Keeper, found: &[Disagreement], why: &str) -> Result<String, Error> {
    let (current, origin) = db.log();
    let begun = current > 1 && read::size(db, current).await? == 0;
    if found.is_empty() && !begun {
        return Err(Error::NoFault);
    }
    // Held to the end: no other node may link into the log that is left, or the new one.
    let offline = Offline::take(db).await?;
    let (left_log, new_log) = if begun { (current - 1, current) } else { (current, current + 1) };
    let left = last_known(db, keeper, left_log).await?;
    let name = origin.strip_suffix(&format!("/audit/{current}")).ok_or_else(|| Fault::new("the log's origin does not end in its number"))?;
    let next = format!("{name}/audit/{new_log}");
    let unlinked = drop_pending(db).await?;
    if !begun {
        integrity::new_head(db, new_log, &next).await?;
        keeper.signer().begin(&next).await?;
        db.set_log(new_log, next.clone());
    }
    offline.begin(db).await?;
    db.record(permit, detail(db, &left, unlinked, found, why)).await?;
    offline.finish(db).await?;
    db.fault_log().retire(&format!("before-{new_log}"))?;
    keeper.sign_or_wait().await?;
    Ok(next)
}

fn detail(db: &Db, left: &Left, unlinked: i64, found: &[Disagreement], why: &str) -> Detail {
    let parts: Vec<&str> = found.iter().map(|d| d.part).collect();
    let mut detail = Detail::ok()
        .with("last_origin", left.origin.as_str())
        .with("last_log", left.log)
        .with("last_head_size", left.head)
        .with("gap", left.gap())
        .with("unlinked", unlinked)
        .with("parts", parts)
        .personal("reason", why);
    if let Some((size, root)) = &left.signed {
        detail = detail.with("last_checkpoint_size", i64::try_from(*size).unwrap_or(i64::MAX)).with("last_checkpoint_root", hex::encode(root));
    }
    if let Some(digest) = db.fault_log().digest() {
        detail = detail.with("fault_log_sha256", digest);
    }
    detail
}

/// The newest checkpoint of the signer's memory and of the database, whichever covers more.
async fn last_known(db: &Db, keeper: &Keeper, log: i64) -> Result<Left, Error> {
    let origin: String = db.query(sql::ORIGIN).bind(log).scalar().await?;
    let kept = db.latest_checkpoint(log).await?.and_then(|row| read::known(&row.note)).map(|c| (c.size, c.root));
    // A signer whose memory cannot be read is one of the faults that lead here.
    let remembered = keeper.signer().last(&origin).await.ok().flatten();
    let signed = [kept, remembered].into_iter().flatten().max_by_key(|(size, _)| *size);
    Ok(Left { log, origin, head: read::size(db, log).await?, signed })
}

/// Events that were committed but not linked name the log that is left; they stay in the database and cannot go into another.
async fn drop_pending(db: &Db) -> Result<i64, Error> {
    let count: i64 = db.query(sql::COUNT_PENDING).scalar().await?;
    if count > 0 {
        let mut last = String::new();
        loop {
            let page: Vec<(String, Vec<u8>)> = db.query(sql::PENDING).bind(last.as_str()).all().await?;
            let Some((end, _)) = page.last() else { break };
            last.clone_from(end);
            // Beside the log they would be in none: the file that the new log's first entry names holds them.
            page.iter().try_for_each(|(_, body)| db.fault_log().append(body))?;
        }
        let mut chore = db.chore(Chore::Origin).await?;
        chore.query(sql::DROP_PENDING).execute().await.context("leave unlinked events")?;
        chore.commit().await?;
    }
    Ok(count)
}
