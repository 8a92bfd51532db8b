//! Posts to a configured address, signed as Standard Webhooks has it: HMAC-SHA-256 over id, time and body.
//! Must stay true: every try of a notice carries the same id, and nothing of an answer but its status is kept.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};

use super::Told;
use crate::client;
use crate::config::Webhook;
use crate::core::clock::{Micros, seconds};
use crate::core::fault::Fault;

/// A try may take so long.
pub const TRY_MAX: Duration = Duration::from_secs(10);
/// So much of an answer is read, and dropped.
const ANSWER_BYTES_MAX: usize = 4096;

/// The address with the client and the key for it.
pub struct Poster {
    client: Client,
    url: String,
    key: hmac::Key,
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An address may hold a token.
        f.write_str("Poster(..)")
    }
}

impl Poster {
    /// Readies the client; a try ends after `try_max`.
    ///
    /// # Errors
    /// When the client cannot be made: no certificates to trust.
    pub fn new(to: &Webhook, try_max: Duration) -> Result<Self, Fault> {
        // Posts are rare: a kept connection would mostly be a dead one.
        let client = client::new(try_max, 0)?;
        Ok(Self { client, url: to.url.clone(), key: hmac::Key::new(hmac::HMAC_SHA256, to.secret.expose()) })
    }

    /// Posts one body, once. The id is the same at every try of the same body.
    pub async fn post(&self, id: &str, now: Micros, body: String) -> Told {
        let timestamp = seconds(now).to_string();
        let signature = sign(&self.key, id, &timestamp, &body);
        let request = self.client.post(&self.url).header(CONTENT_TYPE, "application/json").header("webhook-id", id);
        let request = request.header("webhook-timestamp", timestamp).header("webhook-signature", signature).body(body);
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Told::Later(client::trouble(&error)),
        };
        let told = meaning(answer.status());
        let mut read = 0;
        // The status decides; an answer that breaks off or never ends changes nothing.
        while read < ANSWER_BYTES_MAX {
            let Ok(Some(part)) = answer.chunk().await else { break };
            read += part.len();
        }
        told
    }
}

/// What an answer's status says about the notice.
#[must_use]
pub fn meaning(status: StatusCode) -> Told {
    match status {
        status if status.is_success() => Told::Done,
        StatusCode::GONE => Told::Never("gone"),
        status if status.is_redirection() => Told::Later("redirect"),
        status if status.is_server_error() => Told::Later("server_error"),
        _ => Told::Later("refused"),
    }
}

/// The value of `webhook-signature`.
#[must_use]
pub fn sign(key: &hmac::Key, id: &str, timestamp: &str, body: &str) -> String {
    let tag = hmac::sign(key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_standard() {
        // The example of the Standard Webhooks libraries.
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64"));
        let signed = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_hundreds_are_done_gone_is_over_and_the_rest_is_tried_again() {
        for status in [200, 202, 204] {
            assert_eq!(meaning(StatusCode::from_u16(status).expect("a status")), Told::Done);
        }
        assert_eq!(meaning(StatusCode::GONE), Told::Never("gone"));
        for status in [301, 302, 400, 401, 404, 408, 429, 500, 503] {
            assert!(matches!(meaning(StatusCode::from_u16(status).expect("a status")), Told::Later(_)), "{status}");
        }
    }
}
