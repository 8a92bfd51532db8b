//! Views: filters of the trail that somebody keeps under a name. Each is its owner's alone.
//! Must stay true: nobody finds a view but who keeps it; a filter may name people, so it lies sealed.

use serde::{Deserialize, Serialize};

use super::{DeleteView, Error, SaveView, sql};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{PersonId, ViewId};
use crate::db::{Db, DbError, Detail};
use crate::policy::Permit;
use crate::vault::Place;

/// Views of one person.
pub const VIEWS_MAX: i64 = 50;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 60;

/// What lies sealed of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// The filters as a query.
    pub query: String,
}

/// A view of somebody.
#[derive(Clone, Debug)]
pub struct View {
    /// Id.
    pub id: ViewId,
    /// Name and filters.
    pub kept: Kept,
}

crate::row! {
    struct Row { id: ViewId, sealed: Vec<u8> }
}

fn place(id: &ViewId) -> Place<'_> {
    Place { table: "saved_view", row: id.as_str(), column: "sealed" }
}

impl Row {
    /// None once its owner was erased.
    async fn open(self, db: &Db) -> Result<Option<View>, Fault> {
        match db.vault().unseal(&place(&self.id), &self.sealed).await {
            Ok(plain) => Ok(Some(View { kept: serde_json::from_slice(&plain).context("read a view")?, id: self.id })),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(Fault::with("open a view", error)),
        }
    }
}

/// Keeps a view; `detail` says of the filters what an entry may.
///
/// # Errors
/// [`Error::TooMany`].
pub async fn save(db: &Db, permit: Permit<SaveView>, owner: &PersonId, kept: &Kept, detail: Detail) -> Result<ViewId, Error> {
    let id = ViewId::new(db.clock(), db.rng());
    let plain = serde_json::to_vec(kept).context("write a view")?;
    let sealed = db.vault().seal(owner.as_str(), &place(&id), &plain).await.map_err(DbError::from)?;
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.query(sql::LOCK_VIEWS).execute().await?;
    let live: i64 = tx.query(sql::COUNT_VIEWS).bind(owner).scalar().await?;
    if live >= VIEWS_MAX {
        return Err(Error::TooMany);
    }
    tx.write(sql::INSERT_VIEW).bind(&id).bind(owner).bind(sealed).bind(now).execute().await?;
    tx.commit(permit, detail).await?;
    Ok(id)
}

/// Deletes a view.
///
/// # Errors
/// [`Error::NotFound`] when it is gone already.
pub async fn delete(db: &Db, permit: Permit<DeleteView>, owner: &PersonId, id: &ViewId) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::DELETE_VIEW).bind(id).bind(owner).bind(now).execute().await? != 1 {
        return Err(Error::NotFound);
    }
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

/// The views of somebody, newest first.
///
/// # Errors
/// When a database fails.
pub async fn of(db: &Db, owner: &PersonId) -> Result<Vec<View>, Error> {
    let rows: Vec<Row> = db.query(sql::VIEWS).bind(owner).all().await?;
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        out.extend(row.open(db).await?);
    }
    Ok(out)
}

/// One's own view of this id.
///
/// # Errors
/// [`Error::NotFound`], also when it is somebody else's.
pub async fn find(db: &Db, owner: &PersonId, id: &ViewId) -> Result<View, Error> {
    let row: Row = db.query(sql::VIEW).bind(id).bind(owner).optional().await?.ok_or(Error::NotFound)?;
    row.open(db).await?.ok_or(Error::NotFound)
}
