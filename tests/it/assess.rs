//! Assessments through the router: findings, what they rest on, what follows, and people who work at once.

mod api;
mod scope;
mod ssp;

use countersign::core::clock::DAY;
use countersign::policy::Role;
use serde_json::Value;

use crate::artifacts::approve;
use crate::support::{Reply, TestApp, TestPerson, check};

/// A system with an assessment by r2; gives the assessment's page.
pub async fn begin(person: &TestPerson<'_>) -> String {
    let fields = [("name", "Core network"), ("scope", "Two sites."), ("boundary", "The firewall."), ("cage_codes", "1abc2, 3DEF4")];
    let system = person.post("/assess/systems", &fields).await.expect(303).location().to_owned();
    let fields = [("assessment", "Self-assessment 2026"), ("framework", "nist-800-171-r2")];
    person.post(&format!("{system}/assessments"), &fields).await.expect(303).location().to_owned()
}

/// Keeps a finding of an objective, over the version that its page shows.
async fn keep(person: &TestPerson<'_>, page: &str, more: &[(&str, &str)]) -> Reply {
    let version = person.get(page).await.expect(200).field("version").expect("a version");
    keep_over(person, page, &version, more).await
}

async fn keep_over(person: &TestPerson<'_>, page: &str, version: &str, more: &[(&str, &str)]) -> Reply {
    let mut fields = vec![("stage", "in_progress"), ("finding", ""), ("because", ""), ("notes", ""), ("owner", ""), ("due_on", ""), ("version", version)];
    for (name, value) in more {
        fields.retain(|(n, _)| n != name);
        fields.push((name, value));
    }
    person.post(page, &fields).await
}

async fn upload(person: &TestPerson<'_>, name: &str) -> String {
    person.upload(name, "text/plain", name.as_bytes()).await.expect(303).location().trim_start_matches("/evidence/").to_owned()
}

/// The body of the newest entry of an act.
async fn newest(app: &TestApp, action: &str) -> Value {
    app.app.db.settle().await.expect("settles");
    let sql = "select body from audit_event where action = $1 and outcome = 'ok' order by id desc limit 1";
    let body: Vec<u8> = app.app.db.query(sql).bind(action).scalar().await.expect("is there");
    serde_json::from_slice(&body).expect("JSON")
}

async fn count(app: &TestApp, action: &str) -> usize {
    app.db_actions().await.iter().filter(|a| a.starts_with(action)).count()
}

