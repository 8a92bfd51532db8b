//! "Did you mean": finds the known word that a misspelt one was meant to be.

/// A word is only suggested when at most this share of it differs: one letter in three.
const LETTERS_PER_SLIP: usize = 3;
/// Words longer than this are not compared.
const WORD_CHARS_MAX: usize = 100;

/// The end of a sentence about an unknown word: what it may have meant, or what to do instead.
pub(super) fn among(word: &str, known: Vec<String>) -> String {
    let best = known.into_iter().map(|name| (distance(word, &name), name)).min();
    match best {
        Some((slips, name)) if slips <= (name.len() / LETTERS_PER_SLIP).max(2) => format!("; did you mean `{name}`?"),
        _ => "; remove it, or see `countersign config show` for what there is".to_owned(),
    }
}

/// How many letters must be put in, left out or changed to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    if one.len() > WORD_CHARS_MAX {
        return usize::MAX;
    }
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_and_nonsense_finds_none() {
        let known = || vec!["listen".to_owned(), "database.url".to_owned()];
        assert_eq!(among("lisen", known()), "; did you mean `listen`?");
        assert_eq!(among("databse.url", known()), "; did you mean `database.url`?");
        assert!(!among("zzzzzzzz", known()).contains("did you mean"));
        assert!(!among(&"l".repeat(10_000), known()).contains("did you mean"));
    }

    #[test]
    fn distance_counts_single_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
