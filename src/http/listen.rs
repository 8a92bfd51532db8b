//! Accepts connections and serves HTTP/1 on them. Every wait has a bound: for a free place, for a header, for a client that
//! does not read, for requests in flight at shutdown.
//! Must stay true: hyper has a timer, without which its header timeout does nothing; one connection's panic ends that
//! connection alone.

mod stall;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use stall::Stall;

/// Header lines of one request.
const HEADERS_MAX: usize = 64;
/// Bytes of one request's head, from its first line to the empty one.
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// Bytes of a connection's buffer in each direction.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// A client that takes no byte of its response for this long is cut off.
const WRITE_STALL_MAX: Duration = Duration::from_secs(30);
/// How long to wait when the system gives no more file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds of the listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections at once; further ones wait in the system's queue.
    pub connections_max: usize,
    /// How long a request's head may take, and how long an idle connection is kept.
    pub header_timeout: Duration,
    /// How long a client may take no byte of its response.
    pub write_stall: Duration,
    /// How long requests in flight may take once shutdown began.
    pub drain: Duration,
}

impl Limits {
    /// The bounds of the configuration, with the fixed one for clients that do not read.
    #[must_use]
    pub const fn new(connections_max: usize, header_timeout: Duration, drain: Duration) -> Self {
        Self { connections_max, header_timeout, write_stall: WRITE_STALL_MAX, drain }
    }
}

/// Serves `app` on `listener` until `shutdown`, then finishes what is in flight for as long as the limits allow.
///
/// # Errors
/// None at present: a failed accept is waited out.
pub async fn serve(listener: TcpListener, app: Router, limits: Limits, shutdown: CancellationToken) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let http = protocol(limits);
    let mut connections = JoinSet::new();
    while let Some(Ok(place)) = unless(&shutdown, places.clone().acquire_owned()).await {
        let Some((stream, peer)) = unless(&shutdown, accept(&listener)).await else { break };
        let (http, app, shutdown) = (http.clone(), app.clone(), shutdown.clone());
        connections.spawn(async move {
            let _place = place;
            connection(stream, peer, &http, app, limits.write_stall, shutdown).await;
        });
        reap(&mut connections);
    }
    // The queue of waiting connections goes with the listener, so that a load balancer turns elsewhere at once.
    drop(listener);
    drain(connections, limits.drain).await;
    Ok(())
}

fn protocol(limits: Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEADER_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX);
    http
}

/// The future's output, or none when shutdown comes first.
async fn unless<F: Future>(shutdown: &CancellationToken, future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        output = future => Some(output),
    }
}

/// The next connection; failures of one client are skipped, those of the system are waited out.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) => {}
            Err(error) => {
                if !told {
                    tracing::error!(%error, "no connection can be accepted for now");
                    told = true;
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, http: &http1::Builder, app: Router, write_stall: Duration, shutdown: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it was served");
        return;
    }
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().oneshot(request)
    });
    let mut served = pin!(http.serve_connection(TokioIo::new(Stall::new(stream, write_stall)), service));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = shutdown.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        // Clients come and go as they like; only the kind is told, never what they sent.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Forgets the connections that have ended.
fn reap(connections: &mut JoinSet<()>) {
    while let Some(ended) = connections.try_join_next() {
        report(ended);
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a connection's task panicked");
    }
}

/// Waits for the connections to end, then ends them.
async fn drain(mut connections: JoinSet<()>, limit: Duration) {
    let all = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if tokio::time::timeout(limit, all).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections were cut off, since they took too long to finish");
        connections.shutdown().await;
    }
}
