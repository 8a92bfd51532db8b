//! The status over the API: how far the trail is signed, witnessed and time-stamped, with ages as numbers of seconds, for
//! those who watch the server by a program.

use axum::response::IntoResponse as _;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ReadConfig;
use crate::core::clock::{Micros, SECOND};
use crate::core::timekeeper::Timekeeper;
use crate::http::openapi::Problem;
use crate::http::{Answer, App, Signed};
use crate::policy::On;

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(get_api))]
struct Doc;

/// How the trail stands. Ages are in seconds; what is not set up is null.
#[derive(Serialize, ToSchema)]
struct ApiStatus {
    trail: ApiTrail,
    witness: Option<ApiWitness>,
    timestamp: Option<ApiTimestamp>,
    clock: ApiClock,
}

/// The log in force.
#[derive(Serialize, ToSchema)]
struct ApiTrail {
    origin: String,
    /// Entries in it.
    size: i64,
    /// Entries that the newest checkpoint covers.
    signed_size: i64,
    signed_age_secs: Option<i64>,
    /// Its parts agree, and the clock stands after it.
    ok: bool,
}

/// Its witnesses.
#[derive(Serialize, ToSchema)]
struct ApiWitness {
    /// How many there are, and how many confirmed what is confirmed.
    of: usize,
    by: usize,
    confirmed_size: i64,
    confirmed_age_secs: Option<i64>,
    /// Entries beyond that, and the age of the oldest.
    unwitnessed: i64,
    unwitnessed_age_secs: i64,
    stale: bool,
}

/// Its time-stamps.
#[derive(Serialize, ToSchema)]
struct ApiTimestamp {
    /// What the authority is called, once it gave a time-stamp.
    tsa: Option<String>,
    stamped_size: i64,
    stamped_age_secs: Option<i64>,
    /// The age of the oldest entry beyond.
    untimed_age_secs: i64,
    /// The last answer: `ok`, or a class of trouble.
    state: Option<&'static str>,
    stale: bool,
}

/// The clock of the server.
#[derive(Serialize, ToSchema)]
struct ApiClock {
    /// `synchronised`, `kept` or `unknown`.
    state: &'static str,
    /// The service that keeps it right, as far as seen.
    by: &'static str,
    /// By how much it stands before the newest entry.
    behind_secs: i64,
}

/// How far the trail is signed, witnessed and time-stamped
#[utoipa::path(get, path = "/api/v1/status", tag = "status", responses((status = 200, body = ApiStatus), (status = 403, body = Problem)))]
pub(super) async fn get_api(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<ReadConfig>(&On::any("status")).await?;
    let app = &ctx.app;
    let (log, origin) = app.db.log();
    let newest = app.db.latest_checkpoint(log).await?;
    let trail = ApiTrail {
        origin,
        size: crate::trail::read::size(&app.db, log).await?,
        signed_size: newest.as_ref().map_or(0, |kept| kept.size),
        signed_age_secs: newest.map(|kept| age(app, kept.at)),
        ok: !app.db.in_doubt(),
    };
    let (witness, timestamp) = (witness(app), timestamp(app).await?);
    let Timekeeper { state, by } = Timekeeper::here();
    let clock = ApiClock { state, by, behind_secs: app.db.clock_behind() / SECOND };
    Ok(axum::Json(ApiStatus { trail, witness, timestamp, clock }).into_response())
}

fn witness(app: &App) -> Option<ApiWitness> {
    let standing = app.cosigner.as_ref()?.standing().borrow().clone();
    let confirmed = standing.confirmed;
    Some(ApiWitness {
        of: standing.witnesses,
        by: confirmed.map_or(0, |confirmed| confirmed.by),
        confirmed_size: confirmed.map_or(0, |confirmed| confirmed.size),
        confirmed_age_secs: confirmed.map(|confirmed| age(app, confirmed.at)),
        unwitnessed: standing.unwitnessed,
        unwitnessed_age_secs: standing.waiting_since.map_or(0, |since| age(app, since)),
        stale: standing.stale,
    })
}

async fn timestamp(app: &App) -> Result<Option<ApiTimestamp>, crate::http::Error> {
    let Some(stamper) = &app.stamper else { return Ok(None) };
    stamper.look().await?;
    let standing = stamper.standing().borrow().clone();
    let stamped = standing.stamped;
    Ok(Some(ApiTimestamp {
        stamped_size: stamped.as_ref().map_or(0, |stamped| stamped.size),
        stamped_age_secs: stamped.as_ref().map(|stamped| age(app, stamped.at)),
        tsa: stamped.map(|stamped| stamped.tsa),
        untimed_age_secs: standing.waiting_since.map_or(0, |since| age(app, since)),
        state: standing.state,
        stale: standing.stale,
    }))
}

fn age(app: &App, since: Micros) -> i64 {
    (app.db.clock().now() - since).max(0) / SECOND
}
