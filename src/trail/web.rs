//! The list of the trail, and the routes of this slice. Each view is an entry before it is shown.
//! Must stay true: a row says what its leaf says.

use axum::http::{StatusCode, Uri};
use serde::Serialize;

use super::filter::{At, Filter, Misread, OUTCOMES, Raw};
use super::read::{self, Entry, Opened};
use super::{Error, Export, Open, Read, Review, SaveView, web_api, web_entry, web_export, web_insights, web_log, web_review, web_view};
use crate::core::id::EventId;
use crate::db::Detail;
use crate::http::recently;
use crate::http::{self, Answer, Ctx, Fields, Routes, Rule, Signed};
use crate::policy::On;

/// Formats of an export, in the order they are offered.
pub const FORMATS: [&str; 4] = ["csv", "json", "bundle", "evidence"];

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/audit", Rule::Act("trail.read"), get_list)
        .get("/audit/{seq}", Rule::Act("trail.read"), web_entry::get_entry)
        .get("/audit/{seq}/proof", Rule::Act("trail.read"), web_entry::get_proof)
        .get("/audit/{seq}/leaf", Rule::Act("trail.read"), web_entry::get_leaf)
        .post("/audit/export", Rule::Act("trail.export"), web_export::post_export)
        .get("/api/v1/audit", Rule::Act("trail.read"), web_api::get_api)
        .and(web_log::routes())
        .and(web_review::routes())
        .and(web_insights::routes())
        .and(web_view::routes())
}

/// How an error of this slice is told.
#[must_use]
pub fn told(error: Error) -> http::Error {
    match error {
        Error::NotFound => http::Error::not_found(),
        Error::Pruned => http::Error::new(StatusCode::GONE, "pruned"),
        Error::NoCheckpoint => http::Error { retry_after: Some(1), ..http::Error::new(StatusCode::SERVICE_UNAVAILABLE, "no_checkpoint") },
        Error::TooMany => http::Error::conflict("too_many_of"),
        Error::Range => http::Error::field("first", "is not the beginning of a range of entries that can be reviewed"),
        Error::NotEmpty(_) | Error::NoFault | Error::ClockRight | Error::OwnAlone | Error::Differs | Error::Corrected => http::Error::conflict("state"),
        Error::Db(error) => error.into(),
        Error::Fault(fault) => fault.into(),
    }
}

impl From<Error> for http::Error {
    fn from(error: Error) -> Self {
        told(error)
    }
}

/// A filter in use, with the page without it.
#[derive(Serialize)]
pub(super) struct Chip {
    label: String,
    value: String,
    href: String,
}

#[derive(Serialize)]
struct Row {
    seq: i64,
    href: String,
    at: i64,
    actor: String,
    actor_kind: String,
    action: String,
    object: String,
    outcome: &'static str,
    address: Option<String>,
    alarm: bool,
}

#[derive(Serialize)]
struct View {
    id: String,
    name: String,
}

#[derive(Serialize)]
struct Log {
    origin: String,
    href: String,
    current: bool,
}

