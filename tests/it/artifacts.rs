//! Artifacts: from a draft to an approval by somebody else, versions, what they are of, and why an objective does not hold.

use countersign::core::clock::DAY;
use countersign::core::id::{EvidenceId, PersonId};
use countersign::evidence::{self, artifact};
use countersign::policy::{Actor, Auth, Origin, Role, Who};
use serde_json::{Value, json};

use crate::assess::begin;
use crate::support::person::{BOUNDARY, TestToken, multipart};
use crate::support::{Reply, TestApp, TestPerson, check};

/// The routes that take a file in a form, and those of the API.
pub const MULTIPART: [&str; 7] = [
    "/evidence",
    "/evidence/files",
    "/evidence/{id}/versions",
    "/assess/{id}/objectives/{name}/files",
    "/contacts/imports",
    "/intake/{id}/files",
    "/intake/form/{token}/files",
];
pub const API_MULTIPART: [&str; 2] = ["/api/v1/evidence", "/api/v1/evidence/{id}/versions"];

pub async fn upload(person: &TestPerson<'_>, name: &str) -> String {
    person.upload(name, "text/plain", name.as_bytes()).await.expect(303).location().trim_start_matches("/evidence/").to_owned()
}

/// A new version of a piece of evidence.
pub async fn upload_version(person: &TestPerson<'_>, id: &str, name: &str, bytes: &[u8]) -> Reply {
    let body = multipart(Some(&person.csrf()), "file", name, "text/plain", bytes);
    let request = axum::http::Request::post(format!("/evidence/{id}/versions"))
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(axum::body::Body::from(body))
        .expect("a request");
    person.send(request).await
}

/// Has somebody's draft approved by a compliance officer.
pub async fn approve(owner: &TestPerson<'_>, id: &str) {
    owner.post(&format!("/evidence/{id}/submit"), &[]).await.expect(303);
    let officer = owner.app.person(&[Role::Compliance]).await;
    decide(&officer, id).await.expect(303);
}

/// Approves what waits, as its page shows it.
pub async fn decide(officer: &TestPerson<'_>, id: &str) -> Reply {
    let page = format!("/evidence/{id}");
    let version = officer.get(&page).await.expect(200).field("version").unwrap_or_else(|| "0".into());
    officer.post(&format!("{page}/approve"), &[("version", version.as_str())]).await
}

const ABOUT: [(&str, &str); 7] =
    [("method", ""), ("collector", ""), ("obtained", ""), ("period_from", ""), ("period_to", ""), ("expires_on", ""), ("expires_days", "")];

/// Says something of a draft, over the revision that its page shows.
pub async fn describe(person: &TestPerson<'_>, id: &str, more: &[(&str, &str)]) -> Reply {
    let version = person.get(&format!("/evidence/{id}")).await.expect(200).field("version").expect("a revision");
    describe_over(person, id, &version, more).await
}

async fn describe_over(person: &TestPerson<'_>, id: &str, version: &str, more: &[(&str, &str)]) -> Reply {
    let mut fields: Vec<(&str, &str)> = ABOUT.into_iter().filter(|(n, _)| more.iter().all(|(m, _)| m != n)).collect();
    fields.extend_from_slice(more);
    fields.push(("version", version));
    person.post(&format!("/evidence/{id}/about"), &fields).await
}

pub async fn meet(person: &TestPerson<'_>, page: &str) {
    let version = person.get(page).await.expect(200).field("version").expect("a version");
    let fields = [("stage", "in_progress"), ("finding", "met"), ("because", ""), ("notes", ""), ("owner", ""), ("due_on", ""), ("version", version.as_str())];
    person.post(page, &fields).await.expect(303);
}

pub async fn link(person: &TestPerson<'_>, page: &str, id: &str) {
    person.post(&format!("{page}/link"), &[("evidence", id), ("method", "examine")]).await.expect(303);
}

pub async fn newest(app: &TestApp, action: &str) -> Value {
    app.app.db.settle().await.expect("settles");
    let sql = "select body from audit_event where action = $1 and outcome = 'ok' order by id desc limit 1";
    let body: Vec<u8> = app.app.db.query(sql).bind(action).scalar().await.expect("is there");
    serde_json::from_slice(&body).expect("JSON")
}

/// An objective as the API tells it.
pub async fn told(token: &TestToken<'_>, desk: &str, objective: &str) -> Value {
    token.get(&format!("/api/v1{}/objectives/{objective}", desk.replace("/assess/", "/assessments/"))).await.expect(200).json()
}

