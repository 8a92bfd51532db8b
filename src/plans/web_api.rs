//! Plans of action over the API: what is on one, and putting something on it.

use axum::Json;
use axum::extract::{FromRequest as _, Path, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::item::{self, Item, ItemText, Risk};
use super::web::{day, found, on, today, told};
use super::{Add, clock};
use crate::assess::Read;
use crate::catalog::poam;
use crate::http::openapi::Problem;
use crate::http::{self, Answer, Routes, Rule, Signed};

pub(super) fn routes() -> Routes {
    Routes::new().get("/api/v1/assessments/{id}/plan", Rule::Act("assess.read"), get_plan).post(
        "/api/v1/assessments/{id}/plan",
        Rule::Act("plan.add"),
        post_item,
    )
}

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(get_plan, post_item))]
struct Doc;

/// An item of a plan.
#[derive(Serialize, ToSchema)]
struct ApiItem {
    id: String,
    requirement: String,
    weakness: String,
    /// `low`, `moderate` or `high`.
    risk: String,
    remediation: String,
    /// Lines of a day and a text, `x` between once it is reached.
    milestones: Vec<String>,
    owner: Option<String>,
    due_on: Option<String>,
    version: i64,
}

impl From<Item> for ApiItem {
    fn from(i: Item) -> Self {
        Self {
            id: i.id.to_string(),
            requirement: i.requirement,
            weakness: i.weakness,
            risk: i.risk,
            remediation: i.remediation,
            milestones: i.milestones.lines().map(str::to_owned).collect(),
            owner: i.owner_id.map(|id| id.to_string()),
            due_on: i.due_on,
            version: i.version,
        }
    }
}

/// A plan of action with its clock.
#[derive(Serialize, ToSchema)]
struct ApiPlan {
    items: Vec<ApiItem>,
    /// The conditional status date; null while there is none.
    conditional_on: Option<String>,
    /// The last day for the close-out.
    last_day: Option<String>,
    /// Days that are left; fewer than none once it is over.
    days_left: Option<i64>,
    /// The day of the close-out.
    closed_out_on: Option<String>,
}

/// The plan of action of an assessment
#[utoipa::path(get, path = "/api/v1/assessments/{id}/plan", tag = "plans", params(("id" = String, Path)),
    responses((status = 200, body = ApiPlan), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get_plan(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<Read>(&on("assessment", &id)).await?;
    let (assessment, _) = found(&ctx, &id).await?;
    let fail = |e| told(&ctx.app, e);
    let items = item::of(&ctx.app.db, &assessment.id).await.map_err(fail)?;
    let clock = clock::of(&ctx.app.db, &assessment.id).await.map_err(fail)?;
    let date = clock.as_ref().and_then(clock::Clock::date);
    let plan = ApiPlan {
        items: items.into_iter().map(ApiItem::from).collect(),
        last_day: date.map(|d| poam::last_day(d).to_string()),
        days_left: date.map(|d| poam::days_left(d, today(&ctx))),
        closed_out_on: clock.as_ref().and_then(|c| c.closed_out_on.clone()),
        conditional_on: clock.map(|c| c.conditional_on),
    };
    Ok(Json(plan).into_response())
}

/// An item to be put on a plan.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewItem {
    requirement: String,
    weakness: String,
    risk: Risk,
    #[serde(default)]
    remediation: String,
    /// Each a day and a text.
    #[serde(default)]
    milestones: Vec<String>,
    /// A person's id.
    owner: Option<String>,
    /// As in 2026-03-31.
    due_on: Option<String>,
}

/// The id of what was made.
#[derive(Serialize, ToSchema)]
struct MadeItem {
    id: String,
}

/// Put a requirement on the plan of action; 409 with the place of 32 CFR 170.21 that does not allow it
#[utoipa::path(post, path = "/api/v1/assessments/{id}/plan", tag = "plans", request_body = NewItem,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body make nothing twice")),
    responses((status = 201, body = MadeItem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn post_item(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let permit = ctx.permit::<Add>(&on("plan", &id)).await?;
    let (assessment, catalog) = found(&ctx, &id).await?;
    let key = http::repeat::key(&ctx, &person, "/api/v1/assessments/{id}/plan", request.headers())?;
    let http::Json(new) = http::Json::<NewItem>::from_request(request, &ctx.app).await?;
    let fail = |e| told(&ctx.app, e);
    let people = crate::assess::state::people(&ctx.app.db).await.map_err(|e| fail(e.into()))?;
    let owner = match new.owner {
        None => None,
        Some(id) => {
            let found = people.into_iter().find(|p| p.id.as_str() == id).map(|p| p.id);
            Some(found.ok_or_else(|| fail(super::Error::Field { field: "owner", code: "owner-unknown" }))?)
        }
    };
    let text = ItemText {
        weakness: new.weakness,
        risk: new.risk,
        remediation: new.remediation,
        milestones: new.milestones.join("\n"),
        owner,
        due_on: day("due_on", new.due_on.as_deref().unwrap_or_default()).map_err(fail)?,
    };
    let once = item::add(&ctx.app.db, permit, &person, (&assessment.id, &catalog), &new.requirement, &text, key).await.map_err(fail)?;
    let response = (StatusCode::CREATED, Json(MadeItem { id: once.answer.to_string() })).into_response();
    Ok(http::repeat::marked(response, once.again))
}
