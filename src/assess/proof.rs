//! What an objective rests on: evidence it is linked to, and interviews, tests and examinations recorded without a file.
//! Must stay true: evidence serves any number of objectives, and an objective rests on any number of pieces; what a complete
//! objective rests on last is not taken away.

use jiff::civil::Date;

use super::system::{named, optional};
use super::{Error, Link, Method, Record, Stage, TEXT_CHARS_MAX, Unlink, Withdraw, sql};
use crate::core::id::{AssessmentId, EvidenceId, PersonId, RecordId};
use crate::db::{Db, DbError, Detail, Tx};
use crate::evidence::Evidence;
use crate::policy::{Act, Permit};
use crate::repeat::{Key, Once};

/// Links of one objective, and records of one.
pub const EACH_MAX: i64 = 200;

crate::row! {
    /// A link.
    #[derive(Clone, Debug)]
    pub struct Linked {
        /// The objective.
        pub objective: String,
        /// The evidence.
        pub evidence_id: EvidenceId,
        /// The name of its file.
        pub name: String,
        /// Its hash.
        pub sha256: String,
        /// A word of [`Method`].
        pub method: String,
        /// Who linked it.
        pub made_by: String,
        /// When.
        pub made_at: i64,
        /// When the file was uploaded.
        pub uploaded_at: i64,
        /// When it was deleted.
        pub deleted_at: Option<i64>,
    }
}

crate::row! {
    /// A record.
    #[derive(Clone, Debug)]
    pub struct Recorded {
        /// Id.
        pub id: RecordId,
        /// The objective.
        pub objective: String,
        /// A word of [`Method`].
        pub method: String,
        /// Who was asked, or what was tried.
        pub with_whom: String,
        /// What came of it.
        pub said: String,
        /// The day.
        pub held_on: String,
        /// Who recorded it.
        pub made_by: String,
        /// When.
        pub made_at: i64,
    }
}

fn detail(assessment: &AssessmentId, objective: &str) -> Detail {
    Detail::ok().with("assessment", assessment.as_str()).with("objective", objective)
}

/// Links evidence to an objective.
///
/// # Errors
/// [`Error::State`] when it is linked already, when the evidence is deleted, or when there are too many.
pub async fn link(
    db: &Db,
    permit: Permit<Link>,
    person: &PersonId,
    (assessment, objective): (&AssessmentId, &str),
    item: &Evidence,
    method: Method,
) -> Result<(), Error> {
    if item.deleted_at.is_some() {
        return Err(Error::State);
    }
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let there: i64 = tx.query(sql::COUNT_LINKS).bind(assessment).bind(objective).scalar().await?;
    let before: Option<(Option<i64>,)> = tx.query(sql::IS_LINKED).bind(assessment).bind(objective).bind(&item.id).optional().await?;
    if there >= EACH_MAX || before == Some((None,)) {
        return Err(Error::State);
    }
    let write = tx.write(if before.is_some() { sql::REVIVE_LINK } else { sql::INSERT_LINK }).bind(assessment).bind(objective).bind(&item.id);
    match write.bind(method.name()).bind(person).bind(now).execute().await {
        Ok(1) => {}
        Ok(_) => return Err(Error::State),
        Err(error) => {
            let error = DbError::from(error);
            return Err(if error.is_unique() { Error::State } else { error.into() });
        }
    }
    let detail = detail(assessment, objective).with("evidence", item.id.as_str()).with("sha256", item.sha256.as_str()).with("method", method.name());
    tx.commit(permit, detail).await?;
    Ok(())
}

/// Nothing a complete objective rests on last is taken away; to be asked after it was.
async fn still_rests<A: Act>(tx: &mut Tx<A>, (assessment, objective): (&AssessmentId, &str)) -> Result<(), Error> {
    let stage: Option<(String,)> = tx.query(sql::STAGE).bind(assessment).bind(objective).optional().await?;
    if stage.is_none_or(|(stage,)| stage != Stage::Complete.name()) {
        return Ok(());
    }
    let proven: i64 = tx.query(sql::PROVEN).bind(assessment).bind(objective).scalar().await?;
    if proven == 0 { Err(Error::LastProof) } else { Ok(()) }
}

