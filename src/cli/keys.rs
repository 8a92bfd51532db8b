//! `countersign keys …`: make them, export them sealed with a passphrase, put them back, print the verifier key.

use std::collections::BTreeMap;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::args::KeysCommand;
use super::console::{Ask, call};
use super::{Failure, out};
use crate::app::{self, Migrate, open_db, open_folder};
use crate::config::{Config, Inputs};
use crate::core::clock::Clock;
use crate::core::folder::write_private;
use crate::core::rng::Rng;
use crate::db::epoch;
use crate::vault::{DataKey, FILES, KeyRing, Place};

/// Characters a recovery passphrase must have.
const PASSPHRASE_CHARS_MIN: usize = 20;
/// Memory in KiB, passes, lanes for the recovery passphrase: paid once, so dearer than a sign-in.
const PARAMS: (u32, u32, u32) = (262_144, 4, 1);
const PLACE: Place<'_> = Place { table: "recovery", row: "keys", column: "v1" };

/// The recovery file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recovery {
    countersign_keys: u32,
    salt: String,
    sealed: String,
}

pub(super) async fn run(inputs: &Inputs, command: KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Generate { json } => generate(inputs, json),
        KeysCommand::Export { out, passphrase_file } => export(inputs, &out, &passphrase_file).await,
        KeysCommand::Import { file, passphrase_file } => import(inputs, &file, &passphrase_file),
        KeysCommand::Vkey { json } => vkey(inputs, json).await,
        KeysCommand::Rotate { prepare, json } => rotate(inputs, prepare, json).await,
        KeysCommand::Retire { version, json } => retire(inputs, version, json).await,
    }
}

fn generate(inputs: &Inputs, as_json: bool) -> Result<(), Failure> {
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    let folder = open_folder(&config.data, true)?;
    let made = KeyRing::generate_in(&folder.keys(), &Rng::system(), config.signer.socket.is_none(), &app::custody(&config)).map_err(Failure::cannot)?;
    if as_json {
        return out::json(&json!({ "made": made }));
    }
    for path in &made {
        let purpose = FILES.iter().find(|(name, _)| path.ends_with(name)).map_or("", |(_, purpose)| purpose);
        out::line(&format!("{}  {purpose}", path.display()))?;
    }
    out::say("Now export them to a recovery recipient: countersign keys export --out FILE --passphrase-file FILE");
    Ok(())
}

fn passphrase(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new).map_err(|e| Failure::cannot(format!("{}: {e}", file.display())))?;
    let text = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
    if text.chars().count() < PASSPHRASE_CHARS_MIN {
        return Err(Failure::cannot(format!("the passphrase in {} has fewer than {PASSPHRASE_CHARS_MIN} characters", file.display())));
    }
    Ok(text)
}

fn recovery_key(passphrase: &str, salt: &[u8]) -> Result<DataKey, Failure> {
    let (memory, passes, lanes) = PARAMS;
    let params = Params::new(memory, passes, lanes, Some(32)).map_err(Failure::cannot)?;
    let mut key = Zeroizing::new([0_u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice()).map_err(Failure::cannot)?;
    DataKey::new("recovery", key.as_slice()).ok_or_else(|| Failure::cannot("a derived key is 32 bytes"))
}

/// Every file of the key folder: later key-encryption keys too.
fn read_all(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut keys = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(Failure::cannot)?.filter_map(Result::ok) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if FILES.iter().any(|(known, _)| *known == name) || name.starts_with("kek-") {
            let text = std::fs::read_to_string(entry.path()).map_err(Failure::cannot)?;
            keys.insert(name, text.trim().to_owned());
        }
    }
    Ok(keys)
}

async fn export(inputs: &Inputs, to: &Path, passphrase_file: &Path) -> Result<(), Failure> {
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    let folder = open_folder(&config.data, false)?;
    KeyRing::read_with(&folder.keys(), app::custody(&config)).map_err(Failure::cannot)?;
    let passphrase = passphrase(passphrase_file)?;
    if to.exists() {
        return Err(Failure::cannot(format!("{} exists already", to.display())));
    }
    let rng = Rng::system();
    let salt = rng.bytes::<16>();
    let plain = Zeroizing::new(serde_json::to_vec(&read_all(&folder.keys())?).map_err(Failure::cannot)?);
    let sealed = recovery_key(&passphrase, &salt)?.seal(&PLACE, &plain, &rng);
    let file = Recovery { countersign_keys: 1, salt: STANDARD.encode(salt), sealed: STANDARD.encode(sealed) };
    write_private(to, serde_json::to_string_pretty(&file).map_err(Failure::cannot)?.as_bytes()).map_err(Failure::cannot)?;
    call(inputs, &Ask::KeysExport).await?;
    out::line(&format!("{} holds the keys, sealed with the passphrase; keep both apart from this machine and from each other", to.display()))
}

