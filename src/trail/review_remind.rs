//! Reminders of reviews that are due, by the policy `review.toml`.
//! Must stay true: one reminder in a period, and each is an entry with its notices beside it.

use super::review_cover::oldest_unreviewed;
use super::{Error, Remind, sql};
use crate::core::clock::DAY;
use crate::core::id::PersonId;
use crate::db::{Db, DbError, Detail};
use crate::notices::Notice;
use crate::policy::{Actor, On, Policy};

/// The template of the notice.
pub const TEMPLATE: &str = "review_due";

/// Tells `officers` when the oldest entry that nobody signed off is `every_days` days old, and nobody was told within as many.
/// Says whether they were.
///
/// # Errors
/// When the database fails; then nobody was told.
pub async fn remind(db: &Db, policy: &Policy, every_days: i64, officers: &[PersonId]) -> Result<bool, Error> {
    let (now, period) = (db.clock().now(), every_days.saturating_mul(DAY));
    let last: Option<(i64,)> = db.query(sql::LAST_REMINDER).optional().await?;
    if officers.is_empty() || last.is_some_and(|(at,)| now - at < period) {
        return Ok(false);
    }
    let Some((seq, _)) = oldest_unreviewed(db).await?.filter(|(_, at)| now - at >= period) else { return Ok(false) };
    let Ok(permit) = policy.permit::<Remind>(&Actor::system(), &On::any("review")) else { return Ok(false) };
    let (entry, days) = (seq.to_string(), every_days.to_string());
    let mut notices = Vec::new();
    for officer in officers {
        match Notice::prepare(db, "any", officer, TEMPLATE, &[("entry", &entry), ("days", &days)]).await {
            // Deleted since they were listed.
            Err(DbError::Erased) => {}
            notice => notices.push(notice?),
        }
    }
    let told = i64::try_from(notices.len()).unwrap_or(i64::MAX);
    let mut tx = db.begin(&permit).await?;
    for notice in notices {
        notice.insert(&mut tx).await?;
    }
    tx.commit(permit, Detail::ok().with("oldest_seq", seq).with("people", told)).await?;
    Ok(true)
}
