//! A fresh installation per test: own data folder, own database, a clock that stands still.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use countersign::app::{Installation, Migrate, router};
use countersign::config::{Config, Inputs};
use countersign::core::clock::{Clock, SECOND};
use countersign::core::folder::DataFolder;
use countersign::core::rng::Rng;
use countersign::db::{integrity, rows};
use countersign::http::App;
use countersign::policy::Role;
use countersign::vault::KeyRing;
use tower::ServiceExt as _;

use super::{Reply, TestPerson};

/// 2026-01-15T12:00:00Z.
pub const NOON: i64 = 1_768_478_400 * SECOND;
/// Everybody's password in tests.
pub const PASSWORD: &str = "Correct-horse 7 battery staple";

/// An installation under test.
pub struct TestApp {
    /// The shared parts.
    pub app: App,
    /// The router with all layers.
    pub router: Router,
    /// The installation.
    pub installation: Option<Installation>,
    /// Where it lies.
    pub folder: tempfile::TempDir,
    /// The clock.
    pub clock: Clock,
    databases: Vec<String>,
    flags: Vec<(String, String)>,
}

/// Is this run on PostgreSQL?
pub fn on_postgres() -> bool {
    std::env::vars().any(|(k, v)| k == "TEST_DATABASE" && v == "postgres")
}

fn postgres_url() -> String {
    std::env::vars().find(|(k, _)| k == "TEST_POSTGRES_URL").map(|(_, v)| v).expect("TEST_POSTGRES_URL names the test server")
}

/// Runs `test` on a fresh installation and verifies the chain afterwards.
pub async fn check(test: impl AsyncFnOnce(&TestApp)) {
    check_with(&[], test).await;
}

/// The same with settings.
pub async fn check_with(flags: &[(&str, &str)], test: impl AsyncFnOnce(&TestApp)) {
    let app = TestApp::new(flags).await;
    test(&app).await;
    app.finish().await;
}

impl TestApp {
    /// A fresh installation, started.
    pub async fn new(flags: &[(&str, &str)]) -> Self {
        Self::new_in(&std::env::temp_dir(), flags).await
    }

    /// The same below a folder.
    pub async fn new_in(parent: &Path, flags: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir_in(parent).expect("a temporary folder");
        let mut databases = Vec::new();
        let mut all: Vec<(String, String)> = [
            ("data", folder.path().join("data").display().to_string()),
            ("public_url", "http://127.0.0.1:8080".into()),
            ("name", "test.example".into()),
            ("default_region", "US".into()),
            // Whoever wants it says so: tests count entries and move the clock.
            ("trail.heartbeat_secs", "0".into()),
            ("signer.epoch_entries", "0".into()),
            ("sandbox.enabled", "true".into()),
            ("sandbox.delay_ms", "0".into()),
            ("sandbox.failure_percent", "0".into()),
        ]
        .map(|(k, v)| (k.to_owned(), v))
        .to_vec();
        if on_postgres() {
            for key in ["database.url", "database.keys_url"] {
                let (name, url) = new_postgres_database().await;
                databases.push(name);
                all.push((key.to_owned(), url));
            }
        }
        for (key, value) in flags {
            all.retain(|(k, _)| k != key);
            all.push(((*key).to_owned(), (*value).to_owned()));
        }
        let data = DataFolder::open(&folder.path().join("data"), true).expect("a data folder");
        // A signer of its own has the log's key.
        let signs = all.iter().all(|(key, _)| key != "signer.socket");
        KeyRing::generate_with(&data.keys(), &Rng::system(), signs).expect("keys");
        let clock = Clock::fixed(NOON);
        let mut app = Self::open(folder, all, clock).await;
        app.databases = databases;
        app
    }

    async fn open(folder: tempfile::TempDir, flags: Vec<(String, String)>, clock: Clock) -> Self {
        let config = Config::load(&Inputs { flags: flags.clone(), serving: true, ..Inputs::default() }).expect("a sound configuration");
        let data = DataFolder::open(&config.data, false).expect("the data folder");
        let installation = Installation::open(config, &data, clock.clone(), Rng::system(), Migrate::IfEmpty, true).await.expect("opens");
        installation.start().await.expect("starts");
        let app = installation.app.clone();
        Self { router: router(&app), app, installation: Some(installation), folder, clock, databases: Vec::new(), flags }
    }

    /// Another node on the same databases, with the same keys and a folder of its own; only where there can be one.
    pub async fn node(&self) -> Self {
        assert!(on_postgres(), "an embedded database has one node");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = DataFolder::open(&folder.path().join("data"), true).expect("a data folder");
        for entry in std::fs::read_dir(self.data().join("keys")).expect("keys").filter_map(Result::ok) {
            std::fs::copy(entry.path(), data.keys().join(entry.file_name())).expect("copies");
        }
        // A signer without its memory is a doubt: a node that joins is given the memory of the one that signs.
        self.sign().await;
        copy_folder(&self.data().join("signer"), &data.path().join("signer"));
        let mut flags = self.flags.clone();
        flags.retain(|(key, _)| key != "data");
        flags.push(("data".into(), data.path().display().to_string()));
        drop(data);
        Self::open(folder, flags, self.clock.clone()).await
    }

