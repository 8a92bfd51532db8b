//! The end: expiry, the patient's word, holds, and what an old copy brings back.

use countersign::intake::{end, sql};
use countersign::policy::Role;

use super::{count, entries, newest, say, state, whole, with};
use crate::support::TestApp;

/// Waits until the key of a record is gone: a round in the background may be the one that destroys it.
async fn key_gone(app: &TestApp, id: &str) {
    for _ in 0..400 {
        if !app.app.db.vault().has_key(id).await.expect("reads") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the key of {id} stays");
}

async fn expire(app: &TestApp) {
    end::expire(&app.app.db, &app.app.policy, app.app.db.clock().now()).await.expect("expires");
}

#[tokio::test]
async fn a_conversation_that_nobody_goes_on_with_is_shredded_after_a_day() {
    with(&[], async |app| {
        say(app, "intake").await;
        say(app, "yes").await;
        say(app, "Ruth Abernathy").await;
        let id = newest(app).await;
        app.advance(23 * 3600);
        expire(app).await;
        assert_eq!(state(app, &id).await, "open");
        app.advance(2 * 3600);
        expire(app).await;
        assert_eq!(state(app, &id).await, "expired");
        key_gone(app, &id).await;
        let last = entries(app).await.pop().expect("an entry");
        assert_eq!((last["action"].as_str(), last["data"]["basis"].as_str()), (Some("intake.expire"), Some("session")));
        assert!(!say(app, "27 March 1984").await.contains("<Message>"), "it is over");
    })
    .await;
}

#[tokio::test]
async fn an_expired_record_stays_unreadable_with_yesterdays_database() {
    with(&[], async |app| {
        let id = whole(app).await;
        // Yesterday's rows, as a backup of the database holds them; the keys are not in it.
        let (version, sealed): (i64, Vec<u8>) =
            app.app.db.query("select version, sealed from intake_value where field = 'history'").one().await.expect("there");
        let parsed = id.parse().expect("an id");
        let open = async || {
            let row = format!("{id}/history/{version}");
            let place = countersign::vault::Place { table: "intake_value", row: &row, column: "sealed" };
            app.app.db.vault().unseal_padded(&place, &sealed).await
        };
        assert_eq!(open().await.expect("it opens").as_str(), "planted-asthma since 2001");
        app.advance(91 * 24 * 3600);
        expire(app).await;
        key_gone(app, &id).await;
        assert!(matches!(open().await, Err(countersign::vault::OpenError::Erased)), "no copy of the row opens any more");
        let record = countersign::intake::read::find(&app.app.db, &parsed).await.expect("reads").expect("its row stays");
        assert!(record.number_sealed.is_none() && record.brief_sealed.is_none() && record.talk_sealed.is_none());
        assert_eq!(count(app, "select count(*) from intake_value where sealed is not null").await, 0);
        assert_eq!(count(app, "select count(*) from intake_record where number_ix is not null or person_ix is not null").await, 0);
        let person = app.person(&[Role::Intake]).await;
        person.get(&format!("/intake/{id}")).await.expect(200).says("was destroyed").says("its time was over").lacks("Record RP");
        person.post(&format!("/intake/{id}/reveal"), &[("field", "history"), ("purpose", "treatment")]).await.expect(410);
        let account = person.get(&format!("/intake/{id}/disclosures")).await.expect(200);
        account.says("its key destroyed");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_an_old_copy_brought_back_is_destroyed_again() {
    with(&[], async |app| {
        let id = whole(app).await;
        let vault = app.app.db.vault();
        let kept: (Option<Vec<u8>>,) = vault.store().query("select wrapped from data_key where subject = $1").bind(id.as_str()).one().await.expect("a key");
        say(app, "delete").await;
        say(app, "yes").await;
        assert_eq!(state(app, &id).await, "deleted");
        key_gone(app, &id).await;
        let mut work = vault.store().begin().await.expect("begins");
        let back = "update data_key set wrapped = $2, destroyed_at = null where subject = $1";
        work.query(back).bind(id.as_str()).bind(kept.0).execute().await.expect("brings it back");
        work.commit(None).await.expect("commits");
        assert!(vault.has_key(&id).await.expect("reads"));
        assert_eq!(end::bury(&app.app.db).await.expect("buries"), 1);
        assert!(!vault.has_key(&id).await.expect("reads"));
    })
    .await;
}

#[tokio::test]
async fn the_patients_word_deletes_after_a_second_one_and_a_hold_stands_against_it() {
    with(&[], async |app| {
        let id = whole(app).await;
        assert!(say(app, "Delete").await.contains("for good?"));
        assert!(say(app, "no").await.contains("Nothing was deleted"));
        assert_eq!(state(app, &id).await, "complete");
        let officer = app.person(&[Role::Compliance]).await;
        officer.get(&format!("/intake/{id}/disclosures")).await.expect(200).says("Place a legal hold");
        officer.post("/audit/holds", &[("subject", id.as_str()), ("reason", "a claim is pending")]).await.expect(303);
        say(app, "delete").await;
        assert!(say(app, "yes").await.contains("cannot be deleted at the moment"));
        assert_eq!(state(app, &id).await, "handover");
        app.advance(400 * 24 * 3600);
        expire(app).await;
        assert_eq!(state(app, &id).await, "handover", "it is held");
        let staff = app.person(&[Role::Intake]).await;
        let fields = [("reason", "too old"), ("typed", "DESTROY")];
        staff.post(&format!("/intake/{id}/erase"), &fields).await.expect(409);
        let hold: String = app.app.db.query("select id from legal_hold").scalar().await.expect("one");
        let other = app.person(&[Role::Compliance]).await;
        other.post(&format!("/audit/holds/{hold}/release"), &[]).await.expect(303);
        expire(app).await;
        key_gone(app, &id).await;
        assert_eq!(state(app, &id).await, "expired");
    })
    .await;
}

#[tokio::test]
async fn the_patients_word_deletes_everything_the_number_sent() {
    with(&[], async |app| {
        let first = whole(app).await;
        app.advance(2 * 24 * 3600);
        let second = whole(app).await;
        assert_ne!(first, second);
        say(app, "delete").await;
        assert!(say(app, "yes").await.contains("was deleted"));
        for id in [&first, &second] {
            key_gone(app, id).await;
            assert_eq!(state(app, id).await, "deleted");
        }
    })
    .await;
}

#[tokio::test]
async fn an_export_reads_nothing_of_what_was_shredded_before_it_began() {
    with(&[], async |app| {
        let gone = whole(app).await;
        say(app, "delete").await;
        say(app, "yes").await;
        assert_eq!(state(app, &gone).await, "deleted");
        app.advance(3600);
        let id = whole(app).await;
        let (db, now) = (&app.app.db, app.app.db.clock().now());
        let query = db.query(sql::EXPORT_VALUES).bind("default").bind(0_i64).bind("").bind(now).bind(id.as_str()).bind(100_i64).bind(now);
        let rows: Vec<(String, String, i64, Option<Vec<u8>>)> = query.all().await.expect("reads");
        assert!(rows.len() == 5 && rows.iter().all(|(record, ..)| *record == id), "rows of what is gone would fill every page");
        let counted = async |most: i64| -> i64 {
            let query = db.query(sql::COUNT_EXPORT).bind("default").bind(0_i64).bind(now + 1).bind(now);
            query.bind(most).scalar().await.expect("counts")
        };
        assert_eq!((counted(10).await, counted(0).await), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_stop_between_delete_and_yes_destroys_nothing_without_an_entry() {
    with(&[], async |app| {
        let id = whole(app).await;
        say(app, "delete").await;
        say(app, "stop").await;
        say(app, "yes").await;
        assert_eq!(state(app, &id).await, "complete");
        let staff = app.person(&[Role::Intake]).await;
        let fields = [("field", "name"), ("purpose", "treatment")];
        staff.post(&format!("/intake/{id}/reveal"), &fields).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn the_running_server_leaves_no_core_and_no_other_process_looks_into_it() {
    if crate::support::app::on_postgres() {
        println!("skipped: it is the same program");
        return;
    }
    let mut server = crate::kill::Site::new().serve().await;
    let of = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", server.child.id())).expect("reads");
    let limits = of("limits");
    let core: Vec<&str> = limits.lines().find(|l| l.starts_with("Max core file size")).expect("a line").split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{limits}");
    server.kill();
}
