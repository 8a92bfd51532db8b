//! What came with messages: fetched outside the webhook by a job, judged by its bytes, kept in pieces sealed under the number's key.
//! Must stay true: a file is kept or given up by an entry; its type is what its bytes say, of a closed list; it leaves only as it
//! was hashed when it came.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::fetch::{FetchError, Fetcher};
use super::{Error, FetchMedia, Receive, sql};
use crate::core::clock::{DAY, MINUTE, Micros, SECOND};
use crate::core::fault::Fault;
use crate::core::id::{InboundId, JobId, MediaId, ThreadId};
use crate::db::{Chore, Db, DbError, Detail, Tx};
use crate::http::App;
use crate::policy::{Actor, On, Permit, Policy, Resource};
use crate::vault::{OpenError, Place};

/// Files of one message.
pub const FILES_MAX: usize = 10;
/// Characters of an address, and of what it is said to be.
const URL_CHARS_MAX: usize = 1000;
const CLAIM_CHARS_MAX: usize = 100;
/// Bytes of a piece.
const CHUNK_BYTES: usize = 256 * 1024;
/// Tries, and the pause after the first; each is four times as long as the one before.
const TRIES_MAX: i64 = 5;
const AGAIN_AFTER: Micros = 15 * SECOND;
/// Longer than a try takes.
const LEASE: Micros = 5 * MINUTE;
/// The pause between two looks for what is due.
const REST: Duration = Duration::from_secs(1);
/// How long a finished job is kept.
const JOB_KEPT_FOR: Micros = 7 * DAY;

/// A file that a message says it has.
#[derive(Clone, Debug)]
pub struct Linked {
    /// Where.
    pub url: String,
    /// What it is said to be.
    pub claimed: String,
}

impl Linked {
    /// As a webhook says it; what is too long or odd is no link.
    #[must_use]
    pub fn new(url: &str, claimed: &str) -> Option<Self> {
        let fits = !url.is_empty() && url.chars().count() <= URL_CHARS_MAX && url.bytes().all(|b| b.is_ascii_graphic());
        let claimed: String = claimed.chars().filter(char::is_ascii_graphic).take(CLAIM_CHARS_MAX).collect();
        fits.then(|| Self { url: url.to_owned(), claimed: claimed.to_ascii_lowercase() })
    }
}

crate::row! {
    /// A file as stored.
    #[derive(Clone, Debug)]
    pub struct Media {
        /// Id.
        pub id: MediaId,
        /// The message it came with.
        pub inbound_id: InboundId,
        /// The conversation.
        pub thread_id: ThreadId,
        /// The blind index of the number.
        pub number_ix: String,
        /// What it is said to be.
        pub claimed: String,
        /// Where it is.
        pub url_sealed: Vec<u8>,
        /// `waiting`, `kept` or `failed`.
        pub state: String,
        /// What its bytes say it is.
        pub kind: Option<String>,
        /// How many they are.
        pub bytes: Option<i64>,
        /// Their hash, in hex, sealed: who has the file elsewhere must not find who sent it.
        pub sha256_sealed: Option<Vec<u8>>,
        /// Why it was given up.
        pub reason: Option<String>,
    }
}

impl Media {
    /// The key that seals what came with the message.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("num_{}", self.number_ix)
    }
}

impl Resource for Media {
    fn on(&self) -> On {
        On::one("media", &self.id)
    }
}

fn place<'a>(id: &'a str, column: &'a str) -> Place<'a> {
    Place { table: "inbound_media", row: id, column }
}

fn chunk_place(row: &str) -> Place<'_> {
    Place { table: "media_chunk", row, column: "sealed" }
}

/// Files about to be noted beside the message they came with.
pub(super) struct Waiting(Vec<(MediaId, JobId, Vec<u8>, String)>);

impl Waiting {
    pub(super) async fn prepare(db: &Db, subject: &str, linked: &[Linked]) -> Result<Self, Error> {
        let mut all = Vec::with_capacity(linked.len());
        for link in linked.iter().take(FILES_MAX) {
            let (id, job) = (MediaId::new(db.clock(), db.rng()), JobId::new(db.clock(), db.rng()));
            let sealed = db.vault().seal(subject, &place(id.as_str(), "url"), link.url.as_bytes()).await.map_err(DbError::from)?;
            all.push((id, job, sealed, link.claimed.clone()));
        }
        Ok(Self(all))
    }

