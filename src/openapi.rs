//! The OpenAPI document.
pub fn document() -> utoipa::openapi::OpenApi { utoipa::openapi::OpenApiBuilder::new().build() }
