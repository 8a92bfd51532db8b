//! Conversations: everything said between one other side and one address here.
//! Must stay true: a conversation is known by both addresses as they came, so that a name on WhatsApp is never taken for a number;
//! by WhatsApp a free text leaves only within a day of the last word from there, asked in the transaction of the attempt.

use serde::{Deserialize, Serialize};

use super::converse::channel_of;
use super::inbound::{Incoming, number_of};
use super::{Error, Message, sql};
use crate::contacts;
use crate::core::clock::{DAY, MINUTE, Micros};
use crate::core::fault::Context as _;
use crate::core::id::{PersonId, ThreadId};
use crate::core::number::Number;
use crate::db::{Db, DbError, Tx};
use crate::policy::{Act, On, Resource};
use crate::store::StoreError;
use crate::vault::{OpenError, Place};

/// The channel whose rule the day is.
pub const WHATSAPP: &str = "whatsapp";
/// How long a free text may follow the last word of the other side, on WhatsApp.
pub const WINDOW: Micros = DAY;
/// A text takes some time to get there.
const MARGIN: Micros = MINUTE;

crate::row! {
    /// A conversation as stored.
    #[derive(Clone, Debug)]
    pub struct Thread {
        /// Id.
        pub id: ThreadId,
        /// `sms` or `whatsapp`.
        pub channel: String,
        /// The gateway that the last word came by.
        pub gateway: String,
        /// The blind index of the number, or of the address where there is none in it.
        pub number_ix: String,
        /// Both addresses.
        pub sealed: Vec<u8>,
        /// The other side as it may be shown.
        pub masked: String,
        /// `open` or `closed`.
        pub state: String,
        /// Whose it is.
        pub assigned_to: Option<PersonId>,
        /// The name they are shown by.
        pub assignee: Option<String>,
        /// When something was said last, here or there.
        pub newest_at: i64,
        /// When something was said there last.
        pub inbound_at: Option<i64>,
        /// When the last word from there came here; later with each one, even with two in one instant. What was seen is told by it.
        pub heard_at: i64,
        /// Since when something waits to be read.
        pub unread_at: Option<i64>,
        /// When it was read last.
        pub read_at: Option<i64>,
        /// The name of who read it.
        pub reader: Option<String>,
    }
}

/// The two addresses of a conversation, as they came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// The other side: E.164, or `whatsapp:` and what follows.
    pub peer: String,
    /// Ours.
    pub own: String,
}

impl Ends {
    /// What the other side is known by beside this conversation: its number, or the address where there is none in it.
    #[must_use]
    pub fn key(&self) -> String {
        key_of(&self.peer)
    }

    /// The other side as people read it.
    #[must_use]
    pub fn shown(&self) -> String {
        shown(&self.peer)
    }
}

impl Thread {
    /// The addresses; none once the number was erased.
    ///
    /// # Errors
    /// When a database fails, or the row was altered.
    pub async fn ends(&self, db: &Db) -> Result<Option<Ends>, Error> {
        match open(db, &self.id, &self.sealed).await {
            Ok(ends) => Ok(Some(ends)),
            Err(OpenError::Erased) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The key that seals what concerns the other side.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("num_{}", self.number_ix)
    }

    /// Until when a free text may be sent; none where there is no such rule.
    #[must_use]
    pub fn open_until(&self) -> Option<Micros> {
        (self.channel == WHATSAPP).then(|| self.inbound_at.unwrap_or(0) + WINDOW - MARGIN)
    }
}

impl Resource for Thread {
    /// Without a subject: what is done with a conversation can be written after an erasure too.
    fn on(&self) -> On {
        On::one("thread", &self.id)
    }
}

fn place(id: &ThreadId) -> Place<'_> {
    Place { table: "thread", row: id.as_str(), column: "sealed" }
}

async fn open(db: &Db, id: &ThreadId, sealed: &[u8]) -> Result<Ends, OpenError> {
    let plain = db.vault().unseal(&place(id), sealed).await?;
    Ok(serde_json::from_slice(&plain).context("read a conversation")?)
}

