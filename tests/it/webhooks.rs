//! Webhooks out: told in the commit of the act, signed, in order, once taken never again; stopped when they take nothing; and
//! nothing of this house is reached that the settings do not name.

use countersign::core::clock::{DAY, HOUR};
use countersign::policy::Role;

use crate::support::{FakeHooks, HookAnswer, TestApp, TestPerson, check, check_with};

const TO: &str = "+14155552671";
const HOUSE: (&str, &str) = ("webhooks.networks", "127.0.0.0/8");

/// Makes a webhook; its receiver then holds the secret. Gives its page.
async fn made(admin: &TestPerson<'_>, hooks: &FakeHooks, events: &[&str]) -> String {
    let address = hooks.address();
    let mut fields = vec![("name", "Board"), ("url", address.as_str())];
    fields.extend(events.iter().map(|event| ("events", *event)));
    shown(admin.post("/admin/webhooks", &fields).await.expect(200).text().as_str(), hooks)
}

/// Takes the secret from the page that shows it once.
fn shown(page: &str, hooks: &FakeHooks) -> String {
    let secret = page.split("whsec_").nth(1).and_then(|rest| rest.split('<').next()).expect("a secret").replace("&#x2f;", "/");
    hooks.holds(&format!("whsec_{secret}"));
    let id = page.split("/admin/webhooks/whk_").nth(1).or_else(|| page.split("&#x2f;whk_").nth(1)).and_then(|rest| rest.get(..32)).expect("an id");
    format!("/admin/webhooks/whk_{id}")
}

async fn send(person: &TestPerson<'_>, text: &str) -> String {
    let sent = person.post("/messages", &[("to", TO), ("text", text)]).await.expect(303);
    sent.location().trim_start_matches("/messages/").to_owned()
}

async fn count(app: &TestApp, sql: &'static str) -> i64 {
    app.app.db.query(sql).scalar().await.expect("counts")
}

