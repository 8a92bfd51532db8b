//! Contacts: made, found, changed and merged; lists, consents and stops; what the trail and a copied database show of them.

use axum::body::Body;
use axum::http::{Request, header};
use countersign::policy::Role;
use serde_json::{Value, json};

use crate::support::{TestApp, TestPerson, check};

const TO: &str = "+14155552671";
const SCOPES: [&str; 8] = ["contact.list", "contact.create", "contact.edit", "list.create", "list.add", "number.stop", "message.send", "message.list"];

/// The body a program would send to a route of contacts; `n` makes what must be unique so.
pub fn body(path: &str, n: u8) -> Value {
    match path {
        "/api/v1/contacts" => json!({ "number": format!("+1415555{:04}", 2000 + u16::from(n)), "about": { "name": "Ada" } }),
        "/api/v1/contact-lists" => json!({ "name": format!("list {n}") }),
        "/api/v1/stops" => json!({ "number": "+14155552699", "kind": "block" }),
        _ => json!({}),
    }
}

const CARD: [(&str, &str); 5] =
    [("name", "Anna Keller"), ("zone", "America/New_York"), ("postal", "02139"), ("tags", "vip, spring"), ("fields", "Colour: =blue")];

/// Makes a contact by the form and gives its page.
async fn made(person: &TestPerson<'_>, number: &str, card: &[(&str, &str)]) -> String {
    let fields = [&[("number", number)], card].concat();
    let reply = person.post("/contacts/new", &fields).await.expect(303);
    let page = reply.location().to_owned();
    assert!(page.starts_with("/contacts/con_"), "{page}");
    page
}

async fn list(person: &TestPerson<'_>, name: &str) -> String {
    let reply = person.post("/contacts/lists", &[("name", name)]).await.expect(303);
    reply.location().trim_start_matches("/contacts?list=").to_owned()
}

#[tokio::test]
async fn a_contact_is_made_found_and_changed() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let page = made(&person, "(415) 555-2671", &CARD).await;
        let shown = person.get(&page).await.expect(200).text();
        for text in ["+1 415-555-2671", "Anna Keller", "America/New_York", "02139", "spring, vip", "=blue", "Make a contact"] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        for query in ["", "?q=415-555-2671", "?q=anna+KELLER", "?tag=vip"] {
            person.get(&format!("/contacts{query}")).await.expect(200).says("+1 415-555-2671");
        }
        for query in ["?q=anna", "?q=415-555-2672", "?tag=none", "?list=nonsense"] {
            person.get(&format!("/contacts{query}")).await.expect(200).lacks("+1 415-555-2671");
        }
        // The same number, written otherwise, is the same contact.
        let again = person.post("/contacts/new", &[&[("number", TO)], &CARD[..]].concat()).await.expect(303);
        assert_eq!(again.location(), page);
        let edit = format!("{page}/edit");
        person.get(&edit).await.expect(200).says("Colour: =blue");
        let changed = [("version", "1"), ("name", "Anna Bell"), ("zone", ""), ("postal", ""), ("tags", "late"), ("fields", "")];
        person.post(&edit, &changed).await.expect(303);
        person.get(&page).await.expect(200).says("Anna Bell").lacks("Keller");
        person.get("/contacts?tag=vip").await.expect(200).lacks("+1 415");
        person.get("/contacts?q=Anna+Bell").await.expect(200).says("+1 415");
        // Who comes second with the old version hears so, and keeps what was typed.
        let second = [("version", "1"), ("name", "Anna Third"), ("zone", ""), ("postal", ""), ("tags", ""), ("fields", "")];
        person.post(&edit, &second).await.expect(422).says("Somebody else changed").says("Anna Third");
        let acts = app.db_actions().await;
        assert!(["contact.create ok", "contact.edit ok"].iter().all(|a| acts.iter().any(|b| a == b)), "{acts:?}");
    })
    .await;
}

