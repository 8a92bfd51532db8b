//! What happens to evidence by itself and in bulk: reminders, the scrub, many files at once.

use std::path::PathBuf;

use axum::body::Body;
use axum::http::{Request, header};
use countersign::core::clock::DAY;
use countersign::evidence::{expiry, scrub};
use countersign::policy::Role;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::artifacts::{approve, describe, link, meet, newest, told, upload, upload_version};
use crate::assess::begin;
use crate::support::person::BOUNDARY;
use crate::support::{Reply, TestApp, TestPerson, check};

async fn remind(app: &TestApp) -> usize {
    expiry::remind(&app.app.db, &app.app.policy).await.expect("reminds")
}

/// What waits to be told of a template, by person.
async fn notices(app: &TestApp, template: &str) -> Vec<String> {
    let rows: Vec<(String,)> = app.app.db.query("select person_id from notice where template = $1").bind(template).all().await.expect("reads");
    rows.into_iter().map(|(id,)| id).collect()
}

async fn entries(app: &TestApp, action: &str) -> usize {
    app.db_actions().await.iter().filter(|a| a.starts_with(action)).count()
}

#[tokio::test]
async fn an_owner_is_told_of_each_day_once() {
    check(async |app| {
        let owner = app.person(&[Role::Contributor]).await;
        let (file, draft) = (upload(&owner, "yearly.txt").await, upload(&owner, "draft.txt").await);
        for id in [&file, &draft] {
            describe(&owner, id, &[("expires_on", "2026-03-01")]).await.expect(303);
        }
        approve(&owner, &file).await;
        let id = owner.id.as_ref().expect("an id").to_string();
        let mut expected = 0;
        // 2026-01-15, and so many days later: 30 days before, a week, a day, the last one, and after it.
        for (days, more) in [(0, 0), (14, 0), (1, 1), (10, 0), (13, 1), (3, 0), (3, 1), (1, 1), (30, 0)] {
            app.clock.advance(days * DAY);
            remind(app).await;
            remind(app).await;
            expected += more;
            assert_eq!(notices(app, "evidence_expires").await, vec![id.clone(); expected], "{days}");
        }
        assert_eq!(entries(app, "evidence.remind ok").await, 4);
        assert_eq!(newest(app, "evidence.remind").await["data"]["days"], 0);
        // Whoever is late hears of the nearest day alone; what was superseded is told of no more.
        owner.open_session().await;
        let late = upload(&owner, "late.txt").await;
        describe(&owner, &late, &[("expires_on", "2026-04-05")]).await.expect(303);
        approve(&owner, &late).await;
        remind(app).await;
        assert_eq!(notices(app, "evidence_expires").await.len(), 5);
        let next = upload_version(&owner, &late, "late.txt", b"next").await.expect(303).location().trim_start_matches("/evidence/").to_owned();
        approve(&owner, &next).await;
        app.clock.advance(30 * DAY);
        remind(app).await;
        assert_eq!(notices(app, "evidence_expires").await.len(), 5);
    })
    .await;
}

fn stored(app: &TestApp, sha256: &str) -> PathBuf {
    app.data().join("blobs").join(&sha256[..2]).join(sha256)
}

async fn scrubbed(app: &TestApp) -> scrub::Found {
    scrub::run(&app.app.db, &app.app.policy, app.app.blobs.as_ref(), &CancellationToken::new()).await.expect("scrubs")
}

#[tokio::test]
async fn an_altered_file_is_found_by_the_scrub_and_holds_nothing_until_it_is_whole() {
    check(async |app| {
        let owner = app.person(&[Role::Contributor]).await;
        let desk = begin(&owner).await;
        let page = format!("{desk}/objectives/3.4.4");
        let (file, gone) = (upload(&owner, "board.txt").await, upload(&owner, "gone.txt").await);
        approve(&owner, &file).await;
        link(&owner, &page, &file).await;
        meet(&owner, &page).await;
        let hash = async |id: &str| -> String { app.app.db.query("select sha256 from evidence where id = $1").bind(id).scalar().await.expect("reads") };
        let (first, second) = (hash(&file).await, hash(&gone).await);
        scrubbed(app).await;
        app.clock.advance(DAY + 1);
        // The server may be at it, too: either waits for the other.
        scrubbed(app).await;
        let round = newest(app, "evidence.scrubbed").await;
        assert_eq!((&round["data"]["files"], &round["data"]["altered_files"]), (&2.into(), &0.into()));
        let whole = std::fs::read(stored(app, &first)).expect("reads");
        std::fs::write(stored(app, &first), b"another content").expect("writes");
        std::fs::remove_file(stored(app, &second)).expect("removes");
        assert_eq!(scrubbed(app).await, scrub::Found::default(), "the next round is a day away");
        app.clock.advance(DAY + 1);
        marked(app, 2).await;
        owner.open_session().await;
        let token = owner.token(&[Role::Contributor], &["assess.read", "evidence.list"]).await;
        assert_eq!(told(&token, &desk, "3.4.4").await["why"]["code"], "hash_mismatch");
        owner.get(&page).await.expect(200).says("altered after it was uploaded");
        owner.get(&format!("/evidence/{file}")).await.expect(200).says("The stored file was found to be another");
        owner.post(&format!("/evidence/{gone}/submit"), &[]).await.expect(303);
        crate::artifacts::decide(&app.person(&[Role::Compliance]).await, &gone).await.expect(409);
        // Put back from a backup: the next round takes the mark away.
        std::fs::write(stored(app, &first), whole).expect("writes");
        app.clock.advance(DAY + 1);
        marked(app, 1).await;
        owner.open_session().await;
        let token = owner.token(&[Role::Contributor], &["assess.read", "evidence.list"]).await;
        assert_eq!(told(&token, &desk, "3.4.4").await["why"], Value::Null);
    })
    .await;
}

