//! Corrections, which keep what was there before; notes; and the destruction of a record by hand.
//! Must stay true: an answer is never overwritten; what a person of the staff writes lies under the record's key too.

use super::hear::person_of;
use super::{Correct, Erase, Error, Note, Record, end, merge, seal, seal_value, sql};
use crate::core::id::{NoteId, PersonId};
use crate::db::{Db, DbError, Detail};
use crate::flow::Flow;
use crate::policy::Permit;
use crate::vault::Place;

/// What a field should say, and why.
#[derive(Clone, Copy, Debug)]
pub struct Correction<'a> {
    /// The field.
    pub field: &'a str,
    /// What it should say.
    pub text: &'a str,
    /// In the words of who corrects it.
    pub why: &'a str,
}

/// Is it there, and its own?
pub(super) fn still(record: &Record) -> Result<(), Error> {
    match () {
        () if !record.is_there() => Err(Error::Gone),
        () if record.merged_into.is_some() => Err(Error::Merged),
        () => Ok(()),
    }
}

/// Corrects a field from the version that was seen. What it was stays as an older version.
///
/// # Errors
/// [`Error::Answer`] with what is wrong; [`Error::Changed`] when somebody else was first; [`Error::Gone`].
pub async fn correct(db: &Db, permit: Permit<Correct>, flow: &Flow, record: &Record, by: &PersonId, correction: Correction<'_>) -> Result<(), Error> {
    let Correction { field, text, why } = correction;
    still(record)?;
    let question = flow.question(field).ok_or(Error::NotFound)?;
    let wrong = |key| Error::Answer(field.to_owned(), key);
    let value = flow.read(question, &record.language, text, super::day(db.clock().now())).map_err(wrong)?;
    let version = record.version + 1;
    let brief = seal(db, &record.id, "brief", &record.brief(db).await?.with(question.kind, &value)).await?;
    let sealed = seal_value(db, &record.id, field, version, &value).await?;
    let person = person_of(db, flow, &record.id, field, &value).await?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let written = tx.write(sql::CORRECT).bind(&record.id).bind(record.version).bind(Some(brief)).bind(person).bind(now).execute().await?;
    if written != 1 {
        return Err(Error::Changed);
    }
    let insert = tx.write(sql::INSERT_VALUE).bind(&record.id).bind(field).bind(version).bind(Some(sealed));
    insert.bind(super::by(Some(by))).bind(now).execute().await?;
    tx.commit(permit, Detail::ok().with("field", field).with("version", version).personal("reason", why)).await?;
    Ok(())
}

/// Writes a note. The entry says that there is one, and how long.
///
/// # Errors
/// [`Error::Gone`].
pub async fn note(db: &Db, permit: Permit<Note>, record: &Record, by: &PersonId, text: &str) -> Result<NoteId, Error> {
    still(record)?;
    let id = NoteId::new(db.clock(), db.rng());
    let place = Place { table: "intake_note", row: id.as_str(), column: "sealed" };
    let sealed = db.vault().seal_padded(record.id.as_str(), &place, text.as_bytes()).await.map_err(DbError::from)?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::IS_THERE).bind(&record.id).bind(now).execute().await? != 1 {
        return Err(Error::Gone);
    }
    tx.write(sql::INSERT_NOTE).bind(&id).bind(&record.id).bind(Some(sealed)).bind(by).bind(now).execute().await?;
    tx.commit(permit, Detail::ok().with("note", id.as_str())).await?;
    Ok(id)
}

/// Destroys a record; one that went into another only when that one is gone.
///
/// # Errors
/// [`Error::Merged`], and as [`end::shred`].
pub async fn erase(db: &Db, permit: Permit<Erase>, record: &Record, why: &str) -> Result<(), Error> {
    if record.is_there() && merge::whole(db, record.clone()).await?.id != record.id {
        return Err(Error::Merged);
    }
    end::shred_with(db, permit, record, "erased", "staff", Detail::ok().personal("reason", why)).await
}
