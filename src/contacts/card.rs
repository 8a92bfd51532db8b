//! What is known of a contact: read once at the door, and kept sealed as it is.
//! Must stay true: what a card holds is within its limits, on one line, in normal form; a card that would not be is refused
//! with every wrong field named.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use unicode_normalization::UnicodeNormalization as _;

use crate::core::text::{Line, TextError};

/// Characters of a name, a postal code, a tag, a field's name and its value.
pub const NAME_CHARS_MAX: usize = 200;
pub const POSTAL_CHARS_MAX: usize = 20;
pub const TAG_CHARS_MAX: usize = 40;
pub const FIELD_NAME_CHARS_MAX: usize = 60;
pub const FIELD_CHARS_MAX: usize = 500;
/// Tags and fields of one contact.
pub const TAGS_MAX: usize = 20;
pub const FIELDS_MAX: usize = 64;

/// What is known of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// E.164.
    pub number: String,
    /// May be empty.
    pub name: String,
    /// A time zone such as `America/New_York`, or empty.
    pub zone: String,
    /// May be empty.
    pub postal: String,
    /// In order, each once.
    pub tags: Vec<String>,
    /// Fields of one's own.
    pub fields: BTreeMap<String, String>,
}

/// Why a field of a card is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// `name`, `zone`, `postal`, `tags` or `fields`.
    pub field: &'static str,
    /// The stable name of the reason.
    pub code: &'static str,
}

/// What somebody typed, or a program sent.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    pub name: String,
    pub zone: String,
    pub postal: String,
    pub tags: Vec<String>,
    pub fields: Vec<(String, String)>,
}

impl Card {
    /// Reads a card.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(number: &str, raw: &Raw) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut take = |field: &'static str, text: &str, max: usize| match line(text, max) {
            Ok(text) => text,
            Err(code) => {
                wrong.push(Wrong { field, code });
                String::new()
            }
        };
        let (name, postal) = (take("name", &raw.name, NAME_CHARS_MAX), take("postal", &raw.postal, POSTAL_CHARS_MAX));
        let zone = raw.zone.trim().to_owned();
        let mut tags: Vec<String> = raw.tags.iter().map(|tag| take("tags", tag, TAG_CHARS_MAX)).filter(|tag| !tag.is_empty()).collect();
        tags.sort();
        tags.dedup();
        let mut fields = BTreeMap::new();
        for (name, value) in &raw.fields {
            let (name, value) = (take("fields", name, FIELD_NAME_CHARS_MAX), take("fields", value, FIELD_CHARS_MAX));
            if !name.is_empty() && !value.is_empty() {
                fields.insert(name, value);
            }
        }
        if !zone.is_empty() && !is_zone(&zone) {
            wrong.push(Wrong { field: "zone", code: "unknown_zone" });
        }
        for (field, count, max) in [("tags", tags.len(), TAGS_MAX), ("fields", fields.len(), FIELDS_MAX)] {
            if count > max {
                wrong.push(Wrong { field, code: "too_many" });
            }
        }
        wrong.dedup_by_key(|w| w.field);
        if wrong.is_empty() { Ok(Self { number: number.to_owned(), name, zone, postal, tags, fields }) } else { Err(wrong) }
    }

    /// Makes a card of whatever a file says: what is too long is cut, what cannot be seen is left away, an unknown zone too.
    #[must_use]
    pub fn fitted(number: &str, raw: &Raw) -> Self {
        let tags: Vec<String> = raw.tags.iter().take(TAGS_MAX).map(|tag| fit(tag, TAG_CHARS_MAX)).collect();
        let fields = raw.fields.iter().map(|(name, value)| (fit(name, FIELD_NAME_CHARS_MAX), fit(value, FIELD_CHARS_MAX)));
        let zone = raw.zone.trim();
        let fitted = Raw {
            name: fit(&raw.name, NAME_CHARS_MAX),
            zone: if is_zone(zone) { zone.to_owned() } else { String::new() },
            postal: fit(&raw.postal, POSTAL_CHARS_MAX),
            tags,
            fields: fields.filter(|(_, value)| !value.is_empty()).take(FIELDS_MAX).collect(),
        };
        Self::parse(number, &fitted).unwrap_or_else(|_| Self { number: number.to_owned(), ..Self::default() })
    }

    /// Takes from another card what this one does not say.
    pub fn fill_from(&mut self, other: &Self) {
        for (own, theirs) in [(&mut self.name, &other.name), (&mut self.zone, &other.zone), (&mut self.postal, &other.postal)] {
            if own.is_empty() {
                own.clone_from(theirs);
            }
        }
        self.tags.extend(other.tags.iter().cloned());
        self.tags.sort();
        self.tags.dedup();
        self.tags.truncate(TAGS_MAX);
        for (name, value) in &other.fields {
            if self.fields.len() < FIELDS_MAX {
                self.fields.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }

    /// Its tags as a line.
    #[must_use]
    pub fn tag_line(&self) -> String {
        self.tags.join(", ")
    }

    /// Its fields as lines.
    #[must_use]
    pub fn field_lines(&self) -> String {
        self.fields.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
    }
}

/// Tags in one line, parted by commas or semicolons.
#[must_use]
pub fn tags_of(line: &str) -> Vec<String> {
    line.split([',', ';']).map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect()
}

/// Fields in lines of `name: value`; a line without a colon is a field without a value.
#[must_use]
pub fn fields_of(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.split_once(':').map_or((line.to_owned(), String::new()), |(n, v)| (n.trim().to_owned(), v.trim().to_owned()))).collect()
}

