//! Countersign: compliance evidence, messaging and intake on one hash-chained, signed, independently verifiable audit trail.
//! `ARCHITECTURE.md` has the map; a module may import only from modules above its own in this list.

pub mod app;
pub mod assess;
pub mod blobs;
pub mod catalog;
pub mod cli;
pub mod client;
pub mod config;
pub mod contacts;
pub mod core;
pub mod cosign;
pub mod db;
pub mod demo;
pub mod evidence;
pub mod flow;
pub mod http;
pub mod identity;
pub mod intake;
pub mod jobs;
pub mod log;
pub mod messages;
pub mod notices;
pub mod openapi;
pub mod operate;
pub mod orphans;
pub mod policies;
pub mod policy;
pub mod repeat;
pub mod retention;
pub mod signer;
pub mod sinks;
pub mod stamp;
pub mod store;
pub mod trail;
pub mod vault;
pub mod witness;
