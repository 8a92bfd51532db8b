//! Contacts over the API: found, made (repeatable), read and changed by version; lists; numbers that are stopped.

use axum::extract::{FromRequest as _, Path, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::card::{Card, Raw, Wrong};
use super::web::{allowed, contacts, number_key, one, told};
use super::{AddTo, Contact, Create, Edit, Error, Filter, LIST_NAME_CHARS_MAX, List, MakeList, PAGE_MAX, See, Stop, list, lists, page};
use crate::core::id::{ContactId, ListId};
use crate::core::number::Number;
use crate::core::text::Line;
use crate::http::form::Fields;
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, App, Ctx, Json, Routes, Rule, Signed};
use crate::policy::{On, Resource as _};
use crate::repeat::Once;

const CONTACTS: &str = "/api/v1/contacts";
const LISTS: &str = "/api/v1/contact-lists";
const STOPS: &str = "/api/v1/stops";

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(get_contacts, post_contact, get_contact, put_contact, get_lists, post_list, post_member, post_stop))]
struct Doc;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(CONTACTS, Rule::Act("contact.list"), get_contacts)
        .post(CONTACTS, Rule::Act("contact.create"), post_contact)
        .get("/api/v1/contacts/{id}", Rule::Act("contact.list"), get_contact)
        .put("/api/v1/contacts/{id}", Rule::Act("contact.edit"), put_contact)
        .get(LISTS, Rule::Act("contact.list"), get_lists)
        .post(LISTS, Rule::Act("list.create"), post_list)
        .post("/api/v1/contact-lists/{id}/members", Rule::Act("list.add"), post_member)
        .post(STOPS, Rule::Act("number.stop"), post_stop)
}

/// What is known of a contact beside its number.
#[derive(Deserialize, Serialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
struct About {
    #[serde(default)]
    name: String,
    /// A time zone such as `America/New_York`.
    #[serde(default)]
    zone: String,
    #[serde(default)]
    postal: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    fields: std::collections::BTreeMap<String, String>,
}

/// A contact to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewContact {
    number: String,
    #[serde(default)]
    about: About,
}

/// A contact.
#[derive(Serialize, ToSchema)]
struct Item {
    id: String,
    /// E.164; absent once it was erased.
    number: Option<String>,
    region: String,
    about: About,
    opted_out: bool,
    blocked: bool,
    merged_into: Option<String>,
    version: i64,
    made_at: String,
    changed_at: String,
}

/// One page of contacts.
#[derive(Serialize, ToSchema)]
struct Items {
    items: Vec<Item>,
    next: Option<String>,
}

/// A contact that was made.
#[derive(Serialize, ToSchema)]
struct Made {
    id: String,
    version: i64,
}

/// A list.
#[derive(Serialize, ToSchema)]
struct ListItem {
    id: String,
    name: String,
    made_at: String,
}

/// All lists.
#[derive(Serialize, ToSchema)]
struct ListItems {
    items: Vec<ListItem>,
}

/// A list to be made.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewList {
    name: String,
}

/// An id.
#[derive(Serialize, ToSchema)]
struct Id {
    id: String,
}

/// Who is to be on a list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMember {
    contact: String,
}

/// A number to be stopped.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewStop {
    number: String,
    /// `opt_out` or `block`.
    kind: String,
    #[serde(default)]
    reason: String,
}

fn rfc3339(at: i64) -> String {
    both_times(at, "UTC").0
}

async fn item(app: &App, contact: Contact) -> Result<Item, http::Error> {
    let card = contact.card(&app.db).await?;
    let number = card.as_ref().map(|c| c.number.clone());
    let about = card.map(|c| About { name: c.name, zone: c.zone, postal: c.postal, tags: c.tags, fields: c.fields }).unwrap_or_default();
    Ok(Item {
        id: contact.id.to_string(),
        number,
        region: contact.region,
        about,
        opted_out: contact.opted_out > 0,
        blocked: contact.blocked > 0,
        merged_into: contact.merged_into.map(|id| id.to_string()),
        version: contact.version,
        made_at: rfc3339(contact.made_at),
        changed_at: rfc3339(contact.changed_at),
    })
}

/// 422 with each wrong field, the code of its reason, and the sentences.
fn refused(ctx: &Ctx, number: Option<(&'static str, &'static str)>, wrong: &[Wrong]) -> http::Error {
    let mut error = http::Error::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    let sentences = number.iter().map(|(key, _)| ctx.app.text(key, &[])).chain(wrong.iter().map(|w| super::web::wrong_text(&ctx.app, *w)));
    error.detail = Some(sentences.map(|s| format!("{s}.")).collect::<Vec<_>>().join(" "));
    error.fields = number.iter().map(|(_, code)| ("number".to_owned(), (*code).to_owned())).collect();
    error.fields.extend(wrong.iter().map(|w| (format!("about.{}", w.field), w.code.to_owned())));
    error
}

