//! Tampered exports: each is refused with its exit code, and the entry that was touched is named.
//! The same log untouched is confirmed.

use std::fs;

use countersign_audit::{
    verify::{self, Integrity, Walker, bundle},
    write::leaf,
};
use proptest::prelude::*;

use crate::support::{Export, ORIGIN, chain, event, folder, log, root, vkey};

/// Where bytes of a body are that can change without the JSON breaking.
pub fn change_text(leaf: &mut [u8]) {
    let at = leaf.windows(8).position(|w| w == b"\"boot_1\"").expect("every event has it");
    leaf[at + 1] = b'B';
}

fn change_prev(leaf: &mut [u8]) {
    leaf[12] = if leaf[12] == b'A' { b'B' } else { b'A' };
}

/// Name, what is done, exit code, entry named without and with hash tiles.
type Case = (&'static str, fn(&mut Export), u8, Option<u64>);

const CASES: &[Case] = &[
    ("nothing", |_| {}, 0, None),
    ("first entry changed", |x| change_text(&mut x.leaves[0]), 1, Some(0)),
    ("middle entry changed", |x| change_text(&mut x.leaves[100]), 1, Some(100)),
    ("entry at the end of a bundle changed", |x| change_text(&mut x.leaves[255]), 1, Some(255)),
    ("entry at the start of a bundle changed", |x| change_text(&mut x.leaves[256]), 1, Some(256)),
    ("entry before the last changed", |x| change_text(&mut x.leaves[298]), 1, Some(298)),
    ("last entry changed", |x| change_text(&mut x.leaves[299]), 1, Some(299)),
    ("two neighbours changed", |x| x.leaves[7..9].iter_mut().for_each(|l| change_text(l)), 1, Some(7)),
    ("two far entries changed", |x| [200, 30].map(|n| change_text(&mut x.leaves[n])).into_iter().collect(), 1, Some(30)),
    ("_prev of the first entry", |x| change_prev(&mut x.leaves[0]), 1, Some(0)),
    ("_prev of a middle entry", |x| change_prev(&mut x.leaves[100]), 1, Some(100)),
    ("_prev of the last entry", |x| change_prev(&mut x.leaves[299]), 1, Some(299)),
    ("broken JSON", |x| x.leaves[42][60] = b'"', 1, Some(42)),
    (
        "not UTF-8",
        |x| {
            let n = x.leaves[42].len() - 20;
            x.leaves[42][n] = 0xff;
        },
        1,
        Some(42),
    ),
    ("CRLF after an entry", |x| x.leaves[42].extend(b"\r\n"), 1, Some(42)),
    ("entry emptied", |x| x.leaves[42].clear(), 1, Some(42)),
    ("first entry dropped", |x| drop(x.leaves.remove(0)), 1, Some(0)),
    ("middle entry dropped", |x| drop(x.leaves.remove(100)), 1, Some(100)),
    ("last entry dropped", |x| drop(x.leaves.pop()), 1, Some(299)),
    ("two swapped", |x| x.leaves.swap(100, 101), 1, Some(100)),
    ("two far swapped", |x| x.leaves.swap(10, 290), 1, Some(10)),
    (
        "one inserted",
        |x| {
            let l = x.leaves[5].clone();
            x.leaves.insert(100, l);
        },
        1,
        Some(100),
    ),
    (
        "one duplicated",
        |x| {
            let l = x.leaves[100].clone();
            x.leaves.insert(101, l);
        },
        1,
        Some(101),
    ),
    (
        "one appended",
        |x| {
            let l = x.leaves[0].clone();
            x.leaves.push(l);
        },
        1,
        Some(300),
    ),
    ("tail truncated", |x| x.leaves.truncate(270), 1, Some(270)),
    (
        "replaced by another event, chained on",
        |x| {
            x.leaves = chain((0..300).map(|n| event(if n == 100 { 700 } else { n }).body().expect("proper")));
        },
        1,
        None,
    ),
];

#[test]
fn every_tampering_is_found_and_its_entry_named() {
    for with_tiles in [false, true] {
        let whole = Export::new(log(300), with_tiles);
        for (name, tamper, exit, seq) in CASES {
            let mut export = whole.clone();
            tamper(&mut export);
            export.pack();
            let report = export.verify("tamper-case");
            assert_eq!(report.exit_code(), *exit, "{name}: {}", report.to_text());
            let named = report.first_bad.as_ref().and_then(|f| f.seq);
            let rechained = name.contains("chained on");
            let expected = match (rechained, with_tiles) {
                (true, true) => Some(100),
                (true, false) => Some(299),
                (false, _) => *seq,
            };
            assert_eq!(named, expected, "{name}, tiles {with_tiles}: {}", report.to_text());
        }
    }
}

#[test]
fn a_chain_made_anew_without_the_key_is_told_from_a_broken_link() {
    let mut export = Export::new(log(5), false);
    export.leaves = chain((0..5).map(|n| event(n + 3).body().expect("proper")));
    export.pack();
    let report = export.verify("rechained");
    let first = report.first_bad.expect("named");
    assert!(first.what.contains("though every link holds") && first.what.contains("chained anew"), "{}", first.what);
}

#[test]
fn every_part_of_a_bundle_counts() {
    let leaves = log(3);
    for with_tiles in [false, true] {
        let dir = folder("every-part");
        Export::new(leaves.clone(), with_tiles).write(&dir);
        let path = dir.join("tile/entries/000.p/3");
        let bytes = fs::read(&path).expect("there");
        let mut start = 0;
        for (seq, leaf) in (0..).zip(&leaves) {
            let end = start + 2 + leaf.len();
            // All of the lengths and the chain, every 17th byte of the body.
            for at in (start..end).filter(|at| at - start < 70 || at % 17 == 0 || end - at < 3) {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1;
                fs::write(&path, &flipped).expect("written");
                let report = bundle::directory(&dir, &vkey());
                assert_eq!(report.exit_code(), 1, "byte {at}");
                assert_eq!(report.first_bad.as_ref().and_then(|f| f.seq), Some(seq), "byte {at}: {}", report.to_text());
            }
            start = end;
        }
        assert_eq!(start, bytes.len());
    }
}

#[test]
fn entries_of_another_log_are_refused_though_signed() {
    let leaves = chain((0..3).map(|n| {
        let mut event = event(n);
        event.log = if n == 1 { "other.example/audit/1".to_owned() } else { event.log };
        event.body().expect("proper")
    }));
    let report = Export::new(leaves, false).verify("other-log");
    assert_eq!(report.first_bad.as_ref().map(|f| (f.seq, f.what.contains("`log` is"))), Some((Some(1), true)));
    assert_eq!(report.computed_root, report.root);
    assert_eq!(report.integrity(), Integrity::Wrong);
}

#[test]
fn a_walk_over_rows_tells_the_same() {
    let mut leaves = log(20);
    let signed = root(&leaves);
    let mut walker = Walker::new(ORIGIN);
    assert!(leaves.iter().all(|leaf| walker.push(leaf).is_ok()));
    assert_eq!((walker.size(), walker.root(), walker.last()), (20, signed, leaf::leaf_hash(&leaves[19])));
    assert_eq!(walker.finish(Some(&signed)).findings, []);

    change_text(&mut leaves[7]);
    let mut walker = Walker::new(ORIGIN);
    let told: Vec<_> = leaves.iter().filter_map(|leaf| walker.push(leaf).err()).collect();
    assert_eq!(told.iter().map(|f| f.seq).collect::<Vec<_>>(), [Some(7)]);
    assert_eq!(walker.finish(Some(&signed)).findings.len(), 2);
}

#[test]
fn a_clock_set_back_is_a_note_and_no_fault() {
    let leaves = chain([3, 1, 2].map(|n| event(n).body().expect("proper")));
    let report = Export::new(leaves, false).verify("clock");
    assert_eq!(report.exit_code(), 0);
    assert!(report.notes[0].contains("1 entries carry an earlier time"), "{:?}", report.notes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_change_of_any_byte_is_found(entry in 0_usize..30, place in any::<prop::sample::Index>(), other in 1_u8..=255) {
        let mut leaves = log_cached().to_vec();
        let at = place.index(leaves[entry].len());
        leaves[entry][at] ^= other;
        let mut walker = Walker::new(ORIGIN);
        leaves.iter().for_each(|leaf| drop(walker.push(leaf)));
        let walk = walker.finish(Some(&verify::tree::root(&log_cached().iter().map(|l| leaf::leaf_hash(l)).collect::<Vec<_>>())));
        prop_assert_eq!(walk.findings.first().and_then(|f| f.seq), Some(entry as u64));
    }
}

fn log_cached() -> &'static [Vec<u8>] {
    static LOG: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    LOG.get_or_init(|| log(30))
}
