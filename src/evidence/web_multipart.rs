//! The multipart body of an upload: `csrf_token` (or the header), then exactly one `file`, or many where that is asked for,
//! streamed to the blob store.
//! Must stay true: memory stays small whatever is sent, and dropping what was received removes it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context as Poller, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use futures_util::Stream;

use super::NAME_CHARS_MAX;
use super::kind::{self, HEAD_BYTES, Kind, KindError};
use crate::blobs::{Blobs, Incoming};
use crate::core::fault::Fault;
use crate::core::text::Line;
use crate::http;

/// Bytes by which a request may be larger than its file.
const ENVELOPE_BYTES_MAX: u64 = 64 * 1024;
/// Bytes around the file that are read at most: some of the file may come with them.
const AROUND_BYTES_MAX: u64 = 256 * 1024;
/// Bytes handed to the parser at once, outside a file and inside it.
const PIECE_BYTES_MAX: usize = 16 * 1024;
const FILE_PIECE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a form token, and of any other small field.
const TOKEN_BYTES_MAX: usize = 256;
/// The rest of a refused upload is read this long, so that the client hears why instead of a broken connection.
const DRAIN_MAX: Duration = Duration::from_secs(30);

/// What an upload must keep to.
pub(super) struct Terms<'a> {
    /// Allowed extensions.
    pub extensions: &'a [String],
    /// Largest file.
    pub bytes_max: u64,
    /// Other fields there may be, each of one word.
    pub texts: &'a [&'a str],
    /// Judges a form token; none where none is needed.
    pub csrf: Option<&'a (dyn Fn(&str) -> bool + Send + Sync)>,
}

/// Why an upload is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is no file.
    Missing,
    /// Its name is missing, too long or not one line.
    Name,
    /// Its kind is not allowed, or its content is not what the name says.
    Kind(KindError),
    /// It is too large.
    TooLarge,
    /// The person's space is used up.
    Quota,
    /// Anything else.
    Told(http::Error),
}

impl From<http::Error> for Refusal {
    fn from(error: http::Error) -> Self {
        Self::Told(error)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Told(fault.into())
    }
}

/// A file that arrived.
#[derive(Debug)]
pub(super) struct File {
    pub name: String,
    pub kind: Kind,
    pub incoming: Incoming,
}

/// Reads the whole body and gives its one file.
pub(super) async fn receive(request: Request, blobs: &dyn Blobs, terms: &Terms<'_>) -> Result<File, Refusal> {
    let mut parts = Parts::open(request, terms, terms.bytes_max).await?;
    let received = only(&mut parts, blobs, terms).await;
    if received.is_err() {
        parts.drain().await;
    }
    received
}

async fn only(parts: &mut Parts, blobs: &dyn Blobs, terms: &Terms<'_>) -> Result<File, Refusal> {
    let mut file = None;
    while let Some(part) = parts.next(blobs, terms, file.is_some()).await? {
        match part {
            Part::File(_, received) => file = Some(received?),
            Part::Text(name, _) => return Err(unknown(&name)),
        }
    }
    file.ok_or(Refusal::Missing)
}

/// A part of a form.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a part lives for one turn of a loop")]
pub(super) enum Part {
    /// A file under the name it was sent with, or why it cannot be taken; the next ones may.
    File(String, Result<File, Refusal>),
    /// A field with its value.
    Text(String, String),
}

/// A form whose parts are read one after the other.
#[derive(Debug)]
pub(super) struct Parts {
    form: Multipart,
    pace: Arc<Pace>,
    trusted: bool,
    token_seen: bool,
}

