//! Forms on contacts: new, changed, on and off lists, consents, stops, merging.

use axum::extract::Path;
use serde::Serialize;

use super::card::{Card, Raw, fields_of, tags_of};
use super::web::{allowed, contacts, number, one, show_again, wrong_text};
use super::{AddTo, Contact, Create, Edit, Error, Merge, NewConsent, RecordConsent, RemoveFrom, Source, Stop, WORDING_CHARS_MAX, list, look};
use crate::core::clock::Micros;
use crate::core::id::ListId;
use crate::core::number::Number;
use crate::core::text::Paragraph;
use crate::http::form::{Fields, FormState};
use crate::http::{self, Answer, App, Ctx, Posted, Routes, Rule, Signed};
use crate::policy::{On, Resource as _};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/contacts/new", Rule::Act("contact.create"), get_new)
        .post("/contacts/new", Rule::Act("contact.create"), post_new)
        .get("/contacts/{id}/edit", Rule::Act("contact.edit"), get_edit)
        .post("/contacts/{id}/edit", Rule::Act("contact.edit"), post_edit)
        .post("/contacts/{id}/lists", Rule::Act("list.add"), post_add)
        .post("/contacts/{id}/lists/remove", Rule::Act("list.remove"), post_remove)
        .post("/contacts/{id}/consents", Rule::Act("contact.consent"), post_consent)
        .post("/contacts/{id}/stop", Rule::Act("number.stop"), post_stop)
        .post("/contacts/{id}/merge", Rule::Act("contact.merge"), post_merge)
}

#[derive(Serialize)]
struct EditPage {
    id: Option<String>,
    number: Option<String>,
    form: FormState,
}

/// What a form says of a contact.
struct Typed {
    raw: Raw,
    kept: FormState,
}

impl Typed {
    fn take(fields: &mut Fields) -> Result<Self, http::Error> {
        let (name, zone, postal) = (fields.one("name")?, fields.one("zone")?, fields.one("postal")?);
        let (tags, own) = (fields.one("tags")?, fields.one("fields")?);
        let kept = FormState::default().keep("name", name.as_str()).keep("zone", zone.as_str()).keep("postal", postal.as_str());
        let kept = kept.keep("tags", tags.as_str()).keep("fields", own.as_str());
        Ok(Self { raw: Raw { name, zone, postal, tags: tags_of(&tags), fields: fields_of(&own) }, kept })
    }

    /// The card, or what is wrong noted in the form.
    fn card(&mut self, app: &App, number: &str) -> Option<Card> {
        match Card::parse(number, &self.raw) {
            Ok(card) => Some(card),
            Err(wrong) => {
                for wrong in wrong {
                    self.kept.wrong(wrong.field, wrong_text(app, wrong));
                }
                None
            }
        }
    }
}

async fn get_new(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<Create>(&contacts()).await?;
    ctx.page("contacts/edit.html", EditPage { id: None, number: None, form: FormState::default() }).await
}

async fn post_new(_signed: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<Create>(&contacts()).await?;
    let to = fields.one("number")?;
    let mut typed = Typed::take(&mut fields)?;
    fields.finish()?;
    let app = &ctx.app;
    typed.kept = typed.kept.keep("number", to.as_str());
    let number = number(app, &to);
    let card = typed.card(app, number.as_ref().map_or("", Number::e164));
    if let Err(text) = &number {
        typed.kept.wrong("number", text.as_str());
    }
    let (Ok(number), Some(card)) = (number, card) else {
        return ctx.again("contacts/edit.html", EditPage { id: None, number: None, form: typed.kept }).await;
    };
    match super::create(&app.db, permit, &number, &card, None).await {
        Ok(made) => Ok(ctx.go(&format!("/contacts/{}", made.answer.id), "contact-made")),
        Err(Error::Exists(id)) => Ok(ctx.go(&format!("/contacts/{id}"), "contact-exists")),
        Err(error) => Err(error.into()),
    }
}

async fn get_edit(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let (contact, _permit) = allowed::<Edit>(&ctx, &id).await?;
    let card = contact.card(&ctx.app.db).await?.ok_or(Error::State)?;
    let form = FormState::default().keep("name", card.name.as_str()).keep("zone", card.zone.as_str()).keep("postal", card.postal.as_str());
    let form = form.keep("tags", card.tag_line()).keep("fields", card.field_lines()).keep("version", contact.version);
    edit_page(&ctx, &contact, form, false).await
}

