//! What an import would do, row by row and file by file; made when it is brought, kept, and judged again when it is taken over.
//! Pure. Must stay true: what is shown is what is done; a row is taken whole or refused, under the rules of a single change.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::sheet::{Column, Row};
use crate::assess::state::{Candidate, Edit, State};
use crate::assess::{Error, Stage};
use crate::core::id::EvidenceId;
use crate::evidence::says::Says;

/// A file that was brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its hash.
    pub sha256: String,
}

/// What becomes of one file of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePlan {
    /// Its path in the archive, as it may be shown.
    pub path: String,
    /// Its name.
    pub name: String,
    /// The content type it will be served with.
    pub mime: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hex.
    pub sha256: String,
    /// The objectives it will be linked to.
    pub objectives: Vec<String>,
    /// Tags it will have.
    pub tags: Vec<String>,
    /// What it says of itself.
    pub says: Says,
    /// Evidence that is here already with the same content: that is linked, and nothing is stored.
    pub same_as: Option<EvidenceId>,
    /// An earlier file of the archive with the same content: that is linked once more.
    pub twin: Option<usize>,
    /// The code of `error-<code>`: why it is not taken.
    pub refused: Option<String>,
}

impl FilePlan {
    /// Will it be stored?
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.refused.is_none() && self.same_as.is_none() && self.twin.is_none()
    }
}

/// What an import would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// The table that was brought.
    pub sheet: Option<Source>,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// The archive that was brought.
    pub archive: Option<Source>,
    /// Its files.
    pub files: Vec<FilePlan>,
    /// The objectives that would change, each with the version that was seen.
    pub seen: BTreeMap<String, i64>,
}

impl Plan {
    /// Rows and files that are not taken.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.rows.iter().filter(|r| r.refused.is_some()).count() + self.files.iter().filter(|f| f.refused.is_some()).count()
    }

    /// Would it do anything at all?
    #[must_use]
    pub fn does_something(&self) -> bool {
        !self.seen.is_empty() || self.files.iter().any(|f| f.refused.is_none())
    }

    /// The objectives that its files will be linked to.
    #[must_use]
    pub fn linked(&self) -> BTreeSet<&str> {
        self.files.iter().filter(|f| f.refused.is_none()).flat_map(|f| &f.objectives).map(String::as_str).collect()
    }
}

/// An objective that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub objective: String,
    /// The version it was judged by; 0 when nobody touched it yet.
    pub version: i64,
    /// What it becomes.
    pub edit: Edit,
    /// The row that says so.
    pub line: u64,
}

/// Judges rows against what is known; those that cannot be taken say why from then on. `proven` holds the objectives that rest on
/// something; none where the database is asked instead.
pub fn judge(rows: &mut [Row], states: &[State], people: &[Candidate], proven: Option<&BTreeSet<String>>) -> Vec<Change> {
    let states: BTreeMap<&str, &State> = states.iter().map(|s| (s.objective.as_str(), s)).collect();
    let (mut out, mut taken) = (Vec::new(), BTreeMap::new());
    // A row of one objective says more than one of the whole requirement, wherever it stands.
    for is_exact in [true, false] {
        for row in rows.iter_mut().filter(|r| r.refused.is_none() && r.is_exact == is_exact) {
            let free: Vec<String> = row.objectives.iter().filter(|o| taken.get(*o) != Some(&true) || is_exact).cloned().collect();
            if free.iter().any(|o| taken.contains_key(o)) {
                row.refused = Some("bring-twice".into());
                continue;
            }
            match edits(row, &free, &states, people, proven) {
                Ok(changes) => {
                    taken.extend(free.into_iter().map(|o| (o, is_exact)));
                    out.extend(changes);
                }
                Err(code) => row.refused = Some(code.into()),
            }
        }
    }
    out
}

