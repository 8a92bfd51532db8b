//! The real server killed at random while Twilio accepts, fails, hangs up, and tells: nothing comes to its door twice, nothing
//! without an intent, and nothing is lost from the trail.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use countersign::core::clock::Clock;
use countersign::core::rng::Rng;
use countersign::policy::Role;
use serde_json::json;

use crate::kill::{Site, ask, count, sqlite};
use crate::support::twilio::{Does, FakeTwilio};

/// Restarts; a test of its own may ask for more.
fn rounds() -> usize {
    let named = std::env::vars().find(|(k, _)| k == "SEND_KILL_ROUNDS").map(|(_, v)| v.parse().expect("SEND_KILL_ROUNDS is a number"));
    named.unwrap_or(12)
}

fn below(n: u64) -> u64 {
    u64::from_le_bytes(Rng::system().bytes::<8>()) % n
}

const OPEN: &str = "select count(*) from message where state in ('queued', 'sending')";

#[tokio::test]
async fn nothing_comes_to_twilios_door_twice_however_often_the_server_is_killed() {
    let twilio = FakeTwilio::start(Clock::system()).await;
    twilio.goes_wild();
    let mut site = Site::bare();
    site.set("sandbox.enabled", "false");
    for (key, value) in twilio.flags() {
        site.set(&key, &value);
    }
    let made = site.person(&[Role::Messaging], &["message.send", "message.list"]).await;
    let database = sqlite(&site.data());
    let begun = Instant::now();
    let bearer = format!("Bearer {}", made.token);
    let mut server = site.serve().await;
    let mut sent = 0;
    for round in 0..rounds() {
        // One hangs whenever the server dies.
        twilio.does(&[Does::Accepts, Does::HangsAfter]);
        let (port, bearer) = (site.port, bearer.clone());
        let client = std::thread::spawn(move || {
            let mut taken = 0;
            for n in 0.. {
                let body = json!({ "to": "+14155552671", "text": format!("message {n} of round {round}") }).to_string();
                match ask(port, "POST", "/api/v1/messages", &[("authorization", &bearer), ("idempotency-key", &format!("{round}-{n}"))], Some(&body)) {
                    Ok(answer) if answer.status == 202 => taken += 1,
                    // Stopped by a word of the fake's, too many, too busy.
                    Ok(answer) if [409, 429, 503].contains(&answer.status) => {}
                    Ok(answer) => panic!("{} {}", answer.head, answer.body),
                    Err(_) => break,
                }
            }
            taken
        });
        tokio::time::sleep(Duration::from_millis(100 + below(500))).await;
        server.kill();
        sent += client.join().expect("ends");
        server = site.serve().await;
    }
    // What waits for another turn comes to an end too: at most eight attempts, the pauses grow.
    while count(&database, OPEN).await > 0 && begun.elapsed() < Duration::from_secs(120) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(server.terminate().await.0, Some(0));
    let mut at_the_door: HashMap<String, usize> = HashMap::new();
    for accepted in twilio.accepted() {
        *at_the_door.entry(accepted.mid()).or_default() += 1;
    }
    let conn = rusqlite::Connection::open(site.data().join("countersign.db")).expect("opens");
    let mut intent = conn
        .prepare("select count(*) from audit_event e join audit_chain c on c.event_id = e.id where e.object_id = ?1 and e.action = 'message.attempt'")
        .expect("a statement");
    let mut stands = conn.prepare("select state from message where id = ?1").expect("a statement");
    let mut ends: HashMap<String, usize> = HashMap::new();
    for (mid, times) in &at_the_door {
        assert_eq!(*times, 1, "{mid} came to the door {times} times");
        let intents: i64 = intent.query_row([mid], |row| row.get(0)).expect("reads");
        assert!(intents > 0, "{mid} was accepted without an intent");
        let state: String = stands.query_row([mid], |row| row.get(0)).expect("a message");
        assert!(["accepted", "unknown", "delivered", "failed"].contains(&state.as_str()), "{mid} was accepted and is told to be {state}");
        *ends.entry(state).or_default() += 1;
    }
    let messages = count(&database, "select count(*) from message").await;
    assert!(sent > 0 && messages >= sent, "{messages} messages for {sent} that were taken");
    assert!(at_the_door.len() > rounds(), "the fake was given work");
    site.run(&["audit", "verify"]).expect(0);
    site.run(&["check", "--full"]).expect(0);
    println!("{} rounds in {:.1} s: {messages} messages, {} at the door, none twice; {ends:?}", rounds(), begun.elapsed().as_secs_f64(), at_the_door.len());
}
