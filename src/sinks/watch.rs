//! How far each receiver is behind, for the status page, for `check` and for alerts.

use super::{Kind, State, receivers, state};
use crate::config::Stream;
use crate::core::clock::{Micros, SECOND};
use crate::core::fault::{Context as _, Fault};
use crate::db::Db;

/// Entries of later logs.
pub const AHEAD: &str = "select cast(coalesce(sum(size), 0) as bigint) from audit_head where log > $1";
pub const WAITING_SINCE: &str = "select e.at from audit_chain c join audit_event e on e.id = c.event_id where c.log = $1 and c.seq = $2";

/// How a receiver stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its kind.
    pub kind: Kind,
    /// Who it is.
    pub target: String,
    /// Entries it does not have.
    pub entries: i64,
    /// For how many seconds the oldest of them has waited.
    pub secs: i64,
    /// Why the last try failed; none when it did not.
    pub failed: Option<String>,
    /// When it last confirmed something.
    pub sent_at: Option<Micros>,
    /// Operators were told that it is behind.
    told: bool,
    /// What operators must still be told of it.
    alarm: Option<String>,
    /// It is behind for longer than the settings bear.
    pub late: bool,
}

/// What operators must hear of a receiver, and what became of it.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// It is behind for too long.
    Late(Standing),
    /// It has caught up after they were told.
    Recovered(Kind),
    /// Its file was changed from outside: how, and which.
    Changed(String, String),
}

/// How every receiver of the settings stands.
///
/// # Errors
/// When the database fails.
pub async fn standing(db: &Db, stream: &Stream) -> Result<Vec<Standing>, Fault> {
    let mut out = Vec::new();
    for (kind, target) in receivers(stream) {
        // What was never begun has everything before it.
        let nothing = State { target: target.clone(), log: 1, next_seq: 0, mark: None, failed: None, attempts: 0, sent_at: None, told_at: None, alarm: None };
        let at = state(db, kind).await?.filter(|at| at.target == target).unwrap_or(nothing);
        let head = db.head(at.log).await?.map_or(0, |head| head.size);
        let ahead: i64 = db.query(AHEAD).bind(at.log).scalar().await.context("count what a receiver does not have")?;
        let entries = (head - at.next_seq).max(0) + ahead;
        let oldest = if at.next_seq < head { (at.log, at.next_seq) } else { (at.log + 1, 0) };
        let since: Option<(i64,)> = db.query(WAITING_SINCE).bind(oldest.0).bind(oldest.1).optional().await.context("read what a receiver waits for")?;
        let secs = since.map_or(0, |(since,)| ((db.clock().now() - since) / SECOND).max(0));
        let late = u64::try_from(secs).is_ok_and(|secs| secs >= stream.lag.as_secs());
        out.push(Standing { kind, target, entries, secs, failed: at.failed, sent_at: at.sent_at, told: at.told_at.is_some(), alarm: at.alarm, late });
    }
    Ok(out)
}

/// What operators must hear now: each trouble until it is noted that they did.
///
/// # Errors
/// When the database fails.
pub async fn troubles(db: &Db, stream: &Stream) -> Result<Vec<Trouble>, Fault> {
    // In doubt nothing leaves, and everybody was told.
    if db.in_fault() || !db.leads() {
        return Ok(Vec::new());
    }
    let mut out = Vec::new();
    for at in standing(db, stream).await? {
        if let Some(what) = &at.alarm {
            out.push(Trouble::Changed(what.clone(), at.target.clone()));
        }
        // Half the bound, so that a receiver at its edge is not told of again and again.
        let recovered = u64::try_from(at.secs).is_ok_and(|secs| secs < stream.lag.as_secs() / 2);
        match (at.late, at.told) {
            (true, false) => out.push(Trouble::Late(at)),
            (false, true) if recovered => out.push(Trouble::Recovered(at.kind)),
            _ => {}
        }
    }
    Ok(out)
}
