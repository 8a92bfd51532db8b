//! Alerts: what operators must hear of the server itself. They go to an address, a webhook and the page of every
//! administrator, through the outbox.
//! Must stay true: an alert holds no personal value, since a webhook takes it out of the house; that a notice was given up
//! is no alert, or alerts would make alerts.

use std::collections::BTreeMap;

use super::{INSERT, Notice};
use crate::core::clock::Micros;
use crate::core::id::PersonId;
use crate::db::{Chore, Db, DbError};

/// The template of [`Alert::IntegrityFault`].
const INTEGRITY_FAULT: &str = "alert_integrity_fault";
/// The template of [`Alert::Unwitnessed`].
const UNWITNESSED: &str = "alert_unwitnessed";
/// The template of [`Alert::Untimed`].
const UNTIMED: &str = "alert_untimed";
/// The template of [`Alert::StreamLate`].
const STREAM_LATE: &str = "alert_stream_late";
/// The template of [`Alert::StreamFile`].
const STREAM_FILE: &str = "alert_stream_file";
/// The template of [`Alert::Unsigned`].
const UNSIGNED: &str = "alert_unsigned";
/// The template of [`Alert::NoRoom`].
const NO_ROOM: &str = "alert_no_room";
/// The template of [`Alert::KeysBack`].
const KEYS_BACK: &str = "alert_keys_back";
/// The template of [`Alert::EvidenceAltered`].
const EVIDENCE_ALTERED: &str = "alert_evidence_altered";
/// What stands between the parts of the trail.
const BETWEEN: &str = ", ";

/// What operators are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alert {
    /// The trail came into doubt.
    IntegrityFault {
        /// The origin of the log in force.
        origin: String,
        /// The parts that disagree.
        parts: Vec<&'static str>,
    },
    /// No quorum of witnesses confirmed the trail for too long.
    Unwitnessed {
        /// The origin of the log in force.
        origin: String,
        /// Entries that wait.
        entries: i64,
    },
    /// No time-stamp covered the trail for too long.
    Untimed {
        /// The origin of the log in force.
        origin: String,
        /// For how many seconds the oldest entry has waited.
        secs: i64,
    },
    /// A receiver of the trail is behind for too long.
    StreamLate {
        /// Its kind, and who it is.
        sink: String,
        /// Entries it does not have.
        entries: i64,
        /// For how many seconds the oldest of them has waited.
        secs: i64,
        /// Why the last try failed, as a stable code.
        why: String,
    },
    /// The file that the trail is appended to was changed from outside.
    StreamFile {
        /// Which.
        path: String,
        /// How, as a stable code.
        what: String,
    },
    /// Checkpoints have waited for the signer for too long.
    Unsigned {
        /// The origin of the log in force.
        origin: String,
        /// For how many seconds.
        secs: i64,
        /// Why, as a stable code.
        why: &'static str,
    },
    /// The disk of the data folder is almost full.
    NoRoom {
        /// MiB that are free.
        free_mib: u64,
        /// MiB that must be.
        kept_mib: u64,
    },
    /// Keys of erased subjects were there again, and were destroyed again: the keys' database is an old copy.
    KeysBack {
        /// How many.
        keys: i64,
    },
    /// Stored files are not what was uploaded, or are gone.
    EvidenceAltered {
        /// How many.
        files: i64,
    },
}

/// Who is told, beside administrators on their page.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// There is an address to mail to.
    pub mail: bool,
    /// There is a webhook to post to.
    pub webhook: bool,
    /// The active administrators.
    pub admins: &'a [PersonId],
}

