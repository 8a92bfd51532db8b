//! How long entries are kept: the retention in force, proposals and approvals.
//! Must stay true: only the newest proposal can be approved, by somebody else; a verifier follows the same rules by the
//! entries alone.

use super::{Approve, Error, Propose, reason, seal, sql};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{PersonId, RetentionId};
use crate::db::keep::{DAYS_DEFAULT, DAYS_MAX, DAYS_MIN};
use crate::db::{Db, Detail};
use crate::policy::Permit;
use crate::vault::Place;

/// What holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The retention that was set; none while it is the default.
    pub id: Option<RetentionId>,
    /// For so many days entries are kept.
    pub days: i64,
}

impl InForce {
    /// What an entry calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id.as_ref().map_or("default", RetentionId::as_str)
    }
}

crate::row! {
    /// A retention as stored, with names and the place of its entry.
    #[derive(Clone, Debug)]
    pub struct Term {
        /// Id.
        pub id: RetentionId,
        /// The log.
        pub log: i64,
        /// Days that entries are to be kept.
        pub days: i64,
        /// Days that were in force when it was proposed.
        pub before_days: i64,
        /// Why.
        pub sealed: Vec<u8>,
        /// Who proposed it.
        pub person_id: PersonId,
        /// The name they are shown by.
        pub proposer: String,
        /// When.
        pub made_at: i64,
        /// Who approved it; nobody needs to when it is not shorter.
        pub approver: Option<String>,
        /// Since when it is in force.
        pub approved_at: Option<i64>,
        /// The log of its last entry.
        pub entry_log: Option<i64>,
        /// The place there.
        pub entry_seq: Option<i64>,
    }
}

fn place(id: &RetentionId) -> Place<'_> {
    Place { table: "retention", row: id.as_str(), column: "sealed" }
}

impl Term {
    /// Why it was proposed; none when that does not open.
    ///
    /// # Errors
    /// When the keys' database fails.
    pub async fn reason(&self, db: &Db) -> Result<Option<String>, Fault> {
        reason(db, &place(&self.id), &self.sealed).await
    }
}

/// The retention in force in log `log`. One that was set in an earlier log counts here only when it is longer.
///
/// # Errors
/// When the database fails.
pub async fn in_force(db: &Db, log: i64) -> Result<InForce, Error> {
    let own: Option<(RetentionId, i64)> = db.query(sql::IN_FORCE).bind(log).optional().await?;
    if let Some((id, days)) = own {
        return Ok(InForce { id: Some(id), days });
    }
    let earlier: Option<(RetentionId, i64)> = db.query(sql::IN_FORCE_BEFORE).bind(log).optional().await?;
    Ok(InForce { id: None, days: earlier.map_or(DAYS_DEFAULT, |(_, days)| days.max(DAYS_DEFAULT)) })
}

/// Proposes that entries are kept for `days`. What is not shorter than what is in force holds at once, and gives true.
///
/// # Errors
/// [`Error::Days`], [`Error::State`] when somebody was quicker.
pub async fn propose(db: &Db, permit: Permit<Propose>, by: &PersonId, days: i64, why: &str) -> Result<bool, Error> {
    if !(DAYS_MIN..=DAYS_MAX).contains(&days) {
        return Err(Error::Days);
    }
    let id = RetentionId::new(db.clock(), db.rng());
    let (log, _) = db.log();
    let sealed = seal(db, &place(&id), why).await?;
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let (now, own) = (tx.now(), tx.id().clone());
    tx.query(sql::LOCK).execute().await?;
    pass(tx.query(sql::GATE_TERM).bind(&own).execute().await?)?;
    let held: Option<(RetentionId, i64)> = tx.query(sql::IN_FORCE).bind(log).optional().await?;
    // An earlier log's longer one holds in the database, but no entry of this log says so: there the default is what counts.
    let before = held.map_or(DAYS_DEFAULT, |(_, days)| days);
    let at_once = days >= before;
    let insert = tx.write(sql::PROPOSE).bind(&id).bind(log).bind(days).bind(before).bind(sealed).bind(by).bind(now);
    insert.bind(at_once.then_some(now)).execute().await?;
    tx.commit(permit, Detail::ok().with("days", days).with("before_days", before).with("in_force", at_once).personal("reason", why)).await?;
    Ok(at_once)
}

/// Approves a shorter retention that somebody else proposed.
///
/// # Errors
/// [`Error::State`] when it does not wait for that any more, [`Error::Own`].
pub async fn approve(db: &Db, permit: Permit<Approve>, term: &Term, by: &PersonId) -> Result<(), Error> {
    if term.person_id == *by {
        return Err(Error::Own);
    }
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.query(sql::LOCK).execute().await?;
    pass(tx.write(sql::APPROVE).bind(&term.id).bind(by).bind(now).execute().await?)?;
    tx.commit(permit, Detail::ok().with("days", term.days).with("before_days", term.before_days)).await?;
    Ok(())
}

pub(super) fn pass(rows: u64) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::State) }
}

/// The retention of this id.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn by_id(db: &Db, id: &RetentionId) -> Result<Term, Error> {
    db.query(sql::TERM).bind(id).optional().await?.ok_or(Error::NotFound)
}

/// The newest fifty, newest first.
///
/// # Errors
/// When the database fails.
pub async fn history(db: &Db) -> Result<Vec<Term>, Fault> {
    db.query(sql::TERMS).all().await.context("list retentions")
}

/// The proposal that waits for an approval, if one does.
#[must_use]
pub fn waiting(history: &[Term], log: i64) -> Option<&Term> {
    history.iter().find(|term| term.log == log).filter(|term| term.approved_at.is_none())
}
