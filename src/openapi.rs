//! The API's OpenAPI document, gathered from the slices' handlers.

use utoipa::openapi::OpenApi;

/// The whole document.
#[must_use]
pub fn document() -> OpenApi {
    crate::http::openapi::document([crate::identity::web::api_doc()])
}
