//! Catalogues from the command line and out of real files, and what is kept of them.

use std::path::{Path, PathBuf};

use countersign::assess::framework;
use countersign::catalog::oscal;
use countersign::policy::{Actor, On};
use serde_json::{Value, json};

use crate::kill::{finish, program};
use crate::support::check;

/// A published file, when it lies beside the checkout or where TEST_SHARED_DATA says.
pub fn published(name: &str) -> Option<PathBuf> {
    let named = std::env::vars().find(|(k, _)| k == "TEST_SHARED_DATA").map(|(_, v)| PathBuf::from(v));
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let path = named.unwrap_or(beside).join("oscal").join(name);
    if path.is_file() {
        return Some(path);
    }
    println!("skipped: {} is not there; the small twin of the unit tests ran", path.display());
    None
}

const R2: &str = "NIST_SP-800-171_rev2_catalog.json";
const HIGH: &str = "NIST_SP-800-53_rev5_HIGH-baseline-resolved-profile_catalog-min.json";

#[test]
fn the_published_catalogue_of_r2_is_mended_and_is_the_one_built_in() {
    let Some(path) = published(R2) else { return };
    let read = oscal::read(&std::fs::read(path).expect("reads")).expect("is a catalogue");
    assert_eq!((read.catalog.key.as_str(), read.catalog.counts()), ("nist-800-171-r2", (14, 110, 320)));
    // One id with spaces, four objectives without their letter, 23 whose first letter became their label.
    assert_eq!(read.repaired, 1 + 4 + 23, "{:?}", read.repairs);
    let all = read.catalog.requirements().flat_map(|r| &r.objectives);
    for objective in all {
        let text = objective.text.as_deref().unwrap_or_default();
        assert!(text.len() > 10 && !text.starts_with("1[") && !text.starts_with("ermine"), "{}: {text}", objective.id);
    }
    assert!(read.catalog.requirements().all(|r| r.statement.is_some() && r.title.len() <= 80));
}

#[test]
fn a_published_catalogue_of_800_53_is_read() {
    let Some(path) = published(HIGH) else { return };
    let read = oscal::read(&std::fs::read(path).expect("reads")).expect("is a catalogue");
    let (families, requirements, objectives) = read.catalog.counts();
    assert_eq!((families, requirements), (18, 370));
    assert!(objectives > 1000, "{objectives}");
    assert!(read.catalog.key.starts_with("nist-800-53-r5"), "{}", read.catalog.key);
    let first = read.catalog.requirement("ac-1").expect("there");
    assert!(first.statement.as_deref().is_some_and(|s| s.contains("[organization-level; mission/business process-level; system-level]")));
    assert!(serde_json::to_string(&read.catalog).expect("plain").len() < framework::BODY_BYTES_MAX);
}

#[tokio::test]
async fn an_import_is_an_entry_and_another_one_replaces_it() {
    check(async |app| {
        let db = &app.app.db;
        let small = |text: &str| {
            let file = json!({ "catalog": { "metadata": { "title": "House rules" }, "groups": [{ "id": "hr", "title": "Rules", "controls": [
                { "id": "hr-1", "title": text }, { "id": "hr-2", "title": "Lock up" }] }] } });
            oscal::read(file.to_string().as_bytes()).expect("reads").catalog
        };
        let import = async |text: &str| {
            let permit = app.app.policy.permit(&Actor::console(), &On::any("framework")).expect("the console may");
            framework::import(db, permit, &small(text), &"0".repeat(64)).await.expect("imports")
        };
        assert!(framework::find(db, "house-rules").await.is_err());
        assert_eq!(framework::find(db, "nist-800-171-r2").await.expect("built in").counts(), (14, 110, 320));
        let first = import("Shut the door").await;
        assert_eq!(framework::find(db, "house-rules").await.expect("kept").requirement("hr-1").expect("there").title, "Shut the door");
        let second = import("Close the door").await;
        assert_ne!(first, second);
        assert_eq!(framework::find(db, "house-rules").await.expect("kept").requirement("hr-1").expect("there").title, "Close the door");
        assert_eq!(framework::list(db).await.expect("lists").len(), 1);
        let rows: i64 = db.query("select count(*) from framework").scalar().await.expect("counts");
        assert_eq!(rows, 2, "the one before is kept");
        assert_eq!(app.db_actions().await.iter().filter(|a| a.starts_with("catalog.import ok")).count(), 2);
        for sql in ["delete from framework", "update framework set title = 'x'"] {
            let mut work = db.store().begin().await.expect("begins");
            assert!(work.query(sql).execute().await.is_err(), "{sql}");
        }
    })
    .await;
}

