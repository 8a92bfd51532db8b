//! Epochs of the trail on a real server: what they seal, what a thief of the keys of today cannot make anew, what is in no copy.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::db::{epoch, integrity};
use countersign::policy::Role;
use countersign_audit::verify::bundle::{self, Ask};
use countersign_audit::verify::vkey::Vkey;
use countersign_audit::verify::{Pin, Report};
use countersign_audit::write::Hash;
use countersign_audit::write::checkpoint::{SigningKey, body, epoch_name};
use countersign_audit::write::leaf::{FIRST_PREV, leaf, leaf_hash};
use countersign_audit::write::tile::{all_bundles, bundle as pack, entries_path};
use countersign_audit::write::tree::Frontier;
use signed_note::{Note, StandardVerifier, VerifierList};

use crate::support::{TestApp, TestPerson, check_with};
use crate::trail::tamper;

const ORIGIN: &str = "test.example/audit/1";
/// An epoch ends after so few entries.
const SHORT: (&str, &str) = ("signer.epoch_entries", "4");

/// Grows the log until epoch `n` runs, and has all of it signed.
pub async fn grown(app: &TestApp, person: &TestPerson<'_>, n: i64) {
    for _ in 0..600 {
        app.sign().await;
        if epoch::newest(&app.app.db, 1).await.expect("reads").is_some_and(|newest| newest.n + 1 >= n) {
            app.sign().await;
            return;
        }
        person.get("/audit").await.expect(403);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("epoch {n} did not begin");
}

async fn exported(app: &TestApp, name: &str) -> PathBuf {
    let dir = app.folder.path().join(name);
    countersign::trail::export::folder(&app.app.db, &dir).await.expect("exports");
    dir
}

fn verified(app: &TestApp, dir: &Path, epoch: Option<&str>) -> Report {
    let vkey = Vkey::parse(&app.app.keeper.signer().vkey(ORIGIN)).expect("a key");
    let epoch = epoch.map(|vkey| Ok(Vkey::parse(vkey).expect("a key")));
    bundle::examine(dir, &Ask { key: Some(Ok(vkey)), epoch, ..Ask::default() })
}

async fn vkey_of(app: &TestApp, n: i64) -> String {
    app.app.db.query("select vkey from epoch where log = 1 and n = $1").bind(n - 1).scalar().await.expect("reads")
}

fn seed(path: &Path) -> [u8; 32] {
    let text = std::fs::read_to_string(path).expect("reads");
    STANDARD.decode(text.trim()).expect("base64").try_into().expect("32 bytes")
}

/// Files of the signer's memory, in its one log.
fn memory(data: &Path) -> Vec<PathBuf> {
    let place = std::fs::read_dir(data.join("signer")).expect("lists").map(|e| e.expect("lists").path()).find(|p| p.is_dir()).expect("a log");
    std::fs::read_dir(place).expect("lists").map(|e| e.expect("lists").path()).collect()
}

fn keys(data: &Path) -> Vec<PathBuf> {
    memory(data).into_iter().filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("key-"))).collect()
}

