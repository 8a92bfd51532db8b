//! Lists of contacts, and the numbers that nothing is sent to.

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::web::number;
use super::web_edit::{read_reason, stop_kind};
use super::{Error, LIST_NAME_CHARS_MAX, Lift, MakeList, See, Stop, Stopped, lift, lists, shown, stop, stopped, stops};
use crate::core::clock::Micros;
use crate::core::id::StopId;
use crate::core::text::Line;
use crate::http::form::{Fields, FormState};
use crate::http::{self, Answer, Ctx, Posted, Routes, Rule, Signed};
use crate::policy::{On, Resource as _};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/contacts/lists", Rule::Act("contact.list"), get_lists)
        .post("/contacts/lists", Rule::Act("list.create"), post_lists)
        .get("/contacts/stops", Rule::Act("contact.list"), get_stops)
        .post("/contacts/stops", Rule::Act("number.stop"), post_stops)
        .get("/contacts/stops/{id}/lift", Rule::Act("number.lift"), get_lift)
        .post("/contacts/stops/{id}/lift", Rule::Act("number.lift"), post_lift)
}

#[derive(Serialize)]
struct Row {
    id: String,
    name: String,
    at: Micros,
}

#[derive(Serialize)]
struct ListsPage {
    items: Vec<Row>,
    may_make: bool,
    form: FormState,
}

async fn lists_page(ctx: &Ctx, form: FormState) -> Result<ListsPage, http::Error> {
    let items = lists(&ctx.app.db).await?.into_iter().map(|l| Row { id: l.id.to_string(), name: l.name, at: l.made_at }).collect();
    Ok(ListsPage { items, may_make: ctx.app.policy.can::<MakeList>(&ctx.actor, &On::any("list")), form })
}

async fn get_lists(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<See>(&super::web::contacts()).await?;
    let page = lists_page(&ctx, FormState::default()).await?;
    ctx.page("contacts/lists.html", page).await
}

