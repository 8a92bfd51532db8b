//! Reads of the trail: pages of it, single entries, proofs. Personal values are opened here, and are absent once erased.

use std::collections::BTreeMap;

use countersign_audit::verify::checkpoint::Checkpoint;
use countersign_audit::write::Hash;

use super::filter::{At, Filter};
use super::{Error, sql};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::EventId;
use crate::db::Db;
use crate::db::integrity::LinkRow;
use crate::vault::{OpenError, Place};

/// Entries on a page.
pub const PAGE_MAX: usize = 50;
/// Entries of one answer of the API.
pub const API_PAGE_MAX: i64 = 500;

crate::row! {
    /// An entry with its place in the log and its sealed values.
    #[derive(Clone, Debug)]
    pub struct Entry {
        /// The event's id.
        pub id: EventId,
        /// When.
        pub at: i64,
        /// Place in the log.
        pub seq: i64,
        /// Hash of the leaf before.
        pub prev: Vec<u8>,
        /// Hash of this leaf.
        pub leaf_hash: Vec<u8>,
        /// The canonical body.
        pub body: Vec<u8>,
        /// Kind of actor.
        pub actor_kind: String,
        /// The actor's id.
        pub actor_id: Option<String>,
        /// The act.
        pub action: String,
        /// Its category.
        pub category: String,
        /// Kind of object.
        pub object_kind: String,
        /// The object's id.
        pub object_id: Option<String>,
        /// How it ended.
        pub outcome: String,
        /// Values sealed for the actor.
        pub actor_sealed: Option<Vec<u8>>,
        /// Values sealed for whom it concerns.
        pub subject_sealed: Option<Vec<u8>>,
    }
}

/// Personal values of an entry by name; what was erased is not there.
#[derive(Clone, Debug, Default)]
pub struct Opened(BTreeMap<String, String>);

impl Opened {
    /// The value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl Entry {
    /// The leaf's bytes: what the log commits to.
    ///
    /// # Errors
    /// When the stored parts cannot form a leaf.
    pub fn leaf(&self) -> Result<Vec<u8>, Fault> {
        LinkRow { seq: self.seq, prev: self.prev.clone(), leaf_hash: self.leaf_hash.clone(), body: self.body.clone() }.leaf()
    }

    /// Opens the personal values.
    ///
    /// # Errors
    /// When the keys' database fails; erased or altered values are merely absent.
    pub async fn open(&self, db: &Db) -> Result<Opened, Fault> {
        let mut opened = Opened::default();
        for (part, sealed) in [("actor", &self.actor_sealed), ("subject", &self.subject_sealed)] {
            let Some(sealed) = sealed else { continue };
            open_part(db, self.id.as_str(), part, sealed, &mut opened.0).await?;
        }
        Ok(opened)
    }

    /// The same, each with the key of its commitment.
    ///
    /// # Errors
    /// As [`Entry::open`].
    pub async fn keyed(&self, db: &Db) -> Result<BTreeMap<String, Keyed>, Fault> {
        let mut out = BTreeMap::new();
        for (part, sealed) in [("actor", &self.actor_sealed), ("subject", &self.subject_sealed)] {
            if let Some(sealed) = sealed {
                out.extend(open_keyed(db, self.id.as_str(), part, sealed).await?);
            }
        }
        Ok(out)
    }
}

/// A personal value with the key of its commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed {
    /// The key, in base64.
    pub key: String,
    /// The value.
    pub value: String,
}

async fn open_part(db: &Db, event: &str, part: &str, sealed: &[u8], into: &mut BTreeMap<String, String>) -> Result<(), Fault> {
    into.extend(open_keyed(db, event, part, sealed).await?.into_iter().map(|(name, held)| (name, held.value)));
    Ok(())
}

/// What is sealed in one part; nothing once it was erased or altered.
async fn open_keyed(db: &Db, event: &str, part: &str, sealed: &[u8]) -> Result<BTreeMap<String, Keyed>, Fault> {
    let plain = match db.vault().unseal(&Place { table: "audit_payload", row: event, column: part }, sealed).await {
        Ok(plain) => plain,
        Err(OpenError::Erased | OpenError::Altered) => return Ok(BTreeMap::new()),
        Err(OpenError::Fault(fault)) => return Err(fault),
    };
    let values: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_slice(&plain).unwrap_or_default();
    let keyed = |mut held: BTreeMap<String, String>| Some(Keyed { value: held.remove("v")?, key: held.remove("k").unwrap_or_default() });
    Ok(values.into_iter().filter_map(|(name, held)| Some((name, keyed(held)?))).collect())
}

