//! The stream as signed batches over HTTP.

use countersign::sinks::Kind;

use super::{assert_gapless, assert_witness, configured, hash_of, wait_for_all, wait_until};
use crate::notices::borrowed;
use crate::support::hooks::Hit;
use crate::support::{FakeHooks, HookAnswer, TestApp, check_with};
use crate::trail::{grown, tamper};

/// The entries of a batch: place, hash, leaf.
fn entries(hit: &Hit) -> Vec<(i64, String, String)> {
    let body = hit.json();
    let all = body["data"]["entries"].as_array().expect("entries").clone();
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    all.iter().map(|e| (e["seq"].as_i64().expect("a place"), text(&e["leaf_hash"]), text(&e["leaf"]))).collect()
}

fn seqs(hits: &[Hit]) -> Vec<i64> {
    hits.iter().flat_map(entries).map(|(seq, ..)| seq).collect()
}

#[tokio::test]
async fn batches_are_signed_bounded_and_carry_the_leaves_with_their_checkpoint() {
    let hooks = FakeHooks::start().await;
    check_with(&borrowed(&hooks.stream_flags()), async |app| {
        let person = app.person(&[countersign::policy::Role::Contributor]).await;
        for _ in 0..130 {
            person.get("/audit").await.expect(403);
        }
        let size = wait_for_all(app, Kind::Webhook).await;
        let hits = hooks.hits();
        assert_gapless(&seqs(&hits), size);
        let mut leaves = Vec::new();
        for hit in &hits {
            assert!(hit.verified && hit.line == "POST /trail/SECRET-PATH", "{hit:?}");
            let batch = entries(hit);
            assert!((1..=100).contains(&batch.len()));
            let (first, last) = (batch[0].0, batch[batch.len() - 1].0);
            assert!(hit.id.starts_with("trl_") && hit.id.ends_with(&format!("_{first}_{last}")), "{}", hit.id);
            for (_, hash, leaf) in batch {
                assert_eq!(hash, hash_of(&leaf));
                leaves.push(leaf);
            }
        }
        let last = hits.last().expect("batches").json();
        assert_eq!((last["type"].as_str(), last["data"]["origin"].as_str()), (Some("trail.entries"), Some("test.example/audit/1")));
        assert_witness(app, &leaves, last["data"]["checkpoint"].as_str().expect("a note"));
    })
    .await;
}

#[tokio::test]
async fn whatever_the_receiver_answers_it_gets_every_entry_and_knows_what_comes_again() {
    let hooks = FakeHooks::start().await;
    hooks.answer(&[HookAnswer::Status(500), HookAnswer::Status(410), HookAnswer::Redirect]);
    check_with(&borrowed(&hooks.stream_flags()), async |app| {
        grown(app).await;
        let size = wait_for_all(app, Kind::Webhook).await;
        let hits = hooks.hits();
        assert_gapless(&seqs(&hits), size);
        assert!(hits.iter().all(|h| h.verified && !h.replayed), "{hits:?}");
        let same: Vec<&Hit> = hits.iter().filter(|h| seqs(&[(*h).clone()]) == seqs(&hits[..1])).collect();
        assert!(same.iter().all(|h| h.id == hits[0].id), "the same entries carry the same id");
    })
    .await;
}

#[tokio::test]
async fn a_restart_in_the_middle_leaves_no_gap() {
    let hooks = FakeHooks::start().await;
    hooks.answer(&[HookAnswer::Status(200), HookAnswer::Status(500), HookAnswer::Silent]);
    let app = TestApp::new(&borrowed(&hooks.stream_flags())).await;
    grown(&app).await;
    hooks.wait_for(1).await;
    let app = app.restart().await;
    grown(&app).await;
    let size = wait_for_all(&app, Kind::Webhook).await;
    assert_gapless(&seqs(&hooks.hits()), size);
    app.finish().await;
}

#[tokio::test]
async fn in_doubt_nothing_leaves() {
    let hooks = FakeHooks::start().await;
    check_with(&borrowed(&hooks.stream_flags()), async |app| {
        wait_for_all(app, Kind::Webhook).await;
        // Entries that are signed wait to be taken; the doubt comes in the pause before the next try, which is of two seconds.
        hooks.answer(&[HookAnswer::Status(500), HookAnswer::Status(500)]);
        grown(app).await;
        let tried = wait_until(app, Kind::Webhook, |state| state.attempts >= 2).await;
        app.app.db.latch_fault("head");
        let before = hooks.hits().len();
        tokio::time::sleep(std::time::Duration::from_millis(3500)).await;
        let state = wait_until(app, Kind::Webhook, |_| true).await;
        assert_eq!((state.next_seq, hooks.hits().len()), (tried.next_seq, before), "nothing left");
    })
    .await;
}

