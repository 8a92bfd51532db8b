//! The sequencer: the only writer of `audit_chain`, `audit_tile` and `audit_head`. On SQLite it runs inside each batch's
//! COMMIT; on PostgreSQL it is one fenced task, at most 200 ms behind.
//! Must stay true: the head moves only from the size and fence it was read with, so two sequencers cannot both move it.

use countersign_audit::write::Hash;
use countersign_audit::write::leaf::{leaf, leaf_hash};
use countersign_audit::write::tree::Frontier;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::{Connection as _, PgConnection};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Db;
use super::tiles::hashes;
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::store::{Conn, Pending, Sequence, Store, StoreError};

const HEAD: &str = "select log, origin, size, last_leaf, frontier, fence from audit_head where log = $1";
const EDGE: &str = "select leaf_hash from audit_chain where log = $1 and seq >= $2 order by seq limit 256";
const TILE: &str = "select hashes from audit_tile where log = $1 and level = $2 and n = $3";
const LINK: &str = "insert into audit_chain (log, seq, event_id, prev, leaf_hash) values ($1, $2, $3, $4, $5)";
const LINK_MANY: &str = "insert into audit_chain (log, seq, event_id, prev, leaf_hash) values ($1, $2, $3, $4, $5), ($6, $7, $8, $9, $10), ($11, $12, $13, $14, $15), ($16, $17, $18, $19, $20), ($21, $22, $23, $24, $25), ($26, $27, $28, $29, $30), ($31, $32, $33, $34, $35), ($36, $37, $38, $39, $40)";
const KEEP_TILE: &str =
    "insert into audit_tile (log, level, n, hashes) values ($1, $2, $3, $4) on conflict (log, level, n) do update set hashes = excluded.hashes";
const MOVE: &str = "update audit_head set size = $1, last_leaf = $2, frontier = $3, at = $4 where log = $5 and size = $6 and fence = $7";
const FENCE: &str = "update audit_head set fence = fence + 1 where log = $1 returning fence";
/// Each body is looked up by itself: a join may be planned as a walk through all events there are.
const DUE: &str = "select p.event_id, (select e.body from audit_event e where e.id = p.event_id) as body from (select event_id from audit_pending order by event_id limit 1000) p order by p.event_id";
const TAKEN: &str = "delete from audit_pending where event_id in ($1, $2, $3, $4, $5, $6, $7, $8)";
const LOCK: &str = "select pg_try_advisory_lock(7150262201)";
/// Every portable statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[HEAD, EDGE, TILE, LINK, LINK_MANY, KEEP_TILE, MOVE, FENCE, DUE, TAKEN];

/// Rows of `LINK_MANY` and of `TAKEN`.
const MANY: usize = 8;

/// How long the PostgreSQL sequencer rests when there is nothing to do.
const REST: Duration = Duration::from_millis(100);

crate::row! {
    /// The head of a log as stored.
    #[derive(Clone, Debug)]
    pub struct HeadRow {
        /// The log's number.
        pub log: i64,
        /// Its origin.
        pub origin: String,
        /// Entries in it.
        pub size: i64,
        /// Hash of the last leaf; zeros when empty.
        pub last_leaf: Vec<u8>,
        /// The compact range.
        pub frontier: Vec<u8>,
        /// Raised by each sequencer that takes over.
        pub fence: i64,
    }
}

/// The right edge of a log in memory.
#[derive(Clone, Debug)]
struct Edge {
    size: u64,
    last: Hash,
    frontier: Frontier,
    /// The partial tile of each level.
    partial: Vec<Vec<Hash>>,
}

/// A row of the chain about to be written.
#[derive(Debug)]
struct Link<'e> {
    seq: u64,
    event: &'e str,
    prev: Hash,
    hash: Hash,
}

/// Links events at the right edge of one log.
#[derive(Debug)]
pub struct Sequencer {
    db: Db,
    log: i64,
    /// `"log":"<origin>"`, as every event of this log has it.
    mark: Vec<u8>,
    fence: i64,
    edge: Edge,
    staged: Option<Edge>,
}

impl Db {
    /// The stored head of log `log`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn head(&self, log: i64) -> Result<Option<HeadRow>, Fault> {
        self.query(HEAD).bind(log).optional().await.context("read the head of the log")
    }
}

