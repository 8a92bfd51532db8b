//! Exports whose files are missing, surplus, cut or of another log: each with its exit code.
//! What is absent is told apart from what is wrong, and wrong outweighs absent.

use std::fs;

use countersign_audit::{
    verify::{bundle, vkey::Vkey},
    write::{checkpoint, checkpoint::SigningKey},
};

use crate::{
    support::{Export, ORIGIN, folder, key, log, root, seed, vkey},
    tamper::change_text,
};

#[test]
fn every_byte_of_the_checkpoint_counts() {
    let whole = Export::new(log(5), false);
    let note = whole.files["checkpoint"].clone();
    for at in 0..note.len() {
        let mut export = whole.clone();
        let mut flipped = note.clone();
        flipped[at] ^= 1;
        export.files.insert("checkpoint".to_owned(), flipped);
        let report = export.verify("every-checkpoint-byte");
        assert_eq!(report.exit_code(), 1, "byte {at}: {}", report.to_text());
        assert_eq!(report.first_bad.and_then(|f| f.path).as_deref(), Some("checkpoint"));
    }
}

/// Name, what is done to the files, exit code, file or word that the report names.
type FileCase = (&'static str, fn(&mut Export), u8, &'static str);

const FILE_CASES: &[FileCase] = &[
    ("checkpoint stripped", |x| drop(x.files.remove("checkpoint")), 2, "checkpoint: the file is missing"),
    ("all bundles gone", |x| x.files.retain(|p, _| !p.starts_with("tile/entries")), 2, "tile/entries/000: the file is missing"),
    ("one bundle gone", |x| drop(x.files.remove("tile/entries/001.p/44")), 2, "tile/entries/001.p/44: the file is missing"),
    ("a hash tile gone", |x| drop(x.files.remove("tile/0/001.p/44")), 2, "tile/0/001.p/44: the file is missing"),
    ("an upper tile gone", |x| drop(x.files.remove("tile/1/000.p/1")), 2, "tile/1/000.p/1: the file is missing"),
    ("a hash tile changed", |x| x.files.get_mut("tile/0/000").expect("there")[40] ^= 1, 1, "tile/0/000: hash 1 of the tile"),
    ("an upper tile changed", |x| x.files.get_mut("tile/1/000.p/1").expect("there")[0] ^= 1, 1, "tile/1/000.p/1: hash 0 of the tile"),
    ("a hash tile cut", |x| x.files.get_mut("tile/0/000").expect("there").truncate(8191), 1, "tile/0/000: the tile is not 256 hashes"),
    (
        "a bundle cut",
        |x| {
            x.files.get_mut("tile/entries/001.p/44").expect("there").pop();
        },
        1,
        "entry 299",
    ),
    ("a bundle emptied", |x| x.files.get_mut("tile/entries/001.p/44").expect("there").clear(), 1, "entry 256"),
    ("bytes after the last entry", |x| x.files.get_mut("tile/entries/001.p/44").expect("there").extend(b"\0"), 1, "goes on after its 44"),
    (
        "a bundle under a smaller width",
        |x| {
            let bytes = x.files.remove("tile/entries/001.p/44").expect("there");
            x.files.insert("tile/entries/001.p/43".into(), bytes);
        },
        1,
        "tile/entries/001.p/43: surplus",
    ),
    ("a surplus bundle", |x| drop(x.files.insert("tile/entries/002".into(), Vec::new())), 1, "tile/entries/002: surplus"),
    ("a surplus tile", |x| drop(x.files.insert("tile/2/000.p/1".into(), vec![0; 32])), 1, "tile/2/000.p/1: surplus"),
    ("an extra file under tile", |x| drop(x.files.insert("tile/notes.txt".into(), Vec::new())), 1, "tile/notes.txt: surplus"),
    ("an extra file beside", |x| drop(x.files.insert("README".into(), Vec::new())), 0, "files beside the log: `README`"),
    ("an overlong bundle", |x| drop(x.files.insert("tile/entries/000".into(), vec![0; 16_777_473])), 1, "longer than the"),
    (
        "wrong and absent together",
        |x| {
            x.files.remove("tile/entries/001.p/44");
            change_text(&mut x.files.get_mut("tile/entries/000").expect("there")[2..]);
        },
        1,
        "entry 0",
    ),
];

