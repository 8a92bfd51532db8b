//! Verifies an export: a folder with a checkpoint, entry bundles, and perhaps hash tiles.
//!
//! Every entry is hashed again into the signed root; hash tiles are compared, never believed, unless
//! they add up to the signed root themselves. One bundle is in memory at a time.

use std::{fs, path::Path};

use super::{
    Hash,
    checkpoint::Checkpoint,
    files,
    leaf::LEAF_BYTES_MAX,
    note::NOTE_BYTES_MAX,
    report::{FINDINGS_MAX, Finding, Kind, Report},
    tiles::{self, Levels, Role, WIDTH},
    tree::Tree,
    vkey::Vkey,
    walker::Walker,
};

const BUNDLE_BYTES_MAX: usize = WIDTH as usize * (2 + LEAF_BYTES_MAX);
const TILE_BYTES_MAX: usize = WIDTH as usize * 32;

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
    if report.first_bad.is_none() {
        report.first_bad = first_bad(&report.findings);
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

/// The lowest entry that a finding names; failing that, what is wrong before what is absent.
fn first_bad(findings: &[Finding]) -> Option<Finding> {
    let named = findings.iter().filter(|finding| finding.seq.is_some()).min_by_key(|finding| finding.seq);
    let wrong = findings.iter().find(|finding| finding.kind == Kind::Wrong);
    named.or(wrong).or(findings.first()).cloned()
}

fn entries(dir: &Path, checkpoint: &Checkpoint, report: &mut Report) {
    let (surplus, has_tiles) = survey(dir, checkpoint.size, report);
    let mut replay = Replay {
        dir,
        size: checkpoint.size,
        walker: Walker::new(&checkpoint.origin),
        levels: Levels::default(),
        tiles: Tiles { present: has_tiles, ..Tiles::default() },
        findings: Vec::new(),
    };
    let mut whole = true;
    for index in 0..checkpoint.size.div_ceil(WIDTH) {
        if let Err(finding) = replay.bundle(index) {
            whole = false;
            report.notes.push(format!("reading stopped before entry {}", index * WIDTH));
            replay.findings.push(finding);
            break;
        }
    }
    let Replay { walker, levels, mut tiles, findings, size, .. } = replay;
    if whole {
        levels.finish(&mut |level, index, hashes| tiles.compare(dir, size, level, index, hashes));
    }
    // With entries short or surplus, the root says nothing about any one of them.
    let full = whole && findings.is_empty();
    let walk = walker.finish(full.then_some(&checkpoint.root));
    report.entries_checked = walk.size;
    report.tiles_checked = tiles.compared;
    report.computed_root = whole.then_some(walk.root);
    if walk.times_back > 0 {
        report.notes.push(format!("{} entries carry an earlier time than the entry before them; `_seq` is the order", walk.times_back));
    }
    let as_signed = whole && walk.root == checkpoint.root;
    match tiles.first_changed(checkpoint).filter(|_| !as_signed) {
        // The tiles are what was signed, so they say which entry is not.
        Some(seq) => {
            let what = "the entry is not the one whose hash is in tile/0, and the hashes there add up to the signed root";
            let first = Finding::wrong(Some(seq), None, what.to_owned());
            report.first_bad = Some(first.clone());
            report.add(first);
        }
        None => {
            for finding in tiles.findings {
                report.add(finding);
            }
        }
    }
    let kept = walk.findings.len() as u64;
    for finding in walk.findings.into_iter().chain(findings).chain(surplus) {
        report.add(finding);
    }
    report.found += walk.found - kept;
    if !has_tiles && checkpoint.size > 0 {
        report.not_checked.push("hash tiles: there are none in this folder".to_owned());
    }
}

/// Looks at every file: what is surplus under `tile/`, whether there are hash tiles, and what lies
/// beside them that nobody reads.
fn survey(dir: &Path, size: u64, report: &mut Report) -> (Vec<Finding>, bool) {
    let (mut surplus, mut has_tiles, mut more) = (Vec::new(), false, 0_u64);
    let mut add = |finding: Finding| {
        if surplus.len() < FINDINGS_MAX {
            surplus.push(finding);
        } else {
            more += 1;
        }
    };
    let is_there = fs::symlink_metadata(dir.join("tile")).is_ok();
    let walked = if is_there {
        files::walk(dir, "tile", &mut |path, is_file| match tiles::role(path, size) {
            _ if !is_file => add(Finding::wrong(None, Some(path.to_owned()), "neither a file nor a folder of this format".to_owned())),
            Role::Bundle => {}
            Role::HashTile => has_tiles = true,
            Role::Surplus => add(Finding::wrong(None, Some(path.to_owned()), format!("surplus: a log of {size} entries has no such file"))),
        })
    } else {
        Ok(())
    };
    if let Err(finding) = walked {
        add(finding);
    }
    report.found += more;
    let mut beside: Vec<String> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "checkpoint" && name != "tile")
        .collect();
    beside.sort();
    if let [first, rest @ ..] = &*beside {
        let rest = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        report.not_checked.push(format!("files beside the log: `{}`{rest}", first.escape_debug()));
    }
    (surplus, has_tiles)
}