/// Takes a link away.
///
/// # Errors
/// [`Error::State`] when it is gone; [`Error::LastProof`].
pub async fn unlink(db: &Db, permit: Permit<Unlink>, at: (&AssessmentId, &str), evidence: &EvidenceId) -> Result<(), Error> {
    let (assessment, objective) = at;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.query(sql::LOCK).execute().await?;
    if tx.write(sql::REMOVE_LINK).bind(assessment).bind(objective).bind(evidence).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    still_rests(&mut tx, at).await?;
    tx.commit(permit, detail(assessment, objective).with("evidence", evidence.as_str())).await?;
    Ok(())
}

/// An interview, a test or an examination about to be recorded.
#[derive(Clone, Debug, serde::Serialize)]
pub struct NewRecord {
    /// How.
    pub method: Method,
    /// Who was asked, or what was tried.
    pub with_whom: String,
    /// What came of it.
    pub said: String,
    /// The day.
    pub held_on: Date,
}

/// Records it. It counts as evidence without a file.
///
/// # Errors
/// [`Error::Text`]; [`Error::Field`] for a day that is still to come; [`Error::State`] when there are too many.
pub async fn record(
    db: &Db,
    permit: Permit<Record>,
    person: &PersonId,
    (assessment, objective): (&AssessmentId, &str),
    new: NewRecord,
    today: Date,
    key: Option<Key>,
) -> Result<Once<RecordId>, Error> {
    let new = NewRecord { with_whom: named("with", &new.with_whom)?, said: optional("said", &new.said, TEXT_CHARS_MAX)?, ..new };
    if new.said.is_empty() {
        return Err(Error::Text { field: "said", error: crate::core::text::TextError::Empty });
    }
    if new.held_on > today {
        return Err(Error::Field { field: "held_on", code: "day-to-come" });
    }
    let repeat = key.map(|key| key.with(db, &(assessment, objective, &new))).transpose()?;
    let id = RecordId::new(db.clock(), db.rng());
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = &repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    let now = tx.now();
    let there: i64 = tx.query(sql::COUNT_RECORDS).bind(assessment).bind(objective).scalar().await?;
    if there >= EACH_MAX {
        return Err(Error::State);
    }
    let insert = tx.write(sql::INSERT_RECORD).bind(&id).bind(assessment).bind(objective).bind(new.method.name());
    insert.bind(&new.with_whom).bind(&new.said).bind(new.held_on.to_string()).bind(person).bind(now).execute().await?;
    let detail = detail(assessment, objective).with("record", id.as_str()).with("method", new.method.name()).with("held_on", new.held_on.to_string());
    let detail = detail.personal("with", &new.with_whom).personal("said", &new.said);
    tx.commit(permit, detail.keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(id))
}

/// Withdraws a record; its row stays.
///
/// # Errors
/// [`Error::State`] when it is withdrawn already; [`Error::LastProof`].
pub async fn withdraw(db: &Db, permit: Permit<Withdraw>, at: (&AssessmentId, &str), record: &RecordId) -> Result<(), Error> {
    let (assessment, objective) = at;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.query(sql::LOCK).execute().await?;
    if tx.write(sql::WITHDRAW_RECORD).bind(record).bind(assessment).bind(objective).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    still_rests(&mut tx, at).await?;
    tx.commit(permit, detail(assessment, objective).with("record", record.as_str())).await?;
    Ok(())
}

/// Every link of an assessment, or those of one objective.
///
/// # Errors
/// When the database fails.
pub async fn links(db: &Db, assessment: &AssessmentId, objective: Option<&str>) -> Result<Vec<Linked>, Error> {
    Ok(match objective {
        Some(objective) => db.query(sql::LINKS_OF).bind(assessment).bind(objective).all().await?,
        None => db.query(sql::LINKS).bind(assessment).all().await?,
    })
}

/// Every record of an assessment, or those of one objective.
///
/// # Errors
/// When the database fails.
pub async fn records(db: &Db, assessment: &AssessmentId, objective: Option<&str>) -> Result<Vec<Recorded>, Error> {
    Ok(match objective {
        Some(objective) => db.query(sql::RECORDS_OF).bind(assessment).bind(objective).all().await?,
        None => db.query(sql::RECORDS).bind(assessment).all().await?,
    })
}

/// Where a piece of evidence serves: assessment, its name, objective.
///
/// # Errors
/// When the database fails.
pub async fn uses(db: &Db, evidence: &EvidenceId) -> Result<Vec<(AssessmentId, String, String)>, Error> {
    Ok(db.query(sql::USES).bind(evidence).all().await?)
}
