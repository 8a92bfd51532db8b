//! Reading a file of contacts by the browser: upload, preview with the use of each column, progress, refused rows to download.
//! Must stay true: who may is asked before the body is read, and the form's token before a byte of the file is kept; the name
//! a client sends is data and never reaches a path.

use std::io::Read as _;

use axum::extract::multipart::{Field, Multipart};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Path, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use super::import::judge::Judge;
use super::import::layout::{Layout, Preview, Use};
use super::import::stage::{self, Arrived, FILE_BYTES_MAX, Import, Terms, errors_of, file_of};
use super::import::{HEAD_BYTES, ImportError};
use super::web::{Choice, choices};
use super::{Begin, Cancel, Error, Export, LIST_NAME_CHARS_MAX, List, MakeList, See, Stage, lists, sql};
use crate::core::book::{self, BookError};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{ImportId, ListId};
use crate::core::number::{Kinds, is_region};
use crate::core::text::{Line, fold};
use crate::db::Detail;
use crate::http::form::{Fields, FormState, check_csrf};
use crate::http::headers::{IsDownload, IsPrivate};
use crate::http::{self, Answer, App, Ctx, Posted, Routes, Rule, Signed};
use crate::policy::{On, Resource as _};

/// Columns whose use can be chosen; those behind them are left away.
const CHOSEN_MAX: usize = 48;
/// Seconds after which a page that shows progress loads again.
const REFRESH_SECS: &str = "2";
/// Bytes of a form token, and around the file.
const TOKEN_BYTES_MAX: usize = 256;
const ENVELOPE_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/contacts/imports", Rule::Act("contact.list"), get_imports)
        .post("/contacts/imports", Rule::Act("import.stage"), post_imports)
        .get("/contacts/imports/{id}", Rule::Act("contact.list"), get_import)
        .post("/contacts/imports/{id}/begin", Rule::Act("import.begin"), post_begin)
        .post("/contacts/imports/{id}/cancel", Rule::Act("import.cancel"), post_cancel)
        .post("/contacts/imports/{id}/refused", Rule::Act("contact.export"), post_refused)
}

fn imports() -> On {
    On::any("import")
}

#[derive(Serialize)]
struct Row {
    id: String,
    name: String,
    state: String,
    rows: i64,
    at: Micros,
}

#[derive(Serialize)]
struct ListPage {
    items: Vec<Row>,
    bytes_max: u64,
    form: FormState,
}

async fn list_page(ctx: &Ctx, form: FormState) -> Result<ListPage, http::Error> {
    let db = &ctx.app.db;
    let mut items = Vec::new();
    for import in stage::newest(db).await? {
        let name = import.name(db).await?.unwrap_or_else(|| ctx.app.text("erased", &[]));
        items.push(Row { id: import.id.to_string(), name, state: import.state, rows: import.rows_done, at: import.made_at });
    }
    Ok(ListPage { items, bytes_max: FILE_BYTES_MAX, form })
}

async fn get_imports(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<See>(&super::web::contacts()).await?;
    let page = list_page(&ctx, FormState::default()).await?;
    ctx.page("contacts/imports.html", page).await
}

/// Why a file is not taken.
enum Refusal {
    Missing,
    TooLarge,
    File(ImportError),
    Told(http::Error),
}

impl From<http::Error> for Refusal {
    fn from(error: http::Error) -> Self {
        Self::Told(error)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Told(fault.into())
    }
}

