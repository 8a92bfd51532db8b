//! What a hand in the database does to sealed values is refused by the guards, and found when they are gone.

use countersign::db::sealed;
use countersign::policy::Role;
use countersign::store::Store;

use super::{messaged, raw};
use crate::support::{TestApp, check};

#[tokio::test]
async fn sealed_values_and_events_go_only_when_an_entry_said_so() {
    check(async |app| {
        messaged(app, "+14155552671").await;
        for sql in [
            "delete from audit_payload",
            "update audit_payload set subject = 'usr_x'",
            "insert into audit_payload select event_id, part, subject, sealed from audit_payload",
            "update audit_event set action = '', category = '', actor_kind = '', object_kind = '', outcome = ''",
            "insert into erasure (subject, basis, requester, entries, person_id, made_at, last_audit_id) select 'usr_x', 'x', 'x', 0, id, 0, 'evt_none' from person",
            "insert into audit_prune (id, log, min_seq, days, made_at, last_audit_id) values ('prn_x', 1, 256, 0, 0, 'evt_none')",
        ] {
            assert!(raw(app, sql).await.is_err(), "{sql}");
        }
    })
    .await;
}

/// Takes the guards of sealed values and events away, as the owner of the database could, and runs `sql`.
async fn tamper(app: &TestApp, sql: &'static str) {
    let mut work = app.app.db.store().begin().await.expect("begins");
    if matches!(app.app.db.store(), Store::Sqlite { .. }) {
        for trigger in ["audit_payload_update", "audit_payload_delete", "audit_event_update"] {
            work.query(sqlx::AssertSqlSafe(format!("drop trigger if exists {trigger}"))).execute().await.expect("drops");
        }
    } else {
        for table in ["audit_payload", "audit_event"] {
            work.query(sqlx::AssertSqlSafe(format!("alter table {table} disable trigger user"))).execute().await.expect("disables");
        }
    }
    assert!(work.query(sql).execute().await.expect("tampers") > 0, "{sql}");
    work.commit(None).await.expect("commits");
}

#[tokio::test]
async fn values_that_vanish_or_come_from_elsewhere_are_found_and_are_an_alarm() {
    let of_send = "(select id from audit_event where action = 'message.send' and outcome = 'ok')";
    let delete = format!("delete from audit_payload where part = 'subject' and event_id in {of_send}");
    // Under a key that does not exist: the id of the key lies in the first bytes.
    let foreign = format!(
        "update audit_payload set sealed = (select sealed from audit_payload o where o.part = 'actor' and o.event_id = audit_payload.event_id) where part = 'subject' and event_id in {of_send}"
    );
    let (lite, server) = (
        "cast('\x01\x04key_' || '0123456789abcdef0123456789abcdef0123456789abcdef' as blob)",
        "cast('\\x01' || '046b65795f' || '30313233343536373839616263646566' || '30313233343536373839616263646566' as bytea)",
    );
    let no_key = |blob: &str| format!("update audit_payload set sealed = {blob} where part = 'subject' and event_id in {of_send}");
    let no_key = if crate::support::app::on_postgres() { no_key(server) } else { no_key(lite) };
    let address = format!("update audit_event set address_ix = '00000000000000000000000000000000' where address_ix is not null and id in {of_send}");
    for (sql, told) in [
        (delete, "a sealed value is missing, and no entry says that it was erased"),
        (foreign, "no entry says that it was erased"),
        (no_key, "no entry says that it was erased"),
        (address, "the column `address_ix` is not that of the entry's address"),
    ] {
        let app = TestApp::new(&[]).await;
        messaged(&app, "+14155552671").await;
        let officer = app.person(&[Role::Compliance]).await;
        assert_eq!(sealed::walk(&app.app.db).await.expect("reads").1, None);
        let seq: i64 = app
            .app
            .db
            .query("select c.seq from audit_event e join audit_chain c on c.event_id = e.id where e.action = 'message.send' and e.outcome = 'ok'")
            .scalar()
            .await
            .expect("an entry");
        officer.get(&format!("/audit/{seq}")).await.expect(200).lacks("not what it committed to");
        tamper(&app, Box::leak(sql.clone().into_boxed_str())).await;
        let found = sealed::walk(&app.app.db).await.expect("reads").1.unwrap_or_default();
        assert!(found.starts_with(&format!("entry {seq}:")) && found.contains(told), "{sql}: {found}");
        let page = officer.get(&format!("/audit/{seq}")).await.expect(200);
        page.says(if sql.contains("address_ix") { "address_ix" } else { "not what it committed to" });
        officer.get("/audit?action=message.send").await.expect(200).says("Altered");
        app.app.db.latch_fault("leaves");
        app.finish().await;
    }
}
