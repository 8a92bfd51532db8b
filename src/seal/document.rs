//! The documents of a seal: made with it from `seal.json`, kept with it, and bound to its entry by the hash over their sums.
//! Must stay true: they are kept as they were made, so that a later version of the program changes nothing of an old seal; what
//! is handed out is what the sums say, and the sums are those of the seal.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::oscal::Source;
use super::paper::{self, Document};
use super::read::{items, text, texts};
use super::{Error, Sealed, altered, report, sql};
use crate::core::fault::{Context as _, Fault};
use crate::core::sheet::{Profile, csv_field};
use crate::core::xlsx::Xlsx;
use crate::db::Db;
use crate::http::App;

/// The folder of the archive that holds them.
pub const FOLDER: &str = "documents";
/// Their sums, which the entry names the hash of.
pub const SUMS: &str = "documents/SHA256SUMS";
/// Documents of one seal.
pub const DOCUMENTS_MAX: usize = 32;

/// The columns of the plan of action.
const COLUMNS: [&str; 10] = ["requirement", "practice", "title", "points", "status", "weakness", "risk", "remediation", "due_on", "milestones"];

/// A document with its bytes.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its name in the folder: plain ASCII.
    pub name: &'static str,
    /// What it holds.
    pub bytes: Vec<u8>,
}

crate::row! {
    /// A document that is kept with a seal.
    #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
    pub struct Kept {
        /// Its place, from 1.
        #[serde(skip)]
        pub place: i64,
        /// Its name in the folder.
        pub name: String,
        /// SHA-256 of its bytes, in hex.
        pub sha256: String,
        /// Bytes.
        pub size: i64,
    }
}

/// Every document of a seal about to be made.
///
/// # Errors
/// When `seal.json` is none.
pub fn all(app: &App, body: &[u8], digest: &str) -> Result<Vec<Made>, Fault> {
    let value: Value = serde_json::from_slice(body).context("read a seal")?;
    let source = Source { body: &value, digest };
    let json = |name, value: Value| Made { name, bytes: value.to_string().into_bytes() };
    let word = |key: &str| app.text(key, &[]);
    let plan = plan(app, &value);
    let mut out = vec![json("oscal-assessment-results.json", source.results())];
    out.extend(source.poam().map(|poam| json("oscal-poam.json", poam)));
    out.push(json("oscal-ssp.json", source.ssp()));
    out.push(json("oscal-component-definition.json", source.component()));
    out.push(Made { name: "system-security-plan.docx", bytes: paper::ssp(app, &value, digest).docx(&word) });
    out.push(Made { name: "assessment-report.docx", bytes: report::docx(&Document::of(app, &value, digest), &word) });
    out.push(Made { name: "plan-of-action.csv", bytes: csv(&plan).into_bytes() });
    out.push(Made { name: "plan-of-action.xlsx", bytes: xlsx(&plan) });
    Ok(out)
}

/// The rows of the plan of action, the columns first.
fn plan(app: &App, body: &Value) -> Vec<[String; 10]> {
    let row = |i: &Value| {
        let id = text(i, "requirement");
        let requirement = items(body, "requirements").find(|r| text(r, "id") == id).unwrap_or(&Value::Null);
        let status = requirement["claimed"].as_str().unwrap_or("unassessed").replace('_', "-");
        let risk = text(i, "risk");
        [
            id.to_owned(),
            text(requirement, "practice").to_owned(),
            text(requirement, "title").to_owned(),
            requirement["points"].as_i64().map_or_else(String::new, |p| p.to_string()),
            app.text(&format!("status-{status}"), &[]),
            text(i, "weakness").to_owned(),
            if risk.is_empty() { String::new() } else { app.text(&format!("risk-{risk}"), &[]) },
            text(i, "remediation").to_owned(),
            text(i, "due_on").to_owned(),
            texts(i, "milestones").join("\n"),
        ]
    };
    std::iter::once(COLUMNS.map(str::to_owned)).chain(items(&body["plan"], "items").map(row)).collect()
}

fn csv(rows: &[[String; 10]]) -> String {
    rows.iter().map(|row| row.each_ref().map(|c| csv_field(c, Profile::Spreadsheet)).join(",") + "\r\n").collect()
}

fn xlsx(rows: &[[String; 10]]) -> Vec<u8> {
    let mut book = Xlsx::default();
    let mut out = book.begin();
    for row in rows {
        // A plan holds far fewer rows than a sheet.
        out.extend(book.row(&row.each_ref().map(String::as_str)).unwrap_or_default());
    }
    out.extend(book.end());
    out
}

/// The sums of documents, as `sha256sum` writes them.
#[must_use]
pub fn sums<'a>(documents: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (sum, name) in documents {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{sum}  {FOLDER}/{name}");
    }
    out
}

fn sums_of(kept: &[Kept]) -> String {
    sums(kept.iter().map(|k| (k.sha256.as_str(), k.name.as_str())))
}

/// The documents of a seal in their order; none of one that was made before there were any.
///
/// # Errors
/// When the database fails, or they are not those of the seal.
pub async fn list(db: &Db, seal: &Sealed) -> Result<Vec<Kept>, Error> {
    let most = i64::try_from(DOCUMENTS_MAX).context("count documents")?;
    let kept: Vec<Kept> = db.query(sql::DOCUMENTS).bind(&seal.id).bind(most).all().await?;
    let found = (!kept.is_empty()).then(|| hex::encode(Sha256::digest(sums_of(&kept))));
    if found == seal.documents { Ok(kept) } else { Err(altered(seal)) }
}

/// The bytes of one, as they were made.
///
/// # Errors
/// [`Error::NotFound`]; when the database fails, or holds something else.
pub async fn bytes(db: &Db, seal: &Sealed, kept: &Kept) -> Result<Vec<u8>, Error> {
    let row: Option<(Vec<u8>,)> = db.query(sql::DOCUMENT).bind(&seal.id).bind(kept.place).optional().await?;
    let (bytes,) = row.ok_or_else(|| altered(seal))?;
    if hex::encode(Sha256::digest(&bytes)) == kept.sha256 { Ok(bytes) } else { Err(altered(seal)) }
}

/// All of them with their sums, as files of the archive.
///
/// # Errors
/// As [`list`] and [`bytes()`].
pub async fn files(db: &Db, seal: &Sealed) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let kept = list(db, seal).await?;
    let mut out = Vec::with_capacity(kept.len() + 1);
    for document in &kept {
        out.push((format!("{FOLDER}/{}", document.name), bytes(db, seal, document).await?));
    }
    if !kept.is_empty() {
        out.push((SUMS.to_owned(), sums_of(&kept).into_bytes()));
    }
    Ok(out)
}

/// The content type that a name stands for.
#[must_use]
pub fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "json" => "application/json",
        "csv" => "text/csv; charset=utf-8",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_tool() {
        assert_eq!(sums([("ab", "a.json"), ("cd", "b.csv")]), "ab  documents/a.json\ncd  documents/b.csv\n");
    }

    #[test]
    fn no_cell_of_a_plan_is_a_formula() {
        let mut row: [String; 10] = Default::default();
        row[5] = "=1+1".into();
        assert!(csv(&[row.clone()]).contains("\"'=1+1\""), "{}", csv(&[row.clone()]));
        assert!(String::from_utf8_lossy(&xlsx(&[row])).contains("t=\"inlineStr\""));
    }
}