async fn post_imports(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<Stage>(&imports()).await?;
    ctx.app.db.ready_for(&permit)?;
    let by_script = request.headers().get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).any(|v| v.contains("application/json"));
    let refused = match take(&ctx, request).await {
        Ok((id, name, sha256, bytes, layout, mut fragile)) => {
            let arrived = Arrived { id: id.clone(), person: Some(&person), name: &name, sha256, bytes, layout: &layout };
            stage::stage(&ctx.app.db, permit, &arrived).await?;
            fragile.0 = None;
            let href = format!("/contacts/imports/{id}");
            return Ok(if by_script {
                (StatusCode::CREATED, axum::Json(serde_json::json!({ "href": href }))).into_response()
            } else {
                ctx.go(&href, "import-staged")
            });
        }
        Err(Refusal::Told(error)) => return Err(error),
        Err(refused) => refused,
    };
    let says = match refused {
        Refusal::Missing => ctx.app.text("error-import-missing", &[]),
        Refusal::TooLarge => ctx.app.text("error-import-big", &[]),
        Refusal::File(error) => file_error(&ctx.app, &error),
        Refusal::Told(error) => return Err(error),
    };
    if by_script {
        let body =
            serde_json::json!({ "type": "about:blank", "title": says, "status": 422, "code": "import", "instance": ctx.seen.request.as_str(), "detail": says });
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response());
    }
    let mut form = FormState::default();
    form.wrong("file", says);
    let page = list_page(&ctx, form).await?;
    ctx.again("contacts/imports.html", page).await
}

/// The sentence for a file that cannot be read.
fn file_error(app: &App, error: &ImportError) -> String {
    if let ImportError::Book(error) = error {
        let there = if let BookError::NoSheet { there, .. } = error { there.join(", ") } else { String::new() };
        return app.text(&format!("error-book-{}", error.code().replace('_', "-")), &[("there", &there)]);
    }
    let row = match error {
        ImportError::Nul { row } | ImportError::RowTooLong { row } | ImportError::TooManyColumns { row } => row.to_string(),
        _ => String::new(),
    };
    app.text(&format!("error-import-{}", error.code().replace('_', "-")), &[("row", &row)])
}

type Taken = (ImportId, String, String, u64, Layout, Fragile);

/// Receives the one file of a form.
async fn take(ctx: &Ctx, request: Request) -> Result<Taken, Refusal> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(http::Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_multipart").into());
    }
    let given = request.headers().get("x-csrf-token").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let mut trusted = match given {
        Some(token) => check_csrf(ctx, Some(&token)).map(|()| true)?,
        None => false,
    };
    let mut request = http::paced::paced(request, FILE_BYTES_MAX + ENVELOPE_BYTES_MAX);
    DefaultBodyLimit::disable().apply(&mut request);
    let malformed = |_| http::Error::bad_request("malformed");
    let mut form = Multipart::from_request(request, &()).await.map_err(malformed)?;
    let (mut taken, mut sheet) = (None, String::new());
    while let Some(mut field) = form.next_field().await.map_err(|_| http::Error::bad_request("broken_body"))? {
        match field.name() {
            Some("csrf_token") => {
                let token = small(&mut field).await?;
                check_csrf(ctx, Some(&token))?;
                trusted = true;
            }
            Some("file") if !trusted => return Err(check_csrf(ctx, None).err().unwrap_or_else(http::Error::not_found).into()),
            Some("sheet") if taken.is_none() => sheet = small(&mut field).await?,
            Some("file") if taken.is_none() => taken = Some(keep(&ctx.app, &mut field, &sheet).await?),
            _ => return Err(http::Error::bad_request("malformed").into()),
        }
    }
    taken.ok_or(Refusal::Missing)
}

async fn small(field: &mut Field<'_>) -> Result<String, Refusal> {
    let mut out = Vec::new();
    while let Some(bytes) = field.chunk().await.map_err(|_| http::Error::bad_request("broken_body"))? {
        out.extend_from_slice(&bytes);
        if out.len() > TOKEN_BYTES_MAX {
            return Err(http::Error::new(StatusCode::FORBIDDEN, "csrf").into());
        }
    }
    String::from_utf8(out).map_err(|_| http::Error::new(StatusCode::FORBIDDEN, "csrf").into())
}

/// A file that goes unless it is kept.
struct Fragile(Option<std::path::PathBuf>);

