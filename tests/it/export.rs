//! Exports as people take them: lines that hash to their leaves by common tools, and a bundle whose opened values fit.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::policy::Role;
use countersign_audit::verify::bundle;
use countersign_audit::verify::vkey::Vkey;
use countersign_audit::write::commitment::commit;
use serde_json::Value;

use crate::kill::Site;
use crate::retention::erase;
use crate::support::app::on_postgres;
use crate::support::{TestApp, TestPerson, check};
use crate::trail::grown;

/// `printf '\0%s' "$line" | sha256sum`, by the real commands, for each line.
fn hashes(lines: &str) -> Vec<String> {
    let mut shell = Command::new("sh");
    let script = "while IFS= read -r line; do printf '\\0%s' \"$line\" | sha256sum | cut -d' ' -f1; done";
    let mut child = shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
    let mut input = child.stdin.take().expect("a pipe");
    let text = lines.to_owned();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let out = child.wait_with_output().expect("ends");
    writer.join().expect("ends").expect("written");
    String::from_utf8(out.stdout).expect("ASCII").lines().map(str::to_owned).collect()
}

/// The hashes of leaves as the database holds them, by place.
async fn leaf_hashes(app: &TestApp) -> BTreeMap<i64, String> {
    let rows: Vec<(i64, Vec<u8>)> = app.app.db.query("select seq, leaf_hash from audit_chain where log = 1 order by seq").all().await.expect("reads");
    rows.into_iter().map(|(seq, hash)| (seq, hex::encode(hash))).collect()
}

fn seq_of(line: &str) -> i64 {
    serde_json::from_str::<Value>(line).expect("JSON")["_seq"].as_i64().expect("a place")
}

#[tokio::test]
async fn each_exported_line_hashes_to_its_leaf_by_common_commands() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        grown(app).await;
        let all = officer.post("/audit/export", &[("format", "json")]).await.expect(200).text();
        let known = leaf_hashes(app).await;
        let lines: Vec<&str> = all.lines().collect();
        assert!(lines.len() > 8);
        for (line, hash) in lines.iter().zip(hashes(&all)) {
            assert_eq!(known.get(&seq_of(line)), Some(&hash), "{line}");
        }
        let denied = officer.post("/audit/export", &[("format", "json"), ("outcome", "denied")]).await.expect(200).text();
        assert!(denied.lines().count() >= 6 && denied.lines().all(|l| l.contains("\"outcome\":\"denied\"")), "{denied}");
    })
    .await;
}

#[tokio::test]
async fn the_console_exports_what_the_page_does_by_the_same_filters() {
    if on_postgres() {
        println!("skipped: the program runs on the embedded database here");
        return;
    }
    let site = Site::new();
    let made = site.person(&[Role::Contributor], &["evidence.list"]).await;
    let server = site.serve().await;
    for _ in 0..5 {
        assert_eq!(server.get("/api/v1/audit", &made.token).status, 403);
    }
    // Beside the running server, to standard output.
    let out = site.run(&["audit", "export", "--format", "jsonl", "--outcome", "denied"]).expect(0).out;
    assert_eq!(out.lines().count(), 5, "{out}");
    assert!(out.lines().all(|l| l.starts_with("{\"_prev\":\"") && l.contains("\"outcome\":\"denied\"")), "{out}");
    let whole = site.run(&["audit", "export", "--format", "jsonl"]).expect(0).out;
    let by_place: BTreeMap<i64, &str> = whole.lines().map(|l| (seq_of(l), l)).collect();
    for (line, hash) in whole.lines().zip(hashes(&whole)) {
        let next = by_place.get(&(seq_of(line) + 1)).map(|next| serde_json::from_str::<Value>(next).expect("JSON")["_prev"].clone());
        let named = next.map(|prev| hex::encode(STANDARD.decode(prev.as_str().expect("a hash")).expect("base64")));
        assert!(named.is_none_or(|named| named == hash), "{line}");
    }
    // With the server stopped, to a file that must be new.
    drop(server);
    let csv = site.beside("rows.csv");
    let said = site.run(&["audit", "export", "--format", "csv", "--out", &csv, "--actor", "stranger", "--json"]).expect(0).json();
    let text = std::fs::read_to_string(&csv).expect("reads");
    assert_eq!(said["lines"].as_u64(), Some(text.lines().count() as u64));
    assert!(text.starts_with("\"seq\",\"time_utc\",") && text.lines().skip(1).all(|l| l.ends_with(",\"not evidence\"")), "{text}");
    site.run(&["audit", "export", "--format", "csv", "--out", &csv]).expect(2).says("cannot be made");
    site.run(&["audit", "export", "--format", "csv", "--from", "yesterday"]).expect(2).says("--from");
    site.run(&["audit", "export"]).expect(2).says("--out");
    site.run(&["audit", "export", "--out", &site.beside("part"), "--outcome", "denied"]).expect(2).says("proves nothing");
    let exports = site.run(&["audit", "export", "--format", "jsonl", "--action", "trail.export"]).expect(0).out;
    assert_eq!(exports.lines().count(), 3, "each is an entry, and a typing mistake is none: {exports}");
    assert!(!exports.contains("stranger"), "what was filtered for is sealed: {exports}");
}

