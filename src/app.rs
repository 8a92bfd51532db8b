//! The only assembler: opens the folder, the keys, the databases and the trail, merges the slices' routes, lays the layers,
//! starts and stops what runs in the background. Imported by the command line and the suite only.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::csrf::CsrfLayer;

use crate::blobs::FolderBlobs;
use crate::config::Config;
use crate::core::clock::Clock;
use crate::core::fault::Fault;
use crate::core::folder::{DataFolder, Lock};
use crate::core::rng::Rng;
use crate::cosign::Cosigner;
use crate::db::checkpoint::Keeper;
use crate::db::faultlog::FaultLog;
use crate::db::integrity::{self, Disagreement};
use crate::db::signer::{SignError, Signer};
use crate::db::{Db, Detail, Process, Sequencer, run_postgres};
use crate::http::assets::Assets;
use crate::http::headers::HeaderPolicy;
use crate::http::limit::Limits;
use crate::http::recently::Recently;
use crate::http::state::{Imports, Shared};
use crate::http::templates::Templates;
use crate::http::texts::Texts;
use crate::http::{App, Routes, assets, shell};
use crate::identity::door::IdentityDoor;
use crate::policies::Policies;
use crate::policy::{Actor, On, Policy};
use crate::signer::{LocalSigner, RemoteSigner};
use crate::stamp::Stamper;
use crate::store::{Schema, Store, StoreError, VersionState};
use crate::vault::{Custody, Hasher, KeyRing, Vault};
use crate::{assess, campaigns, contacts, demo, evidence, identity, inbox, intake, messages, operate, plans, retention, seal, sinks, trail};

/// Why the server did not start: one sentence and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operator must do something first.
    #[error("{0}")]
    Refused(String),
    /// Something inside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

fn refused(error: impl std::fmt::Display) -> StartError {
    StartError::Refused(error.to_string())
}

/// What may be done with a schema that is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrate {
    /// Only an empty database is filled; anything else must be migrated by command.
    IfEmpty,
    /// Bring it up to date.
    Now,
}

/// An opened installation: the shared parts, with the data folder locked.
#[derive(Debug)]
pub struct Installation {
    /// The shared parts.
    pub app: App,
    /// What disagrees in the trail; empty when it is whole.
    pub disagreements: Vec<Disagreement>,
    /// Held as long as this lives.
    _lock: Option<Lock>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Every act of the program.
#[must_use]
pub fn acts() -> Vec<&'static str> {
    [
        identity::ACTS,
        evidence::ACTS,
        assess::ACTS,
        plans::ACTS,
        seal::ACTS,
        crate::webhooks::ACTS,
        contacts::ACTS,
        messages::ACTS,
        campaigns::ACTS,
        inbox::ACTS,
        intake::ACTS,
        trail::ACTS,
        retention::ACTS,
        operate::ACTS,
        demo::ACTS,
        sinks::ACTS,
    ]
    .concat()
}

/// Every route of the server.
#[must_use]
pub fn routes() -> Routes {
    assets::routes()
        .and(operate::web::routes())
        .and(identity::web::routes())
        .and(evidence::web::routes())
        .and(assess::web::routes())
        .and(plans::web::routes())
        .and(seal::web::routes())
        .and(crate::webhooks::web::routes())
        .and(contacts::web::routes())
        .and(intake::web::routes())
        .and(messages::web::routes())
        .and(campaigns::web::routes())
        .and(inbox::web::routes())
        .and(trail::web::routes())
        .and(retention::web::routes())
        .and(demo::routes())
        .and(crate::http::openapi::routes(&crate::openapi::document()))
}

/// The router with all its layers.
pub fn router(app: &App) -> Router {
    routes()
        .into_router()
        .route_layer(axum::middleware::from_fn(shell::note_pattern))
        .layer(CsrfLayer::new())
        .layer(axum::middleware::from_fn_with_state(app.clone(), shell::shell))
        .with_state(app.clone())
}

