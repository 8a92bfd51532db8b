//! `countersign backup …` for SQLite: the database by `VACUUM INTO`, files, policies, the trail's head, a manifest of hashes.
//! Keys are never in it; the wrapped data keys go to a folder of their own, so that an erased subject stays erased.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::args::BackupCommand;
use super::console::{Ask, call};
use super::{Failure, out};
use crate::app::open_folder;
use crate::config::{Config, Inputs};
use crate::core::folder::{sync_dir, write_private};
use crate::policies::Policies;
use crate::store::Store;

const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "countersign.db";
const KEYS_DATABASE: &str = "keys.db";

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    countersign_backup: u32,
    version: String,
    files: BTreeMap<String, String>,
}

pub(super) async fn run(inputs: &Inputs, command: BackupCommand) -> Result<(), Failure> {
    match command {
        BackupCommand::Create { out, data_keys, json } => create(inputs, &out, data_keys.as_deref(), json).await,
        BackupCommand::Verify { dir, json } => {
            let files = verify(&dir).await?;
            if json {
                out::json(&json!({ "dir": dir, "files": files }))
            } else {
                out::line(&format!("{}: {files} files, every hash is right, the database is sound", dir.display()))
            }
        }
        BackupCommand::Restore { dir, data_keys, json } => restore(inputs, &dir, data_keys.as_deref(), json).await,
    }
}

fn new_folder(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(|e| Failure::hinting(format!("{}: {e}", path.display()), "give a folder that does not exist yet"))
}

async fn create(inputs: &Inputs, to: &Path, keys_to: Option<&Path>, as_json: bool) -> Result<(), Failure> {
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    if config.database.url.sqlite_path().is_none() {
        return Err(Failure::hinting(
            "this backs up SQLite; PostgreSQL has its own tools",
            "use pg_dump or a base backup, and copy `blobs/` and `checkpoints/` of the data folder",
        ));
    }
    let folder = open_folder(&config.data, false)?;
    new_folder(to)?;
    call(inputs, &Ask::BackupCreate).await?;
    copy_database(config.database.url.expose(), &to.join(DATABASE)).await?;
    if let Some(keys_to) = keys_to {
        new_folder(keys_to)?;
        copy_database(config.database.keys_url.expose(), &keys_to.join(KEYS_DATABASE)).await?;
        seal_manifest(keys_to)?;
    }
    // After the database: a file that it names is never younger than it.
    copy_tree(&folder.blobs(), &to.join("blobs"), &|name| name != "tmp")?;
    copy_tree(&folder.checkpoints(), &to.join("checkpoints"), &|_| true)?;
    // The keys of epochs are in no copy: what they sealed holds because there was only one of each.
    copy_tree(&folder.signer(), &to.join("signer"), &|name| !name.starts_with("key-"))?;
    let policies = Policies::read(config.policies.as_deref()).map_err(Failure::cannot)?;
    new_folder(&to.join("policies"))?;
    for (name, text) in &policies.texts {
        write_private(&to.join("policies").join(format!("{name}.toml")), text.as_bytes()).map_err(Failure::cannot)?;
    }
    let files = seal_manifest(to)?;
    verify(to).await?;
    if as_json {
        return out::json(&json!({ "dir": to, "files": files, "data_keys": keys_to }));
    }
    out::line(&format!("{files} files in {}, verified", to.display()))?;
    if keys_to.is_none() {
        out::say("The database of wrapped data keys was not copied: give --data-keys DIR, and keep it in a shorter rotation of its own.");
    }
    Ok(())
}

async fn copy_database(url: &str, to: &Path) -> Result<(), Failure> {
    let store = Store::open(url, 1).await.map_err(Failure::cannot)?;
    let done = store.copy_to(&to.display().to_string()).await.map_err(Failure::cannot);
    store.close().await;
    done?;
    private(to)
}

fn private(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(Failure::cannot)
}

fn copy_tree(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
    new_folder(to)?;
    for entry in std::fs::read_dir(from).map_err(Failure::cannot)? {
        let entry = entry.map_err(Failure::cannot)?;
        let name = entry.file_name();
        if !wanted(&name.to_string_lossy()) {
            continue;
        }
        let kind = entry.file_type().map_err(Failure::cannot)?;
        if kind.is_dir() {
            copy_tree(&entry.path(), &to.join(&name), wanted)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), to.join(&name)).map_err(|e| Failure::cannot(format!("{}: {e}", entry.path().display())))?;
            private(&to.join(&name))?;
        }
    }
    sync_dir(to).map_err(Failure::cannot)
}

