//! The viewer of the trail: what it shows is what the leaves say, and a hand in anything beside them is an alarm.

use countersign::db::integrity;
use countersign::policy::Role;
use countersign::store::Store;
use countersign::vault::Place;

use crate::retention::erase;
use crate::support::app::on_postgres;
use crate::support::{TestApp, check};
use crate::trail::{grown, tamper};

/// Ends a test whose trail was tampered with.
async fn in_doubt(app: TestApp) {
    app.app.db.latch_fault("head");
    app.finish().await;
}

/// The place of the newest entry of an act.
async fn newest(app: &TestApp, action: &str) -> i64 {
    app.app.db.settle().await.expect("settles");
    let sql = "select c.seq from audit_event e join audit_chain c on c.event_id = e.id where e.action = $1 order by e.id desc limit 1";
    app.app.db.query(sql).bind(action).scalar().await.expect("is there")
}

#[tokio::test]
async fn columns_edited_behind_the_leaf_are_an_alarm_and_are_found() {
    let app = TestApp::new(&[]).await;
    let officer = app.person(&[Role::Compliance]).await;
    grown(&app).await;
    officer.get("/audit").await.expect(200).lacks("Altered");
    let at = newest(&app, "trail.read").await;
    officer.get(&format!("/audit/{at}")).await.expect(200).lacks("was altered in the database");
    tamper(
        &app,
        "update audit_event set action = 'session.logout', outcome = 'failed' where id = (select event_id from audit_chain where seq = (select min(c.seq) from audit_chain c join audit_event e on e.id = c.event_id where e.outcome = 'denied'))",
    )
    .await;
    let seq: i64 = app
        .app
        .db
        .query("select c.seq from audit_event e join audit_chain c on c.event_id = e.id where e.action = 'session.logout' limit 1")
        .scalar()
        .await
        .expect("there");
    officer.get("/audit").await.expect(200).says("Altered");
    let found = officer.get("/audit?action=session.logout").await.expect(200);
    assert!(found.text().contains(&format!("href=\"/audit/{seq}\"")) && !found.text().contains("class=\"mono\">session.logout"), "{}", found.text());
    found.says("trail.read").says("Altered");
    officer.get(&format!("/audit/{seq}")).await.expect(200).says("The column action says something else").says("The column outcome").says("trail.read");
    let (_, bad) = integrity::walk(&app.app.db).await.expect("walks");
    assert_eq!(bad, Some(format!("entry {seq}: the column `action` says something else than the entry; searches by it mislead")));
    in_doubt(app).await;
}

#[tokio::test]
async fn a_body_edited_in_the_database_is_an_alarm_where_it_is_shown() {
    let app = TestApp::new(&[]).await;
    let officer = app.person(&[Role::Compliance]).await;
    grown(&app).await;
    let at = newest(&app, "trail.read").await;
    let sql = if on_postgres() {
        "update audit_event set body = convert_to(replace(convert_from(body, 'UTF8'), '\"denied\"', '\"ok\"'), 'UTF8') where action = 'trail.read'"
    } else {
        "update audit_event set body = cast(replace(cast(body as text), '\"denied\"', '\"ok\"') as blob) where action = 'trail.read'"
    };
    tamper(&app, sql).await;
    officer.get(&format!("/audit/{at}")).await.expect(200).says("do not have the hash").says("The column outcome");
    officer.get("/audit").await.expect(200).says("Altered");
    in_doubt(app).await;
}

/// Puts other values under the seal of an entry, with the keys that seal it; or, without any, breaks the seal.
async fn reseal(app: &TestApp, seq: i64, values: Option<&serde_json::Value>) {
    let db = &app.app.db;
    let sql = "select p.event_id, p.subject, p.sealed from audit_payload p join audit_chain c on c.event_id = p.event_id where c.seq = $1 and p.part = 'actor'";
    let (event, subject, mut old): (String, String, Vec<u8>) = db.query(sql).bind(seq).one().await.expect("sealed values");
    let place = Place { table: "audit_payload", row: &event, column: "actor" };
    let sealed = match values {
        Some(values) => db.vault().seal(&subject, &place, values.to_string().as_bytes()).await.expect("seals"),
        None => {
            if let Some(last) = old.last_mut() {
                *last ^= 1;
            }
            old
        }
    };
    // The guards are taken away first.
    tamper(app, "delete from audit_pending where event_id = ''").await;
    let mut work = db.store().begin().await.expect("begins");
    work.query("update audit_payload set sealed = $2 where event_id = $1 and part = 'actor'").bind(event).bind(sealed).execute().await.expect("tampers");
    work.commit(None).await.expect("commits");
}

