//! Cosignatures and policies: what a second program made is read, and every malformed or doubled form is refused.
//! The vectors were computed in Python with its package `cryptography`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use base64::{Engine, prelude::BASE64_STANDARD as B64};
use countersign_audit::{
    verify::{
        checkpoint::Checkpoint,
        cosign::{CosignerKey, cosignatures},
        policy::Policy,
    },
    write::cosign::{CosigningKey, TIME_MAX},
};
use sha2::{Digest, Sha256};

use crate::support::{ORIGIN, key, log, seed, signed, vkey};

const VKEYS: [&str; 2] =
    ["witness.example/w1+9338c350+BMhGTaftrmqBh64Wvgbo/o+RwZGpe/nYYaSEBXheFEMv", "witness.example/w2+bc4e108a+BCqvVkcKKEbMYYILaua5PKDjRhQ/SNreneI7pl8kyrHX"];

/// Over the text of the golden checkpoint `five`, at 1679315147 and at 0.
const LINES: [&str; 2] = [
    "\u{2014} witness.example/w1 kzjDUAAAAABkGFDLpf8uqS+pYfEFhjGBgad2+ZgeevMM7djPVJw7BabdsNq3gOJytDEpJMfGHSw4TnyWB+TXQs/Ka1eh/ypp9za5DA==\n",
    "\u{2014} witness.example/w2 vE4QigAAAAAAAAAA/agntPKiIs/MQlv/xegB1xAASFIgBdOhqhtGUsEJjGuLvrF2hGOTL8EYf/fJKst2S5Bhm4L458PXXuyHFb8iBQ==\n",
];

const NAMES: [&str; 2] = ["witness.example/w1", "witness.example/w2"];

/// The key of witness `name`.
pub fn witness(name: &str) -> CosigningKey {
    CosigningKey::from_seed(&seed(&format!("countersign-audit-{name}")))
}

/// `note` with a cosignature by witness `name` at `time`.
pub fn cosigned(note: &str, name: &str, time: u64) -> String {
    let text = format!("{}\n", note.split_once("\n\n").expect("a note").0);
    format!("{note}{}", witness(name).cosign(name, &text, time).expect("a proper text"))
}

fn keys() -> Vec<CosignerKey> {
    VKEYS.map(|vkey| CosignerKey::parse(vkey).expect("a key")).to_vec()
}

/// Names and times of the cosignatures on `note`, or why it is refused.
fn times(note: &str) -> Result<Vec<(String, u64)>, String> {
    let keys = keys();
    let found = cosignatures(note.as_bytes(), &keys).map_err(|error| error.to_string())?;
    Ok(found.iter().map(|found| (found.key.name().to_owned(), found.time)).collect())
}

#[test]
fn cosignatures_are_those_of_another_program() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/five/checkpoint");
    let five = fs::read_to_string(path).expect("there");
    for ((name, vkey), (line, time)) in NAMES.iter().zip(VKEYS).zip(LINES.iter().zip([1_679_315_147, 0])) {
        assert_eq!(witness(name).vkey(name), vkey);
        assert_eq!(cosigned(&five, name, time), format!("{five}{line}"));
    }
    let note = format!("{five}{}{}", LINES[1], LINES[0]);
    assert_eq!(times(&note), Ok(vec![(NAMES[0].to_owned(), 1_679_315_147), (NAMES[1].to_owned(), 0)]));
    let (_, unknown) = Checkpoint::open(note.as_bytes(), &vkey()).expect("the log's own");
    assert_eq!(unknown, 2, "cosignatures do not disturb the log's signature");
    assert_eq!(times(&five), Ok(Vec::new()));
}

#[test]
fn of_two_by_one_witness_both_must_verify_and_the_newest_counts_once() {
    let note = signed(&log(5));
    let twice = cosigned(&cosigned(&cosigned(&note, NAMES[0], 20), NAMES[0], 30), NAMES[0], 10);
    assert_eq!(times(&twice), Ok(vec![(NAMES[0].to_owned(), 30)]));
    let other = cosigned(&signed(&log(4)), NAMES[0], 40);
    let stray = other.lines().last().expect("a line");
    assert!(times(&format!("{twice}{stray}\n")).expect_err("refused").contains("does not verify"));
}

