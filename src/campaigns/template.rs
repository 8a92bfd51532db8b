//! Templates and their versions.
//! Must stay true: a version is never changed; whoever makes the next one names the one they saw.

use sha2::{Digest as _, Sha256};

use super::{Error, MakeTemplate, NextTemplate, TEMPLATES_MAX, sql};
use crate::core::id::{PersonId, TemplateId};
use crate::core::text::fold;
use crate::db::{Db, DbError, Detail};
use crate::policy::{On, Permit, Resource};
use crate::repeat::{Once, Repeat};

crate::row! {
    /// A template with one of its versions.
    #[derive(Clone, Debug)]
    pub struct Template {
        /// Id.
        pub id: TemplateId,
        /// Its name.
        pub name: String,
        /// The version.
        pub version: i64,
        /// What it says.
        pub text: String,
        /// The name of who wrote it.
        pub author: String,
        /// When.
        pub changed_at: i64,
    }
}

impl Resource for Template {
    fn on(&self) -> On {
        On::one("template", &self.id)
    }
}

/// The hash of a text, as entries hold it.
#[must_use]
pub fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Makes a template.
///
/// # Errors
/// [`Error::Name`] when there is one of this name, whatever its case; [`Error::TooMany`].
pub async fn create(db: &Db, permit: Permit<MakeTemplate>, author: &PersonId, name: &str, text: &str) -> Result<TemplateId, Error> {
    Ok(create_once(db, permit, author, (name, text), None).await?.answer)
}

/// The same of a name and a text; a repeated request gets the first one's answer.
///
/// # Errors
/// As [`create`]; [`repeat::Error::OtherBody`](crate::repeat::Error::OtherBody).
pub async fn create_once(
    db: &Db,
    permit: Permit<MakeTemplate>,
    author: &PersonId,
    (name, text): (&str, &str),
    repeat: Option<&Repeat>,
) -> Result<Once<TemplateId>, Error> {
    let id = TemplateId::new(db.clock(), db.rng());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    let now = tx.now();
    tx.query(sql::LOCK_TEMPLATES).execute().await?;
    let there: i64 = tx.query(sql::COUNT_TEMPLATES).scalar().await?;
    if there >= TEMPLATES_MAX {
        return Err(Error::TooMany);
    }
    let insert = tx.write(sql::INSERT_TEMPLATE).bind(&id).bind(name).bind(fold(name)).bind(now).execute().await.map_err(DbError::from);
    if let Err(error) = insert {
        return Err(if error.is_unique() { Error::Name } else { error.into() });
    }
    tx.write(sql::INSERT_TEXT).bind(&id).bind(1_i64).bind(text).bind(author).bind(now).execute().await?;
    tx.commit(permit, Detail::ok().with("name", name).with("version", 1).with("text_sha256", sha256(text)).keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(id))
}

/// Makes the next version of a template. Campaigns keep the one they were made with.
///
/// # Errors
/// [`Error::State`] when somebody else made one meanwhile.
pub async fn next(db: &Db, permit: Permit<NextTemplate>, author: &PersonId, template: &Template, text: &str) -> Result<i64, Error> {
    let version = template.version + 1;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::NEXT_TEMPLATE).bind(&template.id).bind(template.version).bind(version).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.write(sql::INSERT_TEXT).bind(&template.id).bind(version).bind(text).bind(author).bind(now).execute().await?;
    tx.commit(permit, Detail::ok().with("version", version).with("text_sha256", sha256(text))).await?;
    Ok(version)
}

/// All templates with their newest versions, by name.
///
/// # Errors
/// When the database fails.
pub async fn templates(db: &Db) -> Result<Vec<Template>, Error> {
    Ok(db.query(sql::TEMPLATES).all().await?)
}

/// The newest version of a template.
///
/// # Errors
/// When the database fails.
pub async fn template(db: &Db, id: &TemplateId) -> Result<Option<Template>, Error> {
    Ok(db.query(sql::TEMPLATE).bind(id).optional().await?)
}

/// One version of a template.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn template_of(db: &Db, id: &TemplateId, version: i64) -> Result<Template, Error> {
    db.query(sql::TEMPLATE_OF).bind(id).bind(version).optional().await?.ok_or(Error::NotFound)
}

/// The newest twenty versions of a template, newest first.
///
/// # Errors
/// When the database fails.
pub async fn versions(db: &Db, id: &TemplateId) -> Result<Vec<Template>, Error> {
    Ok(db.query(sql::VERSIONS).bind(id).all().await?)
}