#[test]
fn every_missing_or_surplus_file_is_told() {
    let whole = Export::new(log(300), true);
    for (name, tamper, exit, told) in FILE_CASES {
        let mut export = whole.clone();
        tamper(&mut export);
        let report = export.verify("file-case");
        assert_eq!(report.exit_code(), *exit, "{name}: {}", report.to_text());
        assert!(report.to_text().contains(told), "{name}: {}", report.to_text());
        assert!(report.to_json().contains(report.integrity().as_str()));
    }
}

#[test]
fn damage_behind_a_gap_is_told_as_wrong() {
    for with_tiles in [false, true] {
        let mut export = Export::new(log(600), with_tiles);
        export.files.remove("tile/entries/000");
        let absent = export.verify("gap");
        assert_eq!((absent.exit_code(), absent.entries_checked), (2, 344), "{}", absent.to_text());
        assert!(absent.computed_root.is_none() && absent.to_text().contains("tile/entries/000: the file is missing"));
        change_text(&mut export.files.get_mut("tile/entries/001").expect("there")[2..]);
        let report = export.verify("gap");
        assert_eq!((report.exit_code(), report.entries_checked), (1, 344), "{}", report.to_text());
        assert_eq!(report.first_bad.and_then(|first| first.seq), Some(256));
    }
}

#[test]
fn a_size_that_is_signed_but_not_there_costs_nothing() {
    let mut export = Export::new(log(300), true);
    let text = checkpoint::body(ORIGIN, (1 << 62) + 300, &[7; 32]);
    export.files.insert("checkpoint".to_owned(), key().sign_note(ORIGIN, &text).expect("proper").into_bytes());
    let report = export.verify("huge");
    assert_eq!((report.exit_code(), report.entries_checked), (1, 256), "{}", report.to_text());
    assert!(report.to_text().contains("18014398509481984 after it"), "{}", report.to_text());
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_a_link_is_wrong() {
    let dir = folder("linked-folder");
    Export::new(log(5), false).write(&dir);
    fs::rename(dir.join("tile"), dir.join("elsewhere")).expect("renamed");
    std::os::unix::fs::symlink(dir.join("elsewhere"), dir.join("tile")).expect("linked");
    let report = bundle::directory(&dir, &vkey());
    assert_eq!((report.exit_code(), report.entries_checked), (1, 0), "{}", report.to_text());
}

#[test]
fn a_checkpoint_of_another_key_log_or_size_is_refused() {
    let export = Export::new(log(5), false);
    let text = |origin: &str, size| checkpoint::body(origin, size, &root(&log(5)));
    let other = SigningKey::from_seed(&seed("other"));
    let signed = |key: &SigningKey, name: &str, text: String| key.sign_note(name, &text).expect("proper");
    for (note, told) in [
        (signed(&other, ORIGIN, text(ORIGIN, 5)), "no signature by the key given"),
        (signed(&key(), ORIGIN, text("other.example/audit/1", 5)), "is of the log"),
        (signed(&key(), "other.example", text(ORIGIN, 5)), "no signature by the key given"),
        (signed(&key(), ORIGIN, text(ORIGIN, 4)), "entry 4: the bundle"),
        (signed(&key(), ORIGIN, text(ORIGIN, 5).replace("\n5\n", "\n05\n")), "leading zeros"),
        (signed(&key(), ORIGIN, text(ORIGIN, 5) + "extension\n"), "extension lines"),
    ] {
        let mut export = export.clone();
        export.files.insert("checkpoint".to_owned(), note.into_bytes());
        if told.starts_with("entry 4") {
            let bytes = export.files.remove("tile/entries/000.p/5").expect("there");
            export.files.insert("tile/entries/000.p/4".to_owned(), bytes);
        }
        let report = export.verify("checkpoint-case");
        assert_eq!(report.exit_code(), 1, "{told}: {}", report.to_text());
        assert!(report.to_text().contains(told), "{told}: {}", report.to_text());
    }
    let dir = folder("other-key");
    export.write(&dir);
    let other = Vkey::parse(&other.vkey(ORIGIN)).expect("a key");
    assert_eq!(bundle::directory(&dir, &other).exit_code(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_a_file_is_refused() {
    let dir = folder("links");
    Export::new(log(5), false).write(&dir);
    let path = dir.join("tile/entries/000.p/5");
    fs::rename(&path, dir.join("elsewhere")).expect("renamed");
    std::os::unix::fs::symlink(dir.join("elsewhere"), &path).expect("linked");
    assert_eq!(bundle::directory(&dir, &vkey()).exit_code(), 1);
}
