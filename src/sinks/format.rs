//! What a message of syslog holds and how it is written: the header and structured data of RFC 5424, CEF:0, OCSF.
//! Must stay true: whatever a value holds, it ends neither its field nor its message.

use serde_json::{Value, json};

use super::event::Event;

/// Characters of the parts of a header, as RFC 5424 bounds them.
const HOSTNAME_MAX: usize = 255;
const PROCID_MAX: usize = 128;
const MSGID_MAX: usize = 32;
/// Facility 13: log audit.
const FACILITY: u8 = 13;
/// The names of our structured data. 32473 is the number RFC 5612 keeps for those who have none of their own.
const ENTRY_SD: &str = "entry@32473";
const CHECKPOINT_SD: &str = "checkpoint@32473";
/// The version of OCSF that the events follow.
const OCSF_VERSION: &str = "1.3.0";

/// What a whole message says of itself, beside what it holds.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// Severity, 0 to 7.
    pub severity: u8,
    /// When, as RFC 3339 with at most six digits of a second.
    pub timestamp: &'a str,
    /// The host.
    pub host: &'a str,
    /// The run of the server.
    pub process: &'a str,
    /// The kind of message.
    pub kind: &'a str,
    /// The structured data: its name and its parameters.
    pub data: (&'static str, &'a [(&'static str, &'a str)]),
}

/// A message of RFC 5424. Its text has no mark of byte order: it is what the receiver hashes.
#[must_use]
pub fn rfc5424(header: &Header<'_>, message: &str) -> String {
    let params: String = header.data.1.iter().map(|(name, value)| format!(" {name}=\"{}\"", param(value))).collect();
    let (host, process, kind) = (printable(header.host, HOSTNAME_MAX), printable(header.process, PROCID_MAX), printable(header.kind, MSGID_MAX));
    let priority = FACILITY * 8 + header.severity.min(7);
    let timestamp = if header.timestamp.is_empty() { "-" } else { header.timestamp };
    format!("<{priority}>1 {timestamp} {host} countersign {process} {kind} [{}{params}] {message}", header.data.0)
}

/// The message of an entry, whose text is `message`.
#[must_use]
pub fn of_entry(event: &Event, origin: &str, message: &str) -> String {
    let seq = event.seq.to_string();
    let params = [("seq", seq.as_str()), ("leaf", &event.hash), ("origin", origin)];
    let severity = match event.outcome.as_str() {
        "ok" => 6,
        "error" => 4,
        _ => 5,
    };
    let header = Header { severity, timestamp: &event.ts, host: host_of(origin), process: &event.boot, kind: &event.action, data: (ENTRY_SD, &params) };
    rfc5424(&header, message)
}

/// The message of a checkpoint, whose text is `message`.
#[must_use]
pub fn of_checkpoint(origin: &str, size: i64, boot: &str, timestamp: &str, message: &str) -> String {
    let size = size.to_string();
    let params = [("origin", origin), ("size", size.as_str())];
    let header = Header { severity: 6, timestamp, host: host_of(origin), process: boot, kind: "checkpoint", data: (CHECKPOINT_SD, &params) };
    rfc5424(&header, message)
}

/// The log's name, which is that of the installation.
fn host_of(origin: &str) -> &str {
    origin.split('/').next().unwrap_or_default()
}

