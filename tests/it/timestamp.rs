//! Time-stamps: what an authority says of the trail, what becomes of one that fails or lies, and what leaves with an export.

use std::process::Command;

use countersign::config::{Config, Inputs};
use countersign::core::clock::{Clock, SECOND};
use countersign::db::epoch;
use countersign::policy::Role;
use countersign::stamp::Standing;
use countersign_audit::verify::bundle::{Ask, examine};
use countersign_audit::verify::certificate::Roots;
use countersign_audit::verify::stamped::read_roots;
use countersign_audit::verify::vkey::Vkey;
use countersign_audit::verify::{Pin, TimeStamps};
use sha2::{Digest as _, Sha256};

use crate::support::app::NOON;
use crate::support::tsa::{TestTsa, TsaFault};
use crate::support::{FakeHooks, TestApp};

const ORIGIN: &str = "test.example/audit/1";

/// An installation with this authority, whose clock stands where OpenSSL's does.
async fn stamped_by(tsa: &TestTsa, more: &[(&str, &str)]) -> TestApp {
    let flags = tsa.flags();
    let mut flags: Vec<(&str, &str)> = flags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    flags.extend(more);
    let app = TestApp::new(&flags).await;
    // The server asks by itself once when it starts; what that brought depends on whether a checkpoint was signed by then.
    let mut standing = app.app.stamper.as_ref().expect("there is an authority").standing();
    standing.wait_for(|standing| standing.tried_at.is_some()).await.expect("the first round ends");
    app.advance((Clock::system().now() - NOON) / SECOND);
    app
}

/// Signs what there is and asks the authority.
async fn round(app: &TestApp) -> Standing {
    app.sign().await;
    let stamper = app.app.stamper.as_ref().expect("there is an authority");
    stamper.round().await.expect("asks");
    stamper.standing().borrow().clone()
}

async fn tokens(app: &TestApp) -> i64 {
    app.app.db.query("select count(*) from audit_token").scalar().await.expect("counts")
}

#[tokio::test]
async fn a_time_stamp_is_kept_shown_and_leaves_with_every_export() {
    let tsa = TestTsa::start().await;
    let app = stamped_by(&tsa, &[]).await;
    let person = app.person(&[Role::Compliance, Role::Admin]).await;
    person.get("/").await.expect(200).says("No authority has time-stamped it yet");
    let first = round(&app).await.stamped.expect("a time-stamp");
    assert_eq!((first.size, first.tsa.as_str()), (app.app.db.head(1).await.expect("reads").expect("a head").size, "tsa.example"));
    assert!((first.at - app.app.db.clock().now()).abs() < 120 * SECOND, "{first:?}");
    // Nothing new is no reason to ask.
    let asked = tsa.asked();
    assert_eq!((round(&app).await.state, tsa.asked()), (Some("ok"), asked));
    person.post("/evidence/none", &[]).await;
    app.app.door.flush(&app.app).await.expect("writes");
    let officer = app.person(&[Role::Compliance]).await;
    let second = round(&app).await.stamped.expect("another");
    assert!(second.size > first.size);
    person.get("/").await.expect(200).says("Time-stamped: the first");
    person.get("/status").await.expect(200).says("says tsa.example");
    let said = person.token(&[Role::Admin], &["config.read"]).await.get("/api/v1/status").await.expect(200).json();
    assert_eq!(said["timestamp"]["stamped_size"].as_i64(), Some(second.size), "{said}");
    assert!(said["timestamp"]["stamped_age_secs"].as_i64().is_some_and(|secs| secs < 120) && said["timestamp"]["state"] == "ok", "{said}");
    assert!(said["trail"]["ok"] == true && said["witness"].is_null() && said["clock"]["behind_secs"] == 0, "{said}");
    // The folder verifies with the authority's root, and not with another's.
    let dir = app.folder.path().join("export");
    app.sign().await;
    countersign::trail::export::folder(&app.app.db, &dir).await.expect("exports");
    let key = Vkey::parse(&app.app.keeper.signer().vkey(ORIGIN)).expect("a key");
    let ask = |roots: &str| Ask { key: Some(Ok(key.clone())), tsa_roots: Some(read_roots(std::path::Path::new(roots))), ..Ask::default() };
    let report = examine(&dir, &ask(&tsa.roots()));
    assert_eq!((report.exit_code(), report.tokens_checked), (0, 2), "{}", report.to_text());
    assert_eq!(report.time_stamped.map(|stamped| stamped.size), u64::try_from(second.size).ok());
    let strange = tsa.roots().replace("root.pem", "strange.pem");
    assert_eq!(examine(&dir, &ask(&strange)).exit_code(), 3);
    // So says OpenSSL.
    let note = dir.join(format!("tokens/{}.note", second.size));
    let token = dir.join(format!("tokens/{}.token", second.size));
    for (roots, good) in [(tsa.roots(), true), (strange, false)] {
        let said = Command::new("openssl").args(["ts", "-verify", "-token_in", "-in"]).arg(&token).arg("-data").arg(&note).arg("-CAfile").arg(roots).output();
        assert_eq!(said.expect("OpenSSL runs").status.success(), good);
    }
    // The archives hold them too.
    for (format, kind) in [("bundle", "tar"), ("evidence", "zip")] {
        let bytes = officer.post("/audit/export", &[("format", format)]).await.expect(200).bytes;
        let name = format!("tokens/{}.token", second.size);
        assert!(bytes.windows(name.len()).any(|window| window == name.as_bytes()), "{kind} lacks {name}");
    }
    app.finish().await;
}

