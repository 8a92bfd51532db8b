//! Workbooks as programs write them, and as nobody should.

use std::io::Cursor;

use super::*;
use crate::core::unzip::tests::packed;
use crate::core::xlsx::Xlsx;

const RELS: &str = "<Relationships xmlns=\"r\"><Relationship Id=\"rId1\" Type=\"t\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" Target=\"/xl/worksheets/sheet2.xml\"/><Relationship Id=\"rId3\" Target=\"chartsheets/sheet1.xml\"/></Relationships>";
const BOOK: &str = "<?xml version=\"1.0\"?><x:workbook xmlns:x=\"m\" xmlns:r=\"o\"><x:workbookPr/><x:sheets><x:sheet name=\"Chart\" r:id=\"rId3\"/><x:sheet name=\"Old &amp; gone\" state=\"hidden\" r:id=\"rId2\"/><x:sheet name=\"Status\" r:id=\"rId1\"/></x:sheets></x:workbook>";
const STYLES: &str = "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/></numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"164\"/></cellXfs></styleSheet>";
const TEXTS: &str = "<sst><si><t>Objective</t></si><si><r><t xml:space=\"preserve\">two </t></r><r><t>runs &lt;&#66;&gt;</t></r><rPh><t>aloud</t></rPh></si><si><t/></si></sst>";

/// A workbook with this sheet, and a hidden one before it.
pub fn book(sheet: &str) -> Vec<u8> {
    let sheet = format!("<worksheet><sheetData>{sheet}</sheetData><mergeCells/></worksheet>");
    let second = "<worksheet><sheetData><row><c t=\"inlineStr\"><is><t>hidden</t></is></c></row></sheetData></worksheet>";
    packed(&[
        (b"[Content_Types].xml", b"<Types/>", 0),
        (b"xl/workbook.xml", BOOK.as_bytes(), 0),
        (b"xl/_rels/workbook.xml.rels", RELS.as_bytes(), 0),
        (b"xl/styles.xml", STYLES.as_bytes(), 0),
        (b"xl/sharedStrings.xml", TEXTS.as_bytes(), 0),
        (b"xl/worksheets/sheet1.xml", sheet.as_bytes(), 0),
        (b"xl/worksheets/sheet2.xml", second.as_bytes(), 0),
    ])
}

