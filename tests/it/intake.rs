//! Intakes: a whole conversation by signed events, sealed at every step, read with a purpose, and gone when it is over.

mod ending;
mod files;
mod form;
mod merging;
mod outside;
mod sheets;
mod staff;
mod talk;

use axum::body::Body;
use axum::http::{Request, header};
use countersign::messages::signature::sign;

use crate::support::{Reply, TestApp, check_with};

const HOOK: &str = "http://127.0.0.1:8080/hooks/twilio";
const SID: &str = "AC00112233445566778899aabbccddeeff";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// The patient.
const PHONE: &str = "+14155552671";
/// What a patient says, in order; every answer is looked for in dumps.
const SAID: [&str; 7] =
    ["intake", "YES", "Ruth Plantedname", "3/27/1984", "77 Plantedstreet, Springfield", "planted-asthma since 2001", "planted-salbutamol 100"];

/// What whoever may not do an act hears: of intakes that there is nothing.
pub fn refusal(act: &str) -> u16 {
    if act.starts_with("intake.") { 404 } else { 403 }
}

/// An installation with an account, and a folder of policies when flows are given.
async fn with(flags: &[(&str, &str)], test: impl AsyncFnOnce(&TestApp)) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, TOKEN).expect("writes");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("sets");
    let path = path.display().to_string();
    let mut all = vec![("twilio.account_sid", SID), ("twilio.auth_token_file", path.as_str())];
    all.extend_from_slice(flags);
    check_with(&all, test).await;
}

/// Delivers one event, signed as Twilio signs.
async fn deliver(app: &TestApp, sid: &str, from: &str, text: &str) -> Reply {
    let fields =
        [("MessageSid", sid), ("AccountSid", SID), ("From", from), ("To", "+15005550006"), ("Body", text), ("NumMedia", "0"), ("SmsStatus", "received")];
    let form: Vec<(String, String)> = fields.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    let request = Request::post("/hooks/twilio").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = request.header("x-twilio-signature", sign(TOKEN, HOOK, &form));
    app.send(request.body(Body::from(serde_urlencoded::to_string(&form).expect("a form"))).expect("a request")).await
}

/// Says something, each time as a new event, and gives what is answered.
async fn say(app: &TestApp, text: &str) -> String {
    say_from(app, PHONE, text).await
}

async fn say_from(app: &TestApp, from: &str, text: &str) -> String {
    let sid = format!("SM{}", hex::encode(app.app.db.rng().bytes::<16>()));
    deliver(app, &sid, from, text).await.expect(200).text()
}

/// The whole conversation.
async fn whole(app: &TestApp) -> String {
    let mut last = String::new();
    for text in SAID {
        last = say(app, text).await;
    }
    assert!(last.contains("that is all"), "{last}");
    newest(app).await
}

/// The id of the newest record.
async fn newest(app: &TestApp) -> String {
    app.app.db.query("select id from intake_record order by id desc limit 1").scalar().await.expect("there is one")
}

async fn state(app: &TestApp, id: &str) -> String {
    app.app.db.query("select state from intake_record where id = $1").bind(id).scalar().await.expect("reads")
}

async fn count(app: &TestApp, sql: &'static str) -> i64 {
    app.app.db.query(sql).scalar().await.expect("counts")
}

/// What the entries of intakes say, oldest first.
async fn entries(app: &TestApp) -> Vec<serde_json::Value> {
    app.app.db.settle().await.expect("settles");
    let rows: Vec<(Vec<u8>,)> = app.app.db.query("select body from audit_event where category = 'intake' order by id").all().await.expect("reads");
    rows.iter().map(|(body,)| serde_json::from_slice(body).expect("JSON")).collect()
}
