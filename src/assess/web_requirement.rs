//! One requirement: its wording, what follows from its objectives, who works on it, and what a plan of action may hold.

use axum::extract::Path;
use serde::Serialize;

use super::derive::RequirementView;
use super::web::{Choice, Head, Named, found, history_href, named, owners, permitted, told, why_text};
use super::{Assign, Error, MeetInPart, TEXT_CHARS_MAX, state};
use crate::catalog::poam;
use crate::core::id::PersonId;
use crate::http::form::{FormState, Posted};
use crate::http::{self, Answer, App, Ctx, Signed};

#[derive(Serialize)]
struct ShownObjective {
    id: String,
    text: String,
    href: String,
    finding: String,
    kind: &'static str,
    why: String,
}

#[derive(Serialize)]
struct Plan {
    may: bool,
    because: String,
    citation: String,
}

#[derive(Serialize)]
struct RequirementPage {
    assessment: Head,
    id: String,
    practice: String,
    title: String,
    statement: Vec<String>,
    points: Option<i64>,
    partial: Option<i64>,
    objectives: Vec<ShownObjective>,
    claimed: String,
    verified: String,
    plan: Option<Plan>,
    owners: Vec<Choice>,
    /// Why it is met in part; empty when it is not.
    part: String,
    /// How the security plan says that it is implemented; empty when nobody wrote it.
    implementation: String,
    responsible: String,
    /// Where that is written; none when one may not.
    write_href: Option<String>,
    text_max: usize,
    history_href: Option<String>,
    form: FormState,
}

/// What a refusal of a plan says.
#[must_use]
pub fn refusal_text(app: &App, refusal: &poam::Refusal) -> String {
    let value = refusal.value.unwrap_or(0).to_string();
    let id = refusal.requirement.as_deref().unwrap_or_default();
    app.text(&format!("poam-{}", refusal.code.replace('_', "-")), &[("id", id), ("value", &value), ("min", &poam::SCORE_MIN.to_string())])
}

async fn requirement_page(ctx: &Ctx, named: &Named, id: &str, form: FormState) -> Result<RequirementPage, http::Error> {
    let requirement = named.requirement(id)?;
    let known = named.known(ctx).await?;
    let whole = known.whole(&named.catalog);
    let view: &RequirementView<'_> = whole.requirements().find(|r| r.requirement.id == id).ok_or_else(http::Error::not_found)?;
    let section = super::section::one(&ctx.app.db, &named.assessment, id).await.map_err(|e| told(&ctx.app, e))?;
    let (implementation, responsible) = section.map(|s| (s.body, s.responsible)).unwrap_or_default();
    let may_write = ctx.app.policy.can::<super::WriteSection>(&ctx.actor, &super::web::on("requirement", named.assessment.id.as_str(), id));
    let part = known.parts.iter().find(|(r, _)| r == id).map(|(_, because)| because.clone()).unwrap_or_default();
    let mut form = form;
    form.values.entry("because".to_owned()).or_insert_with(|| part.as_str().into());
    let word = |prefix: &str, word: &str| ctx.app.text(&format!("{prefix}-{}", word.replace('_', "-")), &[]);
    let objectives = view.objectives.iter().map(|o| {
        let finding = o.finding().map_or("", super::Finding::name);
        ShownObjective {
            id: o.objective.id.clone(),
            text: o.objective.text.clone().unwrap_or_default(),
            href: named.objective_href(&o.objective.id),
            finding: if finding.is_empty() { String::new() } else { word("finding", finding) },
            kind: super::web::finding_kind(finding),
            why: o.why.map(|w| why_text(&ctx.app, w)).unwrap_or_default(),
        }
    });
    let status = |s: Option<crate::catalog::score::Status>| word("status", s.map_or("unassessed", crate::catalog::score::Status::name));
    let plan = named.catalog.is_scored().then(|| match poam::may_hold(requirement, view.claimed) {
        Ok(()) => Plan { may: true, because: String::new(), citation: "32 CFR 170.21(a)(2)".into() },
        Err(refusal) => Plan { may: false, because: refusal_text(&ctx.app, &refusal), citation: refusal.citation.into() },
    });
    Ok(RequirementPage {
        assessment: Head::from(named),
        id: requirement.id.clone(),
        practice: requirement.practice.clone().unwrap_or_default(),
        title: requirement.title.clone(),
        statement: requirement.statement.iter().flat_map(|s| s.lines()).map(str::to_owned).collect(),
        points: requirement.points,
        partial: requirement.partial,
        objectives: objectives.collect(),
        claimed: status(view.claimed),
        verified: status(view.verified),
        plan,
        owners: owners(ctx).await?,
        part,
        implementation,
        responsible,
        write_href: may_write.then(|| format!("/assess/{}/ssp/{}", named.assessment.id, http::ctx::encode(id))),
        text_max: TEXT_CHARS_MAX,
        history_href: history_href(ctx, &format!("{}/{id}", named.assessment.id)),
        form,
    })
}

pub(super) async fn get_requirement(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>) -> Answer {
    let named = named(&ctx, &id).await?;
    let page = requirement_page(&ctx, &named, &name, FormState::default()).await?;
    ctx.page("assess/requirement.html", page).await
}

