//! The outermost layer: request id, client address, refusals before anything is asked, time limit, panic guard, error
//! pages, headers, one log line. Must stay true: every response leaves through here.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};
use base64::Engine as _;
use futures_util::FutureExt as _;
use serde::Serialize;

use super::ctx::{Caller, Ctx, Seen, remove_session_cookie, set_session_cookie};
use super::error::Told;
use super::gate::Credential;
use super::headers::{IsDownload, IsPrivate};
use super::limit::Left;
use super::{App, Error};
use crate::core::id::RequestId;
use crate::core::{address, cookie};
use crate::policy::Actor;

/// Names under which a credential must never stand in a query string.
const CREDENTIALS: [&str; 7] = ["api_key", "apikey", "api-key", "key", "token", "access_token", "x-api-key"];
/// Characters of a user agent that are kept.
const AGENT_CHARS_MAX: usize = 200;
/// An upload may take this long.
const UPLOAD_MAX: Duration = Duration::from_secs(600);

/// Copies the route's pattern to the response, so that logs show it and never the path.
pub async fn note_pattern(request: Request, next: Next) -> Response {
    let pattern = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(pattern) = pattern {
        response.extensions_mut().insert(pattern);
    }
    response
}

/// The layer.
pub async fn shell(State(app): State<App>, ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let mut seen = see(&app, peer, &request);
    let mut caller = Caller { actor: Actor::stranger(seen.origin()), session: None };
    let had_token = has_token(request.headers());
    let mut left = None;
    let mut response = match admit(&app, peer, &mut request, &mut seen).await {
        Err(error) => error.into_response(),
        Ok(admitted) => {
            caller = admitted.0;
            left = admitted.1;
            request.extensions_mut().insert(seen.clone());
            request.extensions_mut().insert(caller.clone());
            run(&app, request, next).await
        }
    };
    response = dress(&app, &method, &seen, &caller, had_token, response).await;
    finish(&app, &seen, &caller, left, &mut response);
    let route = response.extensions().get::<MatchedPath>().map_or("none", |p| p.as_str());
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(request = %seen.request, method = %method, route, status = response.status().as_u16(), ms, "answered");
    response
}

/// What can be seen without trusting anything.
fn see(app: &App, peer: SocketAddr, request: &Request) -> Seen {
    let forwarded: Vec<&str> = request.headers().get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).collect();
    let agent = request.headers().get(header::USER_AGENT).and_then(|v| v.to_str().ok()).map(|a| a.chars().take(AGENT_CHARS_MAX).collect());
    Seen {
        request: RequestId::new(app.db.clock(), app.db.rng()),
        nonce: base64::engine::general_purpose::STANDARD.encode(app.db.rng().bytes::<16>()),
        address: address::client_address(peer.ip(), &forwarded, &app.config.trusted_proxies),
        agent,
        path: request.uri().path().to_owned(),
        secret: String::new(),
        planted: false,
        flash: None,
    }
}

/// Refuses what needs no identity to be refused, then asks who it is.
async fn admit(app: &App, peer: SocketAddr, request: &mut Request, seen: &mut Seen) -> Result<(Caller, Option<Left>), Error> {
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST | Method::DELETE | Method::OPTIONS | Method::PUT | Method::PATCH) {
        return Err(Error::new(StatusCode::METHOD_NOT_ALLOWED, "method"));
    }
    let cookies = request.headers().get_all(header::COOKIE);
    let secret = cookie::check(cookies.iter().map(HeaderValue::as_bytes), app.cookie()).map_err(|_| Error::bad_request("bad_cookie"))?;
    let flash_name = format!("{}-flash", app.cookie());
    seen.flash = cookie::check(cookies.iter().map(HeaderValue::as_bytes), &flash_name).ok().flatten();
    let plain = request.headers().get("x-forwarded-proto").is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"http"));
    if plain && app.secure() && app.config.trusted_proxies.iter().any(|c| c.contains(peer.ip())) {
        return Err(Error::bad_request("plain_http").saying("Use https."));
    }
    if has_credential(request.uri().query().unwrap_or_default()) {
        return Err(Error::bad_request("credential_in_query").saying("Send the token as `Authorization: Bearer`, never in the address."));
    }
    app.limits.address(seen.address).map_err(|wait| Error::too_many("too_many", wait))?;
    match secret {
        Some(secret) => seen.secret = secret,
        None => {
            seen.secret = app.db.rng().token();
            seen.planted = true;
        }
    }
    if seen.path.starts_with("/static/") || seen.path == "/healthz" {
        return Ok((Caller { actor: Actor::stranger(seen.origin()), session: None }, None));
    }
    let token = bearer(request.headers())?;
    let caller = match &token {
        // A token speaks to programs' places alone: on a page it is nobody.
        Some(_) if !is_for_programs(&seen.path) => Caller { actor: Actor::stranger(seen.origin()), session: None },
        Some(token) => app.door.resolve(app, seen, Credential::Token(token)).await?,
        // The API takes tokens alone: a browser's cookie proves nothing there.
        None if seen.planted || seen.path.starts_with("/api/v1/") => Caller { actor: Actor::stranger(seen.origin()), session: None },
        None => app.door.resolve(app, seen, Credential::Cookie(&seen.secret)).await?,
    };
    let left = match caller.actor.person() {
        Some(person) => Some(app.limits.person(person.as_str()).map_err(|wait| Error::too_many("too_many", wait))?),
        None => None,
    };
    Ok((caller, left))
}

