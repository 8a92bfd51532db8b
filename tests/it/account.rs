//! One's own account and the administration of people, page by page, and the same through the API.

use axum::body::Body;
use axum::http::{Request, header};
use countersign::core::fault::Fault;
use countersign::identity;
use countersign::policy::Role;
use serde_json::json;

use crate::support::app::PASSWORD;
use crate::support::person::code_of;
use crate::support::{Reply, TestApp, TestPerson, check};

const NEW: &str = "Seven otters sign 3 pacts";

/// A page as a reader sees it: minijinja writes `/` as an entity.
fn plain(reply: &Reply) -> String {
    reply.text().replace("&#x2f;", "/")
}

fn link_in(text: &str) -> String {
    let token: String = text.split("/link/").nth(1).expect("a link").chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    format!("/link/{token}")
}

async fn by_token(app: &TestApp, secret: &str, method: &str, path: &str, body: Option<serde_json::Value>) -> Reply {
    let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {secret}"));
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    app.send(request.body(body.map_or_else(Body::empty, |b| Body::from(b.to_string()))).expect("a request")).await
}

async fn person_of(app: &TestApp, person: &TestPerson<'_>) -> Result<identity::Person, Fault> {
    Ok(identity::by_id(&app.app.db, person.id.as_ref().expect("an id")).await?.expect("is there"))
}

#[tokio::test]
async fn the_account_page_shows_and_sets_the_time_zone() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let page = plain(&person.get("/account").await.expect(200));
        for text in ["Europe/Berlin", &person.username, "contributor", "None left. Make new ones."] {
            assert!(page.contains(text), "{text}");
        }
        assert_eq!(person.post("/account/zone", &[("zone", "Europe/Berlin")]).await.expect(303).location(), "/account");
        person.get("/account").await.expect(200).says("Times are now shown in the zone you chose.");
        person.post("/account/zone", &[("zone", "Europe/Nowhere")]).await.expect(422).says("This time zone is not known here");
        person.post("/account/zone", &[("zone", "../../etc/passwd")]).await.expect(422);
        assert_eq!(person_of(app, &person).await.expect("reads").time_zone, "Europe/Berlin");
    })
    .await;
}

#[tokio::test]
async fn the_size_of_text_is_kept_and_is_on_every_page() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        person.get("/").await.expect(200).lacks("class=\"large");
        assert_eq!(person.post("/account/text", &[("size", "larger")]).await.expect(303).location(), "/account");
        person.get("/account").await.expect(200).says("in the size you chose").says("<option value=\"larger\" selected>");
        person.get("/evidence").await.expect(200).says("dir=\"ltr\" class=\"larger\">");
        for wrong in ["huge", "", "large\" onload=\"x"] {
            person.post("/account/text", &[("size", wrong)]).await.expect(422).says("Choose one of the sizes.");
        }
        // It is of the person and not of the session.
        person.open_session().await;
        person.get("/evidence").await.expect(200).says("class=\"larger\"");
        person.post("/account/text", &[("size", "normal")]).await.expect(303);
        person.get("/evidence").await.expect(200).lacks("class=\"large");
    })
    .await;
}

