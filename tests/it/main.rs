//! The one integration binary: everything through the real router on a real database, SQLite or PostgreSQL by TEST_DATABASE.

#![expect(clippy::print_stdout, reason = "measures are printed")]

mod support;

mod account;
mod cli;
mod disk;
mod evidence;
mod export;
mod guards;
mod identity;
mod insights;
mod kill;
mod log;
mod messages;
mod notices;
mod orphans;
mod repeat;
mod retention;
mod reviews;
mod routes;
mod sinks;
mod statements;
mod tidy;
mod trail;
mod viewer;
mod witness;
