//! Dates of birth as people write them: digits in any order, months in words, other scripts' digits.
//! Must stay true: what comes out is a day that exists, not in the future and not more than 130 years ago, as `YYYY-MM-DD`;
//! what could be two different days is decided by the language's order and never guessed.

use jiff::civil::Date;
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

/// Years somebody may be old.
const YEARS_MAX: i16 = 130;
/// Characters of a date.
const CHARS_MAX: usize = 60;

/// In which order a language writes day and month in digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Month, day, year.
    Mdy,
    /// Day, month, year.
    Dmy,
}

/// Why a text is no date of birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Not a date at all.
    Shape,
    /// A day that does not exist.
    NoSuchDay,
    /// The year has not four digits.
    Year,
    /// In the future, or too long ago.
    Range,
}

/// Months by their first letters, in English, Spanish, French and German.
const MONTHS: [(&str, i8); 32] = [
    ("jan", 1),
    ("ene", 1),
    ("feb", 2),
    ("fév", 2),
    ("mar", 3),
    ("mär", 3),
    ("mrz", 3),
    ("apr", 4),
    ("abr", 4),
    ("avr", 4),
    ("may", 5),
    ("mai", 5),
    ("jun", 6),
    ("juin", 6),
    ("jul", 7),
    ("juil", 7),
    ("aug", 8),
    ("ago", 8),
    ("aoû", 8),
    ("aou", 8),
    ("sep", 9),
    ("set", 9),
    ("oct", 10),
    ("okt", 10),
    ("nov", 11),
    ("dec", 12),
    ("dic", 12),
    ("déc", 12),
    ("dez", 12),
    ("fev", 2),
    ("mae", 3),
    ("sept", 9),
];
/// Words between the parts of a date.
const FILLERS: [&str; 11] = ["of", "the", "de", "del", "el", "le", "den", "born", "th", "st", "nd"];

/// Digits of other scripts become ours.
fn plain(text: &str) -> String {
    const ZEROS: [u32; 6] = [0x0660, 0x06F0, 0x0966, 0x09E6, 0x0E50, 0x1040];
    let digit = |c: char| ZEROS.iter().find_map(|zero| u32::from(c).checked_sub(*zero).filter(|d| *d < 10)).and_then(|d| char::from_digit(d, 10));
    text.nfkc().map(|c| digit(c).unwrap_or(c)).flat_map(char::to_lowercase).collect()
}

fn month(word: &str) -> Option<i8> {
    if ["rd", "er"].contains(&word) {
        return None;
    }
    MONTHS.iter().filter(|(name, _)| word.starts_with(name)).max_by_key(|(name, _)| name.len()).map(|(_, n)| *n)
}

/// Reads a date of birth, at the latest `today`. Gives `YYYY-MM-DD`.
///
/// # Errors
/// See [`Wrong`].
pub fn read(text: &str, order: Option<Order>, today: Date) -> Result<String, Wrong> {
    if text.chars().count() > CHARS_MAX {
        return Err(Wrong::Shape);
    }
    let text = plain(text);
    let mut numbers: Vec<&str> = Vec::new();
    // The month in words, and before how many of the numbers it stood.
    let mut named: Option<(i8, usize)> = None;
    let is_part = |c: char| c.is_alphanumeric();
    for part in text.split(|c: char| !is_part(c)).filter(|p| !p.is_empty()) {
        // `7th` and `7mar1984` are a number and a word without a space.
        for piece in pieces(part) {
            if piece.bytes().all(|b| b.is_ascii_digit()) {
                numbers.push(piece);
            } else if let Some(n) = month(piece) {
                if named.replace((n, numbers.len())).is_some() {
                    return Err(Wrong::Shape);
                }
            } else if !FILLERS.contains(&piece) && piece != "rd" && piece != "er" {
                return Err(Wrong::Shape);
            }
        }
    }
    let (year, month, day) = match (numbers.as_slice(), named) {
        ([a, b], Some((month, _))) if a.len() == 4 => (*a, i64::from(month), number(b)?),
        ([a, b], Some((month, _))) => (*b, i64::from(month), number(a)?),
        ([a, b, c], None) if a.len() == 4 => (*a, number(b)?, number(c)?),
        ([a, b, c], None) => {
            let (month, day) = in_order(number(a)?, number(b)?, order)?;
            (*c, month, day)
        }
        ([whole], None) if whole.len() == 8 => return eight(whole, order, today),
        _ => return Err(Wrong::Shape),
    };
    day_of(year, month, day, today)
}

/// A word at its borders between digits and letters.
fn pieces(part: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut begin = 0;
    let mut last = None;
    for (at, c) in part.char_indices() {
        let digit = c.is_ascii_digit();
        if last.is_some_and(|l| l != digit) {
            out.push(&part[begin..at]);
            begin = at;
        }
        last = Some(digit);
    }
    out.push(&part[begin..]);
    out
}

