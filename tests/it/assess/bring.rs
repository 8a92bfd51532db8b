//! Trackers brought in: shown first, taken over whole, refused file by file with reasons, and never over what changed since.

use axum::body::Body;
use axum::http::{Request, header};
use countersign::assess::bring;
use countersign::core::xlsx::Xlsx;
use countersign::core::zip::Zip;
use countersign::identity::throttle;
use countersign::policy::Role;
use serde_json::{Value, json};

use super::{begin, count, keep, newest, upload};
use crate::support::person::{BOUNDARY, PNG, TestToken};
use crate::support::{Reply, TestApp, TestPerson, check};

const SCOPES: [&str; 5] = ["assess.read", "tracker.stage", "tracker.apply", "tracker.cancel", "evidence.list"];

/// A form of these files.
fn form(token: Option<&str>, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(token) = token {
        out.extend_from_slice(format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"csrf_token\"\r\n\r\n{token}\r\n").as_bytes());
    }
    for (name, bytes) in files {
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        out.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    out.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    out
}

fn request(path: &str, body: Vec<u8>) -> Request<Body> {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    Request::post(path).header(header::CONTENT_TYPE, kind).body(Body::from(body)).expect("a request")
}

async fn bring_in(person: &TestPerson<'_>, desk: &str, files: &[(&str, &[u8])]) -> Reply {
    person.send(request(&format!("{desk}/import"), form(Some(&person.csrf()), files))).await
}

async fn bring_by_token(token: &TestToken<'_>, id: &str, key: &str, files: &[(&str, &[u8])]) -> Reply {
    let mut request = request(&format!("/api/v1/assessments/{id}/import"), form(None, files));
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {}", token.secret).parse().expect("a header"));
    request.headers_mut().insert("idempotency-key", key.parse().expect("a header"));
    token.send(request).await
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = Zip::default();
    let mut out: Vec<u8> = files.iter().flat_map(|(path, bytes)| zip.file(path, bytes)).collect();
    out.extend(zip.end());
    out
}

/// What is known of an objective, by the API.
async fn state(token: &TestToken<'_>, id: &str, objective: &str) -> Value {
    token.get(&format!("/api/v1/assessments/{id}/objectives/{objective}")).await.expect(200).json()
}

async fn files_there(app: &TestApp) -> i64 {
    app.app.db.query("select count(*) from evidence").scalar().await.expect("counts")
}

const TABLE: &str = "Export of the old tracker\n\nPractice ID,Objective,Status,Comments,Owner\n3.4.4,,Complete,Weighed by the board.,Nobody\nAC.L2-3.1.1,a,Not Met,No reviews yet.,\nAC-3.01.01,b,Implemented,,\n03.01.02,,N/A,=No wireless.,\n3.1.99,,met,,\n3.1.5,,green,,\n";

