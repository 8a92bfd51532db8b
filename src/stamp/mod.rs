//! Has a time-stamping authority say when a checkpoint existed, by RFC 3161: what it covers is not younger. Asked beside the
//! requests; each token is kept with the bytes it is over.
//! Must stay true: a token is kept only when it was verified as an auditor will verify it; an authority that fails or lies
//! holds up nothing.

mod ask;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Timestamps;
use crate::core::clock::{Micros, SECOND};
use crate::core::fault::Fault;
use crate::cosign::Cosigner;
use crate::db::Db;
use crate::db::checkpoint::CheckpointRow;
use crate::db::token::TokenRow;
use ask::Asker;

/// After a failure, or when there was nothing to stamp, the next round is so soon, or after the period if that is shorter.
const AGAIN: Duration = Duration::from_secs(300);
/// How often is looked whether a time-stamp is due.
const LOOK: Duration = Duration::from_secs(5);
/// What an authority whose last answer held is said to be.
pub const OK: &str = "ok";

/// How the trail stands with its authority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The time-stamp over the most entries.
    pub stamped: Option<Stamped>,
    /// What the last answer was: `ok`, a class of trouble, or nothing since the start.
    pub state: Option<&'static str>,
    /// When was last looked whether there is something to stamp.
    pub tried_at: Option<Micros>,
    /// Since when the oldest entry beyond the time-stamp waits: when the first checkpoint over it was signed.
    pub waiting_since: Option<Micros>,
    /// Longer than the configuration allows.
    pub stale: bool,
}

/// What a time-stamp says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Entries it covers.
    pub size: i64,
    /// When, by the authority.
    pub at: Micros,
    /// The authority's name.
    pub tsa: String,
}

/// Asks the authority of the configuration.
#[derive(Debug)]
pub struct Stamper {
    db: Db,
    settings: Timestamps,
    cosigner: Option<Arc<Cosigner>>,
    asker: Asker,
    /// One round at a time; when the last one was, by the clock that is not set, and whether the next one is soon.
    turn: Mutex<Option<(Micros, bool)>>,
    standing: watch::Sender<Standing>,
}

impl Stamper {
    /// For the authority of the configuration; none when it names none.
    ///
    /// # Errors
    /// When the client cannot be made: no certificates to trust.
    pub fn new(db: &Db, settings: &Timestamps, cosigner: Option<&Arc<Cosigner>>) -> Result<Option<Arc<Self>>, Fault> {
        let Some(authority) = &settings.authority else { return Ok(None) };
        let (asker, standing) = (Asker::new(authority)?, watch::Sender::new(Standing::default()));
        let (db, settings, cosigner) = (db.clone(), settings.clone(), cosigner.cloned());
        Ok(Some(Arc::new(Self { db, settings, cosigner, asker, turn: Mutex::new(None), standing })))
    }

    /// How the trail stands, and a way to wait for a change.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Asks whenever it is time, until told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let due = self.is_due().await;
            let done = match due {
                Ok(true) => self.round().await,
                Ok(false) => self.look().await,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = done {
                tracing::error!(fault = fault.chain(), "no time-stamp could be asked for");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Is it time? That is told from the newest time-stamp too, so that starting often, or many nodes, do not ask often.
    async fn is_due(&self) -> Result<bool, Fault> {
        let period = micros(self.settings.period);
        let last = *self.turn.lock().await;
        if let Some((at, soon)) = last {
            let pause = if soon { period.min(micros(AGAIN)) } else { period };
            if self.db.clock().monotonic() - at < pause {
                return Ok(false);
            }
        }
        let kept = self.db.latest_token(self.db.log().0).await?;
        // A clock that was set back since must not put it off.
        Ok(kept.is_none_or(|kept| self.db.clock().now().abs_diff(kept.kept_at) >= period.unsigned_abs()))
    }

    /// Asks for a time-stamp over what no time-stamp covers yet, and keeps it.
    ///
    /// # Errors
    /// When the database fails. What the authority does is no error.
    pub async fn round(&self) -> Result<(), Fault> {
        let mut turn = self.turn.lock().await;
        let (log, _) = self.db.log();
        let mut state = None;
        let stamped = self.db.latest_token(log).await?.map_or(0, |kept| kept.size);
        if let Some(kept) = self.newest(log, stamped).await?.filter(|_| !self.db.in_fault()) {
            let note = self.db.cosigned(log, &kept).await?;
            let said = self.asker.ask(&note, self.db.rng().bytes(), self.db.clock().now()).await;
            state = Some(match said {
                Ok(given) => {
                    let kept_at = self.db.clock().now();
                    let row = TokenRow { size: kept.size, note, token: given.token, tsa: given.tsa, at: given.at, kept_at };
                    self.db.keep_token(log, &row).await?;
                    OK
                }
                Err((class, why)) => {
                    tracing::warn!(state = class, why, "the authority gave no time-stamp");
                    class
                }
            });
        }
        *turn = Some((self.db.clock().monotonic(), state != Some(OK)));
        drop(turn);
        self.tell(state, Some(self.db.clock().now())).await
    }

    /// The newest checkpoint beyond `stamped`: the newest that witnesses confirmed, if there is one.
    async fn newest(&self, log: i64, stamped: i64) -> Result<Option<CheckpointRow>, Fault> {
        let confirmed = self.cosigner.as_ref().and_then(|cosigner| cosigner.standing().borrow().confirmed).filter(|c| c.size > stamped);
        let kept = match confirmed {
            Some(confirmed) => self.db.covering_checkpoint(log, confirmed.size - 1).await?.filter(|kept| kept.size == confirmed.size),
            None => None,
        };
        let kept = if kept.is_some() { kept } else { self.db.latest_checkpoint(log).await? };
        Ok(kept.filter(|kept| kept.size > stamped))
    }

    /// Looks anew how the trail stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look(&self) -> Result<(), Fault> {
        self.tell(None, None).await
    }

    /// Looks, and tells what a round brought, if there was one.
    async fn tell(&self, state: Option<&'static str>, tried_at: Option<Micros>) -> Result<(), Fault> {
        let (log, _) = self.db.log();
        let stamped = self.db.latest_token(log).await?.map(|kept| Stamped { size: kept.size, at: kept.at, tsa: kept.tsa });
        let waiting_since = self.db.covering_checkpoint(log, stamped.as_ref().map_or(0, |s| s.size)).await?.map(|row| row.at);
        let stale = waiting_since.is_some_and(|since| self.db.clock().now() - since > self.settings.untimed_max);
        self.standing.send_if_modified(|standing| {
            let now = Standing { stamped, state: state.or(standing.state), tried_at: tried_at.or(standing.tried_at), waiting_since, stale };
            let changed = *standing != now;
            *standing = now;
            changed
        });
        Ok(())
    }
}

fn micros(time: Duration) -> Micros {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(SECOND)
}
