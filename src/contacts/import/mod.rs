//! Reading files of contacts, without I/O of its own: what a file looks like, its rows, and what becomes of each.
//! Must stay true: memory grows with the numbers that are accepted (8 bytes each, and some), never with the file; a number
//! counts once; every row is accepted, refused with one reason, or a duplicate.

pub mod decode;
pub mod judge;
pub mod layout;
pub mod load;
pub mod rows;
pub mod stage;

use std::collections::HashSet;
use std::io::Read;

use judge::{Judge, Reason};
use layout::Layout;
use rows::Rows;

use crate::core::book::BookError;
use crate::core::number::Number;

/// Rows of a file, the header not among them.
pub const ROWS_MAX: u64 = 1_000_000;
/// Bytes of one row.
pub const ROW_BYTES_MAX: usize = 256 * 1024;
/// Columns of one row.
pub const COLUMNS_MAX: usize = 256;
/// Bytes from which the layout is told.
pub const HEAD_BYTES: usize = 512 * 1024;
/// Rows judged together, by all processors.
const BATCH: usize = 1024;
/// Threads that judge.
const THREADS_MAX: usize = 4;

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// By the system.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// There is no row.
    #[error("the file is empty")]
    Empty,
    /// It is no text.
    #[error("the file is no text; save the table as CSV (UTF-8)")]
    NotText,
    /// A workbook of an older format, or where only CSV is read.
    #[error("the file is a workbook; save the sheet with the contacts as CSV (UTF-8)")]
    Workbook,
    /// A workbook that cannot be read.
    #[error("the file looks like a workbook (xlsx): {0}")]
    Book(#[from] BookError),
    /// It stops being text.
    #[error("row {row} holds a NUL character, so the file is damaged or no text; save the table again as CSV (UTF-8)")]
    Nul {
        /// Its number, the header counted.
        row: u64,
    },
    /// A row is too long.
    #[error("row {row} is longer than {ROW_BYTES_MAX} bytes; a quotation mark that is opened and never closed makes one row of all that follows")]
    RowTooLong {
        /// Its number, the header counted.
        row: u64,
    },
    /// A row is too wide.
    #[error("row {row} has more than {COLUMNS_MAX} columns; leave away those that are not needed")]
    TooManyColumns {
        /// Its number, the header counted.
        row: u64,
    },
    /// There are too many rows.
    #[error("the file has more than {ROWS_MAX} rows; divide it")]
    TooManyRows,
    /// No column holds numbers.
    #[error("no column looks like telephone numbers; say which one holds them (there are: {})", .there.join(", "))]
    NoPhoneColumn {
        /// The names of the columns.
        there: Vec<String>,
    },
    /// The column that was named is not there.
    #[error("there is no column `{name}`; there are: {}", .there.join(", "))]
    UnknownColumn {
        /// What was named.
        name: String,
        /// The names of the columns.
        there: Vec<String>,
    },
}

impl ImportError {
    /// The stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Empty => "empty",
            Self::NotText => "not_text",
            Self::Workbook => "workbook",
            Self::Book(error) => error.code(),
            Self::Nul { .. } => "nul",
            Self::RowTooLong { .. } => "row_too_long",
            Self::TooManyColumns { .. } => "too_many_columns",
            Self::TooManyRows => "too_many_rows",
            Self::NoPhoneColumn { .. } => "no_phone_column",
            Self::UnknownColumn { .. } => "unknown_column",
        }
    }
}

/// What becomes of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its number is taken.
    Accepted(Number),
    /// There is no number to take.
    Refused(Reason),
    /// The number came before in this file.
    Duplicate,
}

/// What became of the rows of one batch in the database.
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchDone {
    /// Rows.
    pub rows: i64,
    /// New contacts.
    pub created: i64,
    /// Contacts that were there.
    pub known: i64,
    /// Rows whose number came before.
    pub duplicates: i64,
    /// Rows refused.
    pub refused: i64,
}

/// A row with its number in the file (from 1, the header not counted) and its fields where they are wanted.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Its number.
    pub row: u64,
    /// What becomes of it.
    pub fate: Fate,
    /// Its fields as they stand; empty where nobody asked for them.
    pub fields: Vec<String>,
}

/// Reads a file and judges its rows, batch by batch.
#[derive(Debug)]
pub struct Importer<R> {
    rows: Rows<R>,
    judge: Judge,
    phone: usize,
    /// Whether the fields are kept with each row.
    keeps: bool,
    seen: HashSet<u64>,
    read: u64,
    /// Why nothing more can be read, once what stands before it was given.
    broken: Option<ImportError>,
}

