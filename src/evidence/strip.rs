//! A copy of a file without what it says of its author, place and times: JPEG, PNG, and packages of Office Open XML. Pure.
//! Must stay true: the picture and the document stay what they are, byte for byte where they are; what is not known is left out of
//! pictures, and what cannot be read is refused, never guessed. PDF is not taken: its values may lie anywhere in it.

use std::io::{Cursor, Read as _};

use crate::core::unzip::{self, ZipError};
use crate::core::zip::Zip;

/// Bytes of a file that is read for this; all of it is in memory.
pub const BYTES_MAX: u64 = 64 << 20;

/// Why there is no such copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StripError {
    /// Of another kind.
    #[error("files of this kind are not taken apart")]
    Kind,
    /// It holds nothing to leave out.
    #[error("it holds nothing of that")]
    Nothing,
    /// It is not as its format has it.
    #[error("it is not as its format has it")]
    Broken,
    /// It is too large.
    #[error("it is too large")]
    TooLarge,
}

impl StripError {
    /// The code of the text `error-strip-<code>`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Nothing => "nothing",
            Self::Broken => "broken",
            Self::TooLarge => "large",
        }
    }
}

/// Can there be such a copy of a file that ends so?
#[must_use]
pub fn is_known(extension: &str) -> bool {
    matches!(extension, ".jpg" | ".jpeg" | ".png" | ".docx" | ".xlsx" | ".pptx")
}

/// The copy of a file that ends in `extension`.
///
/// # Errors
/// [`StripError`].
pub fn strip(extension: &str, bytes: &[u8]) -> Result<Vec<u8>, StripError> {
    if bytes.len() as u64 > BYTES_MAX {
        return Err(StripError::TooLarge);
    }
    let out = match extension {
        ".jpg" | ".jpeg" => jpeg(bytes).ok_or(StripError::Broken)?,
        ".png" => png(bytes).ok_or(StripError::Broken)?,
        ".docx" | ".xlsx" | ".pptx" => return package(bytes),
        _ => return Err(StripError::Kind),
    };
    if out == bytes { Err(StripError::Nothing) } else { Ok(out) }
}

/// Segments (ITU T.81): of those for applications only the JFIF head, the colour profile and Adobe's transform are kept, and no
/// comment; nothing behind the end of the picture.
fn jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = bytes.get(..2).filter(|b| *b == [0xFF, 0xD8])?.to_vec();
    let mut at = 2;
    loop {
        if bytes.get(at) != Some(&0xFF) {
            return None;
        }
        // Any number of FF may stand before a marker.
        while bytes.get(at + 1) == Some(&0xFF) {
            at += 1;
        }
        let marker = *bytes.get(at + 1)?;
        if marker == 0xD9 {
            out.extend_from_slice(&[0xFF, 0xD9]);
            return Some(out);
        }
        if matches!(marker, 0x01 | 0xD0..=0xD8) {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
        let segment = bytes.get(at..at + 2 + length).filter(|_| length >= 2)?;
        let is_kept = match marker {
            0xE0 => segment[4..].starts_with(b"JFIF\0"),
            0xE2 => segment[4..].starts_with(b"ICC_PROFILE\0"),
            0xEE => segment[4..].starts_with(b"Adobe"),
            0xE1..=0xEF | 0xFE => false,
            _ => true,
        };
        if is_kept {
            out.extend_from_slice(segment);
        }
        at += segment.len();
        if marker == 0xDA {
            let coded = &bytes[at..];
            // A marker within is stuffed with 00 or starts over.
            let end = coded.windows(2).position(|w| w[0] == 0xFF && !matches!(w[1], 0x00 | 0xD0..=0xD7 | 0xFF))?;
            out.extend_from_slice(&coded[..end]);
            at += end;
        }
    }
}

/// Chunks (ISO/IEC 15948): those that are needed to draw it, and those that say how; nothing behind the last.
fn png(bytes: &[u8]) -> Option<Vec<u8>> {
    const KEPT: [&[u8; 4]; 21] = [
        b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs", b"hIST", b"sPLT", b"acTL", b"fcTL",
        b"fdAT", b"cICP", b"mDCV", b"cLLI", b"oFFs",
    ];
    let mut out = bytes.get(..8).filter(|b| *b == b"\x89PNG\r\n\x1A\n")?.to_vec();
    let mut at = 8;
    loop {
        let length = usize::try_from(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?)).ok()?;
        let chunk = bytes.get(at..at.checked_add(length)?.checked_add(12)?)?;
        let kind: &[u8; 4] = chunk.get(4..8)?.first_chunk()?;
        if KEPT.contains(&kind) {
            out.extend_from_slice(chunk);
        }
        if kind == b"IEND" {
            return Some(out);
        }
        at += chunk.len();
    }
}

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
/// What stands in the place of the properties of a package (ECMA-376, part 2; part 1, 15.2.12).
const EMPTY: [(&str, &str); 3] = [
    ("docProps/core.xml", "<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\"/>"),
    ("docProps/app.xml", "<Properties xmlns=\"http://schemas.openxmlformats.org/officeDocument/2006/extended-properties\"/>"),
    ("docProps/custom.xml", "<Properties xmlns=\"http://schemas.openxmlformats.org/officeDocument/2006/custom-properties\"/>"),
];

