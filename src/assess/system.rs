//! Systems, and the assessments of each.

use super::{CreateAssessment, CreateSystem, EditSystem, Error, NAME_CHARS_MAX, TEXT_CHARS_MAX, framework, sql};
use crate::core::fault::Fault;
use crate::core::id::{AssessmentId, PersonId, SystemId};
use crate::core::text::{Line, Paragraph, TextError};
use crate::db::{Db, DbError, Detail};
use crate::notices::Notice;
use crate::policy::Permit;
use crate::repeat::{Key, Once};

/// Systems, and assessments of one system, that are listed.
pub const LISTED_MAX: i64 = 200;
/// The template of the reminder that what does not apply has to be looked at again.
pub const SCOPE_CHANGED: &str = "scope_changed";
/// CAGE codes of one system.
pub const CAGE_CODES_MAX: usize = 50;
/// Characters of a CAGE code.
const CAGE_CHARS: usize = 5;

crate::row! {
    /// A system.
    #[derive(Clone, Debug, serde::Serialize)]
    pub struct System {
        /// Id.
        pub id: SystemId,
        /// What it is called.
        pub name: String,
        /// What belongs to it.
        pub scope: String,
        /// Where it ends.
        pub boundary: String,
        /// Its CAGE codes, with spaces between.
        pub cage_codes: String,
        /// Counts its changes.
        pub version: i64,
        /// When it was described.
        pub made_at: i64,
        /// When that was changed last.
        pub changed_at: i64,
    }
}

crate::row! {
    /// An assessment.
    #[derive(Clone, Debug)]
    pub struct Assessment {
        /// Id.
        pub id: AssessmentId,
        /// Of which system.
        pub system_id: SystemId,
        /// What that is called.
        pub system: String,
        /// By which framework.
        pub framework: String,
        /// What it is called.
        pub name: String,
        /// Who began it.
        pub made_by: String,
        /// When.
        pub made_at: i64,
    }
}

/// What is said of a system, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemText {
    /// What it is called.
    pub name: String,
    /// What belongs to it.
    #[serde(default)]
    pub scope: String,
    /// Where it ends.
    #[serde(default)]
    pub boundary: String,
    /// CAGE codes with spaces or commas between.
    #[serde(default)]
    pub cage_codes: String,
}

/// A text that may be empty.
pub(super) fn optional(field: &'static str, text: &str, chars_max: usize) -> Result<String, Error> {
    match Paragraph::parse(text, chars_max) {
        Ok(text) => Ok(text),
        Err(TextError::Empty) => Ok(String::new()),
        Err(error) => Err(Error::Text { field, error }),
    }
}

/// A name that is there.
pub(super) fn named(field: &'static str, text: &str) -> Result<String, Error> {
    Line::parse(text, NAME_CHARS_MAX).map_err(|error| Error::Text { field, error })
}

impl SystemText {
    /// The same, checked.
    ///
    /// # Errors
    /// [`Error::Text`], [`Error::Field`].
    pub fn checked(&self) -> Result<Self, Error> {
        let codes: Vec<String> = self.cage_codes.split([' ', ',', ';', '\n', '\r', '\t']).filter(|c| !c.is_empty()).map(str::to_ascii_uppercase).collect();
        let is_code = |c: &String| c.len() == CAGE_CHARS && c.bytes().all(|b| b.is_ascii_alphanumeric());
        if codes.len() > CAGE_CODES_MAX || !codes.iter().all(is_code) {
            return Err(Error::Field { field: "cage_codes", code: "cage-codes" });
        }
        Ok(Self {
            name: named("name", &self.name)?,
            scope: optional("scope", &self.scope, TEXT_CHARS_MAX)?,
            boundary: optional("boundary", &self.boundary, TEXT_CHARS_MAX)?,
            cage_codes: codes.join(" "),
        })
    }
}

/// Describes a system.
///
/// # Errors
/// [`Error::Text`], [`Error::Field`].
pub async fn create(db: &Db, permit: Permit<CreateSystem>, person: &PersonId, text: &SystemText, key: Option<Key>) -> Result<Once<SystemId>, Error> {
    let text = text.checked()?;
    let repeat = key.map(|key| key.with(db, &text)).transpose()?;
    let id = SystemId::new(db.clock(), db.rng());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = &repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    let now = tx.now();
    let insert = tx.write(sql::INSERT_SYSTEM).bind(&id).bind(&text.name).bind(&text.scope).bind(&text.boundary).bind(&text.cage_codes);
    insert.bind(person).bind(now).execute().await?;
    let detail = Detail::ok().with("cage_codes", text.cage_codes.as_str()).personal("name", &text.name);
    tx.commit(permit, detail.keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(id))
}

