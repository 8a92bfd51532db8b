//! What an intake asks, as a TOML file says it, and the conversation that follows from it. Pure: no clock, no database.
//! Must stay true: a file with a fault is refused whole, with every fault named; what a person is told is made of the
//! file's texts alone.

pub mod birth;
pub mod talk;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

use crate::core::text::{Line, Paragraph};
use birth::Order;

/// Questions of a flow, languages, and words of one kind.
const QUESTIONS_MAX: usize = 30;
const LANGUAGES_MAX: usize = 20;
const WORDS_MAX: usize = 40;
/// Characters of a text that is sent: ten parts of a message.
const TEXT_CHARS_MAX: usize = 1530;
/// Characters of any answer.
pub const ANSWER_CHARS_MAX: usize = 4000;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 120;
/// Flows at most.
const FLOWS_MAX: usize = 50;
/// The texts every language has.
const TEXTS: [&str; 15] = [
    "consent_version",
    "consent",
    "emergency",
    "declined",
    "cancelled",
    "delete_ask",
    "deleted",
    "held",
    "kept",
    "done",
    "handover",
    "busy",
    "no_back",
    "no_skip",
    "link",
];
/// What can be wrong with an answer.
const WRONGS: [&str; 7] = ["name", "birth", "birth_none", "birth_year", "birth_future", "text", "long"];

/// What a field cannot be called: these are parts of every record.
const RESERVED: [&str; 4] = ["phone", "notes", "texts", "files"];

/// What an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A person's name.
    Name,
    /// A date of birth.
    Birth,
    /// Free text.
    Text,
}

/// One question.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The name of the field: a column of exports, part of a place.
    pub field: String,
    /// What an answer must be.
    pub kind: Kind,
    /// Characters of a free text.
    #[serde(default = "chars_max")]
    pub chars_max: usize,
    /// May be left out.
    #[serde(default)]
    pub skip: bool,
}

fn chars_max() -> usize {
    1000
}

fn files_max() -> i64 {
    5
}

/// One language of a flow: the words that are understood and the texts that are said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// Begin a conversation.
    pub start: Vec<String>,
    /// Ask for a link to the form.
    #[serde(default)]
    pub form: Vec<String>,
    /// Agree.
    pub yes: Vec<String>,
    /// Disagree.
    pub no: Vec<String>,
    /// The question before.
    pub back: Vec<String>,
    /// Leave the question out.
    pub skip: Vec<String>,
    /// End, keeping nothing.
    pub cancel: Vec<String>,
    /// Delete what was sent.
    pub delete: Vec<String>,
    /// Speak with a person.
    pub help: Vec<String>,
    /// What may be an emergency.
    pub emergency: Vec<String>,
    /// The order of day and month in digits; without one a date that could be two is asked again.
    pub date_order: Option<Order>,
    text: BTreeMap<String, String>,
    ask: BTreeMap<String, String>,
    label: BTreeMap<String, String>,
    wrong: BTreeMap<String, String>,
}

/// A flow.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Its name, as records and entries carry it.
    pub name: String,
    /// The name staff read.
    pub title: String,
    /// Raised by whoever changes the file.
    pub version: i64,
    /// It holds data on health.
    pub health: bool,
    /// It may be held over WhatsApp.
    #[serde(default)]
    pub whatsapp: bool,
    /// It may be filled in as a form.
    #[serde(default)]
    pub web: bool,
    /// How long a record is kept.
    pub retention_days: i64,
    /// How long a conversation may rest before it is shredded.
    pub session_hours: i64,
    /// How long a link works.
    pub link_minutes: i64,
    /// Wrong answers to one question before a person takes over.
    pub wrong_max: u32,
    /// Messages of one conversation before a person takes over.
    pub messages_max: u32,
    /// Conversations that are open at a time.
    pub open_max: i64,
    /// Conversations that one number may begin in a day.
    pub starts_per_day: i64,
    /// Images and documents that a patient may send with a record.
    #[serde(default = "files_max")]
    pub files_max: i64,
    #[serde(rename = "question")]
    questions: Vec<Question>,
    #[serde(rename = "language")]
    languages: BTreeMap<String, Language>,
}

