//! Turns texts into the typed configuration, checks what settings mean together, and keeps what `config show` tells.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::core::room::Reserve;

use super::keys::{self, KEYS, Kind};
use super::load::Resolved;
use super::secret::Secret;
use super::show::{MASK, Setting, Source};
use super::{
    Alerts, Authority, Config, Consequence, Database, DatabaseUrl, HttpSms, Limits, Log, LogFormat, Phone, Sandbox, Sheets, Signer, SmsGate, Smtp, SmtpTls,
    Stream, Syslog, SyslogFormat, Timestamps, Trust, Twilio, TwilioSends, Webhook, Witnesses, alerts, database, handset, parse, phone, sheets, stream,
    timestamp, twilio, witness,
};
use crate::core::clock::SECOND;

/// The configuration, or everything that is wrong with it.
pub(super) fn config(values: BTreeMap<&'static str, Resolved>, faults: Vec<String>, serving: bool) -> Result<Config, Vec<String>> {
    let mut reader = Reader { values, faults };
    let data = reader.path("data").unwrap_or_default();
    let public_url = reader.parse("public_url", parse::public_url);
    if serving && !reader.given("public_url") {
        reader.faults.push("`public_url` is not set; give the address people will type, as in `https://countersign.example.org`".into());
    }
    if !reader.given("name")
        && let Some(url) = &public_url
    {
        reader.derive("name", url.host());
    }
    let config = Config {
        listen: reader.parse("listen", parse::socket).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        name: reader.parse("name", parse::log_name),
        public_url,
        organisation: reader.text("organisation"),
        trusted_proxies: reader.parse("trusted_proxies", |text| list(text, parse::cidr)).unwrap_or_default(),
        policies: reader.path("policies"),
        default_region: reader.parse("default_region", parse::region),
        time_zone: reader.parse("time_zone", parse::time_zone).unwrap_or(TimeZone::UTC),
        database: databases(&mut reader, &data),
        key_commands: key_commands(&mut reader),
        smtp: smtp(&mut reader),
        log: log(&mut reader, &data),
        limits: limits(&mut reader),
        alerts: alerts(&mut reader),
        witness: witnesses(&mut reader),
        signer: Signer {
            socket: reader.path("signer.socket"),
            epoch_entries: reader.number("signer.epoch_entries"),
            epoch_period: reader.number::<i64>("signer.epoch_secs").saturating_mul(SECOND),
        },
        timestamp: timestamps(&mut reader),
        heartbeat: reader.number::<i64>("trail.heartbeat_secs").saturating_mul(SECOND),
        stream: stream(&mut reader),
        disk: Reserve { percent: reader.number("disk.reserve_percent"), bytes: reader.number::<u64>("disk.reserve_mib") << 20 },
        phone: phone_bridge(&mut reader),
        sheets: spreadsheets(&mut reader),
        segment_price: reader.parse("campaigns.segment_price", twilio::price),
        twilio: twilio(&mut reader),
        smsgate: smsgate(&mut reader),
        webhook_networks: reader.parse("webhooks.networks", |text| list(text, parse::cidr)).unwrap_or_default(),
        httpsms: httpsms(&mut reader),
        sandbox: Sandbox {
            enabled: reader.parse("sandbox.enabled", yes_or_no).unwrap_or(false),
            delay: Duration::from_millis(reader.number("sandbox.delay_ms")),
            failure_percent: reader.number("sandbox.failure_percent"),
        },
        settings: reader.settings(),
        data,
    };
    if reader.faults.is_empty() { Ok(config) } else { Err(reader.faults) }
}

/// The texts, and the faults found while they are read.
struct Reader {
    values: BTreeMap<&'static str, Resolved>,
    faults: Vec<String>,
}

