//! Every route of the table, for everybody who may come: who gets in, and what no form may do.

mod headers;
mod markup;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, header};
use countersign::app::routes;
use countersign::http::Rule;
use countersign::http::routes::Route;
use countersign::identity::tokens;
use countersign::policy::Role;
use serde_json::json;

use crate::support::person::{BOUNDARY, PNG, multipart};
use crate::support::{Reply, TestApp, TestPerson, app::PASSWORD, check};

/// What a stranger may open. Only to be shortened.
const PUBLIC: [&str; 27] = [
    "GET /login",
    "POST /login",
    "POST /logout",
    "GET /forgot",
    "POST /forgot",
    "GET /link/{token}",
    "POST /link/{token}",
    "GET /api/csrf-token",
    "GET /api/openapi.json",
    "GET /demo/{token}",
    "POST /hooks/twilio",
    "POST /hooks/twilio/status",
    "POST /hooks/smsgate",
    "POST /hooks/httpsms",
    "GET /intake/form/{token}",
    "POST /intake/form/{token}",
    "POST /intake/form/{token}/files",
    "GET /healthz",
    "GET /readyz",
    "GET /health",
    "GET /.well-known/security.txt",
    "GET /.well-known/change-password",
    "GET /static/{name}",
    "GET /robots.txt",
    "GET /log/checkpoint",
    "GET /log/policy",
    "GET /log/tile/{level}/{*place}",
];

/// The things that the placeholders of paths name.
struct Ids {
    evidence: String,
    message: String,
    person: String,
}

impl Ids {
    fn path(&self, path: &str) -> String {
        let id = match path {
            p if p.contains("/evidence/") => &self.evidence,
            p if p.contains("/messages/") => &self.message,
            p if p.contains("/users/") => &self.person,
            _ => "none",
        };
        path.replace("{id}", id)
            .replace("{seq}", "1")
            .replace("{token}", "no-such-token")
            .replace("{name}", "no-such-file")
            .replace("{level}", "0")
            .replace("{*place}", "000.p/1")
    }
}

fn table() -> Vec<Route> {
    routes().table().to_vec()
}

fn label(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

fn is_api(path: &str) -> bool {
    path.starts_with("/api/v1/")
}

/// A request from an address of its own, so that one flood limit is not everybody's.
fn from(n: u8, mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 1, n], 40_000))));
    request
}

fn form_request(path: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let body = serde_urlencoded::to_string(fields).expect("a form");
    Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body)).expect("a request")
}

/// The request a browser would send: no fields but the right token, and a code where the code is what is asked for.
fn page_request(route: &Route, path: &str, csrf: Option<&str>) -> Request<Body> {
    if route.method == Method::GET {
        return Request::get(path).body(Body::empty()).expect("a request");
    }
    if crate::artifacts::MULTIPART.contains(&route.path) {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        return Request::post(path).header(header::CONTENT_TYPE, kind).body(Body::from(multipart(csrf, "file", "a.png", "image/png", PNG))).expect("a request");
    }
    let fields: Vec<(&str, &str)> = csrf.map(|token| ("csrf_token", token)).into_iter().collect();
    form_request(path, &fields)
}

/// The request a program would send, whole where a whole one can be made up.
fn api_request(route: &Route, path: &str, token: Option<&str>, n: u8) -> Request<Body> {
    let mut request = Request::builder().method(route.method.clone()).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if route.method == Method::GET {
        return request.body(Body::empty()).expect("a request");
    }
    if crate::artifacts::API_MULTIPART.contains(&route.path) {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        return request.header(header::CONTENT_TYPE, kind).body(Body::from(multipart(None, "file", "a.png", "image/png", PNG))).expect("a request");
    }
    let body = match route.path {
        "/api/v1/messages" => json!({ "to": "+14155552671", "text": "hello" }),
        "/api/v1/users" => json!({ "username": format!("invited.{n}"), "display_name": "Invited", "roles": ["contributor"] }),
        "/api/v1/users/{id}/roles" => json!({ "roles": ["contributor"] }),
        "/api/v1/users/{id}" => json!({ "reason": "left the house" }),
        "/api/v1/tokens" => json!({ "name": "n", "days": 1, "scopes": ["token.revoke"] }),
        _ => crate::contacts::body(route.path, n),
    };
    request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).expect("a request")
}

