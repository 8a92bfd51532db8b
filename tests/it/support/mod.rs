//! What tests stand on: `check` gives a fresh installation and, at the end of every test, verifies its chain.

pub mod app;
pub mod person;
pub mod reply;

pub use app::{TestApp, check, check_with};
pub use person::TestPerson;
pub use reply::Reply;
