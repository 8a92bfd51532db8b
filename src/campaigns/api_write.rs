//! Templates and campaigns made and changed over the API. Approving is left to people, since it asks for password and code.
//! Must stay true: what a form refuses is refused here, by the name of its field; an edit names the version it saw; a request that
//! comes again makes nothing twice.

use axum::extract::{FromRequest as _, Path, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::web::{campaigns, named};
use super::web_edit::{choices, there};
use super::web_template::{all_templates, one, text};
use super::{
    Campaign, Create, Edit, Error, LISTS_MAX, MakeTemplate, NAME_CHARS_MAX, New, NextTemplate, Origin, PER_MINUTE_MAX, See, Template, create_once,
    create_template_once, edit, find, next_template, template, template_of, templates,
};
use crate::core::id::{CampaignId, TemplateId};
use crate::core::text::Line;
use crate::http::etag::{both, seen, tagged};
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, Ctx, Json, Routes, Rule, Signed};
use crate::policy::Resource as _;
use crate::repeat::Once;

const TEMPLATES: &str = "/api/v1/templates";
const CAMPAIGNS: &str = "/api/v1/campaigns";

/// The description of this part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(get_templates, post_template, get_template, put_template, post_campaign, put_campaign))]
struct Doc;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(TEMPLATES, Rule::Act("campaign.list"), get_templates)
        .post(TEMPLATES, Rule::Act("template.create"), post_template)
        .get("/api/v1/templates/{id}", Rule::Act("campaign.list"), get_template)
        .put("/api/v1/templates/{id}", Rule::Act("template.edit"), put_template)
        .post(CAMPAIGNS, Rule::Act("campaign.create"), post_campaign)
        .put("/api/v1/campaigns/{id}", Rule::Act("campaign.edit"), put_campaign)
}

/// A template with its newest text.
#[derive(Serialize, ToSchema)]
struct TemplateItem {
    id: String,
    name: String,
    version: i64,
    text: String,
    author: String,
    changed_at: String,
}

/// All templates.
#[derive(Serialize, ToSchema)]
struct TemplateItems {
    items: Vec<TemplateItem>,
}

/// A template to be made.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTemplate {
    name: String,
    text: String,
}

/// The next text of a template.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NextText {
    text: String,
}

/// What was made or changed, and its version.
#[derive(Serialize, ToSchema)]
struct VersionOf {
    id: String,
    version: i64,
}

/// A campaign to be made, or what one is changed to.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCampaign {
    name: String,
    /// The id of a template.
    template: String,
    /// Its version; the newest when not said.
    #[serde(default)]
    template_version: Option<i64>,
    /// Ids of lists and segments.
    audience: Vec<String>,
    /// A gateway that is set up, or `rules:` and the id of the rules in force.
    gateway: String,
    /// When it begins by itself, as RFC 3339 has it.
    #[serde(default)]
    scheduled_at: Option<String>,
    /// Messages in a minute, at most; sixty when not said.
    #[serde(default)]
    per_minute: Option<i64>,
    /// Only those get it who gave consent; so when not said.
    #[serde(default)]
    needs_consent: Option<bool>,
}

impl From<Template> for TemplateItem {
    fn from(t: Template) -> Self {
        Self { id: t.id.to_string(), name: t.name, version: t.version, text: t.text, author: t.author, changed_at: both_times(t.changed_at, "UTC").0 }
    }
}

fn created(place: &str, body: impl Serialize, again: bool) -> Response {
    let mut response = (StatusCode::CREATED, axum::Json(body)).into_response();
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    http::repeat::marked(response, again)
}

/// All templates, by name
#[utoipa::path(get, path = "/api/v1/templates", tag = "campaigns", responses((status = 200, body = TemplateItems), (status = 403, body = Problem)))]
async fn get_templates(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<See>(&campaigns()).await?;
    let items = templates(&ctx.app.db).await?.into_iter().map(TemplateItem::from).collect();
    Ok(axum::Json(TemplateItems { items }).into_response())
}

/// One template
#[utoipa::path(get, path = "/api/v1/templates/{id}", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, body = TemplateItem), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get_template(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<See>(&campaigns()).await?;
    let item = one(&ctx, &id).await?;
    let version = item.version;
    Ok(tagged(axum::Json(TemplateItem::from(item)).into_response(), version))
}

/// Make a template
#[utoipa::path(post, path = "/api/v1/templates", tag = "campaigns", request_body = NewTemplate,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body make nothing twice")),
    responses((status = 201, body = VersionOf), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn post_template(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<MakeTemplate>(&all_templates()).await?;
    let key = http::repeat::key(&ctx, &person, TEMPLATES, request.headers())?;
    let Json(new) = Json::<NewTemplate>::from_request(request, &ctx.app).await?;
    let name = Line::parse(&new.name, NAME_CHARS_MAX).map_err(|e| http::Error::field("name", e.to_string()))?;
    let words = text(&ctx.app, &new.text).map_err(|says| http::Error::field("text", says))?;
    let repeat = key.map(|key| key.with(&ctx.app.db, &(&name, &words))).transpose()?;
    let Once { answer, again } = create_template_once(&ctx.app.db, permit, &person, (&name, &words), repeat.as_ref()).await?;
    Ok(tagged(created(&format!("{TEMPLATES}/{answer}"), VersionOf { id: answer.to_string(), version: 1 }, again), 1))
}

/// Make the next version of a template
#[utoipa::path(put, path = "/api/v1/templates/{id}", tag = "campaigns", request_body = NextText,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The `ETag` of the template as it was read")),
    responses((status = 200, body = VersionOf), (status = 403, body = Problem), (status = 404, body = Problem), (status = 412, body = Problem),
        (status = 422, body = Problem), (status = 428, body = Problem)))]
