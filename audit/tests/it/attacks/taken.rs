//! What was taken out of a log and its sealed values, lawfully and not: opened values, erasures, legal holds, retention and
//! pruning. Attacks 15, 16, 25, 26 and 37.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_audit::write::{
    checkpoint,
    commitment::commit,
    event::{Actor, Event, Net, Outcome, Payload, Resource},
    json::Value,
};
use serde_json::json;

use super::{Hand, family};
use crate::support::{Export, ORIGIN, chain, event, key, root, seed};

const BASE_US: i64 = 1_763_777_508_000_000;
const DAY_US: i64 = 86_400_000_000;

/// An entry by `by` on `thing`, so many days after the first.
pub fn act(n: u64, action: &str, by: &str, thing: &str, day: i64, data: &[(&str, Value)]) -> Event {
    Event {
        ts_us: BASE_US + day * DAY_US + i64::try_from(n).expect("small"),
        actor: Actor { kind: "person".to_owned(), id: Some(by.to_owned()), name_c: None, ..event(n).actor },
        net: Net::default(),
        action: action.to_owned(),
        category: "trail".to_owned(),
        resource: Resource { kind: "thing".to_owned(), id: Some(thing.to_owned()), label_c: None },
        outcome: Outcome::Ok,
        change: Vec::new(),
        payload: Vec::new(),
        subject: None,
        data: data.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        ..event(n)
    }
}

fn text(text: &str) -> Value {
    Value::from(text)
}

pub fn days(n: i64) -> Value {
    Value::Int(n)
}

/// The key and the value behind a commitment of entry `n`.
fn sealed(n: u64, name: &str) -> ([u8; 32], String) {
    (seed(&format!("sealed {n} {name}")), format!("value {n}"))
}

/// An entry that holds values of its actor and of `about`.
fn held(n: u64, about: &str) -> Event {
    let c = |name: &str| {
        let (key, value) = sealed(n, name);
        commit(&key, name, value.as_bytes())
    };
    let bare = act(n, "message.send", "usr_a", "msg_1", 0, &[]);
    Event {
        actor: Actor { name_c: Some(c("actor.name")), ..bare.actor },
        net: Net { ip_c: Some(c("net.ip")), ua_c: None },
        payload: vec![Payload { name: "to".to_owned(), len: 7, commitment: c("to") }],
        subject: Some(about.to_owned()),
        ..bare
    }
}

const NAMES: [&str; 3] = ["actor.name", "net.ip", "to"];

fn opened(n: u64, name: &str) -> String {
    let (key, value) = sealed(n, name);
    json!({ "seq": n, "name": name, "key": STANDARD.encode(key), "value": value }).to_string()
}

fn withheld(n: u64, name: &str, why: &str) -> String {
    json!({ "seq": n, "name": name, "withheld": why }).to_string()
}

pub fn bodies(events: impl IntoIterator<Item = Event>) -> Vec<Vec<u8>> {
    chain(events.into_iter().map(|e| e.body().expect("proper")))
}

fn hand_of(events: impl IntoIterator<Item = Event>, with_tiles: bool) -> Hand {
    let mut hand = Hand::new(0, with_tiles);
    let leaves = bodies(events);
    let note = checkpoint::body(ORIGIN, leaves.len() as u64, &root(&leaves));
    hand.export = Export::new(leaves, with_tiles);
    hand.sign(|_| key().sign_note(ORIGIN, &note).expect("proper"));
    hand
}

/// Four entries with values about two numbers, an act on the trail, and what lies opened beside them.
fn bundle(fifth: Event, lines: impl Fn(u64, &str) -> String) -> Hand {
    let mut hand = hand_of((0..4).map(|n| held(n, ["num_x", "num_y"][(n % 2) as usize])).chain([fifth]), false);
    let lines = (0..4).flat_map(|n| NAMES.map(|name| lines(n, name) + "\n"));
    hand.export.files.insert("payloads.jsonl".to_owned(), lines.collect::<String>().into_bytes());
    hand
}

fn erased(of: &str) -> Event {
    act(4, "subject.erased", "usr_b", of, 1, &[("subject", text(of)), ("count", days(2)), ("basis", text("objection")), ("requester", text("person"))])
}

/// All values are opened.
fn whole() -> Hand {
    bundle(act(4, "trail.read", "usr_b", "x", 1, &[]), opened)
}

/// `num_x` was erased, so what entries 0 and 2 sealed for it is gone.
fn lawful() -> Hand {
    bundle(erased("num_x"), |n, name| if n % 2 == 0 && name == "to" { withheld(n, name, "erased") } else { opened(n, name) })
}

