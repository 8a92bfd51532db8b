//! Moments as seconds since 1970, read and shown in RFC 3339, in UTC.
//! Only what an auditor types and reads passes here; the times of entries are compared as texts.

use super::{Error, cosign::TIME_MAX, leaf};

const DAY: u64 = 86_400;

/// Days in 400 years of the Gregorian calendar.
const CYCLE: u64 = 146_097;

/// Reads `YYYY-MM-DDTHH:MM:SSZ`, with a fraction of a second or without; the fraction is left out.
///
/// # Errors
/// When the text has another form, names no moment, or one before 1970.
pub fn parse(text: &str) -> Result<u64, Error> {
    let refused = || Error::new(format!("`{}` is not a time from 1970 on of the form `2026-11-22T08:30:00Z`", text.escape_debug()));
    let whole = text.strip_suffix('Z').ok_or_else(refused)?;
    let (whole, fraction) = whole.split_once('.').unwrap_or((whole, "0"));
    let fraction_is_digits = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    if !fraction_is_digits || !leaf::is_time(format!("{whole}.000000Z").as_bytes()) {
        return Err(refused());
    }
    let number = |from: usize, to: usize| whole[from..to].parse::<u64>().unwrap_or_default();
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let since_1970 = days(year, month, day).checked_sub(days(1970, 1, 1)).ok_or_else(refused)?;
    Ok(since_1970 * DAY + number(11, 13) * 3600 + number(14, 16) * 60 + number(17, 19))
}

/// The time of an entry, in the one form that it has, in microseconds since 1970; none when it has another form or is earlier.
pub(super) fn micros(ts: &str) -> Option<i64> {
    if !leaf::is_time(ts.as_bytes()) {
        return None;
    }
    let number = |from: usize, to: usize| ts.as_bytes()[from..to].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    let days = days(number(0, 4), number(5, 7), number(8, 10)).checked_sub(days(1970, 1, 1))?;
    let seconds = days * DAY + number(11, 13) * 3600 + number(14, 16) * 60 + number(17, 19);
    i64::try_from(seconds * 1_000_000 + number(20, 26)).ok()
}

/// `YYYY-MM-DDTHH:MM:SSZ`, or the number of seconds for a year after 9999.
#[must_use]
pub fn show(seconds: u64) -> String {
    if seconds > TIME_MAX {
        return format!("{seconds} s after 1970");
    }
    let (days_since, in_day) = (seconds / DAY + days(1970, 1, 1), seconds % DAY);
    // The year is at most this many 365-day years on, and found by going back.
    let mut year = days_since / CYCLE * 400 + days_since % CYCLE / 365;
    while days(year, 1, 1) > days_since {
        year -= 1;
    }
    if year > 9999 {
        return format!("{seconds} s after 1970");
    }
    let month = (1..=12).rev().find(|month| days(year, *month, 1) <= days_since).unwrap_or(1);
    let day = days_since - days(year, month, 1) + 1;
    let (hour, minute, second) = (in_day / 3600, in_day / 60 % 60, in_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Days from 0000-01-01 to a day of the Gregorian calendar.
fn days(year: u64, month: u64, day: u64) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // Leap days of the years before this one, of which year 0 is one.
    let leaps = if year == 0 { 0 } else { (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1 };
    let this = u64::from(month > 2 && leap(year));
    year * 365 + leaps + BEFORE[(month as usize - 1) % 12] + this + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_go_round() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_234_567_890, "2009-02-13T23:31:30Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_603_200, "2024-12-31T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!((parse(text), show(seconds).as_str()), (Ok(seconds), text));
        }
        for day in (0..2_900_000_u64).step_by(61) {
            let seconds = day * DAY + 3_661;
            assert_eq!(parse(&show(seconds)), Ok(seconds));
        }
        assert_eq!(parse("2009-02-13T23:31:30.999999999Z"), Ok(1_234_567_890));
        assert_eq!(show(253_402_300_800), "253402300800 s after 1970");
        assert_eq!(show(u64::MAX), "18446744073709551615 s after 1970");
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in [
            "",
            "now",
            "0",
            "1969-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "2024-02-30T00:00:00Z",
            "2024-02-29T24:00:00Z",
            "2024-02-29T00:00:60Z",
            "2024-02-29T00:00:00",
            "2024-02-29T00:00:00+00:00",
            "2024-02-29 00:00:00Z",
            "2024-02-29T00:00:00.Z",
            "2024-02-29T00:00:00.1234567890Z",
            "2024-02-29T00:00:00.5.5Z",
            "2024-02-29T00:00:00Z\n",
            "+024-02-29T00:00:00Z",
            "２024-02-29T00:00:00Z",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
