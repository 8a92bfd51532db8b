//! A few messages for a demonstration, sent as a person would send them.

use super::{Draft, Send, gateway, send};
use crate::core::fault::{Context as _, Fault};
use crate::core::number::Number;
use crate::http::App;
use crate::policy::{Actor, On};

/// Numbers that are given to nobody, and what they are told.
const SAMPLES: [(&str, &str); 4] = [
    ("+12025550123", "Your appointment is confirmed for Monday at 9:30. Reply STOP to opt out."),
    ("+14155550142", "Reminder: please bring your insurance card tomorrow."),
    ("+13125550187", "The office is closed on Thursday. We are back on Friday at 8:00."),
    ("+12065550199", "Your documents are ready to be picked up at the front desk."),
];

/// Records the samples as `actor`; the worker does the rest.
///
/// # Errors
/// When the actor may not send, or the database fails.
pub async fn demo_samples(app: &App, actor: &Actor) -> Result<(), Fault> {
    let author = actor.person().ok_or_else(|| Fault::new("a message has a person as its author"))?;
    for (to, text) in SAMPLES {
        let number = Number::parse(to, None).context("a sample's number")?;
        let permit = app.policy.permit::<Send>(actor, &On::any("message")).context("a sample message")?;
        let draft = Draft { author, number: &number, text, gateway: gateway::in_force(&app.config), repeat: None };
        send(&app.db, permit, draft).await.context("send a sample message")?;
    }
    app.work.notify_one();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::text::Paragraph;
    use crate::messages::TEXT_CHARS_MAX;

    #[test]
    fn every_sample_could_be_sent() {
        for (to, text) in SAMPLES {
            assert!(Number::parse(to, None).is_ok(), "{to}");
            assert_eq!(Paragraph::parse(text, TEXT_CHARS_MAX).as_deref(), Ok(text));
        }
    }
}
