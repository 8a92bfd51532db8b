//! The documents of a seal: OSCAL with a twin of its rules that always runs, texts and tables read by programs that are not ours,
//! and that each of them stays bound to the entry. `scripts/strangers.sh` hands the OSCAL that is written here to compliance-trestle.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use countersign::policy::Role;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{link, newest, sealed};
use crate::assess::begin;
use crate::plans::{add, found};
use crate::support::{TestPerson, check};

/// What each OSCAL object must have, and may have beside. An object is known by the key that leads to it.
const OBJECTS: [(&str, &str, &str); 42] = [
    ("assessment-results", "uuid metadata import-ap results", "back-matter"),
    ("plan-of-action-and-milestones", "uuid metadata system-id risks poam-items", ""),
    ("system-security-plan", "uuid metadata import-profile system-characteristics system-implementation control-implementation back-matter", ""),
    ("component-definition", "uuid metadata components back-matter", ""),
    ("metadata", "title last-modified version oscal-version props", "roles"),
    ("props", "name ns value", "remarks"),
    ("roles", "id title", ""),
    ("import-ap", "href", "remarks"),
    ("import-profile", "href", ""),
    ("back-matter", "resources", ""),
    ("resources", "uuid title", "description props"),
    ("results", "uuid title description start reviewed-controls props", "observations findings"),
    ("reviewed-controls", "control-selections", ""),
    ("control-selections", "include-all", ""),
    ("include-all", "", ""),
    ("observations", "uuid description methods collected", "title props relevant-evidence"),
    ("relevant-evidence", "href description props", ""),
    ("findings", "uuid title description target props", "related-observations"),
    ("related-observations", "observation-uuid", ""),
    ("target", "type target-id status", ""),
    ("system-id", "identifier-type id", ""),
    ("system-ids", "identifier-type id", ""),
    ("risks", "uuid title description statement status remediations", "deadline"),
    ("remediations", "uuid lifecycle title description", "tasks"),
    ("tasks", "uuid type title props timing", ""),
    ("timing", "on-date", ""),
    ("on-date", "date", ""),
    ("poam-items", "uuid title description props related-risks", ""),
    ("related-risks", "risk-uuid", ""),
    ("system-characteristics", "system-ids system-name description system-information status authorization-boundary", "props"),
    ("system-information", "information-types", ""),
    ("information-types", "uuid title description", ""),
    ("authorization-boundary", "description", ""),
    ("system-implementation", "users components", ""),
    ("users", "uuid title", ""),
    ("components", "uuid type title description", "status control-implementations"),
    ("control-implementation", "description implemented-requirements", ""),
    ("control-implementations", "uuid source description implemented-requirements", ""),
    ("implemented-requirements", "uuid control-id", "props by-components responsible-roles description"),
    ("by-components", "component-uuid uuid description", "implementation-status"),
    ("implementation-status", "state", ""),
    ("responsible-roles", "role-id", ""),
];

