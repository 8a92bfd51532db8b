//! One objective: its finding and the work on it, what it rests on, what is said about it, and what happened to it.
//! Must stay true: whoever changes it sends the version they saw; when that is old, both versions are shown and nothing is lost.

use axum::extract::Path;
use axum::http::{StatusCode, Uri};
use serde::Serialize;

use super::derive::Why;
use super::state::{self, Edit, State};
use super::web::{Choice, Head, Named, blame, choices, found, named, owners, permitted, told, why_text};
use super::web_requirement::{day_of, owner_of};
use super::{Assess, COMMENT_CHARS_MAX, Comment, Confirm, Error, Finding, Method, NAME_CHARS_MAX, Stage, TEXT_CHARS_MAX, comments, history, proof};
use crate::core::clock::Micros;
use crate::evidence;
use crate::http::form::{Fields, FormState, Posted};
use crate::http::{self, Answer, App, Ctx, Signed};
use crate::policy::On;

/// Pieces of evidence to choose from.
const CHOICES_MAX: usize = 100;
/// Characters of a search among them.
const Q_CHARS_MAX: usize = 100;

#[derive(Serialize)]
struct ShownLink {
    id: String,
    name: String,
    href: String,
    method: String,
    /// What it is shown by here.
    shown_as: String,
    version: i64,
    versions: i64,
    /// A word of `State`.
    state: &'static str,
    /// Why it holds nothing; empty when it does.
    flaw: String,
    made_by: String,
    made_at: Micros,
    deleted: bool,
}

#[derive(Serialize)]
struct ShownRecord {
    id: String,
    method: String,
    with_whom: String,
    said: String,
    held_on: String,
    /// Why it holds nothing; empty when it does.
    flaw: String,
    made_by: String,
    /// Who confirmed it; empty while it waits for that.
    confirmed_by: String,
    /// May the reader confirm it?
    may_confirm: bool,
}

#[derive(Serialize)]
struct ShownComment {
    text: String,
    by_whom: String,
    made_at: Micros,
}

#[derive(Serialize)]
struct ShownAct {
    seq: i64,
    at: Micros,
    action: String,
    by_whom: String,
    facts: Vec<String>,
}

/// One field of which two versions differ.
#[derive(Serialize)]
struct Differing {
    field: String,
    yours: String,
    theirs: String,
}

#[derive(Serialize)]
struct ObjectivePage {
    assessment: Head,
    id: String,
    text: String,
    requirement: String,
    requirement_title: String,
    requirement_href: String,
    before: Option<String>,
    after: Option<String>,
    version: i64,
    changed_by: String,
    changed_at: Option<Micros>,
    why: String,
    stages: Vec<Choice>,
    findings: Vec<Choice>,
    owners: Vec<Choice>,
    methods: Vec<Choice>,
    links: Vec<ShownLink>,
    records: Vec<ShownRecord>,
    q: String,
    evidence: Vec<Choice>,
    comments: Vec<ShownComment>,
    history: Vec<ShownAct>,
    may_read_trail: bool,
    may_upload: bool,
    differing: Vec<Differing>,
    changed_meanwhile: bool,
    today: String,
    name_max: usize,
    text_max: usize,
    comment_max: usize,
    form: FormState,
}

/// A form with what an edit says.
fn kept(edit: &Edit, form: FormState) -> FormState {
    let form = form.keep("stage", edit.stage.name()).keep("finding", edit.finding.map_or("", Finding::name));
    let form = form.keep("because", edit.because.as_str()).keep("notes", edit.notes.as_str());
    let form = form.keep("owner", edit.owner.as_ref().map_or("", crate::core::id::PersonId::as_str));
    form.keep("due_on", edit.due_on.map_or_else(String::new, |d| d.to_string()))
}

/// What the page shows beside what lies in the database.
#[derive(Default)]
pub(super) struct Shown {
    pub form: FormState,
    /// Search among the evidence.
    pub q: String,
    /// What somebody wanted to make of it, and could not: it is another by now.
    pub refused: Option<Edit>,
}

pub(super) async fn get_objective(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>, uri: Uri) -> Answer {
    let named = named(&ctx, &id).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let q: String = query.optional("q")?.unwrap_or_default().trim().chars().take(Q_CHARS_MAX).collect();
    query.finish()?;
    let page = objective_page(&ctx, &named, &name, Shown { q, ..Shown::default() }).await?;
    ctx.page("assess/objective.html", page).await
}

/// The page again, with what was wrong with a form of it.
pub(super) async fn again(ctx: &Ctx, named: &Named, name: &str, form: FormState) -> Answer {
    let page = objective_page(ctx, named, name, Shown { form, ..Shown::default() }).await?;
    ctx.again("assess/objective.html", page).await
}