impl Parts {
    /// Begins to read a form whose files are `bytes_max` together.
    pub async fn open(request: Request, terms: &Terms<'_>, bytes_max: u64) -> Result<Self, Refusal> {
        let is_form = text(request.headers(), &header::CONTENT_TYPE)
            .is_some_and(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("multipart/form-data"));
        if !is_form {
            return Err(http::Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_multipart").into());
        }
        let max = bytes_max.saturating_add(ENVELOPE_BYTES_MAX);
        if text(request.headers(), &header::CONTENT_LENGTH).and_then(|n| n.parse::<u64>().ok()).is_some_and(|n| n > max) {
            return Err(Refusal::TooLarge);
        }
        let trusted = match (terms.csrf, request.headers().get("x-csrf-token").and_then(|v| v.to_str().ok())) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(is_right), Some(token)) if is_right(token) => true,
            (Some(_), Some(_)) => return Err(forged()),
        };
        let pace = Arc::new(Pace { max, ..Pace::default() });
        let (parts, body) = request.into_parts();
        let paced = Paced { body: body.into_data_stream(), left: Bytes::new(), resting: false, pace: pace.clone() };
        let mut request = Request::from_parts(parts, Body::from_stream(paced));
        DefaultBodyLimit::disable().apply(&mut request);
        let form =
            Multipart::from_request(request, &()).await.map_err(|_| http::Error::bad_request("malformed").saying("The multipart boundary is missing."))?;
        Ok(Self { form, pace, trusted, token_seen: false })
    }

    /// The next part, the form's token taken out. With `full`, no further file is taken.
    ///
    /// What is given as an error ends the form; what is wrong with one file alone is in its part.
    pub async fn next(&mut self, blobs: &dyn Blobs, terms: &Terms<'_>, full: bool) -> Result<Option<Part>, Refusal> {
        let (pace, form) = (&self.pace, &mut self.form);
        while let Some(mut field) = form.next_field().await.map_err(|_| broken(pace))? {
            // What was left of a file that was refused has gone by.
            if pace.in_file.swap(false, Ordering::Relaxed) {
                pace.around.store(0, Ordering::Relaxed);
            }
            match (field.name(), terms.csrf) {
                (Some("csrf_token"), Some(is_right)) => {
                    if std::mem::replace(&mut self.token_seen, true) {
                        return Err(doubled("csrf_token"));
                    }
                    if !is_right(&small(&mut field, pace).await?) {
                        return Err(forged());
                    }
                    self.trusted = true;
                }
                (Some("file"), _) if !self.trusted => return Err(forged()),
                (Some("file"), _) if full => return Err(doubled("file")),
                (Some("file"), _) => {
                    pace.in_file.store(true, Ordering::Relaxed);
                    let sent: String = field.file_name().unwrap_or_default().chars().take(NAME_CHARS_MAX).collect();
                    let stored = store(&mut field, pace, blobs, terms).await;
                    if stored.is_ok() {
                        pace.around.store(0, Ordering::Relaxed);
                        pace.in_file.store(false, Ordering::Relaxed);
                    }
                    return match stored {
                        Err(refusal) if matches!(refusal, Refusal::Told(_)) || pace.is_broken.load(Ordering::Relaxed) => Err(refusal),
                        stored => Ok(Some(Part::File(sent, stored))),
                    };
                }
                (Some(name), _) => {
                    let name: String = name.chars().take(64).collect();
                    if !terms.texts.contains(&name.as_str()) {
                        return Err(unknown(&name));
                    }
                    if !self.trusted {
                        return Err(forged());
                    }
                    let value = small(&mut field, pace).await?;
                    return Ok(Some(Part::Text(name, value)));
                }
                (None, _) => return Err(http::Error::bad_request("malformed").saying("A part of the form has no name.").into()),
            }
        }
        Ok(None)
    }

    /// Reads what still comes without keeping it, so that the client hears the answer.
    pub async fn drain(&mut self) {
        if self.pace.is_broken.load(Ordering::Relaxed) {
            return;
        }
        self.pace.swallows.store(true, Ordering::Relaxed);
        let rest = async { while let Ok(Some(_)) = self.form.next_field().await {} };
        // Whether it ends or not, the answer is the same.
        let _ = tokio::time::timeout(DRAIN_MAX, rest).await;
    }
}

fn unknown(name: &str) -> Refusal {
    http::Error::field(name, "is not known here").into()
}

/// Judges the file by its name and its beginning, then streams it to the store.
async fn store(field: &mut Field<'_>, pace: &Pace, blobs: &dyn Blobs, terms: &Terms<'_>) -> Result<File, Refusal> {
    let sent = field.file_name().unwrap_or_default().to_owned();
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let mut is_whole = false;
    while head.len() < HEAD_BYTES && !is_whole {
        match chunk(field, pace).await? {
            Some(bytes) => head.extend_from_slice(&bytes),
            None => is_whole = true,
        }
    }
    // A browser whose person chose nothing sends an empty file without a name.
    if sent.is_empty() && head.is_empty() {
        return Err(Refusal::Missing);
    }
    let name = plain_name(&sent).ok_or(Refusal::Name)?;
    let kind = kind::agree(&name, &head[..head.len().min(HEAD_BYTES)], terms.extensions).map_err(Refusal::Kind)?;
    if head.len() as u64 > terms.bytes_max {
        return Err(Refusal::TooLarge);
    }
    let mut incoming = blobs.receive().await?;
    incoming.write(&head).await?;
    while let Some(bytes) = chunk(field, pace).await? {
        if incoming.size() + bytes.len() as u64 > terms.bytes_max {
            return Err(Refusal::TooLarge);
        }
        incoming.write(&bytes).await?;
    }
    Ok(File { name, kind, incoming })
}

