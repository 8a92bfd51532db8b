//! The text of a template: words, and names in braces that each recipient fills. Pure.
//! Must stay true: there are names and nothing else, no loops and no conditions; what a name stands for is never read again as a
//! template; a recipient without a value for a name gets nothing rather than a gap.

use std::collections::BTreeSet;

use crate::contacts::card::Card;

/// Names in one text, at most.
pub const NAMES_MAX: usize = 20;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 60;

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WordingError {
    /// A brace is opened and not closed, or closed and not opened.
    Brace,
    /// This cannot be a name.
    Name(String),
    /// There are too many names.
    TooMany,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Words(String),
    Name(String),
}

/// A text that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording(Vec<Part>);

impl Wording {
    /// Reads a text: `{name}` is a name, `{{` and `}}` are braces.
    ///
    /// # Errors
    /// [`WordingError`].
    pub fn parse(text: &str) -> Result<Self, WordingError> {
        let (mut parts, mut words, mut names) = (Vec::new(), String::new(), 0);
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            words.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                words.push_str(&from[..1]);
                rest = after;
                continue;
            }
            let inner = from.strip_prefix('{').ok_or(WordingError::Brace)?;
            let (name, after) = inner.split_once('}').ok_or(WordingError::Brace)?;
            let name = name.trim();
            let fits = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.contains(['{', '\n', '\r']);
            if !fits {
                return Err(WordingError::Name(name.chars().take(NAME_CHARS_MAX).collect()));
            }
            names += 1;
            if names > NAMES_MAX {
                return Err(WordingError::TooMany);
            }
            if !words.is_empty() {
                parts.push(Part::Words(std::mem::take(&mut words)));
            }
            parts.push(Part::Name(name.to_owned()));
            rest = after;
        }
        words.push_str(rest);
        if !words.is_empty() {
            parts.push(Part::Words(words));
        }
        Ok(Self(parts))
    }

    /// The names it has, each once.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.0.iter().filter_map(|part| if let Part::Name(name) = part { Some(name.as_str()) } else { None }).collect()
    }

    /// The text for one contact.
    ///
    /// # Errors
    /// The first name that the contact has no value for.
    pub fn fill(&self, card: &Card) -> Result<String, String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Words(words) => out.push_str(words),
                Part::Name(name) => out.push_str(&value(card, name).ok_or_else(|| name.clone())?),
            }
        }
        Ok(out)
    }
}

/// What a name stands for: what every card has, or a field of one's own, whatever its case.
fn value(card: &Card, name: &str) -> Option<String> {
    let folded = name.to_lowercase();
    let known = match folded.as_str() {
        "name" => Some(card.name.clone()),
        "first_name" => Some(card.name.split_whitespace().next().unwrap_or_default().to_owned()),
        "postal" => Some(card.postal.clone()),
        _ => card.fields.iter().find(|(field, _)| field.to_lowercase() == folded).map(|(_, value)| value.clone()),
    };
    known.filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anna() -> Card {
        let fields = [("Clinic".to_owned(), "North {name}".to_owned()), ("Empty".to_owned(), " ".to_owned())];
        Card { name: "Anna Keller".into(), fields: fields.into(), ..Card::default() }
    }

    #[test]
    fn names_are_filled_and_nothing_is_read_twice() {
        let fill = |text: &str| Wording::parse(text).expect("a text").fill(&anna());
        assert_eq!(fill("Hello { First_Name }, {clinic} is {{open}}.").as_deref(), Ok("Hello Anna, North {name} is {open}."));
        assert_eq!(fill("no names").as_deref(), Ok("no names"));
        assert_eq!(fill("{name}{name}").as_deref(), Ok("Anna KellerAnna Keller"));
        for (text, missing) in [("Hello {doctor}", "doctor"), ("{postal}", "postal"), ("{Empty}", "Empty")] {
            assert_eq!(fill(text), Err(missing.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(Wording::parse("a { b"), Err(WordingError::Brace));
        assert_eq!(Wording::parse("a } b"), Err(WordingError::Brace));
        for bad in ["{}", "{ }", "{a\nb}", "{a{b}"] {
            assert!(matches!(Wording::parse(bad), Err(WordingError::Name(_))), "{bad}");
        }
        assert!(matches!(Wording::parse(&format!("{{{}}}", "x".repeat(61))), Err(WordingError::Name(_))));
        assert_eq!(Wording::parse(&"{a}".repeat(21)), Err(WordingError::TooMany));
        assert_eq!(Wording::parse("{% for x in y %}").err(), None, "a name like any other, which nobody has");
        assert!(Wording::parse("{% for x in y %}").expect("a name").fill(&anna()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in ".{0,200}") {
            if let Ok(wording) = Wording::parse(&text) {
                let _ = wording.fill(&anna());
            }
        }
    }
}
