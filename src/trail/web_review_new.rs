//! Signing a range off: the form that shows what is signed, and the signature.
//! Must stay true: a signature is a person's, in a session with password and code given a moment ago, under a sentence that
//! says what it means.

use axum::http::Uri;
use serde::Serialize;

use super::filter::{Misread, Raw};
use super::review::{self, COMMENT_CHARS_MAX, FINDINGS, Looked, Range, SAMPLE_MAX, SignOff};
use super::review_cover::coverage;
use super::web::{chips, entry_href, read_filter};
use super::{Error, Review};
use crate::core::id::{PersonId, ReviewId};
use crate::core::text::{Paragraph, TextError};
use crate::http::ctx::encode;
use crate::http::form::{Fields, FormState, Posted};
use crate::http::{self, Answer, Ctx, Signed};
use crate::policy::{Need, On};

/// The text of the sentence that says what signing means.
const MEANING: &str = "review-meaning";

#[derive(Serialize)]
struct Choice {
    value: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Drawn {
    seq: i64,
    href: String,
}

#[derive(Serialize)]
struct NewPage {
    first: i64,
    last: i64,
    filter: Raw,
    chips: Vec<super::web::Chip>,
    entries_href: String,
    matched: usize,
    root: String,
    differing: i64,
    own_alone: bool,
    sample: Option<usize>,
    sample_max: usize,
    seed: Option<String>,
    drawn: Vec<Drawn>,
    corrects: Option<String>,
    meaning: String,
    findings: Vec<Choice>,
    comment_max: usize,
    form: FormState,
}

/// What a form or an address asks to be reviewed.
struct Asked {
    range: Range,
    sample: Option<usize>,
    corrects: Option<ReviewId>,
}

/// Who cannot sign hears so; whose last password is too long ago comes back here, with the range, after giving it again.
async fn permitted(ctx: &Ctx, back: &str) -> Result<crate::policy::Permit<Review>, http::Error> {
    let on = On::any("review");
    if ctx.app.policy.permit::<Review>(&ctx.actor, &on).is_err_and(|denied| denied.need == Need::Fresh) && !ctx.is_api() {
        return Err(http::Error::see_other(format!("/fresh?next={}", encode(back))));
    }
    ctx.permit::<Review>(&on).await
}

pub(super) async fn get_new(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    let _permit = permitted(&ctx, uri.path_and_query().map_or("/audit/reviews", |p| p.as_str())).await?;
    let mut fields = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    if uri.query().is_none_or(str::is_empty) {
        let gap = coverage(&ctx.app.db).await?.oldest_gap();
        let to = gap.map_or_else(
            || "/audit/reviews".to_owned(),
            |g| format!("/audit/reviews/new?first={}&last={}", g.first, g.last.min(g.first + review::ENTRIES_MAX - 1)),
        );
        return Err(http::Error::see_other(to));
    }
    let asked = asked(&ctx, &mut fields).await?;
    fields.finish()?;
    super::web_review::looked(&ctx, &person, On::any("review"), &["review", &asked.range.raw.query("", None)]).await?;
    let page = new_page(&ctx, &person, asked, FormState::default()).await?;
    ctx.page("audit/review_new.html", page).await
}

async fn asked(ctx: &Ctx, fields: &mut Fields) -> Result<Asked, http::Error> {
    let raw = Raw::take(fields)?;
    let sample = fields.optional("sample")?.filter(|n| !n.is_empty());
    let corrects = fields.optional("corrects")?.filter(|id| !id.is_empty());
    let wrong = || http::Error::field("sample", format!("must be a number from 1 to {SAMPLE_MAX}"));
    let sample = sample.map(|n| n.parse().ok().filter(|n| (1..=SAMPLE_MAX).contains(n)).ok_or_else(wrong)).transpose()?;
    let corrects = corrects.map(|id| id.parse().map_err(|_| http::Error::not_found())).transpose()?;
    let filter = match read_filter(ctx, &raw).await {
        Ok(filter) => filter,
        Err(Misread::Says(key, name)) => return Err(http::Error::field(name, ctx.app.text(key, &[]))),
        Err(Misread::Fault(fault)) => return Err(fault.into()),
    };
    Ok(Asked { range: Range::of(raw, filter)?, sample, corrects })
}

async fn new_page(ctx: &Ctx, person: &PersonId, asked: Asked, form: FormState) -> Result<NewPage, http::Error> {
    let Asked { range, sample, corrects } = asked;
    let looked: Looked = review::look(&ctx.app.db, &range, person).await?;
    let drawn = sample.map(|count| looked.sample(&range, count));
    let href = |seq: i64| entry_href(seq, &range.raw.log);
    Ok(NewPage {
        first: range.first,
        last: range.last,
        chips: chips(ctx, &range.raw),
        entries_href: format!("/audit?{}", range.raw.query("", None)),
        matched: looked.matched.len(),
        root: hex::encode(looked.root),
        differing: looked.differing,
        own_alone: looked.own_alone,
        sample,
        sample_max: SAMPLE_MAX,
        seed: drawn.as_ref().map(|s| s.seed.clone()),
        drawn: drawn.into_iter().flat_map(|s| s.drawn).map(|seq| Drawn { seq, href: href(seq) }).collect(),
        corrects: corrects.map(|id| id.to_string()),
        meaning: ctx.app.text(MEANING, &[]),
        findings: FINDINGS.iter().map(|f| Choice { value: f, text: ctx.app.text(&format!("finding-{f}"), &[]) }).collect(),
        comment_max: COMMENT_CHARS_MAX,
        filter: range.raw,
        form,
    })
}

pub(super) async fn post_new(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = permitted(&ctx, "/audit/reviews").await?;
    // A token cannot sign: nobody proves themselves at the moment it is used.
    let Some(authenticated_at) = ctx.session.as_ref().map(|s| s.auth_at) else { return Err(http::Error::new(axum::http::StatusCode::FORBIDDEN, "forbidden")) };
    let asked = asked(&ctx, &mut fields).await?;
    let (finding, typed) = (fields.one("finding")?, fields.one("comment")?);
    fields.finish()?;
    let mut form = FormState::default().keep("finding", finding.as_str()).keep("comment", typed.as_str());
    let comment = Paragraph::parse(&typed, COMMENT_CHARS_MAX);
    if let Err(error) = &comment {
        let key = if matches!(error, TextError::Empty) { "error-comment-empty" } else { "error-comment" };
        form.wrong("comment", ctx.app.text(key, &[]));
    }
    if !FINDINGS.contains(&finding.as_str()) {
        form.wrong("finding", ctx.app.text("error-finding", &[]));
    }
    let Some(comment) = comment.ok().filter(|_| form.is_fine()) else {
        let page = new_page(&ctx, &person, asked, form).await?;
        return ctx.again("audit/review_new.html", page).await;
    };
    let meaning = ctx.app.text(MEANING, &[]);
    let off = SignOff {
        reviewer: &person,
        range: &asked.range,
        sample: asked.sample,
        finding: &finding,
        comment: &comment,
        meaning: &meaning,
        authenticated_at,
        corrects: asked.corrects.as_ref(),
    };
    let key = match review::sign(&ctx.app.db, permit, off).await {
        Ok(id) => return Ok(ctx.go(&format!("/audit/reviews/{id}"), "review-signed")),
        Err(Error::OwnAlone) => "error-review-own",
        Err(Error::Differs) => "error-review-differs",
        Err(Error::Corrected) => "error-review-corrected",
        Err(error) => return Err(error.into()),
    };
    let form = form.saying(ctx.app.text(key, &[]));
    let page = new_page(&ctx, &person, asked, form).await?;
    ctx.again("audit/review_new.html", page).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_renders_full_and_bare() {
        let texts = http::texts::Texts::english();
        for key in [MEANING, "finding-none", "finding-question", "finding-incident", "method-all", "method-sample"] {
            assert!(texts.has(key), "{key}");
        }
        for key in ["error-comment-empty", "error-comment", "error-finding", "error-review-own", "error-review-differs", "error-review-corrected"] {
            assert!(texts.has(key), "{key}");
        }
        let mut form = FormState::default().keep("comment", "<b>");
        form.wrong("finding", "No.");
        let full = NewPage {
            first: 0,
            last: 9,
            filter: Raw { actor: "<i>".into(), first: "0".into(), last: "9".into(), ..Raw::default() },
            chips: vec![super::super::web::Chip::new("Who", "<i>", "/audit")],
            entries_href: "/audit?first=0&last=9".into(),
            matched: 4,
            root: "00".into(),
            differing: 2,
            own_alone: true,
            sample: Some(2),
            sample_max: SAMPLE_MAX,
            seed: Some("aa".into()),
            drawn: vec![Drawn { seq: 3, href: "/audit/3".into() }],
            corrects: Some("rvw_1".into()),
            meaning: "I did.".into(),
            findings: vec![Choice { value: "none", text: "Nothing".into() }],
            comment_max: COMMENT_CHARS_MAX,
            form,
        };
        let shown = super::super::tests::render("audit/review_new.html", &full);
        assert!(shown.contains("I did.") && shown.contains("name=\"corrects\" value=\"rvw_1\"") && !shown.contains("<i>"), "{shown}");
        let bare = NewPage { sample: None, seed: None, drawn: Vec::new(), corrects: None, differing: 0, own_alone: false, form: FormState::default(), ..full };
        super::super::tests::render("audit/review_new.html", &bare);
    }
}
