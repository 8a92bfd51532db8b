//! Doubt shared by the nodes of one database: what one finds, all of them stop for.
//! Must stay true: a node's own doubt does not wait for the database, and is ended by nothing but a start that finds the trail
//! whole.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Chore, Db};
use crate::core::fault::{Context as _, Fault};

const TELL: &str = "insert into audit_doubt (part, node, at) values ($1, $2, $3) on conflict (part) do nothing";
const TOLD: &str = "select part from audit_doubt order by part limit 32";
const CLEAR: &str = "delete from audit_doubt";
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[TELL, TOLD, CLEAR];

/// How often a node looks what the others found.
const PERIOD: Duration = Duration::from_secs(1);
/// The parts as they are called; what another version calls otherwise is the last. The clock is not among them: what it wants is
/// less than a fault, lies in the database otherwise, and is lifted by the console (`wall`).
const PARTS: [&str; 8] = ["head", "leaves", "tiles", "checkpoint", "checkpoint file", "signer", "witness", "another node"];

impl Db {
    /// Tells the other nodes, when there are any.
    pub(super) fn tell_doubt(&self, part: &'static str) {
        if self.is_sqlite() || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let db = self.clone();
        tokio::spawn(async move {
            if let Err(fault) = db.keep_doubt(part).await {
                tracing::error!(part, fault = fault.chain(), "the other nodes were not told that the trail is in doubt");
            }
        });
    }

    async fn keep_doubt(&self, part: &'static str) -> Result<(), Fault> {
        let mut chore = self.chore(Chore::Doubt).await.context("begin")?;
        let kept = chore.query(TELL).bind(part).bind(self.process().node.as_str()).bind(self.clock().now());
        kept.execute().await.context("keep a doubt")?;
        chore.commit().await.context("keep a doubt")
    }

    /// Ends what was told, at a start that found the trail whole.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clear_doubt(&self) -> Result<(), Fault> {
        let told: Vec<(String,)> = self.query(TOLD).all().await.context("read the doubts")?;
        if told.is_empty() {
            return Ok(());
        }
        let mut chore = self.chore(Chore::Doubt).await.context("begin")?;
        chore.query(CLEAR).execute().await.context("end the doubts")?;
        chore.commit().await.context("end the doubts")
    }

    /// Looks for what other nodes found, until told to stop.
    pub async fn watch_doubt(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.query(TOLD).all::<(String,)>().await {
                Ok(told) => told.iter().for_each(|(part,)| {
                    let known = PARTS.into_iter().find(|p| p == part).unwrap_or("another node");
                    if self.take_doubt(known) {
                        tracing::error!(part, "another node found the audit trail in doubt");
                    }
                }),
                Err(error) => tracing::warn!(%error, "what other nodes found could not be read"),
            }
            let _ = tokio::time::timeout(PERIOD, stop.cancelled()).await;
        }
    }
}
