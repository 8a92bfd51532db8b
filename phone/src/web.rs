//! What a server may ask over HTTP. Every answer is JSON; every request shows the key.
//! Must stay true: nothing is read of a request before its key was right, and each of them has a limit.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State as Held};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use crate::bridge::{Bridge, check};
use crate::journal::{Message, Order, Taken};
use crate::key::is_key;
use crate::modem::Folder;
use crate::now;

/// Bytes of a body.
const BODY_MAX: usize = 16 << 10;
/// Characters of a message's key.
const ID_CHARS_MAX: usize = 64;
/// A text may wait so long, in seconds.
const VALID_SECS_MAX: u64 = 86_400;
/// Texts of the inbox in one answer.
const INBOX_MAX: usize = 100;
/// A request may take so long; the phone's programs are slow.
const REQUEST_MAX: Duration = Duration::from_secs(60);
/// Who shows a wrong key waits so long, a few at a time.
const WRONG: Duration = Duration::from_millis(500);
const WRONG_AT_ONCE: usize = 4;
/// What was found out about the phone is good for so long.
const HEALTH_KEPT: Duration = Duration::from_secs(30);

struct App {
    bridge: Arc<Bridge>,
    wrong: Semaphore,
    health: Mutex<Option<(Instant, Value)>>,
}

type Shared = Arc<App>;

