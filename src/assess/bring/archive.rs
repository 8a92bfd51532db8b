//! The files of an archive: each is judged by its name and its bytes, and those that may be taken are made durable at once, under
//! their hashes. What is never taken over is named by nothing, and goes with the sweep of files.
//! Must stay true: as for an upload, nothing of a name reaches a path; one bad file keeps no other back.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::names::{Ids, Named, place, shown};
use super::plan::FilePlan;
use super::sql;
use crate::assess::Error;
use crate::catalog::Catalog;
use crate::core::clock::DAY;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::PersonId;
use crate::core::unzip::{self, Entry, ZipError};
use crate::evidence::kind::{self, HEAD_BYTES, Kind, KindError};
use crate::evidence::{self, bring};
use crate::http::App;
use crate::identity::{self, throttle};

/// Bytes of an archive.
pub const ARCHIVE_BYTES_MAX: u64 = 2 << 30;
/// Files of one, those that are refused among them: the entry names each that is taken.
pub const FILES_MAX: usize = 1_000;
/// Bytes of all its files, unpacked.
const UNPACKED_BYTES_MAX: u64 = 8 << 30;
/// Archives that one person may bring in a day and not take over: their files lie here until the sweep.
const LEFT_MAX: i64 = 10;
/// Bytes handed over at once, and how many hand-overs may wait.
const PIECE: usize = 256 << 10;
const WAITING: usize = 4;

/// Why an archive is not looked through.
#[derive(Debug)]
pub enum ArchiveError {
    /// It is none, or breaks a bound: the code of `error-<code>`.
    Told(String),
    /// Something inside.
    Inside(Error),
}

impl<E: Into<Error>> From<E> for ArchiveError {
    fn from(error: E) -> Self {
        Self::Inside(error.into())
    }
}

fn told(error: ZipError) -> ArchiveError {
    ArchiveError::Told(code(error))
}

fn code(error: ZipError) -> String {
    format!("book-{}", error.code().replace('_', "-"))
}

/// Looks through an archive and makes durable what may be taken.
///
/// # Errors
/// [`ArchiveError::Told`] for the archive as a whole.
pub async fn look_through(app: &App, person: &PersonId, file: File, catalog: &Catalog, tags: &[String]) -> Result<Vec<FilePlan>, ArchiveError> {
    let left: i64 = app.db.query(sql::LEFT).bind(person).bind(app.db.clock().now() - DAY).scalar().await?;
    if left >= LEFT_MAX {
        return Err(ArchiveError::Told("bring-left-many".into()));
    }
    let used = u64::try_from(evidence::usage(&app.db, person).await?.bytes).unwrap_or(u64::MAX);
    let room = u64::try_from(app.policies.uploads.person_bytes_max).unwrap_or(0).saturating_sub(used);
    let file = Arc::new(file);
    let entries = {
        let file = file.clone();
        let read = tokio::task::spawn_blocking(move || unzip::entries(&mut &*file));
        read.await.context("look into an archive")?.map_err(told)?
    };
    let entries: Vec<Entry> = entries.into_iter().filter(|e| !e.is_folder()).collect();
    if entries.len() > FILES_MAX {
        return Err(ArchiveError::Told("bring-files-many".into()));
    }
    let unpacked = entries.iter().map(|e| e.size).fold(0, u64::saturating_add);
    if unpacked > UNPACKED_BYTES_MAX {
        return Err(told(ZipError::TooLarge));
    }
    // What lies here until it is taken over is held against the same limit.
    if unpacked > room {
        return Err(ArchiveError::Told("file-quota".into()));
    }
    match throttle::count_archive(&app.db, person).await {
        Ok(()) => {}
        Err(identity::Error::TooMany { .. }) => return Err(ArchiveError::Told("bring-left-many".into())),
        Err(error) => return Err(Fault::with("count an archive", error).into()),
    }
    let ids = Ids::of(catalog);
    let (mut out, mut paths, mut hashes) = (Vec::<FilePlan>::new(), HashSet::new(), HashMap::new());
    for entry in entries {
        let mut plan = FilePlan { path: shown(&entry.name), size: entry.size, ..FilePlan::default() };
        let named = if entry.is_special() { Err("bring-file-link") } else { place(&ids, &entry.name) };
        let is_new = paths.insert(entry.name.to_ascii_lowercase());
        match named {
            Ok(_) if !is_new => plan.refused = Some("bring-file-twice".into()),
            Err(code) => plan.refused = Some(code.into()),
            Ok(named) => {
                plan.objectives.clone_from(&named.objectives);
                plan.tags = tags.iter().filter(|t| named.words.contains(t)).cloned().collect();
                match one(app, &file, entry, named, &mut plan).await? {
                    Ok(()) => {
                        plan.twin = hashes.get(&plan.sha256).copied();
                        if plan.twin.is_none() {
                            hashes.insert(plan.sha256.clone(), out.len());
                            plan.same_as = bring::same(&app.db, &plan.sha256).await?;
                        }
                    }
                    Err(code) => plan.refused = Some(code),
                }
            }
        }
        out.push(plan);
    }
    Ok(out)
}

