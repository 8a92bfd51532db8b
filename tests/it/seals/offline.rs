//! What an assessor does with the archive: stock tools, the verifier, and every way in which it could have been tampered with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::policy::Role;
use countersign_audit::verify::seal::{SealReport, Trust, examine};
use countersign_audit::verify::vkey::Vkey;

use super::{assessed, link, sealed, unpacked};
use crate::support::{TestApp, check};

fn vkey(app: &TestApp) -> String {
    app.app.keeper.signer().vkey(&app.app.db.log().1)
}

fn verify(dir: &Path, vkey: &str) -> SealReport {
    examine(dir, &Trust::Key(Box::new(Ok(Vkey::parse(vkey).expect("a verifier key")))))
}

/// The exit status of the second verifier; none where Python lacks what it needs.
fn second(dir: &Path, vkey: &str) -> Option<i32> {
    let has = Command::new("python3").args(["-c", "import cryptography"]).output().is_ok_and(|out| out.status.success());
    if !has {
        println!("skipped: python3 has no package `cryptography`");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("audit/verify.py");
    let out = Command::new("python3").arg("-B").arg(script).arg("--seal").arg(dir).args(["--key", vkey, "--json"]).output().expect("python3 runs");
    out.status.code()
}

fn copied(from: &Path, to: &Path) -> PathBuf {
    for folder in ["", "artifacts", "documents", "trail"] {
        fs::create_dir_all(to.join(folder)).expect("a folder");
        for entry in fs::read_dir(from.join(folder)).expect("a folder").filter_map(Result::ok).filter(|e| e.path().is_file()) {
            fs::copy(entry.path(), to.join(folder).join(entry.file_name())).expect("copied");
        }
    }
    to.to_owned()
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("text");
    assert!(text.contains(from), "{} lacks {from}", path.display());
    fs::write(path, text.replacen(from, to, 1)).expect("written");
}

fn sum(path: &Path) -> String {
    use sha2::{Digest as _, Sha256};
    hex::encode(Sha256::digest(fs::read(path).expect("reads")))
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("reads");
    bytes[0] ^= 1;
    fs::write(path, bytes).expect("written");
}

/// `^SHA256\s+([A-Fa-f0-9]{64})\s+(.+)$`, as checkers read the log.
fn rows(log: &str) -> Vec<(String, String)> {
    let script = "import re,sys\nfor m in re.finditer(r'^SHA256\\s+([A-Fa-f0-9]{64})\\s+(.+)$', sys.stdin.read().replace('\\r',''), re.M): print(m[1], m[2])";
    let mut child =
        Command::new("python3").args(["-c", script]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().expect("python3");
    std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), log.as_bytes()).expect("written");
    let out = child.wait_with_output().expect("ends").stdout;
    String::from_utf8(out).expect("ASCII").lines().filter_map(|l| l.split_once(' ')).map(|(h, p)| (h.to_owned(), p.to_owned())).collect()
}

