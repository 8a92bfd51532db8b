//! Uploaded evidence: received whole, durable, named by its hash; deleted items keep their row, their entry and their hash.

pub mod kind;
