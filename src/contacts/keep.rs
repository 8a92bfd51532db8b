//! Making, changing and merging contacts.
//! Must stay true: the number of a contact never changes, since consents and stops hang on it; a change names the version it
//! was made from, and whoever comes second hears so.

use serde::{Deserialize, Serialize};

use super::card::Card;
use super::{Contact, Create, Edit, Error, Merge, index_of, list, name_index, place, sql};
use crate::core::fault::Context as _;
use crate::core::id::{ContactId, ImportId};
use crate::core::number::Number;
use crate::db::{Db, Detail, Tx};
use crate::policy::{Act, Permit};
use crate::repeat::{Once, Repeat};
use crate::vault::DataKey;

/// What somebody is told who made a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Its id.
    pub id: ContactId,
    /// Its version.
    pub version: i64,
}

/// Makes a contact. A repeated request gets the first one's answer.
///
/// # Errors
/// [`Error::Exists`] with the contact that has the number.
pub async fn create(db: &Db, permit: Permit<Create>, number: &Number, card: &Card, repeat: Option<&Repeat>) -> Result<Once<Made>, Error> {
    let id = ContactId::new(db.clock(), db.rng());
    let number_ix = index_of(db, number.e164());
    let subject = format!("num_{number_ix}");
    let plain = serde_json::to_vec(card).context("write a contact")?;
    let sealed = db.vault().seal(&subject, &place(&id), &plain).await.map_err(crate::db::DbError::from)?;
    let permit = permit.naming(&id).about(&subject);
    let made = Made { id: id.clone(), version: 1 };
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = repeat
        && !repeat.keep(&mut tx, &made).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    let there: Option<(ContactId,)> = tx.query(sql::ID_OF_NUMBER).bind(&number_ix).optional().await?;
    if let Some((there,)) = there {
        return Err(Error::Exists(there));
    }
    let now = tx.now();
    let insert = tx.write(sql::INSERT).bind(&id).bind(None::<String>).bind(&number_ix).bind(name_index(db, &card.name)).bind(number.masked());
    let insert = insert.bind(number.region()).bind(zone(card)).bind(sealed).bind(now).execute().await;
    if let Err(error) = insert {
        let error = crate::db::DbError::from(error);
        if !error.is_unique() {
            return Err(error.into());
        }
        // Made by another request between the look and the write.
        drop(tx);
        let there: Option<(ContactId,)> = db.query(sql::ID_OF_NUMBER).bind(&number_ix).optional().await?;
        return Err(there.map_or(Error::State, |(there,)| Error::Exists(there)));
    }
    tags(&mut tx, &id, card, false).await?;
    let detail = Detail::ok().with("region", number.region()).personal("number", number.e164()).personal("name", &card.name);
    tx.commit(permit, detail.keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(made))
}

fn zone(card: &Card) -> Option<String> {
    (!card.zone.is_empty()).then(|| card.zone.clone())
}

/// The tags lie sealed in the card; beside it they are found.
async fn tags<A: Act>(tx: &mut Tx<A>, id: &ContactId, card: &Card, anew: bool) -> Result<(), Error> {
    if anew {
        tx.query(sql::UNTAG).bind(id).execute().await?;
    }
    for tag in &card.tags {
        tx.query(sql::TAG).bind(tag).bind(id).execute().await?;
    }
    Ok(())
}

/// Makes a contact of a row of an import, in the import's own transaction.
///
/// # Errors
/// When the database fails.
pub(super) async fn insert<A: Act>(tx: &mut Tx<A>, row: &Row<'_>) -> Result<ContactId, Error> {
    let id = ContactId::new(row.db.clock(), row.db.rng());
    let plain = serde_json::to_vec(row.card).context("write a contact")?;
    let sealed = row.key.seal(&place(&id), &plain, row.db.rng());
    let now = tx.now();
    let insert = tx.write(sql::INSERT).bind(&id).bind(Some(row.import.to_string())).bind(row.number_ix).bind(name_index(row.db, &row.card.name));
    let insert = insert.bind(row.number.masked()).bind(row.number.region()).bind(zone(row.card)).bind(sealed).bind(now);
    insert.execute().await?;
    tags(tx, &id, row.card, false).await?;
    Ok(id)
}

