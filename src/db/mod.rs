//! The unit of work: `Permit` -> `begin` -> statements -> `commit(permit, detail)`, which writes the audit event in the same
//! transaction and returns once it is durable. `chore` is the only other door to a write, closed and counted.
//! Must stay true: no committed change without a permit and its event; nothing but the sequencer writes the chain.

pub mod checkpoint;
mod chore;
pub mod cosignature;
mod detail;
pub mod doubt;
pub mod epoch;
mod event;
pub mod faultlog;
pub mod integrity;
pub mod keep;
pub mod projection;
mod restraint;
pub mod rows;
pub mod sealed;
mod sequence;
pub mod signer;
pub mod tiles;
pub mod token;
pub mod wall;

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, RwLock};

use tokio::sync::{Notify, watch};

pub use chore::{Chore, ChoreTx};
pub use detail::{Detail, Outcome};
pub use event::{ADDRESS_INDEX, SQL as EVENT_SQL};
pub use restraint::Restraint;
pub use sequence::{Offline, SQL as SEQUENCE_SQL, Sequencer, run_postgres};

use crate::core::clock::Clock;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::EventId;
use crate::core::rng::Rng;
use crate::policy::{Act, Denied, Permit, Who};
use crate::store::{Haste, Pending, Query, Store, StoreError, Work};
use crate::vault::{DataKey, OpenError, Vault};
use faultlog::FaultLog;

/// Acts that still work while the trail is in doubt: signing in, reading, exporting.
const FAULT_ACTS: [&str; 10] = [
    "throttle.refuse",
    "token.read",
    "session.login",
    "session.totp",
    "session.confirm",
    "session.logout",
    "session.revoke",
    "trail.read",
    "trail.export",
    "evidence.download",
];

/// Acts that people may begin when the disk is almost full, beside those above: signing in whole, and what protects.
const SHORT_ACTS: [&str; 6] = ["session.enrol", "session.end_all", "session.demo", "person.disable", "token.revoke", "trail.open"];

/// Why a unit of work was not made durable.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The trail is in doubt: only signing in, reading and exporting work.
    #[error("the audit trail is in doubt; only reading works until the operator resolves it")]
    IntegrityFault,
    /// No witness has confirmed the trail for too long, and this act waits for one.
    #[error("no witness has confirmed the audit trail for too long; this act waits until one does")]
    Unwitnessed,
    /// The disk is almost full: nothing new is begun while there is only room for what protects.
    #[error("the disk of the data folder is almost full; only signing in, reading and exporting work until there is room again")]
    NoRoom,
    /// The database refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something inside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The person or number this concerns was erased.
    #[error("the subject was erased")]
    Erased,
}

impl From<OpenError> for DbError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Erased => Self::Erased,
            OpenError::Altered | OpenError::NoKey => Self::Fault(Fault::with("a data key does not fit its place", error)),
            OpenError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl DbError {
    /// A unique key was taken.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unique(_)))
    }
}

/// What this process is, as every entry says.
#[derive(Clone, Debug)]
pub struct Process {
    /// The program's version.
    pub version: String,
    /// The build: the source revision, or `dev`.
    pub build: String,
    /// The node's name.
    pub node: String,
    /// Random, new at every start.
    pub boot: String,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    vault: Vault,
    clock: Clock,
    rng: Rng,
    process: Process,
    /// The log in force: its number and its origin.
    log: RwLock<(i64, String)>,
    fault: AtomicBool,
    /// The parts of the trail that are in doubt, told to whoever waits for it; empty while none is.
    doubt: watch::Sender<Vec<&'static str>>,
    /// What waits for a witness.
    restraint: restraint::InForce,
    /// Whether the clock may be believed.
    wall: wall::Wall,
    /// The disk is almost full, told to whoever waits for it.
    short: watch::Sender<bool>,
    fault_log: FaultLog,
    /// The witnesses of the configuration, as they are called in the database.
    asked_witnesses: OnceLock<Vec<String>>,
    /// The durable size of the log, told to whoever waits for it.
    size: watch::Sender<u64>,
    /// Wakes the PostgreSQL sequencer.
    wake: Notify,
    /// This process runs the sequencer: what must be done by one node alone is done here.
    leads: AtomicBool,
}

/// The database with its trail. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db(Arc<Inner>);

/// A unit of work for one act. Dropping it undoes it.
#[derive(Debug)]
pub struct Tx<A: Act> {
    work: Work,
    id: EventId,
    actor_key: (String, Arc<DataKey>),
    subject_key: Option<(String, Arc<DataKey>)>,
    db: Db,
    act: PhantomData<fn(&A)>,
}

