//! Migrations, embedded. A released file is never edited; the same names exist for both databases.
//! Must stay true: a schema newer than this program is refused, never touched.

use sqlx::migrate::{Migrate as _, Migration, MigrationType, Migrator};
use sqlx::{Connection as _, SqlStr};

use super::{Conn, Store, StoreError, Work};

mod files {
    include!(concat!(env!("OUT_DIR"), "/migrations.rs"));
}

/// Which set of tables a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// The product's own.
    Main,
    /// The wrapped data keys.
    Keys,
}

/// How a database's schema stands to this program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// Up to date.
    Current,
    /// So many migrations are still to run.
    Behind(usize),
    /// The database was migrated by a newer program, to this version.
    Newer(i64),
}

impl Schema {
    fn files(self, sqlite: bool) -> &'static [(&'static str, &'static str)] {
        match (self, sqlite) {
            (Self::Main, true) => files::SQLITE,
            (Self::Main, false) => files::POSTGRES,
            (Self::Keys, true) => files::KEYS_SQLITE,
            (Self::Keys, false) => files::KEYS_POSTGRES,
        }
    }

    fn migrations(self, sqlite: bool) -> Vec<Migration> {
        self.files(sqlite)
            .iter()
            .map(|(name, sql)| {
                let (version, title) = name.split_once('_').unwrap_or((name, ""));
                let version = version.parse().unwrap_or(0);
                Migration::new(version, title.replace('_', " ").into(), MigrationType::Simple, SqlStr::from_static(sql), false)
            })
            .collect()
    }

    /// Names of the embedded migrations, for the parity test.
    #[must_use]
    pub fn names(self, sqlite: bool) -> Vec<&'static str> {
        self.files(sqlite).iter().map(|(name, _)| *name).collect()
    }
}

/// Lets SQLite check a database file that nobody uses, without changing a byte of it.
///
/// # Errors
/// When the file is not a sound database.
pub async fn check_file(path: &std::path::Path) -> Result<(), StoreError> {
    use sqlx::ConnectOptions as _;
    let mut conn = sqlx::sqlite::SqliteConnectOptions::new().filename(path).read_only(true).immutable(true).connect().await?;
    let says: String = sqlx::query_scalar("pragma integrity_check(1)").fetch_one(&mut conn).await?;
    let _ = conn.close().await;
    if says == "ok" { Ok(()) } else { Err(StoreError::Batch(says)) }
}

impl Store {
    /// Brings the schema up to date.
    ///
    /// # Errors
    /// When a migration fails; it is undone whole.
    pub async fn migrate(&self, schema: Schema) -> Result<(), StoreError> {
        let migrator = Migrator::with_migrations(schema.migrations(self.is_sqlite()));
        let told = |e: sqlx::migrate::MigrateError| StoreError::Batch(e.to_string());
        match self {
            Self::Sqlite { writer, .. } => writer.with_connection(async |conn| migrator.run_direct(None, conn, false).await).await?.map_err(told),
            Self::Postgres { write, .. } => migrator.run(write).await.map_err(told),
        }
    }

    /// Compares the schema with this program's, changing nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn version_state(&self, schema: Schema) -> Result<VersionState, StoreError> {
        const TABLE: &str = "_sqlx_migrations";
        let known = schema.migrations(self.is_sqlite());
        let told = |e: sqlx::migrate::MigrateError| StoreError::Batch(e.to_string());
        let applied = match self {
            Self::Sqlite { writer, .. } => {
                writer
                    .with_connection(async |conn| {
                        conn.ensure_migrations_table(TABLE).await?;
                        conn.list_applied_migrations(TABLE).await
                    })
                    .await?
            }
            Self::Postgres { write, .. } => {
                let mut conn = write.acquire().await?;
                match conn.ensure_migrations_table(TABLE).await {
                    Ok(()) => conn.list_applied_migrations(TABLE).await,
                    Err(e) => Err(e),
                }
            }
        }
        .map_err(told)?;
        let last_known = known.iter().map(|m| m.version).max().unwrap_or(0);
        let last_applied = applied.iter().map(|m| m.version).max().unwrap_or(0);
        if last_applied > last_known {
            return Ok(VersionState::Newer(last_applied));
        }
        let behind = known.iter().filter(|m| applied.iter().all(|a| a.version != m.version)).count();
        Ok(if behind == 0 { VersionState::Current } else { VersionState::Behind(behind) })
    }

    /// Writes a consistent copy of an SQLite database to `path`, which must not exist.
    ///
    /// # Errors
    /// When the copy cannot be made, or this is not SQLite.
    pub async fn copy_to(&self, path: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { writer, .. } => {
                writer.with_connection(async |conn| sqlx::query("vacuum into $1").bind(path).execute(conn).await.map(drop)).await?.map_err(StoreError::from)
            }
            Self::Postgres { .. } => Err(StoreError::Batch("a PostgreSQL database is copied with pg_dump".into())),
        }
    }

    /// Prepares a statement without running it: a wrong table or column fails with its name.
    ///
    /// # Errors
    /// When the database refuses the statement.
    pub async fn prepare(&self, sql: &'static str) -> Result<(), StoreError> {
        use sqlx::Executor as _;
        let mut work = self.begin().await?;
        match &mut work {
            Work::Sqlite(act) => act.conn().prepare(SqlStr::from_static(sql)).await.map(drop)?,
            Work::Postgres(tx) => (&mut ***tx).prepare(SqlStr::from_static(sql)).await.map(drop)?,
        }
        Ok(())
    }

    /// Is the database there and answering?
    ///
    /// # Errors
    /// When it is not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { read, .. } => Ok(read.acquire().await?.ping().await?),
            Self::Postgres { write, .. } => Ok(write.acquire().await?.ping().await?),
        }
    }
}

impl Work {
    /// The connection of this transaction, for code that serves both a transaction and the sequencer.
    pub fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(act) => Conn::Sqlite(act.conn()),
            Self::Postgres(tx) => Conn::Postgres(tx),
        }
    }
}
