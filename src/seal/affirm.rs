//! Affirmations (32 CFR 170.22): the affirming official says of a sealed status that it is so, after the assessment and every year;
//! the assessment itself is made anew after three years.
//! Must stay true: only a status that the sealed score allows is affirmed; password and code are given again for it; an
//! affirmation is never changed.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Affirm, Error, Remind, Sealed, body, sql};
use crate::catalog::Catalog;
use crate::catalog::poam::{self, SCORE_MIN};
use crate::catalog::score::{FULL, Status as Found};
use crate::core::clock::{DAY, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{AffirmationId, PersonId, SealId};
use crate::core::text::Line;
use crate::db::{Db, DbError, Detail};
use crate::http::templates::both_times;
use crate::notices::Notice;
use crate::policy::{Actor, On, Permit, Policy};
use crate::vault::Place;

/// Characters of a name or a title.
pub const NAME_CHARS_MAX: usize = 120;
/// The template of the reminder.
pub const TEMPLATE: &str = "affirmation_due";
/// Days before the next affirmation from which on people are reminded.
pub const REMIND_DAYS: i64 = 30;
/// Days between two reminders.
const AGAIN_DAYS: i64 = 7;

/// What a sealed score lets be affirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything is met.
    Final,
    /// What is not stands on a plan of action.
    Conditional,
}

impl Status {
    /// The status of what was sealed, with its verified score: none below 88 or without a score, and none while something is
    /// open that no plan may hold, that stands on none, or whose 180 days are over on `today` (32 CFR 170.21(a)(2) and (b)).
    #[must_use]
    pub fn of(score: Option<i64>, sealed: &Value, today: Date) -> Option<Self> {
        match score? {
            FULL.. => Some(Self::Final),
            SCORE_MIN.. if may_wait(sealed, today) => Some(Self::Conditional),
            _ => None,
        }
    }

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Conditional => "conditional",
        }
    }
}

/// May everything that is open in a seal wait, and does it stand on the sealed plan?
fn may_wait(sealed: &Value, today: Date) -> bool {
    let items = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let plan = &sealed["plan"];
    let begun = plan["conditional_on"].as_str().and_then(|day| day.parse().ok());
    if begun.is_some_and(|begun| today > poam::last_day(begun)) {
        return false;
    }
    let planned: Vec<String> = items(plan, "items").iter().filter_map(|i| i["requirement"].as_str().map(str::to_owned)).collect();
    items(sealed, "requirements").iter().all(|r| {
        let status = Found::deserialize(&r["verified"]).ok();
        let (Some(id), false) = (r["id"].as_str(), status.is_some_and(Found::is_satisfied)) else { return true };
        let held = Catalog::r2().requirement(id).is_some_and(|r| poam::may_hold(r, status).is_ok());
        held && planned.iter().any(|p| p == id)
    })
}

/// Who affirms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Official {
    /// Their name.
    pub name: String,
    /// What they are.
    pub title: String,
}

crate::row! {
    /// An affirmation as stored.
    #[derive(Clone, Debug)]
    pub struct Affirmed {
        /// Id.
        pub id: AffirmationId,
        /// Of which seal.
        pub seal_id: SealId,
        /// `final` or `conditional`.
        pub status: String,
        /// The official, sealed.
        pub sealed: Vec<u8>,
        /// The day.
        pub affirmed_on: String,
        /// When the next one is due.
        pub next_on: String,
        /// When the next assessment is.
        pub triennial_on: String,
        /// Who signed.
        pub person_id: PersonId,
        /// When.
        pub made_at: i64,
    }
}

fn place(id: &AffirmationId) -> Place<'_> {
    Place { table: "affirmation", row: id.as_str(), column: "sealed" }
}

impl Affirmed {
    /// Who affirmed; none once that was erased.
    ///
    /// # Errors
    /// When it does not open, or the keys' database fails.
    pub async fn official(&self, db: &Db) -> Result<Option<Official>, Fault> {
        match db.vault().unseal(&place(&self.id), &self.sealed).await {
            Ok(plain) => serde_json::from_slice(&plain).map(Some).context("read an affirmation"),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(Fault::with("open an affirmation", error)),
        }
    }
}

/// An affirmation about to be made.
#[derive(Debug)]
pub struct Affirmation<'a> {
    /// Who signs.
    pub person: &'a PersonId,
    /// The official, as typed.
    pub official: Official,
    /// The sentence that was shown.
    pub statement: &'a str,
    /// When password and code were given last.
    pub authenticated_at: Micros,
    /// The day it is.
    pub today: Date,
}

/// The status of a seal on a day.
///
/// # Errors
/// When the database fails, or holds something else than was sealed.
pub async fn status_of(db: &Db, seal: &Sealed, today: Date) -> Result<Option<Status>, Error> {
    let sealed: Value = serde_json::from_slice(&body(db, seal).await?).context("read a seal")?;
    Ok(Status::of(seal.verified, &sealed, today))
}

