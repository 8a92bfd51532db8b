//! The trail: gapless under load, tampering named, integrity fault, export that an outsider verifies.

use countersign::app::{Installation, Migrate, router};
use countersign::config::{Config, Inputs};
use countersign::core::clock::Clock;
use countersign::core::folder::DataFolder;
use countersign::core::rng::Rng;
use countersign::db::integrity;
use countersign::policy::Role;
use countersign::store::Store;
use countersign_audit::verify::bundle;
use countersign_audit::verify::vkey::Vkey;

use crate::support::{TestApp, check};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_writers_leave_no_gap_and_no_fork() {
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let token = admin.token(&[Role::Admin], &["person.list"]).await;
        let before = app.db_actions().await.len();
        let rounds = (0..32).map(|_| async {
            for _ in 0..9 {
                // Each refusal is an entry of its own transaction.
                token.get("/api/v1/audit").await.expect(403);
            }
        });
        futures_util::future::join_all(rounds).await;
        assert_eq!(app.db_actions().await.len(), before + 288);
        let (entries, bad) = integrity::walk(&app.app.db).await.expect("reads");
        assert_eq!(bad, None);
        assert_eq!(usize::try_from(entries).expect("few"), before + 288);
        if let Store::Sqlite { writer, .. } = app.app.db.store() {
            let (commits, acts) = writer.counts();
            assert!(acts > commits, "group commit: {acts} acts in {commits} commits");
        }
    })
    .await;
}

/// Does to the database what its owner could: takes the guards away and runs `sql`.
pub async fn tamper(app: &TestApp, sql: &'static str) {
    let mut work = app.app.db.store().begin().await.expect("begins");
    if matches!(app.app.db.store(), Store::Sqlite { .. }) {
        for trigger in ["audit_event_update", "audit_event_delete", "audit_chain_update", "audit_chain_delete", "audit_payload_update", "audit_payload_delete"]
        {
            work.query(sqlx::AssertSqlSafe(format!("drop trigger if exists {trigger}"))).execute().await.expect("drops");
        }
    } else {
        work.query("alter table audit_event disable trigger user").execute().await.expect("disables");
        work.query("alter table audit_chain disable trigger user").execute().await.expect("disables");
        work.query("alter table audit_payload disable trigger user").execute().await.expect("disables");
    }
    work.query(sql).execute().await.expect("tampers");
    work.commit(None).await.expect("commits");
}

pub async fn grown(app: &TestApp) {
    let person = app.person(&[Role::Contributor]).await;
    for _ in 0..6 {
        person.get("/audit").await.expect(403);
    }
    app.app.db.settle().await.expect("settles");
    app.app.keeper.sign_now().await.expect("signs");
}

#[tokio::test]
async fn each_kind_of_tampering_is_noticed_and_named() {
    for (sql, part) in [
        ("update audit_event set body = cast('{}' as BYTES) where id = (select event_id from audit_chain where seq = 3)", "leaves"),
        ("delete from audit_chain where seq = (select max(seq) from audit_chain)", "head"),
        ("update audit_chain set leaf_hash = prev where seq = 4", "leaves"),
        ("update audit_head set last_leaf = (select leaf_hash from audit_chain where seq = 1)", "head"),
        ("update audit_head set size = size - 1", "head"),
    ] {
        let app = TestApp::new(&[]).await;
        grown(&app).await;
        let sql = if matches!(app.app.db.store(), Store::Sqlite { .. }) { sql.replace("BYTES", "blob") } else { sql.replace("BYTES", "bytea") };
        tamper(&app, Box::leak(sql.clone().into_boxed_str())).await;
        let found = integrity::compare(&app.app.db, &app.app.keeper).await.expect("compares");
        assert!(found.iter().any(|d| d.part == part), "{sql}: {found:?}");
        app.app.db.latch_fault("head");
        app.finish().await;
    }
}

#[tokio::test]
async fn a_cut_tail_is_noticed_by_what_lies_outside_the_database() {
    let app = TestApp::new(&[]).await;
    grown(&app).await;
    // The tail is gone and the head put back to where it fits: only the checkpoint outside knows.
    let size = app.app.db.head(1).await.expect("reads").expect("is there").size;
    let keeper = app.app.keeper.clone();
    for sql in ["delete from audit_chain where seq >= 5", "update audit_head set size = 5, last_leaf = (select leaf_hash from audit_chain where seq = 4)"] {
        tamper(&app, sql).await;
    }
    assert!(size > 5);
    let found = integrity::compare(&app.app.db, &keeper).await.expect("compares");
    assert!(found.iter().any(|d| d.part == "checkpoint file"), "{found:?}");
    assert!(found.iter().any(|d| d.part == "signer"), "{found:?}");
    app.app.db.latch_fault("head");
    app.finish().await;
}

