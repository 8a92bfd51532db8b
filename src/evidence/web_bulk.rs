//! Many files in one form, each uploaded by an act of its own, with what became of each.
//! Must stay true: one that cannot be taken keeps none of the others back; what was taken stays taken however the form ends.

use std::collections::BTreeMap;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::kind::Kind;
use super::web::quota;
use super::web_multipart::{Part, Parts, Refusal, Terms};
use super::web_upload::{error_of, is_by_script, refusal, sentence};
use super::{Received, Upload};
use crate::blobs::Incoming;
use crate::core::id::{EvidenceId, PersonId};
use crate::http::form::check_csrf;
use crate::http::headers::IsPrivate;
use crate::http::openapi::Problem;
use crate::http::{self, Answer, Ctx, Signed};
use crate::policy::On;

/// Files of one form.
pub const FILES_MAX: usize = 1000;
/// Files that a sentence tells of.
const TOLD_MAX: usize = 10;

/// What became of one file.
#[derive(Debug)]
pub struct Outcome {
    /// The name it was sent with.
    pub name: String,
    /// Its id, or why it was not taken.
    pub result: Result<EvidenceId, String>,
    /// Why it was taken and not linked to what it was meant for.
    pub unlinked: Option<String>,
}

impl Outcome {
    /// Did everything become of it that was asked for?
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.result.is_ok() && self.unlinked.is_none()
    }

    /// Why not.
    fn because(&self) -> Option<&String> {
        self.result.as_ref().err().or(self.unlinked.as_ref())
    }
}

/// What a form of many files brought.
#[derive(Debug, Default)]
pub struct Taken {
    /// File by file, in their order.
    pub files: Vec<Outcome>,
    /// Its other fields.
    pub texts: BTreeMap<String, String>,
}

/// Takes every file of a form in, each as it comes. `ready` is asked once, when the form's token was right and before anything
/// is kept.
///
/// # Errors
/// When nothing of the form could be read, or `ready` says no. What breaks it off later is told with the file at which it did.
pub async fn take_many(
    ctx: &Ctx,
    person: &PersonId,
    request: Request,
    texts: &[&str],
    ready: impl Future<Output = Result<(), http::Error>>,
) -> Result<Taken, http::Error> {
    let app = &ctx.app;
    let uploads = &app.policies.uploads;
    let is_right = |token: &str| check_csrf(ctx, Some(token)).is_ok();
    let terms = Terms { extensions: &uploads.extensions, bytes_max: uploads.bytes_max, texts, csrf: if ctx.is_api() { None } else { Some(&is_right) } };
    let all = uploads.bytes_max.saturating_mul(FILES_MAX as u64).min(u64::try_from(uploads.person_bytes_max).unwrap_or(u64::MAX));
    let mut parts = Parts::open(request, &terms, all).await.map_err(|r| error_of(app, r))?;
    let mut taken = Taken::default();
    let mut ready = Some(Box::pin(ready));
    loop {
        match parts.next(app.blobs.as_ref(), &terms, taken.files.len() >= FILES_MAX).await {
            Ok(None) => {
                if let Some(ready) = ready.take() {
                    ready.await?;
                }
                return Ok(taken);
            }
            Ok(Some(Part::Text(name, value))) => {
                taken.texts.insert(name, value);
            }
            // A browser whose person chose nothing sends one empty file without a name.
            Ok(Some(Part::File(name, Err(Refusal::Missing)))) if name.is_empty() => {}
            Ok(Some(Part::File(name, received))) => {
                if let Some(ready) = ready.take()
                    && let Err(error) = ready.await
                {
                    drop(received);
                    parts.drain().await;
                    return Err(error);
                }
                let result = one(ctx, person, received).await.map_err(|r| told(ctx, r));
                taken.files.push(Outcome { name, result, unlinked: None });
            }
            Err(refusal) if taken.files.is_empty() => {
                parts.drain().await;
                return Err(error_of(app, refusal));
            }
            Err(refusal) => {
                parts.drain().await;
                taken.files.push(Outcome { name: String::new(), result: Err(told(ctx, refusal)), unlinked: None });
                return Ok(taken);
            }
        }
    }
}

async fn one(ctx: &Ctx, person: &PersonId, received: Result<super::web_multipart::File, Refusal>) -> Result<EvidenceId, Refusal> {
    let file = received?;
    let permit = ctx.permit::<Upload>(&On::any("evidence")).await?;
    let received = Received { name: file.name, kind: file.kind, incoming: file.incoming, key: None };
    super::upload(&ctx.app.db, permit, person, received, quota(&ctx.app)).await.map(|once| once.answer).map_err(refusal)
}

/// A file as it came, not yet durable and no evidence.
#[derive(Debug)]
pub struct Raw {
    /// The name it was sent with.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its bytes; dropping them removes them.
    pub incoming: Incoming,
}

