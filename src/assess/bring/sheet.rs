//! A table of statuses out of another tool: which column says what, and what each row says. Pure.
//! Must stay true: a word that is not known is refused, never guessed; what is left out is told with its row.

use serde::{Deserialize, Serialize};

use super::names::{Found, Ids};
use crate::assess::{Finding, NAME_CHARS_MAX, Stage, TEXT_CHARS_MAX};
use crate::core::sheet::restore;
use crate::core::text::{Line, Paragraph, TextError};

/// Rows of a table, its head not among them.
pub const ROWS_MAX: usize = 2_000;
/// Columns of it.
pub const COLUMNS_MAX: usize = 100;
/// Rows among which the head is looked for.
const HEAD_WITHIN: usize = 20;

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// An objective, or its letter beside a requirement.
    Objective,
    /// A requirement.
    Requirement,
    /// A finding, or how far the work is.
    Status,
    /// How far the work is.
    Stage,
    /// Why it is not met.
    Because,
    /// Notes.
    Notes,
    /// Whose work it is.
    Owner,
    /// When it is due.
    Due,
    /// Left away.
    Skip,
}

impl Use {
    /// All of them.
    pub const ALL: [Self; 9] = [Self::Objective, Self::Requirement, Self::Status, Self::Stage, Self::Because, Self::Notes, Self::Owner, Self::Due, Self::Skip];

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Objective => "objective",
            Self::Requirement => "requirement",
            Self::Status => "status",
            Self::Stage => "stage",
            Self::Because => "because",
            Self::Notes => "notes",
            Self::Owner => "owner",
            Self::Due => "due",
            Self::Skip => "skip",
        }
    }
}

/// Heads of columns, compared by their letters and digits; the better first.
const HEADS: &[(Use, &[&str])] = &[
    (Use::Objective, &["objective", "objectiveid", "assessmentobjective", "assessmentobjectiveid", "determinationstatement", "objectivenumber"]),
    (Use::Requirement, &["requirement", "requirementid", "practice", "practiceid", "control", "controlid", "controlnumber", "requirementnumber"]),
    (
        Use::Requirement,
        &["securityrequirement", "nistid", "cmmcid", "cmmcpractice", "cmmcpracticeid", "sp800171", "nistsp800171", "identifier", "id", "number"],
    ),
    (
        Use::Status,
        &["status", "finding", "result", "assessmentresult", "implementationstatus", "compliancestatus", "metnotmet", "implemented", "determination"],
    ),
    (Use::Stage, &["stage", "progress", "workstatus", "workflow", "workstage"]),
    (Use::Because, &["because", "reason", "justification", "rationale", "deficiency", "gap", "weakness", "whynotmet"]),
    (Use::Notes, &["notes", "note", "comments", "comment", "remarks", "observation", "observations", "implementationnotes", "implementation"]),
    (Use::Owner, &["owner", "responsible", "assignedto", "assignee", "responsibleparty", "pointofcontact", "poc"]),
    (Use::Due, &["due", "duedate", "dueon", "targetdate", "plannedcompletion", "planneddate"]),
];

/// Words for what was found; compared by their letters and digits.
const FINDINGS: &[(Finding, &[&str])] = &[
    (Finding::Met, &["met", "implemented", "fullyimplemented", "yes", "y", "compliant", "satisfied", "pass", "passed", "true"]),
    (
        Finding::NotMet,
        &["notmet", "notimplemented", "no", "n", "noncompliant", "notcompliant", "notsatisfied", "otherthansatisfied", "fail", "failed", "false"],
    ),
    (Finding::NotMet, PARTS),
    (Finding::NotApplicable, &["notapplicable", "na"]),
    (Finding::EnduringException, &["enduringexception"]),
    (Finding::OperationalPlan, &["operationalplan", "operationalplanofaction", "opa", "temporarydeficiency"]),
];
/// An objective is met or it is not.
const PARTS: &[&str] = &["partial", "partiallymet", "partlymet", "partiallyimplemented", "partlyimplemented"];
/// Words for how far the work is.
const STAGES: &[(Stage, &[&str])] = &[
    (Stage::NotStarted, &["notstarted", "open", "new", "todo"]),
    (Stage::InProgress, &["inprogress", "started", "ongoing"]),
    (Stage::EvidenceCollected, &["evidencecollected", "collected"]),
    (Stage::Reviewed, &["reviewed", "inreview", "underreview"]),
    (Stage::Complete, &["complete", "completed", "done", "closed"]),
];
/// Words for nothing found yet.
const NOTHING: &[&str] = &["", "unassessed", "notassessed", "pending", "tbd", "unknown", "none"];

fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn among<T: Copy>(words: &[(T, &[&str])], word: &str) -> Option<T> {
    words.iter().find(|(_, known)| known.contains(&word)).map(|(of, _)| *of)
}