fn has_token(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key")
}

/// The API token of the request, from one place only.
fn bearer(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let bad = || Error::new(StatusCode::UNAUTHORIZED, "bad_token");
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).map_err(|_| bad());
    let authorization: Vec<_> = headers.get_all(header::AUTHORIZATION).iter().collect();
    let key: Vec<_> = headers.get_all("x-api-key").iter().collect();
    match (authorization.as_slice(), key.as_slice()) {
        ([], []) => Ok(None),
        ([value], []) => {
            let value = text(value)?;
            let (scheme, token) = value.split_once(' ').ok_or_else(bad)?;
            if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token.trim().to_owned())) } else { Err(bad()) }
        }
        ([], [value]) => text(value).map(Some),
        _ => Err(Error::bad_request("two_credentials")),
    }
}

fn has_credential(query: &str) -> bool {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    pairs.iter().any(|(name, value)| CREDENTIALS.contains(&name.to_ascii_lowercase().as_str()) || value.starts_with("cs_"))
}

async fn run(app: &App, request: Request, next: Next) -> Response {
    let takes_long = |path: &str| ["/evidence", "/versions", "/files", "/import", "/contacts/imports", "/export/sheet"].iter().any(|end| path.ends_with(end));
    let uploads = request.method() == Method::POST && takes_long(request.uri().path());
    let limit = if uploads { UPLOAD_MAX } else { app.config.limits.request_timeout };
    match tokio::time::timeout(limit, AssertUnwindSafe(next.run(request)).catch_unwind()).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let what = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            tracing::error!(what, "a request panicked");
            Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").into_response()
        }
        Err(_) => Error { retry_after: Some(5), ..Error::new(StatusCode::SERVICE_UNAVAILABLE, "timeout") }.into_response(),
    }
}

#[derive(Serialize)]
struct Link {
    href: &'static str,
    text: String,
}

#[derive(Serialize)]
struct ErrorPage {
    status: u16,
    kind: &'static str,
    title: String,
    message: String,
    reference: Option<String>,
    links: Vec<Link>,
}

/// Gives an error its body: a page, or a problem document.
async fn dress(app: &App, method: &Method, seen: &Seen, caller: &Caller, had_token: bool, response: Response) -> Response {
    let status = response.status();
    let told = response.extensions().get::<Told>().cloned();
    if status.as_u16() < 400 || (told.is_none() && response.extensions().get::<IsPrivate>().is_some()) || (told.is_none() && is_html(&response)) {
        return response;
    }
    let told = told.unwrap_or(Told { code: code_of(status), detail: None, fields: Vec::new() });
    let wants_json = had_token || is_for_programs(&seen.path);
    let (parts, _) = response.into_parts();
    let mut dressed =
        if wants_json { problem(app, seen, status, &told) } else { page(app, seen, caller, status, &told, parts.headers.get(header::RETRY_AFTER)).await };
    for name in [header::ALLOW, header::RETRY_AFTER, header::SET_COOKIE, header::CONTENT_RANGE] {
        for value in parts.headers.get_all(&name) {
            dressed.headers_mut().append(&name, value.clone());
        }
    }
    if status == StatusCode::UNAUTHORIZED {
        dressed.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(pattern) = parts.extensions.get::<MatchedPath>() {
        dressed.extensions_mut().insert(pattern.clone());
    }
    *dressed.status_mut() = status;
    if method == Method::HEAD {
        *dressed.body_mut() = Body::empty();
    }
    dressed
}

fn is_html(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"text/html"))
}

fn code_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        404 => "not_found",
        405 => "method",
        413 => "too_large",
        415 => "media_type",
        403 => "csrf",
        _ if status.is_server_error() => "internal",
        _ => "bad_request",
    }
}