/// Refuses a newer schema, fills an empty database, and migrates further only when told to.
async fn prepare_schema(store: &Store, migrate: Migrate) -> Result<(), StartError> {
    let failed = |e: StoreError| StartError::Fault(Fault::with("read the schema's version", e));
    let all = Schema::Main.names(store.is_sqlite()).len();
    match store.version_state(Schema::Main).await.map_err(failed)? {
        VersionState::Current => Ok(()),
        VersionState::Newer(version) => Err(refused(format!("the database was migrated by a newer countersign (version {version}); use that program"))),
        VersionState::Behind(n) if n < all && migrate == Migrate::IfEmpty => {
            Err(refused(format!("{n} migrations are pending; make a backup, then run `countersign migrate`")))
        }
        VersionState::Behind(_) => store.migrate(Schema::Main).await.map_err(|e| StartError::Fault(Fault::with("migrate", e))),
    }
}

fn this_process(rng: &Rng) -> Process {
    let node = std::fs::read_to_string("/etc/hostname").ok().map(|n| n.trim().to_owned()).filter(|n| !n.is_empty());
    Process {
        version: env!("CARGO_PKG_VERSION").into(),
        build: option_env!("COUNTERSIGN_BUILD").unwrap_or("dev").into(),
        node: node.unwrap_or_else(|| "local".into()),
        boot: hex::encode(rng.bytes::<8>()),
    }
}

/// Who wraps the key-encryption keys, as the settings say.
#[must_use]
pub fn custody(config: &Config) -> Custody {
    let (unwrap, wrap) = config.key_commands.clone();
    Custody { unwrap, wrap }
}

/// Opens the databases and the trail without serving: what the server and the console share.
///
/// # Errors
/// [`StartError`]: each says what to do.
pub async fn open_db(config: &Config, folder: &DataFolder, clock: &Clock, rng: &Rng, migrate: Migrate) -> Result<(Db, Keeper), StartError> {
    let ring = KeyRing::read_with(&folder.keys(), custody(config)).map_err(refused)?;
    let seed = ring.log_seed();
    let open = async |url: &str| {
        Store::open(url, config.database.connections).await.map_err(|e| match e {
            StoreError::Batch(sentence) => StartError::Refused(sentence),
            other => StartError::Fault(Fault::with("open the database; check `database.url` and that it is reachable", other)),
        })
    };
    let keys = open(config.database.keys_url.expose()).await?;
    let store = open(config.database.url.expose()).await?;
    prepare_schema(&store, migrate).await?;
    let vault = Vault::open(keys, ring, clock.clone(), rng.clone()).await?;
    let db = Db::new(store, vault, clock.clone(), rng.clone(), this_process(rng), FaultLog::new(folder.path()));
    db.ask_witnesses(config.witness.policy.iter().flat_map(|p| p.rules.witnesses().iter().map(crate::cosign::id_of)).collect());
    integrity::open(&db, config.name.as_deref().unwrap_or("countersign")).await?;
    let signer = signer(config, folder, &db, seed.as_deref(), rng).await?;
    let keeper = Keeper::new(db.clone(), signer, folder.checkpoints());
    Ok((db, keeper))
}

/// The signer of the configuration: with a socket the key is not here, and must not be.
async fn signer(config: &Config, folder: &DataFolder, db: &Db, seed: Option<&[u8; 32]>, rng: &Rng) -> Result<Arc<dyn Signer>, StartError> {
    let (log, origin) = db.log();
    let is_empty = db.head(log).await?.is_none_or(|head| head.size == 0);
    let signer: Arc<dyn Signer> = match (&config.signer.socket, seed) {
        (Some(socket), None) => Arc::new(RemoteSigner::open(socket, &folder.signer(), is_empty).await.map_err(chained)?),
        (Some(_), Some(_)) => {
            let path = folder.keys().join("log");
            return Err(StartError::Refused(format!(
                "`signer.socket` is set, and the log's key still lies in `{}`; run `countersign signer adopt`",
                path.display()
            )));
        }
        (None, Some(seed)) => Arc::new(LocalSigner::new(seed, &folder.signer(), rng)),
        (None, None) => {
            let path = folder.keys().join("log");
            return Err(StartError::Refused(format!(
                "`{}` is missing; set `signer.socket` when a signer has it, or put the key back from its recovery copy",
                path.display()
            )));
        }
    };
    if is_empty {
        signer.begin(&origin).await.map_err(chained)?;
    }
    Ok(signer)
}

fn chained(error: SignError) -> StartError {
    StartError::Refused(crate::core::fault::chain_of(&error))
}

