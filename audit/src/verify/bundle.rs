//! Verifies an export: a folder with a checkpoint, entry bundles, and perhaps hash tiles.
//!
//! Every entry is hashed again into the signed root; hash tiles are compared, never believed, unless
//! they add up to the signed root themselves. A few bundles are in memory at a time, however many there are.

use std::{ops::Range, path::Path};

use super::{
    Error,
    ahead::{BUNDLE_BYTES_MAX, Bundle, Fine, Log, Next},
    certificate::Roots,
    checkpoint::Checkpoint,
    epochs::{self, Epochs, Rotation},
    files,
    kept::{Got, Kept, Marks},
    lead,
    note::{self, NOTE_BYTES_MAX},
    opened::Values,
    policy::Policy,
    pruned::Acts,
    report::{Finding, Integrity, KeptCheckpoint, KeptState, Kind, Pin, Report, TimeStamps},
    stamped::{self, Stamps},
    stored::Tiles,
    survey,
    tiles::{self, WIDTH},
    vkey::Vkey,
    walker::Walker,
    witnessed::{self, Fresh},
};

/// What stays open whatever the verdict is.
const NOT_CHECKED: [&str; 2] =
    ["completeness: whether every act was entered, and whether what was entered is true", "sealed values: commitments were not opened"];

/// What an auditor gives and asks. Keys, policy and kept checkpoints must have come by another way than the export.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The log's key, unless the policy names it.
    pub key: Option<Got<Vkey>>,
    /// Whom to trust: logs, witnesses, and how many of them.
    pub policy: Option<Got<Policy>>,
    /// The key of one of the log's epochs.
    pub epoch: Option<Got<Vkey>>,
    /// Checkpoints kept from earlier.
    pub kept: Vec<Kept>,
    /// How new the checkpoint must be. Only a policy can meet it.
    pub fresh: Option<Fresh>,
    /// Whose time-stamps are believed; with this, there must be one.
    pub tsa_roots: Option<Got<Roots>>,
}

/// Checks the export in `dir` against `key`, which must have been got by another way than `dir`.
#[must_use]
pub fn directory(dir: &Path, key: &Vkey) -> Report {
    examine(dir, &Ask { key: Some(Ok(key.clone())), ..Ask::default() })
}

/// Checks the export in `dir` for what is asked.
#[must_use]
pub fn examine(dir: &Path, ask: &Ask) -> Report {
    let mut report = Report::default();
    let policy = ask.policy.as_ref().and_then(|policy| policy.as_ref().ok());
    witnessed::expect(policy, ask.policy.is_some(), ask.fresh.as_ref(), &mut report);
    report.pin = if ask.epoch.is_some() { Pin::NotTold } else { Pin::NotAsked };
    report.kept_checkpoints =
        ask.kept.iter().map(|kept| KeptCheckpoint { file: kept.name.clone(), size: None, root: None, state: KeptState::NotTold }).collect();
    if ask.fresh.is_none() {
        report.not_checked.push("freshness: whether the log has grown since this checkpoint, or was rolled back before it".to_owned());
    }
    report.not_checked.extend(NOT_CHECKED.map(str::to_owned));
    if policy.is_none() {
        report.not_checked.push("witnesses: cosignatures on the checkpoint".to_owned());
    }
    stamped::expect(ask.tsa_roots.is_some(), &mut report);
    match open(dir, ask, &mut report) {
        Ok(Opened { key, checkpoint, note }) => {
            report.origin = Some(checkpoint.origin.clone());
            report.size = Some(checkpoint.size);
            report.root = Some(checkpoint.root);
            let marks = Marks::open(&ask.kept, &key, &checkpoint, &mut report);
            let epochs = Epochs::new(dir, &key, ask.epoch.as_ref().and_then(|epoch| epoch.as_ref().ok()));
            let roots = ask.tsa_roots.as_ref().and_then(|roots| roots.as_ref().ok());
            let stamps = roots.map(|roots| Stamps::open(dir, roots, &key, &checkpoint, &mut report)).unwrap_or_default();
            let (marks, stamps) = entries(dir, &checkpoint, &note, (marks, stamps, epochs), &mut report);
            let as_signed = report.computed_root == Some(checkpoint.root);
            marks.finish(&ask.kept, as_signed, &mut report);
            stamps.finish(&mut report);
        }
        Err(finding) => {
            report.add(finding);
            report.not_checked.insert(0, "the entries: without a valid checkpoint there is nothing to hold them against".to_owned());
        }
    }
    report
}

