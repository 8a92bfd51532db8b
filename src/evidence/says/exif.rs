//! The dates and the artist of a photograph: the Exif part of a JPEG (JEITA CP-3451), read from its beginning.
//! Must stay true: every offset is checked against what was read, and each directory is read once.

use std::io::Read;

use super::{Says, author, moment};

/// Bytes of the beginning that are read; the part stands before the picture and is 64 KiB at most.
const HEAD_BYTES: u64 = 256 << 10;
/// Entries of a directory.
const ENTRIES_MAX: usize = 512;
const ARTIST: u16 = 0x013B;
const CHANGED: u16 = 0x0132;
const DETAILS: u16 = 0x8769;
const TAKEN: u16 = 0x9003;
const DIGITIZED: u16 = 0x9004;

/// Reads what a photograph says.
pub(super) fn read(file: &mut impl Read) -> Option<Says> {
    let mut head = Vec::new();
    file.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
    let tiff = Tiff::of(exif(&head)?)?;
    let main = tiff.directory(tiff.u32(4)?);
    let details = main.iter().find(|e| e.tag == DETAILS).map(|e| tiff.directory(e.value)).unwrap_or_default();
    let text = |entries: &[Entry], tag: u16| entries.iter().find(|e| e.tag == tag).and_then(|e| tiff.text(e));
    Some(Says {
        author: text(&main, ARTIST).and_then(|t| author(&t)),
        created: text(&details, TAKEN).or_else(|| text(&details, DIGITIZED)).and_then(|t| date(&t)),
        modified: text(&main, CHANGED).and_then(|t| date(&t)),
    })
}

/// The Exif part among the segments before the picture.
fn exif(head: &[u8]) -> Option<&[u8]> {
    let mut rest = head.strip_prefix(b"\xFF\xD8")?;
    while let [0xFF, marker, high, low, ..] = rest {
        // The picture begins.
        if *marker == 0xDA {
            return None;
        }
        let len = usize::from(u16::from_be_bytes([*high, *low])).max(2);
        let segment = rest.get(4..2 + len)?;
        if *marker == 0xE1
            && let Some(found) = segment.strip_prefix(b"Exif\0\0")
        {
            return Some(found);
        }
        rest = rest.get(2 + len..)?;
    }
    None
}

struct Entry {
    tag: u16,
    kind: u16,
    count: u32,
    value: u32,
    at: usize,
}

struct Tiff<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl<'a> Tiff<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        match bytes.get(..4)? {
            b"MM\0\x2A" => Some(Self { bytes, big: true }),
            b"II\x2A\0" => Some(Self { bytes, big: false }),
            _ => None,
        }
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes: [u8; 2] = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes: [u8; 4] = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn directory(&self, at: u32) -> Vec<Entry> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let count = self.u16(at).map_or(0, usize::from).min(ENTRIES_MAX);
        let entry = |n: usize| {
            let at = at + 2 + n * 12;
            Some(Entry { tag: self.u16(at)?, kind: self.u16(at + 2)?, count: self.u32(at + 4)?, value: self.u32(at + 8)?, at: at + 8 })
        };
        (0..count).map_while(entry).collect()
    }

    /// The text of an entry: in place up to four bytes, else where it points.
    fn text(&self, entry: &Entry) -> Option<String> {
        const ASCII: u16 = 2;
        let len = usize::try_from(entry.count).ok().filter(|n| entry.kind == ASCII && *n <= 512)?;
        let at = if len <= 4 { entry.at } else { usize::try_from(entry.value).ok()? };
        let bytes = self.bytes.get(at..at.checked_add(len)?)?;
        Some(String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned())
    }
}

/// `2026:01:15 12:00:00`, of no known zone.
fn date(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).take(14).collect();
    moment(&digits, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A photograph with an artist, a change and a moment, in either byte order.
    fn photograph(big: bool) -> Vec<u8> {
        let n16 = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let n32 = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let entry = |tag: u16, kind: u16, count: u32, value: u32| [n16(tag).as_slice(), &n16(kind), &n32(count), &n32(value)].concat();
        let mut tiff = if big { b"MM\0\x2A".to_vec() } else { b"II\x2A\0".to_vec() };
        tiff.extend(n32(8));
        // Three entries end at 50, one more directory at 68, then the texts.
        tiff.extend(n16(3));
        tiff.extend(entry(CHANGED, 2, 20, 68));
        tiff.extend(entry(ARTIST, 2, 9, 88));
        tiff.extend(entry(DETAILS, 4, 1, 50));
        tiff.extend(n32(0));
        tiff.extend(n16(1));
        tiff.extend(entry(TAKEN, 2, 20, 97));
        tiff.extend(n32(0));
        tiff.extend(b"2025:12:24 18:00:00\0Ada Love\x002025:11:03 09:15:00\0");
        let len = u16::try_from(tiff.len() + 8).expect("small").to_be_bytes();
        [b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xE1".as_slice(), &len, b"Exif\0\0", &tiff, b"\xFF\xDA\0\x02"].concat()
    }

    #[test]
    fn a_photograph_says_who_took_it_and_when() {
        for big in [true, false] {
            let says = read(&mut photograph(big).as_slice()).expect("it says something");
            assert_eq!(says.author.as_deref(), Some("Ada Love"), "{big}");
            assert_eq!((says.created.as_deref(), says.modified.as_deref()), (Some("2025-11-03T09:15:00"), Some("2025-12-24T18:00:00")), "{big}");
        }
        assert_eq!(read(&mut b"\xFF\xD8\xFF\xDA\0\x02".as_slice()), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(big in any::<bool>(), at in 0_usize..200, with in any::<u8>(), cut in 0_usize..200) {
            let mut bytes = photograph(big);
            let (at, cut) = (at % bytes.len(), cut % bytes.len());
            bytes[at] = with;
            read(&mut bytes.as_slice());
            bytes.truncate(cut);
            read(&mut bytes.as_slice());
        }
    }
}
