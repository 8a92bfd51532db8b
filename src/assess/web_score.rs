//! The score of an assessment: verified and projected, what each family brings, what closes the gap fastest, what a plan of
//! action may not hold, and what would be if.

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::derive::Whole;
use super::web::{Head, Named, named};
use super::web_requirement::refusal_text;
use crate::catalog::poam;
use crate::catalog::score::{FULL, Scored, Status, Statuses, lost, what_if};
use crate::http::form::Fields;
use crate::http::{self, Answer, Ctx, Signed};

/// The lowest score of all.
const FLOOR: i64 = -203;
/// Units of the gauge for each point.
const UNITS: i64 = 2;
/// Rows of the ranked list that are shown.
const RANKED_MAX: usize = 110;

#[derive(Serialize)]
struct Gauge {
    verified: Option<i64>,
    projected: Option<i64>,
    /// Units from the left.
    verified_at: Option<i64>,
    projected_at: Option<i64>,
    zero_at: i64,
    threshold_at: i64,
    width: i64,
}

#[derive(Serialize)]
struct Bar {
    id: String,
    title: String,
    /// Points that the family can bring, and those it does.
    points: i64,
    verified: i64,
    projected: i64,
    verified_width: i64,
    projected_width: i64,
    met: usize,
    total: usize,
}

#[derive(Serialize)]
struct Ranked {
    id: String,
    href: String,
    title: String,
    points: i64,
    open: usize,
    gate: bool,
    chosen: bool,
}

#[derive(Serialize)]
struct Hindrance {
    text: String,
    citation: &'static str,
    href: Option<String>,
}

#[derive(Serialize)]
struct ScorePage {
    assessment: Head,
    scored: bool,
    gauge: Gauge,
    unassessed: usize,
    families: Vec<Bar>,
    ranked: Vec<Ranked>,
    what_if: Option<String>,
    hindrances: Vec<Hindrance>,
    final_score: i64,
    conditional_score: i64,
    days: i64,
}

fn at(score: Option<i64>) -> Option<i64> {
    score.map(|s| (s.clamp(FLOOR, FULL) - FLOOR) * UNITS)
}

pub(super) async fn get_score(Signed { ctx, .. }: Signed, Path(id): Path<String>, uri: Uri) -> Answer {
    let named = named(&ctx, &id).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let chosen = query.many("met");
    query.finish()?;
    if let Some(unknown) = chosen.iter().find(|id| named.catalog.requirement(id).is_none()) {
        return Err(http::Error::field("met", ctx.app.text("error-requirement-unknown", &[("id", unknown)])));
    }
    let known = named.known(&ctx).await?;
    let whole = known.whole(&named.catalog);
    let page = score_page(&ctx, &named, &whole, &chosen);
    ctx.page("assess/score.html", page).await
}

fn score_page(ctx: &Ctx, named: &Named, whole: &Whole<'_>, chosen: &[String]) -> ScorePage {
    let (verified, claimed) = whole.scores();
    let (found, said) = (whole.verified(), whole.claimed());
    let changes: Statuses = chosen.iter().map(|id| (id.clone(), Status::Met)).collect();
    let changed = what_if(&named.catalog, &found, &changes);
    let title = |id: &str| named.catalog.requirement(id).map_or_else(String::new, |r| r.title.clone());
    let ranked = whole.ranking().into_iter().take(RANKED_MAX).map(|g| Ranked {
        href: named.requirement_href(&g.requirement),
        title: title(&g.requirement),
        points: g.points,
        open: g.open,
        gate: g.gate,
        chosen: chosen.contains(&g.requirement),
        id: g.requirement,
    });
    let hindrances = poam::hindrances(&named.catalog, &said, &claimed).into_iter().map(|r| Hindrance {
        text: refusal_text(&ctx.app, &r),
        citation: r.citation,
        href: r.requirement.as_deref().map(|id| named.requirement_href(id)),
    });
    let told = |scored: &Scored| scored.score.map_or_else(|| ctx.app.text("score-none", &[]), |s| s.to_string());
    ScorePage {
        assessment: Head::from(named),
        scored: named.catalog.is_scored(),
        gauge: gauge(verified.score, claimed.score),
        unassessed: whole.objectives().filter(|o| o.finding().is_none()).count(),
        families: bars(whole, &found, &said),
        ranked: ranked.collect(),
        what_if: (!chosen.is_empty()).then(|| told(&changed)),
        hindrances: if named.catalog.is_scored() { hindrances.collect() } else { Vec::new() },
        final_score: FULL,
        conditional_score: poam::SCORE_MIN,
        days: poam::DAYS,
    }
}

