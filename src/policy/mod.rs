//! Who may do what. Pure: no I/O. `Policy::permit` is the only maker of a `Permit`, and a `Permit` is the only way to a
//! committed change.
//! Must stay true: default deny; every act of the program is named in `access.toml` and nothing else is.

mod access;
mod actor;
mod permit;

pub use access::{AccessError, ActRule, Policy};
pub use actor::{Actor, Auth, Origin, Role, Who};
pub use permit::{Act, Denied, Need, On, Permit, Refusal, Resource};

/// Declares the acts of a slice: a marker type each, with its name and the kind of thing it is done to.
#[macro_export]
macro_rules! acts {
    ($($(#[$meta:meta])* $name:ident = $action:literal on $on:ty),* $(,)?) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}
        impl $crate::policy::Act for $name {
            const NAME: &'static str = $action;
            type On = $on;
        }
    )*
    /// The names of this slice's acts.
    pub const ACTS: &[&str] = &[$($action),*];
    };
}
