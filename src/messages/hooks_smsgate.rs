//! `POST /hooks/smsgate`: what SMSGate tells by itself, signed over the body and the second it was sent in.
//! Must stay true: nothing is read of a request before its signature fits and its second is near; only the device that is set up
//! is believed; what comes again is kept once.

use aws_lc_rs::hmac;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use serde::Deserialize;

use super::Receive;
use super::gateway::SMSGATE;
use super::hooks::actor;
use super::inbound::{self, Incoming, Told};
use super::web::told;
use crate::contacts;
use crate::core::clock::{MINUTE, Micros, SECOND};
use crate::core::id::MessageId;
use crate::core::number::{Kinds, Number};
use crate::http::{self, Answer, App, Ctx, Routes, Rule};

/// Where SMSGate posts to.
pub const HOOK: &str = "/hooks/smsgate";
/// Bytes of a request.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Seconds that the sender's clock and ours may differ, and that a request may be old.
const SKEW_SECS: i64 = 300;
/// A message lifts a stop only so shortly after it was said.
const LIFTS_WITHIN: Micros = 2 * MINUTE;
/// Digits of a code.
const DIGITS_MAX: usize = 4;

pub(super) fn routes() -> Routes {
    Routes::new().post(HOOK, Rule::Public, post_smsgate)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    device_id: String,
    event: String,
    payload: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    message_id: String,
    #[serde(alias = "phoneNumber")]
    sender: String,
    #[serde(default)]
    recipient: Option<String>,
    message: String,
    received_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reported {
    message_id: String,
    #[serde(default)]
    reason: Option<String>,
}

pub(super) fn refused() -> http::Error {
    http::Error::new(StatusCode::FORBIDDEN, "signature")
}

pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A gateway's word: short and plain.
pub(super) fn word(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).take(32).collect()
}

/// A gateway's code: a word that holds nobody's number.
pub(super) fn code(text: &str) -> String {
    let has_number = text.chars().filter(char::is_ascii_digit).count() > DIGITS_MAX;
    word(text).chars().map(|c| if has_number && c.is_ascii_digit() { '_' } else { c }).collect()
}

/// May what was said then lift a stop? Events come again for days, and an old START lifts no newer STOP.
pub(super) fn may_lift(said_at: &str, now: Micros) -> bool {
    said_at.parse::<jiff::Timestamp>().is_ok_and(|at| at.as_microsecond().abs_diff(now) <= LIFTS_WITHIN.unsigned_abs())
}

/// Is this the signature of `body` sent in the second `timestamp`?
#[must_use]
pub fn is_signed(key: &[u8], body: &[u8], timestamp: &str, signature: &str, now_secs: i64) -> bool {
    let Ok(at) = timestamp.parse::<i64>() else { return false };
    let Ok(tag) = hex::decode(signature) else { return false };
    let signed = [body, timestamp.as_bytes()].concat();
    at.abs_diff(now_secs) <= SKEW_SECS.unsigned_abs() && hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), &signed, &tag).is_ok()
}

async fn post_smsgate(State(app): State<App>, ctx: Ctx, request: Request) -> Answer {
    // Without a key nobody can have signed anything.
    let settings = app.config.smsgate.clone().ok_or_else(refused)?;
    let key = settings.webhook_key.as_ref().ok_or_else(refused)?;
    let (parts, body) = request.into_parts();
    let bytes = http::json::read(body, &parts.headers, BODY_BYTES_MAX).await?;
    let (timestamp, signature) = (header(&parts.headers, "x-timestamp"), header(&parts.headers, "x-signature"));
    if !is_signed(key.expose().as_bytes(), &bytes, timestamp, signature, ctx.now() / SECOND) {
        return Err(refused());
    }
    let event: Event = http::json::parse(&bytes)?;
    if event.device_id != settings.device {
        return Err(refused());
    }
    let status = match event.event.as_str() {
        "sms:received" => return received(&app, &ctx, &event.device_id, http::json::parse(event.payload.to_string().as_bytes())?).await,
        "sms:sent" => "sent",
        "sms:delivered" => "delivered",
        "sms:failed" => "failed",
        "sms:cancelled" => "canceled",
        // What is not known is left alone, or it would come again for two days.
        _ => return Ok(StatusCode::NO_CONTENT.into_response()),
    };
    let reported: Reported = http::json::parse(event.payload.to_string().as_bytes())?;
    // What the telephone sent by other hands has no id of ours.
    let Ok(mid) = reported.message_id.parse::<MessageId>() else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let code = reported.reason.as_deref().filter(|_| status == "failed").map(code);
    let told = Told { gateway: SMSGATE, provider_id: mid.as_str(), status, code: code.as_deref() };
    super::status::take(&app, &ctx, &told, Some(&mid)).await
}

