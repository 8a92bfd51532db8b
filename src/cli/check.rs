//! `countersign check`: everything that can be checked without serving, with a remedy per finding. Exit 1 on a finding.

use serde::Serialize;

use super::{Failure, out};
use crate::app::{self, Migrate, acts, open_db, open_folder};
use crate::config::{Config, Inputs};
use crate::core::clock::Clock;
use crate::core::folder::DataFolder;
use crate::core::rng::Rng;
use crate::core::room::Room;
use crate::db::{Db, integrity, rows, sealed, wall};
use crate::http::headers::HeaderPolicy;
use crate::http::templates::bytes;
use crate::policies::Policies;
use crate::policy::Policy;
use crate::sinks;
use crate::vault::{Custody, KeyRing};

/// One checked thing.
#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    state: &'static str,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

fn ok(name: &'static str, says: impl Into<String>) -> Line {
    Line { name, state: "ok", says: says.into(), remedy: None }
}

fn bad(name: &'static str, says: impl Into<String>, remedy: &str) -> Line {
    Line { name, state: "bad", says: says.into(), remedy: Some(remedy.to_owned()) }
}

fn warn(name: &'static str, says: impl Into<String>, remedy: &str) -> Line {
    Line { name, state: "warn", says: says.into(), remedy: Some(remedy.to_owned()) }
}

pub(super) async fn run(inputs: &Inputs, full: bool, json: bool) -> Result<(), Failure> {
    let lines = look(inputs, full).await;
    let worst = lines.iter().find(|l| l.state == "bad").map(|l| format!("{}: {}", l.name, l.says));
    if json {
        out::json(&serde_json::json!({ "ok": worst.is_none(), "checks": lines }))?;
    } else {
        for line in &lines {
            out::line(&format!("{:4} {}: {}", line.state, line.name, line.says))?;
            if let Some(remedy) = &line.remedy {
                out::line(&format!("     -> {remedy}"))?;
            }
        }
    }
    worst.map_or(Ok(()), |what| Err(Failure::Finding(what)))
}

async fn look(inputs: &Inputs, full: bool) -> Vec<Line> {
    let config = match Config::load(inputs) {
        Ok(config) => config,
        Err(faults) => return vec![bad("configuration", faults.0.join(" "), "mend the settings it names; `countersign config example` shows all")],
    };
    let mut lines = vec![ok("configuration", format!("{} settings", config.show().len()))];
    lines.push(policies(&config));
    lines.push(alerts(&config));
    let folder = match open_folder(&config.data, false) {
        Ok(folder) => folder,
        Err(error) => {
            lines.push(bad("data folder", error.to_string(), "make it, or correct `data`"));
            return lines;
        }
    };
    lines.push(permissions(&folder));
    lines.push(room(&config));
    match KeyRing::read_with(&folder.keys(), app::custody(&config)) {
        Ok(ring) => lines.push(keys(&config, &folder, &ring)),
        Err(error) => {
            lines.push(bad("keys", error.to_string(), "run `countersign keys generate` for a new installation, or put the keys back"));
            return lines;
        }
    }
    lines.extend(trail(&config, &folder, full).await);
    lines
}

/// Where somebody wraps key-encryption keys, one that lies as it is undoes it for all that it wrapped.
fn keys(config: &Config, folder: &DataFolder, ring: &KeyRing) -> Line {
    let complete = ok("keys", format!("complete in {}", folder.keys().display()));
    if app::custody(config) == Custody::default() {
        return complete;
    }
    match ring.in_the_clear() {
        Ok(versions) if versions.is_empty() => complete,
        Ok(versions) => {
            let names: Vec<String> = versions.iter().map(|version| format!("`kek-{version}`")).collect();
            let says = format!("in {} not wrapped: {}", folder.keys().display(), names.join(", "));
            warn("keys", says, "set `keys.wrap_command`, run `countersign keys rotate`, then `countersign keys retire` for each")
        }
        Err(error) => bad("keys", error.to_string(), "put the keys back"),
    }
}

fn policies(config: &Config) -> Line {
    let read = Policies::read(config.policies.as_deref()).map_err(|e| e.to_string()).and_then(|p| {
        Policy::parse(&p.texts["access"], &acts()).map_err(|e| e.to_string())?;
        HeaderPolicy::parse(&p.texts["headers"], config.is_https())?;
        Ok(p.hash())
    });
    match read {
        Ok(hash) => ok("policies", format!("sha256 {hash}")),
        Err(error) => bad("policies", error, "mend the file it names"),
    }
}

fn alerts(config: &Config) -> Line {
    let mail = config.alerts.mail_to.as_ref().map(|to| format!("mail to {to}"));
    let post = config.alerts.webhook.as_ref().map(|to| format!("webhook to {}, signed with a secret that is not shown", to.url));
    let told: Vec<String> = mail.into_iter().chain(post).collect();
    if told.is_empty() {
        let says = "nobody outside hears of it when the trail comes into doubt";
        return warn("alerts", says, "set `alerts.mail_to`, or `alerts.webhook_url` with `alerts.webhook_secret_file`");
    }
    ok("alerts", told.join("; "))
}

