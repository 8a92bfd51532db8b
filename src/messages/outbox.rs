//! A message as it is recorded, whoever records it: sealed before the transaction, written in it, its job beside it.
//! Must stay true: every message of the program is made here, so that there is one way for all of them.

use super::state::State;
use super::{place, sql};
use crate::core::id::{CampaignId, JobId, MessageId, PersonId, RecipientId, StopId, ThreadId};
use crate::core::number::Number;
use crate::db::{Db, DbError, Tx, keep};
use crate::policy::Act;
use crate::store::StoreError;

/// What a message belongs to.
#[derive(Clone, Debug)]
pub struct Belongs {
    /// The campaign.
    pub campaign: CampaignId,
    /// Its recipient.
    pub recipient: RecipientId,
}

/// A message about to be recorded; what it takes beside a transaction is at hand.
pub struct Outbox {
    id: MessageId,
    job: JobId,
    author: PersonId,
    gateway: String,
    route: Option<String>,
    number_ix: String,
    subject: String,
    masked: String,
    number_sealed: Vec<u8>,
    text_sealed: Vec<u8>,
    of: Option<Belongs>,
    thread: Option<ThreadId>,
    answers: Option<&'static str>,
    confirms: Option<StopId>,
}

/// Whom a message is for, when that need not have a number.
#[derive(Clone, Copy, Debug)]
pub struct Whom<'a> {
    /// E.164; the address where there is no number in it.
    pub key: &'a str,
    /// As it may be shown.
    pub masked: &'a str,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outbox({}, ..)", self.id)
    }
}

impl Outbox {
    /// Seals a message under the key of its number. `gateway` may name several, apart by blanks, in the order they are tried.
    ///
    /// # Errors
    /// [`DbError::Erased`] when the number was erased; when the keys' database fails.
    pub async fn seal(db: &Db, author: &PersonId, number: &Number, text: &str, gateway: &str, of: Option<Belongs>) -> Result<Self, DbError> {
        let masked = number.masked();
        Ok(Self { of, ..Self::seal_for(db, author, Whom { key: number.e164(), masked: &masked }, text, gateway).await? })
    }

    /// The same for whoever is written to in a conversation.
    ///
    /// # Errors
    /// As [`Outbox::seal`].
    pub async fn seal_for(db: &Db, author: &PersonId, whom: Whom<'_>, text: &str, gateway: &str) -> Result<Self, DbError> {
        let id = MessageId::new(db.clock(), db.rng());
        let e164 = whom.key;
        let number_ix = keep::number_index(db.vault(), e164);
        let subject = format!("num_{number_ix}");
        let key = db.vault().key_for(&subject).await?;
        let sealed = |column, plain: &str| key.seal(&place(&id, column), plain.as_bytes(), db.rng());
        let (number_sealed, text_sealed) = (sealed("number", e164), sealed("text", text));
        let job = JobId::new(db.clock(), db.rng());
        let route = gateway.contains(' ').then(|| gateway.to_owned());
        let (masked, gateway, author) = (whom.masked.to_owned(), super::route::first(gateway).to_owned(), author.clone());
        let (of, thread, answers, confirms) = (None, None, None, None);
        Ok(Self { job, author, gateway, route, number_ix, subject, masked, number_sealed, text_sealed, of, thread, answers, confirms, id })
    }

    /// As part of a conversation, which says by what address it leaves.
    #[must_use]
    pub fn in_thread(mut self, thread: ThreadId) -> Self {
        self.thread = Some(thread);
        self
    }

    /// As what is answered by itself, and the stop that it confirms.
    #[must_use]
    pub fn answering(mut self, kind: &'static str, confirms: Option<StopId>) -> Self {
        (self.answers, self.confirms) = (Some(kind), confirms);
        self
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &MessageId {
        &self.id
    }

    /// The key it is sealed under.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The blind index of its number.
    #[must_use]
    pub fn number_ix(&self) -> &str {
        &self.number_ix
    }

    /// Writes it and its job, in the transaction of an act that names it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queue<A: Act>(&self, tx: &mut Tx<A>) -> Result<(), StoreError> {
        self.write(tx, State::Queued, None).await?;
        let now = tx.now();
        tx.query(sql::INSERT_JOB).bind(&self.job).bind(&self.id).bind(now).bind(self.gateway.as_str()).execute().await?;
        Ok(())
    }

    /// Writes it as one that is not sent, for a reason.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold<A: Act>(&self, tx: &mut Tx<A>, reason: &str) -> Result<(), StoreError> {
        self.write(tx, State::Held, Some(reason.to_owned())).await
    }

    async fn write<A: Act>(&self, tx: &mut Tx<A>, state: State, reason: Option<String>) -> Result<(), StoreError> {
        let now = tx.now();
        let insert = tx.write(sql::INSERT).bind(&self.id).bind(&self.author).bind(self.gateway.as_str());
        let insert = insert.bind(self.number_sealed.clone()).bind(self.text_sealed.clone()).bind(self.number_ix.as_str()).bind(self.masked.as_str());
        let insert = insert.bind(state.name()).bind(reason).bind(now);
        let insert = insert.bind(self.of.as_ref().map(|of| of.campaign.clone())).bind(self.of.as_ref().map(|of| of.recipient.clone()));
        let insert = insert.bind(self.thread.clone()).bind(self.answers.map(str::to_owned)).bind(self.confirms.clone());
        insert.bind(self.route.clone()).execute().await?;
        Ok(())
    }
}