fn edits(
    row: &mut Row,
    objectives: &[String],
    states: &BTreeMap<&str, &State>,
    people: &[Candidate],
    proven: Option<&BTreeSet<String>>,
) -> Result<Vec<Change>, &'static str> {
    let owner = row.owner.as_deref().map(str::to_lowercase);
    let owner = owner.and_then(|name| people.iter().find(|p| p.username.to_lowercase() == name || p.name.to_lowercase() == name));
    if row.owner.is_some() && owner.is_none() && !row.told.iter().any(|t| t == "owner") {
        row.told.push("owner".into());
    }
    let mut out = Vec::new();
    for objective in objectives {
        let before = states.get(objective.as_str()).copied();
        let was = Edit::of(before);
        let mut edit = was.clone();
        edit.stage = row.stage.unwrap_or(edit.stage);
        edit.finding = row.finding.or(edit.finding);
        edit.because = row.because.clone().unwrap_or(edit.because);
        edit.notes = row.notes.clone().unwrap_or(edit.notes);
        edit.owner = owner.map(|o| o.id.clone()).or(edit.owner);
        edit.due_on = row.due_on.as_deref().and_then(|d| d.parse().ok()).or(edit.due_on);
        let edit = edit.checked().map_err(|error| if let Error::Field { code, .. } = error { code } else { "text" })?;
        if edit.stage == Stage::Complete && proven.is_some_and(|p| !p.contains(objective)) {
            return Err("unproven");
        }
        if edit != was {
            out.push(Change { objective: objective.clone(), version: before.map_or(0, |b| b.version), edit, line: row.line });
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::Finding;

    fn row(line: u64, objectives: &[&str], finding: Option<Finding>) -> Row {
        let objectives: Vec<String> = objectives.iter().map(|o| (*o).to_owned()).collect();
        Row { line, is_exact: objectives.len() == 1, objectives, finding, ..Row::default() }
    }

    #[test]
    fn a_row_of_one_objective_counts_before_one_of_the_whole_requirement() {
        let mut rows = vec![row(2, &["a", "b"], Some(Finding::Met)), Row { because: Some("no".into()), ..row(3, &["b"], Some(Finding::NotMet)) }];
        let changes = judge(&mut rows, &[], &[], None);
        let found: Vec<_> = changes.iter().map(|c| (c.objective.as_str(), c.edit.finding, c.line)).collect();
        assert_eq!(found, [("b", Some(Finding::NotMet), 3), ("a", Some(Finding::Met), 2)]);
        assert!(rows.iter().all(|r| r.refused.is_none()));
    }

    #[test]
    fn what_comes_twice_or_breaks_a_rule_is_refused_whole() {
        let complete = |line, objective| Row { stage: Some(Stage::Complete), ..row(line, &[objective], Some(Finding::Met)) };
        let mut rows = vec![
            row(2, &["a"], Some(Finding::Met)),
            row(3, &["a"], Some(Finding::Met)),
            row(4, &["c", "d"], Some(Finding::NotMet)),
            row(5, &["c", "d"], Some(Finding::Met)),
            row(6, &["c", "d"], None),
            complete(7, "e"),
            complete(8, "f"),
        ];
        let proven = BTreeSet::from(["f".to_owned()]);
        let changes = judge(&mut rows, &[], &[], Some(&proven));
        let codes: Vec<_> = rows.iter().map(|r| r.refused.as_deref()).collect();
        assert_eq!(codes, [None, Some("bring-twice"), Some("because-missing"), None, Some("bring-twice"), Some("unproven"), None]);
        assert_eq!(changes.iter().map(|c| c.objective.as_str()).collect::<Vec<_>>(), ["a", "f", "c", "d"]);
    }

    #[test]
    fn what_is_so_already_is_no_change_and_unknown_owners_are_told() {
        let state = State {
            objective: "a".into(),
            stage: "in_progress".into(),
            finding: Some("met".into()),
            because: String::new(),
            notes: String::new(),
            owner_id: None,
            owner: None,
            due_on: None,
            version: 4,
            changed_by: "Ada".into(),
            changed_at: 0,
            outdated_at: None,
        };
        let mut rows = vec![Row { owner: Some("Bob".into()), ..row(2, &["a"], Some(Finding::Met)) }];
        assert_eq!(judge(&mut rows, std::slice::from_ref(&state), &[], None), []);
        assert_eq!(rows[0].told, ["owner"]);
        rows[0].notes = Some("new".into());
        assert_eq!(judge(&mut rows, &[state], &[], None)[0].version, 4);
        assert_eq!(rows[0].told.len(), 1);
    }
}
