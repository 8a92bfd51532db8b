//! The entries that fit a filter as a stream, oldest first, for the browser and for the command line: rows for a spreadsheet,
//! or leaves for a program.
//! Must stay true: at most one batch is in memory; a line of leaves is what was hashed, a spreadsheet says that it proves
//! nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_audit::write::time::rfc3339;
use futures_util::stream::{BoxStream, StreamExt as _, try_unfold};
use serde_json::Value;

use super::Error;
use super::filter::Filter;
use super::read::{self, Entry, Opened};
use crate::core::id::EventId;
use crate::core::sheet::{Profile, csv_field};
use crate::db::Db;

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

/// A file in parts.
pub type Chunks = BoxStream<'static, Result<Bytes, Error>>;

/// Where a stream of rows stands.
struct Rows {
    db: Db,
    filter: Filter,
    after: Option<EventId>,
    before: EventId,
    ended: bool,
}

/// Batches of rows, oldest first, up to the export's own entry.
pub(super) fn batches(db: Db, filter: Filter, before: EventId) -> BoxStream<'static, Result<(Db, Vec<Entry>), Error>> {
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

pub(super) fn broke_off(error: &Error) {
    tracing::error!(%error, "an export broke off");
}

/// Rows for a spreadsheet, the names of the columns first.
pub fn csv(db: Db, filter: Filter, before: EventId) -> Chunks {
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
pub fn json_lines(db: Db, filter: Filter, before: EventId) -> Chunks {
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
