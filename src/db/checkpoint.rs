//! Signed checkpoints, at most a second after a change: into the database, and into `checkpoints/` outside it.
//! Must stay true: only durable sizes are signed (the head is read back from the database), and a signer's refusal latches
//! the integrity fault.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::signer::{Claim, EpochEnd, SignError, Signer};
use super::{Chore, Db, epoch};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};

const KEEP: &str = "insert into audit_checkpoint (log, size, note, at) values ($1, $2, $3, $4) on conflict (log, size) do nothing";
const LATEST: &str = "select note, size, at from audit_checkpoint where log = $1 order by size desc limit 1";
const COVERING: &str = "select note, size, at from audit_checkpoint where log = $1 and size > $2 order by size limit 1";
const AT: &str = "select note, size, at from audit_checkpoint where log = $1 and size = $2";
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[KEEP, LATEST, COVERING, AT];

/// A change is signed at most this much later.
const PERIOD: Duration = Duration::from_millis(900);

crate::row! {
    /// A checkpoint as kept.
    #[derive(Clone, Debug)]
    pub struct CheckpointRow {
        /// The signed note.
        pub note: String,
        /// Entries it covers.
        pub size: i64,
        /// When it was signed.
        pub at: i64,
    }
}

/// Signs and keeps checkpoints.
#[derive(Clone, Debug)]
pub struct Keeper {
    db: Db,
    signer: Arc<dyn Signer>,
    folder: PathBuf,
    /// One signing at a time: a proof is made against what was signed last.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Since when nothing could be signed, and why; told to whoever waits for it.
    stalled: Arc<watch::Sender<Option<Stalled>>>,
}

/// Checkpoints wait: the signer does not answer, or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalled {
    /// Since when.
    pub since: Micros,
    /// The class of trouble.
    pub why: &'static str,
}

impl Db {
    /// The newest checkpoint of log `log`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn latest_checkpoint(&self, log: i64) -> Result<Option<CheckpointRow>, Fault> {
        self.query(LATEST).bind(log).optional().await.context("read the newest checkpoint")
    }

    /// The checkpoint of exactly `size` entries.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint_at(&self, log: i64, size: i64) -> Result<Option<CheckpointRow>, Fault> {
        self.query(AT).bind(log).bind(size).optional().await.context("read a checkpoint")
    }

    /// The oldest checkpoint that covers entry `seq`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn covering_checkpoint(&self, log: i64, seq: i64) -> Result<Option<CheckpointRow>, Fault> {
        self.query(COVERING).bind(log).bind(seq).optional().await.context("read a checkpoint")
    }
}

impl Keeper {
    /// Keeps checkpoints below `folder`, which exists.
    #[must_use]
    pub fn new(db: Db, signer: Arc<dyn Signer>, folder: PathBuf) -> Self {
        Self { db, signer, folder, turn: Arc::default(), stalled: Arc::new(watch::Sender::new(None)) }
    }

    /// The signer.
    #[must_use]
    pub fn signer(&self) -> &Arc<dyn Signer> {
        &self.signer
    }

    /// Whether checkpoints wait, and a way to wait for a change.
    #[must_use]
    pub fn stalled(&self) -> watch::Receiver<Option<Stalled>> {
        self.stalled.subscribe()
    }

    /// Signs the durable head when it is not signed yet.
    ///
    /// # Errors
    /// When the head cannot be read, proved, signed or kept.
    pub async fn sign_now(&self) -> Result<Option<String>, SignError> {
        if self.db.in_fault() {
            return Ok(None);
        }
        let _turn = self.turn.lock().await;
        let signed = self.sign_head().await;
        let why = signed.as_ref().err().map(SignError::class);
        let now = self.db.clock().now();
        self.stalled.send_if_modified(|stalled| {
            let before = *stalled;
            *stalled = why.map(|why| Stalled { since: before.map_or(now, |b| b.since), why });
            *stalled != before
        });
        signed
    }