#[tokio::test]
async fn epochs_end_are_sealed_and_verify_and_their_keys_are_gone() {
    check_with(&[SHORT], async |app| {
        let person = app.person(&[Role::Contributor]).await;
        grown(app, &person, 3).await;
        let dir = exported(app, "export").await;
        let report = verified(app, &dir, Some(&vkey_of(app, 1).await));
        assert_eq!((report.exit_code(), report.pin), (0, Pin::Named), "{}", report.to_text());
        assert!(report.epochs.is_some_and(|n| n >= 3), "{}", report.to_text());
        assert!(dir.join("epoch/1").exists() && dir.join("epoch/2").exists());
        // The key that runs, and perhaps the next; none that ended.
        let newest = epoch::newest(&app.app.db, 1).await.expect("reads").expect("there");
        for key in keys(&app.data()) {
            let n: i64 = key.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix("key-")).and_then(|n| n.parse().ok()).expect("a number");
            assert!(n > newest.n, "the key of epoch {n} is still there, {} runs", newest.n + 1);
        }
        // To strangers a seal is a signature by a key they do not know.
        let note = app.get("/log/checkpoint").await.expect(200).text();
        let verifier = StandardVerifier::new(&app.app.keeper.signer().vkey(ORIGIN)).expect("a verifier key");
        let note = Note::from_bytes(note.as_bytes()).expect("a signed note");
        let (known, unknown) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).expect("verifies");
        assert_eq!((known.len(), unknown.len()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn epochs_go_on_after_a_restart() {
    let app = TestApp::new(&[SHORT]).await;
    let person = app.person(&[Role::Contributor]).await;
    grown(&app, &person, 2).await;
    drop(person);
    let app = app.restart().await;
    assert!(!app.app.db.in_fault());
    let person = app.person(&[Role::Contributor]).await;
    grown(&app, &person, 4).await;
    let dir = exported(&app, "export").await;
    assert_eq!(verified(&app, &dir, None).exit_code(), 0);
    drop(person);
    app.finish().await;
}

#[tokio::test]
async fn epochs_end_also_while_the_clock_stands_before_the_trail() {
    check_with(&[SHORT], async |app| {
        let person = app.person(&[Role::Contributor]).await;
        app.advance(-3600);
        assert!(app.app.db.clock_is_back());
        grown(app, &person, 3).await;
        let report = verified(app, &exported(app, "export").await, None);
        assert_eq!(report.exit_code(), 0, "{}", report.to_text());
        assert!(app.app.db.clock_is_back(), "only the console goes on");
    })
    .await;
}

/// Writes the export again with entry `at` another, everything chained on and signed with what a thief finds today.
fn forge(dir: &Path, data: &Path, at: usize) {
    let log = SigningKey::from_seed(&seed(&data.join("keys/log")));
    let running = keys(data).into_iter().min().expect("the key that runs");
    let running = SigningKey::from_seed(&seed(&running));
    let note = std::fs::read_to_string(dir.join("checkpoint")).expect("reads");
    let size: usize = note.lines().nth(1).and_then(|l| l.parse().ok()).expect("a size");
    let mut bodies = Vec::new();
    for (index, width) in all_bundles(size as u64) {
        let bytes = std::fs::read(dir.join(entries_path(index, width))).expect("a bundle");
        let mut rest = bytes.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (entry, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            let text = std::str::from_utf8(entry).expect("UTF-8");
            let begin = text.find("\"_seq\":").and_then(|at| text[at..].find(',').map(|comma| at + comma + 1)).expect("a place");
            bodies.push(format!("{{{}", &text[begin..]));
            rest = after;
        }
    }
    let before = bodies[at].clone();
    bodies[at] = before.replace("\"node\":\"", "\"node\":\"x");
    assert_ne!(before, bodies[at]);
    let (mut prev, mut leaves, mut roots, mut frontier) = (FIRST_PREV, Vec::new(), Vec::<Hash>::new(), Frontier::new());
    for (seq, body) in (0..).zip(&bodies) {
        let entry = leaf(body.as_bytes(), seq, &prev).expect("it fits");
        prev = leaf_hash(&entry);
        frontier.push(prev);
        roots.push(frontier.root());
        leaves.push(entry);
    }
    for (index, width) in all_bundles(size as u64) {
        let from = usize::try_from(index).expect("few") * 256;
        let bytes = pack(leaves[from..from + usize::from(width)].iter().map(Vec::as_slice)).expect("it fits");
        std::fs::write(dir.join(entries_path(index, width)), bytes).expect("writes");
    }
    for level in 0..8 {
        let _ = std::fs::remove_dir_all(dir.join(format!("tile/{level}")));
    }
    let ends = std::fs::read_dir(dir.join("epoch")).into_iter().flatten().flatten().map(|e| e.path());
    for path in ends.chain([dir.join("checkpoint")]) {
        let size: usize = std::fs::read_to_string(&path).expect("reads").lines().nth(1).and_then(|l| l.parse().ok()).expect("a size");
        let text = body(ORIGIN, size as u64, &roots[size - 1]);
        let sealed = log.sign_note(ORIGIN, &text).expect("signs") + &running.line(&epoch_name(ORIGIN), &text).expect("seals");
        std::fs::write(&path, sealed).expect("writes");
    }
}

#[tokio::test]
async fn the_past_rewritten_with_stolen_keys_breaks_the_seals_of_epochs_that_ended() {
    check_with(&[SHORT], async |app| {
        let person = app.person(&[Role::Contributor]).await;
        grown(app, &person, 3).await;
        let dir = exported(app, "export").await;
        assert_eq!(verified(app, &dir, None).exit_code(), 0, "the clean log");
        // The first entry of people lies in the first epoch.
        forge(&dir, &app.data(), 6);
        let report = verified(app, &dir, None);
        assert_eq!(report.exit_code(), 1, "{}", report.to_text());
        assert!(report.first_bad.as_ref().is_some_and(|f| f.path.as_deref().is_some_and(|p| p.starts_with("epoch/"))), "{}", report.to_text());
        // What lies in the epoch that runs can be forged by who has everything: that is the limit which SECURITY.md names.
        let again = exported(app, "again").await;
        let size: usize = std::fs::read_to_string(again.join("checkpoint")).expect("reads").lines().nth(1).and_then(|l| l.parse().ok()).expect("a size");
        let ended = epoch::newest(&app.app.db, 1).await.expect("reads").and_then(|n| n.seq).expect("linked");
        if size > usize::try_from(ended).expect("a place") + 1 {
            let ends: Vec<_> = std::fs::read_dir(again.join("epoch")).expect("lists").map(|e| e.expect("lists").path()).collect();
            let kept: Vec<_> = ends.iter().map(|p| std::fs::read(p).expect("reads")).collect();
            forge(&again, &app.data(), size - 1);
            ends.iter().zip(kept).for_each(|(path, bytes)| std::fs::write(path, bytes).expect("writes"));
            assert_eq!(verified(app, &again, None).exit_code(), 0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_cut_tail_with_its_checkpoints_is_noticed_by_the_signer() {
    let app = TestApp::new(&[]).await;
    let person = app.person(&[Role::Contributor]).await;
    for _ in 0..6 {
        person.get("/audit").await.expect(403);
    }
    app.sign().await;
    drop(person);
    let sql = if app.app.db.is_sqlite() { "drop trigger audit_checkpoint_delete" } else { "alter table audit_checkpoint disable trigger user" };
    for sql in [
        sql,
        "delete from audit_checkpoint where size > 5",
        "delete from audit_chain where seq >= 5",
        "update audit_head set size = 5, last_leaf = (select leaf_hash from audit_chain where seq = 4)",
    ] {
        tamper(&app, sql).await;
    }
    std::fs::remove_file(app.data().join("checkpoints/latest")).expect("removed");
    let found = integrity::compare(&app.app.db, &app.app.keeper).await.expect("compares");
    assert!(found.iter().any(|d| d.part == "signer" && d.what.contains("the database holds 5")), "{found:?}");
    assert!(!found.iter().any(|d| d.part.starts_with("checkpoint")), "nothing else remembers: {found:?}");
    app.app.db.latch_fault("head");
    app.finish().await;
}

#[tokio::test]
async fn a_signer_without_its_memory_or_key_puts_the_trail_in_doubt() {
    for what in ["state", "key"] {
        let mut app = TestApp::new(&[SHORT]).await;
        app.sign().await;
        app.installation.take().expect("open").close().await;
        for path in memory(&app.data()) {
            if path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(what)) {
                std::fs::remove_file(path).expect("removed");
            }
        }
        let app = app.restart_closed().await;
        assert!(app.app.db.in_fault(), "{what}");
        assert!(app.app.db.doubt().borrow().contains(&"signer"), "{what}");
        // It goes on under a new origin, whose epochs begin anew.
        let app = app.new_origin().await;
        assert!(!app.app.db.in_fault(), "{what}");
        assert_eq!(app.app.db.log().1, "test.example/audit/2");
        app.sign().await;
        assert!(epoch::newest(&app.app.db, 2).await.expect("reads").is_some_and(|newest| newest.n == 0), "{what}");
        app.finish().await;
    }
}

#[tokio::test]
async fn an_epoch_is_never_changed_and_ends_once() {
    check_with(&[SHORT], async |app| {
        app.sign().await;
        for sql in ["update epoch set vkey = 'x'", "delete from epoch", "update epoch set n = 7, last_audit_id = 'evt_x'"] {
            let mut work = app.app.db.store().begin().await.expect("begins");
            let done = work.query(sql).execute().await;
            assert!(done.is_err() || work.commit(None).await.is_err(), "{sql}");
        }
        let newest = epoch::newest(&app.app.db, 1).await.expect("reads").expect("begun");
        let next = countersign::db::signer::NextEpoch { n: u64::try_from(newest.n).expect("small"), next_vkey: "other".into() };
        let permit = app.app.policy.permit(&countersign::policy::Actor::system(), &countersign::policy::On::any("epoch")).expect("the system may");
        let before = app.db_actions().await.len();
        assert!(countersign::operate::epoch::rotate(&app.app.db, permit, 1, &next).await.is_err(), "this epoch has ended");
        assert_eq!(app.db_actions().await.len(), before);
    })
    .await;
}