/// The name alone: some clients send the path on their own machine with it.
fn plain_name(sent: &str) -> Option<String> {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    Line::parse(last, NAME_CHARS_MAX).ok()
}

async fn chunk(field: &mut Field<'_>, pace: &Pace) -> Result<Option<Bytes>, Refusal> {
    field.chunk().await.map_err(|_| broken(pace))
}

/// A small field: the token, or a word.
async fn small(field: &mut Field<'_>, pace: &Pace) -> Result<String, Refusal> {
    let mut value = Vec::new();
    while let Some(bytes) = chunk(field, pace).await? {
        value.extend_from_slice(&bytes);
        if value.len() > TOKEN_BYTES_MAX {
            return Err(forged());
        }
    }
    String::from_utf8(value).map_err(|_| forged())
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn forged() -> Refusal {
    http::Error::new(StatusCode::FORBIDDEN, "csrf").into()
}

fn doubled(name: &str) -> Refusal {
    http::Error::bad_request("doubled_field").saying(format!("The field `{name}` is there more than once.")).into()
}

fn broken(pace: &Pace) -> Refusal {
    pace.is_broken.store(true, Ordering::Relaxed);
    if pace.total.load(Ordering::Relaxed) > pace.max { Refusal::TooLarge } else { http::Error::bad_request("broken_body").into() }
}

/// How far the body was read, and how far it may be.
#[derive(Debug, Default)]
struct Pace {
    max: u64,
    total: AtomicU64,
    /// Bytes since the beginning or the end of the file.
    around: AtomicU64,
    in_file: AtomicBool,
    /// The upload is refused: what still comes is dropped before the parser sees it.
    swallows: AtomicBool,
    /// Nothing more can be read of it.
    is_broken: AtomicBool,
}

/// The body in small pieces with a rest after each: the parser takes whatever is ready before it looks at any of it, so
/// without rests a fast sender would fill the memory.
#[derive(Debug)]
struct Paced {
    body: BodyDataStream,
    left: Bytes,
    resting: bool,
    pace: Arc<Pace>,
}

impl Stream for Paced {
    type Item = Result<Bytes, axum::BoxError>;

    fn poll_next(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.resting) {
            poller.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.pace.swallows.load(Ordering::Relaxed) {
            return this.swallow(poller);
        }
        let in_file = this.pace.in_file.load(Ordering::Relaxed);
        if !in_file && this.pace.around.load(Ordering::Relaxed) > AROUND_BYTES_MAX {
            return Poll::Ready(Some(Err(io::Error::other("too much around the file").into())));
        }
        while this.left.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_next(poller)) {
                Some(Ok(bytes)) => this.left = bytes,
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            }
        }
        let piece = this.left.split_to(this.left.len().min(if in_file { FILE_PIECE_BYTES_MAX } else { PIECE_BYTES_MAX }));
        if this.pace.count(&piece) {
            return Poll::Ready(Some(Err(io::Error::other("the body is too large").into())));
        }
        this.pace.around.fetch_add(piece.len() as u64, Ordering::Relaxed);
        this.resting = true;
        Poll::Ready(Some(Ok(piece)))
    }
}

impl Paced {
    /// Drops the next piece; ends where the body does, or where it becomes too large.
    fn swallow(&mut self, poller: &mut Poller<'_>) -> Poll<Option<Result<Bytes, axum::BoxError>>> {
        self.left = Bytes::new();
        match ready!(Pin::new(&mut self.body).poll_next(poller)) {
            Some(Ok(bytes)) if !self.pace.count(&bytes) => {
                poller.waker().wake_by_ref();
                Poll::Pending
            }
            Some(_) | None => Poll::Ready(None),
        }
    }
}

impl Pace {
    /// Counts what was read; true when it is too much.
    fn count(&self, bytes: &Bytes) -> bool {
        let len = bytes.len() as u64;
        self.total.fetch_add(len, Ordering::Relaxed) + len > self.max
    }
}

#[cfg(test)]
mod tests;
