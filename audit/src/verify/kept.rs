//! Checkpoints that the auditor kept from earlier: the memory outside the machine that shows a log rolled back,
//! forked or rewritten.
//!
//! A kept checkpoint counts by the log's own signature on it; who cosigned it is not looked at.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use super::{
    Hash,
    checkpoint::Checkpoint,
    note::NOTE_BYTES_MAX,
    report::{Finding, KeptState, Kind, Report},
    vkey::Vkey,
};

/// Most kept checkpoints in one check.
pub const KEPT_MAX: usize = 64;

/// Something from a file that the auditor named, or what kind of trouble it was and why.
pub type Got<T> = Result<T, (Kind, String)>;

/// A kept checkpoint as it came from its file.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What the report calls it.
    pub name: String,
    /// The signed note.
    pub note: Got<Vec<u8>>,
}

impl Kept {
    /// Reads a file with a signed checkpoint.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        Self { name: path.to_string_lossy().into_owned(), note: bytes(path, NOTE_BYTES_MAX) }
    }
}

/// The bytes of a file that the auditor named, `max` at most. Here a link is followed.
///
/// # Errors
/// Absent when there is no such file or it cannot be read, wrong when it is longer.
pub fn bytes(path: &Path, max: usize) -> Got<Vec<u8>> {
    let absent = |error: std::io::Error| (Kind::Absent, format!("the file cannot be read: {error}"));
    if !fs::metadata(path).map_err(absent)?.is_file() {
        return Err((Kind::Absent, "not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(absent)?.take(max as u64 + 1).read_to_end(&mut bytes).map_err(absent)?;
    if bytes.len() > max {
        return Err((Kind::Wrong, format!("the file is longer than {max} bytes")));
    }
    Ok(bytes)
}

/// Kept checkpoints while the log is walked: each is held against the root over as many entries.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Place in the report's list, and what was committed to, by size.
    waiting: Vec<(usize, Checkpoint)>,
    /// How many of `waiting` were passed.
    passed: usize,
    roots: Vec<Hash>,
}

impl Marks {
    /// Opens the kept checkpoints and tells what shows without a walk.
    pub(super) fn open(kept: &[Kept], key: &Vkey, log: &Checkpoint, report: &mut Report) -> Self {
        let mut marks = Self::default();
        for (at, kept) in kept.iter().enumerate() {
            let opened = kept.note.clone().and_then(|note| Checkpoint::open(&note, key).map_err(|error| (Kind::Wrong, error.to_string())));
            let opened = match opened {
                Ok((checkpoint, _)) => checkpoint,
                Err((kind, why)) => {
                    report.kept_checkpoints[at].state = if kind == Kind::Absent { KeptState::Absent } else { KeptState::Refused };
                    report.add(Finding { kind, seq: None, path: None, what: format!("the kept checkpoint {}: {why}", name(kept)) });
                    continue;
                }
            };
            (report.kept_checkpoints[at].size, report.kept_checkpoints[at].root) = (Some(opened.size), Some(opened.root));
            let (state, what) = if opened.size > log.size {
                (
                    KeptState::RolledBack,
                    format!("the log was rolled back: it has {} entries where the kept checkpoint {} has {}", log.size, name(kept), opened.size),
                )
            } else if opened.size == log.size && opened.root != log.root {
                (KeptState::Forked, format!("the log was forked: for its {} entries the kept checkpoint {} has another root", log.size, name(kept)))
            } else if opened.size == log.size || opened.size == 0 {
                report.kept_checkpoints[at].state = KeptState::Held;
                continue;
            } else {
                marks.waiting.push((at, opened));
                continue;
            };
            report.kept_checkpoints[at].state = state;
            report.add(Finding::wrong(None, None, what));
        }
        marks.waiting.sort_by_key(|(_, checkpoint)| checkpoint.size);
        marks
    }

    /// Whether the root is wanted over fewer than `size` entries that were not passed yet.
    pub(super) fn wants_before(&self, size: u64) -> bool {
        self.waiting.get(self.passed).is_some_and(|(_, kept)| kept.size < size)
    }

    /// The log has `size` entries now; `root` makes the root over them.
    pub(super) fn pass(&mut self, size: u64, root: impl Fn() -> Hash) {
        while self.waiting.get(self.passed).is_some_and(|(_, kept)| kept.size == size) {
            self.roots.push(root());
            self.passed += 1;
        }
    }

    /// Tells what the walk showed. What it did not reach stays open.
    pub(super) fn finish(self, kept: &[Kept], as_signed: bool, report: &mut Report) {
        for ((at, checkpoint), root) in self.waiting.into_iter().zip(self.roots) {
            if root == checkpoint.root {
                report.kept_checkpoints[at].state = KeptState::Held;
                continue;
            }
            report.kept_checkpoints[at].state = KeptState::Rewritten;
            let (size, name) = (checkpoint.size, name(&kept[at]));
            let what = if as_signed {
                format!("the log was rewritten: its first {size} entries, as they are signed now, are not those of the kept checkpoint {name}")
            } else {
                format!("the first {size} entries that are here are not those of the kept checkpoint {name}")
            };
            report.add(Finding::wrong(None, None, what));
        }
    }
}

fn name(kept: &Kept) -> String {
    format!("`{}`", kept.name.escape_debug())
}
