//! What is due beside the requests: notices, gathered entries, sweeps. Bounded work, then rest.

mod alerts;
mod epoch;
mod heartbeat;
mod letter;
mod mailer;
mod scrub;
mod tell;

use std::time::Duration;

pub use letter::Letter;
pub use mailer::Mailer;
use tokio_util::sync::CancellationToken;

use crate::core::clock::{DAY, HOUR, MINUTE, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::room::Room;
use crate::db::Chore;
use crate::http::App;
use crate::orphans::Sweep;
use crate::policy::Role;
use crate::trail::review_remind;
use crate::{contacts, evidence, identity, intake, messages, retention, seal, sinks};

/// The pause between two looks.
const REST: Duration = Duration::from_secs(1);

/// Looks at the room on the disk before anything is begun.
pub fn look_at_room(app: &App) {
    match Room::of(&app.config.data) {
        Ok(room) => alerts::note_room(&app.db, &app.config.disk, room),
        Err(error) => tracing::error!(%error, "the disk does not say how much room it has"),
    }
}

/// Begins the first epoch of the log, so that its key seals everything that people do.
pub async fn begin_epoch(app: &App) {
    if let Err(fault) = epoch::begin(app).await {
        tracing::error!(fault = fault.chain(), "the first epoch of the trail could not be begun; it is tried again");
    }
}

/// Runs until told to stop. `back` keys of erased subjects were there again at the start.
pub async fn run(app: App, back: i64, stop: CancellationToken) {
    let ways = tell::Ways::of(&app.config);
    let streams = sinks::run(&app.db, &app.keeper, &app.config.stream, &stop);
    let witnesses = alerts::watch_witnesses(&app, &ways, &stop);
    let timestamps = alerts::watch_timestamps(&app, &ways, &stop);
    let told = alerts::keys_back(&app, &ways, back);
    let scrub = scrub::run(&app, &ways, &stop);
    tokio::join!(scrub, told, tell::run(&app, &ways, &stop), alerts::watch(&app, &ways, &stop), witnesses, timestamps, streams, keep_house(&app, &stop));
}

/// Gathered entries every minute, sweeps and reminders every hour.
async fn keep_house(app: &App, stop: &CancellationToken) {
    let (mut minute, mut hour, mut review, mut old, mut over) = (app.db.clock().now(), 0, 0, 0, 0);
    let mut keys = Sweep::default();
    let mut heart = heartbeat::Heart::new(app);
    let mut turn = epoch::Turn::new(app);
    while !stop.is_cancelled() {
        let now = app.db.clock().now();
        if due(&mut minute, now, MINUTE)
            && let Err(error) = app.door.flush(app).await
        {
            tracing::error!(error = %error, "gathered entries were not written");
        }
        if let Err(fault) = app.db.look_at_clock().await {
            tracing::error!(fault = fault.chain(), "the clock could not be held against the newest entry");
        }
        if let Err(fault) = heart.beat_if_due(app).await {
            tracing::error!(fault = fault.chain(), "no sign of life was written");
        }
        if let Err(fault) = turn.look(app).await {
            tracing::error!(fault = fault.chain(), "an epoch of the trail could not be ended");
        }
        if due(&mut hour, now, HOUR)
            && let Err(fault) = sweep(app, &mut keys).await
        {
            tracing::error!(fault = fault.chain(), "a sweep failed");
        }
        if app.db.leads()
            && due(&mut old, now, HOUR)
            && let Err(fault) = take_out(app).await
        {
            tracing::error!(fault = fault.chain(), "erasing or pruning is not done; it goes on in an hour");
        }
        if app.db.leads()
            && !app.db.in_doubt()
            && due(&mut over, now, MINUTE)
            && let Err(fault) = intake::end::expire(&app.db, &app.policy, now).await
        {
            tracing::error!(fault = fault.chain(), "intakes that are over are not shredded yet");
        }
        if due(&mut review, now, HOUR)
            && let Err(fault) = remind(app).await
        {
            tracing::error!(fault = fault.chain(), "nobody was reminded of a review");
        }
        rest(stop).await;
    }
    // What was gathered in the last minute is written before the end.
    if let Err(error) = app.door.flush(app).await {
        tracing::error!(error = %error, "gathered entries were not written");
    }
}

async fn rest(stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(REST) => {}
        () = stop.cancelled() => {}
    }
}

fn due(last: &mut Micros, now: Micros, period: Micros) -> bool {
    let is_due = now - *last >= period;
    if is_due {
        *last = now;
    }
    is_due
}

/// Tells compliance officers of a review that is due, and owners of evidence that expires.
async fn remind(app: &App) -> Result<(), Fault> {
    if app.db.in_doubt() {
        return Ok(());
    }
    let officers = identity::holders(&app.db, Role::Compliance).await?;
    review_remind::remind(&app.db, &app.policy, app.policies.review.every_days, &officers).await.context("remind of a review")?;
    if app.db.leads() {
        let told = evidence::expiry::remind(&app.db, &app.policy).await.context("remind of what expires")?;
        if told > 0 {
            tracing::info!(told, "owners were told of evidence that expires");
        }
    }
    seal::affirm::remind(&app.db, &app.policy, &officers).await.context("remind of an affirmation")?;
    Ok(())
}

/// Finishes erasures, enters a pruning that is due, and goes on with one that was entered.
async fn take_out(app: &App) -> Result<(), Fault> {
    let db = &app.db;
    if db.in_fault() {
        return Ok(());
    }
    retention::erase::finish(db, false).await?;
    intake::end::bury(db).await?;
    // What is old enough to go is told by a clock.
    if db.in_doubt() {
        return Ok(());
    }
    match retention::prune::enter(db, &app.policy).await {
        Ok(Some(min)) => tracing::info!(min, "a pruning of the trail was entered"),
        // Somebody placed a hold or set another retention in this moment: the next round sees it.
        Ok(None) | Err(retention::Error::State) => {}
        Err(error) => return Err(Fault::with("enter a pruning", error)),
    }
    let bundles = retention::prune::work(db).await?;
    if bundles > 0 {
        tracing::info!(bundles, "entries of the trail were pruned");
    }
    Ok(())
}

async fn sweep(app: &App, keys: &mut Sweep) -> Result<(), Fault> {
    app.limits.sweep();
    let db = &app.db;
    let now = db.clock().now();
    let mut chore = db.chore(Chore::Throttle).await.context("begin")?;
    chore.query(identity::sql::SWEEP_THROTTLE).bind(now - DAY).execute().await.context("sweep counters")?;
    chore.query(identity::sql::SWEEP_DEVICES).bind(now).execute().await.context("sweep devices")?;
    chore.commit().await.context("sweep counters")?;
    if db.in_doubt() {
        return Ok(());
    }
    crate::repeat::sweep(db, now).await.context("sweep answers")?;
    messages::sweep(db, now).await.context("sweep messages")?;
    contacts::import::stage::sweep(app, now).await.context("sweep imports")?;
    crate::assess::bring::sweep(app, now).await.context("sweep trackers")?;
    let hours = u64::try_from(app.policies.retention.unreferenced_blob_hours).unwrap_or(24).max(24);
    let removed = evidence::sweep(db, app.blobs.as_ref(), hours).await.context("sweep files")?;
    if removed > 0 {
        tracing::info!(removed, "files that nothing names were removed");
    }
    let removed = keys.step(db).await.context("sweep data keys")?;
    if removed > 0 {
        tracing::info!(removed, "data keys that sealed nothing were removed");
    }
    Ok(())
}
