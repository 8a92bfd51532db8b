//! Ids of requirements and objectives as people write them, in cells and at the beginning of file names: `3.1.1`, `3.1.1[a]`,
//! `AC.L2-3.1.1`, `03.01.01`, `AC-3.01.01.a-IT.pdf`. Pure.
//! Must stay true: an id is read whole or not at all, and whatever is read is one of the catalogue's.

use std::collections::HashMap;

use crate::catalog::{Catalog, Objective, Requirement};
use crate::core::text::{Line, TextError};

/// Bytes of one part of a path, as most file systems have it, and of a whole one.
const PART_BYTES_MAX: usize = 255;
const PATH_BYTES_MAX: usize = 1024;
/// Characters of a path that are shown.
const SHOWN_CHARS_MAX: usize = 120;
/// What systems put beside the files of people.
const OF_SYSTEMS: [&str; 4] = ["thumbs.db", "desktop.ini", "icon\r", "__macosx"];
/// Archives inside an archive.
const ARCHIVES: [&str; 8] = ["zip", "7z", "rar", "gz", "tar", "tgz", "bz2", "xz"];

/// What an id means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// All objectives of a requirement.
    Requirement(&'a Requirement),
    /// One of them.
    Objective(&'a Objective),
}

impl Found<'_> {
    /// The objectives it means.
    #[must_use]
    pub fn objectives(self) -> Vec<String> {
        match self {
            Self::Requirement(requirement) => requirement.objectives.iter().map(|o| o.id.clone()).collect(),
            Self::Objective(objective) => vec![objective.id.clone()],
        }
    }

    /// Does it mean one objective and nothing beside it?
    #[must_use]
    pub const fn is_exact(self) -> bool {
        matches!(self, Self::Objective(_))
    }
}

/// The ids of a catalogue, to be found again.
#[derive(Debug)]
pub struct Ids<'a> {
    /// As they are, in lower case; the longest first.
    exact: Vec<(String, Found<'a>)>,
    /// Requirements by their numbers without leading zeros, with the letters of their family.
    numbers: HashMap<Vec<u32>, (&'a Requirement, Option<String>)>,
}

impl<'a> Ids<'a> {
    /// Of a catalogue.
    #[must_use]
    pub fn of(catalog: &'a Catalog) -> Self {
        let (mut exact, mut numbers) = (Vec::new(), HashMap::new());
        for family in &catalog.families {
            for requirement in &family.requirements {
                exact.extend(requirement.objectives.iter().map(|o| (o.id.to_ascii_lowercase(), Found::Objective(o))));
                let own = [Some(&requirement.id), requirement.practice.as_ref()];
                exact.extend(own.into_iter().flatten().map(|id| (id.to_ascii_lowercase(), Found::Requirement(requirement))));
                let letters = requirement.practice.as_deref().and_then(|p| p.split_once('.')).map(|(letters, _)| letters.to_owned());
                if let Some((_, key, _)) = numbers_in(&requirement.id) {
                    numbers.insert(key, (requirement, letters.or_else(|| family.code.clone())));
                }
            }
        }
        exact.sort_by_key(|(id, _)| std::cmp::Reverse(id.len()));
        Self { exact, numbers }
    }

    /// The id that a text begins with, and what stands behind it.
    ///
    /// # Errors
    /// The code of the text `error-<code>`: there is none, none of this catalogue, or one of another family.
    pub fn begin<'t>(&self, text: &'t str) -> Result<(Found<'a>, &'t str), &'static str> {
        let text = text.trim_start();
        let lower = text.to_ascii_lowercase();
        // A letter behind the number belongs to it, so that a requirement is not taken for its objective.
        let numbered = self.numbered(text);
        if !matches!(numbered, Err("bring-no-id")) {
            return numbered;
        }
        let found = self.exact.iter().find(|(id, _)| lower.starts_with(id) && ends_here(&text[id.len()..]));
        found.map(|(id, found)| (*found, &text[id.len()..])).ok_or("bring-no-id")
    }

    /// A cell that is an id and nothing else.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn whole(&self, cell: &str) -> Result<Found<'a>, &'static str> {
        let (found, rest) = self.begin(cell.trim())?;
        if rest.trim_matches([' ', '.', ':', '-', '\u{a0}']).is_empty() { Ok(found) } else { Err("bring-no-id") }
    }

    fn numbered<'t>(&self, text: &'t str) -> Result<(Found<'a>, &'t str), &'static str> {
        let (letters, key, rest) = numbers_in(text).ok_or("bring-no-id")?;
        if key.len() != 3 {
            return Err("bring-no-id");
        }
        let Some((requirement, own)) = self.numbers.get(&key) else {
            return Err(if self.numbers.is_empty() { "bring-no-id" } else { "bring-id-unknown" });
        };
        if let (Some(letters), Some(own)) = (letters, own)
            && !letters.eq_ignore_ascii_case(own)
        {
            return Err("bring-family");
        }
        let Some((letter, rest)) = letter_in(rest) else {
            return if ends_here(rest) { Ok((Found::Requirement(requirement), rest)) } else { Err("bring-no-id") };
        };
        let of = |o: &Objective| o.id.strip_prefix(requirement.id.as_str()).map(|r| r.chars().filter(char::is_ascii_alphanumeric).collect::<String>());
        let found = requirement.objectives.iter().find(|o| of(o).is_some_and(|l| l == letter));
        // Some write `[a]` where there is but one.
        let only = || requirement.objectives.first().filter(|_| requirement.objectives.len() == 1 && letter == "a");
        found.or_else(only).map(|o| (Found::Objective(o), rest)).ok_or("bring-id-unknown")
    }
}

