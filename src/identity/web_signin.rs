//! Pages of signing in: password, code, recovery, enrolment, links, confirming again, signing out.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::links::{self, Link, NewPerson, Purpose};
use super::signin::{self, Factor, Try, grouped};
use super::totp::{self, Secret};
use super::web::{context_words, me, new_password, passphrase, rules, rules_in_words, told, told_to};
use super::{Confirm, Create, Enrol, Error, Forgot, Fresh, Join, Login, Logout, Person, TakeReset, throttle};
use crate::core::cookie;
use crate::core::fault::Fault;
use crate::core::id::PersonId;
use crate::core::text::{Email, Line, Username};
use crate::http::ctx::{Session, Stage, set_session_cookie};
use crate::http::form::{FormState, Posted};
use crate::http::shell::sign_out;
use crate::http::{self, Answer, App, Ctx, Routes, Rule, Signed};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/login", Rule::Public, get_login)
        .post("/login", Rule::Public, post_login)
        .get("/login/totp", Rule::Half, get_totp)
        .post("/login/totp", Rule::Half, post_totp)
        .get("/login/recovery", Rule::Half, get_recovery)
        .post("/login/recovery", Rule::Half, post_recovery)
        .get("/login/enrol", Rule::Half, get_enrol)
        .post("/login/enrol", Rule::Half, post_enrol)
        .post("/login/codes/kept", Rule::Signed, post_codes_kept)
        .get("/fresh", Rule::Signed, get_fresh)
        .post("/fresh", Rule::Signed, post_fresh)
        .post("/logout", Rule::Public, post_logout)
        .get("/forgot", Rule::Public, get_forgot)
        .post("/forgot", Rule::Public, post_forgot)
        .get("/link/{token}", Rule::Public, get_link)
        .post("/link/{token}", Rule::Public, post_link)
        .get("/api/csrf-token", Rule::Public, get_csrf_token)
}

#[derive(Serialize)]
struct FormPage {
    form: FormState,
}

fn query_next(uri: &axum::http::Uri) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(uri.query().unwrap_or_default()).unwrap_or_default();
    pairs.into_iter().find(|(n, _)| n == "next").and_then(|(_, v)| crate::core::next::local(&v).map(str::to_owned))
}

fn next_cookie(app: &App) -> String {
    format!("{}-next", app.cookie())
}

async fn get_login(ctx: Ctx, uri: axum::http::Uri) -> Answer {
    if ctx.actor.person().is_some() {
        return Err(http::Error::see_other("/"));
    }
    let mut response = ctx.page("login/password.html", FormPage { form: FormState::default() }).await?;
    // Where they wanted to go waits in a cookie of its own: the form stays the same for everybody.
    if let Some(next) = query_next(&uri)
        && let Ok(value) = HeaderValue::from_str(&cookie::set(&next_cookie(&ctx.app), &next, ctx.app.secure(), Some(600)))
    {
        response.headers_mut().append(header::SET_COOKIE, value);
        if ctx.seen.planted {
            set_session_cookie(&ctx.app, &mut response, &ctx.seen.secret);
        }
    }
    Ok(response)
}

