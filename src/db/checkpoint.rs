//! Signed checkpoints, at most a second after a change: into the database, and into `checkpoints/` outside it.
//! Must stay true: only durable sizes are signed (the head is read back from the database), and a signer's refusal latches
//! the integrity fault.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::signer::{Claim, SignError, Signer};
use super::{Chore, Db};
use crate::core::fault::{Context as _, Fault};

const KEEP: &str = "insert into audit_checkpoint (log, size, note, at) values ($1, $2, $3, $4) on conflict (log, size) do nothing";
const LATEST: &str = "select note, size, at from audit_checkpoint where log = $1 order by size desc limit 1";
const COVERING: &str = "select note, size, at from audit_checkpoint where log = $1 and size > $2 order by size limit 1";
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[KEEP, LATEST, COVERING];

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
}

impl Db {
    /// The newest checkpoint of log `log`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn latest_checkpoint(&self, log: i64) -> Result<Option<CheckpointRow>, Fault> {
        self.query(LATEST).bind(log).optional().await.context("read the newest checkpoint")
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
        Self { db, signer, folder, turn: Arc::default() }
    }

    /// The signer.
    #[must_use]
    pub fn signer(&self) -> &Arc<dyn Signer> {
        &self.signer
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
        let (log, origin) = self.db.log();
        let Some(head) = self.db.head(log).await? else { return Ok(None) };
        let size = u64::try_from(head.size).context("log size")?;
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
        let note = self.signer.sign(Claim { origin: origin.clone(), size, root, proof }).await?;
        self.keep(log, size, &note).await?;
        Ok(Some(note))
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
            self.sign_or_latch().await;
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                () = stop.cancelled() => break,
            }
        }
        self.sign_or_latch().await;
    }

    async fn sign_or_latch(&self) {
        match self.sign_now().await {
            Ok(_) => {}
            Err(SignError::Inconsistent(why)) => {
                self.db.latch_fault("signer");
                tracing::error!(why, "the signer refused: the trail is in doubt and takes no more entries");
            }
            Err(SignError::Fault(fault)) => tracing::error!(fault = fault.chain(), "a checkpoint was not signed; the next change tries again"),
        }
    }
}
