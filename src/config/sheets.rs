//! The account at Google that writes exports of intakes into spreadsheets, and which ones.
//! Must stay true: nothing is written to a spreadsheet that is not named here.

use super::{Secret, parse};

/// The account and its spreadsheets.
#[derive(Clone, Debug)]
pub struct Sheets {
    /// The file of a service account, as one line of JSON.
    pub account: Secret,
    /// The ids of spreadsheets; at least one.
    pub spreadsheets: Vec<String>,
    /// Where the API is.
    pub api_url: String,
    /// Where tokens are given.
    pub token_url: String,
}

/// Reads the id of a spreadsheet.
pub(super) fn spreadsheet(text: &str) -> Result<String, String> {
    let good = (20..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if good { Ok(text.to_owned()) } else { Err("give the id that stands in the spreadsheet's address between `/d/` and `/edit`".to_owned()) }
}

/// Reads the address of the API.
pub(super) fn api_url(text: &str) -> Result<String, String> {
    parse::public_url(text).map(|url| url.as_str().to_owned())
}

/// Reads the address where tokens are given: as the other, with a path.
pub(super) fn token_url(text: &str) -> Result<String, String> {
    let path = text.strip_suffix("/token").ok_or_else(|| "give an address that ends in `/token`".to_owned())?;
    api_url(path).map(|url| format!("{url}/token"))
}
