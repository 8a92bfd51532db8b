//! The assessment report of a seal as a text document: what was found of each objective, on which evidence, and what is planned.
//! Must stay true: it says what its page says.

use super::paper::Document;
use crate::core::docx::{Docx, Level};

/// The report; `word` gives a text by its name.
#[must_use]
pub fn docx(of: &Document, word: &dyn Fn(&str) -> String) -> Vec<u8> {
    let mut out = Docx::new(&format!("{}: {}", word("report-title"), of.seal.assessment));
    out.quiet(&of.made_from);
    out.heading(Level::One, &of.seal.system);
    let score = |score: Option<i64>| score.map_or_else(|| word("score-none-short"), |s| s.to_string());
    let (verified, projected) = (score(of.seal.verified), score(of.seal.projected));
    let facts = [
        ("seal-assessment", &of.seal.assessment),
        ("assess-framework", &of.framework),
        ("seal-status-date", &of.seal.status_date),
        ("score-verified", &verified),
        ("score-projected", &projected),
        ("sprs-status", &of.status),
        ("system-scope", &of.scope),
        ("system-boundary", &of.boundary),
        ("system-cage", &of.cage_codes),
    ];
    let facts = facts.map(|(key, text)| (word(key), text));
    out.facts(&facts.each_ref().map(|(name, text)| (name.as_str(), text.as_str())));
    out.heading(Level::One, &word("report-findings"));
    let unassessed = word("finding-none-yet");
    for r in &of.requirements {
        out.heading(Level::Two, &format!("{} {}", r.id, r.title));
        out.quiet(&format!("{} {}: {}. {}: {}.", r.practice, word("score-verified"), r.verified, word("score-projected"), r.claimed));
        let heads = ["ssp-objective", "ssp-finding", "ssp-because", "report-evidence"].map(word);
        let rows = r.objectives.iter().map(|o| {
            let said = [o.because.as_str(), o.notes.as_str()].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join("\n");
            let finding = if o.finding.is_empty() { unassessed.clone() } else { o.finding.clone() };
            [o.id.clone(), finding, said, o.files.iter().chain(&o.records).cloned().collect::<Vec<_>>().join("\n")]
        });
        out.table(heads.each_ref().map(String::as_str), rows);
    }
    if !of.items.is_empty() {
        out.heading(Level::One, &word("plan-title"));
    }
    for i in &of.items {
        out.heading(Level::Two, &i.requirement);
        let milestones = i.milestones.join("\n");
        let facts = [
            ("plan-weakness", &i.weakness),
            ("plan-risk", &i.risk),
            ("plan-remediation", &i.remediation),
            ("plan-due", &i.due_on),
            ("plan-milestones", &milestones),
        ];
        let facts = facts.map(|(key, text)| (word(key), text));
        out.facts(&facts.each_ref().map(|(name, text)| (name.as_str(), text.as_str())));
    }
    out.heading(Level::One, &word("report-evidence"));
    let heads = ["seal-file", "report-uploaded", "report-serves", "col-sha256"].map(word);
    let rows = of.files.iter().map(|f| [f.file.clone(), f.name.clone(), f.objectives.clone(), f.sha256.clone()]);
    out.table(heads.each_ref().map(String::as_str), rows);
    out.end()
}