#[tokio::test]
async fn nobody_approves_their_own_evidence_and_nothing_skips_its_review() {
    check(async |app| {
        let both = app.person(&[Role::Contributor, Role::Compliance]).await;
        let officer = app.person(&[Role::Compliance]).await;
        let id = upload(&both, "policy.txt").await;
        let page = format!("/evidence/{id}");
        both.get(&page).await.expect(200).says("A draft counts for nothing").lacks("Approved by");
        officer.post(&format!("{page}/approve"), &[("version", "1")]).await.expect(409);
        officer.post(&format!("{page}/submit"), &[]).await.expect(403);
        both.post(&format!("{page}/submit"), &[]).await.expect(303);
        both.post(&format!("{page}/submit"), &[]).await.expect(409);
        both.get(&page).await.expect(200).says("Nobody approves their own work").lacks("Give back as a draft");
        both.post(&format!("{page}/approve"), &[("version", "2")]).await.expect(403);
        both.post(&format!("{page}/reject"), &[("because", "mine")]).await.expect(403);
        // The statement says it again, whoever holds the permit.
        let me: PersonId = both.id.clone().expect("an id");
        let item = evidence::by_id(&app.app.db, &id.parse::<EvidenceId>().expect("an id")).await.expect("reads").expect("there");
        let known = artifact::of_evidence(&app.app.db, &item).await.expect("reads");
        let who = Who::Person {
            id: officer.id.clone().expect("an id"),
            name: "o".into(),
            auth: Auth::Token("tok_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id")),
        };
        let actor = Actor { who, roles: vec![Role::Compliance], scopes: None, fresh: true, origin: Origin::default() };
        let permit = app.app.policy.permit(&actor, &item).expect("may");
        assert!(matches!(artifact::approve(&app.app.db, permit, &me, &known, known.revision).await, Err(evidence::Error::State)));
        officer.post(&format!("{page}/reject"), &[("because", " ")]).await.expect(422);
        officer.post(&format!("{page}/reject"), &[("because", "The date is missing.")]).await.expect(303);
        both.get(&page).await.expect(200).says("Given back by").says("The date is missing.");
        officer.post(&format!("{page}/approve"), &[("version", "2")]).await.expect(409);
        both.post(&format!("{page}/submit"), &[]).await.expect(303);
        officer.get(&page).await.expect(200).says("Give back as a draft").lacks("The date is missing.");
        // What was on the page before it was given back is not what waits now.
        officer.post(&format!("{page}/approve"), &[("version", "2")]).await.expect(412);
        officer.post(&format!("{page}/approve"), &[]).await.expect(422);
        decide(&officer, &id).await.expect(303);
        both.get(&page).await.expect(200).says("Approved by").says("It counts for every objective");
        both.post(&format!("{page}/submit"), &[]).await.expect(409);
        officer.post(&format!("{page}/approve"), &[("version", "4")]).await.expect(409);
        describe_over(&both, &id, "9", &[("collector", "late")]).await.expect(409);
        let entry = newest(app, "evidence.reject").await;
        assert!(!entry.to_string().contains("date is missing"), "reasons are sealed");
        assert_eq!(newest(app, "evidence.approve").await["resource"]["id"], id);
    })
    .await;
}

#[tokio::test]
async fn of_two_decisions_at_once_one_is_made() {
    check(async |app| {
        let owner = app.person(&[Role::Contributor]).await;
        let (one, other) = (app.person(&[Role::Compliance]).await, app.person(&[Role::Compliance]).await);
        for round in 0..4 {
            let id = upload(&owner, &format!("{round}.txt")).await;
            owner.post(&format!("/evidence/{id}/submit"), &[]).await.expect(303);
            let (approve, decide) = (format!("/evidence/{id}/approve"), if round % 2 == 0 { "approve" } else { "reject" });
            let seen = [("version", "2")];
            let fields: &[(&str, &str)] = if round % 2 == 0 { &seen } else { &[("because", "no")] };
            let path = format!("/evidence/{id}/{decide}");
            let (a, b) = tokio::join!(one.post(&approve, &seen), other.post(&path, fields));
            let mut said = [a.status.as_u16(), b.status.as_u16()];
            said.sort_unstable();
            assert_eq!(said, [303, 409], "{decide}");
        }
        // Of two versions at once, the later one is in force in the end, whichever came first.
        let first = upload(&owner, "line.txt").await;
        let second = upload_version(&owner, &first, "line.txt", b"two").await.expect(303).location().trim_start_matches("/evidence/").to_owned();
        for id in [&first, &second] {
            owner.post(&format!("/evidence/{id}/submit"), &[]).await.expect(303);
        }
        let (a, b) = (format!("/evidence/{first}/approve"), format!("/evidence/{second}/approve"));
        let (a, b) = tokio::join!(one.post(&a, &[("version", "2")]), other.post(&b, &[("version", "2")]));
        assert_eq!(b.status.as_u16(), 303);
        assert!(matches!(a.status.as_u16(), 303 | 409), "{}", a.status);
        let forced: Vec<(String,)> = app
            .app
            .db
            .query("select evidence_id from artifact where line_id = $1 and approved_at is not null and superseded_at is null")
            .bind(&first)
            .all()
            .await
            .expect("reads");
        assert_eq!(forced, [(second,)]);
    })
    .await;
}

