//! The daily scrub: every live file is read once a day and held against its hash, in the order of the hashes.
//! Must stay true: one file at a time, by a thread that gives way to everything else; a stop loses a batch at most; what is
//! found is an entry, and an altered file holds nothing until it is whole again.

use std::io::Read as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Error, Scrub, sql};
use crate::blobs::Blobs;
use crate::core::clock::{DAY, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::EvidenceId;
use crate::db::{Chore, Db, Detail, Outcome};
use crate::policy::{Actor, On, Permit, Policy};

/// One scrub at a time: who comes second goes on where the first one ended.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Where the scrub stands, in the table `fixed`.
const NAME: &str = "evidence_scrub";
/// Bytes that are read at once.
const CHUNK_BYTES: usize = 256 << 10;
/// Files of which one round says that they are altered, each by an entry; more are counted.
const TOLD_MAX: i64 = 1000;

/// How far a round is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// When it began.
    began: Micros,
    /// The hash that was looked at last; none when the round is over.
    after: Option<String>,
    files: i64,
    bytes: i64,
    altered: i64,
}

crate::row! {
    /// A file that something names.
    #[derive(Clone, Debug)]
    struct File {
        sha256: String,
        size: i64,
    }
}

/// What a call found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Files that were looked at.
    pub files: i64,
    /// Files that were found altered or gone, and were not known to be.
    pub altered: i64,
}

/// Goes on with the round that is due, up to its end or until told to stop. The first is due a day after the first call, since
/// everything was just hashed when it came.
///
/// # Errors
/// When the database or the disk fails; the next call goes on.
pub async fn run(db: &Db, policy: &Policy, blobs: &dyn Blobs, stop: &CancellationToken) -> Result<Found, Error> {
    let _alone = ALONE.lock().await;
    let now = db.clock().now();
    let known: Option<(String,)> = db.query(sql::SCRUB_AT).bind(NAME).optional().await?;
    let mut at = match known.and_then(|(text,)| serde_json::from_str::<Progress>(&text).ok()) {
        None => {
            keep(db, &Progress { began: now, ..Progress::default() }).await?;
            return Ok(Found::default());
        }
        Some(at) if at.after.is_none() && now - at.began < DAY => return Ok(Found::default()),
        Some(at) if at.after.is_none() => Progress { began: now, after: Some(String::new()), ..Progress::default() },
        Some(at) => at,
    };
    let mut found = Found::default();
    while !stop.is_cancelled() {
        let batch: Vec<File> = db.query(sql::SCRUB_NEXT).bind(at.after.as_deref().unwrap_or_default()).all().await?;
        let Some(last) = batch.last().map(|f| f.sha256.clone()) else { return end(db, policy, at, found).await };
        let marked: Vec<(String,)> = db.query(sql::ALTERED).all().await?;
        for file in &batch {
            if stop.is_cancelled() {
                return Ok(found);
            }
            let is_marked = marked.iter().any(|(sha256,)| *sha256 == file.sha256);
            let wrong = look(blobs, file).await?;
            at.files += 1;
            at.bytes += file.size;
            found.files += 1;
            match wrong {
                Some(as_found) => {
                    at.altered += 1;
                    if !is_marked && at.altered <= TOLD_MAX {
                        found.altered += i64::from(mark(db, policy, &file.sha256, &as_found).await?);
                    }
                }
                None if is_marked => clear(db, policy, &file.sha256).await?,
                None => {}
            }
        }
        at.after = Some(last);
        keep(db, &at).await?;
    }
    Ok(found)
}

/// What is wrong with a stored file; none when it is what its name says.
async fn look(blobs: &dyn Blobs, file: &File) -> Result<Option<String>, Fault> {
    let Some(opened) = blobs.open(&file.sha256).await? else { return Ok(Some("missing".to_owned())) };
    let (mut input, (done, told)) = (opened.file.into_std().await, tokio::sync::oneshot::channel());
    // A thread of its own, since its priority stays low.
    std::thread::spawn(move || {
        let _ = rustix::process::nice(19);
        let mut hash = || -> std::io::Result<String> {
            let (mut hasher, mut chunk) = (Sha256::new(), vec![0; CHUNK_BYTES]);
            loop {
                match input.read(&mut chunk)? {
                    0 => return Ok(hex::encode(hasher.finalize())),
                    read => hasher.update(&chunk[..read]),
                }
            }
        };
        let _ = done.send(hash());
    });
    let found = match told.await.context("read a stored file")? {
        Ok(found) => found,
        // The disk does not give it: to whoever asks for the file that is no better than another one.
        Err(error) => format!("unreadable: {}", error.kind()),
    };
    Ok((found != file.sha256).then_some(found))
}

fn permit(policy: &Policy) -> Result<Permit<Scrub>, Fault> {
    policy.permit(&Actor::system(), &On::any("evidence")).context("the policy lets the server read what it stores")
}

/// Marks every version with this content, and says whether there was one that was not marked.
async fn mark(db: &Db, policy: &Policy, sha256: &str, found: &str) -> Result<bool, Error> {
    let permit = permit(policy)?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    // No upload of the same content comes between what is named and what is marked.
    tx.query(sql::LOCK_QUOTA).execute().await?;
    let ids: Vec<(EvidenceId,)> = tx.query(sql::UNMARKED).bind(sha256).all().await?;
    if ids.is_empty() {
        return Ok(false);
    }
    for (id,) in &ids {
        tx.write(sql::MARK).bind(id).bind(now).execute().await?;
    }
    let ids: Vec<String> = ids.into_iter().map(|(id,)| id.to_string()).collect();
    let detail = Detail::of(Outcome::Error).because("hash_mismatch").with("sha256", sha256).with("found", found).with("altered", ids);
    tx.commit(permit, detail).await?;
    Ok(true)
}

/// Takes the marks away from a file that is whole again.
async fn clear(db: &Db, policy: &Policy, sha256: &str) -> Result<(), Error> {
    let permit = permit(policy)?;
    let mut tx = db.begin(&permit).await?;
    tx.query(sql::LOCK_QUOTA).execute().await?;
    let ids: Vec<(EvidenceId,)> = tx.query(sql::MARKED).bind(sha256).all().await?;
    if ids.is_empty() {
        return Ok(());
    }
    for (id,) in &ids {
        tx.write(sql::UNMARK).bind(id).execute().await?;
    }
    let ids: Vec<String> = ids.into_iter().map(|(id,)| id.to_string()).collect();
    tx.commit(permit, Detail::ok().with("sha256", sha256).with("whole", ids)).await?;
    Ok(())
}

/// Ends a round by an entry with what it read; nothing to read is no entry.
async fn end(db: &Db, policy: &Policy, at: Progress, found: Found) -> Result<Found, Error> {
    if at.files > 0 {
        let outcome = if at.altered > 0 { Outcome::Error } else { Outcome::Ok };
        let detail = Detail::of(outcome).with("files", at.files).with("bytes", at.bytes).with("altered_files", at.altered);
        let detail = if at.altered > 0 { detail.because("hash_mismatch") } else { detail };
        db.record(permit(policy)?, detail).await?;
    }
    keep(db, &Progress { after: None, ..at }).await?;
    Ok(found)
}

async fn keep(db: &Db, at: &Progress) -> Result<(), Error> {
    let text = serde_json::to_string(at).context("write down how far a scrub is")?;
    let mut chore = db.chore(Chore::Fixed).await?;
    chore.query(sql::SCRUB_KEEP).bind(NAME).bind(text).execute().await?;
    chore.commit().await?;
    Ok(())
}
