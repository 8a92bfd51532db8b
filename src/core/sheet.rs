//! Cells for spreadsheets: the one place that knows which text a spreadsheet
//! program would run as a formula, and how a cell is written as CSV.
//! What must stay true: `restore(neutralise(cell)) == cell` for every text, a
//! phone number in E.164 form and a plain decimal number are never touched, and
//! no other list of triggers exists in the product.

use std::borrow::Cow;

/// Longest run of digits that is still read as a number on either side of the point.
const DECIMAL_DIGITS_MAX: usize = 15;
/// Digits of an E.164 number, the country code included.
const E164_DIGITS_MIN: usize = 7;
const E164_DIGITS_MAX: usize = 15;

/// Who will open the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// A person with a spreadsheet program: formulas are neutralised, every field is quoted.
    Spreadsheet,
    /// A program that reads RFC 4180: the text as it is, quoted only where the format asks for it.
    Machine,
}

/// Puts `'` before a cell that a spreadsheet would take for a formula.
///
/// Two kinds of cell begin with a trigger and stay whole: an E.164 number
/// (`+` and 7 to 15 digits, nothing else) and a negative decimal number such as
/// `-5` or `-12.75`. Neither can name a function or a cell, so nothing can run.
pub fn neutralise(cell: &str) -> Cow<'_, str> {
    if leads_with_trigger(cell) && !is_e164(cell) && !is_negative_decimal(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// Takes off exactly one leading `'` when a trigger follows: the inverse of [`neutralise`].
pub fn restore(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if leads_with_trigger(rest) => rest,
        _ => cell,
    }
}

/// One CSV field, quoted after RFC 4180.
pub fn csv_field(cell: &str, profile: Profile) -> String {
    match profile {
        // Always quoted: where `;` or TAB separates, a bare one would open a new cell.
        Profile::Spreadsheet => quoted(&neutralise(cell)),
        Profile::Machine if needs_quotes(cell) => quoted(cell),
        Profile::Machine => cell.to_owned(),
    }
}

/// Writes a row with its end of line.
pub fn push_row(out: &mut String, cells: &[&str], profile: Profile) {
    for (n, cell) in cells.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        match profile {
            Profile::Spreadsheet => push_quoted(out, &neutralise(cell)),
            Profile::Machine if needs_quotes(cell) => push_quoted(out, cell),
            Profile::Machine => out.push_str(cell),
        }
    }
    out.push_str("\r\n");
}

