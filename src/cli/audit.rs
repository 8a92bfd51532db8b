//! `countersign audit …`: verify, export, and going on after an integrity fault.

use serde_json::json;

use super::args::AuditCommand;
use super::console::{Ask, call};
use super::{Failure, out};
use crate::app::{Migrate, open_db, open_folder};
use crate::config::{Config, Inputs};
use crate::core::clock::Clock;
use crate::core::rng::Rng;
use crate::db::Db;
use crate::db::checkpoint::Keeper;
use crate::db::{integrity, rows};

pub(super) async fn run(inputs: &Inputs, command: AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::Verify { json } => verify(inputs, json).await,
        AuditCommand::Export { out, json } => export(inputs, &out, json).await,
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
    let (entries, bad) = integrity::walk(&db).await?;
    let disagreements = integrity::compare(&db, &keeper).await?;
    let row = rows::unnamed(&db).await?;
    let findings: Vec<String> = bad.into_iter().chain(disagreements.iter().map(ToString::to_string)).chain(row).collect();
    let origin = db.log().1;
    if json {
        out::json(&json!({ "origin": origin, "entries": entries, "findings": findings }))?;
    } else {
        out::line(&format!("{origin}: {entries} entries re-hashed, {} findings", findings.len()))?;
    }
    match findings.first() {
        None => Ok(()),
        Some(first) => Err(Failure::Finding(first.clone())),
    }
}

async fn export(inputs: &Inputs, dir: &std::path::Path, json: bool) -> Result<(), Failure> {
    call(inputs, &Ask::AuditExport).await?;
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

async fn new_origin(inputs: &Inputs, reason: &str, json: bool) -> Result<(), Failure> {
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    let folder = open_folder(&config.data, false)?;
    let made = crate::app::new_origin(&config, &folder, reason).await?;
    if json { out::json(&json!({ "origin": made })) } else { out::line(&format!("the trail goes on as {made}; its first entry names what was known before")) }
}
