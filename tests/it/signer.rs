//! The signer in a process of its own: acts go on without it, what it remembers puts a changed trail in doubt, and the program
//! takes a server's key and gives it to nobody else.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign::core::rng::Rng;
use countersign::db::signer::{Claim, Signer as _};
use countersign::policy::Role;
use countersign::signer::{Book, RemoteSigner, serve};
use countersign_audit::verify::bundle;
use countersign_audit::verify::vkey::Vkey;
use tokio::net::UnixListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::kill::{Site, finish, program};
use crate::support::TestApp;
use crate::support::hooks::FakeHooks;

const ORIGIN: &str = "test.example/audit/1";

/// A signer that can be sent away and called back.
struct TestSigner {
    folder: tempfile::TempDir,
    stop: Option<DropGuard>,
}

impl TestSigner {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("logs")).expect("a folder");
        let mut signer = Self { folder, stop: None };
        signer.book().begin(ORIGIN).expect("begins");
        signer.start();
        signer
    }

    fn book(&self) -> Book {
        Book::new(&[9; 32], &self.folder.path().join("logs"), Rng::system())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn start(&mut self) {
        let _ = std::fs::remove_file(self.socket());
        let listener = UnixListener::bind(self.socket()).expect("binds");
        let stop = CancellationToken::new();
        tokio::spawn(serve(self.book(), listener, rustix::process::geteuid().as_raw(), stop.clone()));
        self.stop = Some(stop.drop_guard());
    }

    fn stop(&mut self) {
        self.stop = None;
        std::fs::remove_file(self.socket()).expect("removed");
    }

    async fn app(&self, more: &[(&str, &str)]) -> TestApp {
        let socket = self.socket().display().to_string();
        let mut flags = vec![("signer.socket", socket.as_str())];
        flags.extend(more);
        TestApp::new(&flags).await
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not happen");
}

#[tokio::test]
async fn acts_go_on_while_the_signer_is_away_and_are_signed_when_it_is_back() {
    let (mut signer, hooks) = (TestSigner::new(), FakeHooks::start().await);
    let told = hooks.flags();
    let mut flags: Vec<(&str, &str)> = told.iter().map(|(k, v)| (*k, v.as_str())).collect();
    flags.push(("signer.epoch_entries", "1000"));
    let app = signer.app(&flags).await;
    assert!(!app.data().join("keys/log").exists(), "the server has no key of the log");
    let person = app.person(&[Role::Admin, Role::Messaging, Role::Compliance]).await;
    app.sign().await;
    let size = async || app.app.db.latest_checkpoint(1).await.expect("reads").expect("signed").size;
    let before = size().await;
    signer.stop();
    person.post("/messages", &[("to", "+14155552671"), ("text", "x")]).await.expect(303);
    app.app.db.settle().await.expect("settles");
    until("the signer is missed", async || app.app.keeper.stalled().borrow().is_some()).await;
    assert!(!app.app.db.in_fault(), "a signer that is away is no doubt");
    assert_eq!(app.get("/health").await.expect(200).json()["signer"], "waiting");
    person.get("/status").await.expect(200).says("The signer has not signed for");
    // What is shown outside ends with what was signed last.
    let dir = app.folder.path().join("export");
    assert_eq!(i64::try_from(countersign::trail::export::folder(&app.app.db, &dir).await.expect("exports").size), Ok(before));
    person.post("/audit/export", &[("format", "bundle")]).await;
    // A restart without it: nothing is in doubt, and acts go on.
    drop(person);
    let app = app.restart().await;
    assert!(!app.app.db.in_fault());
    let person = app.person(&[Role::Admin]).await;
    until("the signer is missed again", async || app.app.keeper.stalled().borrow().is_some()).await;
    assert_eq!(hooks.hits().iter().filter(|hit| hit.json()["type"] == "trail.unsigned").count(), 0, "not at once");
    app.advance(61);
    until("the alert", async || hooks.hits().iter().any(|hit| hit.json()["type"] == "trail.unsigned")).await;
    signer.start();
    until("what waited is signed", async || app.app.keeper.stalled().borrow().is_none()).await;
    assert_eq!(app.get("/health").await.expect(200).json()["signer"], "ok");
    app.sign().await;
    assert!(app.app.db.latest_checkpoint(1).await.expect("reads").expect("signed").size > before);
    let dir = app.folder.path().join("again");
    countersign::trail::export::folder(&app.app.db, &dir).await.expect("exports");
    let vkey = Vkey::parse(&app.app.keeper.signer().vkey(ORIGIN)).expect("a key");
    let report = bundle::directory(&dir, &vkey);
    assert_eq!((report.exit_code(), report.epochs), (0, Some(1)), "{}", report.to_text());
    drop(person);
    app.finish().await;
}

#[tokio::test]
async fn what_the_signer_remembers_otherwise_puts_the_trail_in_doubt() {
    let signer = TestSigner::new();
    let app = signer.app(&[]).await;
    app.sign().await;
    let person = app.person(&[Role::Messaging]).await;
    // Somebody with the server's rights has it sign another history that goes on from there; the database does not hold it.
    let remote = RemoteSigner::open(&signer.socket(), &app.data().join("signer"), false).await.expect("met");
    let (last, root) = remote.last(ORIGIN).await.expect("remembers").expect("signed");
    let made_up = countersign_audit::verify::tree::leaf_hash(b"made up");
    let mut frontier = countersign_audit::write::tree::Frontier::new();
    let rows: Vec<(Vec<u8>,)> = app.app.db.query("select leaf_hash from audit_chain where log = 1 order by seq limit 250").all().await.expect("reads");
    let mut hashes: Vec<[u8; 32]> = rows.into_iter().map(|(hash,)| hash.try_into().expect("32 bytes")).take(usize::try_from(last).expect("few")).collect();
    hashes.extend([made_up; 100]);
    hashes.iter().for_each(|hash| frontier.push(*hash));
    let size = hashes.len() as u64;
    let tiles = [((0_u8, 0_u64), hashes[..hashes.len().min(256)].to_vec())].into();
    assert!(size <= 255 && root != frontier.root());
    let proof = countersign_audit::write::proof::consistency(last, size, &tiles).expect("on hand");
    remote.sign(Claim { origin: ORIGIN.into(), size, root: frontier.root(), proof, end: None }).await.expect("it extends what was signed");
    person.post("/messages", &[("to", "+14155552671"), ("text", "x")]).await;
    until("the doubt", async || app.app.db.in_fault()).await;
    assert!(app.app.db.doubt().borrow().contains(&"signer"));
    assert_eq!(person.post("/messages", &[("to", "+14155552671"), ("text", "y")]).await.status.as_u16(), 503);
    drop(person);
    app.finish().await;
}

/// `countersign signer serve`; killed when dropped.
struct Served(Child);

impl Served {
    async fn start(data: &str, socket: &Path) -> Self {
        let uid = rustix::process::geteuid().as_raw().to_string();
        let mut command = program(&["signer", "serve", "--data", data, "--socket", &socket.display().to_string(), "--user", &uid]);
        let served = Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts"));
        until("the socket", async || tokio::net::UnixStream::connect(socket).await.is_ok()).await;
        served
    }

    fn kill(mut self) {
        self.0.kill().expect("can be killed");
        self.0.wait().expect("ends");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_program_takes_the_key_of_a_server_and_signs_for_it() {
    let mut site = Site::new();
    site.set("signer.epoch_entries", "5");
    let made = site.person(&[Role::Messaging], &["message.send", "message.list"]).await;
    site.serve().await.terminate().await;
    let before = site.run(&["keys", "vkey"]).expect(0);
    let (data, own, socket) = (site.data().display().to_string(), site.beside("own"), PathBuf::from(site.beside("socket")));
    let key = std::fs::read_to_string(site.data().join("keys/log")).expect("reads");
    // A server that runs is left alone; so is whatever lies in the way.
    finish(&mut program(&["signer", "adopt", "--data", &own])).expect(2);
    site.set("signer.socket", &socket.display().to_string());
    site.run(&["check"]).expect(1);
    site.run(&["serve"]).expect(2).says("the log's key still lies in");
    let older = std::fs::read_dir(site.data().join("signer")).expect("lists").map(|e| e.expect("lists").path()).find(|p| p.is_dir()).expect("a log");
    let memory = std::fs::read(older.join("state")).expect("reads");
    let adopted = finish(&mut program(&["signer", "adopt", "--data", &own, "--from", &data])).expect(0);
    assert!(adopted.out.contains("test.example/audit/1"), "{adopted:?}");
    // The server is left with nothing to sign with.
    assert!(!site.data().join("keys/log").exists());
    assert_eq!(std::fs::read_to_string(Path::new(&own).join("key")).expect("reads"), key);
    let secrets = grep(&site.data(), key.trim());
    assert!(secrets.is_empty(), "{secrets:?}");
    finish(&mut program(&["signer", "init", "other.example/audit/1", "--data", &own])).expect(2).says("never overwritten");
    let signer = Served::start(&own, &socket).await;
    finish(&mut program(&["signer", "serve", "--data", &own, "--user", "0"])).expect(2).says("stop it first");
    assert_eq!(site.run(&["keys", "vkey"]).expect(0).out, before.out, "the same key");
    let mut server = site.serve().await;
    let bearer = format!("Bearer {}", made.token);
    let send = |server: &crate::kill::Server, n: usize| {
        let body = serde_json::json!({ "to": "+14155552671", "text": format!("message {n}") }).to_string();
        server.ask("POST", "/api/v1/messages", &[("authorization", &bearer), ("idempotency-key", &format!("k-{n}"))], Some(&body)).status
    };
    assert_eq!(send(&server, 0), 202);
    // Killed in the middle, again and again: acts go on, and everything is signed in the end.
    let mut signer = Some(signer);
    for n in 1..6 {
        signer.take().expect("it runs").kill();
        assert_eq!(send(&server, n), 202);
        signer = Some(Served::start(&own, &socket).await);
        assert_eq!(send(&server, 100 + n), 202);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    server.kill();
    let mut server = site.serve().await;
    until("epochs end", async || {
        send(&server, usize::from(Rng::system().bytes::<4>()[0]) + 1000);
        shown(&own)["logs"][0]["epoch"].as_u64().is_some_and(|n| n >= 3)
    })
    .await;
    assert_eq!(server.terminate().await.0, Some(0));
    let out = site.beside("out");
    site.run(&["audit", "export", "--out", &out]).expect(0);
    let report = bundle::directory(Path::new(&out), &Vkey::parse(before.out.trim()).expect("a key"));
    assert_eq!(report.exit_code(), 0, "{}", report.to_text());
    assert!(report.epochs.is_some_and(|n| n >= 3), "{}", report.to_text());
    assert!(grep(&site.data(), key.trim()).is_empty());
    // An older memory that comes back, from a backup perhaps, takes no newer one's place.
    drop(signer);
    std::fs::create_dir(&older).expect("a folder");
    std::fs::write(older.join("state"), memory).expect("writes");
    std::fs::copy(Path::new(&own).join("key"), site.data().join("keys/log")).expect("copies");
    finish(&mut program(&["signer", "adopt", "--data", &own, "--from", &data])).expect(2).says("remembers this log already");
    // It lost its memory: it does not sign, and does not start.
    for entry in std::fs::read_dir(Path::new(&own).join("logs")).expect("lists") {
        std::fs::remove_file(entry.expect("lists").path().join("state")).expect("removed");
    }
    finish(&mut program(&["signer", "serve", "--data", &own, "--socket", &socket.display().to_string(), "--user", "0"])).expect(2).says("memory is gone");
}

#[tokio::test]
async fn another_origin_is_signed_only_when_the_signers_console_says_so() {
    let mut site = Site::bare();
    let (own, socket) = (site.beside("own"), PathBuf::from(site.beside("socket")));
    site.set("signer.socket", &socket.display().to_string());
    site.run(&["keys", "generate"]).expect(0);
    assert!(!site.data().join("keys/log").exists(), "a server with a signer makes no key of the log");
    finish(&mut program(&["signer", "init", ORIGIN, "--data", &own])).expect(0);
    let _signer = Served::start(&own, &socket).await;
    site.serve().await.terminate().await;
    let second = "test.example/audit/2";
    // The database is gone back: its tail is cut, so that the trail is in doubt.
    let conn = rusqlite::Connection::open(site.data().join("countersign.db")).expect("opens");
    conn.execute_batch("drop trigger audit_chain_delete; pragma foreign_keys = off; delete from audit_chain where seq = (select max(seq) from audit_chain)")
        .expect("cuts");
    drop(conn);
    site.run(&["audit", "verify"]).expect(1);
    site.run(&["audit", "new-origin", "--reason", "a test"]).expect(0);
    let logs = shown(&own)["logs"].as_array().expect("a list").clone();
    assert_eq!(logs.len(), 1, "nothing was signed for the second log: {logs:?}");
    let mut server = site.serve().await;
    assert!(server.ask("GET", "/health", &[], None).body.contains("\"trail\":\"ok\""));
    until("the signer is missed", async || server.ask("GET", "/health", &[], None).body.contains("\"signer\":\"waiting\"")).await;
    finish(&mut program(&["signer", "allow", second, "--data", &own])).expect(0);
    until("it is signed", async || shown(&own)["logs"].as_array().is_some_and(|l| l.iter().any(|l| l["origin"] == second && l["size"].as_u64() > Some(0))))
        .await;
    assert_eq!(server.terminate().await.0, Some(0));
}

fn shown(own: &str) -> serde_json::Value {
    finish(&mut program(&["signer", "show", "--json", "--data", own])).expect(0).json()
}

/// Files below `dir` that hold `text`.
fn grep(dir: &Path, text: &str) -> Vec<PathBuf> {
    let found = Command::new("grep").args(["-rlF", text]).arg(dir).output().expect("grep runs");
    String::from_utf8_lossy(&found.stdout).lines().map(PathBuf::from).collect()
}
