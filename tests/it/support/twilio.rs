//! Twilio over real HTTP, as it behaves: it keeps what it accepted, answers late, wrongly, twice or not at all on command, tells
//! by signed callbacks in any order, and lists what it has. It counts what came in at its own door.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::core::clock::Clock;
use countersign::core::rng::Rng;
use countersign::messages::signature::sign;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub const SID: &str = "AC00112233445566778899aabbccddeeff";
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub const FROM: &str = "+15005550006";
/// Bytes that no client should swallow.
pub(super) const HUGE_BYTES: usize = 3 << 30;

/// How the next message is answered, once each; then as [`Does::Accepts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// 201.
    Accepts,
    /// 400 or 429 with this code; not processed.
    Refuses(u16, i64),
    /// 500 after it was processed.
    FailsAfter,
    /// Never an answer, though it was processed.
    HangsAfter,
    /// The connection is reset before anything was processed.
    ResetsBefore,
    /// The connection is reset after it was processed.
    ResetsAfter,
    /// 201 with something that is no JSON, though it was processed.
    Garbles,
    /// 201 with an answer that does not end soon, though it was processed.
    Floods,
    /// 307 to another place; not processed.
    Redirects,
    /// Tells of it before it answers.
    TellsFirst,
    /// Accepts, then resets, and tells of it before that.
    TellsAndResets,
}

/// How a file is handed out, whenever it is asked for.
#[derive(Clone, Debug)]
pub enum Serves {
    /// 200 with these bytes.
    File(Vec<u8>),
    /// 307 to another place.
    Redirects(String),
    /// This status.
    Fails(u16),
    /// More bytes than anybody wants; `says` how many beforehand or not.
    Floods { says: bool },
}

/// A message that Twilio has.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub sid: String,
    pub to: String,
    pub from: String,
    pub body: String,
    pub callback: Option<String>,
    pub validity: u32,
    pub status: String,
    pub made_at: i64,
}

impl Accepted {
    /// Our own id of it, out of the address it is told at.
    pub fn mid(&self) -> String {
        self.callback.as_deref().and_then(|url| url.rsplit_once("mid=")).map(|(_, mid)| mid.to_owned()).unwrap_or_default()
    }
}

#[derive(Debug)]
struct State {
    does: Mutex<VecDeque<Does>>,
    files: Mutex<HashMap<String, Serves>>,
    /// Picks at random among the faults, for each message.
    wild: AtomicBool,
    accepted: watch::Sender<Vec<Accepted>>,
    requests: watch::Sender<Vec<String>>,
    clock: Clock,
}

/// The fake.
#[derive(Clone, Debug)]
pub struct FakeTwilio {
    state: Arc<State>,
    port: u16,
    folder: Arc<tempfile::TempDir>,
}

impl FakeTwilio {
    /// Listens on a port of its own; `clock` dates what it accepts.
    pub async fn start(clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::new(State {
            does: Mutex::default(),
            files: Mutex::default(),
            wild: AtomicBool::new(false),
            accepted: watch::Sender::default(),
            requests: watch::Sender::default(),
            clock,
        });
        let served = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(served.clone(), stream));
            }
        });
        Self { state, port, folder: super::secret_file("token", TOKEN) }
    }

    /// The settings that lead here.
    pub fn flags(&self) -> Vec<(String, String)> {
        [
            ("twilio.account_sid", SID.to_owned()),
            ("twilio.auth_token_file", self.folder.path().join("token").display().to_string()),
            ("twilio.sender", FROM.to_owned()),
            ("twilio.api_url", format!("http://127.0.0.1:{}", self.port)),
            ("twilio.per_second", "1000".to_owned()),
        ]
        .map(|(k, v)| (k.to_owned(), v))
        .to_vec()
    }

    /// Does this next, in this order.
    pub fn does(&self, what: &[Does]) {
        self.state.does.lock().expect("one at a time").extend(what);
    }

    /// Where a file is.
    pub fn media(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/2010-04-01/Accounts/{SID}/Messages/MM00/Media/{name}", self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Hands a file out like this from now on.
    pub fn serves(&self, name: &str, how: Serves) {
        self.state.files.lock().expect("one at a time").insert(name.to_owned(), how);
    }

    /// From now on every message meets a fault or none, by chance.
    pub fn goes_wild(&self) {
        self.state.wild.store(true, Ordering::SeqCst);
    }

    /// What came in and was processed.
    pub fn accepted(&self) -> Vec<Accepted> {
        self.state.accepted.borrow().clone()
    }

    /// The first lines of all requests.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.borrow().clone()
    }
}

