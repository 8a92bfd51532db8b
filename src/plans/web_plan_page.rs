//! What the page of a plan of action shows: the clock, what the regulation keeps off the plan, and its items.

use serde::Serialize;

use super::item::{self, Item, Risk};
use super::web::{today, told};
use super::{TEXT_CHARS_MAX, clock};
use crate::assess::system::Assessment;
use crate::assess::web::Known;
use crate::assess::{self, state};
use crate::catalog::score::Status;
use crate::catalog::{Catalog, poam};
use crate::http::form::FormState;
use crate::http::{self, Ctx};

#[derive(Clone, Serialize)]
pub(super) struct Choice {
    pub value: String,
    pub text: String,
}

#[derive(Serialize)]
pub(super) struct ShownItem {
    pub id: String,
    pub requirement: String,
    pub practice: String,
    pub title: String,
    pub points: i64,
    pub status: String,
    /// It is met by now.
    pub met: bool,
    /// Why the regulation does not allow it any more; empty when it does.
    pub illegal: String,
    pub weakness: String,
    pub risk: String,
    pub remediation: String,
    pub milestones: Vec<String>,
    pub owner: String,
    pub owner_name: String,
    pub due_on: String,
    pub late: bool,
    pub version: i64,
    pub changed_at: i64,
}

