//! The page of a piece of evidence: its file, what is said of it, its versions, and its way to approval.
//! Must stay true: whoever says something sends the revision they saw; when that is old, both are shown and nothing is lost.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;

use super::artifact::{self, AboutText, Artifact};
use super::standing::{Method, State};
use super::web::{Item, named, told};
use super::{Approve, Delete, Describe, Download, Error, Evidence, Reject, Submit, Upload, tags};
use crate::core::clock::Micros;
use crate::http::form::{FormState, Posted};
use crate::http::{self, Answer, App, Ctx, Signed};
use crate::policy::{Act, Need, On};

/// One choice of a list.
#[derive(Serialize)]
struct Choice {
    value: String,
    text: String,
}

#[derive(Serialize)]
struct TagChoice {
    code: String,
    title: String,
    checked: bool,
}

#[derive(Serialize)]
struct Version {
    href: String,
    number: i64,
    name: String,
    state: &'static str,
    owner: String,
    at: Micros,
    sha256: String,
    shown: bool,
    deleted: bool,
}

#[derive(Serialize)]
struct Named {
    href: String,
    name: String,
}

/// What is known of it, in words.
#[derive(Serialize)]
struct About {
    method: String,
    collector: String,
    obtained: String,
    period_from: String,
    period_to: String,
    expires_on: String,
    tags: Vec<String>,
    file_author: String,
    file_created: String,
    file_modified: String,
    submitted_at: Option<Micros>,
    approved_at: Option<Micros>,
    approver: String,
    rejected_at: Option<Micros>,
    rejecter: String,
    rejected_because: String,
    superseded_at: Option<Micros>,
    altered_at: Option<Micros>,
}

/// One field of which two versions differ.
#[derive(Serialize)]
struct Differing {
    field: String,
    yours: String,
    theirs: String,
}

#[derive(Serialize)]
struct Upkeep<'a> {
    types: &'a [String],
    max: u64,
}

#[derive(Serialize)]
struct ShowPage<'a> {
    item: Item,
    about: About,
    /// Why it holds nothing today; empty when it does.
    flaw: String,
    revision: i64,
    may_download: bool,
    may_describe: bool,
    may_submit: bool,
    may_approve: bool,
    /// Why one may not approve what waits for it.
    approve_because: Option<String>,
    may_upload: bool,
    may_strip: bool,
    upload: Upkeep<'a>,
    delete_href: Option<String>,
    delete_because: Option<String>,
    entry: Option<i64>,
    versions: Vec<Version>,
    duplicates: Vec<Named>,
    methods: Vec<Choice>,
    tags: Vec<TagChoice>,
    changed_meanwhile: bool,
    differing: Vec<Differing>,
    form: FormState,
}

/// What is wrong, put into the form it came from; what no field is to blame for is given back.
fn blame(app: &App, form: &mut FormState, error: Error) -> Result<(), Error> {
    match error {
        Error::Text { field, error } => form.wrong(field, error.to_string()),
        Error::Field { field, code } => form.wrong(field, app.text(&format!("error-{code}"), &[])),
        error => return Err(error),
    }
    Ok(())
}

/// How an error is told over the API, its field in words.
pub(super) fn told_in(app: &App, error: Error) -> http::Error {
    match error {
        Error::Field { field, code } => http::Error::field(field, app.text(&format!("error-{code}"), &[])),
        error => told(error),
    }
}

/// Why an act is refused, when another person could do it.
fn refused<A: Act<On = Evidence>>(ctx: &Ctx, item: &Evidence) -> Result<(), Option<String>> {
    match ctx.app.policy.permit::<A>(&ctx.actor, item) {
        Ok(_) => Ok(()),
        Err(denied) if denied.need == Need::Fresh => Ok(()),
        Err(denied) => Err(matches!(denied.need, Need::Condition { .. }).then(|| denied.need.because())),
    }
}

/// What somebody wanted to say, and could not: it is another by now.
#[derive(Default)]
struct Shown {
    form: FormState,
    refused: Option<AboutText>,
}

fn kept(text: &AboutText, form: FormState) -> FormState {
    let form = form.keep("method", text.method.as_str()).keep("collector", text.collector.as_str()).keep("obtained", text.obtained.as_str());
    let form = form.keep("period_from", text.period_from.as_str()).keep("period_to", text.period_to.as_str());
    let days = text.expires_days.map_or_else(String::new, |d| d.to_string());
    form.keep("expires_on", text.expires_on.as_str()).keep("expires_days", days).keep("tags", text.tags.clone())
}

