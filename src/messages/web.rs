//! The pages of this slice, and how its errors and refused fields are told.

use axum::extract::Path;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;

use super::gateway::{self, SANDBOX};
use super::state::State;
use super::{Draft, Error, Happened, List, Listed, Message, Send, TEXT_CHARS_MAX, route};
use crate::contacts::web::number_key;
use crate::core::clock::Micros;
use crate::core::id::MessageId;
use crate::core::number::Number;
use crate::core::segment::{self, Segments};
use crate::core::text::{Paragraph, TextError};
use crate::http::form::{Fields, FormState};
use crate::http::{self, Answer, App, Ctx, Posted, Routes, Rule, Signed};
use crate::policy::{On, Role};

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/messages", Rule::Act("message.list"), get_messages)
        .post("/messages", Rule::Act("message.send"), post_messages)
        .get("/messages/sandbox", Rule::Act("message.list"), get_sandbox)
        .get("/messages/{id}", Rule::Act("message.list"), get_message)
        .and(super::api::routes())
        .and(super::hooks::routes())
        .and(super::hooks_smsgate::routes())
        .and(super::hooks_httpsms::routes())
        .and(super::web_gateway::routes())
        .and(super::status::routes())
}

/// How an error of this slice is told when no form shows it.
#[must_use]
pub fn told(error: Error) -> http::Error {
    match error {
        Error::Repeat(error) => error.into(),
        Error::State => http::Error::conflict("state"),
        Error::Stopped => http::Error::conflict("number_stopped").saying("This number has opted out or is blocked, so nothing is sent to it."),
        Error::Db(error) => error.into(),
        Error::Fault(fault) => fault.into(),
    }
}

/// What all messages are to the policy.
pub(super) fn messages() -> On {
    On::any("message")
}

/// Why a field was refused: its code for programs, and the key of its sentence with arguments.
pub(super) struct Refused {
    pub code: &'static str,
    key: &'static str,
    args: Vec<(&'static str, String)>,
}

impl Refused {
    fn new(code: &'static str, key: &'static str) -> Self {
        Self { code, key, args: Vec::new() }
    }

