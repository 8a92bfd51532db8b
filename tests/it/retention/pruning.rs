//! Retention by one and by two people, and pruning with every proof going on.

use countersign::core::clock::DAY;
use countersign::db::{integrity, rows, sealed};
use countersign::policy::Role;
use countersign::retention::{Error, prune, term};
use countersign::trail::export;
use countersign_audit::verify::bundle::{self, Ask};
use countersign_audit::verify::kept::Kept;
use countersign_audit::verify::vkey::Vkey;

use super::{count, messaged};
use crate::support::{Reply, TestApp, TestPerson, check};

async fn propose(officer: &TestPerson<'_>, days: &str) -> Reply {
    officer.post("/audit/retention", &[("days", days), ("reason", "The <law>")]).await
}

async fn waiting(app: &TestApp) -> String {
    app.app.db.query("select id from retention where approved_at is null order by id desc limit 1").scalar().await.expect("a proposal")
}

async fn in_force(app: &TestApp) -> i64 {
    term::in_force(&app.app.db, 1).await.expect("reads").days
}

#[tokio::test]
async fn a_shorter_retention_needs_two_people_and_a_longer_one_does_not() {
    check(async |app| {
        let (officer, other, admin) = (app.person(&[Role::Compliance]).await, app.person(&[Role::Compliance]).await, app.person(&[Role::Admin]).await);
        assert_eq!(in_force(app).await, 2190);
        propose(&admin, "4000").await.expect(403);
        for wrong in ["", "364", "36526", "x", "-1", "400.5"] {
            propose(&officer, wrong).await.expect(422).says("Enter a number of days from 365");
        }
        officer.post("/audit/retention", &[("days", "4000"), ("reason", " ")]).await.expect(422).says("Enter a reason");
        propose(&officer, "4000").await.expect(303);
        assert_eq!(in_force(app).await, 4000);
        propose(&officer, "400").await.expect(303);
        assert_eq!(in_force(app).await, 4000);
        let first = waiting(app).await;
        officer.get("/audit/retention").await.expect(200).says("waits for somebody else").says("The &lt;law").lacks(&format!("{first}/approve"));
        officer.post(&format!("/audit/retention/{first}/approve"), &[]).await.expect(403);
        propose(&officer, "500").await.expect(303);
        other.post(&format!("/audit/retention/{first}/approve"), &[]).await.expect(409);
        let second = waiting(app).await;
        let path = format!("/audit/retention/{second}/approve");
        let (one, two) = tokio::join!(other.post(&path, &[]), other.post(&path, &[]));
        let mut said = [one.status.as_u16(), two.status.as_u16()];
        said.sort_unstable();
        assert_eq!(said, [303, 409]);
        assert_eq!(in_force(app).await, 500);
        app.app.db.settle().await.expect("settles");
        assert_eq!(integrity::walk(&app.app.db).await.expect("reads").1, None);
        app.advance(601);
        assert_eq!(propose(&officer, "5000").await.expect(303).location(), "/fresh?next=%2Faudit%2Fretention");
    })
    .await;
}

/// A log whose first 256 entries are old enough under a retention of 400 days, and people of today.
async fn old(app: &TestApp) {
    let (officer, other) = (app.person(&[Role::Compliance]).await, app.person(&[Role::Compliance]).await);
    propose(&officer, "400").await.expect(303);
    let id = waiting(app).await;
    other.post(&format!("/audit/retention/{id}/approve"), &[]).await.expect(303);
    messaged(app, "+14155552671").await;
    let person = app.person(&[Role::Contributor]).await;
    for _ in 0..300 {
        person.get("/audit").await.expect(403);
    }
    app.sign().await;
    assert_eq!(prune::due(&app.app.db, 400, app.clock.now()).await.expect("reads"), 0, "nothing is old yet");
    app.clock.advance(401 * DAY);
}

