//! What a receiver gets next: the entries behind its cursor, as far as a signed checkpoint covers them.
//! Must stay true: before anything leaves, the checkpoint's signature, the links between the entries and the place of the
//! last of them under the signed root are checked, so that what a hand in the database made up leaves by no stream.

use countersign_audit::verify::checkpoint::Checkpoint;
use countersign_audit::verify::tree::inclusion;
use countersign_audit::verify::vkey::Vkey;
use countersign_audit::write::Hash;
use countersign_audit::write::leaf::leaf_hash;

use super::State;
use crate::core::fault::{Context as _, Fault};
use crate::db::Db;
use crate::db::checkpoint::Keeper;
use crate::db::integrity::LinkRow;
use crate::store::StoreError;

/// Entries of one batch at most.
pub const ENTRIES_MAX: i64 = 100;
/// Bytes of the entries of one batch at most, unless it is a single one.
const BYTES_MAX: usize = 1 << 20;

/// One more than a batch: the entry before it shows where its chain comes from.
pub const LINKS: &str = "select c.seq, c.prev, c.leaf_hash, e.body from audit_chain c join audit_event e on e.id = c.event_id where c.log = $1 and c.seq >= $2 and c.seq < $3 order by c.seq limit 101";
pub const ORIGIN: &str = "select origin from audit_head where log = $1";

/// An entry as it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its place in the log.
    pub seq: i64,
    /// Its leaf, byte for byte.
    pub leaf: String,
    /// The leaf's hash.
    pub hash: Hash,
}

/// What goes out at once.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The log it is from.
    pub log: i64,
    /// That log's origin.
    pub origin: String,
    /// Entries, in order and without a gap.
    pub lines: Vec<Line>,
    /// The newest signed checkpoint, which covers them.
    pub note: String,
    /// How many entries it covers.
    pub size: i64,
}

/// What is next for a receiver.
#[derive(Debug)]
pub enum Next {
    /// These entries.
    Batch(Batch),
    /// The next log: this one was left for a new origin.
    Log(i64),
    /// Nothing that is signed yet.
    Nothing,
    /// What lies there is not what was signed.
    Doubt,
}

impl Batch {
    /// The entry after the last of these.
    #[must_use]
    pub fn next_seq(&self) -> i64 {
        self.lines.last().map_or(0, |line| line.seq + 1)
    }
}

/// What is next for a receiver that has the trail as far as `state` says.
///
/// # Errors
/// When the database fails.
pub async fn next(db: &Db, keeper: &Keeper, state: &State) -> Result<Next, Fault> {
    let newest = db.log().0;
    let kept = db.latest_checkpoint(state.log).await?;
    let Some(kept) = kept.filter(|kept| kept.size > state.next_seq) else {
        return Ok(if state.log < newest { Next::Log(state.log + 1) } else { Next::Nothing });
    };
    let origin: String = db.query(ORIGIN).bind(state.log).scalar().await.context("read a log's origin")?;
    // What was pruned cannot be given to anybody any more.
    let pruned = db.pruned_below(state.log).await?;
    let first = state.next_seq.max(pruned);
    let (from, end) = ((first - 1).max(pruned), kept.size.min(first.saturating_add(ENTRIES_MAX)));
    let rows: Vec<LinkRow> = db.query(LINKS).bind(state.log).bind(from).bind(end).all().await.context("read entries to stream")?;
    // A log that was left may have been left for what is wrong with it; the first entry of the next one says so.
    let doubt = if state.log < newest { Next::Log(state.log + 1) } else { Next::Doubt };
    let Some(lines) = chained(rows, from, first) else { return Ok(doubt) };
    let batch = Batch { log: state.log, origin, lines, note: kept.note, size: kept.size };
    Ok(if is_signed(db, keeper, &batch).await? { Next::Batch(batch) } else { doubt })
}

