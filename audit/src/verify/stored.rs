//! The hash tiles of an export, compared one by one with those that follow from the entries.
//!
//! They are never believed, unless level 0 adds up to the signed root; where an entry cannot be read, level 0 stands
//! in for it, so that the tiles above are held against something.

use std::{ops::Range, path::Path};

use super::{
    Hash,
    checkpoint::Checkpoint,
    files,
    report::{Finding, Kind, Report},
    survey::Survey,
    tiles::{self, Levels, WIDTH},
    tree::Tree,
};

const TILE_BYTES_MAX: usize = WIDTH as usize * 32;

/// The tiles as the entries make them, held against those that are there.
#[derive(Debug)]
pub(super) struct Tiles<'a> {
    levels: Levels,
    shelf: Shelf<'a>,
}

/// The export's own tiles, and what was seen of them.
#[derive(Debug)]
struct Shelf<'a> {
    dir: &'a Path,
    size: u64,
    survey: &'a Survey,
    compared: u64,
    /// The tree over the hashes in level 0.
    stored: Tree,
    /// The root over the tile of level 0 that is compared now, when it is known.
    root: Option<Hash>,
    /// Whether `stored` has every hash so far.
    whole: bool,
    /// First leaf hash of level 0 that is not the entry's.
    differs_at: Option<u64>,
    report: Report,
}

/// What came of the comparison.
#[derive(Debug)]
pub(super) struct Compared {
    /// Number of tiles compared.
    pub(super) tiles: u64,
    /// The first entry that differs from level 0, if level 0 adds up to the signed root.
    pub(super) first_changed: Option<u64>,
    /// Whether every hash of level 0 was read, and they do not add up to the signed root.
    pub(super) another_root: bool,
    /// Whether every tile was read that a log of this size has.
    pub(super) whole: bool,
    /// What is not right.
    pub(super) report: Report,
}

impl<'a> Tiles<'a> {
    pub(super) fn new(dir: &'a Path, size: u64, survey: &'a Survey) -> Self {
        let (stored, report) = (Tree::default(), Report::default());
        Self { levels: Levels::default(), shelf: Shelf { dir, size, survey, compared: 0, stored, root: None, whole: true, differs_at: None, report } }
    }

    /// Takes the hash of the next entry.
    pub(super) fn push(&mut self, hash: Hash) {
        self.put(Some(hash));
    }

    /// Takes the hashes of the next 256 entries, where a tile begins, and the root over them.
    pub(super) fn push_tile(&mut self, hashes: &[Hash], root: Hash) {
        self.shelf.root = Some(root);
        self.levels.push_tile(hashes, root, &mut |level, index, hashes| self.shelf.compare(level, index, hashes));
        self.shelf.root = None;
    }

    /// The entries of bundle `index` from place `from` in it on cannot be read.
    pub(super) fn stand_in(&mut self, index: u64, from: u64) {
        let width = tiles::width(0, index, self.shelf.size);
        let hashes = if self.shelf.survey.has_tiles { self.shelf.read(0, index).unwrap_or_default() } else { Vec::new() };
        (from..width).for_each(|at| self.put(hashes.get(at as usize).copied()));
    }

    /// The bundles of `range` cannot be read.
    pub(super) fn pass(&mut self, range: Range<u64>) {
        for (part, is_there) in self.shelf.survey.leaves.cover(range) {
            if is_there {
                part.for_each(|index| self.stand_in(index, 0));
            } else {
                let count = part.end.saturating_mul(WIDTH).min(self.shelf.size) - part.start * WIDTH;
                self.shelf.whole = false;
                self.levels.skip(count, &mut |level, index, hashes| self.shelf.compare(level, index, hashes));
            }
        }
    }

    pub(super) fn finish(self, checkpoint: &Checkpoint) -> Compared {
        let Self { levels, mut shelf } = self;
        levels.finish(&mut |level, index, hashes| shelf.compare(level, index, hashes));
        let read = shelf.survey.has_tiles && shelf.whole;
        let adds_up = shelf.stored.root() == checkpoint.root;
        Compared {
            tiles: shelf.compared,
            first_changed: shelf.differs_at.filter(|_| read && adds_up),
            another_root: read && !adds_up,
            whole: !shelf.survey.has_tiles || shelf.compared == tiles::count(shelf.size),
            report: shelf.report,
        }
    }

    fn put(&mut self, hash: Option<Hash>) {
        self.levels.push(hash, &mut |level, index, hashes| self.shelf.compare(level, index, hashes));
    }
}

impl Shelf<'_> {
    fn compare(&mut self, level: u8, index: u64, hashes: &[Option<Hash>]) {
        if !self.survey.has_tiles || tiles::width(level, index, self.size) == 0 {
            return;
        }
        let stored = match self.read(level, index) {
            Ok(stored) => stored,
            Err(finding) => {
                self.whole &= level != 0;
                // What is there in another form was told when the folder was looked at.
                if finding.kind == Kind::Absent {
                    self.report.add(finding);
                }
                return;
            }
        };
        self.compared += 1;
        let same = stored.iter().zip(hashes).take_while(|(stored, made)| made.is_none_or(|made| made == **stored)).count();
        match self.root.filter(|_| same == stored.len() && stored.len() as u64 == WIDTH && self.stored.size().is_multiple_of(WIDTH)) {
            Some(root) if level == 0 => self.stored.push_tile(root),
            _ if level == 0 => stored.iter().for_each(|hash| self.stored.push(*hash)),
            _ => {}
        }
        if same < stored.len() {
            if level == 0 && self.differs_at.is_none() {
                self.differs_at = Some(index * WIDTH + same as u64);
            }
            let path = tiles::tile_path(level, index, self.size);
            self.report.add(Finding::wrong(None, Some(path), format!("hash {same} of the tile does not follow from what is below it")));
        }
    }

    fn read(&self, level: u8, index: u64) -> Result<Vec<Hash>, Finding> {
        let (path, width) = (tiles::tile_path(level, index, self.size), tiles::width(level, index, self.size));
        let bytes = files::read(self.dir, &path, TILE_BYTES_MAX)?;
        let (hashes, extra) = bytes.as_chunks::<32>();
        if !extra.is_empty() || hashes.len() as u64 != width {
            return Err(Finding::wrong(None, Some(path), format!("the tile is not {width} hashes of 32 bytes")));
        }
        Ok(hashes.to_vec())
    }
}
