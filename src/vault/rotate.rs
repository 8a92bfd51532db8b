//! Rotation of the key-encryption key: a new one is made, every data key is wrapped anew with it, and the old one can go once
//! no backup of the keys' database needs it any more. What the data keys sealed is not touched.
//! Must stay true: at each moment every data key can be opened with a key that is in the folder, so it may break off
//! anywhere and be begun again; and what was wrapped is opened again before the old wrapping goes.

use zeroize::Zeroizing;

use super::{KeyRingError, Place, Vault};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::KeyId;

/// Data keys wrapped anew in one transaction, so that others have their turn in between.
const BATCH: usize = 200;
/// Times the whole table is gone through: other nodes may wrap with the old key until they see the new one.
const ROUNDS_MAX: usize = 10;

pub(super) const WRAPPED_BY_OTHERS: &str = "select id, kek, wrapped from data_key where kek < $1 and wrapped is not null and id > $2 order by id limit 200";
pub(super) const REWRAP: &str = "update data_key set kek = $2, wrapped = $3 where id = $1 and kek = $4 and wrapped is not null";
pub(super) const LIVE: &str = "select count(*) from data_key where wrapped is not null";
pub(super) const WAITING: &str = "select count(*) from data_key where kek < $1 and wrapped is not null";
pub(super) const NEXT_IN_USE: &str = "select kek from data_key where kek > $1 and wrapped is not null order by kek limit 1";

crate::row! {
    struct Wrapped { id: KeyId, kek: i64, wrapped: Vec<u8> }
}

/// What a rotation is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The version everything is wrapped with at its end.
    pub to: i64,
    /// Its file is not there yet.
    pub to_be_made: bool,
    /// Data keys there are.
    pub keys: i64,
    /// Of them, those that wait to be wrapped anew.
    pub waiting: i64,
}

/// What a rotation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Data keys wrapped anew.
    pub rewrapped: i64,
    /// Data keys there are now.
    pub keys: i64,
    /// Of them, those still wrapped with another version: another node wrapped them meanwhile.
    pub left: i64,
}

/// Why a version does not go.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// It is the one that seals.
    #[error("`kek-{0}` is the newest key; run `countersign keys rotate` first")]
    Newest(i64),
    /// It is not there.
    #[error("there is no `kek-{0}`")]
    Absent(i64),
    /// Something needs it.
    #[error("data keys are wrapped with `kek-{0}`; run `countersign keys rotate` first")]
    InUse(i64),
    /// The folder.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
    /// The keys' database.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Vault {
    async fn count(&self, sql: &'static str, version: Option<i64>) -> Result<i64, Fault> {
        let query = self.0.keys.query(sql);
        match version {
            Some(version) => query.bind(version).scalar().await,
            None => query.scalar().await,
        }
        .context("count data keys")
    }

    /// The versions that data keys are wrapped with.
    pub(super) async fn versions_in_use(&self) -> Result<Vec<i64>, Fault> {
        let (mut versions, mut last) = (Vec::new(), 0);
        // One step of the index per version.
        while let Some((version,)) = self.0.keys.query(NEXT_IN_USE).bind(last).optional::<(i64,)>().await.context("list versions in use")? {
            versions.push(version);
            last = version;
        }
        Ok(versions)
    }

    /// What a rotation would do now: go on with one that broke off or was prepared, or begin a new one.
    ///
    /// # Errors
    /// When the folder or the keys' database fails.
    pub async fn plan_rotation(&self) -> Result<Plan, Fault> {
        self.0.ring.read_again().context("read the key-encryption keys")?;
        let (newest, _) = self.0.ring.newest();
        let keys = self.count(LIVE, None).await?;
        let waiting = self.count(WAITING, Some(newest)).await?;
        // With none that waits everything is wrapped with the newest already, unless there is nothing yet to tell by.
        if waiting == 0 {
            return Ok(Plan { to: newest + 1, to_be_made: true, keys, waiting: keys });
        }
        Ok(Plan { to: newest, to_be_made: false, keys, waiting })
    }

    /// Makes the next key-encryption key, which nothing is sealed with before a rotation or a start reads it.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn make_next_kek(&self) -> Result<i64, KeyRingError> {
        self.0.ring.make_next(&self.0.rng)
    }

    /// Wraps every data key with the newest key-encryption key.
    ///
    /// # Errors
    /// When a data key does not open, or the keys' database fails. What was wrapped until then stays so; begin again.
    pub async fn rewrap(&self) -> Result<Rotated, Fault> {
        self.0.ring.read_again().context("read the key-encryption keys")?;
        self.check_canary().await?;
        let (to, _) = self.0.ring.newest();
        let mut rewrapped = 0;
        for _ in 0..ROUNDS_MAX {
            let mut last = String::new();
            loop {
                let batch: Vec<Wrapped> = self.0.keys.query(WRAPPED_BY_OTHERS).bind(to).bind(last.as_str()).all().await.context("read data keys")?;
                let Some(end) = batch.last() else { break };
                last = end.id.to_string();
                let full = batch.len() == BATCH;
                rewrapped += self.rewrap_batch(to, batch).await?;
                if !full {
                    break;
                }
            }
            if self.count(WAITING, Some(to)).await? == 0 {
                break;
            }
        }
        Ok(Rotated { rewrapped, keys: self.count(LIVE, None).await?, left: self.count(WAITING, Some(to)).await? })
    }

    async fn rewrap_batch(&self, to: i64, batch: Vec<Wrapped>) -> Result<i64, Fault> {
        let newest = self.0.ring.version(to).ok_or_else(|| Fault::new(format!("`keys/kek-{to}` is missing")))?;
        let mut work = self.0.keys.begin().await.context("begin")?;
        let mut done = 0;
        for row in batch {
            let place = Place { table: "data_key", row: row.id.as_str(), column: "wrapped" };
            let old = self.0.ring.version(row.kek).ok_or_else(|| Fault::new(format!("`keys/kek-{}` is missing", row.kek)))?;
            let broken = || Fault::new(format!("the data key `{}` does not open with `kek-{}`; nothing of it was changed", row.id, row.kek));
            let plain: Zeroizing<Vec<u8>> = old.open(&place, &row.wrapped).ok_or_else(broken)?;
            let wrapped = newest.seal(&place, &plain, &self.0.rng);
            let again = newest.open(&place, &wrapped);
            if again.is_none_or(|again| *again != *plain) {
                return Err(Fault::new("a data key that was wrapped anew does not open; nothing of it was changed"));
            }
            // None when it was destroyed meanwhile.
            let touched = work.query(REWRAP).bind(&row.id).bind(to).bind(wrapped).bind(row.kek).execute().await.context("wrap a data key")?;
            done += i64::try_from(touched).unwrap_or(0);
        }
        work.commit(None).await.context("wrap data keys")?;
        Ok(done)
    }

    /// May this version go?
    ///
    /// # Errors
    /// See [`RetireError`].
    pub async fn check_retire(&self, version: i64) -> Result<(), RetireError> {
        self.0.ring.read_again()?;
        if self.0.ring.newest().0 == version {
            return Err(RetireError::Newest(version));
        }
        if !self.0.ring.versions().contains(&version) {
            return Err(RetireError::Absent(version));
        }
        if self.versions_in_use().await?.contains(&version) {
            return Err(RetireError::InUse(version));
        }
        Ok(())
    }

    /// Overwrites and removes the file of a version that nothing needs.
    ///
    /// # Errors
    /// See [`RetireError`].
    pub async fn retire(&self, version: i64) -> Result<(), RetireError> {
        self.check_retire(version).await?;
        Ok(self.0.ring.remove(version)?)
    }
}
