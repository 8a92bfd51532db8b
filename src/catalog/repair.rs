//! Known faults of published OSCAL files, mended where they are recognised without doubt, each told in the report.
//! Must stay true: a text that fits none of them passes unchanged.

/// What an objective is called and says, with what was mended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mended {
    pub label: String,
    pub prose: String,
    pub how: Option<&'static str>,
}

/// Spaces round an id.
pub(super) fn id(raw: &str) -> (String, Option<&'static str>) {
    let mended: String = raw.split_whitespace().collect();
    let how = (mended != raw).then_some("spaces taken out of the id");
    (mended, how)
}

/// An objective of a control: a label that lost its letter to the prose, or the whole sentence of a single objective whose
/// first letter was taken for its label.
pub(super) fn objective(control: &str, label: &str, prose: &str, is_only: bool) -> Mended {
    let (label, spaces) = id(label);
    if let Some(rest) = label.strip_suffix("[.]")
        && let Some((letter, text)) = swallowed(prose)
    {
        return Mended { label: format!("{rest}[{letter}]"), prose: text.to_owned(), how: Some("the letter of the objective was in its text") };
    }
    if is_only && label == format!("{control}[D]") && prose.starts_with("ermine ") {
        return Mended { label: control.to_owned(), prose: format!("Det{prose}"), how: Some("the first letter of the text was its label") };
    }
    Mended { label, prose: prose.to_owned(), how: spaces }
}

/// `1[a] text` -> `a`, `text`.
fn swallowed(prose: &str) -> Option<(char, &str)> {
    let rest = prose.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix('[')?;
    let letter = rest.chars().next().filter(char::is_ascii_lowercase)?;
    Some((letter, rest[1..].strip_prefix(']')?.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(label: &str, prose: &str, is_only: bool) -> (String, String, bool) {
        let m = objective("3.2.1", label, prose, is_only);
        (m.label, m.prose, m.how.is_some())
    }

    #[test]
    fn each_known_fault_is_mended_and_nothing_else() {
        assert_eq!(id(" 3.2.1 "), ("3.2.1".into(), Some("spaces taken out of the id")));
        assert_eq!(id("3.2.1"), ("3.2.1".into(), None));
        assert_eq!(mended(" 3.2.1 [.]", "1[b] rules are named.", false), ("3.2.1[b]".into(), "rules are named.".into(), true));
        assert_eq!(mended("3.2.1[D]", "ermine if it is so.", true), ("3.2.1".into(), "Determine if it is so.".into(), true));
        for (label, prose, is_only) in
            [("3.2.1[a]", "it is so.", false), ("3.2.1[.]", "it is so.", false), ("3.2.1[D]", "it is so.", true), ("3.2.1[D]", "ermine if", false)]
        {
            assert_eq!(mended(label, prose, is_only), (label.into(), prose.into(), false), "{label} {prose}");
        }
    }
}
