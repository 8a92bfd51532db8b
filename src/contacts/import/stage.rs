//! An import on its way into the database: staged, begun by a person who saw what it looks like, worked on in batches, ended.
//! Must stay true: what becomes of it follows from its row alone, so that a killed server goes on where the last batch was
//! committed; the file lies in the data folder under the import's id, goes after use, and after a day in any case.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::judge::Judge;
use super::layout::Layout;
use super::{BatchDone, COLUMNS_MAX, ImportError};
use crate::contacts::{Begin, Cancel, End, Error, Stage, sql};
use crate::core::book::Book;
use crate::core::clock::{DAY, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::folder::private_folder;
use crate::core::id::{ImportId, ListId, PersonId};
use crate::core::number::Kinds;
use crate::db::{Db, DbError, Detail, Outcome};
use crate::http::App;
use crate::policy::{Actor, On, Permit, Resource};
use crate::vault::{OpenError, Place};

/// Bytes of a file.
pub const FILE_BYTES_MAX: u64 = 1 << 30;
/// How long a file lies here at most.
pub const KEPT_FOR: Micros = DAY;
/// Files without a row that one sweep looks at.
const SWEPT_MAX: usize = 1000;

crate::row! {
    /// An import as stored.
    #[derive(Clone, Debug)]
    pub struct Import {
        /// Id.
        pub id: ImportId,
        /// Who brought it; none from the console.
        pub person_id: Option<PersonId>,
        /// `staged`, `running`, `done`, `failed`, `cancelled` or `expired`.
        pub state: String,
        /// The list its contacts come to, once it has begun.
        pub list_id: Option<ListId>,
        /// The file's name.
        pub name_sealed: Vec<u8>,
        /// How it is read, as JSON.
        pub layout: String,
        /// The country of numbers without `+`.
        pub region: Option<String>,
        /// Numbers of internet telephony are taken.
        pub voip: i64,
        /// SHA-256 of the file, in hex.
        pub sha256: String,
        /// Its bytes.
        pub bytes: i64,
        /// Rows done.
        pub rows_done: i64,
        /// New contacts.
        pub created: i64,
        /// Contacts that were there.
        pub known: i64,
        /// Rows whose number came before.
        pub duplicates: i64,
        /// Rows refused.
        pub refused: i64,
        /// Refused rows by reason, as JSON.
        pub reasons: String,
        /// Bytes of the file of refused rows.
        pub error_bytes: i64,
        /// Bytes read.
        pub bytes_done: i64,
        /// Why it failed: a stable name, and the row.
        pub error: Option<String>,
        /// When staged.
        pub made_at: i64,
        /// When begun.
        pub begun_at: Option<i64>,
        /// When ended.
        pub ended_at: Option<i64>,
    }
}

impl Import {
    /// How it is read.
    ///
    /// # Errors
    /// When the row was altered.
    pub fn layout(&self) -> Result<Layout, Fault> {
        serde_json::from_str(&self.layout).context("read an import's layout")
    }

    /// What its numbers are judged by.
    #[must_use]
    pub fn judge(&self) -> Judge {
        Judge { region: self.region.clone(), kinds: Kinds { voip: self.voip != 0 } }
    }

    /// Whose key seals its file's name.
    fn subject(&self) -> String {
        self.person_id.as_ref().map_or_else(|| "console".to_owned(), ToString::to_string)
    }

    /// The file's name; none once the person was erased.
    ///
    /// # Errors
    /// When a database fails, or the row was altered.
    pub async fn name(&self, db: &Db) -> Result<Option<String>, Error> {
        match db.vault().unseal_text(&place(&self.id), &self.name_sealed).await {
            Ok(name) => Ok(Some(name)),
            Err(OpenError::Erased) => Ok(None),
            Err(error) => Err(DbError::from(error).into()),
        }
    }
}

impl Resource for Import {
    fn on(&self) -> On {
        On { owner: self.person_id.clone(), subject: Some(self.subject()), ..On::one("import", &self.id) }
    }
}

fn place(id: &ImportId) -> Place<'_> {
    Place { table: "contact_import", row: id.as_str(), column: "name_sealed" }
}

/// Where staged files and those of refused rows lie.
#[must_use]
pub fn folder(app: &App) -> PathBuf {
    app.config.data.join("imports")
}