impl Db {
    /// Wraps an opened store. The log's number and origin are set by [`integrity::open`].
    #[must_use]
    pub fn new(store: Store, vault: Vault, clock: Clock, rng: Rng, process: Process, fault_log: FaultLog) -> Self {
        Self(Arc::new(Inner {
            store,
            vault,
            clock,
            rng,
            process,
            log: RwLock::new((1, String::new())),
            fault: AtomicBool::new(false),
            doubt: watch::Sender::new(Vec::new()),
            restraint: restraint::InForce::default(),
            wall: wall::Wall::default(),
            short: watch::Sender::new(false),
            fault_log,
            asked_witnesses: OnceLock::new(),
            size: watch::Sender::new(0),
            wake: Notify::new(),
            leads: AtomicBool::new(false),
        }))
    }

    /// A read; it cannot write.
    pub fn query(&self, sql: impl sqlx::SqlSafeStr) -> Query<'_> {
        self.0.store.query(sql)
    }

    /// Begins the work a permit allows, minting the event's id. The keys that will seal its personal values are made durable first.
    ///
    /// # Errors
    /// When the trail is in doubt, the database is busy, or the subject was erased.
    pub async fn begin<A: Act>(&self, permit: &Permit<A>) -> Result<Tx<A>, DbError> {
        self.ready_for(permit)?;
        if self.0.restraint.refuses(A::NAME, permit.category(), permit.actor()) {
            return Err(DbError::Unwitnessed);
        }
        let actor = event::actor_subject(permit.actor(), self.0.clock.now());
        let actor_key = (actor.clone(), self.0.vault.key_for(&actor).await?);
        let subject_key = match &permit.on().subject {
            Some(subject) if *subject != actor => Some((subject.clone(), self.0.vault.key_for(subject).await?)),
            _ => None,
        };
        let haste = if permit.actor().is_system() { Haste::Patient } else { Haste::Urgent };
        let work = self.0.store.begin_with(haste).await?;
        Ok(Tx { work, id: EventId::new(&self.0.clock, &self.0.rng), actor_key, subject_key, db: self.clone(), act: PhantomData })
    }

    /// Records an act that changes nothing but the trail: a view, an export, a failed try.
    ///
    /// # Errors
    /// When the entry could not be made durable: then the act must not happen either.
    pub async fn record<A: Act>(&self, permit: Permit<A>, detail: Detail) -> Result<EventId, DbError> {
        let tx = self.begin(&permit).await?;
        tx.commit(permit, detail).await
    }

    /// Records a refusal by the policy. Refusals are entries too.
    ///
    /// # Errors
    /// When the entry could not be made durable.
    pub async fn record_denial(&self, denied: &Denied) -> Result<(), DbError> {
        let actor = event::actor_subject(&denied.actor, self.0.clock.now());
        let actor_key = (actor.clone(), self.0.vault.key_for(&actor).await?);
        let id = EventId::new(&self.0.clock, &self.0.rng);
        let mut work = self.0.store.begin().await?;
        let at = self.0.clock.now();
        let detail = Detail::of(Outcome::Denied).because(denied.need.code());
        let about = event::About { actor: &denied.actor, action: denied.action, category: &denied.category, on: &denied.on };
        let pending = event::insert(self, &mut work, &id, &about, &detail, &event::Keys { actor: &actor_key, subject: None }).await?;
        self.finish(work, pending, at).await
    }

    /// Commits an event of this time with what it changed: into the chain, or beside it while the trail is in doubt.
    async fn finish(&self, work: Work, pending: Pending, at: crate::core::clock::Micros) -> Result<(), DbError> {
        let in_fault = self.in_fault();
        if in_fault {
            self.0.fault_log.append(&pending.body)?;
        }
        work.commit((!in_fault).then_some(pending)).await?;
        self.note_time(at);
        self.0.wake.notify_one();
        Ok(())
    }

    /// A write that deserves no entry, from the closed list.
    ///
    /// # Errors
    /// When the database is busy.
    pub async fn chore(&self, chore: Chore) -> Result<ChoreTx, DbError> {
        Ok(ChoreTx::new(chore, self.0.store.begin_with(chore.haste()).await?))
    }

    /// May this be begun now? Asked again by [`Db::begin`]; for acts that do much before it.
    ///
    /// # Errors
    /// [`DbError::IntegrityFault`], or [`DbError::NoRoom`]: not for the console, which mends it, nor for the program, which
    /// records what has happened.
    pub fn ready_for<A: Act>(&self, permit: &Permit<A>) -> Result<(), DbError> {
        let always = FAULT_ACTS.contains(&A::NAME);
        if !always && (self.in_fault() || (!wall::ACTS.contains(&A::NAME) && self.clock_is_back())) {
            return Err(DbError::IntegrityFault);
        }
        let by_people = matches!(permit.actor().who, Who::Person { .. } | Who::Stranger);
        if by_people && self.is_short() && !always && !SHORT_ACTS.contains(&A::NAME) {
            return Err(DbError::NoRoom);
        }
        Ok(())
    }

    /// Is the disk almost full?
    #[must_use]
    pub fn is_short(&self) -> bool {
        *self.0.short.borrow()
    }

    /// Whoever looks at the disk says whether it is almost full. Gives whether that is news.
    pub fn set_short(&self, short: bool) -> bool {
        self.0.short.send_replace(short) != short
    }

    /// Is the trail in doubt?
    #[must_use]
    pub fn in_fault(&self) -> bool {
        self.0.fault.load(Ordering::SeqCst)
    }

    /// Latches the doubt about a part of the trail, here and on every other node: nothing but the operator clears it.
    pub fn latch_fault(&self, part: &'static str) {
        if self.take_doubt(part) {
            self.tell_doubt(part);
        }
    }

    /// Latches the doubt here. Gives whether it is news.
    fn take_doubt(&self, part: &'static str) -> bool {
        self.0.fault.store(true, Ordering::SeqCst);
        self.0.doubt.send_if_modified(|parts| {
            let new = !parts.contains(&part);
            if new {
                parts.push(part);
            }
            new
        })
    }

    /// Says once which witnesses the configuration names.
    pub(crate) fn ask_witnesses(&self, ids: Vec<String>) {
        let _ = self.0.asked_witnesses.set(ids);
    }

    /// The witnesses of the configuration, as they are called in the database.
    #[must_use]
    pub fn asked_witnesses(&self) -> &[String] {
        self.0.asked_witnesses.get().map_or(&[], Vec::as_slice)
    }

    /// The parts of the trail that are in doubt, and a way to wait for one.
    #[must_use]
    pub fn doubt(&self) -> watch::Receiver<Vec<&'static str>> {
        self.0.doubt.subscribe()
    }

    /// Has some acts wait for a witness, or none.
    pub fn restrain(&self, restraint: Option<Restraint>) {
        self.0.restraint.set(restraint);
    }

    /// What waits for a witness.
    #[must_use]
    pub fn restraint(&self) -> Option<Restraint> {
        self.0.restraint.get()
    }

    /// The number and origin of the log in force.
    #[must_use]
    pub fn log(&self) -> (i64, String) {
        self.0.log.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(crate) fn set_log(&self, number: i64, origin: String) {
        *self.0.log.write().unwrap_or_else(std::sync::PoisonError::into_inner) = (number, origin);
    }

    /// The durable size of the log, and a way to wait for it to grow.
    #[must_use]
    pub fn size(&self) -> watch::Receiver<u64> {
        self.0.size.subscribe()
    }

    /// Is this the node that does what one node alone must do? The embedded database has one; of those on a server it is the
    /// one that holds the sequencer.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.is_sqlite() || self.0.leads.load(Ordering::SeqCst)
    }

    /// The embedded database, or the server.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.0.store.is_sqlite()
    }

    /// The vault.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The randomness.
    #[must_use]
    pub fn rng(&self) -> &Rng {
        &self.0.rng
    }

    /// The store below, for migration, backup and checks.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What happened while the trail was in doubt.
    #[must_use]
    pub fn fault_log(&self) -> &FaultLog {
        &self.0.fault_log
    }

    /// What this process is.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.0.process
    }

    /// Waits until every committed event is in the chain (on SQLite it always is).
    ///
    /// # Errors
    /// When the database fails, or after ten seconds.
    pub async fn settle(&self) -> Result<(), Fault> {
        const LEFT: &str = "select count(*) from (select event_id from audit_pending limit 1) p";
        for _ in 0..1000 {
            let left: i64 = self.query(LEFT).scalar().await.context("count unsequenced events")?;
            if left == 0 {
                return Ok(());
            }
            self.0.wake.notify_one();
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        Err(Fault::new("events were not sequenced within ten seconds"))
    }
}

