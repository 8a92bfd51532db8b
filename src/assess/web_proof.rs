//! The small forms of an objective's page: linking evidence, recording an interview or a test, saying something.

use axum::extract::Path;

use super::proof::{self, NewRecord};
use super::web::{blame, found, permitted, today, told};
use super::web_objective::again;
use super::web_requirement::day_of;
use super::{Confirm, Error, Link, Method, Record, Remark, Unlink, Withdraw, comment};
use crate::core::id::{EvidenceId, RecordId};
use crate::evidence;
use crate::http::form::{FormState, Posted};
use crate::http::{self, Answer, Ctx, Signed};

/// A live or deleted piece of evidence that a field names.
pub(super) async fn evidence_of(ctx: &Ctx, typed: &str) -> Result<Option<evidence::Evidence>, http::Error> {
    let Ok(id) = typed.trim().parse::<EvidenceId>() else { return Ok(None) };
    Ok(evidence::by_id(&ctx.app.db, &id).await?)
}

pub(super) async fn post_link(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = permitted::<Link>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let (typed, method) = (fields.one("evidence")?, fields.one("method")?);
    fields.finish()?;
    let mut form = FormState::default().keep("evidence", typed.as_str()).keep("method", method.as_str());
    let (item, method) = (evidence_of(&ctx, &typed).await?.filter(|e| e.deleted_at.is_none()), method.parse::<Method>());
    let (Some(item), Ok(method)) = (item, method) else {
        form.wrong("evidence", ctx.app.text("error-evidence-unknown", &[]));
        return again(&ctx, &named, &name, form).await;
    };
    match proof::link(&ctx.app.db, permit, &person, (&named.assessment.id, &name), &item, method).await {
        Ok(()) => Ok(ctx.go(&format!("{}#evidence", named.objective_href(&name)), "objective-kept")),
        Err(Error::State) => {
            form.wrong("evidence", ctx.app.text("error-linked-already", &[]));
            again(&ctx, &named, &name, form).await
        }
        Err(error) => Err(told(&ctx.app, error)),
    }
}

pub(super) async fn post_unlink(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = permitted::<Unlink>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let typed = fields.one("evidence")?;
    fields.finish()?;
    let evidence: EvidenceId = typed.parse().map_err(|_| http::Error::not_found())?;
    match proof::unlink(&ctx.app.db, permit, (&named.assessment.id, &name), &evidence).await {
        Ok(()) => Ok(ctx.go(&format!("{}#evidence", named.objective_href(&name)), "objective-kept")),
        Err(Error::LastProof) => again(&ctx, &named, &name, FormState::default().saying(ctx.app.text("error-last-proof", &[]))).await,
        Err(error) => Err(told(&ctx.app, error)),
    }
}

pub(super) async fn post_record(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = permitted::<Record>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let (method, with_whom, said, day) = (fields.one("method")?, fields.one("with")?, fields.one("said")?, fields.one("held_on")?);
    fields.finish()?;
    let mut form = FormState::default().keep("method", method.as_str()).keep("with", with_whom.as_str());
    form = form.keep("said", said.as_str()).keep("held_on", day.as_str());
    let wrong = |field, code| Error::Field { field, code };
    let day = day_of("held_on", &day).and_then(|d| d.ok_or_else(|| wrong("held_on", "day")));
    let method = method.parse::<Method>().map_err(|()| wrong("method", "method-unknown"));
    let done = match (method, day) {
        (Ok(method), Ok(held_on)) => {
            let new = NewRecord { method, with_whom, said, held_on };
            proof::record(&ctx.app.db, permit, &person, (&named.assessment.id, &name), new, today(&ctx), None).await
        }
        (method, day) => Err(method.err().or(day.err()).unwrap_or(Error::State)),
    };
    match done {
        Ok(_) => Ok(ctx.go(&format!("{}#evidence", named.objective_href(&name)), "objective-kept")),
        Err(error) => {
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            again(&ctx, &named, &name, form).await
        }
    }
}

pub(super) async fn post_confirm(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = permitted::<Confirm>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let typed = fields.one("record")?;
    fields.finish()?;
    let record: RecordId = typed.parse().map_err(|_| http::Error::not_found())?;
    proof::confirm(&ctx.app.db, permit, &person, (&named.assessment.id, &name), &record).await.map_err(|e| told(&ctx.app, e))?;
    Ok(ctx.go(&format!("{}#evidence", named.objective_href(&name)), "objective-kept"))
}

pub(super) async fn post_withdraw(Signed { ctx, .. }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = permitted::<Withdraw>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let typed = fields.one("record")?;
    fields.finish()?;
    let record: RecordId = typed.parse().map_err(|_| http::Error::not_found())?;
    match proof::withdraw(&ctx.app.db, permit, (&named.assessment.id, &name), &record).await {
        Ok(()) => Ok(ctx.go(&format!("{}#evidence", named.objective_href(&name)), "objective-kept")),
        Err(Error::LastProof) => again(&ctx, &named, &name, FormState::default().saying(ctx.app.text("error-last-proof", &[]))).await,
        Err(error) => Err(told(&ctx.app, error)),
    }
}

/// The name somebody is shown by.
pub(super) fn shown_name(ctx: &Ctx) -> String {
    match (&ctx.session, &ctx.actor.who) {
        (Some(session), _) => session.display_name.clone(),
        (None, crate::policy::Who::Person { name, .. }) => name.clone(),
        (None, _) => String::new(),
    }
}

pub(super) async fn post_comment(Signed { ctx, person }: Signed, Path((id, name)): Path<(String, String)>, Posted { mut fields, .. }: Posted) -> Answer {
    let permit = permitted::<Remark>(&ctx, "objective", &id, &name).await?;
    let named = found(&ctx, &id).await?;
    named.objective(&name)?;
    let text = fields.one("text")?;
    fields.finish()?;
    let by = shown_name(&ctx);
    match comment(&ctx.app.db, permit, (&person, &by), (&named.assessment.id, &name), &text, None).await {
        Ok(_) => Ok(ctx.go(&format!("{}#comments", named.objective_href(&name)), "objective-kept")),
        Err(error) => {
            let mut form = FormState::default().keep("text", text);
            blame(&ctx.app, &mut form, error).map_err(|e| told(&ctx.app, e))?;
            again(&ctx, &named, &name, form).await
        }
    }
}
