//! The verbs and the worker on a real database: what is recorded, what a crash leaves, what a repeated request does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::gateway::{Attempted, Gateway, Outgoing, SANDBOX, Sandbox};
use super::warden::{Nobody, Verdict};
use super::worker::Hands;
use super::{Attempt, Draft, Error, Message, Send, Sent, sql, worker};
use crate::core::clock::{Clock, DAY, HOUR};
use crate::core::id::PersonId;
use crate::core::number::Number;
use crate::core::rng::Rng;
use crate::db::faultlog::FaultLog;
use crate::db::{Db, DbError, Process, Sequencer, integrity};
use crate::identity::links::NewPerson;
use crate::identity::{Create, Person, people};
use crate::policy::{Actor, Auth, On, Origin, Policy, Role, Who};
use crate::repeat::{self, Key};
use crate::store::{Schema, Store};
use crate::vault::{KeyRing, Vault};

struct World {
    db: Db,
    policy: Policy,
    person: PersonId,
    _folder: tempfile::TempDir,
}

/// Counts its calls; what it answers is fixed.
#[derive(Debug)]
struct Counting {
    calls: AtomicUsize,
    answer: Attempted,
}

impl Gateway for Counting {
    fn name(&self) -> &'static str {
        SANDBOX
    }
    fn send(&self, _message: Outgoing) -> BoxFuture<'_, Attempted> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer.clone();
        Box::pin(async move { answer })
    }
}

impl Counting {
    fn new(answer: Attempted) -> Self {
        Self { calls: AtomicUsize::new(0), answer }
    }
    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        let (clock, rng) = (Clock::fixed(1_700_000_000 * 1_000_000), Rng::seeded(1));
        KeyRing::generate(folder.path(), &rng).expect("keys");
        let keys = Store::open(&path("keys.db"), 2).await.expect("open the keys");
        let vault = Vault::open(keys, KeyRing::read(folder.path()).expect("read the keys"), clock.clone(), rng.clone()).await.expect("a vault");
        let store = Store::open(&path("main.db"), 4).await.expect("open");
        store.migrate(Schema::Main).await.expect("migrate");
        let process = Process { version: "0".into(), build: "dev".into(), node: "n".into(), boot: "b".into() };
        let db = Db::new(store.clone(), vault, clock, rng, process, FaultLog::new(folder.path()));
        integrity::open(&db, "test").await.expect("a log");
        let Store::Sqlite { writer, .. } = &store else { unreachable!("the url names SQLite") };
        writer.set_sequence(Box::new(Sequencer::open(&db).await.expect("a sequencer"))).await;
        let policy = policy();
        let nobody = Person::nobody(PersonId::new(db.clock(), db.rng()));
        let permit = policy.permit::<Create>(&Actor::console(), &nobody).expect("the console creates people");
        let new = NewPerson { username: "may".into(), display_name: "May".into(), email: None, time_zone: "UTC".into() };
        let person = people::create(&db, permit, &new, &[Role::Messaging], None).await.expect("a person");
        Self { db, policy, person, _folder: folder }
    }

    async fn send(&self, text: &str, gateway: Option<&str>, key: Option<&str>) -> Result<Sent, Error> {
        let who =
            Who::Person { id: self.person.clone(), name: "may".into(), auth: Auth::Token("tok_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id")) };
        let actor = Actor { who, roles: vec![Role::Messaging], scopes: None, fresh: false, origin: Origin::default() };
        let permit = self.policy.permit::<Send>(&actor, &On::any("message")).expect("messaging may send");
        let number = Number::parse("+14155552671", None).expect("a number");
        let repeat = key.map(|key| Key::new(&self.db, &self.person, "/api/v1/messages", key).with(&self.db, &(number.e164(), text)).expect("a repeat"));
        let draft = Draft { author: &self.person, number: &number, text, gateway, repeat: repeat.as_ref() };
        Ok(super::send(&self.db, permit, draft).await?.answer)
    }

    async fn message(&self, sent: &Sent) -> Message {
        super::find(&self.db, &sent.id).await.expect("a read").expect("a message")
    }

    async fn acts(&self, sent: &Sent) -> Vec<String> {
        super::history(&self.db, &sent.id).await.expect("a history").into_iter().rev().map(|h| h.action).collect()
    }

    async fn count(&self, sql: &'static str) -> i64 {
        self.db.query(sql).scalar().await.expect("a count")
    }

    /// Runs the worker until `sent` has ended.
    async fn run(&self, gateway: &dyn Gateway, sent: &[Sent]) {
        let (wake, stop, gateways) = (Notify::new(), CancellationToken::new(), [gateway]);
        let hands = Hands { gateways: &gateways, warden: &Nobody };
        let ended = async {
            for sent in sent {
                while self.message(sent).await.ended_at.is_none() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            stop.cancel();
        };
        let both = async { tokio::join!(worker::work(&self.db, &self.policy, hands, &wake, &stop), ended) };
        tokio::time::timeout(Duration::from_secs(60), both).await.expect("the worker ends what is due");
    }

    async fn holds(&self) {
        let (_, bad) = integrity::walk(&self.db).await.expect("a walk");
        assert_eq!(bad, None);
    }
}

