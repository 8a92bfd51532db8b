//! Which entries of the log in force somebody signed off, and which nobody did.
//! Must stay true: only a review that nothing but its range narrowed covers entries, and one that was corrected does not.

use super::{Error, read, sql};
use crate::core::clock::Micros;
use crate::db::Db;
use crate::db::projection::Said;

/// Reviews looked at; of more, the oldest would count as not done.
const REVIEWS_MAX: i64 = 10_000;

/// A stretch of the log, both ends counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// First place.
    pub first: i64,
    /// Last place.
    pub last: i64,
    /// Somebody signed it off.
    pub reviewed: bool,
}

/// The whole log in force in stretches, oldest first.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// Entries of the log.
    pub size: i64,
    /// Reviewed and not in turn.
    pub stretches: Vec<Stretch>,
}

impl Coverage {
    /// Entries that were signed off.
    #[must_use]
    pub fn reviewed(&self) -> i64 {
        self.stretches.iter().filter(|s| s.reviewed).map(|s| s.last - s.first + 1).sum()
    }

    /// The oldest stretch that nobody signed off.
    #[must_use]
    pub fn oldest_gap(&self) -> Option<Stretch> {
        self.stretches.iter().find(|s| !s.reviewed).copied()
    }
}

/// Reads what is covered.
///
/// # Errors
/// When the database fails.
pub async fn coverage(db: &Db) -> Result<Coverage, Error> {
    let (log, _) = db.log();
    let ranges: Vec<(i64, i64)> = db.query(sql::COVERED).bind(log).bind(REVIEWS_MAX).all().await?;
    let size = read::size(db, log).await?;
    Ok(Coverage { size, stretches: stretches(ranges, db.pruned_below(log).await?, size) })
}

/// When the oldest entry was written that nobody signed off; none when all were.
///
/// # Errors
/// When the database fails.
pub async fn oldest_unreviewed(db: &Db) -> Result<Option<(i64, Micros)>, Error> {
    let Some(gap) = coverage(db).await?.oldest_gap() else { return Ok(None) };
    let rows = read::links(db, db.log().0, gap.first, gap.first + 1).await?;
    Ok(rows.first().and_then(|row| Said::of(&row.body)?.at()).map(|at| (gap.first, at)))
}

/// Cuts the entries from `start` to `size` at the ends of `ranges`, which may overlap.
fn stretches(mut ranges: Vec<(i64, i64)>, start: i64, size: i64) -> Vec<Stretch> {
    ranges.sort_unstable();
    let mut out: Vec<Stretch> = Vec::new();
    let mut next = start;
    for (first, last) in ranges {
        let (first, last) = (first.max(next), last.min(size - 1));
        if first > last {
            continue;
        }
        if first > next {
            out.push(Stretch { first: next, last: first - 1, reviewed: false });
        }
        match out.last_mut() {
            Some(before) if before.reviewed => before.last = last,
            _ => out.push(Stretch { first, last, reviewed: true }),
        }
        next = last + 1;
    }
    if next < size {
        out.push(Stretch { first: next, last: size - 1, reviewed: false });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_or_overlap_are_one_stretch() {
        let cut = |ranges: &[(i64, i64)], size| stretches(ranges.to_vec(), 0, size).iter().map(|s| (s.first, s.last, s.reviewed)).collect::<Vec<_>>();
        assert_eq!(cut(&[], 0), []);
        assert_eq!(cut(&[], 5), [(0, 4, false)]);
        assert_eq!(cut(&[(0, 4)], 5), [(0, 4, true)]);
        assert_eq!(cut(&[(3, 9), (0, 2)], 12), [(0, 9, true), (10, 11, false)]);
        assert_eq!(cut(&[(2, 8), (4, 5), (7, 20)], 12), [(0, 1, false), (2, 11, true)]);
        assert_eq!(cut(&[(1, 2), (5, 6)], 8), [(0, 0, false), (1, 2, true), (3, 4, false), (5, 6, true), (7, 7, false)]);
        let covered = Coverage { size: 8, stretches: stretches(vec![(0, 2), (5, 6)], 0, 8) };
        assert_eq!((covered.reviewed(), covered.oldest_gap().map(|g| (g.first, g.last))), (5, Some((3, 4))));
    }
}
