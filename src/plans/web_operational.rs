//! The page of the operational plans of action of a system, each changed in its place.

use axum::extract::Path;
use axum::http::{StatusCode, Uri};
use serde::Serialize;

use super::operational::{self, Operational, OperationalText};
use super::web::{a_day, blame, today, told};
use super::{AddOperational, EditOperational, Error, Resolve, TEXT_CHARS_MAX};
use crate::assess::state;
use crate::assess::system::{self, System};
use crate::assess::{self, Read};
use crate::core::id::{OperationalId, PersonId, SystemId};
use crate::http::form::{Fields, FormState, Posted};
use crate::http::{self, Answer, Ctx, Signed};
use crate::policy::On;

#[derive(Serialize)]
struct Choice {
    value: String,
    text: String,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    requirement: String,
    deficiency: String,
    remediation: String,
    owner: String,
    owner_name: String,
    opened_on: String,
    resolution: String,
    resolved_at: Option<i64>,
    version: i64,
}

#[derive(Serialize)]
struct OperationalPage {
    id: String,
    name: String,
    plans: Vec<Shown>,
    owners: Vec<Choice>,
    today: String,
    text_max: usize,
    /// The plan whose form is open; empty when it is the form of a new one.
    editing: String,
    form: FormState,
}

impl From<Operational> for Shown {
    fn from(x: Operational) -> Self {
        Self {
            id: x.id.to_string(),
            requirement: x.requirement,
            deficiency: x.deficiency,
            remediation: x.remediation,
            owner: x.owner_id.map(|id| id.to_string()).unwrap_or_default(),
            owner_name: x.owner.unwrap_or_default(),
            opened_on: x.opened_on,
            resolution: x.resolution,
            resolved_at: x.resolved_at,
            version: x.version,
        }
    }
}

fn on(id: &str) -> On {
    id.parse::<SystemId>().map_or_else(|_| On::any("operational_plan"), |id| On::one("operational_plan", id))
}

