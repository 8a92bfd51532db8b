//! Pages on which one makes and revokes one's API tokens.
//! Must stay true: a token's secret is shown on one page, once.

use std::collections::BTreeMap;

use axum::extract::Path;
use serde::Serialize;

use super::tokens::{self, NewToken};
use super::web::told;
use super::web_account::own;
use super::{CreateToken, Error, OfPerson, RevokeToken};
use crate::core::clock::Micros;
use crate::core::id::TokenId;
use crate::core::text::Line;
use crate::http::form::{FormState, Posted};
use crate::http::{self, Answer, Ctx, Routes, Rule, Signed};

/// What a new token's form proposes.
const DAYS_PROPOSED: i64 = 90;

pub(super) fn routes() -> Routes {
    Routes::new().get("/account/tokens/new", Rule::Act("token.create"), get_token).post("/account/tokens/new", Rule::Act("token.create"), post_token).post(
        "/account/tokens/{id}/revoke",
        Rule::Act("token.revoke"),
        post_token_revoke,
    )
}

#[derive(Serialize)]
struct Scope {
    name: String,
    label: String,
}

#[derive(Serialize)]
struct Group {
    title: String,
    scopes: Vec<Scope>,
}

#[derive(Serialize)]
struct TokenPage {
    groups: Vec<Group>,
    days_max: i64,
    form: FormState,
}

fn token_page(ctx: &Ctx, form: FormState) -> TokenPage {
    let may = tokens::scopes_for(&ctx.app.policy, &ctx.actor.roles);
    let mut groups = BTreeMap::<&str, Vec<Scope>>::new();
    for (name, rule) in ctx.app.policy.rules().filter(|(name, _)| may.contains(name)) {
        groups.entry(&rule.category).or_default().push(Scope { name: name.to_owned(), label: rule.says.clone() });
    }
    let groups = groups.into_iter().map(|(category, scopes)| Group { title: ctx.app.text(&format!("scopes-{category}"), &[]), scopes });
    TokenPage { groups: groups.collect(), days_max: ctx.app.policies.session.token_days_max, form }
}

async fn get_token(Signed { ctx, person }: Signed) -> Answer {
    own(&ctx)?;
    let _permit = ctx.permit::<CreateToken>(&OfPerson::token(None, &person)).await?;
    let form = FormState::default().keep("scopes", Vec::<String>::new()).keep("days", DAYS_PROPOSED.min(ctx.app.policies.session.token_days_max).to_string());
    ctx.page("account/token_new.html", token_page(&ctx, form)).await
}

#[derive(Serialize)]
struct TokenMadePage {
    token: String,
    name: String,
    scopes: Vec<String>,
    expires_at: Micros,
}

async fn post_token(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let (app, session) = (&ctx.app, own(&ctx)?);
    let (name, days, scopes) = (fields.one("name")?, fields.one("days")?, fields.many("scopes"));
    fields.finish()?;
    let permit = ctx.permit::<CreateToken>(&OfPerson::token(None, &person)).await?;
    let policy = &app.policies.session;
    let mut form = FormState::default().keep("name", name.as_str()).keep("days", days.as_str()).keep("scopes", scopes.clone());
    let name = Line::parse(&name, tokens::NAME_CHARS_MAX).unwrap_or_else(|_| {
        form.wrong("name", app.text("error-token-name-missing", &[]));
        String::new()
    });
    let days = days.trim().parse().ok().filter(|d| (1..=policy.token_days_max).contains(d)).unwrap_or_else(|| {
        form.wrong("days", app.text("error-days-form", &[("max", &policy.token_days_max.to_string())]));
        0
    });
    let may = tokens::scopes_for(&app.policy, &ctx.actor.roles);
    if scopes.is_empty() {
        form.wrong("scopes", app.text("error-scopes-missing", &[]));
    } else if !scopes.iter().all(|s| may.contains(&s.as_str())) {
        form.wrong("scopes", app.text("error-scopes-unknown", &[]));
    }
    if !form.is_fine() {
        return ctx.again("account/token_new.html", token_page(&ctx, form)).await;
    }
    let new = NewToken { name, scopes: tokens::in_order(&scopes), days, repeat: None };
    match tokens::create(&app.db, policy, permit, &session.person, &new).await {
        Ok((_, token, expires_at)) => ctx.page("account/token_made.html", TokenMadePage { token, name: new.name, scopes: new.scopes, expires_at }).await,
        Err(Error::TooManyOf) => {
            let form = form.saying(app.text("error-tokens-max", &[("max", &policy.tokens_max.to_string())]));
            ctx.again("account/token_new.html", token_page(&ctx, form)).await
        }
        Err(error) => Err(told(error)),
    }
}

async fn post_token_revoke(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    fields.finish()?;
    let id: TokenId = id.parse().map_err(|_| http::Error::not_found())?;
    let token = tokens::find_for(&ctx.app.db, &person, &id).await?.ok_or_else(http::Error::not_found)?;
    let permit = ctx.permit::<RevokeToken>(&token).await?;
    tokens::revoke(&ctx.app.db, permit, &id).await.map_err(told)?;
    Ok(ctx.go("/account", "token-revoked"))
}
