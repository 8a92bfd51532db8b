//! The data folder: made private, held by one process at a time, written to so that a crash leaves the old file or the new.
//! Must stay true: folders are 0700 and files 0600; nothing of ours is a symlink; a demo's folder and a server's are never
//! mistaken for each other.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The folders inside, parents first.
const SUB_FOLDERS: [&str; 6] = ["keys", "blobs", "blobs/tmp", "checkpoints", "signer", "log"];
/// The file whose lock is held while the folder is in use.
const LOCK: &str = "lock";
/// The file that marks a demo's folder.
const DEMO_MARKER: &str = "demo";
/// Entries that one walk over the rights looks at.
const WALK_ENTRIES_MAX: usize = 100_000;
/// A process id is not longer than this.
const PID_BYTES_MAX: u64 = 20;
/// Rights of the group and of others.
const WIDE: u32 = 0o077;

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A folder is absent and was not to be made.
    #[error("the folder `{0}` does not exist; check `data`, or run `countersign serve` once to make it")]
    Missing(PathBuf),
    /// Something else lies where a folder must be.
    #[error("`{0}` is a symlink or a file where the server keeps a folder of its own; move it away")]
    NotAFolder(PathBuf),
    /// Something else lies where a file must be.
    #[error("`{0}` is not a plain file; move it away")]
    NotAFile(PathBuf),
    /// Another process holds the folder.
    #[error("another countersign ({}) holds `{folder}`; stop it first", pid_words(*.pid))]
    Held {
        /// Its process id, if it could be read.
        pid: Option<u32>,
        /// The folder.
        folder: PathBuf,
    },
    /// A demo's folder and a server's were mistaken for each other.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The file system failed.
    #[error("`{path}` could not be {doing}; check its owner, its rights and the disk")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// A demo's folder and a server's were mistaken for each other.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DemoError {
    /// A server was pointed at a demo's folder.
    #[error("`{0}` was made by `countersign demo`, whose keys and people are known; give `serve` a folder of its own")]
    MadeByDemo(PathBuf),
    /// A demo was pointed at a folder that it did not make.
    #[error("`{0}` was not made by `countersign demo`; give the demo a new or an empty folder")]
    NotMadeByDemo(PathBuf),
}

fn pid_words(pid: Option<u32>) -> String {
    pid.map_or_else(|| "pid unknown".to_owned(), |pid| format!("pid {pid}"))
}

/// The folder that holds everything the server keeps.
#[derive(Clone, Debug)]
pub struct DataFolder {
    path: PathBuf,
}

/// The right to use the folder, given back when dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// What a walk over the rights found.
#[derive(Debug)]
pub struct Rights {
    /// Folders wider than 0700 and files wider than 0600, with their mode.
    pub wide: Vec<(PathBuf, u32)>,
    /// Whether the walk saw everything; it stops after a fixed number of entries.
    pub complete: bool,
}

impl DataFolder {
    /// Opens the folder; with `create`, makes what is absent.
    ///
    /// The folder itself may be reached by a symlink, as the service manager makes one for a dynamic user; what lies
    /// inside may not.
    ///
    /// # Errors
    /// When something is absent and not to be made, or lies there as something else, or the file system fails.
    pub fn open(path: &Path, create: bool) -> Result<Self, FolderError> {
        if create {
            make_root(path)?;
        }
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(FolderError::Missing(path.to_owned())),
            Err(error) => return Err(failed("opened", path)(error)),
        };
        if !path.is_dir() {
            return Err(FolderError::NotAFolder(path));
        }
        for name in SUB_FOLDERS {
            sub_folder(&path.join(name), create)?;
        }
        if create {
            sync_dir(&path)?;
        }
        Ok(Self { path })
    }

    /// Opens the demo's folder, or makes it where there is nothing or an empty folder.
    ///
    /// # Errors
    /// When the folder holds something and is not a demo's, and as [`DataFolder::open`].
    pub fn make_demo(path: &Path) -> Result<Self, FolderError> {
        make_root(path)?;
        // The marker comes first: a crash leaves an empty folder or a demo's, never a server's.
        let marker = path.join(DEMO_MARKER);
        if !is_plain_file(&marker)? {
            if !is_empty(path)? {
                return Err(DemoError::NotMadeByDemo(path.to_owned()).into());
            }
            write_private(&marker, b"Made by `countersign demo`; nothing in here is secret.\n")?;
        }
        Self::open(path, true)
    }

    /// Whether a demo made the folder.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        fs::symlink_metadata(self.path.join(DEMO_MARKER)).is_ok()
    }

    /// Refuses a demo's folder, for everything that is not a demo.
    ///
    /// # Errors
    /// When a demo made the folder.
    pub fn refuse_demo(&self) -> Result<(), DemoError> {
        if self.is_demo() { Err(DemoError::MadeByDemo(self.path.clone())) } else { Ok(()) }
    }

    /// The folder itself, as an absolute path without symlinks.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key files.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// The stored blobs.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// Uploads that are still arriving.
    #[must_use]
    pub fn blobs_tmp(&self) -> PathBuf {
        self.path.join("blobs/tmp")
    }

    /// The signed checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// What the signer remembers.
    #[must_use]
    pub fn signer(&self) -> PathBuf {
        self.path.join("signer")
    }

    /// The log files.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    /// When another process holds it, or the file system fails.
    pub fn lock(&self) -> Result<Lock, FolderError> {
        hold(&self.path)
    }

    /// Lists what others could reach if they got into the folder. Symlinks are not followed and have no rights.
    ///
    /// # Errors
    /// When a folder or a file cannot be looked into.
    pub fn wide_permissions(&self) -> io::Result<Rights> {
        let mut rights = Rights { wide: Vec::new(), complete: true };
        let mut left = WALK_ENTRIES_MAX;
        // Breadth first: keys and checkpoints are seen before the many blobs.
        let mut folders = VecDeque::from([self.path.clone()]);
        note_if_wide(&self.path, &mut rights)?;
        while let Some(folder) = folders.pop_front() {
            for entry in fs::read_dir(&folder)? {
                if left == 0 {
                    rights.complete = false;
                    return Ok(rights);
                }
                left -= 1;
                let path = entry?.path();
                if note_if_wide(&path, &mut rights)? {
                    folders.push_back(path);
                }
            }
        }
        Ok(rights)
    }

    /// Deletes uploads that never ended; call it while nothing uploads. Says how many there were.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn sweep_tmp(&self) -> io::Result<usize> {
        let folder = self.blobs_tmp();
        let mut swept = 0;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
                swept += 1;
            }
        }
        if swept > 0 {
            File::open(&folder)?.sync_all()?;
        }
        Ok(swept)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A stale process id in a free lock would only mislead; the lock itself goes with the file's handle.
        drop(self.file.set_len(0));
    }
}

