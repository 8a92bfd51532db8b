//! Watches for what operators must hear of, and writes the alert.
//! Must stay true: an alert that the database cannot take is still sent, once and directly.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::letter;
use super::tell::Ways;
use crate::core::fault::Fault;
use crate::core::id::NoticeId;
use crate::http::App;
use crate::identity;
use crate::notices::Told;
use crate::notices::alert::{self, Alert, Targets};
use crate::policy::Role;

/// A database that has not taken an alert after so long is not waited for.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Waits until the trail is in doubt, and says so. The doubt is latched, so once in a process's life is all.
pub(super) async fn watch(app: &App, ways: &Ways, stop: &CancellationToken) {
    let mut doubt = app.db.doubt();
    let parts = tokio::select! {
        found = doubt.wait_for(|parts| !parts.is_empty()) => found.map(|parts| parts.clone()),
        () = stop.cancelled() => return,
    };
    let Ok(parts) = parts else { return };
    raise(app, ways, &Alert::IntegrityFault { origin: app.db.log().1, parts }).await;
}

/// Says so whenever the trail went without a quorum of witnesses for too long: once until it is confirmed again.
pub(super) async fn watch_witnesses(app: &App, ways: &Ways, stop: &CancellationToken) {
    let Some(cosigner) = &app.cosigner else { return };
    let mut standing = cosigner.standing();
    let mut told = false;
    loop {
        let (stale, entries) = {
            let now = standing.borrow_and_update();
            (now.stale, now.unwitnessed)
        };
        if stale && !told {
            raise(app, ways, &Alert::Unwitnessed { origin: app.db.log().1, entries }).await;
        }
        told = stale;
        tokio::select! {
            changed = standing.changed() => if changed.is_err() { return },
            () = stop.cancelled() => return,
        }
    }
}

/// Writes the alert into the outbox, or sends it right away when it cannot be written.
async fn raise(app: &App, ways: &Ways, alert: &Alert) {
    let written = tokio::time::timeout(WRITE_MAX, write(app, alert)).await;
    let why = match written {
        Ok(Ok(())) => return tracing::info!(alert = alert.template(), "an alert was written"),
        Ok(Err(fault)) => fault.chain(),
        Err(_elapsed) => "no answer in time".to_owned(),
    };
    tracing::error!(alert = alert.template(), why, "an alert could not be written; it is sent once, directly");
    let (mailed, posted) = tokio::join!(mail(app, ways, alert), post(app, ways, alert));
    tracing::error!(alert = alert.template(), ?mailed, ?posted, "an alert was sent directly");
}

async fn write(app: &App, alert: &Alert) -> Result<(), Fault> {
    let admins = identity::holders(&app.db, Role::Admin).await.unwrap_or_else(|fault| {
        tracing::error!(fault = fault.chain(), "administrators could not be listed; they are not told on their page");
        Vec::new()
    });
    let to = Targets { mail: app.config.alerts.mail_to.is_some(), webhook: app.config.alerts.webhook.is_some(), admins: &admins };
    alert::write(&app.db, alert, to).await.map_err(|error| Fault::with("write an alert", error))
}

async fn mail(app: &App, ways: &Ways, alert: &Alert) -> Told {
    let db = &app.db;
    match letter::of_alert(app, &NoticeId::new(db.clock(), db.rng()), alert.template(), db.clock().now(), alert.args()) {
        Ok(Ok(letter)) => ways.mail(letter).await,
        Ok(Err(told)) => told,
        Err(fault) => {
            tracing::error!(fault = fault.chain(), "an alert could not be written out");
            Told::Never("unreadable")
        }
    }
}

async fn post(app: &App, ways: &Ways, alert: &Alert) -> Told {
    let db = &app.db;
    match alert::body(alert.template(), db.clock().now(), &alert.args(), app.config.url()) {
        Some(body) => ways.post(app, &NoticeId::new(db.clock(), db.rng()), body).await,
        None => Told::Nowhere,
    }
}