/// The log's key and its checkpoint, whose signature, form and cosignatures hold.
struct Opened {
    key: Vkey,
    checkpoint: Checkpoint,
    note: Vec<u8>,
}

fn open(dir: &Path, ask: &Ask, report: &mut Report) -> Result<Opened, Finding> {
    let refused = |(kind, what): &(Kind, String)| Finding { kind: *kind, seq: None, path: None, what: what.clone() };
    let given = ask.key.as_ref().map(|key| key.as_ref().map_err(refused)).transpose()?;
    let policy = ask.policy.as_ref().map(|policy| policy.as_ref().map_err(refused)).transpose()?;
    if let Some(Err(refused_roots)) = &ask.tsa_roots {
        return Err(refused(refused_roots));
    }
    let given = given_key(given, policy)?;
    ask.epoch.as_ref().map(|epoch| epoch.as_ref().map_err(refused)).transpose()?;
    report.key = given.map(|key| key.named().short());
    if !dir.is_dir() {
        return Err(Finding::absent(None, "the folder is missing, or is not a folder".to_owned()));
    }
    let note = files::read(dir, "checkpoint", NOTE_BYTES_MAX)?;
    let wrong = |error: Error| Finding::wrong(None, Some("checkpoint".to_owned()), error.to_string());
    let key = match (given, policy) {
        (Some(key), _) => key,
        (None, Some(policy)) => named_key(&note, policy).map_err(wrong)?,
        (None, None) => return Err(Finding::absent(None, "no key is given; a log cannot vouch for itself".to_owned())),
    };
    report.key = Some(key.named().short());
    let (checkpoint, mut unknown) = Checkpoint::open(&note, key).map_err(wrong)?;
    if let Some(policy) = policy {
        unknown = unknown.saturating_sub(witnessed::check(&note, policy, ask.fresh.as_ref(), report).map_err(wrong)?);
    }
    // Those of the epochs are looked at with the entries that name their keys.
    unknown = unknown.saturating_sub(epochs::lines(&note, &checkpoint.origin));
    if unknown > 0 {
        report.notes.push(format!("{unknown} signatures on the checkpoint are by keys that were not given"));
    }
    Ok(Opened { key: key.clone(), checkpoint, note })
}

/// The key given, if the policy does not know another for that log.
fn given_key<'a>(given: Option<&'a Vkey>, policy: Option<&'a Policy>) -> Result<Option<&'a Vkey>, Finding> {
    match (given, policy) {
        (Some(key), Some(policy)) if !policy.logs().is_empty() && policy.log_key(key.name()) != Some(key) => {
            let what = format!("the key given is not the one that the policy has for a log `{}`", key.name());
            Err(Finding::wrong(None, None, what))
        }
        (None, Some(policy)) if policy.logs().is_empty() => Err(Finding::absent(None, "the policy names no log, and no key is given".to_owned())),
        _ => Ok(given),
    }
}

/// The key that the policy has for the log that a note says it is of. Only its signature will show that it is.
fn named_key<'a>(note: &[u8], policy: &'a Policy) -> Result<&'a Vkey, Error> {
    let (text, _) = note::split(note)?;
    let origin = text.lines().next().unwrap_or_default();
    policy.log_key(origin).ok_or_else(|| Error::new(format!("the checkpoint is of the log `{}`, which the policy does not name", origin.escape_debug())))
}

