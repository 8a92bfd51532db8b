//! What every answer carries, errors of every kind included.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Method, Request};
use countersign::policy::Role;
use serde_json::json;

use super::{api_request, from, furnish, is_api, label, page_request, table};
use crate::support::{Reply, TestApp, check};

/// Error pages without `no-store`, as `judge` is told their names: the shell takes whatever lies below /static/ for an asset.
/// Only to be shortened.
const CACHED_ERRORS: [&str; 0] = [];

/// Looks at the headers of answers, each with a nonce of its own.
struct Judge {
    every: BTreeMap<String, String>,
    nonces: BTreeSet<String>,
}

impl Judge {
    fn new(app: &TestApp) -> Self {
        let file: toml::Table = app.app.policies.texts["headers"].parse().expect("TOML");
        let every = file["every"].as_table().expect("a table");
        let every = every.iter().map(|(k, v)| (k.clone(), v.as_str().expect("text").to_owned())).collect();
        Self { every, nonces: BTreeSet::new() }
    }

    #[track_caller]
    fn judge(&mut self, what: &str, reply: &Reply) {
        let csp = reply.header("content-security-policy");
        let nonce = csp.split("'nonce-").nth(1).and_then(|c| c.split('\'').next()).unwrap_or_else(|| panic!("{what}: no nonce in {csp:?}")).to_owned();
        assert!(nonce.len() >= 22, "{what}: {nonce}");
        for (name, value) in &self.every {
            assert_eq!(reply.header(name), value.replace("{nonce}", &nonce), "{what}: {name}");
            assert_eq!(reply.headers.get_all(name).iter().count(), 1, "{what}: {name}");
        }
        assert!(!reply.headers.contains_key("server") && !reply.headers.contains_key("x-powered-by"), "{what}");
        assert!(!reply.header("x-request-id").is_empty(), "{what}");
        let text = reply.text();
        if reply.header("content-type").starts_with("text/html") {
            if !CACHED_ERRORS.contains(&what) {
                assert_eq!(reply.header("cache-control"), "no-store", "{what}");
            }
            for tag in text.split("<script").skip(1) {
                let tag = tag.split('>').next().unwrap_or_default().replace("&#x3d;", "=").replace("&#61;", "=").replace("&#43;", "+").replace("&#x2b;", "+");
                assert!(tag.contains(&format!("nonce=\"{nonce}\"")), "{what}: {tag} with {nonce}");
            }
            for handler in ["onclick=", "onload=", "onerror=", "onsubmit=", "onchange=", "javascript:", "<style", " style="] {
                assert!(!text.contains(handler), "{what}: {handler}");
            }
        }
        if reply.status.as_u16() >= 400 {
            for leak in ["select ", "insert into", "sqlx", "panicked", "src/", "/tmp/", ".rs:", "SQLITE", "stack backtrace"] {
                assert!(!text.contains(leak), "{what}: `{leak}` in {text}");
            }
        }
        assert!(self.nonces.insert(nonce), "{what}: the nonce was there before");
    }

    #[track_caller]
    fn judge_api(&mut self, what: &str, reply: &Reply) {
        self.judge(what, reply);
        assert_eq!(reply.header("content-type"), "application/problem+json", "{what}");
        assert_eq!(reply.header("cache-control"), "no-store", "{what}");
        assert_eq!(reply.json()["status"], reply.status.as_u16(), "{what}");
    }
}