#[derive(Serialize)]
struct ListPage {
    filter: Raw,
    filter_error: Option<String>,
    actions: Vec<String>,
    outcomes: Vec<&'static str>,
    chips: Vec<Chip>,
    views: Vec<View>,
    may_save: bool,
    zone: String,
    entries: Vec<Row>,
    newer: Option<String>,
    older: Option<String>,
    pruned: Option<i64>,
    may_export: bool,
    review_href: Option<String>,
    formats: [&'static str; 4],
    may_open: bool,
    logs: Vec<Log>,
}

async fn get_list(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    let permit = ctx.permit::<Read>(&On::any("trail")).await?;
    let mut fields = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let raw = Raw::take(&mut fields)?;
    let at = place(&mut fields)?;
    let read = match fields.finish() {
        Ok(()) => read_filter(&ctx, &raw).await,
        Err(_) => Err(Misread::Says("error-filter-unknown", "query")),
    };
    let filter = match read {
        Ok(filter) => filter,
        Err(Misread::Fault(fault)) => return Err(fault.into()),
        Err(Misread::Says(key, _)) => {
            let page = list_page(&ctx, raw, Some(ctx.app.text(key, &[])), None).await?;
            return ctx.again("audit/list.html", page).await;
        }
    };
    let db = &ctx.app.db;
    // Its pages are one read.
    let read = recently::Read::of(person.as_str(), &["list", &raw.query("", None)]);
    if !ctx.app.recently.stands_for(&read, ctx.now()) {
        db.record(permit, of_filter(Detail::ok(), &raw)).await?;
        ctx.app.recently.recorded(read, ctx.now());
    }
    let found = read::page(db, &filter, &at).await?;
    let page = list_page(&ctx, raw, None, Some(found)).await?;
    ctx.page("audit/list.html", page).await
}

/// Where in the list.
fn place(fields: &mut Fields) -> Result<At, http::Error> {
    let id = |text: String| text.parse::<EventId>().map_err(|_| http::Error::not_found());
    match (fields.optional("after")?, fields.optional("before")?) {
        (Some(after), None) => id(after).map(At::After),
        (None, Some(before)) => id(before).map(At::Before),
        (None, None) => Ok(At::Newest),
        (Some(_), Some(_)) => Err(http::Error::field("before", "cannot be given together with `after`")),
    }
}

/// Understands filters with the viewer's days and the acts there are.
pub(super) async fn read_filter(ctx: &Ctx, raw: &Raw) -> Result<Filter, Misread> {
    let acts: Vec<&str> = ctx.app.policy.rules().map(|(name, _)| name).collect();
    Filter::read(&ctx.app.db, raw, ctx.time_zone(), &acts).await
}

/// What an entry says of the filters in use: their kinds in the open, their values sealed.
pub(super) fn of_filter(detail: Detail, raw: &Raw) -> Detail {
    let used: Vec<&str> = raw.used().into_iter().map(|(name, _)| name).collect();
    if used.is_empty() { detail } else { detail.with("filters", used).personal("filter", &raw.query("", None)) }
}

async fn list_page(ctx: &Ctx, raw: Raw, filter_error: Option<String>, found: Option<read::Page>) -> Result<ListPage, http::Error> {
    let href = |name: &str, entry: Option<&Entry>| entry.map(|e| format!("/audit?{}", raw.query("", Some((name, e.id.as_str())))));
    let (mut newer, mut older, mut entries) = (None, None, Vec::new());
    if let Some(page) = found {
        newer = href("before", page.entries.first().filter(|_| page.newer));
        older = href("after", page.entries.last().filter(|_| page.older));
        for entry in &page.entries {
            entries.push(row(ctx, &raw, entry, &entry.open(&ctx.app.db).await?));
        }
    }
    // Only what the list shows can be signed off.
    let range = filter_error.is_none() && !raw.first.is_empty() && !raw.last.is_empty();
    let may_review = range && ctx.app.policy.can::<Review>(&ctx.actor, &On::any("review"));
    let policy = &ctx.app.policy;
    let views = match ctx.actor.person() {
        Some(person) => super::view::of(&ctx.app.db, person).await?,
        None => Vec::new(),
    };
    Ok(ListPage {
        may_save: filter_error.is_none() && !raw.used().is_empty() && policy.can::<SaveView>(&ctx.actor, &On::any("view")),
        views: views.into_iter().map(|v| View { id: v.id.to_string(), name: v.kept.name }).collect(),
        filter_error,
        review_href: may_review.then(|| format!("/audit/reviews/new?{}", raw.query("", None))),
        actions: ctx.app.policy.rules().map(|(name, _)| name.to_owned()).collect(),
        outcomes: OUTCOMES.iter().map(|(shown, _)| *shown).collect(),
        chips: chips(ctx, &raw),
        zone: ctx.time_zone().to_owned(),
        entries,
        newer,
        older,
        pruned: Some(ctx.app.db.pruned_below(ctx.app.db.log().0).await?).filter(|place| *place > 0 && raw.log.is_empty()),
        may_export: ctx.app.policy.can::<Export>(&ctx.actor, &On::any("trail")),
        formats: FORMATS,
        may_open: ctx.app.policy.can::<Open>(&ctx.actor, &On::any("trail")),
        logs: logs(ctx, &raw).await?,
        filter: raw,
    })
}

fn row(ctx: &Ctx, raw: &Raw, entry: &Entry, opened: &Opened) -> Row {
    Row {
        seq: entry.seq,
        href: entry_href(entry.seq, &raw.log),
        at: entry.at,
        actor: actor(ctx, entry, opened),
        actor_kind: String::new(),
        action: entry.said.action.clone(),
        object: object(entry, opened),
        outcome: shown_outcome(&entry.said.outcome),
        address: opened.get("net.ip").map(str::to_owned),
        alarm: !entry.differing.is_empty() || opened.is_misplaced() || !opened.is_sound() || !entry.is_as_hashed(),
    }
}

/// The page of an entry, in the log in force or in an earlier one.
pub(super) fn entry_href(seq: i64, log: &str) -> String {
    if log.is_empty() { format!("/audit/{seq}") } else { format!("/audit/{seq}?log={}", http::ctx::encode(log)) }
}

/// Who acted, as people read it.
pub(super) fn actor(ctx: &Ctx, entry: &Entry, opened: &Opened) -> String {
    match (entry.said.actor.kind.as_str(), opened.get("actor.name"), &entry.said.actor.id) {
        (_, Some(name), _) => name.to_owned(),
        ("stranger", None, _) => ctx.app.text("actor-stranger", &[]),
        ("console", None, _) => ctx.app.text("role-console", &[]),
        ("system", None, _) => ctx.app.text("role-system", &[]),
        (_, None, Some(id)) => id.clone(),
        (kind, None, None) => kind.to_owned(),
    }
}

/// What was acted on: its label, else its id, else its kind.
pub(super) fn object(entry: &Entry, opened: &Opened) -> String {
    opened.get("resource.label").map(str::to_owned).or_else(|| entry.said.resource.id.clone()).unwrap_or_else(|| entry.said.resource.kind.clone())
}

/// The word people see for an outcome.
pub(super) fn shown_outcome(held: &str) -> &'static str {
    OUTCOMES.iter().find(|(_, h)| *h == held).map_or("unknown", |(shown, _)| *shown)
}

