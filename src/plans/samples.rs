//! A plan of action and an operational plan for the demonstration; made by the verbs everybody uses.

use jiff::ToSpan as _;

use super::Error;
use super::item::{self, ItemText, Risk};
use super::operational::{self, OperationalText};
use crate::assess::{framework, system};
use crate::http::App;
use crate::policy::{Actor, On};

/// Makes the samples for the newest assessment, if there is one.
///
/// # Errors
/// When something could not be made.
pub async fn demo_samples(app: &App, actor: &Actor) -> Result<(), Error> {
    let Some(person) = actor.person() else { return Ok(()) };
    let db = &app.db;
    let Some(assessment) = system::assessments(db, None).await?.into_iter().next() else { return Ok(()) };
    let catalog = framework::find(db, &assessment.framework).await?;
    let today = jiff::Timestamp::from_microsecond(db.clock().now()).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = |days: i64| today.saturating_add(days.days());
    if let Ok(permit) = app.policy.permit(actor, &On::any("plan")) {
        let text = ItemText {
            weakness: "All traffic is encrypted, by a module whose validation is not finished.".into(),
            risk: Risk::Moderate,
            remediation: "Move to the validated version of the module.".into(),
            milestones: format!("{} x the vendor named a date\n{} the validated version is installed", today, day(90)),
            owner: Some(person.clone()),
            due_on: Some(day(120)),
        };
        item::add(db, permit, person, (&assessment.id, &catalog), "3.13.11", &text, None).await?;
    }
    if let Ok(permit) = app.policy.permit(actor, &On::any("operational_plan")) {
        let text = OperationalText {
            deficiency: "The nightly scan of the file server failed twice after an update.".into(),
            remediation: "Roll the update back, then install the corrected one.".into(),
            owner: Some(person.clone()),
        };
        operational::add(db, permit, person, &assessment.system_id, ("3.14.5", today, today), &text).await?;
    }
    Ok(())
}
