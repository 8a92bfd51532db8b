//! The real program from its command line: what works without anything, what it refuses and how, and the ways of an operator.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use countersign::policy::Role;
use serde_json::{Value, json};

use crate::kill::{Out, Server, Site, finish, free_port, program, sqlite};

const ROLES: [&str; 6] = ["admin", "compliance", "contributor", "messaging", "intake", "assessor"];

/// A demonstration in a folder of its own, with the line it printed.
struct Demo {
    dir: tempfile::TempDir,
    server: Server,
    line: Value,
}

impl Demo {
    async fn new() -> Self {
        Self::on(tempfile::tempdir().expect("a temporary folder")).await
    }

    /// In a folder that may hold one from before.
    async fn on(dir: tempfile::TempDir) -> Self {
        let data = dir.path().join("data").display().to_string();
        let mut command = program(&["demo", "--json", "--listen", "127.0.0.1:0", "--data", &data]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
        let mut text = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut text).expect("a line");
        let line: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let port = line["url"].as_str().and_then(|u| u.rsplit(':').next()).and_then(|p| p.parse().ok()).expect("a port at the end of the url");
        Self { server: Server::up(child, port).await, dir, line }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn beside(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// A command on this folder.
    #[track_caller]
    fn run(&self, args: &[&str]) -> Out {
        finish(program(args).arg("--data").arg(self.data()))
    }

    fn of(&self, role: &str, key: &str) -> String {
        let people = self.line["people"].as_array().expect("people");
        let person = people.iter().find(|p| p["role"] == role).expect("one per role");
        person[key].as_str().expect("text").to_owned()
    }
}

/// A refusal is one sentence, perhaps with what it introduces or a hint on a second line, exit 2, and leaves no server behind.
#[track_caller]
fn refused(site: &Site, args: &[&str], sentence: &str) {
    let out = site.run(args).expect(2);
    assert!(out.out.is_empty() && out.err.starts_with("error: ") && out.err.lines().count() <= 2, "{out:?}");
    assert!(out.err.contains(sentence), "`{sentence}` is not in {}", out.err);
    assert!(TcpStream::connect(("127.0.0.1", site.port)).is_err() && !site.data().join("control.sock").exists(), "something was started");
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode can be set");
}

fn files(below: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(below).expect("a folder").filter_map(Result::ok) {
        if entry.path().is_dir() { out.extend(files(&entry.path())) } else { out.push(entry.path()) }
    }
    out.sort();
    out
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("reads");
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("writes");
}

/// The verifier: the program when it was built beside ours, else the library it consists of.
fn verify(dir: &str, vkey: &str) -> (i32, String) {
    let beside = Path::new(env!("CARGO_BIN_EXE_countersign")).with_file_name("countersign-verify");
    if beside.exists() {
        let out = finish(Command::new(beside).args([dir, "--key", vkey]).env_clear());
        return (out.code, out.out);
    }
    use countersign_audit::verify::{bundle, vkey::Vkey};
    let report = bundle::directory(Path::new(dir), &Vkey::parse(vkey).expect("a verifier key"));
    (report.exit_code().into(), report.to_text())
}

/// The entries of an export, in order.
fn leaves(dir: &str) -> Vec<Value> {
    let mut bundles = files(&Path::new(dir).join("tile/entries"));
    bundles.sort();
    let mut out = Vec::new();
    for path in bundles {
        let bytes = std::fs::read(path).expect("reads");
        let mut rest = bytes.as_slice();
        while let [high, low, tail @ ..] = rest {
            let (leaf, after) = tail.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            out.push(serde_json::from_slice(leaf).expect("a leaf is JSON"));
            rest = after;
        }
    }
    out.sort_by_key(|l: &Value| l["_seq"].as_u64());
    out
}

#[test]
fn what_needs_no_configuration_works_without() {
    let version = finish(&mut program(&["version"])).expect(0);
    assert!(version.out.starts_with(concat!("countersign ", env!("CARGO_PKG_VERSION"))), "{}", version.out);
    assert_eq!(finish(&mut program(&["version", "--json"])).expect(0).json()["version"], env!("CARGO_PKG_VERSION"));
    assert!(finish(&mut program(&["--help"])).expect(0).out.contains("Exit codes:"));
    assert!(finish(&mut program(&["config", "example"])).expect(0).out.contains("public_url"));
    assert!(finish(&mut program(&["openapi"])).expect(0).json()["paths"]["/api/v1/users"].is_object());
    finish(&mut program(&[])).expect(2);
    finish(&mut program(&["sreve"])).expect(2).says("serve");
}

#[test]
fn the_example_is_a_configuration() {
    let site = Site::bare();
    let file = site.beside("example.toml");
    std::fs::write(&file, finish(&mut program(&["config", "example"])).expect(0).out).expect("writes");
    finish(&mut program(&["config", "show", "--config", &file])).expect(0);
}

#[test]
fn an_unknown_setting_is_named_with_what_was_meant() {
    let mut site = Site::new();
    let file = site.beside("c.toml");
    std::fs::write(&file, "publik_url = \"https://x.example\"\n").expect("writes");
    refused(&site, &["serve", "--config", &file], "did you mean `public_url`");
    std::fs::write(&file, "[smtp]\nhots = \"x.example\"\n").expect("writes");
    refused(&site, &["serve", "--config", &file], "did you mean `smtp.host`");
    refused(&site, &["serve", "--config", &site.beside("absent.toml")], "cannot be read");
    site.set("publik_url", "https://x.example");
    refused(&site, &["serve"], "did you mean `COUNTERSIGN_PUBLIC_URL`");
}

#[test]
fn serve_refuses_with_one_sentence() {
    let mut site = Site::bare();
    refused(&site, &["serve"], "countersign keys generate");
    site.run(&["keys", "generate"]).expect(0);
    let key = site.data().join("keys/kek-1");
    mode(&key, 0o644);
    refused(&site, &["serve"], "can be read by others");
    mode(&key, 0o600);
    let url = format!("http://127.0.0.1:{}", site.port);
    site.settings.retain(|(k, _)| k != "public_url");
    refused(&site, &["serve"], "`public_url` is not set");
    site.set("public_url", "http://countersign.example.org");
    refused(&site, &["serve"], "https");
    site.set("public_url", &url);
    site.set("listen", "127.0.0.1:99999");
    refused(&site, &["serve"], "listen");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    site.set("listen", &taken.local_addr().expect("a port").to_string());
    refused(&site, &["serve"], "cannot listen on");
    assert!(!site.data().join("countersign.db").exists(), "no database is made by a server that does not start");
}

#[tokio::test]
async fn a_folder_is_held_by_one_server() {
    let mut site = Site::new();
    let mut server = site.serve().await;
    let first = site.port;
    site.run(&["healthcheck"]).expect(0);
    site.set("listen", &format!("127.0.0.1:{}", free_port()));
    site.run(&["healthcheck"]).expect(1);
    let second = site.run(&["serve"]).expect(2).says(&format!("pid {}", server.child.id()));
    assert_eq!(second.err.lines().filter(|l| l.starts_with("error: ")).count(), 1, "{}", second.err);
    // The refused one took nothing from the one that runs.
    assert_eq!(server.ask("GET", "/readyz", &[], None).status, 200);
    site.run(&["user", "list", "--json"]).expect(0);
    site.run(&["migrate"]).expect(2).says("stop it first");
    site.run(&["audit", "new-origin", "--reason", "x"]).expect(2).says("stop it first");
    site.set("listen", &format!("127.0.0.1:{first}"));
    let idle = TcpStream::connect(("127.0.0.1", first)).expect("connects");
    let (code, took) = server.terminate().await;
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "SIGTERM took {took:?}");
    drop(idle);
    assert!(!site.data().join("control.sock").exists());
    site.run(&["healthcheck"]).expect(1);
    // Without a server the console takes the lock itself.
    site.run(&["user", "list", "--json"]).expect(0);
    let begun = Instant::now();
    let _server = site.serve().await;
    println!("restart to the first 200: {} ms", begun.elapsed().as_millis());
}

#[test]
fn the_demonstration_stays_at_home() {
    let site = Site::new();
    let data = site.data().display().to_string();
    finish(&mut program(&["demo", "--listen", "0.0.0.0:0"])).expect(2).says("loopback");
    finish(&mut program(&["demo", "--listen", "127.0.0.1:0", "--data", &data])).expect(2).says("was not made by `countersign demo`");
    assert!(!site.data().join("demo").exists() && !site.data().join("countersign.db").exists());
}

#[tokio::test]
async fn the_demonstrations_line_is_as_documented() {
    let mut demo = Demo::new().await;
    let url = demo.line["url"].as_str().expect("text").to_owned();
    assert!(url.starts_with("http://127.0.0.1:") && !url.ends_with('/'), "{url}");
    assert_eq!(demo.line["data"], demo.data().display().to_string());
    assert_eq!(demo.run(&["keys", "vkey"]).expect(0).out.trim(), demo.line["vkey"].as_str().expect("text"));
    assert_eq!(demo.line.as_object().map(|o| o.keys().map(String::as_str).collect::<Vec<_>>()), Some(vec!["data", "people", "twilio", "url", "vkey"]));
    assert_eq!(demo.line["people"].as_array().map(Vec::len), Some(ROLES.len()));
    for role in ROLES {
        for key in ["username", "password", "totp_secret", "api_token", "sign_in_link"] {
            assert!(!demo.of(role, key).is_empty(), "{role} {key}");
        }
        let link = demo.of(role, "sign_in_link");
        let path = link.strip_prefix(&url).expect("below the url");
        let first = demo.server.ask("GET", path, &[], None);
        assert_eq!((first.status, first.head.contains("set-cookie: countersign=")), (303, true), "{role}: {}", first.head);
        assert_eq!(demo.server.ask("GET", path, &[], None).status, 404, "{role}: a link works once");
        let me = demo.server.get("/api/v1/me", &demo.of(role, "api_token"));
        assert_eq!(me.status, 200, "{role}: {}", me.body);
    }
    let status = |role: &str, path: &str| demo.server.get(path, &demo.of(role, "api_token")).status;
    for (role, path, other) in [
        ("admin", "/api/v1/users", "messaging"),
        ("compliance", "/api/v1/audit?limit=5", "contributor"),
        ("contributor", "/api/v1/evidence", "messaging"),
        ("messaging", "/api/v1/messages", "contributor"),
    ] {
        assert_eq!((status(role, path), status(other, path)), (200, 403), "{path}");
    }
    assert_eq!(demo.server.terminate().await.0, Some(0));
    // A server's command refuses the folder; another demonstration takes it again.
    let mut serve = program(&["serve", "--listen", &format!("127.0.0.1:{}", free_port()), "--data"]);
    let out = finish(serve.arg(demo.data()).env("COUNTERSIGN_PUBLIC_URL", "http://127.0.0.1:1"));
    out.expect(2).says("was made by `countersign demo`");
    let mut again = Demo::on(demo.dir).await;
    assert_eq!(again.of("admin", "password"), demo.line["people"][0]["password"]);
    let link = again.of("admin", "sign_in_link");
    let path = link.strip_prefix(again.line["url"].as_str().expect("text")).expect("below the url");
    assert_eq!(again.server.ask("GET", path, &[], None).status, 303);
    assert_eq!(again.server.get("/api/v1/me", &again.of("intake", "api_token")).status, 200);
    assert_eq!(again.server.terminate().await.0, Some(0));
}

#[tokio::test]
async fn console_acts_go_through_the_server_and_say_so() {
    let site = Site::new();
    let _server = site.serve().await;
    let made = site.run(&["user", "create", "kim.doe", "--name", "Kim Doe", "--role", "contributor", "--role", "messaging", "--json"]).expect(0).json();
    let id = made["id"].as_str().expect("an id").to_owned();
    assert!(made["link"].as_str().is_some_and(|l| l.starts_with(&format!("http://127.0.0.1:{}/link/", site.port))), "{made}");
    site.run(&["user", "create", "kim.doe", "--name", "Kim Doe", "--role", "contributor"]).expect(2);
    site.run(&["user", "create", "x.y", "--name", "X", "--role", "king"]).expect(2).says("king");
    site.run(&["user", "disable", "nobody.here"]).expect(2).says("there is nobody called `nobody.here`");
    let listed = |state: &str| {
        let people = site.run(&["user", "list", "--json"]).expect(0).json();
        assert_eq!(people[0]["state"], state, "{people}");
        assert_eq!((people[0]["id"].as_str(), people[0]["roles"].clone()), (Some(id.as_str()), json!(["contributor", "messaging"])));
    };
    for (act, key) in [("disable", "state"), ("enable", "state"), ("unlock", "unlocked"), ("reset-password", "link"), ("reset-totp", "totp")] {
        let done = site.run(&["user", act, "kim.doe", "--json"]).expect(0).json();
        assert!(done["username"] == "kim.doe" && !done[key].is_null(), "{act}: {done}");
        if act == "disable" {
            listed("disabled");
        }
    }
    let dir = site.beside("trail");
    let export = site.run(&["audit", "export", "--out", &dir, "--json"]).expect(0).json();
    let entries = leaves(&dir);
    assert_eq!(export["entries"].as_u64(), u64::try_from(entries.len()).ok());
    assert!(entries.iter().enumerate().all(|(n, l)| l["_seq"].as_u64() == u64::try_from(n).ok()));
    let by_console = |action: &str| entries.iter().any(|l| l["action"] == action && l["outcome"] == "ok" && l["actor"]["type"] == "console");
    for act in ["create", "disable", "enable", "unlock", "reset_password", "reset_totp"] {
        assert!(by_console(&format!("person.{act}")), "person.{act}: {entries:#?}");
    }
    let text = entries.iter().map(Value::to_string).collect::<String>();
    assert!(!text.contains("Kim Doe") && !text.contains("kim.doe"), "names are sealed beside the chain, not in it");
}

#[tokio::test]
async fn an_outsider_verifies_an_export_and_sees_what_was_changed() {
    let mut demo = Demo::new().await;
    let vkey = demo.line["vkey"].as_str().expect("text").to_owned();
    assert_eq!(demo.run(&["audit", "verify", "--json"]).expect(0).json()["findings"], json!([]));
    let export = |name: &str| {
        let dir = demo.beside(name);
        demo.run(&["audit", "export", "--out", &dir]).expect(0);
        dir
    };
    let (whole, flipped, headless) = (export("whole"), export("flipped"), export("headless"));
    assert_eq!(verify(&whole, &vkey).0, 0, "{}", verify(&whole, &vkey).1);
    demo.run(&["audit", "export", "--out", &whole]).expect(2);
    assert!(leaves(&headless).len() > leaves(&whole).len(), "an export is an entry");
    // One bit of the action of entry 3.
    let bundle = files(&Path::new(&flipped).join("tile/entries")).remove(0);
    let bytes = std::fs::read(&bundle).expect("reads");
    let third = bytes.windows(8).position(|w| w == b"\"_seq\":3").expect("entry 3");
    let action = third + bytes[third..].windows(10).position(|w| w == b"\"action\":\"").expect("an action") + 10;
    flip(&bundle, action);
    let (code, text) = verify(&flipped, &vkey);
    assert!(code == 1 && text.contains("entry 3"), "{code} {text}");
    std::fs::remove_file(Path::new(&headless).join("checkpoint")).expect("removes");
    assert_eq!(verify(&headless, &vkey).0, 2);
    // The installation itself: sound, until a blob can be read by others.
    assert_eq!(demo.server.terminate().await.0, Some(0));
    assert_eq!(demo.run(&["check", "--json"]).expect(0).json()["ok"], true);
    let blob = files(&demo.data().join("blobs")).remove(0);
    mode(&blob, 0o644);
    let out = demo.run(&["check"]).expect(1).says("can be reached by others");
    assert!(out.out.contains("chmod"), "{}", out.out);
    mode(&blob, 0o600);
    demo.run(&["check"]).expect(0);
}

#[tokio::test]
async fn after_a_cut_tail_only_reading_works_until_a_new_origin() {
    let site = Site::bare();
    let made = site.person(&[Role::Admin, Role::Messaging, Role::Compliance], &["message.send", "message.list", "audit.read"]).await;
    let mut server = site.serve().await;
    let message = json!({ "to": "+14155552671", "text": "hello" }).to_string();
    let bearer = format!("Bearer {}", made.token);
    let post = |server: &Server| server.ask("POST", "/api/v1/messages", &[("authorization", &bearer)], Some(&message));
    assert_eq!(post(&server).status, 202);
    assert_eq!(server.terminate().await.0, Some(0));
    site.run(&["check", "--full"]).expect(0);
    site.run(&["audit", "new-origin", "--reason", "no need"]).expect(2);
    let conn = rusqlite::Connection::open(site.data().join("countersign.db")).expect("opens");
    for sql in ["drop trigger audit_chain_delete", "delete from audit_chain where seq = (select max(seq) from audit_chain)"] {
        conn.execute(sql, []).expect("cuts");
    }
    drop(conn);
    let out = site.run(&["check"]).expect(1).says("finding: trail: the head disagrees");
    assert!(out.out.contains("audit new-origin"), "{}", out.out);
    site.run(&["audit", "verify"]).expect(1);
    let mut server = site.serve().await;
    let refused = post(&server);
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("integrity_fault")), "{}", refused.body);
    let page = server.ask("GET", "/", &[("cookie", &made.cookie)], None);
    assert!(page.status == 200 && page.body.contains("Until this is settled, only signing in, reading and exporting work"), "{} {}", page.head, page.body);
    assert_eq!(server.get("/api/v1/messages", &made.token).status, 200);
    site.run(&["user", "create", "kim.doe", "--name", "Kim", "--role", "admin"]).expect(2);
    // What the checkpoint covers is not all there, so an export cannot be whole; that it was asked for is on record.
    site.run(&["audit", "export", "--out", &site.beside("broken")]).expect(2).says("are there");
    assert!(std::fs::read_to_string(site.data().join("fault.log")).expect("a fault log").contains("trail.export"));
    assert_eq!(server.terminate().await.0, Some(0));
    let reason = "the disk was put back from an older copy";
    let gone_on = site.run(&["audit", "new-origin", "--reason", reason, "--json"]).expect(0).json();
    assert_eq!(gone_on["origin"], "test.example/audit/2");
    site.run(&["check"]).expect(0);
    site.run(&["audit", "verify"]).expect(0);
    let vkey = site.run(&["keys", "vkey", "--json"]).expect(0).json();
    assert_eq!(vkey["origin"], "test.example/audit/2");
    let server = site.serve().await;
    assert_eq!(post(&server).status, 202);
    let dir = site.beside("second");
    site.run(&["audit", "export", "--out", &dir]).expect(0);
    assert_eq!(verify(&dir, vkey["vkey"].as_str().expect("text")).0, 0);
    let entries = leaves(&dir);
    let first = &entries[0];
    assert_eq!((first["_seq"].as_u64(), first["action"].as_str(), first["log"].as_str()), (Some(0), Some("trail.new_origin"), Some("test.example/audit/2")));
    let detail = &first["data"];
    assert_eq!(detail["last_origin"], "test.example/audit/1", "{first}");
    assert!(detail["last_checkpoint_size"].as_i64().is_some_and(|n| n > 0) && detail["last_checkpoint_root"].is_string(), "{first}");
    assert!(detail["fault_log_sha256"].is_string() && !first.to_string().contains(reason), "{first}");
}

