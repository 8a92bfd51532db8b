//! The workers of the outbox: one for each lane, so that a mail server that hangs holds up no webhook, and the other way.
//! Must stay true: what is claimed together is tried before its claim ends, so that no other worker tries it meanwhile.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::letter::{self, Letter};
use super::mailer::{self, Mailer};
use super::rest;
use crate::config::Config;
use crate::core::fault::Fault;
use crate::core::id::NoticeId;
use crate::http::App;
use crate::notices::webhook::{self, Poster};
use crate::notices::{self, CLAIMED_MAX, Due, LEASE, Lane, Told, alert};

/// Tries of one lane at once.
const PARALLEL_MAX: u32 = 4;
/// What is in hand when the server stops gets so much longer.
const GRACE: Duration = Duration::from_secs(3);

const _: () = assert!((CLAIMED_MAX.div_ceil(PARALLEL_MAX) as u64 * mailer::TRY_MAX.as_secs()) < LEASE as u64 / 1_000_000 / 2);
const _: () = assert!(webhook::TRY_MAX.as_secs() <= mailer::TRY_MAX.as_secs());

/// The ways out of the house. None where nothing is set up.
#[derive(Debug)]
pub(super) struct Ways {
    mailer: Option<Mailer>,
    poster: Option<Poster>,
    /// Set up, but unusable: what goes this way waits for the operator.
    broken: [bool; 2],
}

impl Ways {
    /// What the settings ask for.
    pub(super) fn of(config: &Config) -> Self {
        let mailer = config.smtp.as_ref().map(|smtp| Mailer::new(smtp, mailer::TRY_MAX));
        let poster = config.alerts.webhook.as_ref().map(|to| Poster::new(to, webhook::TRY_MAX));
        let broken = [matches!(mailer, Some(Err(_))), matches!(poster, Some(Err(_)))];
        Self { mailer: usable(mailer, "mail"), poster: usable(poster, "webhooks"), broken }
    }

    /// Sends a letter, once.
    pub(super) async fn mail(&self, letter: Letter) -> Told {
        match &self.mailer {
            Some(mailer) => mailer.send(letter).await,
            None if self.broken[0] => Told::Later("settings"),
            None => Told::Nowhere,
        }
    }

    /// Posts a notice, once.
    pub(super) async fn post(&self, app: &App, id: &NoticeId, body: String) -> Told {
        match &self.poster {
            Some(poster) => poster.post(id.as_str(), app.db.clock().now(), body).await,
            None if self.broken[1] => Told::Later("settings"),
            None => Told::Nowhere,
        }
    }
}

fn usable<T>(way: Option<Result<T, Fault>>, what: &str) -> Option<T> {
    way?.inspect_err(|fault| tracing::error!(fault = fault.chain(), "{what} cannot be sent; correct the settings")).ok()
}

/// Runs both lanes until told to stop.
pub(super) async fn run(app: &App, ways: &Ways, stop: &CancellationToken) {
    tokio::join!(work(app, ways, Lane::Mail, stop), work(app, ways, Lane::Webhook, stop));
}

async fn work(app: &App, ways: &Ways, lane: Lane, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        match notices::claim(&app.db, lane).await {
            Ok(due) => {
                let tries: Vec<_> = due.into_iter().map(|notice| one(app, ways, lane, notice, stop)).collect();
                stream::iter(tries).buffer_unordered(PARALLEL_MAX as usize).collect::<()>().await;
            }
            Err(error) => tracing::error!(fault = Fault::with("claim notices", error).chain(), "notices were not told"),
        }
        rest(stop).await;
    }
}

/// One claimed notice. What is not begun, or not done soon after the stop, waits for its claim to end.
async fn one(app: &App, ways: &Ways, lane: Lane, notice: Due, stop: &CancellationToken) {
    if stop.is_cancelled() {
        return;
    }
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    let told = tokio::select! {
        told = tell(app, ways, lane, &notice) => told,
        () = late => return,
    };
    if let Err(error) = notices::settle(&app.db, &notice, told).await {
        tracing::error!(notice = %notice.id, fault = Fault::with("settle a notice", error).chain(), "what became of a notice was not written");
    }
}

async fn tell(app: &App, ways: &Ways, lane: Lane, notice: &Due) -> Told {
    let told = match lane {
        Lane::Mail => mail(app, ways, notice).await,
        Lane::Webhook => post(app, ways, notice).await,
    };
    told.unwrap_or_else(|fault| {
        tracing::warn!(notice = %notice.id, fault = fault.chain(), "a notice could not be written out");
        Told::Later("unreadable")
    })
}

async fn mail(app: &App, ways: &Ways, notice: &Due) -> Result<Told, Fault> {
    Ok(match letter::of(app, notice).await? {
        Ok(letter) => ways.mail(letter).await,
        Err(told) => told,
    })
}

async fn post(app: &App, ways: &Ways, notice: &Due) -> Result<Told, Fault> {
    let args = notice.args(&app.db).await?;
    Ok(match alert::body(&notice.template, notice.made_at, &args, app.config.url()) {
        Some(body) => ways.post(app, &notice.id, body).await,
        None => Told::Never("not_for_outside"),
    })
}
