//! Stored files under their SHA-256. A blob is whole and durable before anything names it; nothing of a request reaches a path.
//! Must stay true: stream to a temporary file, fsync, rename to the digest, fsync the folder, and only then commit.

use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use crate::core::fault::{Context as _, Fault};
use crate::core::rng::Rng;

/// A blob that was received and is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// SHA-256 in hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// A blob opened for reading.
#[derive(Debug)]
pub struct Opened {
    /// Positioned at the start.
    pub file: tokio::fs::File,
    /// Bytes.
    pub size: u64,
}

/// A store of blobs.
pub trait Blobs: Send + Sync + std::fmt::Debug {
    /// Begins to receive a blob.
    fn receive(&self) -> BoxFuture<'_, Result<Incoming, Fault>>;
    /// Opens a blob; none when it is not there.
    fn open<'a>(&'a self, sha256: &'a str) -> BoxFuture<'a, Result<Option<Opened>, Fault>>;
    /// Removes a blob that nothing names.
    fn remove<'a>(&'a self, sha256: &'a str) -> BoxFuture<'a, Result<(), Fault>>;
    /// Blobs older than `secs` whose names follow `after`, in order, at most `most`, for the sweep.
    fn older_than(&self, secs: u64, after: &str, most: usize) -> BoxFuture<'_, Result<Vec<String>, Fault>>;
}

/// Blobs as files below the data folder: `blobs/ab/abcd…`.
#[derive(Clone, Debug)]
pub struct FolderBlobs {
    root: PathBuf,
    tmp: PathBuf,
    rng: Rng,
}

/// A blob on its way in. Dropping it removes what came so far.
#[derive(Debug)]
pub struct Incoming {
    file: tokio::fs::File,
    path: PathBuf,
    root: PathBuf,
    hasher: Sha256,
    size: u64,
    kept: bool,
}

impl FolderBlobs {
    /// Below `root`, with aborted uploads in `tmp`; both exist.
    #[must_use]
    pub fn new(root: &Path, tmp: &Path, rng: Rng) -> Self {
        Self { root: root.to_owned(), tmp: tmp.to_owned(), rng }
    }

    fn path(root: &Path, sha256: &str) -> Option<PathBuf> {
        let plain = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        plain.then(|| root.join(&sha256[..2]).join(sha256))
    }
}

impl Incoming {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes).await.context("write an upload")
    }

    /// Bytes so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 of the bytes so far, in hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::encode(self.hasher.clone().finalize())
    }

    /// Opens what came so far for reading, from its beginning.
    ///
    /// # Errors
    /// When the disk does not give it.
    pub async fn reread(&mut self) -> Result<std::fs::File, Fault> {
        self.file.flush().await.context("flush an upload")?;
        let file = tokio::fs::File::open(&self.path).await.context("read an upload")?;
        Ok(file.into_std().await)
    }

    /// Makes the blob durable under its digest.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub async fn keep(mut self) -> Result<Stored, Fault> {
        self.file.flush().await.context("flush an upload")?;
        self.file.sync_all().await.context("flush an upload")?;
        let sha256 = hex::encode(std::mem::take(&mut self.hasher).finalize());
        let to = FolderBlobs::path(&self.root, &sha256).ok_or_else(|| Fault::new("a digest is 64 hex digits"))?;
        let folder = to.parent().map(Path::to_owned).unwrap_or_default();
        let (from, root) = (self.path.clone(), self.root.clone());
        let moved = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
            if !folder.exists() {
                use std::os::unix::fs::DirBuilderExt as _;
                match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
                    Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
                    _ => std::fs::File::open(&root)?.sync_all()?,
                }
            }
            std::fs::rename(&from, &to)?;
            std::fs::File::open(&folder)?.sync_all()
        });
        moved.await.context("keep an upload")?.context("keep an upload")?;
        self.kept = true;
        Ok(Stored { sha256, size: self.size })
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Blobs for FolderBlobs {
    fn receive(&self) -> BoxFuture<'_, Result<Incoming, Fault>> {
        Box::pin(async move {
            let path = self.tmp.join(hex::encode(self.rng.bytes::<16>()));
            let file = tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await.context("receive an upload")?;
            Ok(Incoming { file, path, root: self.root.clone(), hasher: Sha256::new(), size: 0, kept: false })
        })
    }

    fn open<'a>(&'a self, sha256: &'a str) -> BoxFuture<'a, Result<Option<Opened>, Fault>> {
        Box::pin(async move {
            let Some(path) = Self::path(&self.root, sha256) else { return Ok(None) };
            match tokio::fs::File::open(path).await {
                Ok(file) => {
                    let size = file.metadata().await.context("open a blob")?.len();
                    Ok(Some(Opened { file, size }))
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(Fault::with("open a blob", e)),
            }
        })
    }

    fn remove<'a>(&'a self, sha256: &'a str) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let Some(path) = Self::path(&self.root, sha256) else { return Ok(()) };
            match tokio::fs::remove_file(path).await {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Fault::with("remove a blob", e)),
                _ => Ok(()),
            }
        })
    }

    fn older_than(&self, secs: u64, after: &str, most: usize) -> BoxFuture<'_, Result<Vec<String>, Fault>> {
        let (root, after) = (self.root.clone(), after.to_owned());
        let look = move || old_blobs(&root, secs, &after, most);
        Box::pin(async move { tokio::task::spawn_blocking(look).await.context("look for old blobs")?.context("look for old blobs") })
    }
}

fn old_blobs(root: &Path, secs: u64, after: &str, most: usize) -> std::io::Result<Vec<String>> {
    let mut out = Vec::new();
    let begin = after.get(..2).unwrap_or_default();
    for folder in names(root)?.into_iter().filter(|n| n.len() == 2 && n.as_str() >= begin) {
        let folder = root.join(folder);
        for name in names(&folder)?.into_iter().filter(|n| n.as_str() > after) {
            // A blob that went away in between is not old.
            let age = std::fs::metadata(folder.join(&name)).and_then(|m| m.modified()).map_or(0, |at| at.elapsed().map_or(0, |d| d.as_secs()));
            if age > secs {
                out.push(name);
            }
            if out.len() >= most {
                return Ok(out);
            }
        }
    }
    Ok(out)
}

/// What a folder holds, in order.
fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(folder)?.filter_map(Result::ok).filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort_unstable();
    Ok(names)
}
