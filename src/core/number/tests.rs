//! Tests of telephone numbers. The expected values of the golden table are those
//! of Google's own library with metadata 9.0.42, with our rule on kinds on top.

use super::*;
use proptest::prelude::*;

use NumberError::*;

#[test]
fn valid_mobile_numbers_are_those_of_the_reference_library() {
    for (input, region, e164, country) in [
        ("+14155552671", None, "+14155552671", "US"),
        ("  +1 (415) 555-2671 ", None, "+14155552671", "US"),
        ("(415) 555-2671", Some("US"), "+14155552671", "US"),
        ("415.555.2671", Some("US"), "+14155552671", "US"),
        ("1 415 555 2671", Some("US"), "+14155552671", "US"),
        ("0118613123456789", Some("US"), "+8613123456789", "CN"),
        ("+8613123456789", None, "+8613123456789", "CN"),
        ("+525512345678", None, "+525512345678", "MX"),
        ("+44 (0)7911 123456", None, "+447911123456", "GG"),
        ("07911 123456", Some("GB"), "+447911123456", "GG"),
        ("00447911123456", Some("DE"), "+447911123456", "GG"),
        ("+4915112345678", None, "+4915112345678", "DE"),
        ("0151/12345678", Some("DE"), "+4915112345678", "DE"),
        ("+393123456789", None, "+393123456789", "IT"),
        ("312 345 6789", Some("IT"), "+393123456789", "IT"),
        ("06 12 34 56 78", Some("FR"), "+33612345678", "FR"),
        ("+81 90-1234-5678", None, "+819012345678", "JP"),
        ("+61 412 345 678", None, "+61412345678", "AU"),
        ("+5511987654321", None, "+5511987654321", "BR"),
        ("+91 98765 43210", None, "+919876543210", "IN"),
        ("+27 82 123 4567", None, "+27821234567", "ZA"),
        ("+2348031234567", None, "+2348031234567", "NG"),
        ("8 916 123-45-67", Some("RU"), "+79161234567", "RU"),
        ("+77011234567", None, "+77011234567", "KZ"),
        ("+4520123456", None, "+4520123456", "DK"),
        ("+85251234567", None, "+85251234567", "HK"),
        ("+1242 359 1234", None, "+12423591234", "BS"),
        ("+14413701234", None, "+14413701234", "BM"),
        ("+447624123456", None, "+447624123456", "IM"),
        ("+436641234567", None, "+436641234567", "AT"),
        ("+881612345678", None, "+881612345678", "001"),
        ("+6907290", None, "+6907290", "TK"),
        ("+24740123", None, "+24740123", "AC"),
    ] {
        let number = Number::parse(input, region).expect(input);
        assert_eq!((number.e164(), number.region()), (e164, country), "{input:?}");
    }
}

#[test]
fn numbers_that_the_reference_library_refuses_are_refused_with_the_reason() {
    for (input, region, reason) in [
        ("+14414123", None, TooShort),
        ("+5215512345678", None, TooLong),
        ("044 55 1234 5678", Some("MX"), TooLong),
        ("+551187654321", None, NotValid),
        ("+97233142764978", None, NotValid),
        ("+4512345678", None, NotValid),
        ("+15555555555", None, NotValid),
        ("+10000000000", None, NotValid),
        ("+6908 1234", None, NotValid),
        ("+50012345", None, NotValid),
        ("+68312345", None, NotValid),
        ("+2471234", None, TooShort),
        ("+141555526711", None, TooLong),
        ("+1415555267", None, TooShort),
        ("+2904", None, TooShort),
        ("555-2671", Some("US"), TooShort),
        ("+999123456789", None, NoCountry),
        ("+0123456789", None, NoCountry),
        ("4155552671", None, NoCountry),
        ("4155552671", Some("XX"), NoCountry),
        ("4155552671", Some(""), NoCountry),
        ("0118613123456789", None, NoCountry),
    ] {
        assert_eq!(Number::parse(input, region).err(), Some(reason), "{input:?}");
    }
}

#[test]
fn short_codes_and_emergency_numbers_are_refused() {
    for (input, region) in [("911", "US"), ("112", "DE"), ("72345", "US"), ("999", "GB"), ("110", "CN")] {
        assert_eq!(Number::parse(input, Some(region)).err(), Some(TooShort), "{input:?}");
    }
}

#[test]
fn numbers_that_receive_no_messages_are_refused() {
    for input in [
        "+442079460958",
        "+4930123456",
        "+390669812345",
        "+14414123456",
        "+18002345678",
        "+19002345678",
        "+80012345678",
        "+883510012345678",
        "+441534123456",
        "+6834001",
    ] {
        assert_eq!(Number::parse(input, None).err(), Some(KindNotAllowed), "{input:?}");
    }
}

