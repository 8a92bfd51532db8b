//! JSON bodies: exact content type, a limit, unknown and doubled fields refused by name.

use axum::body::Body;
use axum::extract::FromRequest;
use axum::http::{HeaderMap, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;

use super::{App, Error};

/// A JSON body of type `T`.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Error;
    async fn from_request(request: Request<Body>, app: &App) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
            return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json"));
        }
        let bytes = read(body, &parts.headers, app.config.limits.body_bytes_max).await?;
        parse(&bytes).map(Self)
    }
}

/// Parses JSON bytes; a doubled, unknown, missing or wrongly typed field is named.
///
/// # Errors
/// 400 for what is not JSON, 422 for what does not fit.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|e| {
        use serde_json::error::Category;
        match e.classify() {
            Category::Syntax | Category::Eof | Category::Io => {
                Error::bad_request("malformed").saying(format!("The body is not JSON (line {}, column {}).", e.line(), e.column()))
            }
            Category::Data => {
                let text = e.to_string();
                let field = text.split('`').nth(1).unwrap_or("body").to_owned();
                let what = text.split(" at line ").next().unwrap_or_default().to_owned();
                Error::field(&field, what)
            }
        }
    })
}

/// Reads a whole body up to `max` bytes.
///
/// # Errors
/// 413 beyond the limit, 400 when it breaks off.
pub async fn read(body: Body, headers: &HeaderMap, max: usize) -> Result<Bytes, Error> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    if announced.is_some_and(|n| n > max) {
        return Err(Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    }
    match Limited::new(body, max).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(e) if e.is::<http_body_util::LengthLimitError>() => Err(Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large")),
        Err(_) => Err(Error::bad_request("broken_body")),
    }
}