#[tokio::test]
async fn time_stamps_and_seals_of_epochs_leave_together_and_both_hold() {
    let tsa = TestTsa::start().await;
    let app = stamped_by(&tsa, &[("signer.epoch_entries", "4")]).await;
    let person = app.person(&[Role::Contributor]).await;
    let newest = async || epoch::newest(&app.app.db, 1).await.expect("reads");
    let stamped = round(&app).await.stamped.expect("a time-stamp").size;
    for _ in 0..600 {
        if newest().await.is_some_and(|newest| newest.n >= 2 && newest.seq.is_some_and(|seq| seq > stamped)) {
            break;
        }
        person.get("/audit").await.expect(403);
        app.sign().await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(round(&app).await.stamped.is_some_and(|second| second.size > stamped));
    let dir = app.folder.path().join("export");
    countersign::trail::export::folder(&app.app.db, &dir).await.expect("exports");
    let note = std::fs::read_to_string(dir.join(format!("tokens/{stamped}.note"))).expect("reads");
    assert!(note.contains("\u{2014} test.example/audit/1/epoch "), "the authority is shown the seal too: {note}");
    let first: String = app.app.db.query("select vkey from epoch where log = 1 and n = 0").scalar().await.expect("reads");
    let ask = Ask {
        key: Some(Ok(Vkey::parse(&app.app.keeper.signer().vkey(ORIGIN)).expect("a key"))),
        epoch: Some(Ok(Vkey::parse(&first).expect("a key"))),
        tsa_roots: Some(read_roots(std::path::Path::new(&tsa.roots()))),
        ..Ask::default()
    };
    let report = examine(&dir, &ask);
    assert_eq!((report.exit_code(), report.pin, report.time_stamps), (0, Pin::Named, TimeStamps::Met), "{}", report.to_text());
    assert!(report.epochs.is_some_and(|ended| ended >= 3) && report.tokens_checked == 2, "{}", report.to_text());
    // Neither hides what is missing of the other.
    std::fs::remove_file(dir.join("epoch/1")).expect("removed");
    let report = examine(&dir, &ask);
    assert_eq!((report.exit_code(), report.time_stamps), (1, TimeStamps::Met), "{}", report.to_text());
    app.finish().await;
}

#[tokio::test]
async fn each_fault_of_an_authority_is_told_and_nothing_of_it_is_kept() {
    let tsa = TestTsa::start().await;
    let app = stamped_by(&tsa, &[]).await;
    app.person(&[Role::Admin]).await;
    tsa.recovers();
    for (fault, class) in [
        (TsaFault::Status(500), "server_error"),
        (TsaFault::Status(404), "refused"),
        (TsaFault::Redirect, "refused"),
        (TsaFault::Page, "bad_answer"),
        (TsaFault::Huge, "bad_answer"),
        (TsaFault::Garbage, "not_granted"),
        (TsaFault::Rejected, "not_granted"),
        (TsaFault::OtherHash, "bad_token"),
        (TsaFault::OtherKey, "bad_token"),
        (TsaFault::OtherNonce, "bad_nonce"),
        (TsaFault::By("expired"), "bad_certificate"),
        (TsaFault::By("no-purpose"), "bad_certificate"),
        (TsaFault::By("not-critical"), "bad_certificate"),
        (TsaFault::By("strange-tsa"), "not_trusted"),
    ] {
        tsa.fails(fault.clone());
        let standing = round(&app).await;
        assert_eq!((standing.state, standing.stamped, tokens(&app).await), (Some(class), None, 0), "{fault:?}");
    }
    // Cut before its headers or behind them.
    tsa.fails(TsaFault::Cut);
    let cut = round(&app).await.state;
    assert!(matches!(cut, Some("bad_answer" | "connection_lost")), "{cut:?}");
    // A clock that is far from ours.
    app.advance(3600);
    assert_eq!(round(&app).await.state, Some("clocks_apart"));
    app.advance(-3600);
    assert_eq!((round(&app).await.state, tokens(&app).await), (Some("ok"), 1), "in the end");
    app.finish().await;
}

#[tokio::test]
async fn an_authority_is_asked_for_the_policy_of_the_settings_alone() {
    let tsa = TestTsa::start().await;
    let app = stamped_by(&tsa, &[("timestamp.policy", "1.3.6.1.4.1.32473.2")]).await;
    assert_eq!(round(&app).await.state, Some("ok"));
    let app = app.restart_with(&[("timestamp.policy", "1.3.6.1.4.1.32473.99")]).await;
    app.person(&[Role::Admin]).await;
    assert_eq!(round(&app).await.state, Some("not_granted"), "OpenSSL knows no such policy");
    app.finish().await;
}

#[tokio::test]
async fn entries_of_a_clock_that_is_ahead_show_against_a_time_stamp() {
    let tsa = TestTsa::start().await;
    let app = stamped_by(&tsa, &[]).await;
    app.advance(450);
    app.person(&[Role::Admin]).await;
    assert_eq!(round(&app).await.state, Some("ok"), "not so far that it is refused");
    let dir = app.folder.path().join("export");
    countersign::trail::export::folder(&app.app.db, &dir).await.expect("exports");
    let key = Vkey::parse(&app.app.keeper.signer().vkey(ORIGIN)).expect("a key");
    let roots = Some(read_roots(std::path::Path::new(&tsa.roots())));
    let report = examine(&dir, &Ask { key: Some(Ok(key.clone())), tsa_roots: roots, ..Ask::default() });
    assert!(report.notes.iter().any(|note| note.contains("the server's clock was ahead")), "{}", report.to_text());
    app.finish().await;
}

#[tokio::test]
async fn a_sign_of_life_holds_the_newest_time_stamp() {
    let tsa = TestTsa::start().await;
    let app = stamped_by(&tsa, &[("trail.heartbeat_secs", "1")]).await;
    let stamped = round(&app).await.stamped.expect("a time-stamp");
    let kept = app.app.db.latest_token(1).await.expect("reads").expect("kept");
    let mut beat = serde_json::Value::Null;
    for _ in 0..200 {
        let found: Option<(Vec<u8>,)> =
            app.app.db.query("select body from audit_event where action = 'server.heartbeat' order by id desc limit 1").optional().await.expect("reads");
        beat = found.map_or(serde_json::Value::Null, |(body,)| serde_json::from_slice(&body).expect("JSON"));
        if beat["data"]["token_size"].as_i64() == Some(stamped.size) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let data = &beat["data"];
    assert_eq!(data["token_sha256"].as_str(), Some(hex::encode(Sha256::digest(&kept.token)).as_str()), "{beat}");
    assert_eq!(data["token_time"].as_i64(), Some(stamped.at / SECOND));
    assert!(data["clock"].is_string() && data["clock_by"].is_string());
    app.finish().await;
}

#[tokio::test]
async fn without_a_time_stamp_for_too_long_operators_are_told_once() {
    let (tsa, hooks) = (TestTsa::start().await, FakeHooks::start().await);
    let flags = hooks.flags();
    let mut flags: Vec<(&str, &str)> = flags.iter().map(|(key, value)| (*key, value.as_str())).collect();
    flags.push(("timestamp.untimed_secs_max", "600"));
    let app = stamped_by(&tsa, &flags).await;
    tsa.recovers();
    app.person(&[Role::Admin]).await;
    assert!(!round(&app).await.stale);
    let person = app.person(&[Role::Admin]).await;
    app.sign().await;
    app.advance(601);
    for _ in 0..2 {
        tsa.fails(TsaFault::Status(503));
        assert!(round(&app).await.stale);
    }
    let body = hooks.wait_for(1).await[0].json();
    assert_eq!(body["type"], "trail.untimed", "{body}");
    assert!(body["data"]["seconds"].as_i64().is_some_and(|secs| (600..900).contains(&secs)), "{body}");
    person.get("/status").await.expect(200).says("longer than allowed");
    assert!(!round(&app).await.stale, "it is over with the next one");
    assert_eq!(hooks.hits().len(), 1);
    app.finish().await;
}

#[test]
fn settings_of_time_stamps_that_could_not_work_stop_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("roots.pem");
    std::fs::write(&path, "no certificate\n").expect("written");
    let (path, good) = (path.display().to_string(), concat!(env!("CARGO_MANIFEST_DIR"), "/audit/tests/vectors/tokens/roots.crt"));
    let faults = |flags: &[(&str, &str)]| {
        let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).chain([("data".to_owned(), "/nonexistent".to_owned())]);
        Config::load(&Inputs { flags: flags.collect(), ..Inputs::default() }).expect_err("refused").to_string()
    };
    let url = ("timestamp.url", "http://tsa.example.org");
    assert!(faults(&[url]).contains("`timestamp.roots` is not"));
    assert!(faults(&[("timestamp.roots", good)]).contains("`timestamp.url` is not"));
    assert!(faults(&[url, ("timestamp.roots", &path)]).contains("in PEM"));
    assert!(faults(&[url, ("timestamp.roots", "/nonexistent")]).contains("cannot be read"));
    assert!(faults(&[url, ("timestamp.roots", good), ("timestamp.policy", "baseline")]).contains("dotted numbers"));
    assert!(faults(&[("timestamp.url", "tsa.example.org"), ("timestamp.roots", good)]).contains("timestamp.url"));
    assert!(Roots::parse(&std::fs::read_to_string(good).expect("there")).is_ok());
}
