//! The form that makes and changes a campaign.

use axum::extract::Path;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::web::{campaigns, gateway_name, named};
use super::{Campaign, Create, Edit, LISTS_MAX, NAME_CHARS_MAX, New, Origin, PER_MINUTE_MAX, create, edit, template, templates};
use crate::contacts::{self, segment};
use crate::core::clock::Micros;
use crate::core::text::Line;
use crate::http::form::{Fields, FormState};
use crate::http::{self, Answer, Ctx, Posted, Routes, Rule, Signed};
use crate::messages::{gateway, route};
use crate::policy::Resource as _;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/campaigns/new", Rule::Act("campaign.create"), get_new)
        .post("/campaigns/new", Rule::Act("campaign.create"), post_new)
        .get("/campaigns/{id}/edit", Rule::Act("campaign.edit"), get_edit)
        .post("/campaigns/{id}/edit", Rule::Act("campaign.edit"), post_edit)
}

#[derive(Serialize)]
struct Choice {
    value: String,
    text: String,
}

#[derive(Serialize)]
struct Tick {
    value: String,
    text: String,
    ticked: bool,
}

#[derive(Serialize)]
struct EditPage {
    action: String,
    back: String,
    is_new: bool,
    voids: bool,
    zone: String,
    templates: Vec<Choice>,
    lists: Vec<Tick>,
    gateways: Vec<Choice>,
    needs_consent: bool,
    version: i64,
    per_minute_max: i64,
    form: FormState,
}

/// What a form says, and what was wrong with it.
struct Read {
    new: Option<New>,
    lists: Vec<String>,
    needs_consent: bool,
    form: FormState,
}

async fn page(ctx: &Ctx, of: Option<&Campaign>, read: Read) -> Result<EditPage, http::Error> {
    let app = &ctx.app;
    let texts = templates(&app.db)
        .await?
        .into_iter()
        .map(|t| Choice { text: app.text("campaign-template-version", &[("name", &t.name), ("n", &t.version.to_string())]), value: t.id.to_string() });
    let tick = |id: String, text: String| Tick { ticked: read.lists.contains(&id), value: id, text };
    let lists = contacts::lists(&app.db).await?.into_iter().map(|l| tick(l.id.to_string(), l.name));
    let segments = segment::all(&app.db).await?.into_iter().map(|s| tick(s.id.to_string(), app.text("campaign-of-segment", &[("name", &s.name)])));
    let lists: Vec<Tick> = lists.chain(segments).collect();
    let gateways = choices(ctx, of).await?.into_iter().map(|name| Choice { text: gateway_name(app, &name), value: name });
    Ok(EditPage {
        action: of.map_or_else(|| "/campaigns/new".to_owned(), |c| format!("/campaigns/{}/edit", c.id)),
        back: of.map_or_else(|| "/campaigns".to_owned(), |c| format!("/campaigns/{}", c.id)),
        is_new: of.is_none(),
        voids: of.is_some_and(|c| c.state != "draft"),
        zone: ctx.time_zone().to_owned(),
        templates: texts.collect(),
        lists,
        gateways: gateways.collect(),
        needs_consent: read.needs_consent,
        version: of.map_or(0, |c| c.version),
        per_minute_max: PER_MINUTE_MAX,
        form: read.form,
    })
}

/// An instant as somebody types it in their own zone.
fn instant(typed: &str, zone: &str) -> Option<Micros> {
    let zone = if zone == "UTC" { TimeZone::UTC } else { TimeZone::get(zone).ok()? };
    Some(typed.parse::<DateTime>().ok()?.to_zoned(zone).ok()?.timestamp().as_microsecond())
}

fn typed_instant(at: Micros, zone: &str) -> String {
    let zone = if zone == "UTC" { TimeZone::UTC } else { TimeZone::get(zone).unwrap_or(TimeZone::UTC) };
    jiff::Timestamp::from_microsecond(at).map_or_else(|_| String::new(), |t| t.to_zoned(zone).datetime().strftime("%Y-%m-%dT%H:%M").to_string())
}

/// What a campaign may leave by: the gateways that are set up, the rules in force, and the rules it was made with.
pub(super) async fn choices(ctx: &Ctx, of: Option<&Campaign>) -> Result<Vec<String>, http::Error> {
    let app = &ctx.app;
    let mut all: Vec<String> = gateway::names(&app.config).into_iter().map(str::to_owned).collect();
    if let Some(rules) = route::in_force(&app.db).await? {
        all.insert(0, format!("{}{}", route::BY_RULES, rules.id));
    }
    if let Some(own) = of.map(|c| &c.gateway).filter(|own| own.starts_with(route::BY_RULES) && !all.contains(own)) {
        all.push(own.clone());
    }
    Ok(all)
}

/// How many of these there are.
pub(super) async fn there(ctx: &Ctx, origins: &[Origin]) -> Result<usize, http::Error> {
    let (db, mut there) = (&ctx.app.db, 0);
    for origin in origins.iter().take(LISTS_MAX + 1) {
        there += usize::from(match origin {
            Origin::List(id) => contacts::list(db, id).await?.is_some(),
            Origin::Segment(id) => segment::find(db, id).await?.is_some(),
        });
    }
    Ok(there)
}

