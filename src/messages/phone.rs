//! Messages by the phone bridge: handed over under the message's own id, then asked after until the telephone has had it; and
//! what comes in by the telephone, and becomes of what went out, asked for every few seconds.
//! Must stay true: the bridge starts a message once whatever it is asked, so what it says is believed, and what it does not
//! say is unknown; what comes in is kept once, and obeyed as a message by any other gateway.

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::credential::Credential;
use super::gateway::{Attempted, Found, Gateway, Looked, Outgoing, PHONE, Pace, Sought};
use super::inbound::{self, Incoming, Told};
use super::{Error, Receive, Report, sql, status};
use crate::client;
use crate::config::{Config, Phone as Settings, Secret};
use crate::core::clock::{HOUR, Micros};
use crate::core::fault::Fault;
use crate::core::id::MessageId;
use crate::core::number::{Kinds, Number};
use crate::db::{Db, DbError};
use crate::http::App;
use crate::policy::Actor;

/// How long a connection may take, and a whole try.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const TRY_MAX: Duration = Duration::from_secs(30);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Between two messages: the bridge hands over thirty parts a minute.
const GAP: Duration = Duration::from_millis(2_200);
/// After this the telephone has had a message, or the bridge is behind.
const ASKED_FOR: Duration = Duration::from_secs(40);
/// Between two questions about it.
const ASKED_EVERY: Duration = Duration::from_millis(400);
/// Between two looks at what came in and what became of messages.
const ROUND: Duration = Duration::from_secs(10);
/// What became of a message is asked for so long.
const FOLLOWED_FOR: Micros = HOUR;
/// A message that the telephone has not had by then dies, in seconds.
const VALID_SECS: u32 = 4 * 3600;
/// Messages asked about in a round.
const FOLLOWED_MAX: usize = 100;

/// The bridge.
#[derive(Debug)]
pub struct Phone {
    client: Client,
    settings: Settings,
    key: Credential,
    pace: Pace,
}

#[derive(Serialize)]
struct Order<'a> {
    to: &'a str,
    text: &'a str,
    /// Seconds within which the telephone must have it.
    valid_secs: u32,
}

/// What the bridge says of a message.
#[derive(Debug, Deserialize)]
struct Said {
    state: String,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

#[derive(Debug, Deserialize)]
struct Inbox {
    items: Vec<Item>,
    gap: bool,
}

#[derive(Debug, Deserialize)]
struct Item {
    row: i64,
    from: String,
    text: String,
    received: String,
}

impl Phone {
    /// The bridge of the settings, if there is one.
    ///
    /// # Errors
    /// When there are no certificates to trust.
    pub fn set_up(db: &Db, config: &Config) -> Result<Option<Self>, Fault> {
        let Some(settings) = config.phone.clone() else { return Ok(None) };
        let key = Credential::new(db, PHONE, Some(settings.key.clone()));
        Ok(Some(Self { client: client::with_connect(CONNECT_MAX, TRY_MAX, 0)?, settings, key, pace: Pace::new(GAP) }))
    }

    async fn showing_key(&self, request: RequestBuilder) -> Result<RequestBuilder, Attempted> {
        Ok(request.header("x-api-key", self.key.shown().await?.expose()))
    }

    /// Gives the bridge its next key, which counts there from its first use on. False when it did not say that it took it.
    pub async fn rekey(&self, next: &Secret) -> bool {
        let request = self.client.post(format!("{}/v1/key", self.settings.url)).json(&serde_json::json!({ "key": next.expose() }));
        let Ok(request) = self.showing_key(request).await else { return false };
        request.send().await.is_ok_and(|answer| answer.status() == StatusCode::NO_CONTENT)
    }

    /// How the bridge says that it does, as it says it; none when it says nothing.
    pub async fn health(&self) -> Option<serde_json::Value> {
        let request = self.showing_key(self.client.get(format!("{}/v1/health", self.settings.url))).await.ok()?;
        let answer = request.send().await.ok().filter(|answer| answer.status() == StatusCode::OK)?;
        serde_json::from_slice(&client::read(answer, ANSWER_BYTES_MAX).await?).ok()
    }

