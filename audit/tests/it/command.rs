//! The built program over folders: exit codes, the text a person reads, the JSON a program reads.
//! Both are stable for scripts.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::support::{Export, ORIGIN, folder, key, log, seed};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign-verify")).args(args).output().expect("the program runs")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_good_export_is_confirmed() {
    let dir = folder("command-good");
    Export::new(log(5), false).write(&dir);
    let vkey = key().vkey(ORIGIN);
    let ran = run(&[text(&dir), "--key", &vkey]);
    assert_eq!(code(&ran), Some(0));
    let said = out(&ran);
    assert!(said.starts_with("OK: every entry is as it was signed\n"), "{said}");
    assert!(said.contains("5 of 5 checked") && said.contains(ORIGIN) && said.contains("Not checked\n  - freshness"), "{said}");

    let key_file = folder("command-key").join("auditor.vkey");
    fs::write(&key_file, format!("{vkey}\n")).expect("written");
    let json = run(&["--json", &format!("--key={}", text(&key_file)), text(&dir)]);
    assert_eq!(code(&json), Some(0));
    let report: serde_json::Value = serde_json::from_str(&out(&json)).expect("JSON");
    assert_eq!(report["integrity"], "ok");
    assert_eq!(report["entries_checked"], 5);
    assert_eq!(report["first_bad"], serde_json::Value::Null);
    assert_eq!(out(&json).lines().count(), 1);
    assert_eq!(out(&json), out(&run(&[text(&dir), "--key", &vkey, "--json"])), "the same bytes each time");
}

#[test]
fn a_flipped_byte_is_named() {
    let dir = folder("command-flipped");
    Export::new(log(5), false).write(&dir);
    let path = dir.join("tile/entries/000.p/5");
    let mut bytes = fs::read(&path).expect("there");
    let at = bytes.windows(9).rposition(|w| w == b"person\",\"").map_or_else(|| bytes.windows(6).position(|w| w == b"person"), Some).expect("there");
    bytes[at] = b'q';
    fs::write(&path, bytes).expect("written");
    let ran = run(&[text(&dir), "--key", &key().vkey(ORIGIN), "--json"]);
    assert_eq!(code(&ran), Some(1));
    let report: serde_json::Value = serde_json::from_str(&out(&ran)).expect("JSON");
    assert_eq!(report["integrity"], "wrong");
    assert!(report["first_bad"]["seq"].is_u64());
    let said = out(&run(&[text(&dir), "--key", &key().vkey(ORIGIN)]));
    assert!(said.starts_with("WRONG: what is here is not what was signed\n  first bad   entry "), "{said}");
}

#[test]
fn what_is_absent_is_never_a_pass() {
    let (dir, vkey) = (folder("command-absent"), key().vkey(ORIGIN));
    let dir_text = text(&dir);
    assert_eq!(code(&run(&[dir_text, "--key", &vkey])), Some(2), "an empty folder");
    assert_eq!(code(&run(&[&format!("{dir_text}/none"), "--key", &vkey])), Some(2), "no folder");
    Export::new(log(5), false).write(&dir);
    assert_eq!(code(&run(&[dir_text, "--key", &format!("{dir_text}/none")])), Some(2), "no key file");
    fs::remove_dir_all(dir.join("tile")).expect("removed");
    let ran = run(&[dir_text, "--key", &vkey]);
    assert_eq!(code(&ran), Some(2), "no bundles");
    assert!(out(&ran).starts_with("INCOMPLETE: "), "{}", out(&ran));
    assert!(out(&ran).contains("tile/entries/000.p/5: the file is missing"), "{}", out(&ran));
}

#[test]
fn keys_that_are_there_and_wrong_are_wrong() {
    let dir = folder("command-keys");
    Export::new(log(5), false).write(&dir);
    let other = countersign_audit::write::checkpoint::SigningKey::from_seed(&seed("other"));
    for key in [other.vkey(ORIGIN), key().vkey("other.example"), key().vkey(ORIGIN).replace("+0", "+1").replace("+a", "+b") + "A"] {
        assert_eq!(code(&run(&[text(&dir), "--key", &key])), Some(1), "{key}");
    }
    let file = folder("command-bad-key").join("key");
    fs::write(&file, "nothing of use").expect("written");
    assert_eq!(code(&run(&[text(&dir), "--key", text(&file)])), Some(1));
}

#[test]
fn misuse_exits_with_two_and_a_hint() {
    for args in
        [&[][..], &["dir"], &["--key", "k"], &["dir", "--key"], &["a", "b", "--key", "k"], &["a", "--key", "k", "--key", "k"], &["a", "--key", "k", "--quiet"]]
    {
        let ran = run(args);
        assert_eq!(code(&ran), Some(2), "{args:?}");
        assert_eq!(out(&ran), "");
        assert!(String::from_utf8_lossy(&ran.stderr).contains("hint: "));
    }
    let help = run(&["--help"]);
    assert_eq!(code(&help), Some(0));
    assert!(out(&help).find("Examples:") < out(&help).find("Usage:"));
    assert_eq!(out(&run(&["--version"])), format!("countersign-verify {}\n", env!("CARGO_PKG_VERSION")));
}
