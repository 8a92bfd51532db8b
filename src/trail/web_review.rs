//! The pages of reviews: what was signed off and what was not, and one review with everything that is in it.

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::filter::Raw;
use super::review::{self, ENTRIES_MAX, PAGE_MAX, Signed as Kept};
use super::review_cover::{Coverage, Stretch, coverage};
use super::web::entry_href;
use super::{Read, Review, web_review_api, web_review_new};
use crate::core::clock::Micros;
use crate::core::id::{PersonId, ReviewId};
use crate::db::Detail;
use crate::http::recently;
use crate::http::{self, Answer, Ctx, Fields, Routes, Rule, Signed};
use crate::policy::On;

/// Stretches drawn and listed at most, the newest.
const STRETCHES_MAX: usize = 100;
/// Units across the bar.
const BAR_WIDTH: i64 = 1000;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/audit/reviews", Rule::Act("trail.read"), get_reviews)
        .get("/audit/reviews/new", Rule::Act("trail.review"), web_review_new::get_new)
        .post("/audit/reviews", Rule::Act("trail.review"), web_review_new::post_new)
        .get("/audit/reviews/{id}", Rule::Act("trail.read"), get_review)
        .get("/api/v1/audit/reviews", Rule::Act("trail.read"), web_review_api::get_api)
}

#[derive(Serialize)]
struct Bar {
    x: i64,
    width: i64,
    reviewed: bool,
}

#[derive(Serialize)]
struct ShownStretch {
    first: i64,
    last: i64,
    reviewed: bool,
    href: String,
}

#[derive(Serialize)]
struct Row {
    id: String,
    from_seq: i64,
    to_seq: i64,
    whole: bool,
    matched: i64,
    finding: String,
    method: String,
    reviewer: String,
    at: Micros,
    corrected: bool,
}

#[derive(Serialize)]
struct ListPage {
    size: i64,
    reviewed: i64,
    bars: Vec<Bar>,
    stretches: Vec<ShownStretch>,
    next_href: Option<String>,
    every_days: i64,
    reviews: Vec<Row>,
    older: Option<String>,
}

impl From<&Kept> for Row {
    fn from(kept: &Kept) -> Self {
        Self {
            id: kept.id.to_string(),
            from_seq: kept.from_seq,
            to_seq: kept.to_seq,
            whole: kept.whole == 1,
            matched: kept.matched,
            finding: kept.finding.clone(),
            method: kept.method.clone(),
            reviewer: kept.reviewer.clone(),
            at: kept.made_at,
            corrected: kept.corrected_by.is_some(),
        }
    }
}

/// Records a look at reviews; those like it within fifteen minutes are one entry.
pub(super) async fn looked(ctx: &Ctx, person: &PersonId, on: On, what: &[&str]) -> Result<(), http::Error> {
    let permit = ctx.permit::<Read>(&on).await?;
    let read = recently::Read::of(person.as_str(), what);
    if !ctx.app.recently.stands_for(&read, ctx.now()) {
        ctx.app.db.record(permit, Detail::ok()).await?;
        ctx.app.recently.recorded(read, ctx.now());
    }
    Ok(())
}

async fn get_reviews(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    looked(&ctx, &person, On::any("review"), &["reviews"]).await?;
    let mut fields = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let after = fields.optional("after")?.map(|id| id.parse::<ReviewId>().map_err(|_| http::Error::not_found())).transpose()?;
    fields.finish()?;
    let db = &ctx.app.db;
    let (reviews, more) = review::page(db, after.as_ref(), PAGE_MAX).await?;
    let covered = coverage(db).await?;
    let may_sign = ctx.app.policy.can::<Review>(&ctx.actor, &On::any("review"));
    let page = ListPage {
        size: covered.size,
        reviewed: covered.reviewed(),
        bars: bars(&covered),
        stretches: newest(&covered).map(|s| ShownStretch { first: s.first, last: s.last, reviewed: s.reviewed, href: range_href(s.first, s.last) }).collect(),
        next_href: covered.oldest_gap().filter(|_| may_sign).map(|gap| range_href(gap.first, gap.last.min(gap.first + ENTRIES_MAX - 1))),
        every_days: ctx.app.policies.review.every_days,
        older: reviews.last().filter(|_| more).map(|r| format!("/audit/reviews?after={}", r.id)),
        reviews: reviews.iter().map(Row::from).collect(),
    };
    ctx.page("audit/reviews.html", page).await
}

/// The list of entries of a range.
fn range_href(first: i64, last: i64) -> String {
    format!("/audit?first={first}&last={last}")
}

fn newest(covered: &Coverage) -> impl Iterator<Item = &Stretch> {
    covered.stretches.iter().rev().take(STRETCHES_MAX)
}

/// The stretches as parts of a bar; what is too small to be seen gets one unit.
fn bars(covered: &Coverage) -> Vec<Bar> {
    let size = covered.size.max(1);
    let at = |seq: i64| i64::try_from(i128::from(seq) * i128::from(BAR_WIDTH) / i128::from(size)).unwrap_or(0);
    newest(covered).map(|s| Bar { x: at(s.first).min(BAR_WIDTH - 1), width: (at(s.last + 1) - at(s.first)).max(1), reviewed: s.reviewed }).collect()
}

#[derive(Serialize)]
struct Drawn {
    seq: i64,
    href: String,
}

