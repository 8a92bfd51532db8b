//! Whether the clock on the wall stands before what was written by it. Then nothing new is begun: an entry that claims to be
//! older than the one before it would be the server's own lie. Signing in, reading and exporting go on, as entries.
//! Must stay true: it is latched, also over a restart, until the console says that the trail goes on (`trail.clock`).

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::{Chore, Db};
use crate::core::clock::{MINUTE, Micros, SECOND};
use crate::core::fault::{Context as _, Fault};

const MARK: &str = "insert into fixed (name, value) values ('clock_back_at', $1) on conflict (name) do nothing";
const MARKED: &str =
    "select (select count(*) from fixed where name = 'clock_back_at') as marked, coalesce((select h.at from audit_head h where h.log = $1), 0) as at";
/// What the console's act undoes beside its entry.
pub const UNMARK: &str = "delete from fixed where name = 'clock_back_at'";
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[MARK, MARKED, UNMARK];

/// A clock that is kept right is set back by less.
pub const BACK_MAX: Micros = MINUTE;
/// The part of the trail that is in doubt, as alerts name it.
pub const PART: &str = "clock";
/// What goes on meanwhile, beside what always does.
pub(super) const ACTS: [&str; 3] = ["trail.clock", "server.start", "server.heartbeat"];

/// What is known of the clock.
#[derive(Debug, Default)]
pub(super) struct Wall {
    /// The latest time of an entry, as far as known here.
    newest: AtomicI64,
    /// It stood before that.
    back: AtomicBool,
    /// The database says so too.
    kept: AtomicBool,
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

    /// Goes on with the clock as it stands, after the entry of `trail.clock` is durable.
    pub fn clock_accepted(&self) {
        self.0.wall.kept.store(false, Ordering::SeqCst);
        self.go_on(self.clock().now());
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
