//! The conversation: one step for each event, sealed at once, within limits.

use countersign::policy::Role;

use super::{PHONE, SAID, count, deliver, entries, newest, say, say_from, state, whole, with};
use crate::support::TestApp;
use crate::support::app::on_postgres;

/// Everything that any table holds, as the database writes it down, and every file of the data folder.
async fn dumps(app: &TestApp) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    let mut folders = vec![app.data()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                out.push((path.display().to_string(), bytes));
            }
        }
    }
    if on_postgres() {
        for store in [app.app.db.store(), app.app.db.vault().store()] {
            let names = "select cast(table_name as text) from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'";
            let tables: Vec<(String,)> = store.query(names).all().await.expect("reads");
            for (table,) in tables {
                let sql = sqlx::AssertSqlSafe(format!("select cast(t as text) from \"{table}\" t"));
                let rows: Vec<(String,)> = store.query(sql).all().await.expect("reads");
                out.push((table, rows.into_iter().map(|(row,)| row + "\n").collect::<String>().into_bytes()));
            }
        }
    }
    out
}

/// Is `text` in these bytes: as it is, or in hex as PostgreSQL writes bytes?
fn holds(bytes: &[u8], text: &str) -> bool {
    let has = |needle: &[u8]| bytes.windows(needle.len()).any(|w| w == needle);
    has(text.as_bytes()) || has(hex::encode(text).as_bytes())
}

