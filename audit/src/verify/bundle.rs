//! Verifies an export: a folder with a checkpoint, entry bundles, and perhaps hash tiles.
//!
//! Every entry is hashed again into the signed root; hash tiles are compared, never believed, unless
//! they add up to the signed root themselves. One bundle is in memory at a time.

use std::{ops::Range, path::Path};

use super::{
    checkpoint::Checkpoint,
    files,
    leaf::LEAF_BYTES_MAX,
    note::NOTE_BYTES_MAX,
    report::{Finding, Integrity, Report},
    stored::Tiles,
    survey,
    tiles::{self, WIDTH},
    vkey::Vkey,
    walker::Walker,
};

const BUNDLE_BYTES_MAX: usize = WIDTH as usize * (2 + LEAF_BYTES_MAX);

/// What stays open whatever the verdict is.
const NOT_CHECKED: [&str; 4] = [
    "freshness: whether the log has grown since this checkpoint, or was rolled back before it",
    "completeness: whether every act was entered, and whether what was entered is true",
    "sealed values: commitments were not opened",
    "other signatures: witnesses and time-stamps on the checkpoint",
];

/// Checks the export in `dir` against `key`, which must have been got by another way than `dir`.
#[must_use]
pub fn directory(dir: &Path, key: &Vkey) -> Report {
    let mut report = Report { key: Some(key.named().short()), not_checked: NOT_CHECKED.map(str::to_owned).to_vec(), ..Report::default() };
    match checkpoint(dir, key) {
        Ok((checkpoint, unknown_signatures)) => {
            if unknown_signatures > 0 {
                report.notes.push(format!("{unknown_signatures} signatures on the checkpoint are by keys that were not given"));
            }
            report.origin = Some(checkpoint.origin.clone());
            report.size = Some(checkpoint.size);
            report.root = Some(checkpoint.root);
            entries(dir, &checkpoint, &mut report);
        }
        Err(finding) => {
            report.add(finding);
            report.not_checked.insert(0, "the entries: without a valid checkpoint there is nothing to hold them against".to_owned());
        }
    }
    report
}

fn checkpoint(dir: &Path, key: &Vkey) -> Result<(Checkpoint, usize), Finding> {
    if !dir.is_dir() {
        return Err(Finding::absent(None, "the folder is missing, or is not a folder".to_owned()));
    }
    let note = files::read(dir, "checkpoint", NOTE_BYTES_MAX)?;
    Checkpoint::open(&note, key).map_err(|error| Finding::wrong(None, Some("checkpoint".to_owned()), error.to_string()))
}

fn entries(dir: &Path, checkpoint: &Checkpoint, report: &mut Report) {
    let survey = survey::survey(dir, checkpoint.size, report);
    let mut replay = Replay {
        dir,
        size: checkpoint.size,
        walker: Walker::new(&checkpoint.origin),
        tiles: Tiles::new(dir, checkpoint.size, &survey),
        report: Report::default(),
    };
    for (range, is_there) in survey.bundles.cover(0..checkpoint.size.div_ceil(WIDTH)) {
        if is_there {
            range.for_each(|index| replay.bundle(index));
        } else {
            replay.gap(range);
        }
    }
    let Replay { walker, tiles, report: framing, .. } = replay;
    // With entries surplus, the root says nothing about any one of them.
    let walk = walker.end(Some(&checkpoint.root), framing.findings.is_empty());
    let compared = tiles.finish(checkpoint);
    report.entries_checked = walk.size;
    report.tiles_checked = compared.tiles;
    report.computed_root = walk.whole.then_some(walk.root);
    if walk.times_back > 0 {
        report.notes.push(format!("{} entries carry an earlier time than the entry before them; `_seq` is the order", walk.times_back));
    }
    let as_signed = report.computed_root == Some(checkpoint.root);
    let kept = walk.findings.len() as u64;
    walk.findings.into_iter().for_each(|finding| report.add(finding));
    report.found += walk.found - kept;
    report.take(framing);
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
    if report.found == 0 && !(as_signed && walk.size == checkpoint.size && compared.whole) {
        report.add(Finding::absent(None, "the export changed while it was read".to_owned()));
    }
    if !survey.has_tiles && checkpoint.size > 0 {
        report.not_checked.push("hash tiles: there are none in this folder".to_owned());
    }
    report.not_checked.extend(survey::beside(dir));
}

/// The log being read again from its bundles.
struct Replay<'a> {
    dir: &'a Path,
    size: u64,
    walker: Walker,
    tiles: Tiles<'a>,
    report: Report,
}

impl Replay<'_> {
    /// Reads one bundle as far as it can be read.
    fn bundle(&mut self, index: u64) {
        let (path, expected) = (tiles::bundle_path(index, self.size), tiles::width(0, index, self.size));
        let read = match files::read(self.dir, &path, BUNDLE_BYTES_MAX) {
            Ok(bytes) => self.leaves(index, &path, &bytes),
            Err(finding) => {
                self.report.add(finding);
                0
            }
        };
        if read < expected {
            self.walker.skip(expected - read);
            self.tiles.stand_in(index, read);
        }
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
            let _ = self.walker.push(leaf);
            self.tiles.push(self.walker.last());
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

    /// Passes over bundles that are not there.
    fn gap(&mut self, range: Range<u64>) {
        let more = range.end - range.start - 1;
        let more = if more > 0 { format!(", and {more} after it") } else { String::new() };
        let path = tiles::bundle_path(range.start, self.size);
        self.report.add(Finding::absent(Some(path), format!("the file is missing{more}")));
        self.walker.skip(range.end.saturating_mul(WIDTH).min(self.size) - range.start * WIDTH);
        self.tiles.pass(range);
    }
}
