//! The page on which the affirming official affirms a sealed status, and the affirmations there are.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;

use super::affirm::{self, Affirmation, NAME_CHARS_MAX, Official};
use super::web::{blame, today, told};
use super::web_list::Shown;
use super::{Affirm, Sealed, by_id};
use crate::core::id::SealId;
use crate::http::form::{FormState, Posted};
use crate::http::{self, Answer, Ctx, Signed};
use crate::policy::On;

/// The sentence that is affirmed.
const STATEMENT: &str = "affirm-statement";

#[derive(Serialize)]
struct ShownAffirmation {
    status: String,
    official: Option<String>,
    title: Option<String>,
    affirmed_on: String,
    next_on: String,
    triennial_on: String,
    made_at: i64,
}

#[derive(Serialize)]
struct AffirmPage {
    seal: Shown,
    /// What may be affirmed; none when the score allows nothing.
    status: Option<String>,
    statement: String,
    affirmations: Vec<ShownAffirmation>,
    name_max: usize,
    form: FormState,
}

fn on(id: &str) -> On {
    id.parse::<SealId>().map_or_else(|_| On::any("affirmation"), |id| On::one("affirmation", id))
}

async fn found(ctx: &Ctx, id: &str) -> Result<Sealed, http::Error> {
    let id: SealId = id.parse().map_err(|_| http::Error::not_found())?;
    by_id(&ctx.app.db, &id).await.map_err(|e| told(&ctx.app, e))?.ok_or_else(http::Error::not_found)
}

async fn affirm_page(ctx: &Ctx, seal: &Sealed, form: FormState) -> Result<AffirmPage, http::Error> {
    let db = &ctx.app.db;
    let word = |status: &str| ctx.app.text(&format!("affirm-{status}"), &[]);
    let mut affirmations = Vec::new();
    for a in affirm::of(db, &seal.id).await.map_err(|e| told(&ctx.app, e))? {
        let official = a.official(db).await?;
        affirmations.push(ShownAffirmation {
            status: word(&a.status),
            title: official.as_ref().map(|o| o.title.clone()),
            official: official.map(|o| o.name),
            affirmed_on: a.affirmed_on,
            next_on: a.next_on,
            triennial_on: a.triennial_on,
            made_at: a.made_at,
        });
    }
    let status = affirm::status_of(db, seal, today(ctx)).await.map_err(|e| told(&ctx.app, e))?;
    Ok(AffirmPage {
        seal: Shown::from(seal),
        status: status.map(|s| word(s.name())),
        statement: ctx.app.text(STATEMENT, &[]),
        affirmations,
        name_max: NAME_CHARS_MAX,
        form,
    })
}

pub(super) async fn get_affirm(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<Affirm>(&on(&id)).await?;
    let seal = found(&ctx, &id).await?;
    let name = ctx.session.as_ref().map_or_else(String::new, |s| s.display_name.clone());
    ctx.page("seal/affirm.html", affirm_page(&ctx, &seal, FormState::default().keep("official", name)).await?).await
}

pub(super) async fn post_affirm(Signed { ctx, person }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<Affirm>(&on(&id)).await?;
    // A token cannot affirm: nobody proves themselves at the moment it is used.
    let Some(authenticated_at) = ctx.session.as_ref().map(|s| s.auth_at) else { return Err(http::Error::new(StatusCode::FORBIDDEN, "forbidden")) };
    let seal = found(&ctx, &id).await?;
    let official = Official { name: fields.one("official")?, title: fields.one("title")? };
    fields.finish()?;
    let mut form = FormState::default().keep("official", official.name.as_str()).keep("title", official.title.as_str());
    let statement = ctx.app.text(STATEMENT, &[]);
    let new = Affirmation { person: &person, official, statement: &statement, authenticated_at, today: today(&ctx) };
    match affirm::sign(&ctx.app.db, permit, &seal, new).await {
        Ok(_) => Ok(ctx.go(&format!("/seals/{}/affirm", seal.id), "affirmed")),
        Err(error) => {
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            ctx.again("seal/affirm.html", affirm_page(&ctx, &seal, form).await?).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::web::tests::render;
    use crate::seal::web_list::tests::shown;

    #[test]
    fn the_affirmation_renders_full_and_bare() {
        let made = |official: Option<&str>| ShownAffirmation {
            status: "Final".into(),
            official: official.map(str::to_owned),
            title: official.map(str::to_owned),
            affirmed_on: "2026-01-15".into(),
            next_on: "2027-01-15".into(),
            triennial_on: "2029-01-15".into(),
            made_at: 0,
        };
        let mut form = FormState::default().keep("official", "<i>Ada");
        form.wrong("title", "No.");
        let full = AffirmPage {
            seal: shown(),
            status: Some("Final".into()),
            statement: "I say so.".into(),
            affirmations: vec![made(Some("<i>Ada")), made(None)],
            name_max: 120,
            form,
        };
        assert!(!render("seal/affirm.html", &full).contains("<i>"));
        render("seal/affirm.html", &AffirmPage { status: None, affirmations: Vec::new(), form: FormState::default(), ..full });
    }
}
