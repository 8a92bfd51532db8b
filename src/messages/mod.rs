//! Messages: the intent first, one attempt, the result after.
//! Must stay true: a message and its entry are one commit before anything leaves the house; the attempt is recorded before
//! the gateway is called; whatever breaks off in between ends as `unknown` and is never sent a second time.

pub mod answer;
pub mod api;
mod converse;
pub mod credential;
pub mod fetch;
pub mod gateway;
mod hooks;
mod hooks_httpsms;
mod hooks_smsgate;
pub mod httpsms;
pub mod inbound;
pub mod media;
pub mod outbox;
pub mod phone;
pub mod reconcile;
pub mod route;
pub mod said;
mod samples;
pub mod signature;
pub mod smsgate;
pub mod sql;
pub mod state;
pub mod status;
pub mod thread;
pub mod told;
pub mod twilio;
pub mod warden;
pub mod web;
mod web_gateway;
pub mod wish;
pub mod worker;

use serde::{Deserialize, Serialize};

use crate::contacts;
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{MessageId, PersonId, StopId, ThreadId};
use crate::core::number::Number;
use crate::db::{Db, DbError, Detail, keep};
use crate::policy::{On, Permit, Resource};
use crate::repeat::{self, Once, Repeat};
use crate::store::StoreError;
use crate::vault::{OpenError, Place};
pub use hooks::TWILIO;
use outbox::Outbox;
pub use samples::demo_samples;
use state::State;
pub use status::CALLBACK;

/// Characters of a text.
pub const TEXT_CHARS_MAX: usize = 1600;
/// Messages of one page.
pub const PAGE_MAX: usize = 50;
/// Messages of one answer of the API.
pub const LIMIT_MAX: i64 = 200;
/// Sorts before every message's id, and after every one, in every collation.
const FIRST: &str = "msg_";
const LAST: &str = "msg_g";

crate::acts! {
    /// Send a message.
    Send = "message.send" on On,
    /// See messages.
    List = "message.list" on On,
    /// Hand a message to the gateway.
    Attempt = "message.attempt" on Message,
    /// Record what the gateway answered.
    Settle = "message.result" on Message,
    /// Have a message wait for the next gateway of its route.
    Reroute = "message.route" on Message,
    /// Say which gateway messages leave by.
    SetRules = "gateway.route" on On,
    /// Stop a gateway, or have it go on.
    Switch = "gateway.switch" on On,
    /// Seal what a gateway is shown.
    SetSecret = "gateway.secret" on On,
    /// See gateways.
    SeeGateways = "gateway.list" on On,
    /// Send a message to find out whether a gateway works.
    Try = "gateway.try" on On,
    /// Find out what became of a message that nobody gave a clear answer to.
    Reconcile = "message.reconcile" on Message,
    /// Keep a message that came in.
    Receive = "message.receive" on On,
    /// Keep, or give up, a file that came with a message.
    FetchMedia = "media.fetch" on On,
    /// Keep what a gateway says became of a message.
    Report = "message.report" on On,
}

crate::row! {
    /// A message as stored.
    #[derive(Clone, Debug)]
    pub struct Message {
        /// Id.
        pub id: MessageId,
        /// Who wrote it.
        pub author_id: PersonId,
        /// The name they are shown by.
        pub author: String,
        /// The gateway it goes to.
        pub gateway: String,
        /// The number.
        pub number_sealed: Vec<u8>,
        /// The text.
        pub text_sealed: Vec<u8>,
        /// The blind index of the number.
        pub number_ix: String,
        /// The number as it may be shown.
        pub masked: String,
        /// See [`State`].
        pub state: String,
        /// Why it stands there.
        pub reason: Option<String>,
        /// When recorded.
        pub made_at: i64,
        /// When handed over.
        pub attempted_at: Option<i64>,
        /// When ended.
        pub ended_at: Option<i64>,
        /// The gateway's own id of it.
        pub provider_id: Option<String>,
        /// How often it was handed over.
        pub attempts: i64,
        /// The gateway's last word of it.
        pub provider_status: Option<String>,
        /// How far that word lies on its way; -1 before the first.
        pub provider_rank: i64,
        /// The campaign it belongs to.
        pub campaign_id: Option<String>,
        /// The recipient of that campaign.
        pub recipient_id: Option<String>,
        /// The gateways it may leave by, in order, apart by blanks; none when there is only one.
        pub route: Option<String>,
        /// The conversation it is part of.
        pub thread_id: Option<ThreadId>,
        /// What it answers by itself: `stop`, `start` or `help`.
        pub answers: Option<String>,
        /// The stop that it confirms.
        pub confirms: Option<StopId>,
    }
}