#[tokio::test]
async fn each_wrong_field_of_a_contact_comes_back_with_its_sentence() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let bad = [("number", "1.41555E+10"), ("name", "a\u{202E}b"), ("zone", "Mars/X"), ("postal", "123456789012345678901"), ("tags", ""), ("fields", "")];
        let shown = person.post("/contacts/new", &bad).await.expect(422).text();
        for text in ["A spreadsheet has turned", "at most 200 characters", "Name a time zone", "at most 20 characters", "Mars/X"] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        person.get("/contacts/con_0192f0c1a2b37c4d8e5f60718293a4b5").await.expect(404);
        person.get("/contacts?after=x").await.expect(422);
        let other = app.person(&[Role::Compliance]).await;
        other.get("/contacts").await.expect(403);
        other.get("/contacts/con_0192f0c1a2b37c4d8e5f60718293a4b5").await.expect(403);
    })
    .await;
}

#[tokio::test]
async fn a_contact_is_on_many_lists_and_comes_off_them() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let page = made(&person, TO, &CARD).await;
        let (spring, autumn) = (list(&person, "Spring").await, list(&person, "Autumn").await);
        person.post("/contacts/lists", &[("name", "SPRING")]).await.expect(422).says("There is a list of this name already");
        person.post("/contacts/lists", &[("name", " ")]).await.expect(422);
        for id in [&spring, &autumn, &spring] {
            person.post(&format!("{page}/lists"), &[("list", id)]).await.expect(303);
        }
        person.get(&page).await.expect(200).says("Spring").says("Autumn");
        person.get(&format!("/contacts?list={spring}&tag=vip")).await.expect(200).says("+1 415");
        person.get(&format!("/contacts?list={spring}&tag=none")).await.expect(200).lacks("+1 415");
        person.post(&format!("{page}/lists/remove"), &[("list", &spring)]).await.expect(303);
        person.get(&format!("/contacts?list={spring}")).await.expect(200).lacks("+1 415");
        person.post(&format!("{page}/lists/remove"), &[("list", &spring)]).await.expect(409);
        person.post(&format!("{page}/lists"), &[("list", &spring)]).await.expect(303);
        person.get(&format!("/contacts?list={spring}")).await.expect(200).says("+1 415");
        person.post(&format!("{page}/lists"), &[("list", "lst_0192f0c1a2b37c4d8e5f60718293a4b5")]).await.expect(422);
    })
    .await;
}

