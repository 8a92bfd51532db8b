//! Seals and opens values, and keeps the data keys that do it. AES-256-GCM; each ciphertext is bound to its place.
//! Must stay true: a data key is durable in the keys' database before anything it sealed is committed; destroying the key
//! erases what it sealed, everywhere; a wrong or missing key-encryption key stops the start.

pub mod custody;
mod hasher;
mod keyring;
pub mod orphans;
mod pad;
pub mod rotate;
mod seal;
mod stream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use zeroize::Zeroizing;

pub use custody::Custody;
pub use hasher::{HashError, Hasher};
pub use keyring::{FILES, KeyRing, KeyRingError, Purpose, make_key, read_key};
pub use seal::{DataKey, Place};
pub use stream::{Opener, Sealer};

use crate::core::clock::{Clock, MINUTE, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::KeyId;
use crate::core::rng::Rng;
use crate::store::{Schema, Store, VersionState};

/// Data keys held in memory at most; beyond it the cache starts anew.
const CACHE_MAX: usize = 10_000;
/// Data keys that are read at once.
pub const KEYS_MAX: usize = 128;
/// A data key stays in memory at most this long after it was read.
const CACHE_FOR: Micros = 10 * MINUTE;

const FIND: &str = "select id, kek, wrapped, destroyed_at, orphan_since from data_key where subject = $1";
const BY_ID: &str = "select id, kek, wrapped, destroyed_at, orphan_since from data_key where id = $1";
/// For [`KEYS_MAX`] subjects; fewer repeat the last.
const HELD: &str = "select id, subject, kek, wrapped from data_key where wrapped is not null and destroyed_at is null and subject in ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, $51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, $64, $65, $66, $67, $68, $69, $70, $71, $72, $73, $74, $75, $76, $77, $78, $79, $80, $81, $82, $83, $84, $85, $86, $87, $88, $89, $90, $91, $92, $93, $94, $95, $96, $97, $98, $99, $100, $101, $102, $103, $104, $105, $106, $107, $108, $109, $110, $111, $112, $113, $114, $115, $116, $117, $118, $119, $120, $121, $122, $123, $124, $125, $126, $127, $128)";
const INSERT: &str = "insert into data_key (id, subject, kek, wrapped, made_at) values ($1, $2, $3, $4, $5) on conflict (subject) do nothing";
const DESTROY: &str = "update data_key set wrapped = null, destroyed_at = $2 where subject = $1 and destroyed_at is null";
/// The grave of a key that is not here: none is made in its place.
const BURY: &str = "insert into data_key (id, subject, kek, made_at, destroyed_at) values ($1, $2, $3, $4, $4) on conflict (subject) do nothing";
/// Subjects end in hex digits, so that `g` is above all of a prefix.
const LIVE_SUBJECTS: &str = "select subject from data_key where subject > $1 and subject < $2 and destroyed_at is null order by subject limit 500";
const CANARY: &str = "select sealed from canary where kek = $1";
const KEEP_CANARY: &str = "insert into canary (kek, sealed) values ($1, $2) on conflict (kek) do nothing";
/// Every statement of this folder, for the test that prepares them all.
pub const ALL: &[&str] = &[
    FIND,
    BY_ID,
    HELD,
    INSERT,
    DESTROY,
    BURY,
    LIVE_SUBJECTS,
    CANARY,
    KEEP_CANARY,
    orphans::WANTED,
    orphans::UNMARK,
    orphans::MARK,
    orphans::REMOVE,
    orphans::MADE_BEFORE,
    orphans::MARKED_BEFORE,
    rotate::WRAPPED_BY_OTHERS,
    rotate::REWRAP,
    rotate::LIVE,
    rotate::WAITING,
    rotate::NEXT_IN_USE,
];

crate::row! {
    struct KeyRow { id: KeyId, kek: i64, wrapped: Option<Vec<u8>>, destroyed_at: Option<i64>, orphan_since: Option<i64> }
}

crate::row! {
    struct HeldRow { id: KeyId, subject: String, kek: i64, wrapped: Vec<u8> }
}

/// Why a sealed value did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its key was destroyed: the value is gone for good, as intended.
    #[error("the value was erased")]
    Erased,
    /// There is no such key, and there never was one here: the value came from elsewhere, or the keys' database is an old one.
    #[error("the key that a sealed value names is not there")]
    NoKey,
    /// The bytes, or the place they were found in, are not what was sealed.
    #[error("the sealed value does not fit its place")]
    Altered,
    /// The keys' database failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl OpenError {
    /// Can the value never be read again?
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self, Self::Erased | Self::NoKey)
    }
}

