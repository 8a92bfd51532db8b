//! `/api/v1/users`. The gate lets tokens alone in here, never a browser's cookie.
//! Must stay true: each handler spends the permit that its page spends, through the same verb.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::links::{self, Invitation, Made, NewPerson};
use super::people::{self, Listed};
use super::web::told;
use super::web_people::{maybe_last, named, state_of};
use super::web_person::REASON_CHARS_MAX;
use super::{Delete, Disable, Enable, EndAll, Grant, Invite, List, MaybeLast, Person, ResetPassword, Unlock};
use crate::core::clock::Micros;
use crate::core::id::PersonId;
use crate::core::text::{Email, Line, Paragraph, Username};
use crate::http::form::Fields;
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, App, Json, Routes, Rule, Signed};
use crate::policy::{On, Role};
use crate::repeat::Once;

/// Items of one answer.
const LIMIT_MAX: i64 = 100;
const LIMIT_PROPOSED: i64 = 50;

/// Where people are invited and listed.
const USERS: &str = "/api/v1/users";

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(USERS, Rule::Act("person.list"), get_users)
        .post(USERS, Rule::Act("person.invite"), post_users)
        .get("/api/v1/users/{id}", Rule::Act("person.list"), get_user)
        .delete("/api/v1/users/{id}", Rule::Act("person.delete"), delete_user)
        .post("/api/v1/users/{id}/disable", Rule::Act("person.disable"), post_disable)
        .post("/api/v1/users/{id}/enable", Rule::Act("person.enable"), post_enable)
        .post("/api/v1/users/{id}/unlock", Rule::Act("person.unlock"), post_unlock)
        .post("/api/v1/users/{id}/end-sessions", Rule::Act("session.end_all"), post_end_sessions)
        .post("/api/v1/users/{id}/reset-password", Rule::Act("person.reset_password"), post_reset_password)
        .post("/api/v1/users/{id}/roles", Rule::Act("person.grant"), post_roles)
}

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi().merge_from(super::web_api_own::api_doc())
}

#[derive(OpenApi)]
#[openapi(paths(get_users, post_users, get_user, delete_user, post_disable, post_enable, post_unlock, post_end_sessions, post_reset_password, post_roles))]
struct Doc;

/// RFC 3339, UTC.
pub(super) fn utc(at: Micros) -> String {
    both_times(at, "UTC").0
}

/// A person.
#[derive(Serialize, ToSchema)]
struct User {
    id: String,
    username: String,
    display_name: String,
    email: Option<String>,
    /// `invited`, `active`, `locked`, `disabled` or `deleted`.
    state: &'static str,
    roles: Vec<&'static str>,
    /// An authenticator is enrolled.
    authenticator: bool,
    created_at: String,
    seen_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Users {
    items: Vec<User>,
    /// Give it as `after` to go on; absent at the end.
    next: Option<String>,
}

/// Somebody to invite.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InviteBody {
    username: String,
    display_name: String,
    #[serde(default)]
    email: Option<String>,
    roles: Vec<String>,
}

/// An invitation; the link is told only now.
#[derive(Serialize, ToSchema)]
struct Invited {
    id: String,
    link: String,
    expires_at: String,
}

