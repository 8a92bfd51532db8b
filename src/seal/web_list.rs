//! Pages of seals: the list, one seal with what it names, and the form that makes one.

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::document::{self, Kept};
use super::grant::{self, is_outsider};
use super::web::{blame, last_day, seen, today, told};
use super::{Make, PAGE_ARTIFACTS_MAX, Read, Sealed, Sealing, Window, artifacts, list, make};
use crate::assess::framework;
use crate::assess::system::{self, Assessment};
use crate::assess::web as assess;
use crate::catalog::Catalog;
use crate::core::id::AssessmentId;
use crate::http::form::{Fields, FormState, Posted};
use crate::http::{self, Answer, Ctx, Signed};
use crate::policy::On;

/// A seal as pages show it.
#[derive(Serialize)]
pub(super) struct Shown {
    pub id: String,
    pub href: String,
    pub assessment: String,
    pub system: String,
    pub status_date: String,
    pub made_at: i64,
    pub by: String,
    pub files: i64,
    pub bytes: i64,
    pub verified: Option<i64>,
    pub projected: Option<i64>,
    pub digest: String,
    /// In capitals, as the tool and eMASS have it.
    pub log_digest: String,
    pub retain_until: String,
}

impl From<&Sealed> for Shown {
    fn from(s: &Sealed) -> Self {
        Self {
            id: s.id.to_string(),
            href: format!("/seals/{}", s.id),
            assessment: s.assessment.clone(),
            system: s.system.clone(),
            status_date: s.status_date.clone(),
            made_at: s.made_at,
            by: s.by_name.clone(),
            files: s.files,
            bytes: s.bytes,
            verified: s.verified,
            projected: s.projected,
            digest: s.digest.clone(),
            log_digest: s.log_digest.to_ascii_uppercase(),
            retain_until: last_day(s.retain_until),
        }
    }
}

#[derive(Serialize)]
struct ListPage {
    seals: Vec<Shown>,
    /// Of which assessment, when it is of one.
    of: Option<String>,
    of_href: Option<String>,
    make_href: Option<String>,
}

pub(super) async fn get_list(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<Read>(&Window { seal: None, outside: false }).await?;
    let db = &ctx.app.db;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let of = query.optional("of")?.filter(|of| !of.is_empty());
    query.finish()?;
    let fail = |e| told(&ctx.app, e);
    let mut page = ListPage { seals: Vec::new(), of: None, of_href: None, make_href: None };
    let seals = if is_outsider(&ctx.actor) {
        grant::seals_for(db, &person).await.map_err(fail)?
    } else if let Some(of) = of {
        let assessment = assessment_of(&ctx, &of).await?;
        page.make_href = ctx.app.policy.can::<Make>(&ctx.actor, &On::one("assessment", &assessment.id)).then(|| format!("/assess/{}/seal", assessment.id));
        page.of_href = Some(format!("/assess/{}", assessment.id));
        page.of = Some(assessment.name);
        list(db, Some(&assessment.id)).await.map_err(fail)?
    } else {
        list(db, None).await.map_err(fail)?
    };
    page.seals = seals.iter().map(Shown::from).collect();
    ctx.page("seal/list.html", page).await
}

#[derive(Serialize)]
struct ShownFile {
    file: String,
    sha256: String,
    size: i64,
}

#[derive(Serialize)]
struct SealPage {
    seal: Shown,
    entry_seq: Option<i64>,
    may_read_trail: bool,
    archive_href: String,
    views_href: Option<String>,
    affirm_href: Option<String>,
    documents: Vec<Kept>,
    files: Vec<ShownFile>,
    newer: Option<String>,
    older: Option<String>,
}

pub(super) async fn get_seal(Signed { ctx, .. }: Signed, Path(id): Path<String>, uri: Uri) -> Answer {
    let seal = seen(&ctx, &id).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let after = query.optional("after")?.map_or(Ok(0), |n| n.parse::<i64>()).ok().filter(|n| *n >= 0);
    query.finish()?;
    let after = after.ok_or_else(|| http::Error::field("after", "must be a number"))?;
    let rows = artifacts(&ctx.app.db, &seal.id, after, PAGE_ARTIFACTS_MAX).await.map_err(|e| told(&ctx.app, e))?;
    let last = rows.last().map_or(after, |r| r.place);
    let policy = &ctx.app.policy;
    let page = SealPage {
        entry_seq: seal.entry_seq.filter(|_| seal.entry_log == Some(ctx.app.db.log().0)),
        may_read_trail: policy.scopes_of(&ctx.actor.roles).contains(&"trail.read"),
        archive_href: format!("/seals/{}/archive", seal.id),
        views_href: policy.can::<super::Grant>(&ctx.actor, &On::one("seal", &seal.id)).then(|| format!("/seals/{}/views", seal.id)),
        affirm_href: policy.can::<super::Affirm>(&ctx.actor, &On::one("affirmation", &seal.id)).then(|| format!("/seals/{}/affirm", seal.id)),
        documents: document::list(&ctx.app.db, &seal).await.map_err(|e| told(&ctx.app, e))?,
        newer: (after > 0).then(|| format!("/seals/{}?after={}", seal.id, (after - PAGE_ARTIFACTS_MAX).max(0))),
        older: (last < seal.files).then(|| format!("/seals/{}?after={last}", seal.id)),
        files: rows.into_iter().map(|r| ShownFile { file: r.file, sha256: r.sha256.to_ascii_uppercase(), size: r.size }).collect(),
        seal: Shown::from(&seal),
    };
    ctx.page("seal/show.html", page).await
}

