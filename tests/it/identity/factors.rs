//! Codes: used once, throttled, enrolled at the first sign-in; recovery codes; confirming again.

use countersign::policy::Role;

use crate::support::app::PASSWORD;
use crate::support::person::code_of;
use crate::support::{TestPerson, check};

#[tokio::test]
async fn a_code_works_once_even_in_parallel() {
    check(async |app| {
        let person = TestPerson::enrolled(app, &[Role::Contributor]).await;
        let code = person.code();
        let mut halves = Vec::new();
        for _ in 0..8 {
            let browser = TestPerson { id: person.id.clone(), username: person.username.clone(), secret: person.secret.clone(), ..app.stranger() };
            browser.get("/login").await.expect(200);
            browser.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
            halves.push(browser);
        }
        let fields = [("code", code.as_str())];
        let tries = halves.iter().map(|b| b.post("/login/totp", &fields));
        let replies = futures_util::future::join_all(tries).await;
        assert_eq!(replies.iter().filter(|r| r.status.as_u16() == 303).count(), 1, "one code, one session");
    })
    .await;
}

#[tokio::test]
async fn the_previous_step_is_good_and_the_next_is_not() {
    check(async |app| {
        for (offset, good) in [(-30, true), (0, true), (30, false), (-60, false)] {
            let person = TestPerson::enrolled(app, &[Role::Contributor]).await;
            person.get("/login").await.expect(200);
            person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
            let secs = app.clock.now() / 1_000_000 + offset;
            let reply = person.post("/login/totp", &[("code", &person.code_at(secs))]).await;
            assert_eq!(reply.status.as_u16() == 303, good, "{offset}");
        }
    })
    .await;
}

#[tokio::test]
async fn ten_wrong_codes_lock_codes_until_an_administrator_lifts_it() {
    check(async |app| {
        let person = TestPerson::enrolled(app, &[Role::Contributor]).await;
        for n in 0..10 {
            person.get("/login").await.expect(200);
            person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
            person.post("/login/totp", &[("code", &format!("{n:06}"))]).await.expect(422);
            app.advance(301);
        }
        person.get("/login").await.expect(200);
        person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
        person.post("/login/totp", &[("code", &person.code())]).await.expect(422);
        app.advance(301);
        let admin = app.person(&[Role::Admin]).await;
        admin.post(&format!("/admin/users/{}/unlock", person.id.as_ref().expect("id")), &[]).await.expect(303);
        person.get("/login").await;
        person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
        person.post("/login/totp", &[("code", &person.code())]).await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn the_first_sign_in_enrols_and_shows_ten_codes_that_work_once() {
    check(async |app| {
        let person = TestPerson::enrolled(app, &[Role::Contributor]).await;
        let admin = app.person(&[Role::Admin]).await;
        admin.post(&format!("/admin/users/{}/reset-totp", person.id.as_ref().expect("id")), &[]).await.expect(303);
        person.get("/login").await.expect(200);
        let half = person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
        assert_eq!(half.location(), "/login/enrol");
        let page = person.get("/login/enrol").await.expect(200).text();
        let secret = secret_on(&page);
        let shown = person.post("/login/enrol", &[("code", &code_of(&secret, app.clock.now() / 1_000_000))]).await.expect(200).text();
        let codes = codes_on(&shown);
        assert_eq!(codes.len(), 10, "{shown}");
        person.get("/account").await.expect(200);
        person.post("/logout", &[]).await.expect(200);
        for expected in [303, 422] {
            let browser = TestPerson { username: person.username.clone(), ..app.stranger() };
            browser.get("/login").await.expect(200);
            browser.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
            browser.post("/login/recovery", &[("code", &codes[0])]).await.expect(expected);
        }
    })
    .await;
}

/// The secret an enrolment page shows.
pub fn secret_on(page: &str) -> countersign::identity::totp::Secret {
    let words: Vec<&str> = page.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let is_group = |w: &&str| w.len() == 4 && w.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b));
    let run = words.windows(8).find(|w| w.iter().all(is_group)).expect("eight groups of four");
    let bits = run.concat().bytes().fold((Vec::new(), 0_u32, 0_u32), |(mut out, acc, n), b| {
        let value = u32::from(if b.is_ascii_uppercase() { b - b'A' } else { b - b'2' + 26 });
        let (acc, n) = ((acc << 5) | value, n + 5);
        if n >= 8 {
            out.push(u8::try_from((acc >> (n - 8)) & 0xff).expect("a byte"));
            return (out, acc & ((1 << (n - 8)) - 1), n - 8);
        }
        (out, acc, n)
    });
    countersign::identity::totp::Secret::from_slice(&bits.0).expect("20 bytes")
}

/// The recovery codes a page shows.
pub fn codes_on(page: &str) -> Vec<String> {
    let words: std::collections::BTreeSet<String> = page
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|w| w.len() == 31 && w.matches('-').count() == 5 && w.bytes().all(|b| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit()))
        .map(str::to_owned)
        .collect();
    words.into_iter().collect()
}

#[tokio::test]
async fn acts_that_need_it_ask_for_password_and_code_again_after_ten_minutes() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        admin.get("/admin/users/invite").await.expect(200);
        app.advance(601);
        let away = admin.get("/admin/users/invite").await.expect(303);
        assert!(away.location().starts_with("/fresh?next="), "{}", away.location());
        let before = admin.cookie("countersign");
        admin.post("/fresh", &[("password", PASSWORD), ("code", "000000"), ("next", "/admin/users/invite")]).await.expect(422);
        let back = admin.post("/fresh", &[("password", PASSWORD), ("code", &admin.code()), ("next", "/admin/users/invite")]).await.expect(303);
        assert_eq!(back.location(), "/admin/users/invite");
        assert_ne!(admin.cookie("countersign"), before, "a step up gives a new cookie");
        admin.get("/admin/users/invite").await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn changing_the_password_ends_the_other_sessions() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let other = person.cookie("countersign").expect("set");
        person.open_session().await;
        let new = "Seven otters sign 3 pacts";
        person.post("/account/password", &[("password", new), ("password_again", new)]).await.expect(303);
        person.get("/account").await.expect(200);
        let thief = app.stranger();
        thief.keep("countersign", &other);
        thief.get("/account").await.expect(303);
        let weak = person.post("/account/password", &[("password", "short"), ("password_again", "short")]).await.expect(422);
        weak.says("too short");
    })
    .await;
}
