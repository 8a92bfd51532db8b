//! The description of the API: one OpenAPI document, merged from what each slice makes of its own handlers.
//! Must stay true: it names exactly the routes of `/api/v1` in the route table.

use axum::http::header;
use axum::response::IntoResponse as _;
use serde::Serialize;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema as _, ToSchema};

use super::{Routes, Rule};

/// An answer that is not a success (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`.
    pub r#type: String,
    /// In words.
    pub title: String,
    /// The status again.
    pub status: u16,
    /// Stable, for programs.
    pub code: String,
    /// The request, to be told to the operator.
    pub instance: String,
    /// More in words.
    pub detail: Option<String>,
    /// Each field that is wrong.
    pub errors: Option<Vec<FieldProblem>>,
}

/// What is wrong with one field.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Its name.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
}

/// Merges the slices' parts under one head; every operation asks for a token.
#[must_use]
pub fn document(parts: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    let info = InfoBuilder::new()
        .title("Countersign")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Every act is permitted by the policy and recorded in the audit trail. Send a token as `Authorization: Bearer`."))
        .build();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("cs_…").build());
    let components =
        ComponentsBuilder::new().security_scheme("token", bearer).schema("Problem", Problem::schema()).schema("FieldProblem", FieldProblem::schema()).build();
    let head = OpenApiBuilder::new().info(info).components(Some(components)).security(Some([SecurityRequirement::new("token", Vec::<String>::new())])).build();
    parts.into_iter().fold(head, |whole, part| whole.merge_from(part))
}

/// Serves the document.
#[must_use]
pub fn routes(document: &OpenApi) -> Routes {
    let text: std::sync::Arc<str> = document.to_json().unwrap_or_default().into();
    Routes::new().get("/api/openapi.json", Rule::Public, move || {
        let text = text.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], text.to_string()).into_response() }
    })
}

/// Routes of `/api/v1` that the document lacks, and operations that no route serves.
#[must_use]
pub fn strays(routes: &Routes, document: &OpenApi) -> Vec<String> {
    let mut served: Vec<String> = routes.table().iter().filter(|r| r.path.starts_with("/api/v1/")).map(|r| format!("{} {}", r.method, r.path)).collect();
    let mut strays = Vec::new();
    for (path, item) in &document.paths.paths {
        let methods = [("GET", &item.get), ("POST", &item.post), ("DELETE", &item.delete), ("PUT", &item.put), ("PATCH", &item.patch)];
        for name in methods.into_iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| format!("{method} {path}")) {
            match served.iter().position(|s| *s == name) {
                Some(at) => drop(served.swap_remove(at)),
                None => strays.push(name),
            }
        }
    }
    strays.extend(served);
    strays.sort_unstable();
    strays
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_asks_for_a_token_and_explains_refusals() {
        let json: serde_json::Value = serde_json::from_str(&document([]).to_json().expect("it is plain data")).expect("it is JSON");
        assert_eq!(json["security"][0]["token"], serde_json::json!([]));
        assert_eq!(json["components"]["securitySchemes"]["token"]["scheme"], "bearer");
        assert!(json["components"]["schemas"]["Problem"]["properties"]["code"].is_object());
    }
}
