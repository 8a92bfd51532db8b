//! Office packages and archives: which main folder decides, and what a cut head tells.

use super::*;

#[test]
fn a_package_has_to_carry_its_own_main_folder() {
    assert_eq!(mismatch("a.docx", &package("xl/")), "an Excel workbook (xlsx)");
    assert_eq!(mismatch("a.xlsx", &package("ppt/")), "a PowerPoint presentation (pptx)");
    assert_eq!(mismatch("a.pptx", &package("word/")), "a Word document (docx)");
    for names in [
        ["x.txt", "y.txt"].as_slice(),
        &["META-INF/MANIFEST.MF", "Main.class"],
        &["mimetype", "content.xml"],
        &["[Content_Types].xml", "_rels/.rels"],
        &["words/x", "xword/x"],
        &[],
    ] {
        assert_eq!(mismatch("a.docx", &archive(names, false)), if names.is_empty() { "of an unknown kind" } else { "a zip archive" });
    }
}

#[test]
fn the_first_main_folder_decides_since_documents_carry_others() {
    let inner = package("xl/");
    let mut outer: Vec<u8> = ["[Content_Types].xml", "word/document.xml"].iter().flat_map(|name| entry(name, b"x", true)).collect();
    outer.extend(entry("word/embeddings/sheet.xlsx", &inner, true));
    assert!(judged("a.docx", &outer).is_ok());
    assert!(judged("a.xlsx", &outer).is_err());
}

#[test]
fn packages_that_tell_sizes_later_are_read_too() {
    let names = ["[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"];
    assert!(judged("a.xlsx", &archive(&names, true)).is_ok());
    assert!(judged("a.docx", &archive(&names, true)).is_err());
}

#[test]
fn a_package_whose_head_ends_before_its_main_folder_is_accepted_by_its_parts() {
    let mut head = entry("[Content_Types].xml", b"x", false);
    head.extend(entry("docProps/thumbnail.jpeg", &[7; 20_000], false));
    head.extend(entry("word/document.xml", b"x", false));
    assert!(judged("a.docx", &head[..HEAD_BYTES]).is_ok());
    // A head shorter than that is the whole file, and it lacks the document.
    assert!(judged("a.docx", &head[..HEAD_BYTES - 1]).is_err());
    let mut other = entry("photo.jpeg", &[7; 20_000], false);
    other.extend(entry("word/document.xml", b"x", false));
    assert!(judged("a.docx", &other[..HEAD_BYTES]).is_err());
}

#[test]
fn a_document_with_macros_is_refused() {
    let names = ["[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"];
    assert_eq!(mismatch("a.docx", &archive(&names, false)), "an Office document with macros");
}

#[test]
fn any_archive_passes_as_zip() {
    for head in [package("word/"), archive(&["META-INF/MANIFEST.MF"], true), b"PK\x05\x06".repeat(6)] {
        assert!(judged("a.zip", &head).is_ok());
    }
}
