//! The one SQLite writer: group commit without a batching delay. Acts queue on a fair lock; each runs in a savepoint of the
//! batch's transaction, and whoever finds nobody behind it commits for all before it. What nobody waits for is patient: it
//! leaves the COMMIT to the next urgent act, for a few milliseconds at most.
//! Must stay true: an act hears success only after COMMIT; a failed COMMIT fails every act of its batch and each hears it;
//! an act that was dropped is rolled back and never holds up those that already wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};

use super::sqlite::Lite;
use super::{Conn, StoreError, WAIT_MAX};

/// Acts in one COMMIT at most.
const BATCH_MAX: usize = 64;
/// How long a patient act waits for an urgent one to commit with.
const PATIENCE: Duration = Duration::from_millis(10);

/// Does somebody wait for the act?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Haste {
    /// A person or a program waits for the answer.
    Urgent,
    /// Background work: it may wait for company.
    Patient,
}

/// An event to be linked into the chain with the batch that holds it.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The event's id.
    pub id: String,
    /// Its canonical body.
    pub body: Vec<u8>,
}

/// Links the events of a batch into the chain, just before its COMMIT.
pub trait Sequence: Send + Sync + std::fmt::Debug {
    /// Writes the chain's rows for `events` on `conn`.
    fn link<'a>(&'a mut self, conn: Conn<'a>, events: &'a [Pending]) -> BoxFuture<'a, Result<(), StoreError>>;
    /// Told how the COMMIT went: true keeps what `link` did, false forgets it.
    fn ended(&mut self, durable: bool);
}

type Waiter = oneshot::Sender<Result<(), String>>;

#[derive(Debug)]
struct Inner {
    conn: Option<Lite>,
    /// A batch's transaction is open.
    open: bool,
    /// The savepoint `act` is open: its act did not end yet, or was dropped.
    in_act: bool,
    /// Somebody waits for this batch's COMMIT.
    urgent: bool,
    /// A timer will commit this batch, should nobody do so before.
    timed: bool,
    /// Counts batches, so that a timer knows its own.
    batch: u64,
    waiting: Vec<Waiter>,
    pending: Vec<Pending>,
    sequence: Option<Box<dyn Sequence>>,
}

/// A handle to the writer.
#[derive(Clone, Debug)]
pub struct Writer {
    inner: Arc<Mutex<Inner>>,
    queued: Arc<AtomicUsize>,
    commits: Arc<AtomicU64>,
    acts: Arc<AtomicU64>,
    mend: mpsc::UnboundedSender<Option<OwnedMutexGuard<Inner>>>,
}

/// One act: a savepoint of the batch. Dropping it undoes it.
#[derive(Debug)]
pub struct Act {
    guard: Option<OwnedMutexGuard<Inner>>,
    writer: Writer,
    haste: Haste,
}

/// A place in the queue for the lock. Those before it may leave their COMMIT to it, so it must not vanish unseen.
struct Queued<'a> {
    writer: &'a Writer,
    served: bool,
}

impl<'a> Queued<'a> {
    fn behind(writer: &'a Writer) -> Self {
        writer.queued.fetch_add(1, SeqCst);
        Self { writer, served: false }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.writer.queued.fetch_sub(1, SeqCst);
        if !self.served {
            let _ = self.writer.mend.send(None);
        }
    }
}

impl Writer {
    pub(super) fn new(conn: Lite) -> Self {
        let inner = Inner {
            conn: Some(conn),
            open: false,
            in_act: false,
            urgent: false,
            timed: false,
            batch: 0,
            waiting: Vec::new(),
            pending: Vec::new(),
            sequence: None,
        };
        let (mend, mut dropped) = mpsc::unbounded_channel::<Option<OwnedMutexGuard<Inner>>>();
        let writer = Self { inner: Arc::new(Mutex::new(inner)), queued: Arc::default(), commits: Arc::default(), acts: Arc::default(), mend };
        // Only weak handles here: the task ends with the last writer.
        let (inner, queued, commits) = (Arc::downgrade(&writer.inner), writer.queued.clone(), writer.commits.clone());
        tokio::spawn(async move {
            while let Some(guard) = dropped.recv().await {
                let Some(strong) = inner.upgrade() else { return };
                let mut guard = match guard {
                    Some(guard) => guard,
                    None => strong.lock_owned().await,
                };
                guard.undo_act();
                if !guard.waiting.is_empty() && queued.load(SeqCst) == 0 {
                    guard.flush(&commits).await;
                }
            }
        });
        writer
    }

