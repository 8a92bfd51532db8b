//! Erasure: the entry first, then the key of the subject is destroyed, then the sealed values go. Entries stay; what they
//! committed to can never be read again.
//! Must stay true: an erasure that was entered is finished, at the next start if need be; a key that comes back from an old
//! copy of the keys' database is destroyed again.

use serde_json::Value;

use super::term::pass;
use super::{Erase, Error, hold, sql};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{EventId, PersonId};
use crate::db::keep::is_erasable;
use crate::db::{Chore, Db, DbError, Detail};
use crate::identity;
use crate::policy::{On, Permit};

/// On what an erasure rests.
pub const BASES: [&str; 6] = ["no_longer_needed", "consent_withdrawn", "objection", "unlawful", "legal_duty", "other"];
/// Who asked for it.
pub const REQUESTERS: [&str; 4] = ["person", "representative", "authority", "own"];
/// Entries counted at most.
const COUNT_MAX: i64 = 100_000;

/// What a person says when they erase.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who erases.
    pub by: &'a PersonId,
    /// One of [`BASES`].
    pub basis: &'a str,
    /// One of [`REQUESTERS`].
    pub requester: &'a str,
    /// In their words.
    pub reason: &'a str,
}

crate::row! {
    /// An erasure as stored, with names and the place of its entry.
    #[derive(Clone, Debug)]
    pub struct Listed {
        /// Whose values.
        pub subject: String,
        /// On what it rests.
        pub basis: String,
        /// Who asked.
        pub requester: String,
        /// Entries that held values.
        pub entries: i64,
        /// Who erased.
        pub eraser: String,
        /// When it was entered.
        pub made_at: i64,
        /// When the key was destroyed.
        pub destroyed_at: Option<i64>,
        /// The log of its entry.
        pub entry_log: Option<i64>,
        /// The place there.
        pub entry_seq: Option<i64>,
    }
}

/// A subject as the policy sees it.
#[must_use]
pub fn on(subject: &str) -> On {
    On::one(if subject.starts_with("usr_") { "person" } else { "number" }, subject)
}

/// Entries that hold a sealed value of `subject`, `COUNT_MAX` at most.
///
/// # Errors
/// When the database fails.
pub async fn sealed_entries(db: &Db, subject: &str) -> Result<i64, Fault> {
    db.query(sql::COUNT_SEALED).bind(subject).bind(COUNT_MAX).scalar().await.context("count sealed values")
}

/// Erases what the trail and the tables hold sealed about `subject`: enters it, and finishes it.
///
/// # Errors
/// As [`enter`].
pub async fn erase(db: &Db, permit: Permit<Erase>, subject: &str, request: Request<'_>) -> Result<EventId, Error> {
    let event = enter(db, permit, subject, request).await?;
    // From here on it is entered: what fails now is done at the next round, or at the next start.
    if let Err(fault) = finish_one(db, subject).await {
        tracing::error!(fault = fault.chain(), "an erasure is entered and not finished yet");
    }
    Ok(event)
}

/// Enters an erasure, which [`finish`] then carries out. A person's account must be disabled before; their name and address
/// leave it with this.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Active`], [`Error::Held`], [`Error::State`] when it was erased before.
pub async fn enter(db: &Db, permit: Permit<Erase>, subject: &str, request: Request<'_>) -> Result<EventId, Error> {
    if !is_erasable(subject) || !(subject.starts_with("usr_") || db.vault().has_key(subject).await? || db.erased(subject).await?.is_some()) {
        return Err(Error::NotFound);
    }
    let mut tx = db.begin(&permit).await?;
    let (now, own) = (tx.now(), tx.id().clone());
    tx.query(sql::LOCK).execute().await?;
    if tx.query(sql::GATE_ERASE).bind(&own).bind(subject).execute().await? != 1 {
        drop(tx);
        return Err(if hold::is_held(db, subject).await? { Error::Held } else { Error::State });
    }
    if let Ok(person) = subject.parse::<PersonId>() {
        let name = format!("erased.{}", &subject[subject.len() - 12..]);
        let blanked = tx.write(identity::sql::BLANK).bind(&person).bind(&name).bind(now).execute().await?;
        if blanked != 1 {
            drop(tx);
            return Err(if identity::by_id(db, &person).await?.is_some() { Error::Active } else { Error::NotFound });
        }
    }
    let entries: i64 = tx.query(sql::COUNT_SEALED).bind(subject).bind(COUNT_MAX).scalar().await?;
    let insert = tx.write(sql::ERASE).bind(subject).bind(request.basis).bind(request.requester).bind(entries);
    pass(insert.bind(request.by).bind(now).execute().await?)?;
    let detail = Detail::ok().with("subject", subject).with("count", entries).with("basis", request.basis).with("requester", request.requester);
    Ok(tx.commit(permit, detail.personal("reason", request.reason)).await?)
}

