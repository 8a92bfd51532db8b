//! Tiles as in C2SP tlog-tiles: 256 hashes of one level, or 256 leaves, to a file.
//!
//! Level 0 holds leaf hashes; hash i of level l is the root of the perfect subtree over 256^l leaves
//! from i · 256^l on. A partial tile is named with its width; an empty one does not exist.

use std::collections::{BTreeSet, HashMap};

use super::{Error, Hash, leaf::LEAF_BYTES_MAX, proof};

/// Hashes in a full tile, and leaves in a full bundle.
pub const WIDTH: u16 = 256;

/// Bytes of one hash in a tile.
pub const HASH_BYTES: usize = 32;

/// Where the checkpoint stands, relative to the log's folder.
pub const CHECKPOINT_PATH: &str = "checkpoint";

/// Hash tiles on hand, by (level, index): each the tile's hashes from its first on. A tile may hold
/// more hashes than a computation needs, never fewer.
pub type TileMap = HashMap<(u8, u64), Vec<Hash>>;

/// One tile of hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Level, 0 at the leaves, at most 7.
    pub level: u8,
    /// Index within the level.
    pub index: u64,
    /// Number of hashes, 1 to 256.
    pub width: u16,
}

/// `tile/<level>/<index>`, and `.p/<width>` after it when the tile is partial.
#[must_use]
pub fn tile_path(tile: &TileId) -> String {
    format!("tile/{}/{}", tile.level, numbered(tile.index, tile.width))
}

/// `tile/entries/<index>`, and `.p/<width>` after it when the bundle is partial.
#[must_use]
pub fn entries_path(index: u64, width: u16) -> String {
    format!("tile/entries/{}", numbered(index, width))
}

/// The bytes of an entry bundle: each leaf after its length as 2 bytes big-endian.
///
/// # Errors
/// [`Error::Bundle`] for more than 256 leaves or a leaf above 65,535 bytes.
pub fn bundle<'a>(leaves: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    for (at, leaf) in leaves.enumerate() {
        let length = u16::try_from(leaf.len()).map_err(|_| Error::Bundle)?;
        if at >= usize::from(WIDTH) {
            return Err(Error::Bundle);
        }
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(leaf);
    }
    debug_assert!(out.len() <= usize::from(WIDTH) * (2 + LEAF_BYTES_MAX));
    Ok(out)
}

/// Index and width of each entry bundle of a log of `size` leaves, in order.
pub fn all_bundles(size: u64) -> impl Iterator<Item = (u64, u16)> {
    tiles_of_level(0, size).map(|tile| (tile.index, tile.width))
}

/// Every hash tile of a tree of `size` leaves, level by level.
pub fn all_tiles(size: u64) -> impl Iterator<Item = TileId> {
    (0..8).flat_map(move |level| tiles_of_level(level, size))
}

/// The hash tiles, with the widths they have in a tree of the largest of `sizes`, that hold all that
/// is needed for the root of each of `sizes`, for a consistency proof between any two of them, and
/// for an inclusion proof of `index` in the largest. Sorted; an `index` outside is passed over.
#[must_use]
pub fn tiles_for(index: Option<u64>, sizes: &[u64]) -> Vec<TileId> {
    let Some(&largest) = sizes.iter().max() else {
        return Vec::new();
    };
    let mut needed = BTreeSet::new();
    let mut record = |level: u8, index: u64| {
        needed.insert(proof::place(level, index).0);
        Ok([0; 32])
    };
    let mut visit = || {
        for &size in sizes {
            proof::root_by(size, &mut record)?;
            for &new in sizes.iter().filter(|&&new| new > size) {
                proof::consistency_by(size, new, &mut record)?;
            }
        }
        match index {
            Some(index) if index < largest => proof::inclusion_by(index, largest, &mut record),
            _ => Ok(Vec::new()),
        }
    };
    visit().expect("recording which tiles are needed does not fail");
    needed.into_iter().map(|(level, index)| TileId { level, index, width: width(level, index, largest) }).collect()
}

fn tiles_of_level(level: u8, size: u64) -> impl Iterator<Item = TileId> {
    let hashes = size >> (8 * u32::from(level));
    (0..hashes.div_ceil(u64::from(WIDTH))).map(move |index| TileId { level, index, width: width(level, index, size) })
}

fn width(level: u8, index: u64, size: u64) -> u16 {
    let hashes = size >> (8 * u32::from(level));
    let from_here = hashes.saturating_sub(index * u64::from(WIDTH));
    u16::try_from(from_here).unwrap_or(WIDTH).min(WIDTH)
}

fn numbered(index: u64, width: u16) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < WIDTH {
        path.push_str(&format!(".p/{width}"));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_as_tlog_tiles_writes_them() {
        let path = |level, index, width| tile_path(&TileId { level, index, width });
        assert_eq!(path(0, 0, 256), "tile/0/000");
        assert_eq!(path(3, 1_234_067, 256), "tile/3/x001/x234/067");
        assert_eq!(path(1, 1000, 17), "tile/1/x001/000.p/17");
        assert_eq!(entries_path(5, 1), "tile/entries/005.p/1");
    }

    #[test]
    fn a_tree_has_exactly_its_tiles() {
        let tiles = |size| all_tiles(size).map(|t| tile_path(&t)).collect::<Vec<_>>();
        assert!(tiles(0).is_empty());
        assert_eq!(tiles(1), ["tile/0/000.p/1"]);
        assert_eq!(tiles(256), ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(tiles(300), ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"]);
        assert_eq!(all_tiles(70_000).count(), 274 + 2 + 1);
        assert_eq!(all_bundles(300).collect::<Vec<_>>(), [(0, 256), (1, 44)]);
    }

    #[test]
    fn a_bundle_has_limits() {
        let leaf: &[u8] = b"{}";
        assert_eq!(bundle([leaf].into_iter()).as_deref(), Ok(&b"\0\x02{}"[..]));
        assert_eq!(bundle(std::iter::repeat_n(leaf, 257)), Err(Error::Bundle));
        assert_eq!(bundle([&[0; 65_536][..]].into_iter()), Err(Error::Bundle));
    }
}
