//! The context of one request: who asks, from where, with which form token; and the page rendered for them.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};
use serde::Serialize;

use super::{App, Error};
use crate::core::clock::Micros;
use crate::core::cookie;
use crate::core::fault::Fault;
use crate::core::id::{PersonId, RequestId, SessionId};
use crate::policy::{Act, Actor, Auth, Need, Origin, Permit};
use crate::vault::Purpose;

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The password was right; the code is still asked.
    Half,
    /// Password and code.
    Full,
}

/// A session as resolved for this request.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub person: PersonId,
    /// Their user name.
    pub username: String,
    /// The name they are shown by.
    pub display_name: String,
    /// Their zone.
    pub time_zone: String,
    /// The size in which they read, `large` or `larger`; none for the ordinary one.
    pub text_size: Option<String>,
    /// How far it has come.
    pub stage: Stage,
    /// They still have to enrol an authenticator.
    pub enrols: bool,
    /// Where they wanted to go.
    pub next: Option<String>,
    /// Last full authentication.
    pub auth_at: Micros,
}

/// Who asks; put into the request by the gate.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The actor, with roles.
    pub actor: Actor,
    /// The browser session, when there is one.
    pub session: Option<Session>,
}

/// What the shell knows of the request before anybody is asked who they are.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The request's id.
    pub request: RequestId,
    /// The response's nonce.
    pub nonce: String,
    /// The client, behind trusted proxies.
    pub address: IpAddr,
    /// The user agent, cut.
    pub agent: Option<String>,
    /// The path without the query.
    pub path: String,
    /// The secret of the session cookie, or of a pre-session made for this response.
    pub secret: String,
    /// The cookie must be set: it was made here.
    pub planted: bool,
    /// The flash key that came with the request.
    pub flash: Option<String>,
}

impl Seen {
    /// Where from, as entries say it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin { address: Some(self.address), agent: self.agent.clone(), request: Some(self.request.clone()) }
    }
}

/// The context of one request.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// The shared parts.
    pub app: App,
    /// What the shell saw.
    pub seen: Seen,
    /// Who asks.
    pub actor: Actor,
    /// Their session.
    pub session: Option<Session>,
}

impl FromRequestParts<App> for Ctx {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let seen = parts.extensions.get::<Seen>().cloned().ok_or_else(|| Error::from(Fault::new("the shell is not in front")))?;
        let caller = parts.extensions.get::<Caller>().cloned().unwrap_or_else(|| Caller { actor: Actor::stranger(seen.origin()), session: None });
        Ok(Self { app: app.clone(), seen, actor: caller.actor, session: caller.session })
    }
}

impl OptionalFromRequestParts<App> for Ctx {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Error> {
        <Self as FromRequestParts<App>>::from_request_parts(parts, app).await.map(Some)
    }
}

/// A person who is wholly signed in. Proves a person, never a role.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The request's context.
    pub ctx: Ctx,
    /// Who.
    pub person: PersonId,
}

impl FromRequestParts<App> for Signed {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let ctx = <Ctx as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        let Some(person) = ctx.actor.person().cloned() else {
            if ctx.is_api() {
                return Err(Error::new(axum::http::StatusCode::UNAUTHORIZED, "sign_in"));
            }
            let half = ctx.session.as_ref().map(|s| if s.enrols { "/login/enrol" } else { "/login/totp" });
            let wanted = parts.uri.path_and_query().map_or("/", |p| p.as_str());
            let to = half.map_or_else(|| format!("/login?next={}", encode(if parts.method == "GET" { wanted } else { "/" })), str::to_owned);
            return Err(Error::see_other(to));
        };
        Ok(Self { ctx, person })
    }
}

/// Percent-encodes a query value.
#[must_use]
pub fn encode(value: &str) -> String {
    serde_urlencoded::to_string([("v", value)]).map(|s| s[2..].to_owned()).unwrap_or_default()
}

#[derive(Serialize)]
struct Viewer<'a> {
    id: &'a str,
    name: &'a str,
    username: &'a str,
    roles: Vec<&'static str>,
    role_names: Vec<String>,
    nav: minijinja::Value,
}

