//! The trail over the API: pages of leaves, oldest first. Each read is an entry, those of one reader within fifteen minutes are one.

use axum::http::Uri;
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use utoipa::{OpenApi, ToSchema};

use super::{Read, read};
use crate::db::Detail;
use crate::http::openapi::Problem;
use crate::http::recently;
use crate::http::{self, Answer, Fields, Signed};
use crate::policy::On;

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(get_api, super::web_review_api::get_api))]
struct Doc;

/// One entry: its leaf as JSON, and the leaf's hash in base64.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the answer, which is written from stored bytes")]
struct ApiEntry {
    seq: i64,
    leaf_hash: String,
    entry: serde_json::Value,
}

/// One page of entries, oldest first.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the answer, which is written from stored bytes")]
struct ApiEntries {
    items: Vec<ApiEntry>,
    next: Option<i64>,
}

/// Entries of the trail, oldest first
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit",
    params(("after" = Option<i64>, Query, description = "The last place seen; exclusive"), ("limit" = Option<i64>, Query, description = "1 to 500")),
    responses((status = 200, body = ApiEntries), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn get_api(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    let permit = ctx.permit::<Read>(&On::any("trail")).await?;
    let mut fields = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let after = number(&mut fields, "after", 0, i64::MAX - 1)?;
    let limit = number(&mut fields, "limit", 1, read::API_PAGE_MAX)?.unwrap_or(100);
    fields.finish()?;
    let db = &ctx.app.db;
    let (log, _) = db.log();
    // Read before this very request becomes an entry, so that a reader who follows `next` comes to an end.
    let size = read::size(db, log).await?;
    let first = after.map_or(0, |a| a + 1).max(db.pruned_below(log).await?);
    let read = recently::Read::of(person.as_str(), &["api"]);
    if !ctx.app.recently.stands_for(&read, ctx.now()) {
        db.record(permit, Detail::ok().with("from", first).with("limit", limit)).await?;
        ctx.app.recently.recorded(read, ctx.now());
    }
    let end = first.saturating_add(limit).min(size);
    let rows = if first < end { read::links(db, log, first, end).await? } else { Vec::new() };
    let next = rows.last().map(|r| r.seq).filter(|last| last + 1 < size);
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        // An entry that cannot be parsed is one of the faults the verifier names; the others can still be read.
        let entry: serde_json::Value = serde_json::from_slice(&row.leaf()?).unwrap_or_default();
        items.push(serde_json::json!({ "seq": row.seq, "leaf_hash": STANDARD.encode(&row.leaf_hash), "entry": entry }));
    }
    Ok(axum::Json(serde_json::json!({ "items": items, "next": next })).into_response())
}

fn number(fields: &mut Fields, name: &str, least: i64, most: i64) -> Result<Option<i64>, http::Error> {
    let Some(text) = fields.optional(name)? else { return Ok(None) };
    let wrong = || {
        http::Error::field(
            name,
            if most > read::API_PAGE_MAX { "must be the place of an entry".to_owned() } else { format!("must be between {least} and {most}") },
        )
    };
    let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| is_plain && (least..=most).contains(n)).map(Some).ok_or_else(wrong)
}
