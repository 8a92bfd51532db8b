//! What is known of a piece of evidence beside its file, its versions, and its way from a draft to its approval.
//! Must stay true: only its owner says something of it, and only while it is a draft; nobody approves what they uploaded; one
//! version of a line is in force at most.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::standing::{Facts, Flaw, Method, State, Window, flaw};
use super::{Approve, Describe, Error, Evidence, Reject, Submit, sql, tags};
use crate::core::clock::Clock;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{EvidenceId, PersonId};
use crate::core::text::{Line, Paragraph, TextError};
use crate::db::{Db, Detail};
use crate::policy::Permit;

/// Versions of one artifact.
pub const VERSIONS_MAX: i64 = 200;
/// Characters of who collected it.
pub const COLLECTOR_CHARS_MAX: usize = 120;
/// Characters of how it was obtained.
pub const OBTAINED_CHARS_MAX: usize = 4000;
/// Days after the end of its period for which something holds.
pub const EXPIRES_DAYS_MAX: i64 = 3650;

crate::row! {
    /// One version, with the names of those who had to do with it.
    #[derive(Clone, Debug)]
    pub struct Artifact {
        /// The file.
        pub evidence_id: EvidenceId,
        /// The first version of it.
        pub line_id: EvidenceId,
        /// Which version, from 1.
        pub number: i64,
        /// Who uploaded it.
        pub owner_id: PersonId,
        /// The name they are shown by.
        pub owner: String,
        /// The file's name.
        pub name: String,
        /// Its hash.
        pub sha256: String,
        /// Bytes.
        pub size: i64,
        /// When it was uploaded.
        pub made_at: i64,
        /// When the file was deleted.
        pub deleted_at: Option<i64>,
        /// A word of [`Method`].
        pub method: Option<String>,
        /// Who collected it.
        pub collector: String,
        /// How it was obtained.
        pub obtained: String,
        /// The first day it is of.
        pub period_from: Option<String>,
        /// The last one.
        pub period_to: Option<String>,
        /// The last day on which it holds.
        pub expires_on: Option<String>,
        /// That day as so many after the end of its period, when it was said so.
        pub expires_days: Option<i64>,
        /// Codes of tags, a space before and after each.
        pub tags: String,
        /// What the file says of its author.
        pub file_author: Option<String>,
        /// What it says of when it was made.
        pub file_created: Option<String>,
        /// What it says of when it was changed.
        pub file_modified: Option<String>,
        /// When its approval was asked for.
        pub submitted_at: Option<i64>,
        /// When it was approved.
        pub approved_at: Option<i64>,
        /// By whom.
        pub approved_by: Option<PersonId>,
        /// The name they are shown by.
        pub approver: Option<String>,
        /// When it was given back.
        pub rejected_at: Option<i64>,
        /// The name of who did.
        pub rejecter: Option<String>,
        /// Why.
        pub rejected_because: Option<String>,
        /// When a later version took its place.
        pub superseded_at: Option<i64>,
        /// When its file was found to be another.
        pub altered_at: Option<i64>,
        /// Counts its changes.
        pub revision: i64,
    }
}

impl Artifact {
    /// How far it is.
    #[must_use]
    pub const fn state(&self) -> State {
        State::of(self.submitted_at, self.approved_at, self.superseded_at)
    }

    /// What time it is of.
    #[must_use]
    pub fn period(&self) -> Window {
        window(self.period_from.as_deref(), self.period_to.as_deref())
    }

    /// What is wrong with it today.
    #[must_use]
    pub fn flaw(&self, today: Date) -> Option<Flaw> {
        let facts = Facts {
            owner: &self.owner_id,
            approved_by: self.approved_by.as_ref(),
            state: self.state(),
            is_deleted: self.deleted_at.is_some(),
            is_altered: self.altered_at.is_some(),
            period: self.period(),
            expires_on: self.expires_on.as_deref().and_then(|d| d.parse().ok()),
        };
        flaw(&facts, today, Window::default())
    }

    /// What is said of it, as typed.
    #[must_use]
    pub fn about(&self) -> AboutText {
        AboutText {
            method: self.method.clone().unwrap_or_default(),
            collector: self.collector.clone(),
            obtained: self.obtained.clone(),
            period_from: self.period_from.clone().unwrap_or_default(),
            period_to: self.period_to.clone().unwrap_or_default(),
            expires_on: if self.expires_days.is_some() { String::new() } else { self.expires_on.clone().unwrap_or_default() },
            expires_days: self.expires_days,
            tags: tags::split(&self.tags),
        }
    }
}

/// A period out of the database.
#[must_use]
pub fn window(from: Option<&str>, to: Option<&str>) -> Window {
    let day = |text: Option<&str>| text.and_then(|d| d.parse().ok());
    Window { from: day(from), to: day(to) }
}

