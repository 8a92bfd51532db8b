//! The bridge as a server and a phone see it: over real HTTP, with programs that behave like those of Termux, faults included.

#![expect(clippy::disallowed_methods, reason = "there is no runtime here")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

const NUMBER: &str = "+14155552671";
/// What stands for the phone: `mode` says how it behaves, `calls` what it was told, `rows` what its lists hold.
const SEND: &str = include_str!("programs/termux-sms-send");
const LIST: &str = include_str!("programs/termux-sms-list");
const BATTERY: &str = include_str!("programs/termux-battery-status");

struct Phone {
    folder: TempDir,
}

impl Phone {
    fn new() -> Self {
        let phone = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir(phone.programs()).expect("makes");
        for (name, text) in [("termux-sms-send", SEND), ("termux-sms-list", LIST), ("termux-battery-status", BATTERY)] {
            let path = phone.programs().join(name);
            fs::write(&path, text).expect("writes");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("sets");
        }
        phone.behaves("ok");
        phone
    }

    fn programs(&self) -> PathBuf {
        self.folder.path().join("programs")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn behaves(&self, mode: &str) {
        fs::write(self.programs().join("mode"), mode).expect("writes");
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.programs().join(name)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn run(&self, args: &[&str]) -> (bool, String) {
        let out = Command::new(env!("CARGO_BIN_EXE_countersign-phone")).arg("--data").arg(self.data()).args(args).output().expect("runs");
        (out.status.success(), String::from_utf8([out.stdout, out.stderr].concat()).expect("text"))
    }

    fn set_up(&self) -> String {
        let (ok, said) = self.run(&["setup"]);
        assert!(ok, "{said}");
        said.lines().next().and_then(|line| line.strip_prefix("key ")).expect("a key").to_owned()
    }

    fn serve(&self, key: &str) -> Bridge {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign-phone"));
        command.arg("--data").arg(self.data()).args(["serve", "--listen", "127.0.0.1:0", "--program-secs", "2", "--programs"]).arg(self.programs());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("reads");
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Bridge { child, address, key: key.to_owned() }
    }
}

struct Bridge {
    child: Child,
    address: String,
    key: String,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Bridge {
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: phone\r\nConnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        stream.write_all(&[text.as_bytes(), body.unwrap_or_default()].concat()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() })
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("X-API-Key", &self.key)], None).expect("an answer")
    }

    fn send(&self, id: &str, body: &Value) -> Option<Answer> {
        self.ask("POST", "/v1/messages", &[("X-API-Key", &self.key), ("Idempotency-Key", id)], Some(body.to_string().as_bytes()))
    }

    fn state(&self, id: &str) -> String {
        self.get(&format!("/v1/messages/{id}")).body["state"].as_str().unwrap_or("none").to_owned()
    }

    fn becomes(&self, id: &str, state: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.state(id) != state {
            assert!(Instant::now() < end, "{id} is {}, not {state}", self.state(id));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn text(text: &str) -> Value {
    json!({"to": NUMBER, "text": text})
}

#[test]
fn a_text_goes_to_the_phone_as_it_is_and_its_end_is_found_in_the_phones_list() {
    let phone = Phone::new();
    let bridge = phone.serve(&phone.set_up());
    let said = "-n +1\n$(reboot) `id` ; 'quoted' \"twice\" é 🙂";
    let answer = bridge.send("one", &text(said)).expect("an answer");
    assert_eq!((answer.status, &answer.body["state"]), (202, &json!("accepted")));
    bridge.becomes("one", "sent");
    assert_eq!(phone.lines("calls"), [json!({"args": ["-n", NUMBER], "text": said})]);
    let again = bridge.send("one", &text(said)).expect("an answer");
    assert_eq!((again.status, &again.body["state"]), (200, &json!("sent")));
    assert_eq!(bridge.send("one", &text("other")).expect("an answer").status, 409);
    bridge.send("two", &json!({"to": NUMBER, "text": "x", "sim": 1})).expect("an answer");
    bridge.becomes("two", "sent");
    assert_eq!(phone.lines("calls")[1]["args"], json!(["-n", NUMBER, "-s", "1"]));
}

#[test]
fn what_is_wrong_is_refused_with_a_reason_and_nothing_is_sent() {
    let phone = Phone::new();
    assert!(!phone.run(&["serve"]).0, "no key, no server");
    let bridge = phone.serve(&phone.set_up());
    for (id, body, status, code) in [
        ("a", json!({"to": "+14155552671,+14155552672", "text": "x"}), 422, "number"),
        ("a", json!({"to": "+1 415 555 2671", "text": "x"}), 422, "number"),
        ("a", json!({"to": NUMBER, "text": "  "}), 422, "text"),
        ("a", json!({"to": NUMBER, "text": "x".repeat(1601)}), 422, "text"),
        ("a", json!({"to": NUMBER, "text": "x", "sim": 9}), 422, "sim"),
        ("a", json!({"to": NUMBER, "text": "x", "valid_secs": 0}), 422, "valid_secs"),
        ("a", json!({"to": NUMBER, "text": "x", "more": 1}), 422, "body"),
        ("a", json!({"to": NUMBER}), 422, "body"),
        ("a b", text("x"), 422, "idempotency_key"),
        ("", text("x"), 422, "idempotency_key"),
    ] {
        let answer = bridge.send(id, &body).expect("an answer");
        assert_eq!((answer.status, &answer.body["error"]), (status, &json!(code)), "{id} {body}");
    }
    let key = [("X-API-Key", bridge.key.as_str()), ("Idempotency-Key", "a")];
    let big = bridge.ask("POST", "/v1/messages", &key, Some(&vec![b' '; 20_000])).expect("an answer");
    assert_eq!(big.status, 413);
    for headers in [&[][..], &[("X-API-Key", "")], &[("X-API-Key", &"0".repeat(64))]] {
        let answer = bridge.ask("GET", "/v1/health", headers, None).expect("an answer");
        assert_eq!((answer.status, &answer.body["error"]), (401, &json!("key")));
    }
    assert_eq!(bridge.get("/v1/messages/none").status, 404);
    assert_eq!(bridge.get("/nothing").status, 404);
    assert_eq!(bridge.ask("DELETE", "/v1/messages", &key, None).expect("an answer").status, 405);
    assert!(bridge.get("/v1/health").head.to_ascii_lowercase().contains("cache-control: no-store"));
    assert_eq!(phone.lines("calls"), Vec::<Value>::new());
}

#[test]
fn what_the_phone_does_not_say_is_unknown_and_is_not_tried_again() {
    let phone = Phone::new();
    let bridge = phone.serve(&phone.set_up());
    for (mode, state, reason) in [
        ("failed", "failed", Some("phone_failed")),
        ("silent", "handed_over", None),
        ("exit", "unknown", Some("program_failed")),
        ("hang", "unknown", Some("timeout")),
    ] {
        phone.behaves(mode);
        bridge.send(mode, &text(mode)).expect("an answer");
        bridge.becomes(mode, state);
        assert_eq!(bridge.get(&format!("/v1/messages/{mode}")).body["reason"].as_str(), reason, "{mode}");
    }
    // Sent, and then no word of it: the phone's list tells.
    phone.behaves("hang_after");
    bridge.send("late", &text("late")).expect("an answer");
    bridge.becomes("late", "sent");
    // One whose time is over when its turn comes: the one before takes the phone two seconds.
    phone.behaves("hang");
    bridge.send("slow", &text("slow")).expect("an answer");
    bridge.send("over", &json!({"to": NUMBER, "text": "over", "valid_secs": 1})).expect("an answer");
    bridge.becomes("over", "failed");
    assert_eq!(bridge.get("/v1/messages/over").body["reason"], json!("expired"));
    fs::remove_file(phone.programs().join("termux-sms-send")).expect("removes");
    bridge.send("gone", &text("gone")).expect("an answer");
    bridge.becomes("gone", "failed");
    assert_eq!(phone.lines("calls").len(), 6);
}

#[test]
fn a_key_is_exchanged_while_the_bridge_serves() {
    let phone = Phone::new();
    let key = phone.set_up();
    assert!(!phone.run(&["setup"]).0, "a key is not replaced by chance");
    let mut bridge = phone.serve(&key);
    let next = "ab".repeat(32);
    let set =
        |bridge: &Bridge, body: &str| bridge.ask("POST", "/v1/key", &[("X-API-Key", bridge.key.as_str())], Some(body.as_bytes())).expect("an answer").status;
    assert_eq!(set(&bridge, "{\"key\":\"short\"}"), 422);
    assert_eq!(set(&bridge, &json!({"key": next}).to_string()), 204);
    assert_eq!(bridge.get("/v1/health").status, 200, "the first counts until the second was used");
    let old = std::mem::replace(&mut bridge.key, next);
    assert_eq!(bridge.get("/v1/health").status, 200);
    bridge.key = old;
    assert_eq!(bridge.get("/v1/health").status, 401);
}

#[test]
fn health_and_inbox_say_what_the_phone_says() {
    let phone = Phone::new();
    let bridge = phone.serve(&phone.set_up());
    fs::write(
        phone.programs().join("rows"),
        (1..=3).map(|n| json!({"type": "inbox", "number": "+49151", "body": format!("in {n}")}).to_string() + "\n").collect::<String>(),
    )
    .expect("writes");
    let health = bridge.get("/v1/health").body;
    assert_eq!((&health["ok"], &health["phone"]["battery"]["percentage"], &health["phone"]["cells"]), (&json!(true), &json!(81), &Value::Null));
    let inbox = bridge.get("/v1/inbox?since=1&limit=1").body;
    assert_eq!(inbox, json!({"items": [{"row": 2, "from": "+49151", "text": "in 2", "received": "2026-11-22 10:00:00"}], "gap": false}));
    assert_eq!(bridge.get("/v1/inbox?limit=0").status, 422);
    fs::write(phone.programs().join("mute"), "").expect("writes");
    assert_eq!(bridge.get("/v1/inbox").status, 503);
}

/// Killed at any moment, again and again: no text is handed to the phone twice, and none that was accepted is forgotten.
#[test]
fn nothing_is_sent_twice_and_nothing_forgotten_when_it_is_killed() {
    let phone = Phone::new();
    let key = phone.set_up();
    let mut accepted = Vec::new();
    for round in 0..12_u64 {
        let bridge = phone.serve(&key);
        for n in 0..2 {
            let id = format!("m-{round}-{n}");
            if bridge.send(&id, &text(&id)).is_some_and(|answer| answer.status == 202) {
                accepted.push(id);
            }
        }
        // A spread of moments over the time that a text takes.
        std::thread::sleep(Duration::from_millis(round * 37 % 400));
    }
    let bridge = phone.serve(&key);
    // Android's own limit holds the later ones back for a minute.
    let end = Instant::now() + Duration::from_secs(150);
    let waits = |bridge: &Bridge| accepted.iter().any(|id| matches!(bridge.state(id).as_str(), "accepted" | "started"));
    while waits(&bridge) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(300));
    }
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in phone.lines("calls") {
        *calls.entry(call["text"].as_str().expect("a text").to_owned()).or_default() += 1;
    }
    assert!(calls.values().all(|n| *n == 1), "{calls:?}");
    assert!(accepted.len() > 12, "{}", accepted.len());
    for id in &accepted {
        let state = bridge.state(id);
        assert!(matches!(state.as_str(), "handed_over" | "sent" | "unknown"), "{id}: {state}");
        assert!(state == "unknown" || calls.contains_key(id), "{id}: {state}");
    }
    assert!(mode_of(&phone.data().join("journal")) == 0o600 && mode_of(&phone.data()) == 0o700);
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).expect("is there").permissions().mode() & 0o777
}
