//! What became of each recipient, as a file for a spreadsheet program, streamed page by page.
//! Must stay true: at most one page is in memory; numbers are masked as everywhere; no cell can run as a formula.

use axum::http::{HeaderValue, header};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures_util::stream::{StreamExt as _, try_unfold};

use super::web_result::Outcome;
use super::{Campaign, Error, sql};
use crate::core::fault::chain_of;
use crate::core::id::{CampaignId, RecipientId};
use crate::core::sheet::{Profile, csv_field};
use crate::db::Db;
use crate::http::Answer;
use crate::http::templates::both_times;

const COLUMNS: [&str; 5] = ["Number", "State", "Reason", "Message", "Ended at"];
const PAGE: i64 = 500;

fn line(cells: &[&str]) -> String {
    let mut out = cells.iter().map(|cell| csv_field(cell, Profile::Spreadsheet)).collect::<Vec<_>>().join(",");
    out.push_str("\r\n");
    out
}

fn row(outcome: &Outcome) -> String {
    let ended = outcome.ended_at.map_or_else(String::new, |at| both_times(at, "UTC").0);
    let message = outcome.message_id.as_ref().map_or("", |id| id.as_str());
    line(&[&outcome.masked, outcome.stands(), outcome.why().unwrap_or_default(), message, &ended])
}

/// The answer: every recipient of a campaign.
pub(super) fn attachment(db: Db, campaign: &Campaign) -> Answer {
    enum At {
        Header,
        After(Option<RecipientId>),
        End,
    }
    let of: (CampaignId, i64) = (campaign.id.clone(), campaign.round);
    let rows = try_unfold((db, of, At::Header), |(db, of, at)| async move {
        let after = match at {
            At::Header => return Ok(Some((Bytes::from(line(&COLUMNS)), (db, of, At::After(None))))),
            At::After(after) => after,
            At::End => return Ok(None),
        };
        let start = after.as_ref().map_or("rcp_", RecipientId::as_str);
        let found: Result<Vec<Outcome>, _> = db.query(sql::RECIPIENTS).bind(&of.0).bind(of.1).bind(start).bind(PAGE).all().await;
        let found = found.inspect_err(|e| tracing::error!(fault = chain_of(e), "an export of a campaign broke off"))?;
        let text: String = found.iter().map(row).collect();
        let whole = i64::try_from(found.len()).unwrap_or(0) < PAGE;
        let next = found.last().filter(|_| !whole).map_or(At::End, |last| At::After(Some(last.id.clone())));
        Ok::<_, Error>(Some((Bytes::from(text), (db, of, next))))
    });
    let mut response = axum::body::Body::from_stream(rows.boxed()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"campaign.csv\""));
    Ok(response)
}
