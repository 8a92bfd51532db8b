//! What became of a campaign: each recipient, the file for a spreadsheet program, and the certificate.

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::template::{sha256, template_of};
use super::web::{Count, Why, cost, counted, gateway_name, named, reason, reasons};
use super::{Export, PAGE_MAX, See, export, sql};
use crate::core::clock::Micros;
use crate::core::id::{MessageId, RecipientId};
use crate::db::Detail;
use crate::http::form::Fields;
use crate::http::{self, Answer, Posted, Routes, Rule, Signed};
use crate::policy::{Resource as _, Role};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/campaigns/{id}/recipients", Rule::Act("campaign.list"), get_recipients)
        .get("/campaigns/{id}/certificate", Rule::Act("campaign.list"), get_certificate)
        .post("/campaigns/{id}/export", Rule::Act("campaign.export"), post_export)
}

crate::row! {
    /// What became of one recipient.
    #[derive(Clone, Debug)]
    pub(super) struct Outcome {
        pub id: RecipientId,
        pub masked: String,
        pub state: String,
        pub reason: Option<String>,
        pub message_id: Option<MessageId>,
        pub message_state: Option<String>,
        pub message_reason: Option<String>,
        pub ended_at: Option<i64>,
    }
}

impl Outcome {
    /// Where it stands: as its message does, once there is one.
    pub fn stands(&self) -> &str {
        self.message_state.as_deref().unwrap_or(&self.state)
    }

    /// Why.
    pub fn why(&self) -> Option<&str> {
        self.message_reason.as_deref().or(self.reason.as_deref())
    }
}

#[derive(Serialize)]
struct Row {
    to: String,
    state: String,
    because: Option<String>,
    message: Option<String>,
    at: Option<Micros>,
}

#[derive(Serialize)]
struct RecipientsPage {
    id: String,
    name: String,
    items: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
    may_open: bool,
}

async fn get_recipients(Signed { ctx, .. }: Signed, Path(id): Path<String>, uri: Uri) -> Answer {
    let campaign = named::<See>(&ctx, &id).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let after = query.optional("after")?.filter(|t| !t.is_empty());
    query.finish()?;
    let after = after.map(|t| t.parse::<RecipientId>().map_err(|_| http::Error::field("after", "is not the id of a recipient"))).transpose()?;
    let (app, fetch) = (&ctx.app, i64::try_from(PAGE_MAX + 1).unwrap_or(i64::MAX));
    let start = after.as_ref().map_or("rcp_", RecipientId::as_str);
    let mut found: Vec<Outcome> = app.db.query(sql::RECIPIENTS).bind(&campaign.id).bind(campaign.round).bind(start).bind(fetch).all().await?;
    let more = found.len() > PAGE_MAX;
    found.truncate(PAGE_MAX);
    let path = format!("/campaigns/{}/recipients", campaign.id);
    let next = found.last().filter(|_| more).map(|last| format!("{path}?after={}", last.id));
    let row = |o: Outcome| Row {
        state: o.stands().to_owned(),
        because: o.why().map(|code| reason(app, code)),
        to: o.masked,
        message: o.message_id.map(|id| id.to_string()),
        at: o.ended_at,
    };
    let may_open = app.policy.can::<crate::messages::List>(&ctx.actor, &crate::policy::On::any("message"));
    let items = found.into_iter().map(row).collect();
    let page = RecipientsPage { id: campaign.id.to_string(), name: campaign.name, items, first: after.map(|_| path), next, may_open };
    ctx.page("campaigns/recipients.html", page).await
}

async fn post_export(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    let campaign = named::<Export>(&ctx, &id).await?;
    let permit = ctx.permit::<Export>(&campaign.on()).await?;
    fields.finish()?;
    // An entry before the first byte.
    ctx.app.db.record(permit, Detail::ok().with("round", campaign.round).with("recipients", campaign.recipients + campaign.refused)).await?;
    export::attachment(ctx.app.db.clone(), &campaign)
}

#[derive(Serialize)]
struct CertificatePage {
    id: String,
    name: String,
    state: String,
    author: String,
    text: String,
    text_sha256: String,
    template_version: i64,
    gateway: String,
    begun_at: Option<Micros>,
    ended_at: Option<Micros>,
    made_at: Micros,
    recipients: i64,
    refused: i64,
    segments: i64,
    cost: Option<String>,
    counts: Vec<Count>,
    accounted: i64,
    reasons: Vec<Why>,
    audience_sha256: String,
    hash: Option<String>,
    approver: Option<String>,
    approved_at: Option<Micros>,
    approval: Option<i64>,
    approval_id: Option<String>,
    size: i64,
    origin: String,
}

async fn get_certificate(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<See>(&ctx, &id).await?;
    let app = &ctx.app;
    let text = template_of(&app.db, &campaign.template_id, campaign.template_version).await?;
    let (log, origin) = app.db.log();
    let approval: Option<(i64,)> = match &campaign.approval_id {
        Some(entry) => app.db.query(sql::ENTRY).bind(entry).bind(log).optional().await?,
        None => None,
    };
    let counts = counted(app, &campaign).await?;
    let page = CertificatePage {
        accounted: counts.iter().map(|c| c.n).sum(),
        reasons: reasons(app, &campaign),
        text_sha256: sha256(&text.text),
        text: text.text,
        template_version: text.version,
        gateway: gateway_name(app, &campaign.gateway),
        cost: cost(app, campaign.segments),
        // A link to the trail is for those who may follow it.
        approval: approval.map(|(seq,)| seq).filter(|_| ctx.actor.has(Role::Compliance) || ctx.actor.has(Role::Admin)),
        approval_id: campaign.approval_id.map(|id| id.to_string()),
        size: i64::try_from(*app.db.size().borrow()).unwrap_or(i64::MAX),
        origin,
        counts,
        id: campaign.id.to_string(),
        name: campaign.name,
        state: campaign.state,
        author: campaign.author,
        begun_at: campaign.begun_at,
        ended_at: campaign.ended_at,
        made_at: ctx.now(),
        recipients: campaign.recipients,
        refused: campaign.refused,
        segments: campaign.segments,
        audience_sha256: campaign.audience_sha256,
        hash: campaign.approved_hash,
        approver: campaign.approver,
        approved_at: campaign.approved_at,
    };
    ctx.page("campaigns/certificate.html", page).await
}
