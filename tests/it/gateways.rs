//! Several gateways at once: which one a message takes, when it goes on to the next and when it must not, what each answer of
//! SMSGate and httpSMS means, what they tell, and what administrators decide.

use axum::body::Body;
use axum::http::{Request, header};
use countersign::core::clock::{Clock, MINUTE, SECOND};
use countersign::messages::gateway::{self, Gateway};
use countersign::messages::reconcile::{Absent, round};
use countersign::policy::Role;
use serde_json::json;

use crate::support::app::NOON;
use crate::support::handset::{App, DEVICE, FakeHandset, OWNER, SHOWN, event_httpsms, event_smsgate, sign_httpsms, sign_smsgate};
use crate::support::twilio::{Does, FakeTwilio};
use crate::support::{TestApp, TestPerson};

const TO: &str = "+14155552671";
const HTTPSMS_URL: &str = "http://127.0.0.1:8080/hooks/httpsms";

async fn with(flags: Vec<(String, String)>, test: impl AsyncFnOnce(&TestApp)) {
    let mut flags = flags;
    flags.push(("sandbox.enabled".into(), "false".into()));
    let flags: Vec<(&str, &str)> = flags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let app = TestApp::new(&flags).await;
    test(&app).await;
    app.finish().await;
}

async fn with_handset(app: App, test: impl AsyncFnOnce(&TestApp, &FakeHandset)) {
    let fake = FakeHandset::start(app, Clock::fixed(NOON)).await;
    with(fake.flags(), async |app| test(app, &fake).await).await;
}

/// Twilio and SMSGate, with these rules.
async fn with_two(rules: &str, test: impl AsyncFnOnce(&TestApp, &FakeTwilio, &FakeHandset)) {
    let (twilio, smsgate) = (FakeTwilio::start(Clock::fixed(NOON)).await, FakeHandset::start(App::SmsGate, Clock::fixed(NOON)).await);
    with([twilio.flags(), smsgate.flags()].concat(), async |app| {
        let admin = app.person(&[Role::Admin]).await;
        admin.post("/admin/gateways", &[("rules", rules)]).await.expect(303);
        test(app, &twilio, &smsgate).await;
    })
    .await;
}

async fn send(person: &TestPerson<'_>, text: &str) -> String {
    let sent = person.post("/messages", &[("to", TO), ("text", text)]).await.expect(303);
    sent.location().trim_start_matches("/messages/").to_owned()
}

/// State, reason and gateway of a message.
async fn stands(app: &TestApp, id: &str) -> (String, Option<String>, String) {
    app.app.db.query("select state, reason, gateway from message where id = $1").bind(id).optional().await.expect("reads").expect("a message")
}

async fn until(app: &TestApp, id: &str, state: &str) -> (Option<String>, String) {
    for _ in 0..1200 {
        let (now, reason, gateway) = stands(app, id).await;
        if now == state {
            return (reason, gateway);
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{id} should be {state}: {:?}", stands(app, id).await);
}

async fn entries(app: &TestApp, act: &str) -> usize {
    app.db_actions().await.iter().filter(|a| a.starts_with(act)).count()
}

async fn look(app: &TestApp, absent: &mut Absent) {
    let gateways = gateway::set_up(&app.app.db, &app.app.config).expect("gateways");
    let gateways: Vec<&dyn Gateway> = gateways.iter().map(AsRef::as_ref).collect();
    round(&app.app.db, &app.app.policy, &gateways, absent).await.expect("asks");
}

async fn post(app: &TestApp, path: &str, body: &str, headers: &[(String, String)]) -> u16 {
    let request = headers.iter().fold(Request::post(path), |request, (name, value)| request.header(name, value));
    let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_owned())).expect("a request");
    app.send(request).await.status.as_u16()
}

