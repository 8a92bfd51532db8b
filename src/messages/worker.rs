//! The worker: claims due messages, records the attempt, calls the gateway, records the result.
//! Must stay true: the gateway is called only after the attempt is durable, once for a message; a message found between
//! attempt and result becomes `unknown`. One process alone may settle at its start what another left (SQLite's folder lock
//! sees to that); on PostgreSQL the lease of the job says when its worker is gone.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::gateway::{self, Attempted, Gateway, Outgoing, Sandbox};
use super::state::{Ending, State, Step, step};
use super::{Attempt, Error, FIRST, Message, Settle, find, sql};
use crate::contacts;
use crate::core::clock::{DAY, MINUTE, Micros};
use crate::core::fault::Fault;
use crate::core::id::{JobId, MessageId};
use crate::db::{Chore, Db, DbError, Detail, Restraint};
use crate::http::App;
use crate::policy::{Act, Actor, Permit, Policy};
use crate::vault::OpenError;

/// Messages in hand at once.
const PARALLEL_MAX: usize = 16;
/// Jobs one statement claims.
const CLAIMS: usize = 8;
/// How long one call of the gateway may take. Longer than the slowest sandbox.
const GATEWAY_MAX: Duration = Duration::from_secs(90);
/// Longer than a claimed message can wait for its turn and then take.
const LEASE: Micros = 10 * MINUTE;
/// How often due work is looked for when nobody says there is some.
const POLL: Duration = Duration::from_millis(500);
/// Pauses before the result is written again when the database failed. Then it stays `sending`, and ends `unknown`.
const PAUSES: [Duration; 4] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9), Duration::from_secs(27)];
/// How long a finished job is kept.
const JOB_KEPT_FOR: Micros = 7 * DAY;

crate::row! {
    struct Claimed { id: JobId, subject: MessageId }
}

/// Records that a message is about to be handed to the gateway. Until this is durable the gateway must not be called.
///
/// # Errors
/// [`Error::State`] when it is not queued (any more); [`Error::Stopped`] when the number was stopped since.
pub async fn attempt(db: &Db, permit: Permit<Attempt>, message: &Message) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    // Whoever stops the number waits for this, or was first.
    if contacts::is_stopped(&mut tx, &message.number_ix).await? {
        return Err(Error::Stopped);
    }
    let now = tx.now();
    changed(tx.write(sql::ATTEMPT).bind(&message.id).bind(now).execute().await?)?;
    tx.commit(permit, Detail::ok().with("gateway", message.gateway.as_str())).await?;
    Ok(())
}

/// Records how a message that stood at `from` ended, and closes its job.
///
/// # Errors
/// [`Error::State`] when it does not stand there (any more).
pub async fn settle(db: &Db, permit: Permit<Settle>, message: &Message, from: State, ending: &Ending) -> Result<(), Error> {
    if !from.may_become(ending.state) {
        return Err(Error::State);
    }
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let written = tx.write(sql::SETTLE).bind(&message.id).bind(ending.state.name());
    let written = written.bind(ending.reason.clone()).bind(ending.provider_id.clone()).bind(now).bind(from.name());
    changed(written.execute().await?)?;
    tx.query(sql::JOB_DONE).bind(&message.id).bind(now).execute().await?;
    let mut detail = Detail::of(ending.outcome()).with("gateway", message.gateway.as_str()).with("state", ending.state.name());
    if let Some(reason) = &ending.reason {
        detail = detail.because(reason);
    }
    if let Some(provider_id) = &ending.provider_id {
        detail = detail.with("provider_id", provider_id.as_str());
    }
    tx.commit(permit, detail).await?;
    Ok(())
}

fn changed(rows: u64) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::State) }
}

fn permit<A: Act<On = Message>>(policy: &Policy, message: &Message) -> Result<Permit<A>, Error> {
    policy.permit::<A>(&Actor::system(), message).map_err(|denied| Fault::with("the policy stops the worker", denied).into())
}

