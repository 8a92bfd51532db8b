//! The routes of this slice, and what its pages share: the assessment a path names, and how errors are told.
//! Must stay true: who may not see assessments hears that before whether there is one.

use std::sync::Arc;

use serde::Serialize;

use super::derive::{Whole, Why, whole};
use super::proof::{Linked, Recorded};
use super::state::State;
use super::system::{self, Assessment};
use super::{
    Error, Read, framework, proof, state, web_api, web_api_write, web_bulk, web_desk, web_files, web_list, web_objective, web_proof, web_requirement,
    web_score, web_ssp, web_uses, web_window,
};
use crate::catalog::{Catalog, Objective, Requirement};
use crate::core::clock::Micros;
use crate::core::id::AssessmentId;
use crate::db::Db;
use crate::http::ctx::encode;
use crate::http::{self, App, Ctx, FormState, Routes, Rule};
use crate::policy::{Act, On, Permit};

/// Characters of an objective's id in a path.
const PART_CHARS_MAX: usize = 64;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/assess", Rule::Act("assess.read"), web_list::get_list)
        .post("/assess/systems", Rule::Act("system.create"), web_list::post_system)
        .get("/assess/systems/{id}", Rule::Act("assess.read"), web_list::get_system)
        .post("/assess/systems/{id}", Rule::Act("system.edit"), web_list::post_edit)
        .post("/assess/systems/{id}/assessments", Rule::Act("assessment.create"), web_list::post_assessment)
        .get("/assess/evidence/{id}", Rule::Act("assess.read"), web_uses::get_uses)
        .get("/assess/{id}", Rule::Act("assess.read"), web_desk::get_desk)
        .get("/assess/{id}/score", Rule::Act("assess.read"), web_score::get_score)
        .get("/assess/{id}/bulk", Rule::Act("assess.read"), web_bulk::get_bulk)
        .post("/assess/{id}/bulk", Rule::Act("assessment.bulk"), web_bulk::post_bulk)
        .get("/assess/{id}/window", Rule::Act("assess.read"), web_window::get_window)
        .post("/assess/{id}/window", Rule::Act("assessment.window"), web_window::post_window)
        .get("/assess/{id}/statuses.csv", Rule::Act("assessment.export"), web_bulk::get_csv)
        .get("/assess/{id}/requirements/{name}", Rule::Act("assess.read"), web_requirement::get_requirement)
        .post("/assess/{id}/requirements/{name}/assign", Rule::Act("requirement.assign"), web_requirement::post_assign)
        .post("/assess/{id}/requirements/{name}/partial", Rule::Act("requirement.partial"), web_requirement::post_partial)
        .get("/assess/{id}/objectives/{name}", Rule::Act("assess.read"), web_objective::get_objective)
        .post("/assess/{id}/objectives/{name}", Rule::Act("objective.assess"), web_objective::post_objective)
        .post("/assess/{id}/objectives/{name}/link", Rule::Act("objective.link"), web_proof::post_link)
        .post("/assess/{id}/objectives/{name}/unlink", Rule::Act("objective.unlink"), web_proof::post_unlink)
        .post("/assess/{id}/objectives/{name}/files", Rule::Act("evidence.upload"), web_files::post_files)
        .post("/assess/{id}/objectives/{name}/record", Rule::Act("objective.record"), web_proof::post_record)
        .post("/assess/{id}/objectives/{name}/confirm", Rule::Act("objective.confirm"), web_proof::post_confirm)
        .post("/assess/{id}/objectives/{name}/withdraw", Rule::Act("objective.withdraw"), web_proof::post_withdraw)
        .post("/assess/{id}/objectives/{name}/comment", Rule::Act("objective.comment"), web_proof::post_comment)
        .get("/assess/{id}/ssp", Rule::Act("assess.read"), web_ssp::get_ssp)
        .get("/assess/{id}/ssp.docx", Rule::Act("assessment.export"), web_ssp::get_docx)
        .get("/assess/{id}/ssp/{name}", Rule::Act("ssp.write"), web_ssp::get_section)
        .post("/assess/{id}/ssp/{name}", Rule::Act("ssp.write"), web_ssp::post_section)
        .and(web_ssp::api_routes())
        .and(web_api::routes())
        .and(web_api_write::routes())
}

/// How an error of this slice is told when no form shows it.
#[must_use]
pub fn told(app: &App, error: Error) -> http::Error {
    match error {
        Error::Text { field, error } => http::Error::field(field, error.to_string()),
        Error::Field { field, code } => http::Error::field(field, app.text(&format!("error-{code}"), &[])),
        Error::Changed => http::Error::new(axum::http::StatusCode::PRECONDITION_FAILED, "changed"),
        Error::Unproven => http::Error::conflict("unproven").saying(app.text("error-unproven", &[])),
        Error::LastProof => http::Error::conflict("last_proof").saying(app.text("error-last-proof", &[])),
        Error::State => http::Error::conflict("state"),
        Error::NotFound => http::Error::not_found(),
        Error::Repeat(error) => error.into(),
        Error::Db(error) => error.into(),
        Error::Fault(fault) => fault.into(),
    }
}

