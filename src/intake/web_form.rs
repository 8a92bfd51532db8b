//! The form behind a single-use link, for whoever holds it: nobody signs in, nothing of it is kept by a browser.
//! Must stay true: an unknown link, a used one and one that ran out sound alike; the answers come back to who typed them when
//! one is wrong, and are kept nowhere else.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::response::Response;
use serde::Serialize;

use super::form::{answers, find, submit};
use super::{Record, Submit, files};
use crate::flow::{Flow, Kind};
use crate::http::form::FormState;
use crate::http::headers::IsPrivate;
use crate::http::{self, Answer, Ctx, Posted, Routes, Rule};
use crate::policy::Resource as _;

pub(super) fn routes() -> Routes {
    Routes::new().get("/intake/form/{token}", Rule::Public, get_form).post("/intake/form/{token}", Rule::Public, post_form)
}

#[derive(Debug, Serialize)]
struct Question {
    field: String,
    label: String,
    hint: String,
    long: bool,
    optional: bool,
}

#[derive(Debug, Serialize)]
struct FormPage {
    done: bool,
    title: String,
    language: String,
    consent: String,
    emergency: String,
    thanks: String,
    action: String,
    questions: Vec<Question>,
    /// Files that were added, and how many there may be.
    files: usize,
    files_max: i64,
    added: bool,
    form: FormState,
}

async fn page(ctx: &Ctx, flow: &Flow, record: &Record, token: &str, done: bool, form: FormState) -> Result<FormPage, http::Error> {
    let files = if done || flow.files_max == 0 { 0 } else { files::list(&ctx.app.db, record).await?.len() };
    let words = flow.language(&record.language);
    let question = |q: &crate::flow::Question| Question {
        field: q.field.clone(),
        label: words.label(&q.field).to_owned(),
        hint: words.ask(&q.field).to_owned(),
        long: q.kind == Kind::Text,
        optional: q.skip,
    };
    Ok(FormPage {
        files,
        files_max: flow.files_max,
        added: false,
        done,
        title: flow.title.clone(),
        language: record.language.clone(),
        consent: words.says("consent").to_owned(),
        emergency: words.says("emergency").to_owned(),
        thanks: words.says("done").to_owned(),
        action: format!("/intake/form/{token}"),
        questions: flow.questions().iter().map(question).collect(),
        form,
    })
}

/// The form again, after a file was sent with it.
pub(super) async fn again(ctx: &Ctx, flow: &Flow, record: &Record, token: &str, form: FormState, added: bool) -> Answer {
    let page = FormPage { added, ..page(ctx, flow, record, token, false, form).await? };
    let answer = if added { ctx.page("intake/form.html", page).await } else { ctx.again("intake/form.html", page).await };
    Ok(private(answer?))
}

/// The open record of a link and its flow.
pub(super) async fn named<'a>(ctx: &'a Ctx, token: &str) -> Result<(Record, &'a Flow), http::Error> {
    let record = find(&ctx.app.db, token).await?.ok_or_else(http::Error::not_found)?;
    let flow = ctx.app.policies.flows.get(&record.flow).filter(|f| f.web).ok_or_else(http::Error::not_found)?;
    Ok((record, flow))
}

fn private(mut response: Response) -> Response {
    response.extensions_mut().insert(IsPrivate);
    response
}

async fn get_form(ctx: Ctx, Path(token): Path<String>) -> Answer {
    let (record, flow) = named(&ctx, &token).await?;
    let page = page(&ctx, flow, &record, &token, false, FormState::default()).await?;
    Ok(private(ctx.page("intake/form.html", page).await?))
}

async fn post_form(Path(token): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (record, flow) = named(&ctx, &token).await?;
    let agreed = fields.optional("agree")?.is_some();
    let mut given = BTreeMap::new();
    for question in flow.questions() {
        given.insert(question.field.clone(), fields.optional(&question.field)?.unwrap_or_default());
    }
    fields.finish()?;
    let words = flow.language(&record.language);
    let mut form = FormState::default();
    for (field, text) in &given {
        form = form.keep(field, text.as_str());
    }
    if !agreed {
        form.wrong("agree", ctx.app.text("intake-agree-missing", &[]));
    }
    let read = answers(&ctx.app.db, flow, &record.language, &given);
    for (field, key) in read.as_ref().err().into_iter().flatten() {
        form.wrong(field, words.wrong(key));
    }
    let (Ok(read), true) = (read, form.is_fine()) else {
        let page = page(&ctx, flow, &record, &token, false, form).await?;
        return Ok(private(ctx.again("intake/form.html", page).await?));
    };
    let permit = ctx.permit::<Submit>(&record.on()).await?;
    submit(&ctx.app.db, permit, flow, &record, &read).await?;
    let page = page(&ctx, flow, &record, &token, true, FormState::default()).await?;
    Ok(private(ctx.page("intake/form.html", page).await?))
}
