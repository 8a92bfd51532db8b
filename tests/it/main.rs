//! The one integration binary: everything through the real router on a real database, SQLite or PostgreSQL by TEST_DATABASE.

#![expect(clippy::print_stdout, reason = "measures are printed")]

mod support;

mod account;
mod artifacts;
mod assess;
mod bridge;
mod campaigns;
mod catalog;
mod cli;
mod clock;
mod contacts;
mod contacts_cli;
mod disk;
mod engine;
mod epochs;
mod evidence;
mod export;
mod gateways;
mod guards;
mod hooks;
mod identity;
mod imports;
mod inbox;
mod insights;
mod intake;
mod kill;
mod log;
mod messages;
mod nodes;
mod notices;
mod orphans;
mod plans;
mod repeat;
mod retention;
mod reviews;
mod rotation;
mod routes;
mod seals;
mod signer;
mod sinks;
mod statements;
mod strip;
mod tidy;
mod timestamp;
mod trail;
mod twilio;
mod upkeep;
mod viewer;
mod waiting;
mod webhooks;
mod witness;
