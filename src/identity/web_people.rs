//! Pages on which administrators see people and invite them, and what the pages of one person share with these.
//! Must stay true: somebody who may not see people hears the same of known and unknown ids.

use axum::http::Uri;
use serde::Serialize;

use super::links::{self, Invitation, Made};
use super::people::{self, Listed};
use super::web::told;
use super::web_signin::read_person;
use super::{Error, Invite, List, MaybeLast, Person, throttle};
use crate::core::clock::Micros;
use crate::core::id::PersonId;
use crate::http::ctx::encode;
use crate::http::form::{Fields, FormState, Posted};
use crate::http::{self, Answer, App, Ctx, Routes, Rule, Signed};
use crate::policy::{On, Role};

/// Characters of a search.
const QUERY_CHARS_MAX: usize = 100;
const STATES: [&str; 5] = ["active", "invited", "locked", "disabled", "deleted"];

pub(super) fn routes() -> Routes {
    Routes::new().get("/admin/users", Rule::Act("person.list"), get_people).get("/admin/users/invite", Rule::Act("person.invite"), get_invite).post(
        "/admin/users/invite",
        Rule::Act("person.invite"),
        post_invite,
    )
}

/// The machine name of a person's state, with the lock that only the counters know of.
pub(super) async fn state_of(app: &App, person: &Listed) -> Result<&'static str, http::Error> {
    let state = person.state();
    if state != "active" {
        return Ok(state);
    }
    let locked = throttle::is_locked(&app.db, &app.policies.throttle.sign_in, &person.id, &person.username).await?;
    Ok(if locked { "locked" } else { state })
}

/// The person of a path. Somebody who may not see people hears the same of known and unknown ids.
pub(super) async fn named(ctx: &Ctx, id: &str) -> Result<Person, http::Error> {
    if let Ok(id) = id.parse::<PersonId>()
        && let Some(person) = super::by_id(&ctx.app.db, &id).await?
    {
        return Ok(person);
    }
    let _permit = ctx.permit::<List>(&On::any("person")).await?;
    Err(http::Error::not_found())
}

/// With what the policy asks of an act that would take an administrator away.
pub(super) async fn maybe_last(app: &App, person: Person) -> Result<MaybeLast, http::Error> {
    let last = super::is_last_admin(&app.db, &person.id).await?;
    Ok(MaybeLast { person, last })
}

#[derive(Serialize)]
struct Row {
    id: PersonId,
    username: String,
    display_name: String,
    role_names: Vec<String>,
    state: &'static str,
    seen_at: Option<Micros>,
}

#[derive(Serialize)]
struct ListPage {
    q: String,
    status: String,
    people: Vec<Row>,
    newer: Option<String>,
    older: Option<String>,
    may_invite: bool,
}

async fn get_people(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<List>(&On::any("person")).await?;
    let app = &ctx.app;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let q: String = query.optional("q")?.unwrap_or_default().trim().chars().take(QUERY_CHARS_MAX).collect();
    let status = query.optional("status")?.unwrap_or_default();
    let (after, before) = (query.optional("after")?, query.optional("before")?);
    query.finish()?;
    if !status.is_empty() && !STATES.contains(&status.as_str()) {
        return Err(http::Error::field("status", "is not known here"));
    }
    // The lock lies in counters under keyed names: it is looked up for the page, not searched for.
    let searched = if status == "locked" { "active" } else { status.as_str() };
    let page = people::search(&app.db, &q, searched, after.as_deref(), before.as_deref()).await?;
    let href = |side: &str, id: &PersonId| format!("/admin/users?q={}&status={}&{side}={id}", encode(&q), encode(&status));
    let newer = page.people.first().filter(|_| page.newer).map(|p| href("before", &p.id));
    let older = page.people.last().filter(|_| page.older).map(|p| href("after", &p.id));
    let mut rows = Vec::with_capacity(page.people.len());
    for person in page.people {
        let state = state_of(app, &person).await?;
        if status.is_empty() || status == state {
            let role_names = role_names(app, &person.roles());
            rows.push(Row { id: person.id, username: person.username, display_name: person.display_name, role_names, state, seen_at: person.seen_at });
        }
    }
    let may_invite = app.policy.can::<Invite>(&ctx.actor, &On::any("person"));
    ctx.page("people/list.html", ListPage { q, status, people: rows, newer, older, may_invite }).await
}

