//! Two records of one patient become one, and nothing of either is lost or kept for longer; what comes between and afterwards.

use countersign::intake::end;
use countersign::policy::Role;

use super::{PHONE, SAID, count, entries, newest, say, say_from, state, whole, with};
use crate::support::{TestApp, TestPerson};

const PURPOSE: (&str, &str) = ("purpose", "treatment");
/// The same patient's other telephone.
const OTHER: &str = "+14155552672";

/// A second record of the same patient.
async fn second(app: &TestApp) -> String {
    for text in ["intake", "yes", "ruth  plantedname", "27 March 1984", "99 Movedstreet", "skip", "planted-insulin"] {
        say_from(app, OTHER, text).await;
    }
    newest(app).await
}

async fn version(app: &TestApp, id: &str) -> String {
    let version: i64 = app.app.db.query("select version from intake_record where id = $1").bind(id).scalar().await.expect("reads");
    version.to_string()
}

async fn is_gone(app: &TestApp, id: &str) -> bool {
    for _ in 0..400 {
        if !app.app.db.vault().has_key(id).await.expect("reads") {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    false
}

#[tokio::test]
async fn two_records_become_one_and_both_histories_stay() {
    with(&[], async |app| {
        let kept = whole(app).await;
        app.advance(24 * 3600);
        let other = second(app).await;
        let staff = app.person(&[Role::Intake]).await;
        let reveal = async |id: &str, field: &str| staff.post(&format!("/intake/{id}/reveal"), &[("field", field), PURPOSE]).await;
        reveal(&other, "address").await.expect(200).says("99 Movedstreet");
        let here = format!("/intake/{kept}/merge");
        staff.get(&here).await.expect(200).says(&format!("with={other}")).lacks("lanted");
        let page = staff.get(&format!("{here}?with={other}")).await.expect(200);
        page.says("They differ").says("Only this record").lacks("Movedstreet").lacks("lanted");
        for id in [&kept, &other] {
            staff.get(&format!("/intake/{id}/disclosures")).await.expect(200).says("Compared with another record");
        }
        staff.get(&format!("{here}?with=itk_{}", "0".repeat(32))).await.expect(422).says("no such record");
        staff.get(&format!("{here}?with={kept}")).await.expect(409);
        let (seen, seen_other) = (version(app, &kept).await, version(app, &other).await);
        let merge = async |seen: &str, fields: &[&str], why: &str| {
            let mut all = vec![("other", other.as_str()), ("version", seen), ("other_version", &seen_other), ("reason", why)];
            all.extend(fields.iter().map(|field| ("from_other", *field)));
            staff.post(&here, &all).await
        };
        merge(&seen, &["address"], "").await.expect(422);
        merge("1", &["address"], "one patient").await.expect(409);
        merge(&seen, &["history"], "one patient").await.expect(422);
        assert_eq!(count(app, "select count(*) from intake_record where merged_into is not null").await, 0, "nothing was half done");
        merge(&seen, &["address"], "one patient").await.expect(303);
        merge(&seen, &["address"], "one patient").await.expect(409);
        reveal(&kept, "address").await.expect(200).says("99 Movedstreet");
        reveal(&kept, "medications").await.expect(200).says("planted-salbutamol");
        let first: i64 = app
            .app
            .db
            .query("select min(version) from intake_value where record_id = $1 and field = 'address'")
            .bind(kept.as_str())
            .scalar()
            .await
            .expect("reads");
        let older = [("field", "address"), ("version", &first.to_string()), PURPOSE];
        staff.post(&format!("/intake/{kept}/reveal"), &older).await.expect(200).says("77 Plantedstreet");
        // The other one is closed and points on; what it said stays there.
        assert_eq!(state(app, &other).await, "merged");
        staff.get(&format!("/intake/{other}")).await.expect(200).says(&kept).says("went into another");
        staff.get(&format!("/intake/{kept}")).await.expect(200).says(&other);
        reveal(&other, "medications").await.expect(200).says("planted-insulin");
        let correction = [("field", "name"), ("value", "Ruth Newname"), ("reason", "x"), ("version", &version(app, &other).await)];
        staff.post(&format!("/intake/{other}/correct"), &correction).await.expect(409);
        staff.post(&format!("/intake/{other}/erase"), &[("reason", "x"), ("typed", "DESTROY")]).await.expect(409);
        // Who read either is told of both, and one entry names both.
        for id in [&kept, &other] {
            let account = staff.get(&format!("/intake/{id}/disclosures")).await.expect(200).text();
            assert!(account.matches("Address").count() >= 2, "{account}");
        }
        let told: Vec<_> = entries(app).await.into_iter().filter(|e| e["action"] == "intake.merge" && e["outcome"] == "ok").collect();
        assert_eq!((told.len(), told[0]["resource"]["id"].as_str(), told[0]["data"]["other"].as_str()), (1, Some(kept.as_str()), Some(other.as_str())));
        assert!(!told[0].to_string().contains("lanted") && !told[0].to_string().contains("one patient"));
        // An export holds the patient once.
        let days: Vec<String> =
            [0, -3].iter().map(|n| countersign::http::templates::both_times(app.app.db.clock().now() + n * 86_400_000_000, "UTC").0[..10].to_owned()).collect();
        let wanted = [("flow", "default"), ("from", days[1].as_str()), ("to", days[0].as_str()), PURPOSE, ("columns", "address"), ("columns", "phone")];
        let text = staff.post("/intake/export", &wanted).await.expect(200).text();
        assert!(text.lines().count() == 2 && text.contains(&kept) && text.contains("99 Movedstreet") && text.contains(PHONE), "{text}");
        // Neither outlives the earlier promise, and they go together.
        let times: Vec<(i64,)> = app.app.db.query("select distinct expires_at from intake_record").all().await.expect("reads");
        assert_eq!(times.len(), 1);
        staff.post(&format!("/intake/{kept}/erase"), &[("reason", "asked"), ("typed", "DESTROY")]).await.expect(303);
        assert!(is_gone(app, &kept).await && is_gone(app, &other).await);
        assert_eq!(count(app, "select count(*) from intake_value where sealed is not null").await, 0);
        assert_eq!(countersign::db::rows::unnamed(&app.app.db).await.expect("reads"), None, "each row is under an entry that names it");
    })
    .await;
}

/// One goes into the other, without a field of it.
async fn merge(app: &TestApp, staff: &TestPerson<'_>, kept: &str, other: &str) {
    let fields = [("other", other), ("version", &version(app, kept).await), ("other_version", &version(app, other).await), ("reason", "one patient")];
    staff.post(&format!("/intake/{kept}/merge"), &fields).await.expect(303);
}

async fn hold(app: &TestApp, subject: &str) -> String {
    let officer = app.person(&[Role::Compliance]).await;
    officer.post("/audit/holds", &[("subject", subject), ("reason", "a claim")]).await.expect(303);
    app.app.db.query("select id from legal_hold order by id desc limit 1").scalar().await.expect("one")
}

async fn release(app: &TestApp, hold: &str) {
    let officer = app.person(&[Role::Compliance]).await;
    officer.post(&format!("/audit/holds/{hold}/release"), &[]).await.expect(303);
}

#[tokio::test]
async fn a_hold_on_the_kept_record_keeps_what_went_into_it() {
    with(&[], async |app| {
        let kept = whole(app).await;
        let other = second(app).await;
        merge(app, &app.person(&[Role::Intake]).await, &kept, &other).await;
        let held = hold(app, &kept).await;
        assert!(end::is_held(&app.app.db, &other.parse().expect("an id")).await.expect("reads"));
        app.advance(400 * 24 * 3600);
        end::expire(&app.app.db, &app.app.policy, app.app.db.clock().now()).await.expect("expires");
        for id in [&kept, &other] {
            assert!(app.app.db.vault().has_key(id).await.expect("reads"), "{id}");
        }
        assert_eq!(state(app, &other).await, "merged");
        release(app, &held).await;
        end::expire(&app.app.db, &app.app.policy, app.app.db.clock().now()).await.expect("expires");
        assert!(is_gone(app, &kept).await && is_gone(app, &other).await);
    })
    .await;
}

#[tokio::test]
async fn what_outlived_the_record_it_went_into_is_destroyed_by_hand() {
    with(&[], async |app| {
        let kept = whole(app).await;
        let other = second(app).await;
        let staff = app.person(&[Role::Intake]).await;
        merge(app, &staff, &kept, &other).await;
        let held = hold(app, &other).await;
        let destroy = async |id: &str| staff.post(&format!("/intake/{id}/erase"), &[("reason", "asked"), ("typed", "DESTROY")]).await;
        destroy(&kept).await.expect(303);
        assert!(is_gone(app, &kept).await && app.app.db.vault().has_key(&other).await.expect("reads"));
        destroy(&other).await.expect(409);
        release(app, &held).await;
        staff.get(&format!("/intake/{other}")).await.expect(200).says(&format!("/intake/{other}/erase"));
        destroy(&other).await.expect(303);
        assert!(is_gone(app, &other).await);
        destroy(&other).await.expect(410);
        assert_eq!(countersign::db::rows::unnamed(&app.app.db).await.expect("reads"), None);
    })
    .await;
}

#[tokio::test]
async fn an_end_that_a_merge_brought_nearer_is_shown_before_and_stays() {
    with(&[], async |app| {
        let older = second(app).await;
        app.advance(24 * 3600);
        let kept = whole(app).await;
        let staff = app.person(&[Role::Intake]).await;
        staff.get(&format!("/intake/{kept}/merge?with={older}")).await.expect(200).says("is destroyed earlier");
        staff.get(&format!("/intake/{older}/merge?with={kept}")).await.expect(200).says("Both are destroyed").lacks("is destroyed earlier");
        let expires =
            async |id: &str| -> i64 { app.app.db.query("select expires_at from intake_record where id = $1").bind(id).scalar().await.expect("reads") };
        let promised = expires(&older).await;
        assert!(promised < expires(&kept).await);
        merge(app, &staff, &kept, &older).await;
        assert_eq!(expires(&kept).await, promised);
        assert!(say(app, "delete").await.contains("for good?"));
        assert!(say(app, "no").await.contains("Nothing was deleted"));
        assert_eq!(expires(&kept).await, promised, "a step after the end moves nothing");
    })
    .await;
}

#[tokio::test]
async fn a_delete_from_either_telephone_takes_both() {
    with(&[], async |app| {
        let kept = whole(app).await;
        let other = second(app).await;
        let staff = app.person(&[Role::Intake]).await;
        let all = [("other", other.as_str()), ("version", &version(app, &kept).await), ("other_version", &version(app, &other).await), ("reason", "one")];
        staff.post(&format!("/intake/{kept}/merge"), &all).await.expect(303);
        assert!(say_from(app, OTHER, "delete").await.contains("for good?"));
        assert!(say_from(app, OTHER, "yes").await.contains("was deleted"));
        assert!(is_gone(app, &kept).await && is_gone(app, &other).await);
        assert_eq!(count(app, "select count(*) from intake_record where number_ix is not null or person_ix is not null").await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_comes_after_the_conversation_is_sealed_with_the_record() {
    with(&[], async |app| {
        for text in &SAID[..4] {
            say(app, text).await;
        }
        assert!(say(app, "person").await.contains("A person will go on"));
        let id = newest(app).await;
        assert!(!say(app, "I also had planted-malaria").await.contains("<Message>"));
        assert!(!say(app, "and planted-mumps").await.contains("<Message>"));
        assert_eq!(count(app, "select count(*) from inbound_event where kind = 'message'").await, 0);
        let staff = app.person(&[Role::Intake]).await;
        staff.get(&format!("/intake/{id}")).await.expect(200).says("Texts that came afterwards").lacks("planted-m");
        let fields = [("field", "texts"), PURPOSE];
        staff.post(&format!("/intake/{id}/reveal"), &fields).await.expect(200).says("planted-malaria").says("planted-mumps");
        let last = entries(app).await;
        assert!(last.iter().filter(|e| e["data"]["step"] == "texted").count() == 2 && !last.iter().any(|e| e.to_string().contains("planted")));
        staff.post(&format!("/intake/{id}/erase"), &[("reason", "x"), ("typed", "DESTROY")]).await.expect(303);
        assert_eq!(count(app, "select count(*) from intake_value where sealed is not null").await, 0);
        // A person has one, and nobody did anything with it for a day: the text is not kept from those who answer messages.
        for text in [SAID[0], SAID[1], "person"] {
            say(app, text).await;
        }
        let left = newest(app).await;
        app.advance(25 * 3600);
        say(app, "is anybody there").await;
        assert_eq!((state(app, &left).await.as_str(), count(app, "select count(*) from inbound_event where kind = 'message'").await), ("handover", 1));
        // After a complete one, for as long as a conversation may rest; then it is a message as any other.
        let id = whole(app).await;
        say(app, "planted-tail").await;
        assert_eq!(count(app, "select count(*) from intake_value where field = 'texts' and sealed is not null").await, 1);
        app.advance(25 * 3600);
        say(app, "see you on Monday").await;
        assert_eq!(count(app, "select count(*) from inbound_event where kind = 'message'").await, 2);
        assert_eq!(state(app, &id).await, "complete");
    })
    .await;
}

#[tokio::test]
async fn a_hold_keeps_a_conversation_and_shuts_nobody_out() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("intake")).expect("makes");
    let text = std::fs::read_to_string("policies/intake/default.toml").expect("the built-in flow");
    std::fs::write(folder.path().join("intake/default.toml"), text.replace("open_max = 1000", "open_max = 2")).expect("writes");
    let path = folder.path().display().to_string();
    with(&[("policies", path.as_str())], async |app| {
        say(app, "intake").await;
        say(app, "yes").await;
        say(app, "Ruth Abernathy").await;
        let held = newest(app).await;
        let officer = app.person(&[Role::Compliance]).await;
        officer.post("/audit/holds", &[("subject", held.as_str()), ("reason", "a claim")]).await.expect(303);
        // The oldest that gives room is not the one that is held.
        say_from(app, OTHER, "intake").await;
        let second = newest(app).await;
        assert!(say_from(app, "+14155552673", "intake").await.contains("Answer YES"));
        assert_eq!((state(app, &held).await, state(app, &second).await), ("open".into(), "expired".into()));
        app.advance(25 * 3600);
        assert!(say(app, "intake").await.contains("Answer YES"), "its number begins another");
        assert_eq!(state(app, &held).await, "handover");
        assert!(app.app.db.vault().has_key(&held).await.expect("reads"));
        assert_eq!(count(app, "select count(*) from intake_record where state = 'open' and number_ix is not null").await, 2);
    })
    .await;
}

#[tokio::test]
async fn new_links_are_bounded_and_what_was_begun_is_forgotten_with_the_day() {
    with(&[], async |app| {
        for n in 1..=6 {
            let said = say(app, "form").await;
            assert_eq!(said.contains("/intake/form/"), n <= 5, "{n}: {said}");
        }
        assert_eq!(count(app, "select count(*) from intake_record").await, 1);
        assert_eq!(count(app, "select count(*) from intake_start").await, 1);
        app.advance(24 * 3600);
        say_from(app, OTHER, "intake").await;
        assert_eq!(count(app, "select count(*) from intake_start").await, 1, "only this day's");
    })
    .await;
}

#[tokio::test]
async fn a_record_is_printed_whole_for_a_purpose_and_its_entry_holds_the_hash_of_the_page() {
    with(&[], async |app| {
        let id = whole(app).await;
        let staff = app.person(&[Role::Intake]).await;
        say(app, "planted-tail").await;
        staff.post(&format!("/intake/{id}/note"), &[("text", "planted-note")]).await.expect(303);
        let print = format!("/intake/{id}/print");
        staff.post(&print, &[("purpose", "curiosity")]).await.expect(422).lacks("lanted");
        let page = staff.post(&print, &[PURPOSE]).await.expect(200);
        let printed = ["Ruth Plantedname", "1984-03-27", "77 Plantedstreet", "planted-asthma", "planted-salbutamol", "planted-tail", "planted-note", PHONE];
        for text in printed.into_iter().chain(["Not on this page: files"]) {
            assert!(page.text().contains(text), "{text}");
        }
        let told: Vec<_> = entries(app).await.into_iter().filter(|e| e["action"] == "intake.print" && e["outcome"] == "ok").collect();
        let sha256 = told[0]["data"]["sha256"].as_str().expect("a hash").to_owned();
        assert!(told.len() == 1 && page.text().contains(&sha256) && !told[0].to_string().contains("lanted"));
        staff.get(&format!("/intake/{id}/disclosures")).await.expect(200).says("Printed").says("Medical history");
        app.advance(11 * 60);
        assert!(staff.post(&print, &[PURPOSE]).await.expect(303).location().starts_with("/fresh"));
    })
    .await;
}
