//! Pruning: the entry first, and a signed checkpoint over it; then bundle by bundle what the entries below the minimum said,
//! and the values sealed for them, go. Ids, places and hashes stay, so that every proof goes on.
//! Must stay true: the first entry that stays was old enough too, which a verifier checks by what is left; no bundle goes
//! while a hold stands.

use super::term::{self, InForce, pass};
use super::{Error, Prune, sql};
use crate::core::clock::{DAY, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::PruneId;
use crate::db::keep::BUNDLE;
use crate::db::projection::Said;
use crate::db::{Chore, Db, DbError, Detail};
use crate::policy::{Actor, On, Policy};

/// Bundles of one round at most.
const BUNDLES_MAX: i64 = 2000;

crate::row! {
    /// A pruning as stored, with the place of its entry.
    #[derive(Clone, Debug)]
    pub struct Listed {
        /// Entries below this place.
        pub min_seq: i64,
        /// The retention that allowed it.
        pub days: i64,
        /// When.
        pub made_at: i64,
        /// The log of its entry.
        pub entry_log: Option<i64>,
        /// The place there.
        pub entry_seq: Option<i64>,
    }
}

/// When the entry at a place was written, by its leaf; none when it was pruned or cannot be read.
///
/// # Errors
/// When the database fails.
pub async fn written_at(db: &Db, log: i64, seq: i64) -> Result<Option<Micros>, Fault> {
    let body: Option<(Vec<u8>,)> = db.query(sql::AT).bind(log).bind(seq).optional().await.context("read an entry's time")?;
    Ok(body.and_then(|(body,)| Said::of(&body)?.at()))
}

/// The minimum that the log may be pruned to at `now` when entries are kept for `days`: the furthest end of a bundle at which
/// the next entry is old enough, or what it is pruned to already.
///
/// # Errors
/// When the database fails.
pub async fn due(db: &Db, days: i64, now: Micros) -> Result<i64, Fault> {
    let (log, _) = db.log();
    let size = db.head(log).await?.map_or(0, |head| head.size);
    let last: Option<(i64, Option<i64>)> = db.query(sql::LAST_PRUNE).bind(log).optional().await.context("read the last pruning")?;
    let from = last.map_or(0, |(min, _)| min) / BUNDLE;
    let cutoff = now.saturating_sub(days.saturating_mul(DAY));
    // Bundles up to `low` may go; the one at `high` may not, or is not there. Times go forward but for a set clock, and the
    // entry that is found is looked at itself.
    let (mut low, mut high) = (from, (size - 1).max(0) / BUNDLE + 1);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if written_at(db, log, middle * BUNDLE).await?.is_some_and(|at| at <= cutoff) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low * BUNDLE)
}

/// Enters a pruning when one is due. Gives the new minimum.
///
/// # Errors
/// When the database fails; then nothing was entered.
pub async fn enter(db: &Db, policy: &Policy) -> Result<Option<i64>, Error> {
    let (log, _) = db.log();
    let kept: InForce = term::in_force(db, log).await?;
    let held: i64 = db.query(sql::IS_ANY_HELD).scalar().await?;
    let last: Option<(i64, Option<i64>)> = db.query(sql::LAST_PRUNE).bind(log).optional().await?;
    let min = due(db, kept.days, db.clock().now()).await?;
    if held > 0 || min <= last.map_or(0, |(min, _)| min) {
        return Ok(None);
    }
    let id = PruneId::new(db.clock(), db.rng());
    let Ok(permit) = policy.permit::<Prune>(&Actor::system(), &On::one("log", log)) else { return Ok(None) };
    let mut tx = db.begin(&permit).await?;
    let (now, own) = (tx.now(), tx.id().clone());
    tx.query(sql::LOCK).execute().await?;
    pass(tx.query(sql::GATE_PRUNE).bind(&own).bind(log).bind(min).execute().await?)?;
    tx.write(sql::PRUNE).bind(&id).bind(log).bind(min).bind(kept.days).bind(now).execute().await?;
    let detail = Detail::ok().with("min_index", min).with("days", kept.days).with("policy", kept.name()).with("pruning", id.as_str());
    tx.commit(permit, detail).await?;
    Ok(Some(min))
}

/// Takes out what the newest pruning says, once a signed checkpoint covers it; `BUNDLES_MAX` bundles at most. Gives how many
/// went.
///
/// # Errors
/// When the database fails; the next round goes on.
pub async fn work(db: &Db) -> Result<i64, Fault> {
    let (log, _) = db.log();
    let last: Option<(i64, Option<i64>)> = db.query(sql::LAST_PRUNE).bind(log).optional().await.context("read the last pruning")?;
    let Some((min, Some(entry))) = last else { return Ok(0) };
    if db.in_fault() || db.latest_checkpoint(log).await?.is_none_or(|kept| kept.size <= entry) {
        return Ok(0);
    }
    let mut done = db.pruned_below(log).await?;
    let mut went = 0;
    while done < min && went < BUNDLES_MAX {
        if !bundle(db, log, done).await.map_err(|error| Fault::with("prune a bundle", error))? {
            break;
        }
        done += BUNDLE;
        went += 1;
    }
    Ok(went)
}

/// One bundle, whole or not at all. Not while a hold stands.
async fn bundle(db: &Db, log: i64, first: i64) -> Result<bool, DbError> {
    let end = first + BUNDLE;
    let mut chore = db.chore(Chore::Prune).await?;
    chore.query(sql::LOCK).execute().await?;
    if chore.query(sql::GATE_WORK).execute().await? != 1 {
        return Ok(false);
    }
    chore.query(sql::PRUNE_PAYLOADS).bind(log).bind(first).bind(end).execute().await?;
    if db.is_sqlite() {
        chore.query(sql::BLANK).bind(log).bind(first).bind(end).execute().await?;
    } else {
        let _: i64 = chore.query(sql::BLANK_AS_OWNER).bind(log).bind(first).bind(end).scalar().await?;
    }
    chore.query(sql::PROGRESS).bind(log).bind(end).bind(db.clock().now()).execute().await?;
    chore.commit().await?;
    Ok(true)
}

/// The newest fifty, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db) -> Result<Vec<Listed>, Fault> {
    db.query(sql::PRUNES).all().await.context("list prunings")
}