/// `19840327`, `03271984` or `27031984`.
fn eight(whole: &str, order: Option<Order>, today: Date) -> Result<String, Wrong> {
    if ["19", "20"].contains(&&whole[..2]) && number(&whole[4..6])? <= 12 {
        return day_of(&whole[..4], number(&whole[4..6])?, number(&whole[6..])?, today);
    }
    let (month, day) = in_order(number(&whole[..2])?, number(&whole[2..4])?, order)?;
    day_of(&whole[4..], month, day, today)
}

/// Month and day of two numbers; what only one order allows is read so.
fn in_order(a: i64, b: i64, order: Option<Order>) -> Result<(i64, i64), Wrong> {
    match order {
        _ if a > 12 && b <= 12 => Ok((b, a)),
        _ if b > 12 && a <= 12 => Ok((a, b)),
        _ if a == b => Ok((a, b)),
        Some(Order::Mdy) => Ok((a, b)),
        Some(Order::Dmy) => Ok((b, a)),
        None => Err(Wrong::Shape),
    }
}

fn number(digits: &str) -> Result<i64, Wrong> {
    if digits.len() > 2 { Err(Wrong::Shape) } else { digits.parse().map_err(|_| Wrong::Shape) }
}

fn day_of(year: &str, month: i64, day: i64, today: Date) -> Result<String, Wrong> {
    if year.len() != 4 {
        return Err(Wrong::Year);
    }
    let year: i16 = year.parse().map_err(|_| Wrong::Year)?;
    let small = |n: i64| i8::try_from(n).map_err(|_| Wrong::NoSuchDay);
    let date = Date::new(year, small(month)?, small(day)?).map_err(|_| Wrong::NoSuchDay)?;
    if date > today || date.year() < today.year() - YEARS_MAX {
        return Err(Wrong::Range);
    }
    Ok(date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn today() -> Date {
        Date::constant(2026, 11, 22)
    }

    #[test]
    fn dates_are_read_in_all_habits() {
        for text in [
            "1984-03-07",
            "1984/3/7",
            "1984.03.07",
            "7 March 1984",
            "March 7, 1984",
            "7. März 1984",
            "7 de marzo de 1984",
            "7 mars 1984",
            "Mar 7 1984",
            "the 7th of March 1984",
            "7mar1984",
            "19840307",
            "1984 March 7",
            "  7-Mar-1984 ",
            "１９８４－０３－０７",
            "١٩٨٤-٠٣-٠٧",
            "1984年3月7日",
        ] {
            let found = read(text, None, today());
            if text.contains('年') {
                assert_eq!(found, Err(Wrong::Shape), "{text}");
            } else {
                assert_eq!(found.as_deref(), Ok("1984-03-07"), "{text}");
            }
        }
        for text in ["3/7/1984", "03-07-1984", "3.7.1984", "03071984"] {
            assert_eq!(read(text, Some(Order::Mdy), today()).as_deref(), Ok("1984-03-07"), "{text}");
            assert_eq!(read(text, Some(Order::Dmy), today()).as_deref(), Ok("1984-07-03"), "{text}");
            assert_eq!(read(text, None, today()), Err(Wrong::Shape), "{text} could be two days");
        }
        // Only one reading is a day.
        for order in [Some(Order::Mdy), Some(Order::Dmy), None] {
            assert_eq!(read("27/03/1984", order, today()).as_deref(), Ok("1984-03-27"));
            assert_eq!(read("03/27/1984", order, today()).as_deref(), Ok("1984-03-27"));
        }
        assert_eq!(read("29 February 2024", None, today()).as_deref(), Ok("2024-02-29"));
        assert_eq!(read("2026-11-22", None, today()).as_deref(), Ok("2026-11-22"));
    }

    #[test]
    fn what_is_no_date_of_birth_is_refused_with_the_reason() {
        for text in ["30 February 1984", "2023-02-29", "31.4.1990", "1984-13-01", "1984-00-10", "13/13/1984"] {
            assert_eq!(read(text, Some(Order::Dmy), today()), Err(Wrong::NoSuchDay), "{text}");
        }
        for text in ["2026-11-23", "1 January 2093", "1895-01-01", "0000-01-01"] {
            assert_eq!(read(text, None, today()), Err(Wrong::Range), "{text}");
        }
        for text in ["27/03/84", "27 March 84", "27 March 084"] {
            assert_eq!(read(text, None, today()), Err(Wrong::Year), "{text}");
        }
        for text in ["", "yes", "1984", "March 1984", "3/4", "1/2/3/4", "7 March April 1984", "tomorrow", "7 x 1984", &"1".repeat(200)] {
            assert!(read(text, Some(Order::Mdy), today()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_day_is_read_back_from_each_form(days in 0..36_000_i64) {
            let date = Date::constant(1927, 1, 1).saturating_add(jiff::Span::new().days(days));
            let (y, m, d) = (date.year(), date.month(), date.day());
            prop_assert_eq!(read(&date.to_string(), None, today()), Ok(date.to_string()));
            prop_assert_eq!(read(&format!("{m}/{d}/{y}"), Some(Order::Mdy), today()), Ok(date.to_string()));
            prop_assert_eq!(read(&format!("{d}.{m}.{y}"), Some(Order::Dmy), today()), Ok(date.to_string()));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            let _ = read(&text, None, today());
        }
    }
}
