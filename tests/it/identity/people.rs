//! What administrators may do, and what nobody may do to themselves.

use countersign::policy::Role;

use crate::support::check;

#[tokio::test]
async fn disabling_acts_on_a_live_session_at_once() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let person = app.person(&[Role::Contributor]).await;
        let token = person.token(&[Role::Contributor], &["evidence.list"]).await;
        token.get("/api/v1/evidence").await.expect(200);
        person.get("/account").await.expect(200);
        let base = format!("/admin/users/{}", person.id.as_ref().expect("id"));
        admin.get(&format!("{base}/disable")).await.expect(200);
        admin.post(&format!("{base}/disable"), &[]).await.expect(303);
        person.get("/account").await.expect(303);
        token.get("/api/v1/evidence").await.expect(401);
        admin.post(&format!("{base}/disable"), &[]).await.expect(409);
        admin.post(&format!("{base}/enable"), &[]).await.expect(303);
        person.get("/account").await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn nobody_disables_deletes_or_demotes_themselves() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        app.person(&[Role::Admin]).await;
        let base = format!("/admin/users/{}", admin.id.as_ref().expect("id"));
        admin.post(&format!("{base}/disable"), &[]).await.expect(403);
        admin.post(&format!("{base}/delete"), &[("reason", "tired"), ("typed", &admin.username)]).await.expect(403);
        admin.post(&format!("{base}/roles"), &[("roles", "intake")]).await.expect(403);
        let denied = app.db_actions().await.iter().filter(|a| a.ends_with(" denied")).count();
        assert_eq!(denied, 3, "refusals are entries too");
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_stays_even_in_a_race() {
    check(async |app| {
        let one = app.person(&[Role::Admin]).await;
        let two = app.person(&[Role::Admin]).await;
        let path = |id: &Option<countersign::core::id::PersonId>| format!("/admin/users/{}/disable", id.as_ref().expect("id"));
        let (to_two, to_one) = (path(&two.id), path(&one.id));
        let (a, b) = tokio::join!(one.post(&to_two, &[]), two.post(&to_one, &[]));
        let done = [a.status.as_u16(), b.status.as_u16()].iter().filter(|s| **s == 303).count();
        assert!(done <= 1, "{:?} {:?}", a.status, b.status);
        let left = countersign::identity::is_last_admin(&app.app.db, one.id.as_ref().expect("id")).await.expect("asks")
            || countersign::identity::is_last_admin(&app.app.db, two.id.as_ref().expect("id")).await.expect("asks");
        assert!(left || done == 0);
    })
    .await;
}

#[tokio::test]
async fn granting_a_role_is_an_entry_and_takes_effect_at_once() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let person = app.person(&[Role::Contributor]).await;
        person.get("/audit").await.expect(403);
        let base = format!("/admin/users/{}", person.id.as_ref().expect("id"));
        admin.post(&format!("{base}/roles"), &[("roles", "compliance")]).await.expect(303);
        person.get("/audit").await.expect(303);
        person.open_session().await;
        person.get("/audit").await.expect(200);
        person.post("/messages", &[("to", "+14155552671"), ("text", "hello")]).await.expect(403);
        admin.post(&format!("{base}/roles"), &[("roles", "emperor")]).await.expect(422);
    })
    .await;
}

#[tokio::test]
async fn deleting_closes_the_account_and_keeps_the_history() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let person = app.person(&[Role::Contributor]).await;
        let base = format!("/admin/users/{}", person.id.as_ref().expect("id"));
        admin.post(&format!("{base}/delete"), &[("reason", "left the company"), ("typed", "somebody else")]).await.expect(422);
        admin.post(&format!("{base}/delete"), &[("reason", "left the company"), ("typed", &person.username)]).await.expect(303);
        person.get("/account").await.expect(303);
        admin.get(&base).await.expect(200);
        admin.post(&format!("{base}/enable"), &[]).await.expect(409);
        assert!(app.db_actions().await.contains(&"person.delete ok".to_owned()));
    })
    .await;
}
