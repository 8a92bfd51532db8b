//! The rows of a file of contacts, one after the other, from any size of file.
//! Must stay true: a row has bounds in bytes and in columns, so that memory does not grow with the file; a blank line is no
//! row; what breaks the bounds ends the reading with the row's number.

use std::io::Read;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::decode::{Decoded, Encoding};
use super::{COLUMNS_MAX, ImportError, ROW_BYTES_MAX, ROWS_MAX};

/// One row: its fields lie one behind the other.
#[derive(Debug)]
pub struct Row {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    columns: usize,
}

impl Row {
    fn new() -> Self {
        Self { bytes: vec![0; ROW_BYTES_MAX], ends: vec![0; COLUMNS_MAX + 1], columns: 0 }
    }

    /// Fields of this row.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// A field as it stands in the file; empty where the row is shorter, none when it is no UTF-8.
    #[must_use]
    pub fn get(&self, column: usize) -> Option<&str> {
        if column >= self.columns {
            return Some("");
        }
        let start = if column == 0 { 0 } else { self.ends[column - 1] };
        std::str::from_utf8(&self.bytes[start..self.ends[column]]).ok()
    }

    /// All fields, what is no UTF-8 marked as such.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        (0..self.columns)
            .map(|column| {
                let start = if column == 0 { 0 } else { self.ends[column - 1] };
                String::from_utf8_lossy(&self.bytes[start..self.ends[column]]).into_owned()
            })
            .collect()
    }
}

/// Reads rows.
pub struct Rows<R> {
    from: Decoded<R>,
    parser: Reader,
    text: Vec<u8>,
    at: usize,
    ended: bool,
    /// A NUL byte follows the text at hand.
    nul: bool,
    row: Row,
    /// Rows read so far, the header among them.
    count: u64,
}

impl<R> std::fmt::Debug for Rows<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rows({} read, ..)", self.count)
    }
}

impl<R: Read> Rows<R> {
    /// Of what follows the mark of the encoding and the line that names the delimiter.
    pub fn new(from: R, encoding: Encoding, delimiter: u8) -> Self {
        Self {
            from: Decoded::new(from, encoding),
            parser: ReaderBuilder::new().delimiter(delimiter).build(),
            text: Vec::new(),
            at: 0,
            ended: false,
            nul: false,
            row: Row::new(),
            count: 0,
        }
    }

    /// Bytes of the file read so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.from.bytes()
    }

    /// The next row, or none at the end.
    ///
    /// # Errors
    /// When the file cannot be read, holds NUL bytes, or breaks a bound.
    #[expect(clippy::should_implement_trait, reason = "a row is lent, which an iterator cannot")]
    pub fn next(&mut self) -> Result<Option<&Row>, ImportError> {
        let (mut filled, mut columns) = (0, 0);
        loop {
            // Without text the parser would take it for the end.
            while self.at == self.text.len() && !self.ended {
                if self.nul {
                    return Err(ImportError::Nul { row: self.count + 1 });
                }
                self.text.clear();
                self.at = 0;
                self.ended = !self.from.more(&mut self.text).map_err(|e| ImportError::Unreadable(e.to_string()))?;
                if let Some(at) = self.text.iter().position(|byte| *byte == 0) {
                    // What stands before it is read first.
                    self.text.truncate(at);
                    self.nul = true;
                }
            }
            let row = &mut self.row;
            let (result, read, written, ended) = self.parser.read_record(&self.text[self.at..], &mut row.bytes[filled..], &mut row.ends[columns..]);
            self.at += read;
            filled += written;
            columns += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => return Err(ImportError::RowTooLong { row: self.count + 1 }),
                ReadRecordResult::OutputEndsFull => return Err(ImportError::TooManyColumns { row: self.count + 1 }),
                ReadRecordResult::Record if columns > COLUMNS_MAX => return Err(ImportError::TooManyColumns { row: self.count + 1 }),
                ReadRecordResult::Record => {
                    self.row.columns = columns;
                    self.count += 1;
                    if self.count > ROWS_MAX + 1 {
                        return Err(ImportError::TooManyRows);
                    }
                    return Ok(Some(&self.row));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Result<Vec<Vec<String>>, ImportError> {
        let mut rows = Rows::new(text, Encoding::Utf8, b',');
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push(row.fields());
        }
        Ok(out)
    }

    #[test]
    fn quotes_blank_lines_and_line_ends_are_those_of_the_format() {
        let text = b"a,b\r\n\r\n\"x,\"\"y\"\"\r\nz\",2\n\n3\nlast,\"4\"";
        let right: [&[&str]; 4] = [&["a", "b"], &["x,\"y\"\r\nz", "2"], &["3"], &["last", "4"]];
        assert_eq!(rows(text).expect("reads"), right);
        assert!(rows(b"").expect("reads").is_empty() && rows(b"\n\r\n\n").expect("reads").is_empty());
    }

    #[test]
    fn a_field_that_is_not_there_is_empty_and_one_that_is_no_text_is_none() {
        let mut read = Rows::new(b"a,\xFF\n".as_slice(), Encoding::Utf8, b',');
        let row = read.next().expect("reads").expect("a row");
        assert_eq!((row.columns(), row.get(0), row.get(1), row.get(2)), (2, Some("a"), None, Some("")));
    }

    /// A source that never ends and is nowhere kept.
    struct Endless(u8);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            buffer.fill(self.0);
            Ok(buffer.len())
        }
    }

    #[test]
    fn one_endless_line_endless_columns_and_nul_bytes_end_soon() {
        let of = |byte| Rows::new(Endless(byte), Encoding::Utf8, b',').next().map(|_| ()).expect_err("refused");
        assert!(matches!(of(b'x'), ImportError::RowTooLong { row: 1 }));
        assert!(matches!(of(b','), ImportError::TooManyColumns { row: 1 }));
        assert!(matches!(of(0), ImportError::Nul { row: 1 }));
        // A quote that is never closed makes one row of all that follows.
        let open = b"a,b\n\"".chain(Endless(b'\n'));
        let mut rows = Rows::new(open, Encoding::Utf8, b',');
        assert!(rows.next().is_ok());
        assert!(matches!(rows.next(), Err(ImportError::RowTooLong { row: 2 })));
    }

    #[test]
    fn the_most_columns_fit_and_one_more_does_not() {
        let most = vec!["1"; COLUMNS_MAX].join(",");
        assert_eq!(rows(most.as_bytes()).expect("fits")[0].len(), COLUMNS_MAX);
        assert!(matches!(rows(format!("{most},1\n").as_bytes()), Err(ImportError::TooManyColumns { row: 1 })));
        assert!(matches!(rows(vec!["1"; 10_000].join(",").as_bytes()), Err(ImportError::TooManyColumns { row: 1 })));
    }
}