/// The rules of OSCAL that these documents could break, written down a second time.
#[derive(Default)]
struct Twin {
    uuids: BTreeSet<String>,
    pointed: BTreeSet<String>,
    roles: BTreeSet<String>,
    played: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Twin {
    fn object(&mut self, name: &str, value: &Value) {
        let Some(map) = value.as_object() else { return self.wrong.push(format!("{name}: no object")) };
        let keys: BTreeSet<&str> = map.keys().map(String::as_str).collect();
        if name != "status" {
            let Some((_, must, may)) = OBJECTS.iter().find(|(known, _, _)| *known == name) else { return self.wrong.push(format!("{name}: unknown")) };
            let must: BTreeSet<&str> = must.split_whitespace().collect();
            let all: BTreeSet<&str> = must.iter().copied().chain(may.split_whitespace()).collect();
            if !must.is_subset(&keys) || !keys.is_subset(&all) {
                self.wrong.push(format!("{name}: has {keys:?}"));
            }
        }
        for (key, value) in map {
            match value {
                Value::Object(_) => self.object(key, value),
                Value::Array(list) => {
                    if list.is_empty() {
                        self.wrong.push(format!("{name}.{key}: empty"));
                    }
                    for item in list {
                        if item.is_object() { self.object(key, item) } else { self.text(name, key, item) }
                    }
                }
                _ => self.text(name, key, value),
            }
        }
    }

    fn text(&mut self, name: &str, key: &str, value: &Value) {
        let text = value.as_str().unwrap_or_default();
        let is_token = |t: &str| t.starts_with(|c: char| c.is_alphabetic() || c == '_') && t.chars().all(|c| c.is_alphanumeric() || ".-_".contains(c));
        let is_uuid = text.len() == 36 && text.bytes().enumerate().all(|(n, b)| if [8, 13, 18, 23].contains(&n) { b == b'-' } else { b.is_ascii_hexdigit() });
        let is_time = text.parse::<jiff::Timestamp>().is_ok();
        match key {
            "component-uuid" | "observation-uuid" | "risk-uuid" => self.pointed.extend([text.to_owned()]),
            "source" | "href" if text.starts_with('#') => self.pointed.extend([text[1..].to_owned()]),
            "role-id" => self.played.extend([text.to_owned()]),
            _ => {}
        }
        let is_good = match key {
            "uuid" => is_uuid && self.uuids.insert(text.to_owned()),
            "component-uuid" | "observation-uuid" | "risk-uuid" => is_uuid,
            "id" if name == "roles" => is_token(text) && self.roles.insert(text.to_owned()),
            "role-id" | "target-id" | "control-id" | "name" => is_token(text),
            "last-modified" | "start" | "collected" | "date" | "deadline" => is_time,
            "href" if name == "relevant-evidence" => text.starts_with("../artifacts/"),
            "methods" => ["EXAMINE", "INTERVIEW", "TEST"].contains(&text),
            "value" => !text.is_empty() && text.trim() == text && !text.contains('\n'),
            _ => !text.trim().is_empty(),
        };
        if !is_good {
            self.wrong.push(format!("{name}.{key}: {value}"));
        }
    }

    /// Every rule that a document breaks.
    fn of(document: &Value) -> Vec<String> {
        let mut twin = Self::default();
        let (name, value) = document.as_object().and_then(|map| map.iter().next()).expect("one document");
        twin.object(name, value);
        let lost: Vec<_> = twin.pointed.difference(&twin.uuids).map(|uuid| format!("points to nothing: {uuid}")).collect();
        twin.wrong.extend(lost);
        let nobody: Vec<_> = twin.played.difference(&twin.roles).map(|role| format!("is no role: {role}")).collect();
        twin.wrong.extend(nobody);
        twin.wrong
    }
}

async fn document(person: &TestPerson<'_>, page: &str, name: &str) -> Vec<u8> {
    person.get(&format!("{page}/documents/{name}")).await.expect(200).bytes.to_vec()
}

async fn oscal(person: &TestPerson<'_>, page: &str, name: &str) -> Value {
    let value: Value = serde_json::from_slice(&document(person, page, name).await).expect("JSON");
    assert_eq!(Twin::of(&value), Vec::<String>::new(), "{name}");
    value
}

#[test]
fn the_twin_tells_what_is_no_oscal() {
    let good = serde_json::json!({ "component-definition": {
        "uuid": "0b1c0b1c-0b1c-5b1c-8b1c-0b1c0b1c0b1c",
        "metadata": { "title": "t", "last-modified": "2026-01-15T00:00:00Z", "version": "1", "oscal-version": "1.2.1",
            "props": [{ "name": "n", "ns": "urn:x", "value": "v" }] },
        "components": [{ "uuid": "1b1c0b1c-0b1c-5b1c-8b1c-0b1c0b1c0b1c", "type": "system", "title": "t", "description": "d" }],
        "back-matter": { "resources": [{ "uuid": "2b1c0b1c-0b1c-5b1c-8b1c-0b1c0b1c0b1c", "title": "t" }] },
    } });
    assert_eq!(Twin::of(&good), Vec::<String>::new());
    let place = "/component-definition";
    for (at, value) in [
        ("/uuid", "1b1c0b1c-0b1c-5b1c-8b1c-0b1c0b1c0b1c".into()),
        ("/uuid", "x".into()),
        ("/components", serde_json::json!([])),
        ("/components/0/title", "".into()),
        ("/metadata/last-modified", "yesterday".into()),
        ("/metadata/props/0/name", "3.1.1".into()),
        ("/metadata/props/0/value", " v".into()),
        ("/components/0", serde_json::json!({ "uuid": "1b1c0b1c-0b1c-5b1c-8b1c-0b1c0b1c0b1c", "type": "system", "title": "t" })),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(&format!("{place}{at}")).expect("is there") = value;
        assert!(!Twin::of(&bad).is_empty(), "{at}");
    }
}

/// An assessment with one requirement open and on the plan, evidence, a record, and a plan that is written in part.
async fn planned(officer: &TestPerson<'_>) -> String {
    let desk = begin(officer).await;
    found(officer, &desk, &[("3.1.3", "not_met"), ("3.8.8", "not_applicable")]).await;
    let up = officer.upload("Prüfung.txt", "text/plain", b"x").await.expect(303);
    let file = up.location().trim_start_matches("/evidence/").to_owned();
    link(officer, &format!("{desk}/objectives/3.4.4"), &file).await.expect(303);
    let record = [("method", "interview"), ("with", "The administrator"), ("said", "It is so."), ("held_on", "2026-01-15")];
    officer.post(&format!("{desk}/objectives/3.1.1%5Ba%5D/record"), &record).await.expect(303);
    for (section, text) in [("3.1.1", "Accounts are given by a list.\nIt is looked at monthly."), ("environment", "Two sites.")] {
        let fields = [("text", text), ("responsible", "Network team"), ("version", "0")];
        officer.post(&format!("{desk}/ssp/{section}"), &fields).await.expect(303);
    }
    desk
}

#[tokio::test]
async fn a_seal_is_oscal_that_points_to_what_was_sealed() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance, Role::Contributor]).await;
        let desk = planned(&officer).await;
        let bare = sealed(&officer, &desk).await;
        officer.get(&format!("{bare}/documents/oscal-poam.json")).await.expect(404);
        add(&officer, &desk, "3.1.3").await.expect(303);
        let page = sealed(&officer, &desk).await;
        let results = oscal(&officer, &page, "oscal-assessment-results.json").await;
        let result = &results["assessment-results"]["results"][0];
        assert_eq!(result["findings"].as_array().map(Vec::len), Some(320));
        let of = |target: &str| result["findings"].as_array().expect("a list").iter().find(|f| f["target"]["target-id"] == target).expect("there").clone();
        assert_eq!(of("obj_3.8.8")["target"]["status"]["state"], "satisfied", "what does not apply rests on its reason");
        assert_eq!(of("obj_3.1.1.b")["target"]["status"]["state"], "not-satisfied", "it rests on nothing");
        assert_eq!(of("obj_3.4.4")["target"]["status"]["state"], "not-satisfied", "its evidence is a draft");
        let seen = result["observations"].as_array().expect("a list").iter().find(|o| o["relevant-evidence"].is_array()).expect("the file");
        assert_eq!((&seen["methods"][0], &seen["relevant-evidence"][0]["href"]), (&"EXAMINE".into(), &"../artifacts/CM-3.04.04-Pr_fung.txt".into()));
        let poam = oscal(&officer, &page, "oscal-poam.json").await;
        let items = &poam["plan-of-action-and-milestones"]["poam-items"];
        assert_eq!((items.as_array().map(Vec::len), &items[0]["title"]), (Some(1), &"3.1.3".into()));
        let plan = oscal(&officer, &page, "oscal-ssp.json").await;
        let requirements = plan["system-security-plan"]["control-implementation"]["implemented-requirements"].as_array().expect("a list").clone();
        assert_eq!(requirements.len(), 110);
        let by = |id: &str| requirements.iter().find(|r| r["control-id"] == id).expect("there")["by-components"][0].clone();
        assert_eq!(by("req_3.1.1")["description"], "Accounts are given by a list.\nIt is looked at monthly.");
        let state = |id: &str| by(id)["implementation-status"]["state"].clone();
        assert_eq!([state("req_3.1.1"), state("req_3.1.3"), state("req_3.8.8")], ["implemented", "planned", "not-applicable"]);
        let component = oscal(&officer, &page, "oscal-component-definition.json").await;
        let parts = &component["component-definition"]["components"][0]["control-implementations"][0]["implemented-requirements"];
        assert_eq!(parts.as_array().map(Vec::len), Some(1), "what is written, and no more");
        // Each names the seal it is of.
        let entry = newest(app, "assessment.seal").await;
        for document in [&results["assessment-results"], &poam["plan-of-action-and-milestones"], &plan["system-security-plan"]] {
            let props = document["metadata"]["props"].as_array().expect("a list");
            assert!(props.iter().any(|p| p["name"] == "seal-sha256" && p["value"] == entry["data"]["digest"]), "{props:?}");
        }
        // For compliance-trestle, which `scripts/strangers.sh` brings.
        let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oscal");
        std::fs::create_dir_all(&to).expect("a folder");
        for name in ["oscal-assessment-results.json", "oscal-poam.json", "oscal-ssp.json", "oscal-component-definition.json"] {
            let part = to.join(format!("{name}.part-{}", std::process::id()));
            std::fs::write(&part, document(&officer, &page, name).await).expect("written");
            std::fs::rename(&part, to.join(name)).expect("renamed");
        }
    })
    .await;
}

