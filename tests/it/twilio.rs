//! Messages by Twilio, over real HTTP with its faults: what each answer means, what is told later, what is found out, and that
//! nothing comes to its door twice, whatever dies.

mod killed;
mod library;

use axum::body::Body;
use axum::http::{Request, header};
use countersign::core::clock::{Clock, MINUTE, SECOND};
use countersign::messages::gateway::{self, Gateway};
use countersign::messages::reconcile::{Absent, round};
use countersign::messages::signature::sign;
use countersign::policy::Role;

use crate::support::app::NOON;
use crate::support::twilio::{Accepted, Does, FakeTwilio, SID, TOKEN, callback};
use crate::support::{TestApp, TestPerson};

const TO: &str = "+14155552671";
const HOOK: &str = "http://127.0.0.1:8080/hooks/twilio/status";

/// An installation that sends by the fake alone.
async fn with_twilio(test: impl AsyncFnOnce(&TestApp, &FakeTwilio)) {
    let twilio = FakeTwilio::start(Clock::fixed(NOON)).await;
    let mut flags = twilio.flags();
    flags.push(("sandbox.enabled".into(), "false".into()));
    let flags: Vec<(&str, &str)> = flags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let app = TestApp::new(&flags).await;
    test(&app, &twilio).await;
    app.finish().await;
}

async fn send(person: &TestPerson<'_>, to: &str, text: &str) -> String {
    let sent = person.post("/messages", &[("to", to), ("text", text)]).await.expect(303);
    sent.location().trim_start_matches("/messages/").to_owned()
}

/// State and reason of a message.
async fn stands(app: &TestApp, id: &str) -> (String, Option<String>) {
    let found: Option<(String, Option<String>)> = app.app.db.query("select state, reason from message where id = $1").bind(id).optional().await.expect("reads");
    found.expect("a message")
}

/// Waits until a message stands where it is expected to.
async fn until(app: &TestApp, id: &str, state: &str) -> Option<String> {
    for _ in 0..1200 {
        let (now, reason) = stands(app, id).await;
        if now == state {
            return reason;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{id} should be {state}: {:?}", stands(app, id).await);
}

/// Posts a callback as Twilio signs it, to the router itself.
async fn told(app: &TestApp, mid: &str, sid: &str, status: &str, code: &str) -> u16 {
    let form = callback(sid, TO, status, code);
    let url = format!("{HOOK}?mid={mid}");
    let body = serde_urlencoded::to_string(&form).expect("a form");
    let request = Request::post(format!("/hooks/twilio/status?mid={mid}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("x-twilio-signature", sign(TOKEN, &url, &form));
    app.send(request.body(Body::from(body)).expect("a request")).await.status.as_u16()
}

async fn entries(app: &TestApp, act: &str) -> usize {
    app.db_actions().await.iter().filter(|a| a.starts_with(act)).count()
}

#[tokio::test]
async fn each_answer_of_twilio_ends_a_message_as_it_must() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        for (does, state, reason, taken) in [
            (Does::Accepts, "accepted", None, 1),
            (Does::Refuses(400, 21211), "rejected", Some("twilio_21211"), 0),
            (Does::Refuses(401, 20003), "rejected", Some("twilio_20003"), 0),
            (Does::FailsAfter, "unknown", Some("http_500"), 1),
            (Does::ResetsBefore, "unknown", Some("connection_lost"), 0),
            (Does::ResetsAfter, "unknown", Some("connection_lost"), 1),
            (Does::Garbles, "unknown", Some("answer_unreadable"), 1),
            (Does::Floods, "unknown", Some("answer_unreadable"), 1),
            (Does::Redirects, "unknown", Some("http_307"), 0),
        ] {
            let before = twilio.accepted().len();
            twilio.does(&[does]);
            let id = send(&person, TO, &format!("{does:?}")).await;
            assert_eq!(until(app, &id, state).await.as_deref(), reason, "{does:?}");
            assert_eq!(twilio.accepted().len() - before, taken, "{does:?}");
        }
        assert!(twilio.requests().iter().all(|line| line.starts_with(&format!("POST /2010-04-01/Accounts/{SID}/Messages.json "))), "{:?}", twilio.requests());
        assert_eq!(twilio.requests().len(), 9, "one request for each message");
        assert_eq!(entries(app, "message.attempt ok").await, 9);
        let first = &twilio.accepted()[0];
        assert!(first.callback.as_deref().is_some_and(|url| url.starts_with(&format!("{HOOK}?mid=msg_"))) && first.validity == 14_400, "{first:?}");
    })
    .await;
}

#[tokio::test]
async fn what_was_certainly_not_sent_comes_again_as_an_attempt_of_its_own() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        twilio.does(&[Does::Refuses(429, 20429), Does::Refuses(429, 20429)]);
        let id = send(&person, TO, "hello").await;
        for n in 1..=2 {
            // Its next turn is a matter of the clock, which stands.
            for _ in 0..1200 {
                let open: i64 = app
                    .app
                    .db
                    .query("select attempts from message where id = $1 and state = 'queued'")
                    .bind(id.as_str())
                    .optional::<(i64,)>()
                    .await
                    .expect("reads")
                    .map_or(0, |(n,)| n);
                if open == n {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(25)).await;
            }
            assert_eq!((stands(app, &id).await.0.as_str(), twilio.accepted().len()), ("queued", 0));
            app.advance(60);
            app.app.work.notify_one();
        }
        assert_eq!(until(app, &id, "accepted").await, None);
        assert_eq!(twilio.accepted().len(), 1);
        assert_eq!((entries(app, "message.attempt ok").await, entries(app, "message.result failed").await, entries(app, "message.result ok").await), (3, 2, 1));
        let page = person.get(&format!("/messages/{id}")).await.expect(200).text();
        assert!(page.contains("waits for another turn"), "{page}");
    })
    .await;
}

