//! Tests of validated text: what passes, what is refused and by which name.

use super::*;
use proptest::prelude::*;

#[test]
fn a_line_is_trimmed_and_composed() {
    assert_eq!(Line::parse("  Zoe\u{0308} ", 10), Ok("Zo\u{00EB}".to_owned()));
    assert_eq!(Line::parse("\u{FEFF}Anna\u{00A0}", 10), Ok("Anna".to_owned()));
    assert_eq!(Line::parse("שלום עולם", 20), Ok("שלום עולם".to_owned()));
    assert!(Line::parse("👩\u{200D}⚕\u{FE0F} on duty", 20).is_ok());
}

#[test]
fn the_limit_counts_composed_characters() {
    let five = "e\u{0301}".repeat(5);
    assert_eq!(Line::parse(&five, 5), Ok("é".repeat(5)));
    assert_eq!(Line::parse(&"é".repeat(6), 5), Err(TextError::TooLong { max_chars: 5 }));
    assert_eq!(Line::parse(&"a".repeat(5_000), 5), Err(TextError::TooLong { max_chars: 5 }));
}

#[test]
fn an_empty_line_is_refused() {
    for input in ["", " ", "\t\r\n", "\u{3000}", "\u{FEFF}"] {
        assert_eq!(Line::parse(input, 5), Err(TextError::Empty), "{input:?}");
    }
}

#[test]
fn control_characters_and_line_ends_are_refused_in_a_line() {
    for found in ['\0', '\u{1}', '\t', '\n', '\r', '\u{7F}', '\u{85}', '\u{9B}', '\u{2028}', '\u{2029}'] {
        let input = format!("a{found}b");
        assert_eq!(Line::parse(&input, 9), Err(TextError::Control { found }));
    }
}

#[test]
fn direction_overrides_are_refused() {
    for found in "\u{202A}\u{202B}\u{202C}\u{202D}\u{202E}\u{2066}\u{2067}\u{2068}\u{2069}".chars() {
        let input = format!("invoice{found}fdp.exe");
        assert_eq!(Line::parse(&input, 99), Err(TextError::Direction { found }));
        assert_eq!(Paragraph::parse(&input, 99), Err(TextError::Direction { found }));
    }
}

#[test]
fn a_line_that_shows_nothing_is_refused() {
    for input in ["\u{200B}", "\u{200B} \u{2060}", "\u{200D}\u{FE0F}", "\u{3164}", "\u{E0041}"] {
        assert_eq!(Line::parse(input, 9), Err(TextError::Invisible), "{input:?}");
    }
}

#[test]
fn a_paragraph_keeps_lines_and_tabs_and_unifies_line_ends() {
    assert_eq!(Paragraph::parse("a\r\nb\rc\n\td\r\n", 20), Ok("a\nb\nc\n\td".to_owned()));
    assert_eq!(Paragraph::parse("a\0b", 20), Err(TextError::Control { found: '\0' }));
    assert_eq!(Paragraph::parse("\r\n\r\n", 20), Err(TextError::Empty));
}

#[test]
fn a_username_is_folded_to_lower_case() {
    assert_eq!(Username::parse(" Anna.Keller-2_x@Ward "), Ok("anna.keller-2_x@ward".to_owned()));
    assert_eq!(Username::parse("abc"), Ok("abc".to_owned()));
    assert_eq!(Username::parse(&"a".repeat(64)), Ok("a".repeat(64)));
}

#[test]
fn a_username_of_other_characters_or_length_is_refused() {
    for (input, found) in [
        ("an na", ' '),
        ("änna", 'ä'),
        ("аnna", 'а'),
        ("anna/x", '/'),
        ("an\0na", '\0'),
        ("ａnna", 'ａ'),
        ("anna'", '\''),
        ("-anna", '-'),
        ("@anna", '@'),
        ("...", '.'),
    ] {
        assert_eq!(Username::parse(input), Err(TextError::Username { found }), "{input:?}");
    }
    assert_eq!(Username::parse(""), Err(TextError::Empty));
    assert_eq!(Username::parse("ab"), Err(TextError::TooShort { min_chars: 3 }));
    assert_eq!(Username::parse(&"a".repeat(65)), Err(TextError::TooLong { max_chars: 64 }));
}