    /// Sets what links events into the chain. The trail's database has one, others have none.
    pub async fn set_sequence(&self, sequence: Box<dyn Sequence>) {
        self.inner.lock().await.sequence = Some(sequence);
    }

    /// Lends the bare connection, between batches, to a thread for blocking work.
    pub(super) async fn with_connection<T: Send + 'static>(&self, work: impl FnOnce(&Lite) -> T + Send + 'static) -> Result<T, StoreError> {
        let (inner, commits) = (self.inner.clone(), self.commits.clone());
        // In a task of its own: whoever asked may go away, the connection comes back.
        let lent = tokio::spawn(async move {
            let mut inner = inner.lock_owned().await;
            inner.undo_act();
            inner.flush(&commits).await;
            let lend = inner.blocking(|lite| {
                lite.within(None);
                work(lite)
            });
            lend.await
        });
        lent.await.map_err(|e| StoreError::Batch(e.to_string()))?
    }

    /// How many COMMITs were made, and for how many acts.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.commits.load(SeqCst), self.acts.load(SeqCst))
    }

    /// Begins an act.
    pub(super) async fn begin(&self, haste: Haste) -> Result<Act, StoreError> {
        let mut queued = Queued::behind(self);
        let locked = tokio::time::timeout(WAIT_MAX, self.inner.clone().lock_owned()).await;
        let mut guard = locked.map_err(|_| StoreError::Busy)?;
        queued.served = true;
        drop(queued);
        match guard.start_act() {
            Ok(()) => Ok(Act { guard: Some(guard), writer: self.clone(), haste }),
            Err(error) => {
                guard.fail(&error.to_string());
                Err(error)
            }
        }
    }

    /// Commits the batch in hand when nobody else did for as long as patience lasts.
    fn commit_later(&self, batch: u64) {
        let (inner, commits) = (Arc::downgrade(&self.inner), self.commits.clone());
        tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            let Some(inner) = inner.upgrade() else { return };
            let mut guard = inner.lock_owned().await;
            // An act that was dropped and not undone yet is undone by whoever was told.
            if guard.batch == batch {
                guard.undo_act();
                guard.flush(&commits).await;
            }
        });
    }

    /// Commits what waits and closes the connection; later acts fail.
    pub(super) async fn close(&self) {
        let mut inner = self.inner.lock().await;
        inner.undo_act();
        inner.flush(&self.commits).await;
        // The sequencer holds the database that holds this writer: let go of it.
        inner.sequence = None;
        if let Some(lite) = inner.conn.take() {
            let _ = tokio::task::spawn_blocking(move || drop(lite)).await;
        }
    }
}