#[tokio::test]
async fn a_consent_is_recorded_with_its_wording_and_is_never_changed() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let page = made(&person, TO, &CARD).await;
        let hash = "ab".repeat(32);
        let consent = [("kind", "given"), ("source", "paper"), ("wording", "I agree to texts"), ("given", "2026-01-10"), ("evidence", hash.as_str())];
        person.post(&format!("{page}/consents"), &consent).await.expect(303);
        let withdrawn = [("kind", "withdrawn"), ("source", "spoken"), ("wording", "no more"), ("given", "2026-01-14")];
        person.post(&format!("{page}/consents"), &withdrawn).await.expect(303);
        person.get(&page).await.expect(200).says("I agree to texts").says("on paper").says(&hash).says("Consent withdrawn");
        for (field, value) in [("kind", "maybe"), ("source", "dream"), ("wording", " "), ("given", "2026-02-30"), ("given", "2027-01-01"), ("evidence", "xyz")]
        {
            let mut bad = consent.to_vec();
            bad.iter_mut().filter(|(name, _)| *name == field).for_each(|(_, v)| *v = value);
            person
                .post(&format!("{page}/consents"), &bad)
                .await
                .expect(422)
                .says("I agree to texts".get(..if field == "wording" { 0 } else { 16 }).unwrap_or_default());
        }
        let db = &app.app.db;
        let count: i64 = db.query("select count(*) from consent").scalar().await.expect("counts");
        assert_eq!(count, 2);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_sent_to_a_stopped_number_whatever_becomes_of_its_contact() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let page = made(&person, TO, &CARD).await;
        person.post(&format!("{page}/stop"), &[("kind", "opt_out"), ("reason", "asked by telephone")]).await.expect(303);
        person.post(&format!("{page}/stop"), &[("kind", "opt_out")]).await.expect(303);
        person.get(&page).await.expect(200).says("Opted out");
        person.get("/contacts").await.expect(200).says("Opted out");
        let form = person.post("/messages", &[("to", TO), ("text", "hello")]).await.expect(422).text();
        assert!(form.contains("has opted out or is blocked") && form.contains("hello"), "{form}");
        let token = person.token(&[Role::Messaging], &SCOPES).await;
        let refused = token.post("/api/v1/messages", &json!({ "to": TO, "text": "hello" })).await.expect(409).json();
        assert_eq!(refused["code"], "number_stopped");
        // A number that is no contact can be stopped too, and stays so when it becomes one.
        person.post("/contacts/stops", &[("number", "+14155552672"), ("kind", "block"), ("reason", "")]).await.expect(303);
        let other = made(&person, "+14155552672", &CARD).await;
        person.get(&other).await.expect(200).says("Blocked");
        token.post("/api/v1/messages", &json!({ "to": "+14155552672", "text": "hello" })).await.expect(409);
        let stops = person.get("/contacts/stops").await.expect(200).text();
        assert!(stops.contains("+1 415-555-2671") && stops.contains("+1 415-555-2672"), "{stops}");
        assert_eq!(app.db_actions().await.iter().filter(|a| *a == "number.stop ok").count(), 2);
        // Lifting needs a reason; then messages go out again.
        let lift = stops.split("/contacts/stops/").find_map(|s| s.split("/lift").next().filter(|id| id.starts_with("stp_"))).expect("a link").to_owned();
        person.get(&format!("/contacts/stops/{lift}/lift")).await.expect(200).says("+1 415-555-2672");
        person.post(&format!("/contacts/stops/{lift}/lift"), &[("reason", " ")]).await.expect(422);
        person.post(&format!("/contacts/stops/{lift}/lift"), &[("reason", "a mistake")]).await.expect(303);
        person.post(&format!("/contacts/stops/{lift}/lift"), &[("reason", "a mistake")]).await.expect(409);
        token.post("/api/v1/messages", &json!({ "to": "+14155552672", "text": "hello" })).await.expect(202);
        token.post("/api/v1/messages", &json!({ "to": TO, "text": "hello" })).await.expect(409);
    })
    .await;
}

#[tokio::test]
async fn lifting_a_stop_asks_for_password_and_code_again() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        person.post("/contacts/stops", &[("number", TO), ("kind", "opt_out")]).await.expect(303);
        let stops = person.get("/contacts/stops").await.expect(200).text();
        let lift = stops.split("/contacts/stops/").find_map(|s| s.split("/lift").next().filter(|id| id.starts_with("stp_"))).expect("a link").to_owned();
        app.advance(11 * 60);
        let reply = person.get(&format!("/contacts/stops/{lift}/lift")).await.expect(303);
        assert!(reply.location().starts_with("/fresh"), "{}", reply.location());
    })
    .await;
}

#[tokio::test]
async fn merging_unites_what_is_known_and_leaves_stops_where_they_are() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let keeper = made(&person, TO, &[("name", "Anna"), ("zone", ""), ("postal", ""), ("tags", "a"), ("fields", "")]).await;
        let gone = made(&person, "+14155552672", &CARD).await;
        let spring = list(&person, "Spring").await;
        person.post(&format!("{gone}/lists"), &[("list", &spring)]).await.expect(303);
        person.post(&format!("{gone}/stop"), &[("kind", "opt_out")]).await.expect(303);
        person.post(&format!("{keeper}/merge"), &[("other", "12")]).await.expect(422);
        person.post(&format!("{keeper}/merge"), &[("other", "+14155552679")]).await.expect(422).says("no other contact");
        person.post(&format!("{keeper}/merge"), &[("other", TO)]).await.expect(422);
        person.post(&format!("{keeper}/merge"), &[("other", "+14155552672")]).await.expect(303);
        let shown = person.get(&keeper).await.expect(200).text();
        for text in ["<p>Anna</p>", "America/New_York", "02139", "a, spring, vip", "Spring"] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        assert!(!shown.contains("Opted out</strong>"), "{shown}");
        person.get(&gone).await.expect(200).says("was merged into another");
        person.get("/contacts").await.expect(200).lacks("555-2672");
        person.get(&format!("/contacts?list={spring}")).await.expect(200).says("555-2671").lacks("555-2672");
        person.post(&format!("{keeper}/merge"), &[("other", "+14155552672")]).await.expect(422);
        person.post(&format!("{gone}/merge"), &[("other", TO)]).await.expect(409);
        person.post("/messages", &[("to", "+14155552672"), ("text", "hello")]).await.expect(422);
    })
    .await;
}

