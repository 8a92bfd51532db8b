//! SMSGate and httpSMS over real HTTP, as they behave: they keep what they took, answer late, wrongly or not at all on command, tell
//! by signed posts, and say what they have. SMSGate takes an id once for a device; httpSMS takes whatever comes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign::core::clock::{Clock, seconds};
use countersign::core::rng::Rng;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::twilio::{Does, HUGE_BYTES, read, reset, say};

pub const USER: &str = "ABC123";
pub const DEVICE: &str = "ffffffffceb0b1db0000018e937c815b";
pub const OWNER: &str = "+15005550007";
/// The password of SMSGate, and the key of httpSMS.
pub const SHOWN: &str = "a-password-that-is-shown";
/// What signs what they tell.
pub const HOOK_KEY: &str = "a-webhook-signing-key";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum App {
    SmsGate,
    HttpSms,
}

/// A message that it has.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What it calls the message.
    pub id: String,
    /// Our own id of it.
    pub mid: String,
    pub to: String,
    pub text: String,
    /// Seconds, of SMSGate.
    pub ttl: u64,
}

#[derive(Debug)]
struct State {
    app: App,
    does: Mutex<VecDeque<Does>>,
    shown: Mutex<String>,
    taken: watch::Sender<Vec<Taken>>,
    requests: watch::Sender<Vec<String>>,
    tells: Mutex<Option<String>>,
    clock: Clock,
}

/// The fake.
#[derive(Clone, Debug)]
pub struct FakeHandset {
    state: Arc<State>,
    port: u16,
    shown: Arc<tempfile::TempDir>,
    hook: Arc<tempfile::TempDir>,
}

impl FakeHandset {
    /// Listens on a port of its own; `clock` dates what it tells.
    pub async fn start(app: App, clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::new(State {
            app,
            does: Mutex::default(),
            shown: Mutex::new(SHOWN.to_owned()),
            taken: watch::Sender::default(),
            requests: watch::Sender::default(),
            tells: Mutex::default(),
            clock,
        });
        let served = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(served.clone(), stream));
            }
        });
        Self { state, port, shown: super::secret_file("shown", SHOWN), hook: super::secret_file("hook", HOOK_KEY) }
    }

    /// The settings that lead here.
    pub fn flags(&self) -> Vec<(String, String)> {
        let path = |folder: &tempfile::TempDir, name: &str| folder.path().join(name).display().to_string();
        let (shown, hook) = (path(&self.shown, "shown"), path(&self.hook, "hook"));
        let url = format!("http://127.0.0.1:{}", self.port);
        let flags: Vec<(&str, String)> = match self.state.app {
            App::SmsGate => vec![
                ("smsgate.url", format!("{url}/3rdparty/v1")),
                ("smsgate.username", USER.into()),
                ("smsgate.password_file", shown),
                ("smsgate.device", DEVICE.into()),
                ("smsgate.webhook_key_file", hook),
                ("smsgate.per_minute", "600".into()),
            ],
            App::HttpSms => vec![
                ("httpsms.url", url),
                ("httpsms.sender", OWNER.into()),
                ("httpsms.key_file", shown),
                ("httpsms.webhook_key_file", hook),
                ("httpsms.per_minute", "600".into()),
            ],
        };
        flags.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
    }

    /// Does this next, in this order.
    pub fn does(&self, what: &[Does]) {
        self.state.does.lock().expect("one at a time").extend(what);
    }

    /// From now on it wants to be shown this.
    pub fn wants(&self, shown: &str) {
        shown.clone_into(&mut self.state.shown.lock().expect("one at a time"));
    }

    /// Where it tells of what it sent.
    pub fn tells(&self, url: &str) {
        *self.state.tells.lock().expect("one at a time") = Some(url.to_owned());
    }

    /// What came in and was processed.
    pub fn taken(&self) -> Vec<Taken> {
        self.state.taken.borrow().clone()
    }

    /// The first lines of all requests.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.borrow().clone()
    }
}

