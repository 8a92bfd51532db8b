//! The one way this program asks another over HTTP: witnesses, time-stamping authorities, webhooks.
//! Must stay true: a try ends in time, no redirect is followed, nothing is tried again by the library, no proxy of the
//! environment is used, and of an answer no more is read than was allowed.

use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::{Client, ClientBuilder, Response, redirect, retry};

use crate::core::fault::{Context as _, Fault};

/// A client whose tries end after `try_max` and that keeps at most `idle` connections to a host for the next one.
///
/// # Errors
/// When it cannot be made: no certificates to trust.
pub fn new(try_max: Duration, idle: usize) -> Result<Client, Fault> {
    with_connect(try_max, try_max, idle)
}

/// The same with a time of its own for the connection: what ends within it has certainly said nothing yet.
///
/// # Errors
/// As [`new`].
pub fn with_connect(connect_max: Duration, try_max: Duration, idle: usize) -> Result<Client, Fault> {
    builder(connect_max, try_max, idle).build().context("make a client")
}

/// A client that connects only to what `resolver` lets it, and keeps no connection.
///
/// # Errors
/// As [`new`].
pub fn with_resolver<R: Resolve + 'static>(try_max: Duration, resolver: Arc<R>) -> Result<Client, Fault> {
    builder(try_max, try_max, 0).dns_resolver(resolver).build().context("make a client")
}

fn builder(connect_max: Duration, try_max: Duration, idle: usize) -> ClientBuilder {
    Client::builder()
        .timeout(try_max)
        .connect_timeout(connect_max)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .referer(false)
        .pool_max_idle_per_host(idle)
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
}

/// Why a request got no answer, as a stable class.
#[must_use]
pub fn trouble(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "no_connection"
    } else {
        "connection_lost"
    }
}

/// The whole answer; none when it breaks off or has more than `bytes_max`.
pub async fn read(mut answer: Response, bytes_max: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.ok()? {
        if bytes.len() + part.len() > bytes_max {
            return None;
        }
        bytes.extend_from_slice(&part);
    }
    Some(bytes)
}
