//! Reviews over the API: read alone. Signing is left to people, who prove themselves when they sign; a token carries the proof
//! of the moment it was made.

use axum::http::Uri;
use axum::response::IntoResponse as _;
use serde::Serialize;
use utoipa::ToSchema;

use super::review::{self, PAGE_MAX};
use crate::core::id::ReviewId;
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, Fields, Signed};
use crate::policy::On;

/// One sign-off.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiReview {
    id: String,
    /// The log's number.
    log: i64,
    from_seq: i64,
    to_seq: i64,
    /// Entries that matched the filter, or all of the range.
    matched: i64,
    /// The root of the tree of the first `to_seq` + 1 entries, in hex.
    root: String,
    /// `none`, `question` or `incident`.
    finding: String,
    /// `all` or `sample`.
    method: String,
    /// From which the sample follows, in hex.
    seed: Option<String>,
    /// The places drawn.
    drawn: Vec<i64>,
    /// The filters as a query, empty when nothing but the range narrowed it; null once erased.
    filter: Option<String>,
    /// Null once erased.
    comment: Option<String>,
    reviewer: String,
    /// The review that this one puts right.
    corrects: Option<String>,
    /// The review that puts this one right.
    corrected_by: Option<String>,
    at: String,
    /// The place of its own entry; null while that is not linked.
    entry: Option<i64>,
}

/// One page of reviews, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiReviews {
    items: Vec<ApiReview>,
    next: Option<String>,
}

/// Reviews of the trail, newest first
#[utoipa::path(get, path = "/api/v1/audit/reviews", tag = "audit",
    params(("after" = Option<String>, Query, description = "The last id seen"), ("limit" = Option<i64>, Query, description = "1 to 50")),
    responses((status = 200, body = ApiReviews), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn get_api(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    super::web_review::looked(&ctx, &person, On::any("review"), &["api-reviews"]).await?;
    let mut fields = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let after = fields.optional("after")?.map(|id| id.parse::<ReviewId>().map_err(|e| http::Error::field("after", e.to_string()))).transpose()?;
    let wrong = || http::Error::field("limit", format!("must be a number from 1 to {PAGE_MAX}"));
    let limit = fields.optional("limit")?.map(|n| n.parse().ok().filter(|n| (1..=PAGE_MAX).contains(n)).ok_or_else(wrong)).transpose()?;
    fields.finish()?;
    let db = &ctx.app.db;
    let (rows, more) = review::page(db, after.as_ref(), limit.unwrap_or(PAGE_MAX)).await?;
    let next = rows.last().filter(|_| more).map(|r| r.id.to_string());
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let drawn = row.drawn();
        let (filter, comment) = row.words(db).await?.map(|w| (w.filter, w.comment)).unzip();
        items.push(ApiReview {
            id: row.id.to_string(),
            log: row.log,
            from_seq: row.from_seq,
            to_seq: row.to_seq,
            matched: row.matched,
            root: row.root,
            finding: row.finding,
            method: row.method,
            seed: row.seed,
            drawn,
            filter,
            comment,
            reviewer: row.person_id.to_string(),
            corrects: row.corrects.map(|id| id.to_string()),
            corrected_by: row.corrected_by.map(|id| id.to_string()),
            at: both_times(row.made_at, "UTC").0,
            entry: row.entry_seq,
        });
    }
    Ok(axum::Json(ApiReviews { items, next }).into_response())
}
