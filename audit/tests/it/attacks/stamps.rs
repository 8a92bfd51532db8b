//! Time-stamps that are not what they must be, or not there. Attack 38, and a clock that was set forward and back (14).
//! The stamps are OpenSSL's, kept as vectors; the logs are made here.

use super::{
    Hand, family,
    taken::{act, days, pruned_by},
};
use crate::{
    support::{Export, chain, event, key, log, signed},
    tokens::{roots, stamped, vector},
};
use countersign_audit::write::leaf;

/// An export of 300 with a good token over its checkpoint and one over that of its first five.
fn good() -> Hand {
    let mut hand = Hand::new(300, true);
    hand.export = stamped(&vector("p256.token"));
    hand.export.files.insert("tokens/5.note".to_owned(), signed(&log(5)).into_bytes());
    hand.export.files.insert("tokens/5.token".to_owned(), vector("five.token"));
    hand.own.push(("--tsa-roots", roots("roots.crt")));
    hand
}

fn token(hand: &mut Hand, name: &str) {
    *hand.file("tokens/300.token") = vector(name);
}

#[test]
fn time_stamps_that_do_not_hold() {
    family(
        "stamps",
        &[
            ("38 over another hash", good, |h| token(h, "five.token"), 1, "tokens/300.token: the token is over something else"),
            ("38 by a certificate that had ended", good, |h| token(h, "expired.token"), 1, "a certificate holds from 2020-01-01T00:00:00Z"),
            ("38 by a certificate that had not begun", good, |h| token(h, "future.token"), 1, "a certificate holds from 2090-01-01T00:00:00Z"),
            ("38 without the purpose", good, |h| token(h, "no-purpose.token"), 1, "not marked, critically, for time-stamps alone"),
            ("38 a purpose that is not critical", good, |h| token(h, "not-critical.token"), 1, "not marked, critically, for time-stamps alone"),
            ("38 with a second purpose", good, |h| token(h, "two-purposes.token"), 1, "not marked, critically, for time-stamps alone"),
            ("38 above it no authority", good, |h| token(h, "no-authority.token"), 1, "not that of an authority"),
            ("38 not bound to its certificate", good, |h| token(h, "not-bound.token"), 1, "does not name its certificate"),
            ("38 no time-stamp at all", good, |h| token(h, "no-statement.token"), 1, "tokens/300.token: DER"),
            ("38 an empty token", good, |h| h.file("tokens/300.token").clear(), 1, "tokens/300.token: DER"),
            ("38 a statement that was altered", good, |h| later(h.file("tokens/300.token")), 1, "the signature is over another statement"),
            ("38 by a stranger, and no other", good, |h| only_strange(h), 3, "POLICY NOT MET"),
            ("38 none at all", good, |h| h.export.files.retain(|path, _| !path.starts_with("tokens/")), 3, "POLICY NOT MET"),
            ("38 without its checkpoint", good, |h| drop(h.export.files.remove("tokens/300.note")), 2, "tokens/300.note: the file is missing"),
            ("38 without the token", good, |h| drop(h.export.files.remove("tokens/300.token")), 2, "tokens/300.token: the file is missing"),
            ("38 a checkpoint of another size", good, |h| *h.file("tokens/300.note") = signed(&log(5)).into_bytes(), 1, "the checkpoint is of 5 entries"),
            ("38 a checkpoint by nobody", good, |h| *h.file("tokens/300.note") = b"x".to_vec(), 1, "tokens/300.note:"),
            ("38 a file that is neither", good, |h| drop(h.export.files.insert("tokens/0300.note".to_owned(), Vec::new())), 1, "surplus"),
            ("38 of a size beyond the log", good, |h| drop(h.export.files.insert("tokens/301.note".to_owned(), Vec::new())), 1, "surplus"),
            ("38 roots that are none", good, |h| h.own[1].1 = "x".to_owned(), 1, "certificates in PEM"),
            ("38 another history behind the time-stamp, with the stolen key", good, |h| anew(h), 1, "is over other first 300 entries"),
        ],
    );
}

/// A log of which the first 256 were pruned, with a good token over its first five; the second of those is by `second`.
fn pruned(second: &str) -> Hand {
    let mut hand = pruned_by(|script| {
        script.extend((0..5).map(|n| (n, event(n))));
        script.extend(
            [(5, "retention.propose", "usr_a"), (7, "retention.approve", "usr_b")]
                .map(|(n, what, by)| (n, act(n, what, by, "rtn_1", 0, &[("days", days(400))]))),
        );
        script.entry(1).and_modify(|event| event.actor.id = Some(second.to_owned()));
    });
    hand.export.files.insert("tokens/5.note".to_owned(), signed(&log(5)).into_bytes());
    hand.export.files.insert("tokens/5.token".to_owned(), vector("five.token"));
    hand.own.push(("--tsa-roots", roots("roots.crt")));
    hand
}

