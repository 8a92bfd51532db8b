//! Texts that are kept ready: replies that people put in by hand, and what is answered by itself to STOP, START and HELP.
//! Must stay true: what is answered by itself goes out in the name of who set it; whoever changes a reply names the version seen.

use sha2::{Digest as _, Sha256};

use super::{CANNED_MAX, ChangeCanned, Error, MakeCanned, RemoveCanned, SetAnswer, sql};
use crate::core::id::{CannedId, PersonId};
use crate::core::text::fold;
use crate::db::{Db, DbError, Detail};
use crate::policy::Permit;

crate::row! {
    /// A reply that is kept ready.
    #[derive(Clone, Debug)]
    pub struct Canned {
        /// Id.
        pub id: CannedId,
        /// Its name.
        pub name: String,
        /// What it says, with names in braces.
        pub text: String,
        /// Rises with every change.
        pub version: i64,
        /// When it was changed.
        pub changed_at: i64,
        /// The name of who changed it.
        pub author: String,
    }
}

crate::row! {
    /// What is answered by itself.
    #[derive(Clone, Debug)]
    pub struct Auto {
        /// To `stop`, `start` or `help`.
        pub kind: String,
        /// What; nothing when empty.
        pub text: String,
        /// When it was set.
        pub changed_at: i64,
        /// The name of who set it, and in whose name it goes out.
        pub author: String,
    }
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Makes a canned reply.
///
/// # Errors
/// [`Error::Name`] when there is one of this name, whatever its case; [`Error::TooMany`].
pub async fn create(db: &Db, permit: Permit<MakeCanned>, author: &PersonId, name: &str, text: &str) -> Result<CannedId, Error> {
    let id = CannedId::new(db.clock(), db.rng());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.query(sql::LOCK_CANNED).execute().await?;
    let there: i64 = tx.query(sql::COUNT_CANNED).scalar().await?;
    if there >= CANNED_MAX {
        return Err(Error::TooMany);
    }
    let insert = tx.write(sql::INSERT_CANNED).bind(&id).bind(name).bind(fold(name)).bind(text).bind(author).bind(now);
    taken(insert.execute().await.map_err(DbError::from))?;
    tx.commit(permit, Detail::ok().with("name", name).with("text_sha256", sha256(text))).await?;
    Ok(id)
}

fn taken(written: Result<u64, DbError>) -> Result<u64, Error> {
    written.map_err(|error| if error.is_unique() { Error::Name } else { error.into() })
}

/// Changes one from the version that was seen.
///
/// # Errors
/// [`Error::Name`]; [`Error::State`] when somebody else changed or removed it meanwhile.
pub async fn change(db: &Db, permit: Permit<ChangeCanned>, author: &PersonId, seen: (&CannedId, i64), name: &str, text: &str) -> Result<(), Error> {
    let permit = permit.naming(seen.0);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let write = tx.write(sql::EDIT_CANNED).bind(seen.0).bind(seen.1).bind(name).bind(fold(name)).bind(text).bind(author).bind(now);
    if taken(write.execute().await.map_err(DbError::from))? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok().with("name", name).with("version", seen.1 + 1).with("text_sha256", sha256(text))).await?;
    Ok(())
}

/// Removes one.
///
/// # Errors
/// [`Error::State`] when it is removed already.
pub async fn remove(db: &Db, permit: Permit<RemoveCanned>, id: &CannedId) -> Result<(), Error> {
    let permit = permit.naming(id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::REMOVE_CANNED).bind(id).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

/// All canned replies, by name.
///
/// # Errors
/// When the database fails.
pub async fn canned(db: &Db) -> Result<Vec<Canned>, Error> {
    Ok(db.query(sql::CANNED).all().await?)
}

/// One of them.
///
/// # Errors
/// When the database fails.
pub async fn named(db: &Db, id: &CannedId) -> Result<Option<Canned>, Error> {
    Ok(db.query(sql::CANNED_ONE).bind(id).optional().await?)
}

/// What is answered by itself, as far as somebody set it.
///
/// # Errors
/// When the database fails.
pub async fn answers(db: &Db) -> Result<Vec<Auto>, Error> {
    Ok(db.query(sql::ANSWERS).all().await?)
}

/// Sets what is answered by itself from now on, in the name of who sets it; an empty text answers nothing.
///
/// # Errors
/// When the database fails.
pub async fn set_answer(db: &Db, permit: Permit<SetAnswer>, by: &PersonId, kind: &'static str, text: &str) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.query(sql::LOCK_CANNED).execute().await?;
    if tx.write(sql::SET_ANSWER).bind(kind).bind(text).bind(by).bind(now).execute().await? == 0 {
        tx.write(sql::INSERT_ANSWER).bind(kind).bind(text).bind(by).bind(now).execute().await?;
    }
    tx.commit(permit, Detail::ok().with("kind", kind).with("text_sha256", sha256(text)).with("on", i64::from(!text.is_empty()))).await?;
    Ok(())
}
