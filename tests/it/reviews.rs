//! Reviews: who may sign what off, that nothing is signed that does not lie there, and what a signature leaves.

use countersign::core::clock::DAY;
use countersign::identity;
use countersign::notices;
use countersign::policy::Role;
use countersign::trail::review_cover::coverage;
use countersign::trail::review_remind::remind;
use serde_json::Value;

use crate::support::{Reply, TestApp, TestPerson, check};
use crate::trail::tamper;

/// The last place of the log.
async fn last(app: &TestApp) -> i64 {
    app.app.db.settle().await.expect("settles");
    app.app.db.head(1).await.expect("reads").expect("is there").size - 1
}

/// Signs a range off.
async fn sign(officer: &TestPerson<'_>, first: i64, last: i64, more: &[(&str, &str)]) -> Reply {
    let (first, last) = (first.to_string(), last.to_string());
    let mut fields = vec![("first", first.as_str()), ("last", last.as_str()), ("finding", "none"), ("comment", "Looked at all of it.")];
    for (name, value) in more {
        fields.retain(|(n, _)| n != name);
        fields.push((name, value));
    }
    officer.post("/audit/reviews", &fields).await
}

/// The body of the newest entry of an act.
async fn newest(app: &TestApp, action: &str) -> (i64, Value) {
    app.app.db.settle().await.expect("settles");
    let sql = "select c.seq, e.body from audit_event e join audit_chain c on c.event_id = e.id where e.action = $1 order by e.id desc limit 1";
    let (seq, body): (i64, Vec<u8>) = app.app.db.query(sql).bind(action).one().await.expect("is there");
    (seq, serde_json::from_slice(&body).expect("JSON"))
}

async fn count(app: &TestApp, action: &str) -> usize {
    app.db_actions().await.iter().filter(|a| a.starts_with(action)).count()
}

#[tokio::test]
async fn a_review_is_an_entry_with_everything_that_was_signed() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let other = app.person(&[Role::Contributor]).await;
        for _ in 0..30 {
            other.get("/audit").await.expect(403);
        }
        let last = last(app).await;
        let list = officer.get(&format!("/audit?first=3&last={last}")).await.expect(200);
        list.says("Sign off these entries");
        let form = officer.get(&format!("/audit/reviews/new?first=3&last={last}&outcome=denied&sample=7")).await.expect(200);
        form.says("I have reviewed these entries").says("Entries drawn");
        let more = [("outcome", "denied"), ("sample", "7"), ("finding", "question"), ("comment", "Who is it?")];
        let page = sign(&officer, 3, last, &more).await.expect(303).location().to_owned();
        let (seq, entry) = newest(app, "trail.review").await;
        let data = &entry["data"];
        let root = app.app.db.root(1, u64::try_from(last + 1).expect("positive")).await.expect("a root");
        assert_eq!((&data["from_seq"], &data["to_seq"], &data["matched"]), (&Value::from(3), &Value::from(last), &Value::from(30)));
        assert_eq!(
            (data["root"].as_str(), data["finding"].as_str(), data["method"].as_str()),
            (Some(hex::encode(root).as_str()), Some("question"), Some("sample"))
        );
        assert_eq!(data["meaning"], "I have reviewed these entries of the audit trail as stated, and this is my finding.");
        assert_eq!(data["authenticated_at"], "2026-01-15T12:00:00Z");
        assert_eq!(data["filters"], serde_json::json!(["outcome", "first", "last"]));
        let drawn: Vec<i64> = serde_json::from_value(data["drawn"].clone()).expect("places");
        assert_eq!(drawn.len(), 7);
        for seq in &drawn {
            officer.get(&format!("/audit/{seq}")).await.expect(200).says("denied");
        }
        assert!(!entry.to_string().contains("Who is it?"), "the comment is sealed");
        assert_eq!(entry["resource"]["id"].as_str().map(|id| format!("/audit/reviews/{id}")), Some(page.clone()));
        app.sign().await;
        let shown = officer.get(&page).await.expect(200);
        assert!(shown.text().contains(&format!("/audit/{seq}/proof")) && shown.text().contains(&hex::encode(root)), "{}", shown.text());
        shown.says("Who is it?").says("outcome").says(data["seed"].as_str().expect("a seed"));
        officer.get("/audit/reviews").await.expect(200).says("Question open").says("Filtered");
        // The database holds no word of it in the open.
        let row: (Vec<u8>,) = app.app.db.query("select sealed from review").one().await.expect("reads");
        assert!(!String::from_utf8_lossy(&row.0).contains("Who is it?"));
    })
    .await;
}

