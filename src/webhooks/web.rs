//! `/admin/webhooks`: who is told outside, of what, and how that goes.
//! Must stay true: a secret is shown on one page, once; what is changed is what was seen.

use axum::extract::Path;
use serde::Serialize;

use super::reach::Reach;
use super::{Create, Error, Kind, NAME_CHARS_MAX, New, Rotate, See, Switch, Texts, Webhook, create, find, list, rotate, sql, switch, tell_texts};
use crate::config::Secret;
use crate::core::clock::Micros;
use crate::core::id::WebhookId;
use crate::core::text::Line;
use crate::http::ctx::encode;
use crate::http::form::FormState;
use crate::http::{self, Answer, Ctx, Posted, Routes, Rule, Signed};
use crate::policy::{Act, Need, On, Permit, Resource as _};

const PAGE: &str = "/admin/webhooks";

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get(PAGE, Rule::Act("webhook.list"), get_webhooks)
        .post(PAGE, Rule::Act("webhook.create"), post_webhooks)
        .get("/admin/webhooks/{id}", Rule::Act("webhook.list"), get_webhook)
        .post("/admin/webhooks/{id}/rotate", Rule::Act("webhook.rotate"), post_rotate)
        .post("/admin/webhooks/{id}/texts", Rule::Act("webhook.texts"), post_texts)
        .post("/admin/webhooks/{id}/stop", Rule::Act("webhook.switch"), post_stop)
        .post("/admin/webhooks/{id}/start", Rule::Act("webhook.switch"), post_start)
}

impl From<Error> for http::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::State => Self::conflict("state"),
            Error::TooMany => Self::conflict("too_many_of"),
            Error::Db(error) => error.into(),
            Error::Fault(fault) => fault.into(),
        }
    }
}

fn webhooks() -> On {
    On::any("webhook")
}

/// Whose last password is too long ago comes back to `back` after giving it again.
async fn permitted<A: Act<On = On>>(ctx: &Ctx, on: &On, back: &str) -> Result<Permit<A>, http::Error> {
    if ctx.app.policy.permit::<A>(&ctx.actor, on).is_err_and(|denied| denied.need == Need::Fresh) && !ctx.is_api() {
        return Err(http::Error::see_other(format!("/fresh?next={}", encode(back))));
    }
    ctx.permit::<A>(on).await
}

