//! What a file of contacts looks like, told from its beginning: encoding, delimiter, header, and what each column is for.
//! Must stay true: nothing is decided from more than the head, so that a preview of a huge file costs no more than of a small
//! one; and everything that is found can be overruled by the person who knows better.

use serde::{Deserialize, Serialize};

use super::decode::{Encoding, detect};
use super::rows::Rows;
use super::{HEAD_BYTES, ImportError};
use crate::contacts::card::{Card, Raw, tags_of};
use crate::core::sheet::restore;

/// What may stand between fields, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Rows that the layout is told from, and those that a preview shows.
const LOOKED_AT: usize = 50;
const SHOWN: usize = 5;
/// Digits from which on a cell may be a number.
const DIGITS_MIN: usize = 7;

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// The telephone number.
    Phone,
    /// The whole name.
    Name,
    /// The name in two columns.
    FirstName,
    /// The name in two columns.
    LastName,
    /// A time zone such as `America/New_York`.
    Zone,
    /// The postal code.
    Postal,
    /// Tags, parted by commas or semicolons.
    Tags,
    /// A field of its own, called as the column is.
    Field,
    /// Left away.
    Skip,
}

impl Use {
    /// All of them, as a choice offers them.
    pub const ALL: [Self; 9] = [Self::Phone, Self::Name, Self::FirstName, Self::LastName, Self::Zone, Self::Postal, Self::Tags, Self::Field, Self::Skip];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Name => "name",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Zone => "zone",
            Self::Postal => "postal",
            Self::Tags => "tags",
            Self::Field => "field",
            Self::Skip => "skip",
        }
    }
}

impl std::str::FromStr for Use {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|u| u.name() == name).ok_or_else(|| format!("`{name}` is no use of a column"))
    }
}

/// The words of headers that say what a column is for; compared without blanks, dashes, dots and case. The better first.
const WORDS: &[(Use, &[&str])] = &[
    (Use::Phone, &["e164", "msisdn", "mobile", "mobilephone", "mobilenumber", "cell", "cellphone", "cellnumber", "handy", "phone", "phonenumber", "phoneno"]),
    (Use::Phone, &["tophonenumber", "contactnumber", "telephone", "telephonenumber", "tel", "telefon", "number", "to", "recipient", "whatsapp"]),
    (Use::Name, &["name", "fullname", "displayname", "contact", "contactname"]),
    (Use::FirstName, &["firstname", "givenname", "first", "vorname"]),
    (Use::LastName, &["lastname", "surname", "familyname", "last", "nachname"]),
    (Use::Zone, &["timezone", "zone", "tz"]),
    (Use::Postal, &["zip", "zipcode", "postalcode", "postcode", "plz"]),
    (Use::Tags, &["tag", "tags", "label", "labels", "group", "groups"]),
];

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the header, empty without one.
    pub name: String,
    /// What it is for.
    pub of: Use,
}

/// What a file looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// How its characters are written.
    pub encoding: Encoding,
    /// Bytes before the text: the mark of the encoding.
    pub mark: usize,
    /// What stands between fields.
    pub delimiter: char,
    /// The first row names the delimiter, as some spreadsheet programs write it.
    pub names_delimiter: bool,
    /// The first row (after that one) names the columns.
    pub header: bool,
    /// The columns.
    pub columns: Vec<Column>,
}

/// A layout with the first rows of the file.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The layout.
    pub layout: Layout,
    /// At most five rows, the header not among them.
    pub rows: Vec<Vec<String>>,
}