/// The routes.
pub fn router(bridge: Arc<Bridge>) -> Router {
    let app = Arc::new(App { bridge, wrong: Semaphore::new(WRONG_AT_ONCE), health: Mutex::new(None) });
    Router::new()
        .route("/v1/messages", post(send))
        .route("/v1/messages/{id}", get(look))
        .route("/v1/inbox", get(inbox))
        .route("/v1/health", get(health))
        .route("/v1/key", post(next_key))
        .fallback(async || says(StatusCode::NOT_FOUND, "not_found", "there is no such address"))
        .method_not_allowed_fallback(async || says(StatusCode::METHOD_NOT_ALLOWED, "method", "this address takes another method"))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

fn says(status: StatusCode, code: &str, detail: &str) -> Response {
    (status, Json(json!({"error": code, "detail": detail}))).into_response()
}

fn later(status: StatusCode, code: &str, detail: &str, secs: u32) -> Response {
    let mut answer = says(status, code, detail);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    answer
}

fn failed() -> Response {
    later(StatusCode::SERVICE_UNAVAILABLE, "journal", "the bridge cannot write its journal; nothing was sent", 60)
}

async fn guard(Held(app): Held<Shared>, request: Request, next: Next) -> Response {
    let shown = request.headers().get("x-api-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
    let bridge = app.bridge.clone();
    let admitted = tokio::task::spawn_blocking(move || bridge.keys.lock().ok()?.admit(&shown).ok()).await;
    match admitted {
        Ok(Some(true)) => {}
        Ok(Some(false)) => {
            let Ok(_turn) = app.wrong.try_acquire() else {
                return later(StatusCode::TOO_MANY_REQUESTS, "too_many", "too many wrong keys", 1);
            };
            sleep(WRONG).await;
            return says(StatusCode::UNAUTHORIZED, "key", "show the bridge's key as X-API-Key");
        }
        Ok(None) | Err(_) => return failed(),
    }
    let mut answer = timeout(REQUEST_MAX, next.run(request))
        .await
        .unwrap_or_else(|_| later(StatusCode::SERVICE_UNAVAILABLE, "timeout", "the phone did not answer in time", 30));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMessage {
    to: String,
    text: String,
    sim: Option<u8>,
    valid_secs: Option<u64>,
}

fn id_of(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("idempotency-key")?.to_str().ok()?;
    is_id(id).then(|| id.to_owned())
}

fn is_id(id: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn shown(message: &Message) -> Value {
    let mut out = json!({"id": message.id, "state": message.state, "at": message.at});
    if let Some(reason) = &message.reason {
        out["reason"] = json!(reason);
    }
    out
}

async fn send(Held(app): Held<Shared>, headers: HeaderMap, body: Result<Json<NewMessage>, JsonRejection>) -> Response {
    let Some(id) = id_of(&headers) else {
        return says(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key", "Idempotency-Key has 1 to 64 letters, digits, - or _");
    };
    let NewMessage { to, text, sim, valid_secs } = match body {
        Ok(Json(new)) => new,
        Err(error) => return says(error.status(), "body", "the body is JSON with `to`, `text` and, if wanted, `sim` and `valid_secs`"),
    };
    if valid_secs.is_some_and(|secs| !(1..=VALID_SECS_MAX).contains(&secs)) {
        return says(StatusCode::UNPROCESSABLE_ENTITY, "valid_secs", "`valid_secs` is 1 to 86400");
    }
    let order = Order { to, text, sim, until: valid_secs.map(|secs| now() + secs) };
    if let Err((code, detail)) = check(&order) {
        return says(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
    }
    let taken = tokio::task::spawn_blocking(move || app.bridge.take(&id, order)).await;
    match taken {
        Ok(Ok(Taken::New(message))) => (StatusCode::ACCEPTED, Json(shown(&message))).into_response(),
        Ok(Ok(Taken::Again(message))) => Json(shown(&message)).into_response(),
        Ok(Ok(Taken::Other)) => says(StatusCode::CONFLICT, "other_body", "this Idempotency-Key came with another message"),
        Ok(Ok(Taken::Full)) => later(StatusCode::TOO_MANY_REQUESTS, "full", "too many messages wait; nothing was taken", 60),
        Ok(Err(_)) | Err(_) => failed(),
    }
}

async fn look(Held(app): Held<Shared>, Path(id): Path<String>) -> Response {
    match app.bridge.get(&id) {
        Some(message) => Json(shown(&message)).into_response(),
        None => says(StatusCode::NOT_FOUND, "not_found", "no message came under this key in the last seven days"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    since: Option<i64>,
    limit: Option<usize>,
}

async fn inbox(Held(app): Held<Shared>, query: Result<Query<Since>, QueryRejection>) -> Response {
    let Ok(Query(Since { since, limit })) = query else {
        return says(StatusCode::UNPROCESSABLE_ENTITY, "query", "`since` is a row, `limit` 1 to 100");
    };
    let (since, limit) = (since.unwrap_or(0), limit.unwrap_or(INBOX_MAX));
    if !(1..=INBOX_MAX).contains(&limit) {
        return says(StatusCode::UNPROCESSABLE_ENTITY, "query", "`since` is a row, `limit` 1 to 100");
    }
    let rows = tokio::task::spawn_blocking(move || app.bridge.modem.list(Folder::Inbox, INBOX_MAX)).await;
    let Ok(Some(mut rows)) = rows else {
        return later(StatusCode::SERVICE_UNAVAILABLE, "phone", "the phone does not list its texts: may Termux:API read them?", 60);
    };
    rows.retain(|row| row.id > since);
    rows.sort_by_key(|row| row.id);
    // The phone lists its newest hundred: when all are newer than `since`, there may be others between.
    let gap = rows.len() == INBOX_MAX && since > 0;
    rows.truncate(limit);
    let items: Vec<Value> = rows.iter().map(|r| json!({"row": r.id, "from": r.number, "text": r.body, "received": r.received})).collect();
    Json(json!({"items": items, "gap": gap})).into_response()
}

async fn health(Held(app): Held<Shared>) -> Response {
    let mut kept = app.health.lock().await;
    let fresh = kept.as_ref().filter(|(at, _)| at.elapsed() < HEALTH_KEPT).map(|(_, phone)| phone.clone());
    let phone = match fresh {
        Some(phone) => phone,
        None => {
            let bridge = app.bridge.clone();
            let asked = tokio::task::spawn_blocking(move || {
                let modem = &bridge.modem;
                json!({"reads_texts": modem.list(Folder::Sent, 1).is_some(), "battery": modem.battery(), "cells": modem.cells()})
            });
            let Ok(phone) = asked.await else { return failed() };
            *kept = Some((Instant::now(), phone.clone()));
            phone
        }
    };
    drop(kept);
    let counts = app.bridge.counts();
    let ok = phone["reads_texts"] == json!(true);
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({"ok": ok, "phone": phone, "waiting": counts.waiting, "unknown": counts.unknown, "version": version})).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NextKey {
    key: String,
}

async fn next_key(Held(app): Held<Shared>, body: Result<Json<NextKey>, JsonRejection>) -> Response {
    let Ok(Json(NextKey { key })) = body else {
        return says(StatusCode::UNPROCESSABLE_ENTITY, "body", "the body is JSON with `key`");
    };
    if !is_key(&key) {
        return says(StatusCode::UNPROCESSABLE_ENTITY, "key", "a key is 64 hexadecimal digits in lower case, made at random");
    }
    let kept = tokio::task::spawn_blocking(move || app.bridge.keys.lock().ok()?.announce(&key).ok()).await;
    match kept {
        Ok(Some(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(None) | Err(_) => failed(),
    }
}
