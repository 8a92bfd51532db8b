//! The pages of intakes for staff: the list, one record, and the account of who read what.
//! Must stay true: whoever lacks the role hears that there is no such page; nothing looked for stands in an address; no page
//! holds an answer but the one that was asked for.

use axum::extract::Path;
use axum::http::{StatusCode, Uri};
use serde::Serialize;

use super::chart::{Bar, days};
use super::read::{self, Look};
use super::{Correct, Disclosures, Erase, Error, Export, List, Note, PURPOSES, Record, Reveal, STATES, intakes};
use crate::core::clock::Micros;
use crate::core::fault::Fault;
use crate::core::id::IntakeId;
use crate::core::number::Number;
use crate::core::text::Line;
use crate::db::Detail;
use crate::flow::Flow;
use crate::http::form::{Fields, FormState};
use crate::http::{self, Answer, App, Ctx, Posted, Routes, Rule, Signed, recently};
use crate::policy::{Act, On, Permit, Resource as _, Role};

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/intake", Rule::Act("intake.list"), get_list)
        .post("/intake/find", Rule::Act("intake.list"), post_find)
        .get("/intake/{id}", Rule::Act("intake.list"), get_record)
        .get("/intake/{id}/disclosures", Rule::Act("intake.disclosures"), get_disclosures)
        .and(super::api::routes())
        .and(super::web_act::routes())
        .and(super::web_export::routes())
        .and(super::web_files::routes())
        .and(super::web_form::routes())
        .and(super::web_merge::routes())
        .and(super::web_print::routes())
}

/// How an error of this slice is told when no form shows it.
#[must_use]
pub fn told(error: Error) -> http::Error {
    match error {
        Error::NotFound => http::Error::not_found(),
        Error::Changed | Error::Known => http::Error::conflict("state"),
        Error::Gone => http::Error::new(StatusCode::GONE, "intake_gone"),
        Error::Held => http::Error::conflict("intake_held"),
        Error::Merged => http::Error::conflict("intake_merged"),
        Error::Sheets(error) => Fault::with("write a spreadsheet", error).into(),
        Error::Unlike => http::Error::conflict("intake_unlike"),
        Error::Full => http::Error::conflict("intake_full"),
        Error::TooLarge => http::Error::new(StatusCode::PAYLOAD_TOO_LARGE, "intake_file"),
        Error::Kind => http::Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "intake_file"),
        Error::Answer(field, key) => http::Error::field(&field, key),
        Error::Db(error) => error.into(),
        Error::Fault(fault) => fault.into(),
    }
}

impl From<Error> for http::Error {
    fn from(error: Error) -> Self {
        told(error)
    }
}

/// The permit, or nothing is there: who has no part in intakes does not learn that there are any.
pub(super) async fn permitted<A: Act<On = On>>(ctx: &Ctx, on: &On) -> Result<Permit<A>, http::Error> {
    match ctx.permit::<A>(on).await {
        Err(error) if error.status == StatusCode::FORBIDDEN && error.code == "forbidden" => Err(http::Error::not_found()),
        permit => permit,
    }
}

/// The record a path names, with the permit for an act on it.
pub(super) async fn allowed<A: Act<On = On>>(ctx: &Ctx, id: &str) -> Result<(Record, Permit<A>), http::Error> {
    drop(permitted::<A>(ctx, &intakes()).await?);
    let id: IntakeId = id.parse().map_err(|_| http::Error::not_found())?;
    let record = read::find(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)?;
    let permit = permitted::<A>(ctx, &record.on()).await?;
    Ok((record, permit))
}

/// One entry stands for a quarter of an hour of looks at the same.
pub(super) async fn looked(ctx: &Ctx, permit: Permit<List>, what: &str) -> Result<(), http::Error> {
    let read = recently::Read::of(ctx.actor.person().map_or("", crate::core::id::PersonId::as_str), &["intake", what]);
    if !ctx.app.recently.stands_for(&read, ctx.now()) {
        ctx.app.db.record(permit, Detail::ok().with("part", what)).await?;
        ctx.app.recently.recorded(read, ctx.now());
    }
    Ok(())
}

#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: String,
    who: String,
    band: String,
    flow: String,
    channel: String,
    state: String,
    at: Micros,
    expires_at: Micros,
}

pub(super) async fn row(ctx: &Ctx, record: &Record) -> Result<Row, http::Error> {
    let brief = record.brief(&ctx.app.db).await?;
    Ok(Row {
        id: record.id.to_string(),
        who: if brief.initials.is_empty() { ctx.app.text("intake-no-name", &[]) } else { brief.initials.clone() },
        band: brief.band(ctx.now()).unwrap_or_default(),
        flow: title(&ctx.app, &record.flow),
        channel: record.channel.clone(),
        state: record.state.clone(),
        at: record.made_at,
        expires_at: record.expires_at,
    })
}