impl Layout {
    /// Tells the layout from the first [`HEAD_BYTES`] of a file. `whole`: there is no more of it.
    ///
    /// # Errors
    /// When it is no text, is empty, or its first row breaks a bound.
    pub fn sniff(head: &[u8], whole: bool) -> Result<Preview, ImportError> {
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"\xD0\xCF\x11\xE0") {
            return Err(ImportError::Workbook);
        }
        let head = &head[..head.len().min(HEAD_BYTES)];
        let (encoding, mark) = detect(head, whole)?;
        let named = named_delimiter(&head[mark..], encoding)?;
        let (delimiter, mut rows) = match named {
            Some(delimiter) => {
                let mut rows = first_rows(&head[mark..], encoding, delimiter, whole)?;
                rows.remove(0);
                (delimiter, rows)
            }
            None => likeliest(&head[mark..], encoding, whole)?,
        };
        let Some(first) = rows.first() else { return Err(ImportError::Empty) };
        let header = !first.iter().any(|cell| resembles_number(cell)) && first.iter().any(|cell| cell.chars().any(char::is_alphabetic));
        let names = if header { rows.remove(0) } else { vec![String::new(); first.len()] };
        let columns = columns_of(&names, &rows, header);
        rows.truncate(SHOWN);
        let layout = Self { encoding, mark, delimiter: char::from(delimiter), names_delimiter: named.is_some(), header, columns };
        Ok(Preview { layout, rows })
    }

    /// What a row says of a contact, what is too long cut and what cannot be seen left away.
    #[must_use]
    pub fn card(&self, number: &str, row: &[String]) -> Card {
        let mut raw = Raw::default();
        let (mut first, mut last) = (String::new(), String::new());
        for (column, cell) in self.columns.iter().zip(row) {
            let cell = restore(cell.trim());
            match column.of {
                Use::Phone | Use::Skip => {}
                Use::Name => cell.clone_into(&mut raw.name),
                Use::FirstName => cell.clone_into(&mut first),
                Use::LastName => cell.clone_into(&mut last),
                Use::Zone => cell.clone_into(&mut raw.zone),
                Use::Postal => cell.clone_into(&mut raw.postal),
                Use::Tags => raw.tags = tags_of(cell),
                Use::Field => raw.fields.push((column.name.clone(), cell.to_owned())),
            }
        }
        if raw.name.is_empty() {
            raw.name = format!("{first} {last}");
        }
        Card::fitted(number, &raw)
    }

    /// The place of the column with the numbers.
    #[must_use]
    pub fn phone(&self) -> Option<usize> {
        self.columns.iter().position(|c| c.of == Use::Phone)
    }

    /// Takes another column for the numbers: by its name in the header, or its place from 1.
    ///
    /// # Errors
    /// [`ImportError::UnknownColumn`].
    pub fn choose_phone(&mut self, wanted: &str) -> Result<(), ImportError> {
        let by_name = self.columns.iter().position(|c| !c.name.is_empty() && plain(&c.name) == plain(wanted));
        let by_place = || wanted.parse::<usize>().ok().filter(|n| (1..=self.columns.len()).contains(n)).map(|n| n - 1);
        let place = by_name.or_else(by_place).ok_or_else(|| ImportError::UnknownColumn { name: wanted.to_owned(), there: self.names() })?;
        if let Some(before) = self.phone() {
            self.columns[before].of = Use::Field;
        }
        self.columns[place].of = Use::Phone;
        Ok(())
    }

    /// The names of the columns, or their places.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().enumerate().map(|(n, c)| if c.name.is_empty() { (n + 1).to_string() } else { c.name.clone() }).collect()
    }
}

fn first_rows(text: &[u8], encoding: Encoding, delimiter: u8, whole: bool) -> Result<Vec<Vec<String>>, ImportError> {
    let mut rows = Rows::new(text, encoding, delimiter);
    let mut out: Vec<Vec<String>> = Vec::new();
    while out.len() <= LOOKED_AT
        && let Some(row) = rows.next()?
    {
        out.push(row.fields());
    }
    // The last row of a head may be cut.
    if !whole && out.len() <= LOOKED_AT && out.len() > 1 {
        out.pop();
    }
    Ok(out)
}

/// Some spreadsheet programs write `sep=;` as the first line.
fn named_delimiter(text: &[u8], encoding: Encoding) -> Result<Option<u8>, ImportError> {
    let mut rows = Rows::new(&text[..text.len().min(64)], encoding, 0x1F);
    let Some(row) = rows.next()? else { return Ok(None) };
    let named = row.get(0).and_then(|line| line.to_ascii_lowercase().strip_prefix("sep=").map(str::to_owned));
    Ok(named.as_deref().and_then(|d| DELIMITERS.into_iter().find(|known| d.as_bytes() == [*known])))
}