#[tokio::test]
async fn what_was_not_signed_as_it_lies_there_never_leaves_and_raises_the_alarm() {
    for sql in ["update audit_event set actor_kind = actor_kind, body = BODY where id = (select event_id from audit_chain where seq = 3)", "HASHES"] {
        let hooks = FakeHooks::start().await;
        // Nothing is taken before the hand in the database was there.
        hooks.answer(&[HookAnswer::Status(500), HookAnswer::Status(500), HookAnswer::Status(500)]);
        let app = TestApp::new(&borrowed(&hooks.stream_flags())).await;
        // The pause before the next try is of four seconds now.
        wait_until(&app, Kind::Webhook, |state| state.attempts >= 3).await;
        grown(&app).await;
        let body = if app.app.db.is_sqlite() { "cast('{\"a\":1}' as blob)" } else { "cast('{\"a\":1}' as bytea)" };
        let sql = if sql == "HASHES" { "update audit_chain set leaf_hash = prev where seq = 4".to_owned() } else { sql.replace("BODY", body) };
        tamper(&app, Box::leak(sql.into_boxed_str())).await;
        let mut doubt = app.app.db.doubt();
        let found = tokio::time::timeout(std::time::Duration::from_secs(20), doubt.wait_for(|parts| !parts.is_empty())).await;
        assert_eq!(*found.expect("in time").expect("open"), ["leaves"]);
        assert!(seqs(&hooks.hits()).iter().all(|seq| *seq < 3), "{:?}", seqs(&hooks.hits()));
        app.finish().await;
    }
}

#[tokio::test]
async fn the_receivers_are_an_entry_whenever_they_are_others_and_hold_no_secret() {
    let hooks = FakeHooks::start().await;
    let app = TestApp::new(&borrowed(&hooks.stream_flags())).await;
    let first = configured(&app).await;
    let host = hooks.stream_flags()[0].1.replace("http://", "").replace("/trail/SECRET-PATH", "");
    assert_eq!(first, [serde_json::json!({ "before": [], "sinks": [format!("webhook {host}")] })]);
    let app = app.restart().await;
    assert_eq!(configured(&app).await, first, "the same receivers are no entry");
    let path = app.folder.path().join("trail.jsonl").display().to_string();
    let app = app.restart_with(&[("stream.file", &path)]).await;
    let all = configured(&app).await;
    assert_eq!(all.len(), 2);
    assert_eq!(all[1], serde_json::json!({ "before": [format!("webhook {host}")], "sinks": [format!("webhook {host}"), format!("file {path}")] }));
    assert!(!serde_json::to_string(&all).expect("JSON").contains("SECRET"));
    assert!(app.db_actions().await.iter().any(|a| a == "stream.configure ok"));
    app.finish().await;
}

#[tokio::test]
async fn after_a_new_origin_the_stream_goes_on_with_the_next_log() {
    let hooks = FakeHooks::start().await;
    hooks.answer(&[HookAnswer::Status(500), HookAnswer::Status(500), HookAnswer::Status(500)]);
    let app = TestApp::new(&borrowed(&hooks.stream_flags())).await;
    wait_until(&app, Kind::Webhook, |state| state.attempts >= 3).await;
    grown(&app).await;
    // What was left unsent of the first log is not what was signed.
    tamper(&app, "update audit_chain set leaf_hash = prev where seq = 4").await;
    app.app.db.latch_fault("leaves");
    let app = app.new_origin().await;
    grown(&app).await;
    let state = wait_until(&app, Kind::Webhook, |state| state.log == 2 && state.next_seq > 6).await;
    assert!(!app.app.db.in_fault() && state.failed.is_none());
    let of_second = |hit: &&Hit| hit.json()["data"]["origin"] == "test.example/audit/2";
    let second: Vec<Hit> = hooks.hits().iter().filter(of_second).cloned().collect();
    assert_gapless(&seqs(&second), seqs(&second).iter().max().expect("entries") + 1);
    app.finish().await;
}
