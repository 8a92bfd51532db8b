//! A campaign that has run on the sandbox and one that waits for approval, for a demonstration, made as people would make them.

use super::engine::{Allowances, round};
use super::hours::{self, Hours};
use super::{Approve, Begin, Create, MakeTemplate, New, Submit, approve, begin, create, create_template, find, submit, template};
use crate::contacts::card::{Card, Raw};
use crate::contacts::{self, AddTo, Create as MakeContact, MakeList};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{CampaignId, ListId, TemplateId};
use crate::core::number::Number;
use crate::http::App;
use crate::messages::gateway;
use crate::policy::{Actor, On, Resource as _};

/// Name and text of the templates.
const TEXTS: [(&str, &str); 2] = [
    ("Clinic reminder", "Hello {first_name}, our flu clinic is open on Saturday from 9 to 3. Reply STOP to opt out."),
    ("Volunteer call", "Hello {name}, can you help at the food bank next week? Reply STOP to opt out."),
];
/// Numbers that are given to nobody, of people who are somewhere where it is day.
const ON_DUTY: [(&str, &str); 3] = [("+12025550171", "Lena Marsh"), ("+12025550172", "Idris Cole"), ("+12025550173", "Sofia Brandt")];
const ZONES: [&str; 5] = ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Asia/Tokyo", "Pacific/Honolulu"];
/// Rounds until everybody was taken down.
const ROUNDS_MAX: usize = 20;

/// Makes the samples: `author` writes, `other` approves.
///
/// # Errors
/// When they may not, or the database fails.
pub async fn demo_samples(app: &App, author: &Actor, other: &Actor) -> Result<(), Fault> {
    let Some(gateway) = gateway::in_force(&app.config) else { return Ok(()) };
    let Some(list) = contacts::lists(&app.db).await.context("find a list")?.into_iter().next() else { return Ok(()) };
    let lists = [on_duty(app, author).await?, list.id];
    let (Some(writes), Some(approves)) = (author.person(), other.person()) else { return Ok(()) };
    for (n, (name, text)) in TEXTS.into_iter().enumerate() {
        let permit = app.policy.permit::<MakeTemplate>(author, &On::any("template")).context("a sample template")?;
        let text: TemplateId = create_template(&app.db, permit, writes, name, text).await.context("a sample template")?;
        let text = template(&app.db, &text).await.context("a sample template")?.ok_or_else(|| Fault::new("a sample template is gone"))?;
        let new = New {
            name: format!("{name}, November"),
            template: text.id,
            template_version: text.version,
            lists: vec![lists[n].clone().into()],
            gateway: gateway.to_owned(),
            scheduled_at: None,
            per_minute: 120,
            needs_consent: false,
        };
        let permit = app.policy.permit::<Create>(author, &On::any("campaign")).context("a sample campaign")?;
        let id = create(&app.db, permit, writes, &new).await.context("a sample campaign")?;
        let draft = one(app, &id).await?;
        let permit = app.policy.permit::<Submit>(author, &draft.on()).context("a sample campaign")?;
        submit(&app.db, permit, &draft).await.context("a sample campaign")?;
        for _ in 0..ROUNDS_MAX {
            if one(app, &id).await?.state != "gathering" {
                break;
            }
            round(app, &mut Allowances::default()).await.context("take the recipients of a sample down")?;
        }
        let ready = one(app, &id).await?;
        let Some(hash) = ready.hash.clone().filter(|_| n == 0) else { continue };
        let permit = app.policy.permit::<Approve>(other, &ready.on()).context("a sample campaign")?;
        approve(&app.db, permit, approves, &ready, &hash).await.context("approve a sample")?;
        let ready = one(app, &id).await?;
        let permit = app.policy.permit::<Begin>(author, &ready.on()).context("a sample campaign")?;
        begin(&app.db, permit, &ready).await.context("begin a sample")?;
    }
    Ok(())
}

/// A list of people who may be written to at this hour, so that their campaign comes to its end.
async fn on_duty(app: &App, author: &Actor) -> Result<ListId, Fault> {
    let db = &app.db;
    let now = db.clock().now();
    let zone = ZONES.into_iter().find(|zone| matches!(hours::at(zone, now), Hours::Open { .. })).unwrap_or(ZONES[0]);
    let permit = app.policy.permit::<MakeList>(author, &On::any("list")).context("a sample list")?;
    let list = contacts::create_list(db, permit, "On duty", None).await.context("a sample list")?.answer;
    let list = contacts::list(db, &list).await.context("a sample list")?.ok_or_else(|| Fault::new("a sample list is gone"))?;
    for (number, name) in ON_DUTY {
        let number = Number::parse(number, None).context("a sample's number")?;
        let raw = Raw { name: name.into(), zone: zone.into(), ..Raw::default() };
        let card = Card::parse(number.e164(), &raw).map_err(|wrong| Fault::new(format!("a sample card: {wrong:?}")))?;
        let permit = app.policy.permit::<MakeContact>(author, &On::any("contact")).context("a sample contact")?;
        let made = contacts::create(db, permit, &number, &card, None).await.context("a sample contact")?.answer;
        let contact = contacts::find(db, &made.id).await.context("a sample contact")?.ok_or_else(|| Fault::new("a sample contact is gone"))?;
        let permit = app.policy.permit::<AddTo>(author, &list.on()).context("a sample contact")?;
        contacts::add(db, permit, &list, &contact).await.context("a sample contact")?;
    }
    Ok(list.id)
}

async fn one(app: &App, id: &CampaignId) -> Result<super::Campaign, Fault> {
    find(&app.db, id).await.context("find a sample campaign")?.ok_or_else(|| Fault::new("a sample campaign is gone"))
}
