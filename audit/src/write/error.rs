//! What the writer refuses, and why. Each variant is something the caller can act on.
//! The text names a field, and never repeats a text that stood in it.

use std::fmt;

/// Why something was not written. The text is a fragment without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// An object key is not `[a-z][a-z0-9_]*`.
    Key(String),
    /// An integer lies outside ±(2^53 − 1).
    Integer(i64),
    /// A value is nested deeper than [`super::json::DEPTH_MAX`] levels.
    Depth,
    /// A field of an event breaks the grammar of the leaf.
    Field {
        /// Which field, by its name in the leaf.
        field: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// A body would make its leaf longer than 65,535 bytes.
    TooLong {
        /// Length of the body, in bytes.
        body_bytes: usize,
    },
    /// The bytes given as a body are not a canonical object with at least one key.
    NotABody,
    /// A bundle was given more than 256 leaves, or a leaf longer than 65,535 bytes.
    Bundle,
    /// The stored frontier is not one that [`super::tree::Frontier::to_bytes`] writes.
    Frontier,
    /// An index is not below the tree's size, or an old size is above the new one.
    Range {
        /// The index or old size asked for.
        asked: u64,
        /// The size of the tree.
        size: u64,
    },
    /// A tile that the computation needs is not on hand, or too short.
    TileMissing {
        /// Level of the tile, 0 at the leaves.
        level: u8,
        /// Index of the tile within its level.
        index: u64,
    },
    /// A text cannot be signed as a note, or a key name is not allowed.
    Note(&'static str),
    /// A policy of time-stamps is not dotted numbers such as `1.3.6.1.4.1.32473.1`.
    Policy,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key `{key}` is not `[a-z][a-z0-9_]*`"),
            Self::Integer(value) => write!(f, "integer `{value}` is outside ±(2^53 − 1)"),
            Self::Depth => f.write_str("value is nested too deeply"),
            Self::Field { field, must } => write!(f, "field `{field}` must be {must}"),
            Self::TooLong { body_bytes } => write!(f, "body of {body_bytes} bytes makes the leaf longer than 65535; keep a hash of the large value instead"),
            Self::NotABody => f.write_str("body is not a canonical object with at least one key"),
            Self::Bundle => f.write_str("a bundle holds at most 256 leaves of at most 65535 bytes each"),
            Self::Frontier => f.write_str("stored frontier is damaged"),
            Self::Range { asked, size } => {
                write!(f, "`{asked}` lies outside a tree of size {size}")
            }
            Self::TileMissing { level, index } => {
                write!(f, "tile {index} of level {level} is missing or too short")
            }
            Self::Note(why) => f.write_str(why),
            Self::Policy => f.write_str("a policy of time-stamps is dotted numbers, as in `1.3.6.1.4.1.32473.1`"),
        }
    }
}

impl std::error::Error for Error {}
