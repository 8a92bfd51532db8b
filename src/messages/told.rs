//! What webhooks are told of messages: ids and codes in the transaction that changes a message, number and text when it is posted,
//! to those who are told them.
//! Must stay true: nothing personal lies in what waits to be told; what was erased meanwhile is not told.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::inbound::{self, Incoming, Wish};
use super::state::State;
use super::{Message, find, sql};
use crate::contacts;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::InboundId;
use crate::db::{Db, Tx};
use crate::policy::Act;
use crate::store::StoreError;
use crate::vault::OpenError;
use crate::webhooks::{self, Kind, deliver::Opens};

/// Has webhooks told that a message came to stand in this state.
pub(super) async fn tell<A: Act>(tx: &mut Tx<A>, message: &Message, state: State, reason: Option<&str>) -> Result<(), StoreError> {
    let Some(kind) = Kind::of_state(state.name()) else { return Ok(()) };
    let data = json!({
        "message": message.id.as_str(), "state": state.name(), "gateway": message.gateway, "campaign": message.campaign_id, "reason": reason,
    });
    webhooks::tell(tx, kind, message.id.as_str(), &data).await
}

/// Has webhooks told that a message came in.
pub(super) async fn tell_received<A: Act>(tx: &mut Tx<A>, id: &InboundId, incoming: &Incoming<'_>, wish: Option<Wish>) -> Result<(), StoreError> {
    let data = json!({ "event": id.as_str(), "gateway": incoming.gateway, "wish": wish.map(Wish::name) });
    webhooks::tell(tx, Kind::Received, id.as_str(), &data).await
}

/// Opens numbers and texts for those who are told them.
#[derive(Clone, Copy, Debug)]
pub struct Told;

fn unless_gone<T>(opened: Result<T, OpenError>) -> Result<Option<T>, Fault> {
    match opened {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(Fault::with("open what a webhook is told", error)),
    }
}

impl Opens for Told {
    fn open<'a>(&'a self, db: &'a Db, kind: &'a str, object: &'a str) -> BoxFuture<'a, Result<Map<String, Value>, Fault>> {
        Box::pin(async move {
            let mut more = Map::new();
            if kind == Kind::Received.name() {
                let Ok(id) = object.parse::<InboundId>() else { return Ok(more) };
                let row: Option<(Option<Vec<u8>>,)> = db.query(sql::INBOUND_SEALED).bind(&id).optional().await.context("find a message that came in")?;
                let Some(sealed) = row.and_then(|(sealed,)| sealed) else { return Ok(more) };
                let plain = unless_gone(db.vault().unseal(&inbound::place(&id), &sealed).await)?;
                let content: Option<Map<String, Value>> = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
                let said = content.unwrap_or_default();
                more.extend(said.into_iter().filter(|(name, _)| ["from", "to", "text"].contains(&name.as_str())));
            } else if kind == Kind::OptedOut.name() {
                let Ok(id) = object.parse() else { return Ok(more) };
                let stopped = contacts::stopped(db, &id).await.map_err(|error| Fault::with("find a stop", error))?;
                if let Some(stopped) = stopped
                    && let Some(number) = stopped.number(db).await.map_err(|error| Fault::with("open the number of a stop", error))?
                {
                    more.insert("number".into(), number.into());
                }
            } else if let Ok(id) = object.parse()
                && let Some(message) = find(db, &id).await?
                && let (Some(number), Some(text)) = (unless_gone(message.number(db).await)?, unless_gone(message.text(db).await)?)
            {
                more.insert("to".into(), number.into());
                more.insert("text".into(), text.into());
            }
            Ok(more)
        })
    }
}