/// Puts what is wrong into a form; what no field is to blame for is given back.
pub(super) fn blame(app: &App, form: &mut FormState, error: Error) -> Result<(), Error> {
    match error {
        Error::Text { field, error } => form.wrong(field, error.to_string()),
        Error::Field { field, code } => form.wrong(field, app.text(&format!("error-{code}"), &[])),
        Error::Unproven => form.wrong("stage", app.text("error-unproven", &[])),
        error => return Err(error),
    }
    Ok(())
}

/// Why an objective is not verified, in words.
pub(super) fn why_text(app: &App, why: Why) -> String {
    app.text(&format!("why-{}", why.code().replace('_', "-")), &[("days", &why.days().to_string())])
}

/// The thing a path names, as the policy and a refusal's entry see it; what cannot be an id is nothing in particular.
pub(super) fn on(kind: &'static str, id: &str, part: &str) -> On {
    match id.parse::<AssessmentId>() {
        Ok(id) if part.is_empty() => On::one(kind, id),
        Ok(id) if part.len() <= PART_CHARS_MAX => super::part(kind, &id, part),
        _ => On::any(kind),
    }
}

/// The permit for an act on a part of an assessment.
pub(super) async fn permitted<A: Act<On = On>>(ctx: &Ctx, kind: &'static str, id: &str, part: &str) -> Result<Permit<A>, http::Error> {
    ctx.permit::<A>(&on(kind, id, part)).await
}

/// An assessment with its catalogue.
pub(super) struct Named {
    pub assessment: Assessment,
    pub catalog: Arc<Catalog>,
}

/// The assessment a path names.
pub(super) async fn named(ctx: &Ctx, id: &str) -> Result<Named, http::Error> {
    let _permit = ctx.permit::<Read>(&on("assessment", id, "")).await?;
    found(ctx, id).await
}

/// The same after a permit for more.
pub(super) async fn found(ctx: &Ctx, id: &str) -> Result<Named, http::Error> {
    let id: AssessmentId = id.parse().map_err(|_| http::Error::not_found())?;
    let assessment = system::assessment(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)?;
    let catalog = framework::find(&ctx.app.db, &assessment.framework).await.map_err(|e| told(&ctx.app, e))?;
    Ok(Named { assessment, catalog })
}

impl Named {
    /// The objective a path names, with its requirement.
    pub fn objective(&self, id: &str) -> Result<(&Requirement, &Objective), http::Error> {
        self.catalog.objective(id).ok_or_else(http::Error::not_found)
    }

    /// The requirement a path names.
    pub fn requirement(&self, id: &str) -> Result<&Requirement, http::Error> {
        self.catalog.requirement(id).ok_or_else(http::Error::not_found)
    }

    /// Where an objective's page is.
    pub fn objective_href(&self, objective: &str) -> String {
        format!("/assess/{}/objectives/{}", self.assessment.id, encode(objective))
    }

    /// Where a requirement's page is.
    pub fn requirement_href(&self, requirement: &str) -> String {
        format!("/assess/{}/requirements/{}", self.assessment.id, encode(requirement))
    }

    /// Everything that is known of it.
    pub async fn known(&self, ctx: &Ctx) -> Result<Known, http::Error> {
        Known::of(&ctx.app.db, &self.assessment.id).await.map_err(|e| told(&ctx.app, e))
    }
}

/// Everything that is known of an assessment.
#[derive(Debug)]
pub struct Known {
    /// Of its objectives.
    pub states: Vec<State>,
    /// Requirements met in part, with why.
    pub parts: Vec<(String, String)>,
    /// Links to evidence.
    pub links: Vec<Linked>,
    /// Interviews, tests and examinations.
    pub records: Vec<Recorded>,
}

impl Known {
    /// Reads it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(db: &Db, id: &AssessmentId) -> Result<Self, Error> {
        Ok(Self {
            states: state::all(db, id).await?,
            parts: state::parts(db, id).await?,
            links: proof::links(db, id, None).await?,
            records: proof::records(db, id, None).await?,
        })
    }

    /// What follows from it.
    #[must_use]
    pub fn whole<'a>(&'a self, catalog: &'a Catalog) -> Whole<'a> {
        whole(catalog, &self.states, &self.parts, &self.links, &self.records)
    }
}

/// The head of every page of an assessment.
#[derive(Serialize)]
pub(super) struct Head {
    pub id: String,
    pub name: String,
    pub system: String,
    pub system_href: String,
    pub framework: String,
    pub made_by: String,
    pub made_at: Micros,
}

impl From<&Named> for Head {
    fn from(named: &Named) -> Self {
        let a = &named.assessment;
        Self {
            id: a.id.to_string(),
            name: a.name.clone(),
            system: a.system.clone(),
            system_href: format!("/assess/systems/{}", a.system_id),
            framework: named.catalog.title.clone(),
            made_by: a.made_by.clone(),
            made_at: a.made_at,
        }
    }
}

