//! What a gateway tells by itself: a message that came in, and what became of one that went out. Each event is kept once.
//! Must stay true: who asks by a message for no more is stopped in the very transaction that keeps the message, under the lock
//! that whoever sends takes too; the text of a message lies sealed under its number's key.

use serde::{Deserialize, Serialize};

use super::converse::channel_of;
use super::{Error, Receive, sql};
use crate::contacts::{self, Halt};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::InboundId;
use crate::core::number::{Kinds, Number};
use crate::db::{Db, DbError, Detail};
use crate::intake;
use crate::policy::{On, Permit};
use crate::vault::Place;

/// What the sender of a message asks for beyond what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// No more messages.
    Stop,
    /// Messages again.
    Start,
    /// To know who this is.
    Help,
}

impl Wish {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Help => "help",
        }
    }

    /// Reads a text: one of the words that count everywhere, whatever its case and what stands around it.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        const STOP: [&str; 17] = [
            "stop",
            "stopall",
            "unsubscribe",
            "unsub",
            "cancel",
            "end",
            "quit",
            "revoke",
            "optout",
            "stop2quit",
            "stopquit",
            "stoptoquit",
            "removeme",
            "losemynumber",
            "deletemynumber",
            "dontcontactme",
            "stopthesemessages",
        ];
        let word: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(40).collect();
        match word.as_str() {
            "start" | "unstop" | "yes" => Some(Self::Start),
            "help" | "info" => Some(Self::Help),
            word if STOP.contains(&word) || word == "ioptout" || word == "stopplease" || word == "pleasestop" => Some(Self::Stop),
            _ => None,
        }
    }
}

/// A message that came in.
#[derive(Clone, Debug)]
pub struct Incoming<'a> {
    /// The gateway's name.
    pub gateway: &'static str,
    /// What the gateway calls this message.
    pub provider_id: &'a str,
    /// The sender's address: E.164, or `whatsapp:` and what follows.
    pub from: &'a str,
    /// The address here.
    pub to: &'a str,
    /// What it says.
    pub text: &'a str,
    /// What the gateway says it asks for; read from the text otherwise.
    pub wish: Option<Wish>,
    /// May it lift a stop? Not what may be older than the stop.
    pub may_lift: bool,
}

impl Incoming<'_> {
    /// What makes two deliveries the same event.
    pub(super) fn key(&self) -> String {
        format!("message:{}", self.provider_id)
    }
}

#[derive(Serialize, Deserialize)]
struct Content<'a> {
    from: &'a str,
    to: &'a str,
    text: &'a str,
}

pub(super) fn place(id: &InboundId) -> Place<'_> {
    Place { table: "inbound_event", row: id.as_str(), column: "sealed" }
}

/// The number of an address, when it has one.
pub(super) fn number_of(address: &str) -> Option<Number> {
    let bare = address.strip_prefix("whatsapp:").unwrap_or(address);
    if bare.starts_with('+') { Number::parse_of(bare, None, Kinds { voip: true }).ok() } else { None }
}

