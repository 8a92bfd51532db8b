//! Syslog over TLS and in plain, with every fault a receiver can have.

use std::time::Duration;

use countersign::config::{Config, Inputs};
use countersign::policy::Role;
use countersign::sinks::{Batch, Kind, Line, Outlet};
use serde_json::Value;

use super::{assert_gapless, assert_witness, hash_of, wait_for_all, wait_until};
use crate::notices::borrowed;
use crate::support::syslog::Message;
use crate::support::{FakeSyslog, Shows, SyslogFault, TestApp, check_with};
use crate::trail::grown;

fn seqs(messages: &[Message]) -> Vec<i64> {
    messages.iter().filter_map(Message::seq).collect()
}

/// Each entry as it first came.
fn first(messages: &[Message]) -> Vec<&Message> {
    let mut out: Vec<&Message> = Vec::new();
    for message in messages.iter().filter(|m| m.seq().is_some()) {
        if !out.iter().any(|m| m.seq() == message.seq()) {
            out.push(message);
        }
    }
    out
}

async fn streaming(receiver: &FakeSyslog, format: &str, test: impl AsyncFnOnce(&TestApp)) {
    check_with(&borrowed(&receiver.flags(format)), test).await;
}

#[tokio::test]
async fn every_entry_arrives_over_tls_as_it_was_hashed_with_a_checkpoint_that_covers_it() {
    let receiver = FakeSyslog::start(Shows::Its).await;
    streaming(&receiver, "json", async |app| {
        grown(app).await;
        let size = wait_for_all(app, Kind::Syslog).await;
        let messages = receiver.messages();
        assert_gapless(&seqs(&messages), size);
        for message in first(&messages) {
            assert_eq!(message.param("leaf"), hash_of(&message.text), "the text is the leaf, byte for byte");
            assert_eq!(message.param("origin"), "test.example/audit/1");
            assert!(message.head.contains(" test.example countersign "), "{}", message.head);
        }
        let leaves: Vec<String> = first(&messages).iter().map(|m| m.text.clone()).collect();
        let last = messages.last().expect("a checkpoint");
        let checkpoint: Value = serde_json::from_str(&last.text).expect("JSON");
        assert_eq!(last.param("size"), size.to_string());
        assert_witness(app, &leaves, checkpoint["checkpoint"].as_str().expect("a note"));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_certificate_is_refused_before_a_message_leaves() {
    for shows in [Shows::Forged, Shows::Anothers] {
        let receiver = FakeSyslog::start(shows).await;
        streaming(&receiver, "json", async |app| {
            grown(app).await;
            let state = wait_until(app, Kind::Syslog, |state| state.attempts >= 1).await;
            assert_eq!((state.failed.as_deref(), state.next_seq), (Some("tls_refused"), 0), "{shows:?}");
            assert_eq!(receiver.messages().len(), 0);
        })
        .await;
    }
}

#[tokio::test]
async fn a_receiver_that_refuses_cuts_and_dawdles_gets_every_entry_in_the_end() {
    for shows in [Shows::Its, Shows::Nothing] {
        let receiver = FakeSyslog::start(shows).await;
        receiver.fail(&[SyslogFault::Cut(1200), SyslogFault::Gone, SyslogFault::Slow]);
        streaming(&receiver, "json", async |app| {
            grown(app).await;
            let size = wait_for_all(app, Kind::Syslog).await;
            let messages = receiver.messages();
            assert_gapless(&seqs(&messages), size);
            assert!(receiver.connections() >= 3, "each way of failing was met: {shows:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_receiver_that_is_not_there_yet_is_waited_for() {
    let receiver = FakeSyslog::closed(Shows::Nothing);
    streaming(&receiver, "json", async |app| {
        grown(app).await;
        let state = wait_until(app, Kind::Syslog, |state| state.attempts >= 1).await;
        assert_eq!(state.failed.as_deref(), Some("no_connection"));
        receiver.open().await;
        let size = wait_for_all(app, Kind::Syslog).await;
        assert_gapless(&seqs(&receiver.messages()), size);
    })
    .await;
}

#[tokio::test]
async fn a_restart_goes_on_from_where_the_receiver_has_it() {
    let receiver = FakeSyslog::start(Shows::Its).await;
    let app = TestApp::new(&borrowed(&receiver.flags("json"))).await;
    grown(&app).await;
    let before = wait_for_all(&app, Kind::Syslog).await;
    let app = app.restart().await;
    grown(&app).await;
    let size = wait_for_all(&app, Kind::Syslog).await;
    assert!(size > before + 6);
    let all = seqs(&receiver.messages());
    assert_gapless(&all, size);
    assert_eq!(all.iter().filter(|seq| **seq == 0).count(), 1, "what was confirmed does not come again");
    app.finish().await;
}

#[tokio::test]
async fn cef_and_ocsf_name_the_act_the_place_and_the_hash_and_hold_nothing_personal() {
    for format in ["cef", "ocsf"] {
        let receiver = FakeSyslog::start(Shows::Its).await;
        streaming(&receiver, format, async |app| {
            let person = app.person(&[Role::Contributor]).await;
            person.get("/audit").await.expect(403);
            let size = wait_for_all(app, Kind::Syslog).await;
            let messages = receiver.messages();
            assert_gapless(&seqs(&messages), size);
            for message in first(&messages) {
                let (seq, hash) = (message.param("seq"), message.param("leaf"));
                assert!(!message.text.contains(&person.username) && !message.text.contains("@example.org"), "{}", message.text);
                if format == "cef" {
                    let escaped = hash.replace('=', "\\=");
                    assert!(message.text.starts_with("CEF:0|Countersign|Countersign|"), "{}", message.text);
                    assert!(message.text.contains(&format!(" cn1={seq} ")) && message.text.contains(&format!(" cs1={escaped} ")), "{}", message.text);
                } else {
                    let event: Value = serde_json::from_str(&message.text).expect("JSON");
                    assert_eq!(event["unmapped"]["leaf_hash"], hash);
                    assert_eq!(hash_of(event["raw_data"].as_str().expect("the leaf")), hash);
                }
            }
            let refused = messages.iter().find(|m| m.head.ends_with(" trail.read")).expect("the refusal");
            let says = if format == "cef" { "outcome=denied" } else { "\"status_id\":2" };
            assert!(refused.text.contains(says), "{}", refused.text);
        })
        .await;
    }
}

/// A receiver of the settings, with a limit of time of our own.
fn outlet(receiver: &FakeSyslog, try_max: Duration) -> Outlet {
    outlet_with(receiver, try_max, &[])
}

fn outlet_with(receiver: &FakeSyslog, try_max: Duration, more: &[(&'static str, String)]) -> Outlet {
    let flags = receiver.flags("json").into_iter().chain(more.to_vec()).map(|(key, value)| (key.to_owned(), value)).collect();
    let config = Config::load(&Inputs { flags, ..Inputs::default() }).expect("sound");
    Outlet::new(config.stream.syslog.as_ref().expect("set"), try_max).expect("ready")
}

#[tokio::test]
async fn a_receiver_that_never_closes_ends_the_try_in_time_and_confirmed_nothing() {
    let receiver = FakeSyslog::start(Shows::Its).await;
    receiver.fail(&[SyslogFault::Silent, SyslogFault::Cut(50), SyslogFault::Bare, SyslogFault::Bare]);
    let lenient = outlet_with(&receiver, Duration::from_secs(5), &[("stream.syslog_confirm", "close".to_owned())]);
    let outlet = outlet(&receiver, Duration::from_secs(3));
    let lines = vec![Line { seq: 0, leaf: format!("{{\"a\":\"{}\"}}", "x".repeat(60_000)), hash: [0; 32] }];
    let batch = Batch { log: 1, origin: "test.example/audit/1".into(), lines, note: "note\n".into(), size: 1 };
    assert_eq!(outlet.send(&batch, "1", "boot", 0).await, Err("timeout"));
    let cut = outlet.send(&batch, "1", "boot", 0).await;
    assert!(matches!(cut, Err("connection_lost" | "not_confirmed")), "{cut:?}");
    assert_eq!(outlet.send(&batch, "1", "boot", 0).await, Err("not_confirmed"), "TLS was not closed");
    assert_eq!(lenient.send(&batch, "1", "boot", 0).await, Ok(()), "unless the settings say that this is enough");
    assert_eq!(outlet.send(&batch, "1", "boot", 0).await, Ok(()));
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_no_act() {
    let receiver = FakeSyslog::start(Shows::Its).await;
    receiver.fail(&[SyslogFault::Silent; 8]);
    streaming(&receiver, "json", async |app| {
        receiver.wait_for_connections(1).await;
        let begun = std::time::Instant::now();
        grown(app).await;
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        let state = wait_until(app, Kind::Syslog, |_| true).await;
        assert_eq!(state.next_seq, 0, "nothing was confirmed");
    })
    .await;
}
