//! A whole file through the engine: every row has one fate, and the counts agree.

use super::*;
use crate::core::sheet::{Profile, csv_field};

fn run(bytes: &[u8], region: &str) -> Result<(Tally, Vec<Judged>), ImportError> {
    let preview = Layout::sniff(&bytes[..bytes.len().min(HEAD_BYTES)], bytes.len() <= HEAD_BYTES)?;
    let judge = Judge { region: Some(region.to_owned()), ..Judge::default() };
    let mut importer = Importer::new(bytes, &preview.layout, judge, true)?;
    let (mut tally, mut all) = (Tally::default(), Vec::new());
    while let Some(batch) = importer.batch()? {
        tally.add(&batch);
        all.extend(batch);
    }
    Ok((tally, all))
}

#[test]
fn every_row_has_one_fate_and_the_counts_agree() {
    let text = "Name,Phone\nAnna,(415) 555-2671\nOmar,\"+1 415 555 2672\"\nAgain,415-555-2671\nExcel,1.41555E+10\n\nShort,12\nNone,\nQuoted,'+14155552673\n";
    let (tally, rows) = run(text.as_bytes(), "US").expect("reads");
    assert_eq!((tally.rows, tally.accepted, tally.duplicates, tally.refused()), (7, 3, 1, 3));
    let refusals: Vec<_> = tally.refusals().map(|(row, reason)| (row, reason.code())).collect();
    assert_eq!(refusals, [(4, "scientific_notation"), (5, "too_short"), (6, "empty")]);
    assert_eq!(tally.reasons().into_iter().collect::<Vec<_>>(), [("empty", 1), ("scientific_notation", 1), ("too_short", 1)]);
    assert_eq!(rows[1].fields, ["Omar", "+1 415 555 2672"]);
    assert!(matches!(&rows[2].fate, Fate::Duplicate) && matches!(&rows[6].fate, Fate::Accepted(n) if n.e164() == "+14155552673"));
}

#[test]
fn the_same_file_in_every_encoding_has_the_same_fates() {
    let text = "Größe;Telefon\nä;0151 12345678\nß;015112345678\nö;12\n";
    let utf16 = |mark: &[u8], of: fn(u16) -> [u8; 2]| [mark.to_vec(), text.encode_utf16().flat_map(of).collect()].concat();
    let western: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
    let files =
        [text.as_bytes().to_vec(), format!("\u{FEFF}{text}").into_bytes(), utf16(b"\xFF\xFE", u16::to_le_bytes), utf16(b"\xFE\xFF", u16::to_be_bytes), western];
    for file in files {
        let (tally, rows) = run(&file, "DE").expect("reads");
        assert_eq!((tally.rows, tally.accepted, tally.duplicates, tally.refused()), (3, 1, 1, 1), "{file:?}");
        assert_eq!(rows[0].fields, ["ä", "0151 12345678"], "{file:?}");
    }
}

#[test]
fn what_we_export_comes_back_whole() {
    let cells = ["+14155552671", "=1+1", "'quoted", "@x", "plain, with; signs\nand lines", "-5"];
    let mut text = String::from("\"phone\",\"note\"\n");
    for cell in cells {
        text.push_str(&format!("{},{}\n", csv_field("+14155552671", Profile::Spreadsheet), csv_field(cell, Profile::Spreadsheet)));
    }
    let (tally, rows) = run(text.as_bytes(), "US").expect("reads");
    assert_eq!((tally.accepted, tally.duplicates), (1, 5));
    for (row, cell) in rows.iter().zip(cells) {
        assert_eq!(crate::core::sheet::restore(&row.fields[1]), cell);
    }
}

#[test]
fn damage_far_behind_the_head_ends_the_reading_with_its_row() {
    let mut text = b"phone\n".to_vec();
    for _ in 0..300_000 {
        text.extend_from_slice(b"x\n");
    }
    assert!(text.len() > HEAD_BYTES);
    let good = text.clone();
    let (tally, _) = run(&good, "US").expect("reads");
    assert_eq!((tally.rows, tally.refused()), (300_000, 300_000));
    text.push(0);
    assert_eq!(run(&text, "US").expect_err("refused").code(), "nul");
    let mut open = good;
    open.push(b'"');
    open.extend(vec![b'x'; ROW_BYTES_MAX + 1]);
    assert!(matches!(run(&open, "US"), Err(ImportError::RowTooLong { row: 300_002 })));
}

#[test]
fn a_row_that_is_no_text_is_refused_and_the_rest_is_read() {
    let mut text = b"phone\n+14155552671\n".to_vec();
    text.extend(std::iter::repeat_n(b"xxxxxxxxxxxx\n".as_slice(), 50_000).flatten());
    text.extend_from_slice(b"\xFF\xFE1\n+14155552672\n");
    let head = &text[..HEAD_BYTES];
    let layout = Layout::sniff(head, false).expect("a layout").layout;
    let mut importer = Importer::new(text.as_slice(), &layout, Judge::default(), false).expect("begins");
    let mut tally = Tally::default();
    while let Some(batch) = importer.batch().expect("reads") {
        tally.add(&batch);
    }
    assert_eq!((tally.accepted, tally.reasons().get("not_text")), (2, Some(&1)));
}

#[test]
fn a_file_without_numbers_says_which_columns_there_are() {
    let error = run(b"name,city\nAnna,Boston\n", "US").expect_err("refused");
    assert_eq!((error.code(), error.to_string().contains("name, city")), ("no_phone_column", true));
}
