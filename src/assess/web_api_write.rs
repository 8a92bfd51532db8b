//! Changing assessments over the API.
//! Must stay true: an edit names the version it saw (`If-Match`), and one that is old is answered with both versions.

use axum::extract::{FromRequest as _, Path, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lines::{self, FILE_BYTES_MAX, Line};
use super::proof::{self, NewRecord};
use super::state::{self, BULK_MAX, BadLine, BulkError, Edit};
use super::system::{self, NewAssessment, SystemText};
use super::web::{found, on, permitted, today, told};
use super::web_api::{ApiObjective, objective_of, system_of};
use super::web_bulk::unread_text;
use super::web_proof::{evidence_of, shown_name};
use super::web_requirement::{day_of, owner_of};
use super::{
    Assess, Assign, Bulk, Confirm, CreateAssessment, CreateSystem, EditSystem, Error, Finding, Link, MeetInPart, Method, Record, Remark, Stage, Unlink,
    Withdraw,
};
use crate::core::id::{EvidenceId, RecordId, SystemId};
use crate::http::etag::{both, seen, tagged};
use crate::http::openapi::Problem;
use crate::http::{self, Answer, Ctx, Json, Routes, Rule, Signed};
use crate::policy::On;
use crate::repeat::Once;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/api/v1/systems", Rule::Act("system.create"), post_system)
        .post("/api/v1/systems/{id}", Rule::Act("system.edit"), post_edit)
        .post("/api/v1/assessments", Rule::Act("assessment.create"), post_assessment)
        .post("/api/v1/assessments/{id}/statuses", Rule::Act("assessment.bulk"), post_bulk)
        .post("/api/v1/assessments/{id}/objectives/{name}", Rule::Act("objective.assess"), post_objective)
        .post("/api/v1/assessments/{id}/objectives/{name}/link", Rule::Act("objective.link"), post_link)
        .post("/api/v1/assessments/{id}/objectives/{name}/unlink", Rule::Act("objective.unlink"), post_unlink)
        .post("/api/v1/assessments/{id}/objectives/{name}/records", Rule::Act("objective.record"), post_record)
        .post("/api/v1/assessments/{id}/objectives/{name}/confirm", Rule::Act("objective.confirm"), post_confirm)
        .post("/api/v1/assessments/{id}/objectives/{name}/withdraw", Rule::Act("objective.withdraw"), post_withdraw)
        .post("/api/v1/assessments/{id}/objectives/{name}/comments", Rule::Act("objective.comment"), post_comment)
        .post("/api/v1/assessments/{id}/requirements/{name}/assign", Rule::Act("requirement.assign"), post_assign)
        .post("/api/v1/assessments/{id}/requirements/{name}/partial", Rule::Act("requirement.partial"), post_partial)
}

/// The id of what was made.
#[derive(Serialize, ToSchema)]
pub(super) struct Made {
    id: String,
}

fn made(once: &Once<impl std::fmt::Display>, base: &str) -> Response {
    let id = once.answer.to_string();
    let place = HeaderValue::from_str(&format!("{base}/{id}"));
    let mut response = (StatusCode::CREATED, axum::Json(Made { id })).into_response();
    if let Ok(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    http::repeat::marked(response, once.again)
}

/// Describe a system
#[utoipa::path(post, path = "/api/v1/systems", tag = "assessments", request_body = SystemText,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body make nothing twice")),
    responses((status = 201, body = Made), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_system(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<CreateSystem>(&On::any("system")).await?;
    let key = http::repeat::key(&ctx, &person, "/api/v1/systems", request.headers())?;
    let Json(text) = Json::<SystemText>::from_request(request, &ctx.app).await?;
    let once = system::create(&ctx.app.db, permit, &person, &text, key).await.map_err(|e| told(&ctx.app, e))?;
    Ok(made(&once, "/api/v1/systems"))
}

/// Change what is said of a system
#[utoipa::path(post, path = "/api/v1/systems/{id}", tag = "assessments", request_body = SystemText,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The ETag of what you saw")),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_edit(Signed { ctx, .. }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let permit = ctx.permit::<EditSystem>(&On::any("system")).await?;
    let system = system_of(&ctx, &id).await?;
    let seen = seen(request.headers())?;
    let Json(text) = Json::<SystemText>::from_request(request, &ctx.app).await?;
    match system::edit(&ctx.app.db, permit, &system, seen, &text).await {
        Ok(()) => Ok(tagged(StatusCode::NO_CONTENT.into_response(), seen + 1)),
        Err(Error::Changed) => {
            let now = system_of(&ctx, &id).await?;
            Ok(both(&ctx, &text, &now, now.version))
        }
        Err(error) => Err(told(&ctx.app, error)),
    }
}

/// An assessment to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AssessmentText {
    /// The system's id.
    system: String,
    /// The framework's key, as in `nist-800-171-r2`.
    framework: String,
    name: String,
}