/// A row of an import that becomes a contact.
pub(super) struct Row<'a> {
    pub db: &'a Db,
    pub import: &'a ImportId,
    pub number: &'a Number,
    pub number_ix: &'a str,
    pub card: &'a Card,
    pub key: &'a DataKey,
}

/// Changes a contact from `version` on. Gives the new version.
///
/// # Errors
/// [`Error::State`] when it has another version by now.
pub async fn edit(db: &Db, permit: Permit<Edit>, contact: &Contact, version: i64, card: &Card) -> Result<i64, Error> {
    let before = contact.card(db).await?.ok_or(Error::Db(crate::db::DbError::Erased))?;
    let card = Card { number: before.number.clone(), ..card.clone() };
    let plain = serde_json::to_vec(&card).context("write a contact")?;
    let sealed = db.vault().seal(&contact.subject(), &place(&contact.id), &plain).await.map_err(crate::db::DbError::from)?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let written = tx.write(sql::EDIT).bind(&contact.id).bind(version).bind(name_index(db, &card.name)).bind(zone(&card)).bind(sealed).bind(now);
    if written.execute().await? != 1 {
        return Err(Error::State);
    }
    tags(&mut tx, &contact.id, &card, true).await?;
    tx.commit(permit, changes(Detail::ok().with("version", version + 1), &before, &card)).await?;
    Ok(version + 1)
}

/// What an entry says of a change: only what is different.
fn changes(mut detail: Detail, before: &Card, after: &Card) -> Detail {
    let lines = [
        ("name", before.name.clone(), after.name.clone()),
        ("zone", before.zone.clone(), after.zone.clone()),
        ("postal", before.postal.clone(), after.postal.clone()),
        ("tags", before.tag_line(), after.tag_line()),
        ("fields", before.field_lines(), after.field_lines()),
    ];
    for (field, before, after) in lines.iter().filter(|(_, before, after)| before != after) {
        detail = detail.change(field, Some(before), Some(after));
    }
    detail
}

/// Retires `gone`: `contact` takes its place in every list and learns what it does not know. Consents and stops stay with the
/// number they belong to.
///
/// # Errors
/// [`Error::State`] when either was changed meanwhile, or both are one.
pub async fn merge(db: &Db, permit: Permit<Merge>, contact: &Contact, version: i64, gone: &Contact) -> Result<(), Error> {
    if contact.id == gone.id || contact.merged_into.is_some() {
        return Err(Error::State);
    }
    let before = contact.card(db).await?.ok_or(Error::Db(crate::db::DbError::Erased))?;
    let other = gone.card(db).await?.unwrap_or_default();
    let mut card = before.clone();
    card.fill_from(&other);
    let plain = serde_json::to_vec(&card).context("write a contact")?;
    let sealed = db.vault().seal(&contact.subject(), &place(&contact.id), &plain).await.map_err(crate::db::DbError::from)?;
    let theirs = list::lists_of(db, &gone.id).await?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let written = tx.write(sql::EDIT).bind(&contact.id).bind(version).bind(name_index(db, &card.name)).bind(zone(&card)).bind(sealed).bind(now);
    let written = written.execute().await?;
    let retired = tx.write(sql::RETIRE).bind(&gone.id).bind(gone.version).bind(&contact.id).bind(now).execute().await?;
    if (written, retired) != (1, 1) {
        return Err(Error::State);
    }
    tags(&mut tx, &contact.id, &card, true).await?;
    for of in &theirs {
        list::put(&mut tx, &of.id, &contact.id, None).await?;
    }
    let detail = changes(Detail::ok().with("gone", gone.id.as_str()).with("version", version + 1), &before, &card);
    let lists: Vec<_> = theirs.iter().map(|l| l.id.as_str()).collect();
    tx.commit(permit, detail.with("lists", lists.join(" "))).await?;
    Ok(())
}

/// The contact of this id.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: &ContactId) -> Result<Option<Contact>, Error> {
    Ok(db.query(sql::BY_ID).bind(id).optional().await?)
}
