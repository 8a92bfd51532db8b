//! One whole record on a page made for paper, or for the PDF that a browser prints to: every field with its name, texts and
//! notes, for a purpose; what is left out is said.
//! Must stay true: password and code were given a moment ago; the entry is durable before the page leaves, and holds the hash of
//! what it says, a random word on the page included, so that nobody guesses the answers from it.

use axum::extract::Path;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::read::{Wanted, told, value};
use super::web::{Row, allowed, fields_of, row, show_again};
use super::web_act::take_purpose;
use super::{Error, NOTES, PHONE, Print, TEXTS};
use crate::core::clock::Micros;
use crate::http::form::FormState;
use crate::http::headers::IsPrivate;
use crate::http::{self, Answer, Posted, Routes, Rule, Signed};

pub(super) fn routes() -> Routes {
    Routes::new().post("/intake/{id}/print", Rule::Act("intake.print"), post_print)
}

#[derive(Debug, Serialize)]
struct Line {
    label: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct PrintPage {
    item: Row,
    lines: Vec<Line>,
    purpose: String,
    by: String,
    at: Micros,
    word: String,
    sha256: String,
}

async fn post_print(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (record, permit) = allowed::<Print>(&ctx, &id).await?;
    let mut form = FormState::default();
    let (purpose, note) = take_purpose(&ctx, &mut fields, &mut form, false)?;
    fields.finish()?;
    if !form.is_fine() {
        return show_again(&ctx, &record, form).await;
    }
    if !record.is_there() {
        return Err(Error::Gone.into());
    }
    let flow = ctx.app.policies.flows.get(&record.flow).ok_or_else(http::Error::not_found)?;
    let mut wanted: Vec<(String, String)> = fields_of(Some(flow), "en").into_iter().map(|f| (f.value, f.text)).collect();
    let beside = [(PHONE, "intake-phone"), (TEXTS, "intake-texts"), (NOTES, "intake-notes")];
    wanted.extend(beside.map(|(field, key)| (field.to_owned(), ctx.app.text(key, &[]))));
    let (mut lines, mut names) = (Vec::new(), Vec::new());
    for (field, label) in wanted {
        match value(&ctx.app.db, &record, Wanted { field: &field, version: None, purpose, note: &note }).await {
            Ok(text) => {
                lines.push(Line { label, text: text.as_str().to_owned() });
                names.push(field);
            }
            Err(Error::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let word = ctx.app.db.rng().token();
    let mut hash = Sha256::new();
    hash.update(format!("{}\n{word}\n", record.id));
    for line in &lines {
        hash.update(format!("{}: {}\n", line.label, line.text));
    }
    let sha256 = hex::encode(hash.finalize());
    let fields = names.join(" ");
    let wanted = Wanted { field: &fields, version: None, purpose, note: &note };
    told(&ctx.app.db, permit, &record, &person, wanted, "print", Vec::new(), |detail| detail.with("sha256", sha256.as_str())).await?;
    let page = PrintPage {
        item: row(&ctx, &record).await?,
        lines,
        purpose: ctx.app.text(&format!("purpose-{}", purpose.replace('_', "-")), &[]),
        by: ctx.session.as_ref().map(|s| s.display_name.clone()).unwrap_or_default(),
        at: ctx.now(),
        word,
        sha256,
    };
    let mut response = ctx.page("intake/print.html", page).await?;
    response.extensions_mut().insert(IsPrivate);
    Ok(response)
}