/// Begin an assessment
#[utoipa::path(post, path = "/api/v1/assessments", tag = "assessments", request_body = AssessmentText,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body make nothing twice")),
    responses((status = 201, body = Made), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_assessment(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<CreateAssessment>(&On::any("assessment")).await?;
    let key = http::repeat::key(&ctx, &person, "/api/v1/assessments", request.headers())?;
    let Json(text) = Json::<AssessmentText>::from_request(request, &ctx.app).await?;
    let system: SystemId = text.system.parse().map_err(|e: crate::core::id::IdError| http::Error::field("system", e.to_string()))?;
    if system::by_id(&ctx.app.db, &system).await?.is_none() {
        return Err(http::Error::field("system", ctx.app.text("error-system-unknown", &[])));
    }
    let new = NewAssessment { system: &system, framework: &text.framework, name: &text.name };
    let once = system::begin(&ctx.app.db, permit, &person, &new, key).await.map_err(|e| told(&ctx.app, e))?;
    Ok(made(&once, "/api/v1/assessments"))
}

/// How many objectives were changed.
#[derive(Serialize, ToSchema)]
pub(super) struct Changed {
    changed: usize,
}

/// 422 with every line that cannot be taken.
fn refused(ctx: &Ctx, bad: &[BadLine]) -> http::Error {
    let mut error = http::Error::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid").saying(ctx.app.text("error-lines", &[("count", &bad.len().to_string())]));
    error.fields = bad.iter().map(|b| (format!("{}: {}", b.line, b.objective), ctx.app.text(&format!("error-{}", b.code), &[]))).collect();
    error
}

/// Change many objectives, or none: a JSON array of lines, or CSV (`text/csv`) with the same names as columns
#[utoipa::path(post, path = "/api/v1/assessments/{id}/statuses", tag = "assessments", request_body = Vec<Line>, params(("id" = String, Path)),
    responses((status = 200, body = Changed), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_bulk(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let permit = permitted::<Bulk>(&ctx, "assessment", &id, "").await?;
    let named = found(&ctx, &id).await?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let lines = if kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/csv") {
        let (parts, body) = request.into_parts();
        let bytes = http::json::read(body, &parts.headers, FILE_BYTES_MAX).await?;
        let text = std::str::from_utf8(&bytes).map_err(|_| http::Error::bad_request("not_utf8"))?;
        lines::read_csv(text).map_err(|unread| http::Error::field("body", unread_text(&ctx.app, &unread)))?
    } else {
        let Json(lines) = Json::<Vec<Line>>::from_request(request, &ctx.app).await?;
        if lines.is_empty() || lines.len() > BULK_MAX {
            return Err(http::Error::field("body", unread_text(&ctx.app, &lines::Unread::Count)));
        }
        lines.into_iter().enumerate().map(|(n, line)| (n + 1, line)).collect()
    };
    let people = state::people(&ctx.app.db).await.map_err(|e| told(&ctx.app, e))?;
    let patches = lines::patches(lines, &people).map_err(|bad| refused(&ctx, &bad))?;
    match state::bulk(&ctx.app.db, permit, &person, &named.assessment.id, &named.catalog, patches).await {
        Ok(changed) => Ok(axum::Json(Changed { changed }).into_response()),
        Err(BulkError::Lines(bad)) => Err(refused(&ctx, &bad)),
        Err(BulkError::Other(error)) => Err(told(&ctx.app, error)),
    }
}

/// What an objective is to become, whole.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectiveText {
    stage: Stage,
    finding: Option<Finding>,
    #[serde(default)]
    because: String,
    #[serde(default)]
    notes: String,
    /// An id or a user name.
    #[serde(default)]
    owner: Option<String>,
    /// As in 2026-03-31.
    #[serde(default)]
    due_on: Option<String>,
}

