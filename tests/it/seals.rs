//! Seals through the router, and what an assessor holds in the end: an archive that is checked without the server, that every
//! change of shows in, and that stays what it is while the assessment goes on.

mod affirm;
mod documents;
mod offline;
mod trend;
mod views;

use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::assess::{Assess, part, system};
use countersign::blobs::{Blobs, Incoming, Opened};
use countersign::catalog::Catalog;
use countersign::core::clock::DAY;
use countersign::core::fault::Fault;
use countersign::evidence;
use countersign::http::App;
use countersign::policy::{Actor, On, Role};
use countersign::seal::{self, Sealing};
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::assess::begin;
use crate::support::{Reply, TestApp, TestPerson, check};

/// An assessment that rests on three files, one of them for two objectives, one with a name beyond ASCII; gives its page and
/// the ids of the files.
pub async fn assessed(person: &TestPerson<'_>) -> (String, Vec<String>) {
    let desk = begin(person).await;
    let mut files = Vec::new();
    for (name, objectives) in [("board.txt", vec!["3.4.4"]), ("Prüfung [b] €.txt", vec!["3.1.1%5Ba%5D", "3.1.1%5Bb%5D"]), ("board.TXT", vec!["3.4.4"])] {
        let up = person.upload(name, "text/plain", name.as_bytes()).await.expect(303);
        let id = up.location().trim_start_matches("/evidence/").to_owned();
        for objective in objectives {
            link(person, &format!("{desk}/objectives/{objective}"), &id).await.expect(303);
        }
        files.push(id);
    }
    (desk, files)
}

pub async fn link(person: &TestPerson<'_>, page: &str, evidence: &str) -> Reply {
    person.post(&format!("{page}/link"), &[("evidence", evidence), ("method", "examine")]).await
}

/// Seals an assessment as of the day of the tests; gives the seal's page.
pub async fn sealed(officer: &TestPerson<'_>, desk: &str) -> String {
    officer.post(&format!("{desk}/seal"), &[("status_date", "2026-01-15")]).await.expect(303).location().to_owned()
}

/// The archive of a seal, unpacked by a program that is not ours; gives the folder in it.
pub async fn unpacked(person: &TestPerson<'_>, page: &str, to: &Path) -> PathBuf {
    let reply = person.get(&format!("{page}/archive")).await.expect(200);
    assert_eq!(reply.header("content-type"), "application/zip");
    let zip = to.join("seal.zip");
    std::fs::write(&zip, &reply.bytes).expect("written");
    let out = Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&zip).arg(to).output().expect("python3 runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut folders = std::fs::read_dir(to).expect("a folder").filter_map(Result::ok).map(|e| e.path()).filter(|p| p.is_dir());
    folders.next().expect("a folder in the archive")
}

async fn newest(app: &TestApp, action: &str) -> Value {
    app.app.db.settle().await.expect("settles");
    let sql = "select body from audit_event where action = $1 order by id desc limit 1";
    let body: Vec<u8> = app.app.db.query(sql).bind(action).scalar().await.expect("is there");
    serde_json::from_slice(&body).expect("JSON")
}