/// RFC 9457.
fn problem(app: &App, seen: &Seen, status: StatusCode, told: &Told) -> Response {
    let title = app.text(&title_key(app, status, told), &[]);
    let errors: Vec<_> = told.fields.iter().map(|(field, what)| serde_json::json!({ "field": field, "detail": what })).collect();
    let mut body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "code": told.code, "instance": seen.request.as_str(),
    });
    if let Some(detail) = &told.detail {
        body["detail"] = detail.as_str().into();
    }
    if !errors.is_empty() {
        body["errors"] = errors.into();
    }
    ([(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

fn title_key(app: &App, status: StatusCode, told: &Told) -> String {
    let special = format!("error-{}-{}-title", status.as_u16(), told.code);
    if app.templates.texts.has(&special) {
        return special;
    }
    let by_status = format!("error-{}-title", status.as_u16());
    if app.templates.texts.has(&by_status) { by_status } else { "error-400-title".into() }
}

async fn page(app: &App, seen: &Seen, caller: &Caller, status: StatusCode, told: &Told, retry: Option<&HeaderValue>) -> Response {
    let title_key = title_key(app, status, told);
    let seconds = retry.and_then(|v| v.to_str().ok()).unwrap_or("60");
    let own = format!("error-code-{}", told.code);
    let message = match (&told.detail, told.fields.first()) {
        (Some(detail), _) if status == StatusCode::FORBIDDEN => app.text("error-403-because-text", &[("because", detail)]),
        (Some(detail), _) => detail.clone(),
        (None, Some((field, what))) => app.text("error-field", &[("field", field), ("what", what)]),
        (None, None) if app.templates.texts.has(&own) => app.text(&own, &[("seconds", seconds)]),
        (None, None) if status == StatusCode::PAYLOAD_TOO_LARGE => app.text("error-413-plain-text", &[]),
        (None, None) => app.text(&title_key.replace("-title", "-text"), &[("seconds", seconds)]),
    };
    let signed_in = caller.actor.person().is_some();
    let home =
        if signed_in { Link { href: "/", text: app.text("error-link-home", &[]) } } else { Link { href: "/login", text: app.text("error-link-sign-in", &[]) } };
    let view = ErrorPage {
        status: status.as_u16(),
        kind: if status == StatusCode::FORBIDDEN {
            "not-allowed"
        } else if status.is_server_error() {
            "failed"
        } else {
            "other"
        },
        title: app.text(&title_key, &[]),
        message,
        reference: Some(seen.request.to_string()),
        links: vec![home],
    };
    let ctx = Ctx { app: app.clone(), seen: seen.clone(), actor: caller.actor.clone(), session: caller.session.clone() };
    let plain = || (status, "Something went wrong.").into_response();
    match ctx.page("error.html", &view).await {
        Ok(page) => page,
        // The database may be what failed: the page must not need it.
        Err(_) => ctx.page_without_trail("error.html", &view).map(|text| Html(text).into_response()).unwrap_or_else(|_| plain()),
    }
}

/// The API, and the log's tiles.
fn is_for_programs(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/log/")
}

/// Headers and cookies that every response gets.
fn finish(app: &App, seen: &Seen, caller: &Caller, left: Option<Left>, response: &mut Response) {
    let html = is_html(response);
    if html && seen.planted && caller.session.is_none() && !response.headers().contains_key(header::SET_COOKIE) {
        set_session_cookie(app, response, &seen.secret);
    }
    if html && seen.flash.is_some() {
        let gone = cookie::remove(&format!("{}-flash", app.cookie()), app.secure());
        if let Ok(value) = HeaderValue::from_str(&gone) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    // Hashes of the log are the same for everybody, whoever asks.
    let is_public = seen.path.starts_with("/log/") && response.status().is_success();
    let is_personal = html || caller.actor.person().is_some() || seen.path.starts_with("/api/");
    let private = (is_personal && !is_public) || response.extensions().get::<IsPrivate>().is_some();
    let download = response.extensions().get::<IsDownload>().is_some();
    app.headers.apply(response.headers_mut(), &seen.nonce, private && (html || !seen.path.starts_with("/static/")), download);
    if let Some(left) = left {
        for (name, value) in [("ratelimit-policy", format!("\"person\";q={};w=60", left.limit)), ("ratelimit", format!("\"person\";r={}", left.remaining))] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    if let Ok(value) = HeaderValue::from_str(seen.request.as_str()) {
        response.headers_mut().insert("x-request-id", value);
    }
}

/// Ends the browser's session cookie and what it cached.
pub fn sign_out(app: &App, response: &mut Response) {
    remove_session_cookie(app, response);
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\", \"storage\""));
}
