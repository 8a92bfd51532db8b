//! Records as a file, streamed a page at a time: for a spreadsheet program, with nothing that could run as a formula, or for a
//! program as they are.
//! Must stay true: the export is an entry before its first byte, and its end another, with the rows and the hash of what went
//! out; no plaintext touches the disk, and at most one page is in memory; it holds the records it says and no others.

use std::collections::HashMap;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream::{StreamExt as _, try_unfold};
use sha2::{Digest as _, Sha256};

use super::{Error, Exported, PHONE, Record, gone_or, read, sql};
use crate::core::clock::Micros;
use crate::core::fault::{Fault, chain_of};
use crate::core::id::{ExportId, IntakeId, PersonId};
use crate::core::sheet::{Profile, csv_field};
use crate::core::xlsx::Xlsx;
use crate::db::{Db, Detail};
use crate::http::App;
use crate::http::templates::both_times;
use crate::policy::{Act, Actor, On, Permit};

/// Records read at once.
const ROWS_MAX: i64 = 200;

/// What is exported.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The flow.
    pub flow: String,
    /// Ended from this instant on.
    pub from: Micros,
    /// And before this one.
    pub to: Micros,
    /// Fields of the flow, and [`PHONE`], in the order of the columns.
    pub fields: Vec<String>,
    /// One of [`super::PURPOSES`].
    pub purpose: &'static str,
    /// In their words.
    pub note: String,
    /// As what.
    pub format: Format,
}

/// The kinds of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CSV for a spreadsheet program.
    Csv,
    /// A workbook.
    Xlsx,
    /// CSV for a program, as it is.
    Machine,
}

impl Format {
    /// The name of the format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Machine => "csv_machine",
        }
    }
}

/// Enters an export, and begins it.
///
/// # Errors
/// When the database fails: then nothing goes out.
pub async fn begin<A: Act>(app: &App, permit: Permit<A>, by: &PersonId, wanted: Wanted) -> Result<Response, Error> {
    let db = &app.db;
    let id = ExportId::new(db.clock(), db.rng());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let (now, fields) = (tx.now(), wanted.fields.join(" "));
    let insert = tx.write(sql::INSERT_EXPORT).bind(&id).bind(Some(wanted.flow.clone())).bind(wanted.from).bind(wanted.to).bind(&fields).bind(wanted.purpose);
    insert.bind(wanted.format.name()).bind(by).bind(now).execute().await?;
    let detail = Detail::ok().with("flow", wanted.flow.as_str()).with("format", wanted.format.name()).with("fields", fields.as_str());
    let detail = detail.with("purpose", wanted.purpose).with("from", wanted.from).with("to", wanted.to);
    tx.commit(permit, if wanted.note.is_empty() { detail } else { detail.personal("note", &wanted.note) }).await?;
    Ok(response(Run { app: app.clone(), id, wanted, begun: now, hash: Sha256::new(), rows: 0, at: At::Header, book: Xlsx::default() }))
}

#[derive(Debug)]
enum At {
    Header,
    After(Micros, Option<IntakeId>),
    End,
}

/// An export that runs.
#[derive(Debug)]
struct Run {
    app: App,
    id: ExportId,
    wanted: Wanted,
    begun: Micros,
    hash: Sha256,
    rows: i64,
    at: At,
    book: Xlsx,
}

fn response(run: Run) -> Response {
    let format = run.wanted.format;
    let rows = try_unfold(run, |mut run| async move {
        match run.next().await {
            Ok(Some(bytes)) => Ok(Some((Bytes::from(bytes), run))),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::error!(fault = chain_of(&error), export = run.id.as_str(), "an export of intakes broke off");
                Err(error)
            }
        }
    });
    let mut response = axum::body::Body::from_stream(rows.boxed()).into_response();
    let headers = response.headers_mut();
    let (kind, file) = match format {
        Format::Csv | Format::Machine => ("text/csv; charset=utf-8", "attachment; filename=\"intake.csv\""),
        Format::Xlsx => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "attachment; filename=\"intake.xlsx\""),
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(file));
    response
}

impl Run {
    fn line(&mut self, cells: &[&str]) -> Result<Vec<u8>, Error> {
        let profile = match self.wanted.format {
            Format::Xlsx => return self.book.row(cells).ok_or_else(|| Fault::new("the sheet is full; export fewer days").into()),
            Format::Csv => Profile::Spreadsheet,
            Format::Machine => Profile::Machine,
        };
        let mut out = cells.iter().map(|cell| csv_field(cell, profile)).collect::<Vec<_>>().join(",");
        out.push_str("\r\n");
        Ok(out.into_bytes())
    }

