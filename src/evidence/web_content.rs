//! Hands out a stored file, as an attachment and byte for byte.
//! Must stay true: the entry is durable before the first byte leaves; a file whose hash is wrong never arrives whole.

use std::io;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, SeekFrom};
use tokio_util::io::ReaderStream;

use super::web::named;
use super::{Download, Evidence};
use crate::core::fault::{Context as _, Fault};
use crate::http::download::{Range, byte_range, content_disposition};
use crate::http::headers::{IsDownload, IsPrivate};
use crate::http::{self, Answer, Ctx, Signed};

/// Bytes that are read at once.
const CHUNK_BYTES_MAX: usize = 128 * 1024;

/// Download the bytes of an item, as an attachment; ranges are served
#[utoipa::path(get, path = "/api/v1/evidence/{id}/content", tag = "evidence", params(("id" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream"), (status = 206), (status = 304), (status = 403, body = http::openapi::Problem),
        (status = 404, body = http::openapi::Problem), (status = 416, body = http::openapi::Problem)))]
pub(super) async fn get_content(Signed { ctx, .. }: Signed, Path(id): Path<String>, method: Method, headers: HeaderMap) -> Answer {
    let item = named(&ctx, &id).await?;
    let permit = ctx.permit::<Download>(&item).await?;
    if item.deleted_at.is_some() {
        return Err(http::Error::not_found());
    }
    let len = u64::try_from(item.size).context("read the size of evidence")?;
    let tag = format!("\"{}\"", item.sha256);
    if text(&headers, header::IF_NONE_MATCH).is_some_and(|tags| names_tag(tags, &tag)) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        put(&mut response, header::ETAG, &tag)?;
        return Ok(response);
    }
    let range = asked_range(&headers, &tag, len);
    let (start, count) = match range {
        Range::Whole => (0, len),
        Range::Part { start, end } => (start, end - start + 1),
        Range::Unsatisfiable => {
            let mut response = http::Error::new(StatusCode::RANGE_NOT_SATISFIABLE, "range").into_response();
            put(&mut response, header::CONTENT_RANGE, &range.content_range(len).unwrap_or_default())?;
            return Ok(response);
        }
    };
    // A HEAD moves no byte of the file, so it is no download.
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let mut file = open(&ctx, &item).await?;
        let is_part = range != Range::Whole;
        if is_part {
            check(&ctx, &item, &mut file).await?;
            file.seek(SeekFrom::Start(start)).await.context("read a part of evidence")?;
        }
        super::download(&ctx.app.db, permit, &item, i64::try_from(start).unwrap_or(0), i64::try_from(count).unwrap_or(i64::MAX)).await?;
        if is_part { Body::from_stream(ReaderStream::with_capacity(file.take(count), CHUNK_BYTES_MAX)) } else { whole(ctx, item.clone(), file) }
    };
    dressed(&item, range, len, count, &tag, body)
}

/// The response with its headers.
fn dressed(item: &Evidence, range: Range, len: u64, count: u64, tag: &str, body: Body) -> Answer {
    let mut response = body.into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, item.kind.as_str()),
        (header::CONTENT_DISPOSITION, content_disposition(&item.name).as_str()),
        (header::CONTENT_LENGTH, count.to_string().as_str()),
        (header::ACCEPT_RANGES, "bytes"),
        (header::ETAG, tag),
    ] {
        put(&mut response, name, value)?;
    }
    if let Some(value) = range.content_range(len) {
        put(&mut response, header::CONTENT_RANGE, &value)?;
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response.extensions_mut().insert(IsDownload);
    response.extensions_mut().insert(IsPrivate);
    Ok(response)
}