/// So many versions are marked after a scrub.
async fn marked(app: &TestApp, expected: i64) {
    scrubbed(app).await;
    let marked: i64 = app.app.db.query("select count(*) from artifact where altered_at is not null").scalar().await.expect("counts");
    assert_eq!(marked, expected);
}

fn form(csrf: &str, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in [("csrf_token", csrf)].iter().chain(fields) {
        out.extend(format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes());
    }
    for (name, bytes) in files {
        out.extend(format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n").into_bytes());
        out.extend_from_slice(bytes);
        out.extend(b"\r\n");
    }
    out.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    out
}

async fn send(person: &TestPerson<'_>, path: &str, body: Vec<u8>) -> Reply {
    let request = Request::post(path).header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"));
    person.send(request.body(Body::from(body)).expect("a request")).await
}

#[tokio::test]
async fn many_files_go_up_at_once_and_one_that_is_refused_holds_up_none() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let csrf = person.csrf();
        let huge = vec![b'x'; usize::try_from(app.app.policies.uploads.bytes_max).expect("fits") + 1];
        let files: [(&str, &[u8]); 6] =
            [("one.txt", b"one"), ("page.html", b"<script>"), ("shot.png", b"no picture"), ("empty.txt", b""), ("huge.txt", &huge), ("../two.txt", b"two")];
        let page = send(&person, "/evidence/files", form(&csrf, &[], &files)).await.expect(200);
        page.says("2 of 6 taken").says("This kind of file is not allowed").says("bigger than").says("The file is empty").says("two.txt");
        assert_eq!(entries(app, "evidence.upload ok").await, 2);
        let names: Vec<(String,)> = app.app.db.query("select name from evidence order by id").all().await.expect("reads");
        assert_eq!(names, [("one.txt".to_owned(),), ("two.txt".to_owned(),)]);
        send(&person, "/evidence/files", form(&csrf, &[], &[("", b"")])).await.expect(422).says("There was no file");
        send(&person, "/evidence/files", form(&csrf, &[("colour", "red")], &[("a.txt", b"a")])).await.expect(422);
        send(&person, "/evidence/files", form("wrong", &[], &[("a.txt", b"a")])).await.expect(403);
        app.person(&[Role::Compliance]).await.get("/evidence").await.expect(200).lacks("/evidence/files");
    })
    .await;
}

#[tokio::test]
async fn files_go_up_on_an_objective_and_are_linked_there() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let csrf = person.csrf();
        let desk = begin(&person).await;
        let page = format!("{desk}/objectives/3.1.1%5Ba%5D");
        let files: [(&str, &[u8]); 2] = [("one.txt", b"one"), ("two.md", b"two")];
        send(&person, &format!("{page}/files"), form(&csrf, &[("method", "test")], &files)).await.expect(303);
        person.get(&page).await.expect(200).says("AC-3.01.01.a.txt").says("AC-3.01.01.a.md").says("Tested").says("Its evidence is a draft");
        let actions = app.db_actions().await;
        let of = |which: &str| actions.iter().filter(|a| *a == which).count();
        assert_eq!((of("evidence.upload ok"), of("objective.link ok")), (2, 2));
        let bad: [(&str, &[u8]); 2] = [("three.txt", b"three"), ("page.html", b"<b>")];
        let told = send(&person, &format!("{page}/files"), form(&csrf, &[("method", "test")], &bad)).await.expect(200);
        told.says("1 of 2 taken").says("3.1.1[a]");
        person.get(&page).await.expect(200).says("three.txt");
        send(&person, &format!("{desk}/objectives/3.9.9/files"), form(&csrf, &[], &files)).await.expect(404);
        let officer = app.person(&[Role::Compliance]).await;
        officer.get(&page).await.expect(200).lacks("Upload for this objective");
        send(&officer, &format!("{page}/files"), form(&officer.csrf(), &[], &files)).await.expect(403);
    })
    .await;
}