/// Today, by which is judged whether something has expired: the day in UTC, so that it is the same for everybody.
#[must_use]
pub fn today(clock: &Clock) -> Date {
    jiff::Timestamp::from_microsecond(clock.now()).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// What is said of a version, as typed. What is empty is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AboutText {
    /// `examine`, `interview` or `test`.
    pub method: String,
    /// Who collected it.
    pub collector: String,
    /// How it was obtained.
    pub obtained: String,
    /// The first day it is of, as in 2026-01-31.
    pub period_from: String,
    /// The last one.
    pub period_to: String,
    /// The last day on which it holds.
    pub expires_on: String,
    /// The same as days after the end of its period, instead.
    pub expires_days: Option<i64>,
    /// Codes of tags.
    pub tags: Vec<String>,
}

/// The same, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct About {
    method: Option<Method>,
    collector: String,
    obtained: String,
    period: Window,
    expires_on: Option<Date>,
    expires_days: Option<i64>,
    tags: Vec<String>,
}

fn wrong(field: &'static str, code: &'static str) -> Error {
    Error::Field { field, code }
}

/// A day that may be absent.
pub(super) fn day(field: &'static str, text: &str) -> Result<Option<Date>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let day = Some(text).filter(|t| t.len() == 10).and_then(|t| t.parse().ok());
    day.filter(|d: &Date| (2000..=2100).contains(&d.year())).map(Some).ok_or_else(|| wrong(field, "day"))
}

fn may_be_empty(field: &'static str, parsed: Result<String, TextError>) -> Result<String, Error> {
    match parsed {
        Ok(text) => Ok(text),
        Err(TextError::Empty) => Ok(String::new()),
        Err(error) => Err(Error::Text { field, error }),
    }
}

impl AboutText {
    fn checked(&self) -> Result<About, Error> {
        let method = match self.method.as_str() {
            "" => None,
            word => Some(word.parse().map_err(|()| wrong("method", "method-unknown"))?),
        };
        let period = Window { from: day("period_from", &self.period_from)?, to: day("period_to", &self.period_to)? };
        if period.from.zip(period.to).is_some_and(|(from, to)| from > to) {
            return Err(wrong("period_to", "period-order"));
        }
        let expires_on = match (day("expires_on", &self.expires_on)?, self.expires_days) {
            (given, None) => given,
            (Some(_), Some(_)) => return Err(wrong("expires_days", "expiry-twice")),
            (None, Some(days)) if !(1..=EXPIRES_DAYS_MAX).contains(&days) => return Err(wrong("expires_days", "expiry-days")),
            (None, Some(days)) => {
                let end = period.to.ok_or_else(|| wrong("expires_days", "expiry-period"))?;
                Some(end.saturating_add(jiff::Span::new().days(days)))
            }
        };
        Ok(About {
            method,
            collector: may_be_empty("collector", Line::parse(&self.collector, COLLECTOR_CHARS_MAX))?,
            obtained: may_be_empty("obtained", Paragraph::parse(&self.obtained, OBTAINED_CHARS_MAX))?,
            period,
            expires_on,
            expires_days: self.expires_days,
            tags: tags::chosen(&self.tags)?,
        })
    }
}

/// Says something of a draft that was seen at `seen`.
///
/// # Errors
/// [`Error::Changed`] when it is another by now; [`Error::State`] when it is no draft; [`Error::Text`], [`Error::Field`].
pub async fn describe(db: &Db, permit: Permit<Describe>, before: &Artifact, seen: i64, text: &AboutText) -> Result<i64, Error> {
    let about = text.checked()?;
    if before.state() != State::Draft || before.deleted_at.is_some() {
        return Err(Error::State);
    }
    if before.revision != seen {
        return Err(Error::Changed);
    }
    let date = |d: Option<Date>| d.map(|d| d.to_string());
    let mut tx = db.begin(&permit).await?;
    let known = tags::live(&mut tx).await?;
    let had = tags::split(&before.tags);
    if about.tags.iter().any(|t| !known.contains(t) && !had.contains(t)) {
        return Err(wrong("tags", "tag-unknown"));
    }
    let write = tx.write(sql::DESCRIBE).bind(&before.evidence_id).bind(seen).bind(about.method.map(|m| m.name().to_owned()));
    let write = write.bind(&about.collector).bind(&about.obtained).bind(date(about.period.from)).bind(date(about.period.to));
    let write = write.bind(date(about.expires_on)).bind(about.expires_days).bind(tags::join(&about.tags)).bind(&before.owner_id);
    if write.execute().await? != 1 {
        return Err(Error::Changed);
    }
    let none = || "none".to_owned();
    let mut detail = Detail::ok().with("revision", seen + 1).with("method", about.method.map_or("none", Method::name));
    detail = detail.with("period_from", date(about.period.from).unwrap_or_else(none)).with("period_to", date(about.period.to).unwrap_or_else(none));
    detail = detail.with("expires_on", date(about.expires_on).unwrap_or_else(none)).with("tags", about.tags);
    for (field, before, after) in [("collector", &before.collector, &about.collector), ("obtained", &before.obtained, &about.obtained)] {
        if before != after {
            detail = detail.change(field, Some(before.as_str()), Some(after.as_str()));
        }
    }
    tx.commit(permit, detail).await?;
    Ok(seen + 1)
}