#[test]
fn ordinary_email_addresses_are_accepted() {
    for (input, expected) in [
        ("anna@example.org", "anna@example.org"),
        (" Anna.Keller+audit@Example.ORG ", "Anna.Keller+audit@example.org"),
        ("root@mailhost", "root@mailhost"),
        ("o'neil@sub.example.co.uk", "o'neil@sub.example.co.uk"),
        ("x@xn--bcher-kva.example", "x@xn--bcher-kva.example"),
    ] {
        assert_eq!(Email::parse(input), Ok(expected.to_owned()));
    }
}

#[test]
fn addresses_that_could_carry_a_second_header_or_recipient_are_refused() {
    for input in [
        "anna",
        "@example.org",
        "anna@",
        "a@b@c",
        "an na@example.org",
        "anna@exa mple.org",
        "anna@example.org\r\nBcc: x@y.org",
        "anna\n@example.org",
        "anna@example.org,b@c.org",
        "<anna@example.org>",
        "\"anna\"@example.org",
        ".anna@example.org",
        "anna.@example.org",
        "an..na@example.org",
        "anna@.org",
        "anna@example..org",
        "anna@-example.org",
        "anna@example-.org",
        "anna@[127.0.0.1]",
        "-f@example.org",
        "änna@example.org",
        "anna@exämple.org",
        "anna\0@example.org",
        "anna@example.org.",
    ] {
        assert_eq!(Email::parse(input), Err(TextError::Email), "{input:?}");
    }
    let long = format!("{}@example.org", "a".repeat(65));
    assert_eq!(Email::parse(&long), Err(TextError::Email));
    let longer = format!("a@{}.org", "b.".repeat(130));
    assert_eq!(Email::parse(&longer), Err(TextError::TooLong { max_chars: 254 }));
}

#[test]
fn folding_levels_case_width_and_composition() {
    assert_eq!(fold("ＡＮＮＡ"), "anna");
    assert_eq!(fold("Zoe\u{0308}"), fold("ZOË"));
    assert_eq!(fold("ΟΔΟΣ"), fold("οδος"));
    assert_eq!(fold("ﬁne"), "fine");
    assert_ne!(fold("anna"), fold("аnna"));
}

#[test]
fn folding_any_character_twice_changes_nothing() {
    // Left out: ideographs, syllables and private use, which have neither case nor width.
    let ranges = [0..=0x33FF, 0xA490..=0xABFF, 0xF900..=0x1_FFFF, 0x2_F800..=0x2_FA1F];
    for c in ranges.into_iter().flatten().filter_map(char::from_u32) {
        let once = fold(&c.to_string());
        assert_eq!(fold(&once), once, "U+{:04X}", u32::from(c));
    }
}

#[test]
fn initials_are_of_the_first_and_the_last_word() {
    for (name, expected) in [
        ("Anna Keller", "AK"),
        ("anna maria von keller", "AK"),
        ("Anna", "A"),
        ("", "?"),
        ("--", "?"),
        ("(anna) 'keller'", "AK"),
        ("élodie ß", "ÉS"),
        ("李 小龙", "李小"),
    ] {
        assert_eq!(initials(name), expected, "{name:?}");
    }
}

#[test]
fn every_refusal_has_a_code_and_says_what_to_do() {
    let error = Line::parse("a\u{202E}b", 9).expect_err("a direction override is refused");
    assert_eq!(error.code(), "direction_character");
    assert_eq!(error.to_string(), "contains a character that reverses the direction of text (U+202E); remove it");
    assert_eq!(TextError::Control { found: '\0' }.to_string(), "contains a control character (U+0000); remove it");
}

proptest! {
    #[test]
    fn an_accepted_line_is_accepted_again_unchanged(input in any::<String>()) {
        if let Ok(line) = Line::parse(&input, 40) {
            prop_assert!(line.chars().count() <= 40);
            prop_assert_eq!(Line::parse(&line, 40), Ok(line.clone()));
        }
    }

    #[test]
    fn an_accepted_paragraph_is_accepted_again_unchanged(input in "[a\r\n\t \u{301}]{0,30}") {
        if let Ok(text) = Paragraph::parse(&input, 40) {
            prop_assert!(!text.contains('\r'));
            prop_assert_eq!(Paragraph::parse(&text, 40), Ok(text.clone()));
        }
    }

    #[test]
    fn no_accepted_address_holds_white_space_or_a_second_at(input in "[a-z@. \r\n\",<>-]{0,20}") {
        if let Ok(address) = Email::parse(&input) {
            prop_assert_eq!(address.matches('@').count(), 1);
            prop_assert!(address.bytes().all(|b| b.is_ascii_graphic()));
        }
    }
}