/// Ends as `unknown` what an earlier run left between attempt and result, and frees what it had claimed. Run it before
/// [`run`]. Gives how many there were.
///
/// # Errors
/// When the database fails; then the worker must not start.
pub async fn settle_interrupted(db: &Db, policy: &Policy) -> Result<u64, Error> {
    if db.in_doubt() {
        return Ok(0);
    }
    let alone = db.store().is_sqlite();
    let mut last = FIRST.to_owned();
    let mut settled = 0;
    loop {
        let left: Vec<(MessageId,)> = if alone {
            db.query(sql::SENDING).bind(last.as_str()).all().await?
        } else {
            db.query(sql::SENDING_LEFT).bind(last.as_str()).bind(db.clock().now()).all().await?
        };
        let Some((newest,)) = left.last() else { break };
        newest.as_str().clone_into(&mut last);
        for (id,) in left {
            let Some(message) = find(db, &id).await? else { continue };
            match settle(db, permit(policy, &message)?, &message, State::Sending, &Ending::unknown("interrupted")).await {
                Ok(()) => settled += 1,
                // Another node was quicker.
                Err(Error::State) => {}
                Err(error) => return Err(error),
            }
        }
    }
    if alone {
        let mut chore = db.chore(Chore::Job).await?;
        chore.query(sql::RELEASE).execute().await?;
        chore.commit().await?;
    }
    Ok(settled)
}

/// Runs the worker with the gateway in force until `stop`; without a gateway there is nothing to do.
pub async fn run(db: Db, app: App, stop: CancellationToken) {
    if gateway::in_force(&app.config).is_none() {
        return;
    }
    let sandbox = Sandbox::new(db.clone(), app.config.sandbox.delay, app.config.sandbox.failure_percent);
    work(&db, &app.policy, &sandbox, &app.work, &stop).await;
}

/// Works until `stop`, then finishes what is in hand. `wake` says that there may be work.
pub async fn work(db: &Db, policy: &Policy, gateway: &dyn Gateway, wake: &Notify, stop: &CancellationToken) {
    // Everything is driven together by this one future: a lane that holds the database's writer is never left unpolled
    // while another waits for it.
    let (jobs, queue) = mpsc::channel(PARALLEL_MAX);
    let queue = Mutex::new(queue);
    let lanes = (0..PARALLEL_MAX).map(|_| lane(db, policy, gateway, &queue, stop));
    tokio::join!(dispatch(db, jobs, wake, stop), join_all(lanes));
}

async fn dispatch(db: &Db, jobs: mpsc::Sender<Claimed>, wake: &Notify, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        // What cannot be attempted now is not claimed, or it would wait for its lease to run out.
        let waits = db.in_doubt() || db.restraint() == Some(Restraint::Sends);
        let claimed = if waits { Vec::new() } else { claim(db, jobs.capacity()).await.unwrap_or_else(none_for_now) };
        if claimed.is_empty() {
            tokio::select! {
                () = wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
            continue;
        }
        for job in claimed {
            // There is room: no more was claimed than fits.
            let _ = jobs.send(job).await;
        }
        // Claims are made in batches, since each is a commit of its own.
        tokio::select! {
            _ = jobs.reserve_many(PARALLEL_MAX / 2) => {}
            () = stop.cancelled() => {}
        }
    }
}

fn none_for_now(error: DbError) -> Vec<Claimed> {
    tracing::warn!(fault = Fault::with("claim messages", error).chain(), "no messages could be claimed");
    Vec::new()
}

async fn claim(db: &Db, room: usize) -> Result<Vec<Claimed>, DbError> {
    let now = db.clock().now();
    let mut due: Vec<Claimed> = db.query(sql::DUE).bind(now).all().await?;
    due.truncate(room);
    if due.is_empty() {
        return Ok(due);
    }
    let mut chore = db.chore(Chore::Job).await?;
    let mut won = HashSet::new();
    for chunk in due.chunks(CLAIMS) {
        // A short chunk names its last job again.
        let ids = (0..CLAIMS).map(|n| &chunk[n.min(chunk.len() - 1)].id);
        let claim = chore.query(sql::CLAIM).bind(now).bind(now + LEASE);
        let claimed: Vec<(JobId,)> = ids.fold(claim, |claim, id| claim.bind(id)).all().await?;
        won.extend(claimed);
    }
    chore.commit().await?;
    // As they are due, whatever order the database answered in.
    due.retain(|job| won.contains(&(job.id.clone(),)));
    Ok(due)
}

