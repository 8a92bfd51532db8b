//! The page of exports: which flow, which days, which columns, for what purpose, for whom.
//! Must stay true: nothing is chosen beforehand, so that only what is needed leaves; each format is an act of its own, and
//! password and code were given a moment ago.

use axum::http::Uri;
use serde::Serialize;

use super::export::{Format, Wanted, begin};
use super::export_sheet;
use super::web::{Choice, fields_of, has_role, permitted, purposes};
use super::{Error, Export, ExportMachine, ExportSheet, NOTE_CHARS_MAX, PHONE, PURPOSES, intakes};
use crate::core::clock::{DAY, Micros};
use crate::core::fault::chain_of;
use crate::core::text::Paragraph;
use crate::http::form::{Fields, FormState};
use crate::http::headers::{IsDownload, IsPrivate};
use crate::http::{self, Answer, Ctx, Posted, Routes, Rule, Signed};
use crate::policy::On;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/intake/export", Rule::Act("intake.export"), get_export)
        .post("/intake/export", Rule::Act("intake.export"), post_export)
        .post("/intake/export/machine", Rule::Act("intake.export_machine"), post_machine)
        .post("/intake/export/sheet", Rule::Act("intake.export_sheet"), post_sheet)
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
    /// Spreadsheets that the settings name.
    spreadsheets: Vec<String>,
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
    let may_machine = has_role(ctx, "intake.export_machine");
    let spreadsheets = ctx.app.config.sheets.as_ref().filter(|_| has_role(ctx, "intake.export_sheet")).map(|s| s.spreadsheets.clone());
    ExportPage {
        spreadsheets: spreadsheets.unwrap_or_default(),
        flows: ctx.app.policies.flows.all().map(flow).collect(),
        purposes: purposes(&ctx.app),
        may_machine,
        form,
    }
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
fn wanted(ctx: &Ctx, mut fields: Fields, as_what: Option<Format>) -> Result<(Option<Wanted>, Vec<String>, FormState), http::Error> {
    let text = |key: &str| ctx.app.text(key, &[]);
    let mut one = |name: &str| Ok::<_, http::Error>(fields.optional(name)?.unwrap_or_default().trim().to_owned());
    let (flow, from, to, purpose, note) = (one("flow")?, one("from")?, one("to")?, one("purpose")?, one("note")?);
    let xlsx = one("format")? == "xlsx";
    // Beside the other buttons of the form it says nothing.
    one("spreadsheet")?;
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
    let format = as_what.unwrap_or(if xlsx { Format::Xlsx } else { Format::Csv });
    let wanted = Wanted { flow, from: start_of(from), to: start_of(to) + DAY, fields: columns.clone(), purpose, note, format };
    Ok((Some(wanted), columns, form))
}

async fn post_export(Signed { person, .. }: Signed, Posted { ctx, fields }: Posted) -> Answer {
    let permit = permitted::<Export>(&ctx, &On::any("intake_export")).await?;
    let (found, columns, form) = wanted(&ctx, fields, None)?;
    let Some(wanted) = found else {
        let page = page(&ctx, &columns, form);
        return ctx.again("intake/export.html", page).await;
    };
    Ok(download(begin(&ctx.app, permit, &person, wanted).await?))
}

async fn post_machine(Signed { person, .. }: Signed, Posted { ctx, fields }: Posted) -> Answer {
    let permit = permitted::<ExportMachine>(&ctx, &On::any("intake_export")).await?;
    let (found, columns, form) = wanted(&ctx, fields, Some(Format::Machine))?;
    let Some(wanted) = found else {
        let page = page(&ctx, &columns, form);
        return ctx.again("intake/export.html", page).await;
    };
    Ok(download(begin(&ctx.app, permit, &person, wanted).await?))
}

/// Into a spreadsheet that the settings name; the page says what became of it.
async fn post_sheet(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = permitted::<ExportSheet>(&ctx, &On::any("intake_export")).await?;
    let Some(settings) = &ctx.app.config.sheets else { return Err(http::Error::not_found()) };
    let spreadsheet = fields.one("spreadsheet")?;
    if !settings.spreadsheets.contains(&spreadsheet) {
        return Err(http::Error::field("spreadsheet", "is none that the settings name"));
    }
    let (found, columns, mut form) = wanted(&ctx, fields, Some(Format::Sheet))?;
    let failed = match found {
        None => None,
        Some(wanted) => match export_sheet::export(&ctx.app, permit, &person, wanted, settings, &spreadsheet).await {
            Ok(_) => return Ok(ctx.go("/intake/export", "intake-sheet")),
            Err(Error::Sheets(error)) => {
                tracing::warn!(fault = chain_of(&error), "a spreadsheet was not written");
                Some("intake-sheet-failed")
            }
            Err(Error::Full) => Some("intake-sheet-full"),
            Err(error) => return Err(error.into()),
        },
    };
    if let Some(key) = failed {
        form.wrong("spreadsheet", ctx.app.text(key, &[]));
    }
    let page = page(&ctx, &columns, form);
    ctx.again("intake/export.html", page).await
}

fn download(mut response: axum::response::Response) -> axum::response::Response {
    response.extensions_mut().insert(IsDownload);
    response.extensions_mut().insert(IsPrivate);
    response
}