#[tokio::test]
async fn what_holds_nothing_is_sealed_as_such_and_shows_nothing() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance, Role::Contributor]).await;
        let desk = planned(&officer).await;
        let page = sealed(&officer, &desk).await;
        let results = oscal(&officer, &page, "oscal-assessment-results.json").await;
        let result = &results["assessment-results"]["results"][0];
        let of = |result: &Value, target: &str| {
            let findings = result["findings"].as_array().expect("a list");
            findings.iter().find(|f| f["target"]["target-id"] == target).expect("there")["related-observations"].clone()
        };
        assert_eq!([of(result, "obj_3.4.4"), of(result, "obj_3.1.1.a")], [Value::Null, Value::Null], "a draft, and what nobody else confirmed");
        let held =
            |result: &Value| result["observations"].as_array().expect("a list").iter().find(|o| o["methods"][0] == "INTERVIEW").expect("the record").clone();
        let record = held(result);
        assert_eq!((&record["title"], &record["props"][0]["value"]), (&"interview 2026-01-15".into(), &"unconfirmed".into()));
        assert!(!results.to_string().contains("The administrator"), "whom it was held with is nobody's business");
        let report = officer.get(&format!("{page}/report")).await.expect(200);
        report.says("CM-3.04.04-Pr_fung.txt (Its evidence is a draft)").says("It is so. (A recorded interview or test waits");
        // Once it holds, it shows something.
        let file: String = app.app.db.query("select id from evidence").scalar().await.expect("one");
        let id: String = app.app.db.query("select id from objective_record").scalar().await.expect("one");
        crate::artifacts::approve(&officer, &file).await;
        crate::assess::confirm(app, &format!("{desk}/objectives/3.1.1%5Ba%5D"), &id).await;
        let page = sealed(&officer, &desk).await;
        let results = oscal(&officer, &page, "oscal-assessment-results.json").await;
        let result = &results["assessment-results"]["results"][0];
        let record = held(result);
        assert_eq!((&of(result, "obj_3.1.1.a")[0]["observation-uuid"], &record["props"]), (&record["uuid"], &Value::Null));
        let shown = of(result, "obj_3.4.4")[0]["observation-uuid"].clone();
        let seen = result["observations"].as_array().expect("a list").iter().find(|o| o["uuid"] == shown).expect("what it points to");
        assert!(seen["relevant-evidence"].is_array(), "{seen}");
        officer.get(&format!("{page}/report")).await.expect(200).lacks("(Its evidence").lacks("(A recorded interview");
    })
    .await;
}

