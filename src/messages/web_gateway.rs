//! `/admin/gateways`: which gateways there are and how they do, the rules by which messages leave, and what each is shown.
//! Must stay true: what a gateway is shown is taken and never given back; each change is an act of its own, made afresh.

use axum::extract::Path;
use serde::Serialize;

use super::credential::{self, SECRET_CHARS};
use super::gateway::{self, PHONE, SANDBOX, Stored};
use super::outbox::Outbox;
use super::phone::Phone;
use super::route::{self, GATEWAYS, RULES_CHARS_MAX, Rules};
use super::web::{gateway_name, number, told};
use super::{Error, SeeGateways, SetRules, SetSecret, Switch, Try, sql};
use crate::config::Secret;
use crate::contacts;
use crate::core::clock::Micros;
use crate::core::id::PersonId;
use crate::core::number::Number;
use crate::db::{Db, Detail};
use crate::http::ctx::encode;
use crate::http::form::FormState;
use crate::http::{self, Answer, Ctx, Posted, Routes, Rule, Signed};
use crate::policy::{Act, Need, On, Permit};

const PAGE: &str = "/admin/gateways";
/// Messages that wait are counted up to here.
const WAITING_MAX: i64 = 1_000;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(PAGE, Rule::Act("gateway.list"), get_gateways)
        .post(PAGE, Rule::Act("gateway.route"), post_rules)
        .get("/admin/gateways/{name}", Rule::Act("gateway.list"), get_gateway)
        .post("/admin/gateways/{name}/stop", Rule::Act("gateway.switch"), post_stop)
        .post("/admin/gateways/{name}/start", Rule::Act("gateway.switch"), post_start)
        .post("/admin/gateways/{name}/secret", Rule::Act("gateway.secret"), post_secret)
        .post("/admin/gateways/{name}/unseal", Rule::Act("gateway.secret"), post_unseal)
        .post("/admin/gateways/{name}/rotate", Rule::Act("gateway.secret"), post_rotate)
        .post("/admin/gateways/{name}/try", Rule::Act("gateway.try"), post_try)
}

fn gateways() -> On {
    On::any("gateway")
}

/// Whose last password is too long ago comes back to `back` after giving it again.
async fn permitted<A: Act<On = On>>(ctx: &Ctx, on: &On, back: &str) -> Result<Permit<A>, http::Error> {
    if ctx.app.policy.permit::<A>(&ctx.actor, on).is_err_and(|denied| denied.need == Need::Fresh) && !ctx.is_api() {
        return Err(http::Error::see_other(format!("/fresh?next={}", encode(back))));
    }
    ctx.permit::<A>(on).await
}

/// The gateway that a path names, with the permit for an act on it.
async fn allowed<A: Act<On = On>>(ctx: &Ctx, name: &str) -> Result<(Stored, Permit<A>), http::Error> {
    drop(permitted::<A>(ctx, &gateways(), PAGE).await?);
    let name = known(ctx, name)?;
    let permit = permitted::<A>(ctx, &On::one("gateway", name), &format!("{PAGE}/{name}")).await?;
    Ok((gateway::stored(&ctx.app.db, name).await?, permit))
}

fn known(ctx: &Ctx, name: &str) -> Result<&'static str, http::Error> {
    gateway::names(&ctx.app.config).into_iter().find(|known| *known == name).ok_or_else(http::Error::not_found)
}

/// How a gateway does, from its newest results.
#[derive(Debug, Default, Serialize)]
struct Health {
    results: usize,
    bad: usize,
    last: Option<Micros>,
    last_bad: Option<Micros>,
    why: Option<String>,
}

async fn health(db: &Db, name: &str) -> Result<Health, http::Error> {
    let rows: Vec<(String, Option<String>, i64)> = db.query(sql::HEALTH).bind(name).all().await?;
    let bad = |(state, _, _): &&(String, Option<String>, i64)| matches!(state.as_str(), "rejected" | "failed" | "unknown");
    let newest_bad = rows.iter().find(bad);
    Ok(Health {
        results: rows.len(),
        bad: rows.iter().filter(bad).count(),
        last: rows.first().map(|(_, _, at)| *at),
        last_bad: newest_bad.map(|(_, _, at)| *at),
        why: newest_bad.and_then(|(_, reason, _)| reason.clone()),
    })
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    text: String,
    stopped_at: Option<Micros>,
    waiting: i64,
    health: Health,
}

