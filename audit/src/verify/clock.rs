//! What the times of entries show of the clock they were written by: that it went back, and that it was set.
//!
//! Each entry has two times: `ts`, of a clock that can be set, and `mono_us`, of one that cannot, counted since the start
//! of a run. Between entries of one run both must go on alike. All of this is told, and bears on no verdict.

use super::{leaf::Leaf, moment, quick::Seen};

/// Microseconds by which the two clocks may part between two entries of a run, beside a hundredth of the time between:
/// a clock that is kept right is turned a little faster or slower.
const PART_MAX: i64 = 2_000_000;
/// Runs remembered at once: as many as may write into one log side by side.
const RUNS_MAX: usize = 16;

/// The clock of a log, entry by entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// How many entries carry an earlier time than the one before them.
    pub times_back: u64,
    /// How often the clock was set within a run.
    pub steps: u64,
    /// The entry after the largest step, and the step in microseconds: positive when set forward.
    pub largest: Option<(u64, i64)>,
    before: String,
    latest: String,
    /// Of each run the last entry: its name, `ts` in microseconds, and `mono_us`.
    runs: Vec<(String, i64, i64)>,
}

/// The times of entries that follow each other, gathered beside the walk.
#[derive(Debug, Default)]
pub(super) struct Times {
    first: String,
    last: String,
    latest: String,
    /// How many are earlier than the one before them here.
    back: u64,
    /// The runs among them, by name.
    boots: Vec<String>,
    /// Of each entry its run, `ts` in microseconds, and `mono_us`.
    each: Vec<(usize, Option<i64>, i64)>,
}

impl Times {
    /// The time of the first.
    pub(super) fn first(&self) -> &str {
        &self.first
    }

    pub(super) fn push(&mut self, seen: &Seen<'_>) {
        if self.each.is_empty() {
            seen.ts.clone_into(&mut self.first);
        }
        self.back += u64::from(*seen.ts < *self.last);
        seen.ts.clone_into(&mut self.last);
        if *seen.ts > *self.latest {
            seen.ts.clone_into(&mut self.latest);
        }
        let run = self.boots.iter().rposition(|name| name == seen.boot).unwrap_or_else(|| {
            self.boots.push(seen.boot.to_owned());
            self.boots.len() - 1
        });
        self.each.push((run, moment::micros(seen.ts), seen.mono));
    }
}

impl Clock {
    /// An entry that was read.
    pub(super) fn tick(&mut self, place: u64, leaf: &Leaf) {
        let Some(ts) = leaf.text("ts") else { return };
        self.note(ts);
        if let (Some(boot), Some(mono), Some(wall)) = (leaf.text("boot"), leaf.number("mono_us"), moment::micros(ts)) {
            self.run(place, boot, wall, mono);
        }
    }

    /// An entry that was looked at.
    pub(super) fn saw(&mut self, place: u64, seen: &Seen<'_>) {
        self.note(seen.ts);
        if let Some(wall) = moment::micros(seen.ts) {
            self.run(place, seen.boot, wall, seen.mono);
        }
    }

    /// Entries from `place` on that were looked at beside the walk: the same as [`Self::saw`] for each.
    pub(super) fn saw_all(&mut self, place: u64, times: &Times) {
        self.times_back += times.back + u64::from(*times.first < *self.before);
        self.before.clone_from(&times.last);
        if times.latest > self.latest {
            self.latest.clone_from(&times.latest);
        }
        for (place, (run, wall, mono)) in (place..).zip(&times.each) {
            if let Some(wall) = wall {
                self.run(place, &times.boots[*run], *wall, *mono);
            }
        }
    }

    fn note(&mut self, ts: &str) {
        self.times_back += u64::from(*ts < *self.before);
        ts.clone_into(&mut self.before);
        if *ts > *self.latest {
            ts.clone_into(&mut self.latest);
        }
    }

    fn run(&mut self, place: u64, boot: &str, wall: i64, mono: i64) {
        let Some(at) = self.runs.iter().rposition(|(name, ..)| name == boot) else {
            if self.runs.len() >= RUNS_MAX {
                self.runs.remove(0);
            }
            self.runs.push((boot.to_owned(), wall, mono));
            return;
        };
        let (_, wall_before, mono_before) = &mut self.runs[at];
        let (went, lasted) = (wall - *wall_before, mono - *mono_before);
        (*wall_before, *mono_before) = (wall, mono);
        let step = went - lasted;
        if step.abs() > PART_MAX + lasted.abs() / 100 {
            self.steps += 1;
            if self.largest.is_none_or(|(_, largest)| step.abs() > largest.abs()) {
                self.largest = Some((place, step));
            }
        }
    }

    /// Entries were passed over.
    pub(super) fn pass(&mut self) {
        self.before.clear();
        self.runs.clear();
    }

    pub(super) fn latest(&self) -> &str {
        &self.latest
    }

    /// What it shows, in words.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let back = (self.times_back > 0).then(|| format!("{} entries carry an earlier time than the entry before them; `_seq` is the order", self.times_back));
        let set = self.largest.map(|(place, step)| {
            let (secs, way) = (step.unsigned_abs() / 1_000_000, if step < 0 { "back" } else { "forward" });
            format!("the server's clock was set {} times while it ran, at most by {secs} s {way}, before entry {place}", self.steps)
        });
        back.into_iter().chain(set).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Entries of more runs than are remembered, before and after 1970, looked at one by one and by the bundle.
        #[test]
        fn by_the_bundle_it_is_the_same_as_one_by_one(
            entries in prop::collection::vec((0..20_usize, 0..4_u32, 0..10_000_000_i64), 1..200),
            cuts in prop::collection::vec(1..40_usize, 1..20),
        ) {
            let entries: Vec<(String, String, i64)> = entries
                .into_iter()
                .map(|(run, day, mono)| (format!("boot_{run}"), format!("{}-01-0{}T00:00:0{}.00000{day}Z", 1969 + day, day + 1, mono % 10), mono))
                .collect();
            let seen: Vec<Seen<'_>> = entries.iter().map(|(boot, ts, mono)| Seen { prev: b"", ts, boot, mono: *mono }).collect();
            let (mut single, mut bundled) = (Clock::default(), Clock::default());
            seen.iter().zip(0..).for_each(|(seen, place)| single.saw(place, seen));
            let (mut rest, mut place) = (seen.as_slice(), 0);
            for cut in cuts.iter().cycle() {
                let (some, after) = rest.split_at((*cut).min(rest.len()));
                let mut times = Times::default();
                some.iter().for_each(|seen| times.push(seen));
                bundled.saw_all(place, &times);
                (rest, place) = (after, place + some.len() as u64);
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(&single, &bundled);
        }
    }
}