#[tokio::test]
async fn an_export_holds_no_formula_and_keeps_numbers_whole() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        made(&person, TO, &[("name", "=HYPERLINK(1)"), ("zone", ""), ("postal", "02139"), ("tags", ""), ("fields", "")]).await;
        for n in 0..60 {
            made(&person, &format!("+1415555{}", 3000 + n), &[("name", "x"), ("zone", ""), ("postal", ""), ("tags", ""), ("fields", "")]).await;
        }
        let reply = person.post("/contacts/export", &[("q", ""), ("list", ""), ("tag", "")]).await.expect(200);
        assert!(reply.header("content-disposition").contains("contacts.csv") && reply.header("content-type").starts_with("text/csv"));
        let text = reply.text();
        assert_eq!(text.lines().count(), 62);
        assert!(text.contains("\"+14155552671\",\"'=HYPERLINK(1)\",\"\",\"02139\""), "{text}");
        assert!(app.db_actions().await.iter().any(|a| a == "contact.export ok"));
        let first = person.get("/contacts").await.expect(200).text();
        let next = first.split("href=\"").find_map(|h| h.split('"').next().filter(|h| h.contains("after=con_"))).expect("a next page").replace("&amp;", "&");
        assert_eq!(person.get(&next.replace("&#x2f;", "/")).await.expect(200).text().matches("/contacts/con_").count(), 11);
    })
    .await;
}

#[tokio::test]
async fn the_api_makes_reads_and_changes_contacts_by_version() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let token = person.token(&[Role::Messaging], &SCOPES).await;
        let new = json!({ "number": "(415) 555-2671", "about": { "name": "Anna", "tags": ["vip"], "fields": { "Colour": "blue" } } });
        let key = [("idempotency-key", "one")];
        let first = token.post_with("/api/v1/contacts", &new, &key).await.expect(201);
        let again = token.post_with("/api/v1/contacts", &new, &key).await.expect(201);
        assert_eq!((again.json(), again.header("idempotency-replayed")), (first.json(), "true"));
        assert_eq!(first.header("etag"), "\"1\"");
        token.post("/api/v1/contacts", &new).await.expect(409);
        let bad = token.post("/api/v1/contacts", &json!({ "number": "12", "about": { "zone": "Mars/X" } })).await.expect(422).json();
        assert_eq!(bad["errors"], json!([{ "field": "number", "detail": "too_short" }, { "field": "about.zone", "detail": "unknown_zone" }]));
        token.post("/api/v1/contacts", &json!({ "number": TO, "surplus": 1 })).await.expect(422);
        let place = first.header("location").to_owned();
        let read = token.get(&place).await.expect(200);
        assert_eq!((read.json()["number"].as_str(), read.json()["about"]["fields"]["Colour"].as_str(), read.header("etag")), (Some(TO), Some("blue"), "\"1\""));
        let put = async |version: Option<&str>| {
            let mut request = Request::put(&place).header("authorization", format!("Bearer {}", token.secret)).header(header::CONTENT_TYPE, "application/json");
            if let Some(version) = version {
                request = request.header(header::IF_MATCH, version);
            }
            token.send(request.body(Body::from(json!({ "name": "Anna Bell" }).to_string())).expect("a request")).await
        };
        put(None).await.expect(428);
        put(Some("\"x\"")).await.expect(412);
        assert_eq!(put(Some("\"1\"")).await.expect(200).header("etag"), "\"2\"");
        put(Some("\"1\"")).await.expect(412);
        let made = token.post("/api/v1/contact-lists", &json!({ "name": "Spring" })).await.expect(201).json();
        let id = made["id"].as_str().expect("an id");
        token.post("/api/v1/contact-lists", &json!({ "name": "spring" })).await.expect(409);
        let contact = first.json()["id"].clone();
        token.post(&format!("/api/v1/contact-lists/{id}/members"), &json!({ "contact": contact })).await.expect(204);
        token.post(&format!("/api/v1/contact-lists/{id}/members"), &json!({ "contact": "none" })).await.expect(422);
        let found = token.get(&format!("/api/v1/contacts?list={id}&limit=1")).await.expect(200).json();
        assert_eq!((found["items"][0]["id"].clone(), found["next"].clone()), (contact, Value::Null));
        assert_eq!(token.get("/api/v1/contacts?number=%2B14155552671").await.expect(200).json()["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(token.get("/api/v1/contact-lists").await.expect(200).json()["items"][0]["name"], "Spring");
        token.post("/api/v1/stops", &json!({ "number": TO, "kind": "opt_out" })).await.expect(200);
        assert_eq!(token.get(&place).await.expect(200).json()["opted_out"], true);
        for bad in ["limit=0", "limit=51", "list=x", "after=x", "surplus=1", "number=12"] {
            token.get(&format!("/api/v1/contacts?{bad}")).await.expect(422);
        }
    })
    .await;
}

