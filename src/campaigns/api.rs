//! Campaigns over the API: what there is, what became of each, and having one run, rest, go on or end. Approving is left to people,
//! since it asks for password and code.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::web::{campaigns, named};
use super::{Begin, Campaign, Cancel, Pause, Resume, See, Submit, begin, cancel, counts, page, pause, resume, submit};
use crate::core::clock::Micros;
use crate::core::id::CampaignId;
use crate::db::Detail;
use crate::http::form::Fields;
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, Routes, Rule, Signed};
use crate::policy::Resource as _;

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(get_campaigns, get_campaign, post_submit, post_begin, post_pause, post_resume, post_cancel))]
struct Doc;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/v1/campaigns", Rule::Act("campaign.list"), get_campaigns)
        .get("/api/v1/campaigns/{id}", Rule::Act("campaign.list"), get_campaign)
        .post("/api/v1/campaigns/{id}/submit", Rule::Act("campaign.submit"), post_submit)
        .post("/api/v1/campaigns/{id}/begin", Rule::Act("campaign.begin"), post_begin)
        .post("/api/v1/campaigns/{id}/pause", Rule::Act("campaign.pause"), post_pause)
        .post("/api/v1/campaigns/{id}/resume", Rule::Act("campaign.resume"), post_resume)
        .post("/api/v1/campaigns/{id}/cancel", Rule::Act("campaign.cancel"), post_cancel)
}

/// A campaign.
#[derive(Serialize, ToSchema)]
struct CampaignItem {
    id: String,
    name: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    gateway: String,
    recipients: i64,
    refused: i64,
    segments: i64,
    hash: Option<String>,
    approved_hash: Option<String>,
    approved_at: Option<String>,
    begun_at: Option<String>,
    ended_at: Option<String>,
}

/// One page of campaigns.
#[derive(Serialize, ToSchema)]
struct CampaignItems {
    items: Vec<CampaignItem>,
    next: Option<String>,
}

/// A campaign with how many recipients stand where.
#[derive(Serialize, ToSchema)]
struct CampaignWhole {
    #[serde(flatten)]
    item: CampaignItem,
    counts: BTreeMap<String, i64>,
}

fn rfc3339(at: Micros) -> String {
    both_times(at, "UTC").0
}

impl From<Campaign> for CampaignItem {
    fn from(c: Campaign) -> Self {
        Self {
            id: c.id.to_string(),
            name: c.name,
            state: c.state,
            reason: c.reason,
            gateway: c.gateway,
            recipients: c.recipients,
            refused: c.refused,
            segments: c.segments,
            hash: c.hash,
            approved_hash: c.approved_hash,
            approved_at: c.approved_at.map(rfc3339),
            begun_at: c.begun_at.map(rfc3339),
            ended_at: c.ended_at.map(rfc3339),
        }
    }
}

/// Campaigns, newest first
#[utoipa::path(get, path = "/api/v1/campaigns", tag = "campaigns", params(("after" = Option<String>, Query, description = "The last id seen")),
    responses((status = 200, body = CampaignItems), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn get_campaigns(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<See>(&campaigns()).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let after = query.optional("after")?;
    query.finish()?;
    let after = after.map(|t| t.parse::<CampaignId>().map_err(|_| http::Error::field("after", "is not the id of a campaign"))).transpose()?;
    let (found, more) = page(&ctx.app.db, after.as_ref()).await?;
    let next = found.last().filter(|_| more).map(|c| c.id.to_string());
    Ok(axum::Json(CampaignItems { items: found.into_iter().map(CampaignItem::from).collect(), next }).into_response())
}

/// One campaign, and how many recipients stand where
#[utoipa::path(get, path = "/api/v1/campaigns/{id}", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, body = CampaignWhole), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get_campaign(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<See>(&ctx, &id).await?;
    let counts = counts(&ctx.app.db, &campaign).await?.into_iter().map(|(state, n)| (state.to_owned(), n)).collect();
    let version = campaign.version;
    Ok(http::etag::tagged(axum::Json(CampaignWhole { item: campaign.into(), counts }).into_response(), version))
}

/// Put a draft up for review
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/submit", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn post_submit(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<Submit>(&ctx, &id).await?;
    let permit = ctx.permit::<Submit>(&campaign.on()).await?;
    submit(&ctx.app.db, permit, &campaign).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Have an approved campaign run
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/begin", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn post_begin(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<Begin>(&ctx, &id).await?;
    let permit = ctx.permit::<Begin>(&campaign.on()).await?;
    begin(&ctx.app.db, permit, &campaign).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Have a campaign rest
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/pause", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn post_pause(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<Pause>(&ctx, &id).await?;
    let permit = ctx.permit::<Pause>(&campaign.on()).await?;
    pause(&ctx.app.db, permit, &campaign, "by_person", Detail::ok()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Have a campaign go on
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/resume", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn post_resume(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<Resume>(&ctx, &id).await?;
    let permit = ctx.permit::<Resume>(&campaign.on()).await?;
    resume(&ctx.app.db, permit, &campaign).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// End a campaign early
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/cancel", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn post_cancel(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<Cancel>(&ctx, &id).await?;
    let permit = ctx.permit::<Cancel>(&campaign.on()).await?;
    cancel(&ctx.app.db, permit, &campaign).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
