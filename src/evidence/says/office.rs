//! The core properties of an Office Open XML package (ECMA-376, part 2): `docProps/core.xml`, a small part of a zip archive.
//! Must stay true: only the directory and this one part are read, each up to a limit, whatever sizes the archive claims.

use std::io::{Read, Seek, SeekFrom};

use super::{Says, author, moment};

/// The end of an archive, with the longest comment there may be.
const END_BYTES_MAX: u64 = 65_557;
const END_BYTES: usize = 22;
/// Bytes of the directory that are read.
const DIRECTORY_BYTES_MAX: usize = 1 << 20;
/// Bytes of the part, packed and unpacked.
const PACKED_BYTES_MAX: usize = 64 << 10;
const UNPACKED_BYTES_MAX: usize = 256 << 10;
const PART: &[u8] = b"docProps/core.xml";

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..at + 2).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 4).map(|b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])))
}

fn read_at(file: &mut (impl Read + Seek), at: u64, most: usize) -> Option<Vec<u8>> {
    file.seek(SeekFrom::Start(at)).ok()?;
    let mut out = Vec::new();
    file.take(u64::try_from(most).ok()?).read_to_end(&mut out).ok()?;
    Some(out)
}

/// Reads what a package says.
pub(super) fn read(file: &mut (impl Read + Seek)) -> Option<Says> {
    let xml = String::from_utf8(part(file)?).ok()?;
    let when = |tag: &str| text_of(&xml, tag).and_then(|t| date(&t));
    Some(Says {
        author: text_of(&xml, "dc:creator").and_then(|t| author(&t)).or_else(|| text_of(&xml, "cp:lastModifiedBy").and_then(|t| author(&t))),
        created: when("dcterms:created"),
        modified: when("dcterms:modified"),
    })
}

/// The bytes of the part.
fn part(file: &mut (impl Read + Seek)) -> Option<Vec<u8>> {
    let len = file.seek(SeekFrom::End(0)).ok()?;
    let tail = read_at(file, len.saturating_sub(END_BYTES_MAX), usize::try_from(END_BYTES_MAX).ok()?)?;
    let end = (0..=tail.len().checked_sub(END_BYTES)?).rev().find(|at| tail[*at..].starts_with(b"PK\x05\x06"))?;
    let size = usize::try_from(u32_at(&tail, end + 12)?).ok()?.min(DIRECTORY_BYTES_MAX);
    let directory = read_at(file, u32_at(&tail, end + 16)?, size)?;
    let mut at = 0;
    // Each entry takes at least its header, so the directory's limit bounds the steps.
    while directory.get(at..at + 4) == Some(b"PK\x01\x02".as_slice()) {
        let (name, extra, comment) = (u16_at(&directory, at + 28)?, u16_at(&directory, at + 30)?, u16_at(&directory, at + 32)?);
        if directory.get(at + 46..at + 46 + name) == Some(PART) {
            let (method, packed) = (u16_at(&directory, at + 10)?, usize::try_from(u32_at(&directory, at + 20)?).ok()?);
            return unpack(file, u32_at(&directory, at + 42)?, method, packed);
        }
        at += 46 + name + extra + comment;
    }
    None
}

fn unpack(file: &mut (impl Read + Seek), at: u64, method: usize, packed: usize) -> Option<Vec<u8>> {
    if packed > PACKED_BYTES_MAX {
        return None;
    }
    let header = read_at(file, at, 30).filter(|h| h.len() == 30 && h.starts_with(b"PK\x03\x04"))?;
    let skip = 30 + u16_at(&header, 26)? + u16_at(&header, 28)?;
    let bytes = read_at(file, at + u64::try_from(skip).ok()?, packed)?;
    match method {
        0 => Some(bytes),
        8 => miniz_oxide::inflate::decompress_to_vec_with_limit(&bytes, UNPACKED_BYTES_MAX).ok(),
        _ => None,
    }
}

/// The text of the first element of this name, its entities resolved.
fn text_of(xml: &str, tag: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{tag}"))?;
    let rest = rest.strip_prefix('>').or_else(|| rest.starts_with(char::is_whitespace).then(|| rest.split_once('>').map(|(_, r)| r)).flatten())?;
    let (text, _) = rest.split_once('<')?;
    Some(resolve(text))
}

