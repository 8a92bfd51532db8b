//! Conversations: what comes in, what is answered by itself, what people write back, and what is refused.

mod staff;

use axum::body::Body;
use axum::http::{Request, header};
use countersign::core::clock::{Clock, HOUR, MINUTE};
use countersign::messages::gateway::{self, Gateway};
use countersign::messages::reconcile::{Absent, round};
use countersign::messages::signature::sign;
use countersign::policy::Role;

use crate::support::app::NOON;
use crate::support::twilio::{Does, FakeTwilio, SID, TOKEN};
use crate::support::{Reply, TestApp, TestPerson};

const HOOK: &str = "http://127.0.0.1:8080/hooks/twilio";
const THEM: &str = "+14155552671";
const US: &str = "+15005550006";
const BSUID: &str = "whatsapp:US.13491208655302741918";

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

/// What Twilio posts for a message, with more fields.
fn form_of(sid: &str, from: &str, text: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let to = if from.starts_with("whatsapp:") { format!("whatsapp:{US}") } else { US.to_owned() };
    let fields = [("MessageSid", sid), ("AccountSid", SID), ("From", from), ("To", to.as_str()), ("Body", text), ("NumMedia", "0"), ("SmsStatus", "received")];
    let mut form: Vec<(String, String)> = fields.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    for (name, value) in more {
        form.retain(|(n, _)| n != name);
        form.push(((*name).to_owned(), (*value).to_owned()));
    }
    form
}

async fn deliver_with(app: &TestApp, sid: &str, from: &str, text: &str, more: &[(&str, &str)]) -> Reply {
    let form = form_of(sid, from, text, more);
    let request = Request::post("/hooks/twilio").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = request.header("x-twilio-signature", sign(TOKEN, HOOK, &form));
    app.send(request.body(Body::from(serde_urlencoded::to_string(&form).expect("a form"))).expect("a request")).await
}

/// Something is said there.
async fn hear(app: &TestApp, sid: &str, from: &str, text: &str) {
    deliver_with(app, sid, from, text, &[]).await.expect(200);
}

async fn count(app: &TestApp, sql: &'static str) -> i64 {
    app.app.db.query(sql).scalar().await.expect("counts")
}

/// The only conversation there is.
async fn only(app: &TestApp) -> String {
    let all: Vec<(String,)> = app.app.db.query("select id from thread order by id").all().await.expect("reads");
    assert_eq!(all.len(), 1);
    all[0].0.clone()
}

/// When the last word there was said that a page shows.
async fn seen(person: &TestPerson<'_>, id: &str) -> String {
    person.get(&format!("/inbox/{id}")).await.expect(200).field("seen").expect("a form")
}

async fn write_back(person: &TestPerson<'_>, id: &str, text: &str) -> Reply {
    let seen = seen(person, id).await;
    person.post(&format!("/inbox/{id}/reply"), &[("text", text), ("seen", &seen)]).await
}

/// Sets all three answers, in the name of a person.
async fn set_answers(person: &TestPerson<'_>) {
    for (kind, text) in [("stop", "You get no more messages."), ("start", "You get messages again."), ("help", "North Clinic. STOP ends messages.")] {
        person.post("/inbox/answers", &[("kind", kind), ("text", text)]).await.expect(303);
    }
}

