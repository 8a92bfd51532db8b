//! The real program, killed at random moments: nothing acknowledged is lost, nothing is half done, nothing is sent twice.
//! Also the harness that starts and asks the program, which `cli` uses too.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use countersign::app::{Installation, Migrate};
use countersign::config::{Config, Inputs};
use countersign::core::clock::Clock;
use countersign::core::folder::DataFolder;
use countersign::core::id::{PersonId, SessionId};
use countersign::core::rng::Rng;
use countersign::identity::links::NewPerson;
use countersign::identity::sessions::NewSession;
use countersign::identity::tokens::{self, NewToken};
use countersign::identity::{self, OfPerson, Person, people};
use countersign::policy::{Actor, Auth, Origin, Role, Who};
use countersign::vault::KeyRing;
use countersign_audit::verify::bundle;
use countersign_audit::verify::vkey::Vkey;
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::support::app::on_postgres;

/// What a command said.
#[derive(Debug)]
pub struct Out {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Out {
    /// Asserts the exit code and gives the answer on.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self
    }

    /// Asserts that standard error holds `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "`{text}` is not in: {}", self.err);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.out))
    }
}

/// The program with nothing of this process's environment but the path.
pub fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(args).env_clear().stdin(Stdio::null());
    command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "TMPDIR"));
    command
}

/// Runs to the end; a command that does not end within half a minute is killed and fails the test.
#[track_caller]
pub fn finish(command: &mut Command) -> Out {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut err = child.stderr.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        err.read_to_string(&mut text).map(|_| text)
    });
    let mut out = child.stdout.take().expect("a pipe");
    let child = Arc::new(Mutex::new(child));
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let watched = child.clone();
    let watch = std::thread::spawn(move || {
        if wait.recv_timeout(Duration::from_secs(30)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = watched.lock().expect("one at a time").kill();
        }
    });
    let mut text = String::new();
    out.read_to_string(&mut text).expect("UTF-8");
    drop(done);
    watch.join().expect("ends");
    let code = child.lock().expect("one at a time").wait().expect("ends").code().expect("ends by itself within half a minute");
    Out { code, out: text, err: reader.join().expect("ends").expect("UTF-8") }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

/// A place for an installation: folder, port, settings.
pub struct Site {
    pub dir: tempfile::TempDir,
    pub port: u16,
    pub settings: Vec<(String, String)>,
}

/// What [`Site::person`] made.
pub struct Made {
    pub token: String,
    pub cookie: String,
}

impl Site {
    /// With a data folder that does not exist yet.
    pub fn bare() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let settings = [
            ("data", dir.path().join("data").display().to_string()),
            ("listen", format!("127.0.0.1:{port}")),
            ("public_url", format!("http://127.0.0.1:{port}")),
            ("name", "test.example".into()),
            ("default_region", "US".into()),
            ("sandbox.enabled", "true".into()),
            ("sandbox.delay_ms", "20".into()),
        ];
        Self { dir, port, settings: settings.map(|(k, v)| (k.to_owned(), v)).to_vec() }
    }

    /// With keys.
    pub fn new() -> Self {
        let site = Self::bare();
        site.run(&["keys", "generate"]).expect(0);
        site
    }

    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|(k, _)| k != key);
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A path beside the data folder, as text.
    pub fn beside(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// The program with this place's settings in its environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        for (key, value) in &self.settings {
            command.env(format!("COUNTERSIGN_{}", key.replace('.', "_").to_uppercase()), value);
        }
        command
    }

    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Out {
        finish(&mut self.command(args))
    }

    /// Serves, and waits until it is ready.
    pub async fn serve(&self) -> Server {
        let child = self.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        Server::up(child, self.port).await
    }

    /// Makes a person with a token and a session, by the verbs everybody uses. No server may run.
    pub async fn person(&self, roles: &[Role], scopes: &[&str]) -> Made {
        let inputs = Inputs { flags: self.settings.clone(), serving: true, ..Inputs::default() };
        let config = Config::load(&inputs).expect("a sound configuration");
        let folder = DataFolder::open(&config.data, true).expect("the data folder");
        if !folder.keys().join("kek-1").exists() {
            KeyRing::generate(&folder.keys(), &Rng::system()).expect("keys");
        }
        let here = Installation::open(config, &folder, Clock::system(), Rng::system(), Migrate::IfEmpty, true).await.expect("opens");
        let (app, db) = (&here.app, &here.app.db);
        let username = format!("p.{}", hex::encode(db.rng().bytes::<4>()));
        let new = NewPerson { username: username.clone(), display_name: "A Person".into(), email: None, time_zone: "UTC".into() };
        let nobody = Person::nobody(PersonId::new(db.clock(), db.rng()));
        let permit = app.policy.permit(&Actor::console(), &nobody).expect("the console may");
        let id = people::create(db, permit, &new, roles, None).await.expect("creates");
        let who = Who::Person { id: id.clone(), name: username, auth: Auth::Session(SessionId::new(db.clock(), db.rng())) };
        let actor = Actor { who, roles: roles.to_vec(), scopes: None, fresh: true, origin: Origin::default() };
        let permit = app.policy.permit(&actor, &OfPerson::token(None, &id)).expect("may");
        let new = NewToken { name: "test".into(), scopes: scopes.iter().map(|s| (*s).to_owned()).collect(), days: 1, repeat: None };
        let (_, token, _) = tokens::create(db, &app.policies.session, permit, &id, &new).await.expect("makes");
        let person = identity::by_id(db, &id).await.expect("reads").expect("is there");
        let session = NewSession::prepare(db, &app.policies.session, &id, "full", None, &Origin::default()).await.expect("prepares");
        let permit = app.policy.permit::<identity::Confirm>(&Actor::stranger(Origin::default()), &person).expect("anyone may");
        let mut tx = db.begin(&permit).await.expect("begins");
        session.insert(&mut tx, db.clock().now()).await.expect("inserts");
        tx.commit(permit, countersign::db::Detail::ok()).await.expect("commits");
        let cookie = format!("countersign={}", session.secret);
        if !db.store().is_sqlite() {
            db.settle().await.expect("everything is sequenced");
        }
        here.close().await;
        Made { token, cookie }
    }
}

