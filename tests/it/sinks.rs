//! The stream of the trail, against receivers over real TCP, TLS and HTTP and a real file: each entry arrives at least once, in
//! order and without a gap, whatever happens on the way, and what was not signed never leaves.

mod file;
mod syslog;
mod watch;
mod webhook;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::sinks::{self, Kind};
use countersign_audit::verify::checkpoint::Checkpoint;
use countersign_audit::verify::tree::{leaf_hash, root};
use countersign_audit::verify::vkey::Vkey;

use crate::support::TestApp;

/// The longest a test waits: a second a turn at most.
const TURNS: usize = 1500;

/// Entries so far, all of them signed.
pub async fn signed(app: &TestApp) -> i64 {
    app.sign().await;
    app.app.db.latest_checkpoint(1).await.expect("reads").expect("signed").size
}

/// Waits until a receiver's state is as `wanted`.
pub async fn wait_until(app: &TestApp, kind: Kind, wanted: impl Fn(&sinks::State) -> bool) -> sinks::State {
    let mut found = None;
    for _ in 0..TURNS {
        found = sinks::state(&app.app.db, kind).await.expect("reads");
        if let Some(state) = found.as_ref().filter(|state| wanted(state)) {
            return state.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{kind:?}: {found:?}");
}

/// Waits until a receiver confirmed every entry there is.
pub async fn wait_for_all(app: &TestApp, kind: Kind) -> i64 {
    let size = signed(app).await;
    wait_until(app, kind, |state| state.next_seq >= size && state.failed.is_none()).await.next_seq
}

/// Asserts that these places, each counted when it first came, are all from 0 to `size`.
#[track_caller]
pub fn assert_gapless(seqs: &[i64], size: i64) {
    let mut first: Vec<i64> = Vec::new();
    for seq in seqs {
        if !first.contains(seq) {
            first.push(*seq);
        }
    }
    assert_eq!(first, (0..size).collect::<Vec<i64>>(), "all that came: {seqs:?}");
}

/// Asserts that a receiver that holds these leaves, and this checkpoint, can bear witness: the signature is right, and the
/// root over the leaves is the signed one.
#[track_caller]
pub fn assert_witness(app: &TestApp, leaves: &[String], note: &str) {
    let vkey = Vkey::parse(&app.app.keeper.signer().vkey("test.example/audit/1")).expect("a key");
    let (checkpoint, _) = Checkpoint::open(note.as_bytes(), &vkey).expect("signed by the log");
    let size = usize::try_from(checkpoint.size).expect("small");
    assert!(leaves.len() >= size, "{} leaves, {size} are covered", leaves.len());
    let hashes: Vec<_> = leaves[..size].iter().map(|leaf| leaf_hash(leaf.as_bytes())).collect();
    assert_eq!(root(&hashes), checkpoint.root);
}

/// The hash of a leaf as messages carry it.
pub fn hash_of(leaf: &str) -> String {
    STANDARD.encode(leaf_hash(leaf.as_bytes()))
}

/// The receivers that entries of the trail name, oldest first.
pub async fn configured(app: &TestApp) -> Vec<serde_json::Value> {
    let rows: Vec<(Vec<u8>,)> = app.app.db.query("select body from audit_event where action = 'stream.configure' order by id").all().await.expect("reads");
    rows.iter().map(|(body,)| serde_json::from_slice::<serde_json::Value>(body).expect("JSON")["data"].clone()).collect()
}