/// What an address is known by: its number, or itself where there is none in it.
#[must_use]
pub fn key_of(address: &str) -> String {
    number_of(address).map_or_else(|| address.to_owned(), |number| number.e164().to_owned())
}

/// An address as it may be shown to those who need not know it.
#[must_use]
pub fn masked(address: &str) -> String {
    if let Some(number) = number_of(address) {
        return number.masked();
    }
    let (channel, rest) = address.split_once(':').map_or(("", address), |(channel, rest)| (channel, rest));
    let tail: String = rest.chars().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{channel} \u{2026}{tail}").trim_start().to_owned()
}

/// An address as people read it: its number in international form, or as it came.
#[must_use]
pub fn shown(address: &str) -> String {
    number_of(address).map_or_else(|| address.to_owned(), |number| number.international())
}

/// The conversation of this id.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: &ThreadId) -> Result<Option<Thread>, Error> {
    Ok(db.query(sql::THREAD).bind(id).optional().await?)
}

/// Where a message goes, and the address here that it leaves by; none when it is part of no conversation. Another gateway than
/// that of the conversation leaves by its own address.
///
/// # Errors
/// [`OpenError::Erased`] when the number was erased.
pub async fn way_of(db: &Db, message: &Message) -> Result<Option<(String, Option<String>)>, OpenError> {
    let Some(id) = &message.thread_id else { return Ok(None) };
    let thread: Option<Thread> = db.query(sql::THREAD).bind(id).optional().await.context("find a conversation")?;
    match thread {
        Some(thread) => {
            let ends = open(db, &thread.id, &thread.sealed).await?;
            let own = (thread.gateway == message.gateway).then_some(ends.own);
            Ok(Some((ends.peer, own)))
        }
        None => Err(OpenError::Altered),
    }
}

/// May this message be sent as a free text at this moment? To be asked in the transaction of the attempt.
///
/// # Errors
/// When the database fails.
pub async fn is_open_for<A: Act>(tx: &mut Tx<A>, message: &Message) -> Result<bool, StoreError> {
    match &message.thread_id {
        None => Ok(true),
        Some(thread) => is_open(tx, thread).await,
    }
}

/// The same of a conversation.
///
/// # Errors
/// When the database fails.
pub async fn is_open<A: Act>(tx: &mut Tx<A>, thread: &ThreadId) -> Result<bool, StoreError> {
    let after = tx.now() + MARGIN - WINDOW;
    let open: i64 = tx.query(sql::WINDOW).bind(thread).bind(after).scalar().await?;
    Ok(open > 0)
}

/// A word from the other side about to be noted in its conversation; what it takes beside a transaction is at hand.
pub(super) struct Word {
    id: ThreadId,
    is_new: bool,
    channel: &'static str,
    number_ix: String,
    own_ix: String,
    sealed: Vec<u8>,
    masked: String,
}

impl Word {
    /// Finds the conversation, or seals a new one.
    pub(super) async fn prepare(db: &Db, incoming: &Incoming<'_>, number_ix: &str, number: Option<&Number>) -> Result<Self, Error> {
        let own_ix = db.vault().blind("thread.own", incoming.to);
        let there: Option<(ThreadId,)> = db.query(sql::THREAD_BETWEEN).bind(number_ix).bind(&own_ix).optional().await?;
        let id = there.as_ref().map_or_else(|| ThreadId::new(db.clock(), db.rng()), |(id,)| id.clone());
        let mut sealed = Vec::new();
        if there.is_none() {
            let ends = Ends { peer: incoming.from.to_owned(), own: incoming.to.to_owned() };
            let plain = serde_json::to_vec(&ends).context("write a conversation")?;
            sealed = db.vault().seal(&format!("num_{number_ix}"), &place(&id), &plain).await.map_err(DbError::from)?;
        }
        let masked = number.map_or_else(|| masked(incoming.from), Number::masked);
        Ok(Self { id, is_new: there.is_none(), channel: channel_of(incoming.from), number_ix: number_ix.to_owned(), own_ix, sealed, masked })
    }

