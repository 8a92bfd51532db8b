//! What the status page looks at. A check never fails the page: what cannot be looked at is itself a finding.

use std::path::PathBuf;

use serde::Serialize;

use super::{sql, status_time};
use crate::core::clock::{Micros, SECOND};
use crate::core::folder::DataFolder;
use crate::core::room::Room;
use crate::http::App;
use crate::http::Error;
use crate::http::templates::bytes;
use crate::sinks::{self, Standing};

/// An entry that is not signed after so long is late.
const UNSIGNED_MAX: Micros = 10 * SECOND;
/// Files named at most.
const NAMED_MAX: usize = 3;

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    name: String,
    /// `ok`, `warn` or `bad`.
    pub state: &'static str,
    says: String,
    remedy: Option<String>,
}

impl Check {
    /// A finding whose words name what was found; one that is not `ok` has a remedy.
    pub(super) fn told(app: &App, name: &str, state: &'static str, what: &str, args: &[(&str, &str)]) -> Self {
        let remedy = (state != "ok").then(|| app.text(&format!("check-{name}-{what}-remedy"), &[]));
        Self { name: app.text(&format!("check-{name}"), &[]), state, says: app.text(&format!("check-{name}-{what}"), args), remedy }
    }
}

/// A fact of this server.
#[derive(Clone, Debug, Serialize)]
pub struct Fact {
    name: String,
    value: String,
}

/// All checks, the worst matters first.
///
/// # Errors
/// When the database fails in the middle of it.
pub async fn checks(app: &App) -> Result<Vec<Check>, Error> {
    let db = &app.db;
    if let Err(error) = db.store().ping().await {
        tracing::error!(%error, "the database does not answer");
        return Ok(vec![found(app, "database", "bad", "bad")]);
    }
    let fault = db.in_fault();
    let exported: i64 = db.query(sql::KEYS_EXPORTED).scalar().await?;
    let stuck = crate::notices::stuck(db).await?;
    let mut out = vec![fine(app, "database")];
    out.push(if fault { Check { remedy: Some(app.text("check-trail-remedy", &[])), ..plain(app, "trail", "bad", "bad") } } else { fine(app, "trail") });
    out.extend(checkpoint(app).await?);
    out.push(witnesses(app).await?);
    out.extend(status_time::unwitnessed(app));
    out.push(status_time::timestamps(app).await?);
    if db.store().may_rewrite().await? == Some(true) {
        out.push(found(app, "role", "warn", "owner"));
    }
    out.push(if exported > 0 { fine(app, "keys") } else { found(app, "keys", "warn", "export") });
    out.push(folder(app).await);
    out.push(room(app).await);
    out.push(if app.config.smtp.is_some() { fine(app, "mail") } else { found(app, "mail", "warn", "none") });
    let heard = app.config.alerts.mail_to.is_some() || app.config.alerts.webhook.is_some();
    out.push(if heard { fine(app, "alerts") } else { found(app, "alerts", "warn", "none") });
    out.extend(streams(app).await?);
    out.push(if stuck == 0 { fine(app, "notices") } else { counted(app, "notices", "stuck", stuck) });
    if app.config.sandbox.enabled {
        out.push(found(app, "gateway", "warn", "sandbox"));
    }
    Ok(out)
}

async fn checkpoint(app: &App) -> Result<[Check; 2], Error> {
    let (log, _) = app.db.log();
    let now = app.db.clock().now();
    let newest = app.db.latest_checkpoint(log).await?;
    let clock = status_time::clock(app, newest.as_ref());
    let Some(kept) = newest else {
        return Ok([Check { remedy: Some(app.text("check-checkpoint-remedy", &[])), ..plain(app, "checkpoint", "warn", "none") }, clock]);
    };
    let waiting: Option<(i64,)> = app.db.query(sql::UNSIGNED_SINCE).bind(log).bind(kept.size).optional().await?;
    let stalled = *app.keeper.stalled().borrow();
    let late = waiting.is_some_and(|(since,)| now - since > UNSIGNED_MAX);
    let signed = if let Some(stalled) = stalled {
        let secs = ((now - stalled.since) / SECOND).to_string();
        let says = app.text("check-checkpoint-stalled", &[("secs", &secs), ("why", stalled.why)]);
        let remedy = Some(app.text("check-checkpoint-stalled-remedy", &[]));
        Check { name: app.text("check-checkpoint", &[]), state: "bad", says, remedy }
    } else if late {
        Check { remedy: Some(app.text("check-checkpoint-remedy", &[])), ..plain(app, "checkpoint", "bad", "late") }
    } else {
        fine(app, "checkpoint")
    };
    Ok([signed, clock])
}

