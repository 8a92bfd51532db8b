//! The names artifacts are shown by on an objective, as in `AC-3.01.01.a-IT.pdf`; the name of the upload is kept beside it.
//! Pure. Must stay true: such a name is plain ASCII and safe as the name of a file; no two of one objective are alike.

use crate::catalog::Requirement;

/// Characters of a name before its ending.
const CHARS_MAX: usize = 80;

/// The names of what is linked to an objective, in order; each is given as its tags and the name it was uploaded under.
#[must_use]
pub fn names(requirement: &Requirement, objective: &str, linked: &[(&[String], &str)]) -> Vec<String> {
    let stem = stem(requirement, objective);
    let mut out: Vec<String> = Vec::with_capacity(linked.len());
    for (tags, uploaded) in linked {
        let tags: String = tags.iter().map(|t| format!("-{t}")).collect();
        let base: String = format!("{stem}{tags}").chars().take(CHARS_MAX).collect();
        let ending = ending(uploaded);
        let mut name = format!("{base}{ending}");
        let mut n = 2;
        while out.contains(&name) {
            name = format!("{base}-{n}{ending}");
            n += 1;
        }
        out.push(name);
    }
    out
}

/// `AC-3.01.01.a` of `3.1.1[a]`: the family's letters, each number with two digits, the letter of the objective.
fn stem(requirement: &Requirement, objective: &str) -> String {
    let family = requirement.practice.as_deref().and_then(|p| p.split_once('.')).map_or("", |(letters, _)| letters);
    let rest = objective.strip_prefix(requirement.id.as_str()).unwrap_or_default();
    let letter: String = rest.chars().filter(char::is_ascii_alphanumeric).collect();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let number = if requirement.id.split('.').all(is_number) {
        requirement.id.split('.').enumerate().map(|(n, part)| if n == 0 { part.to_owned() } else { format!("{part:0>2}") }).collect::<Vec<_>>().join(".")
    } else {
        safe(&requirement.id)
    };
    let parts = [family, &number].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("-");
    if letter.is_empty() { parts } else { format!("{parts}.{letter}") }
}

fn safe(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }).collect()
}

/// The ending of an uploaded name with its dot; nothing when it has none that is safe.
fn ending(uploaded: &str) -> String {
    let last = uploaded.rsplit_once('.').map_or("", |(_, last)| last);
    let fits = (1..=10).contains(&last.len()) && last.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits { format!(".{}", last.to_ascii_lowercase()) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn of(objective: &str, linked: &[(&[&str], &str)]) -> Vec<String> {
        let (requirement, _) = Catalog::r2().objective(objective).expect("there");
        let tags: Vec<Vec<String>> = linked.iter().map(|(tags, _)| tags.iter().map(|t| (*t).to_owned()).collect()).collect();
        let linked: Vec<(&[String], &str)> = tags.iter().zip(linked).map(|(tags, (_, name))| (tags.as_slice(), *name)).collect();
        names(requirement, objective, &linked)
    }

    #[test]
    fn an_artifact_is_named_by_its_objective_its_tags_and_its_ending() {
        assert_eq!(of("3.1.1[a]", &[(&["IT"], "Access Policy (final).PDF")]), ["AC-3.01.01.a-IT.pdf"]);
        assert_eq!(of("3.4.4", &[(&[], "board.txt")]), ["CM-3.04.04.txt"]);
        assert_eq!(of("3.13.11", &[(&["HR", "IT"], "x.tar.gz")]), ["SC-3.13.11-HR-IT.gz"]);
        assert_eq!(of("3.1.20[f]", &[(&[], "../..")]), ["AC-3.01.20.f"]);
    }

    #[test]
    fn no_two_of_one_objective_are_alike() {
        let linked: [(&[&str], &str); 4] = [(&["IT"], "a.pdf"), (&["IT"], "b.pdf"), (&["IT"], "c.PDF"), (&["IT"], "d.txt")];
        assert_eq!(of("3.1.1[a]", &linked), ["AC-3.01.01.a-IT.pdf", "AC-3.01.01.a-IT-2.pdf", "AC-3.01.01.a-IT-3.pdf", "AC-3.01.01.a-IT.txt"]);
    }

    #[test]
    fn every_objective_has_a_stem_of_its_own() {
        let r2 = Catalog::r2();
        let stems: std::collections::BTreeSet<String> = r2.requirements().flat_map(|r| r.objectives.iter().map(|o| stem(r, &o.id))).collect();
        assert_eq!(stems.len(), 320);
        assert!(stems.iter().all(|s| s.is_ascii() && !s.contains(['/', '\\', '[', ' '])));
    }
}
