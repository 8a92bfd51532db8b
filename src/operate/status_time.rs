//! What the status page says of time: the clock, who keeps it right, and how far witnesses and time-stamps reach, with ages as
//! numbers of seconds.

use super::status::Check;
use crate::core::clock::{Micros, SECOND};
use crate::core::timekeeper::Timekeeper;
use crate::db::checkpoint::CheckpointRow;
use crate::http::{App, Error};

/// The clock against the trail, and against who keeps it right.
pub(super) fn clock(app: &App, newest: Option<&CheckpointRow>) -> Check {
    let now = app.db.clock().now();
    if app.db.clock_is_back() {
        let secs = (app.db.clock_behind() / SECOND).to_string();
        return Check::told(app, "clock", "bad", "back", &[("secs", &secs)]);
    }
    if newest.is_some_and(|kept| kept.at > now + SECOND) {
        return Check::told(app, "clock", "bad", "bad", &[]);
    }
    match Timekeeper::here() {
        Timekeeper { state: "unknown", .. } => Check::told(app, "clock", "ok", "unknown", &[]),
        Timekeeper { by, .. } => Check::told(app, "clock", "ok", "ok", &[("by", by)]),
    }
}

/// The age of the oldest entry that no quorum of witnesses confirmed.
pub(super) fn unwitnessed(app: &App) -> Option<Check> {
    let standing = app.cosigner.as_ref()?.standing().borrow().clone();
    let (entries, secs) = (standing.unwitnessed.to_string(), age(app, standing.waiting_since).to_string());
    Some(Check::told(app, "unwitnessed", if standing.stale { "bad" } else { "ok" }, "ok", &[("entries", &entries), ("secs", &secs)]))
}

/// The time-stamps, and what the authority said last.
///
/// # Errors
/// When the database fails.
pub(super) async fn timestamps(app: &App) -> Result<Check, Error> {
    let Some(stamper) = &app.stamper else { return Ok(Check::told(app, "timestamp", "warn", "none", &[])) };
    stamper.look().await?;
    let standing = stamper.standing().borrow().clone();
    let secs = age(app, standing.waiting_since).to_string();
    let why = standing.state.unwrap_or("none");
    let Some(stamped) = standing.stamped else {
        let state = if standing.stale { "bad" } else { "warn" };
        return Ok(Check::told(app, "timestamp", state, "never", &[("why", why), ("secs", &secs)]));
    };
    let (shown, ago) = (stamped.size.to_string(), age(app, Some(stamped.at)).to_string());
    let args = [("shown", shown.as_str()), ("ago", &ago), ("tsa", &stamped.tsa), ("secs", &secs), ("why", why)];
    let (state, what) = match (standing.stale, standing.state) {
        (true, _) => ("bad", "stale"),
        (false, None | Some(crate::stamp::OK)) => ("ok", "ok"),
        (false, Some(_)) => ("warn", "trouble"),
    };
    Ok(Check::told(app, "timestamp", state, what, &args))
}

/// Seconds since then; zero for what never was.
fn age(app: &App, since: Option<Micros>) -> i64 {
    since.map_or(0, |since| (app.db.clock().now() - since).max(0) / SECOND)
}