async fn lane(db: &Db, policy: &Policy, gateway: &dyn Gateway, queue: &Mutex<mpsc::Receiver<Claimed>>, stop: &CancellationToken) {
    loop {
        let next = queue.lock().await.recv().await;
        let Some(job) = next else { return };
        // Not begun: it waits for the next start, or for its lease to run out.
        if stop.is_cancelled() {
            continue;
        }
        if let Err(error) = work_on(db, policy, gateway, &job.subject).await {
            tracing::warn!(message = %job.subject, fault = Fault::with("a message", error).chain(), "a message's job was left for later");
        }
    }
}

/// One message whose job this worker holds.
pub(super) async fn work_on(db: &Db, policy: &Policy, gateway: &dyn Gateway, id: &MessageId) -> Result<(), Error> {
    let Some(message) = find(db, id).await? else { return close(db, id).await };
    let state = message.state()?;
    match step(state, message.gateway == gateway.name()) {
        Step::Close => close(db, id).await,
        Step::End(ending) => settle(db, permit(policy, &message)?, &message, state, &ending).await,
        Step::Attempt => {
            let outgoing = match open(db, &message).await {
                Ok(outgoing) => outgoing,
                Err(OpenError::Fault(fault)) => return Err(fault.into()),
                Err(OpenError::Erased) => return settle(db, permit(policy, &message)?, &message, state, &Ending::rejected("erased")).await,
                Err(OpenError::Altered | OpenError::NoKey) => {
                    return settle(db, permit(policy, &message)?, &message, state, &Ending::rejected("altered")).await;
                }
            };
            match attempt(db, permit(policy, &message)?, &message).await {
                Err(Error::Stopped) => return settle(db, permit(policy, &message)?, &message, state, &Ending::rejected("number_stopped")).await,
                done => done?,
            }
            let ending = hand_over(gateway, outgoing).await;
            settle_surely(db, policy, &message, &ending).await
        }
    }
}

async fn open(db: &Db, message: &Message) -> Result<Outgoing, OpenError> {
    Ok(Outgoing { message: message.id.clone(), to: message.number(db).await?, text: message.text(db).await? })
}

/// Calls the gateway, once. An answer that does not come in time, or never, is no answer.
async fn hand_over(gateway: &dyn Gateway, outgoing: Outgoing) -> Ending {
    let call = AssertUnwindSafe(gateway.send(outgoing)).catch_unwind();
    match tokio::time::timeout(GATEWAY_MAX, call).await {
        Ok(Ok(Attempted::Accepted { provider_id })) => Ending::accepted(provider_id),
        Ok(Ok(Attempted::Rejected { reason })) => Ending::rejected(reason),
        Ok(Ok(Attempted::Unknown { reason })) => Ending::unknown(reason),
        Ok(Err(_panic)) => Ending::unknown("gateway_fault"),
        Err(_elapsed) => Ending::unknown("timeout"),
    }
}

/// Writes the result, trying again for a while when the database is busy: the gateway's answer comes only once.
async fn settle_surely(db: &Db, policy: &Policy, message: &Message, ending: &Ending) -> Result<(), Error> {
    for pause in PAUSES {
        match settle(db, permit(policy, message)?, message, State::Sending, ending).await {
            Err(Error::Db(error)) if !db.in_doubt() => {
                tracing::warn!(message = %message.id, fault = Fault::with("settle a message", error).chain(), "a result could not be written yet");
                tokio::time::sleep(pause).await;
            }
            settled => return settled,
        }
    }
    settle(db, permit(policy, message)?, message, State::Sending, ending).await
}

async fn close(db: &Db, id: &MessageId) -> Result<(), Error> {
    let mut chore = db.chore(Chore::Job).await?;
    chore.query(sql::JOB_DONE).bind(id).bind(db.clock().now()).execute().await?;
    Ok(chore.commit().await?)
}

/// Forgets jobs that ended long before `now`.
///
/// # Errors
/// When the database fails.
pub async fn sweep(db: &Db, now: Micros) -> Result<(), DbError> {
    let mut chore = db.chore(Chore::Job).await?;
    chore.query(sql::SWEEP_JOBS).bind(now - JOB_KEPT_FOR).execute().await?;
    chore.commit().await
}
