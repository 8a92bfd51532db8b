//! Going on after the clock stood before what was written by it: an act of the console, and an entry that says by how much.

use super::{Clock, Error};
use crate::core::clock::Micros;
use crate::db::{Db, Detail};
use crate::policy::Permit;

/// Goes on with the clock as it stands now; gives by how much it still stands before the latest entry. `why` is the
/// operator's own sentence.
///
/// # Errors
/// [`Error::ClockRight`] when there is nothing to go on from, or when the database fails.
pub async fn accept(db: &Db, permit: Permit<Clock>, why: &str) -> Result<Micros, Error> {
    let turn = db.clock_turn().await;
    turn.look().await?;
    if !db.clock_is_back() {
        return Err(Error::ClockRight);
    }
    let behind = db.clock_behind();
    let mut tx = db.begin(&permit).await?;
    turn.unmark(&mut tx).await?;
    tx.commit(permit, Detail::ok().with("behind_us", behind).personal("reason", why)).await?;
    turn.accepted();
    Ok(behind)
}
