//! The page of tags, and the same over the API.

use axum::Json as Out;
use axum::extract::{FromRequest as _, Path, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tags::{self, CODE_CHARS_MAX, TITLE_CHARS_MAX};
use super::web::told;
use super::web_about::told_in;
use super::{Error, List, MakeTag, RetireTag};
use crate::http::form::{FormState, Posted};
use crate::http::openapi::Problem;
use crate::http::{self, Answer, Ctx, Json, Routes, Rule, Signed};
use crate::policy::On;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/tags", Rule::Act("tag.create"), get_tags)
        .post("/tags", Rule::Act("tag.create"), post_tag)
        .post("/tags/{name}/retire", Rule::Act("tag.retire"), post_retire)
        .get("/api/v1/tags", Rule::Act("evidence.list"), api_list)
        .put("/api/v1/tags/{name}", Rule::Act("tag.create"), api_put)
        .post("/api/v1/tags/{name}/retire", Rule::Act("tag.retire"), api_retire)
}

#[derive(Serialize)]
struct ShownTag {
    code: String,
    title: String,
    retired: bool,
}

#[derive(Serialize)]
struct TagsPage {
    tags: Vec<ShownTag>,
    code_max: usize,
    title_max: usize,
    form: FormState,
}

async fn page(ctx: &Ctx, form: FormState) -> Result<TagsPage, http::Error> {
    let all = tags::all(&ctx.app.db).await?;
    let tags = all.into_iter().map(|t| ShownTag { retired: t.retired_at.is_some(), code: t.code, title: t.title }).collect();
    Ok(TagsPage { tags, code_max: CODE_CHARS_MAX, title_max: TITLE_CHARS_MAX, form })
}

/// A tag as the policy and an entry see it; what cannot be a code is nothing in particular.
fn on(code: &str) -> On {
    tags::code(code).map_or_else(|| On::any("tag"), |code| On::one("tag", code))
}

async fn get_tags(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<MakeTag>(&On::any("tag")).await?;
    ctx.page("evidence/tags.html", page(&ctx, FormState::default()).await?).await
}

async fn post_tag(Signed { ctx, person }: Signed, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<MakeTag>(&On::any("tag")).await?;
    let (code, title) = (fields.one("code")?, fields.one("title")?);
    fields.finish()?;
    let mut form = FormState::default().keep("code", code.as_str()).keep("title", title.as_str());
    match tags::make(&ctx.app.db, permit, &person, &code, &title).await {
        Ok(_) => return Ok(ctx.go("/tags", "tag-made")),
        Err(Error::Text { field, error }) => form.wrong(field, error.to_string()),
        Err(Error::Field { field, code }) => form.wrong(field, ctx.app.text(&format!("error-{code}"), &[])),
        Err(Error::State) => form.wrong("code", ctx.app.text("error-tag-there", &[])),
        Err(error) => return Err(told(error)),
    }
    ctx.again("evidence/tags.html", page(&ctx, form).await?).await
}

async fn post_retire(Signed { ctx, .. }: Signed, Path(name): Path<String>, Posted { fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<RetireTag>(&on(&name)).await?;
    fields.finish()?;
    let code = tags::code(&name).ok_or_else(http::Error::not_found)?;
    tags::retire(&ctx.app.db, permit, &code).await?;
    Ok(ctx.go("/tags", "tag-retired"))
}

/// A tag of a domain or an asset.
#[derive(Debug, Serialize, ToSchema)]
pub struct TagView {
    code: String,
    title: String,
    /// It is given to nothing new.
    retired: bool,
}

/// All tags, by code
#[utoipa::path(get, path = "/api/v1/tags", tag = "evidence", responses((status = 200, body = Vec<TagView>), (status = 403, body = Problem)))]
pub(super) async fn api_list(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<List>(&On::any("evidence")).await?;
    let all = tags::all(&ctx.app.db).await?;
    let shown: Vec<TagView> = all.into_iter().map(|t| TagView { retired: t.retired_at.is_some(), code: t.code, title: t.title }).collect();
    Ok(Out(shown).into_response())
}

/// What a tag stands for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TagText {
    title: String,
}

/// Make a tag
#[utoipa::path(put, path = "/api/v1/tags/{name}", tag = "evidence", request_body = TagText, params(("name" = String, Path, description = "Its code")),
    responses((status = 204), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn api_put(Signed { ctx, person }: Signed, Path(name): Path<String>, request: Request) -> Answer {
    let permit = ctx.permit::<MakeTag>(&on(&name)).await?;
    let Json(text) = Json::<TagText>::from_request(request, &ctx.app).await?;
    tags::make(&ctx.app.db, permit, &person, &name, &text.title).await.map_err(|e| told_in(&ctx.app, e))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Retire a tag
#[utoipa::path(post, path = "/api/v1/tags/{name}/retire", tag = "evidence", params(("name" = String, Path, description = "Its code")),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn api_retire(Signed { ctx, .. }: Signed, Path(name): Path<String>) -> Answer {
    let permit = ctx.permit::<RetireTag>(&on(&name)).await?;
    let code = tags::code(&name).ok_or_else(http::Error::not_found)?;
    tags::retire(&ctx.app.db, permit, &code).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
