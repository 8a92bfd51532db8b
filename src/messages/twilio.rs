//! Messages by Twilio: one POST for a message, and the list of what Twilio has, asked when an answer was lost.
//! Must stay true: a POST is made once, by a connection of its own, with no redirect followed; a message is refused only when
//! it was certainly not taken, and may come again only when nothing was said or Twilio says that it did nothing.

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::{Client, StatusCode, header};
use serde::Deserialize;

use super::credential::Credential;
use super::gateway::{Attempted, Found, Gateway, Looked, Outgoing, Pace, Sought, TWILIO};
use super::status::CALLBACK;
use crate::client;
use crate::config::{Config, TwilioSender, TwilioSends, VALIDITY_SECS_MAX};
use crate::core::clock::{Micros, SECOND};
use crate::core::fault::Fault;
use crate::db::Db;
use crate::http::templates::both_times;

/// How long a connection may take, and a whole try.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const TRY_MAX: Duration = Duration::from_secs(30);
/// Bytes of an answer to a message, and of a page of the list.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Pages of the list that are read for one message.
const PAGES_MAX: usize = 10;
/// Clocks differ: a message may seem taken a little before it was handed over.
const SKEW: Micros = 5 * SECOND;

/// The account that sends.
#[derive(Debug)]
pub struct Twilio {
    client: Client,
    account_sid: String,
    token: Credential,
    sends: TwilioSends,
    /// Where Twilio says what becomes of messages; none when it could not reach that.
    callback: Option<String>,
    pace: Pace,
}

#[derive(Deserialize)]
struct Refusal {
    code: Option<i64>,
}

#[derive(Deserialize)]
struct Taken {
    sid: String,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Row>,
    #[serde(default)]
    next_page_uri: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    sid: String,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    direction: Option<String>,
    status: String,
    date_created: String,
}

impl Twilio {
    /// The account of the settings, when it sends.
    ///
    /// # Errors
    /// When there are no certificates to trust.
    pub fn set_up(db: &Db, config: &Config) -> Result<Option<Self>, Fault> {
        let Some((account, sends)) = config.twilio.as_ref().and_then(|twilio| Some((twilio, twilio.sends.clone()?))) else { return Ok(None) };
        let token = Credential::new(db, TWILIO, account.tokens.first().cloned());
        let pace = Pace::new(Duration::from_secs(1) / sends.per_second.max(1));
        // Only what runs on this machine can reach an address of this machine.
        let reaches = config.is_https() || sends.api_url.starts_with("http://");
        let callback = reaches.then(|| format!("{}{CALLBACK}", config.url()));
        let client = client::with_connect(CONNECT_MAX, TRY_MAX, 0)?;
        Ok(Some(Self { client, account_sid: account.account_sid.clone(), token, sends, callback, pace }))
    }

    fn messages(&self) -> String {
        format!("/2010-04-01/Accounts/{}/Messages.json", self.account_sid)
    }

