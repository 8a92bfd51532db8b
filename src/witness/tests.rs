//! A witness answers exactly as the protocol has it, never signs two histories, and knows when its memory is gone.

use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use countersign_audit::verify::cosign::{CosignerKey, cosignatures};
use countersign_audit::write::checkpoint::{SigningKey, body};
use countersign_audit::write::leaf::leaf_hash;
use countersign_audit::write::tile::TileMap;
use countersign_audit::write::{Hash, proof};
use tower::ServiceExt as _;

use super::{Book, BookError, router};
use crate::core::clock::{Clock, SECOND};
use crate::core::rng::Rng;

const NOON: i64 = 1_768_478_400;
const ORIGIN: &str = "log.example/audit/1";

/// A log of invented leaves, at most one tile.
struct Log {
    key: SigningKey,
    hashes: Vec<Hash>,
}

impl Log {
    fn new() -> Self {
        Self { key: SigningKey::from_seed(&[7; 32]), hashes: (0..200_u8).map(|n| leaf_hash(&[n])).collect() }
    }

    /// The same log with another leaf 10.
    fn forked() -> Self {
        let mut log = Self::new();
        log.hashes[10] = leaf_hash(b"another");
        log
    }

    fn tiles(&self, size: u64) -> TileMap {
        TileMap::from([((0, 0), self.hashes[..usize::try_from(size).expect("small")].to_vec())])
    }

    fn note(&self, size: u64) -> String {
        let root = proof::root(size, &self.tiles(size)).expect("a root");
        self.key.sign_note(ORIGIN, &body(ORIGIN, size, &root)).expect("signs")
    }

    fn request(&self, old: u64, size: u64) -> String {
        let proof = if old > 0 && old < size { proof::consistency(old, size, &self.tiles(size)).expect("a proof") } else { Vec::new() };
        request(old, &proof, &self.note(size))
    }
}

fn request(old: u64, proof: &[Hash], note: &str) -> String {
    use base64::Engine as _;
    let lines: String = proof.iter().map(|hash| format!("{}\n", base64::engine::general_purpose::STANDARD.encode(hash))).collect();
    format!("old {old}\n{lines}\n{note}")
}

fn made(folder: &Path) -> Arc<Book> {
    Book::make(folder, "witness.example", &Rng::system()).expect("made");
    let book = Book::open(folder, Clock::fixed(NOON * SECOND)).expect("opens");
    book.trust(&Log::new().key.vkey(ORIGIN)).expect("trusted");
    Arc::new(book)
}

async fn post(book: &Arc<Book>, body: impl Into<Body>) -> (StatusCode, String, String) {
    let request = Request::post("/add-checkpoint").body(body.into()).expect("a request");
    let response = router(book.clone()).oneshot(request).await.expect("answers");
    let kind = response.headers()["content-type"].to_str().expect("text").to_owned();
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 100_000).await.expect("a body");
    (status, kind, String::from_utf8(bytes.to_vec()).expect("text"))
}

async fn status(book: &Arc<Book>, body: impl Into<Body>) -> u16 {
    post(book, body).await.0.as_u16()
}

#[tokio::test]
async fn growth_is_countersigned_and_the_line_verifies() {
    let folder = tempfile::tempdir().expect("a folder");
    let (book, log) = (made(folder.path()), Log::new());
    let key = CosignerKey::parse(&book.vkey()).expect("a key");
    for (old, size) in [(0, 3), (3, 3), (3, 150)] {
        let (status, _, line) = post(&book, log.request(old, size)).await;
        assert_eq!(status, 200, "{line}");
        let note = format!("{}{line}", log.note(size));
        let found = cosignatures(note.as_bytes(), std::slice::from_ref(&key)).expect("verifies");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].time, NOON.unsigned_abs());
    }
}