#[tokio::test]
async fn a_link_follows_the_newest_approved_version() {
    check(async |app| {
        let owner = app.person(&[Role::Contributor]).await;
        let token = owner.token(&[Role::Contributor], &["assess.read", "evidence.list"]).await;
        let desk = begin(&owner).await;
        let page = format!("{desk}/objectives/3.4.4");
        let first = upload(&owner, "board.txt").await;
        link(&owner, &page, &first).await;
        meet(&owner, &page).await;
        approve(&owner, &first).await;
        owner.get(&page).await.expect(200).says("found to be met, and it rests on something").says("CM-3.04.04.txt");
        let second = upload_version(&owner, &first, "board 2.txt", b"another").await.expect(303).location().trim_start_matches("/evidence/").to_owned();
        owner.get(&page).await.expect(200).says("version 1 of 2").says("it rests on something");
        owner.post(&format!("{page}/link"), &[("evidence", &second), ("method", "test")]).await.expect(422).says("linked already");
        approve(&owner, &second).await;
        owner.get(&page).await.expect(200).says("version 2 of 2").says("board 2.txt").says("it rests on something");
        owner.get(&format!("/evidence/{first}")).await.expect(200).says("A later version was approved").says("Version 2");
        let entry = newest(app, "evidence.approve").await;
        assert_eq!((&entry["data"]["supersedes"], &entry["data"]["version"]), (&json!([first]), &json!(2)));
        let versions = token.get(&format!("/api/v1/evidence/{first}/versions")).await.expect(200).json();
        let told_: Vec<_> = versions.as_array().expect("a list").iter().map(|v| (v["version"].as_i64(), v["state"].as_str().map(str::to_owned))).collect();
        assert_eq!(told_, [(Some(2), Some("approved".to_owned())), (Some(1), Some("superseded".to_owned()))]);
        // The version in force goes; the one before it does not come back by itself.
        owner.post(&format!("/evidence/{second}/delete"), &[("reason", "wrong file")]).await.expect(303);
        assert_eq!(told(&token, &desk, "3.4.4").await["why"]["code"], "superseded");
        owner.post(&format!("{page}/unlink"), &[("evidence", &second)]).await.expect(303);
        assert_eq!(told(&token, &desk, "3.4.4").await["why"]["code"], "no_evidence");
    })
    .await;
}

