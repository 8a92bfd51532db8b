//! Plans of action through the router: what the regulation lets wait, the 180 days, one close-out; and operational plans.

use countersign::policy::Role;

use crate::assess::begin;
use crate::support::{Reply, TestApp, TestPerson, check};

/// Everything met and shown by an interview, but for what is named with its finding.
pub async fn found(person: &TestPerson<'_>, desk: &str, open: &[(&str, &str)]) {
    let catalog = countersign::catalog::Catalog::r2();
    let objectives: Vec<String> = catalog.requirements().flat_map(|r| &r.objectives).map(|o| o.id.clone()).collect();
    let line = |id: &String| match open.iter().find(|(r, _)| id == r || id.starts_with(&format!("{r}["))) {
        Some((_, finding)) => format!("{id},{finding},There is none."),
        None => format!("{id},met,"),
    };
    let lines: Vec<String> = objectives.iter().map(line).collect();
    let text = format!("objective,finding,because\n{}\n", lines.join("\n"));
    person.post(&format!("{desk}/bulk"), &[("lines", &text)]).await.expect(303);
}

/// The id of the first thing that a page offers to change.
fn edited(text: &str) -> String {
    let at = text.find("?edit=").expect("something to change");
    text[at + 6..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

pub async fn add(person: &TestPerson<'_>, desk: &str, requirement: &str) -> Reply {
    let fields = [
        ("requirement", requirement),
        ("weakness", "It is not there yet."),
        ("remediation", "Buy it."),
        ("milestones", "2026-03-31 it is ordered"),
        ("risk", "high"),
        ("owner", ""),
        ("due_on", "2026-05-01"),
    ];
    person.post(&format!("{desk}/plan"), &fields).await
}

#[tokio::test]
async fn a_plan_holds_what_the_regulation_lets_wait_and_nothing_else() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        person.get(&format!("{desk}/plan")).await.expect(200).says("Nothing stands on this plan").says("32 CFR 170.24(c)(2)");
        add(&person, &desk, "3.1.3").await.expect(422).says("3.1.3 is not assessed yet");
        found(&person, &desk, &[("3.1.3", "not_met"), ("3.1.1", "not_met"), ("3.1.20", "not_met"), ("3.13.11", "not_met"), ("3.5.3", "not_met")]).await;
        for (requirement, citation) in [
            ("3.1.1", "32 CFR 170.21(a)(2)(ii)"),
            ("3.1.20", "32 CFR 170.21(a)(2)(iii)"),
            ("3.13.11", "32 CFR 170.21(a)(2)(ii)"),
            ("3.5.3", "32 CFR 170.21(a)(2)(ii)"),
            ("3.1.4", "32 CFR 170.24(c)(2)(i)(B)(6)"),
        ] {
            add(&person, &desk, requirement).await.expect(422).says(citation);
        }
        add(&person, &desk, "3.99.1").await.expect(422).says("no such requirement");
        person.post(&format!("{desk}/requirements/3.13.11/partial"), &[("because", "Not validated.")]).await.expect(303);
        person.post(&format!("{desk}/requirements/3.5.3/partial"), &[("because", "Remote only.")]).await.expect(303);
        add(&person, &desk, "3.13.11").await.expect(303);
        add(&person, &desk, "3.5.3").await.expect(422).says("32 CFR 170.21(a)(2)(ii)");
        add(&person, &desk, "3.1.3").await.expect(303);
        add(&person, &desk, "3.1.3").await.expect(422).says("there already");
        let page = person.get(&format!("{desk}/plan")).await.expect(200).says("It is not there yet.").says("2026-03-31 it is ordered");
        // Changed in its place, over the version that was seen.
        let id = edited(&page.text());
        person.get(&format!("{desk}/plan?edit={id}")).await.expect(200).says("It is not there yet.</textarea>").lacks("Put it on the plan");
        person.get(&format!("{desk}/plan?edit=poa_0192f0c1a2b37c4d8e5f60718293a4b5")).await.expect(404);
        let edit = |version: &'static str, milestones: &'static str| {
            [("version", version), ("weakness", "Still not."), ("remediation", ""), ("milestones", milestones), ("risk", "low"), ("owner", ""), ("due_on", "")]
        };
        let action = format!("{desk}/plan/items/{id}");
        person.post(&action, &edit("1", "soon")).await.expect(422).says("beginning with its day").says("Still not.");
        person.post(&action, &edit("1", "2026-03-31 x done\n2026-02-01 first")).await.expect(303);
        person.post(&action, &edit("1", "")).await.expect(412).says("Somebody else changed this");
        person.get(&format!("{desk}/plan?edit={id}")).await.expect(200).says("2026-02-01 first\n2026-03-31 x done");
        let csv = person.get(&format!("{desk}/plan.csv")).await.expect(200).text();
        assert!(csv.starts_with("\"requirement\",\"practice\"") && csv.contains("\"3.13.11\",\"SC.L2-3.13.11\"") && csv.contains("\"Buy it.\""), "{csv}");
        let book = person.get(&format!("{desk}/plan.xlsx")).await.expect(200);
        assert!(book.bytes.starts_with(b"PK") && book.text().contains(">SC.L2-3.13.11<") && book.header("content-disposition").ends_with(".xlsx\""));
        person.post(&format!("{action}/remove"), &[]).await.expect(303);
        person.post(&format!("{action}/remove"), &[]).await.expect(404);
    })
    .await;
}

