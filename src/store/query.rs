//! One statement with its binds, encoded straight for the driver that will run it.

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::sqlite::{SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{Arguments as _, Decode, Encode, FromRow, PgConnection, Postgres, SqlSafeStr, SqlStr, Sqlite, SqliteConnection, Type};

use super::{StoreError, WAIT_MAX};

/// Anything both drivers can encode.
pub trait Bind: for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres> {}
impl<T> Bind for T where T: for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres> {}
/// Anything both drivers can decode from one column.
pub trait Scalar: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin {}
impl<T> Scalar for T where T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin {}
/// A row type made by `row!`, or a tuple.
pub trait Record: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T> Record for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

#[derive(Debug)]
enum Target<'c> {
    SqlitePool(&'c SqlitePool, SqliteArguments),
    Sqlite(&'c mut SqliteConnection, SqliteArguments),
    PgPool(&'c PgPool, PgArguments),
    Pg(&'c mut PgConnection, PgArguments),
}

/// A statement being built. Binds are positional; nothing runs until one of the last methods is awaited.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is awaited"]
pub struct Query<'c> {
    sql: SqlStr,
    target: Target<'c>,
    error: Option<sqlx::Error>,
    bound: usize,
}

/// Joins fixed fragments into one statement. Only text of the program itself can come in, so nothing a user sent can.
#[must_use]
pub fn compose(fragments: &[&'static str]) -> impl SqlSafeStr + use<> {
    sqlx::AssertSqlSafe(fragments.concat())
}

macro_rules! run {
    ($q:ident, $make:path, $call:ident) => {{
        $q.check()?;
        let answer = tokio::time::timeout(WAIT_MAX, async {
            match $q.target {
                Target::SqlitePool(on, args) => $make($q.sql, args).$call(on).await,
                Target::Sqlite(on, args) => $make($q.sql, args).$call(on).await,
                Target::PgPool(on, args) => $make($q.sql, args).$call(on).await,
                Target::Pg(on, args) => $make($q.sql, args).$call(on).await,
            }
        });
        Ok(answer.await.map_err(|_| StoreError::Busy)??)
    }};
}

impl<'c> Query<'c> {
    fn new(sql: impl SqlSafeStr, target: Target<'c>) -> Self {
        Self { sql: sql.into_sql_str(), target, error: None, bound: 0 }
    }

    pub(super) fn on_sqlite_pool(sql: impl SqlSafeStr, pool: &'c SqlitePool) -> Self {
        Self::new(sql, Target::SqlitePool(pool, SqliteArguments::default()))
    }

    pub(super) fn on_pg_pool(sql: impl SqlSafeStr, pool: &'c PgPool) -> Self {
        Self::new(sql, Target::PgPool(pool, PgArguments::default()))
    }

    pub(super) fn on_sqlite(sql: impl SqlSafeStr, conn: &'c mut SqliteConnection) -> Self {
        Self::new(sql, Target::Sqlite(conn, SqliteArguments::default()))
    }

    pub(super) fn on_pg(sql: impl SqlSafeStr, conn: &'c mut PgConnection) -> Self {
        Self::new(sql, Target::Pg(conn, PgArguments::default()))
    }

    /// Binds the next `$n`.
    pub fn bind<T: Bind>(mut self, value: T) -> Self {
        let added = match &mut self.target {
            Target::SqlitePool(_, args) | Target::Sqlite(_, args) => args.add(value),
            Target::PgPool(_, args) | Target::Pg(_, args) => args.add(value),
        };
        self.bound += 1;
        if let Err(error) = added {
            self.error.get_or_insert(sqlx::Error::Encode(error));
        }
        self
    }

    /// The statement's text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.sql.as_str()
    }

    /// SQLite reads a missing bind as NULL and ignores a spare one, PostgreSQL fails: here both fail.
    fn check(&mut self) -> Result<(), StoreError> {
        if let Some(error) = self.error.take() {
            return Err(StoreError::Other(error));
        }
        let wanted = placeholders(self.sql.as_str());
        if wanted == self.bound {
            return Ok(());
        }
        Err(StoreError::Other(sqlx::Error::Protocol(format!("{wanted} placeholders, {} binds: {}", self.bound, self.sql.as_str()))))
    }

    /// Every row. The statement must carry its own `limit`.
    ///
    /// # Errors
    /// When the statement fails or does not answer in time.
    pub async fn all<T: Record>(mut self) -> Result<Vec<T>, StoreError> {
        run!(self, sqlx::query_as_with, fetch_all)
    }

    /// Exactly one row.
    ///
    /// # Errors
    /// When the statement fails, or has no row.
    pub async fn one<T: Record>(mut self) -> Result<T, StoreError> {
        run!(self, sqlx::query_as_with, fetch_one)
    }

    /// One row or none.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn optional<T: Record>(mut self) -> Result<Option<T>, StoreError> {
        run!(self, sqlx::query_as_with, fetch_optional)
    }

    /// The first column of exactly one row.
    ///
    /// # Errors
    /// When the statement fails, or has no row.
    pub async fn scalar<T: Scalar>(mut self) -> Result<T, StoreError> {
        run!(self, sqlx::query_scalar_with, fetch_one)
    }

    /// Rows as they come, for exports; no time limit but the caller's.
    ///
    /// # Errors
    /// When the binds do not fit; failures on the way are items of the stream.
    pub fn stream<T: Record + 'c>(mut self) -> Result<BoxStream<'c, Result<T, StoreError>>, StoreError> {
        self.check()?;
        Ok(match self.target {
            Target::SqlitePool(on, args) => sqlx::query_as_with(self.sql, args).fetch(on).map(|r| r.map_err(StoreError::from)).boxed(),
            Target::Sqlite(on, args) => sqlx::query_as_with(self.sql, args).fetch(on).map(|r| r.map_err(StoreError::from)).boxed(),
            Target::PgPool(on, args) => sqlx::query_as_with(self.sql, args).fetch(on).map(|r| r.map_err(StoreError::from)).boxed(),
            Target::Pg(on, args) => sqlx::query_as_with(self.sql, args).fetch(on).map(|r| r.map_err(StoreError::from)).boxed(),
        })
    }

    /// Runs the statement and says how many rows it touched.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn execute(mut self) -> Result<u64, StoreError> {
        self.check()?;
        let answer = tokio::time::timeout(WAIT_MAX, async {
            Ok::<_, sqlx::Error>(match self.target {
                Target::SqlitePool(on, args) => sqlx::query_with(self.sql, args).execute(on).await?.rows_affected(),
                Target::Sqlite(on, args) => sqlx::query_with(self.sql, args).execute(on).await?.rows_affected(),
                Target::PgPool(on, args) => sqlx::query_with(self.sql, args).execute(on).await?.rows_affected(),
                Target::Pg(on, args) => sqlx::query_with(self.sql, args).execute(on).await?.rows_affected(),
            })
        });
        Ok(answer.await.map_err(|_| StoreError::Busy)??)
    }
}

/// The highest `$n` of a statement.
fn placeholders(sql: &str) -> usize {
    let number = |s: &str| s.bytes().take_while(u8::is_ascii_digit).fold(0_usize, |n, d| n * 10 + usize::from(d - b'0'));
    sql.split('$').skip(1).map(number).max().unwrap_or(0)
}

/// Declares a row: a struct that both drivers can read by column name.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$fmeta:meta])* $fvis:vis $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$fmeta])* $fvis $field: $ty),* }
        impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for $name
        where
            &'static str: sqlx::ColumnIndex<R>,
            $($ty: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,)*
        {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                Ok(Self { $($field: row.try_get(stringify!($field))?),* })
            }
        }
    };
}