#[tokio::test]
async fn in_doubt_only_signing_in_and_reading_work() {
    let app = TestApp::new(&[]).await;
    let admin = app.person(&[Role::Admin, Role::Compliance]).await;
    grown(&app).await;
    app.app.db.latch_fault("head");
    admin.get("/audit").await.expect(200);
    admin.post("/admin/users/invite", &[("username", "x.y.z"), ("display_name", "X"), ("email", ""), ("roles", "intake")]).await.expect(503);
    let person = crate::support::TestPerson { id: admin.id.clone(), username: admin.username.clone(), secret: admin.secret.clone(), ..app.stranger() };
    crate::identity::sign_in(&person).await;
    person.get("/account").await.expect(200).says("does not hold together");
    let log = std::fs::read_to_string(app.data().join("fault.log")).expect("fault.log is there");
    assert!(log.contains("session.login") && log.lines().count() >= 3);
    drop((admin, person));
    // Nothing was wrong after all: what happened meanwhile is in the trail, and an entry holds the file's hash.
    let app = app.restart().await;
    let actions = app.db_actions().await;
    assert_eq!(actions[actions.len() - 4..], ["trail.read ok", "session.login ok", "session.totp ok", "server.start ok"]);
    assert!(!app.data().join("fault.log").exists());
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(log));
    let body: Vec<(Vec<u8>,)> =
        app.app.db.query("select body from audit_event where action = 'server.start' order by id desc limit 1").all().await.expect("reads");
    assert!(String::from_utf8_lossy(&body[0].0).contains(&digest));
    app.finish().await;
}

#[tokio::test]
async fn an_export_verifies_and_one_flipped_byte_is_named() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        for _ in 0..300 {
            person.get("/audit").await.expect(403);
        }
        app.app.db.settle().await.expect("settles");
        app.app.keeper.sign_now().await.expect("signs");
        let dir = app.folder.path().join("export");
        let report = countersign::trail::export::folder(&app.app.db, &dir).await.expect("exports");
        assert!(report.size > 300);
        let vkey = Vkey::parse(&app.app.keeper.signer().vkey("test.example/audit/1")).expect("a key");
        let fine = bundle::directory(&dir, &vkey);
        assert_eq!(fine.exit_code(), 0, "{}", fine.to_text());
        assert_eq!(fine.entries_checked, report.size);
        let file = dir.join("tile/entries/000");
        let mut bytes = std::fs::read(&file).expect("a full bundle");
        let at = bytes.windows(9).position(|w| w == b"\"denied\",").expect("a refusal") + 1;
        bytes[at] = b'D';
        std::fs::write(&file, bytes).expect("writes");
        let flipped = bundle::directory(&dir, &vkey);
        assert_eq!(flipped.exit_code(), 1);
        assert!(flipped.first_bad.as_ref().is_some_and(|f| f.seq.is_some()), "{}", flipped.to_text());
    })
    .await;
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let app = TestApp::new(&[]).await;
    grown(&app).await;
    let before = app.app.db.head(1).await.expect("reads").expect("is there");
    if !matches!(app.app.db.store(), Store::Sqlite { .. }) {
        return app.finish().await;
    }
    let (data, clock) = (app.data(), app.clock.clone());
    let folder = keep(app).await;
    let flags = vec![
        ("data".to_owned(), data.display().to_string()),
        ("public_url".to_owned(), "http://127.0.0.1:8080".to_owned()),
        ("name".to_owned(), "test.example".to_owned()),
        ("signer.epoch_entries".to_owned(), "0".to_owned()),
    ];
    let config = Config::load(&Inputs { flags, serving: true, ..Inputs::default() }).expect("sound");
    let data = DataFolder::open(&data, false).expect("there");
    let again = Installation::open(config, &data, clock, Rng::system(), Migrate::IfEmpty, true).await.expect("opens");
    assert_eq!(again.disagreements, []);
    again.start().await.expect("starts");
    let _router = router(&again.app);
    let after = again.app.db.head(1).await.expect("reads").expect("is there");
    assert_eq!(after.size, before.size + 1, "one entry: the start");
    let _ = Clock::system();
    again.close().await;
    drop(folder);
}

/// Closes the installation but keeps its folder.
async fn keep(mut app: TestApp) -> tempfile::TempDir {
    let installation = app.installation.take().expect("open");
    installation.close().await;
    std::mem::replace(&mut app.folder, tempfile::tempdir().expect("a folder"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_grows_beside_the_comparison_is_no_disagreement() {
    check(async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let writing = async {
            for _ in 0..150 {
                person.get("/audit").await.expect(403);
            }
        };
        let comparing = async {
            for _ in 0..40 {
                let found = integrity::compare(&app.app.db, &app.app.keeper).await.expect("compares");
                assert_eq!(found, []);
                let (_, bad) = integrity::walk(&app.app.db).await.expect("walks");
                assert_eq!(bad, None);
            }
        };
        tokio::join!(writing, comparing);
    })
    .await;
}