/// A single-use link, told only now.
#[derive(Serialize, ToSchema)]
struct LinkMade {
    /// `invite` for somebody who never had a password, else `reset`.
    purpose: &'static str,
    link: String,
    expires_at: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RolesBody {
    /// Exactly these from now on.
    roles: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeleteBody {
    reason: String,
}

async fn user(app: &App, person: Listed) -> Result<User, http::Error> {
    let state = state_of(app, &person).await?;
    Ok(User {
        id: person.id.to_string(),
        state,
        roles: person.roles().iter().map(|r| r.name()).collect(),
        authenticator: person.totp_at.is_some(),
        created_at: utc(person.created_at),
        seen_at: person.seen_at.map(utc),
        username: person.username,
        display_name: person.display_name,
        email: person.email,
    })
}

/// The person as they are now, after an act.
async fn told_user(app: &App, id: &PersonId) -> Answer {
    let person = people::listed(&app.db, id).await?.ok_or_else(http::Error::not_found)?;
    Ok(axum::Json(user(app, person).await?).into_response())
}

/// The query of a list: `after` and `limit`, each once.
fn place(uri: &Uri) -> Result<(Option<String>, i64), http::Error> {
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let (after, limit) = (query.optional("after")?, query.optional("limit")?);
    query.finish()?;
    let Some(limit) = limit else { return Ok((after, LIMIT_PROPOSED)) };
    let limit = limit.parse().ok().filter(|n| (1..=LIMIT_MAX).contains(n));
    Ok((after, limit.ok_or_else(|| http::Error::field("limit", format!("must be a number from 1 to {LIMIT_MAX}")))?))
}

/// People, oldest first
#[utoipa::path(get, path = "/api/v1/users", tag = "users",
    params(("after" = Option<String>, Query, description = "The last id seen"), ("limit" = Option<i64>, Query, description = "1 to 100")),
    responses((status = 200, body = Users), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn get_users(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<List>(&On::any("person")).await?;
    let (after, limit) = place(&uri)?;
    let after = after.map(|a| a.parse::<PersonId>()).transpose().map_err(|e| http::Error::field("after", e.to_string()))?;
    let mut found = people::from(&ctx.app.db, after.as_ref(), limit + 1).await?;
    let size = usize::try_from(limit).unwrap_or(0);
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|p| p.id.to_string());
    let mut items = Vec::with_capacity(found.len());
    for person in found {
        items.push(user(&ctx.app, person).await?);
    }
    Ok(axum::Json(Users { items, next }).into_response())
}

/// One person
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = User), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get_user(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<List>(&On::any("person")).await?;
    let person = named(&ctx, &id).await?;
    told_user(&ctx.app, &person.id).await
}

/// Gathers what is wrong with a body, so that all of it is told at once.
#[derive(Default)]
pub(super) struct Wrong(Vec<(String, String)>);

impl Wrong {
    pub(super) fn take<T: Default, E: std::fmt::Display>(&mut self, field: &str, read: Result<T, E>) -> T {
        read.unwrap_or_else(|error| {
            self.0.push((field.to_owned(), error.to_string()));
            T::default()
        })
    }

