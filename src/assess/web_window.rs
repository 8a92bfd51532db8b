//! The period of an assessment's evidence: its page, and the same over the API.

use axum::extract::{FromRequest as _, Path, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::web::{Head, blame, found, named, permitted, told};
use super::web_requirement::day_of;
use super::{Error, SetWindow, window};
use crate::evidence::Window;
use crate::http::form::{FormState, Posted};
use crate::http::openapi::Problem;
use crate::http::{Answer, Json, Signed};

fn parsed(from_on: &str, to_on: &str) -> Result<Window, Error> {
    Ok(Window { from: day_of("from_on", from_on)?, to: day_of("to_on", to_on)? })
}

#[derive(Serialize)]
struct WindowPage {
    assessment: Head,
    form: FormState,
}

pub(super) async fn get_window(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let named = named(&ctx, &id).await?;
    let window = window::of(&ctx.app.db, &named.assessment.id).await.map_err(|e| told(&ctx.app, e))?;
    let day = |d: Option<jiff::civil::Date>| d.map_or_else(String::new, |d| d.to_string());
    let form = FormState::default().keep("from_on", day(window.from)).keep("to_on", day(window.to));
    ctx.page("assess/window.html", WindowPage { assessment: Head::from(&named), form }).await
}

pub(super) async fn post_window(Signed { ctx, person }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = permitted::<SetWindow>(&ctx, "assessment", &id, "").await?;
    let named = found(&ctx, &id).await?;
    let (from, to) = (fields.one("from_on")?, fields.one("to_on")?);
    fields.finish()?;
    let done = async { window::set(&ctx.app.db, permit, &person, &named.assessment.id, parsed(&from, &to)?).await };
    match done.await {
        Ok(()) => Ok(ctx.go(&format!("/assess/{}/window", named.assessment.id), "window-kept")),
        Err(error) => {
            let mut form = FormState::default().keep("from_on", from).keep("to_on", to);
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            ctx.again("assess/window.html", WindowPage { assessment: Head::from(&named), form }).await
        }
    }
}

/// From when to when evidence must be; an empty end is open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowText {
    /// As in 2026-01-31.
    #[serde(default)]
    from_on: String,
    /// As in 2026-12-31.
    #[serde(default)]
    to_on: String,
}

/// Say from when to when the evidence of an assessment must be
#[utoipa::path(put, path = "/api/v1/assessments/{id}/window", tag = "assessments", request_body = WindowText, params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn put_window(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let permit = permitted::<SetWindow>(&ctx, "assessment", &id, "").await?;
    let named = found(&ctx, &id).await?;
    let Json(text) = Json::<WindowText>::from_request(request, &ctx.app).await?;
    let done = async { window::set(&ctx.app.db, permit, &person, &named.assessment.id, parsed(&text.from_on, &text.to_on)?).await };
    done.await.map_err(|e| told(&ctx.app, e))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
