//! `seal.json`: everything that an assessment said at one point in time, in canonical JSON, so that one state is one digest.
//! Must stay true: what is written here is specified in section 18 of `audit/README.md`, which a verifier reads by; of names of
//! people it has whom records were held with, and what texts say.

use std::collections::{BTreeMap, BTreeSet};

use countersign_audit::write::json::Value;
use jiff::civil::Date;

use super::name::Names;
use crate::assess::derive::{ObjectiveView, RequirementView, Whole};
use crate::assess::proof::{Linked, Recorded};
use crate::assess::section::Section;
use crate::assess::system::{Assessment, System};
use crate::assess::web::Known;
use crate::catalog::Catalog;
use crate::catalog::score::{Scored, Status};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{EvidenceId, PersonId, SealId};
use crate::evidence::Flaw;
use crate::http::templates::both_times;
use crate::plans::clock::Clock;
use crate::plans::item::Item;
use crate::plans::operational::Operational;

/// What `format` says.
pub const FORMAT: &str = "countersign-seal-v1";

crate::row! {
    /// A file that an objective rests on.
    #[derive(Clone, Debug)]
    pub struct FileRow {
        /// The objective.
        pub objective: String,
        /// The evidence.
        pub id: EvidenceId,
        /// The name it was uploaded under.
        pub name: String,
        /// Its content type.
        pub kind: String,
        /// SHA-256, in hex.
        pub sha256: String,
        /// Bytes.
        pub size: i64,
        /// When it was uploaded.
        pub made_at: i64,
    }
}

/// A file with everything that rests on it.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its path in the archive.
    pub path: String,
    /// What it is.
    pub file: FileRow,
    /// The objectives it serves, in the order of the catalogue.
    pub objectives: Vec<String>,
}

/// What is planned about what is not met.
#[derive(Debug)]
pub struct Planned {
    /// The plan of action.
    pub items: Vec<Item>,
    /// The clock of a conditional status.
    pub clock: Option<Clock>,
    /// Operational plans of the system.
    pub operational: Vec<Operational>,
}

/// What a seal is made of.
#[derive(Debug)]
pub struct Made<'a> {
    /// The seal.
    pub id: &'a SealId,
    /// The log that will hold its entry.
    pub origin: &'a str,
    /// Who seals.
    pub person: &'a PersonId,
    /// When.
    pub at: Micros,
    /// The CMMC status date.
    pub status_date: Date,
    /// The last day on which what it names must be there.
    pub retain_until: Date,
    /// The assessment.
    pub assessment: &'a Assessment,
    /// The system.
    pub system: &'a System,
    /// By what it was assessed.
    pub catalog: &'a Catalog,
    /// What is known of it.
    pub known: &'a Known,
    /// What is planned.
    pub planned: &'a Planned,
    /// What its security plan says.
    pub sections: &'a [Section],
    /// The files it rests on.
    pub files: &'a [Named],
}

/// One file for each piece of evidence, in the order of the first objective it serves.
#[must_use]
pub fn named(catalog: &Catalog, rows: Vec<FileRow>) -> Vec<Named> {
    let mut place = BTreeMap::new();
    for family in &catalog.families {
        for objective in family.requirements.iter().flat_map(|r| &r.objectives) {
            place.insert(objective.id.as_str(), (place.len(), family.code.as_deref()));
        }
    }
    let last = (usize::MAX, None);
    let mut files: BTreeMap<String, (FileRow, BTreeSet<(usize, String)>)> = BTreeMap::new();
    for row in rows {
        let (at, _) = *place.get(row.objective.as_str()).unwrap_or(&last);
        let objective = row.objective.clone();
        files.entry(row.id.to_string()).or_insert_with(|| (row, BTreeSet::new())).1.insert((at, objective));
    }
    let mut files: Vec<_> = files.into_values().collect();
    files.sort_by(|(a, first), (b, second)| (first.first(), &a.id).cmp(&(second.first(), &b.id)));
    let mut names = Names::default();
    let mut out = Vec::with_capacity(files.len());
    for (file, objectives) in files {
        let objectives: Vec<String> = objectives.into_iter().map(|(_, id)| id).collect();
        let first = objectives.first().map_or("", String::as_str);
        let (_, code) = *place.get(first).unwrap_or(&last);
        out.push(Named { path: names.path(code, first, &file.name), file, objectives });
    }
    out
}

