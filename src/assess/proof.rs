//! What an objective rests on: evidence it is linked to, and interviews, tests and examinations recorded without a file.
//! Must stay true: evidence serves any number of objectives, and an objective rests on any number of pieces; what a complete
//! objective rests on last is not taken away.

use jiff::civil::Date;

use super::system::{named, optional};
use super::{Confirm, Error, Link, Method, Record, Stage, TEXT_CHARS_MAX, Unlink, Withdraw, sql, window};
use crate::core::id::{AssessmentId, EvidenceId, PersonId, RecordId};
use crate::db::{Db, DbError, Detail, Tx};
use crate::evidence::standing::{Facts, flaw};
use crate::evidence::{Evidence, Flaw, State, Window, artifact, tags};
use crate::policy::{Act, Permit};
use crate::repeat::{Key, Once};

/// Links of one objective, and records of one.
pub const EACH_MAX: i64 = 200;

crate::row! {
    /// A link as stored, with the version that it follows.
    #[derive(Clone, Debug)]
    struct LinkRow {
        objective: String,
        evidence_id: EvidenceId,
        version_id: EvidenceId,
        owner_id: PersonId,
        name: String,
        sha256: String,
        method: String,
        made_by: String,
        made_at: i64,
        uploaded_at: i64,
        deleted_at: Option<i64>,
        number: i64,
        versions: i64,
        submitted_at: Option<i64>,
        approved_at: Option<i64>,
        approved_by: Option<PersonId>,
        superseded_at: Option<i64>,
        altered_at: Option<i64>,
        period_from: Option<String>,
        period_to: Option<String>,
        expires_on: Option<String>,
        tags: String,
    }
}

/// A link: it goes to all versions of a piece of evidence, and follows the newest that was approved.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The objective.
    pub objective: String,
    /// The first version: what the link goes to.
    pub evidence_id: EvidenceId,
    /// The version that it follows: the one in force, else the newest.
    pub version_id: EvidenceId,
    /// Which that is, from 1.
    pub number: i64,
    /// How many there are.
    pub versions: i64,
    /// How far it is.
    pub state: State,
    /// The name of its file.
    pub name: String,
    /// Its hash.
    pub sha256: String,
    /// Codes of its tags.
    pub tags: Vec<String>,
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
    /// Why it holds nothing today; none when it does.
    pub flaw: Option<Flaw>,
}

impl LinkRow {
    fn judged(self, today: Date, window: Window) -> Linked {
        let state = State::of(self.submitted_at, self.approved_at, self.superseded_at);
        let facts = Facts {
            owner: &self.owner_id,
            approved_by: self.approved_by.as_ref(),
            state,
            is_deleted: self.deleted_at.is_some(),
            is_altered: self.altered_at.is_some(),
            period: artifact::window(self.period_from.as_deref(), self.period_to.as_deref()),
            expires_on: self.expires_on.as_deref().and_then(|d| d.parse().ok()),
        };
        Linked {
            flaw: flaw(&facts, today, window),
            state,
            objective: self.objective,
            evidence_id: self.evidence_id,
            version_id: self.version_id,
            number: self.number,
            versions: self.versions,
            name: self.name,
            sha256: self.sha256,
            tags: tags::split(&self.tags),
            method: self.method,
            made_by: self.made_by,
            made_at: self.made_at,
            uploaded_at: self.uploaded_at,
            deleted_at: self.deleted_at,
        }
    }
}

crate::row! {
    /// A record as stored.
    #[derive(Clone, Debug)]
    struct RecordRow {
        id: RecordId,
        objective: String,
        method: String,
        with_whom: String,
        said: String,
        held_on: String,
        maker: PersonId,
        made_by: String,
        made_at: i64,
        confirmed_by: Option<String>,
        confirmed_at: Option<i64>,
    }
}

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
    pub maker: PersonId,
    /// The name of who recorded it.
    pub made_by: String,
    /// When.
    pub made_at: i64,
    /// Who confirmed it, and when; none while it waits for that.
    pub confirmed: Option<(String, i64)>,
    /// Why it holds nothing: nobody else confirmed it, or it is of another time than the assessment asks for.
    pub flaw: Option<Flaw>,
}

