//! Bringing an existing tracker in: a table of statuses and an archive of artifacts, shown first as what they would do, then taken
//! over by one act, or set aside.
//! Must stay true: nothing is taken over by halves, nor otherwise than it was shown; what changed since is told, not overwritten.

pub mod archive;
pub mod names;
pub mod plan;
pub mod sheet;
pub mod sql;
pub mod web;
mod web_api;

use std::collections::BTreeSet;
use std::io::{BufReader, Read as _};
use std::ops::ControlFlow;

use sha2::{Digest as _, Sha256};

use self::names::Ids;
use self::plan::{Plan, Source, judge};
pub use self::sheet::Use;
use self::sheet::{COLUMNS_MAX, ROWS_MAX, Table};
pub use self::web_api::api_doc;
use super::state::{self, State};
use super::{BringIn, Error, Method, SetAside, TakeOver, lines, proof};
use crate::catalog::Catalog;
use crate::core::book::{self, Book, BookError};
use crate::core::clock::{HOUR, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{AssessmentId, EvidenceId, PersonId, TrackerId};
use crate::core::unzip::ZipError;
use crate::db::{Db, Detail};
use crate::evidence::bring::{self, Fresh};
use crate::evidence::{self, Quota};
use crate::http::App;
use crate::policy::{Actor, On, Permit};
use crate::repeat::{Key, Once};

/// Bytes of a table.
pub const SHEET_BYTES_MAX: u64 = 16 << 20;
/// How long what was brought waits: less than files that nothing names are kept.
pub const WAITS: Micros = 20 * HOUR;
/// Imports of one assessment that are listed.
pub const LISTED_MAX: i64 = 20;

crate::row! {
    /// An import as stored.
    #[derive(Clone, Debug)]
    pub struct Brought {
        /// Id.
        pub id: TrackerId,
        /// Into which assessment.
        pub assessment_id: AssessmentId,
        /// What that is called.
        pub assessment: String,
        /// Who brought it.
        pub person_id: PersonId,
        /// The name they are shown by.
        pub person: String,
        /// The name of the table.
        pub sheet_name: Option<String>,
        /// Its hash.
        pub sheet_sha256: Option<String>,
        /// The name of the archive.
        pub archive_name: Option<String>,
        /// Its hash.
        pub archive_sha256: Option<String>,
        /// What it would do, as JSON; empty in lists.
        pub plan: String,
        /// When it was brought.
        pub made_at: i64,
        /// When it was taken over.
        pub applied_at: Option<i64>,
        /// When it was set aside.
        pub ended_at: Option<i64>,
    }
}

impl Brought {
    /// What it would do.
    ///
    /// # Errors
    /// When the row was altered.
    pub fn plan(&self) -> Result<Plan, Fault> {
        serde_json::from_str(&self.plan).context("read the plan of an import")
    }

    /// How far it is: a word of the texts `bring-state-<word>`.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match (self.applied_at, self.ended_at) {
            (Some(_), _) => "applied",
            (None, Some(_)) => "ended",
            (None, None) => "waiting",
        }
    }
}

/// The rows of a table that hold something, each with its number.
pub type Numbered = Vec<(u64, Vec<String>)>;

/// The table of a file: a workbook's sheet, or CSV, each row with its number.
///
/// # Errors
/// The code of `error-<code>`, and for an unknown sheet those there are.
pub fn table_of(file: std::fs::File, name: Option<&str>) -> Result<Numbered, (String, String)> {
    let coded = |error: &BookError| {
        let there = if let BookError::NoSheet { there, .. } = error { there.join(", ") } else { String::new() };
        (format!("book-{}", error.code().replace('_', "-")), there)
    };
    let plain = |code: &str| (code.to_owned(), String::new());
    let mut head = Vec::new();
    let mut file = BufReader::new(file);
    (&mut file).take(SHEET_BYTES_MAX + 1).read_to_end(&mut head).map_err(|_| plain("book-unreadable"))?;
    if head.len() as u64 > SHEET_BYTES_MAX {
        return Err(plain("book-too-large"));
    }
    if !book::may_be(&head) {
        let text = text_of(&head).ok_or_else(|| plain("file-content"))?;
        let rows = lines::rows(&text, ROWS_MAX, COLUMNS_MAX);
        let rows = rows.map_err(|e| plain(if e == lines::Unread::Wide { "book-too-many-columns" } else { "bring-csv" }))?;
        return Ok(rows.into_iter().map(|(line, cells)| (line as u64, cells)).collect());
    }
    let (mut rows, mut chars) = (Vec::new(), 0_u64);
    let mut book = Book::open(std::io::Cursor::new(head)).map_err(|e| coded(&e))?;
    book.read(name, COLUMNS_MAX, &mut |line, cells| {
        chars += cells.iter().map(|c| c.len() as u64).sum::<u64>();
        if rows.len() > ROWS_MAX || chars > SHEET_BYTES_MAX {
            return ControlFlow::Break(ZipError::TooLarge.into());
        }
        rows.push((line, cells.to_vec()));
        ControlFlow::Continue(())
    })
    .map_err(|e| coded(&e))?;
    Ok(rows)
}

