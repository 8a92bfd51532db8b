//! A receiver of syslog over real TCP and TLS: it counts its octets, keeps every whole message, and fails on command.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto};

/// The longest a test waits for a message.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What goes wrong with the next connections, once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogFault {
    /// Closed before a byte is read.
    Gone,
    /// Closed after so many bytes, in the middle of a frame.
    Cut(usize),
    /// Read to the end, but slowly.
    Slow,
    /// Read to the end, and never closed.
    Silent,
    /// Read to the end, and closed without closing TLS.
    Bare,
}

/// Whose certificate the receiver shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// None: plain TCP.
    Nothing,
    /// One for its address, by the authority of the settings.
    Its,
    /// One for its address, by nobody's authority.
    Forged,
    /// One for another name, by the authority of the settings.
    Anothers,
}

/// A whole message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The header, up to the structured data.
    pub head: String,
    /// The structured data.
    pub data: String,
    /// The text.
    pub text: String,
}

impl Message {
    fn read(bytes: &[u8]) -> Self {
        let message = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let (head, rest) = message.split_once(" [").expect("structured data");
        let (data, text) = rest.split_once("] ").expect("a text");
        Self { head: head.to_owned(), data: data.to_owned(), text: text.to_owned() }
    }

    /// A parameter of the structured data.
    pub fn param(&self, name: &str) -> &str {
        self.data.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default()
    }

    /// The place of the entry; none when this is a checkpoint.
    pub fn seq(&self) -> Option<i64> {
        self.data.starts_with("entry@").then(|| self.param("seq").parse().expect("a number"))
    }
}

#[derive(Debug, Default)]
struct State {
    faults: Mutex<VecDeque<SyslogFault>>,
    messages: watch::Sender<Vec<Message>>,
    connections: watch::Sender<usize>,
}

/// The receiver.
#[derive(Clone)]
pub struct FakeSyslog {
    state: Arc<State>,
    port: u16,
    shows: Shows,
    folder: Arc<tempfile::TempDir>,
    acceptor: Option<TlsAcceptor>,
}

impl FakeSyslog {
    /// Listens on a port of its own.
    pub async fn start(shows: Shows) -> Self {
        let receiver = Self::closed(shows);
        receiver.open().await;
        receiver
    }

    /// Has a port, on which nobody listens yet.
    pub fn closed(shows: Shows) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let acceptor = certificate(shows, folder.path());
        Self { state: Arc::default(), port: crate::kill::free_port(), shows, folder, acceptor }
    }

    /// Begins to listen.
    pub async fn open(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("the port is free");
        let acceptor = self.acceptor.clone();
        let state = self.state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                state.connections.send_modify(|n| *n += 1);
                let (state, acceptor) = (state.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => converse(&state, stream).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => converse(&state, stream).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
    }

    /// The settings that lead here.
    pub fn flags(&self, format: &str) -> Vec<(&'static str, String)> {
        let mut flags =
            vec![("stream.syslog_host", "127.0.0.1".to_owned()), ("stream.syslog_port", self.port.to_string()), ("stream.syslog_format", format.to_owned())];
        if self.shows == Shows::Nothing {
            flags.push(("stream.syslog_tls", "none".to_owned()));
        } else {
            flags.push(("stream.syslog_ca", self.folder.path().join("ca.pem").display().to_string()));
        }
        flags
    }

    /// Fails like this next, in this order.
    pub fn fail(&self, faults: &[SyslogFault]) {
        self.state.faults.lock().expect("one at a time").extend(faults);
    }

    /// Every whole message so far.
    pub fn messages(&self) -> Vec<Message> {
        self.state.messages.borrow().clone()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        *self.state.connections.borrow()
    }

    /// Waits until so many connections came.
    pub async fn wait_for_connections(&self, n: usize) {
        let mut connections = self.state.connections.subscribe();
        let came = tokio::time::timeout(WAIT_MAX, connections.wait_for(|all| *all >= n)).await.is_ok();
        assert!(came, "{n} connections were awaited: {}", self.connections());
    }
}

/// Makes a certificate as asked for, and puts the authority of the settings into `folder`.
fn certificate(shows: Shows, folder: &std::path::Path) -> Option<TlsAcceptor> {
    let authority = || {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
    };
    let trusted = authority();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(trusted.der()));
    std::fs::write(folder.join("ca.pem"), pem).expect("written");
    let name = match shows {
        Shows::Nothing => return None,
        Shows::Anothers => "other.example.org",
        Shows::Its | Shows::Forged => "127.0.0.1",
    };
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let signed = if shows == Shows::Forged { params.signed_by(&key, &authority()) } else { params.signed_by(&key, &trusted) }.expect("signed");
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![signed.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
        .expect("a certificate");
    Some(TlsAcceptor::from(Arc::new(config)))
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(state: &State, mut stream: S) -> Option<()> {
    let fault = state.faults.lock().expect("one at a time").pop_front();
    if fault == Some(SyslogFault::Gone) {
        return None;
    }
    let most = if let Some(SyslogFault::Cut(bytes)) = fault { bytes } else { usize::MAX };
    let (mut bytes, mut taken) = (Vec::new(), 0);
    let mut part = [0; 700];
    loop {
        if fault == Some(SyslogFault::Slow) {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        let room = part.len().min(most - taken);
        if room == 0 {
            // In the middle of a frame, with more to come.
            return None;
        }
        let read = stream.read(&mut part[..room]).await.ok()?;
        if read == 0 {
            break;
        }
        taken += read;
        bytes.extend_from_slice(&part[..read]);
        while let Some((message, rest)) = frame(&bytes) {
            let message = Message::read(&message);
            bytes = rest;
            state.messages.send_modify(|all| all.push(message));
        }
    }
    assert!(bytes.is_empty(), "a frame broke off: {:?}", String::from_utf8_lossy(&bytes));
    if fault == Some(SyslogFault::Silent) {
        std::future::pending::<()>().await;
    }
    if fault == Some(SyslogFault::Bare) {
        return None;
    }
    stream.shutdown().await.ok()
}

/// The first whole frame, and what is behind it.
fn frame(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let space = bytes.iter().position(|b| *b == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..space]).expect("digits").parse().expect("a length");
    let rest = &bytes[space + 1..];
    (rest.len() >= length).then(|| (rest[..length].to_vec(), rest[length..].to_vec()))
}
