//! The worker: claims due messages, records the attempt, calls the gateway, records the result.
//! Must stay true: the gateway is called only after the attempt is durable, once for each; another attempt is made only when the
//! last one certainly sent nothing; a message found between attempt and result becomes `unknown`. One process alone may settle at its start what another left (SQLite's folder lock
//! sees to that); on PostgreSQL the lease of the job says when its worker is gone.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::gateway::{self, Attempted, Gateway, Outgoing};
use super::state::{Ending, State, Step, step};
use super::warden::{Verdict, Warden};
use super::{Attempt, Error, FIRST, Message, Reroute, Settle, find, inbound, route, sql, status, thread, told};
use crate::contacts::{self, Halt};
use crate::core::clock::{DAY, MINUTE, Micros, SECOND};
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
/// The same for messages whose gateway is not there: nothing points at them but a look at all that is due.
const ELSEWHERE_POLL: Duration = Duration::from_secs(15);
/// Pauses before the result is written again when the database failed. Then it stays `sending`, and ends `unknown`.
const PAUSES: [Duration; 4] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9), Duration::from_secs(27)];
/// How often a message is handed over, when nothing was sent the times before.
pub const ATTEMPTS_MAX: i64 = 8;
/// The pause after the first attempt that sent nothing; the next is four times as long, ten minutes at most.
const AGAIN_AFTER: Micros = SECOND / 2;
const AGAIN_AFTER_MAX: Micros = 10 * MINUTE;
/// When a message whose gateway was stopped is looked at again.
const STOPPED_FOR: Micros = 10 * SECOND;
/// How long a finished job is kept.
const JOB_KEPT_FOR: Micros = 7 * DAY;

crate::row! {
    struct Claimed { id: JobId, subject: MessageId }
}

/// What messages leave by, and who has a say in it.
#[derive(Clone, Copy, Debug)]
pub struct Hands<'a> {
    /// The gateways that are set up.
    pub gateways: &'a [&'a dyn Gateway],
    /// Who else is asked.
    pub warden: &'a dyn Warden,
}

impl<'a> Hands<'a> {
    fn gateway(&self, name: &str) -> Option<&'a dyn Gateway> {
        self.gateways.iter().find(|gateway| gateway.name() == name).copied()
    }
}

/// Records that a message is about to be handed to the gateway, unless somebody says no. Until this is durable the gateway must
/// not be called, and only after [`Verdict::Go`].
///
/// # Errors
/// [`Error::State`] when it is not queued (any more).
pub async fn attempt(db: &Db, permit: Permit<Attempt>, message: &Message, warden: &dyn Warden) -> Result<Verdict, Error> {
    let mut tx = db.begin(&permit).await?;
    let stopped: i64 = tx.query(sql::GATEWAY_STOPPED).bind(message.gateway.as_str()).scalar().await?;
    if stopped > 0 {
        return Ok(Verdict::Stopped);
    }
    // Whoever stops the number waits for this, or was first.
    let may = match &message.confirms {
        // What confirms a stop goes out under that stop alone.
        Some(stop) => contacts::is_only_stop(&mut tx, &message.number_ix, stop).await?,
        None => !contacts::is_stopped(&mut tx, &message.number_ix).await?,
    };
    if !may {
        return Ok(Verdict::Never(if message.confirms.is_some() { "answer_overtaken" } else { "number_stopped" }));
    }
    if !thread::is_open_for(&mut tx, message).await? {
        return Ok(Verdict::Never("whatsapp_window"));
    }
    let verdict = warden.ask(&mut tx, message).await?;
    let Verdict::Go { until } = verdict else { return Ok(verdict) };
    let now = tx.now();
    // As it was read: somebody else may have taken it elsewhere meanwhile.
    changed(tx.write(sql::ATTEMPT).bind(&message.id).bind(now).bind(message.gateway.as_str()).bind(message.attempts).execute().await?)?;
    let mut detail = Detail::ok().with("gateway", message.gateway.as_str()).with("attempt", message.attempts + 1);
    if let Some(campaign) = &message.campaign_id {
        detail = detail.with("campaign", campaign.as_str());
    }
    if let Some(until) = until {
        detail = detail.with("valid_secs", (until - now) / SECOND);
    }
    tx.commit(permit, detail).await?;
    Ok(verdict)
}

/// Records how a message that stood at `from` ended, and closes its job.
///
/// # Errors
/// [`Error::State`] when it does not stand there (any more).
pub async fn settle(db: &Db, permit: Permit<Settle>, message: &Message, from: State, ending: &Ending) -> Result<(), Error> {
    settle_with(db, permit, message, from, ending, None).await
}

