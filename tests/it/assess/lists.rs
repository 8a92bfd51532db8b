//! Lists of systems and assessments beyond one page.

use std::collections::BTreeSet;

use countersign::assess::system::{self, LISTED_MAX, NewAssessment, SystemText};
use countersign::assess::{CreateAssessment, CreateSystem};
use countersign::core::id::PersonId;
use countersign::policy::{Actor, Auth, On, Origin, Role, Who};
use serde_json::Value;

use crate::support::check;

fn ids(page: &Value) -> Vec<String> {
    page.as_array().expect("a list").iter().map(|s| s["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn more_systems_and_assessments_than_a_page_holds_are_all_found() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let me: PersonId = person.id.clone().expect("an id");
        let auth = Auth::Token("tok_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id"));
        let who = Who::Person { id: me.clone(), name: "c".into(), auth };
        let actor = Actor { who, roles: vec![Role::Contributor], scopes: None, fresh: true, origin: Origin::default() };
        let (db, policy) = (&app.app.db, &app.app.policy);
        let all = usize::try_from(LISTED_MAX).expect("small") + 3;
        for n in 0..all {
            // Names that are alike are told apart by their ids.
            let text = SystemText { name: format!("System {:02}", n % 50), ..SystemText::default() };
            let permit = policy.permit::<CreateSystem>(&actor, &On::any("system")).expect("may");
            let made = system::create(db, permit, &me, &text, None).await.expect("makes").answer;
            let permit = policy.permit::<CreateAssessment>(&actor, &On::any("assessment")).expect("may");
            let new = NewAssessment { system: &made, framework: "nist-800-171-r2", name: "2026" };
            system::begin(db, permit, &me, &new, None).await.expect("begins");
        }
        let token = person.token(&[Role::Contributor], &["assess.read"]).await;
        for list in ["systems", "assessments"] {
            let path = format!("/api/v1/{list}");
            let first = ids(&token.get(&path).await.expect(200).json());
            let last = first.last().expect("some").clone();
            let rest = ids(&token.get(&format!("{path}?after={last}")).await.expect(200).json());
            assert_eq!((first.len(), rest.len()), (all - 3, 3), "{list}");
            assert_eq!(first.iter().chain(&rest).collect::<BTreeSet<_>>().len(), all, "{list}");
            token.get(&format!("{path}?after=nonsense")).await.expect(422);
            assert!(ids(&token.get(&format!("{path}?after={}", rest[2])).await.expect(200).json()).is_empty());
        }
        let page = person.get("/assess").await.expect(200).says("More systems").says("Older assessments").text().replace("&#x2f;", "/");
        let more =
            page.split("href=\"").find_map(|h| h.split('"').next().filter(|h| h.starts_with("/assess?system="))).expect("a place").replace("&#x3d;", "=");
        person.get(more.split('#').next().expect("a path")).await.expect(200).says("System 49").lacks("More systems");
        person.get("/assess?system=nonsense").await.expect(422);
    })
    .await;
}
