//! `countersign signer …`: sign checkpoints in a process of its own, under another user than the server. It needs no
//! configuration and no database, only a folder, and listens on a socket to one user.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::json;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::args::SignerCommand;
use super::{Failure, out, serve};
use crate::config::{self, Inputs, Log, LogFormat};
use crate::core::clock::Clock;
use crate::core::fault::chain_of;
use crate::core::folder::{DataFolder, erase, hold, private_folder, sync_dir, write_private};
use crate::core::rng::Rng;
use crate::http::notify;
use crate::signer::{Book, KEY_NAME, STATE, remember, serve as answer};
use crate::vault::{make_key, read_key};

/// The file of the signer's key.
const KEY: &str = "key";
/// The folder of what it remembers.
const LOGS: &str = "logs";

pub(super) async fn run(inputs: &Inputs, command: SignerCommand) -> Result<(), Failure> {
    let folder = folder(inputs)?;
    match command {
        SignerCommand::Init { origin } => init(&folder, &origin),
        SignerCommand::Adopt { from } => adopt(&folder, &from),
        SignerCommand::Allow { origin } => {
            open(&folder)?.begin(&origin).map_err(cannot)?;
            out::say(&format!("`{origin}` is signed from now on; a running signer needs no restart."));
            give(&folder)
        }
        SignerCommand::Show { json } => show(&open(&folder)?, json),
        SignerCommand::Serve { socket, user } => listen(&folder, &socket, uid(&user)?).await,
    }
}

fn cannot(error: impl std::error::Error + 'static) -> Failure {
    Failure::cannot(chain_of(&error))
}

/// The folder of the signer: it has no default, so that it is never a server's.
fn folder(inputs: &Inputs) -> Result<PathBuf, Failure> {
    let given = inputs.flags.iter().rev().find(|(key, _)| key == "data").map(|(_, path)| PathBuf::from(path));
    given.ok_or_else(|| Failure::hinting("a signer has a folder of its own", "give `--data DIR`"))
}

fn open(folder: &Path) -> Result<Book, Failure> {
    let seed = read_key(&folder.join(KEY)).map_err(|_| {
        Failure::hinting(
            format!("`{}` holds no signer", folder.display()),
            "make one with `countersign signer init`, or have it take a server's key with `countersign signer adopt`",
        )
    })?;
    Ok(Book::new(&seed, &folder.join(LOGS), Rng::system()))
}

/// A new folder, still without a key.
fn make(folder: &Path) -> Result<(), Failure> {
    private_folder(folder).map_err(cannot)?;
    if folder.join(KEY).exists() {
        return Err(Failure::cannot(format!("`{}` holds a signer already, and its key is never overwritten", folder.display())));
    }
    private_folder(&folder.join(LOGS)).map_err(cannot)
}

fn init(folder: &Path, origin: &str) -> Result<(), Failure> {
    make(folder)?;
    make_key(&folder.join(KEY), &Rng::system()).map_err(cannot)?;
    let book = open(folder)?;
    book.begin(origin).map_err(cannot)?;
    give(folder)?;
    out::line(&book.vkey(origin))?;
    out::say("This is the log's verifier key. Next: `countersign signer serve`, and `signer.socket` in the server's configuration.");
    Ok(())
}

/// Moves key and memory out of a server's data folder. Each step can be done again: the key leaves the server last.
fn adopt(folder: &Path, from: &Path) -> Result<(), Failure> {
    let server = DataFolder::open(from, false).map_err(cannot)?;
    let _lock = server.lock().map_err(cannot)?;
    let key = server.keys().join("log");
    let seed = read_key(&key).map_err(cannot)?;
    if folder.join(KEY).exists() && *read_key(&folder.join(KEY)).map_err(cannot)? != *seed {
        return Err(Failure::cannot(format!("`{}` holds a signer with another key, which is never overwritten", folder.display())));
    }
    private_folder(folder).map_err(cannot)?;
    private_folder(&folder.join(LOGS)).map_err(cannot)?;
    let memory: Vec<PathBuf> = below(&server.signer())?.into_iter().filter(|path| path.is_dir()).collect();
    for log in &memory {
        let to = folder.join(LOGS).join(log.file_name().unwrap_or_default());
        // A memory is never replaced by another, which might be an older one.
        let state = |folder: &Path| std::fs::read(folder.join(STATE)).ok();
        if state(&to).is_some_and(|there| Some(there) != state(log)) {
            return Err(Failure::hinting(
                format!("`{}` remembers this log already, and otherwise than the server does", to.display()),
                "go on with the signer as it is, or under a new origin",
            ));
        }
        private_folder(&to).map_err(cannot)?;
        for file in below(log)? {
            let bytes = std::fs::read(&file).map_err(cannot)?;
            write_private(&to.join(file.file_name().unwrap_or_default()), &bytes).map_err(cannot)?;
        }
    }
    write_private(&folder.join(KEY), &std::fs::read(&key).map_err(cannot)?).map_err(cannot)?;
    let book = open(folder)?;
    let logs = book.logs().map_err(cannot)?;
    remember(&server.signer(), &book.vkey(KEY_NAME)).map_err(cannot)?;
    give(folder)?;
    // From here on only what is left over is taken away.
    for log in &memory {
        for file in below(log)? {
            erase(&file).map_err(cannot)?;
        }
        std::fs::remove_dir(log).map_err(cannot)?;
    }
    sync_dir(&server.signer()).map_err(cannot)?;
    erase(&key).map_err(cannot)?;
    for log in logs {
        out::line(&format!("{}  {} entries signed", log.origin, log.size.unwrap_or(0)))?;
    }
    out::say(
        "The key and its memory are here now and no longer with the server. Next: `countersign signer serve`, and `signer.socket` in the server's configuration.",
    );
    Ok(())
}