    /// The next piece of the file; none once its end is entered.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let bytes = match std::mem::replace(&mut self.at, At::End) {
            At::Header => {
                let fields = self.wanted.fields.clone();
                let columns: Vec<&str> = ["record", "ended"].into_iter().chain(fields.iter().map(String::as_str)).collect();
                self.at = At::After(self.wanted.from, None);
                let mut out = if self.wanted.format == Format::Xlsx { self.book.begin() } else { Vec::new() };
                out.extend(self.line(&columns)?);
                out
            }
            At::After(ended, last) => {
                let records = self.page(ended, last.as_ref()).await?;
                match records.last() {
                    Some(newest) => {
                        self.at = At::After(newest.ended_at.unwrap_or(ended), Some(newest.id.clone()));
                        self.lines(&records).await?
                    }
                    None => return self.last().await.map(Some),
                }
            }
            At::End => return Ok(None),
        };
        self.hash.update(&bytes);
        Ok(Some(bytes))
    }

    /// The end of the file, given out once it is entered.
    async fn last(&mut self) -> Result<Vec<u8>, Error> {
        let bytes = if self.wanted.format == Format::Xlsx { std::mem::take(&mut self.book).end() } else { Vec::new() };
        self.hash.update(&bytes);
        self.finish().await?;
        Ok(bytes)
    }

    async fn page(&self, ended: Micros, last: Option<&IntakeId>) -> Result<Vec<Record>, Error> {
        let query = self.app.db.query(sql::EXPORT_PAGE).bind(self.wanted.flow.as_str()).bind(ended).bind(last.map_or("", IntakeId::as_str));
        Ok(query.bind(self.wanted.to.min(self.begun + 1)).bind(ROWS_MAX).all().await?)
    }

    async fn lines(&mut self, records: &[Record]) -> Result<Vec<u8>, Error> {
        let (app, fields) = (self.app.clone(), self.wanted.fields.clone());
        let db = &app.db;
        let mut out = Vec::new();
        let mut rows = 0;
        for record in records {
            let Some(values) = values(db, record).await? else { continue };
            let ended = both_times(record.ended_at.unwrap_or_default(), "UTC").0;
            let mut cells: Vec<&str> = vec![record.id.as_str(), &ended];
            cells.extend(fields.iter().map(|field| values.get(field.as_str()).map_or("", |v| v.as_str())));
            out.extend(self.line(&cells)?);
            rows += 1;
        }
        self.rows += rows;
        Ok(out)
    }

    /// Enters what went out.
    async fn finish(&mut self) -> Result<(), Error> {
        let (db, sha256) = (&self.app.db, hex::encode(std::mem::take(&mut self.hash).finalize()));
        let permit = self.app.policy.permit::<Exported>(&Actor::system(), &On::one("intake_export", &self.id));
        let permit = permit.map_err(|e| Fault::with("enter the end of an export", e))?;
        let mut tx = db.begin(&permit).await?;
        let now = tx.now();
        if tx.write(sql::FINISH_EXPORT).bind(&self.id).bind(self.rows).bind(sha256.as_str()).bind(now).execute().await? != 1 {
            return Err(Error::Changed);
        }
        tx.commit(permit, Detail::ok().with("rows", self.rows).with("sha256", sha256.as_str())).await?;
        Ok(())
    }
}

/// The newest answer to each field; none of a record that was shredded meanwhile.
async fn values(db: &Db, record: &Record) -> Result<Option<HashMap<String, zeroize::Zeroizing<String>>>, Error> {
    let mut out = HashMap::new();
    // Newest first: the first of a field stands.
    for value in read::versions(db, &record.id).await? {
        if out.contains_key(&value.field) {
            continue;
        }
        let Some(sealed) = &value.sealed else { return Ok(None) };
        let Some(text) = gone_or(read::open_value(db, &record.id, &value.field, value.version, sealed).await)? else { return Ok(None) };
        out.insert(value.field, text);
    }
    if let Some(number) = record.number(db).await? {
        out.insert(PHONE.to_owned(), number.into());
    }
    Ok(Some(out))
}