    /// The same for what is about to be shown outside: while the signer is away, what it signed last must do.
    ///
    /// # Errors
    /// When the trail is in doubt, or the database fails.
    pub async fn sign_or_wait(&self) -> Result<(), SignError> {
        match self.sign_now().await {
            Err(SignError::Away(_) | SignError::NotAllowed(_)) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn sign_head(&self) -> Result<Option<String>, SignError> {
        let (log, origin) = self.db.log();
        let Some(head) = self.db.head(log).await? else { return Ok(None) };
        let size = u64::try_from(head.size).context("log size")?;
        for end in epoch::unsealed(&self.db, log, head.size).await? {
            self.end_epoch(log, &origin, &end).await?;
        }
        let last = self.signer.last(&origin).await?;
        let kept = self.db.latest_checkpoint(log).await?;
        if last.is_some_and(|(signed, _)| signed == size) && kept.as_ref().is_some_and(|k| k.size == head.size) {
            return Ok(None);
        }
        let root = self.db.root(log, size).await?;
        let proof = match last {
            Some((signed, _)) if signed > 0 && signed < size => self.db.consistency(log, signed, size).await?,
            _ => Vec::new(),
        };
        let note = self.signer.sign(Claim { origin: origin.clone(), size, root, proof, end: None }).await?;
        self.keep(log, size, &note).await?;
        Ok(Some(note))
    }

    /// Has the checkpoint signed with which an epoch ends, before any larger one. After a crash the signer may have done so.
    async fn end_epoch(&self, log: i64, origin: &str, end: &epoch::End) -> Result<(), SignError> {
        let size = u64::try_from(end.seq + 1).context("log size")?;
        let n = u64::try_from(end.n).context("an epoch")?;
        let note = match self.signer.ended(origin, n).await? {
            Some(note) => note,
            None => {
                let proof = match self.signer.last(origin).await? {
                    Some((signed, _)) if signed > size => {
                        return Err(SignError::Lost(format!("{signed} entries were signed, and epoch {n} was to end with {size}")));
                    }
                    Some((signed, _)) if signed > 0 && signed < size => self.db.consistency(log, signed, size).await?,
                    _ => Vec::new(),
                };
                let leaf = end.link().leaf()?;
                let inclusion = self.db.inclusion(log, size - 1, size).await?;
                let root = self.db.root(log, size).await?;
                self.signer.sign(Claim { origin: origin.to_owned(), size, root, proof, end: Some(EpochEnd { leaf, inclusion }) }).await?
            }
        };
        self.keep(log, size, &note).await?;
        Ok(())
    }

    async fn keep(&self, log: i64, size: u64, note: &str) -> Result<(), Fault> {
        let mut chore = self.db.chore(Chore::Checkpoint).await.context("begin")?;
        let at = self.db.clock().now();
        chore.query(KEEP).bind(log).bind(i64::try_from(size).context("log size")?).bind(note).bind(at).execute().await.context("keep a checkpoint")?;
        chore.commit().await.context("keep a checkpoint")?;
        self.keep_file(note)
    }

    /// Replaces `checkpoints/latest` whole; yesterday's stays readable until today's is durable.
    pub(super) fn keep_file(&self, note: &str) -> Result<(), Fault> {
        crate::core::folder::write_private(&self.folder.join("latest"), note.as_bytes()).context("keep a checkpoint file")
    }

    /// The checkpoint that lies outside the database.
    pub(super) fn file(&self) -> Result<Option<Vec<u8>>, Fault> {
        match std::fs::read(self.folder.join("latest")) {
            Ok(note) => Ok(Some(note)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Fault::with("read the checkpoint file", e)),
        }
    }

    /// Signs after changes until told to stop, then once more.
    pub async fn run(self, stop: CancellationToken) {
        let mut size = self.db.size();
        // What was committed before this began is signed too.
        size.mark_changed();
        loop {
            tokio::select! {
                changed = size.changed() => if changed.is_err() { break },
                () = stop.cancelled() => break,
            }
            // What could not be signed is tried again, also when nothing is added meanwhile.
            while !self.sign_or_latch().await && !stop.is_cancelled() {
                let _ = tokio::time::timeout(PERIOD, stop.cancelled()).await;
            }
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                () = stop.cancelled() => break,
            }
        }
        self.sign_or_latch().await;
    }

    /// Signs; false when it is to be tried again. What is told once is not told every second.
    async fn sign_or_latch(&self) -> bool {
        let before = *self.stalled.borrow();
        match self.sign_now().await {
            Ok(_) => {
                if before.is_some() {
                    tracing::info!("the signer signs again");
                }
                true
            }
            Err(error) if error.is_doubt() => {
                self.db.latch_fault("signer");
                tracing::error!(%error, "the signer refused: the trail is in doubt and takes no more entries");
                true
            }
            Err(error) => {
                if before.is_none_or(|b| b.why != error.class()) {
                    let why = crate::core::fault::chain_of(&error);
                    tracing::error!(why, "a checkpoint was not signed; it is tried again until it is, and acts go on meanwhile");
                }
                false
            }
        }
    }
}