impl Inner {
    fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        let lite = self.conn.as_mut().ok_or_else(closed)?;
        lite.within(Some(WAIT_MAX));
        Ok(lite.run(sql)?)
    }

    /// Lends the connection to a thread for blocking work. Must not be dropped before it ends.
    async fn blocking<T: Send + 'static>(&mut self, work: impl FnOnce(&Lite) -> T + Send + 'static) -> Result<T, StoreError> {
        let lite = self.conn.take().ok_or_else(closed)?;
        let done = tokio::task::spawn_blocking(move || {
            let made = work(&lite);
            (lite, made)
        });
        let (lite, made) = done.await.map_err(|e| StoreError::Batch(e.to_string()))?;
        self.conn = Some(lite);
        Ok(made)
    }

    fn start_act(&mut self) -> Result<(), StoreError> {
        self.undo_act();
        if !self.open {
            self.run("begin immediate")?;
            self.open = true;
        }
        self.run("savepoint act")?;
        self.in_act = true;
        Ok(())
    }

    /// Rolls back an act that was dropped. When even that fails, SQLite has undone the whole batch: everybody hears it.
    fn undo_act(&mut self) {
        if !self.in_act {
            return;
        }
        self.in_act = false;
        if let Err(error) = self.run("rollback to act").and_then(|()| self.run("release act")) {
            self.fail(&error.to_string());
        }
    }

    /// Forgets the batch, which is over one way or the other.
    fn end_batch(&mut self, durable: bool) {
        (self.open, self.in_act, self.urgent, self.timed) = (false, false, false, false);
        self.batch += 1;
        if let Some(sequence) = &mut self.sequence {
            sequence.ended(durable);
        }
    }

    /// Gives up the batch.
    fn fail(&mut self, why: &str) {
        if self.open || self.in_act {
            let _ = self.run("rollback");
        }
        self.pending.clear();
        self.end_batch(false);
        for waiter in self.waiting.drain(..) {
            let _ = waiter.send(Err(why.to_owned()));
        }
    }

    /// Links the batch's events and commits for everybody who waits.
    async fn flush(&mut self, commits: &AtomicU64) {
        if !self.open {
            return;
        }
        if let Err(error) = self.link_and_commit().await {
            self.fail(&error.to_string());
            return;
        }
        commits.fetch_add(1, SeqCst);
        self.end_batch(true);
        for waiter in self.waiting.drain(..) {
            let _ = waiter.send(Ok(()));
        }
    }

    async fn link_and_commit(&mut self) -> Result<(), StoreError> {
        let events = std::mem::take(&mut self.pending);
        if let (Some(sequence), Some(lite), false) = (&mut self.sequence, &mut self.conn, events.is_empty()) {
            lite.within(Some(WAIT_MAX));
            sequence.link(Conn::Sqlite(lite), &events).await?;
        }
        // A sync may take as long as the disk wants; it is not broken off.
        let committed = self.blocking(|lite| {
            lite.within(None);
            lite.run("commit")
        });
        Ok(committed.await??)
    }
}

fn closed() -> StoreError {
    StoreError::Other("the database is closed".into())
}

impl Act {
    pub(super) fn lite(&mut self) -> &mut Lite {
        let lite = self.guard.as_mut().and_then(|g| g.conn.as_mut()).expect("an act holds the writer until it ends, and the writer its connection");
        lite.within(Some(WAIT_MAX));
        lite
    }

    /// Returns once durable. Once polled, the act is part of its batch even when the caller goes away.
    pub(super) async fn commit(mut self, pending: Option<Pending>) -> Result<(), StoreError> {
        let Some(mut guard) = self.guard.take() else { return Err(StoreError::Busy) };
        // A statement that failed hard (disk full, I/O) may have ended SQLite's transaction: then this fails and so does the batch.
        if let Err(error) = guard.run("release act") {
            guard.fail(&error.to_string());
            return Err(error);
        }
        guard.in_act = false;
        guard.pending.extend(pending);
        let (tell, told) = oneshot::channel();
        guard.waiting.push(tell);
        guard.urgent |= self.haste == Haste::Urgent;
        self.writer.acts.fetch_add(1, SeqCst);
        let last = self.writer.queued.load(SeqCst) == 0;
        if guard.waiting.len() >= BATCH_MAX || (last && guard.urgent) {
            let commits = self.writer.commits.clone();
            // In a task of its own, so that it is never cut in the middle.
            tokio::spawn(async move { guard.flush(&commits).await });
        } else {
            if !guard.urgent && !guard.timed {
                guard.timed = true;
                self.writer.commit_later(guard.batch);
            }
            drop(guard);
        }
        told.await.map_err(|_| StoreError::Busy)?.map_err(StoreError::Batch)
    }
}

impl Drop for Act {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take() {
            let _ = self.writer.mend.send(Some(guard));
        }
    }
}
