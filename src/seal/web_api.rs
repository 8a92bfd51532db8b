//! Seals over the API: what there is, and sealing.

use axum::Json;
use axum::extract::{FromRequest as _, Path, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::grant::{self, is_outsider};
use super::web::{last_day, seen, today, told};
use super::web_bundle::{__path_get_archive, get_archive};
use super::web_documents::{__path_get_document, __path_get_documents, get_document, get_documents};
use super::web_list::{found, on};
use super::{Make, Read, Sealed, Sealing, Window, list, make};
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, Routes, Rule, Signed};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/v1/seals", Rule::Act("seal.read"), get_seals)
        .get("/api/v1/seals/{id}", Rule::Act("seal.read"), get_one)
        .get("/api/v1/seals/{id}/archive", Rule::Act("seal.download"), get_archive)
        .get("/api/v1/seals/{id}/documents", Rule::Act("seal.read"), get_documents)
        .get("/api/v1/seals/{id}/documents/{name}", Rule::Act("seal.download"), get_document)
        .post("/api/v1/assessments/{id}/seals", Rule::Act("assessment.seal"), post_seal)
}

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(get_seals, get_one, get_archive, get_documents, get_document, post_seal))]
struct Doc;

/// A seal.
#[derive(Serialize, ToSchema)]
struct ApiSeal {
    id: String,
    /// The assessment's id.
    assessment: String,
    /// The CMMC status date.
    status_date: String,
    /// When it was made, RFC 3339 in UTC.
    sealed_at: String,
    /// The last day on which nothing that it names is deleted.
    retain_until: String,
    /// SHA-256 of `seal.json`, in hex.
    digest: String,
    /// SHA-256 of `CMMCAssessmentArtifacts.log`, in hex: eMASS's "Hash Value".
    artifacts_log: String,
    /// SHA-256 over the sums of its documents, in hex; null for a seal made before there were any.
    documents: Option<String>,
    /// Artifacts.
    files: i64,
    /// Their bytes.
    bytes: i64,
    /// The score of what is verified; null without one.
    verified: Option<i64>,
    /// The score of what is claimed; null without one.
    projected: Option<i64>,
    /// The place of its entry in the trail; null while it is not linked.
    entry: Option<i64>,
}

impl From<Sealed> for ApiSeal {
    fn from(s: Sealed) -> Self {
        Self {
            id: s.id.to_string(),
            assessment: s.assessment_id.to_string(),
            status_date: s.status_date,
            sealed_at: both_times(s.made_at, "UTC").0,
            retain_until: last_day(s.retain_until),
            digest: s.digest,
            artifacts_log: s.log_digest,
            documents: s.documents,
            files: s.files,
            bytes: s.bytes,
            verified: s.verified,
            projected: s.projected,
            entry: s.entry_seq,
        }
    }
}

/// Seals that the caller may see, newest first, at most 200
#[utoipa::path(get, path = "/api/v1/seals", tag = "seals", responses((status = 200, body = Vec<ApiSeal>), (status = 403, body = Problem)))]
async fn get_seals(Signed { ctx, person }: Signed) -> Answer {
    let _permit = ctx.permit::<Read>(&Window { seal: None, outside: false }).await?;
    let db = &ctx.app.db;
    let seals = if is_outsider(&ctx.actor) { grant::seals_for(db, &person).await } else { list(db, None).await };
    let seals = seals.map_err(|e| told(&ctx.app, e))?;
    Ok(Json(seals.into_iter().map(ApiSeal::from).collect::<Vec<_>>()).into_response())
}

/// One seal
#[utoipa::path(get, path = "/api/v1/seals/{id}", tag = "seals", params(("id" = String, Path)),
    responses((status = 200, body = ApiSeal), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get_one(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    Ok(Json(ApiSeal::from(seen(&ctx, &id).await?)).into_response())
}

/// What a seal needs to be told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSeal {
    /// The CMMC status date, as in 2026-03-31; today when it is absent.
    status_date: Option<String>,
}

/// The id of what was made.
#[derive(Serialize, ToSchema)]
struct MadeSeal {
    id: String,
}

/// Seal an assessment as it is
#[utoipa::path(post, path = "/api/v1/assessments/{id}/seals", tag = "seals", request_body = NewSeal,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body make nothing twice")),
    responses((status = 201, body = MadeSeal), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn post_seal(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let permit = ctx.permit::<Make>(&on(&id)).await?;
    let (assessment, catalog) = found(&ctx, &id).await?;
    let key = http::repeat::key(&ctx, &person, "/api/v1/assessments/{id}/seals", request.headers())?;
    let http::Json(new) = http::Json::<NewSeal>::from_request(request, &ctx.app).await?;
    let day = new.status_date.map(|day| day.parse().map_err(|_| http::Error::field("status_date", ctx.app.text("error-day", &[])))).transpose()?;
    let new = Sealing {
        app: &ctx.app,
        person: &person,
        assessment: &assessment,
        catalog: &catalog,
        status_date: day.unwrap_or_else(|| today(&ctx)),
        today: today(&ctx),
    };
    let once = make(&ctx.app.db, &*ctx.app.blobs, permit, new, key).await.map_err(|e| told(&ctx.app, e))?;
    let place = HeaderValue::from_str(&format!("/api/v1/seals/{}", once.answer));
    let mut response = (StatusCode::CREATED, Json(MadeSeal { id: once.answer.to_string() })).into_response();
    if let Ok(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(http::repeat::marked(response, once.again))
}
