//! The stream into a file, also through `kill -9`.

use std::path::Path;
use std::time::Duration;

use countersign::policy::Role;
use countersign::sinks::Kind;
use serde_json::Value;

use super::{assert_gapless, assert_witness, signed, wait_for_all, wait_until};
use crate::kill::Site;
use crate::support::app::on_postgres;
use crate::support::{FakeHooks, TestApp, check_with};
use crate::trail::grown;

/// Leaves and checkpoints of the file, in order; lines that broke off are passed over.
fn read(path: &Path) -> (Vec<(i64, String)>, Vec<String>) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let (mut leaves, mut notes) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
        match value["_seq"].as_i64() {
            Some(seq) => leaves.push((seq, line.to_owned())),
            None => notes.push(value["checkpoint"].as_str().expect("a note").to_owned()),
        }
    }
    (leaves, notes)
}

#[tokio::test]
async fn the_file_holds_every_entry_a_line_and_bears_witness() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("trail.jsonl");
    check_with(&[("stream.file", &path.display().to_string())], async |app| {
        grown(app).await;
        let size = wait_for_all(app, Kind::File).await;
        let (leaves, notes) = read(&path);
        assert_gapless(&leaves.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), size);
        let leaves: Vec<String> = leaves.into_iter().map(|(_, leaf)| leaf).collect();
        assert_witness(app, &leaves, notes.last().expect("a checkpoint"));
    })
    .await;
}

#[tokio::test]
async fn a_file_changed_from_outside_raises_an_alert_and_the_stream_goes_on() {
    let hooks = FakeHooks::start().await;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("trail.jsonl");
    let mut flags = hooks.flags();
    flags.push(("stream.file", path.display().to_string()));
    check_with(&crate::notices::borrowed(&flags), async |app| {
        grown(app).await;
        let before = wait_for_all(app, Kind::File).await;
        std::fs::remove_file(&path).expect("removes");
        grown(app).await;
        let size = wait_for_all(app, Kind::File).await;
        let seqs: Vec<i64> = read(&path).0.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(seqs, (before..size).collect::<Vec<_>>());
        let hit = hooks.wait_for(1).await.remove(0).json();
        assert_eq!(hit["type"], "stream.file");
        assert_eq!(hit["data"]["file"], path.display().to_string());
        wait_until(app, Kind::File, |state| state.alarm.is_none()).await;
    })
    .await;
}

#[tokio::test]
async fn a_new_receiver_is_given_the_whole_trail() {
    let app = TestApp::new(&[]).await;
    grown(&app).await;
    let size = signed(&app).await;
    let path = app.folder.path().join("trail.jsonl");
    let app = app.restart_with(&[("stream.file", &path.display().to_string())]).await;
    let now = wait_for_all(&app, Kind::File).await;
    assert!(now > size);
    assert_gapless(&read(&path).0.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), now);
    let other = app.folder.path().join("other.jsonl");
    let app = app.restart_with(&[("stream.file", &other.display().to_string())]).await;
    let now = wait_for_all(&app, Kind::File).await;
    assert_gapless(&read(&other).0.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), now);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_nine_in_the_middle_leaves_no_gap_in_the_stream() {
    if on_postgres() {
        println!("skipped: the program that is killed runs on the embedded database here");
        return;
    }
    let mut site = Site::new();
    let path = site.dir.path().join("trail.jsonl");
    site.set("stream.file", &path.display().to_string());
    let token = site.person(&[Role::Contributor], &["evidence.list"]).await.token;
    for round in 0..6_u64 {
        let mut server = site.serve().await;
        for _ in 0..8 {
            assert_eq!(server.get("/api/v1/audit", &token).status, 403);
        }
        tokio::time::sleep(Duration::from_millis(150 * round)).await;
        server.kill();
    }
    let mut server = site.serve().await;
    // Everything up to now, then a clean end.
    let database = crate::kill::sqlite(&site.data());
    let size = crate::kill::count(&database, "select max(seq) + 1 from audit_chain").await;
    for _ in 0..1000 {
        if read(&path).0.iter().any(|(seq, _)| *seq == size - 1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.terminate().await;
    let seqs: Vec<i64> = read(&path).0.iter().map(|(seq, _)| *seq).collect();
    assert_gapless(&seqs, seqs.iter().max().expect("entries") + 1);
    assert!(seqs.contains(&(size - 1)), "{size}: {seqs:?}");
    let check = site.run(&["check", "--json"]).json();
    let stream = check["checks"].as_array().expect("checks").iter().find(|c| c["name"] == "stream").expect("the stream").clone();
    assert!(stream["says"].as_str().is_some_and(|s| s.contains(&path.display().to_string())), "{stream}");
}