#[tokio::test]
async fn a_tracker_is_shown_first_and_taken_over_by_one_act() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let admin = app.person(&[Role::Admin]).await;
        admin.post("/tags", &[("code", "IT"), ("title", "Information technology")]).await.expect(303);
        let desk = begin(&person).await;
        let id = desk.trim_start_matches("/assess/");
        let token = person.token(&[Role::Contributor], &SCOPES).await;
        let known = upload(&person, "known.txt").await;
        let zip = archive(&[
            ("CM-3.04.04-IT.txt", b"minutes of the board"),
            ("AC/3.1.1[a] list.txt", b"a list"),
            ("AC-3.01.02.a.txt", b"a list"),
            ("3.1.2 known.txt", b"known.txt"),
            ("notes.txt", b"no id"),
        ]);
        let reply = bring_in(&person, &desk, &[("old.csv", TABLE.as_bytes()), ("files.zip", &zip)]).await.expect(303);
        let page = reply.location().to_owned();
        let seen = person.get(&page).await.expect(200).text();
        for text in
            ["old.csv, files.zip", "Its id is not in this framework", "Its status is not known", "complete without a finding is taken as reviewed", "notes.txt"]
        {
            assert!(seen.contains(text), "{text}: {seen}");
        }
        for text in
            ["the same as AC/3.1.1[a] list.txt", "here already; linked", "new evidence, as a draft", "its owner is nobody here", "Has no id of a requirement"]
        {
            assert!(seen.contains(text) || seen.replace("&#x2f;", "/").contains(text), "{text}: {seen}");
        }
        // Nothing has changed by looking.
        assert_eq!((files_there(app).await, state(&token, id, "3.4.4").await["version"].clone()), (1, json!(0)));
        person.post(&format!("{page}/apply"), &[]).await.expect(422).says("Leave that out");
        assert_eq!(count(app, "tracker.apply ok").await, 0);
        person.post(&format!("{page}/apply"), &[("leave_out", "yes")]).await.expect(303);
        person.post(&format!("{page}/apply"), &[("leave_out", "yes")]).await.expect(409);
        assert_eq!((files_there(app).await, count(app, "tracker.apply ok").await), (3, 1));
        let done = state(&token, id, "3.4.4").await;
        assert_eq!((&done["stage"], &done["notes"], &done["finding"]), (&json!("reviewed"), &json!("Weighed by the board."), &Value::Null));
        let not_met = state(&token, id, "3.1.1%5Ba%5D").await;
        assert_eq!((&not_met["finding"], &not_met["because"]), (&json!("not_met"), &json!("No reviews yet.")));
        assert_eq!(state(&token, id, "3.1.1%5Bb%5D").await["finding"], "met");
        assert_eq!(state(&token, id, "3.1.1%5Bc%5D").await["version"], 0);
        for letter in ["a", "b"] {
            let na = state(&token, id, &format!("3.1.2%5B{letter}%5D")).await;
            assert_eq!((&na["finding"], &na["because"]), (&json!("not_applicable"), &json!("=No wireless.")), "{letter}");
        }
        // One content is one piece of evidence, however often it came.
        let uses = person.get(&format!("/assess/evidence/{known}")).await.expect(200).text();
        assert!(uses.contains("3.1.2[a]"), "{uses}");
        person.get(&format!("{desk}/objectives/3.4.4")).await.expect(200).says("CM-3.04.04-IT.txt");
        let entry = newest(app, "tracker.apply").await;
        let data = &entry["data"];
        assert_eq!((&data["files"], &data["left_out"], &data["evidence"].as_array().map(Vec::len)), (&json!(2), &json!(3), &Some(2)));
        assert_eq!(data["sheet_sha256"].as_str().map(str::len), Some(64));
        assert_eq!((entry["resource"]["id"].as_str(), data["objectives"].as_i64()), (Some(id), Some(5)));
        person.get(&page).await.expect(200).says("What it did").lacks("Take it over");
        person.get(&format!("{desk}/import")).await.expect(200).says("taken over");
        assert_eq!(countersign::db::rows::unnamed(&app.app.db).await.expect("reads"), None);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_taken_over_when_something_changed_since() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let zip = archive(&[("3.4.4 board.txt", b"minutes")]);
        let table = b"id,status,stage\n3.4.4,met,complete\n3.1.1[a],met,\n";
        let page = bring_in(&person, &desk, &[("a.csv", table), ("a.zip", &zip)]).await.expect(303).location().to_owned();
        keep(&person, &format!("{desk}/objectives/3.1.1%5Ba%5D"), &[("notes", "mine")]).await.expect(303);
        person.post(&format!("{page}/apply"), &[]).await.expect(412).says("somebody changed 3.1.1[a]");
        assert_eq!((files_there(app).await, count(app, "tracker.apply ok").await), (0, 0));
        person.get(&format!("{desk}/objectives/3.4.4")).await.expect(200).says("Not assessed yet");
        // Brought again it is taken over, and what rests on its own files is complete.
        let page = bring_in(&person, &desk, &[("a.csv", table), ("a.zip", &zip)]).await.expect(303).location().to_owned();
        person.post(&format!("{page}/apply"), &[]).await.expect(303);
        let token = person.token(&[Role::Contributor], &SCOPES).await;
        assert_eq!(state(&token, desk.trim_start_matches("/assess/"), "3.4.4").await["stage"], "complete");
        person.get(&format!("{desk}/objectives/3.1.1%5Ba%5D")).await.expect(200).says("mine");
        // Once more it has nothing to do.
        let page = bring_in(&person, &desk, &[("a.csv", table)]).await.expect(303).location().to_owned();
        person.get(&page).await.expect(200).says("It would change nothing");
        person.post(&format!("{page}/apply"), &[]).await.expect(409);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_complete_by_an_import_that_rests_on_nothing() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let table = b"id,status,stage\n3.4.4,met,complete\n";
        let page = bring_in(&person, &desk, &[("a.csv", table)]).await.expect(303).location().to_owned();
        person.get(&page).await.expect(200).says("Nothing is complete without evidence");
        person.post(&format!("{page}/apply"), &[("leave_out", "yes")]).await.expect(409);
        // It rested on something when it was looked at.
        let zip = archive(&[("3.4.4 known.txt", b"known.txt")]);
        let file = upload(&person, "known.txt").await;
        let page = bring_in(&person, &desk, &[("a.csv", table), ("a.zip", &zip)]).await.expect(303).location().to_owned();
        person.post(&format!("/evidence/{file}/delete"), &[("reason", "superseded")]).await.expect(303);
        person.post(&format!("{page}/apply"), &[]).await.expect(409).says("Bring it again");
        assert_eq!(count(app, "tracker.apply ok").await, 0);
    })
    .await;
}

