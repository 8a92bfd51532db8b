//! What a notice says by mail: to whom, the subject and the text.

use std::collections::BTreeMap;

use lettre::Address;
use lettre::message::Mailbox;

use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::NoticeId;
use crate::http::App;
use crate::http::templates::both_times;
use crate::identity;
use crate::notices::alert::is_alert;
use crate::notices::{Due, Told};

/// A mail before it is put into its final form.
#[derive(Debug)]
pub struct Letter {
    /// The notice it tells of.
    pub id: NoticeId,
    /// To whom.
    pub to: Mailbox,
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: String,
}

/// The letter of a notice, or what becomes of one that has none.
pub(super) async fn of(app: &App, notice: &Due) -> Result<Result<Letter, Told>, Fault> {
    let args = notice.args(&app.db).await?;
    if is_alert(&notice.template) {
        return of_alert(app, &notice.id, &notice.template, notice.made_at, args);
    }
    let person = match &notice.person_id {
        Some(id) => identity::by_id(&app.db, id).await?,
        None => None,
    };
    let Some(person) = person else { return Ok(Err(Told::Nowhere)) };
    let mut args = args;
    let Some(to) = args.remove("to").or(person.email) else { return Ok(Err(Told::Nowhere)) };
    let session = &app.policies.session;
    let secs = if notice.template == "invite" { session.invite_link_secs } else { session.reset_link_secs };
    let written = |at: Micros| both_times(at, &person.time_zone).1;
    args.entry("name".into()).or_insert_with(|| person.display_name.clone());
    args.entry("username".into()).or_insert(person.username);
    args.entry("at".into()).or_insert_with(|| written(notice.made_at));
    args.entry("expires".into()).or_insert_with(|| written(identity::after(notice.made_at, secs)));
    let Ok(address) = to.parse::<Address>() else { return Ok(Err(Told::Never("not_an_address"))) };
    write(app, &notice.id, &notice.template, Mailbox::new(shown(&person.display_name), address), args).map(Ok)
}

/// The letter of an alert, to the address that the settings name now.
pub(super) fn of_alert(app: &App, id: &NoticeId, template: &str, at: Micros, mut args: BTreeMap<String, String>) -> Result<Result<Letter, Told>, Fault> {
    let Some(to) = &app.config.alerts.mail_to else { return Ok(Err(Told::Nowhere)) };
    let address = to.parse::<Address>().context("the address of alerts")?;
    args.insert("at".into(), both_times(at, app.config.zone_name()).1);
    write(app, id, template, Mailbox::new(None, address), args).map(Ok)
}

fn write(app: &App, id: &NoticeId, template: &str, to: Mailbox, mut args: BTreeMap<String, String>) -> Result<Letter, Fault> {
    args.entry("site".into()).or_insert_with(|| app.config.url().to_owned());
    let body = app.templates.render(&format!("mail/{template}.txt"), minijinja::context! { time_zone => "UTC" }, &args)?;
    let subject = app.text(&format!("mail-{}-subject", template.replace('_', "-")), &[]);
    Ok(Letter { id: id.clone(), to, subject, body })
}

/// A name as a header may carry it: without line breaks and other control characters, which the library would only encode.
fn shown(name: &str) -> Option<String> {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_header_has_no_line_breaks() {
        assert_eq!(shown("Eve\r\nBcc: all@example.org").as_deref(), Some("Eve  Bcc: all@example.org"));
        assert_eq!(shown(" \r\n"), None);
    }
}
