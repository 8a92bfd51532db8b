//! Acts of running the server, and the pages that show what is in force: home, policies, settings, status, health.
//! Must stay true: health tells strangers nothing but whether it works, and nothing here writes but what marks a notice as read.

pub mod epoch;
pub mod health;
pub mod home;
pub mod shown;
pub mod sql;
pub mod status;
mod status_time;
mod waiting;
pub mod web;
mod web_api;

pub use web_api::api_doc;

crate::acts! {
    /// The server started.
    Start = "server.start" on crate::policy::On,
    /// The server runs.
    Heartbeat = "server.heartbeat" on crate::policy::On,
    /// End an epoch of the trail.
    RotateEpoch = "epoch.rotate" on crate::policy::On,
    /// See the policies.
    ReadPolicy = "policy.read" on crate::policy::On,
    /// See settings and status.
    ReadConfig = "config.read" on crate::policy::On,
    /// Export the keys to a recovery recipient.
    ExportKeys = "keys.export" on crate::policy::On,
    /// Wrap every data key with a new key-encryption key.
    RotateKeys = "keys.rotate" on crate::policy::On,
    /// Remove a key-encryption key that nothing needs.
    RetireKey = "keys.retire" on crate::policy::On,
    /// Make a backup.
    Backup = "backup.create" on crate::policy::On,
}

/// A recovery copy made before a new key is not whole any more.
pub const KEYS_NOT_EXPORTED: &str = "delete from fixed where name = 'keys_exported_at'";
/// Notes when the keys were exported to a recovery recipient.
pub const KEYS_EXPORTED: &str = "insert into fixed (name, value) values ('keys_exported_at', $1) on conflict (name) do update set value = excluded.value";