async fn found(ctx: &Ctx, id: &str) -> Result<System, http::Error> {
    let id: SystemId = id.parse().map_err(|_| http::Error::not_found())?;
    system::by_id(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

async fn plan_of(ctx: &Ctx, system: &System, name: &str) -> Result<Operational, http::Error> {
    let id: OperationalId = name.parse().map_err(|_| http::Error::not_found())?;
    let found = operational::by_id(&ctx.app.db, &id).await.map_err(|e| told(&ctx.app, e))?;
    found.filter(|x| x.system_id == system.id).ok_or_else(http::Error::not_found)
}

async fn operational_page(ctx: &Ctx, system: &System, editing: String, form: FormState) -> Result<OperationalPage, http::Error> {
    let db = &ctx.app.db;
    let plans = operational::of(db, &system.id).await.map_err(|e| told(&ctx.app, e))?;
    let people = state::people(db).await.map_err(|e| assess::web::told(&ctx.app, e))?;
    let nobody = Choice { value: String::new(), text: ctx.app.text("owner-nobody", &[]) };
    Ok(OperationalPage {
        id: system.id.to_string(),
        name: system.name.clone(),
        plans: plans.into_iter().map(Shown::from).collect(),
        owners: std::iter::once(nobody).chain(people.into_iter().map(|p| Choice { value: p.id.to_string(), text: p.name })).collect(),
        today: today(ctx).to_string(),
        text_max: TEXT_CHARS_MAX,
        editing,
        form,
    })
}

/// Somebody who may be given work, or nobody.
async fn owner_of(ctx: &Ctx, typed: &str) -> Result<Option<PersonId>, Error> {
    if typed.is_empty() {
        return Ok(None);
    }
    let people = state::people(&ctx.app.db).await?;
    let found = people.into_iter().find(|p| p.id.as_str() == typed).map(|p| p.id);
    found.map(Some).ok_or(Error::Field { field: "owner", code: "owner-unknown" })
}

pub(super) async fn get_list(Signed { ctx, .. }: Signed, Path(id): Path<String>, uri: Uri) -> Answer {
    let _permit = ctx.permit::<Read>(&On::any("system")).await?;
    let system = found(&ctx, &id).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let editing = query.optional("edit")?.unwrap_or_default();
    query.finish()?;
    let form = if editing.is_empty() { FormState::default() } else { form_of(&plan_of(&ctx, &system, &editing).await?) };
    ctx.page("plans/operational.html", operational_page(&ctx, &system, editing, form).await?).await
}

/// A form that holds what a plan says.
fn form_of(x: &Operational) -> FormState {
    let form = FormState::default().keep("deficiency", x.deficiency.as_str()).keep("remediation", x.remediation.as_str());
    form.keep("owner", x.owner_id.as_ref().map(ToString::to_string).unwrap_or_default())
}

pub(super) async fn post_add(Signed { ctx, person }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<AddOperational>(&on(&id)).await?;
    let system = found(&ctx, &id).await?;
    let (requirement, opened_on) = (fields.one("requirement")?, fields.one("opened_on")?);
    let (deficiency, remediation, owner) = (fields.one("deficiency")?, fields.one("remediation")?, fields.one("owner")?);
    fields.finish()?;
    let form = FormState::default().keep("requirement", requirement.as_str()).keep("opened_on", opened_on.as_str()).keep("owner", owner.as_str());
    let form = form.keep("deficiency", deficiency.as_str()).keep("remediation", remediation.as_str());
    let add = async {
        let text = OperationalText { deficiency, remediation, owner: owner_of(&ctx, &owner).await? };
        let day = a_day("opened_on", &opened_on)?;
        operational::add(&ctx.app.db, permit, &person, &system.id, (&requirement, day, today(&ctx)), &text).await
    };
    let done = add.await.map(drop);
    ended(&ctx, &system, String::new(), done, form).await
}

pub(super) async fn post_edit(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<EditOperational>(&on(&id)).await?;
    let system = found(&ctx, &id).await?;
    let plan = plan_of(&ctx, &system, &name).await?;
    let version = fields.one("version")?.parse().map_err(|_| http::Error::field("version", "must be a number"))?;
    let (deficiency, remediation, owner) = (fields.one("deficiency")?, fields.one("remediation")?, fields.one("owner")?);
    fields.finish()?;
    let form = FormState::default().keep("deficiency", deficiency.as_str()).keep("remediation", remediation.as_str()).keep("owner", owner.as_str());
    let edit = async {
        let text = OperationalText { deficiency, remediation, owner: owner_of(&ctx, &owner).await? };
        operational::edit(&ctx.app.db, permit, &plan, version, &text).await
    };
    let done = edit.await;
    ended(&ctx, &system, plan.id.to_string(), done, form).await
}

pub(super) async fn post_resolve(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<Resolve>(&on(&id)).await?;
    let system = found(&ctx, &id).await?;
    let plan = plan_of(&ctx, &system, &name).await?;
    let version = fields.one("version")?.parse().map_err(|_| http::Error::field("version", "must be a number"))?;
    let resolution = fields.one("resolution")?;
    fields.finish()?;
    let done = operational::resolve(&ctx.app.db, permit, &plan, version, &resolution).await;
    ended(&ctx, &system, plan.id.to_string(), done, form_of(&plan).keep("resolution", resolution)).await
}

async fn ended(ctx: &Ctx, system: &System, editing: String, done: Result<(), Error>, mut form: FormState) -> Answer {
    let Err(error) = done else { return Ok(ctx.go(&format!("/assess/systems/{}/operational", system.id), "plan-kept")) };
    let changed = matches!(error, Error::Changed);
    blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
    let mut response = ctx.again("plans/operational.html", operational_page(ctx, system, editing, form).await?).await?;
    if changed {
        *response.status_mut() = StatusCode::PRECONDITION_FAILED;
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::web::tests::render;

    #[test]
    fn the_operational_plans_render_full_and_bare() {
        let plan = |id: &str, resolved_at| Shown {
            id: id.into(),
            requirement: "3.14.1".into(),
            deficiency: "<i>d".into(),
            remediation: "<i>r".into(),
            owner: "usr_1".into(),
            owner_name: "<i>Ada".into(),
            opened_on: "2026-01-10".into(),
            resolution: "<i>mended".into(),
            resolved_at,
            version: 1,
        };
        let mut form = FormState::default().keep("deficiency", "<i>typed");
        form.wrong("deficiency", "No.");
        let full = OperationalPage {
            id: "sys_1".into(),
            name: "<i>Core".into(),
            plans: vec![plan("opa_1", None), plan("opa_2", Some(0))],
            owners: vec![Choice { value: "usr_1".into(), text: "<i>".into() }],
            today: "2026-01-15".into(),
            text_max: 4000,
            editing: "opa_1".into(),
            form,
        };
        assert!(!render("plans/operational.html", &full).contains("<i>"));
        render("plans/operational.html", &OperationalPage { plans: Vec::new(), editing: String::new(), form: FormState::default(), ..full });
    }
}