/// Change one objective; the body is what it is to become, whole
#[utoipa::path(post, path = "/api/v1/assessments/{id}/objectives/{name}", tag = "assessments", request_body = ObjectiveText,
    params(("id" = String, Path), ("name" = String, Path), ("If-Match" = String, Header, description = "The ETag of what you saw")),
    responses((status = 200, body = ApiObjective), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 412, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_objective(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, request: Request) -> Answer {
    let permit = permitted::<Assess>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let seen = seen(request.headers())?;
    let Json(text) = Json::<ObjectiveText>::from_request(request, &ctx.app).await?;
    let fail = |e: Error| told(&ctx.app, e);
    let owner = owner_of(&ctx, text.owner.as_deref().unwrap_or_default()).await?.map_err(fail)?;
    let due_on = day_of("due_on", text.due_on.as_deref().unwrap_or_default()).map_err(fail)?;
    let edit = Edit { stage: text.stage, finding: text.finding, because: text.because.clone(), notes: text.notes.clone(), owner, due_on };
    let before = state::one(&ctx.app.db, &named.assessment.id, &name).await.map_err(fail)?;
    match state::assess(&ctx.app.db, permit, &person, (&named.assessment.id, &name), seen, before.as_ref(), edit).await {
        Ok(version) => Ok(tagged(axum::Json(objective_of(&ctx, &named, &name).await?).into_response(), version)),
        Err(Error::Changed) => {
            let now = objective_of(&ctx, &named, &name).await?;
            Ok(both(&ctx, &text, &now, now.version()))
        }
        Err(error) => Err(fail(error)),
    }
}

/// Evidence, and how it was come by.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkText {
    /// The id of the evidence.
    evidence: String,
    /// `examine`, `interview` or `test`.
    method: Option<Method>,
}

