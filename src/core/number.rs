//! Telephone numbers that a message may be sent to.
//! What must stay true: nothing is guessed. A text that could mean two numbers,
//! an extension, letters or what a spreadsheet made of a number is refused with
//! its reason, and a number shows itself whole nowhere but in `e164`.

use std::fmt;

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region, ValidationError};
use unicode_normalization::UnicodeNormalization;

/// Characters of an input, blanks and brackets included.
pub const INPUT_CHARS_MAX: usize = 40;
/// Digits of a number with its country code (E.164).
pub const DIGITS_MIN: usize = 7;
pub const DIGITS_MAX: usize = 15;
/// Digits that are written when the way out of a country is dialled too.
const DIALLED_DIGITS_MAX: usize = 20;
/// Digits that a masked number still shows, where the number is long enough.
const SHOWN_DIGITS_MAX: usize = 4;

/// Why a number was refused, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("there is no number; enter one such as +14155552671")]
    Empty,
    #[error("a number holds only digits, blanks, + ( ) . - and /, with at most one + and that first; remove everything else")]
    BadCharacters,
    #[error("a message cannot reach an extension; enter the number without it, or another number")]
    Extension,
    #[error("a spreadsheet has turned this number into scientific notation and lost digits; format the column as text and enter the number again")]
    ScientificNotation,
    #[error("the country is missing or unknown; begin with + and the country code, as in +14155552671")]
    NoCountry,
    #[error("the number is too short; enter it with its area code, and with + and the country code")]
    TooShort,
    #[error("the number is too long; check for doubled or extra digits")]
    TooLong,
    #[error("no such number is in use in its country; check it digit by digit")]
    NotValid,
    #[error("a number of this kind does not receive messages; enter a mobile number")]
    KindNotAllowed,
}

impl NumberError {
    /// A stable name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::BadCharacters => "bad_characters",
            Self::Extension => "extension",
            Self::ScientificNotation => "scientific_notation",
            Self::NoCountry => "no_country",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::NotValid => "not_valid",
            Self::KindNotAllowed => "kind_not_allowed",
        }
    }
}

/// A valid number that can receive messages.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    e164: String,
    region: String,
    country_digits: usize,
}

/// Which numbers are taken beyond those of mobile telephones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kinds {
    /// Internet telephony too.
    pub voip: bool,
}

/// Is this the name of a region that numbers can lie in, such as `US`?
pub fn is_region(name: &str) -> bool {
    name.parse::<Region>().is_ok_and(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region).is_some())
}

impl Number {
    /// Reads a number; without `default_region` (`US`, `DE`) it has to begin with `+`.
    pub fn parse(input: &str, default_region: Option<&str>) -> Result<Self, NumberError> {
        Self::parse_of(input, default_region, Kinds::default())
    }

    /// The same for a choice of kinds.
    pub fn parse_of(input: &str, default_region: Option<&str>, kinds: Kinds) -> Result<Self, NumberError> {
        let written = filtered(input)?;
        let region = match default_region {
            Some(name) => Some(name.parse::<Region>().map_err(|_| NumberError::NoCountry)?),
            None => None,
        };
        let parsed = PHONE_NUMBER_UTIL.parse(&written, region).map_err(of_parsing)?;
        judge(&parsed, kinds)?;
        let e164 = parsed.format_as(PhoneNumberFormat::E164).into_owned();
        match e164.len().saturating_sub(1) {
            ..DIGITS_MIN => return Err(NumberError::TooShort),
            DIGITS_MIN..=DIGITS_MAX => {}
            _ => return Err(NumberError::TooLong),
        }
        let region = parsed.get_region_code().ok_or(NumberError::NotValid)?;
        Ok(Self { e164, region: region.to_string(), country_digits: parsed.country_code.to_string().len() })
    }

    /// `+`, the country code and the number, without blanks.
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// The number as a whole number, `+` left away: what takes the least room.
    pub fn digits(&self) -> u64 {
        self.e164[1..].parse().expect("E.164 is `+` and at most 15 digits")
    }

    /// As people read it abroad: `+1 415-555-2671`.
    pub fn international(&self) -> String {
        self.written(PhoneNumberFormat::International)
    }

    /// As people write it in its own country: `(415) 555-2671`.
    pub fn national(&self) -> String {
        self.written(PhoneNumberFormat::National)
    }

    fn written(&self, format: PhoneNumberFormat) -> String {
        PHONE_NUMBER_UTIL.parse(&self.e164, None).map_or_else(|_| self.e164.clone(), |parsed| parsed.format_as(format).into_owned())
    }

