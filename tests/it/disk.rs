//! A disk without room: nothing is half done, everybody hears it, and afterwards everything goes on.

use countersign::policy::Role;
use countersign::store::Store;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{TestApp, check};

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
