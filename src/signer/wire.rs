//! What is said over the signer's socket: one line of JSON asks, one answers, both bounded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_audit::write::Hash;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};

use crate::core::fault::Fault;
use crate::db::signer::{Claim, EpochEnd, SignError};

/// Bytes of a line at most: a leaf of 64 KiB in base64 and two proofs fit several times.
const LINE_MAX: u64 = 1 << 18;
/// Hashes of a proof at most.
const PROOF_MAX: usize = 64;

/// What a server asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Ask {
    /// The verifier key, under a name of its own.
    Key,
    /// Size and root signed last.
    Last {
        /// The log.
        origin: String,
    },
    /// A signature.
    Sign {
        /// The log.
        origin: String,
        /// Entries covered.
        size: u64,
        /// Root over them.
        root: String,
        /// Proof from what was signed last.
        proof: Vec<String>,
        /// The leaf that ends the epoch.
        leaf: Option<String>,
        /// Its inclusion proof.
        inclusion: Vec<String>,
    },
    /// The key of the next epoch.
    NextEpoch {
        /// The log.
        origin: String,
    },
    /// The checkpoint that ended an epoch.
    Ended {
        /// The log.
        origin: String,
        /// The epoch.
        n: u64,
    },
}

impl Ask {
    /// A claim as it goes over the wire.
    pub fn sign(claim: &Claim) -> Self {
        Self::Sign {
            origin: claim.origin.clone(),
            size: claim.size,
            root: STANDARD.encode(claim.root),
            proof: claim.proof.iter().map(|h| STANDARD.encode(h)).collect(),
            leaf: claim.end.as_ref().map(|end| STANDARD.encode(&end.leaf)),
            inclusion: claim.end.iter().flat_map(|end| &end.inclusion).map(|h| STANDARD.encode(h)).collect(),
        }
    }
}

/// The claim that a line asks for; none when it is not in form.
pub(super) fn claim(origin: String, size: u64, root: &str, proof: &[String], leaf: Option<&str>, inclusion: &[String]) -> Option<Claim> {
    let end = match leaf {
        Some(leaf) => Some(EpochEnd { leaf: STANDARD.decode(leaf).ok()?, inclusion: hashes(inclusion)? }),
        None => None,
    };
    Some(Claim { origin, size, root: hash(root)?, proof: hashes(proof)?, end })
}

/// 32 bytes in base64.
pub(super) fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn hashes(texts: &[String]) -> Option<Vec<Hash>> {
    if texts.len() > PROOF_MAX { None } else { texts.iter().map(|text| hash(text)).collect() }
}

/// The line that answers.
pub(super) fn answer(told: Result<Value, SignError>) -> Value {
    match told {
        Ok(value) => json!({ "ok": value }),
        Err(error) => {
            let what = match &error {
                SignError::Inconsistent(what) | SignError::Lost(what) | SignError::NotAllowed(what) => what.clone(),
                SignError::Away(_) | SignError::Fault(_) => String::new(),
            };
            json!({ "refused": error.class(), "what": what })
        }
    }
}

/// What an answer says.
pub(super) fn told(answer: &Value) -> Result<Value, SignError> {
    if let Some(value) = answer.get("ok") {
        return Ok(value.clone());
    }
    let what = answer["what"].as_str().unwrap_or_default().to_owned();
    Err(match answer["refused"].as_str() {
        Some("inconsistent") => SignError::Inconsistent(what),
        Some("memory_lost") => SignError::Lost(what),
        Some("log_not_allowed") => SignError::NotAllowed(what),
        Some("failed") => SignError::Away("failed"),
        _ => SignError::Away("bad_answer"),
    })
}

/// Reads one line; none when it is too long, cut off or no JSON.
pub(super) async fn read<T: for<'de> Deserialize<'de>>(from: impl AsyncRead + Unpin) -> std::io::Result<Option<T>> {
    let mut line = Vec::new();
    BufReader::new(from.take(LINE_MAX)).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice(line).ok()))
}

/// Writes one line.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), what: &impl Serialize) -> Result<(), Fault> {
    let failed = |e| Fault::with("write to the signer's socket", e);
    let mut line = serde_json::to_vec(what).map_err(|e| Fault::with("write a line", e))?;
    line.push(b'\n');
    to.write_all(&line).await.map_err(failed)?;
    to.flush().await.map_err(failed)
}
