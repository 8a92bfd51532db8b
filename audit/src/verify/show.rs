//! The report as text for people and as JSON for programs: the same report always gives the same bytes.
//! The verdict comes first, then what it rests on, then what was not checked.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    Hash, base64,
    json::{self, Value},
    moment::show,
    report::{Finding, Freshness, Integrity, Kind, Pin, Quorum, Report, Stamped, TimeStamps},
};

impl Report {
    /// The report as one canonical JSON object and a newline. Absent values are `null`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let finding = |finding: &Finding| {
            let kind = match finding.kind {
                Kind::Wrong => "wrong",
                Kind::Absent => "absent",
            };
            object([("kind", text(kind)), ("path", maybe(finding.path.as_deref(), text)), ("seq", maybe(finding.seq, count)), ("what", text(&finding.what))])
        };
        let cosignatures = self.cosignatures.iter().map(|c| object([("key", text(&c.key)), ("time", count(c.time)), ("witness", text(&c.witness))]));
        let kept = self.kept_checkpoints.iter().map(|kept| {
            object([("file", text(&kept.file)), ("root", maybe(kept.root, hash)), ("size", maybe(kept.size, count)), ("state", text(kept.state.as_str()))])
        });
        let report = object([
            ("computed_root", maybe(self.computed_root, hash)),
            ("cosignatures", Value::List(cosignatures.collect())),
            ("entries_checked", count(self.entries_checked)),
            ("epoch_key", text(self.pin.as_str())),
            ("epochs", maybe(self.epochs, count)),
            ("exit", Value::Int(i64::from(self.exit_code()))),
            ("findings", Value::List(self.findings.iter().map(finding).collect())),
            ("findings_total", count(self.found)),
            ("first_bad", maybe(self.first_bad.as_ref(), finding)),
            ("freshness", text(self.freshness.as_str())),
            ("integrity", text(self.integrity().as_str())),
            ("kept_checkpoints", Value::List(kept.collect())),
            ("key", maybe(self.key.as_deref(), text)),
            ("max_age", maybe(self.fresh, |fresh| count(fresh.max_age))),
            ("not_checked", Value::List(self.not_checked.iter().map(|t| text(t)).collect())),
            ("minimum_index", count(self.minimum_index)),
            ("notes", Value::List(self.notes.iter().map(|t| text(t)).collect())),
            ("now", maybe(self.fresh, |fresh| count(fresh.now))),
            ("now_by", maybe(self.fresh, |fresh| text(if fresh.now_is_given { "given" } else { "clock" }))),
            ("origin", maybe(self.origin.as_deref(), text)),
            ("quorum", text(self.quorum.as_str())),
            ("quorum_time", maybe(self.quorum_time, count)),
            ("root", maybe(self.root, hash)),
            ("sealed_from", maybe(self.sealed_from, count)),
            ("size", maybe(self.size, count)),
            ("tiles_checked", count(self.tiles_checked)),
            ("time_stamped", maybe(self.time_stamped.as_ref(), |s| object([("size", count(s.size)), ("time", count(s.time)), ("tsa", text(&s.tsa))]))),
            ("time_stamps", text(self.time_stamps.as_str())),
            ("tokens_checked", count(self.tokens_checked)),
            ("values_checked", maybe(self.values_checked, count)),
        ]);
        json::render(&report) + "\n"
    }

    /// The report for a person: verdict first, then what it rests on, then what was not checked.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = match self.integrity() {
            Integrity::Ok if self.is_policy_met() => "OK: every entry is as it was signed\n".to_owned(),
            Integrity::Ok => "POLICY NOT MET: every entry is as it was signed, but witnesses or time-stamps do not show what was asked\n".to_owned(),
            Integrity::Wrong => "WRONG: what is here is not what was signed\n".to_owned(),
            Integrity::Incomplete => "INCOMPLETE: something is absent, so nothing is confirmed\n".to_owned(),
        };
        self.rows(&mut |label, value| {
            let _ = writeln!(out, "  {label:<12}{value}");
        });
        let mut section = |title: &str, lines: &mut dyn Iterator<Item = String>| {
            let mut lines = lines.peekable();
            if lines.peek().is_some() {
                let _ = writeln!(out, "\n{title}");
            }
            for line in lines {
                let _ = writeln!(out, "  - {line}");
            }
        };
        let more = self.found - self.findings.len() as u64;
        let more = (more > 0).then(|| format!("and {more} more"));
        section("Findings", &mut self.findings.iter().map(Finding::line).chain(more));
        section("Notes", &mut self.notes.iter().cloned());
        section("Not checked", &mut self.not_checked.iter().cloned());
        out
    }

    fn rows(&self, row: &mut dyn FnMut(&str, &str)) {
        if let Some(first) = &self.first_bad {
            row("first bad", &first.line());
        }
        match self.size {
            Some(size) => row("entries", &format!("{} of {size} checked", self.entries_checked)),
            None => row("entries", "none checked"),
        }
        if self.minimum_index > 0 {
            row("pruned", &format!("entries below {}, as the log allows", self.minimum_index));
        }
        if let Some(values) = self.values_checked {
            row("values", &format!("{values} opened ones checked"));
        }
        if let Some(root) = &self.root {
            row("root", &base64::encode(root));
        }
        if let Some(computed) = self.computed_root.filter(|computed| Some(*computed) != self.root) {
            row("computed", &base64::encode(&computed));
        }
        if let Some(origin) = &self.origin {
            row("origin", origin);
        }
        if let Some(key) = &self.key {
            row("key", key);
        }
        if self.tiles_checked > 0 {
            row("hash tiles", &format!("{} compared", self.tiles_checked));
        }
        match (self.epochs, self.sealed_from) {
            (Some(epochs), Some(from)) => row("epochs", &format!("{epochs}, sealed from entry {from} on; what is before needs no seal")),
            (Some(_), None) => row("epochs", "none: no entry is sealed by a key that was erased since"),
            (None, _) => {}
        }
        if self.pin != Pin::NotAsked {
            row("epoch key", self.pin.as_str().replace('_', " ").as_str());
        }
        for kept in &self.kept_checkpoints {
            let size = kept.size.map_or_else(String::new, |size| format!(", {size} entries"));
            row("kept", &format!("{}{size}: {}", kept.file.escape_debug(), kept.state.as_str().replace('_', " ")));
        }
        for cosigned in &self.cosignatures {
            row("cosigned", &format!("{} by {} ({})", show(cosigned.time), cosigned.witness.escape_debug(), cosigned.key));
        }
        match self.quorum {
            Quorum::Met => row("quorum", "met"),
            Quorum::NotMet => row("quorum", "not met"),
            Quorum::None => row("quorum", "the policy asks for none"),
            Quorum::NotAsked => {}
        }
        if let Some(fresh) = self.fresh {
            let verdict = if self.freshness == Freshness::Met { "met" } else { "not met" };
            let by = if fresh.now_is_given { "as given" } else { "by this machine's clock" };
            let time = self.quorum_time.map_or_else(|| "no quorum supports a time".to_owned(), |time| format!("a quorum supports {}", show(time)));
            row("freshness", &format!("{verdict}: {time}; at most {} s before {} ({by})", fresh.max_age, show(fresh.now)));
        }
        if let Some(stamped) = &self.time_stamped {
            let Stamped { size, time, tsa } = stamped;
            let more = if self.tokens_checked > 1 { format!(", {} tokens in all", self.tokens_checked) } else { String::new() };
            row("time-stamped", &format!(" the first {size} entries existed at {}, by {}{more}", show(*time), tsa.escape_debug()));
        } else if self.time_stamps == TimeStamps::NotMet {
            row("time-stamps", " none by an authority under the roots given");
        }
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Canonical JSON has no integer above 2^53 − 1, and no log has as many entries.
fn count(count: u64) -> Value {
    i64::try_from(count).ok().filter(|count| *count <= json::INTEGER_MAX).map_or(Value::Null, Value::Int)
}

fn hash(hash: Hash) -> Value {
    Value::Text(base64::encode(&hash))
}

fn maybe<T>(value: Option<T>, show: impl FnOnce(T) -> Value) -> Value {
    value.map_or(Value::Null, show)
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<BTreeMap<_, _>>())
}
