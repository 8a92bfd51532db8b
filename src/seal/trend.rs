//! The scores of a system over time, as its seals have them: a chart and a table.
//! Must stay true: nothing is reckoned anew. A score is the one that was sealed; between two seals nothing is known, and where a
//! seal has no score the line is broken.

use axum::extract::Path;
use serde::Serialize;

use super::web::told;
use super::web_list::found;
use super::{Error, sql};
use crate::assess::Read;
use crate::catalog::poam::SCORE_MIN;
use crate::catalog::score::FULL;
use crate::core::clock::Micros;
use crate::core::id::{AssessmentId, SealId};
use crate::http::{Answer, Signed};
use crate::policy::On;

/// Seals that are shown, the newest.
pub const SHOWN_MAX: i64 = 100;
/// The lowest score of all.
const FLOOR: i64 = -203;
/// The chart in units: its width, and the lines at its edges.
const WIDTH: i64 = 600;
const EDGE: i64 = 8;

crate::row! {
    /// A seal as a point of the chart.
    #[derive(Clone, Debug)]
    pub struct Point {
        /// Which.
        pub id: SealId,
        /// Of which assessment.
        pub assessment: String,
        /// The CMMC status date.
        pub status_date: String,
        /// When it was sealed.
        pub made_at: i64,
        /// The score of what was verified.
        pub verified: Option<i64>,
        /// The score of what was claimed.
        pub projected: Option<i64>,
    }
}

#[derive(Serialize)]
struct Row {
    href: String,
    assessment: String,
    status_date: String,
    made_at: Micros,
    verified: Option<i64>,
    projected: Option<i64>,
    x: i64,
    verified_y: Option<i64>,
    projected_y: Option<i64>,
}

/// A chart: its lines as the points of polylines.
#[derive(Serialize)]
struct Chart {
    width: i64,
    height: i64,
    verified: Vec<String>,
    projected: Vec<String>,
    zero_y: i64,
    threshold_y: i64,
    full_y: i64,
}

#[derive(Serialize)]
struct TrendPage {
    id: String,
    name: String,
    system: String,
    /// Oldest first.
    rows: Vec<Row>,
    chart: Chart,
    conditional_score: i64,
    final_score: i64,
    shown_max: i64,
}

const fn y(score: i64) -> i64 {
    FULL - score + EDGE
}

/// Places by the time between seals; one alone stands in the middle.
fn x(first: Micros, last: Micros, at: Micros) -> i64 {
    let (span, past) = (i128::from(last - first), i128::from(at - first));
    if span == 0 { WIDTH / 2 } else { EDGE + i64::try_from(past * i128::from(WIDTH - 2 * EDGE) / span).unwrap_or(0) }
}

/// The lines through neighbours that both have a score.
fn lines(rows: &[Row], of: impl Fn(&Row) -> Option<i64>) -> Vec<String> {
    let runs = rows.split(|row| of(row).is_none()).filter(|run| run.len() > 1);
    runs.map(|run| run.iter().filter_map(|row| of(row).map(|y| format!("{},{y}", row.x))).collect::<Vec<_>>().join(" ")).collect()
}

fn charted(points: Vec<Point>) -> (Vec<Row>, Chart) {
    // The newest come first from the database.
    let (first, last) = (points.last().map_or(0, |p| p.made_at), points.first().map_or(0, |p| p.made_at));
    let row = |p: Point| Row {
        href: format!("/seals/{}", p.id),
        x: x(first, last, p.made_at),
        verified_y: p.verified.map(y),
        projected_y: p.projected.map(y),
        assessment: p.assessment,
        status_date: p.status_date,
        made_at: p.made_at,
        verified: p.verified,
        projected: p.projected,
    };
    let rows: Vec<Row> = points.into_iter().rev().map(row).collect();
    let chart = Chart {
        width: WIDTH,
        height: y(FLOOR) + EDGE,
        verified: lines(&rows, |r| r.verified_y),
        projected: lines(&rows, |r| r.projected_y),
        zero_y: y(0),
        threshold_y: y(SCORE_MIN),
        full_y: y(FULL),
    };
    (rows, chart)
}

pub(super) async fn get_trend(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let on = id.parse::<AssessmentId>().map_or_else(|_| On::any("assessment"), |id| On::one("assessment", id));
    let _permit = ctx.permit::<Read>(&on).await?;
    let (assessment, _) = found(&ctx, &id).await?;
    let query = ctx.app.db.query(sql::TREND).bind(&assessment.system_id).bind(&assessment.framework).bind(SHOWN_MAX);
    let points: Vec<Point> = query.all().await.map_err(|e| told(&ctx.app, Error::from(e)))?;
    let (rows, chart) = charted(points);
    let page = TrendPage {
        id: assessment.id.to_string(),
        name: assessment.name,
        system: assessment.system,
        rows,
        chart,
        conditional_score: SCORE_MIN,
        final_score: FULL,
        shown_max: SHOWN_MAX,
    };
    ctx.page("seal/trend.html", page).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::web::tests::render;

    fn point(made_at: i64, verified: Option<i64>, projected: Option<i64>) -> Point {
        let id = "sel_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id");
        Point { id, assessment: "<i>2026".into(), status_date: "2026-01-15".into(), made_at, verified, projected }
    }

    #[test]
    fn a_line_is_broken_where_there_was_no_score() {
        let scores = [Some(110), None, Some(-203), Some(88), Some(0)];
        // Newest first, as the database gives them.
        let mut points: Vec<Point> = (0_i64..).zip(scores).map(|(n, s)| point(n * 10, s, Some(110))).collect();
        points.reverse();
        let (rows, chart) = charted(points);
        assert_eq!(rows.iter().map(|r| r.x).collect::<Vec<_>>(), [8, 154, 300, 446, 592]);
        assert_eq!(rows.iter().map(|r| r.verified_y).collect::<Vec<_>>(), [Some(8), None, Some(321), Some(30), Some(118)]);
        assert_eq!(chart.verified, ["300,321 446,30 592,118"], "a score alone is a point and no line");
        assert_eq!((chart.projected.len(), chart.height, chart.zero_y, chart.threshold_y, chart.full_y), (1, 329, 118, 30, 8));
    }

    #[test]
    fn scores_over_time_render_full_and_bare() {
        let page = |points| {
            let (rows, chart) = charted(points);
            let (id, name, system) = ("asm_1".into(), "<i>2026".into(), "<i>Core".into());
            TrendPage { id, name, system, rows, chart, conditional_score: 88, final_score: 110, shown_max: SHOWN_MAX }
        };
        let shown = render("seal/trend.html", page(vec![point(9, Some(-3), Some(8)), point(5, None, Some(2))]));
        assert!(shown.contains("polyline") && !shown.contains("<i>") && shown.contains("<th scope=\"row\">"), "{shown}");
        let one = render("seal/trend.html", page(vec![point(9, Some(-3), None)]));
        assert!(one.contains("<circle") && !one.contains("polyline"), "{one}");
        assert!(!render("seal/trend.html", page(Vec::new())).contains("<svg class=\"chart\""));
    }
}
