//! A few invented patients for a demonstration, made by the steps a conversation takes.

use super::hear::{Heard, Incoming, hear};
use super::{Step, change, read};
use crate::core::fault::{Context as _, Fault};
use crate::core::number::Number;
use crate::http::App;
use crate::policy::{Actor, Resource as _};

/// Numbers that are given to nobody, and what is said from them.
const SAMPLES: [(&str, &[&str]); 4] = [
    (
        "+12025550123",
        &["intake", "yes", "Ruth Abernathy", "3/27/1984", "12 Rowan Street, Springfield", "Asthma since 2001", "Salbutamol, 100 micrograms, when needed"],
    ),
    ("+14155550142", &["intake", "yes", "Gus Oyelaran", "11/2/1958", "400 Hayes Street, Springfield", "skip", "Metformin 500 mg twice a day"]),
    ("+13125550187", &["ingreso", "sí", "Petra Vance", "5/8/1991", "9 Lake Road, Springfield", "omitir", "omitir"]),
    ("+12065550199", &["intake", "yes", "Tomas Eklund", "I would rather not", "no", "never mind"]),
];

/// Makes the samples; `staff` writes a note on one of them.
///
/// # Errors
/// When the database fails.
pub async fn demo_samples(app: &App, staff: &Actor) -> Result<(), Fault> {
    let (db, policy) = (&app.db, &app.policy);
    for (number, texts) in SAMPLES {
        let number = Number::parse(number, None).context("a sample's number")?;
        for text in texts {
            let incoming = Incoming { number: &number, channel: "sms", text };
            let heard = hear(db, policy, &app.policies.flows, &incoming, app.config.url()).await.context("a sample intake")?;
            let Heard::Step(prepared) = heard else { continue };
            let permit = policy.permit::<Step>(&Actor::system(), &prepared.on()).context("a sample intake")?;
            let mut tx = db.begin(&permit).await.context("a sample intake")?;
            let (id, detail) = prepared.write(&mut tx).await.context("a sample intake")?;
            tx.commit(permit.naming(&id), detail).await.context("a sample intake")?;
            prepared.settle(db).await;
        }
    }
    let Some(person) = staff.person() else { return Ok(()) };
    let (records, _) = read::page(db, &read::Look::State("handover".into()), None).await.context("a sample note")?;
    if let Some(record) = records.first() {
        let permit = policy.permit::<super::Note>(staff, &record.on()).context("a sample note")?;
        change::note(db, permit, record, person, "Call back in the afternoon; would rather speak with somebody.").await.context("a sample note")?;
    }
    Ok(())
}
