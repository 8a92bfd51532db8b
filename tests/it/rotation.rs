//! Rotation of the key-encryption key: everything opens before, at any moment of, and after it; what is needed is never removed.

use std::sync::Arc;

use countersign::cli::console::{Ask, execute};
use countersign::policy::Role;
use countersign::vault::{KeyRing, Place};
use serde_json::Value;

use crate::support::{TestApp, TestPerson};

const PLACE: Place<'_> = Place { table: "test", row: "1", column: "sealed" };

/// Values sealed for so many subjects, each with a data key of its own.
async fn sealed(app: &TestApp, count: usize) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for n in 0..count {
        out.push(app.app.db.vault().seal(&format!("test:{n}"), &PLACE, format!("value {n}").as_bytes()).await.expect("sealed"));
    }
    out
}

async fn all_open(app: &TestApp, sealed: &[Vec<u8>]) {
    for (n, sealed) in sealed.iter().enumerate() {
        assert_eq!(app.app.db.vault().unseal_text(&PLACE, sealed).await.expect("opens"), format!("value {n}"));
    }
}

async fn rotate(app: &TestApp) -> Result<Value, String> {
    execute(&app.app, &Ask::KeysRotate { prepare: false }).await
}

/// Sends a message, which reads and writes sealed values.
async fn works(person: &TestPerson<'_>) {
    let page = person.post("/messages", &[("to", "+14155552671"), ("text", "x")]).await.expect(303).location().to_owned();
    person.get(&page).await.expect(200).says("2671");
}

async fn versions(app: &TestApp) -> Vec<i64> {
    let found: Vec<(i64,)> = app.app.db.vault().store().query("select distinct kek from data_key order by kek").all().await.expect("reads");
    found.into_iter().map(|(version,)| version).collect()
}

#[tokio::test]
async fn every_data_key_is_wrapped_anew_while_the_server_runs() {
    let app = TestApp::new(&[]).await;
    let person = app.person(&[Role::Messaging]).await;
    works(&person).await;
    let values = sealed(&app, 450).await;
    let done = rotate(&app).await.expect("rotates");
    assert_eq!((done["to"].as_i64(), done["left"].as_i64()), (Some(2), Some(0)));
    assert_eq!((&done["keys"], &done["rewrapped"]), (&done["keys_before"], &done["keys"]));
    assert!(done["keys"].as_i64().expect("a number") > 450);
    assert_eq!(versions(&app).await, [2]);
    all_open(&app, &values).await;
    works(&person).await;
    // Once more, and the first is gone meanwhile.
    execute(&app.app, &Ask::KeysRetire { version: 1 }).await.expect("nothing needs it");
    assert!(!app.data().join("keys/kek-1").exists());
    assert_eq!(rotate(&app).await.expect("rotates")["to"].as_i64(), Some(3));
    let actions = app.db_actions().await;
    assert_eq!(actions.iter().filter(|a| *a == "keys.rotate ok").count(), 4, "one before and one after each");
    assert_eq!(actions.iter().filter(|a| *a == "keys.retire ok").count(), 1);
    // Nothing of it was in memory only.
    let app = app.restart().await;
    all_open(&app, &values).await;
    works(&app.person(&[Role::Messaging]).await).await;
    app.finish().await;
}

#[tokio::test]
async fn a_key_that_is_needed_does_not_go() {
    let app = TestApp::new(&[]).await;
    let values = sealed(&app, 3).await;
    let refused = async |version| execute(&app.app, &Ask::KeysRetire { version }).await.expect_err("refused");
    assert!(refused(1).await.contains("is the newest key"));
    assert!(refused(7).await.contains("there is no `kek-7`"));
    let prepared = execute(&app.app, &Ask::KeysRotate { prepare: true }).await.expect("prepares");
    assert_eq!(prepared["to"].as_i64(), Some(2));
    assert!(refused(1).await.contains("data keys are wrapped with `kek-1`"));
    assert!(execute(&app.app, &Ask::KeysRotate { prepare: true }).await.expect_err("once").contains("waits to be used"));
    assert_eq!(versions(&app).await, [1], "prepared is not used");
    assert_eq!(rotate(&app).await.expect("uses what was prepared")["to"].as_i64(), Some(2));
    all_open(&app, &values).await;
    app.finish().await;
}

