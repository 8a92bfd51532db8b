//! Webhooks: who is told outside of what becomes of messages, as Standard Webhooks has it.
//! Must stay true: what is told is written in the transaction of the act it tells of; it holds ids and codes, and a number or a text
//! only when the subscription says so; nothing reaches an address of this house unless the settings let it.

pub mod deliver;
pub mod reach;
pub mod sql;
pub mod web;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::config::Secret;
use crate::core::clock::{DAY, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{PersonId, WebhookId};
use crate::db::{Db, DbError, Detail, Tx};
use crate::http::templates::both_times;
use crate::notices::Notice;
use crate::policy::{Act, On, Permit, Resource};
use crate::store::StoreError;
use crate::vault::Place;

/// Webhooks there may be.
pub const WEBHOOKS_MAX: i64 = 50;
/// Characters of a name, and of an address.
pub const NAME_CHARS_MAX: usize = 100;
pub const URL_CHARS_MAX: usize = 500;
/// After a rotation both secrets sign for so long.
pub const BOTH_SIGN_FOR: Micros = DAY;
/// Whose key seals the secrets.
const SUBJECT: &str = "system";

crate::acts! {
    /// See webhooks.
    See = "webhook.list" on On,
    /// Make one.
    Create = "webhook.create" on On,
    /// Give it another secret.
    Rotate = "webhook.rotate" on On,
    /// Have it told numbers and texts.
    Texts = "webhook.texts" on On,
    /// Stop it, or have it go on.
    Switch = "webhook.switch" on On,
    /// Stop one that took nothing for days.
    GiveUp = "webhook.give_up" on On,
}

/// What one can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A gateway took a message.
    Accepted,
    /// A message arrived.
    Delivered,
    /// A message was not sent, or did not arrive.
    Failed,
    /// Nobody can say whether a message was sent.
    Unknown,
    /// A message came in.
    Received,
    /// A number wants no more messages.
    OptedOut,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Accepted, Self::Delivered, Self::Failed, Self::Unknown, Self::Received, Self::OptedOut];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "message.accepted",
            Self::Delivered => "message.delivered",
            Self::Failed => "message.failed",
            Self::Unknown => "message.unknown",
            Self::Received => "message.received",
            Self::OptedOut => "contact.opted_out",
        }
    }

    /// What tells that a message came to stand in this state; none for one that nobody is told of.
    #[must_use]
    pub fn of_state(state: &str) -> Option<Self> {
        match state {
            "accepted" => Some(Self::Accepted),
            "delivered" => Some(Self::Delivered),
            "rejected" | "failed" => Some(Self::Failed),
            "unknown" => Some(Self::Unknown),
            _ => None,
        }
    }
}

crate::row! {
    /// A webhook as stored.
    #[derive(Clone, Debug)]
    pub struct Webhook {
        /// Id.
        pub id: WebhookId,
        /// Its name.
        pub name: String,
        /// Where it is posted to.
        pub url: String,
        /// What it is told of, apart by blanks, with one around all of them.
        pub events: String,
        /// Since when it is told numbers and texts; never when not set.
        pub text_since: Option<i64>,
        /// What signs.
        pub secret_sealed: Vec<u8>,
        /// What signed before the last rotation.
        pub before_sealed: Option<Vec<u8>>,
        /// Until when that signs too.
        pub before_until: Option<i64>,
        /// Who made it.
        pub author_id: PersonId,
        /// The name they are shown by.
        pub author: String,
        /// When.
        pub made_at: i64,
        /// Since when it rests.
        pub stopped_at: Option<i64>,
        /// Why, as a stable code.
        pub stopped_why: Option<String>,
        /// Rises with every change.
        pub version: i64,
    }
}

impl Resource for Webhook {
    fn on(&self) -> On {
        On::one("webhook", &self.id)
    }
}

