//! A request that comes again: the same `Idempotency-Key` with the same body gets the same answer and makes nothing twice.
//! Must stay true: the answer is kept in the transaction of the act, and is given again only once that is durable. Key and
//! body are kept as keyed hashes alone, since a short one could be guessed from a plain hash; a slice keeps no secret in an
//! answer unless it is sealed.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::core::clock::{DAY, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::PersonId;
use crate::db::{Chore, Db, DbError, Tx};
use crate::policy::Act;
use crate::store::StoreError;

/// How long an answer is given again.
const KEPT_FOR: Micros = DAY;
/// Looks for an answer that is being made durable, and the pause between them.
const LOOKS_MAX: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

const KEEP: &str = "insert into idempotency (key_hash, body_hash, answer, made_at) values ($1, $2, $3, $4) on conflict (key_hash) do update set body_hash = excluded.body_hash, answer = excluded.answer, made_at = excluded.made_at where idempotency.made_at < $5";
const ANSWER: &str = "select body_hash, answer from idempotency where key_hash = $1 and made_at >= $2";
const SWEEP: &str = "delete from idempotency where made_at < $1";
/// Every statement of this file, for the test that prepares them all.
pub const ALL: &[&str] = &[KEEP, ANSWER, SWEEP];

/// Why there is no answer to give again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key came before, with another body.
    #[error("the idempotency key was used for another request")]
    OtherBody,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Something inside.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Db(error.into())
    }
}

/// An answer, and whether it is that of an earlier request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once<T> {
    /// The answer.
    pub answer: T,
    /// It was given before; nothing was done now.
    pub again: bool,
}

impl<T> Once<T> {
    /// Of what was done just now.
    #[must_use]
    pub const fn now(answer: T) -> Self {
        Self { answer, again: false }
    }

    /// Of what an earlier request did.
    #[must_use]
    pub const fn again(answer: T) -> Self {
        Self { answer, again: true }
    }
}

/// The key of a request, hashed with whose it is and what it asks for: to anybody else, or elsewhere, it says nothing.
#[derive(Clone, Debug)]
pub struct Key(String);

impl Key {
    /// Of a person's key on a route.
    #[must_use]
    pub fn new(db: &Db, person: &PersonId, route: &'static str, key: &str) -> Self {
        Self(db.vault().blind("idempotency.key", &format!("{person}\n{route}\n{key}")))
    }

    /// With the body it came with, as it was understood: what makes no difference to the act makes none here.
    ///
    /// # Errors
    /// When the body cannot be written as JSON.
    pub fn with(self, db: &Db, body: &impl Serialize) -> Result<Repeat, Fault> {
        let body = serde_json::to_string(body).context("write what a request asks for")?;
        Ok(Repeat { key: self.0, body: db.vault().blind("idempotency.body", &body) })
    }
}

/// What makes a request the same as an earlier one.
#[derive(Clone, Debug)]
pub struct Repeat {
    key: String,
    body: String,
}

impl Repeat {
    /// The key as entries carry it.
    #[must_use]
    pub const fn key(&self) -> &str {
        self.key.as_str()
    }

    /// Keeps `answer` beside the act; false when one is kept already. To be asked before anything else of the transaction:
    /// of two equal requests the second waits here, and does nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep<A: Act>(&self, tx: &mut Tx<A>, answer: &impl Serialize) -> Result<bool, Error> {
        let answer = serde_json::to_string(answer).context("write an answer")?;
        let now = tx.now();
        let kept = tx.query(KEEP).bind(&self.key).bind(&self.body).bind(answer).bind(now).bind(now - KEPT_FOR).execute().await?;
        Ok(kept == 1)
    }

    /// The kept answer, or none.
    ///
    /// # Errors
    /// [`Error::OtherBody`].
    pub async fn look<T: DeserializeOwned>(&self, db: &Db) -> Result<Option<T>, Error> {
        let since = db.clock().now() - KEPT_FOR;
        let held: Option<(String, String)> = db.query(ANSWER).bind(&self.key).bind(since).optional().await?;
        match held {
            Some((body, _)) if body != self.body => Err(Error::OtherBody),
            Some((_, answer)) => Ok(Some(serde_json::from_str(&answer).context("read an answer")?)),
            None => Ok(None),
        }
    }

    /// The answer that [`Repeat::keep`] found. It may still be on its way to the disk in the other request's transaction:
    /// then this waits a little.
    ///
    /// # Errors
    /// [`Error::OtherBody`]; [`StoreError::Busy`] when it does not become durable.
    pub async fn answer<T: DeserializeOwned>(&self, db: &Db) -> Result<T, Error> {
        for _ in 0..LOOKS_MAX {
            if let Some(answer) = self.look(db).await? {
                return Ok(answer);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(StoreError::Busy.into())
    }
}

/// Forgets answers that are too old to be given again.
///
/// # Errors
/// When the database fails.
pub async fn sweep(db: &Db, now: Micros) -> Result<u64, DbError> {
    let mut chore = db.chore(Chore::Idempotency).await?;
    let gone = chore.query(SWEEP).bind(now - KEPT_FOR).execute().await?;
    chore.commit().await?;
    Ok(gone)
}
