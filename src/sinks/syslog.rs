//! The receiver of syslog: RFC 5424 messages over TLS as RFC 5425 frames them, or in plain to this machine.
//! Syslog knows no word of thanks, so each batch has a connection of its own: what was sent counts as received when the
//! receiver, having read our close, closes TLS too, without a reset behind it. One that crashed does not get so far.
//! Must stay true: a certificate that does not fit ends the try before the first byte; a try ends in time; nothing that the
//! receiver says is kept.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::event::Event;
use super::feed::Batch;
use super::format;
use crate::config::{Syslog, SyslogFormat, Trust};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};

/// A try may take so long.
pub const TRY_MAX: Duration = Duration::from_secs(20);
/// Bytes of a file of certificates that are read at most.
const CA_BYTES_MAX: u64 = 1 << 20;
/// What a receiver may say before it closes; it is dropped.
const SAID_BYTES_MAX: usize = 4096;
/// A reset may come this much later than the close it belongs to.
const RESET_AFTER: Duration = Duration::from_millis(20);

/// The receiver, ready to be sent to.
pub struct Outlet {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    any_close: bool,
    format: SyslogFormat,
    try_max: Duration,
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Outlet {
    /// Readies the receiver of the settings; a try ends after `try_max`.
    ///
    /// # Errors
    /// When there are no certificates to trust, or the host cannot be the name in one.
    pub fn new(to: &Syslog, try_max: Duration) -> Result<Self, Fault> {
        let tls = match &to.trust {
            None => None,
            Some(trust) => {
                let name = ServerName::try_from(to.host.clone()).context("the name of the receiver of syslog")?;
                Some((connector(trust)?, name))
            }
        };
        Ok(Self { host: to.host.clone(), port: to.port, tls, any_close: to.any_close, format: to.format, try_max })
    }

    /// Sends a batch and the checkpoint that covers it.
    ///
    /// # Errors
    /// A stable code, when the receiver did not confirm that it has all of it.
    pub async fn send(&self, batch: &Batch, version: &str, boot: &str, now: Micros) -> Result<(), &'static str> {
        let frames = self.frames(batch, version, boot, now);
        timeout(self.try_max, self.deliver(&frames)).await.unwrap_or(Err("timeout"))
    }

    fn frames(&self, batch: &Batch, version: &str, boot: &str, now: Micros) -> Vec<u8> {
        let mut out = Vec::new();
        for line in &batch.lines {
            let event = Event::of(line);
            let message = match self.format {
                SyslogFormat::Json => line.leaf.clone(),
                SyslogFormat::Cef => format::cef(&event, &batch.origin),
                SyslogFormat::Ocsf => format::ocsf(&event, &batch.origin, &line.leaf),
            };
            framed(&format::of_entry(&event, &batch.origin, &message), &mut out);
        }
        let message = match self.format {
            SyslogFormat::Json => serde_json::json!({ "checkpoint": batch.note, "origin": batch.origin, "size": batch.size }).to_string(),
            SyslogFormat::Cef => format::cef_checkpoint(version, &batch.origin, batch.size, &batch.note),
            SyslogFormat::Ocsf => format::ocsf_checkpoint(version, &batch.origin, batch.size, now.div_euclid(1000), &batch.note),
        };
        let at = countersign_audit::write::time::rfc3339(now).unwrap_or_default();
        framed(&format::of_checkpoint(&batch.origin, batch.size, boot, &at, &message), &mut out);
        out
    }

    async fn deliver(&self, frames: &[u8]) -> Result<(), &'static str> {
        let begun = Instant::now();
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|_| "no_connection")?;
        let _ = tcp.set_nodelay(true);
        let round_trip = begun.elapsed();
        let tcp = match &self.tls {
            None => exchange(tcp, frames, false).await?,
            Some((connector, name)) => {
                let tls = connector.connect(name.clone(), tcp).await.map_err(|error| refusal(&error))?;
                let (mut tcp, _) = exchange(tls, frames, self.any_close).await?.into_inner();
                // The close of TLS was read; that of the connection below it follows.
                until_closed(&mut tcp, false).await?;
                tcp
            }
        };
        // Closed before it read the last of what was sent, the receiver's machine answers that with a reset, a moment later.
        tokio::time::sleep(RESET_AFTER + 2 * round_trip.min(Duration::from_secs(1))).await;
        if matches!(tcp.take_error(), Ok(None)) { Ok(()) } else { Err("not_confirmed") }
    }
}

/// Sends, closes, and waits for the receiver to close.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, frames: &[u8], any_close: bool) -> Result<S, &'static str> {
    stream.write_all(frames).await.map_err(|_| "connection_lost")?;
    stream.flush().await.map_err(|_| "connection_lost")?;
    stream.shutdown().await.map_err(|_| "connection_lost")?;
    until_closed(&mut stream, any_close).await?;
    Ok(stream)
}

async fn until_closed<S: AsyncRead + Unpin>(stream: &mut S, any_close: bool) -> Result<(), &'static str> {
    let (mut said, mut part) = (0, [0; 512]);
    while said < SAID_BYTES_MAX {
        match stream.read(&mut part).await {
            Ok(0) => return Ok(()),
            Ok(n) => said += n,
            Err(error) if any_close && error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(_) => return Err("not_confirmed"),
        }
    }
    Err("not_confirmed")
}

/// Why no TLS came about: by the certificate, or by the way there.
fn refusal(error: &std::io::Error) -> &'static str {
    let by_tls = error.get_ref().is_some_and(|inner| inner.is::<tokio_rustls::rustls::Error>());
    if by_tls { "tls_refused" } else { "connection_lost" }
}

fn connector(trust: &Trust) -> Result<TlsConnector, Fault> {
    let mut roots = RootCertStore::empty();
    let given = match trust {
        Trust::System => rustls_native_certs::load_native_certs().certs,
        Trust::These(file) => authorities(file)?,
    };
    roots.add_parsable_certificates(given);
    if roots.is_empty() {
        return Err(Fault::new("there are no certificates to trust"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .context("the versions of TLS")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Reads a file of certificates: at least one, in PEM.
fn authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).context("open the file `stream.syslog_ca` names")?;
    opened.take(CA_BYTES_MAX).read_to_end(&mut bytes).context("read the file `stream.syslog_ca` names")?;
    let found =
        CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>().context("the file `stream.syslog_ca` names holds no certificates in PEM")?;
    if found.is_empty() { Err(Fault::new("the file `stream.syslog_ca` names holds no certificates in PEM")) } else { Ok(found) }
}

/// Puts a message behind its length, as RFC 5425 has it.
pub fn framed(message: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(message.len().to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(message.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_vouches_for_nobody() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ca.pem");
        for bytes in [b"".as_slice(), b"hello", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, bytes).expect("written");
            assert!(authorities(&path).is_err());
        }
        assert!(authorities(&dir.path().join("none")).is_err());
    }

    #[test]
    fn a_frame_counts_bytes() {
        let mut out = Vec::new();
        framed("ü1", &mut out);
        framed("", &mut out);
        assert_eq!(out, "3 ü10 ".as_bytes());
    }
}
