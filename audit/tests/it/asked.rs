//! What an auditor asks beyond a key: a policy with its witnesses, freshness, checkpoints kept from earlier.
//! Both verifiers are asked, and must come to the same states and the same exit code.

use countersign_audit::{
    verify::{
        bundle::{self, Ask},
        kept::Kept,
        policy::Policy,
        witnessed::Fresh,
    },
    write::{checkpoint, checkpoint::SigningKey},
};

use crate::{
    both::{Cases, both, python_is_here, text},
    support::{Export, ORIGIN, chain, event, folder, key, log, root, seed, signed, vkey},
    tamper::change_text,
    witnesses::{cosigned, witness},
};

/// 2033-05-18T03:33:20Z.
const NOW: u64 = 2_000_000_000;
const NOW_TEXT: &str = "2033-05-18T03:33:20Z";

/// A log whose entry `at` is another.
fn other_log(size: u64, at: u64) -> Vec<Vec<u8>> {
    chain((0..size).map(|n| event(if n == at { n + 900 } else { n }).body().expect("proper")))
}

fn without(export: &Export, path: &str) -> Export {
    let mut export = export.clone();
    export.files.remove(path).expect("there");
    export
}

fn touched(export: &Export, entry: usize) -> Export {
    let mut export = export.clone();
    change_text(&mut export.leaves[entry]);
    export.pack();
    export
}

/// Name, export, kept checkpoint, exit code, state.
fn kept_cases() -> Vec<(&'static str, Export, Vec<u8>, u64, &'static str)> {
    let whole = Export::new(log(600), true);
    let bare = Export::new(log(600), false);
    let other = SigningKey::from_seed(&seed("other"));
    let note = |leaves: &[Vec<u8>]| signed(leaves).into_bytes();
    let mut cases: Vec<_> = [0, 1, 255, 256, 257, 511, 599, 600].map(|size| ("a prefix", bare.clone(), note(&log(size)), 0, "held")).to_vec();
    let by_other = other.sign_note(ORIGIN, &checkpoint::body(ORIGIN, 200, &root(&log(200)))).expect("proper").into_bytes();
    let elsewhere = key().sign_note("other.example", &checkpoint::body("other.example", 200, &root(&log(200)))).expect("proper").into_bytes();
    let mut flipped = note(&log(200));
    *flipped.last_mut().expect("not empty") ^= 1;
    let restored = Export::new(log(300), true);
    cases.extend([
        ("a restored backup", restored.clone(), note(&log(301)), 1, "rolled_back"),
        ("a restored backup without hash tiles", Export::new(log(300), false), note(&log(600)), 1, "rolled_back"),
        ("an empty log", Export::new(Vec::new(), false), note(&log(1)), 1, "rolled_back"),
        ("cut and grown again to the same size", whole.clone(), note(&other_log(600, 599)), 1, "forked"),
        ("cut and grown again beyond", whole.clone(), note(&other_log(400, 399)), 1, "rewritten"),
        ("the first entry rewritten", bare.clone(), note(&other_log(1, 0)), 1, "rewritten"),
        ("rewritten at a bundle's end", whole.clone(), note(&other_log(256, 255)), 1, "rewritten"),
        ("changed after the prefix", touched(&bare, 400), note(&log(400)), 1, "held"),
        ("changed within the prefix", touched(&bare, 399), note(&log(400)), 1, "rewritten"),
        ("changed where tiles tell", touched(&whole, 10), note(&log(400)), 1, "rewritten"),
        ("a gap behind", without(&whole, "tile/entries/001"), note(&log(256)), 2, "held"),
        ("a gap within", without(&whole, "tile/entries/001"), note(&log(257)), 2, "not_told"),
        ("rewritten before a gap", without(&bare, "tile/entries/001"), note(&other_log(200, 7)), 1, "rewritten"),
        ("forked, with a gap", without(&bare, "tile/entries/000"), note(&other_log(600, 7)), 1, "forked"),
        ("no checkpoint", without(&whole, "checkpoint"), note(&log(200)), 2, "not_told"),
        ("no file of a checkpoint", whole.clone(), b"nothing of use\n".to_vec(), 1, "refused"),
        ("another key", whole.clone(), by_other, 1, "refused"),
        ("another log by the same key", whole.clone(), elsewhere, 1, "refused"),
        ("a flipped bit", whole.clone(), flipped, 1, "refused"),
        ("overlong", whole.clone(), vec![b'a'; 65_537], 1, "refused"),
    ]);
    cases
}

