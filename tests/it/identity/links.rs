//! Single-use links: set-up, invitation, reset.

use countersign::identity::links;
use countersign::policy::{Actor, On, Role};

use crate::support::{TestPerson, check};

const NEW: &str = "Seven otters sign 3 pacts";

#[tokio::test]
async fn the_set_up_link_makes_one_administrator_and_is_unknown_ever_after() {
    check(async |app| {
        let app_ = &app.app;
        let permit = app_.policy.permit(&Actor::system(), &On::any("link")).expect("may");
        let made = links::make_setup(&app_.db, &app_.policies.session, permit).await.expect("makes").expect("nobody is there yet");
        let path = format!("/link/{}", made.token);
        app.stranger().get(&path).await.expect(200).says("name=\"username\"");
        let racers: Vec<_> = (0..4).map(|_| app.stranger()).collect();
        for racer in &racers {
            racer.get(&path).await.expect(200);
        }
        let names: Vec<String> = (0..4).map(|n| format!("admin.{n}")).collect();
        let tries =
            racers.iter().zip(&names).map(|(r, name)| {
                let path = path.clone();
                async move {
                    r.post(&path, &[("username", name), ("display_name", "Quentin Vale"), ("email", ""), ("password", NEW), ("password_again", NEW)]).await
                }
            });
        let replies = futures_util::future::join_all(tries).await;
        assert_eq!(replies.iter().filter(|r| r.status.as_u16() == 303).count(), 1, "{:?}", replies.iter().map(|r| r.status).collect::<Vec<_>>());
        app.stranger().get(&path).await.expect(404);
        let permit = app_.policy.permit(&Actor::system(), &On::any("link")).expect("may");
        assert!(links::make_setup(&app_.db, &app_.policies.session, permit).await.expect("asks").is_none(), "no set-up link once anybody exists");
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_taken_up_with_a_password_and_lives_to_the_second() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let fields =
            [("username", "nora.quist"), ("display_name", "Nora Quist"), ("email", "nora@example.org"), ("roles", "contributor"), ("roles", "messaging")];
        let page = admin.post("/admin/users/invite", &fields).await.expect(200).text();
        let token =
            page.split("/link/").nth(1).expect("the link").chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect::<String>();
        let path = format!("/link/{token}");
        let nora = app.stranger();
        nora.get(&path).await.expect(200).says("nora.quist");
        nora.post(&path, &[("password", "weak"), ("password_again", "weak")]).await.expect(422);
        nora.post(&path, &[("password", NEW), ("password_again", NEW)]).await.expect(303);
        nora.get(&path).await.expect(404);
        let half = nora.post("/login", &[("username", "nora.quist"), ("password", NEW)]).await.expect(303);
        assert_eq!(half.location(), "/login/enrol");
        let again = admin
            .post("/admin/users/invite", &[("username", "late.guest"), ("display_name", "Late Guest"), ("email", ""), ("roles", "intake")])
            .await
            .expect(200)
            .text();
        let token =
            again.split("/link/").nth(1).expect("the link").chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect::<String>();
        app.advance(app.app.policies.session.invite_link_secs);
        app.stranger().get(&format!("/link/{token}")).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn a_reset_ends_sessions_and_never_skips_the_second_factor() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let admin = app.person(&[Role::Admin]).await;
        let page = admin.post(&format!("/admin/users/{}/reset-password", person.id.as_ref().expect("id")), &[]).await.expect(200).text();
        let token =
            page.split("/link/").nth(1).expect("the link").chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect::<String>();
        let browser = TestPerson { username: person.username.clone(), secret: person.secret.clone(), ..app.stranger() };
        browser.get(&format!("/link/{token}")).await.expect(200);
        browser.post(&format!("/link/{token}"), &[("password", NEW), ("password_again", NEW)]).await.expect(303);
        person.get("/account").await.expect(303);
        browser.get("/login").await.expect(200);
        let half = browser.post("/login", &[("username", &person.username), ("password", NEW)]).await.expect(303);
        assert_eq!(half.location(), "/login/totp");
        browser.post("/login/totp", &[("code", &browser.code())]).await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn asking_for_a_link_answers_everyone_alike() {
    check(async |app| {
        let person = TestPerson::enrolled(app, &[Role::Contributor]).await;
        let steady = |text: String| -> String { text.lines().filter(|l| !l.contains("nonce") && !l.contains("csrf") && !l.contains("datetime")).collect() };
        let mut bodies = Vec::new();
        for name in [person.username.as_str(), "nobody.at.all"] {
            let stranger = app.stranger();
            stranger.get("/forgot").await.expect(200);
            bodies.push(steady(stranger.post("/forgot", &[("username", name)]).await.expect(200).text()));
        }
        assert_eq!(bodies[0], bodies[1]);
        // The work behind the answer ends with its entry.
        for _ in 0..200 {
            if app.db_actions().await.iter().filter(|a| a.starts_with("account.forgot")).count() == 2 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("both requests leave an entry");
    })
    .await;
}
