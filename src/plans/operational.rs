//! Operational plans of action: a requirement was in place, something of it fails for a time, and it is mended. Without a
//! deadline of the regulation, and no part of a plan of action and milestones.

use jiff::civil::Date;

use super::{AddOperational, EACH_MAX, EditOperational, Error, Resolve, optional, said, sql};
use crate::core::id::{OperationalId, PersonId, SystemId};
use crate::core::text::Line;
use crate::db::{Db, Detail};
use crate::policy::Permit;

/// Characters of a requirement's id.
const REQUIREMENT_CHARS_MAX: usize = 40;

crate::row! {
    /// An operational plan.
    #[derive(Clone, Debug)]
    pub struct Operational {
        /// Id.
        pub id: OperationalId,
        /// Of which system.
        pub system_id: SystemId,
        /// Which requirement.
        pub requirement: String,
        /// What fails.
        pub deficiency: String,
        /// What is done about it.
        pub remediation: String,
        /// Whose work it is.
        pub owner_id: Option<PersonId>,
        /// The name they are shown by.
        pub owner: Option<String>,
        /// Since which day.
        pub opened_on: String,
        /// How it was mended.
        pub resolution: String,
        /// When that was said.
        pub resolved_at: Option<i64>,
        /// Counts its changes.
        pub version: i64,
        /// When it was changed last.
        pub changed_at: i64,
    }
}

/// What is said of one, as typed.
#[derive(Clone, Debug, Default)]
pub struct OperationalText {
    /// What fails.
    pub deficiency: String,
    /// What is done about it.
    pub remediation: String,
    /// Whose work it is.
    pub owner: Option<PersonId>,
}

impl OperationalText {
    fn checked(&self) -> Result<Self, Error> {
        let (deficiency, remediation) = (said("deficiency", &self.deficiency)?, optional("remediation", &self.remediation)?);
        Ok(Self { deficiency, remediation, owner: self.owner.clone() })
    }

    fn detail(&self, system: &SystemId) -> Detail {
        Detail::ok().with("system", system.as_str()).with("owner", self.owner.as_ref().map_or("none", PersonId::as_str))
    }
}

/// Writes an operational plan for a system.
///
/// # Errors
/// [`Error::Text`]; [`Error::Field`] for a day that is to come; [`Error::State`] when there are too many.
pub async fn add(
    db: &Db,
    permit: Permit<AddOperational>,
    person: &PersonId,
    system: &SystemId,
    (requirement, opened_on, today): (&str, Date, Date),
    text: &OperationalText,
) -> Result<OperationalId, Error> {
    let text = text.checked()?;
    let requirement = Line::parse(requirement, REQUIREMENT_CHARS_MAX).map_err(|error| Error::Text { field: "requirement", error })?;
    if opened_on > today {
        return Err(Error::Field { field: "opened_on", code: "day-to-come" });
    }
    let id = OperationalId::new(db.clock(), db.rng());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let there: i64 = tx.query(sql::COUNT_OPERATIONAL).bind(system).scalar().await?;
    if there >= EACH_MAX {
        return Err(Error::State);
    }
    let insert = tx.write(sql::INSERT_OPERATIONAL).bind(&id).bind(system).bind(&requirement).bind(&text.deficiency).bind(&text.remediation);
    insert.bind(text.owner.clone()).bind(opened_on.to_string()).bind(person).bind(now).execute().await?;
    let detail = text.detail(system).with("requirement", requirement).with("opened_on", opened_on.to_string());
    tx.commit(permit, detail.personal("deficiency", &text.deficiency)).await?;
    Ok(id)
}

/// Changes one that was seen at `version`.
///
/// # Errors
/// [`Error::Changed`] when somebody else changed it since, or when it is mended.
pub async fn edit(db: &Db, permit: Permit<EditOperational>, plan: &Operational, version: i64, text: &OperationalText) -> Result<(), Error> {
    let text = text.checked()?;
    let permit = permit.naming(&plan.id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let update = tx.write(sql::EDIT_OPERATIONAL).bind(&plan.id).bind(version).bind(&text.deficiency).bind(&text.remediation);
    if update.bind(text.owner.clone()).bind(now).execute().await? != 1 {
        return Err(Error::Changed);
    }
    let mut detail = text.detail(&plan.system_id).with("version", version + 1);
    for (field, before, after) in [("deficiency", &plan.deficiency, &text.deficiency), ("remediation", &plan.remediation, &text.remediation)] {
        if before != after {
            detail = detail.change(field, Some(before.as_str()), Some(after.as_str()));
        }
    }
    tx.commit(permit, detail).await?;
    Ok(())
}

/// Says that it is mended, and how.
///
/// # Errors
/// [`Error::Text`]; [`Error::Changed`] when somebody else changed it since.
pub async fn resolve(db: &Db, permit: Permit<Resolve>, plan: &Operational, version: i64, resolution: &str) -> Result<(), Error> {
    let resolution = said("resolution", resolution)?;
    let permit = permit.naming(&plan.id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::RESOLVE).bind(&plan.id).bind(version).bind(&resolution).bind(now).execute().await? != 1 {
        return Err(Error::Changed);
    }
    let detail = Detail::ok().with("system", plan.system_id.as_str()).with("requirement", plan.requirement.as_str());
    tx.commit(permit, detail.personal("resolution", &resolution)).await?;
    Ok(())
}

/// Those of a system, newest first.
///
/// # Errors
/// When the database fails.
pub async fn of(db: &Db, system: &SystemId) -> Result<Vec<Operational>, Error> {
    Ok(db.query(sql::OPERATIONAL).bind(system).bind(EACH_MAX).all().await?)
}

/// The one of this id.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &OperationalId) -> Result<Option<Operational>, Error> {
    Ok(db.query(sql::ONE_OPERATIONAL).bind(id).optional().await?)
}
