//! `countersign audit …`: verify, export, and going on after an integrity fault.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use futures_util::StreamExt as _;
use serde_json::json;

use super::args::{AuditCommand, ExportFormat, Filters};
use super::console::{Ask, call};
use super::{Failure, out};
use crate::app::{Migrate, open_db, open_folder};
use crate::config::{Config, Inputs};
use crate::core::clock::Clock;
use crate::core::id::EventId;
use crate::core::rng::Rng;
use crate::db::Db;
use crate::db::checkpoint::Keeper;
use crate::db::integrity::Walked;
use crate::db::{integrity, rows as guarded, sealed, wall};
use crate::trail::filter::{Filter, Misread, Raw};
use crate::trail::rows;

pub(super) async fn run(inputs: &Inputs, command: AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::Verify { json } => verify(inputs, json).await,
        AuditCommand::Export { out: Some(dir), format: ExportFormat::Folder, filters, json } => folder(inputs, &dir, &filters, json).await,
        AuditCommand::Export { out: None, format: ExportFormat::Folder, .. } => {
            Err(Failure::hinting("a folder must be named", "give `--out` a new or empty folder, or choose `--format jsonl` or `csv`"))
        }
        AuditCommand::Export { out, format, filters, json } => entries(inputs, out.as_deref(), format, *filters, json).await,
        AuditCommand::Clock { reason, json } => clock(inputs, reason, json).await,
        AuditCommand::NewOrigin { reason, json } => new_origin(inputs, &reason, json).await,
    }
}

async fn open(inputs: &Inputs) -> Result<(Db, Keeper), Failure> {
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    let folder = open_folder(&config.data, false)?;
    Ok(open_db(&config, &folder, &Clock::system(), &Rng::system(), Migrate::IfEmpty).await?)
}

async fn verify(inputs: &Inputs, json: bool) -> Result<(), Failure> {
    let (db, keeper) = open(inputs).await?;
    let Walked { entries, bad, clock } = integrity::examine(&db).await?;
    let disagreements = integrity::compare(&db, &keeper).await?;
    let row = guarded::unnamed(&db).await?;
    let value = sealed::walk(&db).await?.1;
    let now = wall::said(&db).await?.map(|what| format!("the clock disagrees: {what}"));
    let findings: Vec<String> = bad.into_iter().chain(value).chain(disagreements.iter().map(ToString::to_string)).chain(row).chain(now).collect();
    let origin = db.log().1;
    if json {
        out::json(&json!({ "origin": origin, "entries": entries, "findings": findings, "clock": clock }))?;
    } else {
        out::line(&format!("{origin}: {entries} entries re-hashed, {} findings", findings.len()))?;
        clock.iter().try_for_each(|note| out::line(&format!("note: {note}")))?;
    }
    match findings.first() {
        None => Ok(()),
        Some(first) => Err(Failure::Finding(first.clone())),
    }
}

async fn folder(inputs: &Inputs, dir: &Path, filters: &Filters, json: bool) -> Result<(), Failure> {
    if raw(filters.clone()) != Raw::default() {
        return Err(Failure::hinting(
            "a part of the trail proves nothing: the folder holds all of it",
            "leave the filters out, or give `--format jsonl` or `csv`",
        ));
    }
    call(inputs, &Ask::AuditExport { format: "folder".into(), filter: String::new() }).await?;
    let (db, keeper) = open(inputs).await?;
    let report = crate::trail::export::folder(&db, dir).await.map_err(Failure::cannot)?;
    let vkey = keeper.signer().vkey(&db.log().1);
    if json {
        return out::json(&json!({ "dir": dir, "entries": report.size, "files": report.files, "vkey": vkey }));
    }
    out::line(&format!("{} entries in {} files below {}", report.size, report.files, dir.display()))?;
    out::say(&format!("verify with: countersign-verify {} --key '{vkey}'", dir.display()));
    Ok(())
}

fn raw(filters: Filters) -> Raw {
    let Filters { actor, action, object, outcome, address, request, first, last, from, to, log } = filters;
    let text = Option::unwrap_or_default;
    Raw {
        actor: text(actor),
        action: text(action),
        object: text(object),
        outcome: text(outcome),
        address: text(address),
        request: text(request),
        first: text(first),
        last: text(last),
        from: text(from),
        to: text(to),
        log: text(log),
    }
}

/// The entries that fit the filters, up to the entry of this export, into a new file or to standard output.
async fn entries(inputs: &Inputs, to: Option<&Path>, format: ExportFormat, filters: Filters, json: bool) -> Result<(), Failure> {
    let raw = raw(filters);
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    let (db, _) = open(inputs).await?;
    // Understood before it is recorded: a typing mistake is no export.
    let filter = Filter::read(&db, &raw, config.zone_name(), &crate::app::acts()).await.map_err(|misread| match misread {
        Misread::Says(_, name) => Failure::hinting(format!("`--{name}` was not understood"), "see `countersign audit export --help`"),
        Misread::Fault(fault) => fault.into(),
    })?;
    db.store().close().await;
    db.vault().store().close().await;
    let mut file = to.map(|path| std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)).transpose();
    let file = file.as_mut().map_err(|e| Failure::hinting(format!("the file cannot be made: {e}"), "give a new file in a folder that exists"))?;
    let name = if format == ExportFormat::Csv { "csv" } else { "json" };
    let said = call(inputs, &Ask::AuditExport { format: name.into(), filter: raw.query("", None) }).await?;
    let own = said["entry"].as_str().and_then(|id| id.parse::<EventId>().ok()).ok_or_else(|| Failure::cannot("the export was not recorded"))?;
    let (db, _) = open(inputs).await?;
    let mut rows = if format == ExportFormat::Csv { rows::csv(db, filter, own) } else { rows::json_lines(db, filter, own) };
    let mut lines = 0;
    while let Some(part) = rows.next().await {
        let part = part.map_err(|e| Failure::cannot(format!("the export broke off; what was written is not whole: {e}")))?;
        lines += part.iter().filter(|b| **b == b'\n').count();
        match file {
            Some(file) => file.write_all(&part).map_err(|e| Failure::cannot(format!("the file cannot be written: {e}")))?,
            None => out::bytes(&part)?,
        }
    }
    let (Some(file), Some(path)) = (file, to) else { return Ok(()) };
    file.sync_all().map_err(|e| Failure::cannot(format!("the file cannot be written: {e}")))?;
    if json {
        return out::json(&json!({ "file": path, "lines": lines }));
    }
    out::line(&format!("{lines} lines in {}", path.display()))
}

async fn clock(inputs: &Inputs, reason: String, json: bool) -> Result<(), Failure> {
    let said = call(inputs, &Ask::TrailClock { reason }).await?;
    if json { out::json(&said) } else { out::line("the trail goes on with the clock as it stands; the entry says how it stood") }
}

async fn new_origin(inputs: &Inputs, reason: &str, json: bool) -> Result<(), Failure> {
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    let folder = open_folder(&config.data, false)?;
    let made = crate::app::new_origin(&config, &folder, reason).await?;
    if json { out::json(&json!({ "origin": made })) } else { out::line(&format!("the trail goes on as {made}; its first entry names what was known before")) }
}
