//! Exports from the browser, streamed from the database in small batches: rows for a spreadsheet, leaves for a program, or
//! the whole verifiable folder as a tar. The export is an entry before its first byte.

use axum::body::Body;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures_util::stream::{StreamExt as _, try_unfold};

use super::dossier::{self, Beside, Opening};
use super::export::{Export as Bundle, Piece};
use super::filter::{Filter, Misread, Raw};
use super::read;
use super::rows::{Chunks, broke_off, csv, json_lines};
use super::web::{of_filter, read_filter};
use super::web_entry::attachment;
use super::web_log::policy;
use super::{Error, Export, Open, tar};
use crate::core::clock::seconds;
use crate::db::{Db, Detail};
use crate::http::{self, Answer, Ctx, Posted, Signed};
use crate::policy::{Need, On};

/// Characters of a purpose at most.
const PURPOSE_CHARS_MAX: usize = 500;

pub(super) async fn post_export(_signed: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<Export>(&On::any("trail")).await?;
    let raw = Raw::take(&mut fields)?;
    let format = fields.one("format")?;
    let open = fields.optional("open")?.filter(|open| !open.is_empty());
    let purpose = fields.optional("purpose")?.map(|purpose| purpose.trim().to_owned()).unwrap_or_default();
    fields.finish()?;
    if open.as_deref().is_some_and(|open| open != "yes" || format != "evidence") {
        return Err(http::Error::field("open", ctx.app.text("error-open-format", &[])));
    }
    let filter = match read_filter(&ctx, &raw).await {
        Ok(filter) => filter,
        Err(Misread::Says(key, name)) => return Err(http::Error::field(name, ctx.app.text(key, &[]))),
        Err(Misread::Fault(fault)) => return Err(fault.into()),
    };
    let db = &ctx.app.db;
    let size = read::size(db, filter.log).await?;
    let detail = Detail::ok().with("format", format.as_str()).with("size", size);
    match format.as_str() {
        "csv" => {
            let id = db.record(permit, of_filter(detail, &raw)).await?;
            db.settle().await?;
            Ok(attachment(Body::from_stream(csv(db.clone(), filter, id)).into_response(), "audit-not-evidence.csv", "text/csv; charset=utf-8"))
        }
        "json" => {
            let id = db.record(permit, of_filter(detail, &raw)).await?;
            // What was committed before is in the chain now, which the rows are read from.
            db.settle().await?;
            Ok(attachment(Body::from_stream(json_lines(db.clone(), filter, id)).into_response(), "audit.jsonl", "application/x-ndjson"))
        }
        "bundle" => {
            // The bundle is the whole log: a part of it proves nothing.
            countersigned(&ctx).await?;
            let bundle = Bundle::newest(db, filter.log).await?.with_tokens(db).await?;
            let detail = detail.with("checkpoint_size", i64::try_from(bundle.size).unwrap_or(i64::MAX));
            db.record(permit, detail).await?;
            Ok(attachment(Body::from_stream(tarred(db.clone(), bundle)).into_response(), "audit-export.tar", "application/x-tar"))
        }
        "evidence" => {
            countersigned(&ctx).await?;
            let bundle = Bundle::newest(db, filter.log).await?.with_tokens(db).await?;
            let opening = if open.is_some() { opened(&ctx, &filter, &raw, &purpose, bundle.size).await? } else { Opening::default() };
            let detail = detail.with("checkpoint_size", i64::try_from(bundle.size).unwrap_or(i64::MAX)).with("opened", opening.values);
            db.record(permit, of_filter(detail, &raw)).await?;
            let beside = beside(&ctx, &bundle, &opening)?;
            let body = Body::from_stream(dossier::stream(db.clone(), bundle, opening, beside));
            Ok(attachment(body.into_response(), "audit-evidence.zip", "application/zip"))
        }
        _ => Err(http::Error::field("format", "is not known here")),
    }
}

/// Signs what there is, and asks the witnesses to countersign it; those that do not answer in time are done without.
async fn countersigned(ctx: &Ctx) -> Result<(), http::Error> {
    ctx.app.keeper.sign_or_wait().await.map_err(Error::from)?;
    if let Some(cosigner) = &ctx.app.cosigner {
        cosigner.round_within(crate::cosign::EXPORT_WAIT_MAX).await;
    }
    Ok(())
}

/// Makes it an entry that these values are opened, and for what, before any of them leaves.
async fn opened(ctx: &Ctx, filter: &Filter, raw: &Raw, purpose: &str, size: u64) -> Result<Opening, http::Error> {
    let on = On::any("trail");
    if let Err(denied) = ctx.app.policy.permit::<Open>(&ctx.actor, &on)
        && denied.need == Need::Fresh
    {
        // Nobody can be sent back to a form that was posted: back to the page that holds it.
        return Err(http::Error::see_other("/fresh?next=%2Faudit"));
    }
    let permit = ctx.permit::<Open>(&on).await?;
    if purpose.is_empty() || purpose.chars().count() > PURPOSE_CHARS_MAX {
        return Err(http::Error::field("purpose", ctx.app.text("error-open-purpose", &[])));
    }
    let Some(opening) = dossier::opening(&ctx.app.db, filter, size).await? else {
        return Err(http::Error::field("open", ctx.app.text("error-open-many", &[])));
    };
    let entries = i64::try_from(opening.seqs.len()).unwrap_or(i64::MAX);
    let detail = Detail::ok().with("entries", entries).with("values", opening.values).personal("purpose", purpose);
    ctx.app.db.record(permit, of_filter(detail, raw)).await?;
    Ok(opening)
}

/// What lies beside the log in an evidence bundle.
fn beside(ctx: &Ctx, bundle: &Bundle, opening: &Opening) -> Result<Beside, http::Error> {
    let origin = bundle.note.lines().next().unwrap_or_default();
    let (vkey, url) = (ctx.app.keeper.signer().vkey(origin), ctx.app.config.url());
    let page = serde_json::json!({ "origin": origin, "size": bundle.size.to_string(), "opened": opening.values.to_string(), "site": url });
    let readme = ctx.app.templates.render("export/readme.txt", minijinja::context! {}, page)?;
    Ok(Beside { readme, policy: policy(&ctx.app, &vkey), vkey: format!("{vkey}\n") })
}

fn tarred(db: Db, bundle: Bundle) -> Chunks {
    let at = seconds(db.clock().now());
    let pieces: Box<dyn Iterator<Item = Piece> + Send> = Box::new(bundle.pieces());
    let files = try_unfold((db, bundle, pieces), move |(db, bundle, mut pieces)| async move {
        let Some(piece) = pieces.next() else { return Ok(None) };
        let (path, bytes) = bundle.piece(&db, piece).await.inspect_err(broke_off)?;
        let file = tar::file(&format!("audit-export/{path}"), &bytes, at).ok_or_else(|| crate::core::fault::Fault::new("a path is too long for the tar"))?;
        Ok(Some((Bytes::from(file), (db, bundle, pieces))))
    });
    files.chain(futures_util::stream::once(async { Ok(Bytes::from(tar::end())) })).boxed()
}
