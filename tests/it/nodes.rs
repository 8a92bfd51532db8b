//! Two nodes on one PostgreSQL: what one finds both stop for, and none begins a new origin behind the other's back.

use std::time::Duration;

use countersign::core::folder::DataFolder;
use countersign::policy::Role;

use crate::support::TestApp;
use crate::support::app::on_postgres;

/// Waits until this holds, ten seconds at most.
async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not come to that in ten seconds");
}

#[tokio::test]
async fn what_one_node_finds_in_doubt_stops_every_node_and_a_sound_start_ends_it() {
    if !on_postgres() {
        println!("skipped: an embedded database has one node");
        return;
    }
    let one = TestApp::new(&[]).await;
    let other = one.node().await;
    until(|| one.app.db.leads() != other.app.db.leads()).await;
    let (leader, follower) = if one.app.db.leads() { (&one, &other) } else { (&other, &one) };
    let person = follower.person(&[Role::Messaging]).await;
    person.post("/messages", &[("to", "+14155552671"), ("text", "x")]).await.expect(303);
    follower.app.db.settle().await.expect("the leader links it");
    leader.app.db.latch_fault("leaves");
    until(|| follower.app.db.in_fault()).await;
    assert_eq!(*follower.app.db.doubt().borrow(), ["leaves"]);
    person.post("/messages", &[("to", "+14155552671"), ("text", "y")]).await.expect(503);
    let mut other = other;
    other.installation.take().expect("open").close().await;
    let one = one.restart().await;
    assert!(!one.app.db.in_fault(), "the trail is whole");
    one.person(&[Role::Messaging]).await.post("/messages", &[("to", "+14155552671"), ("text", "z")]).await.expect(303);
    one.finish().await;
}

#[tokio::test]
async fn while_another_node_serves_no_new_origin_is_begun() {
    if !on_postgres() {
        println!("skipped: an embedded database has one node");
        return;
    }
    let mut one = TestApp::new(&[]).await;
    let other = one.node().await;
    one.installation.take().expect("open").close().await;
    until(|| other.app.db.leads()).await;
    // Its own memory is another: reason enough for a new origin, were it alone.
    std::fs::write(one.data().join("checkpoints/latest"), "no checkpoint").expect("writes");
    let data = DataFolder::open(&one.app.config.data, false).expect("the data folder");
    let said = countersign::app::new_origin(&one.app.config, &data, "a test").await.expect_err("refused").to_string();
    assert!(said.contains("stop every node first"), "{said}");
    drop(data);
    let mut other = other;
    other.installation.take().expect("open").close().await;
    let one = one.new_origin_closed().await;
    let origin = one.app.db.log().1;
    assert!(origin.ends_with("/audit/2"), "{origin}");
    one.person(&[Role::Messaging]).await.post("/messages", &[("to", "+14155552671"), ("text", "z")]).await.expect(303);
    one.finish().await;
}
