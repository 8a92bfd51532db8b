//! `countersign migrate`: says what is pending, or does it under the lock; and gives the server's own role its rights.

use super::{Failure, out};
use crate::app::open_folder;
use crate::config::{Config, Inputs};
use crate::store::{Schema, Store, VersionState};

pub(super) async fn run(inputs: &Inputs, check: bool, grant: Option<&str>) -> Result<(), Failure> {
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    let folder = open_folder(&config.data, true)?;
    let _lock = folder.lock().map_err(Failure::cannot)?;
    for (name, url, schema) in [("main", &config.database.url, Schema::Main), ("keys", &config.database.keys_url, Schema::Keys)] {
        let store = Store::open(url.expose(), config.database.connections).await.map_err(Failure::cannot)?;
        match store.version_state(schema).await.map_err(Failure::cannot)? {
            VersionState::Current => out::line(&format!("{name}: up to date"))?,
            VersionState::Newer(version) => {
                return Err(Failure::cannot(format!("the {name} database was migrated by a newer countersign (version {version}); use that program")));
            }
            VersionState::Behind(n) if check => out::line(&format!("{name}: {n} pending"))?,
            VersionState::Behind(n) => {
                store.migrate(schema).await.map_err(Failure::cannot)?;
                out::line(&format!("{name}: {n} applied"))?;
            }
        }
        if let Some(role) = grant {
            store.grant(schema, role).await.map_err(Failure::cannot)?;
            out::line(&format!("{name}: `{role}` may serve, and only add to the trail"))?;
        }
        store.close().await;
    }
    Ok(())
}
