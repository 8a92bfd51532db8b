//! Many objectives at once: a page that takes CSV as text, and the CSV of what there is.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::lines::{self, COLUMNS, FILE_BYTES_MAX, Unread};
use super::state::{self, BULK_MAX, BadLine, BulkError, Patch, Seen};
use super::web::{Head, Named, found, named, permitted, told};
use super::{Bulk, Export, Finding, Stage};
use crate::db::Detail;
use crate::http::form::{FormState, Posted};
use crate::http::{self, Answer, App, Ctx, Signed};

/// Wrong lines that are shown.
const BAD_MAX: usize = 100;

#[derive(Serialize)]
struct ShownBad {
    line: usize,
    objective: String,
    text: String,
}

#[derive(Serialize)]
struct BulkPage {
    assessment: Head,
    columns: Vec<&'static str>,
    stages: Vec<&'static str>,
    findings: Vec<&'static str>,
    lines_max: usize,
    bad: Vec<ShownBad>,
    form: FormState,
}

fn bulk_page(app: &App, named: &Named, bad: &[BadLine], form: FormState) -> BulkPage {
    let shown = |b: &BadLine| ShownBad { line: b.line, objective: b.objective.clone(), text: bad_text(app, b) };
    BulkPage {
        assessment: Head::from(named),
        columns: COLUMNS.into(),
        stages: Stage::ALL.map(Stage::name).into(),
        findings: Finding::ALL.map(Finding::name).into(),
        lines_max: BULK_MAX,
        bad: bad.iter().take(BAD_MAX).map(shown).collect(),
        form,
    }
}

/// What is wrong with a line; with both versions when somebody else changed it meanwhile.
pub(super) fn bad_text(app: &App, bad: &BadLine) -> String {
    let said = app.text(&format!("error-{}", bad.code), &[]);
    let Some(moved) = &bad.moved else { return said };
    let one = |seen: &Seen| {
        let word = |prefix: &str, word: &str| app.text(&format!("{prefix}-{}", word.replace('_', "-")), &[]);
        let words = [seen.finding.map(|f| word("finding", f.name())), seen.stage.map(|s| word("stage", s.name())), seen.by.clone()];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    };
    let (yours, current) = (one(&moved.yours), one(&moved.current));
    let numbers = (moved.yours.version.to_string(), moved.current.version.to_string());
    app.text("bulk-both", &[("said", &said), ("yours", &yours), ("current", &current), ("seen", &numbers.0), ("now", &numbers.1)])
}

/// What a file that has no lines is told.
pub(super) fn unread_text(app: &App, unread: &Unread) -> String {
    match unread {
        Unread::NoHeader => app.text("error-csv-header", &[]),
        Unread::Column(column) => app.text("error-csv-column", &[("column", column)]),
        Unread::Line(line) => app.text("error-csv-line", &[("line", &line.to_string())]),
        Unread::Wide => app.text("error-book-too-many-columns", &[]),
        Unread::Count => app.text("error-csv-count", &[("max", &BULK_MAX.to_string())]),
    }
}

pub(super) async fn get_bulk(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let named = named(&ctx, &id).await?;
    ctx.page("assess/bulk.html", bulk_page(&ctx.app, &named, &[], FormState::default())).await
}

/// The patches of a text.
async fn patches_of(ctx: &Ctx, text: &str) -> Result<Result<Vec<Patch>, Result<Vec<BadLine>, Unread>>, http::Error> {
    let lines = match lines::read_csv(text) {
        Ok(lines) => lines,
        Err(unread) => return Ok(Err(Err(unread))),
    };
    let people = state::people(&ctx.app.db).await.map_err(|e| told(&ctx.app, e))?;
    Ok(lines::patches(lines, &people).map_err(Ok))
}

pub(super) async fn post_bulk(Signed { ctx, person }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = permitted::<Bulk>(&ctx, "assessment", &id, "").await?;
    let named = found(&ctx, &id).await?;
    let text = fields.one("lines")?;
    fields.finish()?;
    let mut form = FormState::default().keep("lines", text.as_str());
    if text.len() > FILE_BYTES_MAX {
        return Err(http::Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    }
    let bad = match patches_of(&ctx, &text).await? {
        Ok(patches) => match state::bulk(&ctx.app.db, permit, &person, &named.assessment.id, &named.catalog, patches).await {
            Ok(_) => return Ok(ctx.go(&format!("/assess/{}", named.assessment.id), "objective-kept")),
            Err(BulkError::Lines(bad)) => bad,
            Err(BulkError::Other(error)) => return Err(told(&ctx.app, error)),
        },
        Err(Ok(bad)) => bad,
        Err(Err(unread)) => {
            form.wrong("lines", unread_text(&ctx.app, &unread));
            Vec::new()
        }
    };
    if !bad.is_empty() {
        form.wrong("lines", ctx.app.text("error-lines", &[("count", &bad.len().to_string())]));
    }
    let mut response = ctx.again("assess/bulk.html", bulk_page(&ctx.app, &named, &bad, form)).await?;
    if bad.iter().any(|b| b.moved.is_some()) {
        *response.status_mut() = StatusCode::PRECONDITION_FAILED;
    }
    Ok(response)
}

pub(super) async fn get_csv(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let permit = permitted::<Export>(&ctx, "assessment", &id, "").await?;
    let named = found(&ctx, &id).await?;
    let known = named.known(&ctx).await?;
    let people = state::people(&ctx.app.db).await.map_err(|e| told(&ctx.app, e))?;
    let text = lines::write_csv(&known.whole(&named.catalog), &people);
    // Recorded before it leaves, with the hash of what leaves.
    let detail = Detail::ok().with("format", "csv").with("sha256", hex::encode(Sha256::digest(&text)));
    ctx.app.db.record(permit, detail).await?;
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"statuses.csv\"")];
    Ok((headers, text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::web::tests::render;

    #[test]
    fn the_form_renders_full_and_bare() {
        let head = Head {
            id: "asm_1".into(),
            name: "2026".into(),
            system: "Core".into(),
            system_href: "/assess/systems/sys_1".into(),
            framework: "r2".into(),
            made_by: "Ada".into(),
            made_at: 0,
        };
        let mut form = FormState::default().keep("lines", "<i>");
        form.wrong("lines", "No.");
        let full = BulkPage {
            assessment: head,
            columns: COLUMNS.into(),
            stages: vec!["complete"],
            findings: vec!["met"],
            lines_max: 500,
            bad: vec![ShownBad { line: 3, objective: "<i>3.1.1[a]".into(), text: "No.".into() }],
            form,
        };
        assert!(!render("assess/bulk.html", &full).contains("<i>"));
        render("assess/bulk.html", &BulkPage { bad: Vec::new(), form: FormState::default(), ..full });
    }
}
