//! `countersign text …`: what can be said of a text without sending it. Needs no configuration and no database.
//! Must stay true: the text is taken byte for byte, so that a line end at its end counts too.

use std::io::Read as _;

use super::args::TextCommand;
use super::{Failure, out};
use crate::core::segment;

/// Bytes of a text read at most: far above what is ever sent, and far below what would hold anybody up.
const TEXT_BYTES_MAX: u64 = 1 << 20;

pub(super) fn run(command: &TextCommand) -> Result<(), Failure> {
    match command {
        // One document either way: it is made for programs.
        TextCommand::Segments { json: _ } => segments(),
    }
}

fn segments() -> Result<(), Failure> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| Failure::cannot(format!("standard input cannot be read: {e}")))?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        return Err(Failure::hinting(format!("the text is longer than {TEXT_BYTES_MAX} bytes"), "shorten it; a message holds 1,600 characters at most"));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|e| Failure::hinting(format!("the text is not UTF-8: byte {} does not fit", e.valid_up_to() + 1), "convert it to UTF-8 first"))?;
    out::json(&serde_json::to_value(segment::count(text)).map_err(Failure::cannot)?)
}
