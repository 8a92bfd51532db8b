//! The clock of a conditional status: 180 days from its date, and one close-out within them.
//! Must stay true: no clock without a legal plan for everything that is open; what is closed out is closed out once, and not
//! while something on the plan is open.

use jiff::civil::Date;

use super::{Begin, CloseOut, Error, item, sql};
use crate::assess::web::Known;
use crate::catalog::score::{FULL, Status};
use crate::catalog::{Catalog, poam};
use crate::core::id::{AssessmentId, PersonId};
use crate::db::{Db, DbError, Detail};
use crate::policy::Permit;

crate::row! {
    /// A clock.
    #[derive(Clone, Debug)]
    pub struct Clock {
        /// The conditional status date, as in 2026-01-15.
        pub conditional_on: String,
        /// The day of the close-out.
        pub closed_out_on: Option<String>,
        /// When it was set.
        pub set_at: i64,
    }
}

impl Clock {
    /// The conditional status date.
    #[must_use]
    pub fn date(&self) -> Option<Date> {
        self.conditional_on.parse().ok()
    }
}

/// Sets the clock: the status is conditional since this day.
///
/// # Errors
/// [`Error::Illegal`] with the first thing that keeps the status from being conditional; [`Error::Unfit`] for a requirement that is
/// open and on no plan, and when nothing is open; [`Error::State`] when the clock runs.
pub async fn begin(
    db: &Db,
    permit: Permit<Begin>,
    (person, today): (&PersonId, Date),
    (assessment, catalog): (&AssessmentId, &Catalog),
    day: Date,
) -> Result<(), Error> {
    if day > today {
        return Err(Error::Field { field: "conditional_on", code: "day-to-come" });
    }
    let known = Known::of(db, assessment).await?;
    let whole = known.whole(catalog);
    let (claimed, (_, scored)) = (whole.claimed(), whole.scores());
    if let Some(refusal) = poam::hindrances(catalog, &claimed, &scored).into_iter().next() {
        return Err(Error::Illegal(refusal));
    }
    if scored.score == Some(FULL) {
        return Err(Error::Unfit { code: "plan-final", requirement: String::new(), citation: "32 CFR 170.21(a)(2)" });
    }
    let items = item::of(db, assessment).await?;
    let open = catalog.requirements().filter(|r| !claimed.get(&r.id).is_some_and(|s| s.is_satisfied()));
    if let Some(missing) = open.map(|r| &r.id).find(|id| !items.iter().any(|i| i.requirement == **id)) {
        return Err(Error::Unfit { code: "plan-missing", requirement: missing.clone(), citation: "32 CFR 170.24(c)(2)(i)(B)(6)" });
    }
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let insert = tx.write(sql::INSERT_CLOCK).bind(assessment).bind(day.to_string()).bind(person).bind(now);
    if let Err(error) = insert.execute().await {
        drop(tx);
        let error = DbError::from(error);
        // SQLite's guard against replacing speaks before its key does.
        return Err(if error.is_unique() || of(db, assessment).await?.is_some() { Error::State } else { error.into() });
    }
    let detail = Detail::ok().with("conditional_on", day.to_string()).with("last_day", poam::last_day(day).to_string());
    let detail = detail.with("items", i64::try_from(items.len()).unwrap_or(i64::MAX)).with("score", scored.score.unwrap_or(0));
    tx.commit(permit, detail).await?;
    Ok(())
}

/// Closes the plan out, once.
///
/// # Errors
/// [`Error::Unfit`] after the 180 days, and for an item whose requirement is not verified to be met; [`Error::State`] without a
/// clock, or after the close-out.
pub async fn close_out(db: &Db, permit: Permit<CloseOut>, (assessment, catalog): (&AssessmentId, &Catalog), day: Date, today: Date) -> Result<(), Error> {
    let clock = of(db, assessment).await?.filter(|c| c.closed_out_on.is_none()).ok_or(Error::State)?;
    let begun = clock.date().ok_or(Error::State)?;
    if day > today || day < begun {
        return Err(Error::Field { field: "closed_out_on", code: "close-out-day" });
    }
    if day > poam::last_day(begun) {
        return Err(Error::Unfit { code: "plan-late", requirement: String::new(), citation: "32 CFR 170.21(b)" });
    }
    let known = Known::of(db, assessment).await?;
    let verified = known.whole(catalog).verified();
    let items = item::of(db, assessment).await?;
    if let Some(open) = items.iter().find(|i| !verified.get(&i.requirement).copied().is_some_and(Status::is_satisfied)) {
        return Err(Error::Unfit { code: "plan-open", requirement: open.requirement.clone(), citation: "32 CFR 170.21(b)" });
    }
    let mut tx = db.begin(&permit).await?;
    if tx.write(sql::CLOSE_OUT).bind(assessment).bind(day.to_string()).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok().with("closed_out_on", day.to_string()).with("conditional_on", clock.conditional_on)).await?;
    Ok(())
}

/// The clock of an assessment, if it was set.
///
/// # Errors
/// When the database fails.
pub async fn of(db: &Db, assessment: &AssessmentId) -> Result<Option<Clock>, Error> {
    Ok(db.query(sql::CLOCK).bind(assessment).optional().await?)
}
