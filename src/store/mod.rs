//! One call-site API over two native drivers. The only folder that names a database connection.
//! Must stay true: reads cannot write (read-only pools), every SQLite transaction is `BEGIN IMMEDIATE` on the one writer,
//! and a statement with a missing or a spare bind is an error on both databases.

mod columns;
mod migrate;
mod query;
mod roles;
pub mod sqlite;
mod writer;

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{PgConnection, Postgres, Transaction};

pub use migrate::{Schema, VersionState, check_file};
pub use query::{Query, Record, compose};
pub use writer::{Haste, Pending, Sequence, Writer};

use sqlite::{Lite, Readers};

/// The longest a caller waits for a connection or a statement.
pub const WAIT_MAX: Duration = Duration::from_secs(5);
/// SQLite before this version can corrupt a WAL database.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// What lies under an error.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// What a statement can fail with; callers act on the first three.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique key is taken.
    #[error("a unique key is taken")]
    Unique(#[source] Source),
    /// A foreign key, check or guard refused the row.
    #[error("a constraint refused the row")]
    Refused(#[source] Source),
    /// The database did not answer in time.
    #[error("the database is busy")]
    Busy,
    /// The batch that held this act could not be committed.
    #[error("the batch was not committed: {0}")]
    Batch(String),
    /// Anything else.
    #[error("the database failed")]
    Other(#[source] Source),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind::{CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation};
        match &error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Database(e) => match e.kind() {
                UniqueViolation => Self::Unique(error.into()),
                ForeignKeyViolation | CheckViolation | NotNullViolation => Self::Refused(error.into()),
                // The guards' own `raise exception`.
                _ if e.code().as_deref() == Some("P0001") => Self::Refused(error.into()),
                _ => Self::Other(error.into()),
            },
            _ => Self::Other(error.into()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{ConstraintViolation, DatabaseBusy, DatabaseLocked, OperationInterrupted};
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE};
        let Some(code) = error.sqlite_error() else { return Self::Other(error.into()) };
        match (code.code, code.extended_code) {
            (DatabaseBusy | DatabaseLocked | OperationInterrupted, _) => Self::Busy,
            (ConstraintViolation, SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_ROWID) => Self::Unique(error.into()),
            // Foreign keys, checks, and the guards' own `raise(abort, ..)`.
            (ConstraintViolation, _) => Self::Refused(error.into()),
            _ => Self::Other(error.into()),
        }
    }
}

/// A statement on PostgreSQL takes no longer, unless it streams or migrates.
const STATEMENT_MAX: &str = "5s";
/// One that does takes no longer than this.
const STATEMENT_LONG_MAX: &str = "6h";
/// Streams and migrations at a time; others wait their turn.
const LONG_MAX: u32 = 8;

/// Either database, ready for use.
#[derive(Clone, Debug)]
pub enum Store {
    /// The embedded default.
    Sqlite {
        /// Read-only connections.
        read: Readers,
        /// The one writer.
        writer: Writer,
    },
    /// For more than one node.
    Postgres {
        /// Connections whose transactions are read only.
        read: PgPool,
        /// Connections that write.
        write: PgPool,
        /// Connections whose statements may take long: rows that are streamed, and migrations.
        long: PgPool,
    },
}

/// A transaction in progress. Dropping it undoes it.
#[derive(Debug)]
pub enum Work {
    /// A savepoint inside the writer's batch.
    Sqlite(writer::Act),
    /// A transaction of its own.
    Postgres(Box<Transaction<'static, Postgres>>),
}

/// A borrowed connection inside a transaction.
#[derive(Debug)]
pub enum Conn<'c> {
    /// SQLite.
    Sqlite(&'c mut Lite),
    /// PostgreSQL.
    Postgres(&'c mut PgConnection),
}

impl Store {
    /// Opens `url` (`sqlite:PATH` or `postgres://…`), creating an SQLite file when it is absent.
    ///
    /// # Errors
    /// When the database cannot be reached, or is an SQLite older than 3.51.3.
    pub async fn open(url: &str, connections_max: u32) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            Self::open_sqlite(Path::new(path), connections_max)
        } else {
            Self::open_postgres(url, connections_max).await
        }
    }

    fn open_sqlite(path: &Path, connections_max: u32) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            let found = rusqlite::version();
            return Err(StoreError::Batch(format!("SQLite {found} is older than 3.51.3, which can corrupt a WAL database; build with the bundled one")));
        }
        make_private(path).map_err(|e| StoreError::Other(e.into()))?;
        let writer = Writer::new(Lite::open(path, true)?);
        Ok(Self::Sqlite { read: Readers::new(path, usize::try_from(connections_max.clamp(1, 8)).unwrap_or(1)), writer })
    }

    async fn open_postgres(url: &str, connections_max: u32) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("countersign")
            .options([("statement_timeout", STATEMENT_MAX), ("lock_timeout", "5s"), ("synchronous_commit", "on")])
            .statement_cache_capacity(256)
            .disable_statement_logging();
        let pool = |n: u32| PgPoolOptions::new().max_connections(n).acquire_timeout(WAIT_MAX).test_before_acquire(false);
        let write = pool(connections_max).connect_with(options.clone()).await?;
        let read = pool(connections_max).connect_lazy_with(options.clone().options([("default_transaction_read_only", "on")]));
        let long = pool(LONG_MAX).connect_lazy_with(options.options([("statement_timeout", STATEMENT_LONG_MAX)]));
        Ok(Self::Postgres { read, write, long })
    }

    /// A read. On both databases a write through here fails at once.
    pub fn query(&self, sql: impl sqlx::SqlSafeStr) -> Query<'_> {
        match self {
            Self::Sqlite { read, .. } => Query::on_readers(sql, read),
            Self::Postgres { read, long, .. } => Query::on_pg_pool(sql, read, long),
        }
    }

    /// Starts a transaction that somebody waits for.
    ///
    /// # Errors
    /// [`StoreError::Busy`] after [`WAIT_MAX`].
    pub async fn begin(&self) -> Result<Work, StoreError> {
        self.begin_with(Haste::Urgent).await
    }

    /// Starts a transaction.
    ///
    /// # Errors
    /// [`StoreError::Busy`] after [`WAIT_MAX`].
    pub async fn begin_with(&self, haste: Haste) -> Result<Work, StoreError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Work::Sqlite(writer.begin(haste).await?),
            Self::Postgres { write, .. } => Work::Postgres(Box::new(write.begin().await?)),
        })
    }

    /// The embedded database, or the server.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite { .. })
    }

    /// Finishes what is in hand and closes the connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, writer } => {
                read.close();
                writer.close().await;
            }
            Self::Postgres { read, write, long } => {
                read.close().await;
                write.close().await;
                long.close().await;
            }
        }
    }
}

