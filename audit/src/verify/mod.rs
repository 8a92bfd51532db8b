//! Checks the trail: from a folder of files and a verifier key to a verdict, offline.
//!
//! Nothing here is shared with the writer. What is absent is never taken for fine, and what could not
//! be checked is said.

mod ahead;
mod base64;
pub mod bundle;
pub mod certificate;
pub mod checkpoint;
pub mod clock;
pub mod cosign;
mod der;
pub mod epochs;
mod error;
mod files;
pub mod json;
pub mod kept;
mod lead;
pub mod leaf;
pub mod moment;
pub mod note;
mod opened;
pub mod policy;
pub mod proof;
pub mod pruned;
mod quick;
pub mod report;
pub mod seal;
mod seal_report;
mod show;
mod signature;
pub mod stamped;
mod stored;
mod survey;
mod tiles;
pub mod token;
pub mod tree;
pub mod vkey;
mod walker;
pub mod witnessed;

pub use error::Error;
pub use report::{Finding, Freshness, Integrity, Kind, Pin, Quorum, Report, TimeStamps};
pub use walker::{Walk, Walker};

/// A SHA-256 digest.
pub type Hash = [u8; 32];
