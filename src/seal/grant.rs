//! Views of a seal that are given to assessors, each with its end.
//! Must stay true: a view is of one seal; when it ended or was ended, nothing of the seal is shown any more.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::{Error, Grant, LISTED_MAX, Revoke, Sealed, Window, sql};
use crate::core::fault::Fault;
use crate::core::id::{GrantId, PersonId, SealId};
use crate::db::{Db, Detail};
use crate::policy::{Actor, Permit, Role};

/// Days for which a view may be given.
pub const DAYS_MAX: i64 = 366;

crate::row! {
    /// A view that was given.
    #[derive(Clone, Debug)]
    pub struct Granted {
        /// Id.
        pub id: GrantId,
        /// To whom.
        pub person_id: PersonId,
        /// The name they are shown by.
        pub person: String,
        /// When it ends.
        pub ends_at: i64,
        /// When it was given.
        pub made_at: i64,
        /// When it was ended before.
        pub revoked_at: Option<i64>,
    }
}

crate::row! {
    /// Somebody who may be let in.
    #[derive(Clone, Debug)]
    pub struct Assessor {
        /// Id.
        pub id: PersonId,
        /// User name.
        pub username: String,
        /// The name they are shown by.
        pub display_name: String,
    }
}

/// Is somebody an assessor and nothing that would show them every seal?
#[must_use]
pub fn is_outsider(actor: &Actor) -> bool {
    !actor.has(Role::Compliance) && !actor.has(Role::Contributor)
}

/// A seal as `actor` asks for it.
///
/// # Errors
/// When the database fails.
pub async fn window(db: &Db, actor: &Actor, seal: &SealId) -> Result<Window, Error> {
    let outside = match actor.person() {
        Some(person) if is_outsider(actor) => {
            let there: i64 = db.query(sql::GRANTED).bind(seal).bind(person).bind(db.clock().now()).scalar().await?;
            there == 0
        }
        _ => false,
    };
    Ok(Window { seal: Some(seal.clone()), outside })
}

/// Gives somebody a view of a seal, to the end of a day (UTC).
///
/// # Errors
/// [`Error::Field`] for somebody who is no assessor, and for a day that is gone or too far away.
pub async fn give(db: &Db, permit: Permit<Grant>, (by, today): (&PersonId, Date), seal: &SealId, person: &PersonId, last_day: Date) -> Result<GrantId, Error> {
    if last_day < today || last_day > today.saturating_add(DAYS_MAX.days()) {
        return Err(Error::Field { field: "ends_on", code: "view-day" });
    }
    if !assessors(db).await?.iter().any(|a| a.id == *person) {
        return Err(Error::Field { field: "assessor", code: "assessor" });
    }
    let end = last_day.saturating_add(1.day()).to_zoned(jiff::tz::TimeZone::UTC).map_err(|e| Fault::with("reckon the end of a view", e))?;
    let id = GrantId::new(db.clock(), db.rng());
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let insert = tx.write(sql::INSERT_GRANT).bind(&id).bind(seal).bind(person).bind(end.timestamp().as_microsecond());
    insert.bind(by).bind(now).execute().await?;
    let detail = Detail::ok().with("grant", id.as_str()).with("assessor", person.as_str()).with("last_day", last_day.to_string());
    tx.commit(permit, detail).await?;
    Ok(id)
}

/// Ends a view before its end.
///
/// # Errors
/// [`Error::State`] when it is over.
pub async fn revoke(db: &Db, permit: Permit<Revoke>, seal: &SealId, grant: &GrantId) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::REVOKE_GRANT).bind(grant).bind(seal).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok().with("grant", grant.as_str())).await?;
    Ok(())
}

/// Every view of a seal, newest first.
///
/// # Errors
/// When the database fails.
pub async fn of(db: &Db, seal: &SealId) -> Result<Vec<Granted>, Error> {
    Ok(db.query(sql::GRANTS).bind(seal).all().await?)
}

/// The seals that somebody may see now.
///
/// # Errors
/// When the database fails.
pub async fn seals_for(db: &Db, person: &PersonId) -> Result<Vec<Sealed>, Error> {
    Ok(db.query(sql::SEALS_FOR).bind(person).bind(db.clock().now()).bind(LISTED_MAX).all().await?)
}

/// Who may be let in.
///
/// # Errors
/// When the database fails.
pub async fn assessors(db: &Db) -> Result<Vec<Assessor>, Error> {
    Ok(db.query(sql::ASSESSORS).all().await?)
}
