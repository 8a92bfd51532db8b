//! Tells the service manager when the server is ready, that it still lives, and that it stops.
//! Without a service manager every call does nothing; a failed message is logged and never stops the server.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Says that requests are accepted from now on.
pub fn ready() {
    send(&[NotifyState::Ready, NotifyState::Status("serving")]);
}

/// Says that no more requests are accepted and those in flight are finished.
pub fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("finishing requests in flight")]);
}

/// Starts to ping the service manager's watchdog, twice in each of its periods, as long as `alive` says so and until
/// `shutdown`. None when the service manager asks for no pings.
pub fn watchdog(alive: impl Fn() -> bool + Send + 'static, shutdown: CancellationToken) -> Option<JoinHandle<()>> {
    let period = sd_notify::watchdog_enabled().filter(|period| !period.is_zero())?;
    Some(tokio::spawn(ping(period / 2, alive, shutdown, || send(&[NotifyState::Watchdog]))))
}

async fn ping(every: Duration, alive: impl Fn() -> bool, shutdown: CancellationToken, send: impl Fn()) {
    let mut beat = tokio::time::interval(every);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = beat.tick() => if alive() { send() },
        }
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn the_watchdog_is_pinged_while_alive_and_no_longer() {
        let (alive, pings) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let shutdown = CancellationToken::new();
        let (reached, (up, sent)) = (Arc::new(tokio::sync::Notify::new()), (alive.clone(), pings.clone()));
        let third = reached.clone();
        let task = tokio::spawn(ping(
            Duration::from_millis(1),
            move || up.load(Ordering::SeqCst),
            shutdown.clone(),
            move || {
                if sent.fetch_add(1, Ordering::SeqCst) == 2 {
                    third.notify_one();
                }
            },
        ));
        reached.notified().await;
        alive.store(false, Ordering::SeqCst);
        shutdown.cancel();
        task.await.expect("ends at shutdown");
        assert!(pings.load(Ordering::SeqCst) >= 3);
    }

    #[tokio::test]
    async fn a_dead_server_does_not_ping() {
        let shutdown = CancellationToken::new();
        let (asked, task) = (Arc::new(AtomicUsize::new(0)), shutdown.clone());
        let count = asked.clone();
        let alive = move || {
            if count.fetch_add(1, Ordering::SeqCst) == 2 {
                task.cancel();
            }
            false
        };
        ping(Duration::from_millis(1), alive, shutdown, || panic!("a dead server pinged")).await;
        assert!(asked.load(Ordering::SeqCst) >= 3);
    }
}