impl Reader {
    /// Whether the setting has a text, or would have one if what was set could be used.
    fn given(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| value.broken || value.text.is_some())
    }

    /// Whether somebody set it.
    fn set(&self, key: &str) -> bool {
        self.given(key) && self.values.get(key).is_some_and(|value| value.source != Source::Default)
    }

    fn secret(&self, key: &str) -> Option<Secret> {
        self.values.get(key)?.text.clone()
    }

    fn text(&self, key: &str) -> Option<String> {
        self.secret(key).map(|text| text.expose().to_owned())
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    /// Gives a setting that nobody set the value that follows from others.
    fn derive(&mut self, key: &str, text: &str) {
        if let Some(value) = self.values.get_mut(key)
            && value.text.is_none()
        {
            value.text = Some(Secret::new(text));
        }
    }

    fn parse<T>(&mut self, key: &str, parser: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.values.get(key)?;
        let text = value.text.as_ref()?;
        let what = match parser(text.expose()) {
            Ok(parsed) => return Some(parsed),
            Err(what) => what,
        };
        let open = keys::find(key).is_some_and(|key| !key.kind.is_secret());
        let said = if open { format!(" is `{}`", text.expose()) } else { " cannot be used".to_owned() };
        self.faults.push(format!("`{key}` ({}){said}; {what}", value.source));
        None
    }

    /// A whole number within the bounds of the table; the least that fits after a fault, which ends the load anyway.
    fn number<T: TryFrom<u64> + Default>(&mut self, key: &'static str) -> T {
        let Some(Kind::Integer(least, most)) = keys::find(key).map(|key| key.kind) else { return T::default() };
        let number = self.parse(key, |text| match text.parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) => T::try_from(number).map_err(|_| "give a smaller number".into()),
            _ => Err(format!("give a whole number from {least} to {most}")),
        });
        number.unwrap_or_default()
    }

    fn choice<T: Copy>(&mut self, key: &'static str, meanings: &[(&str, T)]) -> Option<T> {
        self.parse(key, |text| {
            let found = meanings.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
            let words: Vec<&str> = meanings.iter().map(|(word, _)| *word).collect();
            found.ok_or_else(|| format!("give one of: {}", words.join(", ")))
        })
    }

    fn settings(&self) -> Vec<Setting> {
        let shown = |value: &Resolved| match &value.text {
            Some(_) if value.hidden => MASK.to_owned(),
            Some(text) => text.expose().to_owned(),
            None => String::new(),
        };
        KEYS.iter()
            .filter_map(|key| {
                let value = self.values.get(key.name)?;
                Some(Setting { key: key.name, value: shown(value), source: value.source.clone(), meaning: key.meaning })
            })
            .collect()
    }
}

fn list<T>(text: &str, item: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(item).collect()
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "give `true` or `false`".to_owned())
}

fn databases(reader: &mut Reader, data: &Path) -> Database {
    let mut one = |key, file| {
        let default = DatabaseUrl::sqlite(&data.join(file));
        reader.derive(key, default.expose());
        if reader.set(key) { reader.parse(key, database::parse).unwrap_or(default) } else { default }
    };
    let url = one("database.url", "countersign.db");
    let keys_url = one("database.keys_url", "keys.db");
    if url == keys_url {
        reader.faults.push("`database.url` and `database.keys_url` are the same; keep the data keys in a database of their own".to_owned());
    }
    Database { url, keys_url, connections: reader.number("database.connections") }
}

/// Both programs or neither: a key that nobody unwraps would be lost.
fn key_commands(reader: &mut Reader) -> (Vec<String>, Vec<String>) {
    let words = |text: &str| {
        let words = list(text, |word| Ok(word.to_owned()))?;
        if words.first().is_none_or(|program| program.starts_with('/')) { Ok(words) } else { Err("name the program by its whole path".to_owned()) }
    };
    let unwrap = reader.parse("keys.unwrap_command", words).unwrap_or_default();
    let wrap = reader.parse("keys.wrap_command", words).unwrap_or_default();
    if unwrap.is_empty() && !wrap.is_empty() {
        reader.faults.push("`keys.wrap_command` is set but `keys.unwrap_command` is not; set both, or `keys.unwrap_command` alone".to_owned());
    }
    (unwrap, wrap)
}

