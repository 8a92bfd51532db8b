//! Reading a ZIP archive that somebody sent: its directory, and one file of it at a time as a stream. The counterpart of `zip`.
//! Must stay true: nothing is believed that the archive claims. Every count, size and place is bounded and compared, two files
//! never share bytes, what unpacks to far more than it was is broken off, and memory does not grow with the archive.

use std::io::{self, Read, Seek, SeekFrom, Take};

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use super::zip::crc;

/// Files and folders of one archive.
pub const ENTRIES_MAX: usize = 20_000;
/// Bytes of its directory.
const DIRECTORY_BYTES_MAX: u64 = 8 << 20;
/// How many times as large as it was packed a file may become; what stays below `FREE_BYTES` may more.
pub const RATIO_MAX: u64 = 250;
const FREE_BYTES: u64 = 1 << 20;
/// The end of the directory, with the longest comment there may be.
const END_BYTES: usize = 22;
const TAIL_BYTES_MAX: u64 = 65_557;
/// The narrow form of a number that stands in the wide field.
const WIDE: u32 = u32::MAX;
/// Bytes read at once.
const PIECE: usize = 32 * 1024;

/// Why an archive, or a file of it, is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    /// By the system.
    #[error("the archive cannot be read")]
    Unreadable,
    /// There is no directory at its end.
    #[error("the file is no ZIP archive, or its end is missing")]
    NotZip,
    /// What it says of itself does not fit.
    #[error("the archive is damaged: what it says of itself does not fit")]
    Broken,
    /// One of several volumes.
    #[error("the archive is one part of several; pack it as one")]
    Divided,
    /// Too many files.
    #[error("the archive holds more than {ENTRIES_MAX} files; divide it")]
    TooMany,
    /// Two files share bytes, as in archives made to unpack to far too much.
    #[error("files of the archive overlap")]
    Overlap,
    /// It asks for a password.
    #[error("it is encrypted; pack it without a password")]
    Encrypted,
    /// It is packed by a method that is not read.
    #[error("it is packed by a method that is not read; use the common one (deflate)")]
    Method,
    /// It unpacks to more than is taken.
    #[error("it unpacks to more than is taken")]
    TooLarge,
    /// It unpacks to far more than it was.
    #[error("it unpacks to more than {RATIO_MAX} times its size")]
    Ratio,
    /// Its sum is another.
    #[error("it is damaged: its sum is another")]
    Sum,
}

impl ZipError {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Unreadable,
        Self::NotZip,
        Self::Broken,
        Self::Divided,
        Self::TooMany,
        Self::Overlap,
        Self::Encrypted,
        Self::Method,
        Self::TooLarge,
        Self::Ratio,
        Self::Sum,
    ];

    /// The stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NotZip => "not_zip",
            Self::Broken => "broken",
            Self::Divided => "divided",
            Self::TooMany => "too_many",
            Self::Overlap => "overlap",
            Self::Encrypted => "encrypted",
            Self::Method => "method",
            Self::TooLarge => "too_large",
            Self::Ratio => "ratio",
            Self::Sum => "sum",
        }
    }

    /// What stands behind an error of a stream made by [`open`].
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        error.get_ref().and_then(|e| e.downcast_ref::<Self>()).copied().unwrap_or(Self::Unreadable)
    }
}

/// A file or folder of an archive, as its directory has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, as bytes: what it means is for who asks to judge.
    pub name: Vec<u8>,
    /// Bytes, packed.
    pub packed: u64,
    /// Bytes it claims to unpack to.
    pub size: u64,
    is_encrypted: bool,
    method: u16,
    sum: u32,
    at: u64,
    mode: u32,
}

impl Entry {
    /// Is it a folder?
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.name.ends_with(b"/")
    }

    /// Is it a link to elsewhere, or anything but a plain file?
    #[must_use]
    pub const fn is_special(&self) -> bool {
        let kind = self.mode & 0o170_000;
        kind != 0 && kind != 0o100_000 && kind != 0o040_000
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, ZipError> {
    bytes.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]])).ok_or(ZipError::Broken)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, ZipError> {
    bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).ok_or(ZipError::Broken)
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, ZipError> {
    Ok(u64::from(u32_at(bytes, at)?) | u64::from(u32_at(bytes, at + 4)?) << 32)
}

fn read_at(file: &mut (impl Read + Seek), at: u64, bytes: u64) -> Result<Vec<u8>, ZipError> {
    file.seek(SeekFrom::Start(at)).map_err(|_| ZipError::Unreadable)?;
    let mut out = Vec::new();
    file.take(bytes).read_to_end(&mut out).map_err(|_| ZipError::Unreadable)?;
    if out.len() as u64 == bytes { Ok(out) } else { Err(ZipError::Broken) }
}

