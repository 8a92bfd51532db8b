//! Sessions: rows written in their verb's own transaction. The cookie holds 32 random bytes, the row their digest.
//! Must stay true: nothing revives an ended row; every step up in privilege ends the old row and makes a new one.

use super::{Client, Error, OfPerson, Person, Revoke, after, digest, sql};
use crate::core::clock::{MINUTE, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{PersonId, SessionId};
use crate::db::{Chore, Db, Detail, Tx};
use crate::policies::SessionPolicy;
use crate::policy::{Act, Origin, Permit};
use crate::store::StoreError;
use crate::vault::Place;

crate::row! {
    /// A session with its person, as a request resolves it.
    #[derive(Clone, Debug)]
    pub struct Resolved {
        /// Id.
        pub id: SessionId,
        /// Whose.
        pub person_id: PersonId,
        /// `half` or `full`.
        pub stage: String,
        /// Where they wanted to go.
        pub next: Option<String>,
        /// Last full authentication.
        pub auth_at: i64,
        /// User name.
        pub username: String,
        /// Shown name.
        pub display_name: String,
        /// Zone.
        pub time_zone: String,
        /// The size in which they read; none for the ordinary one.
        pub text_size: Option<String>,
        /// When an authenticator was enrolled.
        pub totp_at: Option<i64>,
        /// Last seen.
        pub seen_at: i64,
        /// The person's roles, space-separated.
        pub roles: Option<String>,
    }
}

crate::row! {
    /// A session as its owner sees it.
    #[derive(Clone, Debug)]
    pub struct Listed {
        /// Id.
        pub id: SessionId,
        /// Since.
        pub made_at: i64,
        /// Last seen.
        pub seen_at: i64,
        /// The client, sealed.
        pub client_sealed: Option<Vec<u8>>,
    }
}

/// A session about to be made: everything that needs another database is done before the transaction.
#[derive(Debug)]
pub struct NewSession {
    id: SessionId,
    /// The cookie's value.
    pub secret: String,
    person: PersonId,
    stage: &'static str,
    next: Option<String>,
    expires_at: Micros,
    client: Vec<u8>,
}

impl NewSession {
    /// Prepares a session of `stage` (`half` or `full`).
    ///
    /// # Errors
    /// When the person's key cannot be had.
    pub async fn prepare(
        db: &Db,
        policy: &SessionPolicy,
        person: &PersonId,
        stage: &'static str,
        next: Option<String>,
        origin: &Origin,
    ) -> Result<Self, Error> {
        let id = SessionId::new(db.clock(), db.rng());
        let client = serde_json::to_vec(&Client::of(origin)).context("write a client")?;
        let client = db.vault().seal(person.as_str(), &Place { table: "session", row: id.as_str(), column: "client" }, &client).await?;
        let secs = if stage == "full" { policy.absolute_secs } else { policy.half_secs };
        Ok(Self { id, secret: db.rng().token(), person: person.clone(), stage, next, expires_at: after(db.clock().now(), secs), client })
    }

    /// Writes the row.
    ///
    /// # Errors
    /// When the database refuses it.
    pub async fn insert<A: Act>(&self, tx: &mut Tx<A>, now: Micros) -> Result<(), StoreError> {
        tx.write(sql::INSERT_SESSION)
            .bind(&self.id)
            .bind(digest(&self.secret))
            .bind(&self.person)
            .bind(self.stage)
            .bind(self.next.clone())
            .bind(now)
            .bind(now)
            .bind(self.expires_at)
            .bind(self.client.clone())
            .execute()
            .await
            .map(drop)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }
}

/// Resolves a cookie's secret to a live session, and notes once a minute that it was seen.
///
/// # Errors
/// When the database fails.
pub async fn resolve(db: &Db, policy: &SessionPolicy, secret: &str) -> Result<Option<Resolved>, Error> {
    let now = db.clock().now();
    let found: Option<Resolved> = db.query(sql::RESOLVE).bind(digest(secret)).bind(now).optional().await?;
    let Some(session) = found.filter(|s| now < after(s.seen_at, policy.idle_secs)) else { return Ok(None) };
    if now - session.seen_at >= MINUTE {
        let mut chore = db.chore(Chore::SessionSeen).await?;
        chore.query(sql::SEEN).bind(&session.id).bind(now).execute().await?;
        chore.commit().await?;
    }
    Ok(Some(session))
}

/// Live sessions of a person, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, person: &PersonId) -> Result<Vec<(Listed, Client)>, Fault> {
    let rows: Vec<Listed> = db.query(sql::SESSIONS).bind(person).bind(db.clock().now()).all().await.context("list sessions")?;
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let client = match &row.client_sealed {
            Some(sealed) => db.vault().unseal(&Place { table: "session", row: row.id.as_str(), column: "client" }, sealed).await.ok(),
            None => None,
        };
        let client = client.and_then(|c| serde_json::from_slice(&c).ok()).unwrap_or_default();
        out.push((row, client));
    }
    Ok(out)
}

/// Ends one of one's own sessions.
///
/// # Errors
/// [`Error::State`] when it is not live.
pub async fn revoke(db: &Db, permit: Permit<Revoke>, id: &SessionId) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    if tx.write(sql::END_SESSION).bind(id).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

/// Ends all of one's own sessions but `keep`, or all of them.
///
/// # Errors
/// When the database fails.
pub async fn revoke_all(db: &Db, permit: Permit<Revoke>, person: &PersonId, keep: Option<&SessionId>) -> Result<u64, Error> {
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    let ended = match keep {
        Some(keep) => tx.write(sql::END_OTHERS).bind(person).bind(keep).bind(now).execute().await?,
        None => tx.write(sql::END_OF_PERSON).bind(person).bind(now).execute().await?,
    };
    let count = i64::try_from(ended).unwrap_or(i64::MAX);
    tx.commit(permit, Detail::ok().with("sessions", count)).await?;
    Ok(ended)
}

/// The session of this id, when it is this person's and live.
///
/// # Errors
/// When the database fails.
pub async fn find_for(db: &Db, person: &PersonId, id: &SessionId) -> Result<Option<OfPerson>, Fault> {
    let found: Option<(SessionId,)> = db.query(sql::SESSION_OF).bind(id).bind(person).optional().await.context("find a session")?;
    Ok(found.map(|(id,)| OfPerson::session(&id, person)))
}

/// Signs out: the session's row ends.
///
/// # Errors
/// When the database fails.
pub async fn logout(db: &Db, permit: Permit<super::Logout>, id: &SessionId) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = db.clock().now();
    tx.write(sql::END_SESSION).bind(id).bind(now).execute().await?;
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

/// The secret of an authenticator that is being enrolled: derived from the session, so that nothing is stored before it is confirmed.
#[must_use]
pub fn enrolment_secret(db: &Db, session: &SessionId, person: &Person) -> [u8; 20] {
    let since = person.totp_at.unwrap_or(0).to_be_bytes();
    let mac = db.vault().mac(crate::vault::Purpose::Csrf, &[b"totp-enrolment", session.as_str().as_bytes(), &since]);
    let mut out = [0; 20];
    out.copy_from_slice(&mac[..20]);
    out
}
