//! Reading, searching, proving and exporting the audit trail. Reading it is an entry too.

crate::acts! {
    /// Read the trail.
    Read = "trail.read" on crate::policy::On,
    /// Export it.
    Export = "trail.export" on crate::policy::On,
    /// Take over a new origin.
    NewOrigin = "trail.new_origin" on crate::policy::On,
}
