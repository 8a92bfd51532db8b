//! The notification outbox: rows beside an act, told later by page or mail. What they say is sealed until then.
//! Must stay true: a notice is written in the transaction of the act it tells of, or not at all.

use std::collections::BTreeMap;

use crate::core::clock::{MINUTE, SECOND};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{NoticeId, PersonId};
use crate::db::{Chore, Db, DbError, Tx};
use crate::policy::Act;
use crate::store::StoreError;
use crate::vault::Place;

/// Tries at most; then the row stays with its failure, for the status page.
const ATTEMPTS_MAX: i64 = 8;

const INSERT: &str = "insert into notice (id, channel, person_id, template, sealed, made_at, due_at, attempts) values ($1, $2, $3, $4, $5, $6, $6, 0)";
const DUE: &str = "select id, channel, person_id, template, sealed, made_at, attempts from notice where done_at is null and due_at <= $1 and channel <> 'page' and attempts < 8 order by due_at limit 20";
const DONE: &str = "update notice set done_at = $2, failed = null where id = $1 and done_at is null";
const FAILED: &str = "update notice set attempts = attempts + 1, due_at = $2, failed = $3 where id = $1";
const CLAIM: &str = "update notice set due_at = $3 where id = $1 and due_at <= $2 and done_at is null";
const TO_PAGE: &str = "update notice set channel = 'page' where id = $1";
const ON_PAGE: &str = "select id, template, made_at from notice where person_id = $1 and channel = 'page' and done_at is null order by made_at desc limit 10";
const READ: &str = "update notice set done_at = $2 where person_id = $1 and channel = 'page' and done_at is null";
const STUCK: &str = "select count(*) from (select id from notice where done_at is null and attempts >= 8 limit 100) n";
/// Every statement of this file, for the test that prepares them all.
pub const ALL: &[&str] = &[INSERT, DUE, DONE, FAILED, CLAIM, TO_PAGE, ON_PAGE, READ, STUCK];

/// A notice about to be written.
#[derive(Debug)]
pub struct Notice {
    id: NoticeId,
    channel: &'static str,
    person: PersonId,
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
        /// Whom it is for.
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
        let id = NoticeId::new(db.clock(), db.rng());
        let args: BTreeMap<&str, &str> = args.iter().copied().collect();
        let plain = serde_json::to_vec(&args).context("write a notice")?;
        let sealed = db.vault().seal(person.as_str(), &Place { table: "notice", row: id.as_str(), column: "sealed" }, &plain).await?;
        Ok(Self { id, channel, person: person.clone(), template, sealed })
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

/// Claims what is due, at most twenty: each is put off, so that another worker leaves it alone.
///
/// # Errors
/// When the database fails.
pub async fn claim(db: &Db) -> Result<Vec<Due>, DbError> {
    let now = db.clock().now();
    let due: Vec<Due> = db.query(DUE).bind(now).all().await?;
    let mut claimed = Vec::new();
    for notice in due {
        let mut chore = db.chore(Chore::Notice).await?;
        let won = chore.query(CLAIM).bind(&notice.id).bind(now).bind(now + 5 * MINUTE).execute().await?;
        chore.commit().await?;
        if won == 1 {
            claimed.push(notice);
        }
    }
    Ok(claimed)
}

/// It was told.
///
/// # Errors
/// When the database fails.
pub async fn done(db: &Db, id: &NoticeId) -> Result<(), DbError> {
    let mut chore = db.chore(Chore::Notice).await?;
    chore.query(DONE).bind(id).bind(db.clock().now()).execute().await?;
    chore.commit().await
}

/// It cannot be mailed: it waits on the person's next page.
///
/// # Errors
/// When the database fails.
pub async fn to_page(db: &Db, id: &NoticeId) -> Result<(), DbError> {
    let mut chore = db.chore(Chore::Notice).await?;
    chore.query(TO_PAGE).bind(id).execute().await?;
    chore.commit().await
}

/// It was not told; again after a growing pause.
///
/// # Errors
/// When the database fails.
pub async fn failed(db: &Db, notice: &Due, why: &str) -> Result<(), DbError> {
    let pause = (30 * SECOND) << notice.attempts.clamp(0, ATTEMPTS_MAX);
    let mut chore = db.chore(Chore::Notice).await?;
    chore.query(FAILED).bind(&notice.id).bind(db.clock().now() + pause).bind(why).execute().await?;
    chore.commit().await
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