#[tokio::test]
async fn each_answer_of_a_handset_ends_a_message_as_it_must() {
    for (kind, name) in [(App::SmsGate, "smsgate"), (App::HttpSms, "httpsms")] {
        with_handset(kind, async |app, fake| {
            let person = app.person(&[Role::Messaging]).await;
            let refused = |code: u16| Some(format!("{name}_{code}"));
            let mut unknown = Vec::new();
            for (does, state, reason, taken) in [
                (Does::Accepts, "accepted", None, 1),
                (Does::Refuses(400, 0), "rejected", refused(400), 0),
                (Does::Refuses(401, 0), "rejected", refused(401), 0),
                (Does::Refuses(422, 0), "rejected", refused(422), 0),
                (Does::FailsAfter, "unknown", Some("http_500".into()), 1),
                (Does::ResetsBefore, "unknown", Some("connection_lost".into()), 0),
                (Does::ResetsAfter, "unknown", Some("connection_lost".into()), 1),
                (Does::Garbles, "unknown", Some("answer_unreadable".into()), 1),
                (Does::Floods, "unknown", Some("answer_unreadable".into()), 1),
                (Does::Redirects, "unknown", Some("http_307".into()), 0),
            ] {
                let before = fake.taken().len();
                fake.does(&[does]);
                let id = send(&person, &format!("{does:?}")).await;
                assert_eq!(until(app, &id, state).await, (reason, name.to_owned()), "{does:?}");
                assert_eq!(fake.taken().len() - before, taken, "{name} {does:?}");
                if state == "unknown" {
                    unknown.push((id, taken));
                }
            }
            assert!(fake.requests().iter().all(|line| line.starts_with("POST ")), "{:?}", fake.requests());
            assert_eq!(fake.requests().len(), 10, "one request for each message");
            assert_eq!(fake.taken()[0].ttl, if kind == App::SmsGate { 4 * 3600 } else { 0 });
            // What was taken is found by our own id; what was not is told after the grace, by two lists.
            let mut absent = Absent::default();
            for minutes in [0, 16, 2] {
                app.clock.advance(minutes * MINUTE);
                look(app, &mut absent).await;
            }
            for (id, taken) in unknown {
                assert_eq!(stands(app, &id).await.0, if taken == 1 { "accepted" } else { "rejected" }, "{name}");
            }
            assert_eq!(fake.taken().len(), 5, "nothing was sent again");
        })
        .await;
    }
}