#[tokio::test]
async fn drafts_and_expired_evidence_never_satisfy_an_objective() {
    check(async |app| {
        let owner = app.person(&[Role::Contributor]).await;
        let token = owner.token(&[Role::Contributor], &["assess.read", "evidence.list"]).await;
        let desk = begin(&owner).await;
        let all: Vec<String> = countersign::catalog::Catalog::r2().requirements().flat_map(|r| &r.objectives).map(|o| format!("{},met", o.id)).collect();
        owner.post(&format!("{desk}/bulk"), &[("lines", &format!("objective,finding\n{}", all.join("\n")))]).await.expect(303);
        let page = format!("{desk}/objectives/3.12.4%5Ba%5D");
        let plan = upload(&owner, "plan.txt").await;
        for letter in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            link(&owner, &format!("{desk}/objectives/3.12.4%5B{letter}%5D"), &plan).await;
        }
        let score = async || token.get(&format!("/api/v1{}/score", desk.replace("/assess/", "/assessments/"))).await.expect(200).json();
        let code = async || told(&token, &desk, "3.12.4%5Ba%5D").await["why"]["code"].clone();
        assert_eq!((code().await, &score().await["verified"]["score"], &score().await["projected"]["score"]), (json!("draft"), &Value::Null, &json!(110)));
        describe(&owner, &plan, &[("expires_on", "2026-01-20")]).await.expect(303);
        owner.post(&format!("/evidence/{plan}/submit"), &[]).await.expect(303);
        assert_eq!((code().await, &score().await["verified"]["score"]), (json!("in_review"), &Value::Null));
        let officer = app.person(&[Role::Compliance]).await;
        decide(&officer, &plan).await.expect(303);
        // Now there is a plan, so there is a score; all the rest is not verified.
        assert_eq!((code().await, &score().await["verified"]["score"]), (Value::Null, &json!(-203)));
        app.clock.advance(8 * DAY);
        owner.open_session().await;
        let token = owner.token(&[Role::Contributor], &["assess.read", "evidence.list"]).await;
        let after = told(&token, &desk, "3.12.4%5Ba%5D").await;
        assert_eq!((&after["why"]["code"], after["why"]["text"].as_str()), (&json!("expired"), Some("Its evidence expired 3 days ago")));
        let reason = &after["reasons"][0];
        assert_eq!((&reason["of"], &reason["href"]), (&json!(plan), &json!(format!("/evidence/{plan}#versions"))));
        let scores = token.get(&format!("/api/v1{}/score", desk.replace("/assess/", "/assessments/"))).await.expect(200).json();
        assert_eq!(scores["verified"]["score"], Value::Null);
        owner.get(&page).await.expect(200).says("expired 3 days ago");
        owner.get(&format!("{desk}?show=stale")).await.expect(200).says("8 objectives.");
        owner.get(&format!("/evidence/{plan}")).await.expect(200).says("expired 3 days ago");
        owner.get("/evidence").await.expect(200).says("expired");
    })
    .await;
}

#[tokio::test]
async fn evidence_of_another_time_than_the_assessment_asks_for_holds_nothing() {
    check(async |app| {
        let owner = app.person(&[Role::Contributor]).await;
        let token = owner.token(&[Role::Contributor], &["assess.read", "assessment.window", "evidence.list"]).await;
        let desk = begin(&owner).await;
        let page = format!("{desk}/objectives/3.4.4");
        let file = upload(&owner, "old.txt").await;
        describe(&owner, &file, &[("period_from", "2025-01-01"), ("period_to", "2025-03-31")]).await.expect(303);
        approve(&owner, &file).await;
        link(&owner, &page, &file).await;
        meet(&owner, &page).await;
        assert_eq!(told(&token, &desk, "3.4.4").await["why"], Value::Null);
        owner.post(&format!("{desk}/window"), &[("from_on", "2025-12-01"), ("to_on", "2025-06-01")]).await.expect(422).says("before the first");
        owner.post(&format!("{desk}/window"), &[("from_on", "soon"), ("to_on", "")]).await.expect(422);
        owner.post(&format!("{desk}/window"), &[("from_on", "2025-04-01"), ("to_on", "")]).await.expect(303);
        owner.get(&format!("{desk}/window")).await.expect(200).says("2025-04-01");
        assert_eq!(told(&token, &desk, "3.4.4").await["why"]["code"], "wrong_period");
        let record = |day: &'static str| [("method", "interview"), ("with", "The board"), ("said", "So it is."), ("held_on", day)];
        owner.post(&format!("{page}/record"), &record("2025-03-31")).await.expect(303);
        let why = told(&token, &desk, "3.4.4").await;
        assert_eq!((why["reasons"].as_array().map(Vec::len), &why["why"]["code"]), (Some(2), &json!("wrong_period")), "{why}");
        owner.post(&format!("{page}/record"), &record("2025-04-01")).await.expect(303);
        let whole = told(&token, &desk, "3.4.4").await;
        let waits = whole["reasons"].as_array().expect("reasons").iter().find(|r| r["code"] == "unconfirmed").expect("one waits")["of"].clone();
        crate::assess::confirm(app, &page, waits.as_str().expect("an id")).await;
        assert_eq!(told(&token, &desk, "3.4.4").await["why"], Value::Null);
        let window = format!("/api/v1{}/window", desk.replace("/assess/", "/assessments/"));
        let put = |body: Value| {
            let request = axum::http::Request::put(&window).header("authorization", format!("Bearer {}", token.secret));
            token.send(request.header("content-type", "application/json").body(axum::body::Body::from(body.to_string())).expect("a request"))
        };
        put(json!({ "from_on": "2026-02-31" })).await.expect(422);
        put(json!({})).await.expect(204);
        assert_eq!(newest(app, "assessment.window").await["data"]["from_on"], "none");
    })
    .await;
}