/// A running server; killed when dropped.
pub struct Server {
    pub child: Child,
    pub port: u16,
    /// From the start of the process to the first 200.
    pub took: Duration,
}

impl Server {
    /// Waits for `/readyz`.
    pub async fn up(mut child: Child, port: u16) -> Self {
        let begun = Instant::now();
        loop {
            if ask(port, "GET", "/readyz", &[], None).is_ok_and(|a| a.status == 200) {
                return Self { child, port, took: begun.elapsed() };
            }
            if let Some(status) = child.try_wait().expect("can be asked") {
                panic!("the server ended before it was ready: {status}");
            }
            if begun.elapsed() > Duration::from_secs(30) {
                let _ = child.kill();
                panic!("the server was not ready within half a minute");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// An answer that must come.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        ask(self.port, method, path, headers, body).expect("an answer")
    }

    /// GET with a token.
    pub fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, &[("authorization", &format!("Bearer {token}"))], None)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("can be killed");
        self.child.wait().expect("ends");
    }

    /// SIGTERM; gives the exit code and how long it took.
    pub async fn terminate(&mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
        while begun.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.child.try_wait().expect("can be asked") {
                return (status.code(), begun.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the server did not end within half a minute of SIGTERM");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer over the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {} {}", self.head, self.body))
    }
}

