//! Roots and proofs from hash tiles, straight from the definitions of RFC 6962 section 2.1.
//!
//! Every computation asks for perfect subtrees by (binary level, index), so that the same code first
//! tells which tiles it needs and then reads them.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    Error, Hash,
    tile::{TileMap, WIDTH},
    tree::{empty_root, node},
};

/// The audit path of leaf `index` in the tree of `size` leaves, from the leaf's sibling to the root.
///
/// # Errors
/// [`Error::Range`] unless `index < size`, [`Error::TileMissing`] when `tiles` lack a hash.
pub fn inclusion(index: u64, size: u64, tiles: &TileMap) -> Result<Vec<Hash>, Error> {
    inclusion_by(index, size, &mut |level, index| subtree(level, index, tiles))
}

/// The proof that the tree of `old` leaves is a prefix of the tree of `new` leaves. Empty when `old`
/// is 0 or equal to `new`.
///
/// # Errors
/// [`Error::Range`] unless `old <= new`, [`Error::TileMissing`] when `tiles` lack a hash.
pub fn consistency(old: u64, new: u64, tiles: &TileMap) -> Result<Vec<Hash>, Error> {
    consistency_by(old, new, &mut |level, index| subtree(level, index, tiles))
}

/// The root of the tree of `size` leaves.
///
/// # Errors
/// [`Error::TileMissing`] when `tiles` lack a hash.
pub fn root(size: u64, tiles: &TileMap) -> Result<Hash, Error> {
    root_by(size, &mut |level, index| subtree(level, index, tiles))
}

/// The text of a `.tlog-proof` file (C2SP tlog-proof): entry `index`, its audit path, and the signed
/// checkpoint whose root the path leads to.
#[must_use]
pub fn proof_file(index: u64, path: &[Hash], checkpoint: &str) -> String {
    let mut out = format!("c2sp.org/tlog-proof@v1\nindex {index}\n");
    for hash in path {
        let _ = writeln!(out, "{}", BASE64_STANDARD.encode(hash));
    }
    out.push('\n');
    out.push_str(checkpoint);
    out
}

/// Gives the root of the perfect subtree at (binary level, index).
type Fetch<'a> = dyn FnMut(u8, u64) -> Result<Hash, Error> + 'a;

pub(super) fn root_by(size: u64, fetch: &mut Fetch<'_>) -> Result<Hash, Error> {
    if size == 0 { Ok(empty_root()) } else { range(0, size, fetch) }
}

pub(super) fn inclusion_by(index: u64, size: u64, fetch: &mut Fetch<'_>) -> Result<Vec<Hash>, Error> {
    if index >= size {
        return Err(Error::Range { asked: index, size });
    }
    let mut out = Vec::new();
    path(index, 0, size, fetch, &mut out)?;
    Ok(out)
}

pub(super) fn consistency_by(old: u64, new: u64, fetch: &mut Fetch<'_>) -> Result<Vec<Hash>, Error> {
    if old > new {
        return Err(Error::Range { asked: old, size: new });
    }
    let mut out = Vec::new();
    if old > 0 && old < new {
        subproof(old, 0, new, true, fetch, &mut out)?;
    }
    Ok(out)
}

/// The tile, as (level, index), and the place in it where the hashes under a perfect subtree begin.
pub(super) fn place(binary_level: u8, index: u64) -> ((u8, u64), usize) {
    let first = index << (binary_level % 8);
    let width = u64::from(WIDTH);
    ((binary_level / 8, first / width), (first % width) as usize)
}

fn subtree(binary_level: u8, index: u64, tiles: &TileMap) -> Result<Hash, Error> {
    let ((level, tile), from) = place(binary_level, index);
    let hashes =
        tiles.get(&(level, tile)).and_then(|hashes| hashes.get(from..from + (1 << (binary_level % 8)))).ok_or(Error::TileMissing { level, index: tile })?;
    Ok(perfect(hashes))
}

fn perfect(hashes: &[Hash]) -> Hash {
    match hashes {
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node(&perfect(left), &perfect(right))
        }
    }
}

/// `MTH(D[start:end])`.
fn range(start: u64, end: u64, fetch: &mut Fetch<'_>) -> Result<Hash, Error> {
    let length = end - start;
    if length.is_power_of_two() {
        let level = length.trailing_zeros() as u8;
        return fetch(level, start >> level);
    }
    let middle = start + split(length);
    Ok(node(&range(start, middle, fetch)?, &range(middle, end, fetch)?))
}

/// `PATH(index, D[start:end])`.
fn path(index: u64, start: u64, end: u64, fetch: &mut Fetch<'_>, out: &mut Vec<Hash>) -> Result<(), Error> {
    if end - start == 1 {
        return Ok(());
    }
    let middle = start + split(end - start);
    if index < middle {
        path(index, start, middle, fetch, out)?;
        out.push(range(middle, end, fetch)?);
    } else {
        path(index, middle, end, fetch, out)?;
        out.push(range(start, middle, fetch)?);
    }
    Ok(())
}

/// `SUBPROOF(old, D[start:end], known)`, with `old` counted from the start of the log.
fn subproof(old: u64, start: u64, end: u64, known: bool, fetch: &mut Fetch<'_>, out: &mut Vec<Hash>) -> Result<(), Error> {
    if old == end {
        if !known {
            out.push(range(start, end, fetch)?);
        }
        return Ok(());
    }
    let middle = start + split(end - start);
    if old <= middle {
        subproof(old, start, middle, known, fetch, out)?;
        out.push(range(middle, end, fetch)?);
    } else {
        subproof(old, middle, end, false, fetch, out)?;
        out.push(range(start, middle, fetch)?);
    }
    Ok(())
}

/// The largest power of two below `length`, which is at least 2.
fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}
