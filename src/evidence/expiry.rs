//! Reminders of evidence that expires: its owner hears 30, 7 and 1 day before, and on its last day.
//! Must stay true: each of these is told once, and is an entry with its notice beside it.

use super::artifact::{Artifact, today};
use super::standing::days_between;
use super::{Error, Remind, sql};
use crate::db::{Db, DbError, Detail};
use crate::notices::Notice;
use crate::policy::{Actor, On, Policy};

/// Days before the last one on which somebody is told, the nearest first: who is late is told of the nearest alone.
const DAYS: [i64; 4] = [0, 1, 7, 30];
/// The template of the notice.
pub const TEMPLATE: &str = "evidence_expires";

/// Tells the owners of what expires soon; at most 200 for each of the days in one round.
///
/// # Errors
/// When the database fails; who was not told yet is told in the next round.
pub async fn remind(db: &Db, policy: &Policy) -> Result<usize, Error> {
    let today = today(db.clock());
    let mut told = 0;
    for days in DAYS {
        let until = today.saturating_add(jiff::Span::new().days(days)).to_string();
        let items: Vec<Artifact> = db.query(sql::EXPIRING).bind(until).bind(days).all().await?;
        for item in items {
            told += usize::from(one(db, policy, &item, days, today).await?);
        }
    }
    Ok(told)
}

async fn one(db: &Db, policy: &Policy, item: &Artifact, days: i64, today: jiff::civil::Date) -> Result<bool, Error> {
    let on = On { subject: Some(item.owner_id.to_string()), ..On::one("evidence", &item.evidence_id) };
    let Ok(permit) = policy.permit::<Remind>(&Actor::system(), &on) else { return Ok(false) };
    let Some(last) = item.expires_on.as_deref().and_then(|d| d.parse().ok()) else { return Ok(false) };
    let (left, day) = (days_between(today, last).max(0).to_string(), item.expires_on.clone().unwrap_or_default());
    let args = [("file", item.name.as_str()), ("day", &day), ("left", &left), ("evidence", item.evidence_id.as_str())];
    let notice = match Notice::prepare(db, "any", &item.owner_id, TEMPLATE, &args).await {
        // Erased: there is nobody to tell, and nobody to ask again.
        Err(DbError::Erased) => None,
        notice => Some(notice?),
    };
    let mut tx = db.begin(&permit).await?;
    if tx.write(sql::REMINDED).bind(&item.evidence_id).bind(days).execute().await? != 1 {
        return Ok(false);
    }
    let is_told = notice.is_some();
    if let Some(notice) = notice {
        notice.insert(&mut tx).await?;
    }
    let detail = Detail::ok().with("expires_on", day).with("days", days).with("people", i64::from(is_told));
    tx.commit(permit, detail).await?;
    Ok(is_told)
}