#[derive(Serialize)]
struct ListPage {
    items: Vec<Row>,
    known: Vec<&'static str>,
    set_by: Option<String>,
    set_at: Option<Micros>,
    rules_max: usize,
    form: FormState,
}

async fn row(ctx: &Ctx, name: &'static str) -> Result<Row, http::Error> {
    let (app, stored) = (&ctx.app, gateway::stored(&ctx.app.db, name).await?);
    let waiting: i64 = app.db.query(sql::WAITING).bind(name).scalar().await?;
    Ok(Row { name, text: gateway_name(app, name), stopped_at: stored.stopped_at, waiting: waiting.min(WAITING_MAX), health: health(&app.db, name).await? })
}

async fn list_page(ctx: &Ctx, form: Option<FormState>) -> Result<ListPage, http::Error> {
    let mut items = Vec::new();
    for name in gateway::names(&ctx.app.config) {
        items.push(row(ctx, name).await?);
    }
    let rules = route::in_force(&ctx.app.db).await?;
    let form = form.unwrap_or_else(|| FormState::default().keep("rules", rules.as_ref().map_or("", |rules| rules.rules.as_str())));
    let (set_by, set_at) = rules.map_or((None, None), |rules| (Some(rules.author), Some(rules.made_at)));
    Ok(ListPage { items, known: GATEWAYS.to_vec(), set_by, set_at, rules_max: RULES_CHARS_MAX, form })
}

async fn get_gateways(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<SeeGateways>(&gateways()).await?;
    ctx.page("messages/gateways.html", list_page(&ctx, None).await?).await
}

async fn post_rules(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = permitted::<SetRules>(&ctx, &gateways(), PAGE).await?;
    let typed = fields.one("rules")?;
    fields.finish()?;
    let rules = typed.replace("\r\n", "\n");
    let wrong = match Rules::parse(&rules) {
        _ if rules.chars().count() > RULES_CHARS_MAX || rules.chars().any(|c| c.is_control() && c != '\n') => Some(("long", 0)),
        Ok(_) => None,
        Err(wrong) => Some((wrong.what, wrong.line)),
    };
    if let Some((what, line)) = wrong {
        let mut form = FormState::default().keep("rules", typed.as_str());
        form.wrong("rules", ctx.app.text(&format!("error-rules-{what}"), &[("line", &line.to_string())]));
        return ctx.again("messages/gateways.html", list_page(&ctx, Some(form)).await?).await;
    }
    route::set(&ctx.app.db, permit, &person, rules.trim()).await.map_err(told)?;
    Ok(ctx.go(PAGE, "rules-set"))
}

#[derive(Serialize)]
struct ShowPage {
    item: Row,
    version: i64,
    sealed_at: Option<Micros>,
    may_seal: bool,
    may_rotate: bool,
    form: FormState,
}

async fn show_page(ctx: &Ctx, name: &'static str, form: FormState) -> Result<ShowPage, http::Error> {
    let stored = gateway::stored(&ctx.app.db, name).await?;
    let (may_seal, may_rotate) = (name != SANDBOX, name == PHONE);
    Ok(ShowPage { item: row(ctx, name).await?, version: stored.version, sealed_at: stored.secret_at, may_seal, may_rotate, form })
}

async fn get_gateway(Signed { ctx, .. }: Signed, Path(name): Path<String>) -> Answer {
    let _permit = ctx.permit::<SeeGateways>(&gateways()).await?;
    let name = known(&ctx, &name)?;
    ctx.page("messages/gateway.html", show_page(&ctx, name, FormState::default()).await?).await
}

/// Made from a page that says what lies there.
fn seen(fields: &mut http::form::Fields, gateway: &Stored) -> Result<(), http::Error> {
    if fields.one("version")?.parse() == Ok(gateway.version) { Ok(()) } else { Err(told(Error::State)) }
}

async fn post_stop(_: Signed, Path(name): Path<String>, posted: Posted) -> Answer {
    switch(name, posted, true).await
}

async fn post_start(_: Signed, Path(name): Path<String>, posted: Posted) -> Answer {
    switch(name, posted, false).await
}

async fn switch(name: String, Posted { ctx, mut fields }: Posted, stop: bool) -> Answer {
    let (gateway, permit) = allowed::<Switch>(&ctx, &name).await?;
    seen(&mut fields, &gateway)?;
    fields.finish()?;
    if gateway.stopped_at.is_some() == stop {
        return Err(told(Error::State));
    }
    credential::switch(&ctx.app.db, permit, &gateway, stop).await.map_err(told)?;
    ctx.app.work.notify_one();
    let to = format!("{PAGE}/{}", gateway.name);
    Ok(if stop { ctx.go(&to, "gateway-stopped") } else { ctx.go(&to, "gateway-started") })
}

