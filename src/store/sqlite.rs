//! The embedded database. A statement runs on the thread that asks, since a page that lies in memory is read sooner than
//! another thread is woken; a read that is not short is broken off and runs again on a thread for blocking work.
//! Must stay true: readers cannot write; no statement runs longer than [`WAIT_MAX`]; a COMMIT never syncs on a thread that
//! serves requests.

use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags};
use sqlx::SqlStr;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{Record, StoreError, WAIT_MAX};

/// A read that takes longer than this moves to a thread of its own.
const INLINE_MAX: Duration = Duration::from_millis(2);
/// Steps of SQLite's machine between two looks at the clock: some ten microseconds.
const STEPS: c_int = 1000;
/// Statements kept prepared by each connection.
const STATEMENTS_MAX: usize = 256;
/// Pages of the write-ahead log that are gathered before they are copied into the database: 16 MiB.
const CHECKPOINT_PAGES: i64 = 4096;
/// The write-ahead log is cut to this when it was larger.
const WAL_BYTES_KEPT: i64 = 64 << 20;
/// Rows handed over at once by a stream, and how many such hands wait.
const CHUNK_ROWS: usize = 128;
const CHUNKS_WAITING: usize = 2;

/// One connection.
#[derive(Debug)]
pub struct Lite {
    conn: Connection,
    born: Instant,
    /// Microseconds after `born` at which a running statement is broken off.
    until: Arc<AtomicU64>,
}

impl Lite {
    /// Opens `path`, which must exist.
    pub(super) fn open(path: &Path, writes: bool) -> rusqlite::Result<Self> {
        let access = if writes { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
        let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        conn.busy_timeout(WAIT_MAX)?;
        if writes {
            conn.pragma_update(None, "journal_mode", "wal")?;
            conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            conn.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
        }
        // In memory: the journal of a savepoint would else be a file elsewhere.
        let pragmas = [("synchronous", "full"), ("foreign_keys", "on"), ("trusted_schema", "off"), ("recursive_triggers", "on"), ("temp_store", "memory")];
        for (name, value) in pragmas {
            conn.pragma_update(None, name, value)?;
        }
        conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Self::watched(conn)
    }

    /// Opens a file that nobody uses, without changing a byte of it or making a side file.
    pub(super) fn open_untouched(path: &Path) -> rusqlite::Result<Self> {
        use std::os::unix::ffi::OsStrExt as _;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
        let mut uri = String::from("file:");
        for &b in path.as_os_str().as_bytes() {
            if plain(b) { uri.push(char::from(b)) } else { uri.push_str(&format!("%{b:02X}")) }
        }
        uri.push_str("?immutable=1");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        Self::watched(Connection::open_with_flags(uri, flags)?)
    }

    fn watched(conn: Connection) -> rusqlite::Result<Self> {
        let (born, until) = (Instant::now(), Arc::new(AtomicU64::new(u64::MAX)));
        let seen = until.clone();
        conn.progress_handler(STEPS, Some(move || micros(born.elapsed()) >= seen.load(Relaxed)))?;
        Ok(Self { conn, born, until })
    }

    /// Statements from now on end within `time`, or without a limit.
    pub(super) fn within(&self, time: Option<Duration>) {
        self.until.store(time.map_or(u64::MAX, |t| micros(self.born.elapsed() + t)), Relaxed);
    }

    /// A statement without binds or rows.
    pub(super) fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.prepared(sql, &[], |statement| statement.raw_execute().map(drop))
    }

    /// Several statements, as a migration has them.
    pub(super) fn run_all(&self, sql: &str) -> rusqlite::Result<()> {
        self.conn.execute_batch(sql)
    }

    /// The rows of a statement, `max` at most.
    pub(super) fn rows<T: Record>(&self, sql: &str, binds: &[Value], max: usize) -> rusqlite::Result<Vec<T>> {
        self.prepared(sql, binds, |statement| {
            let (mut rows, mut out) = (statement.raw_query(), Vec::new());
            while out.len() < max {
                let Some(row) = rows.next()? else { break };
                out.push(T::from_lite(row)?);
            }
            Ok(out)
        })
    }

    /// Runs a statement and says how many rows it touched.
    pub(super) fn execute(&self, sql: &str, binds: &[Value]) -> rusqlite::Result<u64> {
        self.prepared(sql, binds, |statement| statement.raw_execute()).map(|n| n as u64)
    }

    /// Is a transaction open? After a hard fault SQLite has ended it by itself, and a statement would commit alone.
    pub(super) fn in_transaction(&self) -> bool {
        !self.conn.is_autocommit()
    }