impl<R: Read> Importer<R> {
    /// Of a file from its first byte, which has this layout.
    ///
    /// # Errors
    /// [`ImportError::NoPhoneColumn`]; or when the beginning cannot be read.
    pub fn new(mut from: R, layout: &Layout, judge: Judge, keeps: bool) -> Result<Self, ImportError> {
        let phone = layout.phone().ok_or_else(|| ImportError::NoPhoneColumn { there: layout.names() })?;
        let mut mark = [0; 4];
        from.read_exact(&mut mark[..layout.mark.min(4)]).map_err(|e| ImportError::Unreadable(e.to_string()))?;
        let delimiter = u8::try_from(layout.delimiter).unwrap_or(b',');
        let mut rows = Rows::new(from, layout.encoding, delimiter);
        for _ in 0..usize::from(layout.names_delimiter) + usize::from(layout.header) {
            rows.next()?;
        }
        Ok(Self { rows, judge, phone, keeps, seen: HashSet::new(), read: 0, broken: None })
    }

    /// Goes past rows that were done before: their numbers count as seen.
    ///
    /// # Errors
    /// When the file breaks a bound.
    pub fn skip(&mut self, rows: u64) -> Result<(), ImportError> {
        let keeps = std::mem::replace(&mut self.keeps, false);
        while self.read < rows {
            let left = usize::try_from(rows - self.read).unwrap_or(BATCH).min(BATCH);
            if self.batch_of(left)?.is_none() {
                break;
            }
        }
        self.keeps = keeps;
        Ok(())
    }

    /// Bytes of the file read so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.rows.bytes()
    }

    /// Rows read so far.
    #[must_use]
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// The next rows, judged; none at the end.
    ///
    /// # Errors
    /// When the file breaks a bound.
    pub fn batch(&mut self) -> Result<Option<Vec<Judged>>, ImportError> {
        self.batch_of(BATCH)
    }

    fn batch_of(&mut self, most: usize) -> Result<Option<Vec<Judged>>, ImportError> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let mut cells: Vec<Option<String>> = Vec::with_capacity(most);
        let mut kept = Vec::new();
        while cells.len() < most {
            let row = match self.rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            };
            cells.push(row.get(self.phone).map(str::to_owned));
            if self.keeps {
                kept.push(row.fields());
            }
        }
        if cells.is_empty() {
            return self.broken.take().map_or(Ok(None), Err);
        }
        let judged = judge_all(&self.judge, &cells);
        let mut kept = kept.into_iter();
        let out = judged.into_iter().map(|found| {
            self.read += 1;
            let fate = match found {
                Ok(number) if self.seen.insert(number.digits()) => Fate::Accepted(number),
                Ok(_) => Fate::Duplicate,
                Err(reason) => Fate::Refused(reason),
            };
            Judged { row: self.read, fate, fields: kept.next().unwrap_or_default() }
        });
        Ok(Some(out.collect()))
    }
}

/// Judging a number costs most of an import, and no number waits for another.
fn judge_all(judge: &Judge, cells: &[Option<String>]) -> Vec<Result<Number, Reason>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let share = cells.len().div_ceil(threads).max(64);
    let one = |cells: &[Option<String>]| cells.iter().map(|cell| judge.number(cell.as_deref())).collect::<Vec<_>>();
    if cells.len() <= share {
        return one(cells);
    }
    std::thread::scope(|scope| {
        let parts: Vec<_> = cells.chunks(share).map(|part| scope.spawn(move || one(part))).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// What became of the rows of a file, without their content: twelve bytes for each refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows, the header not among them.
    pub rows: u64,
    /// Numbers taken.
    pub accepted: u64,
    /// Rows whose number came before.
    pub duplicates: u64,
    refused: Vec<(u32, u8)>,
}

impl Tally {
    /// Counts rows.
    pub fn add(&mut self, batch: &[Judged]) {
        for judged in batch {
            self.rows += 1;
            match &judged.fate {
                Fate::Accepted(_) => self.accepted += 1,
                Fate::Duplicate => self.duplicates += 1,
                Fate::Refused(reason) => self.refused.push((u32::try_from(judged.row).unwrap_or(u32::MAX), reason.place())),
            }
        }
    }

    /// Rows refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.len() as u64
    }

    /// Each refused row with its reason, in their order.
    pub fn refusals(&self) -> impl Iterator<Item = (u32, Reason)> + '_ {
        self.refused.iter().map(|(row, reason)| (*row, Reason::ALL[usize::from(*reason)]))
    }

    /// How often each reason occurred, the stable names in order.
    #[must_use]
    pub fn reasons(&self) -> std::collections::BTreeMap<&'static str, u64> {
        let mut out = std::collections::BTreeMap::new();
        for (_, reason) in self.refusals() {
            *out.entry(reason.code()).or_default() += 1;
        }
        out
    }
}

#[cfg(test)]
mod tests;
