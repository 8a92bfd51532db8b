//! Systems and their assessments: the list, one system, and the forms that make and change them.

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::system::{self, Assessment, NewAssessment, System, SystemText};
use super::web::{Choice, blame, history_href, told};
use super::{CreateAssessment, CreateSystem, EditSystem, Error, NAME_CHARS_MAX, Read, TEXT_CHARS_MAX, framework};
use crate::catalog::{Catalog, R2};
use crate::core::clock::Micros;
use crate::core::id::{AssessmentId, IdError, SystemId};
use crate::http::form::{Fields, FormState, Posted};
use crate::http::{self, Answer, Ctx, Signed};
use crate::policy::On;

#[derive(Serialize)]
struct ShownAssessment {
    href: String,
    name: String,
    system: String,
    framework: String,
    made_by: String,
    made_at: Micros,
}

impl From<Assessment> for ShownAssessment {
    fn from(a: Assessment) -> Self {
        Self { href: format!("/assess/{}", a.id), name: a.name, system: a.system, framework: a.framework, made_by: a.made_by, made_at: a.made_at }
    }
}

#[derive(Serialize)]
struct ShownSystem {
    href: String,
    name: String,
    cage_codes: String,
    changed_at: Micros,
}

#[derive(Serialize)]
struct ListPage {
    systems: Vec<ShownSystem>,
    more_systems: Option<String>,
    assessments: Vec<ShownAssessment>,
    more_assessments: Option<String>,
    frameworks: Vec<Choice>,
    text_max: usize,
    form: FormState,
}

/// Where the two lists of the page go on.
#[derive(Default)]
struct Places {
    system: Option<SystemId>,
    assessment: Option<AssessmentId>,
}

/// The id that a query names, if it names one.
pub(super) fn place<T: std::str::FromStr<Err = IdError>>(query: &mut Fields, name: &str) -> Result<Option<T>, http::Error> {
    let text = query.optional(name)?.filter(|t| !t.is_empty());
    text.map(|t| t.parse().map_err(|e: IdError| http::Error::field(name, e.to_string()))).transpose()
}

pub(super) async fn get_list(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<Read>(&On::any("assessment")).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let places = Places { system: place(&mut query, "system")?, assessment: place(&mut query, "assessment")? };
    query.finish()?;
    ctx.page("assess/list.html", list_page(&ctx, &places, FormState::default()).await?).await
}

/// The frameworks to choose from: the one that is built in first.
async fn frameworks(ctx: &Ctx) -> Result<Vec<Choice>, http::Error> {
    let known = framework::list(&ctx.app.db).await.map_err(|e| told(&ctx.app, e))?;
    let built_in = Choice { value: R2.into(), text: Catalog::r2().title.clone() };
    let title = |k: framework::Known| Choice { text: k.version.map_or_else(|| k.title.clone(), |v| format!("{} ({v})", k.title)), value: k.key };
    Ok(std::iter::once(built_in).chain(known.into_iter().filter(|k| k.key != R2).map(title)).collect())
}

async fn list_page(ctx: &Ctx, places: &Places, form: FormState) -> Result<ListPage, http::Error> {
    let db = &ctx.app.db;
    let (systems, after) = system::systems(db, places.system.as_ref()).await.map_err(|e| told(&ctx.app, e))?;
    let (assessments, older) = system::assessments_after(db, None, places.assessment.as_ref()).await.map_err(|e| told(&ctx.app, e))?;
    let more_systems = systems.last().filter(|_| after).map(|s| format!("/assess?system={}#systems", s.id));
    let more_assessments = assessments.last().filter(|_| older).map(|a| format!("/assess?assessment={}", a.id));
    let shown = |s: System| ShownSystem { href: format!("/assess/systems/{}", s.id), name: s.name, cage_codes: s.cage_codes, changed_at: s.changed_at };
    Ok(ListPage {
        systems: systems.into_iter().map(shown).collect(),
        more_systems,
        assessments: assessments.into_iter().map(ShownAssessment::from).collect(),
        more_assessments,
        frameworks: frameworks(ctx).await?,
        text_max: TEXT_CHARS_MAX,
        form,
    })
}

/// The fields of a system, and a form that keeps them.
fn system_fields(fields: &mut Fields) -> Result<(SystemText, FormState), http::Error> {
    let text = SystemText { name: fields.one("name")?, scope: fields.one("scope")?, boundary: fields.one("boundary")?, cage_codes: fields.one("cage_codes")? };
    let form = FormState::default().keep("name", text.name.as_str()).keep("scope", text.scope.as_str());
    let form = form.keep("boundary", text.boundary.as_str()).keep("cage_codes", text.cage_codes.as_str());
    Ok((text, form))
}

pub(super) async fn post_system(Signed { ctx, person }: Signed, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<CreateSystem>(&On::any("system")).await?;
    let (text, mut form) = system_fields(&mut fields)?;
    fields.finish()?;
    match system::create(&ctx.app.db, permit, &person, &text, None).await {
        Ok(made) => Ok(ctx.go(&format!("/assess/systems/{}", made.answer), "system-made")),
        Err(error) => {
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            ctx.again("assess/list.html", list_page(&ctx, &Places::default(), form).await?).await
        }
    }
}

#[derive(Serialize)]
struct SystemPage {
    id: String,
    name: String,
    scope: String,
    boundary: String,
    cage_codes: String,
    version: i64,
    changed_at: Micros,
    history_href: Option<String>,
    assessments: Vec<ShownAssessment>,
    frameworks: Vec<Choice>,
    name_max: usize,
    text_max: usize,
    /// What somebody else made of it meanwhile.
    theirs: Option<SystemText>,
    form: FormState,
}

