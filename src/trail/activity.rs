//! How much happened when: entries by day, and by weekday and hour, in somebody's time zone.
//! Must stay true: the work does not grow with the log. Places have no gaps, so what lies between two instants is the
//! difference of two places, and each place is one look into an index.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::filter::first_id;
use super::{Error, read, sql};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::db::Db;

/// Days of the chart by day.
pub const DAYS: usize = 30;
/// Days of the chart by weekday and hour: four weeks.
pub const HEAT_DAYS: usize = 28;
/// Places asked for at once, as the statement has it.
const AT_ONCE: usize = 24;
/// What a log's number is multiplied with, as the statement has it.
const LOG: i64 = 1_000_000_000_000_000;

/// What happened when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Entries of each day, oldest first.
    pub days: Vec<(Date, i64)>,
    /// Entries by weekday, Monday first, and hour.
    pub heat: [[i64; 24]; 7],
}

/// The log in force, up to the day of `now` in `zone`.
///
/// # Errors
/// When the database fails.
pub async fn activity(db: &Db, zone: &str, now: Micros) -> Result<Activity, Error> {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let today = Timestamp::from_microsecond(now).context("the present instant")?.to_zoned(zone.clone()).date();
    let bounds = bounds(today, &zone)?;
    let size = read::size(db, db.log().0).await?;
    let mut places = Vec::with_capacity(bounds.len());
    for chunk in bounds.chunks(AT_ONCE) {
        places.extend(places_at(db, chunk, size).await?);
    }
    let between = |from: usize, to: usize| (places[to] - places[from]).max(0);
    let early = (DAYS - HEAT_DAYS) * 24;
    let mut heat = [[0; 24]; 7];
    let mut days = Vec::with_capacity(DAYS);
    for day in 0..DAYS {
        let date = day_before(today, DAYS - 1 - day)?;
        days.push((date, between(day * 24, (day + 1) * 24)));
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        for hour in (0..24).filter(|_| day * 24 >= early) {
            heat[weekday][hour] += between(day * 24 + hour, day * 24 + hour + 1);
        }
    }
    Ok(Activity { days, heat })
}

fn day_before(today: Date, days: usize) -> Result<Date, Fault> {
    today.checked_sub(i64::try_from(days).context("days")?.days()).context("a day of the chart")
}

/// The beginning of every hour of thirty days, and the end of the last: an hour that a clock skips is empty, one that it
/// repeats is long.
fn bounds(today: Date, zone: &TimeZone) -> Result<Vec<Micros>, Fault> {
    let mut out = Vec::with_capacity(DAYS * 24 + 1);
    for back in (0..DAYS).rev() {
        let date = day_before(today, back)?;
        for hour in 0..24 {
            let start = date.to_datetime(Time::constant(hour, 0, 0, 0)).to_zoned(zone.clone()).context("an hour of the chart")?;
            out.push(start.timestamp().as_microsecond());
        }
    }
    let end = today.tomorrow().context("tomorrow")?.to_zoned(zone.clone()).context("tomorrow")?;
    out.push(end.timestamp().as_microsecond());
    Ok(out)
}

/// The place of the first entry whose id was made at each instant or later. Ids are made before their place is given, so that
/// an act that lasted over the bound may count for the hour before.
async fn places_at(db: &Db, bounds: &[Micros], size: i64) -> Result<Vec<i64>, Error> {
    let (log, _) = db.log();
    let asked = (0..AT_ONCE).map(|n| first_id("evt", bounds[n.min(bounds.len() - 1)]));
    let mut found: Vec<(i64, Option<i64>)> = asked.fold(db.query(sql::PLACES_AT), |statement, id| statement.bind(id)).all().await?;
    found.sort_unstable();
    let place = |held: Option<i64>| match held {
        None => size,
        // Of an earlier log: this one had not begun.
        Some(held) if held / LOG < log => 0,
        Some(held) => (held % LOG).min(size),
    };
    Ok(found.into_iter().take(bounds.len()).map(|(_, held)| place(held)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::{DAY, HOUR};

    #[test]
    fn the_bounds_are_the_hours_of_the_readers_days() {
        let zone = TimeZone::get("Europe/Zurich").expect("a zone");
        let all = bounds(jiff::civil::date(2026, 4, 2), &zone).expect("bounds");
        assert_eq!(all.len(), DAYS * 24 + 1);
        // Summer time began on 29 March: that day has 23 hours, and its third is empty.
        let total: Micros = all[DAYS * 24] - all[0];
        assert_eq!(total, 30 * DAY - HOUR);
        let day = (DAYS - 5) * 24;
        assert_eq!((all[day + 24] - all[day], all[day + 3] - all[day + 2]), (23 * HOUR, 0));
        assert!(all.windows(2).all(|w| w[0] <= w[1]));
    }

    #[test]
    fn the_statement_asks_as_often_as_it_says() {
        assert!(sql::PLACES_AT.contains(&format!("cast(${AT_ONCE} as text))) b")) && !sql::PLACES_AT.contains(&format!("${} ", AT_ONCE + 1)));
        assert!(sql::PLACES_AT.contains(&format!("c.log * {LOG} ")));
    }
}