async fn settle_with(db: &Db, permit: Permit<Settle>, message: &Message, from: State, ending: &Ending, halt: Option<&Halt>) -> Result<(), Error> {
    if !from.may_become(ending.state) {
        return Err(Error::State);
    }
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let written = tx.write(sql::SETTLE).bind(&message.id).bind(ending.state.name());
    let written = written.bind(ending.reason.clone()).bind(ending.provider_id.clone()).bind(now).bind(from.name()).bind(message.attempts);
    changed(written.execute().await?)?;
    tx.query(sql::JOB_DONE).bind(&message.id).bind(now).execute().await?;
    let mut detail = Detail::of(ending.outcome()).with("gateway", message.gateway.as_str()).with("state", ending.state.name());
    if let Some(reason) = &ending.reason {
        detail = detail.because(reason);
    }
    if let Some(provider_id) = &ending.provider_id {
        detail = detail.with("provider_id", provider_id.as_str());
    }
    if let Some(halt) = halt {
        detail = detail.with("stop", halt.write(&mut tx).await.map_err(inbound::inner)?.as_str());
    }
    told::tell(&mut tx, message, ending.state, ending.reason.as_deref()).await?;
    tx.commit(permit, detail).await?;
    Ok(())
}

/// Records that nothing was sent, and has the message wait for another turn, at the next gateway when its route has one.
async fn again(db: &Db, permit: Permit<Settle>, message: &Message, reason: &str, hop: route::Hop) -> Result<(), Error> {
    let attempts = message.attempts;
    let mut tx = db.begin(&permit).await?;
    changed(tx.write(sql::AGAIN).bind(&message.id).bind(reason).bind(attempts).bind(hop.gateway.as_str()).execute().await?)?;
    // Who was not asked yet is asked at once.
    let due = tx.now() + if hop.lap == 0 { 0 } else { pause_after(hop.lap) };
    tx.query(sql::JOB_AGAIN).bind(&message.id).bind(due).bind(hop.gateway.as_str()).execute().await?;
    let mut detail = Detail::failed(reason).with("gateway", message.gateway.as_str()).with("state", State::Queued.name()).with("attempt", attempts);
    if hop.gateway != message.gateway {
        detail = detail.with("next", hop.gateway.as_str());
    }
    tx.commit(permit, detail).await?;
    Ok(())
}

/// A message whose gateway rests goes on to the next of its route that does not, or waits.
async fn elsewhere(db: &Db, policy: &Policy, hands: Hands<'_>, message: &Message, why: &str) -> Result<bool, Error> {
    for next in route::others(message) {
        let stopped: i64 = db.query(sql::GATEWAY_STOPPED).bind(next).scalar().await?;
        if stopped > 0 || hands.gateway(next).is_none() {
            continue;
        }
        let permit = permit::<Reroute>(policy, message)?;
        let mut tx = db.begin(&permit).await?;
        changed(tx.write(sql::REROUTE).bind(&message.id).bind(next).bind(message.gateway.as_str()).execute().await?)?;
        let now = tx.now();
        tx.query(sql::JOB_AGAIN).bind(&message.id).bind(now).bind(next).execute().await?;
        tx.commit(permit, Detail::ok().with("gateway", message.gateway.as_str()).with("next", next).because(why)).await?;
        return Ok(true);
    }
    Ok(false)
}