async fn assessment_of(ctx: &Ctx, id: &str) -> Result<Assessment, http::Error> {
    let id: AssessmentId = id.parse().map_err(|_| http::Error::not_found())?;
    system::assessment(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)
}

/// The assessment a path names, with its catalogue.
pub(super) async fn found(ctx: &Ctx, id: &str) -> Result<(Assessment, std::sync::Arc<Catalog>), http::Error> {
    let assessment = assessment_of(ctx, id).await?;
    let catalog = framework::find(&ctx.app.db, &assessment.framework).await.map_err(|e| assess::told(&ctx.app, e))?;
    Ok((assessment, catalog))
}

/// What sealing is done to, as the policy and a refusal's entry see it.
pub(super) fn on(id: &str) -> On {
    id.parse::<AssessmentId>().map_or_else(|_| On::any("seal"), |id| On::one("seal", id))
}

#[derive(Serialize)]
struct NewPage {
    id: String,
    name: String,
    system: String,
    framework: String,
    years: i64,
    form: FormState,
}

fn new_page(assessment: &Assessment, catalog: &Catalog, form: FormState) -> NewPage {
    NewPage {
        id: assessment.id.to_string(),
        name: assessment.name.clone(),
        system: assessment.system.clone(),
        framework: catalog.title.clone(),
        years: super::RETAIN_YEARS,
        form,
    }
}

pub(super) async fn get_new(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<Make>(&on(&id)).await?;
    let (assessment, catalog) = found(&ctx, &id).await?;
    let form = FormState::default().keep("status_date", today(&ctx).to_string());
    ctx.page("seal/new.html", new_page(&assessment, &catalog, form)).await
}

pub(super) async fn post_new(Signed { ctx, person }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = ctx.permit::<Make>(&on(&id)).await?;
    let (assessment, catalog) = found(&ctx, &id).await?;
    let day = fields.one("status_date")?;
    fields.finish()?;
    let mut form = FormState::default().keep("status_date", day.as_str());
    let Ok(status_date) = day.trim().parse() else {
        form.wrong("status_date", ctx.app.text("error-day", &[]));
        return ctx.again("seal/new.html", new_page(&assessment, &catalog, form)).await;
    };
    let new = Sealing { app: &ctx.app, person: &person, assessment: &assessment, catalog: &catalog, status_date, today: today(&ctx) };
    match make(&ctx.app.db, &*ctx.app.blobs, permit, new, None).await {
        Ok(made) => Ok(ctx.go(&format!("/seals/{}", made.answer), "seal-made")),
        Err(error) => {
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            ctx.again("seal/new.html", new_page(&assessment, &catalog, form)).await
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::seal::web::tests::render;

    pub fn shown() -> Shown {
        Shown {
            id: "sel_1".into(),
            href: "/seals/sel_1".into(),
            assessment: "<i>2026".into(),
            system: "<i>Core".into(),
            status_date: "2026-01-15".into(),
            made_at: 0,
            by: "<i>Ada".into(),
            files: 3,
            bytes: 1200,
            verified: Some(-3),
            projected: None,
            digest: "ab".into(),
            log_digest: "CD".into(),
            retain_until: "2032-01-15".into(),
        }
    }

    #[test]
    fn the_list_and_a_seal_render_full_and_bare() {
        let full = ListPage { seals: vec![shown()], of: Some("<i>2026".into()), of_href: Some("/assess/asm_1".into()), make_href: Some("/m".into()) };
        assert!(!render("seal/list.html", &full).contains("<i>"));
        render("seal/list.html", &ListPage { seals: Vec::new(), of: None, of_href: None, make_href: None });
        let file = ShownFile { file: "artifacts/a".into(), sha256: "AB".into(), size: 3 };
        let page = SealPage {
            seal: shown(),
            entry_seq: Some(7),
            may_read_trail: true,
            archive_href: "/seals/sel_1/archive".into(),
            views_href: Some("/v".into()),
            affirm_href: Some("/a".into()),
            documents: vec![Kept { place: 1, name: "oscal-ssp.json".into(), sha256: "ab".into(), size: 3 }],
            files: vec![file],
            newer: Some("/n".into()),
            older: Some("/o".into()),
        };
        assert!(render("seal/show.html", &page).contains("href=\"/audit/7\""));
        let page =
            SealPage { documents: Vec::new(), entry_seq: None, may_read_trail: false, views_href: None, affirm_href: None, newer: None, older: None, ..page };
        assert!(!render("seal/show.html", &page).contains("<i>"));
        let page = NewPage { id: "asm_1".into(), name: "<i>".into(), system: "s".into(), framework: "f".into(), years: 6, form: FormState::default() };
        assert!(!render("seal/new.html", &page).contains("<i>"));
    }
}
