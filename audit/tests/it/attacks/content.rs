//! Entries, bundles and hash tiles that were changed, and every single bit of a small export.
//! Attacks 1, 2, 3, 30 and 31.

use countersign_audit::{
    verify::{bundle, bundle::Ask, policy::Policy},
    write::{Hash, leaf},
};

use super::{Hand, family, policy, rechained};
use crate::{
    support::{Export, ORIGIN, chain, event, folder, key, tile_map},
    tamper::change_text,
    witnesses::cosigned,
};

#[test]
fn entries_and_tiles_that_were_touched() {
    fn tiled() -> Hand {
        Hand::new(300, true)
    }
    fn bare() -> Hand {
        Hand::new(300, false)
    }
    const AS_SIGNED: &str = "first bad   entry 77: the entry is not the one whose hash is in tile/0";
    family(
        "content",
        &[
            ("1 one bit of a leaf", bare, |h| h.leaves(|l| change_text(&mut l[77])), 1, "first bad   entry 77: the entry was changed"),
            ("1 one bit of a leaf, chained on without the key", bare, |h| h.leaves(|l| *l = rechained(77)), 1, "though every link holds"),
            ("2 one bit of a hash tile", tiled, |h| h.file("tile/0/000")[40] ^= 1, 1, "tile/0/000: hash 1 of the tile"),
            ("2 one bit of an upper tile", tiled, |h| h.file("tile/1/000.p/1")[31] ^= 128, 1, "tile/1/000.p/1: hash 0 of the tile"),
            ("3 a bundle changed, tiles as they were", tiled, |h| h.leaves(|l| change_text(&mut l[77])), 1, AS_SIGNED),
            ("3 a bundle chained on, tiles as they were", tiled, |h| h.leaves(|l| *l = rechained(77)), 1, AS_SIGNED),
            ("3 bundle and tile changed together", tiled, consistent_forgery, 1, "the entries do not add up to the signed root"),
            ("30 two leaf hashes in place of their leaves", tiled, |h| h.leaves(|l| (l[8], l[9]) = (pair(l, 8), Vec::new())), 1, "first bad   entry 8"),
            ("30 a node's bytes as an entry", tiled, |h| h.leaves(|l| l[8] = [&[1][..], &pair(l, 8)].concat()), 1, "first bad   entry 8"),
            ("31 a key twice, though signed", bare, |h| odd(h, r#""node":"a""#, r#""node":"a","node":"a""#), 1, "stands twice"),
            ("31 a float, though signed", bare, |h| odd(h, r#""len":12"#, r#""len":12.0"#), 1, "not a plain integer"),
            ("31 a lone surrogate, though signed", bare, |h| odd(h, r#""node":"a""#, r#""node":"\ud800""#), 1, "not canonical JSON"),
            ("31 2^53, though signed", bare, |h| odd(h, r#""len":12"#, r#""len":9007199254740992"#), 1, "outside ±(2^53"),
        ],
    );
}

/// Entry and level 0 changed to match each other, with the checkpoint as it was.
fn consistent_forgery(hand: &mut Hand) {
    hand.leaves(|leaves| *leaves = rechained(77));
    let hashes: Vec<Hash> = hand.export.leaves.iter().map(|leaf| leaf::leaf_hash(leaf)).collect();
    let map = tile_map(&hashes);
    *hand.file("tile/0/000") = map[&(0, 0)].concat();
    *hand.file("tile/0/001.p/44") = map[&(0, 1)].concat();
    *hand.file("tile/1/000.p/1") = map[&(1, 0)].concat();
}

/// The preimage of the node over leaves `at` and the next, without its first byte.
fn pair(leaves: &[Vec<u8>], at: usize) -> Vec<u8> {
    [leaf::leaf_hash(&leaves[at]), leaf::leaf_hash(&leaves[at + 1])].concat()
}

/// A log by a program that went astray: entry 1 has `from` replaced, and all is chained and signed.
fn odd(hand: &mut Hand, from: &str, to: &str) {
    let body = String::from_utf8(event(1).body().expect("proper")).expect("UTF-8");
    let bodies = (0..300).map(|n| if n == 1 { body.replacen(from, to, 1).into_bytes() } else { event(n).body().expect("proper") });
    hand.rewrite(chain(bodies), &key(), ORIGIN);
}

#[test]
fn every_single_bit_of_every_file_counts() {
    let mut hand = Hand::new(0, true);
    hand.rewrite(chain([0, 2].map(|n| event(n).body().expect("proper"))), &key(), ORIGIN);
    let text = policy(&key().vkey(ORIGIN), "quorum w1");
    hand.export = Export::new(hand.export.leaves, true);
    hand.sign(|note| cosigned(note, "w1", 1_763_777_508));
    let dir = folder("every-bit");
    hand.export.write(&dir);
    let ask = Ask { policy: Some(Policy::parse(&text).map_err(|_| unreachable!("in form"))), ..Ask::default() };
    assert_eq!(bundle::examine(&dir, &ask).exit_code(), 0, "the clean log");
    let mut bits = 0;
    for (path, bytes) in &hand.export.files {
        let cosigner = if path == "checkpoint" { bytes.windows(2).rposition(|pair| pair == b"w1").expect("a cosignature") } else { bytes.len() };
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                std::fs::write(dir.join(path), &flipped).expect("written");
                let exit = bundle::examine(&dir, &ask).exit_code();
                // A cosignature under another name or id is a stranger's: then the policy is not met.
                let stranger = (cosigner..cosigner + 9).contains(&at);
                assert!(exit == 1 || (stranger && exit == 3), "{path}, bit {bit} of byte {at}: {exit}");
                bits += 1;
            }
        }
        std::fs::write(dir.join(path), bytes).expect("written");
    }
    assert!(bits > 8_000, "{bits}");
    assert_eq!(bundle::examine(&dir, &ask).exit_code(), 0, "the clean log again");
}
