//! The trail against a real database: what is exported verifies, filters find what they should by the index they should,
//! and a new origin names what was left.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_audit::verify::bundle::directory;
use countersign_audit::verify::proof::Proof as ReadProof;
use countersign_audit::verify::report::Integrity;
use countersign_audit::verify::vkey::Vkey;

use super::export::{Report, folder};
use super::filter::{At, Filter, Raw};
use super::origin::new_origin;
use super::review::{Range, look};
use super::{Error, Export, NewOrigin, Read, read};
use crate::core::clock::{Clock, DAY, SECOND};
use crate::core::id::EventId;
use crate::core::rng::Rng;
use crate::db::checkpoint::Keeper;
use crate::db::faultlog::FaultLog;
use crate::db::integrity::{self, Disagreement};
use crate::db::signer::Signer as _;
use crate::db::{Db, Detail, Process, Sequencer};
use crate::policy::{Act, Actor, On, Origin, Permit, Policy};
use crate::signer::LocalSigner;
use crate::store::{Schema, Store};
use crate::vault::{KeyRing, Vault};

const POLICY: &str = r#"
fresh_secs = 600
[because]
[role.admin]
says = ""
[role.compliance]
says = ""
[role.contributor]
says = ""
[role.messaging]
says = ""
[role.intake]
says = ""
[role.assessor]
says = ""
[act."trail.read"]
category = "trail"
says = ""
allow = ["anyone", "console"]
[act."trail.export"]
category = "trail"
says = ""
allow = ["console"]
[act."trail.review"]
category = "trail"
says = ""
allow = ["compliance"]
[act."view.save"]
category = "trail"
says = ""
allow = ["compliance"]
[act."view.delete"]
category = "trail"
says = ""
allow = ["compliance"]
[act."trail.remind"]
category = "trail"
says = ""
allow = ["system"]
[act."trail.open"]
category = "trail"
says = ""
allow = ["compliance"]
[act."trail.clock"]
category = "system"
says = ""
allow = ["console"]
[act."trail.new_origin"]
category = "system"
says = ""
allow = ["console"]
"#;

struct House {
    db: Db,
    keeper: Keeper,
    signer: Arc<LocalSigner>,
    policy: Policy,
    dir: tempfile::TempDir,
}

/// Renders a page in the bare frame; a missing value or text fails.
pub(super) fn render(name: &str, page: impl serde::Serialize) -> String {
    let assets = serde_json::json!({ "css": "c", "js": "j", "icons": "i", "mark": "m" });
    let base = serde_json::json!({
        "nonce": "n", "csrf_token": "t", "assets": assets, "lang": "en", "path": "/", "now": 0, "time_zone": "UTC", "viewer": null,
        "flash": null, "banner": null, "trail": { "size": 3, "verified_to": 3, "checkpoint_at": 0, "witness": null, "stamp": null, "ok": true }, "page_title_error": false,
    });
    crate::http::templates::Templates::new(Arc::new(crate::http::texts::Texts::english())).render(name, base, page).expect("it renders")
}

