//! The inbox: conversations, whose they are, what is noted beside them, and what is written back.
//! Must stay true: whatever is done with a conversation names what was seen of it, so that a word that came meanwhile is never
//! taken as read; a reply is a message like any other and goes to nobody who asked for no more.

pub mod api;
mod canned;
mod samples;
pub mod sql;
pub mod web;
mod web_act;
mod web_canned;
mod web_media;

pub use canned::{Auto, Canned, answers, canned, change, create, named, remove, set_answer};
pub use samples::demo_samples;

use crate::config::Config;
use crate::core::clock::Micros;
use crate::core::fault::Fault;
use crate::core::id::{PersonId, ThreadNoteId};
use crate::db::{Db, DbError, Detail};
use crate::messages::gateway;
use crate::messages::outbox::{Outbox, Whom};
use crate::messages::said::{self, Said};
use crate::messages::thread::{self, Thread, WHATSAPP};
use crate::messages::{self, Sent};
use crate::policy::{On, Permit};
use crate::repeat::{self, Once, Repeat};
use crate::store::StoreError;
use crate::vault::Place;
use crate::{campaigns, contacts};

/// Characters of a note.
pub const NOTE_CHARS_MAX: usize = 2000;
/// Characters of a canned reply's name.
pub const NAME_CHARS_MAX: usize = 100;
/// Canned replies there may be.
pub const CANNED_MAX: i64 = 200;

crate::acts! {
    /// See conversations.
    See = "thread.list" on On,
    /// Say that one was read.
    MarkRead = "thread.read" on On,
    /// Say whose it is.
    Assign = "thread.assign" on On,
    /// Close it.
    Close = "thread.close" on On,
    /// Open it again.
    Reopen = "thread.open" on On,
    /// Write a note beside it.
    WriteNote = "thread.note" on On,
    /// Write back.
    Reply = "thread.reply" on On,
    /// Download a file that came with a message.
    Download = "media.download" on On,
    /// Make a canned reply.
    MakeCanned = "canned.create" on On,
    /// Change one.
    ChangeCanned = "canned.edit" on On,
    /// Remove one.
    RemoveCanned = "canned.remove" on On,
    /// Set what is answered by itself.
    SetAnswer = "answer.set" on On,
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else was first, or something came meanwhile.
    #[error("it was changed meanwhile")]
    State,
    /// The number has opted out, or is blocked.
    #[error("nothing is sent to this number")]
    Stopped,
    /// A day has passed since the last word from there.
    #[error("a free text needs a word from there within a day")]
    Window,
    /// What was sealed of it was erased.
    #[error("it was erased")]
    Erased,
    /// This person does not send messages.
    #[error("this person does not send messages")]
    NotStaff,
    /// There is no such thing (any more).
    #[error("there is no such thing")]
    NotFound,
    /// The name is taken.
    #[error("the name is taken")]
    Name,
    /// There are as many as there may be.
    #[error("there are too many")]
    TooMany,
    /// The request came before.
    #[error(transparent)]
    Repeat(#[from] repeat::Error),
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

impl From<messages::Error> for Error {
    fn from(error: messages::Error) -> Self {
        match error {
            messages::Error::State => Self::State,
            messages::Error::Stopped => Self::Stopped,
            messages::Error::Repeat(error) => Self::Repeat(error),
            messages::Error::Db(error) => Self::Db(error),
            messages::Error::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<contacts::Error> for Error {
    fn from(error: contacts::Error) -> Self {
        match error {
            contacts::Error::Db(error) => Self::Db(error),
            other => Self::Fault(Fault::with("read a contact", other)),
        }
    }
}

/// Says that a conversation was read up to what was `seen`.
///
/// # Errors
/// [`Error::State`] when it was read already, or something came meanwhile.
pub async fn read(db: &Db, permit: Permit<MarkRead>, thread: &Thread, by: &PersonId, seen: Micros) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    changed(tx.write(sql::READ).bind(&thread.id).bind(now).bind(by).bind(seen).execute().await?)?;
    tx.commit(permit, Detail::ok().with("seen", seen)).await?;
    Ok(())
}

/// Closes a conversation, and takes it as read up to what was `seen`. The next word from there opens it again.
///
/// # Errors
/// [`Error::State`] when it is closed, or something came meanwhile.
pub async fn close(db: &Db, permit: Permit<Close>, thread: &Thread, by: &PersonId, seen: Micros) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    changed(tx.write(sql::CLOSE).bind(&thread.id).bind(now).bind(by).bind(seen).execute().await?)?;
    tx.commit(permit, Detail::ok().with("seen", seen)).await?;
    Ok(())
}

/// Opens it again.
///
/// # Errors
/// [`Error::State`] when it is open.
pub async fn reopen(db: &Db, permit: Permit<Reopen>, thread: &Thread) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    changed(tx.write(sql::REOPEN).bind(&thread.id).execute().await?)?;
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

/// Says whose a conversation is from now on: somebody's who sends messages, or nobody's.
///
/// # Errors
/// [`Error::State`] when it was somebody else's than was seen; [`Error::NotStaff`].
pub async fn assign(db: &Db, permit: Permit<Assign>, thread: &Thread, to: Option<&PersonId>) -> Result<(), Error> {
    let was = thread.assigned_to.as_ref().map_or("", PersonId::as_str);
    let mut tx = db.begin(&permit).await?;
    if let Some(to) = to {
        let holds: i64 = tx.query(sql::HOLDS).bind(to).scalar().await?;
        if holds == 0 {
            return Err(Error::NotStaff);
        }
    }
    changed(tx.write(sql::ASSIGN).bind(&thread.id).bind(to.cloned()).bind(was).execute().await?)?;
    let after = to.map(PersonId::as_str);
    tx.commit(permit, Detail::ok().change("assigned_to", (!was.is_empty()).then_some(was), after)).await?;
    Ok(())
}

/// Writes a note beside a conversation, sealed under the number's key. The entry says that there is one.
///
/// # Errors
/// [`Error::Erased`].
pub async fn note(db: &Db, permit: Permit<WriteNote>, thread: &Thread, by: &PersonId, text: &str) -> Result<ThreadNoteId, Error> {
    let id = ThreadNoteId::new(db.clock(), db.rng());
    let sealed = db.vault().seal(&thread.subject(), &note_place(&id), text.as_bytes()).await.map_err(DbError::from)?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.write(sql::INSERT_NOTE).bind(&id).bind(&thread.id).bind(by).bind(sealed).bind(now).execute().await?;
    let chars = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    tx.commit(permit, Detail::ok().with("note", id.as_str()).with("chars", chars)).await?;
    Ok(id)
}

fn note_place(id: &ThreadNoteId) -> Place<'_> {
    Place { table: "thread_note", row: id.as_str(), column: "sealed" }
}

fn changed(rows: u64) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::State) }
}

