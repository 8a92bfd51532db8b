//! What a witness remembers: its key, the logs it watches, the newest checkpoint of each, and the forks it was shown.
//! Must stay true: a log's memory is replaced whole and durable before the signature leaves; a memory that is absent or was
//! touched ends in an error, never in a fresh start.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use countersign_audit::verify::checkpoint::Checkpoint;
use countersign_audit::verify::tree::consistency;
use countersign_audit::verify::vkey::Vkey;
use countersign_audit::write::checkpoint::is_key_name;
use countersign_audit::write::cosign::CosigningKey;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::{Answer, Asked};
use crate::core::clock::{Clock, seconds};
use crate::core::folder::{FolderError, write_private};
use crate::core::rng::Rng;
use crate::vault::{KeyRingError, make_key, read_key};

/// Logs watched at most.
const LOGS_MAX: usize = 256;
/// Forks kept of a log at most: one is enough to prove it, and nobody fills the disk with them.
const FORKS_MAX: usize = 16;

/// Why the book cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The folder holds no witness.
    #[error("`{0}` holds no witness; make one with `countersign witness init`")]
    Absent(PathBuf),
    /// There is one already.
    #[error("`{0}` holds a witness already, and its key is never overwritten")]
    Exists(PathBuf),
    /// The name cannot name a key.
    #[error("`{0}` cannot be a witness's name; give 1 to 255 characters without spaces or `+`, such as `witness.example.org`")]
    Name(String),
    /// The key of a log cannot be used.
    #[error("this is no verifier key of a log: {0}")]
    Vkey(String),
    /// Another key is trusted for this log.
    #[error("another key is trusted for `{0}` already; a log that changes its key begins a new origin")]
    OtherKey(String),
    /// Too many logs.
    #[error("a witness watches {LOGS_MAX} logs at most")]
    Full,
    /// What was seen of a log is gone or was touched.
    #[error("what was seen of `{0}` is gone or was touched; a witness that lost its memory must be retired, since it could sign a second history")]
    Memory(String),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyRingError),
    /// The file system failed.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The file system failed.
    #[error("`{0}` could not be read or written")]
    Io(PathBuf, #[source] std::io::Error),
}

/// A log under watch.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its origin.
    pub origin: String,
    /// The newest size that was countersigned; none before the first.
    pub size: Option<u64>,
    /// Forks that were kept of it.
    pub forks: Vec<Fork>,
}

/// Two checkpoints of one size, both signed by the log, with different roots.
#[derive(Clone, Debug)]
pub struct Fork {
    /// The size.
    pub size: u64,
    /// The folder of the two notes.
    pub folder: PathBuf,
}

/// A witness's memory.
#[derive(Debug)]
pub struct Book {
    folder: PathBuf,
    name: String,
    key: CosigningKey,
    clock: Clock,
    /// One check at a time: what is checked is what is replaced.
    turn: Mutex<()>,
}

impl Book {
    /// Makes a witness with a key of its own below `folder`, which is absent or empty.
    ///
    /// # Errors
    /// [`BookError`]: each says what to do.
    pub fn make(folder: &Path, name: &str, rng: &Rng) -> Result<(), BookError> {
        if !is_key_name(name) {
            return Err(BookError::Name(name.to_owned()));
        }
        let io = |e| BookError::Io(folder.to_owned(), e);
        crate::core::folder::private_folder(folder)?;
        if fs::read_dir(folder).map_err(io)?.next().is_some() {
            return Err(BookError::Exists(folder.to_owned()));
        }
        for below in ["seen", "forks"] {
            crate::core::folder::private_folder(&folder.join(below))?;
        }
        make_key(&folder.join("key"), rng)?;
        write_private(&folder.join("logs"), b"")?;
        // The name comes last: only a whole witness has one.
        Ok(write_private(&folder.join("name"), format!("{name}\n").as_bytes())?)
    }