/// The staged file of an import.
#[must_use]
pub fn file_of(app: &App, id: &ImportId) -> PathBuf {
    folder(app).join(format!("{id}.csv"))
}

/// Where the rows of a staged workbook are put, before they take its place.
#[must_use]
pub fn part_of(path: &Path) -> PathBuf {
    path.with_extension("part")
}

/// Writes CSV of one sheet of a staged workbook beside it, to [`part_of`]: the named one, or the first that is not hidden. Gives its
/// bytes. Whoever asked puts it in the workbook's place, so that nothing is put anywhere for somebody who has gone.
///
/// # Errors
/// [`ImportError::Book`]; [`ImportError::Unreadable`] when the disk fails.
pub fn unbook(path: &Path, sheet: Option<&str>) -> Result<u64, ImportError> {
    let failed = |e: std::io::Error| ImportError::Unreadable(e.to_string());
    let aside = part_of(path);
    let made = || -> Result<u64, ImportError> {
        let mut book = Book::open(BufReader::new(File::open(path).map_err(failed)?))?;
        let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside).map_err(failed)?;
        let mut out = BufWriter::new(out);
        book.write_csv(sheet, COLUMNS_MAX, FILE_BYTES_MAX, &mut out)?;
        let out = out.into_inner().map_err(|e| failed(e.into_error()))?;
        out.sync_all().map_err(failed)?;
        Ok(out.metadata().map_err(failed)?.len())
    };
    let done = made();
    if done.is_err() {
        forget(&aside);
    }
    done
}

/// The file of its refused rows.
#[must_use]
pub fn errors_of(app: &App, id: &ImportId) -> PathBuf {
    folder(app).join(format!("{id}.errors.csv"))
}

/// Makes the folder, for its owner alone.
///
/// # Errors
/// When the disk does not take it.
pub fn make_folder(app: &App) -> Result<(), Fault> {
    private_folder(&folder(app)).context("make the folder of imports")
}

/// A file that arrived whole.
#[derive(Debug)]
pub struct Arrived<'a> {
    /// Its id, under which it lies.
    pub id: ImportId,
    /// Who brought it.
    pub person: Option<&'a PersonId>,
    /// Its name.
    pub name: &'a str,
    /// SHA-256 in hex.
    pub sha256: String,
    /// Bytes.
    pub bytes: u64,
    /// What it looks like.
    pub layout: &'a Layout,
}

/// Records that a file is here.
///
/// # Errors
/// When the database fails.
pub async fn stage(db: &Db, permit: Permit<Stage>, arrived: &Arrived<'_>) -> Result<(), Error> {
    let subject = arrived.person.map_or_else(|| "console".to_owned(), ToString::to_string);
    let name = db.vault().seal(&subject, &place(&arrived.id), arrived.name.as_bytes()).await.map_err(DbError::from)?;
    let layout = serde_json::to_string(arrived.layout).context("write a layout")?;
    let bytes = i64::try_from(arrived.bytes).unwrap_or(i64::MAX);
    let permit = permit.naming(&arrived.id).about(&subject);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let insert = tx.write(sql::INSERT_IMPORT).bind(&arrived.id).bind(arrived.person.cloned()).bind(name).bind(layout);
    insert.bind(arrived.sha256.as_str()).bind(bytes).bind(now).execute().await?;
    tx.commit(permit, Detail::ok().with("sha256", arrived.sha256.as_str()).with("bytes", bytes).personal("name", arrived.name)).await?;
    Ok(())
}

/// What a person decided about a staged file.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The list its contacts come to.
    pub list: ListId,
    /// How it is read.
    pub layout: Layout,
    /// What numbers are judged by.
    pub judge: Judge,
}

/// Lets the work begin.
///
/// # Errors
/// [`Error::State`] when it is not staged (any more).
pub async fn begin(db: &Db, permit: Permit<Begin>, import: &Import, terms: &Terms) -> Result<(), Error> {
    let layout = serde_json::to_string(&terms.layout).context("write a layout")?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let voip = i64::from(terms.judge.kinds.voip);
    let written = tx.write(sql::BEGIN_IMPORT).bind(&import.id).bind(&terms.list).bind(layout).bind(terms.judge.region.clone()).bind(voip).bind(now);
    if written.execute().await? != 1 {
        return Err(Error::State);
    }
    let region = terms.judge.region.as_deref().unwrap_or("none");
    tx.commit(permit, Detail::ok().with("list", terms.list.as_str()).with("region", region).with("voip", voip).with("sha256", import.sha256.as_str())).await?;
    Ok(())
}

