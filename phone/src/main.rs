//! `countersign-phone`: sends texts for a Countersign server by the phone it runs on (Termux with Termux:API, or any machine
//! with programs of the same names). See `README.md` beside it for the contract.

mod bridge;
mod journal;
mod key;
mod listen;
mod modem;
mod web;

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use bridge::Bridge;
use journal::Journal;
use key::Keys;
use modem::Modem;

/// What goes wrong.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// A sentence.
    #[error("{0}")]
    Says(String),
    /// What was tried, and why it failed.
    #[error("cannot {0}: {1}")]
    Of(String, String),
}

impl Error {
    fn of(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Of(what.to_owned(), why.to_string())
    }
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the one place of this program that reads the time")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[derive(Debug, Parser)]
#[command(name = "countersign-phone", version, about = "Sends texts for a Countersign server by the phone it runs on: at most once each")]
struct Args {
    /// The bridge's folder, for its owner alone
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the key that the server shows this bridge, and print it once
    Setup {
        /// Replace the key there is
        #[arg(long)]
        anew: bool,
    },
    /// Take orders and hand them to the phone
    Serve {
        /// Where to listen: HOST:PORT, or tailnet:PORT for this machine's address in its tailnet
        #[arg(long, default_value = "127.0.0.1:8622", value_name = "ADDRESS")]
        listen: String,
        /// Listen to others than this machine and its tailnet, although the bridge speaks plain HTTP
        #[arg(long)]
        lan: bool,
        /// The folder of termux-sms-send and the others, when they are not on the search path
        #[arg(long, value_name = "DIR")]
        programs: Option<PathBuf>,
        /// Seconds that one of them may take
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=120))]
        program_secs: u64,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "countersign-phone: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), Error> {
    let folder = match args.data {
        Some(folder) => folder,
        None => Path::new(&std::env::var_os("HOME").ok_or_else(|| Error::Says("say --data: there is no HOME".into()))?).join(".countersign-phone"),
    };
    private(&folder)?;
    match args.command {
        Command::Setup { anew } => {
            let key = key::make()?;
            Keys::begin(&folder, &key, anew)?;
            say(&format!("key {key}\n\nIt is shown only now. Put it into a file of the server, mode 600; this bridge keeps its hash alone.\n"))
        }
        Command::Serve { listen, lan, programs, program_secs } => {
            let address = listen::address(&listen, lan)?;
            let (keys, journal) = (Keys::open(&folder)?, Journal::open(&folder)?);
            let modem = Modem { folder: programs, time_max: Duration::from_secs(program_secs) };
            let bridge = Arc::new(Bridge::new(journal, keys, modem)?);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| Error::of("start", e))?;
            runtime.block_on(serve(address, bridge))
        }
    }
}

async fn serve(address: std::net::SocketAddr, bridge: Arc<Bridge>) -> Result<(), Error> {
    let listener = TcpListener::bind(address).await.map_err(|e| Error::of(&format!("listen on {address}"), e))?;
    let address = listener.local_addr().map_err(|e| Error::of("listen", e))?;
    let (tell, stop) = watch::channel(false);
    let worker = {
        let (bridge, tell) = (bridge.clone(), tell.clone());
        // A thread of its own: the phone's programs are waited for.
        tokio::task::spawn_blocking(move || {
            let done = bridge.work();
            let _ = tell.send(true);
            done
        })
    };
    let (mut term, mut int) = (
        signal(SignalKind::terminate()).map_err(|e| Error::of("wait for signals", e))?,
        signal(SignalKind::interrupt()).map_err(|e| Error::of("wait for signals", e))?,
    );
    say(&format!("listening on http://{address}\n"))?;
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        let _ = tell.send(true);
    });
    let served = listen::serve(listener, web::router(bridge.clone()), stop).await;
    bridge.stop();
    let worked = worker.await.map_err(|e| Error::of("hand texts over", e))?;
    served.and(worked)
}

/// The folder, made for its owner alone; one that others may read is refused.
fn private(folder: &Path) -> Result<(), Error> {
    if !folder.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| Error::of(&format!("make `{}`", folder.display()), e))?;
    }
    let mode = std::fs::metadata(folder).map_err(|e| Error::of(&format!("look at `{}`", folder.display()), e))?.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { Err(Error::Says(format!("`{}` may be read by others: run `chmod 700` on it", folder.display()))) }
}

fn say(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| Error::of("print", e))
}
