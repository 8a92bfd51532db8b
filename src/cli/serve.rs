//! `countersign serve`: opens everything, or refuses with one sentence; then serves until told to stop.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Failure, console, out};
use crate::app::{Installation, Migrate, open_folder, router};
use crate::config::{self, Config, Inputs};
use crate::core::clock::Clock;
use crate::core::folder::{DataFolder, write_private};
use crate::core::rng::Rng;
use crate::http::App;
use crate::http::listen::{Limits, serve};
use crate::http::notify;
use crate::identity::links;
use crate::policy::{Actor, On};

/// The set-up link's file in the data folder.
const SETUP_FILE: &str = "setup-link";

pub(super) async fn run(mut inputs: Inputs, listen: Option<SocketAddr>) -> Result<(), Failure> {
    if let Some(listen) = listen {
        inputs.flags.push(("listen".into(), listen.to_string()));
    }
    inputs.serving = true;
    let config = Config::load(&inputs).map_err(Failure::cannot)?;
    let folder = open_folder(&config.data, true)?;
    folder.refuse_demo().map_err(Failure::cannot)?;
    let listener = bind(config.listen).await?;
    serve_on(config, &folder, listener, async |app, folder| setup_link(app, folder).await).await
}

/// Binds, or says what to do.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|e| {
        let hint = if e.kind() == std::io::ErrorKind::AddrInUse { "stop what listens there, or choose another `listen`" } else { "check `listen`" };
        Failure::hinting(format!("cannot listen on {address}: {e}"), hint)
    })
}

/// Serves on `listener` until a signal; `before` runs once everything is open.
pub(super) async fn serve_on(
    config: Config,
    folder: &DataFolder,
    listener: TcpListener,
    before: impl AsyncFnOnce(&App, &DataFolder) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let _log = crate::log::start(&config.log, Clock::system(), config::no_colour()).map_err(Failure::cannot)?;
    let limits = Limits::new(config.limits.connections_max, config.limits.header_timeout, config.limits.drain);
    let installation = Installation::open(config, folder, Clock::system(), Rng::system(), Migrate::IfEmpty, true).await?;
    folder.sweep_tmp().map_err(|e| Failure::cannot(format!("aborted uploads could not be swept: {e}")))?;
    installation.start().await?;
    let stop = CancellationToken::new();
    console::listen(&installation.app, folder.path(), stop.clone())?;
    before(&installation.app, folder).await?;
    for disagreement in &installation.disagreements {
        out::say(&format!("integrity fault: {disagreement}; only signing in, reading and exporting work. Run `countersign check`"));
    }
    let watched = installation.app.clone();
    notify::watchdog(move || watched.ready.load(std::sync::atomic::Ordering::SeqCst), stop.clone());
    notify::ready();
    tokio::spawn(stop_on_signal(stop.clone()));
    let served = serve(listener, router(&installation.app), limits, stop).await;
    notify::stopping();
    installation.close().await;
    served.map_err(Failure::cannot)
}

pub(super) async fn stop_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    stop.cancel();
}

/// While nobody exists, every start makes the set-up link anew: printed, and in a 0600 file.
async fn setup_link(app: &App, folder: &DataFolder) -> Result<(), Failure> {
    let file = folder.path().join(SETUP_FILE);
    if app.db.in_doubt() {
        return Ok(());
    }
    let permit = app.policy.permit(&Actor::system(), &On::any("link")).map_err(|d| Failure::cannot(d.need.because()))?;
    let made = links::make_setup(&app.db, &app.policies.session, permit).await.map_err(Failure::cannot)?;
    let Some(made) = made else {
        let _ = std::fs::remove_file(&file);
        return Ok(());
    };
    let url = format!("{}/link/{}", app.config.url(), made.token);
    write_private(&file, format!("{url}\n").as_bytes()).map_err(Failure::cannot)?;
    out::say(&format!("Nobody has an account yet. Make the first administrator, once, at:\n  {url}\nThe link is also in {}.", file.display()));
    Ok(())
}