#[tokio::test]
async fn what_is_said_of_a_draft_is_kept_over_the_revision_that_was_seen() {
    check(async |app| {
        let owner = app.person(&[Role::Contributor]).await;
        let id = upload(&owner, "report.txt").await;
        let admin = app.person(&[Role::Admin]).await;
        for (code, title, status) in [("it", "Information technology", 303), ("HR", "People", 303), ("IT", "again", 422), ("a b", "x", 422), ("X", " ", 422)] {
            admin.post("/tags", &[("code", code), ("title", title)]).await.expect(status);
        }
        app.person(&[Role::Messaging]).await.get("/tags").await.expect(403);
        let all = [
            ("method", "examine"),
            ("collector", "Omar Bell"),
            ("obtained", "Exported from the <ticket> system."),
            ("period_from", "2025-10-01"),
            ("period_to", "2025-12-31"),
            ("expires_days", "90"),
            ("tags", "IT"),
            ("tags", "hr"),
        ];
        describe_over(&owner, &id, "1", &all).await.expect(303);
        let shown = owner.get(&format!("/evidence/{id}")).await.expect(200);
        shown.says("Omar Bell").says("&lt;ticket&gt;").says("value=\"90\"");
        owner.get("/evidence?q=hr").await.expect(200).says("report.txt");
        let late = describe_over(&owner, &id, "1", &[("collector", "Somebody else"), ("period_to", "2025-11-30")]).await.expect(412);
        late.says("Somebody else changed this").says("Omar Bell").says("2025-11-30");
        for (field, value) in [
            ("tags", "NO"),
            ("method", "guess"),
            ("period_to", "2025-09-30"),
            ("expires_days", "many"),
            ("expires_on", "2026-13-01"),
            ("collector", "a\u{202E}b"),
        ] {
            let mut fields: Vec<_> = all.into_iter().filter(|(n, _)| *n != field && (field != "expires_on" || *n != "expires_days")).collect();
            fields.push((field, value));
            describe(&owner, &id, &fields).await.expect(422).says("&lt;ticket&gt;");
        }
        let entry = newest(app, "evidence.describe").await;
        assert_eq!((&entry["data"]["expires_on"], &entry["data"]["tags"]), (&json!("2026-03-31"), &json!(["HR", "IT"])));
        assert!(!entry.to_string().contains("Omar"), "words are sealed");
        // A retired tag stays on what has it, and is given to nothing new.
        admin.post("/tags/IT/retire", &[]).await.expect(303);
        admin.post("/tags/IT/retire", &[]).await.expect(409);
        describe(&owner, &id, &all).await.expect(303);
        let other = upload(&owner, "other.txt").await;
        describe(&owner, &other, &[("tags", "IT")]).await.expect(422).says("no such tag");
        app.person(&[Role::Contributor]).await.post(&format!("/evidence/{id}/about"), &[]).await.expect(403);
        // Links show what it is called there, and a new version takes over what was said.
        let desk = begin(&owner).await;
        let page = format!("{desk}/objectives/3.1.1%5Ba%5D");
        link(&owner, &page, &id).await;
        owner.get(&page).await.expect(200).says("AC-3.01.01.a-HR-IT.txt").says("report.txt");
        let next = upload_version(&owner, &id, "report.txt", b"next").await.expect(303).location().to_owned();
        owner.get(&next).await.expect(200).says("Omar Bell").lacks("value=\"90\"");
    })
    .await;
}

