//! What Twilio tells by itself: believed only when it is signed, kept once, and a STOP that stops.

use axum::body::Body;
use axum::http::{Request, header};
use countersign::messages::signature::sign;
use countersign::policy::Role;

use crate::support::{Reply, TestApp, check, check_with};

const HOOK: &str = "http://127.0.0.1:8080/hooks/twilio";
const SID: &str = "AC00112233445566778899aabbccddeeff";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const NEXT: &str = "fedcba9876543210fedcba9876543210";
const FROM: &str = "+14155552671";

/// An installation with an account, whose tokens lie in files.
async fn with_account(more: &[(&str, &str)], test: impl AsyncFnOnce(&TestApp)) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let mut flags = vec![("twilio.account_sid".to_owned(), SID.to_owned())];
    for (key, token) in [("twilio.auth_token_file", TOKEN), ("twilio.auth_token_next_file", NEXT)] {
        let path = folder.path().join(key);
        std::fs::write(&path, token).expect("writes");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("sets");
        flags.push((key.to_owned(), path.display().to_string()));
    }
    flags.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    let flags: Vec<(&str, &str)> = flags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    check_with(&flags, test).await;
}

fn message(sid: &str, text: &str) -> Vec<(String, String)> {
    let fields = [
        ("MessageSid", sid),
        ("SmsSid", sid),
        ("SmsMessageSid", sid),
        ("AccountSid", SID),
        ("From", FROM),
        ("To", "+15005550006"),
        ("Body", text),
        ("NumMedia", "0"),
        ("NumSegments", "1"),
        ("SmsStatus", "received"),
        ("ApiVersion", "2010-04-01"),
        ("SomethingNew", "é+&="),
    ];
    fields.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec()
}

async fn post(app: &TestApp, path: &str, form: &[(String, String)], signature: Option<&str>) -> Reply {
    let body = serde_urlencoded::to_string(form).expect("a form");
    let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(signature) = signature {
        request = request.header("x-twilio-signature", signature);
    }
    app.send(request.body(Body::from(body)).expect("a request")).await
}

async fn entries(app: &TestApp) -> i64 {
    app.app.db.query("select count(*) from audit_event").scalar().await.expect("counts")
}

#[tokio::test]
async fn a_signed_message_is_kept_once_and_lies_sealed() {
    with_account(&[], async |app| {
        let form = message("SM1", "hello Planted");
        let signature = sign(TOKEN, HOOK, &form);
        let reply = post(app, "/hooks/twilio", &form, Some(&signature)).await.expect(200);
        assert!(reply.header("content-type").starts_with("text/xml") && reply.text().ends_with("<Response/>"), "{}", reply.text());
        // Doubled, as Twilio may.
        post(app, "/hooks/twilio", &form, Some(&signature)).await.expect(200);
        // The next token counts during a rotation; the address is signed with its query.
        let other = message("SM2", "again");
        post(app, "/hooks/twilio?mid=7", &other, Some(&sign(NEXT, &format!("{HOOK}?mid=7"), &other))).await.expect(200);
        let acts = app.db_actions().await;
        assert_eq!(acts.iter().filter(|a| *a == "message.receive ok").count(), 2, "{acts:?}");
        let rows: Vec<(Vec<u8>,)> = app.app.db.query("select sealed from inbound_event where sealed is not null").all().await.expect("reads");
        assert!(rows.len() == 2 && rows.iter().all(|(sealed,)| !sealed.windows(7).any(|w| w == b"Planted")));
    })
    .await;
}

