//! Migrations, embedded. A released file is never edited; the same names exist for both databases.
//! Must stay true: a schema newer than this program is refused, never touched.

use sqlx::migrate::{Migrate as _, Migration, MigrationType, Migrator};
use sqlx::{Connection as _, SqlStr};

use super::sqlite::Lite;
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
pub fn check_file(path: &std::path::Path) -> Result<(), StoreError> {
    let says: Vec<(String,)> = Lite::open_untouched(path)?.rows("pragma integrity_check(1)", &[], 1)?;
    match says.first() {
        Some((says,)) if says == "ok" => Ok(()),
        Some((says,)) => Err(StoreError::Batch(says.clone())),
        None => Err(StoreError::Batch("SQLite did not check the file".into())),
    }
}

/// The table that says which migrations ran, as sqlx keeps it.
const TABLE: &str = "_sqlx_migrations";
const MAKE_TABLE: &str = "create table if not exists _sqlx_migrations (version bigint primary key, description text not null, installed_on timestamp not null default current_timestamp, success boolean not null, checksum blob not null, execution_time bigint not null)";
const APPLIED: &str = "select version, checksum from _sqlx_migrations order by version";
const APPLIED_NOW: &str = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) values ($1, $2, 1, $3, 0)";

fn applied(lite: &Lite) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    lite.run(MAKE_TABLE)?;
    lite.rows(APPLIED, &[], usize::MAX)
}

/// Runs on the embedded database what did not run yet, each migration in a transaction of its own.
fn migrate_lite(lite: &Lite, known: &[Migration]) -> Result<(), StoreError> {
    let applied = applied(lite)?;
    if let Some((version, _)) = applied.iter().find(|(version, _)| known.iter().all(|m| m.version != *version)) {
        return Err(StoreError::Batch(format!("migration {version} was run by another program and is unknown to this one")));
    }
    for migration in known {
        if let Some((version, checksum)) = applied.iter().find(|(version, _)| *version == migration.version) {
            if checksum[..] != migration.checksum[..] {
                return Err(StoreError::Batch(format!("migration {version} was changed after it had been run")));
            }
            continue;
        }
        lite.run("begin immediate")?;
        let mark = [migration.version.into(), migration.description.to_string().into(), migration.checksum.to_vec().into()];
        let done = lite.run_all(migration.sql.as_str()).and_then(|()| lite.execute(APPLIED_NOW, &mark)).and_then(|_| lite.run("commit"));
        if let Err(error) = done {
            let _ = lite.run("rollback");
            return Err(error.into());
        }
    }
    Ok(())
}

impl Store {
    /// Brings the schema up to date.
    ///
    /// # Errors
    /// When a migration fails; it is undone whole.
    pub async fn migrate(&self, schema: Schema) -> Result<(), StoreError> {
        let known = schema.migrations(self.is_sqlite());
        match self {
            Self::Sqlite { writer, .. } => writer.with_connection(move |lite| migrate_lite(lite, &known)).await?,
            Self::Postgres { long, .. } => Migrator::with_migrations(known).run(long).await.map_err(|e| StoreError::Batch(e.to_string())),
        }
    }

    /// Compares the schema with this program's, changing nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn version_state(&self, schema: Schema) -> Result<VersionState, StoreError> {
        let known = schema.migrations(self.is_sqlite());
        let applied: Vec<i64> = match self {
            Self::Sqlite { writer, .. } => writer.with_connection(applied).await??.into_iter().map(|(version, _)| version).collect(),
            Self::Postgres { write, .. } => {
                let mut conn = write.acquire().await?;
                // A role that may not make tables may still read this one.
                let there: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *conn).await?;
                let listed = if there { conn.list_applied_migrations(TABLE).await } else { Ok(Vec::new()) };
                listed.map_err(|e| StoreError::Batch(e.to_string()))?.into_iter().map(|m| m.version).collect()
            }
        };
        let last_known = known.iter().map(|m| m.version).max().unwrap_or(0);
        let last_applied = applied.iter().copied().max().unwrap_or(0);
        if last_applied > last_known {
            return Ok(VersionState::Newer(last_applied));
        }
        let behind = known.iter().filter(|m| !applied.contains(&m.version)).count();
        Ok(if behind == 0 { VersionState::Current } else { VersionState::Behind(behind) })
    }

    /// Writes a consistent copy of an SQLite database to `path`, which must not exist.
    ///
    /// # Errors
    /// When the copy cannot be made, or this is not SQLite.
    pub async fn copy_to(&self, path: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { writer, .. } => {
                let path = path.to_owned();
                writer.with_connection(move |lite| lite.execute("vacuum into $1", &[path.into()])).await??;
                Ok(())
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
            Work::Sqlite(act) => act.lite().check(sql)?,
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
            Self::Sqlite { read, .. } => read.read(|lite| lite.rows::<(i64,)>("select 1", &[], 1)).await.map(drop),
            Self::Postgres { write, .. } => Ok(write.acquire().await?.ping().await?),
        }
    }
}

impl Work {
    /// The connection of this transaction, for code that serves both a transaction and the sequencer.
    pub fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(act) => Conn::Sqlite(act.lite()),
            Self::Postgres(tx) => Conn::Postgres(tx),
        }
    }
}
