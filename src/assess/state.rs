//! Changing what is known of objectives: one at a time against the version that was seen, all of a requirement, or many at once.
//! Must stay true: whoever changes an objective has seen what they change; a bulk change is made whole or not at all.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Serialize;

use super::system::optional;
use super::{Assess, Assign, Bulk, Error, Finding, MeetInPart, Stage, TEXT_CHARS_MAX, sql};
use crate::catalog::{Catalog, Requirement};
use crate::core::id::{AssessmentId, PersonId};
use crate::db::{Db, DbError, Detail, Tx};
use crate::policy::{Act, Permit};

/// Objectives of one bulk change.
pub const BULK_MAX: usize = 500;

crate::row! {
    /// What is known of an objective.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct State {
        /// The objective.
        pub objective: String,
        /// A word of [`Stage`].
        pub stage: String,
        /// A word of [`Finding`].
        pub finding: Option<String>,
        /// Why it does not apply, is an exception, or is not met.
        pub because: String,
        /// Notes.
        pub notes: String,
        /// Whose work it is.
        pub owner_id: Option<PersonId>,
        /// The name they are shown by.
        pub owner: Option<String>,
        /// The day it is due, as in 2026-03-31.
        pub due_on: Option<String>,
        /// Counts its changes.
        pub version: i64,
        /// Who changed it last.
        pub changed_by: String,
        /// When.
        pub changed_at: i64,
        /// When what the system is changed, after it was found not to apply; none while that finding holds.
        pub outdated_at: Option<i64>,
    }
}

impl State {
    /// How far the work is.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage.parse().unwrap_or_default()
    }

    /// What was found.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        self.finding.as_deref().and_then(|f| f.parse().ok())
    }
}

/// Somebody who may be given work.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Id.
    pub id: PersonId,
    /// User name.
    pub username: String,
    /// The name they are shown by.
    pub name: String,
}

/// What an objective is to become.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// How far the work is.
    pub stage: Stage,
    /// What was found.
    pub finding: Option<Finding>,
    /// Why.
    pub because: String,
    /// Notes.
    pub notes: String,
    /// Whose work it is.
    pub owner: Option<PersonId>,
    /// When it is due.
    pub due_on: Option<Date>,
}

impl Edit {
    /// Nothing changed yet.
    #[must_use]
    pub fn of(state: Option<&State>) -> Self {
        let Some(state) = state else { return Self::default() };
        Self {
            stage: state.stage(),
            finding: state.finding(),
            because: state.because.clone(),
            notes: state.notes.clone(),
            owner: state.owner_id.clone(),
            due_on: state.due_on.as_deref().and_then(|d| d.parse().ok()),
        }
    }

    /// The same with its texts checked, and fit to be kept.
    ///
    /// # Errors
    /// [`Error::Text`], [`Error::Field`].
    pub fn checked(mut self) -> Result<Self, Error> {
        self.because = optional("because", &self.because, TEXT_CHARS_MAX)?;
        self.notes = optional("notes", &self.notes, TEXT_CHARS_MAX)?;
        if self.because.is_empty() && self.finding.is_some_and(Finding::needs_because) {
            return Err(Error::Field { field: "because", code: "because-missing" });
        }
        if self.stage == Stage::Complete && self.finding.is_none() {
            return Err(Error::Field { field: "finding", code: "finding-missing" });
        }
        Ok(self)
    }
}

/// Changes one objective that was seen as `before`.
///
/// # Errors
/// [`Error::Changed`] when it is not so any more; [`Error::Unproven`].
pub async fn assess(
    db: &Db,
    permit: Permit<Assess>,
    person: &PersonId,
    at: (&AssessmentId, &str),
    seen: i64,
    before: Option<&State>,
    edit: Edit,
) -> Result<i64, Error> {
    let edit = edit.checked()?;
    let (assessment, objective) = at;
    if before.map_or(0, |b| b.version) != seen {
        return Err(Error::Changed);
    }
    let mut tx = db.begin(&permit).await?;
    put(&mut tx, person, at, seen, &edit).await?;
    let was = Edit::of(before);
    let mut detail = Detail::ok().with("assessment", assessment.as_str()).with("objective", objective).with("version", seen + 1);
    detail = detail.with("stage", edit.stage.name()).with("finding", edit.finding.map_or("none", Finding::name));
    if was.stage != edit.stage {
        detail = detail.with("was_stage", was.stage.name());
    }
    if was.finding != edit.finding {
        detail = detail.with("was_finding", was.finding.map_or("none", Finding::name));
    }
    if was.owner != edit.owner {
        detail = detail.with("owner", edit.owner.as_ref().map_or("none", PersonId::as_str));
    }
    if was.due_on != edit.due_on {
        detail = detail.with("due_on", edit.due_on.map_or_else(|| "none".to_owned(), |d| d.to_string()));
    }
    for (field, before, after) in [("because", &was.because, &edit.because), ("notes", &was.notes, &edit.notes)] {
        if before != after {
            detail = detail.change(field, Some(before.as_str()), Some(after.as_str()));
        }
    }
    tx.commit(permit, detail).await?;
    Ok(seen + 1)
}