#[test]
fn letters_and_signs_are_never_read_as_digits() {
    for input in [
        "+1415555CALL",
        "1-800-FLOWERS",
        "=+14155552671",
        "'+14155552671",
        "\"+14155552671\"",
        "tel:+14155552671",
        "++14155552671",
        "+1+4155552671",
        "14155552671+",
        "(+1) 4155552671",
        "+1 (415 555-2671",
        "+1 )415( 555-2671",
        "+1 ((415)) 5552671",
        "+1415*5552671",
        "+",
        "()",
        "-",
        "+1415\u{00A0}555\u{200B}2671",
        "+1415–5552671",
        "+1415\n5552671",
        "+1415\t5552671",
        "+1415\u{0}5552671",
        "+²³⁴¹⁵⁵⁵⁵",
        "①④①⑤⑤⑤⑤②⑥⑦①",
        "+١٤١٥٥٥٥٢٦٧١",
        "=1+1",
        "@SUM(1)",
        "anna",
        "+1415555267l",
        "+1415555267O",
    ] {
        assert_eq!(Number::parse(input, Some("US")).err(), Some(BadCharacters), "{input:?}");
    }
}

#[test]
fn an_extension_is_refused() {
    for input in [
        "+14155552671,5551212",
        "+14155552671;ext=12",
        "+1 415 555 2671 x12",
        "+14155552671 ext. 12",
        "+14155552671 EXT12",
        "+14155552671#12",
        "+14155552671 extension 12",
        "+14155552671,,12",
        "+14155552671 x 12#",
    ] {
        assert_eq!(Number::parse(input, None).err(), Some(Extension), "{input:?}");
    }
}

#[test]
fn what_a_spreadsheet_made_of_a_number_is_reported() {
    for input in ["1.41555E+10", "1,41555E+10", "1.41555e10", "+1.41555E+10", "1E+10", "4.9151E+12", " 1.41555E+10 "] {
        assert_eq!(Number::parse(input, Some("US")).err(), Some(ScientificNotation), "{input:?}");
    }
}

#[test]
fn nothing_and_too_much_are_refused() {
    for input in ["", " ", "\t\r\n", "\u{202A}\u{202C}", "\u{FEFF}"] {
        assert_eq!(Number::parse(input, None).err(), Some(Empty), "{input:?}");
    }
    for input in ["+".to_owned() + &"1".repeat(21), "1".repeat(41), " ".repeat(41), "x".repeat(10_000)] {
        assert_eq!(Number::parse(&input, Some("US")).err(), Some(TooLong), "{input:?}");
    }
}

#[test]
fn wide_digits_and_marks_of_a_copied_contact_are_levelled() {
    for input in ["＋１４１５５５５２６７１", "\u{202A}+1 415 555 2671\u{202C}", "+1\u{00A0}415\u{202F}555\u{3000}2671", "\u{FEFF}+14155552671"] {
        assert_eq!(Number::parse(input, None).expect(input).e164(), "+14155552671");
    }
}

#[test]
fn a_masked_number_shows_its_country_and_its_end() {
    for (input, masked) in [
        ("+14155552671", "+1 ••• ••• 2671"),
        ("+4915112345678", "+49 • ••• ••• 5678"),
        ("+6907290", "+690 •• 90"),
        ("+24740123", "+247 ••• 23"),
        ("+4520123456", "+45 • ••• 3456"),
    ] {
        let number = Number::parse(input, None).expect(input);
        assert_eq!(number.masked(), masked);
        assert_eq!(format!("{number:?}"), format!("Number({masked})"));
    }
}

#[test]
fn every_reason_has_its_own_code_and_a_sentence() {
    let reasons = [Empty, BadCharacters, Extension, ScientificNotation, NoCountry, TooShort, TooLong, NotValid, KindNotAllowed];
    let codes: std::collections::HashSet<_> = reasons.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), reasons.len());
    for reason in reasons {
        let sentence = reason.to_string();
        assert!(sentence.contains("enter") || sentence.contains("begin") || sentence.contains("check") || sentence.contains("remove"), "{sentence}");
    }
}

fn likely_input() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[+]?[0-9 ().x,eE/-]{0,22}", "[+][1-9][0-9]{5,15}"]
}

proptest! {
    #[test]
    fn an_accepted_number_is_e164_and_reads_back_as_itself(
        input in likely_input(),
        region in prop_oneof![Just(None), Just(Some("US")), Just(Some("DE")), Just(Some("IT")), Just(Some("MX"))],
    ) {
        if let Ok(number) = Number::parse(&input, region) {
            let digits = number.e164().strip_prefix('+').unwrap_or_default();
            prop_assert!((DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()));
            prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
            prop_assert_eq!(Number::parse(number.e164(), None), Ok(number.clone()));
            let shown = number.masked().split_once(' ').map(|(_, rest)| digits_of(rest));
            prop_assert!(shown.unwrap_or(9) <= SHOWN_DIGITS_MAX);
        }
    }
}