/// Why the answer to a question is refused: the key of the text that says so.
pub type Refused = &'static str;

/// How a word is compared: whatever its case, and what stands around it or cannot be seen.
#[must_use]
pub fn word(text: &str) -> String {
    let folded = text.nfkc().filter(|c| !c.is_control() && !is_unseen(*c)).flat_map(char::to_lowercase).take(200).collect::<String>();
    folded.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Characters without width that keyboards and messengers put in.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{00AD}')
}

impl Language {
    /// One of the texts.
    #[must_use]
    pub fn says(&self, key: &str) -> &str {
        self.text.get(key).map_or("", String::as_str)
    }

    /// The question for a field.
    #[must_use]
    pub fn ask(&self, field: &str) -> &str {
        self.ask.get(field).map_or("", String::as_str)
    }

    /// The name of a field.
    #[must_use]
    pub fn label<'a>(&'a self, field: &'a str) -> &'a str {
        self.label.get(field).map_or(field, String::as_str)
    }

    /// What is wrong with an answer.
    #[must_use]
    pub fn wrong(&self, key: &str) -> &str {
        self.wrong.get(key).map_or("", String::as_str)
    }

    fn is(words: &[String], said: &str) -> bool {
        words.iter().any(|w| word(w) == said)
    }

    /// Does the text hold one of the words of an emergency?
    fn is_urgent(&self, said: &str) -> bool {
        let padded = format!(" {said} ");
        self.emergency.iter().any(|w| padded.contains(&format!(" {} ", word(w))))
    }
}

impl Flow {
    /// Its questions, in order; at least one.
    #[must_use]
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// The question for a field.
    #[must_use]
    pub fn question(&self, field: &str) -> Option<&Question> {
        self.questions.iter().find(|q| q.field == field)
    }

    /// A language by its name; another one when it is gone from the file.
    #[must_use]
    pub fn language(&self, name: &str) -> &Language {
        let any = || self.languages.get("en").or_else(|| self.languages.values().next());
        self.languages.get(name).or_else(any).expect("a flow is read with a language")
    }

    /// The languages by name.
    pub fn languages(&self) -> impl Iterator<Item = (&str, &Language)> {
        self.languages.iter().map(|(name, language)| (name.as_str(), language))
    }

    /// Reads the answer to a question.
    ///
    /// # Errors
    /// The key of the text that says what is wrong.
    pub fn read(&self, question: &Question, language: &str, text: &str, today: jiff::civil::Date) -> Result<String, Refused> {
        let shown: String = text.chars().filter(|c| !is_unseen(*c)).collect();
        match question.kind {
            Kind::Name => {
                let name = Line::parse(&shown, NAME_CHARS_MAX).map_err(|_| "name")?;
                let letters = name.chars().filter(|c| c.is_alphabetic()).count();
                if letters < 2 || name.chars().any(|c| c.is_numeric() || "<>{}[]=@|\\".contains(c)) { Err("name") } else { Ok(name) }
            }
            Kind::Birth => birth::read(&shown, self.language(language).date_order, today).map_err(|wrong| match wrong {
                birth::Wrong::Shape => "birth",
                birth::Wrong::NoSuchDay => "birth_none",
                birth::Wrong::Year => "birth_year",
                birth::Wrong::Range => "birth_future",
            }),
            Kind::Text if shown.chars().count() > question.chars_max => Err("long"),
            Kind::Text => Paragraph::parse(&shown, question.chars_max).map_err(|_| "text"),
        }
    }