fn run(args: &[&str]) -> (i32, String, String) {
    let out = finish(&mut program(args));
    (out.code, out.out, out.err)
}

#[test]
fn showing_and_scoring_need_nothing_and_their_shape_is_stable() {
    let (code, out, _) = run(&["catalog", "show", "nist-800-171-r2", "--json"]);
    let shown: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, shown["families"].as_array().map(Vec::len)), (0, Some(14)));
    assert_eq!(run(&["catalog", "show", "nist-800-171-r9"]).0, 2);
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("statuses.json");
    let mut statuses: serde_json::Map<String, Value> = serde_json::Map::new();
    for requirement in shown["families"].as_array().expect("families").iter().flat_map(|f| f["requirements"].as_array().expect("requirements")) {
        statuses.insert(requirement["id"].as_str().expect("an id").to_owned(), "met".into());
    }
    let score = |statuses: &serde_json::Map<String, Value>| {
        std::fs::write(&file, serde_json::to_string(statuses).expect("plain")).expect("writes");
        let (code, out, err) = run(&["assess", "score", file.to_str().expect("a path"), "--json"]);
        (code, serde_json::from_str::<Value>(&out).unwrap_or(Value::Null), err)
    };
    assert_eq!(score(&statuses), (0, json!({ "score": 110, "reasons": [] }), String::new()));
    statuses.insert("3.5.3".into(), "partial".into());
    assert_eq!(score(&statuses).1["score"], 107);
    assert_eq!(score(&statuses).1["reasons"], json!([{ "requirement": "3.5.3", "practice": "IA.L2-3.5.3", "code": "partial", "points": 3 }]));
    statuses.insert("3.12.4".into(), "not_met".into());
    let none = score(&statuses);
    assert_eq!((none.0, &none.1["score"], &none.1["reasons"][0]["code"]), (0, &Value::Null, &"no_ssp".into()));
    statuses.insert("3.1.1".into(), "maybe".into());
    let wrong = score(&statuses);
    assert!(wrong.0 == 2 && wrong.2.contains("`3.1.1`") && wrong.2.contains("must be one of"), "{}", wrong.2);
}

#[test]
fn a_file_is_checked_without_an_installation_and_kept_with_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let file = json!({ "catalog": { "metadata": { "title": "House rules" }, "controls": [{ "id": " hr-1 ", "title": "Shut the door" }] } });
    std::fs::write(path("house.json"), file.to_string()).expect("writes");
    let (code, out, err) = run(&["catalog", "import", &path("house.json"), "--check", "--json"]);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &report["stored"], &report["repaired"], &report["requirements"]), (0, &false.into(), &1.into(), &1.into()), "{err}");
    assert_eq!(run(&["keys", "generate", "--data", &path("data")]).0, 0);
    let (code, out, err) = run(&["catalog", "import", &path("house.json"), "--json", "--data", &path("data")]);
    assert_eq!(code, 0, "{err}");
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert!(report["stored"] == true && report["id"].as_str().is_some_and(|id| id.starts_with("fwk_")), "{report}");
    let (code, _, err) = run(&["catalog", "import", &path("absent.json")]);
    assert!(code == 2 && err.contains("cannot be read"), "{err}");
    let large = std::fs::File::create(dir.path().join("large.json")).expect("creates");
    large.set_len(100 << 20).expect("grows");
    let (code, _, err) = run(&["catalog", "import", &path("large.json"), "--check"]);
    assert!(code == 2 && err.contains("the most that is read here"), "{err}");
    std::fs::write(path("profile.json"), "{\"profile\":{}}").expect("writes");
    assert!(run(&["catalog", "import", &path("profile.json"), "--check"]).2.contains("an OSCAL profile"));
}
