//! Exports from the browser, streamed from the database in small batches: rows for a spreadsheet, leaves for a program, or
//! the whole verifiable folder as a tar. The export is an entry before its first byte.

use axum::body::Body;
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_audit::write::time::rfc3339;
use futures_util::stream::{BoxStream, StreamExt as _, try_unfold};
use serde_json::Value;

use super::export::{Export as Bundle, Piece};
use super::filter::{Filter, Misread, Raw};
use super::read::{self, Entry, Opened};
use super::web::{of_filter, read_filter};
use super::web_entry::attachment;
use super::{Error, Export, tar};
use crate::core::clock::seconds;
use crate::core::id::EventId;
use crate::core::sheet::{Profile, csv_field};
use crate::db::{Db, Detail};
use crate::http::{self, Answer, Posted, Signed};
use crate::policy::On;

/// Rows read at once.
const BATCH: i64 = 100;
/// The columns of the spreadsheet; the last says in every row that a spreadsheet proves nothing.
const COLUMNS: [&str; 15] = [
    "seq",
    "time_utc",
    "actor",
    "actor_id",
    "actor_type",
    "action",
    "category",
    "object_type",
    "object_id",
    "object",
    "outcome",
    "reason",
    "address",
    "leaf_hash",
    "status",
];

type Chunks = BoxStream<'static, Result<Bytes, Error>>;

pub(super) async fn post_export(_signed: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<Export>(&On::any("trail")).await?;
    let raw = Raw::take(&mut fields)?;
    let format = fields.one("format")?;
    fields.finish()?;
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
            Ok(attachment(Body::from_stream(csv(db.clone(), filter, id)).into_response(), "audit-not-evidence.csv", "text/csv; charset=utf-8"))
        }
        "json" => {
            let id = db.record(permit, of_filter(detail, &raw)).await?;
            Ok(attachment(Body::from_stream(json_lines(db.clone(), filter, id)).into_response(), "audit.jsonl", "application/x-ndjson"))
        }
        "bundle" => {
            // The bundle is the whole log: a part of it proves nothing.
            ctx.app.keeper.sign_now().await.map_err(Error::from)?;
            if let Some(cosigner) = &ctx.app.cosigner {
                cosigner.round_within(crate::cosign::EXPORT_WAIT_MAX).await;
            }
            let bundle = Bundle::newest(db, filter.log).await?;
            let detail = detail.with("checkpoint_size", i64::try_from(bundle.size).unwrap_or(i64::MAX));
            db.record(permit, detail).await?;
            Ok(attachment(Body::from_stream(tarred(db.clone(), bundle)).into_response(), "audit-export.tar", "application/x-tar"))
        }
        _ => Err(http::Error::field("format", "is not known here")),
    }
}

/// Where a stream of rows stands.
struct Rows {
    db: Db,
    filter: Filter,
    after: Option<EventId>,
    before: EventId,
    ended: bool,
}

/// Batches of rows, oldest first, up to the export's own entry.
fn batches(db: Db, filter: Filter, before: EventId) -> BoxStream<'static, Result<(Db, Vec<Entry>), Error>> {
    let start = Rows { db, filter, after: None, before, ended: false };
    try_unfold(start, |mut at| async move {
        if at.ended {
            return Ok(None);
        }
        let rows = read::batch(&at.db, &at.filter, at.after.as_ref(), &at.before, BATCH).await.inspect_err(broke_off)?;
        at.ended = i64::try_from(rows.len()).is_ok_and(|n| n < BATCH);
        at.after = rows.last().map(|r| r.id.clone());
        Ok((!rows.is_empty()).then(|| ((at.db.clone(), rows), at)))
    })
    .boxed()
}

fn broke_off(error: &Error) {
    tracing::error!(%error, "an export broke off");
}

fn csv(db: Db, filter: Filter, before: EventId) -> Chunks {
    let head = futures_util::stream::once(async { Ok(Bytes::from(line(&COLUMNS.map(str::to_owned)))) });
    let rows = batches(db, filter, before).then(|batch| async move {
        let (db, rows) = batch?;
        let mut out = String::new();
        for row in &rows {
            out.push_str(&line(&cells(row, &row.open(&db).await?)));
        }
        Ok(Bytes::from(out))
    });
    head.chain(rows).boxed()
}

fn line(cells: &[String; 15]) -> String {
    let mut out = cells.iter().map(|c| csv_field(c, Profile::Spreadsheet)).collect::<Vec<_>>().join(",");
    out.push_str("\r\n");
    out
}

fn cells(row: &Entry, opened: &Opened) -> [String; 15] {
    let value = |name: &str| opened.get(name).unwrap_or_default().to_owned();
    let reason = serde_json::from_slice::<Value>(&row.body).ok().and_then(|b| b.get("reason")?.as_str().map(str::to_owned));
    let said = &row.said;
    [
        row.seq.to_string(),
        rfc3339(row.at).unwrap_or_default(),
        value("actor.name"),
        said.actor.id.clone().unwrap_or_default(),
        said.actor.kind.clone(),
        said.action.clone(),
        said.category.clone(),
        said.resource.kind.clone(),
        said.resource.id.clone().unwrap_or_default(),
        value("resource.label"),
        said.outcome.clone(),
        reason.unwrap_or_default(),
        value("net.ip"),
        STANDARD.encode(&row.leaf_hash),
        "not evidence".to_owned(),
    ]
}

/// Each line is a leaf, byte for byte.
fn json_lines(db: Db, filter: Filter, before: EventId) -> Chunks {
    batches(db, filter, before)
        .map(|batch| {
            let mut out = Vec::new();
            for row in batch?.1 {
                out.extend(row.leaf()?);
                out.push(b'\n');
            }
            Ok(Bytes::from(out))
        })
        .boxed()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_quoted_and_holds_no_formula() {
        let mut row = COLUMNS.map(str::to_owned);
        row[2] = "=HYPERLINK(\"x\")".into();
        let line = line(&row);
        assert!(line.starts_with("\"seq\",\"time_utc\",\"'=HYPERLINK(\"\"x\"\")\","));
        assert!(line.ends_with("\"status\"\r\n"));
    }
}