/// Opens the values an event sealed for its actor: the client's address and agent among them.
///
/// # Errors
/// When the keys' database fails.
pub async fn open_actor(db: &Db, event: &EventId, sealed: Option<&[u8]>) -> Result<Opened, Fault> {
    let mut opened = Opened::default();
    if let Some(sealed) = sealed {
        open_part(db, event.as_str(), "actor", sealed, &mut opened.0).await?;
    }
    Ok(opened)
}

/// One page of the list, newest first.
#[derive(Debug)]
pub struct Page {
    /// At most fifty.
    pub entries: Vec<Entry>,
    /// More on the newer side.
    pub newer: bool,
    /// More on the older side.
    pub older: bool,
}

/// The entries that fit `filter`, at a place of the list.
///
/// # Errors
/// When the database fails.
pub async fn page(db: &Db, filter: &Filter, at: &At) -> Result<Page, Error> {
    let limit = i64::try_from(PAGE_MAX + 1).context("page size")?;
    let statement = filter.statement(db);
    let statement = match at {
        At::Newest => statement.int(sql::NEWEST_FIRST, limit),
        At::After(id) => statement.text(sql::ID_BELOW, id.as_str()).int(sql::NEWEST_FIRST, limit),
        At::Before(id) => statement.text(sql::ID_ABOVE, id.as_str()).int(sql::OLDEST_FIRST, limit),
    };
    let mut entries: Vec<Entry> = statement.on(db).all().await?;
    let more = entries.len() > PAGE_MAX;
    entries.truncate(PAGE_MAX);
    Ok(match at {
        At::Before(_) => {
            entries.reverse();
            Page { entries, newer: more, older: true }
        }
        At::Newest | At::After(_) => Page { entries, newer: *at != At::Newest, older: more },
    })
}

/// The next entries that fit `filter`, oldest first: after one id, before another.
///
/// # Errors
/// When the database fails.
pub async fn batch(db: &Db, filter: &Filter, after: Option<&EventId>, before: &EventId, limit: i64) -> Result<Vec<Entry>, Error> {
    let mut statement = filter.statement(db).text(sql::ID_BELOW, before.as_str());
    if let Some(after) = after {
        statement = statement.text(sql::ID_ABOVE, after.as_str());
    }
    Ok(statement.int(sql::OLDEST_FIRST, limit).on(db).all().await?)
}

/// The entry at a place of log `log`.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn entry(db: &Db, log: i64, seq: i64) -> Result<Entry, Error> {
    db.query(sql::ENTRY).bind(log).bind(seq).optional().await?.ok_or(Error::NotFound)
}

/// Links of log `log` from `first` on, below `end`, at most 501.
///
/// # Errors
/// When the database fails.
pub async fn links(db: &Db, log: i64, first: i64, end: i64) -> Result<Vec<LinkRow>, Error> {
    Ok(db.query(sql::LINKS).bind(log).bind(first).bind(end).all().await?)
}

/// Entries of log `log`, as its head counts them.
///
/// # Errors
/// When the log has no head.
pub async fn size(db: &Db, log: i64) -> Result<i64, Fault> {
    Ok(db.head(log).await?.ok_or_else(|| Fault::new("the log has no head"))?.size)
}

/// The logs there are, newest first.
///
/// # Errors
/// When the database fails.
pub async fn logs(db: &Db) -> Result<Vec<(i64, String)>, Error> {
    Ok(db.query(sql::LOGS).all().await?)
}

/// That an entry is in the log, by the newest checkpoint.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Size of the checkpoint.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// The inclusion proof.
    pub path: Vec<Hash>,
    /// The signed note.
    pub note: String,
}

/// Proves that entry `seq` is in log `log`; none while no checkpoint covers it.
///
/// # Errors
/// When the tiles are not there, unless the trail is in doubt: then there is no proof.
pub async fn prove(db: &Db, log: i64, seq: i64) -> Result<Option<Proof>, Error> {
    let Some(kept) = db.latest_checkpoint(log).await?.filter(|c| c.size > seq) else { return Ok(None) };
    let size = u64::try_from(kept.size).context("log size")?;
    let path = match db.inclusion(log, u64::try_from(seq).context("place in the log")?, size).await {
        Ok(path) => path,
        Err(_) if db.in_fault() => return Ok(None),
        Err(fault) => return Err(fault.into()),
    };
    let root = known(&kept.note).map_or([0; 32], |c| c.root);
    Ok(Some(Proof { size, root, path, note: kept.note }))
}

/// What a kept checkpoint says; the signature is not looked at.
#[must_use]
pub fn known(note: &str) -> Option<Checkpoint> {
    let (text, _) = note.split_once("\n\n")?;
    Checkpoint::parse(&format!("{text}\n")).ok()
}
