//! Retention, holds and erasures over the API: read alone. Setting, holding and erasing are left to people, who prove
//! themselves when they do it.

use axum::http::Uri;
use axum::response::IntoResponse as _;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::term::waiting;
use super::{erase, hold, prune, term};
use crate::db::keep::{DAYS_MAX, DAYS_MIN};
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{Answer, Fields, Signed};

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(get_retention))]
struct Doc;

/// A retention that was proposed.
#[derive(Serialize, ToSchema)]
struct ApiTerm {
    id: String,
    log: i64,
    days: i64,
    before_days: i64,
    /// Null when it does not open.
    reason: Option<String>,
    proposed_by: String,
    proposed_at: String,
    /// Null when nobody had to, or nobody did yet.
    approved_by: Option<String>,
    /// Since when it is in force; null while it is not.
    in_force_at: Option<String>,
    waits: bool,
    /// The place of its last entry.
    entry: Option<i64>,
}

/// A pruning that was entered.
#[derive(Serialize, ToSchema)]
struct ApiPrune {
    min_index: i64,
    days: i64,
    at: String,
    entry: Option<i64>,
}

/// A legal hold.
#[derive(Serialize, ToSchema)]
struct ApiHold {
    id: String,
    /// Null when it is on the whole trail.
    subject: Option<String>,
    reason: Option<String>,
    placed_by: String,
    placed_at: String,
    released_by: Option<String>,
    released_at: Option<String>,
    entry: Option<i64>,
}

/// An erasure.
#[derive(Serialize, ToSchema)]
struct ApiErasure {
    subject: String,
    basis: String,
    requester: String,
    /// Entries that held a sealed value.
    entries: i64,
    erased_by: String,
    at: String,
    /// Whether the key is destroyed.
    done: bool,
    entry: Option<i64>,
}

/// How long entries are kept, and what was taken out; each list the newest first, at most fifty, of holds a hundred.
#[derive(Serialize, ToSchema)]
struct ApiRetention {
    /// Days in force.
    days: i64,
    days_min: i64,
    days_max: i64,
    /// Entries below this place were pruned.
    pruned_below: i64,
    /// Entries below this place may go now.
    due_below: i64,
    terms: Vec<ApiTerm>,
    prunings: Vec<ApiPrune>,
    holds: Vec<ApiHold>,
    erasures: Vec<ApiErasure>,
}

/// How long entries are kept, legal holds, erasures and prunings
#[utoipa::path(get, path = "/api/v1/audit/retention", tag = "audit",
    responses((status = 200, body = ApiRetention), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn get_retention(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    super::web::looked(&ctx, &person, &["api"]).await?;
    Fields::parse(uri.query().unwrap_or_default().as_bytes())?.finish()?;
    let db = &ctx.app.db;
    let (log, _) = db.log();
    let days = term::in_force(db, log).await?.days;
    let time = |at: i64| both_times(at, "UTC").0;
    let history = term::history(db).await?;
    let waits = waiting(&history, log).map(|term| term.id.clone());
    let (mut terms, mut holds) = (Vec::new(), Vec::new());
    for term in history {
        terms.push(ApiTerm {
            reason: term.reason(db).await?,
            waits: waits.as_ref() == Some(&term.id),
            id: term.id.to_string(),
            log: term.log,
            days: term.days,
            before_days: term.before_days,
            proposed_by: term.person_id.to_string(),
            proposed_at: time(term.made_at),
            approved_by: term.approver,
            in_force_at: term.approved_at.map(time),
            entry: term.entry_seq,
        });
    }
    for hold in hold::list(db).await? {
        holds.push(ApiHold {
            reason: hold.reason(db).await?,
            id: hold.id.to_string(),
            subject: hold.subject,
            placed_by: hold.person_id.to_string(),
            placed_at: time(hold.made_at),
            released_by: hold.releaser,
            released_at: hold.released_at.map(time),
            entry: hold.entry_seq,
        });
    }
    let prunings = prune::list(db).await?;
    let erasures = erase::list(db).await?;
    let erasure = |x: erase::Listed| ApiErasure {
        subject: x.subject,
        basis: x.basis,
        requester: x.requester,
        entries: x.entries,
        erased_by: x.eraser,
        at: time(x.made_at),
        done: x.destroyed_at.is_some(),
        entry: x.entry_seq,
    };
    let answer = ApiRetention {
        days,
        days_min: DAYS_MIN,
        days_max: DAYS_MAX,
        pruned_below: db.pruned_below(log).await?,
        due_below: prune::due(db, days, ctx.now()).await?,
        terms,
        prunings: prunings.into_iter().map(|p| ApiPrune { min_index: p.min_seq, days: p.days, at: time(p.made_at), entry: p.entry_seq }).collect(),
        holds,
        erasures: erasures.into_iter().map(erasure).collect(),
    };
    Ok(axum::Json(answer).into_response())
}
