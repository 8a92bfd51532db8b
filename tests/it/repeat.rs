//! Requests that come again: what a key and a body make is made once, and the answer is the first one's.

use std::path::Path;

use axum::body::Body;
use axum::http::{Request, header};
use countersign::policy::Role;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::person::{BOUNDARY, TestToken, multipart};
use crate::support::{Reply, TestApp, TestPerson, app::on_postgres, check};

const DAY_SECS: i64 = 86_400;
const ROLES: [Role; 3] = [Role::Admin, Role::Contributor, Role::Messaging];
const SCOPES: [&str; 5] = ["person.invite", "token.create", "evidence.upload", "message.send", "message.list"];

/// What can be made over the API, and the act that the entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    User,
    Token,
    Evidence,
    Message,
}

const KINDS: [Kind; 4] = [Kind::User, Kind::Token, Kind::Evidence, Kind::Message];

impl Kind {
    const fn path(self) -> &'static str {
        match self {
            Self::User => "/api/v1/users",
            Self::Token => "/api/v1/tokens",
            Self::Evidence => "/api/v1/evidence",
            Self::Message => "/api/v1/messages",
        }
    }

    const fn entry(self) -> &'static str {
        match self {
            Self::User => "person.invite ok",
            Self::Token => "token.create ok",
            Self::Evidence => "evidence.upload ok",
            Self::Message => "message.send ok",
        }
    }

    const fn rows(self) -> &'static str {
        match self {
            Self::User => "select count(*) from person",
            Self::Token => "select count(*) from api_token",
            Self::Evidence => "select count(*) from evidence",
            Self::Message => "select count(*) from message",
        }
    }

    const fn made(self) -> u16 {
        if matches!(self, Self::Message) { 202 } else { 201 }
    }

    /// A body that differs with `what`; none for a file.
    fn body(self, what: &str) -> Value {
        match self {
            Self::User => json!({ "username": format!("new.{what}"), "display_name": what, "email": null, "roles": ["compliance", "contributor"] }),
            Self::Token => json!({ "name": what, "scopes": ["message.send", "message.list"], "days": 2 }),
            Self::Evidence => Value::Null,
            Self::Message => json!({ "to": "+14155552671", "text": what }),
        }
    }

    async fn make(self, token: &TestToken<'_>, what: &str, key: &str) -> Reply {
        match self {
            Self::Evidence => upload(token, "a.txt", what, key).await,
            Self::User | Self::Token | Self::Message => token.post_with(self.path(), &self.body(what), &[("idempotency-key", key)]).await,
        }
    }

    /// What is refused before and inside the transaction, if anything is.
    async fn fail(self, token: &TestToken<'_>, key: &str) -> Vec<Reply> {
        let headers = [("idempotency-key", key)];
        match self {
            Self::User => {
                let taken = json!({ "username": "new.taken", "display_name": "x", "roles": ["compliance"] });
                token.post(self.path(), &taken).await.expect(201);
                let unknown = json!({ "username": "new.x", "display_name": "x", "roles": ["root"] });
                vec![token.post_with(self.path(), &unknown, &headers).await, token.post_with(self.path(), &taken, &headers).await]
            }
            Self::Token => vec![token.post_with(self.path(), &json!({ "name": "x", "scopes": [], "days": 1 }), &headers).await],
            Self::Evidence => vec![upload(token, "a.png", "no picture", key).await, upload(token, "a.txt", "", key).await],
            Self::Message => vec![token.post_with(self.path(), &json!({ "to": "1", "text": "" }), &headers).await],
        }
    }
}

async fn upload(token: &TestToken<'_>, name: &str, text: &str, key: &str) -> Reply {
    let request = Request::post("/api/v1/evidence")
        .header("authorization", format!("Bearer {}", token.secret))
        .header("idempotency-key", key)
        .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(Body::from(multipart(None, "file", name, "text/plain", text.as_bytes())))
        .expect("a request");
    token.send(request).await
}

async fn all_scopes<'a>(person: &TestPerson<'a>) -> TestToken<'a> {
    person.token(&ROLES, &SCOPES).await
}