/// The name of a flow; its short name when the file is gone.
pub(super) fn title(app: &App, flow: &str) -> String {
    app.policies.flows.get(flow).map_or_else(|| flow.to_owned(), |f| f.title.clone())
}

#[derive(Debug, Serialize)]
struct ListPage {
    state: String,
    states: Vec<&'static str>,
    items: Vec<Row>,
    newer: Option<String>,
    older: Option<String>,
    filtered: bool,
    may_export: bool,
    /// The last days; empty on other pages than the first.
    days: Vec<Bar>,
    /// Flows with data on health that may be held over WhatsApp.
    whatsapp: Vec<String>,
    form: FormState,
}

async fn list_page(ctx: &Ctx, look: &Look, after: Option<&IntakeId>, form: FormState) -> Result<ListPage, http::Error> {
    let (records, more) = read::page(&ctx.app.db, look, after).await?;
    let state = if let Look::State(state) = look { state.clone() } else { String::new() };
    let is_search = matches!(look, Look::Number(_) | Look::Person(..));
    let href = |id: Option<&IntakeId>| {
        let mut parts = vec![format!("state={state}")];
        parts.extend(id.map(|id| format!("after={id}")));
        format!("/intake?{}", parts.join("&"))
    };
    let older = records.last().filter(|_| more && !is_search).map(|last| href(Some(&last.id)));
    let mut items = Vec::with_capacity(records.len());
    for record in &records {
        items.push(row(ctx, record).await?);
    }
    Ok(ListPage {
        newer: after.map(|_| href(None)),
        older,
        items,
        days: if after.is_none() && !is_search && state.is_empty() { days(&ctx.app.db).await? } else { Vec::new() },
        whatsapp: ctx.app.policies.flows.all().filter(|flow| flow.health && flow.whatsapp).map(|flow| flow.title.clone()).collect(),
        filtered: is_search || !state.is_empty() || !form.is_fine(),
        states: STATES.into_iter().chain(["merged", "expired", "deleted", "cancelled", "declined", "erased"]).collect(),
        state,
        may_export: ctx.app.policy.can::<Export>(&ctx.actor, &intakes()),
        form,
    })
}

async fn get_list(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let permit = permitted::<List>(&ctx, &intakes()).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let state = query.optional("state")?.unwrap_or_default();
    let after = query.optional("after")?.filter(|t| !t.is_empty());
    query.finish()?;
    let after = after.map(|t| t.parse::<IntakeId>().map_err(|_| http::Error::field("after", "is not the id of a record"))).transpose()?;
    if state.len() > 20 {
        return Err(http::Error::field("state", "is no state of a record"));
    }
    let look = if state.is_empty() { Look::All } else { Look::State(state) };
    looked(&ctx, permit, "list").await?;
    let page = list_page(&ctx, &look, after.as_ref(), FormState::default()).await?;
    ctx.page("intake/list.html", page).await
}

/// By number, or by name and date of birth; both exact. Posted, so that neither stands in an address.
async fn post_find(Signed { .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = permitted::<List>(&ctx, &intakes()).await?;
    let mut one = |name: &str| Ok::<_, http::Error>(fields.optional(name)?.unwrap_or_default().trim().to_owned());
    let (phone, name, birth) = (one("phone")?, one("name")?, one("birth")?);
    fields.finish()?;
    let mut form = FormState::default().keep("phone", phone.as_str()).keep("name", name.as_str()).keep("birth", birth.as_str());
    let look = if phone.is_empty() {
        match (Line::parse(&name, 200), birth.parse::<jiff::civil::Date>()) {
            (Ok(name), Ok(date)) => Some(Look::Person(name, date.to_string())),
            (name, date) => {
                if name.is_err() {
                    form.wrong("name", ctx.app.text("intake-find-name-missing", &[]));
                }
                if date.is_err() {
                    form.wrong("birth", ctx.app.text("intake-find-birth-missing", &[]));
                }
                None
            }
        }
    } else if let Ok(number) = Number::parse(&phone, ctx.app.config.default_region.as_deref()) {
        Some(Look::Number(number.e164().to_owned()))
    } else {
        form.wrong("phone", ctx.app.text("error-to-invalid", &[]));
        None
    };
    let Some(look) = look else {
        let page = list_page(&ctx, &Look::All, None, form).await?;
        return ctx.again("intake/list.html", page).await;
    };
    looked(&ctx, permit, "find").await?;
    let page = list_page(&ctx, &look, None, form).await?;
    ctx.page("intake/list.html", page).await
}

#[derive(Debug, Serialize)]
pub(super) struct Choice {
    pub value: String,
    pub text: String,
}

/// The purposes, for a form.
pub(super) fn purposes(app: &App) -> Vec<Choice> {
    PURPOSES.iter().map(|p| Choice { value: (*p).to_owned(), text: app.text(&format!("purpose-{}", p.replace('_', "-")), &[]) }).collect()
}

/// The fields of a flow by their names, for a form.
pub(super) fn fields_of(flow: Option<&Flow>, language: &str) -> Vec<Choice> {
    let of = |flow: &Flow| {
        let label = |field: &str| flow.language(language).label(field).to_owned();
        flow.questions().iter().map(|q| Choice { text: label(&q.field), value: q.field.clone() }).collect::<Vec<_>>()
    };
    flow.map(of).unwrap_or_default()
}

#[derive(Debug, Serialize)]
struct Change {
    field: String,
    label: String,
    version: i64,
    by: String,
    at: Micros,
}

#[derive(Debug, Serialize)]
struct Written {
    by: String,
    at: Micros,
}

/// What was asked for, on the page that answers it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub label: String,
    pub text: String,
}