async fn put_template(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    drop(ctx.permit::<NextTemplate>(&all_templates()).await?);
    let item = one(&ctx, &id).await?;
    let permit = ctx.permit::<NextTemplate>(&item.on()).await?;
    let version = seen(request.headers())?;
    let Json(next) = Json::<NextText>::from_request(request, &ctx.app).await?;
    let words = text(&ctx.app, &next.text).map_err(|says| http::Error::field("text", says))?;
    let made = if version == item.version { next_template(&ctx.app.db, permit, &person, &item, &words).await } else { Err(Error::State) };
    match made {
        Ok(version) => Ok(tagged(axum::Json(VersionOf { id: item.id.to_string(), version }).into_response(), version)),
        Err(Error::State) => {
            let now = one(&ctx, &id).await?;
            let version = now.version;
            Ok(both(&ctx, &next, &TemplateItem::from(now), version))
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads a campaign, or says which field is wrong.
async fn read(ctx: &Ctx, of: Option<&Campaign>, new: &NewCampaign) -> Result<New, http::Error> {
    let db = &ctx.app.db;
    let field = |name: &'static str, says: &str| http::Error::field(name, says.to_owned());
    let name = Line::parse(&new.name, NAME_CHARS_MAX).map_err(|e| http::Error::field("name", e.to_string()))?;
    let id: TemplateId = new.template.parse().map_err(|_| field("template", "is not the id of a template"))?;
    let text = match new.template_version {
        Some(version) => template_of(db, &id, version).await.ok(),
        None => template(db, &id).await?,
    };
    let text = text.ok_or_else(|| field("template", "is not the id of a template, or has no such version"))?;
    let origins: Vec<Origin> = new.audience.iter().filter_map(|id| Origin::parse(id)).collect();
    if origins.is_empty() || origins.len() != new.audience.len() || origins.len() > LISTS_MAX || there(ctx, &origins).await? != origins.len() {
        return Err(field("audience", "must be the ids of one to twenty lists and segments"));
    }
    if !choices(ctx, of).await?.contains(&new.gateway) {
        return Err(field("gateway", "is none that is set up, and not the rules in force"));
    }
    let scheduled_at = match &new.scheduled_at {
        Some(at) => {
            let at = at.parse::<jiff::Timestamp>().map_err(|_| field("scheduled_at", "is not a time as RFC 3339 has it"))?.as_microsecond();
            if at <= ctx.now() {
                return Err(field("scheduled_at", "is over"));
            }
            Some(at)
        }
        None => None,
    };
    let per_minute = new.per_minute.unwrap_or(60);
    if !(1..=PER_MINUTE_MAX).contains(&per_minute) {
        return Err(http::Error::field("per_minute", format!("must be a number from 1 to {PER_MINUTE_MAX}")));
    }
    Ok(New {
        name,
        template: text.id,
        template_version: text.version,
        lists: origins,
        gateway: new.gateway.clone(),
        scheduled_at,
        per_minute,
        needs_consent: new.needs_consent.unwrap_or(true),
    })
}

/// Make a campaign
#[utoipa::path(post, path = "/api/v1/campaigns", tag = "campaigns", request_body = NewCampaign,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body make nothing twice")),
    responses((status = 201, body = VersionOf), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn post_campaign(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<Create>(&campaigns()).await?;
    let key = http::repeat::key(&ctx, &person, CAMPAIGNS, request.headers())?;
    let Json(body) = Json::<NewCampaign>::from_request(request, &ctx.app).await?;
    let repeat = key.map(|key| key.with(&ctx.app.db, &body)).transpose()?;
    // What comes again is known as that before anything is held against how things stand now.
    if let Some(repeat) = &repeat
        && let Some(made) = repeat.look::<CampaignId>(&ctx.app.db).await?
    {
        return Ok(tagged(created(&format!("{CAMPAIGNS}/{made}"), VersionOf { id: made.to_string(), version: 1 }, true), 1));
    }
    let new = read(&ctx, None, &body).await?;
    let Once { answer, again } = create_once(&ctx.app.db, permit, &person, &new, repeat.as_ref()).await?;
    Ok(tagged(created(&format!("{CAMPAIGNS}/{answer}"), VersionOf { id: answer.to_string(), version: 1 }, again), 1))
}

/// Change a campaign that has not begun: it is a draft again, and its approval is void
#[utoipa::path(put, path = "/api/v1/campaigns/{id}", tag = "campaigns", request_body = NewCampaign,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The `ETag` of the campaign as it was read")),
    responses((status = 200, body = VersionOf), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 412, body = Problem), (status = 422, body = Problem), (status = 428, body = Problem)))]
async fn put_campaign(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let campaign = named::<Edit>(&ctx, &id).await?;
    let permit = ctx.permit::<Edit>(&campaign.on()).await?;
    let version = seen(request.headers())?;
    let Json(body) = Json::<NewCampaign>::from_request(request, &ctx.app).await?;
    let new = read(&ctx, Some(&campaign), &body).await?;
    if version != campaign.version {
        let current = VersionOf { id: campaign.id.to_string(), version: campaign.version };
        return Ok(both(&ctx, &body, &current, campaign.version));
    }
    edit(&ctx.app.db, permit, &person, &campaign, &new).await?;
    let now = find(&ctx.app.db, &campaign.id).await?.map_or(version + 1, |now| now.version);
    Ok(tagged(axum::Json(VersionOf { id: campaign.id.to_string(), version: now }).into_response(), now))
}