#[tokio::test]
async fn a_program_describes_submits_and_approves_over_the_api() {
    check(async |app| {
        let (owner, officer) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let mine = owner.token(&[Role::Contributor], &["evidence.list", "evidence.upload", "evidence.describe", "evidence.submit"]).await;
        let theirs = officer.token(&[Role::Compliance], &["evidence.list", "evidence.approve", "evidence.reject", "tag.create", "tag.retire"]).await;
        let put =
            axum::http::Request::put("/api/v1/tags/IT").header("authorization", format!("Bearer {}", theirs.secret)).header("content-type", "application/json");
        theirs.send(put.body(axum::body::Body::from("{\"title\":\"Computers\"}")).expect("a request")).await.expect(204);
        assert_eq!(mine.get("/api/v1/tags").await.expect(200).json(), json!([{ "code": "IT", "title": "Computers", "retired": false }]));
        let id = mine.upload("a.txt", "text/plain", b"one").await.expect(201).json()["id"].as_str().expect("an id").to_owned();
        let path = format!("/api/v1/evidence/{id}");
        let shown = mine.get(&path).await.expect(200);
        assert_eq!((shown.header("etag"), &shown.json()["state"], &shown.json()["flaw"]), ("\"1\"", &json!("draft"), &json!("draft")));
        let text = json!({ "method": "test", "period_from": "2026-01-01", "period_to": "2026-01-10", "expires_days": 30, "tags": ["IT"] });
        mine.post(&format!("{path}/about"), &text).await.expect(428);
        let kept = mine.post_with(&format!("{path}/about"), &text, &[("if-match", "\"1\"")]).await.expect(200);
        assert_eq!((kept.header("etag"), &kept.json()["expires_on"], &kept.json()["about"]["expires_days"]), ("\"2\"", &json!("2026-02-09"), &json!(30)));
        let late = mine.post_with(&format!("{path}/about"), &json!({ "collector": "me" }), &[("if-match", "\"1\"")]).await.expect(412).json();
        assert_eq!((&late["yours"]["collector"], &late["current"]["about"]["method"]), (&json!("me"), &json!("test")));
        mine.post_with(&format!("{path}/about"), &json!({ "expires_days": 3 }), &[("if-match", "\"2\"")]).await.expect(422);
        mine.post_with(&format!("{path}/about"), &json!({ "colour": "red" }), &[("if-match", "\"2\"")]).await.expect(422);
        mine.post(&format!("{path}/submit"), &json!({})).await.expect(204);
        mine.post_with(&format!("{path}/about"), &text, &[("if-match", "\"3\"")]).await.expect(409);
        mine.post(&format!("{path}/approve"), &json!({})).await.expect(403);
        theirs.post(&format!("{path}/reject"), &json!({ "because": "" })).await.expect(422);
        theirs.post(&format!("{path}/reject"), &json!({ "because": "No date." })).await.expect(204);
        assert_eq!(mine.get(&path).await.expect(200).json()["rejected_because"], "No date.");
        mine.post(&format!("{path}/submit"), &json!({})).await.expect(204);
        theirs.post(&format!("{path}/approve"), &json!({})).await.expect(428);
        theirs.post_with(&format!("{path}/approve"), &json!({}), &[("if-match", "\"2\"")]).await.expect(412);
        theirs.post_with(&format!("{path}/approve"), &json!({}), &[("if-match", theirs.get(&path).await.header("etag"))]).await.expect(204);
        let after = theirs.get(&path).await.expect(200).json();
        assert_eq!(
            (&after["state"], &after["flaw"], after["approved_by"].as_str()),
            (&json!("approved"), &Value::Null, officer.id.as_ref().map(PersonId::as_str))
        );
        let copy = mine.upload("copy.txt", "text/plain", b"one").await.expect(201).json()["id"].clone();
        assert_eq!(mine.get(&path).await.expect(200).json()["duplicates"], json!([copy]));
        owner.get(&format!("/evidence/{id}")).await.expect(200).says("The same content is here already").says("copy.txt");
    })
    .await;
}

#[tokio::test]
async fn what_a_file_says_of_itself_is_shown_as_that() {
    check(async |app| {
        let owner = app.person(&[Role::Contributor]).await;
        let pdf = b"%PDF-1.4\n1 0 obj<</Author (Ada <b>Lovelace)/CreationDate (D:20251103091500Z)>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";
        let page = owner.upload("policy.pdf", "application/pdf", pdf).await.expect(303).location().to_owned();
        owner.get(&page).await.expect(200).says("What the file says").says("Ada &lt;b&gt;Lovelace").says("2025-11-03T09:15:00Z").lacks("<b>Lovelace");
        let bare = owner.upload("bare.txt", "text/plain", b"/Author (Ada)").await.expect(303).location().to_owned();
        owner.get(&bare).await.expect(200).lacks("What the file says");
        let entry = newest(app, "evidence.upload").await;
        assert!(!entry.to_string().contains("Lovelace"));
    })
    .await;
}