/// Takes a form of few files that are not to become evidence as they are, with its other fields.
///
/// # Errors
/// When one of them cannot be taken: then none is kept.
pub async fn take_raw(
    ctx: &Ctx,
    request: Request,
    texts: &[&str],
    (extensions, bytes_max): (&[String], u64),
    files_max: usize,
) -> Result<(Vec<Raw>, BTreeMap<String, String>), http::Error> {
    let app = &ctx.app;
    let is_right = |token: &str| check_csrf(ctx, Some(token)).is_ok();
    let terms = Terms { extensions, bytes_max, texts, csrf: if ctx.is_api() { None } else { Some(&is_right) } };
    let all = bytes_max.saturating_mul(files_max as u64);
    let mut parts = Parts::open(request, &terms, all).await.map_err(|r| error_of(app, r))?;
    let (mut files, mut fields) = (Vec::new(), BTreeMap::new());
    let refused = loop {
        match parts.next(app.blobs.as_ref(), &terms, files.len() >= files_max).await {
            Ok(None) => return Ok((files, fields)),
            Ok(Some(Part::Text(name, value))) => {
                fields.insert(name, value);
            }
            // Nothing was chosen in one of several places.
            Ok(Some(Part::File(name, Err(Refusal::Missing)))) if name.is_empty() => {}
            Ok(Some(Part::File(_, Ok(file)))) => files.push(Raw { name: file.name, kind: file.kind, incoming: file.incoming }),
            Ok(Some(Part::File(_, Err(refusal)))) | Err(refusal) => break refusal,
        }
    };
    parts.drain().await;
    Err(error_of(app, refused))
}

/// Why a file was not taken, in words.
fn told(ctx: &Ctx, refusal: Refusal) -> String {
    sentence(&ctx.app, &refusal).unwrap_or_else(|| {
        let error = error_of(&ctx.app, refusal);
        error.detail.unwrap_or_else(|| ctx.app.text("bulk-upload-broken", &[]))
    })
}

#[derive(Serialize)]
struct Row {
    name: String,
    href: Option<String>,
    because: String,
}

#[derive(Serialize)]
struct BulkPage {
    rows: Vec<Row>,
    taken: usize,
    back: String,
    back_text: String,
}

/// The page that says what became of each file.
///
/// # Errors
/// As every page.
pub async fn outcome_page(ctx: &Ctx, taken: Taken, back: (String, String)) -> Answer {
    let count = taken.files.iter().filter(|f| f.result.is_ok()).count();
    let is_any_whole = taken.files.iter().any(Outcome::is_whole);
    let row = |file: Outcome| match file.result {
        Ok(id) => Row { name: file.name, href: Some(format!("/evidence/{id}")), because: file.unlinked.unwrap_or_default() },
        Err(because) => Row { name: file.name, href: None, because },
    };
    let page = BulkPage { rows: taken.files.into_iter().map(row).collect(), taken: count, back: back.0, back_text: back.1 };
    let mut response = ctx.page("evidence/bulk.html", page).await?;
    if !is_any_whole {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// The answer to the page's script: where to go on when every file was taken, else what became of them in a sentence.
#[must_use]
pub fn outcome_by_script(ctx: &Ctx, taken: &Taken, href: &str) -> Response {
    let wrong: Vec<String> = taken.files.iter().filter_map(|f| f.because().map(|because| format!("{}: {because}", f.name))).collect();
    if wrong.is_empty() && !taken.files.is_empty() {
        return (StatusCode::CREATED, axum::Json(serde_json::json!({ "href": href }))).into_response();
    }
    let (count, all) = (taken.files.iter().filter(|f| f.result.is_ok()).count().to_string(), taken.files.len().to_string());
    let told = wrong.iter().take(TOLD_MAX).map(String::as_str).collect::<Vec<_>>().join(" ");
    let detail = ctx.app.text("bulk-upload-told", &[("count", &count), ("all", &all), ("told", &told)]);
    let body = serde_json::json!({
        "type": "about:blank", "title": detail, "status": 422, "code": "files", "instance": ctx.seen.request.as_str(), "detail": detail,
    });
    let mut response = (StatusCode::UNPROCESSABLE_ENTITY, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response();
    response.extensions_mut().insert(IsPrivate);
    response
}

pub(super) async fn post_bulk(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<Upload>(&On::any("evidence")).await?;
    ctx.app.db.ready_for(&permit)?;
    let by_script = is_by_script(&request);
    let taken = take_many(&ctx, &person, request, &[], async { Ok(()) }).await?;
    if by_script {
        return Ok(outcome_by_script(&ctx, &taken, "/evidence"));
    }
    let back = ("/evidence".to_owned(), ctx.app.text("evidence-title", &[]));
    outcome_page(&ctx, taken, back).await
}

/// What became of one file.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileOutcome {
    /// The name it was sent with.
    name: String,
    /// Its id, when it was taken, linked or not.
    id: Option<String>,
    /// Why it was not taken, or not linked.
    error: Option<String>,
    /// It was taken and not linked: to send it again would only make it twice.
    unlinked: bool,
}

/// What became of each file, in their order.
#[must_use]
pub fn outcomes(taken: Taken) -> Vec<FileOutcome> {
    let one = |f: Outcome| match f.result {
        Ok(id) => FileOutcome { name: f.name, id: Some(id.to_string()), unlinked: f.unlinked.is_some(), error: f.unlinked },
        Err(because) => FileOutcome { name: f.name, id: None, unlinked: false, error: Some(because) },
    };
    taken.files.into_iter().map(one).collect()
}

/// Upload many files: multipart with fields `file`, each an act of its own
#[utoipa::path(post, path = "/api/v1/evidence/files", tag = "evidence", request_body(content_type = "multipart/form-data"),
    responses((status = 200, body = Vec<FileOutcome>), (status = 403, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem)))]
pub(super) async fn api_bulk(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<Upload>(&On::any("evidence")).await?;
    ctx.app.db.ready_for(&permit)?;
    let taken = take_many(&ctx, &person, request, &[], async { Ok(()) }).await?;
    Ok(axum::Json(outcomes(taken)).into_response())
}