/// Unpacks an archive by a stranger's program, and verifies what was in it.
fn unpacked(app: &TestApp, name: &str, zip: &[u8]) -> std::path::PathBuf {
    let dir = app.folder.path().join(name);
    let file = app.folder.path().join(format!("{name}.zip"));
    std::fs::write(&file, zip).expect("written");
    let out = Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&file).arg(&dir).output().expect("python3 runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let dir = dir.join("audit-evidence");
    let vkey = Vkey::parse(&app.app.keeper.signer().vkey("test.example/audit/1")).expect("a key");
    let report = bundle::directory(&dir, &vkey);
    assert_eq!(report.exit_code(), 0, "{}", report.to_text());
    assert_eq!(std::fs::read_to_string(dir.join("vkey")).expect("reads").trim_end(), app.app.keeper.signer().vkey("test.example/audit/1"));
    assert!(std::fs::read_to_string(dir.join("policy")).expect("reads").starts_with("log test.example/audit/1+"));
    let readme = std::fs::read_to_string(dir.join("README.txt")).expect("reads");
    assert!(readme.contains("countersign-verify") && readme.contains("test.example/audit/1") && !readme.contains("evidence-readme"), "{readme}");
    dir
}

fn payloads(dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join("payloads.jsonl")).expect("reads");
    text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect()
}

/// Every commitment of every leaf: place and commitment.
async fn commitments(app: &TestApp, size: i64) -> Vec<(i64, String)> {
    fn walk(value: &Value, out: &mut Vec<String>) {
        for (key, value) in value.as_object().into_iter().flatten() {
            match value {
                Value::String(text) if key == "c" || key.ends_with("_c") => out.push(text.clone()),
                Value::Array(items) => items.iter().for_each(|item| walk(item, out)),
                value => walk(value, out),
            }
        }
    }
    let sql = "select c.seq, e.body from audit_chain c join audit_event e on e.id = c.event_id where c.log = 1 and c.seq < $1 order by c.seq";
    let rows: Vec<(i64, Vec<u8>)> = app.app.db.query(sql).bind(size).all().await.expect("reads");
    let mut out = Vec::new();
    for (seq, body) in rows {
        let mut found = Vec::new();
        walk(&serde_json::from_slice(&body).expect("JSON"), &mut found);
        out.extend(found.into_iter().map(|c| (seq, c)));
    }
    out
}

async fn export(officer: &TestPerson<'_>, fields: &[(&str, &str)]) -> Vec<u8> {
    let reply = officer.post("/audit/export", &[&[("format", "evidence")], fields].concat()).await.expect(200);
    assert!(!reply.broken && reply.header("content-type") == "application/zip", "{:?}", reply.headers);
    reply.bytes
}