async fn objective_page(ctx: &Ctx, named: &Named, name: &str, shown: Shown) -> Result<ObjectivePage, http::Error> {
    let (requirement, objective) = named.objective(name)?;
    let (db, app, id) = (&ctx.app.db, &ctx.app, &named.assessment.id);
    let fail = |e: Error| told(app, e);
    let state = state::one(db, id, name).await.map_err(fail)?;
    let links = proof::links(db, id, Some(name)).await.map_err(fail)?;
    let records = proof::records(db, id, Some(name)).await.map_err(fail)?;
    let said = comments(db, id, name).await.map_err(fail)?;
    let acts = history::of(db, id, &requirement.id, name).await.map_err(fail)?;
    let look = evidence::Look { q: shown.q.clone(), ..evidence::Look::default() };
    let library = evidence::page(db, &look, CHOICES_MAX).await?;
    let word = |prefix: &str, word: &str| app.text(&format!("{prefix}-{}", word.replace('_', "-")), &[]);
    let states: Vec<State> = state.clone().into_iter().collect();
    let whole = super::derive::whole(&named.catalog, &states, &[], &links, &records);
    let why = whole.objectives().find(|o| o.objective.id == name).and_then(|o| o.why);
    let all: Vec<&str> = named.catalog.requirements().flat_map(|r| &r.objectives).map(|o| o.id.as_str()).collect();
    let place = all.iter().position(|o| *o == name).unwrap_or_default();
    let owners = owners(ctx).await?;
    let now = Edit::of(state.as_ref());
    let mut form = shown.form;
    let kept_values = kept(shown.refused.as_ref().unwrap_or(&now), FormState::default()).values;
    for (field, value) in kept_values {
        form.values.entry(field).or_insert(value);
    }
    form.values.entry("method".to_owned()).or_insert_with(|| "examine".into());
    // A link goes to all versions, so that one of them is enough to choose from.
    let mut offered = std::collections::BTreeSet::new();
    let mut free = |e: &evidence::Evidence| links.iter().all(|l| l.evidence_id != e.line_id) && offered.insert(e.line_id.clone());
    let of: Vec<(&[String], &str)> = links.iter().map(|l| (l.tags.as_slice(), l.name.as_str())).collect();
    let names = super::naming::names(requirement, &objective.id, &of);
    Ok(ObjectivePage {
        assessment: Head::from(named),
        id: objective.id.clone(),
        text: objective.text.clone().unwrap_or_default(),
        requirement: requirement.id.clone(),
        requirement_title: requirement.title.clone(),
        requirement_href: named.requirement_href(&requirement.id),
        before: place.checked_sub(1).map(|n| named.objective_href(all[n])),
        after: all.get(place + 1).map(|o| named.objective_href(o)),
        version: state.as_ref().map_or(0, |s| s.version),
        changed_by: state.as_ref().map_or_else(String::new, |s| s.changed_by.clone()),
        changed_at: state.as_ref().map(|s| s.changed_at),
        why: why.map(|w| why_text(app, w)).unwrap_or_default(),
        stages: choices(app, None, "stage", Stage::ALL.map(Stage::name)),
        findings: choices(app, Some("finding-none-yet"), "finding", Finding::ALL.map(Finding::name)),
        differing: shown.refused.as_ref().map(|yours| differing(&word, &owners, yours, &now)).unwrap_or_default(),
        changed_meanwhile: shown.refused.is_some(),
        owners,
        methods: choices(app, None, "method", Method::ALL.map(Method::name)),
        evidence: library.items.iter().filter(|e| free(e)).map(|e| Choice { value: e.id.to_string(), text: e.name.clone() }).collect(),
        links: links.iter().zip(names).map(|(l, name)| shown_link(app, l, name)).collect(),
        records: records.into_iter().map(|r| shown_record(ctx, r)).collect(),
        q: shown.q,
        comments: said.into_iter().map(|Comment { text, by_whom, made_at, .. }| ShownComment { text, by_whom, made_at }).collect(),
        history: acts.into_iter().map(|a| shown_act(ctx, a)).collect(),
        may_read_trail: app.policy.scopes_of(&ctx.actor.roles).contains(&"trail.read"),
        may_upload: app.policy.can::<evidence::Upload>(&ctx.actor, &On::any("evidence")),
        today: super::web::today(ctx).to_string(),
        name_max: NAME_CHARS_MAX,
        text_max: TEXT_CHARS_MAX,
        comment_max: COMMENT_CHARS_MAX,
        form,
    })
}