#[derive(Serialize)]
struct ShowPage {
    review: Row,
    log: i64,
    filter: Option<String>,
    comment: Option<String>,
    root: String,
    seed: Option<String>,
    drawn: Vec<Drawn>,
    entries_href: String,
    entry: Option<i64>,
    entry_href: Option<String>,
    proof_href: Option<String>,
    corrects: Option<String>,
    corrected_by: Option<String>,
    correct_href: Option<String>,
}

async fn get_review(Signed { ctx, person }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<Read>(&On::any("review")).await?;
    let db = &ctx.app.db;
    let id: ReviewId = id.parse().map_err(|_| http::Error::not_found())?;
    let kept = review::by_id(db, &id).await?.ok_or_else(http::Error::not_found)?;
    looked(&ctx, &person, On::one("review", &id), &["review", id.as_str()]).await?;
    let words = kept.words(db).await?;
    let log = if kept.log == db.log().0 { String::new() } else { kept.log.to_string() };
    let range = Raw { first: kept.from_seq.to_string(), last: kept.to_seq.to_string(), log: log.clone(), ..Raw::default() }.query("", None);
    let filter = words.as_ref().map(|w| w.filter.clone()).filter(|f| !f.is_empty());
    let entry_log = kept.entry_log.filter(|log| *log != db.log().0).map_or_else(String::new, |log| log.to_string());
    let may_sign = ctx.app.policy.can::<Review>(&ctx.actor, &On::any("review"));
    let correct = format!("/audit/reviews/new?{}&corrects={id}", filter.as_deref().unwrap_or(&range));
    let page = ShowPage {
        review: Row::from(&kept),
        log: kept.log,
        entries_href: format!("/audit?{}", filter.as_deref().unwrap_or(&range)),
        comment: words.map(|w| w.comment),
        filter,
        drawn: kept.drawn().into_iter().map(|seq| Drawn { seq, href: entry_href(seq, &log) }).collect(),
        entry: kept.entry_seq,
        entry_href: kept.entry_seq.map(|seq| entry_href(seq, &entry_log)),
        proof_href: kept.entry_seq.map(|seq| entry_href(seq, &entry_log).replacen(&format!("/{seq}"), &format!("/{seq}/proof"), 1)),
        correct_href: Some(correct).filter(|_| may_sign && kept.corrected_by.is_none()),
        root: kept.root,
        seed: kept.seed,
        corrects: kept.corrects.map(|id| id.to_string()),
        corrected_by: kept.corrected_by.map(|id| id.to_string()),
    };
    ctx.page("audit/review.html", page).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let text = |t: &str| t.to_owned();
        Row {
            id: text("rvw_1"),
            from_seq: 0,
            to_seq: 9,
            whole: false,
            matched: 3,
            finding: text("none"),
            method: text("sample"),
            reviewer: text("<i>"),
            at: 0,
            corrected: true,
        }
    }

    #[test]
    fn the_pages_render_full_and_empty() {
        let stretch = |reviewed| ShownStretch { first: 0, last: 9, reviewed, href: "/audit?first=0&last=9".into() };
        let full = ListPage {
            size: 10,
            reviewed: 5,
            bars: vec![Bar { x: 0, width: 500, reviewed: true }],
            stretches: vec![stretch(true), stretch(false)],
            next_href: Some("/audit?first=0&last=9".into()),
            every_days: 30,
            reviews: vec![row()],
            older: Some("/audit/reviews?after=rvw_1".into()),
        };
        let shown = super::super::tests::render("audit/reviews.html", &full);
        assert!(shown.contains("&lt;i&gt;") && shown.contains("width=\"500\""), "{shown}");
        super::super::tests::render(
            "audit/reviews.html",
            &ListPage { reviews: Vec::new(), stretches: Vec::new(), bars: Vec::new(), next_href: None, older: None, ..full },
        );
        let some = |t: &str| Some(t.to_owned());
        let page = ShowPage {
            review: row(),
            log: 1,
            filter: some("actor=anna&first=0&last=9"),
            comment: some("<b>fine"),
            root: "00".into(),
            seed: some("aa"),
            drawn: vec![Drawn { seq: 3, href: "/audit/3".into() }],
            entries_href: "/audit?first=0".into(),
            entry: Some(12),
            entry_href: some("/audit/12"),
            proof_href: some("/audit/12/proof"),
            corrects: some("rvw_0"),
            corrected_by: some("rvw_2"),
            correct_href: some("/audit/reviews/new?corrects=rvw_1"),
        };
        assert!(super::super::tests::render("audit/review.html", &page).contains("&lt;b&gt;fine"));
        let bare = ShowPage {
            filter: None,
            comment: None,
            seed: None,
            drawn: Vec::new(),
            entry: None,
            entry_href: None,
            proof_href: None,
            corrects: None,
            corrected_by: None,
            correct_href: None,
            ..page
        };
        super::super::tests::render("audit/review.html", &bare);
    }

    #[test]
    fn a_bar_spans_the_log_and_shows_what_is_small() {
        let covered =
            Coverage { size: 1_000_000, stretches: vec![Stretch { first: 0, last: 0, reviewed: true }, Stretch { first: 1, last: 999_999, reviewed: false }] };
        let drawn: Vec<_> = bars(&covered).iter().map(|b| (b.x, b.width)).collect();
        assert_eq!(drawn, [(0, 1000), (0, 1)]);
        assert!(bars(&Coverage { size: 0, stretches: Vec::new() }).is_empty());
    }
}
