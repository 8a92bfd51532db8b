//! Times of the trail: RFC 3339 in UTC with exactly six digits of a second and `Z`.
//!
//! The civil date is computed here by hand, in the proleptic Gregorian calendar without leap seconds.

use super::Error;

const DAY_US: i64 = 86_400_000_000;

/// Renders `us` microseconds since 1970-01-01T00:00:00Z, e.g. `2026-11-22T02:11:48.000123Z`.
///
/// # Errors
/// [`Error::Field`] for a year outside 0000 to 9999.
pub fn rfc3339(us: i64) -> Result<String, Error> {
    let (days, in_day) = (us.div_euclid(DAY_US), us.rem_euclid(DAY_US));
    let (year, month, day) = civil(days);
    if !(0..=9999).contains(&year) {
        return Err(Error::Field { field: "ts", must: "in the years 0000 to 9999" });
    }
    let (secs, micros) = (in_day / 1_000_000, in_day % 1_000_000);
    let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
    Ok(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"))
}

/// Year, month and day of the day `days` after 1970-01-01.
///
/// Years are counted from 1 March here, so that the leap day is the last of its year; 146,097 days
/// make one cycle of 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let from_march_0000 = days + 719_468;
    let cycle = from_march_0000.div_euclid(146_097);
    let day_of_cycle = from_march_0000.rem_euclid(146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = cycle * 400 + year_of_cycle + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (us, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_709_164_800_000_001, "2024-02-29T00:00:00.000001Z"),
            (1_234_567_890_123_456, "2009-02-13T23:31:30.123456Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
            (-62_167_219_200_000_000, "0000-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(rfc3339(us).as_deref(), Ok(text));
        }
        for outside in [253_402_300_800_000_000, -62_167_219_200_000_001, i64::MIN, i64::MAX] {
            assert!(rfc3339(outside).is_err());
        }
    }

    #[test]
    fn every_day_of_a_thousand_years_follows_the_one_before() {
        let leap = |y: i64| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..366_000 {
            assert_eq!(civil(days), (year, month, day));
            let last = match month {
                2 if leap(year) => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, d) if d == last => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
    }
}