#[tokio::test]
async fn only_compliance_signs_and_only_with_a_fresh_password_and_code() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let officer = app.person(&[Role::Compliance]).await;
        let last = last(app).await;
        sign(&admin, 0, last, &[]).await.expect(403);
        admin.get(&format!("/audit/reviews/new?first=0&last={last}")).await.expect(403);
        admin.get("/audit/reviews").await.expect(200).lacks("/audit/reviews/new");
        app.advance(601);
        let to = sign(&officer, 0, last, &[]).await.expect(303);
        assert!(to.location().starts_with("/fresh?next="), "{}", to.location());
        let back = officer.get(&format!("/audit/reviews/new?first=0&last={last}&actor=system")).await.expect(303).location().to_owned();
        assert_eq!(back, format!("/fresh?next=%2Faudit%2Freviews%2Fnew%3Ffirst%3D0%26last%3D{last}%26actor%3Dsystem"));
        assert_eq!(count(app, "trail.review ok").await, 0);
        let token = officer.token(&[Role::Compliance], &["trail.review", "trail.read"]).await;
        token.post("/api/v1/audit/reviews", &serde_json::json!({})).await.expect(405);
        assert!(token.get("/api/v1/audit/reviews").await.expect(200).json()["items"].as_array().expect("items").is_empty());
    })
    .await;
}

#[tokio::test]
async fn nobody_signs_off_what_is_theirs_alone() {
    check(async |app| {
        let other = app.person(&[Role::Contributor]).await;
        let officer = app.person(&[Role::Compliance]).await;
        other.get("/audit").await.expect(403);
        let first = last(app).await;
        officer.get("/audit?outcome=failed").await.expect(200);
        officer.get("/audit?outcome=error").await.expect(200);
        let last = last(app).await;
        assert_eq!(last, first + 2);
        sign(&officer, first + 1, last, &[]).await.expect(422).says("your own acts");
        sign(&officer, first, last, &[("actor", &officer.username)]).await.expect(422).says("your own acts");
        assert_eq!(count(app, "trail.review ok").await, 0);
        // With somebody else's act between them it is a review, and so is another officer's of the same range.
        sign(&officer, first, last, &[]).await.expect(303);
        let second = app.person(&[Role::Compliance]).await;
        sign(&second, first + 1, last, &[]).await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn a_range_must_be_there_and_be_bounded() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let end = last(app).await;
        for (first, last) in [(0, end + 50), (5, 4), (0, 100_000), (-1, 2)] {
            sign(&officer, first, last, &[]).await.expect(422);
        }
        for more in [("sample", "0"), ("sample", "501"), ("finding", "fine"), ("comment", " "), ("comment", "a\u{202E}b"), ("surplus", "1")] {
            sign(&officer, 0, end, &[more]).await.expect(422);
        }
        officer.post("/audit/reviews", &[("finding", "none"), ("comment", "x")]).await.expect(422);
        sign(&officer, 0, end, &[("corrects", "rvw_0192f0c1a2b37c4d8e5f60718293a4b5")]).await.expect(422).says("corrected already");
        assert_eq!(count(app, "trail.review ok").await, 0);
        let to = officer.get("/audit/reviews/new").await.expect(303).location().to_owned();
        assert!(to.starts_with("/audit/reviews/new?first=0&last="), "{to}");
        officer.get(&to).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_review_is_corrected_once_by_another_one_and_never_changed() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let end = last(app).await;
        let first = sign(&officer, 0, end, &[]).await.expect(303).location().to_owned();
        let id = first.trim_start_matches("/audit/reviews/").to_owned();
        assert_eq!(coverage(&app.app.db).await.expect("reads").reviewed(), end + 1);
        let second = sign(&officer, 0, 1, &[("corrects", &id), ("finding", "incident")]).await.expect(303).location().to_owned();
        assert_eq!(coverage(&app.app.db).await.expect("reads").reviewed(), 2, "what was corrected covers nothing any more");
        sign(&officer, 0, end, &[("corrects", &id)]).await.expect(422).says("corrected already");
        officer.get(&first).await.expect(200).says("A later review corrects this one").says(second.trim_start_matches("/audit/reviews/"));
        officer.get(&second).await.expect(200).says(&id);
        for sql in [
            "update review set finding = 'none'",
            "update review set finding = 'none', last_audit_id = (select min(id) from audit_event)",
            "delete from review",
            "insert into review select id, log, 0, 0, whole, matched, root, finding, method, seed, drawn, sealed, person_id, corrects, made_at, last_audit_id from review",
        ] {
            let mut work = app.app.db.store().begin().await.expect("begins");
            assert!(work.query(sql).execute().await.is_err(), "{sql}");
        }
    })
    .await;
}