/// The headers that sign an event of SMSGate.
pub fn sign_smsgate(body: &str, at: i64) -> [(String, String); 2] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, HOOK_KEY.as_bytes()), format!("{body}{at}").as_bytes());
    [("x-signature".into(), hex::encode(tag.as_ref())), ("x-timestamp".into(), at.to_string())]
}

/// The header that goes with an event of httpSMS.
pub fn sign_httpsms(url: &str, at: i64) -> [(String, String); 1] {
    let claims = json!({ "iss": "api.httpsms.com", "aud": url, "exp": at + 600, "nbf": at - 10, "iat": at, "sub": "a user" });
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, HOOK_KEY.as_bytes()), signed.as_bytes());
    [("authorization".into(), format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref())))]
}

/// An event of SMSGate.
pub fn event_smsgate(event: &str, payload: &Value) -> String {
    json!({ "deviceId": DEVICE, "event": event, "id": "Ey6ECgOkVVFjz3CL48B8C", "payload": payload, "webhookId": "LreFUt-Z3sSq0JufY9uWB" }).to_string()
}

/// An event of httpSMS.
pub fn event_httpsms(event: &str, data: &Value) -> String {
    json!({
        "specversion": "1.0", "id": "7d0b1f60-6a3c-4a7e-b3f5-2f7c0a0a0001", "source": "/v1/messages", "type": event,
        "datacontenttype": "application/json", "time": "2026-01-15T12:00:00Z", "data": data
    })
    .to_string()
}

async fn tell(state: &State, taken: &Taken) -> Option<()> {
    let url = state.tells.lock().expect("one at a time").clone()?;
    let at = i64::try_from(seconds(state.clock.now())).ok()?;
    let client = countersign::client::new(Duration::from_secs(15), 0).expect("a client");
    let (body, headers): (String, Vec<(String, String)>) = match state.app {
        App::SmsGate => {
            let payload = json!({ "messageId": taken.mid, "recipient": taken.to, "simNumber": 1, "sentAt": "2026-01-15T12:00:00Z", "partsCount": 1 });
            let body = event_smsgate("sms:sent", &payload);
            let headers = sign_smsgate(&body, at).to_vec();
            (body, headers)
        }
        App::HttpSms => {
            let data = json!({ "id": taken.id, "owner": OWNER, "contact": taken.to, "request_id": taken.mid, "timestamp": "2026-01-15T12:00:00Z" });
            (event_httpsms("message.phone.sent", &data), sign_httpsms(&url, at).to_vec())
        }
    };
    let request = headers.iter().fold(client.post(&url), |request, (name, value)| request.header(name, value));
    request.header("content-type", "application/json").body(body).send().await.ok().map(drop)
}

fn is_known(state: &State, head: &str) -> bool {
    let shown = state.shown.lock().expect("one at a time").clone();
    let wanted = match state.app {
        App::SmsGate => format!("authorization: Basic {}", STANDARD.encode(format!("{USER}:{shown}"))),
        App::HttpSms => format!("x-api-key: {shown}"),
    };
    head.lines().any(|line| line.eq_ignore_ascii_case(&wanted))
}

