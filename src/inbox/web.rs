//! The inbox as pages: the list of conversations, and one of them beside it; how errors of this slice are told.

use axum::extract::Path;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;

use super::{Assign, Close, Error, MarkRead, Noted, Reopen, Reply, See, WriteNote, canned, colleagues, history};
use crate::contacts::{self, web::number_key};
use crate::core::clock::Micros;
use crate::core::id::{PersonId, ThreadId};
use crate::core::number::{Kinds, Number};
use crate::core::segment::{self, Segments};
use crate::http::form::{Fields, FormState};
use crate::http::{self, Answer, App, Ctx, Routes, Rule, Signed};
use crate::messages::TEXT_CHARS_MAX;
use crate::messages::said::{Said, is_place};
use crate::messages::thread::{self, Before, Thread, View};
use crate::policy::{Act, On, Permit, Resource as _};

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/inbox", Rule::Act("thread.list"), get_inbox)
        .get("/inbox/{id}", Rule::Act("thread.list"), get_thread)
        .and(super::web_act::routes())
        .and(super::web_canned::routes())
        .and(super::web_media::routes())
        .and(super::api::routes())
}

impl From<Error> for http::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::State => Self::conflict("state").saying("Something came or was changed meanwhile; open the conversation again."),
            Error::Stopped => Self::conflict("number_stopped").saying("This number has opted out or is blocked, so nothing is sent to it."),
            Error::Window => Self::conflict("whatsapp_window").saying(
                "The last word from there is more than 24 hours old, and WhatsApp takes only an approved template then; wait until they write, or write by another way.",
            ),
            Error::Erased => Self::conflict("erased").saying("The number was erased, so nobody can be written to."),
            Error::NotStaff => Self::field("person", "is nobody who sends messages"),
            Error::NotFound => Self::not_found(),
            Error::Name => Self::conflict("state").saying("The name is taken; choose another."),
            Error::TooMany => Self::conflict("state").saying("There are as many as there may be."),
            Error::Repeat(error) => error.into(),
            Error::Db(error) => error.into(),
            Error::Fault(fault) => fault.into(),
        }
    }
}

/// What all conversations are to the policy.
pub(super) fn threads() -> On {
    On::any("thread")
}

/// The conversation a path names, with the permit for an act on it; whoever may not hears so before whether there is one.
pub(super) async fn allowed<A: Act<On = On>>(ctx: &Ctx, id: &str) -> Result<(Thread, Permit<A>), http::Error> {
    drop(ctx.permit::<A>(&threads()).await?);
    let id: ThreadId = id.parse().map_err(|_| http::Error::not_found())?;
    let thread = thread::find(&ctx.app.db, &id).await.map_err(Error::from)?.ok_or_else(http::Error::not_found)?;
    let permit = ctx.permit::<A>(&thread.on()).await?;
    Ok((thread, permit))
}

/// The views of the list, by name.
const VIEWS: [&str; 5] = ["open", "unread", "mine", "nobody", "closed"];

/// What a query looks for.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// One of [`VIEWS`].
    pub view: &'static str,
    /// A number, as typed.
    pub number: String,
}

impl Look {
    pub(super) fn take(query: &mut Fields) -> Result<Self, http::Error> {
        let name = query.optional("view")?.filter(|v| !v.is_empty()).unwrap_or_else(|| VIEWS[0].to_owned());
        let view = VIEWS.into_iter().find(|v| *v == name).ok_or_else(|| http::Error::field("view", "is no view of the inbox"))?;
        Ok(Self { view, number: query.optional("number")?.unwrap_or_default().trim().to_owned() })
    }

    /// What it is to the list, or the key of what is wrong with the number.
    pub(super) fn view(&self, app: &App, me: &PersonId) -> Result<View, &'static str> {
        if !self.number.is_empty() {
            let parsed = Number::parse_of(&self.number, app.config.default_region.as_deref(), Kinds { voip: true });
            return match parsed {
                Ok(number) => Ok(View::With(number.e164().to_owned())),
                // A name on WhatsApp, or a short number, as it came.
                Err(_) if self.number.starts_with("whatsapp:") || self.number.bytes().all(|b| b.is_ascii_digit()) => {
                    Ok(View::With(thread::key_of(&self.number)))
                }
                Err(error) => Err(number_key(error, &self.number)),
            };
        }
        Ok(match self.view {
            "unread" => View::Unread,
            "mine" => View::Of(me.clone()),
            "nobody" => View::OfNobody,
            "closed" => View::Closed,
            _ => View::Open,
        })
    }
}

/// A place in the list, as the query names it: when something was said last, and the id.
pub(super) fn place(query: &mut Fields) -> Result<Option<Before>, http::Error> {
    let Some(text) = query.optional("after")?.filter(|t| !t.is_empty()) else { return Ok(None) };
    let wrong = || http::Error::field("after", "is no place in the inbox");
    let (at, id) = text.split_once('.').ok_or_else(wrong)?;
    let id: ThreadId = id.parse().map_err(|_| wrong())?;
    Ok(Some(Before(at.parse().map_err(|_| wrong())?, id.to_string())))
}

