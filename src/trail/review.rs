//! Sign-offs: somebody looked at a range of the trail, and says with their name what they found. Each is an entry.
//! Must stay true: what is signed off is what the leaves say, counted in the same reading; nobody signs off what is theirs
//! alone; a review is never changed, only corrected by another one that names it.

use countersign_audit::write::Hash;
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use super::filter::{Filter, Raw};
use super::review_sample::{drawn_from, seed_of};
use super::{Error, Review, read, sql};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{PersonId, ReviewId};
use crate::db::projection::{Columns, Said};
use crate::db::{Db, Detail};
use crate::http::templates::both_times;
use crate::policy::Permit;
use crate::store::Record;
use crate::vault::Place;

/// Entries of one review at most.
pub const ENTRIES_MAX: i64 = 100_000;
/// Entries drawn for one review at most.
pub const SAMPLE_MAX: usize = 500;
/// Characters of a comment.
pub const COMMENT_CHARS_MAX: usize = 4000;
/// Reviews of one page, and of one answer of the API.
pub const PAGE_MAX: usize = 50;
/// What may be found.
pub const FINDINGS: [&str; 3] = ["none", "question", "incident"];

/// A range of the log in which entries are reviewed, with what narrows them.
#[derive(Clone, Debug)]
pub struct Range {
    /// First place.
    pub first: i64,
    /// Last place, counted in.
    pub last: i64,
    /// The filters as typed, the range among them.
    pub raw: Raw,
    /// The filters as understood.
    pub filter: Filter,
}

impl Range {
    /// The range of a filter that names both ends.
    ///
    /// # Errors
    /// [`Error::Range`] without both ends, or with too many entries between them.
    pub fn of(raw: Raw, filter: Filter) -> Result<Self, Error> {
        let (first, last) = filter.range().ok_or(Error::Range)?;
        if first > last || last - first >= ENTRIES_MAX {
            return Err(Error::Range);
        }
        Ok(Self { first, last, raw, filter })
    }

    /// Does nothing but the range narrow it?
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.raw.used().iter().all(|(name, _)| ["first", "last", "log"].contains(name))
    }
}

/// A range as it was read.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The places of the entries that match, oldest first.
    pub matched: Vec<i64>,
    /// Every entry of the range, or every one that matches, is the reviewer's own act.
    pub own_alone: bool,
    /// Entries of the range whose columns say something else than their leaf.
    pub differing: i64,
    /// The root of the tree that ends with the range.
    pub root: Hash,
}

crate::row! {
    pub(super) struct PlaceRow { pub seq: i64, pub body: Vec<u8> }
}

/// An entry of a range: its place, what it says, and its columns.
pub(super) struct InRange {
    pub row: PlaceRow,
    pub columns: Columns,
}

impl<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> for InRange {
    fn from_row(row: &'r sqlx::postgres::PgRow) -> sqlx::Result<Self> {
        Ok(Self { row: PlaceRow::from_row(row)?, columns: Columns::from_row(row)? })
    }
}

impl Record for InRange {
    fn from_lite(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { row: PlaceRow::from_lite(row)?, columns: Columns::from_lite(row)? })
    }
}

/// Reads a range once, from its first entry to its last.
///
/// # Errors
/// [`Error::Range`] when the log does not reach so far.
pub async fn look(db: &Db, range: &Range, reviewer: &PersonId) -> Result<Looked, Error> {
    let log = range.filter.log;
    if range.last >= read::size(db, log).await? || range.first < db.pruned_below(log).await? {
        return Err(Error::Range);
    }
    let address = range.filter.blind_address(db);
    let (mut seen, mut own, mut own_matched, mut differing) = (0, 0, 0, 0);
    let mut matched = Vec::new();
    let mut rows = db.query(sql::IN_RANGE).bind(log).bind(range.first).bind(range.last).stream::<InRange>()?;
    while let Some(InRange { row, columns }) = rows.try_next().await? {
        let said = Said::of(&row.body).unwrap_or_default();
        let is_own = said.actor.id.as_deref() == Some(reviewer.as_str());
        seen += 1;
        own += i64::from(is_own);
        differing += i64::from(!columns.differing_from(&said).is_empty());
        if range.filter.fits(&said, columns.address_ix.as_deref(), address.as_deref()) {
            matched.push(row.seq);
            own_matched += usize::from(is_own);
        }
    }
    drop(rows);
    if seen != range.last - range.first + 1 {
        return Err(Fault::new(format!("entries {} to {}: {seen} are there", range.first, range.last)).into());
    }
    let own_alone = own == seen || (!matched.is_empty() && own_matched == matched.len());
    let root = db.root(log, u64::try_from(range.last + 1).context("log size")?).await?;
    Ok(Looked { matched, own_alone, differing, root })
}