/// Keeps a message, and does what it asks for. False when it was kept before.
///
/// # Errors
/// When the database fails.
pub async fn receive(db: &Db, permit: Permit<Receive>, incoming: &Incoming<'_>) -> Result<bool, Error> {
    let key = incoming.key();
    if is_known(db, incoming.gateway, &key).await? {
        return Ok(false);
    }
    let id = InboundId::new(db.clock(), db.rng());
    let number = number_of(incoming.from);
    let number_ix = contacts::index_of(db, number.as_ref().map_or(incoming.from, Number::e164));
    let subject = format!("num_{number_ix}");
    let plain = serde_json::to_vec(&Content { from: incoming.from, to: incoming.to, text: incoming.text }).context("write an inbound message")?;
    let sealed = db.vault().seal(&subject, &place(&id), &plain).await.map_err(DbError::from)?;
    let wish = incoming.wish.or_else(|| Wish::of(incoming.text));
    let halt = match (&number, wish) {
        (Some(number), Some(Wish::Stop)) => Some(Halt::prepare(db, number, "opt_out", "message").await.map_err(inner)?),
        _ => None,
    };
    // Who stops messages ends an intake that is open, too.
    let ended = match &number {
        Some(number) if wish == Some(Wish::Stop) => intake::hear::stopped(db, number, channel_of(incoming.from)).await?,
        _ => None,
    };
    let permit = permit.naming(&id).about(&subject);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let insert = tx.write(sql::INSERT_INBOUND).bind(&id).bind(incoming.gateway).bind(&key).bind("message").bind(Some(number_ix.clone()));
    let insert = insert.bind(Some(sealed)).bind(incoming.provider_id).bind(None::<String>).bind(now).execute().await.map_err(DbError::from);
    if let Err(error) = insert {
        return if error.is_unique() { Ok(false) } else { Err(error.into()) };
    }
    let chars = i64::try_from(incoming.text.chars().count()).unwrap_or(i64::MAX);
    let mut detail = Detail::ok().with("gateway", incoming.gateway).with("provider_id", incoming.provider_id).with("chars", chars);
    if let Some(wish) = wish {
        detail = detail.with("wish", wish.name());
    }
    if let Some(halt) = &halt {
        detail = detail.with("stop", halt.write(&mut tx).await.map_err(inner)?.as_str());
    }
    if let Some(ended) = &ended {
        detail = match ended.write(&mut tx).await {
            Ok((record, _)) => detail.with("intake", record.as_str()),
            // It took a step in this moment: it ends when its time is over.
            Err(intake::Error::Changed) => detail,
            Err(error) => return Err(error.into()),
        };
    }
    if wish == Some(Wish::Start)
        && incoming.may_lift
        && let Some(lifted) = contacts::lift_opt_out(&mut tx, &number_ix).await.map_err(inner)?
    {
        detail = detail.with("lifted", lifted.as_str());
    }
    super::told::tell_received(&mut tx, &id, incoming, wish).await?;
    tx.commit(permit, detail.personal("from", incoming.from).personal("to", incoming.to).personal("text", incoming.text)).await?;
    if let Some(ended) = &ended {
        ended.settle(db).await;
    }
    Ok(true)
}

/// What became of a message, as the gateway says.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// The gateway's name.
    pub gateway: &'static str,
    /// What the gateway calls the message.
    pub provider_id: &'a str,
    /// The gateway's word.
    pub status: &'a str,
    /// The gateway's code, when something went wrong.
    pub code: Option<&'a str>,
}

pub(super) async fn is_known(db: &Db, gateway: &str, key: &str) -> Result<bool, Error> {
    let known: i64 = db.query(sql::INBOUND_KNOWN).bind(gateway).bind(key).scalar().await?;
    Ok(known > 0)
}

pub(super) fn inner(error: contacts::Error) -> Error {
    match error {
        contacts::Error::Db(error) => Error::Db(error),
        other => Error::Fault(Fault::with("stop a number", other)),
    }
}

/// What all events of gateways are to the policy.
pub(super) fn events() -> On {
    On::any("inbound")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_whatever_stands_around_the_word() {
        for stop in ["STOP", " stop. ", "Stop all", "opt-out", "Unsubscribe!", "stop = quit", "REVOKE", "STOP2QUIT", "end", "please stop", "Remove me"] {
            assert_eq!(Wish::of(stop), Some(Wish::Stop), "{stop}");
        }
        for start in ["START", "unstop", "Yes"] {
            assert_eq!(Wish::of(start), Some(Wish::Start), "{start}");
        }
        for help in ["help", "INFO?"] {
            assert_eq!(Wish::of(help), Some(Wish::Help), "{help}");
        }
        for none in ["", "I will stop by at nine", "the end of the road", "cancel my appointment on Monday", "yes, at nine"] {
            assert_eq!(Wish::of(none), None, "{none}");
        }
    }

    #[test]
    fn an_address_has_a_number_or_none() {
        assert_eq!(number_of("+14155552671").map(|n| n.e164().to_owned()).as_deref(), Some("+14155552671"));
        assert_eq!(number_of("whatsapp:+14155552671").map(|n| n.e164().to_owned()).as_deref(), Some("+14155552671"));
        for none in ["whatsapp:US.13491208655302741918", "12345", "ACME", ""] {
            assert!(number_of(none).is_none(), "{none}");
        }
    }
}