#[tokio::test]
async fn an_assessment_is_sealed_and_shown() {
    check(async |app| {
        let (person, officer) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let (desk, _) = assessed(&person).await;
        let id = desk.trim_start_matches("/assess/").to_owned();
        person.get(&format!("/seals?of={id}")).await.expect(200).says("Nothing sealed").lacks("Seal this assessment");
        person.post(&format!("{desk}/seal"), &[("status_date", "2026-01-15")]).await.expect(403);
        officer.get(&format!("/seals?of={id}")).await.expect(200).says("Seal this assessment");
        officer.get(&format!("{desk}/seal")).await.expect(200).says("value=\"2026-01-15\"");
        for wrong in ["2026-01-16", "2025-01-13", "soon", ""] {
            officer.post(&format!("{desk}/seal"), &[("status_date", wrong)]).await.expect(422).says(&format!("value=\"{wrong}\""));
        }
        let page = sealed(&officer, &desk).await;
        let shown = officer.get(&page).await.expect(200).says("cannot be deleted until 2032-01-15 is over");
        let shown = shown.says("artifacts/CM-3.04.04-board.txt").says("artifacts/CM-3.04.04-board-2.txt").says("artifacts/AC-3.01.01.a-Pr_fung_b.txt");
        let entry = newest(app, "assessment.seal").await;
        let data = &entry["data"];
        assert_eq!(entry["resource"]["id"], page.trim_start_matches("/seals/"));
        assert_eq!((&data["assessment"], &data["files"], &data["verified"]), (&id.as_str().into(), &3.into(), &"none".into()));
        assert_eq!((&data["status_date"], &data["retain_until"]), (&"2026-01-15".into(), &"2032-01-15".into()));
        assert!(shown.text().contains(data["digest"].as_str().expect("a digest")));
        assert!(shown.text().contains(&data["artifacts_log"].as_str().expect("a digest").to_ascii_uppercase()));
        person.get(&page).await.expect(200).lacks("/views");
        person.get("/seals").await.expect(200).says(&page);
        officer.get("/seals/sel_0192f0c1a2b37c4d8e5f60718293a4b5").await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn an_assessment_that_rests_on_no_file_is_not_sealed() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance]).await;
        let desk = begin(&officer).await;
        officer.post(&format!("{desk}/seal"), &[("status_date", "2026-01-15")]).await.expect(422).says("rests on no file");
        app.advance(app.app.policy.fresh_secs());
        let to = officer.get(&format!("{desk}/seal")).await.expect(303).location().to_owned();
        assert!(to.starts_with("/fresh?next="), "{to}");
        assert!(officer.post(&format!("{desk}/seal"), &[("status_date", "2026-01-15")]).await.expect(303).location().starts_with("/fresh"));
    })
    .await;
}

#[tokio::test]
async fn what_a_seal_names_is_kept_until_its_date() {
    check(async |app| {
        let (person, officer) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let (desk, files) = assessed(&person).await;
        let page = sealed(&officer, &desk).await;
        let seal = page.trim_start_matches("/seals/");
        let delete = format!("/evidence/{}/delete", files[0]);
        person.get(&delete).await.expect(409).says(seal).says("2032-01-16");
        person.post(&delete, &[("reason", "superseded")]).await.expect(409).says(seal).says("2032-01-16");
        // Past the page: the statement itself refuses.
        let id = files[0].parse().expect("an id");
        let item = evidence::by_id(&app.app.db, &id).await.expect("reads").expect("there");
        let actor = actor_of(&person, Role::Contributor);
        let permit = app.app.policy.permit::<evidence::Delete>(&actor, &item).expect("may");
        let refused = evidence::delete(&app.app.db, permit, &item, "superseded").await.expect_err("sealed");
        assert!(matches!(&refused, evidence::Error::Sealed(by) if by.seal_id.as_str() == seal), "{refused}");
        // Neither the last day nor the sweep before it.
        app.clock.advance(6 * 365 * DAY + DAY);
        person.open_session().await;
        person.post(&delete, &[("reason", "superseded")]).await.expect(409);
        app.clock.advance(DAY);
        person.open_session().await;
        person.post(&delete, &[("reason", "superseded")]).await.expect(303);
    })
    .await;
}

fn actor_of(person: &TestPerson<'_>, role: Role) -> Actor {
    use countersign::core::id::SessionId;
    use countersign::policy::{Auth, Origin, Who};
    let (db, id) = (&person.app.app.db, person.id.clone().expect("a person"));
    let who = Who::Person { id, name: person.username.clone(), auth: Auth::Session(SessionId::new(db.clock(), db.rng())) };
    Actor { who, roles: vec![role], scopes: None, fresh: true, origin: Origin::default() }
}