/// Reads every entry and fills in the verdict on them.
fn entries(dir: &Path, checkpoint: &Checkpoint, note: &[u8], (marks, stamps, epochs): (Marks, Stamps, Epochs<'_>), report: &mut Report) -> (Marks, Stamps) {
    let survey = survey::survey(dir, checkpoint.size, report);
    let lead = lead::lead(dir, checkpoint.size, &survey, report);
    let mut replay = Replay {
        size: checkpoint.size,
        acts: Acts::new(lead),
        walker: Walker::new(&checkpoint.origin),
        marks,
        stamps,
        epochs,
        tiles: Tiles::new(dir, checkpoint.size, &survey),
        report: Report::default(),
    };
    if lead > 0 {
        let rotations = lead::retained(dir, lead, checkpoint.size, &checkpoint.origin, &mut replay.acts, report);
        replay.pruned(dir, lead, rotations);
    }
    let cover: Vec<_> = survey.bundles.cover(lead / WIDTH..checkpoint.size.div_ceil(WIDTH)).collect();
    let origin = replay.walker.origin_json().to_owned();
    Log { dir, size: checkpoint.size, origin: &origin }.read(&cover, |next| match next {
        Next::Bundle(index, bundle) => replay.bundle(index, bundle),
        Next::Gap(range) => replay.gap(range),
    });
    let Replay { walker, marks, stamps, epochs, tiles, acts, report: framing, .. } = replay;
    // With entries surplus, the root says nothing about any one of them.
    let walk = walker.end(Some(&checkpoint.root), framing.findings.is_empty());
    let compared = tiles.finish(checkpoint);
    report.entries_checked = walk.size;
    report.minimum_index = lead;
    report.tiles_checked = compared.tiles;
    report.computed_root = walk.whole.then_some(walk.root);
    report.notes.extend(walk.clock.notes());
    let as_signed = report.computed_root == Some(checkpoint.root);
    let kept = walk.findings.len() as u64;
    walk.findings.into_iter().for_each(|finding| report.add(finding));
    report.found += walk.found - kept;
    let (told, found) = acts.findings();
    told.iter().for_each(|finding| report.add(finding.clone()));
    report.found += found - told.len() as u64;
    values(dir, checkpoint.size, lead, &survey, &acts, report);
    report.take(framing);
    epochs.finish(note, checkpoint, lead, walk.whole, report);
    match compared.first_changed.filter(|_| !as_signed) {
        // The tiles are what was signed, so they say which entry is not.
        Some(seq) => {
            let what = "the entry is not the one whose hash is in tile/0, and the hashes there add up to the signed root";
            let first = Finding::wrong(Some(seq), None, what.to_owned());
            report.add(first.clone());
            report.first_bad = Some(first);
        }
        None => report.take(compared.report),
    }
    if compared.another_root && report.integrity() != Integrity::Wrong {
        let what = "the hashes of level 0 do not add up to the signed root";
        report.add(Finding::wrong(None, Some("tile/0".to_owned()), what.to_owned()));
    }
    if report.found == 0 && !(as_signed && walk.size + lead == checkpoint.size && compared.whole) {
        report.add(Finding::absent(None, "the export changed while it was read".to_owned()));
    }
    if !survey.has_tiles && checkpoint.size > 0 {
        report.not_checked.push("hash tiles: there are none in this folder".to_owned());
    }
    report.not_checked.extend(survey::beside(dir, report.time_stamps != TimeStamps::NotAsked));
    (marks, stamps)
}

/// Holds the values that lie beside the log, if any do, against the entries, which are read once more for it.
fn values(dir: &Path, size: u64, lead: u64, survey: &survey::Survey, acts: &Acts, report: &mut Report) {
    let Some(mut values) = Values::open(dir) else { return };
    report.not_checked.retain(|line| !line.starts_with("sealed values"));
    for (range, is_there) in survey.bundles.cover(lead / WIDTH..size.div_ceil(WIDTH)) {
        if !is_there {
            values.skip(range.end.saturating_mul(WIDTH));
            continue;
        }
        for index in range {
            let bytes = files::read(dir, &tiles::bundle_path(index, size), BUNDLE_BYTES_MAX).unwrap_or_default();
            let (first, width) = (index * WIDTH, tiles::width(0, index, size));
            let mut read = 0;
            for (leaf, seq) in lead::leaves(&bytes).zip(first..first + width) {
                values.take(seq, leaf, acts);
                read += 1;
            }
            if read < width {
                values.skip(first + width);
            }
        }
    }
    report.values_checked = Some(values.finish(report));
}

/// The log being read again from its bundles.
struct Replay<'a> {
    size: u64,
    walker: Walker,
    acts: Acts,
    marks: Marks,
    stamps: Stamps,
    epochs: Epochs<'a>,
    tiles: Tiles<'a>,
    report: Report,
}

