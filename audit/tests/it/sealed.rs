//! Logs whose checkpoints are sealed by epoch keys, made from fixed seeds; what both verifiers say of their forms.
//! A change here changes the golden vector `sealed`.

use std::collections::BTreeMap;

use countersign_audit::{
    verify::{
        Pin,
        bundle::{self, Ask},
        vkey::Vkey,
    },
    write::{
        checkpoint::{self, SigningKey, epoch_name},
        event::{Event, Outcome},
        json::Value,
        leaf,
    },
};

use crate::{
    both::{Cases, python_is_here},
    support::{Export, ORIGIN, chain, event, folder, key, root, seed},
};

/// Places of the entries that end epochs 0, 1 and 2, in a log of 300.
pub const TURNS: [u64; 3] = [10, 100, 200];

/// The key of an epoch.
pub fn epoch_key(n: u64) -> SigningKey {
    SigningKey::from_seed(&seed(&format!("countersign-audit-vectors epoch {n}")))
}

pub fn epoch_vkey(n: u64) -> String {
    epoch_key(n).vkey(&epoch_name(ORIGIN))
}

/// The entry at `seq` that ends epoch `n`, naming the key `next_vkey`.
pub fn turn(seq: u64, n: i64, next_vkey: &str) -> Event {
    Event {
        action: "epoch.rotate".to_owned(),
        category: "system".to_owned(),
        outcome: Outcome::Ok,
        data: BTreeMap::from([("n".to_owned(), Value::Int(n)), ("next_vkey".to_owned(), Value::from(next_vkey))]),
        ts_us: event(seq).ts_us,
        id: event(seq).id,
        // Every third has the fewest fields.
        ..event(3 * seq)
    }
}

/// A log of `size` entries that end epochs at these places; `other` gives the number of the entry that stands at a place.
pub fn sealed_log(size: u64, turns: &[u64], other: impl Fn(u64) -> u64) -> Vec<Vec<u8>> {
    chain((0..size).map(|seq| {
        let ends = turns.iter().position(|turn| *turn == seq).map(|n| turn(seq, n as i64, &epoch_vkey(n as u64 + 1)));
        ends.unwrap_or_else(|| event(other(seq))).body().expect("proper")
    }))
}

/// The checkpoint over the first `size` of `leaves`, sealed by the key of epoch `n`.
pub fn sealed_note(leaves: &[Vec<u8>], size: u64, n: Option<u64>) -> String {
    let text = checkpoint::body(ORIGIN, size, &root(&leaves[..size as usize]));
    let note = key().sign_note(ORIGIN, &text).expect("proper");
    note + &n.map_or_else(String::new, |n| epoch_key(n).line(&epoch_name(ORIGIN), &text).expect("proper"))
}

/// The export of a sealed log, `by(n)` being the key that seals where that of epoch `n` must.
pub fn sealed_export(leaves: Vec<Vec<u8>>, turns: &[u64], by: impl Fn(u64) -> u64) -> Export {
    let mut export = Export::new(leaves, true);
    let size = export.leaves.len() as u64;
    for (n, turn) in (0..).zip(turns).skip(1) {
        if *turn < size {
            let note = sealed_note(&export.leaves, turn + 1, Some(by(n)));
            export.files.insert(format!("epoch/{n}"), note.into_bytes());
        }
    }
    let running = turns.iter().filter(|turn| **turn + 1 < size).count() as u64;
    let note = sealed_note(&export.leaves, size, (running > 0).then(|| by(running)));
    export.files.insert("checkpoint".to_owned(), note.into_bytes());
    export
}

fn pinned(key: &str) -> Ask {
    let parse = |text: &str| Ok(Vkey::parse(text).expect("a key"));
    Ask { key: Some(parse(&crate::support::key().vkey(ORIGIN))), epoch: Some(parse(key)), ..Ask::default() }
}

#[test]
fn every_size_is_sealed_by_the_key_whose_range_contains_it() {
    let Some(mut cases) = Cases::new("sealed-sizes") else { return };
    let vkey = key().vkey(ORIGIN);
    let turns = [2, 5, 8];
    for size in 0..13 {
        let leaves = sealed_log(size, &turns, |seq| seq);
        // The key that must seal: none up to the size that ended epoch 0, then each from there to its own end.
        let right = match size {
            0..=3 => None,
            4..=6 => Some(1),
            7..=9 => Some(2),
            _ => Some(3),
        };
        for n in [None, Some(1), Some(2), Some(3)] {
            let mut export = sealed_export(leaves.clone(), &turns, |n| n);
            export.files.insert("checkpoint".to_owned(), sealed_note(&export.leaves, size, n).into_bytes());
            // What is sealed before there is an epoch is passed over, as any signature by a key that nobody named.
            let fine = right.is_none() || n == right;
            cases.add(format!("{size} entries sealed by {n:?}"), &export, &vkey, u64::from(!fine));
        }
    }
    cases.judge();
}

#[test]
fn a_report_tells_of_epochs_and_of_the_key_that_was_given() {
    let dir = folder("sealed-report");
    sealed_export(sealed_log(300, &TURNS, |seq| seq), &TURNS, |n| n).write(&dir);
    for n in 1..=3 {
        let report = bundle::examine(&dir, &pinned(&epoch_vkey(n)));
        assert_eq!((report.exit_code(), report.epochs, report.sealed_from, report.pin), (0, Some(3), Some(11), Pin::Named), "{}", report.to_text());
        assert!(!report.notes.iter().any(|note| note.contains("signatures")), "the seal is no stranger's signature: {:?}", report.notes);
    }
    let report = bundle::examine(&dir, &pinned(&epoch_vkey(4)));
    assert_eq!((report.exit_code(), report.pin), (1, Pin::NotNamed));
    std::fs::remove_file(dir.join("tile/entries/000")).expect("removed");
    let report = bundle::examine(&dir, &pinned(&epoch_vkey(1)));
    assert_eq!((report.exit_code(), report.epochs, report.pin), (2, None, Pin::NotTold));
}

