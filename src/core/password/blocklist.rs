//! Passwords that satisfy a policy and are guessed all the same: leaked ones,
//! their usual decorations, and patterns of keys.
//! What must stay true: a password is judged by what is left of it once digits,
//! signs, look-alike letters, repetition and neighbouring keys are taken away,
//! and the time for it stays bounded by the length of the password.

use std::collections::HashSet;

use super::known::KNOWN;

/// Entries that an operator may add.
pub const ENTRIES_MAX: usize = 2_000_000;
/// A password made of this many known words or fewer is known; more are a passphrase.
const PIECES_MAX: u8 = 4;
/// Different characters a password needs.
const DISTINCT_MIN: usize = 6;
/// Characters a password needs that do not follow from the one before.
const SURPRISES_MIN: usize = 8;
/// Characters behind a repetition that do not redeem it.
const TAIL_MAX: usize = 4;

/// Why a password would be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    Pattern,
    Common,
}

/// The built-in list, and what an operator added to it.
#[derive(Debug, Clone)]
pub struct Blocklist {
    known: Vec<&'static str>,
    added: HashSet<String>,
}

impl Blocklist {
    /// The list that ships with the product.
    pub fn built_in() -> Self {
        Self { known: KNOWN.split_ascii_whitespace().collect(), added: HashSet::new() }
    }

    /// Adds whole passwords; case, and digits and signs at both ends, do not matter when comparing.
    pub fn with_entries<'a>(mut self, entries: impl IntoIterator<Item = &'a str>) -> Self {
        let room = ENTRIES_MAX.saturating_sub(self.added.len());
        for entry in entries.into_iter().take(room) {
            let lower: Vec<char> = entry.trim().chars().flat_map(char::to_lowercase).collect();
            let core: String = core(&lower).iter().collect();
            self.added.insert(lower.iter().collect());
            // `abc` out of `abc123!` would refuse too much that only begins alike.
            if core.chars().count() >= SURPRISES_MIN {
                self.added.insert(core);
            }
        }
        self
    }

    /// Judges a password given in lower case.
    pub fn weakness(&self, lower: &[char]) -> Option<Weakness> {
        let is_added = |form: &[char]| self.added.contains(&form.iter().collect::<String>());
        // A saying is known with and without blanks or signs between its words.
        let joined: Vec<char> = lower.iter().copied().filter(|c| c.is_alphanumeric()).collect();
        let is_common = is_added(lower) || is_added(core(lower)) || is_made_of(&self.known, lower) || is_made_of(&self.known, &joined);
        if is_common {
            Some(Weakness::Common)
        } else if is_pattern(lower) {
            Some(Weakness::Pattern)
        } else {
            None
        }
    }
}

/// Whether a word stands anywhere in a text, look-alike characters included.
pub fn is_spelled_in(text: &[char], word: &str) -> bool {
    (0..text.len()).any(|at| spelled_end(&text[at..], word).is_some())
}

/// What is left between the first and the last letter.
fn core(lower: &[char]) -> &[char] {
    let is_letter = |c: &char| c.is_alphabetic();
    match (lower.iter().position(is_letter), lower.iter().rposition(is_letter)) {
        (Some(first), Some(last)) => &lower[first..=last],
        _ => &[],
    }
}

/// Whether a few known words, with anything but letters between them, are the whole password.
fn is_made_of(known: &[&str], lower: &[char]) -> bool {
    // The fewest pieces up to each place, without and with a word of the list among them.
    let mut fewest = vec![[u8::MAX; 2]; lower.len() + 1];
    fewest[0][0] = 0;
    for at in 0..lower.len() {
        if fewest[at] == [u8::MAX; 2] {
            continue;
        }
        let here = fewest[at];
        if !lower[at].is_alphabetic() {
            improve(&mut fewest[at + 1], here);
        }
        for (words, is_listed) in [(known, true), (FILLERS.as_slice(), false)] {
            let longer = here.map(|pieces| pieces.saturating_add(1));
            let longer = if is_listed { [u8::MAX, longer[0].min(longer[1])] } else { longer };
            for word in words {
                if let Some(length) = spelled_end(&lower[at..], word) {
                    improve(&mut fewest[at + length], longer);
                }
            }
        }
    }
    fewest.last().is_some_and(|end| end[1] <= PIECES_MAX)
}

