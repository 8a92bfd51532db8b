//! The rights of the server's own role on PostgreSQL: the trail is only ever added to, whatever the program does. The role
//! that owns the tables migrates; the server runs as another.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use super::{Schema, Store, StoreError};

/// Tables that are only ever added to.
const ONLY_ADDED_TO: &str = "audit_event, audit_chain, audit_checkpoint, audit_cosignature, audit_token";
const MAY_REWRITE: &str = "select has_table_privilege('audit_event', 'update') or has_table_privilege('audit_chain', 'delete') \
     or has_table_privilege('audit_event', 'trigger') or pg_has_role((select relowner from pg_class where oid = 'audit_event'::regclass), 'member')";
/// Characters of a role's name at most, as PostgreSQL has it.
const ROLE_BYTES_MAX: usize = 63;

impl Store {
    /// Gives the role `role` what the server needs and nothing that changes the trail; takes from it what it had beyond.
    ///
    /// # Errors
    /// When this is not PostgreSQL, the name is none, or the present role does not own the tables.
    pub async fn grant(&self, schema: Schema, role: &str) -> Result<(), StoreError> {
        let Self::Postgres { write, .. } = self else {
            return Err(StoreError::Batch("SQLite has no roles; the rights of the data folder take their place".into()));
        };
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if role.is_empty() || role.len() > ROLE_BYTES_MAX || !role.bytes().all(fits) {
            return Err(StoreError::Batch(format!("`{role}` is no name of a role: give lower-case letters, digits and `_`")));
        }
        let mut statements = vec![
            format!("revoke all on all tables in schema public from \"{role}\""),
            format!("revoke create on schema public from public, \"{role}\""),
            format!("grant usage on schema public to \"{role}\""),
            format!("grant select, insert, update, delete on all tables in schema public to \"{role}\""),
            format!("revoke insert, update, delete on _sqlx_migrations from \"{role}\""),
        ];
        if schema == Schema::Main {
            statements.push(format!("revoke update, delete on {ONLY_ADDED_TO} from \"{role}\""));
        }
        let mut connection = write.acquire().await?;
        let mut tx = connection.begin().await?;
        for statement in statements {
            tx.execute(AssertSqlSafe(statement)).await?;
        }
        Ok(tx.commit().await?)
    }

    /// May the present role change or remove what the trail holds? None where there are no roles.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn may_rewrite(&self) -> Result<Option<bool>, StoreError> {
        match self {
            Self::Sqlite { .. } => Ok(None),
            Self::Postgres { read, .. } => Ok(Some(sqlx::query_scalar(MAY_REWRITE).fetch_one(read).await?)),
        }
    }
}