fn read_number(app: &App, typed: &str) -> Result<Number, (&'static str, &'static str)> {
    Number::parse(typed, app.config.default_region.as_deref()).map_err(|e| (number_key(e, typed), e.code()))
}

fn raw(about: About) -> Raw {
    Raw { name: about.name, zone: about.zone, postal: about.postal, tags: about.tags, fields: about.fields.into_iter().collect() }
}

fn tagged(mut response: Response, version: i64) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

fn created(place: &str, body: impl Serialize, again: bool) -> Response {
    let mut response = (StatusCode::CREATED, axum::Json(body)).into_response();
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    http::repeat::marked(response, again)
}

/// Contacts, newest first
#[utoipa::path(get, path = "/api/v1/contacts", tag = "contacts",
    params(("number" = Option<String>, Query, description = "Exactly this number"), ("name" = Option<String>, Query, description = "Exactly this name"),
        ("list" = Option<String>, Query, description = "On this list"), ("tag" = Option<String>, Query, description = "With this tag"),
        ("after" = Option<String>, Query, description = "The last id seen"), ("limit" = Option<i64>, Query, description = "1 to 50")),
    responses((status = 200, body = Items), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn get_contacts(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<See>(&contacts()).await?;
    let app = &ctx.app;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let mut one = |name| Ok::<_, http::Error>(query.optional(name)?.filter(|t| !t.is_empty()));
    let (number, name, list, tag, after, limit) = (one("number")?, one("name")?, one("list")?, one("tag")?, one("after")?, one("limit")?);
    query.finish()?;
    let number = number.map(|n| read_number(app, &n).map_err(|why| refused(&ctx, Some(why), &[]))).transpose()?;
    let list = list.map(|l| l.parse::<ListId>().map_err(|e| http::Error::field("list", e.to_string()))).transpose()?;
    let after = after.map(|a| a.parse::<ContactId>().map_err(|e| http::Error::field("after", e.to_string()))).transpose()?;
    let limit = limit
        .map(|l| l.parse::<usize>().ok().filter(|n| (1..=PAGE_MAX).contains(n)).ok_or_else(|| http::Error::field("limit", "is not a number from 1 to 50")));
    let filter = Filter { number: number.map(|n| n.e164().to_owned()), name, list, tag };
    let found = page(&app.db, &filter, after.as_ref(), limit.transpose()?.unwrap_or(PAGE_MAX)).await?;
    let next = found.contacts.last().filter(|_| found.more).map(|last| last.id.to_string());
    let mut items = Vec::with_capacity(found.contacts.len());
    for contact in found.contacts {
        items.push(item(app, contact).await?);
    }
    Ok(axum::Json(Items { items, next }).into_response())
}

/// Make a contact
#[utoipa::path(post, path = "/api/v1/contacts", tag = "contacts", request_body = NewContact,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body make nothing twice")),
    responses((status = 201, body = Made), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn post_contact(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<Create>(&contacts()).await?;
    let key = http::repeat::key(&ctx, &person, CONTACTS, request.headers())?;
    let Json(new) = Json::<NewContact>::from_request(request, &ctx.app).await?;
    let app = &ctx.app;
    let number = read_number(app, &new.number);
    let card = Card::parse(number.as_ref().map_or("", Number::e164), &raw(new.about));
    let (number, card) = match (number, card) {
        (Ok(number), Ok(card)) => (number, card),
        (number, card) => return Err(refused(&ctx, number.err(), &card.err().unwrap_or_default())),
    };
    let repeat = key.map(|key| key.with(&app.db, &card)).transpose()?;
    let Once { answer, again } = super::create(&app.db, permit, &number, &card, repeat.as_ref()).await.map_err(told)?;
    let made = Made { id: answer.id.to_string(), version: answer.version };
    Ok(tagged(created(&format!("{CONTACTS}/{}", answer.id), made, again), answer.version))
}

/// One contact
#[utoipa::path(get, path = "/api/v1/contacts/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = Item), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get_contact(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<See>(&contacts()).await?;
    let contact = one(&ctx, &id).await?;
    let version = contact.version;
    Ok(tagged(axum::Json(item(&ctx.app, contact).await?).into_response(), version))
}

/// The version that `If-Match` names; a change without one could undo another's.
fn version(headers: &HeaderMap) -> Result<i64, http::Error> {
    let given = headers.get(header::IF_MATCH).and_then(|v| v.to_str().ok()).map(|v| v.trim().trim_matches('"').to_owned());
    let Some(given) = given else {
        return Err(http::Error::new(StatusCode::PRECONDITION_REQUIRED, "if_match").saying("Send `If-Match` with the `ETag` of the contact as it was read."));
    };
    given.parse().map_err(|_| http::Error::new(StatusCode::PRECONDITION_FAILED, "if_match").saying("`If-Match` does not name a version of this contact."))
}

/// Change a contact
#[utoipa::path(put, path = "/api/v1/contacts/{id}", tag = "contacts", request_body = About,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The `ETag` of the contact as it was read")),
    responses((status = 200, body = Made), (status = 403, body = Problem), (status = 404, body = Problem), (status = 412, body = Problem),
        (status = 422, body = Problem), (status = 428, body = Problem)))]
