//! Histories made anew: by who has no key, by who stole it, by who restored a backup, for another auditor, of another log.
//! Attacks 9 to 13, 22 and 27.

use std::collections::BTreeMap;

use countersign_audit::write::{checkpoint, checkpoint::SigningKey};

use super::{Hand, family, rechained};
use crate::support::{ORIGIN, chain, event, key, log, root, seed};

#[test]
fn histories_that_were_made_anew() {
    fn tiled() -> Hand {
        Hand::new(300, true)
    }
    fn thief(hand: &mut Hand) {
        hand.rewrite(rechained(77), &key(), ORIGIN);
    }
    family(
        "history",
        &[
            (
                "9 all chained anew under the old signature",
                tiled,
                |h| {
                    let note = h.export.files["checkpoint"].clone();
                    thief(h);
                    h.export.files.insert("checkpoint".to_owned(), note);
                },
                1,
                "do not add up to the signed root",
            ),
            (
                "9 all chained anew, signed by another key",
                tiled,
                |h| h.rewrite(rechained(77), &SigningKey::from_seed(&seed("other")), ORIGIN),
                1,
                "no signature by the key given",
            ),
            ("10 all chained anew, signed with the stolen key, no witness", || Hand::witnessed(300), thief, 3, "POLICY NOT MET"),
            (
                "10 the same, the old cosignatures under it",
                || Hand::witnessed(300),
                |h| {
                    let old = String::from_utf8(h.export.files["checkpoint"].clone()).expect("UTF-8");
                    thief(h);
                    h.sign(|note| note.to_owned() + &old.lines().skip(5).map(|line| format!("{line}\n")).collect::<String>());
                },
                1,
                "the signature by `w1` does not verify",
            ),
            ("10 the same, and the auditor remembers", || Hand::remembering(300, 100), thief, 1, "the log was rewritten: its first 100 entries"),
            (
                "11 yesterday's backup, then work on",
                || Hand::remembering(300, 200),
                |h| {
                    h.rewrite(chain((0..320).map(|n| event(if n < 150 { n } else { n + 1000 }).body().expect("proper"))), &key(), ORIGIN);
                },
                1,
                "the log was rewritten: its first 200 entries",
            ),
            (
                "11 yesterday's backup as it was",
                || Hand::remembering(300, 300),
                |h| h.rewrite(log(200), &key(), ORIGIN),
                1,
                "the log was rolled back: it has 200",
            ),
            ("12 cut and grown to the same size", || Hand::remembering(300, 300), thief, 1, "the log was forked: for its 300 entries"),
            (
                "13 another history for another auditor",
                || Hand::remembering(300, 300),
                |h| {
                    h.own[1].1 = {
                        let leaves = rechained(299);
                        key().sign_note(ORIGIN, &checkpoint::body(ORIGIN, 300, &root(&leaves))).expect("proper")
                    }
                },
                1,
                "the log was forked",
            ),
            (
                "22 another prefix, hidden under tiles of the old one",
                || Hand::remembering(300, 256),
                |h| {
                    let tiles: BTreeMap<_, _> =
                        h.export.files.clone().into_iter().filter(|(path, _)| path.starts_with("tile/0/000") || path.starts_with("tile/1")).collect();
                    thief(h);
                    h.export.files.extend(tiles);
                },
                1,
                "the log was rewritten: its first 256 entries",
            ),
            (
                "27 a checkpoint of another log by the same key",
                tiled,
                |h| h.rewrite(log(300), &key(), "countersign.example/audit/2"),
                1,
                "no signature by the key given",
            ),
            (
                "27 another log's text under this log's name",
                tiled,
                |h| {
                    let text = checkpoint::body("countersign.example/audit/2", 300, &root(&log(300)));
                    h.sign(|_| key().sign_note(ORIGIN, &text).expect("proper"));
                },
                1,
                "the checkpoint is of the log `countersign.example/audit/2`",
            ),
            (
                "27 another log's entries, though signed",
                tiled,
                |h| {
                    h.rewrite(
                        chain((0..300).map(|n| {
                            let mut event = event(n);
                            event.log = "countersign.example/audit/2".to_owned();
                            event.body().expect("proper")
                        })),
                        &key(),
                        ORIGIN,
                    )
                },
                1,
                "first bad   entry 0: `log` is",
            ),
        ],
    );
}
