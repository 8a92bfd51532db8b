//! What the times of entries show of the clock they were written by: that it went back, and that it was set.
//!
//! Each entry has two times: `ts`, of a clock that can be set, and `mono_us`, of one that cannot, counted since the start
//! of a run. Between entries of one run both must go on alike. All of this is told, and bears on no verdict.

use super::{leaf::Leaf, moment};

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

impl Clock {
    pub(super) fn tick(&mut self, place: u64, leaf: &Leaf) {
        let Some(ts) = leaf.text("ts") else { return };
        self.times_back += u64::from(*ts < *self.before);
        ts.clone_into(&mut self.before);
        if *ts > *self.latest {
            ts.clone_into(&mut self.latest);
        }
        if let (Some(boot), Some(mono), Some(wall)) = (leaf.text("boot"), leaf.number("mono_us"), micros(ts)) {
            self.run(place, boot, wall, mono);
        }
    }

    fn run(&mut self, place: u64, boot: &str, wall: i64, mono: i64) {
        let Some(at) = self.runs.iter().position(|(name, ..)| name == boot) else {
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

/// A time in microseconds since 1970.
fn micros(ts: &str) -> Option<i64> {
    let seconds = i64::try_from(moment::parse(ts).ok()?).ok()?;
    let fraction: i64 = ts.get(20..26)?.parse().ok()?;
    Some(seconds * 1_000_000 + fraction)
}