crate::row! {
    /// A message in a list.
    #[derive(Clone, Debug)]
    pub struct Listed {
        /// Id.
        pub id: MessageId,
        /// Who wrote it.
        pub author_id: PersonId,
        /// The name they are shown by.
        pub author: String,
        /// The gateway it goes to.
        pub gateway: String,
        /// The number as it may be shown.
        pub masked: String,
        /// See [`State`].
        pub state: String,
        /// Why it stands there.
        pub reason: Option<String>,
        /// When recorded.
        pub made_at: i64,
    }
}

crate::row! {
    /// One recorded act on a message.
    #[derive(Clone, Debug)]
    pub struct Happened {
        /// The act.
        pub action: String,
        /// When.
        pub at: i64,
        /// Its place in the log in force, once it has one there.
        pub seq: Option<i64>,
        /// The entry's body.
        pub body: Vec<u8>,
    }
}

impl Happened {
    /// The reason that the entry gives, as a stable code.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        body.get("reason")?.as_str().map(str::to_owned)
    }

    /// The gateway that the entry names.
    #[must_use]
    pub fn gateway(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        body.get("data")?.get("gateway")?.as_str().map(str::to_owned)
    }
}

impl Message {
    /// Where it stands.
    ///
    /// # Errors
    /// When the stored name is none of ours.
    pub fn state(&self) -> Result<State, Fault> {
        self.state.parse::<State>().context("read a message's state")
    }

    /// The text.
    ///
    /// # Errors
    /// [`OpenError::Erased`] when the number was erased.
    pub async fn text(&self, db: &Db) -> Result<String, OpenError> {
        db.vault().unseal_text(&place(&self.id, "text"), &self.text_sealed).await
    }

    /// The number in E.164.
    ///
    /// # Errors
    /// [`OpenError::Erased`] when the number was erased.
    pub async fn number(&self, db: &Db) -> Result<String, OpenError> {
        db.vault().unseal_text(&place(&self.id, "number"), &self.number_sealed).await
    }
}

impl Resource for Message {
    /// Without a subject: the entries of attempt and result hold no personal value, and can be written after an erasure too.
    fn on(&self) -> On {
        On { owner: Some(self.author_id.clone()), ..On::one("message", &self.id) }
    }
}

/// A message about to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Who wrote it.
    pub author: &'a PersonId,
    /// To whom.
    pub number: &'a Number,
    /// What it says.
    pub text: &'a str,
    /// The gateway it leaves by, or several apart by blanks, of which the next is tried when one certainly sent nothing; without
    /// one the message is held.
    pub gateway: Option<&'a str>,
    /// What makes a second request the same as this one.
    pub repeat: Option<&'a Repeat>,
}

/// What a sender is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The message.
    pub id: MessageId,
    /// `queued` or `held`.
    pub state: String,
    /// Why it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Sent {
    /// It waits for its turn.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        self.state == State::Queued.name()
    }
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request came before.
    #[error(transparent)]
    Repeat(#[from] repeat::Error),
    /// The state does not allow it (any more).
    #[error("the state does not allow it")]
    State,
    /// The number has opted out, or is blocked.
    #[error("nothing is sent to this number")]
    Stopped,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Something inside.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Db(error.into())
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Self::Db(error.into())
    }
}

/// Whose key seals what concerns a number.
fn subject_of(db: &Db, e164: &str) -> String {
    keep::number_subject(db.vault(), e164)
}

fn place<'a>(id: &'a MessageId, column: &'a str) -> Place<'a> {
    Place { table: "message", row: id.as_str(), column }
}

