//! When somebody may be written to: from eight in the morning to nine in the evening where they are, in every zone they could be
//! in. Pure. Must stay true: where it is not known in which zone somebody is, the hours are those that all zones of their
//! country have in common; a country without zones has no hours.

use std::collections::HashMap;
use std::sync::OnceLock;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::core::clock::{MINUTE, Micros, SECOND};

/// The zones of each country.
const TABLE: &str = include_str!("zones.txt");
/// The first hour, and the one at which it ends.
const FROM: i8 = 8;
const TO: i8 = 21;
/// What is handed over must arrive so long before the hours end, and needs so long.
const MARGIN: Micros = 30 * SECOND;
const NEEDS: Micros = MINUTE;
/// Steps from one opening to the next until they fit, at most.
const STEPS_MAX: usize = 12;

/// What the clock of a recipient says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hours {
    /// They may be written to until this instant.
    Open {
        /// When it must have arrived.
        until: Micros,
    },
    /// Not now.
    Closed {
        /// When the hours begin.
        until: Micros,
    },
    /// Never: no hours in common, or no zone is known.
    Never,
}

fn countries() -> &'static HashMap<&'static str, Vec<TimeZone>> {
    static COUNTRIES: OnceLock<HashMap<&'static str, Vec<TimeZone>>> = OnceLock::new();
    COUNTRIES.get_or_init(|| {
        let mut all: HashMap<&'static str, Vec<TimeZone>> = HashMap::new();
        for (country, zone) in TABLE.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split_once(' ')) {
            if let Ok(zone) = TimeZone::get(zone) {
                all.entry(country).or_default().push(zone);
            }
        }
        all
    })
}

/// What stands for where a contact is: the zone that is known, or else the country of the number.
#[must_use]
pub fn place(zone: &str, region: &str) -> String {
    if zone.is_empty() { region.to_owned() } else { zone.to_owned() }
}

/// The zones that a [`place`] may lie in; none when nothing is known.
fn zones(place: &str) -> Vec<TimeZone> {
    if place.contains('/') { TimeZone::get(place).into_iter().collect() } else { countries().get(place).cloned().unwrap_or_default() }
}

/// Is anything known of where this is?
#[must_use]
pub fn is_known(place: &str) -> bool {
    !zones(place).is_empty()
}

/// The hours at a [`place`] at an instant.
#[must_use]
pub fn at(place: &str, now: Micros) -> Hours {
    let zones = zones(place);
    let Some(opens) = common(&zones, now) else { return Hours::Never };
    if opens > now {
        return Hours::Closed { until: opens };
    }
    match zones.iter().filter_map(|zone| end_of_day(zone, now)).min() {
        Some(end) if end - MARGIN - now >= NEEDS => Hours::Open { until: end - MARGIN },
        // Too little is left of today.
        Some(end) => common(&zones, end).map_or(Hours::Never, |until| Hours::Closed { until }),
        None => Hours::Never,
    }
}

/// The first instant from `from` at which all zones have their hours.
fn common(zones: &[TimeZone], from: Micros) -> Option<Micros> {
    if zones.is_empty() {
        return None;
    }
    let mut at = from;
    for _ in 0..STEPS_MAX {
        let latest = zones.iter().map(|zone| next_open(zone, at)).collect::<Option<Vec<_>>>()?.into_iter().max()?;
        if latest == at {
            return Some(at);
        }
        at = latest;
    }
    None
}

/// `at` when the zone has its hours then, or else when they begin next.
fn next_open(zone: &TimeZone, at: Micros) -> Option<Micros> {
    let there = Timestamp::from_microsecond(at).ok()?.to_zoned(zone.clone());
    let hour = there.hour();
    if (FROM..TO).contains(&hour) {
        return Some(at);
    }
    let day = if hour < FROM { there.date() } else { there.date().checked_add(1.day()).ok()? };
    Some(day.to_datetime(Time::constant(FROM, 0, 0, 0)).to_zoned(zone.clone()).ok()?.timestamp().as_microsecond())
}

/// When the hours that a zone has at `at` end.
fn end_of_day(zone: &TimeZone, at: Micros) -> Option<Micros> {
    let there = Timestamp::from_microsecond(at).ok()?.to_zoned(zone.clone());
    Some(there.date().to_datetime(Time::constant(TO, 0, 0, 0)).to_zoned(zone.clone()).ok()?.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Micros {
        text.parse::<Timestamp>().expect("an instant").as_microsecond()
    }

    #[test]
    fn the_hours_are_those_of_the_recipients_clock() {
        for (place, now, right) in [
            // Boston: 07:59, 08:00, noon, 20:58, 20:59, 21:00.
            ("America/New_York", "2026-01-15T12:59:59Z", Hours::Closed { until: utc("2026-01-15T13:00:00Z") }),
            ("America/New_York", "2026-01-15T13:00:00Z", Hours::Open { until: utc("2026-01-16T01:59:30Z") }),
            ("America/New_York", "2026-01-16T01:58:30Z", Hours::Open { until: utc("2026-01-16T01:59:30Z") }),
            ("America/New_York", "2026-01-16T01:58:31Z", Hours::Closed { until: utc("2026-01-16T13:00:00Z") }),
            ("America/New_York", "2026-01-16T02:00:00Z", Hours::Closed { until: utc("2026-01-16T13:00:00Z") }),
            // The clock goes forward at night: eight is an hour earlier.
            ("America/New_York", "2026-03-08T02:30:00Z", Hours::Closed { until: utc("2026-03-08T12:00:00Z") }),
            ("Europe/Berlin", "2026-07-01T06:00:00Z", Hours::Open { until: utc("2026-07-01T18:59:30Z") }),
        ] {
            assert_eq!(at(place, utc(now)), right, "{place} {now}");
        }
    }

    #[test]
    fn where_the_zone_is_not_known_all_zones_of_the_country_must_agree() {
        // Eight in Honolulu and Adak is 18:00 UTC; nine in the evening in the east is 02:00.
        assert_eq!(at("US", utc("2026-01-15T17:59:00Z")), Hours::Closed { until: utc("2026-01-15T18:00:00Z") });
        assert_eq!(at("US", utc("2026-01-15T18:00:00Z")), Hours::Open { until: utc("2026-01-16T01:59:30Z") });
        assert_eq!(at("US", utc("2026-01-16T02:00:00Z")), Hours::Closed { until: utc("2026-01-16T18:00:00Z") });
        assert_eq!(at("DE", utc("2026-01-15T07:00:00Z")), Hours::Open { until: utc("2026-01-15T19:59:30Z") });
        assert_eq!(at("001", utc("2026-01-15T12:00:00Z")), Hours::Never);
        assert_eq!(at("", utc("2026-01-15T12:00:00Z")), Hours::Never);
        assert!(is_known("US") && is_known("Pacific/Honolulu") && !is_known("001") && !is_known("Mars/Olympus"));
        assert_eq!((place("", "US"), place("America/Denver", "US")), ("US".to_owned(), "America/Denver".to_owned()));
    }

    #[test]
    fn every_zone_of_the_table_is_known_and_every_country_has_hours() {
        let now = utc("2026-01-15T12:00:00Z");
        for line in TABLE.lines().filter(|l| !l.starts_with('#')) {
            let (country, zone) = line.split_once(' ').expect("two words");
            assert!(TimeZone::get(zone).is_ok(), "{zone}");
            // Stations in Antarctica keep the clocks of the whole world.
            assert_eq!(at(country, now) == Hours::Never, country == "AQ", "{country}");
        }
    }
}