async fn edit_page(ctx: &Ctx, contact: &Contact, form: FormState, wrong: bool) -> Answer {
    let number = contact.card(&ctx.app.db).await?.map(|card| super::shown(&card.number));
    let page = EditPage { id: Some(contact.id.to_string()), number, form };
    if wrong { ctx.again("contacts/edit.html", page).await } else { ctx.page("contacts/edit.html", page).await }
}

async fn post_edit(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (contact, permit) = allowed::<Edit>(&ctx, &id).await?;
    let version = fields.one("version")?;
    let mut typed = Typed::take(&mut fields)?;
    fields.finish()?;
    let version: i64 = version.parse().map_err(|_| http::Error::field("version", "is not a number"))?;
    typed.kept = typed.kept.keep("version", version);
    let number = contact.card(&ctx.app.db).await?.ok_or(Error::State)?.number;
    let Some(card) = typed.card(&ctx.app, &number) else { return edit_page(&ctx, &contact, typed.kept, true).await };
    match super::edit(&ctx.app.db, permit, &contact, version, &card).await {
        Ok(_) => Ok(ctx.go(&format!("/contacts/{}", contact.id), "contact-saved")),
        Err(Error::State) => {
            // What was typed is kept; saving again overwrites what somebody else saved, which the page says.
            let form = typed.kept.keep("version", contact.version).saying(ctx.app.text("error-contact-changed", &[]));
            edit_page(&ctx, &contact, form, true).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The list a form names, once whoever asks may do this to lists.
async fn list_of(ctx: &Ctx, fields: &mut Fields) -> Result<super::List, http::Error> {
    let id = fields.one("list")?;
    let unknown = || http::Error::field("list", ctx.app.text("error-contact-list", &[]));
    let id: ListId = id.parse().map_err(|_| unknown())?;
    list(&ctx.app.db, &id).await?.ok_or_else(unknown)
}

async fn post_add(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    drop(ctx.permit::<AddTo>(&On::any("list")).await?);
    let contact = one(&ctx, &id).await?;
    let list = list_of(&ctx, &mut fields).await?;
    fields.finish()?;
    let permit = ctx.permit::<AddTo>(&list.on()).await?;
    list::add(&ctx.app.db, permit, &list, &contact).await?;
    Ok(ctx.go(&format!("/contacts/{}", contact.id), "contact-listed"))
}

async fn post_remove(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    drop(ctx.permit::<RemoveFrom>(&On::any("list")).await?);
    let contact = one(&ctx, &id).await?;
    let list = list_of(&ctx, &mut fields).await?;
    fields.finish()?;
    let permit = ctx.permit::<RemoveFrom>(&list.on()).await?;
    list::remove(&ctx.app.db, permit, &list, &contact).await?;
    Ok(ctx.go(&format!("/contacts/{}", contact.id), "contact-unlisted"))
}

/// Midday of a day in UTC: a day is what people remember of a consent.
fn day(text: &str, now: Micros) -> Option<Micros> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let at = date.at(12, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond();
    (date.year() >= 1990 && at <= now + crate::core::clock::DAY).then_some(at)
}

async fn post_consent(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (contact, permit) = allowed::<RecordConsent>(&ctx, &id).await?;
    let (kind, source, wording) = (fields.one("kind")?, fields.one("source")?, fields.one("wording")?);
    let (given, evidence) = (fields.one("given")?, fields.optional("evidence")?.unwrap_or_default());
    fields.finish()?;
    let app = &ctx.app;
    let mut form = FormState::default().keep("wording", wording.as_str()).keep("source", source.as_str()).keep("given", given.as_str());
    form = form.keep("evidence", evidence.as_str()).keep("kind", kind.as_str());
    let evidence = evidence.trim().to_lowercase();
    let is_hash = evidence.is_empty() || evidence.len() == 64 && evidence.bytes().all(|b| b.is_ascii_hexdigit());
    let new = (Paragraph::parse(&wording, WORDING_CHARS_MAX), source.parse::<Source>(), day(given.trim(), ctx.now()), is_hash);
    let (Ok(wording), Ok(source), Some(given_at), true, "given" | "withdrawn") = (new.0.clone(), new.1.clone(), new.2, is_hash, kind.as_str()) else {
        let checks = [("wording", new.0.is_err()), ("source", new.1.is_err()), ("given", new.2.is_none()), ("evidence", !is_hash)];
        for (field, _) in checks.iter().filter(|(_, wrong)| *wrong) {
            form.wrong(field, app.text(&format!("error-consent-{field}"), &[]));
        }
        if !matches!(kind.as_str(), "given" | "withdrawn") {
            form.wrong("kind", app.text("error-consent-kind", &[]));
        }
        return show_again(&ctx, &contact, form).await;
    };
    let evidence_sha256 = (!evidence.is_empty()).then_some(evidence);
    let new = NewConsent { withdrawn: kind == "withdrawn", source, wording, evidence_sha256, given_at };
    super::record(&app.db, permit, &contact, &person, &new).await?;
    Ok(ctx.go(&format!("/contacts/{}", contact.id), "consent-recorded"))
}

/// The kind of stop a form names.
pub(super) fn stop_kind(kind: &str) -> Result<&'static str, http::Error> {
    match kind {
        "opt_out" => Ok("opt_out"),
        "block" => Ok("block"),
        _ => Err(http::Error::field("kind", "is neither `opt_out` nor `block`")),
    }
}

async fn post_stop(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<Stop>(&On::any("number")).await?;
    let contact = one(&ctx, &id).await?;
    let (kind, reason) = (fields.one("kind")?, fields.optional("reason")?.unwrap_or_default());
    fields.finish()?;
    let kind = stop_kind(&kind)?;
    let reason = if reason.trim().is_empty() { String::new() } else { read_reason(&ctx, &reason)? };
    let card = contact.card(&ctx.app.db).await?.ok_or(Error::State)?;
    let number = kept_number(&card.number)?;
    super::stop(&ctx.app.db, permit, &number, kind, "person", &reason).await?;
    Ok(ctx.go(&format!("/contacts/{}", contact.id), "number-stopped"))
}

/// A number that was taken once is taken again, whatever has been decided of its kind since.
pub(super) fn kept_number(e164: &str) -> Result<Number, http::Error> {
    let kinds = crate::core::number::Kinds { voip: true };
    Number::parse_of(e164, None, kinds).map_err(|e| crate::core::fault::Fault::with("read a kept number", e).into())
}

pub(super) fn read_reason(ctx: &Ctx, reason: &str) -> Result<String, http::Error> {
    Paragraph::parse(reason, WORDING_CHARS_MAX).map_err(|_| http::Error::field("reason", ctx.app.text("error-consent-wording", &[])))
}

async fn post_merge(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (contact, permit) = allowed::<Merge>(&ctx, &id).await?;
    let other = fields.one("other")?;
    fields.finish()?;
    let app = &ctx.app;
    let mut form = FormState::default().keep("other", other.as_str());
    let number = match number(app, &other) {
        Ok(number) => number,
        Err(text) => {
            form.wrong("other", text);
            return show_again(&ctx, &contact, form).await;
        }
    };
    let filter = look::Filter { number: Some(number.e164().to_owned()), ..look::Filter::default() };
    let found = look::page(&app.db, &filter, None, 1).await?.contacts.pop().filter(|gone| gone.id != contact.id);
    let Some(gone) = found else {
        form.wrong("other", app.text("error-contact-other", &[]));
        return show_again(&ctx, &contact, form).await;
    };
    super::merge(&app.db, permit, &contact, contact.version, &gone).await?;
    Ok(ctx.go(&format!("/contacts/{}", contact.id), "contact-merged"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::SECOND;

    #[test]
    fn a_day_of_consent_is_a_day_and_not_in_the_future() {
        let now = 1_768_478_400 * SECOND;
        assert_eq!(day("2026-01-15", now), Some(now));
        for wrong in ["", "2026-13-01", "15.1.2026", "2026-01-18", "1889-01-01"] {
            assert_eq!(day(wrong, now), None, "{wrong}");
        }
    }
}