/// One request on one connection. An answer that is cut off is an error.
pub fn ask(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> std::io::Result<Answer> {
    let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        text.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    } else {
        text.push_str("\r\n");
    }
    stream.write_all(text.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let answer = String::from_utf8_lossy(&bytes);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut)?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(cut)?;
    let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ").and_then(|n| n.trim().parse::<usize>().ok()));
    if length.is_some_and(|n| body.len() < n && bytes.len() < head.len() + 4 + n) {
        return Err(cut());
    }
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// One number by a connection of our own, the server stopped or not.
pub async fn count(database: &str, sql: &'static str) -> i64 {
    if let Some(path) = database.strip_prefix("sqlite:") {
        let conn = rusqlite::Connection::open(path).expect("opens");
        return conn.query_row(sql, [], |row| row.get(0)).expect("counts");
    }
    let mut conn = sqlx::PgConnection::connect(database).await.expect("opens");
    sqlx::query_scalar(sql).fetch_one(&mut conn).await.expect("counts")
}

/// Ids by a connection of our own; SQLite only, else none.
async fn ids(data: &Path, sql: &'static str) -> Vec<String> {
    if !data.join("countersign.db").exists() {
        return Vec::new();
    }
    let conn = rusqlite::Connection::open(data.join("countersign.db")).expect("opens");
    let mut statement = conn.prepare(sql).expect("a statement");
    let found = statement.query_map([], |row| row.get(0)).expect("reads").collect::<Result<_, _>>();
    found.expect("reads")
}

/// `database.url` of a place.
fn database(site: &Site) -> String {
    let named = site.settings.iter().find(|(k, _)| k == "database.url").map(|(_, v)| v.clone());
    named.unwrap_or_else(|| sqlite(&site.data()))
}

/// The SQLite database of a data folder.
pub fn sqlite(data: &Path) -> String {
    format!("sqlite:{}", data.join("countersign.db").display())
}

fn rounds() -> usize {
    let named = std::env::vars().find(|(k, _)| k == "KILL_ROUNDS").map(|(_, v)| v.parse().expect("KILL_ROUNDS is a number"));
    named.unwrap_or(50)
}

fn random_below(n: u64) -> u64 {
    u64::from_le_bytes(Rng::system().bytes::<8>()) % n
}

const CLIENTS: usize = 8;
const TWICE: &str = "select count(*) from (select message_id from sandbox_delivery group by message_id having count(*) > 1) t";
const DELIVERED_UNSENT: &str =
    "select count(*) from sandbox_delivery d left join message m on m.id = d.message_id where m.id is null or m.state in ('queued', 'held')";
const SENDING: &str = "select count(*) from message where state = 'sending'";
const UNKNOWN: &str = "select count(*) from message where state = 'unknown' and reason = 'interrupted'";
const MESSAGES: &str = "select count(*) from message";
const SENDS: &str = "select count(*) from audit_chain c join audit_event e on e.id = c.event_id where e.action = 'message.send' and e.outcome = 'ok'";
const SENT_TWICE: &str = "select count(*) from (select object_id from audit_event where action in ('message.send', 'message.attempt') group by object_id, action having count(*) > 1) t";
const UNENTERED: &str = "select count(*) from message m where not exists (select 1 from audit_event e join audit_chain c on c.event_id = e.id where e.object_id = m.id and e.action = 'message.send')";
const UNLINKED: &str = "select count(*) from message m left join audit_chain c on c.event_id = m.last_audit_id where c.event_id is null";
const ENDED_UNENTERED: &str = "select count(*) from message m where m.state not in ('queued', 'held', 'sending') and not exists (select 1 from audit_event e join audit_chain c on c.event_id = e.id where e.object_id = m.id and e.action = 'message.result')";

/// Posts until the server is gone; gives what was acknowledged.
fn post_until_gone(port: u16, token: &str, round: usize, client: usize, begun: &str) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let bearer = format!("Bearer {token}");
    for n in 0.. {
        let body = json!({ "to": "+14155552671", "text": format!("message {n} of client {client} in round {round}") }).to_string();
        let key = format!("{begun}-{round}-{client}-{n}");
        match ask(port, "POST", "/api/v1/messages", &[("authorization", &bearer), ("idempotency-key", &key)], Some(&body)) {
            Ok(answer) if answer.status == 202 => acknowledged.push(answer.json()["id"].as_str().expect("an id").to_owned()),
            // Too many or too busy is not an acknowledgement; anything else is a fault of the server.
            Ok(answer) if [429, 503].contains(&answer.status) => {}
            Ok(answer) => panic!("{} {}", answer.head, answer.body),
            Err(_) => break,
        }
    }
    acknowledged
}