#[tokio::test]
async fn a_rotation_that_broke_off_is_gone_on_with() {
    let app = TestApp::new(&[]).await;
    let values = sealed(&app, 650).await;
    // The key of one in the middle is damaged: the batches before it are done, and nothing of its own batch is.
    let keys = app.app.db.vault().store();
    let (id, wrapped): (String, Vec<u8>) = keys.query("select id, wrapped from data_key where subject = 'test:500'").one().await.expect("there");
    let put = async |bytes: Vec<u8>| {
        let mut work = keys.begin().await.expect("begins");
        work.query("update data_key set wrapped = $2 where id = $1").bind(id.as_str()).bind(bytes).execute().await.expect("writes");
        work.commit(None).await.expect("commits");
    };
    let mut damaged = wrapped.clone();
    *damaged.last_mut().expect("bytes") ^= 1;
    put(damaged).await;
    let said = rotate(&app).await.expect_err("it does not open");
    assert!(said.contains(&id) && said.contains("kek-1"), "{said}");
    assert_eq!(versions(&app).await, [1, 2]);
    put(wrapped).await;
    all_open(&app, &values).await;
    let app = app.restart().await;
    all_open(&app, &values).await;
    let done = rotate(&app).await.expect("goes on");
    assert_eq!((done["to"].as_i64(), done["left"].as_i64()), (Some(2), Some(0)), "no third key is made");
    assert!(done["rewrapped"].as_i64() < done["keys"].as_i64());
    assert_eq!(versions(&app).await, [2]);
    all_open(&app, &values).await;
    app.finish().await;
}

#[tokio::test]
async fn what_is_sealed_and_destroyed_meanwhile_is_neither_lost_nor_brought_back() {
    let app = Arc::new(TestApp::new(&[]).await);
    let values = sealed(&app, 400).await;
    let vault = app.app.db.vault().clone();
    let busy = {
        let vault = vault.clone();
        tokio::spawn(async move {
            let mut made = Vec::new();
            for n in 0..200 {
                made.push(vault.seal(&format!("new:{n}"), &PLACE, b"new").await.expect("sealed"));
                vault.destroy(&format!("test:{}", n * 2)).await.expect("destroyed");
            }
            made
        })
    };
    rotate(&app).await.expect("rotates");
    let made = busy.await.expect("ends");
    for (n, sealed) in values.iter().enumerate() {
        let opened = vault.unseal_text(&PLACE, sealed).await;
        assert_eq!(opened.is_ok(), n % 2 == 1, "{n}: {opened:?}");
    }
    for sealed in &made {
        assert_eq!(vault.unseal_text(&PLACE, sealed).await.expect("opens"), "new");
    }
    Arc::into_inner(app).expect("nobody else has it").finish().await;
}

#[tokio::test]
async fn without_a_key_that_is_needed_nothing_starts() {
    let app = TestApp::new(&[]).await;
    sealed(&app, 3).await;
    execute(&app.app, &Ask::KeysRotate { prepare: true }).await.expect("prepares");
    let (one, two) = (app.data().join("keys/kek-1"), app.data().join("keys/kek-2"));
    let ring = || KeyRing::read(&app.data().join("keys")).expect("reads");
    let open =
        async |ring| countersign::vault::Vault::open(app.app.db.vault().store().clone(), ring, app.clock.clone(), countersign::core::rng::Rng::system()).await;
    // The older one is missing, which data keys are wrapped with.
    let kept = std::fs::read(&one).expect("reads");
    std::fs::remove_file(&one).expect("removes");
    let said = open(ring()).await.expect_err("refused").chain();
    assert!(said.contains("`keys/kek-1` is missing"), "{said}");
    // It is another one than before.
    std::fs::rename(&two, &one).expect("renames");
    let said = open(ring()).await.expect_err("refused").chain();
    assert!(said.contains("`keys/kek-1` is not the one"), "{said}");
    std::fs::write(&one, kept).expect("writes");
    assert!(open(ring()).await.is_ok());
    app.finish().await;
}
