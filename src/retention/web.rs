//! The page of retention: how long entries are kept and who said so, what was pruned and what is next, and legal holds.
//! Must stay true: what a page offers is what the policy allows; the act itself asks again.

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::hold::Hold;
use super::term::{Term, waiting};
use super::{Approve, Erase, Error, Place, Propose, Read, Release, api, hold, prune, term, web_subject};
use crate::core::clock::{DAY, Micros};
use crate::core::fault::Fault;
use crate::core::id::{HoldId, PersonId, RetentionId};
use crate::core::text::{Paragraph, TextError};
use crate::db::keep::{BUNDLE, DAYS_DEFAULT, DAYS_MAX, DAYS_MIN, is_holdable};
use crate::db::{Db, Detail};
use crate::http::ctx::encode;
use crate::http::form::{Fields, FormState, Posted};
use crate::http::recently;
use crate::http::{self, Answer, Ctx, Routes, Rule, Signed};
use crate::policy::{Act, Need, On, Permit};

/// Characters of a reason.
pub(super) const REASON_CHARS_MAX: usize = 500;
const PAGE: &str = "/audit/retention";

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get(PAGE, Rule::Act("retention.read"), get_page)
        .post(PAGE, Rule::Act("retention.propose"), post_propose)
        .post("/audit/retention/{id}/approve", Rule::Act("retention.approve"), post_approve)
        .post("/audit/holds", Rule::Act("hold.place"), post_hold)
        .post("/audit/holds/{id}/release", Rule::Act("hold.release"), post_release)
        .get("/audit/subjects", Rule::Act("retention.read"), web_subject::get_subjects)
        .post("/audit/subjects", Rule::Act("subject.erased"), web_subject::post_erase)
        .get("/api/v1/audit/retention", Rule::Act("retention.read"), api::get_retention)
}

impl From<Error> for http::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::Days => Self::field("days", format!("must be between {DAYS_MIN} and {DAYS_MAX}")),
            Error::Held | Error::Active | Error::Own | Error::State => Self::conflict("state"),
            Error::Db(error) => error.into(),
            Error::Fault(fault) => fault.into(),
        }
    }
}

/// Records a look; those like it within fifteen minutes are one entry.
pub(super) async fn looked(ctx: &Ctx, person: &PersonId, what: &[&str]) -> Result<(), http::Error> {
    let permit = ctx.permit::<Read>(&On::any("retention")).await?;
    let read = recently::Read::of(person.as_str(), what);
    if !ctx.app.recently.stands_for(&read, ctx.now()) {
        ctx.app.db.record(permit, Detail::ok().with("part", what[0])).await?;
        ctx.app.recently.recorded(read, ctx.now());
    }
    Ok(())
}

/// Whose last password is too long ago comes back to `back` after giving it again.
pub(super) async fn permitted<A: Act<On = On>>(ctx: &Ctx, on: &On, back: &str) -> Result<Permit<A>, http::Error> {
    if ctx.app.policy.permit::<A>(&ctx.actor, on).is_err_and(|denied| denied.need == Need::Fresh) && !ctx.is_api() {
        return Err(http::Error::see_other(format!("/fresh?next={}", encode(back))));
    }
    ctx.permit::<A>(on).await
}

/// Takes the reason; what is wrong with it is noted in the form.
pub(super) fn take_reason(ctx: &Ctx, fields: &mut Fields, form: &mut FormState) -> Result<String, http::Error> {
    let typed = fields.one("reason")?;
    let parsed = Paragraph::parse(&typed, REASON_CHARS_MAX);
    if let Err(error) = &parsed {
        let key = if matches!(error, TextError::Empty) { "error-reason-missing" } else { "error-reason-form" };
        form.wrong("reason", ctx.app.text(key, &[("max", &REASON_CHARS_MAX.to_string())]));
    }
    form.values.insert("reason".into(), typed.into());
    Ok(parsed.unwrap_or_default())
}

/// The page of an entry.
pub(super) fn entry_href(db: &Db, log: Option<i64>, seq: Option<i64>) -> Option<String> {
    let (log, seq) = (log?, seq?);
    Some(if log == db.log().0 { format!("/audit/{seq}") } else { format!("/audit/{seq}?log={log}") })
}

#[derive(Serialize)]
struct TermRow {
    id: String,
    days: i64,
    before: i64,
    reason: Option<String>,
    by: String,
    at: Micros,
    approver: Option<String>,
    approved_at: Option<Micros>,
    waits: bool,
    may_approve: bool,
    href: Option<String>,
}

#[derive(Serialize)]
struct PruneRow {
    min: i64,
    days: i64,
    at: Micros,
    href: Option<String>,
}

#[derive(Serialize)]
struct HoldRow {
    id: String,
    subject: Option<String>,
    reason: Option<String>,
    by: String,
    at: Micros,
    releaser: Option<String>,
    released_at: Option<Micros>,
    may_release: bool,
    href: Option<String>,
}

