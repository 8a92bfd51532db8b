//! Which files may be uploaded, judged by the last extension and the first bytes.
//! What must stay true: a file is served with a content type that this module
//! chose, never with one a client sent; the extension and the content agree as
//! far as the head shows; and nothing here unpacks or renders a file.

mod office;
mod text;

/// Bytes of the beginning of a file by which it is judged; a shorter head is the whole file.
pub const HEAD_BYTES: usize = 8192;
/// Characters of an extension, the dot not counted.
const EXTENSION_CHARS_MAX: usize = 10;

/// The extensions that are allowed where the policy names no others.
pub const EXTENSIONS: [&str; 15] = [".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".txt", ".csv", ".pptx", ".zip", ".md"];

/// What a file is: its extension, in lower case with its dot, and the content type it is served with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub extension: &'static str,
    pub mime: &'static str,
}

/// Why a file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    #[error("{}", not_allowed(.extension, .allowed))]
    NotAllowed { extension: String, allowed: Vec<String> },
    #[error("the file is empty; choose another")]
    Empty,
    #[error("the name ends in `{extension}`, but the content is {found}; rename or convert the file")]
    Mismatch { extension: &'static str, found: String },
    #[error("the content is not text in UTF-8, or in UTF-16 with a byte order mark; save it as UTF-8")]
    NotText,
}

impl KindError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed { .. } => "not_allowed",
            Self::Empty => "empty",
            Self::Mismatch { .. } => "mismatch",
            Self::NotText => "not_text",
        }
    }
}

fn not_allowed(extension: &str, allowed: &[String]) -> String {
    let allowed = allowed.join(" ");
    if extension.is_empty() {
        format!("the file name has no extension; allowed are {allowed}")
    } else {
        format!("files that end in `{extension}` are not allowed; allowed are {allowed}")
    }
}

/// The last extension of a name in lower case with its dot. None for a name that
/// has none, hides it behind dots, blanks or control characters, or is nothing else.
pub fn extension(name: &str) -> Option<String> {
    let (stem, last) = name.rsplit_once('.')?;
    let fits = (1..=EXTENSION_CHARS_MAX).contains(&last.len())
        && last.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !stem.trim_matches(['.', ' ']).is_empty()
        && !name.chars().any(char::is_control);
    fits.then(|| format!(".{}", last.to_ascii_lowercase()))
}

/// Whether content of this extension can be judged at all; a policy that names another is a mistake.
pub fn is_supported(extension: &str) -> bool {
    format_of(&dotted(extension)).is_some()
}

/// The content type of a stored file by its extension; text counts as UTF-8.
pub fn content_type(extension: &str) -> Option<&'static str> {
    format_of(&dotted(extension)).map(|(kind, _)| kind.mime)
}

/// Judges a file by its name and its first [`HEAD_BYTES`] bytes.
pub fn agree(name: &str, head: &[u8], allowed: &[String]) -> Result<Kind, KindError> {
    let found = extension(name).unwrap_or_default();
    let is_allowed = allowed.iter().any(|entry| dotted(entry) == found);
    let Some((kind, content)) = format_of(&found).filter(|_| is_allowed) else {
        return Err(KindError::NotAllowed { extension: found, allowed: allowed.to_vec() });
    };
    if head.is_empty() {
        return Err(KindError::Empty);
    }
    let agrees = match content {
        Content::Text => return text_kind(kind, head),
        Content::Magic(is_it) => is_it(head),
        Content::Package(folder) => office::is_package(head, folder),
    };
    if agrees { Ok(kind) } else { Err(KindError::Mismatch { extension: kind.extension, found: describe(head) }) }
}

/// How the content of an extension is judged.
#[derive(Clone, Copy)]
enum Content {
    Magic(fn(&[u8]) -> bool),
    /// An Office Open XML package with this main folder.
    Package(&'static str),
    Text,
}

fn format_of(extension: &str) -> Option<(Kind, Content)> {
    use Content::{Magic, Package, Text};
    let (extension, mime, content) = match extension {
        ".png" => (".png", "image/png", Magic(is_png)),
        ".jpg" => (".jpg", "image/jpeg", Magic(is_jpeg)),
        ".jpeg" => (".jpeg", "image/jpeg", Magic(is_jpeg)),
        ".gif" => (".gif", "image/gif", Magic(is_gif)),
        ".webp" => (".webp", "image/webp", Magic(is_webp)),
        ".pdf" => (".pdf", "application/pdf", Magic(is_pdf)),
        ".doc" => (".doc", "application/msword", Magic(office::is_compound)),
        ".xls" => (".xls", "application/vnd.ms-excel", Magic(office::is_compound)),
        ".docx" => (".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", Package("word/")),
        ".xlsx" => (".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Package("xl/")),
        ".pptx" => (".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", Package("ppt/")),
        ".zip" => (".zip", "application/zip", Magic(office::is_zip)),
        ".txt" => (".txt", "text/plain; charset=utf-8", Text),
        ".csv" => (".csv", "text/csv; charset=utf-8", Text),
        ".md" => (".md", "text/markdown; charset=utf-8", Text),
        _ => return None,
    };
    Some((Kind { extension, mime }, content))
}

fn text_kind(kind: Kind, head: &[u8]) -> Result<Kind, KindError> {
    // A PDF may be pure ASCII, and would then pass for text.
    if is_pdf(head) {
        return Err(KindError::Mismatch { extension: kind.extension, found: describe(head) });
    }
    match text::encoding(head, head.len() >= HEAD_BYTES) {
        Some(text::Encoding::Utf8) => Ok(kind),
        Some(text::Encoding::Utf16) => Ok(Kind { mime: in_utf16(kind.mime), ..kind }),
        None => Err(KindError::NotText),
    }
}

fn in_utf16(mime: &'static str) -> &'static str {
    match mime {
        "text/csv; charset=utf-8" => "text/csv; charset=utf-16",
        "text/markdown; charset=utf-8" => "text/markdown; charset=utf-16",
        _ => "text/plain; charset=utf-16",
    }
}

fn dotted(extension: &str) -> String {
    format!(".{}", extension.trim_start_matches('.').to_ascii_lowercase())
}

// `infer` looks at as few as three bytes, so each image shows its whole signature here.

fn is_png(head: &[u8]) -> bool {
    head.starts_with(b"\x89PNG\r\n\x1A\n") && head.get(12..16) == Some(b"IHDR") && infer::is_image(head)
}

fn is_jpeg(head: &[u8]) -> bool {
    matches!(head, [0xFF, 0xD8, 0xFF, 0xC0..=0xFE, ..]) && infer::is_image(head)
}

fn is_gif(head: &[u8]) -> bool {
    (head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a")) && head.len() > 12
}

fn is_webp(head: &[u8]) -> bool {
    head.starts_with(b"RIFF") && head.get(8..15) == Some(b"WEBPVP8")
}

fn is_pdf(head: &[u8]) -> bool {
    head.starts_with(b"%PDF-") && head.get(5).is_some_and(u8::is_ascii_digit)
}

/// What the content looks like, for the person who chose the file.
fn describe(head: &[u8]) -> String {
    // Before `infer`, which would parse the whole directory of a compound file.
    if office::is_compound(head) {
        return "an older Office file".to_owned();
    }
    if office::is_zip(head) {
        return office::describe_zip(head).to_owned();
    }
    match infer::get(head) {
        Some(found) => format!("`{}`", found.mime_type()),
        None if text::encoding(head, head.len() >= HEAD_BYTES).is_some() => "text".to_owned(),
        None => "of an unknown kind".to_owned(),
    }
}

#[cfg(test)]
mod tests;