#[derive(Serialize)]
struct Flash {
    kind: &'static str,
    text: String,
}

/// How far witnesses confirm the trail.
#[derive(Serialize)]
struct WitnessState {
    by: usize,
    of: usize,
    to: i64,
    at: Option<i64>,
    stale: bool,
}

/// How far time-stamps cover it.
#[derive(Serialize)]
struct StampState {
    to: i64,
    at: Option<i64>,
    stale: bool,
}

#[derive(Serialize)]
struct TrailState {
    size: i64,
    verified_to: i64,
    checkpoint_at: Option<i64>,
    witness: Option<WitnessState>,
    stamp: Option<StampState>,
    ok: bool,
}

#[derive(Serialize)]
struct Base<'a> {
    nonce: &'a str,
    csrf_token: String,
    assets: &'a super::assets::Hrefs,
    lang: &'static str,
    path: &'a str,
    now: Micros,
    time_zone: &'a str,
    text_size: Option<&'a str>,
    viewer: Option<Viewer<'a>>,
    flash: Option<Flash>,
    banner: Option<String>,
    trail: Option<TrailState>,
    page_title_error: bool,
}

impl Ctx {
    /// Asks the policy; a refusal is recorded before it is told.
    ///
    /// # Errors
    /// 401, 403 or, for a page that needs fresh authentication, a way to `/fresh`.
    pub async fn permit<A: Act>(&self, on: &A::On) -> Result<Permit<A>, Error> {
        let denied = match self.app.policy.permit::<A>(&self.actor, on) {
            Ok(permit) => return Ok(permit),
            Err(denied) => denied,
        };
        if denied.need == Need::Fresh && !self.is_api() {
            return Err(Error::see_other(format!("/fresh?next={}", encode(&self.seen.path))));
        }
        self.app.db.record_denial(&denied).await?;
        Err(denied.into())
    }

    /// Is this the JSON API?
    #[must_use]
    pub fn is_api(&self) -> bool {
        self.seen.path.starts_with("/api/")
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.app.db.clock().now()
    }

    /// The form token of this session or pre-session.
    #[must_use]
    pub fn csrf_token(&self) -> String {
        csrf_token(&self.app, &self.seen.secret)
    }