/// A column with what it was taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Column {
    /// Its head.
    pub name: String,
    /// What it is for.
    #[serde(rename = "use")]
    pub of: Use,
}

/// What one row says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its number in the file.
    pub line: u64,
    /// The id as given.
    pub id: String,
    /// The objectives it means.
    pub objectives: Vec<String>,
    /// Does it name one objective, so that it counts before a row of the whole requirement?
    pub is_exact: bool,
    /// How far the work is.
    pub stage: Option<Stage>,
    /// What was found.
    pub finding: Option<Finding>,
    /// Why.
    pub because: Option<String>,
    /// Notes.
    pub notes: Option<String>,
    /// Whose work it is, as given.
    pub owner: Option<String>,
    /// When it is due.
    pub due_on: Option<String>,
    /// Codes of `bring-told-<code>`: what is taken otherwise than it stands.
    pub told: Vec<String>,
    /// The code of `error-<code>`: why it is not taken.
    pub refused: Option<String>,
}

/// A table that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// Reads a table. The rows above its head are left away.
///
/// # Errors
/// The code of `error-<code>`: no row says which column holds ids and which says something of them.
pub fn read(ids: &Ids<'_>, table: &[(u64, Vec<String>)]) -> Result<Table, &'static str> {
    let (head, columns) = table.iter().take(HEAD_WITHIN).enumerate().find_map(|(n, (_, cells))| Some((n, columns(cells)?))).ok_or("bring-no-head")?;
    let rows: Vec<Row> = table[head + 1..]
        .iter()
        .filter(|(_, cells)| cells.iter().any(|c| !c.trim().is_empty()))
        .map(|(line, cells)| row(ids, &columns, *line, cells))
        .collect();
    if rows.is_empty() {
        return Err("bring-no-rows");
    }
    Ok(Table { columns, rows })
}

/// What the columns of a head are for; none when it is no head.
fn columns(cells: &[String]) -> Option<Vec<Column>> {
    let mut out: Vec<Column> = cells.iter().map(|c| Column { name: c.trim().chars().take(NAME_CHARS_MAX).collect(), of: Use::Skip }).collect();
    for (of, heads) in HEADS {
        if out.iter().any(|c| c.of == *of) {
            continue;
        }
        let at = heads.iter().find_map(|head| cells.iter().position(|c| plain(c) == *head));
        if let Some(column) = at.and_then(|at| out.get_mut(at)).filter(|c| c.of == Use::Skip) {
            column.of = *of;
        }
    }
    let has = |of: &[Use]| out.iter().any(|c| of.contains(&c.of));
    (has(&[Use::Objective, Use::Requirement]) && has(&[Use::Status, Use::Stage, Use::Because, Use::Notes, Use::Owner, Use::Due])).then_some(out)
}

fn row(ids: &Ids<'_>, columns: &[Column], line: u64, cells: &[String]) -> Row {
    let cell = |of: Use| columns.iter().position(|c| c.of == of).and_then(|n| cells.get(n)).map(|c| restore(c.trim()).trim()).unwrap_or_default();
    let mut out = Row { line, ..Row::default() };
    let wrong = |out: &mut Row, code: &str| {
        out.refused.get_or_insert_with(|| code.to_owned());
    };
    match id_of(ids, cell(Use::Objective), cell(Use::Requirement)) {
        (id, Ok(found)) => (out.id, out.objectives, out.is_exact) = (id, found.objectives(), found.is_exact()),
        (id, Err(code)) => {
            out.id = id;
            wrong(&mut out, code);
        }
    }
    let status = plain(cell(Use::Status));
    if let Some(finding) = among(FINDINGS, &status) {
        out.finding = Some(finding);
        out.told.extend(PARTS.contains(&status.as_str()).then(|| "part".to_owned()));
    } else if let Some(stage) = among(STAGES, &status) {
        out.stage = Some(stage);
    } else if !NOTHING.contains(&status.as_str()) {
        wrong(&mut out, "bring-status");
    }
    let stage = plain(cell(Use::Stage));
    match among(STAGES, &stage) {
        Some(stage) => out.stage = Some(stage),
        None if NOTHING.contains(&stage.as_str()) => {}
        None => wrong(&mut out, "bring-stage"),
    }
    for (of, into) in [(Use::Because, 0), (Use::Notes, 1)] {
        match Paragraph::parse(cell(of), TEXT_CHARS_MAX) {
            Ok(text) if into == 0 => out.because = Some(text),
            Ok(text) => out.notes = Some(text),
            Err(TextError::Empty) => {}
            Err(_) => wrong(&mut out, "text"),
        }
    }
    if out.because.is_none() && out.finding.is_some_and(Finding::needs_because) && out.notes.is_some() {
        out.because.clone_from(&out.notes);
        out.told.push("because".to_owned());
    }
    // Elsewhere the work may be done without anything having been found.
    if out.stage == Some(Stage::Complete) && out.finding.is_none() {
        out.stage = Some(Stage::Reviewed);
        out.told.push("reviewed".to_owned());
    }
    out.owner = Line::parse(cell(Use::Owner), NAME_CHARS_MAX).ok();
    let due = cell(Use::Due);
    let day = due.get(..10).filter(|_| due.len() == 10 || due.as_bytes().get(10) == Some(&b'T')).and_then(|d| d.parse::<jiff::civil::Date>().ok());
    out.due_on = day.map(|d| d.to_string());
    out.told.extend((!due.is_empty() && day.is_none()).then(|| "due".to_owned()));
    out
}

/// The id of a row: an objective by itself, or by its letter beside its requirement.
fn id_of<'a>(ids: &Ids<'a>, objective: &str, requirement: &str) -> (String, Result<Found<'a>, &'static str>) {
    let short = |id: &str| id.chars().take(100).collect::<String>();
    if objective.is_empty() {
        return (short(requirement), ids.whole(requirement));
    }
    let letter: String = objective.chars().filter(char::is_ascii_alphanumeric).collect();
    if letter.len() == 1 && !requirement.is_empty() {
        let id = format!("{}[{letter}]", requirement.trim_end_matches(['.', ' ']));
        return (short(&id), ids.whole(&id));
    }
    (short(objective), ids.whole(objective))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn table(text: &str) -> Result<Table, &'static str> {
        let rows: Vec<(u64, Vec<String>)> = text.lines().enumerate().map(|(n, l)| (n as u64 + 1, l.split('|').map(str::to_owned).collect())).collect();
        read(&Ids::of(Catalog::r2()), &rows)
    }

    #[test]
    fn columns_are_told_by_their_heads_in_any_order() {
        let read =
            table("Export of 2026\n\nFamily|Implementation Status|Practice ID|Comments|Due Date|Colour\nAC|Not Met|AC.L2-3.1.1|No reviews yet|2026-03-31|red")
                .expect("reads");
        let uses: Vec<&str> = read.columns.iter().map(|c| c.of.name()).collect();
        assert_eq!(uses, ["skip", "status", "requirement", "notes", "due", "skip"]);
        let row = &read.rows[0];
        assert_eq!((row.line, row.finding, row.objectives.len(), row.is_exact), (4, Some(Finding::NotMet), 6, false));
        assert_eq!(
            (row.because.as_deref(), row.due_on.as_deref(), row.told.as_slice()),
            (Some("No reviews yet"), Some("2026-03-31"), ["because".to_owned()].as_slice())
        );
    }

    #[test]
    fn a_letter_beside_its_requirement_names_an_objective() {
        let read = table("Requirement|Objective|Status\n3.1.1|a|met\n3.1.1|[b]|N/A\n3.1.1||In Progress\n|3.4.4|Complete").expect("reads");
        let of = |n: usize| (read.rows[n].objectives.join(" "), read.rows[n].finding, read.rows[n].stage);
        assert_eq!(of(0), ("3.1.1[a]".into(), Some(Finding::Met), None));
        assert_eq!(of(1), ("3.1.1[b]".into(), Some(Finding::NotApplicable), None));
        assert_eq!((of(2).1, of(2).2), (None, Some(Stage::InProgress)));
        assert_eq!((of(3), read.rows[3].told.clone()), (("3.4.4".into(), None, Some(Stage::Reviewed)), vec!["reviewed".to_owned()]));
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_row() {
        let read = table("id|status|stage|due\n3.1.99|met||\n3.1.1[a]|green||\n3.1.1[b]|met|half|\n3.1.1[c]|partial||31.3.2026\nx|met||").expect("reads");
        let codes: Vec<Option<&str>> = read.rows.iter().map(|r| r.refused.as_deref()).collect();
        assert_eq!(codes, [Some("bring-id-unknown"), Some("bring-status"), Some("bring-stage"), None, Some("bring-no-id")]);
        assert_eq!((read.rows[3].finding, read.rows[3].told.join(" ")), (Some(Finding::NotMet), "part due".to_owned()));
        assert_eq!(table("a|b\n3.1.1|met"), Err("bring-no-head"));
        assert_eq!(table("id|status\n|"), Err("bring-no-rows"));
    }

    #[test]
    fn every_word_means_one_thing() {
        let all: Vec<&str> = FINDINGS.iter().flat_map(|(_, w)| *w).chain(STAGES.iter().flat_map(|(_, w)| *w)).chain(NOTHING).copied().collect();
        let each: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), each.len());
        for finding in Finding::ALL {
            assert_eq!(among(FINDINGS, &plain(finding.name())), Some(finding));
        }
        for stage in Stage::ALL {
            assert_eq!(among(STAGES, &plain(stage.name())), Some(stage));
        }
        assert!(all.iter().all(|w| plain(w) == **w));
    }
}