#[derive(Serialize)]
struct RetentionPage {
    days: i64,
    is_default: bool,
    default: i64,
    min: i64,
    max: i64,
    pruned: i64,
    oldest_at: Option<Micros>,
    goes_at: Option<Micros>,
    due_below: i64,
    waiting_below: Option<i64>,
    waiting_days: Option<i64>,
    held: bool,
    may_propose: bool,
    may_hold: bool,
    may_erase: bool,
    terms: Vec<TermRow>,
    prunes: Vec<PruneRow>,
    holds: Vec<HoldRow>,
    form: FormState,
}

async fn term_row(ctx: &Ctx, term: &Term, waits: bool) -> Result<TermRow, Fault> {
    let own = ctx.actor.person() == Some(&term.person_id);
    Ok(TermRow {
        id: term.id.to_string(),
        days: term.days,
        before: term.before_days,
        reason: term.reason(&ctx.app.db).await?,
        by: term.proposer.clone(),
        at: term.made_at,
        approver: term.approver.clone(),
        approved_at: term.approved_at,
        waits,
        may_approve: waits && !own && ctx.app.policy.can::<Approve>(&ctx.actor, &On::any("retention")),
        href: entry_href(&ctx.app.db, term.entry_log, term.entry_seq),
    })
}

async fn hold_row(ctx: &Ctx, hold: &Hold) -> Result<HoldRow, Fault> {
    let own = ctx.actor.person() == Some(&hold.person_id);
    Ok(HoldRow {
        id: hold.id.to_string(),
        subject: hold.subject.clone(),
        reason: hold.reason(&ctx.app.db).await?,
        by: hold.placer.clone(),
        at: hold.made_at,
        releaser: hold.releaser.clone(),
        released_at: hold.released_at,
        may_release: hold.released_at.is_none() && !own && ctx.app.policy.can::<Release>(&ctx.actor, &On::any("hold")),
        href: entry_href(&ctx.app.db, hold.entry_log, hold.entry_seq),
    })
}

async fn page(ctx: &Ctx, form: FormState) -> Result<RetentionPage, http::Error> {
    let (db, policy) = (&ctx.app.db, &ctx.app.policy);
    let (log, _) = db.log();
    let kept = term::in_force(db, log).await?;
    let history = term::history(db).await?;
    let waits = waiting(&history, log);
    let pruned = db.pruned_below(log).await?;
    let oldest_at = prune::written_at(db, log, pruned).await?;
    // Entries go by whole bundles, and the first that stays must be old enough too.
    let goes_at = prune::written_at(db, log, pruned + BUNDLE).await?.map(|at| at.saturating_add(kept.days.saturating_mul(DAY)));
    let holds = hold::list(db).await?;
    let (mut terms, mut rows) = (Vec::new(), Vec::new());
    for term in &history {
        terms.push(term_row(ctx, term, waits.is_some_and(|w| w.id == term.id)).await?);
    }
    for hold in &holds {
        rows.push(hold_row(ctx, hold).await?);
    }
    let waiting_below = match waits {
        Some(term) => Some(prune::due(db, term.days, ctx.now()).await?),
        None => None,
    };
    Ok(RetentionPage {
        days: kept.days,
        is_default: kept.id.is_none(),
        default: DAYS_DEFAULT,
        min: DAYS_MIN,
        max: DAYS_MAX,
        pruned,
        oldest_at,
        goes_at,
        due_below: prune::due(db, kept.days, ctx.now()).await?,
        waiting_below,
        waiting_days: waits.map(|term| term.days),
        held: holds.iter().any(|hold| hold.released_at.is_none()),
        may_propose: policy.can::<Propose>(&ctx.actor, &On::any("retention")),
        may_hold: policy.can::<Place>(&ctx.actor, &On::any("hold")),
        may_erase: policy.can::<Erase>(&ctx.actor, &On::any("number")),
        terms,
        prunes: prune::list(db)
            .await?
            .into_iter()
            .map(|p| PruneRow { min: p.min_seq, days: p.days, at: p.made_at, href: entry_href(db, p.entry_log, p.entry_seq) })
            .collect(),
        holds: rows,
        form,
    })
}

async fn get_page(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    looked(&ctx, &person, &["retention"]).await?;
    Fields::parse(uri.query().unwrap_or_default().as_bytes())?.finish()?;
    let page = page(&ctx, FormState::default()).await?;
    ctx.page("audit/retention.html", page).await
}

async fn post_propose(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = permitted::<Propose>(&ctx, &On::any("retention"), PAGE).await?;
    let mut form = FormState::default();
    let typed = fields.one("days")?;
    let why = take_reason(&ctx, &mut fields, &mut form)?;
    fields.finish()?;
    let days = typed.trim().parse().ok().filter(|n| (DAYS_MIN..=DAYS_MAX).contains(n));
    if days.is_none() {
        form.wrong("days", ctx.app.text("error-days", &[("min", &DAYS_MIN.to_string()), ("max", &DAYS_MAX.to_string())]));
    }
    let form = form.keep("days", typed);
    let Some(days) = days.filter(|_| form.is_fine()) else {
        let page = page(&ctx, form).await?;
        return ctx.again("audit/retention.html", page).await;
    };
    let at_once = term::propose(&ctx.app.db, permit, &person, days, &why).await?;
    if at_once { Ok(ctx.go(PAGE, "retention-set")) } else { Ok(ctx.go(PAGE, "retention-proposed")) }
}

