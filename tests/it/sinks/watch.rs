//! A receiver that is behind is seen on the status page and told of, once, until it has caught up.

use countersign::policy::Role;
use countersign::sinks::Kind;

use super::{wait_for_all, wait_until};
use crate::support::{FakeHooks, check_with};
use crate::trail::grown;

#[tokio::test]
async fn a_receiver_behind_for_too_long_is_told_of_once_until_it_caught_up() {
    let hooks = FakeHooks::start().await;
    let dir = tempfile::tempdir().expect("a folder");
    // The folder of the file is not there yet.
    let folder = dir.path().join("later");
    let mut flags = hooks.flags();
    flags.push(("stream.file", folder.join("trail.jsonl").display().to_string()));
    flags.push(("stream.lag_alert_secs", "600".into()));
    check_with(&crate::notices::borrowed(&flags), async |app| {
        let admin = app.person(&[Role::Admin]).await;
        grown(app).await;
        wait_until(app, Kind::File, |state| state.failed.as_deref() == Some("no_folder")).await;
        admin.get("/status").await.expect(200).says("The last try failed: no_folder");
        assert_eq!(hooks.hits().len(), 0, "not yet");
        app.advance(599);
        wait_until(app, Kind::File, |state| state.attempts >= 2).await;
        assert_eq!(hooks.hits().len(), 0, "not yet");
        app.advance(2);
        let hit = hooks.wait_for(1).await.remove(0).json();
        assert_eq!(hit["type"], "stream.late");
        assert_eq!(hit["data"]["sink"], format!("file {}", folder.join("trail.jsonl").display()));
        assert!(hit["data"]["seconds"].as_i64() >= Some(600) && hit["data"]["entries"].as_i64() > Some(6), "{hit}");
        assert_eq!(hit["data"]["why"], "no_folder");
        wait_until(app, Kind::File, |state| state.told_at.is_some()).await;
        admin.get("/status").await.expect(200).says("is behind");
        admin.get("/").await.expect(200).says("a receiver of the audit trail is behind");
        app.advance(1000);
        wait_until(app, Kind::File, |state| state.attempts >= 3).await;
        assert_eq!(hooks.hits().len(), 1, "once");
        std::fs::create_dir(&folder).expect("makes");
        wait_for_all(app, Kind::File).await;
        wait_until(app, Kind::File, |state| state.told_at.is_none()).await;
        admin.get("/status").await.expect(200).says("has everything but");
        // It fails again, and is told of again.
        std::fs::remove_dir_all(&folder).expect("removes");
        grown(app).await;
        app.advance(700);
        let hits = hooks.wait_for(2).await;
        assert_eq!(hits[1].json()["type"], "stream.late");
    })
    .await;
}
