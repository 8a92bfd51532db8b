//! A mail server over real TCP: it speaks just enough SMTP, keeps what it took, and fails on command.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Who may send.
pub const USER: &str = "countersign";
/// The password of [`USER`].
pub const PASSWORD: &str = "letters, please";
/// The longest a test waits for a mail.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// What goes wrong next, once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpFault {
    /// 421 instead of a greeting.
    Busy,
    /// 451 once the mail was read.
    PutOff,
    /// 550 once the mail was read.
    Refused,
    /// The connection is cut in the middle of the mail.
    Cut,
    /// Nothing is ever said.
    Silent,
}

/// A mail that was offered.
#[derive(Clone, Debug)]
pub struct Mail {
    /// MAIL FROM.
    pub from: String,
    /// Each RCPT TO.
    pub to: Vec<String>,
    /// The headers, unfolded.
    pub headers: Vec<(String, String)>,
    /// The text.
    pub body: String,
    /// The server said 250.
    pub taken: bool,
}

impl Mail {
    fn read(from: String, to: Vec<String>, data: &str, taken: bool) -> Self {
        let (head, body) = data.split_once("\r\n\r\n").unwrap_or((data, ""));
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let headers = unfolded.split("\r\n").filter_map(|l| l.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned()))).collect();
        Self { from, to, headers, body: body.to_owned(), taken }
    }

    /// The values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }
}

#[derive(Debug, Default)]
struct State {
    faults: Mutex<VecDeque<SmtpFault>>,
    offered: watch::Sender<Vec<Mail>>,
    connections: watch::Sender<usize>,
}

/// The server.
#[derive(Clone, Debug)]
pub struct FakeSmtp {
    state: Arc<State>,
    port: u16,
    folder: Arc<tempfile::TempDir>,
}

impl FakeSmtp {
    /// Listens on a port of its own.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::<State>::default();
        let served = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                served.connections.send_modify(|n| *n += 1);
                tokio::spawn(converse(served.clone(), stream));
            }
        });
        Self { state, port, folder: super::secret_file("password", PASSWORD) }
    }

    /// The settings that lead here.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        vec![
            ("smtp.host", "127.0.0.1".into()),
            ("smtp.port", self.port.to_string()),
            ("smtp.tls", "none".into()),
            ("smtp.username", USER.into()),
            ("smtp.password_file", self.folder.path().join("password").display().to_string()),
            ("smtp.from", "Countersign <sender@test.example>".into()),
        ]
    }

    /// Fails like this next, in this order.
    pub fn fail(&self, faults: &[SmtpFault]) {
        self.state.faults.lock().expect("one at a time").extend(faults);
    }

    /// Everything offered so far.
    pub fn offered(&self) -> Vec<Mail> {
        self.state.offered.borrow().clone()
    }

    /// Everything taken so far.
    pub fn taken(&self) -> Vec<Mail> {
        self.offered().into_iter().filter(|m| m.taken).collect()
    }

    /// Waits until `n` mails were taken.
    pub async fn wait_for(&self, n: usize) -> Vec<Mail> {
        let mut offered = self.state.offered.subscribe();
        let enough = offered.wait_for(|all| all.iter().filter(|m| m.taken).count() >= n);
        let came = tokio::time::timeout(WAIT_MAX, enough).await.is_ok();
        assert!(came, "{n} mails were awaited: {:?}", self.offered());
        self.taken()
    }

    /// Waits until somebody has connected `n` times.
    pub async fn wait_for_connections(&self, n: usize) {
        let mut connections = self.state.connections.subscribe();
        tokio::time::timeout(WAIT_MAX, connections.wait_for(|now| *now >= n)).await.expect("in time").expect("the server lives");
    }
}

impl State {
    /// Takes the next fault when it is one of these.
    fn fault(&self, of: &[SmtpFault]) -> Option<SmtpFault> {
        let mut faults = self.faults.lock().expect("one at a time");
        if faults.front().is_some_and(|next| of.contains(next)) { faults.pop_front() } else { None }
    }
}

struct Talk {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Talk {
    async fn say(&mut self, line: &str) -> Option<()> {
        self.write.write_all(format!("{line}\r\n").as_bytes()).await.ok()
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let size = self.read.read_line(&mut line).await.ok()?;
        (size > 0).then(|| line.trim_end_matches("\r\n").to_owned())
    }
}

async fn converse(state: Arc<State>, stream: TcpStream) -> Option<()> {
    let (read, write) = stream.into_split();
    let mut talk = Talk { read: BufReader::new(read), write };
    match state.fault(&[SmtpFault::Busy, SmtpFault::Silent]) {
        Some(SmtpFault::Busy) => return talk.say("421 too busy").await,
        Some(_) => {
            while talk.line().await.is_some() {}
            return None;
        }
        None => talk.say("220 fake ready").await?,
    }
    let (mut signed_in, mut from, mut to) = (false, String::new(), Vec::new());
    loop {
        let line = talk.line().await?;
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let between = || line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or_else(String::new, |(inner, _)| inner.to_owned());
        match verb.as_str() {
            "EHLO" => {
                talk.say("250-fake").await?;
                talk.say("250-8BITMIME").await?;
                talk.say("250 AUTH PLAIN").await?;
            }
            "AUTH" => {
                signed_in = line.split(' ').nth(2) == Some(STANDARD.encode(format!("\0{USER}\0{PASSWORD}")).as_str());
                talk.say(if signed_in { "235 welcome" } else { "535 wrong" }).await?;
            }
            "MAIL" | "RCPT" if !signed_in => talk.say("530 sign in first").await?,
            "MAIL" => {
                from = between();
                to.clear();
                talk.say("250 fine").await?;
            }
            "RCPT" => {
                to.push(between());
                talk.say("250 fine").await?;
            }
            "DATA" => data(&state, &mut talk, &from, &to).await?,
            "QUIT" => return talk.say("221 bye").await,
            "NOOP" | "RSET" => talk.say("250 fine").await?,
            _ => talk.say("502 what?").await?,
        }
    }
}

async fn data(state: &State, talk: &mut Talk, from: &str, to: &[String]) -> Option<()> {
    talk.say("354 go on").await?;
    let cut = state.fault(&[SmtpFault::Cut]).is_some();
    let mut text = String::new();
    loop {
        let line = talk.line().await?;
        if line == "." {
            break;
        }
        if cut && !text.is_empty() {
            return None;
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
        text.push_str("\r\n");
    }
    let fault = state.fault(&[SmtpFault::PutOff, SmtpFault::Refused]);
    let answer = match fault {
        Some(SmtpFault::PutOff) => "451 later",
        Some(_) => "550 never",
        None => "250 taken",
    };
    let mail = Mail::read(from.to_owned(), to.to_vec(), &text, fault.is_none());
    let said = talk.say(answer).await;
    state.offered.send_modify(|all| all.push(mail));
    said
}
