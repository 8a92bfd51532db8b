//! Campaigns: written by one, approved by another, sent as approved, within hours, once; and what each end is told.

mod killed;
mod written;

use countersign::campaigns::engine::{Allowances, round};
use countersign::core::clock::{Clock, HOUR};
use countersign::policy::Role;

use crate::support::app::{NOON, on_postgres};
use crate::support::twilio::{Does, FakeTwilio};
use crate::support::{Reply, TestApp, TestPerson, check, check_with};

/// Numbers of nobody.
fn number(n: usize) -> String {
    format!("+1415555{:04}", 2000 + n)
}

/// Makes a list with contacts in a zone.
pub async fn list(person: &TestPerson<'_>, name: &str, zone: &str, from: usize, n: usize) -> String {
    let made = person.post("/contacts/lists", &[("name", name)]).await.expect(303);
    let list = made.location().trim_start_matches("/contacts?list=").to_owned();
    for n in from..from + n {
        let fields = [
            ("number", number(n)),
            ("name", format!("Anna{n} Keller")),
            ("zone", zone.into()),
            ("postal", String::new()),
            ("tags", String::new()),
            ("fields", "Clinic: North".into()),
        ];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let page = person.post("/contacts/new", &fields).await.expect(303).location().to_owned();
        person.post(&format!("{page}/lists"), &[("list", &list)]).await.expect(303);
    }
    list
}

pub async fn text(person: &TestPerson<'_>, name: &str, text: &str) -> String {
    let made = person.post("/campaigns/templates", &[("name", name), ("text", text)]).await.expect(303);
    made.location().trim_start_matches("/campaigns/templates/").to_owned()
}

/// The fields of the form.
fn form<'a>(template: &'a str, lists: &[&'a str], gateway: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![("name", "Spring"), ("template", template), ("gateway", gateway), ("scheduled_at", ""), ("per_minute", "60000"), ("version", "0")];
    fields.extend(lists.iter().map(|list| ("lists", *list)));
    fields
}

pub async fn draft(person: &TestPerson<'_>, template: &str, lists: &[&str], gateway: &str) -> String {
    person.post("/campaigns/new", &form(template, lists, gateway)).await.expect(303).location().to_owned()
}

async fn state(app: &TestApp, page: &str) -> String {
    let id = page.trim_start_matches("/campaigns/");
    app.app.db.query("select state from campaign where id = $1").bind(id).scalar().await.expect("reads")
}

