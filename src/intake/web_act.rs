//! What staff does to one record: reads a field for a purpose, corrects, notes, destroys; and the broken glass.
//! Must stay true: each is an entry before its answer; a glass that is broken is told to every compliance officer.

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::read::{Look, Wanted, in_vain, page, reveal};
use super::web::{Choice, Shown, allowed, fields_of, permitted, purposes, show_again, show_with};
use super::{BreakGlass, Correct, Erase, Error, NOTE_CHARS_MAX, NOTES, Note, PHONE, PURPOSES, Record, Reveal, TEXTS, change, intakes};
use crate::core::number::Number;
use crate::core::text::Paragraph;
use crate::db::DbError;
use crate::http::form::{Fields, FormState};
use crate::http::{self, Answer, Ctx, Posted, Routes, Rule, Signed};
use crate::identity;
use crate::notices::Notice;
use crate::policy::{Resource as _, Role};

/// The template of the alarm.
pub const ALARM: &str = "break_glass";

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/intake/{id}/reveal", Rule::Act("intake.reveal"), post_reveal)
        .post("/intake/{id}/correct", Rule::Act("intake.correct"), post_correct)
        .post("/intake/{id}/note", Rule::Act("intake.note"), post_note)
        .get("/intake/{id}/erase", Rule::Act("intake.erase"), get_erase)
        .post("/intake/{id}/erase", Rule::Act("intake.erase"), post_erase)
        .get("/intake/break-glass", Rule::Act("intake.break_glass"), get_glass)
        .post("/intake/break-glass", Rule::Act("intake.break_glass"), post_glass)
}

/// Takes purpose and words; the words are needed where the purpose is another, and where a glass is broken.
pub(super) fn take_purpose(ctx: &Ctx, fields: &mut Fields, form: &mut FormState, always: bool) -> Result<(&'static str, String), http::Error> {
    let (purpose, note) = (fields.one("purpose")?, fields.optional("note")?.unwrap_or_default());
    let known = PURPOSES.into_iter().find(|p| *p == purpose);
    *form = std::mem::take(form).keep("purpose", purpose.as_str()).keep("note", note.as_str());
    if known.is_none() {
        form.wrong("purpose", ctx.app.text("intake-purpose-missing", &[]));
    }
    let needed = always || known == Some("other");
    let words = if note.trim().is_empty() && !needed { Ok(String::new()) } else { Paragraph::parse(&note, NOTE_CHARS_MAX) };
    if words.is_err() {
        form.wrong("note", ctx.app.text("intake-note-missing", &[("max", &NOTE_CHARS_MAX.to_string())]));
    }
    Ok((known.unwrap_or("other"), words.unwrap_or_default()))
}

/// The name of a field, as people read it; none for what is no field.
fn label_of(ctx: &Ctx, record: &Record, field: &str) -> Option<String> {
    match field {
        PHONE => Some(ctx.app.text("intake-phone", &[])),
        NOTES => Some(ctx.app.text("intake-notes", &[])),
        TEXTS => Some(ctx.app.text("intake-texts", &[])),
        field => fields_of(ctx.app.policies.flows.get(&record.flow), "en").into_iter().find(|f| f.value == field).map(|f| f.text),
    }
}

async fn post_reveal(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (record, permit) = allowed::<Reveal>(&ctx, &id).await?;
    let field = fields.one("field")?;
    let version = fields.optional("version")?.filter(|v| !v.is_empty());
    let mut form = FormState::default().keep("field", field.as_str());
    let (purpose, note) = take_purpose(&ctx, &mut fields, &mut form, false)?;
    fields.finish()?;
    let version = version.map(|v| v.parse::<i64>().map_err(|_| http::Error::field("version", "is not a version"))).transpose()?;
    let Some(label) = label_of(&ctx, &record, &field) else { return Err(http::Error::field("field", "is no field of this record")) };
    if !form.is_fine() {
        return show_again(&ctx, &record, form).await;
    }
    let wanted = Wanted { field: &field, version, purpose, note: &note };
    let text = reveal(&ctx.app.db, permit, &record, &person, wanted, "reveal", Vec::new()).await?;
    show_with(&ctx, &record, Shown { label, text: text.as_str().to_owned() }).await
}

