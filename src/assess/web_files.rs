//! Uploading on an objective's page: each file is uploaded and then linked, by two acts of one flow.
//! Must stay true: a file that was uploaded and could not be linked is told, and stays.

use axum::extract::{Path, Request};

use super::web::{found, permitted, told};
use super::{Link, Method, part, proof};
use crate::evidence::web_bulk::{Taken, outcome_page, take_many};
use crate::evidence::{self, Upload};
use crate::http::{Answer, Ctx, Signed};
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
            file.result = Err(ctx.app.text("bulk-upload-unlinked", &[]));
        }
    }
    answer(&ctx, taken, named.objective_href(&name), &name).await
}

/// Back to the objective when everything went well, else what became of each file.
async fn answer(ctx: &Ctx, taken: Taken, href: String, name: &str) -> Answer {
    if !taken.files.is_empty() && taken.files.iter().all(|f| f.result.is_ok()) {
        return Ok(ctx.go(&format!("{href}#evidence"), "objective-kept"));
    }
    outcome_page(ctx, taken, (href, name.to_owned())).await
}
