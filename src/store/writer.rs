//! The one SQLite writer: group commit without a batching delay. Acts queue on a fair lock; each runs in a savepoint of the
//! batch's transaction, and whoever finds nobody behind it commits for all before it.
//! Must stay true: an act hears success only after COMMIT; a failed COMMIT fails every act of its batch and each hears it;
//! an act that was dropped is rolled back and never holds up those that already wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

use futures_util::future::BoxFuture;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};

use super::{Conn, StoreError, WAIT_MAX};

/// Acts in one COMMIT at most.
const BATCH_MAX: usize = 64;

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
    conn: Option<SqliteConnection>,
    /// A batch's transaction is open.
    open: bool,
    /// The savepoint `act` is open: its act did not end yet, or was dropped.
    in_act: bool,
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
}

impl Writer {
    pub(super) fn new(conn: SqliteConnection) -> Self {
        let inner = Inner { conn: Some(conn), open: false, in_act: false, waiting: Vec::new(), pending: Vec::new(), sequence: None };
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
                guard.undo_act().await;
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

    /// Lends the bare connection, between batches.
    pub(super) async fn with_connection<T>(&self, work: impl AsyncFnOnce(&mut SqliteConnection) -> T) -> Result<T, StoreError> {
        let mut inner = self.inner.lock().await;
        inner.undo_act().await;
        inner.flush(&self.commits).await;
        let conn = inner.conn.as_mut().ok_or(StoreError::Busy)?;
        Ok(work(conn).await)
    }

    /// How many COMMITs were made, and for how many acts.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.commits.load(SeqCst), self.acts.load(SeqCst))
    }

    /// Begins an act. The work runs in its own task, so that a caller that goes away leaves no half-opened savepoint.
    pub(super) async fn begin(&self) -> Result<Act, StoreError> {
        let writer = self.clone();
        writer.queued.fetch_add(1, SeqCst);
        let began = tokio::spawn(async move {
            let locked = tokio::time::timeout(WAIT_MAX, writer.inner.clone().lock_owned()).await;
            writer.queued.fetch_sub(1, SeqCst);
            let Ok(mut guard) = locked else {
                // Those before us may have left their COMMIT to us.
                let _ = writer.mend.send(None);
                return Err(StoreError::Busy);
            };
            match guard.start_act().await {
                Ok(()) => Ok(Act { guard: Some(guard), writer: writer.clone() }),
                Err(error) => {
                    guard.fail(&error.to_string()).await;
                    Err(StoreError::from(error))
                }
            }
        });
        began.await.map_err(|e| StoreError::Batch(e.to_string()))?
    }

    /// Commits what waits and closes the connection; later acts fail.
    pub(super) async fn close(&self) {
        let mut inner = self.inner.lock().await;
        inner.undo_act().await;
        inner.flush(&self.commits).await;
        // The sequencer holds the database that holds this writer: let go of it.
        inner.sequence = None;
        if let Some(conn) = inner.conn.take() {
            let _ = conn.close().await;
        }
    }
}

impl Inner {
    async fn run(&mut self, sql: &'static str) -> sqlx::Result<()> {
        let conn = self.conn.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        sqlx::query(sql).execute(conn).await.map(drop)
    }

    async fn start_act(&mut self) -> sqlx::Result<()> {
        self.undo_act().await;
        if !self.open {
            self.run("begin immediate").await?;
            self.open = true;
        }
        self.run("savepoint act").await?;
        self.in_act = true;
        Ok(())
    }

    /// Rolls back an act that was dropped. When even that fails, SQLite has undone the whole batch: everybody hears it.
    async fn undo_act(&mut self) {
        if !self.in_act {
            return;
        }
        self.in_act = false;
        let undone = match self.run("rollback to act").await {
            Ok(()) => self.run("release act").await,
            failed => failed,
        };
        if let Err(error) = undone {
            self.fail(&error.to_string()).await;
        }
    }

    /// Gives up the batch.
    async fn fail(&mut self, why: &str) {
        if self.open || self.in_act {
            let _ = self.run("rollback").await;
        }
        self.open = false;
        self.in_act = false;
        self.pending.clear();
        if let Some(sequence) = &mut self.sequence {
            sequence.ended(false);
        }
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
            self.fail(&error.to_string()).await;
            return;
        }
        self.open = false;
        commits.fetch_add(1, SeqCst);
        if let Some(sequence) = &mut self.sequence {
            sequence.ended(true);
        }
        for waiter in self.waiting.drain(..) {
            let _ = waiter.send(Ok(()));
        }
    }

    async fn link_and_commit(&mut self) -> Result<(), StoreError> {
        let events = std::mem::take(&mut self.pending);
        if let (Some(sequence), Some(conn), false) = (&mut self.sequence, &mut self.conn, events.is_empty()) {
            sequence.link(Conn::Sqlite(conn), &events).await?;
        }
        self.run("commit").await.map_err(StoreError::from)
    }
}

impl Act {
    pub(super) fn conn(&mut self) -> &mut SqliteConnection {
        self.guard.as_mut().and_then(|g| g.conn.as_mut()).expect("an act holds the writer until it ends, and the writer its connection")
    }

    /// Returns once durable. Runs in a task of its own (see `Work::commit`), so it is never cut in the middle.
    pub(super) async fn commit(mut self, pending: Option<Pending>) -> Result<(), StoreError> {
        let Some(mut guard) = self.guard.take() else { return Err(StoreError::Busy) };
        // A statement that failed hard (disk full, I/O) may have ended SQLite's transaction: then this fails and so does the batch.
        if let Err(error) = guard.run("release act").await {
            guard.fail(&error.to_string()).await;
            return Err(StoreError::from(error));
        }
        guard.in_act = false;
        guard.pending.extend(pending);
        let (tell, told) = oneshot::channel();
        guard.waiting.push(tell);
        self.writer.acts.fetch_add(1, SeqCst);
        if self.writer.queued.load(SeqCst) == 0 || guard.waiting.len() >= BATCH_MAX {
            guard.flush(&self.writer.commits).await;
        }
        drop(guard);
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
