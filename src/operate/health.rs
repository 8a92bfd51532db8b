//! What probes and browsers ask a server they do not know: is it alive, is it ready, whom to tell of a weakness, where to
//! change a password. Nothing here needs a name or tells a secret.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;

use crate::core::clock::{DAY, Micros};
use crate::http::headers::IsPrivate;
use crate::http::{App, Routes, Rule};

/// `security.txt` holds for so long; RFC 9116 recommends less than a year.
const CONTACT_FOR: Micros = 180 * DAY;

/// The routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/healthz", Rule::Public, get_alive)
        .get("/readyz", Rule::Public, get_ready)
        .get("/health", Rule::Public, get_health)
        .get("/.well-known/security.txt", Rule::Public, get_security)
        .get("/.well-known/change-password", Rule::Public, get_change_password)
}

/// Alive: touches nothing.
async fn get_alive() -> &'static str {
    "ok"
}

async fn get_ready(State(app): State<App>) -> Response {
    let serving = app.ready.load(Ordering::SeqCst);
    let answers = serving && app.db.store().ping().await.is_ok();
    answer(serving && answers, &serde_json::json!({ "ready": serving && answers }))
}

async fn get_health(State(app): State<App>) -> Response {
    let serving = app.ready.load(Ordering::SeqCst);
    let answers = app.db.store().ping().await.is_ok();
    let fault = app.db.in_doubt();
    let status = match (serving, answers, fault) {
        (_, false, _) => "failed",
        (false, true, _) => "draining",
        (true, true, true) => "reading_only",
        (true, true, false) => "ok",
    };
    let database = if answers { "ok" } else { "failed" };
    let trail = if fault { "fault" } else { "ok" };
    let signer = if app.keeper.stalled().borrow().is_some() { "waiting" } else { "ok" };
    answer(
        serving && answers,
        &serde_json::json!({ "status": status, "database": database, "trail": trail, "signer": signer, "version": app.db.process().version }),
    )
}

/// JSON that no error page replaces.
fn answer(fine: bool, body: &serde_json::Value) -> Response {
    let status = if fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(IsPrivate);
    response
}

/// RFC 9116.
async fn get_security(State(app): State<App>) -> Response {
    let host = app.config.public_url.as_ref().map_or("localhost", |url| url.host());
    let text = security_txt(host, app.config.url(), app.db.clock().now());
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn security_txt(host: &str, url: &str, now: Micros) -> String {
    // Whole days, so that the text stays the same for a day.
    let until = (now + CONTACT_FOR).div_euclid(DAY) * DAY;
    let expires = Timestamp::from_microsecond(until).map_or_else(|_| String::new(), |t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    format!("Contact: mailto:security@{host}\nExpires: {expires}\nPreferred-Languages: en\nCanonical: {url}/.well-known/security.txt\n")
}

async fn get_change_password() -> Response {
    (StatusCode::FOUND, [(header::LOCATION, "/account/password")]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contact_expires_within_a_year() {
        let text = security_txt("example.org", "https://example.org", 1_795_303_800_000_000);
        assert_eq!(
            text,
            "Contact: mailto:security@example.org\nExpires: 2027-05-20T00:00:00Z\nPreferred-Languages: en\nCanonical: https://example.org/.well-known/security.txt\n"
        );
    }
}