#[tokio::test]
async fn each_refusal_has_the_status_of_the_protocol() {
    let folder = tempfile::tempdir().expect("a folder");
    let (book, log) = (made(folder.path()), Log::new());
    assert_eq!(status(&book, log.request(0, 100)).await, 200);
    // Not in form, or backwards.
    let note = log.note(100);
    for body in [
        String::new(),
        "old 100".into(),
        format!("old -1\n\n{note}"),
        format!("old 0100\n\n{note}"),
        format!("old +5\n\n{note}"),
        format!("new 100\n\n{note}"),
        format!("old 100\nAAAA\n\n{note}"),
        format!("old 100\n{}\n{note}", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".repeat(64)),
        format!("old 100\n\n{}", note.replace("\n100\n", "\n0100\n")),
        format!("old 100\n\n{}", note.replacen("\n\n", "\nextension\n\n", 1)),
        "old 100\n\nno note".into(),
        request(101, &[], &note),
    ] {
        assert_eq!(status(&book, body.clone()).await, 400, "{body}");
    }
    // Another key, or none.
    let stranger = Log { key: SigningKey::from_seed(&[8; 32]), ..Log::new() };
    assert_eq!(status(&book, stranger.request(100, 120)).await, 403);
    assert_eq!(status(&book, log.request(100, 120).replace("\n120\n", "\n121\n")).await, 403);
    // Another log.
    let other = log.key.sign_note("other.example/audit/1", &body("other.example/audit/1", 1, &[0; 32])).expect("signs");
    assert_eq!(status(&book, request(0, &[], &other)).await, 404);
    // Not where it stands: the size it stands at, and nothing else.
    for old in [0, 99] {
        let (status, kind, text) = post(&book, log.request(old, 120)).await;
        assert_eq!((status.as_u16(), kind.as_str(), text.as_str()), (409, "text/x.tlog.size", "100\n"));
    }
    // No extension.
    assert_eq!(status(&book, request(100, &[[1; 32]], &log.note(120))).await, 422);
    assert_eq!(status(&book, request(100, &[[1; 32]], &log.note(100))).await, 422);
    // Too large to be one.
    assert_eq!(status(&book, vec![b'a'; 100_000]).await, 413);
    // Nothing of this moved it.
    assert_eq!(book.watched().expect("reads")[0].size, Some(100));
    assert_eq!(status(&book, log.request(100, 120)).await, 200);
}

#[tokio::test]
async fn an_empty_log_is_countersigned_once_its_root_is_that_of_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (book, log) = (made(folder.path()), Log::new());
    let wrong = log.key.sign_note(ORIGIN, &body(ORIGIN, 0, &[0; 32])).expect("signs");
    assert_eq!(status(&book, request(0, &[], &wrong)).await, 400);
    let right = log.key.sign_note(ORIGIN, &body(ORIGIN, 0, &countersign_audit::verify::tree::empty_root())).expect("signs");
    assert_eq!(status(&book, request(0, &[[1; 32]], &right)).await, 422);
    assert_eq!(status(&book, request(0, &[], &right)).await, 200);
    assert_eq!(status(&book, log.request(0, 5)).await, 200);
}

#[tokio::test]
async fn a_fork_is_refused_and_both_checkpoints_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let (book, log, fork) = (made(folder.path()), Log::new(), Log::forked());
    assert_eq!(status(&book, log.request(0, 30)).await, 200);
    assert_eq!(status(&book, log.request(30, 70)).await, 200);
    // Of the same size, whichever size it says to come from; again changes nothing.
    for old in [70, 30, 70] {
        assert_eq!(status(&book, fork.request(old, 70)).await, 422);
    }
    // With a proof of its own, from where this witness stood once.
    assert_eq!(status(&book, fork.request(30, 90)).await, 409);
    // From where it stands.
    assert_eq!(status(&book, fork.request(70, 90)).await, 422);
    // A rollback.
    assert_eq!(status(&book, log.request(30, 50)).await, 409);
    let watched = &book.watched().expect("reads")[0];
    assert_eq!((watched.size, watched.forks.len()), (Some(70), 1));
    let kept = |name: &str| std::fs::read_to_string(watched.forks[0].folder.join(name)).expect("kept");
    assert!(kept("seen").starts_with(&log.note(70)), "the log's own signature is in it");
    assert_eq!(kept("shown"), fork.note(70));
}

