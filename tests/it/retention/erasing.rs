//! Erasure and the holds that stand against it.

use countersign::db::integrity;
use countersign::db::sealed;
use countersign::notices;
use countersign::policy::Role;
use countersign::retention::erase::{self as erasure, Request};
use futures_util::future::join;

use super::{count, disabled, erase, messaged, raw};
use crate::support::{TestApp, check};

#[tokio::test]
async fn erasing_a_person_takes_their_values_and_leaves_every_entry() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let gone = app.person(&[Role::Contributor]).await;
        gone.get("/audit").await.expect(403);
        let id = gone.id.as_ref().expect("a person").to_string();
        erase(&officer, &id).await.expect(422).says("The account is active");
        assert_eq!(disabled(app, &gone).await, id);
        let before = app.db_actions().await.len();
        officer.get(&format!("/audit/subjects?who={}", gone.username)).await.expect(200).says("Entries with sealed values").says("Erase for good");
        erase(&officer, &id).await.expect(303);
        erase(&officer, &id).await.expect(422).says("They were erased already");
        assert!(app.db_actions().await.len() > before);
        let db = &app.app.db;
        assert!(!db.vault().has_key(&id).await.expect("reads"));
        let held: i64 = db.query("select count(*) from audit_payload where subject = $1").bind(id.as_str()).scalar().await.expect("counts");
        assert_eq!(held, 0, "the sealed values are gone too");
        let row: (String, String, Option<String>) =
            db.query("select username, display_name, email from person where id = $1").bind(id.as_str()).one().await.expect("there");
        assert!(row.0.starts_with("erased.") && row.1 == row.0 && row.2.is_none(), "{row:?}");
        let sql = "select c.seq from audit_event e join audit_chain c on c.event_id = e.id where e.actor_id = $1 and e.outcome = 'denied' limit 1";
        let seq: i64 = db.query(sql).bind(id.as_str()).scalar().await.expect("an entry");
        let page = officer.get(&format!("/audit/{seq}")).await.expect(200);
        page.says("Values of this entry were erased on").lacks("was altered");
        officer.get("/audit/subjects").await.expect(200).says(&id).says("Objection");
        assert_eq!(sealed::walk(db).await.expect("reads").1, None);
        for sql in ["delete from erasure", "update erasure set basis = 'x'"] {
            assert!(raw(app, sql).await.is_err(), "{sql}");
        }
        let token = officer.token(&[Role::Compliance], &["retention.read"]).await;
        let told = token.get("/api/v1/audit/retention").await.expect(200).json();
        assert_eq!((&told["erasures"][0]["subject"], &told["erasures"][0]["done"], &told["days"]), (&id.into(), &true.into(), &2190.into()));
    })
    .await;
}

#[tokio::test]
async fn an_erased_number_is_gone_for_good() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let number = messaged(app, "+14155552671").await;
        officer.get("/audit/subjects?who=%2B1%20415%20555%202671").await.expect(200).says(&number);
        officer.get("/audit/subjects?who=%2B14155559999").await.expect(200).says("Nothing is held");
        erase(&officer, "num_00000000000000000000000000000000").await.expect(404);
        erase(&officer, &number).await.expect(303);
        let sender = app.person(&[Role::Messaging]).await;
        sender.post("/messages", &[("to", "+14155552671"), ("text", "again")]).await.expect(409);
        assert_eq!(sealed::walk(&app.app.db).await.expect("reads").1, None);
        let (_, told) = newest(app).await;
        assert_eq!(told["data"]["count"], 1);
        assert_eq!((&told["data"]["basis"], &told["data"]["requester"], &told["data"]["subject"]), (&"objection".into(), &"person".into(), &number.into()));
        assert!(!told.to_string().contains("asked"), "the reason is sealed");
    })
    .await;
}

async fn newest(app: &TestApp) -> (i64, serde_json::Value) {
    app.app.db.settle().await.expect("settles");
    let sql = "select c.seq, e.body from audit_event e join audit_chain c on c.event_id = e.id where e.action = 'subject.erased' order by e.id desc limit 1";
    let (seq, body): (i64, Vec<u8>) = app.app.db.query(sql).one().await.expect("is there");
    (seq, serde_json::from_slice(&body).expect("JSON"))
}

#[tokio::test]
async fn only_compliance_erases_with_a_fresh_password_and_never_by_mistake() {
    check(async |app| {
        let (officer, admin) = (app.person(&[Role::Compliance]).await, app.person(&[Role::Admin]).await);
        let number = messaged(app, "+14155552671").await;
        erase(&admin, &number).await.expect(403);
        let fields = [("subject", number.as_str()), ("basis", "whim"), ("requester", "person"), ("reason", " "), ("typed", "yes")];
        officer.post("/audit/subjects", &fields).await.expect(422).says("Choose one of these").says("Enter a reason");
        let own = officer.id.as_ref().expect("a person").to_string();
        erase(&officer, &own).await.expect(403);
        app.advance(601);
        assert_eq!(erase(&officer, &number).await.expect(303).location(), "/fresh?next=%2Faudit%2Fsubjects");
        assert_eq!(count(app, "select count(*) from erasure").await, 0);
        assert!(app.app.db.vault().has_key(&number).await.expect("reads"));
    })
    .await;
}

