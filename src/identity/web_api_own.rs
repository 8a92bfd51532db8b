//! `/api/v1` for what is one's own: who one is, tokens, sessions.
//! Must stay true: a token gives no scope it does not hold, and no secret is told twice.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::tokens::{self, NewToken};
use super::web::{live_sessions, me, told};
use super::web_api::{Wrong, utc};
use super::{CreateToken, OfPerson, Revoke, RevokeToken, sessions};
use crate::core::id::{SessionId, TokenId};
use crate::core::text::Line;
use crate::http::form::Fields;
use crate::http::openapi::Problem;
use crate::http::{self, Answer, Ctx, Json, Routes, Rule, Signed};
use crate::policy::{Act as _, Auth, Denied, Need, Permit, Who};

/// Where one's own tokens are made and listed.
const TOKENS: &str = "/api/v1/tokens";

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/v1/me", Rule::Signed, get_me)
        .get(TOKENS, Rule::Signed, get_tokens)
        .post(TOKENS, Rule::Act("token.create"), post_tokens)
        .delete("/api/v1/tokens/{id}", Rule::Act("token.revoke"), delete_token)
        .get("/api/v1/sessions", Rule::Signed, get_sessions)
        .delete("/api/v1/sessions/{id}", Rule::Act("session.revoke"), delete_session)
}

pub(super) fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(get_me, get_tokens, post_tokens, delete_token, get_sessions, delete_session))]
struct Doc;

/// Whom the token belongs to, and what it may do.
#[derive(Serialize, ToSchema)]
struct Me {
    id: String,
    username: String,
    display_name: String,
    roles: Vec<&'static str>,
    /// The token's id.
    token: Option<String>,
    /// The acts the token may do.
    scopes: Option<Vec<String>>,
}

