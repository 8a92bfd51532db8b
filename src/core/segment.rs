//! How many parts a text message needs (3GPP TS 23.038 and 23.040): the GSM 7-bit alphabet where every character has a place
//! in it, UCS-2 otherwise. What must stay true: the count is that of packing part by part, never a division. A pair of
//! septets, a pair of surrogates and a grapheme cluster are never cut; only a cluster longer than a part is.

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation as _;

/// Units of a message of one part, and of each part where there are several: each then begins with a header of its own.
const GSM_ALONE: usize = 160;
const GSM_PART: usize = 153;
const UCS_ALONE: usize = 70;
const UCS_PART: usize = 67;

/// The basic alphabet in the order of its codes; 0x1B, the way into the extension, stands for no character.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Characters of the extension; each takes two septets.
const EXTENSION: &str = "\u{000C}^{}\\[~]|€";

/// How a text is written on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Encoding {
    /// Seven bits a character, fourteen for those of the extension.
    #[serde(rename = "GSM-7")]
    Gsm7,
    /// Sixteen bits a unit of UTF-16.
    #[serde(rename = "UCS-2")]
    Ucs2,
}

impl Encoding {
    /// The name people know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }
}

/// What a text comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Segments {
    /// How it is written.
    pub encoding: Encoding,
    /// Septets, or units of UTF-16.
    pub units: usize,
    /// Messages on the air; an empty text is one.
    pub segments: usize,
}

/// Counts the parts of a text, every character taken as it stands.
#[must_use]
pub fn count(text: &str) -> Segments {
    let encoding = if text.chars().all(|c| septets(c).is_some()) { Encoding::Gsm7 } else { Encoding::Ucs2 };
    let (alone, part) = match encoding {
        Encoding::Gsm7 => (GSM_ALONE, GSM_PART),
        Encoding::Ucs2 => (UCS_ALONE, UCS_PART),
    };
    let (mut units, mut segments, mut filled) = (0, 1, 0);
    atoms(text, encoding, part, |atom| {
        units += atom;
        filled += atom;
        if filled > part {
            segments += 1;
            filled = atom;
        }
    });
    Segments { encoding, units, segments: if units <= alone { 1 } else { segments } }
}

/// Calls `each` with the units of everything that is not cut.
fn atoms(text: &str, encoding: Encoding, part: usize, mut each: impl FnMut(usize)) {
    match encoding {
        Encoding::Gsm7 => text.chars().for_each(|c| each(septets(c).unwrap_or(1))),
        Encoding::Ucs2 => text.graphemes(true).for_each(|cluster| {
            let units = cluster.encode_utf16().count();
            // A line end is a cluster, but both its characters may stand alone.
            if units > part || cluster == "\r\n" {
                cluster.chars().for_each(|c| each(c.len_utf16()));
            } else {
                each(units);
            }
        }),
    }
}

