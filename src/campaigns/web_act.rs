//! What people do with a campaign: put it up, approve it or give it back, begin, pause, resume and cancel it.
//! Must stay true: whoever approves confirms the hash that was on the page, with password and code given a moment ago.

use axum::extract::Path;
use serde::Serialize;

use super::web::named;
use super::{Approve, Begin, Campaign, Cancel, Pause, Reject, Resume, Submit, approve, begin, cancel, pause, reject, resume, submit};
use crate::contacts::WORDING_CHARS_MAX;
use crate::core::text::Paragraph;
use crate::db::Detail;
use crate::http::form::FormState;
use crate::http::templates::number;
use crate::http::{Answer, Ctx, Posted, Routes, Rule, Signed};
use crate::policy::Resource as _;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/campaigns/{id}/submit", Rule::Act("campaign.submit"), post_submit)
        .get("/campaigns/{id}/approve", Rule::Act("campaign.approve"), get_approve)
        .post("/campaigns/{id}/approve", Rule::Act("campaign.approve"), post_approve)
        .get("/campaigns/{id}/reject", Rule::Act("campaign.reject"), get_reject)
        .post("/campaigns/{id}/reject", Rule::Act("campaign.reject"), post_reject)
        .post("/campaigns/{id}/begin", Rule::Act("campaign.begin"), post_begin)
        .post("/campaigns/{id}/pause", Rule::Act("campaign.pause"), post_pause)
        .post("/campaigns/{id}/resume", Rule::Act("campaign.resume"), post_resume)
        .get("/campaigns/{id}/cancel", Rule::Act("campaign.cancel"), get_cancel)
        .post("/campaigns/{id}/cancel", Rule::Act("campaign.cancel"), post_cancel)
}

#[derive(Serialize)]
struct Hidden {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Confirm {
    title: String,
    what: String,
    consequences: Vec<String>,
    verb: String,
    action: String,
    danger: bool,
    cancel: String,
    reason: bool,
    typed: Option<String>,
    hidden: Vec<Hidden>,
}

#[derive(Serialize)]
struct ConfirmPage {
    confirm: Confirm,
    form: FormState,
}

fn confirm(ctx: &Ctx, campaign: &Campaign, verb: &'static str, consequences: Vec<String>, form: FormState) -> ConfirmPage {
    let app = &ctx.app;
    let hidden = if verb == "approve" { vec![Hidden { name: "hash", value: campaign.hash.clone().unwrap_or_default() }] } else { Vec::new() };
    let confirm = Confirm {
        title: app.text(&format!("confirm-campaign-{verb}-title"), &[("name", &campaign.name)]),
        what: app.text(&format!("confirm-campaign-{verb}"), &[]),
        consequences,
        verb: app.text(&format!("confirm-campaign-{verb}-verb"), &[]),
        action: format!("/campaigns/{}/{verb}", campaign.id),
        danger: verb == "cancel",
        cancel: format!("/campaigns/{}", campaign.id),
        reason: verb == "reject",
        typed: None,
        hidden,
    };
    ConfirmPage { confirm, form }
}

fn to(campaign: &Campaign) -> String {
    format!("/campaigns/{}", campaign.id)
}

async fn post_submit(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    let campaign = named::<Submit>(&ctx, &id).await?;
    let permit = ctx.permit::<Submit>(&campaign.on()).await?;
    fields.finish()?;
    submit(&ctx.app.db, permit, &campaign).await?;
    Ok(ctx.go(&to(&campaign), "campaign-submitted"))
}

async fn get_approve(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<Approve>(&ctx, &id).await?;
    drop(ctx.permit::<Approve>(&campaign.on()).await?);
    if campaign.state != "review" {
        return Err(super::Error::State.into());
    }
    let app = &ctx.app;
    let gateway = super::web::gateway_name(app, &campaign.gateway);
    let consequences = vec![
        app.text("confirm-campaign-approve-1", &[("n", &number(campaign.recipients)), ("gateway", &gateway)]),
        app.text("confirm-campaign-approve-2", &[]),
        app.text("confirm-campaign-approve-3", &[("hash", campaign.hash.as_deref().unwrap_or_default())]),
    ];
    ctx.page("confirm.html", confirm(&ctx, &campaign, "approve", consequences, FormState::default())).await
}

async fn post_approve(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let campaign = named::<Approve>(&ctx, &id).await?;
    let permit = ctx.permit::<Approve>(&campaign.on()).await?;
    let shown = fields.one("hash")?;
    fields.finish()?;
    approve(&ctx.app.db, permit, &person, &campaign, &shown).await?;
    Ok(ctx.go(&to(&campaign), "campaign-approved"))
}

async fn get_reject(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<Reject>(&ctx, &id).await?;
    if campaign.state != "review" {
        return Err(super::Error::State.into());
    }
    ctx.page("confirm.html", confirm(&ctx, &campaign, "reject", Vec::new(), FormState::default())).await
}

async fn post_reject(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let campaign = named::<Reject>(&ctx, &id).await?;
    let permit = ctx.permit::<Reject>(&campaign.on()).await?;
    let typed = fields.one("reason")?;
    fields.finish()?;
    let Ok(reason) = Paragraph::parse(&typed, WORDING_CHARS_MAX) else {
        let mut form = FormState::default().keep("reason", typed);
        form.wrong("reason", ctx.app.text("error-reason-missing", &[]));
        return ctx.again("confirm.html", confirm(&ctx, &campaign, "reject", Vec::new(), form)).await;
    };
    reject(&ctx.app.db, permit, &campaign, &reason).await?;
    Ok(ctx.go(&to(&campaign), "campaign-rejected"))
}

async fn post_begin(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    let campaign = named::<Begin>(&ctx, &id).await?;
    let permit = ctx.permit::<Begin>(&campaign.on()).await?;
    fields.finish()?;
    begin(&ctx.app.db, permit, &campaign).await?;
    Ok(ctx.go(&to(&campaign), "campaign-begun"))
}

async fn post_pause(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    let campaign = named::<Pause>(&ctx, &id).await?;
    let permit = ctx.permit::<Pause>(&campaign.on()).await?;
    fields.finish()?;
    pause(&ctx.app.db, permit, &campaign, "by_person", Detail::ok()).await?;
    Ok(ctx.go(&to(&campaign), "campaign-paused"))
}

async fn post_resume(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    let campaign = named::<Resume>(&ctx, &id).await?;
    let permit = ctx.permit::<Resume>(&campaign.on()).await?;
    fields.finish()?;
    resume(&ctx.app.db, permit, &campaign).await?;
    Ok(ctx.go(&to(&campaign), "campaign-resumed"))
}

async fn get_cancel(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let campaign = named::<Cancel>(&ctx, &id).await?;
    if ["done", "cancelled"].contains(&campaign.state.as_str()) {
        return Err(super::Error::State.into());
    }
    let consequences = ["confirm-campaign-cancel-1", "confirm-campaign-cancel-2"].map(|key| ctx.app.text(key, &[])).into();
    ctx.page("confirm.html", confirm(&ctx, &campaign, "cancel", consequences, FormState::default())).await
}

async fn post_cancel(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    let campaign = named::<Cancel>(&ctx, &id).await?;
    let permit = ctx.permit::<Cancel>(&campaign.on()).await?;
    fields.finish()?;
    cancel(&ctx.app.db, permit, &campaign).await?;
    Ok(ctx.go(&to(&campaign), "campaign-cancelled"))
}