impl<A: Act> Tx<A> {
    /// A statement on a table without guard, or a read.
    pub fn query(&mut self, sql: impl sqlx::SqlSafeStr) -> Query<'_> {
        self.work.query(sql)
    }

    /// A statement that changes a guarded table. `$1` is this act's event id, bound here so that it cannot be wrong;
    /// the caller's binds begin with `$2`.
    pub fn write(&mut self, sql: &'static str) -> Query<'_> {
        debug_assert!(sql.contains("last_audit_id"), "a guarded write names last_audit_id: {sql}");
        let id = self.id.clone();
        self.work.query(sql).bind(id)
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> crate::core::clock::Micros {
        self.db.clock().now()
    }

    /// The id of the event this work will leave.
    #[must_use]
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// Spends the permit: writes the audit event, commits, and returns once durable.
    ///
    /// # Errors
    /// When nothing was committed.
    pub async fn commit(mut self, permit: Permit<A>, detail: Detail) -> Result<EventId, DbError> {
        let at = self.now();
        let about = event::About { actor: permit.actor(), action: A::NAME, category: permit.category(), on: permit.on() };
        let keys = event::Keys { actor: &self.actor_key, subject: self.subject_key.as_ref() };
        let pending = event::insert(&self.db, &mut self.work, &self.id, &about, &detail, &keys).await?;
        self.db.finish(self.work, pending, at).await?;
        Ok(self.id)
    }
}