#[derive(Debug, Serialize)]
struct File {
    id: String,
    kind: String,
    by: String,
    at: Micros,
}

#[derive(Debug, Serialize)]
struct ShowPage {
    item: Row,
    version: i64,
    there: bool,
    consent_version: Option<String>,
    consent_at: Option<Micros>,
    ended_at: Option<Micros>,
    erased_at: Option<Micros>,
    reason: Option<String>,
    fields: Vec<Choice>,
    readable: Vec<Choice>,
    purposes: Vec<Choice>,
    changes: Vec<Change>,
    notes: Vec<Written>,
    files: Vec<File>,
    merged: Vec<String>,
    merged_into: Option<String>,
    shown: Option<Shown>,
    held: bool,
    may_reveal: bool,
    may_correct: bool,
    may_note: bool,
    may_erase: bool,
    may_attach: bool,
    may_merge: bool,
    may_print: bool,
    may_account: bool,
    form: FormState,
}

async fn show_page(ctx: &Ctx, record: &Record, shown: Option<Shown>, form: FormState) -> Result<ShowPage, http::Error> {
    let (app, db, on) = (&ctx.app, &ctx.app.db, record.on());
    let flow = app.policies.flows.get(&record.flow);
    let label = |field: &str| match field {
        super::TEXTS => app.text("intake-texts", &[]),
        field => flow.map_or_else(|| field.to_owned(), |f| f.language("en").label(field).to_owned()),
    };
    let versions = read::versions(db, &record.id).await?;
    let patient = app.text("intake-by-patient", &[]);
    let changes = versions.iter().map(|v| Change {
        label: label(&v.field),
        field: v.field.clone(),
        version: v.version,
        by: v.person.clone().unwrap_or_else(|| patient.clone()),
        at: v.made_at,
    });
    let notes = read::notes(db, record).await?;
    let fields = fields_of(flow, "en");
    let mut readable: Vec<Choice> =
        fields.iter().filter(|f| versions.iter().any(|v| v.field == f.value)).map(|f| Choice { value: f.value.clone(), text: f.text.clone() }).collect();
    if record.number_sealed.is_some() {
        readable.push(Choice { value: super::PHONE.into(), text: app.text("intake-phone", &[]) });
    }
    if versions.iter().any(|v| v.field == super::TEXTS) {
        readable.push(Choice { value: super::TEXTS.into(), text: app.text("intake-texts", &[]) });
    }
    if !notes.is_empty() {
        readable.push(Choice { value: super::NOTES.into(), text: app.text("intake-notes", &[]) });
    }
    let there = record.is_there();
    // What went into another record is changed there.
    let own = there && record.merged_into.is_none();
    let alone = there && super::merge::whole(db, record.clone()).await?.id == record.id;
    let files = super::files::list(db, record).await?.into_iter().map(|file| File {
        id: file.id.to_string(),
        kind: if file.kind == "application/pdf" { app.text("intake-file-pdf", &[]) } else { app.text("intake-file-image", &[]) },
        by: file.person.unwrap_or_else(|| patient.clone()),
        at: file.made_at,
    });
    let files: Vec<File> = files.collect();
    let is_over = matches!(record.state.as_str(), "complete" | "handover");
    Ok(ShowPage {
        files,
        merged: super::merge::merged(db, record).await?.iter().map(ToString::to_string).collect(),
        merged_into: record.merged_into.as_ref().map(ToString::to_string),
        may_attach: own && app.policy.can::<super::Attach>(&ctx.actor, &on),
        may_print: there && !readable.is_empty() && flow.is_some() && has_role(ctx, "intake.print"),
        may_merge: own && is_over && flow.is_some() && has_role(ctx, "intake.merge"),
        item: row(ctx, record).await?,
        version: record.version,
        there,
        consent_version: record.consent_version.clone(),
        consent_at: record.consent_at,
        ended_at: record.ended_at,
        erased_at: record.erased_at,
        reason: record.reason.clone(),
        changes: changes.collect(),
        notes: notes.into_iter().map(|(note, _)| Written { by: note.person, at: note.made_at }).collect(),
        purposes: purposes(app),
        shown,
        held: there && super::end::is_held(db, &record.id).await?,
        may_reveal: there && !readable.is_empty() && app.policy.can::<Reveal>(&ctx.actor, &on),
        may_correct: own && flow.is_some() && app.policy.can::<Correct>(&ctx.actor, &on),
        may_note: own && app.policy.can::<Note>(&ctx.actor, &on),
        may_erase: alone && app.policy.can::<Erase>(&ctx.actor, &on),
        may_account: app.policy.can::<Disclosures>(&ctx.actor, &on),
        fields,
        readable,
        form,
    })
}

