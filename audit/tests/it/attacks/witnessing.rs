//! What was stripped, and cosignatures that do not count.
//! Attacks 19 and 28.

use base64::{Engine, prelude::BASE64_STANDARD as B64};
use countersign_audit::write::cosign::CosigningKey;

use super::{Hand, family};
use crate::{
    support::{ORIGIN, key, log, seed, signed},
    witnesses::{cosigned, witness},
};

#[test]
fn what_was_stripped_is_never_a_pass() {
    fn witnessed() -> Hand {
        Hand::witnessed(300)
    }
    family(
        "stripped",
        &[
            ("19 the checkpoint", witnessed, |h| drop(h.export.files.remove("checkpoint")), 2, "checkpoint: the file is missing"),
            ("19 all signatures", witnessed, |h| h.sign(|note| note.split_once("\n\n").expect("a note").0.to_owned() + "\n\n"), 1, "no signatures"),
            ("19 the log's signature", witnessed, |h| h.sign(|note| without_lines(note, &[0])), 1, "no signature by the key given"),
            ("19 one cosignature", witnessed, |h| h.sign(|note| without_lines(note, &[1])), 3, "POLICY NOT MET"),
            ("19 all cosignatures", witnessed, |h| h.sign(|note| without_lines(note, &[1, 2])), 3, "POLICY NOT MET"),
            ("19 every entry", witnessed, |h| h.export.files.retain(|path, _| !path.starts_with("tile/entries")), 2, "tile/entries/000: the file is missing"),
            ("19 everything", witnessed, |h| h.export.files.clear(), 2, "the folder is missing"),
            ("19 one hash tile of three", witnessed, |h| drop(h.export.files.remove("tile/0/000")), 2, "tile/0/000: the file is missing"),
        ],
    );
}

fn without_lines(note: &str, gone: &[usize]) -> String {
    let (text, lines) = note.split_once("\n\n").expect("a note");
    let kept = lines.lines().enumerate().filter(|(at, _)| !gone.contains(at)).map(|(_, line)| format!("{line}\n"));
    format!("{text}\n\n{}", kept.collect::<String>())
}

#[test]
fn cosignatures_that_do_not_count() {
    fn witnessed() -> Hand {
        Hand::witnessed(5)
    }
    fn only(hand: &mut Hand, by: &[(&str, u64)]) {
        hand.sign(|note| by.iter().fold(without_lines(note, &[1, 2]), |note, (name, time)| cosigned(&note, name, *time)));
    }
    family(
        "witnesses",
        &[
            (
                "28 an altered time",
                witnessed,
                |h| {
                    h.sign(|note| {
                        let line = note.lines().nth(5).expect("a cosignature");
                        let (front, blob) = line.rsplit_once(' ').expect("base64");
                        let mut blob = B64.decode(blob).expect("base64");
                        blob[11] ^= 1;
                        note.replace(line, &format!("{front} {}", B64.encode(blob)))
                    })
                },
                1,
                "the signature by `w1` does not verify",
            ),
            ("28 an unknown witness", witnessed, |h| only(h, &[("w1", 1), ("w3", 1)]), 3, "POLICY NOT MET"),
            ("28 one witness twice for two", witnessed, |h| only(h, &[("w1", 1), ("w1", 2)]), 3, "POLICY NOT MET"),
            ("28 one witness's key under the other's name", witnessed, |h| only(h, &[("w1", 1), ("w1", 2), ("w3", 3)]), 3, "POLICY NOT MET"),
            (
                "28 one key for two witnesses in the policy",
                witnessed,
                |h| {
                    h.own[0].1 = format!(
                        "log {}\nwitness w1 {}\nwitness w2 {}\ngroup g all w1 w2\nquorum g\n",
                        key().vkey(ORIGIN),
                        witness("w1").vkey("w1"),
                        witness("w1").vkey("w2")
                    )
                },
                1,
                "would count twice",
            ),
            (
                "28 a cosignature of a smaller checkpoint",
                witnessed,
                |h| {
                    h.sign(|note| {
                        let old = cosigned(&signed(&log(4)), "w1", 100);
                        format!("{note}{}\n", old.lines().last().expect("a line"))
                    })
                },
                1,
                "the signature by `w1` does not verify",
            ),
            (
                "28 the log as its own witness",
                witnessed,
                |h| {
                    h.own[0].1 =
                        h.own[0].1.replace("group", &format!("witness own {}\ngroup", CosigningKey::from_seed(&seed("countersign-audit-vectors")).vkey("own")))
                },
                1,
                "nobody is their own witness",
            ),
        ],
    );
}
