//! Time-stamps over checkpoints: the note as the authority was shown it, and its token.
//! Must stay true: a token is kept only after it was verified, and is never changed.

use super::{Chore, Db};
use crate::core::fault::{Context as _, Fault};

const KEEP: &str = "insert into audit_token (log, size, note, token, tsa, at, kept_at) values ($1, $2, $3, $4, $5, $6, $7) on conflict (log, size) do nothing";
const LATEST: &str = "select size, note, token, tsa, at, kept_at from audit_token where log = $1 order by size desc limit 1";
const OF: &str = "select size, note, token, tsa, at, kept_at from audit_token where log = $1 and size = $2";
const SIZES: &str = "select size from audit_token where log = $1 and size <= $2 order by size desc limit 100000";
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[KEEP, LATEST, OF, SIZES];

crate::row! {
    /// A time-stamp as kept.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TokenRow {
        /// Entries of the checkpoint.
        pub size: i64,
        /// The note, with the cosignatures there were then: the bytes that the token is over.
        pub note: String,
        /// The token in DER.
        pub token: Vec<u8>,
        /// What the authority's certificate calls it.
        pub tsa: String,
        /// When, by the authority.
        pub at: i64,
        /// When, by the clock of this server.
        pub kept_at: i64,
    }
}

impl Db {
    /// The time-stamp over the most entries.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn latest_token(&self, log: i64) -> Result<Option<TokenRow>, Fault> {
        self.query(LATEST).bind(log).optional().await.context("read the newest time-stamp")
    }

    /// The time-stamp over the checkpoint of this size.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token(&self, log: i64, size: i64) -> Result<Option<TokenRow>, Fault> {
        self.query(OF).bind(log).bind(size).optional().await.context("read a time-stamp")
    }

    /// The sizes up to `size` that have a time-stamp, the smallest first; of very many those of the largest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token_sizes(&self, log: i64, size: i64) -> Result<Vec<i64>, Fault> {
        let rows: Vec<(i64,)> = self.query(SIZES).bind(log).bind(size).all().await.context("list time-stamps")?;
        Ok(rows.into_iter().rev().map(|(size,)| size).collect())
    }

    /// Keeps a time-stamp that was verified.
    ///
    /// # Errors
    /// When it was not kept.
    pub async fn keep_token(&self, log: i64, row: &TokenRow) -> Result<(), Fault> {
        let mut chore = self.chore(Chore::Token).await.context("begin")?;
        let kept = chore.query(KEEP).bind(log).bind(row.size).bind(row.note.as_str()).bind(row.token.clone()).bind(row.tsa.as_str());
        kept.bind(row.at).bind(row.kept_at).execute().await.context("keep a time-stamp")?;
        chore.commit().await.context("keep a time-stamp")
    }
}
