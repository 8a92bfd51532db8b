//! The listener over real connections, with short limits.

use axum::http::StatusCode;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::*;

/// Nothing here waits longer than this, unless something hangs.
const PATIENCE: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(300);

fn limits() -> Limits {
    Limits { connections_max: 16, header_timeout: PATIENCE, write_stall: PATIENCE, drain: PATIENCE }
}

/// A server on a port of its own.
struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<io::Result<()>>,
    /// Told by the client to let a `/slow` request go on.
    go: Arc<Notify>,
    /// Told by the server when a `/slow` request has begun.
    begun: Arc<Notify>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let (go, begun) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (wait, tell) = (go.clone(), begun.clone());
        let slow = move || async move {
            tell.notify_one();
            wait.notified().await;
            "slow"
        };
        let app = Router::new()
            .route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }))
            .route("/slow", get(slow))
            .route("/panic", get(panicking))
            .route("/big", get(|| async { vec![b'x'; 64 * 1024 * 1024] }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, app, limits, shutdown.clone()));
        Self { address, shutdown, task, go, begun }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connected")
    }

    async fn stopped(self) {
        self.shutdown.cancel();
        self.ended().await;
    }

    async fn ended(self) {
        timeout(PATIENCE, self.task).await.expect("ends").expect("no panic").expect("no error");
    }
}

async fn panicking() -> StatusCode {
    panic!("a handler's panic")
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("sent");
}

/// Everything up to the end of the stream; a reset counts as its end.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    drop(timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server closes"));
    String::from_utf8(bytes).expect("UTF-8")
}

/// What has arrived so far, at least one byte.
async fn some(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let size = timeout(PATIENCE, stream.read(&mut bytes)).await.expect("an answer").expect("read");
    String::from_utf8_lossy(&bytes[..size]).into_owned()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const GET_CLOSE: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_handler_knows_the_peers_address() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    let own = client.local_addr().expect("an address").to_string();
    send(&mut client, GET_CLOSE).await;
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(&own), "{answer}");
    server.stopped().await;
}

#[tokio::test]
async fn a_header_that_never_ends_is_cut_off_after_the_header_timeout() {
    let server = Server::start(Limits { header_timeout: SHORT, ..limits() }).await;
    let mut client = server.connect().await;
    let start = Instant::now();
    send(&mut client, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert!(!rest(&mut client).await.starts_with("HTTP/1.1 200"));
    assert!(start.elapsed() >= SHORT, "{:?}", start.elapsed());
    server.stopped().await;
}

#[tokio::test]
async fn bytes_that_trickle_in_do_not_prolong_the_header_timeout() {
    let server = Server::start(Limits { header_timeout: SHORT, ..limits() }).await;
    let (mut reader, mut writer) = server.connect().await.into_split();
    let trickle = tokio::spawn(async move {
        while writer.write_all(b"G").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut bytes = Vec::new();
    drop(timeout(PATIENCE, reader.read_to_end(&mut bytes)).await.expect("the server closes"));
    timeout(PATIENCE, trickle).await.expect("the writer notices").expect("no panic");
    server.stopped().await;
}

#[tokio::test]
async fn a_silent_connection_and_an_idle_one_are_closed_too() {
    let server = Server::start(Limits { header_timeout: SHORT, ..limits() }).await;
    let mut silent = server.connect().await;
    let mut idle = server.connect().await;
    send(&mut idle, GET).await;
    assert!(some(&mut idle).await.starts_with("HTTP/1.1 200"));
    assert_eq!(rest(&mut silent).await, "");
    assert_eq!(rest(&mut idle).await, "");
    server.stopped().await;
}

#[tokio::test]
async fn a_header_that_is_too_long_or_has_too_many_lines_is_answered_431() {
    let server = Server::start(limits()).await;
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(40 * 1024));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: 1\r\n".repeat(70));
    let endless = format!("GET /{}", "a".repeat(33 * 1024));
    for text in [long, many, endless] {
        let mut client = server.connect().await;
        send(&mut client, &text).await;
        let answer = some(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    let fits = format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {}\r\n\r\n", "a".repeat(30 * 1024));
    let mut client = server.connect().await;
    send(&mut client, &fits).await;
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 200"));
    server.stopped().await;
}

#[tokio::test]
async fn beyond_the_cap_a_connection_waits_until_another_ends() {
    let server = Server::start(Limits { connections_max: 1, ..limits() }).await;
    let mut first = server.connect().await;
    send(&mut first, GET).await;
    assert!(some(&mut first).await.starts_with("HTTP/1.1 200"));
    let mut second = server.connect().await;
    send(&mut second, GET_CLOSE).await;
    let mut byte = [0];
    assert!(timeout(SHORT, second.peek(&mut byte)).await.is_err(), "served beyond the cap");
    drop(first);
    assert!(rest(&mut second).await.starts_with("HTTP/1.1 200"));
    server.stopped().await;
}

#[tokio::test]
async fn shutdown_finishes_the_request_in_flight_and_accepts_no_more() {
    let server = Server::start(limits()).await;
    let mut idle = server.connect().await;
    send(&mut idle, GET).await;
    assert!(some(&mut idle).await.starts_with("HTTP/1.1 200"));
    let mut silent = server.connect().await;
    let mut client = server.connect().await;
    send(&mut client, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.begun.notified().await;
    server.shutdown.cancel();
    assert_eq!(rest(&mut silent).await, "", "a silent connection ends at once");
    assert_eq!(rest(&mut idle).await, "", "an idle connection ends at once");
    assert!(TcpStream::connect(server.address).await.is_err(), "a new connection is refused");
    server.go.notify_one();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("slow"), "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn a_request_that_outlasts_the_drain_is_cut_off() {
    let server = Server::start(Limits { drain: SHORT, ..limits() }).await;
    let mut client = server.connect().await;
    send(&mut client, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.begun.notified().await;
    let start = Instant::now();
    server.stopped().await;
    assert!(start.elapsed() >= SHORT, "{:?}", start.elapsed());
    assert_eq!(rest(&mut client).await, "");
}

#[tokio::test]
async fn a_panic_ends_its_connection_alone() {
    let server = Server::start(Limits { connections_max: 1, ..limits() }).await;
    for _ in 0..3 {
        let mut client = server.connect().await;
        send(&mut client, "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(rest(&mut client).await, "");
    }
    let mut client = server.connect().await;
    send(&mut client, GET_CLOSE).await;
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 200"));
    server.stopped().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_place() {
    let server = Server::start(Limits { connections_max: 1, write_stall: SHORT, ..limits() }).await;
    let mut lazy = server.connect().await;
    send(&mut lazy, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut next = server.connect().await;
    send(&mut next, GET_CLOSE).await;
    assert!(rest(&mut next).await.starts_with("HTTP/1.1 200"));
    drop(lazy);
    server.stopped().await;
}

#[tokio::test]
async fn several_requests_share_a_connection() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        send(&mut client, GET).await;
        assert!(some(&mut client).await.starts_with("HTTP/1.1 200"));
    }
    server.stopped().await;
}

#[tokio::test]
async fn the_old_and_the_new_protocol_by_its_preface_are_not_spoken() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    send(&mut client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!rest(&mut client).await.starts_with("HTTP/1.1 200"));
    server.stopped().await;
}