#[derive(Serialize)]
pub(super) struct ShownClock {
    pub conditional_on: String,
    pub last_day: String,
    pub days_left: i64,
    pub closed_out_on: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Hindrance {
    pub text: String,
    pub citation: &'static str,
}

#[derive(Serialize)]
pub(super) struct PlanPage {
    pub id: String,
    pub name: String,
    pub system: String,
    pub system_href: String,
    pub score: Option<i64>,
    pub min: i64,
    pub days: i64,
    pub clock: Option<ShownClock>,
    pub hindrances: Vec<Hindrance>,
    pub items: Vec<ShownItem>,
    /// Requirements that are not met and may stand on it.
    pub open: Vec<Choice>,
    pub owners: Vec<Choice>,
    pub risks: Vec<Choice>,
    pub today: String,
    pub text_max: usize,
    /// The item whose form is open; empty when it is the form of a new one.
    pub editing: String,
    pub form: FormState,
}

/// The first words of a sentence about a requirement.
fn title_of(catalog: &Catalog, id: &str) -> (String, String) {
    catalog.requirement(id).map_or_else(Default::default, |r| (r.practice.clone().unwrap_or_default(), r.title.clone()))
}

pub(super) async fn plan_page(ctx: &Ctx, assessment: &Assessment, catalog: &Catalog, editing: String, form: FormState) -> Result<PlanPage, http::Error> {
    let db = &ctx.app.db;
    let fail = |e| told(&ctx.app, e);
    let known = Known::of(db, &assessment.id).await.map_err(|e| fail(e.into()))?;
    let (items, clock) = (item::of(db, &assessment.id).await.map_err(fail)?, clock::of(db, &assessment.id).await.map_err(fail)?);
    let people = state::people(db).await.map_err(|e| fail(e.into()))?;
    let whole = known.whole(catalog);
    let (claimed, (_, scored)) = (whole.claimed(), whole.scores());
    let today = today(ctx);
    let text = |key: &str| ctx.app.text(key, &[]);
    let status_text = |s: Option<Status>| text(&format!("status-{}", s.map_or("unassessed", Status::name).replace('_', "-")));
    let shown = |i: &Item| {
        let (practice, title) = title_of(catalog, &i.requirement);
        let (requirement, status) = (catalog.requirement(&i.requirement), claimed.get(&i.requirement).copied());
        let met = status.is_some_and(Status::is_satisfied);
        let refused = requirement.filter(|_| !met).and_then(|r| poam::may_hold(r, status).err());
        ShownItem {
            id: i.id.to_string(),
            requirement: i.requirement.clone(),
            practice,
            title,
            points: requirement.map_or(0, |r| crate::catalog::score::lost(r, status)),
            status: status_text(status),
            met,
            illegal: refused.map(|r| format!("{} ({})", assess::refusal_text(&ctx.app, &r), r.citation)).unwrap_or_default(),
            weakness: i.weakness.clone(),
            risk: i.risk.clone(),
            remediation: i.remediation.clone(),
            milestones: i.milestones.lines().map(str::to_owned).collect(),
            owner: i.owner_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            owner_name: i.owner.clone().unwrap_or_default(),
            late: !met && i.due_on.as_deref().and_then(|d| d.parse().ok()).is_some_and(|d: jiff::civil::Date| d < today),
            due_on: i.due_on.clone().unwrap_or_default(),
            version: i.version,
            changed_at: i.changed_at,
        }
    };
    let may = |r: &&crate::catalog::Requirement| {
        let status = claimed.get(&r.id).copied();
        status.is_some() && poam::may_hold(r, status).is_ok() && !items.iter().any(|i| i.requirement == r.id)
    };
    let nobody = Choice { value: String::new(), text: text("owner-nobody") };
    let hindrances = poam::hindrances(catalog, &claimed, &scored).into_iter();
    let shown_clock = |c: clock::Clock| {
        let date = c.date()?;
        let (last_day, days_left) = (poam::last_day(date).to_string(), poam::days_left(date, today));
        Some(ShownClock { conditional_on: c.conditional_on, last_day, days_left, closed_out_on: c.closed_out_on })
    };
    Ok(PlanPage {
        id: assessment.id.to_string(),
        name: assessment.name.clone(),
        system: assessment.system.clone(),
        system_href: format!("/assess/systems/{}", assessment.system_id),
        score: scored.score,
        min: poam::SCORE_MIN,
        days: poam::DAYS,
        clock: clock.and_then(shown_clock),
        hindrances: hindrances.map(|r| Hindrance { text: assess::refusal_text(&ctx.app, &r), citation: r.citation }).collect(),
        open: catalog.requirements().filter(may).map(|r| Choice { value: r.id.clone(), text: format!("{} {}", r.id, r.title) }).collect(),
        items: items.iter().map(shown).collect(),
        owners: std::iter::once(nobody).chain(people.into_iter().map(|p| Choice { value: p.id.to_string(), text: p.name })).collect(),
        risks: Risk::ALL.map(|r| Choice { value: r.name().into(), text: text(&format!("risk-{}", r.name())) }).into(),
        today: today.to_string(),
        text_max: TEXT_CHARS_MAX,
        editing,
        form,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::web::tests::render;

    #[test]
    fn the_plan_renders_full_and_bare() {
        let choice = |value: &str| Choice { value: value.into(), text: format!("<i>{value}") };
        let item = |id: &str, met| ShownItem {
            id: id.into(),
            requirement: "3.1.3".into(),
            practice: "AC.L2-3.1.3".into(),
            title: "<i>Flow".into(),
            points: 1,
            status: "Not met".into(),
            met,
            illegal: if met { String::new() } else { "<i>No (32 CFR 170.21(a)(2)(ii))".into() },
            weakness: "<i>w".into(),
            risk: "high".into(),
            remediation: "<i>r".into(),
            milestones: vec!["2026-03-31 <i>m".into()],
            owner: "usr_1".into(),
            owner_name: "<i>Ada".into(),
            due_on: "2026-03-31".into(),
            late: !met,
            version: 2,
            changed_at: 0,
        };
        let clock = |days_left, closed: Option<&str>| {
            Some(ShownClock { conditional_on: "2026-01-01".into(), last_day: "2026-06-30".into(), days_left, closed_out_on: closed.map(str::to_owned) })
        };
        let mut form = FormState::default().keep("weakness", "<i>typed");
        form.wrong("milestones", "No.");
        let page = PlanPage {
            id: "asm_1".into(),
            name: "<i>2026".into(),
            system: "<i>Core".into(),
            system_href: "/assess/systems/sys_1".into(),
            score: Some(91),
            min: 88,
            days: 180,
            clock: None,
            hindrances: vec![Hindrance { text: "<i>no".into(), citation: "32 CFR 170.21(a)(2)(iii)" }],
            items: vec![item("poa_1", false), item("poa_2", true)],
            open: vec![choice("3.1.4")],
            owners: vec![choice(""), choice("usr_1")],
            risks: vec![choice("high"), choice("low")],
            today: "2026-01-15".into(),
            text_max: 4000,
            editing: "poa_1".into(),
            form,
        };
        let shown = render("plans/plan.html", &page);
        assert!(!shown.contains("<i>") && shown.contains("170.21(a)(2)(iii)") && shown.contains("&lt;i&gt;typed"), "{shown}");
        let page = PlanPage { clock: clock(12, None), hindrances: Vec::new(), editing: String::new(), form: FormState::default(), ..page };
        assert!(render("plans/plan.html", &page).contains("12 days"));
        for clock in [clock(-3, None), clock(0, Some("2026-03-01"))] {
            render("plans/plan.html", &PlanPage { clock, items: Vec::new(), open: Vec::new(), score: None, form: FormState::default(), ..page_like(&page) });
        }
    }

    fn page_like(page: &PlanPage) -> PlanPage {
        PlanPage {
            id: page.id.clone(),
            name: page.name.clone(),
            system: page.system.clone(),
            system_href: page.system_href.clone(),
            score: page.score,
            min: page.min,
            days: page.days,
            clock: None,
            hindrances: Vec::new(),
            items: Vec::new(),
            open: Vec::new(),
            owners: page.owners.clone(),
            risks: page.risks.clone(),
            today: page.today.clone(),
            text_max: page.text_max,
            editing: String::new(),
            form: FormState::default(),
        }
    }
}