async fn named(ctx: &Ctx, id: &str) -> Result<System, http::Error> {
    let id: SystemId = id.parse().map_err(|_| http::Error::not_found())?;
    system::by_id(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

async fn system_page(ctx: &Ctx, system: System, form: FormState, is_changed: bool) -> Result<SystemPage, http::Error> {
    let assessments = system::assessments(&ctx.app.db, Some(&system.id)).await.map_err(|e| told(&ctx.app, e))?;
    let theirs =
        SystemText { name: system.name.clone(), scope: system.scope.clone(), boundary: system.boundary.clone(), cage_codes: system.cage_codes.clone() };
    let mut form = form;
    for (name, value) in [("name", &system.name), ("scope", &system.scope), ("boundary", &system.boundary), ("cage_codes", &system.cage_codes)] {
        form.values.entry(name.to_owned()).or_insert_with(|| value.as_str().into());
    }
    Ok(SystemPage {
        history_href: history_href(ctx, system.id.as_str()),
        id: system.id.to_string(),
        name: system.name,
        scope: system.scope,
        boundary: system.boundary,
        cage_codes: system.cage_codes,
        version: system.version,
        changed_at: system.changed_at,
        assessments: assessments.into_iter().map(ShownAssessment::from).collect(),
        frameworks: frameworks(ctx).await?,
        name_max: NAME_CHARS_MAX,
        text_max: TEXT_CHARS_MAX,
        theirs: is_changed.then_some(theirs),
        form,
    })
}

pub(super) async fn get_system(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<Read>(&On::any("system")).await?;
    let system = named(&ctx, &id).await?;
    ctx.page("assess/system.html", system_page(&ctx, system, FormState::default(), false).await?).await
}

pub(super) async fn post_edit(Signed { ctx, .. }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<EditSystem>(&On::any("system")).await?;
    let system = named(&ctx, &id).await?;
    let (text, mut form) = system_fields(&mut fields)?;
    let version = fields.one("version")?.parse().map_err(|_| http::Error::field("version", "must be a number"))?;
    fields.finish()?;
    match system::edit(&ctx.app.db, permit, &system, version, &text).await {
        Ok(()) => Ok(ctx.go(&format!("/assess/systems/{}", system.id), "system-changed")),
        Err(Error::Changed) => {
            let system = named(&ctx, &id).await?;
            let mut response = ctx.page("assess/system.html", system_page(&ctx, system, form, true).await?).await?;
            *response.status_mut() = axum::http::StatusCode::PRECONDITION_FAILED;
            Ok(response)
        }
        Err(error) => {
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            ctx.again("assess/system.html", system_page(&ctx, system, form, false).await?).await
        }
    }
}

pub(super) async fn post_assessment(Signed { ctx, person }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<CreateAssessment>(&On::any("assessment")).await?;
    let system = named(&ctx, &id).await?;
    let (name, chosen) = (fields.one("assessment")?, fields.one("framework")?);
    fields.finish()?;
    let new = NewAssessment { system: &system.id, framework: &chosen, name: &name };
    match system::begin(&ctx.app.db, permit, &person, &new, None).await {
        Ok(made) => Ok(ctx.go(&format!("/assess/{}", made.answer), "assessment-made")),
        Err(error) => {
            let mut form = FormState::default().keep("assessment", name.as_str()).keep("framework", chosen.as_str());
            let error = match error {
                Error::Text { error, .. } => Error::Text { field: "assessment", error },
                other => other,
            };
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            ctx.again("assess/system.html", system_page(&ctx, system, form, false).await?).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::web::tests::render;

    fn assessment() -> ShownAssessment {
        ShownAssessment { href: "/assess/asm_1".into(), name: "<b>2026".into(), system: "Core".into(), framework: R2.into(), made_by: "Ada".into(), made_at: 0 }
    }

    #[test]
    fn the_list_and_a_system_render_full_and_bare() {
        let choice = || vec![Choice { value: R2.into(), text: "r2".into() }];
        let mut form = FormState::default().keep("name", "<i>");
        form.wrong("name", "No.");
        let system = ShownSystem { href: "/assess/systems/sys_1".into(), name: "<i>Core".into(), cage_codes: "1ABC2".into(), changed_at: 0 };
        let full = ListPage {
            systems: vec![system],
            more_systems: Some("/assess?system=sys_1#systems".into()),
            assessments: vec![assessment()],
            more_assessments: Some("/assess?assessment=asm_1".into()),
            frameworks: choice(),
            text_max: 4000,
            form,
        };
        let shown = render("assess/list.html", &full);
        assert!(shown.contains("&lt;i&gt;Core") && !shown.contains("<b>2026"), "{shown}");
        render(
            "assess/list.html",
            &ListPage { systems: Vec::new(), more_systems: None, assessments: Vec::new(), more_assessments: None, form: FormState::default(), ..full },
        );
        let theirs = SystemText { name: "Other".into(), ..SystemText::default() };
        let page = SystemPage {
            id: "sys_1".into(),
            name: "<i>Core".into(),
            scope: "s".into(),
            boundary: "b".into(),
            cage_codes: "1ABC2".into(),
            version: 3,
            changed_at: 0,
            history_href: Some("/audit?object=sys_1".into()),
            assessments: vec![assessment()],
            frameworks: choice(),
            name_max: 120,
            text_max: 4000,
            theirs: Some(theirs),
            form: FormState::default().keep("name", "Core"),
        };
        assert!(render("assess/system.html", &page).contains("name=\"version\" value=\"3\""));
        render("assess/system.html", &SystemPage { assessments: Vec::new(), theirs: None, history_href: None, ..page });
    }
}