/// Nothing of a number or a word follows at once.
fn ends_here(rest: &str) -> bool {
    let mut chars = rest.chars();
    match chars.next() {
        None => true,
        Some('.') => !chars.next().is_some_and(|c| c.is_ascii_digit()),
        Some(c) => !c.is_alphanumeric(),
    }
}

/// The letters of a family, the numbers that follow, and what stands behind them.
fn numbers_in(text: &str) -> Option<(Option<&str>, Vec<u32>, &str)> {
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let mut rest = &text[letters..];
    let family = (letters > 0).then_some(&text[..letters]);
    if letters > 4 {
        return None;
    }
    if letters > 0 {
        rest = rest.strip_prefix(['.', '-', '_', ' ']).unwrap_or(rest);
        let level = rest.strip_prefix(['L', 'l']).and_then(|r| r.strip_prefix(['1', '2', '3'])).and_then(|r| r.strip_prefix(['-', '.', '_', ' ']));
        rest = level.unwrap_or(rest).trim_start();
    }
    let mut key = Vec::new();
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=3).contains(&digits) {
            return None;
        }
        key.push(rest[..digits].parse().ok()?);
        rest = &rest[digits..];
        match rest.strip_prefix('.') {
            Some(more) if more.starts_with(|c: char| c.is_ascii_digit()) && key.len() < 4 => rest = more,
            _ => break,
        }
    }
    Some((family, key, rest))
}

/// The letter of an objective, as in `[a]`, `(a)`, `.a` or `a`, and what stands behind it.
fn letter_in(rest: &str) -> Option<(String, &str)> {
    let (inner, close) = match rest.chars().next()? {
        '[' => (&rest[1..], Some(']')),
        '(' => (&rest[1..], Some(')')),
        '.' => (&rest[1..], None),
        _ => (rest, None),
    };
    let letter = inner.chars().next().filter(char::is_ascii_alphabetic)?;
    let behind = &inner[1..];
    let behind = match close {
        Some(close) => behind.strip_prefix(close)?,
        None => behind,
    };
    (!behind.starts_with(char::is_alphanumeric)).then(|| (letter.to_ascii_lowercase().to_string(), behind))
}

