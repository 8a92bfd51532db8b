//! The only place that prints. Data on standard output, talk on standard error.

use std::io::Write as _;

use super::Failure;

/// A line of data.
///
/// # Errors
/// When standard output is closed.
pub fn line(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout().lock(), "{text}").map_err(|e| Failure::cannot(format!("standard output is closed: {e}")))
}

/// Data as it is.
///
/// # Errors
/// When standard output is closed.
pub fn bytes(data: &[u8]) -> Result<(), Failure> {
    std::io::stdout().lock().write_all(data).map_err(|e| Failure::cannot(format!("standard output is closed: {e}")))
}

/// A JSON document on one line.
///
/// # Errors
/// When standard output is closed.
pub fn json(value: &serde_json::Value) -> Result<(), Failure> {
    line(&value.to_string())
}

/// Talk.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
