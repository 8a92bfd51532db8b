//! The one table of every setting: its key, what kind of value it takes, what holds when nobody sets it, and what it means.
//! Loading, `config show`, the example file and the "did you mean" all read this table and nothing else.

/// What every variable of ours begins with.
pub const PREFIX: &str = "COUNTERSIGN_";
/// The variable that names the configuration file; the only one that is not a setting.
pub const CONFIG_VARIABLE: &str = "COUNTERSIGN_CONFIG";

/// What a setting's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A line of text.
    Text,
    /// A path of the file system.
    Path,
    /// A whole number between two bounds, both allowed.
    Integer(u64, u64),
    /// `true` or `false`.
    Bool,
    /// Several texts: a TOML list, or separated by commas.
    List,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A secret. Only a file, a credential or the key folder may give it.
    Secret,
    /// Text that may be written down as long as it holds no password, and is a secret when it comes from a file.
    MaybeSecret,
}

impl Kind {
    /// Whether a file, a credential or the key folder may give the value.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::MaybeSecret)
    }
}

/// What holds when nobody sets a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// This value.
    Value(&'static str),
    /// A value that follows from other settings: how it does, in words, and an example.
    Derived(&'static str, &'static str),
    /// Nothing; the text is an example.
    Unset(&'static str),
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The dotted name.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// What holds when nobody sets it.
    pub fallback: Fallback,
    /// What it means, in one sentence.
    pub meaning: &'static str,
}

impl Key {
    /// The environment's name of the key: `COUNTERSIGN_SECTION_KEY`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "_").to_uppercase())
    }

    /// The name of the variable that names a secret's file.
    #[must_use]
    pub fn file_variable(&self) -> String {
        format!("{}_FILE", self.variable())
    }

    /// The key that names a secret's file.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}_file", self.name)
    }

    /// The key that names the command that prints a secret.
    #[must_use]
    pub fn command_name(&self) -> String {
        format!("{}_command", self.name)
    }

    /// The variable that names it.
    #[must_use]
    pub fn command_variable(&self) -> String {
        format!("{}_COMMAND", self.variable())
    }

    /// What a secret is called among the credentials and in the key folder.
    #[must_use]
    pub fn credential(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }
}

/// Finds a setting by its dotted name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

const fn key(name: &'static str, kind: Kind, fallback: Fallback, meaning: &'static str) -> Key {
    Key { name, kind, fallback, meaning }
}

use Fallback::{Derived, Unset, Value};
use Kind::{Bool, Choice, Integer, List, MaybeSecret, Path, Secret, Text};