/// Septets of a character in the GSM alphabet; none when it has no place there.
fn septets(c: char) -> Option<usize> {
    match c {
        // Most texts are made of these.
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' => Some(1),
        _ if BASIC.contains(c) => Some(1),
        _ if EXTENSION.contains(c) => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> (&'static str, usize, usize) {
        let Segments { encoding, units, segments } = count(text);
        (encoding.name(), units, segments)
    }

    #[test]
    fn the_alphabet_is_that_of_the_standard() {
        assert_eq!((BASIC.chars().count(), EXTENSION.chars().count()), (127, 10));
        for c in ['Ç', '\n', '\r', 'Δ', '¤', '¡', '¿', 'à', '@', '\'', '"'] {
            assert_eq!(septets(c), Some(1), "{c:?}");
        }
        for c in ['ç', '\t', '`', '\u{1B}', '\0', 'á', '’', '“', '…', '\u{A0}', '–', 'Α', 'ﬁ'] {
            assert_eq!(septets(c), None, "{c:?}");
        }
    }

    #[test]
    fn known_texts_come_to_known_counts() {
        let braces = format!("{}{{{}", "a".repeat(152), "a".repeat(152));
        let shorter = format!("{}{{{}", "a".repeat(152), "a".repeat(151));
        let cyrillic = format!("{}😀{}", "а".repeat(66), "а".repeat(66));
        for (text, encoding, units, segments) in [
            (String::new(), "GSM-7", 0, 1),
            ("a".repeat(160), "GSM-7", 160, 1),
            ("a".repeat(161), "GSM-7", 161, 2),
            ("a".repeat(306), "GSM-7", 306, 2),
            ("a".repeat(307), "GSM-7", 307, 3),
            ("{".repeat(80), "GSM-7", 160, 1),
            ("{".repeat(81), "GSM-7", 162, 2),
            (braces, "GSM-7", 306, 3),
            (shorter, "GSM-7", 305, 2),
            ("☺".repeat(70), "UCS-2", 70, 1),
            ("☺".repeat(71), "UCS-2", 71, 2),
            ("☺".repeat(134), "UCS-2", 134, 2),
            ("☺".repeat(135), "UCS-2", 135, 3),
            ("😀".repeat(35), "UCS-2", 70, 1),
            ("😀".repeat(36), "UCS-2", 72, 2),
            (cyrillic, "UCS-2", 134, 3),
            ("Ç".repeat(160), "GSM-7", 160, 1),
            ("ç".repeat(160), "UCS-2", 160, 3),
            ("€".repeat(80), "GSM-7", 160, 1),
            ("\r\n".repeat(80), "GSM-7", 160, 1),
            (format!("{}a", "\r\n".repeat(80)), "GSM-7", 161, 2),
            ("👨‍👩‍👧".repeat(17), "UCS-2", 136, 3),
            ("\t".to_owned(), "UCS-2", 1, 1),
        ] {
            assert_eq!(of(&text), (encoding, units, segments), "{text:?}");
        }
    }

    #[test]
    fn a_cluster_is_kept_whole_and_one_longer_than_a_part_is_not() {
        // Eight units each: eight fill 64 of 67, so that the ninth begins a part.
        let families = format!("{}{}", "👨‍👩‍👧".repeat(8), "☺☺☺☺☺☺☺");
        assert_eq!(of(&families), ("UCS-2", 71, 2));
        assert_eq!(of(&format!("{}{}", "☺".repeat(60), "👨‍👩‍👧".repeat(9))), ("UCS-2", 132, 3));
        let stacked = format!("☺{}", "\u{0301}".repeat(133));
        assert_eq!(of(&stacked), ("UCS-2", 134, 2));
        assert_eq!(of(&format!("{stacked}\u{0301}")), ("UCS-2", 135, 3));
    }

    /// The fewest parts into which the atoms can be packed in their order, by trying every cut.
    fn fewest(atoms: &[usize], part: usize) -> usize {
        let mut best = vec![usize::MAX; atoms.len() + 1];
        best[0] = 0;
        for end in 1..=atoms.len() {
            for start in 0..end {
                if atoms[start..end].iter().sum::<usize>() <= part && best[start] != usize::MAX {
                    best[end] = best[end].min(best[start] + 1);
                }
            }
        }
        best[atoms.len()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn no_packing_needs_fewer_parts(text in prop_oneof!["[a{€~]{150,330}", "[aа☺😀]{60,150}", "(👨‍👩‍👧|☺|e\u{0301}|\r\n|🇺🇸){10,60}", any::<String>()]) {
            let Segments { encoding, units, segments } = count(&text);
            let (alone, part) = if encoding == Encoding::Gsm7 { (160, 153) } else { (70, 67) };
            let mut found = Vec::new();
            atoms(&text, encoding, part, |atom| found.push(atom));
            let right = if found.iter().sum::<usize>() <= alone { 1 } else { fewest(&found, part) };
            prop_assert_eq!((units, segments), (found.iter().sum(), right));
            prop_assert!(found.iter().all(|atom| (1..=part).contains(atom)));
            if encoding == Encoding::Ucs2 {
                prop_assert_eq!(units, text.encode_utf16().count());
            }
        }
    }
}