/// What a round found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Erasures that were finished now.
    pub finished: i64,
    /// Keys that were there again though they had been destroyed.
    pub back: i64,
}

/// Finishes erasures that were entered and not finished. With `all`, looks at every one there ever was, by the table and by
/// the entries, so that no key stays that an old copy of the keys' database brought back.
///
/// # Errors
/// When a database fails; the next round goes on.
pub async fn finish(db: &Db, all: bool) -> Result<Found, Fault> {
    let mut found = Found::default();
    if db.in_fault() {
        return Ok(found);
    }
    let statement = if all { sql::ERASED_ROWS } else { sql::UNFINISHED };
    let mut last = String::new();
    loop {
        let page: Vec<(String,)> = db.query(statement).bind(last.as_str()).all().await.context("list erasures")?;
        let Some((newest,)) = page.last() else { break };
        last.clone_from(newest);
        for (subject,) in &page {
            found.add(finish_one(db, subject).await?);
        }
    }
    if all {
        found.add(replay(db).await?);
    }
    Ok(found)
}

/// The same by the entries alone.
async fn replay(db: &Db) -> Result<Found, Fault> {
    let (mut found, mut last) = (Found::default(), String::new());
    loop {
        let page: Vec<(String, Vec<u8>)> = db.query(sql::ERASED_ENTRIES).bind(last.as_str()).all().await.context("read entries of erasures")?;
        let Some((newest, _)) = page.last() else { return Ok(found) };
        last.clone_from(newest);
        for (_, body) in &page {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            if let Some(subject) = body["data"]["subject"].as_str().filter(|s| is_erasable(s)) {
                found.add(finish_one(db, subject).await?);
            }
        }
    }
}

impl Found {
    fn add(&mut self, other: Self) {
        self.finished += other.finished;
        self.back += other.back;
    }
}

/// Destroys the key, then deletes the sealed values in batches; each step may be repeated.
async fn finish_one(db: &Db, subject: &str) -> Result<Found, Fault> {
    let done: Option<(i64,)> = db.query(sql::WAS_DESTROYED).bind(subject).optional().await.context("look at an erasure")?;
    let had_key = db.vault().has_key(subject).await?;
    if had_key || done.is_none() {
        db.vault().destroy(subject).await?;
    }
    let fault = |error: DbError| Fault::with("finish an erasure", error);
    if done.is_none() {
        let mut chore = db.chore(Chore::Erasure).await.map_err(fault)?;
        chore.query(sql::DESTROYED).bind(subject).bind(db.clock().now()).execute().await.context("finish an erasure")?;
        chore.commit().await.map_err(fault)?;
    }
    loop {
        let mut chore = db.chore(Chore::Erasure).await.map_err(fault)?;
        let cleared = chore.query(sql::CLEAR).bind(subject).execute().await.context("delete sealed values")?;
        if cleared == 0 {
            chore.query(sql::CLEARED).bind(subject).bind(db.clock().now()).execute().await.context("finish an erasure")?;
        }
        chore.commit().await.map_err(fault)?;
        if cleared == 0 {
            break;
        }
    }
    Ok(Found { finished: i64::from(done.is_none()), back: i64::from(done.is_some() && had_key) })
}

/// The newest fifty, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db) -> Result<Vec<Listed>, Fault> {
    db.query(sql::ERASURES).all().await.context("list erasures")
}
