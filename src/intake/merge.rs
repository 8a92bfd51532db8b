//! Two records of one patient become one: field by field it is chosen which answer stays, the other record is closed with a
//! pointer and goes when the one it went into goes.
//! Must stay true: no answer is lost or overwritten; neither is kept longer than it was promised; who read either is told of both.

use zeroize::Zeroizing;

use super::{Brief, Error, Merge, Record, change, gone_or, person_ix, read, seal, seal_value, sql};
use crate::core::clock::Micros;
use crate::core::id::{IntakeId, PersonId};
use crate::db::{Db, Detail};
use crate::flow::{Flow, Kind};
use crate::policy::Permit;

/// Records that can go into one.
pub const MERGED_MAX: usize = 20;

crate::row! {
    struct Indexes { number_ix: Option<String>, person_ix: Option<String> }
}

/// The record that this one went into, or this one; when that is gone and this one is not, this one.
pub(super) async fn whole(db: &Db, record: Record) -> Result<Record, Error> {
    let Some(into) = &record.merged_into else { return Ok(record) };
    Ok(read::find(db, into).await?.filter(Record::is_there).unwrap_or(record))
}

/// Others of the same number, or of the same name and date of birth.
///
/// # Errors
/// When the database fails.
pub async fn alike(db: &Db, record: &Record) -> Result<Vec<Record>, Error> {
    let found: Option<Indexes> = db.query(sql::INDEXES).bind(&record.id).optional().await?;
    let Some(found) = found else { return Ok(Vec::new()) };
    let query = db.query(sql::ALIKE).bind(&record.id).bind(record.flow.as_str());
    Ok(query.bind(found.number_ix.unwrap_or_default()).bind(found.person_ix.unwrap_or_default()).all().await?)
}

/// Those that went into it.
///
/// # Errors
/// When the database fails.
pub async fn merged(db: &Db, record: &Record) -> Result<Vec<IntakeId>, Error> {
    let all: Vec<Record> = db.query(sql::MERGED).bind(&record.id).all().await?;
    Ok(all.into_iter().map(|record| record.id).collect())
}

/// Can these two become one?
///
/// # Errors
/// Why not.
pub async fn check(db: &Db, kept: &Record, other: &Record) -> Result<(), Error> {
    change::still(kept)?;
    change::still(other)?;
    let is_over = |record: &Record| matches!(record.state.as_str(), "complete" | "handover");
    let full = merged(db, kept).await?.len() >= MERGED_MAX;
    // A record that others went into is the one that stays: pointers have one step.
    if kept.id == other.id || kept.flow != other.flow || !is_over(kept) || !is_over(other) || full || !merged(db, other).await?.is_empty() {
        return Err(Error::Unlike);
    }
    Ok(())
}

/// How the answers of two records to a field stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// Both say the same, or neither says anything.
    Same,
    /// Only the one that stays says something.
    Kept,
    /// Only the other says something.
    Other,
    /// They say different things.
    Differ,
}

async fn answer(db: &Db, record: &Record, field: &str) -> Result<Option<Zeroizing<String>>, Error> {
    let Some((version, sealed)) = read::latest(db, &record.id, field).await? else { return Ok(None) };
    let text = gone_or(read::open_value(db, &record.id, field, version, &sealed).await)?.ok_or(Error::Gone)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// How the two stand, field by field; nothing of what they say.
///
/// # Errors
/// When a database fails, or one was shredded meanwhile.
pub async fn compare(db: &Db, flow: &Flow, kept: &Record, other: &Record) -> Result<Vec<(String, Stands)>, Error> {
    let mut out = Vec::with_capacity(flow.questions().len());
    for question in flow.questions() {
        let stands = match (answer(db, kept, &question.field).await?, answer(db, other, &question.field).await?) {
            (Some(a), Some(b)) if *a != *b => Stands::Differ,
            (Some(_), None) => Stands::Kept,
            (None, Some(_)) => Stands::Other,
            _ => Stands::Same,
        };
        out.push((question.field.clone(), stands));
    }
    Ok(out)
}

/// When both are destroyed once they are one: neither is kept longer than was promised when it was given.
#[must_use]
pub fn until(kept: &Record, other: &Record) -> Micros {
    kept.expires_at.min(other.expires_at)
}

/// What is merged, and why.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The record that is closed.
    pub other: &'a Record,
    /// Fields whose answer is the other's.
    pub from_other: &'a [String],
    /// In the words of who merges.
    pub why: &'a str,
}

/// Makes one of two, from the versions that were seen.
///
/// # Errors
/// [`Error::Unlike`], [`Error::Changed`], [`Error::Gone`], [`Error::Merged`].
pub async fn merge(db: &Db, permit: Permit<Merge>, flow: &Flow, kept: &Record, by: &PersonId, choice: Choice<'_>) -> Result<(), Error> {
    let Choice { other, from_other, why } = choice;
    check(db, kept, other).await?;
    let version = kept.version + 1;
    let (mut brief, mut values, mut name, mut birth): (Brief, _, _, _) = (kept.brief(db).await?, Vec::new(), None, None);
    for question in flow.questions() {
        let is_taken = from_other.contains(&question.field);
        let text = answer(db, if is_taken { other } else { kept }, &question.field).await?;
        if is_taken {
            let text = text.clone().ok_or(Error::NotFound)?;
            brief = brief.with(question.kind, &text);
            values.push((question.field.as_str(), seal_value(db, &kept.id, &question.field, version, &text).await?));
        }
        match question.kind {
            Kind::Name => name = text,
            Kind::Birth => birth = text,
            Kind::Text => {}
        }
    }
    if from_other.iter().any(|field| flow.question(field).is_none()) {
        return Err(Error::NotFound);
    }
    let person = name.zip(birth).map(|(name, birth)| person_ix(db, &name, &birth));
    let brief = seal(db, &kept.id, "brief", &brief).await?;
    let until = until(kept, other);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let write = tx.write(sql::MERGE_KEPT).bind(&kept.id).bind(kept.version).bind(Some(brief)).bind(person).bind(until).bind(now);
    if write.execute().await? != 1 {
        return Err(Error::Changed);
    }
    let write = tx.write(sql::MERGE_OTHER).bind(&other.id).bind(other.version).bind(Some(kept.id.to_string())).bind(until).bind(now);
    if write.execute().await? != 1 {
        return Err(Error::Changed);
    }
    for (field, value) in values {
        let insert = tx.write(sql::INSERT_VALUE).bind(&kept.id).bind(field).bind(version).bind(Some(value));
        insert.bind(super::by(Some(by))).bind(now).execute().await?;
    }
    let detail = Detail::ok().with("other", other.id.as_str()).with("fields", from_other.join(" ").as_str()).with("version", version);
    tx.commit(permit, detail.personal("reason", why)).await?;
    Ok(())
}