/// Writes a state over the version that was seen; 0 is one that nobody has made yet.
async fn put<A: Act>(tx: &mut Tx<A>, person: &PersonId, (assessment, objective): (&AssessmentId, &str), seen: i64, edit: &Edit) -> Result<(), Error> {
    if edit.stage == Stage::Complete {
        tx.query(sql::LOCK).execute().await?;
        let proven: i64 = tx.query(sql::PROVEN).bind(assessment).bind(objective).scalar().await?;
        if proven == 0 {
            return Err(Error::Unproven);
        }
    }
    let now = tx.now();
    let there: Option<(i64,)> = tx.query(sql::VERSION).bind(assessment).bind(objective).optional().await?;
    if there.map_or(0, |(version,)| version) != seen {
        return Err(Error::Changed);
    }
    let write = tx.write(if seen == 0 { sql::INSERT_STATE } else { sql::EDIT_STATE }).bind(assessment).bind(objective).bind(edit.stage.name());
    let write = write.bind(edit.finding.map(|f| f.name().to_owned())).bind(&edit.because).bind(&edit.notes).bind(edit.owner.clone());
    let write = write.bind(edit.due_on.map(|d| d.to_string())).bind(person).bind(now);
    let done = if seen == 0 { write.execute().await } else { write.bind(seen).execute().await };
    match done {
        Ok(1) => Ok(()),
        Ok(_) => Err(Error::Changed),
        Err(error) => {
            let error = DbError::from(error);
            Err(if error.is_unique() { Error::Changed } else { error.into() })
        }
    }
}

/// Gives every objective of a requirement to somebody, until a day.
///
/// # Errors
/// When the database fails.
pub async fn assign(
    db: &Db,
    permit: Permit<Assign>,
    person: &PersonId,
    assessment: &AssessmentId,
    requirement: &Requirement,
    owner: Option<&PersonId>,
    due_on: Option<Date>,
) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let due = due_on.map(|d| d.to_string());
    for objective in &requirement.objectives {
        let update = tx.write(sql::ASSIGN_STATE).bind(assessment).bind(&objective.id).bind(owner.cloned()).bind(due.clone());
        if update.bind(person).bind(now).execute().await? == 0 {
            let edit = Edit { owner: owner.cloned(), due_on, ..Edit::default() };
            put(&mut tx, person, (assessment, &objective.id), 0, &edit).await?;
        }
    }
    let objectives: Vec<String> = requirement.objectives.iter().map(|o| o.id.clone()).collect();
    let detail = Detail::ok().with("assessment", assessment.as_str()).with("requirement", requirement.id.as_str()).with("objectives", objectives);
    let detail = detail.with("owner", owner.map_or("none", PersonId::as_str)).with("due_on", due.unwrap_or_else(|| "none".into()));
    tx.commit(permit, detail).await?;
    Ok(())
}

/// One line of a bulk change: what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// Which line of the file, from 1.
    pub line: usize,
    /// The objective.
    pub objective: String,
    /// How far the work is.
    pub stage: Option<Stage>,
    /// What was found.
    pub finding: Option<Finding>,
    /// Why.
    pub because: Option<String>,
    /// Notes.
    pub notes: Option<String>,
    /// Whose work it is.
    pub owner: Option<PersonId>,
    /// When it is due.
    pub due_on: Option<Date>,
    /// The version that was seen, when whoever sends it wants to be sure.
    pub version: Option<i64>,
}

/// What is wrong with a line of a bulk change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// Which, from 1.
    pub line: usize,
    /// The objective as given.
    pub objective: String,
    /// The text is `error-<code>`.
    pub code: &'static str,
}

/// Why a bulk change was not made.
#[derive(Debug)]
pub enum BulkError {
    /// These lines cannot be taken; nothing was changed.
    Lines(Vec<BadLine>),
    /// Something else.
    Other(Error),
}