async fn post_correct(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (record, permit) = allowed::<Correct>(&ctx, &id).await?;
    let (field, value, why, seen) = (fields.one("field")?, fields.one("value")?, fields.one("reason")?, fields.one("version")?);
    fields.finish()?;
    let flow = ctx.app.policies.flows.get(&record.flow).ok_or_else(http::Error::not_found)?;
    if seen.parse() != Ok(record.version) {
        return Err(Error::Changed.into());
    }
    let mut form = FormState::default().keep("field", field.as_str()).keep("value", value.as_str()).keep("reason", why.as_str());
    let Ok(why) = Paragraph::parse(&why, NOTE_CHARS_MAX) else {
        form.wrong("reason", ctx.app.text("error-reason-missing", &[]));
        return show_again(&ctx, &record, form).await;
    };
    let correction = change::Correction { field: &field, text: &value, why: &why };
    match change::correct(&ctx.app.db, permit, flow, &record, &person, correction).await {
        Ok(()) => Ok(ctx.go(&format!("/intake/{}", record.id), "intake-corrected")),
        Err(Error::Answer(_, key)) => {
            form.wrong("value", flow.language("en").wrong(key));
            show_again(&ctx, &record, form).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn post_note(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (record, permit) = allowed::<Note>(&ctx, &id).await?;
    let text = fields.one("text")?;
    fields.finish()?;
    let Ok(note) = Paragraph::parse(&text, NOTE_CHARS_MAX) else {
        let mut form = FormState::default().keep("text", text);
        form.wrong("text", ctx.app.text("intake-note-missing", &[("max", &NOTE_CHARS_MAX.to_string())]));
        return show_again(&ctx, &record, form).await;
    };
    change::note(&ctx.app.db, permit, &record, &person, &note).await?;
    Ok(ctx.go(&format!("/intake/{}", record.id), "intake-noted"))
}

#[derive(Serialize)]
struct Confirm {
    title: String,
    what: String,
    consequences: Vec<String>,
    verb: String,
    action: String,
    danger: bool,
    cancel: String,
    reason: bool,
    typed: Option<String>,
    hidden: Vec<()>,
}

#[derive(Serialize)]
struct ConfirmPage {
    confirm: Confirm,
    form: FormState,
}

fn confirm(ctx: &Ctx, record: &Record, form: FormState) -> ConfirmPage {
    let text = |key: &str| ctx.app.text(key, &[]);
    let here = format!("/intake/{}", record.id);
    let confirm = Confirm {
        title: text("confirm-intake-title"),
        what: text("confirm-intake-what"),
        consequences: ["confirm-intake-1", "confirm-intake-2", "confirm-intake-3"].map(text).into(),
        verb: text("confirm-intake-verb"),
        action: format!("{here}/erase"),
        danger: true,
        cancel: here,
        reason: true,
        typed: Some("DESTROY".into()),
        hidden: Vec::new(),
    };
    ConfirmPage { confirm, form }
}

async fn get_erase(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let (record, _permit) = allowed::<Erase>(&ctx, &id).await?;
    if !record.is_there() {
        return Err(Error::Gone.into());
    }
    let page = confirm(&ctx, &record, FormState::default());
    ctx.page("confirm.html", page).await
}

async fn post_erase(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (record, permit) = allowed::<Erase>(&ctx, &id).await?;
    let (why, typed) = (fields.one("reason")?, fields.one("typed")?);
    fields.finish()?;
    let mut form = FormState::default().keep("reason", why.as_str()).keep("typed", typed.as_str());
    let reason = Paragraph::parse(&why, NOTE_CHARS_MAX);
    if reason.is_err() {
        form.wrong("reason", ctx.app.text("error-reason-missing", &[]));
    }
    if typed != "DESTROY" {
        form.wrong("typed", ctx.app.text("field-typed", &[("typed", "DESTROY")]));
    }
    let (Ok(reason), true) = (reason, form.is_fine()) else {
        let page = confirm(&ctx, &record, form);
        return ctx.again("confirm.html", page).await;
    };
    change::erase(&ctx.app.db, permit, &record, &reason).await?;
    Ok(ctx.go(&format!("/intake/{}", record.id), "intake-erased"))
}

#[derive(Serialize)]
struct GlassPage {
    fields: Vec<Choice>,
    purposes: Vec<Choice>,
    shown: Option<Shown>,
    form: FormState,
}

fn glass_page(ctx: &Ctx, shown: Option<Shown>, form: FormState) -> GlassPage {
    // Every field of every flow; the record that is found has those of one.
    let mut fields: Vec<Choice> = Vec::new();
    for flow in ctx.app.policies.flows.all() {
        for field in fields_of(Some(flow), "en") {
            if fields.iter().all(|f| f.value != field.value) {
                fields.push(field);
            }
        }
    }
    GlassPage { fields, purposes: purposes(&ctx.app), shown, form }
}

async fn get_glass(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    drop(permitted::<BreakGlass>(&ctx, &intakes()).await?);
    Fields::parse(uri.query().unwrap_or_default().as_bytes())?.finish()?;
    let page = glass_page(&ctx, None, FormState::default());
    ctx.page("intake/glass.html", page).await
}

async fn post_glass(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    drop(permitted::<BreakGlass>(&ctx, &intakes()).await?);
    let (phone, field) = (fields.one("phone")?, fields.one("field")?);
    let mut form = FormState::default().keep("phone", phone.as_str()).keep("field", field.as_str());
    let (purpose, note) = take_purpose(&ctx, &mut fields, &mut form, true)?;
    fields.finish()?;
    let number = Number::parse(&phone, ctx.app.config.default_region.as_deref());
    if number.is_err() {
        form.wrong("phone", ctx.app.text("error-to-invalid", &[]));
    }
    let (Ok(number), true) = (number, form.is_fine()) else {
        let page = glass_page(&ctx, None, form);
        return ctx.again("intake/glass.html", page).await;
    };
    let (records, _) = page(&ctx.app.db, &Look::Number(number.e164().to_owned()), None).await?;
    let record = records.into_iter().find(|r| r.ended_at.is_some());
    let label = record.as_ref().and_then(|record| label_of(&ctx, record, &field));
    let (Some(record), Some(label)) = (record, label) else {
        return nothing(&ctx, &number, purpose, &note, form).await;
    };
    let permit = permitted::<BreakGlass>(&ctx, &record.on()).await?;
    let alarms = alarms(&ctx, Some(&record)).await?;
    let wanted = Wanted { field: &field, version: None, purpose, note: &note };
    let text = match reveal(&ctx.app.db, permit, &record, &person, wanted, "break_glass", alarms).await {
        Ok(text) => text,
        Err(Error::NotFound) => return nothing(&ctx, &number, purpose, &note, form).await,
        Err(error) => return Err(error.into()),
    };
    let page = glass_page(&ctx, Some(Shown { label, text: text.as_str().to_owned() }), FormState::default());
    ctx.page("intake/glass.html", page).await
}

/// There is no such record, or nothing in it: both sound alike, and both are an entry with its alarm.
async fn nothing(ctx: &Ctx, number: &Number, purpose: &'static str, note: &str, mut form: FormState) -> Answer {
    let permit = permitted::<BreakGlass>(ctx, &intakes()).await?;
    in_vain(&ctx.app.db, permit, number.e164(), purpose, note, alarms(ctx, None).await?).await?;
    form.wrong("phone", ctx.app.text("intake-glass-none", &[]));
    let page = glass_page(ctx, None, form);
    ctx.again("intake/glass.html", page).await
}

/// A notice for every compliance officer and administrator: who broke the glass, and for which record, if there was one.
async fn alarms(ctx: &Ctx, record: Option<&Record>) -> Result<Vec<Notice>, http::Error> {
    let db = &ctx.app.db;
    let who = ctx.session.as_ref().map_or("", |s| s.display_name.as_str());
    let mut told = identity::holders(db, Role::Compliance).await?;
    for admin in identity::holders(db, Role::Admin).await? {
        if !told.contains(&admin) {
            told.push(admin);
        }
    }
    let mut out = Vec::with_capacity(told.len());
    for person in told {
        match Notice::prepare(db, "any", &person, ALARM, &[("who", who), ("record", record.map_or("", |record| record.id.as_str()))]).await {
            // Deleted since they were listed.
            Err(DbError::Erased) => {}
            notice => out.push(notice?),
        }
    }
    Ok(out)
}