#[tokio::test]
async fn an_evidence_bundle_verifies_and_every_opened_value_fits_its_leaf() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        grown(app).await;
        let withheld = payloads(&unpacked(app, "withheld", &export(&officer, &[]).await));
        assert!(withheld.len() > 10 && withheld.iter().all(|l| l["withheld"] == "not opened" && l.as_object().map(|o| o.len()) == Some(3)), "{withheld:?}");
        let zip = export(&officer, &[("open", "yes"), ("purpose", "the yearly audit of Example Clinic"), ("outcome", "denied")]).await;
        let dir = unpacked(app, "opened", &zip);
        let lines = payloads(&dir);
        let size: i64 = std::fs::read_to_string(dir.join("checkpoint")).expect("reads").lines().nth(1).expect("a size").parse().expect("a number");
        let known = commitments(app, size).await;
        assert_eq!(lines.len(), known.len(), "a line for every commitment, and none beside");
        let mut opened = 0;
        for line in &lines {
            let (seq, name) = (line["seq"].as_i64().expect("a place"), line["name"].as_str().expect("a name"));
            let Some(value) = line["value"].as_str() else {
                assert_eq!(line["withheld"], "not opened", "{line}");
                continue;
            };
            let key: [u8; 32] = STANDARD.decode(line["key"].as_str().expect("a key")).expect("base64").try_into().expect("32 bytes");
            let c = STANDARD.encode(commit(&key, name, value.as_bytes()));
            assert!(known.contains(&(seq, c)), "{line}");
            opened += 1;
        }
        assert!(opened >= 6, "{lines:?}");
        // Opening is an entry of its own, which says how many and keeps the purpose sealed.
        let rows: Vec<(Vec<u8>,)> = app.app.db.query("select body from audit_event where action = 'trail.open'").all().await.expect("reads");
        let body: Value = serde_json::from_slice(&rows[0].0).expect("JSON");
        assert_eq!((rows.len(), body["data"]["values"].as_i64()), (1, Some(opened)));
        assert!(!body.to_string().contains("Example Clinic") && body["payload"].to_string().contains("\"name\":\"purpose\""), "{body}");
    })
    .await;
}

#[tokio::test]
async fn opening_needs_the_role_a_fresh_confirmation_and_a_purpose() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let admin = app.person(&[Role::Admin]).await;
        let open = [("format", "evidence"), ("open", "yes"), ("purpose", "x")];
        admin.post("/audit/export", &open).await.expect(403);
        officer.post("/audit/export", &[("format", "evidence"), ("open", "yes"), ("purpose", " ")]).await.expect(422);
        officer.post("/audit/export", &[("format", "evidence"), ("open", "yes"), ("purpose", &"x".repeat(501))]).await.expect(422);
        officer.post("/audit/export", &[("format", "json"), ("open", "yes"), ("purpose", "x")]).await.expect(422);
        officer.post("/audit/export", &[("format", "evidence"), ("open", "perhaps")]).await.expect(422);
        app.advance(app.app.policy.fresh_secs() + 1);
        assert_eq!(officer.post("/audit/export", &open).await.expect(303).location(), "/fresh?next=%2Faudit");
        let opened: i64 = app.app.db.query("select count(*) from audit_event where action = 'trail.open' and outcome = 'ok'").scalar().await.expect("counts");
        assert_eq!(opened, 0);
        officer.post("/audit/export", &[("format", "evidence")]).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn what_was_erased_is_withheld_and_the_bundle_still_verifies() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let gone = app.person(&[Role::Contributor]).await;
        gone.get("/audit").await.expect(403);
        let id = gone.id.clone().expect("a person");
        let admin = app.person(&[Role::Admin]).await;
        admin.post(&format!("/admin/users/{id}/disable"), &[]).await.expect(303);
        erase(&officer, id.as_str()).await.expect(303);
        app.sign().await;
        let zip = export(&officer, &[("open", "yes"), ("purpose", "x"), ("actor", id.as_str())]).await;
        let dir = unpacked(app, "erased", &zip);
        let lines = payloads(&dir);
        assert!(lines.iter().all(|l| l.get("value").is_none()), "{lines:?}");
        assert!(lines.iter().any(|l| l["withheld"] == "erased"), "{lines:?}");
        let vkey = Vkey::parse(&app.app.keeper.signer().vkey("test.example/audit/1")).expect("a key");
        let fine = bundle::directory(&dir, &vkey);
        assert_eq!((fine.exit_code(), fine.values_checked), (0, Some(0)), "{}", fine.to_text());
        let rows: Vec<(Vec<u8>,)> = app.app.db.query("select body from audit_event where action = 'trail.open'").all().await.expect("reads");
        assert!(String::from_utf8_lossy(&rows[0].0).contains("\"values\":0"));
    })
    .await;
}