impl Alert {
    /// Its template.
    #[must_use]
    pub const fn template(&self) -> &'static str {
        match self {
            Self::IntegrityFault { .. } => INTEGRITY_FAULT,
            Self::Unwitnessed { .. } => UNWITNESSED,
            Self::Untimed { .. } => UNTIMED,
            Self::StreamLate { .. } => STREAM_LATE,
            Self::StreamFile { .. } => STREAM_FILE,
            Self::NoRoom { .. } => NO_ROOM,
            Self::Unsigned { .. } => UNSIGNED,
            Self::KeysBack { .. } => KEYS_BACK,
            Self::EvidenceAltered { .. } => EVIDENCE_ALTERED,
        }
    }

    /// What its texts name.
    #[must_use]
    pub fn args(&self) -> BTreeMap<String, String> {
        let args = match self {
            Self::IntegrityFault { origin, parts } => vec![("origin", origin.clone()), ("parts", parts.join(BETWEEN))],
            Self::Unwitnessed { origin, entries } => vec![("origin", origin.clone()), ("entries", entries.to_string())],
            Self::Untimed { origin, secs } => vec![("origin", origin.clone()), ("secs", secs.to_string())],
            Self::StreamLate { sink, entries, secs, why } => {
                vec![("sink", sink.clone()), ("entries", entries.to_string()), ("secs", secs.to_string()), ("why", why.clone())]
            }
            Self::StreamFile { path, what } => vec![("file", path.clone()), ("what", what.clone())],
            Self::Unsigned { origin, secs, why } => vec![("origin", origin.clone()), ("secs", secs.to_string()), ("why", (*why).to_owned())],
            Self::NoRoom { free_mib, kept_mib } => vec![("free", free_mib.to_string()), ("kept", kept_mib.to_string())],
            Self::KeysBack { keys } => vec![("keys", keys.to_string())],
            Self::EvidenceAltered { files } => vec![("files", files.to_string())],
        };
        args.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Is this the template of an alert?
#[must_use]
pub fn is_alert(template: &str) -> bool {
    [INTEGRITY_FAULT, UNWITNESSED, UNTIMED, STREAM_LATE, STREAM_FILE, NO_ROOM, UNSIGNED, KEYS_BACK, EVIDENCE_ALTERED].contains(&template)
}

/// The body of a webhook; none for what has no business outside. Only the values listed here ever leave by it.
#[must_use]
pub fn body(template: &str, made_at: Micros, args: &BTreeMap<String, String>, site: &str) -> Option<String> {
    let value = |name: &str| args.get(name).map_or("", String::as_str);
    let number = |name: &str| value(name).parse::<i64>().unwrap_or(0);
    let (kind, data) = match template {
        INTEGRITY_FAULT => {
            let parts: Vec<&str> = value("parts").split(BETWEEN).collect();
            ("integrity.fault", serde_json::json!({ "origin": value("origin"), "parts": parts, "status_url": format!("{site}/status") }))
        }
        UNWITNESSED => {
            let entries = value("entries").parse::<i64>().ok()?;
            ("trail.unwitnessed", serde_json::json!({ "origin": value("origin"), "entries": entries, "status_url": format!("{site}/status") }))
        }
        UNTIMED => ("trail.untimed", serde_json::json!({ "origin": value("origin"), "seconds": number("secs"), "status_url": format!("{site}/status") })),
        NO_ROOM => ("disk.reserve", serde_json::json!({ "free_mib": number("free"), "reserve_mib": number("kept"), "status_url": format!("{site}/status") })),
        UNSIGNED => {
            let data = serde_json::json!({
                "origin": value("origin"), "seconds": number("secs"), "why": value("why"), "status_url": format!("{site}/status"),
            });
            ("trail.unsigned", data)
        }
        KEYS_BACK => ("erasure.keys_back", serde_json::json!({ "keys": number("keys"), "status_url": format!("{site}/status") })),
        EVIDENCE_ALTERED => ("evidence.altered", serde_json::json!({ "files": number("files"), "status_url": format!("{site}/status") })),
        STREAM_LATE => {
            let data = serde_json::json!({
                "sink": value("sink"), "entries": number("entries"), "seconds": number("secs"), "why": value("why"),
                "status_url": format!("{site}/status"),
            });
            ("stream.late", data)
        }
        STREAM_FILE => ("stream.file", serde_json::json!({ "file": value("file"), "what": value("what"), "status_url": format!("{site}/status") })),
        _ => return None,
    };
    let at = jiff::Timestamp::from_microsecond(made_at).ok()?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    Some(serde_json::json!({ "type": kind, "timestamp": at, "data": data }).to_string())
}

/// Writes an alert into the outbox, for all or for none. It is the one notice that is not beside an act: it tells that acts
/// cannot be recorded.
///
/// # Errors
/// When the database cannot take it.
pub async fn write(db: &Db, alert: &Alert, to: Targets<'_>) -> Result<(), DbError> {
    let args = alert.args();
    let args: Vec<(&str, &str)> = args.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut notices = Vec::new();
    for (channel, wanted) in [("mail", to.mail), ("webhook", to.webhook)] {
        if wanted {
            notices.push(Notice::seal(db, channel, None, alert.template(), &args).await?);
        }
    }
    for admin in to.admins {
        match Notice::seal(db, "page", Some(admin), alert.template(), &args).await {
            // Deleted since they were listed.
            Err(DbError::Erased) => {}
            notice => notices.push(notice?),
        }
    }
    let now = db.clock().now();
    let mut chore = db.chore(Chore::Notice).await?;
    for notice in notices {
        let row = chore.query(INSERT).bind(notice.id).bind(notice.channel).bind(notice.person).bind(notice.template);
        row.bind(notice.sealed).bind(now).execute().await?;
    }
    chore.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_type_timestamp_and_data_and_says_nothing_else() {
        let alert = Alert::IntegrityFault { origin: "test.example/audit/1".into(), parts: vec!["head", "checkpoint file"] };
        let mut args = alert.args();
        args.insert("name".into(), "Nora Quist".into());
        let body = body(alert.template(), 1_768_478_400_000_000, &args, "https://c.example").expect("an alert has a body");
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let data = serde_json::json!({ "origin": "test.example/audit/1", "parts": ["head", "checkpoint file"], "status_url": "https://c.example/status" });
        assert_eq!(body, serde_json::json!({ "type": "integrity.fault", "timestamp": "2026-01-15T12:00:00Z", "data": data }));
    }

    #[test]
    fn every_alert_has_a_body_and_is_known_as_one() {
        let late = Alert::StreamLate { sink: "webhook h".into(), entries: 7, secs: 900, why: "timeout".into() };
        let file = Alert::StreamFile { path: "/x".into(), what: "cut".into() };
        let room = Alert::NoRoom { free_mib: 12, kept_mib: 256 };
        let unsigned = Alert::Unsigned { origin: "x".into(), secs: 60, why: "timeout" };
        let untimed = Alert::Untimed { origin: "a/audit/1".into(), secs: 90_000 };
        let back = Alert::KeysBack { keys: 2 };
        let altered = Alert::EvidenceAltered { files: 2 };
        let all = [
            (untimed, "trail.untimed"),
            (back, "erasure.keys_back"),
            (altered, "evidence.altered"),
            (late, "stream.late"),
            (file, "stream.file"),
            (room, "disk.reserve"),
            (unsigned, "trail.unsigned"),
        ];
        for (alert, kind) in all {
            assert!(is_alert(alert.template()));
            let body = body(alert.template(), 0, &alert.args(), "https://c.example").expect("an alert has a body");
            let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(body["type"], kind);
            assert_eq!(body["data"]["status_url"], "https://c.example/status");
        }
    }

    #[test]
    fn what_is_told_to_a_person_has_no_body_and_is_no_alert() {
        for template in ["invite", "reset", "password_changed", "totp_changed", "email_changed", "codes_changed"] {
            assert_eq!(body(template, 0, &BTreeMap::from([("link".to_owned(), "x".to_owned())]), ""), None, "{template}");
            assert!(!is_alert(template), "{template}");
        }
    }
}