fn files_below(root: &Path, below: &Path, out: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(below).map_err(Failure::cannot)? {
        let path = entry.map_err(Failure::cannot)?.path();
        if path.is_dir() {
            files_below(root, &path, out)?;
        } else if path != root.join(MANIFEST) {
            out.push(path);
        }
    }
    Ok(())
}

fn digest(path: &Path) -> Result<String, Failure> {
    let mut file = std::fs::File::open(path).map_err(|e| Failure::cannot(format!("{}: {e}", path.display())))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer).map_err(Failure::cannot)?;
        if n == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(&buffer[..n]);
    }
}

fn hashes(dir: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut paths = Vec::new();
    files_below(dir, dir, &mut paths)?;
    paths.iter().map(|p| Ok((p.strip_prefix(dir).unwrap_or(p).display().to_string(), digest(p)?))).collect()
}

fn seal_manifest(dir: &Path) -> Result<usize, Failure> {
    let manifest = Manifest { countersign_backup: 1, version: env!("CARGO_PKG_VERSION").into(), files: hashes(dir)? };
    let text = serde_json::to_string_pretty(&manifest).map_err(Failure::cannot)?;
    write_private(&dir.join(MANIFEST), text.as_bytes()).map_err(Failure::cannot)?;
    Ok(manifest.files.len())
}

/// Compares every file with the manifest, both ways, and lets SQLite check its database.
async fn verify(dir: &Path) -> Result<usize, Failure> {
    let text = std::fs::read_to_string(dir.join(MANIFEST)).map_err(|e| Failure::cannot(format!("{}: {e}", dir.join(MANIFEST).display())))?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|e| Failure::Finding(format!("the manifest cannot be read: {e}")))?;
    let found = hashes(dir)?;
    for (path, hash) in &manifest.files {
        match found.get(path) {
            None => return Err(Failure::Finding(format!("`{path}` is missing"))),
            Some(other) if other != hash => return Err(Failure::Finding(format!("`{path}` is not what was backed up"))),
            Some(_) => {}
        }
    }
    if let Some(extra) = found.keys().find(|p| !manifest.files.contains_key(*p)) {
        return Err(Failure::Finding(format!("`{extra}` is not in the manifest")));
    }
    for name in [DATABASE, KEYS_DATABASE] {
        if dir.join(name).exists() {
            crate::store::check_file(&dir.join(name)).map_err(|e| Failure::Finding(format!("`{name}`: {e}")))?;
        }
    }
    Ok(manifest.files.len())
}

async fn restore(inputs: &Inputs, dir: &Path, keys_dir: Option<&Path>, as_json: bool) -> Result<(), Failure> {
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    let files = verify(dir).await?;
    let folder = open_folder(&config.data, true)?;
    let _lock = folder.lock().map_err(Failure::cannot)?;
    let to = folder.path().join(DATABASE);
    if to.exists() {
        return Err(Failure::hinting(format!("{} exists already", to.display()), "restore into a new data folder"));
    }
    for (name, target) in [("blobs", folder.blobs()), ("checkpoints", folder.checkpoints()), ("signer", folder.signer())] {
        merge_tree(&dir.join(name), &target)?;
    }
    if let Some(keys_dir) = keys_dir {
        verify(keys_dir).await?;
        put(&keys_dir.join(KEYS_DATABASE), &folder.path().join(KEYS_DATABASE))?;
    }
    put(&dir.join(DATABASE), &to)?;
    sync_dir(folder.path()).map_err(Failure::cannot)?;
    if as_json {
        return out::json(&json!({ "data": folder.path(), "files": files }));
    }
    out::line(&format!("{files} files restored to {}", folder.path().display()))?;
    out::say("Put the keys back (`countersign keys import`), then run `countersign check --full`.");
    out::say("Keys of epochs are in no backup: a trail that had epochs goes on under a new origin (`countersign audit new-origin --reason …`).");
    Ok(())
}

fn put(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::copy(from, to).map_err(|e| Failure::cannot(format!("{}: {e}", from.display())))?;
    private(to)
}

fn merge_tree(from: &Path, to: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(from).map_err(Failure::cannot)? {
        let entry = entry.map_err(Failure::cannot)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            if !target.exists() {
                new_folder(&target)?;
            }
            merge_tree(&entry.path(), &target)?;
        } else {
            put(&entry.path(), &target)?;
        }
    }
    sync_dir(to).map_err(Failure::cannot)
}
