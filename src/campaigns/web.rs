//! The pages of campaigns: the list, one campaign with what is known before and after it runs, and how errors are told.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::audience::text_for;
use super::template::template_of;
use super::wording::Wording;
use super::{
    Approve, Begin, COUNTED, Campaign, Cancel, Create, Edit, Error, Export, Origin, Pause, Recipient, Reject, Resume, See, Submit, counts, find, history, page,
    sql,
};
use crate::contacts;
use crate::core::clock::Micros;
use crate::core::id::{CampaignId, PersonId};
use crate::core::segment::{self, Segments};
use crate::http::form::Fields;
use crate::http::{self, Answer, App, Ctx, Routes, Rule, Signed};
use crate::messages::route;
use crate::policy::{Act, On, Resource as _, Role};

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/campaigns", Rule::Act("campaign.list"), get_campaigns)
        .get("/campaigns/{id}", Rule::Act("campaign.list"), get_campaign)
        .and(super::api::routes())
        .and(super::api_write::routes())
        .and(super::web_edit::routes())
        .and(super::web_live::routes())
        .and(super::web_act::routes())
        .and(super::web_result::routes())
        .and(super::web_template::routes())
}

impl From<Error> for http::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::State => Self::conflict("state"),
            Error::Own => Self::new(axum::http::StatusCode::FORBIDDEN, "forbidden").saying("Nobody approves their own work; ask someone else."),
            Error::NotFound => Self::not_found(),
            Error::Name => Self::conflict("state").saying("The name is taken; choose another."),
            Error::TooMany => Self::conflict("state").saying("There are as many as there may be."),
            Error::Repeat(error) => error.into(),
            Error::Db(error) => error.into(),
            Error::Fault(fault) => fault.into(),
        }
    }
}

/// What all campaigns are to the policy.
pub(super) fn campaigns() -> On {
    On::any("campaign")
}

