//! Versions of things over the API: the ETag of an answer, the version that an edit saw, and what is said when that is old.
//! Must stay true: an edit that does not name what it saw is refused, and one that saw something old gets both versions.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::headers::IsPrivate;
use super::{Ctx, Error};

/// The version of something as its ETag.
#[must_use]
pub fn tagged(mut response: Response, version: i64) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// The version that an edit saw.
///
/// # Errors
/// 428 when it does not say so, 400 when that is no ETag.
pub fn seen(headers: &HeaderMap) -> Result<i64, Error> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Err(Error::new(StatusCode::PRECONDITION_REQUIRED, "if_match").saying("Send `If-Match` with the ETag of what you saw."));
    };
    let version = value.to_str().ok().and_then(|v| v.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    version.ok_or_else(|| Error::bad_request("if_match").saying("`If-Match` must be one ETag, as in \"3\"."))
}

/// 412 with what was sent and what is there.
pub fn both(ctx: &Ctx, yours: &impl Serialize, theirs: &impl Serialize, version: i64) -> Response {
    let body = serde_json::json!({
        "type": "about:blank", "title": ctx.app.text("error-412-title", &[]), "status": 412, "code": "changed",
        "instance": ctx.seen.request.as_str(), "yours": yours, "current": theirs,
    });
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    let mut response = tagged((StatusCode::PRECONDITION_FAILED, kind, body.to_string()).into_response(), version);
    response.extensions_mut().insert(IsPrivate);
    response
}