#[tokio::test]
async fn a_whole_conversation_lies_sealed_and_its_entries_say_nothing_of_it() {
    with(&[], async |app| {
        let id = whole(app).await;
        assert_eq!(state(app, &id).await, "complete");
        assert_eq!(count(app, "select count(*) from intake_value").await, 5);
        let steps: Vec<String> = entries(app).await.iter().map(|e| e["data"]["step"].as_str().unwrap_or_default().to_owned()).collect();
        assert_eq!(steps, ["begun", "consented", "answered", "answered", "answered", "answered", "completed"]);
        app.sign().await;
        let dumps = dumps(app).await;
        assert!(dumps.iter().any(|(_, bytes)| holds(bytes, &id)), "the dump is whole enough to hold the record's id");
        for (name, bytes) in &dumps {
            for planted in
                ["Plantedname", "plantedname", "1984-03-27", "3/27/1984", "Plantedstreet", "planted-asthma", "planted-salbutamol", PHONE, "4155552671"]
            {
                assert!(!holds(bytes, planted), "{planted} is in {name}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_is_one_step_however_often_it_comes() {
    with(&[], async |app| {
        deliver(app, "SM1", PHONE, "intake").await.expect(200).says("Answer YES");
        deliver(app, "SM2", PHONE, "yes").await.expect(200).says("full name");
        deliver(app, "SM3", PHONE, "Ruth Abernathy").await.expect(200).says("date of birth");
        for _ in 0..3 {
            let again = deliver(app, "SM3", PHONE, "Ruth Abernathy").await.expect(200);
            assert!(again.text().ends_with("<Response/>"), "{}", again.text());
        }
        // An event of before, and one that came as another text.
        deliver(app, "SM2", PHONE, "yes").await.expect(200).lacks("<Message>");
        assert_eq!(count(app, "select count(*) from intake_value").await, 1);
        let (a, b) = tokio::join!(deliver(app, "SM4", PHONE, "27 March 1984"), deliver(app, "SM4", PHONE, "27 March 1984"));
        let said = [a.expect(200).text(), b.expect(200).text()].iter().filter(|t| t.contains("<Message>")).count();
        assert_eq!((said, count(app, "select count(*) from intake_value").await), (1, 2));
        // Two events at once are two steps in an order.
        let (a, b) = tokio::join!(deliver(app, "SM5", PHONE, "1 Main St"), deliver(app, "SM6", PHONE, "asthma"));
        a.expect(200);
        b.expect(200);
        assert_eq!(count(app, "select count(*) from intake_value").await, 4);
        assert_eq!(count(app, "select count(*) from inbound_event where kind = 'intake'").await, 6);
    })
    .await;
}

#[tokio::test]
async fn a_text_that_is_no_intakes_business_is_a_message_as_any_other() {
    with(&[], async |app| {
        assert!(!say(app, "see you on Monday").await.contains("<Message>"));
        assert_eq!(count(app, "select count(*) from intake_record").await, 0);
        say(app, "intake").await;
        say_from(app, "+14155552672", "hello").await;
        assert_eq!(count(app, "select count(*) from inbound_event where kind = 'message'").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_stop_ends_the_conversation_and_destroys_what_was_said() {
    with(&[], async |app| {
        for text in &SAID[..4] {
            say(app, text).await;
        }
        let id = newest(app).await;
        assert!(app.app.db.vault().has_key(&id).await.expect("reads"));
        assert!(!say(app, "STOP").await.contains("<Message>"));
        assert_eq!(state(app, &id).await, "cancelled");
        assert!(!app.app.db.vault().has_key(&id).await.expect("reads"));
        assert_eq!(count(app, "select count(*) from intake_value where sealed is not null").await, 0);
        assert!(!say(app, "intake").await.contains("<Message>"), "nothing is said to a number that is stopped");
        assert_eq!(count(app, "select count(*) from number_stop").await, 1);
    })
    .await;
}

#[tokio::test]
async fn who_declines_or_ends_it_leaves_nothing() {
    with(&[], async |app| {
        for (texts, end) in
            [(&["intake", "no"][..], "declined"), (&["intake", "yes", "Ruth Abernathy", "exit"], "cancelled"), (&["intake", "yes", "delete", "yes"], "deleted")]
        {
            for text in texts {
                say(app, text).await;
            }
            let id = newest(app).await;
            assert_eq!(state(app, &id).await, end);
            assert!(!app.app.db.vault().has_key(&id).await.expect("reads"), "{end}");
        }
    })
    .await;
}

#[tokio::test]
async fn wrong_answers_are_asked_again_and_then_a_person_takes_over() {
    with(&[], async |app| {
        say(app, "intake").await;
        say(app, "yes").await;
        say(app, "Ruth Abernathy").await;
        assert!(say(app, "30 February 1984").await.contains("no such day"));
        assert!(say(app, "1 January 2093").await.contains("cannot be a date of birth"));
        assert!(say(app, "27 March 84").await.contains("A person will go on"));
        let id = newest(app).await;
        assert_eq!(state(app, &id).await, "handover");
        assert!(app.app.db.vault().has_key(&id).await.expect("reads"), "what was said is there for the person who takes over");
    })
    .await;
}

#[tokio::test]
async fn what_one_number_and_all_may_begin_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("intake")).expect("makes");
    let text = std::fs::read_to_string("policies/intake/default.toml").expect("the built-in flow");
    let text = text.replace("open_max = 1000", "open_max = 2").replace("starts_per_day = 5", "starts_per_day = 3");
    std::fs::write(folder.path().join("intake/default.toml"), text).expect("writes");
    let path = folder.path().display().to_string();
    with(&[("policies", path.as_str())], async |app| {
        for text in ["intake", "no", "intake", "no", "intake", "no"] {
            say(app, text).await;
        }
        assert!(say(app, "intake").await.contains("cannot take this now"), "the fourth of a day");
        let mut first = String::new();
        for n in 1..=3 {
            assert!(say_from(app, &format!("+1415555268{n}"), "intake").await.contains("Answer YES"));
            if n == 1 {
                first = newest(app).await;
            }
        }
        assert_eq!(state(app, &first).await, "expired", "the oldest unfinished one goes first");
        assert_eq!(count(app, "select count(*) from intake_record where state = 'open'").await, 2);
        app.advance(24 * 3600);
        assert!(say(app, "intake").await.contains("Answer YES"), "another day");
    })
    .await;
}

#[tokio::test]
async fn whatsapp_is_refused_and_keeps_nothing() {
    with(&[], async |app| {
        let said = say_from(app, "whatsapp:+14155552671", "intake").await;
        assert!(said.contains("Please do not send health information by WhatsApp"), "{said}");
        assert_eq!(count(app, "select count(*) from intake_record").await, 0);
    })
    .await;
}

#[tokio::test]
async fn odd_texts_are_taken_or_asked_again_and_break_nothing() {
    with(&[], async |app| {
        say(app, "intake").await;
        say(app, "yes").await;
        assert!(say(app, "Ru\u{200B}th \u{202E}Aber\u{200F}nathy").await.contains("date of birth"), "what cannot be seen is left out");
        assert!(say(app, "27/03/1984").await.contains("address"));
        assert!(say(app, &"x".repeat(5000)).await.contains("too long"));
        assert!(say(app, "=1+1 <b>&amp;</b>").await.contains("<Message>"));
        let twice = say(app, "رُوث").await;
        assert!(twice.contains("medications"), "{twice}");
        let huge = deliver(app, "SM-huge", PHONE, &"x".repeat(10_000_000)).await;
        assert_eq!(huge.status.as_u16(), 413);
        let person = app.person(&[Role::Intake]).await;
        person.get("/intake").await.expect(200).says(">RA<").lacks("Ruth");
    })
    .await;
}
