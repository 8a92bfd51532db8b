//! Password and code, sessions, cookies, where one lands.

use axum::body::Body;
use axum::http::{Request, header};
use countersign::policy::Role;

use crate::support::app::PASSWORD;
use crate::support::{TestPerson, check};

/// Signs in through the forms.
pub async fn sign_in(person: &TestPerson<'_>) {
    person.get("/login").await.expect(200);
    person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
    person.post("/login/totp", &[("code", &person.code())]).await.expect(303);
}

#[tokio::test]
async fn password_and_code_sign_in_and_each_step_is_an_entry() {
    check(async |app| {
        let person = TestPerson::enrolled(app, &[Role::Contributor]).await;
        person.get("/").await.expect(303);
        person.get("/login").await.expect(200).says("name=\"csrf_token\"");
        let half = person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
        assert_eq!(half.location(), "/login/totp");
        assert_eq!(person.get("/account").await.expect(303).location(), "/login/totp", "half signed in is not signed in");
        let full = person.post("/login/totp", &[("code", &person.code())]).await.expect(303);
        assert_eq!(full.location(), "/");
        person.get("/account").await.expect(200);
        let actions = app.db_actions().await;
        assert_eq!(actions[actions.len() - 2..], ["session.login ok", "session.totp ok"]);
    })
    .await;
}

#[tokio::test]
async fn every_step_gives_a_new_cookie_and_the_old_ones_are_dead() {
    check(async |app| {
        let person = TestPerson::enrolled(app, &[Role::Contributor]).await;
        person.keep("countersign", "planted-by-somebody-else-00000000000000000");
        person.get("/login").await.expect(200);
        let planted = person.cookie("countersign").expect("kept");
        person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
        let half = person.cookie("countersign").expect("set");
        person.post("/login/totp", &[("code", &person.code())]).await.expect(303);
        let full = person.cookie("countersign").expect("set");
        assert!(planted != half && half != full);
        for dead in [planted, half] {
            let thief = app.stranger();
            thief.keep("countersign", &dead);
            thief.get("/account").await.expect(303);
        }
    })
    .await;
}

#[tokio::test]
async fn unknown_wrong_and_disabled_hear_the_same() {
    check(async |app| {
        let known = TestPerson::enrolled(app, &[Role::Contributor]).await;
        let closed = TestPerson::enrolled(app, &[Role::Contributor]).await;
        let admin = app.person(&[Role::Admin]).await;
        admin.post(&format!("/admin/users/{}/disable", closed.id.as_ref().expect("id")), &[]).await.expect(303);
        let mut bodies = Vec::new();
        for (name, password) in
            [(known.username.as_str(), "wrong wrong Wrong 1"), ("nobody.at.all", "wrong wrong Wrong 1"), (closed.username.as_str(), PASSWORD)]
        {
            let stranger = app.stranger();
            stranger.get("/login").await.expect(200);
            let reply = stranger.post("/login", &[("username", name), ("password", password)]).await.expect(422);
            let text = reply.text().replace(name, "NAME");
            // Nonce, form token and reference differ in every answer.
            let steady: String = text.lines().filter(|l| !l.contains("nonce") && !l.contains("csrf") && !l.contains("datetime")).collect();
            bodies.push(steady);
        }
        assert!(bodies[0] == bodies[1] && bodies[1] == bodies[2]);
    })
    .await;
}

#[tokio::test]
async fn one_lands_on_the_local_page_first_asked_for_and_nowhere_else() {
    check(async |app| {
        for (asked, lands) in [("/account", "/account"), ("https://evil.example/", "/"), ("//evil.example", "/"), ("/\\evil.example", "/")] {
            let person = TestPerson::enrolled(app, &[Role::Contributor]).await;
            let query = serde_urlencoded::to_string([("next", asked)]).expect("a query");
            person.get(&format!("/login?{query}")).await.expect(200);
            person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
            let full = person.post("/login/totp", &[("code", &person.code())]).await.expect(303);
            assert_eq!(full.location(), lands, "{asked}");
        }
    })
    .await;
}

