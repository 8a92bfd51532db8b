//! The page of insights: when how much happened, as charts with their numbers beneath, and what deserves a look.

use axum::http::Uri;
use serde::Serialize;

use super::activity::{Activity, activity};
use super::filter::Raw;
use super::insights::{Finding, WINDOW, insights};
use crate::core::clock::{DAY, Micros};
use crate::core::id::PersonId;
use crate::http::{self, Answer, Ctx, Fields, Routes, Rule, Signed};
use crate::identity;
use crate::policy::On;

/// The heights of the chart by day.
const BAR_MAX: i64 = 100;
/// Levels of the chart by hour; an hour without an entry has none.
const LEVELS: i64 = 5;

pub(super) fn routes() -> Routes {
    Routes::new().get("/audit/insights", Rule::Act("trail.read"), get_insights)
}

#[derive(Serialize)]
struct Bar {
    day: String,
    count: i64,
    height: i64,
    href: String,
}

#[derive(Serialize)]
struct Cell {
    count: i64,
    level: i64,
}

#[derive(Serialize)]
struct Weekday {
    name: String,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
struct Found {
    text: String,
    who: Option<String>,
    at: Micros,
    href: String,
}

#[derive(Serialize)]
struct InsightsPage {
    zone: String,
    days: Vec<Bar>,
    week: Vec<Weekday>,
    found: Vec<Found>,
    window_days: i64,
}

async fn get_insights(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    super::web_review::looked(&ctx, &person, On::any("trail"), &["insights"]).await?;
    Fields::parse(uri.query().unwrap_or_default().as_bytes())?.finish()?;
    let db = &ctx.app.db;
    let seen = activity(db, ctx.time_zone(), ctx.now()).await?;
    let mut found = Vec::new();
    for finding in insights(db, ctx.app.config.zone_name()).await? {
        found.push(shown(&ctx, finding).await?);
    }
    let page = InsightsPage { zone: ctx.time_zone().to_owned(), days: bars(&seen), week: week(&ctx, &seen), found, window_days: WINDOW / DAY };
    ctx.page("audit/insights.html", page).await
}

fn bars(seen: &Activity) -> Vec<Bar> {
    let most = seen.days.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1);
    let height = |n: i64| if n == 0 { 0 } else { (n.saturating_mul(BAR_MAX) / most).max(1) };
    seen.days.iter().map(|(day, n)| Bar { day: day.to_string(), count: *n, height: height(*n), href: format!("/audit?from={day}&to={day}") }).collect()
}

fn week(ctx: &Ctx, seen: &Activity) -> Vec<Weekday> {
    let most = seen.heat.iter().flatten().copied().max().unwrap_or(0).max(1);
    let level = |n: i64| if n == 0 { 0 } else { 1 + n.saturating_mul(LEVELS - 1) / most };
    let cells = |row: &[i64; 24]| row.iter().map(|n| Cell { count: *n, level: level(*n) }).collect();
    seen.heat.iter().enumerate().map(|(at, row)| Weekday { name: ctx.app.text(&format!("weekday-{}", at + 1), &[]), cells: cells(row) }).collect()
}

/// The day of an instant, as the filters take it.
fn day(at: Micros, zone: &str) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    jiff::Timestamp::from_microsecond(at).map_or_else(|_| String::new(), |t| t.to_zoned(zone).date().to_string())
}

async fn shown(ctx: &Ctx, finding: Finding) -> Result<Found, http::Error> {
    let days = Raw { from: day(finding.at, ctx.time_zone()), to: day(finding.until, ctx.time_zone()), ..Raw::default() };
    let raw = match finding.kind {
        "failures" => Raw { outcome: "failed".into(), ..days },
        "denials" => Raw { outcome: "denied".into(), actor: finding.who.clone().unwrap_or_default(), ..days },
        "roles" => Raw { action: "person.grant".into(), object: finding.who.clone().unwrap_or_default(), ..days },
        "addresses" => Raw { object: finding.who.clone().unwrap_or_default(), ..days },
        _ => Raw { actor: finding.who.clone().unwrap_or_default(), ..days },
    };
    let who = match finding.who.as_deref().map(str::parse::<PersonId>) {
        Some(Ok(id)) => Some(identity::by_id(&ctx.app.db, &id).await?.map_or_else(|| id.to_string(), |p| p.username)),
        Some(Err(_)) => finding.who.clone(),
        None => None,
    };
    let text = ctx.app.text(&format!("insight-{}", finding.kind), &[("count", &finding.count.to_string())]);
    Ok(Found { text, who, at: finding.at, href: format!("/audit?{}", raw.query("", None)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_renders_full_and_empty() {
        let texts = http::texts::Texts::english();
        for key in ["insight-failures", "insight-exports", "insight-addresses", "insight-roles", "insight-denials"] {
            assert!(texts.has(key), "{key}");
        }
        assert!((1..=7).all(|n| texts.has(&format!("weekday-{n}"))));
        let cells = || (0..24).map(|n| Cell { count: n, level: n % 6 }).collect();
        let full = InsightsPage {
            zone: "UTC".into(),
            days: vec![Bar { day: "2026-01-15".into(), count: 3, height: 100, href: "/audit?from=2026-01-15".into() }],
            week: vec![Weekday { name: "Monday".into(), cells: cells() }],
            found: vec![Found { text: "Many".into(), who: Some("<i>".into()), at: 0, href: "/audit?outcome=denied".into() }],
            window_days: 7,
        };
        let shown = super::super::tests::render("audit/insights.html", &full);
        assert!(shown.contains("&lt;i&gt;") && shown.contains("fill-opacity=\"1.0\""), "{shown}");
        super::super::tests::render("audit/insights.html", &InsightsPage { found: Vec::new(), ..full });
    }

    #[test]
    fn what_is_small_is_still_seen() {
        let today: jiff::civil::Date = "2026-01-15".parse().expect("a day");
        let seen = Activity { days: vec![(today, 0), (today, 1), (today, 100_000)], heat: [[0; 24]; 7] };
        assert_eq!(bars(&seen).iter().map(|b| b.height).collect::<Vec<_>>(), [0, 1, 100]);
    }
}
