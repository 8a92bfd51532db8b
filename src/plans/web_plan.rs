//! The handlers of a plan of action: adding, changing in place, taking off, the clock, and the CSV.

use axum::extract::Path;
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use sha2::{Digest as _, Sha256};

use super::item::{self, Item, ItemText};
use super::web::{a_day, blame, day, found, on, today, told};
use super::web_plan_page::plan_page;
use super::{Add, Begin, CloseOut, Edit, Error, Export, Remove, clock};
use crate::assess::system::Assessment;
use crate::assess::{Read, state};
use crate::catalog::Catalog;
use crate::core::id::PlanId;
use crate::core::sheet::{Profile, csv_field};
use crate::core::xlsx::Xlsx;
use crate::db::Detail;
use crate::http::form::{Fields, FormState, Posted};
use crate::http::{self, Answer, Ctx, Signed};
use crate::policy::Permit;

/// The columns of the CSV.
const COLUMNS: [&str; 11] = ["requirement", "practice", "title", "points", "status", "weakness", "risk", "remediation", "owner", "due_on", "milestones"];

pub(super) async fn get_plan(Signed { ctx, .. }: Signed, Path(id): Path<String>, uri: Uri) -> Answer {
    let _permit = ctx.permit::<Read>(&on("assessment", &id)).await?;
    let (assessment, catalog) = found(&ctx, &id).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let editing = query.optional("edit")?.unwrap_or_default();
    query.finish()?;
    let form = if editing.is_empty() { FormState::default() } else { form_of(&item_of(&ctx, &assessment, &editing).await?) };
    let page = plan_page(&ctx, &assessment, &catalog, editing, form).await?;
    ctx.page("plans/plan.html", page).await
}

/// A form that holds what an item says.
fn form_of(i: &Item) -> FormState {
    let form = FormState::default().keep("weakness", i.weakness.as_str()).keep("risk", i.risk.as_str()).keep("remediation", i.remediation.as_str());
    let form = form.keep("milestones", i.milestones.as_str()).keep("due_on", i.due_on.clone().unwrap_or_default());
    form.keep("owner", i.owner_id.as_ref().map(ToString::to_string).unwrap_or_default())
}

/// The fields of an item as typed, and a form that keeps them.
struct Typed {
    weakness: String,
    risk: String,
    remediation: String,
    milestones: String,
    owner: String,
    due_on: String,
}

impl Typed {
    fn take(fields: &mut Fields) -> Result<(Self, FormState), http::Error> {
        let typed = Self {
            weakness: fields.one("weakness")?,
            risk: fields.one("risk")?,
            remediation: fields.one("remediation")?,
            milestones: fields.one("milestones")?,
            owner: fields.one("owner")?,
            due_on: fields.one("due_on")?,
        };
        let form = FormState::default().keep("weakness", typed.weakness.as_str()).keep("risk", typed.risk.as_str());
        let form = form.keep("remediation", typed.remediation.as_str()).keep("milestones", typed.milestones.as_str());
        let form = form.keep("owner", typed.owner.as_str()).keep("due_on", typed.due_on.as_str());
        Ok((typed, form))
    }

    async fn text(self, ctx: &Ctx) -> Result<ItemText, Error> {
        let people = state::people(&ctx.app.db).await?;
        let owner = people.into_iter().find(|p| p.id.as_str() == self.owner).map(|p| p.id);
        if owner.is_none() && !self.owner.is_empty() {
            return Err(Error::Field { field: "owner", code: "owner-unknown" });
        }
        Ok(ItemText {
            risk: self.risk.parse().map_err(|()| Error::Field { field: "risk", code: "plan-state" })?,
            due_on: day("due_on", &self.due_on)?,
            weakness: self.weakness,
            remediation: self.remediation,
            milestones: self.milestones,
            owner,
        })
    }
}

pub(super) async fn post_add(Signed { ctx, person }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<Add>(&on("plan", &id)).await?;
    let (assessment, catalog) = found(&ctx, &id).await?;
    let requirement = fields.one("requirement")?;
    let (typed, form) = Typed::take(&mut fields)?;
    fields.finish()?;
    let mut form = form.keep("requirement", requirement.as_str());
    let added = match typed.text(&ctx).await {
        Ok(text) => item::add(&ctx.app.db, permit, &person, (&assessment.id, &catalog), &requirement, &text, None).await.map(drop),
        Err(error) => Err(error),
    };
    match added {
        Ok(()) => Ok(ctx.go(&format!("/assess/{}/plan", assessment.id), "plan-kept")),
        Err(error) => {
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            ctx.again("plans/plan.html", plan_page(&ctx, &assessment, &catalog, String::new(), form).await?).await
        }
    }
}

/// The item of a path, on the plan of this assessment.
async fn item_of(ctx: &Ctx, assessment: &Assessment, name: &str) -> Result<Item, http::Error> {
    let id: PlanId = name.parse().map_err(|_| http::Error::not_found())?;
    let found = item::by_id(&ctx.app.db, &id).await.map_err(|e| told(&ctx.app, e))?;
    found.filter(|i| i.assessment_id == assessment.id).ok_or_else(http::Error::not_found)
}