#[test]
fn a_cosignature_holds_for_its_time_text_and_key_alone() {
    let note = cosigned(&signed(&log(5)), NAMES[0], 1_000);
    let (text, lines) = note.split_once("\n\n").expect("a note");
    let (own, line) = lines.split_once('\n').expect("two lines");
    let blob = B64.decode(line.trim_end().rsplit(' ').next().expect("base64")).expect("base64");
    assert_eq!(blob.len(), 4 + 8 + 64);
    let with = |name: &str, blob: &[u8]| format!("{text}\n\n{own}\n\u{2014} {name} {}\n", B64.encode(blob));
    assert_eq!(times(&with(NAMES[0], &blob)).map(|times| times.len()), Ok(1));
    for at in 4..blob.len() {
        let mut flipped = blob.clone();
        flipped[at] ^= 1;
        let refused = times(&with(NAMES[0], &flipped)).expect_err("refused");
        assert!(refused.contains("does not verify") || refused.contains("above 2^53"), "byte {at}: {refused}");
    }
    for length in [5, 11, 12, 75] {
        assert!(times(&with(NAMES[0], &blob[..length])).is_err(), "{length} bytes");
    }
    assert!(times(&with(NAMES[0], &[&*blob, &[0]].concat())).is_err(), "a byte more");
    let late = [&blob[..4], &(TIME_MAX + 1).to_be_bytes(), &blob[12..]].concat();
    assert!(times(&with(NAMES[0], &late)).expect_err("refused").contains("above 2^53"));
    // Another name, or another id, is another key, of which nothing is known.
    assert_eq!(times(&with("other.example", &blob)), Ok(Vec::new()));
    let other_id = [&[blob[0] ^ 1], &blob[1..]].concat();
    assert_eq!(times(&with(NAMES[0], &other_id)), Ok(Vec::new()));
    // The log's plain signature by the same key is no cosignature.
    let plain = [&blob[..12], &B64.decode(own.rsplit(' ').next().expect("base64")).expect("base64")[4..]].concat();
    assert!(times(&with(NAMES[0], &plain)).is_err());
}

#[test]
fn cosigner_keys_are_read_as_strictly_as_log_keys() {
    assert!(CosignerKey::parse(VKEYS[0]).is_ok());
    assert_eq!(keys()[0].short(), "witness.example/w1+9338c350");
    for bad in [
        VKEYS[0].replace("9338c350", "9338C350"),
        VKEYS[0].replace("9338c350", "9338c351"),
        VKEYS[0].replace("w1+", "w3+"),
        VKEYS[0].replace("w1+", "w 1+"),
        format!("{}\n", VKEYS[0]),
        VKEYS[0].trim_end_matches('v').to_owned(),
        key().vkey(ORIGIN),
    ] {
        assert!(CosignerKey::parse(&bad).is_err(), "{bad:?}");
    }
    let mut identity = [0; 33];
    (identity[0], identity[1]) = (4, 1);
    let id = Sha256::digest([&b"weak\n"[..], &identity].concat());
    let weak = format!("weak+{:02x}{:02x}{:02x}{:02x}+{}", id[0], id[1], id[2], id[3], B64.encode(identity));
    assert!(CosignerKey::parse(&weak).expect_err("refused").to_string().contains("weak"));
}

#[test]
fn a_witness_signs_only_what_can_be_read() {
    let text = "a\n1\nx\n";
    for (name, text, time) in [("a b", text, 1), ("", text, 1), ("a+b", text, 1), ("a", "a\r\n", 1), ("a", "a", 1), ("a", text, TIME_MAX + 1)] {
        assert!(witness("a").cosign(name, text, time).is_err(), "{name:?} {text:?} {time}");
    }
    assert!(witness("a").cosign("a", text, TIME_MAX).is_ok());
    assert_eq!(format!("{:?}", witness("a")), "CosigningKey(..)");
}

/// A policy's line for witness `name`, which is also its key's name.
fn line(name: &str) -> String {
    format!("witness {name} {}\n", witness(name).vkey(name))
}

