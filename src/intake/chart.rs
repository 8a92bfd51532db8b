//! How many intakes began on each of the last days: counts alone, nothing of anybody.
//! Must stay true: it costs one bounded look into the index of ids for each day.

use serde::Serialize;

use super::{Error, day, sql};
use crate::core::clock::{DAY, Micros};
use crate::db::Db;

/// Days that are shown.
const DAYS: i64 = 14;
/// Intakes of a day that are counted.
const COUNT_MAX: i64 = 10_000;

/// A day.
#[derive(Debug, Serialize)]
pub struct Bar {
    /// As a date.
    pub day: String,
    /// Intakes that began.
    pub count: i64,
    /// Out of a hundred.
    pub height: i64,
}

/// The last days, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn days(db: &Db) -> Result<Vec<Bar>, Error> {
    let today = db.clock().now().div_euclid(DAY) * DAY;
    // Ids begin with their time.
    let first = |at: Micros| format!("itk_{:012x}", u64::try_from(at.max(0) / 1000).unwrap_or(0));
    let mut bars = Vec::new();
    for n in (0..DAYS).rev() {
        let from = today - n * DAY;
        let count: i64 = db.query(sql::COUNT_BETWEEN).bind(first(from)).bind(first(from + DAY)).bind(COUNT_MAX).scalar().await?;
        bars.push(Bar { day: day(from).to_string(), count, height: 0 });
    }
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    for bar in &mut bars {
        bar.height = bar.count * 100 / most;
    }
    Ok(bars)
}