#[tokio::test]
async fn what_was_seen_outlives_a_restart_and_a_lost_memory_is_no_fresh_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (book, log) = (made(folder.path()), Log::new());
    assert_eq!(status(&book, log.request(0, 50)).await, 200);
    drop(book);
    let open = || Book::open(folder.path(), Clock::fixed(NOON * SECOND));
    let book = Arc::new(open().expect("opens"));
    assert_eq!(post(&book, Log::forked().request(0, 60)).await.2, "50\n");
    let seen = std::fs::read_dir(folder.path().join("seen")).expect("a folder").next().expect("one").expect("readable").path();
    let note = std::fs::read_to_string(&seen).expect("reads");
    // While it runs, and at the next start.
    std::fs::remove_file(&seen).expect("removes");
    assert_eq!(status(&book, log.request(50, 60)).await, 500);
    assert!(matches!(open(), Err(BookError::Memory(_))));
    std::fs::write(&seen, note.replace("\n50\n", "\n40\n")).expect("writes");
    assert_eq!(status(&book, log.request(40, 60)).await, 500);
    assert!(matches!(open(), Err(BookError::Memory(_))));
}

#[tokio::test]
async fn of_many_at_once_one_history_is_countersigned() {
    let folder = tempfile::tempdir().expect("a folder");
    let (book, log, fork) = (made(folder.path()), Log::new(), Log::forked());
    assert_eq!(status(&book, log.request(0, 5)).await, 200);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..32_u64 {
        let book = book.clone();
        let request = if n % 2 == 0 { log.request(5, 20 + n) } else { fork.request(5, 20 + n) };
        tasks.spawn(async move { (n % 2, status(&book, request).await) });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|(_, status)| *status == 200).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn monitors_find_the_newest_checkpoint_with_both_signatures() {
    let folder = tempfile::tempdir().expect("a folder");
    let (book, log) = (made(folder.path()), Log::new());
    let get = async |path: String| {
        let response = router(book.clone()).oneshot(Request::get(path).body(Body::empty()).expect("a request")).await.expect("answers");
        let status = response.status().as_u16();
        (status, String::from_utf8(to_bytes(response.into_body(), 100_000).await.expect("a body").to_vec()).expect("text"))
    };
    let place = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(ORIGIN));
    assert_eq!(get(format!("/{place}/checkpoint")).await.0, 404);
    let (_, _, line) = post(&book, log.request(0, 9)).await;
    // What others signed below it is not passed on.
    let crowded = format!("{}\u{2014} other.example AAAAAAAA\n", log.request(9, 12));
    let (code, _, grown) = post(&book, crowded).await;
    assert_eq!(code, 200);
    assert_ne!(line, grown);
    assert_eq!(get(format!("/{place}/checkpoint")).await, (200, format!("{}{grown}", log.note(12))));
    assert_eq!(get("/..%2f..%2fkey/checkpoint".into()).await.0, 404);
    assert_eq!(get("/vkey".into()).await, (200, format!("{}\n", book.vkey())));
    assert_eq!(get("/".into()).await.0, 404);
}

#[test]
fn a_witness_is_made_once_with_a_name_that_can_name_a_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w");
    assert!(matches!(Book::open(&path, Clock::system()), Err(BookError::Absent(_))));
    for name in ["", "a b", "a+b"] {
        assert!(matches!(Book::make(&path, name, &Rng::system()), Err(BookError::Name(_))), "{name}");
    }
    Book::make(&path, "witness.example", &Rng::system()).expect("made");
    assert!(matches!(Book::make(&path, "witness.example", &Rng::system()), Err(BookError::Exists(_))));
    let book = Book::open(&path, Clock::system()).expect("opens");
    let own = Log::new().key.vkey(ORIGIN);
    assert_eq!(book.trust(&own).expect("trusted"), ORIGIN);
    assert_eq!(book.trust(&own).expect("again"), ORIGIN);
    assert!(matches!(book.trust(&SigningKey::from_seed(&[9; 32]).vkey(ORIGIN)), Err(BookError::OtherKey(_))));
    assert!(matches!(book.trust("nonsense"), Err(BookError::Vkey(_))));
    assert!(matches!(book.trust(&book.vkey()), Err(BookError::Vkey(_))), "a witness's key is no log's");
    assert_eq!(book.watched().expect("reads").len(), 1);
}