/// The text that was padded.
fn text_of(mut plain: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, OpenError> {
    let length = pad::length(&plain).ok_or(OpenError::Altered)?;
    plain.truncate(length);
    // The bytes become the text: no copy of them stays.
    String::from_utf8(std::mem::take(&mut *plain)).map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        OpenError::Altered
    })
}

impl DataKey {
    /// Opens what [`Vault::seal_padded`] made under this key, to text.
    ///
    /// # Errors
    /// [`OpenError::Altered`] when anything differs.
    pub fn open_padded(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<String>, OpenError> {
        text_of(self.open(place, sealed).ok_or(OpenError::Altered)?)
    }
}

#[derive(Debug)]
struct Inner {
    keys: Store,
    ring: KeyRing,
    cache: Mutex<HashMap<String, (Micros, Arc<DataKey>)>>,
    clock: Clock,
    rng: Rng,
}

/// The vault. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vault(Arc<Inner>);

impl Vault {
    /// Opens the vault over its own database, and proves the key ring by opening the canary sealed at first start.
    ///
    /// # Errors
    /// When the database fails, or the key-encryption key is not the one this database was made with.
    pub async fn open(keys: Store, ring: KeyRing, clock: Clock, rng: Rng) -> Result<Self, Fault> {
        seal::self_test()?;
        // A role that may only serve cannot migrate, and need not when there is nothing to do.
        if keys.version_state(Schema::Keys).await.context("read the version of the keys' database")? != VersionState::Current {
            keys.migrate(Schema::Keys).await.context("migrate the keys' database")?;
        }
        let vault = Self(Arc::new(Inner { keys, ring, cache: Mutex::default(), clock, rng }));
        vault.check_canary().await?;
        Ok(vault)
    }

    /// Opens the canary of every key-encryption key that is held, seals one with the newest when it has none, and looks that
    /// none is missing that a data key needs.
    async fn check_canary(&self) -> Result<(), Fault> {
        const SECRET: &[u8] = b"countersign";
        let place = Place { table: "canary", row: "1", column: "sealed" };
        let (newest, key) = self.0.ring.newest();
        for version in self.0.ring.versions() {
            let held: Option<(Vec<u8>,)> = self.0.keys.query(CANARY).bind(version).optional().await.context("read the canary")?;
            let Some((sealed,)) = held else { continue };
            let opened = self.0.ring.version(version).and_then(|key| key.open(&place, &sealed)).ok_or_else(|| {
                Fault::new(format!(
                    "the key-encryption key in `keys/kek-{version}` is not the one this database was made with; put the right `kek-{version}` back"
                ))
            })?;
            if opened.as_slice() != SECRET {
                return Err(Fault::new("the canary opened to something else"));
            }
        }
        for version in self.versions_in_use().await? {
            if self.0.ring.version(version).is_none() {
                return Err(Fault::new(format!("`keys/kek-{version}` is missing, and data keys are wrapped with it; put it back from its recovery copy")));
            }
        }
        let sealed = key.seal(&place, SECRET, &self.0.rng);
        let mut work = self.0.keys.begin().await.context("begin")?;
        work.query(KEEP_CANARY).bind(newest).bind(sealed).execute().await.context("keep the canary")?;
        work.commit(None).await.context("keep the canary")
    }

    /// The data key of `subject` (a person, a number, a record), made and durable when this is its first use.
    ///
    /// # Errors
    /// [`OpenError::Erased`] when the subject was erased; a new key is not made in its place.
    pub async fn key_for(&self, subject: &str) -> Result<Arc<DataKey>, OpenError> {
        if let Some(key) = self.cached(subject) {
            return Ok(key);
        }
        let found: Option<KeyRow> = self.0.keys.query(FIND).bind(subject).optional().await.context("read a data key")?;
        let row = match found {
            // Made for an act that was not done, and wanted now.
            Some(row) if row.orphan_since.is_some() => self.wanted(subject).await?,
            Some(row) => row,
            None => self.make(subject).await?,
        };
        let key = Arc::new(self.unwrap_row(row)?);
        self.remember(subject, &key);
        Ok(key)
    }

