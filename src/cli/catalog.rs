//! `countersign catalog …` and `countersign assess score`: catalogues and the score from the command line.
//! Must stay true: showing, checking and scoring need no configuration, no data folder and no server.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::args::{AssessCommand, CatalogCommand};
use super::console::{Ask, call};
use super::{Failure, out};
use crate::catalog::score::{self, Scored};
use crate::catalog::{Catalog, oscal};
use crate::config::{Config, Inputs};

pub(super) async fn run(inputs: &Inputs, command: CatalogCommand) -> Result<(), Failure> {
    match command {
        CatalogCommand::Show { key, json } => show(&key, json),
        CatalogCommand::Import { file, check, json } => import(inputs, &file, check, json).await,
    }
}

fn show(key: &str, json: bool) -> Result<(), Failure> {
    let catalog = Catalog::r2();
    if key != catalog.key {
        let what = format!("`{key}` is not built in");
        return Err(Failure::hinting(what, &format!("built in is `{}`; others come with `countersign catalog import FILE`", catalog.key)));
    }
    if json {
        return out::json(&catalog.shown());
    }
    let (families, requirements, objectives) = catalog.counts();
    out::line(&format!("{}: {families} families, {requirements} requirements, {objectives} objectives", catalog.title))?;
    for family in &catalog.families {
        out::line(&format!("\n{} {}", family.id, family.title))?;
        for r in &family.requirements {
            let points = r.points.map_or_else(|| "-".to_owned(), |p| p.to_string());
            out::line(&format!("  {:8} {points:>2}  {} ({})", r.id, r.title, r.objectives.len()))?;
        }
    }
    Ok(())
}

/// At most `max` bytes of a file.
fn bytes_of(file: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |e: std::io::Error| Failure::cannot(format!("`{}` cannot be read: {e}", file.display()));
    let mut bytes = Vec::new();
    std::fs::File::open(file).map_err(failed)?.take(max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max {
        return Err(Failure::cannot(format!("`{}` has more than {} KiB, the most that is read here", file.display(), max >> 10)));
    }
    Ok(bytes)
}

async fn import(inputs: &Inputs, file: &Path, check: bool, json: bool) -> Result<(), Failure> {
    let bytes = bytes_of(file, oscal::FILE_BYTES_MAX)?;
    let read = oscal::read(&bytes).map_err(|e| Failure::cannot(format!("`{}`: {e}", file.display())))?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    drop(bytes);
    let stored = if !check && has_installation(inputs) {
        let body = serde_json::to_string(&read.catalog).map_err(Failure::cannot)?;
        Some(call(inputs, &Ask::CatalogImport { body, sha256: sha256.clone() }).await?)
    } else {
        None
    };
    let (families, requirements, objectives) = read.catalog.counts();
    let report = json!({
        "key": read.catalog.key,
        "title": read.catalog.title,
        "version": read.catalog.version,
        "sha256": sha256,
        "families": families,
        "requirements": requirements,
        "objectives": objectives,
        "withdrawn": read.withdrawn,
        "repaired": read.repaired,
        "repairs": read.repairs,
        "stored": stored.is_some(),
        "id": stored.as_ref().and_then(|s| s.get("id")).cloned().unwrap_or(Value::Null),
    });
    if stored.is_none() {
        out::say(if check { "checked only" } else { "checked only: there is no installation here; name its folder with --data to keep it" });
    }
    if json {
        return out::json(&report);
    }
    out::line(&format!("{} ({}): {families} families, {requirements} requirements, {objectives} objectives", read.catalog.title, read.catalog.key))?;
    out::line(&format!("{} repaired, {} withdrawn", read.repaired, read.withdrawn))?;
    read.repairs.iter().try_for_each(|r| out::line(&format!("  {}: {}", r.id, r.what)))
}

/// Is there a data folder, or was one asked for?
fn has_installation(inputs: &Inputs) -> bool {
    let named = inputs.config.is_some() || inputs.flags.iter().any(|(key, _)| key == "data");
    named || Config::load(inputs).is_ok_and(|config| config.data.is_dir())
}

pub(super) fn assess(command: &AssessCommand) -> Result<(), Failure> {
    let AssessCommand::Score { file, json } = command;
    let bytes = bytes_of(file, score::FILE_BYTES_MAX)?;
    let catalog = Catalog::r2();
    let statuses = score::parse(catalog, &bytes).map_err(|e| Failure::cannot(format!("`{}`: {e}", file.display())))?;
    let Scored { score, reasons } = score::score(catalog, &statuses);
    if *json {
        return out::json(&json!({ "score": score, "reasons": reasons }));
    }
    out::line(&score.map_or_else(|| "no score: the system security plan (3.12.4) is not found to be met".to_owned(), |s| s.to_string()))?;
    reasons.iter().try_for_each(|r| out::line(&format!("  {:8} {:>3}  {}", r.requirement, -r.points, r.code)))
}
