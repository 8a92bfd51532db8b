//! A time-stamping authority over real HTTP: OpenSSL answers, and goes wrong on command.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use countersign::http::listen::{Limits, serve};
use tokio_util::sync::{CancellationToken, DropGuard};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/tsa.sh");
const ANSWER: &str = "application/timestamp-reply";

/// How the next answer goes wrong, once each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TsaFault {
    /// This status and nothing else.
    Status(u16),
    /// A redirect to itself.
    Redirect,
    /// The connection is closed without an answer.
    Cut,
    /// A good answer that says it is a page.
    Page,
    /// A body that does not end soon.
    Huge,
    /// Bytes that are no answer.
    Garbage,
    /// A refusal in due form.
    Rejected,
    /// A token over another hash.
    OtherHash,
    /// A token that answers another request over the same hash.
    OtherNonce,
    /// A token whose signature was altered.
    OtherKey,
    /// A token by this certificate: `expired`, `no-purpose`, `not-critical` or `strange-tsa`.
    By(&'static str),
}

struct Shared {
    folder: tempfile::TempDir,
    faults: Mutex<VecDeque<TsaFault>>,
    asked: Mutex<usize>,
}

/// The authority.
pub struct TestTsa {
    shared: Arc<Shared>,
    port: u16,
    _stop: DropGuard,
}

fn run(folder: &Path, args: &[&str]) {
    let ran = Command::new("bash").arg(SCRIPT).args(args).current_dir(folder).output().expect("bash runs");
    assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

impl TestTsa {
    /// A new one with keys and a port of its own.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        run(folder.path(), &["init"]);
        let shared = Arc::new(Shared { folder, faults: Mutex::default(), asked: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let stop = CancellationToken::new();
        let app = Router::new().route("/tsr", post(answer)).with_state(shared.clone());
        tokio::spawn(serve(listener, app, Limits::new(16, Duration::from_secs(5), Duration::ZERO), stop.clone()));
        Self { shared, port, _stop: stop.drop_guard() }
    }

    /// Goes wrong like this next.
    pub fn fails(&self, fault: TsaFault) {
        self.shared.faults.lock().expect("one at a time").push_back(fault);
    }

    /// Goes wrong no more.
    pub fn recovers(&self) {
        self.shared.faults.lock().expect("one at a time").clear();
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        *self.shared.asked.lock().expect("one at a time")
    }

    /// The address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/tsr", self.port)
    }

    /// The file of the certificate that vouches for it.
    pub fn roots(&self) -> String {
        self.shared.folder.path().join("root.pem").display().to_string()
    }

    /// The settings that name it.
    pub fn flags(&self) -> Vec<(String, String)> {
        [("timestamp.url", self.url()), ("timestamp.roots", self.roots())].map(|(key, value)| (key.to_owned(), value)).to_vec()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, query: Bytes) -> Response {
    let fault = shared.faults.lock().expect("one at a time").pop_front();
    *shared.asked.lock().expect("one at a time") += 1;
    let plain = |bytes: Vec<u8>| ([("content-type", ANSWER)], bytes).into_response();
    match fault {
        Some(TsaFault::Status(status)) => StatusCode::from_u16(status).expect("a status").into_response(),
        Some(TsaFault::Redirect) => (StatusCode::TEMPORARY_REDIRECT, [("location", "/tsr")]).into_response(),
        Some(TsaFault::Cut) => {
            let broken = futures_util::stream::iter([Ok(vec![0x30_u8]), Err(std::io::Error::other("cut"))]);
            ([("content-type", ANSWER), ("content-length", "9000")], Body::from_stream(broken)).into_response()
        }
        Some(TsaFault::Huge) => {
            let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'a'; 65_536]));
            ([("content-type", ANSWER)], Body::from_stream(endless)).into_response()
        }
        Some(TsaFault::Garbage) => plain(b"no answer".to_vec()),
        Some(TsaFault::Rejected) => plain(vec![0x30, 5, 0x30, 3, 2, 1, 2]),
        fault => {
            let page = fault == Some(TsaFault::Page);
            let made = tokio::task::spawn_blocking(move || reply(shared.folder.path(), &query, fault.as_ref())).await.expect("OpenSSL answers");
            if page { ([("content-type", "text/html")], made).into_response() } else { plain(made) }
        }
    }
}

/// What OpenSSL answers.
fn reply(folder: &Path, query: &[u8], fault: Option<&TsaFault>) -> Vec<u8> {
    let place = tempfile::tempdir_in(folder).expect("a folder");
    let file = |name: &str| place.path().join(name).display().to_string();
    std::fs::write(file("query"), query).expect("written");
    // The hash stands after the tag and length of 32 bytes.
    let at = query.windows(2).position(|two| two == [4, 32]).expect("a hash") + 2;
    let hash = hex::encode(&query[at..at + 32]);
    let signer = match fault {
        Some(TsaFault::By(signer)) => signer,
        _ => "tsa",
    };
    match fault {
        Some(TsaFault::OtherHash) => run(folder, &["again", &"ab".repeat(32), &file("query")]),
        Some(TsaFault::OtherNonce) => run(folder, &["again", &hash, &file("query")]),
        _ => {}
    }
    run(folder, &["reply", signer, &file("query"), &file("answer")]);
    let mut answer = std::fs::read(file("answer")).expect("answered");
    if fault == Some(&TsaFault::OtherKey) {
        *answer.last_mut().expect("a signature") ^= 1;
    }
    answer
}