/// The parts of a package as they are, stored and not packed, with empty properties.
fn package(bytes: &[u8]) -> Result<Vec<u8>, StripError> {
    let coded = |error: ZipError| if matches!(error, ZipError::TooLarge | ZipError::TooMany) { StripError::TooLarge } else { StripError::Broken };
    let mut file = Cursor::new(bytes);
    let entries = unzip::entries(&mut file).map_err(coded)?;
    if entries.iter().map(|e| e.size).sum::<u64>() > BYTES_MAX {
        return Err(StripError::TooLarge);
    }
    let (mut zip, mut out, mut changed) = (Zip::default(), Vec::new(), false);
    for entry in entries.iter().filter(|e| !e.is_folder()) {
        let name = std::str::from_utf8(&entry.name).map_err(|_| StripError::Broken)?;
        let mut part = Vec::new();
        unzip::open(&mut file, entry, BYTES_MAX).map_err(coded)?.read_to_end(&mut part).map_err(|e| coded(ZipError::of(&e)))?;
        if let Some((_, empty)) = EMPTY.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            let empty = format!("{XML}{empty}").into_bytes();
            changed |= empty != part;
            part = empty;
        }
        out.extend(zip.file(name, &part));
    }
    out.extend(zip.end());
    if changed { Ok(out) } else { Err(StripError::Nothing) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len() + 2).expect("short").to_be_bytes();
        [&[0xFF, marker], length.as_slice(), data].concat()
    }

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        [&u32::try_from(data.len()).expect("short").to_be_bytes(), kind.as_slice(), data, b"sum."].concat()
    }

    #[test]
    fn a_picture_loses_what_it_says_and_keeps_what_it_shows() {
        let (jfif, icc) = (segment(0xE0, b"JFIF\0\x01\x02"), segment(0xE2, b"ICC_PROFILE\0\x01\x01p"));
        let scan = [segment(0xDA, b"\x01\x01"), b"\x12\xFF\x00\x34\xFF\xD0\x56".to_vec()].concat();
        let table = segment(0xDB, b"table");
        let dirty = [
            b"\xFF\xD8".as_slice(),
            &jfif,
            &segment(0xE1, b"Exif\0\0where and when"),
            &icc,
            &segment(0xED, b"Photoshop 3.0\0who"),
            &segment(0xFE, b"a comment"),
            &table,
            &scan,
            b"\xFF\xD9",
            b"more behind the end",
        ]
        .concat();
        let clean = [b"\xFF\xD8".as_slice(), &jfif, &icc, &table, &scan, b"\xFF\xD9"].concat();
        assert_eq!(strip(".jpg", &dirty), Ok(clean.clone()));
        assert_eq!(strip(".jpg", &clean), Err(StripError::Nothing));
        for cut in 0..clean.len() {
            assert_eq!(strip(".jpeg", &clean[..cut]), Err(StripError::Broken), "{cut}");
        }
        let (head, data, end) = (chunk(b"IHDR", b"0123456789abc"), chunk(b"IDAT", b"points"), chunk(b"IEND", b""));
        let signature = b"\x89PNG\r\n\x1A\n".as_slice();
        let dirty = [signature, &head, &chunk(b"tEXt", b"Author\0Ada"), &chunk(b"eXIf", b"where"), &data, &chunk(b"prVt", b"x"), &end, b"tail"].concat();
        let clean = [signature, &head, &data, &end].concat();
        assert_eq!(strip(".png", &dirty), Ok(clean.clone()));
        assert_eq!(strip(".png", &clean), Err(StripError::Nothing));
        assert_eq!((strip(".png", &clean[..clean.len() - 1]), strip(".pdf", b"%PDF-1.7")), (Err(StripError::Broken), Err(StripError::Kind)));
    }

    #[test]
    fn a_package_loses_its_properties_and_keeps_its_parts() {
        let core = b"<cp:coreProperties><dc:creator>Ada</dc:creator></cp:coreProperties>";
        let dirty = unzip::tests::packed(&[(b"[Content_Types].xml", b"<Types/>", 0), (b"docProps/core.xml", core, 0), (b"word/document.xml", b"<w/>", 0)]);
        let clean = strip(".docx", &dirty).expect("a copy");
        let mut file = Cursor::new(&clean);
        let mut parts = Vec::new();
        for entry in unzip::entries(&mut file).expect("an archive") {
            let mut part = String::new();
            unzip::open(&mut file, &entry, 1000).expect("opens").read_to_string(&mut part).expect("reads");
            parts.push((String::from_utf8_lossy(&entry.name).into_owned(), part));
        }
        let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["[Content_Types].xml", "docProps/core.xml", "word/document.xml"]);
        assert!(!parts[1].1.contains("Ada") && parts[2].1 == "<w/>", "{parts:?}");
        assert_eq!(strip(".docx", &clean), Err(StripError::Nothing));
        assert_eq!(strip(".xlsx", b"no package"), Err(StripError::Broken));
    }
}
