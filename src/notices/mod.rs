//! The notification outbox: rows beside an act, told later by page, mail or webhook. What they say is sealed until then.
//! Must stay true: a notice is written in the transaction of the act it tells of, or not at all; only an alert, which tells
//! that acts cannot be recorded, has a transaction of its own. Every try of a notice carries its id, so that who hears it
//! twice can tell.

pub mod alert;
pub mod webhook;

use std::collections::BTreeMap;

use crate::core::clock::{MINUTE, Micros, SECOND};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{NoticeId, PersonId};
use crate::db::{Chore, Db, DbError, Tx};
use crate::policy::Act;
use crate::store::StoreError;
use crate::vault::Place;

/// Tries at most; then the row stays with its failure, for the status page.
pub const ATTEMPTS_MAX: i64 = 8;
/// Notices that are claimed at once, as the statement has it.
pub const CLAIMED_MAX: u32 = 20;
/// A claimed notice is left alone by other workers so long.
pub const LEASE: Micros = 5 * MINUTE;
/// Whose key seals a notice that is for nobody in particular: that of the server's own entries.
const NOBODY: &str = "system";

const INSERT: &str = "insert into notice (id, channel, person_id, template, sealed, made_at, due_at, attempts) values ($1, $2, $3, $4, $5, $6, $6, 0)";
const DUE: &str = "select id, channel, person_id, template, sealed, made_at, attempts from notice where done_at is null and due_at <= $1 and channel in ($2, $3) and attempts < 8 order by due_at limit 20";
const DONE: &str = "update notice set done_at = $2, failed = null where id = $1 and done_at is null";
const LATER: &str = "update notice set attempts = attempts + 1, due_at = $2, failed = $3 where id = $1";
const NEVER: &str = "update notice set attempts = 8, failed = $2 where id = $1 and done_at is null";
const CLAIM: &str = "update notice set due_at = $3 where id = $1 and due_at <= $2 and done_at is null";
const TO_PAGE: &str = "update notice set channel = 'page', attempts = 0, failed = $2 where id = $1";
const ON_PAGE: &str = "select id, template, made_at from notice where person_id = $1 and channel = 'page' and done_at is null order by made_at desc limit 10";
const READ: &str = "update notice set done_at = $2 where person_id = $1 and channel = 'page' and done_at is null";
const STUCK: &str = "select count(*) from (select id from notice where done_at is null and attempts >= 8 limit 100) n";
/// Every statement of this folder, for the test that prepares them all.
pub const ALL: &[&str] = &[INSERT, DUE, DONE, LATER, NEVER, CLAIM, TO_PAGE, ON_PAGE, READ, STUCK];

/// What takes notices out of the house. Each has its own worker, so that one that hangs holds up no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The mail server.
    Mail,
    /// The receiver of webhooks.
    Webhook,
}

impl Lane {
    /// The channels it serves.
    const fn channels(self) -> [&'static str; 2] {
        match self {
            Self::Mail => ["mail", "any"],
            Self::Webhook => ["webhook", "webhook"],
        }
    }
}

/// What became of one try. The words are stable codes, kept in the row and in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was taken.
    Done,
    /// There is nobody to tell: what may wait on a page does, the rest is over.
    Nowhere,
    /// It was not taken; again after a growing pause.
    Later(&'static str),
    /// It will never be taken.
    Never(&'static str),
}

/// A notice about to be written.
#[derive(Debug)]
pub struct Notice {
    id: NoticeId,
    channel: &'static str,
    person: Option<PersonId>,
    template: &'static str,
    sealed: Vec<u8>,
}

crate::row! {
    /// A notice that is due.
    #[derive(Clone, Debug)]
    pub struct Due {
        /// Id.
        pub id: NoticeId,
        /// `mail`, `any` (mail when possible, else page), `webhook`.
        pub channel: String,
        /// Whom it is for; nobody when it is an alert.
        pub person_id: Option<PersonId>,
        /// The template.
        pub template: String,
        /// Its arguments, sealed.
        pub sealed: Vec<u8>,
        /// When it was made.
        pub made_at: i64,
        /// Tries so far.
        pub attempts: i64,
    }
}

crate::row! {
    /// A notice to be shown on a page.
    #[derive(Clone, Debug)]
    pub struct OnPage {
        /// Id.
        pub id: NoticeId,
        /// The template.
        pub template: String,
        /// When.
        pub made_at: i64,
    }
}

impl Notice {
    /// Seals the arguments under the person's key.
    ///
    /// # Errors
    /// When the key cannot be had.
    pub async fn prepare(db: &Db, channel: &'static str, person: &PersonId, template: &'static str, args: &[(&str, &str)]) -> Result<Self, DbError> {
        Self::seal(db, channel, Some(person), template, args).await
    }

    async fn seal(db: &Db, channel: &'static str, person: Option<&PersonId>, template: &'static str, args: &[(&str, &str)]) -> Result<Self, DbError> {
        let id = NoticeId::new(db.clock(), db.rng());
        let args: BTreeMap<&str, &str> = args.iter().copied().collect();
        let plain = serde_json::to_vec(&args).context("write a notice")?;
        let subject = person.map_or(NOBODY, PersonId::as_str);
        let sealed = db.vault().seal(subject, &Place { table: "notice", row: id.as_str(), column: "sealed" }, &plain).await?;
        Ok(Self { id, channel, person: person.cloned(), template, sealed })
    }

    /// Writes it beside the act.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert<A: Act>(self, tx: &mut Tx<A>) -> Result<(), StoreError> {
        let now = tx.now();
        tx.query(INSERT).bind(self.id).bind(self.channel).bind(self.person).bind(self.template).bind(self.sealed).bind(now).execute().await.map(drop)
    }
}