async fn post_approve(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    let _permit = permitted::<Approve>(&ctx, &On::any("retention"), PAGE).await?;
    fields.finish()?;
    let id: RetentionId = id.parse().map_err(|_| http::Error::not_found())?;
    let term = term::by_id(&ctx.app.db, &id).await?;
    let permit = permitted::<Approve>(&ctx, &On { author: Some(term.person_id.clone()), ..On::one("retention", &id) }, PAGE).await?;
    term::approve(&ctx.app.db, permit, &term, &person).await?;
    Ok(ctx.go(PAGE, "retention-approved"))
}

async fn post_hold(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<Place>(&On::any("hold")).await?;
    let mut form = FormState::default();
    let subject = fields.optional("subject")?.filter(|s| !s.is_empty());
    let why = take_reason(&ctx, &mut fields, &mut form)?;
    fields.finish()?;
    if !form.is_fine() {
        let page = page(&ctx, form).await?;
        return ctx.again("audit/retention.html", page).await;
    }
    if subject.as_deref().is_some_and(|s| !is_holdable(s)) {
        return Err(http::Error::field("subject", "is not a person or a number that the trail holds"));
    }
    hold::place(&ctx.app.db, permit, &person, subject.as_deref(), &why).await?;
    Ok(ctx.go(PAGE, "hold-placed"))
}

async fn post_release(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    let _permit = permitted::<Release>(&ctx, &On::any("hold"), PAGE).await?;
    fields.finish()?;
    let id: HoldId = id.parse().map_err(|_| http::Error::not_found())?;
    let hold = hold::by_id(&ctx.app.db, &id).await?;
    let permit = permitted::<Release>(&ctx, &On { author: Some(hold.person_id.clone()), ..On::one("hold", &id) }, PAGE).await?;
    hold::release(&ctx.app.db, permit, &hold, &person).await?;
    Ok(ctx.go(PAGE, "hold-released"))
}

/// Renders a page in the bare frame; a missing value or text fails.
#[cfg(test)]
pub(super) fn render(name: &str, page: impl Serialize) -> String {
    let assets = serde_json::json!({ "css": "c", "js": "j", "icons": "i", "mark": "m" });
    let base = serde_json::json!({
        "nonce": "n", "csrf_token": "t", "assets": assets, "lang": "en", "path": "/", "now": 0, "time_zone": "UTC", "viewer": null,
        "flash": null, "banner": null, "trail": { "size": 3, "verified_to": 3, "checkpoint_at": 0, "witness": null, "ok": true }, "page_title_error": false,
    });
    http::templates::Templates::new(std::sync::Arc::new(http::texts::Texts::english())).render(name, base, page).expect("it renders")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_renders_full_and_empty() {
        let some = |t: &str| Some(t.to_owned());
        let term = |waits: bool| TermRow {
            id: "rtn_1".into(),
            days: 400,
            before: 2190,
            reason: some("<b>why"),
            by: "<i>".into(),
            at: 0,
            approver: some("B").filter(|_| !waits),
            approved_at: Some(0).filter(|_| !waits),
            waits,
            may_approve: waits,
            href: some("/audit/3"),
        };
        let hold = |subject: Option<&str>, released_at: Option<i64>| HoldRow {
            id: "hld_1".into(),
            subject: subject.map(str::to_owned),
            reason: some("case <7>"),
            by: "C".into(),
            at: 0,
            releaser: released_at.map(|_| "D".to_owned()),
            released_at,
            may_release: released_at.is_none(),
            href: None,
        };
        let full = RetentionPage {
            days: 2190,
            is_default: true,
            default: 2190,
            min: DAYS_MIN,
            max: DAYS_MAX,
            pruned: 256,
            oldest_at: Some(0),
            goes_at: Some(0),
            due_below: 512,
            waiting_below: Some(768),
            waiting_days: Some(400),
            held: true,
            may_propose: true,
            may_hold: true,
            may_erase: true,
            terms: vec![term(true), term(false)],
            prunes: vec![PruneRow { min: 256, days: 2190, at: 0, href: some("/audit/300") }],
            holds: vec![hold(None, None), hold(Some("num_1"), Some(0))],
            form: FormState::default().keep("days", "7").saying("No."),
        };
        let shown = render("audit/retention.html", &full);
        assert!(shown.contains("&lt;b&gt;why") && shown.contains("rtn_1/approve") && shown.contains("hld_1/release") && !shown.contains("<i>"), "{shown}");
        let bare = RetentionPage {
            pruned: 0,
            oldest_at: None,
            goes_at: None,
            due_below: 0,
            waiting_below: None,
            waiting_days: None,
            held: false,
            may_propose: false,
            may_hold: false,
            may_erase: false,
            is_default: false,
            terms: Vec::new(),
            prunes: Vec::new(),
            holds: Vec::new(),
            form: FormState::default(),
            ..full
        };
        assert!(!render("audit/retention.html", &bare).contains("<form class"));
    }
}