#[tokio::test]
async fn an_assessor_checks_the_archive_with_stock_tools_and_the_verifier() {
    check(async |app| {
        let (person, officer) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let (desk, _) = assessed(&person).await;
        let page = sealed(&officer, &desk).await;
        let to = tempfile::tempdir().expect("a folder");
        let dir = unpacked(&officer, &page, to.path()).await;
        let out = Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&dir).output().expect("sha256sum runs");
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success() && said.lines().count() == 19 && said.lines().all(|l| l.ends_with(": OK")), "{said}");
        let log = fs::read(dir.join("CMMCAssessmentArtifacts.log")).expect("the log");
        assert!(log.is_ascii() && log.starts_with(b"\r\nAlgorithm       Hash  "));
        let rows = rows(&String::from_utf8(log).expect("ASCII"));
        assert_eq!(rows.len(), 3);
        for (hash, path) in &rows {
            assert_eq!(*hash, hash.to_ascii_uppercase());
            let out = Command::new("sha256sum").arg(dir.join(path)).output().expect("sha256sum runs");
            assert!(String::from_utf8_lossy(&out.stdout).starts_with(&hash.to_ascii_lowercase()), "{path}");
        }
        let report = verify(&dir, &vkey(app));
        assert_eq!((report.exit_code(), report.named, report.good), (0, 3, 3), "{}", report.to_text());
        assert!(report.to_text().starts_with("OK: the seal is whole"), "{}", report.to_text());
        assert!(second(&dir, &vkey(app)).is_none_or(|code| code == 0));
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).expect("JSON");
        assert_eq!((&json["integrity"], &json["exit"]), (&"ok".into(), &0.into()));
        let (readme, receipt) = (fs::read_to_string(dir.join("README.txt")).expect("text"), fs::read_to_string(dir.join("receipt.html")).expect("text"));
        assert!(readme.contains("sha256sum -c SHA256SUMS") && !readme.contains("seal-readme"), "{readme}");
        let hash_value = report.artifacts_log.as_deref().expect("known").to_ascii_uppercase();
        assert!(receipt.contains(&hash_value) && !receipt.contains("receipt-"), "{receipt}");
        // No name of a person leaves with it.
        let seal = fs::read_to_string(dir.join("seal.json")).expect("text");
        assert!(!seal.contains("Person ") && seal.contains("\"format\":\"countersign-seal-v1\""), "{seal}");
    })
    .await;
}

#[tokio::test]
async fn a_seal_stays_what_it_is_while_the_assessment_goes_on() {
    check(async |app| {
        let (person, officer) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let (desk, files) = assessed(&person).await;
        let page = sealed(&officer, &desk).await;
        let (first, second) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let before = unpacked(&officer, &page, first.path()).await;
        person.post(&format!("{desk}/objectives/3.4.4/unlink"), &[("evidence", &files[0])]).await.expect(303);
        let other = person.upload("later.txt", "text/plain", b"later").await.expect(303).location().trim_start_matches("/evidence/").to_owned();
        link(&person, &format!("{desk}/objectives/3.4.4"), &other).await.expect(303);
        let next = sealed(&officer, &desk).await;
        let after = unpacked(&officer, &page, second.path()).await;
        for same in ["seal.json", "CMMCAssessmentArtifacts.log", "CMMCAssessmentLogHash.log", "artifacts/CM-3.04.04-board.txt", "trail/entry.json"] {
            assert_eq!(fs::read(before.join(same)).expect("reads"), fs::read(after.join(same)).expect("reads"), "{same}");
        }
        for dir in [before, after] {
            assert_eq!(verify(&dir, &vkey(app)).exit_code(), 0);
        }
        officer.get(&next).await.expect(200).says("later.txt").lacks("CM-3.04.04-board-2");
    })
    .await;
}