/// Takes a folder for this process.
///
/// # Errors
/// When another process holds it, or the file system fails.
pub fn hold(folder: &Path) -> Result<Lock, FolderError> {
    let path = folder.join(LOCK);
    is_plain_file(&path)?;
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = opened.map_err(failed("opened", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(FolderError::Held { pid: read_pid(&mut file), folder: folder.to_owned() });
        }
        Err(TryLockError::Error(error)) => return Err(failed("locked", &path)(error)),
    }
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(failed("written", &path))?;
    Ok(Lock { file })
}

/// Makes a folder that its owner alone may enter, where there is none.
///
/// # Errors
/// When something else lies there, or the file system fails.
pub fn private_folder(path: &Path) -> Result<(), FolderError> {
    make_root(path)
}

/// Replaces the file at `path` by `bytes`, readable by its owner alone: after a crash it is wholly the old or the new.
///
/// # Errors
/// When the file system fails; the old file is still there then.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{name}.{}.{number}.tmp", std::process::id()));
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        drop(fs::remove_file(&temporary));
        return Err(failed("written", path)(error));
    }
    sync_dir(folder)
}

/// Overwrites a file with zeros, durably: the first half of [`erase`]. On flash, on a file system that copies on write and in
/// copies made before, the old bytes may live on.
///
/// # Errors
/// When the file system fails.
pub fn overwrite(path: &Path) -> Result<(), FolderError> {
    let zeros = |mut file: File| {
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
        file.write_all(&vec![0; length])?;
        file.sync_all()
    };
    OpenOptions::new().write(true).open(path).and_then(zeros).map_err(failed("overwritten", path))
}

/// Overwrites and removes a file, durably.
///
/// # Errors
/// When the file system fails; the file may still be there.
pub fn erase(path: &Path) -> Result<(), FolderError> {
    overwrite(path)?;
    fs::remove_file(path).map_err(failed("removed", path))?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Makes a folder's entries durable.
///
/// # Errors
/// When the file system fails.
pub fn sync_dir(folder: &Path) -> Result<(), FolderError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("synced", folder))
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FolderError + use<'a> {
    move |source| FolderError::Io { doing, path: path.to_owned(), source }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A crash may have left this name behind, when process ids come round again.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the folder itself, or takes the rights of others from an empty one that somebody else made.
fn make_root(path: &Path) -> Result<(), FolderError> {
    match fs::metadata(path) {
        Ok(about) if !about.is_dir() => Err(FolderError::NotAFolder(path.to_owned())),
        Ok(about) if about.permissions().mode() & WIDE != 0 && is_empty(path)? => {
            fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed("made private", path))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("made", path)),
        Err(error) => Err(failed("opened", path)(error)),
    }
}

fn sub_folder(path: &Path, create: bool) -> Result<(), FolderError> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => Ok(()),
        Ok(_) => Err(FolderError::NotAFolder(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound && create => DirBuilder::new().mode(0o700).create(path).map_err(failed("made", path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(FolderError::Missing(path.to_owned())),
        Err(error) => Err(failed("opened", path)(error)),
    }
}

fn is_empty(path: &Path) -> Result<bool, FolderError> {
    Ok(fs::read_dir(path).map_err(failed("listed", path))?.next().is_none())
}

/// Whether a plain file lies there; anything else that does is refused.
fn is_plain_file(path: &Path) -> Result<bool, FolderError> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_file() => Ok(true),
        Ok(_) => Err(FolderError::NotAFile(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("opened", path)(error)),
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Whether `path` is a folder to walk into; notes it when its rights are too wide.
fn note_if_wide(path: &Path, rights: &mut Rights) -> io::Result<bool> {
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        // A running server renames and deletes files meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mode = about.permissions().mode() & 0o7777;
    if !about.is_symlink() && mode & WIDE != 0 {
        rights.wide.push((path.to_owned(), mode));
    }
    Ok(about.is_dir())
}

#[cfg(test)]
mod tests;
