//! Records as a file, streamed a page at a time: for a spreadsheet program, with nothing that could run as a formula, or for a
//! program as they are.
//! Must stay true: the export is an entry before its first byte, and its end another, with the rows and the hash of what went
//! out; no plaintext touches the disk, and at most two pages are in memory; it holds the records it says and no others.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream::{StreamExt as _, try_unfold};
use sha2::{Digest as _, Sha256};

use super::export_page::{Page, Place, page};
use super::{Error, Exported, sql};
use crate::core::clock::Micros;
use crate::core::fault::{Fault, chain_of};
use crate::core::id::{ExportId, PersonId};
use crate::core::sheet::{Profile, push_row};
use crate::core::xlsx::Xlsx;
use crate::db::Detail;
use crate::http::App;
use crate::policy::{Act, Actor, On, Permit};

/// What is exported.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The flow.
    pub flow: String,
    /// Ended from this instant on.
    pub from: Micros,
    /// And before this one.
    pub to: Micros,
    /// Fields of the flow, and [`super::PHONE`], in the order of the columns.
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
    /// A tab of a spreadsheet at Google.
    Sheet,
}

impl Format {
    /// The name of the format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Machine => "csv_machine",
            Self::Sheet => "sheet",
        }
    }
}

/// Enters an export, and begins it.
///
/// # Errors
/// When the database fails: then nothing goes out.
pub async fn begin<A: Act>(app: &App, permit: Permit<A>, by: &PersonId, wanted: Wanted) -> Result<Response, Error> {
    let (id, begun) = enter(app, permit, by, &wanted, None).await?;
    let file = File { format: wanted.format, fields: wanted.fields.clone(), hash: Sha256::new(), rows: 0, book: Xlsx::default() };
    Ok(response(Run { app: app.clone(), id, format: wanted.format, state: State::Header(place_of(&wanted, begun)), file: Some(file) }))
}

/// Where an export begins.
pub(super) fn place_of(wanted: &Wanted, begun: Micros) -> Place {
    Place { flow: wanted.flow.clone(), ended: wanted.from, last: String::new(), to: wanted.to, begun }
}

/// Enters that an export begins; `into` is the spreadsheet it goes to. Gives its id and when.
pub(super) async fn enter<A: Act>(app: &App, permit: Permit<A>, by: &PersonId, wanted: &Wanted, into: Option<&str>) -> Result<(ExportId, Micros), Error> {
    let db = &app.db;
    let id = ExportId::new(db.clock(), db.rng());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let (now, fields) = (tx.now(), wanted.fields.join(" "));
    let insert = tx.write(sql::INSERT_EXPORT).bind(&id).bind(Some(wanted.flow.clone())).bind(wanted.from).bind(wanted.to).bind(&fields).bind(wanted.purpose);
    insert.bind(wanted.format.name()).bind(by).bind(now).execute().await?;
    let mut detail = Detail::ok().with("flow", wanted.flow.as_str()).with("format", wanted.format.name()).with("fields", fields.as_str());
    detail = detail.with("purpose", wanted.purpose).with("from", wanted.from).with("to", wanted.to);
    if let Some(into) = into {
        detail = detail.with("spreadsheet", into);
    }
    tx.commit(permit, if wanted.note.is_empty() { detail } else { detail.personal("note", &wanted.note) }).await?;
    Ok((id, now))
}

/// Enters what went out.
pub(super) async fn finish(app: &App, id: &ExportId, rows: i64, sha256: &str) -> Result<(), Error> {
    let permit = app.policy.permit::<Exported>(&Actor::system(), &On::one("intake_export", id));
    let permit = permit.map_err(|e| Fault::with("enter the end of an export", e))?;
    let mut tx = app.db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::FINISH_EXPORT).bind(id).bind(rows).bind(sha256).bind(now).execute().await? != 1 {
        return Err(Error::Changed);
    }
    tx.commit(permit, Detail::ok().with("rows", rows).with("sha256", sha256)).await?;
    Ok(())
}

/// The file in the making.
#[derive(Debug)]
pub(super) struct File {
    pub(super) format: Format,
    pub(super) fields: Vec<String>,
    hash: Sha256,
    pub(super) rows: i64,
    book: Xlsx,
}

