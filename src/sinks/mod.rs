//! The trail leaves the house: entries are streamed to a receiver of syslog, to a webhook and to a file, each with a cursor of
//! its own in the database. Set up by the settings alone; the set of receivers is an entry whenever it differs.
//! Must stay true: nothing leaves but entries that a signed checkpoint covers, in order and without a gap; a receiver gets
//! each at least once; none of this is ever waited for by an act.

mod event;
mod feed;
mod file;
mod format;
mod syslog;
mod watch;
mod webhook;
mod worker;

pub use feed::{Batch, Line};
pub use format::{cef, ocsf, rfc5424};
pub use syslog::{Outlet, framed};
pub use watch::{Standing, Trouble, standing, troubles};
pub use worker::{ready, run};

use countersign_audit::write::json::Value;

use crate::config::{Stream, host_of};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::db::{Chore, Db, DbError, Detail};
use crate::policy::{Actor, On, Policy};
use crate::store::Query;

crate::acts! {
    /// The receivers of the stream are others than before.
    Configure = "stream.configure" on On,
}

const STATE: &str = "select target, log, next_seq, mark, failed, attempts, sent_at, told_at, alarm from sink where kind = $1";
const BEGIN: &str = "insert into sink (kind, target, log, next_seq, mark, failed, attempts, sent_at, told_at, alarm) values ($1, $2, 1, 0, null, null, 0, null, null, null) on conflict (kind) do nothing";
const RESTART: &str = "update sink set target = $2, log = 1, next_seq = 0, mark = null, failed = null, attempts = 0, sent_at = null, alarm = null where kind = $1 and target <> $2";
const ADVANCE: &str = "update sink set log = $2, next_seq = $3, mark = $4, failed = null, attempts = 0, sent_at = $5 where kind = $1 and log = $6 and next_seq = $7 and target = $8";
const FAILED: &str = "update sink set failed = $2, attempts = attempts + 1 where kind = $1";
const TOLD: &str = "update sink set told_at = $2 where kind = $1";
const ALARM: &str = "update sink set alarm = $2 where kind = $1";
const LAST_CONFIGURED: &str = "select body from audit_event where action = 'stream.configure' and outcome = 'ok' order by id desc limit 1";
/// Every statement of this folder, for the test that prepares them all.
pub const ALL: &[&str] = &[STATE, BEGIN, RESTART, ADVANCE, FAILED, TOLD, ALARM, LAST_CONFIGURED, feed::LINKS, feed::ORIGIN, watch::AHEAD, watch::WAITING_SINCE];

/// The kinds of receivers; at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A receiver of syslog.
    Syslog,
    /// An address that is posted to.
    Webhook,
    /// A file that is appended to.
    File,
}

impl Kind {
    /// Its name in the database, in entries and in texts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syslog => "syslog",
            Self::Webhook => "webhook",
            Self::File => "file",
        }
    }
}

crate::row! {
    /// How far a receiver has the trail.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct State {
        /// Who it is, without anything secret.
        pub target: String,
        /// The log that is being streamed.
        pub log: i64,
        /// The first entry of it that the receiver did not confirm.
        pub next_seq: i64,
        /// What the kind remembers of what it wrote.
        pub mark: Option<String>,
        /// Why the last try failed; none when it did not.
        pub failed: Option<String>,
        /// Failed tries since the last one that did not.
        pub attempts: i64,
        /// When a batch was last confirmed.
        pub sent_at: Option<i64>,
        /// When operators were told that it is behind; none when it is not.
        pub told_at: Option<i64>,
        /// What operators must still be told of it.
        pub alarm: Option<String>,
    }
}

/// The receivers of the settings: their kinds, and who they are without anything secret.
#[must_use]
pub fn receivers(stream: &Stream) -> Vec<(Kind, String)> {
    let syslog = stream.syslog.as_ref().map(|to| {
        let how = if to.trust.is_some() { "tls" } else { "plain" };
        (Kind::Syslog, format!("{}:{} {how} {}", to.host, to.port, to.format.name()))
    });
    let webhook = stream.webhook.as_ref().map(|to| (Kind::Webhook, host_of(&to.url).to_owned()));
    let file = stream.file.as_ref().map(|path| (Kind::File, path.display().to_string()));
    [syslog, webhook, file].into_iter().flatten().collect()
}

/// Makes it an entry that the receivers are others than the last such entry says, and gives each its cursor. A receiver that
/// is new is given the whole trail, since it can only bear witness of what it holds.
///
/// # Errors
/// When the database fails.
pub async fn configure(db: &Db, policy: &Policy, stream: &Stream) -> Result<(), Fault> {
    let now = receivers(stream);
    let words: Vec<String> = now.iter().map(|(kind, target)| format!("{} {target}", kind.name())).collect();
    let last: Option<(Vec<u8>,)> = db.query(LAST_CONFIGURED).optional().await.context("read the last receivers")?;
    let before = last.map_or_else(Vec::new, |(body,)| recorded(&body));
    if before != words {
        let permit = policy.permit::<Configure>(&Actor::system(), &On::any("stream")).map_err(|denied| Fault::with("the policy", denied))?;
        let list = |words: &[String]| Value::List(words.iter().map(|w| Value::from(w.as_str())).collect());
        db.record(permit, Detail::ok().with("sinks", list(&words)).with("before", list(&before))).await.context("record the receivers")?;
    }
    for (kind, target) in &now {
        write(db, BEGIN, |q| q.bind(kind.name()).bind(target.clone())).await.context("begin a receiver's cursor")?;
        write(db, RESTART, |q| q.bind(kind.name()).bind(target.clone())).await.context("begin a new receiver's cursor")?;
    }
    Ok(())
}

/// The receivers that an entry names.
fn recorded(body: &[u8]) -> Vec<String> {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    body["data"]["sinks"].as_array().map_or_else(Vec::new, |all| all.iter().filter_map(|w| w.as_str().map(str::to_owned)).collect())
}

/// How far a receiver has the trail; none before it was ever set up.
///
/// # Errors
/// When the database fails.
pub async fn state(db: &Db, kind: Kind) -> Result<Option<State>, Fault> {
    db.query(STATE).bind(kind.name()).optional().await.context("read a receiver's cursor")
}

/// Notes when operators were told that a receiver is behind; none once it is not.
///
/// # Errors
/// When the database fails.
pub async fn told(db: &Db, kind: Kind, at: Option<Micros>) -> Result<(), DbError> {
    write(db, TOLD, |q| q.bind(kind.name()).bind(at)).await.map(drop)
}

/// Notes what operators must be told of a receiver; none once they were.
///
/// # Errors
/// When the database fails.
pub async fn alarm(db: &Db, kind: Kind, what: Option<&str>) -> Result<(), DbError> {
    let what = what.map(str::to_owned);
    write(db, ALARM, |q| q.bind(kind.name()).bind(what)).await.map(drop)
}

/// One statement about a receiver, durable when it returns.
async fn write(db: &Db, sql: &'static str, bind: impl FnOnce(Query<'_>) -> Query<'_>) -> Result<u64, DbError> {
    let mut chore = db.chore(Chore::Sink).await?;
    let changed = bind(chore.query(sql)).execute().await?;
    chore.commit().await?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_entry_named_is_read_back() {
        let body = br#"{"data":{"before":[],"sinks":["file /x","webhook h"]}}"#;
        assert_eq!(recorded(body), ["file /x", "webhook h"]);
        assert!(recorded(b"{}").is_empty() && recorded(b"\xff").is_empty());
    }
}
