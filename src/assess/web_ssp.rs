//! The system security plan: its page, its document, and writing its sections, on pages and over the API.

use axum::extract::{FromRequest as _, Path, Request};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::section::{self, Section, SectionText};
use super::ssp::{Ssp, live};
use super::web::{Head, Named, blame, found, history_href, named, permitted, told};
use super::{Error, Export, NAME_CHARS_MAX, TEXT_CHARS_MAX, WriteSection, system};
use crate::db::Detail;
use crate::http::etag::{both, seen, tagged};
use crate::http::form::{FormState, Posted};
use crate::http::headers::{IsDownload, IsPrivate};
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, Ctx, Json, Routes, Rule, Signed};

/// The content type of a text document.
pub const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

pub(super) fn api_routes() -> Routes {
    Routes::new()
        .get("/api/v1/assessments/{id}/ssp", Rule::Act("assess.read"), get_sections)
        .get("/api/v1/assessments/{id}/ssp/{name}", Rule::Act("assess.read"), get_one)
        .post("/api/v1/assessments/{id}/ssp/{name}", Rule::Act("ssp.write"), post_one)
}

/// A name that no template and no translation knows is shown as it is.
pub(super) fn section_title(ctx: &Ctx, named: &Named, name: &str) -> String {
    match named.catalog.requirement(name) {
        Some(requirement) => format!("{} {}", requirement.id, requirement.title),
        None => ctx.app.text(&format!("ssp-section-{name}"), &[]),
    }
}

async fn plan(ctx: &Ctx, named: &Named) -> Result<Ssp, http::Error> {
    let (db, of) = (&ctx.app.db, &named.assessment);
    let fail = |e: Error| told(&ctx.app, e);
    let system = system::by_id(db, &of.system_id).await?.ok_or_else(http::Error::not_found)?;
    let sections = section::all(db, &of.system_id, &of.framework).await.map_err(fail)?;
    let known = named.known(ctx).await?;
    // The newest checkpoint says how the trail stood, so that a draft has its place in time.
    let checkpoint = db.latest_checkpoint(db.log().0).await?;
    let (size, root) = checkpoint.map_or((0, String::new()), |c| (c.size, c.note.lines().nth(2).unwrap_or_default().to_owned()));
    let made_from = ctx.app.text("ssp-draft-of", &[("day", &super::web::today(ctx).to_string()), ("size", &size.to_string()), ("root", &root)]);
    Ok(live(&system, (&of.name, &named.catalog.title), &known.whole(&named.catalog), &sections, made_from))
}

#[derive(Serialize)]
struct SspPage {
    assessment: Head,
    plan: Ssp,
    may_write: bool,
    may_export: bool,
}

pub(super) async fn get_ssp(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let named = named(&ctx, &id).await?;
    let on = super::web::on("assessment", &id, "");
    let page = SspPage {
        plan: plan(&ctx, &named).await?,
        may_write: ctx.app.policy.can::<WriteSection>(&ctx.actor, &on),
        may_export: ctx.app.policy.can::<Export>(&ctx.actor, &on),
        assessment: Head::from(&named),
    };
    ctx.page("assess/ssp.html", page).await
}

pub(super) async fn get_docx(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let permit = permitted::<Export>(&ctx, "assessment", &id, "").await?;
    let named = found(&ctx, &id).await?;
    let plan = plan(&ctx, &named).await?;
    let bytes = plan.docx(&|key| ctx.app.text(key, &[]));
    // Recorded before it leaves, with the hash of what leaves.
    let detail = Detail::ok().with("document", "ssp").with("format", "docx").with("sha256", hex::encode(Sha256::digest(&bytes)));
    ctx.app.db.record(permit, detail).await?;
    let headers = [(header::CONTENT_TYPE, DOCX), (header::CONTENT_DISPOSITION, "attachment; filename=\"system-security-plan.docx\"")];
    let mut response = (headers, bytes).into_response();
    response.extensions_mut().insert(IsDownload);
    response.extensions_mut().insert(IsPrivate);
    Ok(response)
}

/// What somebody else wrote meanwhile.
#[derive(Serialize)]
struct Theirs {
    text: String,
    responsible: String,
}

#[derive(Serialize)]
struct SectionPage {
    assessment: Head,
    section: String,
    title: String,
    hint: String,
    wording: Vec<String>,
    back_href: String,
    action: String,
    version: i64,
    changed_by: String,
    changed_at: Option<i64>,
    theirs: Option<Theirs>,
    text_max: usize,
    name_max: usize,
    history_href: Option<String>,
    form: FormState,
}