/// A signed callback, as Twilio posts it.
pub fn callback(sid: &str, to: &str, status: &str, code: &str) -> Vec<(String, String)> {
    let mut form: Vec<(String, String)> = [
        ("MessageSid", sid),
        ("SmsSid", sid),
        ("AccountSid", SID),
        ("MessageStatus", status),
        ("SmsStatus", status),
        ("From", FROM),
        ("To", to),
        ("ApiVersion", "2010-04-01"),
    ]
    .map(|(n, v)| (n.to_owned(), v.to_owned()))
    .to_vec();
    if !code.is_empty() {
        form.push(("ErrorCode".into(), code.into()));
    }
    form
}

async fn tell(accepted: &Accepted, status: &str, code: &str) -> Option<u16> {
    let url = accepted.callback.as_deref()?;
    let form = callback(&accepted.sid, &accepted.to, status, code);
    let client = countersign::client::new(Duration::from_secs(15), 0).expect("a client");
    let request = client.post(url).header("x-twilio-signature", sign(TOKEN, url, &form)).header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(serde_urlencoded::to_string(&form).expect("a form")).send().await.ok()?;
    Some(answer.status().as_u16())
}

pub(super) async fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:").and_then(|n| n.trim().parse::<usize>().ok())).unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, String::from_utf8_lossy(&bytes[end..]).into_owned()))
}

pub(super) async fn say(stream: &mut TcpStream, status: &str, body: &str) -> Option<()> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

pub(super) fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

fn right_account(head: &str) -> bool {
    use base64::Engine as _;
    let right = base64::engine::general_purpose::STANDARD.encode(format!("{SID}:{TOKEN}"));
    head.lines().any(|l| l.to_ascii_lowercase().starts_with("authorization: basic ") && l.ends_with(&right))
}

fn next(state: &State) -> Does {
    if let Some(does) = state.does.lock().expect("one at a time").pop_front() {
        return does;
    }
    if !state.wild.load(Ordering::SeqCst) {
        return Does::Accepts;
    }
    const WILD: [Does; 9] = [
        Does::Refuses(400, 21211),
        Does::Refuses(429, 20429),
        Does::FailsAfter,
        Does::ResetsBefore,
        Does::ResetsAfter,
        Does::Garbles,
        Does::TellsFirst,
        Does::TellsAndResets,
        Does::Redirects,
    ];
    let [chance] = Rng::system().bytes::<1>();
    // Two thirds go well.
    WILD.get(usize::from(chance % 27)).copied().unwrap_or(Does::Accepts)
}

async fn answer(state: Arc<State>, mut stream: TcpStream) -> Option<()> {
    let (head, body) = read(&mut stream).await?;
    let line = head.lines().next().unwrap_or_default().to_owned();
    state.requests.send_modify(|all| all.push(line.clone()));
    if !right_account(&head) {
        return say(&mut stream, "401 Unauthorized", "{\"code\":20003,\"message\":\"Authenticate\",\"status\":401}").await;
    }
    if let Some((_, name)) = line.split_once("/Media/") {
        let name = name.split(' ').next().unwrap_or_default().to_owned();
        return hand_out(&state, &mut stream, &name).await;
    }
    if line.starts_with("GET ") {
        return list(&state, &mut stream, &line).await;
    }
    let does = next(&state);
    if does == Does::ResetsBefore {
        reset(&stream);
        return None;
    }
    if let Does::Refuses(status, code) = does {
        let body = json!({ "code": code, "message": "no", "more_info": "https://www.twilio.com/docs/errors", "status": status }).to_string();
        return say(&mut stream, &format!("{status} No"), &body).await;
    }
    if does == Does::Redirects {
        let head = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        return stream.write_all(head.as_bytes()).await.ok();
    }
    let accepted = accept(&state, &body)?;
    if matches!(does, Does::TellsFirst | Does::TellsAndResets) {
        tell(&accepted, "sent", "").await;
    }
    match does {
        Does::FailsAfter => say(&mut stream, "500 Internal Server Error", "{\"code\":20500,\"message\":\"oops\",\"status\":500}").await,
        Does::HangsAfter => {
            // Until the other side has had enough.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            None
        }
        Does::ResetsAfter | Does::TellsAndResets => {
            reset(&stream);
            None
        }
        Does::Garbles => say(&mut stream, "201 Created", "<html>\u{1F600}").await,
        Does::Floods => {
            let head = format!("HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {HUGE_BYTES}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok()?;
            let part = vec![b' '; 64 * 1024];
            while stream.write_all(&part).await.is_ok() {}
            None
        }
        _ => say(&mut stream, "201 Created", &shown(&accepted).to_string()).await,
    }
}

async fn hand_out(state: &State, stream: &mut TcpStream, name: &str) -> Option<()> {
    let how = state.files.lock().expect("one at a time").get(name).cloned().unwrap_or(Serves::Fails(404));
    match how {
        Serves::File(bytes) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len());
            stream.write_all(head.as_bytes()).await.ok()?;
            stream.write_all(&bytes).await.ok()?;
            stream.shutdown().await.ok()
        }
        Serves::Redirects(to) => {
            let head = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok()
        }
        Serves::Fails(status) => say(stream, &format!("{status} No"), "{}").await,
        Serves::Floods { says } => {
            let length = if says { format!("content-length: {HUGE_BYTES}\r\n") } else { String::new() };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n{length}connection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok()?;
            let part = vec![b' '; 64 * 1024];
            while stream.write_all(&part).await.is_ok() {}
            None
        }
    }
}