impl Replay<'_> {
    /// Takes one bundle as far as it can be read.
    fn bundle(&mut self, index: u64, bundle: Bundle) {
        if bundle.fine.is_some_and(|fine| self.whole(index, &fine)) {
            return;
        }
        let (path, expected) = (tiles::bundle_path(index, self.size), tiles::width(0, index, self.size));
        let read = match bundle.bytes {
            Ok(bytes) => self.leaves(index, &path, &bytes),
            Err(finding) => {
                self.report.add(finding);
                0
            }
        };
        if read < expected {
            self.acts.skip();
            self.walker.skip(expected - read);
            self.tiles.stand_in(index, read);
        }
    }

    /// Takes a bundle at once, when there is nothing in it to look at one by one.
    fn whole(&mut self, index: u64, fine: &Fine) -> bool {
        let size = (index + 1) * WIDTH;
        if self.marks.wants_before(size) || self.stamps.wants_before(size) || !self.walker.take_bundle(fine) {
            return false;
        }
        self.acts.start(index * WIDTH, fine.times.first());
        self.tiles.push_tile(&fine.hashes, fine.root);
        self.marks.pass(size, || self.walker.root());
        self.stamps.pass(size, &self.walker);
        true
    }

    /// Takes the leaves of a bundle; gives how many there were.
    fn leaves(&mut self, index: u64, path: &str, bytes: &[u8]) -> u64 {
        let (expected, mut rest, mut read) = (tiles::width(0, index, self.size), bytes, 0_u64);
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            if read == expected || length > after.len() {
                break;
            }
            let (leaf, after) = after.split_at(length);
            // Findings are gathered by the walker and told when it is done.
            self.acts.take(self.walker.place(), leaf);
            let _ = self.walker.push(leaf);
            self.tiles.push(self.walker.last());
            if self.walker.is_whole() {
                self.marks.pass(self.walker.place(), || self.walker.root());
                self.stamps.pass(self.walker.place(), &self.walker);
                if let Some(rotation) = self.walker.take_rotation() {
                    self.epochs.pass(self.walker.place() - 1, rotation, || self.walker.root());
                }
            }
            rest = after;
            read += 1;
        }
        let what = match (read == expected, rest.is_empty()) {
            (true, true) => return read,
            (true, false) => format!("the bundle {path} goes on after its {expected} entries"),
            (false, true) => format!("the bundle {path} ends after {read} of {expected} entries"),
            (false, false) => {
                format!("the bundle {path} breaks off within this entry, or its length is wrong")
            }
        };
        self.report.add(Finding::wrong(Some(index * WIDTH + read), Some(path.to_owned()), what));
        read
    }

    /// Takes the hashes of the first `lead` entries, which were pruned, in their stead; `rotations` are those of them that
    /// ended epochs, in order.
    fn pruned(&mut self, dir: &Path, lead: u64, rotations: Vec<(u64, Result<Rotation, Error>)>) {
        let mut rotations = rotations.into_iter().peekable();
        for hash in (0..lead / WIDTH).flat_map(|index| lead::hashes(dir, index, self.size).unwrap_or_default()) {
            let place = self.walker.place();
            self.walker.stand(hash);
            self.tiles.push(hash);
            self.marks.pass(place + 1, || self.walker.root());
            self.stamps.pass(place + 1, &self.walker);
            if let Some((_, rotation)) = rotations.next_if(|(seq, _)| *seq == place) {
                self.epochs.pass(place, rotation, || self.walker.root());
            }
        }
    }

    /// Passes over bundles that are not there.
    fn gap(&mut self, range: Range<u64>) {
        let more = range.end - range.start - 1;
        let more = if more > 0 { format!(", and {more} after it") } else { String::new() };
        let path = tiles::bundle_path(range.start, self.size);
        self.report.add(Finding::absent(Some(path), format!("the file is missing{more}")));
        self.acts.skip();
        self.walker.skip(range.end.saturating_mul(WIDTH).min(self.size) - range.start * WIDTH);
        self.tiles.pass(range);
    }
}
