//! A system security plan as it is read: the system, what holds for all of it, and of each requirement how it is implemented.
//! Must stay true: it says nothing of its own. It is put together from an assessment as it is, or from one that was sealed, and
//! names which.

use serde::Serialize;

use super::derive::Whole;
use super::section::{GENERAL, Section};
use super::system::System;
use super::{Finding, state::State};
use crate::catalog::score::Status;
use crate::core::docx::{Docx, Level};

/// A section that is of no single requirement.
#[derive(Clone, Debug, Default, Serialize)]
pub struct General {
    /// A word of [`GENERAL`].
    pub key: String,
    /// What it says; empty when nobody wrote it.
    pub text: String,
    /// Who answers for it.
    pub responsible: String,
}

/// An objective that the plan has to describe: one that is not simply met.
#[derive(Clone, Debug, Serialize)]
pub struct Special {
    /// Its id.
    pub id: String,
    /// A word of [`Finding`].
    pub finding: String,
    /// Why.
    pub because: String,
}

/// A requirement and how it is implemented.
#[derive(Clone, Debug, Serialize)]
pub struct Stated {
    /// Its id.
    pub id: String,
    /// The CMMC practice; empty where there is none.
    pub practice: String,
    /// Its title.
    pub title: String,
    /// A word of [`Status`] by the findings, or `unassessed`.
    pub status: String,
    /// How it is implemented; empty when nobody wrote it.
    pub text: String,
    /// Who answers for it.
    pub responsible: String,
    /// Its objectives that are not simply met.
    pub specials: Vec<Special>,
    /// Deficiencies that an operational plan of action holds.
    pub operational: Vec<String>,
}

/// A whole plan.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ssp {
    /// The system.
    pub system: String,
    /// What belongs to it.
    pub scope: String,
    /// Where it ends.
    pub boundary: String,
    /// Its CAGE codes, with spaces between.
    pub cage_codes: String,
    /// The assessment that the statuses are of.
    pub assessment: String,
    /// By which framework.
    pub framework: String,
    /// What it was made from, with a hash: a seal, or the trail at a size.
    pub made_from: String,
    /// In the order of [`GENERAL`].
    pub general: Vec<General>,
    /// In the order of the catalogue.
    pub requirements: Vec<Stated>,
    /// Requirements whose implementation nobody wrote.
    pub missing: usize,
}

/// The general sections in their order, those that were not written too.
#[must_use]
pub fn general(find: impl Fn(&str) -> Option<(String, String)>) -> Vec<General> {
    let one = |key: &str| {
        let (text, responsible) = find(key).unwrap_or_default();
        General { key: key.to_owned(), text, responsible }
    };
    GENERAL.into_iter().map(one).collect()
}

fn special(id: &str, state: Option<&State>) -> Option<Special> {
    let (state, finding) = (state?, state?.finding()?);
    (finding != Finding::Met).then(|| Special { id: id.to_owned(), finding: finding.name().to_owned(), because: state.because.clone() })
}

/// The plan of an assessment as it is now.
#[must_use]
pub fn live(system: &System, assessment: (&str, &str), whole: &Whole<'_>, sections: &[Section], made_from: String) -> Ssp {
    let written = |key: &str| sections.iter().find(|s| s.section == key).map(|s| (s.body.clone(), s.responsible.clone()));
    let requirements: Vec<Stated> = whole
        .requirements()
        .map(|r| {
            let (text, responsible) = written(&r.requirement.id).unwrap_or_default();
            Stated {
                id: r.requirement.id.clone(),
                practice: r.requirement.practice.clone().unwrap_or_default(),
                title: r.requirement.title.clone(),
                status: r.claimed.map_or("unassessed", Status::name).to_owned(),
                text,
                responsible,
                specials: r.objectives.iter().filter_map(|o| special(&o.objective.id, o.state)).collect(),
                operational: Vec::new(),
            }
        })
        .collect();
    Ssp {
        system: system.name.clone(),
        scope: system.scope.clone(),
        boundary: system.boundary.clone(),
        cage_codes: system.cage_codes.clone(),
        assessment: assessment.0.to_owned(),
        framework: assessment.1.to_owned(),
        made_from,
        general: general(written),
        missing: requirements.iter().filter(|r| r.text.is_empty()).count(),
        requirements,
    }
}

impl Ssp {
    /// As a text document; `word` gives a text by its name.
    #[must_use]
    pub fn docx(&self, word: &dyn Fn(&str) -> String) -> Vec<u8> {
        let of = |prefix: &str, name: &str| word(&format!("{prefix}-{}", name.replace('_', "-")));
        let mut out = Docx::new(&format!("{}: {}", word("ssp-title"), self.system));
        out.quiet(&self.made_from);
        out.heading(Level::One, &word("ssp-system"));
        let names = ["seal-assessment", "assess-framework", "system-cage"].map(word);
        out.facts(&[(&names[0], &self.assessment), (&names[1], &self.framework), (&names[2], &self.cage_codes)]);
        let unwritten = word("ssp-unwritten");
        let said = |text: &str| if text.is_empty() { unwritten.clone() } else { text.to_owned() };
        for (title, text) in [("system-scope", &self.scope), ("system-boundary", &self.boundary)] {
            out.heading(Level::Two, &word(title));
            out.paragraph(&said(text));
        }
        for section in &self.general {
            out.heading(Level::Two, &of("ssp-section", &section.key));
            out.paragraph(&said(&section.text));
            out.facts(&[(&word("ssp-responsible"), &section.responsible)]);
        }
        out.heading(Level::One, &word("ssp-requirements"));
        for r in &self.requirements {
            out.heading(Level::Two, &format!("{} {}", r.id, r.title));
            out.facts(&[(&word("sprs-practice"), &r.practice), (&word("ssp-status"), &of("status", &r.status)), (&word("ssp-responsible"), &r.responsible)]);
            out.heading(Level::Three, &word("ssp-implementation"));
            out.paragraph(&said(&r.text));
            let specials = r.specials.iter().map(|s| [s.id.clone(), of("finding", &s.finding), s.because.clone()]);
            let heads = ["ssp-objective", "ssp-finding", "ssp-because"].map(word);
            out.table(heads.each_ref().map(String::as_str), specials);
            for deficiency in &r.operational {
                out.paragraph(&format!("{}: {deficiency}", word("finding-operational-plan")));
            }
        }
        out.end()
    }
}