/// Is this a time zone of the world?
#[must_use]
pub fn is_zone(name: &str) -> bool {
    name.contains('/') && jiff::tz::TimeZone::get(name).is_ok()
}

/// One line of at most `max` characters, as [`Line`] takes it.
fn fit(text: &str, max: usize) -> String {
    let visible =
        text.nfc().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).filter(|c| Line::parse(&format!("a{c}a"), 3).is_ok());
    let line: String = visible.collect();
    line.trim().chars().take(max).collect::<String>().trim().to_owned()
}

fn line(text: &str, max: usize) -> Result<String, &'static str> {
    match Line::parse(text, max) {
        Ok(text) => Ok(text),
        Err(TextError::Empty | TextError::Invisible) => Ok(String::new()),
        Err(error) => Err(error.code()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> Raw {
        Raw {
            name: " Anna Keller ".into(),
            zone: "America/New_York".into(),
            postal: "02139".into(),
            tags: tags_of("vip; spring,vip"),
            fields: fields_of("Colour: blue\n\nNote\nLink: https://x.example"),
        }
    }

    #[test]
    fn a_card_is_read_tidy() {
        let card = Card::parse("+14155552671", &raw()).expect("a card");
        assert_eq!((card.name.as_str(), card.tag_line().as_str()), ("Anna Keller", "spring, vip"));
        assert_eq!(card.field_lines(), "Colour: blue\nLink: https://x.example");
    }

    #[test]
    fn each_wrong_field_is_named() {
        let bad = Raw {
            name: "a\u{202E}b".into(),
            zone: "Mars/Olympus".into(),
            postal: "1".repeat(21),
            tags: (0..21).map(|n| n.to_string()).collect(),
            fields: vec![("x".repeat(61), "1".into())],
        };
        let wrong = Card::parse("+14155552671", &bad).expect_err("refused");
        let mut fields: Vec<_> = wrong.iter().map(|w| (w.field, w.code)).collect();
        fields.sort_unstable();
        let right = [("fields", "too_long"), ("name", "direction_character"), ("postal", "too_long"), ("tags", "too_many"), ("zone", "unknown_zone")];
        assert_eq!(fields, right);
    }

    #[test]
    fn what_a_file_says_is_made_to_fit() {
        let wild = Raw {
            name: " a\nb\u{202E}c\0 ".into(),
            zone: "EST5".into(),
            postal: "1".repeat(30),
            tags: (0..30).map(|n| format!("{n}{}", "x".repeat(60))).collect(),
            fields: (0..100).map(|n| (format!("f{n}"), "y".repeat(600))).chain([("empty".into(), " ".into())]).collect(),
        };
        let card = Card::fitted("+14155552671", &wild);
        assert_eq!((card.name.as_str(), card.zone.as_str(), card.postal.len()), ("a bc", "", 20));
        assert_eq!((card.tags.len(), card.fields.len()), (TAGS_MAX, FIELDS_MAX));
        assert!(card.fields.values().all(|v| v.len() == FIELD_CHARS_MAX) && card.tags.iter().all(|t| t.len() == TAG_CHARS_MAX));
    }

    #[test]
    fn merging_takes_only_what_is_missing() {
        let mut card = Card { number: "+1".into(), name: "Anna".into(), tags: vec!["a".into()], ..Card::default() };
        let other = Card { number: "+2".into(), name: "Anne".into(), postal: "1".into(), tags: vec!["b".into()], ..Card::default() };
        card.fill_from(&other);
        assert_eq!((card.number.as_str(), card.name.as_str(), card.postal.as_str(), card.tags.len()), ("+1", "Anna", "1", 2));
    }
}