fn differing(app: &App, yours: &AboutText, theirs: &AboutText) -> Vec<Differing> {
    let method = |m: &str| if m.is_empty() { String::new() } else { app.text(&format!("method-{m}"), &[]) };
    let days = |d: Option<i64>| d.map_or_else(String::new, |d| d.to_string());
    let all = [
        ("method", method(&yours.method), method(&theirs.method)),
        ("collector", yours.collector.clone(), theirs.collector.clone()),
        ("obtained", yours.obtained.clone(), theirs.obtained.clone()),
        ("period-from", yours.period_from.clone(), theirs.period_from.clone()),
        ("period-to", yours.period_to.clone(), theirs.period_to.clone()),
        ("expires-on", yours.expires_on.clone(), theirs.expires_on.clone()),
        ("expires-days", days(yours.expires_days), days(theirs.expires_days)),
        ("tags", yours.tags.join(" "), theirs.tags.join(" ")),
    ];
    let told = |(field, yours, theirs): (&str, String, String)| Differing { field: app.text(&format!("artifact-{field}"), &[]), yours, theirs };
    all.into_iter().filter(|(_, yours, theirs)| yours != theirs).map(told).collect()
}

async fn page(ctx: &Ctx, item: Evidence, shown: Shown) -> Result<ShowPage<'_>, http::Error> {
    let (app, db, policy) = (&ctx.app, &ctx.app.db, &ctx.app.policy);
    let artifact = artifact::of_evidence(db, &item).await?;
    let versions = artifact::versions(db, &artifact.line_id).await?;
    let duplicates = artifact::duplicates(db, &item.id, &item.sha256).await?;
    let known = tags::all(db).await?;
    let (delete_href, delete_because) = match policy.permit::<Delete>(&ctx.actor, &item) {
        Ok(_) => (Some(format!("/evidence/{}/delete", item.id)), None),
        Err(denied) if denied.need == Need::Fresh => (Some(format!("/evidence/{}/delete", item.id)), None),
        Err(denied) => (None, Some(denied.need.because())),
    };
    let reads_trail = policy.scopes_of(&ctx.actor.roles).contains(&"trail.read");
    let entry = if reads_trail { super::upload_seq(db, &item.id).await? } else { None };
    let (state, is_live) = (artifact.state(), item.deleted_at.is_none());
    let waits = is_live && state == State::InReview;
    let (may_approve, approve_because) = match refused::<Approve>(ctx, &item) {
        Ok(()) => (waits, None),
        Err(because) => (false, because.filter(|_| waits)),
    };
    let flaw = artifact.flaw(artifact::today(db.clock()));
    let now = artifact.about();
    let mut form = shown.form;
    for (field, value) in kept(shown.refused.as_ref().unwrap_or(&now), FormState::default()).values {
        form.values.entry(field).or_insert(value);
    }
    let chosen: Vec<String> = form.values.get("tags").and_then(|v| serde_json::from_value(v.clone()).ok()).unwrap_or_default();
    let is_offered = |t: &tags::Tag| t.retired_at.is_none() || chosen.contains(&t.code);
    let methods = std::iter::once(Choice { value: String::new(), text: app.text("artifact-method-none", &[]) });
    let method = |m: Method| Choice { value: m.name().to_owned(), text: app.text(&format!("method-{}", m.name()), &[]) };
    Ok(ShowPage {
        flaw: flaw.map(|f| app.text(&format!("why-{}", f.code().replace('_', "-")), &[("days", &f.days().to_string())])).unwrap_or_default(),
        revision: artifact.revision,
        may_download: policy.can::<Download>(&ctx.actor, &item),
        may_describe: is_live && state == State::Draft && policy.can::<Describe>(&ctx.actor, &item),
        may_submit: is_live && state == State::Draft && policy.can::<Submit>(&ctx.actor, &item),
        may_approve,
        approve_because,
        may_upload: policy.can::<Upload>(&ctx.actor, &On::any("evidence")),
        may_strip: super::web_strip::may_be(&item),
        upload: Upkeep { types: &app.policies.uploads.extensions, max: app.policies.uploads.bytes_max },
        delete_href,
        delete_because,
        entry,
        versions: versions.iter().map(|v| version(v, &item)).collect(),
        duplicates: duplicates.into_iter().map(|(id, name)| Named { href: format!("/evidence/{id}"), name }).collect(),
        methods: methods.chain(Method::ALL.map(method)).collect(),
        tags: known
            .iter()
            .filter(|t| is_offered(t))
            .map(|t| TagChoice { checked: chosen.contains(&t.code), code: t.code.clone(), title: t.title.clone() })
            .collect(),
        changed_meanwhile: shown.refused.is_some(),
        differing: shown.refused.as_ref().map(|yours| differing(app, yours, &now)).unwrap_or_default(),
        about: about(app, artifact),
        item: item.into(),
        form,
    })
}

fn version(v: &Artifact, item: &Evidence) -> Version {
    Version {
        href: format!("/evidence/{}", v.evidence_id),
        number: v.number,
        name: v.name.clone(),
        state: v.state().name(),
        owner: v.owner.clone(),
        at: v.made_at,
        sha256: v.sha256.clone(),
        shown: v.evidence_id == item.id,
        deleted: v.deleted_at.is_some(),
    }
}