/// A token; its secret is told once, when it is made.
#[derive(Serialize, ToSchema)]
struct Token {
    id: String,
    name: String,
    scopes: Vec<String>,
    created_at: String,
    expires_at: String,
    revoked_at: Option<String>,
    used_at: Option<String>,
    used_address: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Tokens {
    items: Vec<Token>,
    next: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenBody {
    name: String,
    scopes: Vec<String>,
    days: i64,
}

#[derive(Serialize, ToSchema)]
struct TokenMade {
    id: String,
    token: String,
    expires_at: String,
}

/// A browser session.
#[derive(Serialize, ToSchema)]
struct Session {
    id: String,
    started_at: String,
    seen_at: String,
    address: Option<String>,
    agent: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Sessions {
    items: Vec<Session>,
    next: Option<String>,
}

/// A list that comes whole takes no query.
fn no_query(uri: &Uri) -> Result<(), http::Error> {
    Fields::parse(uri.query().unwrap_or_default().as_bytes())?.finish()
}

/// Whom the token belongs to
#[utoipa::path(get, path = "/api/v1/me", tag = "users", responses((status = 200, body = Me), (status = 401, body = Problem)))]
async fn get_me(Signed { ctx, .. }: Signed) -> Answer {
    let person = me(&ctx).await?;
    let token = match &ctx.actor.who {
        Who::Person { auth: Auth::Token(id), .. } => Some(id.to_string()),
        Who::Person { .. } | Who::Stranger | Who::Console | Who::System => None,
    };
    let roles = ctx.actor.roles.iter().map(|r| r.name()).collect();
    let me = Me { id: person.id.to_string(), username: person.username, display_name: person.display_name, roles, token, scopes: ctx.actor.scopes.clone() };
    Ok(axum::Json(me).into_response())
}

/// One's own tokens
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses((status = 200, body = Tokens), (status = 401, body = Problem)))]
async fn get_tokens(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    no_query(&uri)?;
    let items = tokens::list(&ctx.app.db, &person).await?.into_iter().map(|(row, client)| Token {
        id: row.id.to_string(),
        name: row.name,
        scopes: row.scopes.split_whitespace().map(str::to_owned).collect(),
        created_at: utc(row.made_at),
        expires_at: utc(row.expires_at),
        revoked_at: row.revoked_at.map(utc),
        used_at: row.seen_at.map(utc),
        used_address: client.address,
    });
    Ok(axum::Json(Tokens { items: items.collect(), next: None }).into_response())
}

/// Make a token; it gets no scope that the one in use does not hold
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body make no second token; they hear 409 with its id, never its secret")),
    responses((status = 201, body = TokenMade), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn post_tokens(Signed { ctx, person }: Signed, headers: HeaderMap, Json(body): Json<TokenBody>) -> Answer {
    let (app, policy) = (&ctx.app, &ctx.app.policies.session);
    let permit = ctx.permit::<CreateToken>(&OfPerson::token(None, &person)).await?;
    let key = http::repeat::key(&ctx, &person, TOKENS, &headers)?;
    let may = tokens::scopes_for(&app.policy, &ctx.actor.roles);
    let scopes = match body.scopes.iter().find(|s| !may.contains(&s.as_str())) {
        Some(unknown) => Err(format!("holds `{unknown}`, which is not known or not yours to give")),
        None if body.scopes.is_empty() => Err("is empty; give at least one scope".into()),
        None => Ok(tokens::in_order(&body.scopes)),
    };
    let days = if (1..=policy.token_days_max).contains(&body.days) { Ok(body.days) } else { Err(format!("must lie between 1 and {}", policy.token_days_max)) };
    let mut wrong = Wrong::default();
    let mut new = NewToken {
        name: wrong.take("name", Line::parse(&body.name, tokens::NAME_CHARS_MAX)),
        scopes: wrong.take("scopes", scopes),
        days: wrong.take("days", days),
        repeat: None,
    };
    wrong.finish()?;
    check_held(&ctx, &permit, &new.scopes).await?;
    new.repeat = key.map(|key| key.with(&app.db, &(&new.name, &new.scopes, new.days))).transpose()?;
    let (id, token, expires_at) = tokens::create(&app.db, policy, permit, &person, &new).await.map_err(told)?;
    Ok((StatusCode::CREATED, axum::Json(TokenMade { id: id.to_string(), token, expires_at: utc(expires_at) })).into_response())
}

/// A token gives what it holds. Asking for more is a refusal like any other, and recorded as one.
async fn check_held(ctx: &Ctx, permit: &Permit<CreateToken>, wanted: &[String]) -> Result<(), http::Error> {
    let Some(held) = &ctx.actor.scopes else { return Ok(()) };
    let Some(beyond) = wanted.iter().find(|s| !held.contains(s)) else { return Ok(()) };
    let denied = Denied {
        actor: permit.actor().clone(),
        action: CreateToken::NAME,
        category: permit.category().to_owned(),
        on: permit.on().clone(),
        need: Need::Scope(beyond.clone()),
    };
    ctx.app.db.record_denial(&denied).await?;
    Err(denied.into())
}

/// Revoke one of one's own tokens
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn delete_token(Signed { ctx, person }: Signed, Path(id): Path<String>) -> Answer {
    let id: TokenId = id.parse().map_err(|_| http::Error::not_found())?;
    let token = tokens::find_for(&ctx.app.db, &person, &id).await?.ok_or_else(http::Error::not_found)?;
    let permit = ctx.permit::<RevokeToken>(&token).await?;
    tokens::revoke(&ctx.app.db, permit, &id).await.map_err(told)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// One's own browser sessions
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions", responses((status = 200, body = Sessions), (status = 401, body = Problem)))]
async fn get_sessions(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    no_query(&uri)?;
    let items = live_sessions(&ctx.app, &person).await?.into_iter().map(|(row, client)| Session {
        id: row.id.to_string(),
        started_at: utc(row.made_at),
        seen_at: utc(row.seen_at),
        address: client.address,
        agent: client.agent,
    });
    Ok(axum::Json(Sessions { items: items.collect(), next: None }).into_response())
}

/// End one of one's own sessions
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "sessions", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn delete_session(Signed { ctx, person }: Signed, Path(id): Path<String>) -> Answer {
    let id: SessionId = id.parse().map_err(|_| http::Error::not_found())?;
    let session = sessions::find_for(&ctx.app.db, &person, &id).await?.ok_or_else(http::Error::not_found)?;
    let permit = ctx.permit::<Revoke>(&session).await?;
    sessions::revoke(&ctx.app.db, permit, &id).await.map_err(told)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