/// The campaign of this id, for those who may do `A` at all: whoever may not hears the same of every id.
pub(super) async fn named<A: Act<On = On>>(ctx: &Ctx, id: &str) -> Result<Campaign, http::Error> {
    drop(ctx.permit::<A>(&campaigns()).await?);
    let id: CampaignId = id.parse().map_err(|_| http::Error::not_found())?;
    find(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

/// A reason in words; one that has none is shown as it is.
pub(super) fn reason(app: &App, code: &str) -> String {
    let dashed = code.replace('_', "-");
    for key in [format!("campaign-reason-{dashed}"), format!("message-reason-{dashed}")] {
        if app.templates.texts.has(&key) {
            return app.text(&key, &[]);
        }
    }
    code.to_owned()
}

/// A gateway as people know it.
pub(super) fn gateway_name(app: &App, name: &str) -> String {
    if let Some(rules) = name.strip_prefix(route::BY_RULES) {
        // The end of an id tells two apart.
        return app.text("gateway-by-rules", &[("rules", rules.get(rules.len().saturating_sub(6)..).unwrap_or_default())]);
    }
    let key = format!("gateway-{name}");
    if app.templates.texts.has(&key) { app.text(&key, &[]) } else { name.to_owned() }
}

/// What so many parts cost; none when no price is set.
pub(super) fn cost(app: &App, segments: i64) -> Option<String> {
    let price = app.config.segment_price.as_ref()?;
    let hundredths = (price.micros.saturating_mul(segments).saturating_add(9_999)) / 10_000;
    Some(format!("{}.{:02} {}", hundredths / 100, hundredths % 100, price.currency))
}

#[derive(Serialize)]
struct Row {
    id: String,
    name: String,
    state: String,
    recipients: i64,
    author: String,
    at: Micros,
}

#[derive(Serialize)]
struct ListPage {
    items: Vec<Row>,
    newer: Option<String>,
    older: Option<String>,
    may_make: bool,
}

async fn get_campaigns(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<See>(&campaigns()).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let after = query.optional("after")?.filter(|t| !t.is_empty());
    query.finish()?;
    let after = after.map(|t| t.parse::<CampaignId>().map_err(|_| http::Error::field("after", "is not the id of a campaign"))).transpose()?;
    let (found, more) = page(&ctx.app.db, after.as_ref()).await?;
    let older = found.last().filter(|_| more).map(|last| format!("/campaigns?after={}", last.id));
    let row = |c: Campaign| Row { id: c.id.to_string(), name: c.name, state: c.state, recipients: c.recipients, author: c.author, at: c.changed_at };
    let may_make = ctx.app.policy.can::<Create>(&ctx.actor, &campaigns());
    let page = ListPage { items: found.into_iter().map(row).collect(), newer: after.map(|_| "/campaigns".to_owned()), older, may_make };
    ctx.page("campaigns/list.html", page).await
}

#[derive(Serialize)]
pub(super) struct Count {
    pub name: &'static str,
    pub n: i64,
}

#[derive(Serialize)]
pub(super) struct Why {
    pub text: String,
    pub n: i64,
}

#[derive(Serialize)]
struct Sample {
    to: String,
    text: String,
    length: Segments,
}

#[derive(Serialize)]
struct Event {
    action: String,
    at: Micros,
    entry: Option<i64>,
}

/// What may be done with it now, for this person.
#[derive(Serialize)]
struct May {
    edit: bool,
    submit: bool,
    approve: bool,
    reject: bool,
    begin: bool,
    pause: bool,
    resume: bool,
    cancel: bool,
    export: bool,
}

#[derive(Serialize)]
struct ShowPage {
    id: String,
    name: String,
    state: String,
    because: Option<String>,
    author: String,
    template: String,
    template_version: i64,
    text: String,
    lists: Vec<String>,
    gateway: String,
    scheduled_at: Option<Micros>,
    per_minute: i64,
    needs_consent: bool,
    gathered: bool,
    recipients: i64,
    refused: i64,
    segments: i64,
    cost: Option<String>,
    reasons: Vec<Why>,
    hash: Option<String>,
    approver: Option<String>,
    approved_at: Option<Micros>,
    own: bool,
    counts: Vec<Count>,
    progress: i64,
    live: bool,
    bars: Vec<super::web_live::Bar>,
    samples: Vec<Sample>,
    events: Vec<Event>,
    may: May,
}

fn may(ctx: &Ctx, campaign: &Campaign, person: &PersonId) -> May {
    fn can<A: Act<On = On>>(ctx: &Ctx, campaign: &Campaign) -> bool {
        ctx.app.policy.can::<A>(&ctx.actor, &campaign.on())
    }
    let in_state = |states: &[&str]| states.contains(&campaign.state.as_str());
    May {
        edit: in_state(&["draft", "gathering", "review", "approved", "scheduled"]) && can::<Edit>(ctx, campaign),
        submit: in_state(&["draft"]) && can::<Submit>(ctx, campaign),
        approve: in_state(&["review"]) && campaign.author_id != *person && can::<Approve>(ctx, campaign),
        reject: in_state(&["review"]) && can::<Reject>(ctx, campaign),
        begin: in_state(&["approved"]) && can::<Begin>(ctx, campaign),
        pause: in_state(&["running"]) && can::<Pause>(ctx, campaign),
        resume: in_state(&["paused"]) && can::<Resume>(ctx, campaign),
        cancel: !in_state(&["done", "cancelled"]) && can::<Cancel>(ctx, campaign),
        export: campaign.round > 0 && can::<Export>(ctx, campaign),
    }
}

/// Why so many get nothing, most first.
pub(super) fn reasons(app: &App, campaign: &Campaign) -> Vec<Why> {
    let all: BTreeMap<String, i64> = serde_json::from_str(&campaign.reasons).unwrap_or_default();
    let mut all: Vec<Why> = all.iter().map(|(code, n)| Why { text: reason(app, code), n: *n }).collect();
    all.sort_by_key(|why| -why.n);
    all
}

/// How many stand where.
pub(super) async fn counted(app: &App, campaign: &Campaign) -> Result<Vec<Count>, http::Error> {
    let all = counts(&app.db, campaign).await?;
    Ok(COUNTED.into_iter().map(|name| Count { name, n: all.get(name).copied().unwrap_or_default() }).collect())
}

async fn samples(ctx: &Ctx, campaign: &Campaign, wording: Option<&Wording>) -> Result<Vec<Sample>, http::Error> {
    let db = &ctx.app.db;
    let Some(wording) = wording else { return Ok(Vec::new()) };
    let some: Vec<Recipient> = db.query(sql::SAMPLE).bind(&campaign.id).bind(campaign.round).all().await?;
    let mut out = Vec::new();
    for recipient in some {
        let Some(contact) = contacts::find(db, &recipient.contact_id).await? else { continue };
        let Some(card) = contact.card(db).await? else { continue };
        if let Ok(text) = text_for(wording, &card) {
            out.push(Sample { to: recipient.masked, length: segment::count(&text), text });
        }
    }
    Ok(out)
}

/// How far it is, in percent.
pub(super) fn progress(campaign: &Campaign, counts: &[Count]) -> i64 {
    let waits: i64 = counts.iter().filter(|c| ["pending", "queued", "sending"].contains(&c.name)).map(|c| c.n).sum();
    if campaign.recipients > 0 { (campaign.recipients - waits).max(0) * 100 / campaign.recipients } else { 0 }
}

async fn get_campaign(Signed { ctx, person }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<See>(&ctx, &id).await?;
    let app = &ctx.app;
    let text = template_of(&app.db, &campaign.template_id, campaign.template_version).await?;
    let wording = Wording::parse(&text.text).ok();
    let mut lists = Vec::new();
    for origin in campaign.origins() {
        lists.extend(match origin {
            Origin::List(id) => contacts::list(&app.db, &id).await?.map(|list| list.name),
            Origin::Segment(id) => contacts::segment::find(&app.db, &id).await?.map(|s| app.text("campaign-of-segment", &[("name", &s.name)])),
        });
    }
    let reads_trail = ctx.actor.has(Role::Compliance) || ctx.actor.has(Role::Admin);
    let shown = |h: super::Happened| Event { action: h.action, at: h.at, entry: h.seq.filter(|_| reads_trail) };
    let counts = counted(app, &campaign).await?;
    let page = ShowPage {
        because: campaign.reason.as_deref().map(|code| reason(app, code)),
        template: text.name,
        template_version: text.version,
        text: text.text,
        lists,
        gateway: gateway_name(app, &campaign.gateway),
        gathered: !["draft", "gathering"].contains(&campaign.state.as_str()),
        cost: cost(app, campaign.segments),
        reasons: reasons(app, &campaign),
        own: campaign.author_id == person,
        progress: progress(&campaign, &counts),
        live: ["running", "paused"].contains(&campaign.state.as_str()),
        bars: super::web_live::bars(&app.db, &campaign).await?,
        samples: samples(&ctx, &campaign, wording.as_ref()).await?,
        events: history(&app.db, &campaign.id).await?.into_iter().map(shown).collect(),
        may: may(&ctx, &campaign, &person),
        counts,
        id: campaign.id.to_string(),
        name: campaign.name,
        state: campaign.state,
        author: campaign.author,
        scheduled_at: campaign.scheduled_at,
        per_minute: campaign.per_minute,
        needs_consent: campaign.needs_consent > 0,
        recipients: campaign.recipients,
        refused: campaign.refused,
        segments: campaign.segments,
        hash: campaign.hash,
        approver: campaign.approver,
        approved_at: campaign.approved_at,
    };
    ctx.page("campaigns/show.html", page).await
}