    /// The data keys of many subjects, those that are new made durable together; none for whoever was erased.
    ///
    /// # Errors
    /// When the keys' database fails.
    pub async fn keys_for(&self, subjects: &[String]) -> Result<Vec<Option<Arc<DataKey>>>, OpenError> {
        let (version, kek) = self.0.ring.newest();
        let mut out = Vec::with_capacity(subjects.len());
        let mut work = self.0.keys.begin().await.context("begin")?;
        for subject in subjects {
            let id = KeyId::new(&self.0.clock, &self.0.rng);
            let plain = Zeroizing::new(self.0.rng.bytes::<32>());
            let wrapped = kek.seal(&Place { table: "data_key", row: id.as_str(), column: "wrapped" }, plain.as_slice(), &self.0.rng);
            let insert = work.query(INSERT).bind(&id).bind(subject).bind(version).bind(wrapped).bind(self.0.clock.now());
            let made = insert.execute().await.context("keep a data key")? == 1;
            out.push(made.then(|| DataKey::new(id.as_str(), plain.as_slice()).map(Arc::new)).flatten());
        }
        work.commit(None).await.context("keep data keys")?;
        for (subject, key) in subjects.iter().zip(&mut out).filter(|(_, key)| key.is_none()) {
            *key = match self.key_for(subject).await {
                Ok(key) => Some(key),
                Err(OpenError::Erased) => None,
                Err(error) => return Err(error),
            };
        }
        Ok(out)
    }

    /// The data keys of at most [`KEYS_MAX`] subjects by their names, in one read and past the cache; whoever was erased, or
    /// never had one, is left out.
    ///
    /// # Errors
    /// When a key does not open with its key-encryption key, or the keys' database fails.
    pub async fn held_keys(&self, subjects: &[&str]) -> Result<HashMap<String, Arc<DataKey>>, OpenError> {
        let Some(last) = subjects.last() else { return Ok(HashMap::new()) };
        if subjects.len() > KEYS_MAX {
            return Err(Fault::new(format!("at most {KEYS_MAX} data keys are read at once")).into());
        }
        let mut query = self.0.keys.query(HELD);
        for n in 0..KEYS_MAX {
            query = query.bind(*subjects.get(n).unwrap_or(last));
        }
        let rows: Vec<HeldRow> = query.all().await.context("read data keys")?;
        let open = |row: HeldRow| {
            let kept = KeyRow { id: row.id, kek: row.kek, wrapped: Some(row.wrapped), destroyed_at: None, orphan_since: None };
            Ok((row.subject, Arc::new(self.unwrap_row(kept)?)))
        };
        rows.into_iter().map(open).collect()
    }

    async fn make(&self, subject: &str) -> Result<KeyRow, Fault> {
        let id = KeyId::new(&self.0.clock, &self.0.rng);
        let (version, kek) = self.0.ring.newest();
        let plain = Zeroizing::new(self.0.rng.bytes::<32>());
        let wrapped = kek.seal(&Place { table: "data_key", row: id.as_str(), column: "wrapped" }, plain.as_slice(), &self.0.rng);
        let mut work = self.0.keys.begin().await.context("begin")?;
        work.query(INSERT).bind(&id).bind(subject).bind(version).bind(wrapped).bind(self.0.clock.now()).execute().await.context("keep a data key")?;
        work.commit(None).await.context("keep a data key")?;
        // Two callers may have raced: whatever lies there now is the key.
        self.0.keys.query(FIND).bind(subject).one().await.context("read the data key back")
    }

    fn unwrap_row(&self, row: KeyRow) -> Result<DataKey, OpenError> {
        let (Some(wrapped), None) = (row.wrapped, row.destroyed_at) else { return Err(OpenError::Erased) };
        let kek = self.0.ring.version(row.kek).ok_or_else(|| Fault::new(format!("`keys/kek-{}` is missing", row.kek)))?;
        let plain = kek.open(&Place { table: "data_key", row: row.id.as_str(), column: "wrapped" }, &wrapped).ok_or(OpenError::Altered)?;
        DataKey::new(row.id.as_str(), &plain).ok_or(OpenError::Altered)
    }

    fn cached(&self, name: &str) -> Option<Arc<DataKey>> {
        let cache = self.0.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (at, key) = cache.get(name)?;
        (self.0.clock.now().saturating_sub(*at) < CACHE_FOR).then(|| key.clone())
    }

    fn remember(&self, name: &str, key: &Arc<DataKey>) {
        let mut cache = self.0.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if cache.len() >= CACHE_MAX {
            cache.clear();
        }
        cache.insert(name.to_owned(), (self.0.clock.now(), key.clone()));
    }