async fn post_login(headers: axum::http::HeaderMap, Posted { ctx, mut fields }: Posted) -> Answer {
    let username = fields.one("username")?;
    let password = fields.one("password")?;
    fields.finish()?;
    let mut form = FormState::default().keep("username", username.as_str());
    for (name, value, key) in [("username", &username, "error-username-missing"), ("password", &password, "error-password-missing")] {
        if value.trim().is_empty() {
            form.wrong(name, ctx.app.text(key, &[]));
        }
    }
    if username.chars().count() > 320 || password.chars().count() > 1024 {
        form.wrong("password", ctx.app.text("error-login-wrong", &[]));
    }
    if !form.is_fine() {
        return ctx.again("login/password.html", FormPage { form }).await;
    }
    let cookies = |name: &str| cookie::check(headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes), name).ok().flatten();
    let next = cookies(&next_cookie(&ctx.app)).and_then(|n| crate::core::next::local(&n).map(str::to_owned));
    let device = cookies(&format!("{}-device", ctx.app.cookie()));
    let db = &ctx.app.db;
    let person = signin::find(db, &username).await?;
    let permit = ctx.permit::<Login>(&person).await?;
    match signin::login(db, rules(&ctx.app), permit, &person, Try { username: &username, password: &password, next, device }).await {
        Ok(secret) => {
            end_old(&ctx).await?;
            let to = if person.totp_at.is_some() { "/login/totp" } else { "/login/enrol" };
            let mut response = http::Error::see_other(to).into_response();
            set_session_cookie(&ctx.app, &mut response, &secret);
            remove_cookie(&ctx.app, &mut response, &next_cookie(&ctx.app));
            Ok(response)
        }
        Err(Error::Wrong) => {
            let form = form.saying(ctx.app.text("error-login-wrong", &[]));
            ctx.again("login/password.html", FormPage { form }).await
        }
        Err(error) => Err(told_to(&ctx, error)),
    }
}

/// A session that was live in this browser ends at a new sign-in, and its data with it.
async fn end_old(ctx: &Ctx) -> Result<(), http::Error> {
    let Some(old) = ctx.session.as_ref().filter(|s| s.stage == Stage::Full) else { return Ok(()) };
    let person = me(ctx).await?;
    let permit = ctx.permit::<Logout>(&person).await?;
    super::sessions::logout(&ctx.app.db, permit, &old.id).await.map_err(told)
}

fn remove_cookie(app: &App, response: &mut Response, name: &str) {
    if let Ok(value) = HeaderValue::from_str(&cookie::remove(name, app.secure())) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// The half session of this request, or the way back to where one begins.
fn half(ctx: &Ctx) -> Result<&Session, http::Error> {
    match &ctx.session {
        Some(session) if session.stage == Stage::Half => Ok(session),
        Some(_) => Err(http::Error::see_other("/")),
        None => Err(http::Error::see_other("/login")),
    }
}

async fn get_totp(ctx: Ctx) -> Answer {
    if half(&ctx)?.enrols {
        return Err(http::Error::see_other("/login/enrol"));
    }
    ctx.page("login/totp.html", FormPage { form: FormState::default() }).await
}

async fn get_recovery(ctx: Ctx) -> Answer {
    if half(&ctx)?.enrols {
        return Err(http::Error::see_other("/login/enrol"));
    }
    ctx.page("login/recovery.html", FormPage { form: FormState::default() }).await
}

async fn post_totp(posted: Posted) -> Answer {
    second_step(posted, "login/totp.html", "error-code-wrong", |code| Factor::Totp(code)).await
}

async fn post_recovery(posted: Posted) -> Answer {
    second_step(posted, "login/recovery.html", "error-recovery-wrong", |code| Factor::Recovery(code)).await
}

async fn second_step(Posted { ctx, mut fields }: Posted, template: &str, wrong: &str, factor: impl for<'a> Fn(&'a str) -> Factor<'a>) -> Answer {
    let session = half(&ctx)?.clone();
    let code = fields.one("code")?;
    fields.finish()?;
    let person = me(&ctx).await?;
    let mut form = FormState::default();
    if code.trim().is_empty() || code.chars().count() > 100 {
        form.wrong("code", ctx.app.text("error-code-missing", &[]));
        return ctx.again(template, FormPage { form }).await;
    }
    let permit = ctx.permit::<Confirm>(&person).await?;
    match signin::confirm(&ctx.app.db, rules(&ctx.app), permit, &person, &session, factor(&code)).await {
        Ok(secret) => signed_in(&ctx, &session, &secret).await,
        Err(Error::Wrong) => {
            form.wrong("code", ctx.app.text(wrong, &[]));
            ctx.again(template, FormPage { form }).await
        }
        Err(Error::Locked) => {
            ctx.app.door.refused(ctx.seen.address);
            let form = form.saying(ctx.app.text("error-totp-locked", &[]));
            ctx.again(template, FormPage { form }).await
        }
        Err(error) => Err(told_to(&ctx, error)),
    }
}

