//! Opening the trail: first start makes the log, every start compares head, leaves, tiles, the last checkpoint in the
//! database, the one outside it, and the signer's memory. What is merely behind is caught up; what disagrees is a fault.

use countersign_audit::verify::checkpoint::Checkpoint;
use countersign_audit::verify::pruned::Acts;
use countersign_audit::verify::vkey::Vkey;
use countersign_audit::verify::{Finding, Walker};
use countersign_audit::write::leaf::{leaf, leaf_hash};
use countersign_audit::write::tree::Frontier;
use futures_util::TryStreamExt as _;

use super::checkpoint::Keeper;
use super::projection::Columns;
use super::signer::SignError;
use super::{Chore, Db, cosignature};
use crate::core::fault::{Context as _, Fault};
use crate::store::{Pending, Record, Store, StoreError};

const LOGS: &str = "select log, origin from audit_head order by log desc limit 1";
const NEW_HEAD: &str = "insert into audit_head (log, origin, size, last_leaf, frontier, at, fence) values ($1, $2, 0, $3, $4, $5, 0)";
const LAST: &str = "select cast(coalesce(max(seq), -1) as bigint) from audit_chain where log = $1";
const SINCE: &str =
    "select c.seq, c.prev, c.leaf_hash, e.body from audit_chain c join audit_event e on e.id = c.event_id where c.log = $1 and c.seq >= $2 order by c.seq";
const WHOLE: &str = "select c.seq, c.prev, c.leaf_hash, e.body, e.id, e.at, e.actor_kind, e.actor_id, e.action, e.category, e.object_kind, e.object_id, e.outcome, e.address_ix, e.subject, e.request_id from audit_chain c join audit_event e on e.id = c.event_id where c.log = $1 and c.seq >= $2 order by c.seq";
const STUBS: &str =
    "select c.seq, c.prev, c.leaf_hash, e.body from audit_chain c join audit_event e on e.id = c.event_id where c.log = $1 and c.seq < $2 order by c.seq";
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[LOGS, NEW_HEAD, LAST, SINCE, WHOLE, STUBS, LEFT, QUEUE];

/// Entries re-hashed at every start; `check` and `audit verify` re-hash all.
const EDGE_ENTRIES: i64 = 256;

/// What disagrees, for `check`, the banner and the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// Which part: `head`, `leaves`, `tiles`, `checkpoint`, `checkpoint file`, `signer`, `witness`.
    pub part: &'static str,
    /// What is wrong with it.
    pub what: String,
}

impl std::fmt::Display for Disagreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the {} disagrees: {}", self.part, self.what)
    }
}

crate::row! {
    /// One link with the event it holds.
    #[derive(Clone, Debug)]
    pub struct LinkRow {
        /// Place in the log, from 0.
        pub seq: i64,
        /// Hash of the leaf before.
        pub prev: Vec<u8>,
        /// Hash of this leaf.
        pub leaf_hash: Vec<u8>,
        /// The event's canonical body.
        pub body: Vec<u8>,
    }
}

impl LinkRow {
    /// The leaf's bytes: what the log commits to.
    ///
    /// # Errors
    /// When the stored parts cannot form a leaf.
    pub fn leaf(&self) -> Result<Vec<u8>, Fault> {
        let prev = self.prev.as_slice().try_into().map_err(|_| Fault::new("a previous hash is cut"))?;
        leaf(&self.body, u64::try_from(self.seq).context("place in the log")?, &prev).context("form a leaf")
    }
}

const LEFT: &str = "select e.body, (select count(*) from audit_chain c where c.event_id = e.id) as linked from audit_event e where e.id = $1";
const QUEUE: &str = "insert into audit_pending (event_id) values ($1) on conflict (event_id) do nothing";

/// Links what was recorded beside the chain while the trail was in doubt, now that nothing disagrees any more: what lies in
/// the database as `fault.log` has it. Gives how many entries that is.
///
/// # Errors
/// When the file cannot be read, or the database fails.
pub async fn link_left(db: &Db) -> Result<i64, Fault> {
    let (_, origin) = db.log();
    let mut linked = 0;
    for body in db.fault_log().bodies()? {
        let Some(id) = event_of(&body, &origin) else { continue };
        let held: Option<(Vec<u8>, i64)> = db.query(LEFT).bind(id.as_str()).optional().await.context("look for an entry that was left")?;
        if held.is_none_or(|(held, linked)| held != body || linked > 0) {
            continue;
        }
        if let Store::Postgres { .. } = db.store() {
            let mut chore = db.chore(Chore::Origin).await.context("begin")?;
            chore.query(QUEUE).bind(id.as_str()).execute().await.context("queue an entry that was left")?;
            chore.commit().await.context("queue an entry that was left")?;
        } else {
            let work = db.store().begin().await.context("begin")?;
            work.commit(Some(Pending { id, body })).await.context("link an entry that was left")?;
        }
        linked += 1;
    }
    db.settle().await?;
    Ok(linked)
}