    /// Seals `plain` for `place` under the key of `subject`.
    ///
    /// # Errors
    /// When the subject's key was destroyed, or the keys' database fails.
    pub async fn seal(&self, subject: &str, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, OpenError> {
        let key = self.key_for(subject).await?;
        Ok(key.seal(place, plain, &self.0.rng))
    }

    /// Opens what [`Vault::seal`] made for this very place.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn unseal(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let id = seal::key_id(sealed).ok_or(OpenError::Altered)?;
        let key = match self.cached(id) {
            Some(key) => key,
            None => {
                let row: Option<KeyRow> = self.0.keys.query(BY_ID).bind(id).optional().await.context("read a data key")?;
                let key = Arc::new(self.unwrap_row(row.ok_or(OpenError::NoKey)?)?);
                self.remember(id, &key);
                key
            }
        };
        key.open(place, sealed).ok_or(OpenError::Altered)
    }

    /// Opens to text.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn unseal_text(&self, place: &Place<'_>, sealed: &[u8]) -> Result<String, OpenError> {
        let plain = self.unseal(place, sealed).await?;
        String::from_utf8(plain.to_vec()).map_err(|_| OpenError::Altered)
    }

    /// As [`Vault::seal`], with the length hidden: what is sealed is as long as its bucket.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub async fn seal_padded(&self, subject: &str, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, OpenError> {
        self.seal(subject, place, &pad::pad(plain)).await
    }

    /// Opens what [`Vault::seal_padded`] made, to text.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn unseal_padded(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<String>, OpenError> {
        text_of(self.unseal(place, sealed).await?)
    }

    /// Destroys the key of `subject`: everything sealed under it is gone, and no key is ever made for it again. Gives whether
    /// there was one. On several nodes the others may hold it in memory for ten minutes more.
    ///
    /// # Errors
    /// When the keys' database fails; the key then still stands.
    pub async fn destroy(&self, subject: &str) -> Result<bool, Fault> {
        let mut work = self.0.keys.begin().await.context("begin")?;
        let touched = work.query(DESTROY).bind(subject).bind(self.0.clock.now()).execute().await.context("destroy a data key")?;
        let (id, (kek, _)) = (KeyId::new(&self.0.clock, &self.0.rng), self.0.ring.newest());
        work.query(BURY).bind(&id).bind(subject).bind(kek).bind(self.0.clock.now()).execute().await.context("destroy a data key")?;
        work.commit(None).await.context("destroy a data key")?;
        self.0.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
        Ok(touched == 1)
    }

    /// Is there a key of `subject` that still opens?
    ///
    /// # Errors
    /// When the keys' database fails.
    pub async fn has_key(&self, subject: &str) -> Result<bool, Fault> {
        let row: Option<KeyRow> = self.0.keys.query(FIND).bind(subject).optional().await.context("look for a data key")?;
        Ok(row.is_some_and(|row| row.destroyed_at.is_none()))
    }

    /// A keyed index of `value`: equal values of one column have equal indexes, and nobody without the key learns more.
    #[must_use]
    pub fn blind(&self, column: &str, value: &str) -> String {
        self.0.ring.mac(Purpose::Index, &[column.as_bytes(), value.as_bytes()])[..16].iter().fold(String::with_capacity(32), |mut out, b| {
            use std::fmt::Write as _;
            let _ = write!(out, "{b:02x}");
            out
        })
    }

    /// A keyed index as [`Vault::blind`], under a key of this column alone: what is known of one column's key says nothing of
    /// another's.
    #[must_use]
    pub fn blind_apart(&self, column: &str, value: &str) -> String {
        let own = Zeroizing::new(self.0.ring.mac(Purpose::Index, &[b"the key of a column", column.as_bytes()]));
        let tag = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, own.as_slice()), value.as_bytes());
        hex::encode(&tag.as_ref()[..16])
    }

    /// Subjects with a live key that begin with `prefix`, after `last`, at most 500, in order.
    ///
    /// # Errors
    /// When the keys' database fails.
    pub async fn live_subjects(&self, prefix: &str, last: &str) -> Result<Vec<String>, Fault> {
        let (from, to) = (if last.is_empty() { prefix } else { last }, format!("{prefix}g"));
        let rows: Vec<(String,)> = self.0.keys.query(LIVE_SUBJECTS).bind(from).bind(to).all().await.context("list data keys")?;
        Ok(rows.into_iter().map(|(subject,)| subject).collect())
    }

    /// HMAC-SHA-256 over length-prefixed parts under the key of `purpose`.
    #[must_use]
    pub fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        self.0.ring.mac(purpose, parts)
    }

    /// The randomness the vault was opened with.
    #[must_use]
    pub fn rng(&self) -> &Rng {
        &self.0.rng
    }

    /// The keys' database, for backup and checks.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.keys
    }
}
