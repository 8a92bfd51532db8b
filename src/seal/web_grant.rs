//! Whom a seal is shown to: the views that were given, and the form that gives one.

use axum::extract::Path;
use serde::Serialize;

use super::grant;
use super::web::{blame, last_day, today, told};
use super::{Error, Grant, Revoke, Sealed, by_id};
use crate::core::id::{GrantId, PersonId, SealId};
use crate::http::form::{FormState, Posted};
use crate::http::{self, Answer, Ctx, Signed};
use crate::policy::On;

#[derive(Serialize)]
struct Choice {
    value: String,
    text: String,
}

#[derive(Serialize)]
struct ShownView {
    id: String,
    person: String,
    last_day: String,
    made_at: i64,
    /// `active`, `expired` or `revoked`.
    state: &'static str,
}

#[derive(Serialize)]
struct ViewsPage {
    id: String,
    assessment: String,
    views: Vec<ShownView>,
    assessors: Vec<Choice>,
    form: FormState,
}

fn on(id: &str) -> On {
    id.parse::<SealId>().map_or_else(|_| On::any("seal"), |id| On::one("seal", id))
}

async fn found(ctx: &Ctx, id: &str) -> Result<Sealed, http::Error> {
    let id: SealId = id.parse().map_err(|_| http::Error::not_found())?;
    by_id(&ctx.app.db, &id).await.map_err(|e| told(&ctx.app, e))?.ok_or_else(http::Error::not_found)
}

async fn views_page(ctx: &Ctx, seal: &Sealed, form: FormState) -> Result<ViewsPage, http::Error> {
    let (db, now) = (&ctx.app.db, ctx.now());
    let fail = |e| told(&ctx.app, e);
    let state = |g: &grant::Granted| match g.revoked_at {
        Some(_) => "revoked",
        None if g.ends_at > now => "active",
        None => "expired",
    };
    let views = grant::of(db, &seal.id).await.map_err(fail)?;
    let shown = |g: grant::Granted| ShownView { state: state(&g), id: g.id.to_string(), person: g.person, last_day: last_day(g.ends_at), made_at: g.made_at };
    let assessors = grant::assessors(db).await.map_err(fail)?;
    Ok(ViewsPage {
        id: seal.id.to_string(),
        assessment: seal.assessment.clone(),
        views: views.into_iter().map(shown).collect(),
        assessors: assessors.into_iter().map(|a| Choice { value: a.id.to_string(), text: format!("{} ({})", a.display_name, a.username) }).collect(),
        form,
    })
}

pub(super) async fn get_views(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<Grant>(&on(&id)).await?;
    let seal = found(&ctx, &id).await?;
    ctx.page("seal/views.html", views_page(&ctx, &seal, FormState::default()).await?).await
}

pub(super) async fn post_view(Signed { ctx, person }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<Grant>(&on(&id)).await?;
    let seal = found(&ctx, &id).await?;
    let (assessor, day) = (fields.one("assessor")?, fields.one("ends_on")?);
    fields.finish()?;
    let mut form = FormState::default().keep("assessor", assessor.as_str()).keep("ends_on", day.as_str());
    let given = match (assessor.parse::<PersonId>(), day.trim().parse()) {
        (Err(_), _) => Err(Error::Field { field: "assessor", code: "assessor" }),
        (_, Err(_)) => Err(Error::Field { field: "ends_on", code: "day" }),
        (Ok(assessor), Ok(day)) => grant::give(&ctx.app.db, permit, (&person, today(&ctx)), &seal.id, &assessor, day).await,
    };
    match given {
        Ok(_) => Ok(ctx.go(&format!("/seals/{}/views", seal.id), "view-given")),
        Err(error) => {
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            ctx.again("seal/views.html", views_page(&ctx, &seal, form).await?).await
        }
    }
}

pub(super) async fn post_end(Signed { ctx, .. }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<Revoke>(&on(&id)).await?;
    let seal = found(&ctx, &id).await?;
    let view = fields.one("view")?;
    fields.finish()?;
    let view: GrantId = view.parse().map_err(|_| http::Error::not_found())?;
    grant::revoke(&ctx.app.db, permit, &seal.id, &view).await.map_err(|e| told(&ctx.app, e))?;
    Ok(ctx.go(&format!("/seals/{}/views", seal.id), "view-ended"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::web::tests::render;

    #[test]
    fn the_views_render_full_and_bare() {
        let view = |state| ShownView { id: "grn_1".into(), person: "<i>Ada".into(), last_day: "2026-02-01".into(), made_at: 0, state };
        let mut form = FormState::default();
        form.wrong("ends_on", "No.");
        let full = ViewsPage {
            id: "sel_1".into(),
            assessment: "<i>2026".into(),
            views: ["active", "expired", "revoked"].map(view).into(),
            assessors: vec![Choice { value: "usr_1".into(), text: "<i>".into() }],
            form,
        };
        let shown = render("seal/views.html", &full);
        assert!(!shown.contains("<i>") && shown.matches("name=\"view\"").count() == 1, "{shown}");
        render("seal/views.html", &ViewsPage { views: Vec::new(), assessors: Vec::new(), form: FormState::default(), ..full });
    }
}
