//! People as types: each with a cookie jar of their own.

use std::sync::Mutex;

use axum::body::Body;
use axum::http::{Request, header};
use countersign::core::id::PersonId;
use countersign::db::Detail;
use countersign::http::ctx::csrf_token;
use countersign::identity::links::NewPerson;
use countersign::identity::sessions::NewSession;
use countersign::identity::signin::totp_place;
use countersign::identity::tokens::NewToken;
use countersign::identity::totp::Secret;
use countersign::identity::{self, Enrol, OfPerson, Person, people, tokens};
use countersign::policy::{Actor, Auth, Origin, Role, Who};
use countersign::vault::HashError;

use super::app::PASSWORD;
use super::{Reply, TestApp};

/// Somebody with a browser.
pub struct TestPerson<'a> {
    pub app: &'a TestApp,
    /// Their id, when they have one.
    pub id: Option<PersonId>,
    /// Their user name.
    pub username: String,
    /// Their authenticator.
    pub secret: Option<Secret>,
    pub jar: Mutex<Vec<(String, String)>>,
}

/// The hash of the password. On a machine that has no time for it the server says "too many at once"; here it is asked again.
async fn hashed(app: &TestApp) -> String {
    for _ in 0..20 {
        match app.app.hasher.hash(PASSWORD).await {
            Err(HashError::Busy) => {}
            hash => return hash.expect("hashes"),
        }
    }
    panic!("no password could be hashed for a long time");
}

impl<'a> TestPerson<'a> {
    pub fn stranger(app: &'a TestApp) -> Self {
        Self { app, id: None, username: String::new(), secret: None, jar: Mutex::default() }
    }

    /// A person made by the verbs, with a full session.
    pub async fn signed_in(app: &'a TestApp, roles: &[Role]) -> Self {
        let person = Self::enrolled(app, roles).await;
        person.open_session().await;
        person
    }

    /// A person with password and authenticator, not signed in.
    pub async fn enrolled(app: &'a TestApp, roles: &[Role]) -> Self {
        let db = &app.app.db;
        let n = hex::encode(db.rng().bytes::<4>());
        let username = format!("person.{n}");
        let hash = hashed(app).await;
        let new =
            NewPerson { username: username.clone(), display_name: format!("Person {n}"), email: Some(format!("{n}@example.org")), time_zone: "UTC".into() };
        let nobody = Person::nobody(PersonId::new(db.clock(), db.rng()));
        let permit = app.app.policy.permit(&Actor::console(), &nobody).expect("the console may");
        let id = people::create(db, permit, &new, roles, Some(&hash)).await.expect("creates");
        let secret = Secret::new(db.rng().bytes::<20>());
        let person = identity::by_id(db, &id).await.expect("reads").expect("is there");
        let sealed = db.vault().seal(id.as_str(), &totp_place(&id), secret.as_bytes()).await.expect("seals");
        let permit = app.app.policy.permit::<Enrol>(&Actor::stranger(Origin::default()), &person).expect("anyone may");
        let mut tx = db.begin(&permit).await.expect("begins");
        tx.write(identity::sql::SET_TOTP).bind(&id).bind(sealed).bind(db.clock().now()).bind(1_i64).execute().await.expect("enrols");
        tx.commit(permit, Detail::ok()).await.expect("commits");
        Self { app, id: Some(id), username, secret: Some(secret), jar: Mutex::default() }
    }

    /// Opens a full session without the forms.
    pub async fn open_session(&self) {
        let app = &self.app.app;
        let id = self.id.as_ref().expect("a person");
        let person = identity::by_id(&app.db, id).await.expect("reads").expect("is there");
        let session = NewSession::prepare(&app.db, &app.policies.session, id, "full", None, &Origin::default()).await.expect("prepares");
        let permit = app.policy.permit::<identity::Confirm>(&Actor::stranger(Origin::default()), &person).expect("anyone may");
        let mut tx = app.db.begin(&permit).await.expect("begins");
        session.insert(&mut tx, app.db.clock().now()).await.expect("inserts");
        tx.commit(permit, Detail::ok()).await.expect("commits");
        self.keep("countersign", &session.secret);
    }

    /// Puts a cookie into the jar.
    pub fn keep(&self, name: &str, value: &str) {
        let mut jar = self.jar.lock().expect("one at a time");
        jar.retain(|(n, _)| n != name);
        if !value.is_empty() {
            jar.push((name.to_owned(), value.to_owned()));
        }
    }

