//! Templates: the list, one with its versions, and the forms that make and change them.

use axum::extract::Path;
use serde::Serialize;

use super::wording::{Wording, WordingError};
use super::{Error, MakeTemplate, NAME_CHARS_MAX, NextTemplate, See, Template, create_template, next_template, template, templates, versions};
use crate::core::clock::Micros;
use crate::core::segment::{self, Segments};
use crate::core::text::{Line, Paragraph};
use crate::http::form::FormState;
use crate::http::{self, Answer, App, Ctx, Posted, Routes, Rule, Signed};
use crate::messages::TEXT_CHARS_MAX;
use crate::policy::{On, Resource as _};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/campaigns/templates", Rule::Act("campaign.list"), get_templates)
        .post("/campaigns/templates", Rule::Act("template.create"), post_templates)
        .get("/campaigns/templates/{id}", Rule::Act("campaign.list"), get_template)
        .post("/campaigns/templates/{id}", Rule::Act("template.edit"), post_template)
}

pub(super) fn all_templates() -> On {
    On::any("template")
}

#[derive(Serialize)]
struct Row {
    id: String,
    name: String,
    text: String,
    version: i64,
    author: String,
    at: Micros,
    length: Segments,
    names: String,
}

impl From<Template> for Row {
    fn from(t: Template) -> Self {
        let names = Wording::parse(&t.text).map(|w| w.names().into_iter().collect::<Vec<_>>().join(", ")).unwrap_or_default();
        Self {
            id: t.id.to_string(),
            name: t.name,
            length: segment::count(&t.text),
            text: t.text,
            version: t.version,
            author: t.author,
            at: t.changed_at,
            names,
        }
    }
}

#[derive(Serialize)]
struct ListPage {
    items: Vec<Row>,
    may_make: bool,
    text_max: usize,
    form: FormState,
}

#[derive(Serialize)]
struct ShowPage {
    item: Row,
    versions: Vec<Row>,
    may_edit: bool,
    text_max: usize,
    form: FormState,
}

/// Reads the text of a template.
pub(super) fn text(app: &App, typed: &str) -> Result<String, String> {
    let max = TEXT_CHARS_MAX.to_string();
    let text = Paragraph::parse(typed, TEXT_CHARS_MAX).map_err(|_| app.text("error-template-text", &[("max", &max)]))?;
    match Wording::parse(&text) {
        Ok(_) => Ok(text),
        Err(WordingError::Brace) => Err(app.text("error-template-brace", &[])),
        Err(WordingError::Name(name)) => Err(app.text("error-template-name", &[("name", &name)])),
        Err(WordingError::TooMany) => Err(app.text("error-template-names", &[])),
    }
}

async fn list_page(ctx: &Ctx, form: FormState) -> Result<ListPage, http::Error> {
    let items = templates(&ctx.app.db).await?.into_iter().map(Row::from).collect();
    Ok(ListPage { items, may_make: ctx.app.policy.can::<MakeTemplate>(&ctx.actor, &all_templates()), text_max: TEXT_CHARS_MAX, form })
}

async fn get_templates(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<See>(&super::web::campaigns()).await?;
    ctx.page("campaigns/templates.html", list_page(&ctx, FormState::default()).await?).await
}

async fn post_templates(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<MakeTemplate>(&all_templates()).await?;
    let (name, typed) = (fields.one("name")?, fields.one("text")?);
    fields.finish()?;
    let app = &ctx.app;
    let mut form = FormState::default().keep("name", name.as_str()).keep("text", typed.as_str());
    let name = Line::parse(&name, NAME_CHARS_MAX).map_err(|_| form.wrong("name", app.text("error-campaign-name", &[])));
    let text = text(app, &typed).map_err(|says| form.wrong("text", says));
    let (Ok(name), Ok(text)) = (name, text) else { return ctx.again("campaigns/templates.html", list_page(&ctx, form).await?).await };
    match create_template(&app.db, permit, &person, &name, &text).await {
        Ok(id) => Ok(ctx.go(&format!("/campaigns/templates/{id}"), "template-made")),
        Err(Error::Name) => {
            form.wrong("name", app.text("error-template-taken", &[]));
            ctx.again("campaigns/templates.html", list_page(&ctx, form).await?).await
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn one(ctx: &Ctx, id: &str) -> Result<Template, http::Error> {
    let id = id.parse().map_err(|_| http::Error::not_found())?;
    template(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

async fn show_page(ctx: &Ctx, item: Template, form: FormState) -> Result<ShowPage, http::Error> {
    let old = versions(&ctx.app.db, &item.id).await?.into_iter().map(Row::from).collect();
    let may_edit = ctx.app.policy.can::<NextTemplate>(&ctx.actor, &item.on());
    Ok(ShowPage { item: item.into(), versions: old, may_edit, text_max: TEXT_CHARS_MAX, form })
}

async fn get_template(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<See>(&super::web::campaigns()).await?;
    let item = one(&ctx, &id).await?;
    let form = FormState::default().keep("text", item.text.as_str());
    ctx.page("campaigns/template.html", show_page(&ctx, item, form).await?).await
}

async fn post_template(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    drop(ctx.permit::<NextTemplate>(&all_templates()).await?);
    let item = one(&ctx, &id).await?;
    let permit = ctx.permit::<NextTemplate>(&item.on()).await?;
    let (typed, seen) = (fields.one("text")?, fields.one("version")?);
    fields.finish()?;
    if seen.parse() != Ok(item.version) {
        return Err(Error::State.into());
    }
    match text(&ctx.app, &typed) {
        Ok(text) => {
            next_template(&ctx.app.db, permit, &person, &item, &text).await?;
            Ok(ctx.go(&format!("/campaigns/templates/{}", item.id), "template-changed"))
        }
        Err(says) => {
            let mut form = FormState::default().keep("text", typed.as_str());
            form.wrong("text", says);
            ctx.again("campaigns/template.html", show_page(&ctx, item, form).await?).await
        }
    }
}
