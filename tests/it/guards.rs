//! The database's own guards: raw SQL cannot change an audited table without an entry, nor the trail at all.

use countersign::policy::Role;
use countersign::store::{Store, Work};

use crate::support::{TestApp, check};

/// Runs raw SQL as somebody with the database's own rights would.
async fn raw(app: &TestApp, sql: &'static str) -> Result<u64, String> {
    let mut work: Work = app.app.db.store().begin().await.expect("begins");
    let rows = work.query(sql).execute().await.map_err(|e| format!("{e:?}"))?;
    work.commit(None).await.map_err(|e| format!("{e:?}"))?;
    Ok(rows)
}

#[tokio::test]
async fn an_audited_row_cannot_change_without_an_entry() {
    check(async |app| {
        app.person(&[Role::Admin]).await;
        for sql in [
            "update person set display_name = 'Mallory'",
            "update person_role set role = 'admin'",
            "update session set ended_at = null",
            "delete from person_role",
            "delete from session",
            "insert into person_role (person_id, role, granted_at, last_audit_id) select person_id, 'intake', 1, 'evt_00000000000000000000000000000000' from person_role",
        ] {
            assert!(raw(app, sql).await.is_err(), "{sql}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_made_up_entry_id_does_not_help() {
    check(async |app| {
        app.person(&[Role::Admin]).await;
        let told = raw(app, "update person set display_name = 'Mallory', last_audit_id = 'evt_ffffffffffffffffffffffffffffffff'").await;
        assert!(told.is_err(), "the foreign key is checked at the end of the transaction");
    })
    .await;
}

#[tokio::test]
async fn the_trail_itself_is_only_ever_added_to() {
    check(async |app| {
        app.person(&[Role::Admin]).await;
        app.app.db.settle().await.expect("settles");
        app.app.keeper.sign_now().await.expect("signs");
        for sql in [
            "update audit_event set action = 'nothing.happened'",
            "delete from audit_event",
            "update audit_chain set leaf_hash = prev",
            "delete from audit_chain",
            "update audit_checkpoint set note = 'x'",
            "delete from audit_checkpoint",
        ] {
            assert!(raw(app, sql).await.is_err(), "{sql}");
        }
    })
    .await;
}

#[tokio::test]
async fn replace_does_not_slip_past_the_guards() {
    check(async |app| {
        if !matches!(app.app.db.store(), Store::Sqlite { .. }) {
            return;
        }
        app.person(&[Role::Admin]).await;
        for sql in [
            "insert or replace into person_role (person_id, role, granted_at, last_audit_id) select person_id, role, 1, last_audit_id from person_role",
            "insert or replace into audit_event select * from audit_event",
        ] {
            assert!(raw(app, sql).await.is_err(), "{sql}");
        }
    })
    .await;
}

#[tokio::test]
async fn no_statement_commits_alone_after_its_batch_was_undone() {
    check(async |app| {
        if !matches!(app.app.db.store(), Store::Sqlite { .. }) {
            println!("skipped: on PostgreSQL each act has a transaction of its own");
            return;
        }
        let store = app.app.db.store();
        let mut work = store.begin().await.expect("begins");
        // As SQLite does when the disk is full, or a statement is broken off.
        work.query("rollback").execute().await.expect("ends the transaction");
        assert!(work.query("insert into fixed (name, value) values ('alone', 'x')").execute().await.is_err());
        assert!(work.commit(None).await.is_err());
        let alone: i64 = app.app.db.query("select count(*) from fixed where name = 'alone'").scalar().await.expect("counts");
        assert_eq!(alone, 0);
        app.person(&[Role::Admin]).await;
    })
    .await;
}

#[tokio::test]
async fn a_dropped_act_leaves_nothing_and_holds_up_nobody() {
    check(async |app| {
        let person = app.person(&[Role::Admin]).await;
        let id = person.id.clone().expect("a person");
        let db = &app.app.db;
        for _ in 0..3 {
            let found = countersign::identity::by_id(db, &id).await.expect("reads").expect("there");
            let actor = countersign::policy::Actor::console();
            let permit = app.app.policy.permit::<countersign::identity::Enable>(&actor, &found).expect("may");
            let mut tx = db.begin(&permit).await.expect("begins");
            tx.write("update person set display_name = 'half done', last_audit_id = $1 where id = $2").bind(&id).execute().await.expect("runs");
            drop(tx);
        }
        let found = countersign::identity::by_id(db, &id).await.expect("reads").expect("there");
        assert_ne!(found.display_name, "half done");
        person.get("/account").await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn everything_in_the_data_folder_is_for_its_owner_alone() {
    check(async |app| {
        app.person(&[Role::Admin]).await;
        let folder = countersign::core::folder::DataFolder::open(&app.data(), false).expect("the data folder");
        let rights = folder.wide_permissions().expect("walks");
        assert!(rights.wide.is_empty(), "{:?}", rights.wide);
    })
    .await;
}
