//! One request to one witness, and what its answer means.
//! Must stay true: a line counts only when the witness's key verifies it over this very checkpoint.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_audit::verify::cosign::cosignatures;
use countersign_audit::verify::policy::Witness;
use countersign_audit::write::Hash;
use reqwest::{Client, StatusCode};

use crate::client;
use crate::core::clock::{Micros, seconds};
use crate::core::fault::Fault;

/// A try may take so long.
const TRY_MAX: Duration = Duration::from_secs(10);
/// So much of an answer is read; more is none.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How far a witness's clock may be from this one.
const CLOCKS_APART_SECS_MAX: u64 = 600;

/// What a witness said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It countersigned, at this time in seconds since the epoch.
    Cosigned {
        /// Its signature line, with the newline.
        line: String,
        /// Its time.
        at: u64,
    },
    /// It stands at this size.
    At(u64),
    /// It saw another history.
    Contradicts,
    /// Something else, as a class.
    Trouble(&'static str),
}

/// The client.
#[derive(Debug)]
pub(super) struct Asker(Client);

impl Asker {
    /// Readies the client.
    pub fn new() -> Result<Self, Fault> {
        Ok(Self(client::new(TRY_MAX, 1)?))
    }

    /// Asks a witness that stands at `old` to countersign `note`.
    pub async fn ask(&self, witness: &Witness, old: u64, proof: &[Hash], note: &str, now: Micros) -> Said {
        let Some(url) = witness.url() else { return Said::Trouble("no_address") };
        let mut body = format!("old {old}\n");
        for hash in proof {
            body.push_str(&STANDARD.encode(hash));
            body.push('\n');
        }
        body.push('\n');
        body.push_str(note);
        let answer = match self.0.post(format!("{}/add-checkpoint", url.trim_end_matches('/'))).body(body).send().await {
            Ok(answer) => answer,
            Err(error) => return Said::Trouble(client::trouble(&error)),
        };
        let status = answer.status();
        let text = client::read(answer, ANSWER_BYTES_MAX).await.and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(text) = text else { return Said::Trouble("bad_answer") };
        match status {
            StatusCode::OK => countersigned(witness, note, &text, now),
            StatusCode::CONFLICT => text.strip_suffix('\n').and_then(|size| size.parse().ok()).map_or(Said::Trouble("bad_answer"), Said::At),
            StatusCode::UNPROCESSABLE_ENTITY => Said::Contradicts,
            StatusCode::FORBIDDEN => Said::Trouble("key_not_trusted"),
            StatusCode::NOT_FOUND => Said::Trouble("log_not_watched"),
            status if status.is_server_error() => Said::Trouble("server_error"),
            _ => Said::Trouble("refused"),
        }
    }
}

/// The witness's own line in its answer, when it verifies and its clock is near this one.
fn countersigned(witness: &Witness, note: &str, answer: &str, now: Micros) -> Said {
    let Some(blank) = note.rfind("\n\n") else { return Said::Trouble("bad_answer") };
    let text = &note[..=blank];
    let mut found = None;
    for line in answer.split_inclusive('\n') {
        let alone = format!("{text}\n{line}");
        let Ok(cosigned) = cosignatures(alone.as_bytes(), std::slice::from_ref(witness.key())) else { return Said::Trouble("bad_signature") };
        if let Some(cosigned) = cosigned.first() {
            found = Some((line.to_owned(), cosigned.time));
        }
    }
    let Some((line, at)) = found else { return Said::Trouble("bad_signature") };
    let here = seconds(now);
    if at.abs_diff(here) > CLOCKS_APART_SECS_MAX { Said::Trouble("clocks_apart") } else { Said::Cosigned { line, at } }
}
