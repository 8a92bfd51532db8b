//! Tests of the password policy: what is refused and why, what passes, and how
//! strong a generated passphrase is.

use super::known::KNOWN;
use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

fn house() -> Rules {
    Rules { profile: "house".to_owned(), min_chars: 16, max_chars: 256, upper: true, lower: true, digit: true, special: true }
}

fn free() -> Rules {
    Rules { profile: "nist-63b-4".to_owned(), upper: false, lower: false, digit: false, special: false, ..house() }
}

fn codes(candidate: &str, rules: &Rules, context: &[&str]) -> Vec<&'static str> {
    match check(candidate, rules, context, &Blocklist::built_in()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(Fault::code).collect(),
    }
}

#[test]
fn ordinary_strong_passwords_pass() {
    for candidate in [
        "Seven otters sign 3 pacts",
        "kV9#mQ2$xL7!pR4z",
        "Τρεις λύκοι, 4 αρνιά",
        "Были 3 медведя в лесу",
        "Grüne Wiese 7 Kühe",
        "I walked 12 miles uphill",
        "Were we free, 4 trees?",
        "correct Horse 2 mattress",
        "Tr0ubadour&3 on the roof",
        "７ Otters sign pacts",
        "The password of 3 otters is moss",
    ] {
        assert_eq!(codes(candidate, &house(), &[]), [""; 0], "{candidate}");
    }
}

#[test]
fn the_password_comes_back_composed_and_otherwise_untouched() {
    let decomposed = "  Zoe\u{0308} saw 3 otters\u{00A0} ";
    assert_eq!(check(decomposed, &house(), &[], &Blocklist::built_in()), Ok("  Zo\u{00EB} saw 3 otters\u{00A0} ".to_owned()));
}

#[test]
fn all_failed_rules_are_named_at_once_and_in_order() {
    assert_eq!(codes("", &house(), &[]), ["too_short", "no_upper", "no_lower", "no_digit", "no_special"]);
    assert_eq!(codes("keller", &house(), &["Anna Keller"]), ["too_short", "no_upper", "no_digit", "no_special", "context"]);
    assert_eq!(codes("password", &house(), &["password"]), ["too_short", "no_upper", "no_digit", "no_special", "context", "common"]);
    assert_eq!(codes("aaaaaaaaaaaaaaaaaaaa", &house(), &[]), ["no_upper", "no_digit", "no_special", "pattern"]);
}

#[test]
fn length_counts_characters_after_composition() {
    let sixteen = "Zo\u{00EB} saw 3 otters";
    assert_eq!(sixteen.chars().count(), 16);
    assert_eq!(codes(sixteen, &house(), &[]), [""; 0]);
    assert_eq!(codes("Zoe\u{0308} saw 3 otter", &house(), &[]), ["too_short"]);
    let long = format!("{} 3 otters", "Ab4 q".repeat(50));
    assert!(codes(&long, &house(), &[]).contains(&"too_long"));
    assert_eq!(codes(&"Ab4 q".repeat(10_000), &house(), &[]), ["too_long"]);
}

#[test]
fn classes_are_those_of_unicode() {
    for (candidate, missing) in [
        ("seven otters sign 3 pacts", "no_upper"),
        ("SEVEN OTTERS SIGN 3 PACTS", "no_lower"),
        ("Seven otters sign no pacts", "no_digit"),
        ("Sevenotterssign3pacts", "no_special"),
    ] {
        assert_eq!(codes(candidate, &house(), &[]), [missing], "{candidate}");
        assert_eq!(codes(candidate, &free(), &[]), [""; 0], "{candidate}");
    }
}