#[test]
fn a_data_folder_may_be_called_anything() {
    let mut site = Site::bare();
    site.set("data", &site.beside("a b%20c?d#e"));
    site.run(&["keys", "generate"]).expect(0);
    site.run(&["user", "list"]).expect(0);
    site.run(&["check"]).expect(0);
    assert!(Path::new(&site.beside("a b%20c?d#e/countersign.db")).exists());
}

#[test]
fn keys_are_never_overwritten_and_go_round() {
    let site = Site::new();
    let before: Vec<_> = files(&site.data().join("keys")).iter().map(|p| std::fs::read(p).expect("reads")).collect();
    site.run(&["keys", "generate"]).expect(2).says("never overwritten");
    let (good, bad, short, recovery) = (site.beside("good"), site.beside("bad"), site.beside("short"), site.beside("recovery.json"));
    for (path, text) in [(&good, "correct horse battery staple\n"), (&bad, "correct horse battery stable\n"), (&short, "short\n")] {
        std::fs::write(path, text).expect("writes");
    }
    site.run(&["keys", "export", "--out", &recovery, "--passphrase-file", &short]).expect(2).says("fewer than 20 characters");
    site.run(&["keys", "export", "--out", &recovery, "--passphrase-file", &good]).expect(0);
    site.run(&["keys", "export", "--out", &recovery, "--passphrase-file", &good]).expect(2).says("exists already");
    site.run(&["keys", "import", &recovery, "--passphrase-file", &good]).expect(2).says("never overwritten");
    for path in files(&site.data().join("keys")) {
        std::fs::remove_file(path).expect("removes");
    }
    site.run(&["keys", "import", &recovery, "--passphrase-file", &bad]).expect(2).says("the passphrase does not open this file");
    assert!(files(&site.data().join("keys")).is_empty());
    site.run(&["keys", "import", &recovery, "--passphrase-file", &good]).expect(0);
    let after: Vec<_> = files(&site.data().join("keys")).iter().map(|p| std::fs::read_to_string(p).expect("reads").trim().to_owned()).collect();
    let before: Vec<_> = before.iter().map(|b| String::from_utf8_lossy(b).trim().to_owned()).collect();
    assert_eq!(before, after);
    let check = site.run(&["check", "--json"]).expect(0).json();
    let recovered = check["checks"].as_array().and_then(|c| c.iter().find(|c| c["name"] == "recovery")).expect("a line");
    assert_eq!(recovered["state"], "ok");
    // A new key-encryption key: the recovery copy does not have it yet.
    let rotated = site.run(&["keys", "rotate"]).expect(0);
    assert!(rotated.out.contains("wrapped anew with `kek-2`"), "{rotated:?}");
    let check = site.run(&["check", "--json"]).expect(0).json();
    assert!(check["checks"].as_array().expect("lines").iter().any(|c| c["name"] == "recovery" && c["state"] == "warn"), "{check}");
    site.run(&["keys", "retire", "2"]).expect(2).says("is the newest key");
    site.run(&["keys", "retire", "1"]).expect(0);
    site.run(&["check"]).expect(0);
}

