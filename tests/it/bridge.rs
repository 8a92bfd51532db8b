//! Messages by the phone bridge itself, with programs that stand for the telephone's: what is sent, what is not, what nobody
//! knows, and what comes in.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign::core::clock::MINUTE;
use countersign::messages::gateway::{self, Gateway};
use countersign::messages::phone::{self, Phone};
use countersign::messages::reconcile::{Absent, round};
use countersign::policy::Role;
use serde_json::{Value, json};

use crate::support::{TestApp, TestPerson};

const TO: &str = "+14155552671";

/// The bridge and its telephone.
struct Bridge {
    child: Child,
    folder: tempfile::TempDir,
    address: String,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_countersign")).with_file_name("countersign-phone");
    assert!(path.exists(), "build the whole workspace: {} is missing", path.display());
    path
}

fn serve(folder: &Path, listen: &str) -> (Child, String) {
    let mut command = Command::new(program());
    command.arg("--data").arg(folder.join("data")).args(["serve", "--listen", listen, "--program-secs", "2", "--programs"]).arg(folder.join("programs"));
    let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("reads");
    let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}")).to_owned();
    (child, address)
}

impl Bridge {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).expect("makes");
        for name in ["termux-sms-send", "termux-sms-list", "termux-battery-status"] {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("phone/tests/programs").join(name);
            fs::copy(from, programs.join(name)).expect("copies");
            fs::set_permissions(programs.join(name), fs::Permissions::from_mode(0o755)).expect("sets");
        }
        let out = Command::new(program()).arg("--data").arg(folder.path().join("data")).arg("setup").output().expect("runs");
        let said = String::from_utf8(out.stdout).expect("text");
        let key = said.lines().next().and_then(|line| line.strip_prefix("key ")).expect("a key");
        fs::write(folder.path().join("key"), key).expect("writes");
        fs::set_permissions(folder.path().join("key"), fs::Permissions::from_mode(0o600)).expect("sets");
        fs::write(programs.join("mode"), "ok").expect("writes");
        let (child, address) = serve(folder.path(), "127.0.0.1:0");
        Self { child, folder, address }
    }

    fn flags(&self) -> Vec<(String, String)> {
        let key = self.folder.path().join("key").display().to_string();
        [("phone.url", format!("http://{}", self.address)), ("phone.key_file", key), ("default_region", "US".into())].map(|(k, v)| (k.to_owned(), v)).into()
    }

    fn behaves(&self, mode: &str) {
        fs::write(self.folder.path().join("programs/mode"), mode).expect("writes");
    }

    fn rows(&self, rows: &[Value]) {
        let text: String = rows.iter().map(|row| row.to_string() + "\n").collect();
        fs::write(self.folder.path().join("programs/rows"), text).expect("writes");
    }

    fn calls(&self) -> usize {
        fs::read_to_string(self.folder.path().join("programs/calls")).unwrap_or_default().lines().count()
    }
}

async fn with_phone(test: impl AsyncFnOnce(&TestApp, &mut Bridge)) {
    let mut bridge = Bridge::start();
    let flags = bridge.flags();
    let flags: Vec<(&str, &str)> = flags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let app = TestApp::new(&flags).await;
    test(&app, &mut bridge).await;
    app.finish().await;
}

async fn send(person: &TestPerson<'_>, text: &str) -> String {
    let sent = person.post("/messages", &[("to", TO), ("text", text)]).await.expect(303);
    sent.location().trim_start_matches("/messages/").to_owned()
}

async fn stands(app: &TestApp, id: &str) -> (String, Option<String>, Option<String>) {
    let found = app.app.db.query("select state, reason, provider_status from message where id = $1").bind(id).optional().await.expect("reads");
    found.expect("a message")
}