fn resolve(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let entity = after.split_once(';').filter(|(name, _)| name.len() <= 8);
        let found = entity.and_then(|(name, _)| match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => {
                let code = name.strip_prefix('#')?;
                let number = code.strip_prefix('x').map_or_else(|| code.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
                number.and_then(char::from_u32)
            }
        });
        match (found, entity) {
            (Some(c), Some((_, after))) => {
                out.push(c);
                rest = after;
            }
            _ => {
                out.push('&');
                rest = after;
            }
        }
    }
    out + rest
}

/// A moment as W3C's date and time formats have it.
fn date(text: &str) -> Option<String> {
    let text = text.trim();
    let digits: String = text.get(..text.len().min(19))?.chars().filter(char::is_ascii_digit).collect();
    moment(&digits, if text.ends_with('Z') { "Z" } else { "" })
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    const XML: &str = "<?xml version=\"1.0\"?><cp:coreProperties><dc:title>x</dc:title><dc:creator>Ada &amp; B&#x6f;b</dc:creator><dcterms:created xsi:type=\"dcterms:W3CDTF\">2025-11-03T09:15:00Z</dcterms:created><dcterms:modified xsi:type=\"dcterms:W3CDTF\">2025-12-24T18:00:00Z</dcterms:modified></cp:coreProperties>";

    /// An archive with one packed part.
    pub fn archive(name: &str, content: &[u8]) -> Vec<u8> {
        let packed = miniz_oxide::deflate::compress_to_vec(content, 6);
        let sizes = [u32::try_from(packed.len()).expect("small").to_le_bytes(), u32::try_from(content.len()).expect("small").to_le_bytes()].concat();
        let name_len = u16::try_from(name.len()).expect("small").to_le_bytes();
        let common = [b"\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".as_slice(), &sizes, &name_len].concat();
        let local = [b"PK\x03\x04".as_slice(), &common, b"\0\0", name.as_bytes(), &packed].concat();
        let central = [b"PK\x01\x02\x14\0".as_slice(), &common, b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", name.as_bytes()].concat();
        let end = [
            b"PK\x05\x06\0\0\0\0\x01\0\x01\0".as_slice(),
            &u32::try_from(central.len()).expect("small").to_le_bytes(),
            &u32::try_from(local.len()).expect("small").to_le_bytes(),
            b"\0\0",
        ];
        [local, central, end.concat()].concat()
    }

    #[test]
    fn a_package_says_who_made_it_and_when() {
        let says = read(&mut Cursor::new(archive("docProps/core.xml", XML.as_bytes()))).expect("it says something");
        assert_eq!(says.author.as_deref(), Some("Ada & Bob"));
        assert_eq!((says.created.as_deref(), says.modified.as_deref()), (Some("2025-11-03T09:15:00Z"), Some("2025-12-24T18:00:00Z")));
        assert_eq!(read(&mut Cursor::new(archive("docProps/app.xml", XML.as_bytes()))), None);
    }

    #[test]
    fn a_part_that_would_unpack_to_too_much_is_left_alone() {
        let bomb = vec![b' '; UNPACKED_BYTES_MAX + 1];
        assert_eq!(read(&mut Cursor::new(archive("docProps/core.xml", &bomb))), None);
        let mut lies = archive("docProps/core.xml", XML.as_bytes());
        // The directory claims a part of four gigabytes.
        let central = lies.windows(4).position(|w| w == b"PK\x01\x02").expect("there");
        lies[central + 20..central + 24].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(read(&mut Cursor::new(lies)), None);
    }

    #[test]
    fn entities_are_resolved_once() {
        assert_eq!(resolve("a &amp;lt; &#65;&#x42; &nope; & b"), "a &lt; AB &nope; & b");
        assert_eq!(text_of("<dc:creatorX>no</dc:creatorX>", "dc:creator"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..400, with in any::<u8>()) {
            read(&mut Cursor::new(&bytes));
            bytes = archive("docProps/core.xml", XML.as_bytes());
            let at = at % bytes.len();
            bytes[at] = with;
            read(&mut Cursor::new(&bytes));
            bytes.truncate(at);
            read(&mut Cursor::new(&bytes));
        }
    }
}
