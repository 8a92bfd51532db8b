//! The API's OpenAPI document, gathered from the slices' handlers.

use utoipa::openapi::OpenApi;

use crate::{assess, contacts, evidence, identity, intake, messages, operate, retention, trail};

/// The whole document.
#[must_use]
pub fn document() -> OpenApi {
    crate::http::openapi::document([
        identity::web::api_doc(),
        evidence::web::api_doc(),
        assess::api_doc(),
        contacts::api::api_doc(),
        intake::api::api_doc(),
        messages::api::api_doc(),
        trail::api_doc(),
        retention::api_doc(),
        operate::api_doc(),
    ])
}
