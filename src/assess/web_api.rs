//! Assessments over the API: what there is. Changing has a file of its own.

use axum::Json;
use axum::extract::Path;
use axum::http::Uri;
use axum::response::IntoResponse as _;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::derive::{ObjectiveView, RequirementView, Why};
use super::proof::{Linked, Recorded};
use super::system::{self, Assessment, System};
use super::web::{Named, named, told, why_text};
use super::web_requirement::refusal_text;
use super::{Error, Read, framework, proof, state, web_api_write as write, web_window};
use crate::catalog::score::{Gain, Reason, Scored};
use crate::catalog::{Catalog, poam};
use crate::core::id::SystemId;
use crate::http::etag::tagged;
use crate::http::form::Fields;
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, Ctx, Routes, Rule, Signed};
use crate::policy::On;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/v1/frameworks", Rule::Act("assess.read"), get_frameworks)
        .get("/api/v1/systems", Rule::Act("assess.read"), get_systems)
        .get("/api/v1/systems/{id}", Rule::Act("assess.read"), get_system)
        .get("/api/v1/assessments", Rule::Act("assess.read"), get_assessments)
        .get("/api/v1/assessments/{id}", Rule::Act("assess.read"), get_assessment)
        .put("/api/v1/assessments/{id}/window", Rule::Act("assessment.window"), web_window::put_window)
        .get("/api/v1/assessments/{id}/score", Rule::Act("assess.read"), get_score)
        .get("/api/v1/assessments/{id}/objectives/{name}", Rule::Act("assess.read"), get_objective)
}

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(
    get_frameworks,
    get_systems,
    get_system,
    get_assessments,
    get_assessment,
    get_score,
    get_objective,
    super::web_ssp::get_sections,
    super::web_ssp::get_one,
    super::web_ssp::post_one,
    write::post_system,
    write::post_edit,
    write::post_assessment,
    write::post_bulk,
    write::post_objective,
    write::post_link,
    write::post_unlink,
    write::post_record,
    write::post_confirm,
    write::post_withdraw,
    write::post_comment,
    write::post_assign,
    write::post_partial,
    web_window::put_window
))]
struct Doc;

/// A framework.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiFramework {
    key: String,
    title: String,
    version: Option<String>,
    /// SHA-256 of the file its wording came from; null when none was imported.
    sha256: Option<String>,
}

/// Frameworks to assess by
#[utoipa::path(get, path = "/api/v1/frameworks", tag = "assessments", responses((status = 200, body = Vec<ApiFramework>), (status = 403, body = Problem)))]
async fn get_frameworks(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<Read>(&On::any("framework")).await?;
    let known = framework::list(&ctx.app.db).await.map_err(|e| told(&ctx.app, e))?;
    let mut out: Vec<ApiFramework> =
        known.into_iter().map(|k| ApiFramework { key: k.key, title: k.title, version: k.version, sha256: Some(k.sha256) }).collect();
    let r2 = Catalog::r2();
    if !out.iter().any(|f| f.key == r2.key) {
        out.insert(0, ApiFramework { key: r2.key.clone(), title: r2.title.clone(), version: r2.version.clone(), sha256: None });
    }
    Ok(Json(out).into_response())
}

/// A system.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiSystem {
    id: String,
    name: String,
    scope: String,
    boundary: String,
    cage_codes: Vec<String>,
    version: i64,
    changed_at: String,
}

impl From<System> for ApiSystem {
    fn from(s: System) -> Self {
        let cage_codes = s.cage_codes.split(' ').filter(|c| !c.is_empty()).map(str::to_owned).collect();
        Self {
            id: s.id.to_string(),
            name: s.name,
            scope: s.scope,
            boundary: s.boundary,
            cage_codes,
            version: s.version,
            changed_at: both_times(s.changed_at, "UTC").0,
        }
    }
}

/// Systems by name, at most 200
#[utoipa::path(get, path = "/api/v1/systems", tag = "assessments", responses((status = 200, body = Vec<ApiSystem>), (status = 403, body = Problem)))]
async fn get_systems(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<Read>(&On::any("system")).await?;
    let systems = system::systems(&ctx.app.db).await.map_err(|e| told(&ctx.app, e))?;
    Ok(Json(systems.into_iter().map(ApiSystem::from).collect::<Vec<_>>()).into_response())
}