#[tokio::test]
async fn a_backup_is_verified_and_restored() {
    let demo = Demo::new().await;
    let (a, b, recovery, pass) = (demo.beside("a"), demo.beside("b"), demo.beside("recovery"), demo.beside("pass"));
    std::fs::write(&pass, "correct horse battery staple").expect("writes");
    demo.run(&["keys", "export", "--out", &recovery, "--passphrase-file", &pass]).expect(0);
    demo.run(&["backup", "create", "--out", &a, "--data-keys", &b]).expect(0);
    demo.run(&["backup", "create", "--out", &a]).expect(2).says("does not exist yet");
    let people = demo.run(&["user", "list", "--json"]).expect(0).json();
    assert_eq!(people.as_array().map(Vec::len), Some(ROLES.len()));
    finish(&mut program(&["backup", "verify", &a])).expect(0);
    finish(&mut program(&["backup", "verify", &b])).expect(0);
    for path in files(Path::new(&a)).iter().chain(&files(Path::new(&b))) {
        assert_eq!(path.metadata().expect("is there").permissions().mode() & 0o077, 0, "{}", path.display());
    }
    assert!(!files(Path::new(&a)).iter().any(|p| p.ends_with("kek-1") || p.ends_with("keys.db")), "no keys in a backup");
    let is_key = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("key-"));
    assert!(!files(Path::new(&a)).iter().any(|p| is_key(p)), "no keys of epochs in a backup");
    let blob = files(&Path::new(&a).join("blobs")).remove(0);
    for path in [blob, Path::new(&a).join("countersign.db")] {
        flip(&path, 20);
        finish(&mut program(&["backup", "verify", &a])).expect(1).says("is not what was backed up");
        finish(program(&["backup", "restore", &a, "--data-keys", &b, "--data"]).arg(demo.beside("never"))).expect(1);
        flip(&path, 20);
    }
    let restored = demo.beside("restored");
    let on = |args: &[&str]| finish(program(args).args(["--data", &restored]));
    on(&["backup", "restore", &a, "--data-keys", &b]).expect(0);
    on(&["check"]).expect(1).says("keys");
    on(&["keys", "import", &recovery, "--passphrase-file", &pass]).expect(0);
    // The keys of epochs were in no copy, so the trail goes on under a new origin.
    on(&["check"]).expect(1).says("the signer disagrees");
    on(&["audit", "new-origin", "--reason", "restored from a backup"]).expect(0);
    assert_eq!(on(&["check", "--full", "--json"]).expect(0).json()["ok"], true);
    assert_eq!(on(&["user", "list", "--json"]).expect(0).json(), people);
    on(&["check", "--full"]).expect(0);
    on(&["backup", "restore", &a]).expect(2).says("exists already");
    assert!(sqlite(Path::new(&restored)).ends_with("restored/countersign.db"));
}
