//! The pruned beginning of an export: bundles that are gone because an entry says so, with their hashes in level 0, and the
//! entries from among them that are kept in `retained.jsonl` since they say how long the others were.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use super::{
    Error, Hash,
    ahead::BUNDLE_BYTES_MAX,
    epochs::{ROTATE, Rotation},
    files,
    json::Value,
    leaf::{LEAF_BYTES_MAX, Leaf},
    pruned::Acts,
    report::{Finding, Report},
    survey::Survey,
    tiles::{self, WIDTH},
    tree,
};

/// The file beside the log.
pub(super) const NAME: &str = "retained.jsonl";
const TILE_BYTES_MAX: usize = WIDTH as usize * 32;

/// How many entries at the beginning were pruned: their bundles are missing, a later entry says that they would be, and
/// level 0 has their hashes. Otherwise 0, and what is missing is missing.
pub(super) fn lead(dir: &Path, size: u64, survey: &Survey, report: &mut Report) -> u64 {
    let bundles = size.div_ceil(WIDTH);
    let missing = survey.bundles.cover(0..bundles).next().filter(|(_, is_there)| !is_there).map_or(0, |(range, _)| range.end);
    if missing == 0 || missing == bundles {
        return 0;
    }
    let from = missing * WIDTH;
    let claimed =
        survey.bundles.cover(missing..bundles).filter(|(_, is_there)| *is_there).flat_map(|(range, _)| range).map(|index| claim(dir, index, size)).max();
    match claimed.unwrap_or(0) {
        0 => 0,
        claimed if claimed < from => {
            let what = format!("the bundles of the first {from} entries are missing, and the log says that it was pruned below {claimed} alone");
            report.add(Finding::wrong(None, None, what));
            0
        }
        _ if (0..missing).all(|index| hashes(dir, index, size).is_some()) => from,
        _ => 0,
    }
}

/// The furthest that entries of a bundle say the log was pruned.
fn claim(dir: &Path, index: u64, size: u64) -> u64 {
    const ACTION: &[u8] = br#""action":"log.pruned""#;
    let Ok(bytes) = files::read(dir, &tiles::bundle_path(index, size), BUNDLE_BYTES_MAX) else { return 0 };
    let is_claim = |leaf: &&[u8]| leaf.windows(ACTION.len()).any(|window| window == ACTION);
    leaves(&bytes).filter(is_claim).filter_map(|leaf| Leaf::parse(leaf).ok()).filter_map(|leaf| claimed_by(&leaf)).max().unwrap_or(0)
}

fn claimed_by(leaf: &Leaf) -> Option<u64> {
    match leaf.field("data", "min_index") {
        Some(Value::Int(min)) if leaf.text("action") == Some("log.pruned") && leaf.text("outcome") == Some("ok") => u64::try_from(*min).ok(),
        _ => None,
    }
}

/// The leaves of a bundle, as far as it can be taken apart.
pub(super) fn leaves(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (leaf, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = after;
        Some(leaf)
    })
}

/// The hashes of a full tile of level 0.
pub(super) fn hashes(dir: &Path, index: u64, size: u64) -> Option<Vec<Hash>> {
    let bytes = files::read(dir, &tiles::tile_path(0, index, size), TILE_BYTES_MAX).ok()?;
    let (hashes, extra) = bytes.as_chunks::<32>();
    (extra.is_empty() && hashes.len() as u64 == WIDTH).then(|| hashes.to_vec())
}

/// Does an entry with this `action` stay when those around it are pruned?
fn is_retained(action: &str) -> bool {
    action.starts_with("retention.") || action == ROTATE
}

/// Reads the retained entries of the first `from`, and has `acts` take them. Gives those that ended epochs, by place.
pub(super) fn retained(dir: &Path, from: u64, size: u64, origin: &str, acts: &mut Acts, report: &mut Report) -> Vec<(u64, Result<Rotation, Error>)> {
    let mut rotations = Vec::new();
    if let Err(finding) = read_retained(dir, (from, size, origin), acts, &mut rotations) {
        report.add(finding);
    }
    rotations
}

fn read_retained(
    dir: &Path,
    (from, size, origin): (u64, u64, &str),
    acts: &mut Acts,
    rotations: &mut Vec<(u64, Result<Rotation, Error>)>,
) -> Result<(), Finding> {
    let wrong = |seq, what: &str| Finding::wrong(seq, Some(NAME.to_owned()), what.to_owned());
    let path = dir.join(NAME);
    match std::fs::symlink_metadata(&path) {
        Ok(about) if about.is_file() => {}
        Ok(_) => return Err(wrong(None, "not a regular file")),
        Err(_) => return Err(Finding::absent(Some(NAME.to_owned()), "the file is missing".to_owned())),
    }
    let unread = || Finding::absent(Some(NAME.to_owned()), "the file cannot be read".to_owned());
    let file = File::open(&path).map_err(|_| unread())?;
    let (mut file, mut next) = (BufReader::new(file), 0);
    loop {
        let mut line = Vec::new();
        match (&mut file).take(LEAF_BYTES_MAX as u64 + 2).read_until(b'\n', &mut line) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(_) => return Err(unread()),
        }
        let parsed = line.strip_suffix(b"\n").and_then(|leaf| Some((leaf, Leaf::parse(leaf).ok()?)));
        let Some((bytes, leaf)) = parsed else { return Err(wrong(None, "a line is no entry; what follows it is not read")) };
        if leaf.seq < next || leaf.seq >= from || !leaf.text("action").is_some_and(is_retained) {
            return Err(wrong(Some(leaf.seq), "this entry is none that is retained, or stands out of order"));
        }
        let known = hashes(dir, leaf.seq / WIDTH, size).map(|hashes| hashes[(leaf.seq % WIDTH) as usize]);
        if known != Some(tree::leaf_hash(bytes)) {
            return Err(wrong(Some(leaf.seq), "the retained entry is not the one whose hash is in tile/0"));
        }
        if let Err(error) = leaf.check(origin) {
            return Err(wrong(Some(leaf.seq), &error.to_string()));
        }
        acts.take(leaf.seq, bytes);
        rotations.extend(leaf.rotation(origin).transpose().map(|rotation| (leaf.seq, rotation)));
        next = leaf.seq + 1;
    }
}