fn smtp(reader: &mut Reader) -> Option<Smtp> {
    let tls = reader.choice("smtp.tls", &[("starttls", SmtpTls::StartTls), ("tls", SmtpTls::Tls), ("none", SmtpTls::None)]);
    let tls = tls.unwrap_or(SmtpTls::StartTls);
    let named = reader.given("smtp.host");
    if !named {
        for key in ["smtp.port", "smtp.tls", "smtp.username", "smtp.password", "smtp.from"] {
            if reader.set(key) {
                reader.faults.push(format!("`{key}` is set but `smtp.host` is not; set both or neither"));
            }
        }
        return None;
    }
    let host = reader.parse("smtp.host", parse::host);
    reader.derive(
        "smtp.port",
        match tls {
            SmtpTls::StartTls => "587",
            SmtpTls::Tls => "465",
            SmtpTls::None => "25",
        },
    );
    if tls == SmtpTls::None && host.as_deref().is_some_and(|host| !parse::is_loopback(host)) {
        reader.faults.push("`smtp.tls` is `none` but `smtp.host` is another machine; use `starttls` or `tls`".to_owned());
    }
    if !reader.given("smtp.from") {
        reader.faults.push("`smtp.host` is set but `smtp.from` is not; give the sender of the mails".to_owned());
    }
    match (reader.given("smtp.username"), reader.given("smtp.password")) {
        (true, false) => reader.faults.push("`smtp.username` is set but `smtp.password` is not; name the password's file in `smtp.password_file`".to_owned()),
        (false, true) => reader.faults.push("`smtp.password` is given but `smtp.username` is not; set both or neither".to_owned()),
        (true, true) | (false, false) => {}
    }
    let login = reader.text("smtp.username").zip(reader.secret("smtp.password"));
    let port = reader.number("smtp.port");
    let from = reader.parse("smtp.from", parse::mailbox).unwrap_or_default();
    Some(Smtp { host: host.unwrap_or_default(), port, tls, login, from })
}

fn log(reader: &mut Reader, data: &Path) -> Log {
    reader.derive("log.dir", &data.join("log").to_string_lossy());
    let level = reader.parse("log.level", |text| {
        let known = matches!(text, "error" | "warn" | "info" | "debug" | "trace");
        let parsed = text.parse().ok().filter(|_| known);
        parsed.ok_or_else(|| "give one of: error, warn, info, debug, trace".to_owned())
    });
    let format = reader.choice("log.format", &[("auto", LogFormat::Auto), ("json", LogFormat::Json), ("text", LogFormat::Text)]);
    Log { dir: reader.path("log.dir").unwrap_or_default(), level: level.unwrap_or(tracing::Level::INFO), format: format.unwrap_or(LogFormat::Auto) }
}

fn limits(reader: &mut Reader) -> Limits {
    Limits {
        connections_max: reader.number("limits.connections_max"),
        header_timeout: Duration::from_secs(reader.number("limits.header_timeout_secs")),
        request_timeout: Duration::from_secs(reader.number("limits.request_timeout_secs")),
        body_bytes_max: reader.number("limits.body_bytes_max"),
        drain: Duration::from_secs(reader.number("limits.drain_secs")),
        argon2_parallel: reader.number("limits.argon2_parallel"),
    }
}

fn witnesses(reader: &mut Reader) -> Witnesses {
    let words = [("warn", Consequence::Warn), ("stop_admin", Consequence::StopAdmin), ("stop_sends", Consequence::StopSends)];
    Witnesses {
        policy: reader.parse("witness.policy", witness::policy),
        period: Duration::from_secs(reader.number("witness.period_secs")),
        unwitnessed_max: reader.number::<i64>("witness.unwitnessed_secs_max").saturating_mul(SECOND),
        entries_max: reader.number("witness.unwitnessed_entries_max"),
        consequence: reader.choice("witness.consequence", &words).unwrap_or_default(),
    }
}

fn timestamps(reader: &mut Reader) -> Timestamps {
    let url = reader.parse("timestamp.url", timestamp::url);
    let roots = reader.parse("timestamp.roots", timestamp::roots);
    let policy = reader.parse("timestamp.policy", timestamp::policy);
    match (reader.given("timestamp.url"), reader.given("timestamp.roots")) {
        (true, false) => {
            reader.faults.push("`timestamp.url` is set but `timestamp.roots` is not; name the certificates that vouch for the authority".to_owned())
        }
        (false, true) => reader.faults.push("`timestamp.roots` is set but `timestamp.url` is not; set both or neither".to_owned()),
        (true, true) | (false, false) => {}
    }
    Timestamps {
        authority: url.zip(roots).map(|(url, roots)| Authority { url, roots, policy }),
        period: Duration::from_secs(reader.number("timestamp.period_secs")),
        untimed_max: reader.number::<i64>("timestamp.untimed_secs_max").saturating_mul(SECOND),
    }
}

