//! Epoch seals: a second signature on each checkpoint, by a key that is erased when its epoch ends. Whoever holds the log's
//! key today cannot make anew what an epoch that ended has sealed.
//!
//! The keys are named by entries of the log itself, so they are checked while the log is walked: see README.md, section 14.

use std::{fs, path::Path};

use super::{
    Error, Hash,
    checkpoint::{Checkpoint, decimal},
    files,
    json::Value,
    lead,
    leaf::Leaf,
    note::{self, NOTE_BYTES_MAX},
    report::{Finding, Pin, Report},
    vkey::Vkey,
};

/// The act whose entries name the keys.
pub(super) const ROTATE: &str = "epoch.rotate";

/// The folder of an export that holds the checkpoints with which epochs ended.
pub(super) const FOLDER: &str = "epoch";

/// What an entry that ends an epoch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The epoch that ends with this entry; 0 is the time before the first.
    pub n: u64,
    /// The verifier key of the epoch that follows.
    pub next_vkey: String,
    key: Vkey,
}

impl Leaf {
    /// What the entry says when it ends an epoch of the log `origin`; none when it does not.
    ///
    /// # Errors
    /// When it is such an entry, and not in form.
    pub fn rotation(&self, origin: &str) -> Result<Option<Rotation>, Error> {
        if self.text("action") != Some(ROTATE) || self.text("outcome") != Some("ok") {
            return Ok(None);
        }
        let form = || Error::new("the entry ends an epoch, and its `data` is not just `n`, a number from 0 on, and `next_vkey`, a text");
        let Some(Value::Map(data)) = self.member("data") else { return Err(form()) };
        let (2, Some(Value::Int(n)), Some(Value::Text(next_vkey))) = (data.len(), data.get("n"), data.get("next_vkey")) else { return Err(form()) };
        let n = u64::try_from(*n).map_err(|_| form())?;
        let key = Vkey::parse(next_vkey).map_err(|error| Error::new(format!("`next_vkey`: {error}")))?;
        if key.name() != name(origin) {
            return Err(Error::new(format!("`next_vkey` is a key of `{}`, the epochs are `{}`", key.name().escape_debug(), name(origin))));
        }
        Ok(Some(Rotation { n, next_vkey: next_vkey.clone(), key }))
    }
}

/// What the keys of a log's epochs are called.
pub(super) fn name(origin: &str) -> String {
    format!("{origin}/{FOLDER}")
}

/// How many signature lines of a note are under the name of the epoch keys.
pub(super) fn lines(note: &[u8], origin: &str) -> usize {
    note::split(note).map_or(0, |(_, lines)| lines.iter().filter(|line| line.is_under(&name(origin))).count())
}

/// The epochs while the log is walked. The key of each is held no longer than until the next has ended.
#[derive(Debug)]
pub(super) struct Epochs<'a> {
    dir: &'a Path,
    log: &'a Vkey,
    pin: Option<&'a Vkey>,
    pinned: bool,
    /// Entries that ended an epoch so far: the epoch that runs.
    running: u64,
    /// The size with which the last one ended; what is larger is sealed by `key`.
    ended: u64,
    /// The size with which epoch 0 ended: up to it nothing is sealed.
    first: Option<u64>,
    before: Option<Vkey>,
    key: Option<Vkey>,
    /// An entry named an epoch or a key that cannot be: from there on nothing is known.
    lost: bool,
    report: Report,
}

impl<'a> Epochs<'a> {
    pub(super) fn new(dir: &'a Path, log: &'a Vkey, pin: Option<&'a Vkey>) -> Self {
        let report = Report::default();
        Self { dir, log, pin, pinned: false, running: 0, ended: 0, first: None, before: None, key: None, lost: false, report }
    }

    /// The log has one more entry, which is such a one; `root` makes the root over all up to it.
    pub(super) fn pass(&mut self, seq: u64, rotation: Result<Rotation, Error>, root: impl Fn() -> Hash) {
        if self.lost {
            return;
        }
        let wrong = match rotation {
            Err(error) => error.to_string(),
            Ok(said) if said.n != self.running => format!("the entry ends epoch {}, where epoch {} runs: one was skipped or made up", said.n, self.running),
            Ok(said) if self.key.as_ref().is_some_and(|key| *key == said.key) => "the entry names the key that the epoch had already".to_owned(),
            Ok(said) => return self.next(seq + 1, said.key, root),
        };
        self.lost = true;
        self.report.add(Finding::wrong(Some(seq), None, wrong));
    }