impl Sequencer {
    /// Takes up the edge of the log in force, as stored.
    ///
    /// # Errors
    /// When the head is absent or its parts do not fit.
    pub async fn open(db: &Db) -> Result<Self, Fault> {
        let (log, origin) = db.log();
        let row = db.head(log).await?.ok_or_else(|| Fault::new("the log has no head"))?;
        let size = u64::try_from(row.size).context("log size")?;
        let frontier = Frontier::from_bytes(&row.frontier).context("read the frontier")?;
        if frontier.size() != size {
            return Err(Fault::new("the head's frontier is of another size"));
        }
        let last = row.last_leaf.try_into().map_err(|_| Fault::new("the head's leaf hash is cut"))?;
        let mut partial = Vec::new();
        let rows: Vec<(Vec<u8>,)> = db.query(EDGE).bind(log).bind(row.size - row.size % 256).all().await.context("read the edge")?;
        partial.push(rows.into_iter().map(|(h,)| h.try_into().map_err(|_| Fault::new("a leaf hash is cut"))).collect::<Result<Vec<Hash>, _>>()?);
        for level in 1..8_u32 {
            let nodes = size >> (8 * level);
            let width = usize::try_from(nodes % 256).unwrap_or(0);
            let stored: Option<(Vec<u8>,)> =
                db.query(TILE).bind(log).bind(i64::from(level)).bind(i64::try_from(nodes / 256).context("tile")?).optional().await.context("read a tile")?;
            let held = stored.and_then(|(bytes,)| hashes(&bytes)).unwrap_or_default();
            if held.len() != width {
                return Err(Fault::new(format!("the edge tile of level {level} holds {} of {width} hashes", held.len())));
            }
            partial.push(held);
        }
        db.0.size.send_replace(size);
        let mark = format!("\"log\":\"{origin}\"").into_bytes();
        Ok(Self { db: db.clone(), log, mark, fence: row.fence, edge: Edge { size, last, frontier, partial }, staged: None })
    }

    async fn link_all(&mut self, conn: &mut Conn<'_>, events: &[Pending], at: Micros) -> Result<(), StoreError> {
        let mut edge = self.edge.clone();
        let mut links = Vec::with_capacity(events.len());
        for event in events {
            if !event.body.windows(self.mark.len()).any(|part| part == self.mark) {
                return Err(StoreError::Batch(format!("the event `{}` is not of this log; another program begins a new origin", event.id)));
            }
            let bytes = leaf(&event.body, edge.size, &edge.last).map_err(|e| StoreError::Batch(e.to_string()))?;
            let hash = leaf_hash(&bytes);
            links.push(Link { seq: edge.size, event: &event.id, prev: edge.last, hash });
            edge.last = hash;
            edge.size += 1;
            edge.frontier.push(hash);
            self.grow_tiles(conn, &mut edge, hash).await?;
        }
        self.write_links(conn, &links).await?;
        let moved = conn
            .query(MOVE)
            .bind(number(edge.size))
            .bind(edge.last.to_vec())
            .bind(edge.frontier.to_bytes())
            .bind(at)
            .bind(self.log)
            .bind(number(self.edge.size))
            .bind(self.fence)
            .execute()
            .await?;
        if moved != 1 {
            return Err(StoreError::Batch("another sequencer moved the head of the log".into()));
        }
        self.staged = Some(edge);
        Ok(())
    }

    async fn write_links(&self, conn: &mut Conn<'_>, links: &[Link<'_>]) -> Result<(), StoreError> {
        for chunk in links.chunks(MANY) {
            let statements = if chunk.len() == MANY { vec![(LINK_MANY, chunk)] } else { chunk.chunks(1).map(|one| (LINK, one)).collect() };
            for (sql, rows) in statements {
                let statement = rows.iter().fold(conn.query(sql), |statement, link| {
                    statement.bind(self.log).bind(number(link.seq)).bind(link.event).bind(link.prev.to_vec()).bind(link.hash.to_vec())
                });
                statement.execute().await?;
            }
        }
        Ok(())
    }

    /// Adds a leaf hash to level 0; a tile that becomes full is stored, and its root goes up a level.
    async fn grow_tiles(&self, conn: &mut Conn<'_>, edge: &mut Edge, hash: Hash) -> Result<(), StoreError> {
        let mut carry = hash;
        for level in 0..edge.partial.len() {
            let tile = &mut edge.partial[level];
            tile.push(carry);
            let shift = 8 * u32::try_from(level + 1).unwrap_or(8);
            let full = tile.len() == 256;
            if full || level > 0 {
                let n = ((edge.size >> (8 * u32::try_from(level).unwrap_or(0))) - 1) >> 8;
                conn.query(KEEP_TILE).bind(self.log).bind(number(level as u64)).bind(number(n)).bind(tile.concat()).execute().await?;
            }
            if !full || shift >= 64 {
                return Ok(());
            }
            let mut of_tile = Frontier::new();
            tile.drain(..).for_each(|h| of_tile.push(h));
            carry = of_tile.root();
        }
        Ok(())
    }

    fn keep(&mut self, durable: bool) {
        if let (Some(edge), true) = (self.staged.take(), durable) {
            self.db.0.size.send_replace(edge.size);
            self.edge = edge;
        }
    }
}

impl Sequence for Sequencer {
    fn link<'a>(&'a mut self, mut conn: Conn<'a>, events: &'a [Pending]) -> BoxFuture<'a, Result<(), StoreError>> {
        let at = self.db.clock().now();
        async move { self.link_all(&mut conn, events, at).await }.boxed()
    }

    fn ended(&mut self, durable: bool) {
        self.keep(durable);
    }
}