/// The id of the event of a body that names this log.
fn event_of(body: &[u8], origin: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    (body.get("log")?.as_str()? == origin).then(|| body.get("id")?.as_str().map(str::to_owned))?
}

/// Makes the log at first start, or takes up the newest one.
///
/// # Errors
/// When the database fails.
pub async fn open(db: &Db, name: &str) -> Result<(), Fault> {
    let found: Option<(i64, String)> = db.query(LOGS).optional().await.context("read the logs")?;
    let (log, origin) = match found {
        Some(found) => found,
        None => {
            let origin = format!("{name}/audit/1");
            new_head(db, 1, &origin).await?;
            (1, origin)
        }
    };
    db.set_log(log, origin);
    Ok(())
}

/// Writes an empty head: the start of an origin.
pub(crate) async fn new_head(db: &Db, log: i64, origin: &str) -> Result<(), Fault> {
    let mut chore = db.chore(Chore::Origin).await.context("begin")?;
    let now = db.clock().now();
    chore.query(NEW_HEAD).bind(log).bind(origin).bind(vec![0_u8; 32]).bind(Frontier::new().to_bytes()).bind(now).execute().await.context("start the log")?;
    chore.commit().await.context("start the log")
}

/// Compares the parts of the trail with each other. Empty means they agree.
///
/// # Errors
/// When something could not be read, which is not an agreement.
pub async fn compare(db: &Db, keeper: &Keeper) -> Result<Vec<Disagreement>, Fault> {
    let (log, origin) = db.log();
    // What was signed is read before the head, and everything else only up to it: a server that goes on adding beside this
    // is no disagreement.
    let remembered = keeper.signer().last(&origin).await;
    let file = keeper.file()?;
    let kept = db.latest_checkpoint(log).await?;
    let head = db.head(log).await?.ok_or_else(|| Fault::new("the log has no head"))?;
    let mut out = compare_leaves(db, log, head.size, &head.last_leaf).await?;
    let frontier = Frontier::from_bytes(&head.frontier).context("read the frontier")?;
    let size = u64::try_from(head.size).context("log size")?;
    match db.root(log, size).await {
        Ok(root) if root == frontier.root() && frontier.size() == size => {}
        Ok(_) => out.push(Disagreement { part: "tiles", what: format!("their root over {size} entries is not the head's") }),
        Err(fault) if fault.caused_by::<StoreError>().is_some() => return Err(fault),
        Err(fault) => out.push(Disagreement { part: "tiles", what: fault.chain() }),
    }
    if let Some(row) = &kept {
        out.extend(compare_note(db, keeper, "checkpoint", row.note.as_bytes(), size).await?);
    }
    if let Some(note) = &file {
        // A file of the origin before this one is merely behind, until this one's first checkpoint.
        let other_origin = !note.starts_with(format!("{origin}\n").as_bytes());
        let found = if other_origin && (size == 0 || (log > 1 && kept.is_none())) {
            Vec::new()
        } else {
            compare_note(db, keeper, "checkpoint file", note, size).await?
        };
        out.extend(found);
    }
    out.extend(compare_witnesses(db, log, head.size).await?);
    match remembered {
        Ok(Some((signed, root))) => {
            if signed > size {
                out.push(Disagreement { part: "signer", what: format!("it signed {signed} entries, the database holds {size}") });
            } else if signed > 0 && db.root(log, signed).await.is_ok_and(|r| r != root) {
                out.push(Disagreement { part: "signer", what: format!("it signed another root over {signed} entries") });
            }
        }
        // One that is away remembers all the same; what it signs next will show.
        Ok(None) | Err(SignError::Away(_) | SignError::NotAllowed(_)) => {}
        Err(error) => out.push(Disagreement { part: "signer", what: crate::core::fault::chain_of(&error) }),
    }
    Ok(out)
}

