//! Messages by httpSMS: one POST that carries our own id as a label, and the list of what a telephone has, asked when an answer was
//! lost.
//! Must stay true: the label makes nothing idempotent, so what may have been taken is never posted again; a message counts as
//! absent only when the whole list was seen.

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize};

use super::credential::Credential;
use super::gateway::{Attempted, Found, Gateway, HTTPSMS, Looked, Outgoing, Pace, Sought};
use crate::client;
use crate::config::{Config, HttpSms as Settings};
use crate::core::fault::Fault;
use crate::db::Db;

/// How long a connection may take, and a whole try.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const TRY_MAX: Duration = Duration::from_secs(30);
/// Bytes of an answer to a message, and of a list.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const LIST_BYTES_MAX: usize = 1 << 20;
/// Messages of a list.
const LIST_MAX: usize = 20;
/// Characters of what it calls a message.
const ID_CHARS_MAX: usize = 64;

/// One telephone.
#[derive(Debug)]
pub struct HttpSms {
    client: Client,
    settings: Settings,
    key: Credential,
    pace: Pace,
}

#[derive(Serialize)]
struct Order<'a> {
    from: &'a str,
    to: &'a str,
    content: &'a str,
    request_id: &'a str,
}

#[derive(Deserialize)]
struct Taken {
    data: Row,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    status: String,
    #[serde(default)]
    request_id: Option<String>,
}

impl HttpSms {
    /// The telephone of the settings, if there is one.
    ///
    /// # Errors
    /// When there are no certificates to trust.
    pub fn set_up(db: &Db, config: &Config) -> Result<Option<Self>, Fault> {
        let Some(settings) = config.httpsms.clone() else { return Ok(None) };
        let key = Credential::new(db, HTTPSMS, settings.key.clone());
        let pace = Pace::new(Duration::from_secs(60) / settings.per_minute.max(1));
        Ok(Some(Self { client: client::with_connect(CONNECT_MAX, TRY_MAX, 0)?, settings, key, pace }))
    }

    async fn showing_key(&self, request: RequestBuilder) -> Result<RequestBuilder, Attempted> {
        Ok(request.header("x-api-key", self.key.shown().await?.expose()))
    }

    async fn post(&self, message: Outgoing) -> Attempted {
        let id = message.message.to_string();
        let order = Order { from: &self.settings.sender, to: &message.to, content: &message.text, request_id: &id };
        let request = self.client.post(format!("{}/v1/messages/send", self.settings.url)).json(&order);
        let request = match self.showing_key(request).await {
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
            status if status.is_success() => {
                let taken = body.and_then(|body| serde_json::from_slice::<Taken>(&body).ok()).filter(|taken| is_id(&taken.data.id));
                taken.map_or_else(|| Attempted::Unknown { reason: "answer_unreadable".into() }, |taken| Attempted::Accepted { provider_id: taken.data.id })
            }
            StatusCode::TOO_MANY_REQUESTS => Attempted::Later { reason: "httpsms_busy".into() },
            status if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT => {
                Attempted::Rejected { reason: format!("httpsms_{}", status.as_u16()) }
            }
            other => Attempted::Unknown { reason: format!("http_{}", other.as_u16()) },
        }
    }

    /// All that the telephone has for this number of our label; none when not all of it can be seen.
    async fn list(&self, sought: &Sought) -> Option<Vec<Found>> {
        let query = [("owner", self.settings.sender.as_str()), ("contact", sought.to.as_str()), ("limit", "20"), ("skip", "0")];
        let query = serde_urlencoded::to_string(query).ok()?;
        let request = self.showing_key(self.client.get(format!("{}/v1/messages?{query}", self.settings.url))).await.ok()?;
        let answer = request.send().await.ok().filter(|answer| answer.status() == StatusCode::OK)?;
        let list: List = serde_json::from_slice(&client::read(answer, LIST_BYTES_MAX).await?).ok()?;
        let is_whole = list.data.len() < LIST_MAX;
        let label = sought.message.as_str();
        let own = list.data.into_iter().filter(|row| row.request_id.as_deref() == Some(label) && is_id(&row.id));
        let found: Vec<Found> = own.filter_map(|row| Some(Found { status: status_of(&row.status)?.to_owned(), provider_id: row.id })).collect();
        (is_whole || !found.is_empty()).then_some(found)
    }
}

/// Is this what it calls a message?
fn is_id(text: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Its word in ours.
#[must_use]
pub fn status_of(status: &str) -> Option<&'static str> {
    match status {
        "pending" | "scheduled" => Some("queued"),
        "sending" => Some("sending"),
        "sent" => Some("sent"),
        "delivered" => Some("delivered"),
        "failed" | "expired" => Some("failed"),
        _ => None,
    }
}

impl Gateway for HttpSms {
    fn name(&self) -> &'static str {
        HTTPSMS
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
        Box::pin(async move { self.list(sought).await.map_or(Looked::Unsaid, Looked::Listed) })
    }
}
