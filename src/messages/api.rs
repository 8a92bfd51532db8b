//! Messages over the API: `POST /api/v1/messages` records one and answers 202; two reads say what became of it.

use axum::extract::{FromRequest as _, Path, Request};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::web::{messages, number, one, place, text, text_of, told};
use super::{Draft, LIMIT_MAX, List, Listed, PAGE_MAX, Send, route};
use crate::core::clock::Micros;
use crate::http::form::Fields;
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, Ctx, Json, Routes, Rule, Signed};
use crate::repeat::Once;

/// Where messages are made and listed.
const MESSAGES: &str = "/api/v1/messages";

/// The description of this slice's part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(post_message, get_messages, get_message))]
struct Doc;

pub(super) fn routes() -> Routes {
    Routes::new().post(MESSAGES, Rule::Act("message.send"), post_message).get(MESSAGES, Rule::Act("message.list"), get_messages).get(
        "/api/v1/messages/{id}",
        Rule::Act("message.list"),
        get_message,
    )
}

/// A text to one number.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMessage {
    to: String,
    text: String,
}

/// A message; the number is masked.
#[derive(Serialize, ToSchema)]
struct Item {
    id: String,
    to: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    author: String,
    gateway: String,
    at: String,
}

/// One page of messages.
#[derive(Serialize, ToSchema)]
struct Items {
    items: Vec<Item>,
    next: Option<String>,
}

/// What became of a message as it was taken.
#[derive(Serialize, ToSchema)]
struct Taken {
    id: String,
    state: String,
    reason: Option<String>,
}

/// A message with its text and its times.
#[derive(Serialize, ToSchema)]
struct Whole {
    #[serde(flatten)]
    item: Item,
    text: Option<String>,
    attempted_at: Option<String>,
    ended_at: Option<String>,
    provider_id: Option<String>,
}

fn rfc3339(at: Micros) -> String {
    both_times(at, "UTC").0
}

impl From<Listed> for Item {
    fn from(row: Listed) -> Self {
        Self {
            id: row.id.to_string(),
            to: row.masked,
            state: row.state,
            reason: row.reason,
            author: row.author_id.to_string(),
            gateway: row.gateway,
            at: rfc3339(row.made_at),
        }
    }
}

/// Send a message
#[utoipa::path(post, path = "/api/v1/messages", tag = "messages", request_body = NewMessage,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body send nothing twice")),
    responses((status = 202, body = Taken), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn post_message(Signed { ctx, person }: Signed, request: Request) -> Answer {
    // Before the body is looked at: who may not send hears that first.
    let permit = ctx.permit::<Send>(&messages()).await?;
    let key = http::repeat::key(&ctx, &person, MESSAGES, request.headers())?;
    let Json(new) = Json::<NewMessage>::from_request(request, &ctx.app).await?;
    let app = &ctx.app;
    let (number, text) = match (number(app, &new.to), text(&new.text)) {
        (Ok(number), Ok(text)) => (number, text),
        (number, text) => return Err(refused(&ctx, &[("to", number.err()), ("text", text.err())])),
    };
    let repeat = key.map(|key| key.with(&app.db, &(number.e164(), &text))).transpose()?;
    let gateway = route::by_rules(&app.db, &app.config, &number).await?;
    let draft = Draft { author: &person, number: &number, text: &text, gateway: gateway.as_deref(), repeat: repeat.as_ref() };
    let Once { answer: sent, again } = super::send(&app.db, permit, draft).await.map_err(told)?;
    app.work.notify_one();
    let place = HeaderValue::from_str(&format!("/api/v1/messages/{}", sent.id));
    let mut response = (StatusCode::ACCEPTED, axum::Json(sent)).into_response();
    if let Ok(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(http::repeat::marked(response, again))
}

/// 422 with each wrong field, the code of its reason, and the sentences.
fn refused(ctx: &Ctx, fields: &[(&str, Option<super::web::Refused>)]) -> http::Error {
    let mut error = http::Error::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    let wrong: Vec<_> = fields.iter().filter_map(|(name, refused)| refused.as_ref().map(|r| (*name, r))).collect();
    error.detail = Some(wrong.iter().map(|(_, r)| format!("{}.", r.says(&ctx.app))).collect::<Vec<_>>().join(" "));
    error.fields = wrong.iter().map(|(name, r)| ((*name).to_owned(), r.code.to_owned())).collect();
    error
}

/// Messages, newest first
#[utoipa::path(get, path = "/api/v1/messages", tag = "messages",
    params(("after" = Option<String>, Query, description = "The last id seen"), ("limit" = Option<i64>, Query, description = "1 to 100")),
    responses((status = 200, body = Items), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn get_messages(Signed { ctx, .. }: Signed, uri: Uri) -> Answer {
    let _permit = ctx.permit::<List>(&messages()).await?;
    let mut query = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let after = place(&mut query, "after")?;
    let limit = limit(query.optional("limit")?)?;
    query.finish()?;
    let (listed, more) = super::after(&ctx.app.db, after.as_ref(), limit).await?;
    let next = listed.last().filter(|_| more).map(|m| m.id.to_string());
    Ok(axum::Json(Items { items: listed.into_iter().map(Item::from).collect(), next }).into_response())
}

fn limit(given: Option<String>) -> Result<i64, http::Error> {
    let Some(given) = given else { return Ok(i64::try_from(PAGE_MAX).unwrap_or(LIMIT_MAX)) };
    let limit = given.parse::<i64>().ok().filter(|n| (1..=LIMIT_MAX).contains(n));
    limit.ok_or_else(|| http::Error::field("limit", format!("must be a number from 1 to {LIMIT_MAX}")))
}

/// One message
#[utoipa::path(get, path = "/api/v1/messages/{id}", tag = "messages", params(("id" = String, Path)),
    responses((status = 200, body = Whole), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn get_message(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Result<Response, http::Error> {
    let _permit = ctx.permit::<List>(&messages()).await?;
    let message = one(&ctx, &id).await?;
    let text = text_of(&ctx, &message).await?;
    let item = Item {
        id: message.id.to_string(),
        to: message.masked,
        state: message.state,
        reason: message.reason,
        author: message.author_id.to_string(),
        gateway: message.gateway,
        at: rfc3339(message.made_at),
    };
    let whole =
        Whole { item, text, attempted_at: message.attempted_at.map(rfc3339), ended_at: message.ended_at.map(rfc3339), provider_id: message.provider_id };
    Ok(axum::Json(whole).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_lies_in_its_range() {
        assert!(matches!(limit(None), Ok(50)));
        assert!(matches!(limit(Some("200".into())), Ok(200)));
        for bad in ["0", "201", "-1", "x", ""] {
            assert!(limit(Some(bad.into())).is_err(), "{bad}");
        }
    }
}
