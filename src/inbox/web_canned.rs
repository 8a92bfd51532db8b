//! Texts that are kept ready, and what is answered by itself: one page each, and their forms.

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::{
    Canned, ChangeCanned, Error, MakeCanned, NAME_CHARS_MAX, RemoveCanned, See, SetAnswer, answers, canned, change, create, named, remove, set_answer,
};
use crate::campaigns::wording::Wording;
use crate::core::clock::Micros;
use crate::core::id::CannedId;
use crate::core::text::{Line, Paragraph};
use crate::http::form::{Fields, FormState};
use crate::http::{self, Answer, App, Ctx, Posted, Routes, Rule, Signed};
use crate::messages::TEXT_CHARS_MAX;
use crate::messages::answer::{KINDS, PER_DAY_MAX};
use crate::policy::On;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/inbox/replies", Rule::Act("thread.list"), get_replies)
        .post("/inbox/replies", Rule::Act("canned.create"), post_replies)
        .get("/inbox/replies/{id}", Rule::Act("thread.list"), get_reply)
        .post("/inbox/replies/{id}", Rule::Act("canned.edit"), post_reply)
        .post("/inbox/replies/{id}/remove", Rule::Act("canned.remove"), post_remove)
        .get("/inbox/answers", Rule::Act("thread.list"), get_answers)
        .post("/inbox/answers", Rule::Act("answer.set"), post_answers)
}

fn all_canned() -> On {
    On::any("canned")
}

#[derive(Serialize)]
struct Row {
    id: String,
    name: String,
    text: String,
    version: i64,
    author: String,
    at: Micros,
}

impl From<Canned> for Row {
    fn from(c: Canned) -> Self {
        Self { id: c.id.to_string(), name: c.name, text: c.text, version: c.version, author: c.author, at: c.changed_at }
    }
}

#[derive(Serialize)]
struct RepliesPage {
    items: Vec<Row>,
    may_make: bool,
    text_max: usize,
    form: FormState,
}

#[derive(Serialize)]
struct ReplyPage {
    item: Row,
    may_edit: bool,
    may_remove: bool,
    text_max: usize,
    form: FormState,
}

/// Name and text of a reply, or the form with what is wrong.
fn parts(app: &App, name: &str, typed: &str) -> Result<(String, String), FormState> {
    let mut form = FormState::default().keep("name", name).keep("text", typed);
    let name = Line::parse(name, NAME_CHARS_MAX).map_err(|_| form.wrong("name", app.text("error-canned-name", &[])));
    let max = TEXT_CHARS_MAX.to_string();
    let text = Paragraph::parse(typed, TEXT_CHARS_MAX).map_err(|_| form.wrong("text", app.text("error-canned-text", &[("max", &max)])));
    match (name, text) {
        (Ok(name), Ok(text)) if Wording::parse(&text).is_ok() => Ok((name, text)),
        (_, Ok(_)) if form.is_fine() => {
            form.wrong("text", app.text("error-template-brace", &[]));
            Err(form)
        }
        _ => Err(form),
    }
}

async fn replies_page(ctx: &Ctx, form: FormState) -> Result<RepliesPage, http::Error> {
    let items = canned(&ctx.app.db).await?.into_iter().map(Row::from).collect();
    Ok(RepliesPage { items, may_make: ctx.app.policy.can::<MakeCanned>(&ctx.actor, &all_canned()), text_max: TEXT_CHARS_MAX, form })
}

async fn get_replies(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<See>(&super::web::threads()).await?;
    Fields::parse(uri.query().unwrap_or_default().as_bytes())?.finish()?;
    let page = replies_page(&ctx, FormState::default()).await?;
    ctx.page("inbox/replies.html", page).await
}

