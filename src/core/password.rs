//! The password policy: what a chosen password must satisfy, and passphrases
//! for those who would rather not choose.
//! What must stay true: every failed rule is named at once, no character is
//! forbidden, nothing is cut off, and what comes back is the one form (NFC) that
//! is hashed and compared.

mod blocklist;
mod known;
mod words;

use unicode_normalization::UnicodeNormalization;

pub use blocklist::Blocklist;
use blocklist::{Weakness, is_spelled_in};
use words::WORDS;

/// Bounds within which a policy may set the length.
pub const POLICY_CHARS_MIN: usize = 8;
pub const POLICY_CHARS_MAX: usize = 1024;
/// Characters from which a word of the context counts.
pub const CONTEXT_CHARS_MIN: usize = 4;
/// Words of the context that are looked for.
const CONTEXT_WORDS_MAX: usize = 64;
/// Bytes that one character can take before normalisation shortens it.
const BYTES_PER_CHAR_MAX: usize = 16;

/// Words of a generated passphrase.
const PHRASE_WORDS: usize = 8;
/// What stands between the words; one of them is drawn for the whole phrase.
const SEPARATORS: [char; 8] = ['-', '.', '_', '+', '=', ':', '*', '#'];

/// One profile of the policy.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    pub profile: String,
    pub min_chars: usize,
    pub max_chars: usize,
    pub upper: bool,
    pub lower: bool,
    pub digit: bool,
    pub special: bool,
}

impl Rules {
    /// Whether somebody can satisfy these rules, and hashing stays bounded.
    pub fn is_sound(&self) -> bool {
        POLICY_CHARS_MIN <= self.min_chars && self.min_chars <= self.max_chars && self.max_chars <= POLICY_CHARS_MAX
    }
}

/// A rule that a password failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("is too short; use at least {min_chars} characters")]
    TooShort { min_chars: usize },
    #[error("is too long; use at most {max_chars} characters")]
    TooLong { max_chars: usize },
    #[error("has no capital letter; add one")]
    NoUpper,
    #[error("has no small letter; add one")]
    NoLower,
    #[error("has no digit; add one")]
    NoDigit,
    #[error("has no special character; add one, a blank counts")]
    NoSpecial,
    #[error("contains `{word}`, which others know of you; leave it out")]
    Context { word: String },
    #[error("follows a pattern of repeated or neighbouring keys; choose several unrelated words")]
    Pattern,
    #[error("is made of words found in lists of leaked passwords; choose several unrelated words")]
    Common,
}

impl Fault {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::TooLong { .. } => "too_long",
            Self::NoUpper => "no_upper",
            Self::NoLower => "no_lower",
            Self::NoDigit => "no_digit",
            Self::NoSpecial => "no_special",
            Self::Context { .. } => "context",
            Self::Pattern => "pattern",
            Self::Common => "common",
        }
    }
}

/// The password in the form that is hashed, or every rule it fails, in the order
/// length, classes, context, blocklist.
pub fn check(candidate: &str, rules: &Rules, context: &[&str], blocklist: &Blocklist) -> Result<String, Vec<Fault>> {
    let too_long = Fault::TooLong { max_chars: rules.max_chars };
    if candidate.len() > rules.max_chars.saturating_mul(BYTES_PER_CHAR_MAX) {
        return Err(vec![too_long]);
    }
    let password: String = candidate.nfc().collect();
    let chars = password.chars().count();
    let mut faults = Vec::new();
    if chars < rules.min_chars {
        faults.push(Fault::TooShort { min_chars: rules.min_chars });
    }
    if chars > rules.max_chars {
        faults.push(too_long);
    }
    faults.extend(missing_classes(&password, rules));
    let lower: Vec<char> = password.chars().flat_map(char::to_lowercase).collect();
    faults.extend(context_words(context).into_iter().filter_map(|word| is_spelled_in(&lower, &word).then_some(Fault::Context { word })));
    match blocklist.weakness(&lower) {
        // A short password repeats little; its length is what is wrong with it.
        Some(Weakness::Pattern) if chars >= rules.min_chars => faults.push(Fault::Pattern),
        Some(Weakness::Common) => faults.push(Fault::Common),
        Some(Weakness::Pattern) | None => {}
    }
    if faults.is_empty() { Ok(password) } else { Err(faults) }
}

/// Letters of every script count by their case; whatever is neither letter nor number is special.
fn missing_classes(password: &str, rules: &Rules) -> Vec<Fault> {
    let lacks = |is_wanted: bool, class: fn(char) -> bool, fault: Fault| (is_wanted && !password.chars().any(class)).then_some(fault);
    [
        lacks(rules.upper, char::is_uppercase, Fault::NoUpper),
        lacks(rules.lower, char::is_lowercase, Fault::NoLower),
        lacks(rules.digit, char::is_numeric, Fault::NoDigit),
        lacks(rules.special, |c| !c.is_alphanumeric(), Fault::NoSpecial),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The words that are long enough to count, in lower case, each once: names and addresses in their parts too.
fn context_words(context: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let parts = context.iter().flat_map(|entry| entry.split(|c: char| !c.is_alphanumeric())).take(CONTEXT_WORDS_MAX);
    for part in parts {
        let word: String = part.nfc().flat_map(char::to_lowercase).collect();
        if word.chars().count() >= CONTEXT_CHARS_MIN && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// A passphrase of more than 80 bits that holds all four classes, such as
/// `Otter-cabin-seven-maple-lagoon-fiddle-quartz-yarn-42`. `random` has to fill
/// its buffer from a generator fit for keys.
pub fn generate(mut random: impl FnMut(&mut [u8])) -> String {
    let mut draw = || {
        let mut bytes = [0; 8];
        random(&mut bytes);
        u64::from_le_bytes(bytes)
    };
    let separator = SEPARATORS[pick(draw(), SEPARATORS.len())];
    let mut phrase = String::new();
    for _ in 0..PHRASE_WORDS {
        phrase.push_str(WORDS[pick(draw(), WORDS.len())]);
        phrase.push(separator);
    }
    // 100 does not divide 2^64; the bias is below 2^-57.
    let number = draw() % 100;
    phrase[..1].make_ascii_uppercase();
    format!("{phrase}{number:02}")
}

fn pick(draw: u64, choices: usize) -> usize {
    let choices = u64::try_from(choices).unwrap_or(u64::MAX);
    usize::try_from(draw % choices).unwrap_or(0)
}

#[cfg(test)]
mod tests;
