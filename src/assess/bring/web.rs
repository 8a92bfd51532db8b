//! Pages of imports: bringing a tracker in, what it would do, taking it over.
//! Must stay true: who may is asked before the body is read; nothing is changed before the report was shown.

use axum::extract::{Path, Request};
use axum::http::StatusCode;
use serde::Serialize;

use super::archive::{self, ARCHIVE_BYTES_MAX, ArchiveError, FILES_MAX};
use super::names::Ids;
use super::plan::{FilePlan, Plan, Source};
use super::sheet::{self, ROWS_MAX, Row};
use super::{ApplyError, Brought, SHEET_BYTES_MAX, Use, apply, find, look, newest, set_aside, stage, table_of};
use crate::assess::web::{Head, Named, found, named, permitted, told};
use crate::assess::{BringIn, Error, SetAside, TakeOver};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{PersonId, TrackerId};
use crate::evidence::web::quota;
use crate::evidence::web_bulk::{Raw, take_raw};
use crate::http::form::FormState;
use crate::http::{self, Answer, App, Ctx, Posted, Routes, Rule, Signed};
use crate::identity::throttle;
use crate::policy::Permit;
use crate::repeat::{Key, Once, Repeat};

/// Rows, and files, that a page shows; the API gives all.
const SHOWN_MAX: usize = 400;
/// What may be brought.
const EXTENSIONS: [&str; 4] = ["csv", "txt", "xlsx", "zip"];

pub(in crate::assess) fn routes() -> Routes {
    Routes::new()
        .get("/assess/{id}/import", Rule::Act("assess.read"), get_bring)
        .post("/assess/{id}/import", Rule::Act("tracker.stage"), post_bring)
        .get("/assess/imports/{id}", Rule::Act("assess.read"), get_report)
        .post("/assess/imports/{id}/apply", Rule::Act("tracker.apply"), post_apply)
        .post("/assess/imports/{id}/cancel", Rule::Act("tracker.cancel"), post_cancel)
        .and(super::web_api::routes())
}

#[derive(Serialize)]
struct Listed {
    href: String,
    names: Vec<String>,
    state: String,
    by: String,
    at: Micros,
}

#[derive(Serialize)]
struct BringPage {
    assessment: Head,
    items: Vec<Listed>,
    rows_max: usize,
    files_max: usize,
    bytes_max: u64,
    file_max: u64,
    may_upload: bool,
    form: FormState,
}

fn state_text(app: &App, brought: &Brought) -> String {
    app.text(&format!("bring-state-{}", brought.state()), &[])
}

fn names(brought: &Brought) -> Vec<String> {
    [&brought.sheet_name, &brought.archive_name].into_iter().flatten().cloned().collect()
}

async fn bring_page(ctx: &Ctx, named: &Named, form: FormState) -> Result<BringPage, http::Error> {
    let listed = |b: &Brought| Listed {
        href: format!("/assess/imports/{}", b.id),
        names: names(b),
        state: state_text(&ctx.app, b),
        by: b.person.clone(),
        at: b.made_at,
    };
    let items = newest(&ctx.app.db, &named.assessment.id).await?.iter().map(listed).collect();
    Ok(BringPage {
        assessment: Head::from(named),
        items,
        rows_max: ROWS_MAX,
        files_max: FILES_MAX,
        bytes_max: ARCHIVE_BYTES_MAX,
        file_max: ctx.app.policies.uploads.bytes_max,
        may_upload: ctx.app.policy.scopes_of(&ctx.actor.roles).contains(&"evidence.upload"),
        form,
    })
}

async fn get_bring(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let named = named(&ctx, &id).await?;
    let page = bring_page(&ctx, &named, FormState::default()).await?;
    ctx.page("assess/bring.html", page).await
}