#[tokio::test]
async fn a_changed_password_ends_other_sessions_and_open_links() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let admin = app.person(&[Role::Admin]).await;
        let other = app.stranger();
        other.keep("countersign", &person.cookie("countersign").expect("set"));
        person.open_session().await;
        let reset = admin.post(&format!("/admin/users/{}/reset-password", person.id.as_ref().expect("id")), &[]).await.expect(200);
        let link = link_in(&plain(&reset));
        app.stranger().get(&link).await.expect(200);
        other.get("/account").await.expect(200);
        person.get("/account/password").await.expect(200);
        person.post("/account/password", &[("generate", "1")]).await.expect(200).says("id=\"generated\"");
        person.post("/account/password", &[("password", PASSWORD), ("password_again", PASSWORD)]).await.expect(422).says("do not use now");
        person.post("/account/password", &[("password", NEW), ("password_again", "else")]).await.expect(422);
        person.post("/account/password", &[("password", NEW), ("password_again", NEW)]).await.expect(303);
        person.get("/account").await.expect(200).says("Your password is changed.");
        other.get("/account").await.expect(303);
        app.stranger().get(&link).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn what_touches_a_factor_asks_for_fresh_authentication_before_anything_is_typed() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        app.advance(app.app.policy.fresh_secs());
        for path in ["/account/password", "/account/email", "/account/totp", "/account/codes", "/account/tokens/new"] {
            let to = person.get(path).await.expect(303).location().to_owned();
            assert_eq!(to, format!("/fresh?next={}", path.replace('/', "%2F")));
        }
        let page = person.get("/fresh?next=%2Faccount%2Fcodes").await.expect(200);
        assert_eq!(page.field("next").map(|n| n.replace("&#x2f;", "/")).as_deref(), Some("/account/codes"));
        let reply = person.post("/fresh", &[("password", PASSWORD), ("code", &person.code()), ("next", "/account/codes")]).await.expect(303);
        assert_eq!(reply.location(), "/account/codes");
        person.get("/account/codes").await.expect(200).says("None left");
        let codes = person.post("/account/codes", &[]).await.expect(200).text();
        assert!(codes.matches("<li>").count() >= 10, "{codes}");
        person.get("/account").await.expect(200).says("10 unused codes left");
    })
    .await;
}

#[tokio::test]
async fn an_authenticator_is_replaced_right_after_confirming() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        app.advance(700);
        person.post("/fresh", &[("password", PASSWORD), ("code", &person.code()), ("next", "/account/totp")]).await.expect(303);
        let page = person.get("/account/totp").await.expect(200);
        let text = page.text();
        let secret: String = text.split("id=\"secret\">").nth(1).expect("shown").split('<').next().expect("ends").split_whitespace().collect();
        person.post("/account/totp", &[("code", "000000")]).await.expect(422);
        let bytes = base32(&secret);
        let new = identity::totp::Secret::from_slice(&bytes).expect("20 bytes");
        let code = code_of(&new, app.clock.now() / 1_000_000);
        let shown = person.post("/account/totp", &[("code", &code)]).await.expect(200).text();
        assert!(shown.contains("Keep your recovery codes"));
        let recovery = shown.split("id=\"codes\"").nth(1).and_then(|c| c.split("<li>").nth(1)).expect("a code").split('<').next().expect("ends").to_owned();
        person.post("/login/codes/kept", &[]).await.expect(303);
        person.post("/logout", &[]).await.expect(200);
        // The old app no longer works, the new one does once, and a recovery code does.
        app.advance(60);
        person.get("/login").await.expect(200);
        person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
        person.post("/login/totp", &[("code", &person.code())]).await.expect(422);
        person.post("/login/recovery", &[("code", &recovery)]).await.expect(303);
        person.get("/account").await.expect(200).says("9 unused codes left");
    })
    .await;
}

fn base32(text: &str) -> Vec<u8> {
    let mut bits = 0_u64;
    let mut have = 0;
    let mut out = Vec::new();
    for c in text.bytes() {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|l| *l == c).expect("Base32");
        bits = bits << 5 | value as u64;
        have += 5;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have & 255) as u8);
        }
    }
    out
}

#[tokio::test]
async fn an_address_is_changed_once_and_found_by_the_search() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        person.get("/account/email").await.expect(200);
        for (email, says) in [
            ("", "Enter an e-mail address"),
            ("x", "such as name"),
            (person_of(app, &person).await.expect("reads").email.as_deref().expect("set"), "address you have now"),
        ] {
            person.post("/account/email", &[("email", email)]).await.expect(422).says(says);
        }
        person.post("/account/email", &[("email", "somewhere.else@example.net")]).await.expect(303);
        let admin = app.person(&[Role::Admin]).await;
        admin.get("/admin/users?q=somewhere.else&status=").await.expect(200).says(&person.username);
        admin.get("/admin/users?q=nobody%25&status=").await.expect(200).says("Nobody found");
    })
    .await;
}

