//! How far a campaign is, while it runs: a stream of events for a page that is open, and bars of its results over time.
//! Must stay true: a stream says nothing that the page does not; it ends by itself after a minute, so that whoever may not see
//! the campaign any more does not go on seeing it; there are only so many at once.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use futures_util::stream;
use serde::Serialize;

use super::web::{counted, named, progress};
use super::{Campaign, See, find, sql};
use crate::core::clock::{MINUTE, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::CampaignId;
use crate::db::Db;
use crate::http::headers::IsPrivate;
use crate::http::templates::number;
use crate::http::{self, Answer, App, Routes, Rule, Signed};

/// Between two looks, and how many a stream takes.
const EVERY: Duration = Duration::from_secs(2);
const LOOKS_MAX: usize = 30;
/// Streams open at once in this process.
const STREAMS_MAX: usize = 64;
/// Bars of the chart, and how high they are.
const BARS: i64 = 24;
const HEIGHT: i64 = 100;

pub(super) fn routes() -> Routes {
    Routes::new().get("/campaigns/{id}/live", Rule::Act("campaign.list"), get_live)
}

static STREAMS: AtomicUsize = AtomicUsize::new(0);

/// One of the streams there may be, until it is dropped.
#[derive(Debug)]
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let room = |open: usize| (open < STREAMS_MAX).then_some(open + 1);
        STREAMS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, room).ok().map(|_| Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        STREAMS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Where a stream stands.
struct Live {
    app: App,
    id: CampaignId,
    looks: usize,
    last: String,
    done: bool,
    _place: Place,
}

async fn get_live(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<See>(&ctx, &id).await?;
    let full = || http::Error { retry_after: Some(30), ..http::Error::new(StatusCode::SERVICE_UNAVAILABLE, "busy") };
    let place = Place::take().ok_or_else(full)?;
    let live = Live { app: ctx.app.clone(), id: campaign.id, looks: 0, last: String::new(), done: false, _place: place };
    let body =
        Body::from_stream(stream::unfold(live, |live| async move { next(live).await.map(|(text, live)| (Ok::<_, Infallible>(Bytes::from(text)), live)) }));
    let mut response = ([(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")], body).into_response();
    response.extensions_mut().insert(IsPrivate);
    Ok(response)
}

#[derive(Serialize)]
struct Said {
    progress: i64,
    counts: std::collections::BTreeMap<&'static str, String>,
}

/// What is said next; none when the stream is over.
async fn next(mut live: Live) -> Option<(String, Live)> {
    if live.done || live.looks == LOOKS_MAX {
        return None;
    }
    if live.looks > 0 {
        tokio::time::sleep(EVERY).await;
    }
    live.looks += 1;
    // A server that stops waits for nobody's page.
    if !live.app.ready.load(Ordering::SeqCst) {
        return None;
    }
    let campaign = find(&live.app.db, &live.id).await.ok().flatten()?;
    let counts = counted(&live.app, &campaign).await.ok()?;
    let said = Said { progress: progress(&campaign, &counts), counts: counts.iter().map(|c| (c.name, number(c.n))).collect() };
    let said = serde_json::to_string(&said).ok()?;
    live.done = !["running", "paused"].contains(&campaign.state.as_str());
    let mut text = if said == live.last { ": still\n\n".to_owned() } else { format!("retry: 5000\nevent: progress\ndata: {said}\n\n") };
    if live.done {
        text.push_str("event: end\ndata: {}\n\n");
    }
    live.last = said;
    Some((text, live))
}

/// What came to an end in one stretch of time.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Bar {
    pub at: Micros,
    pub good: i64,
    pub bad: i64,
    pub open: i64,
    pub good_height: i64,
    pub bad_height: i64,
    pub open_height: i64,
}

/// The results of a campaign over time; none before the first.
pub(super) async fn bars(db: &Db, campaign: &Campaign) -> Result<Vec<Bar>, Fault> {
    let span: Option<(Option<i64>, Option<i64>)> = db.query(sql::SPAN).bind(&campaign.id).optional().await.context("read when results came")?;
    let Some((Some(first), Some(last))) = span else { return Ok(Vec::new()) };
    let width = ((last - first) / BARS + 1).max(MINUTE);
    let rows: Vec<(String, i64, i64)> = db.query(sql::BUCKETS).bind(&campaign.id).bind(first).bind(width).all().await.context("read results over time")?;
    Ok(laid_out(first, last, width, &rows))
}

fn laid_out(first: Micros, last: Micros, width: Micros, rows: &[(String, i64, i64)]) -> Vec<Bar> {
    let mut bars: Vec<Bar> =
        (0..=(last - first) / width).map(|n| Bar { at: first + n * width, good: 0, bad: 0, open: 0, good_height: 0, bad_height: 0, open_height: 0 }).collect();
    for (state, bucket, n) in rows {
        let Some(bar) = usize::try_from(*bucket).ok().and_then(|bucket| bars.get_mut(bucket)) else { continue };
        match state.as_str() {
            "delivered" => bar.good += n,
            "failed" | "rejected" | "unknown" => bar.bad += n,
            _ => bar.open += n,
        }
    }
    let most = bars.iter().map(|bar| bar.good + bar.bad + bar.open).max().unwrap_or(0).max(1);
    // What is there is seen, however little it is.
    let height = |n: i64| if n == 0 { 0 } else { (n * HEIGHT / most).max(1) };
    for bar in &mut bars {
        (bar.good_height, bar.bad_height, bar.open_height) = (height(bar.good), height(bar.bad), height(bar.open));
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_add_up_and_fit() {
        let row = |state: &str, bucket: i64, n: i64| (state.to_owned(), bucket, n);
        let bars = laid_out(0, 2 * MINUTE, MINUTE, &[row("delivered", 0, 80), row("rejected", 0, 20), row("accepted", 2, 1), row("accepted", 9, 7)]);
        let heights: Vec<(i64, i64, i64)> = bars.iter().map(|b| (b.good_height, b.bad_height, b.open_height)).collect();
        assert_eq!(heights, [(80, 20, 0), (0, 0, 0), (0, 0, 1)]);
        assert!(laid_out(5, 5, MINUTE, &[]).len() == 1);
    }

    #[test]
    fn there_are_only_so_many_streams() {
        let all: Vec<Option<Place>> = (0..STREAMS_MAX + 5).map(|_| Place::take()).collect();
        assert!(all.iter().filter(|place| place.is_some()).count() <= STREAMS_MAX && all.last().is_some_and(Option::is_none));
        drop(all);
        assert!(Place::take().is_some());
    }
}