/// Waits until a campaign stands there; the clock stands unless it is moved.
async fn until(app: &TestApp, page: &str, wanted: &str) {
    for _ in 0..1200 {
        if state(app, page).await == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{page} should be {wanted} and is {}", state(app, page).await);
}

/// The same while time passes.
async fn until_later(app: &TestApp, page: &str, wanted: &str) {
    for _ in 0..1200 {
        if state(app, page).await == wanted {
            return;
        }
        app.advance(1);
        app.app.work.notify_one();
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{page} should be {wanted} and is {}", state(app, page).await);
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

pub async fn reviewed(app: &TestApp, author: &TestPerson<'_>, page: &str) {
    author.post(&format!("{page}/submit"), &[]).await.expect(303);
    until(app, page, "review").await;
}

async fn approve(app: &TestApp, person: &TestPerson<'_>, page: &str) -> Reply {
    let hash: Option<String> =
        app.app.db.query("select hash from campaign where id = $1").bind(page.trim_start_matches("/campaigns/")).scalar().await.expect("reads");
    person.post(&format!("{page}/approve"), &[("hash", hash.as_deref().unwrap_or_default())]).await
}

const ACCEPTED: &str = "select count(*) from message where state = 'accepted' and campaign_id is not null";
const MESSAGES: &str = "select count(*) from message where campaign_id is not null";

#[tokio::test]
async fn a_campaign_goes_from_a_draft_to_its_certificate() {
    check(async |app| {
        let (author, other) = (app.person(&[Role::Messaging]).await, app.person(&[Role::Compliance]).await);
        let list = list(&author, "Spring", "Europe/London", 0, 5).await;
        // Two of them will get nothing: one opted out, one has no such field.
        author.post("/contacts/stops", &[("number", &number(0)), ("kind", "opt_out")]).await.expect(303);
        let fields = [("number", "+14155552900"), ("name", "Bo"), ("zone", "Europe/London"), ("postal", ""), ("tags", ""), ("fields", "")];
        let bare = author.post("/contacts/new", &fields).await.expect(303).location().to_owned();
        author.post(&format!("{bare}/lists"), &[("list", &list)]).await.expect(303);
        let template = text(&author, "Reminder", "Hello {first_name}, come to {clinic}.").await;
        let page = draft(&author, &template, &[&list], "sandbox").await;
        reviewed(app, &author, &page).await;
        let shown = other.get(&page).await.expect(200).text();
        for said in ["the number has opted out or is blocked: 1", "no value for a name in the text: 1", "come to North", "in review"] {
            assert!(shown.contains(said), "{said}: {shown}");
        }
        assert!(!shown.contains("4155552"), "numbers are masked");
        // Whoever wrote it does not approve it, by whatever way.
        let hash = shown.split("class=\"hash\">").nth(1).and_then(|t| t.split('<').next()).expect("a hash").to_owned();
        author.post(&format!("{page}/approve"), &[("hash", &hash)]).await.expect(403);
        other.get(&format!("{page}/approve")).await.expect(200).says(&hash);
        other.post(&format!("{page}/approve"), &[("hash", &hash)]).await.expect(303);
        assert_eq!(state(app, &page).await, "approved");
        author.post(&format!("{page}/begin"), &[]).await.expect(303);
        until(app, &page, "done").await;
        assert_eq!((count(app, ACCEPTED).await, count(app, MESSAGES).await), (4, 4));
        let token = author.token(&[Role::Messaging], &["campaign.list", "campaign.pause"]).await;
        let told = token.get(&format!("/api/v1{page}")).await.expect(200).json();
        assert_eq!((told["state"].as_str(), told["counts"]["accepted"].as_i64(), told["counts"]["refused"].as_i64()), (Some("done"), Some(4), Some(2)));
        token.post(&format!("/api/v1{page}/pause"), &serde_json::json!({})).await.expect(409);
        token.post(&format!("/api/v1{page}/cancel"), &serde_json::json!({})).await.expect(403);
        let certificate = other.get(&format!("{page}/certificate")).await.expect(200).text();
        assert!(certificate.contains(&hash) && certificate.contains("of 6 numbers on the lists"), "{certificate}");
        let csv = other.post(&format!("{page}/export"), &[]).await.expect(200).text();
        assert_eq!((csv.lines().count(), csv.matches("\"accepted\"").count(), csv.matches("\"refused\"").count()), (7, 4, 2), "{csv}");
        assert!(!csv.contains("4155552"), "{csv}");
        author.get(&format!("{page}/recipients")).await.expect(200).says("/messages/msg_");
        let acts = app.db_actions().await;
        for act in [
            "campaign.create ok",
            "campaign.submit ok",
            "campaign.gather ok",
            "campaign.approve denied",
            "campaign.approve ok",
            "campaign.begin ok",
            "campaign.finish ok",
            "campaign.export ok",
        ] {
            assert!(acts.iter().any(|a| a == act), "{act}: {acts:?}");
        }
        assert_eq!(acts.iter().filter(|a| *a == "campaign.send ok").count(), 4);
    })
    .await;
}

#[tokio::test]
async fn whatever_is_changed_voids_the_approval() {
    check(async |app| {
        let (author, other) = (app.person(&[Role::Messaging]).await, app.person(&[Role::Messaging]).await);
        let list = list(&author, "Spring", "Europe/London", 0, 1).await;
        let template = text(&author, "Reminder", "Hello.").await;
        let page = draft(&author, &template, &[&list], "sandbox").await;
        author.post(&format!("{page}/begin"), &[]).await.expect(409);
        reviewed(app, &author, &page).await;
        // Not what was shown.
        other.post(&format!("{page}/approve"), &[("hash", &"0".repeat(64))]).await.expect(409);
        approve(app, &other, &page).await.expect(303);
        let version = count(app, "select version from campaign").await.to_string();
        let mut fields = form(&template, &[&list], "sandbox");
        fields.retain(|(name, _)| *name != "version");
        fields.push(("version", &version));
        author.post(&format!("{page}/edit"), &fields).await.expect(303);
        assert_eq!(state(app, &page).await, "draft");
        author.post(&format!("{page}/begin"), &[]).await.expect(409);
        // Made from a page that is not what lies there any more.
        other.post(&format!("{page}/edit"), &fields).await.expect(409);
        // Whoever changed it last does not approve it, though another began it.
        let version = count(app, "select version from campaign").await.to_string();
        fields.pop();
        fields.push(("version", &version));
        other.post(&format!("{page}/edit"), &fields).await.expect(303);
        reviewed(app, &other, &page).await;
        approve(app, &other, &page).await.expect(403);
        approve(app, &author, &page).await.expect(303);
        // A next version of the template is not what was approved: the campaign keeps its own.
        author.post(&format!("/campaigns/templates/{template}"), &[("text", "Something else."), ("version", "1")]).await.expect(303);
        author.post(&format!("{page}/begin"), &[]).await.expect(303);
        until(app, &page, "done").await;
        author.get("/messages/sandbox").await.expect(200).says("Hello.").lacks("Something else");
        assert_eq!(count(app, MESSAGES).await, 1);
    })
    .await;
}

#[tokio::test]
async fn quiet_hours_hold_back_a_zone_and_a_stop_in_the_middle_stops() {
    check(async |app| {
        let (author, other) = (app.person(&[Role::Messaging]).await, app.person(&[Role::Messaging]).await);
        // At noon in London it is seven in New York.
        let london = list(&author, "London", "Europe/London", 0, 3).await;
        let boston = list(&author, "Boston", "America/New_York", 10, 3).await;
        let template = text(&author, "Reminder", "Hello {name}").await;
        let page = draft(&author, &template, &[&london, &boston], "sandbox").await;
        reviewed(app, &author, &page).await;
        approve(app, &other, &page).await.expect(303);
        author.post(&format!("{page}/begin"), &[]).await.expect(303);
        counted(app, ACCEPTED, 3).await;
        round(&app.app, &mut Allowances::default()).await.expect("a round");
        assert_eq!((state(app, &page).await.as_str(), count(app, MESSAGES).await), ("running", 3), "three wait for their morning");
        author.post("/contacts/stops", &[("number", &number(11)), ("kind", "opt_out")]).await.expect(303);
        app.advance(3600);
        until(app, &page, "done").await;
        assert_eq!((count(app, ACCEPTED).await, count(app, MESSAGES).await), (5, 5));
        assert_eq!(count(app, "select count(*) from campaign_recipient where state = 'refused' and reason = 'number_stopped'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_campaign_rests_goes_on_and_is_cancelled() {
    check_with(&[("sandbox.delay_ms", "1")], async |app| {
        let (author, other) = (app.person(&[Role::Messaging]).await, app.person(&[Role::Messaging]).await);
        let london = list(&author, "London", "Europe/London", 0, 3).await;
        let boston = list(&author, "Boston", "America/New_York", 10, 2).await;
        let template = text(&author, "Reminder", "Hello {name}").await;
        let page = draft(&author, &template, &[&london, &boston], "sandbox").await;
        reviewed(app, &author, &page).await;
        approve(app, &other, &page).await.expect(303);
        author.post(&format!("{page}/begin"), &[]).await.expect(303);
        author.post(&format!("{page}/pause"), &[]).await.expect(303);
        author.post(&format!("{page}/pause"), &[]).await.expect(409);
        app.advance(3600);
        round(&app.app, &mut Allowances::default()).await.expect("a round");
        let resting = count(app, MESSAGES).await;
        assert!(resting <= 3, "{resting}");
        author.open_session().await;
        author.post(&format!("{page}/resume"), &[]).await.expect(303);
        until_later(app, &page, "done").await;
        assert_eq!(count(app, ACCEPTED).await, 5);
        author.post(&format!("{page}/cancel"), &[]).await.expect(409);
        // Another, cancelled while a zone still sleeps.
        app.clock.advance(14 * HOUR);
        author.open_session().await;
        other.open_session().await;
        let page = draft(&author, &template, &[&boston], "sandbox").await;
        reviewed(app, &author, &page).await;
        approve(app, &other, &page).await.expect(303);
        author.post(&format!("{page}/begin"), &[]).await.expect(303);
        author.post(&format!("{page}/cancel"), &[]).await.expect(303);
        assert_eq!(state(app, &page).await, "cancelled");
        app.clock.advance(12 * HOUR);
        round(&app.app, &mut Allowances::default()).await.expect("a round");
        assert_eq!(count(app, MESSAGES).await, 5);
        other.open_session().await;
        other.get(&format!("{page}/certificate")).await.expect(200).says("waiting");
    })
    .await;
}

#[tokio::test]
async fn consent_is_asked_for_and_its_withdrawal_counts_up_to_the_last_moment() {
    check(async |app| {
        let (author, other) = (app.person(&[Role::Messaging]).await, app.person(&[Role::Messaging]).await);
        let list = list(&author, "Boston", "America/New_York", 0, 3).await;
        let pages: Vec<(String,)> = app.app.db.query("select id from contact order by id").all().await.expect("reads");
        let say = async |n: usize, kind: &str| {
            let fields = [("kind", kind), ("source", "paper"), ("wording", "I agree"), ("given", "2026-01-10"), ("evidence", "")];
            author.post(&format!("/contacts/{}/consents", pages[n].0), &fields).await.expect(303);
        };
        say(0, "given").await;
        say(1, "given").await;
        let template = text(&author, "Reminder", "Hello {name}").await;
        let mut fields = form(&template, &[&list], "sandbox");
        fields.push(("needs_consent", "1"));
        let page = author.post("/campaigns/new", &fields).await.expect(303).location().to_owned();
        reviewed(app, &author, &page).await;
        author.get(&page).await.expect(200).says("there is no consent: 1");
        approve(app, &other, &page).await.expect(303);
        author.post(&format!("{page}/begin"), &[]).await.expect(303);
        app.clock.advance(1);
        say(1, "withdrawn").await;
        app.advance(3600);
        until(app, &page, "done").await;
        assert_eq!(count(app, ACCEPTED).await, 1);
        assert_eq!(count(app, "select count(*) from campaign_recipient where reason = 'consent_withdrawn'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn too_much_that_goes_wrong_pauses_a_campaign_by_itself() {
    let twilio = FakeTwilio::start(Clock::fixed(NOON)).await;
    let flags = twilio.flags();
    let flags: Vec<(&str, &str)> = flags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let app = TestApp::new(&flags).await;
    let (author, other) = (app.person(&[Role::Messaging]).await, app.person(&[Role::Messaging]).await);
    let list = list(&author, "Pune", "Asia/Kolkata", 0, 40).await;
    let template = text(&author, "Reminder", "Hello {name}").await;
    let mut fields = form(&template, &[&list], "twilio");
    fields.retain(|(name, _)| *name != "per_minute");
    // Twenty-four in a second: the rest waits for the clock.
    fields.push(("per_minute", "1440"));
    let page = author.post("/campaigns/new", &fields).await.expect(303).location().to_owned();
    reviewed(&app, &author, &page).await;
    approve(&app, &other, &page).await.expect(303);
    twilio.does(&[Does::Refuses(400, 30007); 24]);
    author.post(&format!("{page}/begin"), &[]).await.expect(303);
    until(&app, &page, "paused").await;
    assert!(count(&app, MESSAGES).await <= 24);
    author.get(&page).await.expect(200).says("Too much went wrong");
    assert_eq!(twilio.accepted().len(), 0);
    // What is wrong was put right: the rest goes out, and each number got it once.
    app.advance(1);
    author.post(&format!("{page}/resume"), &[]).await.expect(303);
    until_later(&app, &page, "done").await;
    let numbers: std::collections::HashSet<String> = twilio.accepted().into_iter().map(|a| a.to).collect();
    assert_eq!((numbers.len(), twilio.accepted().len()), (16, 16));
    // It is half past five there: Twilio lets a text die before nine.
    assert!(twilio.accepted().iter().all(|a| (12_000..=12_570).contains(&a.validity)), "{:?}", twilio.accepted());
    app.finish().await;
}

#[tokio::test]
async fn a_template_that_cannot_be_filled_is_refused_with_its_reason() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        for (text, said) in
            [("Hello {name", "A brace is opened"), ("Hello {}", "This cannot be a name"), (" ", "Enter a text"), (&"{a}".repeat(21), "too many names")]
        {
            person.post("/campaigns/templates", &[("name", "T"), ("text", text)]).await.expect(422).says(said);
        }
        text(&person, "T", "Hello {{ {name}").await;
        person.post("/campaigns/templates", &[("name", "t"), ("text", "x")]).await.expect(422).says("There is a template with this name");
        let page = person
            .post("/campaigns/new", &[("name", ""), ("template", "x"), ("gateway", "none"), ("scheduled_at", "2020-01-01T00:00"), ("per_minute", "0")])
            .await
            .expect(422)
            .text();
        for said in ["Enter a name", "Choose a template", "Choose at least one list", "Choose a gateway", "still to come", "whole number"] {
            assert!(page.contains(said), "{said}");
        }
        app.person(&[Role::Admin]).await.get("/campaigns").await.expect(403);
    })
    .await;
}

#[tokio::test]
async fn two_nodes_share_a_campaign_and_meet_nobody_twice() {
    if !on_postgres() {
        println!("skipped: an embedded database has one node");
        return;
    }
    let twilio = FakeTwilio::start(Clock::fixed(NOON)).await;
    let flags = twilio.flags();
    let flags: Vec<(&str, &str)> = flags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let one = TestApp::new(&flags).await;
    let mut node = one.node().await;
    let (author, other) = (one.person(&[Role::Messaging]).await, one.person(&[Role::Messaging]).await);
    let list = list(&author, "London", "Europe/London", 0, 60).await;
    let template = text(&author, "Reminder", "Hello {name}").await;
    let page = draft(&author, &template, &[&list], "twilio").await;
    reviewed(&one, &author, &page).await;
    approve(&one, &other, &page).await.expect(303);
    author.post(&format!("{page}/begin"), &[]).await.expect(303);
    until(&one, &page, "done").await;
    let numbers: std::collections::HashSet<String> = twilio.accepted().into_iter().map(|a| a.to).collect();
    assert_eq!((numbers.len(), twilio.accepted().len()), (60, 60));
    node.installation.take().expect("open").close().await;
    one.finish().await;
}
