//! Markup planted in every text stays text on every page.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Method, Request, header};
use countersign::policy::Role;

use super::{Ids, PNG, entries, form_request, from, is_api, sound, table};
use crate::support::app::PASSWORD;
use crate::support::{Reply, TestPerson, check};

/// Markup that does something wherever it is not text.
const MARKUP: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}";

/// Every page a person can open, each looked at.
async fn walk(who: &str, person: &TestPerson<'_>, paths: &[String], n: u8) -> usize {
    let mut planted = 0;
    for path in paths {
        let reply = person.send(from(n, Request::get(path).body(Body::empty()).expect("a request"))).await;
        sound(who, path, &reply);
        planted += inert(&format!("{who}: {path}"), &reply);
    }
    planted
}

/// Asserts that planted markup is text here; says how often it is there.
#[track_caller]
fn inert(what: &str, reply: &Reply) -> usize {
    if !reply.header("content-type").starts_with("text/html") {
        return 0;
    }
    let text = String::from_utf8(reply.bytes.clone()).expect("UTF-8");
    for alive in ["<script>alert(1)", "onerror=alert(1)>", "<img src=x", "\"><script>alert", "alert(1)&gt;49", "alert(1)>49"] {
        assert!(!text.contains(alive), "{what}: `{alive}`\n{text}");
    }
    text.matches("onerror=alert(1)&gt;").count() + text.matches("onerror&#x3d;alert(1)&gt;").count()
}

#[tokio::test]
async fn markup_planted_in_every_text_stays_text_on_every_page() {
    check(async |app| {
        let all = app.person(&Role::ALL).await;
        // Every form that takes text; where it is refused, the page that says so shows it again.
        let invited = [("username", "planted.person"), ("display_name", MARKUP), ("email", "planted@example.org"), ("roles", "contributor")];
        inert("invite", &all.post("/admin/users/invite", &invited).await.expect(200));
        let again = [("username", MARKUP), ("display_name", MARKUP), ("email", MARKUP), ("roles", "contributor")];
        assert!(inert("invite again", &all.post("/admin/users/invite", &again).await.expect(422)) > 0);
        // Browsers send `"` in a file name as %22; the part behind the last slash is the name.
        let upload = all.upload(&format!("{}.png", MARKUP.replace('"', "%22")), "image/png", PNG).await.expect(303);
        let page = upload.location().to_owned();
        let message = all.post("/messages", &[("to", "+14155552671"), ("text", MARKUP)]).await.expect(303).location().to_owned();
        assert!(inert("messages", &all.post("/messages", &[("to", MARKUP), ("text", MARKUP)]).await.expect(422)) > 0);
        inert("token", &all.post("/account/tokens/new", &[("name", MARKUP), ("days", "1"), ("scopes", "evidence.list")]).await.expect(200));
        inert("zone", &all.post("/account/zone", &[("zone", MARKUP)]).await.expect(422));
        inert("e-mail", &all.post("/account/email", &[("email", MARKUP)]).await.expect(422));
        let victim = TestPerson::enrolled(app, &[Role::Intake]).await;
        let gone = victim.id.as_ref().expect("an id").to_string();
        let fields = [("reason", MARKUP), ("typed", victim.username.as_str())];
        inert("delete a person", &all.post(&format!("/admin/users/{gone}/delete"), &fields).await.expect(303));
        let own = all.upload("deleted.png", "image/png", PNG).await.expect(303).location().to_owned();
        all.post(&format!("{own}/delete"), &[("reason", MARKUP)]).await.expect(303);
        let stranger = app.stranger();
        stranger.get("/login").await.expect(200);
        assert!(inert("login", &stranger.post("/login", &[("username", MARKUP), ("password", "x")]).await.expect(422)) > 0);
        inert("forgot", &stranger.post("/forgot", &[("username", MARKUP)]).await);
        // What a browser says of itself is shown in the list of sessions.
        let agent = TestPerson::enrolled(app, &Role::ALL).await;
        agent.get("/login").await.expect(200);
        for (path, fields) in [
            ("/login", vec![("csrf_token", agent.csrf()), ("username", agent.username.clone()), ("password", PASSWORD.to_owned())]),
            ("/login/totp", vec![("code", agent.code())]),
        ] {
            let token = agent.csrf();
            let mut fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).filter(|(k, _)| *k != "csrf_token").collect();
            fields.push(("csrf_token", &token));
            let mut request = form_request(path, &fields);
            request.headers_mut().insert(header::USER_AGENT, MARKUP.parse().expect("a header"));
            agent.send(request).await.expect(303);
        }
        app.sign().await;
        let signed = [("first", "0"), ("last", "3"), ("actor", MARKUP), ("finding", "question"), ("comment", MARKUP)];
        let review = all.post("/audit/reviews", &signed).await.expect(303).location().to_owned();
        assert!(
            inert("review again", &all.post("/audit/reviews", &[&signed[..3], &[("finding", MARKUP), ("comment", MARKUP)]].concat()).await.expect(422)) > 0
        );
        all.post("/audit/views", &[("name", MARKUP), ("actor", MARKUP)]).await.expect(422);
        all.post("/audit/views", &[("name", &MARKUP[..60]), ("actor", MARKUP)]).await.expect(303);

        let listed = all.get("/admin/users?q=planted").await.expect(200).text();
        let id = listed
            .split("/admin/users/usr_")
            .nth(1)
            .map(|t| format!("usr_{}", t.chars().take_while(char::is_ascii_alphanumeric).collect::<String>()))
            .expect("listed");
        let mut paths = Vec::new();
        for (evidence, person) in [(&page, &id), (&own, &gone)] {
            let ids = Ids {
                evidence: evidence.trim_start_matches("/evidence/").to_owned(),
                message: message.trim_start_matches("/messages/").to_owned(),
                person: person.clone(),
            };
            paths.extend(table().iter().filter(|r| r.method == Method::GET && !is_api(r.path)).map(|r| ids.path(r.path)));
        }
        paths.push(review);
        paths.extend((0..entries(app).await).map(|seq| format!("/audit/{seq}")));
        let q = serde_urlencoded::to_string([("q", MARKUP)]).expect("a query");
        let v = &q[2..];
        for search in [
            "/admin/users?q=",
            "/evidence?q=",
            "/messages?q=",
            "/audit?actor=",
            "/audit?action=",
            "/audit?object=",
            "/audit?address=",
            "/audit?from=",
            "/login?next=/",
            "/nothing/",
        ] {
            paths.push(format!("{search}{v}"));
        }
        paths.sort();
        paths.dedup();
        let mut shown = BTreeMap::new();
        for (n, role) in Role::ALL.into_iter().enumerate() {
            let person = app.person(&[role]).await;
            shown.insert(role.name(), walk(role.name(), &person, &paths, u8::try_from(n).expect("few") + 150).await);
        }
        walk("stranger", &app.stranger(), &paths, 160).await;
        walk("all", &all, &paths, 161).await;
        assert!(walk("agent", &agent, &["/account".to_owned()], 162).await > 0, "the browser's name is shown");
        for role in ["admin", "compliance", "contributor", "messaging"] {
            assert!(shown[role] > 0, "{role} sees no planted text, so this test proves nothing: {shown:?}");
        }
    })
    .await;
}