fn rows(bytes: &[u8], sheet: Option<&str>) -> Result<Vec<(u64, Vec<String>)>, BookError> {
    let mut out = Vec::new();
    Book::open(Cursor::new(bytes))?.read(sheet, 50, &mut |n, cells| {
        out.push((n, cells.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

#[test]
fn every_kind_of_cell_reads_as_a_person_sees_it() {
    let sheet = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"C1\" t=\"s\"><v>1</v></c></row><row r=\"2\"/><row r=\"5\"><c r=\"A5\"><v>14155552671</v></c><c r=\"B5\" s=\"1\"><v>46112</v></c><c r=\"C5\" t=\"b\"><v>1</v></c><c r=\"D5\" t=\"str\"><f>A1&amp;B1</f><v>worked out</v></c><c r=\"E5\" t=\"e\"><v>#N/A</v></c><c r=\"F5\" t=\"inlineStr\"><is><t>a_x000A_b _x005F_x0041_</t></is></c><c r=\"G5\" t=\"s\"><v>2</v></c></row>";
    let read = rows(&book(sheet), None).expect("reads");
    assert_eq!(read[0], (1, vec!["Objective".into(), String::new(), "two runs <B>".into()]));
    let cells = ["14155552671", "2026-03-31", "TRUE", "worked out", "#N/A", "a\nb _x0041_"];
    assert_eq!(read[1], (5, cells.map(str::to_owned).to_vec()));
    assert_eq!(read.len(), 2);
}

#[test]
fn the_first_sheet_that_is_shown_is_read_unless_one_is_named() {
    let bytes = book("<row><c><v>7</v></c></row>");
    assert_eq!(Book::open(Cursor::new(&bytes)).expect("opens").sheets(), ["Old & gone", "Status"]);
    assert_eq!(rows(&bytes, None).expect("reads"), [(1, vec!["7".into()])]);
    assert_eq!(rows(&bytes, Some("old & GONE")).expect("reads"), [(1, vec!["hidden".into()])]);
    let there = vec!["Old & gone".into(), "Status".into()];
    assert_eq!(rows(&bytes, Some("No")), Err(BookError::NoSheet { name: "No".into(), there }));
}

#[test]
fn what_we_write_is_read_and_becomes_csv() {
    let mut book = Xlsx::default();
    let mut bytes = book.begin();
    for row in [["phone", "note"], ["+14155552671", "=1+1, \"x\""], ["", "_x0041_"], ["last", ""]] {
        bytes.extend(book.row(&row).expect("room"));
    }
    bytes.extend(book.end());
    let mut out = Vec::new();
    let count = Book::open(Cursor::new(&bytes)).expect("opens").write_csv(None, 50, 1000, &mut out).expect("writes");
    let too_much = Book::open(Cursor::new(&bytes)).expect("opens").write_csv(None, 50, 20, &mut Vec::new());
    assert_eq!(too_much, Err(BookError::Zip(ZipError::TooLarge)));
    assert_eq!((count, String::from_utf8(out).expect("UTF-8").as_str()), (4, "phone,note\n+14155552671,\"=1+1, \"\"x\"\"\"\n,_x0041_\nlast,\n"));
}

#[test]
fn what_is_no_workbook_or_means_harm_is_refused() {
    assert_eq!(rows(b"text", None), Err(BookError::Zip(ZipError::NotZip)));
    assert_eq!(rows(&packed(&[(b"word/document.xml", b"<w/>", 0)]), None), Err(BookError::NotBook));
    for (sheet, error) in [
        ("<row r=\"2\"/><row r=\"1\"/>", BookError::Broken),
        ("<row r=\"9999999\"/>", BookError::Broken),
        ("<row><c r=\"A\u{a0}1\"/></row>", BookError::Broken),
        ("<row><c r=\"AZ1\"><v>1</v></c></row>", BookError::TooManyColumns { row: 1, most: 50 }),
        ("<row><c t=\"s\"><v>99</v></c></row>", BookError::Broken),
        ("<row><c><v>&lol;</v></c></row>", BookError::Broken),
        ("<row><c><v>1</c></v></row>", BookError::Broken),
    ] {
        assert_eq!(rows(&book(sheet), None), Err(error), "{sheet}");
    }
    let typed = "<!DOCTYPE x [<!ENTITY a \"b\">]><row><c><v>&a;</v></c></row>";
    assert_eq!(rows(&book(typed), None), Err(BookError::Broken));
    let long = format!("<row><c t=\"str\"><v>{}</v></c></row>", (0..400_000).map(|n| format!("{n:x} ")).collect::<String>());
    assert_eq!(rows(&book(&long), None), Err(BookError::Zip(ZipError::TooLarge)));
    let bomb = format!("<row><c t=\"str\"><v>{}</v></c></row>", " ".repeat(16 << 20));
    assert!(matches!(rows(&book(&bomb), None), Err(BookError::Zip(ZipError::Ratio | ZipError::TooLarge))));
}

#[test]
fn a_text_in_many_pieces_is_bounded_as_one() {
    let piece = (0..8_000).map(|n| format!("{n:x} ")).collect::<String>();
    let pieces = |n: usize| format!("<![CDATA[{piece}]]>").repeat(n);
    let cell = |n: usize| format!("<row><c t=\"str\"><v>{}</v></c></row>", pieces(n));
    assert_eq!(rows(&book(&cell(3)), None).expect("reads")[0].1[0].len(), 3 * piece.len());
    assert_eq!(rows(&book(&cell(60)), None), Err(BookError::Zip(ZipError::TooLarge)));
    let shared = |n: usize| {
        let texts = format!("<sst><si><t>{}</t></si></sst>", pieces(n));
        let sheet = "<worksheet><sheetData><row><c t=\"s\"><v>0</v></c></row></sheetData></worksheet>";
        packed(&[
            (b"xl/workbook.xml", BOOK.as_bytes(), 0),
            (b"xl/_rels/workbook.xml.rels", RELS.as_bytes(), 0),
            (b"xl/sharedStrings.xml", texts.as_bytes(), 0),
            (b"xl/worksheets/sheet1.xml", sheet.as_bytes(), 0),
        ])
    };
    assert_eq!(rows(&shared(3), None).expect("reads")[0].1[0].len(), 3 * piece.len());
    assert_eq!(rows(&shared(60), None), Err(BookError::Zip(ZipError::TooLarge)));
}

#[test]
fn any_byte_may_be_another() {
    let good = book("<row><c r=\"A1\" t=\"s\"><v>0</v></c></row>");
    for at in (0..good.len()).step_by(3) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x11;
        let _ = rows(&bytes, None);
        let _ = rows(&good[..at], None);
    }
}