    /// Every fault of the file.
    fn faults(&self) -> Vec<String> {
        let mut out = Vec::new();
        let mut say = |wrong: bool, what: String| {
            if wrong {
                out.push(what);
            }
        };
        let plain = |name: &str| (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        say(!plain(&self.name), "`name` is made of a to z and `_`".into());
        say(self.title.trim().is_empty() || self.title.chars().count() > 80, "`title` has 1 to 80 characters".into());
        for (name, value, least, most) in [
            ("version", self.version, 1, 1_000_000),
            ("retention_days", self.retention_days, 1, 36_525),
            ("session_hours", self.session_hours, 1, 168),
            ("link_minutes", self.link_minutes, 5, 1440),
            ("wrong_max", i64::from(self.wrong_max), 1, 10),
            ("messages_max", i64::from(self.messages_max), 5, 500),
            ("open_max", self.open_max, 1, 10_000),
            ("starts_per_day", self.starts_per_day, 1, 100),
            ("files_max", self.files_max, 0, 20),
        ] {
            say(!(least..=most).contains(&value), format!("`{name}` lies between {least} and {most}"));
        }
        say(self.questions.is_empty() || self.questions.len() > QUESTIONS_MAX, format!("there are 1 to {QUESTIONS_MAX} questions"));
        say(self.languages.is_empty() || self.languages.len() > LANGUAGES_MAX, format!("there are 1 to {LANGUAGES_MAX} languages"));
        let mut seen = BTreeSet::new();
        for question in &self.questions {
            say(!plain(&question.field), format!("the field `{}` is made of a to z and `_`", question.field));
            say(RESERVED.contains(&question.field.as_str()), format!("the field `{}` has another meaning", question.field));
            say(!seen.insert(&question.field), format!("the field `{}` is asked twice", question.field));
            say(!(1..=ANSWER_CHARS_MAX).contains(&question.chars_max), format!("`chars_max` of `{}` lies between 1 and {ANSWER_CHARS_MAX}", question.field));
        }
        for kind in [Kind::Name, Kind::Birth] {
            say(self.questions.iter().filter(|q| q.kind == kind).count() > 1, "a name and a date of birth are asked once".into());
        }
        for (name, language) in &self.languages {
            self.language_faults(name, language, &mut out);
        }
        out
    }

    fn language_faults(&self, name: &str, language: &Language, out: &mut Vec<String>) {
        if name.is_empty() || name.len() > 12 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            out.push(format!("`{name}` is no name of a language"));
        }
        let kinds = [
            ("start", &language.start),
            ("yes", &language.yes),
            ("no", &language.no),
            ("back", &language.back),
            ("skip", &language.skip),
            ("cancel", &language.cancel),
            ("delete", &language.delete),
            ("help", &language.help),
            ("emergency", &language.emergency),
        ];
        let mut taken = BTreeMap::<String, &str>::new();
        for (kind, words) in kinds.into_iter().chain((!language.form.is_empty()).then_some(("form", &language.form))) {
            if words.is_empty() || words.len() > WORDS_MAX || words.iter().any(|w| word(w).is_empty()) {
                out.push(format!("`{name}`: `{kind}` has 1 to {WORDS_MAX} words"));
            }
            // A word that is both would be understood as the first.
            for said in words.iter().map(|w| word(w)).filter(|_| kind != "emergency") {
                if let Some(other) = taken.insert(said.clone(), kind).filter(|other| *other != kind) {
                    out.push(format!("`{name}`: `{said}` is in `{other}` and in `{kind}`"));
                }
            }
        }
        let mut lacks = |table: &str, has: &BTreeMap<String, String>, key: &str| {
            if has.get(key).is_none_or(|t| t.trim().is_empty() || t.chars().count() > TEXT_CHARS_MAX) {
                out.push(format!("`{name}`: `{table}.{key}` has 1 to {TEXT_CHARS_MAX} characters"));
            }
        };
        TEXTS.iter().chain((!self.whatsapp).then_some(&"whatsapp")).for_each(|key| lacks("text", &language.text, key));
        WRONGS.iter().for_each(|key| lacks("wrong", &language.wrong, key));
        for question in &self.questions {
            lacks("ask", &language.ask, &question.field);
            lacks("label", &language.label, &question.field);
        }
        if !language.says("link").contains("{link}") {
            out.push(format!("`{name}`: `text.link` holds `{{link}}`"));
        }
    }
}

/// What begins with a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// A conversation.
    Talk,
    /// A form.
    Form,
}

/// All flows.
#[derive(Clone, Debug, Default)]
pub struct Flows(BTreeMap<String, Flow>);

