//! Hands a text to an intake: the event and the step it makes are one commit, so that an event is one step however often it
//! comes, and one answer.
//! Must stay true: what a patient says is not kept here, neither in the event nor in its entry; nothing is said to a number
//! that is stopped.

use std::time::Duration;

use super::inbound::{Incoming, Wish, is_known, number_of};
use super::{Error, sql};
use crate::contacts;
use crate::core::fault::Fault;
use crate::core::id::InboundId;
use crate::db::DbError;
use crate::http::App;
use crate::intake::hear::{self, Heard, Prepared};
use crate::intake::{self, Step};
use crate::policy::Actor;

/// Steps that are prepared anew when others were first.
const TRIES_MAX: u32 = 8;
/// The pause after the first of them; each is twice as long as the one before. Who was first may be durable a moment later.
const PAUSE: Duration = Duration::from_millis(5);

/// What became of a text.
#[derive(Debug)]
pub(super) enum Talked {
    /// It is no business of an intake.
    Not,
    /// The same event came before.
    Known,
    /// It was a step; this is said.
    Said(String),
    /// It would begin one, and cannot; this is said, and the text is kept as any other.
    Refused(String),
}

impl From<intake::Error> for Error {
    fn from(error: intake::Error) -> Self {
        match error {
            intake::Error::Db(error) => Self::Db(error),
            intake::Error::Fault(fault) => Self::Fault(fault),
            other => Self::Fault(Fault::with("take a step of an intake", other)),
        }
    }
}

/// The channel of an address.
pub(super) fn channel_of(from: &str) -> &'static str {
    if from.starts_with("whatsapp:") { "whatsapp" } else { "sms" }
}

/// Hands the text over.
pub(super) async fn converse(app: &App, actor: &Actor, incoming: &Incoming<'_>) -> Result<Talked, Error> {
    let Some(number) = number_of(incoming.from) else { return Ok(Talked::Not) };
    if incoming.wish.or_else(|| Wish::of(incoming.text)) == Some(Wish::Stop) {
        return Ok(Talked::Not);
    }
    let db = &app.db;
    if is_known(db, incoming.gateway, &incoming.key()).await? {
        return Ok(Talked::Known);
    }
    let heard = hear::Incoming { number: &number, channel: channel_of(incoming.from), text: incoming.text };
    for n in 0..TRIES_MAX {
        let prepared = match hear::hear(db, &app.policy, &app.policies.flows, &heard, app.config.url()).await {
            Ok(Heard::Nothing) => return Ok(Talked::Not),
            Ok(Heard::Refused(text)) => return Ok(Talked::Refused(text)),
            Ok(Heard::Step(prepared)) => prepared,
            // It was shredded in this moment.
            Err(intake::Error::Changed | intake::Error::Db(DbError::Erased)) => {
                tokio::time::sleep(PAUSE * 2_u32.pow(n)).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        match take(app, actor, incoming, &prepared, number.e164()).await {
            // Only what is committed is settled: a stop that came in between left everything as it was.
            Ok(Talked::Said(text)) => {
                prepared.settle(db).await;
                if prepared.deletes() {
                    intake::end::rest_of(db, &app.policy, &number).await?;
                }
                return Ok(Talked::Said(text));
            }
            Ok(talked) => return Ok(talked),
            Err(intake::Error::Changed) => tokio::time::sleep(PAUSE * 2_u32.pow(n)).await,
            Err(intake::Error::Known) => return Ok(Talked::Known),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Fault(Fault::new("a step of an intake was overtaken too often")))
}

/// The event and its step in one commit.
async fn take(app: &App, actor: &Actor, incoming: &Incoming<'_>, prepared: &Prepared, e164: &str) -> Result<Talked, intake::Error> {
    let db = &app.db;
    let id = InboundId::new(db.clock(), db.rng());
    let permit = app.policy.permit::<Step>(actor, &prepared.on()).map_err(|e| Fault::with("take a step of an intake", e))?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if contacts::is_stopped(&mut tx, &contacts::index_of(db, e164)).await? {
        return Ok(Talked::Not);
    }
    let insert = tx.write(sql::INSERT_INBOUND).bind(&id).bind(incoming.gateway).bind(incoming.key()).bind("intake").bind(None::<String>);
    let insert =
        insert.bind(None::<Vec<u8>>).bind(incoming.provider_id).bind(None::<String>).bind(now).bind(None::<String>).execute().await.map_err(DbError::from);
    match insert {
        Ok(_) => {}
        Err(error) if error.is_unique() => return Err(intake::Error::Known),
        Err(error) => return Err(error.into()),
    }
    let (record, detail) = prepared.write(&mut tx).await?;
    let detail = detail.with("gateway", incoming.gateway).with("event", id.as_str());
    tx.commit(permit.naming(&record), detail).await?;
    Ok(Talked::Said(prepared.answer().to_owned()))
}