/// The filters in use.
pub(super) fn chips(ctx: &Ctx, raw: &Raw) -> Vec<Chip> {
    raw.used().into_iter().map(|(name, value)| chip(ctx, raw, name, value)).collect()
}

fn chip(ctx: &Ctx, raw: &Raw, name: &'static str, value: &str) -> Chip {
    let text = &ctx.app.templates.texts;
    let key = match name {
        "action" => format!("action-{}", value.replace(['.', '_'], "-")),
        "outcome" => format!("outcome-{value}"),
        _ => String::new(),
    };
    let value = if text.has(&key) { ctx.app.text(&key, &[]) } else { value.to_owned() };
    let rest = raw.query(name, None);
    let href = if rest.is_empty() { "/audit".to_owned() } else { format!("/audit?{rest}") };
    Chip { label: ctx.app.text(&format!("filter-{name}"), &[]), value, href }
}

/// The logs to choose from, once there is more than one.
async fn logs(ctx: &Ctx, raw: &Raw) -> Result<Vec<Log>, http::Error> {
    let newest = ctx.app.db.log().0;
    if newest <= 1 {
        return Ok(Vec::new());
    }
    let chosen = raw.log.parse().unwrap_or(newest);
    let one = |(log, origin): (i64, String)| {
        let href = if log == newest { "/audit".to_owned() } else { format!("/audit?log={log}") };
        Log { origin, href, current: log == chosen }
    };
    Ok(read::logs(&ctx.app.db).await?.into_iter().map(one).collect())
}

#[cfg(test)]
impl Chip {
    pub(super) fn new(label: &str, value: &str, href: &str) -> Self {
        Self { label: label.into(), value: value.into(), href: href.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_renders_full_and_empty() {
        let text = |t: &str| t.to_owned();
        let row = Row {
            seq: 1,
            href: text("/audit/1"),
            at: 0,
            actor: text("<i>"),
            actor_kind: String::new(),
            action: text("trail.read"),
            object: text("x"),
            outcome: "done",
            address: None,
            alarm: true,
        };
        let page = ListPage {
            filter: Raw { actor: text("anna"), log: text("1"), ..Raw::default() },
            filter_error: Some(text("No.")),
            actions: vec![text("trail.read")],
            outcomes: OUTCOMES.iter().map(|(shown, _)| *shown).collect(),
            views: vec![View { id: text("viw_1"), name: text("<u>") }],
            may_save: true,
            chips: vec![Chip { label: text("Who"), value: text("anna"), href: text("/audit") }],
            zone: text("UTC"),
            entries: vec![row],
            newer: Some(text("/audit?before=x")),
            older: None,
            pruned: Some(256),
            may_export: true,
            review_href: Some(text("/audit/reviews/new?first=1&last=2")),
            formats: FORMATS,
            may_open: true,
            logs: vec![Log { origin: text("x/audit/2"), href: text("/audit"), current: true }],
        };
        let shown = super::super::tests::render("audit/list.html", &page);
        assert!(shown.contains("&lt;i&gt;") && shown.contains("name=\"log\" value=\"1\"") && shown.contains("audit?before=x"), "{shown}");
        let empty = ListPage {
            filter: Raw::default(),
            filter_error: None,
            chips: Vec::new(),
            entries: Vec::new(),
            logs: Vec::new(),
            may_export: false,
            review_href: None,
            views: Vec::new(),
            may_save: false,
            ..page
        };
        super::super::tests::render("audit/list.html", &empty);
    }
}
