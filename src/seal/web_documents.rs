//! Documents of a seal on their way out: pages to be read and printed, and files as they were made with it.
//! Must stay true: that something was taken is an entry that names it and its hash before the first byte leaves; what leaves is
//! what the entry of the seal says, whatever the database holds.

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse as _;
use serde::Serialize;
use serde_json::Value;

use super::document::{self, Kept};
use super::paper::{self, Document};
use super::web::{seen, taken, told};
use super::web_bundle::vouched;
use super::{Download, Sealed, body};
use crate::assess::ssp::Ssp;
use crate::core::fault::Context as _;
use crate::db::Detail;
use crate::http::download::content_disposition;
use crate::http::headers::{IsDownload, IsPrivate};
use crate::http::openapi::Problem;
use crate::http::{self, Answer, Ctx, Signed};
use crate::policy::Permit;

/// A seal's body; that it was read as a document is an entry that names which, and the hash of what it is of.
async fn taken_as(ctx: &Ctx, id: &str, name: &'static str) -> Result<(Sealed, Value), http::Error> {
    let (permit, seal): (Permit<Download>, Sealed) = taken(ctx, id).await?;
    let bytes = body(&ctx.app.db, &seal).await.map_err(|e| told(&ctx.app, e))?;
    let value: Value = serde_json::from_slice(&bytes).context("read a seal")?;
    vouched(ctx, &seal).await?;
    ctx.app.db.record(permit, Detail::ok().with("document", name).with("digest", seal.digest.as_str())).await?;
    Ok((seal, value))
}

pub(super) async fn get_report(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let (seal, value) = taken_as(&ctx, &id, "report").await?;
    ctx.page("seal/report.html", Document::of(&ctx.app, &value, &seal.digest)).await
}

pub(super) async fn get_sprs(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let (seal, value) = taken_as(&ctx, &id, "sprs").await?;
    ctx.page("seal/sprs.html", Document::of(&ctx.app, &value, &seal.digest)).await
}

#[derive(Serialize)]
struct SspPage {
    href: String,
    name: String,
    plan: Ssp,
}

pub(super) async fn get_ssp(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let (seal, value) = taken_as(&ctx, &id, "ssp").await?;
    let plan = paper::ssp(&ctx.app, &value, &seal.digest);
    ctx.page("seal/ssp.html", SspPage { href: format!("/seals/{}", seal.id), name: seal.assessment, plan }).await
}

/// The documents that were made with a seal, each with its SHA-256
#[utoipa::path(get, path = "/api/v1/seals/{id}/documents", tag = "seals", params(("id" = String, Path)),
    responses((status = 200, body = Vec<Kept>), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn get_documents(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let seal = seen(&ctx, &id).await?;
    let kept = document::list(&ctx.app.db, &seal).await.map_err(|e| told(&ctx.app, e))?;
    vouched(&ctx, &seal).await?;
    Ok(axum::Json(kept).into_response())
}

/// Download one document of a seal, byte for byte as it was made with it
#[utoipa::path(get, path = "/api/v1/seals/{id}/documents/{name}", tag = "seals", params(("id" = String, Path), ("name" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream"), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn get_document(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>) -> Answer {
    let (permit, seal) = taken(&ctx, &id).await?;
    let fail = |e| told(&ctx.app, e);
    let kept = document::list(&ctx.app.db, &seal).await.map_err(fail)?.into_iter().find(|k| k.name == name).ok_or_else(http::Error::not_found)?;
    let bytes = document::bytes(&ctx.app.db, &seal, &kept).await.map_err(fail)?;
    vouched(&ctx, &seal).await?;
    let detail = Detail::ok().with("document", kept.name.as_str()).with("digest", seal.digest.as_str()).with("sha256", kept.sha256.as_str());
    ctx.app.db.record(permit, detail).await?;
    let mut response = Bytes::from(bytes).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(document::kind(&kept.name)));
    if let Ok(value) = HeaderValue::from_str(&content_disposition(&kept.name)) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response.extensions_mut().insert(IsDownload);
    response.extensions_mut().insert(IsPrivate);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::paper::{File, Item, Objective, Requirement};
    use crate::seal::web::tests::render;
    use crate::seal::web_list::tests;

    #[test]
    fn the_documents_render_full_and_bare() {
        let objective = Objective {
            id: "3.1.1[a]".into(),
            finding: "Met".into(),
            because: "<i>".into(),
            notes: "<i>".into(),
            files: vec!["artifacts/a".into()],
            records: vec!["<i>Interview".into()],
        };
        let requirement = Requirement {
            id: "3.1.1".into(),
            practice: "AC.L2-3.1.1".into(),
            title: "<i>".into(),
            points: Some(5),
            verified: "Met".into(),
            claimed: "Met".into(),
            objectives: vec![objective],
        };
        let item = Item {
            requirement: "3.1.3".into(),
            weakness: "<i>".into(),
            risk: "High".into(),
            remediation: "<i>".into(),
            due_on: "2026-03-31".into(),
            milestones: vec!["2026-03-31 <i>".into()],
        };
        let file = File { file: "artifacts/a".into(), name: "<i>".into(), sha256: "AB".into(), size: 3, objectives: "3.1.1[a]".into() };
        let full = || Document {
            seal: tests::shown(),
            made_from: "<i>".into(),
            framework: "nist-800-171-r2".into(),
            scope: "<i>".into(),
            boundary: "<i>".into(),
            cage_codes: "1ABC2".into(),
            status: "Final".into(),
            conditional_on: "2026-01-01".into(),
            planned: "2026-03-31".into(),
            requirements: Vec::new(),
            items: Vec::new(),
            files: Vec::new(),
        };
        let whole = Document { requirements: vec![requirement], items: vec![item], files: vec![file], ..full() };
        for template in ["seal/report.html", "seal/sprs.html"] {
            assert!(!render(template, &whole).contains("<i>"), "{template}");
            render(template, Document { status: String::new(), conditional_on: String::new(), planned: String::new(), cage_codes: String::new(), ..full() });
        }
        let page = |plan| SspPage { href: "/seals/sel_1".into(), name: "<i>2026".into(), plan };
        assert!(!render("seal/ssp.html", page(crate::assess::web_ssp::tests::plan())).contains("<i>"));
        render("seal/ssp.html", page(Ssp::default()));
    }
}
