//! Data keys that sealed nothing: each is made durable before its act, and an act may break off.
//! Must stay true: a key that anything may still be sealed with is not removed. So a key is only marked at first; whoever
//! reads it to seal takes the mark off; and it goes an hour later, when no copy of it can be in memory any more.

use super::{CACHE_FOR, FIND, KeyRow, Vault};
use crate::core::clock::{DAY, HOUR, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::KeyId;

/// A key is looked at once it is this old.
const SETTLED_AFTER: Micros = DAY;
/// A marked key goes after this, longer than a key stays in memory and an act may take.
const MARKED_FOR: Micros = HOUR;
const _: () = assert!(MARKED_FOR > 2 * CACHE_FOR);

pub(super) const WANTED: &str = "update data_key set orphan_since = null where subject = $1 and destroyed_at is null";
pub(super) const UNMARK: &str = "update data_key set orphan_since = null where id = $1";
pub(super) const MARK: &str = "update data_key set orphan_since = $2 where id = $1 and orphan_since is null and destroyed_at is null";
pub(super) const REMOVE: &str = "delete from data_key where id = $1 and orphan_since = $2 and destroyed_at is null";
pub(super) const MADE_BEFORE: &str =
    "select id, subject, orphan_since from data_key where id > $1 and made_at < $2 and destroyed_at is null order by id limit 200";
pub(super) const MARKED_BEFORE: &str = "select id, subject, orphan_since from data_key where orphan_since < $1 order by orphan_since limit 200";

crate::row! {
    /// A key that may be an orphan.
    #[derive(Clone, Debug)]
    pub struct Candidate {
        /// The key.
        pub id: KeyId,
        /// Whose it is.
        pub subject: String,
        /// Since when it is marked.
        pub orphan_since: Option<i64>,
    }
}

impl Vault {
    /// Keys old enough to be looked at, at most 200, after `last`.
    ///
    /// # Errors
    /// When the keys' database fails.
    pub async fn settled_keys(&self, last: &str) -> Result<Vec<Candidate>, Fault> {
        self.0.keys.query(MADE_BEFORE).bind(last).bind(self.0.clock.now() - SETTLED_AFTER).all().await.context("list data keys")
    }

    /// Keys marked for long enough, at most 200.
    ///
    /// # Errors
    /// When the keys' database fails.
    pub async fn marked_keys(&self) -> Result<Vec<Candidate>, Fault> {
        self.0.keys.query(MARKED_BEFORE).bind(self.0.clock.now() - MARKED_FOR).all().await.context("list marked data keys")
    }

    /// Nothing is sealed with this key, as far as was seen.
    ///
    /// # Errors
    /// When the keys' database fails.
    pub async fn mark_orphan(&self, key: &Candidate) -> Result<(), Fault> {
        let mut work = self.0.keys.begin().await.context("begin")?;
        work.query(MARK).bind(&key.id).bind(self.0.clock.now()).execute().await.context("mark a data key")?;
        work.commit(None).await.context("mark a data key")
    }

    /// Takes the mark off a key that is in use after all.
    ///
    /// # Errors
    /// When the keys' database fails.
    pub async fn keep_key(&self, key: &Candidate) -> Result<(), Fault> {
        let mut work = self.0.keys.begin().await.context("begin")?;
        work.query(UNMARK).bind(&key.id).execute().await.context("keep a data key")?;
        work.commit(None).await.context("keep a data key")
    }

    /// Removes a key that was marked and is so still. Gives whether it went.
    ///
    /// # Errors
    /// When the keys' database fails.
    pub async fn remove_orphan(&self, key: &Candidate) -> Result<bool, Fault> {
        let mut work = self.0.keys.begin().await.context("begin")?;
        let gone = work.query(REMOVE).bind(&key.id).bind(key.orphan_since).execute().await.context("remove a data key")?;
        work.commit(None).await.context("remove a data key")?;
        Ok(gone == 1)
    }

    /// A marked key is wanted: the mark goes before the key is used. When the key went first, a new one is made.
    pub(super) async fn wanted(&self, subject: &str) -> Result<KeyRow, Fault> {
        let mut work = self.0.keys.begin().await.context("begin")?;
        work.query(WANTED).bind(subject).execute().await.context("take up a data key")?;
        work.commit(None).await.context("take up a data key")?;
        let held: Option<KeyRow> = self.0.keys.query(FIND).bind(subject).optional().await.context("read a data key")?;
        match held {
            Some(row) => Ok(row),
            None => self.make(subject).await,
        }
    }
}
