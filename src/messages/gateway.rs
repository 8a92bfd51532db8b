//! What hands a message to a telephone network, and the built-in sandbox that only pretends to: slow and failing like a
//! real one, it keeps what it "delivered" for the demonstration page.
//! Must stay true: a gateway is called once for a message and never tries again by itself; when it cannot say what became
//! of a message it says so.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::httpsms::HttpSms;
use super::phone::Phone;
use super::smsgate::SmsGate;
use super::twilio::Twilio;
use super::{sql, subject_of};
use crate::config::Config;
use crate::core::clock::{DAY, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::MessageId;
use crate::core::rng::Rng;
use crate::db::{Chore, Db, DbError};
use crate::vault::Place;

/// The name of the built-in gateway.
pub const SANDBOX: &str = "sandbox";
/// The name of the gateway by Twilio.
pub const TWILIO: &str = "twilio";
/// The name of the phone bridge.
pub const PHONE: &str = "phone";
/// The name of the gateway by SMSGate.
pub const SMSGATE: &str = "smsgate";
/// The name of the gateway by httpSMS.
pub const HTTPSMS: &str = "httpsms";
/// What stands in place of a gateway when there is none.
pub const NONE: &str = "none";
/// How long the sandbox keeps what it delivered.
const KEPT_FOR: Micros = 7 * DAY;

/// A message on its way out. Its `Debug` shows neither number nor text.
pub struct Outgoing {
    /// Our own id, for the gateway's reports.
    pub message: MessageId,
    /// E.164; in a conversation the address of the other side.
    pub to: String,
    /// The address here that it leaves by, in a conversation; else the gateway's own.
    pub from: Option<String>,
    /// What it says.
    pub text: String,
    /// How long it may wait on its way, in seconds; as long as the gateway likes when not said.
    pub valid_secs: Option<u32>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outgoing({}, ..)", self.message)
    }
}

/// What became of a message that was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempted {
    /// The gateway took it.
    Accepted {
        /// Its own id.
        provider_id: String,
    },
    /// It was certainly not sent.
    Rejected {
        /// A stable code.
        reason: String,
    },
    /// It was certainly not sent: the number wants no messages.
    OptedOut {
        /// A stable code.
        reason: String,
    },
    /// It was certainly not sent, and may be another time.
    Later {
        /// A stable code.
        reason: String,
    },
    /// It may or may not have been sent.
    Unknown {
        /// A stable code.
        reason: String,
    },
}

/// Hands messages over.
pub trait Gateway: Send + Sync + std::fmt::Debug {
    /// A stable name, kept with each message.
    fn name(&self) -> &'static str;
    /// Hands one message over, once.
    fn send(&self, message: Outgoing) -> BoxFuture<'_, Attempted>;
    /// Between two turns, at least.
    fn gap(&self) -> Duration {
        Duration::ZERO
    }
    /// Does it find a message by our own id, so that it can mean no other?
    fn knows_ours(&self) -> bool {
        false
    }
    /// Waits until it may be given the next message.
    fn turn(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
    /// Asks what became of a message that it gave no clear answer to.
    fn look_for<'a>(&'a self, _sought: &'a Sought) -> BoxFuture<'a, Looked> {
        Box::pin(std::future::ready(Looked::Unsaid))
    }
}

/// A message that a gateway is asked about.
pub struct Sought {
    /// Our own id.
    pub message: MessageId,
    /// As it was handed over.
    pub to: String,
    /// As it was handed over.
    pub from: Option<String>,
    /// What it says.
    pub text: String,
    /// When it was handed over.
    pub since: Micros,
    /// When it could have been taken last.
    pub until: Micros,
}

impl std::fmt::Debug for Sought {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sought({}..{})", self.since, self.until)
    }
}

/// One message that a gateway has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its own id.
    pub provider_id: String,
    /// Its word for where the message stands.
    pub status: String,
}

/// What a gateway says when it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// All messages it has that fit; none when it certainly has none.
    Listed(Vec<Found>),
    /// Nothing can be concluded.
    Unsaid,
}

/// The names of the gateways that are set up, the one that new messages go to first.
#[must_use]
pub fn names(config: &Config) -> Vec<&'static str> {
    let twilio = config.twilio.as_ref().is_some_and(|twilio| twilio.sends.is_some());
    let all = [
        twilio.then_some(TWILIO),
        config.smsgate.is_some().then_some(SMSGATE),
        config.httpsms.is_some().then_some(HTTPSMS),
        config.phone.is_some().then_some(PHONE),
        config.sandbox.enabled.then_some(SANDBOX),
    ];
    all.into_iter().flatten().collect()
}

