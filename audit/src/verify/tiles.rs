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
    Bundle,
    HashTile,
    Surplus,
}

pub(super) fn role(path: &str, size: u64) -> Role {
    let Some((kind, index)) = split(path) else {
        return Role::Surplus;
    };
    match kind {
        "entries" if width(0, index, size) > 0 && path == bundle_path(index, size) => Role::Bundle,
        _ => match kind.parse::<u8>() {
            Ok(level) if width(level, index, size) > 0 && path == tile_path(level, index, size) => Role::HashTile,
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

/// The hash tiles that follow from the leaves, made one after the other as leaves come.
#[derive(Debug, Default)]
pub(super) struct Levels(Vec<Level>);

#[derive(Debug, Default)]
struct Level {
    index: u64,
    hashes: Vec<Hash>,
}

impl Levels {
    /// Takes the next leaf hash; `done` gets level, index and hashes of each tile that became full.
    pub(super) fn push(&mut self, leaf_hash: Hash, done: &mut dyn FnMut(u8, u64, &[Hash])) {
        let mut hash = leaf_hash;
        for number in 0.. {
            if self.0.len() == usize::from(number) {
                self.0.push(Level::default());
            }
            let level = &mut self.0[usize::from(number)];
            level.hashes.push(hash);
            if (level.hashes.len() as u64) < WIDTH {
                return;
            }
            done(number, level.index, &level.hashes);
            hash = tree::root(&level.hashes);
            level.index += 1;
            level.hashes.clear();
        }
    }

    /// Gives the partial tiles at the right edge.
    pub(super) fn finish(self, done: &mut dyn FnMut(u8, u64, &[Hash])) {
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
            ("tile/entries/000", Role::Bundle),
            ("tile/entries/x001/234", Role::Bundle),
            ("tile/entries/x001/x234/067.p/7", Role::Bundle),
            ("tile/0/x001/x234/067.p/7", Role::HashTile),
            ("tile/1/x004/820.p/147", Role::HashTile),
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
}