/// Does the policy let a role do this, and a token with these scopes?
fn allows(app: &TestApp, act: &str, role: Role, scopes: Option<&[String]>) -> bool {
    let (_, rule) = app.app.policy.rules().find(|(name, _)| *name == act).expect("an act of the policy");
    rule.allow.iter().any(|a| a == "anyone" || a == "person" || a == role.name()) && scopes.is_none_or(|s| s.iter().any(|s| s == act))
}

#[track_caller]
fn sound(who: &str, what: &str, reply: &Reply) {
    let status = reply.status.as_u16();
    assert!(status < 500 && !reply.broken, "{who}: {what}: {status}\n{}", reply.text());
}

#[track_caller]
fn turned_away(who: &str, route: &Route, reply: &Reply, to: &str) {
    let what = label(route);
    sound(who, &what, reply);
    if is_api(route.path) {
        assert_eq!(reply.status.as_u16(), 401, "{who}: {what}: {}", reply.text());
    } else {
        assert_eq!(reply.status.as_u16(), 303, "{who}: {what}: {}", reply.text());
        assert!(reply.location().starts_with(to), "{who}: {what}: to {}", reply.location());
    }
}

/// Evidence of the contributor, a message of the sender, and somebody to act on.
async fn furnish(contributor: &TestPerson<'_>, sender: &TestPerson<'_>) -> Ids {
    let up = contributor.upload("a.png", "image/png", PNG).await.expect(303);
    let message = sender.post("/messages", &[("to", "+14155552671"), ("text", "hello")]).await.expect(303);
    let victim = TestPerson::enrolled(contributor.app, &[Role::Intake]).await;
    Ids {
        evidence: up.location().trim_start_matches("/evidence/").to_owned(),
        message: message.location().trim_start_matches("/messages/").to_owned(),
        person: victim.id.expect("an id").to_string(),
    }
}

fn nobody() -> Ids {
    Ids {
        evidence: "evd_0192f0c1a2b37c4d8e5f60718293a4b5".into(),
        message: "msg_0192f0c1a2b37c4d8e5f60718293a4b5".into(),
        person: "usr_0192f0c1a2b37c4d8e5f60718293a4b5".into(),
    }
}

#[test]
fn every_route_has_a_rule_and_the_public_ones_are_listed() {
    let public: BTreeSet<String> = table().iter().filter(|r| r.rule == Rule::Public).map(label).collect();
    assert_eq!(public, PUBLIC.iter().map(|p| (*p).to_owned()).collect());
    let policy: BTreeSet<&str> = countersign::app::acts().into_iter().collect();
    for route in table() {
        if let Rule::Act(act) = route.rule {
            assert!(policy.contains(act), "{}: {act}", label(&route));
        }
    }
    assert_eq!(table().iter().map(label).collect::<BTreeSet<_>>().len(), table().len(), "a route is there twice");
}

