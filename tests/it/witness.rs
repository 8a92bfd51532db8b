//! Witnesses: what they confirm, what becomes of one that fails, and what they catch.

use std::path::Path;

use countersign::core::clock::{Clock, SECOND};
use countersign::core::folder::DataFolder;
use countersign::cosign::Standing;
use countersign::db::cosignature::CosignatureRow;
use countersign::db::integrity;
use countersign::policy::Role;
use countersign::vault::KeyRing;
use countersign_audit::verify::checkpoint::Checkpoint;
use countersign_audit::verify::cosign::cosignatures;
use countersign_audit::verify::policy::Policy;
use countersign_audit::verify::vkey::Vkey;
use countersign_audit::write::checkpoint::{SigningKey, body};

use crate::kill::{Server, finish, free_port, program};
use crate::support::app::{NOON, on_postgres};
use crate::support::hooks::FakeHooks;
use crate::support::witness::{Fault, TestWitness, policy_file};
use crate::support::{TestApp, TestPerson};

const ORIGIN: &str = "test.example/audit/1";

/// An installation whose trail these witnesses watch, `k` of them making the quorum.
async fn watched_by(witnesses: &[&TestWitness], k: usize, more: &[(&str, &str)]) -> (TestApp, tempfile::TempDir) {
    let (folder, path) = policy_file(witnesses, k);
    let path = path.display().to_string();
    let mut flags = vec![("witness.policy", path.as_str()), ("witness.period_secs", "3600")];
    flags.extend(more);
    let app = TestApp::new(&flags).await;
    // The server asks by itself once when it starts; a witness that knew the log by then would confirm at a time nobody chose.
    let mut standing = app.app.cosigner.as_ref().expect("there are witnesses").standing();
    standing.wait_for(|standing| standing.witnesses == witnesses.len()).await.expect("the first round ends");
    for witness in witnesses {
        witness.book.trust(&vkey(&app)).expect("trusted");
    }
    (app, folder)
}

fn vkey(app: &TestApp) -> String {
    app.app.keeper.signer().vkey(ORIGIN)
}

/// Signs what there is and asks the witnesses.
async fn round(app: &TestApp) -> Standing {
    app.sign().await;
    let cosigner = app.app.cosigner.as_ref().expect("there are witnesses");
    cosigner.round().await.expect("asks");
    cosigner.standing().borrow().clone()
}

async fn size(app: &TestApp) -> i64 {
    app.app.db.head(1).await.expect("reads").expect("a head").size
}

async fn states(app: &TestApp) -> Vec<String> {
    app.app.db.witnesses(1).await.expect("reads").into_iter().map(|row| row.state).collect()
}

/// A checkpoint by whoever holds the log's key.
fn forged(app: &TestApp, size: u64, root: [u8; 32]) -> String {
    let data = DataFolder::open(&app.data(), false).expect("opens");
    let key = SigningKey::from_seed(&KeyRing::read(&data.keys()).expect("keys").log_seed().expect("a key"));
    key.sign_note(ORIGIN, &body(ORIGIN, size, &root)).expect("signs")
}

#[tokio::test]
async fn a_quorum_confirms_the_trail_and_everything_shown_outside_carries_it() {
    let clock = Clock::fixed(NOON);
    let (a, b, c) = (TestWitness::start("a", &clock).await, TestWitness::start("b", &clock).await, TestWitness::start("c", &clock).await);
    let (app, _folder) = watched_by(&[&a, &b, &c], 2, &[]).await;
    let person = app.person(&[Role::Compliance]).await;
    c.fails(Fault::Says(503, String::new()));
    let standing = round(&app).await;
    let confirmed = standing.confirmed.expect("two of three are enough");
    assert_eq!((confirmed.size, confirmed.by, standing.witnesses, standing.unwitnessed, standing.stale), (size(&app).await, 2, 3, 0, false));
    assert_eq!(confirmed.at, NOON);
    // The third comes later; nobody is asked twice for the same.
    assert_eq!(round(&app).await.confirmed.expect("still").by, 3);
    for witness in [&a, &b, &c] {
        witness.fails(Fault::Says(500, String::new()));
    }
    assert_eq!(round(&app).await.confirmed.expect("still").by, 3);
    // The checkpoint that strangers fetch, with the policy that tells them whom to believe.
    let note = app.get("/log/checkpoint").await.expect(200).text();
    let policy = Policy::parse(&app.get("/log/policy").await.expect(200).text()).expect("a policy");
    assert_eq!(policy.log_key(ORIGIN).map(Vkey::name), Some(ORIGIN));
    let keys: Vec<_> = policy.witnesses().iter().map(|w| w.key().clone()).collect();
    assert_eq!(cosignatures(note.as_bytes(), &keys).expect("verify").len(), 3);
    assert!(policy.is_met(&["a.example", "c.example"].into()) && !policy.is_met(&["a.example"].into()));
    Checkpoint::open(note.as_bytes(), &Vkey::parse(&vkey(&app)).expect("a key")).expect("the log's own signature stands first");
    // A proof of one entry too.
    let proof = person.get("/audit/0/proof").await.expect(200).text();
    assert_eq!(proof.matches("\u{2014} ").count(), 4, "{proof}");
    person.get("/").await.expect(200).says("Countersigned by 3 of 3 witnesses");
    app.finish().await;
}

