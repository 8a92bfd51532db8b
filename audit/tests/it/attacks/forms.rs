//! Notes, checkpoints and proofs in another form than the one there is, and a proof of a node.
//! Attacks 29 and 30.

use base64::{Engine, prelude::BASE64_STANDARD as B64};
use countersign_audit::{
    verify::{proof::Proof, tree},
    write::{self, Hash, checkpoint, leaf, proof_file},
};

use super::{Hand, family};
use crate::support::{ORIGIN, key, log, root, signed, tile_map, vkey};

#[test]
fn notes_in_another_form() {
    fn plain() -> Hand {
        Hand::new(5, false)
    }
    family(
        "forms",
        &[
            ("29 leading zeros", plain, |h| resigned(h, |text| text.replace("\n5\n", "\n05\n")), 1, "leading zeros"),
            ("29 another base64 of the root", plain, |h| resigned(h, |text| text.replace('=', "")), 1, "not canonical base64"),
            ("29 CRLF", plain, |h| h.sign(|note| note.replace('\n', "\r\n")), 1, "U+000D"),
            ("29 an extra blank line", plain, |h| h.sign(|note| note.replacen("\n\n", "\n\n\n", 1)), 1, "does not verify"),
            ("29 a blank line at the end", plain, |h| h.sign(|note| format!("{note}\n")), 1, "no signatures"),
            ("29 the size 2^63", plain, |h| resigned(h, |text| text.replace("\n5\n", "\n9223372036854775808\n")), 1, "up to 2^63"),
            ("29 the size 2^63 - 1", plain, |h| resigned(h, |text| text.replace("\n5\n", "\n9223372036854775807\n")), 1, "tile/entries/000.p/5: surplus"),
            (
                "29 more than a hundred signatures",
                plain,
                |h| h.sign(|note| note.to_owned() + &format!("\u{2014} x {}\n", B64.encode([7; 68])).repeat(100)),
                1,
                "more than 100 signatures",
            ),
            ("29 an extension line", plain, |h| resigned(h, |text| format!("{text}more\n")), 1, "extension lines"),
            ("29 two checkpoints in one", plain, |h| h.sign(|note| format!("{note}\n{note}")), 1, "does not verify"),
            ("29 a null byte", plain, |h| h.sign(|note| note.replace("\n5\n", "\n5\0\n")), 1, "U+0000"),
        ],
    );
}

/// A checkpoint of another text that the log signed all the same.
fn resigned(hand: &mut Hand, change: impl FnOnce(String) -> String) {
    let text = change(checkpoint::body(ORIGIN, 5, &root(&log(5))));
    hand.sign(|_| key().sign_note(ORIGIN, &text).expect("proper"));
}

#[test]
fn proofs_in_another_form_or_of_a_node() {
    let leaves = log(4);
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf::leaf_hash(leaf)).collect();
    let path = write::proof::inclusion(1, 4, &tile_map(&hashes)).expect("on hand");
    let good = proof_file(1, &path, &signed(&leaves));
    let told =
        |text: &str, leaf: &[u8]| Proof::parse(text).and_then(|proof| proof.check(leaf, &vkey())).err().map(|error| error.to_string()).unwrap_or_default();
    assert_eq!(told(&good, &leaves[1]), "", "the clean proof");
    let line = format!("{}\n", B64.encode([7; 32]));
    for (attack, text, sentence) in [
        ("29 64 lines", good.replacen("index 1\n", &format!("index 1\n{}", line.repeat(62)), 1), "more than 63"),
        ("29 leading zeros", good.replacen("index 1", "index 01", 1), "leading zeros"),
        ("29 another base64", good.replacen("=\n", "\n", 1), "not canonical base64"),
        ("29 CRLF", good.replace('\n', "\r\n"), "not a proof"),
        ("29 an extra blank line", good.replacen("index 1\n", "index 1\n\n", 1), "does not verify"),
        ("29 the index 2^63", good.replacen("index 1", "index 9223372036854775808", 1), "up to 2^63"),
        ("29 an index beyond the log", good.replacen("index 1", "index 4", 1), "not in a tree"),
        ("29 an extra line", good.replacen("index", "extra AA==\nindex", 1), "not a proof"),
        ("a hash too many", good.replacen("index 1\n", &format!("index 1\n{line}"), 1), "inclusion proof"),
    ] {
        let said = told(&text, &leaves[1]);
        assert!(said.contains(sentence), "{attack}: {said}");
    }
    // The node over entries 0 and 1 as an entry of a tree that is one level lower: its path leads to the root.
    let node = [hashes[0], hashes[1]].concat();
    let (left, right) = (tree::node_hash(&hashes[0], &hashes[1]), tree::node_hash(&hashes[2], &hashes[3]));
    assert_eq!(tree::node_hash(&left, &right), root(&leaves));
    assert!(tree::inclusion(&left, 0, 2, &[right], &root(&leaves)).is_ok(), "as a bare hash it would pass");
    for entry in [node.clone(), [&[1][..], &node].concat()] {
        let proof = proof_file(0, &[right], &signed(&leaves));
        assert!(!told(&proof, &entry).is_empty(), "30 a node as a leaf");
        assert_ne!(tree::leaf_hash(&entry), left);
    }
}
