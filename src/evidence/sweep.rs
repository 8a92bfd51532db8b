//! Removes stored files that no live item and no seal in force names: of deleted items, and of uploads never committed.
//! Must stay true: a file that an upload has just made durable is never removed before its item is committed.

use tokio::sync::{RwLock, RwLockReadGuard};

use super::sql;
use crate::blobs::Blobs;
use crate::core::fault::{Context as _, Fault};
use crate::db::Db;

/// Files that one run removes at most.
const REMOVED_MAX: u64 = 500;
/// Files that one run looks at at most.
const LOOKED_AT_MAX: u64 = 20_000;
/// Names that are read at once.
const PAGE_MAX: usize = 500;

/// Held for reading while an upload becomes durable, and for writing while a file is removed: the same content may come
/// again just when its old file goes.
static KEEPING: RwLock<()> = RwLock::const_new(());

/// Lets an upload become durable without a removal between.
pub(super) async fn keeping() -> RwLockReadGuard<'static, ()> {
    KEEPING.read().await
}

/// Removes files older than `hours` that no live item names, and says how many. Each run begins at another place, so that
/// every file is looked at in time however many there are.
///
/// # Errors
/// When the database or the folder fails; what was removed until then stays removed.
pub async fn sweep(db: &Db, blobs: &dyn Blobs, hours: u64) -> Result<u64, Fault> {
    let start = hex::encode(db.rng().bytes::<1>());
    let mut run = Run { db, blobs, secs: hours.max(1).saturating_mul(3600), looked_at: 0, removed: 0 };
    run.walk(&start, None).await?;
    run.walk("", Some(&start)).await?;
    Ok(run.removed)
}

struct Run<'a> {
    db: &'a Db,
    blobs: &'a dyn Blobs,
    secs: u64,
    looked_at: u64,
    removed: u64,
}

impl Run<'_> {
    fn is_over(&self) -> bool {
        self.removed >= REMOVED_MAX || self.looked_at >= LOOKED_AT_MAX
    }

    /// Looks at the names after `after` and before `until`.
    async fn walk(&mut self, after: &str, until: Option<&str>) -> Result<(), Fault> {
        let mut after = after.to_owned();
        while !self.is_over() {
            let names = self.blobs.older_than(self.secs, &after, PAGE_MAX).await?;
            for name in names.iter().filter(|n| until.is_none_or(|until| n.as_str() < until)) {
                if self.is_over() {
                    return Ok(());
                }
                self.looked_at += 1;
                self.removed += u64::from(self.look_at(name).await?);
            }
            match names.last() {
                Some(last) if names.len() == PAGE_MAX && until.is_none_or(|until| last.as_str() < until) => last.clone_into(&mut after),
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Removes one file if nothing names it, and says whether it did.
    async fn look_at(&self, name: &str) -> Result<bool, Fault> {
        if self.is_named(name).await? {
            return Ok(false);
        }
        let _alone = KEEPING.write().await;
        // Now no upload is about to make it durable; one may have done so a moment ago, and then it is young again.
        if self.is_named(name).await? || !self.is_still_old(name).await? {
            return Ok(false);
        }
        self.blobs.remove(name).await?;
        Ok(true)
    }

    async fn is_named(&self, name: &str) -> Result<bool, Fault> {
        let live: i64 = self.db.query(sql::NAMED).bind(name).bind(self.db.clock().now()).scalar().await.context("look for the item of a file")?;
        Ok(live > 0)
    }

    async fn is_still_old(&self, name: &str) -> Result<bool, Fault> {
        let Some(opened) = self.blobs.open(name).await? else { return Ok(false) };
        let changed = opened.file.metadata().await.and_then(|m| m.modified()).context("read the age of a file")?;
        Ok(changed.elapsed().is_ok_and(|age| age.as_secs() > self.secs))
    }
}
