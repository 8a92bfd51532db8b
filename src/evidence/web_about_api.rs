//! The same over the API: what is known of a version, its siblings, and its way to approval.
//! Must stay true: an edit names the revision it saw (`If-Match`), and one that is old is answered with both.

use axum::Json as Out;
use axum::extract::{FromRequest as _, Path, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::artifact::{self, AboutText, Artifact};
use super::standing::State;
use super::web::{EvidenceView, OwnerView, named};
use super::web_about::told_in;
use super::{Approve, Describe, Error, List, Reject, Submit, web_upload};
use crate::http::etag::{both, seen, tagged};
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, Ctx, Json, Routes, Rule, Signed};
use crate::policy::On;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/v1/evidence/{id}/versions", Rule::Act("evidence.list"), api_versions)
        .post("/api/v1/evidence/{id}/versions", Rule::Act("evidence.upload"), web_upload::api_version)
        .post("/api/v1/evidence/{id}/about", Rule::Act("evidence.describe"), post_about)
        .post("/api/v1/evidence/{id}/submit", Rule::Act("evidence.submit"), post_submit)
        .post("/api/v1/evidence/{id}/approve", Rule::Act("evidence.approve"), post_approve)
        .post("/api/v1/evidence/{id}/reject", Rule::Act("evidence.reject"), post_reject)
}

/// What the file says of itself. Nothing of it is believed.
#[derive(Debug, Serialize, ToSchema)]
pub struct SaysView {
    author: Option<String>,
    created: Option<String>,
    modified: Option<String>,
}

/// One version with everything that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArtifactView {
    #[serde(flatten)]
    evidence: EvidenceView,
    /// The id of the first version.
    line: String,
    about: AboutText,
    file_says: SaysView,
    submitted_at: Option<String>,
    approved_at: Option<String>,
    approved_by: Option<String>,
    rejected_because: Option<String>,
    superseded_at: Option<String>,
    /// When the stored file was found to be another than the one that was uploaded.
    altered_at: Option<String>,
    /// Why it holds nothing today: `draft`, `in_review`, `expired`, `superseded`, `submitter_is_approver`, `hash_mismatch` or
    /// `evidence_deleted`; null when it does.
    flaw: Option<&'static str>,
    /// Other files with the same content, at most ten.
    duplicates: Vec<String>,
    /// Counts its changes; also the ETag.
    revision: i64,
}

fn time(at: Option<i64>) -> Option<String> {
    at.map(|at| both_times(at, "UTC").0)
}

async fn view(ctx: &Ctx, id: &str) -> Result<(ArtifactView, Artifact), http::Error> {
    let item = named(ctx, id).await?;
    let db = &ctx.app.db;
    let a = artifact::of_evidence(db, &item).await?;
    let duplicates = artifact::duplicates(db, &item.id, &item.sha256).await?;
    let view = ArtifactView {
        line: a.line_id.to_string(),
        about: a.about(),
        file_says: SaysView { author: a.file_author.clone(), created: a.file_created.clone(), modified: a.file_modified.clone() },
        submitted_at: time(a.submitted_at),
        approved_at: time(a.approved_at),
        approved_by: a.approved_by.as_ref().map(ToString::to_string),
        rejected_because: a.rejected_because.clone(),
        superseded_at: time(a.superseded_at),
        altered_at: time(a.altered_at),
        flaw: a.flaw(artifact::today(db.clock())).map(super::Flaw::code),
        duplicates: duplicates.into_iter().map(|(id, _)| id.to_string()).collect(),
        revision: a.revision,
        evidence: item.into(),
    };
    Ok((view, a))
}

async fn answer(ctx: &Ctx, id: &str) -> Answer {
    let (view, artifact) = view(ctx, id).await?;
    Ok(tagged(Out(view).into_response(), artifact.revision))
}

