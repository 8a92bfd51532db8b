//! The epochs of a log, as its entries have begun them, and the checkpoints with which they ended. The keys lie with the signer.

use super::Db;
use super::integrity::LinkRow;
use crate::core::fault::{Context as _, Fault};

const NEWEST: &str = "select p.n, p.vkey, c.seq from (select n, vkey, last_audit_id from epoch where log = $1 order by n desc limit 1) p left join audit_chain c on c.event_id = p.last_audit_id";
const UNSEALED: &str = "select p.n, c.seq, c.prev, c.leaf_hash, e.body from (select n, log, last_audit_id from epoch where log = $1 order by n desc limit 8) p join audit_chain c on c.event_id = p.last_audit_id join audit_event e on e.id = c.event_id left join audit_checkpoint k on k.log = p.log and k.size = c.seq + 1 where c.seq < $2 and k.size is null order by p.n";
const ENDS: &str =
    "select p.n, c.seq from epoch p join audit_chain c on c.event_id = p.last_audit_id where p.log = $1 and p.n > 0 and c.seq < $2 order by p.n limit 1000000";
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[NEWEST, UNSEALED, ENDS];

crate::row! {
    /// The epoch that began last.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Newest {
        /// The epoch that ended with the entry; the one that began has the next number.
        pub n: i64,
        /// The verifier key of the one that began.
        pub vkey: String,
        /// Place of the entry, once it is linked.
        pub seq: Option<i64>,
    }
}

crate::row! {
    /// The entry with which an epoch ended, and with it the link it stands in.
    #[derive(Clone, Debug)]
    pub struct End {
        /// The epoch that ended; 0 is the time before the first.
        pub n: i64,
        /// Place of the entry.
        pub seq: i64,
        /// Hash of the leaf before.
        pub prev: Vec<u8>,
        /// Hash of this leaf.
        pub leaf_hash: Vec<u8>,
        /// The event's canonical body.
        pub body: Vec<u8>,
    }
}

impl End {
    /// The link of the entry.
    #[must_use]
    pub fn link(&self) -> LinkRow {
        LinkRow { seq: self.seq, prev: self.prev.clone(), leaf_hash: self.leaf_hash.clone(), body: self.body.clone() }
    }
}

/// The epoch that began last; none before the first.
///
/// # Errors
/// When the database fails.
pub async fn newest(db: &Db, log: i64) -> Result<Option<Newest>, Fault> {
    db.query(NEWEST).bind(log).optional().await.context("read the newest epoch")
}

/// Ends of epochs below `size` that no checkpoint is kept of, the oldest first: one or two, after a crash.
///
/// # Errors
/// When the database fails.
pub async fn unsealed(db: &Db, log: i64, size: i64) -> Result<Vec<End>, Fault> {
    db.query(UNSEALED).bind(log).bind(size).all().await.context("read the ends of epochs")
}

/// Number and place of every entry below `size` with which a sealed epoch ended.
///
/// # Errors
/// When the database fails.
pub async fn ends(db: &Db, log: i64, size: i64) -> Result<Vec<(i64, i64)>, Fault> {
    db.query(ENDS).bind(log).bind(size).all().await.context("read the ends of epochs")
}
