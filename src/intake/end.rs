//! The end of a record: the entry first, with everything sealed emptied in the same commit; then its key is destroyed.
//! Must stay true: a legal hold stands against it; a key that was not destroyed yet, or that an old copy of the keys' database
//! brought back, is destroyed at the next round.

use super::{Error, Expire, Record, number_ix, sql};
use crate::core::clock::{DAY, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::IntakeId;
use crate::core::number::Number;
use crate::db::{Db, Detail, Tx};
use crate::policy::{Act, Actor, Permit, Policy, Resource as _};

/// Pages of a hundred records that one round shreds.
const PAGES_MAX: usize = 50;
/// What ids of records begin with, as subjects of keys.
const PREFIX: &str = "itk_";

/// Does a legal hold stand against shredding this record?
///
/// # Errors
/// When the database fails.
pub async fn is_held(db: &Db, id: &IntakeId) -> Result<bool, Error> {
    let held: i64 = db.query(sql::IS_HELD).bind(id).scalar().await?;
    Ok(held > 0)
}

/// Empties a record in the transaction of the act that ends it.
pub(super) async fn empty<A: Act>(tx: &mut Tx<A>, record: &Record, state: &str, reason: &str) -> Result<(), Error> {
    let now = tx.now();
    tx.query(sql::LOCK_HOLDS).execute().await?;
    let erased = tx.write(sql::ERASE).bind(&record.id).bind(record.version).bind(state).bind(Some(reason.to_owned())).bind(now).execute().await?;
    if erased != 1 {
        return Err(Error::Changed);
    }
    tx.write(sql::ERASE_MERGED).bind(&record.id).bind(Some(reason.to_owned())).bind(now).execute().await?;
    for empty in [sql::EMPTY_VALUES, sql::EMPTY_NOTES, sql::EMPTY_FILES] {
        tx.write(empty).bind(&record.id).execute().await?;
    }
    tx.query(sql::FORGET_STARTS).bind(now - now.rem_euclid(DAY)).execute().await?;
    Ok(())
}

/// Shreds a record: enters it, and destroys the key.
///
/// # Errors
/// [`Error::Held`], [`Error::Gone`], [`Error::Changed`].
pub async fn shred<A: Act>(db: &Db, permit: Permit<A>, record: &Record, state: &str, reason: &str) -> Result<(), Error> {
    shred_with(db, permit, record, state, reason, Detail::ok()).await
}

/// The same, with more to say in the entry.
///
/// # Errors
/// As [`shred`].
pub async fn shred_with<A: Act>(db: &Db, permit: Permit<A>, record: &Record, state: &str, reason: &str, detail: Detail) -> Result<(), Error> {
    if !record.is_there() {
        return Err(Error::Gone);
    }
    let mut tx = db.begin(&permit).await?;
    match empty(&mut tx, record, state, reason).await {
        Ok(()) => {}
        Err(Error::Changed) => {
            drop(tx);
            return Err(if is_held(db, &record.id).await? { Error::Held } else { Error::Changed });
        }
        Err(error) => return Err(error),
    }
    let detail = detail.with("flow", record.flow.as_str()).with("state", state).with("basis", reason).with("made_at", record.made_at);
    tx.commit(permit, detail).await?;
    destroy(db, &record.id).await;
    Ok(())
}

/// Shreds what else a number sent, on its own word: everything that no legal hold stands against.
///
/// # Errors
/// When a database fails; what is left then goes with its time, or on another word.
pub async fn rest_of(db: &Db, policy: &Policy, number: &Number) -> Result<(), Error> {
    let index = number_ix(db, number.e164());
    let mut newest = format!("{PREFIX}g");
    for _ in 0..PAGES_MAX {
        let page: Vec<Record> = db.query(sql::OF_NUMBER).bind(&index).bind(newest.as_str()).bind(100).all().await?;
        let Some(last) = page.last() else { break };
        last.id.as_str().clone_into(&mut newest);
        for record in page {
            let record = &super::merge::whole(db, record).await?;
            let permit = policy.permit::<Expire>(&Actor::system(), &record.on()).map_err(|e| Fault::with("delete what a patient sent", e))?;
            match shred(db, permit, record, "deleted", "deleted").await {
                Ok(()) | Err(Error::Changed | Error::Held | Error::Gone) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// A conversation is over and a hold keeps it: a person takes it over, so that its number may begin another.
///
/// # Errors
/// [`Error::Changed`] when it is no longer what it was.
pub(super) async fn set_aside(db: &Db, permit: Permit<Expire>, record: &Record) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::SET_ASIDE).bind(&record.id).bind(record.version).bind(now).execute().await? != 1 {
        return Err(Error::Changed);
    }
    tx.commit(permit, Detail::ok().because("legal_hold").with("flow", record.flow.as_str()).with("state", "handover")).await?;
    Ok(())
}

/// Destroys the key of a record that was emptied.
pub(super) async fn destroy(db: &Db, id: &IntakeId) {
    if let Err(fault) = destroy_all(db, id).await {
        tracing::error!(fault = fault.chain(), "the key of an intake is not destroyed yet; it goes at the next round");
    }
}

/// With the keys of those that went into it.
async fn destroy_all(db: &Db, id: &IntakeId) -> Result<(), Fault> {
    db.vault().destroy(id.as_str()).await?;
    let merged: Vec<Record> = db.query(sql::MERGED).bind(id).all().await.context("look for merged records")?;
    for other in merged.iter().filter(|other| !other.is_there()) {
        db.vault().destroy(other.id.as_str()).await?;
    }
    Ok(())
}

/// Shreds everything that is over at `now`. Gives how many went.
///
/// # Errors
/// When a database fails; the next round goes on.
pub async fn expire(db: &Db, policy: &Policy, now: Micros) -> Result<u64, Fault> {
    let mut went = 0;
    for _ in 0..PAGES_MAX {
        let due: Vec<Record> = db.query(sql::DUE).bind(now).all().await.context("look for intakes that are over")?;
        let before = went;
        for record in &due {
            let Ok(permit) = policy.permit::<Expire>(&Actor::system(), &record.on()) else { return Ok(went) };
            let reason = match (record.state.as_str(), record.channel.as_str()) {
                ("open", "web") => "link",
                ("open", _) => "session",
                _ => "retention",
            };
            match shred(db, permit, record, "expired", reason).await {
                Ok(()) => went += 1,
                Err(Error::Changed | Error::Held | Error::Gone) => {}
                Err(error) => return Err(Fault::with("shred an intake", error)),
            }
        }
        if went == before {
            break;
        }
    }
    Ok(went)
}

/// Destroys the keys of records that were emptied and whose keys are still, or again, there. Gives how many.
///
/// # Errors
/// When a database fails.
pub async fn bury(db: &Db) -> Result<u64, Fault> {
    let (mut last, mut found) = (String::new(), 0);
    loop {
        let page = db.vault().live_subjects(PREFIX, &last).await?;
        let Some(newest) = page.last() else { return Ok(found) };
        last.clone_from(newest);
        for subject in &page {
            let erased: i64 = db.query(sql::IS_ERASED).bind(subject).scalar().await.context("look for a record")?;
            if erased > 0 {
                db.vault().destroy(subject).await?;
                found += 1;
            }
        }
    }
}