#[tokio::test]
async fn each_file_that_is_not_taken_says_why() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let long = format!("3.1.1 {}.txt", "x".repeat(300));
        let inner = archive(&[("3.1.1.txt", b"deep")]);
        let zip = archive(&[
            ("../3.1.1 up.txt", b"up"),
            ("/etc/3.1.1.txt", b"root"),
            ("3.1.1\0.txt", b"nul"),
            ("3.1.1 \u{202E}txt.exe", b"turned"),
            (&long, b"long"),
            ("3.1.1 inner.zip", &inner),
            ("3.1.1 lies.pdf", PNG),
            ("3.1.1 tool.exe", b"MZ"),
            ("3.1.1 empty.txt", b""),
            ("3.1.1 twice.txt", b"once"),
            ("3.1.1 twice.txt", b"again"),
            ("IA-3.1.1.txt", b"family"),
            ("__MACOSX/3.1.1.txt", b"system"),
            ("AC/", b""),
        ]);
        let page = bring_in(&person, &desk, &[("a.zip", &zip)]).await.expect(303).location().to_owned();
        let seen = person.get(&page).await.expect(200).text();
        for text in [
            "Its path leads elsewhere",
            "characters that cannot be seen",
            "reverses the direction",
            "Its name is too long",
            "Is an archive itself",
            "is not what its name says",
            "Is of a kind that is not taken",
            "Its path is there twice",
            "another family",
            "put there by a system",
        ] {
            assert!(seen.contains(text), "{text}: {seen}");
        }
        assert!(!seen.contains('\u{202E}') && !seen.contains('\0'));
        person.post(&format!("{page}/apply"), &[("leave_out", "yes")]).await.expect(303);
        assert_eq!(newest(app, "tracker.apply").await["data"]["files"], 1);
        // What is no archive, no table or too much is refused whole.
        let mut torn = archive(&[("3.1.1.txt", b"x")]);
        torn.truncate(torn.len() - 4);
        let many: Vec<(String, &[u8])> = (0..=1000).map(|n| (format!("3.1.1 {n}.txt"), b"x".as_slice())).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|(n, b)| (n.as_str(), *b)).collect();
        for (name, bytes, says) in [
            ("a.png", PNG, "allowed are csv txt xlsx zip"),
            ("a.zip", torn.as_slice(), "its end is missing"),
            ("a.zip", &archive(&many), "more than 1000 files"),
            ("a.csv", b"a,b\n1,2\n", "No row names a column of ids"),
            ("a.csv", b"id,status\n", "The table has no rows"),
            ("a.csv", b"id,status\n\"3.1.1", "a quotation mark is not closed"),
            ("a.xlsx", &archive(&[("xl/other.xml", b"<x/>")]), "The file is no workbook"),
        ] {
            bring_in(&person, &desk, &[(name, bytes)]).await.expect(422).says(says);
        }
        bring_in(&person, &desk, &[]).await.expect(422).says("Choose a table, an archive, or both");
        bring_in(&person, &desk, &[("a.csv", b"id,status\n3.4.4,met\n"), ("b.csv", b"id,status\n3.4.4,met\n")])
            .await
            .expect(422)
            .says("one table and one archive");
        assert_eq!(count(app, "tracker.stage ok").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_workbook_comes_in_over_the_api_and_waits_for_a_day_at_most() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let id = begin(&person).await.trim_start_matches("/assess/").to_owned();
        let token = person.token(&[Role::Contributor], &SCOPES).await;
        let mut book = Xlsx::default();
        let mut bytes = book.begin();
        for row in [["Requirement", "Objective", "Finding", "Due date"], ["3.1.1", "[a]", "Not met", "2026-03-31"], ["3.4.4", "", "met", ""]] {
            bytes.extend(book.row(&row).expect("room"));
        }
        bytes.extend(book.end());
        let made = bring_by_token(&token, &id, "one", &[("old.xlsx", &bytes)]).await.expect(201).json();
        assert_eq!((&made["state"], &made["refused"], &made["objectives"]), (&json!("waiting"), &json!(1), &json!(1)));
        assert_eq!(made["plan"]["rows"][0]["refused"], "because-missing");
        let again = bring_by_token(&token, &id, "one", &[("old.xlsx", &bytes)]).await.expect(201).json();
        assert_eq!(made["id"], again["id"]);
        let path = format!("/api/v1/imports/{}", made["id"].as_str().expect("an id"));
        assert_eq!(token.get(&path).await.expect(200).json()["plan"], made["plan"]);
        assert_eq!(token.post(&format!("{path}/apply"), &json!({})).await.expect(409).json()["code"], "refused");
        token.post(&format!("{path}/apply"), &json!({ "leave": true })).await.expect(422);
        let counts = token.post(&format!("{path}/apply"), &json!({ "leave_out": true })).await.expect(200).json();
        assert_eq!(counts, json!({ "objectives": 1, "files": 0, "links": 0, "left_out": 1 }));
        token.post(&format!("{path}/cancel"), &json!({})).await.expect(409);
        let narrow = person.token(&[Role::Contributor], &["assess.read"]).await;
        narrow.post(&format!("{path}/apply"), &json!({})).await.expect(403);
        // What nobody takes over is set aside.
        let table = b"id,status\n3.14.1[a],met\n";
        let other = bring_by_token(&token, &id, "two", &[("a.csv", table)]).await.expect(201).json()["id"].as_str().expect("an id").to_owned();
        app.advance(21 * 3600);
        bring::sweep(&app.app, app.app.db.clock().now()).await.expect("sweeps");
        let person = app.person(&[Role::Contributor]).await;
        let token = person.token(&[Role::Contributor], &SCOPES).await;
        assert_eq!(token.get(&format!("/api/v1/imports/{other}")).await.expect(200).json()["state"], "ended");
        token.post(&format!("/api/v1/imports/{other}/apply"), &json!({})).await.expect(409);
        let third = bring_by_token(&token, &id, "three", &[("a.csv", table)]).await.expect(201).json()["id"].as_str().expect("an id").to_owned();
        token.post(&format!("/api/v1/imports/{third}/cancel"), &json!({})).await.expect(204);
        // Of what was set aside nothing stays that it would have done.
        let plans: i64 = app.app.db.query("select count(*) from tracker_import where ended_at is not null and plan <> '{}'").scalar().await.expect("counts");
        assert_eq!(plans, 0);
        let aside = token.get(&format!("/api/v1/imports/{third}")).await.expect(200).json();
        assert_eq!((&aside["state"], &aside["plan"]["rows"]), (&json!("ended"), &json!([])));
        assert_eq!(count(app, "tracker.cancel ok").await, 2);
    })
    .await;
}