/// The log being read again from its bundles.
struct Replay<'a> {
    dir: &'a Path,
    size: u64,
    walker: Walker,
    levels: Levels,
    tiles: Tiles,
    findings: Vec<Finding>,
}

impl Replay<'_> {
    /// Reads one bundle. An error means that its entries are not to be had.
    fn bundle(&mut self, index: u64) -> Result<(), Finding> {
        let path = tiles::bundle_path(index, self.size);
        let bytes = files::read(self.dir, &path, BUNDLE_BYTES_MAX)?;
        let (expected, mut rest, mut read) = (tiles::width(0, index, self.size), &*bytes, 0_u64);
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            if read == expected || length > after.len() {
                break;
            }
            let (leaf, after) = after.split_at(length);
            // Findings are gathered by the walker and told when it is done.
            let _ = self.walker.push(leaf);
            let (dir, size, tiles) = (self.dir, self.size, &mut self.tiles);
            self.levels.push(self.walker.last(), &mut |level, index, hashes| {
                tiles.compare(dir, size, level, index, hashes);
            });
            rest = after;
            read += 1;
        }
        let at = index * WIDTH + read;
        let what = match (read == expected, rest.is_empty()) {
            (true, true) => return Ok(()),
            (true, false) => format!("the bundle {path} goes on after its {expected} entries"),
            (false, true) => format!("the bundle {path} ends after {read} of {expected} entries"),
            (false, false) => {
                format!("the bundle {path} breaks off within this entry, or its length is wrong")
            }
        };
        self.findings.push(Finding::wrong(Some(at), Some(path), what));
        Ok(())
    }
}

/// The hash tiles of the export, compared one by one with those that follow from the entries.
#[derive(Default)]
struct Tiles {
    present: bool,
    compared: u64,
    /// The tree over the hashes in level 0 of the export.
    stored: Tree,
    /// First leaf hash of level 0 that is not the entry's.
    differs_at: Option<u64>,
    findings: Vec<Finding>,
}

impl Tiles {
    fn compare(&mut self, dir: &Path, size: u64, level: u8, index: u64, hashes: &[Hash]) {
        let width = tiles::width(level, index, size);
        if !self.present || width == 0 {
            return;
        }
        let path = tiles::tile_path(level, index, size);
        let bytes = match files::read(dir, &path, TILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(finding) => return self.add(finding),
        };
        self.compared += 1;
        let (stored, extra) = bytes.as_chunks::<32>();
        if !extra.is_empty() || stored.len() as u64 != width {
            return self.add(Finding::wrong(None, Some(path), format!("the tile is not {width} hashes of 32 bytes")));
        }
        if level == 0 {
            stored.iter().for_each(|hash| self.stored.push(*hash));
        }
        let same = stored.iter().zip(hashes).take_while(|(a, b)| a == b).count();
        if same < stored.len() {
            if level == 0 && self.differs_at.is_none() {
                self.differs_at = Some(index * WIDTH + same as u64);
            }
            self.add(Finding::wrong(None, Some(path), format!("hash {same} of the tile does not follow from the entries")));
        }
    }

    fn add(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// The first entry that differs from level 0, if level 0 is what was signed.
    fn first_changed(&self, checkpoint: &Checkpoint) -> Option<u64> {
        let as_signed = self.stored.size() == checkpoint.size && self.stored.root() == checkpoint.root;
        self.differs_at.filter(|_| as_signed)
    }
}