async fn put_contact(Signed { ctx, .. }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let (contact, permit) = allowed::<Edit>(&ctx, &id).await?;
    let version = version(request.headers())?;
    let Json(about) = Json::<About>::from_request(request, &ctx.app).await?;
    let card = Card::parse("", &raw(about)).map_err(|wrong| refused(&ctx, None, &wrong))?;
    match super::edit(&ctx.app.db, permit, &contact, version, &card).await {
        Ok(version) => Ok(tagged(axum::Json(Made { id: contact.id.to_string(), version }).into_response(), version)),
        Err(Error::State) => Err(http::Error::new(StatusCode::PRECONDITION_FAILED, "if_match").saying("The contact was changed meanwhile; read it again.")),
        Err(error) => Err(told(error)),
    }
}

/// All lists, by name
#[utoipa::path(get, path = "/api/v1/contact-lists", tag = "contacts", responses((status = 200, body = ListItems), (status = 403, body = Problem)))]
async fn get_lists(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<See>(&contacts()).await?;
    let items = lists(&ctx.app.db).await?.into_iter().map(|l| ListItem { id: l.id.to_string(), name: l.name, made_at: rfc3339(l.made_at) }).collect();
    Ok(axum::Json(ListItems { items }).into_response())
}

/// Make a list
#[utoipa::path(post, path = "/api/v1/contact-lists", tag = "contacts", request_body = NewList,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body make nothing twice")),
    responses((status = 201, body = Id), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn post_list(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<MakeList>(&On::any("list")).await?;
    let key = http::repeat::key(&ctx, &person, LISTS, request.headers())?;
    let Json(new) = Json::<NewList>::from_request(request, &ctx.app).await?;
    let name = Line::parse(&new.name, LIST_NAME_CHARS_MAX).map_err(|e| http::Error::field("name", e.to_string()))?;
    let repeat = key.map(|key| key.with(&ctx.app.db, &name)).transpose()?;
    let Once { answer, again } = super::create_list(&ctx.app.db, permit, &name, repeat.as_ref()).await.map_err(told)?;
    Ok(created(&format!("/api/v1/contacts?list={answer}"), Id { id: answer.to_string() }, again))
}

/// Put a contact on a list
#[utoipa::path(post, path = "/api/v1/contact-lists/{id}/members", tag = "contacts", request_body = NewMember, params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn post_member(Signed { ctx, .. }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    drop(ctx.permit::<AddTo>(&On::any("list")).await?);
    let id: ListId = id.parse().map_err(|_| http::Error::not_found())?;
    let found: List = list(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)?;
    let Json(new) = Json::<NewMember>::from_request(request, &ctx.app).await?;
    let unknown = |_| http::Error::field("contact", "is not the id of a contact");
    let contact = one(&ctx, &new.contact).await.map_err(unknown)?;
    let permit = ctx.permit::<AddTo>(&found.on()).await?;
    list::add(&ctx.app.db, permit, &found, &contact).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Stop messages to a number
#[utoipa::path(post, path = "/api/v1/stops", tag = "contacts", request_body = NewStop,
    responses((status = 200, body = Id), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn post_stop(Signed { ctx, .. }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<Stop>(&On::any("number")).await?;
    let Json(new) = Json::<NewStop>::from_request(request, &ctx.app).await?;
    let kind = super::web_edit::stop_kind(&new.kind)?;
    let number = read_number(&ctx.app, &new.number).map_err(|why| refused(&ctx, Some(why), &[]))?;
    let reason = if new.reason.trim().is_empty() { String::new() } else { super::web_edit::read_reason(&ctx, &new.reason)? };
    let id = super::stop(&ctx.app.db, permit, &number, kind, "person", &reason).await?;
    Ok(axum::Json(Id { id: id.to_string() }).into_response())
}