#[tokio::test]
async fn every_change_of_an_archive_is_told() {
    check(async |app| {
        let (person, officer) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let (desk, _) = assessed(&person).await;
        let (page, other) = (sealed(&officer, &desk).await, sealed(&officer, &desk).await);
        let folder = tempfile::tempdir().expect("a folder");
        let of = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).expect("a folder");
            path
        };
        let (good, another) = (unpacked(&officer, &page, &of("good")).await, unpacked(&officer, &other, &of("another")).await);
        let key = vkey(app);
        let board = "artifacts/CM-3.04.04-board.txt";
        let (log, hash_log, seal, documents) = ("CMMCAssessmentArtifacts.log", "CMMCAssessmentLogHash.log", "seal.json", "documents/SHA256SUMS");
        type Tamper<'a> = Box<dyn Fn(&Path) + 'a>;
        let cases: Vec<(&str, u8, &str, Tamper<'_>)> = vec![
            ("a flipped byte", 1, board, Box::new(|d| flip(&d.join(board)))),
            ("a byte more", 1, board, Box::new(|d| fs::write(d.join(board), b"board.txt.").expect("written"))),
            ("a file removed", 2, board, Box::new(|d| fs::remove_file(d.join(board)).expect("gone"))),
            ("a file added", 1, "artifacts/more.txt", Box::new(|d| fs::write(d.join("artifacts/more.txt"), b"x").expect("written"))),
            ("a file added outside", 1, "more.txt", Box::new(|d| fs::write(d.join("more.txt"), b"x").expect("written"))),
            ("a folder added", 1, "more", Box::new(|d| fs::create_dir(d.join("more")).expect("made"))),
            ("a file renamed", 1, "artifacts/x.txt", Box::new(|d| fs::rename(d.join(board), d.join("artifacts/x.txt")).expect("renamed"))),
            (
                "a link in its place",
                1,
                board,
                Box::new(|d| {
                    fs::remove_file(d.join(board)).expect("gone");
                    std::os::unix::fs::symlink(good.join(board), d.join(board)).expect("linked");
                }),
            ),
            ("a document edited", 1, "documents/oscal-ssp.json", Box::new(|d| flip(&d.join("documents/oscal-ssp.json")))),
            ("a document removed", 2, "documents/oscal-ssp.json", Box::new(|d| fs::remove_file(d.join("documents/oscal-ssp.json")).expect("gone"))),
            ("a document added", 1, "documents/more.txt", Box::new(|d| fs::write(d.join("documents/more.txt"), b"x").expect("written"))),
            ("the sums of the documents removed", 1, "documents", Box::new(|d| fs::remove_file(d.join(documents)).expect("gone"))),
            (
                "a document and everything that follows from it, made anew",
                1,
                "data.documents",
                Box::new(|d| {
                    let path = d.join("documents/plan-of-action.csv");
                    let was = sum(&path);
                    flip(&path);
                    let before = sum(&d.join(documents));
                    replace(&d.join(documents), &was, &sum(&path));
                    replace(&d.join("SHA256SUMS"), &was, &sum(&path));
                    replace(&d.join("SHA256SUMS"), &before, &sum(&d.join(documents)));
                }),
            ),
            (
                "all documents removed, and all that names them",
                2,
                "documents/SHA256SUMS",
                Box::new(|d| {
                    fs::remove_dir_all(d.join("documents")).expect("gone");
                    let sums = fs::read_to_string(d.join("SHA256SUMS")).expect("text");
                    let kept: String = sums.lines().filter(|l| !l.contains("  documents/")).map(|l| format!("{l}\n")).collect();
                    fs::write(d.join("SHA256SUMS"), kept).expect("written");
                }),
            ),
            ("the log edited", 1, log, Box::new(|d| replace(&d.join(log), "board.txt", "bored.txt"))),
            ("the log's lines ended otherwise", 1, log, Box::new(|d| replace(&d.join(log), "\r\n", "\n"))),
            ("the log removed", 2, log, Box::new(|d| fs::remove_file(d.join(log)).expect("gone"))),
            ("the second log edited", 1, hash_log, Box::new(|d| replace(&d.join(hash_log), "SHA256 ", "SHA512 "))),
            ("seal.json edited", 1, "entry.json", Box::new(|d| replace(&d.join(seal), "Two sites.", "One site. "))),
            ("seal.json in another form", 1, seal, Box::new(|d| replace(&d.join(seal), "{", "{ "))),
            ("seal.json removed", 2, seal, Box::new(|d| fs::remove_file(d.join(seal)).expect("gone"))),
            ("the entry edited", 1, "entry", Box::new(|d| replace(&d.join("trail/entry.json"), "\"files\":3", "\"files\":4"))),
            ("the entry removed", 2, "entry.json", Box::new(|d| fs::remove_file(d.join("trail/entry.json")).expect("gone"))),
            ("the proof removed", 2, "tlog-proof", Box::new(|d| fs::remove_file(d.join("trail/entry.tlog-proof")).expect("gone"))),
            (
                "the proof of another entry",
                1,
                "tlog-proof",
                Box::new(|d| drop(fs::copy(another.join("trail/entry.tlog-proof"), d.join("trail/entry.tlog-proof")))),
            ),
            (
                "the entry of another seal with its proof",
                1,
                "entry.json",
                Box::new(|d| {
                    for file in ["trail/entry.json", "trail/entry.tlog-proof"] {
                        fs::copy(another.join(file), d.join(file)).expect("copied");
                    }
                }),
            ),
            ("the sums edited", 1, "README.txt", Box::new(|d| flip(&d.join("README.txt")))),
            ("the sums removed", 2, "SHA256SUMS", Box::new(|d| fs::remove_file(d.join("SHA256SUMS")).expect("gone"))),
        ];
        for (n, (what, code, names, tamper)) in cases.iter().enumerate() {
            let dir = copied(&good, &folder.path().join(format!("case-{n}")));
            assert_eq!(verify(&dir, &key).exit_code(), 0, "{what}: before");
            tamper(&dir);
            let report = verify(&dir, &key);
            assert_eq!(report.exit_code(), *code, "{what}: {}", report.to_text());
            assert!(report.to_text().contains(names), "{what} names {names}: {}", report.to_text());
            assert!(second(&dir, &key).is_none_or(|second| second == i32::from(*code)), "{what}: both programs say so");
        }
        let foreign = TestApp::new(&[]).await;
        assert_eq!(verify(&good, &vkey(&foreign)).exit_code(), 1, "a key of another log");
        foreign.finish().await;
        let absent = Trust::Key(Box::new(Err((countersign_audit::verify::Kind::Absent, "no key".into()))));
        assert_eq!(examine(&good, &absent).exit_code(), 2);
        assert_eq!(verify(&folder.path().join("nowhere"), &key).exit_code(), 2);
    })
    .await;
}