/// To where they wanted to go, under the new secret; the device is remembered.
async fn signed_in(ctx: &Ctx, session: &Session, secret: &str) -> Answer {
    let to = session.next.as_deref().and_then(crate::core::next::local).unwrap_or("/");
    let mut response = http::Error::see_other(to).into_response();
    set_session_cookie(&ctx.app, &mut response, secret);
    let device = signin::know_device(&ctx.app.db, rules(&ctx.app), &session.person).await.map_err(told)?;
    let days = u64::try_from(ctx.app.policies.session.known_device_days).unwrap_or(0);
    if let Ok(value) = HeaderValue::from_str(&cookie::set(&format!("{}-device", ctx.app.cookie()), &device, ctx.app.secure(), Some(days * 86_400))) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}

/// What a page needs to show a secret that is being enrolled.
#[derive(Serialize)]
pub(super) struct EnrolPage {
    qr: totp::Qr,
    secret: String,
    account: String,
    form: FormState,
}

pub(super) fn enrol_page(ctx: &Ctx, session: &Session, person: &Person, form: FormState) -> Result<EnrolPage, http::Error> {
    let secret = Secret::from_slice(&super::sessions::enrolment_secret(&ctx.app.db, &session.id, person))
        .ok_or_else(|| Fault::new("an authenticator secret is 20 bytes"))?;
    let uri = totp::uri("Countersign", &person.username, &secret).map_err(|e| Fault::with("name the authenticator", e))?;
    let qr = totp::qr(&uri).ok_or_else(|| Fault::new("the authenticator's address does not fit a QR code"))?;
    Ok(EnrolPage { qr, secret: grouped(&totp::base32(&secret)), account: format!("Countersign: {}", person.username), form })
}

async fn get_enrol(ctx: Ctx) -> Answer {
    let session = half(&ctx)?.clone();
    if !session.enrols {
        return Err(http::Error::see_other("/login/totp"));
    }
    let person = me(&ctx).await?;
    let page = enrol_page(&ctx, &session, &person, FormState::default())?;
    ctx.page("login/enrol.html", page).await
}

#[derive(Serialize)]
pub(super) struct CodesPage {
    pub(super) codes: Vec<String>,
    pub(super) username: String,
}

async fn post_enrol(Posted { ctx, mut fields }: Posted) -> Answer {
    let session = half(&ctx)?.clone();
    let code = fields.one("code")?;
    fields.finish()?;
    let person = me(&ctx).await?;
    let permit = ctx.permit::<Enrol>(&person).await?;
    match signin::enrol(&ctx.app.db, rules(&ctx.app), permit, &person, &session, &code).await {
        Ok(made) => {
            // The form of this very page must carry the token of the new session.
            let mut ctx = ctx;
            ctx.seen.secret.clone_from(&made.secret);
            let mut response = ctx.page("login/codes.html", CodesPage { codes: made.codes, username: person.username }).await?;
            set_session_cookie(&ctx.app, &mut response, &made.secret);
            Ok(response)
        }
        Err(Error::Wrong) => {
            let mut form = FormState::default();
            form.wrong("code", ctx.app.text("error-code-wrong", &[]));
            let page = enrol_page(&ctx, &session, &person, form)?;
            ctx.again("login/enrol.html", page).await
        }
        Err(error) => Err(told_to(&ctx, error)),
    }
}

async fn post_codes_kept(signed: Signed, posted: Posted) -> Answer {
    posted.fields.finish()?;
    drop(signed);
    Err(http::Error::see_other("/"))
}

#[derive(Serialize)]
struct FreshPage {
    next: String,
    form: FormState,
}

async fn get_fresh(Signed { ctx, .. }: Signed, uri: axum::http::Uri) -> Answer {
    let next = query_next(&uri).unwrap_or_else(|| "/".into());
    ctx.page("login/fresh.html", FreshPage { next, form: FormState::default() }).await
}

