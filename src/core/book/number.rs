//! Numbers of cells as a person reads them: whole ones without a point, days as dates.
//! Must stay true: a number is never rounded to look better; what is no date by its format is no date.

use jiff::civil::{Date, date};

/// Above this a whole number of a workbook may have lost digits.
const WHOLE_MAX: f64 = 1e15;
/// The first day that no date of a workbook is.
const DAYS_MAX: f64 = 2_958_466.0;
const SECONDS_OF_DAY: f64 = 86_400.0;

/// From which day a workbook counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calendar {
    /// From 1900, in which it believes in a 29th of February.
    From1900,
    /// From 1904.
    From1904,
}

/// Is a format that is built in one of dates?
pub(super) const fn is_date_id(id: u32) -> bool {
    matches!(id, 14..=22 | 27..=36 | 45..=47 | 50..=58)
}

/// Does a format show a day or a time? Letters in quotes, in brackets or behind a backslash are only shown.
pub(super) fn is_date_format(format: &str) -> bool {
    let first = format.split(';').next().unwrap_or_default();
    let (mut is_quoted, mut in_brackets, mut is_escaped) = (false, false, false);
    for c in first.chars() {
        if std::mem::take(&mut is_escaped) {
            continue;
        }
        match c {
            '\\' | '_' | '*' if !is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '[' if !is_quoted => in_brackets = true,
            ']' if !is_quoted => in_brackets = false,
            'y' | 'Y' | 'm' | 'M' | 'd' | 'D' | 'h' | 'H' | 's' | 'S' if !is_quoted && !in_brackets => return true,
            _ => {}
        }
    }
    false
}

/// The text of a number.
pub(super) fn shown(text: &str, is_date: bool, calendar: Calendar) -> String {
    let Ok(number) = text.parse::<f64>() else { return text.to_owned() };
    if is_date && let Some(date) = moment(number, calendar) {
        return date;
    }
    // Adding nothing makes a zero of minus zero.
    if number.fract() == 0.0 && number.abs() < WHOLE_MAX { format!("{:.0}", number + 0.0) } else { text.to_owned() }
}

/// A day, a day with a time, or a time alone.
fn moment(number: f64, calendar: Calendar) -> Option<String> {
    if !(0.0..DAYS_MAX).contains(&number) {
        return None;
    }
    let seconds = (number * SECONDS_OF_DAY).round();
    let (days, rest) = ((seconds / SECONDS_OF_DAY).floor(), seconds % SECONDS_OF_DAY);
    let (hours, minutes, seconds) = ((rest / 3600.0).floor(), (rest / 60.0).floor() % 60.0, rest % 60.0);
    let time = format!("{hours:02.0}:{minutes:02.0}:{seconds:02.0}");
    if number < 1.0 {
        return Some(time);
    }
    // The day before the first; from March 1900 on the day that never was is counted, too.
    let zero: Date = match calendar {
        Calendar::From1900 if days < 60.0 => date(1899, 12, 31),
        Calendar::From1900 => date(1899, 12, 30),
        Calendar::From1904 => date(1904, 1, 1),
    };
    let whole: i64 = format!("{days:.0}").parse().ok()?;
    let day = zero.checked_add(jiff::Span::new().try_days(whole).ok()?).ok()?;
    Some(if rest == 0.0 { day.to_string() } else { format!("{day}T{time}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_wrote_them() {
        let of = |text: &str| shown(text, false, Calendar::From1900);
        for (text, right) in [
            ("14155552671", "14155552671"),
            ("1.4155552671E10", "14155552671"),
            ("4155552671.0", "4155552671"),
            ("-5", "-5"),
            ("0", "0"),
            ("-0", "0"),
            ("1.25", "1.25"),
            ("1E+20", "1E+20"),
            ("3.1.1", "3.1.1"),
            ("", ""),
        ] {
            assert_eq!(of(text), right, "{text}");
        }
    }

    #[test]
    fn days_are_dates_when_their_format_says_so() {
        let of = |text: &str| shown(text, true, Calendar::From1900);
        assert_eq!(of("46112"), "2026-03-31");
        assert_eq!(of("46112.5"), "2026-03-31T12:00:00");
        assert_eq!((of("1"), of("59"), of("61"), of("0.25")), ("1900-01-01".into(), "1900-02-28".into(), "1900-03-01".into(), "06:00:00".into()));
        assert_eq!(shown("44650", true, Calendar::From1904), "2026-03-31");
        assert_eq!((of("-1"), of("9999999")), ("-1".into(), "9999999".into()));
        assert!(is_date_format("yyyy\\-mm\\-dd") && is_date_format("[$-409]d/m/yy;@") && is_date_format("h:mm"));
        assert!(!is_date_format("0.00") && !is_date_format("\"days\" 0") && !is_date_format("[Red]#,##0") && !is_date_format("General"));
        assert!(is_date_id(14) && !is_date_id(2));
    }
}
