//! Counters of failed tries, in the database so that a restart forgets nothing. A try is counted before it is checked and
//! given back when it was right, so that parallel tries cannot all pass.

use crate::core::clock::{Micros, SECOND};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::PersonId;
use crate::db::{Chore, Db, Tx};
use crate::policies::SignInLimits;
use crate::policy::{Act, Origin};

use super::{Error, digest, sql};

/// Links mailed in the name of one person within the window.
const FORGOT_TRIES_MAX: i64 = 5;
const FORGOT_WINDOW_SECS: i64 = 3600;
/// Archives of one person that are unpacked within the window and not recorded after all.
const ARCHIVE_TRIES_MAX: i64 = 10;
const ARCHIVE_WINDOW_SECS: i64 = 24 * 3600;

crate::row! {
    struct CountRow { failures: i64, first_at: i64, until: i64 }
}

/// What a counter does as failures grow.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// So many within a window, then none until it ends.
    Window { tries: i64, secs: i64 },
    /// Free at first, then a growing delay, then closed.
    Growing { free: i64, delay_max_secs: i64, hard: i64 },
    /// So many, then closed.
    Closing { tries: i64 },
}

/// Names of counters. Addresses and names lie in them only as keyed indexes.
#[derive(Clone, Debug)]
pub struct Keys {
    address: Option<String>,
    account: String,
}

impl Keys {
    /// For a try at `username` from `origin`, by a device that is known to be the person's own or not.
    #[must_use]
    pub fn new(db: &Db, origin: &Origin, username: &str, device: Option<&str>) -> Self {
        let address = origin.address.map(|a| format!("address:{}", db.vault().blind("throttle", &crate::core::address::bucket(a).to_string())));
        let account = device.map_or_else(|| account_key(db, username), |d| format!("device:{}", digest(d)));
        Self { address, account }
    }
}

fn account_key(db: &Db, username: &str) -> String {
    format!("account:{}", db.vault().blind("throttle", username))
}

fn recovery_key(person: &PersonId) -> String {
    format!("recovery:{person}")
}

fn totp_key(person: &PersonId) -> String {
    format!("totp:{person}")
}

/// Counts a try at a password.
///
/// # Errors
/// [`Error::TooMany`] or [`Error::Locked`]: the try must not be made.
pub async fn count(db: &Db, limits: &SignInLimits, keys: &Keys) -> Result<(), Error> {
    if let Some(address) = &keys.address {
        take(db, address, Kind::Window { tries: limits.address_tries, secs: limits.address_window_secs }).await?;
    }
    let growing = Kind::Growing { free: limits.account_free, delay_max_secs: limits.account_delay_max_secs, hard: limits.account_hard };
    take(db, &keys.account, growing).await
}

/// Counts a try at a code of `person`.
///
/// # Errors
/// As [`count`].
pub async fn count_code(db: &Db, limits: &SignInLimits, keys: &Keys, person: &PersonId) -> Result<(), Error> {
    if let Some(address) = &keys.address {
        take(db, address, Kind::Window { tries: limits.address_tries, secs: limits.address_window_secs }).await?;
    }
    take(db, &totp_key(person), Kind::Closing { tries: limits.totp_tries }).await
}

/// Counts a try at a recovery code of `person`. Codes of 128 bits are not guessed, so wrong ones slow down and never share
/// the lock of the authenticator: a recovery code is the way in when that is closed.
///
/// # Errors
/// As [`count`].
pub async fn count_recovery(db: &Db, limits: &SignInLimits, keys: &Keys, person: &PersonId) -> Result<(), Error> {
    if let Some(address) = &keys.address {
        take(db, address, Kind::Window { tries: limits.address_tries, secs: limits.address_window_secs }).await?;
    }
    let growing = Kind::Growing { free: limits.account_free, delay_max_secs: limits.account_delay_max_secs, hard: limits.account_hard };
    take(db, &recovery_key(person), growing).await
}

/// Counts a link asked for in the name of `username`, whoever asks: nobody's mailbox is flooded.
///
/// # Errors
/// As [`count`].
pub async fn count_forgot(db: &Db, username: &str) -> Result<(), Error> {
    let key = format!("forgot:{}", db.vault().blind("throttle", username));
    take(db, &key, Kind::Window { tries: FORGOT_TRIES_MAX, secs: FORGOT_WINDOW_SECS }).await
}

fn archive_key(person: &PersonId) -> String {
    format!("archive:{person}")
}

/// Counts an archive that is about to be unpacked for `person`: however that ends, its files lie here until a sweep.
///
/// # Errors
/// [`Error::TooMany`]: it must not be unpacked.
pub async fn count_archive(db: &Db, person: &PersonId) -> Result<(), Error> {
    take(db, &archive_key(person), Kind::Window { tries: ARCHIVE_TRIES_MAX, secs: ARCHIVE_WINDOW_SECS }).await
}

/// The archive was recorded, and counts there from now on.
///
/// # Errors
/// When the database fails.
pub async fn forgive_archive(db: &Db, person: &PersonId) -> Result<(), Error> {
    let keys = Keys { address: Some(archive_key(person)), account: String::new() };
    give_back(db, &keys, &keys.account).await
}

/// Counts a try from an address alone: at a link, at `/forgot`.
///
/// # Errors
/// As [`count`].
pub async fn count_address(db: &Db, limits: &SignInLimits, keys: &Keys) -> Result<(), Error> {
    match &keys.address {
        Some(address) => take(db, address, Kind::Window { tries: limits.address_tries, secs: limits.address_window_secs }).await,
        None => Ok(()),
    }
}

