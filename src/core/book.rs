//! Reading one sheet of a workbook (ECMA-376, SpreadsheetML), row by row, as the texts a person sees in its cells or as CSV.
//! Must stay true: no formula is worked out and no entity but the five of XML is known; each part is bounded before it is
//! unpacked and while it is read; what is kept is the table of shared texts, and one row.

mod number;
mod part;

use std::io::{Read, Seek, Write};
use std::ops::ControlFlow;

use self::number::{Calendar, is_date_format, shown};
use self::part::{Part, Token};
use super::sheet::{Profile, csv_field};
use super::unzip::{self, Entry, ZipError};

/// Bytes of one sheet, unpacked.
const SHEET_BYTES_MAX: u64 = 2 << 30;
/// Bytes of the shared texts, unpacked, and how many there may be.
const TEXTS_BYTES_MAX: u64 = 128 << 20;
const TEXTS_MAX: usize = 4_000_000;
/// Bytes of one text, in the table or in a cell: four times what a cell can hold.
const CELL_BYTES_MAX: usize = 128 << 10;
/// Bytes of every other part.
const PART_BYTES_MAX: u64 = 8 << 20;
/// Sheets, and formats of cells.
const SHEETS_MAX: usize = 1000;
const FORMATS_MAX: usize = 65_536;
/// Rows that a sheet can have at all.
const ROW_MAX: u64 = 1_048_576;

/// Why a workbook is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The archive it is.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// An archive, but no workbook.
    #[error("the file is no workbook (xlsx)")]
    NotBook,
    /// A part is not as the format has it.
    #[error("the workbook is damaged, or a part of it is not as the format has it")]
    Broken,
    /// The sheet that was named is not there.
    #[error("there is no sheet `{name}`; there are: {}", .there.join(", "))]
    NoSheet {
        /// What was named.
        name: String,
        /// What there is.
        there: Vec<String>,
    },
    /// A row is too wide.
    #[error("row {row} has more than {most} columns; leave away those that are not needed")]
    TooManyColumns {
        /// Its number.
        row: u64,
        /// How many are read.
        most: usize,
    },
    /// What was read could not be written.
    #[error("the rows could not be kept")]
    Unwritable,
}

impl BookError {
    /// The stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Zip(error) => error.code(),
            Self::NotBook => "not_book",
            Self::Broken => "broken",
            Self::NoSheet { .. } => "no_sheet",
            Self::TooManyColumns { .. } => "too_many_columns",
            Self::Unwritable => "unwritable",
        }
    }
}

/// Whether bytes begin as a workbook does, or any other archive.
#[must_use]
pub fn may_be(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04")
}

/// A sheet by its name, and the part it lies in.
#[derive(Clone, Debug)]
struct Sheet {
    name: String,
    is_hidden: bool,
    part: String,
}

/// A workbook whose sheets are known.
#[derive(Debug)]
pub struct Book<R> {
    file: R,
    entries: Vec<Entry>,
    sheets: Vec<Sheet>,
    calendar: Calendar,
}

impl<R: Read + Seek> Book<R> {
    /// Looks at a workbook.
    ///
    /// # Errors
    /// [`BookError`].
    pub fn open(mut file: R) -> Result<Self, BookError> {
        let entries = unzip::entries(&mut file)?;
        let mut book = Self { file, entries, sheets: Vec::new(), calendar: Calendar::From1900 };
        let parts = book.relations()?;
        let mut part = book.part("xl/workbook.xml", PART_BYTES_MAX)?.ok_or(BookError::NotBook)?;
        let (mut sheets, mut calendar) = (Vec::new(), Calendar::From1900);
        while let Some(token) = part.next()? {
            let Token::Open(tag) = token else { continue };
            match tag.name.as_str() {
                "workbookPr" if matches!(tag.get("date1904"), Some("1" | "true")) => calendar = Calendar::From1904,
                "sheet" if sheets.len() < SHEETS_MAX => {
                    let target = tag.get("id").and_then(|id| parts.iter().find(|(known, _)| known == id));
                    // A sheet of charts has no part that holds rows.
                    let Some((_, part)) = target.filter(|(_, part)| part.starts_with("xl/worksheets/")) else { continue };
                    let is_hidden = matches!(tag.get("state"), Some("hidden" | "veryHidden"));
                    sheets.push(Sheet { name: tag.get("name").unwrap_or_default().to_owned(), is_hidden, part: part.clone() });
                }
                _ => {}
            }
        }
        drop(part);
        if sheets.is_empty() {
            return Err(BookError::NotBook);
        }
        (book.sheets, book.calendar) = (sheets, calendar);
        Ok(book)
    }