async fn post_lists(Signed { .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<MakeList>(&On::any("list")).await?;
    let typed = fields.one("name")?;
    fields.finish()?;
    let mut form = FormState::default().keep("name", typed.as_str());
    let name = match Line::parse(&typed, LIST_NAME_CHARS_MAX) {
        Ok(name) => name,
        Err(_) => {
            form.wrong("name", ctx.app.text("error-list-name", &[("max", &LIST_NAME_CHARS_MAX.to_string())]));
            return ctx.again("contacts/lists.html", lists_page(&ctx, form).await?).await;
        }
    };
    match super::create_list(&ctx.app.db, permit, &name, None).await {
        Ok(made) => Ok(ctx.go(&format!("/contacts?list={}", made.answer), "list-made")),
        Err(Error::Name) => {
            form.wrong("name", ctx.app.text("error-list-taken", &[]));
            ctx.again("contacts/lists.html", lists_page(&ctx, form).await?).await
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Serialize)]
struct StopRow {
    id: String,
    number: String,
    kind: String,
    source: String,
    at: Micros,
}

#[derive(Serialize)]
struct StopsPage {
    items: Vec<StopRow>,
    newer: Option<String>,
    older: Option<String>,
    may_stop: bool,
    form: FormState,
}

async fn stop_row(ctx: &Ctx, stopped: Stopped) -> Result<StopRow, http::Error> {
    let number = stopped.number(&ctx.app.db).await?.map_or_else(|| ctx.app.text("erased", &[]), |n| shown(&n));
    Ok(StopRow { id: stopped.id.to_string(), number, kind: stopped.kind, source: stopped.source, at: stopped.made_at })
}

async fn stops_page(ctx: &Ctx, after: Option<&StopId>, form: FormState) -> Result<StopsPage, http::Error> {
    let (found, more) = stops(&ctx.app.db, after).await?;
    let older = found.last().filter(|_| more).map(|last| format!("/contacts/stops?after={}", last.id));
    let mut items = Vec::with_capacity(found.len());
    for stopped in found {
        items.push(stop_row(ctx, stopped).await?);
    }
    let may_stop = ctx.app.policy.can::<Stop>(&ctx.actor, &On::any("number"));
    Ok(StopsPage { items, newer: after.map(|_| "/contacts/stops".to_owned()), older, may_stop, form })
}

async fn get_stops(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<See>(&super::web::contacts()).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let after = query.optional("after")?.filter(|t| !t.is_empty());
    query.finish()?;
    let after = after.map(|t| t.parse::<StopId>().map_err(|_| http::Error::field("after", "is not the id of a stop"))).transpose()?;
    let page = stops_page(&ctx, after.as_ref(), FormState::default()).await?;
    ctx.page("contacts/stops.html", page).await
}

async fn post_stops(Signed { .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<Stop>(&On::any("number")).await?;
    let (typed, kind, reason) = (fields.one("number")?, fields.one("kind")?, fields.optional("reason")?.unwrap_or_default());
    fields.finish()?;
    let kind = stop_kind(&kind)?;
    let number = match number(&ctx.app, &typed) {
        Ok(number) => number,
        Err(text) => {
            let mut form = FormState::default().keep("number", typed).keep("kind", kind).keep("reason", reason);
            form.wrong("number", text);
            return ctx.again("contacts/stops.html", stops_page(&ctx, None, form).await?).await;
        }
    };
    let reason = if reason.trim().is_empty() { String::new() } else { read_reason(&ctx, &reason)? };
    stop(&ctx.app.db, permit, &number, kind, "person", &reason).await?;
    Ok(ctx.go("/contacts/stops", "number-stopped"))
}

#[derive(Serialize)]
struct Confirm {
    title: String,
    what: String,
    consequences: Vec<String>,
    verb: String,
    action: String,
    danger: bool,
    cancel: &'static str,
    reason: bool,
    typed: Option<String>,
    hidden: Vec<()>,
}

#[derive(Serialize)]
struct ConfirmPage {
    confirm: Confirm,
    form: FormState,
}

async fn named(ctx: &Ctx, id: &str) -> Result<Stopped, http::Error> {
    drop(ctx.permit::<Lift>(&On::any("number")).await?);
    let id: StopId = id.parse().map_err(|_| http::Error::not_found())?;
    stopped(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

async fn confirm_page(ctx: &Ctx, stopped: Stopped, form: FormState) -> Result<ConfirmPage, http::Error> {
    let (app, kind) = (&ctx.app, stopped.kind.replace('_', "-"));
    let row = stop_row(ctx, stopped).await?;
    let confirm = Confirm {
        title: app.text("confirm-lift-title", &[("number", &row.number)]),
        what: app.text(&format!("confirm-lift-{kind}"), &[]),
        consequences: ["confirm-lift-1", "confirm-lift-2"].map(|key| app.text(key, &[])).into(),
        verb: app.text("confirm-lift-verb", &[]),
        action: format!("/contacts/stops/{}/lift", row.id),
        danger: true,
        cancel: "/contacts/stops",
        reason: true,
        typed: None,
        hidden: Vec::new(),
    };
    Ok(ConfirmPage { confirm, form })
}

async fn get_lift(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let stopped = named(&ctx, &id).await?;
    if stopped.lifted_at.is_some() {
        return Err(Error::State.into());
    }
    let page = confirm_page(&ctx, stopped, FormState::default()).await?;
    ctx.page("confirm.html", page).await
}

async fn post_lift(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let stopped = named(&ctx, &id).await?;
    let permit = ctx.permit::<Lift>(&stopped.on()).await?;
    let typed = fields.one("reason")?;
    fields.finish()?;
    let Ok(reason) = read_reason(&ctx, &typed) else {
        let mut form = FormState::default().keep("reason", typed);
        form.wrong("reason", ctx.app.text("error-reason-missing", &[]));
        let page = confirm_page(&ctx, stopped, form).await?;
        return ctx.again("confirm.html", page).await;
    };
    lift(&ctx.app.db, permit, &stopped, &reason).await?;
    Ok(ctx.go("/contacts/stops", "number-lifted"))
}
