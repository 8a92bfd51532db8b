//! What is answered by itself: that a stop was heard, that messages come again, and who this is.
//! Must stay true: each answer is a message of its own through the engine, recorded with what it answers; a stop is confirmed
//! once, under the stop it confirms; a number gets few answers a day, so that two machines never keep each other talking.

use super::outbox::{Outbox, Whom};
use super::wish::Wish;
use super::{Error, Receive, sql};
use crate::core::clock::{DAY, Micros};
use crate::core::id::{MessageId, PersonId, StopId, ThreadId};
use crate::db::{Db, Tx};

/// Answers that a number gets in a day.
pub const PER_DAY_MAX: i64 = 3;
/// What can be answered, by name.
pub const KINDS: [&str; 3] = ["stop", "start", "help"];

crate::row! {
    /// A text that somebody set.
    #[derive(Clone, Debug)]
    struct Set { kind: String, text: String, person_id: PersonId }
}

/// An answer about to be written; what it takes beside a transaction is at hand.
pub(super) struct Answer {
    outbox: Outbox,
    wish: Wish,
}

/// Why nothing is answered.
pub(super) const NOT_SET: &str = "not_set";

impl Answer {
    /// Seals what somebody set to be answered; none when nobody did.
    pub(super) async fn prepare(db: &Db, wish: Wish, whom: Whom<'_>, gateway: &str) -> Result<Option<Self>, Error> {
        let set: Option<Set> = db.query(sql::AUTO_ANSWER).bind(wish.name()).optional().await?;
        let Some(set) = set.filter(|set| set.kind == wish.name()) else { return Ok(None) };
        let outbox = Outbox::seal_for(db, &set.person_id, whom, &set.text, gateway).await?;
        Ok(Some(Self { outbox, wish }))
    }

    /// Writes it, in the transaction of the message that it answers and with the number locked. `confirms` is the stop that
    /// this message brought. Gives the message, or why there is none.
    pub(super) async fn write(self, tx: &mut Tx<Receive>, thread: &ThreadId, confirms: Option<&StopId>) -> Result<Result<MessageId, &'static str>, Error> {
        let after = since(tx.now() - DAY);
        let answered: i64 = tx.query(sql::ANSWERED).bind(self.outbox.number_ix()).bind(after).scalar().await?;
        if answered >= PER_DAY_MAX {
            return Ok(Err("enough_today"));
        }
        let outbox = self.outbox.in_thread(thread.clone()).answering(self.wish.name(), confirms.cloned());
        outbox.queue(tx).await?;
        Ok(Ok(outbox.id().clone()))
    }
}

/// The id that a message made at this time would sort after.
fn since(at: Micros) -> String {
    format!("msg_{:012x}", u64::try_from(at.max(0) / 1000).unwrap_or(0))
}
