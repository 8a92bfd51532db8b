//! A receiver of webhooks over real HTTP: it checks every signature itself, knows what comes again, and fails on command.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The secret both sides hold.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The longest a test waits for a request.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// A body that no client should swallow.
const HUGE_BYTES: usize = 256 * 1024 * 1024;

/// How the next request is answered, once each; then 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookAnswer {
    /// This status.
    Status(u16),
    /// A redirect to another path of the same server.
    Redirect,
    /// Never.
    Silent,
    /// 200 with a body that does not end soon.
    Huge,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Method and path.
    pub line: String,
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: String,
    /// The body.
    pub body: String,
    /// The signature is right.
    pub verified: bool,
    /// This id was answered with 200 before.
    pub replayed: bool,
}

impl Hit {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

#[derive(Debug, Default)]
struct State {
    answers: Mutex<VecDeque<HookAnswer>>,
    done: Mutex<Vec<String>>,
    /// Secrets that this side holds beside the one of the settings.
    more: Mutex<Vec<String>>,
    hits: watch::Sender<Vec<Hit>>,
    /// Bytes of a huge body that went out before the client had enough.
    swallowed: watch::Sender<Option<usize>>,
}

/// The receiver.
#[derive(Clone, Debug)]
pub struct FakeHooks {
    state: Arc<State>,
    port: u16,
    folder: Arc<tempfile::TempDir>,
}

impl FakeHooks {
    /// Listens on a port of its own.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::<State>::default();
        let served = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(served.clone(), stream));
            }
        });
        Self { state, port, folder: super::secret_file("secret", SECRET) }
    }

    /// The settings that lead here.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        vec![
            ("alerts.webhook_url", format!("http://127.0.0.1:{}/hook", self.port)),
            ("alerts.webhook_secret_file", self.folder.path().join("secret").display().to_string()),
        ]
    }

    /// The settings that have the trail streamed here.
    pub fn stream_flags(&self) -> Vec<(&'static str, String)> {
        vec![
            ("stream.webhook_url", format!("http://127.0.0.1:{}/trail/SECRET-PATH", self.port)),
            ("stream.webhook_secret_file", self.folder.path().join("secret").display().to_string()),
        ]
    }

    /// The address here.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/told", self.port)
    }

    /// From now on only this secret, and that of the settings, are right.
    pub fn holds(&self, secret: &str) {
        *self.state.more.lock().expect("one at a time") = vec![secret.to_owned()];
    }

    /// Answers like this next, in this order.
    pub fn answer(&self, answers: &[HookAnswer]) {
        self.state.answers.lock().expect("one at a time").extend(answers);
    }

    /// Every request so far.
    pub fn hits(&self) -> Vec<Hit> {
        self.state.hits.borrow().clone()
    }

    /// Waits until `n` requests came.
    pub async fn wait_for(&self, n: usize) -> Vec<Hit> {
        let mut hits = self.state.hits.subscribe();
        let came = tokio::time::timeout(WAIT_MAX, hits.wait_for(|all| all.len() >= n)).await.is_ok();
        assert!(came, "{n} requests were awaited: {:?}", self.hits());
        self.hits()
    }

    /// Waits until the client had enough of a huge body, and says how much went out.
    pub async fn wait_for_swallowed(&self) -> usize {
        let mut swallowed = self.state.swallowed.subscribe();
        let found = tokio::time::timeout(WAIT_MAX, swallowed.wait_for(Option::is_some)).await.expect("in time");
        found.expect("the server lives").expect("just checked")
    }
}

/// HMAC-SHA-256 written out, so that the check does not rest on what it checks.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

fn verified(secret: &str, id: &str, timestamp: &str, signature: &str, body: &str) -> bool {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).expect("base64");
    let right = STANDARD.encode(hmac(&key, format!("{id}.{timestamp}.{body}").as_bytes()));
    signature.split(' ').any(|one| one.strip_prefix("v1,") == Some(right.as_str()))
}

async fn answer(state: Arc<State>, mut stream: TcpStream) -> Option<()> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let header = |name: &str| {
        let found = head.lines().filter_map(|l| l.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map_or_else(String::new, |(_, v)| v.to_owned())
    };
    let size: usize = header("content-length").parse().unwrap_or(0);
    while bytes.len() < head_end + size {
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    }
    let body = String::from_utf8_lossy(&bytes[head_end..]).into_owned();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let secrets: Vec<String> = state.more.lock().expect("one at a time").iter().cloned().chain([SECRET.to_owned()]).collect();
    let verified = secrets.iter().any(|secret| verified(secret, &id, &timestamp, &header("webhook-signature"), &body));
    let replayed = state.done.lock().expect("one at a time").contains(&id);
    let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let how = if verified { state.answers.lock().expect("one at a time").pop_front().unwrap_or(HookAnswer::Status(200)) } else { HookAnswer::Status(401) };
    if how == HookAnswer::Status(200) {
        state.done.lock().expect("one at a time").push(id.clone());
    }
    state.hits.send_modify(|all| all.push(Hit { line, id, timestamp, body, verified, replayed }));
    match how {
        HookAnswer::Status(status) => say(&mut stream, &format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")).await,
        HookAnswer::Redirect => say(&mut stream, "HTTP/1.1 302 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await,
        HookAnswer::Silent => {
            while stream.read_buf(&mut bytes).await.ok()? > 0 {}
            None
        }
        HookAnswer::Huge => {
            say(&mut stream, &format!("HTTP/1.1 200 X\r\ncontent-length: {HUGE_BYTES}\r\n\r\n")).await?;
            let part = vec![b'x'; 64 * 1024];
            let mut out = 0;
            while out < HUGE_BYTES && stream.write_all(&part).await.is_ok() {
                out += part.len();
            }
            state.swallowed.send_replace(Some(out));
            Some(())
        }
    }
}

async fn say(stream: &mut TcpStream, text: &str) -> Option<()> {
    stream.write_all(text.as_bytes()).await.ok()
}