/// Where the directory lies: its place, its bytes, how many it counts, and where it must have ended.
fn directory(file: &mut (impl Read + Seek)) -> Result<(u64, u64, u64, u64), ZipError> {
    let len = file.seek(SeekFrom::End(0)).map_err(|_| ZipError::Unreadable)?;
    let tail_at = len.saturating_sub(TAIL_BYTES_MAX);
    let tail = read_at(file, tail_at, len - tail_at)?;
    let last = tail.len().checked_sub(END_BYTES).ok_or(ZipError::NotZip)?;
    // Its comment must reach the end exactly, so that no second end hides in it.
    let is_end = |at: &usize| tail[*at..].starts_with(b"PK\x05\x06") && u16_at(&tail, at + 20).is_ok_and(|n| at + END_BYTES + usize::from(n) == tail.len());
    let end = (0..=last).rev().find(is_end).ok_or(ZipError::NotZip)?;
    let end_at = tail_at + end as u64;
    if u16_at(&tail, end + 4)? != 0 && u16_at(&tail, end + 4)? != u16::MAX {
        return Err(ZipError::Divided);
    }
    let narrow = (u32_at(&tail, end + 16)?, u32_at(&tail, end + 12)?, u16_at(&tail, end + 10)?);
    if narrow.0 != WIDE && narrow.1 != WIDE && narrow.2 != u16::MAX {
        return Ok((u64::from(narrow.0), u64::from(narrow.1), u64::from(narrow.2), end_at));
    }
    let locator = read_at(file, end_at.checked_sub(20).ok_or(ZipError::Broken)?, 20)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Err(ZipError::Broken);
    }
    let wide_at = u64_at(&locator, 8)?;
    let wide = read_at(file, wide_at, 56)?;
    if !wide.starts_with(b"PK\x06\x06") {
        return Err(ZipError::Broken);
    }
    Ok((u64_at(&wide, 48)?, u64_at(&wide, 40)?, u64_at(&wide, 32)?, wide_at))
}

/// What an archive holds, in the order of its directory.
///
/// # Errors
/// [`ZipError`] for the archive as a whole.
pub fn entries(file: &mut (impl Read + Seek)) -> Result<Vec<Entry>, ZipError> {
    let (at, size, count, end) = directory(file)?;
    if count > ENTRIES_MAX as u64 || size > DIRECTORY_BYTES_MAX {
        return Err(ZipError::TooMany);
    }
    if at.checked_add(size).is_none_or(|behind| behind > end) {
        return Err(ZipError::Broken);
    }
    let bytes = read_at(file, at, size)?;
    let (mut out, mut next) = (Vec::new(), 0);
    while next < bytes.len() {
        let (entry, behind) = entry(&bytes, next)?;
        // Each takes at least its header before the directory.
        let needs = entry.packed.saturating_add(30 + entry.name.len() as u64);
        if entry.at.checked_add(needs).is_none_or(|behind| behind > at) {
            return Err(ZipError::Broken);
        }
        out.push(entry);
        next = behind;
    }
    if out.len() as u64 != count {
        return Err(ZipError::Broken);
    }
    let mut places: Vec<(u64, u64)> = out.iter().map(|e| (e.at, e.at + 30 + e.name.len() as u64 + e.packed)).collect();
    places.sort_unstable();
    if places.windows(2).any(|pair| pair[0].1 > pair[1].0) {
        return Err(ZipError::Overlap);
    }
    Ok(out)
}

/// One entry of the directory, and where the next one begins.
fn entry(bytes: &[u8], at: usize) -> Result<(Entry, usize), ZipError> {
    if bytes.get(at..at + 4) != Some(b"PK\x01\x02".as_slice()) {
        return Err(ZipError::Broken);
    }
    let (name, extra, comment) = (usize::from(u16_at(bytes, at + 28)?), usize::from(u16_at(bytes, at + 30)?), usize::from(u16_at(bytes, at + 32)?));
    let behind = at + 46 + name + extra + comment;
    let named = bytes.get(at + 46..at + 46 + name).ok_or(ZipError::Broken)?;
    let extra = bytes.get(at + 46 + name..at + 46 + name + extra).ok_or(ZipError::Broken)?;
    let mut wide = wide_field(extra);
    let mut number = |narrow: u32| -> Result<u64, ZipError> {
        if narrow != WIDE {
            return Ok(u64::from(narrow));
        }
        let field = wide.take().ok_or(ZipError::Broken)?;
        let number = u64_at(field, 0)?;
        wide = Some(&field[8..]);
        Ok(number)
    };
    // The wide field holds what does not fit, in this order.
    let (size, packed, place) = (number(u32_at(bytes, at + 24)?)?, number(u32_at(bytes, at + 20)?)?, number(u32_at(bytes, at + 42)?)?);
    let made_by_unix = u16_at(bytes, at + 4)? >> 8 == 3;
    let entry = Entry {
        name: named.to_vec(),
        packed,
        size,
        is_encrypted: u16_at(bytes, at + 8)? & 1 != 0,
        method: u16_at(bytes, at + 10)?,
        sum: u32_at(bytes, at + 16)?,
        at: place,
        mode: if made_by_unix { u32_at(bytes, at + 38)? >> 16 } else { 0 },
    };
    if bytes.len() < behind { Err(ZipError::Broken) } else { Ok((entry, behind)) }
}

