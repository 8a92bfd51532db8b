//! The desk: a whole assessment on one page, families, requirements and objectives folded into each other, with what narrows it.
//! Must stay true: one page whatever the framework, nothing of it loaded later; filters are an address that can be kept.

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::derive::{ObjectiveView, RequirementView, Whole};
use super::web::{Choice, Head, Named, choices, finding_kind, named, today, why_text};
use super::{Stage, sql};
use crate::catalog::score::Status;
use crate::core::clock::Micros;
use crate::core::fault::Context as _;
use crate::core::id::PersonId;
use crate::core::text::fold;
use crate::http::ctx::encode;
use crate::http::form::Fields;
use crate::http::{self, Answer, App, Ctx, Signed};

/// What the page can be narrowed to.
const SHOW: [&str; 5] = ["mine", "due", "stale", "not_met", "open"];
/// Characters of a search.
const Q_CHARS_MAX: usize = 100;
/// Days in which something is due.
const DUE_DAYS: i64 = 14;

#[derive(Serialize)]
struct Row {
    href: String,
    label: String,
    text: String,
    stage: String,
    stage_kind: &'static str,
    finding: String,
    finding_kind: &'static str,
    /// Why it is not verified, and the part of its page that mends it.
    why: String,
    mends: &'static str,
    owner: String,
    due_on: String,
    late: bool,
    rests: usize,
    comments: i64,
}

#[derive(Serialize)]
struct ShownRequirement {
    href: String,
    id: String,
    practice: String,
    title: String,
    status: String,
    kind: &'static str,
    points: Option<i64>,
    done: usize,
    total: usize,
    open: bool,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct ShownFamily {
    id: String,
    title: String,
    met: usize,
    total: usize,
    verified: usize,
    objectives: usize,
    open: bool,
    requirements: Vec<ShownRequirement>,
}

#[derive(Serialize)]
struct Figures {
    scored: bool,
    verified: Option<i64>,
    projected: Option<i64>,
    objectives: usize,
    proven: usize,
    complete: usize,
    examined: usize,
    interviewed: usize,
    tested: usize,
}

#[derive(Serialize)]
struct DeskPage {
    assessment: Head,
    figures: Figures,
    q: String,
    show: String,
    shows: Vec<Choice>,
    clear: Option<String>,
    shown: usize,
    families: Vec<ShownFamily>,
}

/// What narrows the page.
struct Narrow<'a> {
    q: String,
    show: &'a str,
    me: &'a PersonId,
    now: Micros,
    due_before: String,
}

impl Narrow<'_> {
    fn is_empty(&self) -> bool {
        self.q.is_empty() && self.show.is_empty()
    }

    fn fits(&self, family: &str, r: &RequirementView<'_>, o: &ObjectiveView<'_>) -> bool {
        let state = o.state;
        let shown = match self.show {
            "mine" => state.is_some_and(|s| s.owner_id.as_ref() == Some(self.me)),
            "due" => o.stage() != Stage::Complete && state.and_then(|s| s.due_on.as_deref()).is_some_and(|d| d <= self.due_before.as_str()),
            "stale" => o.is_stale(self.now),
            "not_met" => state.is_some_and(|s| s.finding.as_deref() == Some("not_met")),
            "open" => o.why.is_some(),
            _ => true,
        };
        let found = || {
            let requirement = r.requirement;
            let texts = [Some(o.objective.id.as_str()), o.objective.text.as_deref(), Some(&requirement.title), requirement.practice.as_deref()];
            let more = [requirement.statement.as_deref(), Some(family), state.map(|s| s.notes.as_str())];
            texts.into_iter().chain(more).flatten().any(|t| fold(t).contains(&self.q))
        };
        shown && (self.q.is_empty() || found())
    }
}