impl<E: Into<Error>> From<E> for BulkError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// Changes many objectives, or none of them.
///
/// # Errors
/// [`BulkError::Lines`] with every line that cannot be taken.
pub async fn bulk(
    db: &Db,
    permit: Permit<Bulk>,
    person: &PersonId,
    assessment: &AssessmentId,
    catalog: &Catalog,
    patches: Vec<Patch>,
) -> Result<usize, BulkError> {
    let mut tx = db.begin(&permit).await?;
    let rows: Vec<State> = tx.query(sql::STATES).bind(assessment).all().await?;
    let (mut bad, mut seen) = (Vec::new(), BTreeSet::new());
    let (mut objectives, mut told) = (Vec::new(), Vec::new());
    for patch in &patches {
        let mut wrong = |code| bad.push(BadLine { line: patch.line, objective: patch.objective.chars().take(100).collect(), code });
        let id = patch.objective.as_str();
        if catalog.objective(id).is_none() {
            wrong("objective-unknown");
            continue;
        }
        if !seen.insert(id) {
            wrong("objective-twice");
            continue;
        }
        let before = rows.iter().find(|r| r.objective == id);
        let version = before.map_or(0, |b| b.version);
        if patch.version.is_some_and(|v| v != version) {
            wrong("changed-meanwhile");
            continue;
        }
        let mut edit = Edit::of(before);
        edit.stage = patch.stage.unwrap_or(edit.stage);
        edit.finding = patch.finding.or(edit.finding);
        edit.owner = patch.owner.clone().or(edit.owner);
        edit.due_on = patch.due_on.or(edit.due_on);
        edit.because = patch.because.clone().unwrap_or(edit.because);
        edit.notes = patch.notes.clone().unwrap_or(edit.notes);
        let edit = match edit.checked() {
            Ok(edit) => edit,
            Err(Error::Field { code, .. }) => {
                wrong(code);
                continue;
            }
            Err(Error::Text { .. }) => {
                wrong("text");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        match put(&mut tx, person, (assessment, id), version, &edit).await {
            Ok(()) => {
                objectives.push(id.to_owned());
                told.push(format!("{id} {} {}", edit.stage.name(), edit.finding.map_or("none", Finding::name)));
            }
            Err(Error::Unproven) => wrong("unproven"),
            Err(Error::Changed) => wrong("changed-meanwhile"),
            Err(error) => return Err(error.into()),
        }
    }
    if !bad.is_empty() || objectives.is_empty() {
        return Err(BulkError::Lines(bad));
    }
    let count = objectives.len();
    let detail = Detail::ok().with("assessment", assessment.as_str()).with("objectives", objectives).with("set", told);
    tx.commit(permit.naming(assessment), detail).await?;
    Ok(count)
}

/// Says that a requirement is met in part and why, or that it is not.
///
/// # Errors
/// [`Error::Field`] where the regulation knows no part.
pub async fn meet_in_part(
    db: &Db,
    permit: Permit<MeetInPart>,
    person: &PersonId,
    assessment: &AssessmentId,
    requirement: &Requirement,
    because: &str,
) -> Result<(), Error> {
    if requirement.partial.is_none() {
        return Err(Error::Field { field: "because", code: "no-part" });
    }
    let because = optional("because", because, TEXT_CHARS_MAX)?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let since = (!because.is_empty()).then_some(now);
    let there: i64 = tx.query(sql::HAS_PART_ROW).bind(assessment).bind(&requirement.id).scalar().await?;
    let write = tx.write(if there == 0 { sql::INSERT_PART } else { sql::EDIT_PART }).bind(assessment).bind(&requirement.id).bind(since);
    if let Err(error) = write.bind(&because).bind(person).bind(now).execute().await {
        let error = DbError::from(error);
        return Err(if error.is_unique() { Error::Changed } else { error.into() });
    }
    let detail = Detail::ok().with("assessment", assessment.as_str()).with("requirement", requirement.id.as_str());
    let detail = detail.with("partial", if since.is_some() { "yes" } else { "no" }).personal("because", &because);
    tx.commit(permit, detail).await?;
    Ok(())
}

/// What is known of every objective of an assessment; those nobody touched are not there.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &Db, assessment: &AssessmentId) -> Result<Vec<State>, Error> {
    Ok(db.query(sql::STATES).bind(assessment).all().await?)
}

/// What is known of one.
///
/// # Errors
/// When the database fails.
pub async fn one(db: &Db, assessment: &AssessmentId, objective: &str) -> Result<Option<State>, Error> {
    Ok(db.query(sql::STATE).bind(assessment).bind(objective).optional().await?)
}

/// The requirements that are met in part, with why.
///
/// # Errors
/// When the database fails.
pub async fn parts(db: &Db, assessment: &AssessmentId) -> Result<Vec<(String, String)>, Error> {
    Ok(db.query(sql::PARTS).bind(assessment).all().await?)
}

/// Who may be given work.
///
/// # Errors
/// When the database fails.
pub async fn people(db: &Db) -> Result<Vec<Candidate>, Error> {
    let rows: Vec<(PersonId, String, String)> = db.query(sql::PEOPLE).all().await?;
    Ok(rows.into_iter().map(|(id, username, name)| Candidate { id, username, name }).collect())
}
