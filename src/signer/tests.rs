//! The signer's memory: what it refuses, what outlives a crash at each step, and the same over its socket.

use std::path::Path;
use std::sync::Arc;

use countersign_audit::verify::note;
use countersign_audit::verify::vkey::Vkey;
use countersign_audit::write::leaf::{FIRST_PREV, leaf, leaf_hash};
use countersign_audit::write::proof::{consistency, inclusion};
use countersign_audit::write::tile::TileMap;
use countersign_audit::write::tree::Frontier;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::book::Step;
use super::{Book, LocalSigner, RemoteSigner, serve};
use crate::core::rng::Rng;
use crate::db::signer::{Claim, EpochEnd, SignError, Signer};

const ORIGIN: &str = "test.example/audit/1";

/// A log in memory.
#[derive(Clone)]
struct Log(Vec<Vec<u8>>);

impl Log {
    fn of(size: u64) -> Self {
        let mut log = Self(Vec::new());
        (0..size).for_each(|n| log.add("server.start", &format!(r#""data":{{"n":{n}}},"#)));
        log
    }

    fn add(&mut self, action: &str, data: &str) {
        let seq = self.0.len() as u64;
        let body = format!(
            r#"{{"action":"{action}","actor":{{"type":"system"}},"app":{{"build":"b","ver":"0"}},"boot":"b","category":"system",{data}"id":"evt_{seq:032x}","log":"{ORIGIN}","mono_us":0,"node":"n","outcome":"ok","resource":{{"type":"server"}},"ts":"2026-01-15T12:00:00.000000Z","v":1}}"#
        );
        let prev = self.0.last().map_or(FIRST_PREV, |leaf| leaf_hash(leaf));
        self.0.push(leaf(body.as_bytes(), seq, &prev).expect("it fits"));
    }

    fn end_epoch(&mut self, n: u64, next_vkey: &str) {
        self.add("epoch.rotate", &format!(r#""data":{{"n":{n},"next_vkey":"{next_vkey}"}},"#));
    }

    fn tiles(&self) -> TileMap {
        assert!(self.0.len() < 256);
        TileMap::from([((0, 0), self.0.iter().map(|leaf| leaf_hash(leaf)).collect())])
    }

    /// A claim of all there is, proved from `old` on.
    fn claim(&self, old: u64) -> Claim {
        let mut frontier = Frontier::new();
        self.0.iter().for_each(|leaf| frontier.push(leaf_hash(leaf)));
        let size = self.0.len() as u64;
        let proof = if old > 0 && old < size { consistency(old, size, &self.tiles()).expect("on hand") } else { Vec::new() };
        Claim { origin: ORIGIN.into(), size, root: frontier.root(), proof, end: None }
    }

    /// The same, and its last entry ends an epoch.
    fn end(&self, old: u64) -> Claim {
        let size = self.0.len() as u64;
        let end = EpochEnd { leaf: self.0.last().expect("an entry").clone(), inclusion: inclusion(size - 1, size, &self.tiles()).expect("on hand") };
        Claim { end: Some(end), ..self.claim(old) }
    }
}

fn book(folder: &Path) -> Book {
    Book::new(&[7; 32], folder, Rng::system())
}

fn begun(folder: &Path) -> Book {
    let book = book(folder);
    book.begin(ORIGIN).expect("begins");
    book
}

fn is_sealed_by(note: &str, vkey: &str) -> bool {
    note::open(note.as_bytes(), &Vkey::parse(vkey).expect("a key")).is_ok()
}

fn keys(folder: &Path) -> Vec<String> {
    let place = std::fs::read_dir(folder).expect("lists").next().expect("a log").expect("lists").path();
    let names = std::fs::read_dir(place).expect("lists").map(|e| e.expect("lists").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("key-")).collect();
    names.sort();
    names
}

#[test]
fn a_signer_signs_only_what_extends_what_it_signed() {
    let folder = tempfile::tempdir().expect("a folder");
    let signer = begun(folder.path());
    let (five, nine) = (Log::of(5), Log::of(9));
    let first = signer.sign(&five.claim(0)).expect("the first");
    assert_eq!(signer.sign(&five.claim(0)).expect("again"), first, "the same for the same");
    let mut fork = Log::of(4);
    fork.add("server.start", r#""data":{"n":99},"#);
    let forked = |signer: &Book, claim: &Claim| matches!(signer.sign(claim), Err(SignError::Inconsistent(_)));
    assert!(forked(&signer, &fork.claim(0)), "another root of one size");
    assert!(forked(&signer, &Log::of(4).claim(0)), "fewer");
    fork.add("server.start", "");
    assert!(forked(&signer, &fork.claim(5)), "another history");
    assert!(forked(&signer, &Claim { proof: Vec::new(), ..nine.claim(5) }), "no proof");
    // Also after a restart, and nothing of that moved it.
    let signer = book(folder.path());
    assert!(forked(&signer, &fork.claim(5)));
    assert_eq!(signer.last(ORIGIN).expect("remembers").map(|(size, _)| size), Some(5));
    signer.sign(&nine.claim(5)).expect("an extension");
    assert!(forked(&signer, &five.claim(0)), "back again");
    assert!(
        matches!(signer.sign(&Claim { origin: "other.example/audit/1".into(), ..nine.claim(0) }), Err(SignError::NotAllowed(_))),
        "a log it was not told of"
    );
}

#[test]
fn a_lost_or_touched_memory_is_no_fresh_start() {
    for touch in ["gone", "empty", "other", "flipped"] {
        let folder = tempfile::tempdir().expect("a folder");
        begun(folder.path()).sign(&Log::of(5).claim(0)).expect("signs");
        let place = std::fs::read_dir(folder.path()).expect("lists").next().expect("one").expect("lists").path();
        let state = place.join("state");
        let text = std::fs::read_to_string(&state).expect("reads");
        match touch {
            "gone" => std::fs::remove_file(&state).expect("removed"),
            "empty" => std::fs::write(&state, "").expect("written"),
            "other" => std::fs::write(&state, text.replace(ORIGIN, "other.example/audit/1")).expect("written"),
            _ => std::fs::write(&state, text.replace("\\n5\\n", "\\n4\\n")).expect("written"),
        }
        let signer = book(folder.path());
        assert!(matches!(signer.last(ORIGIN), Err(SignError::Lost(_))), "{touch}");
        assert!(matches!(signer.sign(&Log::of(9).claim(5)), Err(SignError::Lost(_))), "{touch}");
        assert!(signer.logs().is_err(), "{touch}");
        assert!(touch == "gone" || signer.begin(ORIGIN).is_err(), "{touch}");
    }
}

#[test]
fn an_epoch_ends_with_its_entry_and_its_key_is_erased() {
    let folder = tempfile::tempdir().expect("a folder");
    let signer = begun(folder.path());
    let mut log = Log::of(3);
    signer.sign(&log.claim(0)).expect("signs");
    let first = signer.next_epoch(ORIGIN).expect("ready");
    assert_eq!(signer.next_epoch(ORIGIN).expect("ready"), first, "the same until it begins");
    log.end_epoch(0, &first.next_vkey);
    let note = signer.sign(&log.end(3)).expect("signs");
    assert!(!is_sealed_by(&note, &first.next_vkey), "what is before the first epoch has no seal");
    log.add("server.start", "");
    assert!(is_sealed_by(&signer.sign(&log.claim(4)).expect("signs"), &first.next_vkey));
    let second = signer.next_epoch(ORIGIN).expect("ready");
    log.end_epoch(1, &second.next_vkey);
    let end = signer.sign(&log.end(5)).expect("signs");
    assert!(is_sealed_by(&end, &first.next_vkey) && !is_sealed_by(&end, &second.next_vkey));
    assert_eq!(keys(folder.path()), ["key-2"], "the old key is gone");
    assert_eq!(signer.ended(ORIGIN, 1).expect("remembers").as_deref(), Some(end.as_str()));
    assert_eq!(signer.ended(ORIGIN, 2).expect("runs"), None);
    log.add("server.start", "");
    assert!(is_sealed_by(&signer.sign(&log.claim(6)).expect("signs"), &second.next_vkey));
    // Without the key of the epoch that runs nothing is signed: no other key may seal what comes.
    let place = std::fs::read_dir(folder.path()).expect("lists").next().expect("one").expect("lists").path();
    std::fs::remove_file(place.join("key-2")).expect("removed");
    assert!(matches!(book(folder.path()).last(ORIGIN), Err(SignError::Lost(_))));
}

#[test]
fn an_epoch_does_not_end_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let signer = begun(folder.path());
    let log = Log::of(3);
    signer.sign(&log.claim(0)).expect("signs");
    let next = signer.next_epoch(ORIGIN).expect("ready").next_vkey;
    let strange = Book::new(&[8; 32], folder.path(), Rng::system()).vkey(&format!("{ORIGIN}/epoch"));
    let ended = |n: u64, vkey: &str| {
        let mut log = log.clone();
        log.end_epoch(n, vkey);
        log
    };
    let mut another = log.clone();
    another.add("server.start", "");
    let mut behind = ended(0, &next);
    behind.add("server.start", "");
    let early = Claim { end: ended(0, &next).end(3).end, ..behind.claim(3) };
    for (name, claim) in
        [("a key of its own", ended(0, &strange).end(3)), ("another epoch", ended(1, &next).end(3)), ("another entry", another.end(3)), ("not the last", early)]
    {
        assert!(matches!(signer.sign(&claim), Err(SignError::Inconsistent(_))), "{name}");
    }
    assert_eq!(signer.last(ORIGIN).expect("remembers").map(|(size, _)| size), Some(3));
    signer.sign(&ended(0, &next).end(3)).expect("the right one");
}

#[test]
fn killed_at_any_step_it_goes_on_with_the_same_keys_and_signatures() {
    for step in [Step::NextKey, Step::EndKept, Step::MemoryKept, Step::KeyOverwritten, Step::Answer] {
        let folder = tempfile::tempdir().expect("a folder");
        let signer = begun(folder.path());
        let mut log = Log::of(3);
        signer.sign(&log.claim(0)).expect("signs");
        let first = signer.next_epoch(ORIGIN).expect("ready").next_vkey;
        log.end_epoch(0, &first);
        signer.sign(&log.end(3)).expect("signs");
        log.add("server.start", "");
        signer.sign(&log.claim(4)).expect("signs");
        // The same done without any crash, elsewhere, says what must come of it; only the second key is another.
        let dying = || book(folder.path()).stopping_at(step);
        let second = dying().next_epoch(ORIGIN).or_else(|_| book(folder.path()).next_epoch(ORIGIN)).expect("ready").next_vkey;
        log.end_epoch(1, &second);
        let died = dying().sign(&log.end(5));
        assert_eq!(died.is_err(), step != Step::NextKey, "{step:?}");
        // Started again, asked again.
        let signer = book(folder.path());
        assert!(signer.logs().is_ok(), "{step:?}");
        let end = match signer.ended(ORIGIN, 1).expect("remembers") {
            Some(end) => end,
            None => signer.sign(&log.end(5)).expect("signs"),
        };
        assert!(is_sealed_by(&end, &first), "{step:?}");
        assert_eq!(signer.sign(&log.claim(5)).expect("the same"), end, "{step:?}");
        log.add("server.start", "");
        assert!(is_sealed_by(&signer.sign(&log.claim(6)).expect("signs"), &second), "{step:?}");
        assert_eq!(keys(folder.path()), ["key-2"], "{step:?}");
    }
}

/// A signer behind a socket, for the user who runs the suite or for another.
struct Served {
    folder: tempfile::TempDir,
    stop: CancellationToken,
}

impl Served {
    fn start(other: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("logs")).expect("a folder");
        let book = begun(&folder.path().join("logs"));
        let listener = UnixListener::bind(folder.path().join("socket")).expect("binds");
        let stop = CancellationToken::new();
        let uid = rustix::process::geteuid().as_raw() + other;
        tokio::spawn(serve(book, listener, uid, stop.clone()));
        Self { folder, stop }
    }

    async fn open(&self) -> Result<RemoteSigner, SignError> {
        RemoteSigner::open(&self.folder.path().join("socket"), self.folder.path(), true).await
    }
}

#[tokio::test]
async fn over_its_socket_it_answers_as_it_would_here() {
    let served = Served::start(0);
    let remote = served.open().await.expect("met");
    let folder = tempfile::tempdir().expect("a folder");
    let local = LocalSigner::new(&[7; 32], folder.path(), &Rng::system());
    local.begin(ORIGIN).await.expect("begins");
    assert_eq!(remote.vkey(ORIGIN), local.vkey(ORIGIN));
    let both: [Arc<dyn Signer>; 2] = [Arc::new(remote), Arc::new(local)];
    for signer in &both {
        assert_eq!(signer.last(ORIGIN).await.expect("remembers"), None);
    }
    let claim = Log::of(5).claim(0);
    let notes = [both[0].sign(claim.clone()).await.expect("signs"), both[1].sign(claim.clone()).await.expect("signs")];
    assert_eq!(notes[0], notes[1]);
    for signer in both {
        assert_eq!(signer.last(ORIGIN).await.expect("remembers"), Some((5, claim.root)));
        assert!(matches!(signer.sign(Log::of(4).claim(0)).await, Err(SignError::Inconsistent(_))));
        assert_eq!(signer.ended(ORIGIN, 0).await.expect("runs"), None);
        let next = signer.next_epoch(ORIGIN).await.expect("ready");
        let mut log = Log::of(5);
        log.end_epoch(0, &next.next_vkey);
        let end = signer.sign(log.end(5)).await.expect("signs");
        assert_eq!(signer.ended(ORIGIN, 0).await.expect("remembers"), Some(end));
        assert!(matches!(signer.last("x.example/audit/1").await, Err(SignError::NotAllowed(_) | SignError::Lost(_))));
    }
    served.stop.cancel();
}

#[tokio::test]
async fn another_user_hears_nothing() {
    let served = Served::start(1);
    assert!(matches!(served.open().await, Err(SignError::Away("connection_lost"))));
    served.stop.cancel();
}

#[tokio::test]
async fn what_is_no_request_ends_no_signer() {
    let served = Served::start(0);
    for junk in [&b"\n"[..], b"{}\n", b"{\"ask\":\"sign\"}\n", b"\xff\xfe\n", &[b'a'; 300_000]] {
        let mut stream = UnixStream::connect(served.folder.path().join("socket")).await.expect("connects");
        // One that is too long is broken off while it is written.
        let _ = stream.write_all(junk).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains("\"ok\""), "{answer:?}");
    }
    let remote = served.open().await.expect("met");
    remote.sign(Log::of(2).claim(0)).await.expect("it still signs");
    served.stop.cancel();
}

#[tokio::test]
async fn a_signer_with_another_key_is_not_believed() {
    let served = Served::start(0);
    let other = Book::new(&[8; 32], served.folder.path(), Rng::system()).vkey("signer");
    super::remember(served.folder.path(), &other).expect("kept");
    let remote = served.open().await.expect("its key is known");
    assert!(matches!(remote.sign(Log::of(2).claim(0)).await, Err(SignError::Away("bad_signature"))));
    // One that is met first is believed only while there is nothing to sign for.
    std::fs::remove_file(served.folder.path().join("vkey")).expect("removed");
    assert!(RemoteSigner::open(&served.folder.path().join("socket"), served.folder.path(), false).await.is_err());
    served.stop.cancel();
    let away = tempfile::tempdir().expect("a folder");
    super::remember(away.path(), &other).expect("kept");
    let remote = RemoteSigner::open(&away.path().join("socket"), away.path(), false).await.expect("its key is known");
    assert!(matches!(remote.last(ORIGIN).await, Err(SignError::Away("no_connection"))));
}
