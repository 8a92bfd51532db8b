//! The pages of contacts: the list with its filters, one contact, its export; and how errors of this slice are told.

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::card::Wrong;
use super::{
    Contact, Edit, Error, Export, Filter, List, See, Stop, consents, export, find, history, lists, lists_of, of_number, page, shown, web_edit, web_import,
    web_list,
};
use crate::core::clock::Micros;
use crate::core::id::{ContactId, ListId};
use crate::core::number::{Number, NumberError};
use crate::core::text::Line;
use crate::db::Detail;
use crate::http::ctx::encode;
use crate::http::form::{Fields, FormState};
use crate::http::headers::{IsDownload, IsPrivate};
use crate::http::{self, Answer, App, Ctx, Posted, Routes, Rule, Signed};
use crate::policy::{Act, On, Permit, Resource as _, Role};

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/contacts", Rule::Act("contact.list"), get_contacts)
        .post("/contacts/export", Rule::Act("contact.export"), post_export)
        .get("/contacts/{id}", Rule::Act("contact.list"), get_contact)
        .and(web_edit::routes())
        .and(web_list::routes())
        .and(web_import::routes())
        .and(super::web_segment::routes())
        .and(super::api::routes())
}

/// How an error of this slice is told when no form shows it.
#[must_use]
pub fn told(error: Error) -> http::Error {
    match error {
        Error::Exists(id) => http::Error::conflict("contact_exists").saying(format!("There is a contact with this number already: {id}.")),
        Error::State => http::Error::conflict("state"),
        Error::NotFound => http::Error::not_found(),
        Error::Name => http::Error::conflict("name_taken").saying("There is a list of this name already."),
        Error::TooMany => http::Error::conflict("too_many_of"),
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

/// What all contacts are to the policy.
pub(super) fn contacts() -> On {
    On::any("contact")
}

/// The key of the sentence that says why a number is refused.
#[must_use]
pub fn number_key(error: NumberError, typed: &str) -> &'static str {
    match error {
        NumberError::Empty => "error-to-missing",
        NumberError::BadCharacters => "error-to-characters",
        NumberError::Extension => "error-to-extension",
        NumberError::ScientificNotation => "error-to-scientific",
        NumberError::NoCountry if typed.trim_start().starts_with(['+', '\u{FF0B}']) => "error-to-country",
        NumberError::NoCountry => "error-to-plus",
        NumberError::TooShort => "error-to-short",
        NumberError::TooLong => "error-to-long",
        NumberError::NotValid => "error-to-invalid",
        NumberError::KindNotAllowed => "error-to-kind",
    }
}

/// Reads a number of a form.
pub(super) fn number(app: &App, typed: &str) -> Result<Number, String> {
    Number::parse(typed, app.config.default_region.as_deref()).map_err(|error| app.text(number_key(error, typed), &[]))
}

/// The sentence that says why a field of a card is refused.
pub(super) fn wrong_text(app: &App, wrong: Wrong) -> String {
    app.text(&format!("error-contact-{}", wrong.field), &[])
}

/// The contact a path names.
pub(super) async fn one(ctx: &Ctx, id: &str) -> Result<Contact, http::Error> {
    let id: ContactId = id.parse().map_err(|_| http::Error::not_found())?;
    find(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

/// The contact a path names, with the permit for an act on it; whoever may not hears so before whether there is one.
pub(super) async fn allowed<A: Act<On = On>>(ctx: &Ctx, id: &str) -> Result<(Contact, Permit<A>), http::Error> {
    drop(ctx.permit::<A>(&contacts()).await?);
    let contact = one(ctx, id).await?;
    let permit = ctx.permit::<A>(&contact.on()).await?;
    Ok((contact, permit))
}

#[derive(Serialize)]
pub(super) struct Listed {
    id: String,
    number: String,
    name: String,
    tags: String,
    opted_out: bool,
    blocked: bool,
    at: Micros,
}

async fn listed(ctx: &Ctx, contact: Contact) -> Result<Listed, http::Error> {
    let card = contact.card(&ctx.app.db).await?;
    let number = card.as_ref().map_or_else(|| ctx.app.text("erased", &[]), |card| shown(&card.number));
    let (name, tags) = card.map(|card| (card.tag_line(), card.name)).map_or_else(Default::default, |(tags, name)| (name, tags));
    Ok(Listed { id: contact.id.to_string(), number, name, tags, opted_out: contact.opted_out > 0, blocked: contact.blocked > 0, at: contact.made_at })
}

#[derive(Serialize)]
pub(super) struct Choice {
    pub value: String,
    pub text: String,
}

pub(super) fn choices(lists: &[List]) -> Vec<Choice> {
    lists.iter().map(|l| Choice { value: l.id.to_string(), text: l.name.clone() }).collect()
}

#[derive(Serialize)]
struct ListPage {
    q: String,
    list: String,
    with_tag: String,
    wrong: Option<String>,
    lists: Vec<Choice>,
    items: Vec<Listed>,
    newer: Option<String>,
    older: Option<String>,
    filtered: bool,
    may_edit: bool,
    may_export: bool,
}

/// What a query or a form looks for, as it was given.
#[derive(Debug, Default)]
struct Look {
    q: String,
    list: String,
    tag: String,
}

impl Look {
    fn take(fields: &mut Fields) -> Result<Self, http::Error> {
        let mut one = |name| Ok::<_, http::Error>(fields.optional(name)?.unwrap_or_default().trim().to_owned());
        Ok(Self { q: one("q")?, list: one("list")?, tag: one("tag")? })
    }

    /// A number where it can be one, a name otherwise.
    fn filter(&self, app: &App) -> Result<Filter, &'static str> {
        let mut filter = Filter::default();
        if !self.q.is_empty() {
            match Number::parse(&self.q, app.config.default_region.as_deref()) {
                Ok(number) => filter.number = Some(number.e164().to_owned()),
                Err(_) => filter.name = Some(Line::parse(&self.q, super::card::NAME_CHARS_MAX).map_err(|_| "error-contact-name")?),
            }
        }
        if !self.list.is_empty() {
            filter.list = Some(self.list.parse::<ListId>().map_err(|_| "error-contact-list")?);
        }
        if !self.tag.is_empty() {
            filter.tag = Some(Line::parse(&self.tag, super::card::TAG_CHARS_MAX).map_err(|_| "error-contact-tags")?);
        }
        Ok(filter)
    }

    fn query(&self) -> String {
        let parts = [("q", &self.q), ("list", &self.list), ("tag", &self.tag)];
        parts.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| format!("{n}={}&", encode(v))).collect()
    }
}

async fn get_contacts(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<See>(&contacts()).await?;
    let app = &ctx.app;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let look = Look::take(&mut query)?;
    let after = query.optional("after")?.filter(|t| !t.is_empty());
    query.finish()?;
    let after = after.map(|t| t.parse::<ContactId>().map_err(|_| http::Error::field("after", "is not the id of a contact"))).transpose()?;
    let (found, wrong) = match look.filter(app) {
        Ok(filter) => (page(&app.db, &filter, after.as_ref(), super::PAGE_MAX).await?, None),
        Err(key) => (super::Page { contacts: Vec::new(), more: false }, Some(app.text(key, &[]))),
    };
    let older = found.contacts.last().filter(|_| found.more).map(|last| format!("/contacts?{}after={}", look.query(), last.id));
    let mut items = Vec::with_capacity(found.contacts.len());
    for contact in found.contacts {
        items.push(listed(&ctx, contact).await?);
    }
    let page = ListPage {
        lists: choices(&lists(&app.db).await?),
        newer: after.map(|_| format!("/contacts?{}", look.query()).trim_end_matches(['&', '?']).to_owned()),
        older,
        items,
        wrong,
        filtered: !look.query().is_empty(),
        may_edit: app.policy.can::<Edit>(&ctx.actor, &contacts()),
        may_export: app.policy.can::<Export>(&ctx.actor, &contacts()),
        q: look.q,
        list: look.list,
        with_tag: look.tag,
    };
    ctx.page("contacts/list.html", page).await
}

async fn post_export(_signed: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<Export>(&contacts()).await?;
    let look = Look::take(&mut fields)?;
    fields.finish()?;
    let filter = look.filter(&ctx.app).map_err(|key| http::Error::field("q", ctx.app.text(key, &[])))?;
    let detail = Detail::ok().with("format", "csv").with("filtered", i64::from(filter != Filter::default())).personal("filter", &look.query());
    ctx.app.db.record(permit, detail).await?;
    let mut response = export::attachment(ctx.app.db.clone(), filter)?;
    response.extensions_mut().insert(IsDownload);
    response.extensions_mut().insert(IsPrivate);
    Ok(response)
}

#[derive(Serialize)]
struct Item {
    id: String,
    number: String,
    name: String,
    region: String,
    zone: String,
    postal: String,
    tags: String,
    fields: Vec<(String, String)>,
    merged_into: Option<String>,
    made_at: Micros,
    changed_at: Micros,
}

#[derive(Serialize)]
struct Agreed {
    kind: String,
    source: String,
    wording: String,
    evidence: Option<String>,
    at: Micros,
    author: String,
}

#[derive(Serialize)]
struct Halted {
    id: String,
    kind: String,
    at: Micros,
}

#[derive(Serialize)]
struct Event {
    action: String,
    outcome: String,
    at: Micros,
    entry: Option<i64>,
}

#[derive(Serialize)]
struct ShowPage {
    item: Item,
    lists: Vec<Choice>,
    others: Vec<Choice>,
    consents: Vec<Agreed>,
    sources: Vec<&'static str>,
    stops: Vec<Halted>,
    history: Vec<Event>,
    may_edit: bool,
    may_stop: bool,
    today: String,
    form: FormState,
}

async fn get_contact(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<See>(&contacts()).await?;
    let contact = one(&ctx, &id).await?;
    let page = show_page(&ctx, &contact, FormState::default()).await?;
    ctx.page("contacts/show.html", page).await
}

/// One contact's page again, with what was wrong with a form of it.
pub(super) async fn show_again(ctx: &Ctx, contact: &Contact, form: FormState) -> Answer {
    let page = show_page(ctx, contact, form).await?;
    ctx.again("contacts/show.html", page).await
}

async fn show_page(ctx: &Ctx, contact: &Contact, form: FormState) -> Result<impl Serialize, http::Error> {
    let db = &ctx.app.db;
    let card = contact.card(db).await?.unwrap_or_default();
    let own = lists_of(db, &contact.id).await?;
    let others: Vec<List> = lists(db).await?.into_iter().filter(|l| own.iter().all(|o| o.id != l.id)).collect();
    let reads_trail = ctx.actor.has(Role::Compliance) || ctx.actor.has(Role::Admin);
    let consents = consents(db, contact).await?.into_iter().map(|c| Agreed {
        kind: c.kind,
        source: c.source,
        wording: c.wording,
        evidence: c.evidence_sha256,
        at: c.given_at,
        author: c.author,
    });
    let history = history(db, contact).await?.into_iter().map(|h| Event {
        action: h.action,
        outcome: if h.outcome == "ok" { "done".into() } else { h.outcome },
        at: h.at,
        entry: h.seq.filter(|_| reads_trail),
    });
    let number = if card.number.is_empty() { ctx.app.text("erased", &[]) } else { shown(&card.number) };
    Ok(ShowPage {
        lists: choices(&own),
        others: choices(&others),
        consents: consents.collect(),
        sources: super::Source::ALL.map(super::Source::name).to_vec(),
        stops: of_number(db, &contact.number_ix).await?.into_iter().map(|s| Halted { id: s.id.to_string(), kind: s.kind, at: s.made_at }).collect(),
        history: history.collect(),
        may_edit: contact.merged_into.is_none() && ctx.app.policy.can::<Edit>(&ctx.actor, &contact.on()),
        may_stop: ctx.app.policy.can::<Stop>(&ctx.actor, &On::any("number")),
        today: http::templates::both_times(ctx.now(), ctx.time_zone()).1.chars().take(10).collect(),
        form,
        item: Item {
            id: contact.id.to_string(),
            number,
            name: card.name.clone(),
            region: contact.region.clone(),
            zone: card.zone.clone(),
            postal: card.postal.clone(),
            tags: card.tag_line(),
            fields: card.fields.into_iter().collect(),
            merged_into: contact.merged_into.as_ref().map(ToString::to_string),
            made_at: contact.made_at,
            changed_at: contact.changed_at,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_country_and_an_unknown_one_are_told_apart() {
        assert_eq!(number_key(NumberError::NoCountry, "415 555 2671"), "error-to-plus");
        assert_eq!(number_key(NumberError::NoCountry, " +999 1"), "error-to-country");
    }
}
