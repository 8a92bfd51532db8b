//! A log of more bundles than are read by one thread: what is told of it does not depend on who read it.
//! The edges are those of bundles, of tiles, and of what the verifier takes at once.

use crate::{
    both::Cases,
    sealed::{sealed_export, sealed_log},
    support::{Export, ORIGIN, event, folder, key, log, signed, vkey},
    tamper::change_text,
};

const SIZE: u64 = 2_700;

#[test]
fn a_log_of_many_bundles_is_told_of_as_one_of_few() {
    let leaves = log(SIZE);
    let whole = Export::new(leaves.clone(), true);
    let report = whole.verify("large");
    assert_eq!((report.exit_code(), report.entries_checked, report.tiles_checked), (0, SIZE, 12), "{}", report.to_text());
    assert_eq!(report.computed_root, report.root);
    for at in [0, 255, 256, 1500, 2559, 2560, 2699] {
        for with_tiles in [false, true] {
            let mut struck = Export::new(leaves.clone(), with_tiles);
            change_text(&mut struck.leaves[at]);
            struck.pack();
            let report = struck.verify("large-struck");
            assert_eq!((report.exit_code(), report.first_bad.as_ref().and_then(|f| f.seq)), (1, Some(at as u64)), "{}", report.to_text());
        }
    }
}

#[test]
fn both_come_to_one_verdict_on_many_bundles() {
    let Some(mut cases) = Cases::new("large-both") else { return };
    let (vkey, turns) = (key().vkey(ORIGIN), [300, 1_023, 1_024, 2_000]);
    let whole = sealed_export(sealed_log(SIZE, &turns, |seq| seq), &turns, |n| n);
    cases.add("epochs that end at the edges of bundles", &whole, &vkey, 0);
    for (name, at) in [("first of a bundle", 1_280), ("last of a bundle", 1_279), ("in a bundle", 700)] {
        let mut struck = whole.clone();
        change_text(&mut struck.leaves[at]);
        struck.pack();
        cases.add(name, &struck, &vkey, 1);
        let mut linked = whole.clone();
        linked.leaves[at][12] ^= 3;
        linked.pack();
        cases.add(format!("{name}: `_prev`"), &linked, &vkey, 1);
        let mut swapped = whole.clone();
        swapped.leaves.swap(at, at + 1);
        swapped.pack();
        cases.add(format!("{name}: swapped"), &swapped, &vkey, 1);
    }
    for path in ["tile/entries/003", "tile/entries/010.p/140", "tile/0/004", "tile/1/000.p/10"] {
        let mut without = whole.clone();
        without.files.remove(path).expect("there");
        cases.add(format!("{path}: removed"), &without, &vkey, 2);
        cases.add_altered(&whole, path, "cut", 1, |bytes| bytes.truncate(bytes.len() - 1));
        cases.add_altered(&whole, path, "a byte", 1, |bytes| bytes[40] ^= 1);
    }
    // Kept checkpoints at the edges of bundles, beside them and in between.
    for size in [1, 255, 256, 257, 1_279, 1_280, 1_281, 2_560, 2_699] {
        let file = cases.file(&format!("kept-{size}"), signed(&log(size)).as_bytes());
        cases.ask(format!("kept {size}"), &Export::new(log(SIZE), true), &["--key", &vkey, "--checkpoint", &file], 0);
        let other = crate::support::chain((0..size).map(|n| event(if n == 0 { 900 } else { n }).body().expect("proper")));
        let file = cases.file(&format!("other-{size}"), signed(&other).as_bytes());
        cases.ask(format!("another {size}"), &Export::new(log(SIZE), true), &["--key", &vkey, "--checkpoint", &file], 1);
    }
    cases.judge();
}

#[test]
fn a_clock_set_back_is_counted_the_same_over_bundles() {
    let dir = folder("large-clock");
    let back = |n: u64| if n == 256 || n == 700 { n - 200 } else { n };
    let leaves =
        crate::support::chain((0..SIZE).map(|n| countersign_audit::write::event::Event { ts_us: event(back(n)).ts_us, ..event(n) }.body().expect("proper")));
    Export::new(leaves, false).write(&dir);
    let report = countersign_audit::verify::bundle::directory(&dir, &vkey());
    assert_eq!(report.exit_code(), 0);
    assert!(report.notes.iter().any(|note| note.starts_with("2 entries carry an earlier time")), "{:?}", report.notes);
}