/// An object.
pub fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn or_null(value: Option<impl Into<Value>>) -> Value {
    value.map_or(Value::Null, Into::into)
}

/// Why something holds nothing; null when it does.
fn flaw(flaw: Option<Flaw>) -> Value {
    or_null(flaw.map(|f| text(f.code())))
}

fn list(items: impl Iterator<Item = Value>) -> Value {
    Value::List(items.collect())
}

fn texts<'a>(items: impl IntoIterator<Item = &'a str>) -> Value {
    list(items.into_iter().map(text))
}

/// The bytes of `seal.json`.
///
/// # Errors
/// When something has no canonical form, which nothing that was kept lacks.
pub fn body(made: &Made<'_>) -> Result<Vec<u8>, Fault> {
    let whole = made.known.whole(made.catalog);
    let (assessment, system) = (made.assessment, made.system);
    let value = map([
        ("artifacts", list(made.files.iter().map(artifact))),
        ("assessment", map([("framework", text(&assessment.framework)), ("id", text(assessment.id.as_str())), ("name", text(&assessment.name))])),
        ("format", text(FORMAT)),
        ("id", text(made.id.as_str())),
        ("log", text(made.origin)),
        ("operational_plans", list(made.planned.operational.iter().map(operational))),
        ("plan", plan(made.planned)),
        ("objectives", objectives(&whole, made.known)),
        ("requirements", list(whole.requirements().map(|r| requirement(r, &made.known.parts)))),
        ("retain_until", text(&made.retain_until.to_string())),
        ("scores", scores(&whole)),
        ("sealed_at", text(&both_times(made.at, "UTC").0)),
        ("sealed_by", text(made.person.as_str())),
        ("security_plan", map([("sections", list(made.sections.iter().map(section)))])),
        ("status_date", text(&made.status_date.to_string())),
        (
            "system",
            map([
                ("boundary", text(&system.boundary)),
                ("cage_codes", texts(system.cage_codes.split(' ').filter(|c| !c.is_empty()))),
                ("id", text(system.id.as_str())),
                ("name", text(&system.name)),
                ("scope", text(&system.scope)),
            ]),
        ),
    ]);
    value.canonical().context("write a seal")
}

fn artifact(named: &Named) -> Value {
    let file = &named.file;
    map([
        ("evidence", text(file.id.as_str())),
        ("file", text(&named.path)),
        ("name", text(&file.name)),
        ("objectives", texts(named.objectives.iter().map(String::as_str))),
        ("sha256", text(&file.sha256)),
        ("size", file.size.into()),
        ("type", text(&file.kind)),
        ("uploaded_at", text(&both_times(file.made_at, "UTC").0)),
    ])
}

fn section(section: &Section) -> Value {
    map([("responsible", text(&section.responsible)), ("section", text(&section.section)), ("text", text(&section.body))])
}

fn objectives(whole: &Whole<'_>, known: &Known) -> Value {
    let of = |r: &RequirementView<'_>| r.objectives.iter().map(|o| objective(&r.requirement.id, o, known)).collect::<Vec<_>>();
    list(whole.requirements().flat_map(of))
}

fn objective(requirement: &str, view: &ObjectiveView<'_>, known: &Known) -> Value {
    let record = |r: &Recorded| {
        map([
            ("flaw", flaw(r.flaw)),
            ("held_on", text(&r.held_on)),
            ("id", text(r.id.as_str())),
            ("method", text(&r.method)),
            ("said", text(&r.said)),
            ("with", text(&r.with_whom)),
        ])
    };
    let link = |l: &Linked| map([("evidence", text(l.version_id.as_str())), ("flaw", flaw(l.flaw)), ("method", text(&l.method))]);
    let links = known.links.iter().filter(|l| l.objective == view.objective.id && l.deleted_at.is_none());
    let state = view.state;
    map([
        ("because", text(state.map_or("", |s| &s.because))),
        ("finding", or_null(view.finding().map(|f| text(f.name())))),
        ("id", text(&view.objective.id)),
        ("links", list(links.map(link))),
        ("notes", text(state.map_or("", |s| &s.notes))),
        ("records", list(known.records.iter().filter(|r| r.objective == view.objective.id).map(record))),
        ("requirement", text(requirement)),
        ("stage", text(view.stage().name())),
        ("version", state.map_or(0, |s| s.version).into()),
        ("why", or_null(view.why.map(|w| text(w.code())))),
    ])
}