async fn post_bring(Signed { ctx, person }: Signed, Path(id): Path<String>, request: Request) -> Answer {
    let permit = permitted::<BringIn>(&ctx, "assessment", &id, "").await?;
    ctx.app.db.ready_for(&permit)?;
    match take(&ctx, &person, permit, &id, request, None).await {
        Ok(once) => Ok(ctx.go(&format!("/assess/imports/{}", once.answer), "tracker-staged")),
        Err(Refusal::File(says)) => {
            let mut form = FormState::default();
            form.wrong("file", says);
            let named = found(&ctx, &id).await?;
            let page = bring_page(&ctx, &named, form).await?;
            ctx.again("assess/bring.html", page).await
        }
        Err(Refusal::Told(error)) => Err(error),
    }
}

/// Why nothing was brought in.
pub(super) enum Refusal {
    /// In words.
    File(String),
    Told(http::Error),
}

impl<E: Into<http::Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Told(error.into())
    }
}

fn is_archive(raw: &Raw) -> bool {
    raw.kind.extension == ".zip"
}

/// What makes a request the same as an earlier one, as the record of it will have it.
fn repeat_of(app: &App, key: &Key, named: &Named, files: &[Raw]) -> Result<Repeat, Fault> {
    let source = |of: bool| files.iter().find(|&raw| is_archive(raw) == of).map(|raw| Source { name: raw.name.clone(), sha256: raw.incoming.sha256() });
    key.clone().with(&app.db, &(&named.assessment.id, source(false), source(true)))
}

/// Takes a form with a table, an archive or both, looks at them, and records what they would do.
pub(super) async fn take(
    ctx: &Ctx,
    person: &PersonId,
    permit: Permit<BringIn>,
    id: &str,
    request: Request,
    key: Option<Key>,
) -> Result<Once<TrackerId>, Refusal> {
    let app = &ctx.app;
    let says = |code: &str, there: &str| {
        let max = SHEET_BYTES_MAX >> 20;
        Refusal::File(app.text(&format!("error-{code}"), &[("there", there), ("max", &max.to_string()), ("files", &FILES_MAX.to_string())]))
    };
    let extensions = EXTENSIONS.map(str::to_owned);
    let (mut files, fields) = match take_raw(ctx, request, &["sheet"], (&extensions, ARCHIVE_BYTES_MAX), 2).await {
        Ok(taken) => taken,
        // A file of another kind is told in the form, as everything that is wrong with one.
        Err(error) if error.status == StatusCode::UNSUPPORTED_MEDIA_TYPE && error.code != "not_multipart" => {
            return Err(Refusal::File(error.detail.unwrap_or_default()));
        }
        Err(error) => return Err(error.into()),
    };
    // Only now: the form's token comes first.
    let named = found(ctx, id).await?;
    if files.is_empty() {
        return Err(says("bring-missing", ""));
    }
    if files.len() == 2 && is_archive(&files[0]) == is_archive(&files[1]) {
        return Err(says("bring-two", ""));
    }
    let wanted = fields.get("sheet").filter(|s| !s.trim().is_empty()).cloned();
    // What an archive holds is kept as it is read: so whatever else can be wrong comes first.
    files.sort_by_key(is_archive);
    let (mut table, mut archived) = (None, None);
    if let Some(key) = &key
        && let Some(answer) = repeat_of(app, key, &named, &files)?.look(&app.db).await?
    {
        return Ok(Once::again(answer));
    }
    for mut raw in files {
        let source = Source { name: raw.name.clone(), sha256: raw.incoming.sha256() };
        let file = raw.incoming.reread().await?;
        if is_archive(&raw) {
            let tags = crate::evidence::tags::all(&app.db).await.map_err(http::Error::from)?;
            let tags: Vec<String> = tags.into_iter().filter(|t| t.retired_at.is_none()).map(|t| t.code).collect();
            match archive::look_through(app, person, file, &named.catalog, &tags).await {
                Ok(files) => archived = Some((source, files)),
                Err(ArchiveError::Told(code)) => return Err(says(&code, "")),
                Err(ArchiveError::Inside(error)) => return Err(Refusal::Told(told(app, error))),
            }
        } else {
            let name = wanted.clone();
            let read = tokio::task::spawn_blocking(move || table_of(file, name.as_deref())).await.context("read a table")?;
            let rows = read.map_err(|(code, there)| says(&code, &there))?;
            sheet::read(&Ids::of(&named.catalog), &rows).map_err(|code| says(code, ""))?;
            table = Some((source, rows));
        }
    }
    let looked = look(app, &named.assessment.id, &named.catalog, table, archived).await;
    let plan = looked.map_err(|e| Refusal::Told(told(app, e)))?.map_err(|code| says(code, ""))?;
    let once = stage(&app.db, permit, person, &named.assessment.id, &plan, key).await;
    let once = once.map_err(|e| Refusal::Told(told(app, e)))?;
    if plan.archive.is_some() && !once.again {
        throttle::forgive_archive(&app.db, person).await.map_err(|e| Fault::with("count an archive", e))?;
    }
    Ok(once)
}

