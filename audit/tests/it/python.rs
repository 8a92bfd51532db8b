//! The second verifier, `verify.py`, beside the binary: over golden vectors, tampered exports, odd entries, notes and keys
//! both come to one verdict. It was made from README.md alone, so where they differ one of them or the text is wrong.

use std::{fs, process::Command};

use base64::{Engine, prelude::BASE64_STANDARD as B64};
use countersign_audit::write::checkpoint::{self, SigningKey};
use sha2::{Digest, Sha256};

use crate::{
    both::{AUDIT, BINARY, Cases, both, python_is_here, ran, report, text, verdict},
    support::{Export, ORIGIN, chain, event, folder, key, log, root, seed},
    tamper::change_text,
};

#[test]
fn both_confirm_the_golden_vectors() {
    if !python_is_here() {
        return;
    }
    let vkey = format!("{AUDIT}/tests/vectors/vkey");
    for name in ["empty", "five", "three-hundred", "sealed"] {
        let args = [&format!("{AUDIT}/tests/vectors/{name}"), "--key", &vkey, "--json"];
        let script = || ran(Command::new("python3").args(["-B", &format!("{AUDIT}/verify.py")]).args(args));
        let (first, second) = (ran(Command::new(BINARY).args(args)), script());
        assert_eq!((first.0, second.0), (0, 0), "{name}");
        assert_eq!(second, script(), "the same each time");
        let (first, second) = (report(&first.1), report(&second.1));
        assert_eq!(verdict(&first), verdict(&second));
        for part in ["computed_root", "entries_checked", "findings", "findings_total", "first_bad", "tiles_checked"] {
            assert_eq!(first[part], second[part], "{name}: {part}");
        }
    }
}

#[test]
fn both_take_one_command_line() {
    if !python_is_here() {
        return;
    }
    let (five, other) = (format!("{AUDIT}/tests/vectors/five"), SigningKey::from_seed(&seed("other")).vkey(ORIGIN));
    let (dir, nothing) = (folder("python-command"), folder("python-empty"));
    let put = |name: &str, bytes: &[u8]| {
        fs::write(dir.join(name), bytes).expect("written");
        format!("{}/{name}", text(&dir))
    };
    let good = key().vkey(ORIGIN);
    let (file, bare) = (put("key", format!("{good}\n").as_bytes()), put("a+b+c", good.as_bytes()));
    let (twice, junk, empty) = (put("twice", format!("{good}\n{good}\n").as_bytes()), put("junk", b"nothing of use"), put("empty", b""));
    let (none, longer, joined) = (format!("{}/none", text(&dir)), format!("{good}A"), format!("--key={good}"));
    let mut cases = vec![(0, vec!["--json", &joined, &five]), (0, vec!["--help"]), (2, vec![]), (2, vec!["dir"])];
    cases.extend([&file, &bare].map(|key| (0, vec![&*five, "--key", key])));
    cases.extend([&other, &longer, &twice, &junk, &empty].map(|key| (1, vec![&*five, "--key", key])));
    cases.push((1, vec![&none, "--key", &longer]));
    for (dir, key) in [(&*five, &*none), (&five, ""), (&none, &good), (&file, &good), (text(&nothing), &good)] {
        cases.push((2, vec![dir, "--key", key]));
    }
    cases.extend([&["dir", "--key"][..], &["--key", "k"], &["a", "b", "--key", "k"]].map(|args| (2, args.to_vec())));
    cases.extend([&["--key", "k"][..], &["--quiet"], &["--js"]].map(|more| (2, [&[&*five, "--key", &good], more].concat())));
    let words: Vec<_> = cases.iter().map(|case| case.1.clone()).collect();
    for ((exit, args), [first, second]) in cases.iter().zip(both(&dir, &words)) {
        assert_eq!((first.0, second.0), (*exit, *exit), "{args:?}");
        assert_eq!(first.1.is_empty(), second.1.is_empty(), "{args:?}");
    }
}