/// Whoever changes `seal.json` and everything that follows from it is told by the entry.
#[tokio::test]
async fn a_seal_made_anew_is_told_by_its_entry() {
    check(async |app| {
        let (person, officer) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let (desk, _) = assessed(&person).await;
        let page = sealed(&officer, &desk).await;
        let to = tempfile::tempdir().expect("a folder");
        let dir = unpacked(&officer, &page, to.path()).await;
        // Another file, its sums right everywhere.
        use sha2::{Digest as _, Sha256};
        let path = "artifacts/CM-3.04.04-board.txt";
        let (old, new) = (hex::encode(Sha256::digest(b"board.txt")), hex::encode(Sha256::digest(b"Board.txt")));
        fs::write(dir.join(path), b"Board.txt").expect("written");
        replace(&dir.join("seal.json"), &old, &new);
        let (log, hash_log) = (dir.join("CMMCAssessmentArtifacts.log"), dir.join("CMMCAssessmentLogHash.log"));
        let was = hex::encode(Sha256::digest(fs::read(&log).expect("reads"))).to_ascii_uppercase();
        replace(&log, &old.to_ascii_uppercase(), &new.to_ascii_uppercase());
        let is = hex::encode(Sha256::digest(fs::read(&log).expect("reads"))).to_ascii_uppercase();
        replace(&hash_log, &was, &is);
        fs::remove_file(dir.join("SHA256SUMS")).expect("gone");
        let out =
            Command::new("sh").args(["-c", "sha256sum $(find . -type f | sed 's,^[.]/,,') > ../sums && mv ../sums SHA256SUMS"]).current_dir(&dir).status();
        assert!(out.expect("a shell").success());
        let report = verify(&dir, &vkey(app));
        assert_eq!((report.exit_code(), report.findings_all, report.good), (1, 1, 3), "{}", report.to_text());
        assert!(report.to_text().contains("`data.digest` is"), "{}", report.to_text());
    })
    .await;
}