/// A value of structured data: `"`, `\` and `]` escaped. Control characters, which the format leaves to the receiver, become
/// spaces.
fn param(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '\\' | ']' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A part of the header: visible ASCII, cut to its limit; `-` when nothing is left.
fn printable(text: &str, most: usize) -> String {
    let out: String = text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(most).collect();
    if out.is_empty() { "-".to_owned() } else { out }
}

/// An entry as CEF:0.
#[must_use]
pub fn cef(event: &Event, origin: &str) -> String {
    let severity = match event.outcome.as_str() {
        "ok" => 3,
        "denied" => 6,
        "error" => 8,
        _ => 5,
    };
    let (at, seq) = (event.at_ms.to_string(), event.seq.to_string());
    let fields = [
        ("rt", at.as_str()),
        ("externalId", &event.id),
        ("act", &event.action),
        ("cat", &event.category),
        ("outcome", &event.outcome),
        ("reason", &event.reason),
        ("suid", &event.actor_id),
        ("spriv", &event.actor_type),
        ("app", &event.via),
        ("dvchost", &event.node),
        ("cn1Label", "seq"),
        ("cn1", &seq),
        ("cs1Label", "leafHash"),
        ("cs1", &event.hash),
        ("cs2Label", "origin"),
        ("cs2", origin),
        ("cs3Label", "objectType"),
        ("cs3", &event.object_type),
        ("cs4Label", "objectId"),
        ("cs4", &event.object_id),
        ("cs5Label", "session"),
        ("cs5", &event.session),
    ];
    cef_line(&event.version, &event.action, &event.action, severity, &fields)
}

/// A checkpoint as CEF:0.
#[must_use]
pub fn cef_checkpoint(version: &str, origin: &str, size: i64, note: &str) -> String {
    let size = size.to_string();
    let fields = [("cat", "trail"), ("cn1Label", "size"), ("cn1", &size), ("cs1Label", "note"), ("cs1", note), ("cs2Label", "origin"), ("cs2", origin)];
    cef_line(version, "checkpoint", "checkpoint", 1, &fields)
}

fn cef_line(version: &str, id: &str, name: &str, severity: u8, fields: &[(&str, &str)]) -> String {
    let head = [version, id, name].map(cef_header).join("|");
    let fields: Vec<String> = fields.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={}", cef_value(value))).collect();
    format!("CEF:0|Countersign|Countersign|{head}|{severity}|{}", fields.join(" "))
}

/// A part of CEF's head: `\` and `|` escaped, on one line.
fn cef_header(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '|' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A value of CEF's extension: `\` and `=` escaped, line ends written as `\n` and `\r`.
fn cef_value(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '=' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Class and activity of an act: OCSF's numbers for what it is nearest to; 99 is another activity, named by the act.
fn class_of(action: &str) -> (i64, i64) {
    const OTHER: i64 = 99;
    match action {
        "session.login" | "session.totp" | "session.enrol" | "session.confirm" | "session.demo" => (3002, 1),
        "session.logout" | "session.revoke" | "session.end_all" => (3002, 2),
        "person.create" | "person.invite" | "person.join" => (3001, 1),
        "person.enable" => (3001, 2),
        "account.password" => (3001, 3),
        "account.reset" | "account.forgot" | "person.reset_password" => (3001, 4),
        "person.disable" => (3001, 5),
        "person.delete" => (3001, 6),
        "account.totp" => (3001, 10),
        "person.grant" => (3005, 1),
        "evidence.upload" | "token.create" => (3004, 1),
        "evidence.download" | "evidence.list" => (3004, 2),
        "evidence.delete" | "token.revoke" => (3004, 4),
        "trail.export" => (1008, 3),
        "trail.new_origin" | "trail.clock" => (1008, 5),
        "message.send" => (6003, 1),
        "token.read" | "person.list" | "message.list" | "policy.read" | "config.read" => (6003, 2),
        action => match action.split('.').next() {
            Some("session") => (3002, OTHER),
            Some("person" | "account" | "setup") => (3001, OTHER),
            Some("evidence" | "token") => (3004, OTHER),
            Some("trail" | "stream") => (1008, OTHER),
            _ => (6003, OTHER),
        },
    }
}

/// An entry as an event of OCSF. The leaf itself is its raw data.
#[must_use]
pub fn ocsf(event: &Event, origin: &str, leaf: &str) -> String {
    let (class, activity) = class_of(&event.action);
    let (status, status_name) = match event.outcome.as_str() {
        "ok" => (1, "Success"),
        "unknown" => (0, "Unknown"),
        _ => (2, "Failure"),
    };
    let severity = match event.outcome.as_str() {
        "ok" => 1,
        "error" => 3,
        _ => 2,
    };
    let user =
        json!({ "uid": or_kind(&event.actor_id, &event.actor_type), "type": event.actor_type, "type_id": if event.actor_type == "person" { 1 } else { 99 } });
    let mut out = ocsf_base(class, activity, severity, event.at_ms, &event.version, origin);
    out["metadata"]["uid"] = json!(event.id);
    out["metadata"]["event_code"] = json!(event.action);
    out["metadata"]["sequence"] = json!(event.seq);
    out["metadata"]["original_time"] = json!(event.ts);
    out["activity_name"] = json!(event.action);
    out["status_id"] = json!(status);
    out["status"] = json!(status_name);
    out["actor"] = json!({ "user": user.clone() });
    out["device"] = json!({ "hostname": event.node, "type_id": 1 });
    if !event.reason.is_empty() {
        out["status_detail"] = json!(event.reason);
    }
    if !event.session.is_empty() {
        out["actor"]["session"] = json!({ "uid": event.session });
    }
    let object = json!({ "uid": or_kind(&event.object_id, &event.object_type), "type": event.object_type });
    if matches!(class, 3001 | 3002 | 3005) {
        // Who it is done to, or who signs in.
        out["user"] = if event.object_type == "person" { json!({ "uid": object["uid"], "type_id": 1 }) } else { user };
    }
    match class {
        3002 => out["service"] = json!({ "name": "Countersign" }),
        3004 => out["entity"] = object,
        3005 => out["privileges"] = json!(["role"]),
        1008 => out["log_name"] = json!(origin),
        6003 => {
            out["api"] = json!({ "operation": event.action, "service": { "name": "Countersign" } });
            out["resources"] = json!([object]);
            out["src_endpoint"] = json!({ "name": event.via });
        }
        _ => {}
    }
    out["unmapped"] = json!({ "seq": event.seq, "leaf_hash": event.hash, "origin": origin, "category": event.category, "via": event.via, "boot": event.boot });
    out["raw_data"] = json!(leaf);
    out.to_string()
}

/// A checkpoint as an event of OCSF: the log's state, exported.
#[must_use]
pub fn ocsf_checkpoint(version: &str, origin: &str, size: i64, at_ms: i64, note: &str) -> String {
    let mut out = ocsf_base(1008, 99, 1, at_ms, version, origin);
    out["activity_name"] = json!("checkpoint");
    out["log_name"] = json!(origin);
    out["unmapped"] = json!({ "origin": origin, "size": size, "checkpoint": note });
    out.to_string()
}

fn ocsf_base(class: i64, activity: i64, severity: i64, at_ms: i64, version: &str, origin: &str) -> Value {
    json!({
        "activity_id": activity, "category_uid": class / 1000, "class_uid": class, "type_uid": class * 100 + activity, "severity_id": severity,
        "time": at_ms,
        "metadata": { "version": OCSF_VERSION, "log_name": origin, "product": { "name": "Countersign", "vendor_name": "Countersign", "version": version } },
    })
}

fn or_kind<'a>(id: &'a str, kind: &'a str) -> &'a str {
    if id.is_empty() { kind } else { id }
}

#[cfg(test)]
#[path = "format/tests.rs"]
mod tests;