/// Waits until the fake took so many, and gives what they said.
async fn said(app: &TestApp, twilio: &FakeTwilio, n: usize) -> Vec<String> {
    for _ in 0..1200 {
        if twilio.accepted().len() >= n {
            break;
        }
        app.app.work.notify_one();
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    app.messages_ended().await;
    let all: Vec<String> = twilio.accepted().into_iter().map(|a| a.body).collect();
    assert_eq!(all.len(), n, "{all:?}");
    all
}

#[tokio::test]
async fn a_word_begins_a_conversation_and_a_reply_leaves_by_the_address_it_came_to() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        person.get("/inbox").await.expect(200).says("No conversations");
        hear(app, "SM1", THEM, "Can I come at ten?").await;
        hear(app, "SM1", THEM, "Can I come at ten?").await;
        let id = only(app).await;
        person.get("/inbox").await.expect(200).says("Unread").says(&id).lacks("Can I come");
        person.get(&format!("/inbox/{id}")).await.expect(200).says("Can I come at ten?").says("+1 415-555-2671").says(US);
        write_back(&person, &id, "Yes, at ten.").await.expect(303);
        said(app, twilio, 1).await;
        let first = &twilio.accepted()[0];
        assert_eq!((first.to.as_str(), first.from.as_str(), first.body.as_str()), (THEM, US, "Yes, at ten."));
        person.get(&format!("/inbox/{id}")).await.expect(200).says("Yes, at ten.").says("accepted").says("Read by");
        person.get("/inbox?view=unread").await.expect(200).lacks(&id);
        // Another address of ours is another conversation with the same number.
        deliver_with(app, "SM2", THEM, "And here?", &[("To", "+15005550007")]).await.expect(200);
        assert_eq!(count(app, "select count(*) from thread").await, 2);
        let found = person.get("/inbox?number=%2B1+415+555+2671").await.expect(200).text();
        assert_eq!(found.matches("<a href=\"/inbox/thr_").count(), 2, "{found}");
        let acts = app.db_actions().await;
        assert_eq!(acts.iter().filter(|a| *a == "thread.reply ok").count(), 1, "{acts:?}");
    })
    .await;
}

#[tokio::test]
async fn what_became_of_a_reply_is_looked_for_under_the_address_it_left_by() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        deliver_with(app, "SM1", THEM, "hello", &[("To", "+15005550007")]).await.expect(200);
        let id = only(app).await;
        twilio.does(&[Does::ResetsAfter]);
        write_back(&person, &id, "hello there").await.expect(303);
        said(app, twilio, 1).await;
        assert_eq!(count(app, "select count(*) from message where state = 'unknown'").await, 1);
        let gateways = gateway::set_up(&app.app.db, &app.app.config).expect("gateways");
        let gateways: Vec<&dyn Gateway> = gateways.iter().map(AsRef::as_ref).collect();
        assert_eq!(round(&app.app.db, &app.app.policy, &gateways, &mut Absent::default()).await.expect("a round"), 1);
        assert_eq!(count(app, "select count(*) from message where state = 'accepted'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_stop_is_confirmed_once_and_nothing_follows_it_until_a_start() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        set_answers(&person).await;
        hear(app, "SM1", THEM, "hello").await;
        let id = only(app).await;
        hear(app, "SM2", THEM, "STOP").await;
        assert_eq!(said(app, twilio, 1).await, ["You get no more messages."]);
        // Said again, delivered again, asked who this is: nothing more.
        for (sid, text) in [("SM3", "stop!"), ("SM2", "STOP"), ("SM4", "Unsubscribe"), ("SM5", "help")] {
            hear(app, sid, THEM, text).await;
        }
        said(app, twilio, 1).await;
        person.get(&format!("/inbox/{id}")).await.expect(200).says("Opted out").lacks("Send reply");
        person.post(&format!("/inbox/{id}/reply"), &[("text", "but wait"), ("seen", "0")]).await.expect(422).says("has opted out").says("but wait");
        assert_eq!(count(app, "select count(*) from message").await, 1);
        hear(app, "SM6", THEM, "START").await;
        assert_eq!(said(app, twilio, 2).await[1], "You get messages again.");
        // A second start ends nothing.
        hear(app, "SM7", THEM, "start").await;
        write_back(&person, &id, "welcome back").await.expect(303);
        said(app, twilio, 3).await;
        let stops = count(app, "select count(*) from number_stop").await;
        assert_eq!((stops, count(app, "select count(*) from message where confirms is not null").await), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn who_this_is_is_told_and_two_machines_do_not_keep_each_other_talking() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        // Nobody set anything: a stop is obeyed all the same.
        hear(app, "SM0", "+14155552672", "STOP").await;
        assert_eq!(count(app, "select count(*) from number_stop").await, 1);
        set_answers(&person).await;
        for n in 0..6 {
            hear(app, &format!("SMh{n}"), THEM, "HELP").await;
        }
        assert_eq!(said(app, twilio, 3).await[2], "North Clinic. STOP ends messages.");
        // A robot that stops and starts: the stop counts, the answers have ended.
        for n in 0..3 {
            hear(app, &format!("SMs{n}"), THEM, "STOP").await;
            hear(app, &format!("SMt{n}"), THEM, "START").await;
        }
        said(app, twilio, 3).await;
        assert_eq!(count(app, "select count(*) from number_stop where lifted_at is null").await, 1);
        // Another day, another answer.
        app.clock.advance(25 * HOUR);
        person.open_session().await;
        hear(app, "SMlater", THEM, "help").await;
        said(app, twilio, 4).await;
        let answers = count(app, "select count(*) from message where answers = 'help'").await;
        assert_eq!(answers, 4);
        // An empty text answers nothing.
        person.post("/inbox/answers", &[("kind", "help"), ("text", " ")]).await.expect(303);
        app.clock.advance(25 * HOUR);
        hear(app, "SMlast", THEM, "help").await;
        said(app, twilio, 4).await;
    })
    .await;
}