/// The system a path names.
pub(super) async fn system_of(ctx: &Ctx, id: &str) -> Result<System, http::Error> {
    let id: SystemId = id.parse().map_err(|_| http::Error::not_found())?;
    system::by_id(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

/// One system; its ETag is what `If-Match` wants
#[utoipa::path(get, path = "/api/v1/systems/{id}", tag = "assessments", params(("id" = String, Path)),
    responses((status = 200, body = ApiSystem), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get_system(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<Read>(&On::any("system")).await?;
    let system = system_of(&ctx, &id).await?;
    let version = system.version;
    Ok(tagged(Json(ApiSystem::from(system)).into_response(), version))
}

/// An assessment.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiAssessment {
    id: String,
    system: String,
    framework: String,
    name: String,
    made_at: String,
}

impl From<Assessment> for ApiAssessment {
    fn from(a: Assessment) -> Self {
        Self { id: a.id.to_string(), system: a.system_id.to_string(), framework: a.framework, name: a.name, made_at: both_times(a.made_at, "UTC").0 }
    }
}

/// Assessments, newest first, at most 200
#[utoipa::path(get, path = "/api/v1/assessments", tag = "assessments",
    params(("system" = Option<String>, Query, description = "Of this system alone")),
    responses((status = 200, body = Vec<ApiAssessment>), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn get_assessments(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<Read>(&On::any("assessment")).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let of = query.optional("system")?.map(|id| id.parse::<SystemId>().map_err(|e| http::Error::field("system", e.to_string()))).transpose()?;
    query.finish()?;
    let all = system::assessments(&ctx.app.db, of.as_ref()).await.map_err(|e| told(&ctx.app, e))?;
    Ok(Json(all.into_iter().map(ApiAssessment::from).collect::<Vec<_>>()).into_response())
}

/// Why an objective is not verified to be met, and where that is mended.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiWhy {
    /// `unassessed`, `not_met`, `no_evidence`, `evidence_deleted`, `draft`, `in_review`, `unconfirmed`, `expired`, `wrong_period`,
    /// `submitter_is_approver`, `superseded` or `hash_mismatch`.
    code: &'static str,
    /// In words.
    text: String,
    /// The page, and the part of it, that mends it.
    href: String,
    /// The version of evidence, or the record, that is to blame.
    of: Option<String>,
}

/// An objective.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiObjective {
    id: String,
    requirement: String,
    /// The official wording, once it was imported.
    text: Option<String>,
    stage: &'static str,
    finding: Option<&'static str>,
    because: String,
    notes: String,
    owner: Option<String>,
    due_on: Option<String>,
    /// 0 while nobody touched it; also the ETag.
    version: i64,
    links: usize,
    records: usize,
    /// Null when it is verified.
    why: Option<ApiWhy>,
    /// Every reason, down to each link and record that holds nothing; empty when it is verified.
    reasons: Vec<ApiWhy>,
}

fn why(ctx: &Ctx, named: &Named, id: &str, why: Why) -> ApiWhy {
    let href = format!("{}#{}", named.objective_href(id), why.mends());
    ApiWhy { code: why.code(), text: why_text(&ctx.app, why), href, of: None }
}

/// Everything that stands in the way, each with where it is mended.
fn reasons(ctx: &Ctx, named: &Named, o: &ObjectiveView<'_>, links: &[Linked], records: &[Recorded]) -> Vec<ApiWhy> {
    let (Some(first), id) = (o.why, o.objective.id.as_str()) else { return Vec::new() };
    let mut out = Vec::new();
    if !matches!(first, Why::Flawed(_) | Why::EvidenceDeleted) {
        out.push(why(ctx, named, id, first));
    }
    for link in links.iter().filter(|l| l.objective == id) {
        let Some(flaw) = link.flaw else { continue };
        let (why, href) = (Why::Flawed(flaw), format!("/evidence/{}#{}", link.version_id, flaw.mends()));
        out.push(ApiWhy { code: why.code(), text: why_text(&ctx.app, why), href, of: Some(link.version_id.to_string()) });
    }
    for record in records.iter().filter(|r| r.objective == id) {
        let Some(flaw) = record.flaw else { continue };
        let reason = why(ctx, named, id, Why::Flawed(flaw));
        out.push(ApiWhy { of: Some(record.id.to_string()), ..reason });
    }
    out
}

fn objective(ctx: &Ctx, named: &Named, requirement: &str, o: &ObjectiveView<'_>, rests: (&[Linked], &[Recorded])) -> ApiObjective {
    let id = o.objective.id.as_str();
    ApiObjective {
        id: id.to_owned(),
        requirement: requirement.to_owned(),
        text: o.objective.text.clone(),
        stage: o.stage().name(),
        finding: o.finding().map(super::Finding::name),
        because: o.state.map_or_else(String::new, |s| s.because.clone()),
        notes: o.state.map_or_else(String::new, |s| s.notes.clone()),
        owner: o.state.and_then(|s| s.owner_id.as_ref()).map(ToString::to_string),
        due_on: o.state.and_then(|s| s.due_on.clone()),
        version: o.state.map_or(0, |s| s.version),
        links: o.rests.links,
        records: o.rests.records,
        why: o.why.map(|w| why(ctx, named, id, w)),
        reasons: reasons(ctx, named, o, rests.0, rests.1),
    }
}

/// A requirement with what follows from its objectives.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiRequirement {
    id: String,
    practice: Option<String>,
    /// `met`, `not_met`, `partial`, `not_applicable`; null while something is not assessed.
    claimed: Option<&'static str>,
    /// The same of what rests on something.
    verified: Option<&'static str>,
    objectives: Vec<ApiObjective>,
}

/// A whole assessment.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiWhole {
    #[serde(flatten)]
    assessment: ApiAssessment,
    requirements: Vec<ApiRequirement>,
}

