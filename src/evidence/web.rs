//! Pages and JSON of evidence: the list, one item, its deletion. Uploading and downloading have files of their own.

use axum::Json;
use axum::extract::Path;
use axum::http::Uri;
use axum::response::IntoResponse as _;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::artifact::today;
use super::{
    Delete, Error, Evidence, LIST_ITEMS_MAX, List, Look, NAME_CHARS_MAX, PAGE_ITEMS_MAX, Quota, REASON_CHARS_MAX, Sealed, State, Upload, tags, web_about,
    web_about_api, web_bulk, web_content, web_strip, web_tags, web_upload,
};
use crate::core::clock::Micros;
use crate::core::id::{EvidenceId, PersonId};
use crate::core::text::{Paragraph, TextError};
use crate::http::ctx::encode;
use crate::http::form::{Fields, FormState, Posted};
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, App, Ctx, Routes, Rule, Signed};
use crate::policy::On;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/evidence", Rule::Act("evidence.list"), get_list)
        .post("/evidence", Rule::Act("evidence.upload"), web_upload::post_upload)
        .post("/evidence/files", Rule::Act("evidence.upload"), web_bulk::post_bulk)
        .get("/evidence/{id}", Rule::Act("evidence.list"), web_about::get_show)
        .post("/evidence/{id}/about", Rule::Act("evidence.describe"), web_about::post_about)
        .post("/evidence/{id}/submit", Rule::Act("evidence.submit"), web_about::post_submit)
        .post("/evidence/{id}/approve", Rule::Act("evidence.approve"), web_about::post_approve)
        .post("/evidence/{id}/reject", Rule::Act("evidence.reject"), web_about::post_reject)
        .post("/evidence/{id}/versions", Rule::Act("evidence.upload"), web_upload::post_version)
        .post("/evidence/{id}/strip", Rule::Act("evidence.upload"), web_strip::post_strip)
        .post("/api/v1/evidence/{id}/strip", Rule::Act("evidence.upload"), web_strip::api_strip)
        .get("/evidence/{id}/content", Rule::Act("evidence.download"), web_content::get_content)
        .get("/evidence/{id}/delete", Rule::Act("evidence.delete"), get_delete)
        .post("/evidence/{id}/delete", Rule::Act("evidence.delete"), post_delete)
        .get("/api/v1/evidence", Rule::Act("evidence.list"), api_list)
        .post("/api/v1/evidence", Rule::Act("evidence.upload"), web_upload::api_upload)
        .post("/api/v1/evidence/files", Rule::Act("evidence.upload"), web_bulk::api_bulk)
        .get("/api/v1/evidence/{id}", Rule::Act("evidence.list"), web_about_api::api_show)
        .get("/api/v1/evidence/{id}/content", Rule::Act("evidence.download"), web_content::get_content)
        .and(web_about_api::routes())
        .and(web_tags::routes())
}

/// How an error of this slice is told when no form shows it.
#[must_use]
pub fn told(error: Error) -> http::Error {
    match error {
        Error::Quota => http::Error::conflict("quota"),
        Error::State => http::Error::conflict("state"),
        Error::Changed => http::Error::new(axum::http::StatusCode::PRECONDITION_FAILED, "changed"),
        Error::Text { field, error } => http::Error::field(field, error.to_string()),
        Error::Field { field, code } => http::Error::field(field, code),
        sealed @ Error::Sealed(_) => http::Error::conflict("sealed").saying(sealed.to_string()),
        Error::Repeat(error) => error.into(),
        Error::Db(error) => error.into(),
        Error::Fault(fault) => fault.into(),
    }
}

impl From<Error> for http::Error {
    fn from(error: Error) -> Self {
        told(error)
    }
}