async fn post_secret(_: Signed, Path(name): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (gateway, permit) = allowed::<SetSecret>(&ctx, &name).await?;
    seen(&mut fields, &gateway)?;
    let secret = Secret::new(fields.one("secret")?);
    fields.finish()?;
    let name = known(&ctx, &name)?;
    let good = SECRET_CHARS.contains(&secret.expose().len()) && secret.expose().bytes().all(|b| b.is_ascii_graphic());
    // The bridge's contract knows keys of one form.
    let good = good && (name != PHONE || is_phone_key(secret.expose()));
    if !good || name == SANDBOX {
        let mut form = FormState::default();
        form.wrong("secret", ctx.app.text(if name == PHONE { "error-gateway-phone-key" } else { "error-gateway-secret" }, &[]));
        return ctx.again("messages/gateway.html", show_page(&ctx, name, form).await?).await;
    }
    credential::set(&ctx.app.db, permit, &gateway, Some(&secret)).await.map_err(told)?;
    Ok(ctx.go(&format!("{PAGE}/{name}"), "gateway-secret-set"))
}

fn is_phone_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

async fn post_unseal(_: Signed, Path(name): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (gateway, permit) = allowed::<SetSecret>(&ctx, &name).await?;
    seen(&mut fields, &gateway)?;
    fields.finish()?;
    if gateway.secret_at.is_none() {
        return Err(told(Error::State));
    }
    credential::set(&ctx.app.db, permit, &gateway, None).await.map_err(told)?;
    Ok(ctx.go(&format!("{PAGE}/{}", gateway.name), "gateway-secret-gone"))
}

/// Gives the phone bridge its next key by the one it knows, then seals it here. What breaks off in between leaves the old key
/// good: the bridge lets go of it only when it is shown the next one.
async fn post_rotate(_: Signed, Path(name): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (gateway, permit) = allowed::<SetSecret>(&ctx, &name).await?;
    seen(&mut fields, &gateway)?;
    fields.finish()?;
    let app = &ctx.app;
    let phone = if gateway.name == PHONE { Phone::set_up(&app.db, &app.config)? } else { None };
    let Some(phone) = phone else { return Err(http::Error::not_found()) };
    let next = Secret::new(hex::encode(app.db.rng().bytes::<32>()));
    if !phone.rekey(&next).await {
        return Ok(ctx.go(&format!("{PAGE}/{PHONE}"), "gateway-not-rotated"));
    }
    credential::set(&app.db, permit, &gateway, Some(&next)).await.map_err(told)?;
    Ok(ctx.go(&format!("{PAGE}/{PHONE}"), "gateway-rotated"))
}

async fn post_try(Signed { person, .. }: Signed, Path(name): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (gateway, permit) = allowed::<Try>(&ctx, &name).await?;
    let to = fields.one("to")?;
    fields.finish()?;
    let (app, name) = (&ctx.app, known(&ctx, &name)?);
    let mut form = FormState::default().keep("to", to.as_str());
    match number(app, &to) {
        // Whoever keeps gateways writes to nobody: what is said is fixed.
        Ok(number) => match send(&app.db, permit, &person, &gateway, &number, &app.text("gateway-try-text", &[])).await {
            Ok(()) => {
                app.work.notify_one();
                return Ok(ctx.go(&format!("{PAGE}/{name}"), "gateway-tried"));
            }
            Err(Error::Stopped) => form.wrong("to", app.text("error-number-stopped", &[])),
            Err(error) => return Err(told(error)),
        },
        Err(refused) => form.wrong("to", refused.says(app)),
    }
    ctx.again("messages/gateway.html", show_page(&ctx, name, form).await?).await
}

/// Records a message that leaves by this gateway or not at all.
async fn send(db: &Db, permit: Permit<Try>, author: &PersonId, gateway: &Stored, number: &Number, text: &str) -> Result<(), Error> {
    let message = Outbox::seal(db, author, number, text, &gateway.name, None).await?;
    let permit = permit.naming(message.id()).about(message.subject());
    let mut tx = db.begin(&permit).await?;
    if contacts::is_stopped(&mut tx, message.number_ix()).await? {
        return Err(Error::Stopped);
    }
    message.queue(&mut tx).await?;
    tx.commit(permit, Detail::ok().with("gateway", gateway.name.as_str()).personal("to", number.e164()).personal("text", text)).await?;
    Ok(())
}