/// The name of the gateway that new messages go to; none when they are held.
#[must_use]
pub fn in_force(config: &Config) -> Option<&'static str> {
    names(config).first().copied()
}

/// The gateways that are set up.
///
/// # Errors
/// When one cannot be made: no certificates to trust.
pub fn set_up(db: &Db, config: &Config) -> Result<Vec<Box<dyn Gateway>>, Fault> {
    let mut all: Vec<Box<dyn Gateway>> = Vec::new();
    if let Some(twilio) = Twilio::set_up(db, config)? {
        all.push(Box::new(twilio));
    }
    if let Some(smsgate) = SmsGate::set_up(db, config)? {
        all.push(Box::new(smsgate));
    }
    if let Some(httpsms) = HttpSms::set_up(db, config)? {
        all.push(Box::new(httpsms));
    }
    if let Some(phone) = Phone::set_up(db, config)? {
        all.push(Box::new(phone));
    }
    if config.sandbox.enabled {
        all.push(Box::new(Sandbox::new(db.clone(), config.sandbox.delay, config.sandbox.failure_percent)));
    }
    Ok(all)
}

crate::row! {
    /// What was decided of a gateway.
    #[derive(Clone, Debug)]
    pub struct Stored {
        /// Its name.
        pub name: String,
        /// Since when it rests.
        pub stopped_at: Option<i64>,
        /// When what it is shown was sealed here.
        pub secret_at: Option<i64>,
        /// Rises with every change; 0 before the first.
        pub version: i64,
    }
}

/// What was decided of a gateway; as nobody decided anything when there is no row.
///
/// # Errors
/// When the database fails.
pub async fn stored(db: &Db, name: &str) -> Result<Stored, Fault> {
    let row: Option<Stored> = db.query(sql::GATEWAY).bind(name).optional().await.context("read a gateway")?;
    Ok(row.unwrap_or_else(|| Stored { name: name.to_owned(), stopped_at: None, secret_at: None, version: 0 }))
}

/// Gives turns no closer than its gap.
#[derive(Debug)]
pub struct Pace {
    /// Between two turns.
    pub gap: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// One turn in each `gap`.
    #[must_use]
    pub fn new(gap: Duration) -> Self {
        Self { gap, next: Mutex::new(Instant::now()) }
    }

    /// Waits for the next turn.
    pub async fn turn(&self) {
        let mine = {
            let mut next = self.next.lock().await;
            let mine = (*next).max(Instant::now());
            *next = mine + self.gap;
            mine
        };
        tokio::time::sleep_until(mine).await;
    }
}

/// The gateway that only pretends to send.
#[derive(Debug)]
pub struct Sandbox {
    db: Db,
    delay: Duration,
    failure_percent: u8,
}

/// What the sandbox does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Delivered,
    Refused,
    /// Delivered, but the answer got lost on the way back.
    AnswerLost,
    Lost,
}

#[derive(Serialize, Deserialize)]
struct Content {
    to: String,
    text: String,
}

crate::row! {
    struct DeliveryRow { provider_id: String, message_id: MessageId, sealed: Vec<u8>, at: i64 }
}

/// Something the sandbox delivered.
#[derive(Clone)]
pub struct Delivery {
    /// The message.
    pub message: MessageId,
    /// E.164.
    pub to: String,
    /// What it says.
    pub text: String,
    /// When.
    pub at: Micros,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Delivery({}, ..)", self.message)
    }
}

impl Sandbox {
    /// Without delay and failures it is instant and sure.
    #[must_use]
    pub fn new(db: Db, delay: Duration, failure_percent: u8) -> Self {
        Self { db, delay, failure_percent }
    }

    async fn deliver(&self, message: Outgoing) -> Result<String, DbError> {
        let subject = subject_of(&self.db, &message.to);
        let provider_id = format!("sbx_{}", hex::encode(self.db.rng().bytes::<16>()));
        let content = serde_json::to_vec(&Content { to: message.to, text: message.text }).context("write a delivery")?;
        let sealed = self.db.vault().seal(&subject, &place(&provider_id), &content).await?;
        let mut chore = self.db.chore(Chore::Sandbox).await?;
        chore.query(sql::DELIVER).bind(&provider_id).bind(message.message).bind(sealed).bind(self.db.clock().now()).execute().await?;
        chore.commit().await?;
        Ok(provider_id)
    }
}

