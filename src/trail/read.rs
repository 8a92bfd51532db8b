//! Reads of the trail: pages of it, single entries, proofs. Personal values are opened here, and are absent once erased.
//! Must stay true: what an entry says comes from its body, and no opened value is shown that its commitment does not fit.

use std::collections::{BTreeMap, BTreeSet};

use countersign_audit::verify::checkpoint::Checkpoint;
use countersign_audit::write::Hash;
use countersign_audit::write::leaf::leaf_hash;
use serde_json::Value;

use super::filter::{At, Filter};
use super::{Error, sql};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::EventId;
use crate::db::integrity::LinkRow;
use crate::db::keep::Erased;
use crate::db::projection::{Columns, Said};
pub use crate::db::sealed::Keyed;
use crate::db::sealed::{Committed, PARTS, commitments, open_part, subject_of};
use crate::db::{ADDRESS_INDEX, Db};
use crate::store::Record;
use crate::vault::OpenError;

/// Entries on a page.
pub const PAGE_MAX: usize = 50;
/// Entries of one answer of the API.
pub const API_PAGE_MAX: i64 = 500;

crate::row! {
    struct Kept { id: EventId, seq: i64, prev: Vec<u8>, leaf_hash: Vec<u8>, body: Vec<u8>, actor_sealed: Option<Vec<u8>>, subject_sealed: Option<Vec<u8>> }
}

/// An entry with its place in the log and its sealed values. What it says is read from its body alone; the columns by which it
/// was found are only held against that.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The event's id.
    pub id: EventId,
    /// Place in the log.
    pub seq: i64,
    /// Hash of the leaf before.
    pub prev: Vec<u8>,
    /// Hash of this leaf.
    pub leaf_hash: Vec<u8>,
    /// The canonical body.
    pub body: Vec<u8>,
    /// When, who, what and how it ended, as the body says it.
    pub said: Said,
    /// The columns that say something else: nobody but a hand in the database did that.
    pub differing: Vec<&'static str>,
    /// When; of the column where the body cannot be read.
    pub at: Micros,
    address_ix: Option<String>,
    actor_sealed: Option<Vec<u8>>,
    subject_sealed: Option<Vec<u8>>,
}

impl Entry {
    fn of(kept: Kept, columns: &Columns) -> Self {
        let said = Said::of(&kept.body);
        let differing = said.as_ref().map_or_else(|| vec!["body"], |said| columns.differing_from(said));
        let said = said.unwrap_or_default();
        Self {
            id: kept.id,
            seq: kept.seq,
            prev: kept.prev,
            leaf_hash: kept.leaf_hash,
            body: kept.body,
            at: said.at().unwrap_or(columns.at),
            said,
            differing,
            address_ix: columns.address_ix.clone(),
            actor_sealed: kept.actor_sealed,
            subject_sealed: kept.subject_sealed,
        }
    }
}

impl<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> for Entry {
    fn from_row(row: &'r sqlx::postgres::PgRow) -> sqlx::Result<Self> {
        Ok(Self::of(Kept::from_row(row)?, &Columns::from_row(row)?))
    }
}

impl Record for Entry {
    fn from_lite(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self::of(Kept::from_lite(row)?, &Columns::from_lite(row)?))
    }
}

/// Personal values of an entry by name. One that was erased is not there, nor is one that does not fit the entry's commitment.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    values: BTreeMap<String, String>,
    wrong: BTreeSet<String>,
    broken: bool,
    misplaced: bool,
    /// The erasures that took values away.
    pub erased: Vec<Erased>,
}

impl Opened {
    /// The value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Is what lies sealed under this name something else than what the entry committed to?
    #[must_use]
    pub fn is_wrong(&self, name: &str) -> bool {
        self.wrong.contains(name) || (self.broken && !self.values.contains_key(name))
    }

    /// Does the column that searches by address hold another one than the entry?
    #[must_use]
    pub fn is_misplaced(&self) -> bool {
        self.misplaced
    }

    /// Does everything that opened fit, and is what did not open explained?
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.wrong.is_empty() && !self.broken
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

    /// Do the stored bytes have the hash that the log has at this place?
    #[must_use]
    pub fn is_as_hashed(&self) -> bool {
        self.leaf().is_ok_and(|leaf| leaf_hash(&leaf).as_slice() == self.leaf_hash)
    }

