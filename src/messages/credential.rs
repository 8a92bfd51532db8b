//! What a gateway is shown: sealed here by an administrator, or else as the settings give it.
//! Must stay true: it is read anew for each use, so that a change counts at once and on every node; it is never shown again.

use super::gateway::{Attempted, Stored};
use super::{Error, SetSecret, Switch, sql};
use crate::config::Secret;
use crate::core::fault::{Context as _, Fault};
use crate::db::{Db, Detail};
use crate::policy::Permit;
use crate::store::StoreError;
use crate::vault::Place;

/// Whose key seals what gateways are shown.
const SUBJECT: &str = "system";
/// Characters of a credential.
pub const SECRET_CHARS: std::ops::RangeInclusive<usize> = 8..=512;

/// What one gateway is shown.
#[derive(Clone, Debug)]
pub struct Credential {
    db: Db,
    gateway: &'static str,
    set: Option<Secret>,
}

fn place(gateway: &str) -> Place<'_> {
    Place { table: "gateway", row: gateway, column: "secret" }
}

impl Credential {
    /// The one of this gateway; `set` is what the settings give.
    #[must_use]
    pub fn new(db: &Db, gateway: &'static str, set: Option<Secret>) -> Self {
        Self { db: db.clone(), gateway, set }
    }

    /// As it is now.
    ///
    /// # Errors
    /// What becomes of an attempt without it: there is none, or it cannot be read now, which may be otherwise another time.
    pub async fn shown(&self) -> Result<Secret, Attempted> {
        match sealed(&self.db, self.gateway).await {
            Ok(Some(secret)) => Ok(secret),
            Ok(None) => self.set.clone().ok_or_else(|| Attempted::Rejected { reason: "no_credential".into() }),
            Err(fault) => {
                tracing::error!(gateway = self.gateway, fault = fault.chain(), "what a gateway is shown cannot be read");
                Err(Attempted::Later { reason: "credential_unread".into() })
            }
        }
    }
}

/// What was sealed here for a gateway.
///
/// # Errors
/// When the database fails, or what lies there does not open.
pub async fn sealed(db: &Db, gateway: &str) -> Result<Option<Secret>, Fault> {
    let row: Option<(Option<Vec<u8>>,)> = db.query(sql::GATEWAY_SECRET).bind(gateway).optional().await.context("read a gateway")?;
    let Some(bytes) = row.and_then(|(sealed,)| sealed) else { return Ok(None) };
    let text = db.vault().unseal_text(&place(gateway), &bytes).await.map_err(|error| Fault::with("open what a gateway is shown", error))?;
    Ok(Some(Secret::new(text)))
}

/// Seals what a gateway is shown from now on; without one, what the settings give counts again.
///
/// # Errors
/// [`Error::State`] when somebody else changed the gateway meanwhile.
pub async fn set(db: &Db, permit: Permit<SetSecret>, gateway: &Stored, secret: Option<&Secret>) -> Result<(), Error> {
    let bytes = match secret {
        Some(secret) => Some(db.vault().seal(SUBJECT, &place(&gateway.name), secret.expose().as_bytes()).await.map_err(crate::db::DbError::from)?),
        None => None,
    };
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let at = bytes.as_ref().map(|_| now);
    let rows = if gateway.version == 0 {
        tx.write(sql::INSERT_GATEWAY).bind(gateway.name.as_str()).bind(None::<i64>).bind(bytes).bind(at).bind(now).execute().await
    } else {
        tx.write(sql::SECRET_OF_GATEWAY).bind(gateway.name.as_str()).bind(gateway.version).bind(bytes).bind(at).bind(now).execute().await
    };
    one(rows)?;
    tx.commit(permit, Detail::ok().with("from", if secret.is_some() { "vault" } else { "settings" })).await?;
    Ok(())
}

/// Stops a gateway, or has it go on.
///
/// # Errors
/// [`Error::State`] when somebody else changed the gateway meanwhile.
pub async fn switch(db: &Db, permit: Permit<Switch>, gateway: &Stored, stop: bool) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let at = stop.then_some(now);
    let rows = if gateway.version == 0 {
        tx.write(sql::INSERT_GATEWAY).bind(gateway.name.as_str()).bind(at).bind(None::<Vec<u8>>).bind(None::<i64>).bind(now).execute().await
    } else {
        tx.write(sql::STOP_GATEWAY).bind(gateway.name.as_str()).bind(gateway.version).bind(at).bind(now).execute().await
    };
    one(rows)?;
    tx.commit(permit, Detail::ok().with("state", if stop { "stopped" } else { "open" })).await?;
    Ok(())
}

fn one(rows: Result<u64, StoreError>) -> Result<(), Error> {
    match rows.map_err(crate::db::DbError::from) {
        Ok(1) => Ok(()),
        Ok(_) => Err(Error::State),
        Err(error) if error.is_unique() => Err(Error::State),
        Err(error) => Err(error.into()),
    }
}
