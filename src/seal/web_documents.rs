//! Documents of a seal, to be read and printed: the report of the assessment with its evidence, and the sheet for SPRS.
//! Must stay true: they say what `seal.json` says and name its hash; nothing of them is read from what may have changed since.

use axum::extract::Path;
use serde::Serialize;
use serde_json::Value;

use super::affirm::Status;
use super::web::{taken, told};
use super::web_list::Shown;
use super::{Sealed, body};
use crate::core::fault::Context as _;
use crate::db::Detail;
use crate::http::{self, Answer, App, Ctx, Signed};

#[derive(Serialize)]
struct Objective {
    id: String,
    finding: String,
    because: String,
    notes: String,
    files: Vec<String>,
    records: Vec<String>,
}

#[derive(Serialize)]
struct Requirement {
    id: String,
    practice: String,
    title: String,
    points: Option<i64>,
    verified: String,
    claimed: String,
    objectives: Vec<Objective>,
}

#[derive(Serialize)]
struct Item {
    requirement: String,
    weakness: String,
    risk: String,
    remediation: String,
    due_on: String,
    milestones: Vec<String>,
}

#[derive(Serialize)]
struct File {
    file: String,
    name: String,
    sha256: String,
    size: i64,
    objectives: String,
}

#[derive(Serialize)]
struct Document {
    seal: Shown,
    framework: String,
    scope: String,
    boundary: String,
    cage_codes: String,
    /// What the sealed score allows; empty when it allows nothing.
    status: String,
    conditional_on: String,
    /// The day by which everything is to be met; empty without a plan.
    planned: String,
    requirements: Vec<Requirement>,
    items: Vec<Item>,
    files: Vec<File>,
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    value[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn items<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value[key].as_array().into_iter().flatten()
}

/// Reads what was sealed; the words are those of this program's texts.
fn document(app: &App, seal: &Sealed, body: &Value) -> Document {
    let word = |prefix: &str, word: &str| if word.is_empty() { String::new() } else { app.text(&format!("{prefix}-{}", word.replace('_', "-")), &[]) };
    let status = |value: &Value, key: &str| word("status", value[key].as_str().unwrap_or("unassessed"));
    let files: Vec<(Vec<String>, File)> = items(body, "artifacts")
        .map(|a| {
            let objectives = texts(a, "objectives");
            let shown = objectives.join(", ");
            (
                objectives,
                File {
                    file: text(a, "file"),
                    name: text(a, "name"),
                    sha256: text(a, "sha256").to_ascii_uppercase(),
                    size: a["size"].as_i64().unwrap_or(0),
                    objectives: shown,
                },
            )
        })
        .collect();
    let objective = |o: &Value| {
        let id = text(o, "id");
        let record = |r: &Value| format!("{} {}, {}: {}", word("method", &text(r, "method")), text(r, "held_on"), text(r, "with"), text(r, "said"));
        Objective {
            files: files.iter().filter(|(serves, _)| serves.contains(&id)).map(|(_, f)| f.file.clone()).collect(),
            finding: word("finding", &text(o, "finding")),
            because: text(o, "because"),
            notes: text(o, "notes"),
            records: items(o, "records").map(record).collect(),
            id,
        }
    };
    let requirement = |r: &Value| {
        let id = text(r, "id");
        Requirement {
            objectives: items(body, "objectives").filter(|o| text(o, "requirement") == id).map(objective).collect(),
            practice: text(r, "practice"),
            title: text(r, "title"),
            points: r["points"].as_i64(),
            verified: status(r, "verified"),
            claimed: status(r, "claimed"),
            id,
        }
    };
    let item = |i: &Value| Item {
        requirement: text(i, "requirement"),
        weakness: text(i, "weakness"),
        risk: word("risk", &text(i, "risk")),
        remediation: text(i, "remediation"),
        due_on: text(i, "due_on"),
        milestones: texts(i, "milestones"),
    };
    let planned: Vec<Item> = items(&body["plan"], "items").map(item).collect();
    Document {
        seal: Shown::from(seal),
        framework: text(&body["assessment"], "framework"),
        scope: text(&body["system"], "scope"),
        boundary: text(&body["system"], "boundary"),
        cage_codes: texts(&body["system"], "cage_codes").join(" "),
        status: Status::of(seal.verified, body, seal.status_date.parse().unwrap_or_default()).map_or_else(String::new, |s| word("affirm", s.name())),
        conditional_on: text(&body["plan"], "conditional_on"),
        planned: planned.iter().map(|i| i.due_on.clone()).max().unwrap_or_default(),
        requirements: items(body, "requirements").map(requirement).collect(),
        items: planned,
        files: files.into_iter().map(|(_, file)| file).collect(),
    }
}

/// A document of a seal; that it was read is an entry that names which, and the hash of what it is of.
async fn shown(ctx: &Ctx, id: &str, name: &'static str, template: &'static str) -> Answer {
    let (permit, seal) = taken(ctx, id).await?;
    let bytes = body(&ctx.app.db, &seal).await.map_err(|e| told(&ctx.app, e))?;
    let value: Value = serde_json::from_slice(&bytes).context("read a seal")?;
    ctx.app.db.record(permit, Detail::ok().with("document", name).with("digest", seal.digest.as_str())).await?;
    ctx.page(template, document(&ctx.app, &seal, &value)).await
}

pub(super) async fn get_report(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    shown(&ctx, &id, "report", "seal/report.html").await
}

pub(super) async fn get_sprs(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Result<axum::response::Response, http::Error> {
    shown(&ctx, &id, "sprs", "seal/sprs.html").await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::web::tests::render;
    use crate::seal::web_list::tests;

    #[test]
    fn the_documents_render_full_and_bare() {
        let objective = Objective {
            id: "3.1.1[a]".into(),
            finding: "Met".into(),
            because: "<i>".into(),
            notes: "<i>".into(),
            files: vec!["artifacts/a".into()],
            records: vec!["<i>Interview".into()],
        };
        let requirement = Requirement {
            id: "3.1.1".into(),
            practice: "AC.L2-3.1.1".into(),
            title: "<i>".into(),
            points: Some(5),
            verified: "Met".into(),
            claimed: "Met".into(),
            objectives: vec![objective],
        };
        let item = Item {
            requirement: "3.1.3".into(),
            weakness: "<i>".into(),
            risk: "High".into(),
            remediation: "<i>".into(),
            due_on: "2026-03-31".into(),
            milestones: vec!["2026-03-31 <i>".into()],
        };
        let file = File { file: "artifacts/a".into(), name: "<i>".into(), sha256: "AB".into(), size: 3, objectives: "3.1.1[a]".into() };
        let full = || Document {
            seal: tests::shown(),
            framework: "nist-800-171-r2".into(),
            scope: "<i>".into(),
            boundary: "<i>".into(),
            cage_codes: "1ABC2".into(),
            status: "Final".into(),
            conditional_on: "2026-01-01".into(),
            planned: "2026-03-31".into(),
            requirements: Vec::new(),
            items: Vec::new(),
            files: Vec::new(),
        };
        let whole = Document { requirements: vec![requirement], items: vec![item], files: vec![file], ..full() };
        for template in ["seal/report.html", "seal/sprs.html"] {
            assert!(!render(template, &whole).contains("<i>"), "{template}");
            render(template, Document { status: String::new(), conditional_on: String::new(), planned: String::new(), cage_codes: String::new(), ..full() });
        }
    }
}