#[tokio::test]
async fn without_a_connection_a_message_waits_and_ends_after_eight_attempts() {
    let twilio = FakeTwilio::start(Clock::fixed(NOON)).await;
    let mut flags = twilio.flags();
    flags.retain(|(k, _)| k != "twilio.api_url");
    let nobody = format!("http://127.0.0.1:{}", crate::kill::free_port());
    flags.extend([("twilio.api_url".into(), nobody), ("sandbox.enabled".into(), "false".into())]);
    let flags: Vec<(&str, &str)> = flags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let app = TestApp::new(&flags).await;
    let person = app.person(&[Role::Messaging]).await;
    let id = send(&person, TO, "hello").await;
    let ended = async {
        loop {
            match stands(&app, &id).await.0.as_str() {
                "rejected" => return,
                // Time passes only between attempts, and in steps far below a job's lease.
                "queued" => app.advance(60),
                _ => {}
            }
            app.app.work.notify_one();
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), ended).await.expect("it ends");
    assert_eq!(stands(&app, &id).await.1.as_deref(), Some("no_connection"));
    assert_eq!(entries(&app, "message.attempt ok").await, 8);
    app.finish().await;
}

#[tokio::test]
async fn a_number_that_wants_no_messages_is_stopped_by_its_gateways_word() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        twilio.does(&[Does::Refuses(400, 21610)]);
        let id = send(&person, TO, "hello").await;
        assert_eq!(until(app, &id, "rejected").await.as_deref(), Some("twilio_21610"));
        person.post("/messages", &[("to", TO), ("text", "again")]).await.expect(422).says("has opted out");
        person.get("/contacts/stops").await.expect(200).says("the gateway");
        // Also when it is told only later.
        let other = send(&person, "+14155552672", "hello").await;
        until(app, &other, "accepted").await;
        let accepted = twilio.accepted().pop().expect("one");
        assert_eq!(told(app, &other, &accepted.sid, "failed", "21610").await, 204);
        assert_eq!(stands(app, &other).await, ("failed".into(), Some("twilio_21610".into())));
        person.post("/messages", &[("to", "+14155552672"), ("text", "again")]).await.expect(422);
    })
    .await;
}

#[tokio::test]
async fn words_of_twilio_count_whatever_their_order_and_each_once() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        let id = send(&person, TO, "hello").await;
        until(app, &id, "accepted").await;
        let sid = twilio.accepted()[0].sid.clone();
        for (status, code, state) in [
            ("sent", "", "accepted"),
            ("undelivered", "30003", "failed"),
            ("queued", "", "failed"),
            ("sent", "", "failed"),
            ("delivered", "", "delivered"),
            ("failed", "30008", "delivered"),
        ] {
            assert_eq!(told(app, &id, &sid, status, code).await, 204, "{status}");
            assert_eq!(stands(app, &id).await.0, state, "{status}");
        }
        assert_eq!(told(app, &id, &sid, "delivered", "").await, 204);
        assert_eq!(entries(app, "message.report ok").await, 5, "each word is kept once: {:?}", app.db_actions().await);
        // Of another message, of one that was never attempted, of none.
        assert_eq!(told(app, &id, &format!("SM{}", "f".repeat(32)), "failed", "").await, 204);
        assert_eq!(told(app, "msg_0192f0c1a2b37c4d8e5f60718293a4b5", "SM1", "sent", "").await, 204);
        assert_eq!(told(app, "nonsense", &sid, "sent", "").await, 422);
        assert_eq!(stands(app, &id).await.0, "delivered");
        person.get(&format!("/messages/{id}")).await.expect(200).says("says it arrived");
    })
    .await;
}

