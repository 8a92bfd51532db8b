//! What the documents of a seal say, read from `seal.json` and put into words: the report, the sheet for SPRS, the security plan.
//! Must stay true: nothing of them is read from what may have changed since, and they name the hash they are of.

use serde::Serialize;
use serde_json::Value;

use super::affirm::Status;
use super::read::{items, text, texts};
use super::web_list::Shown;
use crate::assess::ssp::{Special, Ssp, Stated, general};
use crate::http::App;

#[derive(Serialize)]
pub(super) struct Objective {
    pub id: String,
    pub finding: String,
    pub because: String,
    pub notes: String,
    pub files: Vec<String>,
    pub records: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Requirement {
    pub id: String,
    pub practice: String,
    pub title: String,
    pub points: Option<i64>,
    pub verified: String,
    pub claimed: String,
    pub objectives: Vec<Objective>,
}

#[derive(Serialize)]
pub(super) struct Item {
    pub requirement: String,
    pub weakness: String,
    pub risk: String,
    pub remediation: String,
    pub due_on: String,
    pub milestones: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct File {
    pub file: String,
    pub name: String,
    pub sha256: String,
    pub size: i64,
    pub objectives: String,
}

/// What the documents of a seal say.
#[derive(Serialize)]
pub(super) struct Document {
    pub seal: Shown,
    /// Of what it was made, with the hash.
    pub made_from: String,
    pub framework: String,
    pub scope: String,
    pub boundary: String,
    pub cage_codes: String,
    /// What the sealed score allows; empty when it allows nothing.
    pub status: String,
    pub conditional_on: String,
    /// The day by which everything is to be met; empty without a plan.
    pub planned: String,
    pub requirements: Vec<Requirement>,
    pub items: Vec<Item>,
    pub files: Vec<File>,
}

fn owned(value: &Value, key: &str) -> String {
    text(value, key).to_owned()
}

/// What a document is of, and the hash of that.
fn made_from(app: &App, body: &Value, digest: &str) -> String {
    app.text("ssp-sealed-of", &[("id", text(body, "id")), ("digest", digest)])
}

/// The seal as its own body has it; when and by whom it was made is not in a document.
fn shown(body: &Value, digest: &str) -> Shown {
    let id = owned(body, "id");
    let score = |name: &str| body["scores"][name].as_i64();
    Shown {
        href: format!("/seals/{id}"),
        assessment: owned(&body["assessment"], "name"),
        system: owned(&body["system"], "name"),
        status_date: owned(body, "status_date"),
        made_at: 0,
        by: String::new(),
        files: i64::try_from(items(body, "artifacts").count()).unwrap_or(i64::MAX),
        bytes: items(body, "artifacts").filter_map(|a| a["size"].as_i64()).sum(),
        verified: score("verified"),
        projected: score("projected"),
        digest: digest.to_owned(),
        log_digest: String::new(),
        retain_until: owned(body, "retain_until"),
        id,
    }
}

/// What is said of evidence or a record, with the word for why it holds nothing when it does not.
fn judged(app: &App, said: String, of: &Value) -> String {
    match text(of, "flaw") {
        "" => said,
        // How long ago is not in a seal.
        "expired" => format!("{said} ({})", app.text("sealed-expired", &[])),
        flaw => format!("{said} ({})", app.text(&format!("why-{}", flaw.replace('_', "-")), &[])),
    }
}

impl Document {
    /// Reads what was sealed; the words are those of this program's texts.
    pub fn of(app: &App, body: &Value, digest: &str) -> Self {
        let word = |prefix: &str, word: &str| if word.is_empty() { String::new() } else { app.text(&format!("{prefix}-{}", word.replace('_', "-")), &[]) };
        let status = |value: &Value, key: &str| word("status", value[key].as_str().unwrap_or("unassessed"));
        let files: Vec<(Vec<String>, &str, File)> = items(body, "artifacts")
            .map(|a| {
                let objectives = texts(a, "objectives");
                let shown = objectives.join(", ");
                (
                    objectives,
                    text(a, "evidence"),
                    File {
                        file: owned(a, "file"),
                        name: owned(a, "name"),
                        sha256: owned(a, "sha256").to_ascii_uppercase(),
                        size: a["size"].as_i64().unwrap_or(0),
                        objectives: shown,
                    },
                )
            })
            .collect();
        let objective = |o: &Value| {
            let id = owned(o, "id");
            let record = |r: &Value| {
                let said = format!("{} {}, {}: {}", word("method", text(r, "method")), text(r, "held_on"), text(r, "with"), text(r, "said"));
                judged(app, said, r)
            };
            let link = |evidence: &str| items(o, "links").find(|l| text(l, "evidence") == evidence).unwrap_or(&Value::Null);
            Objective {
                files: files.iter().filter(|(serves, ..)| serves.contains(&id)).map(|(_, e, f)| judged(app, f.file.clone(), link(e))).collect(),
                finding: word("finding", text(o, "finding")),
                because: owned(o, "because"),
                notes: owned(o, "notes"),
                records: items(o, "records").map(record).collect(),
                id,
            }
        };
        let requirement = |r: &Value| {
            let id = owned(r, "id");
            Requirement {
                objectives: items(body, "objectives").filter(|o| text(o, "requirement") == id).map(objective).collect(),
                practice: owned(r, "practice"),
                title: owned(r, "title"),
                points: r["points"].as_i64(),
                verified: status(r, "verified"),
                claimed: status(r, "claimed"),
                id,
            }
        };
        let item = |i: &Value| Item {
            requirement: owned(i, "requirement"),
            weakness: owned(i, "weakness"),
            risk: word("risk", text(i, "risk")),
            remediation: owned(i, "remediation"),
            due_on: owned(i, "due_on"),
            milestones: texts(i, "milestones"),
        };
        let planned: Vec<Item> = items(&body["plan"], "items").map(item).collect();
        let seal = shown(body, digest);
        Self {
            made_from: made_from(app, body, digest),
            framework: owned(&body["assessment"], "framework"),
            scope: owned(&body["system"], "scope"),
            boundary: owned(&body["system"], "boundary"),
            cage_codes: texts(&body["system"], "cage_codes").join(" "),
            status: Status::of(seal.verified, body, seal.status_date.parse().unwrap_or_default()).map_or_else(String::new, |s| word("affirm", s.name())),
            conditional_on: owned(&body["plan"], "conditional_on"),
            planned: planned.iter().map(|i| i.due_on.clone()).max().unwrap_or_default(),
            requirements: items(body, "requirements").map(requirement).collect(),
            items: planned,
            seal,
            files: files.into_iter().map(|(.., file)| file).collect(),
        }
    }
}

/// The security plan that was sealed.
pub(super) fn ssp(app: &App, body: &Value, digest: &str) -> Ssp {
    let section = |name: &str| items(&body["security_plan"], "sections").find(|s| text(s, "section") == name);
    let written = |name: &str| section(name).map(|s| (owned(s, "text"), owned(s, "responsible")));
    let special = |o: &Value| {
        let finding = o["finding"].as_str().filter(|f| *f != "met")?;
        Some(Special { id: owned(o, "id"), finding: finding.to_owned(), because: owned(o, "because") })
    };
    let stated = |r: &Value| {
        let id = owned(r, "id");
        let (said, responsible) = written(&id).unwrap_or_default();
        let open = items(body, "operational_plans").filter(|p| text(p, "requirement") == id && p["resolved_at"].is_null());
        Stated {
            practice: owned(r, "practice"),
            title: owned(r, "title"),
            status: r["claimed"].as_str().unwrap_or("unassessed").to_owned(),
            text: said,
            responsible,
            specials: items(body, "objectives").filter(|o| text(o, "requirement") == id).filter_map(special).collect(),
            operational: open.map(|p| owned(p, "deficiency")).collect(),
            id,
        }
    };
    let requirements: Vec<Stated> = items(body, "requirements").map(stated).collect();
    let system = &body["system"];
    Ssp {
        system: owned(system, "name"),
        scope: owned(system, "scope"),
        boundary: owned(system, "boundary"),
        cage_codes: texts(system, "cage_codes").join(" "),
        assessment: owned(&body["assessment"], "name"),
        framework: owned(&body["assessment"], "framework"),
        made_from: made_from(app, body, digest),
        general: general(written),
        missing: requirements.iter().filter(|r| r.text.is_empty()).count(),
        requirements,
    }
}