    /// The sentence.
    pub fn says(&self, app: &App) -> String {
        let args: Vec<(&str, &str)> = self.args.iter().map(|(name, value)| (*name, value.as_str())).collect();
        app.text(self.key, &args)
    }
}

/// Reads the number of a message.
pub(super) fn number(app: &App, to: &str) -> Result<Number, Refused> {
    Number::parse(to, app.config.default_region.as_deref()).map_err(|error| Refused::new(error.code(), number_key(error, to)))
}

/// Reads the text of a message.
pub(super) fn text(text: &str) -> Result<String, Refused> {
    Paragraph::parse(text, TEXT_CHARS_MAX).map_err(|error| {
        let key = match error {
            TextError::Empty | TextError::Invisible => "error-text-missing",
            TextError::TooLong { .. } => "error-text-long",
            // A paragraph is refused for none of the last three.
            TextError::Control { .. } | TextError::Direction { .. } | TextError::TooShort { .. } | TextError::Username { .. } | TextError::Email => {
                "error-text-characters"
            }
        };
        Refused { code: error.code(), key, args: vec![("max", TEXT_CHARS_MAX.to_string())] }
    })
}

#[derive(Serialize)]
struct ListItem {
    id: String,
    to: String,
    state: String,
    author: String,
    at: Micros,
}

#[derive(Serialize)]
struct ListPage {
    items: Vec<ListItem>,
    newer: Option<String>,
    older: Option<String>,
    may_send: bool,
    text_max: usize,
    length: Option<Segments>,
    sandbox: bool,
    form: FormState,
}

impl From<Listed> for ListItem {
    fn from(row: Listed) -> Self {
        Self { id: row.id.to_string(), to: row.masked, state: row.state, author: row.author, at: row.made_at }
    }
}

impl ListPage {
    async fn read(ctx: &Ctx, after: Option<&MessageId>, before: Option<&MessageId>, form: FormState) -> Result<Self, http::Error> {
        let app = &ctx.app;
        let page = super::page(&app.db, after, before).await?;
        let newer = page.messages.first().filter(|_| page.newer).map(|m| format!("/messages?before={}", m.id));
        let older = page.messages.last().filter(|_| page.older).map(|m| format!("/messages?after={}", m.id));
        // What the text in the form comes to, once there is one.
        let typed = form.values.get("text").and_then(|v| v.as_str()).and_then(|typed| text(typed).ok());
        Ok(Self {
            items: page.messages.into_iter().map(ListItem::from).collect(),
            newer,
            older,
            may_send: app.policy.can::<Send>(&ctx.actor, &messages()),
            text_max: TEXT_CHARS_MAX,
            length: typed.map(|text| segment::count(&text)),
            sandbox: gateway::in_force(&app.config) == Some(SANDBOX),
            form,
        })
    }
}

/// A place in a list, as the query names it.
pub(super) fn place(query: &mut Fields, name: &str) -> Result<Option<MessageId>, http::Error> {
    let place = query.optional(name)?.filter(|text| !text.is_empty());
    place.map(|text| text.parse::<MessageId>().map_err(|_| http::Error::field(name, "is not the id of a message"))).transpose()
}

async fn get_messages(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<List>(&messages()).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let (after, before) = (place(&mut query, "after")?, place(&mut query, "before")?);
    query.finish()?;
    let page = ListPage::read(&ctx, after.as_ref(), before.as_ref(), FormState::default()).await?;
    ctx.page("messages/list.html", page).await
}

async fn post_messages(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<Send>(&messages()).await?;
    let (to, typed, only_count) = (fields.one("to")?, fields.one("text")?, fields.optional("count")?.is_some());
    fields.finish()?;
    let app = &ctx.app;
    if only_count {
        drop(permit);
        let form = FormState::default().keep("to", to.as_str()).keep("text", typed.as_str());
        let page = ListPage::read(&ctx, None, None, form).await?;
        return ctx.page("messages/list.html", page).await;
    }
    let (number, text) = match (number(app, &to), text(&typed)) {
        (Ok(number), Ok(text)) => (number, text),
        (number, text) => {
            let mut form = FormState::default().keep("to", to.as_str()).keep("text", typed.as_str());
            for (field, refused) in [("to", number.err()), ("text", text.err())] {
                if let Some(refused) = refused {
                    form.wrong(field, refused.says(app));
                }
            }
            return again(&ctx, form).await;
        }
    };
    let gateway = route::by_rules(&app.db, &app.config, &number).await?;
    let draft = Draft { author: &person, number: &number, text: &text, gateway: gateway.as_deref(), repeat: None };
    let sent = match super::send(&app.db, permit, draft).await {
        Ok(sent) => sent.answer,
        Err(Error::Stopped) => {
            let mut form = FormState::default().keep("to", to.as_str()).keep("text", typed.as_str());
            form.wrong("to", app.text("error-number-stopped", &[]));
            return again(&ctx, form).await;
        }
        Err(error) => return Err(told(error)),
    };
    app.work.notify_one();
    Ok(ctx.go(&format!("/messages/{}", sent.id), if sent.is_queued() { "message-queued" } else { "message-held" }))
}

async fn again(ctx: &Ctx, form: FormState) -> Answer {
    let page = ListPage::read(ctx, None, None, form).await?;
    ctx.again("messages/list.html", page).await
}

#[derive(Serialize)]
struct Item {
    id: String,
    to: String,
    text: Option<String>,
    length: Option<Segments>,
    state: String,
    held_because: Option<String>,
    author: String,
    at: Micros,
    gateway: String,
    entry: Option<i64>,
}

#[derive(Serialize)]
struct Event {
    state: String,
    at: Micros,
    text: String,
    entry: Option<i64>,
}

#[derive(Serialize)]
struct ShowPage {
    item: Item,
    attempts: Vec<Event>,
}

async fn get_message(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<List>(&messages()).await?;
    let message = one(&ctx, &id).await?;
    let history = super::history(&ctx.app.db, &message.id).await?;
    show(&ctx, &message, &history).await
}

/// The message of this id.
pub(super) async fn one(ctx: &Ctx, id: &str) -> Result<Message, http::Error> {
    let id = id.parse::<MessageId>().map_err(|_| http::Error::not_found())?;
    super::find(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

/// The text of a message, or none when its number was erased.
pub(super) async fn text_of(ctx: &Ctx, message: &Message) -> Result<Option<String>, http::Error> {
    match message.text(&ctx.app.db).await {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(told(error.into())),
    }
}

async fn show(ctx: &Ctx, message: &Message, history: &[Happened]) -> Answer {
    let app = &ctx.app;
    let text = text_of(ctx, message).await?;
    let length = text.as_deref().map(segment::count);
    let text = text.unwrap_or_else(|| app.text("erased", &[]));
    let state = message.state()?;
    // A link to the trail is for those who may follow it.
    let reads_trail = ctx.actor.has(Role::Compliance) || ctx.actor.has(Role::Admin);
    // Of several results the newest one counts; nothing was sent at those before.
    let newest = history.iter().position(|h| RESULTS.contains(&h.action.as_str()));
    let stands = |n: usize| newest.is_none_or(|newest| n <= newest);
    let attempts: Vec<Event> = history.iter().enumerate().map(|(n, h)| event(app, message, state, (h, stands(n)), reads_trail)).collect();
    let item = Item {
        id: message.id.to_string(),
        to: message.masked.clone(),
        text: Some(text),
        length,
        state: message.state.clone(),
        held_because: (state == State::Held).then(|| reason(app, message)),
        author: message.author.clone(),
        at: message.made_at,
        gateway: gateway_name(app, &message.gateway),
        entry: history.iter().find(|h| h.action == "message.send" || h.action == "thread.reply").and_then(|h| h.seq).filter(|_| reads_trail),
    };
    ctx.page("messages/show.html", ShowPage { item, attempts }).await
}

/// The acts that say what became of an attempt.
const RESULTS: [&str; 2] = ["message.result", "message.reconcile"];

fn event(app: &App, message: &Message, state: State, (happened, stands): (&Happened, bool), reads_trail: bool) -> Event {
    let shown = match happened.action.as_str() {
        "message.send" | "thread.reply" if state == State::Held => State::Held,
        "message.send" | "campaign.send" | "thread.reply" | "message.route" => State::Queued,
        "message.result" if !stands => State::Queued,
        "message.attempt" => State::Sending,
        _ => state,
    };
    // Which one it was is the entry's to say: the message may have gone on to another.
    let gateway = gateway_name(app, happened.gateway().as_deref().unwrap_or(&message.gateway));
    let reason = happened.reason().map_or_else(|| reason(app, message), |code| in_words(app, &code));
    let args = [("author", message.author.as_str()), ("gateway", gateway.as_str()), ("reason", reason.as_str())];
    let key = match message.reason.as_deref() {
        _ if happened.action == "message.route" => "attempt-rerouted".to_owned(),
        _ if happened.action == "message.result" && shown == State::Queued => "attempt-again".to_owned(),
        Some("interrupted") if shown == State::Unknown => "attempt-interrupted".to_owned(),
        _ => format!("attempt-{}", shown.name()),
    };
    Event { state: shown.name().into(), at: happened.at, text: app.text(&key, &args), entry: happened.seq.filter(|_| reads_trail) }
}

/// Why a message stands where it does, in words; a gateway may give a code that has none.
fn reason(app: &App, message: &Message) -> String {
    message.reason.as_deref().map_or_else(String::new, |code| in_words(app, code))
}

fn in_words(app: &App, code: &str) -> String {
    let key = format!("message-reason-{}", code.replace('_', "-"));
    if app.templates.texts.has(&key) { app.text(&key, &[]) } else { code.to_owned() }
}

pub(super) fn gateway_name(app: &App, name: &str) -> String {
    let key = format!("gateway-{name}");
    if app.templates.texts.has(&key) { app.text(&key, &[]) } else { name.to_owned() }
}

#[derive(Serialize)]
struct Delivered {
    id: String,
    to: String,
    text: String,
    at: Micros,
}

#[derive(Serialize)]
struct SandboxPage {
    items: Vec<Delivered>,
}

async fn get_sandbox(Signed { ctx, .. }: Signed) -> Result<Response, http::Error> {
    let _permit = ctx.permit::<List>(&messages()).await?;
    let deliveries = gateway::deliveries(&ctx.app.db).await?;
    let items = deliveries.into_iter().map(|d| Delivered { id: d.message.to_string(), to: masked(&d.to), text: d.text, at: d.at }).collect();
    ctx.page("messages/sandbox.html", SandboxPage { items }).await
}

fn masked(e164: &str) -> String {
    Number::parse(e164, None).map_or_else(|_| "•••".to_owned(), |number| number.masked())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_refused_with_its_reason() {
        assert_eq!(text(" \n ").err().map(|r| r.code), Some("empty"));
        assert_eq!(text(&"x".repeat(TEXT_CHARS_MAX + 1)).err().map(|r| r.code), Some("too_long"));
        assert_eq!(text("a\u{202E}b").err().map(|r| r.code), Some("direction_character"));
        assert_eq!(text("a\r\nb").ok().as_deref(), Some("a\nb"));
    }

    #[test]
    fn a_delivered_number_is_shown_masked() {
        assert_eq!(masked("+14155552671"), "+1 ••• ••• 2671");
    }
}