impl Gateway for Sandbox {
    fn name(&self) -> &'static str {
        SANDBOX
    }

    fn send(&self, message: Outgoing) -> BoxFuture<'_, Attempted> {
        Box::pin(async move {
            if !self.delay.is_zero() {
                tokio::time::sleep(self.delay).await;
            }
            let fate = fate(self.failure_percent, self.db.rng());
            match fate {
                Fate::Refused => return Attempted::Rejected { reason: "refused".into() },
                Fate::Lost => return Attempted::Unknown { reason: "timeout".into() },
                Fate::Delivered | Fate::AnswerLost => {}
            }
            match self.deliver(message).await {
                Ok(provider_id) if fate == Fate::Delivered => Attempted::Accepted { provider_id },
                Ok(_) => Attempted::Unknown { reason: "timeout".into() },
                Err(error) => {
                    tracing::warn!(fault = Fault::with("the sandbox", error).chain(), "the sandbox gateway failed");
                    Attempted::Unknown { reason: "gateway_fault".into() }
                }
            }
        })
    }
}

/// A third of the failures are refusals, a third are lost, and a third arrive though nobody hears of it.
fn fate(failure_percent: u8, rng: &Rng) -> Fate {
    let [high, low, kind] = rng.bytes::<3>();
    // 65,536 values over 100: the bias is below a thousandth.
    if u16::from_be_bytes([high, low]) % 100 >= u16::from(failure_percent) {
        return Fate::Delivered;
    }
    match kind % 3 {
        0 => Fate::Refused,
        1 => Fate::AnswerLost,
        _ => Fate::Lost,
    }
}

fn place(provider_id: &str) -> Place<'_> {
    Place { table: "sandbox_delivery", row: provider_id, column: "sealed" }
}

/// The newest fifty deliveries of the sandbox; those of erased numbers are gone.
///
/// # Errors
/// When the database fails, or a delivery was altered.
pub async fn deliveries(db: &Db) -> Result<Vec<Delivery>, DbError> {
    let rows: Vec<DeliveryRow> = db.query(sql::DELIVERIES).all().await?;
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        match db.vault().unseal(&place(&row.provider_id), &row.sealed).await {
            Ok(plain) => {
                let content: Content = serde_json::from_slice(&plain).context("read a delivery")?;
                out.push(Delivery { message: row.message_id, to: content.to, text: content.text, at: row.at });
            }
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(out)
}

/// Forgets old deliveries of the sandbox.
///
/// # Errors
/// When the database fails.
pub async fn sweep(db: &Db, now: Micros) -> Result<u64, DbError> {
    let mut chore = db.chore(Chore::Sandbox).await?;
    let gone = chore.query(sql::SWEEP_DELIVERIES).bind(now - KEPT_FOR).execute().await?;
    chore.commit().await?;
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_failures_everything_is_delivered() {
        let rng = Rng::seeded(7);
        assert!((0..1000).all(|_| fate(0, &rng) == Fate::Delivered));
    }

    #[test]
    fn failures_come_as_often_as_asked_and_in_every_kind() {
        let rng = Rng::seeded(7);
        let fates: Vec<Fate> = (0..3000).map(|_| fate(30, &rng)).collect();
        let count = |wanted: Fate| fates.iter().filter(|f| **f == wanted).count();
        assert!((1950..2250).contains(&count(Fate::Delivered)), "{}", count(Fate::Delivered));
        for kind in [Fate::Refused, Fate::AnswerLost, Fate::Lost] {
            assert!((220..380).contains(&count(kind)), "{kind:?}: {}", count(kind));
        }
        assert!((0..1000).all(|_| fate(100, &rng) != Fate::Delivered));
    }

    #[test]
    fn a_message_on_its_way_out_shows_neither_number_nor_text() {
        let message = MessageId::mint(1, None, [0; 10]);
        let shown = format!("{:?}", Outgoing { message, to: "+14155552671".into(), from: None, text: "a secret".into(), valid_secs: None });
        assert!(!shown.contains("4155") && !shown.contains("secret"), "{shown}");
    }
}
