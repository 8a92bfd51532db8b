//! The database's own guards: raw SQL cannot change an audited table without an entry, nor the trail at all.

use countersign::db::rows;
use countersign::policy::Role;
use countersign::store::{Schema, Store, Work};

use crate::support::app::{drop_postgres_database, new_postgres_database, on_postgres};
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

#[tokio::test]
async fn a_row_changed_under_somebody_elses_entry_is_found() {
    check(async |app| {
        let (person, other) = (app.person(&[Role::Admin]).await, app.person(&[Role::Intake]).await);
        let (id, other) = (person.id.as_ref().expect("an id").to_string(), other.id.as_ref().expect("an id").to_string());
        app.app.db.settle().await.expect("settles");
        assert_eq!(rows::unnamed(&app.app.db).await.expect("reads"), None);
        // A hand in the database that knows the guards: an entry that exists, and that is not about this row.
        let before: String = app.app.db.query("select last_audit_id from person where id = $1").bind(id.as_str()).scalar().await.expect("reads");
        let change = async |from: &str| {
            let mut work = app.app.db.store().begin().await.expect("begins");
            let sql = "update person set display_name = display_name, last_audit_id = $2 where id = $1";
            work.query(sql).bind(id.as_str()).bind(from).execute().await.expect("the guards let it pass");
            work.commit(None).await.expect("commits");
        };
        let foreign: String = app.app.db.query("select last_audit_id from person where id = $1").bind(other.as_str()).scalar().await.expect("reads");
        change(&foreign).await;
        let found = rows::unnamed(&app.app.db).await.expect("reads").expect("found");
        assert!(found.contains("`person`") && found.contains(&id) && found.contains("does not name it"), "{found}");
        change(&before).await;
    })
    .await;
}

#[test]
fn every_table_with_guards_is_held_against_its_entries() {
    let mut guarded: Vec<String> = Vec::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let files = std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok).filter(|e| e.path().is_file());
    for text in files.map(|e| std::fs::read_to_string(e.path()).expect("text")) {
        let mut table = "";
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("create table ") {
                table = rest.split(' ').next().unwrap_or_default();
            }
            if line.trim_start().starts_with("last_audit_id text not null") {
                guarded.push(table.to_owned());
            }
        }
    }
    guarded.sort();
    let mut known = rows::guarded();
    known.sort_unstable();
    assert_eq!(guarded, known);
}

/// What a role that may only add to the trail is refused, by PostgreSQL itself.
const REFUSED: [&str; 11] = [
    "update audit_event set action = 'nothing.happened'",
    "delete from audit_event",
    "truncate audit_event cascade",
    "update audit_chain set leaf_hash = prev",
    "delete from audit_chain",
    "delete from audit_checkpoint",
    "delete from audit_cosignature",
    "delete from audit_token",
    "alter table audit_event disable trigger all",
    "drop trigger audit_event_change on audit_event",
    "create table mine (a text)",
];

#[tokio::test]
async fn on_postgresql_the_server_may_run_as_a_role_that_can_only_add_to_the_trail() {
    use sqlx::{Connection as _, Executor as _};
    if !on_postgres() {
        println!("skipped: SQLite has no roles");
        return;
    }
    let role = format!("server_{}", std::process::id());
    let mut names = Vec::new();
    let mut urls = Vec::new();
    for schema in [Schema::Main, Schema::Keys] {
        let (name, url) = new_postgres_database().await;
        let owner = Store::open(&url, 2).await.expect("opens");
        owner.migrate(schema).await.expect("migrates");
        if schema == Schema::Main {
            let mut work = owner.begin().await.expect("begins");
            work.query(sqlx::AssertSqlSafe(format!("create role {role} login"))).execute().await.expect("makes a role");
            work.commit(None).await.expect("commits");
            assert_eq!(owner.may_rewrite().await.expect("asks"), Some(true), "the owner may");
        }
        for wrong in ["", "a b", "x\"; drop table person; --", "Ä"] {
            assert!(owner.grant(schema, wrong).await.is_err(), "{wrong}");
        }
        owner.grant(schema, &role).await.expect("grants");
        owner.grant(schema, &role).await.expect("again changes nothing");
        owner.close().await;
        urls.push(url.replace("postgres@", &format!("{role}@")));
        names.push(name);
    }
    let app = TestApp::new(&[("database.url", urls[0].as_str()), ("database.keys_url", urls[1].as_str())]).await;
    assert_eq!(app.app.db.store().may_rewrite().await.expect("asks"), Some(false));
    let person = app.person(&Role::ALL).await;
    person.post("/messages", &[("to", "+14155552671"), ("text", "x")]).await.expect(303);
    person.upload("a.txt", "text/plain", b"evidence").await.expect(303);
    app.sign().await;
    let mut connection = sqlx::PgConnection::connect(&urls[0]).await.expect("connects");
    for sql in REFUSED {
        let told = connection.execute(sql).await.expect_err(sql);
        let code = told.as_database_error().and_then(|e| e.code().map(|c| c.into_owned()));
        assert_eq!(code.as_deref(), Some("42501"), "{sql}: {told}");
    }
    connection.close().await.expect("closes");
    app.finish().await;
    for name in names {
        drop_postgres_database(&name).await;
    }
}