async fn answer(state: Arc<State>, mut stream: TcpStream) -> Option<()> {
    let (head, body) = read(&mut stream).await?;
    let line = head.lines().next().unwrap_or_default().to_owned();
    state.requests.send_modify(|all| all.push(line.clone()));
    if !is_known(&state, &head) {
        return say(&mut stream, "401 Unauthorized", "{\"message\":\"Unauthorized\"}").await;
    }
    if line.starts_with("GET ") {
        return look(&state, &mut stream, &line).await;
    }
    let does = state.does.lock().expect("one at a time").pop_front().unwrap_or(Does::Accepts);
    match does {
        Does::ResetsBefore => {
            reset(&stream);
            return None;
        }
        Does::Refuses(status, _) => return say(&mut stream, &format!("{status} No"), "{\"message\":\"no\"}").await,
        Does::Redirects => {
            let head = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            return stream.write_all(head.as_bytes()).await.ok();
        }
        _ => {}
    }
    let Some(taken) = take(&state, &body) else { return say(&mut stream, "409 Conflict", "{\"message\":\"exists\"}").await };
    if matches!(does, Does::TellsFirst | Does::TellsAndResets) {
        tell(&state, &taken).await;
    }
    match does {
        Does::FailsAfter => say(&mut stream, "500 Internal Server Error", "{\"message\":\"oops\"}").await,
        Does::HangsAfter => {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            None
        }
        Does::ResetsAfter | Does::TellsAndResets => {
            reset(&stream);
            None
        }
        Does::Garbles => say(&mut stream, "202 Accepted", "<html>\u{1F600}").await,
        Does::Floods => {
            let head = format!("HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: {HUGE_BYTES}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok()?;
            let part = vec![b' '; 64 * 1024];
            while stream.write_all(&part).await.is_ok() {}
            None
        }
        _ => {
            let (status, body) = match state.app {
                App::SmsGate => ("202 Accepted", shown(&state, &taken)),
                App::HttpSms => ("200 OK", json!({ "status": "success", "message": "message added to queue", "data": shown(&state, &taken) })),
            };
            say(&mut stream, status, &body.to_string()).await
        }
    }
}

fn shown(state: &State, taken: &Taken) -> Value {
    match state.app {
        App::SmsGate => json!({
            "id": taken.id, "deviceId": DEVICE, "state": "Pending", "isHashed": false, "isEncrypted": false,
            "recipients": [{ "phoneNumber": taken.to, "state": "Pending" }], "states": {}
        }),
        App::HttpSms => json!({
            "id": taken.id, "owner": OWNER, "contact": taken.to, "content": taken.text, "status": "pending", "type": "mobile-terminated", "request_id": taken.mid
        }),
    }
}

/// Takes a message; none when one of its id is there.
fn take(state: &State, body: &str) -> Option<Taken> {
    let body: Value = serde_json::from_str(body).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let taken = match state.app {
        App::SmsGate => {
            assert_eq!((body["deviceId"].as_str(), body["phoneNumbers"].as_array().map(Vec::len)), (Some(DEVICE), Some(1)), "{body}");
            let mid = text(&body["id"]);
            assert!(mid.len() <= 36, "{mid}");
            if state.taken.borrow().iter().any(|taken| taken.id == mid) {
                return None;
            }
            let ttl = body["ttl"].as_u64().expect("a time");
            Taken { id: mid.clone(), mid, to: text(&body["phoneNumbers"][0]), text: text(&body["textMessage"]["text"]), ttl }
        }
        App::HttpSms => {
            assert_eq!(body["from"].as_str(), Some(OWNER), "{body}");
            let id = hex::encode(Rng::system().bytes::<16>());
            Taken { id, mid: text(&body["request_id"]), to: text(&body["to"]), text: text(&body["content"]), ttl: 0 }
        }
    };
    state.taken.send_modify(|all| all.push(taken.clone()));
    Some(taken)
}

async fn look(state: &State, stream: &mut TcpStream, line: &str) -> Option<()> {
    let path = line.split(' ').nth(1)?;
    let all = state.taken.borrow().clone();
    if state.app == App::SmsGate {
        let id = path.strip_prefix("/3rdparty/v1/messages/")?;
        return match all.iter().find(|taken| taken.id == id) {
            Some(taken) => say(stream, "200 OK", &shown(state, taken).to_string()).await,
            None => say(stream, "404 Not Found", "{\"message\":\"message not found\"}").await,
        };
    }
    let query: Vec<(String, String)> = serde_urlencoded::from_str(path.strip_prefix("/v1/messages?")?).ok()?;
    let to = query.iter().find(|(n, _)| n == "contact").map(|(_, v)| v.clone())?;
    let rows: Vec<Value> = all.iter().rev().filter(|taken| taken.to == to).take(20).map(|taken| shown(state, taken)).collect();
    say(stream, "200 OK", &json!({ "status": "success", "message": "fetched", "data": rows }).to_string()).await
}