fn section_page(ctx: &Ctx, named: &Named, name: &str, now: Option<Section>, form: FormState, is_changed: bool) -> SectionPage {
    let (text, responsible) = now.as_ref().map_or_else(Default::default, |s| (s.body.clone(), s.responsible.clone()));
    let mut form = form;
    for (field, value) in [("text", &text), ("responsible", &responsible)] {
        form.values.entry(field.to_owned()).or_insert_with(|| value.as_str().into());
    }
    let requirement = named.catalog.requirement(name);
    let general = format!("ssp-section-{name}-hint");
    SectionPage {
        title: section_title(ctx, named, name),
        hint: ctx.app.text(if requirement.is_some() { "ssp-implementation-hint" } else { &general }, &[]),
        wording: requirement.and_then(|r| r.statement.as_deref()).into_iter().flat_map(str::lines).map(str::to_owned).collect(),
        back_href: if requirement.is_some() { named.requirement_href(name) } else { format!("/assess/{}/ssp", named.assessment.id) },
        action: format!("/assess/{}/ssp/{}", named.assessment.id, http::ctx::encode(name)),
        version: now.as_ref().map_or(0, |s| s.version),
        changed_by: now.as_ref().map_or_else(String::new, |s| s.changed_by.clone()),
        changed_at: now.as_ref().map(|s| s.changed_at),
        theirs: is_changed.then_some(Theirs { text, responsible }),
        text_max: TEXT_CHARS_MAX,
        name_max: NAME_CHARS_MAX,
        history_href: history_href(ctx, &format!("{}/{name}", named.assessment.id)),
        assessment: Head::from(named),
        section: name.to_owned(),
        form,
    }
}

fn known_section(named: &Named, name: &str) -> Result<(), http::Error> {
    if section::is_one(&named.catalog, name) { Ok(()) } else { Err(http::Error::not_found()) }
}

