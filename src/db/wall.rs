//! Whether the clock on the wall stands before what was written by it. Then nothing new is begun: an entry that claims to be
//! older than the one before it would be the server's own lie. Signing in, reading and exporting go on, as entries.
//! Must stay true: it is latched, also over a restart, until the console says that the trail goes on (`trail.clock`).

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use super::{Chore, Db, DbError, Tx};
use crate::core::clock::{MINUTE, Micros, SECOND};
use crate::core::fault::{Context as _, Fault};
use crate::policy::Act;

const MARK: &str = "insert into fixed (name, value) values ('clock_back_at', $1) on conflict (name) do nothing";
// Until the entry of the console's act is linked, the head still has the time that was gone on from.
const MARKED: &str = "select (select count(*) from fixed where name = 'clock_back_at') as marked, coalesce((select h.at from audit_head h where h.log = $1 \
     and not exists (select 1 from fixed f join audit_pending p on p.event_id = f.value where f.name = 'clock_entry')), 0) as at";
const UNMARK: &str = "delete from fixed where name = 'clock_back_at'";
const ENTRY: &str = "insert into fixed (name, value) values ('clock_entry', $1) on conflict (name) do update set value = excluded.value";
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[MARK, MARKED, UNMARK, ENTRY];

/// A clock that is kept right is set back by less.
pub const BACK_MAX: Micros = MINUTE;
/// The part of the trail that is in doubt, as alerts name it.
pub const PART: &str = "clock";
/// What goes on meanwhile, beside what always does. An epoch ends by a clock that is not set, and its key must not live on.
pub(super) const ACTS: [&str; 4] = ["trail.clock", "server.start", "server.heartbeat", "epoch.rotate"];

/// What is known of the clock.
#[derive(Debug, Default)]
pub(super) struct Wall {
    /// The latest time of an entry, as far as known here.
    newest: AtomicI64,
    /// It stood before that.
    back: AtomicBool,
    /// The database says so too.
    kept: AtomicBool,
    /// One looks, or goes on, at a time.
    turn: Mutex<()>,
}

/// The turn to look at the clock, or to go on after it: what is held against the database is not changed meanwhile.
#[derive(Debug)]
pub struct ClockTurn<'d> {
    db: &'d Db,
    _turn: MutexGuard<'d, ()>,
}

crate::row! {
    struct MarkedRow { marked: i64, at: i64 }
}

impl Db {
    /// Does the clock stand before what was written by it, or did it, and nobody has gone on since?
    #[must_use]
    pub fn clock_is_back(&self) -> bool {
        let wall = &self.0.wall;
        if !wall.back.load(Ordering::SeqCst) && self.clock().now() + BACK_MAX < wall.newest.load(Ordering::SeqCst) {
            self.latch_clock();
        }
        wall.back.load(Ordering::SeqCst)
    }

    /// By how much the clock stands before the latest entry; zero when it does not.
    #[must_use]
    pub fn clock_behind(&self) -> Micros {
        (self.0.wall.newest.load(Ordering::SeqCst) - self.clock().now()).max(0)
    }

    /// Only reading works: the parts of the trail disagree, or the clock stands before what was written by it.
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        self.in_fault() || self.clock_is_back()
    }

    /// An entry was written at this time.
    pub(super) fn note_time(&self, at: Micros) {
        self.0.wall.newest.fetch_max(at, Ordering::SeqCst);
    }

    /// Holds the clock against the newest entry of every node, and keeps what was found.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look_at_clock(&self) -> Result<(), Fault> {
        self.clock_turn().await.look().await
    }

    /// Waits for the turn.
    pub async fn clock_turn(&self) -> ClockTurn<'_> {
        ClockTurn { db: self, _turn: self.0.wall.turn.lock().await }
    }

    async fn look_now(&self) -> Result<(), Fault> {
        let wall = &self.0.wall;
        let found: MarkedRow = self.query(MARKED).bind(self.log().0).one().await.context("look at the clock")?;
        if found.marked > 0 {
            wall.kept.store(true, Ordering::SeqCst);
            self.note_time(found.at);
            if !wall.back.load(Ordering::SeqCst) {
                self.latch_clock();
            }
        } else if wall.kept.swap(false, Ordering::SeqCst) {
            // The console went on at another node.
            self.go_on(found.at);
        } else {
            self.note_time(found.at);
            if self.clock_is_back() {
                let mut chore = self.chore(Chore::Fixed).await.context("begin")?;
                chore.query(MARK).bind(self.clock().now().to_string()).execute().await.context("keep that the clock was set back")?;
                chore.commit().await.context("keep that the clock was set back")?;
                wall.kept.store(true, Ordering::SeqCst);
            }
        }
        Ok(())
    }

    fn go_on(&self, newest: Micros) {
        let wall = &self.0.wall;
        wall.newest.store(newest, Ordering::SeqCst);
        wall.back.store(false, Ordering::SeqCst);
        self.0.doubt.send_modify(|parts| parts.retain(|part| *part != PART));
        tracing::warn!("the trail goes on with the clock as it stands");
    }

    fn latch_clock(&self) {
        self.0.wall.back.store(true, Ordering::SeqCst);
        self.0.doubt.send_if_modified(|parts| {
            let new = !parts.contains(&PART);
            if new {
                parts.push(PART);
            }
            new
        });
        let behind_secs = self.clock_behind() / SECOND;
        tracing::error!(behind_secs, "the clock stands before the newest entry: only reading works until the console goes on");
    }
}

impl ClockTurn<'_> {
    /// As [`Db::look_at_clock`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look(&self) -> Result<(), Fault> {
        self.db.look_now().await
    }

    /// Says beside the entry of `trail.clock` that the trail goes on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unmark<A: Act>(&self, tx: &mut Tx<A>) -> Result<(), DbError> {
        tx.query(UNMARK).execute().await?;
        let id = tx.id().clone();
        tx.query(ENTRY).bind(id).execute().await?;
        Ok(())
    }

    /// Goes on with the clock as it stands, after that entry is durable.
    pub fn accepted(self) {
        self.db.0.wall.kept.store(false, Ordering::SeqCst);
        self.db.go_on(self.db.clock().now());
    }
}

/// What the database alone says of the clock, for checks beside a server: none when it stands right.
///
/// # Errors
/// When the database fails.
pub async fn said(db: &Db) -> Result<Option<String>, Fault> {
    let found: MarkedRow = db.query(MARKED).bind(db.log().0).one().await.context("look at the clock")?;
    let behind = (found.at - db.clock().now()) / SECOND;
    if behind > BACK_MAX / SECOND {
        return Ok(Some(format!("it stands {behind} seconds before the newest entry")));
    }
    Ok((found.marked > 0).then(|| "it stood before the newest entry, and nobody has gone on since".to_owned()))
}