/// The try was right: it is given back, and the account's counter starts anew.
///
/// # Errors
/// When the database fails.
pub async fn forgive(db: &Db, keys: &Keys, person: Option<&PersonId>) -> Result<(), Error> {
    let cleared = person.map_or_else(|| keys.account.clone(), totp_key);
    give_back(db, keys, &cleared).await
}

/// The recovery code was right. What closed the authenticator's codes stays.
///
/// # Errors
/// When the database fails.
pub async fn forgive_recovery(db: &Db, keys: &Keys, person: &PersonId) -> Result<(), Error> {
    give_back(db, keys, &recovery_key(person)).await
}

async fn give_back(db: &Db, keys: &Keys, cleared: &str) -> Result<(), Error> {
    let mut chore = db.chore(Chore::Throttle).await?;
    if let Some(address) = &keys.address {
        chore.query(sql::LESS_THROTTLE).bind(address.as_str()).execute().await?;
    }
    chore.query(sql::CLEAR_THROTTLE).bind(cleared).execute().await?;
    chore.commit().await?;
    Ok(())
}

/// Lifts every lock of a person, within the act that does so. Their devices are forgotten, and the counters of those with them.
///
/// # Errors
/// When the database fails.
pub async fn lift<A: Act>(tx: &mut Tx<A>, db: &Db, person: &PersonId, username: &str) -> Result<(), Error> {
    for key in [account_key(db, username), totp_key(person), recovery_key(person)] {
        tx.query(sql::CLEAR_THROTTLE).bind(key).execute().await?;
    }
    tx.query(sql::FORGET_DEVICES).bind(person).execute().await?;
    Ok(())
}

/// Is the person's password or one of their codes closed until somebody lifts it?
///
/// # Errors
/// When the database fails.
pub async fn is_locked(db: &Db, limits: &SignInLimits, person: &PersonId, username: &str) -> Result<bool, Fault> {
    for (key, most) in [(account_key(db, username), limits.account_hard), (totp_key(person), limits.totp_tries), (recovery_key(person), limits.account_hard)] {
        let held: Option<(i64,)> = db.query(sql::READ_THROTTLE).bind(key.as_str()).optional().await.context("read a counter")?;
        if held.is_some_and(|(failures,)| failures >= most) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn take(db: &Db, key: &str, kind: Kind) -> Result<(), Error> {
    let now = db.clock().now();
    let mut chore = db.chore(Chore::Throttle).await?;
    // The upsert locks the row on PostgreSQL too, so two tries cannot read the same count.
    let held: CountRow = chore.query(sql::TOUCH_THROTTLE).bind(key).bind(now).one().await?;
    let next = step(kind, &held, now)?;
    chore.query(sql::SET_THROTTLE).bind(key).bind(next.failures).bind(next.first_at).bind(now).bind(next.until).execute().await?;
    chore.commit().await?;
    Ok(())
}

fn step(kind: Kind, held: &CountRow, now: Micros) -> Result<CountRow, Error> {
    let wait = |until: Micros| Error::TooMany { retry_secs: u64::try_from((until - now + SECOND - 1).div_euclid(SECOND)).unwrap_or(1) };
    let failures = held.failures + 1;
    match kind {
        Kind::Window { tries, secs } => {
            let ends = held.first_at + secs * SECOND;
            if now >= ends {
                return Ok(CountRow { failures: 1, first_at: now, until: 0 });
            }
            if failures > tries { Err(wait(ends)) } else { Ok(CountRow { failures, first_at: held.first_at, until: 0 }) }
        }
        Kind::Growing { free, delay_max_secs, hard } => {
            if held.failures >= hard {
                return Err(Error::Locked);
            }
            if now < held.until {
                return Err(wait(held.until));
            }
            let over = u32::try_from((failures - free).max(0)).unwrap_or(u32::MAX).min(20);
            let delay = if over == 0 { 0 } else { (1_i64 << over).min(delay_max_secs) };
            Ok(CountRow { failures, first_at: held.first_at, until: now + delay * SECOND })
        }
        Kind::Closing { tries } if held.failures >= tries => Err(Error::Locked),
        Kind::Closing { .. } => Ok(CountRow { failures, first_at: held.first_at, until: 0 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: CountRow = CountRow { failures: 0, first_at: 0, until: 0 };

    #[test]
    fn an_address_gets_five_tries_a_window_and_then_the_time_to_wait() {
        let kind = Kind::Window { tries: 5, secs: 300 };
        let mut held = FRESH;
        for n in 1..=5 {
            held = step(kind, &held, n).expect("within the window");
        }
        assert!(matches!(step(kind, &held, 6), Err(Error::TooMany { retry_secs: 300 })));
        assert_eq!(step(kind, &held, 300 * SECOND).expect("a new window").failures, 1);
    }

    #[test]
    fn an_account_answers_ever_more_slowly_and_then_not_at_all() {
        let kind = Kind::Growing { free: 5, delay_max_secs: 900, hard: 100 };
        let mut held = FRESH;
        let mut now = 0;
        let mut delays = Vec::new();
        while held.failures < 100 {
            held = step(kind, &held, now).expect("waited long enough");
            delays.push((held.until - now).max(0) / SECOND);
            now = held.until.max(now) + 1;
        }
        assert_eq!(delays[..9], [0, 0, 0, 0, 0, 2, 4, 8, 16]);
        assert_eq!(delays[99], 900);
        assert!(matches!(step(kind, &held, now + 10_000 * SECOND), Err(Error::Locked)));
    }

    #[test]
    fn codes_close_after_ten() {
        let held = CountRow { failures: 10, ..FRESH };
        assert!(matches!(step(Kind::Closing { tries: 10 }, &held, 1), Err(Error::Locked)));
    }
}