#[tokio::test]
async fn a_full_queue_proves_nothing_and_an_id_that_is_there_is_asked_about() {
    with_handset(App::SmsGate, async |app, fake| {
        let person = app.person(&[Role::Messaging]).await;
        fake.does(&[Does::Refuses(503, 0)]);
        let id = send(&person, "hello").await;
        assert_eq!(until(app, &id, "unknown").await.0.as_deref(), Some("http_503"));
        let id = send(&person, "hello").await;
        until(app, &id, "accepted").await;
        // The same id again, as after an attempt whose answer said that nothing was done.
        let all = gateway::set_up(&app.app.db, &app.app.config).expect("gateways");
        let outgoing = gateway::Outgoing { message: id.parse().expect("an id"), to: TO.into(), text: "hello".into(), valid_secs: None, from: None };
        assert_eq!(all[0].send(outgoing).await, gateway::Attempted::Accepted { provider_id: id.clone() });
        assert_eq!(fake.taken().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_message_goes_on_only_when_nothing_was_sent() {
    with_two("# by country\nUS: twilio > smsgate\n*: smsgate", async |app, twilio, smsgate| {
        let person = app.person(&[Role::Messaging]).await;
        // Not taken, and not the message's fault: the next one is asked at once.
        for does in [Does::Refuses(429, 20429), Does::Refuses(401, 20003), Does::Refuses(400, 21606)] {
            twilio.does(&[does]);
            let before = smsgate.taken().len();
            let id = send(&person, &format!("{does:?}")).await;
            assert_eq!(until(app, &id, "accepted").await, (None, "smsgate".into()), "{does:?}");
            assert_eq!((twilio.accepted().len(), smsgate.taken().len() - before), (0, 1), "{does:?}");
            let page = person.get(&format!("/messages/{id}")).await.expect(200).text();
            assert!(page.contains("Twilio") && page.contains("SMSGate"), "{page}");
            app.app.db.settle().await.expect("settles");
            const TRIED: &str = "select cast(e.body as text) from audit_event e where e.object_id = $1 and e.action = 'message.attempt' order by e.id";
            const TRIED_POSTGRES: &str =
                "select convert_from(e.body, 'UTF8') from audit_event e where e.object_id = $1 and e.action = 'message.attempt' order by e.id";
            let tried = if crate::support::app::on_postgres() { TRIED_POSTGRES } else { TRIED };
            let tried: Vec<(String,)> = app.app.db.query(tried).bind(id.as_str()).all().await.expect("reads");
            assert!(tried.len() == 2 && tried[0].0.contains("\"twilio\"") && tried[1].0.contains("\"smsgate\""), "{tried:?}");
        }
        // What may have been sent, or never can be, stays where it is.
        for (does, state, taken) in [
            (Does::Refuses(400, 21211), "rejected", 0),
            (Does::Refuses(400, 21614), "rejected", 0),
            (Does::FailsAfter, "unknown", 1),
            (Does::ResetsBefore, "unknown", 0),
            (Does::ResetsAfter, "unknown", 1),
            (Does::Garbles, "unknown", 1),
            (Does::Redirects, "unknown", 0),
        ] {
            twilio.does(&[does]);
            let before = (twilio.accepted().len(), smsgate.taken().len());
            let id = send(&person, &format!("{does:?}")).await;
            assert_eq!(until(app, &id, state).await.1, "twilio", "{does:?}");
            assert_eq!((twilio.accepted().len() - before.0, smsgate.taken().len() - before.1), (taken, 0), "{does:?}");
        }
        // By another rule.
        let sent = person.post("/messages", &[("to", "+447400123456"), ("text", "hello")]).await.expect(303);
        assert_eq!(until(app, sent.location().trim_start_matches("/messages/"), "accepted").await.1, "smsgate");
    })
    .await;
}

#[tokio::test]
async fn when_all_of_them_have_too_much_to_do_a_message_waits_and_comes_round_again() {
    with_two("*: twilio > smsgate", async |app, twilio, smsgate| {
        let person = app.person(&[Role::Messaging]).await;
        twilio.does(&[Does::Refuses(429, 20429), Does::Refuses(429, 20429)]);
        smsgate.does(&[Does::Refuses(429, 0)]);
        let id = send(&person, "hello").await;
        for _ in 0..1200 {
            if entries(app, "message.result failed").await == 2 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        assert_eq!(stands(app, &id).await, ("queued".into(), Some("smsgate_busy".into()), "twilio".into()), "it waits for the first again");
        app.advance(60);
        app.app.work.notify_one();
        for _ in 0..1200 {
            if entries(app, "message.result failed").await == 3 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        app.advance(60);
        app.app.work.notify_one();
        assert_eq!(until(app, &id, "accepted").await.1, "smsgate");
        assert_eq!((entries(app, "message.attempt ok").await, twilio.accepted().len(), smsgate.taken().len()), (4, 0, 1));
    })
    .await;
}

#[tokio::test]
async fn a_stopped_gateway_sends_nothing_and_what_has_another_takes_it() {
    with_two("US: twilio > smsgate", async |app, twilio, smsgate| {
        let (admin, person) = (app.person(&[Role::Admin]).await, app.person(&[Role::Messaging]).await);
        person.get("/admin/gateways").await.expect(403);
        person.post("/admin/gateways/twilio/stop", &[("version", "0")]).await.expect(403);
        admin.post("/admin/gateways/carrier/stop", &[("version", "0")]).await.expect(404);
        admin.post("/admin/gateways/twilio/stop", &[("version", "7")]).await.expect(409);
        admin.post("/admin/gateways/twilio/stop", &[("version", "0")]).await.expect(303);
        admin.post("/admin/gateways/twilio/stop", &[("version", "1")]).await.expect(409);
        admin.get("/admin/gateways").await.expect(200).says("Stopped");
        let id = send(&person, "hello").await;
        assert_eq!(until(app, &id, "accepted").await.1, "smsgate");
        admin.post("/admin/gateways/smsgate/stop", &[("version", "0")]).await.expect(303);
        let waits = send(&person, "waits").await;
        app.app.work.notify_one();
        // It is looked at, and given back: nothing is attempted.
        const RESTS: &str = "select count(*) from job where subject = $1 and done_at is null and attempts > 0 and lease_until = 0";
        for _ in 0..1200 {
            if app.app.db.query(RESTS).bind(waits.as_str()).scalar::<i64>().await.expect("reads") == 1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        assert_eq!(stands(app, &waits).await.0, "queued");
        assert_eq!((twilio.accepted().len(), smsgate.taken().len()), (0, 1));
        // It was to wait for one of them, whichever goes on first.
        admin.post("/admin/gateways/smsgate/start", &[("version", "1")]).await.expect(303);
        app.advance(60);
        app.app.work.notify_one();
        assert_eq!(until(app, &waits, "accepted").await.1, "smsgate");
        assert_eq!((twilio.accepted().len(), smsgate.taken().len(), entries(app, "message.route ok").await), (0, 2, 1));
        assert_eq!(entries(app, "gateway.switch ok").await, 3);
    })
    .await;
}

#[tokio::test]
async fn what_an_administrator_seals_counts_at_once_and_is_never_shown_again() {
    with_handset(App::SmsGate, async |app, fake| {
        let (admin, person) = (app.person(&[Role::Admin]).await, app.person(&[Role::Messaging]).await);
        const NEXT: &str = "Planted-password-7";
        fake.wants(NEXT);
        let id = send(&person, "refused").await;
        assert_eq!(until(app, &id, "rejected").await.0.as_deref(), Some("smsgate_401"));
        admin.get("/admin/gateways").await.expect(200).says("smsgate_401").says("1 of 1");
        for bad in ["", "short", "with a blank in it"] {
            admin.post("/admin/gateways/smsgate/secret", &[("version", "0"), ("secret", bad)]).await.expect(422);
        }
        admin.post("/admin/gateways/smsgate/secret", &[("version", "0"), ("secret", NEXT)]).await.expect(303);
        let id = send(&person, "hello").await;
        until(app, &id, "accepted").await;
        for page in ["/admin/gateways", "/admin/gateways/smsgate", "/config"] {
            admin.get(page).await.expect(200).lacks(NEXT).lacks(SHOWN);
        }
        let rows: Vec<(Vec<u8>,)> = app.app.db.query("select secret_sealed from gateway").all().await.expect("reads");
        assert!(rows.len() == 1 && !rows[0].0.windows(7).any(|w| w == b"Planted"), "it lies sealed");
        let bodies: Vec<(Vec<u8>,)> = app.app.db.query("select body from audit_event").all().await.expect("reads");
        assert!(!bodies.iter().any(|(body,)| body.windows(7).any(|w| w == b"Planted")), "no entry holds it");
        // Back to what the settings give.
        admin.post("/admin/gateways/smsgate/unseal", &[("version", "0")]).await.expect(409);
        admin.post("/admin/gateways/smsgate/unseal", &[("version", "1")]).await.expect(303);
        fake.wants(SHOWN);
        let id = send(&person, "hello again").await;
        until(app, &id, "accepted").await;
        // A test leaves by this one, whatever the rules say.
        admin.post("/admin/gateways/smsgate/try", &[("to", "nobody")]).await.expect(422);
        admin.post("/admin/gateways/smsgate/try", &[("to", TO)]).await.expect(303);
        for _ in 0..1200 {
            if fake.taken().last().is_some_and(|taken| taken.text == "This is a test.") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        assert_eq!(fake.taken().last().map(|taken| taken.text.clone()).as_deref(), Some("This is a test."));
        app.messages_ended().await;
        // Grave: password and code again, and back to the page.
        app.advance(11 * 60);
        let sent = admin.post("/admin/gateways/smsgate/stop", &[("version", "2")]).await.expect(303);
        assert!(sent.location().starts_with("/fresh?next=%2Fadmin%2Fgateways"), "{}", sent.location());
    })
    .await;
}

#[tokio::test]
async fn rules_that_cannot_be_read_are_told_with_their_line_and_nothing_is_lost() {
    with_handset(App::SmsGate, async |app, _| {
        let admin = app.person(&[Role::Admin]).await;
        for (rules, says) in [
            ("US: smsgate\nMars: smsgate", "Line 2 does not begin with"),
            ("US: carrier", "Line 1 names a gateway"),
            ("US smsgate", "Line 1 is no rule"),
            ("*: smsgate > smsgate", "Line 1 names something a second time"),
            ("*: smsgate\n<script>", "Line 2 is no rule"),
        ] {
            admin.post("/admin/gateways", &[("rules", rules)]).await.expect(422).says(says);
        }
        admin.post("/admin/gateways", &[("rules", &"#".repeat(4001))]).await.expect(422);
        let kept: i64 = app.app.db.query("select count(*) from routing").scalar().await.expect("counts");
        assert_eq!(kept, 0);
        admin.post("/admin/gateways", &[("rules", "*: smsgate")]).await.expect(303);
        admin.get("/admin/gateways").await.expect(200).says("*: smsgate");
    })
    .await;
}

#[tokio::test]
async fn what_smsgate_tells_is_believed_when_signed_kept_once_and_obeyed() {
    with_handset(App::SmsGate, async |app, _| {
        let person = app.person(&[Role::Messaging]).await;
        let at = NOON / SECOND;
        let hear = async |body: &str, headers: &[(String, String)]| post(app, "/hooks/smsgate", body, headers).await;
        let id = send(&person, "hello").await;
        until(app, &id, "accepted").await;
        let event = |event: &str| event_smsgate(event, &json!({ "messageId": id, "recipient": TO, "simNumber": 1, "reason": "GENERIC failure" }));
        // Out of order, doubled, and one that says nothing new.
        for kind in ["sms:delivered", "sms:sent", "sms:delivered", "sms:failed", "system:ping", "sms:sent"] {
            let body = event(kind);
            assert_eq!(hear(&body, &sign_smsgate(&body, at)).await, 204, "{kind}");
        }
        assert_eq!(stands(app, &id).await.0, "delivered");
        assert_eq!(entries(app, "message.report ok").await, 3);
        let stop = |when: &str, text: &str| {
            let payload = json!({ "messageId": "abc123", "sender": TO, "recipient": "+15005550007", "simNumber": 1, "message": text, "receivedAt": when });
            event_smsgate("sms:received", &payload)
        };
        let first = stop("2026-01-15T12:00:00.000+00:00", "STOP");
        let before = app.db_actions().await.len();
        let foreign = first.replace(DEVICE, "eeeeeeeeceb0b1db0000018e937c815b");
        for (body, headers) in [
            (first.as_str(), Vec::new()),
            (first.as_str(), sign_smsgate(&first, at - 301).to_vec()),
            (&first[1..], sign_smsgate(&first, at).to_vec()),
            (first.as_str(), sign_smsgate("another", at).to_vec()),
            (foreign.as_str(), sign_smsgate(&foreign, at).to_vec()),
        ] {
            assert_eq!(hear(body, &headers).await, 403, "{body} {headers:?}");
        }
        let huge = stop("2026", &"x".repeat(70_000));
        assert_eq!(hear(&huge, &sign_smsgate(&huge, at)).await, 413);
        assert_eq!(hear("{", &sign_smsgate("{", at)).await, 400);
        let bare = event_smsgate("sms:received", &json!({}));
        assert_eq!(hear(&bare, &sign_smsgate(&bare, at)).await, 422);
        assert_eq!(app.db_actions().await.len(), before, "who is refused leaves no entry");
        for _ in 0..2 {
            assert_eq!(hear(&first, &sign_smsgate(&first, at)).await, 204);
        }
        // Its short id comes again with another message.
        let other = stop("2026-01-15T12:00:05.000+00:00", "hello");
        assert_eq!(hear(&other, &sign_smsgate(&other, at)).await, 204);
        assert_eq!(entries(app, "message.receive ok").await, 2);
        person.post("/messages", &[("to", TO), ("text", "more")]).await.expect(422).says("has opted out");
    })
    .await;
}

#[tokio::test]
async fn what_httpsms_tells_is_believed_by_its_token_kept_once_and_obeyed() {
    with_handset(App::HttpSms, async |app, fake| {
        let person = app.person(&[Role::Messaging]).await;
        let at = NOON / SECOND;
        let right = sign_httpsms(HTTPSMS_URL, at);
        let hear = async |body: &str, headers: &[(String, String)]| post(app, "/hooks/httpsms", body, headers).await;
        let id = send(&person, "hello").await;
        until(app, &id, "accepted").await;
        let sent = &fake.taken()[0];
        let event =
            |kind: &str| event_httpsms(kind, &json!({ "id": sent.id, "owner": OWNER, "contact": TO, "request_id": sent.mid, "error_message": "no SIM" }));
        for kind in ["message.phone.delivered", "message.phone.sending", "message.phone.delivered", "message.phone.sent", "phone.heartbeat.online"] {
            assert_eq!(hear(&event(kind), &right).await, 204, "{kind}");
        }
        assert_eq!((stands(app, &id).await.0.as_str(), entries(app, "message.report ok").await), ("delivered", 3));
        let stop = event_httpsms("message.phone.received", &json!({ "message_id": "m-1", "owner": OWNER, "contact": TO, "content": "Stop." }));
        let before = app.db_actions().await.len();
        for headers in [Vec::new(), sign_httpsms("https://elsewhere.example/hooks/httpsms", at).to_vec(), sign_httpsms(HTTPSMS_URL, at - 3600).to_vec()] {
            assert_eq!(hear(&stop, &headers).await, 403, "{headers:?}");
        }
        assert_eq!(hear(&stop.replace(OWNER, "+15005550008"), &right).await, 403);
        assert_eq!(app.db_actions().await.len(), before);
        for _ in 0..2 {
            assert_eq!(hear(&stop, &right).await, 204);
        }
        assert_eq!(entries(app, "message.receive ok").await, 1);
        person.post("/messages", &[("to", TO), ("text", "more")]).await.expect(422).says("has opted out");
    })
    .await;
}

#[tokio::test]
async fn without_a_webhook_key_no_handset_is_believed() {
    let fake = FakeHandset::start(App::SmsGate, Clock::fixed(NOON)).await;
    let flags = fake.flags().into_iter().filter(|(key, _)| !key.contains("webhook_key")).collect();
    with(flags, async |app| {
        let body = event_smsgate("system:ping", &json!({}));
        assert_eq!(post(app, "/hooks/smsgate", &body, &sign_smsgate(&body, NOON / SECOND)).await, 403);
        let body = event_httpsms("phone.heartbeat.online", &json!({}));
        assert_eq!(post(app, "/hooks/httpsms", &body, &sign_httpsms(HTTPSMS_URL, NOON / SECOND)).await, 403);
    })
    .await;
}