#[test]
fn both_find_every_flipped_bit_and_every_cut() {
    let Some(mut cases) = Cases::new("python-flips") else { return };
    for with_tiles in [false, true] {
        let whole = Export::new(log(3), with_tiles);
        cases.add("untouched", &whole, &key().vkey(ORIGIN), 0);
        cases.add("another key", &whole, &SigningKey::from_seed(&seed("other")).vkey(ORIGIN), 1);
        for (path, bytes) in &whole.files {
            let step = if bytes.len() > 1000 { 89 } else { 17 };
            for at in (usize::from(with_tiles)..bytes.len()).step_by(step) {
                for bit in 0..8 {
                    cases.add_altered(&whole, path, &format!("bit {bit} of byte {at}"), 1, |b| b[at] ^= 1 << bit);
                }
            }
            for left in [0, 1, bytes.len() / 2, bytes.len() - 1] {
                cases.add_altered(&whole, path, &format!("cut to {left}"), 1, |b| b.truncate(left));
            }
            cases.add_altered(&whole, path, "a byte more", 1, |b| b.push(0));
            let mut without = whole.clone();
            without.files.remove(path);
            // An export of one tile without it has none, which is allowed.
            let exit = if path.starts_with("tile/0/") { 0 } else { 2 };
            cases.add(format!("{path}: removed"), &without, &key().vkey(ORIGIN), exit);
        }
    }
    cases.judge();
}