/// A reply about to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Who writes.
    pub author: &'a PersonId,
    /// What.
    pub text: &'a str,
    /// The gateway; without one it is held.
    pub gateway: Option<&'a str>,
    /// When the last word from there came that the author saw, as the conversation says it.
    pub seen: Micros,
    /// What makes a second request the same as this one.
    pub repeat: Option<&'a Repeat>,
}

/// The gateway that a reply goes by: that of the conversation, or another that reaches the same telephones.
#[must_use]
pub fn gateway_for(config: &Config, thread: &Thread) -> Option<&'static str> {
    let names = gateway::names(config);
    let own = names.iter().copied().find(|name| *name == thread.gateway);
    own.or_else(|| names.into_iter().find(|name| thread.channel != WHATSAPP || *name != gateway::PHONE))
}

/// Records a reply: a message, its job and its entry in one commit. It takes the conversation as read up to what was seen.
///
/// # Errors
/// [`Error::Stopped`], [`Error::Window`], [`Error::Erased`]; [`repeat::Error::OtherBody`].
pub async fn reply(db: &Db, permit: Permit<Reply>, thread: &Thread, draft: Draft<'_>) -> Result<Once<Sent>, Error> {
    let ends = thread.ends(db).await?.ok_or(Error::Erased)?;
    let (state, reason) = if draft.gateway.is_some() { ("queued", None) } else { ("held", Some("no_gateway")) };
    let gateway = draft.gateway.unwrap_or(gateway::NONE);
    let key = ends.key();
    let whom = Whom { key: &key, masked: &thread.masked };
    let message = Outbox::seal_for(db, draft.author, whom, draft.text, gateway).await?.in_thread(thread.id.clone());
    let sent = Sent { id: message.id().clone(), state: state.into(), reason: reason.map(str::to_owned) };
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
    if !thread::is_open(&mut tx, &thread.id).await? {
        return Err(Error::Window);
    }
    match reason {
        None => message.queue(&mut tx).await?,
        Some(reason) => message.hold(&mut tx, reason).await?,
    }
    let now = tx.now();
    changed(tx.write(sql::REPLIED).bind(&thread.id).bind(now).bind(draft.author).bind(draft.seen).execute().await?)?;
    let chars = i64::try_from(draft.text.chars().count()).unwrap_or(i64::MAX);
    let detail = Detail::ok().with("thread", thread.id.as_str()).with("gateway", gateway).with("state", state).with("chars", chars);
    let detail = if let Some(reason) = reason { detail.because(reason) } else { detail };
    let detail = detail.personal("to", &ends.peer).personal("text", draft.text).keyed(draft.repeat.map(|r| r.key().to_owned()));
    tx.commit(permit, detail).await?;
    Ok(Once::now(sent))
}