/// The witnesses, and those that do not countersign.
async fn witnesses(app: &App) -> Result<Check, Error> {
    let Some(cosigner) = &app.cosigner else { return Ok(found(app, "witness", "warn", "none")) };
    let rows = app.db.witnesses(app.db.log().0).await?;
    let named = rows.iter().filter(|row| row.state != crate::cosign::OK).take(NAMED_MAX).map(|row| format!("{} ({})", row.witness, row.state));
    let named = named.collect::<Vec<_>>().join(", ");
    let (state, what) = match (cosigner.standing().borrow().stale, named.is_empty()) {
        (true, _) => ("bad", "stale"),
        (false, false) => ("warn", "trouble"),
        (false, true) => return Ok(fine(app, "witness")),
    };
    let check = found(app, "witness", state, what);
    Ok(Check { says: format!("{} {named}", check.says).trim_end().to_owned(), ..check })
}

/// Each receiver of the trail, and how far it is behind.
async fn streams(app: &App) -> Result<Vec<Check>, Error> {
    let one = |at: Standing| {
        let (what, state) = match (at.late, &at.failed) {
            (true, _) => ("late", "bad"),
            (false, Some(_)) => ("failed", "warn"),
            (false, None) => ("ok", "ok"),
        };
        let sink = format!("{} {}", at.kind.name(), at.target);
        let (entries, secs) = (at.entries.to_string(), at.secs.to_string());
        let args = [("sink", sink.as_str()), ("entries", &entries), ("secs", &secs), ("why", at.failed.as_deref().unwrap_or("none"))];
        let remedy = (what != "ok").then(|| app.text(&format!("check-stream-{what}-remedy"), &[]));
        Check { name: app.text("check-stream", &[]), state, says: app.text(&format!("check-stream-{what}"), &args), remedy }
    };
    Ok(sinks::standing(&app.db, &app.config.stream).await?.into_iter().map(one).collect())
}

/// The room on the disk of the data folder.
async fn room(app: &App) -> Check {
    let path: PathBuf = app.config.data.clone();
    let asked = tokio::task::spawn_blocking(move || Room::of(&path));
    let Ok(Ok(room)) = asked.await else { return found(app, "room", "bad", "unread") };
    let short = app.db.is_short();
    let (free, kept) = (bytes(room.free), bytes(app.config.disk.of(room.total)));
    let says = app.text(if short { "check-room-short" } else { "check-room-ok" }, &[("free", &free), ("kept", &kept)]);
    let remedy = short.then(|| app.text("check-room-short-remedy", &[]));
    Check { name: app.text("check-room", &[]), state: if short { "bad" } else { "ok" }, says, remedy }
}

/// The rights of the data folder: a bounded walk, off the runtime's threads.
async fn folder(app: &App) -> Check {
    let path: PathBuf = app.config.data.clone();
    let walk = tokio::task::spawn_blocking(move || {
        let folder = DataFolder::open(&path, false).ok()?;
        let rights = folder.wide_permissions().ok()?;
        let names: Vec<String> = rights.wide.iter().take(NAMED_MAX).map(|(p, _)| p.strip_prefix(folder.path()).unwrap_or(p).display().to_string()).collect();
        Some((i64::try_from(rights.wide.len()).unwrap_or(i64::MAX), names))
    });
    match walk.await.ok().flatten() {
        Some((0, _)) => fine(app, "folder"),
        Some((count, names)) => {
            let check = counted(app, "folder", "wide", count);
            Check { state: "bad", says: format!("{} {}", check.says, names.join(", ")), ..check }
        }
        None => found(app, "folder", "bad", "unread"),
    }
}

fn plain(app: &App, name: &str, state: &'static str, what: &str) -> Check {
    Check { name: app.text(&format!("check-{name}"), &[]), state, says: app.text(&format!("check-{name}-{what}"), &[]), remedy: None }
}

fn fine(app: &App, name: &str) -> Check {
    plain(app, name, "ok", "ok")
}

fn found(app: &App, name: &str, state: &'static str, what: &str) -> Check {
    Check { remedy: Some(app.text(&format!("check-{name}-{what}-remedy"), &[])), ..plain(app, name, state, what) }
}

fn counted(app: &App, name: &str, what: &str, count: i64) -> Check {
    let says = app.text(&format!("check-{name}-{what}"), &[("count", &count.to_string())]);
    let remedy = Some(app.text(&format!("check-{name}-{what}-remedy"), &[]));
    Check { name: app.text(&format!("check-{name}"), &[]), state: "warn", says, remedy }
}

/// What this server is.
///
/// # Errors
/// When the database fails.
pub async fn facts(app: &App) -> Result<Vec<Fact>, Error> {
    let (log, origin) = app.db.log();
    let process = app.db.process();
    let size = crate::trail::read::size(&app.db, log).await?.to_string();
    let kind = if app.db.store().is_sqlite() { "SQLite" } else { "PostgreSQL" };
    let facts = [
        ("version", process.version.clone()),
        ("build", process.build.clone()),
        ("public-url", app.config.url().to_owned()),
        ("database", kind.to_owned()),
        ("origin", origin.clone()),
        ("verifier-key", app.keeper.signer().vkey(&origin)),
        ("size", size),
    ];
    Ok(facts.into_iter().map(|(name, value)| Fact { name: app.text(&format!("fact-{name}"), &[]), value }).collect())
}
