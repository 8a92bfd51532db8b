//! What the home page knows: seven bounded reads at most, fewer for most roles.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::sql;
use crate::core::clock::{DAY, Micros};
use crate::core::fault::Fault;
use crate::core::id::{EventId, PersonId};
use crate::db::{Db, DbError};
use crate::notices::{self, OnPage};
use crate::policies::SignInLimits;
use crate::trail::filter::first_id;

/// So few recovery codes left is worth a word.
pub const CODES_FEW: i64 = 3;

crate::row! {
    struct SignInRow { id: EventId, at: i64, sealed: Option<Vec<u8>> }
}
crate::row! {
    struct OwnRow { codes: i64, notices: i64 }
}
crate::row! {
    /// People in numbers, and what waits for an administrator.
    #[derive(Clone, Copy, Debug)]
    pub struct People {
        /// Accounts that can sign in.
        pub active: i64,
        /// Accounts that wait for their first password.
        pub invited: i64,
        /// Accounts closed after too many tries.
        pub locked: i64,
        /// 1 once the keys were exported to a recovery recipient.
        pub exported: i64,
    }
}
crate::row! {
    /// One's own evidence in numbers.
    #[derive(Clone, Copy, Debug)]
    pub struct Evidence {
        /// Files.
        pub files: i64,
        /// Their bytes.
        pub bytes: i64,
    }
}
crate::row! {
    /// One's own messages in numbers.
    #[derive(Clone, Copy, Debug)]
    pub struct Messages {
        /// Accepted today.
        pub accepted: i64,
        /// With a result that is not known.
        pub unknown: i64,
    }
}

crate::row! {
    /// Intakes in numbers, ten thousand of each at most.
    #[derive(Clone, Copy, Debug)]
    pub struct Intakes {
        /// Complete.
        pub complete: i64,
        /// Unfinished.
        pub unfinished: i64,
        /// A person takes over.
        pub handover: i64,
        /// Shredded within a week.
        pub expiring: i64,
        /// Legal holds on records.
        pub held: i64,
    }
}

crate::row! {
    /// What a compliance officer has before them, a thousand of each at most.
    #[derive(Clone, Copy, Debug)]
    pub struct Officer {
        /// Refusals and failures of today.
        pub denied: i64,
        /// Files that wait for approval.
        pub files: i64,
        /// Interviews and tests that wait for a second person.
        pub records: i64,
    }
}

crate::row! {
    /// What waits for whoever collects evidence, a thousand of each at most.
    #[derive(Clone, Copy, Debug)]
    pub struct Owner {
        /// Own files that were given back.
        pub given_back: i64,
        /// Own objectives that are due.
        pub due: i64,
    }
}

/// A sign-in of the person.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// When.
    pub at: Micros,
    /// From where, unless erased.
    pub address: Option<String>,
    /// With what.
    pub agent: Option<String>,
    /// What was sealed of it cannot be opened any more.
    pub erased: bool,
}

/// The newest sign-ins of a person, at most five.
///
/// # Errors
/// When the database fails.
pub async fn sign_ins(db: &Db, person: &PersonId) -> Result<Vec<SignIn>, DbError> {
    let rows: Vec<SignInRow> = db.query(sql::SIGN_INS).bind(person).all().await?;
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let opened = crate::trail::read::open_actor(db, &row.id, row.sealed.as_deref()).await?;
        let value = |name: &str| opened.get(name).map(str::to_owned);
        let erased = row.sealed.is_some() && opened.get("actor.name").is_none();
        out.push(SignIn { at: row.at, address: value("net.ip"), agent: value("net.ua"), erased });
    }
    Ok(out)
}

/// Recovery codes left, and the notices that wait; those count as read from now on.
///
/// # Errors
/// When the database fails.
pub async fn own(db: &Db, person: &PersonId) -> Result<(i64, Vec<OnPage>), DbError> {
    let row: OwnRow = db.query(sql::OWN).bind(person).one().await?;
    if row.notices == 0 {
        return Ok((row.codes, Vec::new()));
    }
    let waiting = notices::on_page(db, person).await?;
    notices::read(db, person).await?;
    Ok((row.codes, waiting))
}

/// For administrators.
///
/// # Errors
/// When the database fails.
pub async fn people(db: &Db, limits: &SignInLimits) -> Result<People, DbError> {
    Ok(db.query(sql::PEOPLE).bind(limits.account_hard).bind(limits.totp_tries).one().await?)
}

/// For contributors.
///
/// # Errors
/// When the database fails.
pub async fn evidence(db: &Db, person: &PersonId) -> Result<Evidence, DbError> {
    Ok(db.query(sql::EVIDENCE).bind(person).one().await?)
}

/// For messengers; today begins at `midnight`.
///
/// # Errors
/// When the database fails.
pub async fn messages(db: &Db, person: &PersonId, midnight: Micros) -> Result<Messages, DbError> {
    Ok(db.query(sql::MESSAGES).bind(person).bind(first_id("msg", midnight)).one().await?)
}

/// For intake staff.
///
/// # Errors
/// When the database fails.
pub async fn intakes(db: &Db) -> Result<Intakes, DbError> {
    Ok(db.query(sql::INTAKES).bind(db.clock().now() + 7 * DAY).one().await?)
}

/// For compliance officers: what waits for them, and what was refused since `midnight`.
///
/// # Errors
/// When the database fails.
pub async fn officer(db: &Db, person: &PersonId, midnight: Micros) -> Result<Officer, DbError> {
    Ok(db.query(sql::OFFICER).bind(person).bind(first_id("evt", midnight)).one().await?)
}

/// For contributors: what their own files and objectives ask of them, until a day.
///
/// # Errors
/// When the database fails.
pub async fn owner(db: &Db, person: &PersonId, soon: Date) -> Result<Owner, DbError> {
    Ok(db.query(sql::OWNER).bind(person).bind(soon.to_string()).one().await?)
}

/// Campaigns that wait for somebody else than their author.
///
/// # Errors
/// When the database fails.
pub async fn campaigns(db: &Db, person: &PersonId) -> Result<i64, DbError> {
    Ok(db.query(sql::CAMPAIGNS).bind(person).scalar().await?)
}

/// The part of the day at `now` in `zone`, and when that day began.
///
/// # Errors
/// When the clock stands outside all calendars.
pub fn day(now: Micros, zone: &str) -> Result<(&'static str, Micros), Fault> {
    let outside = |e| Fault::with("the clock stands outside the calendar", e);
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let here = Timestamp::from_microsecond(now).map_err(outside)?.to_zoned(zone);
    let part = match here.hour() {
        5..12 => "morning",
        12..18 => "afternoon",
        _ => "evening",
    };
    Ok((part, here.start_of_day().map_err(outside)?.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::HOUR;

    #[test]
    fn the_day_is_the_viewers() {
        // 2026-11-21T23:30:00Z is half past midnight in Zurich.
        let now = 1_795_303_800_000_000;
        assert_eq!(day(now, "UTC").expect("a day"), ("evening", now - 23 * HOUR - HOUR / 2));
        assert_eq!(day(now, "Europe/Zurich").expect("a day"), ("evening", now - HOUR / 2));
        assert_eq!(day(now + 9 * HOUR, "Europe/Zurich").expect("a day").0, "morning");
        assert_eq!(day(now + 12 * HOUR, "no/zone").expect("a day").0, "morning");
    }
}
