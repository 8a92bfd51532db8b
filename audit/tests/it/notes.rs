//! Keys, notes, checkpoints, proofs: published vectors hold, and every malformed form is refused.
//! The published ones were made by other programs.

use base64::{Engine, prelude::BASE64_STANDARD as B64};
use countersign_audit::{
    verify::{checkpoint::Checkpoint, note, proof::Proof, tree, vkey::Vkey},
    write::{self, checkpoint::SigningKey, leaf, proof_file, tree::Frontier},
};
use sha2::{Digest, Sha256};

use crate::support::{ORIGIN, key, log, seed, signed, tile_map, vkey};

/// The order of the curve's group, little-endian: adding it to S makes another form of a signature.
const ORDER: [u8; 32] =
    [0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10];

#[test]
fn the_vector_that_independent_programs_agree_on() {
    let leaves: Vec<_> = (1..=700).map(|n| format!(r#"{{"seq":{n},"action":"message.send"}}"#).into_bytes()).collect();
    let hashes: Vec<_> = leaves.iter().map(|leaf| leaf::leaf_hash(leaf)).collect();
    let mut frontier = Frontier::new();
    for (at, hash) in (0..).zip(&hashes) {
        if at == 300 {
            assert_eq!(B64.encode(frontier.root()), "cLk+sgeUlMAHkCTCJiFbtYeXeCYf724QxyEvFxJheyg=");
        }
        frontier.push(*hash);
    }
    assert_eq!(B64.encode(frontier.root()), "X92Me19xJ9pWjiuklpZQFn1WafEKc+QzR/bUDazed8E=");
    assert_eq!(tree::root(&hashes[..300]), write::proof::root(300, &tile_map(&hashes)).expect("on hand"));
    assert_eq!(tree::root(&hashes), frontier.root());

    let (name, key) = ("muniment.example/audit", SigningKey::from_seed(&seed("muniment-test")));
    assert_eq!(key.vkey(name), "muniment.example/audit+89eb1cbc+AZfsGtfkBzlpPKIZ+9wHyulik9EG29jiiZWtkcGmYFAX");
    let note = key.sign_note(name, &write::checkpoint::body(name, 700, &frontier.root())).expect("a proper text");
    assert!(
        note.ends_with("\n\n\u{2014} muniment.example/audit iescvEyUc89scVeX/jKcYhCnf6rU+X187mI5nDnB31o4sodawZe6JGdJcCKyDo3BTkXPIhx8J9dBFrrWc54R51+wHQw=\n")
    );
    let (checkpoint, unknown) = Checkpoint::open(note.as_bytes(), &Vkey::parse(&key.vkey(name)).expect("a key")).expect("its note");
    assert_eq!((checkpoint.size, checkpoint.root, unknown), (700, frontier.root(), 0));
}

#[test]
fn keys_are_read_exactly() {
    let example = Vkey::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k").expect("C2SP's own");
    assert_eq!((example.name(), example.id()), ("example.com/foo", [0x53, 0x0d, 0x90, 0x3a]));
    for bad in [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
        "example.com foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ] {
        assert!(Vkey::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn weak_keys_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    // 2^255 − 16: the point with y = 3, in a form that is not reduced.
    let mut unreduced = [0xff; 32];
    (unreduced[0], unreduced[31]) = (0xf0, 0x7f);
    let order_eight: [u8; 32] = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e,
        0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ];
    for point in [[0; 32], identity, minus_one, unreduced, order_eight] {
        let typed = [&[1][..], &point].concat();
        let id = Sha256::new().chain_update("weak\n").chain_update(&typed).finalize();
        let text = format!("weak+{:02x}{:02x}{:02x}{:02x}+{}", id[0], id[1], id[2], id[3], B64.encode(typed));
        let refused = Vkey::parse(&text).expect_err("refused").to_string();
        assert!(refused.contains("weak") || refused.contains("not a point"), "{refused}");
    }
}

fn refusal(note: &str) -> String {
    Checkpoint::open(note.as_bytes(), &vkey()).err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn malformed_notes_are_refused() {
    let good = signed(&log(2));
    assert_eq!(refusal(&good), "");
    let (text, line) = good.split_once("\n\n").expect("a note");
    let blob = B64.decode(line.trim_end().rsplit(' ').next().expect("base64")).expect("base64");
    let mut malleable = blob.clone();
    let mut carry = 0_u16;
    for (byte, add) in malleable[36..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    let with = |blob: &[u8]| format!("{text}\n\n\u{2014} {ORIGIN} {}\n", B64.encode(blob));
    assert_eq!(refusal(&with(&blob)), "");
    let mut flipped = blob.clone();
    flipped[40] ^= 1;
    for (note, named) in [
        (with(&malleable), "does not verify"),
        (with(&flipped), "does not verify"),
        (with(&blob[..67]), "does not verify"),
        (with(&blob[..4]), "holds no signature"),
        (with(&blob[..3]), "holds no signature"),
        (format!("{good}{}", with(&flipped).split_once("\n\n").expect("a note").1), "does not verify"),
        (good.replace(" 2\n", " 3\n").replace("\n2\n", "\n3\n"), "does not verify"),
        (good.replace('\n', "\r\n"), "U+000D"),
        (good.replace("\n2\n", "\n2\0\n"), "U+0000"),
        (good.replace('\u{2014}', "-"), "signature line"),
        (good.replace('\u{2014}', "\u{2013}"), "signature line"),
        (good.trim_end().to_owned(), "newline"),
        (format!("{text}\n"), "no signatures"),
        (format!("{text}\n\n"), "no signatures"),
        (good.replace("=\n\n", "=\n\n\n"), "does not verify"),
        (format!("{good}\n"), "no signatures"),
        (format!("{text}\n\n\u{2014} other.example {}\n", B64.encode([7; 68])), "no signature by the key given"),
        (good.replace("audit/1 ", "audit/1  "), "base64"),
        (String::new(), "no signatures"),
    ] {
        let refused = refusal(&note);
        assert!(refused.contains(named), "{note:?}: `{refused}`");
    }
    assert!(note::open(b"\xff\n\n", &vkey()).is_err());
}

#[test]
fn signatures_by_others_are_passed_over() {
    let mut good = signed(&log(2));
    for n in 0..40 {
        good.push_str(&format!("\u{2014} witness-{n}.example {}\n", B64.encode([n; 76])));
    }
    // The same name with another key id, and the same id with another name, are others too.
    good.push_str(&format!("\u{2014} {ORIGIN} {}\n", B64.encode([7; 68])));
    let (_, unknown) = Checkpoint::open(good.as_bytes(), &vkey()).expect("one good signature");
    assert_eq!(unknown, 41);
    for n in 0..60 {
        good.push_str(&format!("\u{2014} more-{n}.example {}\n", B64.encode([n; 76])));
    }
    assert!(refusal(&good).contains("more than 100"));
}

#[test]
fn checkpoints_have_one_form() {
    let root = B64.encode([3; 32]);
    assert!(Checkpoint::parse(&format!("a\n1\n{root}\n")).is_ok());
    assert!(Checkpoint::parse(&format!("a\n9223372036854775807\n{root}\n")).is_ok());
    assert!(Checkpoint::parse(&format!("a\n0\n{}\n", B64.encode(tree::empty_root()))).is_ok());
    let other_form = root.replace("M=", "N=");
    assert_ne!(other_form, root);
    for bad in [
        format!("a\n1\n{root}"),
        format!("a\n1\n{root}\n\n"),
        format!("a\n1\n{root}\nextension\n"),
        format!("\n1\n{root}\n"),
        format!("a b\n1\n{root}\n"),
        format!("a+b\n1\n{root}\n"),
        format!("a\n01\n{root}\n"),
        format!("a\n+1\n{root}\n"),
        format!("a\n-1\n{root}\n"),
        format!("a\n\n{root}\n"),
        format!("a\n 1\n{root}\n"),
        format!("a\n1 \n{root}\n"),
        format!("a\n9223372036854775808\n{root}\n"),
        format!("a\n0\n{root}\n"),
        format!("a\n00\n{}\n", B64.encode(tree::empty_root())),
        format!("a\n1\n{other_form}\n"),
        format!("a\n1\n{}\n", B64.encode([3; 31])),
        "a\n1\n".to_owned(),
        String::new(),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
        // Signed or not makes no difference to the form.
        if let Ok(note) = key().sign_note(ORIGIN, &bad) {
            assert!(!refusal(&note).is_empty(), "{bad:?}");
        }
    }
}

#[test]
fn the_writer_signs_only_proper_notes() {
    for (name, text) in [("a b", "x\n"), ("", "x\n"), ("a+b", "x\n"), ("a", "x"), ("a", "x\r\n"), ("a", "x\0\n")] {
        assert!(key().sign_note(name, text).is_err(), "{name:?} {text:?}");
    }
    assert_eq!(format!("{:?}", key()), "SigningKey(..)");
}

#[test]
fn a_proof_file_shows_one_entry_and_only_that() {
    let leaves = log(300);
    let hashes: Vec<_> = leaves.iter().map(|leaf| leaf::leaf_hash(leaf)).collect();
    let path = write::proof::inclusion(77, 300, &tile_map(&hashes)).expect("on hand");
    let text = proof_file(77, &path, &signed(&leaves));
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 77\n"));
    let proof = Proof::parse(&text).expect("in form");
    assert_eq!((proof.index, &proof.path), (77, &path));
    assert_eq!(proof.check(&leaves[77], &vkey()).map(|c| c.size), Ok(300));
    assert!(proof.check(&leaves[78], &vkey()).is_err());
    let altered = |from: &str, to: &str| {
        let text = text.replacen(from, to, 1);
        Proof::parse(&text).and_then(|proof| proof.check(&leaves[77], &vkey())).err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(altered("", ""), "");
    assert!(altered("index 77", "index 76").contains("root"));
    assert!(altered("index 77", "index 077").contains("leading zeros"));
    assert!(altered("index 77", "index 300").contains("not in a tree"));
    assert!(altered("@v1", "@v2").contains("not a proof"));
    assert!(altered("\n\n", "\n").contains("base64"));
    assert!(altered("index 77\n", &format!("index 77\n{}", format!("{}\n", B64.encode([1; 32])).repeat(60))).contains("more than 63"));
    let empty_log_proof = proof_file(0, &[], &signed(&log(1)));
    assert_eq!(Proof::parse(&empty_log_proof).and_then(|p| p.check(&log(1)[0], &vkey())).map(|c| c.size), Ok(1));
}
