//! A campaign whose server is killed again and again: at the gateway's door nobody is met twice, everybody is accounted for, and
//! every message at the door has an intent in the trail before it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use countersign::app::{Installation, Migrate};
use countersign::campaigns::engine::{Allowances, round};
use countersign::campaigns::hours::{self, Hours};
use countersign::campaigns::{self, New};
use countersign::config::{Config, Inputs};
use countersign::contacts;
use countersign::contacts::card::{Card, Raw};
use countersign::core::clock::{Clock, MINUTE};
use countersign::core::folder::DataFolder;
use countersign::core::id::PersonId;
use countersign::core::number::Number;
use countersign::core::rng::Rng;
use countersign::http::App;
use countersign::identity::links::NewPerson;
use countersign::identity::{Person, people};
use countersign::messages::route;
use countersign::policy::{Actor, Auth, On, Origin, Resource as _, Role, Who};

use crate::kill::{Site, count, sqlite};
use crate::support::handset::{App as Kind, FakeHandset};
use crate::support::twilio::{Does, FakeTwilio};

const RECIPIENTS: usize = 150;
/// Restarts at most; the campaign may be done before.
const ROUNDS_MAX: usize = 12;

async fn somebody(app: &App, name: &str, roles: &[Role]) -> (PersonId, Actor) {
    let new = NewPerson { username: name.into(), display_name: name.into(), email: None, time_zone: "UTC".into() };
    let nobody = Person::nobody(PersonId::new(app.db.clock(), app.db.rng()));
    let permit = app.policy.permit(&Actor::console(), &nobody).expect("the console may");
    let id = people::create(&app.db, permit, &new, roles, None).await.expect("creates");
    let auth = Auth::Token("tok_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id"));
    let who = Who::Person { id: id.clone(), name: name.into(), auth };
    (id, Actor { who, roles: roles.to_vec(), scopes: None, fresh: true, origin: Origin::default() })
}

/// A zone in which it is day for a while yet.
fn awake() -> &'static str {
    let now = Clock::system().now();
    let zones = ["Europe/London", "America/New_York", "Asia/Tokyo", "Pacific/Honolulu"];
    let awake = zones.into_iter().find(|zone| matches!(hours::at(zone, now), Hours::Open { until } if until - now > 10 * MINUTE));
    awake.expect("it is day somewhere")
}

/// An approved campaign that has begun, in a place that does not serve; by Twilio, or by these rules.
async fn begun(site: &Site, rules: Option<&str>) {
    let config = Config::load(&Inputs { flags: site.settings.clone(), serving: true, ..Inputs::default() }).expect("a sound configuration");
    let folder = DataFolder::open(&config.data, true).expect("the data folder");
    let here = Installation::open(config, &folder, Clock::system(), Rng::system(), Migrate::IfEmpty, true).await.expect("opens");
    let (app, db) = (&here.app, &here.app.db);
    let ((writes, author), (approves, other)) = (somebody(app, "writes", &[Role::Messaging]).await, somebody(app, "approves", &[Role::Messaging]).await);
    let gateway = match rules {
        Some(rules) => {
            let (admin, decides) = somebody(app, "decides", &[Role::Admin]).await;
            let permit = app.policy.permit(&decides, &On::any("gateway")).expect("may");
            format!("rules:{}", route::set(db, permit, &admin, rules).await.expect("sets"))
        }
        None => "twilio".to_owned(),
    };
    let permit = app.policy.permit(&author, &On::any("list")).expect("may");
    let list = contacts::create_list(db, permit, "All", None).await.expect("makes").answer;
    let list = contacts::list(db, &list).await.expect("reads").expect("there");
    for n in 0..RECIPIENTS {
        let number = Number::parse(&format!("+1415555{:04}", 2000 + n), None).expect("a number");
        let raw = Raw { name: format!("Anna{n}"), zone: awake().into(), ..Raw::default() };
        let card = Card::parse(number.e164(), &raw).expect("a card");
        let permit = app.policy.permit(&author, &On::any("contact")).expect("may");
        let made = contacts::create(db, permit, &number, &card, None).await.expect("makes").answer;
        let contact = contacts::find(db, &made.id).await.expect("reads").expect("there");
        let permit = app.policy.permit(&author, &list.on()).expect("may");
        contacts::add(db, permit, &list, &contact).await.expect("adds");
    }
    let permit = app.policy.permit(&author, &On::any("template")).expect("may");
    let template = campaigns::create_template(db, permit, &writes, "T", "Hello {name}").await.expect("makes");
    let new = New {
        name: "C".into(),
        template,
        template_version: 1,
        lists: vec![list.id.into()],
        gateway,
        scheduled_at: None,
        per_minute: 600,
        needs_consent: false,
    };
    let permit = app.policy.permit(&author, &On::any("campaign")).expect("may");
    let id = campaigns::create(db, permit, &writes, &new).await.expect("makes");
    let one = async || campaigns::find(db, &id).await.expect("reads").expect("there");
    let permit = app.policy.permit(&author, &one().await.on()).expect("may");
    campaigns::submit(db, permit, &one().await).await.expect("puts up");
    while one().await.state == "gathering" {
        round(app, &mut Allowances::default()).await.expect("a round");
    }
    let ready = one().await;
    let permit = app.policy.permit(&other, &ready.on()).expect("may");
    campaigns::approve(db, permit, &approves, &ready, ready.hash.as_deref().expect("a hash")).await.expect("approves");
    let permit = app.policy.permit(&author, &ready.on()).expect("may");
    campaigns::begin(db, permit, &one().await).await.expect("begins");
    here.close().await;
}

