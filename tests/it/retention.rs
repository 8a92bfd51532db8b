//! What is taken out of the trail: erasure, legal holds, retention and pruning, on a real database.

mod erasing;
mod killed;
mod pruning;
mod vanished;

use countersign::policy::Role;

use crate::support::{Reply, TestApp, TestPerson};

/// Erases by the form.
pub async fn erase(officer: &TestPerson<'_>, subject: &str) -> Reply {
    let fields = [("subject", subject), ("basis", "objection"), ("requester", "person"), ("reason", "They asked <us> to."), ("typed", "erase")];
    officer.post("/audit/subjects", &fields).await
}

/// The subject of a number that a message was sent to.
async fn messaged(app: &TestApp, number: &str) -> String {
    let sender = app.person(&[Role::Messaging]).await;
    sender.post("/messages", &[("to", number), ("text", "hello")]).await.expect(303);
    app.app.db.settle().await.expect("settles");
    let sql = "select subject from audit_event where action = 'message.send' and outcome = 'ok' order by id desc limit 1";
    app.app.db.query(sql).scalar().await.expect("a subject")
}

/// Disables somebody, as an administrator does.
async fn disabled(app: &TestApp, person: &TestPerson<'_>) -> String {
    let id = person.id.as_ref().expect("a person").to_string();
    let admin = app.person(&[Role::Admin]).await;
    admin.post(&format!("/admin/users/{id}/disable"), &[]).await.expect(303);
    id
}

async fn count(app: &TestApp, sql: &'static str) -> i64 {
    app.app.db.query(sql).scalar().await.expect("counts")
}

/// Runs raw SQL as somebody with the database's own rights would.
async fn raw(app: &TestApp, sql: &'static str) -> Result<u64, String> {
    let mut work = app.app.db.store().begin().await.expect("begins");
    let rows = work.query(sql).execute().await.map_err(|e| format!("{e:?}"))?;
    work.commit(None).await.map_err(|e| format!("{e:?}"))?;
    Ok(rows)
}
