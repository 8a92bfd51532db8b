//! Judges one cell: the number a message can go to, or the one reason why there is none.
//! Must stay true: nothing is guessed. What a spreadsheet made of a number (an exponent, a decimal point, a lost `+` or zero)
//! is refused with that reason, though a number could be made of it: it might be somebody else's.

use crate::core::number::{Kinds, Number, NumberError};
use crate::core::sheet;

/// Regions where the leading 0 of a number is commonly left away when it is written.
const ZERO_IS_OPTIONAL: [&str; 3] = ["GE", "IN", "MN"];

/// Why a row is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The number is none.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// It is none, but it would be one with a `+`.
    #[error("the + of this number seems to be lost, as in a spreadsheet that took it for a number; enter it with + and the country code")]
    LostPlus,
    /// It is one, but in its country it is not written so.
    #[error(
        "the leading 0 of this number seems to be lost, as in a spreadsheet that took it for a number; enter it with its 0, or with + and the country code"
    )]
    LostZero,
    /// `4155552671.0`.
    #[error("a spreadsheet has turned this number into a decimal number; format the column as text and enter the number again")]
    Decimal,
    /// The cell is no text.
    #[error("this cell is not in the encoding of the file; save the file as UTF-8")]
    NotText,
}

impl Reason {
    /// All of them, so that a reason can be kept in a byte.
    pub const ALL: [Self; 13] = [
        Self::Number(NumberError::Empty),
        Self::Number(NumberError::BadCharacters),
        Self::Number(NumberError::Extension),
        Self::Number(NumberError::ScientificNotation),
        Self::Number(NumberError::NoCountry),
        Self::Number(NumberError::TooShort),
        Self::Number(NumberError::TooLong),
        Self::Number(NumberError::NotValid),
        Self::Number(NumberError::KindNotAllowed),
        Self::LostPlus,
        Self::LostZero,
        Self::Decimal,
        Self::NotText,
    ];

    /// The stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Number(error) => error.code(),
            Self::LostPlus => "lost_plus",
            Self::LostZero => "lost_zero",
            Self::Decimal => "decimal_number",
            Self::NotText => "not_text",
        }
    }

    /// Its place in [`Reason::ALL`].
    #[must_use]
    pub fn place(self) -> u8 {
        Self::ALL.iter().position(|r| *r == self).and_then(|n| u8::try_from(n).ok()).unwrap_or(0)
    }
}

/// What numbers are judged by.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    /// The country of numbers without `+`.
    pub region: Option<String>,
    /// Which kinds are taken.
    pub kinds: Kinds,
}

impl Judge {
    /// Judges a cell; none is one that is no text.
    ///
    /// # Errors
    /// The reason why no message can go there.
    pub fn number(&self, cell: Option<&str>) -> Result<Number, Reason> {
        let cell = sheet::restore(cell.ok_or(Reason::NotText)?.trim());
        if is_decimal(cell) {
            return Err(Reason::Decimal);
        }
        let region = self.region.as_deref();
        match Number::parse_of(cell, region, self.kinds) {
            Ok(number) if self.lost_zero(cell, &number) => Err(Reason::LostZero),
            Ok(number) => Ok(number),
            Err(_) if is_bare(cell) && region.is_some() && Number::parse_of(&format!("+{cell}"), None, self.kinds).is_ok() => Err(Reason::LostPlus),
            Err(error) => Err(error.into()),
        }
    }

    /// Digits alone, though the number is written with a 0 before it.
    fn lost_zero(&self, cell: &str, number: &Number) -> bool {
        if !is_bare(cell) || cell.starts_with('0') {
            return false;
        }
        if self.region.as_deref().is_none_or(|region| ZERO_IS_OPTIONAL.contains(&region)) {
            return false;
        }
        let (international, national) = (number.international(), number.national());
        // Some numbers keep a 0 abroad too; there it is no prefix that could be left away.
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        digits(&national) == format!("0{cell}") && digits(&international).ends_with(cell)
    }
}

fn is_bare(cell: &str) -> bool {
    cell.len() >= 7 && cell.bytes().all(|b| b.is_ascii_digit())
}

/// A whole number as programs write it that keep it as a decimal one.
fn is_decimal(cell: &str) -> bool {
    let Some((whole, fraction)) = cell.trim_start_matches(['+', '-']).split_once('.') else { return false };
    is_bare(whole) && !fraction.is_empty() && fraction.len() <= 2 && fraction.bytes().all(|b| b == b'0')
}

/// `1.41555E+10`: what a spreadsheet shows of a long number.
pub(super) fn is_scientific(cell: &str) -> bool {
    Number::parse(cell, None) == Err(NumberError::ScientificNotation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(region: &str, cell: &str) -> String {
        let judge = Judge { region: (!region.is_empty()).then(|| region.to_owned()), kinds: Kinds::default() };
        match judge.number(Some(cell)) {
            Ok(number) => number.e164().to_owned(),
            Err(reason) => reason.code().to_owned(),
        }
    }

    #[test]
    fn what_spreadsheets_make_of_numbers_is_named_and_not_guessed() {
        for (region, cell, right) in [
            ("US", "(415) 555-2671", "+14155552671"),
            ("US", "14155552671", "+14155552671"),
            ("US", "'+14155552671", "+14155552671"),
            ("US", "''+14155552671", "bad_characters"),
            ("US", "'4155552671", "bad_characters"),
            ("US", "=+14155552671", "bad_characters"),
            ("US", "1.41555E+10", "scientific_notation"),
            ("US", "1,41555E+10", "scientific_notation"),
            ("US", "4155552671.0", "decimal_number"),
            ("US", "415.555.2671", "+14155552671"),
            ("US", "447911123456", "lost_plus"),
            ("US", "+447911123456", "+447911123456"),
            ("GB", "07911 123456", "+447911123456"),
            ("GB", "7911123456", "lost_zero"),
            ("GB", "7911 123456", "+447911123456"),
            ("DE", "15112345678", "lost_zero"),
            ("DE", "015112345678", "+4915112345678"),
            ("IT", "3123456789", "+393123456789"),
            ("IN", "9876543210", "+919876543210"),
            ("CN", "13812345678", "+8613812345678"),
            ("", "4155552671", "no_country"),
            ("US", "", "empty"),
            ("US", " \u{200E}", "empty"),
            ("US", "+1415…,5551212", "bad_characters"),
            ("US", "+14155552671;ext=7", "extension"),
            ("US", "1-800-FLOWERS", "bad_characters"),
            ("US", "+18005551212", "kind_not_allowed"),
            ("MX", "+5215512345678", "too_long"),
        ] {
            assert_eq!(judged(region, cell), right, "{region} {cell:?}");
        }
        assert_eq!(Judge::default().number(None), Err(Reason::NotText));
    }

    #[test]
    fn internet_telephony_is_taken_where_the_policy_says_so() {
        let number = "+445612345678";
        let of = |voip| Judge { region: None, kinds: Kinds { voip } }.number(Some(number));
        assert_eq!(of(false).err(), Some(Reason::Number(NumberError::KindNotAllowed)));
        assert_eq!(of(true).map(|n| n.e164().to_owned()), Ok(number.to_owned()));
    }

    #[test]
    fn every_reason_has_a_place_and_a_name_of_its_own() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        for (n, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(reason.place()), n, "{reason:?}");
            assert!(reason.to_string().len() > 20, "{reason:?}");
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
    }
}