#[test]
fn a_kept_checkpoint_shows_rollback_fork_and_rewriting() {
    for (name, export, note, exit, state) in kept_cases() {
        let dir = folder("kept");
        export.write(&dir);
        let file = folder("kept-file").join("kept");
        std::fs::write(&file, &note).expect("written");
        let report = bundle::examine(&dir, &Ask { key: Some(Ok(vkey())), kept: vec![Kept::read(&file)], ..Ask::default() });
        assert_eq!((u64::from(report.exit_code()), report.kept_checkpoints[0].state.as_str()), (exit, state), "{name}: {}", report.to_text());
        let sentence = match state {
            "rolled_back" => "the log was rolled back: it has",
            "forked" => "the log was forked: for its",
            "rewritten" if name.contains("cut and") || name.contains("rewritten at") => "the log was rewritten: its first",
            "rewritten" => "are not those of the kept checkpoint",
            _ => "",
        };
        assert!(report.to_text().contains(sentence), "{name}: {}", report.to_text());
    }
}

#[test]
fn both_hold_kept_checkpoints_alike() {
    let Some(mut cases) = Cases::new("asked-kept") else { return };
    let vkey = key().vkey(ORIGIN);
    for (at, (name, export, note, exit, _)) in kept_cases().into_iter().enumerate() {
        let file = cases.file(&format!("kept-{at}"), &note);
        cases.ask(name, &export, &["--key", &vkey, "--checkpoint", &file], exit);
    }
    let whole = Export::new(log(300), true);
    let [held, gone, forked] = [("held", signed(&log(7))), ("gone", signed(&log(400))), ("forked", signed(&other_log(300, 2)))]
        .map(|(name, note)| format!("--checkpoint={}", cases.file(name, note.as_bytes())));
    let nothing = format!("--checkpoint={held}-none");
    for (words, exit) in [
        (&[&held, &held][..], 0),
        (&[&held, &nothing], 2),
        (&[&nothing, &gone, &held], 1),
        (&[&forked, &gone], 1),
        (&[&"--checkpoint=/".to_owned()], 2),
        (&[&"--checkpoint=".to_owned()], 2),
    ] {
        let words: Vec<&str> = ["--key", &vkey].into_iter().chain(words.iter().map(|word| word.as_str())).collect();
        cases.ask(format!("{words:?}"), &whole, &words, exit);
    }
    cases.judge();
}

/// A policy with this log, the witnesses w1 to w3, and `rest`.
fn policy(rest: &str) -> String {
    let lines: String = ["w1", "w2", "w3"].map(|name| format!("witness {name} {}\n", witness(name).vkey(name))).concat();
    format!("log {}\n{lines}{rest}\n", key().vkey(ORIGIN))
}

/// An export of five entries with cosignatures by these witnesses at these times.
fn seen(by: &[(&str, u64)]) -> Export {
    let mut export = Export::new(log(5), false);
    let note = by.iter().fold(signed(&log(5)), |note, (name, time)| cosigned(&note, name, *time));
    export.files.insert("checkpoint".to_owned(), note.into_bytes());
    export
}

const ALL: &[(&str, u64)] = &[("w1", NOW - 10), ("w2", NOW - 100), ("w3", NOW - 1000)];

