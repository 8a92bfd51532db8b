//! The API's OpenAPI document, gathered from the slices' handlers.

use utoipa::openapi::OpenApi;

use crate::{assess, campaigns, contacts, evidence, identity, inbox, intake, messages, operate, plans, retention, seal, trail};

/// The whole document.
#[must_use]
pub fn document() -> OpenApi {
    crate::http::openapi::document([
        identity::web::api_doc(),
        evidence::web::api_doc(),
        assess::api_doc(),
        assess::bring::api_doc(),
        plans::api_doc(),
        seal::api_doc(),
        contacts::api::api_doc(),
        contacts::segments_api_doc(),
        intake::api::api_doc(),
        messages::api::api_doc(),
        campaigns::api::api_doc(),
        campaigns::api_write::api_doc(),
        inbox::api::api_doc(),
        trail::api_doc(),
        retention::api_doc(),
        operate::api_doc(),
    ])
}