fn alerts(reader: &mut Reader) -> Alerts {
    let mail_to = reader.parse("alerts.mail_to", alerts::address);
    if reader.given("alerts.mail_to") && !reader.given("smtp.host") {
        reader.faults.push("`alerts.mail_to` is set but `smtp.host` is not; set both or neither".to_owned());
    }
    Alerts { mail_to, webhook: webhook(reader, "alerts.webhook_url", "alerts.webhook_secret") }
}

/// The account and its token: both or neither.
/// The device with SMSGate: address, user and device, or none of them.
fn smsgate(reader: &mut Reader) -> Option<SmsGate> {
    let (url, username) = (reader.parse("smsgate.url", handset::url), reader.parse("smsgate.username", handset::name));
    let device = reader.parse("smsgate.device", handset::name);
    together(reader, "smsgate.url", &["smsgate.username", "smsgate.device"], &["smsgate.password", "smsgate.webhook_key"]);
    let (password, webhook_key) = (reader.parse("smsgate.password", handset::secret), reader.parse("smsgate.webhook_key", handset::secret));
    let per_minute = reader.number("smsgate.per_minute");
    Some(SmsGate { url: url?, username: username?, password, device: device?, webhook_key, per_minute })
}

/// The telephone with httpSMS, once it has a number.
fn httpsms(reader: &mut Reader) -> Option<HttpSms> {
    let (url, sender) = (reader.parse("httpsms.url", handset::url), reader.parse("httpsms.sender", handset::sender));
    together(reader, "httpsms.sender", &[], &["httpsms.key", "httpsms.webhook_key"]);
    let (key, webhook_key) = (reader.parse("httpsms.key", handset::secret), reader.parse("httpsms.webhook_key", handset::secret));
    let per_minute = reader.number("httpsms.per_minute");
    Some(HttpSms { url: url?, key, sender: sender?, webhook_key, per_minute })
}

/// Settings that need `first`, and those that it needs.
fn together(reader: &mut Reader, first: &str, needed: &[&str], more: &[&str]) {
    for key in needed {
        if reader.given(first) != reader.given(key) {
            reader.faults.push(format!("of `{first}` and `{key}` one is set; set both or neither"));
        }
    }
    for key in more {
        if reader.given(key) && !reader.given(first) {
            reader.faults.push(format!("`{key}` is given but `{first}` is not; set both or neither"));
        }
    }
}

fn phone_bridge(reader: &mut Reader) -> Option<Phone> {
    let (url, key) = (reader.parse("phone.url", phone::url), reader.parse("phone.key", phone::key));
    if reader.given("phone.url") != reader.given("phone.key") {
        reader.faults.push("`phone.url` and `phone.key` belong together; set both or neither, the key by its file in `phone.key_file`".to_owned());
    }
    Some(Phone { url: url?, key: key? })
}

/// The account and what it may write to: both or neither.
fn spreadsheets(reader: &mut Reader) -> Option<Sheets> {
    let named = reader.parse("sheets.spreadsheets", |text| list(text, sheets::spreadsheet)).unwrap_or_default();
    let (api_url, token_url) = (reader.parse("sheets.api_url", sheets::api_url), reader.parse("sheets.token_url", sheets::token_url));
    if reader.given("sheets.account") == named.is_empty() {
        reader.faults.push(
            "`sheets.account` and `sheets.spreadsheets` belong together; set both or neither, the account by its file in `sheets.account_file`".to_owned(),
        );
    }
    let account = reader.secret("sheets.account")?;
    Some(Sheets { account, spreadsheets: named, api_url: api_url?, token_url: token_url? })
}