impl Drop for Fragile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn keep(app: &App, field: &mut Field<'_>, sheet: &str) -> Result<Taken, Refusal> {
    let sent = field.file_name().unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    stage::make_folder(app)?;
    let id = ImportId::new(app.db.clock(), app.db.rng());
    let path = file_of(app, &id);
    let fragile = Fragile(Some(path.clone()));
    let mut file = tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await.context("receive a file")?;
    let (mut head, mut hasher, mut bytes) = (Vec::new(), Sha256::new(), 0_u64);
    while let Some(chunk) = field.chunk().await.map_err(|_| Refusal::TooLarge)? {
        bytes += chunk.len() as u64;
        if bytes > FILE_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        let wanted = HEAD_BYTES + 1 - head.len();
        head.extend_from_slice(&chunk[..chunk.len().min(wanted)]);
        hasher.update(&chunk);
        file.write_all(&chunk).await.context("receive a file")?;
    }
    if sent.is_empty() && bytes == 0 {
        return Err(Refusal::Missing);
    }
    file.flush().await.context("receive a file")?;
    file.sync_all().await.context("receive a file")?;
    // Of a workbook the rows of one sheet are kept, as CSV; the hash stays that of what was sent.
    if book::may_be(&head) {
        let (at, sheet) = (path.clone(), sheet.to_owned());
        let unbooked = tokio::task::spawn_blocking(move || {
            // Given back as the result, it goes too when nobody is there any more to take that.
            let part = Fragile(Some(stage::part_of(&at)));
            let bytes = stage::unbook(&at, Some(&sheet))?;
            let mut head = Vec::new();
            let read = std::fs::File::open(stage::part_of(&at)).and_then(|file| file.take(HEAD_BYTES as u64 + 1).read_to_end(&mut head));
            read.map(|_| (bytes, head, part)).map_err(|e| ImportError::Unreadable(e.to_string()))
        });
        let (rows_bytes, rows_head, mut part) = unbooked.await.context("read a workbook")?.map_err(Refusal::File)?;
        (bytes, head) = (rows_bytes, rows_head);
        std::fs::rename(stage::part_of(&path), &path).context("keep the rows of a workbook")?;
        part.0 = None;
    }
    let preview = Layout::sniff(&head, head.len() <= HEAD_BYTES).map_err(Refusal::File)?;
    let name = Line::parse(&sent, 200).unwrap_or_else(|_| "contacts.csv".into());
    Ok((id, name, hex::encode(hasher.finalize()), bytes, preview.layout, fragile))
}