    /// Writes them and their jobs, in the transaction of the message, which names them.
    pub(super) async fn write(self, tx: &mut Tx<Receive>, of: &InboundId, thread: &ThreadId, number_ix: &str, detail: Detail) -> Result<Detail, DbError> {
        let now = tx.now();
        let n = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
        for (id, job, sealed, claimed) in self.0 {
            let insert = tx.write(sql::INSERT_MEDIA).bind(&id).bind(of).bind(thread).bind(number_ix).bind(claimed).bind(sealed).bind(now);
            insert.execute().await?;
            tx.query(sql::INSERT_MEDIA_JOB).bind(&job).bind(&id).bind(now).execute().await?;
        }
        Ok(if n > 0 { detail.with("media", n) } else { detail })
    }
}

/// What bytes are, of what is taken: the type and an extension.
#[must_use]
pub fn kind_of(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let starts = |head: &[u8]| bytes.starts_with(head);
    let at = |from: usize, word: &[u8]| bytes.get(from..from + word.len()) == Some(word);
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Some(("image/jpeg", "jpg")),
        _ if starts(b"\x89PNG\r\n\x1A\n") => Some(("image/png", "png")),
        _ if starts(b"GIF87a") || starts(b"GIF89a") => Some(("image/gif", "gif")),
        _ if starts(b"RIFF") && at(8, b"WEBP") => Some(("image/webp", "webp")),
        _ if starts(b"RIFF") && at(8, b"WAVE") => Some(("audio/wav", "wav")),
        _ if starts(b"%PDF-") => Some(("application/pdf", "pdf")),
        _ if starts(b"OggS") => Some(("audio/ogg", "ogg")),
        _ if starts(b"#!AMR") => Some(("audio/amr", "amr")),
        _ if at(4, b"ftyp3g") => Some(("video/3gpp", "3gp")),
        _ if at(4, b"ftypM4A") => Some(("audio/mp4", "m4a")),
        _ if at(4, b"ftyp") => Some(("video/mp4", "mp4")),
        _ if starts(b"ID3") => Some(("audio/mpeg", "mp3")),
        [0xFF, 0xE2..=0xFB, ..] => Some(("audio/mpeg", "mp3")),
        _ if starts(b"BEGIN:VCARD") => Some(("text/vcard", "vcf")),
        _ => None,
    }
}

/// Does what it is said to be go with what it is? Sound and film are told apart by nobody.
fn agree(claimed: &str, kind: &str) -> bool {
    let class = |kind: &str| match kind.split('/').next().unwrap_or_default() {
        "video" => "audio".to_owned(),
        other => other.to_owned(),
    };
    claimed.is_empty() || claimed.starts_with("application/octet-stream") || claimed == "application/ogg" || class(claimed) == class(kind)
}

crate::row! {
    struct Due { id: JobId, subject: MediaId, attempts: i64 }
}