fn improve(fewest: &mut [u8; 2], by: [u8; 2]) {
    *fewest = [fewest[0].min(by[0]), fewest[1].min(by[1])];
}

/// The length of a word that a text begins with.
fn spelled_end(text: &[char], word: &str) -> Option<usize> {
    let mut length = 0;
    for letter in word.chars() {
        if !looks_like(*text.get(length)?, letter) {
            return None;
        }
        length += 1;
    }
    Some(length)
}

fn looks_like(written: char, letter: char) -> bool {
    written == letter
        || match letter {
            'a' => matches!(written, '4' | '@' | 'ä' | 'à' | 'á'),
            'b' => written == '8',
            'c' => matches!(written, '(' | 'ç'),
            'e' => matches!(written, '3' | '€' | 'é' | 'è'),
            'g' => matches!(written, '9' | '6'),
            'i' => matches!(written, '1' | '!' | '|' | 'í'),
            'l' => matches!(written, '1' | '!' | '|'),
            'o' => matches!(written, '0' | 'ö' | 'ó'),
            's' => matches!(written, '5' | '$'),
            't' => matches!(written, '7' | '+'),
            'u' => matches!(written, 'ü' | 'ú'),
            'z' => written == '2',
            _ => false,
        }
}

fn is_pattern(lower: &[char]) -> bool {
    let distinct: HashSet<char> = lower.iter().copied().collect();
    let letters: Vec<char> = lower.iter().copied().filter(|c| c.is_alphabetic()).collect();
    distinct.len() < DISTINCT_MIN
        || surprises(lower) < SURPRISES_MIN
        || is_repeated(lower)
        || is_repeated(core(lower))
        || letters.len() * 2 >= lower.len() && is_repeated(&letters)
}

/// Characters that are neither the same as the one before, nor next to it in
/// the alphabet, among the digits or on the keyboard.
fn surprises(lower: &[char]) -> usize {
    let follows = |pair: &[char]| {
        let (before, after) = (base_key(pair[0]), base_key(pair[1]));
        let distance = u32::from(before).abs_diff(u32::from(after));
        let is_counting = before.is_alphanumeric() && after.is_alphanumeric() && distance <= 1;
        is_counting || before == after || are_neighbours(before, after)
    };
    let expected = lower.windows(2).filter(|pair| follows(pair)).count();
    lower.len() - expected
}

/// Whether one unit repeats at least twice over all but a short tail.
fn is_repeated(text: &[char]) -> bool {
    (1..=text.len() / 2).any(|unit| {
        let matched = text.iter().zip(&text[unit..]).take_while(|(a, b)| a == b).count();
        let covered = unit + matched;
        covered >= 2 * unit && covered + TAIL_MAX >= text.len()
    })
}

/// Rows of the keyboard from which walks are made, the shifted digits in `base_key`.
const ROWS: [&str; 4] = ["1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"];
/// Neighbours on German and French keyboards alone.
const OTHER_NEIGHBOURS: [(char, char); 4] = [('t', 'z'), ('z', 'u'), ('z', 'e'), ('q', 's')];

fn base_key(c: char) -> char {
    "!@#$%^&*()".chars().position(|shifted| shifted == c).map_or(c, |at| ROWS[0].chars().nth(at).unwrap_or(c))
}

fn are_neighbours(a: char, b: char) -> bool {
    let is_other = OTHER_NEIGHBOURS.iter().any(|&(c, d)| (a, b) == (c, d) || (a, b) == (d, c));
    is_other || place(a).zip(place(b)).is_some_and(|((row_a, column_a), (row_b, column_b))| row_a.abs_diff(row_b) <= 1 && column_a.abs_diff(column_b) <= 1)
}

fn place(c: char) -> Option<(usize, usize)> {
    ROWS.iter().enumerate().find_map(|(row, keys)| keys.chars().position(|key| key == c).map(|column| (row, column)))
}

/// Small words that hold known ones together and add nothing.
const FILLERS: [&str; 40] = [
    "a", "i", "my", "me", "is", "in", "it", "at", "to", "of", "on", "no", "we", "do", "go", "be", "the", "this", "that", "our", "your", "you", "for", "and",
    "not", "new", "old", "one", "two", "good", "best", "very", "long", "strong", "safe", "work", "home", "only", "with", "from",
];
