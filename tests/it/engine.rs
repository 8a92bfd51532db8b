//! The rate of the sending engine with a gateway that answers at once: attempt and result are entries, each durable. Prints it; a run of
//! its own may ask for more messages.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use countersign::core::number::Number;
use countersign::messages::gateway::{Attempted, Gateway, Outgoing, SANDBOX};
use countersign::messages::warden::Nobody;
use countersign::messages::worker::{self, Hands};
use countersign::messages::{self, Draft};
use countersign::policy::{Actor, Auth, On, Origin, Role, Who};
use futures_util::future::{BoxFuture, join_all};
use tokio_util::sync::CancellationToken;

use crate::support::check_with;

/// Takes everything.
#[derive(Debug, Default)]
struct AtOnce(AtomicUsize);

impl Gateway for AtOnce {
    fn name(&self) -> &'static str {
        SANDBOX
    }
    fn send(&self, _message: Outgoing) -> BoxFuture<'_, Attempted> {
        let n = self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Attempted::Accepted { provider_id: format!("at-once-{n}") }))
    }
}

fn messages_wanted() -> usize {
    let named = std::env::vars().find(|(k, _)| k == "ENGINE_MESSAGES").map(|(_, v)| v.parse().expect("ENGINE_MESSAGES is a number"));
    named.unwrap_or(200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_is_attempted_once_and_both_its_entries_are_there() {
    check_with(&[("sandbox.enabled", "false")], async |app| {
        let person = app.person(&[Role::Messaging]).await;
        let id = person.id.clone().expect("a person");
        let auth = Auth::Token("tok_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id"));
        let who = Who::Person { id: id.clone(), name: "may".into(), auth };
        let actor = Actor { who, roles: vec![Role::Messaging], scopes: None, fresh: false, origin: Origin::default() };
        let (db, policy, wanted) = (&app.app.db, &app.app.policy, messages_wanted());
        let all: Vec<usize> = (0..wanted).collect();
        for chunk in all.chunks(32) {
            let sent = join_all(chunk.iter().map(async |n| {
                let number = Number::parse(&format!("+1415555{:04}", 2000 + n % 8000), None).expect("a number");
                let permit = policy.permit::<messages::Send>(&actor, &On::any("message")).expect("may");
                let draft = Draft { author: &id, number: &number, text: "hello", gateway: Some(SANDBOX), repeat: None };
                messages::send(db, permit, draft).await.expect("records")
            }));
            sent.await;
        }
        let (gateway, stop, wake) = (AtOnce::default(), CancellationToken::new(), tokio::sync::Notify::new());
        let gateways: [&dyn Gateway; 1] = [&gateway];
        let begun = Instant::now();
        let watch = async {
            const OPEN: &str = "select count(*) from (select id from message where state in ('queued', 'sending') limit 1) m";
            while db.query(OPEN).scalar::<i64>().await.expect("reads") > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            stop.cancel();
            begun.elapsed()
        };
        let ((), took) = tokio::join!(worker::work(db, policy, Hands { gateways: &gateways, warden: &Nobody }, &wake, &stop), watch);
        assert_eq!(gateway.0.load(Ordering::SeqCst), wanted);
        let entries = |act: &'static str| async move { app.db_actions().await.iter().filter(|a| *a == act).count() };
        if wanted < 3000 {
            assert_eq!((entries("message.attempt ok").await, entries("message.result ok").await), (wanted, wanted));
        }
        let rate = f64::from(u32::try_from(wanted).expect("a count")) / took.as_secs_f64();
        println!("{wanted} messages in {:.2} s: {rate:.0} audited attempts a second", took.as_secs_f64());
    })
    .await;
}