/// Link evidence to an objective
#[utoipa::path(post, path = "/api/v1/assessments/{id}/objectives/{name}/link", tag = "assessments", request_body = LinkText,
    params(("id" = String, Path), ("name" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_link(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, request: Request) -> Answer {
    let permit = permitted::<Link>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let Json(text) = Json::<LinkText>::from_request(request, &ctx.app).await?;
    let unknown = || http::Error::field("evidence", ctx.app.text("error-evidence-unknown", &[]));
    let item = evidence_of(&ctx, &text.evidence).await?.filter(|e| e.deleted_at.is_none()).ok_or_else(unknown)?;
    let method = text.method.unwrap_or(Method::Examine);
    proof::link(&ctx.app.db, permit, &person, (&named.assessment.id, &name), &item, method).await.map_err(|e| told(&ctx.app, e))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The evidence whose link is taken away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UnlinkText {
    evidence: String,
}

/// Take a link to evidence away
#[utoipa::path(post, path = "/api/v1/assessments/{id}/objectives/{name}/unlink", tag = "assessments", request_body = UnlinkText,
    params(("id" = String, Path), ("name" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn post_unlink(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>, request: Request) -> Answer {
    let permit = permitted::<Unlink>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let Json(text) = Json::<UnlinkText>::from_request(request, &ctx.app).await?;
    let evidence: EvidenceId = text.evidence.parse().map_err(|_| http::Error::not_found())?;
    proof::unlink(&ctx.app.db, permit, (&named.assessment.id, &name), &evidence).await.map_err(|e| told(&ctx.app, e))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// An interview, a test or an examination.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordText {
    method: Method,
    /// Who was asked, or what was tried.
    with: String,
    /// What came of it.
    said: String,
    /// The day, as in 2026-03-31.
    held_on: String,
}

/// Record an interview, a test or an examination as evidence without a file
#[utoipa::path(post, path = "/api/v1/assessments/{id}/objectives/{name}/records", tag = "assessments", request_body = RecordText,
    params(("id" = String, Path), ("name" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body make nothing twice")),
    responses((status = 201, body = Made), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_record(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, request: Request) -> Answer {
    let permit = permitted::<Record>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let key = http::repeat::key(&ctx, &person, "/api/v1/assessments/{id}/objectives/{name}/records", request.headers())?;
    let Json(text) = Json::<RecordText>::from_request(request, &ctx.app).await?;
    let day = day_of("held_on", &text.held_on).and_then(|d| d.ok_or(Error::Field { field: "held_on", code: "day" }));
    let held_on = day.map_err(|e| told(&ctx.app, e))?;
    let new = NewRecord { method: text.method, with_whom: text.with, said: text.said, held_on };
    let once = proof::record(&ctx.app.db, permit, &person, (&named.assessment.id, &name), new, today(&ctx), key).await.map_err(|e| told(&ctx.app, e))?;
    Ok(made(&once, &format!("/api/v1/assessments/{id}/objectives/{name}/records")))
}

/// The record that is confirmed or withdrawn.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordNamed {
    record: String,
}

/// Confirm what somebody else recorded
#[utoipa::path(post, path = "/api/v1/assessments/{id}/objectives/{name}/confirm", tag = "assessments", request_body = RecordNamed,
    params(("id" = String, Path), ("name" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn post_confirm(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, request: Request) -> Answer {
    let permit = permitted::<Confirm>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let Json(text) = Json::<RecordNamed>::from_request(request, &ctx.app).await?;
    let record: RecordId = text.record.parse().map_err(|_| http::Error::not_found())?;
    proof::confirm(&ctx.app.db, permit, &person, (&named.assessment.id, &name), &record).await.map_err(|e| told(&ctx.app, e))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Withdraw a record
#[utoipa::path(post, path = "/api/v1/assessments/{id}/objectives/{name}/withdraw", tag = "assessments", request_body = RecordNamed,
    params(("id" = String, Path), ("name" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn post_withdraw(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>, request: Request) -> Answer {
    let permit = permitted::<Withdraw>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let Json(text) = Json::<RecordNamed>::from_request(request, &ctx.app).await?;
    let record: RecordId = text.record.parse().map_err(|_| http::Error::not_found())?;
    proof::withdraw(&ctx.app.db, permit, (&named.assessment.id, &name), &record).await.map_err(|e| told(&ctx.app, e))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A comment; `@name` tells somebody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommentText {
    text: String,
}

/// Comment on an objective
#[utoipa::path(post, path = "/api/v1/assessments/{id}/objectives/{name}/comments", tag = "assessments", request_body = CommentText,
    params(("id" = String, Path), ("name" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body make nothing twice")),
    responses((status = 201, body = Made), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_comment(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, request: Request) -> Answer {
    let permit = permitted::<Remark>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let key = http::repeat::key(&ctx, &person, "/api/v1/assessments/{id}/objectives/{name}/comments", request.headers())?;
    let Json(text) = Json::<CommentText>::from_request(request, &ctx.app).await?;
    let by = shown_name(&ctx);
    let at = (&named.assessment.id, name.as_str());
    let once = super::comment(&ctx.app.db, permit, (&person, &by), at, &text.text, key).await.map_err(|e| told(&ctx.app, e))?;
    Ok(made(&once, &format!("/api/v1/assessments/{id}/objectives/{name}/comments")))
}

/// Whose work it is, and until when; absent is nobody, and no day.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AssignText {
    /// An id or a user name.
    owner: Option<String>,
    due_on: Option<String>,
}

/// Give every objective of a requirement to somebody
#[utoipa::path(post, path = "/api/v1/assessments/{id}/requirements/{name}/assign", tag = "assessments", request_body = AssignText,
    params(("id" = String, Path), ("name" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_assign(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, request: Request) -> Answer {
    let permit = permitted::<Assign>(&ctx, "requirement", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    let requirement = named.requirement(&name)?;
    let Json(text) = Json::<AssignText>::from_request(request, &ctx.app).await?;
    let fail = |e: Error| told(&ctx.app, e);
    let owner = owner_of(&ctx, text.owner.as_deref().unwrap_or_default()).await?.map_err(fail)?;
    let due_on = day_of("due_on", text.due_on.as_deref().unwrap_or_default()).map_err(fail)?;
    state::assign(&ctx.app.db, permit, &person, &named.assessment.id, requirement, owner.as_ref(), due_on).await.map_err(fail)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Why a requirement is met in part; empty when it is not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartialText {
    because: String,
}

/// Say that a requirement is met in part, or that it is not
#[utoipa::path(post, path = "/api/v1/assessments/{id}/requirements/{name}/partial", tag = "assessments", request_body = PartialText,
    params(("id" = String, Path), ("name" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_partial(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, request: Request) -> Answer {
    let permit = ctx.permit::<MeetInPart>(&on("requirement", &id, &name)).await?;
    let named = found(&ctx, &id).await?;
    let requirement = named.requirement(&name)?;
    let Json(text) = Json::<PartialText>::from_request(request, &ctx.app).await?;
    state::meet_in_part(&ctx.app.db, permit, &person, &named.assessment.id, requirement, &text.because).await.map_err(|e| told(&ctx.app, e))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