impl RecordRow {
    fn judged(self, window: Window) -> Recorded {
        let held = artifact::window(Some(&self.held_on), Some(&self.held_on));
        let of_time = (!window.touches(held)).then_some(Flaw::WrongPeriod);
        let confirmed = self.confirmed_by.zip(self.confirmed_at);
        Recorded {
            flaw: of_time.or_else(|| confirmed.is_none().then_some(Flaw::Unconfirmed)),
            confirmed,
            maker: self.maker,
            id: self.id,
            objective: self.objective,
            method: self.method,
            with_whom: self.with_whom,
            said: self.said,
            held_on: self.held_on,
            made_by: self.made_by,
            made_at: self.made_at,
        }
    }
}

fn detail(assessment: &AssessmentId, objective: &str) -> Detail {
    Detail::ok().with("assessment", assessment.as_str()).with("objective", objective)
}

/// Links evidence to an objective, whichever of its versions is named.
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
    let before: Option<(Option<i64>,)> = tx.query(sql::IS_LINKED).bind(assessment).bind(objective).bind(&item.line_id).optional().await?;
    if there >= EACH_MAX || before == Some((None,)) {
        return Err(Error::State);
    }
    let write = tx.write(if before.is_some() { sql::REVIVE_LINK } else { sql::INSERT_LINK }).bind(assessment).bind(objective).bind(&item.line_id);
    match write.bind(method.name()).bind(person).bind(now).execute().await {
        Ok(1) => {}
        Ok(_) => return Err(Error::State),
        Err(error) => {
            let error = DbError::from(error);
            return Err(if error.is_unique() { Error::State } else { error.into() });
        }
    }
    let detail = detail(assessment, objective).with("evidence", item.line_id.as_str()).with("version", item.number);
    let detail = detail.with("sha256", item.sha256.as_str()).with("method", method.name());
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
    let line: Option<(EvidenceId,)> = tx.query(sql::LINE).bind(evidence).optional().await?;
    let Some((evidence,)) = line else { return Err(Error::State) };
    if tx.write(sql::REMOVE_LINK).bind(assessment).bind(objective).bind(&evidence).bind(now).execute().await? != 1 {
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

/// Records it. It counts as evidence without a file, once somebody else confirmed it.
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

/// Confirms what somebody else recorded.
///
/// # Errors
/// [`Error::State`] when it is confirmed or withdrawn already, and always for whoever recorded it.
pub async fn confirm(db: &Db, permit: Permit<Confirm>, person: &PersonId, at: (&AssessmentId, &str), record: &RecordId) -> Result<(), Error> {
    let (assessment, objective) = at;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::CONFIRM_RECORD).bind(record).bind(assessment).bind(objective).bind(person).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, detail(assessment, objective).with("record", record.as_str())).await?;
    Ok(())
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

/// Every link of an assessment, or those of one objective, judged by today and by the time the assessment asks for.
///
/// # Errors
/// When the database fails.
pub async fn links(db: &Db, assessment: &AssessmentId, objective: Option<&str>) -> Result<Vec<Linked>, Error> {
    let (today, window) = (artifact::today(db.clock()), window::of(db, assessment).await?);
    let rows: Vec<LinkRow> = match objective {
        Some(objective) => db.query(sql::LINKS_OF).bind(assessment).bind(objective).all().await?,
        None => db.query(sql::LINKS).bind(assessment).all().await?,
    };
    Ok(rows.into_iter().map(|row| row.judged(today, window)).collect())
}

/// Every record of an assessment, or those of one objective, judged by the time the assessment asks for.
///
/// # Errors
/// When the database fails.
pub async fn records(db: &Db, assessment: &AssessmentId, objective: Option<&str>) -> Result<Vec<Recorded>, Error> {
    let window = window::of(db, assessment).await?;
    let rows: Vec<RecordRow> = match objective {
        Some(objective) => db.query(sql::RECORDS_OF).bind(assessment).bind(objective).all().await?,
        None => db.query(sql::RECORDS).bind(assessment).all().await?,
    };
    Ok(rows.into_iter().map(|row| row.judged(window)).collect())
}

/// Where a piece of evidence serves: assessment, its name, objective.
///
/// # Errors
/// When the database fails.
pub async fn uses(db: &Db, evidence: &EvidenceId) -> Result<Vec<(AssessmentId, String, String)>, Error> {
    Ok(db.query(sql::USES).bind(evidence).all().await?)
}
