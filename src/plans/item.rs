//! Items of a plan of action and milestones: one for each requirement that is not met and may wait.
//! Must stay true: no item for what 32 CFR 170.21 keeps off a plan; none leaves it while a conditional status rests on it.

use jiff::civil::Date;

use super::{Add, EACH_MAX, Edit, Error, MILESTONES_MAX, Remove, optional, said, sql};
use crate::assess::web::Known;
use crate::catalog::{Catalog, poam};
use crate::core::id::{AssessmentId, PersonId, PlanId};
use crate::core::text::Line;
use crate::db::{Db, DbError, Detail};
use crate::policy::Permit;
use crate::repeat::{Key, Once};

/// Characters of what a milestone is.
const MILESTONE_CHARS_MAX: usize = 200;

crate::row! {
    /// An item.
    #[derive(Clone, Debug)]
    pub struct Item {
        /// Id.
        pub id: PlanId,
        /// Of which assessment.
        pub assessment_id: AssessmentId,
        /// Which requirement.
        pub requirement: String,
        /// What is missing.
        pub weakness: String,
        /// A word of [`Risk`].
        pub risk: String,
        /// What is done about it.
        pub remediation: String,
        /// Lines of milestones.
        pub milestones: String,
        /// Whose work it is.
        pub owner_id: Option<PersonId>,
        /// The name they are shown by.
        pub owner: Option<String>,
        /// The day it is to be done.
        pub due_on: Option<String>,
        /// Counts its changes.
        pub version: i64,
        /// When it was changed last.
        pub changed_at: i64,
    }
}

/// How much is at stake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Little.
    Low,
    /// Some.
    #[default]
    Moderate,
    /// Much.
    High,
}

impl Risk {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Low, Self::Moderate, Self::High];

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
        }
    }
}

impl std::str::FromStr for Risk {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|r| r.name() == name).ok_or(())
    }
}

/// A milestone: `2026-03-31 the module is ordered`, with `x` between once it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Milestone {
    /// By when.
    pub due_on: Date,
    /// It is reached.
    pub done: bool,
    /// What.
    pub what: String,
}

/// Reads milestones, one a line.
///
/// # Errors
/// [`Error::Field`] for a line without a day or a text, and for too many.
pub fn milestones(text: &str) -> Result<Vec<Milestone>, Error> {
    let wrong = || Error::Field { field: "milestones", code: "milestones" };
    let mut out = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (day, rest) = line.split_once(' ').ok_or_else(wrong)?;
        let rest = rest.trim_start();
        let (done, what) = rest.strip_prefix("x ").map_or((false, rest), |what| (true, what));
        let what = Line::parse(what, MILESTONE_CHARS_MAX).map_err(|_| wrong())?;
        out.push(Milestone { due_on: day.parse().map_err(|_| wrong())?, done, what });
        if out.len() > MILESTONES_MAX {
            return Err(wrong());
        }
    }
    out.sort_by_key(|m| m.due_on);
    Ok(out)
}

/// Milestones as they are kept and typed.
#[must_use]
pub fn lines(milestones: &[Milestone]) -> String {
    milestones.iter().map(|m| format!("{} {}{}", m.due_on, if m.done { "x " } else { "" }, m.what)).collect::<Vec<_>>().join("\n")
}

/// What is said of an item, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ItemText {
    /// What is missing.
    pub weakness: String,
    /// How much is at stake.
    pub risk: Risk,
    /// What is done about it.
    pub remediation: String,
    /// Milestones, one a line.
    pub milestones: String,
    /// Whose work it is.
    pub owner: Option<PersonId>,
    /// The day it is to be done.
    pub due_on: Option<Date>,
}

impl ItemText {
    fn checked(&self) -> Result<Self, Error> {
        Ok(Self {
            weakness: said("weakness", &self.weakness)?,
            remediation: optional("remediation", &self.remediation)?,
            milestones: lines(&milestones(&self.milestones)?),
            ..self.clone()
        })
    }

    fn detail(&self, requirement: &str) -> Detail {
        let detail = Detail::ok().with("requirement", requirement).with("risk", self.risk.name());
        let detail = detail.with("owner", self.owner.as_ref().map_or("none", PersonId::as_str));
        detail.with("due_on", self.due_on.map_or_else(|| "none".to_owned(), |d| d.to_string()))
    }
}