/// The owner of a field: somebody who may be given work, or nobody.
pub(super) async fn owner_of(ctx: &Ctx, typed: &str) -> Result<Result<Option<PersonId>, Error>, http::Error> {
    if typed.is_empty() {
        return Ok(Ok(None));
    }
    let people = state::people(&ctx.app.db).await.map_err(|e| told(&ctx.app, e))?;
    let found = people.into_iter().find(|p| p.id.as_str() == typed || p.username == typed);
    Ok(found.map(|p| Some(p.id)).ok_or(Error::Field { field: "owner", code: "owner-unknown" }))
}

/// A day of a field, or none.
pub(super) fn day_of(field: &'static str, typed: &str) -> Result<Option<jiff::civil::Date>, Error> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    let day = Some(typed).filter(|t| t.len() == 10).and_then(|t| t.parse().ok());
    day.filter(|d: &jiff::civil::Date| (2000..=2100).contains(&d.year())).map(Some).ok_or(Error::Field { field, code: "day" })
}

pub(super) async fn post_assign(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = permitted::<Assign>(&ctx, "requirement", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    let requirement = named.requirement(&name)?;
    let (typed, due) = (fields.one("owner")?, fields.one("due_on")?);
    fields.finish()?;
    let mut form = FormState::default().keep("owner", typed.as_str()).keep("due_on", due.as_str());
    let (owner, due_on) = (owner_of(&ctx, &typed).await?, day_of("due_on", &due));
    let (owner, due_on) = match (owner, due_on) {
        (Ok(owner), Ok(due_on)) => (owner, due_on),
        (owner, due_on) => {
            for error in [owner.err(), due_on.err()].into_iter().flatten() {
                super::web::blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            }
            return ctx.again("assess/requirement.html", requirement_page(&ctx, &named, &name, form).await?).await;
        }
    };
    state::assign(&ctx.app.db, permit, &person, &named.assessment.id, requirement, owner.as_ref(), due_on).await.map_err(|e| told(&ctx.app, e))?;
    Ok(ctx.go(&named.requirement_href(&name), "objective-kept"))
}

pub(super) async fn post_partial(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = permitted::<MeetInPart>(&ctx, "requirement", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    let requirement = named.requirement(&name)?;
    let because = fields.one("because")?;
    fields.finish()?;
    match state::meet_in_part(&ctx.app.db, permit, &person, &named.assessment.id, requirement, &because).await {
        Ok(()) => Ok(ctx.go(&named.requirement_href(&name), "objective-kept")),
        Err(error) => {
            let mut form = FormState::default().keep("because", because);
            super::web::blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            ctx.again("assess/requirement.html", requirement_page(&ctx, &named, &name, form).await?).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::web::tests::render;

    #[test]
    fn a_requirement_renders_full_and_bare() {
        let head = Head {
            id: "asm_1".into(),
            name: "2026".into(),
            system: "Core".into(),
            system_href: "/assess/systems/sys_1".into(),
            framework: "r2".into(),
            made_by: "Ada".into(),
            made_at: 0,
        };
        let objective =
            ShownObjective { id: "3.5.3[a]".into(), text: "<i>".into(), href: "/x".into(), finding: "Not met".into(), kind: "bad", why: "Not met".into() };
        let full = RequirementPage {
            assessment: head,
            id: "3.5.3".into(),
            practice: "IA.L2-3.5.3".into(),
            title: "<i>Factors".into(),
            statement: vec!["Use them.".into()],
            points: Some(5),
            partial: Some(3),
            objectives: vec![objective],
            claimed: "Not met".into(),
            verified: "Not met".into(),
            plan: Some(Plan { may: false, because: "Too much.".into(), citation: "32 CFR 170.21(a)(2)(ii)".into() }),
            owners: vec![Choice { value: String::new(), text: "Nobody".into() }],
            part: "remote alone".into(),
            implementation: "<i>By keys.".into(),
            responsible: "<i>Network team".into(),
            write_href: Some("/w".into()),
            text_max: 4000,
            history_href: Some("/audit?object=x".into()),
            form: FormState::default(),
        };
        let shown = render("assess/requirement.html", &full);
        assert!(shown.contains("170.21(a)(2)(ii)") && shown.contains("/w\"") && !shown.contains("<i>"), "{shown}");
        let plan = Plan { may: true, because: String::new(), citation: "32 CFR 170.21(a)(2)".into() };
        let bare = RequirementPage {
            statement: Vec::new(),
            points: None,
            partial: None,
            plan: Some(plan),
            part: String::new(),
            implementation: String::new(),
            ..full
        };
        render("assess/requirement.html", &RequirementPage { plan: None, history_href: None, write_href: None, ..bare });
    }

    #[test]
    fn a_day_is_one_of_this_century() {
        assert_eq!(day_of("d", " ").expect("none"), None);
        assert_eq!(day_of("d", "2026-02-28").expect("a day").map(|d| d.to_string()).as_deref(), Some("2026-02-28"));
        for wrong in ["2026-02-30", "28.2.2026", "0026-01-01", "2026-02-28T10:00", "soon"] {
            assert!(day_of("d", wrong).is_err(), "{wrong}");
        }
    }
}
