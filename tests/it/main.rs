//! The one integration binary: everything through the real router on a real database, SQLite or PostgreSQL by TEST_DATABASE.

mod support;

mod account;
mod guards;
mod identity;
mod messages;
mod statements;
mod tidy;
mod trail;
