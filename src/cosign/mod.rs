//! Has witnesses countersign the trail, by C2SP tlog-witness: a memory outside this machine, against which a rolled-back or
//! rewritten log shows. Asked beside the requests; what they say is kept with the checkpoint it is about.
//! Must stay true: a cosignature is kept only when its witness's key verifies it; a witness that saw more than the database
//! holds, or another history, latches the integrity fault.

mod ask;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use countersign_audit::verify::cosign::cosignatures;
use countersign_audit::verify::policy::{Policy, Witness};
use futures_util::future::join_all;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::config::{Consequence, Witnesses};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::db::checkpoint::CheckpointRow;
use crate::db::cosignature::{self, CosignatureRow, PAGE_MAX, WitnessRow, micros};
use crate::db::{Db, Restraint};
use ask::{Asker, Said};

/// Tries to meet a witness where it stands, in one round.
const STEPS_MAX: usize = 3;
/// Pages of cosignatures that one search for a quorum reads, after a start; later ones begin where it ended.
const PAGES_MAX: usize = 1024;
/// An export waits so long for witnesses.
pub const EXPORT_WAIT_MAX: Duration = Duration::from_secs(5);
/// What a witness that countersigned is said to be.
pub const OK: &str = "ok";

/// How the trail stands with its witnesses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Witnesses there are.
    pub witnesses: usize,
    /// The newest checkpoint that a quorum confirmed.
    pub confirmed: Option<Confirmed>,
    /// Entries beyond it.
    pub unwitnessed: i64,
    /// Since when the oldest of them waits: when the first checkpoint over it was signed.
    pub waiting_since: Option<Micros>,
    /// More or longer than the configuration allows.
    pub stale: bool,
}

/// A checkpoint that a quorum confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Entries it covers.
    pub size: i64,
    /// Witnesses that countersigned it.
    pub by: usize,
    /// The oldest of their times.
    pub at: Micros,
}

/// Asks the witnesses of the configuration.
#[derive(Debug)]
pub struct Cosigner {
    db: Db,
    settings: Witnesses,
    rules: Arc<Policy>,
    asker: Asker,
    /// One round at a time.
    turn: Mutex<()>,
    standing: watch::Sender<Standing>,
}

/// What one witness said, and how far it is known to be.
struct Heard {
    line: Option<CosignatureRow>,
    state: WitnessRow,
    /// It saw a history that is not this one.
    contradicts: Option<String>,
}

impl Cosigner {
    /// For the witnesses of the configuration; none when it names none.
    ///
    /// # Errors
    /// When the client cannot be made: no certificates to trust.
    pub fn new(db: &Db, settings: &Witnesses) -> Result<Option<Arc<Self>>, Fault> {
        let Some(policy) = &settings.policy else { return Ok(None) };
        let rules = policy.rules.clone();
        let (standing, asker) = (watch::Sender::new(Standing::default()), Asker::new()?);
        let (db, settings) = (db.clone(), settings.clone());
        Ok(Some(Arc::new(Self { db, settings, rules, asker, turn: Mutex::new(()), standing })))
    }

    /// How the trail stands, and a way to wait for a change.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// The policy's lines, for those who verify.
    #[must_use]
    pub fn policy_text(&self) -> &str {
        self.settings.policy.as_ref().map_or("", |p| p.text.as_str())
    }

