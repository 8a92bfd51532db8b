//! Saved views of the trail: kept from the list, opened by their permalink, deleted.

use axum::extract::Path;

use super::filter::{Misread, Raw};
use super::view::{self, Kept, NAME_CHARS_MAX};
use super::web::{of_filter, read_filter};
use super::{DeleteView, Read, SaveView};
use crate::core::id::ViewId;
use crate::core::text::Line;
use crate::db::Detail;
use crate::http::{self, Answer, Posted, Routes, Rule, Signed};
use crate::policy::On;

pub(super) fn routes() -> Routes {
    Routes::new().post("/audit/views", Rule::Act("view.save"), post_view).get("/audit/views/{id}", Rule::Act("trail.read"), get_view).post(
        "/audit/views/{id}/delete",
        Rule::Act("view.delete"),
        post_delete,
    )
}

async fn post_view(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let role = ctx.permit::<SaveView>(&On::any("view")).await?;
    let raw = Raw::take(&mut fields)?;
    let name = fields.one("name")?;
    fields.finish()?;
    let name = Line::parse(&name, NAME_CHARS_MAX).map_err(|e| http::Error::field("name", e.to_string()))?;
    let query = raw.query("", None);
    if query.is_empty() {
        return Err(http::Error::field("name", ctx.app.text("error-view-empty", &[])));
    }
    match read_filter(&ctx, &raw).await {
        Ok(_) => {}
        Err(Misread::Says(key, name)) => return Err(http::Error::field(name, ctx.app.text(key, &[]))),
        Err(Misread::Fault(fault)) => return Err(fault.into()),
    }
    drop(role);
    let permit = ctx.permit::<SaveView>(&On { label: Some(name.clone()), ..On::any("view") }).await?;
    let kept = Kept { name, query };
    let id = view::save(&ctx.app.db, permit, &person, &kept, of_filter(Detail::ok(), &raw)).await?;
    Ok(ctx.go(&format!("/audit/views/{id}"), "view-saved"))
}

/// Whose it is comes to the list it names; to anybody else there is no such view. The list records what is read.
async fn get_view(Signed { ctx, person }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<Read>(&On::any("trail")).await?;
    let id: ViewId = id.parse().map_err(|_| http::Error::not_found())?;
    let view = view::find(&ctx.app.db, &person, &id).await?;
    Err(http::Error::see_other(format!("/audit?{}", view.kept.query)))
}

async fn post_delete(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    // What is no id is nobody's to put into an entry, not even into one of a refusal.
    let id = id.parse::<ViewId>().ok();
    let on = id.as_ref().map_or_else(|| On::any("view"), |id| On::one("view", id));
    let permit = ctx.permit::<DeleteView>(&On { owner: Some(person.clone()), ..on }).await?;
    fields.finish()?;
    let id = id.ok_or_else(http::Error::not_found)?;
    view::delete(&ctx.app.db, permit, &person, &id).await?;
    Ok(ctx.go("/audit", "view-deleted"))
}