#[tokio::test]
async fn an_assessment_goes_from_a_system_to_a_verified_objective() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        person.get("/assess").await.expect(200).says("No system yet");
        let desk = begin(&person).await;
        person.get("/assess").await.expect(200).says("Core network").says("1ABC2 3DEF4").says("Self-assessment 2026");
        person.get(&desk).await.expect(200).says("320 objectives.").says("3.14 System and Information Integrity").says("no score");
        let page = format!("{desk}/objectives/3.4.4");
        keep(&person, &page, &[("finding", "met"), ("notes", "Weighed by the change board.")]).await.expect(303);
        person.get(&page).await.expect(200).says("Rests on nothing").says("Weighed by the change board.");
        let file = upload(&person, "board.txt").await;
        person.post(&format!("{page}/link"), &[("evidence", &file), ("method", "examine")]).await.expect(303);
        person.get(&page).await.expect(200).says("Its evidence is a draft");
        approve(&person, &file).await;
        person.get(&page).await.expect(200).says("board.txt").says("found to be met, and it rests on something");
        keep(&person, &page, &[("finding", "met"), ("stage", "complete")]).await.expect(303);
        let entry = newest(app, "objective.assess").await;
        assert_eq!(entry["resource"]["id"], format!("{}/3.4.4", desk.trim_start_matches("/assess/")));
        let data = &entry["data"];
        assert_eq!(
            (&data["stage"], &data["was_stage"], &data["finding"], &data["version"]),
            (&"complete".into(), &"in_progress".into(), &"met".into(), &2.into())
        );
        assert!(!entry.to_string().contains("change board"), "notes are sealed");
        person.get(&page).await.expect(200).says("Assess an objective").says("Link evidence").says("Work: Complete");
        person.get(&format!("{desk}/requirements/3.4.4")).await.expect(200).says("Met").says("it needs no plan of action");
        person.get(&format!("{desk}/requirements/3.4.99")).await.expect(404);
        person.get(&format!("{desk}/objectives/3.4.99")).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_complete_without_evidence_or_a_record() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let page = format!("{desk}/objectives/3.1.1%5Ba%5D");
        let complete = [("finding", "met"), ("stage", "complete")];
        keep(&person, &page, &complete).await.expect(422).says("Nothing is complete without evidence");
        keep(&person, &page, &[("stage", "complete")]).await.expect(422).says("needs a finding");
        let record = [("method", "interview"), ("with", "The administrator"), ("said", "Accounts are reviewed."), ("held_on", "2026-01-15")];
        person.post(&format!("{page}/record"), &record).await.expect(303);
        keep(&person, &page, &complete).await.expect(303);
        // What it rests on last is not taken away while it is complete.
        let shown = person.get(&page).await.expect(200).says("Accounts are reviewed.");
        let id = shown.field("record").expect("a record");
        person.post(&format!("{page}/withdraw"), &[("record", &id)]).await.expect(422).says("last thing a complete objective rests on");
        let file = upload(&person, "accounts.txt").await;
        person.post(&format!("{page}/link"), &[("evidence", &file), ("method", "test")]).await.expect(303);
        person.post(&format!("{page}/withdraw"), &[("record", &id)]).await.expect(303);
        person.post(&format!("{page}/unlink"), &[("evidence", &file)]).await.expect(422).says("last thing a complete objective rests on");
        keep(&person, &page, &[("finding", "met")]).await.expect(303);
        person.post(&format!("{page}/unlink"), &[("evidence", &file)]).await.expect(303);
        person.post(&format!("{page}/unlink"), &[("evidence", &file)]).await.expect(409);
        person.get(&page).await.expect(200).says("Rests on nothing");
        // A link that was taken away comes back.
        person.post(&format!("{page}/link"), &[("evidence", &file), ("method", "examine")]).await.expect(303);
        person.post(&format!("{page}/link"), &[("evidence", &file), ("method", "examine")]).await.expect(422).says("linked already");
        for wrong in [("held_on", "2026-01-16"), ("held_on", ""), ("said", " "), ("with", ""), ("method", "guess")] {
            let fields: Vec<_> = record.into_iter().map(|(n, v)| if n == wrong.0 { wrong } else { (n, v) }).collect();
            person.post(&format!("{page}/record"), &fields).await.expect(422);
        }
    })
    .await;
}

/// A compliance officer confirms a record.
pub async fn confirm(app: &TestApp, page: &str, record: &str) {
    let officer = app.person(&[Role::Compliance]).await;
    officer.post(&format!("{page}/confirm"), &[("record", record)]).await.expect(303);
}

#[tokio::test]
async fn what_was_recorded_without_a_file_holds_nothing_until_somebody_else_confirmed_it() {
    check(async |app| {
        let (person, officer) = (app.person(&[Role::Contributor, Role::Compliance]).await, app.person(&[Role::Compliance]).await);
        let desk = begin(&person).await;
        let page = format!("{desk}/objectives/3.4.4");
        let record = [("method", "test"), ("with", "The change board"), ("said", "It weighs them."), ("held_on", "2026-01-15")];
        person.post(&format!("{page}/record"), &record).await.expect(303);
        keep(&person, &page, &[("finding", "met")]).await.expect(303);
        let own = person.get(&page).await.expect(200).says("waits for somebody else to confirm it").lacks("/confirm");
        let id = own.field("record").expect("a record");
        // Whoever recorded it does not confirm it, whatever their roles.
        person.post(&format!("{page}/confirm"), &[("record", &id)]).await.expect(409);
        officer.post(&format!("{desk}/objectives/3.4.9%5Ba%5D/confirm"), &[("record", &id)]).await.expect(409);
        officer.post(&format!("{page}/confirm"), &[("record", "rec_none")]).await.expect(404);
        app.person(&[Role::Contributor]).await.post(&format!("{page}/confirm"), &[("record", &id)]).await.expect(403);
        officer.get(&page).await.expect(200).says("/confirm");
        officer.post(&format!("{page}/confirm"), &[("record", &id)]).await.expect(303);
        officer.get(&page).await.expect(200).says("confirmed by").lacks("waits for somebody else").lacks("/confirm");
        officer.post(&format!("{page}/confirm"), &[("record", &id)]).await.expect(409);
        let late = [("method", "test"), ("with", "The board"), ("said", "Again."), ("held_on", "2026-01-15")];
        person.post(&format!("{page}/record"), &late).await.expect(303);
        officer.post(&format!("{page}/withdraw"), &[("record", &id)]).await.expect(303);
        officer.get(&page).await.expect(200).says("waits for somebody else to confirm it");
        officer.post(&format!("{page}/confirm"), &[("record", &id)]).await.expect(409);
    })
    .await;
}