/// Puts back the time at which a file was stored, by two hours.
fn age(app: &TestApp, sha256: &str) {
    let path = app.data().join("blobs").join(&sha256[..2]).join(sha256);
    let file = std::fs::File::options().write(true).open(path).expect("the file");
    let stored = file.metadata().and_then(|m| m.modified()).expect("its time");
    file.set_modified(stored - std::time::Duration::from_secs(2 * 3600)).expect("its time");
}

#[tokio::test]
async fn the_sweep_spares_what_a_seal_names() {
    check(async |app| {
        let (person, officer) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let (desk, files) = assessed(&person).await;
        let loose = person.upload("loose.txt", "text/plain", b"loose").await.expect(303).location().to_owned();
        let page = sealed(&officer, &desk).await;
        person.post(&format!("{loose}/delete"), &[("reason", "superseded")]).await.expect(303);
        let sum = async |id: &str| evidence::by_id(&app.app.db, &id.parse().expect("an id")).await.expect("reads").expect("there").sha256;
        let (kept, gone) = (sum(&files[0]).await, sum(loose.trim_start_matches("/evidence/")).await);
        // A hand in the database that marks the item as deleted, under an entry of its own.
        let mut work = app.app.db.store().begin().await.expect("begins");
        let sql = "update evidence set deleted_at = 1, last_audit_id = (select id from audit_event order by id desc limit 1) where id = $1";
        work.query(sql).bind(files[0].as_str()).execute().await.expect("runs");
        work.commit(None).await.expect("commits");
        age(app, &kept);
        age(app, &gone);
        assert_eq!(evidence::sweep(&app.app.db, &*app.app.blobs, 1).await.expect("sweeps"), 1);
        assert!(app.app.blobs.open(&kept).await.expect("looks").is_some());
        assert!(app.app.blobs.open(&gone).await.expect("looks").is_none());
        officer.get(&format!("{page}/archive")).await.expect(200);
        let entry: String = app
            .app
            .db
            .query("select id from audit_event where action = 'evidence.upload' and object_id = $1 limit 1")
            .bind(files[0].as_str())
            .scalar()
            .await
            .expect("its entry");
        let mut work = app.app.db.store().begin().await.expect("begins");
        work.query("update evidence set deleted_at = null, last_audit_id = $2 where id = $1")
            .bind(files[0].as_str())
            .bind(entry)
            .execute()
            .await
            .expect("runs");
        work.commit(None).await.expect("commits");
    })
    .await;
}

#[tokio::test]
async fn an_altered_file_breaks_the_archive_off_and_is_an_entry() {
    check(async |app| {
        let (person, officer) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let (desk, files) = assessed(&person).await;
        let page = sealed(&officer, &desk).await;
        let sum = evidence::by_id(&app.app.db, &files[0].parse().expect("an id")).await.expect("reads").expect("there").sha256;
        let path = app.data().join("blobs").join(&sum[..2]).join(&sum);
        std::fs::write(&path, b"BOARD.txt").expect("altered");
        assert!(officer.get(&format!("{page}/archive")).await.broken, "it has no end");
        let entry = newest(app, "seal.download").await;
        assert_eq!((&entry["outcome"], &entry["reason"]), (&"error".into(), &"hash_mismatch".into()));
        assert_eq!(entry["data"]["sha256"], sum);
        std::fs::remove_file(&path).expect("gone");
        assert!(officer.get(&format!("{page}/archive")).await.broken);
        // What is damaged is not sealed anew.
        officer.post(&format!("{desk}/seal"), &[("status_date", "2026-01-15")]).await.expect(422).says(&files[0]);
        std::fs::write(&path, b"board.txt").expect("restored");
        officer.get(&format!("{page}/archive")).await.expect(200);
    })
    .await;
}

/// The store of the server, which does something the first time a file of it is looked at.
#[derive(Debug)]
struct Meddling {
    app: App,
    done: std::sync::atomic::AtomicBool,
    actor: Actor,
    assessment: countersign::core::id::AssessmentId,
}

