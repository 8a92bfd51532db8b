//! Data keys of acts that broke off are removed; a key that anything is sealed with never is.

use countersign::orphans::Sweep;
use countersign::policy::Role;

use crate::support::{TestApp, check};

const DAY_SECS: i64 = 24 * 3600;

async fn keys(app: &TestApp, subject: &str) -> i64 {
    app.app.db.vault().store().query("select count(*) from data_key where subject = $1").bind(subject).scalar().await.expect("counts")
}

/// Two looks at every key, so far apart that a mark of the first counts in the second.
async fn swept(app: &TestApp) -> u64 {
    let mut removed = 0;
    for _ in 0..2 {
        removed += Sweep::default().step(&app.app.db).await.expect("sweeps");
        app.advance(2 * 3600);
    }
    removed + Sweep::default().step(&app.app.db).await.expect("sweeps")
}

#[tokio::test]
async fn a_key_that_sealed_nothing_goes_and_those_in_use_stay() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let token = person.token(&[Role::Messaging], &["message.send"]).await;
        let sent = token.post("/api/v1/messages", &serde_json::json!({ "to": "+14155552671", "text": "hello" })).await.expect(202);
        app.app.db.vault().key_for("num_of_an_act_that_broke_off").await.expect("a key");
        assert_eq!(swept(app).await, 0, "it is too young");
        app.advance(2 * DAY_SECS);
        assert_eq!(swept(app).await, 1);
        assert_eq!(keys(app, "num_of_an_act_that_broke_off").await, 0);
        // Everything that was sealed still opens.
        app.advance(3600);
        let id = sent.json()["id"].as_str().expect("an id").to_owned();
        let reader = person.token(&[Role::Messaging], &["message.list"]).await;
        assert_eq!(reader.get(&format!("/api/v1/messages/{id}")).await.expect(200).json()["text"], "hello");
        // Later a new key is made for the same subject.
        app.app.db.vault().key_for("num_of_an_act_that_broke_off").await.expect("a key");
        assert_eq!(keys(app, "num_of_an_act_that_broke_off").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_wanted_between_the_looks_stays() {
    check(async |app| {
        let vault = app.app.db.vault();
        let before = vault.key_for("num_late").await.expect("a key");
        app.advance(2 * DAY_SECS);
        Sweep::default().step(&app.app.db).await.expect("sweeps");
        // An act takes it up, seals with it, and commits much later.
        let taken = vault.key_for("num_late").await.expect("the key");
        let place = countersign::vault::Place { table: "t", row: "r", column: "c" };
        let sealed = before.seal(&place, b"value", vault.rng());
        app.advance(2 * 3600);
        Sweep::default().step(&app.app.db).await.expect("sweeps");
        assert_eq!(keys(app, "num_late").await, 1);
        assert!(taken.open(&place, &sealed).is_some(), "it is the same key");
    })
    .await;
}
