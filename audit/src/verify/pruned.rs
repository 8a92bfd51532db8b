//! The acts that take something out of a log: how long entries are kept, legal holds, erasures, pruning.
//!
//! What such an entry claims must follow from those before it. What is gone without a claim that holds is a finding.

use std::collections::BTreeMap;

use super::{
    json::Value,
    leaf::Leaf,
    moment,
    report::{FINDINGS_MAX, Finding},
};

/// How many days entries are kept when the log says nothing else: six years.
pub const DAYS_DEFAULT: i64 = 2190;
/// What may go is cut into bundles of this many.
const WIDTH: u64 = 256;
/// Beginnings of the `action` that this file is about; canonical form writes them in one way.
const ACTIONS: [&[u8]; 4] = [br#""action":"retention."#, br#""action":"hold."#, br#""action":"subject.erased""#, br#""action":"log.pruned""#];
/// The same as they stand under `action`, with which nothing is passed over.
const ACTS: [&[u8]; 4] = [b"retention.", b"hold.", b"subject.erased", b"log.pruned"];
/// In canonical form `action` follows `_prev` and `_seq`, so it begins within so many bytes.
const HEAD_BYTES: usize = 128;
const DAY_US: u64 = 86_400_000_000;

/// What a `log.pruned` entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prune {
    /// The entry's place.
    pub seq: u64,
    /// Entries below this place may be gone.
    pub min_index: u64,
}

/// A change of the time that entries are kept, which waits for a second person.
#[derive(Clone, Debug)]
struct Proposal {
    id: String,
    by: String,
    days: i64,
}

/// A hold that nobody released yet.
#[derive(Clone, Debug)]
struct Hold {
    subject: Option<String>,
    by: String,
}

/// Follows these acts through a log, entry by entry.
#[derive(Clone, Debug)]
pub struct Acts {
    days: i64,
    proposal: Option<Proposal>,
    holds: BTreeMap<String, Hold>,
    erased: BTreeMap<String, u64>,
    prunes: Vec<Prune>,
    /// The time of the first entry of each bundle from `from` on.
    starts: BTreeMap<u64, u64>,
    /// The first entry that is there; holds from before it are not known.
    from: u64,
    /// Whether entries were passed over, so that nothing can be said of what follows.
    lost: bool,
    findings: Vec<Finding>,
    found: u64,
}

/// Is this `action` one that these rules follow?
pub(super) fn follows(action: &[u8]) -> bool {
    ACTS.iter().any(|act| action.starts_with(act))
}

impl Acts {
    /// Before the first entry of a log of which entries below `from` were pruned.
    #[must_use]
    pub fn new(from: u64) -> Self {
        Self {
            days: DAYS_DEFAULT,
            proposal: None,
            holds: BTreeMap::new(),
            erased: BTreeMap::new(),
            prunes: Vec::new(),
            starts: BTreeMap::new(),
            from,
            lost: false,
            findings: Vec::new(),
            found: 0,
        }
    }

    /// Takes the leaf at `seq`. What cannot be read at all is told elsewhere.
    pub fn take(&mut self, seq: u64, bytes: &[u8]) {
        let is_first = seq.is_multiple_of(WIDTH);
        let head = &bytes[..bytes.len().min(HEAD_BYTES)];
        let is_one = ACTIONS.iter().any(|action| head.windows(action.len()).any(|window| window == *action));
        if !is_first && !is_one {
            return;
        }
        let Ok(leaf) = Leaf::parse(bytes) else { return };
        if let (true, Some(ts)) = (is_first, leaf.text("ts")) {
            self.start(seq, ts);
        }
        if is_one && leaf.text("outcome") == Some("ok") {
            let told = match leaf.text("action").unwrap_or_default() {
                "retention.propose" => self.propose(&leaf),
                "retention.approve" => self.approve(&leaf),
                "hold.place" => self.place(&leaf),
                "hold.release" => self.release(&leaf),
                "subject.erased" => self.erase(seq, &leaf),
                "log.pruned" => self.prune(seq, &leaf),
                _ => Ok(()),
            };
            if let (Err(what), false) = (told, self.lost) {
                self.found += 1;
                if self.findings.len() < FINDINGS_MAX {
                    self.findings.push(Finding::wrong(Some(seq), None, what));
                }
            }
        }
    }

    /// Takes the time of the first entry of a bundle in which nothing else is to be looked at.
    pub(super) fn start(&mut self, seq: u64, ts: &str) {
        if let Some(at) = micros(ts) {
            self.starts.insert(seq, at);
        }
    }

    /// Entries are missing here: what follows cannot be judged by what went before.
    pub fn skip(&mut self) {
        self.lost = true;
    }

    /// What claims something that does not follow, in order, at most [`FINDINGS_MAX`], and how many there were in all.
    #[must_use]
    pub fn findings(&self) -> (&[Finding], u64) {
        (&self.findings, self.found)
    }

    /// The entry that erased `subject`.
    #[must_use]
    pub fn erased(&self, subject: &str) -> Option<u64> {
        self.erased.get(subject).copied()
    }