    /// Opens the personal values and holds each against the commitment of the entry. What is not there, and was not erased by
    /// an entry, is as wrong as what does not fit.
    ///
    /// # Errors
    /// When a database fails.
    pub async fn open(&self, db: &Db) -> Result<Opened, Fault> {
        let (mut opened, body) = (Opened::default(), self.json());
        let committed = commitments(&body);
        for (part, sealed) in PARTS.into_iter().zip([&self.actor_sealed, &self.subject_sealed]) {
            let mine: Vec<&Committed> = committed.iter().filter(|c| c.part == part).collect();
            let mut held = match sealed {
                None if mine.is_empty() => continue,
                None => None,
                Some(sealed) => match open_part(db, self.id.as_str(), part, sealed).await {
                    Ok(held) => Some(held),
                    Err(OpenError::Fault(fault)) => return Err(fault),
                    Err(OpenError::Erased) => None,
                    Err(OpenError::Altered | OpenError::NoKey) => {
                        opened.broken = true;
                        continue;
                    }
                },
            };
            let Some(held) = &mut held else {
                match self.erasure(db, &body, part).await? {
                    Some(erased) => opened.erased.push(erased),
                    None => opened.broken = true,
                }
                continue;
            };
            for c in mine {
                match held.remove(&c.name).filter(|held| held.fits(&c.name, &c.c)) {
                    Some(held) => drop(opened.values.insert(c.name.clone(), held.value)),
                    None => drop(opened.wrong.insert(c.name.clone())),
                }
            }
            opened.wrong.extend(held.keys().cloned());
        }
        let address = opened.get("net.ip").map(|address| db.vault().blind(ADDRESS_INDEX, address));
        opened.misplaced = address.is_some() && address != self.address_ix;
        Ok(opened)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    async fn erasure(&self, db: &Db, body: &Value, part: &str) -> Result<Option<Erased>, Fault> {
        match subject_of(body, part) {
            Some(subject) => db.erased(subject).await,
            None => Ok(None),
        }
    }

    /// The same, each with the key of its commitment; what does not fit it, or may not be shown any more, is left out. Also
    /// the parts whose subject was erased.
    ///
    /// # Errors
    /// As [`Entry::open`].
    pub async fn keyed(&self, db: &Db) -> Result<(BTreeMap<String, Keyed>, Vec<&'static str>), Fault> {
        let (mut out, mut erased, body) = (BTreeMap::new(), Vec::new(), self.json());
        let committed = commitments(&body);
        for (part, sealed) in PARTS.into_iter().zip([&self.actor_sealed, &self.subject_sealed]) {
            if !committed.iter().any(|c| c.part == part) {
                continue;
            }
            // Asked first: a key that came back from a backup opens nothing here.
            if self.erasure(db, &body, part).await?.is_some() {
                erased.push(part);
                continue;
            }
            let Some(sealed) = sealed else { continue };
            match open_part(db, self.id.as_str(), part, sealed).await {
                Ok(held) => out.extend(held.into_iter().filter(|(name, held)| committed.iter().any(|c| c.name == *name && held.fits(name, &c.c)))),
                Err(OpenError::Erased | OpenError::Altered | OpenError::NoKey) => {}
                Err(OpenError::Fault(fault)) => return Err(fault),
            }
        }
        Ok((out, erased))
    }
}

/// Opens the values an event sealed for its actor: the client's address and agent among them. They are not held against the
/// entry, which is not read here.
///
/// # Errors
/// When the keys' database fails; erased or altered values are merely absent.
pub async fn open_actor(db: &Db, event: &EventId, sealed: Option<&[u8]>) -> Result<Opened, Fault> {
    let Some(sealed) = sealed else { return Ok(Opened::default()) };
    match open_part(db, event.as_str(), "actor", sealed).await {
        Ok(held) => Ok(Opened { values: held.into_iter().map(|(name, held)| (name, held.value)).collect(), ..Opened::default() }),
        Err(OpenError::Erased | OpenError::Altered | OpenError::NoKey) => Ok(Opened::default()),
        Err(OpenError::Fault(fault)) => Err(fault),
    }
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
    let statement = if filter.is_by_place() {
        match at {
            At::Newest => statement.int(sql::LAST_PLACE_FIRST, limit),
            At::After(id) => statement.int(sql::PLACE_BELOW, place_of(db, filter.log, id).await?.unwrap_or(0)).int(sql::LAST_PLACE_FIRST, limit),
            At::Before(id) => statement.int(sql::PLACE_ABOVE, place_of(db, filter.log, id).await?.unwrap_or(i64::MAX)).int(sql::FIRST_PLACE_FIRST, limit),
        }
    } else {
        match at {
            At::Newest => statement.int(sql::NEWEST_FIRST, limit),
            At::After(id) => statement.text(sql::ID_BELOW, id.as_str()).int(sql::NEWEST_FIRST, limit),
            At::Before(id) => statement.text(sql::ID_ABOVE, id.as_str()).int(sql::OLDEST_FIRST, limit),
        }
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
    if filter.is_by_place() {
        if let Some(after) = after {
            statement = statement.int(sql::PLACE_ABOVE, place_of(db, filter.log, after).await?.unwrap_or(i64::MAX));
        }
        return Ok(statement.int(sql::FIRST_PLACE_FIRST, limit).on(db).all().await?);
    }
    if let Some(after) = after {
        statement = statement.text(sql::ID_ABOVE, after.as_str());
    }
    Ok(statement.int(sql::OLDEST_FIRST, limit).on(db).all().await?)
}

/// Where log `log` has an event; nowhere while it is not linked.
async fn place_of(db: &Db, log: i64, id: &EventId) -> Result<Option<i64>, Error> {
    let found: Option<(i64,)> = db.query(sql::PLACE_OF).bind(log).bind(id).optional().await?;
    Ok(found.map(|(seq,)| seq))
}

/// The entry at a place of log `log`.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn entry(db: &Db, log: i64, seq: i64) -> Result<Entry, Error> {
    let entry: Entry = db.query(sql::ENTRY).bind(log).bind(seq).optional().await?.ok_or(Error::NotFound)?;
    if seq < db.pruned_below(log).await? { Err(Error::Pruned) } else { Ok(entry) }
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
    Ok(Some(Proof { size, root, path, note: db.cosigned(log, &kept).await? }))
}

/// What a kept checkpoint says; the signature is not looked at.
#[must_use]
pub fn known(note: &str) -> Option<Checkpoint> {
    let (text, _) = note.split_once("\n\n")?;
    Checkpoint::parse(&format!("{text}\n")).ok()
}