/// A sample of what matches: how it was drawn, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// From which everybody can draw it again.
    pub seed: String,
    /// The places drawn, in their order.
    pub drawn: Vec<i64>,
}

impl Looked {
    /// Draws `count` of the entries that match. Nobody chooses: the seed follows from the range and its root.
    #[must_use]
    pub fn sample(&self, range: &Range, count: usize) -> Sample {
        let count = count.min(SAMPLE_MAX);
        let seed = seed_of(range.filter.log, range.first, range.last, count, &self.root);
        Sample { seed: hex::encode(seed), drawn: drawn_from(&self.matched, &seed, count) }
    }
}

/// A sign-off about to be made.
#[derive(Debug)]
pub struct SignOff<'a> {
    /// Who signs.
    pub reviewer: &'a PersonId,
    /// What.
    pub range: &'a Range,
    /// So many were drawn and looked at; none means all were.
    pub sample: Option<usize>,
    /// One of [`FINDINGS`].
    pub finding: &'a str,
    /// In the reviewer's words.
    pub comment: &'a str,
    /// The sentence that was shown: what signing means.
    pub meaning: &'a str,
    /// When password and code were given last.
    pub authenticated_at: Micros,
    /// The review that this one puts right.
    pub corrects: Option<&'a ReviewId>,
}

/// What lies sealed with a review.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// The filters as a query; empty when nothing but the range narrowed it.
    pub filter: String,
    /// The comment.
    pub comment: String,
}

fn place(id: &ReviewId) -> Place<'_> {
    Place { table: "review", row: id.as_str(), column: "sealed" }
}

/// Signs a range off. The range is read again for it, so that what is signed is what lies there now.
///
/// # Errors
/// [`Error::Range`], [`Error::OwnAlone`], [`Error::Differs`], [`Error::Corrected`].
pub async fn sign(db: &Db, permit: Permit<Review>, off: SignOff<'_>) -> Result<ReviewId, Error> {
    let SignOff { reviewer, range, .. } = off;
    let looked = look(db, range, reviewer).await?;
    if looked.own_alone {
        return Err(Error::OwnAlone);
    }
    if looked.differing > 0 && off.finding != "incident" {
        return Err(Error::Differs);
    }
    if let Some(corrected) = off.corrects {
        by_id(db, corrected).await?.ok_or(Error::Corrected)?;
    }
    let sample = off.sample.map(|count| looked.sample(range, count));
    let id = ReviewId::new(db.clock(), db.rng());
    let words = Words { filter: if range.is_whole() { String::new() } else { range.raw.query("", None) }, comment: off.comment.to_owned() };
    let plain = serde_json::to_vec(&words).context("write a review")?;
    let sealed = db.vault().seal(reviewer.as_str(), &place(&id), &plain).await.map_err(crate::db::DbError::from)?;
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let drawn = sample.as_ref().map_or_else(String::new, |s| s.drawn.iter().map(i64::to_string).collect::<Vec<_>>().join(" "));
    let insert = tx.write(sql::INSERT_REVIEW).bind(&id).bind(range.filter.log).bind(range.first).bind(range.last).bind(i64::from(range.is_whole()));
    let insert = insert.bind(i64::try_from(looked.matched.len()).unwrap_or(i64::MAX)).bind(hex::encode(looked.root)).bind(off.finding);
    let insert = insert.bind(method(sample.as_ref())).bind(sample.as_ref().map(|s| s.seed.clone())).bind(drawn).bind(sealed);
    if let Err(error) = insert.bind(reviewer).bind(off.corrects.cloned()).bind(now).execute().await {
        drop(tx);
        let error = crate::db::DbError::from(error);
        let corrected = error.is_unique() || is_corrected(db, off.corrects).await?;
        return Err(if corrected { Error::Corrected } else { error.into() });
    }
    tx.commit(permit, detail(&off, &looked, sample.as_ref(), &words)).await?;
    Ok(id)
}

fn method(sample: Option<&Sample>) -> &'static str {
    if sample.is_some() { "sample" } else { "all" }
}