impl Due {
    /// Opens the arguments.
    ///
    /// # Errors
    /// When they do not open.
    pub async fn args(&self, db: &Db) -> Result<BTreeMap<String, String>, Fault> {
        let plain = db.vault().unseal(&Place { table: "notice", row: self.id.as_str(), column: "sealed" }, &self.sealed).await.context("open a notice")?;
        serde_json::from_slice(&plain).context("read a notice")
    }
}

/// Claims what is due in a lane, at most twenty: each is put off, so that another worker leaves it alone.
///
/// # Errors
/// When the database fails.
pub async fn claim(db: &Db, lane: Lane) -> Result<Vec<Due>, DbError> {
    let now = db.clock().now();
    let [one, other] = lane.channels();
    let due: Vec<Due> = db.query(DUE).bind(now).bind(one).bind(other).all().await?;
    let mut claimed = Vec::new();
    for notice in due {
        let mut chore = db.chore(Chore::Notice).await?;
        let won = chore.query(CLAIM).bind(&notice.id).bind(now).bind(now + LEASE).execute().await?;
        chore.commit().await?;
        if won == 1 {
            claimed.push(notice);
        }
    }
    Ok(claimed)
}

/// Writes down what became of a claimed notice. One that may wait on a page does so when it cannot be sent for good; any
/// other that is given up stays, counted by [`stuck`].
///
/// # Errors
/// When the database fails; then it is tried again after its claim.
pub async fn settle(db: &Db, notice: &Due, told: Told) -> Result<(), DbError> {
    let now = db.clock().now();
    let told = match told {
        Told::Later(why) if notice.attempts + 1 >= ATTEMPTS_MAX => Told::Never(why),
        told => told,
    };
    let may_wait = notice.channel == "any";
    let mut chore = db.chore(Chore::Notice).await?;
    match told {
        Told::Nowhere if may_wait => chore.query(TO_PAGE).bind(&notice.id).bind(None::<String>).execute().await?,
        Told::Done | Told::Nowhere => chore.query(DONE).bind(&notice.id).bind(now).execute().await?,
        Told::Later(why) => chore.query(LATER).bind(&notice.id).bind(now + pause(notice.attempts)).bind(why).execute().await?,
        Told::Never(why) if may_wait => chore.query(TO_PAGE).bind(&notice.id).bind(why).execute().await?,
        Told::Never(why) => chore.query(NEVER).bind(&notice.id).bind(why).execute().await?,
    };
    chore.commit().await?;
    match told {
        Told::Later(why) => tracing::warn!(notice = %notice.id, channel = notice.channel, why, "a notice was not told; it will be tried again"),
        Told::Never(why) => tracing::error!(notice = %notice.id, channel = notice.channel, why, "a notice was given up"),
        Told::Done | Told::Nowhere => {}
    }
    Ok(())
}

/// The pause after so many tries: half a minute at first, an hour and more at the end.
fn pause(attempts: i64) -> Micros {
    (30 * SECOND) << attempts.clamp(0, ATTEMPTS_MAX)
}

/// What waits on a person's page.
///
/// # Errors
/// When the database fails.
pub async fn on_page(db: &Db, person: &PersonId) -> Result<Vec<OnPage>, DbError> {
    Ok(db.query(ON_PAGE).bind(person).all().await?)
}

/// The person saw them.
///
/// # Errors
/// When the database fails.
pub async fn read(db: &Db, person: &PersonId) -> Result<(), DbError> {
    let mut chore = db.chore(Chore::Notice).await?;
    chore.query(READ).bind(person).bind(db.clock().now()).execute().await?;
    chore.commit().await
}

/// Notices that were given up.
///
/// # Errors
/// When the database fails.
pub async fn stuck(db: &Db) -> Result<i64, DbError> {
    Ok(db.query(STUCK).scalar().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_eight_tries_take_about_an_hour() {
        let pauses: Vec<Micros> = (0..ATTEMPTS_MAX).map(pause).collect();
        assert_eq!(pauses[0], 30 * SECOND);
        assert!(pauses.windows(2).all(|w| w[1] == 2 * w[0]));
        assert_eq!(pauses[..7].iter().sum::<Micros>() / MINUTE, 63);
    }

    #[test]
    fn the_limits_in_the_statements_are_those_of_the_constants() {
        assert!(DUE.contains(&format!("attempts < {ATTEMPTS_MAX} ")) && DUE.ends_with(&format!("limit {CLAIMED_MAX}")));
        assert!(NEVER.contains(&format!("attempts = {ATTEMPTS_MAX},")) && STUCK.contains(&format!("attempts >= {ATTEMPTS_MAX} ")));
    }
}