#[tokio::test]
async fn a_token_is_made_shown_once_and_revoked() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        person.get("/account/tokens/new").await.expect(200).says("evidence.upload");
        for fields in [
            vec![("name", ""), ("days", "3"), ("scopes", "evidence.list")],
            vec![("name", "n"), ("days", "0"), ("scopes", "evidence.list")],
            vec![("name", "n"), ("days", "3")],
            vec![("name", "n"), ("days", "3"), ("scopes", "person.invite")],
            vec![("name", "n"), ("days", "3"), ("scopes", "account.password")],
        ] {
            person.post("/account/tokens/new", &fields).await.expect(422);
        }
        let made = person.post("/account/tokens/new", &[("name", "nightly"), ("days", "3"), ("scopes", "evidence.list"), ("scopes", "token.create")]).await;
        let text = made.expect(200).text();
        let secret = text.split("id=\"token\">").nth(1).expect("shown").split('<').next().expect("ends").to_owned();
        assert!(secret.starts_with("cs_"));
        let me = by_token(app, &secret, "GET", "/api/v1/me", None).await.expect(200).json();
        assert_eq!((me["username"].as_str(), &me["scopes"]), (Some(person.username.as_str()), &json!(["evidence.list", "token.create"])));
        let page = person.get("/account").await.expect(200).text();
        assert!(page.contains("nightly") && !page.contains(&secret));
        let id = page.split("/account/tokens/").nth(1).expect("a form").split('/').next().expect("ends").to_owned();
        let other = app.person(&[Role::Contributor]).await;
        other.post(&format!("/account/tokens/{id}/revoke"), &[]).await.expect(404);
        person.post(&format!("/account/tokens/{id}/revoke"), &[]).await.expect(303);
        by_token(app, &secret, "GET", "/api/v1/me", None).await.expect(401);
        // A token has no browser session: the pages are not its way in.
        let token = person.token(&[Role::Contributor], &["evidence.list"]).await;
        token.get("/account").await.expect(303);
        token.get("/account/password").await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn a_token_gives_no_scope_it_does_not_hold() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let token = admin.token(&[Role::Admin], &["token.create", "token.revoke", "person.list"]).await;
        let ask = |scopes: &[&str]| json!({ "name": "child", "scopes": scopes, "days": 2 });
        token.post("/api/v1/tokens", &ask(&["person.invite"])).await.expect(403);
        token.post("/api/v1/tokens", &ask(&["evidence.upload"])).await.expect(422);
        token.post("/api/v1/tokens", &json!({ "name": "x", "scopes": ["person.list"], "days": 2, "owner": "y" })).await.expect(422).says("owner");
        let made = token.post("/api/v1/tokens", &ask(&["person.list"])).await.expect(201).json();
        let child = made["token"].as_str().expect("told");
        by_token(app, child, "GET", "/api/v1/users", None).await.expect(200);
        by_token(app, child, "POST", "/api/v1/tokens", Some(ask(&["person.list"]))).await.expect(403);
        let list = token.get("/api/v1/tokens").await.expect(200).json();
        assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
        let id = made["id"].as_str().expect("told");
        by_token(app, &token.secret, "DELETE", &format!("/api/v1/tokens/{id}"), None).await.expect(204);
        by_token(app, child, "GET", "/api/v1/users", None).await.expect(401);
        by_token(app, &token.secret, "DELETE", &format!("/api/v1/tokens/{id}"), None).await.expect(404);
        assert!(app.db_actions().await.contains(&"token.create denied".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn people_are_managed_through_the_api() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let all: Vec<&str> = app.app.policy.scopes_of(&[Role::Admin]);
        let token = admin.token(&[Role::Admin], &all).await;
        let made =
            token.post("/api/v1/users", &json!({ "username": "nora.quist", "display_name": "Nora Quist", "roles": ["contributor"] })).await.expect(201).json();
        let (id, link) = (made["id"].as_str().expect("told").to_owned(), made["link"].as_str().expect("told").to_owned());
        assert!(link.starts_with("http://127.0.0.1:8080/link/") && made["expires_at"].as_str().expect("told").ends_with('Z'));
        token.post("/api/v1/users", &json!({ "username": "nora.quist", "display_name": "N", "roles": ["contributor"] })).await.expect(422).says("username");
        token.post("/api/v1/users", &json!({ "username": "?", "display_name": "", "email": "x", "roles": ["root"] })).await.expect(422).says("display_name");
        let first = token.get("/api/v1/users?limit=1").await.expect(200).json();
        assert_eq!(first["items"].as_array().map(Vec::len), Some(1));
        let next = first["next"].as_str().expect("more");
        let rest = token.get(&format!("/api/v1/users?after={next}")).await.expect(200).json();
        assert_eq!(
            (rest["items"][0]["username"].as_str(), rest["items"][0]["state"].as_str(), &rest["next"]),
            (Some("nora.quist"), Some("invited"), &json!(null))
        );
        let base = format!("/api/v1/users/{id}");
        let state = |reply: Reply| reply.expect(200).json()["state"].as_str().expect("told").to_owned();
        assert_eq!(token.post(&format!("{base}/reset-password"), &json!({})).await.expect(201).json()["purpose"], "invite");
        app.stranger().get(&link_in(&link)).await.expect(404);
        assert_eq!(state(token.post(&format!("{base}/disable"), &json!({})).await), "disabled");
        token.post(&format!("{base}/disable"), &json!({})).await.expect(409);
        assert_eq!(state(token.post(&format!("{base}/enable"), &json!({})).await), "invited");
        let roles = token.post(&format!("{base}/roles"), &json!({ "roles": ["messaging", "intake"] })).await.expect(200).json();
        assert_eq!(roles["roles"], json!(["messaging", "intake"]));
        token.post(&format!("{base}/roles"), &json!({ "roles": ["root"] })).await.expect(422);
        token.post(&format!("{base}/unlock"), &json!({})).await.expect(200);
        token.post(&format!("{base}/end-sessions"), &json!({})).await.expect(200);
        let mine = format!("/api/v1/users/{}", admin.id.as_ref().expect("id"));
        token.post(&format!("{mine}/disable"), &json!({})).await.expect(403);
        by_token(app, &token.secret, "DELETE", &base, Some(json!({ "reason": "" }))).await.expect(422);
        by_token(app, &token.secret, "DELETE", &base, Some(json!({ "reason": "left us" }))).await.expect(204);
        assert_eq!(state(token.get(&base).await), "deleted");
        token.post(&format!("{base}/roles"), &json!({ "roles": ["admin"] })).await.expect(409);
        token.get("/api/v1/users/usr_0192f0c1a2b37c4d8e5f60718293a4b5").await.expect(404);
        token.get("/api/v1/users/nobody").await.expect(404);
        let sessions = token.get("/api/v1/sessions").await.expect(200).json();
        let session = sessions["items"][0]["id"].as_str().expect("one");
        by_token(app, &token.secret, "DELETE", &format!("/api/v1/sessions/{session}"), None).await.expect(403);
        let own = admin.token(&[Role::Admin], &["session.revoke"]).await;
        by_token(app, &own.secret, "DELETE", &format!("/api/v1/sessions/{session}"), None).await.expect(204);
        admin.get("/account").await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn an_administrator_walks_every_page_of_a_person() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let person = app.person(&[Role::Contributor]).await;
        let base = format!("/admin/users/{}", person.id.as_ref().expect("id"));
        admin.get("/admin/users").await.expect(200).says(&person.username);
        admin.get("/admin/users?status=active").await.expect(200).says(&person.username);
        admin.get("/admin/users?status=locked").await.expect(200).says("Nobody found");
        admin.get("/admin/users?status=odd").await.expect(422);
        let page = plain(&admin.get(&base).await.expect(200));
        for offered in ["reset-password", "reset-totp", "end-sessions", "disable", "delete"] {
            assert!(page.contains(&format!("{base}/{offered}")), "{offered}");
            admin.get(&format!("{base}/{offered}")).await.expect(200);
        }
        for other in ["enable", "unlock", "invite-again"] {
            assert!(!page.contains(&format!("{base}/{other}")), "{other}");
            admin.get(&format!("{base}/{other}")).await.expect(409);
        }
        admin.post(&format!("{base}/roles"), &[("roles", "contributor")]).await.expect(303);
        admin.get(&base).await.expect(200).says("Nothing was changed.");
        admin.post(&format!("{base}/roles"), &[("roles", "root")]).await.expect(422).says("not known here");
        admin.post(&format!("{base}/roles"), &[("roles", "contributor"), ("roles", "messaging")]).await.expect(303);
        admin.get(&base).await.expect(200).says("messenger");
        person.get("/account").await.expect(303);
        admin.post(&format!("{base}/reset-totp"), &[]).await.expect(303);
        admin.post(&format!("{base}/end-sessions"), &[]).await.expect(303);
        admin.post(&format!("{base}/delete"), &[("reason", ""), ("typed", "x")]).await.expect(422).says("Enter a reason");
        admin.post(&format!("{base}/delete"), &[("reason", "left us"), ("typed", &person.username)]).await.expect(303);
        admin.get(&base).await.expect(200).says("deleted");
        // One's own page offers what one may do, and says why not the rest.
        let own = format!("/admin/users/{}", admin.id.as_ref().expect("id"));
        admin.get(&own).await.expect(200).says("Nobody does this to themselves");
        admin.get(&format!("{own}/disable")).await.expect(403);
        // Somebody without the role hears the same of known and unknown.
        let outsider = app.person(&[Role::Contributor]).await;
        for path in [base.as_str(), "/admin/users/usr_0192f0c1a2b37c4d8e5f60718293a4b5", "/admin/users/x/disable", "/admin/users", "/admin/users/invite"] {
            outsider.get(path).await.expect(403);
        }
        app.advance(700);
        for act in ["reset-totp", "delete", "roles"] {
            assert!(admin.get(&format!("{own}/{act}")).await.status.as_u16() == 403, "{act}");
        }
        assert!(admin.get("/admin/users/invite").await.expect(303).location().starts_with("/fresh"));
    })
    .await;
}

