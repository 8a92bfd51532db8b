//! Alerts: when the trail comes into doubt, operators hear of it by mail, by webhook and on their page.

use countersign::identity::{MaybeLast, people};
use countersign::policy::{Actor, Role};

use super::{borrowed, open_rows, wait_for_rows};
use crate::support::smtp::Mail;
use crate::support::{FakeHooks, FakeSmtp, TestApp};
use crate::trail::{grown, tamper};

const PAGE: &str = "An alert was raised: the audit trail came into doubt";

async fn guarded(smtp: &FakeSmtp, hooks: &FakeHooks) -> TestApp {
    let mut flags = [smtp.flags(), hooks.flags()].concat();
    flags.push(("alerts.mail_to", "operations@example.org".into()));
    TestApp::new(&borrowed(&flags)).await
}

fn is_the_alert(mail: &Mail, part: &str) {
    assert_eq!(mail.to, ["operations@example.org"]);
    assert_eq!(mail.header("to"), ["operations@example.org"]);
    assert_eq!(mail.header("subject"), ["The audit trail of Countersign is in doubt"]);
    let body = mail.body.replace("=\r\n", "");
    assert!(body.contains("test.example/audit/1") && body.contains(&format!("does not agree: {part}.")), "{body}");
    assert!(body.contains("http://127.0.0.1:8080/status"), "{body}");
}

#[tokio::test]
async fn a_start_on_a_tampered_trail_is_told_by_mail_webhook_and_page() {
    let (smtp, hooks) = (FakeSmtp::start().await, FakeHooks::start().await);
    let app = guarded(&smtp, &hooks).await;
    let admin = app.person(&[Role::Admin]).await;
    let (id, username, secret) = (admin.id.clone(), admin.username.clone(), admin.secret.clone());
    grown(&app).await;
    assert_eq!((smtp.offered().len(), hooks.hits().len(), open_rows(&app).await.len()), (0, 0, 0), "nothing to tell of so far");
    tamper(&app, "update audit_chain set leaf_hash = prev where seq = 4").await;
    let app = app.restart().await;
    assert!(app.app.db.in_fault());
    is_the_alert(&smtp.wait_for(1).await[0], "leaves, tiles, checkpoint, checkpoint file, signer");
    let hit = hooks.wait_for(1).await.remove(0);
    assert!(hit.verified, "{hit:?}");
    let body = hit.json();
    assert_eq!(body["type"], "integrity.fault");
    let parts = ["leaves", "tiles", "checkpoint", "checkpoint file", "signer"];
    let data = serde_json::json!({ "origin": "test.example/audit/1", "parts": parts, "status_url": "http://127.0.0.1:8080/status" });
    assert_eq!(body["data"], data, "and no personal value");
    wait_for_rows(&app, &[]).await;
    let admin = crate::support::TestPerson { id, username, secret, ..app.stranger() };
    crate::identity::sign_in(&admin).await;
    admin.get("/").await.expect(200).says(PAGE).says("/status");
    let again = admin.get("/").await.expect(200).text();
    assert!(!again.contains(PAGE), "seen once");
    assert_eq!((smtp.offered().len(), hooks.hits().len()), (1, 1));
    app.finish().await;
}

#[tokio::test]
async fn a_doubt_that_comes_up_while_running_is_told_once_to_active_administrators() {
    let (smtp, hooks) = (FakeSmtp::start().await, FakeHooks::start().await);
    let app = guarded(&smtp, &hooks).await;
    let (admin, other, gone) = (app.person(&[Role::Admin]).await, app.person(&[Role::Admin]).await, app.person(&[Role::Admin]).await);
    let contributor = app.person(&[Role::Contributor]).await;
    let person = countersign::identity::by_id(&app.app.db, gone.id.as_ref().expect("a person")).await.expect("reads").expect("is there");
    let person = MaybeLast { person, last: false };
    let permit = app.app.policy.permit(&Actor::console(), &person).expect("the console may");
    people::disable(&app.app.db, permit, &person).await.expect("disables");
    app.app.db.latch_fault("signer");
    app.app.db.latch_fault("signer");
    is_the_alert(&smtp.wait_for(1).await[0], "signer");
    assert_eq!(hooks.wait_for(1).await[0].json()["data"]["parts"], serde_json::json!(["signer"]));
    for who in [&admin, &other] {
        who.get("/").await.expect(200).says(PAGE);
    }
    assert!(!contributor.get("/").await.expect(200).text().contains(PAGE));
    let pages: Vec<(String,)> =
        app.app.db.query("select person_id from notice where channel = 'page' and template = 'alert_integrity_fault'").all().await.expect("reads");
    assert_eq!(pages.len(), 2, "{pages:?}");
    wait_for_rows(&app, &[]).await;
    assert_eq!((smtp.offered().len(), hooks.hits().len()), (1, 1));
    app.finish().await;
}

#[tokio::test]
async fn an_alert_that_the_database_cannot_take_is_sent_all_the_same() {
    let (smtp, hooks) = (FakeSmtp::start().await, FakeHooks::start().await);
    let app = guarded(&smtp, &hooks).await;
    tamper(&app, "drop table notice").await;
    app.app.db.latch_fault("head");
    is_the_alert(&smtp.wait_for(1).await[0], "head");
    let hit = hooks.wait_for(1).await.remove(0);
    assert!(hit.verified && hit.id.starts_with("ntc_"), "{hit:?}");
    app.finish().await;
    assert_eq!((smtp.offered().len(), hooks.hits().len()), (1, 1));
}
