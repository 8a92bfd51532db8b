//! Takes an upload in: who may is asked before the body is read, the form's token before a byte of the file is kept, and
//! what is refused leaves nothing behind. Must stay true: the name a client sends is data and never reaches a path.

use axum::Json;
use axum::extract::{Path, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::kind::KindError;
use super::web::{Uploaded, list_again, named, quota, told};
use super::web_about::show_again;
use super::web_multipart::{Refusal, Terms, receive};
use super::{Error, Received, Upload};
use crate::core::id::{EvidenceId, PersonId};
use crate::http::form::{FormState, check_csrf};
use crate::http::headers::IsPrivate;
use crate::http::{self, Answer, App, Ctx, Signed};
use crate::policy::{On, Permit};
use crate::repeat::{Key, Once};

pub(super) async fn post_upload(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<Upload>(&On::any("evidence")).await?;
    let by_script = is_by_script(&request);
    let done = take(&ctx, &person, permit, request, None, None).await;
    match answer(&ctx, done, by_script)? {
        Shown::Done(response) => Ok(response),
        Shown::Wrong(form) => list_again(&ctx, &person, form).await,
    }
}

pub(super) async fn post_version(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let permit = ctx.permit::<Upload>(&On::any("evidence")).await?;
    let item = named(&ctx, &id).await?;
    let by_script = is_by_script(&request);
    let done = take(&ctx, &person, permit, request, None, Some(&item.line_id)).await;
    match answer(&ctx, done, by_script)? {
        Shown::Done(response) => Ok(response),
        Shown::Wrong(form) => show_again(&ctx, item, form).await,
    }
}

/// Does the page's script ask, which wants JSON?
#[must_use]
pub fn is_by_script(request: &Request) -> bool {
    request.headers().get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).any(|v| v.contains("application/json"))
}

/// What becomes of an upload through a page.
enum Shown {
    Done(Response),
    /// The form again, with what was wrong.
    Wrong(FormState),
}

fn answer(ctx: &Ctx, done: Result<Once<EvidenceId>, Refusal>, by_script: bool) -> Result<Shown, http::Error> {
    match done.map(|once| once.answer) {
        Ok(id) if by_script => {
            let href = format!("/evidence/{id}");
            let mut response = (StatusCode::CREATED, Json(serde_json::json!({ "href": href }))).into_response();
            // The script goes on to the item's page, which tells what happened.
            if let Some(flash) = ctx.go(&href, "uploaded").headers().get(header::SET_COOKIE) {
                response.headers_mut().append(header::SET_COOKIE, flash.clone());
            }
            Ok(Shown::Done(response))
        }
        Ok(id) => Ok(Shown::Done(ctx.go(&format!("/evidence/{id}"), "uploaded"))),
        Err(refusal) if by_script => Ok(Shown::Done(problem(ctx, refusal))),
        Err(refusal @ (Refusal::Missing | Refusal::Name | Refusal::Kind(_) | Refusal::Quota)) => {
            let mut form = FormState::default();
            form.wrong("file", sentence(&ctx.app, &refusal).unwrap_or_default());
            Ok(Shown::Wrong(form))
        }
        Err(refusal @ (Refusal::TooLarge | Refusal::Told(_))) => Err(error_of(&ctx.app, refusal)),
    }
}

/// Upload one file: multipart with the one field `file`
#[utoipa::path(post, path = "/api/v1/evidence", tag = "evidence", request_body(content_type = "multipart/form-data"),
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key, file and name store nothing twice")),
    responses((status = 201, body = Uploaded), (status = 403, body = http::openapi::Problem),
        (status = 413, body = http::openapi::Problem), (status = 415, body = http::openapi::Problem), (status = 422, body = http::openapi::Problem)))]
pub(super) async fn api_upload(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<Upload>(&On::any("evidence")).await?;
    let key = http::repeat::key(&ctx, &person, "/api/v1/evidence", request.headers())?;
    let once = take(&ctx, &person, permit, request, key, None).await.map_err(|refusal| error_of(&ctx.app, refusal))?;
    Ok(made(once))
}

/// Upload a new version of what is there: multipart with the one field `file`
#[utoipa::path(post, path = "/api/v1/evidence/{id}/versions", tag = "evidence", request_body(content_type = "multipart/form-data"),
    params(("id" = String, Path, description = "Any version"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key, file and name store nothing twice")),
    responses((status = 201, body = Uploaded), (status = 403, body = http::openapi::Problem), (status = 404, body = http::openapi::Problem),
        (status = 413, body = http::openapi::Problem), (status = 415, body = http::openapi::Problem), (status = 422, body = http::openapi::Problem)))]
pub(super) async fn api_version(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let permit = ctx.permit::<Upload>(&On::any("evidence")).await?;
    let item = named(&ctx, &id).await?;
    let key = http::repeat::key(&ctx, &person, "/api/v1/evidence/{id}/versions", request.headers())?;
    let once = take(&ctx, &person, permit, request, key, Some(&item.line_id)).await.map_err(|refusal| error_of(&ctx.app, refusal))?;
    Ok(made(once))
}