#[tokio::test]
async fn every_answer_carries_every_header_and_a_nonce_of_its_own() {
    check(async |app| {
        let mut judge = Judge::new(app);
        let person = app.person(&Role::ALL).await;
        let ids = furnish(&person, &person).await;
        let stranger = app.stranger();
        for route in table() {
            let path = ids.path(route.path);
            if is_api(route.path) {
                judge.judge_api(&label(&route), &app.send(from(60, api_request(&route, &path, None, 1))).await);
                continue;
            }
            judge.judge(&label(&route), &stranger.send(from(61, page_request(&route, &path, None))).await);
            // A download has a policy that is stricter still.
            let downloads = ["/content", "/proof", "/leaf"];
            if route.method == Method::GET && !downloads.iter().any(|end| path.ends_with(end)) {
                judge.judge(&label(&route), &person.send(from(62, page_request(&route, &path, None))).await);
            }
        }
        let token = person.token(&Role::ALL, &["person.list", "evidence.list"]).await;
        judge.judge("a list by token", &token.get("/api/v1/users").await.expect(200));
        judge.judge_api("403 by token", &token.get("/api/v1/audit").await.expect(403));
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_error_carries_every_header() {
    check(async |app| {
        let mut judge = Judge::new(app);
        let person = app.person(&[Role::Messaging]).await;
        let token = person.token(&[Role::Messaging], &["message.send", "message.list"]).await;
        judge.judge("404", &app.get("/no/such/page").await.expect(404));
        judge.judge("404 signed in", &person.get("/no/such/page").await.expect(404));
        judge.judge_api("404 of the API", &app.get("/api/v1/nothing").await.expect(404));
        judge.judge("404 below static", &app.get("/static/none.css").await.expect(404));
        let odd = |method: &str, path: &str| Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
        judge.judge("405", &app.send(odd("DELETE", "/login")).await.expect(405));
        judge.judge("405 made up", &app.send(odd("FROB", "/login")).await.expect(405));
        judge.judge_api("405 of the API", &app.send(odd("PUT", "/api/v1/users")).await.expect(405));
        let big = "x".repeat(app.app.config.limits.body_bytes_max + 1);
        judge.judge("413", &person.post("/messages", &[("to", "+14155552671"), ("text", &big)]).await.expect(413));
        judge.judge_api("413 of the API", &token.post("/api/v1/messages", &json!({ "to": "+14155552671", "text": big })).await.expect(413));
        judge.judge(
            "415",
            &person.send(Request::post("/messages").header("content-type", "text/plain").body(Body::from("x")).expect("a request")).await.expect(415),
        );
        judge.judge("422", &person.post("/messages", &[("to", "+14155552671"), ("text", "hi"), ("more", "1")]).await.expect(422));
        judge.judge_api("422 of the API", &token.post("/api/v1/messages", &json!({ "to": "+14155552671", "text": "hi", "more": 1 })).await.expect(422));
        judge.judge(
            "400",
            &app.send(Request::get("/login").header("cookie", "countersign=a; countersign=b").body(Body::empty()).expect("a request")).await.expect(400),
        );
        judge.judge("400 for a key", &app.get("/login?api_key=1").await.expect(400));
        judge.judge_api("401", &app.get("/api/v1/messages").await.expect(401));
        judge.judge("403", &person.get("/audit").await.expect(403));
        let stranger = app.stranger();
        judge.judge("the form", &stranger.get("/login").await.expect(200));
        for _ in 0..5 {
            judge.judge("wrong", &stranger.post("/login", &[("username", &person.username), ("password", "wrong wrong Wrong 1")]).await.expect(422));
        }
        let late = stranger.post("/login", &[("username", &person.username), ("password", "wrong wrong Wrong 1")]).await.expect(429);
        judge.judge("429", &late);
        assert!(late.header("retry-after").parse::<u64>().is_ok_and(|secs| secs > 0), "{:?}", late.header("retry-after"));
    })
    .await;
}

#[tokio::test]
async fn an_error_inside_tells_nothing_of_the_inside() {
    let app = TestApp::new(&[]).await;
    let mut judge = Judge::new(&app);
    let person = app.person(&[Role::Admin]).await;
    let token = person.token(&[Role::Admin], &["person.list"]).await;
    app.app.db.latch_fault("head");
    app.app.db.store().close().await;
    for path in ["/", "/admin/users", "/audit", "/account"] {
        let reply = person.get(path).await;
        assert!(reply.status.is_server_error(), "{path}: {}", reply.status);
        judge.judge(path, &reply);
    }
    let reply = token.get("/api/v1/users").await;
    assert!(reply.status.is_server_error(), "{}", reply.status);
    judge.judge_api("/api/v1/users", &reply);
    judge.judge("alive", &app.get("/healthz").await.expect(200));
    app.finish().await;
}

#[test]
fn the_api_document_names_every_route_and_nothing_else() {
    let strays = countersign::http::openapi::strays(&countersign::app::routes(), &countersign::openapi::document());
    assert_eq!(strays, Vec::<String>::new());
}