#[tokio::test]
async fn what_a_quorum_confirmed_is_found_again_behind_all_that_one_witness_signed_since() {
    let clock = Clock::fixed(NOON);
    let (a, b) = (TestWitness::start("a", &clock).await, TestWitness::start("b", &clock).await);
    let (app, _folder) = watched_by(&[&a, &b], 2, &[]).await;
    let confirmed = round(&app).await.confirmed.expect("both").size;
    let own = app.app.db.cosignatures(1, confirmed).await.expect("reads").remove(0);
    let since: Vec<_> = (1..=2_500).map(|n| CosignatureRow { size: confirmed + n, ..own.clone() }).collect();
    app.app.db.keep_round(1, &since, &[]).await.expect("keeps");
    let app = app.restart().await;
    let standing = app.app.cosigner.as_ref().expect("there are witnesses").standing();
    assert_eq!(standing.borrow().confirmed.expect("found").size, confirmed);
    app.finish().await;
}

#[tokio::test]
async fn each_fault_of_a_witness_is_told_and_harms_nothing() {
    let clock = Clock::fixed(NOON);
    let witness = TestWitness::start("w", &clock).await;
    let (app, _folder) = watched_by(&[&witness], 1, &[]).await;
    app.sign().await;
    let other = TestWitness::start("w", &clock).await;
    other.book.trust(&vkey(&app)).expect("trusted");
    let note = app.get("/log/checkpoint").await.expect(200).text();
    let asked = countersign::witness::Asked { old: 0, proof: Vec::new(), note: note.as_bytes() };
    let countersign::witness::Answer::Cosigned(strange) = other.book.add(&asked).await.expect("answers") else { panic!("it countersigns") };
    let cases = [
        (Fault::Says(500, "x".into()), "server_error"),
        (Fault::Says(403, "x".into()), "key_not_trusted"),
        (Fault::Says(404, "x".into()), "log_not_watched"),
        (Fault::Says(400, "x".into()), "refused"),
        (Fault::Says(429, "x".into()), "refused"),
        (Fault::Says(200, String::new()), "bad_signature"),
        (Fault::Says(200, "not a signature\n".into()), "bad_signature"),
        // Another key under the same name.
        (Fault::Says(200, strange), "bad_signature"),
        (Fault::Says(409, "many\n".into()), "bad_answer"),
        (Fault::Says(409, "-1\n".into()), "bad_answer"),
        (Fault::Huge, "bad_answer"),
        (Fault::Redirect, "refused"),
        // It says that it stands where it was met.
        (Fault::Says(409, "0\n".into()), "behind"),
    ];
    for (fault, class) in cases {
        witness.fails(fault.clone());
        let standing = round(&app).await;
        assert_eq!(states(&app).await, [class], "{fault:?}");
        // The round that the server makes by itself may have had the empty log confirmed.
        assert_eq!(standing.confirmed.map_or(0, |confirmed| confirmed.size), 0, "{fault:?}");
        assert!(!app.app.db.in_fault(), "{fault:?}");
    }
    // A clock that is far from ours.
    app.advance(3600);
    round(&app).await;
    assert_eq!(states(&app).await, ["clocks_apart"]);
    app.advance(-3600);
    assert_eq!(round(&app).await.confirmed.expect("in the end").by, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_witness_that_saw_more_than_is_here_puts_the_trail_in_doubt() {
    let witness = TestWitness::start("w", &Clock::fixed(NOON)).await;
    let (app, _folder) = watched_by(&[&witness], 1, &[]).await;
    let person = app.person(&[Role::Messaging]).await;
    witness.show(&forged(&app, 100_000, [1; 32])).await;
    round(&app).await;
    assert!(app.app.db.in_fault());
    assert_eq!(states(&app).await, ["ahead"]);
    assert!(app.app.db.doubt().borrow().contains(&"witness"));
    assert_eq!(person.post("/messages", &[("to", "+14155552671"), ("text", "x")]).await.status.as_u16(), 503);
    app.finish().await;
}

#[tokio::test]
async fn another_history_of_the_same_size_puts_the_trail_in_doubt_and_is_kept_as_evidence() {
    let witness = TestWitness::start("w", &Clock::fixed(NOON)).await;
    let (app, _folder) = watched_by(&[&witness], 1, &[]).await;
    app.sign().await;
    let size = u64::try_from(size(&app).await).expect("a size");
    witness.show(&forged(&app, size, [1; 32])).await;
    round(&app).await;
    assert!(app.app.db.in_fault());
    assert_eq!(states(&app).await, ["contradicts"]);
    let forks = witness.watched().forks;
    assert_eq!(forks.len(), 1);
    let shown = std::fs::read_to_string(forks[0].folder.join("shown")).expect("kept");
    assert!(app.get("/log/checkpoint").await.text().starts_with(&shown), "the evidence is what this server signed");
    app.finish().await;
}

#[tokio::test]
async fn an_old_backup_put_back_is_caught_though_every_part_of_it_agrees() {
    if on_postgres() {
        // The folder is only a part of it there; the case of a witness that saw more covers it.
        return;
    }
    let clock = Clock::fixed(NOON);
    let witness = TestWitness::start("w", &clock).await;
    let (mut app, _folder) = watched_by(&[&witness], 1, &[]).await;
    round(&app).await;
    app.installation.take().expect("open").close().await;
    let backup = app.folder.path().join("backup");
    copy(&app.data(), &backup);
    // The day goes on, and the witness sees it.
    let app = app.restart_closed().await;
    let person = app.person(&[Role::Messaging]).await;
    person.post("/messages", &[("to", "+14155552671"), ("text", "x")]).await.expect(303);
    let before = round(&app).await.confirmed.expect("confirmed").size;
    let mut app = app;
    app.installation.take().expect("open").close().await;
    // Somebody puts yesterday back, all of it, and works on until the log is as long again.
    std::fs::remove_dir_all(app.data()).expect("removes");
    copy(&backup, &app.data());
    let app = app.restart_closed().await;
    assert!(!app.app.db.in_fault(), "inside, nothing is wrong");
    round(&app).await;
    assert!(size(&app).await < before);
    assert!(app.app.db.in_fault(), "the witness remembers");
    // It stays so after a restart, before anybody is asked again; and there is a lawful way on.
    let app = app.restart().await;
    assert!(app.app.db.in_fault());
    let found = integrity::compare(&app.app.db, &app.app.keeper).await.expect("compares");
    assert!(matches!(found.as_slice(), [one] if one.part == "witness" && one.what.contains("w.example")), "{found:?}");
    let app = app.new_origin().await;
    clock.advance(app.app.db.clock().now() - clock.now());
    witness.book.trust(&app.app.keeper.signer().vkey("test.example/audit/2")).expect("trusted");
    assert!(!app.app.db.in_fault());
    assert_eq!(round(&app).await.confirmed.expect("the new log").by, 1);
    app.finish().await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").filter_map(Result::ok) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).expect("copies");
        }
    }
}