/// Text in UTF-8, or in UTF-16 with its mark.
fn text_of(bytes: &[u8]) -> Option<String> {
    let wide = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    let text = match bytes {
        [0xFF, 0xFE, ..] => wide(u16::from_le_bytes)?,
        [0xFE, 0xFF, ..] => wide(u16::from_be_bytes)?,
        _ => String::from_utf8(bytes.to_vec()).ok()?,
    };
    (!text.contains('\0')).then_some(text)
}

/// Puts together what a table and the files of an archive would do to an assessment as it is now.
///
/// # Errors
/// The code of `error-<code>` for the table as a whole.
pub async fn look(
    app: &App,
    assessment: &AssessmentId,
    catalog: &Catalog,
    table: Option<(Source, Numbered)>,
    files: Option<(Source, Vec<plan::FilePlan>)>,
) -> Result<Result<Plan, &'static str>, Error> {
    let mut plan = Plan::default();
    if let Some((source, rows)) = table {
        let Table { columns, rows } = match sheet::read(&Ids::of(catalog), &rows) {
            Ok(table) => table,
            Err(code) => return Ok(Err(code)),
        };
        (plan.sheet, plan.columns, plan.rows) = (Some(source), columns, rows);
    }
    if let Some((source, files)) = files {
        (plan.archive, plan.files) = (Some(source), files);
    }
    let db = &app.db;
    let (states, people) = (state::all(db, assessment).await?, state::people(db).await?);
    let links = proof::links(db, assessment, None).await?;
    let mut proven: BTreeSet<String> = links.into_iter().filter(|l| l.deleted_at.is_none()).map(|l| l.objective).collect();
    proven.extend(proof::records(db, assessment, None).await?.into_iter().map(|r| r.objective));
    proven.extend(plan.linked().into_iter().map(str::to_owned));
    let changes = judge(&mut plan.rows, &states, &people, Some(&proven));
    plan.seen = changes.into_iter().map(|c| (c.objective, c.version)).collect();
    Ok(Ok(plan))
}

/// Records that a tracker was brought, with what it would do.
///
/// # Errors
/// When the database fails.
pub async fn stage(
    db: &Db,
    permit: Permit<BringIn>,
    person: &PersonId,
    assessment: &AssessmentId,
    plan: &Plan,
    key: Option<Key>,
) -> Result<Once<TrackerId>, Error> {
    let text = serde_json::to_string(plan).context("write the plan of an import")?;
    let repeat = key.map(|key| key.with(db, &(assessment, &plan.sheet, &plan.archive))).transpose()?;
    let id = TrackerId::new(db.clock(), db.rng());
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = &repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    let now = tx.now();
    let (name, sha256) = (|s: &Option<Source>| s.as_ref().map(|s| s.name.clone()), |s: &Option<Source>| s.as_ref().map(|s| s.sha256.clone()));
    let insert = tx.write(sql::INSERT).bind(&id).bind(assessment).bind(person).bind(name(&plan.sheet)).bind(sha256(&plan.sheet));
    insert.bind(name(&plan.archive)).bind(sha256(&plan.archive)).bind(&text).bind(now).execute().await?;
    let mut detail = Detail::ok().with("import", id.as_str()).with("rows", count(plan.rows.len())).with("files", count(plan.files.len()));
    detail = detail.with("refused", count(plan.refused())).with("plan_sha256", hex::encode(Sha256::digest(&text)));
    for (kind, source) in [("sheet", &plan.sheet), ("archive", &plan.archive)] {
        if let Some(source) = source {
            detail = detail.with(&format!("{kind}_sha256"), source.sha256.as_str());
        }
    }
    tx.commit(permit, detail.keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(id))
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Why an import is not taken over. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Something of it is refused, and nobody said that it may stay out.
    #[error("some of it is refused; leave that out, or bring it again")]
    Refused,
    /// It would do nothing.
    #[error("it would change nothing")]
    Nothing,
    /// These objectives, or what they rest on, are not as they were when it was looked at.
    #[error("objectives changed since it was looked at: {}", .0.join(", "))]
    Moved(Vec<String>),
    /// It holds new files, which only who brought it makes theirs.
    #[error("it holds new files; who brought it takes it over")]
    NotYours,
    /// Its files are not here any more.
    #[error("its files are not here any more; bring it again")]
    Gone,
    /// The person's space does not take its files.
    #[error("there is not enough space left")]
    Quota,
    /// Anything else.
    #[error(transparent)]
    Other(Error),
}