/// Records an interview, and has somebody else confirm it.
async fn verified(app: &TestApp, person: &TestPerson<'_>, desk: &str, objective: &str) {
    let record = [("method", "interview"), ("with", "The administrator"), ("said", "It is so."), ("held_on", "2026-01-15")];
    let page = format!("{desk}/objectives/{objective}");
    person.post(&format!("{page}/record"), &record).await.expect(303);
    crate::assess::confirm(app, &page, &person.get(&page).await.expect(200).field("record").expect("a record")).await;
}

async fn count(app: &TestApp, action: &str) -> usize {
    app.db_actions().await.iter().filter(|a| *a == action).count()
}

#[tokio::test]
async fn the_plan_is_closed_out_once_and_in_time() {
    check(async |app| {
        let (person, officer) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let desk = begin(&person).await;
        let (conditional, close_out) = (format!("{desk}/plan/conditional"), format!("{desk}/plan/close-out"));
        let begin_on = |day: &'static str| [("conditional_on", day)];
        officer.post(&conditional, &begin_on("2026-01-10")).await.expect(422).says("32 CFR 170.24(c)(2)");
        found(&person, &desk, &[]).await;
        officer.post(&conditional, &begin_on("2026-01-10")).await.expect(422).says("Everything is met");
        found(&person, &desk, &[("3.4.9", "not_met")]).await;
        officer.post(&conditional, &begin_on("2026-01-10")).await.expect(422).says("3.4.9 is not met and stands on no plan");
        add(&person, &desk, "3.4.9").await.expect(303);
        person.post(&conditional, &begin_on("2026-01-10")).await.expect(403);
        officer.post(&close_out, &[("closed_out_on", "2026-01-15")]).await.expect(422);
        officer.post(&conditional, &begin_on("2026-01-16")).await.expect(422).says("still to come");
        officer.post(&conditional, &begin_on("2026-01-10")).await.expect(303);
        officer.post(&conditional, &begin_on("2026-01-11")).await.expect(422);
        officer.get(&format!("{desk}/plan")).await.expect(200).says("2026-07-09").says("175 days left");
        // What the status rests on stays.
        let id = edited(&person.get(&format!("{desk}/plan")).await.expect(200).text());
        person.post(&format!("{desk}/plan/items/{id}/remove"), &[]).await.expect(409).says("nothing is taken off it");
        officer.post(&close_out, &[("closed_out_on", "2026-01-15")]).await.expect(422).says("3.4.9 stands on the plan and is not verified");
        found(&person, &desk, &[]).await;
        officer.post(&close_out, &[("closed_out_on", "2026-01-15")]).await.expect(422).says("not verified");
        for objective in ["3.4.9%5Ba%5D", "3.4.9%5Bb%5D", "3.4.9%5Bc%5D"] {
            verified(app, &person, &desk, objective).await;
        }
        officer.post(&close_out, &[("closed_out_on", "2026-01-09")]).await.expect(422);
        // A day too late is too late.
        app.advance(176 * 86_400);
        officer.open_session().await;
        officer.get(&format!("{desk}/plan")).await.expect(200).says("The 180 days are over");
        officer.post(&close_out, &[("closed_out_on", "2026-07-10")]).await.expect(422).says("32 CFR 170.21(b)");
        officer.post(&close_out, &[("closed_out_on", "2026-07-09")]).await.expect(303);
        officer.post(&close_out, &[("closed_out_on", "2026-07-09")]).await.expect(422);
        assert_eq!((count(app, "plan.begin ok").await, count(app, "plan.close_out ok").await), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn operational_plans_are_something_else() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let list = person.get(&desk).await.expect(200).text();
        let at = list.find("/assess/systems/sys_").expect("the system");
        let system: String = list[at..].chars().take_while(|c| *c != '"').collect();
        let page = format!("{system}/operational");
        person.get(&page).await.expect(200).says("without its deadline");
        let fields = [("requirement", "3.14.1"), ("opened_on", "2026-01-10"), ("deficiency", "<b>Patches wait."), ("remediation", ""), ("owner", "")];
        let with = |name: &'static str, value: &'static str| fields.map(|(n, v)| if n == name { (n, value) } else { (n, v) });
        for (name, value) in [("opened_on", "2026-01-16"), ("opened_on", ""), ("deficiency", " "), ("requirement", ""), ("owner", "usr_1")] {
            person.post(&page, &with(name, value)).await.expect(422);
        }
        person.post(&page, &fields).await.expect(303);
        let shown = person.get(&page).await.expect(200).says("&lt;b&gt;Patches wait.").text();
        let id = edited(&shown);
        person.get(&format!("{page}?edit={id}")).await.expect(200).says("It is mended").lacks("Write it<");
        let action = format!("{page}/{id}");
        let edit = [("version", "1"), ("deficiency", "Patches waited."), ("remediation", "They are in."), ("owner", "")];
        person.post(&action, &edit).await.expect(303);
        person.post(&action, &edit).await.expect(412);
        person.post(&format!("{action}/resolve"), &[("version", "2"), ("resolution", "")]).await.expect(422);
        person.post(&format!("{action}/resolve"), &[("version", "2"), ("resolution", "Rolled out.")]).await.expect(303);
        person.get(&page).await.expect(200).says("Rolled out.");
        person.post(&format!("{action}/resolve"), &[("version", "3"), ("resolution", "Again.")]).await.expect(412);
        // It is on no plan of action.
        person.get(&format!("{desk}/plan")).await.expect(200).says("Nothing stands on this plan");
    })
    .await;
}