async fn killed_at_random(site: &Site) {
    let made = site.person(&[Role::Messaging], &["message.send", "message.list"]).await;
    let database = database(site);
    let on_sqlite = database.starts_with("sqlite:");
    let begun = hex::encode(Rng::system().bytes::<4>());
    let (mut all, mut slowest, whole) = (Vec::new(), Duration::ZERO, Instant::now());
    let mut server = site.serve().await;
    for round in 0..rounds() {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (port, token, begun) = (site.port, made.token.clone(), begun.clone());
                std::thread::spawn(move || post_until_gone(port, &token, round, client, &begun))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(50 + random_below(351))).await;
        server.kill();
        let acknowledged: Vec<String> = clients.into_iter().flat_map(|c| c.join().expect("a client ends")).collect();
        // Every other round: a look in between would do part of the recovery.
        let caught = if on_sqlite && round % 2 == 1 { ids(&site.data(), "select id from message where state = 'sending'").await } else { Vec::new() };
        server = site.serve().await;
        let interrupted = ids(&site.data(), "select id from message where state = 'unknown' and reason = 'interrupted'").await;
        assert!(caught.iter().all(|id| interrupted.contains(id)), "round {round}: what was being sent must be unknown: {caught:?}");
        slowest = slowest.max(server.took);
        for id in &acknowledged {
            let answer = server.get(&format!("/api/v1/messages/{id}"), &made.token);
            assert_eq!(answer.status, 200, "round {round}: {id} was acknowledged and is lost: {}", answer.body);
        }
        assert_eq!(count(&database, TWICE).await, 0, "round {round}: a message was delivered twice");
        all.extend(acknowledged);
    }
    // What was queued is sent now; what was interrupted is unknown, never sent again.
    let until = Instant::now();
    while on_sqlite && count(&database, "select count(*) from message where state in ('queued', 'sending')").await > 0 {
        assert!(until.elapsed() < Duration::from_secs(60), "messages stay queued");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.kill();
    let mut server = site.serve().await;
    // On PostgreSQL another node may hold what is `sending`, until its lease of ten minutes runs out.
    let until = Instant::now();
    while on_sqlite && count(&database, SENDING).await > 0 {
        assert!(until.elapsed() < Duration::from_secs(20), "a message is still `sending` long after a start");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for id in &all {
        let answer = server.get(&format!("/api/v1/messages/{id}"), &made.token);
        assert!(answer.status == 200 || answer.status == 429, "{id} was acknowledged and is lost: {}", answer.body);
    }
    assert_eq!(server.terminate().await.0, Some(0));
    for (sql, what) in [
        (TWICE, "messages were delivered twice"),
        (DELIVERED_UNSENT, "messages were delivered that never left"),
        (SENT_TWICE, "messages have two entries of one kind"),
        (UNENTERED, "messages have no entry"),
        (UNLINKED, "messages' last entry is not in the chain"),
        (ENDED_UNENTERED, "messages ended without an entry"),
    ] {
        assert_eq!(count(&database, sql).await, 0, "{what}");
    }
    let (messages, sends, unknown) = (count(&database, MESSAGES).await, count(&database, SENDS).await, count(&database, UNKNOWN).await);
    assert_eq!(messages, sends, "one entry for each message");
    assert!(usize::try_from(sends).expect("a count") >= all.len(), "{sends} entries for {} acknowledged messages", all.len());
    assert!(!all.is_empty());
    site.run(&["audit", "verify"]).expect(0);
    site.run(&["check", "--full"]).expect(0);
    println!(
        "{} rounds in {:.1} s: {} acknowledged, {messages} messages, {unknown} interrupted, slowest restart {} ms",
        rounds(),
        whole.elapsed().as_secs_f64(),
        all.len(),
        slowest.as_millis()
    );
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let mut site = Site::bare();
    // So that many an epoch ends in the middle of it.
    site.set("signer.epoch_entries", "25");
    killed_at_random(&site).await;
    let out = site.beside("out");
    site.run(&["audit", "export", "--out", &out]).expect(0);
    let vkey = site.run(&["keys", "vkey"]).expect(0).out;
    let report = bundle::directory(Path::new(&out), &Vkey::parse(vkey.trim()).expect("a key"));
    assert_eq!(report.exit_code(), 0, "{}", report.to_text());
    assert!(report.epochs.is_some_and(|n| n >= 3), "{}", report.to_text());
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_on_postgresql_either() {
    if !on_postgres() {
        return;
    }
    let url = std::env::vars().find(|(k, _)| k == "TEST_POSTGRES_URL").map(|(_, v)| v).expect("TEST_POSTGRES_URL names the test server");
    let (server, _) = url.rsplit_once('/').expect("the URL ends with a database");
    let mut conn = sqlx::PgConnection::connect(&url).await.expect("the test server answers");
    let (mut site, mut names) = (Site::bare(), Vec::new());
    for key in ["database.url", "database.keys_url"] {
        let name = format!("t_{}", hex::encode(Rng::system().bytes::<8>()));
        sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&mut conn).await.expect("creates");
        site.set(key, &format!("{server}/{name}"));
        names.push(name);
    }
    killed_at_random(&site).await;
    for name in names {
        let _ = sqlx::query(sqlx::AssertSqlSafe(format!("drop database if exists {name} with (force)"))).execute(&mut conn).await;
    }
}