    /// The two letters of the country, `001` for a number of no country.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The number as it may be shown to those who need not know it: `+1 ••• ••• 2671`.
    pub fn masked(&self) -> String {
        let (country, national) = self.e164.split_at(1 + self.country_digits);
        let shown = SHOWN_DIGITS_MAX.min(national.len() / 2);
        let hidden = national.len() - shown;
        let mut masked = country.to_owned();
        for place in 0..hidden {
            if place == 0 || (hidden - place).is_multiple_of(3) {
                masked.push(' ');
            }
            masked.push('•');
        }
        masked.push(' ');
        masked.push_str(&national[hidden..]);
        masked
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({})", self.masked())
    }
}

/// The input in the only characters that the parser gets to see: it would take
/// letters, extensions and a leading `=` and make a number of them.
fn filtered(input: &str) -> Result<String, NumberError> {
    if input.chars().count() > INPUT_CHARS_MAX {
        return Err(NumberError::TooLong);
    }
    let trimmed = input.trim_matches(|c: char| c.is_whitespace() || is_direction_mark(c));
    if trimmed.is_empty() {
        return Err(NumberError::Empty);
    }
    let plain: String = trimmed.chars().flat_map(plain_form).collect();
    if is_scientific(&plain) {
        return Err(NumberError::ScientificNotation);
    }
    if has_extension(&plain) {
        return Err(NumberError::Extension);
    }
    let is_number = plain.chars().all(is_number_character) && !plain.chars().skip(1).any(|c| c == '+') && brackets_are_paired(&plain);
    if !is_number {
        return Err(NumberError::BadCharacters);
    }
    match digits_of(&plain) {
        0 => Err(NumberError::BadCharacters),
        1..=DIALLED_DIGITS_MAX => Ok(plain),
        _ => Err(NumberError::TooLong),
    }
}

/// Marks that come along when a number is copied from a telephone's contacts.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Full-width digits and signs, and blanks of every width. Superscript, circled and
/// the like would normalise to digits as well, but nobody writes a number in them.
fn plain_form(c: char) -> impl Iterator<Item = char> {
    let is_wide = matches!(c, '\u{FF01}'..='\u{FF5E}') || c.is_whitespace() && !c.is_control();
    let plain = is_wide.then(|| std::iter::once(c).nfkc().next()).flatten();
    std::iter::once(plain.unwrap_or(c))
}

fn is_number_character(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | '(' | ')' | ' ' | '.' | '-' | '/')
}

fn digits_of(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

fn brackets_are_paired(text: &str) -> bool {
    let mut is_open = false;
    for c in text.chars() {
        match c {
            '(' if is_open => return false,
            '(' => is_open = true,
            ')' if !is_open => return false,
            ')' => is_open = false,
            _ => {}
        }
    }
    !is_open
}

/// `1.41555E+10`, with a decimal comma too.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return false;
    };
    let is_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let unsigned = |signed: &str| signed.strip_prefix(['+', '-']).unwrap_or(signed).to_owned();
    let mantissa = unsigned(mantissa);
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((&mantissa, "0"));
    is_digits(whole) && is_digits(fraction) && is_digits(&unsigned(exponent))
}

/// A number, then a sign or word for an extension, then digits.
fn has_extension(text: &str) -> bool {
    let Some(end) = text.find(|c: char| !is_number_character(c)) else {
        return false;
    };
    let (number, rest) = text.split_at(end);
    let word: String = rest.chars().take_while(|c| !c.is_ascii_digit()).collect();
    let word = word.to_lowercase();
    let sign = word.trim_matches([' ', '.', ':', '=', ';', ',', '-']);
    let is_sign = matches!(sign, "" | "x" | "ext" | "extn" | "extension" | "int" | "anexo" | "#" | "~");
    digits_of(number) >= DIGITS_MIN && is_sign && digits_of(rest) > 0
}

fn of_parsing(error: ParseError) -> NumberError {
    match error {
        ParseError::InvalidCountryCode => NumberError::NoCountry,
        ParseError::NotANumber(_) => NumberError::TooShort,
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => NumberError::TooShort,
        ParseError::TooLongNsn => NumberError::TooLong,
    }
}

fn judge(number: &PhoneNumber, kinds: Kinds) -> Result<(), NumberError> {
    match number.is_possible_with_reason() {
        Ok(NumberLengthType::IsPossible) => {}
        Ok(NumberLengthType::IsPossibleLocalOnly) => return Err(NumberError::TooShort),
        Err(ValidationError::InvalidCountryCode) => return Err(NumberError::NoCountry),
        Err(ValidationError::TooShort) => return Err(NumberError::TooShort),
        Err(ValidationError::TooLong) => return Err(NumberError::TooLong),
        Err(ValidationError::InvalidLength) => return Err(NumberError::NotValid),
    }
    if !number.is_valid() {
        return Err(NumberError::NotValid);
    }
    match number.get_type() {
        PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile => Ok(()),
        PhoneNumberType::VoIP if kinds.voip => Ok(()),
        _ => Err(NumberError::KindNotAllowed),
    }
}

#[cfg(test)]
mod tests;
