//! The time that the evidence of an assessment must be of.

use jiff::civil::Date;

use super::{Error, SetWindow, sql};
use crate::core::id::{AssessmentId, PersonId};
use crate::db::{Db, DbError, Detail};
use crate::evidence::{Window, artifact};
use crate::policy::Permit;

/// The time an assessment asks for; an open one when it asks for none.
///
/// # Errors
/// When the database fails.
pub async fn of(db: &Db, assessment: &AssessmentId) -> Result<Window, Error> {
    let row: Option<(Option<String>, Option<String>)> = db.query(sql::WINDOW).bind(assessment).optional().await?;
    Ok(row.map(|(from, to)| artifact::window(from.as_deref(), to.as_deref())).unwrap_or_default())
}

/// Asks for another time, or for none.
///
/// # Errors
/// [`Error::Field`] when it ends before it begins; [`Error::Changed`] when somebody else asked for one just now.
pub async fn set(db: &Db, permit: Permit<SetWindow>, person: &PersonId, assessment: &AssessmentId, window: Window) -> Result<(), Error> {
    if window.from.zip(window.to).is_some_and(|(from, to)| from > to) {
        return Err(Error::Field { field: "to_on", code: "window-order" });
    }
    let day = |d: Option<Date>| d.map(|d| d.to_string());
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let there: Option<(Option<String>, Option<String>)> = tx.query(sql::WINDOW).bind(assessment).optional().await?;
    let write = tx.write(if there.is_some() { sql::EDIT_WINDOW } else { sql::INSERT_WINDOW });
    let write = write.bind(assessment).bind(day(window.from)).bind(day(window.to)).bind(person).bind(now);
    if let Err(error) = write.execute().await {
        let error = DbError::from(error);
        return Err(if error.is_unique() { Error::Changed } else { error.into() });
    }
    let none = || "none".to_owned();
    let detail = Detail::ok().with("assessment", assessment.as_str());
    let detail = detail.with("from_on", day(window.from).unwrap_or_else(none)).with("to_on", day(window.to).unwrap_or_else(none));
    tx.commit(permit, detail).await?;
    Ok(())
}