#[tokio::test]
async fn one_file_serves_many_objectives() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let (desk, other) = (begin(&person).await, begin(&person).await);
        let file = upload(&person, "policy.txt").await;
        person.get(&format!("/assess/evidence/{file}")).await.expect(200).says("Nowhere yet");
        for page in [format!("{desk}/objectives/3.4.4"), format!("{desk}/objectives/3.1.1%5Ba%5D"), format!("{other}/objectives/3.4.4")] {
            person.post(&format!("{page}/link"), &[("evidence", &file), ("method", "examine")]).await.expect(303);
        }
        let uses = person.get(&format!("/assess/evidence/{file}")).await.expect(200).says("3.1.1[a]").text();
        assert_eq!(uses.matches("/objectives/").count(), 3);
        person.get(&format!("/evidence/{file}")).await.expect(200).says(&format!("/assess/evidence/{file}"));
        person.get("/assess/evidence/evd_0192f0c1a2b37c4d8e5f60718293a4b5").await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn deleted_evidence_does_not_verify_and_the_reason_says_so() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let page = format!("{desk}/objectives/3.4.4");
        let file = upload(&person, "gone.txt").await;
        person.post(&format!("{page}/link"), &[("evidence", &file), ("method", "examine")]).await.expect(303);
        keep(&person, &page, &[("finding", "met")]).await.expect(303);
        person.post(&format!("/evidence/{file}/delete"), &[("reason", "superseded")]).await.expect(303);
        person.get(&page).await.expect(200).says("Its evidence was deleted");
        keep(&person, &page, &[("finding", "met"), ("stage", "complete")]).await.expect(422).says("Nothing is complete");
        let other = upload(&person, "other.txt").await;
        person.post(&format!("/evidence/{other}/delete"), &[("reason", "superseded")]).await.expect(303);
        person.post(&format!("{page}/link"), &[("evidence", &other), ("method", "examine")]).await.expect(422).says("no such file");
    })
    .await;
}

#[tokio::test]
async fn findings_other_than_met_need_a_reason() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let page = format!("{desk}/objectives/3.4.4");
        for finding in ["not_met", "not_applicable", "enduring_exception", "operational_plan"] {
            keep(&person, &page, &[("finding", finding)]).await.expect(422).says("Say why");
            keep(&person, &page, &[("finding", finding), ("because", "There is none.")]).await.expect(303);
        }
        for (field, value) in
            [("stage", "done"), ("finding", "perhaps"), ("due_on", "soon"), ("owner", "usr_0192f0c1a2b37c4d8e5f60718293a4b5"), ("because", "a\u{202E}b")]
        {
            let reply = keep(&person, &page, &[("notes", "kept as typed"), (field, value)]).await.expect(422);
            reply.says("kept as typed");
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_comes_second_sees_both_versions_and_loses_nothing() {
    check(async |app| {
        let (one, other) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let desk = begin(&one).await;
        let page = format!("{desk}/objectives/3.4.4");
        keep_over(&one, &page, "0", &[("notes", "what the first one says")]).await.expect(303);
        let late = keep_over(&other, &page, "0", &[("notes", "what the second one says"), ("finding", "not_met"), ("because", "late")]).await.expect(412);
        let late = late.says("Somebody else changed this").says("what the first one says").says("what the second one says");
        assert_eq!(late.field("version").as_deref(), Some("1"), "keeping it again goes over what was shown");
        assert_eq!(count(app, "objective.assess ok").await, 1);
        keep_over(&other, &page, "1", &[("notes", "what the second one says")]).await.expect(303);
        // At once: one of them wins.
        let (a, b) = tokio::join!(keep_over(&one, &page, "2", &[("notes", "a")]), keep_over(&other, &page, "2", &[("notes", "b")]));
        let mut said = [a.status.as_u16(), b.status.as_u16()];
        said.sort_unstable();
        assert_eq!(said, [303, 412]);
        let fresh = format!("{desk}/objectives/3.5.4");
        let (a, b) = tokio::join!(keep_over(&one, &fresh, "0", &[("notes", "a")]), keep_over(&other, &fresh, "0", &[("notes", "b")]));
        let mut said = [a.status.as_u16(), b.status.as_u16()];
        said.sort_unstable();
        assert_eq!(said, [303, 412], "also when nobody had touched it");
    })
    .await;
}

#[tokio::test]
async fn a_system_is_changed_over_the_version_that_was_seen() {
    check(async |app| {
        let (one, other) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Contributor]).await);
        begin(&one).await;
        let list = one.get("/assess").await.expect(200).text();
        let id = list.split("/assess/systems/").find(|t| t.starts_with("sys_")).map(|t| t[..36].to_owned()).expect("listed");
        let page = format!("/assess/systems/{id}");
        let text = |name: &'static str| [("name", name), ("scope", "s"), ("boundary", "b"), ("cage_codes", ""), ("version", "1")];
        one.post(&page, &text("Renamed")).await.expect(303);
        other.post(&page, &text("Other name")).await.expect(412).says("Renamed").says("Other name");
        one.get(&page).await.expect(200).says("Renamed").lacks("/audit?object");
        app.app.db.settle().await.expect("settles");
        let officer = app.person(&[Role::Compliance]).await;
        officer.get(&page).await.expect(200).says(&format!("/audit?object={id}"));
        officer.get(&format!("/audit?object={id}")).await.expect(200).says("Describe a system").says("Change a system");
        for wrong in [("name", ""), ("cage_codes", "12"), ("cage_codes", "ABC-1"), ("scope", "a\u{0}b")] {
            let fields: Vec<_> = text("x").into_iter().map(|(n, v)| if n == wrong.0 { wrong } else { (n, v) }).collect();
            one.post(&page, &fields).await.expect(422);
        }
        one.post(&format!("{page}/assessments"), &[("assessment", "x"), ("framework", "nist-800-171-r9")]).await.expect(422).says("not here");
        one.post(&format!("{page}/assessments"), &[("assessment", " "), ("framework", "nist-800-171-r2")]).await.expect(422);
    })
    .await;
}