fn gauge(verified: Option<i64>, projected: Option<i64>) -> Gauge {
    let place = |score: i64| (score - FLOOR) * UNITS;
    Gauge {
        verified,
        projected,
        verified_at: at(verified),
        projected_at: at(projected),
        zero_at: place(0),
        threshold_at: place(poam::SCORE_MIN),
        width: place(FULL),
    }
}

fn bars(whole: &Whole<'_>, verified: &Statuses, claimed: &Statuses) -> Vec<Bar> {
    let mut out = Vec::new();
    for f in &whole.families {
        let worth: i64 = f.requirements.iter().filter_map(|r| r.requirement.points).sum();
        let kept = |statuses: &Statuses| worth - f.requirements.iter().map(|r| lost(r.requirement, statuses.get(&r.requirement.id).copied())).sum::<i64>();
        let share = |points: i64| if worth == 0 { 0 } else { points * 100 / worth };
        let (is, would) = (kept(verified), kept(claimed));
        out.push(Bar {
            id: f.family.id.clone(),
            title: f.family.title.clone(),
            points: worth,
            verified: is,
            projected: would,
            verified_width: share(is),
            projected_width: share(would),
            met: f.requirements.iter().filter(|r| r.verified.is_some_and(Status::is_satisfied)).count(),
            total: f.requirements.len(),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::web::tests::render;

    #[test]
    fn the_gauge_spans_all_scores() {
        let gauge = gauge(Some(-203), Some(110));
        assert_eq!((gauge.verified_at, gauge.projected_at, gauge.width), (Some(0), Some(626), 626));
        assert_eq!((gauge.zero_at, gauge.threshold_at), (406, 582));
        assert_eq!(super::gauge(None, None).verified_at, None);
    }

    #[test]
    fn the_score_renders_full_and_bare() {
        let head = Head {
            id: "asm_1".into(),
            name: "2026".into(),
            system: "Core".into(),
            system_href: "/assess/systems/sys_1".into(),
            framework: "r2".into(),
            made_by: "Ada".into(),
            made_at: 0,
        };
        let bar = Bar {
            id: "3.1".into(),
            title: "<i>Access".into(),
            points: 40,
            verified: 10,
            projected: 20,
            verified_width: 25,
            projected_width: 50,
            met: 3,
            total: 22,
        };
        let ranked = |gate| Ranked { id: "3.1.1".into(), href: "/r".into(), title: "<i>Users".into(), points: 5, open: 2, gate, chosen: gate };
        let full = ScorePage {
            assessment: head,
            scored: true,
            gauge: gauge(Some(-12), Some(90)),
            unassessed: 3,
            families: vec![bar],
            ranked: vec![ranked(true), ranked(false)],
            what_if: Some("95".into()),
            hindrances: vec![
                Hindrance { text: "<i>no".into(), citation: "32 CFR 170.21(a)(2)(ii)", href: Some("/r".into()) },
                Hindrance { text: "n".into(), citation: "c", href: None },
            ],
            final_score: 110,
            conditional_score: 88,
            days: 180,
        };
        let shown = render("assess/score.html", &full);
        assert!(shown.contains("170.21(a)(2)(ii)") && !shown.contains("<i>"), "{shown}");
        let bare = ScorePage { gauge: gauge(None, None), ranked: Vec::new(), what_if: None, hindrances: Vec::new(), unassessed: 0, ..full };
        render("assess/score.html", &bare);
        render("assess/score.html", &ScorePage { scored: false, ..bare });
    }
}