fn requirement(view: &RequirementView<'_>, parts: &[(String, String)]) -> Value {
    let r = view.requirement;
    let status = |status: Option<Status>| or_null(status.map(|s| text(s.name())));
    map([
        ("claimed", status(view.claimed)),
        ("id", text(&r.id)),
        ("in_part", or_null(parts.iter().find(|(id, _)| *id == r.id).map(|(_, because)| text(because)))),
        ("points", or_null(r.points)),
        ("practice", or_null(r.practice.as_deref().map(text))),
        ("title", text(&r.title)),
        ("verified", status(view.verified)),
    ])
}

fn plan(planned: &Planned) -> Value {
    let item = |i: &Item| {
        map([
            ("due_on", or_null(i.due_on.as_deref().map(text))),
            ("id", text(i.id.as_str())),
            ("milestones", texts(i.milestones.lines())),
            ("remediation", text(&i.remediation)),
            ("requirement", text(&i.requirement)),
            ("risk", text(&i.risk)),
            ("weakness", text(&i.weakness)),
        ])
    };
    let clock = planned.clock.as_ref();
    map([
        ("closed_out_on", or_null(clock.and_then(|c| c.closed_out_on.as_deref()).map(text))),
        ("conditional_on", or_null(clock.map(|c| text(&c.conditional_on)))),
        ("items", list(planned.items.iter().map(item))),
    ])
}

fn operational(plan: &Operational) -> Value {
    map([
        ("deficiency", text(&plan.deficiency)),
        ("id", text(plan.id.as_str())),
        ("opened_on", text(&plan.opened_on)),
        ("remediation", text(&plan.remediation)),
        ("requirement", text(&plan.requirement)),
        ("resolution", text(&plan.resolution)),
        ("resolved_at", or_null(plan.resolved_at.map(|at| text(&both_times(at, "UTC").0)))),
    ])
}

fn scores(whole: &Whole<'_>) -> Value {
    let (verified, projected) = whole.scores();
    let reasons = |scored: &Scored| {
        list(scored.reasons.iter().map(|r| map([("code", text(r.code)), ("points", r.points.into()), ("requirement", text(&r.requirement))])))
    };
    map([("projected", or_null(projected.score)), ("reasons", reasons(&verified)), ("verified", or_null(verified.score))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(objective: &str, id: u8) -> FileRow {
        FileRow {
            objective: objective.into(),
            id: format!("evd_0192f0c1a2b37c4d8e5f60718293a4{id:02x}").parse().expect("an id"),
            name: "a b.pdf".into(),
            kind: "application/pdf".into(),
            sha256: "00".repeat(32),
            size: 3,
            made_at: 0,
        }
    }

    #[test]
    fn a_file_that_serves_many_objectives_is_there_once_and_named_after_the_first() {
        let rows = vec![row("3.13.11", 1), row("3.1.2[a]", 1), row("3.1.1[b]", 2), row("3.1.10[a]", 3), row("gone", 4)];
        let named = named(Catalog::r2(), rows);
        let paths: Vec<_> = named.iter().map(|n| (n.path.as_str(), n.objectives.len())).collect();
        assert_eq!(
            paths,
            [
                ("artifacts/AC-3.01.01.b-a_b.pdf", 1),
                ("artifacts/AC-3.01.02.a-a_b.pdf", 2),
                ("artifacts/AC-3.01.10.a-a_b.pdf", 1),
                ("artifacts/gone-a_b.pdf", 1)
            ]
        );
        assert_eq!(named[1].objectives, ["3.1.2[a]", "3.13.11"]);
    }
}