async fn read(ctx: &Ctx, of: Option<&Campaign>, fields: &mut Fields) -> Result<Read, http::Error> {
    let app = &ctx.app;
    let (name, text) = (fields.one("name")?, fields.one("template")?);
    let (gateway, at, per_minute) = (fields.one("gateway")?, fields.one("scheduled_at")?, fields.one("per_minute")?);
    let (lists, needs_consent) = (fields.many("lists"), fields.optional("needs_consent")?.is_some());
    let mut form = FormState::default().keep("name", name.as_str()).keep("template", text.as_str()).keep("gateway", gateway.as_str());
    form = form.keep("scheduled_at", at.as_str()).keep("per_minute", per_minute.as_str());
    let mut wrong = |field: &str, key: &str| form.wrong(field, app.text(key, &[]));
    let fit = Line::parse(&name, NAME_CHARS_MAX).map_err(|_| wrong("name", "error-campaign-name")).ok();
    let chosen = match text.parse() {
        Ok(id) => template(&app.db, &id).await?,
        Err(_) => None,
    };
    if chosen.is_none() {
        wrong("template", "error-campaign-template");
    }
    let ids: Vec<Origin> = lists.iter().filter_map(|id| Origin::parse(id)).collect();
    let there = there(ctx, &ids).await?;
    if ids.is_empty() || ids.len() != lists.len() || there != ids.len() || there > LISTS_MAX {
        wrong("lists", "error-campaign-lists");
    }
    if !choices(ctx, of).await?.contains(&gateway) {
        wrong("gateway", "error-campaign-gateway");
    }
    let scheduled_at = if at.trim().is_empty() { None } else { instant(at.trim(), ctx.time_zone()) };
    if !at.trim().is_empty() && scheduled_at.is_none_or(|at| at <= ctx.now()) {
        wrong("scheduled_at", "error-campaign-time");
    }
    let pace = per_minute.trim().parse::<i64>().ok().filter(|n| (1..=PER_MINUTE_MAX).contains(n));
    if pace.is_none() {
        wrong("per_minute", "error-campaign-pace");
    }
    let new = match (fit, chosen, pace) {
        (Some(name), Some(text), Some(per_minute)) if form.is_fine() => {
            Some(New { name, template: text.id, template_version: text.version, lists: ids, gateway, scheduled_at, per_minute, needs_consent })
        }
        _ => None,
    };
    Ok(Read { new, lists, needs_consent, form })
}

async fn get_new(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<Create>(&campaigns()).await?;
    let form = FormState::default().keep("per_minute", "60");
    let page = page(&ctx, None, Read { new: None, lists: Vec::new(), needs_consent: true, form }).await?;
    ctx.page("campaigns/edit.html", page).await
}

async fn post_new(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<Create>(&campaigns()).await?;
    let read = read(&ctx, None, &mut fields).await?;
    drop(fields.optional("version")?);
    fields.finish()?;
    let Some(new) = &read.new else { return ctx.again("campaigns/edit.html", page(&ctx, None, read).await?).await };
    let id = create(&ctx.app.db, permit, &person, new).await?;
    Ok(ctx.go(&format!("/campaigns/{id}"), "campaign-made"))
}

async fn get_edit(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<Edit>(&ctx, &id).await?;
    if !["draft", "gathering", "review", "approved", "scheduled"].contains(&campaign.state.as_str()) {
        return Err(super::Error::State.into());
    }
    let form = FormState::default().keep("name", campaign.name.as_str()).keep("template", campaign.template_id.as_str());
    let form = form.keep("gateway", campaign.gateway.as_str()).keep("per_minute", campaign.per_minute.to_string());
    let form = form.keep("scheduled_at", campaign.scheduled_at.map_or_else(String::new, |at| typed_instant(at, ctx.time_zone())));
    let lists = campaign.origins().iter().map(|origin| origin.as_str().to_owned()).collect();
    let page = page(&ctx, Some(&campaign), Read { new: None, lists, needs_consent: campaign.needs_consent > 0, form }).await?;
    ctx.page("campaigns/edit.html", page).await
}

async fn post_edit(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let campaign = named::<Edit>(&ctx, &id).await?;
    let permit = ctx.permit::<Edit>(&campaign.on()).await?;
    let seen = fields.one("version")?;
    let read = read(&ctx, Some(&campaign), &mut fields).await?;
    fields.finish()?;
    // What somebody else changed meanwhile is not overwritten.
    if seen.parse() != Ok(campaign.version) {
        return Err(super::Error::State.into());
    }
    let Some(new) = &read.new else { return ctx.again("campaigns/edit.html", page(&ctx, Some(&campaign), read).await?).await };
    edit(&ctx.app.db, permit, &person, &campaign, new).await?;
    Ok(ctx.go(&format!("/campaigns/{}", campaign.id), "campaign-changed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_in_ones_own_zone_and_shown_back() {
        let at = instant("2026-01-15T12:00", "America/New_York").expect("an instant");
        assert_eq!(at, 1_768_496_400_000_000);
        assert_eq!(typed_instant(at, "America/New_York"), "2026-01-15T12:00");
        assert_eq!(instant("tomorrow", "UTC"), None);
    }
}
