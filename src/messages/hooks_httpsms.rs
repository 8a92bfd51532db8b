//! `POST /hooks/httpsms`: what httpSMS tells by itself, a CloudEvent with a token that says who sent it, to where and until when.
//! Must stay true: nothing is read of a request before its token fits; no other way of signing than HS256 is taken, whatever the
//! token asks for; what comes again is kept once.

use aws_lc_rs::hmac;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::gateway::HTTPSMS;
use super::hooks_smsgate::{code, header, may_lift, refused, take_in, word};
use super::inbound::{Incoming, Told};
use crate::core::clock::SECOND;
use crate::core::id::MessageId;
use crate::core::number::{Kinds, Number};
use crate::http::{self, Answer, App, Ctx, Routes, Rule};

/// Where httpSMS posts to.
pub const HOOK: &str = "/hooks/httpsms";
/// Bytes of a request, and of its token.
const BODY_BYTES_MAX: usize = 64 * 1024;
const TOKEN_BYTES_MAX: usize = 4096;
/// Seconds that clocks may differ, and that a token may be good for.
const SKEW_SECS: i64 = 60;
const GOOD_SECS_MAX: i64 = 15 * 60;
/// Who signs.
const ISSUER: &str = "api.httpsms.com";

pub(super) fn routes() -> Routes {
    Routes::new().post(HOOK, Rule::Public, post_httpsms)
}

#[derive(Deserialize)]
struct Head {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    data: serde_json::Value,
}

#[derive(Deserialize)]
struct Received {
    message_id: String,
    owner: String,
    contact: String,
    content: String,
    #[serde(default)]
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Reported {
    id: String,
    owner: String,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    error_message: Option<String>,
}

/// Is this a token of the key's for `url`, good at `now_secs`?
#[must_use]
pub fn is_good(key: &[u8], token: &str, url: &str, now_secs: i64) -> bool {
    fn part<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
    let check = || -> Option<bool> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, tag) = token.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
        let (head, claims): (Head, Claims) = (part(head)?, part(claims)?);
        let to_us = match &claims.aud {
            Audience::One(one) => one == url,
            Audience::Many(many) => many.iter().any(|one| one == url),
        };
        let in_time = claims.exp > now_secs.saturating_sub(SKEW_SECS) && claims.exp <= now_secs.saturating_add(GOOD_SECS_MAX);
        let begun = claims.nbf.is_none_or(|nbf| nbf <= now_secs.saturating_add(SKEW_SECS));
        Some(head.alg == "HS256" && claims.iss == ISSUER && to_us && in_time && begun)
    };
    check().unwrap_or(false)
}

async fn post_httpsms(State(app): State<App>, ctx: Ctx, request: Request) -> Answer {
    // Without a key nobody can have signed anything.
    let settings = app.config.httpsms.clone().ok_or_else(refused)?;
    let key = settings.webhook_key.as_ref().ok_or_else(refused)?;
    let (parts, body) = request.into_parts();
    let token = header(&parts.headers, "authorization").strip_prefix("Bearer ").unwrap_or_default();
    if !is_good(key.expose().as_bytes(), token, &format!("{}{HOOK}", app.config.url()), ctx.now() / SECOND) {
        return Err(refused());
    }
    let bytes = http::json::read(body, &parts.headers, BODY_BYTES_MAX).await?;
    let event: Event = http::json::parse(&bytes)?;
    let data = event.data.to_string();
    let status = match event.kind.as_str() {
        "message.phone.received" => {
            let received: Received = http::json::parse(data.as_bytes())?;
            let number = Number::parse_of(&received.contact, app.config.default_region.as_deref(), Kinds { voip: true }).ok();
            let from = number.as_ref().map_or(received.contact.as_str(), Number::e164);
            let provider_id = word(&received.message_id);
            let may_lift = may_lift(received.timestamp.as_deref().unwrap_or_default(), ctx.now());
            if received.owner != settings.sender {
                return Err(refused());
            }
            let (to, text) = (received.owner.as_str(), received.content.as_str());
            return take_in(&app, &ctx, &Incoming { gateway: HTTPSMS, provider_id: &provider_id, from, to, text, wish: None, may_lift }).await;
        }
        "message.phone.sending" => "sending",
        "message.phone.sent" => "sent",
        "message.phone.delivered" => "delivered",
        "message.send.failed" | "message.send.expired" => "failed",
        // What is not known is left alone.
        _ => return Ok(StatusCode::NO_CONTENT.into_response()),
    };
    let reported: Reported = http::json::parse(data.as_bytes())?;
    if reported.owner != settings.sender {
        return Err(refused());
    }
    let mid: Option<MessageId> = reported.request_id.as_deref().and_then(|id| id.parse().ok());
    let fits = (1..=64).contains(&reported.id.len()) && reported.id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !fits {
        return Err(http::Error::field("id", "is not the id of a message"));
    }
    let code = match event.kind.as_str() {
        "message.send.expired" => Some("expired".to_owned()),
        _ => reported.error_message.as_deref().filter(|_| status == "failed").map(code),
    };
    let told = Told { gateway: HTTPSMS, provider_id: &reported.id, status, code: code.as_deref() };
    super::status::take(&app, &ctx, &told, mid.as_ref()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://countersign.example/hooks/httpsms";
    const NOW: i64 = 1_768_478_400;

    fn token(head: &str, claims: &serde_json::Value) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"a webhook signing key"), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    #[test]
    fn a_token_says_who_to_where_and_until_when() {
        const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
        let good = |token: &str| is_good(b"a webhook signing key", token, URL, NOW);
        let claims = |iss: &str, aud: &str, exp: i64| serde_json::json!({ "iss": iss, "aud": aud, "exp": exp, "nbf": NOW - 10 });
        let right = token(HS256, &claims(ISSUER, URL, NOW + 600));
        assert!(good(&right));
        assert!(good(&token(HS256, &serde_json::json!({ "iss": ISSUER, "aud": [URL], "exp": NOW + 600 }))));
        for (head, claims) in [
            (HS256, claims("another", URL, NOW + 600)),
            (HS256, claims(ISSUER, "https://elsewhere.example/hooks/httpsms", NOW + 600)),
            (HS256, claims(ISSUER, URL, NOW - 61)),
            (HS256, claims(ISSUER, URL, NOW + 86_400)),
            (HS256, serde_json::json!({ "iss": ISSUER, "aud": URL })),
            (HS256, serde_json::json!({ "iss": ISSUER, "aud": URL, "exp": NOW + 600, "nbf": NOW + 600 })),
            (r#"{"alg":"none"}"#, claims(ISSUER, URL, NOW + 600)),
            (r#"{"alg":"HS512"}"#, claims(ISSUER, URL, NOW + 600)),
        ] {
            assert!(!good(&token(head, &claims)), "{head} {claims}");
        }
        assert!(!is_good(b"another key", &right, URL, NOW));
        let (signed, _) = right.rsplit_once('.').expect("a token");
        for bad in ["", ".", "..", signed, &format!("{signed}."), &right[1..], &"x".repeat(5000)] {
            assert!(!good(bad), "{bad}");
        }
    }
}
