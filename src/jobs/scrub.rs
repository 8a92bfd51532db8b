//! The scrub of the stored files beside all other work, and the alert when one is not what was uploaded.

use tokio_util::sync::CancellationToken;

use super::tell::Ways;
use super::{alerts, due, rest};
use crate::core::clock::HOUR;
use crate::evidence::scrub;
use crate::http::App;
use crate::notices::alert::Alert;

/// Goes on with the scrub every hour, on the node that leads, until told to stop.
pub(super) async fn run(app: &App, ways: &Ways, stop: &CancellationToken) {
    let mut hour = 0;
    while !stop.is_cancelled() {
        if app.db.leads() && !app.db.in_doubt() && due(&mut hour, app.db.clock().now(), HOUR) {
            match scrub::run(&app.db, &app.policy, app.blobs.as_ref(), stop).await {
                Ok(found) if found.altered > 0 => alerts::raise(app, ways, &Alert::EvidenceAltered { files: found.altered }).await,
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the stored files could not be read to the end; it goes on in an hour"),
            }
        }
        rest(stop).await;
    }
}
