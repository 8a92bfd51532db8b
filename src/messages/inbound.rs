//! What a gateway tells by itself: a message that came in, and what became of one that went out. Each event is kept once.
//! Must stay true: who asks by a message for no more is stopped in the very transaction that keeps the message, under the lock
//! that whoever sends takes too; the text of a message lies sealed under its number's key.

use serde::{Deserialize, Serialize};

use super::answer::{self, Answer};
use super::converse::channel_of;
use super::media::{Linked, Waiting};
use super::outbox::Whom;
use super::thread::{self, Word};
pub use super::wish::Wish;
use super::{Error, Receive, sql};
use crate::contacts::{self, Halt};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{InboundId, ThreadId};
use crate::core::number::{Kinds, Number};
use crate::db::{Db, DbError, Detail, Tx};
use crate::intake;
use crate::policy::{On, Permit};
use crate::vault::{OpenError, Place};

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

#[derive(Serialize)]
struct Content<'a> {
    from: &'a str,
    to: &'a str,
    text: &'a str,
}

pub(super) fn place(id: &InboundId) -> Place<'_> {
    Place { table: "inbound_event", row: id.as_str(), column: "sealed" }
}

/// The text of a message that came in.
pub(super) async fn text_of(db: &Db, id: &InboundId, sealed: &[u8]) -> Result<String, OpenError> {
    let plain = db.vault().unseal(&place(id), sealed).await?;
    let content: Owned = serde_json::from_slice(&plain).context("read an inbound message")?;
    Ok(content.text)
}

#[derive(Deserialize)]
struct Owned {
    text: String,
}

/// The number of an address, when it has one.
pub(super) fn number_of(address: &str) -> Option<Number> {
    let bare = address.strip_prefix("whatsapp:").unwrap_or(address);
    if bare.starts_with('+') { Number::parse_of(bare, None, Kinds { voip: true }).ok() } else { None }
}

/// What is known of a message that came in beside what it says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// When it was said, when that is not now.
    pub said_at: Option<Micros>,
    /// The gateway that an answer goes out by; without one that which it came by.
    pub answers_by: Option<&'a str>,
    /// The files that it says it has.
    pub linked: &'a [Linked],
}

/// Keeps a message, and does what it asks for. False when it was kept before.
///
/// # Errors
/// When the database fails.
pub async fn receive(db: &Db, permit: Permit<Receive>, incoming: &Incoming<'_>) -> Result<bool, Error> {
    receive_with(db, permit, incoming, &Beside::default()).await
}

/// The same with what is known beside it.
///
/// # Errors
/// As [`receive`].
pub async fn receive_with(db: &Db, permit: Permit<Receive>, incoming: &Incoming<'_>, beside: &Beside<'_>) -> Result<bool, Error> {
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
    let waiting = Waiting::prepare(db, &subject, beside.linked).await?;
    let mut done = Done::prepare(db, incoming, beside, number.as_ref(), &number_ix).await?;
    let permit = permit.naming(&id).about(&subject);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    // Whoever sends to this number waits here, or was first.
    let was_stopped = contacts::is_stopped(&mut tx, &number_ix).await?;
    let thread = done.word.settle(&mut tx).await?;
    let insert = tx.write(sql::INSERT_INBOUND).bind(&id).bind(incoming.gateway).bind(&key).bind("message").bind(Some(number_ix.clone()));
    let insert = insert.bind(Some(sealed)).bind(incoming.provider_id).bind(None::<String>).bind(now).bind(Some(thread.clone()));
    if let Err(error) = insert.execute().await.map_err(DbError::from) {
        return if error.is_unique() { Ok(false) } else { Err(error.into()) };
    }
    let chars = i64::try_from(incoming.text.chars().count()).unwrap_or(i64::MAX);
    let wish = done.wish;
    let detail = Detail::ok().with("gateway", incoming.gateway).with("provider_id", incoming.provider_id).with("chars", chars);
    let (detail, ended) = done.write(&mut tx, incoming, beside, (&number_ix, &thread, was_stopped), detail.with("thread", thread.as_str())).await?;
    let detail = waiting.write(&mut tx, &id, &thread, &number_ix, detail).await?;
    super::told::tell_received(&mut tx, &id, incoming, wish).await?;
    tx.commit(permit, detail.personal("from", incoming.from).personal("to", incoming.to).personal("text", incoming.text)).await?;
    if let Some(ended) = &ended {
        ended.settle(db).await;
    }
    Ok(true)
}