pub(super) async fn get_desk(Signed { ctx, person }: Signed, Path(id): Path<String>, uri: Uri) -> Answer {
    let named = named(&ctx, &id).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let q: String = query.optional("q")?.unwrap_or_default().trim().chars().take(Q_CHARS_MAX).collect();
    let show = query.optional("show")?.unwrap_or_default();
    query.finish()?;
    if !show.is_empty() && !SHOW.contains(&show.as_str()) {
        return Err(http::Error::field("show", ctx.app.text("error-show", &[])));
    }
    let known = named.known(&ctx).await?;
    let whole = known.whole(&named.catalog);
    let comments: Vec<(String, i64)> = ctx.app.db.query(sql::COUNT_COMMENTS).bind(&named.assessment.id).all().await.context("count comments")?;
    let soon = today(&ctx).saturating_add(jiff::Span::new().days(DUE_DAYS));
    let narrow = Narrow { q: fold(&q), show: &show, me: &person, now: ctx.now(), due_before: soon.to_string() };
    let families = families(&ctx, &named, &whole, &narrow, &comments);
    let page = DeskPage {
        figures: figures(&named, &whole),
        shown: families.iter().flat_map(|f| &f.requirements).map(|r| r.rows.len()).sum(),
        shows: choices(&ctx.app, Some("show-all"), "show", SHOW),
        clear: (!narrow.is_empty()).then(|| format!("/assess/{}", named.assessment.id)),
        assessment: Head::from(&named),
        q,
        show: show.clone(),
        families,
    };
    ctx.page("assess/desk.html", page).await
}

fn figures(named: &Named, whole: &Whole<'_>) -> Figures {
    let (verified, claimed) = whole.scores();
    let [examined, interviewed, tested] = whole.coverage();
    Figures {
        scored: named.catalog.is_scored(),
        verified: verified.score,
        projected: claimed.score,
        objectives: whole.objectives().count(),
        proven: whole.objectives().filter(|o| o.why.is_none()).count(),
        complete: whole.objectives().filter(|o| o.stage() == Stage::Complete).count(),
        examined,
        interviewed,
        tested,
    }
}

fn status_of(app: &App, status: Option<Status>) -> (String, &'static str) {
    let (name, kind) = match status {
        Some(Status::Met) => ("met", "good"),
        Some(Status::NotApplicable) => ("not-applicable", "good"),
        Some(Status::Partial) => ("partial", "warn"),
        Some(Status::NotMet) => ("not-met", "bad"),
        None => ("unassessed", "plain"),
    };
    (app.text(&format!("status-{name}"), &[]), kind)
}

