//! Webhooks, against a receiver over real HTTP that checks every signature itself and fails on command.

use std::time::Duration;

use countersign::core::clock::seconds;
use countersign::core::id::NoticeId;
use countersign::notices::alert::{self, Alert, Targets};
use countersign::notices::webhook::Poster;
use countersign::notices::{self, Told};
use countersign::policy::Role;

use super::{HOURS, borrowed, somebody, tell, wait_for_rows};
use crate::support::{FakeHooks, FakeSmtp, HookAnswer, SmtpFault, TestApp, check_with};

async fn posting(hooks: &FakeHooks, test: impl AsyncFnOnce(&TestApp)) {
    check_with(&borrowed(&hooks.flags()), test).await;
}

/// Writes an alert for the webhook alone.
async fn alert(app: &TestApp, part: &'static str) {
    let alert = Alert::IntegrityFault { origin: "test.example/audit/1".into(), parts: vec![part] };
    alert::write(&app.app.db, &alert, Targets { mail: false, webhook: true, admins: &[] }).await.expect("writes");
}

#[tokio::test]
async fn a_webhook_is_signed_and_carries_the_same_id_at_each_try() {
    let hooks = FakeHooks::start().await;
    hooks.answer(&[HookAnswer::Status(500), HookAnswer::Status(429)]);
    posting(&hooks, async |app| {
        let made = app.clock.now();
        alert(app, "head").await;
        wait_for_rows(app, &[("webhook", 1, "server_error")]).await;
        app.advance(30);
        wait_for_rows(app, &[("webhook", 2, "refused")]).await;
        app.advance(60);
        let hits = hooks.wait_for(3).await;
        wait_for_rows(app, &[]).await;
        assert!(hits.iter().all(|h| h.verified && !h.replayed && h.line == "POST /hook"), "{hits:?}");
        assert!(hits[0].id.starts_with("ntc_") && hits.iter().all(|h| h.id == hits[0].id && h.body == hits[0].body), "{hits:?}");
        let times: Vec<u64> = hits.iter().map(|h| h.timestamp.parse().expect("seconds")).collect();
        assert_eq!(times, [seconds(made), seconds(made) + 30, seconds(made) + 90], "each try is signed anew");
        let body = hits[0].json();
        assert_eq!((body["type"].as_str(), body["timestamp"].as_str()), (Some("integrity.fault"), Some("2026-01-15T12:00:00Z")));
        assert_eq!(body["data"]["parts"], serde_json::json!(["head"]));
        assert_eq!(body.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()), Some(vec!["data".into(), "timestamp".into(), "type".into()]));
        // What was taken does not come again; the next has an id of its own.
        app.advance(HOURS);
        alert(app, "tiles").await;
        let hits = hooks.wait_for(4).await;
        assert!(hits[3].verified && !hits[3].replayed && hits[3].id != hits[0].id, "{hits:?}");
        assert_eq!(hits.len(), 4);
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_not_asked_again() {
    let hooks = FakeHooks::start().await;
    hooks.answer(&[HookAnswer::Status(410)]);
    posting(&hooks, async |app| {
        alert(app, "head").await;
        wait_for_rows(app, &[("webhook", notices::ATTEMPTS_MAX, "gone")]).await;
        assert_eq!(notices::stuck(&app.app.db).await.expect("counts"), 1);
        app.advance(HOURS);
        alert(app, "tiles").await;
        let hits = hooks.wait_for(2).await;
        assert_ne!(hits[0].id, hits[1].id);
        wait_for_rows(app, &[("webhook", notices::ATTEMPTS_MAX, "gone")]).await;
        assert_eq!(hooks.hits().len(), 2, "that one was given up makes no alert of its own");
    })
    .await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let hooks = FakeHooks::start().await;
    hooks.answer(&[HookAnswer::Redirect]);
    posting(&hooks, async |app| {
        alert(app, "head").await;
        wait_for_rows(app, &[("webhook", 1, "redirect")]).await;
        app.advance(30);
        hooks.wait_for(2).await;
        wait_for_rows(app, &[]).await;
        assert!(hooks.hits().iter().all(|h| h.line == "POST /hook"), "{:?}", hooks.hits());
    })
    .await;
}

#[tokio::test]
async fn a_huge_answer_is_not_swallowed() {
    let hooks = FakeHooks::start().await;
    hooks.answer(&[HookAnswer::Huge]);
    posting(&hooks, async |app| {
        alert(app, "head").await;
        let out = hooks.wait_for_swallowed().await;
        assert!(out < 32 * 1024 * 1024, "{out} bytes went out; the buffers between hold a few million at most");
        wait_for_rows(app, &[]).await;
        assert_eq!(hooks.hits().len(), 1, "its status was 200");
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_ends_the_try_in_time() {
    let hooks = FakeHooks::start().await;
    hooks.answer(&[HookAnswer::Silent]);
    let silent = hooks.clone();
    posting(&hooks, async |app| {
        let app = &app.app;
        let poster = Poster::new(app.config.alerts.webhook.as_ref().expect("set"), Duration::from_secs(3)).expect("ready");
        let id = NoticeId::new(app.db.clock(), app.db.rng());
        assert_eq!(poster.post(id.as_str(), app.db.clock().now(), "{}".into()).await, Told::Later("timeout"));
        assert_eq!(poster.post(id.as_str(), app.db.clock().now(), "{}".into()).await, Told::Done);
        assert_eq!(poster.post(id.as_str(), app.db.clock().now(), "{}".into()).await, Told::Done);
        let hits = silent.hits();
        assert_eq!(hits.iter().map(|h| h.replayed).collect::<Vec<_>>(), [false, false, true], "the receiver knows by the id what comes again");
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_hangs_does_not_hold_up_the_other() {
    let (smtp, hooks) = (FakeSmtp::start().await, FakeHooks::start().await);
    let flags = [smtp.flags(), hooks.flags()].concat();
    smtp.fail(&[SmtpFault::Silent]);
    check_with(&borrowed(&flags), async |app| {
        let id = somebody(app, "Nora Quist", "nora@example.org").await;
        tell(app, "mail", &id, "password_changed", &[]).await;
        smtp.wait_for_connections(1).await;
        alert(app, "head").await;
        hooks.wait_for(1).await;
        wait_for_rows(app, &[("mail", 0, "")]).await;
    })
    .await;
    let smtp = FakeSmtp::start().await;
    let flags = [smtp.flags(), hooks.flags()].concat();
    hooks.answer(&[HookAnswer::Silent]);
    check_with(&borrowed(&flags), async |app| {
        alert(app, "head").await;
        hooks.wait_for(2).await;
        let id = somebody(app, "Nora Quist", "nora@example.org").await;
        tell(app, "mail", &id, "password_changed", &[]).await;
        smtp.wait_for(1).await;
        wait_for_rows(app, &[("webhook", 0, "")]).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_for_a_person_never_leaves_by_a_webhook() {
    let hooks = FakeHooks::start().await;
    posting(&hooks, async |app| {
        let person = app.person(&[Role::Admin]).await;
        tell(app, "webhook", person.id.as_ref().expect("a person"), "reset", &[("link", "http://127.0.0.1:8080/link/abc")]).await;
        wait_for_rows(app, &[("webhook", notices::ATTEMPTS_MAX, "not_for_outside")]).await;
        assert_eq!(hooks.hits().len(), 0);
    })
    .await;
}