/// Affirms a sealed status.
///
/// # Errors
/// [`Error::NoStatus`] when what was sealed allows none; [`Error::Text`]; [`Error::Field`] when the three years are over.
pub async fn sign(db: &Db, permit: Permit<Affirm>, seal: &Sealed, new: Affirmation<'_>) -> Result<AffirmationId, Error> {
    let status = status_of(db, seal, new.today).await?.ok_or(Error::NoStatus)?;
    let line = |field, text: &str| Line::parse(text, NAME_CHARS_MAX).map_err(|error| Error::Text { field, error });
    let official = Official { name: line("official", &new.official.name)?, title: line("title", &new.official.title)? };
    let assessed: Date = seal.status_date.parse().map_err(|e| Fault::with("read the status date of a seal", e))?;
    let triennial = assessed.saturating_add(3.years());
    if new.today >= triennial {
        return Err(Error::Field { field: "official", code: "affirm-day" });
    }
    let next = new.today.saturating_add(1.year()).min(triennial);
    let id = AffirmationId::new(db.clock(), db.rng());
    let plain = serde_json::to_vec(&official).context("write an affirmation")?;
    let sealed = db.vault().seal(new.person.as_str(), &place(&id), &plain).await.map_err(DbError::from)?;
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let insert = tx.write(sql::INSERT_AFFIRMATION).bind(&id).bind(&seal.id).bind(status.name()).bind(sealed).bind(new.today.to_string());
    insert.bind(next.to_string()).bind(triennial.to_string()).bind(new.person).bind(now).execute().await?;
    let detail = Detail::ok()
        .with("seal", seal.id.as_str())
        .with("digest", seal.digest.as_str())
        .with("status", status.name())
        .with("score", seal.verified.unwrap_or(0))
        .with("affirmed_on", new.today.to_string())
        .with("next_on", next.to_string())
        .with("triennial_on", triennial.to_string())
        .with("statement", new.statement)
        .with("authenticated_at", both_times(new.authenticated_at, "UTC").0)
        .personal("official", &official.name)
        .personal("title", &official.title);
    tx.commit(permit, detail).await?;
    Ok(id)
}

/// The affirmations of a seal, newest first.
///
/// # Errors
/// When the database fails.
pub async fn of(db: &Db, seal: &SealId) -> Result<Vec<Affirmed>, Error> {
    Ok(db.query(sql::AFFIRMATIONS).bind(seal).all().await?)
}

/// Tells `officers` when the next affirmation of a system is due within thirty days, once a week. Says whether they were.
///
/// # Errors
/// When the database fails; then nobody was told.
pub async fn remind(db: &Db, policy: &Policy, officers: &[PersonId]) -> Result<bool, Error> {
    let now = db.clock().now();
    let last: Option<(i64,)> = db.query(sql::LAST_REMINDER).optional().await?;
    if officers.is_empty() || last.is_some_and(|(at,)| now - at < AGAIN_DAYS * DAY) {
        return Ok(false);
    }
    let soon = jiff::Timestamp::from_microsecond(now).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(REMIND_DAYS.days());
    let due: Option<(AffirmationId, String)> = db.query(sql::FIRST_DUE).bind(soon.to_string()).optional().await?;
    let Some((id, day)) = due else { return Ok(false) };
    let Ok(permit) = policy.permit::<Remind>(&Actor::system(), &On::one("affirmation", &id)) else { return Ok(false) };
    let mut notices = Vec::new();
    for officer in officers {
        match Notice::prepare(db, "any", officer, TEMPLATE, &[("day", &day)]).await {
            // Deleted since they were listed.
            Err(DbError::Erased) => {}
            notice => notices.push(notice?),
        }
    }
    let told = i64::try_from(notices.len()).unwrap_or(i64::MAX);
    let mut tx = db.begin(&permit).await?;
    for notice in notices {
        notice.insert(&mut tx).await?;
    }
    tx.commit(permit, Detail::ok().with("next_on", day).with("people", told)).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_88_to_110_can_be_affirmed_and_less_than_all_only_when_it_may_wait() {
        let day: Date = "2026-06-01".parse().expect("a day");
        let sealed = |open: &[(&str, Option<&str>)], planned: &[&str], begun: Option<&str>| {
            let mut all: Vec<Value> = open.iter().map(|(id, status)| json!({ "id": id, "verified": status })).collect();
            all.push(json!({ "id": "3.1.1", "verified": "met" }));
            let items: Vec<Value> = planned.iter().map(|id| json!({ "requirement": id })).collect();
            json!({ "requirements": all, "plan": { "items": items, "conditional_on": begun } })
        };
        let of = |score, sealed: &Value| Status::of(score, sealed, day).map(Status::name);
        let bare = sealed(&[], &[], None);
        assert_eq!([of(Some(110), &bare), of(Some(87), &bare), of(Some(-203), &bare), of(None, &bare)], [Some("final"), None, None, None]);
        let one = [("3.4.9", Some("not_met"))];
        assert_eq!(of(Some(109), &sealed(&one, &["3.4.9"], None)), Some("conditional"));
        assert_eq!(of(Some(88), &sealed(&one, &["3.4.9"], Some("2026-05-01"))), Some("conditional"));
        assert_eq!(of(Some(109), &sealed(&one, &[], None)), None, "it stands on no plan");
        assert_eq!(of(Some(109), &sealed(&one, &["3.4.9"], Some("2025-12-01"))), None, "its 180 days are over");
        assert_eq!(of(Some(105), &sealed(&[("3.1.2", Some("not_met"))], &["3.1.2"], None)), None, "five points may not wait");
        assert_eq!(of(Some(109), &sealed(&[("3.10.3", Some("not_met"))], &["3.10.3"], None)), None, "it is named");
        assert_eq!(of(Some(107), &sealed(&[("3.13.11", Some("partial"))], &["3.13.11"], None)), Some("conditional"));
        assert_eq!(of(Some(109), &sealed(&[("3.4.9", None)], &[], None)), None, "what nobody assessed is open");
    }
}
