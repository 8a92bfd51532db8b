//! What was found not to apply is looked at again once the system is another one.

use countersign::policy::Role;

use super::{begin, keep, newest};
use crate::plans::found;
use crate::support::check;

#[tokio::test]
async fn what_does_not_apply_is_flagged_when_the_scope_changes_until_somebody_looks_again() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let desk = begin(&person).await;
        found(&person, &desk, &[("3.8.8", "not_applicable")]).await;
        let page = format!("{desk}/objectives/3.8.8");
        let text = person.get(&desk).await.expect(200).text();
        let at = text.find("/assess/systems/").expect("the system");
        let system: String = text[at..].chars().take_while(|c| *c != '"').collect();
        let describe = async |version: &str, name: &str, boundary: &str| {
            let fields = [("name", name), ("scope", "Two sites."), ("boundary", boundary), ("cage_codes", "1ABC2 3DEF4"), ("version", version)];
            person.post(&system, &fields).await.expect(303);
        };
        app.advance(60);
        // Another name is no other system.
        describe("1", "Core", "The firewall.").await;
        person.get(&page).await.expect(200).lacks("Found not to apply, before");
        app.advance(60);
        describe("2", "Core", "The firewall and the laptops.").await;
        person.get(&page).await.expect(200).says("Found not to apply, before what the system is was changed");
        person.get(&format!("{desk}/requirements/3.8.8")).await.expect(200).says("Found not to apply, before");
        // It is claimed, and not verified, and its reason is one for programs, too.
        let token = person.token(&[Role::Contributor], &["assess.read"]).await;
        let api = format!("/api/v1{}/objectives/3.8.8", desk.replace("/assess/", "/assessments/"));
        assert_eq!(token.get(&api).await.expect(200).json()["why"]["code"], "scope_changed");
        // Whose work it is was told, in the act itself.
        assert_eq!(newest(app, "system.edit").await["data"]["reminded"], 1);
        let told: Vec<(String,)> = app.app.db.query("select person_id from notice where template = 'scope_changed'").all().await.expect("reads");
        assert_eq!(told.len(), 1);
        // Giving the work to somebody is not looking at it.
        app.advance(60);
        person.post(&format!("{desk}/requirements/3.8.8/assign"), &[("owner", &person.username), ("due_on", "")]).await.expect(303);
        person.get(&page).await.expect(200).says("Found not to apply, before");
        app.advance(60);
        keep(&person, &page, &[("finding", "not_applicable"), ("because", "Still none: the laptops have no ports.")]).await.expect(303);
        person.get(&page).await.expect(200).lacks("Found not to apply, before");
    })
    .await;
}