/// One choice of a list.
#[derive(Clone, Serialize)]
pub(super) struct Choice {
    pub value: String,
    pub text: String,
}

/// A list of words with their texts, a first one for none.
pub(super) fn choices<'a>(app: &App, none: Option<&str>, prefix: &str, words: impl IntoIterator<Item = &'a str>) -> Vec<Choice> {
    let none = none.map(|key| Choice { value: String::new(), text: app.text(key, &[]) });
    let word = |w: &str| Choice { value: w.to_owned(), text: app.text(&format!("{prefix}-{}", w.replace('_', "-")), &[]) };
    none.into_iter().chain(words.into_iter().map(word)).collect()
}

/// Who may be given work, with nobody first.
pub(super) async fn owners(ctx: &Ctx) -> Result<Vec<Choice>, http::Error> {
    let people = state::people(&ctx.app.db).await.map_err(|e| told(&ctx.app, e))?;
    let nobody = Choice { value: String::new(), text: ctx.app.text("owner-nobody", &[]) };
    Ok(std::iter::once(nobody).chain(people.into_iter().map(|p| Choice { value: p.id.to_string(), text: p.name })).collect())
}

/// The colour of a finding.
pub(super) fn finding_kind(finding: &str) -> &'static str {
    match finding {
        "met" => "good",
        "not_met" => "bad",
        "" => "plain",
        _ => "warn",
    }
}

/// Where the trail tells what happened to something, for those who may read it.
pub(super) fn history_href(ctx: &Ctx, object: &str) -> Option<String> {
    let may = ctx.app.policy.scopes_of(&ctx.actor.roles).contains(&"trail.read");
    may.then(|| format!("/audit?object={}", encode(object)))
}

/// Today in the viewer's zone.
#[must_use]
pub fn today(ctx: &Ctx) -> jiff::civil::Date {
    let zone = jiff::tz::TimeZone::get(ctx.time_zone()).unwrap_or(jiff::tz::TimeZone::UTC);
    jiff::Timestamp::from_microsecond(ctx.now()).unwrap_or_default().to_zoned(zone).date()
}

#[cfg(test)]
pub mod tests {
    use std::sync::Arc;

    /// A page of this slice as somebody sees it.
    pub fn render(name: &str, page: impl serde::Serialize) -> String {
        let assets = serde_json::json!({ "css": "c", "js": "j", "icons": "i", "mark": "m" });
        let base = serde_json::json!({
            "nonce": "n", "csrf_token": "t", "assets": assets, "lang": "en", "path": "/", "now": 0, "time_zone": "UTC", "viewer": null,
            "flash": null, "banner": null, "trail": { "size": 3, "verified_to": 3, "checkpoint_at": 0, "witness": null, "ok": true }, "page_title_error": false,
        });
        let texts = Arc::new(crate::http::texts::Texts::english());
        crate::http::templates::Templates::new(texts).render(name, base, page).expect("it renders").replace("&#x2f;", "/")
    }

    #[test]
    fn every_word_of_this_slice_has_its_text() {
        let texts = crate::http::texts::Texts::english();
        let words = |prefix: &'static str, names: Vec<&'static str>| names.into_iter().map(move |n| format!("{prefix}-{}", n.replace('_', "-")));
        let mut keys: Vec<String> = words("stage", super::super::Stage::ALL.map(|s| s.name()).into()).collect();
        keys.extend(words("finding", super::super::Finding::ALL.map(|f| f.name()).into()));
        keys.extend(words("method", super::super::Method::ALL.map(|m| m.name()).into()));
        keys.extend(words("status", vec!["met", "not_met", "partial", "not_applicable", "unassessed"]));
        keys.extend(words("why", vec!["unassessed", "not_met", "no_evidence", "evidence_deleted", "scope_changed"]));
        keys.extend(words("why", crate::evidence::Flaw::ALL.map(|f| f.code()).into()));
        keys.extend(words("score-reason", vec!["no_ssp", "not_met", "partial", "unassessed"]));
        keys.extend(words("poam", vec!["needless", "named", "value", "no_score", "score"]));
        keys.extend(words("show", vec!["mine", "due", "stale", "not_met", "open"]));
        keys.extend(words("fact", vec!["stage", "finding", "owner", "due_on", "method", "evidence", "record", "held_on", "partial"]));
        let errors = ["cage-codes", "framework", "because-missing", "finding-missing", "no-part", "day-to-come", "too-large", "unproven", "last-proof", "day"];
        let lines =
            ["objective-unknown", "objective-twice", "changed-meanwhile", "text", "stage-unknown", "finding-unknown", "owner-unknown", "version-unknown"];
        keys.extend(errors.iter().chain(&lines).map(|e| format!("error-{e}")));
        keys.extend(["flash-text-system-made", "flash-text-system-changed", "flash-text-assessment-made", "flash-text-objective-kept"].map(str::to_owned));
        let missing: Vec<_> = keys.into_iter().filter(|k| !texts.has(k)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
