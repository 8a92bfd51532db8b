//! One worker for each receiver, so that one that hangs holds up no other: takes what is next, sends it, moves the cursor.
//! Must stay true: the cursor moves only after the receiver confirmed, and only from where it was read; a try ends in time;
//! tries that fail come further and further apart, but never end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::feed::{Batch, Next, next};
use super::file::Appender;
use super::syslog::{self, Outlet};
use super::{ADVANCE, FAILED, Kind, State, receivers, state, webhook, write};
use crate::config::Stream;
use crate::core::fault::{Context as _, Fault};
use crate::db::Db;
use crate::db::checkpoint::Keeper;
use crate::notices::webhook::{Poster, TRY_MAX};

/// The pause when there is nothing to do.
const REST: Duration = Duration::from_millis(500);
/// The longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A disk that does not answer for so long is not waited for.
const FILE_MAX: Duration = Duration::from_secs(20);

/// A way out of the house.
#[derive(Debug)]
enum Way {
    Syslog(Outlet),
    Webhook(Box<Poster>),
    File(Arc<Mutex<Appender>>),
    /// Set up, but unusable.
    Broken,
}

/// What a step came to.
#[derive(Debug)]
enum Step {
    Moved,
    Nothing,
    Failed,
}

/// A receiver with the way to it.
#[derive(Debug)]
struct Sink {
    kind: Kind,
    target: String,
    way: Way,
}

/// Could every receiver of the settings be sent to? So that the start is refused and not each try.
///
/// # Errors
/// When one could not, whatever it does: no certificates to trust.
pub fn ready(stream: &Stream) -> Result<(), Fault> {
    if let Some(to) = &stream.syslog {
        Outlet::new(to, syslog::TRY_MAX)?;
    }
    if let Some(to) = &stream.webhook {
        Poster::new(to, TRY_MAX)?;
    }
    Ok(())
}

/// Streams to every receiver of the settings until told to stop.
pub async fn run(db: &Db, keeper: &Keeper, stream: &Stream, stop: &CancellationToken) {
    let sinks = receivers(stream).into_iter().map(|(kind, target)| Sink { kind, target, way: Way::of(kind, stream) });
    let sinks: Vec<Sink> = sinks.collect();
    futures_util::future::join_all(sinks.iter().map(|sink| work(db, keeper, sink, stop))).await;
}

impl Way {
    fn of(kind: Kind, stream: &Stream) -> Self {
        let way = match kind {
            Kind::Syslog => stream.syslog.as_ref().map(|to| Outlet::new(to, syslog::TRY_MAX).map(Self::Syslog)),
            Kind::Webhook => stream.webhook.as_ref().map(|to| Poster::new(to, TRY_MAX).map(|poster| Self::Webhook(Box::new(poster)))),
            Kind::File => stream.file.clone().map(|path| Ok(Self::File(Arc::new(Mutex::new(Appender::new(path)))))),
        };
        way.unwrap_or(Ok(Self::Broken)).unwrap_or_else(|fault| {
            tracing::error!(sink = kind.name(), fault = fault.chain(), "a receiver of the trail cannot be reached; correct the settings");
            Self::Broken
        })
    }

    /// Sends a batch. Gives what the kind wants to remember of it, and what operators must hear.
    async fn send(&self, db: &Db, batch: &Batch, mark: Option<String>) -> Result<(Option<String>, Option<&'static str>), &'static str> {
        let now = db.clock().now();
        match self {
            Self::Syslog(outlet) => outlet.send(batch, &db.process().version, &db.process().boot, now).await.map(|()| (None, None)),
            Self::Webhook(poster) => webhook::send(poster, batch, now).await.map(|()| (None, None)),
            Self::File(appender) => {
                let (appender, batch) = (appender.clone(), batch.clone());
                let writing = tokio::task::spawn_blocking(move || {
                    // Held by a try that the disk has not let go of yet.
                    let Ok(mut appender) = appender.try_lock() else { return Err("timeout") };
                    appender.append(mark.as_deref(), &batch)
                });
                let written = tokio::time::timeout(FILE_MAX, writing).await.map_err(|_| "timeout")?.map_err(|_| "disk")??;
                Ok((Some(written.mark), written.alarm))
            }
            Self::Broken => Err("settings"),
        }
    }
}

async fn work(db: &Db, keeper: &Keeper, sink: &Sink, stop: &CancellationToken) {
    let mut failures = 0;
    while !stop.is_cancelled() {
        let took = tokio::select! {
            took = step(db, keeper, sink) => took,
            () = stop.cancelled() => return,
        };
        let rest = match took {
            Ok(Step::Moved) => Duration::ZERO,
            Ok(Step::Nothing) => REST,
            Ok(Step::Failed) => pause(failures),
            Err(fault) => {
                tracing::error!(sink = sink.kind.name(), fault = fault.chain(), "the trail was not streamed");
                pause(failures)
            }
        };
        failures = if rest > REST { failures + 1 } else { 0 };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// The pause after so many failures: a second at first, a minute at the end.
fn pause(failures: u32) -> Duration {
    PAUSE_MAX.min(Duration::from_secs(1 << failures.min(6)))
}

async fn step(db: &Db, keeper: &Keeper, sink: &Sink) -> Result<Step, Fault> {
    // In doubt nothing leaves: nobody should bear witness of it.
    if db.in_fault() || !db.leads() {
        return Ok(Step::Nothing);
    }
    let Some(at) = state(db, sink.kind).await?.filter(|at| at.target == sink.target) else { return Ok(Step::Nothing) };
    match next(db, keeper, &at).await? {
        Next::Nothing => Ok(Step::Nothing),
        Next::Log(log) => advance(db, sink, &at, (log, 0), at.mark.clone()).await,
        Next::Batch(batch) => send(db, sink, &at, &batch).await,
        Next::Doubt => {
            tracing::error!(sink = sink.kind.name(), log = at.log, from = at.next_seq, "what was to be streamed is not what was signed");
            db.latch_fault("leaves");
            Ok(Step::Nothing)
        }
    }
}

async fn send(db: &Db, sink: &Sink, at: &State, batch: &Batch) -> Result<Step, Fault> {
    let name = sink.kind.name();
    match sink.way.send(db, batch, at.mark.clone()).await {
        Ok((mark, alarm)) => {
            if let Some(what) = alarm {
                tracing::error!(sink = name, what, from = at.next_seq, "the file of the trail was changed from outside; entries may be missing from it");
                super::alarm(db, sink.kind, Some(what)).await.context("note what happened to the file")?;
            }
            advance(db, sink, at, (batch.log, batch.next_seq()), mark).await
        }
        Err(why) => {
            tracing::warn!(sink = name, why, from = at.next_seq, tries = at.attempts + 1, "a receiver did not take the trail; it is tried again");
            write(db, FAILED, |q| q.bind(name).bind(why)).await.context("note a failed try")?;
            Ok(Step::Failed)
        }
    }
}

/// Moves the cursor from where it was read; another node that moved it wins.
async fn advance(db: &Db, sink: &Sink, from: &State, to: (i64, i64), mark: Option<String>) -> Result<Step, Fault> {
    let now = db.clock().now();
    let moved = write(db, ADVANCE, |q| {
        let q = q.bind(sink.kind.name()).bind(to.0).bind(to.1).bind(mark).bind(now);
        q.bind(from.log).bind(from.next_seq).bind(from.target.clone())
    });
    moved.await.context("move a receiver's cursor")?;
    Ok(Step::Moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_a_minute() {
        let pauses: Vec<u64> = (0..9).map(|n| pause(n).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }
}