fn refusal(policy: &str) -> String {
    Policy::parse(policy).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn a_policy_is_met_as_its_groups_say() {
    let lines = ["X1", "X2", "X3", "Y1", "Y2", "Y3"].map(line).concat();
    let log = key().vkey(ORIGIN);
    let text = format!(
        "# two organisations\n\n \t# and a remark\nlog {log} https://log.example/ \n{lines}group X 2 X1 X2 X3\n\tgroup\tY any  Y1 Y2 Y3\ngroup both all X Y\nquorum both\n"
    );
    let policy = Policy::parse(&text).expect("in form");
    assert_eq!(policy.log_key(ORIGIN), Some(&vkey()));
    assert_eq!(policy.log_key("other.example"), None);
    assert_eq!((policy.logs()[0].url(), policy.witnesses()[0].url()), (Some("https://log.example/"), None));
    assert_eq!(policy.witnesses().iter().map(|witness| witness.name()).collect::<Vec<_>>(), ["X1", "X2", "X3", "Y1", "Y2", "Y3"]);
    for (names, met) in [
        (&[][..], false),
        (&["X1", "X2"], false),
        (&["X1", "Y1"], false),
        (&["Y1", "Y2", "Y3"], false),
        (&["X1", "X3", "Y2"], true),
        (&["X1", "X2", "X3", "Y1", "Y2", "Y3"], true),
        (&["X1", "X", "Y1"], false),
        (&["both"], false),
    ] {
        assert_eq!(policy.is_met(&names.iter().copied().collect::<BTreeSet<_>>()), met, "{names:?}");
    }
    let newest = |times: &[(&'static str, u64)]| policy.newest(&times.iter().copied().collect::<BTreeMap<_, _>>());
    assert_eq!(newest(&[("X1", 10), ("X2", 30), ("X3", 20), ("Y1", 99)]), Some(20), "the second newest of X");
    assert_eq!(newest(&[("X1", 10), ("X2", 30), ("X3", 20), ("Y1", 5), ("Y3", 15)]), Some(15), "the newest of Y");
    assert_eq!(newest(&[("X1", 10), ("Y1", 5)]), None);

    let one = Policy::parse(&format!("{}quorum X1\n", line("X1"))).expect("in form");
    assert!(one.is_met(&BTreeSet::from(["X1"])) && !one.is_met(&BTreeSet::new()) && one.asks_for_quorum());
    let none = Policy::parse("quorum none\n").expect("in form");
    assert!(none.is_met(&BTreeSet::new()) && !none.asks_for_quorum() && none.newest(&BTreeMap::new()).is_none());
}

#[test]
fn a_policy_has_one_form() {
    let (a, b, c) = (line("a"), line("b"), line("c"));
    let renamed = format!("witness z {}\n", witness("a").vkey("a"));
    let rekeyed = format!("witness z {}\n", witness("a").vkey("z"));
    let log = format!("log {}\n", key().vkey(ORIGIN));
    let second_log = format!("log {}\n", countersign_audit::write::checkpoint::SigningKey::from_seed(&seed("other")).vkey(ORIGIN));
    let own = format!("witness own {}\n", CosigningKey::from_seed(&seed("countersign-audit-vectors")).vkey("own"));
    for (policy, named) in [
        (String::new(), "newline"),
        ("quorum none".to_owned(), "newline"),
        ("\n".to_owned(), "no `quorum`"),
        (format!("{a}quorum a\nquorum none\n"), "line 3: a second `quorum`"),
        ("quorum a\n".to_owned(), "not declared"),
        (format!("quorum a\n{a}"), "not declared"),
        (format!("{a}group g any a b\n{b}quorum g\n"), "`b` is not declared"),
        (format!("{a}group g any a g\nquorum g\n"), "`g` is not declared"),
        (format!("{a}group g any none\nquorum g\n"), "`none` is not declared"),
        (format!("{a}group none any a\nquorum none\n"), "`none` is no name"),
        (format!("{}quorum none\n", line("none")), "`none` is no name"),
        (format!("{a}{b}group a any b\nquorum a\n"), "`a` is declared twice"),
        (format!("{a}{}quorum a\n", a.replace("witness a ", "witness b ")), "would count twice"),
        (format!("{a}{renamed}quorum a\n"), "would count twice"),
        (format!("{a}{rekeyed}quorum a\n"), "would count twice"),
        (format!("{a}{}quorum a\n", b.replace("witness b ", "witness a ")), "`a` is declared twice"),
        (format!("{a}{b}group g 0 a b\nquorum g\n"), "threshold is not from 1 to 2"),
        (format!("{a}{b}group g 3 a b\nquorum g\n"), "threshold is not from 1 to 2"),
        (format!("{a}{b}group g 02 a b\nquorum g\n"), "leading zeros"),
        (format!("{a}{b}group g +1 a b\nquorum g\n"), "decimal"),
        (format!("{a}{b}group g most a b\nquorum g\n"), "decimal"),
        (format!("{a}{b}group g 2 a a\nquorum g\n"), "`a` is a member already"),
        (format!("{a}{b}{c}group g 1 a b\ngroup h 2 a c\nquorum h\n"), "`a` is a member already"),
        (format!("{a}group g any\nquorum g\n"), "not `log <vkey>"),
        (format!("{a}quorum a b\n"), "not `log <vkey>"),
        (format!("{a}quorum\n"), "not `log <vkey>"),
        ("witnes a b\nquorum none\n".to_owned(), "not `log <vkey>"),
        ("Log a\nquorum none\n".to_owned(), "not `log <vkey>"),
        ("log\nquorum none\n".to_owned(), "not `log <vkey>"),
        (format!("log {} a b\nquorum none\n", key().vkey(ORIGIN)), "not `log <vkey>"),
        ("log a\nquorum none\n".to_owned(), "verifier key"),
        (format!("log {}\nquorum none\n", witness("a").vkey("a")), "type 0x01"),
        (format!("witness a {}\nquorum a\n", key().vkey(ORIGIN)), "type 0x04"),
        (format!("{log}{log}quorum none\n"), "earlier line"),
        (format!("{log}{second_log}quorum none\n"), "earlier line"),
        (format!("{log}log {}\nquorum none\n", key().vkey("other.example")), "earlier line"),
        (format!("{log}{own}quorum own\n"), "their own witness"),
        (format!("{own}{log}quorum own\n"), "their own witness"),
        ("quorum none\r\n".to_owned(), "U+000D"),
        ("quorum\u{b}none\n".to_owned(), "U+000B"),
        ("# \u{7f}\nquorum none\n".to_owned(), "U+007F"),
        ("quorum\u{a0}none\n".to_owned(), "not `log <vkey>"),
        (format!("{}quorum none\n", "#\n".repeat(32_768)), "longer than 65536"),
    ] {
        assert!(refusal(&policy).contains(named), "{policy}: `{}`", refusal(&policy));
    }
}

#[test]
fn a_policy_has_limits() {
    let many = |count: usize| (0..count).map(|n| line(&format!("w{n}"))).collect::<String>();
    assert_eq!(refusal(&format!("{}quorum none\n", many(256))), "");
    assert!(refusal(&format!("{}quorum none\n", many(257))).contains("more than 256 witnesses"));
    let groups = |count: usize| {
        let mut text = line("g0");
        (1..=count).for_each(|n| text.push_str(&format!("group g{n} any g{}\n", n - 1)));
        format!("{text}quorum g{count}\n")
    };
    assert!(Policy::parse(&groups(64)).expect("in form").is_met(&BTreeSet::from(["g0"])));
    assert!(refusal(&groups(65)).contains("more than 64 groups"));
    let logs = |count: usize| {
        let log = |n| countersign_audit::write::checkpoint::SigningKey::from_seed(&seed(&format!("log {n}"))).vkey(&format!("log{n}"));
        (0..count).map(|n| format!("log {}\n", log(n))).collect::<String>() + "quorum none\n"
    };
    assert_eq!(refusal(&logs(64)), "");
    assert!(refusal(&logs(65)).contains("more than 64 logs"));
}
