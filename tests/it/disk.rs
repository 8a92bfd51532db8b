//! A disk without room: nothing is half done, everybody hears it, and afterwards everything goes on. Before it comes to that,
//! a reserve is kept.

use std::path::Path;
use std::time::Duration;

use countersign::core::room::Room;
use countersign::policy::Role;
use countersign::store::Store;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{FakeHooks, TestApp, TestPerson, check};

/// Lets the database grow by `pages` more pages and no further; none lifts the limit.
async fn room(app: &TestApp, pages: Option<i64>) {
    let mut work = app.app.db.store().begin().await.expect("begins");
    let now: i64 = work.query("pragma page_count").scalar().await.expect("counts");
    let most = pages.map_or(1 << 30, |more| now + more);
    let _: i64 = work.query(sqlx::AssertSqlSafe(format!("pragma max_page_count = {most}"))).scalar().await.expect("limits");
    work.commit(None).await.expect("commits");
}

async fn messages(app: &TestApp) -> (i64, i64) {
    let count = async |sql| app.app.db.query(sql).scalar::<i64>().await.expect("counts");
    (count("select count(*) from message").await, count("select count(*) from audit_event where action = 'message.send' and outcome = 'ok'").await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_nothing_is_half_done_and_afterwards_all_goes_on() {
    check(async |app| {
        if matches!(app.app.db.store(), Store::Postgres { .. }) {
            println!("skipped: the room of a PostgreSQL server is not limited from here");
            return;
        }
        let token = app.person(&[Role::Messaging]).await.token(&[Role::Messaging], &["message.send"]).await;
        let body = json!({ "to": "+14155552671", "text": "x".repeat(1500) });
        let post = || token.post("/api/v1/messages", &body);
        post().await.expect(202);
        room(app, Some(12)).await;
        let (mut taken, mut refused) = (1, 0);
        while refused < 3 {
            for reply in join_all((0..8).map(|_| post())).await {
                match reply.status.as_u16() {
                    202 => taken += 1,
                    503 => {
                        assert_eq!(reply.json()["code"], "unavailable");
                        refused += 1;
                    }
                    other => panic!("{other}: {}", reply.text()),
                }
            }
            assert!(taken < 200, "the limit does not hold");
        }
        assert_eq!(messages(app).await, (taken, taken));
        // Reading goes on.
        app.get("/readyz").await;
        app.get("/log/checkpoint").await;
        room(app, None).await;
        post().await.expect(202);
        assert_eq!(messages(app).await, (taken + 1, taken + 1));
    })
    .await;
}

#[tokio::test]
async fn below_the_reserve_nothing_new_is_begun_and_signing_in_reading_and_exporting_work() {
    let hooks = FakeHooks::start().await;
    let mut flags = hooks.flags();
    // More than any disk has.
    flags.extend([("disk.reserve_percent", "100".to_owned()), ("disk.reserve_mib", "1048576".to_owned())]);
    crate::support::check_with(&crate::notices::borrowed(&flags), async |app| {
        let admin = app.person(&[Role::Admin, Role::Compliance, Role::Messaging, Role::Contributor]).await;
        let before = messages(app).await;
        let refused = admin.post("/messages", &[("to", "+14155552671"), ("text", "x")]).await.expect(503).says("The disk of this server is almost full");
        assert_eq!(refused.header("retry-after"), "60");
        assert_eq!(messages(app).await, before);
        admin.post("/admin/users/invite", &[("username", "x.y.z"), ("display_name", "X"), ("email", ""), ("roles", "intake")]).await.expect(503);
        admin.upload("a.txt", "text/plain", b"hello").await.expect(503);
        let person = TestPerson { id: admin.id.clone(), username: admin.username.clone(), secret: admin.secret.clone(), ..app.stranger() };
        crate::identity::sign_in(&person).await;
        person.get("/account").await.expect(200).says("The disk of this server is almost full");
        person.get("/audit").await.expect(200);
        person.post("/audit/export", &[("format", "json")]).await.expect(200);
        person.get("/status").await.expect(200).says("nothing new is begun");
        assert_eq!(hooks.wait_for(1).await[0].json()["type"], "disk.reserve");
        // What protects works too.
        let other = app.person(&[Role::Contributor]).await;
        let path = format!("/admin/users/{}/disable", other.id.as_ref().expect("a person"));
        person.post(&path, &[]).await.expect(303);
        tokio::time::sleep(Duration::from_millis(2200)).await;
        assert_eq!(hooks.hits().len(), 1, "once");
    })
    .await;
}

/// Waits until the disk is, or is not, almost full by the server's own look.
async fn until_short(app: &TestApp, short: bool) {
    for _ in 0..400 {
        if app.app.db.is_short() == short {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the server should have noticed by itself: short is not {short}");
}

#[tokio::test]
async fn the_reserve_is_noticed_and_lifted_by_itself_on_a_real_disk() {
    const MIB: u64 = 1 << 20;
    let memory = Path::new("/dev/shm");
    let Ok(room) = Room::of(memory) else {
        println!("skipped: there is no disk in memory here");
        return;
    };
    if room.free < 2048 * MIB {
        println!("skipped: the disk in memory is too small here");
        return;
    }
    let kept = (room.free / MIB - 300).to_string();
    let app = TestApp::new_in(memory, &[("disk.reserve_percent", "100"), ("disk.reserve_mib", &kept)]).await;
    let token = app.person(&[Role::Messaging]).await.token(&[Role::Messaging], &["message.send"]).await;
    let post = || token.post("/api/v1/messages", &serde_json::Value::Null);
    assert!(!app.app.db.is_short());
    post().await.expect(422);
    let filler = app.folder.path().join("filler");
    let file = std::fs::File::create(&filler).expect("makes");
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 400 * MIB).expect("fills");
    until_short(&app, true).await;
    let body = json!({ "to": "+14155552671", "text": "x" });
    let refused = token.post("/api/v1/messages", &body).await.expect(503);
    assert_eq!(refused.json()["code"], "no_room");
    drop(file);
    std::fs::remove_file(&filler).expect("removes");
    until_short(&app, false).await;
    token.post("/api/v1/messages", &body).await.expect(202);
    app.finish().await;
}
