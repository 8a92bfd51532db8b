//! Which tiles a log of one size has, how they are named, and what must stand in them.
//! A path is known only in the one form that the specification gives it.

use super::{Hash, tree};

/// Entries in a full bundle, and hashes in a full tile.
pub(super) const WIDTH: u64 = 256;

/// Number of hashes in tile `index` of `level` (or leaves in bundle `index`, level 0) in a log of
/// `size` entries; 0 when there is no such tile.
pub(super) fn width(level: u8, index: u64, size: u64) -> u64 {
    let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
    hashes.saturating_sub(index.saturating_mul(WIDTH)).min(WIDTH)
}

/// Number of hash tiles in a log of `size` entries.
pub(super) fn count(size: u64) -> u64 {
    (0..8_u32).map(|level| (size >> (8 * level)).div_ceil(WIDTH)).sum()
}

/// The path of an entry bundle in a log of `size` entries.
pub(super) fn bundle_path(index: u64, size: u64) -> String {
    path("entries", index, width(0, index, size))
}

/// The path of a hash tile in a log of `size` entries.
pub(super) fn tile_path(level: u8, index: u64, size: u64) -> String {
    path(&level.to_string(), index, width(level, index, size))
}

/// What a path under `tile/` is in a log of `size` entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A bundle, by its index.
    Bundle(u64),
    /// A hash tile, by level and index.
    HashTile(u8, u64),
    Surplus,
}

pub(super) fn role(path: &str, size: u64) -> Role {
    let Some((kind, index)) = split(path) else {
        return Role::Surplus;
    };
    match kind {
        "entries" if width(0, index, size) > 0 && path == bundle_path(index, size) => Role::Bundle(index),
        _ => match kind.parse::<u8>() {
            Ok(level) if width(level, index, size) > 0 && path == tile_path(level, index, size) => Role::HashTile(level, index),
            _ => Role::Surplus,
        },
    }
}

/// Kind and index of a path; whether it is in the right form is seen by building it again.
fn split(path: &str) -> Option<(&str, u64)> {
    let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let number = rest.split_once(".p/").map_or(rest, |(number, _)| number);
    let mut index: u64 = 0;
    for group in number.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some((kind, index))
}

fn path(kind: &str, index: u64, width: u64) -> String {
    let digits = index.to_string();
    let padded = format!("{}{digits}", "0".repeat((3 - digits.len() % 3) % 3));
    let mut out = format!("tile/{kind}");
    for at in (0..padded.len()).step_by(3) {
        out.push_str(if at + 3 < padded.len() { "/x" } else { "/" });
        out.push_str(&padded[at..at + 3]);
    }
    if width < WIDTH {
        out.push_str(&format!(".p/{width}"));
    }
    out
}

/// The hash tiles that follow from the leaves, made one after the other as leaves come. A hash that cannot be known is
/// `None`, and so is every hash above it.
#[derive(Debug, Default)]
pub(super) struct Levels(Vec<Level>);

#[derive(Debug, Default)]
struct Level {
    index: u64,
    hashes: Vec<Option<Hash>>,
}

/// Gets level, index and hashes of a tile.
type Done<'a> = &'a mut dyn FnMut(u8, u64, &[Option<Hash>]);

impl Levels {
    /// Takes the next leaf hash; `done` gets each tile that became full.
    pub(super) fn push(&mut self, leaf_hash: Option<Hash>, done: Done<'_>) {
        self.push_at(0, leaf_hash, done);
    }

    /// Takes 256 leaf hashes at once, with the root over them, where a tile begins.
    pub(super) fn push_tile(&mut self, hashes: &[Hash], root: Hash, done: Done<'_>) {
        if !self.level(0).hashes.is_empty() {
            return hashes.iter().for_each(|hash| self.push_at(0, Some(*hash), done));
        }
        let level = self.level(0);
        level.hashes.extend(hashes.iter().copied().map(Some));
        done(0, level.index, &level.hashes);
        level.index += 1;
        level.hashes.clear();
        self.push_at(1, Some(root), done);
    }

    /// Takes `count` leaf hashes that cannot be known, in time that does not grow with them. `done` gets no tile of
    /// which nothing is known.
    pub(super) fn skip(&mut self, count: u64, done: Done<'_>) {
        self.skip_at(0, count, done);
    }