/// All text and bytes of the tables of contacts and of the trail.
async fn dump(app: &TestApp) -> Vec<u8> {
    let mut all = Vec::new();
    for sql in [
        "select id || number_ix || coalesce(name_ix, '') || masked || region from contact",
        "select id || number_ix || masked from number_stop",
        "select id || coalesce(object_id, '') from audit_event",
    ] {
        let rows: Vec<(String,)> = app.app.db.query(sql).all().await.expect("reads");
        all.extend(rows.into_iter().flat_map(|(text,)| text.into_bytes()));
    }
    for sql in ["select sealed from contact", "select sealed from number_stop", "select body from audit_event", "select sealed from audit_payload"] {
        let rows: Vec<(Vec<u8>,)> = app.app.db.query(sql).all().await.expect("reads");
        all.extend(rows.into_iter().flat_map(|(bytes,)| bytes));
    }
    all
}

#[tokio::test]
async fn names_and_numbers_of_contacts_lie_nowhere_in_the_open() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let page = made(&person, TO, &[("name", "Planted Name"), ("zone", ""), ("postal", "PLANT 1"), ("tags", ""), ("fields", "Planted: value")]).await;
        let changed = [("version", "1"), ("name", "Planted Other"), ("zone", ""), ("postal", ""), ("tags", ""), ("fields", "")];
        person.post(&format!("{page}/edit"), &changed).await.expect(303);
        person.post(&format!("{page}/stop"), &[("kind", "block"), ("reason", "Planted reason")]).await.expect(303);
        person.post("/contacts/export", &[("q", "Planted Other"), ("list", ""), ("tag", "")]).await.expect(200);
        app.app.db.settle().await.expect("settles");
        let all = dump(app).await;
        for planted in ["Planted", "PLANT", "4155552671", "planted other"] {
            assert!(!all.windows(planted.len()).any(|w| w == planted.as_bytes()), "{planted}");
        }
    })
    .await;
}

/// Whoever stops a number and whoever sends to it are ordered: no message to it is recorded after the stop.
#[tokio::test]
async fn a_stop_and_sends_at_once_have_an_order() {
    check(async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let token = person.token(&[Role::Messaging], &SCOPES).await;
        let (send, stop) = (json!({ "to": TO, "text": "hello" }), json!({ "number": TO, "kind": "opt_out" }));
        let sends = (0..8).map(|_| token.post("/api/v1/messages", &send));
        let (sent, stopped) = tokio::join!(futures_util::future::join_all(sends), token.post("/api/v1/stops", &stop));
        stopped.expect(200);
        assert!(sent.iter().all(|r| matches!(r.status.as_u16(), 202 | 409)));
        token.post("/api/v1/messages", &send).await.expect(409);
        let acts = app.db_actions().await;
        let last = |act: &str| acts.iter().rposition(|a| a.starts_with(act));
        let stop = last("number.stop").expect("stopped");
        // On PostgreSQL the sequencer links what was committed; whoever held the number's row first is linked first.
        assert!(last("message.send ok").is_none_or(|send| send < stop), "{acts:?}");
    })
    .await;
}