fn put(response: &mut Response, name: HeaderName, value: &str) -> Result<(), Fault> {
    response.headers_mut().insert(name, HeaderValue::from_str(value).context("name a stored file in a header")?);
    Ok(())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Does `If-None-Match` name this tag? Weak ones count too, as RFC 9110, 13.1.2 has it.
fn names_tag(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// The range that is asked for; all of it when the client's part is of something else.
fn asked_range(headers: &HeaderMap, tag: &str, len: u64) -> Range {
    let of_this = !headers.contains_key(header::IF_RANGE) || text(headers, header::IF_RANGE) == Some(tag);
    byte_range(text(headers, header::RANGE).filter(|_| of_this), len)
}

/// The stored file, of the size it must have.
async fn open(ctx: &Ctx, item: &Evidence) -> Result<File, http::Error> {
    let Some(opened) = ctx.app.blobs.open(&item.sha256).await? else {
        return Err(Fault::new(format!("the file of evidence `{}` is missing; restore it from a backup", item.id)).into());
    };
    if i64::try_from(opened.size) != Ok(item.size) {
        return Err(report(ctx, item, &format!("{} bytes", opened.size)).await.into());
    }
    Ok(opened.file)
}

/// Reads the whole file and compares its hash, before a part of it is handed out.
async fn check(ctx: &Ctx, item: &Evidence, file: &mut File) -> Result<(), http::Error> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES_MAX];
    loop {
        let read = file.read(&mut buffer).await.context("check the hash of evidence")?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    let found = hex::encode(hasher.finalize());
    if found == item.sha256 { Ok(()) } else { Err(report(ctx, item, &found).await.into()) }
}

/// Puts the alteration into the trail, and says what goes to the log.
async fn report(ctx: &Ctx, item: &Evidence, found: &str) -> Fault {
    if let Ok(permit) = ctx.app.policy.permit::<Download>(&ctx.actor, item)
        && let Err(error) = super::altered(&ctx.app.db, permit, item, found).await
    {
        tracing::error!(%error, "an altered file was not recorded");
    }
    Fault::new(format!("the file of evidence `{}` was altered: its SHA-256 is `{}`, found {found}; restore it from a backup", item.id, item.sha256))
}

/// A whole file on its way out.
struct Whole {
    ctx: Ctx,
    item: Evidence,
    file: ReaderStream<File>,
    hasher: Sha256,
    held: Option<Bytes>,
}

/// Hashes while it sends, and holds the last chunk back until the hash is right: a client of an altered file gets a broken
/// transfer, never a complete one.
fn whole(ctx: Ctx, item: Evidence, file: File) -> Body {
    let whole = Whole { ctx, item, file: ReaderStream::with_capacity(file, CHUNK_BYTES_MAX), hasher: Sha256::new(), held: None };
    Body::from_stream(stream::try_unfold(Some(whole), |whole| async move {
        let Some(mut whole) = whole else { return Ok(None) };
        while let Some(chunk) = whole.file.next().await.transpose()? {
            whole.hasher.update(&chunk);
            if let Some(earlier) = whole.held.replace(chunk) {
                return Ok(Some((earlier, Some(whole))));
            }
        }
        let found = hex::encode(std::mem::take(&mut whole.hasher).finalize());
        if found != whole.item.sha256 {
            let fault = report(&whole.ctx, &whole.item, &found).await;
            tracing::error!(fault = fault.chain(), "a download was broken off");
            return Err(io::Error::other(fault));
        }
        Ok(whole.held.take().map(|last| (last, None)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_among_several_and_when_weak() {
        let tag = "\"abc\"";
        for (tags, known) in [
            ("\"abc\"", true),
            ("*", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("\"x\" ,W/\"abc\"", true),
            ("abc", false),
            ("\"abcd\"", false),
            ("", false),
        ] {
            assert_eq!(names_tag(tags, tag), known, "{tags:?}");
        }
    }

    #[test]
    fn a_part_of_something_else_is_answered_with_everything() {
        let tag = "\"abc\"";
        let range = |if_range: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static("bytes=2-4"));
            if let Some(value) = if_range {
                headers.insert(header::IF_RANGE, HeaderValue::from_static(value));
            }
            asked_range(&headers, tag, 10)
        };
        assert_eq!(range(None), Range::Part { start: 2, end: 4 });
        assert_eq!(range(Some("\"abc\"")), Range::Part { start: 2, end: 4 });
        for other in ["\"x\"", "W/\"abc\"", "Sat, 21 Nov 2026 11:00:00 GMT"] {
            assert_eq!(range(Some(other)), Range::Whole, "{other}");
        }
    }
}