/// The item a path names.
pub(super) async fn named(ctx: &Ctx, id: &str) -> Result<Evidence, http::Error> {
    let id: EvidenceId = id.parse().map_err(|_| http::Error::not_found())?;
    super::by_id(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

/// What one person may keep here, by policy.
#[must_use]
pub fn quota(app: &App) -> Quota {
    let uploads = &app.policies.uploads;
    Quota { bytes_max: uploads.person_bytes_max, files_max: uploads.person_files_max }
}

#[derive(Clone, Serialize)]
pub(super) struct Item {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub size: i64,
    pub sha256: String,
    pub owner: String,
    pub at: Micros,
    pub deleted_at: Option<Micros>,
    pub deleted_reason: Option<String>,
    pub version: i64,
    /// A word of `State`.
    pub state: &'static str,
    pub expires_on: Option<String>,
    pub tags: Vec<String>,
}

impl From<Evidence> for Item {
    fn from(item: Evidence) -> Self {
        let state = item.state().name();
        Self {
            version: item.number,
            state,
            expires_on: item.expires_on,
            tags: tags::split(&item.tags),
            id: item.id.to_string(),
            name: item.name,
            kind: item.kind,
            size: item.size,
            sha256: item.sha256,
            owner: item.owner,
            at: item.made_at,
            deleted_at: item.deleted_at,
            deleted_reason: item.deleted_because,
        }
    }
}

#[derive(Serialize)]
struct Uploads<'a> {
    types: &'a [String],
    max: u64,
    quota_used: i64,
    quota_max: i64,
}

#[derive(Serialize)]
struct ListPage<'a> {
    q: &'a str,
    items: Vec<Item>,
    newer: Option<String>,
    older: Option<String>,
    /// Days before this are over, for what expires.
    today: String,
    may_upload: bool,
    upload: Uploads<'a>,
    form: FormState,
}

async fn get_list(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<List>(&On::any("evidence")).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let q = query.optional("q")?.unwrap_or_default().trim().to_owned();
    let (after, before) = (place(&mut query, "after")?, place(&mut query, "before")?);
    query.finish()?;
    if q.chars().count() > NAME_CHARS_MAX {
        return Err(http::Error::field("q", TextError::TooLong { max_chars: NAME_CHARS_MAX }.to_string()));
    }
    let look = Look { q, after, before };
    ctx.page("evidence/list.html", list_page(&ctx, &person, &look, FormState::default()).await?).await
}

/// The list again, with what was wrong with an upload.
pub(super) async fn list_again(ctx: &Ctx, person: &PersonId, form: FormState) -> Answer {
    let look = Look::default();
    ctx.again("evidence/list.html", list_page(ctx, person, &look, form).await?).await
}

async fn list_page<'a>(ctx: &'a Ctx, person: &PersonId, look: &'a Look, form: FormState) -> Result<ListPage<'a>, http::Error> {
    let page = super::page(&ctx.app.db, look, PAGE_ITEMS_MAX).await?;
    let href = |name: &str, item: Option<&Evidence>| {
        let q = if look.q.is_empty() { String::new() } else { format!("q={}&", encode(&look.q)) };
        item.map(|item| format!("/evidence?{q}{name}={}", item.id))
    };
    let may_upload = ctx.app.policy.can::<Upload>(&ctx.actor, &On::any("evidence"));
    let quota_used = if may_upload { super::usage(&ctx.app.db, person).await?.bytes } else { 0 };
    let uploads = &ctx.app.policies.uploads;
    Ok(ListPage {
        q: &look.q,
        newer: href("before", page.items.first().filter(|_| page.newer)),
        older: href("after", page.items.last().filter(|_| page.older)),
        items: page.items.into_iter().map(Item::from).collect(),
        today: today(ctx.app.db.clock()).to_string(),
        may_upload,
        upload: Uploads { types: &uploads.extensions, max: uploads.bytes_max, quota_used, quota_max: uploads.person_bytes_max },
        form,
    })
}

/// A place in the list that a query names.
fn place(query: &mut Fields, name: &str) -> Result<Option<EvidenceId>, http::Error> {
    let text = query.optional(name)?.filter(|t| !t.is_empty());
    text.map(|t| t.parse().map_err(|e: crate::core::id::IdError| http::Error::field(name, e.to_string()))).transpose()
}