#[tokio::test]
async fn a_hold_stands_against_erasure_until_somebody_else_releases_it() {
    check(async |app| {
        let (officer, other) = (app.person(&[Role::Compliance]).await, app.person(&[Role::Compliance]).await);
        let number = messaged(app, "+14155552671").await;
        for subject in [number.as_str(), ""] {
            officer.post("/audit/holds", &[("reason", " "), ("subject", subject)]).await.expect(422);
            officer.post("/audit/holds", &[("reason", "A case <7>"), ("subject", subject)]).await.expect(303);
            erase(&other, &number).await.expect(422).says("A legal hold stands against it");
            let sql = "select id from legal_hold where released_at is null";
            let id: String = app.app.db.query(sql).scalar().await.expect("a hold");
            officer.post(&format!("/audit/holds/{id}/release"), &[]).await.expect(403);
            officer.get("/audit/retention").await.expect(200).says("A case &lt;7").says("A legal hold stands, so nothing is pruned");
            other.post(&format!("/audit/holds/{id}/release"), &[]).await.expect(303);
            other.post(&format!("/audit/holds/{id}/release"), &[]).await.expect(409);
        }
        erase(&other, &number).await.expect(303);
        officer.post("/audit/holds", &[("reason", "Too late"), ("subject", &number)]).await.expect(409);
        officer.post("/audit/holds", &[("reason", "Nobody"), ("subject", "system")]).await.expect(422);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hold_and_an_erasure_at_once_one_wins() {
    check(async |app| {
        let (officer, other) = (app.person(&[Role::Compliance]).await, app.person(&[Role::Compliance]).await);
        for n in 0..8 {
            let number = messaged(app, &format!("+1415555267{n}")).await;
            let fields = [("reason", "At once"), ("subject", number.as_str())];
            let (held, erased) = join(officer.post("/audit/holds", &fields), erase(&other, &number)).await;
            let said = (held.status.as_u16(), erased.status.as_u16());
            assert!(matches!(said, (303, 422) | (409, 303) | (409, 422)), "{said:?}");
            assert_eq!(app.app.db.vault().has_key(&number).await.expect("reads"), said.1 != 303, "{said:?}");
        }
        app.app.db.settle().await.expect("settles");
        // A verifier follows the same acts by their entries alone, in the order of the log.
        assert_eq!(integrity::walk(&app.app.db).await.expect("reads").1, None);
    })
    .await;
}

/// Enters an erasure, and dies before the key is destroyed.
async fn entered(app: &TestApp, subject: &str) {
    let officer = app.person(&[Role::Compliance]).await;
    let by = officer.id.clone().expect("a person");
    let who = countersign::policy::Who::Person {
        id: by.clone(),
        name: officer.username.clone(),
        auth: countersign::policy::Auth::Session(countersign::core::id::SessionId::new(app.app.db.clock(), app.app.db.rng())),
    };
    let actor = countersign::policy::Actor { who, roles: vec![Role::Compliance], scopes: None, fresh: true, origin: Default::default() };
    let permit = app.app.policy.permit(&actor, &erasure::on(subject)).expect("may");
    let request = Request { by: &by, basis: "objection", requester: "person", reason: "x" };
    erasure::enter(&app.app.db, permit, subject, request).await.expect("enters");
}

#[tokio::test]
async fn an_erasure_that_was_entered_is_finished_at_the_next_start() {
    let app = TestApp::new(&[]).await;
    let number = messaged(&app, "+14155552671").await;
    entered(&app, &number).await;
    assert!(app.app.db.vault().has_key(&number).await.expect("reads"), "it died in between");
    assert!(sealed::walk(&app.app.db).await.expect("reads").1.is_some_and(|what| what.contains("though its subject was erased")));
    let app = app.restart().await;
    assert!(!app.app.db.vault().has_key(&number).await.expect("reads"));
    assert_eq!(count(&app, "select count(*) from erasure_done where cleared_at is not null").await, 1);
    assert_eq!(sealed::walk(&app.app.db).await.expect("reads").1, None);
    app.finish().await;
}

#[tokio::test]
async fn a_key_that_comes_back_from_a_backup_is_destroyed_again_and_told() {
    let app = TestApp::new(&[]).await;
    let admin = app.person(&[Role::Admin]).await.id.clone().expect("a person");
    let officer = app.person(&[Role::Compliance]).await;
    let number = messaged(&app, "+14155552671").await;
    let keys = app.app.db.vault().store();
    let old: (Vec<u8>,) = keys.query("select wrapped from data_key where subject = $1").bind(number.as_str()).one().await.expect("a key");
    let payload = "select event_id, part, sealed from audit_payload where subject = $1";
    let kept: Vec<(String, String, Vec<u8>)> = app.app.db.query(payload).bind(number.as_str()).all().await.expect("values");
    erase(&officer, &number).await.expect(303);
    // Yesterday's copy of the keys is put back, and somebody had kept the sealed values too.
    let mut work = keys.begin().await.expect("begins");
    let put = "update data_key set wrapped = $2, destroyed_at = null where subject = $1";
    work.query(put).bind(number.as_str()).bind(old.0).execute().await.expect("puts it back");
    work.commit(None).await.expect("commits");
    let mut work = app.app.db.store().begin().await.expect("begins");
    for (event, part, sealed) in kept {
        let put = "insert into audit_payload (event_id, part, subject, sealed) values ($1, $2, $3, $4)";
        work.query(put).bind(event).bind(part).bind(number.as_str()).bind(sealed).execute().await.expect("puts it back");
    }
    work.commit(None).await.expect("commits");
    assert!(sealed::walk(&app.app.db).await.expect("reads").1.is_some_and(|what| what.contains("the keys' database is an old one")));
    let app = app.restart().await;
    assert!(!app.app.db.vault().has_key(&number).await.expect("reads"));
    assert_eq!(sealed::walk(&app.app.db).await.expect("reads").1, None);
    for _ in 0..500 {
        if !notices::on_page(&app.app.db, &admin).await.expect("reads").is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let told = notices::on_page(&app.app.db, &admin).await.expect("reads");
    assert_eq!(told.len(), 1, "{told:?}");
    app.finish().await;
}