    async fn post(&self, message: Outgoing) -> Attempted {
        let id = message.message.to_string();
        let valid_secs = message.valid_secs.unwrap_or(VALID_SECS).clamp(1, VALID_SECS);
        let request = self.client.post(format!("{}/v1/messages", self.settings.url)).header("idempotency-key", &id);
        let request = match self.showing_key(request).await {
            Ok(request) => request,
            Err(attempted) => return attempted,
        };
        let answer = match request.json(&Order { to: &message.to, text: &message.text, valid_secs }).send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Attempted::Later { reason: "no_connection".into() },
            Err(error) => return Attempted::Unknown { reason: client::trouble(&error).into() },
        };
        let status = answer.status();
        let body = client::read(answer, ANSWER_BYTES_MAX).await.unwrap_or_default();
        match status {
            StatusCode::ACCEPTED | StatusCode::OK => self.follow(id).await,
            // It says that it took nothing.
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Attempted::Later { reason: "phone_busy".into() },
            StatusCode::UNAUTHORIZED => Attempted::Rejected { reason: "phone_key".into() },
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE => {
                let code = serde_json::from_slice::<Refusal>(&body).map_or_else(|_| "refused".to_owned(), |refusal| word(&refusal.error));
                Attempted::Rejected { reason: format!("phone_{code}") }
            }
            other => Attempted::Unknown { reason: format!("http_{}", other.as_u16()) },
        }
    }

    /// Asks until the telephone has had it.
    async fn follow(&self, id: String) -> Attempted {
        let end = Instant::now() + ASKED_FOR;
        loop {
            match self.said(&id).await {
                Some(Some(said)) => match said.state.as_str() {
                    "handed_over" | "sent" => return Attempted::Accepted { provider_id: id },
                    "failed" => return Attempted::Rejected { reason: reason(&said) },
                    "unknown" => return Attempted::Unknown { reason: reason(&said) },
                    _ => {}
                },
                // It took it just now: a memory that was lost says nothing.
                Some(None) => return Attempted::Unknown { reason: "phone_forgot".into() },
                None => {}
            }
            if Instant::now() >= end {
                return Attempted::Accepted { provider_id: id };
            }
            tokio::time::sleep(ASKED_EVERY).await;
        }
    }

    /// What the bridge says of a message: nothing at all, that it knows none, or how it stands.
    async fn said(&self, id: &str) -> Option<Option<Said>> {
        let request = self.client.get(format!("{}/v1/messages/{id}", self.settings.url));
        let answer = self.showing_key(request).await.ok()?.send().await.ok()?;
        match answer.status() {
            StatusCode::OK => serde_json::from_slice(&client::read(answer, ANSWER_BYTES_MAX).await?).ok().map(Some),
            StatusCode::NOT_FOUND => {
                // The bridge's own word, not that of something before it.
                let refusal: Refusal = serde_json::from_slice(&client::read(answer, ANSWER_BYTES_MAX).await?).ok()?;
                (refusal.error == "not_found").then_some(None)
            }
            _ => None,
        }
    }

    async fn inbox(&self, since: i64) -> Option<Inbox> {
        let request = self.client.get(format!("{}/v1/inbox?since={since}", self.settings.url));
        let answer = self.showing_key(request).await.ok()?.send().await.ok().filter(|answer| answer.status() == StatusCode::OK)?;
        serde_json::from_slice(&client::read(answer, ANSWER_BYTES_MAX).await?).ok()
    }
}

/// A code of the bridge as one of ours: letters, digits and `_`, not long.
fn word(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(24).collect()
}

fn reason(said: &Said) -> String {
    let code = word(said.reason.as_deref().unwrap_or("silent"));
    if code.starts_with("phone_") { code } else { format!("phone_{code}") }
}

impl Gateway for Phone {
    fn name(&self) -> &'static str {
        PHONE
    }

    fn send(&self, message: Outgoing) -> BoxFuture<'_, Attempted> {
        Box::pin(self.post(message))
    }

    fn gap(&self) -> Duration {
        GAP
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
            let found = |status: &str| Looked::Listed(vec![Found { provider_id: id.clone(), status: status.into() }]);
            match self.said(&id).await {
                Some(Some(said)) => match said.state.as_str() {
                    "handed_over" => found("sending"),
                    "sent" => found("sent"),
                    "failed" => found("failed"),
                    _ => Looked::Unsaid,
                },
                Some(None) => Looked::Listed(Vec::new()),
                None => Looked::Unsaid,
            }
        })
    }
}