/// The import a path names; whoever may not see contacts hears so before whether there is one.
async fn one(ctx: &Ctx, id: &str) -> Result<Import, http::Error> {
    let id: ImportId = id.parse().map_err(|_| http::Error::not_found())?;
    stage::find(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

#[derive(Serialize)]
struct Column {
    n: usize,
    name: String,
    of: &'static str,
    cells: Vec<String>,
}

#[derive(Serialize)]
struct Reason {
    text: String,
    count: i64,
}

#[derive(Serialize)]
struct ShowPage {
    id: String,
    name: String,
    state: String,
    bytes: i64,
    sha256: String,
    percent: i64,
    rows: i64,
    created: i64,
    known: i64,
    duplicates: i64,
    refused: i64,
    reasons: Vec<Reason>,
    error: Option<String>,
    list: Option<Choice>,
    at: Micros,
    has_refused: bool,
    encoding: &'static str,
    delimiter: String,
    header: bool,
    columns: Vec<Column>,
    left_away: usize,
    uses: Vec<&'static str>,
    lists: Vec<Choice>,
    form: FormState,
}

/// What the head of a staged file looks like.
async fn preview(app: &App, import: &Import) -> Result<Option<Preview>, Fault> {
    if import.state != "staged" {
        return Ok(None);
    }
    let path = file_of(app, &import.id);
    let look = tokio::task::spawn_blocking(move || {
        let mut head = Vec::new();
        std::fs::File::open(path)?.take(HEAD_BYTES as u64 + 1).read_to_end(&mut head)?;
        Ok::<_, std::io::Error>(Layout::sniff(&head, head.len() <= HEAD_BYTES).ok())
    });
    // A file that is gone, or lies on another node, has no preview.
    Ok(look.await.context("look at a staged file")?.unwrap_or(None))
}

async fn show_page(ctx: &Ctx, import: &Import, form: FormState) -> Result<ShowPage, http::Error> {
    let app = &ctx.app;
    let layout = import.layout()?;
    let preview = preview(app, import).await?;
    let cells = |n: usize| preview.iter().flat_map(|p| &p.rows).map(|row| row.get(n).cloned().unwrap_or_default()).collect::<Vec<_>>();
    let columns = layout.names().into_iter().zip(&layout.columns).take(CHOSEN_MAX).enumerate();
    let columns = columns.map(|(n, (name, column))| Column { n, name, of: column.of.name(), cells: cells(n) });
    let reasons: std::collections::BTreeMap<String, i64> = serde_json::from_str(&import.reasons).context("read an import's reasons")?;
    let reasons = reasons.into_iter().map(|(code, count)| Reason { text: app.text(&format!("import-reason-{}", code.replace('_', "-")), &[]), count });
    let list: Option<List> = match &import.list_id {
        Some(id) => super::list(&app.db, id).await?,
        None => None,
    };
    Ok(ShowPage {
        id: import.id.to_string(),
        name: import.name(&app.db).await?.unwrap_or_else(|| app.text("erased", &[])),
        state: import.state.clone(),
        bytes: import.bytes,
        sha256: import.sha256.clone(),
        percent: (import.bytes_done.saturating_mul(100) / import.bytes.max(1)).clamp(0, 100),
        rows: import.rows_done,
        created: import.created,
        known: import.known,
        duplicates: import.duplicates,
        refused: import.refused,
        reasons: reasons.collect(),
        error: import.error.clone(),
        list: list.map(|l| Choice { value: l.id.to_string(), text: l.name }),
        at: import.made_at,
        has_refused: import.refused > 0 && import.ended_at.is_some() && errors_of(app, &import.id).exists(),
        encoding: layout.encoding.name(),
        delimiter: layout.delimiter.to_string(),
        header: layout.header,
        columns: columns.collect(),
        left_away: layout.columns.len().saturating_sub(CHOSEN_MAX),
        uses: Use::ALL.map(Use::name).to_vec(),
        lists: choices(&lists(&app.db).await?),
        form,
    })
}

async fn get_import(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<See>(&super::web::contacts()).await?;
    let import = one(&ctx, &id).await?;
    let region = ctx.app.config.default_region.clone().unwrap_or_default();
    let form = FormState::default().keep("region", region).keep("list", "");
    let page = show_page(&ctx, &import, form).await?;
    let mut response = ctx.page("contacts/import.html", page).await?;
    if import.state == "running" {
        response.headers_mut().insert("refresh", HeaderValue::from_static(REFRESH_SECS));
    }
    Ok(response)
}

/// The layout with the uses that a form names; what is wrong is noted in the form.
fn chosen(app: &App, layout: &mut Layout, fields: &mut Fields, form: &mut FormState) -> Result<(), http::Error> {
    let count = layout.columns.len();
    for n in 0..count {
        let given = if n < CHOSEN_MAX { fields.optional(&format!("use_{n}"))? } else { Some("skip".to_owned()) };
        let Some(given) = given else { continue };
        let of: Use = given.parse().map_err(|_| http::Error::field(&format!("use_{n}"), "is no use of a column"))?;
        layout.columns[n].of = of;
        if of == Use::Field && layout.columns[n].name.is_empty() {
            layout.columns[n].name = (n + 1).to_string();
        }
    }
    if layout.columns.iter().filter(|c| c.of == Use::Phone).count() != 1 {
        form.wrong("columns", app.text("error-import-phone", &[]));
    }
    Ok(())
}

async fn post_begin(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    drop(ctx.permit::<Begin>(&imports()).await?);
    let import = one(&ctx, &id).await?;
    let permit = ctx.permit::<Begin>(&import.on()).await?;
    let (list, region) = (fields.one("list")?, fields.one("region")?);
    let voip = fields.optional("voip")?.is_some();
    let mut layout = import.layout()?;
    let mut form = FormState::default().keep("list", list.as_str()).keep("region", region.as_str());
    chosen(&ctx.app, &mut layout, &mut fields, &mut form)?;
    fields.finish()?;
    let region = region.trim().to_uppercase();
    if !region.is_empty() && !is_region(&region) {
        form.wrong("region", ctx.app.text("error-import-region", &[]));
    }
    let Ok(name) = Line::parse(&list, LIST_NAME_CHARS_MAX) else {
        form.wrong("list", ctx.app.text("error-list-name", &[("max", &LIST_NAME_CHARS_MAX.to_string())]));
        return again(&ctx, &import, form).await;
    };
    if !form.is_fine() {
        return again(&ctx, &import, form).await;
    }
    if import.state != "staged" {
        return Err(Error::State.into());
    }
    let list = list_called(&ctx, &name).await?;
    let judge = Judge { region: (!region.is_empty()).then_some(region), kinds: Kinds { voip } };
    stage::begin(&ctx.app.db, permit, &import, &Terms { list, layout, judge }).await?;
    ctx.app.imports.wake.notify_one();
    Ok(ctx.go(&format!("/contacts/imports/{}", import.id), "import-begun"))
}

async fn again(ctx: &Ctx, import: &Import, form: FormState) -> Answer {
    let page = show_page(ctx, import, form).await?;
    ctx.again("contacts/import.html", page).await
}

/// The list of this name, made when there is none.
async fn list_called(ctx: &Ctx, name: &str) -> Result<ListId, http::Error> {
    let there: Option<List> = ctx.app.db.query(sql::LIST_NAMED).bind(fold(name)).optional().await?;
    if let Some(there) = there {
        return Ok(there.id);
    }
    let permit = ctx.permit::<MakeList>(&On::any("list")).await?;
    Ok(super::create_list(&ctx.app.db, permit, name, None).await?.answer)
}

async fn post_cancel(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    drop(ctx.permit::<Cancel>(&imports()).await?);
    fields.finish()?;
    let import = one(&ctx, &id).await?;
    let permit = ctx.permit::<Cancel>(&import.on()).await?;
    stage::cancel(&ctx.app.db, permit, &import).await?;
    if import.state == "staged" {
        stage::forget(&file_of(&ctx.app, &import.id));
    }
    Ok(ctx.go(&format!("/contacts/imports/{}", import.id), "import-cancelled"))
}

/// Refused rows with the reason before each. It is personal, so it is an export like any other.
async fn post_refused(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    drop(ctx.permit::<Export>(&imports()).await?);
    fields.finish()?;
    let import = one(&ctx, &id).await?;
    let permit = ctx.permit::<Export>(&import.on()).await?;
    let Ok(file) = tokio::fs::File::open(errors_of(&ctx.app, &import.id)).await else { return Err(http::Error::not_found()) };
    ctx.app.db.record(permit, Detail::ok().with("format", "refused").with("rows", import.refused)).await?;
    let size = u64::try_from(import.error_bytes).unwrap_or(0);
    let body = tokio_util::io::ReaderStream::new(tokio::io::AsyncReadExt::take(file, size));
    let mut response: Response = axum::body::Body::from_stream(body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"refused.csv\""));
    response.extensions_mut().insert(IsDownload);
    response.extensions_mut().insert(IsPrivate);
    Ok(response)
}
