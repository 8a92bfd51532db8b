//! Signing in and out, links, throttles, and what administrators may do.

mod factors;
mod links;
mod people;
pub mod signin;
pub use signin::sign_in;
mod tokens;
