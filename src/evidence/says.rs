//! What a file says of itself: its author, when it was made, when it was changed. Read from Office packages, PDF and JPEG.
//! Must stay true: it is shown as what the file says and believed nowhere; whatever a file holds, reading it is bounded in bytes,
//! steps and memory, and its failure is no failure of the upload.

mod exif;
mod office;
mod pdf;

use super::kind::Kind;
use crate::blobs::Incoming;

/// Characters of an author.
const AUTHOR_CHARS_MAX: usize = 120;

/// What a file says; nothing when it says nothing that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Says {
    /// Its author.
    pub author: Option<String>,
    /// When it was made, as in `2026-01-15T12:00:00Z`; without the end where no zone is given.
    pub created: Option<String>,
    /// When it was changed last.
    pub modified: Option<String>,
}

/// Reads what an upload says.
pub async fn read(kind: Kind, incoming: &mut Incoming) -> Says {
    if !matches!(kind.extension, ".docx" | ".xlsx" | ".pptx" | ".pdf" | ".jpg" | ".jpeg") {
        return Says::default();
    }
    let Ok(mut file) = incoming.reread().await else { return Says::default() };
    let look = move || match kind.extension {
        ".pdf" => pdf::read(&mut file),
        ".jpg" | ".jpeg" => exif::read(&mut file),
        _ => office::read(&mut file),
    };
    tokio::task::spawn_blocking(look).await.ok().flatten().unwrap_or_default()
}

/// A text on one line without what cannot be seen, cut to its length; none when nothing is left.
fn line(text: &str, chars_max: usize) -> Option<String> {
    let is_hidden = |c: char| c.is_control() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}');
    let text: String = text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).take(chars_max * 4).collect();
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(chars_max).collect();
    (!text.is_empty()).then_some(text)
}

fn author(text: &str) -> Option<String> {
    line(text, AUTHOR_CHARS_MAX)
}

/// A moment from its digits, in order: year, month, day, and a time of day when there is one; `zone` is `Z`, an offset or nothing.
fn moment(digits: &str, zone: &str) -> Option<String> {
    let number = |from: usize, to: usize| digits.get(from..to).filter(|d| d.bytes().all(|b| b.is_ascii_digit())).and_then(|d| d.parse::<i16>().ok());
    let small = |from, to| number(from, to).and_then(|n| i8::try_from(n).ok());
    let date = jiff::civil::Date::new(number(0, 4)?, small(4, 6)?, small(6, 8)?).ok()?;
    if digits.len() < 14 {
        return Some(date.to_string());
    }
    let time = jiff::civil::Time::new(small(8, 10)?, small(10, 12)?, small(12, 14)?, 0).ok()?;
    Some(format!("{date}T{time}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_with_a_time_when_there_is_one() {
        assert_eq!(moment("20260115120000", "Z").as_deref(), Some("2026-01-15T12:00:00Z"));
        assert_eq!(moment("20260115", "Z").as_deref(), Some("2026-01-15"));
        for wrong in ["", "2026", "20261315", "2026011525000x", "20260230", "20260115250000", "äöüäöüä"] {
            assert_eq!(moment(wrong, ""), None, "{wrong}");
        }
    }

    #[test]
    fn an_author_is_one_line_that_reads_as_it_is_written() {
        assert_eq!(author("  Ada\r\n\u{202E}Lovelace\0 ").as_deref(), Some("Ada Lovelace"));
        assert_eq!(author("\u{200B} \n"), None);
        assert_eq!(author(&"x".repeat(500)).map(|a| a.len()), Some(120));
    }
}