    /// Asks from time to time until told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(fault) = self.round().await {
                tracing::error!(fault = fault.chain(), "witnesses could not be asked");
            }
            tokio::select! {
                () = tokio::time::sleep(self.settings.period) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Asks at once, and waits for the answers for as long as told; what comes later is kept all the same.
    pub async fn round_within(self: &Arc<Self>, limit: Duration) {
        let cosigner = self.clone();
        let round = tokio::spawn(async move { cosigner.round().await });
        if let Ok(Ok(Err(fault))) = tokio::time::timeout(limit, round).await {
            tracing::error!(fault = fault.chain(), "witnesses could not be asked");
        }
    }

    /// Asks every witness that has not countersigned the newest checkpoint, and keeps what they say.
    ///
    /// # Errors
    /// When the database fails. What witnesses do is no error.
    pub async fn round(&self) -> Result<(), Fault> {
        let _turn = self.turn.lock().await;
        let (log, origin) = self.db.log();
        if let Some(kept) = self.db.latest_checkpoint(log).await?.filter(|_| !self.db.in_fault()) {
            let known: BTreeMap<String, WitnessRow> = self.db.witnesses(log).await?.into_iter().map(|row| (row.witness.clone(), row)).collect();
            let asked = self.rules.witnesses().iter().filter_map(|witness| {
                let known = known.get(&id_of(witness));
                let done = known.is_some_and(|k| k.state == OK && k.size == kept.size);
                (!done).then(|| self.meet(log, witness, &kept, known))
            });
            let heard = join_all(asked).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            if !heard.is_empty() {
                let lines: Vec<CosignatureRow> = heard.iter().filter_map(|h| h.line.clone()).collect();
                let states: Vec<WitnessRow> = heard.iter().map(|h| h.state.clone()).collect();
                self.db.keep_round(log, &lines, &states).await?;
            }
            for why in heard.into_iter().filter_map(|h| h.contradicts) {
                tracing::error!(origin, why, "a witness remembers another history: the trail is in doubt and takes no more entries");
                self.db.latch_fault("witness");
            }
        }
        self.look().await
    }

    /// Looks anew how the trail stands, and applies the consequence.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look(&self) -> Result<(), Fault> {
        let (log, _) = self.db.log();
        let standing = self.found(log).await?;
        let restraint = match self.settings.consequence {
            Consequence::StopAdmin if standing.stale => Some(Restraint::Admin),
            Consequence::StopSends if standing.stale => Some(Restraint::Sends),
            Consequence::Warn | Consequence::StopAdmin | Consequence::StopSends => None,
        };
        self.db.restrain(restraint);
        self.standing.send_if_modified(|before| {
            let changed = *before != standing;
            *before = standing;
            changed
        });
        Ok(())
    }

    async fn found(&self, log: i64) -> Result<Standing, Fault> {
        let before = self.standing.borrow().confirmed;
        let confirmed = self.newest_confirmed(log, before.map_or(0, |c| c.size)).await?.or(before);
        let size = self.db.head(log).await?.map_or(0, |head| head.size);
        let from = confirmed.map_or(0, |c| c.size);
        let waiting_since = self.db.covering_checkpoint(log, from).await?.map(|row| row.at);
        let unwitnessed = (size - from).max(0);
        let late = waiting_since.is_some_and(|since| self.db.clock().now() - since > self.settings.unwitnessed_max);
        let stale = late || unwitnessed > self.settings.entries_max;
        Ok(Standing { witnesses: self.rules.witnesses().len(), confirmed, unwitnessed, waiting_since, stale })
    }

    /// The newest checkpoint that a quorum confirmed, from size `from` on: read backwards in pages, since one witness alone may
    /// have countersigned many since.
    async fn newest_confirmed(&self, log: i64, from: i64) -> Result<Option<Confirmed>, Fault> {
        let mut below = i64::MAX;
        for _ in 0..PAGES_MAX {
            let rows = self.db.recent_cosignatures(log, from, below).await?;
            // The last size of a full page may be cut: the next page begins with it.
            let cut = rows.last().filter(|_| rows.len() == PAGE_MAX).map(|row| row.size);
            let whole = rows.partition_point(|row| cut.is_none_or(|cut| row.size > cut));
            for same in rows[..whole].chunk_by(|a, b| a.size == b.size) {
                if let Some(found) = confirmed(&self.rules, same)
                    && self.is_signed(log, same).await?
                {
                    return Ok(Some(found));
                }
            }
            match cut {
                Some(size) => below = size + 1,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Do these lines over one checkpoint verify, and make a quorum? Rows in a database can be written by others.
    async fn is_signed(&self, log: i64, rows: &[CosignatureRow]) -> Result<bool, Fault> {
        let size = rows.first().map_or(0, |row| row.size);
        let kept = self.db.covering_checkpoint(log, size - 1).await?.filter(|kept| kept.size == size);
        let Some(kept) = kept else { return Ok(false) };
        let keys: Vec<_> = self.rules.witnesses().iter().map(|witness| witness.key().clone()).collect();
        let note = rows.iter().fold(kept.note, |note, row| note + &row.line);
        let Ok(signed) = cosignatures(note.as_bytes(), &keys) else {
            tracing::error!(log, size, "a kept cosignature does not verify: it was not written by this program");
            return Ok(false);
        };
        let names = self.rules.witnesses().iter().filter(|w| signed.iter().any(|s| s.key == w.key())).map(Witness::name).collect();
        Ok(self.rules.is_met(&names))
    }

    /// Meets one witness where it stands, and leads it to `kept`.
    async fn meet(&self, log: i64, witness: &Witness, kept: &CheckpointRow, known: Option<&WitnessRow>) -> Result<Heard, Fault> {
        let id = id_of(witness);
        let now = self.db.clock().now();
        let mut at = known.map_or(0, |k| k.size);
        let mut heard = Heard {
            line: None,
            state: WitnessRow { witness: id.clone(), size: at, cosigned_at: known.and_then(|k| k.cosigned_at), tried_at: now, state: "behind".into() },
            contradicts: None,
        };
        for _ in 0..STEPS_MAX {
            // Another node may have signed and shown it more since `kept` was read.
            if at > kept.size && self.db.latest_checkpoint(log).await?.is_some_and(|now| now.size >= at) {
                break;
            }
            if at > kept.size {
                heard.contradicts = Some(format!("`{id}` countersigned {at} entries, the newest checkpoint here has {}", kept.size));
                cosignature::AHEAD.clone_into(&mut heard.state.state);
                heard.state.size = at;
                break;
            }
            let (old, size) = (u64::try_from(at).context("a witness's size")?, u64::try_from(kept.size).context("log size")?);
            let proof = if old > 0 && old < size { self.db.consistency(log, old, size).await? } else { Vec::new() };
            match self.asker.ask(witness, old, &proof, &kept.note, now).await {
                Said::Cosigned { line, at } => {
                    let at = i64::try_from(at).context("a witness's time")?;
                    heard.line = Some(CosignatureRow { witness: id, size: kept.size, line, at });
                    heard.state = WitnessRow { size: kept.size, cosigned_at: Some(at), state: OK.into(), ..heard.state };
                    break;
                }
                Said::At(there) if i64::try_from(there) == Ok(at) => break,
                Said::At(there) => at = i64::try_from(there).unwrap_or(i64::MAX),
                Said::Contradicts => {
                    heard.contradicts = Some(format!("`{id}` refuses {} entries as no extension of the {at} it countersigned", kept.size));
                    cosignature::CONTRADICTS.clone_into(&mut heard.state.state);
                    break;
                }
                Said::Trouble(class) => {
                    class.clone_into(&mut heard.state.state);
                    break;
                }
            }
        }
        if heard.state.state != OK {
            tracing::warn!(witness = heard.state.witness, state = heard.state.state, "a witness did not countersign");
        }
        Ok(heard)
    }
}

/// What a witness is called in the database: its key's name and id, so that a new key is a new witness.
#[must_use]
pub fn id_of(witness: &Witness) -> String {
    format!("{}+{}", witness.key().name(), hex::encode(witness.key().id()))
}

/// The newest checkpoint whose cosignatures make a quorum. The rows stand newest size first.
fn confirmed(rules: &Policy, rows: &[CosignatureRow]) -> Option<Confirmed> {
    rows.chunk_by(|a, b| a.size == b.size).find_map(|rows| {
        let by: BTreeMap<&str, i64> = rules
            .witnesses()
            .iter()
            .filter_map(|witness| {
                let id = id_of(witness);
                rows.iter().find(|row| row.witness == id).map(|row| (witness.name(), row.at))
            })
            .collect();
        let names: BTreeSet<&str> = by.keys().copied().collect();
        let oldest = by.values().min().copied()?;
        rules.is_met(&names).then(|| Confirmed { size: rows[0].size, by: names.len(), at: micros(oldest) })
    })
}
