//! A log whose first epochs ended below the place that it was pruned to: their seals hold by what is retained and by the hashes
//! that stand in for the rest. Attacks 10 and 37.

use std::collections::BTreeMap;

use super::{
    Hand, family,
    taken::{act, bodies, days},
};
use crate::{
    sealed::{epoch_vkey, sealed_export, turn},
    support::{ORIGIN, key},
};

/// Places of the entries that end epochs: three below the minimum, and one behind it.
const TURNS: [u64; 4] = [10, 100, 200, 600];
/// The place of the entry that says what was pruned.
const PRUNED: u64 = 850;

/// A log of 900 of which the first 256 are pruned on this day under a retention of 400. Nothing else is in the bundle behind
/// them than plain entries.
fn aged_by(turns: &[u64], day: i64, other: Option<u64>, by: fn(u64) -> u64) -> Hand {
    let mut script = BTreeMap::from([
        (3, act(3, "retention.propose", "usr_a", "rtn_1", 0, &[("days", days(400))])),
        (5, act(5, "retention.approve", "usr_b", "rtn_1", 0, &[("days", days(400))])),
        (PRUNED, act(PRUNED, "log.pruned", "usr_s", "prn_1", day, &[("min_index", days(256)), ("days", days(400))])),
    ]);
    script.extend((0..).zip(turns).map(|(n, seq)| (*seq, turn(*seq, n, &epoch_vkey(n.unsigned_abs() + 1)))));
    script.extend(other.map(|seq| (seq, act(seq, "trail.read", "usr_z", "x", 0, &[]))));
    let plain = |n| act(n, "trail.read", "usr_a", "x", if n < 700 { 0 } else { day }, &[]);
    let leaves = bodies((0..900).map(|n| script.remove(&n).unwrap_or_else(|| plain(n))));
    let kept: [&[u8]; 2] = [br#""action":"retention."#, br#""action":"epoch.rotate"#];
    let retained = leaves[..256].iter().filter(|leaf| kept.iter().any(|act| leaf.windows(act.len()).any(|w| w == *act)));
    let retained: Vec<u8> = retained.flat_map(|leaf| [leaf, &b"\n"[..]].concat()).collect();
    let mut export = sealed_export(leaves, turns, by);
    export.files.insert("retained.jsonl".to_owned(), retained);
    export.files.remove("tile/entries/000");
    Hand { export, own: vec![("--key", key().vkey(ORIGIN)), ("--epoch", epoch_vkey(1))] }
}

fn aged() -> Hand {
    aged_by(&TURNS, 500, None, |n| n)
}

/// The same, and the auditor knows no key of an epoch.
fn unpinned() -> Hand {
    let hand = aged();
    Hand { own: hand.own[..1].to_vec(), ..hand }
}

/// All of its epochs but the one that runs ended below the minimum, and the auditor knows no key of them.
fn quiet() -> Hand {
    let hand = aged_by(&TURNS[..3], 500, None, |n| n);
    Hand { own: hand.own[..1].to_vec(), ..hand }
}

/// Takes retained entries that end epochs away: those whose number is asked for.
fn without(hand: &mut Hand, which: fn(usize) -> bool) {
    let text = String::from_utf8(hand.file("retained.jsonl").clone()).expect("UTF-8");
    let (mut rest, mut n) = (String::new(), 0);
    for line in text.lines() {
        let ends = line.contains("epoch.rotate");
        if !(ends && which(n)) {
            rest += &format!("{line}\n");
        }
        n += usize::from(ends);
    }
    assert!(rest.len() < text.len());
    *hand.file("retained.jsonl") = rest.into_bytes();
}

/// Nothing is left that says that there were epochs, but for the seal of the checkpoint.
fn bare(hand: &mut Hand) {
    without(hand, |_| true);
    hand.export.files.retain(|path, _| !path.starts_with("epoch/"));
}

#[test]
fn epochs_that_ended_in_the_pruned_part_are_still_checked() {
    family(
        "aged",
        &[
            ("37 the end of a pruned epoch taken away", aged, |h| drop(h.export.files.remove("epoch/1")), 1, "epoch/1: the checkpoint that ended epoch 1"),
            ("37 the end of another", unpinned, |h| drop(h.export.files.remove("epoch/2")), 1, "epoch/2: the checkpoint that ended epoch 2"),
            ("37 the end behind the minimum", unpinned, |h| drop(h.export.files.remove("epoch/3")), 1, "epoch/3: the checkpoint that ended epoch 3"),
            ("37 the first retained end left out", unpinned, |h| without(h, |n| n == 0), 1, "the entry ends epoch 1, where epoch 0 runs"),
            ("37 one in between left out", unpinned, |h| without(h, |n| n == 1), 1, "the entry ends epoch 2, where epoch 1 runs"),
            ("37 the last one left out", unpinned, |h| without(h, |n| n == 2), 1, "the entry ends epoch 3, where epoch 2 runs"),
            ("37 the last one of all left out", quiet, |h| without(h, |n| n == 2), 1, "the seal of the epoch"),
            ("37 all of them left out", quiet, |h| without(h, |_| true), 1, "surplus: no epoch of this log ended so"),
            ("37 all of them, and their ends", quiet, bare, 2, "no entry that is here names its key"),
            (
                "37 all of them, and the auditor knows a key",
                || Hand { own: aged().own, ..quiet() },
                bare,
                1,
                "no entry of the log names the epoch key that was given",
            ),
            ("10 the pruned part made anew by who has the keys of today", aged, |h| h.export = thief(), 1, "epoch/1: the seal of the epoch"),
            (
                "37 pruned too early, by the first entry of a plain bundle",
                aged,
                |h| h.export = aged_by(&TURNS, 399, None, |n| n).export,
                1,
                "not 400 days old yet",
            ),
        ],
    );
    let report = aged().export.verify("aged");
    assert_eq!((report.minimum_index, report.epochs, report.sealed_from), (256, Some(4), Some(11)));
}

/// Entry 50 is another, and all is signed by the key of the epoch that runs.
fn thief() -> crate::support::Export {
    aged_by(&TURNS, 500, Some(50), |_| 4).export
}