#[tokio::test]
async fn a_sentence_that_asks_for_no_more_stops_and_is_kept_as_it_was_said() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        set_answers(&person).await;
        hear(app, "SM1", THEM, "Hi. Please stop texting me, thanks").await;
        said(app, twilio, 1).await;
        hear(app, "SM2", "+14155552672", "can you opt me out?").await;
        said(app, twilio, 2).await;
        hear(app, "SM3", "+14155552673", "please don't stop texting me").await;
        assert_eq!(count(app, "select count(*) from number_stop where lifted_at is null").await, 2);
        let stopped = app.app.db.query("select t.id from thread t join number_stop s on s.number_ix = t.number_ix order by t.id").all::<(String,)>().await;
        let id = &stopped.expect("reads")[0].0;
        person.get(&format!("/inbox/{id}")).await.expect(200).says("Please stop texting me, thanks");
        // The gateway's own word: it has answered already.
        deliver_with(app, "SM4", "+14155552674", "arret", &[("OptOutType", "STOP")]).await.expect(200);
        assert_eq!(count(app, "select count(*) from number_stop where lifted_at is null").await, 3);
        said(app, twilio, 2).await;
    })
    .await;
}

#[tokio::test]
async fn on_whatsapp_a_free_text_leaves_within_a_day_of_the_last_word_alone() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        let them = format!("whatsapp:{THEM}");
        hear(app, "SM1", &them, "hello").await;
        let id = only(app).await;
        write_back(&person, &id, "hello there").await.expect(303);
        said(app, twilio, 1).await;
        let first = &twilio.accepted()[0];
        assert_eq!((first.to.as_str(), first.from.as_str()), (them.as_str(), "whatsapp:+15005550006"));
        app.clock.advance(24 * HOUR - 2 * MINUTE);
        person.open_session().await;
        write_back(&person, &id, "still there?").await.expect(303);
        said(app, twilio, 2).await;
        app.clock.advance(2 * MINUTE);
        person.get(&format!("/inbox/{id}")).await.expect(200).says("approved template").lacks("Send reply");
        person.post(&format!("/inbox/{id}/reply"), &[("text", "too late"), ("seen", "0")]).await.expect(422).says("approved template").says("too late");
        hear(app, "SM2", &them, "yes, sorry").await;
        write_back(&person, &id, "good").await.expect(303);
        said(app, twilio, 3).await;
        // A text is not held to it.
        hear(app, "SM3", "+14155552672", "hello").await;
        let sms: (String,) = app.app.db.query("select id from thread where channel = 'sms'").optional().await.expect("reads").expect("one");
        app.clock.advance(48 * HOUR);
        person.open_session().await;
        write_back(&person, &sms.0, "by text").await.expect(303);
        said(app, twilio, 4).await;
    })
    .await;
}

