//! Why somebody may be written to, and that somebody may not: consents of a contact, stops of a number.
//! Must stay true: nothing here is changed or removed; a stop ends only by its own act, with a reason, and whoever sends waits
//! for whoever stops, so that which of them came first is decided.

use super::{Contact, Error, Lift, RecordConsent, Stop, index_of, is_stopped, sql};
use crate::core::clock::Micros;
use crate::core::id::{ConsentId, PersonId, StopId};
use crate::core::number::Number;
use crate::db::{Db, DbError, Detail, Tx};
use crate::policy::{Act, On, Permit, Resource};
use crate::vault::{OpenError, Place};
use crate::webhooks;

/// Characters of a consent's wording, and of a reason.
pub const WORDING_CHARS_MAX: usize = 1000;

/// Where a consent was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// On paper.
    Paper,
    /// On a web page.
    Web,
    /// By a text message.
    Message,
    /// In conversation, on the telephone or face to face.
    Spoken,
    /// Taken over from another system.
    Other,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Paper, Self::Web, Self::Message, Self::Spoken, Self::Other];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Web => "web",
            Self::Message => "message",
            Self::Spoken => "spoken",
            Self::Other => "other",
        }
    }
}

impl std::str::FromStr for Source {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| format!("`{name}` is no source of a consent"))
    }
}

/// A consent about to be recorded.
#[derive(Clone, Debug)]
pub struct NewConsent {
    /// Withdrawn rather than given.
    pub withdrawn: bool,
    /// Where.
    pub source: Source,
    /// What was agreed to, as it stood there.
    pub wording: String,
    /// SHA-256 of the paper, the page or the message, in hex.
    pub evidence_sha256: Option<String>,
    /// When.
    pub given_at: Micros,
}

crate::row! {
    /// A consent as recorded.
    #[derive(Clone, Debug)]
    pub struct Consent {
        /// Id.
        pub id: ConsentId,
        /// `given` or `withdrawn`.
        pub kind: String,
        /// See [`Source`].
        pub source: String,
        /// What was agreed to.
        pub wording: String,
        /// SHA-256 of the evidence, in hex.
        pub evidence_sha256: Option<String>,
        /// When.
        pub given_at: i64,
        /// The name of who recorded it.
        pub author: String,
        /// When recorded.
        pub made_at: i64,
    }
}

/// Records a consent of a contact, or that it was withdrawn.
///
/// # Errors
/// When the database fails.
pub async fn record(db: &Db, permit: Permit<RecordConsent>, contact: &Contact, author: &PersonId, new: &NewConsent) -> Result<ConsentId, Error> {
    let id = ConsentId::new(db.clock(), db.rng());
    let kind = if new.withdrawn { "withdrawn" } else { "given" };
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let insert = tx.write(sql::INSERT_CONSENT).bind(&id).bind(&contact.id).bind(kind).bind(new.source.name()).bind(new.wording.as_str());
    insert.bind(new.evidence_sha256.clone()).bind(new.given_at).bind(author).bind(now).execute().await?;
    let mut detail = Detail::ok().with("consent", id.as_str()).with("kind", kind).with("source", new.source.name()).with("given_at", new.given_at);
    if let Some(sha256) = &new.evidence_sha256 {
        detail = detail.with("evidence_sha256", sha256.as_str());
    }
    tx.commit(permit, detail.personal("wording", &new.wording)).await?;
    Ok(id)
}

/// The consents of a contact, newest first, at most a hundred.
///
/// # Errors
/// When the database fails.
pub async fn consents(db: &Db, contact: &Contact) -> Result<Vec<Consent>, Error> {
    Ok(db.query(sql::CONSENTS).bind(&contact.id).all().await?)
}

crate::row! {
    /// A number that nothing is sent to.
    #[derive(Clone, Debug)]
    pub struct Stopped {
        /// Id.
        pub id: StopId,
        /// The blind index of the number.
        pub number_ix: String,
        /// `opt_out` or `block`.
        pub kind: String,
        /// Who said so: `person` here, or the `message` of the number's own.
        pub source: String,
        /// The number as it may be shown.
        pub masked: String,
        /// The number.
        pub sealed: Vec<u8>,
        /// Since when.
        pub made_at: i64,
        /// When it was lifted.
        pub lifted_at: Option<i64>,
    }
}

impl Stopped {
    /// The number in E.164; none once it was erased.
    ///
    /// # Errors
    /// When a database fails, or the row was altered.
    pub async fn number(&self, db: &Db) -> Result<Option<String>, Error> {
        match db.vault().unseal_text(&stop_place(&self.id), &self.sealed).await {
            Ok(number) => Ok(Some(number)),
            Err(OpenError::Erased) => Ok(None),
            Err(error) => Err(DbError::from(error).into()),
        }
    }
}

impl Resource for Stopped {
    fn on(&self) -> On {
        On { subject: Some(format!("num_{}", self.number_ix)), ..On::one("number", &self.id) }
    }
}

fn stop_place(id: &StopId) -> Place<'_> {
    Place { table: "number_stop", row: id.as_str(), column: "sealed" }
}

/// A stop about to be written; what it takes beside a transaction is at hand.
#[derive(Debug)]
pub struct Halt {
    id: StopId,
    number_ix: String,
    masked: String,
    sealed: Vec<u8>,
    kind: &'static str,
    source: &'static str,
}