/// The delimiter that gives the most rows of one width, and the rows it gives.
fn likeliest(text: &[u8], encoding: Encoding, whole: bool) -> Result<(u8, Vec<Vec<String>>), ImportError> {
    let mut best: Option<(usize, u8, Vec<Vec<String>>)> = None;
    let mut broken = None;
    for delimiter in DELIMITERS {
        let rows = match first_rows(text, encoding, delimiter, whole) {
            Ok(rows) => rows,
            Err(error @ (ImportError::TooManyColumns { .. } | ImportError::RowTooLong { .. })) => {
                broken.get_or_insert(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        let width = rows.first().map_or(0, Vec::len);
        let score = if width > 1 { rows.iter().filter(|row| row.len() == width).count() * 1000 / rows.len() * 1000 + width } else { 0 };
        if best.as_ref().is_none_or(|(most, ..)| score > *most) {
            best = Some((score, delimiter, rows));
        }
    }
    match (best, broken) {
        (Some((0, ..)) | None, Some(error)) => Err(error),
        (Some((_, delimiter, rows)), _) => Ok((delimiter, rows)),
        (None, None) => Err(ImportError::Empty),
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What each column is for: by its name first, the column with the numbers by its content if need be.
fn columns_of(names: &[String], rows: &[Vec<String>], header: bool) -> Vec<Column> {
    let mut columns: Vec<Column> = names.iter().map(|name| Column { name: name.trim().to_owned(), of: if header { Use::Field } else { Use::Skip } }).collect();
    for (of, words) in WORDS {
        if columns.iter().any(|c| c.of == *of) {
            continue;
        }
        let found = words.iter().find_map(|word| columns.iter().position(|c| c.of == Use::Field && plain(&c.name) == *word));
        if let Some(at) = found {
            columns[at].of = *of;
        }
    }
    if !columns.iter().any(|c| c.of == Use::Phone) {
        let share = |column: usize| rows.iter().filter(|row| row.get(column).is_some_and(|cell| resembles_number(cell))).count();
        let likely = (0..columns.len()).rev().filter(|c| matches!(columns[*c].of, Use::Field | Use::Skip)).max_by_key(|c| share(*c));
        if let Some(at) = likely.filter(|c| share(*c) * 2 > rows.len()) {
            columns[at].of = Use::Phone;
        }
    }
    // A column without a name cannot become a field.
    for column in columns.iter_mut().filter(|c| c.of == Use::Field && c.name.is_empty()) {
        column.of = Use::Skip;
    }
    columns
}

/// Could this be a telephone number, or what was left of one?
fn resembles_number(cell: &str) -> bool {
    let cell = cell.trim().trim_start_matches('\'');
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    let others = cell.chars().filter(|c| !c.is_ascii_digit() && !matches!(c, '+' | '(' | ')' | ' ' | '.' | '-' | '/' | 'E' | 'e' | ',' | '\u{A0}')).count();
    // Dates resemble numbers: eight digits with two signs between them, a year at one end.
    let is_date = digits == 8 && cell.len() == 10 && cell.chars().filter(|c| matches!(c, '-' | '/' | '.')).count() == 2;
    digits >= DIGITS_MIN && others <= 1 && !is_date || super::judge::is_scientific(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniff(text: &str) -> Preview {
        Layout::sniff(text.as_bytes(), true).expect("a layout")
    }

    fn uses(preview: &Preview) -> Vec<&'static str> {
        preview.layout.columns.iter().map(|c| c.of.name()).collect()
    }

    #[test]
    fn header_delimiter_and_columns_are_found() {
        let found =
            sniff("First Name,Last-Name,Mobile,Home phone,ZIP,Time zone,Tags,Favourite colour\nAnna,Keller,+1 415 555 2671,,02139,America/New_York,a;b,blue\n");
        assert!(found.layout.header && found.layout.delimiter == ',');
        assert_eq!(uses(&found), ["first_name", "last_name", "phone", "field", "postal", "zone", "tags", "field"]);
        assert_eq!(found.rows.len(), 1);
    }

    #[test]
    fn each_delimiter_is_found_even_where_another_occurs_in_the_text() {
        for (text, delimiter) in [
            ("name;phone\nKeller, Anna;+14155552671\nBell, Omar;+14155552672\n", ';'),
            ("name\tphone\nKeller, Anna\t+14155552671\n", '\t'),
            ("name|phone\nKeller, Anna|+14155552671\n", '|'),
            ("\"name\",\"phone\"\n\"Keller; Anna\",\"+14155552671\"\n", ','),
            ("phone\n+14155552671\n", ','),
            ("sep=;\r\nname;phone\r\nAnna;+14155552671\r\n", ';'),
        ] {
            let found = sniff(text);
            assert_eq!((found.layout.delimiter, found.layout.header), (delimiter, true), "{text:?}");
            assert_eq!(found.layout.phone(), Some(found.layout.columns.len() - 1), "{text:?}");
            assert_eq!(found.layout.names_delimiter, text.starts_with("sep="));
        }
    }

    #[test]
    fn without_a_header_the_numbers_are_found_by_their_look() {
        let found = sniff("Anna,2026-01-15,(415) 555-2671\nOmar,2026-01-16,1.41555E+10\n");
        assert!(!found.layout.header && found.rows.len() == 2);
        assert_eq!(uses(&found), ["skip", "skip", "phone"]);
        let found = sniff("a,b\nAnna,(415) 555-2671\n");
        assert_eq!((found.layout.header, uses(&found)), (true, vec!["field", "phone"]));
        assert_eq!(uses(&sniff("name,city\nAnna,Boston\n")), ["name", "field"]);
    }

    #[test]
    fn another_column_can_be_chosen() {
        let mut layout = sniff("mobile,home phone\n+14155552671,+14155552672\n").layout;
        assert_eq!(layout.phone(), Some(0));
        layout.choose_phone("Home-Phone").expect("is there");
        assert_eq!(layout.phone(), Some(1));
        layout.choose_phone("1").expect("is there");
        assert_eq!((layout.phone(), layout.columns[1].of), (Some(0), Use::Field));
        for wrong in ["fax", "0", "3"] {
            assert!(matches!(layout.choose_phone(wrong), Err(ImportError::UnknownColumn { .. })), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_table_is_told() {
        let of = |bytes: &[u8], whole| Layout::sniff(bytes, whole).expect_err("refused");
        assert!(matches!(of(b"", true), ImportError::Empty));
        assert!(matches!(of(b"\r\n\n", true), ImportError::Empty));
        assert!(matches!(of(&[0; 100], true), ImportError::NotText));
        assert!(matches!(of(b"PK\x03\x04rest", true), ImportError::Workbook));
        assert!(matches!(of(&vec![b'x'; HEAD_BYTES], false), ImportError::RowTooLong { row: 1 }));
        for delimiter in [",", ";", "\t"] {
            assert!(matches!(of(vec!["c"; 10_000].join(delimiter).as_bytes(), true), ImportError::TooManyColumns { .. }), "{delimiter:?}");
        }
    }

    #[test]
    fn utf_16_and_marks_are_read() {
        let text = "name;phone\nJosé;+14155552671\n";
        let mut little = vec![0xFF, 0xFE];
        little.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let found = Layout::sniff(&little, true).expect("a layout");
        assert_eq!((found.layout.encoding, found.layout.mark, found.rows[0][0].as_str()), (Encoding::Utf16Le, 2, "José"));
        let found = Layout::sniff("\u{FEFF}phone\n+14155552671\n".as_bytes(), true).expect("a layout");
        assert_eq!((found.layout.mark, found.layout.columns[0].name.as_str()), (3, "phone"));
    }
}