fn below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(cannot)?;
    entries.map(|entry| Ok(entry.map_err(cannot)?.path())).collect()
}

/// What root made in somebody's folder is that somebody's.
fn give(folder: &Path) -> Result<(), Failure> {
    let owner = std::fs::metadata(folder).map_err(cannot)?;
    if !rustix::process::geteuid().is_root() || owner.uid() == 0 {
        return Ok(());
    }
    let mut all = vec![folder.to_owned()];
    while let Some(path) = all.pop() {
        std::os::unix::fs::lchown(&path, Some(owner.uid()), Some(owner.gid())).map_err(cannot)?;
        // A link is never followed: whoever owns the folder could lead root elsewhere by it.
        if std::fs::symlink_metadata(&path).map_err(cannot)?.is_dir() {
            all.extend(below(&path)?);
        }
    }
    Ok(())
}

fn show(book: &Book, as_json: bool) -> Result<(), Failure> {
    let logs = book.logs().map_err(cannot)?;
    if as_json {
        return out::json(&json!({ "logs": logs }));
    }
    for log in logs {
        let size = log.size.map_or_else(|| "nothing signed yet".to_owned(), |size| format!("{size} entries signed"));
        out::line(&format!("{}  {size}, epoch {}", book.vkey(&log.origin), log.epoch))?;
    }
    Ok(())
}

/// The number of a user of this machine.
fn uid(user: &str) -> Result<u32, Failure> {
    if let Ok(uid) = user.parse() {
        return Ok(uid);
    }
    let users = std::fs::read_to_string("/etc/passwd").map_err(cannot)?;
    let named = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.first() == Some(&user));
    let found = named.and_then(|fields| fields.get(2)?.parse().ok());
    found.ok_or_else(|| {
        Failure::hinting(format!("there is no user `{user}` on this machine"), "give the name or the number of the user that the server runs as")
    })
}

async fn listen(folder: &Path, socket: &Path, uid: u32) -> Result<(), Failure> {
    let book = open(folder)?;
    let _lock = hold(folder).map_err(cannot)?;
    let logs = book.logs().map_err(cannot)?;
    let log = Log { dir: folder.join("log"), level: tracing::Level::INFO, format: LogFormat::Auto };
    let _log = crate::log::start(&log, Clock::system(), config::no_colour()).map_err(Failure::cannot)?;
    // One of an earlier run may lie there; anything else is somebody's.
    match std::fs::symlink_metadata(socket) {
        Ok(there) if there.file_type().is_socket() => std::fs::remove_file(socket).map_err(cannot)?,
        Ok(_) => return Err(Failure::cannot(format!("`{}` is there and is no socket", socket.display()))),
        Err(_) => {}
    }
    let listener = UnixListener::bind(socket).map_err(|e| Failure::cannot(format!("cannot listen on `{}`: {e}", socket.display())))?;
    // Whoever may reach the folder may connect; who is answered is decided by their user alone.
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666)).map_err(cannot)?;
    out::say(&format!("signer of {} logs listens on {} to user {uid}", logs.len(), socket.display()));
    let stop = CancellationToken::new();
    tokio::spawn(serve::stop_on_signal(stop.clone()));
    notify::ready();
    answer(book, listener, uid, stop).await;
    notify::stopping();
    let _ = std::fs::remove_file(socket);
    Ok(())
}