/// Every setting, top-level keys first, then section by section.
pub static KEYS: &[Key] = &[
    key("listen", Text, Value("127.0.0.1:8080"), "The address and port the server listens on."),
    key("public_url", Text, Unset("https://countersign.example.org"), "The address people type, without a slash at the end; `serve` needs it."),
    key("data", Path, Value("/var/lib/countersign"), "The folder that holds everything the server keeps."),
    key("name", Text, Derived("the host of `public_url`", "countersign.example.org"), "The name of the audit log, fixed at the first start."),
    key("organisation", Text, Unset("Example Clinic"), "The name of the organisation, as pages and reports show it."),
    key("trusted_proxies", List, Value(""), "The networks of the reverse proxies whose forwarded addresses are believed."),
    key("policies", Path, Unset("/etc/countersign/policies"), "A folder of policy files that replace the built-in ones."),
    key("default_region", Text, Unset("US"), "The two-letter country whose rules apply to phone numbers written without a country code."),
    key("time_zone", Text, Value("UTC"), "The time zone of people who have not chosen one."),
    key(
        "database.url",
        MaybeSecret,
        Derived("`countersign.db` in the data folder", "postgres://countersign@db.example.org/countersign"),
        "The database: `sqlite:PATH`, or a `postgres://` address.",
    ),
    key(
        "database.keys_url",
        MaybeSecret,
        Derived("`keys.db` in the data folder", "postgres://countersign@keys.example.org/keys"),
        "The second database, which holds the data keys and has its own backups.",
    ),
    key("database.connections", Integer(1, 64), Value("8"), "The most connections held to each database."),
    key(
        "keys.unwrap_command",
        List,
        Value(""),
        "The program, by its whole path, and its words, that unwraps key-encryption keys: it is given the wrapped key as a line and answers with the key in base64; its words are shown, so put no secret among them.",
    ),
    key(
        "keys.wrap_command",
        List,
        Value(""),
        "The program and its words that wraps new key-encryption keys: the key in base64 as a line, and back any text without spaces; its words are shown, so put no secret among them.",
    ),
    key("smtp.host", Text, Unset("mail.example.org"), "The mail server; without it no mail is sent."),
    key("smtp.port", Integer(1, 65535), Derived("587 for starttls, 465 for tls, 25 for none", "587"), "The port of the mail server."),
    key(
        "smtp.tls",
        Choice(&["starttls", "tls", "none"]),
        Value("starttls"),
        "How the connection to the mail server is encrypted; `none` only for a mail server on this machine.",
    ),
    key("smtp.username", Text, Unset("countersign"), "The user name at the mail server."),
    key("smtp.password", Secret, Unset("/etc/countersign/smtp-password"), "The password at the mail server."),
    key("smtp.from", Text, Unset("Countersign <countersign@example.org>"), "The sender of every mail."),
    key("alerts.mail_to", Text, Unset("operations@example.org"), "The address that is mailed to when the server itself is in trouble; it needs a mail server."),
    key(
        "alerts.webhook_url",
        Text,
        Unset("https://hooks.example.org/countersign"),
        "The address that is posted to when the server itself is in trouble; https, or http on this machine.",
    ),
    key(
        "alerts.webhook_secret",
        Secret,
        Unset("/etc/countersign/alerts-webhook-secret"),
        "The key that signs what is posted: `whsec_` and base64, or any text of at least 24 bytes.",
    ),
    key("stream.syslog_host", Text, Unset("siem.example.org"), "The machine that the trail is streamed to as syslog."),
    key("stream.syslog_port", Integer(1, 65535), Derived("6514 with TLS, 601 without", "6514"), "The port it listens on."),
    key("stream.syslog_tls", Choice(&["tls", "none"]), Value("tls"), "How the connection to it is encrypted; `none` only for a receiver on this machine."),
    key("stream.syslog_ca", Path, Unset("/etc/countersign/siem-ca.pem"), "The certificates that alone may vouch for it; those of the system when not set."),
    key("stream.syslog_format", Choice(&["json", "cef", "ocsf"]), Value("json"), "What its messages hold: `json` is the entry as it was hashed."),
    key(
        "stream.syslog_confirm",
        Choice(&["close_notify", "close"]),
        Value("close_notify"),
        "What counts as its word that it has a batch: that it closes TLS as RFC 5425 asks, or that it closes the connection at all.",
    ),
    key(
        "stream.webhook_url",
        Text,
        Unset("https://siem.example.org/trail"),
        "The address that the trail is posted to in batches; https, or http on this machine.",
    ),
    key(
        "stream.webhook_secret",
        Secret,
        Unset("/etc/countersign/stream-webhook-secret"),
        "The key that signs these batches: `whsec_` and base64, or any text of at least 24 bytes.",
    ),
    key("stream.file", Path, Unset("/var/log/countersign/trail.jsonl"), "The file that the trail is appended to, one entry a line."),
    key("stream.lag_alert_secs", Integer(10, 604_800), Value("900"), "A receiver that is behind for so long raises an alert."),
    key(
        "disk.reserve_percent",
        Integer(0, 100),
        Value("5"),
        "The share of the data folder's disk that is kept free: below it nothing new is begun; 0 keeps none.",
    ),
    key("disk.reserve_mib", Integer(1, 1_048_576), Value("256"), "The most that is kept free, in MiB, however large the disk is."),
    key("log.dir", Path, Derived("`log` in the data folder", "/var/log/countersign"), "The folder of the log files."),
    key(
        "log.level",
        Choice(&["error", "warn", "info", "debug", "trace"]),
        Value("info"),
        "How much the server logs about itself; its libraries log warnings at most.",
    ),
    key("log.format", Choice(&["auto", "json", "text"]), Value("auto"), "How lines on standard error look; `auto` is text on a terminal and JSON elsewhere."),
    key("limits.connections_max", Integer(1, 65536), Value("1024"), "The most connections open at once; further ones wait."),
    key(
        "limits.header_timeout_secs",
        Integer(1, 300),
        Value("10"),
        "How long a client may take to send a request's header, and how long an idle connection is kept.",
    ),
    key("limits.request_timeout_secs", Integer(1, 3600), Value("30"), "How long a request may take to be answered."),
    key(
        "limits.body_bytes_max",
        Integer(1024, 16_777_216),
        Value("262144"),
        "The largest request body, except for uploads, whose limit is in the upload policy.",
    ),
    key("limits.drain_secs", Integer(0, 600), Value("20"), "How long requests in flight may take to finish at shutdown."),
    key("limits.argon2_parallel", Integer(1, 16), Value("1"), "How many passwords are hashed at once."),
    key(
        "witness.policy",
        Path,
        Unset("/etc/countersign/witnesses"),
        "The file that names the witnesses of the audit trail and their quorum, as C2SP tlog-policy has it; without it nobody countersigns.",
    ),
    key("witness.period_secs", Integer(1, 86_400), Value("30"), "How often witnesses are asked to countersign the newest checkpoint."),
    key("witness.unwitnessed_secs_max", Integer(60, 31_536_000), Value("86400"), "How old an entry may become before a quorum of witnesses confirms it."),
    key("witness.unwitnessed_entries_max", Integer(1, 1_000_000_000), Value("10000"), "How many entries may wait for a quorum of witnesses."),
    key(
        "witness.consequence",
        Choice(&["warn", "stop_admin", "stop_sends"]),
        Value("warn"),
        "What happens beyond these bounds: operators are alerted, and people are not managed or nothing is sent until a quorum confirms again.",
    ),
    key(
        "signer.socket",
        Path,
        Unset("/run/countersign-signer/socket"),
        "The socket of `countersign signer serve`, which signs checkpoints under another user; without it the server signs by itself.",
    ),
    key(
        "signer.epoch_entries",
        Integer(0, 1_000_000_000),
        Value("65536"),
        "After so many entries an epoch of the trail ends and the key that sealed it is erased; 0 begins none.",
    ),
    key("signer.epoch_secs", Integer(60, 31_536_000), Value("86400"), "After so long an epoch ends too, by a clock that nobody sets."),
    key(
        "timestamp.url",
        Text,
        Unset("http://timestamp.example.org"),
        "The address of a time-stamping authority (RFC 3161) that says when checkpoints of the trail existed; without it nobody does.",
    ),
    key("timestamp.roots", Path, Unset("/etc/countersign/tsa-roots.pem"), "The certificates, in PEM, that alone vouch for the authority."),
    key("timestamp.policy", Text, Unset("1.3.6.1.4.1.32473.1"), "The policy that the authority is asked for, as dotted numbers; its own when not set."),
    key("timestamp.period_secs", Integer(60, 604_800), Value("3600"), "How often the authority is asked."),
    key(
        "timestamp.untimed_secs_max",
        Integer(60, 31_536_000),
        Value("86400"),
        "How old an entry may become before a time-stamp covers it; then operators are alerted.",
    ),
    key(
        "trail.heartbeat_secs",
        Integer(0, 86_400),
        Value("600"),
        "How often an entry says that the server lives, how its clock stands and what witnesses confirmed; 0 is never.",
    ),
    key("twilio.account_sid", Text, Unset("AC00112233445566778899aabbccddeeff"), "The account at Twilio that may post to `/hooks/twilio`."),
    key("twilio.auth_token", Secret, Unset("/etc/countersign/twilio-auth-token"), "The token of that account, with which Twilio signs what it posts."),
    key("twilio.auth_token_next", Secret, Unset("/etc/countersign/twilio-auth-token-next"), "The token that takes its place, while both are in use."),
    key(
        "twilio.signatures",
        Choice(&["enforce", "report"]),
        Value("enforce"),
        "What happens to a request whose signature does not fit: it is refused, or it is taken and the log tells of it.",
    ),
    key(
        "twilio.sender",
        Text,
        Unset("+15005550006"),
        "The number that messages leave from by Twilio, or the messaging service that picks one; without it nothing leaves that way.",
    ),
    key("twilio.api_url", Text, Value("https://api.twilio.com"), "Where the API of Twilio is."),
    key("twilio.validity_secs", Integer(60, 36_000), Value("14400"), "How long a message may wait at Twilio until it is delivered or dies."),
    key("twilio.per_second", Integer(1, 1000), Value("10"), "How many messages are handed to Twilio in a second, at most."),
    key("phone.url", Text, Unset("http://100.64.0.7:8622"), "Where the phone bridge is; plain http only on this machine or in a tailnet."),
    key("phone.key", Secret, Unset("/etc/countersign/phone-key"), "What the phone bridge is shown, as its `setup` printed it."),
    key("smsgate.url", Text, Unset("https://api.sms-gate.app/3rdparty/v1"), "Where the API of SMSGate is; plain http only on this machine or in a tailnet."),
    key("smsgate.username", Text, Unset("ABC123"), "Who signs in at SMSGate."),
    key("smsgate.password", Secret, Unset("/etc/countersign/smsgate-password"), "With what; an administrator may seal it on the page of gateways instead."),
    key("smsgate.device", Text, Unset("ffffffffceb0b1db0000018e937c815b"), "The device that messages leave by, and that is believed at `/hooks/smsgate`."),
    key("smsgate.webhook_key", Secret, Unset("/etc/countersign/smsgate-webhook-key"), "What signs what SMSGate posts to `/hooks/smsgate`."),
    key("smsgate.per_minute", Integer(1, 600), Value("10"), "How many messages are handed to SMSGate in a minute, at most."),
    key("httpsms.url", Text, Value("https://api.httpsms.com"), "Where the API of httpSMS is; plain http only on this machine or in a tailnet."),
    key("httpsms.sender", Text, Unset("+15005550006"), "The number of the telephone with httpSMS; without it nothing leaves that way."),
    key("httpsms.key", Secret, Unset("/etc/countersign/httpsms-key"), "What httpSMS is shown; an administrator may seal it on the page of gateways instead."),
    key("httpsms.webhook_key", Secret, Unset("/etc/countersign/httpsms-webhook-key"), "What signs what httpSMS posts to `/hooks/httpsms`."),
    key("httpsms.per_minute", Integer(1, 600), Value("10"), "How many messages are handed to httpSMS in a minute, at most."),
    key("webhooks.networks", List, Value(""), "The networks of this house that webhooks may reach; all others that are not open are refused."),
    key(
        "sheets.account",
        Secret,
        Unset("/etc/countersign/google-account.json"),
        "The file of a service account at Google, as one line of JSON, by which exports of intakes may be written into spreadsheets.",
    ),
    key("sheets.spreadsheets", List, Value(""), "The ids of the spreadsheets that it may write to; no other is."),
    key("sheets.api_url", Text, Value("https://sheets.googleapis.com"), "Where the API of the spreadsheets is."),
    key("sheets.token_url", Text, Value("https://oauth2.googleapis.com/token"), "Where the account signs in."),
    key("campaigns.segment_price", Text, Unset("0.0083 USD"), "What one part of a message costs, for the estimate of a campaign."),
    key("sandbox.enabled", Bool, Value("false"), "Whether the built-in gateway that only pretends to send may be used."),
    key("sandbox.delay_ms", Integer(0, 60_000), Value("400"), "How long the pretended gateway takes for a message."),
    key("sandbox.failure_percent", Integer(0, 100), Value("10"), "How many of a hundred messages it fails."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_settings_share_a_name_or_a_variable() {
        let mut seen = std::collections::BTreeSet::from([CONFIG_VARIABLE.to_owned()]);
        for key in KEYS {
            assert!(seen.insert(key.variable()), "{}", key.name);
            assert!(seen.insert(key.file_variable()), "{}", key.name);
            assert!(seen.insert(key.command_variable()), "{}", key.name);
        }
    }

    #[test]
    fn every_meaning_is_one_sentence() {
        for key in KEYS {
            assert!(key.meaning.ends_with('.') && !key.meaning.contains(". "), "{}: {}", key.name, key.meaning);
        }
    }

    #[test]
    fn top_level_settings_come_before_the_sections() {
        let first = KEYS.iter().position(|key| key.name.contains('.')).unwrap_or(KEYS.len());
        assert!(KEYS[first..].iter().all(|key| key.name.contains('.')));
    }
}