/// What witnesses said of another history, as far as it still stands: one that saw more is answered by what has it all, one
/// that saw something else by nothing.
async fn compare_witnesses(db: &Db, log: i64, size: i64) -> Result<Vec<Disagreement>, Fault> {
    let asked = db.asked_witnesses();
    let rows = db.witnesses(log).await?;
    let told = rows.into_iter().filter(|row| asked.contains(&row.witness)).filter_map(|row| {
        let what = match row.state.as_str() {
            cosignature::AHEAD if row.size > size => format!("`{}` countersigned {} entries, the database holds {size}", row.witness, row.size),
            cosignature::CONTRADICTS => format!("`{}` refused what was signed here as no extension of what it countersigned", row.witness),
            _ => return None,
        };
        Some(Disagreement { part: "witness", what })
    });
    Ok(told.collect())
}

/// A checkpoint file that is merely behind the database is caught up. Only for who holds the lock.
///
/// # Errors
/// When it cannot be read or written.
pub async fn catch_up(db: &Db, keeper: &Keeper) -> Result<(), Fault> {
    match db.latest_checkpoint(db.log().0).await? {
        Some(row) if keeper.file()?.as_deref() != Some(row.note.as_bytes()) => keeper.keep_file(&row.note),
        _ => Ok(()),
    }
}

async fn compare_leaves(db: &Db, log: i64, size: i64, last_leaf: &[u8]) -> Result<Vec<Disagreement>, Fault> {
    let mut out = Vec::new();
    let last: i64 = db.query(LAST).bind(log).scalar().await.context("read the last place")?;
    // More than the head counts may have been added since it was read: then the head has moved too.
    let moved = last + 1 > size && db.head(log).await?.is_some_and(|h| h.size > size);
    if last + 1 != size && !moved {
        out.push(Disagreement { part: "head", what: format!("it counts {size} entries, the chain holds {}", last + 1) });
        return Ok(out);
    }
    let mut rows = db.query(SINCE).bind(log).bind((size - EDGE_ENTRIES).max(db.pruned_below(log).await?)).stream::<LinkRow>().context("read the edge")?;
    let mut before: Option<Vec<u8>> = None;
    while let Some(row) = rows.try_next().await.context("read the edge")? {
        if row.seq >= size {
            break;
        }
        let Ok(leaf) = row.leaf() else {
            out.push(Disagreement { part: "leaves", what: format!("entry {} is no entry at all", row.seq) });
            before = Some(row.leaf_hash);
            continue;
        };
        let hash = leaf_hash(&leaf).to_vec();
        if hash != row.leaf_hash {
            out.push(Disagreement { part: "leaves", what: format!("entry {} is not what was hashed", row.seq) });
        }
        if before.as_ref().is_some_and(|b| *b != row.prev) {
            out.push(Disagreement { part: "leaves", what: format!("entry {} does not follow the one before", row.seq) });
        }
        before = Some(row.leaf_hash);
    }
    if before.is_some_and(|b| b != last_leaf) {
        out.push(Disagreement { part: "head", what: "its last leaf is not the chain's".into() });
    }
    Ok(out)
}

async fn compare_note(db: &Db, keeper: &Keeper, part: &'static str, note: &[u8], size: u64) -> Result<Vec<Disagreement>, Fault> {
    let (log, origin) = db.log();
    let wrong = |what: String| Ok(vec![Disagreement { part, what }]);
    let vkey = match Vkey::parse(&keeper.signer().vkey(&origin)) {
        Ok(vkey) => vkey,
        Err(e) => return wrong(e.to_string()),
    };
    let checkpoint = match Checkpoint::open(note, &vkey) {
        Ok((checkpoint, _)) => checkpoint,
        Err(e) => return wrong(e.to_string()),
    };
    if checkpoint.origin != origin {
        return wrong(format!("it is of `{}`, the log is `{origin}`", checkpoint.origin));
    }
    if checkpoint.size > size {
        return wrong(format!("it covers {} entries, the database holds {size}: entries are gone", checkpoint.size));
    }
    match db.root(log, checkpoint.size).await {
        Ok(root) if root == checkpoint.root => Ok(Vec::new()),
        Err(fault) if fault.caused_by::<StoreError>().is_some() => Err(fault),
        Ok(_) => wrong(format!("the first {} entries are not those that were signed", checkpoint.size)),
        Err(fault) => wrong(fault.chain()),
    }
}