/// Waits until a message was delivered, which no lease of an earlier try holds up.
async fn delivered(person: &TestPerson<'_>, page: &str) {
    for _ in 0..200 {
        if person.get(page).await.expect(200).text().contains("Sandbox took it") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the message was not delivered");
}

#[tokio::test]
async fn without_a_quorum_for_too_long_the_chosen_consequence_holds_until_one_confirms() {
    for (consequence, stopped) in [("stop_admin", "invite"), ("stop_sends", "send"), ("warn", "nothing")] {
        let clock = Clock::fixed(NOON);
        let (witness, hooks) = (TestWitness::start("w", &clock).await, FakeHooks::start().await);
        let told = hooks.flags();
        let mut flags: Vec<(&str, &str)> = told.iter().map(|(k, v)| (*k, v.as_str())).collect();
        flags.extend([("witness.consequence", consequence), ("witness.unwitnessed_secs_max", "600"), ("sandbox.enabled", "true")]);
        let (app, _folder) = watched_by(&[&witness], 1, &flags).await;
        let person = app.person(&[Role::Admin, Role::Messaging]).await;
        assert!(!round(&app).await.stale);
        person.post("/messages", &[("to", "+14155552671"), ("text", "x")]).await.expect(303);
        app.sign().await;
        witness.fails(Fault::Says(500, String::new()));
        app.advance(599);
        assert!(!round(&app).await.stale);
        app.advance(2);
        clock.advance(601 * SECOND);
        witness.fails(Fault::Says(500, String::new()));
        assert!(round(&app).await.stale);
        let hit = hooks.wait_for(1).await.remove(0).json();
        assert_eq!((hit["type"].as_str(), hit["data"]["origin"].as_str()), (Some("trail.unwitnessed"), Some(ORIGIN)));
        // Signed in a moment ago, so that only the witness is missing.
        let person = app.person(&[Role::Admin, Role::Messaging]).await;
        let invited = [("username", "new.person"), ("display_name", "New"), ("email", ""), ("roles", "messaging")];
        let invite = person.post("/admin/users/invite", &invited).await;
        let send = person.post("/messages", &[("to", "+14155552671"), ("text", "y")]).await;
        let statuses = (invite.status.as_u16(), send.status.as_u16());
        let wanted = match stopped {
            "invite" => (503, 303),
            "send" => (200, 503),
            _ => (200, 303),
        };
        assert_eq!(statuses, wanted, "{consequence}");
        person.get("/").await.expect(200).says("That is too long ago");
        person.get("/audit").await;
        app.stranger().get("/login").await.expect(200);
        // Back again: confirmed, and the next time is told anew.
        assert!(!round(&app).await.stale);
        let again = [("username", "other.person"), ("display_name", "Other"), ("email", ""), ("roles", "messaging")];
        person.post("/admin/users/invite", &again).await.expect(200);
        let sent = person.post("/messages", &[("to", "+14155552671"), ("text", "z")]).await.expect(303).location().to_owned();
        delivered(&person, &sent).await;
        app.finish().await;
    }
}

#[tokio::test]
async fn too_many_entries_without_a_quorum_are_too_many() {
    let witness = TestWitness::start("w", &Clock::fixed(NOON)).await;
    let (app, _folder) = watched_by(&[&witness], 1, &[("witness.unwitnessed_entries_max", "5")]).await;
    let person = app.person(&[Role::Admin]).await;
    assert!(!round(&app).await.stale);
    let names = ["a.b", "c.d", "e.f", "g.h", "i.j", "k.l"];
    for name in names {
        let fields = [("username", name), ("display_name", "New"), ("email", ""), ("roles", "messaging")];
        person.post("/admin/users/invite", &fields).await.expect(200);
    }
    witness.fails(Fault::Says(500, String::new()));
    assert!(round(&app).await.stale);
    assert!(!round(&app).await.stale);
    app.finish().await;
}

#[tokio::test]
async fn a_sign_of_life_holds_what_witnesses_confirmed_and_tells_of_a_clock_that_was_set() {
    let witness = TestWitness::start("w", &Clock::fixed(NOON)).await;
    let (app, _folder) = watched_by(&[&witness], 1, &[("trail.heartbeat_secs", "1")]).await;
    let confirmed = round(&app).await.confirmed.expect("confirmed").size;
    let note = app.app.db.cosigned(1, &app.app.db.covering_checkpoint(1, confirmed - 1).await.expect("reads").expect("kept")).await.expect("reads");
    // The standing clock is set by an hour; the one that is not set goes on.
    app.advance(3600);
    let mut beats: Vec<serde_json::Value> = Vec::new();
    for _ in 0..200 {
        app.app.db.settle().await.expect("settles");
        let found: Vec<(Vec<u8>,)> =
            app.app.db.query("select body from audit_event where action = 'server.heartbeat' order by id limit 9").all().await.expect("reads");
        beats = found.iter().map(|(body,)| serde_json::from_slice(body).expect("JSON")).collect();
        let stepped = beats.iter().any(|b| b["data"]["clock_step_us"].as_i64().is_some_and(|step| step > 3_000 * SECOND));
        if stepped && beats.iter().any(|b| b["data"]["anchor_size"].as_i64() == Some(confirmed)) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let beat = beats.iter().find(|b| b["data"]["anchor_size"].as_i64() == Some(confirmed)).expect("a sign of life");
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(note));
    assert_eq!(beat["data"]["anchor_sha256"].as_str(), Some(hash.as_str()));
    assert!(beats.iter().any(|b| b["data"]["clock_step_us"].as_i64().is_some_and(|step| (3_590..3_610).contains(&(step / SECOND)))), "{beats:?}");
    assert_eq!((beat["actor"]["type"].as_str(), beat["category"].as_str()), (Some("system"), Some("system")));
    app.finish().await;
}

#[tokio::test]
async fn a_policy_that_cannot_work_stops_the_start() {
    let witness = TestWitness::start("w", &Clock::fixed(NOON)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("witnesses");
    let line = witness.line();
    let no_url = format!("witness w {}\nquorum w\n", witness.book.vkey());
    let far = line.replace("http://127.0.0.1", "http://witness.example");
    for (text, says) in [
        ("quorum none\n".to_owned(), "at least one witness"),
        (format!("{line}quorum none\n"), "asks for no witness"),
        (no_url, "has no address"),
        (format!("{far}quorum w.example\n"), "https://"),
        ("nonsense\n".to_owned(), "line 1"),
    ] {
        std::fs::write(&path, &text).expect("writes");
        let flags = vec![("witness.policy".to_owned(), path.display().to_string()), ("data".to_owned(), "/nonexistent".to_owned())];
        let inputs = countersign::config::Inputs { flags, ..Default::default() };
        let faults = countersign::config::Config::load(&inputs).expect_err("refused").to_string();
        assert!(faults.contains(says) && faults.contains("witness.policy"), "{faults}");
    }
}

#[tokio::test]
async fn the_program_is_a_witness_from_its_command_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| finish(program(&["witness"]).args(args).arg("--data").arg(dir.path().join("w")));
    assert_eq!(finish(&mut program(&["witness", "show"])).code, 2);
    assert_eq!(run(&["show"]).code, 2);
    let made = run(&["init", "--name", "w.example"]);
    let own = made.out.trim().to_owned();
    assert!(made.code == 0 && own.starts_with("w.example+"), "{made:?}");
    assert_eq!(run(&["init", "--name", "w.example"]).code, 2);
    let key = SigningKey::from_seed(&[3; 32]);
    assert_eq!(run(&["trust", &key.vkey(ORIGIN)]).code, 0);
    assert_eq!(run(&["trust", "nonsense"]).code, 2);
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut serving = program(&["witness", "serve", "--listen", &listen]);
    let child = serving.arg("--data").arg(dir.path().join("w")).stderr(std::process::Stdio::null()).spawn().expect("starts");
    let server = Server::up(child, port).await;
    let post = async |note: String| {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let sent = client.post(format!("http://{listen}/add-checkpoint")).body(format!("old 0\n\n{note}")).send().await.expect("answers");
        sent.status().as_u16()
    };
    let note = |size: u64, root: u8| key.sign_note(ORIGIN, &body(ORIGIN, size, &[root; 32])).expect("signs");
    assert_eq!(post(note(5, 1)).await, 200);
    let shown: serde_json::Value = serde_json::from_str(&run(&["show", "--json"]).out).expect("JSON");
    assert_eq!(shown, serde_json::json!({ "vkey": own, "logs": [{ "origin": ORIGIN, "size": 5, "forks": [] }] }));
    assert_eq!(post(note(5, 2)).await, 422);
    let shown = run(&["show"]);
    assert!(shown.code == 1 && shown.out.contains("FORK at 5 entries"), "{shown:?}");
    // One at a time holds the folder.
    assert_eq!(run(&["serve", "--listen", &format!("127.0.0.1:{}", free_port())]).code, 2);
    drop(server);
}