impl Blobs for Meddling {
    fn receive(&self) -> BoxFuture<'_, Result<Incoming, Fault>> {
        self.app.blobs.receive()
    }
    fn open<'a>(&'a self, sha256: &'a str) -> BoxFuture<'a, Result<Option<Opened>, Fault>> {
        Box::pin(async move {
            if !self.done.swap(true, std::sync::atomic::Ordering::SeqCst) {
                let on = part("objective", &self.assessment, "3.4.4");
                let permit = self.app.policy.permit::<Assess>(&self.actor, &on).expect("may");
                let edit = countersign::assess::state::Edit { notes: "meanwhile".into(), ..Default::default() };
                let person = self.actor.person().expect("a person");
                countersign::assess::state::assess(&self.app.db, permit, person, (&self.assessment, "3.4.4"), 0, None, edit).await.expect("assesses");
            }
            self.app.blobs.open(sha256).await
        })
    }
    fn remove<'a>(&'a self, sha256: &'a str) -> BoxFuture<'a, Result<(), Fault>> {
        self.app.blobs.remove(sha256)
    }
    fn older_than(&self, secs: u64, after: &str, most: usize) -> BoxFuture<'_, Result<Vec<String>, Fault>> {
        self.app.blobs.older_than(secs, after, most)
    }
}

#[tokio::test]
async fn an_assessment_that_changes_while_it_is_read_is_not_sealed() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance, Role::Contributor]).await;
        let (desk, _) = assessed(&officer).await;
        let id: countersign::core::id::AssessmentId = desk.trim_start_matches("/assess/").parse().expect("an id");
        let assessment = system::assessment(&app.app.db, &id).await.expect("reads").expect("there");
        let actor = actor_of(&officer, Role::Compliance);
        let blobs = Meddling { app: app.app.clone(), done: false.into(), actor: actor.clone(), assessment: id };
        let day = jiff::civil::date(2026, 1, 15);
        let seal = async || {
            let permit = app.app.policy.permit(&actor, &On::any("seal")).expect("may");
            let person = actor.person().expect("a person");
            let new = Sealing { app: &app.app, person, assessment: &assessment, catalog: Catalog::r2(), status_date: day, today: day };
            seal::make(&app.app.db, &blobs, permit, new, None).await
        };
        assert!(matches!(seal().await, Err(seal::Error::Changed)));
        assert_eq!(seal::list(&app.app.db, None).await.expect("reads").len(), 0);
        seal().await.expect("nobody works on it now");
    })
    .await;
}

#[tokio::test]
async fn the_api_seals_once_for_one_key() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance, Role::Contributor]).await;
        let (desk, _) = assessed(&officer).await;
        let path = format!("/api/v1/assessments/{}/seals", desk.trim_start_matches("/assess/"));
        let scopes = ["assessment.seal", "seal.read", "seal.download"];
        let token = officer.token(&[Role::Compliance], &scopes).await;
        let body = serde_json::json!({ "status_date": "2026-01-10" });
        let key = [("idempotency-key", "k-1")];
        let made = token.post_with(&path, &body, &key).await.expect(201).json()["id"].as_str().expect("an id").to_owned();
        let again = token.post_with(&path, &body, &key).await.expect(201);
        assert_eq!((again.json()["id"].as_str(), again.header("idempotency-replayed")), (Some(made.as_str()), "true"));
        token.post(&path, &serde_json::json!({ "status_date": "2026-02-30" })).await.expect(422);
        let one = token.get(&format!("/api/v1/seals/{made}")).await.expect(200).json();
        assert_eq!((&one["status_date"], &one["retain_until"], &one["files"]), (&"2026-01-10".into(), &"2032-01-10".into(), &3.into()));
        assert_eq!(token.get("/api/v1/seals").await.expect(200).json().as_array().map(Vec::len), Some(1));
        token.get(&format!("/api/v1/seals/{made}/archive")).await.expect(200);
    })
    .await;
}
