//! Acts of running the server, and the pages that show what is in force: home, policies, settings, status, health.

crate::acts! {
    /// The server started.
    Start = "server.start" on crate::policy::On,
    /// See the policies.
    ReadPolicy = "policy.read" on crate::policy::On,
    /// See settings and status.
    ReadConfig = "config.read" on crate::policy::On,
    /// Export the keys to a recovery recipient.
    ExportKeys = "keys.export" on crate::policy::On,
    /// Make a backup.
    Backup = "backup.create" on crate::policy::On,
}