fn flaw_text(app: &App, flaw: Option<evidence::Flaw>) -> String {
    flaw.map(|f| why_text(app, Why::Flawed(f))).unwrap_or_default()
}

fn shown_link(app: &App, link: &proof::Linked, shown_as: String) -> ShownLink {
    ShownLink {
        id: link.evidence_id.to_string(),
        name: link.name.clone(),
        href: format!("/evidence/{}#{}", link.version_id, link.flaw.map_or("state", evidence::Flaw::mends)),
        method: app.text(&format!("method-{}", link.method), &[]),
        shown_as,
        version: link.number,
        versions: link.versions,
        state: link.state.name(),
        flaw: flaw_text(app, link.flaw),
        made_by: link.made_by.clone(),
        made_at: link.made_at,
        deleted: link.deleted_at.is_some(),
    }
}

fn shown_record(ctx: &Ctx, r: proof::Recorded) -> ShownRecord {
    let (app, actor) = (&ctx.app, &ctx.actor);
    ShownRecord {
        may_confirm: r.confirmed.is_none() && actor.person() != Some(&r.maker) && app.policy.can::<Confirm>(actor, &On::any("objective")),
        id: r.id.to_string(),
        method: app.text(&format!("method-{}", r.method), &[]),
        with_whom: r.with_whom,
        said: r.said,
        held_on: r.held_on,
        flaw: flaw_text(app, r.flaw),
        made_by: r.made_by,
        confirmed_by: r.confirmed.map(|(who, _)| who).unwrap_or_default(),
    }
}

fn shown_act(ctx: &Ctx, act: history::Act) -> ShownAct {
    let fact = |(name, value): (String, String)| {
        let prefix = match name.as_str() {
            "stage" | "finding" | "method" => name.clone(),
            _ => String::new(),
        };
        let key = format!("{prefix}-{}", value.replace('_', "-"));
        let value = if !prefix.is_empty() && ctx.app.templates.texts.has(&key) { ctx.app.text(&key, &[]) } else { value };
        format!("{}: {value}", ctx.app.text(&format!("fact-{}", name.replace('_', "-")), &[]))
    };
    ShownAct {
        seq: act.seq,
        at: act.at,
        action: ctx.app.text(&format!("action-{}", act.action.replace(['.', '_'], "-")), &[]),
        by_whom: act.by_whom.unwrap_or_default(),
        facts: act.facts.into_iter().map(fact).collect(),
    }
}

/// The fields of which two versions differ, in words.
fn differing(word: &impl Fn(&str, &str) -> String, owners: &[Choice], yours: &Edit, theirs: &Edit) -> Vec<Differing> {
    let owner = |e: &Edit| {
        e.owner.as_ref().map_or_else(String::new, |id| owners.iter().find(|o| o.value == id.as_str()).map_or_else(|| id.to_string(), |o| o.text.clone()))
    };
    let finding = |e: &Edit| e.finding.map_or_else(String::new, |f| word("finding", f.name()));
    let due = |e: &Edit| e.due_on.map_or_else(String::new, |d| d.to_string());
    let stage = |e: &Edit| word("stage", e.stage.name());
    let all = [
        ("stage", stage(yours), stage(theirs)),
        ("finding", finding(yours), finding(theirs)),
        ("because", yours.because.clone(), theirs.because.clone()),
        ("notes", yours.notes.clone(), theirs.notes.clone()),
        ("owner", owner(yours), owner(theirs)),
        ("due_on", due(yours), due(theirs)),
    ];
    let told = |(field, yours, theirs): (&str, String, String)| Differing { field: word("field", field), yours, theirs };
    all.into_iter().filter(|(_, yours, theirs)| yours != theirs).map(told).collect()
}

