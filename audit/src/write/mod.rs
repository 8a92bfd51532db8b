//! Makes the trail: canonical bodies, chained leaves, the tree, its tiles, signed checkpoints.
//!
//! Everything here is pure: no clock, no randomness, no files, no network. Bytes are made canonical
//! once, here; whoever stores them stores and hashes exactly these bytes and never renders them anew.

pub mod checkpoint;
pub mod commitment;
pub mod cosign;
mod error;
pub mod event;
pub mod json;
pub mod leaf;
pub mod proof;
pub mod tile;
pub mod time;
pub mod token;
pub mod tree;

pub use error::Error;
pub use proof::proof_file;

/// A SHA-256 digest: of a leaf, of an inner node, of a whole tree, or a commitment.
pub type Hash = [u8; 32];