/// The import a path names, with its assessment.
pub(super) async fn one(ctx: &Ctx, id: &str) -> Result<(Brought, Named), http::Error> {
    let id: TrackerId = id.parse().map_err(|_| http::Error::not_found())?;
    let brought = find(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)?;
    let named = found(ctx, brought.assessment_id.as_str()).await?;
    Ok((brought, named))
}

#[derive(Serialize)]
struct ShownColumn {
    name: String,
    of: String,
}

#[derive(Serialize)]
struct ShownRow {
    line: u64,
    id: String,
    objectives: usize,
    stage: String,
    finding: String,
    told: Vec<String>,
    refused: String,
}

#[derive(Serialize)]
struct ShownFile {
    path: String,
    size: u64,
    objectives: Vec<String>,
    tags: Vec<String>,
    what: String,
    href: Option<String>,
    refused: String,
}

#[derive(Serialize)]
struct ReportPage {
    assessment: Head,
    id: String,
    names: Vec<String>,
    state: String,
    by: String,
    at: Micros,
    waits: bool,
    does: bool,
    may_apply: bool,
    columns: Vec<ShownColumn>,
    changes: usize,
    fresh: usize,
    bytes: u64,
    refused: usize,
    rows: Vec<ShownRow>,
    rows_more: usize,
    files: Vec<ShownFile>,
    files_more: usize,
    form: FormState,
}

fn error_text(app: &App, code: Option<&String>) -> String {
    code.map(|code| app.text(&format!("error-{code}"), &[("types", &app.policies.uploads.extensions.join(", "))])).unwrap_or_default()
}

fn shown_row(app: &App, row: &Row) -> ShownRow {
    let word = |prefix: &str, word: &str| app.text(&format!("{prefix}-{}", word.replace('_', "-")), &[]);
    ShownRow {
        line: row.line,
        id: row.id.clone(),
        objectives: row.objectives.len(),
        stage: row.stage.map(|s| word("stage", s.name())).unwrap_or_default(),
        finding: row.finding.map(|f| word("finding", f.name())).unwrap_or_default(),
        told: row.told.iter().map(|t| app.text(&format!("bring-told-{t}"), &[])).collect(),
        refused: error_text(app, row.refused.as_ref()),
    }
}

fn shown_file(app: &App, plan: &Plan, file: &FilePlan) -> ShownFile {
    let twin = file.twin.and_then(|n| plan.files.get(n)).map(|f| f.path.as_str());
    let what = match (&file.refused, twin, &file.same_as) {
        (Some(_), ..) => String::new(),
        (None, Some(twin), _) => app.text("bring-file-twin", &[("path", twin)]),
        (None, None, Some(_)) => app.text("bring-file-same", &[]),
        (None, None, None) => app.text("bring-file-new", &[]),
    };
    ShownFile {
        path: file.path.clone(),
        size: file.size,
        objectives: file.objectives.clone(),
        tags: file.tags.clone(),
        what,
        href: file.same_as.as_ref().map(|id| format!("/evidence/{id}")),
        refused: error_text(app, file.refused.as_ref()),
    }
}

