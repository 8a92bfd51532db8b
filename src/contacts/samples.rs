//! A list and a few contacts for a demonstration, made as a person would make them.

use super::card::{Card, Raw, tags_of};
use super::{AddTo, Create, MakeList, NewConsent, RecordConsent, Source, Stop, add, create, create_list, find, list, record, stop};
use crate::core::fault::{Context as _, Fault};
use crate::core::number::Number;
use crate::http::App;
use crate::policy::{Actor, On, Resource as _};

/// Numbers that are given to nobody: number, name, zone, postal code, tags.
const SAMPLES: [(&str, &str, &str, &str, &str); 6] = [
    ("+12025550123", "Ruth Abernathy", "America/New_York", "20001", "volunteer"),
    ("+14155550142", "Gus Oyelaran", "America/Los_Angeles", "94103", ""),
    ("+13125550187", "Petra Vance", "America/Chicago", "60601", "volunteer, spanish"),
    ("+12065550199", "Tomas Eklund", "America/Los_Angeles", "98101", "spanish"),
    ("+13035550111", "Nia Baptiste", "America/Denver", "80202", ""),
    ("+18085550164", "Kai Nakamura", "Pacific/Honolulu", "96813", "volunteer"),
];

/// Makes the samples as `actor`; one of them has opted out.
///
/// # Errors
/// When the actor may not, or the database fails.
pub async fn demo_samples(app: &App, actor: &Actor) -> Result<(), Fault> {
    let (db, policy) = (&app.db, &app.policy);
    let author = actor.person().ok_or_else(|| Fault::new("a consent has a person who records it"))?;
    let permit = policy.permit::<MakeList>(actor, &On::any("list")).context("a sample list")?;
    let id = create_list(db, permit, "Spring reminders", None).await.context("a sample list")?.answer;
    let members = list(db, &id).await.context("a sample list")?.ok_or_else(|| Fault::new("the list was just made"))?;
    for (number, name, zone, postal, tags) in SAMPLES {
        let number = Number::parse(number, None).context("a sample's number")?;
        let raw = Raw { name: name.into(), zone: zone.into(), postal: postal.into(), tags: tags_of(tags), fields: Vec::new() };
        let card = Card::parse(number.e164(), &raw).map_err(|_| Fault::new("a sample's card"))?;
        let permit = policy.permit::<Create>(actor, &On::any("contact")).context("a sample contact")?;
        let made = create(db, permit, &number, &card, None).await.context("a sample contact")?.answer;
        let contact = find(db, &made.id).await.context("a sample contact")?.ok_or_else(|| Fault::new("the contact was just made"))?;
        let consent = NewConsent {
            withdrawn: false,
            source: Source::Web,
            wording: "I agree to be reminded of my appointments by text message. Reply STOP to opt out.".into(),
            evidence_sha256: None,
            given_at: db.clock().now(),
        };
        let permit = policy.permit::<RecordConsent>(actor, &contact.on()).context("a sample consent")?;
        record(db, permit, &contact, author, &consent).await.context("a sample consent")?;
        let permit = policy.permit::<AddTo>(actor, &members.on()).context("a sample list")?;
        add(db, permit, &members, &contact).await.context("a sample list")?;
    }
    let gone = Number::parse(SAMPLES[5].0, None).context("a sample's number")?;
    let permit = policy.permit::<Stop>(actor, &On::any("number")).context("a sample opt-out")?;
    stop(db, permit, &gone, "opt_out", "person", "asked on the telephone").await.context("a sample opt-out")?;
    Ok(())
}