#[tokio::test]
async fn the_documents_are_bound_to_the_entry_and_every_download_is_one() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance, Role::Contributor]).await;
        let desk = planned(&officer).await;
        add(&officer, &desk, "3.1.3").await.expect(303);
        let page = sealed(&officer, &desk).await;
        let id = page.trim_start_matches("/seals/");
        let entry = newest(app, "assessment.seal").await;
        officer.get(&page).await.expect(200).says("System security plan (OSCAL)").says("/documents/plan-of-action.xlsx");
        let token = officer.token(&[Role::Compliance], &["seal.read", "seal.download"]).await;
        let listed = token.get(&format!("/api/v1/seals/{id}/documents")).await.expect(200).json();
        let mut sums = String::new();
        for kept in listed.as_array().expect("a list") {
            let name = kept["name"].as_str().expect("a name");
            let reply = token.get(&format!("/api/v1/seals/{id}/documents/{name}")).await.expect(200);
            let sum = hex::encode(Sha256::digest(&reply.bytes));
            assert!(reply.header("content-disposition").starts_with("attachment"), "{name}");
            assert_eq!((kept["sha256"].as_str(), kept["size"].as_u64()), (Some(sum.as_str()), Some(reply.bytes.len() as u64)), "{name}");
            let taken = newest(app, "seal.download").await;
            assert_eq!((&taken["data"]["document"], &taken["data"]["sha256"]), (&name.into(), &sum.as_str().into()));
            sums += &format!("{sum}  documents/{name}\n");
        }
        assert_eq!(listed.as_array().map(Vec::len), Some(8));
        assert_eq!(entry["data"]["documents"], hex::encode(Sha256::digest(&sums)));
        officer.get(&format!("{page}/documents/none.json")).await.expect(404);
        // The live plan goes on, and what was sealed stays.
        let before = document(&officer, &page, "system-security-plan.docx").await;
        officer.post(&format!("{desk}/ssp/3.1.1"), &[("text", "Otherwise."), ("responsible", ""), ("version", "1")]).await.expect(303);
        assert_eq!(document(&officer, &page, "system-security-plan.docx").await, before);
        officer.get(&format!("{page}/ssp")).await.expect(200).says("Accounts are given by a list.").lacks("Otherwise.");
    })
    .await;
}