crate::row! {
    struct NoteRow { id: ThreadNoteId, sealed: Vec<u8>, made_at: i64, author: String }
}

/// A note beside a conversation.
#[derive(Clone, Debug)]
pub struct Noted {
    /// Its place among what was said.
    pub place: String,
    /// When.
    pub at: Micros,
    /// What; none once it was erased.
    pub text: Option<String>,
    /// The name of who wrote it.
    pub author: String,
}

/// What was said and noted before a place, or the newest, newest first; and where the next page begins.
///
/// # Errors
/// When a database fails, or a row was altered.
pub async fn history(db: &Db, thread: &Thread, before: Option<&str>) -> Result<(Vec<Said>, Vec<Noted>, Option<String>), Error> {
    let (mut words, more_said) = said::page(db, thread, before).await?;
    let start = format!("thn_{}", before.unwrap_or("g"));
    let fetch = i64::try_from(said::PAGE_MAX + 1).unwrap_or(i64::MAX);
    let mut rows: Vec<NoteRow> = db.query(sql::NOTES).bind(&thread.id).bind(start).bind(fetch).all().await?;
    let mut places: Vec<String> = words.iter().map(|w| w.place.clone()).chain(rows.iter().map(|r| said::place_of(r.id.as_str()))).collect();
    places.sort_unstable_by(|a, b| b.cmp(a));
    let more = more_said || places.len() > said::PAGE_MAX;
    places.truncate(said::PAGE_MAX);
    let last = places.pop();
    if let Some(last) = &last {
        words.retain(|word| word.place >= *last);
        rows.retain(|row| said::place_of(row.id.as_str()) >= *last);
    }
    let mut notes = Vec::with_capacity(rows.len());
    for row in rows {
        let text = match db.vault().unseal_text(&note_place(&row.id), &row.sealed).await {
            Ok(text) => Some(text),
            Err(error) if error.is_gone() => None,
            Err(error) => return Err(DbError::from(error).into()),
        };
        notes.push(Noted { place: said::place_of(row.id.as_str()), at: row.made_at, text, author: row.author });
    }
    Ok((words, notes, last.filter(|_| more)))
}

crate::row! {
    /// Somebody who can be given a conversation.
    #[derive(Clone, Debug)]
    pub struct Colleague {
        /// Id.
        pub id: PersonId,
        /// The name they are shown by.
        pub name: String,
    }
}

/// Those who send messages, by name, at most two hundred.
///
/// # Errors
/// When the database fails.
pub async fn colleagues(db: &Db) -> Result<Vec<Colleague>, Error> {
    Ok(db.query(sql::PEOPLE).all().await?)
}

/// A canned reply for the other side of a conversation, its names filled from the contact.
///
/// # Errors
/// When a database fails. The inner error is the first name there is no value for.
pub async fn filled(db: &Db, thread: &Thread, canned: &Canned) -> Result<Result<String, String>, Error> {
    let contact = contacts::by_index(db, &thread.number_ix).await?;
    let card = match contact {
        Some(contact) => contact.card(db).await?,
        None => None,
    };
    let Ok(wording) = campaigns::wording::Wording::parse(&canned.text) else { return Ok(Ok(canned.text.clone())) };
    Ok(wording.fill(&card.unwrap_or_default()))
}