fn twilio(reader: &mut Reader) -> Option<Twilio> {
    let sid = reader.parse("twilio.account_sid", twilio::account_sid);
    let tokens: Vec<_> = ["twilio.auth_token", "twilio.auth_token_next"].into_iter().filter_map(|key| reader.parse(key, twilio::token)).collect();
    let enforces = reader.choice("twilio.signatures", &[("enforce", true), ("report", false)]).unwrap_or(true);
    let sends = twilio_sends(reader);
    match (reader.given("twilio.account_sid"), reader.given("twilio.auth_token")) {
        (true, false) => {
            reader.faults.push("`twilio.account_sid` is set but `twilio.auth_token` is not; name the token's file in `twilio.auth_token_file`".to_owned())
        }
        (false, true) => reader.faults.push("`twilio.auth_token` is given but `twilio.account_sid` is not; set both or neither".to_owned()),
        (true, true) | (false, false) => {}
    }
    Some(Twilio { account_sid: sid?, tokens, enforces, sends })
}

/// How messages leave by an account.
fn twilio_sends(reader: &mut Reader) -> Option<TwilioSends> {
    let (api_url, sender) = (reader.parse("twilio.api_url", twilio::api_url), reader.parse("twilio.sender", twilio::sender));
    if reader.given("twilio.sender") && !reader.given("twilio.account_sid") {
        reader.faults.push("`twilio.sender` is set but `twilio.account_sid` is not; name the account and its token".to_owned());
    }
    let (validity_secs, per_second) = (reader.number("twilio.validity_secs"), reader.number("twilio.per_second"));
    Some(TwilioSends { api_url: api_url?, sender: sender?, validity_secs, per_second })
}

/// An address that is posted to, with the secret that signs: both or neither.
fn webhook(reader: &mut Reader, url_key: &'static str, secret_key: &'static str) -> Option<Webhook> {
    let url = reader.parse(url_key, parse::webhook_url);
    let secret = reader.parse(secret_key, alerts::signing_secret);
    match (reader.given(url_key), reader.given(secret_key)) {
        (true, false) => reader.faults.push(format!("`{url_key}` is set but `{secret_key}` is not; name the secret's file in `{secret_key}_file`")),
        (false, true) => reader.faults.push(format!("`{secret_key}` is given but `{url_key}` is not; set both or neither")),
        (true, true) | (false, false) => {}
    }
    url.zip(secret).map(|(url, secret)| Webhook { url, secret })
}

fn stream(reader: &mut Reader) -> Stream {
    Stream {
        syslog: syslog(reader),
        webhook: webhook(reader, "stream.webhook_url", "stream.webhook_secret"),
        file: reader.parse("stream.file", stream::file),
        lag: Duration::from_secs(reader.number("stream.lag_alert_secs")),
    }
}

fn syslog(reader: &mut Reader) -> Option<Syslog> {
    const FORMATS: [(&str, SyslogFormat); 3] = [("json", SyslogFormat::Json), ("cef", SyslogFormat::Cef), ("ocsf", SyslogFormat::Ocsf)];
    let tls = reader.choice("stream.syslog_tls", &[("tls", true), ("none", false)]).unwrap_or(true);
    let any_close = reader.choice("stream.syslog_confirm", &[("close_notify", false), ("close", true)]).unwrap_or(false);
    let format = reader.choice("stream.syslog_format", &FORMATS).unwrap_or(SyslogFormat::Json);
    if !reader.given("stream.syslog_host") {
        for key in ["stream.syslog_port", "stream.syslog_tls", "stream.syslog_ca", "stream.syslog_format", "stream.syslog_confirm"] {
            if reader.set(key) {
                reader.faults.push(format!("`{key}` is set but `stream.syslog_host` is not; set both or neither"));
            }
        }
        return None;
    }
    let host = reader.parse("stream.syslog_host", parse::host);
    reader.derive("stream.syslog_port", if tls { "6514" } else { "601" });
    if !tls && host.as_deref().is_some_and(|host| !parse::is_loopback(host)) {
        reader.faults.push("`stream.syslog_tls` is `none` but `stream.syslog_host` is another machine; use `tls`".to_owned());
    }
    if !tls && reader.given("stream.syslog_ca") {
        reader.faults.push("`stream.syslog_ca` is set but `stream.syslog_tls` is `none`; leave one of them out".to_owned());
    }
    let these = reader.path("stream.syslog_ca");
    let trust = tls.then(|| these.map_or(Trust::System, Trust::These));
    Some(Syslog { host: host.unwrap_or_default(), port: reader.number("stream.syslog_port"), trust, any_close, format })
}