#[test]
fn words_of_the_context_are_refused_in_any_case_and_spelling() {
    let context = ["anna.keller", "Anna Marie Keller", "a.keller@northwind.example", "Northwind Clinics Ltd"];
    for (candidate, word) in [
        ("My KELLER has 3 otters", "keller"),
        ("My K3ll3r has 3 otters", "keller"),
        ("Northwind has 7 otters", "northwind"),
        ("n0rthw!nd Has 7 otters", "northwind"),
        ("4nn4 walks 3 Otters out", "anna"),
        ("Marienkäfer fly 9 miles", "marie"),
    ] {
        let faults = check(candidate, &house(), &context, &Blocklist::built_in()).expect_err(candidate);
        assert_eq!(faults, [Fault::Context { word: word.to_owned() }], "{candidate}");
    }
    assert_eq!(codes("Ltd has 7 quiet otters", &house(), &context), [""; 0]);
    assert_eq!(codes("Seven otters sign 3 pacts", &house(), &["", "a", "ann", "@@@@", "."]), [""; 0]);
}

#[test]
fn decorated_known_words_are_refused() {
    for candidate in [
        "Password12345678!",
        "P@ssw0rd2024!!!!!",
        "Passw0rd-Passw0rd-1",
        "Password1Password2Password3!",
        "!!!2024Password2024!!!",
        "WelcomePassword2024!",
        "Welcome@2026-2027",
        "Summer2026!Summer2026!",
        "ThisIsMyPassword1!",
        "MyStrongPassword1!",
        "Correct-Horse-Battery-Staple-1",
        "Changeme1234567!",
        "Administrator123!",
        "Administr@t0r2026",
        "September2026!!!!",
        "Countersign2026!!",
        "L3tm31n-pl3as3-99",
        "iLoveYouForever1!",
        "MayTheForceBeWithYou4!",
        "Qwerty1234567890!",
        "Letmein-Letmein-1",
        "Monday-Tuesday-2026",
    ] {
        assert_eq!(codes(candidate, &house(), &[]), ["common"], "{candidate}");
    }
}

#[test]
fn patterns_are_refused() {
    for candidate in [
        "Aaaaaaaaaaaaaaa1!",
        "Abcdefghijklmnop1!",
        "Zyxwvutsrqponm98!",
        "1qaz2wsx3edc4rfV!",
        "!QAZ2wsx#EDC4rfv",
        "1234567890aA!1234567890",
        "Otter7!Otter7!Otter7!",
        "Otter1Otter2Otter3Otter4!",
        "otter Otter OTTER 1",
        "Abababababababab1!",
        "Qwertzuiop1234567+",
        "Azertyuiop123456!",
        "112233445566778899aA!",
        "Aa1!Aa1!Aa1!Aa1!",
        "poiuytrewqASDFGH1!",
    ] {
        assert_eq!(codes(candidate, &house(), &[]), ["pattern"], "{candidate}");
    }
}

#[test]
fn an_operator_can_add_entries() {
    let blocklist = Blocklist::built_in().with_entries(["Otterpelz-Nordhafen", "  Kranichruf2019!  "]);
    for candidate in ["Otterpelz-Nordhafen 1", "otterPELZ-nordhafen99!", "Kranichruf2019!!!!", "!!Kranichruf 2027!"] {
        let faults = check(candidate, &house(), &[], &blocklist).expect_err(candidate);
        assert_eq!(faults, [Fault::Common], "{candidate}");
    }
    assert!(check("Otterpelz 3 Nordhafen", &house(), &[], &blocklist).is_ok());
}

#[test]
fn the_longest_password_is_judged_quickly() {
    let long: String = "passwor ".repeat(32);
    let started = std::time::Instant::now();
    assert!(!codes(&long, &house(), &[]).is_empty());
    assert!(started.elapsed() < std::time::Duration::from_secs(2));
}

#[test]
fn rules_are_read_strictly_and_judged() {
    let text = "profile = \"house\"\nmin_chars = 16\nmax_chars = 256\nupper = true\nlower = true\ndigit = true\nspecial = true\n";
    let rules: Rules = toml::from_str(text).expect("the shipped rules");
    assert_eq!(rules, house());
    assert!(rules.is_sound());
    assert!(toml::from_str::<Rules>(&format!("{text}rotate = true\n")).is_err());
    assert!(toml::from_str::<Rules>("profile = \"x\"").is_err());
    assert!(!Rules { min_chars: 7, ..house() }.is_sound());
    assert!(!Rules { min_chars: 257, ..house() }.is_sound());
    assert!(!Rules { max_chars: 1025, ..house() }.is_sound());
}

