//! `POST /hooks/twilio`: what Twilio tells by itself. Its signature takes the place of a form's token.
//! Must stay true: nothing is read of a request before its signature fits; whoever is refused leaves no entry; what is not
//! known is signed over and left alone; the answer never redirects.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;

use super::Receive;
use super::converse::{Talked, converse};
use super::gateway;
use super::inbound::{self, Beside, Incoming, Told, Wish};
use super::media::{FILES_MAX, Linked};
use super::signature::{Received, is_signed};
use super::web::told;
use crate::config::Twilio;
use crate::http::{self, Answer, App, Ctx, Routes, Rule};
use crate::policy::Actor;

/// Where Twilio posts to.
pub const TWILIO: &str = "/hooks/twilio";
/// The gateway's name.
const NAME: &str = "twilio";
/// Bytes of a request: a message has 1,600 characters, and there are links to ten pictures.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Characters of what Twilio calls a message, and of a status or a code.
pub(super) const ID_CHARS_MAX: usize = 64;
pub(super) const WORD_CHARS_MAX: usize = 32;

pub(super) fn routes() -> Routes {
    Routes::new().post(TWILIO, Rule::Public, post_twilio)
}

/// A form, whose fields may come more than once.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A word of the gateway's: short, printable ASCII.
    pub(super) fn word(&self, name: &str, max: usize) -> Result<&str, http::Error> {
        let value = self.one(name).filter(|v| !v.is_empty() && v.len() <= max && v.bytes().all(|b| b.is_ascii_graphic()));
        value.ok_or_else(|| http::Error::field(name, "is missing or not as Twilio sends it"))
    }
}

fn refused() -> http::Error {
    http::Error::new(StatusCode::FORBIDDEN, "signature")
}

/// The address that was signed: ours as configured, with path and query as they came.
fn signed_url(app: &App, request: &Request) -> String {
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str());
    format!("{}{path}", app.config.url())
}

async fn post_twilio(State(app): State<App>, ctx: Ctx, request: Request) -> Answer {
    let form = believed(&app, request).await?;
    let status = form.one("MessageStatus").or_else(|| form.one("SmsStatus")).unwrap_or_default();
    if status == "received" || form.one("MessageStatus").is_none() && form.one("Body").is_some() {
        message(&app, &ctx, &form).await
    } else {
        report(&app, &ctx, &form).await
    }
}

/// The form of a request that Twilio signed for this account.
pub(super) async fn believed(app: &App, request: Request) -> Result<Form, http::Error> {
    // Without an account nobody can have signed anything.
    let Some(mut twilio) = app.config.twilio.clone() else { return Err(refused()) };
    // What an administrator sealed signs too.
    match super::credential::sealed(&app.db, NAME).await {
        Ok(sealed) => twilio.tokens.extend(sealed),
        // Those of the settings count still.
        Err(fault) => tracing::error!(fault = fault.chain(), "the sealed token of Twilio cannot be read"),
    }
    let url = signed_url(app, &request);
    let (parts, body) = request.into_parts();
    let bytes = read(body, &parts.headers).await?;
    let kind = text(&parts.headers, header::CONTENT_TYPE.as_str());
    let is_form = kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded");
    let form: Option<Form> = if is_form { serde_urlencoded::from_bytes(&bytes).ok().map(Form) } else { None };
    check(&twilio, &url, form.as_ref(), &bytes, text(&parts.headers, "x-twilio-signature"))?;
    let form = form.ok_or_else(|| http::Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_a_form"))?;
    if form.one("AccountSid") != Some(twilio.account_sid.as_str()) {
        return Err(refused());
    }
    Ok(form)
}

async fn read(body: Body, headers: &HeaderMap) -> Result<bytes::Bytes, http::Error> {
    http::json::read(body, headers, BODY_BYTES_MAX).await
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn check(twilio: &Twilio, url: &str, form: Option<&Form>, body: &[u8], signature: &str) -> Result<(), http::Error> {
    let tokens: Vec<&str> = twilio.tokens.iter().map(|token| token.expose()).collect();
    let received = Received { url, form: form.map(|f| f.0.as_slice()), body, signature };
    if is_signed(&tokens, &received) {
        return Ok(());
    }
    if twilio.enforces {
        return Err(refused());
    }
    tracing::warn!("a request to /hooks/twilio would be refused for its signature; `twilio.signatures` only reports");
    Ok(())
}

/// The program acts, but where the request came from is known.
pub(super) fn actor(ctx: &Ctx) -> Actor {
    Actor { origin: ctx.seen.origin(), ..Actor::system() }
}

async fn message(app: &App, ctx: &Ctx, form: &Form) -> Answer {
    let provider_id = form.word("MessageSid", ID_CHARS_MAX)?;
    let (from, to) = (form.word("From", 200)?, form.word("To", 200)?);
    let wish = match form.one("OptOutType") {
        Some("STOP") => Some(Wish::Stop),
        Some("START") => Some(Wish::Start),
        Some("HELP") => Some(Wish::Help),
        _ => None,
    };
    let incoming = Incoming { gateway: NAME, provider_id, from, to, text: form.one("Body").unwrap_or_default(), wish, may_lift: true };
    let said = match converse(app, &actor(ctx), &incoming).await.map_err(told)? {
        Talked::Said(text) => text,
        Talked::Known => String::new(),
        talked @ (Talked::Not | Talked::Refused(_)) => {
            let permit = app.policy.permit::<Receive>(&actor(ctx), &inbound::events())?;
            // An answer leaves by the account that the message came to, when that sends.
            let names = gateway::names(&app.config);
            let answers_by = if names.contains(&NAME) { Some(NAME) } else { names.first().copied() };
            let linked = linked(form);
            let beside = Beside { answers_by, linked: &linked, ..Beside::default() };
            let is_new = inbound::receive_with(&app.db, permit, &incoming, &beside).await.map_err(told)?;
            app.work.notify_one();
            if let Talked::Refused(text) = talked
                && is_new
            {
                text
            } else {
                String::new()
            }
        }
    };
    Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], twiml(&said)).into_response())
}

/// The files that a message says it has.
fn linked(form: &Form) -> Vec<Linked> {
    let n = form.one("NumMedia").and_then(|n| n.parse::<usize>().ok()).unwrap_or(0).min(FILES_MAX);
    let one = |n: usize| Linked::new(form.one(&format!("MediaUrl{n}"))?, form.one(&format!("MediaContentType{n}")).unwrap_or_default());
    (0..n).filter_map(one).collect()
}

/// What Twilio sends back to whoever wrote; nothing when there is nothing to say.
fn twiml(said: &str) -> String {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    if said.is_empty() {
        return format!("{head}<Response/>");
    }
    let escaped = said.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("{head}<Response><Message>{escaped}</Message></Response>")
}

async fn report(app: &App, ctx: &Ctx, form: &Form) -> Answer {
    let provider_id = form.word("MessageSid", ID_CHARS_MAX)?;
    let status = form.word("MessageStatus", WORD_CHARS_MAX)?;
    let code = if form.one("ErrorCode").is_some_and(|c| !c.is_empty()) { Some(form.word("ErrorCode", WORD_CHARS_MAX)?) } else { None };
    super::status::take(app, ctx, &Told { gateway: NAME, provider_id, status, code }, None).await
}