async fn open(dir: &Path, clock: &Clock) -> Db {
    let rng = Rng::system();
    let url = |name: &str| format!("sqlite:{}", dir.join(name).display());
    let store = Store::open(&url("main.db"), 2).await.expect("the database opens");
    store.migrate(Schema::Main).await.expect("it migrates");
    let keys = Store::open(&url("keys.db"), 2).await.expect("the keys' database opens");
    let ring = KeyRing::read(&dir.join("keys")).expect("the keys load");
    let vault = Vault::open(keys, ring, clock.clone(), rng.clone()).await.expect("the vault opens");
    let process = Process { version: "0".into(), build: "test".into(), node: "test".into(), boot: "boot".into() };
    let db = Db::new(store, vault, clock.clone(), rng, process, FaultLog::new(dir));
    integrity::open(&db, "example.org").await.expect("the log opens");
    if let Store::Sqlite { writer, .. } = db.store() {
        writer.set_sequence(Box::new(Sequencer::open(&db).await.expect("a sound head"))).await;
    }
    db
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for name in ["keys", "signer", "checkpoints"] {
            std::fs::create_dir(dir.path().join(name)).expect("a folder");
        }
        KeyRing::generate(&dir.path().join("keys"), &Rng::system()).expect("keys are made");
        let db = open(dir.path(), &Clock::fixed(1_795_000_000 * SECOND)).await;
        let signer = Arc::new(LocalSigner::new(&[7; 32], &dir.path().join("signer"), &Rng::system()));
        signer.begin(&db.log().1).await.expect("it begins with the log");
        let keeper = Keeper::new(db.clone(), signer.clone(), dir.path().join("checkpoints"));
        let policy = Policy::parse(POLICY, super::ACTS).expect("the policy parses");
        Self { db, keeper, signer, policy, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn permit<A: Act<On = On>>(&self, actor: &Actor, id: &str) -> Permit<A> {
        self.policy.permit::<A>(actor, &On { label: Some(format!("label {id}")), ..On::one("entry", id) }).expect("allowed")
    }

    async fn act(&self, actor: &Actor, id: &str) {
        self.db.record(self.permit::<Read>(actor, id), Detail::ok().with("n", 1_i64).personal("filter", "x=1")).await.expect("recorded");
    }

    async fn acts(&self, count: usize) {
        for n in 0..count {
            self.act(&Actor::console(), &format!("e{n}")).await;
            self.db.clock().advance(SECOND);
        }
    }

    async fn found(&self, raw: &Raw) -> Vec<i64> {
        let filter = Filter::read(&self.db, raw, "UTC", super::ACTS).await.expect("a filter");
        read::page(&self.db, &filter, &At::Newest).await.expect("a page").entries.iter().map(|e| e.seq).collect()
    }

    /// A review of everything there is finds by the leaves what the list finds by the columns.
    async fn counts_alike(&self, raw: Raw, mut seqs: Vec<i64>) {
        if !raw.first.is_empty() || !raw.last.is_empty() {
            return;
        }
        let raw = Raw { first: "0".into(), last: "2".into(), ..raw };
        let filter = Filter::read(&self.db, &raw, "UTC", super::ACTS).await.expect("a filter");
        let range = Range::of(raw, filter).expect("a range");
        let nobody = "usr_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id");
        let looked = look(&self.db, &range, &nobody).await.expect("read");
        seqs.reverse();
        assert_eq!((looked.matched, looked.differing, looked.own_alone), (seqs, 0, false), "{range:?}");
    }

    fn vkey(&self) -> Vkey {
        Vkey::parse(&self.signer.vkey(&self.db.log().1)).expect("a key")
    }
}

fn stranger(address: &str) -> Actor {
    Actor::stranger(Origin { address: address.parse().ok(), agent: Some("browser".into()), request: None })
}

#[tokio::test]
async fn an_export_verifies_and_a_flipped_byte_is_named() {
    let house = House::new().await;
    house.acts(300).await;
    house.keeper.sign_now().await.expect("signed");
    house.acts(5).await;
    let out = house.path("out");
    assert_eq!(folder(&house.db, &out).await.expect("exported"), Report { size: 300, files: 1 + 2 + 2 + 1 });
    let report = directory(&out, &house.vkey());
    assert_eq!((report.integrity(), report.size, report.entries_checked), (Integrity::Ok, Some(300), 300));
    assert!(matches!(folder(&house.db, &out).await, Err(Error::NotEmpty(_))));

    let bundle = out.join("tile/entries/000");
    let mut bytes = std::fs::read(&bundle).expect("a bundle");
    let at = bytes.windows(3).rposition(|w| w == b"ok\"").expect("an outcome");
    bytes[at] = b'x';
    std::fs::write(&bundle, bytes).expect("written");
    let report = directory(&out, &house.vkey());
    assert_eq!((report.integrity(), report.first_bad.and_then(|f| f.seq)), (Integrity::Wrong, Some(255)));
}

#[tokio::test]
async fn an_export_needs_a_checkpoint_and_an_empty_folder() {
    let house = House::new().await;
    assert!(matches!(folder(&house.db, &house.path("out")).await, Err(Error::NoCheckpoint)));
    std::fs::write(house.path("file"), "x").expect("written");
    assert!(matches!(folder(&house.db, &house.path("file")).await, Err(Error::NotEmpty(_))));
}

