//! A system whose assessment is partly done, for the demonstration; made by the verbs everybody uses.

use super::proof::{self, NewRecord};
use super::section::{self, SectionText};
use super::state::{self, BulkError, Patch};
use super::system::{self, NewAssessment, SystemText};
use super::{Error, Finding, Method, Stage, comment, part};
use crate::catalog::{Catalog, R2};
use crate::core::id::{AssessmentId, PersonId};
use crate::evidence::{self, Look};
use crate::http::App;
use crate::policy::{Actor, On};

/// Requirements whose objectives are done, with evidence.
const DONE: [&str; 9] = ["3.1.1", "3.1.2", "3.1.8", "3.2.1", "3.2.2", "3.12.4", "3.13.1", "3.13.6", "3.14.2"];
/// Requirements that are said to be met, with nothing to show for it yet.
const CLAIMED: [&str; 4] = ["3.3.1", "3.3.2", "3.5.1", "3.8.1"];

/// Makes the samples.
///
/// # Errors
/// When something could not be made.
pub async fn demo_samples(app: &App, actor: &Actor) -> Result<(), Error> {
    let Some(person) = actor.person() else { return Ok(()) };
    let db = &app.db;
    let text = SystemText {
        name: "Harbour works network".into(),
        scope: "Two sites, forty people, the drawing store and its backups.".into(),
        boundary: "The firewalls of both sites and the link between them.".into(),
        cage_codes: "1ABC2".into(),
    };
    let Ok(permit) = app.policy.permit(actor, &On::any("system")) else { return Ok(()) };
    let system = system::create(db, permit, person, &text, None).await?.answer;
    let Ok(permit) = app.policy.permit(actor, &On::any("assessment")) else { return Ok(()) };
    let new = NewAssessment { system: &system, framework: R2, name: "Self-assessment 2026" };
    let id = system::begin(db, permit, person, &new, None).await?.answer;
    let mut patches = Vec::new();
    let today = evidence::artifact::today(db.clock()).to_string();
    let library = evidence::page(db, &Look::default(), 10).await?.items;
    let (sound, rest): (Vec<_>, Vec<_>) = library.into_iter().partition(|e| e.approved_at.is_some() && e.expires_on.as_deref().is_none_or(|d| *d >= *today));
    for (n, objective) in objectives(&DONE).into_iter().enumerate() {
        // Two requirements rest on what waits for approval or has expired.
        let from = if objective.starts_with("3.13.6") || objective.starts_with("3.14.2") { &rest } else { &sound };
        if let Some(item) = from.get(n % from.len().max(1))
            && let Ok(permit) = app.policy.permit(actor, &part("objective", &id, &objective))
        {
            proof::link(db, permit, person, (&id, &objective), item, Method::Examine).await?;
        }
        patches.push(Patch { objective, stage: Some(Stage::Complete), finding: Some(Finding::Met), owner: Some(person.clone()), ..Patch::default() });
    }
    for objective in objectives(&CLAIMED) {
        patches.push(Patch { objective, stage: Some(Stage::InProgress), finding: Some(Finding::Met), owner: Some(person.clone()), ..Patch::default() });
    }
    let because = Some("The product in use has no validation certificate yet.".to_owned());
    patches.push(Patch { objective: "3.13.11".into(), stage: Some(Stage::Reviewed), finding: Some(Finding::NotMet), because, ..Patch::default() });
    let because = Some("There are no portable devices on this system.".to_owned());
    patches.push(Patch { objective: "3.8.8".into(), stage: Some(Stage::Reviewed), finding: Some(Finding::NotApplicable), because, ..Patch::default() });
    let Ok(permit) = app.policy.permit(actor, &On::any("assessment")) else { return Ok(()) };
    match state::bulk(db, permit, person, &id, Catalog::r2(), patches).await {
        Ok(_) | Err(BulkError::Lines(_)) => {}
        Err(BulkError::Other(error)) => return Err(error),
    }
    write(app, actor, person, &id).await?;
    talk(app, actor, person, &id).await
}

/// Sections of the security plan.
async fn write(app: &App, actor: &Actor, person: &PersonId, id: &AssessmentId) -> Result<(), Error> {
    let Some(of) = system::assessment(&app.db, id).await? else { return Ok(()) };
    for (name, text, responsible) in [
        ("environment", "Two sites with a machine room each; desktops of one make; no cloud service holds drawings.", "Network team"),
        ("connections", "A line to the customer's exchange, agreed in 2025, for drawings alone.", "Network team"),
        ("3.1.1", "Accounts are given by the list of the yard, and taken on the day somebody leaves.", "Head of the yard"),
        ("3.13.1", "Both firewalls drop what no rule names; the rules are looked at every quarter.", "Network team"),
    ] {
        let text = SectionText { text: text.into(), responsible: responsible.into() };
        if let Ok(permit) = app.policy.permit(actor, &part("requirement", id, name)) {
            section::write(&app.db, permit, person, (&of, name), 0, None, &text).await?;
        }
    }
    Ok(())
}

/// An interview, a part, and a word about it.
async fn talk(app: &App, actor: &Actor, person: &PersonId, id: &AssessmentId) -> Result<(), Error> {
    let db = &app.db;
    let at = (id, "3.2.3[a]");
    let today = jiff::Timestamp::from_microsecond(db.clock().now()).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    let new = NewRecord {
        method: Method::Interview,
        with_whom: "Head of the yard".into(),
        said: "Everybody is told at the start and once a year.".into(),
        held_on: today,
    };
    if let Ok(permit) = app.policy.permit(actor, &part("objective", id, at.1)) {
        proof::record(db, permit, person, at, new, today, None).await?;
    }
    if let Some(requirement) = Catalog::r2().requirement("3.13.11")
        && let Ok(permit) = app.policy.permit(actor, &part("requirement", id, &requirement.id))
    {
        state::meet_in_part(db, permit, person, id, requirement, "All traffic is encrypted; the module is not validated.").await?;
    }
    if let Ok(permit) = app.policy.permit(actor, &part("objective", id, "3.13.11")) {
        comment(db, permit, (person, "Omar Bell"), (id, "3.13.11"), "@dana.whitfield the vendor promises the certificate for March.", None).await?;
    }
    Ok(())
}

fn objectives(requirements: &[&str]) -> Vec<String> {
    requirements.iter().filter_map(|id| Catalog::r2().requirement(id)).flat_map(|r| &r.objectives).map(|o| o.id.clone()).collect()
}