async fn until(app: &TestApp, id: &str, state: &str) -> Option<String> {
    for _ in 0..2400 {
        let (now, reason, _) = stands(app, id).await;
        if now == state {
            return reason;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{id} should be {state}: {:?}", stands(app, id).await);
}

#[tokio::test]
async fn a_message_goes_by_the_telephone_and_what_it_does_not_say_is_unknown() {
    with_phone(async |app, bridge| {
        let person = app.person(&[Role::Messaging]).await;
        let phone = Phone::set_up(&app.app.db, &app.app.config).expect("a client").expect("a bridge");
        let sent = send(&person, "hello").await;
        assert_eq!(until(app, &sent, "accepted").await, None);
        person.get(&format!("/messages/{sent}")).await.expect(200).says("Phone bridge");
        // The telephone's list says it a little later, and the server asks.
        let mut last = 0;
        for _ in 0..600 {
            phone::round(&app.app, &phone, &mut last).await.expect("asks");
            if stands(app, &sent).await.2.as_deref() == Some("sent") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(stands(app, &sent).await.2.as_deref(), Some("sent"));
        bridge.behaves("exit");
        let unclear = send(&person, "unclear").await;
        assert_eq!(until(app, &unclear, "unknown").await.as_deref(), Some("phone_program_failed"));
        fs::remove_file(bridge.folder.path().join("programs/termux-sms-send")).expect("removes");
        let gone = send(&person, "gone").await;
        assert_eq!(until(app, &gone, "rejected").await.as_deref(), Some("phone_no_program"));
        assert_eq!(bridge.calls(), 2);
        // It stays unknown, however often it is asked, and goes out no more.
        let gateways = gateway::set_up(&app.app.db, &app.app.config).expect("gateways");
        let gateways: Vec<&dyn Gateway> = gateways.iter().map(AsRef::as_ref).collect();
        let mut absent = Absent::default();
        for _ in 0..3 {
            app.clock.advance(20 * MINUTE);
            assert_eq!(round(&app.app.db, &app.app.policy, &gateways, &mut absent).await.expect("asks"), 0);
        }
        assert_eq!((stands(app, &unclear).await.0.as_str(), bridge.calls()), ("unknown", 2));
    })
    .await;
}

#[tokio::test]
async fn a_bridge_that_is_away_took_nothing_and_one_with_another_key_takes_nothing() {
    with_phone(async |app, bridge| {
        let person = app.person(&[Role::Messaging]).await;
        bridge.child.kill().expect("kills");
        bridge.child.wait().expect("ends");
        let id = send(&person, "hello").await;
        for _ in 0..2400 {
            if stands(app, &id).await == ("queued".into(), Some("no_connection".into()), None) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        assert_eq!(stands(app, &id).await.1.as_deref(), Some("no_connection"));
        let data = bridge.folder.path().join("data");
        let out = Command::new(program()).arg("--data").arg(&data).args(["setup", "--anew"]).output().expect("runs");
        assert!(out.status.success());
        (bridge.child, _) = serve(bridge.folder.path(), &bridge.address);
        // Its next turn is a matter of the clock.
        app.clock.advance(60 * MINUTE);
        app.app.work.notify_waiters();
        assert_eq!(until(app, &id, "rejected").await.as_deref(), Some("phone_key"));
        assert_eq!(bridge.calls(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_comes_in_by_the_telephone_is_kept_once_and_a_stop_is_obeyed() {
    with_phone(async |app, bridge| {
        let inbox = |number: &str, body: &str| json!({"type": "inbox", "number": number, "body": body});
        bridge.rows(&[inbox("(415) 555-2671", "STOP"), inbox("+14155552672", "hello"), inbox("ACME", "buy")]);
        let phone = Phone::set_up(&app.app.db, &app.app.config).expect("a client").expect("a bridge");
        for _ in 0..2 {
            // As after a restart: from the first row.
            phone::round(&app.app, &phone, &mut 0).await.expect("asks");
        }
        let kept: i64 = app.app.db.query("select count(*) from inbound_event").scalar().await.expect("reads");
        assert_eq!(kept, 3);
        let person = app.person(&[Role::Messaging]).await;
        let refused = person.post("/messages", &[("to", TO), ("text", "x")]).await;
        assert_eq!(refused.status.as_u16(), 422);
        assert_eq!(bridge.calls(), 0);
    })
    .await;
}

#[tokio::test]
async fn an_administrator_gives_the_bridge_a_new_key_that_nobody_sees() {
    with_phone(async |app, bridge| {
        let (admin, person) = (app.person(&[Role::Admin]).await, app.person(&[Role::Messaging]).await);
        let health = async |key: &str| {
            let client = countersign::client::new(Duration::from_secs(10), 0).expect("a client");
            let answer = client.get(format!("http://{}/v1/health", bridge.address)).header("x-api-key", key).send().await.expect("answers");
            answer.status().as_u16()
        };
        let old = fs::read_to_string(bridge.folder.path().join("key")).expect("reads");
        assert_eq!(health(&old).await, 200);
        admin.post("/admin/gateways/phone/rotate", &[("version", "0")]).await.expect(303);
        let sent = send(&person, "hello").await;
        assert_eq!(until(app, &sent, "accepted").await, None);
        assert_eq!(health(&old).await, 401, "from the first use of the new one the old one counts no more");
        // And by the one it knows now, once more.
        admin.post("/admin/gateways/phone/rotate", &[("version", "1")]).await.expect(303);
        let again = send(&person, "again").await;
        assert_eq!(until(app, &again, "accepted").await, None);
        assert_eq!(app.db_actions().await.iter().filter(|a| *a == "gateway.secret ok").count(), 2);
    })
    .await;
}