const OF_ALL: &str = "select count(*) from campaign_recipient r left join message m on m.id = r.message_id where r.state = 'refused' or m.state in ('accepted', 'delivered', 'failed', 'rejected', 'unknown')";
const UNMET: &str = "select count(*) from message where campaign_id is not null and state in ('accepted', 'delivered')";
const WITHOUT_INTENT: &str = "select count(*) from message m where m.attempted_at is not null and not exists (select 1 from audit_event e join audit_chain c on c.event_id = e.id where e.object_id = m.id and e.action = 'message.attempt')";
const LOST: &str = "select count(*) from message where state in ('rejected', 'unknown')";

/// Kills the server until the campaign is done or it was killed often enough, and has it end. Gives how often.
async fn killed(site: &Site, faults: impl Fn(usize)) -> usize {
    let (database, begun) = (sqlite(&site.data()), Instant::now());
    let ended = async || count(&database, "select count(*) from campaign where state = 'done'").await == 1;
    let mut server = site.serve().await;
    let mut rounds = 0;
    while rounds < ROUNDS_MAX && !ended().await {
        faults(rounds);
        let [chance] = Rng::system().bytes::<1>();
        tokio::time::sleep(Duration::from_millis(150 + 2 * u64::from(chance))).await;
        server.kill();
        server = site.serve().await;
        rounds += 1;
    }
    while !ended().await {
        let state = count(&database, "select count(*) from campaign where state = 'running'").await;
        assert!((state == 1 || ended().await) && begun.elapsed() < Duration::from_secs(300), "the campaign does not come to its end");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(server.terminate().await.0, Some(0));
    rounds
}

/// Nobody twice, nobody lost, nothing without an intent, and the trail holds together.
async fn accounted(site: &Site, met: &HashMap<String, usize>) {
    let database = sqlite(&site.data());
    assert!(met.values().all(|n| *n == 1), "somebody was met twice: {met:?}");
    assert!(usize::try_from(count(&database, UNMET).await).expect("a count") <= met.len(), "what is told to be accepted was");
    assert_eq!(count(&database, WITHOUT_INTENT).await, 0);
    assert_eq!(count(&database, OF_ALL).await, i64::try_from(RECIPIENTS).expect("a count"), "everybody is accounted for");
    let lost = met.len() + usize::try_from(count(&database, LOST).await).expect("a count");
    assert!(lost >= RECIPIENTS, "nobody is lost in silence: {lost}");
    site.run(&["audit", "verify"]).expect(0);
    site.run(&["check", "--full"]).expect(0);
}

#[tokio::test]
async fn a_campaign_meets_nobody_twice_however_often_the_server_is_killed() {
    let twilio = FakeTwilio::start(Clock::system()).await;
    let mut site = Site::new();
    site.set("sandbox.enabled", "false");
    for (key, value) in twilio.flags() {
        site.set(&key, &value);
    }
    begun(&site, None).await;
    let begun = Instant::now();
    let rounds = killed(&site, |round| {
        // Few enough that the campaign is not paused for them.
        if round % 3 == 0 {
            twilio.does(&[Does::TellsFirst, Does::ResetsAfter, Does::Refuses(429, 20429), Does::TellsAndResets, Does::HangsAfter]);
        }
    })
    .await;
    let mut met: HashMap<String, usize> = HashMap::new();
    for accepted in twilio.accepted() {
        *met.entry(accepted.to).or_default() += 1;
    }
    accounted(&site, &met).await;
    println!("{rounds} restarts in {:.1} s: {} of {RECIPIENTS} met, nobody twice", begun.elapsed().as_secs_f64(), met.len());
}

#[tokio::test]
async fn a_campaign_through_two_gateways_meets_nobody_twice_at_either_door() {
    let (twilio, smsgate) = (FakeTwilio::start(Clock::system()).await, FakeHandset::start(Kind::SmsGate, Clock::system()).await);
    let mut site = Site::new();
    site.set("sandbox.enabled", "false");
    for (key, value) in [twilio.flags(), smsgate.flags()].concat() {
        site.set(&key, &value);
    }
    smsgate.tells(&format!("http://127.0.0.1:{}/hooks/smsgate", site.port));
    // Each is the other's next.
    begun(&site, Some("+141555520: smsgate > twilio\nUS: twilio > smsgate")).await;
    let begun = Instant::now();
    let rounds = killed(&site, |round| {
        let busy = [Does::Refuses(429, 20429), Does::TellsFirst, Does::Refuses(429, 20429), Does::Accepts];
        twilio.does(&busy);
        smsgate.does(&busy);
        if round % 3 == 0 {
            twilio.does(&[Does::ResetsAfter, Does::TellsAndResets, Does::HangsAfter]);
            smsgate.does(&[Does::ResetsAfter, Does::Refuses(503, 0), Does::TellsAndResets]);
        }
    })
    .await;
    let mut met: HashMap<String, usize> = HashMap::new();
    for to in twilio.accepted().into_iter().map(|a| a.to).chain(smsgate.taken().into_iter().map(|t| t.to)) {
        *met.entry(to).or_default() += 1;
    }
    accounted(&site, &met).await;
    let doors = (twilio.accepted().len(), smsgate.taken().len());
    assert!(doors.0 > 0 && doors.1 > 0, "both doors were used: {doors:?}");
    const HOPS: &str = "select count(*) from message where route is not null and gateway <> substr(route, 1, length(gateway))";
    let hops = count(&sqlite(&site.data()), HOPS).await;
    assert!(hops > 0, "some went on to the other gateway");
    println!("{rounds} restarts in {:.1} s: {doors:?} at the doors, {hops} by the other one, nobody twice", begun.elapsed().as_secs_f64());
}
