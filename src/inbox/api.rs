//! The inbox over the API: conversations, what was said in one, and what can be done with it. A reply takes an `Idempotency-Key`.

use axum::extract::{FromRequest as _, Path, Request};
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::web::{Look, allowed, place, place_of, threads};
use super::{
    Assign, Close, Draft, Error, MarkRead, NOTE_CHARS_MAX, Reopen, Reply, See, WriteNote, assign, close, gateway_for, history, note, read, reopen, reply,
};
use crate::core::clock::Micros;
use crate::core::id::PersonId;
use crate::core::text::Paragraph;
use crate::http::form::Fields;
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, Json, Routes, Rule, Signed};
use crate::messages::TEXT_CHARS_MAX;
use crate::messages::said::is_place;
use crate::messages::thread::{self, Thread};
use crate::repeat::Once;

const THREADS: &str = "/api/v1/threads";

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(get_threads, get_thread, post_reply, post_note, post_assign, post_read, post_close, post_open))]
struct Doc;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(THREADS, Rule::Act("thread.list"), get_threads)
        .get("/api/v1/threads/{id}", Rule::Act("thread.list"), get_thread)
        .post("/api/v1/threads/{id}/reply", Rule::Act("thread.reply"), post_reply)
        .post("/api/v1/threads/{id}/note", Rule::Act("thread.note"), post_note)
        .post("/api/v1/threads/{id}/assign", Rule::Act("thread.assign"), post_assign)
        .post("/api/v1/threads/{id}/read", Rule::Act("thread.read"), post_read)
        .post("/api/v1/threads/{id}/close", Rule::Act("thread.close"), post_close)
        .post("/api/v1/threads/{id}/open", Rule::Act("thread.open"), post_open)
}

/// A conversation; the other side is masked.
#[derive(Serialize, ToSchema)]
struct ThreadItem {
    id: String,
    with: String,
    channel: String,
    state: String,
    assigned_to: Option<String>,
    newest_at: String,
    unread_since: Option<String>,
    /// When the last word from there came, in microseconds, later with each one; whoever acts names it.
    seen: i64,
    /// Until when a free text may be sent, where there is such a rule.
    open_until: Option<String>,
}

/// One page of conversations.
#[derive(Serialize, ToSchema)]
struct ThreadItems {
    items: Vec<ThreadItem>,
    next: Option<String>,
}

/// One word of a conversation, or a note beside it.
#[derive(Serialize, ToSchema)]
struct ThreadWord {
    /// `in`, `out` or `note`.
    kind: String,
    at: String,
    /// Absent once it was erased.
    text: Option<String>,
    author: Option<String>,
    message: Option<String>,
    state: Option<String>,
}

/// A conversation with what was said, newest first.
#[derive(Serialize, ToSchema)]
struct ThreadWhole {
    #[serde(flatten)]
    item: ThreadItem,
    words: Vec<ThreadWord>,
    /// Where the next page begins.
    before: Option<String>,
}

/// A text to write back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReply {
    text: String,
    /// See [`ThreadItem`].
    seen: i64,
}

/// A note to write beside a conversation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewNote {
    text: String,
}

/// Whose a conversation should be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOwner {
    /// A person's id; nobody's when absent.
    person: Option<String>,
}

/// What was seen of a conversation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SeenTo {
    /// See [`ThreadItem`].
    seen: i64,
}

/// What became of a reply as it was taken.
#[derive(Serialize, ToSchema)]
struct ReplyTaken {
    id: String,
    state: String,
    reason: Option<String>,
}

fn rfc3339(at: Micros) -> String {
    both_times(at, "UTC").0
}

impl From<Thread> for ThreadItem {
    fn from(t: Thread) -> Self {
        Self {
            open_until: t.open_until().map(rfc3339),
            id: t.id.to_string(),
            with: t.masked,
            channel: t.channel,
            state: t.state,
            assigned_to: t.assigned_to.map(|p| p.to_string()),
            newest_at: rfc3339(t.newest_at),
            unread_since: t.unread_at.map(rfc3339),
            seen: t.heard_at,
        }
    }
}

