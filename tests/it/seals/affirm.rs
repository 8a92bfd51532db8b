//! Affirmations of a sealed status, the reminders of the next one, and the documents of a seal.

use countersign::assess::{Link, Method, part, proof};
use countersign::catalog::Catalog;
use countersign::core::clock::DAY;
use countersign::core::id::AssessmentId;
use countersign::evidence;
use countersign::policy::Role;
use countersign::seal::affirm;

use super::{actor_of, newest, sealed};
use crate::assess::begin;
use crate::plans::{add, found};
use crate::support::{TestApp, TestPerson, check};

/// An assessment in which everything is met but what is named, and rests on one file.
async fn whole(person: &TestPerson<'_>, open: &[(&str, &str)]) -> String {
    let (app, desk) = (person.app, begin(person).await);
    found(person, &desk, open).await;
    for (requirement, _) in open {
        add(person, &desk, requirement).await.expect(303);
    }
    let up = person.upload("all.txt", "text/plain", b"all").await.expect(303);
    let item = up.location().trim_start_matches("/evidence/").parse().expect("an id");
    let item = evidence::by_id(&app.app.db, &item).await.expect("reads").expect("there");
    let id: AssessmentId = desk.trim_start_matches("/assess/").parse().expect("an id");
    let actor = actor_of(person, Role::Contributor);
    for objective in Catalog::r2().requirements().flat_map(|r| &r.objectives) {
        let permit = app.app.policy.permit::<Link>(&actor, &part("objective", &id, &objective.id)).expect("may");
        let who = actor.person().expect("a person");
        proof::link(&app.app.db, permit, who, (&id, &objective.id), &item, Method::Examine).await.expect("links");
    }
    crate::artifacts::approve(person, item.id.as_str()).await;
    desk
}

#[tokio::test]
async fn a_status_is_affirmed_by_its_official_who_confirms_first() {
    check(async |app| {
        let (person, officer) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let desk = whole(&person, &[("3.4.9", "not_met")]).await;
        let page = sealed(&officer, &desk).await;
        let affirm = format!("{page}/affirm");
        person.get(&affirm).await.expect(403);
        officer.get(&page).await.expect(200).says("109").says(&affirm);
        officer.get(&affirm).await.expect(200).says("Conditional").says("18 U.S.C. 1001");
        officer.post(&affirm, &[("official", ""), ("title", "COO")]).await.expect(422);
        officer.post(&affirm, &[("official", "Ada Byron"), ("title", "COO")]).await.expect(303);
        let entry = newest(app, "affirmation.sign").await;
        let data = &entry["data"];
        assert_eq!((&data["status"], &data["score"]), (&"conditional".into(), &109.into()));
        assert_eq!((&data["next_on"], &data["triennial_on"]), (&"2027-01-15".into(), &"2029-01-15".into()));
        assert!(data["statement"].as_str().is_some_and(|s| s.contains("18 U.S.C. 1001")) && data["authenticated_at"].is_string());
        assert!(!entry.to_string().contains("Ada Byron"), "the name is sealed");
        officer.get(&affirm).await.expect(200).says("Ada Byron, COO").says("Next by 2027-01-15").says("New assessment by 2029-01-15");
        app.advance(app.app.policy.fresh_secs());
        assert!(officer.get(&affirm).await.expect(303).location().starts_with("/fresh?next="));
        assert!(officer.post(&affirm, &[("official", "Ada Byron"), ("title", "COO")]).await.expect(303).location().starts_with("/fresh"));
        // The documents say what was sealed, and that they were read is an entry.
        let report = officer.get(&format!("{page}/report")).await.expect(200).says("artifacts/").says("There is none.").says("Buy it.");
        let digest = newest(app, "assessment.seal").await["data"]["digest"].as_str().expect("a digest").to_owned();
        assert!(report.text().contains(&digest));
        officer.get(&format!("{page}/sprs")).await.expect(200).says("109").says("1ABC2 3DEF4").says(&digest).says("CM.L2-3.4.9");
        let entry = newest(app, "seal.download").await;
        assert_eq!((&entry["data"]["document"], &entry["data"]["digest"]), (&"sprs".into(), &digest.into()));
    })
    .await;
}

#[tokio::test]
async fn a_score_that_allows_no_status_is_not_affirmed() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance, Role::Contributor]).await;
        let (desk, _) = super::assessed(&officer).await;
        let page = sealed(&officer, &desk).await;
        officer.get(&format!("{page}/affirm")).await.expect(200).says("No status can be affirmed");
        officer.post(&format!("{page}/affirm"), &[("official", "Ada"), ("title", "COO")]).await.expect(422).says("32 CFR 170.21(a)(2)(i)");
        officer.get(&format!("{page}/sprs")).await.expect(200).says("No CMMC status");
    })
    .await;
}

/// Waits until the server's own loop has reminded so often.
async fn reminded(app: &TestApp, times: usize) {
    let count = async || app.db_actions().await.iter().filter(|a| *a == "affirmation.remind ok").count();
    for _ in 0..500 {
        if count().await >= times {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(count().await, times);
}

#[tokio::test]
async fn people_are_reminded_of_the_next_affirmation_once_a_week() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance, Role::Contributor]).await;
        let desk = whole(&officer, &[]).await;
        let page = sealed(&officer, &desk).await;
        officer.post(&format!("{page}/affirm"), &[("official", "Ada"), ("title", "COO")]).await.expect(303);
        assert_eq!(newest(app, "affirmation.sign").await["data"]["status"], "final");
        let officers = [officer.id.clone().expect("a person")];
        let remind = async || affirm::remind(&app.app.db, &app.app.policy, &officers).await.expect("asks");
        app.clock.advance(334 * DAY);
        assert!(!remind().await, "thirty-one days are left");
        app.clock.advance(DAY);
        reminded(app, 1).await;
        assert!(!remind().await, "they were told");
        app.clock.advance(7 * DAY);
        reminded(app, 2).await;
        assert_eq!(newest(app, "affirmation.remind").await["data"]["next_on"], "2027-01-15");
        // A later one ends it.
        officer.open_session().await;
        officer.post(&format!("{page}/affirm"), &[("official", "Ada"), ("title", "COO")]).await.expect(303);
        app.clock.advance(7 * DAY);
        assert!(!remind().await);
        reminded(app, 2).await;
    })
    .await;
}