fn line(hand: &mut Hand, from: &str, to: &str) {
    let file = hand.file("payloads.jsonl");
    let text = String::from_utf8(file.clone()).expect("UTF-8");
    assert!(text.contains(from), "{text}");
    *file = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn values_that_were_swapped_replaced_or_made_to_vanish() {
    const UNFIT: &str = "is not the one that the entry committed to";
    family(
        "values",
        &[
            ("15 two entries' values swapped", whole, |h| swap(h, 0, 2), 1, UNFIT),
            ("15 two values of one entry swapped", whole, |h| line(h, &opened(1, "to"), &renamed(1, "net.ip", "to")), 1, UNFIT),
            ("16 a value replaced under its key", whole, |h| line(h, "value 3", "value 4"), 1, UNFIT),
            ("16 value and key replaced", whole, |h| line(h, &opened(3, "to"), &forged(3, "to")), 1, UNFIT),
            ("16 a key cut", whole, |h| line(h, &opened(3, "to"), &opened(3, "to").replacen("=", "", 1)), 1, "a line is not one of this format"),
            ("25 a value erased without an entry", lawful, |h| line(h, &opened(1, "to"), &withheld(1, "to", "erased")), 1, "no entry of the log says so"),
            ("25 a line taken away", lawful, |h| line(h, &(opened(1, "to") + "\n"), ""), 2, "neither opened nor withheld"),
            ("25 every line taken away", lawful, |h| h.file("payloads.jsonl").clear(), 2, "neither opened nor withheld"),
            ("25 what the server found altered", whole, |h| line(h, &opened(2, "net.ip"), &withheld(2, "net.ip", "altered")), 1, "lay altered"),
            ("26 a value of the erased is back", lawful, |h| line(h, &withheld(2, "to", "erased"), &opened(2, "to")), 1, "was erased by entry 4"),
            ("a value that no entry has", whole, |h| line(h, &opened(2, "to"), &(opened(2, "to") + "\n" + &opened(2, "ty"))), 1, "stands out of order"),
            ("a value after the last entry", whole, |h| h.file("payloads.jsonl").extend((opened(9, "to") + "\n").bytes()), 1, "stands out of order"),
        ],
    );
}

fn swap(hand: &mut Hand, one: u64, other: u64) {
    let (a, b) = (opened(one, "to"), opened(other, "to"));
    let moved = |line: &str, from: u64, to: u64| line.replacen(&format!("\"seq\":{from}"), &format!("\"seq\":{to}"), 1);
    line(hand, &a, &moved(&b, other, one));
    line(hand, &b, &moved(&a, one, other));
}

/// The value of another name of the same entry.
fn renamed(n: u64, from: &str, to: &str) -> String {
    opened(n, from).replacen(&format!("\"name\":\"{from}\""), &format!("\"name\":\"{to}\""), 1)
}

fn forged(n: u64, name: &str) -> String {
    json!({ "seq": n, "name": name, "key": STANDARD.encode([7; 32]), "value": "another" }).to_string()
}

/// The acts of one clean log, by place.
pub type Script = BTreeMap<u64, Event>;

/// A log of 600 of which the first 256 are pruned under a retention of 400 days that two people set.
pub fn pruned_by(change: impl FnOnce(&mut Script)) -> Hand {
    let mut script = Script::from([
        (3, act(3, "retention.propose", "usr_a", "rtn_1", 0, &[("days", days(400))])),
        (5, act(5, "retention.approve", "usr_b", "rtn_1", 0, &[("days", days(400))])),
        (300, act(300, "hold.place", "usr_a", "hld_1", 1, &[("subject", text("num_x"))])),
        (320, act(320, "hold.release", "usr_b", "hld_1", 2, &[])),
        (500, act(500, "subject.erased", "usr_b", "num_x", 500, &[("subject", text("num_x"))])),
        (550, act(550, "log.pruned", "usr_s", "prn_1", 500, &[("min_index", days(256)), ("days", days(400))])),
    ]);
    change(&mut script);
    let mut hand = hand_of((0..600).map(|n| script.remove(&n).unwrap_or_else(|| act(n, "trail.read", "usr_a", "x", if n < 330 { 0 } else { 500 }, &[]))), true);
    let retained = hand.export.leaves.iter().take(256).filter(|leaf| leaf.windows(20).any(|w| w == br#""action":"retention."#));
    let retained = retained.map(|leaf| [leaf, &b"\n"[..]].concat()).collect::<Vec<_>>().concat();
    hand.export.files.insert("retained.jsonl".to_owned(), retained);
    hand.export.files.remove("tile/entries/000");
    hand
}

fn pruned() -> Hand {
    pruned_by(|_| {})
}

fn instead(hand: &mut Hand, change: fn(&mut Script)) {
    *hand = pruned_by(change);
}

const PRUNED: u64 = 550;

fn prune(day: i64, min: i64, kept: i64) -> Event {
    act(PRUNED, "log.pruned", "usr_s", "prn_1", day, &[("min_index", days(min)), ("days", days(kept))])
}

#[test]
fn a_log_that_was_pruned_says_so_and_was_allowed_to() {
    family(
        "pruned",
        &[
            ("37 pruned, and no entry says so", pruned, |h| instead(h, |s| drop(s.remove(&PRUNED))), 2, "tile/entries/000: the file is missing"),
            ("37 pruned earlier than the retention", pruned, |h| instead(h, |s| drop(s.insert(PRUNED, prune(399, 256, 400)))), 1, "were not 400 days old yet"),
            ("37 pruned by another retention", pruned, |h| instead(h, |s| drop(s.insert(PRUNED, prune(500, 256, 100)))), 1, "400 were in force"),
            ("37 shortened by one person", pruned, |h| instead(h, alone), 1, "by the one who proposed it"),
            ("37 shortened, never approved", pruned, |h| instead(h, |s| drop(s.remove(&5))), 1, "2190 were in force"),
            ("37 the proof of the retention taken away", pruned, |h| h.file("retained.jsonl").clear(), 1, "2190 were in force"),
            ("37 no retained entries at all", pruned, |h| drop(h.export.files.remove("retained.jsonl")), 1, "2190 were in force"),
            ("37 a retained entry changed", pruned, reword, 1, "is not the one whose hash is in tile/0"),
            ("37 half a bundle", pruned, |h| instead(h, |s| drop(s.insert(PRUNED, prune(500, 300, 400)))), 1, "which is no end of a bundle"),
            ("37 more than there was", pruned, |h| instead(h, |s| drop(s.insert(PRUNED, prune(500, 768, 400)))), 1, "which is no end of a bundle"),
            ("37 more is gone than was pruned", pruned, |h| drop(h.export.files.remove("tile/entries/001")), 1, "pruned below 256 alone"),
            ("37 emptied instead of pruned", pruned, |h| drop(h.export.files.insert("tile/entries/000".into(), Vec::new())), 1, "ends after 0 of 256"),
            ("37 everything gone", pruned, |h| h.export.files.retain(|p, _| !p.starts_with("tile/entries")), 2, "the file is missing"),
            ("37 the hashes gone too", pruned, |h| drop(h.export.files.remove("tile/0/000")), 2, "the file is missing"),
            ("37 another hash for what is gone", pruned, |h| h.file("tile/0/000")[70] ^= 1, 1, "signed root"),
            ("37 a value of what is gone", pruned, |h| beside(h, &(opened(4, "to") + "\n")), 1, "stands out of order"),
            ("25 erased under a hold", pruned, |h| instead(h, |s| drop(s.remove(&320))), 1, "while a legal hold stood against it"),
            ("25 a hold released by who placed it", pruned, |h| instead(h, own), 1, "by the one who placed it"),
            ("25 pruned under a hold", pruned, |h| instead(h, late), 1, "pruned while a legal hold stood"),
        ],
    );
}

fn alone(script: &mut Script) {
    script.insert(5, act(5, "retention.approve", "usr_a", "rtn_1", 0, &[("days", days(400))]));
}

fn own(script: &mut Script) {
    script.insert(320, act(320, "hold.release", "usr_a", "hld_1", 2, &[]));
}

fn late(script: &mut Script) {
    script.insert(540, act(540, "hold.place", "usr_a", "hld_2", 500, &[]));
}

fn reword(hand: &mut Hand) {
    let text = String::from_utf8(hand.file("retained.jsonl").clone()).expect("UTF-8");
    *hand.file("retained.jsonl") = text.replacen("\"days\":400", "\"days\":300", 1).into_bytes();
}

fn beside(hand: &mut Hand, lines: &str) {
    hand.export.files.insert("payloads.jsonl".to_owned(), lines.as_bytes().to_vec());
}

#[test]
fn kept_checkpoints_of_the_pruned_part_are_still_held() {
    fn remembering() -> Hand {
        let mut hand = pruned();
        for size in [100, 256, 400] {
            let text = checkpoint::body(ORIGIN, size as u64, &root(&hand.export.leaves[..size]));
            hand.own.push(("--checkpoint", key().sign_note(ORIGIN, &text).expect("proper")));
        }
        hand
    }
    let rewritten = |hand: &mut Hand| {
        let other = pruned_by(|script| drop(script.insert(9, act(9, "trail.read", "usr_z", "x", 0, &[]))));
        hand.export = other.export;
    };
    family("pruned-kept", &[("10 the pruned part made anew", remembering, rewritten, 1, "the log was rewritten: its first 100 entries")]);
    let report = pruned().export.verify("pruned");
    assert_eq!((report.minimum_index, report.entries_checked, report.computed_root), (256, 344, report.root));
}