#[tokio::test]
async fn signing_out_ends_the_session_and_says_so_to_the_browser() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let secret = person.cookie("countersign").expect("set");
        let out = person.post("/logout", &[]).await.expect(200);
        assert!(out.cookie_line("countersign").expect("removed").contains("Max-Age=0"));
        assert!(out.header("clear-site-data").contains("storage"));
        let thief = app.stranger();
        thief.keep("countersign", &secret);
        thief.get("/account").await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_when_idle_and_after_a_day() {
    check(async |app| {
        let idle = app.person(&[Role::Contributor]).await;
        app.advance(29 * 60);
        idle.get("/account").await.expect(200);
        app.advance(29 * 60);
        idle.get("/account").await.expect(200);
        app.advance(31 * 60);
        idle.get("/account").await.expect(303);
        let busy = app.person(&[Role::Contributor]).await;
        for _ in 0..48 {
            busy.get("/account").await.expect(200);
            app.advance(1799);
        }
        app.advance(200);
        busy.get("/account").await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn a_session_can_be_revoked_by_its_owner_alone() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let first = person.cookie("countersign").expect("set");
        person.open_session().await;
        let page = person.get("/account").await.expect(200).text();
        let id = page.split("/account/sessions/").nth(1).and_then(|s| s.split('/').next()).expect("listed").to_owned();
        let other = app.person(&[Role::Contributor]).await;
        other.post(&format!("/account/sessions/{id}/revoke"), &[]).await.expect(404);
        person.post("/account/sessions/revoke-all", &[]).await;
        let thief = app.stranger();
        thief.keep("countersign", &first);
        thief.get("/account").await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn odd_cookies_are_refused_before_anything_reads_them() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let good = person.cookie("countersign").expect("set");
        for odd in [format!("countersign={good}; countersign=other"), format!("countersig%6e={good}"), format!("countersign={good}\u{e9}")] {
            let request = Request::get("/account").header(header::COOKIE, odd.as_bytes()).body(Body::empty()).expect("a request");
            app.send(request).await.expect(400);
        }
    })
    .await;
}

#[tokio::test]
async fn five_wrong_passwords_from_an_address_close_it_for_five_minutes() {
    check(async |app| {
        let person = TestPerson::enrolled(app, &[Role::Contributor]).await;
        let stranger = app.stranger();
        stranger.get("/login").await.expect(200);
        for n in 0..5 {
            stranger.post("/login", &[("username", &format!("nobody.{n}")), ("password", "Wrong wrong wrong 1")]).await.expect(422);
        }
        let told = stranger.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(429);
        assert!(told.header("retry-after").parse::<u64>().expect("seconds") <= 300);
        assert!(told.text().contains("Too many login attempts"));
        app.advance(301);
        stranger.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn right_passwords_are_not_counted_as_tries() {
    check(async |app| {
        let person = TestPerson::enrolled(app, &[Role::Contributor]).await;
        for _ in 0..8 {
            sign_in(&person).await;
            person.post("/logout", &[]).await.expect(200);
            app.advance(30);
        }
    })
    .await;
}

#[tokio::test]
async fn a_throttle_survives_in_the_database_and_a_known_device_is_not_locked_out() {
    check(async |app| {
        let person = TestPerson::enrolled(app, &[Role::Contributor]).await;
        sign_in(&person).await;
        person.post("/logout", &[]).await.expect(200);
        let from = |n: u8, user: &str| {
            let body = format!("csrf_token=x&username={user}&password=Wrong+wrong+wrong+1");
            (n, body)
        };
        // A stranger tries the account from many addresses until it answers slowly.
        for n in 0..8_u8 {
            let stranger = app.stranger();
            stranger.get("/login").await.expect(200);
            let (n, _) = from(n, &person.username);
            let body =
                serde_urlencoded::to_string([("csrf_token", stranger.csrf().as_str()), ("username", &person.username), ("password", "Wrong wrong wrong 1")])
                    .expect("a form");
            let mut request =
                Request::post("/login").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body)).expect("a request");
            request.extensions_mut().insert(axum::extract::ConnectInfo(std::net::SocketAddr::from(([10, 0, 0, n], 1))));
            stranger.send(request).await;
        }
        let elsewhere = app.stranger();
        elsewhere.get("/login").await.expect(200);
        elsewhere.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(429);
        person.get("/login").await.expect(200);
        person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn refused_tries_become_one_counted_entry() {
    check(async |app| {
        let stranger = app.stranger();
        stranger.get("/login").await.expect(200);
        for _ in 0..12 {
            stranger.post("/login", &[("username", "nobody"), ("password", "Wrong wrong wrong 1")]).await;
        }
        app.app.door.flush(&app.app).await.expect("flushes");
        let actions = app.db_actions().await;
        assert_eq!(actions.iter().filter(|a| *a == "throttle.refuse denied").count(), 1, "{actions:?}");
        assert_eq!(actions.iter().filter(|a| *a == "session.login failed").count(), 5);
    })
    .await;
}