fn detail(off: &SignOff<'_>, looked: &Looked, sample: Option<&Sample>, words: &Words) -> Detail {
    let range = off.range;
    let mut detail = Detail::ok()
        .with("log", range.filter.log)
        .with("from_seq", range.first)
        .with("to_seq", range.last)
        .with("matched", i64::try_from(looked.matched.len()).unwrap_or(i64::MAX))
        .with("root", hex::encode(looked.root))
        .with("finding", off.finding)
        .with("method", method(sample))
        .with("meaning", off.meaning)
        .with("authenticated_at", both_times(off.authenticated_at, "UTC").0)
        .personal("comment", &words.comment);
    if let Some(sample) = sample {
        detail = detail.with("seed", sample.seed.as_str()).with("drawn", sample.drawn.clone());
    }
    if looked.differing > 0 {
        detail = detail.with("differing", looked.differing);
    }
    if !words.filter.is_empty() {
        let used: Vec<&str> = range.raw.used().into_iter().map(|(name, _)| name).collect();
        detail = detail.with("filters", used).personal("filter", &words.filter);
    }
    match off.corrects {
        Some(corrected) => detail.with("corrects", corrected.as_str()),
        None => detail,
    }
}

/// SQLite's guard against replacing speaks before its unique key does.
async fn is_corrected(db: &Db, corrected: Option<&ReviewId>) -> Result<bool, Error> {
    let Some(corrected) = corrected else { return Ok(false) };
    let found: Option<(ReviewId,)> = db.query(sql::CORRECTION_OF).bind(corrected).optional().await?;
    Ok(found.is_some())
}

crate::row! {
    /// A review as stored, with the name of who signed and the place of its entry.
    #[derive(Clone, Debug)]
    pub struct Signed {
        /// Id.
        pub id: ReviewId,
        /// The log.
        pub log: i64,
        /// First place.
        pub from_seq: i64,
        /// Last place.
        pub to_seq: i64,
        /// 1 when nothing but the range narrowed it.
        pub whole: i64,
        /// Entries that matched.
        pub matched: i64,
        /// The root of the tree that ends with the range, in hex.
        pub root: String,
        /// What was found.
        pub finding: String,
        /// `all` or `sample`.
        pub method: String,
        /// From which the sample follows.
        pub seed: Option<String>,
        /// The places drawn.
        pub drawn: String,
        /// Filter and comment.
        pub sealed: Vec<u8>,
        /// Who signed.
        pub person_id: PersonId,
        /// The name they are shown by.
        pub reviewer: String,
        /// The review that this one puts right.
        pub corrects: Option<ReviewId>,
        /// The review that puts this one right.
        pub corrected_by: Option<ReviewId>,
        /// When.
        pub made_at: i64,
        /// Where the chain has its entry; none while that is not linked.
        pub entry_log: Option<i64>,
        /// The place there.
        pub entry_seq: Option<i64>,
    }
}

impl Signed {
    /// The places drawn.
    #[must_use]
    pub fn drawn(&self) -> Vec<i64> {
        self.drawn.split(' ').filter_map(|n| n.parse().ok()).collect()
    }

    /// Filter and comment; none once they were erased.
    ///
    /// # Errors
    /// When they do not open, or the keys' database fails.
    pub async fn words(&self, db: &Db) -> Result<Option<Words>, Fault> {
        match db.vault().unseal(&place(&self.id), &self.sealed).await {
            Ok(plain) => serde_json::from_slice(&plain).map(Some).context("read a review"),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(Fault::with("open a review", error)),
        }
    }
}

/// The review of this id.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &ReviewId) -> Result<Option<Signed>, Error> {
    Ok(db.query(sql::REVIEW).bind(id).optional().await?)
}

/// Reviews, newest first, those older than `after`; at most `most`, and whether there are more.
///
/// # Errors
/// When the database fails.
pub async fn page(db: &Db, after: Option<&ReviewId>, most: usize) -> Result<(Vec<Signed>, bool), Error> {
    let most = most.clamp(1, PAGE_MAX);
    // Sorts after every id: a letter that no hex digit is.
    let below = after.map_or("rvw_g", ReviewId::as_str);
    let mut rows: Vec<Signed> = db.query(sql::REVIEWS).bind(below).bind(i64::try_from(most + 1).context("count reviews")?).all().await?;
    let more = rows.len() > most;
    rows.truncate(most);
    Ok((rows, more))
}
