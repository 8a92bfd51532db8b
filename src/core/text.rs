//! Text that people type, checked once at the door: lines, paragraphs, user
//! names and e-mail addresses, and the folding by which text is searched.
//! What must stay true: whatever these functions return is trimmed, in Unicode
//! normal form C, within its limit, and free of characters that end a line,
//! reverse its direction or cannot be seen.

use unicode_normalization::UnicodeNormalization;

/// Characters of a user name.
pub const USERNAME_CHARS_MIN: usize = 3;
pub const USERNAME_CHARS_MAX: usize = 64;
/// Characters of an e-mail address, and of the part before its `@` (RFC 5321).
pub const EMAIL_CHARS_MAX: usize = 254;
pub const EMAIL_LOCAL_CHARS_MAX: usize = 64;
/// Characters of one part of a host name.
const LABEL_CHARS_MAX: usize = 63;
/// The most characters that composition turns into one.
const COMPOSED_FROM_MAX: usize = 4;

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("is empty; fill it in")]
    Empty,
    #[error("is too short; use at least {min_chars} characters")]
    TooShort { min_chars: usize },
    #[error("is too long; use at most {max_chars} characters")]
    TooLong { max_chars: usize },
    #[error("contains a control character (U+{:04X}); remove it", u32::from(*.found))]
    Control { found: char },
    #[error("contains a character that reverses the direction of text (U+{:04X}); remove it", u32::from(*.found))]
    Direction { found: char },
    #[error("contains nothing that can be seen; fill it in")]
    Invisible,
    #[error("contains `{found}`; use letters a to z, digits, and . _ - @, beginning with a letter or digit")]
    Username { found: char },
    #[error("is not an e-mail address; write it as `name@example.org`")]
    Email,
}

impl TextError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooShort { .. } => "too_short",
            Self::TooLong { .. } => "too_long",
            Self::Control { .. } => "control_character",
            Self::Direction { .. } => "direction_character",
            Self::Invisible => "invisible",
            Self::Username { .. } => "bad_username",
            Self::Email => "bad_email",
        }
    }
}

/// A single line of text.
#[derive(Debug)]
pub struct Line;

impl Line {
    pub fn parse(input: &str, max_chars: usize) -> Result<String, TextError> {
        parse(input, max_chars, |_| false)
    }
}

/// Text of several lines; line ends become `\n`.
#[derive(Debug)]
pub struct Paragraph;

impl Paragraph {
    pub fn parse(input: &str, max_chars: usize) -> Result<String, TextError> {
        let unified = input.replace("\r\n", "\n").replace('\r', "\n");
        parse(&unified, max_chars, |c| matches!(c, '\n' | '\t'))
    }
}

/// A sign-in name: ASCII, folded to lower case, so that two of them are equal or look different.
#[derive(Debug)]
pub struct Username;

impl Username {
    pub fn parse(input: &str) -> Result<String, TextError> {
        let name = input.trim();
        if name.is_empty() {
            return Err(TextError::Empty);
        }
        if name.chars().count() > USERNAME_CHARS_MAX {
            return Err(TextError::TooLong { max_chars: USERNAME_CHARS_MAX });
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
        if let Some(found) = name.chars().find(|&c| !fits(c)) {
            return Err(TextError::Username { found });
        }
        // A leading `-` would read as an option on a command line.
        if let Some(found) = name.chars().next().filter(|c| !c.is_ascii_alphanumeric()) {
            return Err(TextError::Username { found });
        }
        if name.len() < USERNAME_CHARS_MIN {
            return Err(TextError::TooShort { min_chars: USERNAME_CHARS_MIN });
        }
        Ok(name.to_ascii_lowercase())
    }
}

/// An e-mail address as mail servers accept it: ASCII, one `@`, no quoting, no comments.
/// A host without a dot is allowed, since closed networks have such mail hosts.
#[derive(Debug)]
pub struct Email;

impl Email {
    /// Keeps the case of the part before the `@` and folds the host.
    pub fn parse(input: &str) -> Result<String, TextError> {
        let address = input.trim();
        if address.is_empty() {
            return Err(TextError::Empty);
        }
        if address.chars().count() > EMAIL_CHARS_MAX {
            return Err(TextError::TooLong { max_chars: EMAIL_CHARS_MAX });
        }
        let (local, host) = address.split_once('@').ok_or(TextError::Email)?;
        if is_local_part(local) && is_host(host) { Ok(format!("{local}@{}", host.to_ascii_lowercase())) } else { Err(TextError::Email) }
    }
}

fn is_local_part(local: &str) -> bool {
    // A leading `-` could become an option of a mail program.
    local.len() <= EMAIL_LOCAL_CHARS_MAX
        && !local.starts_with('-')
        && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b)))
}

fn is_host(host: &str) -> bool {
    host.split('.').all(|label| {
        (1..=LABEL_CHARS_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

/// The form in which two texts are compared: compatibility forms, case and the
/// two lower-case sigmas are levelled.
pub fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).nfkc().collect()
}

/// Up to two capitals for a person's badge: of the first and of the last word.
pub fn initials(name: &str) -> String {
    let mut firsts = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let first = firsts.next();
    let letters: String = first.into_iter().chain(firsts.next_back()).filter_map(|c| c.to_uppercase().next()).collect();
    if letters.is_empty() { "?".to_owned() } else { letters }
}

fn parse(input: &str, max_chars: usize, allowed: fn(char) -> bool) -> Result<String, TextError> {
    let trimmed = input.trim_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}');
    if trimmed.is_empty() {
        return Err(TextError::Empty);
    }
    // Bounds the work below; no text this long can be composed into the limit.
    if trimmed.chars().count() > max_chars.saturating_mul(COMPOSED_FROM_MAX) {
        return Err(TextError::TooLong { max_chars });
    }
    let text: String = trimmed.nfc().collect();
    for found in text.chars().filter(|&c| !allowed(c)) {
        if found.is_control() || matches!(found, '\u{2028}' | '\u{2029}') {
            return Err(TextError::Control { found });
        }
        if is_direction(found) {
            return Err(TextError::Direction { found });
        }
    }
    if text.chars().all(|c| c.is_whitespace() || is_zero_width(c)) {
        return Err(TextError::Invisible);
    }
    if text.chars().count() > max_chars {
        return Err(TextError::TooLong { max_chars });
    }
    Ok(text)
}

fn is_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn is_zero_width(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

#[cfg(test)]
mod tests;
