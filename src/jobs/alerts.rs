//! Watches for what operators must hear of, and writes the alert.
//! Must stay true: an alert that the database cannot take is still sent, once and directly.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::tell::Ways;
use super::{letter, rest};
use crate::core::clock::{MINUTE, Micros, SECOND};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::NoticeId;
use crate::core::room::{Reserve, Room};
use crate::db::Db;
use crate::http::App;
use crate::identity;
use crate::notices::Told;
use crate::notices::alert::{self, Alert, Targets};
use crate::policy::Role;
use crate::sinks::{self, Kind, Trouble};

/// A database that has not taken an alert after so long is not waited for.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Checkpoints that have waited so long for the signer are told of.
const UNSIGNED_MAX: Micros = MINUTE;

/// Watches everything until told to stop.
pub(super) async fn watch(app: &App, ways: &Ways, stop: &CancellationToken) {
    tokio::join!(watch_trail(app, ways, stop), watch_streams(app, ways, stop), watch_room(app, ways, stop), watch_signer(app, ways, stop));
}

/// Looks once a second for how long checkpoints have waited for the signer. Told once until it signs again.
async fn watch_signer(app: &App, ways: &Ways, stop: &CancellationToken) {
    let stalled = app.keeper.stalled();
    let mut told = false;
    while !stop.is_cancelled() {
        let waits = stalled.borrow().map(|stalled| (app.db.clock().now() - stalled.since, stalled.why));
        let late = waits.filter(|(for_, _)| *for_ >= UNSIGNED_MAX);
        if let Some((for_, why)) = late.filter(|_| !told) {
            raise(app, ways, &Alert::Unsigned { origin: app.db.log().1, secs: for_ / SECOND, why }).await;
        }
        told = waits.is_some() && (told || late.is_some());
        rest(stop).await;
    }
}

/// Looks at the room on the disk once a second. A disk that does not answer is asked no second time meanwhile.
async fn watch_room(app: &App, ways: &Ways, stop: &CancellationToken) {
    let mut told = false;
    while !stop.is_cancelled() {
        let path = app.config.data.clone();
        let looked = tokio::select! {
            looked = tokio::task::spawn_blocking(move || Room::of(&path)) => looked,
            () = stop.cancelled() => return,
        };
        match &looked {
            Ok(Ok(room)) => note_room(&app.db, &app.config.disk, *room),
            Ok(Err(error)) => tracing::error!(%error, "the disk does not say how much room it has"),
            Err(_) => return,
        }
        let short = app.db.is_short();
        if short
            && !told
            && let Ok(Ok(room)) = looked
        {
            let kept = app.config.disk.of(room.total);
            raise(app, ways, &Alert::NoRoom { free_mib: room.free >> 20, kept_mib: kept >> 20 }).await;
        }
        told = short;
        rest(stop).await;
    }
}

/// Tells of keys that were there again at the start, if any were.
pub(super) async fn keys_back(app: &App, ways: &Ways, keys: i64) {
    if keys > 0 {
        raise(app, ways, &Alert::KeysBack { keys }).await;
    }
}

/// Says what a look at the disk means for those who begin something.
pub(super) fn note_room(db: &Db, reserve: &Reserve, room: Room) {
    let short = reserve.is_short(db.is_short(), room);
    if db.set_short(short) {
        let (free, kept) = (room.free, reserve.of(room.total));
        if short {
            tracing::error!(free, kept, "the disk is almost full: nothing new is begun until there is room");
        } else {
            tracing::info!(free, kept, "there is room on the disk again");
        }
    }
}

/// Looks after the receivers of the trail.
async fn watch_streams(app: &App, ways: &Ways, stop: &CancellationToken) {
    if sinks::receivers(&app.config.stream).is_empty() {
        return;
    }
    while !stop.is_cancelled() {
        if let Err(fault) = streams(app, ways).await {
            tracing::error!(fault = fault.chain(), "the receivers of the trail could not be looked after");
        }
        rest(stop).await;
    }
}

/// Tells of each trouble, then notes that it was told: after a crash in between it is told twice rather than never.
async fn streams(app: &App, ways: &Ways) -> Result<(), Fault> {
    let db = &app.db;
    for trouble in sinks::troubles(db, &app.config.stream).await? {
        let noted = match trouble {
            Trouble::Late(at) => {
                let sink = format!("{} {}", at.kind.name(), at.target);
                let why = at.failed.unwrap_or_else(|| "none".to_owned());
                raise(app, ways, &Alert::StreamLate { sink, entries: at.entries, secs: at.secs, why }).await;
                sinks::told(db, at.kind, Some(db.clock().now())).await
            }
            Trouble::Recovered(kind) => {
                tracing::info!(sink = kind.name(), "a receiver of the trail caught up");
                sinks::told(db, kind, None).await
            }
            Trouble::Changed(what, path) => {
                raise(app, ways, &Alert::StreamFile { path, what }).await;
                sinks::alarm(db, Kind::File, None).await
            }
        };
        noted.context("note that operators were told")?;
    }
    Ok(())
}

/// Says so whenever the trail comes into doubt, or another part of it does. Only the doubt about the clock is ever lifted.
async fn watch_trail(app: &App, ways: &Ways, stop: &CancellationToken) {
    let mut doubt = app.db.doubt();
    let mut told = Vec::new();
    loop {
        let parts = doubt.borrow_and_update().clone();
        if parts.iter().any(|part| !told.contains(part)) {
            raise(app, ways, &Alert::IntegrityFault { origin: app.db.log().1, parts: parts.clone() }).await;
        }
        told = parts;
        tokio::select! {
            changed = doubt.changed() => if changed.is_err() { return },
            () = stop.cancelled() => return,
        }
    }
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

/// Says so whenever no time-stamp covered the trail for too long: once until one does.
pub(super) async fn watch_timestamps(app: &App, ways: &Ways, stop: &CancellationToken) {
    let Some(stamper) = &app.stamper else { return };
    let mut standing = stamper.standing();
    let mut told = false;
    loop {
        let (stale, since) = {
            let now = standing.borrow_and_update();
            (now.stale, now.waiting_since)
        };
        if stale && !told {
            let secs = since.map_or(0, |since| (app.db.clock().now() - since) / SECOND);
            raise(app, ways, &Alert::Untimed { origin: app.db.log().1, secs }).await;
        }
        told = stale;
        tokio::select! {
            changed = standing.changed() => if changed.is_err() { return },
            () = stop.cancelled() => return,
        }
    }
}

/// Writes the alert into the outbox, or sends it right away when it cannot be written.
pub(super) async fn raise(app: &App, ways: &Ways, alert: &Alert) {
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