impl Work {
    /// A statement inside this transaction.
    pub fn query(&mut self, sql: impl sqlx::SqlSafeStr) -> Query<'_> {
        match self {
            Self::Sqlite(act) => Query::on_lite(sql, act.lite()),
            Self::Postgres(tx) => Query::on_pg(sql, tx),
        }
    }

    /// Makes the work durable. On SQLite `pending` is linked into the chain in the same COMMIT; on PostgreSQL the
    /// caller has queued it for the sequencer. Runs to its end even when the caller goes away.
    ///
    /// # Errors
    /// When nothing was made durable.
    pub async fn commit(self, pending: Option<Pending>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(act) => act.commit(pending).await,
            Self::Postgres(tx) => {
                let finished = tokio::spawn(async move { tx.commit().await.map_err(StoreError::from) });
                finished.await.map_err(|e| StoreError::Batch(e.to_string()))?
            }
        }
    }
}

impl Conn<'_> {
    /// A statement on this connection.
    pub fn query(&mut self, sql: impl sqlx::SqlSafeStr) -> Query<'_> {
        match self {
            Self::Sqlite(conn) => Query::on_lite(sql, conn),
            Self::Postgres(conn) => Query::on_pg(sql, conn),
        }
    }
}

/// Makes an absent database file 0600; SQLite gives its side files the rights of the main one.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e),
        Ok(_) | Err(_) => Ok(()),
    }
}