#[tokio::test]
async fn signing_out_everywhere_ends_this_session_too() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        person.post("/account/sessions/revoke-all", &[]).await.expect(200).says("All your sessions have ended");
        person.get("/account").await.expect(303);
    })
    .await;
}

#[tokio::test]
async fn a_closed_authenticator_leaves_the_recovery_codes() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let shown = person.post("/account/codes", &[]).await.expect(200).text();
        let recovery = shown.split("id=\"codes\"").nth(1).and_then(|c| c.split("<li>").nth(1)).expect("a code").split('<').next().expect("ends").to_owned();
        person.post("/logout", &[]).await.expect(200);
        person.get("/login").await.expect(200);
        person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
        for n in 0..10 {
            if n == 5 {
                app.advance(301);
            }
            person.post("/login/totp", &[("code", "000000")]).await.expect(422);
        }
        app.advance(301);
        person.get("/login").await.expect(200);
        person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
        person.post("/login/totp", &[("code", &person.code())]).await.expect(422).says("Too many wrong codes");
        person.post("/login/recovery", &[("code", &recovery)]).await.expect(303);
        let admin = app.person(&[Role::Admin]).await;
        let base = format!("/admin/users/{}", person.id.as_ref().expect("id"));
        admin.get(&base).await.expect(200).says("locked");
        admin.get("/admin/users?status=locked").await.expect(200).says(&person.username);
        admin.post(&format!("{base}/unlock"), &[]).await.expect(303);
        admin.get("/admin/users?status=locked").await.expect(200).says("Nobody found");
    })
    .await;
}
