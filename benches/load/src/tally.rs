//! What was counted, and how it is said.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// One worker's counts; workers' tallies are added up at the end.
#[derive(Debug, Default)]
pub struct Tally {
    pub latencies_us: Vec<u32>,
    pub statuses: BTreeMap<u16, u64>,
    pub errors: u64,
    pub reconnects: u64,
    pub body_bytes: u64,
}

impl Tally {
    pub fn answered(&mut self, status: u16, body_bytes: usize, latency: Duration) {
        *self.statuses.entry(status).or_default() += 1;
        self.body_bytes += body_bytes as u64;
        self.waited(latency);
    }

    pub fn failed(&mut self, latency: Duration) {
        self.errors += 1;
        self.waited(latency);
    }

    fn waited(&mut self, latency: Duration) {
        self.latencies_us
            .push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn add(&mut self, other: Self) {
        self.latencies_us.extend(other.latencies_us);
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.errors += other.errors;
        self.reconnects += other.reconnects;
        self.body_bytes += other.body_bytes;
    }
}

/// The outcome of a run.
#[derive(Debug)]
pub struct Summary {
    pub mode: &'static str,
    pub clients: usize,
    pub rate: Option<u32>,
    pub seconds: f64,
    pub tally: Tally,
}

impl Summary {
    pub fn new(
        mode: &'static str,
        clients: usize,
        rate: Option<u32>,
        seconds: f64,
        mut tally: Tally,
    ) -> Self {
        tally.latencies_us.sort_unstable();
        Self {
            mode,
            clients,
            rate,
            seconds,
            tally,
        }
    }

    fn answers(&self) -> u64 {
        self.tally.statuses.values().sum()
    }

    fn good(&self) -> u64 {
        self.tally
            .statuses
            .iter()
            .filter(|(status, _)| (200..300).contains(*status))
            .map(|(_, count)| count)
            .sum()
    }

    /// Nearest rank: the smallest value that at least `share` of all requests stayed at or below.
    fn percentile_us(&self, share: f64) -> u32 {
        let sorted = &self.tally.latencies_us;
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let answers = self.answers();
        let statuses: Vec<_> = self
            .tally
            .statuses
            .iter()
            .map(|(status, n)| format!("\"{status}\":{n}"))
            .collect();
        let mut fields = vec![
            ("mode", format!("\"{}\"", self.mode)),
            ("clients", self.clients.to_string()),
        ];
        if let Some(rate) = self.rate {
            fields.push(("rate", rate.to_string()));
        }
        fields.extend([
            ("seconds", format!("{:.3}", self.seconds)),
            ("requests", self.tally.latencies_us.len().to_string()),
            ("ok", self.good().to_string()),
            ("non_2xx", (answers - self.good()).to_string()),
            ("errors", self.tally.errors.to_string()),
            ("reconnects", self.tally.reconnects.to_string()),
            (
                "requests_per_second",
                format!("{:.1}", answers as f64 / self.seconds),
            ),
            (
                "ok_per_second",
                format!("{:.1}", self.good() as f64 / self.seconds),
            ),
            (
                "body_bytes_mean",
                (self.tally.body_bytes / answers.max(1)).to_string(),
            ),
            ("p50_us", self.percentile_us(0.50).to_string()),
            ("p95_us", self.percentile_us(0.95).to_string()),
            ("p99_us", self.percentile_us(0.99).to_string()),
            ("max_us", self.percentile_us(1.0).to_string()),
            ("statuses", format!("{{{}}}", statuses.join(","))),
        ]);
        fields
    }

    pub fn json(&self) -> String {
        let fields: Vec<_> = self
            .fields()
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", fields.join(","))
    }

    pub fn text(&self) -> String {
        self.fields()
            .iter()
            .fold(String::new(), |mut text, (name, value)| {
                let _ = writeln!(text, "{name:<20} {value}");
                text
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let mut tally = Tally::default();
        for ms in (1..=100).rev() {
            tally.answered(
                if ms == 7 { 429 } else { 200 },
                10,
                Duration::from_micros(ms),
            );
        }
        let summary = Summary::new("closed", 1, None, 2.0, tally);
        assert_eq!(
            [0.5, 0.95, 0.99, 1.0].map(|share| summary.percentile_us(share)),
            [50, 95, 99, 100]
        );
        assert_eq!((summary.good(), summary.answers()), (99, 100));
        assert!(
            summary
                .json()
                .contains("\"statuses\":{\"200\":99,\"429\":1}")
        );
    }

    #[test]
    fn an_empty_run_has_zeros() {
        let summary = Summary::new("open", 1, Some(5), 1.0, Tally::default());
        assert!(summary.json().contains("\"p99_us\":0"));
    }
}