fn report_page(ctx: &Ctx, brought: &Brought, named: &Named, form: FormState) -> Result<ReportPage, http::Error> {
    let (app, plan) = (&ctx.app, brought.plan()?);
    let mut rows: Vec<&Row> = plan.rows.iter().collect();
    rows.sort_by_key(|r| (r.refused.is_none(), r.line));
    let mut files: Vec<&FilePlan> = plan.files.iter().collect();
    files.sort_by_key(|f| f.refused.is_none());
    let column = |c: &sheet::Column| ShownColumn { name: c.name.clone(), of: app.text(&format!("bring-use-{}", c.of.name()), &[]) };
    let fresh = plan.files.iter().filter(|f| f.is_fresh());
    Ok(ReportPage {
        assessment: Head::from(named),
        id: brought.id.to_string(),
        names: names(brought),
        state: state_text(app, brought),
        by: brought.person.clone(),
        at: brought.made_at,
        waits: brought.state() == "waiting",
        does: plan.does_something(),
        may_apply: app.policy.scopes_of(&ctx.actor.roles).contains(&"tracker.apply"),
        columns: plan.columns.iter().filter(|c| c.of != Use::Skip).map(column).collect(),
        changes: plan.seen.len(),
        fresh: fresh.clone().count(),
        bytes: fresh.map(|f| f.size).sum(),
        refused: plan.refused(),
        rows: rows.iter().take(SHOWN_MAX).map(|r| shown_row(app, r)).collect(),
        rows_more: plan.rows.len().saturating_sub(SHOWN_MAX),
        files: files.iter().take(SHOWN_MAX).map(|f| shown_file(app, &plan, f)).collect(),
        files_more: plan.files.len().saturating_sub(SHOWN_MAX),
        form,
    })
}

async fn get_report(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<crate::assess::Read>(&crate::policy::On::any("assessment")).await?;
    let (brought, named) = one(&ctx, &id).await?;
    let page = report_page(&ctx, &brought, &named, FormState::default())?;
    ctx.page("assess/bring_report.html", page).await
}

async fn post_apply(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    drop(ctx.permit::<TakeOver>(&crate::policy::On::any("assessment")).await?);
    let (brought, named) = one(&ctx, &id).await?;
    let permit = permitted::<TakeOver>(&ctx, "assessment", brought.assessment_id.as_str(), "").await?;
    let leave_out = fields.optional("leave_out")?.is_some();
    fields.finish()?;
    match apply(&ctx.app, permit, &person, &brought, leave_out, quota(&ctx.app)).await {
        Ok(_) => Ok(ctx.go(&format!("/assess/{}", brought.assessment_id), "tracker-applied")),
        Err(ApplyError::Refused) => {
            let mut form = FormState::default();
            form.wrong("leave_out", ctx.app.text("error-bring-refused", &[]));
            let page = report_page(&ctx, &brought, &named, form)?;
            ctx.again("assess/bring_report.html", page).await
        }
        Err(error) => Err(apply_told(&ctx.app, error)),
    }
}

/// How it is told that an import was not taken over.
pub(super) fn apply_told(app: &App, error: ApplyError) -> http::Error {
    let says = |code: &'static str, key: &str| http::Error::conflict(code).saying(app.text(key, &[]));
    match error {
        ApplyError::Refused => says("refused", "error-bring-refused"),
        ApplyError::Nothing => says("nothing", "error-bring-nothing"),
        ApplyError::NotYours => says("not_yours", "error-bring-not-yours"),
        ApplyError::Gone => says("gone", "error-bring-gone"),
        ApplyError::Quota => says("quota", "error-file-quota"),
        ApplyError::Moved(objectives) => {
            http::Error::new(StatusCode::PRECONDITION_FAILED, "changed").saying(app.text("error-bring-moved", &[("objectives", &objectives.join(", "))]))
        }
        ApplyError::Other(error) => told(app, error),
    }
}