/// The place behind a conversation.
pub(super) fn place_of(thread: &Thread) -> String {
    format!("{}.{}", thread.newest_at, thread.id)
}

#[derive(Serialize)]
struct Row {
    id: String,
    who: String,
    channel: String,
    unread: bool,
    closed: bool,
    assignee: Option<String>,
    at: Micros,
    current: bool,
}

/// Who is on the other side, as the list shows them: a contact's name, or the number without its middle.
async fn who(app: &App, thread: &Thread) -> Result<String, http::Error> {
    let contact = contacts::by_index(&app.db, &thread.number_ix).await.map_err(Error::from)?;
    let card = match contact {
        Some(contact) => contact.card(&app.db).await.map_err(Error::from)?,
        None => None,
    };
    Ok(card.map(|card| card.name.clone()).filter(|name| !name.is_empty()).unwrap_or_else(|| thread.masked.clone()))
}

#[derive(Serialize)]
pub(super) struct Tab {
    name: &'static str,
    current: bool,
}

#[derive(Serialize)]
pub(super) struct List {
    items: Vec<Row>,
    newer: Option<String>,
    older: Option<String>,
    view: &'static str,
    views: Vec<Tab>,
    number: String,
    wrong: Option<String>,
}

/// The list as the page shows it, beside the conversation `current` or alone.
async fn list(ctx: &Ctx, me: &PersonId, look: Look, after: Option<&Before>, current: Option<&ThreadId>) -> Result<List, http::Error> {
    let app = &ctx.app;
    let (found, wrong) = match look.view(app, me) {
        Ok(view) => (thread::page(&app.db, &view, after).await.map_err(Error::from)?, None),
        Err(key) => ((Vec::new(), false), Some(app.text(key, &[]))),
    };
    let (threads, more) = found;
    let base = format!("/inbox?view={}", look.view);
    let older = threads.last().filter(|_| more).map(|last| format!("{base}&after={}", place_of(last)));
    let mut items = Vec::with_capacity(threads.len());
    for thread in threads {
        items.push(Row {
            who: who(app, &thread).await?,
            current: current == Some(&thread.id),
            id: thread.id.to_string(),
            channel: thread.channel,
            unread: thread.unread_at.is_some(),
            closed: thread.state == "closed",
            assignee: thread.assignee,
            at: thread.newest_at,
        });
    }
    let views = VIEWS.iter().map(|name| Tab { name, current: look.number.is_empty() && *name == look.view }).collect();
    Ok(List { items, newer: after.map(|_| base), older, view: look.view, views, number: look.number, wrong })
}

#[derive(Serialize)]
struct ListPage {
    list: List,
}

async fn get_inbox(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<See>(&threads()).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let (look, after) = (Look::take(&mut query)?, place(&mut query)?);
    query.finish()?;
    let list = list(&ctx, &person, look, after.as_ref(), None).await?;
    ctx.page("inbox/list.html", ListPage { list }).await
}

#[derive(Serialize)]
struct Choice {
    value: String,
    text: String,
}

#[derive(Serialize)]
struct Word {
    kind: &'static str,
    place: String,
    text: Option<String>,
    at: Micros,
    author: Option<String>,
    state: Option<String>,
    message: Option<String>,
    answers: bool,
    campaign: bool,
    files: Vec<super::web_media::File>,
}

impl From<Said> for Word {
    fn from(said: Said) -> Self {
        let ours = said.ours;
        Self {
            files: Vec::new(),
            kind: if ours.is_some() { "out" } else { "in" },
            place: said.place,
            text: said.text,
            at: said.at,
            author: ours.as_ref().map(|o| o.author.clone()),
            state: ours.as_ref().map(|o| o.state.clone()),
            message: ours.as_ref().map(|o| o.id.to_string()),
            answers: ours.as_ref().is_some_and(|o| o.answers.is_some()),
            campaign: ours.as_ref().is_some_and(|o| o.of_campaign),
        }
    }
}

impl From<Noted> for Word {
    fn from(note: Noted) -> Self {
        let (kind, author) = ("note", Some(note.author));
        Self { kind, place: note.place, text: note.text, at: note.at, author, state: None, message: None, answers: false, campaign: false, files: Vec::new() }
    }
}

#[derive(Serialize)]
struct Item {
    id: String,
    who: String,
    own: String,
    contact: Option<String>,
    channel: String,
    closed: bool,
    unread_at: Option<Micros>,
    read_at: Option<Micros>,
    reader: Option<String>,
    assigned: String,
    assignee: Option<String>,
    seen: Micros,
    /// Until when a free text may be sent, where there is such a rule; `past` when that is over.
    until: Option<Micros>,
    past: bool,
    erased: bool,
}

#[derive(Serialize)]
struct Halted {
    id: String,
    kind: String,
    at: Micros,
}