pub(super) fn role_names(app: &App, roles: &[Role]) -> Vec<String> {
    roles.iter().map(|r| app.text(&format!("role-{r}"), &[])).collect()
}

/// A role as a box to tick.
#[derive(Serialize)]
pub(super) struct RoleBox {
    name: &'static str,
    label: String,
    may: String,
    held: bool,
    because: Option<String>,
}

/// Every role as a box; `because` says why this one cannot be changed.
pub(super) fn role_boxes(app: &App, held: &[Role], because: impl Fn(Role) -> Option<String>) -> Vec<RoleBox> {
    let one = |role: Role| RoleBox {
        name: role.name(),
        label: app.text(&format!("role-{role}"), &[]),
        may: app.text(&format!("role-{role}-may"), &[]),
        held: held.contains(&role),
        because: because(role),
    };
    Role::ALL.into_iter().map(one).collect()
}

/// Reads the ticked roles; none when one of them is unknown.
pub(super) fn read_roles(fields: &mut Fields) -> Option<Vec<Role>> {
    fields.many("roles").iter().map(|name| name.parse().ok()).collect()
}

#[derive(Serialize)]
struct InvitePage {
    roles: Vec<RoleBox>,
    form: FormState,
}

async fn get_invite(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<Invite>(&On::any("person")).await?;
    let form = FormState::default().keep("roles", Vec::<String>::new());
    ctx.page("people/invite.html", InvitePage { roles: role_boxes(&ctx.app, &[], |_| None), form }).await
}

async fn post_invite(_: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let app = &ctx.app;
    let permit = ctx.permit::<Invite>(&On::any("person")).await?;
    let mut form = FormState::default();
    let new = read_person(app, &mut fields, &mut form)?;
    let roles = read_roles(&mut fields);
    fields.finish()?;
    let ticked: Vec<&str> = roles.iter().flatten().map(|r| r.name()).collect();
    let mut form = form.keep("roles", ticked);
    if roles.as_ref().is_none_or(Vec::is_empty) {
        form.wrong("roles", app.text(if roles.is_none() { "error-roles-unknown" } else { "error-roles-missing" }, &[]));
    }
    let again = async |form| ctx.again("people/invite.html", InvitePage { roles: role_boxes(app, &[], |_| None), form }).await;
    let (Some(roles), true) = (roles, form.is_fine()) else { return again(form).await };
    let mails = app.config.smtp.is_some().then(|| app.config.url());
    let invitation = Invitation { new: &new, roles: &roles, public_url: mails, repeat: None };
    match links::invite(&app.db, &app.policies.session, permit, invitation).await.map(|once| once.answer) {
        Ok((id, made)) => {
            let mailed_to = new.email.filter(|_| mails.is_some());
            show_link(&ctx, &id, &new.display_name, made, mailed_to).await
        }
        Err(Error::NameTaken) => {
            form.wrong("username", app.text("error-username-taken", &[]));
            again(form).await
        }
        Err(error) => Err(told(error)),
    }
}

#[derive(Serialize)]
struct LinkPage {
    purpose: &'static str,
    name: String,
    person_href: String,
    link: String,
    expires_at: Micros,
    mailed_to: Option<String>,
}

/// Shows a link once.
pub(super) async fn show_link(ctx: &Ctx, id: &PersonId, name: &str, made: Made, mailed_to: Option<String>) -> Answer {
    let page = LinkPage {
        purpose: made.purpose.name(),
        name: name.to_owned(),
        person_href: format!("/admin/users/{id}"),
        link: links::href(ctx.app.config.url(), &made.token),
        expires_at: made.expires_at,
        mailed_to,
    };
    ctx.page("people/invited.html", page).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unknown_role_spoils_them_all() {
        let read = |body: &str| read_roles(&mut Fields::parse(body.as_bytes()).expect("a form"));
        assert_eq!(read("roles=admin&roles=intake"), Some(vec![Role::Admin, Role::Intake]));
        assert_eq!(read(""), Some(vec![]));
        assert_eq!(read("roles=admin&roles=root"), None);
    }
}
