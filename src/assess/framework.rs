//! The frameworks there are: r2, built in, and those that were imported, whose wording lies in the database.
//! Must stay true: a framework that is built in is there without a database row; an import replaces the one before and keeps it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::{Error, Import, sql};
use crate::catalog::{Catalog, R2};
use crate::core::fault::Context as _;
use crate::core::id::FrameworkId;
use crate::db::{Db, Detail};
use crate::policy::Permit;

/// Bytes of a catalogue as it is kept.
pub const BODY_BYTES_MAX: usize = 8 << 20;
/// Frameworks that are listed.
const LISTED_MAX: i64 = 50;
/// Catalogues kept read, by the hash of their file.
const KEPT_MAX: usize = 8;

/// What was read before: a catalogue is the same for ever under its row's id.
static READ: LazyLock<Mutex<HashMap<String, Arc<Catalog>>>> = LazyLock::new(Mutex::default);
static BUILT_IN: LazyLock<Arc<Catalog>> = LazyLock::new(|| Arc::new(Catalog::r2().clone()));

crate::row! {
    /// A framework that was imported.
    #[derive(Clone, Debug)]
    pub struct Known {
        /// Id.
        pub id: FrameworkId,
        /// Its key.
        pub key: String,
        /// Its title.
        pub title: String,
        /// Its version.
        pub version: Option<String>,
        /// SHA-256 of the file.
        pub sha256: String,
        /// When.
        pub made_at: i64,
    }
}

/// Keeps a catalogue that was read from a file with this hash.
///
/// # Errors
/// [`Error::Field`] when it is too large; [`Error::Changed`] when another import came between.
pub async fn import(db: &Db, permit: Permit<Import>, catalog: &Catalog, sha256: &str) -> Result<FrameworkId, Error> {
    let body = serde_json::to_string(catalog).context("write a catalogue")?;
    if body.len() > BODY_BYTES_MAX {
        return Err(Error::Field { field: "body", code: "too-large" });
    }
    let id = FrameworkId::new(db.clock(), db.rng());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let before: Option<(FrameworkId,)> = tx.query(sql::LIVE_FRAMEWORK).bind(&catalog.key).optional().await?;
    let mut detail = Detail::ok().with("key", catalog.key.as_str()).with("title", catalog.title.as_str()).with("sha256", sha256);
    let (families, requirements, objectives) = catalog.counts();
    for (name, n) in [("families", families), ("requirements", requirements), ("objectives", objectives)] {
        detail = detail.with(name, i64::try_from(n).unwrap_or(i64::MAX));
    }
    if let Some((before,)) = before {
        if tx.write(sql::REPLACE_FRAMEWORK).bind(&before).bind(now).execute().await? != 1 {
            return Err(Error::Changed);
        }
        detail = detail.with("replaces", before.as_str());
    }
    let insert = tx.write(sql::INSERT_FRAMEWORK).bind(&id).bind(&catalog.key).bind(&catalog.title).bind(catalog.version.clone());
    if let Err(error) = insert.bind(sha256).bind(body).bind(now).execute().await {
        let error = crate::db::DbError::from(error);
        return Err(if error.is_unique() { Error::Changed } else { error.into() });
    }
    tx.commit(permit, detail).await?;
    Ok(id)
}

/// The frameworks that were imported and are in force.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db) -> Result<Vec<Known>, Error> {
    Ok(db.query(sql::FRAMEWORKS).bind(LISTED_MAX).all().await?)
}

/// The catalogue of this key, with the official wording once that was imported.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(db: &Db, key: &str) -> Result<Arc<Catalog>, Error> {
    let live: Option<(FrameworkId,)> = db.query(sql::LIVE_FRAMEWORK).bind(key).optional().await?;
    let Some((id,)) = live else {
        return if key == R2 { Ok(BUILT_IN.clone()) } else { Err(Error::NotFound) };
    };
    let kept = || READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(catalog) = kept().get(id.as_str()) {
        return Ok(catalog.clone());
    }
    let body: String = db.query(sql::FRAMEWORK_BODY).bind(&id).scalar().await?;
    let catalog: Arc<Catalog> = Arc::new(serde_json::from_str(&body).context("read a catalogue")?);
    let mut kept = kept();
    if kept.len() >= KEPT_MAX {
        kept.clear();
    }
    kept.insert(id.to_string(), catalog.clone());
    Ok(catalog)
}
