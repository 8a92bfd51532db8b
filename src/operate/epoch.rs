//! Ending an epoch of the trail: the entry that names the key of the next. The signer seals everything up to that entry with
//! the old key, and erases it.

use super::{RotateEpoch, sql};
use crate::core::fault::Context as _;
use crate::db::signer::NextEpoch;
use crate::db::{Db, DbError, Detail};
use crate::policy::Permit;

/// Writes the entry. That nobody else ended this epoch is what the row's key sees to.
///
/// # Errors
/// When another node was quicker, or the database fails.
pub async fn rotate(db: &Db, permit: Permit<RotateEpoch>, log: i64, next: &NextEpoch) -> Result<(), DbError> {
    let n = i64::try_from(next.n).context("an epoch")?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.write(sql::BEGIN_EPOCH).bind(next.next_vkey.as_str()).bind(log).bind(n).bind(now).execute().await?;
    tx.commit(permit, Detail::ok().with("n", n).with("next_vkey", next.next_vkey.as_str())).await.map(drop)
}