fn accept(state: &State, body: &str) -> Option<Accepted> {
    let form: Vec<(String, String)> = serde_urlencoded::from_str(body).ok()?;
    let one = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let accepted = Accepted {
        sid: format!("SM{}", hex::encode(Rng::system().bytes::<16>())),
        to: one("To")?,
        from: one("From").or_else(|| one("MessagingServiceSid"))?,
        body: one("Body")?,
        callback: one("StatusCallback"),
        validity: one("ValidityPeriod").and_then(|v| v.parse().ok()).unwrap_or(0),
        status: "queued".into(),
        made_at: state.clock.now(),
    };
    state.accepted.send_modify(|all| all.push(accepted.clone()));
    Some(accepted)
}

fn shown(accepted: &Accepted) -> Value {
    let made = jiff::Timestamp::from_microsecond(accepted.made_at).expect("a time");
    let made = jiff::fmt::rfc2822::to_string(&made.to_zoned(jiff::tz::TimeZone::UTC)).expect("a date");
    json!({
        "sid": accepted.sid, "account_sid": SID, "to": accepted.to, "from": accepted.from, "body": accepted.body, "status": accepted.status,
        "num_segments": "1", "num_media": "0", "direction": "outbound-api", "date_created": made, "date_updated": made, "date_sent": null,
        "price": null, "price_unit": "USD", "error_code": null, "error_message": null, "messaging_service_sid": null, "api_version": "2010-04-01",
        "uri": format!("/2010-04-01/Accounts/{SID}/Messages/{}.json", accepted.sid)
    })
}

/// Two a page, so that pages are followed.
async fn list(state: &State, stream: &mut TcpStream, line: &str) -> Option<()> {
    let query = line.split(' ').nth(1)?.split_once('?')?.1;
    let query: Vec<(String, String)> = serde_urlencoded::from_str(query).ok()?;
    let one = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    assert!(one("DateSent>").is_some_and(|day| day.len() == 10 || day.ends_with('Z')), "{query:?}");
    let page: usize = one("Page").and_then(|p| p.parse().ok()).unwrap_or(0);
    let to = one("To")?;
    let all: Vec<Accepted> = state.accepted.borrow().iter().filter(|a| a.to == to && one("From").is_none_or(|from| from == a.from)).cloned().collect();
    let more = all.len() > 2 * (page + 1);
    let encoded = serde_urlencoded::to_string([("To", to.as_str()), ("DateSent>", one("DateSent>")?.as_str())]).ok()?;
    let next = more.then(|| format!("/2010-04-01/Accounts/{SID}/Messages.json?{encoded}&Page={}", page + 1));
    let messages: Vec<Value> = all.iter().skip(2 * page).take(2).map(shown).collect();
    say(stream, "200 OK", &json!({ "messages": messages, "next_page_uri": next }).to_string()).await
}