    fn level(&mut self, number: u8) -> &mut Level {
        while self.0.len() <= usize::from(number) {
            self.0.push(Level::default());
        }
        &mut self.0[usize::from(number)]
    }

    fn push_at(&mut self, from: u8, hash: Option<Hash>, done: Done<'_>) {
        let mut hash = hash;
        for number in from.. {
            let level = self.level(number);
            level.hashes.push(hash);
            if (level.hashes.len() as u64) < WIDTH {
                return;
            }
            done(number, level.index, &level.hashes);
            let known: Option<Vec<Hash>> = level.hashes.iter().copied().collect();
            hash = known.map(|known| tree::root(&known));
            level.index += 1;
            level.hashes.clear();
        }
    }

    fn skip_at(&mut self, number: u8, count: u64, done: Done<'_>) {
        let mut left = count;
        while left > 0 && !self.level(number).hashes.is_empty() {
            self.push_at(number, None, done);
            left -= 1;
        }
        let whole = left / WIDTH;
        if whole > 0 {
            self.level(number).index += whole;
            self.skip_at(number + 1, whole, done);
        }
        (0..left % WIDTH).for_each(|_| self.push_at(number, None, done));
    }

    /// Gives the partial tiles at the right edge.
    pub(super) fn finish(self, done: Done<'_>) {
        for (number, level) in (0..).zip(self.0) {
            if !level.hashes.is_empty() {
                done(number, level.index, &level.hashes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_known_in_one_form_only() {
        let size = 1_234_067 * 256 + 7;
        for (path, expected) in [
            ("tile/entries/000", Role::Bundle(0)),
            ("tile/entries/x001/234", Role::Bundle(1234)),
            ("tile/entries/x001/x234/067.p/7", Role::Bundle(1_234_067)),
            ("tile/0/x001/x234/067.p/7", Role::HashTile(0, 1_234_067)),
            ("tile/1/x004/820.p/147", Role::HashTile(1, 4820)),
            ("tile/entries/x001/x234/067", Role::Surplus),
            ("tile/entries/x001/x234/067.p/6", Role::Surplus),
            ("tile/entries/000.p/7", Role::Surplus),
            ("tile/entries/0", Role::Surplus),
            ("tile/entries/+00", Role::Surplus),
            ("tile/entries/x000/001", Role::Surplus),
            ("tile/00/000", Role::Surplus),
            ("tile/9/000", Role::Surplus),
            ("tile/README", Role::Surplus),
            ("tile/entries/x001/x234/068", Role::Surplus),
        ] {
            assert_eq!(role(path, size), expected, "{path}");
        }
    }

    #[test]
    fn passing_over_hashes_is_pushing_unknown_ones() {
        let hash = |n: u64| Some([n as u8; 32]);
        for (before, gap, after) in [(0, 256, 1), (3, 10, 300), (200, 600, 5), (256, 255, 1), (1, 65_536, 3), (300, 70_000, 70_000), (0, 1, 0)] {
            let known = |tiles: &mut Vec<(u8, u64, Vec<Option<Hash>>)>, level, index, hashes: &[Option<Hash>]| {
                if hashes.iter().any(Option::is_some) {
                    tiles.push((level, index, hashes.to_vec()));
                }
            };
            let (mut first, mut second) = (Vec::new(), Vec::new());
            let (mut pushed, mut passed) = (Levels::default(), Levels::default());
            for n in 0..before {
                pushed.push(hash(n), &mut |l, i, h| known(&mut first, l, i, h));
                passed.push(hash(n), &mut |l, i, h| known(&mut second, l, i, h));
            }
            (0..gap).for_each(|_| pushed.push(None, &mut |l, i, h| known(&mut first, l, i, h)));
            passed.skip(gap, &mut |l, i, h| known(&mut second, l, i, h));
            for n in 0..after {
                pushed.push(hash(n), &mut |l, i, h| known(&mut first, l, i, h));
                passed.push(hash(n), &mut |l, i, h| known(&mut second, l, i, h));
            }
            pushed.finish(&mut |l, i, h| known(&mut first, l, i, h));
            passed.finish(&mut |l, i, h| known(&mut second, l, i, h));
            assert_eq!(first, second, "{before} {gap} {after}");
        }
        Levels::default().skip(u64::MAX >> 1, &mut |_, _, _| panic!("nothing is known"));
    }
}