#[derive(Serialize)]
struct Confirm {
    title: String,
    what: String,
    consequences: Vec<String>,
    verb: String,
    action: String,
    danger: bool,
    cancel: String,
    reason: bool,
    typed: Option<String>,
    hidden: Vec<()>,
}

#[derive(Serialize)]
struct ConfirmPage {
    confirm: Confirm,
    form: FormState,
}

fn confirm_page(app: &App, item: &Evidence, form: FormState) -> ConfirmPage {
    let text = |key: &str| app.text(key, &[]);
    let confirm = Confirm {
        title: app.text("confirm-evidence-delete-title", &[("name", &item.name)]),
        what: text("confirm-evidence-delete-what"),
        consequences: ["confirm-evidence-delete-1", "confirm-evidence-delete-2", "confirm-evidence-delete-3"].map(text).into(),
        verb: text("confirm-evidence-delete-verb"),
        action: format!("/evidence/{}/delete", item.id),
        danger: true,
        cancel: format!("/evidence/{}", item.id),
        reason: true,
        typed: None,
        hidden: Vec::new(),
    };
    ConfirmPage { confirm, form }
}

async fn get_delete(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let item = named(&ctx, &id).await?;
    let _permit = ctx.permit::<Delete>(&item).await?;
    if item.deleted_at.is_some() {
        return Err(Error::State.into());
    }
    if let Some(sealed) = super::sealed(&ctx.app.db, &item.id).await? {
        return Err(kept(&ctx.app, &sealed));
    }
    ctx.page("confirm.html", confirm_page(&ctx.app, &item, FormState::default())).await
}

async fn post_delete(Signed { ctx, .. }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let item = named(&ctx, &id).await?;
    let permit = ctx.permit::<Delete>(&item).await?;
    let given = fields.one("reason")?;
    fields.finish()?;
    let reason = match Paragraph::parse(&given, REASON_CHARS_MAX) {
        Ok(reason) => reason,
        Err(error) => {
            let mut form = FormState::default().keep("reason", given);
            form.wrong("reason", reason_text(&ctx.app, &error));
            return ctx.again("confirm.html", confirm_page(&ctx.app, &item, form)).await;
        }
    };
    match super::delete(&ctx.app.db, permit, &item, &reason).await {
        Err(Error::Sealed(sealed)) => return Err(kept(&ctx.app, &sealed)),
        done => done?,
    }
    Ok(ctx.go(&format!("/evidence/{}", item.id), "evidence-deleted"))
}

/// A seal stands against the deletion: which, and until when.
fn kept(app: &App, sealed: &Sealed) -> http::Error {
    http::Error::conflict("sealed").saying(app.text("error-sealed", &[("seal", sealed.seal_id.as_str()), ("day", &sealed.free_on())]))
}

fn reason_text(app: &App, error: &TextError) -> String {
    match error {
        TextError::Empty | TextError::Invisible => app.text("error-reason-missing", &[]),
        TextError::TooLong { max_chars } => app.text("error-evidence-reason-long", &[("max", &max_chars.to_string())]),
        TextError::Control { .. } | TextError::Direction { .. } => app.text("error-evidence-reason-characters", &[]),
        TextError::TooShort { .. } | TextError::Username { .. } | TextError::Email => error.to_string(),
    }
}

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(
    api_list,
    web_about_api::api_show,
    web_about_api::api_versions,
    web_about_api::post_about,
    web_about_api::post_submit,
    web_about_api::post_approve,
    web_about_api::post_reject,
    web_tags::api_list,
    web_tags::api_put,
    web_tags::api_retire,
    web_upload::api_upload,
    web_bulk::api_bulk,
    web_strip::api_strip,
    web_upload::api_version,
    web_content::get_content
))]
struct Doc;