/// A file of an archive by its name: what it is called, what it is for, and the words between that and its ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name without folders.
    pub name: String,
    /// The objectives it is for.
    pub objectives: Vec<String>,
    /// What may be tags, in capitals.
    pub words: Vec<String>,
}

/// Reads the path of a file in an archive. When its name does not begin with an id, the folders it lies in are asked.
///
/// # Errors
/// The code of the text `error-<code>` that says why it is not taken.
pub fn place(ids: &Ids<'_>, path: &[u8]) -> Result<Named, &'static str> {
    let path = std::str::from_utf8(path).map_err(|_| "bring-name-encoding")?;
    let parts: Vec<&str> = path.split('/').collect();
    if path.len() > PATH_BYTES_MAX || parts.iter().any(|p| p.len() > PART_BYTES_MAX) {
        return Err("bring-name-long");
    }
    if path.chars().any(char::is_control) {
        return Err("bring-name-control");
    }
    if path.contains('\\') || path.get(1..2) == Some(":") || parts.iter().any(|p| p.is_empty() || p.trim() == "." || p.trim() == "..") {
        return Err("bring-name-path");
    }
    let of_system = |p: &&str| p.starts_with('.') || OF_SYSTEMS.contains(&p.to_lowercase().as_str());
    if parts.iter().any(of_system) {
        return Err("bring-file-system");
    }
    let (last, folders) = parts.split_last().ok_or("bring-name-path")?;
    let name = Line::parse(last, crate::evidence::NAME_CHARS_MAX).map_err(|error| match error {
        TextError::TooLong { .. } => "bring-name-long",
        TextError::Direction { .. } => "bring-name-direction",
        _ => "bring-name-control",
    })?;
    let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
    if ARCHIVES.contains(&ending.to_ascii_lowercase().as_str()) {
        return Err("bring-file-archive");
    }
    let (found, rest) = match ids.begin(stem) {
        Err("bring-no-id") => {
            let folder = folders.iter().rev().find_map(|f| ids.whole(f).ok());
            (folder.ok_or("bring-no-id")?, "")
        }
        found => found?,
    };
    let words = rest.split(['-', '_', ' ']).filter(|w| !w.is_empty()).map(str::to_ascii_uppercase).collect();
    Ok(Named { objectives: found.objectives(), words, name })
}

/// A path as it may be shown: what cannot be seen, or turns the direction of text, stands out; the middle is left out when long.
#[must_use]
pub fn shown(path: &[u8]) -> String {
    let path: String = String::from_utf8_lossy(path).chars().map(|c| if Line::parse(&format!("a{c}a"), 3).is_ok() { c } else { '\u{FFFD}' }).collect();
    let count = path.chars().count();
    if count <= SHOWN_CHARS_MAX {
        return path;
    }
    let half = SHOWN_CHARS_MAX / 2;
    path.chars().take(half).chain(['…']).chain(path.chars().skip(count - half + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> Result<Vec<String>, &'static str> {
        Ids::of(Catalog::r2()).whole(text).map(Found::objectives)
    }

    #[test]
    fn ids_are_read_in_every_habit() {
        for text in ["3.1.1[a]", " 3.1.1 [a] ".trim(), "3.1.1a", "3.1.1.a", "3.1.1(a)", "03.01.01.a", "AC-03.01.01.a", "AC.L2-3.1.1[A]", "ac.l1-3.1.1[a]"] {
            let text = text.replace(" [", "[");
            assert_eq!(cell(&text), Ok(vec!["3.1.1[a]".to_owned()]), "{text}");
        }
        for text in ["3.1.1", "AC.L2-3.1.1", "03.01.01", "AC-3.01.01", "AC.L2- 3.1.1", "AC-L2-3.1.1", "AC 3.1.1", "3.1.1."] {
            assert_eq!(cell(text).map(|o| o.len()), Ok(6), "{text}");
        }
        assert_eq!(cell("IA-L2-3.5.2").map(|o| o.len()), Ok(3));
        assert_eq!((cell("3.4.4"), cell("3.4.4[a]")), (Ok(vec!["3.4.4".to_owned()]), Ok(vec!["3.4.4".to_owned()])));
    }

    #[test]
    fn what_is_no_id_or_none_of_the_catalogue_says_which() {
        for text in ["", "policy", "3.1", "3.1.1 policy", "3.1.1.1", "2026.1.1x", "3.1.1b2", "ACCESS-3.1.1"] {
            assert_eq!(cell(text), Err("bring-no-id"), "{text}");
        }
        assert_eq!((cell("3.1.99"), cell("3.1.1[z]"), cell("9.9.9")), (Err("bring-id-unknown"), Err("bring-id-unknown"), Err("bring-id-unknown")));
        assert_eq!((cell("IA-3.1.1"), cell("v3.1.1")), (Err("bring-family"), Err("bring-family")));
    }

    #[test]
    fn every_objective_is_found_by_its_own_id_and_by_the_name_it_is_shown_by() {
        let r2 = Catalog::r2();
        let ids = Ids::of(r2);
        for requirement in r2.requirements() {
            for objective in &requirement.objectives {
                let alone = vec![objective.id.clone()];
                assert_eq!(ids.whole(&objective.id).map(Found::objectives), Ok(alone.clone()));
                let name = crate::assess::naming::names(requirement, &objective.id, &[(&["IT".to_owned()], "x.pdf")]).remove(0);
                let placed = place(&ids, name.as_bytes()).expect("placed");
                assert_eq!((placed.objectives, placed.words), (alone, vec!["IT".to_owned()]), "{name}");
            }
        }
    }

    #[test]
    fn names_of_files_begin_with_an_id_or_lie_in_a_folder_of_one() {
        let ids = Ids::of(Catalog::r2());
        let of = |path: &str| place(&ids, path.as_bytes()).map(|n| (n.objectives.len(), n.name));
        assert_eq!(of("3.1.1.pdf"), Ok((6, "3.1.1.pdf".into())));
        assert_eq!(of("evidence/3.1.1 Access Policy.pdf"), Ok((6, "3.1.1 Access Policy.pdf".into())));
        assert_eq!(of("3.1.1_policy.docx"), Ok((6, "3.1.1_policy.docx".into())));
        assert_eq!(of("AC.L2-3.1.1[b]/board minutes.txt"), Ok((1, "board minutes.txt".into())));
        for (path, code) in [
            ("notes.txt", "bring-no-id"),
            ("3.1.99 x.txt", "bring-id-unknown"),
            ("../3.1.1.pdf", "bring-name-path"),
            ("/3.1.1.pdf", "bring-name-path"),
            ("C:/3.1.1.pdf", "bring-name-path"),
            ("a\\3.1.1.pdf", "bring-name-path"),
            ("3.1.1\0.pdf", "bring-name-control"),
            ("3.1.1\r\n.pdf", "bring-name-control"),
            ("3.1.1\u{202E}fdp.exe", "bring-name-direction"),
            ("__MACOSX/3.1.1.pdf", "bring-file-system"),
            (".DS_Store", "bring-file-system"),
            ("3.1.1 more.ZIP", "bring-file-archive"),
        ] {
            assert_eq!(of(path), Err(code), "{path:?}");
        }
        let long = format!("3.1.1 {}.pdf", "x".repeat(300));
        assert_eq!(of(&long), Err("bring-name-long"));
        assert_eq!(place(&ids, b"3.1.1 \xff.pdf"), Err("bring-name-encoding"));
        assert_eq!(shown(b"a\0\xffb\xe2\x80\xae.pdf"), "a\u{FFFD}\u{FFFD}b\u{FFFD}.pdf");
        assert_eq!(shown(long.as_bytes()).chars().count(), SHOWN_CHARS_MAX);
    }
}