impl<E: Into<Error>> From<E> for ApplyError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// What was taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// Objectives changed.
    pub objectives: i64,
    /// Pieces of evidence made.
    pub files: i64,
    /// Links made.
    pub links: i64,
    /// Rows and files left out.
    pub left_out: i64,
}

/// Takes everything over that was shown, in one act.
///
/// # Errors
/// [`ApplyError`].
pub async fn apply(app: &App, permit: Permit<TakeOver>, person: &PersonId, brought: &Brought, leave_out: bool, quota: Quota) -> Result<Counts, ApplyError> {
    let (db, mut plan) = (&app.db, brought.plan()?);
    if brought.state() != "waiting" {
        return Err(ApplyError::Other(Error::State));
    }
    let refused = plan.refused();
    if refused > 0 && !leave_out {
        return Err(ApplyError::Refused);
    }
    if !plan.does_something() {
        return Err(ApplyError::Nothing);
    }
    // Else who may not approve a file could have somebody else become its uploader.
    if brought.person_id != *person && plan.files.iter().any(plan::FilePlan::is_fresh) {
        return Err(ApplyError::NotYours);
    }
    let people = state::people(db).await?;
    // Until the commit, so that no sweep takes a file whose row is about to be.
    let _keeping = bring::keeping().await;
    for file in plan.files.iter().filter(|f| f.is_fresh()) {
        if app.blobs.open(&file.sha256).await?.is_none() {
            return Err(ApplyError::Gone);
        }
    }
    let assessment = &brought.assessment_id;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.query(super::sql::LOCK).execute().await?;
    let states: Vec<State> = tx.query(super::sql::STATES).bind(assessment).all().await?;
    let changes = judge(&mut plan.rows, &states, &people, None);
    let judged: std::collections::BTreeMap<String, i64> = changes.iter().map(|c| (c.objective.clone(), c.version)).collect();
    if judged != plan.seen || plan.refused() != refused {
        return Err(ApplyError::Moved(moved(&plan.seen, &judged)));
    }
    let fresh: Vec<_> = plan.files.iter().filter(|f| f.is_fresh()).collect();
    let bytes = fresh.iter().map(|f| i64::try_from(f.size).unwrap_or(i64::MAX)).fold(0, i64::saturating_add);
    match bring::room(&mut tx, person, quota, count(fresh.len()), bytes).await {
        Err(evidence::Error::Quota) => return Err(ApplyError::Quota),
        other => other.map_err(inside)?,
    }
    if tx.write(sql::APPLY).bind(&brought.id).bind(now).execute().await? != 1 {
        return Err(ApplyError::Other(Error::State));
    }
    let mut counts = Counts { left_out: count(refused), files: count(fresh.len()), ..Counts::default() };
    let made = files(app, &mut tx, person, assessment, &plan, &mut counts).await?;
    for change in &changes {
        match state::put(&mut tx, person, (assessment, &change.objective), change.version, &change.edit).await {
            Err(Error::Unproven | Error::Changed) => return Err(ApplyError::Moved(vec![change.objective.clone()])),
            done => done?,
        }
        counts.objectives += 1;
    }
    let mut detail = Detail::ok().with("import", brought.id.as_str()).with("objectives", counts.objectives).with("files", counts.files);
    detail = detail.with("links", counts.links).with("left_out", counts.left_out).with("bytes", bytes).with("evidence", made);
    detail = detail.with("plan_sha256", hex::encode(Sha256::digest(&brought.plan)));
    for (kind, sha256) in [("sheet", &brought.sheet_sha256), ("archive", &brought.archive_sha256)] {
        if let Some(sha256) = sha256 {
            detail = detail.with(&format!("{kind}_sha256"), sha256.as_str());
        }
    }
    tx.commit(permit, detail).await?;
    Ok(counts)
}