#[tokio::test]
async fn each_entry_has_a_proof_against_the_newest_checkpoint() {
    let house = House::new().await;
    house.acts(10).await;
    house.keeper.sign_now().await.expect("signed");
    house.acts(1).await;
    for seq in 0..10 {
        let entry = read::entry(&house.db, 1, seq).await.expect("an entry");
        let proof = read::prove(&house.db, 1, seq).await.expect("provable").expect("covered");
        let text = countersign_audit::write::proof_file(u64::try_from(seq).expect("small"), &proof.path, &proof.note);
        let checkpoint = ReadProof::parse(&text).and_then(|p| p.check(&entry.leaf().expect("a leaf"), &house.vkey())).expect("it holds");
        assert_eq!((checkpoint.size, checkpoint.root), (10, proof.root));
    }
    assert!(read::prove(&house.db, 1, 10).await.expect("provable").is_none());
    assert!(matches!(read::entry(&house.db, 1, 11).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn every_filter_finds_its_entries_and_all_of_them_together_too() {
    let house = House::new().await;
    let anna = stranger("192.0.2.7");
    house.act(&Actor::console(), "a").await;
    house.act(&anna, "b").await;
    house.db.clock().advance(2 * DAY);
    house.act(&anna, "a").await;
    let raw = |set: fn(&mut Raw)| {
        let mut raw = Raw::default();
        set(&mut raw);
        raw
    };
    for (raw, seqs) in [
        (Raw::default(), vec![2, 1, 0]),
        (raw(|r| r.actor = "stranger".into()), vec![2, 1]),
        (raw(|r| r.actor = "console".into()), vec![0]),
        (raw(|r| r.actor = "nobody".into()), vec![]),
        (raw(|r| r.object = "a".into()), vec![2, 0]),
        (raw(|r| r.action = "trail.read".into()), vec![2, 1, 0]),
        (raw(|r| r.action = "trail.export".into()), vec![]),
        (raw(|r| r.outcome = "done".into()), vec![2, 1, 0]),
        (raw(|r| r.outcome = "denied".into()), vec![]),
        (raw(|r| r.address = "::ffff:192.0.2.7".into()), vec![2, 1]),
        (raw(|r| r.from = "2026-11-19".into()), vec![2]),
        (raw(|r| r.to = "2026-11-18".into()), vec![1, 0]),
        (raw(|r| r.first = "1".into()), vec![2, 1]),
        (raw(|r| r.last = "1".into()), vec![1, 0]),
        (raw(|r| (r.first, r.last) = ("1".into(), "1".into())), vec![1]),
        (raw(|r| r.first = "3".into()), vec![]),
        (raw(|r| r.request = "req_0192f0c1a2b37c4d8e5f60718293a4b5".into()), vec![]),
    ] {
        assert_eq!(house.found(&raw).await, seqs, "{raw:?}");
        house.counts_alike(raw, seqs).await;
    }
    let all = Raw {
        actor: "stranger".into(),
        action: "trail.read".into(),
        object: "a".into(),
        outcome: "done".into(),
        address: "192.0.2.7".into(),
        from: "2026-11-01".into(),
        to: "2026-12-01".into(),
        log: "1".into(),
        first: "1".into(),
        last: "2".into(),
        ..Raw::default()
    };
    assert_eq!(house.found(&all).await, [2]);
}

crate::row! {
    struct Step { detail: String }
}

#[tokio::test]
async fn the_most_selective_filter_is_served_by_its_index() {
    use super::sql;
    let house = House::new().await;
    let (object, actor, outcome) = (sql::ON_OBJECT, sql::BY_ACTOR, sql::ENDED);
    let below = [sql::ID_BELOW, "'evt_1'", sql::NEWEST_FIRST, "51"].concat();
    for (filters, index) in [
        (format!("{object}'a'{}'b'{}'ok'", sql::ALSO_BY_ACTOR, sql::ALSO_ENDED), "audit_event_object"),
        (format!("{actor}'a'{}'ok'", sql::ALSO_ENDED), "audit_event_actor"),
        (format!("{outcome}'ok'"), "audit_event_outcome"),
        (format!("{}'b'", sql::FROM_ADDRESS), "audit_event_address"),
        (format!("{}'r'{}'a'", sql::BY_REQUEST, sql::ALSO_ON_OBJECT), "audit_event_request"),
        (format!("{}1", sql::SINCE), "sqlite_autoindex_audit_event_1"),
    ] {
        // Leaked for the test alone: the store takes only text of the program.
        let text = format!("explain query plan {}{}1{filters}{below}", sql::ROWS, sql::OF_LOG).leak();
        let plan: Vec<Step> = house.db.query(&*text).all().await.expect("a plan");
        let plan: Vec<String> = plan.into_iter().map(|s| s.detail).collect();
        assert!(plan[0].contains("SEARCH e ") && plan[0].contains(index) && !plan.iter().any(|s| s.contains("TEMP B-TREE")), "{plan:?}");
    }
    let text = format!("explain query plan {}", crate::operate::sql::SIGN_INS.replace("$1", "'usr_1'")).leak();
    let plan: Vec<Step> = house.db.query(&*text).all().await.expect("a plan");
    assert!(plan[0].detail.contains("audit_event_object"), "{:?}", plan[0].detail);
}

#[tokio::test]
async fn places_are_read_in_the_order_of_the_chain() {
    use super::sql;
    let house = House::new().await;
    house.acts(130).await;
    for (first, last, day) in [("", "100", ""), ("3", "", ""), ("3", "100", ""), ("3", "100", "2020-01-01")] {
        let raw = Raw { first: first.into(), last: last.into(), from: day.into(), ..Raw::default() };
        let filter = Filter::read(&house.db, &raw, "UTC", super::ACTS).await.expect("filters");
        assert!(filter.is_by_place(), "{raw:?}");
        let (first, last): (i64, i64) = (first.parse().unwrap_or(0), last.parse().unwrap_or(129));
        let mut at = At::Newest;
        let mut seen = Vec::new();
        loop {
            let page = read::page(&house.db, &filter, &at).await.expect("a page");
            seen.extend(page.entries.iter().map(|e| e.seq));
            if !page.older {
                break;
            }
            at = At::After(page.entries.last().expect("an entry").id.clone());
        }
        assert_eq!(seen, (first..=last).rev().collect::<Vec<_>>(), "{raw:?}");
        let back = read::page(&house.db, &filter, &At::Before(read::entry(&house.db, 1, first).await.expect("an entry").id)).await.expect("a page");
        assert_eq!(back.entries.iter().map(|e| e.seq).collect::<Vec<_>>(), (first + 1..first + 51).rev().collect::<Vec<_>>());
        let own = EventId::mint(u64::MAX >> 16, None, [0; 10]);
        let mut after = None;
        let mut rows = Vec::new();
        loop {
            let batch = read::batch(&house.db, &filter, after.as_ref(), &own, 40).await.expect("a batch");
            let Some(newest) = batch.last() else { break };
            after = Some(newest.id.clone());
            rows.extend(batch.iter().map(|e| e.seq));
        }
        assert_eq!(rows, (first..=last).collect::<Vec<_>>(), "{raw:?}");
    }
    let wide = Raw { last: "900000".into(), from: "2020-01-01".into(), ..Raw::default() };
    assert!(!Filter::read(&house.db, &wide, "UTC", super::ACTS).await.expect("filters").is_by_place());
    let text =
        format!("explain query plan {}{}1{}3{}{}51", sql::ROWS_BY_PLACE, sql::OF_LOG, sql::FROM_PLACE, sql::ALSO_BY_ACTOR, "'a' order by c.seq desc limit ")
            .leak();
    let plan: Vec<Step> = house.db.query(&*text).all().await.expect("a plan");
    let plan: Vec<String> = plan.into_iter().map(|s| s.detail).collect();
    assert!(plan[0].contains("SEARCH c USING") && plan[0].contains("log=? AND seq>?") && !plan.iter().any(|s| s.contains("TEMP B-TREE")), "{plan:?}");
}

#[tokio::test]
async fn every_statement_is_one_the_database_takes() {
    let house = House::new().await;
    for sql in super::sql::ALL.iter().chain(crate::operate::sql::ALL) {
        house.db.store().prepare(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }
}

#[tokio::test]
async fn the_home_page_reads_what_is_there() {
    use crate::operate::home;
    let house = House::new().await;
    let person = "usr_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id");
    assert!(home::sign_ins(&house.db, &person).await.expect("read").is_empty());
    assert_eq!(home::own(&house.db, &person).await.expect("read").0, 0);
    let limits = crate::policies::Policies::read(None).expect("the built-in policies").throttle.sign_in;
    let people = home::people(&house.db, &limits).await.expect("read");
    assert_eq!((people.active, people.invited, people.locked, people.exported), (0, 0, 0, 0));
    assert_eq!(home::evidence(&house.db, &person).await.expect("read").files, 0);
    assert_eq!(home::messages(&house.db, &person, 0).await.expect("read").unknown, 0);
    assert_eq!(home::officer(&house.db, &person, 0).await.expect("read").denied, 0);
}

#[tokio::test]
async fn pages_meet_without_gap_or_overlap() {
    let house = House::new().await;
    house.acts(120).await;
    let filter = Filter::all(1);
    let page = async |at: At| read::page(&house.db, &filter, &at).await.expect("a page");
    let first = page(At::Newest).await;
    let ends = |p: &read::Page| (p.entries.first().map(|e| e.seq), p.entries.last().map(|e| e.seq), p.newer, p.older);
    assert_eq!(ends(&first), (Some(119), Some(70), false, true));
    let second = page(At::After(first.entries[49].id.clone())).await;
    assert_eq!(ends(&second), (Some(69), Some(20), true, true));
    let last = page(At::After(second.entries[49].id.clone())).await;
    assert_eq!(ends(&last), (Some(19), Some(0), true, false));
    let back = page(At::Before(last.entries[0].id.clone())).await;
    assert_eq!(ends(&back), (Some(69), Some(20), true, true));
    assert_eq!(ends(&page(At::Before(second.entries[0].id.clone())).await), (Some(119), Some(70), false, true));
}

#[tokio::test]
async fn personal_values_open_and_are_absent_once_erased() {
    let house = House::new().await;
    house.act(&stranger("192.0.2.7"), "a").await;
    let entry = read::entry(&house.db, 1, 0).await.expect("an entry");
    let opened = entry.open(&house.db).await.expect("opened");
    assert_eq!((opened.get("net.ip"), opened.get("resource.label"), opened.get("filter")), (Some("192.0.2.7"), Some("label a"), Some("x=1")));
    assert!(!String::from_utf8_lossy(&entry.body).contains("192.0.2.7"));
    house.db.vault().destroy("strangers/2026-11").await.expect("destroyed");
    let opened = entry.open(&house.db).await.expect("opened");
    assert_eq!((opened.get("net.ip"), opened.get("filter")), (None, None));
}

#[tokio::test]
async fn a_new_origin_names_what_was_left_and_verifies_on_its_own() {
    let house = House::new().await;
    house.acts(3).await;
    house.keeper.sign_now().await.expect("signed");
    house.acts(2).await;
    FaultLog::new(house.dir.path()).append(b"{\"a\":1}").expect("appended");
    let digest = house.db.fault_log().digest().expect("a fault log");
    let permit = || house.permit::<NewOrigin>(&Actor::console(), "trail");
    assert!(matches!(new_origin(&house.db, permit(), &house.keeper, &[], "why").await, Err(Error::NoFault)));
    let found = [Disagreement { part: "head", what: "it counts too few".into() }];
    let origin = new_origin(&house.db, permit(), &house.keeper, &found, "the disk was restored").await.expect("a new origin");
    assert_eq!((origin.as_str(), house.db.log()), ("example.org/audit/2", (2, origin.clone())));

    let first = read::entry(&house.db, 2, 0).await.expect("its first entry");
    let body: serde_json::Value = serde_json::from_slice(&first.body).expect("a body");
    let data = &body["data"];
    assert_eq!((body["action"].as_str(), body["log"].as_str()), (Some("trail.new_origin"), Some("example.org/audit/2")));
    assert_eq!((data["last_origin"].as_str(), data["last_checkpoint_size"].as_i64()), (Some("example.org/audit/1"), Some(3)));
    assert_eq!((data["last_head_size"].as_i64(), data["gap"].as_i64(), data["fault_log_sha256"].as_str()), (Some(5), Some(2), Some(digest.as_str())));
    assert!(!house.path("fault.log").exists() && house.path("fault-before-2.log").exists());

    folder(&house.db, &house.path("out")).await.expect("exported");
    assert_eq!(directory(&house.path("out"), &house.vkey()).integrity(), Integrity::Ok);
    assert!(integrity::compare(&house.db, &house.keeper).await.expect("compared").is_empty());
    // The old log can still be read and proved.
    assert_eq!(house.found(&Raw { log: "1".into(), ..Raw::default() }).await, [4, 3, 2, 1, 0]);
    assert!(read::prove(&house.db, 1, 2).await.expect("provable").is_some());
    let _ = house.permit::<Export>(&Actor::console(), "trail");
}
