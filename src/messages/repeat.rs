//! A request that comes again: the same `Idempotency-Key` with the same body gets the same answer and makes no second message.
//! Must stay true: the answer is kept in the transaction of the message, and is given again only once that is durable. Key
//! and body are kept as keyed hashes alone, since a number and a short text could be guessed from a plain one.

use std::time::Duration;

use super::{Error, Sent, sql};
use crate::core::clock::{DAY, Micros};
use crate::core::fault::Context as _;
use crate::core::id::PersonId;
use crate::db::{Chore, Db, DbError, Tx};
use crate::messages::number::Number;
use crate::policy::Act;
use crate::store::StoreError;

/// Characters of a key.
pub const KEY_CHARS_MAX: usize = 255;
/// How long an answer is given again.
const KEPT_FOR: Micros = DAY;
/// Looks for an answer that is being made durable, and the pause between them.
const LOOKS_MAX: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// What makes a request the same as an earlier one.
#[derive(Clone, Debug)]
pub struct Repeat {
    key: String,
    body: String,
}

impl Repeat {
    /// Of a person's key and the message it came with.
    #[must_use]
    pub fn new(db: &Db, person: &PersonId, key: &str, number: &Number, text: &str) -> Self {
        let vault = db.vault();
        Self { key: vault.blind("idempotency.key", &format!("{person}\n{key}")), body: vault.blind("idempotency.body", &format!("{}\n{text}", number.e164())) }
    }

    /// The key as entries carry it.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Keeps `sent` as the answer; false when an answer is kept already.
    pub(super) async fn keep<A: Act>(&self, tx: &mut Tx<A>, sent: &Sent) -> Result<bool, Error> {
        let answer = serde_json::to_string(sent).context("write an answer")?;
        let now = tx.now();
        let kept = tx.query(sql::KEEP_ANSWER).bind(&self.key).bind(&self.body).bind(answer).bind(now).bind(now - KEPT_FOR).execute().await?;
        Ok(kept == 1)
    }

    /// The kept answer. It may still be on its way to the disk in the other request's transaction: then this waits a little.
    pub(super) async fn answer(&self, db: &Db) -> Result<Sent, Error> {
        let since = db.clock().now() - KEPT_FOR;
        for _ in 0..LOOKS_MAX {
            let held: Option<(String, String)> = db.query(sql::ANSWER).bind(&self.key).bind(since).optional().await?;
            match held {
                Some((body, _)) if body != self.body => return Err(Error::OtherBody),
                Some((_, answer)) => return Ok(serde_json::from_str(&answer).context("read an answer")?),
                None => tokio::time::sleep(PAUSE).await,
            }
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
    let gone = chore.query(sql::SWEEP_ANSWERS).bind(now - KEPT_FOR).execute().await?;
    chore.commit().await?;
    Ok(gone)
}
