//! The work of an import: batch after batch out of the file into the database, each one transaction and one entry.
//! Must stay true: the numbers of rows done are committed with the rows themselves, so nothing is done twice and nothing is
//! left out whenever the server is killed; the refused rows go to a file whose length is committed in the same breath.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::layout::Layout;
use super::stage::{Import, end, errors_of, file_of, find, forget, totals};
use super::{BatchDone, Fate, ImportError, Importer, Judged};
use crate::contacts::card::Card;
use crate::contacts::{Batch, Error, index_of, keep, list, sql};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{ContactId, ListId};
use crate::core::number::Number;
use crate::core::sheet::{Profile, csv_field};
use crate::db::{DbError, Detail};
use crate::http::App;
use crate::policy::{Actor, Resource as _};

/// How often a begun import is looked for when nobody says there is one.
const POLL: Duration = Duration::from_secs(1);
/// The column that says why a row was refused.
const REASON: &str = "Why it was refused";

/// Works on what has begun until told to stop.
pub async fn run(app: App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = look(&app, &stop).await {
            tracing::warn!(fault = Fault::with("an import", error).chain(), "an import was left for later");
        }
        tokio::select! {
            () = app.imports.wake.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn look(app: &App, stop: &CancellationToken) -> Result<(), Error> {
    if app.db.in_doubt() || app.db.is_short() {
        return Ok(());
    }
    let running: Vec<Import> = app.db.query(sql::RUNNING_IMPORTS).all().await?;
    for import in running {
        // What lies in another node's folder is that node's.
        if file_of(app, &import.id).exists() {
            work_on(app, &import, stop).await?;
        }
    }
    Ok(())
}

/// Works on one import until it has ended, or this is told to stop. Only one is worked on at a time.
///
/// # Errors
/// When the database or the disk fails; it goes on later.
pub async fn work_on(app: &App, import: &Import, stop: &CancellationToken) -> Result<(), Error> {
    let _alone = app.imports.alone.lock().await;
    let Some(mut import) = find(&app.db, &import.id).await?.filter(|i| i.state == "running") else { return Ok(()) };
    match batches(app, &mut import, stop).await {
        Ok(true) => end(app, &import, "done", None).await?,
        // Stopped, or cancelled by a person.
        Ok(false) if stop.is_cancelled() => return Ok(()),
        Ok(false) => {}
        Err(Failed::File(error)) => end(app, &import, "failed", Some(&error)).await?,
        Err(Failed::Here(error)) => return Err(error),
    }
    forget(&file_of(app, &import.id));
    if import.refused == 0 {
        forget(&errors_of(app, &import.id));
    }
    Ok(())
}

/// Whose fault it is that a batch was not done: the file's, which ends the import, or ours, which does not.
enum Failed {
    File(ImportError),
    Here(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Here(fault.into())
    }
}

/// Goes through the rest of the file; true at its end, false when told to stop or cancelled.
async fn batches(app: &App, import: &mut Import, stop: &CancellationToken) -> Result<bool, Failed> {
    let layout = import.layout()?;
    let file = File::open(file_of(app, &import.id)).context("open a staged file")?;
    let skip = u64::try_from(import.rows_done).unwrap_or(0);
    let (judge, shape) = (import.judge(), layout.clone());
    let begun = tokio::task::spawn_blocking(move || {
        let mut importer = Importer::new(file, &shape, judge, true)?;
        importer.skip(skip)?;
        Ok::<_, ImportError>(importer)
    });
    let mut importer = begun.await.context("begin an import")?.map_err(Failed::File)?;
    let mut errors = Errors::open(app, import, &layout)?;
    loop {
        if stop.is_cancelled() {
            return Ok(false);
        }
        let (back, batch) = tokio::task::spawn_blocking(move || {
            let batch = importer.batch();
            (importer, batch)
        })
        .await
        .context("read an import")?;
        importer = back;
        let Some(rows) = batch.map_err(Failed::File)? else { return Ok(true) };
        match one(app, import, &layout, &rows, &mut errors, importer.bytes()).await {
            Ok(()) => {}
            Err(Error::State) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A row that is taken, with what of it goes into the database.
struct Taken {
    number: Number,
    card: Card,
    number_ix: String,
    subject: String,
}

/// One batch: one transaction, one entry.
async fn one(app: &App, import: &mut Import, layout: &Layout, rows: &[Judged], errors: &mut Errors, bytes: u64) -> Result<(), Error> {
    let db = &app.db;
    let list: ListId = import.list_id.clone().ok_or(Error::State)?;
    let mut done = BatchDone { rows: i64::try_from(rows.len()).unwrap_or(i64::MAX), ..BatchDone::default() };
    let mut reasons: BTreeMap<String, i64> = serde_json::from_str(&import.reasons).context("read an import's reasons")?;
    let mut taken = Vec::with_capacity(rows.len());
    for row in rows {
        match &row.fate {
            Fate::Accepted(number) => {
                let number_ix = index_of(db, number.e164());
                let card = layout.card(number.e164(), &row.fields);
                taken.push(Taken { number: number.clone(), card, subject: format!("num_{number_ix}"), number_ix });
            }
            Fate::Duplicate => done.duplicates += 1,
            Fate::Refused(reason) => {
                done.refused += 1;
                *reasons.entry(reason.code().to_owned()).or_default() += 1;
                errors.note(row, &reason.to_string());
            }
        }
    }
    let subjects: Vec<String> = taken.iter().map(|t| t.subject.clone()).collect();
    let keys = db.vault().keys_for(&subjects).await.map_err(DbError::from)?;
    let error_bytes = errors.flush()?;
    let permit = app.policy.permit::<Batch>(&Actor::system(), &import.on()).map_err(|denied| Fault::with("the policy stops an import", denied))?;
    let mut digest = Sha256::new();
    let mut tx = db.begin(&permit).await?;
    for (row, key) in taken.iter().zip(&keys) {
        // An erased number stays erased.
        let Some(key) = key else {
            done.refused += 1;
            *reasons.entry("erased".to_owned()).or_default() += 1;
            continue;
        };
        let there: Option<(ContactId,)> = tx.query(sql::LIVE_ID_OF_NUMBER).bind(&row.number_ix).optional().await?;
        let id = match there {
            Some((id,)) => {
                done.known += 1;
                id
            }
            None => {
                done.created += 1;
                keep::insert(&mut tx, &keep::Row { db, import: &import.id, number: &row.number, number_ix: &row.number_ix, card: &row.card, key }).await?
            }
        };
        list::put(&mut tx, &list, &id, Some(&import.id)).await?;
        digest.update(format!("{id} {}\n", row.number_ix));
    }
    let totals = totals(import, &done);
    let said = serde_json::to_string(&reasons).context("write an import's reasons")?;
    let mut write = tx.write(sql::BATCH_IMPORT).bind(&import.id);
    for total in totals {
        write = write.bind(total);
    }
    let bytes_done = i64::try_from(bytes).unwrap_or(i64::MAX);
    let written = write.bind(said.as_str()).bind(error_bytes).bind(bytes_done).bind(import.rows_done).execute().await?;
    if written != 1 {
        return Err(Error::State);
    }
    let detail = Detail::ok().with("first", import.rows_done + 1).with("last", totals[0]).with("created", done.created).with("known", done.known);
    let detail = detail.with("duplicates", done.duplicates).with("refused", done.refused).with("list", list.as_str());
    tx.commit(permit, detail.with("rows_sha256", hex::encode(digest.finalize()))).await?;
    [import.rows_done, import.created, import.known, import.duplicates, import.refused] = totals;
    (import.reasons, import.error_bytes) = (said, error_bytes);
    Ok(())
}

/// The file of refused rows: those of the import's file with the reason before them.
struct Errors {
    file: File,
    text: String,
    bytes: u64,
}

impl Errors {
    /// As long as the last committed batch says: what a batch wrote that was not committed goes.
    fn open(app: &App, import: &Import, layout: &Layout) -> Result<Self, Fault> {
        let path = errors_of(app, &import.id);
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).context("open the file of refused rows")?;
        let bytes = u64::try_from(import.error_bytes).unwrap_or(0);
        file.set_len(bytes).context("shorten the file of refused rows")?;
        file.seek(SeekFrom::End(0)).context("go to the end of the file of refused rows")?;
        let mut errors = Self { file, text: String::new(), bytes };
        if bytes == 0 {
            let names = layout.names();
            errors.line(std::iter::once(REASON).chain(names.iter().map(String::as_str)));
        }
        Ok(errors)
    }

    fn line<'a>(&mut self, cells: impl Iterator<Item = &'a str>) {
        let cells: Vec<_> = cells.map(|cell| csv_field(cell, Profile::Spreadsheet)).collect();
        self.text.push_str(&cells.join(","));
        self.text.push_str("\r\n");
    }

    fn note(&mut self, row: &Judged, reason: &str) {
        self.line(std::iter::once(reason).chain(row.fields.iter().map(String::as_str)));
    }

    /// Writes what was noted; gives the length to commit.
    fn flush(&mut self) -> Result<i64, Fault> {
        if !self.text.is_empty() {
            self.file.write_all(self.text.as_bytes()).context("write refused rows")?;
            self.file.sync_data().context("write refused rows")?;
            self.bytes += self.text.len() as u64;
            self.text.clear();
        }
        i64::try_from(self.bytes).context("count the bytes of refused rows")
    }
}
