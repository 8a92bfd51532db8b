//! Texts and files of contacts from the command line: no configuration and no database is needed.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::kill::{Out, Site, finish, program};

/// Runs with bytes on standard input.
fn with_input(args: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = program(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // The program may stop reading before the end.
    let feed = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let out = child.wait_with_output().expect("ends");
    feed.join().expect("feeds");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (out.status.code().unwrap_or(-1), text(out.stdout), text(out.stderr))
}

#[test]
fn a_text_is_counted_byte_for_byte() {
    let of = |input: &[u8], more: &[&str]| {
        let (code, out, err) = with_input(&[&["text", "segments"], more].concat(), input);
        assert_eq!((code, err.as_str()), (0, ""));
        serde_json::from_str::<Value>(&out).expect("JSON")
    };
    assert_eq!(of(&[b'a'; 160], &[]), json!({ "encoding": "GSM-7", "units": 160, "segments": 1 }));
    assert_eq!(of(&[&[b'a'; 160], b"\n".as_slice()].concat(), &["--json"]), json!({ "encoding": "GSM-7", "units": 161, "segments": 2 }));
    assert_eq!(of("\r\n".repeat(80).as_bytes(), &[]), json!({ "encoding": "GSM-7", "units": 160, "segments": 1 }));
    assert_eq!(of("\u{FEFF}hi".as_bytes(), &[]), json!({ "encoding": "UCS-2", "units": 3, "segments": 1 }));
    assert_eq!(of(b"", &[]), json!({ "encoding": "GSM-7", "units": 0, "segments": 1 }));
}

#[test]
fn what_is_no_text_or_far_too_long_is_refused() {
    for (input, says) in [(b"caf\xE9".to_vec(), "byte 4"), (vec![b'a'; 2_000_000], "longer than 1048576 bytes")] {
        let (code, out, err) = with_input(&["text", "segments"], &input);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.starts_with("error: ") && err.contains(says) && err.contains("hint: "), "{err}");
    }
}

fn import(content: &[u8], more: &[&str]) -> Out {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("contacts.csv");
    std::fs::write(&file, content).expect("writes");
    let file = file.display().to_string();
    finish(&mut program(&[&["contacts", "import", &file, "--list", "Spring", "--region", "US", "--dry-run"], more].concat()))
}

const MESSY: &str = "sep=;\r\nName;Mobile;Note\r\nAnna;(415) 555-2671;=1+1\r\nOmar;'+14155552672;\"a;b\"\r\n\r\nAgain;+1 415 555 2671;\r\nExcel;1.41555E+10;\r\nPlus;447911123456;\r\nFree;+1 800 555 1212;\r\nExt;415 555 2673 x9;\r\nNone;;\r\n";

#[test]
fn a_dry_run_counts_each_row_and_explains_each_refusal() {
    let seen = import(MESSY.as_bytes(), &["--json"]).expect(0).json();
    assert_eq!((&seen["rows"], &seen["accepted"], &seen["duplicates"]), (&json!(8), &json!(2), &json!(1)));
    let refused: Vec<_> = seen["refused"].as_array().expect("a list").iter().map(|r| (r["row"].clone(), r["reason"].clone())).collect();
    let right = [(4, "scientific_notation"), (5, "lost_plus"), (6, "kind_not_allowed"), (7, "extension"), (8, "empty")];
    assert_eq!(refused, right.map(|(row, reason)| (json!(row), json!(reason))));
    assert!(seen["refused"][0]["says"].as_str().expect("text").contains("spreadsheet"));
    assert_eq!(seen["reasons"]["lost_plus"], 1);
    assert_eq!((&seen["list"], &seen["delimiter"], &seen["encoding"], &seen["header"]), (&json!("Spring"), &json!(";"), &json!("utf-8"), &json!(true)));
    assert_eq!(seen["columns"][1], json!({ "name": "Mobile", "use": "phone" }));
    let words = import(MESSY.as_bytes(), &[]).expect(0).out;
    assert!(words.contains("accepted            2") && words.contains("row 4: a spreadsheet") && words.contains("Nothing was imported"), "{words}");
}

#[test]
fn bad_files_are_refused_with_one_sentence_and_nothing_on_standard_output() {
    let open = [b"phone\n+14155552671\n\"".as_slice(), &vec![b'x'; 600_000]].concat();
    for (content, says) in [
        (b"".to_vec(), "is empty"),
        (vec![0; 5_000], "no text"),
        (b"phone\n+14155552671\0\n".to_vec(), "no text"),
        (vec![b'x'; 2_000_000], "row 1 is longer than"),
        (open, "never closed"),
        (vec!["a"; 10_000].join(",").into_bytes(), "more than 256 columns"),
        (b"PK\x03\x04".to_vec(), "workbook"),
        (b"name,city\nAnna,Boston\n".to_vec(), "no column looks like telephone numbers"),
    ] {
        let out = import(&content, &["--json"]).expect(2);
        assert!(out.out.is_empty() && out.err.starts_with("error: ") && out.err.contains(says), "{says}: {out:?}");
    }
    let wrong = import(b"phone\n1\n", &["--phone", "fax"]).expect(2);
    assert!(wrong.err.contains("there is no column `fax`; there are: phone"), "{wrong:?}");
    let wrong = import(b"phone\n1\n", &["--region", "XX"]).expect(2);
    assert!(wrong.err.contains("region"), "{wrong:?}");
    let absent = finish(&mut program(&["contacts", "import", "/nowhere/x.csv", "--list", "L", "--dry-run"])).expect(2);
    assert!(absent.err.contains("/nowhere/x.csv"), "{absent:?}");
    assert!(finish(&mut program(&["contacts", "import", "/", "--list", "L", "--dry-run"])).expect(2).err.contains("is not a file"));
}

#[test]
fn the_console_takes_a_file_over_and_the_trail_says_so() {
    let site = Site::new();
    let file = site.beside("contacts.csv");
    std::fs::write(&file, MESSY).expect("writes");
    let import = |list: &str| site.run(&["contacts", "import", &file, "--list", list, "--region", "US", "--json"]).expect(0).json();
    let first = import("Spring");
    assert_eq!((&first["state"], &first["rows"], &first["created"], &first["duplicates"]), (&json!("done"), &json!(8), &json!(2), &json!(1)));
    assert_eq!((&first["refused"], &first["reasons"]["lost_plus"]), (&json!(5), &json!(1)));
    let again = import("spring");
    assert_eq!((&again["created"], &again["known"]), (&json!(0), &json!(2)));
    let out = site.beside("entries.jsonl");
    site.run(&["audit", "export", "--format", "jsonl", "--out", &out]).expect(0);
    let entries = std::fs::read_to_string(out).expect("reads");
    for (act, times) in [("import.stage", 2), ("import.begin", 2), ("import.batch", 2), ("import.end", 2), ("list.create", 1)] {
        assert_eq!(entries.matches(&format!("\"{act}\"")).count(), times, "{act}");
    }
    assert!(!entries.contains("4155552671") && !entries.contains("Anna"));
    let left: Vec<_> = std::fs::read_dir(site.data().join("imports")).expect("a folder").filter_map(Result::ok).map(|e| e.file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().ends_with(".errors.csv")), "{left:?}");
    let bad = site.beside("bad.csv");
    std::fs::write(&bad, "name,city\nAnna,Boston\n").expect("writes");
    assert!(site.run(&["contacts", "import", &bad, "--list", "L"]).expect(2).err.contains("no column looks like"));
}
