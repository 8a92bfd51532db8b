//! Keys and signatures that only look right: of one id, weak, in another form.
//! Attacks 17 and 18.

use base64::{Engine, prelude::BASE64_STANDARD as B64};
use countersign_audit::write::{checkpoint, checkpoint::SigningKey, cosign::CosigningKey};
use sha2::{Digest, Sha256};

use super::{Hand, family};
use crate::{
    support::{ORIGIN, key, log, root, seed, signed},
    witnesses::witness,
};

/// Two keys whose ids are one under the log's name, and two under the name `w1`: 32 bits are found by trying.
fn twins(numbers: [u32; 2]) -> [[u8; 32]; 2] {
    numbers.map(|number| seed(&format!("collision-{number}")))
}

fn forged(vkey: &str, bytes: &[u8; 32]) -> String {
    let (name, kind) = (vkey.split('+').next().expect("a name"), if vkey.contains("+B") { 4 } else { 1 });
    let typed = [&[kind], &bytes[..]].concat();
    let id = Sha256::digest([name.as_bytes(), b"\n", &typed].concat());
    format!("{name}+{:02x}{:02x}{:02x}{:02x}+{}", id[0], id[1], id[2], id[3], B64.encode(typed))
}

#[test]
fn keys_that_only_look_right() {
    fn log_twin() -> Hand {
        let mut hand = Hand::new(3, true);
        let key = SigningKey::from_seed(&twins([2421, 36_248])[0]);
        hand.rewrite(log(3), &key, ORIGIN);
        hand.own = vec![("--key", key.vkey(ORIGIN))];
        hand
    }
    fn witness_twin() -> Hand {
        let mut hand = Hand::new(3, true);
        let witness = CosigningKey::from_seed(&twins([12_499, 62_100])[0]);
        let text = checkpoint::body(ORIGIN, 3, &root(&log(3)));
        hand.sign(|note| note.to_owned() + &witness.cosign("w1", &text, 100).expect("proper"));
        hand.own = vec![("--policy", format!("log {}\nwitness w1 {}\nquorum w1\n", key().vkey(ORIGIN), witness.vkey("w1")))];
        hand
    }
    fn other_witness() -> CosigningKey {
        CosigningKey::from_seed(&twins([12_499, 62_100])[1])
    }
    assert_eq!(
        twins([2421, 36_248]).map(|seed| SigningKey::from_seed(&seed).vkey(ORIGIN)).map(|vkey| vkey[..36].to_owned()).concat().matches("+17cbfc1f").count(),
        2
    );
    family(
        "keys",
        &[
            (
                "17 a log's key of the same name and id",
                log_twin,
                |h| h.rewrite(log(3), &SigningKey::from_seed(&twins([2421, 36_248])[1]), ORIGIN),
                1,
                "does not verify",
            ),
            (
                "17 a witness's key of the same name and id",
                witness_twin,
                |h| {
                    let text = checkpoint::body(ORIGIN, 3, &root(&log(3)));
                    h.export.files.insert("checkpoint".to_owned(), signed(&log(3)).into_bytes());
                    h.sign(|note| note.to_owned() + &other_witness().cosign("w1", &text, 100).expect("proper"));
                },
                1,
                "the signature by `w1` does not verify",
            ),
            (
                "17 a policy with both of them",
                witness_twin,
                |h| {
                    let line = format!("witness w2 {}\n", other_witness().vkey("w1"));
                    h.own[0].1 = h.own[0].1.replace("quorum", &format!("{line}quorum"));
                },
                1,
                "cannot be told apart",
            ),
            ("18 the neutral point as key", log_twin, |h| h.own[0].1 = forged(&key().vkey(ORIGIN), &small(1)), 1, "weak or non-canonical"),
            ("18 zero as key", log_twin, |h| h.own[0].1 = forged(&key().vkey(ORIGIN), &small(0)), 1, "weak or non-canonical"),
            ("18 an unreduced point as key", log_twin, |h| h.own[0].1 = forged(&key().vkey(ORIGIN), &unreduced()), 1, "weak or non-canonical"),
            (
                "18 a weak key as witness",
                witness_twin,
                |h| {
                    let weak = forged(&witness("w9").vkey("w9"), &small(1));
                    h.own[0].1 = h.own[0].1.replace("quorum", &format!("witness w9 {weak}\nquorum"));
                },
                1,
                "weak or non-canonical",
            ),
            ("18 a malleable signature by the log", log_twin, |h| h.sign(|note| malleable(note, 0)), 1, "does not verify"),
            ("18 a malleable cosignature", witness_twin, |h| h.sign(|note| malleable(note, 1)), 1, "the signature by `w1` does not verify"),
            (
                "18 a cosigner's key for the log",
                log_twin,
                |h| h.own[0].1 = CosigningKey::from_seed(&twins([2421, 36_248])[0]).vkey(ORIGIN),
                1,
                "not of type 0x01",
            ),
        ],
    );
}

fn small(first: u8) -> [u8; 32] {
    let mut point = [0; 32];
    point[0] = first;
    point
}

fn unreduced() -> [u8; 32] {
    let mut point = [0xff; 32];
    (point[0], point[31]) = (0xf0, 0x7f);
    point
}

/// The note with the order of the group added to S of its signature line `at`.
fn malleable(note: &str, at: usize) -> String {
    let order = B64.decode("7dP1XBpjEljWnPei3vneFAAAAAAAAAAAAAAAAAAAABA=").expect("base64");
    let line = note.split_once("\n\n").expect("a note").1.lines().nth(at).expect("a line");
    let (front, blob) = line.rsplit_once(' ').expect("base64");
    let (mut blob, mut carry) = (B64.decode(blob).expect("base64"), 0_u16);
    let from = blob.len() - 32;
    for (byte, add) in blob[from..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    note.replace(line, &format!("{front} {}", B64.encode(blob)))
}