#[tokio::test]
async fn many_files_are_uploaded_each_by_its_own_act_and_linked_by_their_names() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let id = desk.trim_start_matches("/assess/").to_owned();
        let path = format!("{desk}/files");
        let files: [(&str, &[u8]); 3] = [("folder/3.4.4 board.txt", b"minutes"), ("3.1.2-rules.txt", b"rules"), ("notes.txt", b"notes")];
        let shown = person.send(request(&path, form(Some(&person.csrf()), &files))).await.expect(200);
        shown.says("but not linked: Has no id of a requirement");
        assert_eq!((count(app, "evidence.upload ok").await, count(app, "objective.link ok").await), (3, 3));
        person.get(&format!("{desk}/objectives/3.4.4")).await.expect(200).says("3.4.4 board.txt");
        // The page's script hears the same in a sentence, or where to go on.
        let by_script = async |files: &[(&str, &[u8])]| {
            let mut request = request(&path, form(Some(&person.csrf()), files));
            request.headers_mut().insert(header::ACCEPT, "application/json".parse().expect("a header"));
            person.send(request).await
        };
        let told = by_script(&[("3.4.4 more.txt", b"more"), ("3.4.4 tool.exe", b"MZ")]).await.expect(422).json();
        assert!(told["detail"].as_str().is_some_and(|d| d.contains("1 of 2 files were taken") && d.contains("3.4.4 tool.exe")), "{told}");
        assert_eq!(by_script(&[("3.4.4 last.txt", b"last")]).await.expect(201).json()["href"], desk);
        let token = person.token(&[Role::Contributor], &["evidence.upload", "objective.link", "assess.read"]).await;
        let by_token = async |path: &str, files: &[(&str, &[u8])]| {
            let mut request = request(path, form(None, files));
            request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {}", token.secret).parse().expect("a header"));
            token.send(request).await
        };
        let done = by_token(&format!("/api/v1/assessments/{id}/files"), &[("3.14.1[a] a.txt", b"a"), ("b.txt", b"b")]).await.expect(200).json();
        assert!(done[0]["id"].is_string() && done[0]["error"].is_null() && done[1]["error"].is_string(), "{done}");
        // What was taken and not linked keeps its id, so that nobody sends it again.
        assert!(done[1]["id"].is_string() && done[1]["unlinked"] == true && done[0]["unlinked"] == false, "{done}");
        let done = by_token("/api/v1/evidence/files", &[("c.txt", b"c"), ("d.exe", b"MZ")]).await.expect(200).json();
        assert!(done[0]["id"].is_string() && done[1]["id"].is_null(), "{done}");
    })
    .await;
}