async fn received(app: &App, ctx: &Ctx, device: &str, received: Received) -> Answer {
    let region = app.config.default_region.as_deref();
    let number = Number::parse_of(&received.sender, region, Kinds { voip: true }).ok();
    let from = number.as_ref().map_or(received.sender.as_str(), Number::e164);
    // Its own ids of what comes in are short hashes that come again: told apart by when and from whom, which only the index says.
    let whom = contacts::index_of(&app.db, &format!("{device} {from}"));
    let provider_id = format!("{}:{}:{}", word(&received.message_id), word(&received.received_at), whom.get(..16).unwrap_or(&whom));
    let to = received.recipient.as_deref().unwrap_or(SMSGATE);
    let may_lift = may_lift(&received.received_at, ctx.now());
    take_in(app, ctx, &Incoming { gateway: SMSGATE, provider_id: &provider_id, from, to, text: &received.message, wish: None, may_lift }).await
}

/// Keeps what came in, and answers.
pub(super) async fn take_in(app: &App, ctx: &Ctx, incoming: &Incoming<'_>) -> Answer {
    let permit = app.policy.permit::<Receive>(&actor(ctx), &inbound::events())?;
    inbound::receive(&app.db, permit, incoming).await.map_err(told)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"deviceId":"ffffffffceb0b1db0000018e937c815b","event":"sms:received","id":"Ey6ECgOkVVFjz3CL48B8C","payload":{"messageId":"abc123","message":"Android is always a sweet treat!","sender":"6505551212","recipient":"+1234567890","simNumber":1,"receivedAt":"2024-06-22T15:46:11.000+07:00"},"webhookId":"LreFUt-Z3sSq0JufY9uWB"}"#;
    const SIGNATURE: &str = "b8b756321559654a4373889dedd3e4c316ab92aa824337fa5d6c74c0c3fb722a";
    const AT: i64 = 1_719_045_971;

    #[test]
    fn a_signature_is_over_the_body_and_its_second() {
        let signed = |body: &str, at: &str, signature: &str, now: i64| is_signed(b"test-signing-key", body.as_bytes(), at, signature, now);
        assert!(signed(BODY, "1719045971", SIGNATURE, AT));
        assert!(signed(BODY, "1719045971", &SIGNATURE.to_uppercase(), AT + 300));
        for (body, at, signature, now) in [
            (BODY, "1719045971", SIGNATURE, AT + 301),
            (BODY, "1719045971", SIGNATURE, AT - 301),
            (BODY, "1719045972", SIGNATURE, AT),
            (BODY, "", SIGNATURE, AT),
            (BODY, "9999999999999999999999", SIGNATURE, AT),
            (BODY, "1719045971", "", AT),
            (BODY, "1719045971", &SIGNATURE[..62], AT),
            (BODY, "1719045971", "not hex", AT),
            (&BODY[..BODY.len() - 1], "1719045971", SIGNATURE, AT),
        ] {
            assert!(!signed(body, at, signature, now), "{at} {signature}");
        }
    }

    #[test]
    fn a_code_says_nothing_of_anybody() {
        assert_eq!(code("Generic failure: \u{1F600}"), "generic_failure___");
        assert_eq!(code(&"x".repeat(99)).len(), 32);
        assert_eq!((code("error 30003 of +14155552671"), code("code 1234")), ("error_______of_____________".into(), "code_1234".into()));
    }

    #[test]
    fn only_what_was_said_just_now_lifts_a_stop() {
        let now = 1_768_478_400 * SECOND;
        for (said_at, lifts) in [
            ("2026-01-15T12:00:00.000+00:00", true),
            ("2026-01-15T13:58:30+02:00", true),
            ("2026-01-15T11:57:59Z", false),
            ("2026-01-14T12:00:00Z", false),
            ("", false),
            ("yesterday", false),
        ] {
            assert_eq!(may_lift(said_at, now), lifts, "{said_at}");
        }
    }
}