/// What a message brings about beside being kept.
struct Done {
    word: Word,
    wish: Option<Wish>,
    halt: Option<Halt>,
    ended: Option<intake::hear::Prepared>,
    answer: Option<Answer>,
}

impl Done {
    async fn prepare(db: &Db, incoming: &Incoming<'_>, beside: &Beside<'_>, number: Option<&Number>, number_ix: &str) -> Result<Self, Error> {
        let wish = incoming.wish.or_else(|| Wish::guessed(incoming.text));
        let (key, masked) = (thread::key_of(incoming.from), thread::masked(incoming.from));
        let halt = match wish {
            Some(Wish::Stop) => Some(Halt::of_address(db, &key, masked.clone(), "opt_out", "message").await.map_err(inner)?),
            _ => None,
        };
        // Who stops messages ends an intake that is open, too.
        let ended = match number {
            Some(number) if wish == Some(Wish::Stop) => intake::hear::stopped(db, number, channel_of(incoming.from)).await?,
            _ => None,
        };
        // Where the gateway says what was asked for, it has answered.
        let answer = match wish {
            Some(wish) if incoming.wish.is_none() => {
                let gateway = beside.answers_by.unwrap_or(incoming.gateway);
                Answer::prepare(db, wish, Whom { key: &key, masked: &masked }, gateway).await?
            }
            _ => None,
        };
        let word = Word::prepare(db, incoming, number_ix, number).await?;
        Ok(Self { word, wish, halt, ended, answer })
    }

    async fn write(
        self,
        tx: &mut Tx<Receive>,
        incoming: &Incoming<'_>,
        beside: &Beside<'_>,
        (number_ix, thread, was_stopped): (&str, &ThreadId, bool),
        mut detail: Detail,
    ) -> Result<(Detail, Option<intake::hear::Prepared>), Error> {
        let now = tx.now();
        self.word.write(tx, incoming.gateway, beside.said_at.unwrap_or(now)).await?;
        if let Some(wish) = self.wish {
            detail = detail.with("wish", wish.name());
            if incoming.wish.or_else(|| Wish::of(incoming.text)).is_none() {
                detail = detail.with("wording", "guessed");
            }
        }
        let mut confirms = None;
        if let Some(halt) = &self.halt {
            let stop = halt.write(tx).await.map_err(inner)?;
            detail = detail.with("stop", stop.as_str());
            confirms = Some(stop);
        }
        if let Some(ended) = &self.ended {
            detail = match ended.write(tx).await {
                Ok((record, _)) => detail.with("intake", record.as_str()),
                // It took a step in this moment: it ends when its time is over.
                Err(intake::Error::Changed) => detail,
                Err(error) => return Err(error.into()),
            };
        }
        let mut lifted = None;
        if self.wish == Some(Wish::Start) && incoming.may_lift {
            lifted = contacts::lift_opt_out(tx, number_ix).await.map_err(inner)?;
            if let Some(lifted) = &lifted {
                detail = detail.with("lifted", lifted.as_str());
            }
        }
        // A stop is confirmed when it begins, a start when it ends one, and who this is said to whoever may be written to.
        let may = match self.wish {
            Some(Wish::Stop) | Some(Wish::Help) => !was_stopped,
            Some(Wish::Start) => lifted.is_some(),
            None => false,
        };
        if may && incoming.wish.is_none() {
            let answered = match self.answer {
                Some(answer) => answer.write(tx, thread, confirms.as_ref()).await?,
                None => Err(answer::NOT_SET),
            };
            detail = match answered {
                Ok(message) => detail.with("message", message.as_str()).with("answer", "queued"),
                Err(why) => detail.with("answer", why),
            };
        }
        Ok((detail, self.ended))
    }
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
    fn an_address_has_a_number_or_none() {
        assert_eq!(number_of("+14155552671").map(|n| n.e164().to_owned()).as_deref(), Some("+14155552671"));
        assert_eq!(number_of("whatsapp:+14155552671").map(|n| n.e164().to_owned()).as_deref(), Some("+14155552671"));
        for none in ["whatsapp:US.13491208655302741918", "12345", "ACME", ""] {
            assert!(number_of(none).is_none(), "{none}");
        }
    }
}