impl File {
    /// Adds a row.
    pub(super) fn line(&mut self, cells: &[&str], out: &mut String) -> Result<(), Error> {
        match self.format {
            Format::Xlsx => self.book.push(cells, out).ok_or_else(|| Fault::new("the sheet is full; export fewer days"))?,
            Format::Csv => push_row(out, cells, Profile::Spreadsheet),
            Format::Machine | Format::Sheet => push_row(out, cells, Profile::Machine),
        }
        Ok(())
    }

    /// The beginning, with the names of the columns.
    fn begin(&mut self) -> Result<Bytes, Error> {
        let mut out = if self.format == Format::Xlsx { self.book.begin() } else { Vec::new() };
        let fields = self.fields.clone();
        let columns: Vec<&str> = ["record", "ended"].into_iter().chain(fields.iter().map(String::as_str)).collect();
        let mut line = String::new();
        self.line(&columns, &mut line)?;
        if self.format == Format::Xlsx {
            self.book.count(line.as_bytes());
        }
        out.extend_from_slice(line.as_bytes());
        Ok(self.hashed(out))
    }

    fn page(&mut self, page: &Page) -> Result<Bytes, Error> {
        let lines = page.lines(self)?;
        if self.format == Format::Xlsx {
            self.book.count(lines.as_bytes());
        }
        Ok(self.hashed(lines.into_bytes()))
    }

    fn end(&mut self) -> Bytes {
        let out = if self.format == Format::Xlsx { std::mem::take(&mut self.book).end() } else { Vec::new() };
        self.hashed(out)
    }

    fn hashed(&mut self, bytes: Vec<u8>) -> Bytes {
        self.hash.update(&bytes);
        bytes.into()
    }
}

/// The page that is read while the one before it is opened.
type Ahead = tokio::task::JoinHandle<Result<Page, Error>>;

#[derive(Debug)]
enum State {
    Header(Place),
    Page(Ahead),
    End,
}

/// An export that runs.
#[derive(Debug)]
struct Run {
    app: App,
    id: ExportId,
    format: Format,
    state: State,
    /// None while a thread has it.
    file: Option<File>,
}

fn response(run: Run) -> Response {
    let format = run.format;
    let rows = try_unfold(run, |mut run| async move {
        match run.next().await {
            Ok(Some(bytes)) => Ok(Some((bytes, run))),
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
        Format::Csv | Format::Machine | Format::Sheet => ("text/csv; charset=utf-8", "attachment; filename=\"intake.csv\""),
        Format::Xlsx => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "attachment; filename=\"intake.xlsx\""),
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(file));
    response
}

impl Run {
    fn read(&self, place: Place) -> Ahead {
        let app = self.app.clone();
        tokio::spawn(async move { page(&app.db, place).await })
    }

    /// What a thread for long work makes of the file: opening a page of records is no short one.
    async fn on_thread<T: Send + 'static>(&mut self, work: impl FnOnce(&mut File) -> T + Send + 'static) -> Result<T, Error> {
        let mut file = self.file.take().ok_or_else(|| Fault::new("an export went on after it broke off"))?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&mut file);
            (file, done)
        });
        let (file, done) = done.await.map_err(|e| Fault::with("write a page of an export", e))?;
        self.file = Some(file);
        Ok(done)
    }

    /// The next piece of the file; none once its end is entered.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        match std::mem::replace(&mut self.state, State::End) {
            State::Header(place) => {
                self.state = State::Page(self.read(place));
                self.on_thread(File::begin).await?.map(Some)
            }
            State::Page(ahead) => {
                let page = ahead.await.map_err(|e| Fault::with("read a page of an export", e))??;
                let Some(next) = page.next() else { return self.last().await.map(Some) };
                self.state = State::Page(self.read(next));
                self.on_thread(move |file| file.page(&page)).await?.map(Some)
            }
            State::End => Ok(None),
        }
    }

    /// The end of the file, given out once it is entered.
    async fn last(&mut self) -> Result<Bytes, Error> {
        let (bytes, sha256, rows) = self.on_thread(|file| (file.end(), hex::encode(std::mem::take(&mut file.hash).finalize()), file.rows)).await?;
        finish(&self.app, &self.id, rows, &sha256).await?;
        Ok(bytes)
    }
}