/// The policy as shipped; the acts of other slices are taken from its own text.
fn policy() -> Policy {
    let text = include_str!("../../policies/access.toml");
    let file: toml::Table = toml::from_str(text).expect("a policy is TOML");
    let acts: Vec<&str> = file["act"].as_table().expect("acts").keys().map(String::as_str).collect();
    Policy::parse(text, &acts).expect("the shipped policy fits")
}

fn taken() -> Counting {
    Counting::new(Attempted::Accepted { provider_id: "p1".into() })
}

#[tokio::test]
async fn every_statement_is_understood() {
    let world = World::new().await;
    for statement in sql::ALL {
        world.db.store().prepare(statement).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
    }
}

#[tokio::test]
async fn a_message_is_recorded_then_attempted_then_ended() {
    let world = World::new().await;
    let mut sent = Vec::new();
    for n in 0..40 {
        sent.push(world.send(&format!("hello {n}"), Some(SANDBOX), None).await.expect("sent"));
    }
    let first = world.message(&sent[0]).await;
    assert_eq!((first.state.as_str(), first.masked.as_str(), first.author.as_str()), ("queued", "+1 ••• ••• 2671", "May"));
    assert_eq!(first.text(&world.db).await.expect("a text"), "hello 0");
    assert_eq!(first.number(&world.db).await.expect("a number"), "+14155552671");
    world.run(&Sandbox::new(world.db.clone(), Duration::ZERO, 0), &sent).await;
    for sent in &sent {
        let message = world.message(sent).await;
        assert_eq!(message.state, "accepted");
        assert_eq!(world.acts(sent).await, ["message.send", "message.attempt", "message.result"]);
    }
    assert_eq!(world.count("select count(*) from job where done_at is null limit 1").await, 0);
    assert_eq!(super::gateway::deliveries(&world.db).await.expect("deliveries").len(), 40);
    world.holds().await;
}

#[tokio::test]
async fn the_gateways_answer_is_the_result() {
    let world = World::new().await;
    let cases =
        [(Attempted::Rejected { reason: "refused".into() }, "rejected", "failed"), (Attempted::Unknown { reason: "timeout".into() }, "unknown", "unknown")];
    for (answer, state, outcome) in cases {
        let sent = [world.send("hello", Some(SANDBOX), None).await.expect("sent")];
        world.run(&Counting::new(answer), &sent).await;
        assert_eq!(world.message(&sent[0]).await.state, state);
        let found: String =
            world.db.query("select outcome from audit_event where object_id = $1 order by id desc limit 1").bind(&sent[0].id).scalar().await.expect("an entry");
        assert_eq!(found, outcome);
    }
}

#[tokio::test]
async fn without_a_gateway_a_message_is_held_and_recorded() {
    let world = World::new().await;
    let sent = world.send("hello", None, None).await.expect("sent");
    assert_eq!((sent.state.as_str(), sent.reason.as_deref()), ("held", Some("no_gateway")));
    assert_eq!(world.acts(&sent).await, ["message.send"]);
    assert_eq!(world.count("select count(*) from job limit 1").await, 0);
}

