//! A real witness over real HTTP, with faults on command, and the policy files that name such witnesses.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use countersign::core::clock::Clock;
use countersign::core::rng::Rng;
use countersign::http::listen::{Limits, serve};
use countersign::witness::{Asked, Book, Watched, router};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How the next request goes wrong, once each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status and this text.
    Says(u16, String),
    /// A redirect to itself.
    Redirect,
    /// 200 with a body that does not end soon.
    Huge,
}

type Faults = Arc<Mutex<VecDeque<Fault>>>;

/// The witness.
pub struct TestWitness {
    pub book: Arc<Book>,
    pub name: String,
    port: u16,
    faults: Faults,
    _stop: DropGuard,
    _folder: tempfile::TempDir,
}

impl TestWitness {
    /// A new one with a port of its own; it trusts nobody yet.
    pub async fn start(name: &str, clock: &Clock) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let name = format!("{name}.example");
        Book::make(folder.path(), &name, &Rng::system()).expect("made");
        let book = Arc::new(Book::open(folder.path(), clock.clone()).expect("opens"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (stop, faults) = (CancellationToken::new(), Faults::default());
        let app = router(book.clone()).layer(from_fn_with_state(faults.clone(), go_wrong));
        let limits = Limits::new(16, Duration::from_secs(5), Duration::ZERO);
        tokio::spawn(serve(listener, app, limits, stop.clone()));
        Self { book, name, port, faults, _stop: stop.drop_guard(), _folder: folder }
    }

    /// Goes wrong like this next.
    pub fn fails(&self, fault: Fault) {
        self.faults.lock().expect("one at a time").push_back(fault);
    }

    /// Its line of a policy file.
    pub fn line(&self) -> String {
        format!("witness {} {} http://127.0.0.1:{}/\n", self.name, self.book.vkey(), self.port)
    }

    /// Shows it a checkpoint by hand.
    pub async fn show(&self, note: &str) {
        self.book.add(&Asked { old: 0, proof: Vec::new(), note: note.as_bytes() }).await.expect("answers");
    }

    /// What it knows of the one log it watches.
    pub fn watched(&self) -> Watched {
        self.book.watched().expect("reads").remove(0)
    }
}

async fn go_wrong(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let fault = faults.lock().expect("one at a time").pop_front();
    match fault {
        None => next.run(request).await,
        Some(Fault::Says(status, text)) => (StatusCode::from_u16(status).expect("a status"), text).into_response(),
        Some(Fault::Redirect) => (StatusCode::TEMPORARY_REDIRECT, [("location", request.uri().to_string())]).into_response(),
        Some(Fault::Huge) => Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'a'; 65_536]))).into_response(),
    }
}

/// A policy file with these witnesses, `k` of which make the quorum.
pub fn policy_file(witnesses: &[&TestWitness], k: usize) -> (tempfile::TempDir, PathBuf) {
    let names: Vec<&str> = witnesses.iter().map(|w| w.name.as_str()).collect();
    let lines: String = witnesses.iter().map(|w| w.line()).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("witnesses");
    std::fs::write(&path, format!("# Who countersigns.\n{lines}group all-of-them {k} {}\nquorum all-of-them\n", names.join(" "))).expect("writes");
    (folder, path)
}