fn room(config: &Config) -> Line {
    const MEND: &str = "make room on the disk of the data folder, or give it a larger one";
    match Room::of(&config.data) {
        Err(error) => bad("room", format!("the disk does not say how much room it has: {error}"), MEND),
        Ok(room) => {
            let (free, kept) = (bytes(room.free), bytes(config.disk.of(room.total)));
            if config.disk.is_short(false, room) {
                return bad("room", format!("{free} free, where {kept} are kept: nothing new is begun"), MEND);
            }
            ok("room", format!("{free} free; {kept} are kept for the audit trail"))
        }
    }
}

fn permissions(folder: &DataFolder) -> Line {
    match folder.wide_permissions() {
        Ok(rights) if rights.wide.is_empty() && rights.complete => ok("permissions", "folders 0700, files 0600"),
        Ok(rights) if rights.wide.is_empty() => warn("permissions", "more than 100,000 files; the rest was not looked at", "run `find` over the blobs"),
        Ok(rights) => {
            let (path, mode) = &rights.wide[0];
            bad(
                "permissions",
                format!("{} can be reached by others (mode {:o}), and {} more", path.display(), mode & 0o777, rights.wide.len() - 1),
                "run `chmod -R go-rwx` on the data folder",
            )
        }
        Err(error) => bad("permissions", error.to_string(), "let the server's own user run this"),
    }
}

/// Each receiver of the trail, and how far it is behind.
async fn streams(config: &Config, db: &Db) -> Vec<Line> {
    let standing = match sinks::standing(db, &config.stream).await {
        Ok(standing) => standing,
        Err(fault) => return vec![bad("stream", fault.chain(), "see the sentence")],
    };
    let one = |at: sinks::Standing| {
        let (why, sink) = (at.failed.as_deref().unwrap_or("none"), format!("{} {}", at.kind.name(), at.target));
        let says = format!("{sink}: {} entries behind, the oldest for {} seconds; last failure: {why}", at.entries, at.secs);
        match (at.late, &at.failed) {
            (true, _) => bad("stream", says, "look at the receiver and at the way to it; the stream goes on from where the receiver has it"),
            (false, Some(_)) => warn("stream", says, "look at the receiver and at the way to it when this lasts"),
            (false, None) => ok("stream", says),
        }
    };
    standing.into_iter().map(one).collect()
}

async fn trail(config: &Config, folder: &DataFolder, full: bool) -> Vec<Line> {
    const MEND: &str = "keep a copy of the data folder, find out what happened, then either restore what is missing or go on with `countersign audit new-origin --reason …`, whose first entry names the last known checkpoint and the gap";
    let (db, keeper) = match open_db(config, folder, &Clock::system(), &Rng::system(), Migrate::IfEmpty).await {
        Ok(opened) => opened,
        Err(error) => return vec![bad("database", Failure::from(error).words(), "see the sentence")],
    };
    let mut lines = vec![ok("database", if db.store().is_sqlite() { "SQLite" } else { "PostgreSQL" })];
    if db.store().may_rewrite().await.ok().flatten() == Some(true) {
        let says = "the server's role may change or remove what the trail holds";
        lines.push(warn("role", says, "serve with a role of its own, and run `countersign migrate --grant ROLE` as the owner of the tables"));
    }
    match integrity::compare(&db, &keeper).await {
        Ok(found) if found.is_empty() => lines.push(ok("trail", format!("{}: head, leaves, tiles, checkpoints and signer agree", db.log().1))),
        Ok(found) => lines.extend(found.iter().map(|d| bad("trail", d.to_string(), MEND))),
        Err(fault) => lines.push(bad("trail", fault.chain(), MEND)),
    }
    lines.push(match wall::said(&db).await {
        Ok(None) => ok("clock", "it stands after the newest entry"),
        Ok(Some(what)) => bad("clock", what, "set the clock right, then run `countersign audit clock --reason …`"),
        Err(fault) => bad("clock", fault.chain(), MEND),
    });
    if full {
        match integrity::walk(&db).await {
            Ok((entries, None)) => lines.push(ok("entries", format!("{entries} re-hashed"))),
            Ok((_, Some(what))) => lines.push(bad("entries", what, MEND)),
            Err(fault) => lines.push(bad("entries", fault.chain(), MEND)),
        }
        match sealed::walk(&db).await {
            Ok((values, None)) => lines.push(ok("values", format!("{values} sealed values opened, each is the one its entry committed to"))),
            Ok((_, Some(what))) => lines.push(bad("values", what, MEND)),
            Err(fault) => lines.push(bad("values", fault.chain(), MEND)),
        }
        match rows::unnamed(&db).await {
            Ok(None) => lines.push(ok("rows", "each names the entry that changed it last, and is named by it")),
            Ok(Some(what)) => lines.push(bad("rows", what, MEND)),
            Err(fault) => lines.push(bad("rows", fault.chain(), MEND)),
        }
    }
    lines.extend(streams(config, &db).await);
    let exported: Option<(String,)> = db.query("select value from fixed where name = 'keys_exported_at'").optional().await.ok().flatten();
    lines.push(match exported {
        Some(_) => ok("recovery", "the keys were exported to a recovery recipient"),
        None => warn(
            "recovery",
            "the keys were never exported: if this disk is lost, so is everything sealed",
            "run `countersign keys export` and keep the file elsewhere",
        ),
    });
    lines
}