fn families(ctx: &Ctx, named: &Named, whole: &Whole<'_>, narrow: &Narrow<'_>, comments: &[(String, i64)]) -> Vec<ShownFamily> {
    let (app, today, base) = (&ctx.app, today(ctx).to_string(), format!("/assess/{}", named.assessment.id));
    let word = |prefix: &str, word: &str| app.text(&format!("{prefix}-{}", word.replace('_', "-")), &[]);
    let row = |o: &ObjectiveView<'_>, of: &str| {
        let finding = o.finding().map_or("", super::Finding::name);
        let due_on = o.state.and_then(|s| s.due_on.clone()).unwrap_or_default();
        Row {
            href: format!("{base}/objectives/{}", encode(&o.objective.id)),
            label: o.objective.id.strip_prefix(of).filter(|l| !l.is_empty()).unwrap_or(&o.objective.id).to_owned(),
            text: o.objective.text.clone().unwrap_or_default(),
            stage: word("stage", o.stage().name()),
            stage_kind: match o.stage() {
                Stage::NotStarted => "plain",
                Stage::Complete => "good",
                Stage::InProgress | Stage::EvidenceCollected | Stage::Reviewed => "",
            },
            finding: if finding.is_empty() { String::new() } else { word("finding", finding) },
            finding_kind: finding_kind(finding),
            why: o.why.map(|w| why_text(app, w)).unwrap_or_default(),
            mends: o.why.map_or("finding", super::derive::Why::mends),
            owner: o.state.and_then(|s| s.owner.clone()).unwrap_or_default(),
            late: !due_on.is_empty() && due_on < today && o.stage() != Stage::Complete,
            due_on,
            rests: o.rests.links + o.rests.records,
            comments: comments.iter().find(|(id, _)| *id == o.objective.id).map_or(0, |(_, n)| *n),
        }
    };
    let requirement = |r: &RequirementView<'_>, family: &str| {
        let rows: Vec<Row> = r.objectives.iter().filter(|o| narrow.fits(family, r, o)).map(|o| row(o, &r.requirement.id)).collect();
        let (status, kind) = status_of(app, r.verified);
        ShownRequirement {
            href: format!("{base}/requirements/{}", encode(&r.requirement.id)),
            id: r.requirement.id.clone(),
            practice: r.requirement.practice.clone().unwrap_or_default(),
            title: r.requirement.title.clone(),
            status,
            kind,
            points: r.requirement.points,
            done: r.objectives.iter().filter(|o| o.why.is_none()).count(),
            total: r.objectives.len(),
            open: !narrow.is_empty(),
            rows,
        }
    };
    let mut out = Vec::new();
    for f in &whole.families {
        let all: Vec<&ObjectiveView<'_>> = f.requirements.iter().flat_map(|r| &r.objectives).collect();
        let title = f.family.title.clone();
        let requirements: Vec<_> = f.requirements.iter().map(|r| requirement(r, &title)).filter(|r| !r.rows.is_empty()).collect();
        if requirements.is_empty() {
            continue;
        }
        out.push(ShownFamily {
            id: f.family.id.clone(),
            title,
            met: f.requirements.iter().filter(|r| r.verified.is_some_and(Status::is_satisfied)).count(),
            total: f.requirements.len(),
            verified: all.iter().filter(|o| o.why.is_none()).count(),
            objectives: all.len(),
            open: !narrow.is_empty(),
            requirements,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::web::tests::render;

    #[test]
    fn the_desk_renders_full_and_bare() {
        let head = || Head {
            id: "asm_1".into(),
            name: "<b>2026".into(),
            system: "Core".into(),
            system_href: "/assess/systems/sys_1".into(),
            framework: "r2".into(),
            made_by: "Ada".into(),
            made_at: 0,
        };
        let figures = || Figures {
            scored: true,
            verified: Some(-12),
            projected: Some(88),
            objectives: 320,
            proven: 10,
            complete: 9,
            examined: 8,
            interviewed: 7,
            tested: 6,
        };
        let row = Row {
            href: "/assess/asm_1/objectives/3.1.1%5Ba%5D".into(),
            label: "[a]".into(),
            text: "<i>users".into(),
            stage: "In progress".into(),
            stage_kind: "",
            finding: "Met".into(),
            finding_kind: "good",
            why: "Rests on nothing".into(),
            mends: "evidence",
            owner: "Ada".into(),
            due_on: "2026-01-01".into(),
            late: true,
            rests: 2,
            comments: 1,
        };
        let bare_row = Row {
            finding: String::new(),
            why: String::new(),
            owner: String::new(),
            due_on: String::new(),
            late: false,
            rests: 0,
            comments: 0,
            text: String::new(),
            ..Row { href: "/x".into(), label: "[b]".into(), stage: "Not started".into(), ..dup(&row) }
        };
        let requirement = ShownRequirement {
            href: "/assess/asm_1/requirements/3.1.1".into(),
            id: "3.1.1".into(),
            practice: "AC.L2-3.1.1".into(),
            title: "<i>Users".into(),
            status: "Not met".into(),
            kind: "bad",
            points: Some(5),
            done: 1,
            total: 6,
            open: true,
            rows: vec![row, bare_row],
        };
        let family = ShownFamily {
            id: "3.1".into(),
            title: "Access".into(),
            met: 1,
            total: 22,
            verified: 3,
            objectives: 70,
            open: true,
            requirements: vec![requirement],
        };
        let full = DeskPage {
            assessment: head(),
            figures: figures(),
            q: "<i>".into(),
            show: "mine".into(),
            shows: vec![Choice { value: "mine".into(), text: "Mine".into() }],
            clear: Some("/assess/asm_1".into()),
            shown: 2,
            families: vec![family],
        };
        let shown = render("assess/desk.html", &full);
        assert!(shown.contains("&lt;i&gt;users") && shown.contains("#evidence") && !shown.contains("<b>2026"), "{shown}");
        let bare =
            DeskPage { figures: Figures { scored: true, verified: None, projected: None, ..figures() }, families: Vec::new(), clear: None, shown: 0, ..full };
        render("assess/desk.html", &bare);
    }

    fn dup(row: &Row) -> Row {
        Row {
            href: row.href.clone(),
            label: row.label.clone(),
            text: row.text.clone(),
            stage: row.stage.clone(),
            finding: row.finding.clone(),
            why: row.why.clone(),
            owner: row.owner.clone(),
            due_on: row.due_on.clone(),
            ..*row
        }
    }
}