#[test]
fn both_read_entries_that_end_epochs_alike() {
    if !python_is_here() {
        return;
    }
    let mut cases = Cases::new("sealed-entries").expect("Python is here");
    let vkey = key().vkey(ORIGIN);
    let good = turn(2, 0, &epoch_vkey(1));
    let signed = |event: &Event| {
        let leaves = chain([event_body(0), event_body(1), event.body().expect("proper"), event_body(3)]);
        let mut export = Export::new(leaves, false);
        let note = sealed_note(&export.leaves, 4, Some(1));
        export.files.insert("checkpoint".to_owned(), note.into_bytes());
        export
    };
    cases.add("proper", &signed(&good), &vkey, 0);
    let with = |data: &[(&str, Value)]| {
        let data = data.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        signed(&Event { data, ..good.clone() })
    };
    let next = || Value::from(&*epoch_vkey(1));
    for (name, data) in [
        ("no number", vec![("next_vkey", next())]),
        ("no key", vec![("n", Value::Int(0))]),
        ("one more", vec![("n", Value::Int(0)), ("next_vkey", next()), ("x", Value::Int(0))]),
        ("a negative number", vec![("n", Value::Int(-1)), ("next_vkey", next())]),
        ("a number as text", vec![("n", Value::from("0")), ("next_vkey", next())]),
        ("another number", vec![("n", Value::Int(1)), ("next_vkey", next())]),
        ("a key that is none", vec![("n", Value::Int(0)), ("next_vkey", Value::from("key"))]),
        ("the log's own key", vec![("n", Value::Int(0)), ("next_vkey", Value::from(&*key().vkey(ORIGIN)))]),
        ("another log's key", vec![("n", Value::Int(0)), ("next_vkey", Value::from(&*epoch_key(1).vkey("other.example/epoch")))]),
    ] {
        cases.add(name, &with(&data), &vkey, 1);
    }
    cases.add("no data", &signed(&Event { data: BTreeMap::new(), ..good.clone() }), &vkey, 1);
    // Refused or failed, it ended nothing: then no seal is asked for.
    cases.add("refused", &signed(&Event { outcome: Outcome::Denied, ..good.clone() }), &vkey, 0);
    // One key for two epochs.
    let leaves = chain([event_body(0), good.body().expect("proper"), turn(2, 1, &epoch_vkey(1)).body().expect("proper"), event_body(3)]);
    let mut export = Export::new(leaves, false);
    export.files.insert("epoch/1".to_owned(), sealed_note(&export.leaves, 3, Some(1)).into_bytes());
    export.files.insert("checkpoint".to_owned(), sealed_note(&export.leaves, 4, Some(1)).into_bytes());
    cases.add("a key twice", &export, &vkey, 1);
    // What lies beside the ends of epochs.
    let whole = sealed_export(sealed_log(12, &[2, 5, 8], |seq| seq), &[2, 5, 8], |n| n);
    cases.add("whole", &whole, &vkey, 0);
    for name in ["0", "3", "4", "01", "+1", "x", "1.p/1"] {
        let mut more = whole.clone();
        more.files.insert(format!("epoch/{name}"), whole.files["epoch/1"].clone());
        cases.add(format!("epoch/{name}"), &more, &vkey, 1);
    }
    for (path, bytes) in &whole.files {
        if path.starts_with("epoch/") || path == "checkpoint" {
            for at in (0..bytes.len()).step_by(7) {
                cases.add_altered(&whole, path, &format!("byte {at}"), 1, |b| b[at] ^= 1);
            }
        }
    }
    cases.judge();
}

#[test]
fn both_take_the_epoch_key_alike() {
    let Some(mut cases) = Cases::new("sealed-keys") else { return };
    let whole = sealed_export(sealed_log(12, &[2, 5, 8], |seq| seq), &[2, 5, 8], |n| n);
    let (vkey, first) = (key().vkey(ORIGIN), epoch_vkey(1));
    let (file, junk) = (cases.file("epoch", format!("{first}\n").as_bytes()), cases.file("junk", b"nothing of use"));
    let none = format!("{file}-none");
    for (given, exit) in [(&first, 0), (&file, 0), (&epoch_vkey(3), 0), (&epoch_vkey(4), 1), (&vkey, 1), (&junk, 1), (&format!("{first}A"), 1), (&none, 2)] {
        cases.ask(given, &whole, &["--key", &vkey, "--epoch", given], exit);
    }
    cases.judge();
}

fn event_body(n: u64) -> Vec<u8> {
    event(n).body().expect("proper")
}

#[test]
fn an_entry_that_ends_an_epoch_is_the_last_of_its_checkpoint() {
    let leaves = sealed_log(12, &[2, 5, 8], |seq| seq);
    let export = sealed_export(leaves.clone(), &[2, 5, 8], |n| n);
    for (n, end) in [(1, 6), (2, 9)] {
        let note = String::from_utf8(export.files[&format!("epoch/{n}")].clone()).expect("UTF-8");
        assert!(note.starts_with(&format!("{ORIGIN}\n{end}\n")), "{note}");
        assert_eq!(note.matches('\u{2014}').count(), 2);
    }
    assert!(leaves.iter().all(|l| l.len() <= leaf::BODY_BYTES_MAX));
}
