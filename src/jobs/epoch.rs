//! Ends epochs of the trail: after so many entries, or so much time by a clock that is not set. What the key of an epoch that
//! ended has sealed, nobody can make anew: it was erased.
//! Must stay true: an epoch ends only when the one before was sealed, and never by the clock on the wall.

use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::db::epoch;
use crate::db::signer::SignError;
use crate::http::App;
use crate::operate::{self, RotateEpoch};
use crate::policy::{Actor, On};

/// When this process saw the last one begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    since: Micros,
}

impl Turn {
    /// Begins to count now: the clock of the process before is not known.
    pub fn new(app: &App) -> Self {
        Self { since: app.db.clock().monotonic() }
    }

    /// Ends the epoch when it is time. What could not be written is tried again with the next look.
    pub async fn look(&mut self, app: &App) -> Result<(), Fault> {
        let (db, settings) = (&app.db, &app.config.signer);
        if settings.epoch_entries == 0 || db.in_fault() || !db.leads() {
            return Ok(());
        }
        let (log, _) = db.log();
        let now = db.clock().monotonic();
        if let Some(newest) = epoch::newest(db, log).await? {
            // Not linked yet: it has only just begun.
            let Some(seq) = newest.seq else { return Ok(()) };
            let size = i64::try_from(*db.size().borrow()).unwrap_or(i64::MAX);
            let many = size.saturating_sub(seq + 1) >= settings.epoch_entries;
            let long = now - self.since >= settings.epoch_period;
            // An epoch in which nothing happened goes on.
            if !(many || (long && size > seq + 1)) {
                return Ok(());
            }
        }
        if rotate(app).await? {
            self.since = now;
        }
        Ok(())
    }
}

/// Begins the first epoch of a log that has none.
pub(crate) async fn begin(app: &App) -> Result<(), Fault> {
    let (log, _) = app.db.log();
    if app.config.signer.epoch_entries > 0 && !app.db.in_fault() && epoch::newest(&app.db, log).await?.is_none() {
        rotate(app).await?;
    }
    Ok(())
}

/// Ends the epoch that runs, unless the one before is not sealed yet or the signer cannot be asked.
async fn rotate(app: &App) -> Result<bool, Fault> {
    let (log, origin) = app.db.log();
    let next = match app.keeper.signer().next_epoch(&origin).await {
        Ok(next) => next,
        Err(error) if error.is_doubt() => {
            app.db.latch_fault("signer");
            return Err(Fault::with("make ready for the next epoch", error));
        }
        // That checkpoints wait is told of where they are signed.
        Err(SignError::Away(_) | SignError::NotAllowed(_)) => return Ok(false),
        Err(error) => return Err(Fault::with("make ready for the next epoch", error)),
    };
    let runs = epoch::newest(&app.db, log).await?.map_or(0, |newest| newest.n + 1);
    if i64::try_from(next.n) != Ok(runs) {
        return Ok(false);
    }
    let permit = app.policy.permit::<RotateEpoch>(&Actor::system(), &On::any("epoch")).context("end an epoch")?;
    operate::epoch::rotate(&app.db, permit, log, &next).await.context("end an epoch")?;
    Ok(true)
}