    async fn post(&self, message: Outgoing) -> Attempted {
        let validity = message.valid_secs.map_or(self.sends.validity_secs, |secs| secs.min(self.sends.validity_secs)).clamp(1, 36_000).to_string();
        let callback = self.callback.as_ref().map(|url| format!("{url}?mid={}", message.message));
        let sender = match (&message.from, &self.sends.sender) {
            (Some(address), _) => ("From", address.as_str()),
            (None, TwilioSender::From(number)) => ("From", number.as_str()),
            (None, TwilioSender::Service(sid)) => ("MessagingServiceSid", sid.as_str()),
        };
        let mut form = vec![("To", message.to.as_str()), sender, ("Body", message.text.as_str()), ("ValidityPeriod", validity.as_str())];
        if let Some(callback) = &callback {
            form.push(("StatusCallback", callback.as_str()));
        }
        let Ok(body) = serde_urlencoded::to_string(&form) else { return Attempted::Rejected { reason: "not_a_form".into() } };
        let token = match self.token.shown().await {
            Ok(token) => token,
            Err(attempted) => return attempted,
        };
        let request = self.client.post(format!("{}{}", self.sends.api_url, self.messages())).basic_auth(&self.account_sid, Some(token.expose()));
        match request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body).send().await {
            Ok(answer) => {
                let status = answer.status();
                judge(status, client::read(answer, ANSWER_BYTES_MAX).await.as_deref())
            }
            // Nothing was said before there was a connection.
            Err(error) if error.is_connect() => Attempted::Later { reason: "no_connection".into() },
            Err(error) => Attempted::Unknown { reason: client::trouble(&error).into() },
        }
    }

    /// Everything the account has sent to this number since, as far as it fits; none when it cannot be told.
    async fn list(&self, sought: &Sought) -> Option<Vec<Found>> {
        let day = both_times(sought.since - SKEW, "UTC").0;
        let mut query = vec![("To", sought.to.as_str()), ("DateSent>", day.get(..10)?), ("PageSize", "100")];
        match (&sought.from, &self.sends.sender) {
            (Some(address), _) => query.push(("From", address)),
            (None, TwilioSender::From(number)) => query.push(("From", number)),
            (None, TwilioSender::Service(_)) => {}
        }
        let token = self.token.shown().await.ok()?;
        let mut uri = format!("{}?{}", self.messages(), serde_urlencoded::to_string(&query).ok()?);
        let mut found = Vec::new();
        for _ in 0..PAGES_MAX {
            let request = self.client.get(format!("{}{uri}", self.sends.api_url)).basic_auth(&self.account_sid, Some(token.expose()));
            let answer = request.send().await.ok()?;
            if answer.status() != StatusCode::OK {
                return None;
            }
            let page: Page = serde_json::from_slice(&client::read(answer, PAGE_BYTES_MAX).await?).ok()?;
            for row in page.messages {
                if row.fits(sought)? {
                    found.push(Found { provider_id: row.sid, status: row.status });
                }
            }
            match page.next_page_uri {
                None => return Some(found),
                // Nowhere but to more of the same.
                Some(next) if next.starts_with(&self.messages()) => uri = next,
                Some(_) => return None,
            }
        }
        None
    }
}

impl Row {
    /// Is it the one that is sought? None when it does not say enough.
    fn fits(&self, sought: &Sought) -> Option<bool> {
        if !is_sid(&self.sid) || self.direction.as_deref() == Some("inbound") || self.to.as_deref() != Some(sought.to.as_str()) {
            return Some(false);
        }
        let made = jiff::fmt::rfc2822::parse(&self.date_created).ok()?.timestamp().as_microsecond();
        // Times are cut to whole seconds.
        if made < sought.since - SKEW || made > sought.until {
            return Some(false);
        }
        // A text that Twilio was told to forget says nothing.
        self.body.as_deref().filter(|body| !body.is_empty()).map(|body| body == sought.text)
    }
}