pub(super) async fn post_edit(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<Edit>(&on("plan", &id)).await?;
    let (assessment, catalog) = found(&ctx, &id).await?;
    let item = item_of(&ctx, &assessment, &name).await?;
    let version = fields.one("version")?.parse().map_err(|_| http::Error::field("version", "must be a number"))?;
    let (typed, mut form) = Typed::take(&mut fields)?;
    fields.finish()?;
    let edited = match typed.text(&ctx).await {
        Ok(text) => item::edit(&ctx.app.db, permit, &item, version, &text).await,
        Err(error) => Err(error),
    };
    match edited {
        Ok(()) => Ok(ctx.go(&format!("/assess/{}/plan#{}", assessment.id, item.id), "plan-kept")),
        Err(error) => {
            let changed = matches!(error, Error::Changed);
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            let mut response = ctx.again("plans/plan.html", plan_page(&ctx, &assessment, &catalog, item.id.to_string(), form).await?).await?;
            if changed {
                *response.status_mut() = StatusCode::PRECONDITION_FAILED;
            }
            Ok(response)
        }
    }
}

pub(super) async fn post_remove(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>, Posted { fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<Remove>(&on("plan", &id)).await?;
    let (assessment, _) = found(&ctx, &id).await?;
    let item = item_of(&ctx, &assessment, &name).await?;
    fields.finish()?;
    item::remove(&ctx.app.db, permit, &item).await.map_err(|e| match e {
        Error::State => http::Error::conflict("state").saying(ctx.app.text("error-plan-kept", &[])),
        error => told(&ctx.app, error),
    })?;
    Ok(ctx.go(&format!("/assess/{}/plan", assessment.id), "plan-removed"))
}

pub(super) async fn post_begin(Signed { ctx, person }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<Begin>(&on("plan", &id)).await?;
    let (assessment, catalog) = found(&ctx, &id).await?;
    let typed = fields.one("conditional_on")?;
    fields.finish()?;
    let at = (&assessment.id, &*catalog);
    let begun = match a_day("conditional_on", &typed) {
        Ok(day) => clock::begin(&ctx.app.db, permit, (&person, today(&ctx)), at, day).await,
        Err(error) => Err(error),
    };
    ended(&ctx, &assessment, &catalog, begun, FormState::default().keep("conditional_on", typed)).await
}

pub(super) async fn post_close_out(Signed { ctx, .. }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<CloseOut>(&on("plan", &id)).await?;
    let (assessment, catalog) = found(&ctx, &id).await?;
    let typed = fields.one("closed_out_on")?;
    fields.finish()?;
    let done = match a_day("closed_out_on", &typed) {
        Ok(day) => clock::close_out(&ctx.app.db, permit, (&assessment.id, &*catalog), day, today(&ctx)).await,
        Err(error) => Err(error),
    };
    ended(&ctx, &assessment, &catalog, done, FormState::default().keep("closed_out_on", typed)).await
}

async fn ended(ctx: &Ctx, assessment: &Assessment, catalog: &Catalog, done: Result<(), Error>, mut form: FormState) -> Answer {
    match done {
        Ok(()) => Ok(ctx.go(&format!("/assess/{}/plan", assessment.id), "plan-clock")),
        Err(error) => {
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            ctx.again("plans/plan.html", plan_page(ctx, assessment, catalog, String::new(), form).await?).await
        }
    }
}

/// The rows of the plan, the columns first.
async fn rows(ctx: &Ctx, id: &str) -> Result<Vec<[String; 11]>, http::Error> {
    let (assessment, catalog) = found(ctx, id).await?;
    let page = plan_page(ctx, &assessment, &catalog, String::new(), FormState::default()).await?;
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    for i in page.items {
        rows.push([
            i.requirement,
            i.practice,
            i.title,
            i.points.to_string(),
            i.status,
            i.weakness,
            i.risk,
            i.remediation,
            i.owner_name,
            i.due_on,
            i.milestones.join("\n"),
        ]);
    }
    Ok(rows)
}

/// A plan on its way out: recorded before it leaves, with the hash of what leaves.
async fn export(ctx: &Ctx, permit: Permit<Export>, format: &str, kind: &'static str, bytes: Vec<u8>) -> Answer {
    let detail = Detail::ok().with("format", format).with("sha256", hex::encode(Sha256::digest(&bytes)));
    ctx.app.db.record(permit, detail).await?;
    let name = format!("attachment; filename=\"plan-of-action.{format}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

pub(super) async fn get_csv(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let permit = ctx.permit::<Export>(&on("plan", &id)).await?;
    let line = |cells: &[String; 11]| cells.each_ref().map(|c| csv_field(c, Profile::Spreadsheet)).join(",") + "\r\n";
    let text: String = rows(&ctx, &id).await?.iter().map(line).collect();
    export(&ctx, permit, "csv", "text/csv; charset=utf-8", text.into_bytes()).await
}

pub(super) async fn get_xlsx(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let permit = ctx.permit::<Export>(&on("plan", &id)).await?;
    let mut book = Xlsx::default();
    let mut bytes = book.begin();
    for row in rows(&ctx, &id).await? {
        // A plan holds far fewer rows than a sheet.
        bytes.extend(book.row(&row.each_ref().map(String::as_str)).unwrap_or_default());
    }
    bytes.extend(book.end());
    export(&ctx, permit, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", bytes).await
}