    /// The latest claim of pruning.
    #[must_use]
    pub fn pruned(&self) -> Option<Prune> {
        self.prunes.last().copied()
    }

    /// The days that entries are kept, after what was taken.
    #[must_use]
    pub fn days(&self) -> i64 {
        self.days
    }

    fn propose(&mut self, leaf: &Leaf) -> Result<(), String> {
        let (Some(days), Some(id), Some(by)) = (number(leaf, "days"), leaf.inner("resource", "id"), leaf.inner("actor", "id")) else {
            return Err("the proposal does not say how many days, or by whom".to_owned());
        };
        let (id, by) = (id.to_owned(), by.to_owned());
        // The newest proposal is the only one; what does not shorten is in force at once.
        self.proposal = (days < self.days).then_some(Proposal { id, by, days });
        if self.proposal.is_none() {
            self.days = days;
        }
        Ok(())
    }

    fn approve(&mut self, leaf: &Leaf) -> Result<(), String> {
        let (id, by) = (leaf.inner("resource", "id"), leaf.inner("actor", "id"));
        let waiting = self.proposal.take_if(|p| Some(p.id.as_str()) == id).ok_or("the approval is of no retention that was proposed and waits")?;
        if by.is_none() || by == Some(&waiting.by) {
            return Err("a shorter retention was approved by the one who proposed it".to_owned());
        }
        self.days = waiting.days;
        Ok(())
    }

    fn place(&mut self, leaf: &Leaf) -> Result<(), String> {
        let (Some(id), Some(by)) = (leaf.inner("resource", "id"), leaf.inner("actor", "id")) else {
            return Err("the hold has no id, or nobody placed it".to_owned());
        };
        let subject = leaf.inner("data", "subject").map(str::to_owned);
        self.holds.insert(id.to_owned(), Hold { subject, by: by.to_owned() });
        Ok(())
    }

    fn release(&mut self, leaf: &Leaf) -> Result<(), String> {
        let held = leaf.inner("resource", "id").and_then(|id| self.holds.remove(id));
        match held {
            Some(hold) if leaf.inner("actor", "id").is_none_or(|by| by == hold.by) => Err("a hold was released by the one who placed it".to_owned()),
            None if self.from == 0 => Err("a hold was released that was not placed".to_owned()),
            Some(_) | None => Ok(()),
        }
    }

    fn erase(&mut self, seq: u64, leaf: &Leaf) -> Result<(), String> {
        let subject = leaf.inner("data", "subject").ok_or("the erasure does not say whose")?;
        let is_held = self.holds.values().any(|hold| hold.subject.as_deref().is_none_or(|held| held == subject));
        let is_new = !self.erased.contains_key(subject);
        self.erased.entry(subject.to_owned()).or_insert(seq);
        match (is_held, is_new) {
            (true, _) => Err(format!("`{}` was erased while a legal hold stood against it", subject.escape_debug())),
            (false, false) => Err(format!("`{}` was erased a second time", subject.escape_debug())),
            (false, true) => Ok(()),
        }
    }

    fn prune(&mut self, seq: u64, leaf: &Leaf) -> Result<(), String> {
        let (Some(min), Some(days)) = (number(leaf, "min_index"), number(leaf, "days")) else {
            return Err("the pruning does not say how far, or by how many days".to_owned());
        };
        let min_index = min.unsigned_abs();
        let before = self.pruned().map_or(0, |prune| prune.min_index);
        if min < 0 || !min_index.is_multiple_of(WIDTH) || min_index <= before || min_index > seq {
            return Err(format!("the log was pruned below {min}, which is no end of a bundle between {before} and this entry"));
        }
        self.prunes.push(Prune { seq, min_index });
        if !self.holds.is_empty() {
            return Err("the log was pruned while a legal hold stood against it".to_owned());
        }
        if days < self.days {
            return Err(format!("the log was pruned as if entries were kept for {days} days; {} were in force", self.days));
        }
        let now = leaf.text("ts").and_then(micros).ok_or("the pruning has no time from 1970 on")?;
        let kept_for = u64::try_from(days).unwrap_or(u64::MAX).saturating_mul(DAY_US);
        // The first entry that stays was old enough too, so those before it were.
        match self.starts.get(&min_index) {
            Some(at) if at.saturating_add(kept_for) > now => Err(format!("the log was pruned below {min_index}, where entries were not {days} days old yet")),
            None if min_index >= self.from => Err(format!("the log was pruned below {min_index}, and that entry has no time from 1970 on")),
            Some(_) | None => Ok(()),
        }
    }
}

fn number(leaf: &Leaf, key: &str) -> Option<i64> {
    match leaf.field("data", key) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    }
}

/// Microseconds since 1970 of a leaf's `ts`.
fn micros(ts: &str) -> Option<u64> {
    let fraction = ts.get(20..26)?.parse::<u64>().ok()?;
    Some(moment::parse(ts).ok()? * 1_000_000 + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_to_the_microsecond() {
        assert_eq!(micros("1970-01-01T00:00:01.000002Z"), Some(1_000_002));
        assert_eq!(micros("1969-12-31T23:59:59.000000Z"), None);
        assert_eq!(micros("1970-01-01"), None);
    }
}
