//! Many files in one form, each uploaded by an act of its own, with what became of each.
//! Must stay true: one that cannot be taken keeps none of the others back; what was taken stays taken however the form ends.

use std::collections::BTreeMap;

use axum::extract::Request;
use axum::http::StatusCode;
use serde::Serialize;

use super::web::quota;
use super::web_multipart::{Part, Parts, Refusal, Terms};
use super::web_upload::{error_of, refusal, sentence};
use super::{Received, Upload};
use crate::core::id::{EvidenceId, PersonId};
use crate::http::form::check_csrf;
use crate::http::{self, Answer, Ctx, Signed};
use crate::policy::On;

/// Files of one form.
pub const FILES_MAX: usize = 1000;

/// What became of one file.
#[derive(Debug)]
pub struct Outcome {
    /// The name it was sent with.
    pub name: String,
    /// Its id, or why it was not taken.
    pub result: Result<EvidenceId, String>,
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
    let terms = Terms { extensions: &uploads.extensions, bytes_max: uploads.bytes_max, texts, csrf: Some(&is_right) };
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
                taken.files.push(Outcome { name, result });
            }
            Err(refusal) if taken.files.is_empty() => {
                parts.drain().await;
                return Err(error_of(app, refusal));
            }
            Err(refusal) => {
                parts.drain().await;
                taken.files.push(Outcome { name: String::new(), result: Err(told(ctx, refusal)) });
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
    let row = |file: Outcome| match file.result {
        Ok(id) => Row { name: file.name, href: Some(format!("/evidence/{id}")), because: String::new() },
        Err(because) => Row { name: file.name, href: None, because },
    };
    let page = BulkPage { rows: taken.files.into_iter().map(row).collect(), taken: count, back: back.0, back_text: back.1 };
    let mut response = ctx.page("evidence/bulk.html", page).await?;
    if count == 0 {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

pub(super) async fn post_bulk(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<Upload>(&On::any("evidence")).await?;
    ctx.app.db.ready_for(&permit)?;
    let taken = take_many(&ctx, &person, request, &[], async { Ok(()) }).await?;
    let back = ("/evidence".to_owned(), ctx.app.text("evidence-title", &[]));
    outcome_page(&ctx, taken, back).await
}