#[test]
fn time_stamps_over_the_pruned_part_are_still_held() {
    let clean = || pruned(event(1).actor.id.as_deref().expect("a person"));
    let anew = |hand: &mut Hand| *hand = pruned("per_9");
    family("stamps-pruned", &[("38 the pruned part made anew", clean, anew, 1, "is over other first 5 entries")]);
}

fn only_strange(hand: &mut Hand) {
    hand.export.files.retain(|path, _| !path.starts_with("tokens/5."));
    token(hand, "strange.token");
}

/// Moves the time in the statement on by a year.
fn later(token: &mut [u8]) {
    let at = token.windows(4).position(|four| four == b"2026").expect("the time of the statement");
    token[at + 3] = b'7';
}

/// All entries anew from the tenth on, signed with the log's own key; the time-stamps stay.
fn anew(hand: &mut Hand) {
    let tokens: Vec<_> = hand.export.files.iter().filter(|(path, _)| path.starts_with("tokens/")).map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
    hand.rewrite(super::rechained(10), &key(), crate::support::ORIGIN);
    hand.export.files.extend(tokens);
}

#[test]
fn tokens_without_roots_are_said_not_to_count() {
    let hand = good();
    let report = hand.export.verify("stamps-without-roots");
    assert_eq!((report.exit_code(), report.time_stamps.as_str()), (0, "not_asked"));
    assert!(report.not_checked.iter().any(|line| line.contains("no roots were given")), "{:?}", report.not_checked);
}

/// A log whose clock is set forward by a year at entry 3, and back at entry 6.
fn clock_set() -> Vec<Vec<u8>> {
    const YEAR: i64 = 31_536_000_000_000;
    chain((0..9).map(|n| {
        let mut event = event(n);
        event.ts_us += if (3..6).contains(&n) { YEAR } else { 0 };
        event.body().expect("proper")
    }))
}

#[test]
fn a_clock_that_was_set_forward_and_back_is_told() {
    let report = Export::new(clock_set(), false).verify("clock-set");
    let notes = report.notes.join("\n");
    assert_eq!(report.exit_code(), 0, "what was signed is what is here");
    assert!(notes.contains("1 entries carry an earlier time"), "{notes}");
    assert!(notes.contains("set 2 times while it ran, at most by 31536000 s"), "{notes}");
    assert!(Export::new(log(300), false).verify("clock-kept").notes.is_empty());
}

/// As above, in a log whose bundles are read ahead: the clock set in the middle of one and at the edge of two others, and the
/// server started anew in between.
#[test]
fn a_clock_that_was_set_is_told_in_whole_bundles_too() {
    const HOUR: i64 = 3_600_000_000;
    let log_with = |steps: &'static [(u64, i64)]| {
        chain((0..2_600).map(|n| {
            let mut event = event(n);
            if n >= 1_400 {
                event.boot = "another".to_owned();
            }
            event.ts_us += steps.iter().filter(|(from, _)| n >= *from).map(|(_, step)| step).sum::<i64>();
            event.body().expect("proper")
        }))
    };
    let notes = |leaves, name| Export::new(leaves, true).verify(name).notes.join("\n");
    assert_eq!(notes(log_with(&[]), "whole-kept"), "");
    let told = notes(log_with(&[(700, HOUR), (1_024, HOUR), (1_400, -HOUR), (1_536, -3 * HOUR), (2_599, HOUR)]), "whole-set");
    assert!(told.contains("2 entries carry an earlier time"), "{told}");
    assert!(told.contains("set 4 times while it ran, at most by 10800 s back, before entry 1536"), "{told}");
}

#[test]
fn an_hour_back_is_told() {
    let leaves = chain((0..9).map(|n| {
        let mut event = event(n);
        event.ts_us -= if n >= 4 { 3_600_000_000 } else { 0 };
        event.body().expect("proper")
    }));
    assert_ne!(leaf::leaf_hash(&leaves[8]), leaf::leaf_hash(&log(9)[8]));
    let notes = Export::new(leaves, false).verify("clock-back").notes.join("\n");
    assert!(notes.contains("1 entries carry an earlier time") && notes.contains("at most by 3600 s back, before entry 4"), "{notes}");
}

#[test]
fn every_token_counts_and_the_one_over_the_most_entries_is_shown() {
    let hand = good();
    let dir = crate::support::folder("stamps-later");
    hand.export.write(&dir);
    let roots = countersign_audit::verify::certificate::Roots::parse(&roots("roots.crt")).expect("certificates");
    let ask = countersign_audit::verify::bundle::Ask { key: Some(Ok(crate::support::vkey())), tsa_roots: Some(Ok(roots)), ..Default::default() };
    let report = countersign_audit::verify::bundle::examine(&dir, &ask);
    assert_eq!((report.exit_code(), report.tokens_checked), (0, 2));
    let stamped = report.time_stamped.expect("the one over the most entries");
    assert_eq!((stamped.size, stamped.tsa.as_str()), (300, "ec-tsa.example"));
    assert!(report.notes.is_empty(), "{:?}", report.notes);
}
