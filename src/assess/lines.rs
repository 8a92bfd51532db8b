//! Lines of a bulk change, out of CSV or JSON, made into patches; and the CSV that goes out in the same form.
//! Must stay true: what goes out comes in again unchanged; no cell that goes out is a formula.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::derive::Whole;
use super::state::{BULK_MAX, BadLine, Candidate, Patch};
use super::web_requirement::day_of;
use crate::core::sheet::{Profile, csv_field, restore};

/// The columns, in the order they go out.
pub const COLUMNS: [&str; 8] = ["objective", "stage", "finding", "because", "notes", "owner", "due_on", "version"];
/// Columns that are read at all, known or not.
const WIDEST: usize = 100;
/// Bytes of a file.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// One line as given. What is absent, or empty in CSV, stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The objective's id.
    pub objective: String,
    /// `not_started`, `in_progress`, `evidence_collected`, `reviewed` or `complete`.
    pub stage: Option<String>,
    /// `met`, `not_met`, `not_applicable`, `enduring_exception` or `operational_plan`.
    pub finding: Option<String>,
    /// Why it is not met, does not apply, or is an exception.
    pub because: Option<String>,
    /// Notes.
    pub notes: Option<String>,
    /// The user name or the id of whose work it is.
    pub owner: Option<String>,
    /// The day it is due, as in 2026-03-31.
    pub due_on: Option<String>,
    /// The version that was seen; the whole change is refused when one is old.
    pub version: Option<i64>,
}

/// Why a file has no lines to speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// No `objective` in the first line.
    NoHeader,
    /// A column that is not known.
    Column(String),
    /// A line that is not closed, or has other cells than the first one.
    Line(usize),
    /// A line that is too wide.
    Wide,
    /// Nothing, or too much.
    Count,
}

/// The cells of a CSV text (RFC 4180), commas, semicolons or tabs between, `widest` of them in a row at most; each row with the line
/// it began on.
pub(super) fn rows(text: &str, most: usize, widest: usize) -> Result<Vec<(usize, Vec<String>)>, Unread> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let first = text.lines().next().unwrap_or_default();
    let separator = [',', ';', '\t'].into_iter().find(|s| first.contains(*s)).unwrap_or(',');
    let (mut out, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut line, mut began) = (false, 1, 1);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            _ if quoted => cell.push(c),
            c if c == separator && row.len() + 1 >= widest => return Err(Unread::Wide),
            c if c == separator => row.push(std::mem::take(&mut cell)),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' => {
                row.push(std::mem::take(&mut cell));
                out.push((began, std::mem::take(&mut row)));
                began = line;
            }
            c => cell.push(c),
        }
        if out.len() > most + 1 {
            return Err(Unread::Count);
        }
    }
    if quoted {
        return Err(Unread::Line(began));
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        out.push((began, row));
    }
    out.retain(|(_, cells)| cells.iter().any(|c| !c.trim().is_empty()));
    Ok(out)
}

/// Reads CSV with a first line of column names, in any order.
///
/// # Errors
/// [`Unread`].
pub fn read_csv(text: &str) -> Result<Vec<(usize, Line)>, Unread> {
    let mut rows = rows(text, BULK_MAX, WIDEST)?.into_iter();
    let (_, header) = rows.next().ok_or(Unread::NoHeader)?;
    let header: Vec<String> = header.iter().map(|h| h.trim().to_ascii_lowercase()).collect();
    if !header.iter().any(|h| h == "objective") {
        return Err(Unread::NoHeader);
    }
    if let Some(unknown) = header.iter().find(|h| !COLUMNS.contains(&h.as_str()) || header.iter().filter(|o| o == h).count() > 1) {
        return Err(Unread::Column(unknown.chars().take(50).collect()));
    }
    let mut out = Vec::new();
    for (at, cells) in rows {
        if cells.len() != header.len() {
            return Err(Unread::Line(at));
        }
        let cell = |name: &str| {
            let value = header.iter().position(|h| h == name).map(|n| restore(&cells[n]).trim().to_owned());
            value.filter(|v| !v.is_empty())
        };
        let version = match cell("version") {
            Some(v) => Some(v.parse().map_err(|_| Unread::Line(at))?),
            None => None,
        };
        out.push((
            at,
            Line {
                objective: cell("objective").unwrap_or_default(),
                stage: cell("stage"),
                finding: cell("finding"),
                because: cell("because"),
                notes: cell("notes"),
                owner: cell("owner"),
                due_on: cell("due_on"),
                version,
            },
        ));
    }
    if out.is_empty() || out.len() > BULK_MAX { Err(Unread::Count) } else { Ok(out) }
}

