//! Messages: the form, the API, the pages, and what the trail keeps.

use countersign::policy::Role;
use serde_json::json;

use crate::support::{check, check_with};

const TO: &str = "+14155552671";

#[tokio::test]
async fn a_message_by_form_is_recorded_sent_and_shown() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let reply = person.post("/messages", &[("to", "(415) 555-2671"), ("text", "hello <b>you</b>")]).await.expect(303);
        let page = reply.header("location").to_owned();
        assert!(page.starts_with("/messages/msg_"), "{page}");
        for _ in 0..200 {
            if person.get(&page).await.text().contains("Sandbox took it") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let shown = person.get(&page).await.expect(200).text();
        assert!(shown.contains("Sandbox took it") && shown.contains("hello &lt;b&gt;you") && !shown.contains("4155552671"), "{shown}");
        let list = person.get("/messages").await.expect(200).text();
        assert!(list.contains("+1 ••• ••• 2671") && !list.contains("4155552671"), "{list}");
        assert!(person.get("/messages/sandbox").await.expect(200).text().contains("hello &lt;b&gt;you"));
        let acts = app.db_actions().await;
        for act in ["message.send ok", "message.attempt ok", "message.result ok"] {
            assert!(acts.iter().any(|a| a == act), "{acts:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_field_comes_back_with_its_sentence() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let page = person.post("/messages", &[("to", "1.4155E+10"), ("text", " ")]).await.expect(422).text();
        assert!(page.contains("A spreadsheet has turned") && page.contains("Enter the text of the message"), "{page}");
        person.post("/messages", &[("to", TO)]).await.expect(422);
        person.post("/messages", &[("to", TO), ("text", "a"), ("x", "y")]).await.expect(422);
        person.get("/messages/msg_0192f0c1a2b37c4d8e5f60718293a4b5").await.expect(404);
        person.get("/messages/no").await.expect(404);
        person.get("/messages?after=x").await.expect(422);
        app.person(&[Role::Compliance]).await.get("/messages").await.expect(403);
    })
    .await;
}

#[tokio::test]
async fn the_api_accepts_repeats_and_refuses_by_name() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let token = person.token(&[Role::Messaging], &["message.send", "message.list"]).await;
        let body = json!({ "to": TO, "text": "hello" });
        let key = [("idempotency-key", "one")];
        let first = token.post_with("/api/v1/messages", &body, &key).await.expect(202);
        assert_eq!(first.json()["state"], "queued");
        assert_eq!(first.header("location"), format!("/api/v1/messages/{}", first.json()["id"].as_str().expect("an id")));
        let second = token.post_with("/api/v1/messages", &body, &key).await.expect(202);
        assert_eq!(second.json(), first.json());
        let other = token.post_with("/api/v1/messages", &json!({ "to": TO, "text": "else" }), &key).await.expect(422);
        assert_eq!(other.json()["code"], "idempotency_mismatch");
        let bad = token.post("/api/v1/messages", &json!({ "to": "+999123", "text": "" })).await.expect(422).json();
        assert_eq!(bad["errors"], json!([{ "field": "to", "detail": "no_country" }, { "field": "text", "detail": "empty" }]));
        token.post("/api/v1/messages", &json!({ "to": TO })).await.expect(422);
        token.post("/api/v1/messages", &json!({ "to": TO, "text": "x", "more": 1 })).await.expect(422);
        let list = token.get("/api/v1/messages?limit=1").await.expect(200).json();
        assert_eq!(
            (list["items"].as_array().map(Vec::len), list["next"].clone(), list["items"][0]["id"].clone()),
            (Some(1), json!(null), first.json()["id"].clone())
        );
        let whole = token.get(first.header("location")).await.expect(200).json();
        assert_eq!((whole["text"].as_str(), whole["to"].as_str()), (Some("hello"), Some("+1 ••• ••• 2671")));
        token.get("/api/v1/messages?limit=0").await.expect(422);
    })
    .await;
}

#[tokio::test]
async fn without_a_gateway_a_message_is_held() {
    check_with(&[("sandbox.enabled", "false")], async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let token = person.token(&[Role::Messaging], &["message.send"]).await;
        let held = token.post("/api/v1/messages", &json!({ "to": TO, "text": "hello" })).await.expect(202).json();
        assert_eq!((held["state"].as_str(), held["reason"].as_str()), (Some("held"), Some("no_gateway")));
        let page = person.get(&format!("/messages/{}", held["id"].as_str().expect("an id"))).await.expect(200).text();
        assert!(page.contains("no gateway is set up"), "{page}");
        assert!(app.db_actions().await.iter().any(|a| a == "message.send ok"));
    })
    .await;
}