impl Halt {
    /// Of a number, by the word of a `person` here or by a `message` of its own.
    ///
    /// # Errors
    /// When the keys' database fails, or the number was erased.
    pub async fn prepare(db: &Db, number: &Number, kind: &'static str, source: &'static str) -> Result<Self, Error> {
        Self::of_address(db, number.e164(), number.masked(), kind, source).await
    }

    /// The same of an address that has no number.
    ///
    /// # Errors
    /// As [`Halt::prepare`].
    pub async fn of_address(db: &Db, address: &str, masked: String, kind: &'static str, source: &'static str) -> Result<Self, Error> {
        let id = StopId::new(db.clock(), db.rng());
        let number_ix = index_of(db, address);
        let sealed = db.vault().seal(&format!("num_{number_ix}"), &stop_place(&id), address.as_bytes()).await.map_err(DbError::from)?;
        Ok(Self { id, number_ix, masked, sealed, kind, source })
    }

    /// Writes it in the transaction of an act that names it. Gives the stop in force: one of its kind that is there already
    /// stays the only one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn write<A: Act>(&self, tx: &mut Tx<A>) -> Result<StopId, Error> {
        // Whoever sends to this number waits here, or was first.
        is_stopped(tx, &self.number_ix).await?;
        let there: Option<(StopId,)> = tx.query(sql::STOP_IN_FORCE).bind(&self.number_ix).bind(self.kind).optional().await?;
        if let Some((there,)) = there {
            return Ok(there);
        }
        let now = tx.now();
        let insert = tx.write(sql::INSERT_STOP).bind(&self.id).bind(&self.number_ix).bind(self.kind).bind(self.source);
        insert.bind(self.masked.as_str()).bind(self.sealed.clone()).bind(now).execute().await?;
        if self.kind == "opt_out" {
            let data = serde_json::json!({ "stop": self.id.as_str(), "source": self.source });
            webhooks::tell(tx, webhooks::Kind::OptedOut, self.id.as_str(), &data).await?;
        }
        Ok(self.id.clone())
    }
}

/// Stops messages to a number. Gives the stop in force.
///
/// # Errors
/// When the database fails, or the number was erased.
pub async fn stop(db: &Db, permit: Permit<Stop>, number: &Number, kind: &'static str, source: &'static str, reason: &str) -> Result<StopId, Error> {
    let halt = Halt::prepare(db, number, kind, source).await?;
    let permit = permit.naming(&halt.id).about(&format!("num_{}", halt.number_ix));
    let mut tx = db.begin(&permit).await?;
    let id = halt.write(&mut tx).await?;
    if id != halt.id {
        return Ok(id);
    }
    let detail = Detail::ok().with("kind", kind).with("source", source).personal("number", number.e164());
    let detail = if reason.is_empty() { detail } else { detail.personal("reason", reason) };
    tx.commit(permit, detail).await?;
    Ok(id)
}

/// Lifts the opt-out of a number whose owner asks for messages again, in the transaction of an act that names it.
///
/// # Errors
/// When the database fails.
pub async fn lift_opt_out<A: Act>(tx: &mut Tx<A>, number_ix: &str) -> Result<Option<StopId>, Error> {
    is_stopped(tx, number_ix).await?;
    let there: Option<(StopId,)> = tx.query(sql::STOP_IN_FORCE).bind(number_ix).bind("opt_out").optional().await?;
    let Some((there,)) = there else { return Ok(None) };
    let now = tx.now();
    tx.write(sql::LIFT).bind(&there).bind(now).execute().await?;
    Ok(Some(there))
}

/// Lets messages go to a number again.
///
/// # Errors
/// [`Error::State`] when it was lifted already.
pub async fn lift(db: &Db, permit: Permit<Lift>, stopped: &Stopped, reason: &str) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::LIFT).bind(&stopped.id).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok().with("kind", stopped.kind.as_str()).personal("reason", reason)).await?;
    Ok(())
}

/// The stop of this id.
///
/// # Errors
/// When the database fails.
pub async fn stopped(db: &Db, id: &StopId) -> Result<Option<Stopped>, Error> {
    Ok(db.query(sql::STOPPED).bind(id).optional().await?)
}

/// The stops in force of a number.
///
/// # Errors
/// When the database fails.
pub async fn of_number(db: &Db, number_ix: &str) -> Result<Vec<Stopped>, Error> {
    Ok(db.query(sql::STOPS_OF).bind(number_ix).all().await?)
}

/// Stops in force, newest first, older than `after`, and whether there are more.
///
/// # Errors
/// When the database fails.
pub async fn stops(db: &Db, after: Option<&StopId>) -> Result<(Vec<Stopped>, bool), Error> {
    let fetch = i64::try_from(super::PAGE_MAX + 1).unwrap_or(i64::MAX);
    let start = after.map_or("stp_g", StopId::as_str);
    let mut rows: Vec<Stopped> = db.query(sql::STOPS_PAGE).bind(start).bind(fetch).all().await?;
    let more = rows.len() > super::PAGE_MAX;
    rows.truncate(super::PAGE_MAX);
    Ok((rows, more))
}