/// One assessment with every requirement and objective
#[utoipa::path(get, path = "/api/v1/assessments/{id}", tag = "assessments", params(("id" = String, Path)),
    responses((status = 200, body = ApiWhole), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get_assessment(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let named = named(&ctx, &id).await?;
    let known = named.known(&ctx).await?;
    let whole = known.whole(&named.catalog);
    let requirement = |r: &RequirementView<'_>| ApiRequirement {
        id: r.requirement.id.clone(),
        practice: r.requirement.practice.clone(),
        claimed: r.claimed.map(crate::catalog::score::Status::name),
        verified: r.verified.map(crate::catalog::score::Status::name),
        objectives: r.objectives.iter().map(|o| objective(&ctx, &named, &r.requirement.id, o, (&known.links, &known.records))).collect(),
    };
    let requirements = whole.requirements().map(requirement).collect();
    Ok(Json(ApiWhole { assessment: named.assessment.clone().into(), requirements }).into_response())
}

/// A score with everything that was taken from 110.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiScored {
    /// Null without a system security plan.
    score: Option<i64>,
    reasons: Vec<ApiReason>,
}

/// What was taken from a score.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiReason {
    requirement: String,
    practice: Option<String>,
    /// `no_ssp`, `not_met`, `partial` or `unassessed`.
    code: &'static str,
    points: i64,
}

impl From<Scored> for ApiScored {
    fn from(scored: Scored) -> Self {
        let reason = |r: Reason| ApiReason { requirement: r.requirement, practice: r.practice, code: r.code, points: r.points };
        Self { score: scored.score, reasons: scored.reasons.into_iter().map(reason).collect() }
    }
}

/// What meeting a requirement would bring.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiGain {
    requirement: String,
    points: i64,
    /// Objectives that are still open.
    open: usize,
    /// Without it there is no score.
    gate: bool,
}

/// What keeps an assessment from a conditional status.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiHindrance {
    requirement: Option<String>,
    /// `needless`, `named`, `value`, `no_score` or `score`.
    code: &'static str,
    text: String,
    /// The place in the Code of Federal Regulations.
    citation: &'static str,
}

/// The scores of an assessment.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiScores {
    /// Of what rests on something.
    verified: ApiScored,
    /// If all that is claimed were verified.
    projected: ApiScored,
    /// What closes the gap fastest.
    ranking: Vec<ApiGain>,
    /// By 32 CFR 170.21, of what is claimed.
    hindrances: Vec<ApiHindrance>,
}

/// The scores of an assessment
#[utoipa::path(get, path = "/api/v1/assessments/{id}/score", tag = "assessments", params(("id" = String, Path)),
    responses((status = 200, body = ApiScores), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get_score(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let named = named(&ctx, &id).await?;
    if !named.catalog.is_scored() {
        return Err(http::Error::conflict("not_scored").saying(ctx.app.text("score-unscored", &[])));
    }
    let known = named.known(&ctx).await?;
    let whole = known.whole(&named.catalog);
    let (verified, claimed) = whole.scores();
    let hindrances = poam::hindrances(&named.catalog, &whole.claimed(), &claimed).into_iter();
    let hindrances = hindrances.map(|r| ApiHindrance { text: refusal_text(&ctx.app, &r), code: r.code, citation: r.citation, requirement: r.requirement });
    let ranking = whole.ranking().into_iter().map(|Gain { requirement, points, open, gate }| ApiGain { requirement, points, open, gate });
    Ok(Json(ApiScores { verified: verified.into(), projected: claimed.into(), ranking: ranking.collect(), hindrances: hindrances.collect() }).into_response())
}

/// One objective as the API shows it.
pub(super) async fn objective_of(ctx: &Ctx, named: &Named, name: &str) -> Result<ApiObjective, http::Error> {
    let (requirement, _) = named.objective(name)?;
    let (db, id) = (&ctx.app.db, &named.assessment.id);
    let read = async {
        let states = state::one(db, id, name).await?.into_iter().collect::<Vec<_>>();
        Ok::<_, Error>((states, proof::links(db, id, Some(name)).await?, proof::records(db, id, Some(name)).await?))
    };
    let (states, links, records) = read.await.map_err(|e| told(&ctx.app, e))?;
    let whole = super::derive::whole(&named.catalog, &states, &[], &links, &records);
    let view = whole.objectives().find(|o| o.objective.id == name).ok_or_else(http::Error::not_found)?;
    Ok(objective(ctx, named, &requirement.id, view, (&links, &records)))
}

impl ApiObjective {
    /// Counts its changes.
    pub(super) fn version(&self) -> i64 {
        self.version
    }
}

/// One objective; its ETag is what `If-Match` wants
#[utoipa::path(get, path = "/api/v1/assessments/{id}/objectives/{name}", tag = "assessments", params(("id" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = ApiObjective), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get_objective(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>) -> Answer {
    let named = named(&ctx, &id).await?;
    let shown = objective_of(&ctx, &named, &name).await?;
    let version = shown.version();
    Ok(tagged(Json(shown).into_response(), version))
}
