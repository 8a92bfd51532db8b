//! Looking through the evidence: a page of live items, found by name, by the beginning of a hash or by a tag.
//! Must stay true: a page costs the same wherever it lies.

use super::{Evidence, sql, tags};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::EvidenceId;
use crate::core::text::fold;
use crate::db::Db;

/// Items of one page.
pub const PAGE_ITEMS_MAX: usize = 50;
/// Items of one answer of the API.
pub const LIST_ITEMS_MAX: usize = 100;
/// Digits of a hash from which on a search finds by it; fewer may as well be part of a name.
const HASH_DIGITS_MIN: usize = 8;
/// Sorts after every id in every collation: a letter that no hex digit is.
const NEWEST: &str = "evd_g";

/// What is looked for, and from which place on.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Part of a name, the beginning of a hash, or a tag.
    pub q: String,
    /// Older than this.
    pub after: Option<EvidenceId>,
    /// Newer than this; `after` gives way to it.
    pub before: Option<EvidenceId>,
}

/// Live items, newest first, and whether there are more on either side.
#[derive(Debug)]
pub struct Page {
    /// At most as many as were asked for.
    pub items: Vec<Evidence>,
    /// More on the older side.
    pub older: bool,
    /// More on the newer side.
    pub newer: bool,
}

/// At most `most` live items, newest first, keyset by id.
///
/// # Errors
/// When the database fails.
pub async fn page(db: &Db, look: &Look, most: usize) -> Result<Page, Fault> {
    let most = most.clamp(1, LIST_ITEMS_MAX);
    let limit = i64::try_from(most + 1).context("count items")?;
    let (sql, place) = match (&look.before, &look.after) {
        (Some(before), _) => (sql::PAGE_NEWER, before.as_str()),
        (None, Some(after)) => (sql::PAGE_OLDER, after.as_str()),
        (None, None) => (sql::PAGE_OLDER, NEWEST),
    };
    let query = db.query(sql).bind(name_pattern(&look.q)).bind(hash_pattern(&look.q)).bind(place).bind(limit).bind(tag_pattern(&look.q));
    let mut items: Vec<Evidence> = query.all().await.context("list evidence")?;
    let more = items.len() > most;
    items.truncate(most);
    if look.before.is_some() {
        items.reverse();
        return Ok(Page { items, older: true, newer: more });
    }
    Ok(Page { items, older: more, newer: look.after.is_some() })
}

/// Names that hold `q`, whatever their case; `%`, `_` and `\` stand for themselves.
fn name_pattern(q: &str) -> String {
    let escaped: String = fold(q).chars().flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c])).collect();
    format!("%{escaped}%")
}

/// Hashes that begin with `q`; nothing at all when it cannot be the beginning of one.
fn hash_pattern(q: &str) -> String {
    let fits = (HASH_DIGITS_MIN..=64).contains(&q.len()) && q.bytes().all(|b| b.is_ascii_hexdigit());
    if fits { format!("{}%", q.to_ascii_lowercase()) } else { String::new() }
}

/// Columns of tags that hold `q`; nothing at all when it cannot be one.
fn tag_pattern(q: &str) -> String {
    tags::code(q).map_or_else(String::new, |code| format!("% {code} %"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_takes_its_wildcards_for_characters() {
        assert_eq!(name_pattern(""), "%%");
        assert_eq!(name_pattern("Ä_100%"), "%ä\\_100\\%%");
        assert_eq!(name_pattern("a\\b"), "%a\\\\b%");
    }

    #[test]
    fn a_search_by_hash_needs_the_beginning_of_one() {
        assert_eq!(hash_pattern("ABCDEF01"), "abcdef01%");
        for q in ["", "abcdef0", "abcdefg1", "abcdef0%", &"a".repeat(65)] {
            assert_eq!(hash_pattern(q), "", "{q:?}");
        }
    }

    #[test]
    fn a_search_by_tag_needs_a_whole_one() {
        assert_eq!((tag_pattern("it").as_str(), tag_pattern("a b"), tag_pattern("%")), ("% IT %", String::new(), String::new()));
    }
}