#[test]
fn both_name_the_entry_that_was_touched() {
    type Touch = (&'static str, fn(&mut Export));
    const TOUCHES: &[Touch] = &[
        ("first changed", |x| change_text(&mut x.leaves[0])),
        ("last changed", |x| change_text(&mut x.leaves[299])),
        ("two neighbours changed", |x| x.leaves[7..9].iter_mut().for_each(|l| change_text(l))),
        ("`_prev` of the first", |x| x.leaves[0][12] = b'B'),
        ("`_prev` at a bundle's start", |x| x.leaves[256][12] ^= 3),
        ("`_prev` of the last", |x| x.leaves[299][12] ^= 3),
        ("two swapped across bundles", |x| x.leaves.swap(255, 256)),
        ("one dropped", |x| drop(x.leaves.remove(100))),
        ("one twice", |x| x.leaves.insert(100, x.leaves[100].clone())),
        ("one more at the end", |x| x.leaves.push(x.leaves[0].clone())),
        ("tail cut", |x| x.leaves.truncate(270)),
        ("chained anew", |x| x.leaves = chain((0..300).map(|n| event(n ^ u64::from(n == 100)).body().expect("proper")))),
    ];
    let Some(mut cases) = Cases::new("python-touched") else { return };
    for with_tiles in [false, true] {
        let whole = Export::new(log(300), with_tiles);
        for (name, touch) in TOUCHES {
            let mut export = whole.clone();
            touch(&mut export);
            export.pack();
            cases.add(*name, &export, &key().vkey(ORIGIN), 1);
        }
        for path in whole.files.keys().filter(|path| *path != "checkpoint") {
            let mut without = whole.clone();
            without.files.remove(path);
            cases.add(format!("{path}: removed"), &without, &key().vkey(ORIGIN), 2);
            cases.add_altered(&whole, path, "first byte", 1, |b| b[0] ^= 1);
            cases.add_altered(&whole, path, "last byte gone", 1, |b| b.truncate(b.len() - 1));
        }
    }
    let whole = Export::new(log(300), true);
    for surplus in ["tile/x", "tile/entries/002", "tile/entries/000.p/44", "tile/0/x000/000", "tile/00/000", "tile/2/000.p/1", "tile/1/000"] {
        let mut export = whole.clone();
        export.files.insert(surplus.to_owned(), vec![0; 32]);
        cases.add(surplus, &export, &key().vkey(ORIGIN), 1);
    }
    let mut beside = whole;
    beside.files.insert("notes/README".to_owned(), Vec::new());
    cases.add("a file beside", &beside, &key().vkey(ORIGIN), 0);
    cases.judge();
}

/// Two entries, the second with `from` replaced, chained and signed as if all were well.
fn signed_oddity(from: &str, to: &str) -> Export {
    let body = String::from_utf8(event(1).body().expect("proper")).expect("UTF-8");
    assert!(body.contains(from), "{from}");
    Export::new(chain([event(0).body().expect("proper"), body.replacen(from, to, 1).into_bytes()]), false)
}

#[test]
fn both_read_one_grammar() {
    const NODE: &str = r#""node":"a""#;
    const LEN: &str = r#""len":12"#;
    const URGENT: &str = r#""urgent":true"#;
    let Some(mut cases) = Cases::new("python-grammar") else { return };
    let mut odd = |from: &str, to: &str, exit| cases.add(to, &signed_oddity(from, to), &key().vkey(ORIGIN), exit);
    for inner in ["", "\u{7f}", "\u{85}", "\u{2028}", "\u{feff}", "\u{10ffff}", "e\u{301}", r#"\"\\\b\t\n\f\r\u0000\u000b\u001f"#] {
        odd(NODE, &format!(r#""node":"{inner}""#), 0);
    }
    for inner in [r"\u000B", r"\u0008", r"\u0020", r"\u007f", r"\ud800", r"\ud83d\ude00", r"\/", r"\x", "\t", "\n", "\0", r"\u00"] {
        odd(NODE, &format!(r#""node":"{inner}""#), 1);
    }
    for (number, exit) in [("0", 0), ("9007199254740991", 0), ("9007199254740992", 1), ("18446744073709551616", 1), ("-0", 1), ("-1", 1)] {
        odd(LEN, &format!(r#""len":{number}"#), exit);
    }
    for number in ["+1", "01", "1.0", "1e1", "1.", ".1", "NaN", "0x1", "1_0", "\u{661}", "", "true", "null", "\"12\""] {
        odd(LEN, &format!(r#""len":{number}"#), 1);
    }
    for value in ["-9007199254740991", "[]", "{}", "null", "[null,[],{}]", r#"{"a0":1,"a_":1,"aa":1}"#] {
        odd(URGENT, &format!(r#""urgent":{value}"#), 0);
    }
    for value in [r#"{"b":1,"a":1}"#, r#"{"a":1,"a":1}"#, r#"{"A":1}"#, r#"{"_seq":1}"#, r#"{"":1}"#, r#"{"a":1,}"#, "[1,]", "[1 ]", "1.5", "-"] {
        odd(URGENT, &format!(r#""urgent":{value}"#), 1);
    }
    for (deep, exit) in [(14, 0), (15, 1), (5000, 1)] {
        odd(URGENT, &format!(r#""urgent":{}{}"#, "[".repeat(deep), "]".repeat(deep)), exit);
        odd(URGENT, &format!(r#""urgent":{}1{}"#, r#"{"a":"#.repeat(deep), "}".repeat(deep)), exit);
    }
    for (day, exit) in [("0000-02-29", 0), ("2000-02-29", 0), ("9999-12-31", 0), ("1900-02-29", 1), ("2024-04-31", 1), ("2024-00-10", 1)] {
        odd("2025-11-22", day, exit);
    }
    for time in ["24:00:00.000000Z", "02:60:00.000000Z", "23:59:60.000000Z", "02:11:48.00000Z", "02:11:48.000000z", "02:11:48,000000Z"] {
        odd("02:11:49.000003Z", time, 1);
    }
    for (from, to) in [
        (NODE, r#""node":"a","node":"a""#),
        (NODE, r#""node":"a","nodf":1"#),
        (NODE, r#""node": "a""#),
        (NODE, r#""node":null"#),
        (r#""node":"a","#, ""),
        (r#""v":1"#, r#""v":true"#),
        (r#""v":1}"#, r#""v":1,}"#),
        (r#""outcome":"ok""#, r#""outcome":"Ok""#),
        (r#""action":"user.role.grant""#, r#""action":"user""#),
        (r#""action":"user.role.grant""#, r#""action":"user..grant""#),
        (r#""type":"message""#, r#""type":"Message""#),
        (r#""refs":["evt_x","ev_1"]"#, r#""refs":[]"#),
        (r#""id":"evt_0"#, r#""id":"evt_A"#),
        (r#""log":"countersign"#, r#""log":"other"#),
        (r#"=","f":"role""#, r#"A","f":"role""#),
        (r#"=","f":"role""#, r#"","f":"role""#),
    ] {
        odd(from, to, 1);
    }
    for (last, exit) in [("A=", 0), ("B=", 1), ("A", 1), ("AA", 1), ("A==", 1), ("_=", 1), ("A=\\n", 1)] {
        odd(r#""change":[{"#, &format!(r#""change":[{{"after_c":"{}{last}","#, "A".repeat(42)), exit);
    }
    cases.judge();
}

#[test]
fn both_read_notes_and_keys_alike() {
    let Some(mut cases) = Cases::new("python-notes") else { return };
    let whole = Export::new(log(2), false);
    let note = String::from_utf8(whole.files["checkpoint"].clone()).expect("UTF-8");
    let (body, line) = note.split_once("\n\n").expect("a note");
    let blob = B64.decode(line.trim_end().rsplit(' ').next().expect("base64")).expect("base64");
    let line_of = |name: &str, blob: &[u8]| format!("\u{2014} {name} {}\n", B64.encode(blob));
    let mut with = |name: &str, note: String, vkey: &str, exit| {
        let mut export = whole.clone();
        export.files.insert("checkpoint".to_owned(), note.into_bytes());
        cases.add(name, &export, vkey, exit);
    };
    let vkey = key().vkey(ORIGIN);
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\u{7f}b", "a\u{85}b", "a\u{3000}b"] {
        with("a line's name", format!("{note}{}", line_of(name, &[0; 68])), &vkey, 1);
    }
    for (length, exit) in [(3, 1), (4, 1), (5, 0), (68, 0), (76, 0), (2428, 0)] {
        with("a line's length", format!("{note}{}", line_of("other.example", &vec![0; length])), &vkey, exit);
    }
    with("100 lines", format!("{note}{}", line_of("other.example", &[0; 68]).repeat(99)), &vkey, 0);
    with("101 lines", format!("{note}{}", line_of("other.example", &[0; 68]).repeat(100)), &vkey, 1);
    with("own line twice", format!("{note}{line}"), &vkey, 0);
    with("own line and a wrong one", format!("{note}{}", line_of(ORIGIN, &[&blob[..67], &[blob[67] ^ 1]].concat())), &vkey, 1);
    with("own name or own id", format!("{note}{}{}", line_of(ORIGIN, &[0; 68]), line_of("other.example", &blob)), &vkey, 0);
    for odd in [format!("{body}\n"), format!("{note}\n"), format!("{body}\n\n\n{line}"), note.replace('\n', "\r\n"), note.replace('\u{2014}', "-")] {
        with("the note's form", odd, &vkey, 1);
    }
    // S plus the order of the group: another form of the same signature.
    let order = B64.decode("7dP1XBpjEljWnPei3vneFAAAAAAAAAAAAAAAAAAAABA=").expect("base64");
    let (mut malleable, mut carry) = (blob.clone(), 0_u16);
    for (byte, add) in malleable[36..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    with("malleable", format!("{body}\n\n{}", line_of(ORIGIN, &malleable)), &vkey, 1);
    // Zero, one, minus one, a point of order eight, three plus the modulus: as key, and as the signature's point.
    let mut points = [[0; 32], [0; 32], [0xff; 32], [0; 32], [0xff; 32]];
    (points[1][0], points[2][0], points[2][31], points[4][0], points[4][31]) = (1, 0xec, 0x7f, 0xf0, 0x7f);
    points[3].copy_from_slice(&B64.decode("xxdqcD1N2E+6PAt2DRBnDyogU/osOczGTsf9d5KsA3o=").expect("base64"));
    for point in points {
        let typed = [&[1][..], &point].concat();
        let id = &Sha256::digest([ORIGIN.as_bytes(), b"\n", &typed].concat())[..4];
        let weak = format!("{ORIGIN}+{:08x}+{}", u32::from_be_bytes(id.try_into().expect("four bytes")), B64.encode(&typed));
        with("weak key", format!("{body}\n\n{}", line_of(ORIGIN, &[id, &point, &[0; 32]].concat())), &weak, 1);
        with("weak point", format!("{body}\n\n{}", line_of(ORIGIN, &[&blob[..4], &point, &[0; 32]].concat())), &vkey, 1);
    }
    let text = checkpoint::body(ORIGIN, 2, &root(&log(2)));
    for (text, exit) in [
        (text.clone(), 0),
        (text.replace("\n2\n", "\n02\n"), 1),
        (text.replace("\n2\n", "\n+2\n"), 1),
        (text.replace("\n2\n", "\n9223372036854775808\n"), 1),
        (text.replace("\n2\n", "\n3\n"), 1),
        (text.replace("\n2\n", "\n0\n"), 1),
        (text.replace('=', ""), 1),
        (format!("{text}extension\n"), 1),
        (text.replace(ORIGIN, "other.example"), 1),
        (checkpoint::body(ORIGIN, 0, &root(&[])), 1),
    ] {
        with(&text, key().sign_note(ORIGIN, &text).expect("proper"), &vkey, exit);
    }
    // By the right key, with the neutral element as its point: whoever does not refuse small orders takes it.
    let lax = B64.decode("QwTgHQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMz+xAkwSb6ai/YW2vuTwg2M95lWiLt8XDq5yNnljZQ0=").expect("base64");
    let mut export = Export::new(Vec::new(), false);
    cases.add("empty", &export, &vkey, 0);
    export.files.insert("checkpoint".to_owned(), format!("{}\n{}", checkpoint::body(ORIGIN, 0, &root(&[])), line_of(ORIGIN, &lax)).into());
    cases.add("neutral point", &export, &vkey, 1);
    cases.judge();
}