/// An item as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceView {
    /// Its id.
    id: String,
    /// The file's name.
    name: String,
    /// The content type it is served with.
    r#type: String,
    /// Bytes.
    size: i64,
    /// SHA-256 of the content, in hex.
    sha256: String,
    /// Who uploaded it.
    owner: OwnerView,
    /// When it was uploaded, RFC 3339 in UTC.
    uploaded_at: String,
    /// When it was deleted; its content is gone then.
    deleted_at: Option<String>,
    /// Why it was deleted.
    deleted_because: Option<String>,
    /// Which version it is, from 1.
    version: i64,
    /// How far it is; only what is approved counts.
    state: State,
    /// The last day on which it holds.
    expires_on: Option<String>,
    /// Codes of tags.
    tags: Vec<String>,
}

/// Who owns an item.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnerView {
    /// The person's id.
    pub(super) id: String,
    /// The name they are shown by.
    pub(super) name: String,
}

/// One page of items.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceList {
    /// Newest first.
    items: Vec<EvidenceView>,
    /// What to send as `after` for the next page; null on the last one.
    next: Option<String>,
}

/// The answer to an upload.
#[derive(Debug, Serialize, ToSchema)]
pub struct Uploaded {
    /// The new item's id.
    pub(super) id: String,
}

impl From<Evidence> for EvidenceView {
    fn from(item: Evidence) -> Self {
        let state = item.state();
        Self {
            version: item.number,
            state,
            expires_on: item.expires_on,
            tags: tags::split(&item.tags),
            id: item.id.to_string(),
            name: item.name,
            r#type: item.kind,
            size: item.size,
            sha256: item.sha256,
            owner: OwnerView { id: item.owner_id.to_string(), name: item.owner },
            uploaded_at: both_times(item.made_at, "UTC").0,
            deleted_at: item.deleted_at.map(|at| both_times(at, "UTC").0),
            deleted_because: item.deleted_because,
        }
    }
}

/// Evidence, newest first
#[utoipa::path(get, path = "/api/v1/evidence", tag = "evidence",
    params(("after" = Option<String>, Query, description = "The last id seen"), ("limit" = Option<i64>, Query, description = "1 to 100")),
    responses((status = 200, body = EvidenceList), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn api_list(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<List>(&On::any("evidence")).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let look = Look { after: place(&mut query, "after")?, ..Look::default() };
    let limit = query.optional("limit")?;
    query.finish()?;
    let most = limit.map_or(Ok(PAGE_ITEMS_MAX), |n| limit_of(&n))?;
    let page = super::page(&ctx.app.db, &look, most).await?;
    let next = page.items.last().filter(|_| page.older).map(|item| item.id.to_string());
    Ok(Json(EvidenceList { items: page.items.into_iter().map(EvidenceView::from).collect(), next }).into_response())
}

fn limit_of(text: &str) -> Result<usize, http::Error> {
    let number = text.parse().ok().filter(|n| (1..=LIST_ITEMS_MAX).contains(n));
    number.ok_or_else(|| http::Error::field("limit", format!("is not a number from 1 to {LIST_ITEMS_MAX}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_from_1_to_100() {
        for (text, expected) in [("1", Some(1)), ("100", Some(100)), ("0", None), ("101", None), ("-1", None), ("ten", None), ("", None)] {
            assert_eq!(limit_of(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_place_is_an_id_of_evidence() {
        let id = "evd_0192f0c1a2b37c4d8e5f60718293a4b5";
        let read = |query: &str| place(&mut Fields::parse(query.as_bytes()).expect("a query"), "after");
        assert_eq!(read(&format!("after={id}")).expect("an id").expect("there").as_str(), id);
        assert!(read("after=").expect("empty").is_none());
        assert!(read("q=x").expect("absent").is_none());
        assert_eq!(read("after=usr_1").expect_err("no such id").fields[0].0, "after");
        assert!(read(&format!("after={id}&after={id}")).is_err());
    }
}
