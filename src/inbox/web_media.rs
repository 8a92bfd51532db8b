//! Files that came with messages: shown beside what was said, handed out as attachments alone.
//! Must stay true: a download is an entry before its first byte; the type sent is the one the bytes were judged to be.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use serde::Serialize;

use super::web::threads;
use super::{Download, Error};
use crate::core::id::{InboundId, MediaId};
use crate::db::Detail;
use crate::http::download::content_disposition;
use crate::http::headers::{IsDownload, IsPrivate};
use crate::http::{self, Answer, App, Ctx, Routes, Rule, Signed};
use crate::messages::media::{self, kind_of};
use crate::messages::said::Said;
use crate::messages::thread::Thread;
use crate::policy::Resource as _;

pub(super) fn routes() -> Routes {
    Routes::new().get("/inbox/media/{id}", Rule::Act("media.download"), get_media)
}

/// A file as a conversation shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct File {
    id: String,
    kept: bool,
    kind: String,
    bytes: u64,
    why: Option<String>,
}

/// The files of what was said, each with the event it came by.
pub(super) async fn files(ctx: &Ctx, thread: &Thread, said: &[Said]) -> Result<Vec<(InboundId, File)>, http::Error> {
    let heard = || said.iter().filter_map(|s| s.heard.as_ref());
    let (Some(last), Some(first)) = (heard().max(), heard().min()) else { return Ok(Vec::new()) };
    let found = media::between(&ctx.app.db, &thread.id, first, last).await.map_err(Error::from)?;
    let file = |m: media::Media| {
        let why = m.reason.as_deref().map(|code| reason(&ctx.app, code));
        let bytes = u64::try_from(m.bytes.unwrap_or(0)).unwrap_or(0);
        (m.inbound_id, File { id: m.id.to_string(), kept: m.state == "kept", kind: m.kind.unwrap_or_default(), bytes, why })
    };
    Ok(found.into_iter().map(file).collect())
}

/// Why a file was given up, in words; a code that has none as it is.
fn reason(app: &App, code: &str) -> String {
    let key = format!("media-reason-{}", code.replace('_', "-"));
    if app.templates.texts.has(&key) { app.text(&key, &[]) } else { code.to_owned() }
}

async fn get_media(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    drop(ctx.permit::<Download>(&threads()).await?);
    let id: MediaId = id.parse().map_err(|_| http::Error::not_found())?;
    let db = &ctx.app.db;
    let found = media::find(db, &id).await.map_err(Error::from)?.filter(|m| m.state == "kept").ok_or_else(http::Error::not_found)?;
    let Some(whole) = media::whole(db, &found).await.map_err(Error::from)? else {
        return Err(http::Error::new(StatusCode::GONE, "erased").saying("The number was erased, and with it what it sent."));
    };
    let (kind, extension) = kind_of(&whole.bytes).ok_or_else(http::Error::not_found)?;
    let permit = ctx.permit::<Download>(&found.on()).await?.about(&found.subject());
    let detail = Detail::ok().with("inbound", found.inbound_id.as_str()).personal("sha256", &whole.sha256);
    db.record(permit, detail).await?;
    let mut response = whole.bytes.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let name = content_disposition(&format!("{id}.{extension}"));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).map_err(|_| http::Error::not_found())?);
    response.extensions_mut().insert(IsDownload);
    response.extensions_mut().insert(IsPrivate);
    Ok(response)
}