#[tokio::test]
async fn what_a_crash_left_between_attempt_and_result_is_unknown_and_not_sent_again() {
    let world = World::new().await;
    let (db, policy) = (&world.db, &world.policy);
    let sent = [world.send("one", Some(SANDBOX), None).await.expect("sent"), world.send("two", Some(SANDBOX), None).await.expect("sent")];
    for sent in &sent {
        let message = world.message(sent).await;
        let permit = policy.permit::<Attempt>(&Actor::system(), &message).expect("the system attempts");
        assert_eq!(worker::attempt(db, permit, &message, &Nobody).await.expect("attempted"), Verdict::Go { until: None });
        let permit = policy.permit::<Attempt>(&Actor::system(), &message).expect("the system attempts");
        assert!(matches!(worker::attempt(db, permit, &message, &Nobody).await, Err(Error::State)));
    }
    // One is met by the worker itself, one by the start.
    let gateway = taken();
    worker::work_on(db, policy, Hands { gateways: &[&gateway], warden: &Nobody }, &sent[0].id).await.expect("settled");
    assert_eq!(worker::settle_interrupted(db, policy).await.expect("settled"), 1);
    for sent in &sent {
        let message = world.message(sent).await;
        assert_eq!((message.state.as_str(), message.reason.as_deref()), ("unknown", Some("interrupted")));
        worker::work_on(db, policy, Hands { gateways: &[&gateway], warden: &Nobody }, &sent.id).await.expect("nothing to do");
    }
    assert_eq!(gateway.calls(), 0);
    assert_eq!(world.count("select count(*) from job where done_at is null limit 1").await, 0);
    world.holds().await;
}

#[tokio::test]
async fn in_doubt_about_the_trail_nothing_is_handed_over() {
    let world = World::new().await;
    let sent = world.send("hello", Some(SANDBOX), None).await.expect("sent");
    world.db.latch_fault("head");
    let gateway = taken();
    assert!(matches!(
        worker::work_on(&world.db, &world.policy, Hands { gateways: &[&gateway], warden: &Nobody }, &sent.id).await,
        Err(Error::Db(DbError::IntegrityFault))
    ));
    assert_eq!((gateway.calls(), world.message(&sent).await.state.as_str()), (0, "queued"));
}

#[tokio::test]
async fn an_erased_number_gets_nothing() {
    let world = World::new().await;
    let sent = world.send("hello", Some(SANDBOX), None).await.expect("sent");
    world.db.vault().destroy(&super::subject_of(&world.db, "+14155552671")).await.expect("erased");
    let gateway = taken();
    worker::work_on(&world.db, &world.policy, Hands { gateways: &[&gateway], warden: &Nobody }, &sent.id).await.expect("settled");
    let message = world.message(&sent).await;
    assert_eq!((gateway.calls(), message.state.as_str(), message.reason.as_deref()), (0, "rejected", Some("erased")));
    assert!(matches!(world.send("again", Some(SANDBOX), None).await, Err(Error::Db(DbError::Erased))));
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_and_makes_no_second_message() {
    const MESSAGES: &str = "select count(*) from (select id from message limit 9) m";
    let world = World::new().await;
    let (a, b) = tokio::join!(world.send("hello", Some(SANDBOX), Some("k")), world.send("hello", Some(SANDBOX), Some("k")));
    let first = a.expect("sent");
    assert_eq!(b.expect("sent"), first);
    world.db.clock().advance(HOUR);
    assert_eq!(world.send("hello", None, Some("k")).await.expect("the answer of before"), first);
    assert!(matches!(world.send("other", Some(SANDBOX), Some("k")).await, Err(Error::Repeat(repeat::Error::OtherBody))));
    assert_eq!(world.count(MESSAGES).await, 1);
    world.db.clock().advance(DAY);
    let later = world.send("other", Some(SANDBOX), Some("k")).await.expect("the key is free again");
    assert_ne!(later.id, first.id);
    world.db.clock().advance(DAY + 1);
    repeat::sweep(&world.db, world.db.clock().now()).await.expect("swept");
    assert_eq!(world.count("select count(*) from idempotency limit 1").await, 0);
    world.holds().await;
}

#[tokio::test]
async fn lists_are_paged_both_ways() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..53 {
        ids.push(world.send("hello", None, None).await.expect("sent").id);
        world.db.clock().advance(1000);
    }
    let newest = super::page(&world.db, None, None).await.expect("a page");
    assert_eq!((newest.messages.len(), newest.older, newest.newer), (50, true, false));
    let rest = super::page(&world.db, Some(&newest.messages[49].id), None).await.expect("a page");
    assert_eq!((rest.messages.len(), rest.older, rest.newer), (3, false, true));
    let back = super::page(&world.db, None, Some(&rest.messages[0].id)).await.expect("a page");
    assert_eq!((back.messages.len(), back.messages[0].id.clone()), (50, ids[52].clone()));
    let (listed, more) = super::after(&world.db, Some(&ids[1]), 2).await.expect("a list");
    assert_eq!((listed[0].id.clone(), listed.len(), more), (ids[2].clone(), 2, true));
    assert!(!super::after(&world.db, None, 200).await.expect("a list").1);
}