    fn next(&mut self, size: u64, key: Vkey, root: impl Fn() -> Hash) {
        if let Some(old) = &self.key {
            let path = format!("{FOLDER}/{}", self.running);
            let read = files::read(self.dir, &path, NOTE_BYTES_MAX);
            let told = match read {
                // Entries say that it was made, so its absence is no mere gap.
                Err(finding) => Err(Error::new(format!("the checkpoint that ended epoch {}: {}", self.running, finding.what))),
                Ok(note) => self.check(&note, size, &root(), old),
            };
            if let Err(error) = told {
                self.report.add(Finding::wrong(None, Some(path), error.to_string()));
            }
        }
        self.pinned |= self.pin == Some(&key);
        self.first = self.first.or(Some(size));
        self.before = self.key.replace(key);
        (self.running, self.ended) = (self.running + 1, size);
    }

    fn check(&self, note: &[u8], size: u64, root: &Hash, key: &Vkey) -> Result<(), Error> {
        let (checkpoint, _) = Checkpoint::open(note, self.log)?;
        if checkpoint.size != size {
            return Err(Error::new(format!("the checkpoint has {} entries, epoch {} ended with {size}", checkpoint.size, self.running)));
        }
        if checkpoint.root != *root {
            return Err(Error::new(format!("the checkpoint that ended epoch {} has another root than the first {size} entries here", self.running)));
        }
        sealed(note, key)
    }

    /// No entry that is here named an epoch, of a log of which some were pruned: of those whoever leaves one out leaves out all.
    fn unnamed(&mut self, note: &[u8], origin: &str, report: &mut Report) {
        if lines(note, origin) > 0 {
            let what = "the checkpoint bears the seal of an epoch, and no entry that is here names its key".to_owned();
            self.report.add(Finding::absent(Some(lead::NAME.to_owned()), what));
        } else {
            report.not_checked.push("epoch seals: no entry that is here names an epoch, and whether a pruned one did is not told".to_owned());
        }
    }

    /// Tells of the seal on the export's checkpoint, and of all that was found. What came behind a missing entry is not known.
    /// The first `lead` entries were pruned.
    pub(super) fn finish(mut self, note: &[u8], checkpoint: &Checkpoint, lead: u64, whole: bool, report: &mut Report) {
        let size = checkpoint.size;
        let known = whole && !self.lost;
        if known {
            let by = if size > self.ended { self.key.as_ref() } else { self.before.as_ref() };
            if let Some(Err(error)) = by.map(|key| sealed(note, key)) {
                self.report.add(Finding::wrong(None, Some("checkpoint".to_owned()), error.to_string()));
            }
            surplus(self.dir, self.running, &mut self.report);
            (report.epochs, report.sealed_from) = (Some(self.running), self.first);
        }
        if self.pin.is_some() {
            report.pin = match (self.pinned, known) {
                (true, _) => Pin::Named,
                (false, true) => Pin::NotNamed,
                (false, false) => Pin::NotTold,
            };
        }
        if report.pin == Pin::NotNamed {
            self.report.add(Finding::wrong(None, None, "no entry of the log names the epoch key that was given".to_owned()));
        }
        if known && lead > 0 && self.running == 0 {
            self.unnamed(note, &checkpoint.origin, report);
        }
        if !known {
            report.not_checked.push("epoch seals behind what is missing or wrong".to_owned());
        } else if self.running > 0 && self.pin.is_none() {
            let what = "epoch keys: they came with the log; one that was got earlier and is given shows that nothing before its end was made anew";
            report.not_checked.push(what.to_owned());
        }
        report.take(self.report);
    }
}

/// Whether a note is signed by this key of an epoch.
fn sealed(note: &[u8], key: &Vkey) -> Result<(), Error> {
    note::open(note, key).map(drop).map_err(|error| Error::new(format!("the seal of the epoch: {error}")))
}

/// In the folder lie the ends of epochs 1 to the one before `running`, and nothing else.
fn surplus(dir: &Path, running: u64, report: &mut Report) {
    let folder = dir.join(FOLDER);
    match fs::symlink_metadata(&folder) {
        Ok(about) if about.is_dir() => {}
        Ok(_) => return report.add(Finding::wrong(None, Some(FOLDER.to_owned()), "not a folder".to_owned())),
        Err(_) => return,
    }
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_end = |name: &str| decimal(name).is_ok_and(|n| (1..running).contains(&n));
    let mut names: Vec<String> = names.filter(|name| !is_end(name)).collect();
    names.sort();
    for name in names {
        report.add(Finding::wrong(None, Some(format!("{FOLDER}/{name}")), "surplus: no epoch of this log ended so".to_owned()));
    }
}
