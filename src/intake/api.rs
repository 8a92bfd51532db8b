//! Intakes over the API: which there are, by initials and age band, and one field at a time for a purpose.
//! Must stay true: what holds on the pages holds here; each act is a scope of its own.

use axum::extract::{FromRequest as _, Path, Request};
use axum::http::Uri;
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::read::{self, Look, Wanted};
use super::web::{allowed, looked, permitted};
use super::{List, NOTE_CHARS_MAX, PURPOSES, Record, Reveal, intakes};
use crate::core::clock::Micros;
use crate::core::id::IntakeId;
use crate::core::text::Paragraph;
use crate::http::form::Fields;
use crate::http::headers::IsPrivate;
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, Ctx, Json, Routes, Rule, Signed};

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(get_intakes, get_intake, post_reveal))]
struct Doc;

pub(super) fn routes() -> Routes {
    Routes::new().get("/api/v1/intakes", Rule::Act("intake.list"), get_intakes).get("/api/v1/intakes/{id}", Rule::Act("intake.list"), get_intake).post(
        "/api/v1/intakes/{id}/reveal",
        Rule::Act("intake.reveal"),
        post_reveal,
    )
}

/// A record, without what it says.
#[derive(Serialize, ToSchema)]
struct Intake {
    id: String,
    flow: String,
    flow_version: i64,
    language: String,
    /// `sms`, `whatsapp` or `web`.
    channel: String,
    /// `open`, `complete` or `handover`; once it is gone `expired`, `deleted`, `cancelled`, `declined` or `erased`.
    state: String,
    /// At most two letters.
    initials: String,
    /// Ten years, such as `40–49`.
    age_band: Option<String>,
    consent_version: Option<String>,
    /// Fields that have an answer.
    fields: Vec<String>,
    made_at: String,
    ended_at: Option<String>,
    expires_at: String,
    erased_at: Option<String>,
}

/// One page of records.
#[derive(Serialize, ToSchema)]
struct Intakes {
    items: Vec<Intake>,
    next: Option<String>,
}

/// What is read, and what for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// A field of the flow, `phone` or `notes`.
    field: String,
    /// `treatment`, `payment`, `operations`, `patient_request`, `legal_duty` or `other`.
    purpose: String,
    /// In words; needed for `other`.
    #[serde(default)]
    note: String,
}

/// A field that was read.
#[derive(Serialize, ToSchema)]
struct Told {
    field: String,
    text: String,
}

fn time(at: Micros) -> String {
    both_times(at, "UTC").0
}

async fn shown(ctx: &Ctx, record: Record, fields: Vec<String>) -> Result<Intake, http::Error> {
    let brief = record.brief(&ctx.app.db).await?;
    Ok(Intake {
        id: record.id.to_string(),
        age_band: brief.band(ctx.now()),
        initials: brief.initials,
        flow: record.flow,
        flow_version: record.flow_version,
        language: record.language,
        channel: record.channel,
        state: record.state,
        consent_version: record.consent_version,
        fields,
        made_at: time(record.made_at),
        ended_at: record.ended_at.map(time),
        expires_at: time(record.expires_at),
        erased_at: record.erased_at.map(time),
    })
}

/// Records of intakes, newest first
#[utoipa::path(get, path = "/api/v1/intakes", tag = "intake",
    params(("state" = Option<String>, Query, description = "In this state"), ("after" = Option<String>, Query, description = "The last id seen")),
    responses((status = 200, body = Intakes), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn get_intakes(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let permit = permitted::<List>(&ctx, &intakes()).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let state = query.optional("state")?.filter(|t| !t.is_empty() && t.len() <= 20);
    let after = query.optional("after")?.filter(|t| !t.is_empty());
    query.finish()?;
    let after = after.map(|t| t.parse::<IntakeId>().map_err(|e| http::Error::field("after", e.to_string()))).transpose()?;
    looked(&ctx, permit, "api").await?;
    let (records, more) = read::page(&ctx.app.db, &state.map_or(Look::All, Look::State), after.as_ref()).await?;
    let next = records.last().filter(|_| more).map(|last| last.id.to_string());
    let mut items = Vec::with_capacity(records.len());
    for record in records {
        items.push(shown(&ctx, record, Vec::new()).await?);
    }
    Ok(private(axum::Json(Intakes { items, next }).into_response()))
}

/// One record, without what it says
#[utoipa::path(get, path = "/api/v1/intakes/{id}", tag = "intake", params(("id" = String, Path)),
    responses((status = 200, body = Intake), (status = 404, body = Problem)))]
async fn get_intake(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let (record, permit) = allowed::<List>(&ctx, &id).await?;
    looked(&ctx, permit, record.id.as_str()).await?;
    let mut fields: Vec<String> = read::versions(&ctx.app.db, &record.id).await?.into_iter().map(|v| v.field).collect();
    fields.sort();
    fields.dedup();
    Ok(private(axum::Json(shown(&ctx, record, fields).await?).into_response()))
}

/// Read one field for a purpose
#[utoipa::path(post, path = "/api/v1/intakes/{id}/reveal", tag = "intake", request_body = Asked, params(("id" = String, Path)),
    responses((status = 200, body = Told), (status = 404, body = Problem), (status = 410, body = Problem), (status = 422, body = Problem)))]
async fn post_reveal(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let (record, permit) = allowed::<Reveal>(&ctx, &id).await?;
    let Json(asked) = Json::<Asked>::from_request(request, &ctx.app).await?;
    let purpose = PURPOSES.into_iter().find(|p| *p == asked.purpose);
    let purpose = purpose.ok_or_else(|| http::Error::field("purpose", format!("is none of {}", PURPOSES.join(", "))))?;
    let note = if asked.note.trim().is_empty() && purpose != "other" { Ok(String::new()) } else { Paragraph::parse(&asked.note, NOTE_CHARS_MAX) };
    let note = note.map_err(|e| http::Error::field("note", e.to_string()))?;
    let wanted = Wanted { field: &asked.field, version: None, purpose, note: &note };
    let text = read::reveal(&ctx.app.db, permit, &record, &person, wanted, "reveal", Vec::new()).await?;
    Ok(private(axum::Json(Told { field: asked.field, text: text.as_str().to_owned() }).into_response()))
}

fn private(mut response: axum::response::Response) -> axum::response::Response {
    response.extensions_mut().insert(IsPrivate);
    response
}
