//! Tests of what may be uploaded. Archives are built by hand here, so that every
//! header field can be wrong in its own way.

use super::*;
use proptest::prelude::*;

mod packages;
mod texts;

const PNG: &[u8] = b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0\x01\0\0\0\x01\x08\x06";
const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01";
const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xFF\xFF\xFF";
const WEBP: &[u8] = b"RIFF\x24\0\0\0WEBPVP8L\x17\0\0\0";
const PDF: &[u8] = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n1 0 obj\n";
const HTML: &[u8] = b"<!DOCTYPE html><html><script>alert(1)</script></html>";
const SVG: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
const EXE: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xFF\xFF\0\0\xB8\0\0\0";

fn compound() -> Vec<u8> {
    let mut head = vec![0; 512];
    head[..8].copy_from_slice(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1");
    head[24..30].copy_from_slice(&[0x3E, 0, 3, 0, 0xFE, 0xFF]);
    head
}

/// One entry: a local header, the name, an extra field and the data.
fn entry(name: &str, data: &[u8], sizes_later: bool) -> Vec<u8> {
    let size = if sizes_later { 0 } else { u32::try_from(data.len()).expect("small") };
    let mut bytes = b"PK\x03\x04\x14\0".to_vec();
    bytes.extend(u16::to_le_bytes(if sizes_later { 8 } else { 0 }));
    bytes.extend([8, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
    bytes.extend(size.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(u16::try_from(name.len()).expect("short").to_le_bytes());
    bytes.extend([4, 0]);
    bytes.extend(name.bytes());
    bytes.extend(b"extr");
    bytes.extend(data);
    bytes
}

fn archive(names: &[&str], sizes_later: bool) -> Vec<u8> {
    let mut bytes: Vec<u8> = names.iter().flat_map(|name| entry(name, b"some data", sizes_later)).collect();
    bytes.extend(b"PK\x01\x02");
    bytes.extend([0; 60]);
    bytes
}

fn package(folder: &str) -> Vec<u8> {
    let main = format!("{folder}main.xml");
    archive(&["[Content_Types].xml", "_rels/.rels", "docProps/app.xml", &main], false)
}

fn house() -> Vec<String> {
    EXTENSIONS.map(str::to_owned).to_vec()
}

fn judged(name: &str, head: &[u8]) -> Result<Kind, KindError> {
    agree(name, head, &house())
}

fn mismatch(name: &str, head: &[u8]) -> String {
    match judged(name, head) {
        Err(KindError::Mismatch { found, .. }) => found,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn every_allowed_kind_is_accepted_with_its_exact_content_type() {
    let ooxml = "application/vnd.openxmlformats-officedocument";
    for (name, head, mime) in [
        ("a.png", PNG.to_vec(), "image/png".to_owned()),
        ("a.jpg", JPEG.to_vec(), "image/jpeg".to_owned()),
        ("a.jpeg", JPEG.to_vec(), "image/jpeg".to_owned()),
        ("a.gif", GIF.to_vec(), "image/gif".to_owned()),
        ("a.webp", WEBP.to_vec(), "image/webp".to_owned()),
        ("a.pdf", PDF.to_vec(), "application/pdf".to_owned()),
        ("a.doc", compound(), "application/msword".to_owned()),
        ("a.xls", compound(), "application/vnd.ms-excel".to_owned()),
        ("a.docx", package("word/"), format!("{ooxml}.wordprocessingml.document")),
        ("a.xlsx", package("xl/"), format!("{ooxml}.spreadsheetml.sheet")),
        ("a.pptx", package("ppt/"), format!("{ooxml}.presentationml.presentation")),
        ("a.zip", archive(&["x.txt"], false), "application/zip".to_owned()),
        ("a.txt", b"hello".to_vec(), "text/plain; charset=utf-8".to_owned()),
        ("a.csv", b"a,b\r\n1,2".to_vec(), "text/csv; charset=utf-8".to_owned()),
        ("a.md", b"# Title".to_vec(), "text/markdown; charset=utf-8".to_owned()),
    ] {
        let kind = judged(name, &head).expect(name);
        assert_eq!((kind.extension, kind.mime), (&name[1..], mime.as_str()));
        assert_eq!(content_type(kind.extension), Some(kind.mime));
    }
}

#[test]
fn the_last_extension_counts_in_any_case() {
    for (name, expected) in [
        ("a.pdf", Some(".pdf")),
        ("A.PDF", Some(".pdf")),
        ("a.b.Pdf", Some(".pdf")),
        ("a.pdf.exe", Some(".exe")),
        ("a b.pdf", Some(".pdf")),
        ("..pdf.pdf", Some(".pdf")),
        ("a", None),
        ("", None),
        (".", None),
        (".pdf", None),
        ("..pdf", None),
        (" .pdf", None),
        ("a.", None),
        ("a.pdf.", None),
        ("a.pdf ", None),
        ("a. pdf", None),
        ("a.pdf\0", None),
        ("a\0.pdf", None),
        ("a.exe\n.pdf", None),
        ("a.pdf::$DATA", None),
        ("a.pdf/", None),
        ("a.p\u{202E}df", None),
        ("a.рdf", None),
        ("a.ｐｄｆ", None),
        ("a.abcdefghijk", None),
    ] {
        assert_eq!(extension(name).as_deref(), expected, "{name:?}");
    }
}

#[test]
fn a_name_without_an_allowed_extension_is_refused_whatever_the_content() {
    for name in ["a", "a.pdf.exe", "a.pdf.", "a.pdf ", "a.svg", "a.html", "a.docm", ".pdf", "a.PDF\0", "a.htaccess", "a.tar.gz"] {
        match judged(name, PDF) {
            Err(KindError::NotAllowed { allowed, .. }) => assert_eq!(allowed, house()),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn the_policy_decides_what_is_allowed() {
    let only = |extension: &str| [extension.to_owned()];
    assert!(agree("a.pdf", PDF, &only(".pdf")).is_ok());
    assert!(agree("a.pdf", PDF, &only("PDF")).is_ok());
    assert!(agree("a.pdf", PDF, &only(".png")).is_err());
    assert!(agree("a.pdf", PDF, &[]).is_err());
    assert!(agree("a.pdf", PDF, &only("")).is_err());
    assert!(agree("a", PDF, &only("")).is_err());
    // What cannot be judged is not accepted, even when a policy names it.
    assert!(agree("a.exe", EXE, &only(".exe")).is_err());
    assert!(!is_supported(".exe") && is_supported(".pdf") && is_supported("PDF"));
    assert_eq!(content_type(".exe"), None);
}

#[test]
fn an_empty_file_is_refused() {
    for extension in EXTENSIONS {
        assert_eq!(judged(&format!("a{extension}"), b""), Err(KindError::Empty));
    }
}

#[test]
fn content_of_another_kind_is_refused_and_named() {
    for (name, head, found) in [
        ("a.png", HTML, "`text/html`"),
        ("a.png", SVG, "text"),
        ("a.jpg", PNG, "`image/png`"),
        ("a.gif", JPEG, "`image/jpeg`"),
        ("a.webp", GIF, "`image/gif`"),
        ("a.pdf", HTML, "`text/html`"),
        ("a.pdf", EXE, "`application/vnd.microsoft.portable-executable`"),
        ("a.pdf", b"hello", "text"),
        ("a.pdf", b"\x01\x02\xFF\xFE\xFD", "of an unknown kind"),
        ("a.docx", PDF, "`application/pdf`"),
        ("a.zip", PDF, "`application/pdf`"),
        ("a.txt", PDF, "`application/pdf`"),
        ("a.csv", b"%PDF-1.4 pure ascii", "`application/pdf`"),
    ] {
        assert_eq!(mismatch(name, head), found, "{name}");
    }
    assert_eq!(mismatch("a.docx", &compound()), "an older Office file");
    assert_eq!(mismatch("a.doc", &package("word/")), "a Word document (docx)");
    assert_eq!(mismatch("a.doc", b"{\\rtf1\\ansi"), "`application/rtf`");
}

#[test]
fn half_a_signature_is_not_enough() {
    for (name, head) in [
        ("a.png", b"\x89PNG".as_slice()),
        ("a.png", b"\x89PNG\r\n\x1A\n<html><script>"),
        ("a.jpg", b"\xFF\xD8\xFF"),
        ("a.jpg", b"\xFF\xD8\xFF\0<html>"),
        ("a.gif", b"GIF"),
        ("a.gif", b"GIF90a<script>"),
        ("a.gif", b"GIF89a"),
        ("a.webp", b"0000\0\0\0\0WEBPVP8 "),
        ("a.webp", b"RIFF\0\0\0\0WAVEfmt "),
        ("a.pdf", b"%PDF"),
        ("a.pdf", b"%PDF-<html>"),
        ("a.pdf", b" %PDF-1.7"),
        ("a.zip", b"PK"),
        ("a.zip", b"<html>PK\x03\x04"),
        ("a.doc", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"),
    ] {
        assert!(matches!(judged(name, head), Err(KindError::Mismatch { .. })), "{name} {head:?}");
    }
}

#[test]
fn refusals_name_what_to_do_and_have_codes() {
    let error = judged("a.exe", EXE).expect_err("not allowed");
    assert_eq!(error.code(), "not_allowed");
    assert!(error.to_string().starts_with("files that end in `.exe` are not allowed; allowed are .png .jpg"));
    let error = judged("README", b"x").expect_err("no extension");
    assert!(error.to_string().starts_with("the file name has no extension; allowed are .png"));
    let error = judged("a.png", HTML).expect_err("a page");
    assert_eq!(error.to_string(), "the name ends in `.png`, but the content is `text/html`; rename or convert the file");
    assert_eq!((error.code(), KindError::NotText.code()), ("mismatch", "not_text"));
}

fn likely_head() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(vec![
        PNG.to_vec(),
        JPEG.to_vec(),
        GIF.to_vec(),
        WEBP.to_vec(),
        PDF.to_vec(),
        EXE.to_vec(),
        compound(),
        package("word/"),
        entry("xl/a", b"x", true),
        b"PK\x03\x04".to_vec(),
        b"\xFF\xFE".to_vec(),
        b"\0\0\0\x18ftyp".to_vec(),
        b"\x1A\x45\xDF\xA3".to_vec(),
        b"!<arch>".to_vec(),
        Vec::new(),
    ]);
    let noise = prop::collection::vec(any::<u8>(), 0..600);
    (start, noise, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut head, noise, at, byte)| {
        head.extend(noise);
        if !head.is_empty() {
            let at = at.index(head.len());
            head[at] = byte;
        }
        head
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_under_any_allowed_name_are_judged_without_a_panic(head in likely_head(), which in 0..EXTENSIONS.len()) {
        let name = format!("a{}", EXTENSIONS[which]);
        if let Ok(kind) = judged(&name, &head) {
            prop_assert_eq!(kind.extension, EXTENSIONS[which]);
        }
        let _ = describe(&head);
    }

    #[test]
    fn any_text_in_utf_8_is_text(text in "[^\0]{1,200}") {
        prop_assume!(!text.starts_with("%PDF-"));
        prop_assert!(judged("a.txt", text.as_bytes()).is_ok());
    }

    #[test]
    fn any_name_is_read_without_a_panic(name in any::<String>()) {
        if let Some(found) = extension(&name) {
            prop_assert!(name.to_ascii_lowercase().ends_with(&found));
        }
    }
}
