//! Lists of contacts; a contact may be on many.
//! Must stay true: who was taken off a list stays known as such, and comes back only by an act that says so.

use super::{AddTo, Contact, Error, LISTS_MAX, MakeList, RemoveFrom, list_subject, sql};
use crate::core::id::{ContactId, ImportId, ListId};
use crate::core::text::fold;
use crate::db::{Db, DbError, Detail, Tx};
use crate::policy::{Act, On, Permit, Resource};
use crate::repeat::{Once, Repeat};

crate::row! {
    /// A list.
    #[derive(Clone, Debug)]
    pub struct List {
        /// Id.
        pub id: ListId,
        /// Its name.
        pub name: String,
        /// When made.
        pub made_at: i64,
    }
}

impl Resource for List {
    fn on(&self) -> On {
        list_subject(&self.id)
    }
}

/// Makes a list.
///
/// # Errors
/// [`Error::Name`] when there is one of this name, whatever its case; [`Error::TooMany`].
pub async fn create(db: &Db, permit: Permit<MakeList>, name: &str, repeat: Option<&Repeat>) -> Result<Once<ListId>, Error> {
    let id = ListId::new(db.clock(), db.rng());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    let now = tx.now();
    tx.query(sql::LOCK_LISTS).execute().await?;
    let there: i64 = tx.query(sql::COUNT_LISTS).scalar().await?;
    if there >= LISTS_MAX {
        return Err(Error::TooMany);
    }
    let insert = tx.write(sql::INSERT_LIST).bind(&id).bind(name).bind(fold(name)).bind(now).execute().await.map_err(DbError::from);
    if let Err(error) = insert {
        return Err(if error.is_unique() { Error::Name } else { error.into() });
    }
    tx.commit(permit, Detail::ok().with("name", name).keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(id))
}

/// Puts a contact on a list; nothing happens when it is there.
///
/// # Errors
/// [`Error::State`] when the contact was merged into another.
pub async fn add(db: &Db, permit: Permit<AddTo>, list: &List, contact: &Contact) -> Result<(), Error> {
    if contact.merged_into.is_some() {
        return Err(Error::State);
    }
    let mut tx = db.begin(&permit).await?;
    let changed = put(&mut tx, &list.id, &contact.id, None).await?;
    tx.commit(permit, Detail::ok().with("contact", contact.id.as_str()).with("changed", i64::from(changed))).await?;
    Ok(())
}

/// Puts a contact on a list in a transaction; false when it was there.
pub(super) async fn put<A: Act>(tx: &mut Tx<A>, list: &ListId, contact: &ContactId, import: Option<&ImportId>) -> Result<bool, Error> {
    let now = tx.now();
    let there: Option<(i64,)> = tx.query(sql::MEMBER).bind(list).bind(contact).optional().await?;
    match there {
        Some((1,)) => Ok(false),
        Some(_) => {
            tx.write(sql::MEMBER_AGAIN).bind(list).bind(contact).bind(now).bind(import.cloned()).execute().await?;
            Ok(true)
        }
        None => {
            tx.write(sql::INSERT_MEMBER).bind(list).bind(contact).bind(import.cloned()).bind(now).execute().await?;
            Ok(true)
        }
    }
}

/// Takes a contact off a list.
///
/// # Errors
/// [`Error::State`] when it is not on it (any more).
pub async fn remove(db: &Db, permit: Permit<RemoveFrom>, list: &List, contact: &Contact) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::REMOVE_MEMBER).bind(&list.id).bind(&contact.id).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok().with("contact", contact.id.as_str())).await?;
    Ok(())
}

/// All lists, by name.
///
/// # Errors
/// When the database fails.
pub async fn lists(db: &Db) -> Result<Vec<List>, Error> {
    Ok(db.query(sql::LISTS).all().await?)
}

/// The list of this id.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, id: &ListId) -> Result<Option<List>, Error> {
    Ok(db.query(sql::LIST).bind(id).optional().await?)
}

/// The lists a contact is on, by name.
///
/// # Errors
/// When the database fails.
pub async fn lists_of(db: &Db, contact: &ContactId) -> Result<Vec<List>, Error> {
    Ok(db.query(sql::LISTS_OF).bind(contact).all().await?)
}
