//! A workbook of one sheet in a stream: every cell is text, marked so that a spreadsheet program keeps it text when somebody
//! edits it. Written as ECMA-376 has it, with strings in their cells, so that nothing is gone back to.
//! Must stay true: no cell is a formula, a link or a number, whatever it holds; nothing is kept but the archive's directory.

use super::zip::Zip;

/// Rows a sheet can have.
pub const ROWS_MAX: u64 = 1_048_576;
/// Characters a cell can have, as UTF-16 counts them.
const CELL_UNITS_MAX: usize = 32_767;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/><Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/><Override PartName=\"/xl/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/></Types>";
const RELATIONS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
const BOOK: &str = "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"Export\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";
const BOOK_RELATIONS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" Target=\"styles.xml\"/></Relationships>";
/// Style 1: the format of text, and the mark that what follows is no formula.
const STYLES: &str = "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><fonts count=\"1\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts><fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills><borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs><cellXfs count=\"2\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/><xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" quotePrefix=\"1\" applyNumberFormat=\"1\"/></cellXfs><cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles></styleSheet>";
const SHEET: &str = "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>";
const SHEET_END: &str = "</sheetData></worksheet>";

/// A workbook in the making.
#[derive(Debug, Default)]
pub struct Xlsx {
    zip: Zip,
    rows: u64,
}

impl Xlsx {
    /// The beginning of the file.
    pub fn begin(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let parts = [
            ("[Content_Types].xml", TYPES),
            ("_rels/.rels", RELATIONS),
            ("xl/workbook.xml", BOOK),
            ("xl/_rels/workbook.xml.rels", BOOK_RELATIONS),
            ("xl/styles.xml", STYLES),
        ];
        for (path, text) in parts {
            out.extend(self.zip.file(path, format!("{HEAD}{text}").as_bytes()));
        }
        out.extend(self.zip.begin("xl/worksheets/sheet1.xml"));
        out.extend(self.part(&format!("{HEAD}{SHEET}")));
        out
    }

    fn part(&mut self, text: &str) -> Vec<u8> {
        self.zip.part(text.as_bytes());
        text.as_bytes().to_vec()
    }

    /// Writes one row behind others; none when the sheet is full. What was written is told by [`Xlsx::count`].
    pub fn push(&mut self, cells: &[&str], text: &mut String) -> Option<()> {
        use std::fmt::Write as _;
        if self.rows >= ROWS_MAX {
            return None;
        }
        self.rows += 1;
        // Writing to a String cannot fail.
        let _ = write!(text, "<row r=\"{}\">", self.rows);
        for cell in cells {
            text.push_str("<c t=\"inlineStr\" s=\"1\"><is><t xml:space=\"preserve\">");
            escape(cell, text);
            text.push_str("</t></is></c>");
        }
        text.push_str("</row>");
        Some(())
    }

    /// These rows go out next.
    pub fn count(&mut self, rows: &[u8]) {
        self.zip.part(rows);
    }

    /// The end of the file.
    pub fn end(mut self) -> Vec<u8> {
        let mut out = self.part(SHEET_END);
        out.extend(self.zip.end_file());
        out.extend(self.zip.end());
        out
    }
}

/// Text of a cell: what XML cannot hold is left out, and what a reader would take for an escape is escaped.
fn escape(cell: &str, out: &mut String) {
    let mut units = 0;
    for (at, c) in cell.char_indices() {
        units += c.len_utf16();
        if units > CELL_UNITS_MAX {
            return;
        }
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '_' if is_escape(&cell[at..]) => out.push_str("_x005F_"),
            '\t' | '\n' => out.push(c),
            c if c < ' ' || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {}
            c => out.push(c),
        }
    }
}

/// `_x0041_` would be read as `A`.
fn is_escape(rest: &str) -> bool {
    let bytes = rest.as_bytes();
    bytes.len() >= 7 && matches!(bytes[1], b'x' | b'X') && bytes[2..6].iter().all(u8::is_ascii_hexdigit) && bytes[6] == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELLS: [&str; 9] = ["=1+1", "+14155552671", "@SUM(A1)", "-2+3", "<b>&amp;</b>", "two\nlines", "_x0041_", "0042", "http://example.org"];

    fn workbook() -> Vec<u8> {
        let mut book = Xlsx::default();
        let mut out = book.begin();
        let mut rows = String::new();
        book.push(&["a", "b"], &mut rows).expect("room");
        book.push(&CELLS, &mut rows).expect("room");
        book.count(rows.as_bytes());
        out.extend(rows.into_bytes());
        out.extend(book.end());
        out
    }

    #[test]
    fn every_cell_is_text_whatever_it_holds() {
        let text = String::from_utf8_lossy(&workbook()).into_owned();
        assert!(!text.contains("<f>") && !text.contains("<v>") && !text.contains("hyperlink"));
        assert_eq!(text.matches("<c t=\"inlineStr\" s=\"1\">").count(), 2 + CELLS.len());
        assert!(text.contains(">+14155552671<") && text.contains("&lt;b&gt;&amp;amp;&lt;/b&gt;") && text.contains("_x005F_x0041_"));
        assert!(text.contains("quotePrefix=\"1\""));
    }

    #[test]
    fn a_sheet_is_full_at_its_limit_and_a_cell_is_cut_at_its_own() {
        let mut book = Xlsx { rows: ROWS_MAX, ..Xlsx::default() };
        assert!(book.push(&["x"], &mut String::new()).is_none());
        let mut out = String::new();
        escape(&"\u{1F600}".repeat(20_000), &mut out);
        assert_eq!(out.encode_utf16().count(), CELL_UNITS_MAX - 1, "no half of a character");
        let mut out = String::new();
        escape("a\u{0}b\u{7}\u{FFFE}c", &mut out);
        assert_eq!(out, "abc");
    }

    /// A stranger's program reads the archive and the XML.
    #[test]
    fn the_parts_are_well_formed() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.xlsx");
        std::fs::write(&path, workbook()).expect("written");
        let script = "import sys,zipfile,xml.dom.minidom as d\nz=zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n[d.parseString(z.read(n)) for n in z.namelist()]\nt=d.parseString(z.read('xl/worksheets/sheet1.xml')).getElementsByTagName('t')\nprint('|'.join(n.firstChild.data for n in t[2:]))";
        let out = std::process::Command::new("python3").args(["-c", script]).arg(&path).output().expect("python3 runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(String::from_utf8(out.stdout).expect("UTF-8").trim(), CELLS.join("|").replace("_x0041_", "_x005F_x0041_"));
    }
}
