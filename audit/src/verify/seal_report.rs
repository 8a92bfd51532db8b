//! The verdict on a sealed assessment: what was found, and the exit code that follows.
//! Wrong outweighs absent, and absent is never fine.

use super::{
    json::{self, Value},
    report::{FINDINGS_MAX, Finding, Kind, Quorum},
};

/// What is found of a seal.
#[derive(Clone, Debug, Default)]
pub struct SealReport {
    /// The seal's id, when it could be read.
    pub id: Option<String>,
    /// The CMMC status date.
    pub status_date: Option<String>,
    /// SHA-256 of `seal.json`, in hex.
    pub digest: Option<String>,
    /// SHA-256 of the log of artifacts, in hex.
    pub artifacts_log: Option<String>,
    /// Artifacts that it names.
    pub named: usize,
    /// Artifacts that are as they were sealed.
    pub good: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The log and the place of the entry, once it was proven.
    pub entry: Option<(String, u64)>,
    /// Whether enough witnesses cosigned the checkpoint.
    pub quorum: Quorum,
    /// The first findings.
    pub findings: Vec<Finding>,
    /// How many there were.
    pub findings_all: usize,
    wrong: bool,
}

impl SealReport {
    pub(super) fn add(&mut self, finding: Finding) {
        self.wrong |= finding.kind == Kind::Wrong;
        self.findings_all += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// Something that the seal does not name. It is not gone into.
    pub(super) fn stray(&mut self, path: &str) -> bool {
        self.add(Finding::wrong(None, Some(path.to_owned()), "is no part of the seal".to_owned()));
        false
    }

    /// 0 fine, 1 wrong, 2 absent, 3 a policy that is not met.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.wrong, self.findings_all, self.quorum) {
            (true, _, _) => 1,
            (false, 1.., _) => 2,
            (false, 0, Quorum::NotMet) => 3,
            (false, 0, _) => 0,
        }
    }

    fn verdict(&self) -> &'static str {
        match self.exit_code() {
            0 => "ok",
            1 => "wrong",
            2 => "incomplete",
            _ => "policy not met",
        }
    }

    /// The report for people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "not known".to_owned());
        let mut out = match self.exit_code() {
            0 => "OK: the seal is whole, and every file is as it was sealed\n".to_owned(),
            1 => "WRONG: something is not as it was sealed\n".to_owned(),
            2 => "INCOMPLETE: something is missing, so that it cannot be told\n".to_owned(),
            _ => "POLICY NOT MET: the seal is whole, and too few witnesses confirm it\n".to_owned(),
        };
        for finding in &self.findings {
            out.push_str(&format!("  - {}\n", finding.line()));
        }
        if self.findings_all > self.findings.len() {
            out.push_str(&format!("  - and {} more\n", self.findings_all - self.findings.len()));
        }
        let entry = self.entry.as_ref().map_or_else(|| "not proven".to_owned(), |(log, seq)| format!("{seq} of {log}"));
        out.push_str(&format!("\nSeal            {}\nStatus date     {}\n", or_none(&self.id), or_none(&self.status_date)));
        out.push_str(&format!("Artifacts       {} of {} are as they were sealed, {} bytes\n", self.good, self.named, self.bytes));
        out.push_str(&format!("Hash value      {}\n", or_none(&self.artifacts_log).to_uppercase()));
        out.push_str(&format!("Digest          {}\nEntry           {entry}\nWitnesses       {}\n", or_none(&self.digest), self.quorum.as_str()));
        out.push_str("\nNot checked\n  - README.txt, receipt.html and trail/vkey beyond SHA256SUMS: nothing binds them to the entry\n");
        out.push_str("  - what the artifacts say, and whether the findings are right\n");
        out
    }

    /// The report for programs, one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
        let count = |n: usize| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let (log, seq) = self.entry.clone().map_or((Value::Null, Value::Null), |(log, seq)| (Value::Text(log), Value::Int(seq.cast_signed())));
        let fields = [
            ("artifacts", count(self.named)),
            ("artifacts_good", count(self.good)),
            ("artifacts_log", text(&self.artifacts_log)),
            ("bytes", Value::Int(i64::try_from(self.bytes).unwrap_or(i64::MAX))),
            ("digest", text(&self.digest)),
            ("entry", seq),
            ("exit", Value::Int(self.exit_code().into())),
            ("findings", Value::List(self.findings.iter().map(finding_json).collect())),
            ("findings_total", count(self.findings_all)),
            ("integrity", Value::Text(self.verdict().to_owned())),
            ("log", log),
            ("quorum", Value::Text(self.quorum.as_str().to_owned())),
            ("seal", text(&self.id)),
            ("status_date", text(&self.status_date)),
        ];
        json::render(&Value::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())) + "\n"
    }
}

fn finding_json(finding: &Finding) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    let fields = [
        ("kind", text(if finding.kind == Kind::Wrong { "wrong" } else { "absent" })),
        ("path", finding.path.as_deref().map_or(Value::Null, text)),
        ("seq", Value::Null),
        ("what", text(&finding.what)),
    ];
    Value::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