pub(super) async fn post_objective(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = permitted::<Assess>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let mut take = |field: &str| fields.one(field);
    let (stage, finding, because, notes) = (take("stage")?, take("finding")?, take("because")?, take("notes")?);
    let (owner, due, version) = (take("owner")?, take("due_on")?, take("version")?);
    fields.finish()?;
    let seen: i64 = version.parse().map_err(|_| http::Error::field("version", "must be a number"))?;
    let mut form = FormState::default().keep("stage", stage.as_str()).keep("finding", finding.as_str()).keep("because", because.as_str());
    form = form.keep("notes", notes.as_str()).keep("owner", owner.as_str()).keep("due_on", due.as_str());
    let wrong = |field, code| Error::Field { field, code };
    let stage = stage.parse().map_err(|()| wrong("stage", "stage-unknown"));
    let finding = if finding.is_empty() { Ok(None) } else { finding.parse().map(Some).map_err(|()| wrong("finding", "finding-unknown")) };
    let edit = match (stage, finding, owner_of(&ctx, &owner).await?, day_of("due_on", &due)) {
        (Ok(stage), Ok(finding), Ok(owner), Ok(due_on)) => Edit { stage, finding, because, notes, owner, due_on },
        (stage, finding, owner, due_on) => {
            for error in [stage.err(), finding.err(), owner.err(), due_on.err()].into_iter().flatten() {
                blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            }
            return again(&ctx, &named, &name, form).await;
        }
    };
    let before = state::one(&ctx.app.db, &named.assessment.id, &name).await.map_err(|e| told(&ctx.app, e))?;
    match state::assess(&ctx.app.db, permit, &person, (&named.assessment.id, &name), seen, before.as_ref(), edit.clone()).await {
        Ok(_) => Ok(ctx.go(&named.objective_href(&name), "objective-kept")),
        Err(Error::Changed) => {
            let page = objective_page(&ctx, &named, &name, Shown { refused: Some(edit), ..Shown::default() }).await?;
            let mut response = ctx.page("assess/objective.html", page).await?;
            *response.status_mut() = StatusCode::PRECONDITION_FAILED;
            Ok(response)
        }
        Err(error) => {
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            again(&ctx, &named, &name, form).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::web::tests::render;

    fn choice(value: &str) -> Vec<Choice> {
        vec![Choice { value: value.into(), text: format!("<i>{value}") }]
    }

    #[test]
    fn an_objective_renders_full_and_bare() {
        let head = Head {
            id: "asm_1".into(),
            name: "2026".into(),
            system: "Core".into(),
            system_href: "/assess/systems/sys_1".into(),
            framework: "r2".into(),
            made_by: "Ada".into(),
            made_at: 0,
        };
        let link = |deleted| ShownLink {
            id: "evd_1".into(),
            name: "<i>a.pdf".into(),
            href: "/evidence/evd_1".into(),
            method: "Examined".into(),
            shown_as: "AC-3.01.01.a.pdf".into(),
            version: 1,
            versions: 2,
            state: "draft",
            flaw: "<i>a draft".into(),
            made_by: "Ada".into(),
            made_at: 0,
            deleted,
        };
        let mut form = kept(&Edit { notes: "<b>".into(), ..Edit::default() }, FormState::default()).keep("method", "examine");
        form.wrong("stage", "No.");
        let full = ObjectivePage {
            assessment: head,
            id: "3.1.1[a]".into(),
            text: "<i>users".into(),
            requirement: "3.1.1".into(),
            requirement_title: "Users".into(),
            requirement_href: "/r".into(),
            before: Some("/before".into()),
            after: Some("/after".into()),
            version: 4,
            changed_by: "Ada".into(),
            changed_at: Some(0),
            why: "Rests on nothing".into(),
            stages: choice("not_started"),
            findings: choice("met"),
            owners: choice(""),
            methods: choice("examine"),
            links: vec![link(false), link(true)],
            records: vec![ShownRecord {
                id: "rec_1".into(),
                method: "Interviewed".into(),
                with_whom: "<i>Bo".into(),
                said: "yes\nno".into(),
                held_on: "2026-01-01".into(),
                flaw: "<i>of another time".into(),
                made_by: "Ada".into(),
                confirmed_by: "<i>Ben".into(),
                may_confirm: true,
            }],
            q: "a".into(),
            evidence: choice("evd_2"),
            comments: vec![ShownComment { text: "<i>well".into(), by_whom: "Ada".into(), made_at: 0 }],
            history: vec![ShownAct { seq: 7, at: 0, action: "Assess".into(), by_whom: String::new(), facts: vec!["Stage: <i>".into()] }],
            may_read_trail: true,
            may_upload: true,
            differing: vec![Differing { field: "Notes".into(), yours: "<i>mine".into(), theirs: "theirs".into() }],
            changed_meanwhile: true,
            today: "2026-01-01".into(),
            name_max: 120,
            text_max: 4000,
            comment_max: 2000,
            form,
        };
        let shown = render("assess/objective.html", &full);
        assert!(shown.contains("name=\"version\" value=\"4\"") && shown.contains("&lt;i&gt;mine") && !shown.contains("<i>"), "{shown}");
        let bare = ObjectivePage {
            text: String::new(),
            before: None,
            after: None,
            changed_at: None,
            why: String::new(),
            links: Vec::new(),
            records: Vec::new(),
            evidence: Vec::new(),
            comments: Vec::new(),
            history: Vec::new(),
            may_read_trail: false,
            differing: Vec::new(),
            changed_meanwhile: false,
            ..full
        };
        render("assess/objective.html", &bare);
    }
}