#[tokio::test]
async fn a_requirement_is_given_to_somebody_who_finds_it_under_mine_and_due() {
    check(async |app| {
        let (lead, worker) = (app.person(&[Role::Compliance]).await, app.person(&[Role::Contributor]).await);
        let desk = begin(&lead).await;
        let page = format!("{desk}/requirements/3.1.5");
        let owner = worker.id.as_ref().expect("an id").to_string();
        let messenger = app.person(&[Role::Messaging]).await;
        let other = messenger.id.as_ref().expect("an id").to_string();
        lead.post(&format!("{page}/assign"), &[("owner", &other), ("due_on", "")]).await.expect(422).says("Nobody of this name");
        lead.post(&format!("{page}/assign"), &[("owner", &owner), ("due_on", "2026-02-30")]).await.expect(422).says("not a day");
        keep(&worker, &format!("{desk}/objectives/3.1.5%5Bb%5D"), &[("notes", "begun already")]).await.expect(303);
        lead.post(&format!("{page}/assign"), &[("owner", &owner), ("due_on", "2026-01-20")]).await.expect(303);
        worker.get(&format!("{desk}?show=mine")).await.expect(200).says("4 objectives.").lacks("3.1.6");
        lead.get(&format!("{desk}?show=mine")).await.expect(200).says("Nothing fits");
        lead.get(&format!("{desk}?show=due")).await.expect(200).says("4 objectives.");
        worker.get(&format!("{desk}/objectives/3.1.5%5Bb%5D")).await.expect(200).says("begun already").says("Assign a requirement");
        let entry = newest(app, "requirement.assign").await;
        assert_eq!(entry["data"]["objectives"].as_array().map(Vec::len), Some(4));
        assert_eq!(entry["data"]["owner"], owner);
        app.advance(6 * 86_400);
        worker.open_session().await;
        worker.get(&format!("{desk}?show=due")).await.expect(200).says("tag bad\">2026-01-20");
    })
    .await;
}