    /// Opens the witness in `folder`, checking everything it remembers.
    ///
    /// # Errors
    /// [`BookError`]: each says what to do.
    pub fn open(folder: &Path, clock: Clock) -> Result<Self, BookError> {
        let name = match fs::read_to_string(folder.join("name")) {
            Ok(name) => name.trim_end().to_owned(),
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(BookError::Absent(folder.to_owned())),
            Err(e) => return Err(BookError::Io(folder.join("name"), e)),
        };
        let key = CosigningKey::from_seed(&*read_key(&folder.join("key"))?);
        let book = Self { folder: folder.to_owned(), name, key, clock, turn: Mutex::new(()) };
        for log in book.logs()? {
            book.recall(&log)?;
        }
        Ok(book)
    }

    /// Its verifier key, for the policy files of others.
    #[must_use]
    pub fn vkey(&self) -> String {
        self.key.vkey(&self.name)
    }

    /// Begins to watch a log, by its verifier key. Again with the same key changes nothing.
    ///
    /// # Errors
    /// [`BookError`]: each says what to do.
    pub fn trust(&self, vkey: &str) -> Result<String, BookError> {
        let log = Vkey::parse(vkey).map_err(|e| BookError::Vkey(e.to_string()))?;
        let logs = self.logs()?;
        if let Some(known) = logs.iter().find(|known| known.name() == log.name()) {
            return if *known == log { Ok(log.name().to_owned()) } else { Err(BookError::OtherKey(log.name().to_owned())) };
        }
        if logs.len() == LOGS_MAX {
            return Err(BookError::Full);
        }
        // An empty memory first: from now on its absence is a loss.
        let seen = self.seen(log.name());
        if !seen.exists() {
            write_private(&seen, b"")?;
        }
        let path = self.folder.join("logs");
        let mut text = fs::read_to_string(&path).map_err(|e| BookError::Io(path.clone(), e))?;
        text.push_str(vkey);
        text.push('\n');
        write_private(&path, text.as_bytes())?;
        Ok(log.name().to_owned())
    }

    /// The logs it watches.
    ///
    /// # Errors
    /// When they or what was seen of them cannot be read.
    pub fn watched(&self) -> Result<Vec<Watched>, BookError> {
        let mut out = Vec::new();
        for log in self.logs()? {
            let size = self.recall(&log)?.map(|(seen, _)| seen.size);
            out.push(Watched { origin: log.name().to_owned(), size, forks: self.forks(log.name())? });
        }
        Ok(out)
    }