fn of(item: &Artifact) -> Detail {
    Detail::ok().with("sha256", item.sha256.as_str()).with("line", item.line_id.as_str()).with("version", item.number)
}

/// Asks somebody else to approve a draft.
///
/// # Errors
/// [`Error::State`] when it is no draft, or deleted.
pub async fn submit(db: &Db, permit: Permit<Submit>, item: &Artifact) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::SUBMIT).bind(&item.evidence_id).bind(&item.owner_id).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, of(item)).await?;
    Ok(())
}

/// Approves a version that waits for it, as it was seen at `seen`; it takes the place of every earlier one.
///
/// # Errors
/// [`Error::Changed`] when it is another by now; [`Error::State`] when it does not wait, when its file was deleted or altered, when a later one was approved, and always for
/// whoever uploaded it.
pub async fn approve(db: &Db, permit: Permit<Approve>, person: &PersonId, item: &Artifact, seen: i64) -> Result<(), Error> {
    if item.state() == State::InReview && item.revision != seen {
        return Err(Error::Changed);
    }
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    // Approvals of two versions of one line wait for each other.
    tx.query(sql::LOCK_LINE).execute().await?;
    let older: Vec<(EvidenceId,)> = tx.query(sql::OLDER).bind(&item.line_id).bind(item.number).all().await?;
    if tx.write(sql::APPROVE).bind(&item.evidence_id).bind(person).bind(now).bind(seen).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.write(sql::SUPERSEDE).bind(&item.line_id).bind(item.number).bind(now).execute().await?;
    let older: Vec<String> = older.into_iter().map(|(id,)| id.to_string()).collect();
    let mut detail = of(item).with("revision", seen);
    if !older.is_empty() {
        detail = detail.with("supersedes", older);
    }
    tx.commit(permit, detail).await?;
    Ok(())
}

/// Gives a version back to its owner, as a draft, with a reason.
///
/// # Errors
/// [`Error::State`] as for an approval; [`Error::Text`].
pub async fn reject(db: &Db, permit: Permit<Reject>, person: &PersonId, item: &Artifact, because: &str) -> Result<(), Error> {
    let because = Paragraph::parse(because, super::REASON_CHARS_MAX).map_err(|error| Error::Text { field: "because", error })?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::REJECT).bind(&item.evidence_id).bind(person).bind(now).bind(because.as_str()).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, of(item).personal("because", &because)).await?;
    Ok(())
}

/// What is known of a piece of evidence.
///
/// # Errors
/// When the database fails.
pub async fn of_evidence(db: &Db, item: &Evidence) -> Result<Artifact, Fault> {
    db.query(sql::ARTIFACT).bind(&item.id).one().await.context("find what is known of evidence")
}

/// The versions of a line, newest first.
///
/// # Errors
/// When the database fails.
pub async fn versions(db: &Db, line: &EvidenceId) -> Result<Vec<Artifact>, Fault> {
    db.query(sql::VERSIONS).bind(line).bind(VERSIONS_MAX).all().await.context("list versions of evidence")
}

/// Other live files with the same content: id and name, at most ten.
///
/// # Errors
/// When the database fails.
pub async fn duplicates(db: &Db, id: &EvidenceId, sha256: &str) -> Result<Vec<(EvidenceId, String)>, Fault> {
    db.query(sql::DUPLICATES).bind(sha256).bind(id).all().await.context("look for the same content")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_day_or_so_many_after_the_end_of_the_period() {
        let text = |to: &str, on: &str, days: Option<i64>| AboutText {
            period_from: "2026-01-01".into(),
            period_to: to.into(),
            expires_on: on.into(),
            expires_days: days,
            ..AboutText::default()
        };
        let of = |to, on, days| text(to, on, days).checked().map(|a| a.expires_on.map(|d| d.to_string())).map_err(|e| e.to_string());
        assert_eq!(of("2026-01-31", "", Some(30)), Ok(Some("2026-03-02".into())));
        assert_eq!(of("2026-01-31", "2026-05-01", None), Ok(Some("2026-05-01".into())));
        assert_eq!(of("2026-01-31", "", None), Ok(None));
        for (to, on, days, code) in [
            ("", "", Some(30), "expiry-period"),
            ("2026-01-31", "2026-05-01", Some(30), "expiry-twice"),
            ("2026-01-31", "", Some(0), "expiry-days"),
            ("2026-01-31", "", Some(4000), "expiry-days"),
            ("2025-12-31", "", None, "period-order"),
            ("2026-02-30", "", None, "day"),
            ("2026-01-31", "tomorrow", None, "day"),
            ("2026-01-31T10:00", "", None, "day"),
        ] {
            let told = of(to, on, days).expect_err("refused");
            assert!(told.ends_with(code), "{to} {on} {days:?}: {told}");
        }
        assert!(AboutText { method: "guess".into(), ..AboutText::default() }.checked().is_err());
    }
}