    /// The viewer's time zone.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        self.session.as_ref().map_or(self.app.config.zone_name(), |s| s.time_zone.as_str())
    }

    /// Renders a page for whoever asks.
    ///
    /// # Errors
    /// When the template asks for what the page does not give.
    pub async fn page(&self, name: &str, page: impl Serialize) -> Result<Response, Error> {
        self.page_with(name, page, false).await
    }

    /// Renders a form again with its errors: 422.
    ///
    /// # Errors
    /// As [`Ctx::page`].
    pub async fn again(&self, name: &str, page: impl Serialize) -> Result<Response, Error> {
        let mut response = self.page_with(name, page, true).await?;
        *response.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
        Ok(response)
    }

    async fn page_with(&self, name: &str, page: impl Serialize, failed: bool) -> Result<Response, Error> {
        let trail = self.trail_state().await?;
        let base = self.base(trail, failed)?;
        Ok(Html(self.app.templates.render(name, base, page)?).into_response())
    }

    /// Renders without asking the database anything: for the page that says the database failed.
    ///
    /// # Errors
    /// As [`Ctx::page`].
    pub fn page_without_trail(&self, name: &str, page: impl Serialize) -> Result<String, Error> {
        Ok(self.app.templates.render(name, self.base(None, false)?, page)?)
    }

    fn base(&self, trail: Option<TrailState>, failed: bool) -> Result<Base<'_>, Fault> {
        let flash = self.seen.flash.as_deref().filter(|k| self.app.templates.texts.has(&format!("flash-text-{k}")));
        Ok(Base {
            nonce: &self.seen.nonce,
            csrf_token: self.csrf_token(),
            assets: self.app.assets.hrefs(),
            lang: "en",
            path: &self.seen.path,
            now: self.now(),
            time_zone: self.time_zone(),
            text_size: self.session.as_ref().and_then(|s| s.text_size.as_deref()),
            viewer: self.viewer()?,
            flash: flash.map(|key| Flash { kind: "good", text: self.app.text(&format!("flash-text-{key}"), &[]) }),
            banner: self.banner(),
            trail,
            page_title_error: failed,
        })
    }

    fn banner(&self) -> Option<String> {
        let db = &self.app.db;
        let key = if db.in_fault() {
            Some("banner-fault")
        } else if db.clock_is_back() {
            Some("banner-clock")
        } else {
            db.is_short().then_some("banner-room")
        };
        key.map(|key| self.app.text(key, &[]))
    }

    async fn trail_state(&self) -> Result<Option<TrailState>, Error> {
        if self.actor.person().is_none() {
            return Ok(None);
        }
        let log = self.app.db.log().0;
        // This process knows the size only while it links the entries itself.
        let db = &self.app.db;
        let size = if db.is_sqlite() && !db.in_fault() { i64::try_from(*db.size().borrow()).unwrap_or(0) } else { db.head(log).await?.map_or(0, |h| h.size) };
        let checkpoint = self.app.db.latest_checkpoint(log).await?;
        Ok(Some(TrailState {
            size,
            verified_to: checkpoint.as_ref().map_or(0, |c| c.size),
            checkpoint_at: checkpoint.map(|c| c.at),
            witness: self.app.cosigner.as_ref().map(|cosigner| witness_state(&cosigner.standing().borrow())),
            stamp: self.app.stamper.as_ref().map(|stamper| stamp_state(&stamper.standing().borrow())),
            ok: !self.app.db.in_fault(),
        }))
    }

    fn viewer(&self) -> Result<Option<Viewer<'_>>, Fault> {
        let Some(session) = self.session.as_ref().filter(|s| s.stage == Stage::Full) else { return Ok(None) };
        let roles = &self.actor.roles;
        Ok(Some(Viewer {
            id: session.person.as_str(),
            name: &session.display_name,
            username: &session.username,
            roles: roles.iter().map(|r| r.name()).collect(),
            role_names: roles.iter().map(|r| self.app.text(&format!("role-{r}"), &[])).collect(),
            nav: self.app.templates.nav(roles, &self.seen.path)?,
        }))
    }

    /// Redirects with 303 and a flash: `key` names the text `flash-text-<key>`.
    #[must_use]
    pub fn go(&self, to: &str, flash: &str) -> Response {
        let mut response = Error::see_other(to).into_response();
        let value = cookie::set(&format!("{}-flash", self.app.cookie()), flash, self.app.secure(), Some(60));
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
        response
    }
}

/// The form token that belongs to a cookie secret.
#[must_use]
pub fn csrf_token(app: &App, secret: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(app.db.vault().mac(Purpose::Csrf, &[b"form", secret.as_bytes()]))
}

/// Sets the session cookie of a response.
pub fn set_session_cookie(app: &App, response: &mut Response, secret: &str) {
    if let Ok(value) = HeaderValue::from_str(&cookie::set(app.cookie(), secret, app.secure(), None)) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// Takes the session cookie away.
pub fn remove_session_cookie(app: &App, response: &mut Response) {
    if let Ok(value) = HeaderValue::from_str(&cookie::remove(app.cookie(), app.secure())) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// Is this caller a token of the API?
#[must_use]
pub fn is_token(actor: &Actor) -> bool {
    matches!(&actor.who, crate::policy::Who::Person { auth: Auth::Token(_), .. })
}

fn stamp_state(standing: &crate::stamp::Standing) -> StampState {
    let stamped = standing.stamped.as_ref();
    StampState { to: stamped.map_or(0, |s| s.size), at: stamped.map(|s| s.at), stale: standing.stale }
}

fn witness_state(standing: &crate::cosign::Standing) -> WitnessState {
    let confirmed = standing.confirmed;
    WitnessState {
        by: confirmed.map_or(0, |c| c.by),
        of: standing.witnesses,
        to: confirmed.map_or(0, |c| c.size),
        at: confirmed.map(|c| c.at),
        stale: standing.stale,
    }
}