/// Fetches until told to stop, on the node that does what one node alone does.
pub async fn run(app: App, stop: CancellationToken) {
    let fetcher = match Fetcher::set_up(&app.db, &app.config) {
        Ok(Some(fetcher)) => fetcher,
        Ok(None) => return,
        Err(fault) => return tracing::error!(fault = fault.chain(), "what comes with messages cannot be fetched"),
    };
    while !stop.is_cancelled() {
        if app.db.leads()
            && !app.db.in_doubt()
            && !app.db.is_short()
            && let Err(error) = round(&app.db, &app.policy, &fetcher).await
        {
            tracing::warn!(fault = Fault::with("fetch what came with messages", error).chain(), "what came with a message is fetched later");
        }
        tokio::select! {
            () = tokio::time::sleep(REST) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Fetches what is due. Gives how many files were tried.
///
/// # Errors
/// When the database fails.
pub async fn round(db: &Db, policy: &Policy, fetcher: &Fetcher) -> Result<usize, Error> {
    let due: Vec<Due> = db.query(sql::MEDIA_DUE).bind(db.clock().now()).all().await?;
    let mut tried = 0;
    for job in due {
        let now = db.clock().now();
        let mut chore = db.chore(Chore::Job).await?;
        let won = chore.query(sql::CLAIM_MEDIA).bind(&job.id).bind(now).bind(now + LEASE).execute().await?;
        chore.commit().await?;
        if won == 1 {
            tried += 1;
            one(db, policy, fetcher, &job).await?;
        }
    }
    Ok(tried)
}

/// One file whose job this program holds.
async fn one(db: &Db, policy: &Policy, fetcher: &Fetcher, job: &Due) -> Result<(), Error> {
    let Some(media) = find(db, &job.subject).await? else { return Ok(()) };
    let url = match db.vault().unseal_text(&place(media.id.as_str(), "url"), &media.url_sealed).await {
        Ok(url) => url,
        Err(error) if error.is_gone() => return settle(db, policy, &media, Err("erased".into())).await,
        Err(error) => return Err(error.into()),
    };
    match fetcher.fetch(&url).await {
        Ok(bytes) => {
            let judged = match kind_of(&bytes) {
                Some((kind, _)) if agree(&media.claimed, kind) => Ok((kind, bytes)),
                Some(_) => Err("kind_lies".to_owned()),
                None => Err("kind_not_taken".to_owned()),
            };
            settle(db, policy, &media, judged).await
        }
        Err(error) if error.may_pass() && job.attempts + 1 < TRIES_MAX => again(db, job, error).await,
        Err(error) => settle(db, policy, &media, Err(error.code())).await,
    }
}

async fn again(db: &Db, job: &Due, error: FetchError) -> Result<(), Error> {
    let doublings = u32::try_from(2 * job.attempts.clamp(0, TRIES_MAX)).unwrap_or(0);
    let mut chore = db.chore(Chore::Job).await?;
    chore.query(sql::MEDIA_AGAIN).bind(&job.id).bind(db.clock().now() + (AGAIN_AFTER << doublings)).execute().await?;
    chore.commit().await?;
    tracing::info!(media = %job.subject, reason = error.code(), "a file is asked for again");
    Ok(())
}

/// Records what became of a file, with its pieces, in one commit.
async fn settle(db: &Db, policy: &Policy, media: &Media, judged: Result<(&'static str, Vec<u8>), String>) -> Result<(), Error> {
    let mut permit: Permit<FetchMedia> =
        policy.permit(&Actor::system(), &media.on()).map_err(|denied| Fault::with("the policy stops what came with a message", denied))?;
    let mut pieces = Vec::new();
    let (mut judged, mut sha256, mut sha256_sealed) = (judged, None, None);
    if let Ok((_, bytes)) = &judged {
        match db.vault().key_for(&media.subject()).await {
            Ok(key) => {
                let digest = hex::encode(Sha256::digest(bytes));
                sha256_sealed = Some(key.seal(&place(media.id.as_str(), "sha256"), digest.as_bytes(), db.rng()));
                sha256 = Some(digest);
                permit = permit.about(&media.subject());
                for (n, piece) in bytes.chunks(CHUNK_BYTES).enumerate() {
                    pieces.push(key.seal(&chunk_place(&format!("{}:{n}", media.id)), piece, db.rng()));
                }
            }
            Err(OpenError::Erased) => judged = Err("erased".into()),
            Err(error) => return Err(error.into()),
        }
    }
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let (state, kind, bytes, reason) = match &judged {
        Ok((kind, bytes)) => ("kept", Some((*kind).to_owned()), i64::try_from(bytes.len()).ok(), None),
        Err(reason) => ("failed", None, None, Some(reason.clone())),
    };
    let write = tx.write(sql::MEDIA_ENDED).bind(&media.id).bind(state).bind(kind.clone()).bind(bytes).bind(sha256_sealed).bind(reason.clone()).bind(now);
    if write.execute().await? != 1 {
        // Another node was quicker.
        return Ok(());
    }
    for (n, piece) in pieces.into_iter().enumerate() {
        tx.query(sql::INSERT_CHUNK).bind(&media.id).bind(i64::try_from(n).unwrap_or(i64::MAX)).bind(piece).execute().await?;
    }
    tx.query(sql::MEDIA_JOB_DONE).bind(&media.id).bind(now).execute().await?;
    let mut detail = if reason.is_some() { Detail::failed(reason.as_deref().unwrap_or_default()) } else { Detail::ok() };
    detail = detail.with("inbound", media.inbound_id.as_str()).with("state", state);
    if let (Some(kind), Some(bytes), Some(sha256)) = (kind, bytes, sha256) {
        detail = detail.with("kind", kind).with("bytes", bytes).personal("sha256", &sha256);
    }
    tx.commit(permit, detail).await?;
    Ok(())
}

/// The file of this id.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: &MediaId) -> Result<Option<Media>, Error> {
    Ok(db.query(sql::MEDIA).bind(id).optional().await?)
}

/// The files of a conversation that came with messages between two of them, both counted in.
///
/// # Errors
/// When the database fails.
pub async fn between(db: &Db, thread: &ThreadId, first: &InboundId, last: &InboundId) -> Result<Vec<Media>, Error> {
    Ok(db.query(sql::MEDIA_BETWEEN).bind(thread).bind(first).bind(last).all().await?)
}

crate::row! {
    struct Chunk { n: i64, sealed: Vec<u8> }
}

/// A file as it came.
#[derive(Debug)]
pub struct Whole {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Its hash, in hex.
    pub sha256: String,
}

/// A file that was kept; none once it was erased.
///
/// # Errors
/// When the database fails, or a piece was altered, taken away or put elsewhere.
pub async fn whole(db: &Db, media: &Media) -> Result<Option<Whole>, Error> {
    let sealed = media.sha256_sealed.as_ref().ok_or_else(|| Fault::new("a file that was kept has no hash"))?;
    let sha256 = match db.vault().unseal_text(&place(media.id.as_str(), "sha256"), sealed).await {
        Ok(sha256) => sha256,
        Err(error) if error.is_gone() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let chunks: Vec<Chunk> = db.query(sql::CHUNKS).bind(&media.id).all().await?;
    let mut bytes = Vec::with_capacity(usize::try_from(media.bytes.unwrap_or(0)).unwrap_or(0));
    for chunk in chunks {
        let row = format!("{}:{}", media.id, chunk.n);
        match db.vault().unseal(&chunk_place(&row), &chunk.sealed).await {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(error) if error.is_gone() => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    if hex::encode(Sha256::digest(&bytes)) == sha256 {
        Ok(Some(Whole { bytes, sha256 }))
    } else {
        Err(Fault::new("a file is not what it was when it came").into())
    }
}

/// Forgets jobs that ended long before `now`.
///
/// # Errors
/// When the database fails.
pub async fn sweep(db: &Db, now: Micros) -> Result<(), DbError> {
    let mut chore = db.chore(Chore::Job).await?;
    chore.query(sql::SWEEP_MEDIA_JOBS).bind(now - JOB_KEPT_FOR).execute().await?;
    chore.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_bytes_say() {
        for (bytes, kind) in [
            (&b"\xFF\xD8\xFF\xE0JFIF"[..], "image/jpeg"),
            (b"\x89PNG\r\n\x1A\n....", "image/png"),
            (b"RIFF....WEBPVP8 ", "image/webp"),
            (b"%PDF-1.7", "application/pdf"),
            (b"OggS\0", "audio/ogg"),
            (b"....ftyp3gp4", "video/3gpp"),
            (b"....ftypisom", "video/mp4"),
            (b"BEGIN:VCARD\r\n", "text/vcard"),
        ] {
            assert_eq!(kind_of(bytes).map(|(kind, _)| kind), Some(kind));
        }
        for no in [&b""[..], b"<html>", b"<svg xmlns=", b"MZ\x90", b"\x7FELF", b"PK\x03\x04", b"#!/bin/sh", b"RIFF", b"....ftyq"] {
            assert_eq!(kind_of(no), None);
        }
    }

    #[test]
    fn what_is_said_must_go_with_what_is() {
        for (claimed, kind) in [("image/jpeg", "image/png"), ("audio/mp4", "video/mp4"), ("video/ogg", "audio/ogg"), ("", "image/gif")] {
            assert!(agree(claimed, kind), "{claimed} {kind}");
        }
        for (claimed, kind) in [("image/jpeg", "application/pdf"), ("text/vcard", "image/png"), ("application/pdf", "video/mp4")] {
            assert!(!agree(claimed, kind), "{claimed} {kind}");
        }
    }

    #[test]
    fn a_link_is_short_and_plain() {
        assert!(Linked::new("https://api.twilio.com/x", "image/jpeg").is_some());
        for no in ["", "https://api.twilio.com/ x", "https://api.twilio.com/\u{e9}", &"x".repeat(1001)] {
            assert!(Linked::new(no, "image/jpeg").is_none(), "{no}");
        }
    }
}