#[tokio::test]
async fn the_desk_is_narrowed_by_words_and_by_state() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let page = format!("{desk}/objectives/3.13.11");
        keep(&person, &page, &[("finding", "not_met"), ("because", "Not validated.")]).await.expect(303);
        person.get(&format!("{desk}?show=not_met")).await.expect(200).says("1 objective.").says("3.13.11");
        person.get(&format!("{desk}?q=FIPS")).await.expect(200).says("1 objective.");
        person.get(&format!("{desk}?q=AC.L2-3.1.22")).await.expect(200).says("5 objectives.");
        person.get(&format!("{desk}?q=media+protection")).await.expect(200).says("15 objectives.");
        person.get(&format!("{desk}?q=nowhere")).await.expect(200).says("Nothing fits");
        person.get(&format!("{desk}?show=open")).await.expect(200).says("320 objectives.");
        person.get(&format!("{desk}?show=everything")).await.expect(422);
        person.get(&format!("{desk}?sort=x")).await.expect(422);
        // What rests on something old is stale.
        let file = upload(&person, "old.txt").await;
        approve(&person, &file).await;
        person.post(&format!("{page}/link"), &[("evidence", &file), ("method", "examine")]).await.expect(303);
        person.get(&format!("{desk}?show=stale")).await.expect(200).says("Nothing fits");
        app.clock.advance(366 * DAY);
        person.open_session().await;
        person.get(&format!("{desk}?show=stale")).await.expect(200).says("1 objective.");
    })
    .await;
}

#[tokio::test]
async fn a_comment_tells_those_it_mentions_and_nobody_else() {
    check(async |app| {
        let (person, other, outsider) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await, app.person(&[Role::Messaging]).await);
        let desk = begin(&person).await;
        let page = format!("{desk}/objectives/3.4.4");
        let text = format!("@{} and @{}: <b>look</b>, as does @{}", other.username, outsider.username, person.username);
        person.post(&format!("{page}/comment"), &[("text", &text)]).await.expect(303);
        other.get(&page).await.expect(200).says("&lt;b&gt;look").lacks("<b>look");
        let told: Vec<(String,)> = app.app.db.query("select person_id from notice where template = 'mention'").all().await.expect("reads");
        assert_eq!(told.into_iter().map(|(id,)| id).collect::<Vec<_>>(), [other.id.as_ref().expect("an id").to_string()]);
        person.post(&format!("{page}/comment"), &[("text", " ")]).await.expect(422);
        person.post(&format!("{page}/comment"), &[("text", &"x".repeat(2001))]).await.expect(422);
        person.get(&desk).await.expect(200).says("1 comment");
        let mut work = app.app.db.store().begin().await.expect("begins");
        assert!(work.query("update objective_comment set text = 'other'").execute().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn the_score_follows_and_an_illegal_plan_is_told_with_its_citation() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        person.get(&format!("{desk}/score")).await.expect(200).says("No score").says("320 objectives are not assessed");
        let all: Vec<String> = countersign::catalog::Catalog::r2().requirements().flat_map(|r| &r.objectives).map(|o| format!("{},met,", o.id)).collect();
        let lines = format!("objective,finding,because\n{}", all.join("\n"));
        person.post(&format!("{desk}/bulk"), &[("lines", &lines)]).await.expect(303);
        assert_eq!(newest(app, "assessment.bulk").await["data"]["objectives"].as_array().map(Vec::len), Some(320));
        // Everything is claimed and nothing rests on anything.
        person.get(&format!("{desk}/score")).await.expect(200).says("Verified no score, projected 110").says("nothing stands against");
        let page = format!("{desk}/objectives/3.13.11");
        keep(&person, &page, &[("finding", "not_met"), ("because", "Not validated.")]).await.expect(303);
        person.get(&format!("{desk}/score")).await.expect(200).says("projected 105").says("32 CFR 170.21(a)(2)(ii)").says("3.13.11 takes 5 points");
        person.post(&format!("{desk}/requirements/3.13.11/partial"), &[("because", "Encrypted, not validated.")]).await.expect(303);
        person.get(&format!("{desk}/score")).await.expect(200).says("projected 107").says("nothing stands against").lacks("3.13.11 takes");
        person.get(&format!("{desk}/requirements/3.13.11")).await.expect(200).says("May stand on it").says("Encrypted, not validated.");
        person.post(&format!("{desk}/requirements/3.1.1/partial"), &[("because", "x")]).await.expect(422).says("knows no part");
        person.post(&format!("{desk}/requirements/3.13.11/partial"), &[("because", "")]).await.expect(303);
        person.get(&format!("{desk}/score")).await.expect(200).says("projected 105");
        let escort = format!("{desk}/objectives/3.10.4");
        keep(&person, &escort, &[("finding", "not_met"), ("because", "No logs.")]).await.expect(303);
        person.get(&format!("{desk}/score")).await.expect(200).says("32 CFR 170.21(a)(2)(iii)");
        person.get(&format!("{desk}/score?met=3.12.4")).await.expect(200).says("If these were met, the score would be").says("-203");
        person.get(&format!("{desk}/score?met=3.99")).await.expect(422);
    })
    .await;
}