fn push_quoted(out: &mut String, cell: &str) {
    out.push('"');
    for (n, part) in cell.split('"').enumerate() {
        if n > 0 {
            out.push_str("\"\"");
        }
        out.push_str(part);
    }
    out.push('"');
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

fn needs_quotes(cell: &str) -> bool {
    cell.contains([',', '"', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ')
}

/// Whether the first character that a spreadsheet would not skip is a trigger.
fn leads_with_trigger(cell: &str) -> bool {
    cell.chars().find(|&c| is_trigger(c) || !is_skipped(c)).is_some_and(is_trigger)
}

fn is_trigger(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '|' | '\t' | '\r' | '\n' | '\0' | '＝' | '＋' | '－' | '＠')
}

/// What programs drop or do not show before they look at a cell.
fn is_skipped(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_quote(c) || is_invisible(c)
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`' | '´' | '«' | '»' | '‹' | '›' | '′' | '″' | '＇' | '＂' | '\u{2018}'..='\u{201F}')
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{180E}' | '\u{FEFF}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
    )
}

fn is_e164(cell: &str) -> bool {
    cell.strip_prefix('+').is_some_and(|digits| (E164_DIGITS_MIN..=E164_DIGITS_MAX).contains(&digits.len()) && all_digits(digits))
}

fn is_negative_decimal(cell: &str) -> bool {
    let Some(number) = cell.strip_prefix('-') else {
        return false;
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    [whole, fraction].into_iter().all(|digits| (1..=DECIMAL_DIGITS_MAX).contains(&digits.len()) && all_digits(digits))
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_trigger_is_neutralised_at_the_start_of_a_cell() {
        for trigger in "=+-@|\t\r\n\0＝＋－＠".chars() {
            let cell = format!("{trigger}1+1");
            assert_eq!(neutralise(&cell), format!("'{cell}"), "{trigger:?}");
        }
    }

    #[test]
    fn a_row_is_made_of_its_fields() {
        let cells = ["=1+1", "a \"b\"", "", "+14155552671", "two\nlines", " x"];
        for profile in [Profile::Spreadsheet, Profile::Machine] {
            let mut row = String::new();
            push_row(&mut row, &cells, profile);
            assert_eq!(row, cells.map(|cell| csv_field(cell, profile)).join(",") + "\r\n");
        }
    }

    #[test]
    fn what_a_spreadsheet_skips_does_not_hide_a_trigger() {
        for lead in [
            " ",
            "   ",
            "'",
            "\"",
            "’",
            "‘",
            "“",
            "”",
            "`",
            "«",
            "\u{FEFF}",
            "\u{200B}",
            "\u{2060}",
            "\u{202E}",
            "\u{00A0}",
            "\u{3000}",
            "\u{000B}",
            "\u{0001}",
            " '\u{FEFF}\" ",
        ] {
            let cell = format!("{lead}=HYPERLINK(\"http://x\")");
            assert_eq!(neutralise(&cell), format!("'{cell}"), "{lead:?}");
        }
    }

    #[test]
    fn a_trigger_alone_is_neutralised() {
        for cell in ["=", "+", "-", "@", "|", "\t", "\r", "\n", "\0", "＝"] {
            assert_eq!(neutralise(cell), format!("'{cell}"));
        }
    }

    #[test]
    fn plain_text_is_left_alone() {
        for cell in ["", "a", "Anna Keller", "1+1", "a=b", "x@example.org", "  text", "'quoted'", "5", "5-3", "(=1)", "#REF", "é=1", "\u{200B}", " ", "''"] {
            assert!(matches!(neutralise(cell), Cow::Borrowed(_)), "{cell:?}");
        }
    }

    #[test]
    fn an_e164_number_is_kept_whole() {
        for cell in ["+1415555", "+14155552671", "+123456789012345", "+0000000"] {
            assert_eq!(neutralise(cell), cell);
            assert_eq!(csv_field(cell, Profile::Machine), cell);
        }
    }

    #[test]
    fn what_only_resembles_an_e164_number_is_neutralised() {
        for cell in [
            "+141555",
            "+1234567890123456",
            "+1415555267a",
            "+1 4155552671",
            "+14155552671+1",
            "++4155552671",
            " +14155552671",
            "＋14155552671",
            "+１４１５５５５２６７１",
            "+14155552671\n",
        ] {
            assert_eq!(neutralise(cell), format!("'{cell}"), "{cell:?}");
        }
    }

    #[test]
    fn a_negative_decimal_number_is_kept_whole() {
        for cell in ["-5", "-0", "-12.75", "-999999999999999"] {
            assert_eq!(neutralise(cell), cell);
        }
    }

    #[test]
    fn what_only_resembles_a_negative_number_is_neutralised() {
        for cell in ["-", "-.5", "-5.", "-5,5", "-5-3", "--5", "-1e9", "-5 ", "-5.5.5", "+5", "-1234567890123456", "-٥"] {
            assert_eq!(neutralise(cell), format!("'{cell}"), "{cell:?}");
        }
    }

    #[test]
    fn restoring_takes_off_one_quote_before_a_trigger_only() {
        assert_eq!(restore("'=1"), "=1");
        assert_eq!(restore("''=1"), "'=1");
        assert_eq!(restore("'+14155552671"), "+14155552671");
        assert_eq!(restore("'-5"), "-5");
        assert_eq!(restore("'tis"), "'tis");
        assert_eq!(restore("'"), "'");
        assert_eq!(restore("=1"), "=1");
        assert_eq!(restore(""), "");
    }

    #[test]
    fn fields_for_a_spreadsheet_are_always_quoted() {
        assert_eq!(csv_field("", Profile::Spreadsheet), "\"\"");
        assert_eq!(csv_field("a;b", Profile::Spreadsheet), "\"a;b\"");
        assert_eq!(csv_field("=1+2\";=1+2", Profile::Spreadsheet), "\"'=1+2\"\";=1+2\"");
        assert_eq!(csv_field("+14155552671", Profile::Spreadsheet), "\"+14155552671\"");
    }

    #[test]
    fn fields_for_a_machine_are_quoted_where_the_format_asks_for_it() {
        assert_eq!(csv_field("=1", Profile::Machine), "=1");
        assert_eq!(csv_field("a,b", Profile::Machine), "\"a,b\"");
        assert_eq!(csv_field("say \"hi\"", Profile::Machine), "\"say \"\"hi\"\"\"");
        assert_eq!(csv_field("a\nb", Profile::Machine), "\"a\nb\"");
        assert_eq!(csv_field("a\rb", Profile::Machine), "\"a\rb\"");
        assert_eq!(csv_field(" a", Profile::Machine), "\" a\"");
        assert_eq!(csv_field("", Profile::Machine), "");
    }

    fn likely_cell() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "['\" \u{FEFF}\u{200B}=+\\-@|\t\r\n＝＋0-9a.]{0,12}", "'{0,3}[+-][0-9]{0,17}",]
    }

    proptest! {
        #[test]
        fn restoring_undoes_neutralising(cell in likely_cell()) {
            let written = neutralise(&cell);
            prop_assert_eq!(restore(&written), cell.as_str());
        }

        #[test]
        fn a_neutralised_cell_is_a_number_or_hides_its_trigger_behind_a_quote(cell in likely_cell()) {
            let written = neutralise(&cell);
            prop_assert!(
                !leads_with_trigger(&written)
                    || written.starts_with('\'')
                    || is_e164(&written)
                    || is_negative_decimal(&written)
            );
        }

        #[test]
        fn a_quoted_field_holds_no_lone_quote(cell in likely_cell()) {
            let field = csv_field(&cell, Profile::Spreadsheet);
            let inner = &field[1..field.len() - 1];
            prop_assert!(!inner.replace("\"\"", "").contains('"'));
            prop_assert_eq!(inner.replace("\"\"", "\""), neutralise(&cell).into_owned());
        }
    }
}
