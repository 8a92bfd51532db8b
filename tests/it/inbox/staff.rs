//! What people do in the inbox: whose a conversation is, what was read, notes, canned replies; over pages and the API.

use countersign::core::clock::SECOND;
use countersign::policy::Role;
use serde_json::json;

use super::{THEM, count, deliver_with, hear, only, seen, with_twilio, write_back};

#[tokio::test]
async fn what_came_meanwhile_is_never_taken_as_read() {
    with_twilio(async |app, twilio| {
        let (person, other) = (app.person(&[Role::Messaging]).await, app.person(&[Role::Messaging]).await);
        hear(app, "SM1", THEM, "first").await;
        let id = only(app).await;
        let before = seen(&person, &id).await;
        // In the very same instant, as a word that was said before but comes late looks to whoever goes by when it was said.
        hear(app, "SM2", THEM, "second").await;
        for act in ["read", "close"] {
            person.post(&format!("/inbox/{id}/{act}"), &[("seen", &before)]).await.expect(409).says("meanwhile");
        }
        person.get("/inbox?view=unread").await.expect(200).says(&id);
        let now = seen(&person, &id).await;
        person.post(&format!("/inbox/{id}/read"), &[("seen", &now)]).await.expect(303);
        other.get("/inbox?view=unread").await.expect(200).lacks(&id);
        other.get(&format!("/inbox/{id}")).await.expect(200).says("Read by Person");
        other.post(&format!("/inbox/{id}/read"), &[("seen", &now)]).await.expect(409);
        other.post(&format!("/inbox/{id}/close"), &[("seen", &now)]).await.expect(303);
        person.get("/inbox").await.expect(200).lacks(&id);
        person.get("/inbox?view=closed").await.expect(200).says(&id);
        // A new word opens it.
        hear(app, "SM3", THEM, "third").await;
        person.get("/inbox").await.expect(200).says(&id);
        let stale = now;
        app.clock.advance(SECOND);
        hear(app, "SM4", THEM, "fourth").await;
        person.post(&format!("/inbox/{id}/reply"), &[("text", "to what I saw"), ("seen", &stale)]).await.expect(303);
        person.get("/inbox?view=unread").await.expect(200).says(&id);
        let now = seen(&person, &id).await;
        person.post(&format!("/inbox/{id}/close"), &[("seen", &now)]).await.expect(303);
        person.post(&format!("/inbox/{id}/open"), &[]).await.expect(303);
        person.post(&format!("/inbox/{id}/open"), &[]).await.expect(409);
        person.post(&format!("/inbox/{id}/close"), &[("seen", "soon")]).await.expect(422);
        app.messages_ended().await;
        assert_eq!(twilio.accepted().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_conversation_is_one_persons_or_nobodys() {
    with_twilio(async |app, _| {
        let (person, other) = (app.person(&[Role::Messaging]).await, app.person(&[Role::Messaging]).await);
        let outsider = app.person(&[Role::Contributor]).await;
        hear(app, "SM1", THEM, "hello").await;
        let id = only(app).await;
        let path = format!("/inbox/{id}/assign");
        let of = |p: &crate::support::TestPerson<'_>| p.id.as_ref().expect("an id").to_string();
        person.get("/inbox?view=nobody").await.expect(200).says(&id);
        person.post(&path, &[("person", &of(&person)), ("was", "")]).await.expect(303);
        // Two take it: the second hears that it is taken.
        other.post(&path, &[("person", &of(&other)), ("was", "")]).await.expect(409);
        person.get("/inbox?view=mine").await.expect(200).says(&id);
        other.get("/inbox?view=mine").await.expect(200).lacks(&id);
        person.get("/inbox?view=nobody").await.expect(200).lacks(&id);
        // Nobody who sends no messages, nobody who is not there.
        for nobody in [of(&outsider), "usr_0192f0c1a2b37c4d8e5f60718293a4b5".to_owned(), "me".to_owned()] {
            person.post(&path, &[("person", &nobody), ("was", &of(&person))]).await.expect(422);
        }
        other.post(&path, &[("person", &of(&other)), ("was", &of(&person))]).await.expect(303);
        other.post(&path, &[("person", ""), ("was", &of(&other))]).await.expect(303);
        outsider.get("/inbox").await.expect(403);
        outsider.get(&format!("/inbox/{id}")).await.expect(403);
        outsider.post(&format!("/inbox/{id}/note"), &[("note", "x")]).await.expect(403);
        person.get("/inbox/thr_0192f0c1a2b37c4d8e5f60718293a4b5").await.expect(404);
        assert_eq!(app.db_actions().await.iter().filter(|a| *a == "thread.assign ok").count(), 3);
    })
    .await;
}

#[tokio::test]
async fn notes_stay_in_the_house_and_lie_sealed() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        hear(app, "SM1", THEM, "hello").await;
        let id = only(app).await;
        person.post(&format!("/inbox/{id}/note"), &[("note", "Planted: calls herself Ann")]).await.expect(303);
        person.post(&format!("/inbox/{id}/note"), &[("note", "")]).await.expect(422).says("Enter a note");
        person.get(&format!("/inbox/{id}")).await.expect(200).says("Planted: calls herself Ann");
        let rows: Vec<(Vec<u8>,)> = app.app.db.query("select sealed from thread_note").all().await.expect("reads");
        let threads: Vec<(Vec<u8>,)> = app.app.db.query("select sealed from thread").all().await.expect("reads");
        let bodies: Vec<(Vec<u8>,)> = app.app.db.query("select body from audit_event").all().await.expect("reads");
        for (bytes,) in rows.iter().chain(&threads).chain(&bodies) {
            for plain in [&b"Planted"[..], b"4155552671"] {
                assert!(!bytes.windows(plain.len()).any(|w| w == plain), "{}", String::from_utf8_lossy(bytes));
            }
        }
        assert_eq!((rows.len(), twilio.accepted().len()), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn pages_of_a_conversation_hold_every_word_once() {
    with_twilio(async |app, _| {
        let person = app.person(&[Role::Messaging]).await;
        for n in 0..60 {
            hear(app, &format!("SM{n}"), THEM, &format!("word {n:03}")).await;
            app.clock.advance(SECOND);
        }
        let id = only(app).await;
        for n in 0..5 {
            person.post(&format!("/inbox/{id}/note"), &[("note", &format!("word n{n:02}"))]).await.expect(303);
            app.clock.advance(SECOND);
        }
        let first = person.get(&format!("/inbox/{id}")).await.expect(200).text();
        let older = first.split("href=\"").find(|h| h.contains("before")).and_then(|h| h.split('"').next()).expect("a next page").replace("&amp;", "&");
        let second = person.get(&older).await.expect(200).text();
        let both = format!("{first}{second}");
        for n in 0..60 {
            assert_eq!(both.matches(&format!("word {n:03}")).count(), 1, "word {n}");
        }
        for n in 0..5 {
            assert_eq!(both.matches(&format!("word n{n:02}")).count(), 1, "note {n}");
        }
        assert!(!second.contains("before"), "there are two pages");
        person.get(&format!("/inbox/{id}?before=nonsense")).await.expect(422);
        person.get("/inbox?after=nonsense").await.expect(422);
        person.get("/inbox?view=nonsense").await.expect(422);
        person.get("/inbox?number=12%2034x").await.expect(200).says("digits");
    })
    .await;
}

#[tokio::test]
async fn the_list_has_pages_in_the_order_of_the_last_word() {
    with_twilio(async |app, _| {
        let person = app.person(&[Role::Messaging]).await;
        for n in 0..33 {
            hear(app, &format!("SM{n}"), &format!("+1415555{:04}", 2600 + n), "hello").await;
            // Many within one instant: the id decides.
            if n % 3 == 0 {
                app.clock.advance(SECOND);
            }
        }
        let links =
            |text: &str| -> Vec<String> { text.split("href=\"/inbox/").skip(1).filter(|t| t.starts_with("thr_")).map(|t| t[..36].to_owned()).collect() };
        let first = person.get("/inbox").await.expect(200).text();
        let older = first.split("href=\"").find(|h| h.contains("after=")).and_then(|h| h.split('"').next()).expect("a next page").replace("&amp;", "&");
        let second = person.get(&older).await.expect(200).text();
        let all = [links(&first), links(&second)].concat();
        let unique: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!((all.len(), unique.len()), (33, 33));
        // The oldest speaks again, and is the first.
        let oldest = all.last().expect("some").clone();
        app.clock.advance(SECOND);
        hear(app, "SMagain", "+14155552600", "me again").await;
        assert_eq!(links(&person.get("/inbox").await.expect(200).text())[0], oldest);
    })
    .await;
}

#[tokio::test]
async fn canned_replies_are_filled_from_the_contact_and_sent_by_hand() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        person.post("/inbox/replies", &[("name", "Late"), ("text", "Hello {first_name}, see you later.")]).await.expect(303);
        person.post("/inbox/replies", &[("name", "LATE"), ("text", "again")]).await.expect(422).says("There is a reply of this name");
        person.post("/inbox/replies", &[("name", "Broken"), ("text", "a { b")]).await.expect(422).says("brace");
        let found: (String,) = app.app.db.query("select id from canned_reply").optional().await.expect("reads").expect("one");
        let canned = found.0;
        hear(app, "SM1", THEM, "I am late").await;
        let id = only(app).await;
        let reply = format!("/inbox/{id}/reply");
        // Without a contact there is no name.
        let put = [("text", ""), ("seen", "0"), ("put", "1"), ("canned", canned.as_str())];
        person.post(&reply, &put).await.expect(422).says("There is no value for").says("first_name");
        let contact = [("number", THEM), ("name", "Ann Lee"), ("zone", ""), ("postal", ""), ("tags", ""), ("fields", "")];
        person.post("/contacts/new", &contact).await.expect(303);
        person.post(&reply, &put).await.expect(200).says("Hello Ann, see you later.");
        assert_eq!(count(app, "select count(*) from message").await, 0);
        person.get("/inbox").await.expect(200).says("Ann Lee");
        write_back(&person, &id, "Hello Ann, see you later.").await.expect(303);
        app.messages_ended().await;
        assert_eq!(twilio.accepted().len(), 1);
        let path = format!("/inbox/replies/{canned}");
        person.post(&path, &[("name", "Later"), ("text", "See you."), ("version", "1")]).await.expect(303);
        person.post(&path, &[("name", "Later"), ("text", "See you!"), ("version", "1")]).await.expect(409);
        person.post(&format!("{path}/remove"), &[]).await.expect(303);
        person.get(&path).await.expect(404);
        // The name is free again.
        person.post("/inbox/replies", &[("name", "Later"), ("text", "again")]).await.expect(303);
        person.post("/inbox/answers", &[("kind", "other"), ("text", "x")]).await.expect(422);
        // Who sets an answer knows when Twilio says the same.
        person.get("/inbox/answers").await.expect(200).says("advanced opt-out alone").lacks("is not answered again.");
    })
    .await;
}

#[tokio::test]
async fn the_inbox_works_over_the_api() {
    with_twilio(async |app, twilio| {
        let person = app.person(&[Role::Messaging]).await;
        let scopes = ["thread.list", "thread.reply", "thread.note", "thread.assign", "thread.read", "thread.close", "thread.open"];
        let token = person.token(&[Role::Messaging], &scopes).await;
        hear(app, "SM1", THEM, "hello").await;
        deliver_with(app, "SM2", "+14155552672", "other", &[]).await.expect(200);
        let list = token.get("/api/v1/threads?number=%2B14155552671").await.expect(200).json();
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
        let (id, seen) = (list["items"][0]["id"].as_str().expect("an id").to_owned(), list["items"][0]["seen"].as_i64().expect("a time"));
        assert!(!list.to_string().contains("4155552671"), "{list}");
        let path = format!("/api/v1/threads/{id}");
        token.post(&format!("{path}/reply"), &json!({ "text": "hi", "seen": seen })).await.expect(202);
        token.post(&format!("{path}/reply"), &json!({ "text": "", "seen": seen })).await.expect(422);
        token.post(&format!("{path}/reply"), &json!({ "text": "hi", "seen": seen, "more": 1 })).await.expect(422);
        token.post(&format!("{path}/note"), &json!({ "text": "a note" })).await.expect(204);
        token.post(&format!("{path}/assign"), &json!({ "person": person.id.as_ref().expect("an id").as_str() })).await.expect(204);
        let whole = token.get(&path).await.expect(200).json();
        let kinds: Vec<&str> = whole["words"].as_array().expect("words").iter().filter_map(|w| w["kind"].as_str()).collect();
        assert_eq!((kinds.len(), kinds.contains(&"in"), kinds.contains(&"out"), kinds.contains(&"note")), (3, true, true, true), "{whole}");
        assert!(whole["unread_since"].is_null(), "a reply reads: {whole}");
        token.post(&format!("{path}/read"), &json!({ "seen": seen })).await.expect(409);
        token.post(&format!("{path}/close"), &json!({ "seen": seen })).await.expect(204);
        token.post(&format!("{path}/open"), &json!({})).await.expect(204);
        app.messages_ended().await;
        assert_eq!(twilio.accepted().len(), 1);
        token.get("/api/v1/threads?view=closed").await.expect(200);
        token.get("/api/v1/threads?view=odd").await.expect(422);
    })
    .await;
}