#[tokio::test]
async fn a_bulk_change_is_made_whole_or_not_at_all() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let send = async |lines: &str| person.post(&format!("{desk}/bulk"), &[("lines", lines)]).await;
        let bad = "objective,stage,finding,because\n3.1.1[a],in_progress,,\n3.1.1[b],done,,\n3.9.9,reviewed,,\n3.1.1[a],reviewed,,\n3.4.4,complete,met,\n3.5.4,,not_met,\n";
        let told = send(bad).await.expect(422).says("1 line cannot be taken").says("none of the five stages");
        told.says("Nothing was changed");
        let told = send(&bad.replace("done", "reviewed")).await.expect(422);
        told.says("no such objective").says("is there twice").says("Nothing is complete without").says("Say why");
        for wrong in ["", "stage\nreviewed", "objective,colour\n3.4.4,red", "objective,stage\n\"3.4.4", "objective,version\n3.4.4,x"] {
            send(wrong).await.expect(422);
        }
        assert_eq!(count(app, "assessment.bulk ok").await, 0);
        let rows: i64 = app.app.db.query("select count(*) from objective_state").scalar().await.expect("counts");
        assert_eq!(rows, 0);
        let good = format!("objective;stage;owner;due_on;notes\n3.1.1[a];in_progress;{};2026-03-31;'=SUM(1)\n3.1.1[b];reviewed;;;", person.username);
        send(&good).await.expect(303);
        // What goes out comes in again, and no cell of it is a formula.
        let csv = person.get(&format!("{desk}/statuses.csv")).await.expect(200).text();
        assert!(csv.contains("\"'=SUM(1)\"") && csv.lines().count() == 321, "{csv}");
        assert_eq!(newest(app, "assessment.export").await["data"]["sha256"].as_str().map(str::len), Some(64));
        send(&csv.replace("\"reviewed\"", "\"in_progress\"")).await.expect(303);
        assert!(person.get(&format!("{desk}/statuses.csv")).await.expect(200).text().contains("\"'=SUM(1)\""));
        // A version that is old by now is refused.
        send(&csv).await.expect(422).says("was changed meanwhile");
    })
    .await;
}

#[tokio::test]
async fn who_has_no_part_in_assessments_hears_403_first() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        for role in [Role::Admin, Role::Messaging, Role::Intake, Role::Assessor] {
            let other = app.person(&[role]).await;
            for path in [desk.clone(), "/assess/asm_0192f0c1a2b37c4d8e5f60718293a4b5".into(), format!("{desk}/objectives/3.4.4"), format!("{desk}/score")] {
                other.get(&path).await.expect(403);
            }
            other.post(&format!("{desk}/objectives/3.4.4"), &[]).await.expect(403);
            other.post(&format!("{desk}/objectives/3.4.4/comment"), &[("text", "x")]).await.expect(403);
        }
        person.get("/assess/asm_0192f0c1a2b37c4d8e5f60718293a4b5").await.expect(404);
        person.get("/assess/nothing").await.expect(404);
    })
    .await;
}

/// Bytes of a page once a proxy has compressed it.
fn compressed(bytes: &[u8]) -> Option<usize> {
    use std::io::Write as _;
    let mut gzip =
        std::process::Command::new("gzip").args(["-6", "-c"]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().ok()?;
    let mut input = gzip.stdin.take()?;
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let out = gzip.wait_with_output().ok()?;
    writer.join().ok()?.ok()?;
    Some(out.stdout.len())
}

#[tokio::test]
async fn the_whole_desk_is_one_small_page() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let all: Vec<String> = countersign::catalog::Catalog::r2()
            .requirements()
            .flat_map(|r| &r.objectives)
            .map(|o| format!("{},reviewed,not_met,why {},{}", o.id, o.id, person.username))
            .collect();
        person.post(&format!("{desk}/bulk"), &[("lines", &format!("objective,stage,finding,because,owner\n{}", all.join("\n")))]).await.expect(303);
        let began = std::time::Instant::now();
        let page = person.get(&desk).await.expect(200);
        println!("the desk: {:?} (this build), {} bytes", began.elapsed(), page.bytes.len());
        assert!(page.bytes.len() < 400_000, "{}", page.bytes.len());
        match compressed(&page.bytes) {
            Some(size) => {
                println!("the desk: {size} bytes compressed");
                assert!(size <= 60_000, "{size}");
            }
            None => println!("skipped: no gzip here"),
        }
    })
    .await;
}
