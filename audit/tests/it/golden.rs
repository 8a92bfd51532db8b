//! Golden vectors: the files in `tests/vectors` are exactly what the writer makes, and verify.
//!
//! `COUNTERSIGN_VECTORS=write` writes them; the format is final, so that is for new vectors only.

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD as B64};
use countersign_audit::{
    verify::{self, Integrity, bundle, vkey::Vkey},
    write::{checkpoint, commitment::commit, leaf, tree::Frontier},
};

use crate::{
    sealed::{epoch_vkey, sealed_export, sealed_log},
    support::{Export, ORIGIN, event, key, log, root, seed, vkey},
    witnesses::{cosigned, witness},
};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");

fn export_files(name: &str, size: u64, tiles: bool) -> BTreeMap<String, Vec<u8>> {
    Export::new(log(size), tiles).files.into_iter().map(|(path, bytes)| (format!("{name}/{path}"), bytes)).collect()
}

fn values() -> String {
    let mut out = String::new();
    let mut row = |name: &str, value: &str| out.push_str(&format!("{name}\t{value}\n"));
    row("vkey", &key().vkey(ORIGIN));
    row("empty_root", &B64.encode(root(&[])));
    for size in [1, 2, 3, 5, 255, 256, 257, 300] {
        row(&format!("root({size})"), &B64.encode(root(&log(size))));
    }
    for n in [0, 1, 299] {
        row(&format!("leaf_hash({n})"), &B64.encode(leaf::leaf_hash(&log(300)[n])));
    }
    row("commit(key=sha256(\"k\"), name=\"\", value=\"\")", &B64.encode(commit(&seed("k"), "", b"")));
    row("commit(key=sha256(\"k\"), name=\"net.ip\", value=\"192.0.2.1\")", &B64.encode(commit(&seed("k"), "net.ip", b"192.0.2.1")));
    row("body(0)", &String::from_utf8(event(0).body().expect("proper")).expect("UTF-8"));
    row("body(1)", &String::from_utf8(event(1).body().expect("proper")).expect("UTF-8"));
    out
}

#[test]
fn the_vectors_are_what_the_writer_makes() {
    let mut files = export_files("empty", 0, false);
    files.extend(export_files("five", 5, false));
    files.extend(export_files("three-hundred", 300, true));
    let turns = [2, 5, 8];
    files.extend(sealed_export(sealed_log(12, &turns, |seq| seq), &turns, |n| n).files.into_iter().map(|(path, bytes)| (format!("sealed/{path}"), bytes)));
    files.insert("epoch-vkey".to_owned(), format!("{}\n", epoch_vkey(1)).into_bytes());
    files.insert("values.tsv".to_owned(), values().into_bytes());
    files.insert("vkey".to_owned(), format!("{}\n", key().vkey(ORIGIN)).into_bytes());
    let write = std::env::var_os("COUNTERSIGN_VECTORS").is_some_and(|v| v == "write");
    for (path, bytes) in files {
        let full = Path::new(VECTORS).join(&path);
        if write {
            fs::create_dir_all(full.parent().expect("a file is in a folder")).expect("a folder can be made");
            fs::write(&full, &bytes).expect("a file can be written");
        }
        assert!(fs::read(&full).is_ok_and(|stored| stored == bytes), "{path} is not what the writer makes");
    }
}

#[test]
fn the_vectors_verify() {
    for (name, size, tiles) in [("empty", 0, 0), ("five", 5, 0), ("three-hundred", 300, 3), ("sealed", 12, 1)] {
        let report = bundle::directory(&Path::new(VECTORS).join(name), &vkey());
        assert_eq!(report.findings, [], "{name}");
        assert_eq!((report.integrity(), report.exit_code()), (Integrity::Ok, 0));
        assert_eq!((report.entries_checked, report.tiles_checked, report.size), (size, tiles, Some(size)));
        assert_eq!(report.computed_root, report.root);
    }
}

/// `scripts/strangers.sh` hands this export to programs by other people, who read its cosignature too.
#[test]
fn a_fresh_export_lies_ready_for_other_programs() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("strangers");
    let _ = fs::remove_dir_all(&dir);
    let mut export = Export::new(log(700), true);
    let note = cosigned(&String::from_utf8(export.files["checkpoint"].clone()).expect("UTF-8"), "witness.example/w1", 1_763_777_508);
    export.files.insert("checkpoint".to_owned(), note.into_bytes());
    export.write(&dir);
    fs::write(dir.join("vkey"), format!("{}\n", key().vkey(ORIGIN))).expect("written");
    fs::write(dir.join("witness"), format!("{}\n", witness("witness.example/w1").vkey("witness.example/w1"))).expect("written");
    assert_eq!(bundle::directory(&dir, &vkey()).exit_code(), 0);
}

#[test]
fn an_auditor_can_follow_the_chain_by_hand() {
    let leaves = log(5);
    for (seq, pair) in leaves.windows(2).enumerate() {
        let start = format!(r#"{{"_prev":"{}","_seq":{},"#, B64.encode(verify::tree::leaf_hash(&pair[0])), seq + 1);
        assert!(pair[1].starts_with(start.as_bytes()));
    }
    assert!(leaves[0].starts_with(br#"{"_prev":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","_seq":0,"#));
}

#[test]
fn a_log_goes_on_from_a_stored_frontier() {
    let leaves = log(300);
    let mut frontier = Frontier::new();
    for leaf in &leaves {
        frontier = Frontier::from_bytes(&frontier.to_bytes()).expect("as stored");
        frontier.push(leaf::leaf_hash(leaf));
    }
    assert_eq!(frontier.root(), root(&leaves));
}

#[test]
fn another_log_has_another_key_id() {
    let here = Vkey::parse(&key().vkey(ORIGIN)).expect("a key");
    let there = Vkey::parse(&key().vkey("other.example/audit/1")).expect("a key");
    assert_ne!(here.id(), there.id());
    assert!(checkpoint::is_key_name(ORIGIN));
}