/// Is this what Twilio calls a message?
fn is_sid(text: &str) -> bool {
    let digits = text.strip_prefix("SM").or_else(|| text.strip_prefix("MM")).unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What an answer means; `None` is one that broke off or is too long.
fn judge(status: StatusCode, body: Option<&[u8]>) -> Attempted {
    if status.is_success() {
        let taken = body.and_then(|body| serde_json::from_slice::<Taken>(body).ok()).filter(|taken| is_sid(&taken.sid));
        return match taken {
            Some(taken) => Attempted::Accepted { provider_id: taken.sid },
            None => Attempted::Unknown { reason: "answer_unreadable".into() },
        };
    }
    if !status.is_client_error() || status == StatusCode::REQUEST_TIMEOUT {
        return Attempted::Unknown { reason: format!("http_{}", status.as_u16()) };
    }
    let code = body.and_then(|body| serde_json::from_slice::<Refusal>(body).ok()).and_then(|refusal| refusal.code);
    let reason = code.map_or_else(|| format!("http_{}", status.as_u16()), |code| format!("twilio_{code}"));
    match code {
        Some(21610 | 63014) => Attempted::OptedOut { reason },
        // The sender's queue is full.
        Some(21611) => Attempted::Later { reason },
        _ if status == StatusCode::TOO_MANY_REQUESTS => Attempted::Later { reason },
        _ => Attempted::Rejected { reason },
    }
}

/// Does this reason say that the number wants no messages?
#[must_use]
pub fn is_opt_out(code: &str) -> bool {
    matches!(code, "21610" | "63014")
}

/// A message may be taken so long after it was handed over, for the list is asked up to then.
#[must_use]
pub fn latest_after(since: Micros) -> Micros {
    since + Micros::try_from(VALIDITY_SECS_MAX).unwrap_or(36_000) * SECOND
}

impl Gateway for Twilio {
    fn name(&self) -> &'static str {
        TWILIO
    }

    fn send(&self, message: Outgoing) -> BoxFuture<'_, Attempted> {
        Box::pin(self.post(message))
    }

    fn turn(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.pace.turn())
    }

    fn look_for<'a>(&'a self, sought: &'a Sought) -> BoxFuture<'a, Looked> {
        Box::pin(async move { self.list(sought).await.map_or(Looked::Unsaid, Looked::Listed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::MessageId;

    #[test]
    fn each_answer_means_one_thing() {
        let sid = format!("SM{}", "0a".repeat(16));
        let says = |status: u16, body: &str| judge(StatusCode::from_u16(status).expect("a status"), Some(body.as_bytes()));
        let code = |code: i64| format!("{{\"code\": {code}, \"message\": \"m\", \"status\": 400}}");
        assert_eq!(says(201, &format!("{{\"sid\": \"{sid}\", \"status\": \"queued\"}}")), Attempted::Accepted { provider_id: sid });
        for garbage in ["", "<html>", "{}", "{\"sid\": \"SM1\"}", "{\"sid\": 7}"] {
            assert_eq!(says(201, garbage), Attempted::Unknown { reason: "answer_unreadable".into() }, "{garbage}");
        }
        assert_eq!(judge(StatusCode::CREATED, None), Attempted::Unknown { reason: "answer_unreadable".into() });
        for lost in [100, 302, 307, 408, 500, 502, 503, 504] {
            assert_eq!(says(lost, &code(21211)), Attempted::Unknown { reason: format!("http_{lost}") });
        }
        assert_eq!(says(400, &code(21211)), Attempted::Rejected { reason: "twilio_21211".into() });
        assert_eq!(says(401, &code(20003)), Attempted::Rejected { reason: "twilio_20003".into() });
        assert_eq!(says(404, "gone"), Attempted::Rejected { reason: "http_404".into() });
        assert_eq!(says(400, &code(21610)), Attempted::OptedOut { reason: "twilio_21610".into() });
        assert_eq!(says(429, &code(20429)), Attempted::Later { reason: "twilio_20429".into() });
        assert_eq!(says(429, "slow down"), Attempted::Later { reason: "http_429".into() });
        assert_eq!(says(400, &code(21611)), Attempted::Later { reason: "twilio_21611".into() });
    }

    #[test]
    fn what_is_sought_is_told_by_number_text_and_time() {
        let sought = Sought {
            message: MessageId::mint(1, None, [0; 10]),
            to: "+14155552671".into(),
            from: None,
            text: "hello".into(),
            since: 1_768_478_400 * SECOND,
            until: 1_768_478_460 * SECOND,
        };
        let row = |to: &str, body: &str, made: &str| Row {
            sid: format!("SM{}", "0a".repeat(16)),
            to: Some(to.into()),
            body: Some(body.into()),
            direction: Some("outbound-api".into()),
            status: "sent".into(),
            date_created: made.into(),
        };
        let noon = "Thu, 15 Jan 2026 12:00:00 +0000";
        assert_eq!(row("+14155552671", "hello", noon).fits(&sought), Some(true));
        assert_eq!(row("+14155552672", "hello", noon).fits(&sought), Some(false));
        assert_eq!(row("+14155552671", "hellp", noon).fits(&sought), Some(false));
        assert_eq!(row("+14155552671", "hello", "Thu, 15 Jan 2026 11:59:54 +0000").fits(&sought), Some(false));
        assert_eq!(row("+14155552671", "hello", "Thu, 15 Jan 2026 12:01:01 +0000").fits(&sought), Some(false));
        assert_eq!(row("+14155552671", "hello", "yesterday").fits(&sought), None);
        assert_eq!(row("+14155552671", "", noon).fits(&sought), None, "a forgotten text is no proof of absence");
    }
}