/// Puts a requirement on the plan of an assessment.
///
/// # Errors
/// [`Error::Illegal`] with the citation; [`Error::Unfit`] for one that nobody assessed; [`Error::State`] when it is on it already.
pub async fn add(
    db: &Db,
    permit: Permit<Add>,
    person: &PersonId,
    (assessment, catalog): (&AssessmentId, &Catalog),
    requirement: &str,
    text: &ItemText,
    key: Option<Key>,
) -> Result<Once<PlanId>, Error> {
    let text = text.checked()?;
    let found = catalog.requirement(requirement).ok_or(Error::Field { field: "requirement", code: "plan-requirement" })?;
    let known = Known::of(db, assessment).await?;
    let status = known.whole(catalog).claimed().get(requirement).copied();
    if !catalog.is_scored() {
        return Err(Error::Unfit { code: "plan-framework", requirement: requirement.to_owned(), citation: "32 CFR 170.21(a)(2)" });
    }
    poam::may_hold(found, status).map_err(Error::Illegal)?;
    if status.is_none() {
        return Err(Error::Unfit { code: "plan-unassessed", requirement: requirement.to_owned(), citation: "32 CFR 170.24(b)" });
    }
    let repeat = key.map(|key| key.with(db, &(assessment, requirement, &text))).transpose()?;
    let id = PlanId::new(db.clock(), db.rng());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = &repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    let now = tx.now();
    let there: i64 = tx.query(sql::COUNT_ITEMS).bind(assessment).scalar().await?;
    let same: i64 = tx.query(sql::HAS_ITEM).bind(assessment).bind(requirement).scalar().await?;
    if there >= EACH_MAX || same > 0 {
        return Err(Error::State);
    }
    let insert = tx.write(sql::INSERT_ITEM).bind(&id).bind(assessment).bind(requirement).bind(&text.weakness).bind(text.risk.name());
    let insert = insert.bind(&text.remediation).bind(&text.milestones).bind(text.owner.clone()).bind(text.due_on.map(|d| d.to_string()));
    if let Err(error) = insert.bind(person).bind(now).execute().await {
        let error = DbError::from(error);
        return Err(if error.is_unique() { Error::State } else { error.into() });
    }
    let detail = text.detail(requirement).with("assessment", assessment.as_str()).personal("weakness", &text.weakness);
    tx.commit(permit, detail.keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(id))
}

/// Changes an item that was seen at `version`.
///
/// # Errors
/// [`Error::Changed`] when somebody else changed it since.
pub async fn edit(db: &Db, permit: Permit<Edit>, item: &Item, version: i64, text: &ItemText) -> Result<(), Error> {
    let text = text.checked()?;
    let permit = permit.naming(&item.id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let update = tx.write(sql::EDIT_ITEM).bind(&item.id).bind(version).bind(&text.weakness).bind(text.risk.name()).bind(&text.remediation);
    let update = update.bind(&text.milestones).bind(text.owner.clone()).bind(text.due_on.map(|d| d.to_string()));
    if update.bind(now).execute().await? != 1 {
        return Err(Error::Changed);
    }
    let mut detail = text.detail(&item.requirement).with("assessment", item.assessment_id.as_str()).with("version", version + 1);
    let fields = [
        ("weakness", &item.weakness, &text.weakness),
        ("remediation", &item.remediation, &text.remediation),
        ("milestones", &item.milestones, &text.milestones),
    ];
    for (field, before, after) in fields.into_iter().filter(|(_, before, after)| before != after) {
        detail = detail.change(field, Some(before.as_str()), Some(after.as_str()));
    }
    tx.commit(permit, detail).await?;
    Ok(())
}

/// Takes an item off the plan; its row stays.
///
/// # Errors
/// [`Error::State`] when it is off, or when a conditional status rests on it.
pub async fn remove(db: &Db, permit: Permit<Remove>, item: &Item) -> Result<(), Error> {
    let permit = permit.naming(&item.id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::REMOVE_ITEM).bind(&item.id).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok().with("assessment", item.assessment_id.as_str()).with("requirement", item.requirement.as_str())).await?;
    Ok(())
}

/// The items of an assessment, by requirement.
///
/// # Errors
/// When the database fails.
pub async fn of(db: &Db, assessment: &AssessmentId) -> Result<Vec<Item>, Error> {
    Ok(db.query(sql::ITEMS).bind(assessment).bind(EACH_MAX).all().await?)
}

/// The item of this id, if it is on a plan.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &PlanId) -> Result<Option<Item>, Error> {
    Ok(db.query(sql::ITEM).bind(id).optional().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milestones_are_lines_with_a_day() {
        let read = milestones("2026-05-01 the module is tested\r\n\n  2026-03-31 x the module is ordered ").expect("reads");
        assert_eq!(lines(&read), "2026-03-31 x the module is ordered\n2026-05-01 the module is tested");
        assert_eq!((read[0].done, read[1].done), (true, false));
        for wrong in ["soon", "2026-02-30 x", "2026-03-31", "2026-03-31 ", "x 2026-03-31 a"] {
            assert!(milestones(wrong).is_err(), "{wrong:?}");
        }
        let many = "2026-03-31 a\n".repeat(MILESTONES_MAX + 1);
        assert!(milestones(&many).is_err());
        assert!(milestones("").expect("none").is_empty());
    }
}