async fn count(app: &TestApp, sql: &'static str) -> i64 {
    app.app.db.query(sql).scalar().await.expect("counts")
}

async fn keys(app: &TestApp) -> i64 {
    count(app, "select count(*) from idempotency").await
}

async fn entries(app: &TestApp, kind: Kind) -> usize {
    app.db_actions().await.iter().filter(|a| *a == kind.entry()).count()
}

/// The answer to a repeated request: the first one again, or, of a token, its id alone.
#[track_caller]
fn is_again(kind: Kind, first: &Reply, second: &Reply) {
    if kind == Kind::Token {
        let (told, made) = (second.json(), first.json());
        assert_eq!((second.status.as_u16(), told["code"].as_str()), (409, Some("secret_told")), "{told}");
        assert!(told["detail"].as_str().is_some_and(|d| d.contains(made["id"].as_str().expect("an id"))), "{told}");
        assert!(!second.text().contains(made["token"].as_str().expect("a secret")), "{told}");
        return;
    }
    assert_eq!((second.status, second.json(), second.location()), (first.status, first.json(), first.location()), "{kind:?}");
    assert_eq!((first.header("idempotency-replayed"), second.header("idempotency-replayed")), ("", "true"), "{kind:?}");
}

#[tokio::test]
async fn the_same_request_makes_nothing_twice_and_hears_the_first_answer() {
    check(async |app| {
        let person = app.person(&ROLES).await;
        let token = all_scopes(&person).await;
        for kind in KINDS {
            let first = kind.make(&token, "one", "key").await.expect(kind.made());
            let (rows, entered) = (count(app, kind.rows()).await, entries(app, kind).await);
            app.advance(3600);
            for _ in 0..2 {
                is_again(kind, &first, &kind.make(&token, "one", "key").await);
            }
            // Another token of the same person asks the same.
            is_again(kind, &first, &kind.make(&person.token(&ROLES, &SCOPES).await, "one", "key").await);
            let others = if kind == Kind::Token { 1 } else { 0 };
            assert_eq!((count(app, kind.rows()).await, entries(app, kind).await), (rows + others, entered + usize::from(others == 1)), "{kind:?}");
        }
        // One key on four routes is four keys.
        assert_eq!(keys(app).await, 4);
        // Without a key every request is one of its own.
        let body = Kind::Message.body("one");
        let (a, b) = (token.post("/api/v1/messages", &body).await.expect(202), token.post("/api/v1/messages", &body).await.expect(202));
        assert_ne!(a.json()["id"], b.json()["id"]);
        assert_eq!(keys(app).await, 4);
    })
    .await;
}

#[tokio::test]
async fn what_makes_no_difference_to_the_act_makes_none_to_the_key() {
    check(async |app| {
        let token = all_scopes(&app.person(&ROLES).await).await;
        let first = Kind::User.make(&token, "one", "key").await.expect(201);
        let mut body = Kind::User.body("one");
        body["roles"] = json!(["contributor", "compliance", "compliance"]);
        is_again(Kind::User, &first, &token.post_with("/api/v1/users", &body, &[("idempotency-key", "key")]).await);
    })
    .await;
}

#[tokio::test]
async fn a_key_with_another_body_is_refused_and_makes_nothing() {
    check(async |app| {
        let token = all_scopes(&app.person(&ROLES).await).await;
        for kind in KINDS {
            let first = kind.make(&token, "one", "key").await.expect(kind.made());
            let (rows, entered) = (count(app, kind.rows()).await, entries(app, kind).await);
            let mut others = vec![kind.make(&token, "two", "key").await];
            if kind == Kind::Evidence {
                others.push(upload(&token, "b.txt", "one", "key").await);
            }
            for other in others {
                assert_eq!(other.expect(422).json()["code"], "idempotency_mismatch", "{kind:?}");
            }
            assert_eq!((count(app, kind.rows()).await, entries(app, kind).await), (rows, entered), "{kind:?}");
            is_again(kind, &first, &kind.make(&token, "one", "key").await);
        }
        assert_eq!(files_below(&app.data().join("blobs")).len(), 1, "a file that was not taken does not stay");
    })
    .await;
}

