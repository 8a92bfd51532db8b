//! `countersign witness …`: be a witness of other people's logs. It needs no configuration and no database, only a folder.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::args::WitnessCommand;
use super::{Failure, out, serve};
use crate::config::{self, Inputs, Log, LogFormat};
use crate::core::clock::Clock;
use crate::core::folder::hold;
use crate::core::rng::Rng;
use crate::http::listen::Limits;
use crate::http::notify;
use crate::witness::{Book, router};

/// Bounds of the listener: a request is small, and clients are few.
const CONNECTIONS_MAX: usize = 256;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const DRAIN: Duration = Duration::from_secs(5);

pub(super) async fn run(inputs: &Inputs, command: WitnessCommand) -> Result<(), Failure> {
    let folder = folder(inputs)?;
    match command {
        WitnessCommand::Init { name } => {
            Book::make(&folder, &name, &Rng::system()).map_err(Failure::cannot)?;
            out::line(&open(&folder)?.vkey())?;
            out::say("This is the witness's verifier key; give it to those whose logs it will watch. Next: countersign witness trust VKEY");
            Ok(())
        }
        WitnessCommand::Trust { vkey } => {
            let origin = open(&folder)?.trust(&vkey).map_err(Failure::cannot)?;
            out::say(&format!("`{origin}` is watched from now on; a running witness needs no restart."));
            Ok(())
        }
        WitnessCommand::Show { json } => show(&open(&folder)?, json),
        WitnessCommand::Serve { listen } => watch(&folder, listen).await,
    }
}

/// The folder of the witness: it has no default, so that it is never a server's.
fn folder(inputs: &Inputs) -> Result<PathBuf, Failure> {
    let given = inputs.flags.iter().rev().find(|(key, _)| key == "data").map(|(_, path)| PathBuf::from(path));
    given.ok_or_else(|| Failure::hinting("a witness has a folder of its own", "give `--data DIR`"))
}

fn open(folder: &std::path::Path) -> Result<Book, Failure> {
    Book::open(folder, Clock::system()).map_err(|e| Failure::cannot(crate::core::fault::chain_of(&e)))
}

/// What it watches. A kept fork is a finding.
fn show(book: &Book, as_json: bool) -> Result<(), Failure> {
    let watched = book.watched().map_err(Failure::cannot)?;
    if as_json {
        let logs: Vec<_> = watched
            .iter()
            .map(|log| {
                let forks: Vec<_> = log.forks.iter().map(|f| json!({ "size": f.size, "folder": f.folder })).collect();
                json!({ "origin": log.origin, "size": log.size, "forks": forks })
            })
            .collect();
        out::json(&json!({ "vkey": book.vkey(), "logs": logs }))?;
    } else {
        out::line(&book.vkey())?;
        for log in &watched {
            let size = log.size.map_or_else(|| "nothing seen yet".to_owned(), |size| format!("{size} entries countersigned"));
            out::line(&format!("{}  {size}", log.origin))?;
            for fork in &log.forks {
                out::line(&format!("  FORK at {} entries: {}", fork.size, fork.folder.display()))?;
            }
        }
    }
    let forked = watched.iter().filter(|log| !log.forks.is_empty()).count();
    if forked == 0 { Ok(()) } else { Err(Failure::Finding(format!("{forked} of {} logs signed two histories", watched.len()))) }
}

async fn watch(folder: &std::path::Path, listen: SocketAddr) -> Result<(), Failure> {
    let book = open(folder)?;
    let _lock = hold(folder).map_err(Failure::cannot)?;
    let log = Log { dir: folder.join("log"), level: tracing::Level::INFO, format: LogFormat::Auto };
    let _log = crate::log::start(&log, Clock::system(), config::no_colour()).map_err(Failure::cannot)?;
    let listener = serve::bind(listen).await?;
    out::say(&format!("witness {} listens on http://{}", book.vkey(), listener.local_addr().map_err(Failure::cannot)?));
    let stop = CancellationToken::new();
    tokio::spawn(serve::stop_on_signal(stop.clone()));
    notify::ready();
    let limits = Limits::new(CONNECTIONS_MAX, HEADER_TIMEOUT, DRAIN);
    let served = crate::http::listen::serve(listener, router(Arc::new(book)), limits, stop).await;
    notify::stopping();
    served.map_err(Failure::cannot)
}