/// Conversations, that in which something was said last first
#[utoipa::path(get, path = "/api/v1/threads", tag = "inbox",
    params(("view" = Option<String>, Query, description = "open, unread, mine, nobody or closed"), ("number" = Option<String>, Query, description = "With this number"), ("after" = Option<String>, Query, description = "The place of the page before")),
    responses((status = 200, body = ThreadItems), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn get_threads(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<See>(&threads()).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let (look, after) = (Look::take(&mut query)?, place(&mut query)?);
    query.finish()?;
    let view = look.view(&ctx.app, &person).map_err(|key| http::Error::field("number", ctx.app.text(key, &[])))?;
    let (found, more) = thread::page(&ctx.app.db, &view, after.as_ref()).await.map_err(Error::from)?;
    let next = found.last().filter(|_| more).map(place_of);
    Ok(axum::Json(ThreadItems { items: found.into_iter().map(ThreadItem::from).collect(), next }).into_response())
}

/// One conversation
#[utoipa::path(get, path = "/api/v1/threads/{id}", tag = "inbox",
    params(("id" = String, Path), ("before" = Option<String>, Query, description = "The place of the page before")),
    responses((status = 200, body = ThreadWhole), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn get_thread(Signed { ctx, .. }: Signed, Path(id): Path<String>, uri: Uri) -> Answer {
    let (thread, _permit) = allowed::<See>(&ctx, &id).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let before = query.optional("before")?.filter(|t| !t.is_empty());
    query.finish()?;
    if before.as_deref().is_some_and(|place| !is_place(place)) {
        return Err(http::Error::field("before", "is no place in a conversation"));
    }
    let (said, notes, before) = history(&ctx.app.db, &thread, before.as_deref()).await?;
    let heard = said.into_iter().map(|s| {
        let (kind, ours) = (if s.ours.is_some() { "out" } else { "in" }, s.ours);
        let (message, author, state) = ours.map_or((None, None, None), |o| (Some(o.id.to_string()), Some(o.author), Some(o.state)));
        (s.place, ThreadWord { kind: kind.into(), at: rfc3339(s.at), text: s.text, author, message, state })
    });
    let noted = notes
        .into_iter()
        .map(|n| (n.place, ThreadWord { kind: "note".into(), at: rfc3339(n.at), text: n.text, author: Some(n.author), message: None, state: None }));
    let mut words: Vec<(String, ThreadWord)> = heard.chain(noted).collect();
    words.sort_by(|a, b| b.0.cmp(&a.0));
    let words = words.into_iter().map(|(_, word)| word).collect();
    Ok(axum::Json(ThreadWhole { item: thread.into(), words, before }).into_response())
}

/// Write back
#[utoipa::path(post, path = "/api/v1/threads/{id}/reply", tag = "inbox", request_body = NewReply,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body send nothing twice")),
    responses((status = 202, body = ReplyTaken), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn post_reply(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let (thread, permit) = allowed::<Reply>(&ctx, &id).await?;
    let key = http::repeat::key(&ctx, &person, "/api/v1/threads/{id}/reply", request.headers())?;
    let Json(new) = Json::<NewReply>::from_request(request, &ctx.app).await?;
    let app = &ctx.app;
    let text = Paragraph::parse(&new.text, TEXT_CHARS_MAX)
        .map_err(|_| http::Error::field("text", app.text("error-reply-text", &[("max", &TEXT_CHARS_MAX.to_string())])))?;
    let repeat = key.map(|key| key.with(&app.db, &(thread.id.as_str(), &text))).transpose()?;
    let draft = Draft { author: &person, text: &text, gateway: gateway_for(&app.config, &thread), seen: new.seen, repeat: repeat.as_ref() };
    let Once { answer: sent, again } = reply(&app.db, permit, &thread, draft).await?;
    app.work.notify_one();
    Ok(http::repeat::marked((StatusCode::ACCEPTED, axum::Json(sent)).into_response(), again))
}

/// Write a note
#[utoipa::path(post, path = "/api/v1/threads/{id}/note", tag = "inbox", request_body = NewNote, params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn post_note(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let (thread, permit) = allowed::<WriteNote>(&ctx, &id).await?;
    let Json(new) = Json::<NewNote>::from_request(request, &ctx.app).await?;
    let wrong = |_| http::Error::field("text", ctx.app.text("error-thread-note", &[("max", &NOTE_CHARS_MAX.to_string())]));
    let text = Paragraph::parse(&new.text, NOTE_CHARS_MAX).map_err(wrong)?;
    note(&ctx.app.db, permit, &thread, &person, &text).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Say whose it is
#[utoipa::path(post, path = "/api/v1/threads/{id}/assign", tag = "inbox", request_body = NewOwner, params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn post_assign(Signed { ctx, .. }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let (thread, permit) = allowed::<Assign>(&ctx, &id).await?;
    let Json(new) = Json::<NewOwner>::from_request(request, &ctx.app).await?;
    let person: Option<PersonId> = new.person.map(|id| id.parse().map_err(|_| Error::NotStaff)).transpose()?;
    assign(&ctx.app.db, permit, &thread, person.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Say that it was read
#[utoipa::path(post, path = "/api/v1/threads/{id}/read", tag = "inbox", request_body = SeenTo, params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn post_read(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let (thread, permit) = allowed::<MarkRead>(&ctx, &id).await?;
    let Json(seen) = Json::<SeenTo>::from_request(request, &ctx.app).await?;
    read(&ctx.app.db, permit, &thread, &person, seen.seen).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Close it
#[utoipa::path(post, path = "/api/v1/threads/{id}/close", tag = "inbox", request_body = SeenTo, params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn post_close(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let (thread, permit) = allowed::<Close>(&ctx, &id).await?;
    let Json(seen) = Json::<SeenTo>::from_request(request, &ctx.app).await?;
    close(&ctx.app.db, permit, &thread, &person, seen.seen).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Open it again
#[utoipa::path(post, path = "/api/v1/threads/{id}/open", tag = "inbox", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn post_open(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let (thread, permit) = allowed::<Reopen>(&ctx, &id).await?;
    reopen(&ctx.app.db, permit, &thread).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
