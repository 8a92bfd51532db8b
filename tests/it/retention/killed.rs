//! The real program, killed while it erases: what was entered is finished at the next start, what was not is whole.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use countersign::policy::Role;

use crate::kill::{Site, count};
use crate::support::app::on_postgres;

/// A form, as a browser sends it; whether an answer comes is all the same.
fn post(port: u16, cookie: &str, csrf: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let head = format!(
        "POST /audit/subjects HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\norigin: http://127.0.0.1:{port}\r\ncookie: {cookie}\r\n\
         x-csrf-token: {csrf}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    Ok(said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_is_whole_or_not_begun_when_the_server_is_killed() {
    if on_postgres() {
        println!("skipped: the program is killed on the embedded database; the order of the steps is the same");
        return;
    }
    let site = Site::new();
    let made = site.person(&Role::ALL, &["message.send"]).await;
    let [main, keys] = ["countersign.db", "keys.db"].map(|name| format!("sqlite:{}", site.data().join(name).display()));
    for round in 0..8_u64 {
        let mut server = site.serve().await;
        let bearer = format!("Bearer {}", made.token);
        let message = format!(r#"{{"to":"+1415555267{round}","text":"hello"}}"#);
        let sent = server.ask("POST", "/api/v1/messages", &[("authorization", &bearer)], Some(&message));
        assert_eq!(sent.status, 202, "{}", sent.body);
        let cookie = [("cookie", made.cookie.as_str())];
        let page = server.ask("GET", &format!("/audit/subjects?who=%2B1415555267{round}"), &cookie, None).body;
        let at = page.find("num_").expect("the number is found");
        let subject = &page[at..at + 36];
        let csrf = server.ask("GET", "/api/csrf-token", &cookie, None).json()["csrf_token"].as_str().expect("a token").to_owned();
        let body = format!("subject={subject}&basis=objection&requester=person&reason=x&typed=erase");
        let (port, cookie) = (site.port, made.cookie.clone());
        let asked = std::thread::spawn(move || post(port, &cookie, &csrf, &body));
        // Later each round: before the entry, in between, and after all of it.
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        server.kill();
        let answered = asked.join().expect("ends").is_ok_and(|said| said.starts_with("HTTP/1.1 303"));
        let entered = count(&main, "select count(*) from erasure").await;
        let mut server = site.serve().await;
        assert_eq!(count(&main, "select count(*) from erasure").await, entered);
        assert_eq!(count(&keys, "select count(*) from data_key where subject like 'num_%' and destroyed_at is not null and wrapped is null").await, entered);
        assert_eq!(count(&main, "select count(*) from audit_payload p join erasure x on x.subject = p.subject").await, 0);
        assert_eq!(count(&main, "select count(*) from erasure_done where cleared_at is not null").await, entered);
        assert!(!answered || entered > 0, "what was answered is entered");
        server.kill();
    }
    let checked = site.run(&["audit", "verify", "--json"]).expect(0).json();
    assert_eq!(checked["findings"], serde_json::json!([]));
}
