//! Finds out what became of messages that nobody gave a clear answer to, by asking their gateway what it has.
//! Must stay true: nothing is sent here; a message is taken as sent only when exactly one at the gateway can be its own, and as
//! not sent only when two lists, both after the grace, have none; everything else stays unknown for a person.

use std::collections::HashMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::gateway::{self, Found, Gateway, Looked, Sought};
use super::state::{Ending, State, rank, state_of};
use super::{Error, Message, Reconcile, find, sql, thread, told, twilio};
use crate::core::clock::{DAY, MINUTE, Micros, SECOND};
use crate::core::fault::Fault;
use crate::core::id::MessageId;
use crate::db::{Db, Detail};
use crate::http::App;
use crate::policy::{Actor, Policy};

/// The pause between two rounds.
const PERIOD: Duration = Duration::from_secs(60);
/// So long after the attempt an absence means nothing yet.
const GRACE: Micros = 15 * MINUTE;
/// Between two lists that both count.
const BETWEEN: Micros = MINUTE;
/// Older ones are left to a person.
const BACK: Micros = 3 * DAY;
/// Messages looked at in one round.
const ROUND_MAX: usize = 200;

/// Since when a list had no such message. A new process begins anew, which only takes longer.
#[derive(Debug, Default)]
pub struct Absent(HashMap<MessageId, Micros>);

/// Asks until told to stop, on the node that does what one node alone does.
pub async fn run(app: App, stop: CancellationToken) {
    let gateways = match gateway::set_up(&app.db, &app.config) {
        Ok(gateways) => gateways,
        Err(fault) => return tracing::error!(fault = fault.chain(), "no gateway can be asked what became of messages"),
    };
    let gateways: Vec<&dyn Gateway> = gateways.iter().map(AsRef::as_ref).collect();
    let mut absent = Absent::default();
    while !stop.is_cancelled() {
        if app.db.leads()
            && !app.db.in_doubt()
            && let Err(error) = round(&app.db, &app.policy, &gateways, &mut absent).await
        {
            tracing::warn!(fault = Fault::with("look for messages", error).chain(), "what became of some messages is found out later");
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Asks once for each message that is unknown. Gives how many were settled.
///
/// # Errors
/// When the database fails.
pub async fn round(db: &Db, policy: &Policy, gateways: &[&dyn Gateway], absent: &mut Absent) -> Result<u64, Error> {
    let now = db.clock().now();
    // Ids begin with their time.
    let mut last = format!("msg_{:012x}", u64::try_from((now - BACK).max(0) / 1000).unwrap_or(0));
    let (mut settled, mut looked) = (0, 0);
    let mut seen = Vec::new();
    while looked < ROUND_MAX {
        let ids: Vec<(MessageId,)> = db.query(sql::UNKNOWN).bind(last.as_str()).all().await?;
        let Some((newest,)) = ids.last() else { break };
        newest.as_str().clone_into(&mut last);
        looked += ids.len();
        for (id,) in ids {
            let Some(message) = find(db, &id).await? else { continue };
            let Some(gateway) = gateways.iter().find(|gateway| gateway.name() == message.gateway) else { continue };
            settled += u64::from(one(db, policy, *gateway, &message, absent).await?);
            seen.push(id);
        }
    }
    absent.0.retain(|id, _| seen.contains(id));
    Ok(settled)
}

/// One message that is unknown; true when it is not any more.
async fn one(db: &Db, policy: &Policy, gateway: &dyn Gateway, message: &Message, absent: &mut Absent) -> Result<bool, Error> {
    let (Some(since), now) = (message.attempted_at, db.clock().now()) else { return Ok(false) };
    let (way, to, text) = match (thread::way_of(db, message).await, message.number(db).await, message.text(db).await) {
        (Ok(way), Ok(to), Ok(text)) => (way, to, text),
        // Erased: nobody can tell it apart any more.
        _ => return Ok(false),
    };
    let (to, from) = way.unwrap_or((to, None));
    let sought = Sought { message: message.id.clone(), to, from, text, since, until: twilio::latest_after(since) };
    let Looked::Listed(all) = gateway.look_for(&sought).await else { return Ok(false) };
    let mut free: Vec<Found> = Vec::new();
    for found in all {
        let claimed: i64 = db.query(sql::CLAIMED).bind(&message.gateway).bind(found.provider_id.as_str()).bind(&message.id).scalar().await?;
        if claimed == 0 {
            free.push(found);
        }
    }
    let rivals: i64 = db.query(sql::RIVALS).bind(&message.number_ix).bind(&message.id).bind(since - 5 * SECOND).scalar().await?;
    match free.as_slice() {
        [] => {
            if now - since < GRACE {
                return Ok(false);
            }
            match absent.0.get(&message.id) {
                None => {
                    absent.0.insert(message.id.clone(), now);
                    Ok(false)
                }
                Some(first) if now - first < BETWEEN => Ok(false),
                Some(_) => settle(db, policy, message, &Ending::rejected("not_found"), None).await,
            }
        }
        // A gateway that knows it by our own id can mean no other.
        [found] if rivals == 0 || gateway.knows_ours() => {
            let ending = Ending { state: state_of(&found.status), reason: None, provider_id: Some(found.provider_id.clone()) };
            settle(db, policy, message, &ending, Some(&found.status)).await
        }
        // More than one could be it, or it could be more than one's.
        _ => Ok(false),
    }
}

/// Records what was found out; false when somebody else did meanwhile.
async fn settle(db: &Db, policy: &Policy, message: &Message, ending: &Ending, status: Option<&str>) -> Result<bool, Error> {
    let permit = policy.permit::<Reconcile>(&Actor::system(), message).map_err(|denied| Fault::with("the policy stops what is found out", denied))?;
    let rank = status.and_then(rank).unwrap_or(message.provider_rank);
    let reason = if ending.state == State::Failed { status.map(str::to_owned) } else { ending.reason.clone() };
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let write = tx.write(sql::REPORTED).bind(&message.id).bind(ending.state.name()).bind(reason.clone()).bind(ending.provider_id.clone());
    let write = write.bind(status.map(str::to_owned)).bind(rank).bind(now).bind(State::Unknown.name()).bind(message.provider_rank);
    if write.execute().await? != 1 {
        return Ok(false);
    }
    let mut detail = Detail::of(ending.outcome()).with("gateway", message.gateway.as_str()).with("state", ending.state.name());
    if let Some(reason) = &reason {
        detail = detail.because(reason);
    }
    if let Some(provider_id) = &ending.provider_id {
        detail = detail.with("provider_id", provider_id.as_str());
    }
    told::tell(&mut tx, message, ending.state, reason.as_deref()).await?;
    tx.commit(permit, detail).await?;
    Ok(true)
}