/// Unpacks one file; the inner error is the code of why it is not taken.
async fn one(app: &App, file: &Arc<File>, entry: Entry, named: Named, plan: &mut FilePlan) -> Result<Result<(), String>, Fault> {
    let uploads = &app.policies.uploads;
    let (give, mut pieces) = mpsc::channel::<Result<Vec<u8>, ZipError>>(WAITING);
    let (from, most) = (file.clone(), uploads.bytes_max);
    let unpack = tokio::task::spawn_blocking(move || {
        let mut unpacked = match unzip::open(&*from, &entry, most) {
            Ok(unpacked) => unpacked,
            Err(error) => return drop(give.blocking_send(Err(error))),
        };
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            let read = (&mut unpacked).take(PIECE as u64).read_to_end(&mut piece);
            let (is_over, piece) = match read {
                Ok(0) => return,
                Ok(_) => (false, Ok(piece)),
                Err(error) => (true, Err(ZipError::of(&error))),
            };
            // Nobody waits for the rest of a file that is refused.
            if give.blocking_send(piece).is_err() || is_over {
                return;
            }
        }
    });
    let done = receive(app, &mut pieces, &named, plan).await;
    drop(pieces);
    unpack.await.context("unpack a file")?;
    done
}

async fn receive(app: &App, pieces: &mut mpsc::Receiver<Result<Vec<u8>, ZipError>>, named: &Named, plan: &mut FilePlan) -> Result<Result<(), String>, Fault> {
    let (mut head, mut is_whole) = (Vec::new(), false);
    while head.len() < HEAD_BYTES && !is_whole {
        match pieces.recv().await {
            Some(Ok(piece)) => head.extend(piece),
            Some(Err(error)) => return Ok(Err(code(error))),
            None => is_whole = true,
        }
    }
    let kind: Kind = match kind::agree(&named.name, &head[..head.len().min(HEAD_BYTES)], &app.policies.uploads.extensions) {
        Ok(kind) => kind,
        Err(error) => return Ok(Err(kind_code(&error).into())),
    };
    let mut incoming = app.blobs.receive().await?;
    incoming.write(&head).await?;
    while let Some(piece) = pieces.recv().await {
        match piece {
            Ok(piece) => incoming.write(&piece).await?,
            Err(error) => return Ok(Err(code(error))),
        }
    }
    let (stored, says) = bring::keep(kind, incoming).await?;
    plan.name.clone_from(&named.name);
    (plan.mime, plan.size, plan.sha256, plan.says) = (kind.mime.to_owned(), stored.size, stored.sha256, says);
    Ok(Ok(()))
}

const fn kind_code(error: &KindError) -> &'static str {
    match error {
        KindError::NotAllowed { .. } => "bring-file-type",
        KindError::Empty => "file-empty",
        KindError::Mismatch { .. } | KindError::NotText => "file-content",
    }
}