async fn one(ctx: &Ctx, id: &str) -> Result<Webhook, http::Error> {
    let id: WebhookId = id.parse().map_err(|_| http::Error::not_found())?;
    find(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

/// The webhook that a path names, with the permit for an act on it.
async fn allowed<A: Act<On = On>>(ctx: &Ctx, id: &str) -> Result<(Webhook, Permit<A>), http::Error> {
    drop(permitted::<A>(ctx, &webhooks(), PAGE).await?);
    let webhook = one(ctx, id).await?;
    let permit = permitted::<A>(ctx, &webhook.on(), &format!("{PAGE}/{}", webhook.id)).await?;
    Ok((webhook, permit))
}

#[derive(Serialize)]
struct Row {
    id: String,
    name: String,
    url: String,
    stopped_at: Option<Micros>,
    author: String,
    at: Micros,
}

#[derive(Serialize)]
struct Tick {
    value: &'static str,
    ticked: bool,
}

#[derive(Serialize)]
struct ListPage {
    items: Vec<Row>,
    events: Vec<Tick>,
    may_make: bool,
    form: FormState,
}

async fn list_page(ctx: &Ctx, ticked: &[String], form: FormState) -> Result<ListPage, http::Error> {
    let row = |w: Webhook| Row { id: w.id.to_string(), name: w.name, url: w.url, stopped_at: w.stopped_at, author: w.author, at: w.made_at };
    let events = Kind::ALL.into_iter().map(|kind| Tick { value: kind.name(), ticked: ticked.iter().any(|name| name == kind.name()) }).collect();
    Ok(ListPage {
        items: list(&ctx.app.db).await?.into_iter().map(row).collect(),
        events,
        may_make: ctx.app.policy.can::<Create>(&ctx.actor, &webhooks()),
        form,
    })
}

async fn get_webhooks(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<See>(&webhooks()).await?;
    ctx.page("webhooks/list.html", list_page(&ctx, &[], FormState::default()).await?).await
}

#[derive(Serialize)]
struct MadePage {
    id: String,
    name: String,
    secret: String,
    rotated: bool,
}

async fn made(ctx: &Ctx, id: &WebhookId, name: String, secret: &Secret, rotated: bool) -> Answer {
    ctx.page("webhooks/made.html", MadePage { id: id.to_string(), name, secret: secret.expose().to_owned(), rotated }).await
}

async fn post_webhooks(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = permitted::<Create>(&ctx, &webhooks(), PAGE).await?;
    let (typed, url) = (fields.one("name")?, fields.one("url")?);
    let ticked = fields.many("events");
    fields.finish()?;
    let app = &ctx.app;
    let mut form = FormState::default().keep("name", typed.as_str()).keep("url", url.as_str());
    let name = Line::parse(&typed, NAME_CHARS_MAX).map_err(|_| form.wrong("name", app.text("error-webhook-name", &[])));
    if !Reach(app.config.webhook_networks.clone()).takes(&url) {
        form.wrong("url", app.text("error-webhook-url", &[]));
    }
    let events: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| ticked.iter().any(|name| name == kind.name())).collect();
    if events.is_empty() || events.len() != ticked.len() {
        form.wrong("events", app.text("error-webhook-events", &[]));
    }
    let Some(name) = name.ok().filter(|_| form.is_fine()) else {
        return ctx.again("webhooks/list.html", list_page(&ctx, &ticked, form).await?).await;
    };
    let (id, secret) = create(&app.db, permit, &person, &New { name: name.clone(), url, events }).await?;
    made(&ctx, &id, name, &secret, false).await
}

crate::row! {
    struct Sent { kind: String, object_id: String, at: i64, attempts: i64, done_at: Option<i64>, failed: Option<String> }
}

#[derive(Serialize)]
struct SentRow {
    kind: String,
    object: String,
    at: Micros,
    attempts: i64,
    done_at: Option<Micros>,
    failed: Option<String>,
}

#[derive(Serialize)]
struct ShowPage {
    id: String,
    name: String,
    url: String,
    events: Vec<String>,
    with_text: bool,
    author: String,
    at: Micros,
    stopped_at: Option<Micros>,
    stopped_why: Option<String>,
    both_until: Option<Micros>,
    may_change: bool,
    may_texts: bool,
    version: i64,
    sent: Vec<SentRow>,
}

async fn get_webhook(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<See>(&webhooks()).await?;
    let w = one(&ctx, &id).await?;
    let sent: Vec<Sent> = ctx.app.db.query(sql::RECENT).bind(&w.id).all().await?;
    let row = |s: Sent| SentRow { kind: s.kind, object: s.object_id, at: s.at, attempts: s.attempts, done_at: s.done_at, failed: s.failed };
    let page = ShowPage {
        id: w.id.to_string(),
        events: w.events.split_whitespace().map(str::to_owned).collect(),
        may_change: ctx.app.policy.can::<Switch>(&ctx.actor, &w.on()),
        may_texts: w.text_since.is_none() && ctx.app.policy.can::<Texts>(&ctx.actor, &w.on()),
        with_text: w.text_since.is_some(),
        name: w.name,
        url: w.url,
        author: w.author,
        at: w.made_at,
        stopped_at: w.stopped_at,
        stopped_why: w.stopped_why,
        both_until: w.before_until.filter(|until| *until > ctx.now()),
        version: w.version,
        sent: sent.into_iter().map(row).collect(),
    };
    ctx.page("webhooks/show.html", page).await
}

/// Made from a page that says what lies there.
fn seen(fields: &mut http::form::Fields, webhook: &Webhook) -> Result<(), http::Error> {
    if fields.one("version")?.parse() == Ok(webhook.version) { Ok(()) } else { Err(Error::State.into()) }
}

async fn post_rotate(_: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (webhook, permit) = allowed::<Rotate>(&ctx, &id).await?;
    seen(&mut fields, &webhook)?;
    fields.finish()?;
    let secret = rotate(&ctx.app.db, permit, &webhook).await?;
    made(&ctx, &webhook.id, webhook.name.clone(), &secret, true).await
}

async fn post_texts(_: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (webhook, permit) = allowed::<Texts>(&ctx, &id).await?;
    seen(&mut fields, &webhook)?;
    fields.finish()?;
    tell_texts(&ctx.app.db, permit, &webhook).await?;
    Ok(ctx.go(&format!("{PAGE}/{}", webhook.id), "webhook-texts"))
}

async fn post_stop(_: Signed, Path(id): Path<String>, posted: Posted) -> Answer {
    switched(id, posted, true).await
}

async fn post_start(_: Signed, Path(id): Path<String>, posted: Posted) -> Answer {
    switched(id, posted, false).await
}

async fn switched(id: String, Posted { ctx, mut fields }: Posted, stop: bool) -> Answer {
    let (webhook, permit) = allowed::<Switch>(&ctx, &id).await?;
    seen(&mut fields, &webhook)?;
    fields.finish()?;
    if webhook.stopped_at.is_some() == stop {
        return Err(Error::State.into());
    }
    switch(&ctx.app.db, permit, &webhook, stop).await?;
    let to = format!("{PAGE}/{}", webhook.id);
    Ok(if stop { ctx.go(&to, "webhook-stopped") } else { ctx.go(&to, "webhook-started") })
}