/// What the server's own loop does every hour, until it has come so far.
async fn pruned(app: &TestApp, to: i64) {
    for _ in 0..100 {
        match prune::enter(&app.app.db, &app.app.policy).await {
            Ok(_) | Err(Error::State) => {}
            Err(error) => panic!("{error}"),
        }
        app.sign().await;
        prune::work(&app.app.db).await.expect("works");
        if app.app.db.pruned_below(1).await.expect("reads") == to {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("not pruned to {to}");
}

#[tokio::test]
async fn what_was_kept_for_long_enough_is_pruned_and_every_proof_goes_on() {
    let app = TestApp::new(&[("signer.epoch_entries", "20")]).await;
    let kept = app.folder.path().join("kept");
    {
        // At least one epoch ends below the minimum.
        let person = app.person(&[Role::Contributor]).await;
        crate::epochs::grown(&app, &person, 2).await;
        let note = async || app.app.db.latest_checkpoint(1).await.expect("reads").expect("signed").note;
        old(&app).await;
        std::fs::write(&kept, note().await).expect("kept");
        let before = app.app.db.inclusion(1, 3, 300).await.expect("a proof");
        pruned(&app, 256).await;
        assert_eq!(app.app.db.inclusion(1, 3, 300).await.expect("a proof"), before);
    }
    let turns = "select count(*) from epoch p join audit_chain c on c.event_id = p.last_audit_id where c.seq < 256";
    let turns = count(&app, turns).await;
    assert!(turns >= 2, "{turns}");
    let blank = "select count(*) from audit_event where length(body) = 0";
    assert_eq!(count(&app, blank).await, 254 - turns, "but for the two that set the retention, and the ends of epochs");
    let below = "select count(*) from audit_payload p join audit_chain c on c.event_id = p.event_id where c.seq < 256";
    assert_eq!(count(&app, below).await, 0);
    // After a restart too.
    let app = app.restart().await;
    let officer = app.person(&[Role::Compliance]).await;
    officer.get("/audit/3").await.expect(410).says("kept for as long as entries are");
    officer.get("/audit/3/proof").await.expect(200);
    officer.get("/audit/256").await.expect(200);
    officer.get("/audit/retention").await.expect(200).says("Entries below 256");
    let last = officer.get("/audit?first=0&last=290").await.expect(200);
    last.says("Entries below 256 were kept for as long as entries are, and then pruned");
    let token = officer.token(&[Role::Compliance], &["trail.read"]).await;
    assert_eq!(token.get("/api/v1/audit").await.expect(200).json()["items"][0]["seq"], 256);
    token.get("/log/tile/entries/000").await.expect(404);
    app.get("/log/tile/0/000").await.expect(200);
    app.sign().await;
    let dir = app.folder.path().join("export");
    let report = export::folder(&app.app.db, &dir).await.expect("exports");
    let vkey = Vkey::parse(&app.app.keeper.signer().vkey("test.example/audit/1")).expect("a key");
    let ask = Ask { key: Some(Ok(vkey)), kept: vec![Kept::read(&kept)], ..Ask::default() };
    let fine = bundle::examine(&dir, &ask);
    assert_eq!((fine.exit_code(), fine.minimum_index, fine.entries_checked), (0, 256, report.size - 256), "{}", fine.to_text());
    assert!(fine.epochs.is_some_and(|n| n >= 2) && fine.sealed_from.is_some_and(|first| first < 256), "{}", fine.to_text());
    std::fs::remove_file(dir.join("epoch/1")).expect("it is there");
    let cut = bundle::examine(&dir, &ask);
    assert!(cut.exit_code() == 1 && cut.to_text().contains("epoch/1"), "{}", cut.to_text());
    let lines = officer.post("/audit/export", &[("format", "json")]).await.expect(200).text();
    assert!(lines.lines().next().is_some_and(|line| line.contains("\"_seq\":256,")), "{lines}");
    assert_eq!(integrity::walk(&app.app.db).await.expect("reads").1, None);
    assert_eq!(sealed::walk(&app.app.db).await.expect("reads").1, None);
    assert_eq!(rows::unnamed(&app.app.db).await.expect("reads"), None);
    // More is claimed to be pruned than an entry says.
    let mut work = app.app.db.store().begin().await.expect("begins");
    work.query("update prune_progress set done_seq = 300").execute().await.expect("an unguarded table");
    work.commit(None).await.expect("commits");
    let told = integrity::walk(&app.app.db).await.expect("reads").1.unwrap_or_default();
    assert!(told.contains("no entry says that they were pruned"), "{told}");
    let mut work = app.app.db.store().begin().await.expect("begins");
    work.query("update prune_progress set done_seq = 256").execute().await.expect("put back");
    work.commit(None).await.expect("commits");
    app.finish().await;
}

#[tokio::test]
async fn nothing_is_pruned_while_a_hold_stands_nor_before_its_time() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        officer.post("/audit/holds", &[("reason", "A case")]).await.expect(303);
        old(app).await;
        assert_eq!(prune::due(&app.app.db, 400, app.clock.now()).await.expect("reads"), 256);
        assert_eq!(prune::enter(&app.app.db, &app.app.policy).await.expect("reads"), None);
        app.sign().await;
        assert_eq!(prune::work(&app.app.db).await.expect("reads"), 0);
        assert_eq!(count(app, "select count(*) from audit_prune").await, 0);
        let other = app.person(&[Role::Compliance]).await;
        let id: String = app.app.db.query("select id from legal_hold").scalar().await.expect("a hold");
        other.post(&format!("/audit/holds/{id}/release"), &[]).await.expect(303);
        pruned(app, 256).await;
        assert_eq!(count(app, "select max(min_seq) from audit_prune").await, 256, "the rest is young");
    })
    .await;
}
