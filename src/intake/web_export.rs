//! The page of exports: which flow, which days, which columns, for what purpose, for whom.
//! Must stay true: nothing is chosen beforehand, so that only what is needed leaves; each format is an act of its own, and
//! password and code were given a moment ago.

use axum::http::Uri;
use serde::Serialize;

use super::export::{Format, Wanted, begin};
use super::web::{Choice, fields_of, permitted, purposes};
use super::{Export, ExportMachine, NOTE_CHARS_MAX, PHONE, PURPOSES, intakes};
use crate::core::clock::{DAY, Micros};
use crate::core::text::Paragraph;
use crate::http::form::{Fields, FormState};
use crate::http::headers::{IsDownload, IsPrivate};
use crate::http::{self, Answer, Ctx, Posted, Routes, Rule, Signed};
use crate::policy::{On, Role};

pub(super) fn routes() -> Routes {
    Routes::new().get("/intake/export", Rule::Act("intake.export"), get_export).post("/intake/export", Rule::Act("intake.export"), post_export).post(
        "/intake/export/machine",
        Rule::Act("intake.export_machine"),
        post_machine,
    )
}

#[derive(Debug, Serialize)]
struct Column {
    field: String,
    label: String,
    chosen: bool,
}

#[derive(Debug, Serialize)]
struct Flow {
    name: String,
    title: String,
    columns: Vec<Column>,
}

#[derive(Debug, Serialize)]
struct ExportPage {
    flows: Vec<Flow>,
    purposes: Vec<Choice>,
    may_machine: bool,
    form: FormState,
}

fn page(ctx: &Ctx, chosen: &[String], form: FormState) -> ExportPage {
    let column = |value: String, label: String| Column { chosen: chosen.contains(&value), field: value, label };
    let flow = |flow: &crate::flow::Flow| Flow {
        name: flow.name.clone(),
        title: flow.title.clone(),
        columns: fields_of(Some(flow), "en")
            .into_iter()
            .map(|f| column(f.value, f.text))
            .chain([column(PHONE.to_owned(), ctx.app.text("intake-phone", &[]))])
            .collect(),
    };
    // Whether the role has the act; whether it is fresh is asked when it is done.
    let may_machine = ctx.app.policy.rules().any(|(name, rule)| {
        name == "intake.export_machine" && Role::ALL.iter().any(|role| ctx.actor.has(*role) && rule.allow.iter().any(|a| a == role.name()))
    });
    ExportPage { flows: ctx.app.policies.flows.all().map(flow).collect(), purposes: purposes(&ctx.app), may_machine, form }
}

async fn get_export(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    drop(permitted::<Export>(&ctx, &intakes()).await?);
    Fields::parse(uri.query().unwrap_or_default().as_bytes())?.finish()?;
    let page = page(&ctx, &[], FormState::default());
    ctx.page("intake/export.html", page).await
}

/// The first instant of a day.
fn start_of(day: jiff::civil::Date) -> Micros {
    jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_or(0, jiff::Timestamp::as_microsecond)
}

/// Reads the form; what is wrong with it is noted there.
fn wanted(ctx: &Ctx, mut fields: Fields, machine: bool) -> Result<(Option<Wanted>, Vec<String>, FormState), http::Error> {
    let text = |key: &str| ctx.app.text(key, &[]);
    let mut one = |name: &str| Ok::<_, http::Error>(fields.optional(name)?.unwrap_or_default().trim().to_owned());
    let (flow, from, to, purpose, note) = (one("flow")?, one("from")?, one("to")?, one("purpose")?, one("note")?);
    let xlsx = one("format")? == "xlsx";
    let columns = fields.many("columns");
    fields.finish()?;
    let mut form = FormState::default();
    for (name, value) in [("flow", &flow), ("from", &from), ("to", &to), ("purpose", &purpose), ("note", &note)] {
        form = form.keep(name, value.as_str());
    }
    let known = ctx.app.policies.flows.get(&flow);
    if known.is_none() {
        form.wrong("flow", text("intake-flow-missing"));
    }
    let is_column = |c: &String| c == PHONE || known.is_some_and(|f| f.question(c).is_some());
    let doubled = columns.iter().enumerate().any(|(n, c)| columns[..n].contains(c));
    if columns.is_empty() || doubled || (known.is_some() && !columns.iter().all(is_column)) {
        form.wrong("columns", text("intake-columns-missing"));
    }
    let day = |value: &str| value.parse::<jiff::civil::Date>().ok();
    let (from, to) = (day(&from), day(&to));
    if from.is_none() || to.is_none() || from > to {
        form.wrong("from", text("intake-days-missing"));
    }
    let purpose = PURPOSES.into_iter().find(|p| *p == purpose);
    if purpose.is_none() {
        form.wrong("purpose", text("intake-purpose-missing"));
    }
    let words = if note.is_empty() && purpose != Some("other") { Ok(String::new()) } else { Paragraph::parse(&note, NOTE_CHARS_MAX) };
    if words.is_err() {
        form.wrong("note", ctx.app.text("intake-note-missing", &[("max", &NOTE_CHARS_MAX.to_string())]));
    }
    let (true, Some(from), Some(to), Some(purpose), Ok(note)) = (form.is_fine(), from, to, purpose, words) else { return Ok((None, columns, form)) };
    let format = if machine {
        Format::Machine
    } else if xlsx {
        Format::Xlsx
    } else {
        Format::Csv
    };
    let wanted = Wanted { flow, from: start_of(from), to: start_of(to) + DAY, fields: columns.clone(), purpose, note, format };
    Ok((Some(wanted), columns, form))
}

async fn post_export(Signed { person, .. }: Signed, Posted { ctx, fields }: Posted) -> Answer {
    let permit = permitted::<Export>(&ctx, &On::any("intake_export")).await?;
    let (found, columns, form) = wanted(&ctx, fields, false)?;
    let Some(wanted) = found else {
        let page = page(&ctx, &columns, form);
        return ctx.again("intake/export.html", page).await;
    };
    Ok(download(begin(&ctx.app, permit, &person, wanted).await?))
}

async fn post_machine(Signed { person, .. }: Signed, Posted { ctx, fields }: Posted) -> Answer {
    let permit = permitted::<ExportMachine>(&ctx, &On::any("intake_export")).await?;
    let (found, columns, form) = wanted(&ctx, fields, true)?;
    let Some(wanted) = found else {
        let page = page(&ctx, &columns, form);
        return ctx.again("intake/export.html", page).await;
    };
    Ok(download(begin(&ctx.app, permit, &person, wanted).await?))
}

fn download(mut response: axum::response::Response) -> axum::response::Response {
    response.extensions_mut().insert(IsDownload);
    response.extensions_mut().insert(IsPrivate);
    response
}