fn made(Once { answer: id, again }: Once<EvidenceId>) -> Response {
    let mut response = (StatusCode::CREATED, Json(Uploaded { id: id.to_string() })).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/evidence/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    http::repeat::marked(response, again)
}

/// Receives the one file of a request and commits its item.
async fn take(
    ctx: &Ctx,
    person: &PersonId,
    permit: Permit<Upload>,
    request: Request,
    key: Option<Key>,
    line: Option<&EvidenceId>,
) -> Result<Once<EvidenceId>, Refusal> {
    let app = &ctx.app;
    if let Err(error) = app.db.ready_for(&permit) {
        return Err(Refusal::Told(error.into()));
    }
    let is_right = |token: &str| check_csrf(ctx, Some(token)).is_ok();
    let terms = Terms {
        texts: &[],
        extensions: &app.policies.uploads.extensions,
        bytes_max: app.policies.uploads.bytes_max,
        // A token is not sent by a browser on its own, so nobody else can make one send it.
        csrf: if ctx.is_api() { None } else { Some(&is_right) },
    };
    let file = receive(request, app.blobs.as_ref(), &terms).await?;
    let received = Received { name: file.name, kind: file.kind, incoming: file.incoming, key };
    let done = match line {
        Some(line) => super::upload_version(&app.db, permit, person, received, quota(app), line).await,
        None => super::upload(&app.db, permit, person, received, quota(app)).await,
    };
    done.map_err(refusal)
}

pub(super) fn refusal(error: Error) -> Refusal {
    match error {
        Error::Quota => Refusal::Quota,
        error => Refusal::Told(told(error)),
    }
}

/// What the person reads who chose the file.
pub(super) fn sentence(app: &App, refusal: &Refusal) -> Option<String> {
    let uploads = &app.policies.uploads;
    Some(match refusal {
        Refusal::Missing => app.text("error-file-missing", &[]),
        Refusal::Name => app.text("error-file-name", &[]),
        Refusal::Kind(KindError::Empty) => app.text("error-file-empty", &[]),
        Refusal::Kind(KindError::NotAllowed { .. }) => app.text("error-file-type", &[("types", &uploads.extensions.join(", "))]),
        Refusal::Kind(KindError::Mismatch { .. } | KindError::NotText) => app.text("error-file-content", &[]),
        Refusal::TooLarge => app.text("error-file-big", &[("max", &size_text(app, uploads.bytes_max))]),
        Refusal::Quota => app.text("error-file-quota", &[]),
        Refusal::Told(_) => return None,
    })
}

fn size_text(app: &App, bytes: u64) -> String {
    let (key, n) = match bytes {
        0..1_000 => ("bytes-b", bytes),
        1_000..1_000_000 => ("bytes-kb", bytes / 1_000),
        _ => ("bytes-mb", bytes / 1_000_000),
    };
    app.text(key, &[("n", &n.to_string())])
}

/// The refusal as the API tells it.
pub(super) fn error_of(app: &App, refusal: Refusal) -> http::Error {
    let text = sentence(app, &refusal).unwrap_or_default();
    match refusal {
        Refusal::Missing => http::Error::field("file", "is missing"),
        Refusal::Name => http::Error::field("file", format!("needs a file name of 1 to {} characters on one line", super::NAME_CHARS_MAX)),
        Refusal::Kind(KindError::Empty) => http::Error::field("file", "is empty"),
        Refusal::Kind(kind) => http::Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, kind.code()).saying(kind.to_string()),
        Refusal::TooLarge => http::Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large").saying(text),
        Refusal::Quota => told(Error::Quota).saying(text),
        Refusal::Told(error) => error,
    }
}

/// The refusal as the page's script shows it: `detail` is what it puts beside the form.
fn problem(ctx: &Ctx, refusal: Refusal) -> Response {
    let text = sentence(&ctx.app, &refusal);
    let error = error_of(&ctx.app, refusal);
    let status = error.status.as_u16();
    let own = |ending: &str| {
        let special = format!("error-{status}-{}-{ending}", error.code);
        let general = format!("error-{status}-{ending}");
        [special, general].iter().find(|key| ctx.app.templates.texts.has(key)).map(|key| ctx.app.text(key, &[("seconds", "60")]))
    };
    let detail = text.or_else(|| error.detail.clone()).or_else(|| own("text")).unwrap_or_default();
    let title = own("title").unwrap_or_else(|| ctx.app.text("error-400-title", &[]));
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status, "code": error.code, "instance": ctx.seen.request.as_str(), "detail": detail,
    });
    let mut response = (error.status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response();
    if let Some(seconds) = error.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.extensions_mut().insert(IsPrivate);
    response
}