/// Runs the PostgreSQL sequencer until told to stop. One node at a time holds the lock; the others wait for it.
pub async fn run_postgres(db: Db, stop: tokio_util::sync::CancellationToken) {
    while !stop.is_cancelled() {
        if db.in_fault() {
            // Another node may go on, unless it shares the doubt.
            let _ = tokio::time::timeout(Duration::from_secs(1), stop.cancelled()).await;
            continue;
        }
        let held = hold_postgres(&db, &stop).await;
        db.0.leads.store(false, Ordering::SeqCst);
        if let Err(fault) = held {
            tracing::error!(fault = fault.chain(), "the sequencer stopped; it starts again in a second");
            let _ = tokio::time::timeout(Duration::from_secs(1), stop.cancelled()).await;
        }
    }
}

/// The lock of the sequencer with the connection that holds it; none when another node has it.
async fn lock_postgres(db: &Db) -> Result<Option<PgConnection>, Fault> {
    let Store::Postgres { write, .. } = db.store() else { return Err(Fault::new("this sequencer is for PostgreSQL")) };
    // Detached: the lock lives as long as this connection, which no pool may hand on.
    let mut conn = write.acquire().await.context("connect the sequencer")?.detach();
    let locked: bool = sqlx::query_scalar(LOCK).fetch_one(&mut conn).await.context("lock the sequencer")?;
    if locked {
        return Ok(Some(conn));
    }
    let _ = conn.close().await;
    Ok(None)
}

/// Raises the fence, so that whoever led before moves the head no more, and takes up the edge.
async fn take_over(db: &Db, conn: &mut PgConnection) -> Result<Sequencer, Fault> {
    let fence: i64 = Conn::Postgres(conn).query(FENCE).bind(db.log().0).scalar().await.context("raise the fence")?;
    let mut sequencer = Sequencer::open(db).await?;
    sequencer.fence = fence;
    Ok(sequencer)
}

/// What links while no server runs: on SQLite the writer, on PostgreSQL whoever holds the lock.
#[derive(Debug)]
pub struct Offline(Option<PgConnection>);

impl Offline {
    /// Takes the sequencer's place.
    ///
    /// # Errors
    /// When a server of another node has it, or the database fails.
    pub async fn take(db: &Db) -> Result<Self, Fault> {
        if db.is_sqlite() {
            return Ok(Self(None));
        }
        let held = lock_postgres(db).await?;
        Ok(Self(Some(held.ok_or_else(|| Fault::new("another node serves this database; stop every node first"))?)))
    }

    /// From now on events are linked into the log in force.
    ///
    /// # Errors
    /// When its head cannot be taken up.
    pub async fn begin(&self, db: &Db) -> Result<(), Fault> {
        if let Store::Sqlite { writer, .. } = db.store() {
            writer.set_sequence(Box::new(Sequencer::open(db).await?)).await;
        }
        Ok(())
    }

    /// Links what was committed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish(self, db: &Db) -> Result<(), Fault> {
        let Some(mut conn) = self.0 else { return Ok(()) };
        let mut sequencer = take_over(db, &mut conn).await?;
        while link_due(&mut sequencer, &mut conn).await.context("link events")? > 0 {}
        let _ = conn.close().await;
        Ok(())
    }
}

async fn hold_postgres(db: &Db, stop: &tokio_util::sync::CancellationToken) -> Result<(), Fault> {
    let Some(mut conn) = lock_postgres(db).await? else {
        let _ = tokio::time::timeout(Duration::from_secs(1), stop.cancelled()).await;
        return Ok(());
    };
    let (log, _) = db.log();
    let mut sequencer = take_over(db, &mut conn).await?;
    db.0.leads.store(true, Ordering::SeqCst);
    while !stop.is_cancelled() {
        let linked = link_due(&mut sequencer, &mut conn).await.context("link events")?;
        if db.log().0 != log || db.in_fault() {
            return Ok(());
        }
        if linked == 0 {
            tokio::select! {
                () = db.0.wake.notified() => {}
                () = tokio::time::sleep(REST) => {}
                () = stop.cancelled() => {}
            }
        }
    }
    // What committed before the stop is linked before the lock is given up.
    while link_due(&mut sequencer, &mut conn).await.context("link the last events")? > 0 {}
    let _ = conn.close().await;
    Ok(())
}

async fn link_due(sequencer: &mut Sequencer, conn: &mut PgConnection) -> Result<usize, StoreError> {
    if sequencer.db.in_fault() {
        return Ok(0);
    }
    let mut tx = conn.begin().await?;
    let due: Vec<(String, Vec<u8>)> = Conn::Postgres(&mut tx).query(DUE).all().await?;
    if due.is_empty() {
        return Ok(0);
    }
    let events: Vec<Pending> = due.into_iter().map(|(id, body)| Pending { id, body }).collect();
    let at = sequencer.db.clock().now();
    sequencer.link_all(&mut Conn::Postgres(&mut tx), &events, at).await?;
    for chunk in events.chunks(MANY) {
        // A short chunk names its last event again.
        let ids = (0..MANY).map(|n| chunk[n.min(chunk.len() - 1)].id.as_str());
        let mut on = Conn::Postgres(&mut tx);
        ids.fold(on.query(TAKEN), |statement, id| statement.bind(id)).execute().await?;
    }
    let committed = tx.commit().await;
    sequencer.keep(committed.is_ok());
    committed?;
    Ok(events.len())
}

/// Sizes and places of a log stay far below 2^63.
fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
