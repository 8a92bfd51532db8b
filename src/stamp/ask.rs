//! One request to a time-stamping authority, and whether its answer holds.
//! Must stay true: of an answer nothing is believed before the token was verified over just these bytes, with the nonce of
//! this request, up to a configured root, and its time is near this clock.

use std::time::Duration;

use countersign_audit::verify::token::{TOKEN_BYTES_MAX, Token, granted};
use countersign_audit::write::token::request;
use reqwest::Client;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

use crate::client;
use crate::config::Authority;
use crate::core::clock::{Micros, SECOND};
use crate::core::fault::Fault;

/// A try may take so long.
const TRY_MAX: Duration = Duration::from_secs(15);
/// How far the authority's clock may be from this one.
const CLOCKS_APART_MAX: Micros = 600 * SECOND;
/// What an answer must say it is.
const ANSWER: &str = "application/timestamp-reply";

/// A token that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub token: Vec<u8>,
    pub tsa: String,
    pub at: Micros,
}

/// The client.
#[derive(Debug)]
pub(super) struct Asker {
    client: Client,
    authority: Authority,
}

impl Asker {
    /// Readies the client.
    pub fn new(authority: &Authority) -> Result<Self, Fault> {
        Ok(Self { client: client::new(TRY_MAX, 0)?, authority: authority.clone() })
    }

    /// Asks for a token over `note`; what goes wrong comes back as a class, with what was said about it.
    pub async fn ask(&self, note: &str, nonce: [u8; 8], now: Micros) -> Result<Given, (&'static str, String)> {
        let trouble = |class: &'static str| (class, String::new());
        let imprint = Sha256::digest(note).into();
        let body = request(&imprint, &nonce, self.authority.policy.as_deref()).map_err(|error| ("no_request", error.to_string()))?;
        let asked = self.client.post(&self.authority.url).header(CONTENT_TYPE, "application/timestamp-query").header(ACCEPT, ANSWER);
        let answer = asked.body(body).send().await.map_err(|error| trouble(client::trouble(&error)))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(trouble(if status.is_server_error() { "server_error" } else { "refused" }));
        }
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.split(';').next().is_none_or(|kind| !kind.trim().eq_ignore_ascii_case(ANSWER)) {
            return Err(trouble("bad_answer"));
        }
        let answer = client::read(answer, TOKEN_BYTES_MAX).await.ok_or_else(|| trouble("bad_answer"))?;
        self.given(&answer, note, nonce, now)
    }

    /// The token of an answer, when all of it holds.
    fn given(&self, answer: &[u8], note: &str, nonce: [u8; 8], now: Micros) -> Result<Given, (&'static str, String)> {
        let token = granted(answer).map_err(|error| ("not_granted", error.to_string()))?;
        let opened = Token::open(token, note.as_bytes()).map_err(|error| ("bad_token", error.to_string()))?;
        let stamp = opened.trusted(&self.authority.roots).map_err(|error| ("bad_certificate", error.to_string()))?;
        let stamp = stamp.ok_or_else(|| ("not_trusted", "its certificate leads to none of the roots".to_owned()))?;
        let own: &[u8] = &nonce[nonce.iter().take_while(|byte| **byte == 0).count().min(7)..];
        if stamp.nonce.as_deref() != Some(own) {
            return Err(("bad_nonce", "the answer is to another request".to_owned()));
        }
        if self.authority.policy.as_ref().is_some_and(|policy| *policy != stamp.policy) {
            return Err(("bad_policy", format!("it was given under the policy {}", stamp.policy)));
        }
        let at = i64::try_from(stamp.time).ok().and_then(|at| at.checked_mul(SECOND)).ok_or(("clocks_apart", String::new()))?;
        if at.abs_diff(now) > CLOCKS_APART_MAX.unsigned_abs() {
            return Err(("clocks_apart", format!("the authority's time is {} seconds from this clock", (at - now) / SECOND)));
        }
        Ok(Given { token: token.to_vec(), tsa: stamp.tsa.clone(), at })
    }
}