    pub(super) fn finish(self) -> Result<(), http::Error> {
        if self.0.is_empty() { Ok(()) } else { Err(http::Error { fields: self.0, ..http::Error::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid") }) }
    }
}

fn read_roles(names: &[String]) -> Result<Vec<Role>, String> {
    names.iter().map(|name| name.parse()).collect()
}

/// Invite a person
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = InviteBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body invite nobody twice")),
    responses((status = 201, body = Invited), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn post_users(Signed { ctx, person }: Signed, headers: HeaderMap, Json(body): Json<InviteBody>) -> Answer {
    let app = &ctx.app;
    let permit = ctx.permit::<Invite>(&On::any("person")).await?;
    let key = http::repeat::key(&ctx, &person, USERS, &headers)?;
    let mut wrong = Wrong::default();
    let new = NewPerson {
        username: wrong.take("username", Username::parse(&body.username)),
        display_name: wrong.take("display_name", Line::parse(&body.display_name, 100)),
        email: wrong.take("email", body.email.as_deref().map(Email::parse).transpose()),
        time_zone: app.config.zone_name().to_owned(),
    };
    let given = read_roles(&body.roles).and_then(|r| if r.is_empty() { Err("is empty; give at least one role".into()) } else { Ok(r) });
    let mut roles = wrong.take("roles", given);
    wrong.finish()?;
    roles.sort_unstable();
    roles.dedup();
    let mails = app.config.smtp.is_some().then(|| app.config.url());
    let names: Vec<&str> = roles.iter().map(|r| r.name()).collect();
    let repeat = key.map(|key| key.with(&app.db, &(&new.username, &new.display_name, &new.email, names))).transpose()?;
    let invitation = Invitation { new: &new, roles: &roles, public_url: mails, repeat: repeat.as_ref() };
    let Once { answer: (id, made), again } = links::invite(&app.db, &app.policies.session, permit, invitation).await.map_err(told)?;
    let invited = Invited { id: id.to_string(), link: links::href(app.config.url(), &made.token), expires_at: utc(made.expires_at) };
    Ok(http::repeat::marked((StatusCode::CREATED, axum::Json(invited)).into_response(), again))
}

/// Close an account for good, keeping its history
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "users", params(("id" = String, Path)), request_body = DeleteBody,
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn delete_user(Signed { ctx, .. }: Signed, Path(id): Path<String>, Json(body): Json<DeleteBody>) -> Answer {
    let target = maybe_last(&ctx.app, named(&ctx, &id).await?).await?;
    let permit = ctx.permit::<Delete>(&target).await?;
    let reason = Paragraph::parse(&body.reason, REASON_CHARS_MAX).map_err(|e| http::Error::field("reason", e.to_string()))?;
    people::delete(&ctx.app.db, permit, &target, &reason).await.map_err(told)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Disable a person
#[utoipa::path(post, path = "/api/v1/users/{id}/disable", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = User), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn post_disable(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let target = maybe_last(&ctx.app, named(&ctx, &id).await?).await?;
    let permit = ctx.permit::<Disable>(&target).await?;
    people::disable(&ctx.app.db, permit, &target).await.map_err(told)?;
    told_user(&ctx.app, &target.person.id).await
}

/// Enable a person again
#[utoipa::path(post, path = "/api/v1/users/{id}/enable", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = User), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn post_enable(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let person = named(&ctx, &id).await?;
    let permit = ctx.permit::<Enable>(&person).await?;
    people::enable(&ctx.app.db, permit, &person).await.map_err(told)?;
    told_user(&ctx.app, &person.id).await
}

/// Lift the lock after too many tries
#[utoipa::path(post, path = "/api/v1/users/{id}/unlock", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = User), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn post_unlock(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let person = named(&ctx, &id).await?;
    let permit = ctx.permit::<Unlock>(&person).await?;
    people::unlock(&ctx.app.db, permit, &person).await.map_err(told)?;
    told_user(&ctx.app, &person.id).await
}

/// End all sessions of a person
#[utoipa::path(post, path = "/api/v1/users/{id}/end-sessions", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = User), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn post_end_sessions(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let person = named(&ctx, &id).await?;
    let permit = ctx.permit::<EndAll>(&person).await?;
    people::end_all(&ctx.app.db, permit, &person).await.map_err(told)?;
    told_user(&ctx.app, &person.id).await
}

/// Make a link with which a person sets a password
#[utoipa::path(post, path = "/api/v1/users/{id}/reset-password", tag = "users", params(("id" = String, Path)),
    responses((status = 201, body = LinkMade), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn post_reset_password(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let person: Person = named(&ctx, &id).await?;
    let permit = ctx.permit::<ResetPassword>(&person).await?;
    let made: Made = links::make_reset(&ctx.app.db, &ctx.app.policies.session, permit, &person).await.map_err(told)?;
    let link = LinkMade { purpose: made.purpose.name(), link: links::href(ctx.app.config.url(), &made.token), expires_at: utc(made.expires_at) };
    Ok((StatusCode::CREATED, axum::Json(link)).into_response())
}

/// Set a person's roles
#[utoipa::path(post, path = "/api/v1/users/{id}/roles", tag = "users", params(("id" = String, Path)), request_body = RolesBody,
    responses((status = 200, body = User), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn post_roles(Signed { ctx, .. }: Signed, Path(id): Path<String>, Json(body): Json<RolesBody>) -> Answer {
    let person = named(&ctx, &id).await?;
    let wanted = read_roles(&body.roles);
    let keeps_admin = wanted.as_ref().map_or(true, |w| w.contains(&Role::Admin));
    let target = MaybeLast { last: !keeps_admin && super::is_last_admin(&ctx.app.db, &person.id).await?, person };
    let permit = ctx.permit::<Grant>(&target).await?;
    let wanted = wanted.map_err(|e| http::Error::field("roles", e))?;
    people::grant(&ctx.app.db, permit, &target.person, &wanted).await.map_err(told)?;
    told_user(&ctx.app, &target.person.id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_names_every_route_and_nothing_else() {
        assert_eq!(http::openapi::strays(&routes().and(super::super::web_api_own::routes()), &api_doc()), Vec::<String>::new());
    }

    #[test]
    fn a_list_takes_a_place_and_a_limit_and_nothing_else() {
        let read = |query: &str| place(&format!("/api/v1/users{query}").parse().expect("an address")).map_err(|e| e.status.as_u16());
        assert_eq!(read(""), Ok((None, LIMIT_PROPOSED)));
        assert_eq!(read("?after=usr_1&limit=7"), Ok((Some("usr_1".into()), 7)));
        for (query, status) in [("?limit=0", 422), ("?limit=101", 422), ("?limit=x", 422), ("?limit=1&limit=2", 400), ("?page=2", 422), ("?limit=%FF", 400)] {
            assert_eq!(read(query), Err(status), "{query}");
        }
    }

    #[test]
    fn times_are_told_in_utc() {
        assert_eq!(utc(1_795_000_000_000_000), "2026-11-18T11:06:40Z");
    }

    #[test]
    fn everything_wrong_with_a_body_is_told_at_once() {
        let mut wrong = Wrong::default();
        wrong.take("username", Username::parse("Ünal"));
        wrong.take("roles", read_roles(&["root".into()]));
        let error = wrong.finish().expect_err("two faults");
        assert_eq!(error.fields.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["username", "roles"]);
    }
}