async fn post_cancel(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    drop(ctx.permit::<SetAside>(&crate::policy::On::any("assessment")).await?);
    fields.finish()?;
    let (brought, _) = one(&ctx, &id).await?;
    let permit = permitted::<SetAside>(&ctx, "assessment", brought.assessment_id.as_str(), "").await?;
    set_aside(&ctx.app.db, permit, &brought).await.map_err(|e: Error| told(&ctx.app, e))?;
    Ok(ctx.go(&format!("/assess/{}/import", brought.assessment_id), "tracker-cancelled"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::web::tests::render;

    #[test]
    fn the_pages_render_full_and_bare() {
        let head = || Head {
            id: "asm_1".into(),
            name: "2026".into(),
            system: "Core".into(),
            system_href: "/assess/systems/sys_1".into(),
            framework: "r2".into(),
            made_by: "Ada".into(),
            made_at: 0,
        };
        let mut form = FormState::default();
        form.wrong("file", "No.");
        form.wrong("leave_out", "No.");
        let item = Listed { href: "/assess/imports/trk_1".into(), names: vec!["<i>.zip".into()], state: "waits".into(), by: "Ada".into(), at: 0 };
        let full =
            BringPage { assessment: head(), items: vec![item], rows_max: 2, files_max: 3, bytes_max: 4, file_max: 5, may_upload: true, form: form.clone() };
        assert!(!render("assess/bring.html", &full).contains("<i>"));
        render("assess/bring.html", &BringPage { items: Vec::new(), may_upload: false, form: FormState::default(), ..full });
        let row = ShownRow { line: 3, id: "<i>".into(), objectives: 2, stage: "x".into(), finding: "y".into(), told: vec!["z".into()], refused: "No.".into() };
        let file = ShownFile {
            path: "<i>".into(),
            size: 3,
            objectives: vec!["3.1.1[a]".into()],
            tags: vec!["IT".into()],
            what: "new".into(),
            href: Some("/evidence/evd_1".into()),
            refused: "No.".into(),
        };
        let full = ReportPage {
            assessment: head(),
            id: "trk_1".into(),
            names: vec!["<i>.zip".into()],
            state: "waits".into(),
            by: "Ada".into(),
            at: 0,
            waits: true,
            does: true,
            may_apply: true,
            columns: vec![ShownColumn { name: "<i>".into(), of: "x".into() }],
            changes: 1,
            fresh: 1,
            bytes: 3,
            refused: 2,
            rows: vec![row],
            rows_more: 1,
            files: vec![file],
            files_more: 1,
            form,
        };
        assert!(!render("assess/bring_report.html", &full).contains("<i>"));
        let (rows, files, columns) = (Vec::new(), Vec::new(), Vec::new());
        let bare = ReportPage { waits: false, does: false, refused: 0, rows, rows_more: 0, files, files_more: 0, columns, form: FormState::default(), ..full };
        render("assess/bring_report.html", &bare);
    }

    #[test]
    fn every_code_has_its_text() {
        let texts = http::texts::Texts::english();
        let mut keys: Vec<String> = Use::ALL.iter().map(|u| format!("bring-use-{}", u.name())).collect();
        keys.extend(["waiting", "applied", "ended"].map(|s| format!("bring-state-{s}")));
        keys.extend(["part", "because", "reviewed", "due", "owner"].map(|t| format!("bring-told-{t}")));
        keys.extend(crate::core::unzip::ZipError::ALL.map(|e| format!("error-book-{}", e.code().replace('_', "-"))));
        keys.extend(["not-book", "no-sheet", "too-many-columns", "unwritable"].map(|e| format!("error-book-{e}")));
        let bring = [
            "missing",
            "two",
            "csv",
            "no-head",
            "no-rows",
            "no-id",
            "id-unknown",
            "family",
            "status",
            "stage",
            "twice",
            "refused",
            "nothing",
            "gone",
            "not-yours",
            "moved",
            "files-many",
            "file-link",
            "file-twice",
            "file-system",
            "file-archive",
            "file-type",
            "name-encoding",
            "name-long",
            "name-control",
            "name-path",
            "name-direction",
        ];
        keys.extend(bring.map(|e| format!("error-bring-{e}")));
        let missing: Vec<_> = keys.into_iter().filter(|k| !texts.has(k)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