#[tokio::test]
async fn nobody_fills_the_disk_with_archives_that_are_not_taken_over() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        for n in 0..10 {
            let name = format!("3.4.4 {n}.txt");
            bring_in(&person, &desk, &[("a.zip", &archive(&[(&name, name.as_bytes())]))]).await.expect(303);
        }
        let zip = archive(&[("3.4.4.txt", b"one more")]);
        bring_in(&person, &desk, &[("a.zip", &zip)]).await.expect(422).says("ten archives within a day");
        // Tables leave nothing behind.
        bring_in(&person, &desk, &[("a.csv", b"id,status\n3.4.4,met\n")]).await.expect(303);
    })
    .await;
}

async fn is_kept(app: &TestApp, bytes: &[u8]) -> bool {
    let sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes));
    app.app.blobs.open(&sha256).await.expect("looks").is_some()
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_of_its_archive() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let id = desk.trim_start_matches("/assess/").to_owned();
        // The archive comes first in the form, and last here.
        let zip = archive(&[("3.4.4.txt", b"beside a bad table")]);
        let wide = format!("id,status{}\n3.4.4,met\n", ",".repeat(200));
        for (table, says) in
            [(b"a,b\n1,2\n".as_slice(), "No row names a column of ids"), (b"id,status\n\"3.4.4", "a quotation mark"), (wide.as_bytes(), "too many columns")]
        {
            bring_in(&person, &desk, &[("a.zip", &zip), ("a.csv", table)]).await.expect(422).says(says);
        }
        assert!(!is_kept(app, b"beside a bad table").await);
        // A key that came with other files is told so before any is unpacked.
        let token = person.token(&[Role::Contributor], &SCOPES).await;
        let first = archive(&[("3.4.4.txt", b"first")]);
        bring_by_token(&token, &id, "one", &[("a.zip", &first)]).await.expect(201);
        bring_by_token(&token, &id, "one", &[("a.zip", &first)]).await.expect(201);
        bring_by_token(&token, &id, "one", &[("a.zip", &archive(&[("3.4.4.txt", b"second")]))]).await.expect(422);
        assert!(is_kept(app, b"first").await && !is_kept(app, b"second").await);
        // An archive counts when it is unpacked, though nothing of it was ever recorded.
        for _ in 0..10 {
            throttle::count_archive(&app.app.db, person.id.as_ref().expect("an id")).await.expect("counts");
        }
        let third = archive(&[("3.4.4.txt", b"third")]);
        bring_in(&person, &desk, &[("a.zip", &third)]).await.expect(422).says("ten archives within a day");
        assert!(!is_kept(app, b"third").await);
        bring_in(&person, &desk, &[("a.csv", b"id,status\n3.4.4,met\n")]).await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn new_files_are_taken_over_by_who_brought_them_alone() {
    check(async |app| {
        let (ada, bob) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Contributor]).await);
        let desk = begin(&ada).await;
        let zip = archive(&[("3.4.4 board.txt", b"minutes")]);
        let page = bring_in(&ada, &desk, &[("a.zip", &zip)]).await.expect(303).location().to_owned();
        bob.post(&format!("{page}/apply"), &[]).await.expect(409).says("Who brought it takes it over");
        assert_eq!((files_there(app).await, count(app, "tracker.apply ok").await), (0, 0));
        ada.post(&format!("{page}/apply"), &[]).await.expect(303);
        // A table alone makes nobody the uploader of anything.
        let page = bring_in(&ada, &desk, &[("a.csv", b"id,status\n3.4.4,met\n")]).await.expect(303).location().to_owned();
        bob.post(&format!("{page}/apply"), &[]).await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn a_link_that_finds_no_room_keeps_everything_from_being_taken_over() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let names: Vec<String> = (0..200).map(|n| format!("3.4.4 {n}.txt")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), name.as_bytes())).collect();
        let page = bring_in(&person, &desk, &[("a.zip", &archive(&files))]).await.expect(303).location().to_owned();
        person.post(&format!("{page}/apply"), &[]).await.expect(303);
        // What is linked already is no trouble, however many there are.
        let page = bring_in(&person, &desk, &[("a.zip", &archive(&files[..2])), ("a.csv", b"id,status\n3.4.4,met\n")]).await.expect(303);
        person.post(&format!("{}/apply", page.location()), &[]).await.expect(303);
        let page = bring_in(&person, &desk, &[("a.zip", &archive(&[("3.4.4 more.txt", b"more")]))]).await.expect(303).location().to_owned();
        person.post(&format!("{page}/apply"), &[]).await.expect(412).says("3.4.4");
        assert_eq!((files_there(app).await, count(app, "tracker.apply ok").await), (200, 2));
    })
    .await;
}
