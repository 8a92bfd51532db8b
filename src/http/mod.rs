//! The web toolkit the slices import: shared state, the request's context, forms, pages, errors, headers, limits.
//! Must stay true: nothing here names a slice, and only this folder and the slices' `web` build a response.

pub mod assets;
pub mod ctx;
pub mod download;
pub mod error;
pub mod etag;
pub mod form;
pub mod gate;
pub mod headers;
pub mod json;
pub mod limit;
pub mod listen;
mod nav;
pub mod notify;
pub mod openapi;
pub mod paced;
pub mod recently;
pub mod repeat;
pub mod routes;
pub mod shell;
pub mod state;
pub mod templates;
pub mod texts;

pub use ctx::{Caller, Ctx, Session, Signed};
pub use error::Error;
pub use form::{Fields, FormState, Posted};
pub use json::Json;
pub use routes::{Routes, Rule};
pub use state::App;

/// What a handler gives.
pub type Answer = Result<axum::response::Response, Error>;