impl Installation {
    /// Opens everything. With `lock`, holds the data folder's lock.
    ///
    /// # Errors
    /// [`StartError`]: each says what to do.
    pub async fn open(config: Config, folder: &DataFolder, clock: Clock, rng: Rng, migrate: Migrate, lock: bool) -> Result<Self, StartError> {
        let lock = if lock { Some(folder.lock().map_err(refused)?) } else { None };
        let policies = Policies::read(config.policies.as_deref()).map_err(refused)?;
        let policy = Policy::parse(&policies.texts["access"], &acts()).map_err(refused)?;
        let headers = HeaderPolicy::parse(&policies.texts["headers"], config.is_https()).map_err(refused)?;
        let (db, keeper) = open_db(&config, folder, &clock, &rng, migrate).await?;
        let disagreements = integrity::compare(&db, &keeper).await?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (log, _) = db.log();
        if log > 1 && db.head(log).await?.is_some_and(|h| h.size == 0) {
            return Err(refused("a new origin was begun and not finished; run `countersign audit new-origin` again"));
        }
        if disagreements.is_empty() {
            integrity::catch_up(&db, &keeper).await?;
            db.clear_doubt().await?;
            db.look_at_clock().await?;
            start_sequencer(&db, &stop, &tasks).await?;
        } else {
            for disagreement in &disagreements {
                db.latch_fault(disagreement.part);
                tracing::error!(%disagreement, "the audit trail is in doubt");
            }
        }
        let hasher = Hasher::new(db.vault().clone(), config.limits.argon2_parallel)?;
        let cosigner = Cosigner::new(&db, &config.witness)?;
        let stamper = Stamper::new(&db, &config.timestamp, cosigner.as_ref())?;
        let app = App(Arc::new(Shared {
            policy,
            headers,
            templates: Templates::new(Arc::new(Texts::english())),
            assets: Assets::new(),
            blobs: Arc::new(FolderBlobs::new(&folder.blobs(), &folder.blobs_tmp(), rng)),
            hasher,
            keeper,
            cosigner,
            stamper,
            limits: Limits::new(&policies.throttle.requests),
            door: Arc::new(IdentityDoor::default()),
            recently: Recently::default(),
            work: Arc::new(tokio::sync::Notify::new()),
            imports: Imports::default(),
            ready: AtomicBool::new(false),
            demo: folder.is_demo(),
            policies,
            config,
            db,
        }));
        Ok(Self { app, disagreements, _lock: lock, stop, tasks })
    }