    /// A cookie of the jar.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar.lock().expect("one at a time").iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
    }

    /// The form token that fits the jar.
    pub fn csrf(&self) -> String {
        csrf_token(&self.app.app, &self.cookie("countersign").unwrap_or_default())
    }

    /// The code of this moment.
    pub fn code(&self) -> String {
        let secs = self.app.clock.now() / 1_000_000;
        self.code_at(secs)
    }

    /// The code of another moment.
    pub fn code_at(&self, secs: i64) -> String {
        code_of(self.secret.as_ref().expect("an authenticator"), secs)
    }

    /// Sends with the jar, and keeps what comes back.
    pub async fn send(&self, mut request: Request<Body>) -> Reply {
        let jar: Vec<String> = self.jar.lock().expect("one at a time").iter().map(|(n, v)| format!("{n}={v}")).collect();
        if !jar.is_empty() {
            request.headers_mut().insert(header::COOKIE, jar.join("; ").parse().expect("a header"));
        }
        let reply = self.app.send(request).await;
        for line in reply.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().expect("ASCII");
            let (name, rest) = line.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            self.keep(name, if line.contains("Max-Age=0") { "" } else { value });
        }
        reply
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    /// Posts a form with the right token.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.csrf();
        let mut all = vec![("csrf_token", token.as_str())];
        all.extend_from_slice(fields);
        self.post_bare(path, &all).await
    }

    /// Posts a form as it is.
    pub async fn post_bare(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = serde_urlencoded::to_string(fields).expect("a form");
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body)).expect("a request");
        self.send(request).await
    }

    /// Uploads one file by the form.
    pub async fn upload(&self, name: &str, kind: &str, bytes: &[u8]) -> Reply {
        let token = self.csrf();
        let body = multipart(Some(&token), "file", name, kind, bytes);
        let request = Request::post("/evidence")
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(Body::from(body))
            .expect("a request");
        self.send(request).await
    }

    /// An API token with these scopes.
    pub async fn token(&self, roles: &[Role], scopes: &[&str]) -> TestToken<'a> {
        let app = &self.app.app;
        let id = self.id.clone().expect("a person");
        let who = Who::Person {
            id: id.clone(),
            name: self.username.clone(),
            auth: Auth::Session(countersign::core::id::SessionId::new(app.db.clock(), app.db.rng())),
        };
        let actor = Actor { who, roles: roles.to_vec(), scopes: None, fresh: true, origin: Origin::default() };
        let permit = app.policy.permit(&actor, &OfPerson::token(None, &id)).expect("may");
        let new = NewToken { name: "test".into(), scopes: scopes.iter().map(|s| (*s).to_owned()).collect(), days: 1, repeat: None };
        let (_, secret, _) = tokens::create(&app.db, &app.policies.session, permit, &id, &new).await.expect("makes");
        TestToken { app: self.app, secret }
    }
}

/// A caller of the API.
pub struct TestToken<'a> {
    app: &'a TestApp,
    /// The token.
    pub secret: String,
}

impl TestToken<'_> {
    pub async fn send(&self, request: Request<Body>) -> Reply {
        self.app.send(request).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.app.send(Request::get(path).header("authorization", format!("Bearer {}", self.secret)).body(Body::empty()).expect("a request")).await
    }

    pub async fn post(&self, path: &str, body: &serde_json::Value) -> Reply {
        self.post_with(path, body, &[]).await
    }

    pub async fn post_with(&self, path: &str, body: &serde_json::Value, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::post(path).header("authorization", format!("Bearer {}", self.secret)).header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.app.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    pub async fn upload(&self, name: &str, kind: &str, bytes: &[u8]) -> Reply {
        let request = Request::post("/api/v1/evidence")
            .header("authorization", format!("Bearer {}", self.secret))
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(Body::from(multipart(None, "file", name, kind, bytes)))
            .expect("a request");
        self.app.send(request).await
    }
}

/// The beginning of a picture.
pub const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";
/// The boundary of every multipart body here.
pub const BOUNDARY: &str = "----countersign-test";

/// A multipart body: the token first when given, then one file.
pub fn multipart(token: Option<&str>, field: &str, name: &str, kind: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(token) = token {
        out.extend_from_slice(format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"csrf_token\"\r\n\r\n{token}\r\n").as_bytes());
    }
    out.extend_from_slice(
        format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\ncontent-type: {kind}\r\n\r\n").as_bytes(),
    );
    out.extend_from_slice(bytes);
    out.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    out
}

/// The code of a secret at a moment, as an app shows it.
pub fn code_of(secret: &Secret, secs: i64) -> String {
    let at = u64::try_from(secs).expect("after 1970");
    totp_rs::Builder::new().with_secret(*secret.as_bytes()).build().expect("builds").generate(at).to_string()
}
