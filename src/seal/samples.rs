//! One sealed assessment for the demonstration, and an assessor who may see it; made by the verbs everybody uses.

use jiff::ToSpan as _;

use super::{Error, Sealing, grant, make};
use crate::assess::{framework, system};
use crate::http::App;
use crate::policy::{Actor, On};

/// Days for which the assessor of the demonstration may see the seal.
const DAYS: i64 = 30;

/// Seals the newest assessment, if there is one.
///
/// # Errors
/// When something could not be made.
pub async fn demo_samples(app: &App, actor: &Actor) -> Result<(), Error> {
    let Some(person) = actor.person() else { return Ok(()) };
    let db = &app.db;
    let Some(assessment) = system::assessments(db, None).await?.into_iter().next() else { return Ok(()) };
    let catalog = framework::find(db, &assessment.framework).await?;
    let today = jiff::Timestamp::from_microsecond(db.clock().now()).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    let Ok(permit) = app.policy.permit(actor, &On::any("seal")) else { return Ok(()) };
    let new = Sealing { app, person, assessment: &assessment, catalog: &catalog, status_date: today, today };
    let seal = make(db, &*app.blobs, permit, new, None).await?.answer;
    if let Some(assessor) = grant::assessors(db).await?.first()
        && let Ok(permit) = app.policy.permit(actor, &On::one("seal", &seal))
    {
        grant::give(db, permit, (person, today), &seal, &assessor.id, today.saturating_add(DAYS.days())).await?;
    }
    Ok(())
}