    /// The newest countersigned checkpoint of the log whose origin has this SHA-256 in hex.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn newest(&self, hex: &str) -> Result<Option<String>, BookError> {
        let Some(log) = self.logs()?.into_iter().find(|log| place(log.name()) == hex) else { return Ok(None) };
        Ok(self.recall(&log)?.map(|(_, note)| note))
    }

    /// Checks a checkpoint against what was seen last, keeps it and countersigns it.
    ///
    /// # Errors
    /// When the memory cannot be read or kept: then nothing was signed.
    pub async fn add(&self, asked: &Asked<'_>) -> Result<Answer, BookError> {
        let Some(text) = text_of(asked.note) else { return Ok(Answer::Malformed("the checkpoint is not a signed note")) };
        let origin = text.split('\n').next().unwrap_or_default();
        let Some(log) = self.logs()?.into_iter().find(|log| log.name() == origin) else { return Ok(Answer::Unknown) };
        if Checkpoint::parse(text).is_err() {
            return Ok(Answer::Malformed("the checkpoint is not origin, size and root, a line each"));
        }
        let Ok((shown, _)) = Checkpoint::open(asked.note, &log) else { return Ok(Answer::Unsigned) };
        if asked.old > shown.size {
            return Ok(Answer::Malformed("the old size is larger than the checkpoint's"));
        }
        let _turn = self.turn.lock().await;
        let seen = self.recall(&log)?;
        if let Some((seen, note)) = &seen
            && seen.size == shown.size
            && seen.root != shown.root
        {
            self.keep_fork(&log, seen.size, note, asked.note)?;
            return Ok(Answer::Contradicts("another root was seen at this size"));
        }
        let size = seen.as_ref().map_or(0, |(seen, _)| seen.size);
        if asked.old != size {
            return Ok(Answer::Behind(size));
        }
        let extends = match &seen {
            Some((seen, _)) if size > 0 => consistency(size, &seen.root, shown.size, &shown.root, &asked.proof).is_ok(),
            _ => asked.proof.is_empty(),
        };
        if !extends {
            return Ok(Answer::Contradicts("the proof does not lead from what was seen to this checkpoint"));
        }
        let now = seconds(self.clock.now());
        let Ok(line) = self.key.cosign(&self.name, text, now) else { return Ok(Answer::Malformed("the checkpoint cannot be countersigned")) };
        if seen.is_none() || shown.size > size {
            write_private(&self.seen(log.name()), format!("{}{line}", log_lines(text, asked.note, &log)).as_bytes())?;
        }
        Ok(Answer::Cosigned(line))
    }

    fn seen(&self, origin: &str) -> PathBuf {
        self.folder.join("seen").join(place(origin))
    }

    fn logs(&self) -> Result<Vec<Vkey>, BookError> {
        let path = self.folder.join("logs");
        let text = fs::read_to_string(&path).map_err(|e| BookError::Io(path, e))?;
        text.lines().take(LOGS_MAX).map(|line| Vkey::parse(line).map_err(|e| BookError::Vkey(e.to_string()))).collect()
    }

    /// The newest checkpoint seen of a log; none before the first.
    fn recall(&self, log: &Vkey) -> Result<Option<(Checkpoint, String)>, BookError> {
        let lost = || BookError::Memory(log.name().to_owned());
        let note = match fs::read(self.seen(log.name())) {
            Ok(note) if note.is_empty() => return Ok(None),
            Ok(note) => note,
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(lost()),
            Err(e) => return Err(BookError::Io(self.seen(log.name()), e)),
        };
        let (checkpoint, _) = Checkpoint::open(&note, log).map_err(|_| lost())?;
        Ok(Some((checkpoint, String::from_utf8(note).map_err(|_| lost())?)))
    }

    fn forks(&self, origin: &str) -> Result<Vec<Fork>, BookError> {
        let folder = self.folder.join("forks").join(place(origin));
        let found = match fs::read_dir(&folder) {
            Ok(found) => found,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(BookError::Io(folder, e)),
        };
        let mut forks = Vec::new();
        for entry in found.take(FORKS_MAX) {
            let entry = entry.map_err(|e| BookError::Io(folder.clone(), e))?;
            if let Some(size) = entry.file_name().to_str().and_then(|name| name.split('-').next()).and_then(|size| size.parse().ok()) {
                forks.push(Fork { size, folder: entry.path() });
            }
        }
        forks.sort_by(|a, b| a.folder.cmp(&b.folder));
        Ok(forks)
    }

    /// Keeps the two signed notes side by side, once for each pair.
    fn keep_fork(&self, log: &Vkey, size: u64, seen: &str, shown: &[u8]) -> Result<(), BookError> {
        let shown_text = text_of(shown).unwrap_or_default();
        tracing::error!(origin = log.name(), size, "a log signed two histories; both checkpoints are kept");
        if self.forks(log.name())?.len() >= FORKS_MAX {
            return Ok(());
        }
        let folder = self.folder.join("forks").join(place(log.name()));
        crate::core::folder::private_folder(&folder)?;
        let own = folder.join(format!("{size}-{}", &hex::encode(Sha256::digest(shown_text))[..16]));
        crate::core::folder::private_folder(&own)?;
        write_private(&own.join("seen"), seen.as_bytes())?;
        write_private(&own.join("shown"), log_lines(shown_text, shown, log).as_bytes())?;
        Ok(())
    }
}

/// Where a log's memory lies, and its address for monitors: the SHA-256 of its origin in hex.
fn place(origin: &str) -> String {
    hex::encode(Sha256::digest(origin))
}

/// The signed text of a note, with its final newline.
fn text_of(note: &[u8]) -> Option<&str> {
    let note = std::str::from_utf8(note).ok()?;
    note.rfind("\n\n").map(|at| &note[..=at])
}

/// The note with the log's own signatures alone: what others wrote below it is not this witness's to pass on.
fn log_lines(text: &str, note: &[u8], log: &Vkey) -> String {
    let mut out = format!("{text}\n");
    let lines = std::str::from_utf8(&note[(text.len() + 1).min(note.len())..]).unwrap_or_default();
    for line in lines.lines().filter(|line| line.split(' ').nth(1) == Some(log.name())) {
        out.push_str(line);
        out.push('\n');
    }
    out
}