/// A link with the columns of its event.
struct WholeRow {
    link: LinkRow,
    columns: Columns,
}

impl<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> for WholeRow {
    fn from_row(row: &'r sqlx::postgres::PgRow) -> sqlx::Result<Self> {
        Ok(Self { link: LinkRow::from_row(row)?, columns: Columns::from_row(row)? })
    }
}

impl Record for WholeRow {
    fn from_lite(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { link: LinkRow::from_lite(row)?, columns: Columns::from_lite(row)? })
    }
}

/// Re-hashes the whole log, and holds the columns of each event against its body. Gives the number of entries and the first
/// that is wrong; one whose hash is wrong comes before one whose columns are.
///
/// # Errors
/// When the database fails on the way.
pub async fn walk(db: &Db) -> Result<(u64, Option<String>), Fault> {
    let walked = examine(db).await?;
    Ok((walked.entries, walked.bad))
}

/// What a walk over the whole log showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Entries walked.
    pub entries: u64,
    /// The first that is wrong.
    pub bad: Option<String>,
    /// What the times of the entries show of the clock, in words: that it went back, or was set.
    pub clock: Vec<String>,
}

/// As [`walk`], with what the times of the entries show.
///
/// # Errors
/// When the database fails on the way.
pub async fn examine(db: &Db) -> Result<Walked, Fault> {
    let told = |entries, bad| Ok(Walked { entries, bad: Some(bad), clock: Vec::new() });
    let (log, origin) = db.log();
    // The head first: a server that runs beside adds entries while this reads.
    let head = db.head(log).await?.ok_or_else(|| Fault::new("the log has no head"))?;
    let mut walker = Walker::new(&origin);
    let pruned = db.pruned_below(log).await?;
    let mut acts = Acts::new(place(pruned));
    stand_in(db, log, pruned, &mut walker, &mut acts).await?;
    let mut columns = None;
    let mut rows = db.query(WHOLE).bind(log).bind(pruned).stream::<WholeRow>().context("read the log")?;
    while let Some(WholeRow { link: row, columns: beside }) = rows.try_next().await.context("read the log")? {
        if row.seq >= head.size {
            break;
        }
        let Ok(leaf) = row.leaf() else { return told(walker.size(), format!("entry {} is no entry at all", row.seq)) };
        acts.take(place(row.seq), &leaf);
        if let Err(finding) = walker.push(&leaf) {
            return told(walker.size(), finding.line());
        }
        if columns.is_none()
            && let [first, ..] = beside.differing(&row.body).as_slice()
        {
            columns = Some(format!("entry {}: the column `{first}` says something else than the entry; searches by it mislead", row.seq));
        }
    }
    drop(rows);
    let frontier = Frontier::from_bytes(&head.frontier).context("read the frontier")?;
    let root = frontier.root();
    let walk = walker.finish((frontier.size() >= 1).then_some(&root));
    let unsaid = acts.pruned().map_or(0, |prune| prune.min_index) < place(pruned);
    let unsaid = unsaid.then(|| format!("entries below {pruned} are gone, and no entry says that they were pruned"));
    let line = |findings: &[Finding]| findings.first().map(Finding::line);
    let bad = line(&walk.findings).or(unsaid).or_else(|| line(acts.findings().0)).or(columns);
    Ok(Walked { entries: walk.size, bad, clock: walk.clock.notes() })
}

/// Places of a log are never below 0.
fn place(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}

/// Has the hashes of pruned entries stand in for them, and takes those that are kept because they say how long the others were.
async fn stand_in(db: &Db, log: i64, pruned: i64, walker: &mut Walker, acts: &mut Acts) -> Result<(), Fault> {
    let mut rows = db.query(STUBS).bind(log).bind(pruned).stream::<LinkRow>().context("read what was pruned")?;
    while let Some(row) = rows.try_next().await.context("read what was pruned")? {
        let hash = row.leaf_hash.as_slice().try_into().map_err(|_| Fault::new("a leaf hash is cut"))?;
        walker.stand(hash);
        if !row.body.is_empty() {
            let leaf = row.leaf()?;
            if leaf_hash(&leaf) != hash {
                return Err(Fault::new(format!("the retained entry {} is not what was hashed", row.seq)));
            }
            acts.take(place(row.seq), &leaf);
        }
    }
    Ok(())
}
