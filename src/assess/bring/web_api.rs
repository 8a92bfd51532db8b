//! The same over the API: bring in, look, take over, set aside.

use std::collections::BTreeMap;

use axum::extract::{FromRequest as _, Path, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::web::{Refusal, apply_told, one, take};
use super::{Brought, Counts, apply, set_aside};
use crate::assess::web::{permitted, told};
use crate::assess::{BringIn, Read, SetAside, TakeOver};
use crate::core::fault::Context as _;
use crate::evidence::web::quota;
use crate::http::openapi::Problem;
use crate::http::{self, Answer, Json, Routes, Rule, Signed};
use crate::policy::On;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/api/v1/assessments/{id}/import", Rule::Act("tracker.stage"), post_bring)
        .get("/api/v1/imports/{id}", Rule::Act("assess.read"), get_report)
        .post("/api/v1/imports/{id}/apply", Rule::Act("tracker.apply"), post_apply)
        .post("/api/v1/imports/{id}/cancel", Rule::Act("tracker.cancel"), post_cancel)
}

#[derive(OpenApi)]
#[openapi(paths(post_bring, get_report, post_apply, post_cancel))]
struct Doc;

/// The part of the API document that lies here.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

/// What an import would do, for programs.
fn as_json(brought: &Brought) -> Answer {
    let plan = brought.plan()?;
    let what: BTreeMap<&str, serde_json::Value> = BTreeMap::from([
        ("id", brought.id.as_str().into()),
        ("assessment", brought.assessment_id.as_str().into()),
        ("state", brought.state().into()),
        ("refused", plan.refused().into()),
        ("objectives", plan.seen.len().into()),
        ("plan", serde_json::to_value(&plan).context("write a report")?),
    ]);
    Ok(axum::Json(what).into_response())
}

/// Bring a tracker in: multipart with one or two fields `file`, a table (CSV or XLSX) and an archive (ZIP)
#[utoipa::path(post, path = "/api/v1/assessments/{id}/import", tag = "assessments", request_body(content_type = "multipart/form-data"),
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and files bring nothing twice")),
    responses((status = 201, description = "What it would do; nothing was changed"), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem)))]
async fn post_bring(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let permit = permitted::<BringIn>(&ctx, "assessment", &id, "").await?;
    ctx.app.db.ready_for(&permit)?;
    let key = http::repeat::key(&ctx, &person, "/api/v1/assessments/{id}/import", request.headers())?;
    let once = match take(&ctx, &person, permit, &id, request, key).await {
        Ok(once) => once,
        Err(Refusal::File(says)) => return Err(http::Error::field("file", says)),
        Err(Refusal::Told(error)) => return Err(error),
    };
    let (brought, _) = one(&ctx, once.answer.as_str()).await?;
    let mut response = as_json(&brought)?;
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(place) = HeaderValue::from_str(&format!("/api/v1/imports/{}", brought.id)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(http::repeat::marked(response, once.again))
}

/// What an import would do, or did
#[utoipa::path(get, path = "/api/v1/imports/{id}", tag = "assessments", params(("id" = String, Path)),
    responses((status = 200, description = "Every row and every file, and why one is refused"), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get_report(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<Read>(&On::any("assessment")).await?;
    as_json(&one(&ctx, &id).await?.0)
}

/// What is to become of what is refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ApplyText {
    /// Rows and files that are refused stay out; without it, one of them keeps all from being taken over.
    #[serde(default)]
    leave_out: bool,
}

/// Take an import over as it was shown, whole
#[utoipa::path(post, path = "/api/v1/imports/{id}/apply", tag = "assessments", request_body = ApplyText, params(("id" = String, Path)),
    responses((status = 200, body = Counts), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 412, body = Problem), (status = 422, body = Problem)))]
async fn post_apply(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    drop(ctx.permit::<TakeOver>(&On::any("assessment")).await?);
    let (brought, _) = one(&ctx, &id).await?;
    let permit = permitted::<TakeOver>(&ctx, "assessment", brought.assessment_id.as_str(), "").await?;
    let Json(text) = Json::<ApplyText>::from_request(request, &ctx.app).await?;
    let counts = apply(&ctx.app, permit, &person, &brought, text.leave_out, quota(&ctx.app)).await.map_err(|e| apply_told(&ctx.app, e))?;
    Ok(axum::Json(counts).into_response())
}

/// Set an import aside
#[utoipa::path(post, path = "/api/v1/imports/{id}/cancel", tag = "assessments", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn post_cancel(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    drop(ctx.permit::<SetAside>(&On::any("assessment")).await?);
    let (brought, _) = one(&ctx, &id).await?;
    let permit = permitted::<SetAside>(&ctx, "assessment", brought.assessment_id.as_str(), "").await?;
    set_aside(&ctx.app.db, permit, &brought).await.map_err(|e| told(&ctx.app, e))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