pub(super) async fn get_section(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>) -> Answer {
    let _permit = permitted::<WriteSection>(&ctx, "requirement", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    known_section(&named, &name)?;
    let now = section::one(&ctx.app.db, &named.assessment, &name).await.map_err(|e| told(&ctx.app, e))?;
    ctx.page("assess/section.html", section_page(&ctx, &named, &name, now, FormState::default(), false)).await
}

pub(super) async fn post_section(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = permitted::<WriteSection>(&ctx, "requirement", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    known_section(&named, &name)?;
    let text = SectionText { text: fields.one("text")?, responsible: fields.one("responsible")? };
    let version: i64 = fields.one("version")?.parse().map_err(|_| http::Error::field("version", "must be a number"))?;
    fields.finish()?;
    let mut form = FormState::default().keep("text", text.text.as_str()).keep("responsible", text.responsible.as_str());
    let fail = |e: Error| told(&ctx.app, e);
    let before = section::one(&ctx.app.db, &named.assessment, &name).await.map_err(fail)?;
    match section::write(&ctx.app.db, permit, &person, (&named.assessment, &name), version, before.as_ref(), &text).await {
        Ok(_) if named.catalog.requirement(&name).is_some() => Ok(ctx.go(&named.requirement_href(&name), "section-kept")),
        Ok(_) => Ok(ctx.go(&format!("/assess/{}/ssp", named.assessment.id), "section-kept")),
        Err(Error::Changed) => {
            let now = section::one(&ctx.app.db, &named.assessment, &name).await.map_err(fail)?;
            let mut response = ctx.page("assess/section.html", section_page(&ctx, &named, &name, now, form, true)).await?;
            *response.status_mut() = StatusCode::PRECONDITION_FAILED;
            Ok(response)
        }
        Err(error) => {
            blame(&ctx.app, &mut form, error).map_err(fail)?;
            ctx.again("assess/section.html", section_page(&ctx, &named, &name, before, form, false)).await
        }
    }
}

/// A section of a system security plan.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiSection {
    /// `environment`, `connections`, `responsibilities`, `upkeep`, or a requirement's id.
    section: String,
    text: String,
    responsible: String,
    /// Counts its changes; the ETag of one section.
    version: i64,
    /// When it was written last, RFC 3339 in UTC; null when nobody wrote it.
    changed_at: Option<String>,
}

fn api_section(name: &str, now: Option<Section>) -> ApiSection {
    let section = name.to_owned();
    match now {
        None => ApiSection { section, text: String::new(), responsible: String::new(), version: 0, changed_at: None },
        Some(s) => ApiSection { section, text: s.body, responsible: s.responsible, version: s.version, changed_at: Some(both_times(s.changed_at, "UTC").0) },
    }
}

/// Every section of an assessment's system security plan that was written
#[utoipa::path(get, path = "/api/v1/assessments/{id}/ssp", tag = "assessments", params(("id" = String, Path)),
    responses((status = 200, body = Vec<ApiSection>), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn get_sections(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let named = named(&ctx, &id).await?;
    let of = &named.assessment;
    let sections = section::all(&ctx.app.db, &of.system_id, &of.framework).await.map_err(|e| told(&ctx.app, e))?;
    let sections: Vec<ApiSection> = sections.into_iter().map(|s| api_section(&s.section.clone(), Some(s))).collect();
    Ok(axum::Json(sections).into_response())
}

/// One section of a system security plan; one that nobody wrote is empty
#[utoipa::path(get, path = "/api/v1/assessments/{id}/ssp/{name}", tag = "assessments", params(("id" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = ApiSection), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn get_one(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>) -> Answer {
    let named = named(&ctx, &id).await?;
    known_section(&named, &name)?;
    let now = section::one(&ctx.app.db, &named.assessment, &name).await.map_err(|e| told(&ctx.app, e))?;
    let shown = api_section(&name, now);
    let version = shown.version;
    Ok(tagged(axum::Json(shown).into_response(), version))
}

/// Write a section of a system security plan, whole
#[utoipa::path(post, path = "/api/v1/assessments/{id}/ssp/{name}", tag = "assessments", request_body = SectionText,
    params(("id" = String, Path), ("name" = String, Path), ("If-Match" = String, Header, description = "The ETag of what you saw")),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn post_one(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, request: Request) -> Answer {
    let permit = permitted::<WriteSection>(&ctx, "requirement", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    known_section(&named, &name)?;
    let seen = seen(request.headers())?;
    let Json(text) = Json::<SectionText>::from_request(request, &ctx.app).await?;
    let before = section::one(&ctx.app.db, &named.assessment, &name).await.map_err(|e| told(&ctx.app, e))?;
    match section::write(&ctx.app.db, permit, &person, (&named.assessment, &name), seen, before.as_ref(), &text).await {
        Ok(version) => Ok(tagged(StatusCode::NO_CONTENT.into_response(), version)),
        Err(Error::Changed) => {
            let now = section::one(&ctx.app.db, &named.assessment, &name).await.map_err(|e| told(&ctx.app, e))?;
            let now = api_section(&name, now);
            Ok(both(&ctx, &text, &now, now.version))
        }
        Err(error) => Err(told(&ctx.app, error)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::assess::ssp::{General, Special, Stated};
    use crate::assess::web::tests::render;

    pub fn plan() -> Ssp {
        let stated = Stated {
            id: "3.1.1".into(),
            practice: "AC.L2-3.1.1".into(),
            title: "<i>Users".into(),
            status: "met".into(),
            text: "<i>By accounts.\nAnd a list.".into(),
            responsible: "<i>Network team".into(),
            specials: vec![Special { id: "3.1.1[a]".into(), finding: "enduring_exception".into(), because: "<i>old".into() }],
            operational: vec!["<i>late".into()],
        };
        let bare = Stated {
            text: String::new(),
            responsible: String::new(),
            practice: String::new(),
            specials: Vec::new(),
            operational: Vec::new(),
            ..stated.clone()
        };
        let general = ["environment", "upkeep"].map(|key| General {
            key: key.into(),
            text: if key == "upkeep" { String::new() } else { "<i>rooms".into() },
            responsible: String::new(),
        });
        let general = general.into();
        Ssp { system: "<i>Core".into(), scope: "<i>".into(), boundary: String::new(), general, requirements: vec![stated, bare], missing: 1, ..Ssp::default() }
    }

    fn head() -> Head {
        Head {
            id: "asm_1".into(),
            name: "2026".into(),
            system: "Core".into(),
            system_href: "/assess/systems/sys_1".into(),
            framework: "r2".into(),
            made_by: "Ada".into(),
            made_at: 0,
        }
    }

    #[test]
    fn the_plan_and_a_section_render_full_and_bare() {
        let shown = render("assess/ssp.html", &SspPage { assessment: head(), plan: plan(), may_write: true, may_export: true });
        assert!(shown.contains("/assess/asm_1/ssp.docx") && !shown.contains("<i>"), "{shown}");
        let shown = render("assess/ssp.html", &SspPage { assessment: head(), plan: Ssp::default(), may_write: false, may_export: false });
        assert!(!shown.contains("ssp.docx"), "{shown}");
        let full = SectionPage {
            assessment: head(),
            section: "3.1.1".into(),
            title: "<i>3.1.1".into(),
            hint: "How".into(),
            wording: vec!["<i>".into()],
            back_href: "/b".into(),
            action: "/a".into(),
            version: 3,
            changed_by: "<i>Ada".into(),
            changed_at: Some(0),
            theirs: Some(Theirs { text: "<i>".into(), responsible: "<i>".into() }),
            text_max: 4000,
            name_max: 120,
            history_href: Some("/audit?object=x".into()),
            form: FormState::default().keep("text", "<i>mine"),
        };
        let shown = render("assess/section.html", &full);
        assert!(shown.contains("name=\"version\" value=\"3\"") && !shown.contains("<i>"), "{shown}");
        let bare = SectionPage { wording: Vec::new(), theirs: None, changed_at: None, history_href: None, form: FormState::default(), ..full };
        render("assess/section.html", &bare);
    }

    /// Every text that the document asks for is there: a missing one would show its name.
    #[test]
    fn the_document_has_its_texts() {
        let texts = http::texts::Texts::english();
        let asked = std::cell::RefCell::new(Vec::new());
        let bytes = plan().docx(&|key| {
            asked.borrow_mut().push(key.to_owned());
            texts.get(key, &[])
        });
        let missing: Vec<String> = asked.into_inner().into_iter().filter(|key| !texts.has(key)).collect();
        assert!(missing.is_empty() && !bytes.is_empty(), "{missing:?}");
        let sections = section::GENERAL.iter().flat_map(|s| [format!("ssp-section-{s}"), format!("ssp-section-{s}-hint")]);
        let missing: Vec<String> = sections.filter(|key| !texts.has(key)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
