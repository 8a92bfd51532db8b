//! Messages by SMSGate, an app on a telephone, asked directly or by its server: one POST under the message's own id, and a question
//! about that id when the answer was lost.
//! Must stay true: the device is always named, since the same id sent to another device would be another message; a message
//! that is there already is asked about, not taken for sent.

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize};

use super::credential::Credential;
use super::gateway::{Attempted, Found, Gateway, Looked, Outgoing, Pace, SMSGATE, Sought};
use crate::client;
use crate::config::{Config, SmsGate as Settings};
use crate::core::fault::Fault;
use crate::db::Db;

/// How long a connection may take, and a whole try.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const TRY_MAX: Duration = Duration::from_secs(30);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// A message that the telephone has not had by then dies, in seconds; no shorter time is taken.
const VALID_SECS: u32 = 4 * 3600;
const VALID_SECS_MIN: u32 = 5;

/// One device.
#[derive(Debug)]
pub struct SmsGate {
    client: Client,
    settings: Settings,
    password: Credential,
    pace: Pace,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Order<'a> {
    id: &'a str,
    device_id: &'a str,
    text_message: Text<'a>,
    phone_numbers: [&'a str; 1],
    ttl: u32,
    with_delivery_report: bool,
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    id: String,
    #[serde(default)]
    device_id: Option<String>,
    state: String,
}

/// What the service says of a message.
enum Known {
    Stands(String),
    Absent,
    Unsaid,
}

impl SmsGate {
    /// The device of the settings, if there is one.
    ///
    /// # Errors
    /// When there are no certificates to trust.
    pub fn set_up(db: &Db, config: &Config) -> Result<Option<Self>, Fault> {
        let Some(settings) = config.smsgate.clone() else { return Ok(None) };
        let password = Credential::new(db, SMSGATE, settings.password.clone());
        let pace = Pace::new(Duration::from_secs(60) / settings.per_minute.max(1));
        Ok(Some(Self { client: client::with_connect(CONNECT_MAX, TRY_MAX, 0)?, settings, password, pace }))
    }

    async fn signed_in(&self, request: RequestBuilder) -> Result<RequestBuilder, Attempted> {
        Ok(request.basic_auth(&self.settings.username, Some(self.password.shown().await?.expose())))
    }

    async fn post(&self, message: Outgoing) -> Attempted {
        let id = message.message.to_string();
        let ttl = message.valid_secs.unwrap_or(VALID_SECS).clamp(VALID_SECS_MIN, VALID_SECS);
        let order = Order {
            id: &id,
            device_id: &self.settings.device,
            text_message: Text { text: &message.text },
            phone_numbers: [&message.to],
            ttl,
            with_delivery_report: true,
        };
        // The number was judged here; what the service thinks of it is of no interest.
        let request = self.client.post(format!("{}/messages?skipPhoneValidation=true", self.settings.url)).json(&order);
        let request = match self.signed_in(request).await {
            Ok(request) => request,
            Err(attempted) => return attempted,
        };
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Attempted::Later { reason: "no_connection".into() },
            Err(error) => return Attempted::Unknown { reason: client::trouble(&error).into() },
        };
        let status = answer.status();
        let body = client::read(answer, ANSWER_BYTES_MAX).await;
        match status {
            StatusCode::ACCEPTED | StatusCode::OK | StatusCode::CREATED => match body.as_deref().and_then(|body| self.own(body, &id)) {
                Some(_) => Attempted::Accepted { provider_id: id },
                None => Attempted::Unknown { reason: "answer_unreadable".into() },
            },
            // One of this id is there: that of an earlier attempt, or nothing yet.
            StatusCode::CONFLICT => match self.ask(&id).await {
                Known::Stands(_) => Attempted::Accepted { provider_id: id },
                Known::Absent | Known::Unsaid => Attempted::Unknown { reason: "smsgate_409".into() },
            },
            StatusCode::TOO_MANY_REQUESTS => Attempted::Later { reason: "smsgate_busy".into() },
            // Its queue is full, or something before it is tired and may yet hand the message on: that it is not there now proves nothing.
            StatusCode::SERVICE_UNAVAILABLE => match self.ask(&id).await {
                Known::Stands(_) => Attempted::Accepted { provider_id: id },
                Known::Absent | Known::Unsaid => Attempted::Unknown { reason: "http_503".into() },
            },
            status if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT => {
                Attempted::Rejected { reason: format!("smsgate_{}", status.as_u16()) }
            }
            other => Attempted::Unknown { reason: format!("http_{}", other.as_u16()) },
        }
    }

    /// What an answer says of our message; none when it is not of it.
    fn own(&self, body: &[u8], id: &str) -> Option<String> {
        let said: Said = serde_json::from_slice(body).ok()?;
        let fits = said.id == id && said.device_id.as_deref().is_none_or(|device| device == self.settings.device);
        fits.then(|| status_of(&said.state)).flatten().map(str::to_owned)
    }

    async fn ask(&self, id: &str) -> Known {
        let Ok(request) = self.signed_in(self.client.get(format!("{}/messages/{id}", self.settings.url))).await else { return Known::Unsaid };
        let Ok(answer) = request.send().await else { return Known::Unsaid };
        let status = answer.status();
        let Some(body) = client::read(answer, ANSWER_BYTES_MAX).await else { return Known::Unsaid };
        match status {
            StatusCode::OK => self.own(&body, id).map_or(Known::Unsaid, Known::Stands),
            // The service's own word, not that of something before it.
            StatusCode::NOT_FOUND if serde_json::from_slice::<serde_json::Value>(&body).is_ok_and(|said| said.get("message").is_some()) => Known::Absent,
            _ => Known::Unsaid,
        }
    }
}

/// The service's word in ours.
#[must_use]
pub fn status_of(state: &str) -> Option<&'static str> {
    match state {
        "Pending" | "Cancelling" => Some("queued"),
        "Processed" => Some("sending"),
        "Sent" => Some("sent"),
        "Delivered" => Some("delivered"),
        "Failed" => Some("failed"),
        "Cancelled" => Some("canceled"),
        _ => None,
    }
}

impl Gateway for SmsGate {
    fn name(&self) -> &'static str {
        SMSGATE
    }

    fn send(&self, message: Outgoing) -> BoxFuture<'_, Attempted> {
        Box::pin(self.post(message))
    }

    fn gap(&self) -> Duration {
        self.pace.gap
    }

    fn knows_ours(&self) -> bool {
        true
    }

    fn turn(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.pace.turn())
    }

    fn look_for<'a>(&'a self, sought: &'a Sought) -> BoxFuture<'a, Looked> {
        Box::pin(async move {
            let id = sought.message.to_string();
            match self.ask(&id).await {
                Known::Stands(status) => Looked::Listed(vec![Found { provider_id: id, status }]),
                Known::Absent => Looked::Listed(Vec::new()),
                Known::Unsaid => Looked::Unsaid,
            }
        })
    }
}
