//! Legal holds: on one subject or on the whole trail. While one stands, nothing of it is erased and nothing at all is pruned.
//! Must stay true: a hold is released by somebody else than placed it.

use super::term::pass;
use super::{Error, Place as PlaceHold, Release, reason, seal, sql};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{HoldId, PersonId};
use crate::db::{Db, Detail};
use crate::policy::Permit;
use crate::vault::Place;

crate::row! {
    /// A hold as stored, with names and the place of its last entry.
    #[derive(Clone, Debug)]
    pub struct Hold {
        /// Id.
        pub id: HoldId,
        /// On whom; none for the whole trail.
        pub subject: Option<String>,
        /// Why.
        pub sealed: Vec<u8>,
        /// Who placed it.
        pub person_id: PersonId,
        /// The name they are shown by.
        pub placer: String,
        /// When.
        pub made_at: i64,
        /// Who released it.
        pub releaser: Option<String>,
        /// When.
        pub released_at: Option<i64>,
        /// The log of its last entry.
        pub entry_log: Option<i64>,
        /// The place there.
        pub entry_seq: Option<i64>,
    }
}

fn at(id: &HoldId) -> Place<'_> {
    Place { table: "legal_hold", row: id.as_str(), column: "sealed" }
}

impl Hold {
    /// Why it was placed; none when that does not open.
    ///
    /// # Errors
    /// When the keys' database fails.
    pub async fn reason(&self, db: &Db) -> Result<Option<String>, Fault> {
        reason(db, &at(&self.id), &self.sealed).await
    }
}

/// Places a hold on `subject`, or on the whole trail.
///
/// # Errors
/// [`Error::State`] when the subject was erased before, or something was taken out in the same moment.
pub async fn place(db: &Db, permit: Permit<PlaceHold>, by: &PersonId, subject: Option<&str>, why: &str) -> Result<HoldId, Error> {
    let id = HoldId::new(db.clock(), db.rng());
    let sealed = seal(db, &at(&id), why).await?;
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let (now, own) = (tx.now(), tx.id().clone());
    tx.query(sql::LOCK).execute().await?;
    pass(tx.query(sql::GATE_HOLD).bind(&own).bind(subject.unwrap_or_default()).execute().await?)?;
    tx.write(sql::PLACE).bind(&id).bind(subject.map(str::to_owned)).bind(sealed).bind(by).bind(now).execute().await?;
    let detail = Detail::ok().with("scope", if subject.is_some() { "subject" } else { "trail" }).personal("reason", why);
    tx.commit(
        permit,
        match subject {
            Some(subject) => detail.with("subject", subject),
            None => detail,
        },
    )
    .await?;
    Ok(id)
}

/// Releases a hold that somebody else placed.
///
/// # Errors
/// [`Error::State`] when it was released before, [`Error::Own`].
pub async fn release(db: &Db, permit: Permit<Release>, hold: &Hold, by: &PersonId) -> Result<(), Error> {
    if hold.person_id == *by {
        return Err(Error::Own);
    }
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.query(sql::LOCK).execute().await?;
    pass(tx.write(sql::RELEASE).bind(&hold.id).bind(by).bind(now).execute().await?)?;
    let detail = Detail::ok();
    tx.commit(
        permit,
        match &hold.subject {
            Some(subject) => detail.with("subject", subject.as_str()),
            None => detail,
        },
    )
    .await?;
    Ok(())
}

/// The hold of this id.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn by_id(db: &Db, id: &HoldId) -> Result<Hold, Error> {
    db.query(sql::HOLD).bind(id).optional().await?.ok_or(Error::NotFound)
}

/// A hundred at most: those that stand first, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db) -> Result<Vec<Hold>, Fault> {
    db.query(sql::HOLDS).all().await.context("list holds")
}

/// Does a hold stand against erasing `subject`?
///
/// # Errors
/// When the database fails.
pub async fn is_held(db: &Db, subject: &str) -> Result<bool, Fault> {
    let held: i64 = db.query(sql::IS_HELD).bind(subject).scalar().await.context("look for a hold")?;
    Ok(held > 0)
}