/// The field with the wide numbers, among the extra ones.
fn wide_field(mut extra: &[u8]) -> Option<&[u8]> {
    while let (Ok(id), Ok(len)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let field = extra.get(4..4 + usize::from(len))?;
        if id == 1 {
            return Some(field);
        }
        extra = &extra[4 + usize::from(len)..];
    }
    None
}

/// The bytes of one entry, of which at most `bytes_max` are given.
///
/// # Errors
/// [`ZipError`] for this entry; while it is read, errors of the stream hold one ([`ZipError::of`]).
pub fn open<R: Read + Seek>(mut file: R, entry: &Entry, bytes_max: u64) -> Result<Unpacked<R>, ZipError> {
    if entry.is_encrypted {
        return Err(ZipError::Encrypted);
    }
    if !matches!(entry.method, 0 | 8) {
        return Err(ZipError::Method);
    }
    if entry.size > bytes_max {
        return Err(ZipError::TooLarge);
    }
    if entry.method == 0 && entry.packed != entry.size {
        return Err(ZipError::Broken);
    }
    let header = read_at(&mut file, entry.at, 30)?;
    let name = u64::from(u16_at(&header, 26)?);
    if !header.starts_with(b"PK\x03\x04") || read_at(&mut file, entry.at + 30, name)? != entry.name {
        return Err(ZipError::Broken);
    }
    if u16_at(&header, 6)? & 1 != 0 {
        return Err(ZipError::Encrypted);
    }
    let begin = entry.at + 30 + name + u64::from(u16_at(&header, 28)?);
    file.seek(SeekFrom::Start(begin)).map_err(|_| ZipError::Unreadable)?;
    Ok(Unpacked {
        from: file.take(entry.packed),
        state: (entry.method == 8).then(|| InflateState::new_boxed(DataFormat::Raw)),
        input: vec![0; PIECE],
        begin: 0,
        end: 0,
        is_over: false,
        sum: 0,
        given: 0,
        most: bytes_max.min((entry.packed.saturating_mul(RATIO_MAX)).max(FREE_BYTES)),
        bytes_max,
        entry: entry.clone(),
    })
}

/// A file of an archive as it unpacks. It ends well only when its size and its sum are those of the directory.
pub struct Unpacked<R> {
    from: Take<R>,
    /// None for what is stored as it is.
    state: Option<Box<InflateState>>,
    input: Vec<u8>,
    begin: usize,
    end: usize,
    is_over: bool,
    sum: u32,
    given: u64,
    most: u64,
    bytes_max: u64,
    entry: Entry,
}

impl<R> std::fmt::Debug for Unpacked<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpacked").field("given", &self.given).finish_non_exhaustive()
    }
}

impl<R: Read> Unpacked<R> {
    fn more(&mut self, out: &mut [u8]) -> Result<usize, ZipError> {
        let Some(state) = &mut self.state else { return self.from.read(out).map_err(|_| ZipError::Unreadable) };
        while !self.is_over {
            if self.begin == self.end {
                self.end = self.from.read(&mut self.input).map_err(|_| ZipError::Unreadable)?;
                self.begin = 0;
            }
            let at_end = self.begin == self.end;
            let done = inflate(state, &self.input[self.begin..self.end], out, MZFlush::None);
            self.begin += done.bytes_consumed;
            match done.status {
                Ok(MZStatus::StreamEnd) => self.is_over = true,
                Ok(_) | Err(MZError::Buf) => {}
                Err(_) => return Err(ZipError::Broken),
            }
            if done.bytes_written > 0 {
                return Ok(done.bytes_written);
            }
            if at_end && !self.is_over {
                return Err(ZipError::Broken);
            }
        }
        Ok(0)
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let n = self.more(out).map_err(io::Error::other)?;
        self.given += n as u64;
        if self.given > self.most {
            return Err(io::Error::other(if self.given > self.bytes_max { ZipError::TooLarge } else { ZipError::Ratio }));
        }
        if self.given > self.entry.size {
            return Err(io::Error::other(ZipError::Broken));
        }
        self.sum = crc(self.sum, &out[..n]);
        if n == 0 && self.given != self.entry.size {
            return Err(io::Error::other(ZipError::Broken));
        }
        if n == 0 && self.sum != self.entry.sum {
            return Err(io::Error::other(ZipError::Sum));
        }
        Ok(n)
    }
}

#[cfg(test)]
pub mod tests;
