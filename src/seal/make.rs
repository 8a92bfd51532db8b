//! Sealing: the assessment is read, its files are looked at, and everything is kept in one commit.
//! Must stay true: what is sealed was true at one instant. Every row it was read from is compared in the commit itself, by its
//! last entry: when one changed meanwhile, nothing is sealed.

use jiff::ToSpan as _;
use jiff::civil::Date;
use sha2::{Digest as _, Sha256};

use super::snapshot::{self, Made, Named, Planned};
use super::{ARTIFACTS_MAX, BACK_DAYS_MAX, Error, Make, RETAIN_YEARS, document, dod, sql};
use crate::assess::section;
use crate::assess::system::{self, Assessment};
use crate::assess::web::Known;
use crate::blobs::Blobs;
use crate::catalog::Catalog;
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{AssessmentId, PersonId, SealId};
use crate::db::{Db, Detail};
use crate::http::App;
use crate::plans;
use crate::policy::Permit;
use crate::repeat::{Key, Once};

/// Links that one seal takes in; the statement fetches one more.
const ROWS_MAX: usize = 30_000;

/// A seal about to be made.
#[derive(Debug)]
pub struct Sealing<'a> {
    /// Whose words its documents are in.
    pub app: &'a App,
    /// Who seals.
    pub person: &'a PersonId,
    /// What.
    pub assessment: &'a Assessment,
    /// By what it was assessed.
    pub catalog: &'a Catalog,
    /// The CMMC status date.
    pub status_date: Date,
    /// The day it is.
    pub today: Date,
}

/// The last day on which what is sealed must be there, and the instant at which that day is over everywhere on the safe side.
fn kept_until(status_date: Date) -> Result<(Date, Micros), Error> {
    let last = status_date.saturating_add(RETAIN_YEARS.years());
    let over = last.saturating_add(1.day()).to_zoned(jiff::tz::TimeZone::UTC).map_err(|e| Fault::with("reckon the end of a seal", e))?;
    Ok((last, over.timestamp().as_microsecond()))
}

async fn stamp(db: &Db, id: &AssessmentId) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = db.query(sql::STAMP).bind(id).all().await?;
    Ok(sorted(rows))
}

fn sorted(rows: Vec<(String,)>) -> Vec<String> {
    let mut ids: Vec<String> = rows.into_iter().map(|(id,)| id).collect();
    ids.sort_unstable();
    ids
}

/// Every file must be there, of its size, before anything says that it is sealed. The bytes are hashed when they leave.
async fn look_at(blobs: &dyn Blobs, files: &[Named]) -> Result<(), Error> {
    for named in files {
        let opened = blobs.open(&named.file.sha256).await?;
        if opened.is_none_or(|o| i64::try_from(o.size) != Ok(named.file.size)) {
            return Err(Error::Damaged(named.file.id.to_string()));
        }
    }
    Ok(())
}

/// Makes the documents, beside the work of others; gives the body back.
async fn documented(app: &App, body: Vec<u8>, digest: &str) -> Result<(Vec<u8>, Vec<document::Made>), Fault> {
    let (app, digest) = (app.clone(), digest.to_owned());
    let work = tokio::task::spawn_blocking(move || document::all(&app, &body, &digest).map(|documents| (body, documents)));
    work.await.context("make the documents of a seal")?
}

