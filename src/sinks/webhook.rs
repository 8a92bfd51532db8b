//! Batches for the address that is posted to: each entry's leaf as text, so that its bytes survive any reader of JSON.
//! Must stay true: the same entries carry the same id at every try.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::feed::Batch;
use crate::core::clock::Micros;
use crate::notices::Told;
use crate::notices::webhook::Poster;

/// Posts a batch, once.
pub(super) async fn send(poster: &Poster, batch: &Batch, now: Micros) -> Result<(), &'static str> {
    match poster.post(&id(batch), now, body(batch, now)).await {
        Told::Done => Ok(()),
        Told::Nowhere => Err("no_connection"),
        // A trail is not given up: whoever says never is asked again, after the longest pause.
        Told::Later(why) | Told::Never(why) => Err(why),
    }
}

/// The log and the place of the first and the last entry.
fn id(batch: &Batch) -> String {
    let log = hex::encode(&Sha256::digest(&batch.origin)[..8]);
    let first = batch.lines.first().map_or(0, |line| line.seq);
    format!("trl_{log}_{first}_{}", batch.next_seq() - 1)
}

fn body(batch: &Batch, now: Micros) -> String {
    let entries: Vec<_> =
        batch.lines.iter().map(|line| serde_json::json!({ "seq": line.seq, "leaf_hash": STANDARD.encode(line.hash), "leaf": line.leaf })).collect();
    let data = serde_json::json!({ "origin": batch.origin, "entries": entries, "checkpoint": batch.note });
    let at = countersign_audit::write::time::rfc3339(now).unwrap_or_default();
    serde_json::json!({ "type": "trail.entries", "timestamp": at, "data": data }).to_string()
}
