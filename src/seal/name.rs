//! The names of artifacts in an archive: `artifacts/AC-3.01.01.a-access_policy.pdf`.
//! Must stay true: plain ASCII without blanks and brackets, since the tools that check the logs trip over others; short; no two
//! alike, also where case does not count; nothing of an uploaded name is a path.

use std::collections::HashSet;

/// The folder of the archive that holds them.
pub const FOLDER: &str = "artifacts";
/// Characters of what stays of an uploaded name.
const STEM_CHARS_MAX: usize = 60;
/// Characters of an extension, its dot included.
const EXTENSION_CHARS_MAX: usize = 12;

/// Gives out names, each once.
#[derive(Debug, Default)]
pub struct Names(HashSet<String>);

impl Names {
    /// The path of a file that was uploaded as `name` and serves `objective` first; `code` is that of its family.
    pub fn path(&mut self, code: Option<&str>, objective: &str, name: &str) -> String {
        let (stem, extension) = split(name);
        let family = code.map(|code| format!("{code}-")).unwrap_or_default();
        let base = format!("{family}{}-{stem}", dotted(objective));
        let taken = |number: usize| if number == 1 { format!("{base}{extension}") } else { format!("{base}-{number}{extension}") };
        let fresh = (1..).map(taken).find(|path| self.0.insert(path.to_ascii_lowercase()));
        format!("{FOLDER}/{}", fresh.unwrap_or_default())
    }
}

/// `3.1.1[a]` as `3.01.01.a`, so that names sort as requirements do; other ids keep their letters and digits.
fn dotted(objective: &str) -> String {
    let flat: String = objective.chars().filter(|c| *c != ']').map(|c| if c == '[' { '.' } else { c }).collect();
    let parts = flat
        .split('.')
        .enumerate()
        .map(|(n, part)| if n > 0 && part.len() == 1 && part.as_bytes()[0].is_ascii_digit() { format!("0{part}") } else { plain(part) });
    parts.filter(|p| !p.is_empty()).collect::<Vec<_>>().join(".")
}

/// Letters, digits, `-` and `_`; everything else is one `_`.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '-' {
            out.push(c);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    out.trim_matches(|c| c == '_' || c == '-').to_owned()
}

fn split(name: &str) -> (String, String) {
    let is_extension = |end: &str| (1..EXTENSION_CHARS_MAX).contains(&end.len()) && end.bytes().all(|b| b.is_ascii_alphanumeric());
    let parted = name.rsplit_once('.').filter(|(_, end)| is_extension(end));
    let (stem, extension) = parted.map_or((name, String::new()), |(stem, end)| (stem, format!(".{}", end.to_ascii_lowercase())));
    let short: String = plain(stem).chars().take(STEM_CHARS_MAX).collect();
    (if short.is_empty() { "file".to_owned() } else { short }, extension)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_says_which_objective_it_serves() {
        let mut names = Names::default();
        assert_eq!(names.path(Some("AC"), "3.1.1[a]", "Access policy.pdf"), "artifacts/AC-3.01.01.a-Access_policy.pdf");
        assert_eq!(names.path(Some("AC"), "3.1.1[a]", "access POLICY.PDF"), "artifacts/AC-3.01.01.a-access_POLICY-2.pdf");
        assert_eq!(names.path(Some("SC"), "3.13.11", "Prüfung [b] €.docx"), "artifacts/SC-3.13.11-Pr_fung_b.docx");
        assert_eq!(names.path(None, "A.03.01.01.ODP[01]", "x"), "artifacts/A.03.01.01.ODP.01-x");
        assert_eq!(names.path(None, "3.4.4", "../../etc/passwd"), "artifacts/3.04.04-etc_passwd");
        assert_eq!(names.path(None, "3.4.4", "\u{202E}"), "artifacts/3.04.04-file");
    }

    proptest! {
        #[test]
        fn every_name_is_plain_short_and_its_own(uploaded in prop::collection::vec("\\PC{0,300}", 1..20)) {
            let mut names = Names::default();
            let mut seen = HashSet::new();
            for name in uploaded {
                let path = names.path(Some("AC"), "3.1.1[a]", &name);
                let file = path.strip_prefix("artifacts/").expect("in its folder");
                prop_assert!(file.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{file}");
                prop_assert!(file.len() < 120 && !file.contains(".."), "{file}");
                prop_assert!(seen.insert(file.to_ascii_lowercase()));
            }
        }
    }
}