/// One item; its ETag is what `If-Match` wants
#[utoipa::path(get, path = "/api/v1/evidence/{id}", tag = "evidence", params(("id" = String, Path)),
    responses((status = 200, body = ArtifactView), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn api_show(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<List>(&On::any("evidence")).await?;
    answer(&ctx, &id).await
}

/// One version of several.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    id: String,
    /// From 1.
    version: i64,
    name: String,
    sha256: String,
    state: State,
    owner: OwnerView,
    uploaded_at: String,
    deleted_at: Option<String>,
}

/// The versions of an item, newest first
#[utoipa::path(get, path = "/api/v1/evidence/{id}/versions", tag = "evidence", params(("id" = String, Path, description = "Any version")),
    responses((status = 200, body = Vec<VersionView>), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn api_versions(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<List>(&On::any("evidence")).await?;
    let item = named(&ctx, &id).await?;
    let versions = artifact::versions(&ctx.app.db, &item.line_id).await?;
    let shown = |v: Artifact| VersionView {
        state: v.state(),
        id: v.evidence_id.to_string(),
        version: v.number,
        name: v.name,
        sha256: v.sha256,
        owner: OwnerView { id: v.owner_id.to_string(), name: v.owner },
        uploaded_at: both_times(v.made_at, "UTC").0,
        deleted_at: time(v.deleted_at),
    };
    Ok(Out(versions.into_iter().map(shown).collect::<Vec<_>>()).into_response())
}

/// Say how, by whom and for when a draft was come by; the body is all that is said, whole
#[utoipa::path(post, path = "/api/v1/evidence/{id}/about", tag = "evidence", request_body = AboutText,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The ETag of what you saw")),
    responses((status = 200, body = ArtifactView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 412, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_about(Signed { ctx, .. }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let item = named(&ctx, &id).await?;
    let permit = ctx.permit::<Describe>(&item).await?;
    let seen = seen(request.headers())?;
    let Json(text) = Json::<AboutText>::from_request(request, &ctx.app).await?;
    let before = artifact::of_evidence(&ctx.app.db, &item).await?;
    match artifact::describe(&ctx.app.db, permit, &before, seen, &text).await {
        Ok(_) => answer(&ctx, &id).await,
        Err(Error::Changed) => {
            let (now, artifact) = view(&ctx, &id).await?;
            Ok(both(&ctx, &text, &now, artifact.revision))
        }
        Err(error) => Err(told_in(&ctx.app, error)),
    }
}

/// Ask for the approval of a draft
#[utoipa::path(post, path = "/api/v1/evidence/{id}/submit", tag = "evidence", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn post_submit(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let item = named(&ctx, &id).await?;
    let permit = ctx.permit::<Submit>(&item).await?;
    let artifact = artifact::of_evidence(&ctx.app.db, &item).await?;
    artifact::submit(&ctx.app.db, permit, &artifact).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Approve what somebody else uploaded
#[utoipa::path(post, path = "/api/v1/evidence/{id}/approve", tag = "evidence",
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The ETag of what was seen")),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 412, body = Problem), (status = 428, body = Problem)))]
pub(super) async fn post_approve(Signed { ctx, person }: Signed, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let item = named(&ctx, &id).await?;
    let permit = ctx.permit::<Approve>(&item).await?;
    let seen = seen(&headers)?;
    let artifact = artifact::of_evidence(&ctx.app.db, &item).await?;
    artifact::approve(&ctx.app.db, permit, &person, &artifact, seen).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Why it is given back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BecauseText {
    because: String,
}

/// Give something back to its owner, as a draft
#[utoipa::path(post, path = "/api/v1/evidence/{id}/reject", tag = "evidence", request_body = BecauseText, params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_reject(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let item = named(&ctx, &id).await?;
    let permit = ctx.permit::<Reject>(&item).await?;
    let Json(text) = Json::<BecauseText>::from_request(request, &ctx.app).await?;
    let artifact = artifact::of_evidence(&ctx.app.db, &item).await?;
    artifact::reject(&ctx.app.db, permit, &person, &artifact, &text.because).await.map_err(|e| told_in(&ctx.app, e))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
