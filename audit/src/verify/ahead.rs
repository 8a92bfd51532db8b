//! Reads bundles ahead of the walk, on as many threads as there are cores, and does what can be done to each by itself: hashes,
//! the short look at every entry, the links inside, the root of its subtree.
//!
//! Bundles arrive in their order, and what is not plainly fine is left to the walk, so that the report is the same on any machine.

use std::{ops::Range, path::Path, sync::mpsc::sync_channel, thread};

use super::{
    Hash, base64,
    clock::Times,
    files,
    leaf::LEAF_BYTES_MAX,
    quick,
    report::Finding,
    tiles::{self, WIDTH},
    tree,
};

pub(super) const BUNDLE_BYTES_MAX: usize = WIDTH as usize * (2 + LEAF_BYTES_MAX);

/// Threads at most; more would wait for the one that walks.
const THREADS_MAX: usize = 8;

/// Bundles that wait for the walk, of each thread.
const WAITING_MAX: usize = 2;

/// Fewer bundles are not worth a thread.
const WORTHWHILE: u64 = 8;

/// A bundle as it lies there.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) bytes: Result<Vec<u8>, Finding>,
    /// What is known when nothing is wrong with any of its entries but perhaps the link of the first.
    pub(super) fine: Option<Box<Fine>>,
}

/// A full bundle whose entries are in form, at their places, linked, and neither end an epoch nor take something out of the log.
#[derive(Debug)]
pub(super) struct Fine {
    pub(super) hashes: Vec<Hash>,
    pub(super) root: Hash,
    /// `_prev` of the first entry, as it stands there.
    pub(super) prev: Vec<u8>,
    /// The times of all of them.
    pub(super) times: Times,
}

/// The log whose bundles are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log<'a> {
    pub(super) dir: &'a Path,
    pub(super) size: u64,
    /// The origin as JSON.
    pub(super) origin: &'a str,
}

/// What comes next: a bundle by its index, or a range of those that are not there.
#[derive(Debug)]
pub(super) enum Next {
    Bundle(u64, Bundle),
    Gap(Range<u64>),
}

impl Log<'_> {
    /// Gives everything of `cover` in its order: ranges of bundles, each with whether they are there.
    pub(super) fn read(self, cover: &[(Range<u64>, bool)], mut take: impl FnMut(Next)) {
        let there = || cover.iter().filter(|(_, is_there)| *is_there).flat_map(|(range, _)| range.clone());
        let count: u64 = cover.iter().filter(|(_, is_there)| *is_there).map(|(range, _)| range.end - range.start).sum();
        let threads = if count < WORTHWHILE { 1 } else { thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX) };
        thread::scope(|scope| {
            let lanes: Vec<_> = (0..if threads > 1 { threads } else { 0 })
                .map(|lane| {
                    let (give, get) = sync_channel(WAITING_MAX);
                    let mut own = there().skip(lane).step_by(threads);
                    // Nobody waits for the rest when the walk has ended.
                    scope.spawn(move || own.all(|index| give.send(self.look(index)).is_ok()));
                    get
                })
                .collect();
            let mut turn = lanes.iter().cycle();
            for (range, is_there) in cover {
                if !is_there {
                    take(Next::Gap(range.clone()));
                    continue;
                }
                for index in range.clone() {
                    let read = turn.next().and_then(|lane| lane.recv().ok());
                    take(Next::Bundle(index, read.unwrap_or_else(|| self.look(index))));
                }
            }
        });
    }

    fn look(self, index: u64) -> Bundle {
        let bytes = files::read(self.dir, &tiles::bundle_path(index, self.size), BUNDLE_BYTES_MAX);
        let is_full = tiles::width(0, index, self.size) == WIDTH;
        let fine = bytes.as_ref().ok().filter(|_| is_full).and_then(|bytes| self.fine(index, bytes)).map(Box::new);
        Bundle { bytes, fine }
    }

    fn fine(self, index: u64, bytes: &[u8]) -> Option<Fine> {
        let mut fine = Fine { hashes: Vec::with_capacity(256), root: [0; 32], prev: Vec::new(), times: Times::default() };
        let mut rest = bytes;
        for seq in index * WIDTH..(index + 1) * WIDTH {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let (leaf, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            let seen = quick::look(leaf, seq, self.origin.as_bytes())?;
            match fine.hashes.last() {
                Some(last) if seen.prev != base64::encode_hash(last) => return None,
                Some(_) => {}
                None => seen.prev.clone_into(&mut fine.prev),
            }
            fine.times.push(&seen);
            fine.hashes.push(tree::leaf_hash(leaf));
            rest = after;
        }
        fine.root = tree::root(&fine.hashes);
        rest.is_empty().then_some(fine)
    }
}