/// A webhook about to be made.
#[derive(Clone, Debug)]
pub struct New {
    /// Its name.
    pub name: String,
    /// Where it is posted to.
    pub url: String,
    /// What it is told of.
    pub events: Vec<Kind>,
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else changed it meanwhile, or its state does not allow it.
    #[error("it was changed meanwhile")]
    State,
    /// There are as many as there may be.
    #[error("there are too many")]
    TooMany,
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

fn place<'a>(id: &'a WebhookId, column: &'a str) -> Place<'a> {
    Place { table: "webhook", row: id.as_str(), column }
}

/// Has everybody hear of it who wants to, in the transaction of the act. `data` holds ids and codes alone.
///
/// # Errors
/// When the database fails.
pub async fn tell<A: Act>(tx: &mut Tx<A>, kind: Kind, object: &str, data: &serde_json::Value) -> Result<(), StoreError> {
    let now = tx.now();
    let event = format!("{}.{}", tx.id(), kind.name().rsplit('.').next().unwrap_or_default());
    let body = serde_json::json!({ "type": kind.name(), "timestamp": both_times(now, "UTC").0, "data": data }).to_string();
    let wanted = format!("% {} %", kind.name());
    tx.query(sql::TELL).bind(event).bind(kind.name()).bind(object).bind(body).bind(now).bind(wanted).execute().await.map(drop)
}

/// Another secret: 32 bytes by chance, in the form of Standard Webhooks.
fn secret(db: &Db) -> Secret {
    Secret::new(format!("whsec_{}", STANDARD.encode(db.rng().bytes::<32>())))
}

/// Makes a webhook. Gives its secret, which is told this once.
///
/// # Errors
/// [`Error::TooMany`].
pub async fn create(db: &Db, permit: Permit<Create>, author: &PersonId, new: &New) -> Result<(WebhookId, Secret), Error> {
    let id = WebhookId::new(db.clock(), db.rng());
    let secret = secret(db);
    let sealed = db.vault().seal(SUBJECT, &place(&id, "secret"), secret.expose().as_bytes()).await.map_err(DbError::from)?;
    let events: Vec<&str> = new.events.iter().map(|kind| kind.name()).collect();
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.query(sql::LOCK).execute().await?;
    let there: i64 = tx.query(sql::COUNT).scalar().await?;
    if there >= WEBHOOKS_MAX {
        return Err(Error::TooMany);
    }
    let insert = tx.write(sql::INSERT).bind(&id).bind(new.name.as_str()).bind(new.url.as_str()).bind(format!(" {} ", events.join(" ")));
    insert.bind(None::<i64>).bind(sealed).bind(author).bind(now).execute().await?;
    let detail = Detail::ok().with("name", new.name.as_str()).with("url", new.url.as_str()).with("events", events.join(" "));
    tx.commit(permit, detail).await?;
    Ok((id, secret))
}

/// Gives a webhook another secret; for a day the one before signs too. Gives the new one, which is told this once.
///
/// # Errors
/// [`Error::State`].
pub async fn rotate(db: &Db, permit: Permit<Rotate>, webhook: &Webhook) -> Result<Secret, Error> {
    let secret = secret(db);
    let old = db.vault().unseal(&place(&webhook.id, "secret"), &webhook.secret_sealed).await.map_err(DbError::from)?;
    let before = db.vault().seal(SUBJECT, &place(&webhook.id, "before"), &old).await.map_err(DbError::from)?;
    let sealed = db.vault().seal(SUBJECT, &place(&webhook.id, "secret"), secret.expose().as_bytes()).await.map_err(DbError::from)?;
    let mut tx = db.begin(&permit).await?;
    let until = tx.now() + BOTH_SIGN_FOR;
    one(tx.write(sql::ROTATE).bind(&webhook.id).bind(webhook.version).bind(before).bind(until).bind(sealed).execute().await?)?;
    tx.commit(permit, Detail::ok().with("before_until", until)).await?;
    Ok(secret)
}

/// Has a webhook told numbers and texts from now on: not by whoever made it, but by one who may read them.
///
/// # Errors
/// [`Error::State`].
pub async fn tell_texts(db: &Db, permit: Permit<Texts>, webhook: &Webhook) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    one(tx.write(sql::TEXTS).bind(&webhook.id).bind(webhook.version).bind(now).execute().await?)?;
    tx.commit(permit, Detail::ok().with("url", webhook.url.as_str())).await?;
    Ok(())
}

/// Stops a webhook, or has it go on.
///
/// # Errors
/// [`Error::State`].
pub async fn switch(db: &Db, permit: Permit<Switch>, webhook: &Webhook, stop: bool) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let at = stop.then_some(tx.now());
    one(tx.write(sql::SWITCH).bind(&webhook.id).bind(webhook.version).bind(at).bind(stop.then_some("by_person")).execute().await?)?;
    tx.commit(permit, Detail::ok().with("state", if stop { "stopped" } else { "open" })).await?;
    Ok(())
}

/// Stops a webhook that took nothing, and tells who made it.
///
/// # Errors
/// [`Error::State`] when somebody changed it meanwhile.
pub async fn give_up(db: &Db, permit: Permit<GiveUp>, webhook: &Webhook, why: &str) -> Result<(), Error> {
    let notice = match Notice::prepare(db, "any", &webhook.author_id, "webhook_stopped", &[("webhook", &webhook.name), ("why", why)]).await {
        Ok(notice) => Some(notice),
        // Deleted since.
        Err(DbError::Erased) => None,
        Err(error) => return Err(error.into()),
    };
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    one(tx.write(sql::SWITCH).bind(&webhook.id).bind(webhook.version).bind(Some(now)).bind(Some(why.to_owned())).execute().await?)?;
    if let Some(notice) = notice {
        notice.insert(&mut tx).await?;
    }
    tx.commit(permit, Detail::ok().because(why)).await?;
    Ok(())
}

fn one(rows: u64) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::State) }
}

/// All webhooks, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db) -> Result<Vec<Webhook>, Fault> {
    db.query(sql::ALL_OF_THEM).all().await.context("list webhooks")
}

/// The webhook of this id.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: &WebhookId) -> Result<Option<Webhook>, Fault> {
    db.query(sql::BY_ID).bind(id).optional().await.context("find a webhook")
}

impl Webhook {
    /// What signs for it now: its secret, and for a day after a rotation the one before.
    async fn keys(&self, db: &Db, now: Micros) -> Result<Vec<hmac::Key>, Fault> {
        let mut all = vec![(self.secret_sealed.as_slice(), "secret")];
        all.extend(self.before_sealed.as_deref().filter(|_| self.before_until.is_some_and(|until| until > now)).map(|sealed| (sealed, "before")));
        let mut keys = Vec::new();
        for (sealed, column) in all {
            let text = db.vault().unseal_text(&place(&self.id, column), sealed).await.map_err(|error| Fault::with("open a webhook's secret", error))?;
            let coded = Zeroizing::new(text.strip_prefix("whsec_").unwrap_or_default().to_owned());
            let bytes = Zeroizing::new(STANDARD.decode(coded.as_bytes()).context("read a webhook's secret")?);
            keys.push(hmac::Key::new(hmac::HMAC_SHA256, &bytes));
        }
        Ok(keys)
    }
}
