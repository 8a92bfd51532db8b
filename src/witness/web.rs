//! The witness over HTTP: `POST /add-checkpoint`, `GET /<hex SHA-256 of the origin>/checkpoint`, and its own key.
//! Must stay true: an answer names only what the protocol has it name; a fault inside is told as one.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::{Answer, Asked, Book, BookError};
use crate::core::fault::chain_of;

/// A note of 64 KiB and a proof of 63 lines.
const BODY_BYTES_MAX: usize = 72 * 1024;

/// A request takes no longer, its body included.
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// The witness's router.
pub fn router(book: Arc<Book>) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{place}/checkpoint", get(checkpoint))
        .route("/vkey", get(vkey))
        .route("/healthz", get(async || text(StatusCode::OK, "ok\n".into())))
        .route("/readyz", get(async || text(StatusCode::OK, "ok\n".into())))
        .fallback(async || text(StatusCode::NOT_FOUND, "there is nothing here\n".into()))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn(in_time))
        .layer(axum::middleware::map_response(headers))
        .with_state(book)
}

/// Whoever does not send what they announced gives the place back.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let mut response = text(StatusCode::REQUEST_TIMEOUT, "the request took too long\n".into());
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
    }
}

async fn add_checkpoint(State(book): State<Arc<Book>>, body: Bytes) -> Response {
    let asked = match Asked::parse(&body) {
        Ok(asked) => asked,
        Err(why) => return text(StatusCode::BAD_REQUEST, format!("{why}\n")),
    };
    match book.add(&asked).await {
        Ok(Answer::Cosigned(line)) => text(StatusCode::OK, line),
        Ok(Answer::Malformed(why)) => text(StatusCode::BAD_REQUEST, format!("{why}\n")),
        Ok(Answer::Unsigned) => text(StatusCode::FORBIDDEN, "no signature by the key trusted for this log\n".into()),
        Ok(Answer::Unknown) => text(StatusCode::NOT_FOUND, "this log is not watched\n".into()),
        Ok(Answer::Behind(size)) => {
            let mut response = text(StatusCode::CONFLICT, format!("{size}\n"));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/x.tlog.size"));
            response
        }
        Ok(Answer::Contradicts(why)) => text(StatusCode::UNPROCESSABLE_ENTITY, format!("{why}\n")),
        Err(error) => broken(&error),
    }
}

async fn checkpoint(State(book): State<Arc<Book>>, Path(place): Path<String>) -> Response {
    match book.newest(&place) {
        Ok(Some(note)) => text(StatusCode::OK, note),
        Ok(None) => text(StatusCode::NOT_FOUND, "nothing was seen of this log\n".into()),
        Err(error) => broken(&error),
    }
}

async fn vkey(State(book): State<Arc<Book>>) -> Response {
    text(StatusCode::OK, format!("{}\n", book.vkey()))
}

fn broken(error: &BookError) -> Response {
    tracing::error!(error = chain_of(error), "a checkpoint was not countersigned");
    text(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong inside; nothing was signed\n".into())
}

fn text(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response()
}

/// Nothing here is a page, and nothing is kept.
async fn headers(mut response: Response) -> Response {
    for (name, value) in [
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
