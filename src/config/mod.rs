//! The configuration: read once at the start, parsed to domain types, every fault reported at once.
//! Must stay true: this folder is the only code that reads the environment; flags win over environment, environment over
//! file, file over default; every value knows its source; no secret is ever shown, logged or taken from open text.

mod alerts;
mod build;
mod database;
mod example;
mod file;
mod handset;
mod keys;
mod load;
mod parse;
mod phone;
mod secret;
mod sheets;
mod show;
mod stream;
mod suggest;
#[cfg(test)]
mod tests;
mod timestamp;
mod twilio;
mod witness;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::core::room::Reserve;

pub use alerts::{Alerts, SigningSecret, Webhook};
pub use database::DatabaseUrl;
pub use example::example;
pub use handset::{HttpSms, SmsGate};
pub use keys::{Fallback, KEYS, Key, Kind};
pub use load::Inputs;
pub use parse::PublicUrl;

pub use crate::core::address::Cidr;
pub use phone::Phone;
pub use secret::Secret;
pub use sheets::Sheets;
pub use show::{Setting, Source};
pub use stream::{Stream, Syslog, SyslogFormat, Trust, host_of};
pub use timestamp::{Authority, Timestamps};
pub use twilio::{Price, Twilio, TwilioSender, TwilioSends, VALIDITY_SECS_MAX};
pub use witness::{Consequence, WitnessPolicy, Witnesses};

/// Everything that is wrong with a configuration, one sentence each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration cannot be used:\n  {}", .0.join("\n  "))]
pub struct Faults(pub Vec<String>);

/// All settings, parsed.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Where people reach it; always there when serving.
    pub public_url: Option<PublicUrl>,
    /// The data folder.
    pub data: PathBuf,
    /// The name of the audit log; always there when serving.
    pub name: Option<String>,
    /// What the organisation is called.
    pub organisation: Option<String>,
    /// The reverse proxies that are believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Policy files in place of the built-in ones.
    pub policies: Option<PathBuf>,
    /// The country of phone numbers without a country code.
    pub default_region: Option<String>,
    /// The time zone of people who chose none.
    pub time_zone: TimeZone,
    /// The databases.
    pub database: Database,
    /// The words of the programs that unwrap and wrap key-encryption keys; empty for none.
    pub key_commands: (Vec<String>, Vec<String>),
    /// The mail server, if there is one.
    pub smtp: Option<Smtp>,
    /// What is logged, and where.
    pub log: Log,
    /// Bounds on everything.
    pub limits: Limits,
    /// Who hears of it when the server is in trouble.
    pub alerts: Alerts,
    /// Who countersigns the trail.
    pub witness: Witnesses,
    /// Who signs checkpoints.
    pub signer: Signer,
    /// Who gives time-stamps over it.
    pub timestamp: Timestamps,
    /// How often the trail gets a sign of life; zero is never.
    pub heartbeat: crate::core::clock::Micros,
    /// Where the trail is streamed to.
    pub stream: Stream,
    /// What is kept free on the disk.
    pub disk: Reserve,
    /// The phone bridge, if there is one.
    pub phone: Option<Phone>,
    /// The account at Google that exports of intakes are written by, if there is one.
    pub sheets: Option<Sheets>,
    /// What one part of a message costs, if it is known.
    pub segment_price: Option<Price>,
    /// The account at Twilio, if there is one.
    pub twilio: Option<Twilio>,
    /// The device with SMSGate, if there is one.
    pub smsgate: Option<SmsGate>,
    /// The telephone with httpSMS, if there is one.
    pub httpsms: Option<HttpSms>,
    /// The networks of this house that webhooks may reach.
    pub webhook_networks: Vec<Cidr>,
    /// The gateway that only pretends to send.
    pub sandbox: Sandbox,
    settings: Vec<Setting>,
}

/// The databases.
#[derive(Clone, Debug)]
pub struct Database {
    /// The main one.
    pub url: DatabaseUrl,
    /// The one of the data keys.
    pub keys_url: DatabaseUrl,
    /// The most connections to each.
    pub connections: u32,
}

/// The mail server.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
    /// User name and password, if it asks for them.
    pub login: Option<(String, Secret)>,
    /// The sender of every mail.
    pub from: String,
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// Plain at first, then encrypted or not at all.
    StartTls,
    /// Encrypted from the first byte.
    Tls,
    /// Not encrypted: for this machine only.
    None,
}

/// What is logged, and where.
#[derive(Clone, Debug)]
pub struct Log {
    /// The folder of the log files.
    pub dir: PathBuf,
    /// How much is logged.
    pub level: tracing::Level,
    /// How standard error looks.
    pub format: LogFormat,
}

/// How lines on standard error look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For eyes.
    Text,
}

/// Bounds on everything.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections at once.
    pub connections_max: usize,
    /// How long a request's header may take.
    pub header_timeout: Duration,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// The largest request body.
    pub body_bytes_max: usize,
    /// How long requests in flight may take at shutdown.
    pub drain: Duration,
    /// How many passwords are hashed at once.
    pub argon2_parallel: usize,
}

/// Who signs checkpoints, and when epochs of the trail end.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The socket of a signer in a process of its own; none when this process signs.
    pub socket: Option<PathBuf>,
    /// After so many entries an epoch ends; zero begins none.
    pub epoch_entries: i64,
    /// After so much time it ends too, by a clock that is not set.
    pub epoch_period: crate::core::clock::Micros,
}

/// The gateway that only pretends to send.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox {
    /// Whether it may be used.
    pub enabled: bool,
    /// How long it takes for a message.
    pub delay: Duration,
    /// How many of a hundred messages fail.
    pub failure_percent: u8,
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// Every fault there is, not only the first.
    pub fn load(inputs: &Inputs) -> Result<Self, Faults> {
        let (values, faults) = load::resolve(inputs);
        build::config(values, faults, inputs.serving).map_err(Faults)
    }

    /// Do people reach the server over https?
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(PublicUrl::is_https)
    }

    /// The server as people reach it, without a slash at the end; empty when not serving.
    #[must_use]
    pub fn url(&self) -> &str {
        self.public_url.as_ref().map_or("", PublicUrl::as_str)
    }

    /// The IANA name of the installation's time zone.
    #[must_use]
    pub fn zone_name(&self) -> &str {
        self.time_zone.iana_name().unwrap_or("UTC")
    }

    /// Every setting in force with its source, secrets masked.
    #[must_use]
    pub fn show(&self) -> &[Setting] {
        &self.settings
    }

    /// The origin of the audit log: `<name>/audit/1`.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        self.name.as_ref().map(|name| format!("{name}/audit/1"))
    }
}

/// Whether the person at the terminal asked for no colour.
#[must_use]
pub fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
