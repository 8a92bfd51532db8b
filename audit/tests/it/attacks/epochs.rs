//! The past made anew by who stole the log's key and the key of the epoch that runs: what epochs that ended have sealed holds.
//! Attacks 5, 10, 19 to 22.

use super::{Hand, family};
use crate::{
    sealed::{TURNS, epoch_vkey, sealed_export, sealed_log, sealed_note, turn},
    support::{Export, ORIGIN, chain, event, key},
};

/// A log with three epochs, and nothing but the log's key on the auditor's side.
fn plain() -> Hand {
    Hand { export: sealed_export(sealed_log(300, &TURNS, |seq| seq), &TURNS, |n| n), own: vec![("--key", key().vkey(ORIGIN))] }
}

/// The same, and the auditor got the key of the first epoch when it began.
fn pinned() -> Hand {
    let mut hand = plain();
    hand.own.push(("--epoch", epoch_vkey(1)));
    hand
}

/// Entry 50 is another, and everything behind it was chained on: what lies in the first epoch.
fn other() -> Vec<Vec<u8>> {
    sealed_log(300, &TURNS, |seq| if seq == 50 { 900 } else { seq })
}

/// All signed by the stolen keys: the log's own, and that of the third epoch.
fn thief(hand: &mut Hand) {
    hand.export = sealed_export(other(), &TURNS, |_| 3);
}

/// A history without the second epoch, signed with the stolen log key and what keys there may be.
fn skipping(hand: &mut Hand) {
    let leaves = chain((0..300).map(|seq| {
        let event = match seq {
            10 => turn(seq, 0, &epoch_vkey(1)),
            200 => turn(seq, 2, &epoch_vkey(3)),
            _ => event(seq),
        };
        event.body().expect("proper")
    }));
    hand.export = Export::new(leaves, true);
    for (path, size, n) in [("epoch/1", 201, 1), ("checkpoint", 300, 3)] {
        let note = sealed_note(&hand.export.leaves, size, Some(n));
        hand.export.files.insert(path.to_owned(), note.into_bytes());
    }
}

#[test]
fn the_past_made_anew_under_stolen_keys() {
    family(
        "epochs",
        &[
            (
                "5 the tail deleted, with every checkpoint over it",
                plain,
                |h| h.export = sealed_export(sealed_log(150, &TURNS, |seq| seq), &TURNS, |n| if n == 2 { 3 } else { n }),
                1,
                "the seal of the epoch: the note has no signature by the key given",
            ),
            ("10 all chained anew, signed with the log's key and the key of the epoch that runs", plain, thief, 1, "epoch/1: the seal of the epoch"),
            (
                "10 the same, beside the ends of epochs as they were",
                plain,
                |h| {
                    let ends: Vec<_> = h.export.files.clone().into_iter().filter(|(path, _)| path.starts_with("epoch/")).collect();
                    thief(h);
                    h.export.files.extend(ends);
                },
                1,
                "epoch/1: the checkpoint that ended epoch 1 has another root",
            ),
            (
                "10 with epochs of the thief's own, and the auditor knows the first key",
                pinned,
                |h| {
                    let leaves = chain((0..300).map(|seq| {
                        let event = match seq {
                            10 => turn(seq, 0, &epoch_vkey(7)),
                            50 => event(900),
                            _ => event(seq),
                        };
                        event.body().expect("proper")
                    }));
                    h.export = Export::new(leaves, true);
                    let note = sealed_note(&h.export.leaves, 300, Some(7));
                    h.export.files.insert("checkpoint".to_owned(), note.into_bytes());
                },
                1,
                "no entry of the log names the epoch key that was given",
            ),
            (
                "10 without any epoch, and the auditor knows the first key",
                pinned,
                |h| h.export = Export::new(crate::support::log(300), true),
                1,
                "no entry of the log names the epoch key that was given",
            ),
            (
                "19 the seal stripped from the checkpoint",
                plain,
                |h| {
                    let note = sealed_note(&h.export.leaves, 300, None);
                    h.export.files.insert("checkpoint".to_owned(), note.into_bytes());
                },
                1,
                "checkpoint: the seal of the epoch",
            ),
            ("19 every seal stripped", plain, |h| h.export = strip(&h.export), 1, "epoch/1: the seal of the epoch"),
            (
                "19 the end of an epoch taken away",
                plain,
                |h| {
                    h.export.files.remove("epoch/1");
                },
                1,
                "epoch/1: the checkpoint that ended epoch 1: the file is missing",
            ),
            (
                "20 the end of an old epoch sealed again with the current key",
                plain,
                |h| {
                    let note = sealed_note(&h.export.leaves, 101, Some(3));
                    h.export.files.insert("epoch/1".to_owned(), note.into_bytes());
                },
                1,
                "epoch/1: the seal of the epoch",
            ),
            (
                "20 the checkpoint sealed with the key of an old epoch",
                plain,
                |h| {
                    let note = sealed_note(&h.export.leaves, 300, Some(2));
                    h.export.files.insert("checkpoint".to_owned(), note.into_bytes());
                },
                1,
                "checkpoint: the seal of the epoch",
            ),
            ("21 an epoch skipped in the entries", plain, skipping, 1, "entry 200: the entry ends epoch 2, where epoch 1 runs"),
            (
                "21 the end of one epoch in the place of another",
                plain,
                |h| {
                    let end = h.export.files["epoch/2"].clone();
                    h.export.files.insert("epoch/1".to_owned(), end);
                },
                1,
                "epoch/1: the checkpoint has 201 entries, epoch 1 ended with 101",
            ),
            (
                "21 one more end than there are epochs",
                plain,
                |h| {
                    let end = h.export.files["epoch/2"].clone();
                    h.export.files.insert("epoch/3".to_owned(), end);
                },
                1,
                "epoch/3: surplus",
            ),
            (
                "22 another prefix under the end of an epoch, signed and sealed with the right keys",
                plain,
                |h| {
                    let note = sealed_note(&other(), 101, Some(1));
                    h.export.files.insert("epoch/1".to_owned(), note.into_bytes());
                },
                1,
                "epoch/1: the checkpoint that ended epoch 1 has another root",
            ),
            (
                "22 another prefix, linked back before the next end",
                plain,
                |h| {
                    let mut leaves = sealed_log(300, &TURNS, |seq| seq);
                    leaves[..=100].clone_from_slice(&other()[..=100]);
                    h.leaves(|there| *there = leaves);
                },
                1,
                "first bad   entry 50",
            ),
        ],
    );
}

/// The export with the log's own signature alone on every checkpoint.
fn strip(export: &Export) -> Export {
    let mut export = export.clone();
    for (path, size) in [("epoch/1", 101), ("epoch/2", 201), ("checkpoint", 300)] {
        let note = sealed_note(&export.leaves, size, None);
        export.files.insert(path.to_owned(), note.into_bytes());
    }
    export
}