/// Name, who cosigned, end of the policy, most age, exit code, quorum, freshness.
type PolicyCase = (&'static str, &'static [(&'static str, u64)], &'static str, Option<u64>, u8, &'static str, &'static str);

const POLICY_CASES: &[PolicyCase] = &[
    ("none asked for", &[], "quorum none", None, 0, "none", "not_asked"),
    ("none asked for, but freshness", ALL, "quorum none", Some(10), 3, "none", "not_met"),
    ("one of one", ALL, "quorum w2", None, 0, "met", "not_asked"),
    ("the other of one", &[("w1", NOW)], "quorum w2", None, 3, "not_met", "not_asked"),
    ("nobody", &[], "group g any w1 w2 w3\nquorum g", None, 3, "not_met", "not_asked"),
    ("two of three", &[("w1", NOW), ("w3", NOW)], "group g 2 w1 w2 w3\nquorum g", None, 0, "met", "not_asked"),
    ("one of two asked", &[("w1", NOW)], "group g 2 w1 w2 w3\nquorum g", None, 3, "not_met", "not_asked"),
    ("one twice for two", &[("w1", NOW), ("w1", NOW - 1)], "group g 2 w1 w2 w3\nquorum g", None, 3, "not_met", "not_asked"),
    ("a stranger for the second", &[("w1", NOW), ("w9", NOW)], "group g 2 w1 w2 w3\nquorum g", None, 3, "not_met", "not_asked"),
    ("just new enough for one", ALL, "group g any w1 w2 w3\nquorum g", Some(10), 0, "met", "met"),
    ("too old for one", ALL, "group g any w1 w2 w3\nquorum g", Some(9), 3, "met", "not_met"),
    ("just new enough for two", ALL, "group g 2 w1 w2 w3\nquorum g", Some(100), 0, "met", "met"),
    ("too old for two", ALL, "group g 2 w1 w2 w3\nquorum g", Some(99), 3, "met", "not_met"),
    ("too old for all", ALL, "group g all w1 w2 w3\nquorum g", Some(999), 3, "met", "not_met"),
    ("nested", ALL, "group a any w2 w3\ngroup g all w1 a\nquorum g", Some(100), 0, "met", "met"),
    ("the newest of one witness", &[("w1", NOW - 500), ("w1", NOW - 5)], "quorum w1", Some(5), 0, "met", "met"),
    ("fresh without a quorum", &[("w1", NOW)], "group g 2 w1 w2\nquorum g", Some(10), 3, "not_met", "not_met"),
    ("a clock a little ahead", &[("w1", NOW + 300)], "quorum w1", Some(0), 0, "met", "met"),
    ("a clock far ahead", &[("w1", NOW + 301)], "quorum w1", Some(10), 3, "met", "not_met"),
    ("one clock far ahead of two", &[("w1", NOW + 999), ("w2", NOW - 1)], "group g 2 w1 w2\nquorum g", Some(10), 3, "met", "not_met"),
    ("one clock far ahead of any", &[("w1", NOW + 999), ("w2", NOW - 1)], "group g any w1 w2\nquorum g", Some(10), 0, "met", "met"),
];

#[test]
fn a_policy_that_is_not_met_is_exit_three() {
    for (name, by, rest, max_age, exit, quorum, freshness) in POLICY_CASES {
        let dir = folder("policy");
        let policy = Policy::parse(&policy(rest)).expect("in form");
        let fresh = max_age.map(|max_age| Fresh { max_age, now: NOW, now_is_given: true });
        let ask = |export: &Export| {
            export.write(&dir);
            bundle::examine(&dir, &Ask { policy: Some(Ok(policy.clone())), fresh, ..Ask::default() })
        };
        let report = ask(&seen(by));
        let told = (report.exit_code(), report.quorum.as_str(), report.freshness.as_str(), report.integrity().as_str());
        assert_eq!(told, (*exit, *quorum, *freshness, "ok"), "{name}: {}", report.to_text());
        assert_eq!(report.to_text().starts_with("POLICY NOT MET"), *exit == 3);
        // What is wrong outweighs what witnesses do not show.
        let report = ask(&touched(&seen(by), 2));
        assert_eq!((report.exit_code(), report.quorum.as_str(), report.freshness.as_str()), (1, *quorum, *freshness), "{name}");
        std::fs::remove_dir_all(dir.join("tile")).expect("removed");
        let report = bundle::examine(&dir, &Ask { policy: Some(Ok(policy.clone())), fresh, ..Ask::default() });
        assert_eq!((report.exit_code(), report.quorum.as_str()), (2, *quorum), "{name}");
    }
}

#[test]
fn both_hold_policies_alike() {
    let Some(mut cases) = Cases::new("asked-policy") else { return };
    for (at, (name, by, rest, max_age, exit, ..)) in POLICY_CASES.iter().enumerate() {
        let file = cases.file(&format!("policy-{at}"), policy(rest).as_bytes());
        let age = max_age.map(|age| age.to_string()).unwrap_or_default();
        let mut words = vec!["--policy", &file];
        if max_age.is_some() {
            words.extend(["--max-age", &age, "--now", NOW_TEXT]);
        }
        cases.ask(*name, &seen(by), &words, u64::from(*exit));
        cases.ask(format!("{name}, changed"), &touched(&seen(by), 2), &words, 1);
        cases.ask(format!("{name}, no bundle"), &without(&seen(by), "tile/entries/000.p/5"), &words, 2);
        cases.ask(format!("{name}, no checkpoint"), &without(&seen(by), "checkpoint"), &words, 2);
    }
    let (vkey, other) = (key().vkey(ORIGIN), SigningKey::from_seed(&seed("other")).vkey(ORIGIN));
    let good = cases.file("good", policy("quorum w1").as_bytes());
    let none = cases.file("none", b"quorum none\n");
    let strange = cases.file("strange", format!("log {}\nquorum none\n", key().vkey("other.example")).as_bytes());
    let exchanged = cases.file("exchanged", format!("log {other}\nquorum none\n").as_bytes());
    let same_name = cases.file("same-name", format!("log {vkey}\nwitness w1 {}\nquorum w1\n", witness("w2").vkey("w1")).as_bytes());
    let broken = cases.file("broken", b"log\nquorum none\n");
    let binary = cases.file("binary", b"quorum none\n# \xff\n");
    let long = cases.file("long", &[b"quorum none\n", &b"#\n".repeat(32_770)[..]].concat());
    let gone = format!("{good}-gone");
    let whole = seen(ALL);
    for (words, exit) in [
        (&["--policy", &good][..], 0),
        (&["--policy", &good, "--key", &vkey], 0),
        (&["--policy", &good, "--key", &other], 1),
        (&["--policy", &exchanged, "--key", &vkey], 1),
        (&["--policy", &exchanged], 1),
        (&["--policy", &strange], 1),
        (&["--policy", &strange, "--key", &vkey], 1),
        (&["--policy", &same_name], 3),
        (&["--policy", &none, "--key", &vkey], 0),
        (&["--policy", &none], 2),
        (&["--policy", &broken], 1),
        (&["--policy", &binary], 1),
        (&["--policy", &long], 1),
        (&["--policy", &gone], 2),
        (&["--policy", "/", "--key", &vkey], 2),
        (&["--policy", &none, "--key", &gone], 2),
        (&["--policy", &broken, "--key", &gone], 2),
    ] {
        cases.ask(format!("{words:?}"), &whole, words, exit);
    }
    let mut altered = seen(ALL);
    let stray = cosigned(&signed(&log(4)), "w1", NOW);
    altered.files.get_mut("checkpoint").expect("there").extend(format!("{}\n", stray.lines().last().expect("a line")).bytes());
    cases.ask("a cosignature of another checkpoint", &altered, &["--policy", &good], 1);
    cases.ask("the same, by a witness whom nobody knows", &altered, &["--policy", &none, "--key", &vkey], 0);
    cases.judge();
}

#[test]
fn both_refuse_one_misuse() {
    if !python_is_here() {
        return;
    }
    let dir = folder("asked-misuse");
    Export::new(log(2), false).write(&dir);
    let policy_file = dir.join("policy");
    std::fs::write(&policy_file, policy("quorum none")).expect("written");
    let (dir, vkey, policy) = (text(&dir), key().vkey(ORIGIN), text(&policy_file));
    let kept = ["--checkpoint", "none"].repeat(65);
    let mut words: Vec<Vec<&str>> = vec![
        vec!["--json"],
        vec!["--key", &vkey, "--max-age", "1"],
        vec!["--key", &vkey, "--now", NOW_TEXT],
        vec!["--policy", policy, "--now", NOW_TEXT],
        vec!["--policy", policy, "--policy", policy],
        vec!["--policy"],
        vec!["--policy", policy, "--checkpoint"],
        vec!["--policy", policy, "--max-age", "1", "--max-age", "1"],
        vec!["--policy", policy, "--polic", policy],
        [&["--key", &vkey][..], &kept].concat(),
    ];
    for age in ["", "-1", "+1", "1.5", "1e3", "1 ", "9007199254740992", "\u{661}"] {
        words.push(vec!["--policy", policy, "--max-age", age]);
    }
    for now in ["", "now", "2033-05-18", "2033-05-18T03:33:20", "2033-02-29T03:33:20Z", "1969-12-31T23:59:59Z", "2033-05-18T03:33:20+00:00"] {
        words.push(vec!["--policy", policy, "--max-age", "1", "--now", now]);
    }
    let words: Vec<Vec<&str>> = words.into_iter().map(|words| [&[dir][..], &words].concat()).collect();
    for (args, [first, second]) in words.iter().zip(both(&folder("asked-misuse-told"), &words)) {
        assert_eq!((first.0, second.0), (2, 2), "{args:?}");
        assert_eq!((&*first.1, &*second.1), ("", ""), "{args:?}");
    }
    let fine = vec![vec![dir, "--policy", policy, "--max-age", "9007199254740991", "--now", "2033-05-18T03:33:20.123456Z"]; 1];
    let told = both(&folder("asked-misuse-told"), &fine);
    assert_eq!((told[0][0].0, told[0][1].0), (3, 3));
    // Without `--now` the clock of this machine is taken, and that is said.
    let clock = both(&folder("asked-misuse-told"), &[vec![dir, "--policy", policy, "--max-age", "1", "--json"]]);
    assert!(clock[0].iter().all(|told| told.0 == 3 && told.1.contains(r#""now_by":"clock""#)));
}
