//! A clock that stands before what was written by it: nothing new is begun, and the console goes on by an entry.
//! The fourteenth attack: an hour back; a year forward and back again.

use countersign::db::{integrity, wall};
use countersign::policy::{Actor, On, Role};
use countersign::trail;
use countersign_audit::verify::bundle::directory;
use countersign_audit::verify::vkey::Vkey;

use crate::kill::Site;
use crate::support::{FakeHooks, TestApp, TestPerson, check};

const HOUR: i64 = 3600;
const YEAR: i64 = 31_536_000;
const BANNER: &str = "The clock of this server stands before the audit trail";

async fn send(person: &TestPerson<'_>) -> u16 {
    person.post("/messages", &[("to", "+14155552671"), ("text", "x")]).await.status.as_u16()
}

/// What the console does.
async fn go_on(app: &TestApp) -> Result<i64, trail::Error> {
    let permit = app.app.policy.permit::<trail::Clock>(&Actor::console(), &On::any("trail")).expect("the console may");
    trail::clock::accept(&app.app.db, permit, "the time service was mended").await
}

async fn said(app: &TestApp) -> Option<String> {
    app.app.db.look_at_clock().await.expect("looks");
    wall::said(&app.app.db).await.expect("reads")
}

#[tokio::test]
async fn a_clock_an_hour_back_stops_what_is_new_until_the_console_goes_on() {
    let hooks = FakeHooks::start().await;
    let flags = hooks.flags();
    let flags: Vec<(&str, &str)> = flags.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let app = TestApp::new(&flags).await;
    let person = app.person(&[Role::Messaging, Role::Admin]).await;
    assert_eq!(send(&person).await, 303);
    app.advance(-30);
    assert_eq!(send(&person).await, 303, "a time service may set a clock back a little");
    assert!(go_on(&app).await.is_err(), "there is nothing to go on from");
    app.advance(-HOUR);
    assert_eq!(send(&person).await, 503);
    person.get("/").await.expect(200).says(BANNER);
    person.get("/status").await.expect(200).says("countersign audit clock");
    assert_eq!(app.get("/health").await.expect(200).json()["trail"], "fault");
    assert!(!app.app.db.in_fault(), "its parts agree");
    assert_eq!(hooks.wait_for(1).await[0].json()["data"]["parts"], serde_json::json!(["clock"]));
    // Signing in goes on, and is an entry that counts.
    person.open_session().await;
    person.get("/").await.expect(200);
    assert!(app.db_actions().await.last().expect("an entry").starts_with("session."));
    // Set right again it stays latched until somebody says so.
    app.advance(HOUR + 60);
    person.open_session().await;
    assert_eq!(send(&person).await, 503);
    assert!(said(&app).await.expect("it is kept").contains("nobody has gone on since"));
    let app = app.restart().await;
    assert!(app.app.db.clock_is_back(), "over a restart too");
    assert_eq!(go_on(&app).await.expect("goes on"), 0);
    assert_eq!(said(&app).await, None);
    assert_eq!(app.db_actions().await.last().map(String::as_str), Some("trail.clock ok"));
    let person = app.person(&[Role::Messaging]).await;
    assert_eq!(send(&person).await, 303);
    let app = app.restart().await;
    assert!(!app.app.db.clock_is_back());
    app.finish().await;
}

#[tokio::test]
async fn a_clock_a_year_forward_and_back_is_stopped_and_told_by_the_verifier() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        assert_eq!(send(&person).await, 303);
        app.advance(YEAR);
        let person = app.person(&[Role::Messaging]).await;
        assert_eq!(send(&person).await, 303);
        app.app.db.settle().await.expect("settles");
        app.advance(-YEAR);
        assert_eq!(send(&person).await, 503);
        let behind = go_on(app).await.expect("a year ahead is left by going on");
        assert!((behind / 1_000_000 - YEAR).abs() < 120, "{behind}");
        let person = app.person(&[Role::Messaging]).await;
        assert_eq!(send(&person).await, 303, "with a year's entries before it");
        assert_eq!(said(app).await, None);
        app.sign().await;
        let walked = integrity::examine(&app.app.db).await.expect("walks");
        let notes = walked.clock.join("\n");
        assert!(walked.bad.is_none() && notes.contains("carry an earlier time") && notes.contains("the server's clock was set"), "{walked:?}");
        let dir = app.folder.path().join("export");
        trail::export::folder(&app.app.db, &dir).await.expect("exports");
        let report = directory(&dir, &Vkey::parse(&app.app.keeper.signer().vkey("test.example/audit/1")).expect("a key"));
        assert_eq!(report.exit_code(), 0);
        assert!(report.notes.iter().any(|note| note.contains("at most by 3153")), "{:?}", report.notes);
    })
    .await;
}

#[test]
fn the_console_goes_on_and_the_checks_say_how_it_stands() {
    let site = Site::new();
    let create = |name: &str| site.run(&["user", "create", name, "--name", "Kim", "--role", "admin"]);
    create("kim.doe").expect(0);
    site.run(&["check"]).expect(0);
    site.run(&["audit", "clock", "--reason", "no need"]).expect(2).says("nothing to go on from");
    // As if the newest entry had been written by a clock that was two hours ahead.
    let conn = rusqlite::Connection::open(site.data().join("countersign.db")).expect("opens");
    conn.execute("update audit_head set at = at + 7200000000", []).expect("sets");
    drop(conn);
    let told = site.run(&["check"]).expect(1);
    assert!(told.out.contains("seconds before the newest entry") && told.out.contains("countersign audit clock"), "{}", told.out);
    site.run(&["audit", "verify"]).expect(1).says("the clock disagrees");
    create("lee.doe").expect(2);
    let done = site.run(&["audit", "clock", "--reason", "the time service was mended", "--json"]).expect(0).json();
    assert!(done["behind_us"].as_i64().is_some_and(|us| us > 7_000_000_000), "{done}");
    site.run(&["check"]).expect(0);
    site.run(&["audit", "verify"]).expect(0);
    create("lee.doe").expect(0);
}
