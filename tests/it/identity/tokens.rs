//! API tokens: scoped, revocable, never in an address.

use axum::body::Body;
use axum::http::Request;
use countersign::policy::Role;

use crate::support::check;

#[tokio::test]
async fn a_token_does_what_its_scopes_say_and_no_more() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let reader = admin.token(&[Role::Admin], &["person.list"]).await;
        reader.get("/api/v1/users").await.expect(200);
        let denied = reader.get("/api/v1/audit").await.expect(403);
        assert_eq!(denied.json()["status"], 403);
        assert_eq!(denied.header("content-type"), "application/problem+json");
        reader.post("/api/v1/messages", &serde_json::json!({ "to": "+14155552671", "text": "hi" })).await.expect(403);
    })
    .await;
}

#[tokio::test]
async fn a_token_made_by_a_token_does_not_outlive_it() {
    check(async |app| {
        let maker = app.person(&[Role::Admin]).await.token(&[Role::Admin], &["token.create", "token.list", "person.list"]).await;
        let body = serde_json::json!({ "name": "successor", "scopes": ["person.list"], "days": 90 });
        let ends: i64 = app.app.db.query("select max(expires_at) from api_token").scalar().await.expect("reads");
        let mut last = String::new();
        for _ in 0..2 {
            app.advance(3600);
            last = maker.post("/api/v1/tokens", &body).await.expect(201).json()["id"].as_str().expect("an id").to_owned();
        }
        let successor: i64 = app.app.db.query("select expires_at from api_token where id = $1").bind(last).scalar().await.expect("reads");
        assert_eq!(successor, ends);
    })
    .await;
}

#[tokio::test]
async fn a_token_in_an_address_is_refused_whatever_it_is() {
    check(async |app| {
        for query in ["api_key=abc", "token=abc", "access_token=x", "API_KEY=1", "x=cs_abc"] {
            app.get(&format!("/api/v1/users?{query}")).await.expect(400);
        }
        app.get("/api/v1/users").await.expect(401);
        let both = Request::get("/api/v1/users").header("authorization", "Bearer cs_a").header("x-api-key", "cs_b").body(Body::empty()).expect("a request");
        app.send(both).await.expect(400);
    })
    .await;
}

#[tokio::test]
async fn a_browser_session_proves_nothing_to_the_api() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        admin.get("/api/v1/users").await.expect(401);
    })
    .await;
}

#[tokio::test]
async fn reads_by_token_are_gathered_into_one_entry() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let token = admin.token(&[Role::Admin], &["person.list"]).await;
        for _ in 0..7 {
            token.get("/api/v1/users").await.expect(200);
        }
        app.app.door.flush(&app.app).await.expect("flushes");
        let actions = app.db_actions().await;
        assert_eq!(actions.iter().filter(|a| *a == "token.read ok").count(), 1, "{actions:?}");
    })
    .await;
}