/// Stops it: staged or running. What was imported stays.
///
/// # Errors
/// [`Error::State`] when it has ended already.
pub async fn cancel(db: &Db, permit: Permit<Cancel>, import: &Import) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::END_IMPORT).bind(&import.id).bind("cancelled").bind(None::<String>).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok().with("rows", import.rows_done)).await?;
    Ok(())
}

/// Records how it ended by itself.
///
/// # Errors
/// [`Error::State`] when it has ended already.
pub(super) async fn end(app: &App, import: &Import, state: &'static str, error: Option<&ImportError>) -> Result<(), Error> {
    let db = &app.db;
    let permit = app.policy.permit::<End>(&Actor::system(), &import.on()).map_err(|denied| Fault::with("the policy stops an import", denied))?;
    let now_there = find(db, &import.id).await?.ok_or(Error::NotFound)?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let said = error.map(ToString::to_string);
    if tx.write(sql::END_IMPORT).bind(&import.id).bind(state).bind(said).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    let detail = Detail::of(if error.is_some() { Outcome::Failed } else { Outcome::Ok }).with("state", state).with("rows", now_there.rows_done);
    let detail = detail.with("created", now_there.created).with("known", now_there.known).with("duplicates", now_there.duplicates);
    let detail = detail.with("refused", now_there.refused).with("sha256", import.sha256.as_str());
    let detail = if let Some(error) = error { detail.because(error.code()) } else { detail };
    tx.commit(permit, detail).await?;
    Ok(())
}

/// Writes down a batch in its transaction's own row.
pub(super) fn totals(import: &Import, done: &BatchDone) -> [i64; 5] {
    [import.rows_done + done.rows, import.created + done.created, import.known + done.known, import.duplicates + done.duplicates, import.refused + done.refused]
}

/// The import of this id.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: &ImportId) -> Result<Option<Import>, Error> {
    Ok(db.query(sql::IMPORT).bind(id).optional().await?)
}

/// The newest imports.
///
/// # Errors
/// When the database fails.
pub async fn newest(db: &Db) -> Result<Vec<Import>, Error> {
    Ok(db.query(sql::IMPORTS).all().await?)
}

/// Removes files that are too old, and says so of those that nobody began.
///
/// # Errors
/// When the database or the disk fails.
pub async fn sweep(app: &App, now: Micros) -> Result<(), Error> {
    let old: Vec<Import> = app.db.query(sql::OLD_IMPORTS).bind(now - KEPT_FOR).all().await?;
    for import in old {
        match end(app, &import, "expired", None).await {
            // It ended by another way meanwhile.
            Ok(()) | Err(Error::State) => {}
            Err(error) => return Err(error),
        }
        forget(&file_of(app, &import.id));
    }
    let ended: Vec<Import> = app.db.query(sql::ENDED_IMPORTS).bind(now - KEPT_FOR).bind(now - 3 * KEPT_FOR).all().await?;
    for import in ended {
        forget(&file_of(app, &import.id));
        forget(&errors_of(app, &import.id));
    }
    let (at, before) = (folder(app), now - 3 * KEPT_FOR);
    let left = tokio::task::spawn_blocking(move || older(&at, before)).await.context("look for files of imports")?;
    for path in left {
        let id = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.split('.').next()).and_then(|n| n.parse::<ImportId>().ok());
        let import = match &id {
            Some(id) => find(&app.db, id).await?,
            None => None,
        };
        if import.is_none_or(|import| import.ended_at.is_some()) {
            forget(&path);
        }
    }
    Ok(())
}

/// Files that nobody has written to since a time: what became of their import was never recorded, or is long over.
fn older(folder: &Path, before: Micros) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_old = |path: &PathBuf| {
        let at = std::fs::metadata(path).and_then(|m| m.modified()).ok();
        let since = at.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        since.and_then(|since| Micros::try_from(since.as_micros()).ok()).is_some_and(|at| at < before)
    };
    files.filter_map(|file| file.ok().map(|file| file.path())).filter(is_old).take(SWEPT_MAX).collect()
}

/// Removes a file that may be gone already.
pub fn forget(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "a staged file could not be removed");
    }
}