#[tokio::test]
async fn a_stranger_gets_to_the_public_routes_alone() {
    check(async |app| {
        app.sign().await;
        let ids = nobody();
        for route in table() {
            let stranger = app.stranger();
            stranger.send(from(1, Request::get("/login").body(Body::empty()).expect("a request"))).await.expect(200);
            let path = ids.path(route.path);
            let csrf = stranger.csrf();
            let request = if is_api(route.path) { api_request(&route, &path, None, 1) } else { page_request(&route, &path, Some(&csrf)) };
            let reply = stranger.send(from(2, request)).await;
            if PUBLIC.contains(&label(&route).as_str()) {
                sound("stranger", &label(&route), &reply);
                assert_ne!(reply.status.as_u16(), 401, "{}", label(&route));
                assert!(!reply.location().starts_with("/login"), "{}", label(&route));
            } else {
                turned_away("stranger", &route, &reply, "/login");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn half_signed_in_is_signed_in_for_the_second_step_alone() {
    check(async |app| {
        let person = TestPerson::enrolled(app, &Role::ALL).await;
        person.get("/login").await.expect(200);
        person.post("/login", &[("username", &person.username), ("password", PASSWORD)]).await.expect(303);
        let half = person.cookie("countersign").expect("set");
        let ids = nobody();
        for route in table().into_iter().filter(|r| r.rule != Rule::Public) {
            person.keep("countersign", &half);
            let path = ids.path(route.path);
            let request = if is_api(route.path) { api_request(&route, &path, None, 1) } else { page_request(&route, &path, Some(&person.csrf())) };
            let reply = person.send(from(3, request)).await;
            if route.rule == Rule::Half {
                sound("half", &label(&route), &reply);
                assert!(!matches!(reply.status.as_u16(), 401 | 403), "{}", label(&route));
                assert!(!reply.location().starts_with("/login?"), "{}: {}", label(&route), reply.location());
            } else {
                turned_away("half", &route, &reply, "/login/totp");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_session_of_a_disabled_person_is_worth_nothing() {
    check(async |app| {
        let person = app.person(&Role::ALL).await;
        let token = person.token(&Role::ALL, &["person.list", "evidence.list"]).await;
        let session = person.cookie("countersign").expect("set");
        let admin = app.person(&[Role::Admin]).await;
        admin.post(&format!("/admin/users/{}/disable", person.id.as_ref().expect("id")), &[]).await.expect(303);
        let ids = nobody();
        for route in table().into_iter().filter(|r| r.rule != Rule::Public) {
            person.keep("countersign", &session);
            let path = ids.path(route.path);
            let csrf = person.csrf();
            let request = if is_api(route.path) { api_request(&route, &path, Some(&token.secret), 1) } else { page_request(&route, &path, Some(&csrf)) };
            turned_away("disabled", &route, &person.send(from(4, request)).await, "/login");
        }
    })
    .await;
}

#[tokio::test]
async fn every_role_gets_what_the_policy_allows_and_hears_403_for_the_rest() {
    check(async |app| {
        let mut people = Vec::new();
        for role in Role::ALL {
            people.push((role, app.person(&[role]).await));
        }
        app.sign().await;
        let of = |role: Role| &people.iter().find(|(r, _)| *r == role).expect("one of each").1;
        let ids = furnish(of(Role::Contributor), of(Role::Messaging)).await;
        for (n, (role, person)) in people.iter().enumerate() {
            let n = u8::try_from(n).expect("few") + 10;
            // What ends accounts and sessions comes last, so that the rest finds them.
            let mut rows: Vec<Route> = table().into_iter().filter(|r| !is_api(r.path)).collect();
            rows.sort_by_key(|r| (r.method != Method::GET, r.path.ends_with("/delete")));
            for route in rows {
                if route.method != Method::GET {
                    person.open_session().await;
                }
                let path = ids.path(route.path);
                let reply = person.send(from(n, page_request(&route, &path, Some(&person.csrf())))).await;
                let (who, what, status) = (role.name(), label(&route), reply.status.as_u16());
                sound(who, &what, &reply);
                match route.rule {
                    Rule::Public => assert_ne!(status, 401, "{who}: {what}"),
                    Rule::Half => assert!(matches!((status, reply.location()), (303, "/") | (200..=299 | 422, _)), "{who}: {what}: {status}"),
                    Rule::Signed => {
                        assert!(!matches!(status, 401 | 403), "{who}: {what}: {status}");
                        assert!(!reply.location().starts_with("/login"), "{who}: {what}");
                    }
                    Rule::Act(act) if allows(app, act, *role, None) => {
                        assert!(!matches!(status, 401 | 403 | 405), "{who}: {what}: {status}\n{}", reply.text());
                        assert!(!reply.location().starts_with("/login"), "{who}: {what}");
                    }
                    Rule::Act(act) => assert_eq!(status, crate::intake::refusal(act), "{who}: {what}: {}", reply.location()),
                }
            }
            if *role != Role::Admin {
                continue;
            }
            // A browser's session proves nothing to the API, not even an administrator's.
            person.open_session().await;
            for route in table().into_iter().filter(|r| is_api(r.path)) {
                let reply = person.send(from(30, api_request(&route, &ids.path(route.path), None, 1))).await;
                turned_away("a session", &route, &reply, "");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_of_every_role_gets_what_its_scopes_allow_in_the_api_and_nothing_posted_on_pages() {
    check(async |app| {
        let mut people = Vec::new();
        for role in Role::ALL {
            people.push((role, app.person(&[role]).await));
        }
        let of = |role: Role| &people.iter().find(|(r, _)| *r == role).expect("one of each").1;
        let ids = furnish(of(Role::Contributor), of(Role::Messaging)).await;
        for (n, (role, person)) in people.iter().enumerate() {
            let n = u8::try_from(n).expect("few") + 40;
            let scopes: Vec<String> = tokens::scopes_for(&app.app.policy, &[*role]).into_iter().map(str::to_owned).collect();
            let token = person.token(&[*role], &scopes.iter().map(String::as_str).collect::<Vec<_>>()).await;
            let mut rows = table();
            rows.sort_by_key(|r| (r.method != Method::GET, r.method == Method::DELETE));
            for route in rows.into_iter().filter(|r| r.rule != Rule::Public) {
                let path = ids.path(route.path);
                let (who, what) = (format!("token of {role}"), label(&route));
                if !is_api(route.path) {
                    let mut request = page_request(&route, &path, Some(&app.stranger().csrf()));
                    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {}", token.secret).parse().expect("a header"));
                    let reply = app.send(from(n, request)).await;
                    sound(&who, &what, &reply);
                    let refused = matches!(route.rule, Rule::Act(act) if !allows(app, act, *role, Some(&scopes)));
                    assert!(!(reply.status.is_success() && (refused || route.method != Method::GET)), "{who}: {what}: {}", reply.status);
                    continue;
                }
                let reply = app.send(from(n, api_request(&route, &path, Some(&token.secret), n))).await;
                sound(&who, &what, &reply);
                let status = reply.status.as_u16();
                match route.rule {
                    Rule::Act(act) if !allows(app, act, *role, Some(&scopes)) => {
                        assert_eq!(status, crate::intake::refusal(act), "{who}: {what}: {}", reply.text())
                    }
                    _ => assert!(!matches!(status, 401 | 403 | 405 | 415), "{who}: {what}: {status} {}", reply.text()),
                }
                if status >= 400 {
                    assert_eq!(reply.header("content-type"), "application/problem+json", "{who}: {what}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_method_that_a_path_does_not_declare_is_refused() {
    check(async |app| {
        let ids = nobody();
        let mut declared = BTreeMap::<&str, Vec<Method>>::new();
        for route in table() {
            declared.entry(route.path).or_default().push(route.method);
        }
        for (n, (path, methods)) in declared.into_iter().enumerate() {
            let n = u8::try_from(n % 200).expect("small");
            for name in ["TRACE", "FROB", "PUT", "PATCH", "OPTIONS", "GET", "POST", "DELETE"] {
                let method: Method = name.parse().expect("a method");
                if methods.contains(&method) {
                    continue;
                }
                let request = Request::builder().method(method).uri(ids.path(path)).body(Body::empty()).expect("a request");
                let reply = app.send(from(n, request)).await;
                assert_eq!(reply.status.as_u16(), 405, "{name} {path}");
                if !matches!(name, "TRACE" | "FROB") {
                    for method in &methods {
                        assert!(reply.header("allow").split(',').any(|m| m.trim() == method.as_str()), "{name} {path}: {:?}", reply.header("allow"));
                    }
                }
            }
        }
    })
    .await;
}

async fn entries(app: &TestApp) -> i64 {
    app.app.db.query("select count(*) from audit_event").scalar().await.expect("counts")
}

#[tokio::test]
async fn no_form_is_taken_without_the_token_of_its_own_session() {
    check(async |app| {
        // In turn: the requests of one alone would be more than the flood limit lets pass.
        let people = [app.person(&Role::ALL).await, app.person(&Role::ALL).await, app.person(&Role::ALL).await, app.person(&Role::ALL).await];
        let ids = furnish(&people[0], &people[0]).await;
        let other = app.person(&Role::ALL).await;
        let foreign = other.csrf();
        app.messages_ended().await;
        app.app.db.settle().await.expect("settles");
        let before = entries(app).await;
        let rows: Vec<Route> = table().into_iter().filter(|r| r.method != Method::GET && !r.path.starts_with("/api/")).collect();
        assert!(rows.len() >= 25, "{}", rows.len());
        for (n, route) in rows.iter().enumerate() {
            let person = &people[n % 4];
            let (own, session) = (person.csrf(), person.cookie("countersign").expect("set"));
            let n = u8::try_from(n).expect("few") + 100;
            let path = ids.path(route.path);
            for (how, csrf, site) in [
                ("no token", None, None),
                ("an empty token", Some(""), None),
                ("another's token", Some(foreign.as_str()), None),
                ("from elsewhere", Some(own.as_str()), Some(("origin", "https://evil.example"))),
                ("across sites", Some(own.as_str()), Some(("sec-fetch-site", "cross-site"))),
                ("from a neighbour", Some(own.as_str()), Some(("sec-fetch-site", "same-site"))),
            ] {
                let mut request = page_request(route, &path, csrf);
                if let Some((name, value)) = site {
                    request.headers_mut().insert(name, value.parse().expect("a header"));
                }
                let reply = person.send(from(n, request)).await;
                assert_eq!(reply.status.as_u16(), 403, "{}: {how}: {}", label(route), reply.location());
                assert_eq!(person.cookie("countersign").as_ref(), Some(&session), "{}: {how}", label(route));
            }
        }
        assert_eq!(entries(app).await, before, "nothing was committed: {:?}", app.db_actions().await);
        people[0].get("/account").await.expect(200);
    })
    .await;
}

async fn raw(person: &TestPerson<'_>, path: &str, body: String) -> Reply {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body)).expect("a request");
    person.send(request).await
}

#[tokio::test]
async fn odd_fields_are_refused_by_name_and_change_nothing() {
    check(async |app| {
        let stranger = app.stranger();
        stranger.get("/login").await.expect(200);
        let person = app.person(&[Role::Messaging]).await;
        let before = entries(app).await;
        for (who, path, first, second) in [(&stranger, "/login", "username=a", "password=b"), (&person, "/messages", "to=%2B14155552671", "text=hi")] {
            let csrf = format!("csrf_token={}", who.csrf());
            let name = second.split('=').next().expect("a name");
            raw(who, path, format!("{csrf}&{first}&{second}&surplus=1")).await.expect(422).says("surplus");
            raw(who, path, format!("{csrf}&{first}&{second}&{second}")).await.expect(400).says(name);
            raw(who, path, format!("{csrf}&{csrf}&{first}&{second}")).await.expect(400).says("csrf_token");
            raw(who, path, format!("{csrf}&{first}")).await.expect(422).says(name);
            raw(who, path, format!("{csrf}&{first}&{name}=%ff")).await.expect(400);
            raw(who, path, format!("{csrf}&{first}&{name}=%c0%af")).await.expect(400);
            raw(who, path, format!("{csrf}&{first}&%ff=1")).await.expect(400);
            raw(who, path, format!("{csrf}&{first}&{name}=a%00b")).await.expect(422).says(name);
            raw(who, path, format!("{csrf}&{first}&{name}={}", "x".repeat(5_000))).await.expect(422);
            raw(who, path, format!("{csrf}&{first}&{name}={}", "x".repeat(app.app.config.limits.body_bytes_max))).await.expect(413);
            raw(who, path, format!("{csrf}{}", "&a=1".repeat(70))).await.expect(400);
        }
        assert_eq!(entries(app).await, before, "{:?}", app.db_actions().await);
    })
    .await;
}

#[tokio::test]
async fn a_token_hands_on_no_scope_that_it_does_not_hold() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let token = admin.token(&[Role::Admin], &["token.create", "token.revoke"]).await;
        let body = |scope: &str| json!({ "name": "n", "days": 1, "scopes": [scope] });
        token.post("/api/v1/tokens", &body("token.revoke")).await.expect(201);
        token.post("/api/v1/tokens", &body("person.list")).await.expect(403);
        token.post("/api/v1/tokens", &body("account.password")).await.expect(422);
        let none = admin.token(&[Role::Admin], &["person.list"]).await;
        none.post("/api/v1/tokens", &body("person.list")).await.expect(403);
    })
    .await;
}

#[tokio::test]
async fn known_and_unknown_people_sound_alike_to_those_who_may_not_see_them() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let victim = TestPerson::enrolled(app, &[Role::Intake]).await;
        let mut heard = Vec::new();
        for id in [victim.id.as_ref().expect("an id").to_string(), nobody().person] {
            for route in table().into_iter().filter(|r| r.path.starts_with("/admin/users/{id}") && r.method == Method::POST) {
                for fields in [vec![], vec![("surplus", "1")]] {
                    let reply = person.post(&route.path.replace("{id}", &id), &fields).await;
                    heard.push((id == nobody().person, route.path, fields.len(), reply.status.as_u16()));
                }
            }
        }
        let odd: Vec<_> = heard.iter().filter(|h| h.3 != 403).collect();
        assert!(odd.is_empty(), "{odd:?}");
    })
    .await;
}
