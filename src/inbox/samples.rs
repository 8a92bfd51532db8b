//! A few conversations for a demonstration, begun as the other side would begin them.

use super::{MakeCanned, SetAnswer, create, set_answer};
use crate::core::fault::{Context as _, Fault};
use crate::http::App;
use crate::messages::inbound::{self, Incoming};
use crate::messages::{Receive, gateway};
use crate::policy::{Actor, On};

/// What is answered by itself.
const ANSWERS: [(&str, &str); 3] = [
    ("stop", "You are unsubscribed and get no more messages from us. Reply START to get them again."),
    ("start", "You get messages from us again. Reply STOP to end them."),
    ("help", "North Clinic: appointment reminders. Call +1 202 555 0100 for help. Reply STOP to end messages."),
];
/// Texts that are kept ready.
const CANNED: [(&str, &str); 2] = [
    ("Running late", "Hello {first_name}, thank you for telling us. We will see you a little later."),
    ("Opening hours", "We are open Monday to Friday, 8:00 to 17:00."),
];
/// From numbers that are given to nobody: the first and the last are contacts of the demonstration, or were written to.
const HEARD: [(&str, &str, &str); 3] = [
    ("+12025550123", "+15005550006", "Thank you. Can I come half an hour later?"),
    ("+14155550142", "+15005550006", "Which card do you mean?"),
    ("whatsapp:+13125550187", "whatsapp:+15005550006", "Are you open on Friday?"),
];

/// Records the samples; texts in the name of `actor`.
///
/// # Errors
/// When the actor may not, or the database fails.
pub async fn demo_samples(app: &App, actor: &Actor) -> Result<(), Fault> {
    let author = actor.person().ok_or_else(|| Fault::new("a text has a person as its author"))?;
    for (kind, text) in ANSWERS {
        let permit = app.policy.permit::<SetAnswer>(actor, &On::any("answer")).context("a sample answer")?;
        set_answer(&app.db, permit, author, kind, text).await.context("set a sample answer")?;
    }
    for (name, text) in CANNED {
        let permit = app.policy.permit::<MakeCanned>(actor, &On::any("canned")).context("a sample reply")?;
        create(&app.db, permit, author, name, text).await.context("make a sample reply")?;
    }
    for (n, (from, to, text)) in HEARD.into_iter().enumerate() {
        let provider_id = format!("sample-{n}");
        let incoming = Incoming { gateway: gateway::TWILIO, provider_id: &provider_id, from, to, text, wish: None, may_lift: false };
        let permit = app.policy.permit::<Receive>(&Actor::system(), &On::any("inbound")).context("a sample conversation")?;
        inbound::receive(&app.db, permit, &incoming).await.context("begin a sample conversation")?;
    }
    Ok(())
}