/// Seals an assessment as it is now.
///
/// # Errors
/// [`Error::Field`] for a status date that is to come or long gone; [`Error::Nothing`], [`Error::TooMany`], [`Error::Damaged`];
/// [`Error::Changed`] when somebody worked on it meanwhile.
pub async fn make(db: &Db, blobs: &dyn Blobs, permit: Permit<Make>, new: Sealing<'_>, key: Option<Key>) -> Result<Once<SealId>, Error> {
    let Sealing { app, person, assessment, catalog, status_date, today } = new;
    if status_date > today || status_date < today.saturating_sub(BACK_DAYS_MAX.days()) {
        return Err(Error::Field { field: "status_date", code: "status-date" });
    }
    let repeat = key.map(|key| key.with(db, &(assessment.id.as_str(), status_date.to_string()))).transpose()?;
    let before = stamp(db, &assessment.id).await?;
    let known = Known::of(db, &assessment.id).await?;
    let system = system::by_id(db, &assessment.system_id).await?.ok_or(Error::NotFound)?;
    let planned = Planned {
        items: plans::item::of(db, &assessment.id).await?,
        clock: plans::clock::of(db, &assessment.id).await?,
        operational: plans::operational::of(db, &assessment.system_id).await?,
    };
    let sections = section::all(db, &assessment.system_id, &assessment.framework).await?;
    let rows: Vec<snapshot::FileRow> = db.query(sql::FILES).bind(&assessment.id).all().await?;
    if rows.len() > ROWS_MAX {
        return Err(Error::TooMany);
    }
    let files = snapshot::named(catalog, rows);
    match files.len() {
        0 => return Err(Error::Nothing),
        n if n > ARTIFACTS_MAX => return Err(Error::TooMany),
        _ => {}
    }
    look_at(blobs, &files).await?;
    let id = SealId::new(db.clock(), db.rng());
    let (last_day, retain_until) = kept_until(status_date)?;
    let origin = db.log().1;
    let made = Made {
        id: &id,
        origin: &origin,
        person,
        at: db.clock().now(),
        status_date,
        retain_until: last_day,
        assessment,
        system: &system,
        catalog,
        known: &known,
        planned: &planned,
        sections: &sections,
        files: &files,
    };
    let body = snapshot::body(&made)?;
    let digest = hex::encode(Sha256::digest(&body));
    let (body, documents) = documented(app, body, &digest).await?;
    let summed: Vec<String> = documents.iter().map(|d| hex::encode(Sha256::digest(&d.bytes))).collect();
    let documents_digest = hex::encode(Sha256::digest(document::sums(summed.iter().zip(&documents).map(|(sum, d)| (sum.as_str(), d.name)))));
    let log_digest = hex::encode(Sha256::digest(dod::log(files.iter().map(|n| (n.file.sha256.as_str(), n.path.as_str())))));
    let (verified, projected) = known.whole(catalog).scores();
    let (count, bytes) = (i64::try_from(files.len()).unwrap_or(i64::MAX), files.iter().map(|n| n.file.size).sum::<i64>());

    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = &repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    tx.query(sql::LOCK).execute().await?;
    let now: Vec<(String,)> = tx.query(sql::STAMP).bind(&assessment.id).all().await?;
    if sorted(now) != before {
        return Err(Error::Changed);
    }
    let insert = tx.write(sql::INSERT).bind(&id).bind(&assessment.id).bind(status_date.to_string()).bind(digest.as_str()).bind(log_digest.as_str());
    let insert = insert
        .bind(count)
        .bind(bytes)
        .bind(verified.score)
        .bind(projected.score)
        .bind(body)
        .bind(person)
        .bind(made.at)
        .bind(retain_until)
        .bind(documents_digest.as_str());
    insert.execute().await?;
    for (place, named) in (1_i64..).zip(&files) {
        let insert = tx.write(sql::INSERT_ARTIFACT).bind(&id).bind(place).bind(&named.file.id).bind(named.path.as_str());
        insert.bind(named.file.sha256.as_str()).bind(named.file.size).bind(retain_until).execute().await?;
    }
    for ((place, document), sum) in (1_i64..).zip(documents).zip(summed) {
        let size = i64::try_from(document.bytes.len()).unwrap_or(i64::MAX);
        let insert = tx.write(sql::INSERT_DOCUMENT).bind(&id).bind(place).bind(document.name).bind(sum).bind(size);
        insert.bind(document.bytes).execute().await?;
    }
    let detail = Detail::ok()
        .with("assessment", assessment.id.as_str())
        .with("digest", digest)
        .with("artifacts_log", log_digest)
        .with("documents", documents_digest)
        .with("files", count)
        .with("bytes", bytes)
        .with("status_date", status_date.to_string())
        .with("retain_until", last_day.to_string());
    let scored = |detail: Detail, name: &str, score: Option<i64>| match score {
        Some(score) => detail.with(name, score),
        None => detail.with(name, "none"),
    };
    let detail = scored(scored(detail, "verified", verified.score), "projected", projected.score);
    tx.commit(permit, detail.keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_kept_six_years_and_to_the_end_of_the_day() {
        let (last, over) = kept_until(jiff::civil::date(2026, 1, 15)).expect("in range");
        assert_eq!((last.to_string().as_str(), over), ("2032-01-15", 1_957_824_000_000_000));
        assert_eq!(kept_until(jiff::civil::date(2024, 2, 29)).expect("in range").0.to_string(), "2030-02-28");
    }
}
