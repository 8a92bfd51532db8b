//! Every statement is prepared by the database of this run, and both databases have the same shape.

use countersign::store::{Schema, Store};

use crate::support::{app::on_postgres, check};

#[tokio::test]
async fn every_statement_prepares() {
    check(async |app| {
        for sql in countersign::app::statements() {
            app.app.db.store().prepare(sql).await.unwrap_or_else(|e| panic!("{sql}\n{e:?}"));
        }
        for sql in countersign::vault::ALL {
            app.app.db.vault().store().prepare(sql).await.unwrap_or_else(|e| panic!("{sql}\n{e:?}"));
        }
    })
    .await;
}

#[test]
fn both_databases_have_the_same_migrations() {
    for schema in [Schema::Main, Schema::Keys] {
        assert_eq!(schema.names(true), schema.names(false));
        assert!(!schema.names(true).is_empty());
    }
}

/// Columns with their nullability, by table.
async fn sqlite_shape(path: &std::path::Path) -> Vec<(String, String, bool)> {
    let store = Store::open(&format!("sqlite:{}", path.display()), 1).await.expect("opens");
    store.migrate(Schema::Main).await.expect("migrates");
    let rows: Vec<(String, String, i64)> = store
        .query("select m.name, c.name, c.\"notnull\" from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table' and m.name not like 'sqlite_%' and m.name not like '_sqlx%' order by 1, 2")
        .all()
        .await
        .expect("reads");
    store.close().await;
    rows.into_iter().map(|(t, c, n)| (t, c, n != 0)).collect()
}

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_nullability() {
    if !on_postgres() {
        // The comparison needs both; it runs with the PostgreSQL suite. Here the SQLite half must at least stand.
        let dir = tempfile::tempdir().expect("a folder");
        assert!(sqlite_shape(&dir.path().join("a.db")).await.len() > 80);
        return;
    }
    check(async |app| {
        let dir = tempfile::tempdir().expect("a folder");
        let sqlite = sqlite_shape(&dir.path().join("a.db")).await;
        let rows: Vec<(String, String, String)> = app
            .app
            .db
            .query("select cast(table_name as text), cast(column_name as text), cast(is_nullable as text) from information_schema.columns where table_schema = 'public' and table_name not like '\\_sqlx%' order by table_name collate \"C\", column_name collate \"C\"")
            .all()
            .await
            .expect("reads");
        let postgres: Vec<_> = rows.into_iter().map(|(t, c, n)| (t, c, n == "NO")).collect();
        assert_eq!(sqlite, postgres);
    })
    .await;
}

#[tokio::test]
async fn a_missing_and_a_spare_bind_fail_on_both() {
    check(async |app| {
        assert!(app.app.db.query("select cast($1 as bigint)").scalar::<i64>().await.is_err());
        assert!(app.app.db.query("select cast($1 as bigint)").bind(1_i64).bind(2_i64).scalar::<i64>().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_read_cannot_write() {
    check(async |app| {
        let refused = app.app.db.query("update fixed set value = 'x' where name = 'admin_lock'").execute().await;
        assert!(refused.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    check(async |app| {
        let store = app.app.db.store();
        let mut work = store.begin().await.expect("begins");
        work.query("insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9999, 'of the future', $1, $2, 0)")
            .bind(true)
            .bind(vec![0_u8])
            .execute()
            .await
            .expect("inserts");
        work.commit(None).await.expect("commits");
        let state = store.version_state(Schema::Main).await.expect("reads");
        assert_eq!(state, countersign::store::VersionState::Newer(9999));
    })
    .await;
}

/// A parent row that is inserted, changed or removed makes SQLite look for its children: by an index, or from end to end.
#[tokio::test]
async fn every_foreign_key_of_sqlite_has_an_index() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(&format!("sqlite:{}", dir.path().join("a.db").display()), 1).await.expect("opens");
    store.migrate(Schema::Main).await.expect("migrates");
    let bare: Vec<(String, String)> = store
        .query("select m.name, f.\"from\" from sqlite_master m join pragma_foreign_key_list(m.name) f where m.type = 'table' and not exists (select 1 from pragma_index_list(m.name) i join pragma_index_info(i.name) c on c.seqno = 0 and c.name = f.\"from\") order by 1, 2")
        .all()
        .await
        .expect("reads");
    assert_eq!(bare, []);
}