impl Flows {
    /// Reads files, each by its name; every fault is told at once.
    ///
    /// # Errors
    /// A sentence for each fault.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let (mut flows, mut faults, mut starts) = (BTreeMap::<String, Flow>::new(), Vec::new(), BTreeMap::<String, String>::new());
        for (file, text) in files {
            let flow: Flow = match toml::from_str(text) {
                Ok(flow) => flow,
                Err(error) => {
                    faults.push(format!("{file}: {error}"));
                    continue;
                }
            };
            faults.extend(flow.faults().into_iter().map(|fault| format!("{file}: {fault}")));
            for (_, language) in flow.languages() {
                for said in language.start.iter().chain(&language.form).map(|w| word(w)) {
                    if starts.insert(said.clone(), flow.name.clone()).is_some() {
                        faults.push(format!("{file}: `{said}` begins something already"));
                    }
                }
            }
            if flow.name != file || flows.insert(flow.name.clone(), flow).is_some() {
                faults.push(format!("{file}: `name` is the name of the file"));
            }
        }
        if flows.len() > FLOWS_MAX {
            faults.push(format!("there are at most {FLOWS_MAX} flows"));
        }
        if faults.is_empty() { Ok(Self(flows)) } else { Err(faults.join("; ")) }
    }

    /// The flow of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Flow> {
        self.0.get(name)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Flow> {
        self.0.values()
    }

    /// What a text begins: the flow, its language, and how.
    #[must_use]
    pub fn begun_by(&self, text: &str) -> Option<(&Flow, &str, Begins)> {
        let said = word(text);
        let find = |flow| {
            let of = |(name, language): (_, &Language)| match () {
                () if Language::is(&language.start, &said) => Some((flow, name, Begins::Talk)),
                () if Language::is(&language.form, &said) => Some((flow, name, Begins::Form)),
                () => None,
            };
            Flow::languages(flow).find_map(of)
        };
        self.0.values().find_map(find)
    }
}

#[cfg(test)]
pub(crate) fn built_in() -> Flows {
    Flows::parse([("default", include_str!("../../policies/intake/default.toml"))]).expect("the built-in flow is sound")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = include_str!("../../policies/intake/default.toml");

    #[test]
    fn the_built_in_flow_asks_five_questions_in_two_languages() {
        let flows = built_in();
        let flow = flows.get("default").expect("there");
        assert_eq!(flow.questions().iter().map(|q| q.field.as_str()).collect::<Vec<_>>(), ["name", "birth", "address", "history", "medications"]);
        assert!(flow.health && !flow.whatsapp && flow.languages().count() == 2);
        for (text, found) in [("INTAKE", Some(("en", Begins::Talk))), (" Español!", Some(("es", Begins::Talk))), ("f\u{200B}orm.", Some(("en", Begins::Form)))]
        {
            assert_eq!(flows.begun_by(text).map(|(_, language, how)| (language, how)), found, "{text}");
        }
        for text in ["", "intake form", "hello", "formula"] {
            assert!(flows.begun_by(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_file_with_faults_is_refused_with_all_of_them() {
        let refused = |from: &str, to: &str| Flows::parse([("default", TEXT.replacen(from, to, 1).as_str())]).expect_err(to);
        assert!(refused("retention_days = 90", "retention_days = 0").contains("`retention_days` lies between"));
        assert!(refused("open_max = 1000", "open_max = 0\nsurplus = 1").contains("surplus"));
        assert!(refused("field = \"birth\"", "field = \"name\"").contains("asked twice"));
        assert!(refused("skip = [\"skip\"]", "skip = [\"back\"]").contains("`back` is in `back` and in `skip`"));
        assert!(refused(" {link}", "").contains("text.link"));
        assert!(refused("declined = \"Thank you. Nothing was kept.\"", "").contains("text.declined"));
        let two = refused("retention_days = 90", "retention_days = 0\n").len();
        assert!(refused("retention_days = 90\nsession_hours = 24", "retention_days = 0\nsession_hours = 0").len() > two);
        assert!(Flows::parse([("other", TEXT)]).is_err() && Flows::parse([("default", "x = ")]).is_err());
    }
}