async fn post_fresh(Signed { .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let (password, code) = (fields.one("password")?, fields.one("code")?);
    let next = fields.optional("next")?.and_then(|n| crate::core::next::local(&n).map(str::to_owned)).unwrap_or_else(|| "/".into());
    fields.finish()?;
    let person = me(&ctx).await?;
    let Some(session) = ctx.session.clone() else { return Err(http::Error::see_other("/login")) };
    let permit = ctx.permit::<Fresh>(&person).await?;
    match signin::fresh(&ctx.app.db, rules(&ctx.app), permit, &person, &session.id, &password, &code).await {
        Ok(secret) => {
            let mut response = http::Error::see_other(next).into_response();
            set_session_cookie(&ctx.app, &mut response, &secret);
            Ok(response)
        }
        Err(Error::Wrong) => {
            let form = FormState::default().saying(ctx.app.text("error-fresh-wrong", &[]));
            ctx.again("login/fresh.html", FreshPage { next, form }).await
        }
        Err(error) => Err(told_to(&ctx, error)),
    }
}

#[derive(Serialize)]
struct SignedOutPage {
    reason: &'static str,
}

async fn post_logout(Posted { ctx, fields }: Posted) -> Answer {
    fields.finish()?;
    if let Some(session) = ctx.session.clone().filter(|s| s.stage == Stage::Full) {
        let person = me(&ctx).await?;
        let permit = ctx.permit::<Logout>(&person).await?;
        super::sessions::logout(&ctx.app.db, permit, &session.id).await.map_err(told)?;
    }
    signed_out(ctx, "asked").await
}

/// The page after a session has ended; the cookie goes with it.
pub(super) async fn signed_out(ctx: Ctx, reason: &'static str) -> Answer {
    let bare = Ctx { session: None, actor: crate::policy::Actor::stranger(ctx.seen.origin()), ..ctx };
    let mut response = bare.page("login/signed_out.html", SignedOutPage { reason }).await?;
    sign_out(&bare.app, &mut response);
    Ok(response)
}

async fn get_forgot(ctx: Ctx) -> Answer {
    ctx.page("login/forgot.html", FormPage { form: FormState::default() }).await
}

async fn post_forgot(Posted { ctx, mut fields }: Posted) -> Answer {
    let username = fields.one("username")?;
    fields.finish()?;
    if username.trim().is_empty() || username.chars().count() > 320 {
        let mut form = FormState::default();
        form.wrong("username", ctx.app.text("error-username-missing", &[]));
        return ctx.again("login/forgot.html", FormPage { form }).await;
    }
    let db = &ctx.app.db;
    let keys = throttle::Keys::new(db, &ctx.seen.origin(), "forgot", None);
    throttle::count_address(db, &ctx.app.policies.throttle.sign_in, &keys).await.map_err(|e| told_to(&ctx, e))?;
    // The same answer for all; the work that differs goes on behind it.
    let app = ctx.app.clone();
    let actor = ctx.actor.clone();
    tokio::spawn(async move {
        if let Err(error) = forgot_behind(&app, &actor, &username).await {
            tracing::error!(error = %error, "a request for a reset link failed");
        }
    });
    #[derive(Serialize)]
    struct Empty {}
    ctx.page("login/forgot_sent.html", Empty {}).await
}

async fn forgot_behind(app: &App, actor: &crate::policy::Actor, username: &str) -> Result<(), Error> {
    let person = signin::find(&app.db, username).await?;
    throttle::count_forgot(&app.db, &crate::core::text::fold(username.trim())).await?;
    let Ok(permit) = app.policy.permit::<Forgot>(actor, &person) else { return Ok(()) };
    let url = app.config.smtp.is_some().then(|| app.config.url());
    links::forgot(&app.db, &app.policies.session, permit, &person, url).await
}

#[derive(Serialize)]
struct LinkPage {
    purpose: &'static str,
    action: String,
    username: Option<String>,
    expires_at: i64,
    rules: Vec<String>,
    generated: Option<String>,
    form: FormState,
}

fn link_page(app: &App, link: &Link, token: &str, generated: Option<String>, form: FormState) -> LinkPage {
    LinkPage {
        purpose: link.purpose.name(),
        action: format!("/link/{token}"),
        username: link.person.as_ref().map(|p| p.username.clone()),
        expires_at: link.expires_at,
        rules: rules_in_words(app),
        generated,
        form,
    }
}

async fn get_link(State(app): State<App>, Path(token): Path<String>, ctx: Ctx) -> Answer {
    let link = links::find(&app.db, &token).await.map_err(told)?;
    ctx.page("login/link.html", link_page(&app, &link, &token, None, FormState::default())).await
}

async fn post_link(State(app): State<App>, Path(token): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let db = &app.db;
    let link = links::find(db, &token).await.map_err(told)?;
    let mut form = FormState::default();
    let new = if link.purpose == Purpose::Setup { Some(read_person(&app, &mut fields, &mut form)?) } else { None };
    let (username, display_name, email) = match (&new, &link.person) {
        (Some(new), _) => (new.username.clone(), new.display_name.clone(), new.email.clone()),
        (None, Some(p)) => (p.username.clone(), p.display_name.clone(), p.email.clone()),
        (None, None) => return Err(http::Error::not_found()),
    };
    let words = context_words(&app, &username, &display_name, email.as_deref());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if fields.optional("generate")?.is_some() {
        let form = FormState { errors: std::collections::BTreeMap::new(), ..form };
        return ctx.page("login/link.html", link_page(&app, &link, &token, Some(passphrase(&app, &words)), form)).await;
    }
    let password = new_password(&app, &mut fields, &mut form, &words)?;
    fields.finish()?;
    let (Some(password), true) = (password, form.is_fine()) else {
        return ctx.again("login/link.html", link_page(&app, &link, &token, None, form)).await;
    };
    let hash = app.hasher.hash(&password).await.map_err(|e| told(e.into()))?;
    let done = match (&link.person, new) {
        (None, Some(new)) => {
            let nobody = Person::nobody(PersonId::new(db.clock(), db.rng()));
            let permit = ctx.permit::<Create>(&nobody).await?;
            links::take_setup(db, permit, &link, &new, &hash).await.map(drop)
        }
        (Some(person), _) if link.purpose == Purpose::Invite => {
            let permit = ctx.permit::<Join>(person).await?;
            links::join(db, permit, &link, person, &hash).await
        }
        (Some(person), _) => {
            let permit = ctx.permit::<TakeReset>(person).await?;
            links::take_reset(db, permit, &link, person, &hash).await
        }
        (None, None) => return Err(http::Error::not_found()),
    };
    done.map_err(told)?;
    Ok(ctx.go("/login", "password-set"))
}

/// Reads the fields of a person; faults go to the form, values stay in it.
pub(super) fn read_person(app: &App, fields: &mut http::Fields, form: &mut FormState) -> Result<NewPerson, http::Error> {
    let (username, display_name, email) = (fields.one("username")?, fields.one("display_name")?, fields.one("email")?);
    let kept = std::mem::take(form);
    *form = kept.keep("username", username.as_str()).keep("display_name", display_name.as_str()).keep("email", email.as_str());
    let checked = Username::parse(&username).unwrap_or_else(|_| {
        let key = if username.trim().is_empty() { "error-username-missing" } else { "error-username-form" };
        form.wrong("username", app.text(key, &[]));
        String::new()
    });
    let shown = Line::parse(&display_name, 100).unwrap_or_else(|_| {
        form.wrong("display_name", app.text("error-display-name-missing", &[]));
        String::new()
    });
    let mail = match email.trim() {
        "" => None,
        given => Email::parse(given).map(Some).unwrap_or_else(|_| {
            form.wrong("email", app.text("error-email-form", &[]));
            None
        }),
    };
    Ok(NewPerson { username: checked, display_name: shown, email: mail, time_zone: app.config.zone_name().to_owned() })
}

async fn get_csrf_token(ctx: Ctx) -> Answer {
    let mut response = axum::Json(serde_json::json!({ "csrf_token": ctx.csrf_token() })).into_response();
    if ctx.seen.planted {
        set_session_cookie(&ctx.app, &mut response, &ctx.seen.secret);
    }
    Ok(response)
}
