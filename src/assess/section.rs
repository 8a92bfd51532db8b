//! Sections of a system security plan: what holds for the whole system, and of each requirement how it is implemented.
//! Must stay true: a plan belongs to a system under a framework, so that its next assessment finds it written; nobody overwrites
//! what they have not seen.

use super::system::{Assessment, optional};
use super::{Error, NAME_CHARS_MAX, TEXT_CHARS_MAX, WriteSection, sql};
use crate::catalog::Catalog;
use crate::core::id::{PersonId, SystemId};
use crate::core::text::{Line, TextError};
use crate::db::{Db, DbError, Detail};
use crate::policy::Permit;

/// The sections that are of no single requirement, in their order (SP 800-171, 3.12.4).
pub const GENERAL: [&str; 4] = ["environment", "connections", "responsibilities", "upkeep"];

crate::row! {
    /// A section that was written.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Section {
        /// A word of [`GENERAL`], or a requirement's id.
        pub section: String,
        /// What it says.
        pub body: String,
        /// Who answers for it: a role or a team.
        pub responsible: String,
        /// Counts its changes.
        pub version: i64,
        /// Who wrote it last.
        pub changed_by: String,
        /// When.
        pub changed_at: i64,
    }
}

/// What a section is to say, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SectionText {
    /// What it says.
    #[serde(default)]
    pub text: String,
    /// Who answers for it: a role or a team.
    #[serde(default)]
    pub responsible: String,
}

impl SectionText {
    fn checked(&self) -> Result<Self, Error> {
        let responsible = match Line::parse(&self.responsible, NAME_CHARS_MAX) {
            Ok(line) => line,
            Err(TextError::Empty) => String::new(),
            Err(error) => return Err(Error::Text { field: "responsible", error }),
        };
        Ok(Self { text: optional("text", &self.text, TEXT_CHARS_MAX)?, responsible })
    }
}

/// Is there such a section under this framework?
#[must_use]
pub fn is_one(catalog: &Catalog, section: &str) -> bool {
    GENERAL.contains(&section) || catalog.requirement(section).is_some()
}

/// Every section that was written.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &Db, system: &SystemId, framework: &str) -> Result<Vec<Section>, Error> {
    Ok(db.query(sql::SECTIONS).bind(system).bind(framework).all().await?)
}

/// One of them; none when nobody wrote it yet.
///
/// # Errors
/// When the database fails.
pub async fn one(db: &Db, of: &Assessment, section: &str) -> Result<Option<Section>, Error> {
    Ok(db.query(sql::SECTION).bind(&of.system_id).bind(&of.framework).bind(section).optional().await?)
}

/// Writes a section that was seen as `before`.
///
/// # Errors
/// [`Error::Text`]; [`Error::Changed`] when it is not so any more.
pub async fn write(
    db: &Db,
    permit: Permit<WriteSection>,
    person: &PersonId,
    (of, section): (&Assessment, &str),
    seen: i64,
    before: Option<&Section>,
    text: &SectionText,
) -> Result<i64, Error> {
    let text = text.checked()?;
    if before.map_or(0, |b| b.version) != seen {
        return Err(Error::Changed);
    }
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let write = tx.write(if seen == 0 { sql::INSERT_SECTION } else { sql::EDIT_SECTION }).bind(&of.system_id).bind(&of.framework).bind(section);
    let write = write.bind(&text.text).bind(&text.responsible).bind(person).bind(now);
    let done = if seen == 0 { write.execute().await } else { write.bind(seen).execute().await };
    match done {
        Ok(1) => {}
        Ok(_) => return Err(Error::Changed),
        Err(error) => {
            let error = DbError::from(error);
            return Err(if error.is_unique() { Error::Changed } else { error.into() });
        }
    }
    let mut detail = Detail::ok().with("assessment", of.id.as_str()).with("system", of.system_id.as_str()).with("framework", of.framework.as_str());
    detail = detail.with("section", section).with("version", seen + 1);
    let (was, by) = before.map_or(("", ""), |b| (b.body.as_str(), b.responsible.as_str()));
    for (field, before, after) in [("text", was, &text.text), ("responsible", by, &text.responsible)] {
        if before != after {
            detail = detail.change(field, Some(before), Some(after.as_str()));
        }
    }
    tx.commit(permit, detail).await?;
    Ok(seen + 1)
}