#[tokio::test]
async fn a_value_that_its_entry_did_not_commit_to_is_not_shown_and_is_an_alarm() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let other = app.person(&[Role::Contributor]).await;
        other.get("/audit").await.expect(403);
        let seq = newest(app, "trail.read").await;
        let page = format!("/audit/{seq}");
        officer.get(&page).await.expect(200).says(&other.username).lacks("Does not fit the entry");
        // The very words of a sealed part, with the key of the commitment that was made for another value.
        let planted = serde_json::json!({ "actor.name": { "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "v": "planted.name" }, "more": { "k": "", "v": "planted.more" } });
        reseal(app, seq, Some(&planted)).await;
        officer.get(&page).await.expect(200).lacks("planted.name").lacks("planted.more").says("Does not fit the entry").says("was altered in the database");
        officer.get("/audit").await.expect(200).lacks("planted.name").says("Altered");
        reseal(app, seq, None).await;
        officer.get(&page).await.expect(200).lacks(&other.username).says("Does not fit the entry");
        // What was erased is no alarm.
        let id = other.id.as_ref().expect("an id").to_string();
        let admin = app.person(&[Role::Admin]).await;
        admin.post(&format!("/admin/users/{id}/disable"), &[]).await.expect(303);
        erase(&officer, &id).await.expect(303);
        let older: i64 = app.app.db.query("select c.seq from audit_event e join audit_chain c on c.event_id = e.id where e.action = 'session.totp' and e.object_id = $1 order by e.id desc limit 1").bind(id).scalar().await.expect("there");
        officer.get(&format!("/audit/{older}")).await.expect(200).lacks("was altered in the database").says("erased");
    })
    .await;
}

#[tokio::test]
async fn everything_one_request_did_is_found_together() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let other = app.person(&[Role::Contributor]).await;
        other.get("/audit").await.expect(403);
        let seq = newest(app, "trail.read").await;
        other.get("/audit").await.expect(403);
        let page = officer.get(&format!("/audit/{seq}")).await.expect(200).text();
        let href = page.split("/audit?request").nth(1).and_then(|t| t.split('"').next()).expect("a link").replace("&#x3d;", "=");
        let list = officer.get(&format!("/audit?request{href}")).await.expect(200);
        assert_eq!(list.text().matches("<tr><td class=\"n\">").count(), 1, "{}", list.text());
        assert!(list.text().contains(&format!("href=\"/audit/{seq}\"")) && list.text().contains("Request: "), "{}", list.text());
        officer.get("/audit?request=req_1").await.expect(422);
    })
    .await;
}

#[tokio::test]
async fn a_leaf_is_handed_out_as_it_was_hashed() {
    use countersign_audit::write::leaf::leaf_hash;
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        app.sign().await;
        let leaf = officer.get("/audit/1/leaf").await.expect(200);
        let stored: Vec<u8> = app.app.db.query("select leaf_hash from audit_chain where log = 1 and seq = 1").scalar().await.expect("reads");
        assert_eq!(leaf_hash(&leaf.bytes).to_vec(), stored);
        assert!(leaf.header("content-disposition").contains("entry-1.json"), "{}", leaf.header("content-disposition"));
        officer.get("/audit/100000/leaf").await.expect(404);
    })
    .await;
}

/// Runs a migration's one update again, on events that lost what it filled in.
#[tokio::test]
async fn events_older_than_the_column_of_requests_are_filled_in() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        person.get("/audit").await.expect(403);
        app.app.db.settle().await.expect("settles");
        let file = if matches!(app.app.db.store(), Store::Sqlite { .. }) {
            include_str!("../../migrations/sqlite/0009_request.sql")
        } else {
            include_str!("../../migrations/postgres/0009_request.sql")
        };
        let fill = file.lines().find(|l| l.starts_with("update audit_event")).expect("an update").trim_end_matches(';');
        let count = "select count(*) from audit_event where request_id is not null";
        let before: i64 = app.app.db.query(count).scalar().await.expect("counts");
        assert!(before > 0);
        tamper(app, "update audit_event set request_id = null").await;
        assert!(integrity::walk(&app.app.db).await.expect("walks").1.is_some_and(|bad| bad.contains("`request_id`")));
        tamper(app, fill).await;
        assert_eq!(app.app.db.query(count).scalar::<i64>().await.expect("counts"), before);
    })
    .await;
}
