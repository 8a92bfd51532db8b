//! Uploading on an objective's page: each file is uploaded and then linked, by two acts of one flow.
//! Must stay true: a file that was uploaded and could not be linked is told, and stays.

use axum::extract::{Path, Request};
use axum::response::IntoResponse as _;

use super::bring::names::{Ids, place};
use super::web::{Named, found, permitted, told};
use super::{Link, Method, part, proof};
use crate::core::id::PersonId;
use crate::evidence::web_bulk::{FileOutcome, Outcome, Taken, outcome_by_script, outcome_page, outcomes, take_many};
use crate::evidence::web_upload::is_by_script;
use crate::evidence::{self, Upload};
use crate::http::openapi::Problem;
use crate::http::{Answer, Ctx, Error, Signed};
use crate::policy::On;

pub(super) async fn post_files(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, request: Request) -> Answer {
    let _first = permitted::<Link>(&ctx, "objective", &id, &name).await?;
    let permit = ctx.permit::<Upload>(&On::any("evidence")).await?;
    ctx.app.db.ready_for(&permit)?;
    let there = async { found(&ctx, &id).await?.objective(&name).map(drop) };
    let mut taken = take_many(&ctx, &person, request, &["method"], there).await?;
    let named = found(&ctx, &id).await?;
    let method = taken.texts.get("method").and_then(|m| m.parse().ok()).unwrap_or(Method::Examine);
    let on = part("objective", &named.assessment.id, &name);
    for file in &mut taken.files {
        let Ok(evidence) = &file.result else { continue };
        let Some(item) = evidence::by_id(&ctx.app.db, evidence).await? else { continue };
        let permit = ctx.permit::<Link>(&on).await?;
        if let Err(error) = proof::link(&ctx.app.db, permit, &person, (&named.assessment.id, &name), &item, method).await {
            let error = told(&ctx.app, error);
            tracing::warn!(evidence = item.id.as_str(), code = error.code, "an upload was not linked");
            file.unlinked = Some(ctx.app.text("bulk-upload-unlinked", &[]));
        }
    }
    answer(&ctx, taken, named.objective_href(&name), &name).await
}

/// Takes many files; each is uploaded, and linked to what its name begins with, by acts of its own.
async fn take_by_name(ctx: &Ctx, person: &PersonId, id: &str, request: Request) -> Result<(Taken, Named), Error> {
    let _first = permitted::<Link>(ctx, "objective", id, "").await?;
    let permit = ctx.permit::<Upload>(&On::any("evidence")).await?;
    ctx.app.db.ready_for(&permit)?;
    let there = async { found(ctx, id).await.map(drop) };
    let mut taken = take_many(ctx, person, request, &[], there).await?;
    let named = found(ctx, id).await?;
    let ids = Ids::of(&named.catalog);
    for file in &mut taken.files {
        let Ok(evidence) = &file.result else { continue };
        let Some(item) = evidence::by_id(&ctx.app.db, evidence).await? else { continue };
        let objectives = match place(&ids, item.name.as_bytes()) {
            Ok(placed) => placed.objectives,
            Err(code) => {
                let because = ctx.app.text(&format!("error-{code}"), &[]);
                file.unlinked = Some(ctx.app.text("bring-many-unlinked", &[("because", &because)]));
                continue;
            }
        };
        for objective in objectives {
            let permit = ctx.permit::<Link>(&part("objective", &named.assessment.id, &objective)).await?;
            match proof::link(&ctx.app.db, permit, person, (&named.assessment.id, &objective), &item, Method::Examine).await {
                Ok(()) => {}
                Err(error) => {
                    let error = told(&ctx.app, error);
                    tracing::warn!(evidence = item.id.as_str(), code = error.code, "an upload was not linked");
                    file.unlinked = Some(ctx.app.text("bulk-upload-unlinked", &[]));
                    break;
                }
            }
        }
    }
    Ok((taken, named))
}

pub(super) async fn post_many(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let by_script = is_by_script(&request);
    let (taken, named) = take_by_name(&ctx, &person, &id, request).await?;
    let href = format!("/assess/{}", named.assessment.id);
    if by_script {
        return Ok(outcome_by_script(&ctx, &taken, &href));
    }
    outcome_page(&ctx, taken, (href, named.assessment.name.clone())).await
}

/// Upload many files: multipart with fields `file`, each linked to the objectives its name begins with
#[utoipa::path(post, path = "/api/v1/assessments/{id}/files", tag = "assessments", request_body(content_type = "multipart/form-data"),
    params(("id" = String, Path)), responses((status = 200, body = Vec<FileOutcome>), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem)))]
pub(super) async fn api_many(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let (taken, _) = take_by_name(&ctx, &person, &id, request).await?;
    Ok(axum::Json(outcomes(taken)).into_response())
}

/// Back to the objective when everything went well, else what became of each file.
async fn answer(ctx: &Ctx, taken: Taken, href: String, name: &str) -> Answer {
    if !taken.files.is_empty() && taken.files.iter().all(Outcome::is_whole) {
        return Ok(ctx.go(&format!("{href}#evidence"), "objective-kept"));
    }
    outcome_page(ctx, taken, (href, name.to_owned())).await
}