#[tokio::test]
async fn two_corrections_at_once_leave_one() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let end = last(app).await;
        let id = sign(&officer, 0, end, &[]).await.expect(303).location().trim_start_matches("/audit/reviews/").to_owned();
        let more = [("corrects", id.as_str())];
        let (one, other) = tokio::join!(sign(&officer, 0, end, &more), sign(&officer, 0, end, &more));
        let mut said = [one.status.as_u16(), other.status.as_u16()];
        said.sort_unstable();
        assert_eq!(said, [303, 422]);
        assert_eq!(count(app, "trail.review ok").await, 2);
    })
    .await;
}

#[tokio::test]
async fn what_was_altered_beside_the_leaves_can_only_be_an_incident() {
    let app = TestApp::new(&[]).await;
    let officer = app.person(&[Role::Compliance]).await;
    let other = app.person(&[Role::Contributor]).await;
    other.get("/audit").await.expect(403);
    let end = last(&app).await;
    tamper(&app, "update audit_event set outcome = 'ok' where outcome = 'denied'").await;
    officer.get(&format!("/audit/reviews/new?first=0&last={end}&outcome=denied")).await.expect(200).says("was altered in the database");
    sign(&officer, 0, end, &[("outcome", "denied")]).await.expect(422).says("Only an incident");
    sign(&officer, 0, end, &[("outcome", "denied"), ("finding", "incident")]).await.expect(303);
    let (_, entry) = newest(&app, "trail.review").await;
    assert_eq!((&entry["data"]["matched"], &entry["data"]["differing"]), (&Value::from(1), &Value::from(1)), "counted by what the leaves say");
    app.app.db.latch_fault("head");
    app.finish().await;
}

/// Waits until the server's own loop has reminded so often.
async fn reminded(app: &TestApp, times: usize) {
    for _ in 0..500 {
        if count(app, "trail.remind ok").await >= times {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(count(app, "trail.remind ok").await, times);
}

#[tokio::test]
async fn officers_are_reminded_once_in_a_period_while_something_is_open() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let id = officer.id.clone().expect("a person");
        let due = async || {
            let officers = identity::holders(&app.app.db, Role::Compliance).await.expect("lists");
            remind(&app.app.db, &app.app.policy, app.app.policies.review.every_days, &officers).await.expect("works")
        };
        assert!(!due().await, "nothing is old yet");
        app.clock.advance(30 * DAY);
        reminded(app, 1).await;
        for _ in 0..500 {
            // Without a mail server it waits on the page, once the outbox has seen that.
            if !notices::on_page(&app.app.db, &id).await.expect("reads").is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(notices::on_page(&app.app.db, &id).await.expect("reads").len(), 1);
        app.clock.advance(29 * DAY);
        assert!(!due().await, "once in a period");
        assert_eq!(count(app, "trail.remind ok").await, 1);
        officer.open_session().await;
        officer.get("/").await.expect(200).says("wait for a review").says("/audit/reviews");
        let end = last(app).await;
        let second = app.person(&[Role::Compliance]).await;
        sign(&second, 0, end, &[]).await.expect(303);
        app.clock.advance(2 * DAY);
        assert!(!due().await, "what is open is young");
        app.clock.advance(29 * DAY);
        reminded(app, 2).await;
    })
    .await;
}