    /// Prepares a statement and throws it away.
    pub(super) fn check(&self, sql: &str) -> rusqlite::Result<()> {
        self.conn.prepare(sql).map(drop)
    }

    fn prepared<T>(&self, sql: &str, binds: &[Value], work: impl FnOnce(&mut CachedStatement<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut statement = self.conn.prepare_cached(sql)?;
        // To SQLite `$2` is a name; the place it stands for is the number in it.
        for at in 1..=statement.parameter_count() {
            let number = statement.parameter_name(at).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
            let value = number.and_then(|n| binds.get(n.checked_sub(1)?)).ok_or(rusqlite::Error::InvalidParameterCount(binds.len(), at))?;
            statement.raw_bind_parameter(at, value)?;
        }
        work(&mut statement)
    }

    /// Hands rows over in chunks until `take` wants no more.
    fn chunks<T: Record>(&self, sql: &str, binds: &[Value], mut take: impl FnMut(Vec<T>) -> bool) -> rusqlite::Result<()> {
        self.prepared(sql, binds, |statement| {
            let (mut rows, mut chunk) = (statement.raw_query(), Vec::new());
            while let Some(row) = rows.next()? {
                chunk.push(T::from_lite(row)?);
                if chunk.len() == CHUNK_ROWS && !take(std::mem::take(&mut chunk)) {
                    return Ok(());
                }
            }
            take(chunk);
            Ok(())
        })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Connections that only read.
#[derive(Clone, Debug)]
pub struct Readers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Lite>>,
    room: Arc<Semaphore>,
}

/// A connection in use; goes back when dropped.
#[derive(Debug)]
struct Lease {
    lite: Option<Lite>,
    pool: Arc<Pool>,
    _room: OwnedSemaphorePermit,
}

impl Lease {
    fn lite(&self) -> &Lite {
        self.lite.as_ref().expect("a lease holds its connection until it is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.pool.room.is_closed()
            && let Some(lite) = self.lite.take()
        {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(lite);
        }
    }
}

impl Readers {
    pub(super) fn new(path: &Path, connections_max: usize) -> Self {
        Self(Arc::new(Pool { path: path.to_owned(), idle: Mutex::default(), room: Arc::new(Semaphore::new(connections_max)) }))
    }

    /// Closes the idle connections; those in use are closed when they come back, and nothing is read any more.
    pub(super) fn close(&self) {
        self.0.room.close();
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn lease(&self) -> Result<Lease, StoreError> {
        // Statements that run at once never wait: without this a long row of them would keep others from their turn.
        tokio::task::coop::consume_budget().await;
        let waited = tokio::time::timeout(WAIT_MAX, self.0.room.clone().acquire_owned()).await;
        let room = waited.map_err(|_| StoreError::Busy)?.map_err(|closed| StoreError::Other(closed.into()))?;
        let idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let lite = idle.map_or_else(|| Lite::open(&self.0.path, false), Ok)?;
        Ok(Lease { lite: Some(lite), pool: self.0.clone(), _room: room })
    }

    /// Runs a read at once; one that is not short starts again elsewhere.
    pub(super) async fn read<T: Send + 'static>(&self, work: impl Fn(&Lite) -> rusqlite::Result<T> + Send + 'static) -> Result<T, StoreError> {
        let lease = self.lease().await?;
        lease.lite().within(Some(INLINE_MAX));
        match work(lease.lite()) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {}
            done => return Ok(done?),
        }
        let again = tokio::task::spawn_blocking(move || {
            lease.lite().within(Some(WAIT_MAX));
            work(lease.lite())
        });
        Ok(again.await.map_err(|e| StoreError::Other(e.into()))??)
    }

    /// Rows as they come, from a thread of their own; no time limit but the caller's.
    pub(super) fn stream<T: Record>(&self, sql: SqlStr, binds: Vec<Value>) -> BoxStream<'static, Result<T, StoreError>> {
        let (give, rows) = mpsc::channel::<Result<Vec<T>, StoreError>>(CHUNKS_WAITING);
        let readers = self.clone();
        tokio::spawn(async move {
            let lease = match readers.lease().await {
                Ok(lease) => lease,
                Err(error) => return drop(give.send(Err(error)).await),
            };
            tokio::task::spawn_blocking(move || {
                lease.lite().within(None);
                if let Err(error) = lease.lite().chunks(sql.as_str(), &binds, |chunk| give.blocking_send(Ok(chunk)).is_ok()) {
                    let _ = give.blocking_send(Err(error.into()));
                }
            });
        });
        stream::unfold((rows, Vec::new().into_iter()), |(mut rows, mut chunk): (_, std::vec::IntoIter<T>)| async move {
            loop {
                if let Some(row) = chunk.next() {
                    return Some((Ok(row), (rows, chunk)));
                }
                match rows.recv().await? {
                    Ok(next) => chunk = next.into_iter(),
                    Err(error) => return Some((Err(error), (rows, chunk))),
                }
            }
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: &str = "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) select cast(count(*) as integer) from n";

    fn readers(max: usize) -> (tempfile::TempDir, Readers) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a ?%#.db");
        std::fs::write(&path, b"").expect("a file");
        let lite = Lite::open(&path, true).expect("opens");
        lite.run_all("create table t (a text, b text, c blob); insert into t values ('x', 'y', x'00')").expect("a table");
        (folder, Readers::new(&path, max))
    }

    #[tokio::test]
    async fn a_number_names_its_bind_wherever_it_stands() {
        let (_folder, readers) = readers(1);
        let found = readers.read(|lite| {
            lite.rows::<(String, String)>("select b, a from t where b = $2 and a = $1 and $2 <> $1", &["x".to_owned().into(), "y".to_owned().into()], 9)
        });
        assert_eq!(found.await.expect("reads"), [("y".to_owned(), "x".to_owned())]);
    }

    #[tokio::test]
    async fn a_reader_cannot_write() {
        let (_folder, readers) = readers(1);
        for sql in ["delete from t", "create table u (a text)", "pragma user_version = 9"] {
            assert!(readers.read(move |lite| lite.run(sql)).await.is_err(), "{sql}");
        }
    }

    #[tokio::test]
    async fn a_long_read_ends_and_holds_nobody_up() {
        let (_folder, readers) = readers(2);
        let long = readers.read(|lite| lite.rows::<(i64,)>(SLOW, &[3_000_000.into()], 1));
        let turns = async {
            let began = Instant::now();
            tokio::task::yield_now().await;
            // One thread serves this test: it is free again although the other read goes on.
            assert_eq!(readers.read(|lite| lite.rows::<(i64,)>("select 1", &[], 1)).await.expect("reads"), [(1,)]);
            began.elapsed()
        };
        let began = Instant::now();
        let (long, short) = tokio::join!(long, turns);
        assert_eq!(long.expect("within the limit"), [(3_000_000,)]);
        assert!(short < began.elapsed() / 2, "{short:?} of {:?}", began.elapsed());
    }

    #[tokio::test]
    async fn a_read_without_end_is_cut() {
        let (_folder, readers) = readers(1);
        let cut = readers.read(|lite| {
            // As `read` would, but sooner.
            lite.within(Some(Duration::from_millis(1)));
            lite.rows::<(i64,)>(SLOW, &[i64::MAX.into()], 1)
        });
        assert!(matches!(cut.await, Err(StoreError::Busy)));
        // The connection is as good as before.
        assert_eq!(readers.read(|lite| lite.rows::<(String,)>("select a from t", &[], 1)).await.expect("reads"), [("x".to_owned(),)]);
    }

    #[tokio::test]
    async fn a_stream_gives_every_row_and_may_be_left() {
        let (_folder, readers) = readers(1);
        let sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) select i from n";
        let all: Vec<_> = readers.stream::<(i64,)>(SqlStr::from_static(sql), vec![1000.into()]).collect().await;
        assert!(all.into_iter().zip(1..=1000).all(|(row, i)| row.expect("a row").0 == i));
        let mut left = readers.stream::<(i64,)>(SqlStr::from_static(sql), vec![i64::MAX.into()]);
        assert_eq!(left.next().await.expect("one").expect("a row"), (1,));
        drop(left);
        // The only connection comes back.
        assert!(readers.read(|lite| lite.run("select 1")).await.is_err() || readers.lease().await.is_ok());
        readers.close();
        assert!(readers.lease().await.is_err());
    }

    #[tokio::test]
    async fn a_file_is_looked_at_without_a_trace() {
        let (folder, _readers) = readers(1);
        let path = folder.path().join("a ?%#.db");
        let before = std::fs::read(&path).expect("a file");
        assert_eq!(Lite::open_untouched(&path).expect("opens").rows::<(String,)>("select a from t", &[], 1).expect("reads"), [("x".to_owned(),)]);
        assert_eq!(std::fs::read(&path).expect("a file"), before);
    }
}