    /// Stops, and starts again on what lies there.
    pub async fn restart(mut self) -> Self {
        self.installation.take().expect("open").close().await;
        self.restart_closed().await
    }

    /// Starts again on what lies there, after the installation was closed.
    pub async fn restart_closed(self) -> Self {
        let mut again = Self::open(self.folder, self.flags, self.clock).await;
        again.databases = self.databases;
        again
    }

    /// Stops, takes over a new origin as the console does, and starts again.
    pub async fn new_origin(mut self) -> Self {
        self.installation.take().expect("open").close().await;
        self.new_origin_closed().await
    }

    /// The same after the installation was closed.
    pub async fn new_origin_closed(self) -> Self {
        let config = self.app.config.clone();
        let data = DataFolder::open(&config.data, false).expect("the data folder");
        countersign::app::new_origin(&config, &data, "a test").await.expect("a new origin");
        // The console went by the machine's clock; one that stood before it would stop what is new.
        self.clock.advance(Clock::system().now() - self.clock.now());
        let mut again = Self::open(self.folder, self.flags, self.clock).await;
        again.databases = self.databases;
        again
    }

    /// The same with other settings.
    pub async fn restart_with(mut self, flags: &[(&str, &str)]) -> Self {
        for (key, value) in flags {
            self.flags.retain(|(k, _)| k != key);
            self.flags.push(((*key).to_owned(), (*value).to_owned()));
        }
        self.restart().await
    }

    /// Sends a request as it is.
    pub async fn send(&self, mut request: Request<Body>) -> Reply {
        if request.extensions().get::<ConnectInfo<std::net::SocketAddr>>().is_none() {
            request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 40_000))));
        }
        Reply::of(self.router.clone().oneshot(request).await.expect("the router always answers")).await
    }

    /// A GET without any cookie.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    /// Somebody not signed in, with a browser's cookie jar.
    pub fn stranger(&self) -> TestPerson<'_> {
        TestPerson::stranger(self)
    }

    /// A person with these roles, signed in with password and code.
    pub async fn person(&self, roles: &[Role]) -> TestPerson<'_> {
        TestPerson::signed_in(self, roles).await
    }

    /// Moves the clock.
    pub fn advance(&self, secs: i64) {
        self.clock.advance(secs * SECOND);
    }

    /// Has everything so far linked and signed.
    pub async fn sign(&self) {
        self.app.db.settle().await.expect("everything is sequenced");
        self.app.keeper.sign_now().await.expect("signs");
    }

    /// Waits until every message has its result: the sandbox's answers come by themselves.
    pub async fn messages_ended(&self) {
        for _ in 0..400 {
            let open: i64 = self.app.db.query("select count(*) from message where state in ('queued', 'sending')").scalar().await.expect("reads");
            if open == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("messages stay open");
    }

    /// The actions in the trail, oldest first, as `action outcome`.
    pub async fn db_actions(&self) -> Vec<String> {
        self.app.db.settle().await.expect("everything is sequenced");
        let rows: Vec<(String, String)> = self
            .app
            .db
            .query("select e.action, e.outcome from audit_chain c join audit_event e on e.id = c.event_id order by c.log, c.seq limit 10000")
            .all()
            .await
            .expect("reads");
        rows.into_iter().map(|(a, o)| format!("{a} {o}")).collect()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Verifies the chain and takes everything down.
    pub async fn finish(mut self) {
        if !self.app.db.in_fault() {
            self.app.db.settle().await.expect("everything is sequenced");
            self.app.keeper.sign_now().await.expect("the head can be signed");
            let (_, bad) = integrity::walk(&self.app.db).await.expect("the chain can be read");
            assert_eq!(bad, None, "the chain must verify at the end of every test");
            let found = integrity::compare(&self.app.db, &self.app.keeper).await.expect("the parts can be compared");
            assert_eq!(found, [], "the parts of the trail must agree at the end of every test");
            assert_eq!(rows::unnamed(&self.app.db).await.expect("reads"), None, "every guarded row is named by the entry that changed it last");
        }
        if let Some(installation) = self.installation.take() {
            installation.close().await;
        }
        for name in &self.databases {
            drop_postgres_database(name).await;
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").filter_map(Result::ok) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_folder(&path, &to);
        } else {
            std::fs::copy(&path, &to).expect("copies");
        }
    }
}

async fn postgres() -> sqlx::PgConnection {
    use sqlx::Connection as _;
    sqlx::PgConnection::connect(&postgres_url()).await.expect("the test server answers")
}

pub async fn new_postgres_database() -> (String, String) {
    static BASE: OnceLock<String> = OnceLock::new();
    let base = BASE.get_or_init(postgres_url);
    let name = format!("t_{}", hex::encode(Rng::system().bytes::<8>()));
    sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&mut postgres().await).await.expect("creates");
    let (server, _) = base.rsplit_once('/').expect("the URL ends with a database");
    (name.clone(), format!("{server}/{name}"))
}

pub async fn drop_postgres_database(name: &str) {
    let _ = sqlx::query(sqlx::AssertSqlSafe(format!("drop database if exists {name} with (force)"))).execute(&mut postgres().await).await;
}