fn import(inputs: &Inputs, from: &Path, passphrase_file: &Path) -> Result<(), Failure> {
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    let folder = open_folder(&config.data, true)?;
    let text = std::fs::read_to_string(from).map_err(|e| Failure::cannot(format!("{}: {e}", from.display())))?;
    let file: Recovery = serde_json::from_str(&text).map_err(|e| Failure::cannot(format!("{} is not a recovery file: {e}", from.display())))?;
    let wrong = || Failure::cannot("the passphrase does not open this file");
    let salt = STANDARD.decode(&file.salt).map_err(|_| wrong())?;
    let sealed = STANDARD.decode(&file.sealed).map_err(|_| wrong())?;
    let plain = recovery_key(&passphrase(passphrase_file)?, &salt)?.open(&PLACE, &sealed).ok_or_else(wrong)?;
    let keys: BTreeMap<String, String> = serde_json::from_slice(&plain).map_err(|_| wrong())?;
    if let Some(there) = keys.keys().find(|k| folder.keys().join(k).exists()) {
        return Err(Failure::cannot(format!("`{there}` exists already; keys are never overwritten")));
    }
    for (name, key) in &keys {
        write_private(&folder.keys().join(name), format!("{key}\n").as_bytes()).map_err(Failure::cannot)?;
    }
    out::line(&format!("{} keys are back in {}", keys.len(), folder.keys().display()))
}

async fn rotate(inputs: &Inputs, prepare: bool, as_json: bool) -> Result<(), Failure> {
    let done = call(inputs, &Ask::KeysRotate { prepare }).await?;
    if as_json {
        return out::json(&done);
    }
    let number = |name: &str| done.get(name).and_then(serde_json::Value::as_i64).unwrap_or_default();
    if prepare {
        out::line(&format!("`kek-{}` is made and used by nothing yet", number("to")))?;
        out::say("Copy it to every other node, run `countersign keys export`, then `countersign keys rotate`.");
        return Ok(());
    }
    out::line(&format!("{} of {} data keys are wrapped anew with `kek-{}`", number("rewrapped"), number("keys"), number("to")))?;
    if number("left") > 0 {
        let what = format!("{} data keys are still wrapped with an older key: another node made them", number("left"));
        return Err(Failure::hinting(what, "copy the new key to every node, restart it, and run `countersign keys rotate` again"));
    }
    out::say("Export the keys again: countersign keys export --out FILE --passphrase-file FILE");
    out::say("Once no backup of the keys' database needs the old one: countersign keys retire VERSION");
    Ok(())
}

async fn retire(inputs: &Inputs, version: i64, as_json: bool) -> Result<(), Failure> {
    let done = call(inputs, &Ask::KeysRetire { version }).await?;
    if as_json {
        out::json(&done)
    } else {
        out::line(&format!("`kek-{version}` is overwritten and removed; older backups of the keys' database cannot be opened with what is here"))
    }
}

async fn vkey(inputs: &Inputs, as_json: bool) -> Result<(), Failure> {
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    let folder = open_folder(&config.data, false)?;
    let (db, keeper) = open_db(&config, &folder, &Clock::system(), &Rng::system(), Migrate::IfEmpty).await?;
    let origin = db.log().1;
    let vkey = keeper.signer().vkey(&origin);
    // Of the epoch that began last: given to an auditor now, it holds what was before its end.
    let epoch = epoch::newest(&db, db.log().0).await?.map(|newest| newest.vkey);
    if as_json {
        return out::json(&json!({ "origin": origin, "vkey": vkey, "epoch_vkey": epoch }));
    }
    out::line(&vkey)?;
    if let Some(epoch) = epoch {
        out::say(&format!("key of the epoch that runs, for `countersign-verify --epoch`: {epoch}"));
    }
    Ok(())
}