/// Asks the bridge for what came in and what became of messages, until told to stop; on the node that does what one alone does.
pub async fn run(app: App, stop: CancellationToken) {
    let phone = match Phone::set_up(&app.db, &app.config) {
        Ok(Some(phone)) => phone,
        Ok(None) => return,
        Err(fault) => return tracing::error!(fault = fault.chain(), "the phone bridge cannot be asked"),
    };
    let mut last = 0;
    while !stop.is_cancelled() {
        if app.db.leads()
            && !app.db.in_doubt()
            && let Err(error) = round(&app, &phone, &mut last).await
        {
            tracing::warn!(fault = Fault::with("ask the phone bridge", error).chain(), "what the phone has to say is kept later");
        }
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Asks once. `last` is the newest row that was read; a new process begins at the first, and finds most of them kept.
///
/// # Errors
/// When the database fails. What the bridge does is no error.
pub async fn round(app: &App, phone: &Phone, last: &mut i64) -> Result<(), Error> {
    if let Some(inbox) = phone.inbox(*last).await {
        if inbox.gap {
            tracing::warn!("more came in by the phone than it lists: some messages may be missing");
        }
        // What lay on the telephone before the first look may be older than any stop.
        let kept: i64 = app.db.query(sql::INBOUND_ANY).bind(PHONE).scalar().await?;
        let is_news = kept > 0;
        for item in &inbox.items {
            match take_in(app, item, is_news).await {
                Err(Error::Db(DbError::Erased)) => tracing::warn!("a message from a number that was erased is not kept"),
                done => done?,
            }
            *last = item.row.max(*last);
        }
        // A telephone that was set up anew counts from the first row again.
        if inbox.items.is_empty()
            && *last > 0
            && let Some(all) = phone.inbox(0).await
            && all.items.iter().map(|item| item.row).max().unwrap_or(0) < *last
        {
            *last = 0;
        }
    }
    // Ids begin with their time.
    let since = (app.db.clock().now() - FOLLOWED_FOR).max(0) / 1000;
    let from = format!("msg_{:012x}", u64::try_from(since).unwrap_or(0));
    let ids: Vec<(MessageId,)> = app.db.query(sql::ACCEPTED_BY).bind(PHONE).bind(from).all().await?;
    for (id,) in ids.into_iter().take(FOLLOWED_MAX) {
        let Some(Some(said)) = phone.said(id.as_str()).await else { continue };
        let word = match said.state.as_str() {
            "sent" => "sent",
            "failed" => "failed",
            "unknown" => "unknown",
            _ => continue,
        };
        let permit = app.policy.permit::<Report>(&Actor::system(), &inbound::events()).map_err(|d| Fault::with("the policy stops the phone's word", d))?;
        match status::keep(&app.db, permit, &Told { gateway: PHONE, provider_id: id.as_str(), status: word, code: None }, Some(&id)).await {
            // Something else was written of it meanwhile: asked again in the next round.
            Ok(_) | Err(Error::State) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn take_in(app: &App, item: &Item, may_lift: bool) -> Result<(), Error> {
    // A telephone that was set up anew counts its rows anew.
    let provider_id = format!("{}:{}", item.row, word(&item.received));
    // A telephone may leave out the country.
    let region = app.config.default_region.as_deref();
    let number = Number::parse_of(&item.from, region, Kinds { voip: true }).ok();
    let from = number.as_ref().map_or(item.from.as_str(), Number::e164);
    let incoming = Incoming { gateway: PHONE, provider_id: &provider_id, from, to: PHONE, text: &item.text, wish: None, may_lift };
    let permit = app.policy.permit::<Receive>(&Actor::system(), &inbound::events()).map_err(|d| Fault::with("the policy stops what came in", d))?;
    inbound::receive(&app.db, permit, &incoming).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_the_bridge_is_short_and_plain() {
        let said = |reason: Option<&str>| reason_of(reason);
        assert_eq!(said(Some("phone_failed")), "phone_failed");
        assert_eq!(said(Some("time out\"; drop")), "phone_timeoutdrop");
        assert_eq!(said(None), "phone_silent");
    }

    fn reason_of(code: Option<&str>) -> String {
        reason(&Said { state: "unknown".into(), reason: code.map(str::to_owned) })
    }
}