/// Is the last of these entries, and by the links all before it, what the checkpoint covers?
async fn is_signed(db: &Db, keeper: &Keeper, batch: &Batch) -> Result<bool, Fault> {
    let Some(last) = batch.lines.last() else { return Ok(false) };
    let vkey = Vkey::parse(&keeper.signer().vkey(&batch.origin)).context("the log's key")?;
    let Ok((checkpoint, _)) = Checkpoint::open(batch.note.as_bytes(), &vkey) else { return Ok(false) };
    let place = u64::try_from(last.seq).context("place in the log")?;
    let path = match db.inclusion(batch.log, place, checkpoint.size).await {
        Ok(path) => path,
        // A database that does not answer says nothing about what it holds.
        Err(fault) if fault.caused_by::<StoreError>().is_some() => return Err(fault),
        Err(fault) => {
            tracing::error!(fault = fault.chain(), "entries could not be proved");
            return Ok(false);
        }
    };
    Ok(i64::try_from(checkpoint.size) == Ok(batch.size) && inclusion(&last.hash, place, checkpoint.size, &path, &checkpoint.root).is_ok())
}

/// The entries from `first` on, each naming the one before; none when they do not hold together. The rows begin at `from`.
fn chained(rows: Vec<LinkRow>, from: i64, first: i64) -> Option<Vec<Line>> {
    let mut lines: Vec<Line> = Vec::with_capacity(rows.len());
    let (mut before, mut bytes) = (None, 0);
    for (row, seq) in rows.into_iter().zip(from..) {
        let leaf = row.leaf().ok()?;
        let hash = leaf_hash(&leaf);
        let follows = before.is_none_or(|before: Hash| before.as_slice() == row.prev) && (row.seq > 0 || row.prev == [0; 32]);
        if row.seq != seq || hash.as_slice() != row.leaf_hash || !follows {
            return None;
        }
        before = Some(hash);
        bytes += leaf.len();
        if row.seq >= first && (lines.is_empty() || bytes <= BYTES_MAX) {
            lines.push(Line { seq: row.seq, leaf: String::from_utf8(leaf).ok()?, hash });
        }
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(from: i64, to: i64) -> Vec<LinkRow> {
        let mut prev = vec![0; 32];
        let mut out = Vec::new();
        for seq in 0..to {
            let row = LinkRow { seq, prev: prev.clone(), leaf_hash: Vec::new(), body: br#"{"a":1}"#.to_vec() };
            let hash = leaf_hash(&row.leaf().expect("a leaf")).to_vec();
            prev.clone_from(&hash);
            out.push(LinkRow { leaf_hash: hash, ..row });
        }
        out.split_off(usize::try_from(from).expect("small"))
    }

    #[test]
    fn entries_that_hold_together_pass_from_the_first_asked_for() {
        assert_eq!(chained(rows(0, 4), 0, 0).map(|l| l.iter().map(|l| l.seq).collect()), Some(vec![0, 1, 2, 3]));
        assert_eq!(chained(rows(2, 5), 2, 3).map(|l| l.iter().map(|l| l.seq).collect()), Some(vec![3, 4]));
    }

    #[test]
    fn a_gap_a_swap_and_another_body_are_noticed() {
        let mut gap = rows(0, 4);
        gap.remove(2);
        let mut swapped = rows(0, 4);
        swapped.swap(1, 2);
        let mut other = rows(0, 4);
        other[2].body = br#"{"a":2}"#.to_vec();
        let mut rehashed = other.clone();
        rehashed[2].leaf_hash = leaf_hash(&rehashed[2].leaf().expect("a leaf")).to_vec();
        for wrong in [gap, swapped, other, rehashed] {
            assert_eq!(chained(wrong, 0, 0), None);
        }
        let mut start = rows(0, 1);
        start[0].prev = vec![1; 32];
        start[0].leaf_hash = leaf_hash(&start[0].leaf().expect("a leaf")).to_vec();
        assert_eq!(chained(start, 0, 0), None, "the first entry follows nothing");
    }

    #[test]
    fn the_limit_in_the_statement_is_that_of_the_constant() {
        assert!(LINKS.ends_with(&format!("limit {}", ENTRIES_MAX + 1)));
    }
}
