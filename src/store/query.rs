//! One statement with its binds, encoded straight for the driver that will run it.

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use rusqlite::types::{FromSql, ToSql, ToSqlOutput, Value};
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::{Arguments as _, Decode, Encode, FromRow, PgConnection, Postgres, SqlSafeStr, SqlStr, Type};

use super::sqlite::{Lite, Readers};
use super::{StoreError, WAIT_MAX};

/// Anything both drivers can encode.
pub trait Bind: ToSql + for<'q> Encode<'q, Postgres> + Type<Postgres> {}
impl<T> Bind for T where T: ToSql + for<'q> Encode<'q, Postgres> + Type<Postgres> {}
/// Anything both drivers can decode from one column.
pub trait Scalar: FromSql + for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin + 'static {}
impl<T> Scalar for T where T: FromSql + for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin + 'static {}
/// A row type made by `row!`, or a tuple.
pub trait Record: for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static {
    /// Reads a row of the embedded database.
    ///
    /// # Errors
    /// When a column is absent or holds another kind of value.
    fn from_lite(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self>;
}

macro_rules! tuple_record {
    ($($t:ident $n:tt),*) => {
        impl<$($t: Scalar),*> Record for ($($t,)*) {
            fn from_lite(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
                Ok(($(row.get::<_, $t>($n)?,)*))
            }
        }
    };
}
tuple_record!(A 0);
tuple_record!(A 0, B 1);
tuple_record!(A 0, B 1, C 2);
tuple_record!(A 0, B 1, C 2, D 3);
tuple_record!(A 0, B 1, C 2, D 3, E 4);

#[derive(Debug)]
enum Target<'c> {
    Readers(&'c Readers, Vec<Value>),
    Lite(&'c mut Lite, Vec<Value>),
    PgPool(&'c PgPool, &'c PgPool, PgArguments),
    Pg(&'c mut PgConnection, PgArguments),
}

/// A statement being built. Binds are positional; nothing runs until one of the last methods is awaited.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is awaited"]
pub struct Query<'c> {
    sql: SqlStr,
    target: Target<'c>,
    error: Option<StoreError>,
    bound: usize,
}

/// Joins fixed fragments into one statement. Only text of the program itself can come in, so nothing a user sent can.
#[must_use]
pub fn compose(fragments: &[&'static str]) -> impl SqlSafeStr + use<> {
    sqlx::AssertSqlSafe(fragments.concat())
}

macro_rules! on_postgres {
    ($sql:expr, $on:ident, $args:ident, $make:path, $call:ident) => {
        Ok(tokio::time::timeout(WAIT_MAX, $make($sql, $args).$call($on)).await.map_err(|_| StoreError::Busy)??)
    };
}

impl<'c> Query<'c> {
    fn new(sql: impl SqlSafeStr, target: Target<'c>) -> Self {
        Self { sql: sql.into_sql_str(), target, error: None, bound: 0 }
    }

    pub(super) fn on_readers(sql: impl SqlSafeStr, readers: &'c Readers) -> Self {
        Self::new(sql, Target::Readers(readers, Vec::new()))
    }

    pub(super) fn on_pg_pool(sql: impl SqlSafeStr, pool: &'c PgPool, long: &'c PgPool) -> Self {
        Self::new(sql, Target::PgPool(pool, long, PgArguments::default()))
    }

    pub(super) fn on_lite(sql: impl SqlSafeStr, lite: &'c mut Lite) -> Self {
        Self::new(sql, Target::Lite(lite, Vec::new()))
    }

    pub(super) fn on_pg(sql: impl SqlSafeStr, conn: &'c mut PgConnection) -> Self {
        Self::new(sql, Target::Pg(conn, PgArguments::default()))
    }

    /// Binds the next `$n`.
    pub fn bind<T: Bind>(mut self, value: T) -> Self {
        let added = match &mut self.target {
            Target::Readers(_, binds) | Target::Lite(_, binds) => lite_value(&value).map(|v| binds.push(v)),
            Target::PgPool(_, _, args) | Target::Pg(_, args) => args.add(value),
        };
        self.bound += 1;
        if let Err(error) = added {
            self.error.get_or_insert(StoreError::Other(error));
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
            return Err(error);
        }
        if let Target::Lite(lite, _) = &self.target
            && !lite.in_transaction()
        {
            return Err(StoreError::Batch("SQLite has undone the batch".into()));
        }
        let wanted = placeholders(self.sql.as_str());
        if wanted == self.bound {
            return Ok(());
        }
        Err(StoreError::Other(format!("{wanted} placeholders, {} binds: {}", self.bound, self.sql.as_str()).into()))
    }

    /// Every row. The statement must carry its own `limit`.
    ///
    /// # Errors
    /// When the statement fails or does not answer in time.
    pub async fn all<T: Record>(mut self) -> Result<Vec<T>, StoreError> {
        self.check()?;
        match self.target {
            Target::Readers(on, binds) => on.read(move |lite| lite.rows(self.sql.as_str(), &binds, usize::MAX)).await,
            Target::Lite(on, binds) => Ok(on.rows(self.sql.as_str(), &binds, usize::MAX)?),
            Target::PgPool(on, _, args) => on_postgres!(self.sql, on, args, sqlx::query_as_with, fetch_all),
            Target::Pg(on, args) => on_postgres!(self.sql, on, args, sqlx::query_as_with, fetch_all),
        }
    }

    /// Exactly one row.
    ///
    /// # Errors
    /// When the statement fails, or has no row.
    pub async fn one<T: Record>(self) -> Result<T, StoreError> {
        self.optional().await?.ok_or_else(|| StoreError::Other("no row where there must be one".into()))
    }

    /// One row or none.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn optional<T: Record>(mut self) -> Result<Option<T>, StoreError> {
        self.check()?;
        match self.target {
            Target::Readers(on, binds) => Ok(on.read(move |lite| lite.rows(self.sql.as_str(), &binds, 1)).await?.pop()),
            Target::Lite(on, binds) => Ok(on.rows(self.sql.as_str(), &binds, 1)?.pop()),
            Target::PgPool(on, _, args) => on_postgres!(self.sql, on, args, sqlx::query_as_with, fetch_optional),
            Target::Pg(on, args) => on_postgres!(self.sql, on, args, sqlx::query_as_with, fetch_optional),
        }
    }

    /// The first column of exactly one row.
    ///
    /// # Errors
    /// When the statement fails, or has no row.
    pub async fn scalar<T: Scalar>(self) -> Result<T, StoreError> {
        self.one::<(T,)>().await.map(|(value,)| value)
    }

    /// Rows as they come, for exports; no time limit but the caller's (on PostgreSQL six hours). Not inside a transaction, which others wait for.
    ///
    /// # Errors
    /// When the binds do not fit, or inside a transaction; failures on the way are items of the stream.
    pub fn stream<T: Record>(mut self) -> Result<BoxStream<'c, Result<T, StoreError>>, StoreError> {
        self.check()?;
        match self.target {
            Target::Readers(on, binds) => Ok(on.stream(self.sql, binds)),
            Target::PgPool(_, long, args) => Ok(sqlx::query_as_with(self.sql, args).fetch(long).map(|r| r.map_err(StoreError::from)).boxed()),
            Target::Lite(..) | Target::Pg(..) => Err(StoreError::Other("rows are not streamed inside a transaction".into())),
        }
    }

    /// Runs the statement and says how many rows it touched.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn execute(mut self) -> Result<u64, StoreError> {
        self.check()?;
        let done: Result<_, StoreError> = match self.target {
            Target::Readers(on, binds) => return on.read(move |lite| lite.execute(self.sql.as_str(), &binds)).await,
            Target::Lite(on, binds) => return Ok(on.execute(self.sql.as_str(), &binds)?),
            Target::PgPool(on, _, args) => on_postgres!(self.sql, on, args, sqlx::query_with, execute),
            Target::Pg(on, args) => on_postgres!(self.sql, on, args, sqlx::query_with, execute),
        };
        done.map(|d| d.rows_affected())
    }
}

/// The value as SQLite stores it.
fn lite_value(value: &impl ToSql) -> Result<Value, super::Source> {
    match value.to_sql()? {
        ToSqlOutput::Owned(value) => Ok(value),
        ToSqlOutput::Borrowed(value) => Ok(value.try_into()?),
        _ => Err("a value that SQLite does not store".into()),
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
        impl<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> for $name {
            fn from_row(row: &'r sqlx::postgres::PgRow) -> sqlx::Result<Self> {
                use sqlx::Row as _;
                Ok(Self { $($field: row.try_get(stringify!($field))?),* })
            }
        }
        impl $crate::store::Record for $name {
            fn from_lite(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
                Ok(Self { $($field: row.get(stringify!($field))?),* })
            }
        }
    };
}