#[tokio::test]
async fn a_document_changed_in_the_database_is_not_handed_out() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance, Role::Contributor]).await;
        let desk = planned(&officer).await;
        let page = sealed(&officer, &desk).await;
        let change = async |sql: &'static str| {
            let mut work = app.app.db.store().begin().await.expect("begins");
            for trigger in unguarded(app.app.db.is_sqlite()) {
                work.query(*trigger).execute().await.expect("runs");
            }
            work.query(sql).execute().await.expect("runs");
            work.commit(None).await.expect("commits");
        };
        change("update seal_document set body = (select d.body from seal_document d where d.place = 2) where place = 1").await;
        officer.get(&format!("{page}/documents/oscal-assessment-results.json")).await.expect(500);
        officer.get(&format!("{page}/archive")).await.expect(500);
        change("update seal_document set sha256 = (select d.sha256 from seal_document d where d.place = 2) where place = 1").await;
        officer.get(&format!("{page}/documents/oscal-ssp.json")).await.expect(500);
        officer.get(&page).await.expect(500);
        // Nor does it help that the seal's row names the sums of what lies there now: its entry does not.
        let rows: Vec<(String, String)> = app.app.db.query("select sha256, name from seal_document order by place").all().await.expect("reads");
        let mut sums = String::new();
        for (sum, name) in rows {
            sums += &format!("{sum}  documents/{name}\n");
        }
        let mut work = app.app.db.store().begin().await.expect("begins");
        let digest = hex::encode(Sha256::digest(&sums));
        work.query("update seal set documents = $1").bind(digest.as_str()).execute().await.expect("runs");
        work.commit(None).await.expect("commits");
        for document in ["documents/oscal-assessment-results.json", "documents/oscal-ssp.json", "report", "ssp", "archive"] {
            officer.get(&format!("{page}/{document}")).await.expect(500);
        }
        let token = officer.token(&[Role::Compliance], &["seal.read"]).await;
        token.get(&format!("/api/v1{page}/documents")).await.expect(500);
    })
    .await;
}

