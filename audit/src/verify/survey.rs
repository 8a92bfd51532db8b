//! What lies in an export: which of its files are there, what is surplus, what nobody reads.
//!
//! The walk over the entries goes by this list, so that a size that is signed but not there costs nothing.

use std::{fs, ops::Range, path::Path};

use super::{
    files::{self, What},
    report::{Finding, Report},
    tiles::{self, Role},
};

/// What was seen under `tile/`.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Entry bundles by index.
    pub(super) bundles: Runs,
    /// Hash tiles of level 0 by index.
    pub(super) leaves: Runs,
    /// Whether there is any hash tile.
    pub(super) has_tiles: bool,
}

/// Looks at every file under `tile/` of a log of `size` entries; what is surplus or has not the kind and length that
/// a hash tile must have is told to `report`.
pub(super) fn survey(dir: &Path, size: u64, report: &mut Report) -> Survey {
    let mut seen = Survey::default();
    let wrong = |path: &str, what: String| Finding::wrong(None, Some(path.to_owned()), what);
    match fs::symlink_metadata(dir.join("tile")) {
        Ok(about) if !about.is_dir() => report.add(wrong("tile", "not a folder".to_owned())),
        Ok(_) => files::walk(dir, "tile", &mut |found| {
            let (path, what) = match found {
                Ok(found) => found,
                Err(finding) => {
                    report.add(finding);
                    return false;
                }
            };
            match (tiles::role(path, size), what) {
                (Role::Surplus, What::Folder) => return true,
                (Role::Surplus, What::File(_)) => report.add(wrong(path, format!("surplus: a log of {size} entries has no such file"))),
                (Role::Surplus, What::Other) => report.add(wrong(path, "neither a file nor a folder of this format".to_owned())),
                // Of a bundle that is no file, reading it will tell.
                (Role::Bundle(index), _) => seen.bundles.add(index),
                (Role::HashTile(level, index), what) => {
                    seen.has_tiles = true;
                    if level == 0 {
                        seen.leaves.add(index);
                    }
                    let width = tiles::width(level, index, size);
                    match what {
                        What::File(length) if length == 32 * width => {}
                        What::File(_) => report.add(wrong(path, format!("the tile is not {width} hashes of 32 bytes"))),
                        What::Folder | What::Other => report.add(wrong(path, "not a regular file".to_owned())),
                    }
                }
            }
            false
        }),
        // Reading the bundles tells that they are missing.
        Err(_) => {}
    }
    seen.bundles.order();
    seen.leaves.order();
    seen
}

/// What lies beside the log and is not read, in words.
pub(super) fn beside(dir: &Path, tokens_read: bool) -> Option<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !["checkpoint", "tile", super::epochs::FOLDER, super::opened::NAME, super::lead::NAME].contains(&name.as_str()))
        .filter(|name| !tokens_read || name != "tokens")
        .collect();
    names.sort();
    let (first, rest) = names.split_first()?;
    let rest = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    Some(format!("files beside the log: `{}`{rest}", first.escape_debug()))
}

/// A set of indexes, kept as runs: one run for a folder that lacks nothing.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<Range<u64>>);

impl Runs {
    fn add(&mut self, index: u64) {
        match self.0.last_mut() {
            Some(last) if last.end == index => last.end += 1,
            _ => self.0.push(index..index + 1),
        }
    }

    /// Names are visited in order of text, which is not that of their numbers.
    fn order(&mut self) {
        self.0.sort_unstable_by_key(|run| run.start);
    }

    /// `within` in ranges, each with whether its indexes are in the set.
    pub(super) fn cover(&self, within: Range<u64>) -> impl Iterator<Item = (Range<u64>, bool)> {
        let mut at = within.start;
        let after = self.0.partition_point(|run| run.end <= within.start);
        let end = within.end;
        let runs = self.0[after..].iter().take_while(move |run| run.start < end).map(move |run| run.start.max(at)..run.end.min(end));
        let mut out = Vec::new();
        for run in runs {
            out.push((at..run.start, false));
            at = run.end;
            out.push((run, true));
        }
        out.push((at..end, false));
        out.into_iter().filter(|(range, _)| !range.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_every_index_once_and_in_order() {
        let mut runs = Runs::default();
        [3, 4, 5, 9, 0, 6].iter().for_each(|index| runs.add(*index));
        runs.order();
        let cover = |within| runs.cover(within).collect::<Vec<_>>();
        assert_eq!(cover(0..12), [(0..1, true), (1..3, false), (3..6, true), (6..7, true), (7..9, false), (9..10, true), (10..12, false)]);
        assert_eq!(cover(4..5), [(4..5, true)]);
        assert_eq!(cover(1..3), [(1..3, false)]);
        assert_eq!(cover(1..4), [(1..3, false), (3..4, true)]);
        assert_eq!(cover(2..2), []);
        assert_eq!(Runs::default().cover(0..u64::MAX).collect::<Vec<_>>(), [(0..u64::MAX, false)]);
    }
}
