//! `countersign witness`: this program as a witness of other people's logs, by C2SP tlog-witness. It remembers the newest
//! checkpoint of each log it watches, countersigns only what extends it, and keeps the evidence when a log shows it a fork.
//! Must stay true: check and memory are one step, durable before the answer; a witness that lost its memory refuses to go on.

mod book;
#[cfg(test)]
mod tests;
mod web;

pub use book::{Book, BookError, Fork, Watched};
pub use web::router;

use countersign_audit::verify::Hash;

/// Hashes of a consistency proof at most, as the protocol has it.
const PROOF_MAX: usize = 63;

/// A request to countersign a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The size from which the proof goes.
    pub old: u64,
    /// The consistency proof from there to the checkpoint.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub note: &'a [u8],
}

/// What a witness says to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200: the signature line, with its newline.
    Cosigned(String),
    /// 400: the request cannot be read, or goes backwards.
    Malformed(&'static str),
    /// 403: not signed by the key this witness trusts for the log.
    Unsigned,
    /// 404: a log this witness does not watch.
    Unknown,
    /// 409: the proof does not start at what was seen last, which is this size.
    Behind(u64),
    /// 422: it does not extend what was seen.
    Contradicts(&'static str),
}

impl<'a> Asked<'a> {
    /// Reads a request: `old <size>`, up to 63 hashes in base64, an empty line, the signed checkpoint.
    ///
    /// # Errors
    /// What is not in form.
    pub fn parse(body: &'a [u8]) -> Result<Self, &'static str> {
        let (head, note) = body
            .windows(2)
            .position(|two| two == b"\n\n")
            .map(|at| (&body[..at], &body[at + 2..]))
            .ok_or("an empty line must stand between the proof and the checkpoint")?;
        let mut lines = std::str::from_utf8(head).map_err(|_| "the request is not UTF-8")?.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal).ok_or("the first line is not `old` and a size")?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == PROOF_MAX {
                return Err("the proof has more than 63 hashes");
            }
            proof.push(hash(line).ok_or("a line of the proof is not a hash in base64")?);
        }
        Ok(Self { old, proof, note })
    }
}

/// A size: decimal, without sign or leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let number = text.parse::<i64>().ok()?;
    (number.to_string() == text).then(|| number.unsigned_abs()).filter(|_| number >= 0)
}

fn hash(text: &str) -> Option<Hash> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()?.try_into().ok()
}
