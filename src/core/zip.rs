//! A ZIP in a stream, stored and not packed: hashes and sealed values do not shrink. Sizes beyond four gigabytes and more than
//! 65,535 files are written as ZIP64.
//! Must stay true: what was given out is never gone back to; only the directory at the end is kept, a hundred bytes a file.

/// Above this a number has its place in the ZIP64 field.
const NARROW: u64 = 0xffff_ffff;
/// Files that the end of the directory can count.
const COUNT_NARROW: u64 = 0xffff;
/// The version a reader must have for ZIP64.
const VERSION: u16 = 45;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;
/// Sum and sizes follow the bytes.
const FOLLOWS: u16 = 1 << 3;
/// 1980-01-01: an archive of the same entries is the same bytes.
const DAY: u16 = (1 << 5) | 1;

const SUMS: [u32; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let (mut sum, mut bit) = (n as u32, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 };
            bit += 1;
        }
        table[n] = sum;
        n += 1;
    }
    table
};

/// CRC-32 of bytes behind those that `sum` was made of.
pub(super) fn crc(sum: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!sum, |sum, byte| SUMS[usize::from(sum.to_le_bytes()[0] ^ byte)] ^ (sum >> 8))
}

/// An archive in the making.
#[derive(Debug, Default)]
pub struct Zip {
    /// Bytes given out.
    offset: u64,
    directory: Vec<u8>,
    count: u64,
    /// The file whose bytes are coming: its path, where it began, its sum and size so far.
    open: Option<(String, u64, u32, u64)>,
}

impl Zip {
    /// A whole file.
    #[must_use]
    pub fn file(&mut self, path: &str, bytes: &[u8]) -> Vec<u8> {
        let (begun, sum, size) = (self.offset, crc(0, bytes), bytes.len() as u64);
        let mut out = local(path, UTF8, sum, u32::try_from(size).unwrap_or(u32::MAX), &[]);
        out.extend_from_slice(bytes);
        self.enter(path, UTF8, begun, sum, size);
        self.offset += out.len() as u64;
        out
    }

    /// Begins a file whose size is not known yet.
    #[must_use]
    pub fn begin(&mut self, path: &str) -> Vec<u8> {
        let mut wide = Vec::new();
        words(&mut wide, &[1, 16]);
        wide.extend_from_slice(&[0; 16]);
        let out = local(path, UTF8 | FOLLOWS, 0, u32::MAX, &wide);
        self.open = Some((path.to_owned(), self.offset, 0, 0));
        self.offset += out.len() as u64;
        out
    }

    /// Counts a part of the file that was begun; the bytes are given out as they are.
    pub fn part(&mut self, bytes: &[u8]) {
        if let Some((_, _, sum, size)) = &mut self.open {
            *sum = crc(*sum, bytes);
            *size += bytes.len() as u64;
            self.offset += bytes.len() as u64;
        }
    }

    /// Ends the file that was begun.
    #[must_use]
    pub fn end_file(&mut self) -> Vec<u8> {
        let Some((path, begun, sum, size)) = self.open.take() else { return Vec::new() };
        let mut out = b"PK\x07\x08".to_vec();
        out.extend_from_slice(&sum.to_le_bytes());
        out.extend_from_slice(&size.to_le_bytes());
        out.extend_from_slice(&size.to_le_bytes());
        self.enter(&path, UTF8 | FOLLOWS, begun, sum, size);
        self.offset += out.len() as u64;
        out
    }

    fn enter(&mut self, path: &str, flags: u16, begun: u64, sum: u32, size: u64) {
        let mut wide = Vec::new();
        // What followed the bytes is eight bytes wide, which the directory must say too.
        let wide_size = size >= NARROW || flags & FOLLOWS != 0;
        if wide_size {
            wide.extend_from_slice(&size.to_le_bytes());
            wide.extend_from_slice(&size.to_le_bytes());
        }
        if begun >= NARROW {
            wide.extend_from_slice(&begun.to_le_bytes());
        }
        let narrow = |n: u64, is_wide: bool| if is_wide { u32::MAX } else { u32::try_from(n).unwrap_or(u32::MAX) };
        let size = narrow(size, wide_size);
        let out = &mut self.directory;
        out.extend_from_slice(b"PK\x01\x02");
        words(out, &[(3 << 8) | VERSION, VERSION, flags, 0, 0, DAY]);
        for number in [sum, size, size] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let extra = if wide.is_empty() { 0 } else { wide.len() + 4 };
        words(out, &[short(path.len()), short(extra), 0, 0, 0]);
        // A plain file that its owner may write and all may read.
        out.extend_from_slice(&(0o100_644_u32 << 16).to_le_bytes());
        out.extend_from_slice(&narrow(begun, begun >= NARROW).to_le_bytes());
        out.extend_from_slice(path.as_bytes());
        if extra > 0 {
            words(out, &[1, short(wide.len())]);
            out.extend_from_slice(&wide);
        }
        self.count += 1;
    }

