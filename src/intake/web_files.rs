//! Adding a file to a record, by staff or by whoever holds a link, and reading one for a purpose.
//! Must stay true: who may is asked before the body is read, and the form's token before a byte of the file is kept; the name
//! a client sends is data and never reaches a path.

use axum::extract::multipart::{Field, Multipart};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Path, Request};
use axum::http::{StatusCode, header};

use super::files::{self, Arriving, FILE_BYTES_MAX, FILES_MAX};
use super::read::Wanted;
use super::web::{allowed, permitted, show_again};
use super::web_act::take_purpose;
use super::web_form::{again as form_again, named};
use super::{Attach, AttachSent, Error, FILES, Record, Reveal, intakes};
use crate::core::id::{FileId, PersonId};
use crate::http::form::{FormState, check_csrf};
use crate::http::{self, Answer, Ctx, Posted, Routes, Rule, Signed};
use crate::policy::{Act, On, Permit, Resource as _};

/// Bytes of a form token, and around the file.
const TOKEN_BYTES_MAX: usize = 256;
const ENVELOPE_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/intake/{id}/files", Rule::Act("intake.attach"), post_files)
        .post("/intake/{id}/files/reveal", Rule::Act("intake.reveal"), post_reveal)
        .post("/intake/form/{token}/files", Rule::Public, post_sent)
}

/// Why a file is not taken.
enum Refusal {
    /// Told on the page.
    Form(&'static str),
    /// Anything else.
    Told(http::Error),
}

impl From<http::Error> for Refusal {
    fn from(error: http::Error) -> Self {
        Self::Told(error)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::TooLarge => Self::Form("intake-file-large"),
            Error::Kind => Self::Form("intake-file-kind"),
            Error::Full => Self::Form("intake-file-full"),
            other => Self::Told(other.into()),
        }
    }
}

/// Opens a form: its token comes first, and is right.
async fn open(ctx: &Ctx, request: Request) -> Result<Multipart, http::Error> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(http::Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_multipart"));
    }
    let mut request = http::paced::paced(request, FILE_BYTES_MAX + ENVELOPE_BYTES_MAX);
    DefaultBodyLimit::disable().apply(&mut request);
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| http::Error::bad_request("malformed"))?;
    let token = match form.next_field().await.map_err(|_| http::Error::bad_request("broken_body"))? {
        Some(mut field) if field.name() == Some("csrf_token") => Some(small(&mut field).await?),
        _ => None,
    };
    check_csrf(ctx, token.as_deref())?;
    Ok(form)
}

/// Receives the one file of a form.
async fn take<A: Act<On = On>>(
    ctx: &Ctx,
    permit: Permit<A>,
    record: &Record,
    mut form: Multipart,
    by: Option<&PersonId>,
    most: i64,
    token: Option<&str>,
) -> Result<FileId, Refusal> {
    let mut taken = None;
    while let Some(mut field) = form.next_field().await.map_err(|_| http::Error::bad_request("broken_body"))? {
        match field.name() {
            Some("file") if taken.is_none() => taken = Some(receive(ctx, record, &mut field, most, token).await?),
            _ => return Err(http::Error::bad_request("malformed").into()),
        }
    }
    let (arriving, name) = taken.ok_or(Refusal::Form("intake-file-missing"))?;
    Ok(arriving.keep(&ctx.app, permit, record, &name, by).await?)
}

async fn receive(ctx: &Ctx, record: &Record, field: &mut Field<'_>, most: i64, token: Option<&str>) -> Result<(Arriving, String), Refusal> {
    let name = field.file_name().unwrap_or_default().to_owned();
    let (mut arriving, mut is_empty) = (Arriving::begin(&ctx.app, record, most, token).await?, true);
    while let Some(bytes) = field.chunk().await.map_err(|_| http::Error::bad_request("broken_body"))? {
        is_empty &= bytes.is_empty();
        arriving.write(&bytes).await?;
    }
    if is_empty { Err(Refusal::Form("intake-file-missing")) } else { Ok((arriving, name)) }
}

async fn small(field: &mut Field<'_>) -> Result<String, http::Error> {
    let forged = || http::Error::new(StatusCode::FORBIDDEN, "csrf");
    let mut out = Vec::new();
    while let Some(bytes) = field.chunk().await.map_err(|_| http::Error::bad_request("broken_body"))? {
        out.extend_from_slice(&bytes);
        if out.len() > TOKEN_BYTES_MAX {
            return Err(forged());
        }
    }
    String::from_utf8(out).map_err(|_| forged())
}

fn wrong(ctx: &Ctx, key: &str) -> FormState {
    let mut form = FormState::default();
    form.wrong("file", ctx.app.text(key, &[]));
    form
}

async fn post_files(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    drop(permitted::<Attach>(&ctx, &intakes()).await?);
    let form = open(&ctx, request).await?;
    let (record, permit) = allowed::<Attach>(&ctx, &id).await?;
    ctx.app.db.ready_for(&permit)?;
    match take(&ctx, permit, &record, form, Some(&person), FILES_MAX, None).await {
        Ok(_) => Ok(ctx.go(&format!("/intake/{}", record.id), "intake-attached")),
        Err(Refusal::Form(key)) => show_again(&ctx, &record, wrong(&ctx, key)).await,
        Err(Refusal::Told(error)) => Err(error),
    }
}

async fn post_sent(ctx: Ctx, Path(token): Path<String>, request: Request) -> Answer {
    let form = open(&ctx, request).await?;
    let (record, flow) = named(&ctx, &token).await?;
    let permit = ctx.permit::<AttachSent>(&record.on()).await?;
    ctx.app.db.ready_for(&permit)?;
    match take(&ctx, permit, &record, form, None, flow.files_max, Some(&token)).await {
        Ok(_) => form_again(&ctx, flow, &record, &token, FormState::default(), true).await,
        Err(Refusal::Form(key)) => form_again(&ctx, flow, &record, &token, wrong(&ctx, key), false).await,
        Err(Refusal::Told(error)) => Err(error),
    }
}

async fn post_reveal(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (record, permit) = allowed::<Reveal>(&ctx, &id).await?;
    let file: FileId = fields.one("file")?.parse().map_err(|_| http::Error::not_found())?;
    let mut form = FormState::default();
    let (purpose, note) = take_purpose(&ctx, &mut fields, &mut form, false)?;
    fields.finish()?;
    let file = files::find(&ctx.app.db, &record, &file).await?;
    if !form.is_fine() {
        return show_again(&ctx, &record, form).await;
    }
    let wanted = Wanted { field: FILES, version: None, purpose, note: &note };
    Ok(files::reveal(&ctx.app, permit, &record, &person, &file, wanted).await?)
}
