//! The page on which two records become one: first which other one, then which answer stays, field by field.
//! Must stay true: it shows how answers stand to each other and never what they say; what somebody must read to choose is read
//! as any field is; who saw how they stand is in the accounts of both.

use axum::extract::Path;
use axum::http::Uri;
use serde::Serialize;

use super::merge::{self, Stands};
use super::read::{Wanted, told};
use super::web::{Row, allowed, fields_of, permitted, row};
use super::{Error, Merge, NOTE_CHARS_MAX, Record, Reveal, read};
use crate::core::clock::Micros;
use crate::core::id::{IntakeId, PersonId};
use crate::core::text::Paragraph;
use crate::flow::Flow;
use crate::http::form::{Fields, FormState};
use crate::http::{self, Answer, Ctx, Posted, Routes, Rule, Signed};
use crate::policy::Resource as _;

pub(super) fn routes() -> Routes {
    Routes::new().get("/intake/{id}/merge", Rule::Act("intake.merge"), get_merge).post("/intake/{id}/merge", Rule::Act("intake.merge"), post_merge)
}

#[derive(Debug, Serialize)]
struct Field {
    field: String,
    label: String,
    /// `same`, `kept`, `other` or `differ`.
    stands: &'static str,
    from_other: bool,
}

#[derive(Debug, Serialize)]
struct MergePage {
    item: Row,
    version: i64,
    other: Option<Row>,
    other_version: i64,
    alike: Vec<Row>,
    /// When both are destroyed.
    until: Option<Micros>,
    /// That is earlier than this one alone would be.
    is_sooner: bool,
    fields: Vec<Field>,
    form: FormState,
}

/// The other record, which must be one that may be seen too.
async fn other_of(ctx: &Ctx, id: &str) -> Result<Record, http::Error> {
    let id: IntakeId = id.trim().parse().map_err(|_| http::Error::not_found())?;
    let other = read::find(&ctx.app.db, &id).await?.ok_or_else(http::Error::not_found)?;
    drop(permitted::<Merge>(ctx, &other.on()).await?);
    Ok(other)
}

/// How answers stand to each other says something of both: who looks is in the accounts of both before it is read.
async fn enter(ctx: &Ctx, flow: &Flow, by: &PersonId, record: &Record, other: &Record) -> Result<(), http::Error> {
    let fields = flow.questions().iter().map(|question| question.field.as_str()).collect::<Vec<_>>().join(" ");
    for (one, against) in [(record, other), (other, record)] {
        let permit = permitted::<Reveal>(ctx, &one.on()).await?;
        let wanted = Wanted { field: &fields, version: None, purpose: "operations", note: "" };
        told(&ctx.app.db, permit, one, by, wanted, "compare", Vec::new(), |detail| detail.with("against", against.id.as_str())).await?;
    }
    Ok(())
}

async fn page(
    ctx: &Ctx,
    flow: &Flow,
    by: &PersonId,
    record: &Record,
    other: Option<&Record>,
    from_other: &[String],
    form: FormState,
) -> Result<MergePage, http::Error> {
    let db = &ctx.app.db;
    let (mut alike, mut fields) = (Vec::new(), Vec::new());
    match other {
        None => {
            for one in merge::alike(db, record).await? {
                alike.push(row(ctx, &one).await?);
            }
        }
        Some(other) => {
            enter(ctx, flow, by, record, other).await?;
            let labels = fields_of(Some(flow), "en");
            for (field, stands) in merge::compare(db, flow, record, other).await? {
                let label = labels.iter().find(|l| l.value == field).map_or_else(|| field.clone(), |l| l.text.clone());
                let (name, beforehand) = match stands {
                    Stands::Same => ("same", false),
                    Stands::Kept => ("kept", false),
                    Stands::Other => ("other", true),
                    Stands::Differ => ("differ", false),
                };
                fields.push(Field { from_other: beforehand || from_other.contains(&field), field, label, stands: name });
            }
        }
    }
    Ok(MergePage {
        item: row(ctx, record).await?,
        version: record.version,
        other: match other {
            Some(other) => Some(row(ctx, other).await?),
            None => None,
        },
        other_version: other.map_or(0, |other| other.version),
        until: other.map(|other| merge::until(record, other)),
        is_sooner: other.is_some_and(|other| merge::until(record, other) < record.expires_at),
        alike,
        fields,
        form,
    })
}

async fn get_merge(Signed { ctx, person }: Signed, Path(id): Path<String>, uri: Uri) -> Answer {
    let (record, _permit) = allowed::<Merge>(&ctx, &id).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let with = query.optional("with")?.filter(|t| !t.trim().is_empty());
    query.finish()?;
    super::change::still(&record)?;
    let flow = ctx.app.policies.flows.get(&record.flow).ok_or_else(http::Error::not_found)?;
    let mut form = FormState::default();
    let other = match with {
        None => None,
        Some(with) => match other_of(&ctx, &with).await {
            Ok(other) => Some(other),
            Err(error) if error.status == axum::http::StatusCode::NOT_FOUND => {
                form = form.keep("with", with);
                form.wrong("with", ctx.app.text("intake-merge-none", &[]));
                None
            }
            Err(error) => return Err(error),
        },
    };
    if let Some(other) = &other {
        merge::check(&ctx.app.db, &record, other).await?;
    }
    let is_fine = form.is_fine();
    let page = page(&ctx, flow, &person, &record, other.as_ref(), &[], form).await?;
    if is_fine { ctx.page("intake/merge.html", page).await } else { ctx.again("intake/merge.html", page).await }
}

async fn post_merge(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (record, permit) = allowed::<Merge>(&ctx, &id).await?;
    let other = other_of(&ctx, &fields.one("other")?).await?;
    let (seen, seen_other, why) = (fields.one("version")?, fields.one("other_version")?, fields.one("reason")?);
    let from_other = fields.many("from_other");
    fields.finish()?;
    let flow = ctx.app.policies.flows.get(&record.flow).ok_or_else(http::Error::not_found)?;
    if seen.parse() != Ok(record.version) || seen_other.parse() != Ok(other.version) {
        return Err(Error::Changed.into());
    }
    let Ok(why) = Paragraph::parse(&why, NOTE_CHARS_MAX) else {
        let mut form = FormState::default().keep("reason", why);
        form.wrong("reason", ctx.app.text("error-reason-missing", &[]));
        let page = page(&ctx, flow, &person, &record, Some(&other), &from_other, form).await?;
        return ctx.again("intake/merge.html", page).await;
    };
    let choice = merge::Choice { other: &other, from_other: &from_other, why: &why };
    match merge::merge(&ctx.app.db, permit, flow, &record, &person, choice).await {
        Err(Error::NotFound) => Err(http::Error::field("from_other", "is no field that the other record has an answer to")),
        done => {
            done?;
            Ok(ctx.go(&format!("/intake/{}", record.id), "intake-merged"))
        }
    }
}