/// Waits until so many are counted.
async fn counted(app: &TestApp, sql: &'static str, wanted: i64) {
    for _ in 0..1200 {
        if count(app, sql).await == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{sql}: {wanted} wanted, {} there", count(app, sql).await);
}

const TOLD: &str = "select count(*) from webhook_delivery where done_at is not null and failed is null";
const FAILED: &str = "select count(*) from webhook_delivery where failed is not null";

#[tokio::test]
async fn what_becomes_of_messages_is_told_signed_without_number_and_text() {
    let hooks = FakeHooks::start().await;
    check_with(&[HOUSE], async |app| {
        let (admin, person) = (app.person(&[Role::Admin]).await, app.person(&[Role::Messaging]).await);
        let page = made(&admin, &hooks, &["message.accepted", "contact.opted_out"]).await;
        let id = send(&person, "Planted text").await;
        counted(app, TOLD, 1).await;
        person.post("/contacts/stops", &[("number", TO), ("kind", "opt_out")]).await.expect(303);
        let hits = hooks.wait_for(2).await;
        assert!(hits.iter().all(|h| h.verified && !h.replayed && h.line == "POST /told"), "{hits:?}");
        let (first, second) = (hits[0].json(), hits[1].json());
        assert_eq!((first["type"].as_str(), first["data"]["message"].as_str()), (Some("message.accepted"), Some(id.as_str())));
        assert_eq!((first["data"]["gateway"].as_str(), first["data"]["state"].as_str()), (Some("sandbox"), Some("accepted")));
        assert_eq!(second["type"].as_str(), Some("contact.opted_out"));
        assert!(hits[0].id.starts_with("evt_") && hits[0].id != hits[1].id);
        for hit in &hits {
            assert!(!hit.body.contains("Planted") && !hit.body.contains("5552671"), "{}", hit.body);
        }
        counted(app, TOLD, 2).await;
        // The entry it tells of is there, and the outbox holds nothing personal.
        let entry = hits[0].id.split('.').next().expect("an entry").to_owned();
        let there: i64 =
            app.app.db.query("select count(*) from audit_event where id = $1 and action = 'message.result'").bind(entry).scalar().await.expect("reads");
        assert_eq!(there, 1);
        admin.get(&page).await.expect(200).says("message.accepted").says("Told");
        // Numbers and texts for whom it was said.
        let whole = FakeHooks::start().await;
        let page = made(&admin, &whole, &["message.accepted", "message.received"]).await;
        // Not by whoever keeps webhooks, but by one who may read them.
        admin.post(&format!("{page}/texts"), &[("version", "1")]).await.expect(403);
        person.post(&format!("{page}/texts"), &[("version", "1")]).await.expect(303);
        let sent = person.post("/messages", &[("to", "+14155552672"), ("text", "Planted again")]).await.expect(303);
        let hits = whole.wait_for(1).await;
        let body = hits[0].json();
        assert_eq!((body["data"]["to"].as_str(), body["data"]["text"].as_str()), (Some("+14155552672"), Some("Planted again")), "{body}");
        assert!(hits[0].verified && sent.location().ends_with(body["data"]["message"].as_str().expect("an id")));
        let kept: Vec<(String,)> = app.app.db.query("select body from webhook_delivery").all().await.expect("reads");
        assert!(kept.iter().all(|(body,)| !body.contains("Planted") && !body.contains("555267")), "{kept:?}");
        counted(app, TOLD, 4).await;
        // Who makes and sees them: administrators, lately.
        app.person(&[Role::Contributor]).await.get("/admin/webhooks").await.expect(403);
        person.post(&format!("{page}/stop"), &[("version", "2")]).await.expect(403);
        app.advance(11 * 60);
        let again = admin.post(&format!("{page}/stop"), &[("version", "2")]).await.expect(303);
        assert!(again.location().starts_with("/fresh?next="), "{}", again.location());
    })
    .await;
}

#[tokio::test]
async fn what_is_not_taken_comes_again_with_its_id_and_what_was_taken_never_does() {
    let hooks = FakeHooks::start().await;
    check_with(&[HOUSE], async |app| {
        let (admin, person) = (app.person(&[Role::Admin]).await, app.person(&[Role::Messaging]).await);
        made(&admin, &hooks, &["message.accepted"]).await;
        hooks.answer(&[HookAnswer::Status(500), HookAnswer::Redirect, HookAnswer::Huge]);
        let first = send(&person, "first").await;
        for n in 1..=2_i64 {
            counted(
                app,
                if n == 1 { "select count(*) from webhook_delivery where attempts = 1" } else { "select count(*) from webhook_delivery where attempts = 2" },
                1,
            )
            .await;
            app.advance(3600);
        }
        counted(app, TOLD, 1).await;
        let hits = hooks.wait_for(3).await;
        assert!(hits.iter().all(|h| h.verified && h.id == hits[0].id && h.body == hits[0].body && h.line == "POST /told"), "{hits:?}");
        assert_eq!(hits[0].json()["data"]["message"].as_str(), Some(first.as_str()));
        assert!(hooks.wait_for_swallowed().await < 64 * 1024 * 1024);
        admin.open_session().await;
        person.open_session().await;
        send(&person, "second").await;
        counted(app, TOLD, 2).await;
        let hits = hooks.hits();
        assert!(hits.len() == 4 && hits[3].verified && hits[3].id != hits[0].id, "{hits:?}");
    })
    .await;
}

#[tokio::test]
async fn a_webhook_that_takes_nothing_for_days_is_stopped_and_its_maker_is_told() {
    let hooks = FakeHooks::start().await;
    check_with(&[HOUSE], async |app| {
        let (admin, person) = (app.person(&[Role::Admin]).await, app.person(&[Role::Messaging]).await);
        let page = made(&admin, &hooks, &["message.accepted"]).await;
        hooks.answer(&[HookAnswer::Status(500); 10]);
        send(&person, "hello").await;
        for n in 1..=10 {
            hooks.wait_for(n).await;
            if n < 10 {
                let tries = i64::try_from(n).expect("a count");
                for _ in 0..1200 {
                    if count(app, "select attempts from webhook_delivery").await == tries {
                        break;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(25)).await;
                }
                app.clock.advance(DAY + HOUR);
            }
        }
        counted(app, "select count(*) from webhook where stopped_at is not null", 1).await;
        counted(app, "select count(*) from notice where template = 'webhook_stopped'", 1).await;
        assert!(app.db_actions().await.iter().any(|a| a == "webhook.give_up ok"));
        admin.open_session().await;
        person.open_session().await;
        admin.get(&page).await.expect(200).says("server_error").says("Given up");
        // What happens while it rests it never hears.
        send(&person, "unheard").await;
        app.messages_ended().await;
        admin.post(&format!("{page}/start"), &[("version", "2")]).await.expect(303);
        send(&person, "heard").await;
        counted(app, TOLD, 1).await;
        assert_eq!(hooks.hits().len(), 11);
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_says_gone_is_stopped_at_once() {
    let hooks = FakeHooks::start().await;
    check_with(&[HOUSE], async |app| {
        let (admin, person) = (app.person(&[Role::Admin]).await, app.person(&[Role::Messaging]).await);
        made(&admin, &hooks, &["message.accepted"]).await;
        hooks.answer(&[HookAnswer::Status(410)]);
        send(&person, "hello").await;
        counted(app, "select count(*) from webhook where stopped_why = 'gone'", 1).await;
    })
    .await;
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_for_a_day() {
    let hooks = FakeHooks::start().await;
    check_with(&[HOUSE], async |app| {
        let (admin, person) = (app.person(&[Role::Admin]).await, app.person(&[Role::Messaging]).await);
        let page = made(&admin, &hooks, &["message.accepted"]).await;
        admin.post(&format!("{page}/rotate"), &[("version", "7")]).await.expect(409);
        let next = FakeHooks::start().await;
        let rotated = admin.post(&format!("{page}/rotate"), &[("version", "1")]).await.expect(200).text();
        // The receiver still holds the old one.
        send(&person, "old").await;
        assert!(hooks.wait_for(1).await[0].verified);
        counted(app, TOLD, 1).await;
        shown(&rotated, &next);
        shown(&rotated, &hooks);
        send(&person, "new").await;
        assert!(hooks.wait_for(2).await[1].verified);
        counted(app, TOLD, 2).await;
        let secret = rotated.split("whsec_").nth(1).and_then(|rest| rest.split('<').next()).expect("a secret");
        admin.get(&page).await.expect(200).lacks(secret);
    })
    .await;
}

#[tokio::test]
async fn nothing_of_this_house_is_reached_unless_the_settings_name_it() {
    let hooks = FakeHooks::start().await;
    check(async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let address = hooks.address();
        let port = address.rsplit(':').next().expect("a port").to_owned();
        for bad in [
            address.as_str(),
            &format!("https://127.0.0.1:{port}"),
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/x",
            "https://0x7f.1/x",
            "https://10.0.0.1/x",
            "http://hooks.example.org/x",
            "https://u:p@hooks.example.org/x",
            "file:///etc/passwd",
            "",
        ] {
            let fields = [("name", "Board"), ("url", bad), ("events", "message.accepted")];
            admin.post("/admin/webhooks", &fields).await.expect(422).says("outside of this house");
        }
        let none = [("name", "Board"), ("url", "https://hooks.example.org/x")];
        admin.post("/admin/webhooks", &none).await.expect(422).says("at least one event");
        let odd = [("name", " "), ("url", "https://hooks.example.org/x"), ("events", "message.accepted"), ("events", "nonsense")];
        admin.post("/admin/webhooks", &odd).await.expect(422).says("at least one event").says("Give a name");
        assert_eq!(count(app, "select count(*) from webhook").await, 0);
        // A name that leads into the house is taken at first, and leads nowhere.
        let person = app.person(&[Role::Messaging]).await;
        let inside = format!("https://localhost:{port}");
        admin.post("/admin/webhooks", &[("name", "Board"), ("url", &inside), ("events", "message.accepted")]).await.expect(200);
        send(&person, "hello").await;
        counted(app, FAILED, 1).await;
        assert!(hooks.hits().is_empty());
    })
    .await;
}
