//! A message as it is recorded, whoever records it: sealed before the transaction, written in it, its job beside it.
//! Must stay true: every message of the program is made here, so that there is one way for all of them.

use super::state::State;
use super::{place, sql};
use crate::core::id::{CampaignId, JobId, MessageId, PersonId, RecipientId};
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
        let id = MessageId::new(db.clock(), db.rng());
        let e164 = number.e164();
        let number_ix = keep::number_index(db.vault(), e164);
        let subject = format!("num_{number_ix}");
        let key = db.vault().key_for(&subject).await?;
        let sealed = |column, plain: &str| key.seal(&place(&id, column), plain.as_bytes(), db.rng());
        let (number_sealed, text_sealed) = (sealed("number", e164), sealed("text", text));
        let job = JobId::new(db.clock(), db.rng());
        let route = gateway.contains(' ').then(|| gateway.to_owned());
        let gateway = super::route::first(gateway).to_owned();
        Ok(Self { job, author: author.clone(), gateway, route, number_ix, subject, masked: number.masked(), number_sealed, text_sealed, of, id })
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
        insert.bind(self.route.clone()).execute().await?;
        Ok(())
    }
}
