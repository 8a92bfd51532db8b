//! Evidence that comes as part of a larger act: files made durable first, their rows written in that act's transaction.
//! Must stay true: as for an upload, a row is committed only while its file is durable and no sweep can take it.

use super::says::{self, Says};
use super::{Error, Quota, Usage, sql, sweep};
use crate::blobs::{Incoming, Stored};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{EvidenceId, PersonId};
use crate::core::text::fold;
use crate::db::{Db, Tx};
use crate::evidence::kind::Kind;
use crate::policy::Act;

/// A file that is durable and has no row yet.
#[derive(Clone, Copy, Debug)]
pub struct Fresh<'a> {
    /// Its name.
    pub name: &'a str,
    /// The content type it is served with.
    pub mime: &'a str,
    /// Bytes.
    pub size: i64,
    /// SHA-256 in hex.
    pub sha256: &'a str,
    /// What it says of itself.
    pub says: &'a Says,
}

/// Makes a file durable, and reads what it says of itself.
///
/// # Errors
/// When the disk does not take it.
pub async fn keep(kind: Kind, mut incoming: Incoming) -> Result<(Stored, Says), Fault> {
    let _keeping = sweep::keeping().await;
    let says = says::read(kind, &mut incoming).await;
    Ok((incoming.keep().await?, says))
}

/// Held from when files are looked for until their rows are committed: no sweep takes one meanwhile.
#[derive(Debug)]
pub struct Keeping(#[expect(dead_code, reason = "what counts is that it is held")] tokio::sync::RwLockReadGuard<'static, ()>);

/// Keeps sweeps away.
pub async fn keeping() -> Keeping {
    Keeping(sweep::keeping().await)
}

/// Is there room for so many files of so many bytes together? Whoever asks has the lock of quotas from then on.
///
/// # Errors
/// [`Error::Quota`].
pub async fn room<A: Act>(tx: &mut Tx<A>, owner: &PersonId, quota: Quota, files: i64, bytes: i64) -> Result<(), Error> {
    tx.query(sql::LOCK_QUOTA).execute().await?;
    let used: Usage = tx.query(sql::USAGE).bind(owner).one().await?;
    if files == 0 {
        return Ok(());
    }
    quota.admits(Usage { files: used.files.saturating_add(files - 1), ..used }, bytes)
}

/// The rows of one version: its id, owner and time, its line and number, and what is said of it (method, collector, how it was
/// obtained, tags as a column has them).
pub(super) async fn insert<A: Act>(
    tx: &mut Tx<A>,
    (id, owner, now): (&EvidenceId, &PersonId, i64),
    fresh: &Fresh<'_>,
    (line, number): (&EvidenceId, i64),
    (method, collector, obtained, tags): (Option<String>, String, String, String),
) -> Result<(), Error> {
    let insert = tx.write(sql::INSERT).bind(id).bind(owner).bind(fresh.name).bind(fold(fresh.name)).bind(fresh.mime).bind(fresh.size);
    insert.bind(fresh.sha256).bind(now).execute().await?;
    let insert = tx.write(sql::INSERT_ARTIFACT).bind(id).bind(line).bind(number).bind(method).bind(collector).bind(obtained).bind(tags);
    let says = fresh.says;
    insert.bind(says.author.clone()).bind(says.created.clone()).bind(says.modified.clone()).execute().await?;
    Ok(())
}

/// Writes the rows of a new piece of evidence, as a draft with these tags.
///
/// # Errors
/// When the database fails.
pub async fn put<A: Act>(tx: &mut Tx<A>, id: &EvidenceId, owner: &PersonId, fresh: &Fresh<'_>, tags: &[String]) -> Result<(), Error> {
    let now = tx.now();
    insert(tx, (id, owner, now), fresh, (id, 1), (None, String::new(), String::new(), super::tags::join(tags))).await
}

/// The newest live evidence with this content.
///
/// # Errors
/// When the database fails.
pub async fn same(db: &Db, sha256: &str) -> Result<Option<EvidenceId>, Fault> {
    let found: Vec<(EvidenceId, String)> = db.query(sql::DUPLICATES).bind(sha256).bind("").all().await.context("look for the same content")?;
    Ok(found.into_iter().next().map(|(id, _)| id))
}