/// Whether a role has the act; whether it is fresh is asked when it is done.
pub(super) fn has_role(ctx: &Ctx, act: &str) -> bool {
    ctx.app.policy.rules().any(|(name, rule)| name == act && Role::ALL.iter().any(|role| ctx.actor.has(*role) && rule.allow.iter().any(|a| a == role.name())))
}

async fn get_record(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let (record, permit) = allowed::<List>(&ctx, &id).await?;
    looked(&ctx, permit, record.id.as_str()).await?;
    let page = show_page(&ctx, &record, None, FormState::default()).await?;
    ctx.page("intake/show.html", page).await
}

/// The page of a record with what was asked for.
pub(super) async fn show_with(ctx: &Ctx, record: &Record, shown: Shown) -> Answer {
    let page = show_page(ctx, record, Some(shown), FormState::default()).await?;
    ctx.page("intake/show.html", page).await
}

/// The page of a record again, with what was wrong with a form of it.
pub(super) async fn show_again(ctx: &Ctx, record: &Record, form: FormState) -> Answer {
    let page = show_page(ctx, record, None, form).await?;
    ctx.again("intake/show.html", page).await
}

#[derive(Debug, Serialize)]
struct Told {
    kind: String,
    fields: Vec<String>,
    purpose: String,
    by: String,
    at: Micros,
    entry: Option<i64>,
}

#[derive(Debug, Serialize)]
struct DisclosuresPage {
    id: String,
    back: bool,
    there: bool,
    erased_at: Option<Micros>,
    reason: Option<String>,
    key_is_gone: bool,
    items: Vec<Told>,
    may_hold: bool,
}

async fn get_disclosures(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let (record, permit) = allowed::<Disclosures>(&ctx, &id).await?;
    ctx.app.db.record(permit, Detail::ok()).await?;
    let (db, app) = (&ctx.app.db, &ctx.app);
    let flow = app.policies.flows.get(&record.flow);
    let reads_trail = ctx.actor.has(Role::Compliance) || ctx.actor.has(Role::Admin);
    let label = |field: &str| match field {
        super::PHONE => app.text("intake-phone", &[]),
        super::NOTES => app.text("intake-notes", &[]),
        super::TEXTS => app.text("intake-texts", &[]),
        super::FILES => app.text("intake-files", &[]),
        field => flow.map_or_else(|| field.to_owned(), |f| f.language("en").label(field).to_owned()),
    };
    let log = db.log().0;
    let items = read::disclosures(db, &record).await?.into_iter().map(|d| Told {
        kind: app.text(&format!("disclosure-{}", d.kind.replace('_', "-")), &[]),
        fields: d.fields.split(' ').map(label).collect(),
        purpose: app.text(&format!("purpose-{}", d.purpose.replace('_', "-")), &[]),
        by: d.person,
        at: d.made_at,
        entry: d.entry_seq.filter(|_| reads_trail && d.entry_log == Some(log)),
    });
    let page = DisclosuresPage {
        id: record.id.to_string(),
        back: app.policy.can::<List>(&ctx.actor, &intakes()),
        there: record.is_there(),
        erased_at: record.erased_at,
        reason: record.reason.clone(),
        key_is_gone: !db.vault().has_key(record.id.as_str()).await?,
        items: items.collect(),
        may_hold: record.is_there() && ctx.actor.has(Role::Compliance),
    };
    ctx.page("intake/disclosures.html", page).await
}