/// Records a message, its job and its entry in one commit. A repeated request gets the first one's answer.
///
/// # Errors
/// [`repeat::Error::OtherBody`]; [`DbError::Erased`] when the number was erased; [`Error::Stopped`].
pub async fn send(db: &Db, permit: Permit<Send>, draft: Draft<'_>) -> Result<Once<Sent>, Error> {
    let (state, reason) = if draft.gateway.is_some() { (State::Queued, None) } else { (State::Held, Some("no_gateway")) };
    let gateway = draft.gateway.unwrap_or(gateway::NONE);
    let message = Outbox::seal(db, draft.author, draft.number, draft.text, gateway, None).await?;
    let gateway = route::first(gateway);
    let sent = Sent { id: message.id().clone(), state: state.name().into(), reason: reason.map(str::to_owned) };
    let permit = permit.naming(message.id()).about(message.subject());
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = draft.repeat
        && !repeat.keep(&mut tx, &sent).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    if contacts::is_stopped(&mut tx, message.number_ix()).await? {
        return Err(Error::Stopped);
    }
    match reason {
        None => message.queue(&mut tx).await?,
        Some(reason) => message.hold(&mut tx, reason).await?,
    }
    let chars = i64::try_from(draft.text.chars().count()).unwrap_or(i64::MAX);
    let mut detail = Detail::ok().with("gateway", gateway).with("state", state.name()).with("chars", chars);
    if let Some(reason) = reason {
        detail = detail.because(reason);
    }
    let detail = detail.personal("to", draft.number.e164()).personal("text", draft.text).keyed(draft.repeat.map(|r| r.key().to_owned()));
    tx.commit(permit, detail).await?;
    Ok(Once::now(sent))
}

/// One message.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: &MessageId) -> Result<Option<Message>, Fault> {
    db.query(sql::BY_ID).bind(id).optional().await.context("find a message")
}

/// What was recorded of a message, newest first.
///
/// # Errors
/// When the database fails.
pub async fn history(db: &Db, id: &MessageId) -> Result<Vec<Happened>, Fault> {
    db.query(sql::HISTORY).bind(id).bind(db.log().0).all().await.context("read a message's history")
}

/// One page of messages, newest first, and whether more lie on either side.
#[derive(Debug)]
pub struct Page {
    /// At most [`PAGE_MAX`].
    pub messages: Vec<Listed>,
    /// More on the older side.
    pub older: bool,
    /// More on the newer side.
    pub newer: bool,
}

/// Messages older than `after`, or newer than `before`, or the newest.
///
/// # Errors
/// When the database fails.
pub async fn page(db: &Db, after: Option<&MessageId>, before: Option<&MessageId>) -> Result<Page, Fault> {
    let fetch = i64::try_from(PAGE_MAX + 1).unwrap_or(i64::MAX);
    if let Some(before) = before {
        let mut messages: Vec<Listed> = db.query(sql::PAGE_NEWER).bind(before).bind(fetch).all().await.context("list messages")?;
        let newer = messages.len() > PAGE_MAX;
        messages.truncate(PAGE_MAX);
        messages.reverse();
        return Ok(Page { messages, older: true, newer });
    }
    let start = after.map_or(LAST, MessageId::as_str);
    let mut messages: Vec<Listed> = db.query(sql::PAGE_OLDER).bind(start).bind(fetch).all().await.context("list messages")?;
    let older = messages.len() > PAGE_MAX;
    messages.truncate(PAGE_MAX);
    Ok(Page { messages, older, newer: after.is_some() })
}

/// At most `limit` messages after a place, oldest first, and whether more follow.
///
/// # Errors
/// When the database fails.
pub async fn after(db: &Db, after: Option<&MessageId>, limit: i64) -> Result<(Vec<Listed>, bool), Fault> {
    let limit = limit.clamp(1, LIMIT_MAX);
    let start = after.map_or(FIRST, MessageId::as_str);
    let mut messages: Vec<Listed> = db.query(sql::PAGE_NEWER).bind(start).bind(limit + 1).all().await.context("list messages")?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = messages.len() > limit;
    messages.truncate(limit);
    Ok((messages, more))
}

/// Forgets what is too old at `now`: finished jobs, deliveries of the sandbox.
///
/// # Errors
/// When the database fails.
pub async fn sweep(db: &Db, now: Micros) -> Result<(), DbError> {
    gateway::sweep(db, now).await?;
    media::sweep(db, now).await?;
    worker::sweep(db, now).await
}

#[cfg(test)]
mod tests;
