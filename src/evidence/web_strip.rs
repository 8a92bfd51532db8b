//! A copy without metadata: a new version, as a draft, beside the one it was made of.
//! Must stay true: the original stays as it is; what is read is held against its hash before anything is made of it.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::strip::{BYTES_MAX, StripError, is_known, strip};
use super::web::{Uploaded, named, quota, told};
use super::{Evidence, Received, Upload, kind};
use crate::core::fault::Context as _;
use crate::core::id::EvidenceId;
use crate::http::openapi::Problem;
use crate::http::{self, Answer, Ctx, Posted, Signed};
use crate::policy::{On, Permit};

/// Could there be such a copy of this item?
pub(super) fn may_be(item: &Evidence) -> bool {
    item.deleted_at.is_none() && kind::extension(&item.name).is_some_and(|e| is_known(&e)) && u64::try_from(item.size).is_ok_and(|n| n <= BYTES_MAX)
}

async fn make(ctx: &Ctx, permit: Permit<Upload>, item: &Evidence) -> Result<EvidenceId, http::Error> {
    let app = &ctx.app;
    let refused = |error: StripError| {
        let code = format!("error-strip-{}", error.code());
        http::Error::conflict("strip").saying(app.text(&code, &[]))
    };
    app.db.ready_for(&permit)?;
    if !may_be(item) {
        return Err(refused(if item.deleted_at.is_some() { StripError::Broken } else { StripError::Kind }));
    }
    let opened = app.blobs.open(&item.sha256).await?.ok_or_else(http::Error::not_found)?;
    let mut bytes = Vec::new();
    opened.file.take(BYTES_MAX + 1).read_to_end(&mut bytes).await.context("read evidence")?;
    if hex::encode(Sha256::digest(&bytes)) != item.sha256 {
        return Err(refused(StripError::Broken));
    }
    let extension = kind::extension(&item.name).unwrap_or_default();
    let copy = tokio::task::spawn_blocking(move || strip(&extension, &bytes)).await.context("make a copy")?.map_err(refused)?;
    let kind = kind::agree(&item.name, &copy[..copy.len().min(kind::HEAD_BYTES)], &app.policies.uploads.extensions);
    let kind = kind.map_err(|_| refused(StripError::Broken))?;
    if copy.len() as u64 > app.policies.uploads.bytes_max {
        return Err(refused(StripError::TooLarge));
    }
    let mut incoming = app.blobs.receive().await?;
    incoming.write(&copy).await?;
    let received = Received { name: item.name.clone(), kind, incoming, key: None };
    let done = super::upload_stripped(&app.db, permit, received, quota(app), item).await;
    Ok(done.map_err(told)?.answer)
}

pub(super) async fn post_strip(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    let permit = ctx.permit::<Upload>(&On::any("evidence")).await?;
    fields.finish()?;
    let item = named(&ctx, &id).await?;
    let made = make(&ctx, permit, &item).await?;
    Ok(ctx.go(&format!("/evidence/{made}"), "stripped"))
}

/// Make a copy without metadata, as a new version: JPEG, PNG and Office Open XML
#[utoipa::path(post, path = "/api/v1/evidence/{id}/strip", tag = "evidence", params(("id" = String, Path)),
    responses((status = 201, body = Uploaded), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "Of another kind, or it holds nothing of that")))]
pub(super) async fn api_strip(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let permit = ctx.permit::<Upload>(&On::any("evidence")).await?;
    let item = named(&ctx, &id).await?;
    let made = make(&ctx, permit, &item).await?;
    Ok((StatusCode::CREATED, axum::Json(Uploaded { id: made.to_string() })).into_response())
}