#[tokio::test]
async fn equal_requests_at_once_make_one_thing_and_one_entry() {
    check(async |app| {
        let token = all_scopes(&app.person(&ROLES).await).await;
        for kind in KINDS {
            let (rows, entered) = (count(app, kind.rows()).await, entries(app, kind).await);
            let replies = join_all((0..8).map(|_| kind.make(&token, "one", "key"))).await;
            let first = |reply: &&Reply| reply.status.as_u16() == kind.made() && reply.header("idempotency-replayed").is_empty();
            let firsts: Vec<&Reply> = replies.iter().filter(first).collect();
            let [winner] = firsts[..] else { panic!("{kind:?}: {} winners of {replies:?}", firsts.len()) };
            for loser in replies.iter().filter(|r| !first(r)) {
                is_again(kind, winner, loser);
            }
            assert_eq!((count(app, kind.rows()).await, entries(app, kind).await), (rows + 1, entered + 1), "{kind:?}");
        }
        assert_eq!(files_below(&app.data().join("blobs")).len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    check(async |app| {
        let token = all_scopes(&app.person(&ROLES).await).await;
        for (n, kind) in KINDS.into_iter().enumerate() {
            for reply in kind.fail(&token, "key").await {
                assert!(reply.status.is_client_error(), "{kind:?} {}", reply.status);
            }
            assert_eq!(keys(app).await, i64::try_from(n).expect("a few"), "{kind:?}");
            kind.make(&token, "one", "key").await.expect(kind.made());
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_everywhere() {
    check(async |app| {
        let token = all_scopes(&app.person(&ROLES).await).await;
        for kind in KINDS {
            for key in ["", "a\tb", &"x".repeat(256)] {
                assert_eq!(kind.make(&token, "one", key).await.expect(400).json()["code"], "bad_idempotency_key", "{kind:?} {key:?}");
            }
            let twice = [("idempotency-key", "a"), ("idempotency-key", "a")];
            if kind != Kind::Evidence {
                token.post_with(kind.path(), &kind.body("one"), &twice).await.expect(400);
            }
            kind.make(&token, "one", &"~".repeat(255)).await.expect(kind.made());
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    check(async |app| {
        let person = app.person(&ROLES).await;
        let token = all_scopes(&person).await;
        let mut firsts = Vec::new();
        for kind in KINDS {
            firsts.push(kind.make(&token, "one", "key").await.expect(kind.made()));
        }
        // A token lives for a day too.
        app.advance(DAY_SECS);
        let token = all_scopes(&person).await;
        for (kind, first) in KINDS.into_iter().zip(&firsts) {
            is_again(kind, first, &kind.make(&token, "one", "key").await);
        }
        app.advance(1);
        for (kind, first) in KINDS.into_iter().zip(&firsts) {
            let later = kind.make(&token, "two", "key").await.expect(kind.made());
            assert_ne!(later.json()["id"], first.json()["id"], "{kind:?}");
        }
        countersign::repeat::sweep(&app.app.db, app.clock.now()).await.expect("swept");
        assert_eq!(keys(app).await, 4, "what was made just now is kept");
        app.advance(DAY_SECS + 1);
        countersign::repeat::sweep(&app.app.db, app.clock.now()).await.expect("swept");
        assert_eq!(keys(app).await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_key_of_one_person_says_nothing_to_another() {
    check(async |app| {
        let (one, two) = (app.person(&ROLES).await, app.person(&ROLES).await);
        let (one, two) = (all_scopes(&one).await, all_scopes(&two).await);
        for kind in KINDS {
            let first = kind.make(&one, "one", "key").await.expect(kind.made());
            // A name can be given once, whoever gives it.
            let what = if kind == Kind::User { "two" } else { "one" };
            let second = kind.make(&two, what, "key").await.expect(kind.made());
            assert_ne!(first.json()["id"], second.json()["id"], "{kind:?}");
            assert_eq!(second.header("idempotency-replayed"), "");
        }
        // Nor does it tell that somebody invited this person.
        Kind::User.make(&two, "one", "other").await.expect(422).says("is taken");
    })
    .await;
}

#[tokio::test]
async fn a_repeat_is_judged_by_the_policy_like_the_first() {
    check(async |app| {
        let person = app.person(&ROLES).await;
        let token = all_scopes(&person).await;
        Kind::User.make(&token, "one", "key").await.expect(201);
        let less = person.token(&ROLES, &["message.send"]).await;
        Kind::User.make(&less, "one", "key").await.expect(403);
    })
    .await;
}

#[tokio::test]
async fn the_secret_of_a_token_and_of_a_link_is_stored_nowhere_in_the_open() {
    check(async |app| {
        let token = all_scopes(&app.person(&ROLES).await).await;
        let made = Kind::Token.make(&token, "a telling name", "key").await.expect(201).json();
        let invited = Kind::User.make(&token, "one", "key").await.expect(201).json();
        let secret = made["token"].as_str().expect("a secret");
        let link = invited["link"].as_str().and_then(|l| l.rsplit('/').next()).expect("a link");
        assert!(secret.len() > 40 && link.len() > 40);
        assert!(holds(app, "a telling name").await, "the search finds what is there");
        for secret in [secret, link] {
            assert!(!holds(app, secret).await, "a secret lies in the open");
        }
        // Neither lies anywhere sealed with the token: its answer is its id.
        let answers: Vec<(String,)> = app.app.db.query("select answer from idempotency order by answer limit 10").all().await.expect("reads");
        let id = made["id"].to_string();
        assert!(answers.iter().any(|(a,)| *a == id), "{answers:?}");
    })
    .await;
}

/// Does any column of any table, or on SQLite any byte of any file, hold `text`?
async fn holds(app: &TestApp, text: &str) -> bool {
    if !on_postgres() {
        let has = |bytes: &[u8]| bytes.windows(text.len()).any(|w| w == text.as_bytes());
        return files_below(&app.data()).iter().any(|f| has(&std::fs::read(f).unwrap_or_default()));
    }
    let mut found = false;
    for store in [app.app.db.store(), app.app.db.vault().store()] {
        let tables: Vec<(String,)> =
            store.query("select cast(table_name as text) from information_schema.tables where table_schema = 'public'").all().await.expect("reads");
        assert!(!tables.is_empty());
        for (table,) in tables {
            let sql = format!("select count(*) from \"{table}\" t where position($1 in cast(t as text)) > 0 or position($2 in cast(t as text)) > 0");
            let rows: i64 = store.query(sqlx::AssertSqlSafe(sql)).bind(text).bind(hex::encode(text)).scalar().await.expect("counts");
            found |= rows > 0;
        }
    }
    found
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()) {
        if entry.is_dir() { out.extend(files_below(&entry)) } else { out.push(entry) }
    }
    out
}

#[tokio::test]
async fn the_document_tells_of_the_key_on_every_route_that_takes_one() {
    check(async |app| {
        let document = app.get("/api/openapi.json").await.expect(200).json();
        let paths = document["paths"].as_object().expect("paths");
        let takes =
            |operation: &Value| operation["parameters"].as_array().is_some_and(|p| p.iter().any(|p| p["name"] == "Idempotency-Key" && p["in"] == "header"));
        let mut taking: Vec<&str> = paths.iter().filter(|(_, methods)| takes(&methods["post"])).map(|(path, _)| path.as_str()).collect();
        taking.sort_unstable();
        let assess = ["comments", "records"].map(|of| format!("/api/v1/assessments/{{id}}/objectives/{{name}}/{of}"));
        let more = [
            "/api/v1/campaigns",
            "/api/v1/contact-lists",
            "/api/v1/contacts",
            "/api/v1/evidence",
            "/api/v1/evidence/{id}/versions",
            "/api/v1/messages",
            "/api/v1/segments",
            "/api/v1/systems",
            "/api/v1/templates",
            "/api/v1/threads/{id}/reply",
            "/api/v1/tokens",
            "/api/v1/users",
        ];
        let kept = ["plan", "seals"].map(|of| format!("/api/v1/assessments/{{id}}/{of}"));
        assert_eq!(taking, [&["/api/v1/assessments", "/api/v1/assessments/{id}/import", &assess[0], &assess[1], &kept[0], &kept[1]], more.as_slice()].concat());
    })
    .await;
}