fn about(app: &App, a: Artifact) -> About {
    About {
        method: a.method.as_deref().map(|m| app.text(&format!("method-{m}"), &[])).unwrap_or_default(),
        tags: tags::split(&a.tags),
        collector: a.collector,
        obtained: a.obtained,
        period_from: a.period_from.unwrap_or_default(),
        period_to: a.period_to.unwrap_or_default(),
        expires_on: a.expires_on.unwrap_or_default(),
        file_author: a.file_author.unwrap_or_default(),
        file_created: a.file_created.unwrap_or_default(),
        file_modified: a.file_modified.unwrap_or_default(),
        submitted_at: a.submitted_at,
        approved_at: a.approved_at,
        approver: a.approver.unwrap_or_default(),
        rejected_at: a.rejected_at,
        rejecter: a.rejecter.unwrap_or_default(),
        rejected_because: a.rejected_because.unwrap_or_default(),
        superseded_at: a.superseded_at,
        altered_at: a.altered_at,
    }
}

pub(super) async fn get_show(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<super::List>(&On::any("evidence")).await?;
    let item = named(&ctx, &id).await?;
    ctx.page("evidence/show.html", page(&ctx, item, Shown::default()).await?).await
}

/// The page again, with what was wrong with a form of it.
pub(super) async fn show_again(ctx: &Ctx, item: Evidence, form: FormState) -> Answer {
    ctx.again("evidence/show.html", page(ctx, item, Shown { form, ..Shown::default() }).await?).await
}

pub(super) async fn post_about(Signed { ctx, .. }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let item = named(&ctx, &id).await?;
    let permit = ctx.permit::<Describe>(&item).await?;
    let mut take = |field: &str| fields.one(field);
    let (method, collector, obtained) = (take("method")?, take("collector")?, take("obtained")?);
    let (period_from, period_to, expires_on, days, version) =
        (take("period_from")?, take("period_to")?, take("expires_on")?, take("expires_days")?, take("version")?);
    let chosen = fields.many("tags");
    fields.finish()?;
    let seen: i64 = version.parse().map_err(|_| http::Error::field("version", "must be a number"))?;
    let expires_days = if days.trim().is_empty() { Ok(None) } else { days.trim().parse().map(Some) };
    let text =
        AboutText { method, collector, obtained, period_from, period_to, expires_on, expires_days: expires_days.clone().unwrap_or_default(), tags: chosen };
    let mut form = kept(&text, FormState::default()).keep("expires_days", days);
    let before = artifact::of_evidence(&ctx.app.db, &item).await?;
    let done = match expires_days {
        Ok(_) => artifact::describe(&ctx.app.db, permit, &before, seen, &text).await,
        Err(_) => Err(Error::Field { field: "expires_days", code: "expiry-days" }),
    };
    match done {
        Ok(_) => Ok(ctx.go(&format!("/evidence/{}", item.id), "artifact-kept")),
        Err(Error::Changed) => {
            let page = page(&ctx, item, Shown { refused: Some(text), ..Shown::default() }).await?;
            let mut response = ctx.page("evidence/show.html", page).await?;
            *response.status_mut() = StatusCode::PRECONDITION_FAILED;
            Ok(response)
        }
        Err(error) => {
            blame(&ctx.app, &mut form, error)?;
            show_again(&ctx, item, form).await
        }
    }
}

pub(super) async fn post_submit(Signed { ctx, .. }: Signed, Path(id): Path<String>, Posted { fields, .. }: Posted) -> Answer {
    let item = named(&ctx, &id).await?;
    let permit = ctx.permit::<Submit>(&item).await?;
    fields.finish()?;
    let artifact = artifact::of_evidence(&ctx.app.db, &item).await?;
    artifact::submit(&ctx.app.db, permit, &artifact).await?;
    Ok(ctx.go(&format!("/evidence/{}", item.id), "artifact-submitted"))
}

pub(super) async fn post_approve(Signed { ctx, person }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let item = named(&ctx, &id).await?;
    let permit = ctx.permit::<Approve>(&item).await?;
    let seen = fields.one("version")?.parse().map_err(|_| http::Error::field("version", "is not a number"))?;
    fields.finish()?;
    let artifact = artifact::of_evidence(&ctx.app.db, &item).await?;
    artifact::approve(&ctx.app.db, permit, &person, &artifact, seen).await?;
    Ok(ctx.go(&format!("/evidence/{}", item.id), "artifact-approved"))
}

pub(super) async fn post_reject(Signed { ctx, person }: Signed, Path(id): Path<String>, Posted { mut fields, .. }: Posted) -> Answer {
    let item = named(&ctx, &id).await?;
    let permit = ctx.permit::<Reject>(&item).await?;
    let because = fields.one("because")?;
    fields.finish()?;
    let artifact = artifact::of_evidence(&ctx.app.db, &item).await?;
    match artifact::reject(&ctx.app.db, permit, &person, &artifact, &because).await {
        Ok(()) => Ok(ctx.go(&format!("/evidence/{}", item.id), "artifact-rejected")),
        Err(error) => {
            let mut form = FormState::default().keep("because", because);
            blame(&ctx.app, &mut form, error)?;
            show_again(&ctx, item, form).await
        }
    }
}
