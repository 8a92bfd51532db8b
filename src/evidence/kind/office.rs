//! Office files and zip archives, as far as their first bytes tell.
//! What must stay true: only headers and names are read, each length is checked
//! against the head, and the first main folder decides, since a document may
//! carry another one inside.

/// Entries of an archive that are looked at.
const ENTRIES_MAX: usize = 256;
/// Bytes of a local file header before its name.
const HEADER_BYTES: usize = 30;
const HEADER_MAGIC: &[u8] = b"PK\x03\x04";
/// Sizes follow behind the data.
const FLAG_SIZES_LATER: u16 = 1 << 3;
/// The size is in an extra field.
const SIZE_ELSEWHERE: u32 = u32::MAX;

const MAIN_FOLDERS: [(&str, &str); 3] =
    [("word/", "a Word document (docx)"), ("xl/", "an Excel workbook (xlsx)"), ("ppt/", "a PowerPoint presentation (pptx)")];

/// A compound file: doc, xls and other files of older Office programs. Which of
/// them stands in a directory that may lie anywhere, so the head cannot tell.
pub fn is_compound(head: &[u8]) -> bool {
    head.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") && matches!(head.get(26..30), Some([3 | 4, 0, 0xFE, 0xFF]))
}

/// A zip archive that begins with its first entry, or is empty.
pub fn is_zip(head: &[u8]) -> bool {
    head.starts_with(HEADER_MAGIC) || head.starts_with(b"PK\x05\x06")
}

/// An Office Open XML package whose main folder is `folder`. When the head ends
/// before any main folder, the parts that every package has must be there.
pub fn is_package(head: &[u8], folder: &str) -> bool {
    let listing = listing(head);
    if listing.has_macros() {
        return false;
    }
    match listing.main_folder() {
        Some((found, _)) => found == folder,
        None => head.len() >= super::HEAD_BYTES && listing.is_cut && listing.has_package_parts(),
    }
}

/// What an archive is, in words.
pub fn describe_zip(head: &[u8]) -> &'static str {
    let listing = listing(head);
    match listing.main_folder() {
        Some(_) if listing.has_macros() => "an Office document with macros",
        Some((_, words)) => words,
        None => "a zip archive",
    }
}

struct Listing<'a> {
    names: Vec<&'a [u8]>,
    /// The archive goes on behind the head.
    is_cut: bool,
}

impl Listing<'_> {
    fn main_folder(&self) -> Option<(&'static str, &'static str)> {
        self.names.iter().find_map(|name| MAIN_FOLDERS.into_iter().find(|(folder, _)| name.starts_with(folder.as_bytes())))
    }

    fn has_package_parts(&self) -> bool {
        self.names.iter().any(|name| *name == b"[Content_Types].xml" || name.starts_with(b"_rels/") || name.starts_with(b"docProps/"))
    }

    fn has_macros(&self) -> bool {
        self.names.iter().any(|name| name.to_ascii_lowercase().ends_with(b"vbaproject.bin"))
    }
}

/// The names of the entries whose headers lie in the head, one after another.
fn listing(head: &[u8]) -> Listing<'_> {
    let mut names = Vec::new();
    let mut rest = head;
    for _ in 0..ENTRIES_MAX {
        let Some(header) = rest.first_chunk::<HEADER_BYTES>().filter(|h| h.starts_with(HEADER_MAGIC)) else {
            // A directory follows the last entry; anything shorter than a header is cut off.
            let is_cut = rest.len() < HEADER_BYTES && !rest.starts_with(b"PK\x01\x02");
            return Listing { names, is_cut };
        };
        let name_end = HEADER_BYTES + usize::from(word(header, 26));
        let Some(name) = rest.get(HEADER_BYTES..name_end) else {
            break;
        };
        names.push(name);
        let data = name_end + usize::from(word(header, 28));
        let Some(next) = next_entry(rest, header, data) else {
            break;
        };
        rest = next;
    }
    Listing { names, is_cut: true }
}

/// What begins with the next entry; none when that lies behind the head.
fn next_entry<'a>(rest: &'a [u8], header: &[u8; HEADER_BYTES], data: usize) -> Option<&'a [u8]> {
    let size = u32::from_le_bytes([header[18], header[19], header[20], header[21]]);
    let is_known = word(header, 6) & FLAG_SIZES_LATER == 0 && size != SIZE_ELSEWHERE;
    let behind = rest.get(data..)?;
    if is_known {
        return behind.get(usize::try_from(size).ok()?..);
    }
    // The end is not told, so the next header or the directory is searched for.
    let start = behind.windows(HEADER_MAGIC.len()).position(|window| window == HEADER_MAGIC || window == b"PK\x01\x02")?;
    behind.get(start..)
}

fn word(header: &[u8; HEADER_BYTES], at: usize) -> u16 {
    u16::from_le_bytes([header[at], header[at + 1]])
}