    /// The directory, which ends the archive.
    #[must_use]
    pub fn end(self) -> Vec<u8> {
        let (at, size) = (self.offset, self.directory.len() as u64);
        let mut out = self.directory;
        if at >= NARROW || size >= NARROW || self.count >= COUNT_NARROW {
            let wide_at = at + size;
            out.extend_from_slice(b"PK\x06\x06");
            out.extend_from_slice(&44_u64.to_le_bytes());
            words(&mut out, &[(3 << 8) | VERSION, VERSION]);
            out.extend_from_slice(&[0; 8]);
            for number in [self.count, self.count, size, at] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            out.extend_from_slice(b"PK\x06\x07\0\0\0\0");
            out.extend_from_slice(&wide_at.to_le_bytes());
            out.extend_from_slice(&1_u32.to_le_bytes());
        }
        out.extend_from_slice(b"PK\x05\x06");
        let count = u16::try_from(self.count).unwrap_or(u16::MAX);
        words(&mut out, &[0, 0, count, count]);
        for number in [size, at] {
            out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        }
        words(&mut out, &[0]);
        out
    }
}

fn local(path: &str, flags: u16, sum: u32, size: u32, extra: &[u8]) -> Vec<u8> {
    let mut out = b"PK\x03\x04".to_vec();
    words(&mut out, &[VERSION, flags, 0, 0, DAY]);
    for number in [sum, size, size] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    words(&mut out, &[short(path.len()), short(extra.len())]);
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(extra);
    out
}

fn words(out: &mut Vec<u8>, words: &[u16]) {
    words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
}

/// Paths and fields of ours are far below 65,535 bytes.
fn short(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_that_of_the_standard() {
        assert_eq!(crc(0, b"123456789"), 0xcbf4_3926);
        assert_eq!(crc(crc(0, b"1234"), b"56789"), 0xcbf4_3926);
        assert_eq!(crc(0, b""), 0);
    }

    /// Asks Python to check an archive and to print its names and sizes.
    fn read(bytes: &[u8]) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.zip");
        std::fs::write(&path, bytes).expect("written");
        let script = "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nl=z.infolist()\nprint(len(l), [(i.filename, i.file_size) for i in l[:3]])";
        let out = std::process::Command::new("python3").args(["-c", script]).arg(&path).output().expect("python3 runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("UTF-8").trim().to_owned()
    }

    #[test]
    fn strangers_programs_read_what_is_written() {
        let mut zip = Zip::default();
        let mut out = zip.file("a/ü.txt", b"hello");
        out.extend(zip.begin("b"));
        for part in [b"one".as_slice(), b"", b"two"] {
            zip.part(part);
            out.extend_from_slice(part);
        }
        out.extend(zip.end_file());
        out.extend(zip.file("empty", b""));
        out.extend(zip.end());
        assert_eq!(read(&out), "3 [('a/ü.txt', 5), ('b', 6), ('empty', 0)]");
        assert_eq!(read(&Zip::default().end()), "0 []");
    }

    #[test]
    fn more_files_than_the_old_format_counts_are_counted() {
        let mut zip = Zip::default();
        let mut out = Vec::new();
        for n in 0..70_000 {
            out.extend(zip.file(&format!("{n}"), b"x"));
        }
        out.extend(zip.end());
        assert!(read(&out).starts_with("70000 [('0', 1)"));
    }

    #[test]
    fn a_place_beyond_four_gigabytes_has_its_wide_field() {
        let begun = 5_u64 << 30;
        let mut zip = Zip { offset: begun, ..Zip::default() };
        assert!(!zip.file("a", b"x").is_empty());
        let directory = zip.directory.clone();
        assert_eq!(&directory[42..46], &[0xff; 4], "the narrow place");
        assert_eq!(&directory[47..51], &[1, 0, 8, 0]);
        assert_eq!(&directory[51..59], &begun.to_le_bytes());
        let end = zip.end();
        let wide = end.windows(4).position(|w| w == b"PK\x06\x06").expect("a wide end");
        let at = u64::from_le_bytes(end[wide + 48..wide + 56].try_into().expect("eight bytes"));
        assert!(at > begun && end.ends_with(&[0xff, 0xff, 0xff, 0xff, 0, 0]), "{end:?}");
    }
}
