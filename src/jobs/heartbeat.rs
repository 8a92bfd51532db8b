//! A sign of life in the trail: that the server runs, whether its clock was set meanwhile and who keeps it right, and the hashes
//! of the newest checkpoint that a quorum of witnesses confirmed and of the newest time-stamp. Nobody could know these before,
//! so what follows in the log is younger.
//! Must stay true: the pause is by a clock that is not set.

use sha2::{Digest as _, Sha256};

use crate::core::clock::{Micros, SECOND};
use crate::core::fault::{Context as _, Fault};
use crate::core::timekeeper::Timekeeper;
use crate::db::Detail;
use crate::http::App;
use crate::operate::Heartbeat;
use crate::policy::{Actor, On};

/// When the last one was: by the clock on the wall, and by the one that is not set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heart {
    wall: Micros,
    mono: Micros,
}

impl Heart {
    /// Begins to count now.
    pub fn new(app: &App) -> Self {
        let clock = app.db.clock();
        Self { wall: clock.now(), mono: clock.monotonic() }
    }

    /// Beats when it is time. What could not be written is tried again with the next look.
    pub async fn beat_if_due(&mut self, app: &App) -> Result<(), Fault> {
        let now = Self::new(app);
        let pause = app.config.heartbeat;
        if pause == 0 || now.mono - self.mono < pause || app.db.in_fault() {
            return Ok(());
        }
        beat(app, (now.wall - self.wall) - (now.mono - self.mono)).await?;
        *self = now;
        Ok(())
    }
}

/// Writes the entry; `step` is by how much the clock was set since the last one.
async fn beat(app: &App, step: Micros) -> Result<(), Fault> {
    let db = &app.db;
    let permit = app.policy.permit::<Heartbeat>(&Actor::system(), &On::any("server")).context("beat")?;
    let clock = Timekeeper::here();
    let mut detail = Detail::ok().with("clock", clock.state).with("clock_by", clock.by).with("clock_step_us", step);
    if let Some((size, hash)) = anchor(app).await? {
        detail = detail.with("anchor_size", size).with("anchor_sha256", hash);
    }
    if let Some(token) = db.latest_token(db.log().0).await? {
        let hash = hex::encode(Sha256::digest(&token.token));
        detail = detail.with("token_size", token.size).with("token_sha256", hash).with("token_time", token.at / SECOND);
    }
    db.record(permit, detail).await.map(drop).context("record a sign of life")
}

/// Size and hash of the newest checkpoint that a quorum confirmed, as `/log/checkpoint` showed it.
async fn anchor(app: &App) -> Result<Option<(i64, String)>, Fault> {
    let Some(confirmed) = app.cosigner.as_ref().and_then(|cosigner| cosigner.standing().borrow().confirmed) else { return Ok(None) };
    let (log, _) = app.db.log();
    let Some(kept) = app.db.covering_checkpoint(log, confirmed.size - 1).await?.filter(|kept| kept.size == confirmed.size) else { return Ok(None) };
    let note = app.db.cosigned(log, &kept).await?;
    Ok(Some((kept.size, hex::encode(Sha256::digest(note)))))
}