/// Makes lines into patches.
///
/// # Errors
/// Every line that cannot be one.
pub fn patches(lines: Vec<(usize, Line)>, people: &[Candidate]) -> Result<Vec<Patch>, Vec<BadLine>> {
    let (mut out, mut bad) = (Vec::new(), Vec::new());
    for (at, line) in lines {
        let mut wrong = |code| bad.push(BadLine { line: at, objective: line.objective.chars().take(100).collect(), code, moved: None });
        let mut patch = Patch {
            line: at,
            objective: line.objective.clone(),
            because: line.because.clone(),
            notes: line.notes.clone(),
            version: line.version,
            ..Patch::default()
        };
        match line.stage.as_deref().map(str::parse).transpose() {
            Ok(stage) => patch.stage = stage,
            Err(()) => wrong("stage-unknown"),
        }
        match line.finding.as_deref().map(str::parse).transpose() {
            Ok(finding) => patch.finding = finding,
            Err(()) => wrong("finding-unknown"),
        }
        match line.owner.as_deref().map(|name| people.iter().find(|p| p.username == name || p.id.as_str() == name).ok_or(())).transpose() {
            Ok(owner) => patch.owner = owner.map(|o| o.id.clone()),
            Err(()) => wrong("owner-unknown"),
        }
        match day_of("due_on", line.due_on.as_deref().unwrap_or_default()) {
            Ok(day) => patch.due_on = day,
            Err(_) => wrong("day"),
        }
        out.push(patch);
    }
    if bad.is_empty() { Ok(out) } else { Err(bad) }
}

/// Every objective as CSV, one a line.
#[must_use]
pub fn write_csv(whole: &Whole<'_>, people: &[Candidate]) -> String {
    let line = |cells: [String; 8]| cells.map(|c| csv_field(&c, Profile::Spreadsheet)).join(",") + "\r\n";
    let mut out = line(COLUMNS.map(str::to_owned));
    for o in whole.objectives() {
        let state = o.state;
        let owner =
            state.and_then(|s| s.owner_id.as_ref()).map(|id| people.iter().find(|p| p.id == *id).map_or_else(|| id.to_string(), |p| p.username.clone()));
        out += &line([
            o.objective.id.clone(),
            o.stage().name().to_owned(),
            o.finding().map_or("", super::Finding::name).to_owned(),
            state.map_or_else(String::new, |s| s.because.clone()),
            state.map_or_else(String::new, |s| s.notes.clone()),
            owner.unwrap_or_default(),
            state.and_then(|s| s.due_on.clone()).unwrap_or_default(),
            state.map_or(0, |s| s.version).to_string(),
        ]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_read_with_quotes_line_ends_and_either_separator() {
        let read = read_csv("\u{FEFF}Finding,objective,notes\r\nmet,3.1.1[a],\"two\r\nlines, \"\"quoted\"\"\"\r\n\r\n,3.1.1[b],'=1+1\n").expect("reads");
        assert_eq!(read[0].0, 2);
        assert_eq!((read[0].1.finding.as_deref(), read[0].1.notes.as_deref()), (Some("met"), Some("two\r\nlines, \"quoted\"")));
        assert_eq!((read[1].0, read[1].1.finding.clone(), read[1].1.notes.as_deref()), (5, None, Some("=1+1")));
        assert_eq!(read_csv("objective;stage\n3.1.1[a];complete").expect("reads")[0].1.stage.as_deref(), Some("complete"));
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_its_line() {
        assert_eq!(read_csv(""), Err(Unread::NoHeader));
        assert_eq!(read_csv("stage\ncomplete"), Err(Unread::NoHeader));
        assert_eq!(read_csv("objective,status\na,b"), Err(Unread::Column("status".into())));
        assert_eq!(read_csv("objective,objective\na,b"), Err(Unread::Column("objective".into())));
        assert_eq!(read_csv("objective\n\"open"), Err(Unread::Line(2)));
        assert_eq!(read_csv("objective,stage\na\n"), Err(Unread::Line(2)));
        assert_eq!(read_csv("objective,version\na,x\n"), Err(Unread::Line(2)));
        assert_eq!(read_csv("objective\n"), Err(Unread::Count));
        assert_eq!(read_csv(&format!("objective,stage\na{}", ",".repeat(WIDEST))), Err(Unread::Wide));
        assert_eq!(rows("a,b,c\n", 1, 3).map(|r| r[0].1.len()), Ok(3));
        assert_eq!(rows("a,b,c,\n", 1, 3), Err(Unread::Wide));
        assert_eq!(read_csv(&format!("objective\n{}", "a\n".repeat(BULK_MAX + 1))), Err(Unread::Count));
    }

    #[test]
    fn every_wrong_word_is_told_with_its_line() {
        let line = Line {
            objective: "3.1.1[a]".into(),
            stage: Some("done".into()),
            finding: Some("yes".into()),
            owner: Some("nobody".into()),
            due_on: Some("soon".into()),
            ..Line::default()
        };
        let codes: Vec<_> = patches(vec![(7, line)], &[]).expect_err("wrong").into_iter().map(|b| (b.line, b.code)).collect();
        assert_eq!(codes, [(7, "stage-unknown"), (7, "finding-unknown"), (7, "owner-unknown"), (7, "day")]);
    }
}