#[tokio::test]
async fn a_status_that_is_not_signed_is_refused_and_leaves_no_entry() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        let id = send(&person, TO, "hello").await;
        until(app, &id, "accepted").await;
        let form = callback(&twilio.accepted()[0].sid, TO, "delivered", "");
        let before = app.db_actions().await.len();
        let other = format!("{HOOK}?mid=msg_0192f0c1a2b37c4d8e5f60718293a4b5");
        for signature in ["", "AAAA", &sign("another token than ours!", &format!("{HOOK}?mid={id}"), &form), &sign(TOKEN, &other, &form)] {
            let request = Request::post(format!("/hooks/twilio/status?mid={id}")).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            let body = Body::from(serde_urlencoded::to_string(&form).expect("a form"));
            app.send(request.header("x-twilio-signature", signature).body(body).expect("a request")).await.expect(403);
        }
        assert_eq!((stands(app, &id).await.0.as_str(), app.db_actions().await.len()), ("accepted", before));
    })
    .await;
}

#[tokio::test]
async fn a_word_settles_what_was_unknown() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        twilio.does(&[Does::ResetsAfter]);
        let id = send(&person, TO, "hello").await;
        until(app, &id, "unknown").await;
        let Accepted { sid, .. } = twilio.accepted()[0].clone();
        assert_eq!(told(app, &id, &sid, "sent", "").await, 204);
        assert_eq!(stands(app, &id).await, ("accepted".into(), None));
        assert_eq!(told(app, &id, &sid, "delivered", "").await, 204);
        assert_eq!(stands(app, &id).await.0, "delivered");
    })
    .await;
}

/// What the fake has, asked as the server asks.
async fn look(app: &TestApp, absent: &mut Absent) -> u64 {
    let gateways = gateway::set_up(&app.app.db, &app.app.config).expect("gateways");
    let gateways: Vec<&dyn Gateway> = gateways.iter().map(AsRef::as_ref).collect();
    round(&app.app.db, &app.app.policy, &gateways, absent).await.expect("a round")
}

#[tokio::test]
async fn what_twilio_has_is_found_and_what_it_has_not_is_known_after_two_lists() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        // Three others before it, so that the list has pages.
        for n in 0..3 {
            let id = send(&person, TO, &format!("before {n}")).await;
            until(app, &id, "accepted").await;
        }
        twilio.does(&[Does::ResetsAfter]);
        let there = send(&person, TO, "there").await;
        until(app, &there, "unknown").await;
        let mut absent = Absent::default();
        assert_eq!(look(app, &mut absent).await, 1);
        assert_eq!(stands(app, &there).await, ("accepted".into(), None));
        twilio.does(&[Does::ResetsBefore]);
        let gone = send(&person, "+14155552672", "gone").await;
        until(app, &gone, "unknown").await;
        // Too early; once; too soon after; then it counts.
        for (pass, settled) in [(60 * SECOND, 0), (15 * MINUTE, 0), (10 * SECOND, 0), (MINUTE, 1)] {
            app.clock.advance(pass);
            assert_eq!(look(app, &mut absent).await, settled);
        }
        assert_eq!(stands(app, &gone).await, ("rejected".into(), Some("not_found".into())));
        assert_eq!((twilio.accepted().len(), entries(app, "message.reconcile").await), (4, 2));
        assert!(twilio.requests().iter().filter(|l| l.starts_with("POST ")).count() == 5, "nothing is sent again: {:?}", twilio.requests());
    })
    .await;
}

#[tokio::test]
async fn what_could_be_more_than_one_message_stays_unknown() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        twilio.does(&[Does::ResetsAfter, Does::ResetsBefore]);
        let one = send(&person, TO, "the same").await;
        until(app, &one, "unknown").await;
        let other = send(&person, TO, "the same").await;
        until(app, &other, "unknown").await;
        let mut absent = Absent::default();
        app.clock.advance(20 * MINUTE);
        for _ in 0..3 {
            app.clock.advance(2 * MINUTE);
            assert_eq!(look(app, &mut absent).await, 0);
        }
        for id in [&one, &other] {
            assert_eq!(stands(app, id).await.0, "unknown");
        }
        assert_eq!(twilio.accepted().len(), 1);
    })
    .await;
}