    /// Records the start with the hash of the policies, and starts what runs beside the requests.
    ///
    /// # Errors
    /// When the entry cannot be written.
    pub async fn start(&self) -> Result<(), StartError> {
        let app = &self.app;
        crate::jobs::look_at_room(app);
        sinks::ready(&app.config.stream).map_err(|fault| StartError::Refused(fault.chain()))?;
        if !app.db.in_fault() {
            let permit = app.policy.permit::<operate::Start>(&Actor::system(), &On::any("server")).map_err(refused)?;
            let left = integrity::link_left(&app.db).await?;
            let detail = Detail::ok().with("policies_sha256", app.policies.hash()).with("version", app.db.process().version.as_str());
            let beside = app.db.fault_log().digest();
            let detail = match &beside {
                Some(digest) => detail.with("fault_log_sha256", digest.as_str()).with("linked", left),
                None => detail,
            };
            app.db.record(permit, detail).await.map_err(|e| Fault::with("record the start", e))?;
            app.db.fault_log().retire(&format!("until-{}", app.db.clock().now()))?;
            crate::jobs::begin_epoch(app).await;
        }
        if !app.db.in_doubt() {
            sinks::configure(&app.db, &app.policy, &app.config.stream).await?;
            messages::worker::settle_interrupted(&app.db, &app.policy).await.map_err(|e| Fault::with("settle interrupted messages", e))?;
        }
        self.tasks.spawn(app.keeper.clone().run(self.stop.clone()));
        if let Some(cosigner) = &app.cosigner {
            cosigner.look().await?;
            self.tasks.spawn(cosigner.clone().run(self.stop.clone()));
        }
        if let Some(stamper) = &app.stamper {
            stamper.look().await?;
            self.tasks.spawn(stamper.clone().run(self.stop.clone()));
        }
        // Before anybody is served: what an old copy of the keys brought back is gone again.
        let found = retention::erase::finish(&app.db, true).await?;
        if !app.db.in_fault() {
            intake::end::bury(&app.db).await?;
        }
        self.tasks.spawn(crate::jobs::run(app.clone(), found.back, self.stop.clone()));
        self.tasks.spawn(messages::worker::run(app.db.clone(), app.clone(), &campaigns::warden::OfCampaigns, self.stop.clone()));
        self.tasks.spawn(messages::reconcile::run(app.clone(), self.stop.clone()));
        self.tasks.spawn(messages::media::run(app.clone(), self.stop.clone()));
        self.tasks.spawn(crate::webhooks::deliver::run(app.clone(), &messages::told::Told, self.stop.clone()));
        self.tasks.spawn(messages::phone::run(app.clone(), self.stop.clone()));
        self.tasks.spawn(campaigns::engine::run(app.clone(), self.stop.clone()));
        self.tasks.spawn(contacts::import::load::run(app.clone(), self.stop.clone()));
        app.ready.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// A token that is cancelled when the installation stops.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Stops the background work, signs a last checkpoint and closes the databases.
    pub async fn close(self) {
        self.app.ready.store(false, Ordering::SeqCst);
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(std::time::Duration::from_secs(10), self.tasks.wait()).await.is_err() {
            tracing::warn!("background work did not end within ten seconds");
        }
        if let Err(error) = self.app.keeper.sign_now().await {
            tracing::error!(error = %error, "the last checkpoint was not signed");
        }
        self.app.db.store().close().await;
        self.app.db.vault().store().close().await;
    }
}

async fn start_sequencer(db: &Db, stop: &CancellationToken, tasks: &TaskTracker) -> Result<(), StartError> {
    match db.store() {
        Store::Sqlite { writer, .. } => writer.set_sequence(Box::new(Sequencer::open(db).await?)).await,
        Store::Postgres { .. } => {
            tasks.spawn(run_postgres(db.clone(), stop.clone()));
            tasks.spawn(db.clone().watch_doubt(stop.clone()));
        }
    }
    Ok(())
}

/// Opens an existing data folder, refusing with a sentence.
///
/// # Errors
/// [`StartError::Refused`].
pub fn open_folder(path: &Path, create: bool) -> Result<DataFolder, StartError> {
    DataFolder::open(path, create).map_err(refused)
}

/// Every statement of the program that runs on both databases, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<&'static str> {
    [
        crate::db::EVENT_SQL,
        crate::db::SEQUENCE_SQL,
        crate::db::tiles::SQL,
        crate::db::checkpoint::SQL,
        crate::db::epoch::SQL,
        crate::db::cosignature::SQL,
        crate::db::token::SQL,
        crate::db::wall::SQL,
        integrity::SQL,
        crate::db::doubt::SQL,
        crate::db::rows::SQL,
        crate::db::keep::SQL,
        crate::db::sealed::SQL,
        crate::notices::ALL,
        crate::repeat::ALL,
        sinks::ALL,
        identity::sql::ALL,
        evidence::sql::ALL,
        assess::sql::ALL,
        assess::bring::sql::ALL,
        plans::sql::ALL,
        seal::sql::ALL,
        crate::webhooks::sql::ALL,
        contacts::sql::ALL,
        intake::sql::ALL,
        messages::sql::ALL,
        campaigns::sql::ALL,
        inbox::sql::ALL,
        trail::sql::ALL,
        retention::sql::ALL,
        operate::sql::ALL,
        demo::ALL,
        crate::orphans::ALL,
    ]
    .concat()
}

/// Goes on under a new origin after an integrity fault. The server must be stopped: the lock is taken.
///
/// # Errors
/// When the trail is whole, or the new origin cannot be made.
pub async fn new_origin(config: &Config, folder: &DataFolder, reason: &str) -> Result<String, StartError> {
    let _lock = folder.lock().map_err(refused)?;
    let policies = Policies::read(config.policies.as_deref()).map_err(refused)?;
    let policy = Policy::parse(&policies.texts["access"], &acts()).map_err(refused)?;
    let (db, keeper) = open_db(config, folder, &Clock::system(), &Rng::system(), Migrate::IfEmpty).await?;
    let found = integrity::compare(&db, &keeper).await?;
    let permit = policy.permit::<trail::NewOrigin>(&Actor::console(), &On::any("trail")).map_err(refused)?;
    let made = trail::origin::new_origin(&db, permit, &keeper, &found, reason).await.map_err(refused)?;
    db.store().close().await;
    db.vault().store().close().await;
    Ok(made)
}