/// How long a message rests after so many attempts that sent nothing.
fn pause_after(attempts: i64) -> Micros {
    let doublings = u32::try_from(2 * (attempts - 1).clamp(0, 10)).unwrap_or(20);
    (AGAIN_AFTER << doublings).min(AGAIN_AFTER_MAX)
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

/// Runs the worker with the gateways that are set up until `stop`; without one there is nothing to do.
pub async fn run(db: Db, app: App, warden: &dyn Warden, stop: CancellationToken) {
    let gateways = match gateway::set_up(&db, &app.config) {
        Ok(gateways) => gateways,
        Err(fault) => return tracing::error!(fault = fault.chain(), "no gateway can be used; messages wait"),
    };
    if gateways.is_empty() {
        return;
    }
    let gateways: Vec<&dyn Gateway> = gateways.iter().map(AsRef::as_ref).collect();
    work(&db, &app.policy, Hands { gateways: &gateways, warden }, &app.work, &stop).await;
}

/// Works until `stop`, then finishes what is in hand. `wake` says that there may be work. Each gateway has lanes of its own, so
/// that a slow one holds up no other.
pub async fn work(db: &Db, policy: &Policy, hands: Hands<'_>, wake: &Notify, stop: &CancellationToken) {
    // Everything is driven together by this one future: a lane that holds the database's writer is never left unpolled
    // while another waits for it.
    let mut names: Vec<&'static str> = hands.gateways.iter().map(|gateway| gateway.name()).collect();
    names.truncate(route::GATEWAYS_MAX);
    let wakes: Vec<Notify> = names.iter().map(|_| Notify::new()).chain([Notify::new()]).collect();
    let works = names.iter().map(|name| Some(*name)).chain([None]).zip(&wakes).map(|(own, wake)| {
        let names = &names;
        async move {
            let width = own.and_then(|own| hands.gateway(own)).map_or(PARALLEL_MAX, |gateway| width(gateway.gap()));
            let (jobs, queue) = mpsc::channel(width);
            let queue = Mutex::new(queue);
            let lanes = (0..width).map(|_| lane(db, policy, hands, &queue, stop));
            tokio::join!(dispatch(db, own, names, jobs, (wake, stop)), join_all(lanes));
        }
    });
    let waking = async {
        while !stop.is_cancelled() {
            tokio::select! {
                () = wake.notified() => wakes.iter().for_each(Notify::notify_one),
                () = stop.cancelled() => {}
            }
        }
    };
    tokio::join!(waking, join_all(works));
}

/// Lanes of a gateway whose turns are so far apart: what is in its lanes and before them has its turn within half a lease.
fn width(gap: Duration) -> usize {
    let turns = u128::try_from(LEASE / 2).unwrap_or(0) / gap.as_micros().max(1);
    usize::try_from(turns / 2).unwrap_or(PARALLEL_MAX).clamp(1, PARALLEL_MAX)
}

/// Hands due jobs of one gateway to its lanes; without `own`, those of gateways that are not there.
async fn dispatch(db: &Db, own: Option<&str>, names: &[&str], jobs: mpsc::Sender<Claimed>, (wake, stop): (&Notify, &CancellationToken)) {
    while !stop.is_cancelled() {
        // What cannot be attempted now is not claimed, or it would wait for its lease to run out.
        let waits = db.in_doubt() || db.restraint() == Some(Restraint::Sends);
        let claimed = if waits { Vec::new() } else { claim(db, own, names, jobs.capacity()).await.unwrap_or_else(none_for_now) };
        if claimed.is_empty() {
            tokio::select! {
                () = wake.notified(), if own.is_some() => {}
                () = tokio::time::sleep(if own.is_some() { POLL } else { ELSEWHERE_POLL }) => {}
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
            _ = jobs.reserve_many((jobs.max_capacity() / 2).max(1)) => {}
            () = stop.cancelled() => {}
        }
    }
}

fn none_for_now(error: DbError) -> Vec<Claimed> {
    tracing::warn!(fault = Fault::with("claim messages", error).chain(), "no messages could be claimed");
    Vec::new()
}

async fn claim(db: &Db, own: Option<&str>, names: &[&str], room: usize) -> Result<Vec<Claimed>, DbError> {
    let now = db.clock().now();
    let mut due: Vec<Claimed> = match own {
        Some(own) => db.query(sql::DUE).bind(now).bind(own).all().await?,
        None => {
            let query = db.query(sql::DUE_ELSEWHERE).bind(now);
            (0..route::GATEWAYS_MAX).fold(query, |query, n| query.bind(names.get(n).copied().unwrap_or("-"))).all().await?
        }
    };
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

async fn lane(db: &Db, policy: &Policy, hands: Hands<'_>, queue: &Mutex<mpsc::Receiver<Claimed>>, stop: &CancellationToken) {
    loop {
        let next = queue.lock().await.recv().await;
        let Some(job) = next else { return };
        // Not begun: it waits for the next start, or for its lease to run out.
        if stop.is_cancelled() {
            continue;
        }
        if let Err(error) = work_on(db, policy, hands, &job.subject).await {
            tracing::warn!(message = %job.subject, fault = Fault::with("a message", error).chain(), "a message's job was left for later");
        }
    }
}

/// One message whose job this worker holds.
pub(super) async fn work_on(db: &Db, policy: &Policy, hands: Hands<'_>, id: &MessageId) -> Result<(), Error> {
    let Some(mut message) = find(db, id).await? else { return close(db, id).await };
    let state = message.state()?;
    let gateway = hands.gateway(&message.gateway);
    match (step(state, gateway.is_some()), gateway) {
        (Step::Close, _) | (Step::Attempt, None) => close(db, id).await,
        (Step::End(_), None) if state == State::Queued && elsewhere(db, policy, hands, &message, "no_gateway").await? => Ok(()),
        (Step::End(ending), _) => settle(db, permit(policy, &message)?, &message, state, &ending).await,
        (Step::Attempt, Some(gateway)) => {
            let mut outgoing = match open(db, &message).await {
                Ok(outgoing) => outgoing,
                Err(OpenError::Fault(fault)) => return Err(fault.into()),
                Err(OpenError::Erased) => return settle(db, permit(policy, &message)?, &message, state, &Ending::rejected("erased")).await,
                Err(OpenError::Altered | OpenError::NoKey) => {
                    return settle(db, permit(policy, &message)?, &message, state, &Ending::rejected("altered")).await;
                }
            };
            // What rests anyway takes no turn.
            let stopped: i64 = db.query(sql::GATEWAY_STOPPED).bind(message.gateway.as_str()).scalar().await?;
            if stopped == 0 {
                gateway.turn().await;
            }
            match attempt(db, permit(policy, &message)?, &message, hands.warden).await? {
                Verdict::Never(reason) => settle(db, permit(policy, &message)?, &message, state, &Ending::rejected(reason)).await,
                Verdict::Wait { until } => rest(db, id, until).await,
                Verdict::Stopped if elsewhere(db, policy, hands, &message, "gateway_stopped").await? => Ok(()),
                Verdict::Stopped => rest(db, id, db.clock().now() + STOPPED_FOR).await,
                Verdict::Go { until } => {
                    outgoing.valid_secs = until.map(|until| u32::try_from((until - db.clock().now()) / SECOND).unwrap_or(1).max(1));
                    message.attempts += 1;
                    let attempted = hand_over(gateway, outgoing).await;
                    record(db, policy, &message, &attempted).await
                }
            }
        }
    }
}

async fn open(db: &Db, message: &Message) -> Result<Outgoing, OpenError> {
    let (to, from) = match thread::way_of(db, message).await? {
        Some(way) => way,
        None => (message.number(db).await?, None),
    };
    Ok(Outgoing { message: message.id.clone(), to, from, text: message.text(db).await?, valid_secs: None })
}

/// Calls the gateway, once. An answer that does not come in time, or never, is no answer.
async fn hand_over(gateway: &dyn Gateway, outgoing: Outgoing) -> Attempted {
    let call = AssertUnwindSafe(gateway.send(outgoing)).catch_unwind();
    match tokio::time::timeout(GATEWAY_MAX, call).await {
        Ok(Ok(attempted)) => attempted,
        Ok(Err(_panic)) => Attempted::Unknown { reason: "gateway_fault".into() },
        Err(_elapsed) => Attempted::Unknown { reason: "timeout".into() },
    }
}

/// Writes the result, trying again for a while when the database is busy: the gateway's answer comes only once.
async fn record(db: &Db, policy: &Policy, message: &Message, attempted: &Attempted) -> Result<(), Error> {
    for pause in PAUSES {
        match record_once(db, policy, message, attempted).await {
            Err(Error::Db(error)) if !db.in_doubt() => {
                tracing::warn!(message = %message.id, fault = Fault::with("settle a message", error).chain(), "a result could not be written yet");
                tokio::time::sleep(pause).await;
            }
            // The gateway said what became of it before it answered; or the result was written, though the database said not.
            Err(Error::State) => return close_ended(db, &message.id).await,
            settled => return settled,
        }
    }
    record_once(db, policy, message, attempted).await
}

async fn record_once(db: &Db, policy: &Policy, message: &Message, attempted: &Attempted) -> Result<(), Error> {
    let (attempts, mut halt) = (message.attempts, None);
    let ending = match attempted {
        Attempted::Accepted { provider_id } => Ending::accepted(provider_id),
        Attempted::Unknown { reason } => Ending::unknown(reason),
        Attempted::Rejected { reason } => match route::untried(message).filter(|_| route::is_gateways_fault(reason)) {
            Some(hop) if attempts < ATTEMPTS_MAX => return again(db, permit(policy, message)?, message, reason, hop).await,
            _ => Ending::rejected(reason),
        },
        Attempted::Later { reason } if attempts < ATTEMPTS_MAX => return again(db, permit(policy, message)?, message, reason, route::hop(message)).await,
        Attempted::Later { reason } => Ending::rejected(reason),
        Attempted::OptedOut { reason } => {
            halt = status::stop_of(db, message).await?;
            Ending::rejected(reason)
        }
    };
    settle_with(db, permit(policy, message)?, message, State::Sending, &ending, halt.as_ref()).await
}

/// Gives a job back until `until`: nothing was attempted.
async fn rest(db: &Db, id: &MessageId, until: Micros) -> Result<(), Error> {
    let mut chore = db.chore(Chore::Job).await?;
    chore.query(sql::JOB_REST).bind(id).bind(until).execute().await?;
    Ok(chore.commit().await?)
}

/// Ends the job of a message unless that waits for its turn again.
async fn close_ended(db: &Db, id: &MessageId) -> Result<(), Error> {
    match find(db, id).await? {
        Some(message) if matches!(message.state()?, State::Queued | State::Sending) => Ok(()),
        _ => close(db, id).await,
    }
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