    /// Which conversation it is, once the number is locked: another word may have begun it meanwhile.
    pub(super) async fn settle<A: Act>(&mut self, tx: &mut Tx<A>) -> Result<ThreadId, StoreError> {
        if self.is_new {
            let there: Option<(ThreadId,)> = tx.query(sql::THREAD_BETWEEN).bind(&self.number_ix).bind(&self.own_ix).optional().await?;
            if let Some((there,)) = there {
                (self.id, self.is_new) = (there, false);
            }
        }
        Ok(self.id.clone())
    }

    /// Writes it, in the transaction of an act that names the conversation. `at` is when it was said.
    pub(super) async fn write<A: Act>(self, tx: &mut Tx<A>, gateway: &str, at: Micros) -> Result<(), StoreError> {
        let now = tx.now();
        let at = at.min(now);
        if self.is_new {
            let insert = tx.write(sql::INSERT_THREAD).bind(&self.id).bind(self.channel).bind(gateway).bind(self.number_ix).bind(self.own_ix);
            insert.bind(self.sealed).bind(self.masked).bind(now).bind(at).execute().await?;
        } else {
            tx.write(sql::HEARD).bind(&self.id).bind(now).bind(at).bind(gateway).execute().await?;
        }
        Ok(())
    }
}

/// Conversations of one page.
pub const PAGE_MAX: usize = 30;

/// Which conversations are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// Open ones.
    Open,
    /// Where something waits to be read.
    Unread,
    /// Open ones of this person.
    Of(PersonId),
    /// Open ones of nobody.
    OfNobody,
    /// Closed ones.
    Closed,
    /// With this number, or address where there is none in it.
    With(String),
}

/// A place in a list of conversations: before this time, and at it before this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before(pub Micros, pub String);

/// Conversations, that in which something was said last first, and whether there are more.
///
/// # Errors
/// When the database fails.
pub async fn page(db: &Db, view: &View, before: Option<&Before>) -> Result<(Vec<Thread>, bool), Error> {
    let fetch = i64::try_from(PAGE_MAX + 1).unwrap_or(i64::MAX);
    let (at, id) = before.map_or((Micros::MAX, "thr_g"), |Before(at, id)| (*at, id.as_str()));
    let mut found: Vec<Thread> = match view {
        View::Open => db.query(sql::THREADS_IN).bind("open").bind(at).bind(id).bind(fetch).all().await?,
        View::Closed => db.query(sql::THREADS_IN).bind("closed").bind(at).bind(id).bind(fetch).all().await?,
        View::Unread => db.query(sql::THREADS_UNREAD).bind(at).bind(id).bind(fetch).all().await?,
        View::Of(person) => db.query(sql::THREADS_OF).bind(person).bind(at).bind(id).bind(fetch).all().await?,
        View::OfNobody => db.query(sql::THREADS_OF_NOBODY).bind(at).bind(id).bind(fetch).all().await?,
        View::With(key) => db.query(sql::THREADS_WITH).bind(contacts::index_of(db, key)).all().await?,
    };
    let more = found.len() > PAGE_MAX && !matches!(view, View::With(_));
    found.truncate(PAGE_MAX);
    Ok((found, more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_on_whatsapp_is_never_taken_for_a_number() {
        let bsuid = "whatsapp:US.13491208655302741918";
        assert_eq!(key_of(bsuid), bsuid);
        assert_eq!(masked(bsuid), "whatsapp \u{2026}18");
        assert_eq!(key_of("whatsapp:+14155552671"), "+14155552671");
        assert_eq!(key_of("+14155552671"), "+14155552671");
        assert_eq!((key_of("12345").as_str(), masked("12345").as_str()), ("12345", "\u{2026}45"));
        let ends = Ends { peer: bsuid.into(), own: "whatsapp:+15005550006".into() };
        assert_eq!((ends.key().as_str(), ends.shown().as_str()), (bsuid, bsuid));
    }
}
