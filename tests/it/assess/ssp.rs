//! The system security plan: written by section over the version that was seen, kept by the system, and recorded.

use countersign::policy::Role;
use serde_json::json;

use super::{begin, newest};
use crate::support::{TestPerson, check};

async fn write(person: &TestPerson<'_>, desk: &str, section: &str, version: &str, text: &str) -> crate::support::Reply {
    person.post(&format!("{desk}/ssp/{section}"), &[("text", text), ("responsible", "Network team"), ("version", version)]).await
}

#[tokio::test]
async fn a_plan_is_written_by_section_over_the_version_that_was_seen() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        person
            .get(&format!("{desk}/ssp"))
            .await
            .expect(200)
            .says("Two sites.")
            .says("The implementation of 110 requirements is not written yet.")
            .says("Not written yet.");
        person.get(&format!("{desk}/ssp/3.1.1")).await.expect(200).says("name=\"version\" value=\"0\"");
        let to = write(&person, &desk, "3.1.1", "0", "By <b>accounts</b>.").await.expect(303).location().to_owned();
        assert_eq!(to, format!("{desk}/requirements/3.1.1"));
        person.get(&to).await.expect(200).says("By &lt;b&gt;accounts&lt;/b&gt;.").says("Network team");
        let entry = newest(app, "ssp.write").await;
        assert_eq!(entry["resource"]["id"], format!("{}/3.1.1", desk.trim_start_matches("/assess/")));
        assert_eq!((&entry["data"]["section"], &entry["data"]["version"]), (&"3.1.1".into(), &1.into()));
        assert!(!entry.to_string().contains("accounts"), "what was written is sealed");
        // Somebody who saw the first version loses nothing, and sees both.
        write(&person, &desk, "3.1.1", "1", "By accounts and a list.").await.expect(303);
        let late = write(&person, &desk, "3.1.1", "1", "Mine.").await.expect(412).says("Somebody else changed this").says("By accounts and a list.");
        assert!(late.text().contains(">\nMine.</textarea>") && late.text().contains("name=\"version\" value=\"2\""), "{}", late.text());
        write(&person, &desk, "3.1.1", "0", "Anew.").await.expect(412);
        write(&person, &desk, "3.1.1", "2", &"x".repeat(4001)).await.expect(422).says("xxxx");
        write(&person, &desk, "3.1.1", "two", "x").await.expect(422);
        for unknown in ["3.99.1", "roof", "3.1.1%5Ba%5D"] {
            person.get(&format!("{desk}/ssp/{unknown}")).await.expect(404);
            write(&person, &desk, unknown, "0", "x").await.expect(404);
        }
        let to = write(&person, &desk, "environment", "0", "A machine room.").await.expect(303).location().to_owned();
        person.get(&to).await.expect(200).says("A machine room.").says("By accounts and a list.");
        // It is of the system, so that the next assessment finds it written.
        let page = person.get(&desk).await.expect(200).text();
        let at = page.find("/assess/systems/").expect("the system");
        let system: String = page[at..].chars().take_while(|c| *c != '"').collect();
        let fields = [("assessment", "Self-assessment 2027"), ("framework", "nist-800-171-r2")];
        let next = person.post(&format!("{system}/assessments"), &fields).await.expect(303).location().to_owned();
        person.get(&format!("{next}/ssp")).await.expect(200).says("A machine room.").says("By accounts and a list.");
    })
    .await;
}

#[tokio::test]
async fn the_plan_over_the_api_knows_its_versions() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        let token = person.token(&[Role::Contributor], &["assess.read", "ssp.write"]).await;
        let base = format!("/api/v1{}/ssp", desk.replace("/assess/", "/assessments/"));
        let path = format!("{base}/3.4.4");
        let empty = token.get(&path).await.expect(200);
        assert_eq!((empty.header("etag"), &empty.json()["text"]), ("\"0\"", &json!("")));
        let body = json!({ "text": "Weighed by a board.", "responsible": "Change board" });
        token.post(&path, &body).await.expect(428);
        let kept = token.post_with(&path, &body, &[("if-match", "\"0\"")]).await.expect(204);
        assert_eq!(kept.header("etag"), "\"1\"");
        let late = token.post_with(&path, &json!({ "text": "Late." }), &[("if-match", "\"0\"")]).await.expect(412);
        assert_eq!((&late.json()["yours"]["text"], &late.json()["current"]["text"]), (&json!("Late."), &json!("Weighed by a board.")));
        token.post_with(&path, &json!({ "text": "x", "by": "me" }), &[("if-match", "\"1\"")]).await.expect(422);
        token.get(&format!("{base}/3.99.1")).await.expect(404);
        let all = token.get(&base).await.expect(200).json();
        assert_eq!((all.as_array().map(Vec::len), &all[0]["section"]), (Some(1), &json!("3.4.4")));
        let reader = app.person(&[Role::Intake]).await;
        reader.get(&format!("{desk}/ssp")).await.expect(403);
    })
    .await;
}