#[tokio::test]
async fn the_day_is_asked_again_at_the_attempt() {
    let app = TestApp::new(&[("sandbox.enabled", "true"), ("sandbox.delay_ms", "0")]).await;
    let person = app.person(&[Role::Messaging]).await;
    let incoming = countersign::messages::inbound::Incoming {
        gateway: "twilio",
        provider_id: "SM1",
        from: "whatsapp:+14155552671",
        to: "whatsapp:+15005550006",
        text: "hello",
        wish: None,
        may_lift: true,
    };
    let policy = &app.app.policy;
    let receive = || policy.permit(&countersign::policy::Actor::system(), &countersign::policy::On::any("inbound")).expect("the program may");
    assert!(countersign::messages::inbound::receive(&app.app.db, receive(), &incoming).await.expect("receives"));
    let id = only(&app).await;
    let thread = countersign::messages::thread::find(&app.app.db, &id.parse().expect("an id")).await.expect("reads").expect("there");
    // Recorded in time, and waiting for a gateway that comes too late.
    let author = person.id.clone().expect("a person");
    let actor = countersign::policy::Actor {
        who: countersign::policy::Who::Person {
            id: author.clone(),
            name: "n".into(),
            auth: countersign::policy::Auth::Token(countersign::core::id::TokenId::new(app.app.db.clock(), app.app.db.rng())),
        },
        roles: vec![Role::Messaging],
        scopes: None,
        fresh: true,
        origin: countersign::policy::Origin::default(),
    };
    let permit = policy.permit::<countersign::inbox::Reply>(&actor, &countersign::policy::On::any("thread")).expect("may");
    let draft = countersign::inbox::Draft { author: &author, text: "hello", gateway: Some("twilio"), seen: thread.newest_at, repeat: None };
    let sent = countersign::inbox::reply(&app.app.db, permit, &thread, draft).await.expect("records").answer;
    app.clock.advance(25 * HOUR);
    let message = countersign::messages::find(&app.app.db, &sent.id).await.expect("reads").expect("there");
    let permit = policy.permit::<countersign::messages::Attempt>(&countersign::policy::Actor::system(), &message).expect("may");
    match countersign::messages::worker::attempt(&app.app.db, permit, &message, &countersign::messages::warden::Nobody).await {
        Ok(verdict) => assert_eq!(verdict, countersign::messages::warden::Verdict::Never("whatsapp_window")),
        // The worker was first: no gateway of this name is set up.
        Err(countersign::messages::Error::State) => {}
        Err(error) => panic!("{error}"),
    }
    app.messages_ended().await;
    app.finish().await;
}

#[tokio::test]
async fn a_name_on_whatsapp_is_an_address_of_its_own() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        set_answers(&person).await;
        hear(app, "SM1", BSUID, "hello").await;
        let id = only(app).await;
        person.get(&format!("/inbox/{id}")).await.expect(200).says(BSUID);
        person.get("/inbox").await.expect(200).lacks("13491208655302741918");
        let query = serde_urlencoded::to_string([("number", BSUID)]).expect("a query");
        person.get(&format!("/inbox?{query}")).await.expect(200).says(&id);
        write_back(&person, &id, "hello there").await.expect(303);
        said(app, twilio, 1).await;
        assert_eq!(twilio.accepted()[0].to, BSUID);
        hear(app, "SM2", BSUID, "stop").await;
        said(app, twilio, 2).await;
        person.post(&format!("/inbox/{id}/reply"), &[("text", "but"), ("seen", "0")]).await.expect(422).says("has opted out");
        person.get("/contacts/stops").await.expect(200).says("whatsapp");
        hear(app, "SM3", BSUID, "start").await;
        said(app, twilio, 3).await;
        assert!(twilio.accepted().iter().all(|a| a.to == BSUID && a.from == "whatsapp:+15005550006"), "{:?}", twilio.accepted());
    })
    .await;
}
