//! The verdict on an export, for people and for programs: the same findings always give the same bytes.
//! Wrong outweighs absent, and absent is never fine.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    Hash, base64,
    json::{self, Value},
};

/// Most findings that are kept; how many there were in all is told beside them.
pub const FINDINGS_MAX: usize = 20;

/// What kind of trouble a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something is there and is wrong, or cannot be parsed.
    Wrong,
    /// Something that must be there is absent or cannot be read.
    Absent,
}

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of trouble.
    pub kind: Kind,
    /// The entry, by its place in the log from 0, when it is about one.
    pub seq: Option<u64>,
    /// The file, relative to the export, when it is about one.
    pub path: Option<String>,
    /// What is not right: a fragment without a full stop.
    pub what: String,
}

impl Finding {
    pub(super) fn wrong(seq: Option<u64>, path: Option<String>, what: String) -> Self {
        Self { kind: Kind::Wrong, seq, path, what }
    }

    pub(super) fn absent(path: Option<String>, what: String) -> Self {
        Self { kind: Kind::Absent, seq: None, path, what }
    }

    /// What is named first: what is wrong before what is absent, entries before files, bundles before hash tiles.
    fn rank(&self) -> (bool, bool, u64, bool) {
        let of_bundle = self.path.as_deref().is_some_and(|path| path.starts_with("tile/entries/"));
        (self.kind != Kind::Wrong, self.seq.is_none(), self.seq.unwrap_or(0), !of_bundle)
    }

    /// The finding in one line, its place first.
    #[must_use]
    pub fn line(&self) -> String {
        match (&self.seq, &self.path) {
            (Some(seq), _) => format!("entry {seq}: {}", self.what),
            (None, Some(path)) => format!("{}: {}", path.escape_debug(), self.what),
            (None, None) => self.what.clone(),
        }
    }
}

/// Whether the entries are the ones that were signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// Every entry is there, and as it was signed.
    Ok,
    /// Something that is there is wrong.
    Wrong,
    /// Something is absent, so that it cannot be told.
    Incomplete,
}

impl Integrity {
    /// `ok`, `wrong` or `incomplete`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Wrong => "wrong",
            Self::Incomplete => "incomplete",
        }
    }
}

/// The verdict and what it rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The log's origin, once the checkpoint was accepted.
    pub origin: Option<String>,
    /// Number of entries that the checkpoint commits to.
    pub size: Option<u64>,
    /// The signed root.
    pub root: Option<Hash>,
    /// The root over the entries that are there.
    pub computed_root: Option<Hash>,
    /// The verifier key, as `<name>+<key id>`.
    pub key: Option<String>,
    /// How many entries were read and checked.
    pub entries_checked: u64,
    /// How many hash tiles were compared with the entries.
    pub tiles_checked: u64,
    /// The first bad entry, or the first finding when none is about an entry.
    pub first_bad: Option<Finding>,
    /// What is not right, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many findings there were in all.
    pub found: u64,
    /// Remarks that do not bear on the verdict.
    pub notes: Vec<String>,
    /// What this program did not check.
    pub not_checked: Vec<String>,
}

impl Report {
    /// A report of one finding that kept the check from starting.
    #[must_use]
    pub fn refusal(kind: Kind, path: Option<&str>, what: &str) -> Self {
        let mut report = Self::default();
        report.add(Finding { kind, seq: None, path: path.map(str::to_owned), what: what.to_owned() });
        report
    }

    /// Takes the findings of another report, all of them.
    pub(super) fn take(&mut self, other: Self) {
        let untold = other.found - other.findings.len() as u64;
        other.first_bad.into_iter().filter(|first| !other.findings.contains(first)).for_each(|first| self.name(first));
        other.findings.into_iter().for_each(|finding| self.add(finding));
        self.found += untold;
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.name(finding.clone());
        self.found += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else if finding.kind == Kind::Wrong && self.findings.iter().all(|f| f.kind == Kind::Absent) {
            // What is wrong outweighs what is absent, and must not be crowded out by it.
            self.findings.truncate(FINDINGS_MAX - 1);
            self.findings.push(finding);
        }
    }

    fn name(&mut self, finding: Finding) {
        if self.first_bad.as_ref().is_none_or(|first| finding.rank() < first.rank()) {
            self.first_bad = Some(finding);
        }
    }

    /// The verdict.
    #[must_use]
    pub fn integrity(&self) -> Integrity {
        match &*self.findings {
            [] => Integrity::Ok,
            some if some.iter().any(|finding| finding.kind == Kind::Wrong) => Integrity::Wrong,
            _ => Integrity::Incomplete,
        }
    }

    /// The exit code: 0 ok, 1 wrong, 2 incomplete. (3 is kept for a policy that is not met.)
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.integrity() {
            Integrity::Ok => 0,
            Integrity::Wrong => 1,
            Integrity::Incomplete => 2,
        }
    }

    /// The report as one canonical JSON object and a newline. Absent values are `null`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, |t| Value::Text(t.to_owned()));
        let count = |count: u64| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
        let hash = |hash: &Option<Hash>| hash.map_or(Value::Null, |h| Value::Text(base64::encode(&h)));
        let texts = |texts: &[String]| Value::List(texts.iter().cloned().map(Value::Text).collect());
        let finding = |finding: &Finding| {
            let kind = match finding.kind {
                Kind::Wrong => "wrong",
                Kind::Absent => "absent",
            };
            object([
                ("kind", Value::Text(kind.to_owned())),
                ("path", text(&finding.path)),
                ("seq", finding.seq.map_or(Value::Null, count)),
                ("what", Value::Text(finding.what.clone())),
            ])
        };
        let report = object([
            ("computed_root", hash(&self.computed_root)),
            ("entries_checked", count(self.entries_checked)),
            ("exit", Value::Int(i64::from(self.exit_code()))),
            ("findings", Value::List(self.findings.iter().map(finding).collect())),
            ("findings_total", count(self.found)),
            ("first_bad", self.first_bad.as_ref().map_or(Value::Null, finding)),
            ("integrity", Value::Text(self.integrity().as_str().to_owned())),
            ("key", text(&self.key)),
            ("not_checked", texts(&self.not_checked)),
            ("notes", texts(&self.notes)),
            ("origin", text(&self.origin)),
            ("root", hash(&self.root)),
            ("size", self.size.map_or(Value::Null, count)),
            ("tiles_checked", count(self.tiles_checked)),
        ]);
        json::render(&report) + "\n"
    }

    /// The report for a person: verdict first, then what it rests on, then what was not checked.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = match self.integrity() {
            Integrity::Ok => "OK: every entry is as it was signed\n".to_owned(),
            Integrity::Wrong => "WRONG: what is here is not what was signed\n".to_owned(),
            Integrity::Incomplete => "INCOMPLETE: something is absent, so nothing is confirmed\n".to_owned(),
        };
        let mut row = |label: &str, value: &str| {
            let _ = writeln!(out, "  {label:<12}{value}");
        };
        if let Some(first) = &self.first_bad {
            row("first bad", &first.line());
        }
        match self.size {
            Some(size) => row("entries", &format!("{} of {size} checked", self.entries_checked)),
            None => row("entries", "none checked"),
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
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<BTreeMap<_, _>>())
}
