//! `POST /hooks/twilio/status`: what became of a message, told by Twilio with our own id in the address.
//! Must stay true: each word is kept once and is an entry; words count by how far they lie on the way, not by when they come;
//! a word for a message is proof that it was taken, even before the answer to it, or when that was lost.

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::hooks::{ID_CHARS_MAX, WORD_CHARS_MAX, actor, believed};
use super::inbound::{self, Told, is_known};
use super::state::{State, rank, says_more, state_of};
use super::{Error, Message, Report, find, gateway, sql, twilio};
use crate::contacts::Halt;
use crate::core::id::{InboundId, MessageId};
use crate::db::{Db, DbError, Detail};
use crate::http::form::Fields;
use crate::http::{self, Answer, App, Ctx, Routes, Rule};
use crate::policy::Permit;

/// Where Twilio says what became of messages.
pub const CALLBACK: &str = "/hooks/twilio/status";
/// How often a word is written when something else was written meanwhile.
const TRIES: usize = 5;

pub(super) fn routes() -> Routes {
    Routes::new().post(CALLBACK, Rule::Public, post_status)
}

async fn post_status(Shared(app): Shared<App>, ctx: Ctx, request: Request) -> Answer {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let form = believed(&app, request).await?;
    let mid = Fields::parse(query.as_bytes())?.optional("mid")?;
    let mid: Option<MessageId> = mid.map(|mid| mid.parse().map_err(|_| http::Error::field("mid", "is not the id of a message"))).transpose()?;
    let provider_id = form.word("MessageSid", ID_CHARS_MAX)?;
    let status = form.word("MessageStatus", WORD_CHARS_MAX)?;
    let code = if form.one("ErrorCode").is_some_and(|c| !c.is_empty()) { Some(form.word("ErrorCode", WORD_CHARS_MAX)?) } else { None };
    take(&app, &ctx, &Told { gateway: gateway::TWILIO, provider_id, status, code }, mid.as_ref()).await
}

/// Keeps what was told, and answers.
pub(super) async fn take(app: &App, ctx: &Ctx, told: &Told<'_>, mid: Option<&MessageId>) -> Answer {
    let mut tries = 0;
    loop {
        let permit = app.policy.permit::<Report>(&actor(ctx), &inbound::events())?;
        tries += 1;
        match keep(&app.db, permit, told, mid).await {
            Err(Error::State) if tries < TRIES => {}
            done => {
                done.map_err(super::web::told)?;
                let response: Response = StatusCode::NO_CONTENT.into_response();
                return Ok(response);
            }
        }
    }
}

/// What a word changes of a message.
struct Change {
    state: State,
    reason: Option<String>,
    corrects: bool,
}

/// What `told` changes of `message`; none when it says nothing new, or is not of this message.
fn change(message: &Message, old: State, told: &Told<'_>) -> Option<Change> {
    let foreign = message.gateway != told.gateway || message.provider_id.as_deref().is_some_and(|known| known != told.provider_id);
    if foreign || matches!(old, State::Queued | State::Held) || message.attempted_at.is_none() {
        return None;
    }
    if !says_more(message.provider_rank, message.provider_status.as_deref(), told.status) {
        return None;
    }
    let said = state_of(told.status);
    let state = if old == said || old.may_become(said) { said } else { old };
    let reason = (state == State::Failed).then(|| told.code.map_or_else(|| told.status.to_owned(), |code| format!("{}_{code}", told.gateway)));
    Some(Change { state, reason, corrects: matches!(old, State::Failed | State::Rejected) && state != old })
}

/// Keeps a word of a gateway and what it says of our message. False when it was kept before.
///
/// # Errors
/// [`Error::State`] when something else was written of the message meanwhile: to be tried again.
pub async fn keep(db: &Db, permit: Permit<Report>, told: &Told<'_>, mid: Option<&MessageId>) -> Result<bool, Error> {
    let key = format!("status:{}:{}:{}", told.provider_id, told.status, told.code.unwrap_or_default());
    if is_known(db, told.gateway, &key).await? {
        return Ok(false);
    }
    let message: Option<Message> = match mid {
        Some(mid) => find(db, mid).await?,
        None => db.query(sql::BY_PROVIDER).bind(told.gateway).bind(told.provider_id).optional().await?,
    };
    let id = InboundId::new(db.clock(), db.rng());
    let halt = match &message {
        Some(message) if told.code.is_some_and(twilio::is_opt_out) => stop_of(db, message).await?,
        _ => None,
    };
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let insert = tx.write(sql::INSERT_INBOUND).bind(&id).bind(told.gateway).bind(&key).bind("status").bind(message.as_ref().map(|m| m.number_ix.clone()));
    let insert = insert
        .bind(None::<Vec<u8>>)
        .bind(told.provider_id)
        .bind(Some(told.status.to_owned()))
        .bind(now)
        .bind(None::<String>)
        .execute()
        .await
        .map_err(DbError::from);
    if let Err(error) = insert {
        return if error.is_unique() { Ok(false) } else { Err(error.into()) };
    }
    let mut detail = Detail::ok().with("gateway", told.gateway).with("provider_id", told.provider_id).with("status", told.status);
    if let Some(code) = told.code {
        detail = detail.with("code", code);
    }
    if let Some(message) = &message {
        let old = message.state()?;
        detail = detail.with("message", message.id.as_str());
        if let Some(change) = change(message, old, told) {
            let write = tx.write(sql::REPORTED).bind(&message.id).bind(change.state.name()).bind(change.reason).bind(told.provider_id);
            let write = write.bind(told.status).bind(rank(told.status).unwrap_or(message.provider_rank)).bind(now);
            if write.bind(old.name()).bind(message.provider_rank).execute().await? != 1 {
                return Err(Error::State);
            }
            detail = detail.with("state", change.state.name());
            if change.state != old {
                super::told::tell(&mut tx, message, change.state, told.code).await?;
            }
            if change.corrects {
                detail = detail.with("corrects", old.name());
            }
        } else {
            detail = detail.because("no_news");
        }
    }
    if let Some(halt) = &halt {
        detail = detail.with("stop", halt.write(&mut tx).await.map_err(inbound::inner)?.as_str());
    }
    tx.commit(permit, detail).await?;
    Ok(true)
}

/// The stop of a message's number, by the word of its gateway; none once the number was erased.
pub(super) async fn stop_of(db: &Db, message: &Message) -> Result<Option<Halt>, Error> {
    match message.number(db).await {
        // E.164, or an address without a number.
        Ok(key) => Halt::of_address(db, &key, message.masked.clone(), "opt_out", "gateway").await.map(Some).map_err(inbound::inner),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