#[tokio::test]
async fn forged_shortened_and_replayed_requests_are_refused_and_leave_no_entry() {
    with_account(&[], async |app| {
        let form = message("SM1", "hello");
        let right = sign(TOKEN, HOOK, &form);
        let before = entries(app).await;
        let mut changed = form.clone();
        changed[6].1 = "hellp".into();
        let mut more = form.clone();
        more.push(("Extra".into(), "1".into()));
        let mut foreign = form.clone();
        foreign[3].1 = "AC99999999999999999999999999999999".into();
        for (path, form, signature) in [
            ("/hooks/twilio", &form, None),
            ("/hooks/twilio", &form, Some("")),
            ("/hooks/twilio", &form, Some("not base64!")),
            ("/hooks/twilio", &form, Some(&right[..20])),
            ("/hooks/twilio", &changed, Some(right.as_str())),
            ("/hooks/twilio", &more, Some(right.as_str())),
            ("/hooks/twilio", &form[1..].to_vec(), Some(right.as_str())),
            ("/hooks/twilio?a=1", &form, Some(right.as_str())),
            ("/hooks/twilio", &form, Some(sign("another token than ours", HOOK, &form).as_str())),
            ("/hooks/twilio", &form, Some(sign(TOKEN, "https://127.0.0.1:8080/hooks/twilio", &form).as_str())),
            ("/hooks/twilio", &foreign, Some(sign(TOKEN, HOOK, &foreign).as_str())),
        ] {
            post(app, path, form, signature).await.expect(403);
        }
        let huge = message("SM1", &"x".repeat(70_000));
        post(app, "/hooks/twilio", &huge, Some(&sign(TOKEN, HOOK, &huge))).await.expect(413);
        let without = form[1..].to_vec();
        post(app, "/hooks/twilio", &without, Some(&sign(TOKEN, HOOK, &without))).await.expect(422);
        assert_eq!(entries(app).await, before, "{:?}", app.db_actions().await);
    })
    .await;
}

#[tokio::test]
async fn stop_by_message_stops_and_start_lifts_only_that() {
    with_account(&[], async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let send = async || person.post("/messages", &[("to", FROM), ("text", "hello")]).await;
        let say = async |sid: &str, text: &str| {
            let form = message(sid, text);
            post(app, "/hooks/twilio", &form, Some(&sign(TOKEN, HOOK, &form))).await.expect(200);
        };
        send().await.expect(303);
        say("SM1", "Stop.").await;
        send().await.expect(422).says("has opted out");
        say("SM2", "STOP ALL").await;
        person.get("/contacts/stops").await.expect(200).says("a message of theirs");
        say("SM3", "start").await;
        send().await.expect(303);
        person.post("/contacts/stops", &[("number", FROM), ("kind", "block")]).await.expect(303);
        say("SM4", "start").await;
        send().await.expect(422);
        let stops: i64 = app.app.db.query("select count(*) from number_stop where kind = 'opt_out'").scalar().await.expect("counts");
        assert_eq!(stops, 1);
    })
    .await;
}

#[tokio::test]
async fn reports_are_kept_once_in_any_order() {
    with_account(&[], async |app| {
        for (status, code) in [("delivered", ""), ("sent", ""), ("sent", ""), ("undelivered", "30003"), ("delivered", "")] {
            let mut form: Vec<(String, String)> =
                [("MessageSid", "SM9"), ("SmsSid", "SM9"), ("AccountSid", SID), ("MessageStatus", status), ("SmsStatus", status)]
                    .map(|(n, v)| (n.to_owned(), v.to_owned()))
                    .to_vec();
            if !code.is_empty() {
                form.push(("ErrorCode".into(), code.into()));
            }
            post(app, "/hooks/twilio", &form, Some(&sign(TOKEN, HOOK, &form))).await.expect(204);
        }
        assert_eq!(app.db_actions().await.iter().filter(|a| *a == "message.report ok").count(), 3);
    })
    .await;
}

#[tokio::test]
async fn at_first_signatures_may_only_be_reported() {
    with_account(&[("twilio.signatures", "report")], async |app| {
        let form = message("SM1", "hello");
        post(app, "/hooks/twilio", &form, Some("AAAA")).await.expect(200);
        let mut foreign = form;
        foreign[3].1 = "AC99999999999999999999999999999999".into();
        post(app, "/hooks/twilio", &foreign, None).await.expect(403);
    })
    .await;
}

#[tokio::test]
async fn without_an_account_nobody_is_believed() {
    check(async |app| {
        let form = message("SM1", "hello");
        post(app, "/hooks/twilio", &form, Some(&sign(TOKEN, HOOK, &form))).await.expect(403);
    })
    .await;
}