fn inside(error: evidence::Error) -> Error {
    match error {
        evidence::Error::Db(error) => error.into(),
        evidence::Error::Fault(fault) => fault.into(),
        other => Fault::with("keep evidence of an import", other).into(),
    }
}

/// What differs between two looks at an assessment.
fn moved(seen: &std::collections::BTreeMap<String, i64>, now: &std::collections::BTreeMap<String, i64>) -> Vec<String> {
    let all: BTreeSet<&String> = seen.keys().chain(now.keys()).collect();
    all.into_iter().filter(|o| seen.get(*o) != now.get(*o)).take(20).cloned().collect()
}

/// The rows of new evidence, and every link. Gives the ids of what was made.
async fn files(
    app: &App,
    tx: &mut crate::db::Tx<TakeOver>,
    person: &PersonId,
    assessment: &AssessmentId,
    plan: &Plan,
    counts: &mut Counts,
) -> Result<Vec<String>, ApplyError> {
    let (mut lines, mut made): (Vec<Option<EvidenceId>>, Vec<String>) = (Vec::new(), Vec::new());
    let known = evidence::tags::live(tx).await.map_err(inside)?;
    for file in &plan.files {
        let line = if file.refused.is_some() {
            None
        } else if let Some(same) = &file.same_as {
            let line: Option<(EvidenceId,)> = tx.query(sql::LIVE_LINE).bind(same).optional().await?;
            Some(line.ok_or(ApplyError::Gone)?.0)
        } else if let Some(twin) = file.twin {
            lines.get(twin).cloned().flatten()
        } else {
            let id = EvidenceId::new(app.db.clock(), app.db.rng());
            let size = i64::try_from(file.size).unwrap_or(i64::MAX);
            let fresh = Fresh { name: &file.name, mime: &file.mime, size, sha256: &file.sha256, says: &file.says };
            let tags: Vec<String> = file.tags.iter().filter(|t| known.contains(t)).cloned().collect();
            bring::put(tx, &id, person, &fresh, &tags).await.map_err(inside)?;
            made.push(id.to_string());
            Some(id)
        };
        for objective in line.iter().flat_map(|_| &file.objectives) {
            let Some(line) = &line else { continue };
            match proof::put_link(tx, person, (assessment, objective), line, Method::Examine).await {
                Ok(()) => counts.links += 1,
                Err(Error::State) => {
                    let linked: Option<(Option<i64>,)> =
                        tx.query(super::sql::IS_LINKED).bind(assessment).bind(objective.as_str()).bind(line).optional().await?;
                    // It is linked already, which is what was asked for; or there are as many as there may be.
                    if linked != Some((None,)) {
                        return Err(ApplyError::Moved(vec![objective.clone()]));
                    }
                }
                Err(error) => return Err(ApplyError::Other(error)),
            }
        }
        lines.push(line);
    }
    Ok(made)
}

/// Sets an import aside that waits.
///
/// # Errors
/// [`Error::State`] when it does not.
pub async fn set_aside(db: &Db, permit: Permit<SetAside>, brought: &Brought) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::END).bind(&brought.id).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok().with("import", brought.id.as_str())).await?;
    Ok(())
}

/// The import of this id.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: &TrackerId) -> Result<Option<Brought>, Fault> {
    db.query(sql::BROUGHT).bind(id).optional().await.context("find an import")
}

/// The newest imports of an assessment, without their plans.
///
/// # Errors
/// When the database fails.
pub async fn newest(db: &Db, assessment: &AssessmentId) -> Result<Vec<Brought>, Fault> {
    db.query(sql::BROUGHT_TO).bind(assessment).bind(LISTED_MAX).all().await.context("list imports")
}

/// Sets aside what nobody took over in time.
///
/// # Errors
/// When the database fails.
pub async fn sweep(app: &App, now: Micros) -> Result<(), Error> {
    let old: Vec<Brought> = app.db.query(sql::OLD).bind(now - WAITS).all().await?;
    for brought in old {
        let on = On::one("assessment", &brought.assessment_id);
        let permit = app.policy.permit::<SetAside>(&Actor::system(), &on).map_err(|denied| Fault::with("the policy sets no import aside", denied))?;
        match set_aside(&app.db, permit, &brought).await {
            // It ended by another way meanwhile.
            Ok(()) | Err(Error::State) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