#[test]
fn every_fault_has_its_own_code_and_says_what_to_do() {
    let faults = [
        Fault::TooShort { min_chars: 16 },
        Fault::TooLong { max_chars: 256 },
        Fault::NoUpper,
        Fault::NoLower,
        Fault::NoDigit,
        Fault::NoSpecial,
        Fault::Context { word: "anna".to_owned() },
        Fault::Pattern,
        Fault::Common,
    ];
    let codes: HashSet<_> = faults.iter().map(Fault::code).collect();
    assert_eq!(codes.len(), faults.len());
    assert!(faults.iter().all(|fault| fault.to_string().contains(';')));
}

#[test]
fn a_generated_passphrase_carries_more_than_eighty_bits() {
    let distinct: HashSet<_> = WORDS.iter().collect();
    assert_eq!(distinct.len(), 512);
    let separators: HashSet<_> = SEPARATORS.iter().collect();
    assert_eq!(separators.len(), 8);
    let words = f64::from(u32::try_from(PHRASE_WORDS).expect("few"));
    let bits = words * 512_f64.log2() + 8_f64.log2() + 100_f64.log2();
    assert!(bits > 81.6, "{bits}");
}

#[test]
fn the_words_are_plain_and_none_is_on_the_blocklist() {
    let known: Vec<_> = KNOWN.split_ascii_whitespace().collect();
    let is_plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    for word in WORDS {
        assert!(is_plain(word) && (4..=8).contains(&word.len()), "{word}");
        assert!(!known.contains(&word), "{word}");
    }
    let distinct: HashSet<_> = known.iter().collect();
    assert_eq!(distinct.len(), known.len());
    assert!(known.len() > 200 && known.iter().all(|word| is_plain(word)));
}

#[test]
fn a_passphrase_depends_on_every_draw() {
    let drawn = |at: usize, byte: u8| {
        let mut calls = 0;
        generate(|bytes| {
            bytes.fill(if calls == at { byte } else { 0 });
            calls += 1;
        })
    };
    let base = drawn(99, 0);
    assert_eq!(base, "Acorn-acorn-acorn-acorn-acorn-acorn-acorn-acorn-00");
    for at in 0..10 {
        assert_ne!(drawn(at, 1), base, "{at}");
    }
    assert_eq!(drawn(10, 1), base);
}

proptest! {
    #[test]
    fn a_generated_passphrase_satisfies_every_rule(seed in any::<[u64; 10]>()) {
        let mut draws = seed.iter();
        let phrase = generate(|bytes| {
            let draw = draws.next().copied().unwrap_or_default();
            bytes.copy_from_slice(&draw.to_le_bytes());
        });
        let distinct: HashSet<_> = seed[1..9].iter().map(|draw| draw % 512).collect();
        // Chance can draw one word over and over; that is refused, and rightly.
        prop_assume!(distinct.len() > 4);
        prop_assert_eq!(check(&phrase, &house(), &[], &Blocklist::built_in()), Ok(phrase.clone()));
    }

    #[test]
    fn any_text_is_judged_without_a_panic(candidate in any::<String>(), context in any::<String>()) {
        let _ = check(&candidate, &house(), &[&context], &Blocklist::built_in());
    }

    #[test]
    fn whatever_passes_has_all_four_classes_and_the_length(candidate in "[A-Ca-c1-3 !éÉ]{0,40}") {
        if let Ok(password) = check(&candidate, &house(), &[], &Blocklist::built_in()) {
            prop_assert!((16..=256).contains(&password.chars().count()));
            prop_assert!(missing_classes(&password, &house()).is_empty());
        }
    }
}