    /// The names of its sheets.
    #[must_use]
    pub fn sheets(&self) -> Vec<String> {
        self.sheets.iter().map(|s| s.name.clone()).collect()
    }

    fn part(&mut self, name: &str, bytes_max: u64) -> Result<Option<Part<'_>>, BookError> {
        let Some(entry) = self.entries.iter().find(|e| e.name.eq_ignore_ascii_case(name.as_bytes())) else { return Ok(None) };
        Ok(Some(Part::new(Box::new(unzip::open(&mut self.file, entry, bytes_max)?))))
    }

    /// Which part each id of the workbook means.
    fn relations(&mut self) -> Result<Vec<(String, String)>, BookError> {
        let Some(mut part) = self.part("xl/_rels/workbook.xml.rels", PART_BYTES_MAX)? else { return Err(BookError::NotBook) };
        let mut out = Vec::new();
        while let Some(token) = part.next()? {
            let Token::Open(tag) = token else { continue };
            let (Some(id), Some(target), "Relationship") = (tag.get("Id"), tag.get("Target"), tag.name.as_str()) else { continue };
            if out.len() >= SHEETS_MAX * 4 {
                return Err(BookError::Broken);
            }
            let target = target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned);
            out.push((id.to_owned(), target));
        }
        Ok(out)
    }

    /// The texts that cells share, in their order.
    fn texts(&mut self) -> Result<Texts, BookError> {
        let Some(mut part) = self.part("xl/sharedStrings.xml", TEXTS_BYTES_MAX)? else { return Ok(Texts::default()) };
        let mut texts = Texts::default();
        let (mut text, mut is_open, mut aside) = (String::new(), false, 0_usize);
        while let Some(token) = part.next()? {
            match token {
                Token::Open(tag) => match tag.name.as_str() {
                    "si" => text.clear(),
                    // How a text is read aloud is no part of it.
                    "rPh" => aside += 1,
                    "t" => is_open = aside == 0,
                    _ => {}
                },
                Token::Text(more) if is_open => push_bounded(&mut text, &more)?,
                Token::Text(_) => {}
                Token::Close(name) => match name.as_str() {
                    "t" => is_open = false,
                    "rPh" => aside = aside.saturating_sub(1),
                    "si" if texts.ends.len() >= TEXTS_MAX => return Err(BookError::Zip(ZipError::TooLarge)),
                    "si" => texts.push(&unescaped(&text)),
                    _ => {}
                },
            }
        }
        Ok(texts)
    }

    /// Of each format of cells: does it show a date?
    fn formats(&mut self) -> Result<Vec<bool>, BookError> {
        let Some(mut part) = self.part("xl/styles.xml", PART_BYTES_MAX)? else { return Ok(Vec::new()) };
        let (mut own, mut out, mut in_cells) = (Vec::new(), Vec::new(), false);
        while let Some(token) = part.next()? {
            match token {
                Token::Open(tag) => match tag.name.as_str() {
                    "numFmt" if own.len() < FORMATS_MAX => {
                        let is_date = tag.get("formatCode").is_some_and(is_date_format);
                        own.extend(tag.get("numFmtId").and_then(|id| id.parse::<u32>().ok()).map(|id| (id, is_date)));
                    }
                    "cellXfs" => in_cells = true,
                    "xf" if in_cells && out.len() < FORMATS_MAX => {
                        let id = tag.get("numFmtId").and_then(|id| id.parse::<u32>().ok()).unwrap_or(0);
                        let is_own = own.iter().find(|(known, _)| *known == id).map(|(_, is_date)| *is_date);
                        out.push(is_own.unwrap_or_else(|| number::is_date_id(id)));
                    }
                    _ => {}
                },
                Token::Close(name) if name == "cellXfs" => in_cells = false,
                _ => {}
            }
        }
        Ok(out)
    }

    /// Reads the sheet of this name, or the first that is not hidden. `row` gets the number of each row that holds something and
    /// its cells up to the last that does.
    ///
    /// # Errors
    /// [`BookError`]; and whatever `row` breaks off with.
    pub fn read(&mut self, sheet: Option<&str>, columns_max: usize, row: &mut dyn FnMut(u64, &[String]) -> ControlFlow<BookError>) -> Result<(), BookError> {
        let wanted = sheet.map(str::trim).filter(|s| !s.is_empty());
        let found = match wanted {
            Some(name) => self.sheets.iter().find(|s| s.name.to_lowercase() == name.to_lowercase()),
            None => self.sheets.iter().find(|s| !s.is_hidden).or_else(|| self.sheets.first()),
        };
        let name = wanted.unwrap_or_default().to_owned();
        let part = found.map(|s| s.part.clone()).ok_or_else(|| BookError::NoSheet { name, there: self.sheets().into_iter().take(20).collect() })?;
        let (texts, formats, calendar) = (self.texts()?, self.formats()?, self.calendar);
        let mut part = self.part(&part, SHEET_BYTES_MAX)?.ok_or(BookError::Broken)?;
        let mut at =
            Reading { texts: &texts, formats: &formats, calendar, columns_max, row: 0, cells: Vec::new(), next: 0, cell: None, is_open: false, aside: 0 };
        while let Some(token) = part.next()? {
            match token {
                Token::Open(tag) => at.open(&tag)?,
                Token::Text(text) => at.text(&text)?,
                Token::Close(name) if name == "sheetData" => break,
                Token::Close(name) => {
                    if at.close(&name)?
                        && let ControlFlow::Break(error) = row(at.row, &at.cells)
                    {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// The same as CSV, for readers of CSV, at most so many bytes of it: many cells may share one long text. Rows that hold
    /// nothing are left out; gives the number of rows.
    ///
    /// # Errors
    /// [`BookError`].
    pub fn write_csv(&mut self, sheet: Option<&str>, columns_max: usize, bytes_max: u64, out: &mut dyn Write) -> Result<u64, BookError> {
        let (mut rows, mut bytes, mut width) = (0, 0, 0);
        self.read(sheet, columns_max, &mut |_, cells| {
            rows += 1;
            // Each row has as many cells as the widest before it, so that an empty one at its end is there.
            width = width.max(cells.len());
            let cells = cells.iter().map(String::as_str).chain(std::iter::repeat("")).take(width);
            let line = cells.map(|c| csv_field(c, Profile::Machine)).collect::<Vec<_>>().join(",") + "\n";
            bytes += line.len() as u64;
            if bytes > bytes_max {
                return ControlFlow::Break(ZipError::TooLarge.into());
            }
            if out.write_all(line.as_bytes()).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(BookError::Unwritable) }
        })?;
        out.flush().map_err(|_| BookError::Unwritable)?;
        Ok(rows)
    }
}

/// Texts one behind the other, so that each costs four bytes and itself.
#[derive(Debug, Default)]
struct Texts {
    all: String,
    ends: Vec<u32>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
    }

    fn get(&self, n: usize) -> Option<&str> {
        let end = *self.ends.get(n)? as usize;
        let begin = if n == 0 { 0 } else { self.ends[n - 1] as usize };
        self.all.get(begin..end)
    }
}

/// A cell in the making.
#[derive(Debug)]
struct Cell {
    column: usize,
    kind: String,
    format: usize,
    text: String,
}

/// Where the reading of a sheet is.
struct Reading<'a> {
    texts: &'a Texts,
    formats: &'a [bool],
    calendar: Calendar,
    columns_max: usize,
    row: u64,
    cells: Vec<String>,
    /// The column of a cell that does not say its own.
    next: usize,
    cell: Option<Cell>,
    is_open: bool,
    aside: usize,
}

impl Reading<'_> {
    fn open(&mut self, tag: &part::Tag) -> Result<(), BookError> {
        match tag.name.as_str() {
            "row" => {
                let next = match tag.get("r") {
                    Some(r) => r.parse().map_err(|_| BookError::Broken)?,
                    None => self.row + 1,
                };
                if next <= self.row || next > ROW_MAX {
                    return Err(BookError::Broken);
                }
                self.row = next;
                self.cells.clear();
                self.next = 0;
            }
            "c" => {
                let column = match tag.get("r") {
                    Some(place) => column_of(place).ok_or(BookError::Broken)?,
                    None => self.next,
                };
                if column >= self.columns_max {
                    return Err(BookError::TooManyColumns { row: self.row, most: self.columns_max });
                }
                self.next = column + 1;
                let format = tag.get("s").and_then(|s| s.parse().ok()).unwrap_or(0);
                self.cell = Some(Cell { column, kind: tag.get("t").unwrap_or("n").to_owned(), format, text: String::new() });
            }
            "rPh" => self.aside += 1,
            "v" | "t" => self.is_open = self.aside == 0,
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), BookError> {
        match &mut self.cell {
            Some(cell) if self.is_open => push_bounded(&mut cell.text, text),
            _ => Ok(()),
        }
    }

    /// True when a row that holds something is whole.
    fn close(&mut self, name: &str) -> Result<bool, BookError> {
        match name {
            "v" | "t" => self.is_open = false,
            "rPh" => self.aside = self.aside.saturating_sub(1),
            "c" => {
                let Some(cell) = self.cell.take() else { return Err(BookError::Broken) };
                let text = self.shown(&cell)?;
                if !text.is_empty() {
                    if self.cells.len() <= cell.column {
                        self.cells.resize(cell.column + 1, String::new());
                    }
                    self.cells[cell.column] = text;
                }
            }
            "row" => return Ok(!self.cells.is_empty()),
            _ => {}
        }
        Ok(false)
    }

    fn shown(&self, cell: &Cell) -> Result<String, BookError> {
        Ok(match cell.kind.as_str() {
            "s" => {
                let n: usize = cell.text.trim().parse().map_err(|_| BookError::Broken)?;
                self.texts.get(n).ok_or(BookError::Broken)?.to_owned()
            }
            "inlineStr" | "str" => unescaped(&cell.text),
            "b" => if cell.text.trim() == "1" { "TRUE" } else { "FALSE" }.to_owned(),
            "e" | "d" => cell.text.trim().to_owned(),
            _ => {
                let is_date = self.formats.get(cell.format).copied().unwrap_or(false);
                shown(cell.text.trim(), is_date, self.calendar)
            }
        })
    }
}

/// A text comes in any number of pieces, each of them small.
fn push_bounded(text: &mut String, more: &str) -> Result<(), BookError> {
    if text.len() + more.len() > CELL_BYTES_MAX {
        return Err(ZipError::TooLarge.into());
    }
    text.push_str(more);
    Ok(())
}

/// The column of a place such as `AB12`, from 0.
fn column_of(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic).count();
    if !(1..=3).contains(&letters) || !place[letters..].bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = place.bytes().take(letters).fold(0, |n, b| n * 26 + usize::from(b.to_ascii_uppercase() - b'A') + 1);
    Some(number - 1)
}

/// `_x000D_` stands for a character that XML does not hold.
fn unescaped(text: &str) -> String {
    if !text.contains("_x") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 2..at + 7).filter(|c| c.ends_with('_') && c.as_bytes()[..4].iter().all(u8::is_ascii_hexdigit));
        match code.and_then(|c| u32::from_str_radix(&c[..4], 16).ok()).and_then(char::from_u32) {
            Some(c) => {
                out.push(c);
                rest = &rest[at + 7..];
            }
            None => {
                out.push_str("_x");
                rest = &rest[at + 2..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
pub mod tests;
