//! The routes of this slice, and what its pages share.

use super::{Error, web_api, web_operational, web_plan};
pub(super) use crate::assess::web::today;
use crate::assess::{self, framework, system};
use crate::catalog::Catalog;
use crate::core::id::AssessmentId;
use crate::http::{self, App, Ctx, FormState, Routes, Rule};
use crate::policy::On;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/assess/{id}/plan", Rule::Act("assess.read"), web_plan::get_plan)
        .post("/assess/{id}/plan", Rule::Act("plan.add"), web_plan::post_add)
        .get("/assess/{id}/plan.csv", Rule::Act("plan.export"), web_plan::get_csv)
        .get("/assess/{id}/plan.xlsx", Rule::Act("plan.export"), web_plan::get_xlsx)
        .post("/assess/{id}/plan/items/{name}", Rule::Act("plan.edit"), web_plan::post_edit)
        .post("/assess/{id}/plan/items/{name}/remove", Rule::Act("plan.remove"), web_plan::post_remove)
        .post("/assess/{id}/plan/conditional", Rule::Act("plan.begin"), web_plan::post_begin)
        .post("/assess/{id}/plan/close-out", Rule::Act("plan.close_out"), web_plan::post_close_out)
        .get("/assess/systems/{id}/operational", Rule::Act("assess.read"), web_operational::get_list)
        .post("/assess/systems/{id}/operational", Rule::Act("operational.add"), web_operational::post_add)
        .post("/assess/systems/{id}/operational/{name}", Rule::Act("operational.edit"), web_operational::post_edit)
        .post("/assess/systems/{id}/operational/{name}/resolve", Rule::Act("operational.resolve"), web_operational::post_resolve)
        .and(web_api::routes())
}

/// What a refusal says, with the place that says so.
pub(super) fn cited(app: &App, error: &Error) -> Option<String> {
    match error {
        Error::Illegal(refusal) => Some(format!("{} ({})", assess::refusal_text(app, refusal), refusal.citation)),
        Error::Unfit { code, requirement, citation } => Some(format!("{} ({citation})", app.text(&format!("error-{code}"), &[("id", requirement)]))),
        _ => None,
    }
}

/// How an error of this slice is told when no form shows it.
#[must_use]
pub fn told(app: &App, error: Error) -> http::Error {
    if let Some(text) = cited(app, &error) {
        return http::Error::conflict("state").saying(text);
    }
    match error {
        Error::Field { field, code } => http::Error::field(field, app.text(&format!("error-{code}"), &[])),
        Error::Text { field, error } => http::Error::field(field, error.to_string()),
        Error::Changed => http::Error::new(axum::http::StatusCode::PRECONDITION_FAILED, "changed"),
        Error::State | Error::Illegal(_) | Error::Unfit { .. } => http::Error::conflict("state"),
        Error::NotFound => http::Error::not_found(),
        Error::Assess(error) => assess::web::told(app, error),
        Error::Repeat(error) => error.into(),
        Error::Db(error) => error.into(),
        Error::Fault(fault) => fault.into(),
    }
}

/// Puts what is wrong into a form; what the form cannot show is given back.
pub(super) fn blame(app: &App, form: &mut FormState, error: Error) -> Result<(), Error> {
    if let Some(text) = cited(app, &error) {
        form.general = Some(text);
        return Ok(());
    }
    match error {
        Error::Field { field, code } => form.wrong(field, app.text(&format!("error-{code}"), &[])),
        Error::Text { field, error } => form.wrong(field, error.to_string()),
        Error::Changed => form.general = Some(app.text("error-plan-changed", &[])),
        Error::State => form.general = Some(app.text("error-plan-state", &[])),
        error => return Err(error),
    }
    Ok(())
}

/// The assessment a path names, with its catalogue; after a permit.
pub(super) async fn found(ctx: &Ctx, id: &str) -> Result<(system::Assessment, std::sync::Arc<Catalog>), http::Error> {
    let id: AssessmentId = id.parse().map_err(|_| http::Error::not_found())?;
    let assessment = system::assessment(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)?;
    let catalog = framework::find(&ctx.app.db, &assessment.framework).await.map_err(|e| assess::web::told(&ctx.app, e))?;
    Ok((assessment, catalog))
}

/// The assessment a path names, as the policy and a refusal's entry see it.
pub(super) fn on(kind: &'static str, id: &str) -> On {
    id.parse::<AssessmentId>().map_or_else(|_| On::any(kind), |id| On::one(kind, id))
}

/// A day of a field; none when it is empty and may be.
pub(super) fn day(field: &'static str, typed: &str) -> Result<Option<jiff::civil::Date>, Error> {
    let typed = typed.trim();
    if typed.is_empty() { Ok(None) } else { typed.parse().map(Some).map_err(|_| Error::Field { field, code: "day" }) }
}

/// A day that must be there.
pub(super) fn a_day(field: &'static str, typed: &str) -> Result<jiff::civil::Date, Error> {
    day(field, typed)?.ok_or(Error::Field { field, code: "day" })
}

#[cfg(test)]
pub(super) mod tests {
    pub use crate::assess::web::tests::render;

    #[test]
    fn every_word_of_this_slice_has_its_text() {
        let texts = crate::http::texts::Texts::english();
        let errors = ["framework", "unassessed", "final", "missing", "late", "open", "changed", "state", "requirement"].map(|e| format!("error-plan-{e}"));
        let more = ["error-milestones", "error-close-out-day", "error-day", "error-day-to-come", "error-owner-unknown"].map(str::to_owned);
        let risks = super::super::item::Risk::ALL.map(|r| format!("risk-{}", r.name()));
        let missing: Vec<_> = errors.into_iter().chain(more).chain(risks).filter(|k| !texts.has(k)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