/// What somebody with all rights of the database does first.
fn unguarded(is_sqlite: bool) -> &'static [&'static str] {
    if is_sqlite {
        &["drop trigger if exists seal_document_audit_update", "drop trigger if exists seal_audit_update"]
    } else {
        &["alter table seal_document disable trigger user", "alter table seal disable trigger user"]
    }
}

/// The text of a document's headings and tables, as Python reads them.
fn headings(bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.docx");
    std::fs::write(&path, bytes).expect("written");
    let script = "import sys,zipfile,xml.etree.ElementTree as e\nz=zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nw='{http://schemas.openxmlformats.org/wordprocessingml/2006/main}'\nb=e.fromstring(z.read('word/document.xml'))[0]\nfor p in b:\n  y=p.find(w+'pPr/'+w+'pStyle')\n  if y is not None: print(y.get(w+'val'), ' '.join(t.text for t in p.iter(w+'t')))\n  for r in p.findall(w+'tr'): print('|'.join(' '.join(x.text for x in c.iter(w+'t')) for c in r.findall(w+'tc')))";
    let out = Command::new("python3").args(["-c", script]).arg(&path).output().expect("python3 runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8")
}

#[tokio::test]
async fn plan_and_report_are_text_documents_and_the_plan_of_action_is_a_table() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance, Role::Contributor]).await;
        let desk = planned(&officer).await;
        add(&officer, &desk, "3.1.3").await.expect(303);
        let page = sealed(&officer, &desk).await;
        let plan = headings(&document(&officer, &page, "system-security-plan.docx").await);
        for said in [
            "Title System security plan: Core network",
            "Heading2 Environment of operation",
            "Normal Two sites.",
            "Heading2 3.1.1 ",
            "Normal Accounts are given by a list. It is looked at monthly.",
            "Responsible|Network team",
            "3.8.8|Not applicable|There is none.",
            "Normal Not written yet.",
        ] {
            assert!(plan.contains(said), "{said}: {plan}");
        }
        assert_eq!(plan.matches("Heading2 3.").count(), 110);
        let report = headings(&document(&officer, &page, "assessment-report.docx").await);
        for said in ["Title Assessment report: Self-assessment 2026", "3.4.4|Met||artifacts/CM-3.04.04-Pr_fung.txt", "It is not there yet."] {
            assert!(report.contains(said), "{said}: {report}");
        }
        let csv = String::from_utf8(document(&officer, &page, "plan-of-action.csv").await).expect("UTF-8");
        assert!(csv.contains("\"3.1.3\",\"AC.L2-3.1.3\"") && csv.contains("\"Buy it.\"") && csv.contains("2026-03-31 it is ordered"), "{csv}");
        assert!(document(&officer, &page, "plan-of-action.xlsx").await.starts_with(b"PK"));
        let live = officer.get(&format!("{desk}/ssp.docx")).await.expect(200);
        assert!(headings(&live.bytes).contains("Normal Two sites."));
        let entry = newest(app, "assessment.export").await;
        assert_eq!((&entry["data"]["document"], &entry["data"]["sha256"]), (&"ssp".into(), &hex::encode(Sha256::digest(&live.bytes)).into()));
    })
    .await;
}