async fn post_replies(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<MakeCanned>(&all_canned()).await?;
    let (name, typed) = (fields.one("name")?, fields.one("text")?);
    fields.finish()?;
    let (name, text) = match parts(&ctx.app, &name, &typed) {
        Ok(parts) => parts,
        Err(form) => return ctx.again("inbox/replies.html", replies_page(&ctx, form).await?).await,
    };
    match create(&ctx.app.db, permit, &person, &name, &text).await {
        Ok(_) => Ok(ctx.go("/inbox/replies", "canned-made")),
        Err(Error::Name) => {
            let mut form = FormState::default().keep("name", name).keep("text", text);
            form.wrong("name", ctx.app.text("error-canned-taken", &[]));
            ctx.again("inbox/replies.html", replies_page(&ctx, form).await?).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn one(ctx: &Ctx, id: &str) -> Result<Canned, http::Error> {
    let id: CannedId = id.parse().map_err(|_| http::Error::not_found())?;
    named(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

fn reply_page(ctx: &Ctx, item: Canned, form: FormState) -> ReplyPage {
    let policy = &ctx.app.policy;
    let (may_edit, may_remove) = (policy.can::<ChangeCanned>(&ctx.actor, &all_canned()), policy.can::<RemoveCanned>(&ctx.actor, &all_canned()));
    ReplyPage { item: item.into(), may_edit, may_remove, text_max: TEXT_CHARS_MAX, form }
}

async fn get_reply(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<See>(&super::web::threads()).await?;
    let item = one(&ctx, &id).await?;
    let form = FormState::default().keep("name", item.name.as_str()).keep("text", item.text.as_str());
    ctx.page("inbox/reply.html", reply_page(&ctx, item, form)).await
}

async fn post_reply(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<ChangeCanned>(&all_canned()).await?;
    let item = one(&ctx, &id).await?;
    let (name, typed, seen) = (fields.one("name")?, fields.one("text")?, fields.one("version")?);
    fields.finish()?;
    let seen: i64 = seen.parse().map_err(|_| http::Error::field("version", "is not a version"))?;
    let (name, text) = match parts(&ctx.app, &name, &typed) {
        Ok(parts) => parts,
        Err(form) => return ctx.again("inbox/reply.html", reply_page(&ctx, item, form)).await,
    };
    match change(&ctx.app.db, permit, &person, (&item.id, seen), &name, &text).await {
        Ok(()) => Ok(ctx.go("/inbox/replies", "canned-changed")),
        Err(Error::Name) => {
            let mut form = FormState::default().keep("name", name).keep("text", text);
            form.wrong("name", ctx.app.text("error-canned-taken", &[]));
            ctx.again("inbox/reply.html", reply_page(&ctx, item, form)).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn post_remove(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    let permit = ctx.permit::<RemoveCanned>(&all_canned()).await?;
    fields.finish()?;
    let item = one(&ctx, &id).await?;
    remove(&ctx.app.db, permit, &item.id).await?;
    Ok(ctx.go("/inbox/replies", "canned-removed"))
}

#[derive(Serialize)]
struct Set {
    kind: &'static str,
    text: String,
    author: Option<String>,
    at: Option<Micros>,
    wrong: Option<String>,
}

#[derive(Serialize)]
struct AnswersPage {
    items: Vec<Set>,
    may_set: bool,
    text_max: usize,
    per_day: i64,
}

/// The page, with the text of one answer as it was refused.
async fn answers_page(ctx: &Ctx, refused: Option<(&str, String, String)>) -> Result<AnswersPage, http::Error> {
    let set = answers(&ctx.app.db).await?;
    let items = KINDS.into_iter().map(|kind| {
        let there = set.iter().find(|s| s.kind == kind);
        let (text, author, at) = there.map_or((String::new(), None, None), |s| (s.text.clone(), Some(s.author.clone()), Some(s.changed_at)));
        match &refused {
            Some((of, typed, wrong)) if *of == kind => Set { kind, text: typed.clone(), author, at, wrong: Some(wrong.clone()) },
            _ => Set { kind, text, author, at, wrong: None },
        }
    });
    let may_set = ctx.app.policy.can::<SetAnswer>(&ctx.actor, &On::any("answer"));
    Ok(AnswersPage { items: items.collect(), may_set, text_max: TEXT_CHARS_MAX, per_day: PER_DAY_MAX })
}

async fn get_answers(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<See>(&super::web::threads()).await?;
    let page = answers_page(&ctx, None).await?;
    ctx.page("inbox/answers.html", page).await
}

async fn post_answers(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<SetAnswer>(&On::any("answer")).await?;
    let (kind, typed) = (fields.one("kind")?, fields.one("text")?);
    fields.finish()?;
    let kind = KINDS.into_iter().find(|k| *k == kind).ok_or_else(|| http::Error::field("kind", "must be `stop`, `start` or `help`"))?;
    let text = if typed.trim().is_empty() { Ok(String::new()) } else { Paragraph::parse(&typed, TEXT_CHARS_MAX) };
    let Ok(text) = text else {
        let wrong = ctx.app.text("error-canned-text", &[("max", &TEXT_CHARS_MAX.to_string())]);
        let page = answers_page(&ctx, Some((kind, typed, wrong))).await?;
        return ctx.again("inbox/answers.html", page).await;
    };
    set_answer(&ctx.app.db, permit, &person, kind, &text).await?;
    Ok(ctx.go("/inbox/answers", "answer-set"))
}