#[derive(Serialize)]
struct ShowPage {
    list: List,
    item: Item,
    words: Vec<Word>,
    older: Option<String>,
    newest: bool,
    stops: Vec<Halted>,
    people: Vec<Choice>,
    canned: Vec<Choice>,
    text_max: usize,
    length: Option<Segments>,
    may_reply: bool,
    may_note: bool,
    may_assign: bool,
    may_close: bool,
    form: FormState,
}

async fn get_thread(Signed { ctx, person }: Signed, Path(id): Path<String>, uri: Uri) -> Answer {
    let (thread, _permit) = allowed::<See>(&ctx, &id).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let (look, before) = (Look::take(&mut query)?, query.optional("before")?.filter(|t| !t.is_empty()));
    query.finish()?;
    if before.as_deref().is_some_and(|place| !is_place(place)) {
        return Err(http::Error::field("before", "is no place in a conversation"));
    }
    let page = show_page(&ctx, &person, &thread, look, before.as_deref(), FormState::default()).await?;
    ctx.page("inbox/show.html", page).await
}

/// The conversation again, with a form that was refused or only looked at.
pub(super) async fn again(ctx: &Ctx, person: &PersonId, thread: &Thread, form: FormState) -> Result<Response, http::Error> {
    let fine = form.is_fine();
    let look = Look { view: VIEWS[0], number: String::new() };
    let page = show_page(ctx, person, thread, look, None, form).await?;
    if fine { ctx.page("inbox/show.html", page).await } else { ctx.again("inbox/show.html", page).await }
}

async fn item(ctx: &Ctx, thread: &Thread) -> Result<Item, http::Error> {
    let app = &ctx.app;
    let ends = thread.ends(&app.db).await.map_err(Error::from)?;
    let contact = contacts::by_index(&app.db, &thread.number_ix).await.map_err(Error::from)?;
    let until = thread.open_until();
    Ok(Item {
        id: thread.id.to_string(),
        who: ends.as_ref().map_or_else(|| app.text("erased", &[]), thread::Ends::shown),
        own: ends.as_ref().map(|ends| thread::shown(&ends.own)).unwrap_or_default(),
        contact: contact.map(|c| c.id.to_string()),
        channel: thread.channel.clone(),
        closed: thread.state == "closed",
        unread_at: thread.unread_at,
        read_at: thread.read_at,
        reader: thread.reader.clone(),
        assigned: thread.assigned_to.as_ref().map(ToString::to_string).unwrap_or_default(),
        assignee: thread.assignee.clone(),
        seen: thread.heard_at,
        until,
        past: until.is_some_and(|until| until <= ctx.now()),
        erased: ends.is_none(),
    })
}

async fn show_page(ctx: &Ctx, me: &PersonId, thread: &Thread, look: Look, before: Option<&str>, form: FormState) -> Result<ShowPage, http::Error> {
    let app = &ctx.app;
    let (said, notes, next) = history(&app.db, thread, before).await?;
    let files = super::web_media::files(ctx, thread, &said).await?;
    let said = said.into_iter().map(|said| {
        let heard = said.heard.clone();
        let mine = files.iter().filter(|(of, _)| Some(of) == heard.as_ref()).map(|(_, file)| file.clone()).collect();
        Word { files: mine, ..Word::from(said) }
    });
    let mut words: Vec<Word> = said.chain(notes.into_iter().map(Word::from)).collect();
    words.sort_by(|a, b| b.place.cmp(&a.place));
    let on = thread.on();
    let stops = contacts::of_number(&app.db, &thread.number_ix).await.map_err(Error::from)?;
    let typed = form.values.get("text").and_then(|v| v.as_str()).filter(|t| !t.is_empty()).map(segment::count);
    let nobody = Choice { value: String::new(), text: app.text("thread-nobody", &[]) };
    let people = colleagues(&app.db).await?.into_iter().map(|p| Choice { value: p.id.to_string(), text: p.name });
    Ok(ShowPage {
        item: item(ctx, thread).await?,
        words,
        older: next.map(|place| format!("/inbox/{}?view={}&before={place}", thread.id, look.view)),
        newest: before.is_none(),
        stops: stops.into_iter().map(|s| Halted { id: s.id.to_string(), kind: s.kind, at: s.made_at }).collect(),
        people: std::iter::once(nobody).chain(people).collect(),
        canned: canned(&app.db).await?.into_iter().map(|c| Choice { value: c.id.to_string(), text: c.name }).collect(),
        text_max: TEXT_CHARS_MAX,
        length: typed,
        may_reply: app.policy.can::<Reply>(&ctx.actor, &on),
        may_note: app.policy.can::<WriteNote>(&ctx.actor, &on),
        may_assign: app.policy.can::<Assign>(&ctx.actor, &on),
        may_close: app.policy.can::<Close>(&ctx.actor, &on) && app.policy.can::<Reopen>(&ctx.actor, &on) && app.policy.can::<MarkRead>(&ctx.actor, &on),
        list: list(ctx, me, look, None, Some(&thread.id)).await?,
        form,
    })
}