/// Changes what is said of a system that was seen at `version`.
///
/// # Errors
/// [`Error::Changed`] when somebody else changed it since.
pub async fn edit(db: &Db, permit: Permit<EditSystem>, system: &System, version: i64, text: &SystemText) -> Result<(), Error> {
    let text = text.checked()?;
    let permit = permit.naming(&system.id);
    let is_other = system.scope != text.scope || system.boundary != text.boundary;
    let notices = if is_other { reminders(db, &system.id, &text.name).await? } else { Vec::new() };
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let update = tx.write(sql::EDIT_SYSTEM).bind(&system.id).bind(version).bind(&text.name).bind(&text.scope).bind(&text.boundary);
    if update.bind(&text.cage_codes).bind(now).execute().await? != 1 {
        return Err(Error::Changed);
    }
    let mut detail = Detail::ok().with("version", version + 1);
    if is_other {
        detail = detail.with("reminded", i64::try_from(notices.len()).unwrap_or(i64::MAX));
    }
    for notice in notices {
        notice.insert(&mut tx).await?;
    }
    let fields = [("name", &system.name, &text.name), ("scope", &system.scope, &text.scope), ("boundary", &system.boundary, &text.boundary)];
    for (field, before, after) in fields.into_iter().filter(|(_, before, after)| before != after) {
        detail = detail.change(field, Some(before.as_str()), Some(after.as_str()));
    }
    if system.cage_codes != text.cage_codes {
        detail = detail.with("cage_codes", text.cage_codes.as_str());
    }
    tx.commit(permit, detail).await?;
    Ok(())
}

/// Reminders that what was found not to apply has to be looked at again.
async fn reminders(db: &Db, system: &SystemId, name: &str) -> Result<Vec<Notice>, Error> {
    let people: Vec<(PersonId,)> = db.query(sql::NOT_APPLYING).bind(system).all().await?;
    let mut out = Vec::with_capacity(people.len());
    for (person,) in people {
        match Notice::prepare(db, "any", &person, SCOPE_CHANGED, &[("system", name), ("path", &format!("/assess/systems/{system}"))]).await {
            // Deleted since they were listed.
            Err(DbError::Erased) => {}
            notice => out.push(notice?),
        }
    }
    Ok(out)
}

/// An assessment about to be made.
#[derive(Clone, Debug, serde::Serialize)]
pub struct NewAssessment<'a> {
    /// Of which system.
    pub system: &'a SystemId,
    /// By which framework.
    pub framework: &'a str,
    /// What it is called.
    pub name: &'a str,
}

/// Begins an assessment.
///
/// # Errors
/// [`Error::Text`]; [`Error::Field`] for a framework that is not there.
pub async fn begin(
    db: &Db,
    permit: Permit<CreateAssessment>,
    person: &PersonId,
    new: &NewAssessment<'_>,
    key: Option<Key>,
) -> Result<Once<AssessmentId>, Error> {
    let name = named("name", new.name)?;
    match framework::find(db, new.framework).await {
        Err(Error::NotFound) => return Err(Error::Field { field: "framework", code: "framework" }),
        found => drop(found?),
    }
    let repeat = key.map(|key| key.with(db, new)).transpose()?;
    let id = AssessmentId::new(db.clock(), db.rng());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = &repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    let now = tx.now();
    let made = tx.write(sql::INSERT_ASSESSMENT).bind(&id).bind(new.system).bind(new.framework).bind(&name).bind(person).bind(now).execute().await?;
    if made != 1 {
        return Err(Error::NotFound);
    }
    let detail = Detail::ok().with("system", new.system.as_str()).with("framework", new.framework).personal("name", &name);
    tx.commit(permit, detail.keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(id))
}

/// All systems, by name.
///
/// # Errors
/// When the database fails.
pub async fn systems(db: &Db) -> Result<Vec<System>, Error> {
    Ok(db.query(sql::SYSTEMS).bind(LISTED_MAX).all().await?)
}

/// The system of this id.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &SystemId) -> Result<Option<System>, Fault> {
    use crate::core::fault::Context as _;
    db.query(sql::SYSTEM).bind(id).optional().await.context("find a system")
}

/// Assessments, newest first: of one system, or of all.
///
/// # Errors
/// When the database fails.
pub async fn assessments(db: &Db, of: Option<&SystemId>) -> Result<Vec<Assessment>, Error> {
    let query = match of {
        Some(system) => db.query(sql::ASSESSMENTS_OF).bind(system),
        None => db.query(sql::ASSESSMENTS),
    };
    Ok(query.bind(LISTED_MAX).all().await?)
}

/// The assessment of this id.
///
/// # Errors
/// When the database fails.
pub async fn assessment(db: &Db, id: &AssessmentId) -> Result<Option<Assessment>, Fault> {
    use crate::core::fault::Context as _;
    db.query(sql::ASSESSMENT).bind(id).optional().await.context("find an assessment")
}
